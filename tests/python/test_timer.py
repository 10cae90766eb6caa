"""Timers as Python has them: float seconds, aware datetimes, asyncio."""

import asyncio
import math
import pickle
import selectors
import threading
import time
from datetime import datetime, timedelta, timezone

import byname
import pytest


def test_relative_and_absolute():
    timer = byname.Timer()
    for set_ in (lambda: timer.set(0.01), lambda: timer.set(datetime.now(timezone.utc) + timedelta(seconds=0.01))):
        begun = time.monotonic()
        set_()
        assert timer.wait() is True
        assert time.monotonic() - begun >= 0.01 - 1e-5  # a datetime has microseconds
        assert timer.wait(0) is False


def test_zones():
    timer = byname.Timer(manual_reset=True)
    for zone in (timezone.utc, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))):
        timer.set(datetime.now(zone) + timedelta(seconds=60))
        assert 59 < timer.remaining() <= 60
        timer.set(datetime(1970, 1, 1, tzinfo=zone))
        assert timer.wait(0) and timer.remaining() is None
    timer.set(datetime(1, 1, 1, tzinfo=timezone.utc))
    assert timer.wait(0)
    timer.set(datetime(9999, 12, 31, tzinfo=timezone.utc))
    assert not timer.wait(0) and timer.remaining() > 1e9


def test_period_and_state():
    timer = byname.Timer()
    assert timer.state == byname.Timer().state
    timer.set(0.001, period=0.002)
    assert [timer.wait() for _ in range(3)] == [True] * 3
    assert timer.state.period == 0.002 and timer.state.remaining <= 0.002
    timer.cancel()
    assert timer.remaining() is None
    timer.set(due=60, period=1)
    assert repr(timer.state).startswith("TimerState(signaled=False, manual_reset=False, remaining=5")


@pytest.mark.parametrize("due", [-1, -1e-300, math.nan, math.inf, -math.inf, datetime.now(), 10**400])
def test_no_due_time(due):
    timer = byname.Timer(manual_reset=True)
    timer.set(0)
    with pytest.raises(byname.InvalidArgumentError) as error:
        timer.set(due)
    assert error.value.win32 == 87 and "due" in str(error.value)
    assert timer.wait(0)


@pytest.mark.parametrize("period", [-1, math.nan, math.inf, 2147483.648, 10**400])
def test_no_period(period):
    timer = byname.Timer(manual_reset=True)
    timer.set(0)
    with pytest.raises(byname.InvalidArgumentError, match="period"):
        timer.set(60, period)
    assert timer.wait(0)
    timer.set(60, 2147483.647)


@pytest.mark.parametrize("wrong", [True, None, "soon", [], timedelta(seconds=1), 1j])
def test_wrong_types(wrong):
    timer = byname.Timer()
    with pytest.raises(TypeError, match="due must be a number of seconds from now, or an aware datetime"):
        timer.set(wrong)
    if wrong is not None:
        with pytest.raises(TypeError, match="period must be a number of seconds"):
            timer.set(1, period=wrong)
    with pytest.raises(TypeError):
        timer.set()
    with pytest.raises(TypeError, match="manual_reset must be a bool"):
        byname.Timer(manual_reset=1)


def test_asyncio():
    async def work():
        timer = byname.Timer()
        timer.set(0.005, period=0.005)
        assert await timer.wait_async()
        assert await asyncio.gather(timer.wait_async(), timer.wait_async(timeout=60)) == [True, True]
        timer.set(60)
        assert await timer.wait_async(timeout=0.001) is False
        waiting = asyncio.ensure_future(timer.wait_async())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        timer.set(0)
        assert timer.wait(0), "a cancelled wait consumes nothing"
        result = await byname.wait_any_async([byname.Event(), timer], timeout=0.001)
        assert result is None

    asyncio.run(work())


def test_set_while_asyncio_waits():
    async def work():
        timer = byname.Timer("set while asyncio waits")
        waiting = asyncio.ensure_future(timer.wait_async())
        await asyncio.sleep(0)
        thread = threading.Thread(target=byname.Timer.open("set while asyncio waits").set, args=(0.001,))
        thread.start()
        assert await waiting
        thread.join()

    asyncio.run(work())


def test_selectors():
    timer = byname.Timer()
    with selectors.DefaultSelector() as loop:
        loop.register(timer, selectors.EVENT_READ)
        assert not loop.select(0)
        timer.set(0.002)
        assert [key.fileobj for key, _ in loop.select()] == [timer]
        assert timer.wait(0) and not timer.wait(0)
        assert not loop.select(0)


def test_pickle_and_bracket():
    with byname.Timer("pickled timer") as timer:
        timer.set(60)
        assert pickle.loads(pickle.dumps(timer)).remaining() > 59
    with pytest.raises(byname.ClosedError):
        timer.set(1)


def test_waits_with_other_kinds():
    timer, event, mutex = byname.Timer(), byname.Event(initial=True), byname.Mutex()
    timer.set(0.002)
    with byname.wait_all([event, timer, mutex], timeout=60) as result:
        assert len(result.grants) == 1 and mutex.state.depth == 1
    with pytest.raises(byname.WrongKindError):
        byname.signal_and_wait(timer, event)
