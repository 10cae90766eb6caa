"""Every kind at every place with every other kind, in waits for any and for all, blocking and of asyncio: contract 10.1, 10.4, 10.5."""

import asyncio
import itertools
import subprocess
import time

import byname
import pytest
from helpers import Thread, until_waiting, waiters

TICK = 0.0003
numbers = itertools.count()


class Subject:
    """An object that is not signalled when it is made: what signals it, what sees that without taking it, what ends it."""

    def __init__(self, object, signal, is_signalled, end=lambda: None):
        self.object, self.signal, self.is_signalled, self.end = object, signal, is_signalled, end


def mutex(_):
    """One that a grant of another thread owns until it is signalled: a blocking wait for a grant of its own thread's is refused."""
    mutex = byname.Mutex()

    def acquire():
        with pytest.raises(StopIteration) as had:
            mutex.acquire_async().send(None)
        return had.value.value

    grant = Thread(acquire).result()
    return Subject(mutex, grant.release, lambda: mutex.owner is None, lambda: grant.held and grant.release())


def event(manual):
    def make(_):
        event = byname.Event(manual_reset=manual)
        return Subject(event, event.set, event.is_set)

    return make


def semaphore(robust):
    def make(_):
        semaphore = byname.Semaphore(initial=0, maximum=1, robust=robust)
        return Subject(semaphore, semaphore.release, lambda: semaphore.available > 0)

    return make


def timer(manual):
    def make(_):
        timer = byname.Timer(manual_reset=manual)

        def signal():
            timer.set(TICK)
            while timer.remaining() is not None:
                time.sleep(0)

        return Subject(timer, signal, lambda: timer.state.signaled)

    return make


def queue(mode):
    def make(_):
        ends = {}
        ends["r"] = byname.Queue(f"matrix-{next(numbers)}", 1, 8, "r")
        ends["w"] = byname.Queue.open(ends["r"].name, "w")
        if mode == "r":
            return Subject(ends["r"], lambda: ends["w"].put(b"message"), lambda: ends["r"].info().messages > 0)
        ends["w"].put(b"message")
        return Subject(ends["w"], ends["r"].get, lambda: ends["w"].info().messages == 0)

    return make


def watchdog(_):
    watchdog = byname.Watchdog(None, TICK, 3600, "none")

    def signal():
        watchdog.start()
        watchdog.wait()

    return Subject(watchdog, signal, lambda: watchdog.wait(0), watchdog.stop)


def sleep():
    return subprocess.Popen(["sleep", "1000"])


def end(child):
    child.kill()
    child.wait()


# A process that runs on: one is enough for all that are not signalled.
sleeper = None


@pytest.fixture(scope="module", autouse=True)
def one_sleeps():
    global sleeper
    sleeper = sleep()
    yield
    end(sleeper)


def process(ends):
    child = sleep() if ends else sleeper
    process = byname.Process.open(child.pid)
    return Subject(process, lambda: end(child), lambda: process.wait(0), lambda: ends and end(child))


def job(_):
    job = byname.Job()
    return Subject(job, lambda: job.terminate(1), lambda: job.wait(0))


# How it is made (with whether it will be signalled), and whether a satisfied wait takes the signal.
KINDS = {
    "mutex": (mutex, True),
    "manual event": (event(True), False),
    "auto event": (event(False), True),
    "semaphore": (semaphore(False), True),
    "robust semaphore": (semaphore(True), True),
    "manual timer": (timer(True), False),
    "auto timer": (timer(False), True),
    "reading end of a queue": (queue("r"), False),
    "writing end of a queue": (queue("w"), False),
    "watchdog": (watchdog, False),
    "process": (process, False),
    "job": (job, False),
}
try:
    byname.Job().close()
except byname.UnsupportedError:  # a job is a control group
    del KINDS["job"]


class Made:
    """Objects of these kinds, of which all will be signalled or the one at `only`; they are closed at the end."""

    def __init__(self, *kinds, only=None):
        self.subjects = [KINDS[kind][0](only is None or only == place) for place, kind in enumerate(kinds)]
        self.objects = [subject.object for subject in self.subjects]

    def __enter__(self):
        return self.subjects, self.objects

    def __exit__(self, *_):
        for subject in self.subjects:
            subject.end()
            subject.object.close()


class Blocking:
    any, all = staticmethod(byname.wait_any), staticmethod(byname.wait_all)

    def run(self, wait, *arguments):
        return wait(*arguments)

    def after(self, signal, wait, objects):
        signal()
        return self.run(wait, objects)

    def during(self, signal, wait, objects):
        other = Thread(lambda: (until_waiting(1), signal()))
        result = wait(objects)
        other.result()
        return result

    def close(self):
        pass


class Asynchronous(Blocking):
    any, all = staticmethod(byname.wait_any_async), staticmethod(byname.wait_all_async)

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.close = self.loop.close

    def run(self, wait, *arguments):
        return self.loop.run_until_complete(wait(*arguments))

    def during(self, signal, wait, objects):
        async def both():
            waiting = asyncio.ensure_future(wait(objects))
            await asyncio.sleep(0)
            assert waiters() and not waiting.done()
            signal()
            return await waiting

        return self.loop.run_until_complete(both())


@pytest.fixture(params=[Blocking, Asynchronous])
def how(request):
    how = request.param()
    yield how
    how.close()


@pytest.fixture(params=["after", "during"])
def wait_while(how, request):
    """Waits after something was signalled, or has it signalled while it waits."""
    return getattr(how, request.param)


def pairs():
    return itertools.product(KINDS, repeat=2)


def takes(kind):
    return KINDS[kind][1]


def test_any_ends_with_the_one_that_is_signalled_wherever_it_stands(how, wait_while):
    for (one, other), index in itertools.product(pairs(), range(3)):
        kinds = [other] * 3
        kinds[index] = one
        with Made(*kinds, only=index) as (subjects, objects), wait_while(subjects[index].signal, how.any, objects) as result:
            assert (result.index, result.object) == (index, objects[index]), kinds
            expected = [place == index and not takes(one) for place in range(3)]
            assert [subject.is_signalled() for subject in subjects] == expected, kinds


def test_any_takes_the_first_of_those_that_are_signalled_and_leaves_the_rest(how):
    for one, other in pairs():
        with Made(one, other) as (subjects, objects):
            for subject in subjects:
                subject.signal()
            with how.run(how.any, objects) as result:
                assert (result.index, subjects[0].is_signalled(), subjects[1].is_signalled()) == (0, not takes(one), True), (one, other)


def test_all_takes_both_or_nothing(how, wait_while):
    for one, other in pairs():
        with Made(one, other) as (subjects, objects):
            subjects[1].signal()
            assert how.run(how.all, objects, 0.0005) is None, (one, other)
            assert subjects[1].is_signalled(), f"{one}, {other}: a wait that timed out took a part"
            with wait_while(subjects[0].signal, how.all, objects) as result:
                assert result.index == -1
                assert [subject.is_signalled() for subject in subjects] == [not takes(one), not takes(other)], (one, other)
