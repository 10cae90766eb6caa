"""Cancellations and time-outs that race with the grant: whatever wins, nothing is lost, doubled or left behind.

COUNT in the environment says how many waits are raced in each test; `make cancel-python` races a million.
"""

import asyncio
import multiprocessing
import os
import random
import time

import byname
import pytest
from byname._byname import _usage
from helpers import PATIENCE, Thread

COUNT = int(os.environ.get("COUNT") or 10_000)


class Lane:
    """One wait with objects of its own: what is given once, how to wait for it, and what must be left afterwards."""

    def prepare(self):
        """Before each race, by the one who gives."""


class Unit(Lane):
    def __init__(self, name):
        self.semaphore = byname.Semaphore(name, 0, 1)

    def give(self):
        assert self.semaphore.release() == 0

    def wait(self, timeout):
        return self.semaphore.acquire(timeout=timeout)

    def wait_async(self, timeout=None):
        return self.semaphore.acquire_async(timeout)

    def check(self, got):
        left = self.semaphore.acquire(blocking=False)
        assert bool(got) is not bool(left), (got, left)


class Signal(Lane):
    def __init__(self, name):
        self.event = byname.Event(name)
        self.wait, self.give = self.event.wait, self.event.set
        self.wait_async = self.event.wait_async

    def __reduce__(self):
        return Signal, (self.event.name,)

    def check(self, got):
        assert self.event.wait(0) is not bool(got)
        assert not self.event.is_set()


class Lock(Lane):
    def __init__(self, name):
        self.mutex = byname.Mutex(name)

    def prepare(self):
        assert self.mutex.acquire() and not self.mutex.abandoned

    def give(self):
        self.mutex.release()

    def wait(self, timeout):
        return self.mutex if self.mutex.acquire(timeout=timeout) else None

    def wait_async(self, timeout=None):
        return self.mutex.acquire_async(timeout)

    def check(self, got):
        if got:
            assert not got.abandoned
            got.release()
        assert self.mutex.acquire(blocking=False), "it is free"
        assert not self.mutex.abandoned
        self.mutex.release()


class Both(Lane):
    """An event and a semaphore, both of which are given."""

    def __init__(self, name):
        self.objects = byname.Event(f"{name}-event"), byname.Semaphore(f"{name}-semaphore", 0, 1)

    def give(self):
        event, semaphore = self.objects
        event.set()
        assert semaphore.release() == 0

    def left(self):
        event, semaphore = self.objects
        return event.wait(0), bool(semaphore.acquire(blocking=False))


class Any(Both):
    def wait(self, timeout):
        return byname.wait_any(self.objects, timeout)

    def wait_async(self, timeout=None):
        return byname.wait_any_async(self.objects, timeout)

    def check(self, got):
        assert self.left() == {None: (True, True), 0: (False, True), 1: (True, False)}[got and got.index]


class All(Both):
    def wait(self, timeout):
        return byname.wait_all(self.objects, timeout)

    def wait_async(self, timeout=None):
        return byname.wait_all_async(self.objects, timeout)

    def check(self, got):
        assert self.left() == ((False, False) if got else (True, True))


class Granter:
    """Gives what all lanes wait for, once a turn, from another thread or process."""

    def __init__(self, name, lanes):
        self.lanes = lanes
        self.over = byname.Event(f"{name}-over", manual_reset=True)
        self.turn, self.ready, self.go, self.given = (byname.Event(f"{name}-{what}") for what in ("turn", "ready", "go", "given"))

    def run(self, seed, pause):
        """`pause`: seconds between two gifts, at most."""
        dice = random.Random(seed)
        before = _usage()
        while byname.wait_any([self.over, self.turn], PATIENCE).object is not self.over:
            for lane in self.lanes:
                lane.prepare()
            byname.signal_and_wait(self.ready, self.go, PATIENCE)
            for lane in self.lanes:
                if pause:
                    time.sleep(dice.random() * pause)
                lane.give()
            self.given.set()
        assert _usage()[2:] == before[2:], "no wait, node or object is left"

    def end(self):
        self.over.set()
        self.go.set()  # after a failure it may wait there


@pytest.fixture(params=["thread", "process"])
def rivals(request, name):
    """A function that starts a granter for some lanes, and ends it."""
    ends = []

    def start(lanes, seed, pause=0):
        granter = Granter(f"{name}-{seed}", lanes)
        if request.param == "thread":
            thread = Thread(granter.run, seed, pause)
            ends.append((granter, thread.result))
        else:
            process = multiprocessing.get_context("forkserver").Process(target=granter.run, args=(seed, pause))
            process.start()

            def end():
                process.join(PATIENCE)
                assert process.exitcode == 0

            ends.append((granter, end))
        return granter

    yield start
    while ends:
        granter, end = ends.pop()
        granter.end()
        end()


def lanes_of(name):
    return [kind(f"{name}-{kind.__name__}-{i}") for i in range(6) for kind in (Unit, Signal, Lock, Any, All)]


class Tally:
    def __init__(self):
        self.start = time.monotonic()
        self.granted = self.ended = 0

    def races(self):
        return self.granted + self.ended

    def count(self, got):
        self.granted += bool(got)
        self.ended += not got

    def end(self, what):
        took = time.monotonic() - self.start
        print(f"\n{what}: {self.races()} races in {took:.1f} s, {self.granted} granted, {self.ended} not", end=" ")
        assert min(self.granted, self.ended) > self.races() / 50, f"no race: {vars(self)}"


def outcome(result):
    if isinstance(result, (asyncio.CancelledError, asyncio.TimeoutError)):
        return None
    if isinstance(result, BaseException):
        raise result
    return result or None


async def duel(lane, how, timeout):
    """A wait that something ends: its own time, wait_for, or its task's cancellation from outside."""
    if how == "timeout":
        return await lane.wait_async(timeout)
    if how == "wait_for":
        return await asyncio.wait_for(lane.wait_async(), timeout)
    return await lane.wait_async()


def test_tasks(name, rivals):
    """Of each task: either it has what was given, or that is still there."""
    lanes, dice, tally = lanes_of(name), random.Random(name), Tally()
    granter = rivals(lanes, 1)

    async def race():
        assert await byname.signal_and_wait_async(granter.turn, granter.ready, PATIENCE)
        ways = dice.choices(["cancel", "wait_for", "timeout"], [2, 1, 1], k=len(lanes))
        tasks = [asyncio.ensure_future(duel(lane, how, dice.random() / 500)) for lane, how in zip(lanes, ways)]
        await asyncio.sleep(0)  # now they wait
        granter.go.set()
        if dice.random() < 0.5:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        cancelled = [task for task, how in zip(tasks, ways) if how == "cancel"]
        dice.shuffle(cancelled)
        for task in cancelled:
            task.cancel()
            if dice.random() < 0.3:
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert await granter.given.wait_async(PATIENCE)
        for lane, result in zip(lanes, results):
            got = outcome(result)
            tally.count(got)
            lane.check(got)

    async def main():
        while tally.races() < COUNT:
            await race()

    asyncio.run(main())
    tally.end("asyncio")


def test_blocking_calls(name, rivals):
    """Of each call: either it has what was given, or that is still there."""
    lanes, dice, tally = lanes_of(name), random.Random(name), Tally()
    slack = 0.0001  # what the kernel adds to a short time-out, about
    granter = rivals(lanes, 2, pause=slack / 2)
    while tally.races() < COUNT:
        assert byname.signal_and_wait(granter.turn, granter.ready, PATIENCE)
        granter.go.set()
        results = [lane.wait(dice.random() * slack) for lane in lanes]
        assert granter.given.wait(PATIENCE)
        for lane, got in zip(lanes, results):
            tally.count(got)
            lane.check(got or None)
    tally.end("blocking")
