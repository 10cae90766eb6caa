"""WA-python: ten thousand pending waits in one Python process, idle and then ended; half of them for an event of their own,
half for units of one semaphore. There is no reference: the goals are one more thread at the most, and no processor time while
they only wait.

    python pending.py SLICES

Prints lines "row TAB ours TAB value" for each slice: WA-python, the threads more than before the first wait; -idle, per cent of
a processor over a second; -begin and -end, microseconds a wait; -job, microseconds for an unrelated executor job while all wait
and, as its reference, before the first wait.
"""

import asyncio
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import byname

WAITS = 10_000
IDLE_S = 1.0
JOBS = 100


def say(what, value, side="ours"):
    print("WA-python" + (f"-{what}" if what else ""), side, value, sep="\t", flush=True)


def threads():
    return len(os.listdir("/proc/self/task"))


async def jobs():
    times = []
    for _ in range(JOBS):
        start = time.perf_counter()
        await asyncio.to_thread(int)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


async def measure(before):
    events = [byname.Event() for _ in range(WAITS // 2)]
    semaphore = byname.Semaphore(initial=0, maximum=WAITS)
    start = time.perf_counter()
    waits = [asyncio.ensure_future(wait) for event in events for wait in (event.wait_async(), semaphore.acquire_async())]
    await asyncio.sleep(0)
    say("begin", (time.perf_counter() - start) / WAITS * 1e6)

    await asyncio.sleep(0.01)
    processor, start = time.process_time(), time.perf_counter()
    await asyncio.sleep(IDLE_S)
    say("idle", 100 * (time.process_time() - processor) / (time.perf_counter() - start))
    say("", threads() - before)

    say("job", await jobs())

    start = time.perf_counter()
    for event in events:
        event.set()
    semaphore.release(WAITS // 2)
    outcomes = await asyncio.gather(*waits)
    say("end", (time.perf_counter() - start) / WAITS * 1e6)
    if not all(outcomes):
        sys.exit("a wait ended wrongly")
    for event in events:
        event.close()
    semaphore.close()


async def main():
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    await jobs()  # the executor's thread is there before we count
    before = threads()
    for _ in range(int(sys.argv[1])):
        say("job", await jobs(), side="reference")
        await measure(before)


asyncio.run(main())
