"""What jobs tell, as Python has it (contract 8.7); skipped where this user can make no control group of version 2."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading

import byname
import pytest

SLEEP = ["sleep", "1000"]

try:
    byname.Job().close()
except byname.UnsupportedError as no_jobs:
    pytestmark = pytest.mark.skip(reason=str(no_jobs))


@pytest.fixture
def job():
    with byname.Job(kill_on_close=True) as job:
        yield job


@pytest.fixture
def told(job):
    with job.notifications() as told:
        yield told


def end(child):
    child.terminate()
    child.wait()


def test_order_names_and_numbers(job, told):
    with job.Popen(SLEEP) as first:
        assert (new := told.get()) == told_of("new", 6, first.pid), repr(new)
        with subprocess.Popen(SLEEP) as second:
            job.assign(second.pid)
            assert told.get() == told_of("new", 6, second.pid)
            end(first)
            assert told.get() == told_of("exit", 7, first.pid)
            second.send_signal(signal.SIGSEGV)
            assert told.get() == told_of("abnormal-exit", 8, second.pid)
    zero = told.get()
    assert (zero.message, zero.id, zero.pid) == ("zero", 4, 0)
    assert repr(zero) == "JobNotification(message='zero', id=4, pid=0)"
    assert told.get(0) is None and told.get(timeout=0.01) is None


class told_of:
    """Equals a notification that says so."""

    def __init__(self, *says):
        self.says = says

    def __eq__(self, one):
        return (one.message, one.id, one.pid) == self.says


def test_who_has_ended_when_popen_returns_is_told(job, told):
    with job.Popen(["true"]) as child:
        assert [told.get().message for _ in range(3)] == ["new", "exit", "zero"]
        assert child.wait() == 0


def test_one_at_a_time_in_a_process_and_with_the_right(job, told):
    with pytest.raises(byname.InvalidArgumentError, match="already") as twice:
        job.notifications()
    assert twice.value.win32 == 87
    told.close()
    with job.notifications() as again:
        assert again.get(0) is None
        for bad in ("1", True, float("nan"), -1):
            with pytest.raises((TypeError, byname.InvalidArgumentError)):
                again.get(bad)
    with pytest.raises(byname.ClosedError):
        again.get(0)
    with byname.Job("watched") as named, byname.Job.open("watched", access=0x0004) as looks:
        with pytest.raises(byname.AccessDeniedError):
            looks.notifications()
        named.notifications().close()
    with pytest.raises(TypeError):
        byname.JobNotifications()
    with pytest.raises(byname.ClosedError):
        named.notifications()


def test_a_loop_goes_on_until_it_is_closed(job, told):
    seen = []
    loop = threading.Thread(target=lambda: seen.extend(one.message for one in told))
    loop.start()
    with job.Popen(["true"]) as child:
        child.wait()
    while seen[-1:] != ["zero"]:
        os.sched_yield()
    told.close()
    loop.join()
    assert seen == ["new", "exit", "zero"]


def test_it_is_waited_for_and_polled_like_anything(job, told):
    stop = byname.Event()
    poll = select.poll()
    poll.register(told.fileno(), select.POLLIN)
    assert byname.wait_any([stop, told], timeout=0) is None and poll.poll(0) == []
    with job.Popen(SLEEP) as child:
        assert poll.poll() == [(told.fileno(), select.POLLIN)]
        assert byname.wait_any([stop, told]).object is told
        assert told.get(0).pid == child.pid, "the wait took nothing"
        assert told.get(0) is None and poll.poll(0) == []
        end(child)
    assert byname.wait_any([stop, told]).index == 1


def test_asyncio(job, told):
    async def main():
        assert await told.get_async(timeout=0) is None
        first = asyncio.ensure_future(told.get_async())
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = asyncio.ensure_future(told.get_async())
        await asyncio.sleep(0)
        child = job.Popen(SLEEP)
        one = await second
        assert (one.message, one.pid) == ("new", child.pid), "the cancelled one took none"
        end(child)
        assert [(await told.get_async()).message for _ in range(2)] == ["exit", "zero"]

    asyncio.run(main())


def test_a_forked_child_has_none_and_the_parent_keeps_its_own(job, told):
    copies = len(os.listdir("/proc/self/fd"))
    with job.Popen(SLEEP) as child:
        assert told.get().message == "new"
        told.protected = True
        pid = os.fork()
        if pid == 0:
            try:
                ours = len(os.listdir("/proc/self/fd"))
                try:
                    told.get(0)
                except byname.ClosedError:
                    with job.notifications() as own:  # and may ask for its own
                        one = own.get()
                        os._exit(0 if (one.message, one.pid) == ("new", child.pid) and ours <= copies else 3)
                os._exit(2)
            finally:
                os._exit(1)
        told.protected = False
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        end(child)
        assert [told.get().message for _ in range(2)] == ["exit", "zero"]


SUBSCRIBER = """
import byname, sys
with byname.Job.open(sys.argv[1]) as job, job.notifications() as told:
    print(told.get().pid, flush=True)
    told.get()
"""


def test_a_subscriber_that_is_killed_leaves_the_others_theirs(name):
    with byname.Job(name, kill_on_close=True) as job, job.notifications() as told:
        with job.Popen(SLEEP) as child:
            with subprocess.Popen([sys.executable, "-c", SUBSCRIBER, name], stdout=subprocess.PIPE) as other:
                assert int(other.stdout.readline()) == child.pid
                other.kill()
            assert told.get().pid == child.pid
            end(child)
            assert [told.get().message for _ in range(2)] == ["exit", "zero"]


def test_no_thread_and_no_descriptor_without_a_subscription(tmp_path):
    script = """
import byname, os
seen = lambda: (len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))
with byname.Job() as job:
    with job.Popen(["true"]) as child:
        child.wait()
    before = seen()
    with job.notifications() as told:
        with job.Popen(["true"]) as child:
            child.wait()
        assert [told.get().message for _ in range(3)] == ["new", "exit", "zero"]
        assert seen()[0] == before[0] + 1
    after = seen()
    assert after[1] - before[1] == 1, (before, after)  # what the thread sleeps on
    for _ in range(100):
        job.notifications().close()
    assert seen() == after
"""
    subprocess.run([sys.executable, "-c", script], check=True)
