"""What the words of a scenario's table mean: an operation in the drivers' protocol, a result that agrees or does not."""

import re
from collections import Counter
from urllib.parse import unquote

#: The operations that make or open an object.
MAKERS = ("mutex", "event", "semaphore", "timer", "watchdog", "job", "mapping", "queue", "open")


def operations(what: list[str]) -> list[list[str]]:
    """The operations of a cell: `ONE ; OTHER` are two, and `many 3 set e` stands for `set e1`, `set e2`, `set e3`."""
    parts: list[list[str]] = [[]]
    for word in what:
        if word == ";":
            parts.append([])
        else:
            parts[-1].append(word)
    found = []
    for part in parts:
        if part[0] == "many":
            verb, handle, *rest = part[2:]
            found += [[verb, f"{handle}{n}", *rest] for n in range(1, int(part[1]) + 1)]
        else:
            found.append(part)
    return found


def words(what: list[str], prefix: str) -> list[str]:
    """The protocol's words for one operation."""
    verb, *rest = what
    if verb == "fork":
        return ["fork", *words(rest, prefix)]
    if verb in MAKERS:
        return _making(verb, rest, prefix)
    limit = "inf"
    if "for" in rest:
        at = rest.index("for")
        rest, limit = rest[:at], rest[at + 1]
    if verb in ("acquire", "wait"):
        return ["acquire", rest[0], limit]
    if verb in ("send", "recv", "told"):
        return [verb, rest[0], limit, *rest[1:]]
    if verb in ("wait-any", "wait-all", "signal-and-wait"):
        if rest and rest[0].isdigit():  # `64 e` stands for e1 to e64
            rest = [f"{rest[1]}{n}" for n in range(1, int(rest[0]) + 1)]
        return [verb, limit, *rest]
    return [verb, *rest]


def made(kind: str, options: list[str]) -> str | None:
    """What an object that is made with these words stays for its life, as a look at its state shows it."""
    if kind in ("event", "timer"):
        return "manual" if "manual" in options else "auto"
    if kind == "job":
        return "manual"
    if kind == "semaphore":
        return options[1] + (" robust" if "robust" in options else "")
    if kind == "mapping":
        return str(-(-int(options[0]) // 4096) * 4096)
    return None


def may_look(options: list[str]) -> bool:
    """Whether a handle that is made with these words has the right QUERY_STATE: by name, by READ, by ALL or by MAXIMUM_ALLOWED."""
    masks = [int(option.removeprefix("access="), 16) for option in options if option.startswith("access=")]
    return not masks or bool(masks[0] & 0x9200_0001)


def limit(command: tuple[str, ...]) -> float | None:
    """The time-out in seconds of a command of the protocol; None if it has none."""
    at = {"acquire": 2, "send": 2, "recv": 2, "told": 2, "wait-any": 1, "wait-all": 1, "signal-and-wait": 1}.get(command[0])
    return float(command[at]) / 1000 if at and command[at] != "inf" else None


def agrees(expected: str, results: list[str]) -> bool:
    """Whether the results of a step are what its cell says."""
    expected, _, relation = expected.partition("; as many ")
    if relation:
        one, _, other = relation.partition(" as ")
        if results.count(one) != results.count(other):
            return False
    if expected == "counting":
        return results == [f"index {n}" for n in range(len(results))]
    options = [option.strip() for option in expected.split(" or ")]
    if counts := [wanted for option in options if (wanted := _counted(option))]:
        return Counter(results) in counts
    return set(results) <= set(options)


def blocked(expected: str) -> int:
    """How many of a step's calls must still be blocked."""
    return sum(int(n) for n in re.findall(r"(\d+) blocked", expected.partition(" or ")[0]))


def _counted(expected: str) -> Counter[str] | None:
    """`1 abandoned, 3 blocked` as counts; None for any other form."""
    parts = [re.fullmatch(r"(\d+) (\D.*)", part.strip()) for part in expected.split(",")]
    return Counter({part[2]: int(part[1]) for part in parts}) if all(parts) else None


def _making(verb: str, rest: list[str], prefix: str) -> list[str]:
    """`mutex m owned`, `event e2 named @e auto set`, `semaphore s 1/2 robust`, `open mutex m`."""
    kind, *rest = rest if verb == "open" else [verb, *rest]
    handle, *options = rest
    word = _name(f"@{handle}", prefix)
    if options[:1] == ["named"]:
        word, options = _name(options[1], prefix), options[2:]
    elif options[:1] == ["unnamed"]:
        word, options = "-", options[1:]
    if kind in ("semaphore", "queue") and options and "/" in options[0]:
        options[:1] = options[0].split("/")
    return ["open", kind, handle, word, *options] if verb == "open" else [verb, handle, word, *options]


def _name(text: str, prefix: str) -> str:
    """A name as the protocol wants it: `@` is the play's prefix, `^260x` fills up with x to 260 UTF-16 units."""
    if text == '""':
        return "%"
    text = text.replace("@", prefix)
    if fill := re.search(r"\^(\d+)(.+)$", text):
        start, length, unit = text[: fill.start()], int(fill[1]), fill[2]
        text = start + unit * ((length - _utf16(start)) // _utf16(unit))
        text += "x" * (length - _utf16(text))
    return text


def _utf16(word: str) -> int:
    return len(unquote(word).encode("utf-16-le")) // 2
