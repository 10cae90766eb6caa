"""W1p, W1p-with: an uncontended acquire and release from Python, against posix_ipc.

    python uncontended.py SLICES

Prints one line "<row> <ours|reference> <nanoseconds>" for each slice.
"""

import gc
import os
import sys
import time

import byname
import posix_ipc

PAIRS = 10_000


def calls(lock):
    for _ in range(PAIRS):
        lock.acquire()
        lock.release()


def brackets(lock):
    for _ in range(PAIRS):
        with lock:
            pass


def measure(row, whose, pairs, lock):
    start = time.perf_counter_ns()
    pairs(lock)
    print(row, whose, (time.perf_counter_ns() - start) / PAIRS, flush=True)


def main():
    gc.disable()
    ours = byname.Mutex("bench-uncontended-mutex")
    reference = posix_ipc.Semaphore(f"/byname-bench-{os.getpid()}", posix_ipc.O_CREX, initial_value=1)
    reference.unlink()  # the name is not needed again
    for pairs in calls, brackets:  # warm
        pairs(ours)
        pairs(reference)
    for _ in range(int(sys.argv[1])):
        measure("W1p", "ours", calls, ours)
        measure("W1p", "reference", calls, reference)
        measure("W1p-with", "ours", brackets, ours)
        measure("W1p-with", "reference", brackets, reference)
    ours.close()
    reference.close()


main()
