"""Builds and runs the examples of README.md as they stand there, one for each language and one for the shell.

    python3 tools/try_readme.py TARGET PREFIX PYTHON

TARGET is cargo's folder with a release build of the libraries and the command, PREFIX where the C library was installed, PYTHON an interpreter that can
import byname. Each example must end well and say that it got the mutex.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    target, prefix, python = (Path(argument).absolute() for argument in sys.argv[1:])
    examples = dict(re.findall(r"^```(rust|c|cpp|python|js|sh)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S))
    missing = {"rust", "c", "cpp", "python", "js", "sh"} - examples.keys()
    if missing:
        sys.exit(f"README.md has no example in {', '.join(sorted(missing))}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "node_modules").mkdir()
        (folder / "node_modules" / "byname").symlink_to(ROOT / "bindings-node")
        library = f"{prefix}/lib"
        flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{prefix}/include"]
        link = [f"-L{library}", f"-Wl,-rpath,{library}", "-lbyname"]
        ways = {  # file, how to compile it, how to run it
            "rust": ("main.rs", ["rustc", "--edition", "2024", "main.rs", "-o", "rust", "--extern", f"byname={target}/release/libbyname.rlib",
                                 "-L", f"dependency={target}/release/deps"], ["./rust"]),
            "c": ("main.c", ["cc", "-std=c99", *flags, "main.c", "-o", "c", *link], ["./c"]),
            "cpp": ("main.cpp", ["c++", "-std=c++17", *flags, "main.cpp", "-o", "cpp", *link], ["./cpp"]),
            "python": ("main.py", None, [python, "main.py"]),
            "js": ("main.mjs", None, ["node", "main.mjs"]),
            "sh": ("main.sh", None, ["sh", "-eu", "main.sh"]),
        }
        for language, (file, compile_it, run_it) in ways.items():
            (folder / file).write_text(examples[language])
            if compile_it:
                subprocess.run(compile_it, cwd=folder, check=True)
            path = f"{target}/release:{os.environ['PATH']}"
            environment = {**os.environ, "PATH": path, "BYNAME_SESSION": f"readme-{os.getpid()}"}
            done = subprocess.run(run_it, check=False, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
            if done.returncode != 0 or not re.fullmatch(r"mine, fence \d+\n", done.stdout):
                sys.exit(f"the {language} example of README.md ended with {done.returncode} and said {done.stdout!r}")
            print(f"README.md, {language}: ok")


main()
