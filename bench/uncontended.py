"""W1p, W1p-with: an uncontended acquire and release from Python, against posix_ipc and, unless BENCH_RIVALS=0, others.

    python uncontended.py SLICES

Prints one line "row TAB side TAB nanoseconds" for each slice.
"""

import gc
import multiprocessing
import os
import sys
import tempfile
import time

import byname
import posix_ipc

PAIRS = 10_000
PAIRS_OF_FILES = 100  # locks that are files take a hundred times as long


def calls(lock, pairs):
    for _ in range(pairs):
        lock.acquire()
        lock.release()


def brackets(lock, pairs):
    for _ in range(pairs):
        with lock:
            pass


def measure(row, side, form, lock, pairs):
    start = time.perf_counter_ns()
    form(lock, pairs)
    print(row, side, (time.perf_counter_ns() - start) / pairs, sep="\t", flush=True)


def rivals(folder):
    """What is installed of the rivals: name, lock, pairs in a slice."""
    path = os.path.join(folder, "lock")
    yield "multiprocessing.Lock", multiprocessing.Lock(), PAIRS
    yield "multiprocessing.RLock", multiprocessing.RLock(), PAIRS
    try:
        import fasteners

        yield "fasteners", fasteners.InterProcessLock(path + "1"), PAIRS_OF_FILES
    except ImportError:
        pass
    try:
        import filelock

        yield "filelock", filelock.FileLock(path + "2"), PAIRS_OF_FILES
    except ImportError:
        pass
    try:
        import portalocker

        yield "portalocker", portalocker.Lock(path + "3"), PAIRS_OF_FILES
    except ImportError:
        pass


def main():
    gc.disable()
    ours = byname.Mutex("bench-uncontended-mutex")
    reference = posix_ipc.Semaphore(f"/byname-bench-{os.getpid()}", posix_ipc.O_CREX, initial_value=1)
    reference.unlink()  # the name is not needed again
    with tempfile.TemporaryDirectory() as folder:
        sides = [("ours", ours, PAIRS), ("reference", reference, PAIRS)]
        if os.environ.get("BENCH_RIVALS") != "0":
            sides += rivals(folder)
        for form in calls, brackets:
            for _, lock, pairs in sides:
                form(lock, pairs)  # warm
        for _ in range(int(sys.argv[1])):
            for row, form in ("W1p", calls), ("W1p-with", brackets):
                for side, lock, pairs in sides:
                    measure(row, side, form, lock, pairs)
    ours.close()
    reference.close()


main()
