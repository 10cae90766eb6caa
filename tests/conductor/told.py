"""How long a blocked waiter needs to be told that the owner of its mutex was killed.

    python tests/conductor/told.py [--rounds N]

From just before kill(2) to the return of the survivor's lock call, which must say that the mutex was abandoned:

- *owner*: the owner is killed;
- *neighbour stopped*: the same while the process before the owner in the ring (`docs/protocol.md`) is stopped;
- *group*: the owner and eight sleepers, who stand before the survivor in the queue, are killed by one signal to their group;
- *floor*, *floor of a group*: a bare robust pthread mutex in shared memory in the place of byname's, its owner, or owner and sleepers, killed.

The kinds take turns, so that what else the machine does falls on all alike. It judges no figure; that each survivor is told it asserts.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arena
import proc
from drivers import Broken, add_options, build_c, namespace_file

WORKERS = Path(__file__).resolve().parents[1] / "soak"
#: Each with the floor that it stands on.
KINDS = {"floor": "floor", "owner": "floor", "neighbour stopped": "floor", "floor of a group": "floor of a group", "group": "floor of a group"}
BYSTANDERS, SLEEPERS = 4, 8
ASLEEP = 0.002  # seconds that it has been asleep before the kill


class Actor:
    def __init__(self, program: str, role: str, *file: str, group: int | None = None):
        self.role = role
        self.process = subprocess.Popen([program, role, *file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, process_group=group)
        self.pid = self.process.pid
        self.hear("there")

    def hear(self, expected: str | None = None) -> str:
        line = self.process.stdout.readline().decode().strip()
        if not line or expected not in (None, line):
            raise Broken(f"the {self.role} said {line!r}")
        return line

    def until_asleep(self) -> None:
        since = time.monotonic()
        while time.monotonic() - since < ASLEEP:
            if proc.state(self.pid, self.pid) != "S":
                since = time.monotonic()
            time.sleep(0.0002)

    def bury(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.bury()


def once(program: str, kind: str, survivor: Actor, file: Path, namespace: Path) -> int:
    """Nanoseconds of one death."""
    where = [str(file)] if kind.startswith("floor") else []
    owner = Actor(program, "owner", *where, group=0)
    sleepers = [Actor(program, "sleeper", *where, group=owner.pid) for _ in range(SLEEPERS if kind.endswith("group") else 0)]
    for sleeper in sleepers:
        sleeper.until_asleep()
    survivor.process.stdin.write(b"\n")
    survivor.hear("asking")
    survivor.until_asleep()
    stopped = before(owner.pid, survivor.pid, namespace) if kind == "neighbour stopped" else 0
    if stopped:
        os.kill(stopped, signal.SIGSTOP)
        os.waitpid(stopped, os.WUNTRACED)
    killed_at = time.monotonic_ns()
    os.killpg(owner.pid, signal.SIGKILL)
    told, at = survivor.hear().split()
    if stopped:
        os.kill(stopped, signal.SIGCONT)
    for actor in (owner, *sleepers):
        actor.bury()
    if told != "BYNAME_ABANDONED":
        raise Broken(f"{kind}: the survivor was told {told}")
    return int(at) - killed_at


def before(owner: int, survivor: int, namespace: Path) -> int:
    """The process before the owner in the ring; not the survivor, whose call it is that is timed."""
    ring = arena.attached(namespace)
    at = ring.index(owner)
    return next(pid for pid in [*reversed(ring[:at]), *reversed(ring[at:])] if pid not in (owner, survivor))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    add_options(parser)
    options = parser.parse_args()
    program = build_c(options, WORKERS / "told.c")
    session = f"told-{os.getpid()}-{random.randrange(2**32):x}"
    os.environ["BYNAME_SESSION"] = session
    namespace = namespace_file(session)
    times: dict[str, list[int]] = {kind: [] for kind in KINDS}
    actors: list[Actor] = []
    survivor = None
    with tempfile.TemporaryDirectory(prefix="byname-told-", dir="/dev/shm") as folder:
        file = Path(folder) / "bare"
        try:
            bare, survivor = Actor(program, "survivor", str(file)), Actor(program, "survivor")
            actors += [bare, survivor]
            actors += [Actor(program, "idle") for _ in range(BYSTANDERS)]
            for _ in range(options.rounds):
                for kind in KINDS:
                    times[kind].append(once(program, kind, bare if kind.startswith("floor") else survivor, file, namespace))
        finally:
            for actor in reversed(actors):
                if actor is not survivor:
                    actor.kill()
        survivor.bury()  # the last to leave leaves cleanly
    if namespace.exists():
        raise Broken(f"{namespace} is left")
    print(f"{'told after the death of':24}{'n':>6}{'p50 us':>10}{'p99 us':>10}{'worst us':>10}{'p50 / floor':>13}")
    at = lambda kind, share: sorted(times[kind])[min(int(options.rounds * share), options.rounds - 1)] / 1000  # noqa: E731
    for kind, floor in KINDS.items():
        p50 = at(kind, 0.5)
        print(f"{kind:24}{options.rounds:6}{p50:10.0f}{at(kind, 0.99):10.0f}{at(kind, 1):10.0f}{p50 / at(floor, 0.5):13.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
