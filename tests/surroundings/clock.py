"""The wall clock stepped back and forward around timed waits, for one process alone: time-outs run on the monotonic clock (contract 10.6).

The library of the tree runs as it ships; the clock that it reads is put before it by the dynamic linker (stepped.c).
"""

import os

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


def test_stepped_around_timed_waits():
    library = tools.program("stepped", "-shared", "-fPIC", "-ldl")
    before = os.environ.get("LD_PRELOAD")
    os.environ["LD_PRELOAD"] = library
    try:
        child = tools.Child(TIMED)
    finally:
        if before is None:
            del os.environ["LD_PRELOAD"]
        else:
            os.environ["LD_PRELOAD"] = before
    with child:
        child.expect("kept time")
        child.end()
