"""The conductor of the byname demo: deals a text to workers in four languages, kills one of them while it holds the
mutex, and checks that nothing is lost and nothing counted twice.

    conductor.py DIRECTORY [INPUT]

DIRECTORY is empty and takes the files of this run. The command line of each language's worker comes in the
environment (DEMO_PYTHON, DEMO_C, DEMO_RUST, DEMO_NODE), words parted by tabs; so does the namespace (BYNAME_SESSION).
SEED repeats the dice of an earlier run. Exits with 0 if everything held.
"""

import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from byname import Event, Mutex, Semaphore, wait_any
from text import count_in_one_process, deal, take_text
from worker import GENESIS, fnv1a

LANGUAGES = ("python", "c", "rust", "node")  # in the order of their first chunks: a single chunk is the victim's
AT_A_TIME = 2  # workers that the gate lets in
GATE_LIMIT = 60.0  # seconds until a permit that is not back counts as lost
HAND = 8  # chunks that each worker owns from the beginning
TIME_LIMIT = float(os.environ.get("DEMO_TIME_LIMIT", "300"))  # seconds; far more than any of this takes


class Failed(Exception):
    """What did not hold, in words."""


def main(directory, given=None):
    directory = Path(directory)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    described = take_text(directory / "text", given)
    chunks = deal(directory / "text", directory / "plan")
    (directory / "ledger").touch()
    say("seed", f"{seed}  (SEED={seed} deals the same fate again)")
    say("text", f"{described}, {number((directory / 'text').stat().st_size)} bytes in {number(chunks)} chunks")
    with Conductor(directory, chunks, random.Random(seed)) as conductor:
        conductor.conduct()
        return conductor.judge()


# --- the ledger, as somebody reads it who does not own the mutex


class Entry(NamedTuple):
    """A line of the ledger."""

    chunk: int
    words: int
    worker: str
    fence: int

    @property
    def language(self):
        return self.worker.split("-")[0]


class Book:
    """Reads the ledger while others write. What follows the last line end may be half a line, so it is only looked at;
    and a line counts once it hashes right, so that a repair that happens during a read cannot mislead."""

    def __init__(self, path):
        self.path = path
        self.end = 0
        self.hash = GENESIS.encode()
        self.entries = []

    def read(self):
        """Reads on; returns what follows the last good line."""
        with open(self.path, "rb") as file:
            file.seek(self.end)
            rest = file.read()
        while b"\n" in rest:
            line, after = rest.split(b"\n", 1)
            body, _, hash = line.rpartition(b" ")
            if hash != fnv1a(self.hash, body):
                break
            seq, chunk, words, worker, fence = body.decode().split()
            if int(seq) != len(self.entries) + 1:
                break
            self.entries.append(Entry(int(chunk), int(words), worker, int(fence)))
            self.hash = hash
            self.end += len(line) + 1
            rest = after
        return rest

    def lines_of(self, worker):
        return sum(entry.worker == worker for entry in self.entries)


# --- the workers


class Worker:
    """A worker's process, and what it said about itself."""

    def __init__(self, language, serial, directory, hand, hear, fate=None):
        self.language = language
        self.name = f"{language}-{serial}"
        self.acquired = self.abandoned = self.permits = 0
        self.killed = False
        command = os.environ["DEMO_" + language.upper()].split("\t")
        environment = dict(os.environ, DEMO_FATE=fate) if fate else None
        self.process = subprocess.Popen(
            [*command, str(directory), self.name, *map(str, hand)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.listener = threading.Thread(target=self._listen, args=(hear,), daemon=True)
        self.listener.start()

    def _listen(self, hear):
        for line in self.process.stdout:
            hear(self, *line.split())
        hear(self, "end")

    def __str__(self):
        return f"{self.language} (pid {self.process.pid})"


class Conductor:
    """The objects of the demo, the processes, and the story of one run."""

    def __init__(self, directory, chunks, dice):
        self.directory = directory
        self.chunks = chunks
        self.book = Book(directory / "ledger")
        self.news = queue.SimpleQueue()
        self.workers = []
        self.silent = 0  # workers that said their last word
        self.victim = self.heir = None
        self.repaired = 0
        self.cut = b""

        # Created here, opened by the workers: they cannot miss each other, and the names live as long as this process.
        self.start = Event("start", manual_reset=True)
        self.done = Event("done")
        self.time_is_up = Event("time is up", manual_reset=True)
        self.fate = Event("fate")
        self.heard = Event()  # has no name: it is between the threads of this process
        self.ready = Semaphore("ready", initial=0, maximum=2 * len(LANGUAGES))
        self.gate = Semaphore("gate", initial=AT_A_TIME, maximum=AT_A_TIME, robust=True)
        self.ledger = Mutex("ledger")
        self.alarm = threading.Timer(TIME_LIMIT, self.time_is_up.set)
        self.alarm.daemon = True

        # A fair part of the chunks is dealt before the start, so that every language has work; the rest is free to all.
        self.hand = min(HAND, max(1, chunks // (2 * len(LANGUAGES))))
        self.hands = [range(first, chunks, len(LANGUAGES))[: self.hand] for first in range(len(LANGUAGES))]
        # The dice: the line that the victim dies in (not its first, where it has more), where that is cut, and when.
        last = len(self.hands[0])
        self.fatal_line = dice.randint(min(2, last), last)
        self.fatal_cut = dice.randrange(1 << 16)
        self.pause = dice.uniform(0, 0.05)

    def __enter__(self):
        self.began = time.monotonic()
        self.alarm.start()
        return self

    def __exit__(self, *_):
        """Leaves nobody behind, whatever happened."""
        self.alarm.cancel()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait()
            worker.listener.join()
        for thing in (self.start, self.done, self.time_is_up, self.heard, self.fate, self.ready, self.gate, self.ledger):
            thing.close()

    # --- the run

    def conduct(self):
        for language, hand in zip(LANGUAGES, self.hands):
            fate = f"{self.fatal_line} {self.fatal_cut}" if language == "python" and self.chunks else None
            self.engage(language, hand, fate)
        ready = 0
        while ready < len(LANGUAGES):
            ready += self.wait_for(self.ready)
        if self.chunks:
            self.victim = self.workers[0]
            self.tell(f"{self.victim} shall die in the middle of its line {self.fatal_line}")
        else:
            self.tell("no chunk to count, so nobody gets into the middle of a line and nobody is killed")
        self.tell(f"all four are ready, each with up to {self.hand} chunks in hand; two at a time: go")
        self.start.set()

        while self.silent < len(self.workers):
            self.wait_for(self.done)
            # The event only says that there is news: two chunks may share one signal, so the ledger is what counts.
            self.book.read()
            if self.victim and not self.victim.killed:
                self.kill_if_in_the_middle()

    def wait_for(self, thing):
        """Waits until `thing` is signalled, a worker says something, or time is up. Tells whether it was `thing`."""
        won = wait_any([self.time_is_up, self.heard, thing])
        if won.index == 0:
            raise Failed(f"time is up: {len(self.book.entries)} of {self.chunks} chunks after {TIME_LIMIT:g} s")
        self.take_news()
        return won.index == 2

    def kill_if_in_the_middle(self):
        """Kills the victim where the ledger ends in half a line and the mutex says that it is the victim's.

        The ledger is read before and after the owner: where the same half line stood both times, nobody completed it
        in between, so who owned the mutex then has written it. And with all its earlier lines in the ledger the victim
        is in its fatal one, which it never completes: nothing can overtake the signal.
        """
        victim = self.victim
        half = self.book.read()
        lines = len(self.book.entries)
        owner = self.ledger.owner
        if not half or not owner or owner[0] != victim.process.pid:
            return
        if self.book.read() != half or len(self.book.entries) != lines or self.book.lines_of(victim.name) != self.fatal_line - 1:
            return
        wait_any([self.time_is_up], timeout=self.pause)  # the others gather before the gate and the mutex
        self.tell(f"the ledger ends in {half.decode()!r} and its owner is {victim}: kill -9")
        self.cut = half
        victim.killed = True
        victim.process.send_signal(signal.SIGKILL)

    def engage(self, language, hand=(), fate=None):
        serial = 1 + sum(worker.language == language for worker in self.workers)
        self.workers.append(Worker(language, serial, self.directory, hand, self.hear, fate))

    def hear(self, *news):
        """Takes down what a worker says; its listening thread calls this."""
        self.news.put(news)
        self.heard.set()

    def take_news(self):
        """Acts on what the workers said, and notices those that ended otherwise than they should."""
        while not self.news.empty():
            worker, word, *values = self.news.get()
            if word == "repaired":
                self.repaired, fence = map(int, values)
                self.heir = worker
                self.tell(f"{worker} got the mutex, was told that its owner died (fence {fence}), cut {self.repaired} bytes off, went on")
                self.engage("python")
                self.tell(f"{self.workers[-1]} takes the place of the dead; the start event is still set")
            elif word == "permit":
                worker.permits += 1
                self.tell(f"{worker} got the permit of the dead back through the gate")
            elif word == "report":
                worker.acquired, worker.abandoned = map(int, values)
            elif word == "end":
                self.silent += 1
                status = worker.process.wait()
                if status != (-signal.SIGKILL if worker.killed else 0):
                    raise Failed(f"{worker} ended with status {status}")

    # --- the verdict

    def judge(self):
        """Prints the table, checks everything that was promised, and says whether all of it holds."""
        self.tell(f"all {self.chunks} chunks are in the ledger, all workers have left")
        book = Book(self.directory / "ledger")
        rest = book.read()
        if self.victim:
            self.victim.acquired = self.fatal_line  # it cannot say so any more: one for each of its lines
        self.print_table(book.entries)
        checks = [self.check_ledger(book, rest), self.check_words(book), self.check_gate()]
        if self.victim:
            checks += [self.check_languages(book), self.check_death()]
        return all(checks)

    def check_ledger(self, book, rest):
        fences = [entry.fence for entry in book.entries]
        counted = sorted(entry.chunk for entry in book.entries)
        return all(
            [
                check(not rest, f"the chain holds over {number(len(book.entries))} lines", f"then comes {rest[:80]!r}"),
                check(fences == sorted(set(fences)), "each line has a higher fence than the one before"),
                check(counted == list(range(self.chunks)), "every chunk was counted, and once", f"{len(counted)} lines"),
            ]
        )

    def check_words(self, book):
        words = sum(entry.words for entry in book.entries)
        alone = count_in_one_process(self.directory / "text")
        return check(words == alone, f"{number(words)} words, as one process counts", f"one process counts {number(alone)}")

    def check_gate(self):
        """Goes through the gate itself: when the dead one's permit came back after everybody else had passed, the conductor is the next, and told."""
        permits = [self.gate.acquire(timeout=GATE_LIMIT) for _ in range(AT_A_TIME)]
        back = [permit for permit in permits if permit]
        self.told_at_gate = sum(permit.abandoned for permit in back)
        for permit in back:
            permit.release()
        return check(len(back) == AT_A_TIME, "all permits are back at the gate", f"{len(back)} of {AT_A_TIME}")

    def check_languages(self, book):
        busy = {entry.language for entry in book.entries}
        # The victim does not complete its last line; whoever has one more than that, or does not die, is in the ledger.
        sure = {language for language, hand in zip(LANGUAGES, self.hands) if len(hand) > (language == "python")}
        what = "every language counted chunks" if len(sure) == len(LANGUAGES) else "too short a text for all languages, the others counted"
        return check(busy >= sure, what, f"only {', '.join(sorted(busy))}")

    def check_death(self):
        told = sum(worker.abandoned for worker in self.workers)
        returned = self.told_at_gate + sum(worker.permits for worker in self.workers)
        killed = self.victim.killed
        noticed = killed and told == 1 and self.heir and self.heir.language != "python" and self.repaired == len(self.cut)
        return all(
            [
                check(killed, "the victim was killed in the middle of a line, owning the mutex"),
                check(
                    noticed,
                    "the next owner, in another language, was told and repaired the ledger; nobody else was told",
                    f"told {told} times; {self.heir} cut {self.repaired} of {len(self.cut)} bytes off",
                ),
                check(returned == 1, "the dead one's permit came back, and the next at the gate was told", f"told {returned} times"),
            ]
        )

    def print_table(self, entries):
        rows = []
        for language in LANGUAGES:
            workers = [worker for worker in self.workers if worker.language == language]
            lines = [entry for entry in entries if entry.language == language]
            counts = len(workers), len(lines), sum(line.words for line in lines)
            rows.append((language, *counts, sum(worker.acquired for worker in workers), sum(worker.abandoned for worker in workers)))
        everything = ("all", *(sum(column) for column in list(zip(*rows))[1:]))
        print()
        for row in (("language", "processes", "chunks", "words", "acquisitions", "abandoned seen"), *rows, everything):
            print(f"  {row[0]:10}", *(f"{number(cell):>14}" for cell in row[1:]))
        print(flush=True)

    def tell(self, what):
        print(f"[{time.monotonic() - self.began:7.3f}] {what}", flush=True)


# --- what people see


def check(holds, what, otherwise=""):
    if holds:
        print(f"  {paint('ok', 32)}    {what}", flush=True)
    else:
        print(f"  {paint('FAIL', 31)}  {what}" + (f" ({otherwise})" if otherwise else ""), flush=True)
    return bool(holds)


def paint(text, colour):
    return f"\033[{colour}m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def number(value):
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else value


def say(what, text):
    print(f"  {what:8} {text}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(0 if main(*sys.argv[1:]) else 1)
    except Failed as failure:
        check(False, str(failure))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
