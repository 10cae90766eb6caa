"""A process all of whose threads a debugger has stopped."""

import ctypes
import os

import byname
from cgroups import owner
from common import Child, Skip

ATTACH, DETACH = 16, 17
WALL = 0x4000_0000  # also threads that are not processes


def test_ptrace_stop():
    """An owner that is stopped stays the owner, others go on with everything else, and it goes on when it is let go."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    mutex, other = byname.Mutex("m"), byname.Mutex("other")
    stopped = Child(owner, "m")
    stopped.expect("owns")
    threads = [int(tid) for tid in os.listdir(f"/proc/{stopped.pid}/task")]
    for tid in threads:
        if libc.ptrace(ATTACH, tid, None, None):
            raise Skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
        os.waitpid(tid, WALL)
    for _ in range(20):
        child = Child(owner, "other")
        child.expect("owns")
        child.kill()
        assert other.acquire(timeout=120) and other.abandoned
        other.release()
    assert not mutex.acquire(blocking=False), "a stopped owner lost its mutex"
    for tid in threads:
        assert not libc.ptrace(DETACH, tid, None, None)
    stopped.tell("go")
    stopped.expect("released")
    assert mutex.acquire(timeout=120) and not mutex.abandoned
    mutex.release()
    assert stopped.wait() == 0
    mutex.close()
    other.close()
