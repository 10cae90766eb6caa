"""The inventory of the contract's rows, and what of it the scenarios cover."""

import tomllib
from collections import Counter
from dataclasses import dataclass

from drivers import LANGUAGES
from scenarios import SCENARIOS, Scenario


@dataclass(frozen=True)
class Row:
    id: str
    section: str
    says: str
    by: tuple[Scenario, ...]
    excuse: str | None


def inventory(scenarios: list[Scenario]) -> tuple[list[Row], list[str]]:
    """Every row, and what is wrong with the inventory."""
    table = tomllib.loads((SCENARIOS / "rows" / "rows.toml").read_text())
    excused = {row: reason for ids, reason in table.pop("excused").items() for row in ids.split()}
    rows = [
        Row(row, section, says, tuple(s for s in scenarios if row in s.rows), excused.get(row))
        for section, entries in table.items()
        for row, says in entries.items()
    ]
    known = {row.id for row in rows}
    wrong = [f"row {row.id} ({row.says}) has neither a scenario nor an excuse" for row in rows if not row.by and not row.excuse]
    wrong += [f"row {row.id} is covered, and needs no excuse" for row in rows if row.by and row.excuse]
    wrong += [f"row {row} is excused, and does not exist" for row in excused.keys() - known]
    wrong += [f"scenario {s.title!r} covers {row}, which does not exist" for s in scenarios for row in s.rows if row not in known]
    return rows, sorted(wrong)


def summary(rows: list[Row]) -> list[str]:
    """`rows / covered / excused`, section by section and together."""
    lines = []
    for section in [*dict.fromkeys(row.section for row in rows), None]:
        here = [row for row in rows if section in (None, row.section)]
        covered, excused = sum(bool(row.by) for row in here), sum(bool(row.excuse) for row in here)
        lines.append(f"{section or 'all rows':40} {len(here):4} rows {covered:4} covered {excused:4} excused")
    return lines


def excuses(rows: list[Row]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.excuse:
            by_reason.setdefault(row.excuse, []).append(row.id)
    return [f"excused   {' '.join(ids)}: {reason}" for reason, ids in by_reason.items()]


def casts(scenarios: list[Scenario]) -> list[str]:
    """How the roles are dealt, and what is wrong with it: counted, not believed."""
    pairs = [s for s in scenarios if len(s.roles) == 2]
    whole = [s for s in pairs if len({tuple(cast.values()) for cast in s.deals(True)}) == len(LANGUAGES) ** 2]
    lines = [f"{len(whole)} of {len(pairs)} scenarios of two roles in all {len(LANGUAGES) ** 2} pairs; the others are limited, as told"]
    more = [s for s in scenarios if len(s.roles) > 2]
    every = [s for s in more if all(n == len(LANGUAGES) for n in _languages(s).values())]
    lines.append(f"{len(every)} of {len(more)} scenarios of more roles with each language in each role")
    for scenario in scenarios:
        if scenario not in (*whole, *every) and not scenario.limits() and len(scenario.roles) > 1:
            raise SystemExit(f"{scenario.id}: not dealt to every language, and nothing says why")
    return lines


def _languages(scenario: Scenario) -> Counter[str]:
    """How many languages play each role."""
    return Counter({role: len({cast[role] for cast in scenario.deals(True)}) for role in scenario.roles})
