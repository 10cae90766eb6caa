"""Deaths of odd kinds: whole groups at once, with a core dump, inside a write to a disk."""

import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import byname
from common import LONG, Child, Skip, is_inside, kill, nothing_left, say, state, system_call, until_told

ROUNDS = 100 if LONG else 20
WRITES = {"x86_64": (1, 18), "aarch64": (64, 68)}.get(os.uname().machine, ())  # write, pwrite64


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


PAGES = 8 << 20  # bytes of one write


def writer(name, path, waits):
    """Writes many pages at once while it owns the mutex, again and again; if it `waits`, each write until the disk has them."""
    mutex = byname.Mutex(name)
    pages = [bytes([fill]) * PAGES for fill in range(1, 5)]
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_DSYNC if int(waits) else 0), 0o600)
    mutex.acquire()
    say("owns")
    while True:
        for page in pages:
            os.pwrite(out, page, 0)


def is_torn(content):
    """Whether the last write was cut short: one that was done has made the whole file of one byte."""
    return len(content) not in (0, PAGES) or len(set(content)) > 1


def file_system(path):
    """What the file system of a folder is called."""
    done = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or "unknown"


def killed_inside_write(rounds, death=kill):
    """How often the kill fell inside a system call that writes: seen there after the kill, after which nobody comes back from one, or seen in what
    it left. Fails where the file changes after the mutex was had, or the dead thread is still in its call."""
    path = Path("written").resolve()
    mutex = byname.Mutex("m")
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    hits = waiting = torn = 0
    for number in range(rounds):
        child = Child(writer, "m", path, number % 2)
        child.expect("owns")
        time.sleep(rng.random() * 0.02)  # the kill falls anywhere in the writes
        death(child.pid, signal.SIGKILL)
        was_inside = system_call(child.pid, child.pid) in WRITES
        assert mutex.acquire(timeout=60), f"round {number}, seed {seed}: not told"
        assert not is_inside(child.pid, child.pid, "vfs_write"), f"round {number}, seed {seed}: handed on while the dead one is still inside its write"
        assert mutex.abandoned, f"round {number}, seed {seed}: not told that the owner died"
        before = path.read_bytes()
        child.wait()
        after = path.read_bytes()
        assert before == after, f"round {number}, seed {seed}: the file changed under its next owner"
        mutex.release()
        waiting, torn = waiting + was_inside, torn + is_torn(after)
        hits += was_inside or is_torn(after)
    mutex.close()
    print(f"{rounds} kills on {file_system(path.parent)}, seed {seed}: {hits} inside write, {waiting} of them while it waited for the disk, {torn} cut short")
    assert hits, "no kill fell inside a write"
    return hits


def test_owner_killed_inside_write():
    """The mutex comes only when the dead thread has left its system call: the next owner sees a file that no longer changes."""
    killed_inside_write(300 if LONG else 30)


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
