"""What the tests of the surroundings share: children that run a function of the test's module, and what they are told and tell.

As a program it is the process of one test: `common.py MODULE FUNCTION [ARGUMENT...]`.
"""

import importlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent / "conductor")]  # after this folder, whose run.py is meant

from proc import blocked_in, is_inside, state, system_call, with_environment  # noqa: E402, F401

MARK = "BYNAME_AROUND"  # in the environment of everything that a test starts
SKIPPED, HUNG = 77, 124
LONG = bool(os.environ.get("LONG"))
PATIENCE = 120.0  # seconds until a child that says nothing counts as hanging


class Skip(Exception):
    """The surroundings of this test cannot be made here; the text says why."""


class Child:
    """A process that runs a function of a test's module. It answers in lines, and ends when its input does.

    `before` are words of a command that starts it (`unshare …`), `group` a process group to join, 0 for one of its own.
    """

    def __init__(self, function, *arguments, before=(), group=None, environment=(), preexec=None):
        module = Path(function.__code__.co_filename).stem
        command = [*before, sys.executable, str(HERE / "common.py"), module, function.__name__, *map(str, arguments)]
        self.title = f"{function.__name__}{arguments}"
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict(environment)},
            process_group=group,
            preexec_fn=preexec,
        )
        self.pid = self.process.pid
        self.rest = b""

    def line(self) -> str:
        """The next line that it says."""
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise AssertionError(f"{self.title} says nothing, its state is {state(self.pid, self.pid)!r}")
            if not (more := os.read(self.process.stdout.fileno(), 65536)):
                raise AssertionError(f"{self.title} ended with {self.process.wait()} after {self.rest!r}")
            self.rest += more
        first, _, self.rest = self.rest.partition(b"\n")
        return first.decode()

    def expect(self, *wanted: str) -> str:
        if (got := self.line()) not in wanted:
            raise AssertionError(f"{self.title} says {got!r}, not {' or '.join(wanted)}")
        return got

    def tell(self, text: str) -> None:
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Ends it; its exit status, the negative number of the signal that ended it."""
        kill(self.pid, number)
        return self.wait()

    def wait(self) -> int:
        """Ends its input and waits until it has ended."""
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        return self.process.wait(PATIENCE)


def say(text: object) -> None:
    """A child's answer; at once, and whole even if it is killed after it."""
    os.write(1, f"{text}\n".encode())


def until_told() -> str:
    """A child waits for the next line; the empty text when its parent has gone."""
    return sys.stdin.readline().strip()


def kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def can(*command: str) -> None:
    """Skips the test unless the command, a probe of what it needs, succeeds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as problem:
        raise Skip(f"{command[0]}: {problem.strerror}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Skip(said[-1] if said else f"{command[0]} failed")


def in_mounts_of_its_own(function, size: str):
    """A child with a tmpfs of this size, mounted where only it sees it, as BYNAME_DIR: nothing to unmount."""
    place = Path("tmpfs")
    place.mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o size={size} byname "{place.resolve()}"'
    can("unshare", "-m", "--propagation", "private", "sh", "-c", script)
    before = ("unshare", "-m", "--propagation", "private", "sh", "-c", f'{script} && exec "$@"', "sh")
    return Child(function, before=before, environment={"BYNAME_DIR": str(place.resolve())})


def file() -> Path:
    """The file of this test's namespace in its directory, if it is there."""
    folder = Path(os.environ.get("BYNAME_DIR", "/dev/shm"))
    found = [entry for entry in folder.iterdir() if os.environ["BYNAME_SESSION"] in entry.name]
    return found[0] if found else folder / "no file"


def nothing_left() -> None:
    """The namespace has no objects: its file is gone, or nobody has a name in it. Fails otherwise."""
    assert not file().exists(), f"left behind: {file()}"


if __name__ == "__main__":
    sys.modules["common"] = sys.modules["__main__"]  # one Skip, one Child
    module, name, *arguments = sys.argv[1:]
    try:
        getattr(importlib.import_module(module), name)(*arguments)
    except Skip as why:
        print(why)
        sys.exit(SKIPPED)
