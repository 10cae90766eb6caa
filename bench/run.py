"""Measures byname against its references and writes a table and target/bench.json.

    python3 bench/run.py [--rounds N] [--only W1,W3] [--strict] [--page] [--target DIR]

`make bench` builds the libraries first (as they ship: the `dist` profile) and then calls this. References and
byname run in the same program, slice by slice, and the programs run in rounds one after the other; the figure of
a row is the median of its rounds, the figure of a round the median of its slices. All of it is pinned to one core,
both processes of a pair included, because a wake-up on another core varies more from run to run than anything
measured here. The exit status says whether every row could be measured; with --strict also whether each goal is met.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
SESSION = f"bench-{os.getpid()}"
# Short slices, many of them: the median is then one that no other program on the machine cut into.
MANY, FEW = "31", "3"

# id: (workload, reference, unit, goal, due now). Smaller is better in all of them.
ROWS = {
    "W1": ("uncontended mutex lock + unlock, the slower of C and Rust", "pthread robust, shared, recursive", "ns", 0.70, True),
    "W1s-sem": ("uncontended semaphore release + acquire, C", "POSIX semaphore post + wait", "ns", 1.0, False),
    "W1s-event": ("uncontended event set + wait, C", "POSIX semaphore post + wait", "ns", 1.0, False),
    "W1p": ("uncontended mutex acquire() + release(), Python", "posix_ipc semaphore", "ns", 0.7, True),
    "W1p-with": ("uncontended `with mutex:`, Python", "posix_ipc semaphore", "ns", 0.7, True),
    "W1n": ("uncontended acquireSync() + release(), Node", "POSIX semaphore through koffi", "ns", 1.0, True),
    "W1a": ("`await acquire()` of a free mutex + release(), Node", "os-lock", "ns", 1 / 50, False),
    "W3": ("event ping-pong between two processes, same core, median trip", "raw futex", "us", 1.10, True),
    "W4-1": ("create + close of a new name, 1 live", "own file + pthread mutex", "us", 1 / 15, True),
    "W4-50000": ("create + close of a new name, 50 000 live", "own file + pthread mutex", "us", 1 / 15, True),
    "W4-flat": ("create + close of a new name, 50 000 live against 1", "byname with 1 live", "us", 1.5, True),
    "W5-1": ("wait-any of 1, set by another process, same core, median trip", "futex_waitv", "us", 1.10, True),
    "W5-8": ("wait-any of 8, the last set by another process, same core", "futex_waitv", "us", 1.25, False),
    "W5-64": ("wait-any of 64, the last set by another process, same core", "futex_waitv", "us", 1.60, False),
    "W7": ("kill -9 of the owner until the sleeping waiter owns and knows", "pthread robust", "us", 1.5, True),
}


def main():
    options = parse()
    bench = Bench(options.target)
    bench.prepare(options.only)
    samples = bench.run(options.rounds, options.only)
    rows = [row for row in judge(samples) if not options.only or row["id"] in options.only]
    print(table(rows, samples))
    out = ROOT / "target" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"\nwritten to {out.relative_to(ROOT)}")
    missing = [i for i, row in ROWS.items() if row[4] and not any(r["id"] == i for r in rows) and (not options.only or i in options.only)]
    if missing:
        sys.exit(f"not measured: {', '.join(missing)}")
    if options.page:
        write_page(rows)
    if options.strict and not all(row["met"] for row in rows):
        sys.exit("a goal is not met")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds over all programs (default 7)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="rows to measure, by id")
    parser.add_argument("--strict", action="store_true", help="fail when a goal is not met")
    parser.add_argument("--page", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--target", type=Path, default=ROOT / "target", help="cargo's target folder")
    options = parser.parse_args()
    unknown = [row for row in options.only if row not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return options


class Bench:
    """The programs, what they need, and how they are run."""

    def __init__(self, target):
        self.built = target.resolve() / "dist"
        self.env = ROOT / "target" / "bench-env"
        self.prefix = self.env / "prefix"
        self.python = self.env / "venv" / "bin" / "python"
        self.node = self.env / "node"
        # command, the rows it gives
        self.programs = [
            ([self.env / "uncontended", MANY], ["W1", "W1s-sem", "W1s-event"]),
            ([self.built / "byname-bench", MANY], ["W1"]),
            ([self.python, BENCH / "uncontended.py", MANY], ["W1p", "W1p-with"]),
            (["node", BENCH / "uncontended.mjs", MANY], ["W1n", "W1a"]),
            ([self.env / "pingpong", "0", FEW], ["W3"]),
            ([self.env / "pingpong", "1", FEW], ["W5-1"]),
            ([self.env / "pingpong", "8", FEW], ["W5-8"]),
            ([self.env / "pingpong", "64", FEW], ["W5-64"]),
            ([self.env / "names", "1", MANY], ["W4-1", "W4-flat"]),
            ([self.env / "names", "50000", MANY], ["W4-50000", "W4-flat"]),
            ([self.env / "death", FEW], ["W7"]),
        ]

    def prepare(self, only):
        """Compiles the C programs and installs, below target/, what the references need."""
        wanted = {row for _, rows in self.programs for row in rows if not only or row in only}
        self.env.mkdir(parents=True, exist_ok=True)
        quiet(["bash", ROOT / "tools" / "install-c.sh", self.prefix, self.built])
        for program in ["uncontended", "pingpong", "names", "death"]:
            self.compile(program)
        if wanted & {"W1p", "W1p-with"}:
            self.prepare_python()
        if wanted & {"W1n", "W1a"}:
            self.prepare_node()

    def compile(self, program):
        library = ["-I", self.prefix / "include", "-L", self.prefix / "lib", f"-Wl,-rpath,{self.prefix / 'lib'}", "-lbyname"]
        source = BENCH / "c" / f"{program}.c"
        quiet(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.env / program, source, *library, "-pthread", "-lrt"])

    def prepare_python(self):
        if not self.python.exists():
            quiet([sys.executable, "-m", "venv", self.env / "venv"])
        quiet([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "posix_ipc"])
        packages = next((self.env / "venv" / "lib").glob("python3*")) / "site-packages"
        shutil.copytree(ROOT / "bindings-python" / "python" / "byname", packages / "byname", dirs_exist_ok=True)
        replace(self.built / "lib_byname.so", packages / "byname" / "_byname.abi3.so")

    def prepare_node(self):
        package = self.node / "node_modules" / "byname"
        self.node.mkdir(exist_ok=True)
        (self.node / "package.json").write_text('{ "private": true }\n')
        if not (self.node / "node_modules" / "koffi").exists():
            quiet(["npm", "install", "--no-audit", "--no-fund", "--no-save", "koffi"], cwd=self.node)
            # os-lock must be compiled, which needs Node's own headers; its row is left out where that fails.
            optional = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "koffi", "os-lock"]
            if subprocess.run(optional, cwd=self.node, capture_output=True).returncode == 0:
                subprocess.run(["npm", "rebuild", "os-lock"], cwd=self.node, capture_output=True)
        shutil.rmtree(package, ignore_errors=True)
        shutil.copytree(ROOT / "bindings-node", package, ignore=shutil.ignore_patterns("src", "node_modules", "*.node", "*.rs", "Cargo.toml"))
        for addon in addon_names():
            replace(self.built / "libbyname_node.so", package / addon)

    def run(self, rounds, only):
        """All samples, by row and side: one list of slices for each round."""
        samples = defaultdict(list)
        programs = [(command, rows) for command, rows in self.programs if not only or set(rows) & set(only)]
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(everywhere)})  # inherited by every program
        try:
            for turn in range(rounds):
                for command, _ in programs:
                    progress(f"round {turn + 1} of {rounds}: {' '.join(Path(part).name for part in command[:-1])}")
                    for key, slices in self.measure(command).items():
                        samples[key].append(statistics.median(slices))
        finally:
            os.sched_setaffinity(0, everywhere)
            progress("")
        return samples

    def measure(self, command):
        environment = {**os.environ, "BYNAME_SESSION": SESSION}
        with subprocess.Popen([str(part) for part in command], cwd=self.node if self.node.exists() else self.env, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as program:
            try:
                output, _ = program.communicate(timeout=600)
            finally:  # names.c removes its reference files itself, unless it was stopped
                program.kill()
                for file in Path("/dev/shm").glob(f"byname-*-{program.pid}-*"):
                    file.unlink()
        if program.returncode != 0:
            sys.exit(f"\n{' '.join(map(str, command))} failed with {program.returncode}")
        slices = defaultdict(list)
        for line in output.splitlines():
            row, whose, value = line.split()
            slices[row, whose].append(float(value))
        return slices


def progress(text):
    """Says on one line of a terminal what runs now."""
    if sys.stderr.isatty():
        print(f"\r{text:<78.78}\r", end="", file=sys.stderr, flush=True)


def addon_names():
    """The names under which the Node package looks for its addon on this machine."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return [f"byname.linux-{machine}-gnu.node"]


def replace(source, destination):
    """Copies to a new inode, so that a process which has the old file loaded keeps it."""
    fresh = destination.with_name(destination.name + ".new")
    shutil.copyfile(source, fresh)
    fresh.replace(destination)


def quiet(command, **options):
    """Runs a step of the preparation; shows what it said only when it fails."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


def judge(samples):
    """One row of bench.json for each row that was measured."""
    figures = {key: statistics.median(rounds) for key, rounds in samples.items()}
    sides = {row: (figures.get((row, "ours")), figures.get((row, "reference"))) for row in ROWS}
    languages = [figures.get((row, "ours")) for row in ("W1-c", "W1-rust")]
    if all(languages):
        sides["W1"] = (max(languages), figures["W1-c", "reference"])
    sides["W4-flat"] = (sides["W4-50000"][0], sides["W4-1"][0])
    rows = []
    for row, (workload, reference_is, unit, goal, _) in ROWS.items():
        ours, reference = sides[row]
        if ours is None or reference is None:
            continue
        ratio = ours / reference
        rows.append({"id": row, "workload": f"{workload}; reference: {reference_is}", "ours": round(ours, 4), "reference": round(reference, 4),
                     "unit": unit, "ratio": round(ratio, 4), "goal": round(goal, 4), "met": ratio <= goal})
    return rows


def table(rows, samples):
    spread = {key: f"{min(rounds):.4g} to {max(rounds):.4g}" for key, rounds in samples.items()}
    lines = [("row", "ours", "reference", "", "ratio", "goal", "met", "ours, least to most", "workload")]
    for row in rows:
        ranges = [f"{name.removeprefix('W1-')} {spread[name, 'ours']}" for name in ("W1-c", "W1-rust")] if row["id"] == "W1" else [spread.get((row["id"], "ours"), "")]
        lines.append((row["id"], f"{row['ours']:.4g}", f"{row['reference']:.4g}", row["unit"], f"{row['ratio']:.3f}", f"<= {row['goal']:.3f}",
                      "yes" if row["met"] else "NO", "; ".join(ranges), row["workload"]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[-1]]) for line in lines)


def write_page(rows):
    """Replaces the table of docs/benchmarks.md, which stands between two marks."""
    page = ROOT / "docs" / "benchmarks.md"
    head, _, rest = page.read_text().partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end -->\n")
    lines = ["| Row | Workload | byname | reference | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['id']} | {row['workload']} | {row['ours']:.4g} {row['unit']} | {row['reference']:.4g} {row['unit']} "
                     f"| {row['ratio']:.3f} | {row['goal']:.3f} | {'met' if row['met'] else '**not met**'} |")
    system = os.uname()
    where = f"Linux {system.release} on {system.machine}, {os.cpu_count()} processors."
    page.write_text(f"{head}<!-- table -->\n{where}\n\n" + "\n".join(lines) + f"\n<!-- end -->\n{tail}")


if __name__ == "__main__":
    main()
