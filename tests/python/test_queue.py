"""The message queue: what Python makes of contract 9."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
import time

import byname
import pytest


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
    with byname.Queue("pickled", 3, 8) as q:
        with pickle.loads(pickle.dumps(q)) as same:
            same.put(b"x")
            assert q.get() == b"x"
    with pytest.raises(TypeError, match="unnamed Queue"):
        pickle.dumps(queue())


def test_a_blocked_get_ends_with_a_message_and_with_ctrl_c():
    q = queue()
    threading.Timer(0.05, q.put, [b"x"]).start()
    assert q.get() == b"x"
    threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()
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
