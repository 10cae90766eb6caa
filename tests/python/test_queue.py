"""The message queue: what Python makes of contract 9."""

import asyncio
import gc
import multiprocessing
import os
import pickle
import signal
import threading
import time

import byname
import pytest
from helpers import Thread, locked, until_waiting


def queue(max_messages=4, max_size=100, **options):
    return byname.Queue(max_messages=max_messages, max_size=max_size, allow_broken=True, **options)


def test_messages_come_in_order_and_whole():
    q = queue(max_size=100_000)
    messages = [b"a", b"b" * 5000, bytearray(b"c"), memoryview(b"dd")[1:], os.urandom(100_000)]
    with q:
        for message in messages[:4]:
            assert q.put(message) is True
        assert [q.get() for _ in range(4)] == [b"a", b"b" * 5000, b"c", b"d"]
        q.put(messages[4])
        assert q.get() == messages[4]
        assert q.get(timeout=0) is None and q.get(timeout=0.01) is None


def test_a_full_queue_times_out_and_an_alert_has_a_place_of_its_own():
    q = queue(max_messages=1)
    assert q.put(b"1", timeout=0) and not q.put(b"2", timeout=0) and not q.put(b"2", timeout=0.01)
    assert q.put(b"stop", alert=True, timeout=0)
    assert [q.get_message(), q.get_message(0), q.get_message(0)] == [(b"stop", True), (b"1", False), None]


def test_numbers():
    q = byname.Queue("numbers", 3, 8)
    with byname.Queue("numbers", 99, 8, allow_broken=True) as again:
        assert q.created and not again.created
        info = again.info()
        assert (info.max_messages, info.max_size, info.readers, info.writers, info.allow_broken) == (3, 8, 2, 2, False)
        with pytest.raises(byname.InvalidArgumentError, match="max_size 8"):
            byname.Queue("numbers", 3, 9)
    assert q.info() == q.info()
    q.close()
    q.close()
    with pytest.raises(byname.NotFoundError):
        byname.Queue.open("numbers")


def test_ends():
    with byname.Queue("ends", 3, 8, mode="r") as reader:
        assert reader.mode == "r"
        with pytest.raises(byname.DisconnectedError):
            reader.get()
        with pytest.raises(byname.WrongKindError) as error:
            reader.put(b"x")
        assert error.value.win32 == 6
        with pytest.raises(byname.InvalidArgumentError):
            reader.writable
        with byname.Queue.open("ends", mode="w") as writer:
            assert writer.mode == "w" and writer.writable is writer
            writer.put(b"x")
            with pytest.raises(byname.WrongKindError):
                writer.get()
        with pytest.raises(byname.DisconnectedError) as error:  # broken: the message is gone
            reader.get(timeout=0)
        assert error.value.win32 == 233 and isinstance(error.value, BrokenPipeError)
        with byname.Queue("ends", 1, 9) as fresh:
            assert fresh.created


def test_waits_take_nothing():
    q = queue(max_messages=1)
    assert byname.wait_any([q], timeout=0) is None
    assert byname.wait_any([q, q.writable]).index == 1
    q.put(b"x")
    assert byname.wait_any([q.writable], timeout=0) is None
    assert byname.wait_any([q]).index == 0 and q.info().messages == 1


@pytest.mark.parametrize("data", ["text", 7, None, [1, 2], object()])
def test_what_is_no_message(data):
    q = queue()
    with pytest.raises(TypeError, match="message must be bytes"):
        q.put(data)
    with pytest.raises(TypeError, match="message must be bytes"):
        q.put_async(data)


def test_bad_input():
    q = queue()
    for call in [lambda: q.put(b""), lambda: q.put(b"x", timeout=-1), lambda: q.get(timeout=float("nan"))]:
        with pytest.raises(byname.InvalidArgumentError):
            call()
    with pytest.raises(byname.MessageTooLongError) as error:
        q.put(b"x" * 101)
    assert error.value.win32 == 122
    for options in [{"max_size": 0}, {"max_size": 2**26 + 1}, {"max_messages": 2**32}, {"max_messages": -1}, {"mode": "x"}]:
        with pytest.raises(byname.InvalidArgumentError):
            byname.Queue(**options)
    for options in [{"max_size": True}, {"max_messages": "1"}, {"mode": 1}, {"allow_broken": 1}, {"precommit": None}]:
        with pytest.raises(TypeError):
            byname.Queue(**options)
    with pytest.raises(TypeError):
        q.put(b"x", alert=1)
    q.close()
    for call in [lambda: q.put(b"x"), q.get, q.info]:
        with pytest.raises(byname.ClosedError):
            call()


def test_pickle_opens_both_ends():
    for name in ("pickled", None):
        with byname.Queue(name, 3, 8) as q, pickle.loads(pickle.dumps(q)) as same:
            same.put(b"x")
            assert q.get() == b"x"


def test_a_blocked_get_ends_with_a_message_and_with_ctrl_c():
    q = queue()
    Thread(lambda: (until_waiting(1), q.put(b"x")))
    assert q.get() == b"x"
    Thread(lambda: (until_waiting(1), signal.raise_signal(signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        q.get()
    q.put(b"y")
    assert q.get() == b"y"


def test_asyncio():
    async def main():
        q = queue(max_messages=1)
        assert await q.get_async(timeout=0.01) is None
        getter = asyncio.ensure_future(q.get_async())
        await asyncio.sleep(0.01)
        assert await q.put_async(b"x") is True
        assert await getter == b"x"
        q.put(b"full")
        assert await q.put_async(b"y", timeout=0.01) is False
        putter = asyncio.ensure_future(q.put_async(b"y"))
        await asyncio.sleep(0.01)
        assert await q.get_message_async() == (b"full", False)
        assert await putter is True
        assert q.get() == b"y"
        cancelled = asyncio.ensure_future(q.get_async())
        await asyncio.sleep(0.01)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        getters = [asyncio.ensure_future(q.get_async()) for _ in range(20)]
        for i in range(20):
            await q.put_async(bytes([i]))
        assert sorted(await asyncio.gather(*getters)) == [bytes([i]) for i in range(20)]

    asyncio.run(main())


def test_asyncio_in_place():
    async def main():
        q = queue(max_messages=1, max_size=1 << 20)
        assert await q.take_async(timeout=0.01) is None
        taker = asyncio.ensure_future(q.take_async())
        await asyncio.sleep(0.01)
        with await q.reserve_async(1 << 20) as frame:
            assert await q.reserve_async(5, timeout=0.01) is None, "its place is in use"
            frame[:5] = b"hello"
        with await taker as message:
            assert (len(message), message[:6], message.alert) == (1 << 20, b"hello\0", False)
            reserver = asyncio.ensure_future(q.reserve_async(5, alert=False))
            await asyncio.sleep(0.01)
            assert not reserver.done()
        (await reserver).release()
        with await q.reserve_async(4, alert=True) as frame:
            frame[:] = b"stop"
        with await q.take_async() as message:
            assert (bytes(message), message.alert) == (b"stop", True)
        cancelled = asyncio.ensure_future(q.take_async())
        await asyncio.sleep(0.01)
        cancelled.cancel()
        q.put(b"not for the cancelled one")
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert q.get(timeout=0) == b"not for the cancelled one"
        with pytest.raises(byname.MessageTooLongError):
            await q.reserve_async((1 << 20) + 1)
        with pytest.raises(byname.InvalidArgumentError):
            await q.reserve_async(0)

    asyncio.run(main())


def test_the_other_threads_run_while_somebody_who_is_stopped_has_the_queue():
    q = queue(name="locked by a stopped one")
    q.put(b"taken")
    q.put(b"next")
    taken, room = q.take(), q.reserve(4)
    room[:] = b"sent"
    ticks, ended = [], threading.Event()
    ticker = Thread(lambda: [ticks.append(1) for _ in iter(lambda: ended.wait(0.001), True)])
    tries = [lambda: q.put(b"x", timeout=0), lambda: q.get(timeout=0), lambda: q.reserve(1, timeout=0), lambda: q.take(timeout=0)]
    with locked("locked by a stopped one"):
        for call in tries:
            before = len(ticks)
            assert not call()
            assert len(ticks) - before >= 2
    for call in (q.info, room.commit, taken.release):
        with locked("locked by a stopped one") as unlock:
            unlocks = Thread(lambda unlock=unlock: (time.sleep(0.01), unlock()))
            call()
            unlocks.result()
    assert [q.get(), q.get(), q.info().messages] == [b"next", b"sent", 0]
    ended.set()
    ticker.result()


def test_ctrl_c_ends_a_call_that_waits_for_somebody_who_is_stopped():
    q = queue(name="locked by another stopped one")
    for call in (q.get, lambda: q.put(b"x")):
        with locked("locked by another stopped one"), pytest.raises(KeyboardInterrupt):
            Thread(lambda: (time.sleep(0.01), signal.raise_signal(signal.SIGINT)))
            call()


def test_a_loop_goes_on_while_somebody_who_is_stopped_has_the_queue():
    async def main():
        q = queue(name="locked by a third")
        with locked("locked by a third") as unlock:
            calls = [q.put_async(b"x"), q.reserve_async(1)]
            calls = [asyncio.ensure_future(call) for call in calls]
            timed = [q.get_async(timeout=0.01), q.take_async(timeout=0.01)]
            assert await asyncio.gather(*timed) == [None, None]
            assert not any(call.done() for call in calls)
            unlock()
            put, frame = await asyncio.gather(*calls)
        assert put is True and len(frame) == 1
        assert q.get() == b"x"

    asyncio.run(main())


def test_a_message_is_written_and_read_in_place():
    q = queue(max_size=1 << 20)
    with q.reserve(1 << 20) as frame:
        assert len(frame) == 1 << 20 and not memoryview(frame).readonly
        frame[:5] = b"hello"
        frame[-1] = 7
        assert (frame[0], frame[:5], frame[-1]) == (ord("h"), b"hello", 7)
        assert q.info().messages == 0
    with q.take() as message:
        assert (len(message), message[:5], message[-1], message.alert) == (1 << 20, b"hello", 7, False)
        assert q.info().messages == 0
        with memoryview(message) as whole:
            assert whole.readonly
            with pytest.raises(TypeError):
                whole[0] = 1
        for wrong in [lambda: message[1 << 20], lambda: message[None]]:
            with pytest.raises((IndexError, TypeError)):
                wrong()
    for gone in [lambda: len(message), lambda: memoryview(message), lambda: message[0], lambda: len(frame), frame.commit]:
        with pytest.raises(byname.ClosedError, match="committed or released"):
            gone()
    message.release(), frame.release()
    for held in [q.reserve(1), message]:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(held)


def test_a_commit_may_be_of_less_and_of_an_alert():
    q = queue(max_size=8)
    q.put(b"later")
    with q.reserve(8, alert=True) as frame:
        for size in (0, 9, 1 << 64):
            with pytest.raises(byname.InvalidArgumentError):
                frame.commit(size)
        frame[:4] = b"stop"
        frame.commit(4)
        with pytest.raises(byname.ClosedError):
            frame.commit()
    with q.take() as message:
        assert bytes(message) == b"stop" and message.alert
    assert q.get() == b"later" and q.get(timeout=0) is None


def test_room_comes_back():
    """By an exception, by release, and by collection; and nothing was sent."""
    q = queue(max_messages=1, max_size=8)
    with pytest.raises(ZeroDivisionError):
        with q.reserve(8) as frame:
            frame[0] = 1
            1 / 0
    q.reserve(8).release()
    with q.reserve(8) as frame:
        frame.release()
    q.reserve(8)
    gc.collect()
    assert q.get(timeout=0) is None and q.put(b"x", timeout=0)
    q.take()
    gc.collect()
    assert q.put(b"y", timeout=0)
    with pytest.raises(ZeroDivisionError):
        with q.take():
            1 / 0
    assert q.get(timeout=0) is None and q.put(b"z", timeout=0)


def test_what_is_exported_from_a_message_is_counted():
    q = queue(max_messages=1, max_size=8)
    frame = q.reserve(8)
    part = memoryview(frame)[2:]
    for call in (frame.commit, frame.release):
        with pytest.raises(BufferError, match="still in use"):
            call()
    part[0] = 7
    part.release()
    with pytest.raises(BufferError):
        with frame:
            part = memoryview(frame)
    assert q.get(timeout=0) is None
    part.release()
    frame.commit()
    message = q.take()
    part = memoryview(message)
    with pytest.raises(BufferError):
        message.release()
    del message
    gc.collect()
    assert not q.put(b"x", timeout=0)  # the export keeps the place
    assert part[2] == 7
    del part
    gc.collect()
    assert q.put(b"x", timeout=0)


def test_after_an_exception_the_last_export_gives_the_room_back():
    q = queue(max_messages=1, max_size=8)
    kept = []
    with pytest.raises(ZeroDivisionError):
        with q.reserve(8) as frame:
            kept.append(memoryview(frame))
            1 / 0
    for call in (frame.commit, lambda: memoryview(frame)):
        with pytest.raises(byname.ClosedError):
            call()
    assert not q.put(b"x", timeout=0)
    kept[0][0] = 1  # still there
    kept[0].release()
    assert q.put(b"x", timeout=0)


def test_reserve_and_take_fail_as_put_and_get_do():
    q = queue(max_messages=1, max_size=8)
    assert q.take(timeout=0) is None and q.take(timeout=0.01) is None
    with q.reserve(1):
        assert q.reserve(1, timeout=0) is None and q.reserve(1, timeout=0.01) is None
    with pytest.raises(byname.MessageTooLongError) as error:
        q.reserve(9)
    assert error.value.win32 == 122
    for call in [lambda: q.reserve(0), lambda: q.reserve(-1), lambda: q.reserve(1, timeout=-1), lambda: q.take(timeout=-1)]:
        with pytest.raises(byname.InvalidArgumentError):
            call()
    for call in [lambda: q.reserve("1"), lambda: q.reserve(True), lambda: q.reserve(1, alert=1), lambda: q.take(timeout="1")]:
        with pytest.raises(TypeError):
            call()
    with byname.Queue("one end each", 1, 8, mode="r") as reader, byname.Queue.open("one end each", mode="w") as writer:
        for call in (lambda: reader.reserve(1), writer.take):
            with pytest.raises(byname.WrongKindError):
                call()
        frame = writer.reserve(1)
        reader.close()
        with pytest.raises(byname.DisconnectedError):
            frame.commit()
        with pytest.raises(byname.ClosedError):
            frame.commit()
    kept = q.take()
    q.close()
    assert bytes(kept) == b"\0"
    kept.release()
    for call in (lambda: q.reserve(1), q.take):
        with pytest.raises(byname.ClosedError):
            call()


def test_a_blocked_take_ends_with_a_message_and_with_ctrl_c():
    q = queue()
    Thread(lambda: (until_waiting(1), q.put(b"x")))
    with q.take() as message:
        assert message[:] == b"x"
    Thread(lambda: (until_waiting(1), signal.raise_signal(signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        q.take()


def test_numpy_fills_a_message_in_place():
    numpy = pytest.importorskip("numpy")
    q = queue(max_size=8000)
    with q.reserve(8000) as frame:
        numbers = numpy.frombuffer(frame, dtype=numpy.float64)
        numbers[:] = numpy.arange(1000)
        del numbers
    with q.take() as message:
        assert numpy.frombuffer(message, dtype=numpy.float64).sum() == 499500


def test_who_is_killed_with_messages_in_place_blocks_nobody():
    q = queue(max_messages=2, max_size=100_000)
    q.put(b"read by the dead")
    with byname.Event() as there:
        child = os.fork()
        if child == 0:
            frame, message = q.reserve(100_000), q.take()
            frame[0] = message[0]
            there.set()
            signal.pause()
        there.wait()
        assert not q.put(b"x", timeout=0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert q.put(b"one") and q.put(b"two")
    assert [q.get(), q.get(), q.get(timeout=0)] == [b"one", b"two", None]


def test_the_child_of_a_fork_has_none_of_its_parents_messages_in_place():
    q = queue(max_messages=1, max_size=8)
    frame = q.reserve(8)
    child = os.fork()
    if child == 0:
        refused = 0
        for call in (frame.commit, lambda: memoryview(frame), lambda: len(frame)):
            try:
                call()
            except byname.ClosedError:
                refused += 1
        frame.release()
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert not q.put(b"x", timeout=0)
    frame.commit()
    assert q.get() == bytes(8)


def child_of_fork(q, ready):
    ready.set()
    for _ in range(100):
        q.put(q.get())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method):
    context = multiprocessing.get_context(method)
    with byname.Queue(f"to and fro {method}", 8, 8) as q, byname.Event(f"there {method}") as ready:
        child = context.Process(target=child_of_fork, args=(q, ready))
        child.start()
        ready.wait()
        while q.info().readers < 2:
            time.sleep(0.001)
        assert q.info().writers == 2
        for i in range(100):
            q.put(bytes([i]))
            while (got := q.get(timeout=0.5)) is None:
                pass
            assert len(got) == 1
        child.terminate()
        child.join()


def test_the_ends_of_a_forked_child_count_from_the_fork_on():
    """A parent that closes its own right after the fork breaks nothing."""
    for _ in range(20):
        q = byname.Queue("handed on", 8, 32)
        reader = byname.Queue.open("handed on", mode="r")
        with byname.Event() as got:
            child = os.fork()
            if child == 0:
                q.put(b"from the child")
                got.wait()  # its end would break the queue, and the message would be gone
                os._exit(0)
            q.close()  # the parent's writing end; the child has one
            assert reader.get() == b"from the child"
            got.set()
            os.waitpid(child, 0)
            with pytest.raises(byname.DisconnectedError):
                reader.get()
            reader.close()
