"""Across processes: multiprocessing by all its ways to start, pickling, fork, and owners that are killed."""

import asyncio
import concurrent.futures
import copy
import multiprocessing
import os
import pickle
import signal
import sys
import warnings

import byname
import pytest
from helpers import PATIENCE, Child, Thread, until_waiting, waiters

METHODS = ["fork", "spawn", "forkserver"]


def count(path, mutex, gate, done, times):
    """Adds to a number in a file, in two steps that exclusion alone keeps together."""
    gate.wait()
    for _ in range(times):
        with mutex:
            number = int(path.read_text())
            path.write_text(str(number + 1))
    done.release()


@pytest.fixture
def start(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads: that is what is tested
        yield multiprocessing.get_context(request.param)


@pytest.mark.parametrize("start", METHODS, indirect=True)
def test_multiprocessing(start, name, tmp_path):
    path = tmp_path / "number"
    path.write_text("0")
    mutex = byname.Mutex(f"{name}-mutex")
    gate = byname.Event(f"{name}-gate", manual_reset=True)
    done = byname.Semaphore(f"{name}-done", initial=0)
    children = [start.Process(target=count, args=(path, mutex, gate, done, 100)) for _ in range(3)]
    for child in children:
        child.start()
    gate.set()
    for _ in children:
        assert done.acquire(timeout=PATIENCE / 2)
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert path.read_text() == "300"


def square(number):
    with square.lock:
        assert not square.lock.abandoned
        return number * number


def take_lock(lock):
    square.lock = lock


@pytest.mark.parametrize("start", METHODS, indirect=True)
def test_pool(start, name):
    lock = byname.Mutex(name)
    with start.Pool(2, initializer=take_lock, initargs=(lock,)) as pool:
        assert pool.map(square, range(50)) == [number * number for number in range(50)]
        pool.close()
        pool.join()
    assert lock.owner is None


@pytest.mark.parametrize("start", METHODS, indirect=True)
def test_process_pool_executor(start, name):
    lock = byname.Mutex(name)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=start, initializer=take_lock, initargs=(lock,)) as pool:
        assert list(pool.map(square, range(50))) == [number * number for number in range(50)]
    assert lock.owner is None


def fail_with(name):
    byname.Mutex.open(name)


@pytest.mark.parametrize("start", ["fork"], indirect=True)
def test_errors_cross_processes(start, name):
    with start.Pool(1) as pool:
        with pytest.raises(byname.NotFoundError) as caught:
            pool.apply(fail_with, (name,))
        assert caught.value.win32 == 2
        pool.close()
        pool.join()


@pytest.mark.parametrize("kind", [byname.Mutex, byname.Event, byname.Semaphore, byname.Timer])
def test_pickling(kind, name, elsewhere):
    for namespace in None, elsewhere:
        handle = kind(name, namespace=namespace)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(handle, protocol))
            assert type(again) is kind and again.name == name and not again.created
        for again in copy.copy(handle), copy.deepcopy(handle):
            assert again is not handle and again.name == name
        text = pickle.dumps(handle)
        if kind is byname.Event:
            again.set()
            assert handle.wait(0), "the same object"
        handle.close()
        again.close()
        with pytest.raises(byname.NotFoundError):
            pickle.loads(text)
    unnamed = kind()
    text = pickle.dumps(unnamed)
    for again in pickle.loads(text), copy.copy(unnamed), kind.from_share(unnamed.share()):
        assert type(again) is kind and again.name is None and not again.created
        again.close()
    unnamed.close()
    with pytest.raises(byname.NotFoundError) as caught:
        pickle.loads(text)
    assert caught.value.win32 == 2


def answer(question, answered, replies, memory):
    question.wait()
    with memoryview(memory) as numbers:
        replies.put(bytes(numbers[:5]))
    answered.set()


@pytest.mark.parametrize("start", METHODS, indirect=True)
def test_objects_without_a_name_go_to_other_processes(start):
    question, answered = byname.Event(), byname.Event()
    replies, memory = byname.Queue(max_size=8), byname.Mapping(size=4096)
    with memoryview(memory) as numbers:
        numbers[:5] = b"hello"
    child = start.Process(target=answer, args=(question, answered, replies, memory))
    child.start()
    question.set()
    assert answered.wait(PATIENCE) and replies.get(0) == b"hello"
    child.join()


def test_a_token_says_what_is_wrong_with_it():
    event = byname.Event()
    with pytest.raises(byname.WrongKindError, match="the token is of the unnamed event"):
        byname.Mutex.from_share(event.share())
    with pytest.raises(byname.InvalidArgumentError, match="no token"):
        byname.Event.from_share("event")
    with pytest.raises(byname.UnsupportedError, match="its pid"):
        byname.Process.open(os.getpid()).share()
    same = byname.Event.from_share(event.share(), access=byname.Access.SYNCHRONIZE)
    with pytest.raises(byname.AccessDeniedError):
        same.set()
    with byname.Queue(max_size=8, mode="r") as reader, pickle.loads(pickle.dumps(reader)) as again:
        assert again.mode == "r", "an end stays that end"


def test_grants_are_neither_pickled_nor_copied():
    semaphore = byname.Semaphore(initial=1, maximum=1)
    with byname.wait_any([semaphore]) as result:
        for copied in copy.copy, copy.deepcopy, pickle.dumps:
            with pytest.raises(TypeError, match="neither copied nor pickled.* pass the mutex or semaphore"):
                copied(result.grants[0])
            with pytest.raises(TypeError):
                copied(result)
    assert semaphore.available == 1


def in_fork(function):
    """What `function` returns in a forked child, as its exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = function()
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return Thread(os.waitpid, pid, 0).result()[1]


def test_fork_keeps_handles_and_passes_no_ownership(name):
    m, s = byname.Mutex(name, initially_owned=True), byname.Semaphore(initial=1)

    def child():
        assert m.name == name
        assert not m.acquire(timeout=0.01), "the parent's"
        with pytest.raises(byname.NotOwnerError):
            m.release()
        with pytest.raises(byname.NotOwnerError):
            m.fence
        with s, byname.Mutex(f"{name}-childs"):
            assert s.available == 0
        return 0

    assert in_fork(child) == 0
    assert m.fence and s.available == 1
    m.release()


def test_fork_while_other_threads_wait(name):
    m, event, s = byname.Mutex(name, initially_owned=True), byname.Event(manual_reset=True), byname.Semaphore(initial=0)
    calls = m.acquire, event.wait, s.acquire, lambda: byname.wait_any([m, event]), lambda: byname.wait_all([event, s])
    blocked = [Thread(call) for call in calls]
    until_waiting(len(calls))

    def child():
        assert waiters() == 0, "the waits are the parent's"
        own = byname.Event(f"{name}-childs")
        waiting = Thread(own.wait)
        until_waiting(1)
        own.set()
        assert waiting.result() and not m.acquire(timeout=0.01)
        s.release(2)
        event.set()
        return 0

    assert in_fork(child) == 0
    m.release()
    assert all(thread.result() for thread in blocked), "each was served once, in the parent"
    assert s.available == 0


def test_fork_with_waits_pending_and_grants_held(name):
    m, event = byname.Mutex(name), byname.Event(f"{name}-event")

    async def main():
        grant = await m.acquire_async()
        task = asyncio.ensure_future(event.wait_async())
        while not waiters():
            await asyncio.sleep(0)

        def child():
            async def childs_own():
                assert not grant.held or not m.acquire(blocking=False)
                with pytest.raises(byname.NotOwnerError):
                    grant.release()
                own = byname.Event()
                waiting = asyncio.ensure_future(own.wait_async())
                await asyncio.sleep(0)
                own.set()
                assert await waiting
                async with byname.Mutex(f"{name}-childs"):
                    return 0

            asyncio._set_running_loop(None)
            return asyncio.run(childs_own())

        assert in_fork(child) == 0
        assert grant.held and not m.acquire(blocking=False)
        event.set()
        assert await task, "the parent's wait goes on"
        grant.release()
        with m:
            assert not m.abandoned

    asyncio.run(main())


def test_exit_of_a_child_takes_nothing_from_its_parent(name):
    """A child of fork has copies of all Python objects; collecting them closes the child's handles only."""
    event = byname.Event(name)

    def child():
        event.close()
        return 0

    assert in_fork(child) == 0
    event.set()
    assert byname.Event.open(name).wait(0)


def test_names_end_with_the_last_process(name):
    with Child("e = byname.Event(sys.argv[1]); say('made'); sys.stdin.read()", name) as child:
        child.expect("made")
        byname.Event.open(name).close()
        child.kill()
        event = byname.Event(name)
        assert event.created


HOLD = "m = byname.Mutex(sys.argv[1]); m.acquire(); m.acquire(); say('held'); sys.stdin.read()"
HOLD_GRANT = """
import asyncio
async def main():
    m = byname.Mutex(sys.argv[1])
    async with m:
        say('held')
        sys.stdin.read()
asyncio.run(main())
"""


@pytest.mark.parametrize("hold", [HOLD, HOLD_GRANT], ids=["thread", "grant"])
def test_killed_owner_is_told_to_a_blocked_waiter(hold, name):
    m = byname.Mutex(name)
    with Child(hold, name) as child:
        child.expect("held")
        assert m.owner[0] == child.process.pid

        def wait():
            with m:
                return m.abandoned

        waiter = Thread(wait)
        until_waiting(1)
        child.kill()
        assert waiter.result() is True
    with m:
        assert not m.abandoned


@pytest.mark.parametrize("hold", [HOLD, HOLD_GRANT], ids=["thread", "grant"])
def test_killed_owner_is_told_to_an_asynchronous_waiter(hold, name):
    m, never = byname.Mutex(name), byname.Event()

    async def main(child):
        task = asyncio.ensure_future(m.acquire_async())
        anyone = asyncio.ensure_future(byname.wait_any_async([never, m]))
        while waiters() < 2:
            await asyncio.sleep(0)
        child.kill()
        told = []
        for done in asyncio.as_completed([task, anyone], timeout=60):
            with await done as got:
                told.append(got.abandoned)
        assert told == [True, False]

    with Child(hold, name) as child:
        child.expect("held")
        asyncio.run(main(child))


def test_killed_owner_nobody_waited_for(name):
    m = byname.Mutex(name)
    with Child(HOLD, name) as child:
        child.expect("held")
        assert m.acquire(timeout=0.01) is False
        child.kill()
        assert m.acquire(timeout=60)
        assert m.abandoned
        m.release()
        with pytest.raises(byname.NotOwnerError):
            m.release()


def test_owner_that_ends_normally_abandons(name):
    m = byname.Mutex(name)
    with Child("m = byname.Mutex(sys.argv[1]); m.acquire()", name) as child:
        child.end()
    with m:
        assert m.abandoned


def test_robust_units_of_the_killed_come_back(name):
    s = byname.Semaphore(name, 2, 2, robust=True)
    with Child("s = byname.Semaphore.open(sys.argv[1]); a, b = s.acquire(), s.acquire(); say('held'); sys.stdin.read()", name) as child:
        child.expect("held")
        assert s.acquire(False) is None
        waiter = Thread(s.acquire)
        until_waiting(1)
        child.kill()
        with waiter.result() as grant:
            assert grant.abandoned
            with s.acquire(timeout=60):
                pass


def test_signal_of_the_killed_stays(name):
    event = byname.Event(name)
    with Child("byname.Event.open(sys.argv[1]).set(); os.kill(os.getpid(), 9)", name) as child:
        child.end(status=-signal.SIGKILL)
    assert (event.wait(60), event.wait(0)) == (True, False)


def test_stopped_waiter_does_not_hold_up_others(name):
    """A waiter that is stopped and then killed costs nobody a signal."""
    event = byname.Event(name)
    with Child("tell_when_blocked(); byname.Event.open(sys.argv[1]).wait(); say('woken')", name) as child:
        child.expect("blocked")
        child.process.send_signal(signal.SIGKILL)
        child.process.wait(PATIENCE)
        event.set()
        assert event.wait(60)
