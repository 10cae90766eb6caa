"""Deaths of odd kinds: whole groups at once, with a core dump, inside a write to a disk."""

import os
import random
import resource
import signal
import time
from pathlib import Path

import byname
from common import LONG, Child, Skip, kill, nothing_left, say, state, until_told

ROUNDS = 100 if LONG else 20


def owner(name):
    """Owns a mutex until it is killed."""
    mutex = byname.Mutex(name)
    mutex.acquire()
    say("owns")
    until_told()


def sleeper(name, ready="asks"):
    """Asks for the mutex whenever it is told to, and says what it got."""
    mutex = byname.Mutex(name)
    say("attached")
    while until_told():
        say(ready)
        mutex.acquire()
        say("told" if mutex.abandoned else "untold")
        mutex.release()


def group_kill(sleepers, rounds):
    """Owner and sleepers die of one signal; who is not of their group is told, every time."""
    survivor = Child(sleeper, "m")
    survivor.expect("attached")
    for _ in range(rounds):
        first = Child(owner, "m", group=0)
        first.expect("owns")
        others = [Child(sleeper, "m", group=first.pid) for _ in range(sleepers)]
        for child in (*others, survivor):
            if child is not survivor:
                child.expect("attached")
            child.tell("go")
        for child in (*others, survivor):
            child.expect("asks")
        os.killpg(first.pid, signal.SIGKILL)
        survivor.expect("told")
        for child in (first, *others):
            assert child.wait() == -signal.SIGKILL
    assert survivor.wait() == 0
    nothing_left()
    print(f"{rounds} rounds, {sleepers} sleepers")


def test_group_kill_of_8():
    group_kill(8, ROUNDS if LONG else 8)


def test_group_kill_of_64():
    group_kill(64, ROUNDS if LONG else 1)


def writer(name, path):
    """Writes many pages at once while it owns the mutex, again and again."""
    mutex = byname.Mutex(name)
    pages = [bytes([fill]) * (8 << 20) for fill in range(1, 5)]
    out = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    mutex.acquire()
    say("owns")
    while True:
        for page in pages:
            os.pwrite(out, page, 0)


def test_owner_killed_inside_write():
    """The mutex comes only when the dead thread has left its system call: the next owner sees a file that no longer changes."""
    path = Path("written").resolve()
    mutex = byname.Mutex("m")
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    rounds = 300 if LONG else 30
    for number in range(rounds):
        child = Child(writer, "m", path)
        child.expect("owns")
        time.sleep(rng.random() * 0.02)  # the kill falls anywhere in the writes
        kill(child.pid, signal.SIGKILL)
        assert mutex.acquire(timeout=60), f"round {number}, seed {seed}: not told"
        assert mutex.abandoned, f"round {number}, seed {seed}: not told that the owner died"
        before = path.read_bytes() if path.exists() else b""
        child.wait()
        after = path.read_bytes() if path.exists() else b""
        assert before == after, f"round {number}, seed {seed}: the file changed under its next owner"
        mutex.release()
    mutex.close()
    print(f"{rounds} kills, seed {seed}")


def dumper(name, number):
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    mutex = byname.Mutex(name)
    mutex.acquire()
    say("owns")
    until_told()
    os.kill(os.getpid(), int(number))
    signal.pause()


def test_core_dump():
    """An owner that dumps core is told of like any other."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY and os.geteuid():
        raise Skip("core dumps are limited here")
    mutex = byname.Mutex("m")
    for number in (signal.SIGSEGV, signal.SIGABRT):
        child = Child(dumper, "m", int(number))
        child.expect("owns")
        child.tell("die")
        assert mutex.acquire(timeout=60) and mutex.abandoned, f"not told of {number.name}"
        mutex.release()
        child.process.wait(60)
        assert child.process.returncode == -number
    mutex.close()


def test_stop_delays_nobody_else():
    """A stopped process that is inside of no object: the others go on, and it goes on when it may."""
    stopped = Child(sleeper, "other")
    stopped.expect("attached")
    kill(stopped.pid, signal.SIGSTOP)
    while state(stopped.pid, stopped.pid) != "T":
        os.sched_yield()
    mutex = byname.Mutex("m")
    for _ in range(20):
        child = Child(owner, "m")
        child.expect("owns")
        kill(child.pid, signal.SIGKILL)
        assert mutex.acquire(timeout=60) and mutex.abandoned
        mutex.release()
        child.wait()
    kill(stopped.pid, signal.SIGCONT)
    stopped.tell("go")
    stopped.expect("asks")
    stopped.expect("untold")
    assert stopped.wait() == 0
    mutex.close()
