"""Watchdogs as Python has them: `with`, float seconds, asyncio."""

import asyncio
import math
import os
import pickle
import signal
import socket
import subprocess
import sys

import byname
import pytest


def dog(period=60, grace=60, action="none", **more):
    return byname.Watchdog(None, period, grace, action, **more)


def test_with_starts_and_stops():
    with dog() as w:
        assert (w.state.stage, w.state.pid) == ("running", os.getpid())
        assert 59 < w.state.remaining <= 60
        w.refresh()
    assert (w.state.stage, w.state.pid, w.state.remaining) == ("stopped", None, None)
    with pytest.raises(RuntimeError):
        with w:
            raise RuntimeError
    assert w.state.stage == "stopped"
    w.close()
    with pytest.raises(byname.ClosedError):
        w.__enter__()


def test_stages():
    w = dog(0.002, 60, "kill")
    w.start()
    assert w.wait() and w.wait(0) and w.state.stage == "grace"
    w.stop()
    assert not w.wait(0.01)
    w = dog(0.002, 0)
    w.start()
    assert w.wait() and w.state.stage == "expired"
    assert repr(w.state) == f"WatchdogState(stage='expired', pid={os.getpid()}, remaining=None, period=0.002, grace=0.0, action='none')"


def test_asyncio():
    async def work():
        w = dog(0.002, 0)
        assert await w.wait_async(timeout=0.001) is False
        waiting = asyncio.ensure_future(w.wait_async())
        await asyncio.sleep(0)
        w.start()
        assert await waiting
        result = await byname.wait_any_async([byname.Event(), w])
        assert result.index == 1 and result.grants == ()

    asyncio.run(work())


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, 2147483.648])
def test_times_out_of_range(wrong):
    with pytest.raises(byname.InvalidArgumentError, match="period"):
        dog(period=wrong)
    if wrong != 0:
        with pytest.raises(byname.InvalidArgumentError, match="grace"):
            dog(grace=wrong)


def test_wrong_arguments():
    for wrong in (None, 1, b"kill"):
        with pytest.raises(TypeError, match='action must be "kill" or "none"'):
            dog(action=wrong)
    with pytest.raises(byname.InvalidArgumentError, match="Kill"):
        dog(action="Kill")
    for what in ("period", "grace"):
        for wrong in (True, "1", None):
            with pytest.raises(TypeError, match=what):
                dog(**{what: wrong})
    with pytest.raises(TypeError, match="systemd must be a bool"):
        dog(systemd=1)
    with pytest.raises(TypeError):
        byname.Watchdog("no action", 1, 1)


def test_pickle():
    w = byname.Watchdog("pickled dog", 60, 1, "none")
    w.start()
    assert pickle.loads(pickle.dumps(w)).state.stage == "running"


def test_kills_a_child():
    w = byname.Watchdog("kills", 0.05, 0.05, "kill")
    code = "import byname, time; byname.Watchdog.open('kills').start(); time.sleep(60)"
    child = subprocess.run([sys.executable, "-c", code], check=False)
    assert child.returncode == -signal.SIGKILL
    assert w.wait(0) and w.state.stage == "expired"


def test_systemd(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        dog().refresh()
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        dog(systemd=True).refresh()
        assert systemd.recv(100) == b"WATCHDOG=1"
    dog(systemd=True).refresh()  # nobody listens
