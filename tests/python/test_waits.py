"""Waits for several objects from Python."""

import time

import byname
import pytest
from helpers import Thread, until_waiting


def test_any_takes_the_first_that_is_signalled(name):
    events = [byname.Event(f"{name}-{number}", initial=number >= 2) for number in range(5)]
    for expected in 2, 3, 4:
        result = byname.wait_any(events)
        assert (result.index, result.object, result.abandoned, result.grants) == (expected, events[expected], False, ())
    assert byname.wait_any(events, timeout=0) is None


def test_any_takes_any_iterable_and_many_objects(name):
    events = [byname.Event() for _ in range(200)]
    events[150].set()
    assert byname.wait_any(event for event in events).index == 150
    assert byname.wait_any(tuple(events), 0) is None
    with pytest.raises(byname.InvalidArgumentError) as caught:
        byname.wait_any([])
    assert caught.value.win32 == 87


def test_any_over_all_kinds(name):
    mutex, event, semaphore = byname.Mutex(), byname.Event(), byname.Semaphore(initial=0)
    objects = [event, semaphore, mutex]
    result = byname.wait_any(objects)
    assert (result.index, result.object) == (2, mutex)
    [grant] = result.grants
    assert grant.fence == mutex.fence and grant.held
    assert Thread(byname.wait_any, objects, 0).result() is None
    result.release()
    assert (grant.held, mutex.owner) == (False, None)
    mutex.acquire()
    waiter = Thread(lambda: byname.wait_any(objects).index)
    until_waiting(1)
    semaphore.release()
    assert waiter.result() == 1
    mutex.release()


def test_result_is_a_bracket(name):
    mutex, semaphore = byname.Mutex(), byname.Semaphore(initial=1)
    with byname.wait_all([semaphore, mutex]) as result:
        assert (result.index, result.object) == (-1, None)
        assert mutex.owner and semaphore.available == 0
        assert repr(result) == "<byname.WaitResult index -1, 2 grants>"
        result.grants[0].release()  # early: the end releases the rest
        assert semaphore.available == 1
    assert mutex.owner is None and semaphore.available == 1


def test_thread_owns_what_its_wait_took(name):
    mutex = byname.Mutex(name)
    result = byname.wait_any([mutex])

    def elsewhere():
        with pytest.raises(byname.NotOwnerError):
            result.grants[0].release()

    Thread(elsewhere).result()
    mutex.release()
    assert mutex.owner is None


def test_all_takes_nothing_until_it_can_take_all(name):
    a, b = byname.Event(initial=True), byname.Event()
    start = time.monotonic()
    assert byname.wait_all([a, b], timeout=0.03) is None
    assert time.monotonic() - start >= 0.03
    assert a.is_set()
    waiter = Thread(byname.wait_all, [a, b])
    until_waiting(1)
    assert a.wait(0), "the waiter has not reserved it"
    b.set()
    a.set()
    assert waiter.result().index == -1
    assert not a.is_set() and not b.is_set()


def test_all_refuses_one_object_twice(name):
    event = byname.Event(name, initial=True)
    for again in event, byname.Event.open(name):
        with pytest.raises(byname.InvalidArgumentError):
            byname.wait_all([event, again], 0)
    assert event.is_set()


def test_closed_object_takes_nothing(name):
    event, closed = byname.Event(initial=True), byname.Event()
    closed.close()
    with pytest.raises(byname.ClosedError):
        byname.wait_any([event, closed])
    assert event.is_set()


def test_abandoned(name):
    mutex, event = byname.Mutex(), byname.Event()
    Thread(mutex.acquire).result()
    with byname.wait_any([event, mutex], timeout=60) as result:
        assert (result.index, result.abandoned, result.grants[0].abandoned, mutex.abandoned) == (1, True, True, True)
    with byname.wait_any([event, mutex]) as result:
        assert not result.abandoned


def test_signal_and_wait(name):
    done, go = byname.Event(), byname.Event(initial=True)
    result = byname.signal_and_wait(done, go, timeout=1)
    assert result.object is go and done.is_set() and not go.is_set()
    assert byname.signal_and_wait(done, go, timeout=0) is None
    with byname.signal_and_wait(done, byname.Mutex()) as result:
        assert len(result.grants) == 1
    semaphore = byname.Semaphore(initial=1, maximum=1)
    with pytest.raises(byname.TooManyPostsError):
        byname.signal_and_wait(semaphore, done)
    with pytest.raises(byname.NotOwnerError):
        byname.signal_and_wait(byname.Mutex(), done)
    assert done.is_set(), "no wait when the signal fails"


def test_signal_and_wait_releases_a_mutex(name):
    mutex, event = byname.Mutex(name, initially_owned=True), byname.Event(manual_reset=True)

    def other():
        with mutex:
            event.set()

    thread = Thread(other)
    until_waiting(1)
    assert byname.signal_and_wait(mutex, event, timeout=60).object is event
    thread.result()
