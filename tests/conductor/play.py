"""Plays one scenario once: gives each step to the driver of its role and compares result and state."""

import os
import random
import re
import signal
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

import arena
import proc
import table
from drivers import THREAD_OWNERS, Broken, Call, Driver, Pool, finish, namespace_file, settle
from scenarios import Scenario, Step

class Mismatch(Exception):
    """What came is not what the table says."""


@dataclass
class Object:
    kind: str
    word: str | None  # its leaf as the protocol writes it; None: unnamed
    expected: str | None = None  # None: not said yet
    made: str | None = None  # what never changes: an event's kind of reset, a semaphore's maximum and robustness
    fence: int = 0


@dataclass
class Actor:
    """A role on stage."""

    role: str
    driver: Driver
    handles: dict[str, Object] = field(default_factory=dict)
    pending: dict[str, deque[Call]] = field(default_factory=dict)
    tids: dict[str, int] = field(default_factory=dict)
    child: int | None = None
    blind: set[str] = field(default_factory=set)  # handles that are there and cannot be looked through

    @property
    def answers(self) -> bool:
        return self.driver.alive and not self.driver.stopped and not self.driver.changed

    def queue(self, thread: str) -> deque[Call]:
        return self.pending.setdefault(thread, deque())


class Play:
    """One run of a scenario with one cast."""

    def __init__(self, scenario: Scenario, cast: dict[str, str], pool: Pool, number: int, rng: random.Random):
        self.scenario, self.pool, self.rng = scenario, pool, rng
        self.prefix = f"r{number}-"
        self.session = f"{pool.session}-{number}" if scenario.own_session else pool.session
        self.transcript: list[str] = []
        self.objects: dict[str, Object] = {}  # by handle
        self.groups: dict[str, list[tuple[str, str]]] = {}
        self.step: Step | None = None
        self.round = 1
        self.deadline = time.monotonic() + scenario.watchdog
        self.actors: dict[str, Actor] = {}
        self.cast = cast
        self.loose: set[Call] = set()  # begun with `&` and not yet collected: while there are any, states may move
        self.looks = 0
        self.deaths = False  # after one, the truth may take a moment to be seen

    def run(self) -> str | None:
        """None when everything was as the table says, else the report."""
        complaint = None
        try:
            self.enter()
            for step in self.scenario.setup:
                self.perform(step)
            for number in range(1, self.scenario.repeat + 1):
                self.round = number
                for step in self.scenario.steps:
                    self.perform(step)
        except (Mismatch, Broken) as problem:
            complaint = self.report(str(problem))
        finally:
            self.leave(complaint is not None)
        return complaint

    def enter(self) -> None:
        leader = None
        for role in self.scenario.roles:
            language = self.cast[role]
            if role in self.scenario.together:
                driver = self.pool.start(language, self.session, leader or 0)
                leader = leader or driver.pid
            elif self.scenario.own_session:
                driver = self.pool.start(language, self.session)
            else:
                driver = self.pool.take(language)
            driver.log = lambda text, role=role: self.transcript.append(f"{role:>4} {text}")
            self.actors[role] = Actor(role, driver)
        if self.scenario.ce:
            finish([actor.driver.send("main", "profile", "ce") for actor in self.actors.values()], self.deadline)

    def leave(self, failed: bool) -> None:
        """Gives clean drivers back to the pool and ends the others."""
        owners = {re.split(r"[.*]", o.expected or "?")[0] for o in self.objects.values() if o.kind == "mutex"}
        for actor in self.actors.values():
            self.kill_child(actor)
            driver = actor.driver
            unclean = failed or "?" in owners or actor.role in owners or any(actor.pending.values()) or driver.stopped or driver.changed
            if driver.alive and not unclean:
                unclean = not self.clear(actor)
            if driver.alive and unclean:
                driver.kill()
            elif driver.alive and driver.session != self.pool.session:
                driver.leave()
            driver.log = lambda text: None
            self.pool.give(driver)
        if self.scenario.own_session:  # when the last one was killed, the file stays: only `byname gc` may judge that
            namespace_file(self.session).unlink(missing_ok=True)

    def clear(self, actor: Actor) -> bool:
        calls = [actor.driver.send(thread, "exit-thread") for thread in actor.pending if thread not in ("main", "io")]
        calls.append(actor.driver.send("main", "clear"))
        try:
            finish(calls)
        except Broken:
            return False
        return all(call.result == "ok" for call in calls)

    def report(self, problem: str) -> str:
        cast = ", ".join(f"{role}={actor.driver.language} (pid {actor.driver.pid})" for role, actor in list(self.actors.items())[:8])
        where = f"{self.scenario.file}:{self.step.line}: {self.step}" if self.step else "before the first step"
        lines = [f"FAILED {self.scenario.id}", f"  cast  {cast}", f"  step  {where}"]
        if self.scenario.repeat > 1:
            lines.append(f"  round {self.round} of {self.scenario.repeat}")
        lines += [f"  {line}" for line in problem.splitlines()]
        lines += ["  transcript (the end of it)"] + [f"    {line}" for line in self.transcript[-60:]]
        return "\n".join(lines)

    # --- one step

    def perform(self, step: Step) -> None:
        self.step = step
        self.transcript.append(f"---- {step}")
        results: list[str] = []
        if not step.who:
            self.direct(step)
        elif step.what[0] == "returns":
            results = self.returns(step)
        else:
            results = self.act(step)
        for key, value in step.state:
            self.object(key).expected = self.meaning(value, results)
        if not self.loose:
            self.compare_states()

    def direct(self, step: Step) -> None:
        """A step of the conductor itself."""
        verb, *rest = step.what
        if verb == "jitter":  # aim at an instant, up to `rest` milliseconds from now
            until = time.monotonic() + self.rng.random() * float(rest[0]) / 1000
            while time.monotonic() < until:
                pass
        elif verb == "crash":
            for role in rest:
                os.kill(self.actors[role].driver.pid, signal.SIGABRT)
            self.bury(rest)
        elif verb == "depth":  # what no call can bring about in a lifetime
            arena.write_depth(namespace_file(self.session), unquote(self.object(rest[0]).word), int(rest[1]))
        elif verb == "garbage":
            file = namespace_file(self.session)
            file.touch(0o600)
            file.write_bytes(self.rng.randbytes(8192))
        elif verb == "no-file":
            if namespace_file(self.session).exists():
                raise Mismatch(f"{namespace_file(self.session)} still exists")
        elif verb == "kill-group":  # one signal for all of them
            os.killpg(self.actors[self.scenario.together[0]].driver.pid, signal.SIGKILL)
            self.bury(self.scenario.together)
        elif verb == "kill":
            for role in rest:
                self.actors[role].driver.process.kill()
            self.bury(rest)
        elif verb == "killed":  # by somebody else
            self.bury(rest)
        elif verb == "exit":
            for role in rest:
                if (status := self.actors[role].driver.leave()) != 0:
                    raise Mismatch(f"{role} ended with status {status}")
            self.bury(rest)
        elif verb == "exec":  # another program in the same process: what was open and held is gone as by a death
            for role in rest:
                self.actors[role].driver.become_another_program(self.deadline)
            self.forget(rest)
        elif verb == "kill-child":
            for role in rest:
                self.kill_child(self.actors[role])
            self.deaths = True
        elif verb in ("stop", "continue"):
            for role in rest:
                getattr(self.actors[role].driver, "stop" if verb == "stop" else "proceed")()
        else:
            raise SystemExit(f"{self.scenario.file}:{step.line}: the conductor cannot {verb!r}")

    def bury(self, roles: Iterable[str]) -> None:
        """Waits until the kernel has finished with the roles' processes."""
        for role in roles:
            if self.actors[role].driver.alive:
                self.actors[role].driver.bury()
        self.forget(roles)

    def forget(self, roles: Iterable[str]) -> None:
        """Strikes out what was under way in the roles' processes."""
        self.deaths = True
        for role in roles:
            actor = self.actors[role]
            self.loose -= {call for queue in actor.pending.values() for call in queue}
            actor.pending.clear()
            if actor.child is None:
                actor.handles.clear()

    def kill_child(self, actor: Actor) -> None:
        if actor.child is not None:
            os.kill(actor.child, signal.SIGKILL)
            while proc.state(actor.child, actor.child) not in ("", "Z"):
                if time.monotonic() > self.deadline:
                    raise Broken(f"process {actor.child} does not die")
            actor.child = None

    def act(self, step: Step) -> list[str]:
        """Gives the operations to each actor in turn, or with `&` to all without waiting for any."""
        what, times = list(step.what), 1
        if at_once := what[0] == "&":
            what = what[1:]
        if re.fullmatch(r"x\d+", what[0]):
            times, what = int(what[0][1:]), what[1:]
        commands = [words for operation in table.operations(what) for words in [table.words(operation, self.prefix)]] * times
        self.deaths |= what[0] in ("exit-thread", "fork")
        results = []
        for actor, thread in self.who(step.who):
            if at_once:
                calls = actor.driver.send_all(thread, commands)
                actor.queue(thread).extend(calls)
                self.loose.update(calls)
                continue
            for words in commands:
                call = actor.driver.send(thread, *words)
                actor.queue(thread).append(call)
                results.append(self.outcome(actor, call, step))
        if not at_once:
            self.check(step, results)
        return results

    def returns(self, step: Step) -> list[str]:
        """Collects the oldest pending calls of each actor.

        Those that return are `got`, the others `rest`; those that have what they waited for are `won`.
        """
        times = int(step.what[1][1:]) if len(step.what) > 1 else 1
        calls = [(actor, thread, actor.queue(thread)[n]) for actor, thread in self.who(step.who) for n in range(times)]
        blocked = table.blocked(step.result)
        finish([call for *_, call in calls], self.deadline, len(calls) - blocked)
        results = []
        self.groups = {"got": [], "rest": [], "won": []}
        for actor, thread, call in calls:
            result = self.outcome(actor, call, step)
            results.append(result)
            self.groups["rest" if result == "blocked" else "got"].append((actor.role, thread))
            if result.split()[0] in ("ok", "abandoned", "index"):
                self.groups["won"].append((actor.role, thread))
        self.check(step, results)
        return results

    def who(self, text: str) -> list[tuple[Actor, str]]:
        parties = []
        for word in text.split():
            if word in self.groups:
                if not self.groups[word] and word != "won":
                    raise SystemExit(f"{self.scenario.file}:{self.step.line}: nobody is {word!r} here")
                parties += self.groups[word]
            elif word.endswith("*"):
                parties += [(role, "main") for role in self.scenario.roles if role.startswith(word[:-1])]
            else:
                role, _, thread = word.partition(".")
                parties.append((role, thread or "main"))
        return [(self.actors[role], thread) for role, thread in parties]

    # --- one call

    def outcome(self, actor: Actor, call: Call, step: Step) -> str:
        """The result, with what follows from it for the handles; or "blocked", where the step expects that of some."""
        if "blocked" in step.result and settle(call, self.deadline) == "blocked":
            return "blocked"
        finish([call], self.deadline)
        result = call.result
        self.loose.discard(call)
        actor.queue(call.thread).remove(call)
        if result == "timeout" and (limit := table.limit(call.words)) is not None and call.took < limit:
            raise Mismatch(f"the time-out of {limit * 1000:g} ms came after {call.took * 1000:g} ms: never early")
        if call.words[0] in table.MAKERS and result in ("ok", "ok created"):
            self.bind(actor, call.words[call.words[0] == "open" :], fresh=result == "ok created")
        if call.words[0] == "close" and result == "ok":
            actor.handles.pop(call.words[1], None)
        elif call.words[0] == "close" and actor.driver.language == "rust":
            actor.blind.add(call.words[1])  # a close takes the value, also where it is refused
        if call.words[0] == "child" and result.startswith("child "):
            actor.child = int(result.removeprefix("child "))
            return "ok"
        if call.words[0] == "fence" and result.isdigit():
            held = actor.handles[call.words[1]]
            rising, held.fence = int(result) > held.fence, int(result)
            return "rising" if rising else result
        return result

    def bind(self, actor: Actor, words: tuple[str, ...], fresh: bool) -> None:
        """Remembers which object a new handle of the actor means; one that is fresh also for what it was made."""
        kind, handle, word, *options = words
        unnamed = ("-",) if self.scenario.ce else ("-", "%")
        leaf = None if word in unnamed else word.removeprefix("Local\\")
        same = {key: old for key, old in self.objects.items() if leaf is not None and self.is_called(old, kind, leaf)}
        known = next(iter(same.values()), None)
        if known is None or fresh and known.made is not None:
            known = Object(kind, leaf, known.expected if known else None)
            self.objects.update(dict.fromkeys(same, known))
        if fresh:
            known.made = table.made(kind, options)
        actor.handles[handle] = self.objects[handle] = known
        actor.blind.discard(handle)
        if not table.may_look(options):
            actor.blind.add(handle)

    def is_called(self, known: Object, kind: str, leaf: str) -> bool:
        """Whether the object has that name; in the CE profile each kind has its own names."""
        return known.word == leaf and (known.kind == kind or not self.scenario.ce)

    # --- comparing

    def check(self, step: Step, results: list[str]) -> None:
        if not table.agrees(step.result, results):
            got = ", ".join(f"{n} {kind}" if len(results) > 1 else kind for kind, n in Counter(results).items())
            raise Mismatch(f"expected  {step.result}\ngot       {got}")

    def meaning(self, value: str, results: list[str]) -> str | None:
        """What an object's state must be: `5-ok` is 5 less the number of `ok` in this step, `got` whoever returned."""
        if value == "?":
            return None
        if value == "got":
            ((role, thread),) = self.groups["got"]
            return role if thread == "main" else f"{role}.{thread}"
        if counted := re.fullmatch(r"(\d+)([-+])(\w+)", value):
            start, sign, kind = counted.groups()
            return str(int(start) + int(f"{sign}1") * sum(result.split()[0] == kind for result in results))
        return {"set": "1", "unset": "0"}.get(value, value)

    def object(self, key: str) -> Object:
        if key not in self.objects:
            raise SystemExit(f"{self.scenario.file}:{self.step.line}: no step has made or opened {key!r}")
        return self.objects[key]

    def compare_states(self) -> None:
        """Every object, as every living role with a handle sees it, against what the table said last.

        After a death the truth may take a moment to be seen; after anything else it must be there at once.
        """
        before = len(self.transcript)
        while wrong := self.differences():
            if not self.deaths or time.monotonic() > self.deadline:
                raise Mismatch("\n".join(wrong))
            del self.transcript[before:]
            time.sleep(0.001)

    def differences(self) -> list[str]:
        watchers = [actor for actor in self.actors.values() if actor.answers]
        looks = [
            (actor, handle, known, actor.driver.send("io", "state", handle))
            for actor in watchers
            for handle, known in actor.handles.items()
            if known.expected not in (None, "gone") and handle not in actor.blind
        ]
        names = self.names(watchers)
        finish([*(call for *_, call in looks), *(call for *_, call in names)], self.deadline)
        wrong = [
            f"state     {handle} should be {self.wanted(known)}, but {actor.role} sees {call.result}"
            for actor, handle, known, call in looks
            if not self.same(known, call.result)
        ]
        return wrong + [
            f"name      {handle} should {'exist' if held else 'be gone'}, but {watcher.role} is told {call.result}"
            for watcher, handle, held, call in names
            if call.result != ("yes" if held else "no")
        ]

    def names(self, watchers: list[Actor]) -> list[tuple[Actor, str, bool, Call]]:
        """For every name: whether it exists, which it must exactly while somebody has a handle to its object (L1).

        Another role is asked after each step. What a forked child has, only the table knows.
        """
        if not watchers:
            return []
        watcher = watchers[self.looks % len(watchers)]
        self.looks += 1
        asked: dict[tuple[str, str], tuple[Actor, str, bool, Call]] = {}
        for handle, known in self.objects.items():
            # (Who looks for a queue by its name is one of its ends, and what he closes may break it.)
            if known.word is None or known.kind == "queue":
                continue
            word = known.word
            name = (word, known.kind if self.scenario.ce else "")
            if name in asked:
                continue
            owners = [a for a in self.actors.values() if any(self.is_called(o, known.kind, word) for o in a.handles.values())]
            held = any(actor.driver.alive and not actor.driver.changed for actor in owners)
            kept = any(actor.child is not None for actor in owners) and known.expected != "gone"
            asked[name] = (watcher, handle, (held or kept) and known.expected != "gone", watcher.driver.send("io", "exists", known.kind, word))
        return list(asked.values())

    def wanted(self, known: Object) -> str:
        words = {"1": "set", "0": "unset"} if known.kind in ("event", "timer", "job") else {}
        return f"{words.get(known.expected, known.expected)}{f' ({known.made})' if known.made else ''}"

    def same(self, known: Object, seen: str) -> bool:
        if known.kind in ("event", "timer", "job"):
            reset, _, state = seen.partition(" ")
            return {"set": "1", "unset": "0"}.get(state) == known.expected and known.made in (None, reset)
        if known.kind in ("semaphore", "mapping"):
            count, _, made = seen.partition("/")
            return count == known.expected and known.made in (None, made)
        if known.kind == "watchdog":
            return seen == known.expected
        if {seen, known.expected} & {"free", "abandoned"}:
            return seen == known.expected
        who, _, depth = known.expected.partition("*")
        role, _, thread = who.partition(".")
        owner, words = self.actors[role], seen.split()
        if [words[0], *words[2:]] != [str(owner.driver.pid), depth or "1"]:
            return False
        return owner.driver.language not in THREAD_OWNERS or words[1] == str(self.tid(owner, thread or "main"))

    def tid(self, actor: Actor, thread: str) -> int:
        """The thread's id: the main one's is the process's, another's is asked for once, when it has nothing else to do."""
        if thread == "main":
            return actor.driver.pid
        if thread not in actor.tids:
            if actor.queue(thread):
                return actor.queue(thread)[0].tid
            call = actor.driver.send(thread, "tid")
            finish([call], self.deadline)
            actor.tids[thread] = int(call.result)
        return actor.tids[thread]
