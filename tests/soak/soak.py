"""A worker of the soak, in Python: soak.py LEDGER SLOT SEED [dog]. A thread that blocks, two tasks of asyncio, now and then a forked child.

`ledger.py` says what is written where. What breaks a rule is told on standard output, and the process ends with status 3.
"""

import asyncio
import ctypes
import os
import select
import signal
import sys
import threading
import time
import traceback

import byname
import kinds
import ledger as L
from ledger import Fault

PATIENCE = (0, 0.0002, 0.002, 0.02)
PR_SET_PDEATHSIG = 1
prctl = ctypes.CDLL(None).prctl


def opened():
    """The objects in the order of their bits."""
    kinds = {"m": byname.Mutex, "s": byname.Semaphore, "r": byname.Semaphore, "b": byname.Event}
    return [kinds[name[0]].open(name) for name in L.NAMES]


class Lane:
    def __init__(self, number, seed=None):
        self.number = number
        self.at = L.lane(book, slot, number)
        self.name = number << 32 | os.getpid()
        self.random = seed or (the_seed * 31 + number * 7919 + 1) & 0xFFFFFFFF or 1
        self.grants = {}  # of what is held by a grant and not by the thread
        self.hand = kinds.Hand(self, more, sys.argv[1], slot, the_seed)

    def dice(self, sides):
        x = self.random
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.random = x
        return x % sides

    def count(self, what):
        self.at[L.count_word(what)] += 1
        self.at[L.OPERATIONS] += 1

    def begin(self, what, mask):
        self.at[L.DOING] = what << 32 | mask

    def done(self, held, taken=0):
        self.at[L.HELD] = held
        for o in L.bits(taken & L.PLAIN_ONES):
            self.at[L.TAKEN + o - L.FIRST_PLAIN] += 1
        self.at[L.DOING] = 0

    def patience(self):
        return PATIENCE[self.dice(4)]

    def patience_for(self, mask):
        """For a wait that is satisfied by one of these objects."""
        limit, forever = self.patience(), self.dice(8) == 0
        return None if forever and mask & L.SURE and not self.at[L.HELD] & L.ROBUST_ONES else limit

    def pick(self, taken=0):
        while True:
            o = self.dice(L.OBJECTS)
            if not (self.at[L.HELD] | taken) >> o & 1:
                return o

    # --- taking and giving back

    def enter(self, o, told):
        if o < L.FIRST_PLAIN:
            source = self.grants.get(o, objects[o])
            L.enter_mutex(L.region(book, o), self.name, source.abandoned, source.fence, L.NAMES[o])
            self.count(L.LOCK)
        elif o >= L.FIRST_BATON:
            L.enter_baton(L.region(book, o), self.name, L.NAMES[o])
            self.count(L.EVENT)
        else:
            if told and o >= L.FIRST_ROBUST:
                self.at[told + o - L.FIRST_ROBUST] += 1
            self.count(L.SEMAPHORE if o < L.FIRST_ROBUST else L.ROBUST_SEMAPHORE)

    def took(self, mask, abandoned, grants=()):
        """After a wait took what is in the mask; the grants are those of its mutexes and semaphores, in the order of `grants`."""
        self.grants.update(grants)
        told = 0 if not abandoned else L.MAYBE_TOLD if mask & (mask - 1) else L.TOLD
        for o in L.bits(mask):
            self.enter(o, told)
        self.done(self.at[L.HELD] | mask, mask)
        for o in L.bits(mask):
            if o < L.FIRST_PLAIN and o not in self.grants and self.dice(4) == 0:  # once more
                objects[o].acquire(timeout=0)
                objects[o].release()
            if o >= L.FIRST_PLAIN and self.dice(8) == 0:
                self.count(L.KEPT)
            else:
                self.give(o)

    def give(self, o):
        self.begin(L.GIVING, 1 << o)
        if o < L.FIRST_PLAIN or o >= L.FIRST_BATON:
            L.go_out(L.region(book, o), self.name, L.NAMES[o])
        if o >= L.FIRST_BATON:
            objects[o].set()
        elif o in self.grants:
            self.grants.pop(o).release()
        else:
            objects[o].release()
        self.done(self.at[L.HELD] & ~(1 << o))

    def give_all(self, mask=-1):
        for o in L.bits(self.at[L.HELD] & mask):
            self.give(o)

    def nothing(self, what=L.TIMED_OUT):
        self.done(self.at[L.HELD])
        self.count(what)

    # --- the operations of a thread

    def acquire(self, o, limit):
        self.begin(L.TAKING, 1 << o)
        got = objects[o].wait(limit) if o >= L.FIRST_BATON else objects[o].acquire(timeout=limit)
        self.settle(o, got)

    def settle(self, o, got):
        if not got:
            self.nothing()
        elif got is True:
            self.took(1 << o, False)
        else:
            self.took(1 << o, got.abandoned, {o: got})

    def choose(self):
        chosen, mask = [], 0
        for _ in range(2 + self.dice(2)):
            chosen.append(self.pick(mask))
            mask |= 1 << chosen[-1]
        return chosen, mask

    def several(self, every):
        chosen, mask = self.choose()
        self.begin(L.TAKING, mask)
        result = (byname.wait_all if every else byname.wait_any)([objects[o] for o in chosen], self.patience() if every else self.patience_for(mask))
        self.settle_several(chosen, mask, result, every)

    def settle_several(self, chosen, mask, result, every):
        if result is None:
            return self.nothing()
        self.count(L.ALL if every else L.ANY)
        taken = chosen if every else [chosen[result.index]]
        granted = dict(zip([o for o in taken if o < L.FIRST_BATON], result.grants, strict=True))
        self.took(sum(1 << o for o in taken), result.abandoned, granted)

    def ring(self):
        b, what = self.dice(L.BELLS), self.dice(8)
        bell, other = bells[b], (b + 1) % L.BELLS
        if what < 3:
            self.at[L.BELL + 2 * b + 1] += 1
            bell.pulse() if what == 0 else bell.set()
        elif what == 3:
            bell.reset()
        elif what == 4:
            self.at[L.BELL + 2 * b + 1] += 1
            if byname.signal_and_wait(bell, bells[other], self.patience()):
                self.at[L.BELL + 2 * other] += 1
            self.count(L.SIGNAL_AND_WAIT)
        elif bell.wait(self.patience()):
            self.at[L.BELL + 2 * b] += 1
        self.count(L.RING)

    def gate(self):
        gate, what = gates[self.dice(L.GATES)], self.dice(5)
        if what < 3:
            (gate.set, gate.reset, gate.pulse)[what]()
        else:
            gate.wait(self.patience())
        self.count(L.GATE)

    def poll(self):
        o = self.pick()
        if select.select([objects[o]], [], [], 0.002)[0]:
            self.acquire(o, 0)
        self.count(L.POLLED)

    def make(self):
        name, kind, opens = f"x{self.dice(L.TEMPORARY)}", self.dice(3), self.dice(4) == 0
        self.count(L.MADE)
        try:
            if opens:
                made = (byname.Mutex, byname.Event, byname.Semaphore)[kind].open(name)
            elif kind == 0:
                made = byname.Mutex(name)
            elif kind == 1:
                made = byname.Event(name)
            else:
                made = byname.Semaphore(name, initial=1, maximum=1, robust=self.dice(2) == 1)
        except byname.WrongKindError:
            return
        except byname.NotFoundError:
            if opens:
                return
            raise
        with made if kind == 1 else _closing(made):
            if kind == 1:
                if self.dice(2):
                    made.set()
                if made.wait(self.dice(2) * 0.001):
                    made.set()
            elif got := made.acquire(timeout=self.dice(2) * 0.001):
                made.release() if got is True else got.release()

    def operate(self):
        if self.at[L.HELD] and self.dice(4) == 0:
            return self.give_all()
        if self.dice(4) == 0:
            return self.hand.operate()
        what = self.dice(32)
        if what < 16:
            o = self.pick()
            self.acquire(o, self.patience_for(1 << o))
        elif what < 24:
            self.several(what < 20)
        elif what < 26:
            self.ring()
        elif what < 27:
            self.gate()
        elif what < 29:
            self.poll()
        else:
            self.make()

    # --- the operations of a task

    async def asynchronously(self):
        if self.at[L.HELD] and self.dice(4) == 0:
            return self.give_all()
        if self.dice(4) == 0:
            return await self.hand.asynchronously()
        what, cancels = self.dice(8), self.dice(3) == 0
        if what < 6:
            o = self.pick()
            limit = self.patience_for(1 << o)
            call = objects[o].wait_async(limit) if o >= L.FIRST_BATON else objects[o].acquire_async(limit)
            self.begin(L.TAKING, 1 << o)
            settle = lambda got: self.settle(o, got)  # noqa: E731
        else:
            chosen, mask = self.choose()
            limit = self.patience() if what == 6 else self.patience_for(mask)
            call = (byname.wait_all_async if what == 6 else byname.wait_any_async)([objects[n] for n in chosen], limit)
            self.begin(L.TAKING, mask)
            settle = lambda got: self.settle_several(chosen, mask, got, what == 6)  # noqa: E731
        self.count(L.ASYNC)
        if not cancels:
            return settle(await call)
        task = asyncio.ensure_future(call)
        await asyncio.sleep(self.dice(3) * 0.0005)
        task.cancel()
        try:
            got = await task
        except asyncio.CancelledError:
            return self.nothing(L.CANCELLED)
        settle(got)

    # --- its life

    def fork(self):
        """A child that works for a moment with what it inherited, in a lane of its own, and ends without a word."""
        state, parent, start = L.lane(book, slot, L.CHILD), os.getpid(), self.dice(1_000_000) + 1
        if state[L.STATE] == L.CHILD_DIED:
            return
        child = os.fork()
        if child == 0:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(0)
            child = Lane(L.CHILD, start)
            child.at[L.PID] = os.getpid()
            guarded(child.live_as_child)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            state[L.STATE] = L.CHILD_DIED
        elif status:
            raise Fault(f"the child ended with status {status:x}")
        self.count(L.FORKED)

    def live_as_child(self):
        for _ in range(20):
            if book[L.PHASE] % 2:
                break
            self.operate()
        self.end_life()

    def begin_life(self):
        self.at[L.PID] = os.getpid()

    def end_life(self):
        self.hand.let_go()
        self.give_all()
        self.at[L.PID] = 0

    def rested(self, woken):
        if not woken:
            raise Fault("a set of the gate `go` woke nobody here")

    def live(self):
        self.begin_life()
        while (phase := book[L.PHASE]) != L.END:
            if phase % 2:
                self.hand.let_go()
                self.give_all(L.ROBUST_ONES)
                self.at[L.STATE] = L.RESTING
                self.rested(go.wait(120))
                with gong:
                    pass
                self.at[L.STATE] = L.WOKEN
                while book[L.PHASE] == phase:
                    time.sleep(0.001)
                self.at[L.STATE] = L.RUNNING
            else:
                if self.number == 0 and self.dice(128) == 0:
                    self.fork()
                self.operate()
        self.end_life()

    async def live_as_task(self):
        self.begin_life()
        while (phase := book[L.PHASE]) != L.END:
            if phase % 2:
                self.give_all(L.ROBUST_ONES)
                self.at[L.STATE] = L.RESTING
                self.rested(await go.wait_async(120))
                (await gong.acquire_async()).release()
                self.at[L.STATE] = L.WOKEN
                while book[L.PHASE] == phase:
                    await asyncio.sleep(0.001)
                self.at[L.STATE] = L.RUNNING
            else:
                await self.asynchronously()
                await asyncio.sleep(0)
        self.end_life()


class _closing:
    """`with` that closes a mutex or a semaphore, whose own `with` would acquire it."""

    def __init__(self, handle):
        self.handle = handle

    def __enter__(self):
        return self.handle

    def __exit__(self, *_exception):
        self.handle.close()


def guarded(life):
    try:
        life()
    except BaseException as problem:  # noqa: BLE001  whatever it is, the conductor must see it
        said = str(problem) if isinstance(problem, Fault) else traceback.format_exc()
        os.write(1, f"FAULT python worker {slot} pid {os.getpid()}: {said}\n".encode())
        os._exit(3)


def tasks():
    async def both():
        await asyncio.gather(Lane(1).live_as_task(), Lane(3).live_as_task())

    asyncio.run(both())


slot, the_seed = int(sys.argv[2]), int(sys.argv[3])
book = L.words(sys.argv[1])
objects, bells, gates = [], [], []


def main():
    global go, gong, more
    if len(sys.argv) > 4:
        return kinds.live_as_dog(book, slot)
    objects.extend(opened())
    bells.extend(byname.Event.open(f"l{i}") for i in range(L.BELLS))
    gates.extend(byname.Event.open(f"g{i}") for i in range(L.GATES))
    go, gong = byname.Event.open("go"), byname.Mutex.open("gong")
    more = kinds.More()
    second = threading.Thread(target=guarded, args=(tasks,))
    second.start()
    Lane(0).live()
    second.join()
    for handle in objects:
        handle.close()


guarded(main)
