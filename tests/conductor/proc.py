"""What the kernel says about a thread: the conductor asserts "blocked" by looking, not by waiting.

A thread counts as blocked in byname when it sleeps in a futex call on a word of the namespace's file, or in
`futex_waitv` (which neither glibc nor an interpreter uses). A thread that merely waits for its interpreter's
lock, for a line on a pipe or for the processor does not.
"""

import os

FUTEX = {"x86_64": 202, "aarch64": 98}.get(os.uname().machine)
FUTEX_WAITV = 449


def blocked_in(pid: int, tid: int, inode: int) -> bool:
    """Whether the thread sleeps on a word of the file `inode`."""
    try:
        with open(f"/proc/{pid}/task/{tid}/syscall") as file:
            words = file.read().split()
    except PermissionError:  # no ptrace rights in this container: any sleep counts
        return state(pid, tid) == "S"
    except OSError:
        return False
    if not words[0].isdigit():  # "running"
        return False
    number = int(words[0])
    return number == FUTEX_WAITV or (number == FUTEX and _maps_file(pid, int(words[1], 16), inode))


def state(pid: int, tid: int) -> str:
    """The one-letter state of a thread (R, S, T, Z...), empty when it is gone."""
    try:
        with open(f"/proc/{pid}/task/{tid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def system_call(pid: int, tid: int) -> int | None:
    """The number of the system call in which the thread waits; `None` if it runs, is gone, or may not be looked at."""
    try:
        with open(f"/proc/{pid}/task/{tid}/syscall") as file:
            number = file.read().split()[0]
    except (OSError, IndexError):
        return None
    return int(number) if number.isdigit() else None


def is_inside(pid: int, tid: int, function: str) -> bool:
    """Whether the thread is in that function of the kernel; never, where we may not look at its stack."""
    try:
        with open(f"/proc/{pid}/task/{tid}/stack") as file:
            return any(line.split("] ")[-1].startswith(f"{function}+") for line in file)
    except OSError:
        return False


def program(pid: int) -> str:
    """The name of the program that the process runs."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def _maps_file(pid: int, address: int, inode: int) -> bool:
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            span, _perms, _offset, _device, mapped, *_ = line.split(None, 5)
            low, _, high = span.partition("-")
            if int(low, 16) <= address < int(high, 16):
                return int(mapped) == inode
    return False


def with_environment(text: str) -> list[int]:
    """The processes whose environment holds `text`, this one excepted."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if text.encode() in file.read():
                        found.append(int(entry))
            except OSError:
                pass  # ended meanwhile, or somebody else's
    return found
