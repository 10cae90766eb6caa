"""Truncation of the namespace's file beside faulthandler and Python's own handlers, and byname told to leave SIGBUS alone."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest
from helpers import PATIENCE

PRELUDE = """
import byname, faulthandler, os, resource, signal, sys, threading
from byname._byname import _usage
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def stat(task):
    try: return open(f'/proc/self/task/{task}/stat').read()
    except OSError: return ''
def truncate(namespace=None):
    "While the keeper sleeps: until its belt, it touches nothing then."
    while not any('(byname-keeper) S' in stat(task) for task in os.listdir('/proc/self/task')): pass
    os.truncate((namespace or byname.Namespace()).path, 0)
def is_lost(call):
    try: call()
    except byname.NamespaceLostError: return
    raise SystemExit('not lost')
def met(call):
    try: call()
    except byname.Error: pass
"""


def play(code, *options):
    """A process of its own, whose namespaces are in a directory of their own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="byname-test-") as directory:
        command = [sys.executable, *options, "-c", PRELUDE + code]
        return subprocess.run(command, env={**os.environ, "BYNAME_DIR": directory}, capture_output=True, text=True, timeout=PATIENCE)


def is_well(run):
    assert run.returncode == 0, run


def dies_of_sigbus(run):
    assert run.returncode == -signal.SIGBUS, run


TRUNCATED = """
e = byname.Event('e')
{after}
threads = [threading.Thread(target=is_lost, args=(call,)) for call in (e.wait, byname.Semaphore('s', 0).acquire)]
for t in threads: t.start()
while _usage()[2] < 2: pass
truncate()
met(e.set)
is_lost(e.set)
for t in threads: t.join()
print('told')
"""


@pytest.mark.parametrize("options", [(), ("-X", "faulthandler")])
def test_faulthandler_before(options):
    """It sees nothing of a truncation."""
    run = play("faulthandler.enable()\n" + TRUNCATED.format(after=""), *options)
    is_well(run)
    assert (run.stdout, run.stderr) == ("told\n", "")


def test_faulthandler_after():
    """It writes its traceback, since it is asked first, and passes the signal on; the process goes on."""
    run = play(TRUNCATED.format(after="faulthandler.enable()"))
    is_well(run)
    assert run.stdout == "told\n"
    assert run.stderr.startswith("Fatal Python error: Bus error")


def test_a_second_loss_after_faulthandler():
    """faulthandler has put byname's handler back when it passed on the first."""
    is_well(play(TRUNCATED.format(after="faulthandler.enable()") + "n = byname.Namespace('n'); e = byname.Event('e', namespace=n)\ntruncate(n); met(e.set); is_lost(e.set)"))


@pytest.mark.parametrize("code", ["faulthandler.enable(); byname.Event('e')", "byname.Event('e'); faulthandler.enable()"])
@pytest.mark.parametrize("send", ["os.kill(os.getpid(), signal.SIGBUS)", "signal.raise_signal(signal.SIGBUS)"])
def test_what_is_sent_goes_to_faulthandler_and_kills(code, send):
    run = play(f"{code}\n{send}\nthreading.Event().wait()")
    dies_of_sigbus(run)
    assert run.stderr.startswith("Fatal Python error: Bus error"), run


def test_what_is_sent_kills_without_faulthandler():
    dies_of_sigbus(play("byname.Event('e'); os.kill(os.getpid(), signal.SIGBUS); threading.Event().wait()"))


def test_faulthandler_disabled_after():
    """It puts back what it found, which was there before byname's: the guard is gone. docs/semantics.md says so."""
    dies_of_sigbus(play("faulthandler.enable(); e = byname.Event('e'); faulthandler.disable(); truncate(); e.set()"))


def test_a_handler_of_pythons_before():
    run = play("signal.signal(signal.SIGBUS, lambda *_: print('heard'))\n" + TRUNCATED.format(after="signal.raise_signal(signal.SIGBUS)"))
    is_well(run)
    assert run.stdout == "heard\ntold\n"


def test_a_handler_of_pythons_after():
    """It is called when the call has ended: which it does when the keeper has made the file long again."""
    run = play(TRUNCATED.format(after="signal.signal(signal.SIGBUS, lambda *_: None)"))
    is_well(run)
    assert run.stdout == "told\n"


def test_left_alone():
    dies_of_sigbus(play("byname.leave_sigbus_alone(); e = byname.Event('e'); assert signal.getsignal(signal.SIGBUS) == signal.SIG_DFL; truncate(); e.set()"))
