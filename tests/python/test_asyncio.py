"""Asynchronous waits: no thread, no loss, no doubling, whatever is cancelled and whenever."""

import asyncio
import gc
import inspect
import os
import random
import sys
import threading
import weakref

import byname
import pytest
from helpers import Child, Thread, open_files, until, until_waiting, waiters


def os_threads():
    return len(os.listdir("/proc/self/task"))


async def pending(coroutine, count=1):
    """A task that waits for what `coroutine` waits for."""
    before = waiters()
    task = asyncio.ensure_future(coroutine)
    while waiters() < before + count:
        assert not task.done()
        await asyncio.sleep(0)
    return task


def test_free_object_needs_no_loop(name):
    """What can be had at once is had in the first step, which a coroutine driven by hand shows."""

    def drive(coroutine):
        with pytest.raises(StopIteration) as caught:
            coroutine.send(None)
        return caught.value.value

    m, event, s = byname.Mutex(name), byname.Event(initial=True), byname.Semaphore()
    grant = drive(m.acquire_async())
    assert grant.held and drive(event.wait_async()) is True
    assert drive(m.acquire_async(0)) is None and drive(event.wait_async(timeout=0)) is False
    result = drive(byname.wait_all_async([s]))
    assert len(result.grants) == 1
    result.release()
    grant.release()
    with pytest.raises(RuntimeError, match="event loop"):
        event.wait_async().send(None)
    assert waiters() == 0


def test_coroutine(name):
    event = byname.Event(name, initial=True)
    coroutine = event.wait_async()
    assert asyncio.iscoroutine(coroutine) and inspect.isawaitable(coroutine)
    assert (coroutine.__name__, coroutine.__qualname__) == ("wait_async", "Event.wait_async")
    assert asyncio.run(asyncio.wait_for(coroutine, 60)) is True
    with pytest.raises(RuntimeError, match="already awaited"):
        coroutine.send(None)
    never = event.wait_async()
    never.close()
    with pytest.raises(RuntimeError):
        never.send(None)
    with pytest.raises(KeyError):
        event.wait_async().throw(KeyError("x"))

    async def main():
        task = asyncio.create_task(event.wait_async(), name="waiter")
        await asyncio.sleep(0)
        assert "wait_async" in repr(task)
        event.set()
        return await task

    assert asyncio.run(main(), debug=True) is True


def test_tasks_of_one_thread_exclude_each_other(name):
    m = byname.Mutex(name)
    inside = 0
    fences = []

    async def work():
        nonlocal inside
        for _ in range(20):
            async with m as grant:
                inside += 1
                assert inside == 1 and not grant.abandoned
                fences.append(grant.fence)
                await asyncio.sleep(0)
                inside -= 1

    async def main():
        await asyncio.gather(*(work() for _ in range(10)))

    asyncio.run(main())
    assert len(fences) == 200 and fences == sorted(set(fences))
    assert m.owner is None


def test_async_with(name):
    m, s = byname.Mutex(name), byname.Semaphore(initial=2, maximum=2)

    async def main():
        async with s as outer:
            async with s as inner:
                assert inner.fence > outer.fence and s.available == 0
        assert s.available == 2
        with pytest.raises(KeyError):
            async with m:
                raise KeyError
        async with m as grant:
            grant.release()  # early
            async with m as second:
                assert second.held
        async with await m.acquire_async():
            with pytest.raises(byname.NotOwnerError):
                m.release()  # the thread holds nothing: the grant does
        async with await byname.wait_any_async([m, s]) as result:
            assert result.index == 0
        with pytest.raises(byname.NotOwnerError):
            await m.__aexit__(None, None, None)

    asyncio.run(main())
    assert m.owner is None and s.available == 2


def test_async_with_left_by_another_task(name):
    m = byname.Mutex(name)

    async def main():
        await asyncio.create_task(m.__aenter__())
        assert m.owner
        await asyncio.create_task(m.__aexit__(None, None, None))
        assert m.owner is None

    asyncio.run(main())


def test_grant_is_released_by_any_thread_and_after_close(name):
    m, other = byname.Mutex(name), byname.Mutex(name)

    async def main():
        grant = await m.acquire_async()
        m.close()
        assert not other.acquire(False)
        Thread(grant.release).result()
        with pytest.raises(byname.NotOwnerError):
            grant.release()

    asyncio.run(main())
    assert other.acquire(False)
    assert not other.abandoned
    other.release()


def test_time_outs(name):
    m, event = byname.Mutex(name, initially_owned=True), byname.Event()

    async def main():
        loop = asyncio.get_running_loop()
        for wait, outcome in [
            (m.acquire_async, None),
            (event.wait_async, False),
            (lambda timeout: byname.wait_any_async([m, event], timeout), None),
            (lambda timeout: byname.wait_all_async([m, event], timeout), None),
            (lambda timeout: byname.signal_and_wait_async(byname.Event(), event, timeout), None),
        ]:
            assert await wait(0) is outcome
            start = loop.time()
            assert await wait(0.02) is outcome
            assert loop.time() - start >= 0.02 - loop._clock_resolution

    Thread(asyncio.run, main()).result()
    m.release()


def test_signals_from_elsewhere(name):
    """A waiting loop goes on with its other work and is told by threads and by itself."""
    m, event, s = byname.Mutex(name), byname.Event(), byname.Semaphore(initial=0)

    async def main():
        m.acquire()
        tasks = [
            await pending(wait)
            for wait in (
                m.acquire_async(),
                event.wait_async(),
                s.acquire_async(),
                byname.wait_all_async([byname.Event(initial=True), event, s]),
            )
        ]
        m.release()
        (await tasks[0]).release()
        Thread(event.set).result()
        assert await tasks[1] is True
        Thread(s.release).result()
        (await tasks[2]).release()
        assert not tasks[3].done()
        event.set()
        assert len((await tasks[3]).grants) == 1

    asyncio.run(main())


def test_signal_and_wait_async(name):
    done, go = byname.Event(), byname.Event()

    async def main():
        coroutine = byname.signal_and_wait_async(done, go)
        assert not done.is_set(), "nothing happens before it is awaited"
        task = await pending(coroutine)
        assert done.is_set()
        go.set()
        result = await task
        assert result.object is go

    asyncio.run(main())


def test_blocking_call_that_could_never_end(name):
    m = byname.Mutex(name)

    async def main():
        async with m:
            with pytest.raises(byname.WouldDeadlockError) as caught:
                m.acquire()
            assert caught.value.win32 == 1131
            with pytest.raises(byname.WouldDeadlockError):
                with m:
                    pass
            assert m.acquire(blocking=False) is False
            blocked = Thread(m.acquire)
            until_waiting(1)  # another thread may wait
        assert blocked.result()

    asyncio.run(main())


def test_ten_thousand_waits_need_no_thread(name):
    """A third waits for one event, a third for events of their own, a third for units; half of those are cancelled."""
    third = 3_334
    event, s = byname.Event(name, manual_reset=True), byname.Semaphore(initial=0, maximum=third)
    own = [byname.Event() for _ in range(third)]

    async def main():
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, int)
        before = os_threads(), open_files()
        alike, apart, units = (
            [asyncio.ensure_future(wait()) for wait in waits]
            for waits in ([event.wait_async] * third, [each.wait_async for each in own], [s.acquire_async] * third)
        )
        while waiters() < 3 * third:
            await asyncio.sleep(0)
        assert await loop.run_in_executor(None, sum, [1, 2]) == 3, "the executor is free"
        assert os_threads() == before[0]
        assert open_files() <= before[1] + 2
        for number in range(0, third, 2):
            own[number].set()
            apart[number + 1].cancel()
            units[number].cancel()
        s.release(third // 2)
        await asyncio.wait(units)
        assert all(units[number].cancelled() and units[number + 1].result().held for number in range(0, third, 2))
        await asyncio.wait(apart)
        assert all(apart[number].result() and apart[number + 1].cancelled() for number in range(0, third, 2))
        assert s.available == 0 and not any(each.is_set() for each in own)
        assert waiters() == third and not any(task.done() for task in alike)
        event.set()
        assert all(await asyncio.gather(*alike))

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with Python 3.11")
def test_task_group(name):
    """One task fails: the others' waits are cancelled and what they hold is released on the way out."""
    m, s, never = byname.Mutex(name), byname.Semaphore(initial=2, maximum=2), byname.Event()

    async def hold(bracket):
        async with bracket:
            await never.wait_async()

    async def fail():
        while waiters() < 4:  # two hold and wait, the third and the fourth wait for them
            await asyncio.sleep(0)
        raise LookupError

    async def main():
        with pytest.raises(ExceptionGroup) as raised:  # noqa: F821
            async with asyncio.TaskGroup() as group:
                for work in hold(m), hold(s), hold(m), never.wait_async(), fail():
                    group.create_task(work)
        assert [type(error) for error in raised.value.exceptions] == [LookupError]
        async with asyncio.timeout(60), m as grant:
            assert not grant.abandoned and s.available == 2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await never.wait_async()

    asyncio.run(main())
    assert waiters() == 0


def test_several_loops_in_several_threads(name):
    m = byname.Mutex(name)
    gate = byname.Event(manual_reset=True)
    total = 0

    async def work():
        nonlocal total
        assert await gate.wait_async()
        for _ in range(50):
            async with m:
                total += 1

    async def main():
        await asyncio.gather(*(work() for _ in range(5)))

    loops = [Thread(asyncio.run, main()) for _ in range(4)]
    until_waiting(20)
    gate.set()
    for thread in loops:
        thread.result()
    assert total == 1000 and m.owner is None


def test_cancelled_waits_leave_nothing(name):
    m = byname.Mutex(name, initially_owned=True)

    async def main():
        first = await pending(m.acquire_async())
        before = os_threads(), open_files()
        tasks = [first, *[await pending(m.acquire_async()) for _ in range(50)]]
        for task in tasks:
            task.cancel()
        assert all(isinstance(error, asyncio.CancelledError) for error in await asyncio.gather(*tasks, return_exceptions=True))
        assert waiters() == 0
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(m.acquire_async(), 0.01)
        assert waiters() == 0
        assert (os_threads(), open_files()) == before

    asyncio.run(main())
    m.release()
    assert Thread(m.acquire, False).result()


def test_grant_and_cancel_in_one_instant(name):
    """The signal has chosen the waiter before it is cancelled, and the loop had no time to say so: it goes back."""
    event, s, m = byname.Event(), byname.Semaphore(initial=0, maximum=5), byname.Mutex(name)

    async def main():
        task = await pending(event.wait_async())
        event.set()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert event.wait(0), "the signal is not lost"
        assert not event.is_set(), "nor doubled"

        task = await pending(s.acquire_async())
        s.release()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert s.available == 1

        m.acquire()
        task = await pending(m.acquire_async())
        m.release()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert m.acquire(False) and not m.abandoned
        m.release()

        both = await pending(byname.wait_all_async([event, s]))
        event.set()
        both.cancel()
        with pytest.raises(asyncio.CancelledError):
            await both
        assert event.wait(0) and s.available == 1

    asyncio.run(main())


def test_next_in_line_gets_what_a_cancelled_wait_gives_back(name):
    event = byname.Event(name)

    async def main():
        first = await pending(event.wait_async())
        second = await pending(event.wait_async())
        event.set()
        first.cancel()
        second_got = await asyncio.wait_for(second, 60)
        assert second_got and first.cancelled() and not event.is_set()

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(4))
def test_grant_races_cancel(name, seed):
    """One thread signals while the loop cancels: each unit is either in a result or back in the semaphore."""
    dice = random.Random(seed)
    s = byname.Semaphore(name, initial=0, maximum=1000)
    auto = byname.Event()
    m = byname.Mutex()
    turns = 150

    async def main():
        for _ in range(turns):
            s_task, e_task = await pending(s.acquire_async()), await pending(auto.wait_async())
            grant = await m.acquire_async()
            m_task = await pending(m.acquire_async())
            go = threading.Event()

            def signal():
                go.wait()
                for act in dice.sample([s.release, auto.set, grant.release], 3):
                    act()

            thread = Thread(signal)
            go.set()
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            tasks = [s_task, e_task, m_task]
            for task in dice.sample(tasks, 3):
                task.cancel()
            s_result, e_result, m_result = await asyncio.gather(*tasks, return_exceptions=True)
            thread.result()
            if isinstance(s_result, byname.Grant):
                assert s.available == 0
            else:
                assert s.acquire(False)
            assert auto.wait(0) is (e_result is not True)
            if isinstance(m_result, byname.Grant):
                assert not m_result.abandoned
                m_result.release()
            assert m.acquire(False) and not m.abandoned
            m.release()

    asyncio.run(main())
    assert waiters() == 0


def test_lost_grant_abandons(name):
    m = byname.Mutex(name)

    async def main():
        grant = await m.acquire_async()
        with pytest.warns(ResourceWarning, match="never released"):
            del grant
            gc.collect()

    asyncio.run(main())
    with m:
        assert m.abandoned


def test_error_while_waiting_is_told(name):
    closed = byname.Event(name)
    closed.close()

    async def main():
        with pytest.raises(byname.ClosedError):
            await closed.wait_async()
        with pytest.raises(byname.InvalidArgumentError):
            await byname.wait_any_async([])

    asyncio.run(main())


def test_wait_outlives_the_handle(name):
    event, other = byname.Event(name), byname.Event(name)

    async def main():
        task = await pending(event.wait_async())
        event.close()
        other.set()
        assert await task is True

    asyncio.run(main())


def test_task_without_other_references_is_not_collected(name):
    event, done = byname.Event(name), byname.Event()

    async def wait():
        await event.wait_async()
        done.set()

    async def main():
        weak = weakref.ref(await pending(wait()))
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0)
        assert weak() is not None
        event.set()
        assert await asyncio.wait_for(done.wait_async(), 60)

    asyncio.run(main())


def test_closed_loop_frees_its_descriptors_and_waits(name):
    event = byname.Event(name)
    before = open_files()
    for _ in range(20):
        loop = asyncio.new_event_loop()
        task = loop.create_task(event.wait_async())
        while not waiters():
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        # A task that a closed loop leaves behind complains when it is collected: that is asyncio's own report.
        task._log_destroy_pending = False
        del task, loop
        gc.collect()
        assert waiters() == 0
    until(lambda: open_files() == before, "a descriptor is left")


def test_collected_loop_frees_everything(name):
    """A loop that nobody closed: a cycle through the futures, which the collector can see."""
    event = byname.Event(name)
    before = open_files()

    async def main():
        await event.wait_async()

    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    while not waiters():
        loop.run_until_complete(asyncio.sleep(0))
    task._log_destroy_pending = False
    del task
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del loop
        gc.collect()
    gc.collect()
    until(lambda: waiters() == 0 and open_files() == before, "the wait goes on")


def test_uvloop():
    pytest.importorskip("uvloop")
    code = """
import asyncio, uvloop
event = byname.Event()
async def main(wait):
    if wait:
        task = asyncio.ensure_future(event.wait_async())
        await asyncio.sleep(0)
        in_thread(event.set)
        assert await task is True
def run(wait):
    loop = uvloop.new_event_loop()
    loop.run_until_complete(main(wait))
    loop.close()
run(False)
files = lambda: len(os.listdir('/proc/self/fd'))
before = files()
for _ in range(3):
    run(True)
    while files() > before: time.sleep(0.001)  # the keeper may be just putting the bell away
"""
    with Child(code) as child:
        child.end()


def test_forgotten_await_warns(name):
    mutex = byname.Mutex(name)
    with pytest.warns(RuntimeWarning, match="acquire_async.* was never awaited"):
        mutex.acquire_async()
    assert mutex.owner is None, "and it did nothing"
