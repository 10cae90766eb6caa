"""What the tests of limits, forks and formats share: children that talk by lines, C programs, and the namespace's directory."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

import common

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

import helpers  # noqa: E402
from helpers import PATIENCE, Thread, until, until_waiting, waiters  # noqa: E402

__all__ = ["PATIENCE", "Child", "Thread", "directory", "in_thread", "limited", "litter", "program", "run_c", "until", "until_waiting", "waiters"]

#: Where `make build` installs the C library.
PREFIX = Path(os.environ.get("BYNAME_PREFIX") or Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target")) / "prefix")


class Child(helpers.Child):
    """A Python process as tests/python has it, that can also be told something."""

    def __init__(self, code, *arguments, env=None):
        super().__init__(textwrap.dedent(code), *arguments, env=env)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def run(self):
        """Until its orderly end."""
        with self:
            return self.end()


def in_thread(call, *arguments):
    """What a call says in another thread."""
    return Thread(call, *arguments).result()


def directory():
    """The directory of the namespaces."""
    return os.environ.get("BYNAME_DIR", "/dev/shm")


def litter():
    """The files of this test's sessions."""
    return [entry for entry in os.listdir(directory()) if os.environ["BYNAME_SESSION"] in entry]


def program(name, *more):
    """A C program of this folder, compiled against the library of the tree into a folder that ends with the process."""
    if not shutil.which("cc"):
        raise common.Skip("no C compiler")
    program.folder = program.folder or tempfile.TemporaryDirectory(prefix="byname-surroundings-")
    out = Path(program.folder.name) / name
    if not out.exists():
        library = PREFIX / "lib"
        flags = [f"-I{PREFIX}/include", f"-L{library}", f"-Wl,-rpath,{library}", "-lbyname", "-pthread", *more]
        subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-O1", HERE / f"{name}.c", "-o", out, *flags], check=True)
    return str(out)


program.folder = None


def run_c(name, *arguments, **options):
    """Runs a C program to its good end; 77 says that it cannot do here what it is for."""
    done = subprocess.run([program(name), *arguments], timeout=PATIENCE, **options)
    if done.returncode == 77:
        raise common.Skip(f"{name} {' '.join(arguments)} is not possible here")
    assert done.returncode == 0, f"{name} {arguments} ended with {done.returncode}"


@dataclass
class Said:
    """What limited.c says about one value of a limit."""

    status: int
    win32: int
    errno: int
    left: int
    taken: int
    files: int
    again: int
    message: str


def limited(*arguments):
    """The answers of limited.c, by the value of the limit."""
    out = subprocess.run([program("limited"), *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True).stdout
    answers = []
    for line in out.splitlines():
        value, *numbers = line.split(maxsplit=8)
        assert numbers[0] != "killed", f"at a limit of {value}: killed by signal {numbers[1]}"
        message = numbers.pop() if len(numbers) == 8 else ""
        answers.append((int(value), Said(*map(int, numbers), message)))
    assert answers
    return answers
