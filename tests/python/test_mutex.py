"""The mutex from Python: as `with` and as a lock, owned by threads."""

import asyncio
import gc
import os
import sys
import threading
import time

import byname
import pytest
from helpers import Thread, until_waiting


def test_with_gives_the_mutex(name):
    m = byname.Mutex(name)
    with m as same:
        assert same is m
        assert (m.abandoned, m.owner) == (False, (os.getpid(), threading.get_native_id()))
    assert m.owner is None


def test_with_releases_on_an_exception(name):
    m = byname.Mutex(name)
    with pytest.raises(KeyError), m:
        raise KeyError
    assert m.owner is None
    m.acquire()
    assert not m.abandoned, "an exception inside the bracket is an ordinary release"
    m.release()


def test_fence_and_abandoned_speak_of_the_calling_threads_hold(name):
    m = byname.Mutex(name)
    for read in lambda: m.fence, lambda: m.abandoned:
        with pytest.raises(byname.NotOwnerError) as caught:
            read()
        assert caught.value.win32 == 288
    fences = []
    for _ in range(3):
        with m:
            fences.append(m.fence)
    assert fences == sorted(set(fences)) and fences[0] >= 1
    with m:

        def elsewhere():
            with pytest.raises(byname.NotOwnerError):
                m.fence
            with pytest.raises(byname.NotOwnerError):
                m.release()

        Thread(elsewhere).result()
        assert m.fence > fences[-1]


def test_recursion(name):
    m = byname.Mutex(name)
    for _ in range(100):
        assert m.acquire() is True
    for _ in range(100):
        assert Thread(m.acquire, False).result() is False
        m.release()
    with pytest.raises(byname.NotOwnerError):
        m.release()
    assert Thread(lambda: m.acquire(False) and m.release() is None).result() is True


def test_another_handle_is_the_same_mutex(name):
    first, second = byname.Mutex(name, initially_owned=True), byname.Mutex(name, initially_owned=True)
    assert (first.created, second.created) == (True, False)
    second.release()
    with pytest.raises(byname.NotOwnerError):
        first.release()


def test_time_out_is_an_outcome(name):
    m = byname.Mutex(name)
    with m:

        def try_it():
            assert m.acquire(blocking=False) is False
            assert m.acquire(timeout=0) is False
            start = time.monotonic()
            assert m.acquire(timeout=0.05) is False
            assert m.acquire(True, 0.05) is False
            return time.monotonic() - start

        assert Thread(try_it).result() >= 0.1


def test_blocking_lets_other_threads_run(name):
    m = byname.Mutex(name, initially_owned=True)

    def wait():
        with m:
            return m.fence

    blocked = [Thread(wait) for _ in range(8)]
    until_waiting(8)  # they all block, and this thread runs
    fence = m.fence
    m.release()
    assert sorted(thread.result() for thread in blocked) == list(range(fence + 1, fence + 9))


def test_threads_exclude_each_other(name):
    m = byname.Mutex(name)
    inside = total = 0

    def work():
        nonlocal inside, total
        for turn in range(300):
            if turn % 3:
                m.acquire(timeout=60)
            else:
                m.acquire()
            inside += 1
            assert inside == 1
            total += 1
            if turn % 10 == 0:
                time.sleep(0)
            inside -= 1
            m.release()

    for thread in [Thread(work) for _ in range(4)]:
        thread.result()
    assert total == 1200


def test_thread_that_ends_abandons(name):
    m = byname.Mutex(name)
    waiting = threading.Event()

    def die():
        m.acquire()
        waiting.wait()

    owner = Thread(die)

    def wait():
        with m:
            return m.abandoned

    waiter = Thread(wait)
    until_waiting(1)
    waiting.set()
    assert waiter.result() is True
    with m:
        assert not m.abandoned, "told once"
    owner.result()


def test_closing_does_not_release(name):
    m, other = byname.Mutex(name), byname.Mutex(name)
    m.acquire()
    m.close()
    assert Thread(other.acquire, False).result() is False
    other.release()


def test_garbage_closes(name):
    m = byname.Mutex(name)
    del m
    with pytest.raises(byname.NotFoundError):
        byname.Mutex.open(name)


def test_garbage_in_a_cycle(name):
    """The collector closes handles, and abandons what a grant held, as counting references does."""
    other = byname.Mutex(name)

    class Account:
        def __init__(self):
            self.myself, self.mutex = self, byname.Mutex(name)
            self.event = byname.Event(f"{name}-event")
            self.grant = asyncio.run(self.mutex.acquire_async())

    account = Account()
    assert other.owner
    with pytest.warns(ResourceWarning, match="the mutex is abandoned"):
        del account
        gc.collect()
    with pytest.raises(byname.NotFoundError):
        byname.Event.open(f"{name}-event")
    with other:
        assert other.abandoned


def test_as_a_lock_of_threading(name):
    """Code that takes any lock takes this one."""

    def critical(lock, log):
        if lock.acquire(blocking=True, timeout=1):
            try:
                log.append(1)
            finally:
                lock.release()

    log = []
    for lock in threading.Lock(), threading.RLock(), byname.Mutex(name):
        critical(lock, log)
    assert len(log) == 3


def test_threads_that_wait_keep_a_closed_object(name):
    m = byname.Mutex(name, initially_owned=True)
    closing = byname.Mutex(name)
    waiter = Thread(closing.acquire)
    until_waiting(1)
    closing.close()
    m.release()
    assert waiter.result() is True


def test_direct_methods_count_references_right(name):
    m, s = byname.Mutex(name), byname.Semaphore()
    counted = [m, s, None, True, False]

    def use():
        for _ in range(1000):
            m.acquire()
            m.acquire(True, timeout=1)
            with m, s:
                pass
            m.release()
            m.release()
            s.acquire(timeout=None).release()
            for wrong in lambda: m.release(), lambda: m.acquire(None), lambda: m.__exit__():
                with pytest.raises((byname.NotOwnerError, TypeError)):
                    wrong()

    use()
    before = [sys.getrefcount(value) for value in counted]
    use()
    after = [sys.getrefcount(value) for value in counted]
    assert all(now - then < 100 for now, then in zip(after, before)), (before, after)


def test_exception_of_the_body_stays_behind_that_of_the_end(name):
    with pytest.raises(byname.NotOwnerError) as raised:
        with byname.Mutex(name) as mutex:
            mutex.release()
            raise LookupError("the body's")
    assert isinstance(raised.value.__context__, LookupError)
