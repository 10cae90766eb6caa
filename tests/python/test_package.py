"""The package as a whole: its names, types, documentation and exceptions."""

import doctest
import inspect
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import byname
import pytest
from stubs import documented as with_docstrings

ERRORS = [value for value in vars(byname).values() if isinstance(value, type) and issubclass(value, BaseException)]


def test_names():
    kinds = {"Mutex", "Event", "Semaphore", "Timer", "Watchdog", "Process", "Job", "Mapping", "Queue"}
    waits = {"wait_any", "wait_all", "signal_and_wait"}
    others = {"Handle", "Grant", "WaitResult", "Namespace", "Access", "Protect", "View", "Change", "JobAccounting", "JobLimits", "JobNotification"}
    others |= {"JobNotifications", "QueueInfo", "Incoming", "Outgoing"}
    others |= {"MutexState", "EventState", "SemaphoreState", "TimerState", "MappingState", "WatchdogState"}
    expected = kinds | waits | {"leave_sigbus_alone"} | {f"{wait}_async" for wait in waits} | others | {error.__name__ for error in ERRORS}
    assert set(byname.__all__) == expected
    assert re.fullmatch(r"\d+\.\d+\.\d+", byname.__version__)
    for name in byname.__all__:
        value = getattr(byname, name)
        assert value.__name__ == name
        if isinstance(value, type):
            assert value.__module__ == "byname"


def test_stubs(tmp_path):
    """The type stubs say what the compiled module has."""
    pytest.importorskip("mypy")
    # The slot is in the class; the method of that name is made from it by Python 3.12 and later, and only where it is there from the start.
    (tmp_path / "allowed").write_text("byname.(Mapping|View|Incoming|Outgoing).__buffer__\n")
    stubtest = [sys.executable, "-m", "mypy.stubtest", "byname", "--allowlist", "allowed"]
    run = subprocess.run(stubtest, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


def test_stubs_have_the_docstrings():
    """BLESS=1 writes them."""
    stubs = Path(byname.__file__).with_name("__init__.pyi")
    text = with_docstrings(stubs.read_text(), byname)
    if "BLESS" in os.environ:
        stubs.write_text(text)
    assert stubs.read_text() == text, "run BLESS=1 make test-python, and look at what it wrote"


def test_types(tmp_path):
    """What a user writes passes a strict type checker, and what is wrong does not."""
    pytest.importorskip("mypy")
    (tmp_path / "good.py").write_text(
        "import byname\n"
        "async def work(m: byname.Mutex, e: byname.Event, s: byname.Semaphore) -> int:\n"
        "    async with m as grant:\n"
        "        fence: int = grant.fence\n"
        "    if await m.acquire_async(timeout=1) is None: return 0\n"
        "    async with await s.acquire_async() as permit, await byname.wait_all_async([m, s]) as all_of_them:\n"
        "        fence = permit.fence + all_of_them.grants[0].fence\n"
        "    flag: bool = await e.wait_async()\n"
        "    result = await byname.wait_any_async([m, e, s])\n"
        "    return result.index if result else fence\n"
        "with byname.Mutex('m') as m:\n"
        "    ok: bool = m.acquire(blocking=False)\n"
        "s = byname.Semaphore('s')\n"
        "with s.acquire() as g, byname.wait_any([s]) as won: print(g.fence, won.index)\n"
        "maybe = s.acquire(timeout=1)\n"
        "if maybe: maybe.release()\n"
        "with byname.Mapping('m', 4096, access='copy') as p, p.view(length=5) as v, memoryview(v) as b, p.change() as c:\n"
        "    b[0] = 5\n"
        "    p.write(bytes(v)); data: bytes = p.read(); some = p.read(timeout=1); told: bool = p.changed.wait() or c.abandoned\n"
        "q = byname.Queue('q')\n"
        "with q.reserve(8) as frame, q.take() as message: frame[:5] = b'hello'; first: int = message[0]; urgent: bool = message.alert\n"
        "with byname.Job() as j, j.notifications() as news, byname.wait_any([s, news]): said = news.get(timeout=1)\n"
        "if said: what: str = said.message; pid: int = next(news).pid\n"
        "tried = q.take(timeout=0)\n"
        "if tried: tried.release()\n"
    )
    (tmp_path / "bad.py").write_text("import byname\nbyname.Mutex(1)\nbyname.Event('e').wait('soon')\nbyname.Semaphore().acquire(timeout=1).release()\nbyname.Mapping('m', 1, access='w')\nbyname.Queue('q').reserve(8, 0).commit()\n")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    good = subprocess.run([*mypy, "good.py"], capture_output=True, text=True, cwd=tmp_path)
    assert good.returncode == 0, good.stdout
    bad = subprocess.run([*mypy, "bad.py"], capture_output=True, text=True, cwd=tmp_path)
    assert bad.stdout.count("error:") == 5, bad.stdout


def why_no_jobs():
    """Why no job can be made here, if none can."""
    try:
        byname.Job().close()
    except byname.UnsupportedError as error:
        return str(error)
    return None


NO_JOBS = why_no_jobs()


def documented():
    """What it is, its text, whether it is to have an example: whatever can be called, but for exceptions."""
    yield "byname", byname.__doc__, True
    for name in byname.__all__:
        value = getattr(byname, name)
        yield name, value.__doc__, value not in ERRORS or value is byname.Error
        if isinstance(value, type) and value not in ERRORS:
            for member, it in vars(value).items():
                if not member.startswith("_"):
                    it = it.__func__ if isinstance(it, staticmethod) else it
                    yield f"{name}.{member}", it.__doc__, callable(it)


@pytest.mark.parametrize("what, text, shown", list(documented()))
def test_documentation(what, text, shown):
    """Everything public says what it does, and every example does what it says."""
    assert text and len(text) > 20, f"{what} is not documented"
    example = doctest.DocTestParser().get_doctest(text, {}, what, None, None)
    assert example.examples or not shown, f"{what} has no example"
    if NO_JOBS and "byname.Job(" in text:
        pytest.skip(f"the example of {what}: {NO_JOBS}")
    failures, _ = doctest.DocTestRunner(verbose=False).run(example)
    assert failures == 0


def test_every_error_has_its_bases():
    for error in ERRORS:
        assert issubclass(error, byname.Error)
        assert isinstance(error.win32, int)
    built_in = {
        "NotFoundError": FileNotFoundError,
        "PathNotFoundError": FileNotFoundError,
        "AlreadyExistsError": FileExistsError,
        "AccessDeniedError": PermissionError,
        "WrongKindError": TypeError,
        "InvalidNameError": ValueError,
        "NameTooLongError": ValueError,
        "InvalidArgumentError": ValueError,
        "TooManyPostsError": ValueError,
        "ClosedError": ValueError,
        "NotOwnerError": RuntimeError,
        "WouldDeadlockError": RuntimeError,
        "DisconnectedError": BrokenPipeError,
        "NoSpaceError": MemoryError,
        "LimitReachedError": OSError,
        "NamespaceLostError": OSError,
        "UnsupportedError": OSError,
    }
    for name, base in built_in.items():
        assert issubclass(getattr(byname, name), base)


def test_errors_page_names_every_class():
    """docs/errors.md is made from the same table."""
    page = Path(__file__).parents[2] / "docs" / "errors.md"
    if not page.exists():
        pytest.skip("not in the source tree")
    found = set(re.findall(r"`(\w+Error)` \(", page.read_text()))
    assert found == {error.__name__ for error in ERRORS} - {"Error"}


def test_error_instance_survives_pickling(name):
    with pytest.raises(byname.NotFoundError) as caught:
        byname.Mutex.open(name)
    error = pickle.loads(pickle.dumps(caught.value))
    assert type(error) is byname.NotFoundError
    assert (error.win32, str(error)) == (2, str(caught.value))
    assert name in str(error)


def test_namespace(elsewhere):
    default = byname.Namespace()
    other = elsewhere
    assert default == byname.Namespace() and hash(default) == hash(byname.Namespace())
    assert default != other and default != default.session
    assert eval(repr(other)) == other == byname.Namespace(other.session)
    assert other.path.endswith(other.session)
    assert pickle.loads(pickle.dumps(other)) == other
    ce = byname.Namespace(other.session, profile="ce")
    assert ce != other and ce.profile == "ce" and other.profile == "desktop"
    assert eval(repr(ce)) == ce == pickle.loads(pickle.dumps(ce))
    with pytest.raises(byname.UnsupportedError) as caught:
        byname.Namespace(boundary="b", alias="a")
    assert caught.value.win32 == 50
    for wrong in (
        {"session": ""},
        {"session": "a/b"},
        {"session": "x" * 65},
        {"profile": "nt"},
        {"boundary": "b"},
        {"session": "s", "boundary": "b", "alias": "a"},
    ):
        with pytest.raises(byname.InvalidArgumentError):
            byname.Namespace(**wrong)
    for wrong in {"session": 1}, {"session": b"s"}, {"profile": None}:
        with pytest.raises(TypeError):
            byname.Namespace(**wrong)


def test_profiles_do_not_meet(name):
    ce = byname.Namespace(profile="ce")
    with byname.Event(name) as here, byname.Event(name, namespace=ce) as there, byname.Mutex(name, namespace=ce) as owner:
        assert here.created and there.created and owner.created
        here.set()
        assert not there.is_set()
        assert there.name == name and "(CE)" not in repr(there)
        with pickle.loads(pickle.dumps(there)) as again:
            there.set()
            assert again.is_set()
        with pytest.raises(byname.InvalidArgumentError) as caught:
            byname.wait_all([there, owner], timeout=0)
        assert caught.value.win32 == 87
    with pytest.raises(byname.UnsupportedError):
        byname.Timer(namespace=ce)


def test_namespaces_do_not_meet(name, elsewhere):
    other = elsewhere
    with byname.Event(name) as here, byname.Event(name, namespace=other) as there:
        assert here.created and there.created
        here.set()
        assert not there.is_set()
        with byname.Event.open(name, namespace=other) as again:
            there.set()
            assert again.wait(0)
        with pytest.raises(byname.UnsupportedError):
            byname.wait_any([here, there], timeout=0)


def test_signatures():
    """Tools that look see the parameters of the direct methods, too."""
    assert str(inspect.signature(byname.Mutex.acquire)) == "(self, /, blocking=True, timeout=None)"
    if sys.version_info < (3, 10):
        return  # shows none for classes
    assert str(inspect.signature(byname.Semaphore)) == "(name=None, initial=1, maximum=2147483647, robust=False, *, namespace=None, access=Ellipsis)"
