"""The Python driver of the conformance scenarios: does what the conductor says, one line a command.

`tests/README.md` describes the protocol. Each named thread runs its commands in order; `main` is the interpreter's
main thread, and `io` commands, which never block, run at once where the lines are read.
"""

import os
import queue
import signal
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, unquote_to_bytes

import byname

objects = {}  # by handle
permits = {}  # by handle: the semaphore grants not yet released
threads = {}  # by name: (Thread, Queue)
children = {}  # by name: what was started
views = {}  # by handle
KINDS = {
    "mutex": byname.Mutex,
    "event": byname.Event,
    "semaphore": byname.Semaphore,
    "timer": byname.Timer,
    "watchdog": byname.Watchdog,
    "job": byname.Job,
    "mapping": byname.Mapping,
}
ONLY_WAITED_FOR = (byname.Event, byname.Timer, byname.Watchdog, byname.Job, byname.JobNotifications, byname.Process, byname.Queue)


def say(number, text):
    os.write(1, f"{number} {text}\n".encode())


def seconds(word):
    return None if word == "inf" else float(word) / 1000


def got(handle, acquired):
    """The result word of an acquisition, whose permit is kept for `release`."""
    if not acquired:
        return "timeout"
    held = objects[handle]
    if isinstance(held, ONLY_WAITED_FOR):
        return "ok"
    if isinstance(held, byname.Semaphore):
        permits.setdefault(handle, []).append(acquired)
        return "abandoned" if acquired.abandoned else "ok"
    return "ok"


def acquire(handle, limit):
    held = objects[handle]
    if isinstance(held, ONLY_WAITED_FOR):
        return got(handle, held.wait(seconds(limit)))
    again = isinstance(held, byname.Mutex) and holds(held)
    said = got(handle, held.acquire(blocking=False) if limit == "0" else held.acquire(timeout=seconds(limit)))
    if said == "ok" and isinstance(held, byname.Mutex) and not again and held.abandoned:
        return "abandoned"  # a hold that goes on has no news of its own
    return said


def holds(mutex):
    """Whether the calling thread owns the mutex already."""
    try:
        return mutex.fence > 0
    except byname.NotOwnerError:
        return False


def keep(handles, result):
    """Keeps the permits that a wait took, for `release`; the words that tell of abandonment."""
    holders = [handle for handle in handles if not isinstance(objects[handle], ONLY_WAITED_FOR)]
    for handle, grant in zip(holders, result.grants, strict=True):
        if isinstance(objects[handle], byname.Semaphore):
            permits.setdefault(handle, []).append(grant)
    return ["abandoned"] if result.abandoned else []


def wait_any(limit, *handles):
    result = byname.wait_any([objects[handle] for handle in handles], seconds(limit))
    return " ".join([f"index {result.index}", *keep([handles[result.index]], result)]) if result else "timeout"


def wait_all(limit, *handles):
    result = byname.wait_all([objects[handle] for handle in handles], seconds(limit))
    return (keep(handles, result) or ["ok"])[0] if result else "timeout"


def signal_and_wait(limit, first, second):
    result = byname.signal_and_wait(objects[first], objects[second], seconds(limit))
    return (keep([second], result) or ["ok"])[0] if result else "timeout"


def release(handle):
    if permits.get(handle):
        permits[handle].pop().release()
    else:
        objects[handle].release()
    return "ok"


place = {}  # where names are looked up


def access(options):
    """`access=0x100000` among the options; everything, where it is not there. And the place."""
    masks = [int(option.removeprefix("access="), 16) for option in options if option.startswith("access=")]
    return {"access": masks[0], **place} if masks else place


def profile(word):
    place["namespace"] = byname.Namespace(profile=word)
    return "ok"


def make(kind, handle, name, *options):
    if kind == "semaphore":
        extra = {"initial": int(options[0]), "maximum": int(options[1]), "robust": "robust" in options}
    elif kind == "mapping":
        extra = {"size": int(options[0])}
    elif kind == "event":
        extra = {"manual_reset": "manual" in options, "initial": "set" in options}
    elif kind == "watchdog":
        extra = {"period": float(options[0]) / 1000, "grace": float(options[1]) / 1000, "action": options[2]}
    elif kind == "timer":
        extra = {"manual_reset": "manual" in options}
    elif kind == "job":
        extra = {"kill_on_close": "kill" in options}
    else:
        extra = {"initially_owned": "owned" in options}
    objects[handle] = made = KINDS[kind](name, **extra, **access(options))
    return "ok created" if made.created else "ok"


def make_queue(handle, name, most, size, end, *options):
    objects[handle] = made = byname.Queue(name, int(most), int(size), end, "broken" in options, **place)
    return "ok created" if made.created else "ok"


def send(handle, limit, text, *options):
    return "ok" if objects[handle].put(text.encode(), seconds(limit), "alert" in options) else "timeout"


def recv(handle, limit):
    got = objects[handle].get_message(seconds(limit))
    return "timeout" if got is None else got[0].decode() + (" alert" if got[1] else "")


def info(handle):
    seen = objects[handle].info()
    return f"{seen.messages}/{seen.max_messages} of {seen.max_size}, {seen.readers} readers {seen.writers} writers, most {seen.most_messages}"


def open_(kind, handle, name, *options):
    if kind == "queue":
        objects[handle] = byname.Queue.open(name, *options, **place)
        return "ok"
    objects[handle] = KINDS[kind].open(name, **access(options))
    return "ok"


def exists(kind, name):
    """Whether the name exists: what an open finds, which is closed again."""
    try:
        KINDS[kind].open(name, access=byname.Access.SYNCHRONIZE, **place).close()
    except byname.NotFoundError:
        return "no"
    return "yes"


def state(handle):
    """All of an object's state, in the one form in which every driver tells it."""
    if isinstance(objects[handle], byname.Job):
        return f"manual {'set' if objects[handle].wait(0) else 'unset'}"
    seen = objects[handle].state
    if isinstance(seen, byname.EventState):
        return f"{'manual' if seen.manual_reset else 'auto'} {'set' if seen.set else 'unset'}"
    if isinstance(seen, byname.WatchdogState):
        return seen.stage
    if isinstance(seen, byname.TimerState):
        return f"{'manual' if seen.manual_reset else 'auto'} {'set' if seen.signaled else 'unset'}"
    if isinstance(seen, byname.MappingState):
        return f"{seen.version}/{seen.size}"
    if isinstance(seen, byname.SemaphoreState):
        return f"{seen.available}/{seen.maximum}{' robust' if seen.robust else ''}"
    if seen.owner is None and seen.depth == 0:
        return "abandoned" if seen.abandoned else "free"
    return f"{seen.owner[0]} {seen.owner[1]} {seen.depth}{' abandoned' if seen.abandoned else ''}"


def arm(handle, due, period="0"):
    objects[handle].set(float(due) / 1000, float(period) / 1000)
    return "ok"


def arm_at(handle, due, period="0"):
    objects[handle].set(datetime.now(timezone.utc) + timedelta(milliseconds=float(due)), period=float(period) / 1000)
    return "ok"


SLEEPS = {"args": ["sleep", "1000"], "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}


def start(popen, name):
    children[name] = popen(**SLEEPS)
    return "ok"


def pid_of(name):
    return {"self": os.getpid(), "nobody": 0}.get(name) if name not in children else children[name].pid


def open_process(handle, name, *options):
    objects[handle] = byname.Process.open(pid_of(name), **access(options))
    return "ok"


def told(handle, limit):
    """What a job tells, and of whom: a program that this driver has started, or another."""
    got = objects[handle].get(seconds(limit))
    if got is None:
        return "timeout"
    if got.pid == 0:
        return got.message
    return f"{got.message} {next((name for name, child in children.items() if child.pid == got.pid), 'other')}"


def exit_code(handle):
    code = objects[handle].exit_code
    return "none" if code is None else str(code)


def reap(name):
    status = children.pop(name).wait()
    return f"exit {status}" if status >= 0 else f"signal {-status}"


def limit(handle, most, *options):
    objects[handle].limit(active_processes=int(most) or None, kill_on_close="kill" in options)
    return "ok"


def flag(handle, name, word):
    setattr(objects[handle], name, word == "on")
    return "ok"


def flags(handle):
    return " ".join(name for name in ("protected", "inheritable") if getattr(objects[handle], name)) or "none"


def shown(data):
    """Bytes as a word; those that are zero as dots."""
    return bytes(data).replace(b"\0", b".").decode()


def map_(view, handle, offset, length):
    views[view] = objects[handle].view(int(offset), int(length) or None)
    return "ok"


def poke(view, offset, text):
    with memoryview(views[view]) as data:
        data[int(offset) : int(offset) + len(text)] = text.encode()
    return "ok"


def peek(view, offset, length):
    with memoryview(views[view]) as data:
        return shown(data[int(offset) : int(offset) + int(length)])


def clear():
    permits.clear()
    for child in children.values():
        child.kill()
        child.wait()
    children.clear()
    for view in views.values():
        view.close()
    views.clear()
    for held in objects.values():
        held.close()
    objects.clear()
    place.clear()
    return "ok"


def fork(*command):
    """Runs the command in a forked child of this thread."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, result(*command).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def child():
    """Forks a child that keeps what it has and does nothing."""
    pid = os.fork()
    while pid == 0:
        signal.pause()
    return f"child {pid}"


def churn(handle, path):
    """Locks, counts, unlocks for ever; the ledger shows `B` while the count is half written (see conductor/kill.py)."""
    mutex, ledger = objects[handle], os.open(path, os.O_RDWR)
    while True:
        mutex.acquire()
        fence, count, mark = os.pread(ledger, 42, 0).split()
        if mark == b"B" and not mutex.abandoned:
            return "broken half"
        if int(fence) >= mutex.fence:
            return "broken fence"
        os.pwrite(ledger, b"%019d %019d B\n" % (mutex.fence, int(count) + 1), 0)
        os.pwrite(ledger, b"%019d %019d E\n" % (mutex.fence, int(count) + 1), 0)
        mutex.release()


def done(call):
    """Turns a method that returns nothing into a command."""

    def command(handle):
        call(objects[handle])
        return "ok"

    return command


COMMANDS = {
    "ping": lambda: "pong",
    "tid": lambda: str(threading.get_native_id()),
    "clear": clear,
    "profile": profile,
    "fork": fork,
    "child": child,
    "exec": lambda: os.execv("/bin/cat", ["cat"]),
    "churn": churn,
    **{kind: lambda *words, kind=kind: make(kind, *words) for kind in KINDS},
    "queue": make_queue,
    "send": send,
    "recv": recv,
    "info": info,
    "open": open_,
    "close": lambda handle: (objects[handle].close(), "ok")[1],
    "acquire": acquire,
    "release": release,
    "set": done(byname.Event.set),
    "reset": done(byname.Event.reset),
    "pulse": done(byname.Event.pulse),
    "arm": arm,
    "arm-at": arm_at,
    "start": done(byname.Watchdog.start),
    "refresh": done(byname.Watchdog.refresh),
    "stop": done(byname.Watchdog.stop),
    "cancel": done(byname.Timer.cancel),
    "remaining": lambda handle: "none" if objects[handle].remaining() is None else "some",
    "run": lambda name: start(subprocess.Popen, name),
    "spawn": lambda handle, name: start(objects[handle].Popen, name),
    "assign": lambda handle, name: (objects[handle].assign(pid_of(name)), "ok")[1],
    "process": open_process,
    "code": exit_code,
    "terminate": lambda handle, code: (objects[handle].terminate(int(code)), "ok")[1],
    "pids": lambda handle: str(len(objects[handle].pids)),
    "limit": limit,
    "notifications": lambda handle, job: (objects.__setitem__(handle, objects[job].notifications()), "ok")[1],
    "told": told,
    "reap": reap,
    "state": state,
    "exists": exists,
    "protect": lambda handle, word: flag(handle, "protected", word),
    "inherit": lambda handle, word: flag(handle, "inheritable", word),
    "flags": flags,
    "post": lambda handle, count: str(objects[handle].release(int(count))),
    "fence": lambda handle: str(objects[handle].fence),
    "abandoned": lambda handle: "yes" if objects[handle].abandoned else "no",
    "name": lambda handle: quote(objects[handle].name or ""),
    "map": map_,
    "poke": poke,
    "peek": peek,
    "unmap": lambda view: (views.pop(view).close(), "ok")[1],
    "write": lambda handle, offset, text: (objects[handle].write(text.encode(), int(offset)), "ok")[1],
    "read": lambda handle, offset, length: shown(objects[handle].read(int(offset), int(length))),
    "half-write": lambda handle: (objects[handle].change().__enter__(), "ok")[1],
    "wait-any": wait_any,
    "wait-all": wait_all,
    "signal-and-wait": signal_and_wait,
}
WAITS = {"acquire": 2, "send": 2, "recv": 2, "told": 2, "wait-any": 1, "wait-all": 1, "signal-and-wait": 1}


def result(verb, *words):
    try:
        return COMMANDS[verb](*words)
    except byname.Error as error:
        return f"error {type(error).__name__.removesuffix('Error')} {error.win32}"
    except Exception as error:  # noqa: BLE001  whatever it is, the conductor must see it
        return f"fault {type(error).__name__}: {error}"


def perform(number, verb, words):
    if verb in WAITS and words[WAITS[verb] - 1] != "0":
        say(number, f"begin {threading.get_native_id()}")
    say(number, result(verb, *words))


def worker(commands):
    """Runs a thread's commands until it is told to end."""
    while (command := commands.get()) is not None:
        perform(*command)


def dispatch(number, name, verb, words):
    if name == "io":
        return perform(number, verb, words)
    if verb == "exit-thread":
        if name in threads:
            thread, commands = threads.pop(name)
            commands.put(None)
            thread.join()
        return say(number, "ok")
    if name not in threads:
        commands = queue.SimpleQueue()
        threads[name] = threading.Thread(target=worker, args=(commands,), daemon=True), commands
        threads[name][0].start()
    threads[name][1].put(None if verb == "exit" else (number, verb, words))


def word(text):
    if text in ("-", "%"):
        return None if text == "-" else ""
    return unquote_to_bytes(text).decode("utf-8", "surrogatepass")


def read_lines():
    rest = b""
    # Not by sys.stdin, whose lock would be in the way of a normal exit.
    while data := os.read(0, 65536):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            number, name, verb, *words = line.decode().split()
            dispatch(number, name, verb, [word(text) for text in words])
    os._exit(3)  # the conductor has gone


main_commands = queue.SimpleQueue()
threads["main"] = (threading.main_thread(), main_commands)
threading.Thread(target=read_lines, daemon=True).start()
worker(main_commands)
