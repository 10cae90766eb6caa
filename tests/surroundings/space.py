"""A file system that somebody else has filled: a clean NoSpace, nothing half-made, and it works again when there is space."""

import os
from pathlib import Path

import byname
from common import Child, in_mounts_of_its_own, say


def fill(path):
    """Takes what space there is, to the last byte."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass


def full():
    """In a child with the small file system: what byname says while it is full, and afterwards."""
    ballast = Path(os.environ["BYNAME_DIR"]) / "ballast"
    fill(ballast)
    for _ in range(3):
        try:
            byname.Mutex("m")
        except byname.NoSpaceError:
            continue
        raise AssertionError("a mutex was made without space")
    left = sorted(entry.name for entry in ballast.parent.iterdir())
    say("clean" if left == ["ballast"] else left)
    ballast.unlink()
    try:
        with byname.Mutex("m"):
            say("works")
    except byname.NoSpaceError:
        say("too small")  # 64 KiB are not enough for any namespace


def full_under_use():
    """Space ends while objects are being made: those that were made go on working, the next can be made when there is space."""
    ballast = Path(os.environ["BYNAME_DIR"]) / "ballast"
    kept = [byname.Semaphore("first", 0, 1 << 20)]
    fill(ballast)
    failed = 0
    for number in range(4000):
        try:
            kept.append(byname.Semaphore(f"s{number}", 0, 9))
        except byname.NoSpaceError:
            failed += 1
            try:
                byname.Semaphore.open(f"s{number}")
            except byname.NotFoundError:
                continue
            raise AssertionError(f"s{number} is half made")
    assert failed, "space never ended"
    for made in kept:
        made.release()
        assert made.acquire(timeout=0)
    ballast.unlink()
    for number in range(4000):
        kept.append(byname.Semaphore(f"s{number}", 0, 9))
    say(f"works {failed}")


def ended_well(child: Child) -> None:
    status = child.wait()
    assert status == 0, f"it ended with {status}"


def test_full_64_kib():
    child = in_mounts_of_its_own(full, "64k")
    child.expect("clean")
    child.expect("works", "too small")
    ended_well(child)


def test_full_64_mib():
    child = in_mounts_of_its_own(full, "64m")
    child.expect("clean")
    child.expect("works")
    ended_well(child)


def test_full_under_use():
    child = in_mounts_of_its_own(full_under_use, "64m")
    said = child.line()
    assert said.startswith("works"), said
    ended_well(child)
    print(f"{said.split()[1]} refusals")
