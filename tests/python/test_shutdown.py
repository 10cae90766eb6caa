"""The interpreter ends while waits are pending and things are held: no hang, no crash, no word, nothing left."""

import os
from pathlib import Path

import byname
import pytest
from helpers import Child

PENDING = {
    "daemon threads that wait": """
m = byname.Mutex(sys.argv[1], initially_owned=True)
e = byname.Event()
for call in m.acquire, e.wait, m.__enter__, lambda: byname.wait_any([m, e]), lambda: e.wait(1000):
    threading.Thread(target=call, daemon=True).start()
while _usage()[2] < 5: time.sleep(0.001)
""",
    "daemon threads that wake and sleep": """
m = byname.Mutex(sys.argv[1])
def work():
    while True:
        with m: time.sleep(0)
for _ in range(4): threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
""",
    "a loop with waits, never closed": """
import asyncio
e = byname.Event(sys.argv[1])
loop = asyncio.new_event_loop()
tasks = [loop.create_task(e.wait_async()) for _ in range(100)]
while _usage()[2] < 100: loop.run_until_complete(asyncio.sleep(0))
for t in tasks: t._log_destroy_pending = False
""",
    "a loop in a daemon thread": """
import asyncio
m = byname.Mutex(sys.argv[1], initially_owned=True)
async def main(): await asyncio.gather(*(m.acquire_async() for _ in range(100)))
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
while _usage()[2] < 100: time.sleep(0.001)
""",
    "waits that end while the interpreter does": """
import asyncio
e = byname.Event(sys.argv[1], manual_reset=True)
async def main(): await asyncio.gather(*(e.wait_async() for _ in range(1000)))
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
while _usage()[2] < 1000: time.sleep(0.001)
e.set()
""",
    "a grant in a global": """
import asyncio
m = byname.Mutex(sys.argv[1])
async def main(): return await m.acquire_async()
grant = asyncio.run(main())
""",
    "cycles and finalizers that use byname": """
class Account:
    def __init__(self):
        self.myself, self.mutex, self.done = self, byname.Mutex(sys.argv[1]), byname.Event()
    def __del__(self):
        with self.mutex: self.done.set()
accounts = [Account() for _ in range(3)]
sys.account = accounts[0]
""",
    "exit handlers while threads and a loop wait": """
import asyncio, atexit
m, e = byname.Mutex(sys.argv[1]), byname.Event()
async def main(): await asyncio.gather(*(e.wait_async() for _ in range(10)))
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
threading.Thread(target=e.wait, daemon=True).start()
while _usage()[2] < 11: time.sleep(0.001)
def last():
    assert _usage()[2] == 11
    with m: assert byname.wait_all([m, byname.Event(initial=True)]).index == -1
    m.release()
    m.acquire()
atexit.register(last)
""",
    "an exit handler that uses byname": """
import atexit
m = byname.Mutex(sys.argv[1])
def last():
    with m: say('done')
atexit.register(last)
""",
}


@pytest.mark.parametrize("code", PENDING.values(), ids=PENDING.keys())
@pytest.mark.parametrize("end, status", [("", 0), ("os._exit(3)", 3), ("sys.exit(4)", 4)], ids=["falls off", "_exit", "exit"])
def test_end_with_things_pending(code, end, status, name):
    with Child(code + "\n" + end, name) as child:
        child.end(status)
    with pytest.raises(byname.NotFoundError):
        byname.Mutex.open(name)


def test_uncaught_exception_with_things_pending(name):
    with Child(PENDING["daemon threads that wait"] + "\nraise SystemExit('enough')", name) as child:
        child.end(1, "enough\n")


def test_last_process_leaves_nothing(name):
    """A session of its own: its file is gone when its last process has ended."""
    session = f"last-{os.getpid()}"
    code = """
n = byname.Namespace(sys.argv[1])
m, e = byname.Mutex('m', namespace=n), byname.Event('e', namespace=n)
m.acquire()
say(n.path)
"""
    with Child(code, session) as child:
        path = Path(child.process.stdout.readline().rstrip("\n"))
        assert session in path.name
        child.end()
    assert not path.exists()


def test_import_alone_touches_nothing():
    """Only the first use opens a namespace."""
    code = "say(len(os.listdir('/proc/self/task')), any('byname.v1' in line for line in open('/proc/self/maps')))"
    with Child(code) as child:
        child.expect("1 False")
        child.end()
