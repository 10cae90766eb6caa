from collections.abc import Coroutine, Iterable
from datetime import datetime
from enum import IntFlag
from os import PathLike
from subprocess import Popen
from typing import Any, Literal, NoReturn, Protocol, SupportsFloat, SupportsIndex, final, overload

from typing_extensions import Buffer, Self, TypeAlias, disjoint_base

__all__ = [
    "Event",
    "Process",
    "Grant",
    "Handle",
    "Job",
    "Change",
    "Mapping",
    "Incoming",
    "Outgoing",
    "Mutex",
    "Namespace",
    "Queue",
    "QueueInfo",
    "Semaphore",
    "View",
    "EventState",
    "JobAccounting",
    "JobLimits",
    "JobNotification",
    "JobNotifications",
    "MappingState",
    "MutexState",
    "SemaphoreState",
    "TimerState",
    "WatchdogState",
    "Timer",
    "Watchdog",
    "WaitResult",
    "leave_sigbus_alone",
    "signal_and_wait",
    "signal_and_wait_async",
    "wait_all",
    "wait_all_async",
    "wait_any",
    "wait_any_async",
    "Error",
    "NotFoundError",
    "PathNotFoundError",
    "AlreadyExistsError",
    "AccessDeniedError",
    "WrongKindError",
    "InvalidNameError",
    "NameTooLongError",
    "InvalidArgumentError",
    "MisalignedError",
    "TooManyPostsError",
    "ClosedError",
    "NotOwnerError",
    "WouldDeadlockError",
    "DisconnectedError",
    "MessageTooLongError",
    "BufferTooSmallError",
    "NoSpaceError",
    "LimitReachedError",
    "VersionMismatchError",
    "CorruptedError",
    "NamespaceLostError",
    "UnsupportedError",
    "SystemCallError",
    "Access",
    "Protect",
]

__version__: str

# Seconds, rounded up to whole nanoseconds. None and infinity wait for ever, 0 never blocks; a bool is refused. A wait without
# one cannot time out, so its result is never None.
_Timeout: TypeAlias = SupportsFloat | SupportsIndex | None

# How a mapping is used, or a mask of Access.
_Share: TypeAlias = Literal["r", "rw", "copy"] | SupportsIndex

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

class Access(IntFlag):
    """What a handle may do: any sum of these, or of the numbers that Windows has for them. Pass it as `access`.

    QUERY_STATE: looking at the state. MODIFY_STATE: set, reset, pulse, releasing a semaphore by its handle. SYNCHRONIZE:
    waiting and acquiring. MAP_READ, MAP_WRITE, MAP_COPY, MAP_EXECUTE: views of a mapping. ALL: everything, the default. A call that the handle has no right to raises AccessDeniedError (contract 2.5).

    >>> import byname
    >>> made = byname.Event("ready")
    >>> only_wait = byname.Event.open("ready", access=byname.Access.SYNCHRONIZE)
    >>> try:
    ...     only_wait.set()
    ... except byname.AccessDeniedError as error:
    ...     error.win32
    5
    """
    QUERY_STATE = 0x0001
    MODIFY_STATE = 0x0002
    SYNCHRONIZE = 0x0010_0000
    MAP_READ = 0x0004
    MAP_WRITE = 0x0002
    MAP_COPY = 0x0001
    MAP_EXECUTE = 0x0020
    ALL = 0x0200_0000

class Protect(IntFlag):
    """What a mapping's views may do, one of the first six, and with `|` how its memory comes; the numbers of Windows. Pass it as `protect`.

    READONLY, WRITECOPY: read, or copy on write. READWRITE: write, too. EXECUTE_...: the same, and views may be executed. COMMIT, as without it: all of
    the memory is there at once. RESERVE: it comes when a page is touched; if there is none left then, the process gets SIGBUS. NOCACHE, WRITECOMBINE, with one of these: no
    effect. FILE, IMAGE, LARGE_PAGES are refused, as are other combinations: InvalidArgumentError (87; IMAGE 193), AccessDeniedError (1314) for COMMIT | LARGE_PAGES (contract 7.1).

    >>> import byname
    >>> lazy = byname.Mapping(size=1 << 30, protect=byname.Protect.READWRITE | byname.Protect.RESERVE)
    >>> byname.Protect(lazy.state.protect) & byname.Protect.RESERVE == byname.Protect.RESERVE
    True
    >>> try:
    ...     byname.Mapping(size=4096, protect=byname.Protect.READWRITE | byname.Protect.NOCACHE)
    ... except byname.InvalidArgumentError as error:
    ...     error.win32
    87
    """
    READONLY = 0x02
    READWRITE = 0x04
    WRITECOPY = 0x08
    EXECUTE_READ = 0x20
    EXECUTE_READWRITE = 0x40
    EXECUTE_WRITECOPY = 0x80
    FILE = 0x0080_0000
    IMAGE = 0x0100_0000
    RESERVE = 0x0400_0000
    COMMIT = 0x0800_0000
    NOCACHE = 0x1000_0000
    WRITECOMBINE = 0x4000_0000
    LARGE_PAGES = 0x8000_0000

@disjoint_base
class Handle:
    """A handle to an object: what the kinds of objects have in common.

    A handle keeps the object alive, and with it the name: both are gone when the last handle in any process is closed.
    Handles work in forked children, and pickle by kind, namespace and name, those without a name by a token of `share`;
    whoever unpickles one opens the object.

    >>> import byname
    >>> with byname.Event("ready") as event:
    ...     event.name, event.created
    ('ready', True)
    """
    @property
    def name(self) -> str | None:
        """The name as it was passed to create or open; None if the object has none."""
    @property
    def created(self) -> bool:
        """Whether this handle made the object; False if it existed before."""
    @property
    def protected(self) -> bool:
        """Whether the handle is protected from being closed: close() and the end of a `with` that closes then raise
        AccessDeniedError, and a handle that is garbage collected stays open until the process ends. Can be set; it is
        the handle's alone.

        >>> import byname
        >>> event = byname.Event("ready")
        >>> event.protected = True
        >>> event.close()
        Traceback (most recent call last):
            ...
        byname.AccessDeniedError: the handle is protected from being closed; take the protection off first
        >>> event.protected = False
        >>> event.close()
        """
    @protected.setter
    def protected(self, protected: bool, /) -> None: ...
    @property
    def inheritable(self) -> bool:
        """Whether children that byname starts get the handle. Can be set; only kept so far, since this version starts no
        children, and a forked child has every handle anyway.
        """
    @inheritable.setter
    def inheritable(self, inheritable: bool, /) -> None: ...
    def close(self) -> None:
        """Closes the handle; every later use raises ClosedError, closing again does nothing.

        A mutex that is still held stays held until its thread ends, and then counts as abandoned. A grant can be
        released after the handle is closed. A handle that is garbage collected is closed, too.

        Raises AccessDeniedError for a `protected` handle, which stays open. Contract 2.1, 3.4 (A14).

        >>> import byname
        >>> event = byname.Event()
        >>> event.close()
        >>> try:
        ...     event.set()
        ... except byname.ClosedError as error:
        ...     print(error)
        the handle is closed; open the object again
        """
    def share(self) -> str:
        """A token by which another process of this user opens the object, named or not, with `from_share`: text, to be passed in
        whatever way. The object must be open until then. Pickling an object without a name does the same. Contract 2.3, DH12.

        >>> import byname
        >>> with byname.Event() as event, byname.Event.from_share(event.share()) as same:
        ...     event.set()
        ...     same.wait(0), same.created
        (True, False)
        """
    @classmethod
    def from_share(cls, token: str, *, access: SupportsIndex = ..., mode: str = "rw") -> Self:
        """Opens the object of a token that `share` gave, here or in another process: on a class an object of its kind, on `Handle` one
        of any kind; `mode` says which ends of a queue. Raises NotFoundError if the object has ended, or this process has another user or
        BYNAME_DIR.

        >>> import byname
        >>> with byname.Timer() as timer, byname.Handle.from_share(timer.share()) as same:
        ...     same
        <byname.Timer unnamed>
        """
    def fileno(self) -> int:
        """A file descriptor that is readable while a wait with time-out zero may succeed: for selectors, select.epoll and
        loop.add_reader.

        Nothing is consumed by its being readable, and it may be so where somebody else was faster: when it is, call
        wait(0) or acquire(blocking=False). It stays readable until such a call of this process finds the object not
        signalled. An event's pulse does not make it readable. Never read from it.

        It is made at the first call, belongs to the handle and is closed with it; a forked child makes its own.

        >>> import byname, selectors
        >>> event = byname.Event()
        >>> loop = selectors.DefaultSelector()
        >>> key = loop.register(event, selectors.EVENT_READ)
        >>> event.set()
        >>> [key.fileobj is event for key, _ in loop.select()], event.wait(0)
        ([True], True)
        >>> loop.close(); event.close()
        """
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Job(Handle):
    """A set of processes that share limits, an account and an end.

    A member is one for life, and so are all its later children, whatever they do: a daemon's double fork does not lead out.
    With `kill_on_close=True` all of them are killed when the last process that has the job open closes it or dies, by
    SIGKILL included. A job is signalled by `terminate`, and by nothing else: not by becoming empty (contract JL2).
    `Job(name, …)` makes it, or opens it if it exists: `created` tells. `with` closes the handle at the end.

    >>> import byname, sys
    >>> with byname.Job(kill_on_close=True) as job:
    ...     child = job.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    ...     job.pids == [child.pid]
    ...     job.terminate(1)
    ...     job.wait(), child.wait()
    True
    (True, -9)
    """
    def __new__(
        cls,
        name: str | None = None,
        kill_on_close: bool = False,
        *,
        namespace: Namespace | None = None,
        access: SupportsIndex = ...,
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Job:
        """Opens an existing job; raises NotFoundError if there is none of that name (contract 8.1).

        >>> import byname
        >>> with byname.Job("build") as made, byname.Job.open("build") as found:
        ...     found.created
        False
        """
    def assign(self, pid: SupportsIndex) -> None:
        """Puts the process `pid`, of the caller's PID namespace, into the job. Children that it has already stay where they are
        (contract 8.2).

        Raises InvalidArgumentError where there is no such process; AccessDeniedError if it has ended, is in the job already,
        or in another one that this one is not inside of; LimitReachedError (1816), and it is killed, where the job is full.

        >>> import byname, subprocess
        >>> child = subprocess.Popen(["sleep", "1000"])
        >>> with byname.Job(kill_on_close=True) as job:
        ...     job.assign(child.pid)
        ...     job.pids == [child.pid]
        True
        >>> child.wait()  # the last handle was closed
        -9
        """
    def Popen(self, *args: Any, **options: Any) -> Popen[Any]:
        """A `subprocess.Popen` whose process is in the job before its program begins. It takes what that takes; a `preexec_fn` of
        the caller's runs after it has entered.

        Raises LimitReachedError (1816) where the job is full, and what `subprocess.Popen` raises.

        >>> import byname
        >>> with byname.Job() as job, job.Popen(["true"]) as child:
        ...     child.wait(), job.accounting.total_processes
        (0, 1)
        """
    def terminate(self, code: SupportsIndex) -> None:
        """Kills all its processes at once, and those of jobs inside it, by SIGKILL; the job is signalled from then on (contract
        8.1, JL3, JL11).

        `Process.exit_code` tells `code` for all of them as long as the job is open; a parent sees the signal.

        >>> import byname
        >>> job = byname.Job()
        >>> job.terminate(0)  # nobody is in it
        >>> job.wait(0)
        True
        """
    @property
    def pids(self) -> list[int]:
        """The living processes in it, and in jobs inside it, as the caller's PID namespace numbers them."""
    def contains(self, pid: SupportsIndex) -> bool:
        """Whether the process `pid` is in it, or in a job inside it. Raises InvalidArgumentError where there is no such process.

        >>> import byname, os
        >>> byname.Job().contains(os.getpid())
        False
        """
    @property
    def limits(self) -> JobLimits:
        """What it limits, as a JobLimits (contract 8.4)."""
    def limit(
        self, *, active_processes: SupportsIndex | None = None, memory: SupportsIndex | None = None, kill_on_close: bool = False
    ) -> None:
        """Sets all its limits: what is left out is lifted (contract 8.4).

        `active_processes`: the most processes at a time; `memory`: the most bytes that they have together; `kill_on_close`: as
        in the constructor. Raises InvalidArgumentError for a limit out of range, UnsupportedError where the system has no
        controller that could hold it; then nothing is changed.

        >>> import byname
        >>> job = byname.Job()
        >>> job.limit(kill_on_close=True)
        >>> job.limits
        JobLimits(active_processes=None, memory=None, kill_on_close=True)
        """
    @property
    def accounting(self) -> JobAccounting:
        """What it has come to, as a JobAccounting: processes, time, memory (contract 8.5)."""
    def notifications(self) -> JobNotifications:
        """Begins to tell this process what happens in it, as JobNotifications: first who is in it, then who comes, who goes, and that
        nobody is left (contract 8.7).

        Who is put in by this process is told in any case; who is put in by another one, or forked by a member, if it lives long enough to be
        seen: up to a twentieth of a second. Raises InvalidArgumentError where this process has them already, LimitReachedError
        where no descriptor or watch is left to be told by.

        >>> import byname
        >>> with byname.Job() as job, job.notifications() as told, job.Popen(["true"]) as child:
        ...     first = told.get()
        ...     first.message, first.pid == child.pid
        ('new', True)
        """
    @property
    def backend(self) -> str:
        """What keeps its processes together: "cgroup2", or "processes" where there is no control group of version 2: marks, and a walk over them."""
    def wait(self, timeout: _Timeout = None) -> bool:
        """Waits until it has been terminated: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.

        >>> import byname
        >>> byname.Job().wait(timeout=0.01)
        False
        """
    def wait_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, bool]:
        """Waits without blocking the thread: True, or False when `timeout` seconds are up.

        >>> import asyncio, byname
        >>> asyncio.run(byname.Job().wait_async(timeout=0.01))
        False
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class JobLimits:
    """What a job limits; None and False are no limit.

    >>> import byname
    >>> byname.Job(kill_on_close=True).limits
    JobLimits(active_processes=None, memory=None, kill_on_close=True)
    """
    @property
    def active_processes(self) -> int | None:
        """The most processes that may be in it at a time."""
    @property
    def memory(self) -> int | None:
        """The most bytes of memory that its processes may have together."""
    @property
    def kill_on_close(self) -> bool:
        """Whether its processes are killed when the last handle to it is closed, in whatever way."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class JobAccounting:
    """What a job has come to.

    >>> import byname
    >>> byname.Job().accounting.active_processes
    0
    """
    @property
    def active_processes(self) -> int:
        """The processes that are in it now."""
    @property
    def total_processes(self) -> int:
        """Those that byname ever put into it; those that its members forked are not among them."""
    @property
    def terminated_processes(self) -> int:
        """Those that were killed because they would have exceeded the limit."""
    @property
    def user_time(self) -> float:
        """What all of them, the dead included, have spent in programs, in seconds; with the backend "processes" those that live, and whom they have waited for."""
    @property
    def system_time(self) -> float:
        """What all of them have spent in the kernel, in seconds."""
    @property
    def memory_peak(self) -> int | None:
        """The most bytes of memory that they had together, or None where the system does not count it."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class JobNotification:
    """One notification of a job.

    >>> import byname
    >>> with byname.Job() as job, job.notifications() as told, job.Popen(["true"]) as child:
    ...     told.get() == told.get(), child.wait()  # that it came, and that it went
    (False, 0)
    """
    @property
    def message(self) -> Literal["new", "exit", "abnormal-exit", "zero", "process-limit", "memory-limit"]:
        """What happened: "new", "exit", "abnormal-exit" (by SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or SIGABRT), "zero"
        (no process is left), "process-limit" or "memory-limit".
        """
    @property
    def id(self) -> int:
        """The same as the number that it has on Windows: 6, 7, 8, 4, 3, 10."""
    @property
    def pid(self) -> int:
        """To which process; 0 for what is told of the job."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class JobNotifications(Handle):
    """The notifications of a job, in order; `Job.notifications()` begins them.

    As an object of a wait it is signalled while there is one; a wait takes none. They are this process's own: others that want them ask for themselves. Closing
    it ends them; it does not keep the job open. In a forked child it is closed. `with` closes it, and a `for` loop takes one after the
    other until somebody does.

    >>> import byname
    >>> with byname.Job() as job, job.notifications() as told, job.Popen(["true"]) as child:
    ...     child.wait()
    ...     for one in told:
    ...         print(one.message, one.pid == child.pid)
    ...         if one.message == "zero":
    ...             break
    0
    new True
    exit True
    zero False
    """
    def get(self, timeout: _Timeout = None) -> JobNotification | None:
        """The next one, as a JobNotification, or None when `timeout` seconds are up. Zero only looks, None waits for ever.

        >>> import byname
        >>> byname.Job().notifications().get(timeout=0)  # nobody is in it
        """
    def get_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, JobNotification | None]:
        """The next one without blocking the thread; as `get`. A cancelled one takes none.

        >>> import asyncio, byname
        >>> asyncio.run(byname.Job().notifications().get_async(timeout=0.01))
        """
    def __iter__(self) -> Self: ...
    def __next__(self) -> JobNotification: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Mutex(Handle):
    """A mutex that processes share by name. The thread that acquires it owns it, and may acquire it again.

    `Mutex(name)` makes it, or opens it if it exists: `created` tells. Without a name it is private to this process and
    its forked children. `initially_owned` acquires it at once if it is new. `with m:` acquires, gives `m` and releases.

    When the owner dies, the next one gets the mutex with `abandoned` set and repairs what the dead one left half done. If nobody
    else had it open, though, the mutex died with its owner: the next one makes a new one, whose first `fence` is 1
    (contract 3.4, A1 to A17).

    >>> import byname
    >>> m = byname.Mutex("ledger")
    >>> with m:
    ...     if m.abandoned:
    ...         print("the previous owner died: repair the ledger first")
    ...     m.fence
    1

    In asyncio every acquisition owns by itself, so that the tasks of one thread exclude each other:

    >>> import asyncio
    >>> async def work():
    ...     async with m as grant:
    ...         return grant.fence
    >>> asyncio.run(work())
    2

    Raises InvalidNameError, NameTooLongError, PathNotFoundError for names that break the grammar, WrongKindError where
    the name belongs to an object of another kind.
    """
    def __new__(
        cls, name: str | None = None, initially_owned: bool = False, *, namespace: Namespace | None = None, access: SupportsIndex = ...
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Mutex:
        """Opens an existing mutex; raises NotFoundError if there is none of that name (contract 1.2, 3.2).

        >>> import byname
        >>> try:
        ...     byname.Mutex.open("ledger of nobody")
        ... except byname.NotFoundError as error:
        ...     print(error)
        no object named "ledger of nobody" is open; create it, or start the process that does
        """
    def acquire(self, blocking: bool = True, timeout: _Timeout = None) -> bool:
        """Acquires the mutex for the calling thread; True, or False when the time is up.

        Waits for ever by default, `timeout` seconds at most, and not at all if not `blocking`. The owner may acquire
        it again, and releases it as often. Like the locks of threading and multiprocessing, it takes no negative
        time, though: leave `timeout` out to wait for ever.

        Raises InvalidArgumentError for a time that is negative or NaN, WouldDeadlockError where it would wait for a
        grant of the event loop that runs in this very thread. Contract 3.2, 3.3.

        >>> import byname
        >>> m = byname.Mutex("ledger")
        >>> m.acquire(timeout=1.5)
        True
        >>> m.release()
        """
    def release(self) -> None:
        """Releases one acquisition of the calling thread. Raises NotOwnerError if it holds none. Contract 3.2.

        >>> import byname
        >>> m = byname.Mutex()
        >>> m.acquire(), m.acquire()
        (True, True)
        >>> m.release(), m.state.depth
        (None, 1)
        >>> m.release()
        """
    @overload
    def acquire_async(self, timeout: None = None) -> Coroutine[Any, Any, Grant]:
        """Acquires it for a grant of its own, without blocking the thread: a Grant, or None when `timeout` seconds are up.

        A cancelled wait consumes nothing. Waits for ever by default; zero only tries.

        >>> import asyncio, byname
        >>> async def work():
        ...     grant = await byname.Mutex("ledger").acquire_async(timeout=1.0)
        ...     if grant is None:
        ...         return "busy"
        ...     with grant:
        ...         return "done"
        >>> asyncio.run(work())
        'done'
        """
    @overload
    def acquire_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, Grant | None]: ...
    @property
    def abandoned(self) -> bool:
        """Whether the previous owner died holding what the calling thread now holds. Raises NotOwnerError if it holds
        nothing.
        """
    @property
    def fence(self) -> int:
        """The number of the calling thread's acquisition; it grows with every acquisition of the mutex, from 1 on, across
        processes and deaths, as long as anybody has the mutex open. Raises NotOwnerError if the thread holds nothing.
        """
    @property
    def owner(self) -> tuple[int, int] | None:
        """Who owns it now, as (pid, tid), or None. For people to look at: it may have changed already."""
    @property
    def state(self) -> MutexState:
        """All of its state at one instant, as a MutexState. Looking takes nothing and waits for nobody."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Grant]: ...
    def __aexit__(self, *_exception: object) -> Coroutine[Any, Any, None]: ...

@final
class Event(Handle):
    """An event that processes share by name: set or not, and waits for its being set.

    With `manual_reset=True`, `set()` lets everybody pass until `reset()`; otherwise each `set()` lets one wait pass, which
    resets it. `initial` is its state when new. `Event(name, …)` makes it, or opens it if it exists: `created` tells.
    `with` closes the handle at the end.

    >>> import byname
    >>> start = byname.Event("start", manual_reset=True)
    >>> start.wait(timeout=0.01)
    False
    >>> start.set()
    >>> start.wait(), start.is_set()
    (True, True)
    """
    def __new__(
        cls,
        name: str | None = None,
        manual_reset: bool = False,
        initial: bool = False,
        *,
        namespace: Namespace | None = None,
        access: SupportsIndex = ...,
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Event:
        """Opens an existing event; raises NotFoundError if there is none of that name (contract 1.2, 4).

        >>> import byname
        >>> with byname.Event("start", manual_reset=True) as made, byname.Event.open("start") as found:
        ...     made.set()
        ...     found.created, found.is_set()
        (False, True)
        """
    def set(self) -> None:
        """Sets it: every wait passes, or one wait if it resets itself (contract 4, E1, E2).

        >>> import byname
        >>> turn = byname.Event()
        >>> turn.set(), turn.set()
        (None, None)
        >>> turn.wait(0), turn.wait(0)
        (True, False)
        """
    def reset(self) -> None:
        """Resets it: later waits block. Whom an earlier `set` let pass, passes (contract 4, E8).

        >>> import byname
        >>> gate = byname.Event(manual_reset=True, initial=True)
        >>> gate.reset()
        >>> gate.wait(0)
        False
        """
    def pulse(self) -> None:
        """Lets those pass who wait now (one of them if it resets itself), and leaves it not set (contract 4, E3 to E5).

        >>> import byname
        >>> gate = byname.Event(manual_reset=True, initial=True)
        >>> gate.pulse()
        >>> gate.is_set()
        False
        """
    def is_set(self) -> bool:
        """Whether it is set now. Looking takes nothing.

        >>> import byname
        >>> byname.Event(initial=True).is_set()
        True
        """
    @property
    def state(self) -> EventState:
        """All of its state at one instant, as an EventState. Looking takes nothing and waits for nobody."""
    def wait(self, timeout: _Timeout = None) -> bool:
        """Waits until it is set: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.

        Raises InvalidArgumentError for a time that is negative or NaN. Contract 4, 10.6.

        >>> import byname
        >>> byname.Event(initial=True).wait(), byname.Event().wait(timeout=0.01)
        (True, False)
        """
    def wait_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, bool]:
        """Waits without blocking the thread: True, or False when `timeout` seconds are up. A cancelled wait consumes
        nothing.

        >>> import asyncio, byname
        >>> ready = byname.Event("ready", initial=True)
        >>> asyncio.run(asyncio.wait_for(ready.wait_async(), timeout=5))
        True
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Process(Handle):
    """Another process, of which nothing is known but that it ends some day. `Process.open(pid)` makes one.

    It is signalled when the process has ended, all its threads included, and stays so: "this event, or that process is
    gone" is one `wait_any`. It need not use byname, be a child, or belong to the same user. What is opened is the
    process and not its number, so that a later process of that number is never taken for it.

    >>> import byname, subprocess, sys
    >>> child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    >>> with byname.Process.open(child.pid) as process:
    ...     byname.wait_any([byname.Event(), process]).index
    ...     process.exit_code
    1
    3
    >>> child.wait()  # whose child it is has to reap it, as ever
    3
    """
    @staticmethod
    def open(pid: SupportsIndex, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Process:
        """Opens the process `pid` of the caller's own PID namespace.

        One that has ended and was not reaped yet (a zombie) is signalled from the beginning. `access` is a Windows mask:
        SYNCHRONIZE to wait, 0x0400 for the exit code, 0x0001 to terminate. Raises InvalidArgumentError (87) where no process
        has that number, UnsupportedError before Linux 5.3.

        >>> import byname, os
        >>> byname.Process.open(os.getpid()).wait(0)
        False
        """
    @property
    def pid(self) -> int:
        """The number by which it was opened."""
    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs. Nothing is reaped.

        The status that it gave (0 to 255); 128 and the number of the signal that ended it, as a shell says it (`subprocess`
        says minus the number); or the code of `terminate`. Raises UnsupportedError where it was no child of this process, has
        been reaped, and the kernel is older than Linux 6.15.
        """
    def terminate(self, code: SupportsIndex) -> None:
        """Kills it at once, by SIGKILL. `exit_code` of this handle is `code` afterwards; the parent, and everybody else, sees
        the signal.

        Raises AccessDeniedError if it has ended or is another user's.

        >>> import byname, subprocess, sys
        >>> child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        >>> process = byname.Process.open(child.pid)
        >>> process.terminate(1234)
        >>> process.wait(), process.exit_code, child.wait()
        (True, 1234, -9)
        >>> child.stdin.close()
        """
    def wait(self, timeout: _Timeout = None) -> bool:
        """Waits until it has ended: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.

        >>> import byname, os
        >>> byname.Process.open(os.getpid()).wait(timeout=0.01)
        False
        """
    def wait_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, bool]:
        """Waits without blocking the thread: True, or False when `timeout` seconds are up.

        >>> import asyncio, byname, os
        >>> asyncio.run(byname.Process.open(os.getpid()).wait_async(timeout=0.01))
        False
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Semaphore(Handle):
    """A semaphore that processes share by name: it counts free units, from `initial` up to `maximum`.

    `Semaphore(name, …)` makes it, or opens it if it exists, whatever its counts are then: `created` tells. Nobody owns
    a unit: any thread of any process may release. `with s:` takes a unit, gives `s` and puts the unit back.

    With `robust=True`, units whose holder died come back, and the next grant says `abandoned`; of a plain semaphore they
    are lost (contract 5, S4).

    >>> import byname
    >>> s = byname.Semaphore("printers", initial=2, maximum=2)
    >>> with s:
    ...     s.available
    1
    >>> s.available
    2

    Raises InvalidArgumentError unless 0 <= initial <= maximum, 1 <= maximum <= 2147483647.
    """
    def __new__(
        cls,
        name: str | None = None,
        initial: SupportsIndex = 1,
        maximum: SupportsIndex = 2147483647,
        robust: bool = False,
        *,
        namespace: Namespace | None = None,
        access: SupportsIndex = ...,
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Semaphore:
        """Opens an existing semaphore; raises NotFoundError if there is none of that name (contract 1.2, 5).

        >>> import byname
        >>> with byname.Semaphore("printers", initial=2, maximum=2), byname.Semaphore.open("printers") as found:
        ...     found.created, found.available
        (False, 0)
        """
    @overload
    def acquire(self, blocking: Literal[True] = True, timeout: None = None) -> Grant:
        """Takes a unit: a Grant, or None when the time is up.

        Waits for ever by default, `timeout` seconds at most, and not at all if not `blocking`. A unit goes back by
        `grant.release()`, or by `release()` of the semaphore: not by both.

        Raises InvalidArgumentError for a time that is negative or NaN. Contract 5.

        >>> import byname
        >>> s = byname.Semaphore("printers", initial=1, maximum=1)
        >>> grant = s.acquire()
        >>> s.acquire(timeout=0.01) is None
        True
        >>> grant.release()
        """
    @overload
    def acquire(self, blocking: bool = True, timeout: _Timeout = None) -> Grant | None: ...
    def release(self, n: SupportsIndex = 1) -> int:
        """Puts `n` units back and gives the count before.

        Raises TooManyPostsError if that would exceed the maximum, and changes nothing then; InvalidArgumentError unless
        n is 1 or more. Contract 5, S1 to S6.

        >>> import byname
        >>> byname.Semaphore(initial=0, maximum=5).release(3)
        0
        """
    @overload
    def acquire_async(self, timeout: None = None) -> Coroutine[Any, Any, Grant]:
        """Takes a unit without blocking the thread: a Grant, or None when `timeout` seconds are up.

        A cancelled wait consumes nothing. Waits for ever by default; zero only tries.

        >>> import asyncio, byname
        >>> async def work():
        ...     slots = byname.Semaphore(initial=1, maximum=1)
        ...     async with await slots.acquire_async():
        ...         return await slots.acquire_async(timeout=0.01)
        >>> asyncio.run(work()) is None
        True
        """
    @overload
    def acquire_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, Grant | None]: ...
    @property
    def available(self) -> int:
        """How many units are free now. Looking takes none."""
    @property
    def state(self) -> SemaphoreState:
        """All of its state at one instant, as a SemaphoreState. Looking takes nothing and waits for nobody."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Grant]: ...
    def __aexit__(self, *_exception: object) -> Coroutine[Any, Any, None]: ...

@final
class Timer(Handle):
    """A timer that processes share by name: signaled when its time comes.

    With `manual_reset=True` it then lets everybody pass until it is set anew; otherwise it lets one wait pass, which resets it.
    `Timer(name, …)` makes it, not set, or opens it if it exists: `created` tells. It goes on when the process that set it
    ends, as long as anybody has it open. `with` closes the handle at the end.

    >>> import byname
    >>> beat = byname.Timer("beat")
    >>> beat.set(0.002, period=0.005)
    >>> beat.wait(), beat.wait()
    (True, True)
    >>> beat.cancel()
    """
    def __new__(
        cls,
        name: str | None = None,
        manual_reset: bool = False,
        *,
        namespace: Namespace | None = None,
        access: SupportsIndex = ...,
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Timer:
        """Opens an existing timer; raises NotFoundError if there is none of that name (contract 1.2, 6).

        >>> import byname
        >>> with byname.Timer("beat") as made, byname.Timer.open("beat") as found:
        ...     made.set(0)
        ...     found.created, found.wait(0)
        (False, True)
        """
    def set(self, due: SupportsFloat | SupportsIndex | datetime, period: SupportsFloat | SupportsIndex = 0) -> None:
        """Sets it: not signaled until `due`, and again `period` seconds after that, and so on, if `period` is not 0 (contract 6.1).

        `due` is a number of seconds from now, or an aware datetime, which follows the wall clock when that is set; what has passed
        is at once. An earlier setting is over; who waits goes on waiting for the new time. The times are `due` and that plus
        whole periods, however late anybody looks; those that nobody waited for are one. It is never early.

        Raises InvalidArgumentError for a time that is negative, NaN or infinite, a datetime without a time zone, a period of more
        than 2147483.647 seconds.

        >>> import byname
        >>> from datetime import datetime, timedelta, timezone
        >>> timer = byname.Timer(manual_reset=True)
        >>> timer.set(datetime.now(timezone.utc) + timedelta(milliseconds=5))
        >>> timer.wait()
        True
        """
    def cancel(self) -> None:
        """Stops it: its time comes no more. Whether it is signaled stays as it is, and who waits goes on waiting (contract 6.2).

        >>> import byname
        >>> timer = byname.Timer()
        >>> timer.set(60)
        >>> timer.cancel()
        >>> timer.remaining() is None
        True
        """
    def remaining(self) -> float | None:
        """How many seconds are left until its time comes next; None if it does not.

        >>> import byname
        >>> timer = byname.Timer()
        >>> timer.set(60)
        >>> 59 < timer.remaining() <= 60
        True
        """
    @property
    def state(self) -> TimerState:
        """All of its state at one instant, as a TimerState. Looking takes nothing and waits for nobody."""
    def wait(self, timeout: _Timeout = None) -> bool:
        """Waits until it is signaled: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.

        Raises InvalidArgumentError for a time that is negative or NaN. Contract 6, 10.6.

        >>> import byname
        >>> timer = byname.Timer()
        >>> timer.set(0)
        >>> timer.wait(), timer.wait(timeout=0.01)
        (True, False)
        """
    def wait_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, bool]:
        """Waits without blocking the thread: True, or False when `timeout` seconds are up. A cancelled wait consumes
        nothing.

        >>> import asyncio, byname
        >>> timer = byname.Timer()
        >>> timer.set(0.001)
        >>> asyncio.run(timer.wait_async())
        True
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Watchdog(Handle):
    """A watchdog that processes share by name: it acts when it is not refreshed in time.

    Whoever starts it is watched, and must `refresh()` it within each `period` seconds. Else it is signaled, and `grace` seconds later it acts: `"kill"` kills
    (SIGKILL) the process that started it, also one that hangs or is stopped; `"none"` does nothing more. `Watchdog(name, …)` makes it, stopped, or
    opens it if it exists: `created` tells. `with w:` starts it, gives `w`, and stops it. With `systemd=True` each refresh tells systemd, too
    (`WATCHDOG=1` to `NOTIFY_SOCKET`).

    >>> import byname
    >>> with byname.Watchdog("alive", period=5, grace=1, action="kill") as dog:
    ...     for piece in range(3):
    ...         dog.refresh()  # after each piece of work, of less than five seconds
    >>> dog.state.stage
    'stopped'
    """
    def __new__(
        cls,
        name: str | None,
        period: SupportsFloat | SupportsIndex,
        grace: SupportsFloat | SupportsIndex,
        action: Literal["kill", "none"],
        *,
        systemd: bool = False,
        namespace: Namespace | None = None,
        access: SupportsIndex = ...,
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, *, namespace: Namespace | None = None, access: SupportsIndex = ...) -> Watchdog:
        """Opens an existing watchdog; raises NotFoundError if there is none of that name (contract 1.2, 9.8).

        >>> import byname
        >>> made = byname.Watchdog("alive", 5, 1, "none")
        >>> byname.Watchdog.open("alive").state.period
        5.0
        """
    def start(self) -> None:
        """Starts it, or starts it anew: this process is watched (contract 9.8, WD1).

        >>> import byname
        >>> dog = byname.Watchdog(None, 0.005, 0, "none")
        >>> dog.start()
        >>> dog.wait(), dog.state.stage  # nobody refreshed it
        (True, 'expired')
        """
    def refresh(self) -> None:
        """Gives it one period more from now; any process may (WD6). In its grace, or expired, it runs again; stopped, it stays so.

        >>> import byname
        >>> dog = byname.Watchdog(None, 5, 1, "none")
        >>> dog.refresh()
        >>> dog.state.stage
        'stopped'
        """
    def stop(self) -> None:
        """Stops it: it is not signaled, and an action that has not been taken is not (WD10).

        >>> import byname
        >>> dog = byname.Watchdog(None, 0.001, 60, "kill")
        >>> dog.start()
        >>> dog.wait()  # in its grace
        True
        >>> dog.stop()
        >>> dog.wait(0)
        False
        """
    @property
    def state(self) -> WatchdogState:
        """All of its state at one instant, as a WatchdogState. Looking waits for nobody."""
    def wait(self, timeout: _Timeout = None) -> bool:
        """Waits until it is signaled, which the wait does not change: True, or False when `timeout` seconds are up. Contract 9.8, WD9.

        >>> import byname
        >>> byname.Watchdog(None, 5, 1, "none").wait(timeout=0.01)
        False
        """
    def wait_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, bool]:
        """Waits without blocking the thread: True, or False when `timeout` seconds are up.

        >>> import asyncio, byname
        >>> dog = byname.Watchdog(None, 0.001, 0, "none")
        >>> dog.start()
        >>> asyncio.run(dog.wait_async())
        True
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class WatchdogState:
    """Everything that a watchdog is at one instant.

    >>> import byname
    >>> byname.Watchdog(None, 5, 1, "kill").state
    WatchdogState(stage='stopped', pid=None, remaining=None, period=5.0, grace=1.0, action='kill')
    """
    @property
    def stage(self) -> str:
        """Where it was: "stopped", "running", "grace" or "expired"; it is signaled in the last two."""
    @property
    def pid(self) -> int | None:
        """The process that started it, as that sees itself; None while it was stopped."""
    @property
    def remaining(self) -> float | None:
        """While it was running: in how many seconds it had to be refreshed."""
    @property
    def period(self) -> float:
        """In how many seconds it must be refreshed."""
    @property
    def grace(self) -> float:
        """How many seconds after that the action waits."""
    @property
    def action(self) -> str:
        """What is done then: "none", "kill", or "reset-device" if another language made it."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class TimerState:
    """Everything that a timer is at one instant.

    >>> import byname
    >>> byname.Timer(manual_reset=True).state
    TimerState(signaled=False, manual_reset=True, remaining=None, period=0.0)
    """
    @property
    def signaled(self) -> bool:
        """Whether its time had come since it was set (and, if it resets itself, nobody had waited since)."""
    @property
    def manual_reset(self) -> bool:
        """Whether it stays signaled until it is set anew."""
    @property
    def remaining(self) -> float | None:
        """How many seconds were left until its time came next, or None if it did not."""
    @property
    def period(self) -> float:
        """At which intervals its time came, in seconds; 0: once."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class MutexState:
    """Everything that a mutex is at one instant.

    >>> import byname
    >>> byname.Mutex().state
    MutexState(owner=None, depth=0, abandoned=False)
    """
    @property
    def owner(self) -> tuple[int, int] | None:
        """Who owns it, as (pid, tid), or None."""
    @property
    def depth(self) -> int:
        """How often the owner holds it; 0 if nobody does."""
    @property
    def abandoned(self) -> bool:
        """Whether its last owner died and nobody has acquired it since: the next one will be told."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Mapping(Handle):
    """Memory, or a file's bytes, that processes share by name.

    `Mapping(name, size)` makes memory of whole pages, zeros, or opens the mapping if it exists, with the size that it has: `created`
    tells. There is room for all of it, or NoSpaceError. With `file`, a path or an open file, it shows that file's bytes; a `size` beyond
    its end lengthens it, 0 is all that it has. `access` is "rw", "r" or "copy", where what is written stays one's own. `protect` is what
    views may do at all, and how memory comes, a Protect; it follows from `access` otherwise.

    A mapping is a buffer: memoryview and numpy see its bytes without a copy. While they do, close() raises BufferError. The name is gone
    with the last handle, the bytes with the last handle, view or buffer. It cannot be waited for: who writes publishes by
    write() or change(), who reads waits for the event `changed`. `with` closes the handle at the end. Contract 7.

    >>> import byname
    >>> with byname.Mapping("board", 65536) as board:
    ...     with memoryview(board) as bytes:
    ...         bytes[:5] = b"hello"
    ...     with byname.Mapping.open("board", access="r") as same:
    ...         same.created, len(same), same.read(0, 5)
    (False, 65536, b'hello')

    Raises InvalidArgumentError for a size of 0 without a file, or a file that is empty, or a `protect` that is none; AccessDeniedError for a file
    that is not open for that.
    """
    def __new__(
        cls,
        name: str | None = None,
        size: SupportsIndex = 0,
        file: str | bytes | PathLike[str] | PathLike[bytes] | SupportsIndex | _HasFileno | None = None,
        access: _Share = ...,
        *,
        protect: SupportsIndex | None = None,
        namespace: Namespace | None = None,
    ) -> Self: ...
    @staticmethod
    def open(
        name: str | None, *, namespace: Namespace | None = None, access: _Share = ...
    ) -> Mapping:
        """Opens an existing mapping; raises NotFoundError if there is none of that name (contract 1.2, 7.2).

        >>> import byname
        >>> with byname.Mapping("board", 4096) as made, byname.Mapping.open("board") as found:
        ...     found.created, found.size
        (False, 4096)
        """
    @property
    def size(self) -> int:
        """How many bytes it has: of memory whole pages of 4096, of a file what was asked for."""
    def __len__(self) -> int: ...
    @property
    def version(self) -> int:
        """How many changes were published: it grows with every write(), change() and publish(), of any process."""
    @property
    def state(self) -> MappingState:
        """What it is, but for its bytes, as a MappingState."""
    @property
    def changed(self) -> Event:
        """An auto-reset event, one for each process, that every published change sets, and the death of a writer in the middle of
        one. A forked child asks for its own. Ours, not Windows'.

        >>> import byname
        >>> board = byname.Mapping(size=4096)
        >>> changed = board.changed
        >>> board.write(b"news")
        >>> changed.wait(), changed.wait(0), board.version
        (True, False, 1)
        """
    def view(
        self,
        offset: SupportsIndex = 0,
        length: SupportsIndex | None = None,
        access: _Share | None = None,
    ) -> View:
        """Maps `length` bytes from `offset` on, a multiple of 65536, as a View; without a length up to the end. `access` as for the mapping, whose it is by default.

        Raises MisalignedError for another offset, AccessDeniedError beyond the end, and for what the handle may not.

        >>> import byname
        >>> board = byname.Mapping(size=131072)
        >>> with board.view(65536, 100) as second, memoryview(second) as bytes:
        ...     bytes[0] = 7
        ...     len(bytes)
        100
        """
    @overload
    def read(self, offset: SupportsIndex = 0, length: SupportsIndex | None = None, timeout: None = None) -> bytes:
        """Copies `length` bytes from `offset` on as they were between two changes; without a length up to the end. Waits for a writer who is at it: None
        when `timeout` seconds are up.

        Raises DisconnectedError if the writer died in the middle of a change: the bytes are whole again after the next one.

        >>> import byname
        >>> board = byname.Mapping(size=4096)
        >>> board.write(b"hello", offset=10)
        >>> board.read(12, 3)
        b'llo'
        """
    @overload
    def read(self, offset: SupportsIndex = 0, length: SupportsIndex | None = None, timeout: _Timeout = None) -> bytes | None: ...
    def write(self, data: Buffer, offset: SupportsIndex = 0) -> None:
        """Copies bytes, or any buffer, to `offset` as one published change.

        Raises InvalidArgumentError beyond the end, AccessDeniedError if it may only be read, NotOwnerError while another thread or process is in the
        middle of a change: several writers need a mutex among them.

        >>> import byname
        >>> board = byname.Mapping(size=4096)
        >>> board.write(b"hello")
        >>> board.write(bytearray(b"j"), offset=0)
        >>> board.read(0, 5), board.version
        (b'jello', 2)
        """
    def publish(self) -> None:
        """Publishes what was written before: one more version, and `changed` is set. Raises what change() raises.

        >>> import byname
        >>> board = byname.Mapping(size=4096)
        >>> board.publish()
        >>> board.version
        1
        """
    def change(self) -> Change:
        """A change of the bytes for `with`: until its end read() waits, in all processes. It belongs to its thread.

        Entering it raises NotOwnerError while another thread or process is in the middle of one, WouldDeadlockError while this one is.

        >>> import byname
        >>> board = byname.Mapping(size=4096)
        >>> with board.change() as change, memoryview(board) as bytes:
        ...     bytes[0], bytes[100] = 1, 2
        >>> change.abandoned, board.version
        (False, 1)
        """
    def flush(self) -> None:
        """Writes what was changed to the file. Of memory there is nothing to do. Contract 7.4.

        >>> import byname
        >>> byname.Mapping(size=4096).flush()
        """
    def close(self) -> None:
        """Closes the handle; every later use raises ClosedError, closing again does nothing. Views stay.

        Raises BufferError while a memoryview or the like is in use, AccessDeniedError for a `protected` handle; it stays open then.

        >>> import byname
        >>> board = byname.Mapping(size=4096)
        >>> bytes = memoryview(board)
        >>> board.close()
        Traceback (most recent call last):
            ...
        BufferError: 1 buffers of it are still in use, such as a memoryview or a numpy array; release them first
        >>> bytes.release()
        >>> board.close()
        """
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class View:
    r"""Bytes of a mapping, from `mapping.view()`: a buffer, as the mapping is. It outlives the mapping's handles.

    >>> import byname
    >>> view = byname.Mapping(size=4096).view()
    >>> len(view), view.readonly, bytes(memoryview(view)[:3])
    (4096, False, b'\x00\x00\x00')
    """
    @property
    def readonly(self) -> bool:
        """Whether it can only be read."""
    @property
    def shared(self) -> bool:
        """Whether others see what is written to it: False of a view with access "copy"."""
    def flush(self, offset: SupportsIndex = 0, length: SupportsIndex | None = None) -> None:
        """Writes what was changed to the file, all of it or `length` bytes from `offset` on. Of memory there is nothing to do. Contract 7.4.

        >>> import byname
        >>> byname.Mapping(size=4096).view().flush()
        """
    def close(self) -> None:
        """Unmaps it; closing again does nothing. Raises BufferError while a memoryview or the like is in use.

        >>> import byname
        >>> view = byname.Mapping(size=4096).view()
        >>> view.close()
        >>> len(view)
        Traceback (most recent call last):
            ...
        byname.ClosedError: the handle is closed; open the object again
        """
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Change:
    """A change of a mapping's bytes, from `mapping.change()`: `with` begins and ends it.

    >>> import byname
    >>> board = byname.Mapping(size=4096)
    >>> with board.change() as change:
    ...     change.abandoned
    False
    """
    @property
    def abandoned(self) -> bool:
        """Whether the writer before died in the middle of a change: what he left may be half made."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
    def __reduce__(self) -> NoReturn: ...

@final
class MappingState:
    """What a mapping is, but for its bytes.

    >>> import byname
    >>> byname.Mapping(size=100).state
    MappingState(size=4096, protect=4, has_file=False, version=0)
    """
    @property
    def size(self) -> int:
        """How many bytes it has."""
    @property
    def protect(self) -> int:
        """Protection and attributes, with the numbers of Windows: PAGE_READWRITE is 4."""
    @property
    def has_file(self) -> bool:
        """Whether it shows a file."""
    @property
    def version(self) -> int:
        """How many changes were published."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class EventState:
    """Everything that an event is at one instant.

    >>> import byname
    >>> byname.Event(initial=True).state
    EventState(set=True, manual_reset=False)
    """
    @property
    def set(self) -> bool:
        """Whether it was set at that instant."""
    @property
    def manual_reset(self) -> bool:
        """Whether it stays set until it is reset."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class SemaphoreState:
    """Everything that a semaphore is at one instant.

    >>> import byname
    >>> byname.Semaphore(initial=2, maximum=3).state
    SemaphoreState(available=2, maximum=3, robust=False)
    """
    @property
    def available(self) -> int:
        """How many units were free at that instant."""
    @property
    def maximum(self) -> int:
        """How many there can be."""
    @property
    def robust(self) -> bool:
        """Whether the units of the dead come back."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Queue(Handle):
    """A message queue that processes share by name: messages of bytes, in order, each to one reader.

    `max_messages` is how many it holds (0: as many as memory does), `max_size` the largest in bytes, up to 64 MiB. `mode` is which ends
    this object has: "r" gets, "w" puts, "rw" both. `Queue(name, …)` makes it, or opens it if it exists: `created` tells; then max_size must be the same.

    Unless `allow_broken`, a queue that has had both ends and loses the last of one is broken for good, also by the death of a process: its
    messages are gone, its name is free, and its other ends raise DisconnectedError. `precommit=False` reserves memory only when it is written.
    As an object of a wait it is signalled while a message can be got, in mode "w" while there is room; a wait takes nothing. `with` closes it.

    >>> import byname
    >>> with byname.Queue("jobs", max_messages=16, max_size=1024) as jobs:
    ...     jobs.put(b"first"), jobs.put(b"urgent", alert=True)
    ...     jobs.get(), jobs.get(), jobs.get(timeout=0)
    (True, True)
    (b'urgent', b'first', None)
    """
    def __new__(
        cls,
        name: str | None = None,
        max_messages: int = 0,
        max_size: int = 4096,
        mode: str = "rw",
        allow_broken: bool = False,
        *,
        precommit: bool = True,
        namespace: Namespace | None = None,
    ) -> Self: ...
    @staticmethod
    def open(name: str | None, mode: str = "rw", *, namespace: Namespace | None = None) -> Queue:
        """Opens an existing queue, whatever its numbers are; raises NotFoundError if there is none of that name.

        >>> import byname
        >>> with byname.Queue("jobs", max_size=8) as made, byname.Queue.open("jobs", mode="w") as found:
        ...     found.put(b"hello"), made.get()
        (True, b'hello')
        """
    def put(self, data: bytes | bytearray | memoryview, timeout: _Timeout = None, alert: bool = False) -> bool:
        """Puts a message (bytes, bytearray, memoryview, …); waits while the queue is full. True, or False when `timeout` seconds are up.

        An `alert` is got before all others, if none is pending. Raises DisconnectedError without a reader, MessageTooLongError, NoSpaceError;
        InvalidArgumentError for an empty message. Contract 9.4, 9.6.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.put(b"one"), queue.put(b"two", timeout=0.01)
        (True, False)
        """
    def get(self, timeout: _Timeout = None) -> bytes | None:
        """Gets the next message, a pending alert or the oldest, as bytes; waits for one. None when `timeout` seconds are up.

        Raises DisconnectedError without a writer. Contract 9.4.

        >>> import byname
        >>> byname.Queue(max_messages=1, max_size=8).get(timeout=0.01) is None
        True
        """
    def get_message(self, timeout: _Timeout = None) -> tuple[bytes, bool] | None:
        """Gets the next message as `get` does, and whether it came as an alert: (bytes, bool), or None.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.put(b"stop", alert=True), queue.get_message()
        (True, (b'stop', True))
        """
    @overload
    def reserve(self, size: SupportsIndex, timeout: None = None, alert: bool = False) -> Outgoing:
        r"""Takes room for a message of `size` bytes, to be written where it will be read, as an Outgoing; waits while the queue is full. None when `timeout`
        seconds are up.

        The room counts as taken; others may overtake the message until it is committed, as the end of `with` does. Raises what `put` raises. Contract 9.4.

        >>> import byname
        >>> queue = byname.Queue(max_messages=4, max_size=1 << 20)
        >>> with queue.reserve(1 << 20) as frame:
        ...     frame[:5] = b"hello"
        >>> queue.get()[:6]
        b'hello\x00'
        """
    @overload
    def reserve(self, size: SupportsIndex, timeout: _Timeout, alert: bool = False) -> Outgoing | None: ...
    @overload
    def take(self, timeout: None = None) -> Incoming:
        """Takes the next message as `get` does, to be read where it is, as an Incoming. None when `timeout` seconds are up.

        It is out of the queue, and its place counts as taken until it is released, as the end of `with` does. Contract 9.4.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.put(b"hello")
        True
        >>> with queue.take() as message:
        ...     message[0], message[1:], message.alert
        (104, b'ello', False)
        """
    @overload
    def take(self, timeout: _Timeout) -> Incoming | None: ...
    def put_async(
        self, data: bytes | bytearray | memoryview, timeout: _Timeout = None, alert: bool = False
    ) -> Coroutine[Any, Any, bool]:
        """Puts a message without blocking the thread; as `put`. A cancelled one is not sent.

        >>> import asyncio, byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> asyncio.run(asyncio.wait_for(queue.put_async(b"hello"), timeout=5))
        True
        """
    def get_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, bytes | None]:
        """Gets the next message without blocking the thread; as `get`. A cancelled one takes no message.

        >>> import asyncio, byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.put(b"hello"), asyncio.run(asyncio.wait_for(queue.get_async(), timeout=5))
        (True, b'hello')
        """
    def get_message_async(self, timeout: _Timeout = None) -> Coroutine[Any, Any, tuple[bytes, bool] | None]:
        """Gets the next message as `get_message` does, without blocking the thread.

        >>> import asyncio, byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.put(b"stop", alert=True), asyncio.run(asyncio.wait_for(queue.get_message_async(), timeout=5))
        (True, (b'stop', True))
        """
    @overload
    def reserve_async(self, size: SupportsIndex, timeout: None = None, alert: bool = False) -> Coroutine[Any, Any, Outgoing]:
        """Takes room for a message as `reserve` does, without blocking the thread: an Outgoing, or None. A cancelled one takes none.

        >>> import asyncio, byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> async def send():
        ...     with await queue.reserve_async(5) as frame:
        ...         frame[:] = b"hello"
        >>> asyncio.run(send()), queue.get()
        (None, b'hello')
        """
    @overload
    def reserve_async(self, size: SupportsIndex, timeout: _Timeout, alert: bool = False) -> Coroutine[Any, Any, Outgoing | None]: ...
    @overload
    def take_async(self, timeout: None = None) -> Coroutine[Any, Any, Incoming]:
        """Takes the next message as `take` does, without blocking the thread: an Incoming, or None. A cancelled one takes no message.

        >>> import asyncio, byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> async def receive():
        ...     with await queue.take_async() as message:
        ...         return bytes(message)
        >>> queue.put(b"hello"), asyncio.run(receive())
        (True, b'hello')
        """
    @overload
    def take_async(self, timeout: _Timeout) -> Coroutine[Any, Any, Incoming | None]: ...
    def info(self) -> QueueInfo:
        """The queue's numbers at one instant, as a QueueInfo. Raises DisconnectedError where it is broken.

        >>> import byname
        >>> byname.Queue(max_messages=2, max_size=8).info().max_messages
        2
        """
    @property
    def writable(self) -> Queue:
        """Its writing end, for waits: signalled while there is room.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> byname.wait_any([queue, queue.writable]).index
        1
        """
    @property
    def mode(self) -> str:
        """Which ends it has: "r", "w" or "rw"."""
    def close(self) -> None:
        """Closes its ends; every later use raises ClosedError, closing again does nothing.

        >>> import byname
        >>> byname.Queue(max_messages=1, max_size=8).close()
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Outgoing:
    """Room in a queue for a message, from `queue.reserve()`: a writable buffer. The end of `with` commits all of it; an exception inside gives it back.

    If it is collected uncommitted, or its process dies, the room is free again and nothing was sent. Single bytes and slices can be got and set; for more,
    `memoryview(frame)` or `numpy.frombuffer(frame, …)` copies nothing, and must be released before the commit.

    >>> import byname
    >>> queue = byname.Queue(max_messages=1, max_size=8)
    >>> with queue.reserve(8) as frame:
    ...     frame[:5] = b"hello"
    ...     frame.commit(5)
    >>> queue.get()
    b'hello'
    """
    def commit(self, size: SupportsIndex | None = None) -> None:
        r"""Sends the message, all of it or its first `size` bytes.

        Raises BufferError while a memoryview or the like is in use, InvalidArgumentError for a size out of range, and then it can be tried again;
        ClosedError where it was committed or released, DisconnectedError where the last reader has left, and then the message is gone.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> frame = queue.reserve(8)
        >>> frame[0] = 7
        >>> frame.commit(1)
        >>> queue.get()
        b'\x07'
        """
    def release(self) -> None:
        """Gives the room back; nothing is sent. Does nothing after a commit, or again. Raises BufferError while a memoryview or the like is in use.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.reserve(8).release()
        >>> queue.info().messages
        0
        """
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    @overload
    def __setitem__(self, index: SupportsIndex, value: SupportsIndex, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Buffer, /) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Incoming:
    """A message where it is in a queue, from `queue.take()`: a read-only buffer. The end of `with` gives its place back.

    >>> import byname
    >>> queue = byname.Queue(max_messages=1, max_size=8)
    >>> queue.put(b"hello", alert=True)
    True
    >>> with queue.take() as message:
    ...     len(message), bytes(message), message.alert
    (5, b'hello', True)
    """
    @property
    def alert(self) -> bool:
        """Whether it came as an alert."""
    def release(self) -> None:
        """Gives the message's place back; doing it again does nothing. Raises BufferError while a memoryview or the like is in use.

        >>> import byname
        >>> queue = byname.Queue(max_messages=1, max_size=8)
        >>> queue.put(b"one")
        True
        >>> message = queue.take()
        >>> queue.put(b"two", timeout=0) # its place is in use
        False
        >>> message.release()
        >>> queue.put(b"two", timeout=0)
        True
        """
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def __reduce__(self) -> NoReturn: ...

@final
class QueueInfo:
    """A queue's numbers at one instant.

    >>> import byname
    >>> byname.Queue(max_messages=2, max_size=8).info()
    QueueInfo(max_messages=2, max_size=8, messages=0, most_messages=0, readers=1, writers=1, allow_broken=False, precommit=True)
    """
    @property
    def max_messages(self) -> int:
        """How many messages it can hold; 0: as many as memory does."""
    @property
    def max_size(self) -> int:
        """The largest message in bytes."""
    @property
    def messages(self) -> int:
        """Messages that wait; a pending alert does not count."""
    @property
    def most_messages(self) -> int:
        """The most that ever waited."""
    @property
    def readers(self) -> int:
        """Open reading ends, of all processes."""
    @property
    def writers(self) -> int:
        """Open writing ends, of all processes."""
    @property
    def allow_broken(self) -> bool:
        """Whether its ends may come and go."""
    @property
    def precommit(self) -> bool:
        """Whether its memory was reserved when it was made."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Grant:
    """One acquisition of a mutex or a semaphore.

    `with grant:` and `async with grant:` release it at the end, if it was not released before. Any thread may release it,
    also after the handle is closed; only a mutex that a blocking wait took is the calling thread's, and its grant stands
    for what that thread holds.

    A grant collected as garbage while it still owns a mutex abandons the mutex, with a ResourceWarning; a plain
    semaphore's unit stays taken, a robust one's comes back, with a ResourceWarning, too.

    >>> import byname
    >>> semaphore = byname.Semaphore("two at a time", initial=2, maximum=2)
    >>> with semaphore.acquire() as grant:
    ...     semaphore.available, grant.held, grant.abandoned
    (1, True, False)
    >>> grant.held
    False
    """
    @property
    def fence(self) -> int:
        """The number of this acquisition. It grows with every acquisition of the object, from 1 on, as long as anybody has the
        object open, so that who writes to a shared resource under the mutex can be told from a predecessor that was only slow.
        """
    @property
    def abandoned(self) -> bool:
        """Whether a previous owner died holding it: what the mutex guards may be half done."""
    @property
    def held(self) -> bool:
        """Whether it is still to be released."""
    def release(self) -> None:
        """Releases it. Raises NotOwnerError the second time, and where it stands for another thread's hold.

        >>> import byname
        >>> semaphore = byname.Semaphore(initial=1, maximum=1)
        >>> grant = semaphore.acquire()
        >>> grant.release()
        >>> semaphore.available
        1
        """
    def __reduce__(self) -> NoReturn: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(self, *_exception: object) -> Coroutine[Any, Any, None]: ...

@final
class WaitResult:
    """What a wait for several objects took.

    `with result:` releases the grants at the end, those that were not released before.

    >>> import byname
    >>> stop, work = byname.Event("stop"), byname.Semaphore("work", initial=1, maximum=9)
    >>> with byname.wait_any([stop, work]) as result:
    ...     result.index, result.object is work, len(result.grants)
    (1, True, 1)
    """
    @property
    def index(self) -> int:
        """Which object it was; -1 if the wait was for all."""
    @property
    def object(self) -> Handle | None:
        """The object itself; None if the wait was for all."""
    @property
    def abandoned(self) -> bool:
        """Whether the owner of a mutex that it took had died."""
    @property
    def grants(self) -> tuple[Grant, ...]:
        """A grant for each mutex and semaphore taken, in the order of the list."""
    def release(self) -> None:
        """Releases the grants that were not released yet.

        >>> import byname
        >>> work = byname.Semaphore(initial=1, maximum=1)
        >>> result = byname.wait_any([work], timeout=1)
        >>> result.release()
        >>> work.available
        1
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: Any) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(self, *_exception: Any) -> Coroutine[Any, Any, None]: ...

def leave_sigbus_alone() -> None:
    """Leaves SIGBUS to the program; to be called before the first object is made.

    Otherwise byname installs one handler then, which turns the truncation of a namespace's file into NamespaceLostError and passes every
    other SIGBUS on to the handler that was there before; faulthandler may be enabled before or after. Without it, a process
    whose namespace is truncated dies of SIGBUS when it touches the file next. Namespaces that are in use already stay guarded.

    >>> import byname
    >>> byname.leave_sigbus_alone()
    >>> byname.Event("ready").set()
    """
@overload
def wait_any(objs: Iterable[Handle], timeout: None = None) -> WaitResult:
    """Waits until one of the objects is signalled and takes that one: a WaitResult, or None when `timeout` seconds are up.

    Objects of all kinds may be mixed, any number of them. If several are signalled already, it is the first of the
    list. A mutex that it takes is the calling thread's. Release the result, as `with` does: one that is only dropped gives
    back neither the mutex nor a unit of a semaphore.

    Raises InvalidArgumentError for an empty list, ClosedError if one of them is closed; nothing is taken then. Contract 10.3,
    10.4.

    >>> import byname
    >>> byname.wait_any([byname.Event("a"), byname.Event("b")], timeout=0.01) is None
    True
    """
@overload
def wait_any(objs: Iterable[Handle], timeout: _Timeout = None) -> WaitResult | None: ...
@overload
def wait_all(objs: Iterable[Handle], timeout: None = None) -> WaitResult:
    """Waits until all objects are signalled at one instant and takes them together: a WaitResult, or None when `timeout`
    seconds are up. Until then it takes none of them.

    Raises InvalidArgumentError for an empty list or one that names an object twice, ClosedError if one is closed. Contract
    10.3, 10.5.

    >>> import byname
    >>> fork, knife = byname.Mutex("fork"), byname.Mutex("knife")
    >>> with byname.wait_all([fork, knife]) as result:
    ...     result.index, len(result.grants)
    (-1, 2)
    """
@overload
def wait_all(objs: Iterable[Handle], timeout: _Timeout = None) -> WaitResult | None: ...
@overload
def signal_and_wait(a: Handle, b: Handle, timeout: None = None) -> WaitResult:
    """Signals `a` (sets an event, releases a unit of a semaphore or the calling thread's mutex), then waits for `b`: a
    WaitResult, or None when `timeout` seconds are up. The signal stays done then.

    Raises what signalling raises (NotOwnerError, TooManyPostsError), and then does not wait. Contract 10.8.

    >>> import byname
    >>> done, go = byname.Event("done"), byname.Event("go", initial=True)
    >>> byname.signal_and_wait(done, go).object is go, done.is_set()
    (True, True)
    """
@overload
def signal_and_wait(a: Handle, b: Handle, timeout: _Timeout = None) -> WaitResult | None: ...
@overload
def wait_any_async(objs: Iterable[Handle], timeout: None = None) -> Coroutine[Any, Any, WaitResult]:
    """`wait_any` without blocking the thread; what it takes is owned by the grants.

    A cancelled wait consumes nothing.

    >>> import asyncio, byname
    >>> async def work():
    ...     result = await byname.wait_any_async([byname.Event("a"), byname.Event("b", initial=True)], timeout=5)
    ...     return result.index
    >>> asyncio.run(work())
    1
    """
@overload
def wait_any_async(objs: Iterable[Handle], timeout: _Timeout = None) -> Coroutine[Any, Any, WaitResult | None]: ...
@overload
def wait_all_async(objs: Iterable[Handle], timeout: None = None) -> Coroutine[Any, Any, WaitResult]:
    """`wait_all` without blocking the thread; what it takes is owned by the grants. A cancelled wait consumes nothing.

    >>> import asyncio, byname
    >>> async def eat():
    ...     async with await byname.wait_all_async([byname.Mutex("fork"), byname.Mutex("knife")]) as result:
    ...         return len(result.grants)
    >>> asyncio.run(eat())
    2
    """
@overload
def wait_all_async(objs: Iterable[Handle], timeout: _Timeout = None) -> Coroutine[Any, Any, WaitResult | None]: ...
@overload
def signal_and_wait_async(a: Handle, b: Handle, timeout: None = None) -> Coroutine[Any, Any, WaitResult]:
    """`signal_and_wait` without blocking the thread. The signal is given when the call is first awaited, and stays given if
    the wait is cancelled.

    >>> import asyncio, byname
    >>> async def hand_over():
    ...     done, go = byname.Event("done"), byname.Event("go", initial=True)
    ...     result = await byname.signal_and_wait_async(done, go, timeout=5)
    ...     return result.object is go, done.is_set()
    >>> asyncio.run(hand_over())
    (True, True)
    """
@overload
def signal_and_wait_async(a: Handle, b: Handle, timeout: _Timeout = None) -> Coroutine[Any, Any, WaitResult | None]: ...

@final
class Namespace:
    """Where names live: objects of different namespaces never meet, even under one name.

    Without arguments it is the one that every call uses: this user's, of the session that the environment variable
    BYNAME_SESSION names. `session` names another session of this user (1 to 64 letters, digits, `-`, `_`, `.`).
    `profile="ce"` gives it the rules of Windows CE: a name space for each kind, in which "" is a name and a backslash is
    none; mutex, event, semaphore, mapping, queue and watchdog alone; no wait for all (contract 0.3, 1.4).
    Private namespaces (`boundary` and `alias`) raise UnsupportedError in this version.

    >>> import byname
    >>> nightly = byname.Namespace("nightly")
    >>> with byname.Event("done", namespace=nightly) as done:
    ...     nightly.session, nightly == byname.Namespace()
    ('nightly', False)
    >>> ce = byname.Namespace(profile="ce")
    >>> with byname.Event("turn", namespace=ce) as turn, byname.Mutex("turn", namespace=ce) as owner:
    ...     turn.created, owner.created
    (True, True)
    """
    def __new__(
        cls,
        session: str | None = None,
        *,
        boundary: str | None = None,
        alias: str | None = None,
        profile: Literal["desktop", "ce"] = "desktop",
    ) -> Self: ...
    @property
    def session(self) -> str | None:
        """The session's name; None for the default session."""
    @property
    def profile(self) -> Literal["desktop", "ce"]:
        """The rules of naming that hold: "desktop" or "ce"."""
    @property
    def path(self) -> str:
        """The file of the namespace."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

class Error(Exception):
    """What every error of byname derives from.

    A failed call raises a subclass: what a caller does differently. `win32` is the exact Win32 error number, `errno` is
    there where the operating system gave one. A time-out is never an error.

    >>> import byname
    >>> try:
    ...     byname.Mutex.open("nobody made this")
    ... except byname.NotFoundError as error:
    ...     error.win32, isinstance(error, FileNotFoundError), isinstance(error, byname.Error)
    (2, True, True)
    """
    win32: int

class NotFoundError(Error, FileNotFoundError):
    """No object of that name is open anywhere.

    Create it, or start the process that creates it.
    """
class PathNotFoundError(Error, FileNotFoundError):
    r"""The part of the name before the backslash is no known directory.

    Use `Local\` or no prefix; a backslash separates a directory and is no ordinary character.
    """
class AlreadyExistsError(Error, FileExistsError):
    """Something of that name exists and the call must make a new one.

    Open the existing one.
    """
class AccessDeniedError(Error, PermissionError):
    """The handle, or the user, lacks the right that the call needs, or the handle is protected from being closed (6).

    Open the object with that right, or ask its owner for it; take the protection off.
    """
class WrongKindError(Error, TypeError):
    """The name or handle belongs to an object of another kind.

    Use another name: all kinds share one name space.
    """
class InvalidNameError(Error, ValueError):
    """The name breaks the grammar of names.

    See the grammar in docs/semantics.md: at most one known prefix, then a leaf without backslash and NUL.
    """
class NameTooLongError(Error, ValueError):
    """The name is longer than 260 UTF-16 code units.

    Shorten it; the prefix counts.
    """
class InvalidArgumentError(Error, ValueError):
    """An argument is outside its range.

    The message names the argument and its range.
    """
class MisalignedError(Error, ValueError):
    """An offset is not a multiple of 64 KiB.

    Round it down and add the difference to the length.
    """
class TooManyPostsError(Error, ValueError):
    """The release would lift the semaphore's count over its maximum; nothing was released.

    Release only what was acquired, or create it with a larger maximum.
    """
class ClosedError(Error, ValueError):
    """The handle is closed, or never was one.

    Open the object again.
    """
class NotOwnerError(Error, RuntimeError):
    """The caller does not own the mutex; nothing was released.

    Release from the thread, or through the grant, that acquired it.
    """
class WouldDeadlockError(Error, RuntimeError):
    """The call would block the thread that alone can end the wait.

    Await the asynchronous form, or release the grant first.
    """
class DisconnectedError(Error, BrokenPipeError):
    """The other end is gone.

    Create the queue again, or allow broken queues.
    """
class MessageTooLongError(Error, ValueError):
    """The message is longer than the queue allows.

    Split it, or create the queue with a larger maximum.
    """
class BufferTooSmallError(Error, ValueError):
    """The buffer is smaller than what must be written to it.

    Pass a larger buffer.
    """
class NoSpaceError(Error, MemoryError):
    """The file system of the namespace, or memory, is full.

    Free space in /dev/shm (containers often have 64 MiB), or point BYNAME_DIR elsewhere.
    """
class LimitReachedError(Error, OSError):
    """A table, a counter or a resource limit is exhausted.

    The message names the limit.
    """
class VersionMismatchError(Error, OSError):
    """The namespace was made by a byname of another format version.

    Upgrade all programs that share it, or separate them by BYNAME_SESSION.
    """
class CorruptedError(Error, OSError):
    """The namespace's file holds bytes that byname never writes.

    End its users and delete the file that the message names.
    """
class NamespaceLostError(Error, OSError):
    """The namespace's file was deleted, replaced or truncated under its users.

    Restart its users; keep cleaners away from the directory.
    """
class UnsupportedError(Error, OSError):
    """This byname, or this system, cannot do that.

    The message says what is missing.
    """
class SystemCallError(Error, OSError):
    """The operating system refused; the error carries its errno.

    Read the message of the operating system.
    """
