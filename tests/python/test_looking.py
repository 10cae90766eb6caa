"""Looking without taking, rights, and the flags of a handle."""

import pickle
import subprocess
import sys
import threading

import byname
import pytest
from helpers import until


def test_a_mutex_shows_owner_depth_and_abandonment(name):
    mutex = byname.Mutex(name)
    free = mutex.state
    assert (free.owner, free.depth, free.abandoned) == (None, 0, False)
    with mutex, mutex:
        assert (mutex.state.owner, mutex.state.depth) == (mutex.owner, 2)
    ended = threading.Thread(target=mutex.acquire)
    ended.start()
    ended.join()
    until(lambda: mutex.state.owner is None, "the thread's end is not seen")  # a join returns a little before it
    assert repr(mutex.state) == "MutexState(owner=None, depth=0, abandoned=True)"
    assert mutex.state != free


def test_events_and_semaphores_show_what_they_are():
    event = byname.Event(manual_reset=True, initial=True)
    assert (event.state.set, event.state.manual_reset) == (True, True)
    semaphore = byname.Semaphore(initial=1, maximum=4, robust=True)
    assert repr(semaphore.state) == "SemaphoreState(available=1, maximum=4, robust=True)"


def test_rights_are_what_was_asked_for(name):
    keep = byname.Event(name, initial=True)
    waits = byname.Event.open(name, access=byname.Access.SYNCHRONIZE)
    with pytest.raises(byname.AccessDeniedError) as refused:
        waits.set()
    assert refused.value.win32 == 5
    assert waits.wait(0)
    copy = pickle.loads(pickle.dumps(waits))
    with pytest.raises(byname.AccessDeniedError):
        copy.set()
    both = byname.Event(name, access=byname.Access.QUERY_STATE | byname.Access.MODIFY_STATE)
    both.set()
    assert keep.is_set()


@pytest.mark.parametrize(("mask", "error"), [(True, TypeError), ("all", TypeError), (-1, byname.InvalidArgumentError), (2**32, byname.InvalidArgumentError)])
def test_a_mask_is_an_int_of_32_bits(mask, error):
    with pytest.raises(error, match="access"):
        byname.Mutex(access=mask)


def test_a_protected_handle_is_not_closed(name):
    event = byname.Event(name)
    event.protected = True
    with pytest.raises(byname.AccessDeniedError) as refused:
        event.close()
    assert refused.value.win32 == 6
    with pytest.raises(byname.AccessDeniedError), event:
        pass
    event.set()
    event.protected = False
    event.close()
    with pytest.raises(byname.ClosedError):
        _ = event.protected


def test_a_protected_handle_outlives_its_collection(name):
    code = """
import byname, gc, sys
event = byname.Event(sys.argv[1], initial=True)
event.protected = True
del event
gc.collect()
assert byname.Event.open(sys.argv[1]).is_set()
"""
    subprocess.run([sys.executable, "-c", code, name], check=True)
    with pytest.raises(byname.NotFoundError):
        byname.Event.open(name)


def test_inheritable_is_kept_and_is_a_bool():
    event = byname.Event()
    assert not event.inheritable
    event.inheritable = True
    assert event.inheritable
    with pytest.raises(TypeError, match="inheritable"):
        event.inheritable = 1
