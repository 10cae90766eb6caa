"""The event from Python."""

import time

import byname
import pytest
from helpers import Thread, until_waiting


def test_auto_reset(name):
    event = byname.Event(name)
    assert (event.is_set(), event.wait(0)) == (False, False)
    event.set()
    event.set()
    assert event.is_set()
    assert (event.wait(), event.wait(timeout=0), event.is_set()) == (True, False, False)


def test_manual_reset(name):
    event = byname.Event(name, manual_reset=True, initial=True)
    assert (event.wait(), event.wait(), event.is_set()) == (True, True, True)
    event.reset()
    assert (event.wait(0), event.is_set()) == (False, False)


def test_arguments_do_not_change_an_existing_event(name):
    first = byname.Event(name, True, True)
    again = byname.Event(name, manual_reset=False, initial=False)
    assert again.wait(0) and again.wait(0) and first.is_set()


def test_set_wakes_one_or_all(name):
    for manual in False, True:
        event = byname.Event(f"{name}-{manual}", manual_reset=manual)
        blocked = [Thread(event.wait) for _ in range(5)]
        until_waiting(5)
        if manual:
            event.set()
            event.reset()
        else:
            for _ in blocked:
                event.set()
        assert [thread.result() for thread in blocked] == [True] * 5
        assert not event.is_set()


def test_pulse(name):
    event = byname.Event(name, manual_reset=True, initial=True)
    event.pulse()
    assert not event.is_set()
    blocked = [Thread(event.wait) for _ in range(3)]
    until_waiting(3)
    event.pulse()
    assert [thread.result() for thread in blocked] == [True] * 3
    assert event.wait(0) is False


def test_never_early(name):
    event = byname.Event(name)
    for seconds in 0.001, 0.02, 0.1:
        start = time.monotonic()
        assert event.wait(seconds) is False
        assert time.monotonic() - start >= seconds


def test_with_closes(name):
    with byname.Event(name) as event:
        event.set()
    with pytest.raises(byname.ClosedError):
        event.set()
    with pytest.raises(byname.NotFoundError):
        byname.Event.open(name)
