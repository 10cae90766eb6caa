"""What a control group does to its processes: it freezes them, or kills them for want of memory."""

import contextlib
import os
import signal
from pathlib import Path

import byname
from common import Child, Skip, say, until_told


@contextlib.contextmanager
def group(controller):
    """A new control group of version 1, which is gone afterwards."""
    root = Path("/sys/fs/cgroup", controller)
    if not (root / "cgroup.procs").exists():
        raise Skip(f"no {controller} control groups of version 1")
    place = root / f"byname-{os.getpid()}"
    try:
        place.mkdir()
    except OSError as problem:
        raise Skip(f"no new {controller} control group: {problem.strerror}") from None
    try:
        yield place
    finally:
        with contextlib.suppress(OSError):
            (place / "freezer.state").write_text("THAWED")
        for pid in (place / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        while (place / "cgroup.procs").read_text():
            os.sched_yield()  # a process leaves its group when it has ended
        place.rmdir()


def owner(name, eats=""):
    """Owns a mutex; then releases it and says so, or takes more and more memory."""
    mutex = byname.Mutex(name)
    mutex.acquire()
    say("owns")
    until_told()
    taken = []
    while eats:
        taken.append(bytearray(os.urandom(4096)) * 256)
    mutex.release()
    say("released")
    until_told()


def test_oom_kill():
    """Who owned when memory ran out is told of like any other dead."""
    with group("memory") as place:
        try:
            (place / "memory.limit_in_bytes").write_text(str(96 << 20))
        except OSError as problem:
            raise Skip(f"no limit can be set: {problem.strerror}") from None
        mutex = byname.Mutex("m")
        child = Child(owner, "m", "eats")
        child.expect("owns")
        (place / "cgroup.procs").write_text(str(child.pid))
        child.tell("eat")
        assert mutex.acquire(timeout=120) and mutex.abandoned, "not told"
        status = child.wait()
        assert status == -signal.SIGKILL, f"it ended with {status}"
        mutex.release()
        mutex.close()


def test_freezer():
    """A frozen owner stays the owner, others go on with everything else, and it goes on when it is thawed."""
    with group("freezer") as place:
        mutex, other = byname.Mutex("m"), byname.Mutex("other")
        frozen = Child(owner, "m")
        frozen.expect("owns")
        (place / "cgroup.procs").write_text(str(frozen.pid))
        (place / "freezer.state").write_text("FROZEN")
        while (place / "freezer.state").read_text().strip() != "FROZEN":
            os.sched_yield()
        for _ in range(20):
            child = Child(owner, "other")
            child.expect("owns")
            child.kill()
            assert other.acquire(timeout=120) and other.abandoned
            other.release()
        assert not mutex.acquire(blocking=False), "a frozen owner lost its mutex"
        (place / "freezer.state").write_text("THAWED")
        frozen.tell("go")
        frozen.expect("released")
        assert mutex.acquire(timeout=120) and not mutex.abandoned
        mutex.release()
        assert frozen.wait() == 0
        mutex.close()
        other.close()
