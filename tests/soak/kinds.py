"""The operations of the Python worker on queues, timers, the board, jobs; and the life of a dog. `ledger.py` says what is written where."""

import os
import subprocess
import time

import byname
import ledger as L
from ledger import Fault


class More:
    """What all lanes of a worker share."""

    def __init__(self):
        self.queues = [byname.Queue.open(f"q{i}") for i in range(len(L.QUEUES))]
        self.timers = [byname.Timer.open(f"t{i}") for i in range(len(L.TIMERS))]
        self.board = byname.Mapping.open("board")
        try:
            byname.Job().close()
            self.has_jobs = True
        except byname.UnsupportedError:
            self.has_jobs = False


class Hand:
    """What a lane does with them, and has in its hand."""

    def __init__(self, lane, more, path, slot, seed):
        self.lane, self.more = lane, more
        self.writer = slot << 40 | lane.number << 32 | seed
        self.record = os.open(L.record(path, slot, lane.number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.held = []  # letters where they are

    def let_go(self):
        while self.held:
            self.held.pop().release()

    def limit(self):
        """Some wait without an end: while everybody comes to rest the conductor sends, and makes room."""
        limit, forever = self.lane.patience(), self.lane.dice(8) == 0
        return None if forever and not self.lane.at[L.HELD] & L.ROBUST_ONES and not self.held else limit

    def send(self):
        q, lane = self.lane.dice(len(L.QUEUES)), self.lane
        if lane.number == L.CHILD:
            return self.receive()  # its place is another child's next time
        queue, at, most = self.more.queues[q], L.SENDING + q, L.QUEUES[q][1]
        n = lane.at[at] // 2 + 1
        length = L.LETTER.size + (0, lane.dice(100), most - L.LETTER.size)[lane.dice(16) % 7 // 3]
        letter, in_place = L.letter(self.writer, n, q, length), lane.dice(3) == 0
        limit = self.limit()
        lane.at[at] = 2 * n - 1
        if in_place:
            frame = queue.reserve(min(length + lane.dice(5), most), limit)
            if frame is not None:
                frame[:length] = letter
                if lane.dice(16) == 0:
                    frame.release()
                    frame = None
                else:
                    frame.commit(length)
            sent = frame is not None
        else:
            sent = queue.put(letter, limit)
        self.settle_sent(at, n, sent, in_place)

    def settle_sent(self, at, n, sent, in_place=False):
        self.lane.at[at] = 2 * n if sent else 2 * n - 2
        self.lane.count(L.TIMED_OUT if not sent else L.IN_PLACE if in_place else L.SENT)

    def receive(self):
        q, lane = self.lane.dice(len(L.QUEUES)), self.lane
        queue, limit, in_place = self.more.queues[q], self.limit(), lane.dice(3) == 0
        lane.at[L.RECEIVING] = q + 1
        if not in_place:
            return self.settle_received(q, queue.get(limit))
        letter = queue.take(limit)
        self.settle_received(q, None if letter is None else bytes(letter), True)
        if letter is not None:
            self.held.append(letter)
            if lane.dice(4) or len(self.held) > 1:
                self.let_go()

    def settle_received(self, q, data, in_place=False):
        if data is not None:
            writer, n = L.read_letter(data, q)
            os.write(self.record, L.RECORD.pack(writer, n, q, self.writer))
        self.lane.at[L.RECEIVING] = 0
        self.lane.count(L.TIMED_OUT if data is None else L.IN_PLACE if in_place else L.RECEIVED)

    def tick(self):
        i = self.lane.dice(len(L.TIMERS) + 1)
        if i < len(L.TIMERS):
            if self.more.timers[i].wait(self.lane.patience()):
                self.lane.at[L.TICKS + i] += 1
        else:
            timer, due = byname.Timer(), self.lane.patience()
            began = time.monotonic()
            timer.set(due)
            timer.wait()
            if time.monotonic() - began < due:
                raise Fault(f"a timer of {due} s came after {time.monotonic() - began} s")
            timer.close()
        self.lane.count(L.TICK)

    def change(self):
        board, lane = self.more.board, self.lane
        lane.at[L.CHANGING] = 1
        try:
            with board.change(), memoryview(board) as view:
                view[:] = L.board(board.version + 1)
            lane.count(L.CHANGED)
        except byname.NotOwnerError:
            lane.count(L.TIMED_OUT)  # somebody else is at it
        lane.at[L.CHANGING] = 0

    def look(self):
        try:
            data = self.more.board.read(0, None, self.limit())
        except byname.DisconnectedError:
            data = None  # a writer died in the middle
        if data is not None and data != L.board(int.from_bytes(data[:8], "little")):
            raise Fault(f"the board is torn: {data[:8].hex()}")
        self.lane.count(L.READ_WHOLE)

    def job(self):
        """A process in a job, seen as a process, and ended by the job's end, in this way or that."""
        lane = self.lane
        job = byname.Job(kill_on_close=True)
        with job.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL) as child:
            lane.at[L.JOB_CHILD] = child.pid
            process = byname.Process.open(child.pid)
            if job.pids != [child.pid] or process.wait(0):
                raise Fault(f"a job of {child.pid} has {job.pids}, signalled {process.wait(0)}")
            if lane.dice(2):
                job.terminate(77)
                process.wait()
                if process.exit_code != 77 or job.pids or not job.wait(0):
                    raise Fault(f"a job that was terminated has {job.pids}, and its process told {process.exit_code}")
                job.close()
            else:
                job.close()
                process.wait()
            if child.wait() != -9:
                raise Fault(f"a process of a job ended with {child.returncode}")
        lane.at[L.JOB_CHILD] = 0
        process.close()
        lane.count(L.JOB)

    def operate(self):
        what = self.lane.dice(128)
        if what < 56:
            self.send()
        elif what < 114:
            self.receive()
        elif what < 118:
            self.tick()
        elif what < 122:
            self.change()
        elif what < 127 or not self.more.has_jobs or self.lane.number == L.CHILD:
            self.look()
        else:
            self.job()

    async def asynchronously(self):
        """The same by a task, as far as there is a way to await it."""
        lane, q, what = self.lane, self.lane.dice(len(L.QUEUES)), self.lane.dice(8)
        queue, limit = self.more.queues[q], self.limit()
        lane.count(L.ASYNC)
        if what < 3:
            at = L.SENDING + q
            n = lane.at[at] // 2 + 1
            lane.at[at] = 2 * n - 1
            self.settle_sent(at, n, await queue.put_async(L.letter(self.writer, n, q, L.LETTER.size + lane.dice(100)), limit))
        elif what < 7:
            lane.at[L.RECEIVING] = q + 1
            self.settle_received(q, await queue.get_async(limit))
        else:
            i = lane.dice(len(L.TIMERS))
            if await self.more.timers[i].wait_async(lane.patience()):
                lane.at[L.TICKS + i] += 1
            lane.count(L.TICK)


def live_as_dog(book, slot):
    """Refreshes in time, unless somebody stops it."""
    lane = L.lane(book, slot, 0)
    dog = byname.Watchdog(None, *L.DOG, "kill")
    before = time.monotonic_ns()
    dog.start()
    while book[L.PHASE] != L.END:
        lane[L.REFRESHED_AT] = before
        lane[L.OPERATIONS] += 1
        lane[L.count_word(L.REFRESHED)] += 1
        time.sleep(0.01)
        before = time.monotonic_ns()
        dog.refresh()
    dog.stop()
