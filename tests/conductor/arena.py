"""Reaches into a namespace's file, where a scenario needs what no call can bring about. The layout is that of `docs/arena-format.md`."""

import mmap
from pathlib import Path

OBJECTS_AT = 81 << 20
OBJECT_BYTES = 256
DEPTH, KIND, NAME_LENGTH, NAME = 56, 64, 88, 112
HIGH_WATER_OF_PROCESSES, HIGH_WATER_OF_OBJECTS = 80, 80 + 4 * 4
PROCESSES_AT = 3 << 20
PROCESS_BYTES = 512
SEAT_0, PROCESS_PID = 8, 400
MUTEX = 1


def write_depth(file: Path, name: str, depth: int) -> None:
    """Says that the owner of the mutex of this name, which must fit into its record, holds it `depth` times."""
    wanted = name.encode()
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as arena:
        word = lambda at: int.from_bytes(arena[at : at + 4], "little")  # noqa: E731
        for record in range(OBJECTS_AT, OBJECTS_AT + word(HIGH_WATER_OF_OBJECTS) * OBJECT_BYTES, OBJECT_BYTES):
            here = arena[record + NAME : record + NAME + len(wanted)]
            if (word(record + KIND), word(record + NAME_LENGTH), here) == (MUTEX, len(wanted), wanted):
                arena[record + DEPTH : record + DEPTH + 4] = depth.to_bytes(4, "little")
                return
    raise SystemExit(f"no mutex {name!r} in {file}")


def attached(file: Path) -> list[int]:
    """The process ids in the slots that are taken: those of the dead, too, until somebody has reaped them."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as arena:
        word = lambda at: int.from_bytes(arena[at : at + 4], "little")  # noqa: E731
        end = PROCESSES_AT + word(HIGH_WATER_OF_PROCESSES) * PROCESS_BYTES
        slots = range(PROCESSES_AT, end, PROCESS_BYTES)
        return [word(slot + PROCESS_PID) for slot in slots if word(slot + SEAT_0)]
