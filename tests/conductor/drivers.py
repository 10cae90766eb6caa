"""Driver processes: how they are started, spoken to and put away. `tests/README.md` has the line protocol."""

import argparse
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import proc

HERE = Path(__file__).resolve().parent
DRIVERS = HERE.parent / "drivers"
LANGUAGES = ("rust", "c", "python", "node")
#: Where the thread owns a mutex. In Node the grant does, so rows about recursion do not apply there.
THREAD_OWNERS = frozenset({"rust", "c", "python"})


class Broken(Exception):
    """A driver answered what the protocol does not allow, ended unasked, or the watchdog barked."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say where the drivers are; after `make build` none is needed."""
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target")
    parser.add_argument("--target", type=Path, default=target, help="cargo's target directory, with prefix/ as install-c makes it")
    parser.add_argument("--rust-driver", help="default: release/byname-driver there")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that can import byname")
    parser.add_argument("--node", default="node")
    parser.add_argument("--node-driver", default=str(DRIVERS / "driver.mjs"))


def commands(options: argparse.Namespace) -> dict[str, list[str]]:
    """The command line of each language's driver; builds the C one."""
    rust = options.rust_driver or str(options.target / "release" / "byname-driver")
    if not os.access(rust, os.X_OK):
        sys.exit(f"no Rust driver at {rust}: `make build` makes it")
    c = build_c(options, DRIVERS / "driver.c")
    return {"rust": [rust], "c": [c], "python": [options.python, str(DRIVERS / "driver.py")], "node": [options.node, options.node_driver]}


def build_c(options: argparse.Namespace, source: Path) -> str:
    """Builds a program in C against the library in prefix/; where it is."""
    program = options.target / source.parent.name / f"{source.stem}-c"
    subprocess.run([str(DRIVERS / "build.sh"), str(options.target / "prefix"), str(program), str(source)], check=True)
    return str(program)


class Call:
    """One command given to a driver's thread, until its result is in."""

    def __init__(self, driver: "Driver", number: int, thread: str, words: tuple[str, ...]):
        self.driver, self.number, self.thread, self.words = driver, number, thread, words
        self.sent = time.monotonic()
        self.tid: int | None = None  # set when the driver is about to block; 0 where a promise waits, not a thread
        self.result: str | None = None
        self.took = 0.0

    def __str__(self) -> str:
        return f"{self.thread} {' '.join(self.words)}"


class Driver:
    """One process that speaks the line protocol."""

    def __init__(self, language: str, command: list[str], session: str, group: int | None = None):
        self.language, self.session = language, session
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by bury
        environment = dict(os.environ, BYNAME_SESSION=session)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr, env=environment, bufsize=0, process_group=group
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.pid = self.process.pid
        self.alive, self.stopped, self.changed = True, False, False
        self.calls: dict[int, Call] = {}
        self.next_number = 1
        self.buffer = b""
        self.log = lambda text: None

    def send(self, thread: str, *words: str) -> Call:
        return self.send_all(thread, [words])[0]

    def send_all(self, thread: str, commands: Sequence[Sequence[str]]) -> list[Call]:
        """Gives the thread several commands in one write, so that it runs them without waiting for us."""
        calls, lines = [], b""
        for words in commands:
            call = Call(self, self.next_number, thread, tuple(words))
            self.next_number += 1
            self.calls[call.number] = call
            calls.append(call)
            line = f"{call.number} {thread} {' '.join(words)}"
            self.log(f"> {line}")
            lines += line.encode() + b"\n"
        try:
            self.process.stdin.write(lines)
        except BrokenPipeError:
            raise Broken(f"the {self.language} driver (pid {self.pid}) has ended{self.last_words()}") from None
        return calls

    def receive(self) -> None:
        """Takes what lines are there."""
        try:
            data = self.process.stdout.read(65536)
        except BlockingIOError:
            return
        if data is None:
            return
        if data == b"":
            raise Broken(f"the {self.language} driver (pid {self.pid}) has ended{self.last_words()}")
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            text = line.decode()
            self.log(f"< {text}")
            number, _, result = text.partition(" ")
            call = self.calls.get(int(number)) if number.isdigit() else None
            if call is None:
                raise Broken(f"the {self.language} driver wrote {text!r}")
            if result.startswith("begin "):
                call.tid = int(result[6:])
            else:
                call.result, call.took = result, time.monotonic() - call.sent
                del self.calls[call.number]

    def last_words(self) -> str:
        status = self.process.wait()
        self.stderr.seek(0)
        said = self.stderr.read().decode(errors="replace").strip()
        return f", status {status}" + (f", and said:\n{said}" if said else "")

    def thread_blocked(self, call: Call) -> bool:
        """Whether the command of `call`, which has begun, waits inside byname."""
        if call.tid == 0:  # a promise: pending once the loop has had a turn
            pong = self.send("io", "ping")
            finish([pong])
            return call.result is None
        try:
            inode = os.stat(namespace_file(self.session)).st_ino
        except FileNotFoundError:
            return False
        return proc.blocked_in(self.pid, call.tid, inode)

    # --- signals

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)
        self.stopped = True

    def proceed(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self.stopped = False

    def become_another_program(self, deadline: float) -> None:
        """The process goes on as `cat`, and answers no more."""
        self.send("main", "exec")
        while proc.program(self.pid) != "cat":
            if time.monotonic() > deadline:
                raise Broken(f"the {self.language} driver (pid {self.pid}) did not exec")
        self.changed = True

    def kill(self) -> None:
        """SIGKILL, and the kernel has finished with the process when this returns."""
        self.process.kill()
        self.bury()

    def leave(self) -> int:
        """Ends the process normally, from its main thread; the exit status."""
        self.send("main", "exit")
        return self.bury()

    def bury(self) -> int:
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Broken(f"the {self.language} driver (pid {self.pid}) does not end") from None
        for pipe in (self.process.stdin, self.process.stdout, self.stderr):
            pipe.close()
        self.alive = False
        return status


def finish(calls: list[Call], deadline: float | None = None, count: int | None = None) -> None:
    """Waits until `count` of the calls (all, unless told) have their result."""
    deadline = deadline or time.monotonic() + 30
    need = len(calls) if count is None else count
    while sum(call.result is not None for call in calls) < need:
        turn({call.driver for call in calls}, deadline)


def settle(call: Call, deadline: float) -> str:
    """The result of the call, or "blocked" once it waits inside byname."""
    while call.result is None:
        if call.tid is not None and call.driver.thread_blocked(call):
            call.driver.receive()  # a result that was on its way
            if call.result is None:
                return "blocked"
        else:
            turn({call.driver}, deadline, 0.0005)
    return call.result


def turn(drivers: set[Driver], deadline: float, patience: float = 1.0) -> None:
    """Waits for a line from any of the drivers, for `patience` seconds at most."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Broken("the watchdog barked: no answer from " + ", ".join(sorted(f"{d.language} (pid {d.pid})" for d in drivers)))
    by_file = {driver.process.stdout: driver for driver in drivers}
    for file in select.select(list(by_file), [], [], min(left, patience))[0]:
        by_file[file].receive()


def namespace_file(session: str) -> Path:
    return Path(os.environ.get("BYNAME_DIR") or "/dev/shm") / f"byname.v1.local.{os.getuid()}.{session}"


class Pool:
    """Drivers of one session, kept alive between scenarios."""

    def __init__(self, command_lines: dict[str, list[str]], session: str):
        self.commands, self.session = command_lines, session
        self.idle: dict[str, list[Driver]] = {language: [] for language in command_lines}
        self.living: set[Driver] = set()

    def start(self, language: str, session: str | None = None, group: int | None = None) -> Driver:
        driver = Driver(language, self.commands[language], session or self.session, group)
        self.living.add(driver)
        return driver

    def take(self, language: str) -> Driver:
        idle = self.idle[language]
        driver = idle.pop(0) if idle else self.start(language)
        if not idle:  # one ahead, so that an interpreter's start is not waited for
            idle.append(self.start(language))
        return driver

    def give(self, driver: Driver) -> None:
        """Takes a driver back; one that is dead, or of another session, is not kept."""
        if driver.alive and driver.session == self.session:
            self.idle[driver.language].append(driver)
        else:
            self.discard(driver)

    def discard(self, driver: Driver) -> None:
        if driver.alive:
            driver.kill()
        self.living.discard(driver)

    def close(self) -> list[str]:
        """Ends every idle driver normally, others by force, and tells what is left that should not be."""
        complaints = []
        for driver in self.living.difference(*self.idle.values()):
            self.discard(driver)
        last = self.take("c")  # attached to the end, so that the last one to leave leaves cleanly
        finish([last.send("main", "event", "last", "-", "auto")])
        for driver in [*(self.living - {last}), last]:
            if driver.alive and (status := driver.leave()) != 0:
                complaints.append(f"the {driver.language} driver (pid {driver.pid}) ended with status {status}")
        for path in namespace_file(self.session).parent.glob(f"*.{self.session}*"):
            complaints.append(f"{path} is left")
        for pid in proc.with_environment(f"BYNAME_SESSION={self.session}"):
            complaints.append(f"process {pid} is left")
        return complaints
