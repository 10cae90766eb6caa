"""What is measured: the rows, their goals, and how samples become figures."""

import statistics
import tomllib
from dataclasses import dataclass
from pathlib import Path

ALLOWED = 1.05  # what a row may get worse by
LIMITS = Path(__file__).with_name("limits.toml")


@dataclass(frozen=True)
class Detail:
    """A further figure of a row, which the programs print as row "<row>-<key>". With a limit it is part of the goal, and
    its worst round counts."""

    key: str
    is_: str
    unit: str
    limit: float | None = None

    def of(self, rounds):
        return max(rounds) if self.limit is not None else statistics.median(rounds)


@dataclass(frozen=True)
class Row:
    id: str
    workload: str
    reference: str | None
    unit: str
    goal: float
    larger: bool = False  # whether larger is better
    absolute: bool = False  # whether the goal is for our figure itself, not for the ratio to the reference
    details: tuple[Detail, ...] = ()

    def met(self, ours, ratio):
        figure = ours if self.absolute else ratio
        return figure >= self.goal if self.larger else figure <= self.goal


NEW_NAME = "create + close of a new name"
OWN_FILE = "own file + pthread mutex"
ROBUST = "pthread robust"
SEMAPHORE = "POSIX semaphore post + wait"
LONGEST = (Detail("wait", "longest wait", "ms", 20),)


def contended(count, held, goal):
    doing = "held for 0.5 us" if held else "nothing done while held"
    return Row(
        f"W2-{count}{'-held' if held else ''}",
        f"one mutex, {count} processes on all cores, {doing}: acquisitions",
        f"{ROBUST}, recursive",
        "M/s",
        goal,
        larger=True,
        details=LONGEST,
    )


def pending(language, undisturbed):
    return Row(
        f"WA-{language.lower()}",
        f"10 000 pending waits, {language}: threads more than before",
        None,
        "threads",
        1,
        absolute=True,
        details=(
            Detail("idle", "processor while they only wait", "%", 1),
            Detail("begin", "to begin one", "us"),
            Detail("end", "to end one", "us"),
            undisturbed,
        ),
    )


def messages(size, pair):
    ends = "2 senders and 2 receivers" if pair else "a sender and a receiver"
    workload = f"a queue of messages of {size} bytes, {ends}, same core: messages"
    return Row(f"W6-{size}{pair}", workload, "Boost.Interprocess message_queue", "M/s", 1.2 if size == 64 else 1.0, larger=True)


ROWS = {
    row.id: row
    for row in [
        Row(
            "W1",
            "uncontended mutex lock + unlock, the slower of C and Rust",
            f"{ROBUST}, shared, recursive",
            "ns",
            0.70,
            details=(Detail("c", "C", "ns"), Detail("rust", "Rust", "ns")),
        ),
        Row("W1s-sem", "uncontended semaphore release + acquire, C", SEMAPHORE, "ns", 1.0),
        Row("W1s-event", "uncontended event set + wait, C", SEMAPHORE, "ns", 1.0),
        Row("W1p", "uncontended mutex acquire() + release(), Python", "posix_ipc semaphore", "ns", 0.7),
        Row("W1p-with", "uncontended `with mutex:`, Python", "posix_ipc semaphore", "ns", 0.7),
        Row("W1n", "uncontended acquireSync() + release(), Node", "POSIX semaphore through koffi", "ns", 1.0),
        Row("W1a", "`await acquire()` of a free mutex + release(), Node", "os-lock", "ns", 1 / 50),
        contended(2, False, 1.2),
        contended(4, False, 1.2),
        contended(2, True, 1.0),
        contended(4, True, 1.0),
        Row("W3", "event ping-pong between two processes, same core, median trip", "raw futex", "us", 1.10),
        Row("W3x", "event ping-pong between two processes, different cores, median trip", "raw futex", "us", 0.10),
        Row("W4-1", f"{NEW_NAME}, 1 live", OWN_FILE, "us", 1 / 15),
        Row("W4-1000", f"{NEW_NAME}, 1 000 live", OWN_FILE, "us", 1 / 15),
        Row("W4-50000", f"{NEW_NAME}, 50 000 live", OWN_FILE, "us", 1 / 15),
        Row("W4-flat", f"{NEW_NAME}, 50 000 live against 1", "byname with 1 live", "us", 1.5),
        Row(
            "W4-million",
            "live objects found again by a second process, each of its kind",
            None,
            "objects",
            1_000_000,
            larger=True,
            absolute=True,
            details=(
                Detail("create", "to create one", "us"),
                Detail("open", "to open one", "us"),
                Detail("close", "to close the last handle of one", "us"),
                Detail("file", "memory", "MB"),
            ),
        ),
        Row("W4o", "open + close of an existing name", "POSIX sem_open + sem_close", "us", 1 / 5),
        Row("W4m", "memory for each of 50 000 objects with names of 20 characters", OWN_FILE, "B", 320, absolute=True),
        Row("W5-1", "wait-any of 1, set by another process, same core, median trip", "futex_waitv", "us", 1.10),
        Row("W5-8", "wait-any of 8, the last set by another process, same core", "futex_waitv", "us", 1.25),
        Row("W5-64", "wait-any of 64, the last set by another process, same core", "futex_waitv", "us", 1.60),
        Row("W5-all-8", "wait-all of 8, the last set by another process, same core", "futex_waitv of 8 (any)", "us", 1.5),
        Row("W10-map", "open, map, touch, unmap and close an existing mapping of 64 KiB", "shm_open + mmap", "us", 1.1),
        Row("W9", "one set releases 1 000 threads of another process, until the last has run", "futex wake of all", "ms", 1.1),
        *(messages(size, pair) for pair in ("", "-2x2") for size in (64, 4096)),
        Row("W6-latency", "64 bytes there and back through two queues, same core, median trip", "two pipes", "us", 1.0),
        Row("W7", "kill -9 of the owner until the sleeping waiter owns and knows", ROBUST, "us", 1.5),
        Row(
            "W10-timer",
            "from a timer's due time until the waiting thread runs, median",
            "timerfd",
            "us",
            1.1,
            details=(Detail("p99", "99th percentile", "us"),),
        ),
        pending("Python", Detail("job", "an unrelated executor job meanwhile", "us")),
        pending("Node", Detail("file", "an unrelated fs.readFile meanwhile", "us")),
    ]
}


def judge(samples):
    """One entry of bench.json for each row that was measured, from (row, side) to the figures of its rounds."""
    explanations = {row: text for rows, text in tomllib.loads(LIMITS.read_text()).items() for row in rows.split()}
    unknown = set(explanations) - set(ROWS)
    if unknown:
        raise SystemExit(f"{LIMITS.name}: no such row: {', '.join(sorted(unknown))}")
    samples = combined(samples)
    return [entry(row, samples, explanations.get(row.id, "")) for row in ROWS.values() if measured(row, samples)]


def compare(samples, base):
    """One entry for each row that was measured with both: how many times as good as with the base it is, round by round."""
    samples, base = combined(samples), combined(base)
    return [change(row, samples, base) for row in ROWS.values() if (row.id, "ours") in samples and (row.id, "ours") in base]


def change(row, samples, base):
    def ratios(side):
        return [now / then for now, then in zip(samples.get((row.id, side), []), base.get((row.id, side), []), strict=True) if then]

    ours, reference = ratios("ours") or [1.0], ratios("reference")
    ratio = statistics.median(ours)
    return {
        "id": row.id,
        "workload": row.workload,
        "unit": row.unit,
        "base": rounded(statistics.median(base[row.id, "ours"])),
        "ours": rounded(statistics.median(samples[row.id, "ours"])),
        "ratio": rounded(ratio),
        "spread": spread(ours),
        "reference_ratio": rounded(statistics.median(reference)) if reference else None,
        "worse": ratio < 1 / ALLOWED if row.larger else ratio > ALLOWED,
    }


def combined(samples):
    """W1 is made of what two programs print."""
    samples = dict(samples)
    if ("W1", "ours") in samples and ("W1-rust", "ours") in samples:
        samples["W1-c", "ours"] = samples["W1", "ours"]
        slower = max(("W1-c", "W1-rust"), key=lambda key: statistics.median(samples[key, "ours"]))
        samples["W1", "ours"] = samples[slower, "ours"]
    return samples


def measured(row, samples):
    return (row.id, "ours") in samples and (row.reference is None or (row.id, "reference") in samples)


def entry(row, samples, explanation):
    rounds = {side: figures for (id_, side), figures in samples.items() if id_ == row.id}
    figures = {side: statistics.median(values) for side, values in rounds.items()}
    reference = figures.get("reference")
    ratio = figures["ours"] / reference if reference else None
    details = [detail(each, row, samples) for each in row.details if (f"{row.id}-{each.key}", "ours") in samples]
    met = row.met(figures["ours"], ratio) and all(each["met"] for each in details)
    made = {
        "id": row.id,
        "workload": row.workload,
        "reference_is": row.reference,
        "ours": rounded(figures["ours"]),
        "reference": rounded(reference),
        "unit": row.unit,
        "ratio": rounded(ratio),
        "goal": rounded(row.goal),
        "goal_for": "ours" if row.absolute else "ratio",
        "better": "larger" if row.larger else "smaller",
        "met": met,
        "spread": {side: spread(rounds[side]) for side in ("ours", "reference") if side in rounds},
        "rivals": [
            {"name": side, "value": rounded(value), "ratio": rounded(value / reference) if reference else None}
            for side, value in figures.items()
            if side not in ("ours", "reference")
        ],
        "details": details,
    }
    if ratio is not None:
        made["spread"]["ratio"] = spread([a / b for a, b in zip(rounds["ours"], rounds["reference"])])
    if not met:
        made["explanation"] = " ".join(explanation.split())
    return made


def detail(each, row, samples):
    sides = {side: each.of(rounds) for (id_, side), rounds in samples.items() if id_ == f"{row.id}-{each.key}"}
    met = each.limit is None or sides["ours"] <= each.limit
    return {"is": each.is_, "unit": each.unit, "limit": each.limit, "met": met, **{side: rounded(value) for side, value in sides.items()}}


def spread(rounds):
    return [rounded(min(rounds)), rounded(max(rounds))]


def rounded(value):
    return None if value is None else float(f"{value:.5g}")
