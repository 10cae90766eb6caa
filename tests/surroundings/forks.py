"""Processes that are made and replaced while others of their threads hold and wait.

What fork keeps and what a child may do, with waits of other threads, pending waits and grants: tests/python/test_processes.py. Forked
drivers in all languages: tests/scenarios. Here: owners that are other threads, vfork, exec.
"""

import os
import signal
import subprocess
import sys

import byname
import tools


def test_fork_while_others_hold_and_wait():
    """A hundred forks amid threads that hold, wait and take turns: no child owns, hangs or disturbs, and no unit is lost or doubled."""
    tools.run_c("forks", "fork")


def test_vfork():
    """Children of vfork, which only exec or exit, amid the same threads."""
    tools.run_c("forks", "vfork")


def test_children_of_children():
    """A chain of forks, each in the child of the last; the middle ones end first, and what they owned is abandoned one by one."""
    tools.run_c("forks", "chain")


def test_subprocesses_keep_nothing_open():
    """posix_spawn and subprocess: the new program gets no descriptor of ours and keeps no name alive."""
    event = byname.Event("e")
    event.fileno()
    # The program itself is asked what it has open: `ls` has the folder open besides.
    for close in (True, False):
        out = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=close, stdout=subprocess.PIPE, text=True, check=True).stdout
        assert "/proc/" in out and "byname" not in out and "eventfd" not in out, out
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "input()"], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, 1)], setpgroup=0)
    event.close()
    try:
        assert byname.Event("e").created, "the name went with its last handle"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


HOLD_AND_EXEC = """
m, s, g = byname.Mutex('m'), byname.Semaphore('s', robust=True), byname.Mutex('group')
def hold():
    g.acquire(); say('held'); time.sleep(1e6)
m.acquire(); m.acquire(); unit = s.acquire()
in_thread(lambda: 0)
threading.Thread(target=hold, daemon=True).start()
sys.stdin.readline()
os.execv(sys.executable, [sys.executable, '-c', 'print("executed", flush=True); input()'])
"""


def test_exec_while_holding():
    """The program that comes has nothing of the one that went, though its process lives on: its mutexes are abandoned, its robust unit is back,
    and a name that it alone had is gone."""
    m, g, s = byname.Mutex("m"), byname.Mutex("group"), byname.Semaphore("s", 1, 1, robust=True)
    with tools.Child("alone = byname.Event('alone')\n" + HOLD_AND_EXEC) as child:
        child.expect("held")
        assert byname.Event.open("alone")
        assert m.owner[0] == g.owner[0] == child.process.pid

        def wait(mutex):
            with mutex:
                return mutex.abandoned

        waiting = [tools.Thread(wait, m), tools.Thread(s.acquire)]
        tools.until_waiting(2)
        child.tell("exec")
        child.expect("executed")
        assert waiting[0].result() is True
        with waiting[1].result() as unit:
            assert unit.abandoned
        assert g.acquire(timeout=60) and g.abandoned, "that another thread held"
        g.release()
        assert child.process.poll() is None, "the process lives"
        assert byname.Event("alone").created
    for mutex in (m, g):
        with mutex:
            assert not mutex.abandoned, "abandonment is told once"
