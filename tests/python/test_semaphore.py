"""The semaphore and its grants from Python."""

import threading
import time
import warnings

import byname
import pytest
from helpers import Thread, until_waiting


def test_with_takes_and_puts_back(name):
    s = byname.Semaphore(name, 2, 2)
    with s as same:
        assert same is s and s.available == 1
        with s:
            assert s.available == 0
            assert Thread(s.acquire, False).result() is None
    assert s.available == 2
    with pytest.raises(KeyError), s:
        raise KeyError
    assert s.available == 2


def test_defaults_are_those_of_threading():
    s = byname.Semaphore()
    assert (s.available, threading.Semaphore()._value) == (1, 1)
    assert s.release(2**31 - 2) == 1
    with pytest.raises(byname.TooManyPostsError):
        s.release()


def test_grant(name):
    s = byname.Semaphore(name, 3, 3)
    first, second = s.acquire(), s.acquire(timeout=1)
    assert first and second and second.fence > first.fence
    assert (first.held, first.abandoned, s.available) == (True, False, 1)
    with first as same:
        assert same is first
    assert (first.held, s.available) == (False, 2)
    with pytest.raises(byname.NotOwnerError) as caught:
        first.release()
    assert (caught.value.win32, s.available) == (288, 2)
    with second:
        second.release()  # early: the bracket's end has nothing to do
    assert s.available == 3
    assert repr(second) == f"<byname.Grant of a semaphore, released, fence {second.fence}>"


def test_grant_outlives_the_handle(name):
    other = byname.Semaphore(name, 1, 1)
    s = byname.Semaphore.open(name)
    grant = s.acquire()
    s.close()
    assert other.available == 0
    grant.release()
    assert other.available == 1


def test_unit_of_a_forgotten_grant_stays_taken(name):
    s = byname.Semaphore(name, 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert s.acquire()
    assert s.available == 0
    assert s.release() == 0


def test_release_gives_the_count_before_and_wakes(name):
    s = byname.Semaphore(name, 0, 9)
    blocked = [Thread(s.acquire) for _ in range(3)]
    until_waiting(3)
    assert s.release(3) == 0
    assert all(thread.result() for thread in blocked)
    assert s.release(4) == 0 and s.available == 4


def test_time_out_is_none(name):
    s = byname.Semaphore(name, 0, 1)
    assert s.acquire(blocking=False) is None
    start = time.monotonic()
    assert s.acquire(timeout=0.05) is None
    assert time.monotonic() - start >= 0.05


def test_at_most_so_many_inside(name):
    s = byname.Semaphore(name, 3, 3)
    inside, most = 0, 0
    guard = threading.Lock()

    def work():
        nonlocal inside, most
        for turn in range(100):
            with s if turn % 2 else s.acquire():
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0)
                with guard:
                    inside -= 1

    for thread in [Thread(work) for _ in range(6)]:
        thread.result()
    assert 1 <= most <= 3 and s.available == 3


def test_unit_of_a_forgotten_grant_of_a_robust_one_comes_back(name):
    s = byname.Semaphore(name, 1, 1, robust=True)
    grant = Thread(s.acquire).result()
    assert s.available == 0, "it is no thread's"
    with pytest.warns(ResourceWarning, match="the unit comes back"):
        del grant
    with s.acquire(timeout=60) as grant:
        assert grant.abandoned
    with s.acquire() as grant:
        assert not grant.abandoned
    with s:
        assert s.available == 0
    assert s.available == 1


def test_released_grant_guards_nothing(name):
    grant = byname.Semaphore(name, 1, 1).acquire()
    grant.release()
    with pytest.raises(byname.NotOwnerError, match="released already"):
        with grant:
            pytest.fail("the body must not run")
