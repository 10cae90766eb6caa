"""The kill test: an owner is killed at a random moment, again and again, and the work goes on.

    python tests/conductor/kill.py [--runs N] [--seed N]

In every round a process of one language locks a mutex, counts in a ledger and unlocks, as fast as it can, and in every
other round a second one beside it. A process of another language asks for the mutex; then the first is killed with
SIGKILL. The waiter must get the mutex, and must be told if the ledger shows that the dead had it: between two writes
the ledger is marked as half written. Whoever finds a half-written ledger untold, or a fence that does not rise, says so.
The pairs of languages rotate; the mutex and the ledger are the same from the first round to the last.
"""

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from drivers import LANGUAGES, Broken, Driver, Pool, add_options, commands, finish

ROUND = 60.0  # seconds until the watchdog barks


@dataclass(frozen=True)
class Line:
    """What the ledger says: the fence and the count of the last writer, and whether it was half done."""

    fence: int
    count: int
    half: bool

    @classmethod
    def read(cls, path: Path) -> "Line":
        fence, count, mark = path.read_text().split()
        return cls(int(fence), int(count), mark == "B")

    def write(self, path: Path) -> None:
        path.write_text(f"{self.fence:019} {self.count:019} {'B' if self.half else 'E'}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=int(os.environ.get("RUNS", "200")))
    parser.add_argument("--seed", type=int)
    add_options(parser)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    pool = Pool(commands(options), f"kill-{os.getpid()}-{seed:x}")
    print(f"{options.runs} runs, seed {seed}, session {pool.session}", flush=True)
    with tempfile.TemporaryDirectory(prefix="byname-kill-") as folder:
        passed, failed = repeat(pool, options.runs, random.Random(seed), Path(folder) / "ledger")
    for complaint in pool.close():
        failed += 1
        print(complaint)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < options.runs else 0


def repeat(pool: Pool, runs: int, rng: random.Random, ledger: Path) -> tuple[int, int]:
    """All rounds, until one fails; how many passed and failed."""
    Line(0, 0, False).write(ledger)
    keeper = pool.take("c")  # keeps the name, and with it the mutex, from round to round
    ask(keeper, "mutex", "m", "chain")
    pairs = itertools.cycle(itertools.product(LANGUAGES, LANGUAGES))
    seen: Counter[str] = Counter()
    for run, (victim, waiter) in zip(range(1, runs + 1), pairs):
        bystander = rng.choice(LANGUAGES) if run % 2 else None
        try:
            seen[one(pool, rng, ledger, victim, waiter, bystander)] += 1
        except Broken as problem:
            print(
                f"FAILED run {run}: {victim} killed, {waiter} waiting, {bystander or 'nobody'} beside them\n  {problem}\n  ledger {Line.read(ledger)}"
            )
            return run - 1, 1
        if run % 50 == 0 or run == runs:
            said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(seen.items()))
            print(f"{run} runs, count {Line.read(ledger).count}: {said}", flush=True)
    pool.give(keeper)
    return runs, 0


def one(pool: Pool, rng: random.Random, ledger: Path, victim: str, waiter: str, bystander: str | None) -> str:
    """One round; what the waiter met."""
    before = Line.read(ledger)
    survivor = pool.take(waiter)
    workers = [pool.take(language) for language in (victim, bystander) if language]
    for driver in (survivor, *workers):
        if (result := ask(driver, "mutex", "m", "chain")) != "ok":
            raise Broken(f"the mutex was not there for the {driver.language} driver: {result}")
    churning = [worker.send("main", "churn", "m", str(ledger)) for worker in workers]
    deadline = time.monotonic() + ROUND
    while Line.read(ledger).count == before.count:  # until they are at it
        complain(churning)
        if time.monotonic() > deadline:
            raise Broken("the watchdog barked: nobody counts")
    pause(rng, 0.01)
    waiting = survivor.send("main", "acquire", "m", "inf")
    pause(rng, 0.003)
    survivor.receive()
    early = waiting.result
    complain(churning)
    pool.discard(workers[0])
    finish([waiting], time.monotonic() + ROUND)
    check(survivor, ledger, waiting.result, early)
    for worker in workers[1:]:
        complain(churning[1:])
        pool.discard(worker)
    if ask(survivor, "release", "m") != "ok" or ask(survivor, "clear") != "ok":
        raise Broken("the survivor could not release the mutex")
    pool.give(survivor)
    return "before the kill" if early else "told" if waiting.result == "abandoned" else "after a release"


def check(survivor: Driver, ledger: Path, result: str, early: str | None) -> None:
    """The survivor owns the mutex: the ledger stands still and must fit what the survivor was told. Mends the ledger."""
    line = Line.read(ledger)
    if result not in ("ok", "abandoned"):
        raise Broken(f"the waiter got {result!r}")
    if early == "abandoned":
        raise Broken("told of a death before there was one")
    if line.half and result != "abandoned":
        raise Broken("the ledger is half written and the next owner was not told")
    fence = int(ask(survivor, "fence", "m"))
    if fence <= line.fence:
        raise Broken(f"fence {fence} after {line.fence}")
    Line(fence, line.count, False).write(ledger)


def complain(churning: list) -> None:
    """A worker's command returns only to tell that exclusion or the fence was broken."""
    for call in churning:
        call.driver.receive()
        if call.result is not None:
            raise Broken(f"the {call.driver.language} worker says: {call.result}")


def pause(rng: random.Random, most: float) -> None:
    """Lets a random time pass, so that the kill falls anywhere."""
    time.sleep(rng.random() * most)


def ask(driver: Driver, *words: str) -> str:
    call = driver.send("main", *words)
    finish([call], time.monotonic() + ROUND)
    return call.result


if __name__ == "__main__":
    sys.exit(main())
