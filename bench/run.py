"""Measures byname against its references and rivals and writes a table and target/bench.json.

    python3 bench/run.py [--rounds N] [--only W1,W3] [--no-rivals] [--base COMMIT] [--strict] [--profile NAME] [--target DIR]

`make bench` builds the libraries first (as they ship: the `dist` profile) and then calls this. References, rivals and
byname run in the same program where they can, slice by slice, and the programs run in rounds one after the other; the
figure of a row is the median of its rounds, the figure of a round the median of its slices. All of it is pinned to one
core, both processes of a pair included, but for the rows that are about several cores. The exit status says whether
every row could be measured; with --strict also whether each goal is met, or limits.toml says what limits it.

With --base another commit is built as well and measured by the same programs, each right after or before this tree's
run of it, and the table says how much each row has changed: with --strict a row that is worse by more than 5 % fails.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import page
from prepare import BENCH, ROOT, Environment, of_commit
from rows import ROWS, compare, judge

SESSION = f"bench-{os.getpid()}"
# Short slices, many of them: the median is then one that no other program on the machine cut into.
MANY, FEW, ONE = "31", "3", "1"


@dataclass(frozen=True)
class Program:
    needs: str  # what of prepare.py it is, or runs in
    arguments: tuple
    rows: tuple  # the rows for which it is run
    spread: bool = False  # over all cores; else pinned to one
    once: bool = False  # in the first round only
    rival: bool = False  # it measures rivals only


PROGRAMS = [
    Program("uncontended", (MANY,), ("W1", "W1s-sem", "W1s-event")),
    Program("byname-bench", (MANY,), ("W1",)),
    Program("python", ("uncontended.py", MANY), ("W1p", "W1p-with")),
    Program("node", ("uncontended.mjs", MANY), ("W1n", "W1a")),
    *(
        Program("contend", (count, held, FEW), (f"W2-{count}{'-held' if held != '0' else ''}",), spread=True)
        for count in "24"
        for held in ("0", "500")
    ),
    Program("pingpong", ("3", FEW), ("W3",)),
    Program("iceoryx2", ("3", FEW), ("W3",), rival=True),
    Program("pingpong", ("3x", ONE), ("W3x",), spread=True),
    Program("iceoryx2", ("3x", ONE), ("W3x",), spread=True, rival=True),
    Program("names", ("1", MANY), ("W4-1",)),
    Program("names", ("1000", MANY), ("W4-1000",)),
    Program("names", ("50000", MANY, "flat"), ("W4-50000", "W4-flat")),
    Program("iceoryx2", ("names", ONE), ("W4-1",), rival=True),
    Program("objects", ("find", "1000000"), ("W4-million",), once=True),
    Program("opening", (MANY,), ("W4o",)),
    Program("mapping", (MANY,), ("W10-map",)),
    Program("objects", ("memory", "50000"), ("W4m",)),
    Program("pingpong", ("any-1", FEW), ("W5-1",)),
    Program("pingpong", ("any-8", FEW), ("W5-8",)),
    Program("pingpong", ("any-64", FEW), ("W5-64",)),
    Program("pingpong", ("all-8", FEW), ("W5-all-8",)),
    *(Program("queue", (f"{size}-{pair}", "9"), (f"W6-{size}{'' if pair == '1x1' else f'-{pair}'}",)) for size in (64, 4096) for pair in ("1x1", "2x2")),
    Program("queue", ("latency", FEW), ("W6-latency",)),
    Program("death", (FEW,), ("W7",)),
    Program("timer", (FEW,), ("W10-timer",)),
    Program("python", ("death.py", ONE), ("W7",), rival=True),
    Program("release", (ONE,), ("W9",), spread=True),
    Program("python", ("pending.py", ONE), ("WA-python",)),
    Program("node", ("pending.mjs", ONE), ("WA-node",)),
]


def main():
    options = parse()
    wanted = [program for program in PROGRAMS if set(program.rows) & set(options.only) and (options.rivals or not program.rival)]
    here = Environment(options.target / options.profile, options.rivals)
    benches = [Bench(here, SESSION)]
    if options.base:
        benches.append(Bench(of_commit(options.base, options.profile), f"{SESSION}-base"))
    for bench in benches:
        bench.environment.prepare({program.needs for program in wanted})
    ours, *base = measure(benches, wanted, options.rounds)
    if base:
        failed = show_comparison(options, ours, *base)
    else:
        failed = show_figures(options, ours)
    sys.exit(options.strict and failed)


def show_figures(options, samples):
    """Prints and writes the figures; whether some goal is neither met nor explained."""
    entries = [entry for entry in judge(samples) if entry["id"] in options.only]
    print(page.text(entries))
    write("bench.json", entries)
    must_have(options.only, entries)
    unexplained = [entry["id"] for entry in entries if not entry["met"] and not entry["explanation"]]
    if unexplained:
        print(f"neither met nor explained in bench/limits.toml: {', '.join(unexplained)}")
    return bool(unexplained)


def show_comparison(options, samples, base):
    """Prints and writes how the rows have changed; whether some row is worse than noise and the allowance explain."""
    entries = [entry for entry in compare(samples, base) if entry["id"] in options.only]
    print(page.comparison(entries, options.base))
    write("bench-base.json", entries)
    must_have(options.only, entries)
    worse = [entry["id"] for entry in entries if entry["worse"]]
    if worse:
        print(f"worse than {options.base} by more than 5 %: {', '.join(worse)}")
    return bool(worse)


def write(name, entries):
    out = ROOT / "target" / name
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(entries, indent=1) + "\n")
    print(f"\nwritten to {out.relative_to(ROOT)}")


def must_have(wanted, entries):
    missing = set(wanted) - {entry["id"] for entry in entries}
    if missing:
        sys.exit(f"not measured: {', '.join(row for row in ROWS if row in missing)}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="rounds over all programs (default 9)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(ROWS), help="rows to measure, by id")
    parser.add_argument("--no-rivals", dest="rivals", action="store_false", help="byname and its references only")
    parser.add_argument("--base", metavar="COMMIT", help="compare with the libraries of this commit, without rivals")
    parser.add_argument(
        "--strict", action="store_true", help="fail when a goal is neither met nor its limit explained, or a row is worse than the base"
    )
    parser.add_argument("--profile", default="dist", help="cargo's profile with which the libraries were built (default: as they ship)")
    parser.add_argument("--target", type=Path, default=ROOT / "target", help="cargo's target folder")
    options = parser.parse_args()
    options.rivals = options.rivals and not options.base
    unknown = [row for row in options.only if row not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return options


def measure(benches, programs, rounds):
    """For each of the benches all samples: from (row, side) to one figure for each round. The benches take turns, program by program, and
    who begins alternates."""
    samples = {bench: defaultdict(list) for bench in benches}
    for turn in range(rounds):
        for program in programs:
            for bench in benches[:: 1 if turn % 2 == 0 else -1]:
                if bench.can_run(program) and not (program.once and turn > 0):
                    progress(f"round {turn + 1} of {rounds}: {program.needs} {' '.join(program.arguments)}")
                    for key, slices in bench.measure(program).items():
                        samples[bench][key].append(statistics.median(slices))
    progress("")
    return samples.values()


class Bench:
    """How the programs are run with one set of libraries, in a session of its own."""

    def __init__(self, environment, session):
        self.environment = environment
        self.session = session
        self.cores = os.sched_getaffinity(0)

    def can_run(self, program):
        if program.rival and not self.command(program)[0].exists():
            return False  # prepare.py has said why
        return not ("W3x" in program.rows and len(self.cores) < 2)

    def command(self, program):
        environment = self.environment
        if program.needs == "python":
            return [environment.python, BENCH / program.arguments[0], *program.arguments[1:]]
        if program.needs == "node":
            return ["node", BENCH / program.arguments[0], *program.arguments[1:]]
        if program.needs == "byname-bench":
            return [environment.built / program.needs, *program.arguments]
        return [environment.iceoryx2 if program.needs == "iceoryx2" else environment.folder / program.needs, *program.arguments]

    def measure(self, program):
        command = [str(part) for part in self.command(program)]
        variables = {**os.environ, "BYNAME_SESSION": self.session, "BENCH_RIVALS": "1" if self.environment.rivals else "0"}
        if program.spread:
            await_idle_cores()
        folder = self.environment.node if program.needs == "node" else self.environment.folder
        os.sched_setaffinity(0, self.cores if program.spread else {max(self.cores)})  # inherited by the program
        with subprocess.Popen(command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            os.sched_setaffinity(0, self.cores)
            try:
                output, _ = process.communicate(timeout=600)
            finally:  # the programs remove their files themselves, unless they were stopped; iceoryx2 leaves some
                process.kill()
                for file in Path("/dev/shm").glob(f"*byname-*-{process.pid}-*"):
                    file.unlink()
        if process.returncode != 0:
            sys.exit(f"\n{' '.join(command)} failed with {process.returncode}")
        slices = defaultdict(list)
        for line in output.splitlines():
            row, side, value = line.split("\t")
            slices[row, side].append(float(value))
        return slices


def await_idle_cores():
    """Waits until other programs leave the cores alone, for five seconds at most: who shares a core with them measures the scheduler."""
    for _ in range(25):
        (idle, total), _, (idle_then, total_then) = processor_time(), time.sleep(0.2), processor_time()
        if idle_then - idle > 0.9 * (total_then - total):
            return


def processor_time():
    """Ticks of all cores: idle, in all."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return ticks[3] + ticks[4], sum(ticks)


def progress(text):
    """Says on one line of a terminal what runs now."""
    if sys.stderr.isatty():
        print(f"\r{text:<78.78}\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
