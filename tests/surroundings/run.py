"""Runs byname where something is scarce or odd: each test in a process and a session of its own.

    python tests/surroundings/run.py [--only WORD] [--long] [--list]

A test is a function `test_NAME` of a module in this folder. It passes when it returns, is skipped by raising `common.Skip(why)` where
its surroundings cannot be made, and fails by anything else. The last line counts them, and names what was skipped and why.
"""

import argparse
import ast
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import planted

HERE = Path(__file__).resolve().parent
WATCHDOG = {False: 300, True: 3600}  # seconds: only for what hangs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only tests whose module.name has this word")
    parser.add_argument("--long", action="store_true", help="the long form of each test")
    parser.add_argument("--list", action="store_true", help="name the tests and end")
    parser.add_argument("--planted", type=Path, metavar="FOLDER", help="where a library with planted bugs is: each test must fail with its bug")
    options = parser.parse_args()
    tests = [test for test in found() if options.only in ".".join(test)]
    if options.list:
        print(*(".".join(test) for test in tests), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is cleared away
    if options.planted:
        return look_for_planted(options.planted.resolve(), options.only)
    passed, failed, skipped = 0, 0, []
    for module, name in tests:
        status, said = run(module, name, options.long)
        title = f"{module}.{name.removeprefix('test_')}"
        if status == 0:
            passed += 1
            print(f"ok      {title}{f': {said}' if said else ''}", flush=True)
        elif status == common.SKIPPED:
            skipped.append(f"{title} ({(said.splitlines() or [''])[-1]})")
            print(f"skipped {skipped[-1]}", flush=True)
        else:
            failed += 1
            print(f"FAILED  {title}, status {status}\n{said}", flush=True)
    closing = f"{passed} passed, {len(skipped)} skipped" + (f": {', '.join(skipped)}" if skipped else "")
    print(f"{failed} failed, {closing}" if failed else closing)
    return 1 if failed or not tests else 0


def look_for_planted(built: Path, only: str) -> int:
    """Whether each bug is caught by the test that is for it, which passes without the bug."""
    caught, missed, skipped = 0, 0, 0
    for bug, module, name in planted.TESTS:
        if only not in f"{bug} {module}.{name}":
            continue
        title = f"{bug}: {module}.{name.removeprefix('test_')}"
        with_bug, said = run(module, name, False, {**planted.surroundings(built), "BYNAME_PLANTED": bug})
        without, said_without = run(module, name, False, planted.surroundings(built)) if with_bug not in (0, common.SKIPPED) else (with_bug, "")
        reason = (said.splitlines() or [""])[-1][:160]
        if with_bug == common.SKIPPED:
            skipped += 1
            print(f"skipped {title} ({reason})", flush=True)
        elif with_bug == 0 or without:
            missed += 1
            print(f"MISSED  {title}" if with_bug == 0 else f"FAILED  {title}, without the bug\n{said_without}", flush=True)
        else:
            caught += 1
            print(f"caught  {title}: {reason}", flush=True)
    print(f"{caught} planted bugs caught, {missed} missed, {skipped} skipped")
    return 1 if missed or not caught else 0


def found() -> list[tuple[str, str]]:
    """Every test, in the order of the files. The modules are read, not imported: a test's process imports only its own."""
    return [
        (path.stem, part.name)
        for path in sorted(HERE.glob("*.py"))
        if path.stem not in ("run", "common", "planted")
        for part in ast.parse(path.read_text()).body
        if isinstance(part, ast.FunctionDef) and part.name.startswith("test_")
    ]


def run(module: str, name: str, long: bool, more: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit status of one test and all that it said. Nothing it started outlives it."""
    mark = f"{os.getpid()}-{module}-{name}"
    with tempfile.TemporaryDirectory(prefix="byname-around-") as scratch, tempfile.TemporaryFile() as output:
        environment = {
            **os.environ,
            "BYNAME_SESSION": f"around-{os.getpid()}-{name[5:45]}",
            common.MARK: mark,
            "LONG": "1" if long else "",
            **(more or {}),
        }
        command = [sys.executable, str(HERE / "common.py"), module, name]
        # Not a pipe: what a test forgets would hold it open.
        child = subprocess.Popen(command, env=environment, cwd=scratch, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = child.wait(WATCHDOG[long])
        except subprocess.TimeoutExpired:
            status = common.HUNG
        finally:
            left = [pid for pid in common.with_environment(f"{common.MARK}={mark}\0") if pid != child.pid]
            for pid in (*left, child.pid):
                common.kill(pid, signal.SIGKILL)
            child.wait()
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if status == common.HUNG:
        return status, f"{said}\nthe watchdog barked"
    if left and status == 0:
        return 1, f"{said}\nleft {len(left)} processes behind"
    return status, said


if __name__ == "__main__":
    sys.exit(main())
