"""Processes as Python has them: any pid, one wait with anything else, exit codes."""

import asyncio
import os
import pickle
import subprocess
import sys

import byname
import pytest

CAT = [sys.executable, "-c", "input()"]


@pytest.fixture
def child():
    with subprocess.Popen(CAT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        yield child
        child.kill()


def test_its_end_is_one_wait_with_an_event(child):
    news = byname.Event()
    with byname.Process.open(child.pid) as process:
        assert (process.pid, process.exit_code, process.name, process.created) == (child.pid, None, None, False)
        news.set()
        assert byname.wait_any([process, news]).index == 1
        child.stdin.write(b"\n")
        child.stdin.close()
        result = byname.wait_any([news, process])
        assert result.index == 1 and not result.grants
        assert process.wait() and process.wait(0), "nothing is consumed"
        assert process.exit_code == 0
        assert child.wait() == 0
    news.close()


def test_terminate(child):
    with byname.Process.open(child.pid) as process:
        process.terminate(0xFFFFFFFF)
        assert process.wait() and process.exit_code == 0xFFFFFFFF
        assert child.wait() == -9
        with pytest.raises(byname.AccessDeniedError):
            process.terminate(1)


def test_a_signal_is_told_as_a_shell_tells_it(child):
    with byname.Process.open(child.pid) as process:
        os.kill(child.pid, 15)
        process.wait()
        assert process.exit_code == 128 + 15


def test_asyncio(child):
    async def main():
        process = byname.Process.open(child.pid)
        assert await process.wait_async(timeout=0.001) is False
        waiting = asyncio.ensure_future(process.wait_async())
        await asyncio.sleep(0)
        child.kill()
        assert await waiting is True
        process.close()

    asyncio.run(main())


def test_a_forked_child_watches_for_itself(child):
    process = byname.Process.open(child.pid)
    middle = os.fork()
    if middle == 0:  # whose child, again, outlives it: only its own thread can tell it of the end
        if os.fork() == 0:
            os.close(1)
            process.wait()
            os._exit(0 if process.exit_code == 128 + 9 else 1)
        os._exit(0)
    os.waitpid(middle, 0)
    process.close()
    child.kill()
    child.wait()


def test_fork_and_wait(child):
    process = byname.Process.open(child.pid)
    forked = os.fork()
    if forked == 0:
        os._exit(7 if process.wait() else 1)
    child.kill()
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 7 if hasattr(os, "waitstatus_to_exitcode") else True
    process.close()


def test_a_grandchild_that_was_reaped_by_its_parent():
    script = (
        "import os, sys\npid = os.fork()\nif pid == 0: sys.stdin.readline(); os._exit(5)\n"
        "print(pid, flush=True)\nos.waitpid(pid, 0)\nprint('reaped', flush=True)\nsys.stdin.readline()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        with byname.Process.open(int(parent.stdout.readline())) as process:
            print(file=parent.stdin, flush=True)
            assert parent.stdout.readline() == "reaped\n"
            process.wait()
            try:
                assert process.exit_code == 5
            except byname.UnsupportedError:
                pass  # before Linux 6.15
        parent.stdin.close()


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**63, -(2**64)])
def test_what_is_no_process(pid):
    with pytest.raises(byname.InvalidArgumentError) as refused:
        byname.Process.open(pid)
    assert refused.value.win32 == 87


@pytest.mark.parametrize("pid", [None, "1", 1.5, True])
def test_what_is_no_number(pid):
    with pytest.raises(TypeError, match="pid must be an int"):
        byname.Process.open(pid)


def test_rights_and_kinds():
    with byname.Process.open(os.getpid(), access=byname.Access.SYNCHRONIZE) as process:
        assert process.wait(0) is False
        for refused in (lambda: process.exit_code, lambda: process.terminate(1)):
            with pytest.raises(byname.AccessDeniedError):
                refused()
        for code in (-1, 2**32):
            with pytest.raises(byname.InvalidArgumentError):
                process.terminate(code)
        with pytest.raises(TypeError):
            pickle.dumps(process)
        with pytest.raises(TypeError):
            byname.Process()
    with pytest.raises(byname.ClosedError):
        process.wait(0)
