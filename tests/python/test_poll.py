"""Descriptors for other people's loops: selectors, select, epoll and asyncio, within a process and between two."""

import asyncio
import os
import select
import selectors

import byname
import pytest
from helpers import Child, Thread, open_files, until

ROUNDS = 10_000


def readable(*handles):
    """Those of the handles that are readable now."""
    return select.select(handles, [], [], 0)[0]


def test_a_handle_is_a_file_for_selectors():
    one, two = byname.Event(), byname.Semaphore(initial=1, maximum=2)
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, "one")
        selector.register(two, selectors.EVENT_READ, "two")
        assert [key.data for key, _ in selector.select()] == ["two"]
        assert two.acquire(blocking=False)
        assert not two.acquire(blocking=False)
        setter = Thread(one.set)
        assert [key.data for key, _ in selector.select()] == ["one"]
        setter.result()
    assert one.is_set, "nothing is consumed"
    assert one.wait(0)
    assert not one.wait(0)
    assert readable(one, two) == []
    two.release()
    one.close()
    two.close()


def test_the_descriptor_belongs_to_the_handle():
    before = open_files()
    event = byname.Event()
    assert event.fileno() == event.fileno()
    assert os.get_inheritable(event.fileno()) is False
    other = byname.Event()
    assert other.fileno() != event.fileno()
    assert open_files() == before + 2
    event.close()
    del other
    assert open_files() == before
    with pytest.raises(byname.ClosedError):
        event.fileno()


def test_a_mutex_is_readable_when_it_is_free():
    mutex = byname.Mutex()
    assert readable(mutex) == [mutex]
    with mutex:
        assert Thread(mutex.acquire, False).result() is False
        assert readable(mutex) == []
    assert select.select([mutex], [], [])[0] == [mutex]
    mutex.close()


def test_closed_while_it_is_polled():
    event = byname.Event()
    poll = select.epoll()
    poll.register(event, select.EPOLLIN)
    event.set()
    assert len(poll.poll()) == 1
    event.close()
    assert poll.poll(0) == []
    poll.close()


def test_epoll_misses_nothing_of_another_process(name):
    event, taken = byname.Event(f"{name}-event"), byname.Event(f"{name}-taken")
    setter = f"""
event, taken = byname.Event({event.name!r}), byname.Event({taken.name!r})
for _ in range({ROUNDS}):
    event.set()
    taken.wait()
"""
    poll = select.epoll()
    poll.register(event, select.EPOLLIN)
    with Child(setter) as child:
        got = 0
        while got < ROUNDS:
            poll.poll()
            if event.wait(0):
                got += 1
                taken.set()
        child.end()
    assert not event.wait(0)
    poll.close()
    event.close()
    taken.close()


@pytest.fixture(scope="module")
def libuvs():
    uvloop = pytest.importorskip("uvloop")
    uvloop.new_event_loop().close()  # the first one makes descriptors that stay
    return uvloop.new_event_loop


def test_add_reader(name):
    add_reader(name, asyncio.new_event_loop())


def test_add_reader_of_libuv(libuvs, name):
    add_reader(name, libuvs())


def add_reader(name, loop):
    event, taken = byname.Event(f"{name}-event"), byname.Event(f"{name}-taken")
    setter = f"""
event, taken = byname.Event({event.name!r}), byname.Event({taken.name!r})
for _ in range(1000):
    event.set()
    taken.wait()
"""

    async def main():
        done = asyncio.Event()
        got = 0

        def look():
            nonlocal got
            while event.wait(0):
                got += 1
                taken.set()
                if got == 1000:
                    done.set()

        loop.add_reader(event.fileno(), look)
        await done.wait()
        loop.remove_reader(event.fileno())
        return got

    with Child(setter) as child:
        assert loop.run_until_complete(main()) == 1000
        loop.close()
        child.end()
    event.close()
    taken.close()


def test_an_owner_that_is_killed(name):
    mutex = byname.Mutex(name)
    owner = f"mutex = byname.Mutex({name!r}); mutex.acquire(); say('holding'); time.sleep(1000)"
    with Child(owner) as child:
        child.expect("holding")
        assert mutex.acquire(blocking=False) is False
        assert readable(mutex) == []
        child.kill()
        assert select.select([mutex], [], [])[0] == [mutex]
        assert mutex.acquire(blocking=False)
        assert mutex.abandoned
        mutex.release()
    mutex.close()


def test_the_child_of_a_fork_makes_its_own(name):
    code = f"""
import os, select
event = byname.Event({name!r})
parents = event.fileno()
child = os.fork()
if not child:
    before = os.listdir('/proc/self/fd')
    assert event.fileno() != parents
    assert len(os.listdir('/proc/self/fd')) == len(before), 'the inherited one is closed'
    assert select.select([event], [], [])[0] == [event]
    assert event.wait(0) and not event.wait(0)
    os._exit(select.select([event], [], [], 0)[0] != [])
event.set()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert event.wait(0) is False
assert select.select([event], [], [], 0)[0] == []
event.set()
assert select.select([event], [], [])[0] == [event]
"""
    with Child(code, options=["-Wignore"]) as child:
        child.end()


def test_what_is_left_to_the_garbage(name):
    before = open_files()
    for _ in range(200):
        byname.Event().fileno()
    until(lambda: open_files() == before, "descriptors are left")
