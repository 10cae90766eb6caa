"""The conductor: plays every scenario with every cast and says what was not as the contract's table has it.

    python tests/conductor/run.py [--filter TEXT] [--pairs all|sample] [--list] [--seed N]

Roles are dealt to languages: two-role scenarios in all pairs, others so that each language plays each role. The last
line is `N passed, N failed`; the exit status is 0 when nothing failed and nothing was left behind.
"""

import argparse
import os
import random
import subprocess
import sys
import time

import rows
from drivers import LANGUAGES, Pool, add_options, commands
from play import Play
from scenarios import Scenario, load


def main() -> int:
    options = arguments()
    scenarios = load()
    if options.list:
        return show(scenarios)
    jobs = jobs_are_missing()
    if jobs:
        print(f"left out: the scenarios of jobs, {jobs}")
    chosen = [s for s in scenarios if s.file != "jobs.toml" or not jobs]
    chosen = [s for s in chosen if not options.filter or any(matches(s, text) for text in options.filter)]
    seed = options.seed if options.seed is not None else random.randrange(2**32)
    session = f"conformance-{os.getpid()}-{seed:x}"
    print(f"{len(chosen)} scenarios, seed {seed}, session {session}", flush=True)
    started = time.monotonic()
    passed, failures = perform(chosen, Pool(commands(options), session), options, seed)
    for scenario in chosen:
        if scenario.limits():
            print(f"limited   {scenario.id} ({scenario.limits()})")
    inventory, wrong = rows.inventory(scenarios)
    failures += wrong
    print("\n".join([*rows.excuses(inventory), "", *rows.casts(scenarios), *rows.summary(inventory)]))
    for complaint in failures:
        print(f"\n{complaint}")
    print(f"\n{time.monotonic() - started:.1f} s on {os.cpu_count()} processors")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--filter", action="append", metavar="TEXT", help="only scenarios of this row, or with this text in the title or file name"
    )
    parser.add_argument("--pairs", choices=("all", "sample"), default="all")
    parser.add_argument("--list", action="store_true", help="show the scenarios and the rows they cover")
    parser.add_argument("--seed", type=int, help="of the jitter; every run prints its own")
    parser.add_argument("--times", action="store_true", help="show how long each cast took")
    parser.add_argument("--fail-fast", action="store_true", help="stop after the first failure")
    add_options(parser)
    return parser.parse_args()


def jobs_are_missing() -> str | None:
    """Why there are no jobs here, if there are none."""
    session = f"conformance-jobs-{os.getpid()}"
    job = "import byname, sys\ntry: byname.Job().close()\nexcept byname.UnsupportedError as no: sys.exit(str(no))"
    told = subprocess.run([sys.executable, "-c", job], env={**os.environ, "BYNAME_SESSION": session}, capture_output=True, text=True)
    return told.stderr.strip() or None


def matches(scenario: Scenario, text: str) -> bool:
    return text in scenario.rows or text in scenario.title or text == scenario.file.removesuffix(".toml")


def perform(chosen: list[Scenario], pool: Pool, options: argparse.Namespace, seed: int) -> tuple[int, list[str]]:
    """Every scenario with every cast; how many passed, and the reports of those that did not."""
    rng = random.Random(seed)
    plays = [(scenario, cast) for scenario in chosen for cast in scenario.deals(options.pairs == "all")]
    passed, failures = 0, []
    for number, (scenario, cast) in enumerate(plays, 1):
        began = time.monotonic()
        complaint = Play(scenario, cast, pool, number, rng).run()
        if options.times:
            print(f"{time.monotonic() - began:7.3f} s  {scenario.id}  {who(cast)}", flush=True)
        if complaint is None:
            passed += 1
        else:
            failures.append(complaint)
            print(complaint.partition("\n")[0], who(cast), flush=True)
            if options.fail_fast:
                break
    if left := pool.close():
        failures.append("\n".join(["FAILED at the end", *(f"  {line}" for line in left)]))
    return passed, failures


def who(cast: dict[str, str]) -> str:
    return " ".join(f"{role}={language}" for role, language in list(cast.items())[:6])


def show(scenarios: list[Scenario]) -> int:
    """Every scenario with its casts, every row with what covers or excuses it."""
    for scenario in scenarios:
        casts = len(scenario.deals(all_pairs=True))
        print(
            f"{scenario.file.removesuffix('.toml'):13} {scenario.id}  [{len(scenario.roles)} roles, {casts} casts{'; ' + scenario.limits() if scenario.limits() else ''}]"
        )
    inventory, wrong = rows.inventory(scenarios)
    for row in inventory:
        found = f"{len(row.by)} scenarios" if row.by else f"excused: {row.excuse}" if row.excuse else "MISSING"
        print(f"{row.id:24} {row.says}: {found}")
    print("\n".join([*rows.casts(scenarios), *rows.summary(inventory), *wrong]))
    print(f"{len(scenarios)} scenarios, {sum(len(s.deals(True)) for s in scenarios)} casts, languages {', '.join(LANGUAGES)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
