"""Resource limits and rights that change under a process: a clear error or no difference, never a crash, and nothing half-made.

A full, read-only or missing directory is in core/tests/scarce.rs, full tables in core/tests/limits.rs.
"""

import asyncio
import ctypes
import os
import resource
import signal
import time

import byname
import common
import tools

NOBODY = 65534
ATTACHED_BYTES = 1_479_540_736  # of address space (docs/arena-format.md)


def lowered(limit, value):
    """Lowers the soft limit; gives what puts it back."""
    before = resource.getrlimit(limit)
    resource.setrlimit(limit, (value, before[1]))
    return lambda: resource.setrlimit(limit, before)


def raised(call):
    """The error of byname that a call raises."""
    try:
        call()
    except byname.Error as error:
        return error
    raise AssertionError("no error")


def names(count, word):
    """So many events: tables of the namespace grow for them."""
    return [byname.Event(f"{word} {i}") for i in range(count)]


def use_everything():
    """A call of every kind that needs its process's keeper, its tables, or a wake from another thread."""
    mutex, event, units = byname.Mutex(), byname.Event(), byname.Semaphore(initial=0)
    with mutex:
        assert tools.in_thread(mutex.acquire, True, 0.01) is False
    waiter = tools.Thread(lambda: byname.wait_any([event, units]))
    tools.until_waiting(1)
    units.release()
    assert waiter.result().index == 1

    async def main():
        waiting = asyncio.ensure_future(event.wait_async())
        while not tools.waiters():
            await asyncio.sleep(0)
        event.set()
        assert await waiting
        assert not await event.wait_async(timeout=0.01), "the keeper ends it"

    asyncio.run(main())


def told_of_a_death(name):
    """A process that owns the mutex is killed; a blocked waiter of this one is told."""
    mutex = byname.Mutex(name)
    with tools.Child("m = byname.Mutex(sys.argv[1]); m.acquire(); say('held'); sys.stdin.read()", name) as child:
        child.expect("held")

        def wait():
            with mutex:
                return mutex.abandoned

        waiter = tools.Thread(wait)
        tools.until_waiting(1)
        child.kill()
        assert waiter.result() is True


def need_root():
    if os.geteuid():
        raise common.Skip("only root may become somebody else")


# --- who we are


BECOME = """
import asyncio, glob
m, e, s = byname.Mutex('m'), byname.Event('e'), byname.Semaphore('s', 0, robust=True)
m.acquire()
os.setgid(65534); os.setuid(65534)
ids = {line for path in glob.glob('/proc/self/task/*/status') for line in open(path) if line.startswith('Uid:')}
assert ids == {'Uid:\\t65534\\t65534\\t65534\\t65534\\n'}, ids  # the keeper, too
m.release()
say('became')
assert sys.stdin.readline() == 'wait\\n'
tell_when_blocked()
assert byname.wait_any([e, s]).index == 1   # woken by root
say('woken')
async def told():
    with await m.acquire_async() as grant:  # told by our keeper
        return grant.abandoned
assert asyncio.run(told()) is True
made = [byname.Event(f'made later {i}') for i in range(1000)]  # the tables grow
own = byname.Event('own', namespace=byname.Namespace(byname.Namespace().session + '.own'))
assert f'.{os.geteuid()}.' in byname.Namespace(byname.Namespace().session + '.own').path
own.set(); assert own.wait(0)
m.acquire()
say('last'); sys.stdin.read()
"""


def test_setuid_after_attach():
    """What is attached stays attached, in both directions; a session attached later is the new user's."""
    need_root()
    m, s = byname.Mutex("m"), byname.Semaphore("s", 0, robust=True)
    with tools.Child(BECOME) as child:
        child.expect("became")
        with m:
            assert not m.abandoned
        child.tell("wait")
        child.expect("blocked")
        holder = tools.Child("m = byname.Mutex('m'); m.acquire(); say('held'); sys.stdin.read()")
        with holder:
            holder.expect("held")
            s.release()
            child.expect("woken")
            holder.kill()
        child.expect("last")
        child.kill()
        assert m.acquire() and m.abandoned, "root's keeper buries the process of another user"
        m.release()
        with s.acquire(timeout=60) as unit:
            assert unit.abandoned and s.state.available == 0, "its unit came back"
    leftover = [entry for entry in os.listdir(tools.directory()) if f".{NOBODY}." in entry]
    for entry in leftover:  # of a process that was killed: as `byname gc` would
        os.unlink(os.path.join(tools.directory(), entry))


def test_closefrom_and_setuid_after_attach():
    """What daemons do. The descriptor is gone and the right to open the file again, too; what is mapped goes on."""
    need_root()
    m = byname.Mutex("m")
    with tools.Child("""
        m, e = byname.Mutex('m'), byname.Event('e')
        os.closerange(3, 4096)
        os.setgid(65534); os.setuid(65534)
        m.acquire()
        say('alone')
        sys.stdin.readline()
        m.release(); assert not e.wait(0.01)
        say('well'); sys.stdin.read()
    """) as child:
        child.expect("alone")
        tools.Child("import time; byname.Event('e'); time.sleep(2.5)").run()  # two belts of a keeper: they look at the file
        child.tell("go on")
        child.expect("well")
        assert m.acquire(timeout=60)
        m.release()


# --- descriptors


def test_closefrom_after_attach():
    """Descriptors that the program closed are opened again when they are needed; somebody else's with the same number are let be."""
    byname.Event("first")
    os.closerange(3, 4096)
    path = os.path.join(tools.directory(), f"{byname.Namespace().session}.mine")
    mine = [os.open(path, os.O_RDWR | os.O_CREAT, 0o600)]
    os.unlink(path)
    mine += [os.dup(mine[0]) for _ in range(600)] if resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 700 else []
    events = names(2000, "after")
    assert all(event.created for event in events)
    use_everything()
    told_of_a_death("m")
    assert all(os.fstat(fd).st_size == 0 for fd in mine), "nobody wrote into ours, or closed them"


def test_no_descriptor_before_attach():
    """For every count of descriptors that are left: a clear error with nothing left open, or success; and success later."""
    for value, said in tools.limited("nofile", 0, 6, 1):
        assert said.status in (0, -18), said
        if said.status:
            assert said.win32 in (4, 1450) and said.errno == 24 and "RLIMIT_NOFILE" in said.message, said
            assert (said.left, said.files) == (0, 0), said
        assert said.again == 0, said


def test_no_descriptor_after_attach():
    """Nothing but a pollable handle needs one; and that the program closed ours meanwhile is no loss of the namespace."""
    for value, said in tools.limited("nofile", 0, 3, 1, "attached"):
        assert (said.status, said.again) == (0 if value else -18, 0), said
    event = byname.Event("first")
    os.closerange(3, 4096)
    lift = lowered(resource.RLIMIT_NOFILE, 3)
    error = raised(lambda: names(100_000, "more"))
    assert isinstance(error, byname.LimitReachedError) and error.errno == 24, repr(error)
    error = raised(event.fileno)
    assert isinstance(error, byname.LimitReachedError) and "RLIMIT_NOFILE" in str(error), repr(error)
    time.sleep(2.5)  # two belts of the keeper, which looks at the file
    event.set()
    assert event.wait(0)
    lift()
    use_everything()
    assert len(names(1000, "again")) == 1000


# --- memory and files


def test_address_space():
    """Every limit from nothing to enough: a clear error until it is enough, never a crash; it works once it is lifted."""
    mib = 1 << 20
    sweep = [
        *tools.limited("as", 0, 3 * mib, 4096),  # where the first thread is made
        *tools.limited("as", ATTACHED_BYTES - mib, ATTACHED_BYTES + 2 * mib, mib // 4),
        *tools.limited("as", ATTACHED_BYTES + 64 * mib, ATTACHED_BYTES + 80 * mib, mib),
    ]
    assert {said.status for _, said in sweep} >= {0, -17}, "both sides of the limit"
    for _value, said in sweep:
        assert said.status in (0, -17, -18), said
        if said.status:
            assert "RLIMIT_AS" in said.message and said.left == 0, said
            assert said.files == 0, f"a file is left behind: {said}"
            assert said.taken < ATTACHED_BYTES // 2, f"addresses are left taken: {said}"  # the C library keeps some of a thread's
        assert said.again == 0, said
    for _value, said in tools.limited("as", 0, 64 * 1024, 16 * 1024, "attached"):
        assert (said.status, said.again) == (0, 0), "what is attached needs no more addresses"


def test_file_size():
    """Too low to make the file: an error and not SIGXFSZ, which kills. Once it is there nothing makes it longer."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    for value in (0, 4096, ATTACHED_BYTES - 1):
        lift = lowered(resource.RLIMIT_FSIZE, value)
        error = raised(lambda: byname.Event("e"))
        lift()
        assert isinstance(error, byname.LimitReachedError) and "RLIMIT_FSIZE" in str(error), repr(error)
        assert not tools.litter(), "nothing half-made"
    event = byname.Event("e")
    lift = lowered(resource.RLIMIT_FSIZE, 0)
    assert len(names(3000, "event")) == 3000
    use_everything()
    with tools.Child("assert byname.Event('e').created is False; say('joined')") as child:
        child.expect("joined")
    lift()
    event.close()


def test_mlockall():
    """Memory that is locked before and after attaching: the addresses kept free stay free of memory, in the process and in the file."""
    libc = ctypes.CDLL(None, use_errno=True)
    current, future = 1, 2
    if libc.mlockall(current | future):
        raise common.Skip(f"mlockall: {os.strerror(ctypes.get_errno())}")
    events = names(1000, "event")
    assert libc.mlockall(current | future) == 0, "after attaching, too"
    use_everything()
    told_of_a_death("m")
    with open("/proc/self/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    assert resident < 400_000, f"{resident} KiB: of {ATTACHED_BYTES >> 10} KiB, most is empty"
    assert os.stat(byname.Namespace().path).st_blocks * 512 < 64 << 20
    del events


def test_mlockall_beyond_the_limit():
    """A user who may not lock so much: an error that says what is missing, and success once the lock is taken back."""
    need_root()
    libc = ctypes.CDLL(None, use_errno=True)
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    most = 512 << 20 if hard == resource.RLIM_INFINITY else min(hard, 512 << 20)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, hard))
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    if libc.mlockall(2):
        raise common.Skip(f"mlockall: {os.strerror(ctypes.get_errno())}")
    error = raised(lambda: byname.Event("e"))
    assert isinstance(error, byname.NoSpaceError) and error.errno == 11, repr(error)
    libc.munlockall()
    use_everything()


# --- threads


def without_threads(limit, lift):
    """A second session under a limit that leaves no thread: the error, what stays of the attempts, and success later."""
    byname.Event("first")  # the library has seen that robust futexes work
    other = byname.Namespace().session + ".second"
    attempt = lambda: byname.Event("e", namespace=byname.Namespace(other))  # noqa: E731
    limit()
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(70):  # more often than there are namespaces to a process
        error = raised(attempt)
        assert isinstance(error, byname.LimitReachedError), repr(error)
        assert "RLIMIT_NPROC" in str(error) and "pids.max" in str(error), error
    assert set(os.listdir("/proc/self/fd")) == before, "no descriptor is left of an attempt"
    assert not [entry for entry in tools.litter() if entry.endswith(".second")], "nor a file"
    lift()
    made = attempt()
    made.set()
    assert made.wait(0)
    use_everything()

    # The guard against SIGBUS has a place for each namespace of a process: the attempts have used none up.
    path = byname.Namespace(other).path
    os.truncate(path, 0)

    def is_told():
        try:
            made.set()
        except byname.NamespaceLostError:
            return True
        except byname.CorruptedError:
            pass
        return False

    tools.until(is_told, "a truncated file is not told")
    os.unlink(path)


def first_attach_without_threads(limit, lift):
    """The same for the first session: the library's look at robust futexes wants a thread, too."""
    limit()
    for _ in range(3):
        error = raised(lambda: byname.Event("e"))
        assert isinstance(error, byname.LimitReachedError), repr(error)
    assert not tools.litter()
    lift()
    use_everything()


def user_without_threads():
    """As a user of its own, since the limit counts all threads of a user; gives the two steps."""
    need_root()
    uid = 1_000_000_000 + os.getpid()
    os.setgid(NOBODY)
    os.setuid(uid)
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, hard)), lambda: resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))


def test_no_thread_for_a_user():
    without_threads(*user_without_threads())


def test_no_thread_for_a_user_at_first():
    first_attach_without_threads(*user_without_threads())


class Pids:
    """A control group that allows so many threads."""

    def __init__(self):
        for base, procs in (("/sys/fs/cgroup/pids", "tasks"), ("/sys/fs/cgroup", "cgroup.procs")):
            self.path = f"{base}/byname-{os.getpid()}"
            try:
                os.mkdir(self.path)
                self.write("pids.max", "max")
                self.write(procs, os.getpid())
                self.out = f"{base}/{procs}"
                return
            except OSError as error:
                why = error
                if os.path.isdir(self.path):
                    os.rmdir(self.path)
        raise common.Skip(f"no control group with pids.max: {why}")

    def write(self, file, what):
        with open(f"{self.path}/{file}", "w") as out:
            out.write(str(what))

    def limit(self):
        with open(f"{self.path}/pids.current") as current:
            self.write("pids.max", current.read())

    def lift(self):
        self.write("pids.max", "max")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lift()
        for task in os.listdir("/proc/self/task"):
            with open(self.out, "w") as out:
                out.write(task)
        os.rmdir(self.path)


def test_no_thread_in_a_control_group():
    with Pids() as group:
        without_threads(group.limit, group.lift)


# --- the kernel's calls


def test_without_futex_waitv():
    """A sandbox that says ENOSYS to futex_waitv: a bounded look again stands in for it (docs/protocol.md)."""
    for errno in ("ENOSYS", "EPERM"):
        tools.run_c("no_waitv", errno)
