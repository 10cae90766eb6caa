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
    "with m: pass",
    "s.acquire()",
    "with s: pass",
    "e.wait()",
    "e.wait(1e300)",
    "byname.wait_any([m, s, e])",
    "byname.wait_all([m, s, e])",
    "byname.wait_all([m, s, e], 1000)",
    "byname.signal_and_wait(other, e)",
    "byname.signal_and_wait(other, m, timeout=1000)",
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


def test_handler_that_uses_other_objects():
    """It may lock, signal and even wait, in the midst of a wait, or of an uncontended call."""
    code = """
import asyncio, signal
e, other, m, s = byname.Event(), byname.Event(), byname.Mutex(), byname.Semaphore(initial=0)
helper = in_thread(lambda: [byname.signal_and_wait(s, other) for _ in range(2)])
def handler(*_):
    with m:
        grant = s.acquire()
        assert byname.wait_any([e], timeout=0.001) is None
        byname.Event('made in the handler').close()
    other.set()
    say('handled')
signal.signal(signal.SIGUSR1, handler)
threading.Thread(target=lambda: (helper.join(), e.set()), daemon=True).start()
tell_when_blocked(2)
with m:
    assert byname.wait_all([e]).index == -1
assert m.owner is None and s.available == 0
signal.signal(signal.SIGALRM, lambda *_: m.acquire() and m.release())
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for _ in range(20_000):
    with m: pass
signal.setitimer(signal.ITIMER_REAL, 0)
assert m.owner is None
say('done')
"""
    with Child(code) as child:
        child.expect("blocked")
        for _ in range(2):
            child.process.send_signal(signal.SIGUSR1)
            child.expect("handled")
        child.expect("done")
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
