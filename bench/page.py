"""Shows what was measured: as a text for the terminal, and as the table of docs/benchmarks.md.

python3 bench/page.py        puts target/bench.json into docs/benchmarks.md, between its marks
"""

import json
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def text(entries):
    lines = [("row", "ours", "reference", "", "ratio", "goal", "met", "ours, least to most", "ratio, least to most", "workload")]
    for entry in entries:
        lines.append(
            (
                entry["id"],
                short(entry["ours"]),
                short(entry["reference"]),
                entry["unit"],
                short(entry["ratio"]),
                goal(entry),
                "yes" if entry["met"] else "NO",
                *(between(entry["spread"].get(side)) for side in ("ours", "ratio")),
                entry["workload"],
            )
        )
        for detail in entry["details"]:
            lines.append(
                (
                    "",
                    short(detail["ours"]),
                    short(detail.get("reference")),
                    detail["unit"],
                    "",
                    limit(detail),
                    "" if detail["met"] else "NO",
                    "",
                    "",
                    f"  {detail['is']}",
                )
            )
        for rival in entry["rivals"]:
            lines.append(("", "", short(rival["value"]), entry["unit"], short(rival["ratio"]), "", "", "", "", f"  {rival['name']}"))
    return columns(lines)


def comparison(entries, base):
    """How each row has changed since a commit. The reference has not changed: what it seems to have done is the machine's doing."""
    lines = [("row", base, "now", "", "ratio", "least to most", "the reference's", "worse", "workload")]
    for entry in entries:
        lines.append(
            (
                entry["id"],
                short(entry["base"]),
                short(entry["ours"]),
                entry["unit"],
                short(entry["ratio"]),
                between(entry["spread"]),
                short(entry["reference_ratio"]),
                "WORSE" if entry["worse"] else "",
                entry["workload"],
            )
        )
    return columns(lines)


def columns(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[-1]]) for line in lines)


def markdown(entries):
    lines = [
        "| Row | Workload | byname | reference | ratio | goal | | rivals, as ratios to the reference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        reference = "" if entry["reference"] is None else f"{entry['reference_is']}: {short(entry['reference'])} {entry['unit']}"
        ratio = "" if entry["ratio"] is None else f"{short(entry['ratio'])} ({between(entry['spread']['ratio'])})"
        rivals = ", ".join(f"{rival['name']} {short(rival['ratio'])}" for rival in entry["rivals"])
        workload = "; ".join([entry["workload"], *map(beside, entry["details"])])
        lines.append(
            f"| {entry['id']} | {workload} | {short(entry['ours'])} {entry['unit']} | {reference} | {ratio} | {goal(entry)} "
            f"| {'met' if entry['met'] else '**not met**'} | {rivals} |"
        )
    for entry in entries:
        if not entry["met"]:
            lines.append(f"\n**{entry['id']}**: {entry['explanation'] or 'not met, and not explained yet.'}")
    return "\n".join(lines)


def beside(detail):
    """A detail in words."""
    words = f"{detail['is']} {short(detail['ours'])} {detail['unit']}"
    if "reference" in detail:
        words += f" (reference {short(detail['reference'])})"
    return words if detail["limit"] is None else f"{words}, at most {short(detail['limit'])}"


def short(value):
    if value is None:
        return ""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}".replace(",", " ")


def between(spread):
    return "" if spread is None else f"{short(spread[0])} to {short(spread[1])}"


def goal(entry):
    what = f"{short(entry['goal'])} {entry['unit']}" if entry["goal_for"] == "ours" else short(entry["goal"])
    return f"{'>=' if entry['better'] == 'larger' else '<='} {what}"


def limit(detail):
    return "" if detail["limit"] is None else f"<= {short(detail['limit'])} {detail['unit']}"


def main():
    page = ROOT / "docs" / "benchmarks.md"
    entries = json.loads((ROOT / "target" / "bench.json").read_text())
    head, _, rest = page.read_text().partition("<!-- table -->\n")
    _, _, tail = rest.partition("<!-- end -->\n")
    system = os.uname()
    where = f"Linux {system.release} on {system.machine}, {os.cpu_count()} processors."
    page.write_text(f"{head}<!-- table -->\n{where}\n\n{markdown(entries)}\n<!-- end -->\n{tail}")


if __name__ == "__main__":
    main()
