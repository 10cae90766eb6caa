"""Runs a command and fails if it left a process, or anything in shared memory, behind.

    python3 tools/no_litter.py -- make test-rust

The command gets a BYNAME_SESSION of its own and a mark in its environment by which a process that outlives it is
known, whatever its parent. What lies in /dev/shm afterwards and did not before is litter if it stays there for two
seconds while no process that the command did not start holds it: other programs on the machine may be at work. Exit
status: the command's own when it fails, else 1 for litter.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SHM = Path("/dev/shm")
MARK = "BYNAME_TEST_RUN"


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        sys.exit("usage: no_litter.py -- command...")
    mark = f"{os.getpid()}-{time.time_ns()}"
    environment = {**os.environ, MARK: mark}
    environment.setdefault("BYNAME_SESSION", f"test-{os.getpid()}")
    before = set(os.listdir(SHM))
    status = run(sys.argv[2:], environment)
    left = survivors(mark)
    litter = leavings(before, {pid for pid, _ in left})
    for pid, name in left:
        print(f"no_litter: process {pid} ({name}) outlived the run; killed", file=sys.stderr)
        kill(pid)
    for path in litter:
        print(f"no_litter: left behind: {path}", file=sys.stderr)
    sys.exit(status or (1 if left or litter else 0))


def run(command, environment):
    """The command's exit status, in the manner of a shell. Ctrl-C reaches the command by itself."""
    child = subprocess.Popen(command, env=environment)
    while True:
        try:
            status = child.wait()
            return status if status >= 0 else 128 - status
        except KeyboardInterrupt:
            continue


def survivors(mark):
    """Processes of the run that still live. One that is about to leave gets two seconds to do so."""
    for _ in range(40):
        found = [(pid, name) for pid, name in processes() if marked(pid, mark)]
        if not found:
            break
        time.sleep(0.05)
    return found


def processes():
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                yield int(entry), Path("/proc", entry, "comm").read_text().strip()
            except OSError:
                pass  # it has ended


def marked(pid, mark):
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # it has ended, or belongs to somebody else


def leavings(before, ours):
    """New entries of shared memory that stay and that nobody but the run holds."""
    fresh = {SHM / name for name in os.listdir(SHM) if name not in before}
    for _ in range(5):
        for pid, _ in processes():
            if fresh and pid not in ours:
                fresh -= held(pid)
        fresh = {path for path in fresh if path.exists()}
        if not fresh:
            break
        time.sleep(0.5)
    return sorted(fresh)


def held(pid):
    """What a process has mapped or open in shared memory."""
    paths = set()
    try:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith(f"{SHM}/"):
                paths.add(Path(fields[5]))
        for fd in os.listdir(f"/proc/{pid}/fd"):
            paths.add(Path(os.readlink(f"/proc/{pid}/fd/{fd}")))
    except OSError:
        pass  # it has ended, or belongs to somebody else
    return paths


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    main()
