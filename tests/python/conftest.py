"""A namespace of this run's own, and a check that each test leaves nothing."""

import faulthandler
import gc
import itertools
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import subprocess
import threading

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key  # the standard error that is not captured

# Before byname is imported, and inherited by every process that a test starts.
os.environ["BYNAME_SESSION"] = f"{os.environ.get('BYNAME_SESSION', 'test')}-py-{os.getpid()}"

# A shell's background job inherits that it is ignored, and then Ctrl-C ends no call.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("helpers")

import byname  # noqa: E402
from byname._byname import _usage  # noqa: E402
from helpers import PATIENCE, open_files, until  # noqa: E402

numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def nothing_left(request):
    """No handle, owner or waiter, thread, descriptor or child more than before."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True, file=request.config.stash[fault_handler_stderr_fd_key])
    gc.collect()
    before = _usage(), open_files(), threading.active_count()
    yield
    gc.collect()
    for child in multiprocessing.active_children():
        child.join(PATIENCE)
    # A thread that ended is counted until it is joined, and the keeper takes back records a little later.
    until(lambda: threading.active_count() <= before[2], "a thread is left")
    until(lambda: all(now <= then for now, then in zip(_usage(), before[0])), lambda: f"left: {_usage()}, before: {before[0]}")
    until(lambda: open_files() <= before[1], "a descriptor is left")
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session", autouse=True)
def attached():
    """What the first call opens for good is not what a test leaves."""
    byname.Mutex().close()
    # So does the first end of a process that is told: by a thread, which stays.
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child, byname.Process.open(child.pid) as process:
        child.stdin.close()
        process.wait()
    multiprocessing.resource_tracker.ensure_running()
    multiprocessing.forkserver.ensure_running()


@pytest.fixture(scope="session")
def elsewhere():
    """Another namespace."""
    return byname.Namespace(f"{os.environ['BYNAME_SESSION']}-elsewhere")


@pytest.fixture
def name(request):
    """A name of the test's own."""
    return f"{request.node.originalname}-{next(numbers)}"


def pytest_runtestloop():
    """What there is before the first test is not looked through again after each: half of the suite's time."""
    gc.collect()
    gc.freeze()
