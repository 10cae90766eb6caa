"""The namespace's file taken away under its users: everybody is told, whatever he does at the moment.

One process at a time, in each language: the rows of tests/scenarios with `no-file`. Here a whole company at once, and each way to lose a file.
"""

import asyncio
import os

import byname
import common
import tools

COMPANY = """
m, e, s, h = byname.Mutex('m'), byname.Event('e'), byname.Semaphore('s', 0), byname.Event('h', manual_reset=True)
def lost(call):
    try: call()
    except byname.NamespaceLostError as error: assert error.win32 == 1167; return
    except Exception as error: say('otherwise', repr(error)); return
    say('no error')
async def tasks():
    calls = [m.acquire_async, e.wait_async, s.acquire_async, lambda: byname.wait_any_async([e, s]), lambda: byname.wait_all_async([m, e])]
    waiting = [asyncio.ensure_future(call()) for call in calls]
    for task in waiting:
        try: await task
        except byname.NamespaceLostError: pass
        else: say('no error')
import asyncio
calls = [m.acquire, e.wait, h.wait, s.acquire, lambda: byname.wait_any([m, e, s]), lambda: byname.wait_all([m, e]), lambda: m.acquire(timeout=1e6)]
threads = [in_thread(lost, call) for call in calls] + [in_thread(asyncio.run, tasks())]
while _usage()[2] < len(calls) + 5: time.sleep(0.001)
say('all wait')
for thread in threads: thread.join()
for call in (m.acquire, e.set, e.is_set, s.release, lambda: byname.Event('new'), lambda: byname.Mutex.open('m'), m.release):
    lost(call)
m.close(); e.close(); s.close(); h.close()
say('all told')
"""


def lose(take_away):
    """A company of three processes, and an owner, is told when `take_away(path)` is done."""
    mutex = byname.Mutex("m", initially_owned=True)
    company = [tools.Child(COMPANY) for _ in range(3)]
    for child in company:
        child.expect("all wait")
    path = byname.Namespace().path
    take_away(path)
    for child in company:
        child.expect("all told")
        child.end()

    def owner_is_told():
        try:
            mutex.release()
        except byname.NamespaceLostError:
            return True
        except (byname.NotOwnerError, byname.CorruptedError):
            pass  # what a truncated file looks like until that is noticed: this is promised, exclusion is not
        return False

    tools.until(owner_is_told, "the owner is not told")
    return path


def test_deleted():
    path = lose(os.unlink)
    assert not os.path.exists(path), "nobody makes it anew in its place"
    with tools.Child("e = byname.Event('e'); assert e.created; say('new')") as child:
        child.expect("new")
        child.end()


def test_renamed():
    """A path that leads nowhere may be out of reach for this process only; once somebody makes the namespace anew it is lost."""
    moved, successors = [], []

    def rename(path):
        moved.append(path + ".moved")
        os.rename(path, moved[0])
        successors.append(tools.Child("e = byname.Event('e'); assert e.created; say('anew'); sys.stdin.read()"))
        successors[0].expect("anew")

    lose(rename)
    successors[0].process.communicate(timeout=tools.PATIENCE)
    os.unlink(moved[0])


def test_replaced():
    def replace(path):
        with open(path + ".other", "w") as other:
            other.write("somebody else's")
        os.rename(path + ".other", path)

    path = lose(replace)
    with open(path) as other:
        assert other.read() == "somebody else's", "and his is left as it is"
    os.unlink(path)


def test_truncated():
    """To nothing: the pages are gone under who touches them, which is SIGBUS but for the library's handler."""
    truncated(0)


def test_truncated_in_the_middle():
    """Behind the header and the processes: what is left looks well, to the keepers above all."""
    truncated(16 << 20)


def truncated(size):
    path = lose(lambda path: os.truncate(path, size))
    with tools.Child("""
        try: byname.Event('e')
        except byname.CorruptedError: say('refused')
    """) as child:
        child.expect("refused")
        child.end()
    os.unlink(path)


def test_another_namespace_goes_on():
    """A loss is one namespace's; the other of the same process, with its waits, knows nothing of it."""
    other = byname.Namespace(os.environ["BYNAME_SESSION"] + ".other")
    here, there = byname.Event("e"), byname.Event("e", namespace=other)
    waiting = [tools.Thread(here.wait), tools.Thread(there.wait)]
    tools.until_waiting(1)
    os.unlink(byname.Namespace().path)
    try:
        waiting[0].result()
    except byname.NamespaceLostError:
        pass
    else:
        raise AssertionError("it was not told")
    assert waiting[1].is_alive()
    there.set()
    assert waiting[1].result() is True
    assert byname.Mutex("m", namespace=other).created


def test_directory_out_of_reach():
    """A process that changes its root sees no path any more: that is no loss (and neither is its descriptor, which it still has)."""
    if os.geteuid():
        raise common.Skip("only root may change its root")
    with tools.Child("""
        e = byname.Event('e')
        os.chroot(sys.argv[1]); os.chdir('/')
        say('away'); sys.stdin.readline()
        e.set()
        say('well'); sys.stdin.read()
    """, "/usr") as child:
        child.expect("away")
        event = byname.Event("e")
        assert not event.wait(2.5), "two belts of its keeper"
        child.tell("go on")
        child.expect("well")
        assert event.wait(60)


def test_tasks_are_told_while_nothing_else_happens():
    """A loop that only waits, in a process without any blocked thread."""
    event = byname.Event("e")

    async def main():
        waiting = asyncio.ensure_future(event.wait_async())
        while not tools.waiters():
            await asyncio.sleep(0)
        os.unlink(byname.Namespace().path)
        try:
            await waiting
        except byname.NamespaceLostError:
            return True

    assert asyncio.run(main())
