"""Whatever is passed: an exception of the right kind that names the thing, and nothing changed."""

import math
from fractions import Fraction

import byname
import pytest

KINDS = [byname.Mutex, byname.Event, byname.Semaphore, byname.Timer]
BAD_NAMES = [
    ("a\0b", byname.InvalidNameError, 123),
    ("\0", byname.InvalidNameError, 123),
    ("a\udc80b", byname.InvalidNameError, 123),
    ("\ud800", byname.InvalidNameError, 123),
    ("\\foo", byname.InvalidNameError, 161),
    ("Local\\", byname.InvalidNameError, 123),
    ("Local\\\\foo", byname.InvalidNameError, 123),
    ("Global", byname.InvalidNameError, 6),
    ("Local\\a\\b", byname.PathNotFoundError, 3),
    ("willy\\wonka", byname.PathNotFoundError, 3),
    ("global\\foo", byname.PathNotFoundError, 3),
    ("Global\\foo", byname.UnsupportedError, 50),
    ("Session\\1\\foo", byname.UnsupportedError, 50),
    ("a" * 261, byname.NameTooLongError, 206),
    ("\u20ac" * 261, byname.NameTooLongError, 206),
    ("\U0001f600" * 131, byname.NameTooLongError, 206),
    ("Local\\" + "a" * 255, byname.NameTooLongError, 206),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad, error, win32", BAD_NAMES, ids=lambda value: ascii(value)[:20] if isinstance(value, str) else "")
def test_bad_names(kind, bad, error, win32):
    for call in kind, kind.open:
        with pytest.raises(error) as caught:
            call(bad)
        assert caught.value.win32 == win32
        assert str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_longest_names(kind):
    for longest in "a" * 260, "\u20ac" * 260, "\U0001f600" * 130, "Local\\" + "b" * 254:
        handle = kind(longest)
        again = kind.open(longest)
        assert (handle.created, again.created, again.name) == (True, False, longest)
        handle.close()
        again.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [1, 1.5, b"name", ["name"], object()], ids=repr)
def test_names_of_wrong_type(kind, wrong):
    for call in kind, kind.open:
        with pytest.raises(TypeError, match="name"):
            call(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_open(kind, name):
    with pytest.raises(byname.NotFoundError) as caught:
        kind.open(name)
    assert caught.value.win32 == 2 and name in str(caught.value)
    with pytest.raises(byname.InvalidArgumentError):
        kind.open(None)
    with pytest.raises(byname.InvalidNameError) as caught:
        kind.open("")
    assert caught.value.win32 == 6
    with pytest.raises(TypeError):
        kind.open()
    with pytest.raises(TypeError):
        kind.open(name, namespace="s")


def test_another_kind(name):
    mutex = byname.Mutex(name)
    for call in byname.Event, byname.Event.open, byname.Semaphore, byname.Semaphore.open:
        with pytest.raises(byname.WrongKindError) as caught:
            call(name)
        assert caught.value.win32 == 6 and isinstance(caught.value, TypeError)
    mutex.close()


@pytest.mark.parametrize(
    "kind, arguments",
    [
        (byname.Mutex, {"initially_owned": 1}),
        (byname.Event, {"manual_reset": "no"}),
        (byname.Event, {"initial": 2}),
        (byname.Semaphore, {"robust": None}),
    ],
)
def test_flags_of_wrong_type(kind, arguments, name):
    with pytest.raises(TypeError, match=next(iter(arguments))):
        kind(name, **arguments)
    with pytest.raises(byname.NotFoundError):
        kind.open(name)


@pytest.mark.parametrize(
    "initial, maximum", [(0, 0), (-1, 1), (2, 1), (0, -1), (0, 2**31), (0, 2**63), (2**100, 2**101), (-(2**100), 1), (-(2**63) - 1, 1)]
)
def test_semaphore_counts_out_of_range(initial, maximum, name):
    existing = byname.Semaphore(name, initial=1, maximum=2)
    with existing:
        for bad in name, None, "\\x":  # the counts are looked at first
            with pytest.raises(byname.InvalidArgumentError) as caught:
                byname.Semaphore(bad, initial=initial, maximum=maximum)
            assert caught.value.win32 == 87
        assert existing.available == 0
    existing.close()


@pytest.mark.parametrize("wrong", [1.0, "1", None, [1]], ids=repr)
def test_counts_of_wrong_type(wrong):
    for arguments in {"initial": wrong}, {"maximum": wrong}:
        with pytest.raises(TypeError, match=next(iter(arguments))):
            byname.Semaphore(**arguments)
    semaphore = byname.Semaphore(initial=0, maximum=1)
    with pytest.raises(TypeError, match="n must be an int"):
        semaphore.release(wrong)
    assert semaphore.available == 0


@pytest.mark.parametrize("n", [0, -1, -(2**31), -(2**63), -(2**100), 2**64, 2**63])
def test_release_out_of_range(n):
    semaphore = byname.Semaphore(initial=1, maximum=3)
    with pytest.raises(byname.InvalidArgumentError) as caught:
        semaphore.release(n)
    assert (caught.value.win32, semaphore.available) == (87, 1)


def test_too_many_posts():
    semaphore = byname.Semaphore(initial=2, maximum=3)
    for n in 2, 2**31 - 1, 2**31:
        with pytest.raises(byname.TooManyPostsError) as caught:
            semaphore.release(n)
        assert (caught.value.win32, semaphore.available) == (298, 2)
    assert semaphore.release() == 2


def timed_calls():
    """Every call that takes a time, as (name, a call that does not have to wait)."""
    held = byname.Mutex()
    event = byname.Event(manual_reset=True, initial=True)
    semaphore = byname.Semaphore(initial=2**30)

    def locked(time):
        assert held.acquire(timeout=time)
        held.release()

    def later(call):
        coroutine = call()
        coroutine.close()

    yield "Mutex.acquire", locked
    yield "Semaphore.acquire", lambda time: semaphore.acquire(timeout=time).release()
    yield "Event.wait", event.wait
    yield "wait_any", lambda time: byname.wait_any([event], time)
    yield "wait_all", lambda time: byname.wait_all([event], timeout=time)
    yield "signal_and_wait", lambda time: byname.signal_and_wait(event, event, time)
    yield "Mutex.acquire_async", lambda time: later(lambda: held.acquire_async(time))
    yield "Semaphore.acquire_async", lambda time: later(lambda: semaphore.acquire_async(time))
    yield "Event.wait_async", lambda time: later(lambda: event.wait_async(time))
    yield "wait_any_async", lambda time: later(lambda: byname.wait_any_async([event], time))
    yield "wait_all_async", lambda time: later(lambda: byname.wait_all_async([event], time))
    yield "signal_and_wait_async", lambda time: later(lambda: byname.signal_and_wait_async(event, event, time))


class Number:
    def __float__(self):
        return 0.5


@pytest.mark.parametrize("wrong", [True, False, "1", b"1", [], object(), 1j], ids=repr)
def test_times_of_wrong_type(wrong):
    for call, f in timed_calls():
        with pytest.raises(TypeError, match="timeout must be a number of seconds"):
            f(wrong)
            pytest.fail(call)


@pytest.mark.parametrize("bad", [math.nan, -1, -0.001, -1e-300, -math.inf, -(10**400), Fraction(-1, 3)], ids=lambda value: str(value)[:10])
def test_times_out_of_range(bad):
    for call, f in timed_calls():
        with pytest.raises(byname.InvalidArgumentError) as caught:
            f(bad)
            pytest.fail(call)
        assert caught.value.win32 == 87


@pytest.mark.parametrize(
    "good", [None, math.inf, 0, 0.0, -0.0, 1e-12, 1, 1e308, 10**400, Fraction(1, 3), Number()], ids=lambda value: str(value)[:10]
)
def test_good_times(good):
    """Those calls have not to wait: every time will do."""
    for _, f in timed_calls():
        f(good)


def test_time_raises_what_the_number_raises():
    class Broken:
        def __float__(self):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        byname.Event().wait(Broken())


def test_arguments_of_acquire():
    mutex = byname.Mutex()
    for wrong in 2, -1, 1.0, 5.5, "yes", None:
        with pytest.raises(TypeError, match="blocking must be a bool"):
            mutex.acquire(wrong)
        with pytest.raises(TypeError, match="blocking must be a bool"):
            byname.Semaphore().acquire(wrong)
    for lock in mutex, byname.Semaphore():
        with pytest.raises(byname.InvalidArgumentError, match="leave one of them out"):
            lock.acquire(False, 1)
        with pytest.raises(byname.InvalidArgumentError):
            lock.acquire(blocking=False, timeout=0)
        for call in (
            lambda: lock.acquire(True, 1, 2),
            lambda: lock.acquire(wait=True),
            lambda: lock.acquire(True, blocking=True),
            lambda: lock.acquire(**{"": 1}),
        ):
            with pytest.raises(TypeError, match="acquire"):
                call()
    assert mutex.owner is None
    for good in (
        lambda: mutex.acquire(True),
        lambda: mutex.acquire(1),
        lambda: mutex.acquire(0),
        lambda: mutex.acquire(blocking=True, timeout=None),
        lambda: mutex.acquire(False, None),
    ):
        assert good() is True
        mutex.release()
    with pytest.raises(TypeError):
        mutex.release(1)
    with pytest.raises(TypeError):
        byname.Mutex.release(byname.Event())
    with pytest.raises(TypeError):
        byname.Mutex.acquire(1)


@pytest.mark.parametrize("call", [byname.wait_any, byname.wait_all, byname.wait_any_async, byname.wait_all_async])
def test_lists_of_wrong_type(call):
    event = byname.Event(initial=True)
    with pytest.raises(TypeError, match="objs must be a sequence"):
        call(1)
    with pytest.raises(TypeError, match=r"objs\[1\] must be a handle of byname, not str"):
        call([event, "event"])
    with pytest.raises(TypeError, match=r"objs\[0\]"):
        call("event")
    assert event.is_set()


def test_signal_and_wait_of_wrong_type():
    event = byname.Event()
    for call in byname.signal_and_wait, byname.signal_and_wait_async:
        with pytest.raises(TypeError, match="a must be"):
            call(None, event)
        with pytest.raises(TypeError, match="b must be"):
            call(event, 1)
    assert not event.is_set()


@pytest.mark.parametrize("kind", KINDS)
def test_closed(kind, name):
    handle = kind(name)
    handle.close()
    handle.close()
    event = byname.Event()
    calls = [
        lambda: handle.name,
        lambda: handle.created,
        lambda: byname.wait_any([event, handle], 0),
        lambda: byname.wait_all([handle], 0),
        lambda: byname.signal_and_wait(event, handle, 0),
        lambda: byname.signal_and_wait(handle, event, 0),
        lambda: byname.wait_any_async([handle]).send(None),
        lambda: byname.signal_and_wait_async(event, handle).send(None),
        lambda: handle.__reduce__(),
    ]
    if kind is byname.Mutex:
        calls += [
            handle.acquire,
            handle.release,
            handle.__enter__,
            lambda: handle.__exit__(None, None, None),
            lambda: handle.fence,
            lambda: handle.owner,
            lambda: handle.acquire(timeout=0),
            lambda: handle.acquire_async().send(None),
        ]
    if kind is byname.Event:
        calls += [handle.set, handle.reset, handle.pulse, handle.is_set, handle.wait, lambda: handle.wait_async().send(None)]
    if kind is byname.Semaphore:
        calls += [
            handle.acquire,
            handle.release,
            handle.__enter__,
            lambda: handle.__exit__(),
            lambda: handle.available,
            lambda: handle.acquire_async().send(None),
        ]
    for call in calls:
        with pytest.raises(byname.ClosedError) as caught:
            call()
        assert caught.value.win32 == 6
    assert repr(handle) == f"<byname.{kind.__name__} closed>"
    assert not event.is_set(), "nothing was signalled"


@pytest.mark.parametrize("kind", KINDS)
def test_every_handle(kind, name):
    first, second, unnamed = kind(name), kind(name), kind()
    assert (first.name, first.created, second.created, unnamed.name, unnamed.created) == (name, True, False, None, True)
    assert repr(first) == f"<byname.{kind.__name__} {name!r}>"
    assert repr(unnamed) == f"<byname.{kind.__name__} unnamed>"
    first.close()
    assert kind.open(name).created is False
    second.close()
    with pytest.raises(byname.NotFoundError):
        kind.open(name)


@pytest.mark.parametrize("private", [byname.Handle, byname.Grant, byname.WaitResult])
def test_no_constructor(private):
    with pytest.raises(TypeError):
        private()
