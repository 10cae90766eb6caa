"""Jobs as Python has them, by the means that there are here; the surroundings run this file without control groups, too."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys

import byname
import pytest

SLEEP = [sys.executable, "-c", "import time; time.sleep(1000)"]

try:
    byname.Job().close()
except byname.UnsupportedError as no_jobs:
    pytestmark = pytest.mark.skip(reason=str(no_jobs))


@pytest.fixture
def job(name):
    with byname.Job(name, kill_on_close=True) as job:
        yield job


def test_popen_terminate_and_codes(job):
    with job.Popen(SLEEP) as child, byname.Process.open(child.pid) as process:
        assert job.pids == [child.pid] and job.contains(child.pid) and not job.contains(os.getpid())
        assert not job.wait(0) and job.backend in ("cgroup2", "processes")
        job.terminate(123)
        assert job.wait() and process.wait()
        assert process.exit_code == 123
        assert child.wait() == -signal.SIGKILL
    assert job.wait(0), "JL3: it stays signalled"
    assert job.accounting.total_processes == 1


def test_popen_takes_what_popen_takes(job):
    ran = []
    with job.Popen("echo $word", shell=True, env={"word": "hello"}, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: ran.append(1)) as child:
        assert child.stdout.read() == "hello\n"
    assert not ran, "it ran in the child"
    with pytest.raises(FileNotFoundError):
        job.Popen(["/no/such/program"])
    assert job.accounting.total_processes == 1


def test_a_daemon_does_not_escape(job):
    script = "(setsid sleep 1000 >/dev/null & ) ; echo started"
    with job.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "started\n"
    [daemon] = job.pids
    with byname.Process.open(daemon) as process:
        job.close()  # the last handle
        assert process.wait()


def test_assign(job, name):
    with subprocess.Popen(SLEEP) as child:
        byname.Job.open(name).assign(child.pid)
        assert job.pids == [child.pid]
        with pytest.raises(byname.AccessDeniedError, match="already"):
            job.assign(child.pid)
        with byname.Job() as other, pytest.raises(byname.AccessDeniedError, match="another job"):
            other.assign(child.pid)
        job.terminate(1)


def test_limits(job):
    assert job.limits == byname.Job.open(job.name).limits
    for bad in ({"active_processes": 0}, {"active_processes": 2**40}, {"memory": 1}, {"memory": -1}, {"memory": 2**70}):
        with pytest.raises(byname.InvalidArgumentError):
            job.limit(**bad)
    for bad in ({"active_processes": "1"}, {"memory": 1.5}, {"kill_on_close": 1}):
        with pytest.raises(TypeError):
            job.limit(**bad)
    assert job.limits.kill_on_close, "nothing was changed"
    try:
        job.limit(active_processes=1, memory=2**28, kill_on_close=True)
    except byname.UnsupportedError as no_controller:
        pytest.skip(str(no_controller))
    with job.Popen(SLEEP):
        for start in (lambda: job.Popen(SLEEP), lambda: job.assign(spare.pid)):
            with subprocess.Popen(SLEEP) as spare:
                with pytest.raises(byname.LimitReachedError) as full:
                    start()
                assert full.value.win32 == 1816
                spare.kill()
        assert job.accounting.terminated_processes == 1
        job.terminate(0)
    job.limit(kill_on_close=True)
    assert job.limits.active_processes is None and job.limits.memory is None


def test_accounting(job):
    with job.Popen([sys.executable, "-c", "sum(range(10**6)); import mmap; mmap.mmap(-1, 1 << 24).write(bytes(1 << 24))"]) as child:
        child.wait()
    spent = job.accounting
    assert spent.active_processes == 0
    assert job.backend == "processes" or spent.user_time + spent.system_time > 0, "by a walk only the living tell"
    assert spent.memory_peak is None or spent.memory_peak > 1 << 24


def test_asyncio(job):
    async def main():
        waiting = asyncio.ensure_future(job.wait_async())
        await asyncio.sleep(0)
        job.terminate(0)
        assert await waiting is True

    asyncio.run(main())


def test_names_pickles_and_rights(job, name):
    again = pickle.loads(pickle.dumps(job))
    assert again.name == name and not again.created
    again.close()
    with pytest.raises(byname.WrongKindError):
        byname.Event(name)
    looks = byname.Job.open(name, access=0x0004)
    assert looks.pids == []
    for refused in (lambda: looks.assign(os.getpid()), lambda: looks.terminate(1), lambda: looks.limit(), lambda: looks.Popen(SLEEP)):
        with pytest.raises(byname.AccessDeniedError):
            refused()
    looks.close()
    with pytest.raises(TypeError):
        byname.Job(kill_on_close=1)
    for bad in (0, -5, 2**40):
        with pytest.raises(byname.InvalidArgumentError):
            job.assign(bad)


HOLDER = """
import byname, os, sys
job = byname.Job(kill_on_close=True)
print(job.Popen(["sleep", "1000"]).pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("how", ["killed", "exits", "forked"])
def test_the_last_holders_death_kills(how):
    """Its namespace is its own, so that nobody but the guard is there to do it."""
    env = {**os.environ, "BYNAME_SESSION": f"{os.environ['BYNAME_SESSION']}-{how}"}
    code = HOLDER if how != "forked" else HOLDER + "os.fork() or os.kill(os.getpid(), 9)\nimport os; os.waitpid(-1, 0)"
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        with byname.Process.open(int(holder.stdout.readline())) as member:
            assert not member.wait(0)
            if how == "killed":
                holder.kill()
            holder.stdin.close()
            assert member.wait()
    byname.Event(namespace=byname.Namespace(env["BYNAME_SESSION"])).close()  # reaps, and removes it in the end
