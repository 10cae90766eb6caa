"""Two PID namespaces share the directory: equal pids and tids belong to different owners."""

import os
import threading

import byname
from common import Child, can, say, until_told

INSIDE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def inside():
    """Does as it is told to the mutex, as process 1 of a PID namespace, or of any."""
    mutex = byname.Mutex("m")
    say(f"{os.getpid()} {threading.get_native_id()}")
    while word := until_told():
        if word == "try":
            got = mutex.acquire(blocking=False)
            say(f"got {mutex.abandoned} {mutex.state.depth}" if got else "busy")
        elif word == "acquire":
            say("asks")
            mutex.acquire()
            say(f"got {mutex.abandoned} {mutex.state.depth}")
        elif word == "release":
            try:
                mutex.release()
                say("released")
            except byname.NotOwnerError:
                say("not mine")
        elif word == "die":
            os.abort()


def ask(child, word, wanted):
    child.tell(word)
    child.expect(wanted)


def test_equal_pids_and_tids():
    can(*INSIDE, "true")
    one, two = (Child(inside, before=INSIDE) for _ in range(2))
    assert one.line() == two.line() == "1 1"
    ask(one, "try", "got False 1")
    ask(two, "try", "busy")  # not recursion, though its ids are the owner's
    ask(two, "release", "not mine")
    ask(one, "try", "got False 2")
    ask(one, "release", "released")
    ask(one, "release", "released")
    ask(one, "try", "got False 1")
    ask(two, "acquire", "asks")
    one.kill()  # --kill-child: process 1 of its namespace, too
    two.expect("got True 1")
    ask(two, "release", "released")
    two.wait()
