"""W7: what the rivals of Python make of a killed owner, beside byname and the reference in c/death.c.

    python death.py SLICES

An owner takes the lock and is killed while the waiter blocks in acquire(). filelock and portalocker ask again and again,
at the intervals that they have by default; neither says that the owner died. Prints one line "W7 TAB side TAB
microseconds" for each kill.
"""

import os
import signal
import sys
import tempfile
import time
import traceback

KILLS = 5
ASLEEP = 0.02  # seconds that the waiter has been asking before the kill


def kill_an_owner(make):
    """Microseconds from the kill until the waiter, a child too, had the lock. Each makes its own."""
    held, entering, got = os.pipe(), os.pipe(), os.pipe()

    def own():
        lock = make()
        lock.acquire()
        os.write(held[1], b".")
        signal.pause()

    def wait():
        lock = make()
        os.write(entering[1], b".")
        lock.acquire()
        os.write(got[1], time.monotonic_ns().to_bytes(8))
        lock.release()

    owner = child(own, held)
    expect(held)
    waiter = child(wait, entering, got)
    expect(entering)
    time.sleep(ASLEEP)
    killed = time.monotonic_ns()
    os.kill(owner, signal.SIGKILL)
    took = int.from_bytes(expect(got)) - killed
    for pid in owner, waiter:
        os.waitpid(pid, 0)
    return took / 1000


def child(work, *tells):
    """A child that does `work` and tells of it through these pipes."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    for pipe in tells:
        os.close(pipe[1])  # so that a child that fails is noticed
    return pid


def expect(pipe):
    told = os.read(pipe[0], 8)
    os.close(pipe[0])
    if not told:
        sys.exit("a child failed")
    return told


def rivals(folder):
    path = os.path.join(folder, "lock")
    try:
        import filelock

        yield "filelock", lambda: filelock.FileLock(path + "1")
    except ImportError:
        pass
    try:
        import portalocker

        yield "portalocker", lambda: portalocker.Lock(path + "2", timeout=60)
    except ImportError:
        pass


with tempfile.TemporaryDirectory() as folder:
    for side, make in rivals(folder):
        for _ in range(int(sys.argv[1]) * KILLS):
            print("W7", side, kill_an_owner(make), sep="\t", flush=True)
