"""The ledger of the soak: a file that all workers and the conductor map, in which each writes down what it holds.

It is made of 64-bit words, each written by one plain store, so that a kill leaves the old value or the new one. Nothing in it
is locked, except that a *region* belongs to whoever has its object.

**A lane** is one line of execution of a worker (a thread, a task, a forked child); nobody else writes it while it lives:

    DOING = TAKING or GIVING << 32 | the objects  ->  the call of byname  ->  HELD = the new set  ->  TAKEN, of what was taken  ->  DOING = 0

One object is one bit, and a lane has one unit of an object at most. So a kill leaves at most one operation open, and of that it is
known which objects it can have changed. TAKEN counts acquisitions of plain semaphores, which give them numbers: what has a number and is not
counted was had by somebody who died before he wrote it into HELD. So it is counted after HELD and not before: who dies between the two has one
too many uncounted, and not a unit that is counted, lost and nobody's.

**A region** is what a mutex guards: who is INSIDE, and a chain in which entry n hashes entry n - 1, its number and its writer. Whoever finds
somebody inside, or an entry half made, must have been told that the mutex was abandoned. An auto-reset event of which there is one
signal is a *baton*: whoever's wait was satisfied is the only one inside until it sets the event again.

Objects in the order of their bits: mutexes m0.., semaphores s0.., robust semaphores r0.., batons b0... Beside them are
*bells* l0.. (auto-reset events that anybody sets, pulses, resets: their waits are never satisfied more often than that), *gates* g0..
(manual-reset events) and the gate `go`, behind which everybody rests while the conductor takes stock. Names x0.. come and go.

**Waits without an end** are for what is SURE to come whoever dies: a mutex, whose owner never waits, or a unit of a robust semaphore, which nobody
keeps while he rests or waits without an end. Such a wait that is never satisfied, because it was passed over or its wake was lost, shows as a
lane that makes no progress.

**The kinds that are more than a word** (`kinds.*`). A *letter* is a message of which its reader sees whose it is (slot, lane, and the worker's seed: pids come again), its number, and whether it is whole. SENDING, of
each queue, is twice the number of the last letter that was sent, plus one in the middle of the next; RECEIVING is the queue, plus one, from before a letter is taken
until it is entered in the lane's *record*, a file that only grows. So every letter that was sent is in one record, once, or it was in the hand of one who died. Of two
letters of one writer in one queue each reader gets the first one first. A *tick* of an auto-reset timer is taken by one, and never early. The *board* is a mapping
whose bytes follow from its version; CHANGING says that a lane is in the middle of a change. JOB_CHILD is a process in a job of the lane's, which ends with it.
A *dog* is a worker that does nothing but refresh a watchdog: REFRESHED_AT is the time before the last refresh that was done.

PHASE is even while there is work, odd while all shall rest, END when all shall leave. Who rests waits for `go`; woken, he takes the mutex `gong` for a
moment, which goes through all hands, says WOKEN and waits, by looking, until the phase is another. So between a set of `go` and that nobody works, dies or is
buried, and who was not woken stays as he is: a death would bring him to light, since whoever buries the dead wakes all who were granted something.
"""

import mmap
import struct
from pathlib import Path

MUTEXES, PLAIN, ROBUST, BATONS, BELLS, GATES, TEMPORARY = 6, 4, 4, 6, 2, 2, 8
FIRST_PLAIN = MUTEXES
FIRST_ROBUST = FIRST_PLAIN + PLAIN
FIRST_BATON = FIRST_ROBUST + ROBUST
OBJECTS = FIRST_BATON + BATONS
NAMES = [
    *(f"m{i}" for i in range(MUTEXES)),
    *(f"s{i}" for i in range(PLAIN)),
    *(f"r{i}" for i in range(ROBUST)),
    *(f"b{i}" for i in range(BATONS)),
]
UNITS = 3  # of each semaphore

PHASE, END = 0, 1_000_000
REGIONS, REGION = 64, 64
INSIDE, HEAD, TOLD_CLEAN, TOLD_DIRTY, FENCE, ENTRIES, DEAD_NAMES, DEAD_NAMES_KEPT = 0, 1, 2, 3, 4, 8, 40, 24
LANES, LANE, LANES_OF_A_WORKER = REGIONS + OBJECTS * REGION, 64, 4
DOING, HELD, PID, STATE, OPERATIONS, BELL, TOLD, COUNTS, MAYBE_TOLD, TAKEN = 0, 1, 2, 3, 4, 5, 12, 16, 32, 36
RUNNING, RESTING, CHILD_DIED, WOKEN = 0, 1, 2, 3
TAKING, GIVING = 1, 2
SENDING, RECEIVING, TICKS, CHANGING, JOB_CHILD, REFRESHED_AT = 48, 51, 52, 54, 55, 56
KINDS = (
    "lock", "semaphore", "robust", "auto event", "bell", "gate", "wait-any", "wait-all",
    "timed out", "async", "cancelled", "polled", "made", "forked", "signal-and-wait", "kept",
    "sent", "received", "in place", "tick", "changed", "read whole", "job", "refreshed",
)  # fmt: skip
(LOCK, SEMAPHORE, ROBUST_SEMAPHORE, EVENT, RING, GATE, ANY, ALL, TIMED_OUT, ASYNC, CANCELLED, POLLED, MADE, FORKED, SIGNAL_AND_WAIT, KEPT) = range(16)
SENT, RECEIVED, IN_PLACE, TICK, CHANGED, READ_WHOLE, JOB, REFRESHED = range(16, 24)
MORE_COUNTS = 40  # of those from SENT on
PLAIN_ONES = (1 << FIRST_ROBUST) - (1 << FIRST_PLAIN)
ROBUST_ONES = (1 << FIRST_BATON) - (1 << FIRST_ROBUST)
SURE = (1 << FIRST_PLAIN) - 1 | ROBUST_ONES
CHILD = 2  # the lane of a forked child

QUEUES = ((8, 256), (4, 9_000), (0, 70_000))  # most letters, and the longest
TIMERS = (0.015, 0.004)  # their periods
DUE = 0.01  # seconds until their first tick
BOARD = 16_384
LETTER = struct.Struct("<QQIIII")  # writer, number, queue, length, a check of these, 0
RECORD = struct.Struct("<QQQQ")  # writer, number, queue, reader
DOG = (0.3, 0.1)  # period and grace


class Fault(Exception):
    """A rule was broken."""


def create(path: Path, workers: int) -> None:
    path.write_bytes(bytes(8 * (LANES + workers * LANES_OF_A_WORKER * LANE)))


def words(path) -> memoryview:
    """The ledger as an array of words."""
    with open(path, "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")


def region(ledger: memoryview, o: int) -> memoryview:
    return ledger[REGIONS + o * REGION : REGIONS + (o + 1) * REGION]


def lane(ledger: memoryview, slot: int, number: int) -> memoryview:
    at = LANES + (slot * LANES_OF_A_WORKER + number) * LANE
    return ledger[at : at + LANE]


def bits(mask: int) -> list[int]:
    return [o for o in range(OBJECTS) if mask >> o & 1]


def count_word(kind: int) -> int:
    return COUNTS + kind if kind < SENT else MORE_COUNTS + kind - SENT


def record(path, slot: int, number: int) -> str:
    return f"{path}.record-{slot}-{number}"


PATTERN = bytes(range(256)) * (max(BOARD, *(size for _, size in QUEUES)) // 256 + 2)


def pattern(n: int, length: int) -> bytes:
    """Bytes that follow from a number."""
    return PATTERN[n & 255 : (n & 255) + length]


def letter(writer: int, n: int, queue: int, length: int) -> bytes:
    check = mix(writer & 0xFFFFFFFF ^ queue, n, length)
    return LETTER.pack(writer, n, queue, length, check, 0) + pattern(n, length - LETTER.size)


def read_letter(data, queue: int) -> tuple[int, int]:
    """Writer and number of a letter, which must be whole."""
    if len(data) >= LETTER.size:
        writer, n, of, length, _, _ = LETTER.unpack_from(data)
        if (of, length) == (queue, len(data)) and data == letter(writer, n, queue, length):
            return writer, n
    raise Fault(f"a letter of {len(data)} bytes in queue {queue} is not whole: {bytes(data[:40]).hex()}")


def board(version: int) -> bytes:
    """What the board says at a version."""
    return version.to_bytes(8, "little") + pattern(version, BOARD - 8) if version else bytes(BOARD)


def mix(before: int, n: int, writer: int) -> int:
    h = ((before ^ n) & 0xFFFFFFFF) * 0x9E3779B1 & 0xFFFFFFFF
    h = (h ^ h >> 15 ^ writer & 0xFFFFFFFF) * 0x85EBCA77 & 0xFFFFFFFF
    return h ^ h >> 13


def enter_mutex(r: memoryview, name: int, told: bool, fence: int, what: str) -> None:
    """Checks and prolongs the chain of a mutex that the caller has just become the owner of."""
    inside, n = r[INSIDE], r[HEAD]
    if inside and not told:
        raise Fault(f"{what}: {inside:x} is inside, and this owner was not told")
    if inside:
        r[DEAD_NAMES + r[TOLD_DIRTY] % DEAD_NAMES_KEPT] = inside
        r[TOLD_DIRTY] += 1
    elif told:
        r[TOLD_CLEAN] += 1
    r[INSIDE] = name
    last, following = ENTRIES + 4 * (n % 8), ENTRIES + 4 * ((n + 1) % 8)
    if n and (r[last] != n or r[last + 3] != mix(r[last + 1], n, r[last + 2])):
        raise Fault(f"{what}: entry {n} is torn")
    if r[following] == n + 1 and not told:
        raise Fault(f"{what}: entry {n + 1} is half made, and this owner was not told")
    if fence <= r[FENCE]:
        raise Fault(f"{what}: fence {fence} after {r[FENCE]}")
    r[FENCE] = fence
    r[following] = n + 1
    r[following + 1] = r[last + 3] if n else 0
    r[following + 2] = name & 0xFFFFFFFF
    r[following + 3] = mix(r[following + 1], n + 1, r[following + 2])
    r[HEAD] = n + 1


def enter_baton(r: memoryview, name: int, what: str) -> None:
    if r[INSIDE]:
        raise Fault(f"{what}: {r[INSIDE]:x} has it, and it was given once more")
    r[INSIDE] = name


def go_out(r: memoryview, name: int, what: str) -> None:
    if r[INSIDE] != name:
        raise Fault(f"{what}: {r[INSIDE]:x} came inside while {name:x} was")
    r[INSIDE] = 0
