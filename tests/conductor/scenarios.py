"""Scenarios as data: reads `tests/scenarios/*.toml` and deals roles to languages.

A step is one line of a table, `who | what | result | state`, as `tests/README.md` explains.
"""

import itertools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from drivers import LANGUAGES, THREAD_OWNERS

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
#: What a driver must be able to do, besides the ordinary operations.
ABILITIES = {"fork": (THREAD_OWNERS, "Node cannot fork")}
KEYS = {"rows", "title", "roles", "setup", "steps", "repeat", "owner", "needs", "languages", "why", "session", "profile", "together", "watchdog"}


@dataclass(frozen=True)
class Step:
    line: int
    who: str
    what: tuple[str, ...]
    result: str
    state: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        state = " ".join(f"{key}={value}" for key, value in self.state)
        return " | ".join(part for part in (self.who or "-", " ".join(self.what), self.result, state) if part)


@dataclass(frozen=True)
class Scenario:
    file: str
    rows: tuple[str, ...]
    title: str
    roles: tuple[str, ...]
    setup: tuple[Step, ...]
    steps: tuple[Step, ...]
    repeat: int = 1
    watchdog: float = 30.0
    own_session: bool = False
    ce: bool = False
    together: tuple[str, ...] = ()
    speak: dict[str, frozenset[str]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{' '.join(self.rows)}: {self.title}"

    def limits(self) -> str:
        """Which roles not every language plays, and which play them; empty when there are none."""
        narrow = {role: langs for role, langs in self.speak.items() if len(langs) < len(LANGUAGES)}
        roles = "; ".join(f"{role} by {', '.join(lang for lang in LANGUAGES if lang in langs)}" for role, langs in narrow.items())
        return f"{roles}: {', '.join(self.reasons)}" if roles else ""

    def deals(self, all_pairs: bool) -> list[dict[str, str]]:
        """Who plays what: two roles in every pair; more, or a sample: each language in each role it can play."""
        choices = [[lang for lang in LANGUAGES if lang in self.speak[role]] for role in self.roles]
        if len(choices) == 2 and all_pairs:
            dealt = itertools.product(*choices)
        else:
            rounds = max(len(choice) for choice in choices)
            dealt = ([choice[(turn + place) % len(choice)] for place, choice in enumerate(choices)] for turn in range(rounds))
        return [dict(zip(self.roles, languages)) for languages in dealt]


def load() -> list[Scenario]:
    return [scenario for path in sorted(SCENARIOS.glob("*.toml")) for scenario in _read(path)]


def _read(path: Path) -> list[Scenario]:
    text = path.read_text()
    found, place = [], 0
    for entry in tomllib.loads(text)["scenario"]:
        place = text.index("[[scenario]]", place) + 1
        where = f"{path.name}: {entry.get('title', '?')}"
        if unknown := entry.keys() - KEYS:
            raise SystemExit(f"{where}: unknown key {', '.join(sorted(unknown))}")
        roles = tuple(role for word in entry["roles"].split() for role in _expand(word))
        found.append(
            Scenario(
                file=path.name,
                rows=tuple(entry["rows"].split()),
                title=entry["title"],
                roles=roles,
                setup=_steps(entry.get("setup", ""), text, place, where),
                steps=_steps(entry["steps"], text, place, where),
                repeat=entry.get("repeat", 1),
                watchdog=entry.get("watchdog", 30.0),
                own_session=entry.get("session") == "own",
                ce=entry.get("profile") == "ce",
                together=tuple(entry.get("together", "").split()),
                speak={role: _speakers(entry, role) for role in roles},
                reasons=_reasons(entry, where),
            )
        )
    return found


def _expand(word: str) -> list[str]:
    """`P*32` stands for P1 to P32."""
    name, star, count = word.partition("*")
    return [f"{name}{n}" for n in range(1, int(count) + 1)] if star else [word]


def _speakers(entry: dict, role: str) -> frozenset[str]:
    languages = frozenset(entry.get("languages", " ".join(LANGUAGES)).split())
    if role in entry.get("owner", "").split() or entry.get("owner") == "thread":
        languages &= THREAD_OWNERS
    for ability, roles in entry.get("needs", {}).items():
        if role in roles.split():
            languages &= ABILITIES[ability][0]
    return languages


def _reasons(entry: dict, where: str) -> tuple[str, ...]:
    """Why not every language plays every role."""
    if ("languages" in entry) != ("why" in entry):
        raise SystemExit(f"{where}: `languages` needs a `why`, and nothing else does")
    by_owner = ["in Node the grant owns, not the thread"] if "owner" in entry else []
    return (*by_owner, *(ABILITIES[ability][1] for ability in entry.get("needs", {})), *([entry["why"]] if "why" in entry else []))


def _steps(table: str, text: str, after: int, where: str) -> tuple[Step, ...]:
    if not table:
        return ()
    first = text.count("\n", 0, text.index(table, after)) + 1
    steps = []
    for number, line in enumerate(table.splitlines(), first):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4:
            raise SystemExit(f"{where}: line {number} has {len(cells)} cells, at most 4 are allowed: {line}")
        who, what, result, state = cells + [""] * (4 - len(cells))
        who = "" if who == "-" else who
        if not what or (who and not result and not what.startswith("& ")):
            raise SystemExit(f"{where}: line {number}: every step of a role says what and which result: {line}")
        steps.append(Step(number, who, tuple(what.split()), result, tuple(_pair(word, where, number) for word in state.split())))
    return tuple(steps)


def _pair(word: str, where: str, number: int) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not (key and equals and value):
        raise SystemExit(f"{where}: line {number}: {word!r} is no `object=state`")
    return key, value
