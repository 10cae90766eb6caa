"""What a control group does to its processes: it freezes them, or kills them for want of memory. With control groups of both versions, where
the machine has them mounted.
"""

import contextlib
import os
import signal
from pathlib import Path

import byname
from common import Child, Skip, say, until_told


def mounted(version, controller):
    """Where groups can be made below: our own group in the hierarchy that has the controller."""
    kind, ours = ("cgroup", None) if version == 1 else ("cgroup2", "")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (controller in controllers.split(",")) if version == 1 else not controllers:
            ours = path
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, place, *_ = before.split()
        fs, _, options = after.split(" ", 2)
        if fs == kind and ours is not None and (version == 2 or controller in options.split(",")):
            below = Path(place, os.path.relpath(ours, root)) if ours.startswith(root) else Path(place)
            return below if below.exists() else Path(place)
    raise Skip(f"no {controller} control groups of version {version}")


class Group:
    """A new control group, which is gone afterwards."""

    def __init__(self, version, controller):
        self.version, self.above = version, mounted(version, controller)
        if version == 2 and controller != "freezer":
            self.above = self.enabled(controller)
        self.place = self.above / f"byname-{os.getpid()}"
        try:
            self.place.mkdir()
        except OSError as problem:
            raise Skip(f"no new {controller} control group of version {version}: {problem.strerror}") from None

    def enabled(self, controller):
        """The nearest group whose children have the controller; a group with processes of its own, as ours is, may not give it to children."""
        for above in (self.above, *self.above.parents):
            file = above / "cgroup.subtree_control"
            if file.exists() and controller in file.read_text().split():
                return above
        try:
            (self.above / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as problem:
            raise Skip(f"no {controller} controller for groups of version 2: {problem.strerror}") from None
        return self.above

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.thaw()
        for pid in self.read("cgroup.procs").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        while self.read("cgroup.procs"):
            os.sched_yield()  # a process leaves its group when it has ended
        self.place.rmdir()

    def read(self, name):
        return (self.place / name).read_text()

    def write(self, name, what):
        (self.place / name).write_text(str(what))

    def add(self, pid):
        self.write("cgroup.procs", pid)

    def limit_memory(self, size):
        try:
            self.write("memory.limit_in_bytes" if self.version == 1 else "memory.max", size)
        except OSError as problem:
            raise Skip(f"no limit can be set: {problem.strerror}") from None
        if self.version == 2:
            with contextlib.suppress(OSError):  # where there is swap
                self.write("memory.swap.max", 0)

    def freeze(self):
        if self.version == 1:
            self.write("freezer.state", "FROZEN")
            while self.read("freezer.state").strip() != "FROZEN":
                os.sched_yield()
        else:
            self.write("cgroup.freeze", 1)
            while "frozen 1" not in self.read("cgroup.events").splitlines():
                os.sched_yield()

    def thaw(self):
        self.write(*("freezer.state", "THAWED") if self.version == 1 else ("cgroup.freeze", 0))


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


def told_of_an_oom_kill(version):
    with Group(version, "memory") as group:
        group.limit_memory(96 << 20)
        mutex = byname.Mutex("m")
        child = Child(owner, "m", "eats")
        child.expect("owns")
        group.add(child.pid)
        child.tell("eat")
        assert mutex.acquire(timeout=120) and mutex.abandoned, "not told"
        status = child.wait()
        assert status == -signal.SIGKILL, f"it ended with {status}"
        mutex.release()
        mutex.close()


def test_oom_kill():
    """Who owned when memory ran out is told of like any other dead."""
    told_of_an_oom_kill(1)


def test_oom_kill_version_2():
    told_of_an_oom_kill(2)


def frozen_and_thawed(version):
    with Group(version, "freezer") as group:
        mutex, other = byname.Mutex("m"), byname.Mutex("other")
        frozen = Child(owner, "m")
        frozen.expect("owns")
        group.add(frozen.pid)
        group.freeze()
        for _ in range(20):
            child = Child(owner, "other")
            child.expect("owns")
            child.kill()
            assert other.acquire(timeout=120) and other.abandoned
            other.release()
        assert not mutex.acquire(blocking=False), "a frozen owner lost its mutex"
        group.thaw()
        frozen.tell("go")
        frozen.expect("released")
        assert mutex.acquire(timeout=120) and not mutex.abandoned
        mutex.release()
        assert frozen.wait() == 0
        mutex.close()
        other.close()


def test_freezer():
    """A frozen owner stays the owner, others go on with everything else, and it goes on when it is thawed."""
    frozen_and_thawed(1)


def test_freezer_version_2():
    frozen_and_thawed(2)
