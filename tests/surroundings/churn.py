"""Many processes attach, create, use and leave in a loop while others of them are killed; at the end nothing is left."""

import os
import random
import signal

import byname
from common import LONG, Child, kill, nothing_left, say

PROCESSES = 32
KILLS = int(os.environ.get("COUNT") or (10_000 if LONG else 150))


def churn(seed):
    """Creates, uses and closes a few objects that all have in common, until it is killed."""
    rng = random.Random(int(seed))
    say("ready")
    while True:
        names = rng.sample(range(8), 3)
        mutex = byname.Mutex(f"m{names[0]}")
        permits = byname.Semaphore(f"s{names[1]}", 2, 4)
        event = byname.Event(f"e{names[2]}", manual_reset=rng.random() < 0.5)
        if mutex.acquire(timeout=0.01):
            event.set()
            mutex.release()
        if permits.acquire(timeout=0):
            permits.release()
        for made in (mutex, permits, event):
            made.close()  # the last one leaves the namespace, and another makes it anew


def test_churn():
    """10 000 SIGKILLs in the long form. Whoever is killed is replaced; the namespace goes with the last one."""
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    print(f"{KILLS} kills, seed {seed}")
    living = [Child(churn, rng.randrange(2**32)) for _ in range(PROCESSES)]
    for child in living:
        child.expect("ready")
    for _ in range(KILLS - PROCESSES):
        at = rng.randrange(PROCESSES)
        if (status := living[at].kill()) != -signal.SIGKILL:
            raise AssertionError(f"a process ended by itself with {status}")
        living[at] = Child(churn, rng.randrange(2**32))  # not awaited: it may die while it attaches
    for child in living:
        kill(child.pid, signal.SIGKILL)
    for child in living:
        assert child.wait() == -signal.SIGKILL
    last = Child(leave)
    assert last.wait() == 0
    nothing_left()


def leave():
    """Finds none of the names, and is the last to end: the file goes with it."""
    byname.Mutex("last").close()
    for name in [f"{kind}{number}" for kind in "mse" for number in range(8)]:
        kind = {"m": byname.Mutex, "s": byname.Semaphore, "e": byname.Event}[name[0]]
        try:
            kind.open(name)
        except byname.NotFoundError:
            continue
        raise AssertionError(f"{name} outlived everybody")
