"""The Python worker: counts the words of a text's chunks and enters each count in a ledger that workers in C,
Rust and Node share.

    worker.py DIRECTORY NAME [CHUNK...]

DIRECTORY holds `text`, `plan` (one line a chunk: offset, length) and `ledger`. The CHUNKs are this worker's own
from the beginning; the others go to whoever claims them first. README.md says how the workers work together.
"""

import os
import sys

from byname import Event, Mutex, Semaphore, signal_and_wait

PATIENCE = 120.0  # seconds; what may keep this worker waiting longer is dead itself
GENESIS = "0" * 16  # stands where the first line looks for the hash of the line before
# Words are parted by ASCII white space, whatever the language: a space, and the bytes 9 to 13.
MARKS = bytes(32 if byte == 32 or 9 <= byte <= 13 else 120 for byte in range(256))


def count_words(data):
    """Counts the runs of bytes that are not white space."""
    return (b" " + data.translate(MARKS)).count(b" x")


def fnv1a(*parts):
    """The FNV-1a hash of the parts, one after the other, as 16 hexadecimal digits."""
    state = 0xCBF29CE484222325
    for byte in b"".join(parts):
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return b"%016x" % state


class Ledger:
    """The shared file and the mutex that guards it: `with ledger:` is the only way in."""

    def __init__(self, path):
        self.mutex = Mutex.open("ledger")
        self.file = os.open(path, os.O_RDWR | os.O_APPEND)
        self.end = 0  # what lies before this offset was read and verified
        self.lines = 0
        self.hash = GENESIS.encode()
        self.done = set()
        self.acquired = self.abandoned = 0

    def __enter__(self):
        self.mutex.acquire()
        try:
            self.acquired += 1
            self.catch_up(self.mutex.abandoned)
        except BaseException:
            self.mutex.release()
            raise

    def __exit__(self, *_):
        self.mutex.release()

    def catch_up(self, abandoned):
        """Reads what the others wrote meanwhile. Half a line is what a dead owner leaves: it is cut off."""
        new = os.pread(self.file, os.fstat(self.file).st_size - self.end, self.end)
        whole = new.rfind(b"\n") + 1
        for line in new[:whole].splitlines():
            body, _, hash = line.rpartition(b" ")
            if hash != fnv1a(self.hash, body):
                sys.exit(f"the ledger's chain breaks at line {self.lines + 1}: {line!r}")
            self.lines += 1
            self.hash = hash
            self.done.add(int(body.split()[1]))
        self.end += whole
        half = len(new) - whole
        if half and not abandoned:
            sys.exit(f"the ledger ends in half a line, {new[whole:]!r}, though no owner died")
        if half:
            os.ftruncate(self.file, self.end)
        if abandoned:
            self.abandoned += 1
            tell("repaired", half, self.mutex.fence)

    def line(self, chunk, words, name):
        """The next line: its number, what it says, and a hash over that and the hash of the line before."""
        body = f"{self.lines + 1} {chunk} {words} {name} {self.mutex.fence}".encode()
        return body + b" " + fnv1a(self.hash, body) + b"\n"

    def append(self, line, cut, in_between=None):
        """Writes a line in two pieces, as every worker does: exclusion has to hold between them."""
        os.write(self.file, line[:cut])
        if in_between:
            in_between()
        os.write(self.file, line[cut:])


def claim(ledger, plan):
    """Finds a chunk that nobody has counted or holds. A claim is a mutex named after the chunk, so that the claims
    of a process die with it. Without a free chunk, waits for the holder of the first: it finishes, or dies."""
    while True:
        with ledger:
            missing = [chunk for chunk in range(len(plan)) if chunk not in ledger.done]
            for chunk in missing:
                hold = Mutex(f"chunk {chunk}")
                if hold.acquire(blocking=False):
                    return chunk, hold
                hold.close()
        if not missing:
            return None
        with Mutex(f"chunk {missing[0]}"):
            pass


def meet_fate():
    """Wakes the conductor, which kills the process that waits here. Nobody ever sets the event."""
    signal_and_wait(Event.open("done"), Event.open("fate"), timeout=PATIENCE)


def tell(*words):
    """Tells the conductor."""
    print(*words, flush=True)


def main(directory, name, *own):
    ready, gate = Semaphore.open("ready"), Semaphore.open("gate")
    start, done = Event.open("start"), Event.open("done")
    ledger = Ledger(os.path.join(directory, "ledger"))
    with open(os.path.join(directory, "plan")) as file:
        plan = [tuple(map(int, line.split())) for line in file]
    text = os.open(os.path.join(directory, "text"), os.O_RDONLY)
    hand = [(int(chunk), Mutex(f"chunk {chunk}", initially_owned=True)) for chunk in own]
    if not all(hold.created for _, hold in hand):
        sys.exit("a chunk of this hand is somebody else's")
    fate, cut = map(int, os.environ.get("DEMO_FATE", "0 0").split())  # the line to die in, and where to cut it
    counted = 0

    ready.release()
    if not start.wait(timeout=PATIENCE):
        sys.exit("no start signal")
    while True:
        mine = hand.pop(0) if hand else claim(ledger, plan)
        if mine is None:
            break
        chunk, hold = mine
        with gate.acquire() as permit:
            if permit.abandoned:
                tell("permit")
            offset, length = plan[chunk]
            words = count_words(os.pread(text, length, offset))
            counted += 1
            with ledger:
                line = ledger.line(chunk, words, name)
                if counted == fate:
                    ledger.append(line, 1 + cut % (len(line) - 1), meet_fate)
                else:
                    ledger.append(line, len(line) // 2)
        hold.release()
        hold.close()
        done.set()
    tell("report", ledger.acquired, ledger.abandoned)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
