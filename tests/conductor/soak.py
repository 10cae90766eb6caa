"""The soak: workers in all four languages at random work, killed and stopped at random, and a ledger that must balance.

    python tests/conductor/soak.py [--seconds N] [--seed N] [--groups N]

Each group is a process group with one worker of each language; `tests/soak/` has the workers, and `ledger.py` there says what
they write down. While they work, the conductor kills one, or a whole group, or a forked child, or stops some for a moment, and starts again
what it killed. Every worker checks what it is given: a mutex whose last owner died inside it and who was not told, two inside at once, a
torn chain, a signal given twice. Every few seconds all come to rest and the conductor takes stock:

- a semaphore has its units, in the word or in the hands of the living. Of a robust one that is exact. Of a plain one, a kill in the middle
  of a call may have taken one unit with it, and what the dead surely had the conductor has put back;
- a baton is one signal of an auto-reset event: set, or in one living hand, or lost with a kill in the middle of a call;
- a mutex is free, and says that it was abandoned only where somebody died with it or in the middle of a call for it; whoever was found
  inside is dead;
- bells satisfied no more waits than they were rung; temporary names are gone; a descriptor is readable where there is something to take;
- the slots of the dead are free;
- letters, ticks, the board, jobs and the processes in them are as `letters.py` says; dogs, which do nothing but refresh a watchdog, die of it when
  they are stopped;
- one set of a gate wakes all, and a mutex goes through all hands, while nobody works or dies: a wake that is lost is seen, in whoever has no reason to look once
  a second, as a wait without an end, and in the others as a second that it costs as a rule.

A lane that does nothing for PATIENCE seconds hangs, and the run fails. The seed repeats operations and kills, not how they interleave.
"""

import argparse
import ctypes
import os
import random
import select
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import arena
import proc
from drivers import LANGUAGES, Broken, add_options, build_c, namespace_file

HERE = Path(__file__).resolve().parent
WORKERS = HERE.parent / "soak"
sys.path.insert(0, str(WORKERS))

import ledger as L  # noqa: E402
import letters  # noqa: E402

PATIENCE = 60.0  # seconds until the watchdog barks
BELT = 0.5  # seconds: half of the time after which everybody looks, whether he was woken or not
BETWEEN_STOCKS = 2.5
BETWEEN_ACTS = 0.12  # on average
KILLS, OPERATIONS = 1000 / 600, 1_000_000 / 600  # a second, at the least
LANES = {"c": (0, 1), "rust": (0, 1, 2, 3), "python": (0, 1, 3), "node": (0, 1, 2)}
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Worker:
    """One process at work, and its place in the ledger."""

    language: str
    slot: int
    group: "Group"
    pid: int = 0
    started: float = 0.0
    stopped: bool = False
    role: tuple[str, ...] = ()
    seed: int = 0  # unlike any other's, as a pid is not in a long run
    process: object = None  # byname's, of it
    seen: dict[int, tuple[int, float]] = field(default_factory=dict)  # by lane: operations, and when they last became more

    def __str__(self) -> str:
        return f"{self.language} {'dog' if self.role else 'worker'} {self.slot} (pid {self.pid})"


@dataclass
class Group:
    number: int
    workers: list[Worker] = field(default_factory=list)
    id: int = 0


class Soak:
    def __init__(self, options: argparse.Namespace, seed: int, folder: Path):
        self.seed, self.rng = seed, random.Random(seed)
        self.commands = commands(options)
        self.out = folder / "said"
        self.out.touch()
        self.path = folder / "ledger"
        L.create(self.path, (options.groups + 1) * len(LANGUAGES))
        self.ledger = L.words(self.path)
        self.groups = [Group(n) for n in range(options.groups)]
        self.workers: list[Worker] = []
        for group in self.groups:
            for language in LANGUAGES:
                group.workers.append(Worker(language, len(self.workers), group))
                self.workers.append(group.workers[-1])
        self.dogs = [Worker(language, len(self.workers) + i, Group(-1), role=("dog",)) for i, language in enumerate(LANGUAGES)]
        self.by_pid: dict[int, Worker] = {}
        self.continuing: list[tuple[float, Worker]] = []
        self.acts: Counter[str] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()  # by kind and language, of the dead
        self.operations: Counter[str] = Counter()
        self.won, self.rung = [0] * L.BELLS, [0] * L.BELLS
        self.told, self.maybe_told = [0] * L.ROBUST, [0] * L.ROBUST  # of robust semaphores, by the dead
        self.possible = [0] * L.ROBUST  # deaths that may have had a unit
        self.dead: set[int] = set()  # lanes, by their names
        self.windows = [0] * L.OBJECTS  # deaths in the middle of a call for the object
        self.open = [0] * L.OBJECTS  # the same since the last stock
        self.certain = [False] * L.OBJECTS  # a holder died since the last stock
        self.told_before = [0] * L.ROBUST
        self.taken = [0] * L.PLAIN  # units of plain semaphores, by the dead and by ourselves
        self.takes_before = [0] * L.PLAIN  # by the ledger, at the last stock
        self.fences_before = [0] * L.PLAIN
        self.open_takes = [0] * L.OBJECTS  # of `open`, those that were taking
        self.unexplained = 0
        self.suspects: list[list[str]] = [[] for _ in range(L.OBJECTS)]  # who died in the middle of a call for it since the last stock
        self.wakes: list[float] = []  # how long one set needed to wake all
        self.slowest = (0.0, "")
        self.stocks = 0
        self.make_objects()

    def make_objects(self) -> None:
        import byname

        self.byname = byname
        kinds = {
            "m": lambda name: byname.Mutex(name),
            "s": lambda name: byname.Semaphore(name, initial=L.UNITS, maximum=L.UNITS),
            "r": lambda name: byname.Semaphore(name, initial=L.UNITS, maximum=L.UNITS, robust=True),
            "b": lambda name: byname.Event(name, initial=True),
        }
        self.objects = [kinds[name[0]](name) for name in L.NAMES]
        self.bells = [byname.Event(f"l{i}") for i in range(L.BELLS)]
        self.gates = [byname.Event(f"g{i}", manual_reset=True) for i in range(L.GATES)]
        self.go = byname.Event("go", manual_reset=True, initial=True)
        self.gong = byname.Mutex("gong")
        self.letters = letters.Letters(self.path)
        try:
            byname.Job().close()
            self.has_jobs = True
        except byname.UnsupportedError as why:
            self.has_jobs = False
            print(f"no jobs: {why}", flush=True)

    # --- processes

    def start(self, worker: Worker) -> None:
        group = worker.group
        living = [other for other in group.workers if other.pid]
        worker.seed = self.rng.randrange(1, 2**32)
        words = [*self.commands[worker.language], str(self.path), str(worker.slot), str(worker.seed), *worker.role]
        flags = os.O_WRONLY | os.O_APPEND
        worker.pid = os.posix_spawnp(
            words[0], words, os.environ, setpgroup=group.id if living else 0, file_actions=[(os.POSIX_SPAWN_OPEN, fd, self.out, flags, 0) for fd in (1, 2)]
        )
        if not living:
            group.id = worker.pid
        worker.started, worker.stopped, worker.seen = time.monotonic(), False, {}
        self.by_pid[worker.pid] = worker
        worker.process = self.byname.Process.open(worker.pid)

    def gather(self, worker: Worker) -> None:
        """After a SIGKILL: waits for the end of the process, and enters what it leaves."""
        _, status = os.waitpid(worker.pid, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            raise Broken(f"{worker} ended with status {status:x} before it was killed\n{self.said()}")
        self.forget(worker)
        if worker.role:
            return self.enter_death(worker, 0)
        child = L.lane(self.ledger, worker.slot, L.CHILD)
        if worker.language in ("c", "python") and child[L.PID] and child[L.STATE] != L.CHILD_DIED:
            self.kill_orphan(child[L.PID])
        for number in range(L.LANES_OF_A_WORKER):
            self.enter_death(worker, number)

    def forget(self, worker: Worker) -> None:
        """It has ended, and is said to."""
        if not worker.process.wait(PATIENCE):
            raise Broken(f"{worker} has ended, and is not signalled")
        worker.process.close()
        del self.by_pid[worker.pid]
        worker.pid = 0
        self.continuing = [(when, other) for when, other in self.continuing if other is not worker]

    def kill_orphan(self, pid: int) -> None:
        """The child of a worker that was killed; it is ours now, or it has been buried by its parent."""
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        except ChildProcessError:
            pass

    def bury_orphans(self) -> None:
        """What killed workers leave ends by itself, and is ours."""
        try:
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in self.by_pid:
                os.waitpid(ended.si_pid, 0)
        except ChildProcessError:
            pass  # nobody is left

    def enter_death(self, worker: Worker, number: int) -> None:
        """Balances the ledger for a lane that is dead, and makes its place fit for the next one."""
        lane = L.lane(self.ledger, worker.slot, number)
        what, mask, held = lane[L.DOING] >> 32, lane[L.DOING] & 0xFFFFFFFF, lane[L.HELD]
        if (what == L.TAKING and mask & held) or (what == L.GIVING and not mask & held):
            what, mask = 0, 0  # it was done, the word was not yet cleared
        name = number << 32 | lane[L.PID]
        if lane[L.PID]:
            self.dead.add(name)
        for o in L.bits(mask):
            self.windows[o] += 1
            self.open[o] += 1
            self.open_takes[o] += what == L.TAKING
            calls = " ".join(L.NAMES[n] for n in L.bits(mask))
            self.suspects[o].append(f"{worker.language} lane {number} {'taking' if what == L.TAKING else 'giving'} {calls}")
        for o in L.bits(held & ~mask):
            self.certain[o] = True
            if L.FIRST_PLAIN <= o < L.FIRST_ROBUST:
                self.objects[o].release()
            elif o >= L.FIRST_BATON:
                L.go_out(L.region(self.ledger, o), name, f"the dead one's {L.NAMES[o]}")
                self.objects[o].set()
        for o in L.bits(mask | held):
            if L.FIRST_ROBUST <= o < L.FIRST_BATON:
                self.possible[o - L.FIRST_ROBUST] += 1
        if lane[L.PID]:
            self.letters.enter_death(worker.slot, number << 32 | worker.seed, lane)
        self.collect(worker, lane)
        lane[:] = memoryview(bytes(8 * L.LANE)).cast("Q")

    def collect(self, worker: Worker, lane: memoryview) -> None:
        self.operations[worker.language] += lane[L.OPERATIONS]
        for n, kind in enumerate(L.KINDS):
            self.counts[kind, worker.language] += lane[L.count_word(n)]
        self.letters.collect(lane)
        for b in range(L.BELLS):
            self.won[b] += lane[L.BELL + 2 * b]
            self.rung[b] += lane[L.BELL + 2 * b + 1]
        for i in range(L.PLAIN):
            self.taken[i] += lane[L.TAKEN + i]
        for r in range(L.ROBUST):
            self.told[r] += lane[L.TOLD + r]
            self.maybe_told[r] += lane[L.MAYBE_TOLD + r]

    # --- what is done to them

    def act(self) -> None:
        dice, worker = self.rng.random(), self.rng.choice(self.workers)
        if dice < 0.06:
            self.worry(self.rng.choice(self.dogs))
        elif dice < 0.62:
            self.kill([worker], "kills")
        elif dice < 0.70:
            self.kill_group(worker.group)
        elif dice < 0.76:
            self.kill_child()
        elif dice < 0.94:
            self.stop([worker])
        elif dice < 0.97:
            self.stop(worker.group.workers)
        else:  # stopped, and killed as it stands
            self.stop([worker])
            self.kill([worker], "kills of a stopped one")

    def worry(self, dog: Worker) -> None:
        """A dog is stopped for good, or killed."""
        if dog.stopped or not L.lane(self.ledger, dog.slot, 0)[L.REFRESHED_AT]:
            return  # or it has not begun
        if self.rng.random() < 0.8:
            os.kill(dog.pid, signal.SIGSTOP)
            dog.stopped = True
        else:
            self.kill([dog], "kills of a dog")

    def tend_dogs(self) -> bool:
        """Starts those again that were killed by their watchdogs; false while one is stopped."""
        for dog in self.dogs:
            if os.waitid(os.P_PID, dog.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                status = os.waitpid(dog.pid, 0)[1]
                letters.judge_dog(status, L.lane(self.ledger, dog.slot, 0)[L.REFRESHED_AT])
                self.acts["dogs killed when they were stopped" if dog.stopped else "dogs killed when the machine was late"] += 1
                self.forget(dog)
                self.enter_death(dog, 0)
                self.start(dog)
            elif dog.stopped:
                return False
        return True

    def kill(self, workers: list[Worker], kind: str) -> None:
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
        self.acts[kind] += 1
        self.bury(workers)

    def kill_group(self, group: Group) -> None:
        os.killpg(group.id, signal.SIGKILL)
        self.acts["group kills"] += 1
        self.bury(group.workers)

    def bury(self, workers: list[Worker]) -> None:
        self.acts["processes killed"] += len(workers)
        for worker in workers:
            self.gather(worker)
        for worker in workers:
            self.start(worker)

    def kill_child(self) -> None:
        """The first forked child that is at work now, if there is one."""
        for worker in self.workers:
            child = L.lane(self.ledger, worker.slot, L.CHILD)
            pid, died = child[L.PID], child[L.STATE] == L.CHILD_DIED
            # Its parent buries it, so a moment ago it was the parent's child: look before shooting.
            if worker.language in ("c", "python") and pid and not died and parent_of(pid) == worker.pid:
                os.kill(pid, signal.SIGKILL)
                self.acts["kills of a forked child"] += 1
                self.acts["processes killed"] += 1
                return

    def stop(self, workers: list[Worker]) -> None:
        until = time.monotonic() + self.rng.expovariate(1 / 0.08)
        for worker in workers:
            if not worker.stopped:
                os.kill(worker.pid, signal.SIGSTOP)
                worker.stopped = True
                self.acts["stops"] += 1
                self.continuing.append((until, worker))

    def proceed(self, everybody: bool = False) -> None:
        now = time.monotonic()
        for when, worker in list(self.continuing):
            if everybody or when <= now:
                self.continuing.remove((when, worker))
                worker.stopped = False
                os.kill(worker.pid, signal.SIGCONT)

    # --- watching

    def watch(self) -> None:
        """Nobody has told of a broken rule or ended unasked; everybody makes progress."""
        if self.out.stat().st_size:
            raise Broken(self.said())
        self.tend_dogs()
        self.bury_orphans()
        for worker in self.workers:
            if os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                raise Broken(f"{worker} has ended\n{self.said()}")
            child = L.lane(self.ledger, worker.slot, L.CHILD)
            if worker.language in ("c", "python") and child[L.STATE] == L.CHILD_DIED:
                self.enter_death(worker, L.CHILD)
        now = time.monotonic()
        for worker in self.workers:
            for number in LANES[worker.language]:
                lane = L.lane(self.ledger, worker.slot, number)
                before, since = worker.seen.get(number, (-1, worker.started))
                if lane[L.OPERATIONS] != before or worker.stopped:
                    worker.seen[number] = lane[L.OPERATIONS], now
                elif now - since > self.slowest[0]:
                    self.slowest = now - since, str(worker)
                if now - since > PATIENCE:
                    raise Broken(f"{worker}, lane {number}, has done nothing for {now - since:.0f} s")

    def said(self) -> str:
        return self.out.read_text(errors="replace").strip()

    # --- taking stock

    def until(self, what: str, condition, patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            if self.out.stat().st_size:
                raise Broken(self.said())
            if time.monotonic() > deadline:
                raise Broken(f"the watchdog barked: {what}")
            time.sleep(0.001)

    def lanes(self) -> list[memoryview]:
        return [L.lane(self.ledger, worker.slot, number) for worker in self.workers if worker.pid for number in LANES[worker.language]]

    def places(self) -> list[memoryview]:
        """The same with the places of forked children, where they write down what they did."""
        return [L.lane(self.ledger, worker.slot, number) for worker in self.workers if worker.pid for number in range(L.LANES_OF_A_WORKER)]

    def take_stock(self) -> None:
        self.proceed(everybody=True)
        self.go.reset()
        self.ledger[L.PHASE] += 1
        self.until("not everybody comes to rest", self.all_rest)
        if self.rng.random() < 0.5:  # who dies at rest has no call open but that for the gate
            worker = self.rng.choice(self.workers)
            self.kill([worker], "kills at rest")
            self.until("not everybody comes to rest", self.all_rest)
        self.watch()
        self.balance()
        self.go.set()
        began = time.monotonic()
        self.until("a set of the gate `go` does not wake everybody, or the mutex `gong` does not go on", lambda: all(lane[L.STATE] == L.WOKEN for lane in self.lanes()))
        self.wakes.append(time.monotonic() - began)
        self.ledger[L.PHASE] += 1
        for worker in self.workers:
            worker.seen = {number: (-1, time.monotonic()) for number in worker.seen}

    def all_rest(self) -> bool:
        self.bury_orphans()
        if all(lane[L.STATE] == L.RESTING for lane in self.lanes()):
            return True
        self.letters.pump()
        return False

    def only_the_living_are_attached(self) -> bool:
        if self.dogs[0].pid and not self.tend_dogs():
            return False
        living = [worker.pid for worker in [*self.workers, *self.dogs] if worker.pid]
        return set(arena.attached(namespace_file(os.environ["BYNAME_SESSION"]))) <= {os.getpid(), *living}

    def balance(self) -> None:
        """Everybody rests, or has left."""
        self.until("the dead are not reaped", self.only_the_living_are_attached)
        for worker in self.workers:
            if worker.pid and worker.process.wait(0):
                raise Broken(f"{worker} lives, and is signalled")
        hands = [0] * L.OBJECTS
        for lane in self.lanes():
            for o in L.bits(lane[L.HELD]):
                hands[o] += 1
        self.balance_mutexes()
        for o in range(L.FIRST_PLAIN, L.OBJECTS):
            self.balance_units(o, hands[o])
        self.balance_robust_news()
        self.balance_bells()
        self.balance_letters()
        self.until("a temporary name is still there", self.temporary_names_gone)
        self.balance_descriptors()
        self.suspects = [[] for _ in range(L.OBJECTS)]
        self.open, self.open_takes, self.certain = [0] * L.OBJECTS, [0] * L.OBJECTS, [False] * L.OBJECTS
        self.stocks += 1

    def balance_units(self, o: int, hands: int) -> None:
        """What is in the word and in the hands of the living; what a kill may have taken away is put back."""
        thing, name = self.objects[o], L.NAMES[o]
        event, robust = o >= L.FIRST_BATON, L.FIRST_ROBUST <= o < L.FIRST_BATON
        there = int(thing.is_set()) if event else thing.available
        units, lost = (1 if event else L.UNITS), (0 if robust else self.open[o])
        if not units - lost <= there + hands <= units:
            raise Broken(
                f"{name}: {there} there and {hands} in hands make not {units}" + (f" (or up to {lost} less, by kills in mid-call)" if lost else "")
            )
        for _ in range(units - there - hands):
            if event:
                L.region(self.ledger, o)[L.INSIDE] = 0
                thing.set()
            else:
                thing.release()
            self.acts["units lost with a kill in mid-call"] += 1
        if not event and not robust and hands < units:
            self.explain(o, units - there - hands)

    def explain(self, o: int, missing: int) -> None:
        """The semaphore numbers its acquisitions. Those that nobody wrote down were had by the dead (or by a wait that was cancelled in the instant of its
        grant, which gave it back). What else is missing must have been on its way back, or it was given to one who was dead and did not come back. A
        kill between the swap that takes a unit and its number, which are neighbours, would look the same, once in very many kills. Each is printed with
        those who died in a call for the semaphore."""
        i = o - L.FIRST_PLAIN
        permit = self.objects[o].acquire(timeout=0)
        permit.release()
        self.taken[i] += 1
        takes = self.taken[i] + sum(lane[L.TAKEN + i] for lane in self.places())
        unwritten = permit.fence - self.fences_before[i] - (takes - self.takes_before[i])
        if unwritten < 0:
            raise Broken(f"{L.NAMES[o]}: {-unwritten} acquisitions more than it has given numbers")
        if (lost := missing - unwritten - (self.open[o] - self.open_takes[o])) > 0:
            self.unexplained += lost
            print(f"{L.NAMES[o]}: {lost} lost without a trace; died in a call for it: {'; '.join(self.suspects[o])}", flush=True)
        self.fences_before[i], self.takes_before[i] = permit.fence, takes

    def balance_mutexes(self) -> None:
        for o in range(L.MUTEXES):
            mutex, name, r = self.objects[o], L.NAMES[o], L.region(self.ledger, o)
            if not mutex.acquire(timeout=PATIENCE):
                raise Broken(f"{name} is not free: {mutex.state}")
            own = 0xFF << 32 | os.getpid()
            L.enter_mutex(r, own, mutex.abandoned, mutex.fence, name)
            L.go_out(r, own, name)
            mutex.release()
            if r[L.TOLD_CLEAN] > self.windows[o]:
                raise Broken(f"{name}: {r[L.TOLD_CLEAN]} told of a death without any trace, but only {self.windows[o]} died in a call for it")
            for n in range(min(r[L.TOLD_DIRTY], L.DEAD_NAMES_KEPT)):
                if r[L.DEAD_NAMES + n] not in self.dead:
                    raise Broken(f"{name}: abandoned by {r[L.DEAD_NAMES + n]:x}, which is not dead")

    def balance_robust_news(self) -> None:
        told, maybe = list(self.told), list(self.maybe_told)
        for lane in self.places():
            for i in range(L.ROBUST):
                told[i] += lane[L.TOLD + i]
                maybe[i] += lane[L.MAYBE_TOLD + i]
        for i in range(L.ROBUST):
            o = L.FIRST_ROBUST + i
            if permit := self.objects[o].acquire(timeout=0):
                told[i] += permit.abandoned
                self.told[i] += permit.abandoned
                permit.release()
                if self.certain[o] and not self.open[o] and told[i] + maybe[i] == self.told_before[i]:
                    raise Broken(f"{L.NAMES[o]}: a holder died and nobody was told")
            if told[i] > self.possible[i]:
                raise Broken(f"{L.NAMES[o]}: told {told[i]} times of a death, and {self.possible[i]} died who may have held it")
            if permit:
                self.told_before[i] = told[i] + maybe[i]

    def balance_letters(self) -> None:
        sending, ticks = {}, [0] * len(L.TIMERS)
        for worker in self.workers:
            for number in range(L.LANES_OF_A_WORKER) if worker.pid else ():
                lane = L.lane(self.ledger, worker.slot, number)
                for q in range(len(L.QUEUES)):
                    sending[worker.slot << 40 | number << 32 | worker.seed, q] = lane[L.SENDING + q]
                for i in range(len(L.TIMERS)):
                    ticks[i] += lane[L.TICKS + i]
        self.letters.balance(sending, ticks, self.until_buried)

    def until_buried(self, what: str, condition) -> None:
        def buried() -> bool:
            self.bury_orphans()
            return condition()

        self.until(what, buried)

    def balance_bells(self) -> None:
        won, rung = list(self.won), list(self.rung)
        for lane in self.places():
            for b in range(L.BELLS):
                won[b] += lane[L.BELL + 2 * b]
                rung[b] += lane[L.BELL + 2 * b + 1]
        for b, bell in enumerate(self.bells):
            if won[b] > rung[b]:
                raise Broken(f"l{b}: rung {rung[b]} times, heard {won[b]} times")
            bell.set()
            if (bell.wait(0), bell.wait(0)) != (True, False):
                raise Broken(f"l{b}: one set does not satisfy exactly one wait")

    def temporary_names_gone(self) -> bool:
        for i in range(L.TEMPORARY):
            for kind in (self.byname.Mutex, self.byname.Event, self.byname.Semaphore):
                try:
                    kind.open(f"x{i}").close()
                    return False
                except self.byname.NotFoundError:
                    pass
                except self.byname.WrongKindError:
                    return False
        return True

    def balance_descriptors(self) -> None:
        for o, thing in enumerate(self.objects):
            there = True if o < L.FIRST_PLAIN else thing.is_set() if o >= L.FIRST_BATON else thing.available > 0
            if there and not select.select([thing], [], [], PATIENCE)[0]:
                raise Broken(f"{L.NAMES[o]} can be taken and its descriptor is not readable")

    # --- the whole

    def run(self, seconds: float) -> None:
        began = time.monotonic()
        for worker in [*self.workers, *self.dogs]:
            self.start(worker)
        next_stock = began + BETWEEN_STOCKS
        next_line = began + 30
        while (now := time.monotonic()) < began + seconds:
            pause = self.rng.expovariate(1 / BETWEEN_ACTS)
            until = now + pause
            while (now := time.monotonic()) < until:
                time.sleep(min(0.02, until - now))
                self.proceed()
            self.watch()
            self.act()
            if time.monotonic() > next_stock:
                self.take_stock()
                next_stock = time.monotonic() + BETWEEN_STOCKS
            if time.monotonic() > next_line:
                print(f"{time.monotonic() - began:.0f} s: {self.total()} operations, {self.acts['processes killed']} killed, {self.stocks} stocks", flush=True)
                next_line += 30
        self.take_stock()
        self.leave()

    def total(self) -> int:
        return sum(self.operations.values()) + sum(lane[L.OPERATIONS] for lane in self.places())

    def leave(self) -> None:
        """Everybody gives back what he has and ends; then the ledger must balance without anybody."""
        self.until("a dog that is stopped is not killed", self.tend_dogs)
        self.ledger[L.PHASE] = L.END
        for worker in [*self.workers, *self.dogs]:
            _, status = os.waitpid(worker.pid, 0)
            if status or self.out.stat().st_size:
                raise Broken(f"{worker} ended with status {status:x}\n{self.said()}")
            self.forget(worker)
            for number in range(L.LANES_OF_A_WORKER):
                lane = L.lane(self.ledger, worker.slot, number)
                if lane[L.HELD] or lane[L.DOING]:
                    raise Broken(f"the {worker.language} worker {worker.slot}, lane {number}, left with {lane[L.HELD]:x} in its hands")
                if not worker.role:
                    self.letters.enter_end(worker.slot, number << 32 | worker.seed, lane)
                self.collect(worker, lane)
        self.balance()
        self.letters.close()
        for handle in [*self.objects, *self.bells, *self.gates, self.go, self.gong]:
            handle.close()

    def abort(self) -> None:
        """Ends what still lives, by its id."""
        for worker in [*self.workers, *self.dogs]:
            if worker.pid:
                try:
                    os.killpg(worker.group.id, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        try:
            while True:
                os.waitpid(-1, 0)
        except ChildProcessError:
            pass

    def describe(self) -> str:
        """The state of everything, for whoever must find out what happened."""
        lines = []
        for name, thing in zip(L.NAMES, self.objects, strict=True):
            inside = L.region(self.ledger, L.NAMES.index(name))[L.INSIDE]
            lines.append(f"  {name}: {tell_state(thing)}" + (f", inside {inside:x}" if inside else ""))
        lines.append(f"  go: {tell_state(self.go)}, phase {self.ledger[L.PHASE]}")
        for worker in [*self.workers, *self.dogs]:
            if not worker.pid:
                continue
            lines.append(f"  {worker}{', stopped' if worker.stopped else ''}")
            for number in range(L.LANES_OF_A_WORKER):
                lane = L.lane(self.ledger, worker.slot, number)
                what = {0: "between two", L.TAKING: "taking", L.GIVING: "giving"}[lane[L.DOING] >> 32]
                names = lambda mask: " ".join(L.NAMES[o] for o in L.bits(mask)) or "nothing"  # noqa: E731
                lines.append(
                    f"    lane {number}: pid {lane[L.PID]}, state {lane[L.STATE]}, {what} {names(lane[L.DOING] & 0xFFFFFFFF)}, has {names(lane[L.HELD])}, {lane[L.OPERATIONS]} operations"
                )
            lines += [f"    thread {thread}" for thread in threads(worker.pid)]
            if child := worker.language in ("c", "python") and L.lane(self.ledger, worker.slot, L.CHILD)[L.PID]:
                lines += [f"    of its child {child}: thread {thread}" for thread in threads(child)]
        return "\n".join(lines)

    def report(self, seconds: float) -> list[str]:
        """Prints what was done; complains where it was too little."""
        print(f"\n{'operations':18}" + "".join(f"{language:>12}" for language in LANGUAGES))
        for kind in L.KINDS:
            print(f"{kind:18}" + "".join(f"{self.counts[kind, language]:12}" for language in LANGUAGES))
        print(f"{'all':18}" + "".join(f"{self.operations[language]:12}" for language in LANGUAGES))
        total, kills = sum(self.operations.values()), self.acts["processes killed"]
        print(f"\n{total} operations; " + ", ".join(f"{count} {act}" for act, count in sorted(self.acts.items())) + f"; stock taken {self.stocks} times")
        print(f"{self.unexplained} units of plain semaphores lost without a trace")
        print(", ".join(f"{count} {what}" for what, count in sorted(self.letters.counts.items())))
        print(f"longest time without an operation of a lane: {self.slowest[0]:.1f} s, {self.slowest[1]}")
        complaints = []
        if self.wakes:
            usual = statistics.median(self.wakes)
            print(f"one set woke everybody, and a mutex went through all hands, within {usual * 1000:.0f} ms as a rule, {max(self.wakes) * 1000:.0f} ms at the most")
            if len(self.wakes) >= 5 and usual > BELT:
                complaints.append("who was granted was not woken, but found it by looking once a second")
        if self.unexplained > max(1, kills // 1000):
            complaints.append(f"{self.unexplained} units lost without a trace are more than one in a thousand kills")
        if kills < KILLS * seconds:
            complaints.append(f"{kills} kills in {seconds:.0f} s are too few")
        if total < OPERATIONS * seconds:
            complaints.append(f"{total} operations in {seconds:.0f} s are too few")
        if seconds >= 20 and not self.acts["dogs killed when they were stopped"]:
            complaints.append("no dog was stopped and killed")
        for language in LANGUAGES:
            idle = [kind for kind in L.KINDS if not self.counts[kind, language] and (kind, language) not in NEVER and (kind != "job" or self.has_jobs)]
            if idle and seconds >= 20:
                complaints.append(f"{language} has never done: {', '.join(idle)}")
        return complaints


#: What a language has no call for, or leaves to others here.
NEVER = {("in place", "node"), ("async", "c"), ("cancelled", "c"), ("forked", "rust"), ("forked", "node")}


def commands(options: argparse.Namespace) -> dict[str, list[str]]:
    rust = options.target / "release" / "byname-soak"
    if not os.access(rust, os.X_OK):
        sys.exit(f"no Rust worker at {rust}: `make build` makes it")
    return {
        "rust": [str(rust)],
        "c": [build_c(options, WORKERS / "soak.c")],
        "python": [options.python, str(WORKERS / "soak.py")],
        "node": [options.node, str(WORKERS / "soak.mjs")],
    }


def tell_state(thing) -> str:
    state = thing.state
    words = [word for word in dir(state) if not word.startswith("_")]
    return ", ".join(f"{word} {getattr(state, word)}" for word in words)


def threads(pid: int) -> list[str]:
    found = []
    try:
        for tid in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
            with open(f"/proc/{pid}/task/{tid}/syscall") as file:
                found.append(f"{tid} {proc.state(pid, int(tid))} {file.read().strip()}")
    except OSError as problem:
        found.append(str(problem))
    return found


def parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def soak(options: argparse.Namespace, seed: int, folder: Path) -> int:
    """The run itself, in a process of its own: it is attached until it ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    run = Soak(options, seed, folder)
    try:
        run.run(options.seconds)
    except (Broken, L.Fault, run.byname.Error, ProcessLookupError, PermissionError) as problem:
        print(f"FAILED, seed {seed}: {type(problem).__name__}: {problem}\n{run.describe()}", flush=True)
        left = options.target / f"soak-{seed}.arena"
        shutil.copyfile(namespace_file(os.environ["BYNAME_SESSION"]), left)
        sparse(left)
        print(f"the arena is kept in {left}", flush=True)
        run.report(options.seconds)
        return 1
    finally:
        run.abort()
    complaints = run.report(options.seconds)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def run_child(options: argparse.Namespace, seed: int, folder: Path) -> None:
    """Ends the process without what the parent has on its way out, but in good order for byname."""
    status = 1
    try:
        status = soak(options, seed, folder)
    except Exception:  # noqa: BLE001  the parent sees the status, the reader must see this
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).exit(status)


def sparse(path: Path) -> None:
    """Gives back the disk under the pages of zeros."""
    os.system(f"fallocate --dig-holes '{path}' 2>/dev/null")  # a comfort: without it the copy is only large


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--groups", type=int, default=3)
    add_options(parser)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    session = f"soak-{os.getpid()}-{seed:x}"
    os.environ["BYNAME_SESSION"] = session
    print(f"{options.seconds:.0f} s, seed {seed}, session {session}", flush=True)
    with tempfile.TemporaryDirectory(prefix="byname-soak-") as folder:
        child = os.fork()
        if child == 0:
            run_child(options, seed, Path(folder))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    failed = 1 if status else 0
    file = namespace_file(session)
    if failed:
        file.unlink(missing_ok=True)
    elif file.exists():
        failed = 1
        print(f"{file} is left")
    for pid in proc.with_environment(f"BYNAME_SESSION={session}"):
        failed = 1
        print(f"process {pid} is left")
    print("FAILED" if failed else "passed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
