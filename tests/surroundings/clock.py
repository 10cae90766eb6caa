"""The wall clock stepped back and forward: around timed waits, which run on the monotonic clock (contract 10.6), and around absolute timers, which follow it (6.4).

The library of the tree runs as it ships; the clock that it reads is put before it by the dynamic linker (stepped.c, shifted.c).
"""

import os
import signal
import subprocess
import sys
import tempfile

import common
import tools

TIMED = """
import asyncio
first, second = time.time(), time.time()
assert abs(first - second) > 3600, "the clock does not step"
m, e, s = byname.Mutex('m'), byname.Event('e'), byname.Semaphore('s', 0)
in_thread(m.acquire).join()   # abandoned: it is free
with m: pass
holder = threading.Thread(target=lambda: (m.acquire(), held.set(), end.wait(), m.release()))
held, end = threading.Event(), threading.Event()
holder.start(); held.wait()

def takes(seconds, call):
    before = time.monotonic()
    assert not call(seconds), call
    assert time.monotonic() - before >= seconds, (call, time.monotonic() - before)

def step_until(done):
    while not done(): time.time(); time.sleep(0.001)

waits = [
    lambda t: m.acquire(timeout=t), lambda t: e.wait(t), lambda t: s.acquire(timeout=t),
    lambda t: byname.wait_any([e, s], t), lambda t: byname.wait_all([e, s], t), lambda t: byname.signal_and_wait(e, s, t),
    lambda t: asyncio.run(m.acquire_async(t)), lambda t: asyncio.run(e.wait_async(t)), lambda t: asyncio.run(byname.wait_any_async([e, s], t)),
]
for wait in waits:  # back and forward while each waits its time
    thread = in_thread(takes, 0.06, wait)
    step_until(lambda: not thread.is_alive())
    e.reset()

told = []
long = [in_thread(lambda: told.append(e.wait(5400))), in_thread(lambda: told.append(byname.wait_any([m, s], 5400)))]  # less than the steps
step_until(lambda: _usage()[2] == 2)
before = time.monotonic()
step_until(lambda: time.monotonic() - before > 1.2)  # beyond a belt of the keeper, which ends what it thinks overdue
assert not told and all(thread.is_alive() for thread in long), told
e.set(); s.release()
step_until(lambda: len(told) == 2)
assert all(told)
end.set(); holder.join()
say('kept time')
"""


def stepped():
    """The environment of a process whose wall clock steps."""
    return dict(os.environ, LD_PRELOAD=tools.program("stepped", "-shared", "-fPIC", "-ldl"))


def test_a_wait_by_the_wall_clock_would_be_seen():
    """The stand-in clock does what it is for: it stops who lets the kernel wait for a time of the wall clock."""
    futex, wait_bitset_realtime = 202, 9 | 256
    if os.uname().machine != "x86_64":
        raise common.Skip("the number of futex is that of x86-64")
    waits = f"import ctypes; ctypes.CDLL(None).syscall({futex}, (ctypes.c_int * 1)(1), {wait_bitset_realtime}, 0, (ctypes.c_long * 2)(1, 0), None, -1)"
    ended = subprocess.run([sys.executable, "-c", waits], env=stepped(), stderr=subprocess.PIPE, text=True)
    assert ended.returncode == -signal.SIGABRT and "by the wall clock" in ended.stderr, ended


def test_stepped_around_timed_waits():
    child = tools.Child(TIMED, env=stepped())
    with child:
        child.expect("kept time")
        child.end()


ABSOLUTE = """
import asyncio, mmap, os, struct
from datetime import datetime, timedelta, timezone

with open(os.environ["SHIFT"], "r+b") as file:
    shift = mmap.mmap(file.fileno(), 8)

def set_clock(seconds):
    shift[:] = struct.pack("q", seconds)

def due(seconds):
    return datetime.fromtimestamp(time.clock_gettime(time.CLOCK_REALTIME) + seconds, timezone.utc)

def returns(thread):
    while thread.is_alive(): time.sleep(0.001)

timer, event = byname.Timer(), byname.Event()
waits = [
    lambda t: timer.wait(t), lambda t: byname.wait_any([event, timer], t), lambda t: asyncio.run(timer.wait_async(t)),
]
for wait in waits:
    set_clock(0)
    timer.set(due(3600))
    got = []
    thread = in_thread(lambda: got.append(wait(60)))
    while _usage()[2] == 0: time.sleep(0.001)
    set_clock(7200)      # forward past it: its time has come
    returns(thread)
    assert got and got[0], got
    timer.set(due(0.3))
    set_clock(3600)      # back: it comes later
    before = time.monotonic()
    assert not wait(1.5) and time.monotonic() - before >= 1.5
    assert 3000 < timer.remaining() <= 3601, timer.remaining()
    set_clock(7201)
    assert wait(60)
    timer.set(60)        # relative: the wall clock is nothing to it
    set_clock(100000)
    assert 59 < timer.remaining() <= 60 and not wait(0)
    set_clock(0)
    timer.set(due(0.01), period=3600)
    assert wait(60)      # its first time was the wall clock's, the next are not
    set_clock(100000)
    assert not wait(0) and timer.remaining() <= 3600
say("followed the clock")
"""


def test_absolute_timers_follow_the_clock():
    with tempfile.NamedTemporaryFile() as shift:
        shift.write(bytes(8))
        shift.flush()
        preload = tools.program("shifted", "-shared", "-fPIC", "-ldl")
        child = tools.Child(ABSOLUTE, env=dict(os.environ, LD_PRELOAD=preload, SHIFT=shift.name))
        with child:
            child.expect("followed the clock")
            child.end()
