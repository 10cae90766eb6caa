"""The text of the demo: where it comes from, how it is cut into chunks, and how one process counts it alone."""

import mmap
import os
import re
import shutil
import sys
from pathlib import Path

CHUNKS = 240  # about as many, however large the text is
ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = {".git", ".venv", "dist", "node_modules", "target"}


def take_text(path, given):
    """Copies the text, so that nobody changes it under the workers. By default it is this project's own documents."""
    if given:
        try:
            with open(given, "rb") as source, open(path, "wb") as copy:
                shutil.copyfileobj(source, copy)
        except OSError as error:
            print(f"demo: cannot read the input: {error}", file=sys.stderr)
            sys.exit(2)
        return given
    documents = own_files("*.md")
    if sum(document.stat().st_size for document in documents) < 100_000:
        for pattern in ("*.rs", "*.py", "*.c", "*.h", "*.mjs"):
            documents += own_files(pattern)
    with open(path, "wb") as copy:
        copy.writelines(document.read_bytes() for document in documents)
    return f"{documents[0].relative_to(ROOT)} and {len(documents) - 1} other files of this project"


def own_files(pattern):
    files = (file for file in ROOT.rglob(pattern) if not NOT_OURS.intersection(file.relative_to(ROOT).parts))
    return sorted(file for file in files if file.is_file())


def deal(text, plan):
    """Cuts the text at line ends into chunks, writes their offsets and lengths, returns how many they are."""
    chunks = 0
    with open(text, "rb") as file, open(plan, "w") as out:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            begin = 0
            while begin < size:
                end = data.find(b"\n", begin + size // CHUNKS) + 1 or size
                out.write(f"{begin} {end - begin}\n")
                begin = end
                chunks += 1
    return chunks


def count_in_one_process(path):
    """The same count in the plainest way: one process, from end to end."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return sum(1 for _ in re.finditer(rb"[^ \t\n\v\f\r]+", data))
