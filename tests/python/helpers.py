"""Ways to know that somebody waits, threads that hand on their result, processes that talk by lines, an object that somebody stopped has locked."""

import contextlib
import itertools
import os
import struct
import subprocess
import sys
import threading
import time

import byname
from byname._byname import _usage

# Seconds. Nothing takes that long: a test fails instead of hanging.
PATIENCE = float(os.environ.get("BYNAME_TEST_PATIENCE", 120))


def open_files():
    """How many descriptors are open, but for the files of namespaces, which stay open for good."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            count += "/byname.v1." not in os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            pass  # the one that listed the others
    return count


def until(true, otherwise):
    """Waits for a condition that nobody signals."""
    deadline = time.monotonic() + PATIENCE / 4
    while not true():
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.001)


def waiters():
    """How many waits of this process are in progress."""
    return _usage()[2]


def until_waiting(count):
    """Returns when so many waits of this process are in progress."""
    until(lambda: waiters() >= count, lambda: f"{waiters()} of {count} wait")


class Thread(threading.Thread):
    """A thread whose result, or exception, is handed on by `result()`."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self.function, self.arguments = function, arguments
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.function(*self.arguments)
        except BaseException as error:
            self.error = error

    def result(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "the thread did not end"
        if self.error:
            raise self.error
        return self.value


lockers = itertools.count(100)

# Offsets in an object's record (docs/arena-format.md).
NAME = 112
WORD = 8


def word_of(file, name):
    """Where the word of the object of that name is in a namespace's file."""
    at = 0
    while True:
        data = os.lseek(file, at, os.SEEK_DATA)
        at = os.lseek(file, data, os.SEEK_HOLE)
        place = os.pread(file, at - data, data).find(name.encode())
        if place >= 0:
            return data + place - NAME + WORD


@contextlib.contextmanager
def locked(name):
    """A process that is stopped while it has the object locked, imitated by the bytes that it would leave: the locker is a thread of ours, which lives. What is
    yielded ends it early."""
    file = os.open(byname.Namespace().path, os.O_RDWR)
    there, ended = threading.Event(), threading.Event()
    tells = f"tells who locks {next(lockers)}"  # records of those that are gone keep their names

    def own():
        with byname.Mutex(tells) as owned, owned:
            there.set()
            ended.wait()

    owner = Thread(own)
    there.wait()

    def word(at):
        return struct.unpack("Q", os.pread(file, 8, at))[0]

    owned = word(word_of(file, tells))
    locker = (owned & 0xFFFF) << 36 | (owned >> 16 & 0xFFF) << 52
    at = word_of(file, name)
    before = word(at)
    os.pwrite(file, struct.pack("Q", before & 0xFFFFFFFF | locker), at)

    def unlock():
        if not ended.is_set():
            os.pwrite(file, struct.pack("Q", before), at)
            ended.set()

    try:
        yield unlock
    finally:
        unlock()
        owner.result()
        os.close(file)


class Child:
    """A Python process that runs `code` with `byname` and `sys` imported; it talks by lines."""

    def __init__(self, code, *arguments, options=(), env=None):
        # `blocked` tells the line "blocked" once a wait is in progress: from another thread, since the main one waits.
        prelude = (
            "import os, signal, sys, threading, time, byname\n"
            "from byname._byname import _usage\n"
            "def say(*words): print(*words, flush=True)\n"
            "def tell_when_blocked(count=1):\n"
            "    def watch():\n"
            "        while _usage()[2] < count: time.sleep(0.001)\n"
            "        say('blocked')\n"
            "    threading.Thread(target=watch, daemon=True).start()\n"
            "def in_thread(f, *arguments):\n"
            "    t = threading.Thread(target=f, args=arguments); t.start(); return t\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, *options, "-c", prelude + code, *map(str, arguments)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def expect(self, line):
        found = self.process.stdout.readline().rstrip("\n")
        assert found == line, (found, self.process.stderr.read() if not found else "")

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self, status=0, errors=""):
        """Waits for the process; gives what it still said."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert (self.process.returncode, err) == (status, errors)
        return out.split()
