"""Ctrl-C, and other signals, in every blocking call on the main thread."""

import signal

import byname
import pytest
from helpers import Child, Thread, until_waiting

# What blocks in each call, and what shows that nothing was consumed.
SETUP = """
import signal
m, s, e, other = byname.Mutex(), byname.Semaphore(initial=0), byname.Event(), byname.Event()
holding, let_go = threading.Event(), threading.Event()
def hold():
    with m:
        holding.set(); let_go.wait()
thread = in_thread(hold)
holding.wait()
"""
CALLS = [
    "m.acquire()",
    "m.acquire(timeout=1000)",
    "m.__enter__()",
    "s.acquire()",
    "s.__enter__()",
    "e.wait()",
    "e.wait(1e300)",
    "byname.wait_any([m, s, e])",
    "byname.wait_all([m, s, e])",
    "byname.signal_and_wait(other, e)",
]


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c(call):
    code = f"""
{SETUP}
tell_when_blocked()
try:
    {call}
    say('returned')
except KeyboardInterrupt:
    say('interrupted', _usage()[2])
let_go.set(); thread.join()
assert m.acquire(blocking=False); m.release()
assert s.release() == 0 and s.acquire(False)
e.set()
assert e.wait(0)
"""
    with Child(code) as child:
        child.expect("blocked")
        child.process.send_signal(signal.SIGINT)
        child.expect("interrupted 0")
        child.end()


def test_ctrl_c_in_asyncio():
    code = """
import asyncio
e = byname.Event()
async def main():
    try:
        await e.wait_async()
    except asyncio.CancelledError:
        say('cancelled'); raise
tell_when_blocked()
try:
    asyncio.run(main())
except KeyboardInterrupt:
    say('interrupted', _usage()[2])
"""
    with Child(code) as child:
        child.expect("blocked")
        child.process.send_signal(signal.SIGINT)
        # Before Python 3.11 asyncio.run cancelled nothing until it was left.
        assert child.end()[-2:] == ["interrupted", "0"]


def test_handlers_run_while_a_call_blocks():
    """A handler that returns does not end the wait, and may itself use what the thread waits for."""
    code = """
import signal
e, seen = byname.Event(), []
signal.signal(signal.SIGUSR1, lambda *_: (seen.append(1), say('seen')))
signal.signal(signal.SIGUSR2, lambda *_: e.set())
tell_when_blocked()
assert e.wait() is True
assert seen == [1, 1]
"""
    with Child(code) as child:
        child.expect("blocked")
        for _ in range(2):
            child.process.send_signal(signal.SIGUSR1)
            child.expect("seen")
        child.process.send_signal(signal.SIGUSR2)
        child.end()


def test_handler_that_raises_ends_the_wait():
    code = """
import signal
class Enough(Exception): pass
def handler(*_): raise Enough
signal.signal(signal.SIGALRM, handler)
e = byname.Event()
tell_when_blocked()
try:
    byname.wait_any([e, byname.Mutex(initially_owned=True)][:1])
except Enough:
    say('enough')
"""
    with Child(code) as child:
        child.expect("blocked")
        child.process.send_signal(signal.SIGALRM)
        child.expect("enough")
        child.end()


def test_main_thread_after_fork():
    """In the child of a fork from another thread, that thread is the one that Ctrl-C interrupts."""
    code = """
import warnings
warnings.simplefilter('ignore')
def work():
    if os.fork() == 0:
        say(os.getpid())
        tell_when_blocked()
        try:
            byname.Event().wait()
        except KeyboardInterrupt:
            say('interrupted')
        os._exit(7)
    say('status', os.waitstatus_to_exitcode(os.wait()[1]))
in_thread(work).join()
"""
    with Child(code) as child:
        pid = int(child.process.stdout.readline())
        child.expect("blocked")
        import os

        os.kill(pid, signal.SIGINT)
        child.expect("interrupted")
        child.expect("status 7")
        child.end()


def test_signals_do_not_disturb_waits_of_other_threads(name):
    event = byname.Event(name)
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    try:
        waiter = Thread(event.wait)
        until_waiting(1)
        for _ in range(20):
            signal.pthread_kill(waiter.ident, signal.SIGUSR1)
        event.set()
        assert waiter.result() is True
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen
