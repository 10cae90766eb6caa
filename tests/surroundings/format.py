"""The format guard: files of this format, of a neighbouring one and of none, opened by two bindings; and two copies of the library in a process.

`images/header.hex` is the header of a fresh arena, `images/arena.gz` a whole one, of which all processes were killed: as this format has them. A
change of the format without a new number fails here, and so does a new number without new images. `BLESS=1` makes both anew:

    BLESS=1 python3 tests/surroundings/format.py
"""

import ctypes
import gzip
import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path

import byname
import tools

HERE = Path(__file__).resolve().parent
IMAGES = HERE / "images"
SIZE = 1_487_929_344
PAGE = 4096

# docs/arena-format.md
FORMAT_AT, HEADER_SIZE_AT, LIFE_AT, BOOT_AT, SIZE_AT, CAPACITIES_AT, HIGH_WATER_AT = 8, 12, 16, 24, 40, 48, 80
#: What of a header is the same in every arena of a format.
CONSTANT = [(0, LIFE_AT), (SIZE_AT, HIGH_WATER_AT), (128, PAGE)]

OK, VERSION_MISMATCH, CORRUPTED = (0, 0), (-19, 13), (-20, 1392)


def golden_header():
    return bytes.fromhex((IMAGES / "header.hex").read_text()).ljust(PAGE, b"\0")


def patched(header, at, form, value):
    changed = bytearray(header)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


def path_of(session):
    return Path(tools.directory()) / f"byname.v1.local.{os.geteuid()}.{session}"


def put(session, content, size=None):
    """Puts a file where the session's would be; `size`: longer than its content, sparse."""
    path = path_of(session)
    path.touch(mode=0o600)
    path.write_bytes(content)
    if size:
        os.truncate(path, size)
    return path


def look(path, length):
    """What must be the same of a file that is left as it was."""
    stat = path.stat()
    with open(path, "rb") as file:
        return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_blocks, file.read(length)


def python_says(session):
    try:
        byname.Event("an event", namespace=byname.Namespace(session)).close()
    except byname.Error as error:
        status = {byname.VersionMismatchError: -19, byname.CorruptedError: -20}.get(type(error), type(error))
        return (status, error.win32), str(error)
    return OK, ""


def c_says(*sessions):
    out = subprocess.run([tools.program("opens"), *sessions], stdout=subprocess.PIPE, text=True, check=True, timeout=tools.PATIENCE).stdout
    answers = {}
    for line in out.splitlines():
        session, status, win32, message = line.split(" ", 3)
        assert status != "killed", f"{session}: killed by signal {win32}"
        answers[session] = (int(status), int(win32) if int(status) else 0), message
    return answers


def check(cases):
    """Each case: a name, a file's content, its size, what opening says, and a word of the message."""
    files, before = {}, {}
    for i, (name, content, size, _expected, _word) in enumerate(cases):
        session = f"{os.environ['BYNAME_SESSION']}.{i}"
        files[session] = put(session, content, size)
        before[session] = look(files[session], 1 << 16)
    by_c = c_says(*files)
    for session, (name, _content, _size, expected, word) in zip(files, cases):
        for language, (said, message) in (("C", by_c[session]), ("Python", python_says(session))):
            assert said == expected, f"{name}, {language}: {said} {message}"
            assert word in message and (said == OK or str(files[session]) in message), f"{name}, {language}: {message}"
        if expected != OK:
            assert look(files[session], 1 << 16) == before[session], f"{name}: the file was changed"
            files[session].unlink()


def test_neighbouring_formats():
    """Another version's file is named as that and left alone, whatever else is in it and however long it is."""
    header = golden_header()
    now = struct.unpack_from("<I", header, FORMAT_AT)[0]
    cases = [("this format", header, SIZE, OK, "")]
    for other in (now + 1, now - 1, 0, 0xFFFF_FFFF):
        file = patched(header, FORMAT_AT, "<I", other)
        cases.append((f"format {other}", file, SIZE, VERSION_MISMATCH, f"format {other}, this byname speaks format {now}"))
    after = patched(header, FORMAT_AT, "<I", now + 1)
    cases.append(("the next format, shorter", after, 1 << 20, VERSION_MISMATCH, "BYNAME_SESSION"))
    cases.append(("the next format, with another header", after[:12] + b"\xee" * 4084, SIZE * 2, VERSION_MISMATCH, ""))
    cases.append(("the next format, being closed", patched(after, LIFE_AT, "<Q", 2), SIZE, VERSION_MISMATCH, ""))
    check(cases)


def test_of_no_format():
    header = golden_header()
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    print(f"seed {seed}")
    rng = random.Random(seed)
    check(
        [
            ("empty", b"", None, CORRUPTED, "too short"),
            ("a byte", header[:1], None, CORRUPTED, "too short"),
            ("almost a header", header[:79], None, CORRUPTED, "too short"),
            ("a header alone", header, None, CORRUPTED, "wrong size"),
            ("a page too short", header, SIZE - PAGE, CORRUPTED, "wrong size"),
            ("zeros", b"", SIZE, CORRUPTED, "wrong magic"),
            ("a program", Path(sys.executable).read_bytes()[:65536], SIZE, CORRUPTED, "wrong magic"),
            ("text", b"somebody's notes\n" * 100, SIZE, CORRUPTED, "wrong magic"),
            ("random", rng.randbytes(1 << 20), SIZE, CORRUPTED, "wrong magic"),
            ("random behind magic and format", header[:12] + rng.randbytes(1 << 20), SIZE, CORRUPTED, "wrong size"),
            ("magic with a bit wrong", patched(header, 3, "B", header[3] ^ 4), SIZE, CORRUPTED, "wrong magic"),
            ("magic the other way round", header[7::-1] + header[8:], SIZE, CORRUPTED, "wrong magic"),
            ("header of another size", patched(header, HEADER_SIZE_AT, "<I", 8192), SIZE, CORRUPTED, "wrong size"),
            ("another length", patched(header, SIZE_AT, "<Q", SIZE + PAGE), SIZE, CORRUPTED, "wrong size"),
            *(
                (f"capacity {i}", patched(header, at, "<I", struct.unpack_from("<I", header, at)[0] * 2), SIZE, CORRUPTED, "wrong size")
                for i, at in enumerate(range(CAPACITIES_AT, HIGH_WATER_AT, 4))
            ),
            ("in no state", patched(header, LIFE_AT, "<Q", 0), SIZE, CORRUPTED, "unknown state"),
            ("in a state to come", patched(header, LIFE_AT, "<Q", 3), SIZE, CORRUPTED, "unknown state"),
        ]
    )


def test_of_the_past():
    """A file of an earlier boot, or one that its last user could not remove any more, is made anew."""
    header = golden_header()
    for i, old in enumerate((patched(header, BOOT_AT, "<Q", 0x1234), patched(header, LIFE_AT, "<Q", 0x702))):
        for language, says in (("Python", python_says), ("C", lambda session: c_says(session)[session])):
            session = f"{os.environ['BYNAME_SESSION']}.{language}{i}"
            inode = put(session, old, SIZE).stat().st_ino
            holder = os.open(path_of(session), os.O_RDONLY)  # so that the number is not given again
            assert says(session)[0] == OK
            assert not path_of(session).exists() or path_of(session).stat().st_ino != inode, f"{language}: it went on with a stale file"
            os.close(holder)


def test_a_fresh_header_is_as_it_was():
    """What this build writes, byte by byte."""
    namespace = byname.Namespace()
    event = byname.Event("an event")
    with open(namespace.path, "rb") as file:
        fresh = file.read(PAGE)
    assert os.stat(namespace.path).st_size == SIZE
    for start, end in CONSTANT:
        assert fresh[start:end] == golden_header()[start:end], f"bytes {start} to {end} have changed: that needs a new FORMAT, and BLESS=1 here"
    event.close()


# --- a whole image


PEOPLE = """
import ctypes
long = 'a name of over 144 bytes: ' + 'x' * 200
things = [byname.Mutex('m'), byname.Event('e', True), byname.Semaphore('s', 3, 5, robust=True), byname.Mutex(long)]
others = [byname.Event(f'event {i}') for i in range(40)] + [byname.Semaphore() for i in range(5)]
m, e, s, l = things
if sys.argv[1] == 'owner':
    m.acquire(); m.acquire(); l.acquire(); units = s.acquire(), s.acquire()
    e.set(); others[0].set()
    say('there'); sys.stdin.read()
calls = [m.acquire, l.acquire, lambda: byname.wait_any([m, others[1]]), lambda: byname.wait_all([e, m, others[2]])]
threads = [in_thread(call) for call in calls]
while _usage()[2] < len(calls): time.sleep(0.001)
say('there'); sys.stdin.read()
"""


def image_of_the_dead():
    """The pages, by their offsets, of an arena whose processes owned and waited until all were killed at once."""
    session = f"image-{os.getpid()}"
    os.environ["BYNAME_SESSION"] = session
    people = []
    for role in ("owner", "waiter", "waiter"):  # one after the other: what is waited for is owned
        people.append(tools.Child(PEOPLE, role))
        people[-1].expect("there")
    for person in people:  # nobody may bury another
        person.process.send_signal(signal.SIGSTOP)
    for person in people:
        person.process.send_signal(signal.SIGKILL)
    for person in people:
        person.process.communicate()
    path = path_of(session)
    pages = {}
    with open(path, "rb") as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            page = os.pread(file.fileno(), PAGE, at)
            if page.strip(b"\0"):
                pages[at] = page
            at += PAGE
    path.unlink()
    return pages


def bless():
    pages = image_of_the_dead()
    pages[0] = patched(patched(pages[0], BOOT_AT, "<Q", 0), BOOT_AT + 8, "<Q", 0)  # of no boot in particular
    IMAGES.mkdir(exist_ok=True)
    fresh = bytearray(pages[0][:128])
    fresh[LIFE_AT : LIFE_AT + 8] = struct.pack("<Q", 1)
    fresh[HIGH_WATER_AT:128] = bytes(128 - HIGH_WATER_AT)
    (IMAGES / "header.hex").write_text("".join(fresh[at : at + 16].hex() + "\n" for at in range(0, 128, 16)))
    packed = gzip.compress(b"".join(struct.pack("<Q", at) + page for at, page in sorted(pages.items())), 9, mtime=0)
    (IMAGES / "arena.gz").write_bytes(packed)
    print(f"{len(pages)} pages in {len(packed)} bytes")


def unpack(session, change=None):
    packed = gzip.decompress((IMAGES / "arena.gz").read_bytes())
    path = put(session, b"", SIZE)
    with open(path, "r+b") as file:
        for at in range(0, len(packed), PAGE + 8):
            file.seek(struct.unpack_from("<Q", packed, at)[0])
            file.write(packed[at + 8 : at + 8 + PAGE])
        if change:
            file.seek(change[0])
            file.write(change[1])
    return path


LONG = "a name of over 144 bytes: " + "x" * 200


def use_as_new(namespace):
    """The dead had all of it alone, so nothing of it is left but room."""
    mutex, event, units = byname.Mutex("m", namespace=namespace), byname.Event("e", namespace=namespace), byname.Semaphore("s", 0, namespace=namespace)
    long = byname.Mutex(LONG, namespace=namespace)
    made = [mutex, event, units, long] + [byname.Event(f"event {i}", namespace=namespace) for i in range(40)]
    assert all(handle.created for handle in made), [handle.name for handle in made if not handle.created]
    with mutex, long:
        assert not mutex.abandoned and mutex.fence == 1 and long.state.depth == 1
    assert not event.is_set() and units.available == 0
    event.set()
    assert byname.wait_all([event, mutex], 0)
    mutex.release()
    waiting = tools.Thread(units.acquire)
    units.release()
    assert waiting.result()


def test_a_whole_image_whose_processes_are_dead():
    """Whoever comes buries them and starts anew in the same file."""
    session = os.environ["BYNAME_SESSION"] + ".image"
    inode = unpack(session).stat().st_ino
    namespace = byname.Namespace(session)
    tools.until(lambda: not names_of_the_dead(namespace), lambda: f"still there: {names_of_the_dead(namespace)}")
    use_as_new(namespace)
    assert path_of(session).stat().st_ino == inode, "in the file that was there"


def test_a_whole_image_in_c():
    session = os.environ["BYNAME_SESSION"] + ".image"
    unpack(session)
    (said, message), = c_says(session).values()
    assert said == OK, message
    assert not path_of(session).exists(), "the last one removes it: the dead do not count"


def names_of_the_dead(namespace):
    found = []
    for kind, name in ((byname.Mutex, "m"), (byname.Event, "e"), (byname.Semaphore, "s"), (byname.Mutex, LONG), (byname.Event, "event 7")):
        try:
            kind.open(name, namespace=namespace).close()
            found.append(name)
        except byname.NotFoundError:
            pass
    return found


def test_a_whole_image_of_the_next_format():
    session = os.environ["BYNAME_SESSION"] + ".next"
    now = struct.unpack_from("<I", golden_header(), FORMAT_AT)[0]
    path = unpack(session, (FORMAT_AT, struct.pack("<I", now + 1)))
    before = look(path, SIZE // 64)
    assert python_says(session)[0] == c_says(session)[session][0] == VERSION_MISMATCH
    assert look(path, SIZE // 64) == before, "left as it was"
    path.unlink()


# --- two builds of the library in one process


def c_library():
    """The C library beside the extension of Python: two builds with nothing in common but the arena. (Two of C: tests/c/copies.c.)"""
    library = ctypes.CDLL(str(tools.PREFIX / "lib" / "libbyname.so"))
    library.byname_mutex_lock.argtypes = [ctypes.c_uint64, ctypes.c_int64, ctypes.c_void_p]
    library.byname_mutex_unlock.argtypes = library.byname_event_set.argtypes = library.byname_handle_close.argtypes = [ctypes.c_uint64]
    library.byname_event_wait.argtypes = [ctypes.c_uint64, ctypes.c_int64]
    return library


def made(library, kind, name):
    handle = ctypes.c_uint64()
    create = getattr(library, f"byname_{kind}_create")
    create.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
    assert create(name.encode(), None, ctypes.byref(handle)) == 0
    return handle.value


def status_of(word):
    header = (tools.PREFIX / "include" / "byname.h").read_text()
    return int(header.split(f"{word} = ", 1)[1].split(",", 1)[0])


HOURS = 3600 * 10**9


def test_one_owner_in_both_copies():
    """A thread is one owner, through whichever copy it calls: recursion, releases and time-outs cross, both ways."""
    c = c_library()
    timed_out, not_owner, abandoned = (status_of(f"BYNAME_{word}") for word in ("TIMED_OUT", "ERR_NOT_OWNER", "ABANDONED"))
    mutex, handle = byname.Mutex("m"), made(c, "mutex", "m")
    for _ in range(2):
        assert mutex.acquire(False) and c.byname_mutex_lock(handle, 0, None) == 0, "first Python, then C"
        assert mutex.state.depth == 2
        assert tools.in_thread(mutex.acquire, False) is False and tools.in_thread(c.byname_mutex_lock, handle, 0, None) == timed_out
        mutex.release()
        assert c.byname_mutex_unlock(handle) == 0 and c.byname_mutex_unlock(handle) == not_owner
        assert c.byname_mutex_lock(handle, 0, None) == 0 and mutex.acquire(False), "first C, then Python"
        assert c.byname_mutex_unlock(handle) == 0
        assert mutex.state.depth == 1
        mutex.release()
        try:
            mutex.release()
        except byname.NotOwnerError:
            continue
        raise AssertionError("released what it does not own")

    # A thread that took it through both ends: abandoned, once, whoever is told.
    for told in (lambda: c.byname_mutex_lock(handle, HOURS, None) == abandoned, lambda: mutex.acquire() and mutex.abandoned):
        tools.in_thread(lambda: (mutex.acquire(), c.byname_mutex_lock(handle, 0, None)))  # and ends
        assert told()
        mutex.release()
        assert c.byname_mutex_lock(handle, 0, None) == 0
        assert c.byname_mutex_unlock(handle) == 0


def test_signals_cross_between_both_copies():
    c = c_library()
    event, handle = byname.Event("e"), made(c, "event", "e")
    waiting = tools.Thread(event.wait)
    tools.until_waiting(1)
    assert c.byname_event_set(handle) == 0
    assert waiting.result() is True
    waiting = tools.Thread(c.byname_event_wait, handle, HOURS)
    event.set()
    assert waiting.result() == 0
    assert not event.is_set()
    event.close()
    assert byname.Event.open("e").created is False, "the other copy has it open"
    assert c.byname_handle_close(handle) == 0
    tools.until(lambda: byname.Event("e").created, "the name outlives both")


BOTH = """
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import format, tools
c = format.c_library()
m, h = byname.Mutex('m'), format.made(c, 'mutex', 'm')
n, i = byname.Mutex('n'), format.made(c, 'mutex', 'n')
m.acquire(); c.byname_mutex_lock(h, 0, None); c.byname_mutex_lock(i, 0, None); n.acquire()
say('holds'); sys.stdin.read()
"""


def test_death_of_a_process_with_both_copies():
    """It has two places in the namespace, and its death is told once."""
    mutexes = [byname.Mutex("m"), byname.Mutex("n")]
    with tools.Child(BOTH, HERE, HERE.parent / "python") as child:
        child.expect("holds")
        waiting = [tools.Thread(lambda m=m: (m.acquire(), m.abandoned, m.release())) for m in mutexes]
        tools.until_waiting(2)
        child.kill()
        assert [thread.result()[1] for thread in waiting] == [True, True]
    for mutex in mutexes:
        with mutex:
            assert not mutex.abandoned


if __name__ == "__main__" and os.environ.get("BLESS"):
    bless()
