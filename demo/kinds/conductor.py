"""The conductor of the demo of kinds: makes the objects, starts four programs in a job, starts the worker again when its watchdog has killed it, and judges.

    conductor.py

The command line of each program comes in the environment (DEMO_CAMERA, DEMO_VIEWER, DEMO_OPERATOR, DEMO_WORKER), words parted by tabs; so does the
namespace (BYNAME_SESSION). Exits with 0 if everything held.
"""

import os
import subprocess
import sys

import byname
from byname import Event, Job, Mapping, Process, Queue, Semaphore, Timer, Watchdog, wait_all, wait_any

PICTURES = 100  # that the viewer verifies at least
COMMANDS = 40  # as the operator has it
TICK = 0.01  # seconds between two pictures
PERIOD, GRACE = 0.5, 0.1  # in which the worker must show that it lives, and how long after that it is killed, in seconds
PATIENCE = 120.0  # seconds; far more than any of this takes
KILLED = 128 + 9

failed = []


def say(name, text):
    print(f"  {name:<8}{text}", flush=True)


def judge(holds, text):
    say("ok" if holds else "FAIL", text)
    if not holds:
        failed.append(text)


def crew():
    """The job, or None where this system has none for this user."""
    try:
        job = Job("crew", kill_on_close=True)
    except byname.UnsupportedError as error:
        say("job", f"none here: {error}")
        return None
    say("job", f"crew, by {job.backend}")
    return job


def start(job, program):
    command = os.environ[f"DEMO_{program.upper()}"].split("\t")
    return (job.Popen if job else subprocess.Popen)(command, stdout=subprocess.PIPE, text=True)


def words(child):
    """What a program that has ended said last."""
    out, _ = child.communicate(timeout=PATIENCE)
    return [int(word) for word in out.split()] if child.returncode == 0 else None


def main():
    stop, back = Event("stop", manual_reset=True), Event("the worker is back")
    ready, seen, finished = (Semaphore(name, initial=0, maximum=1_000_000) for name in ("ready", "seen", "finished"))
    clock, frames = Timer("clock"), Mapping("frames", 65_536)
    commands = Queue("commands", max_messages=4, max_size=64, allow_broken=True)
    replies = Queue("replies", max_messages=4, max_size=64, allow_broken=True)
    dog = Watchdog("honest", PERIOD, GRACE, "kill")
    job = crew()
    programs = {name: start(job, name) for name in ("camera", "viewer", "operator", "worker")}
    for _ in programs:
        if not ready.acquire(timeout=PATIENCE):
            raise SystemExit("a program did not begin")
    clock.set(TICK, period=TICK)

    ends = []
    worker = Process.open(programs["worker"].pid)
    while True:
        news = wait_any([worker, finished], timeout=PATIENCE)
        if not news:
            raise SystemExit("nothing happens any more")
        if news.index == 1:
            break
        ends.append((worker.exit_code, dog.state.stage))
        programs["worker"].communicate()
        programs["worker"] = start(job, "worker")
        worker = Process.open(programs["worker"].pid)
        ready.acquire(timeout=PATIENCE)
        back.set()
    for _ in range(PICTURES):
        if not seen.acquire(timeout=PATIENCE):
            raise SystemExit("no more pictures")
    clock.cancel()
    stop.set()
    everybody = [Process.open(child.pid) for child in programs.values()]
    together = wait_all(everybody, timeout=PATIENCE)
    said = {name: words(child) for name, child in programs.items()}

    judge(bool(together), "all four ended, told by one wait for all of them")
    pictures, (verified, wrong) = said["camera"][0], said["viewer"]
    judge(PICTURES <= verified <= pictures == frames.version, f"{pictures} pictures published, one for each tick; {verified} seen, and each was whole")
    judge(wrong == 0, "none was seen half made or after its time")
    judge(said["operator"] == [COMMANDS, 1], f"{COMMANDS} commands answered, each once; one had to be sent again")
    judge(ends == [(KILLED, "expired")], f"the worker that hung was killed by its watchdog: {ends}")
    judge(said["worker"] == [COMMANDS - 16], "the worker that took its place did the rest")
    judge((commands.info().messages, replies.info().messages, dog.state.stage) == (0, 0, "stopped"), "the queues are empty, the watchdog is stopped")
    if job:
        judge(job.accounting.total_processes == 5 and job.accounting.active_processes == 0, "the job counted five programs, and none runs")
        show_the_end_of_the_job(job)
    return bool(failed)


def show_the_end_of_the_job(job):
    """A daemon: its parent has ended, and it has a session of its own. It is in the job all the same."""
    shell = job.Popen(["sh", "-c", "setsid sleep 1000 > /dev/null & echo $!"], stdout=subprocess.PIPE, text=True)
    daemon = Process.open(int(shell.communicate(timeout=PATIENCE)[0]))
    runs = not daemon.wait(timeout=0)
    job.close()
    judge(runs and daemon.wait(timeout=PATIENCE), "a daemon that one of its programs left ended with the job's last handle")


if __name__ == "__main__":
    sys.exit(main())
