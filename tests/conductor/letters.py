"""The soak's books on the kinds that are more than a word: letters, ticks, the board, dogs, jobs, processes. `tests/soak/ledger.py` says what workers write down.

- Each letter that was sent is in one record, or was in the hand of one who died: of those at most one each. None is there twice, none is torn, and a reader gets
  those of one writer in their order. A queue that was emptied has room for as many as it had at first.
- A timer ticks, and its ticks are no more than its time has brought.
- What is read of the board is of one version; half made it is only where a writer died.
- A dog that is stopped is killed, and none before its time: the time of its last refresh that was done, its period and its grace.
- What was in a job of the dead ends with them. A process that was opened is signalled when it has ended, and not before.
"""

import os
import signal
import time
from collections import Counter, defaultdict
from glob import glob

import ledger as L
from drivers import Broken

CONDUCTOR = 0xFFFF << 40  # as a writer


class Letters:
    def __init__(self, path):
        import byname

        self.byname, self.path = byname, path
        options = ({}, {"precommit": False, "allow_broken": True}, {"precommit": False, "allow_broken": True})
        self.queues = [
            byname.Queue(f"q{i}", max_messages=most, max_size=size, **how) for i, ((most, size), how) in enumerate(zip(L.QUEUES, options, strict=True))
        ]
        self.timers = [byname.Timer(f"t{i}") for i in range(len(L.TIMERS))]
        self.timers_set = []
        for timer, period in zip(self.timers, L.TIMERS, strict=True):
            self.timers_set.append(time.monotonic())
            timer.set(L.DUE, period=period)
        self.board = byname.Mapping("board", L.BOARD)
        self.sent: dict[tuple[int, int], int] = {}  # by writer and queue: the last that was sent, for sure
        self.maybe: set[tuple[int, int, int]] = set()  # letters whose writer died in the call
        self.got: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.lost: dict[tuple[int, int], set[int]] = defaultdict(set)
        self.closed: set[tuple[int, int]] = set()  # writers that are dead, and of whom every letter is accounted for
        self.in_hand = [0] * len(L.QUEUES)  # readers that died since the last stock and may have had one
        self.last: dict[tuple[str, int, int], int] = {}  # by record, writer and queue
        self.read: Counter[str] = Counter()  # of each record
        self.ticks = [0] * len(L.TIMERS)
        self.half_made = 0  # writers of the board that died in the middle since the last stock
        self.members: set[int] = set()  # of jobs of the dead
        self.counts: Counter[str] = Counter()

    # --- deaths

    def enter_death(self, slot: int, name: int, lane) -> None:
        writer = slot << 40 | name
        for q in range(len(L.QUEUES)):
            word = lane[L.SENDING + q]
            self.sent[writer, q] = word // 2
            if word % 2:
                self.maybe.add((writer, q, word // 2 + 1))
        if lane[L.RECEIVING]:
            self.in_hand[lane[L.RECEIVING] - 1] += 1
        self.half_made += lane[L.CHANGING] != 0
        if lane[L.JOB_CHILD]:
            self.members.add(lane[L.JOB_CHILD])

    def enter_end(self, slot: int, name: int, lane) -> None:
        """Of one who lived to the end."""
        for q in range(len(L.QUEUES)):
            self.sent[slot << 40 | name, q] = lane[L.SENDING + q] // 2

    def collect(self, lane) -> None:
        for i in range(len(L.TIMERS)):
            self.ticks[i] += lane[L.TICKS + i]

    def members_gone(self) -> bool:
        """Orphans are the conductor's, which buries them: then there is no such process."""
        self.members = {pid for pid in self.members if is_child(pid)}
        return not self.members

    # --- stock

    def pump(self) -> None:
        """Who waits for a letter, or for room, without an end gets it."""
        for q, queue in enumerate(self.queues):
            if not queue.info().messages:
                self.post(q)
            elif (most := L.QUEUES[q][0]) and queue.info().messages >= most:
                self.fetch(q)

    def post(self, q: int) -> bool:
        n = self.sent.get((CONDUCTOR, q), 0) + 1
        done = self.queues[q].put(L.letter(CONDUCTOR, n, q, L.LETTER.size + n % 3), 0)
        if done:
            self.sent[CONDUCTOR, q] = n
        return done

    def fetch(self, q: int) -> bool:
        data = self.queues[q].get(0)
        if data is not None:
            writer, n = L.read_letter(data, q)
            self.enter("the conductor", writer, n, q)
        return data is not None

    def enter(self, reader: str, writer: int, n: int, q: int) -> None:
        """One line of a record."""
        what = f"letter {n} of {writer:x} in queue {q}"
        if (writer, q) in self.closed:
            raise Broken(f"{what}, whose writer died long ago, was received or lost before, and came to {reader}")
        if n in self.got[writer, q]:
            raise Broken(f"{what} was received twice, the second time by {reader}")
        if n <= self.last.get((reader, writer, q), 0):
            raise Broken(f"{what} came to {reader} after letter {self.last[reader, writer, q]}")
        if n in self.lost[writer, q]:
            raise Broken(f"{what}, which was lost, came to {reader}")
        self.got[writer, q].add(n)
        self.last[reader, writer, q] = n
        self.counts["letters received"] += 1

    def read_records(self) -> None:
        for path in glob(f"{self.path}.record-*"):
            reader = path.rpartition("record-")[2]
            with open(path, "rb") as file:
                file.seek(self.read[path])
                data = file.read()
            data = data[: len(data) // L.RECORD.size * L.RECORD.size]
            self.read[path] += len(data)
            for writer, n, q, _ in L.RECORD.iter_unpack(data):
                self.enter(f"lane {reader}", writer, n, q)

    def balance(self, sending: dict[tuple[int, int], int], ticks: list[int], until) -> None:
        """Everybody rests, and the dead are buried; `sending` are the words of the living."""
        self.read_records()  # first: what is fetched now came later
        for q, queue in enumerate(self.queues):
            while self.fetch(q):
                pass
            if left := queue.info().messages:
                raise Broken(f"queue {q} says that it has {left} letters, and gives none")
            if most := L.QUEUES[q][0]:
                if not all(self.post(q) for _ in range(most)) or self.post(q):
                    raise Broken(f"queue {q} is empty and has not room for {most} letters")
                while self.fetch(q):
                    pass
        lost = [0] * len(L.QUEUES)
        for (writer, q), n in [*self.sent.items(), *((key, word // 2) for key, word in sending.items())]:
            got, gone = self.got[writer, q], self.lost[writer, q]
            if beyond := {m for m in got if m > n and (writer, q, m) not in self.maybe}:
                raise Broken(f"letters {sorted(beyond)[:5]} of {writer:x} in queue {q} were received, and {n} were sent")
            missing = set(range(1, n + 1)) - got - gone
            gone |= missing
            lost[q] += len(missing)
            if (writer, q) in self.sent and writer != CONDUCTOR:
                self.closed.add((writer, q))
                for books in (self.sent, self.got, self.lost):
                    del books[writer, q]
        for q, count in enumerate(lost):
            if count > self.in_hand[q]:
                raise Broken(f"queue {q}: {count} letters are lost, and {self.in_hand[q]} died who may have had one in the hand")
            self.counts["letters lost with their reader"] += count
        self.in_hand, self.maybe = [0] * len(L.QUEUES), set()
        self.balance_ticks(ticks)
        self.balance_board()
        until("a process in a job outlives the job's last holder", self.members_gone)

    def balance_ticks(self, ticks: list[int]) -> None:
        for i, period in enumerate(L.TIMERS):
            if not self.timers[i].wait(60):
                raise Broken(f"timer {i} does not tick")
            self.ticks[i] += 1
            most = int((time.monotonic() - self.timers_set[i] - L.DUE) / period) + 1
            if self.ticks[i] + ticks[i] > most:
                raise Broken(f"timer {i} has ticked {self.ticks[i] + ticks[i]} times, and its time brought {most}")

    def balance_board(self) -> None:
        try:
            data = self.board.read()
            if data != L.board(int.from_bytes(data[:8], "little")):
                raise Broken(f"the board is torn: {data[:8].hex()}")
        except self.byname.DisconnectedError:
            if not self.half_made:
                raise Broken("the board is half made, and nobody died at it") from None
            self.counts["boards left half made"] += 1
            with self.board.change() as change, memoryview(self.board) as view:
                view[:] = L.board(self.board.version + 1)
            if not change.abandoned:
                raise Broken("the board was half made, and its next writer is not told") from None
        self.half_made = 0

    def close(self) -> None:
        for handle in [*self.queues, *self.timers, self.board]:
            handle.close()


def judge_dog(status: int, refreshed_at: int) -> None:
    """A dog has ended by itself: by its watchdog, then, and in its time. `refreshed_at` is 0 where it had not begun."""
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
        raise Broken(f"a dog ended with status {status:x}")
    early = refreshed_at + int(sum(L.DOG) * 1e9) - time.monotonic_ns()
    if refreshed_at and early > 0:
        raise Broken(f"a dog was killed {early} ns before its time")


def is_child(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False
