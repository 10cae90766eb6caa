"""Windows-style named mutexes, events, semaphores and memory for Linux.

Processes meet by name, in whatever language they are written: an object lives as long as somebody holds a handle to it.
A mutex whose owner died, however it died, passes to the next one, who is told. Nothing runs in the background but one
sleeping thread a process, and an uncontended call makes no system call.

>>> import byname
>>> with byname.Mutex("ledger") as m:
...     m.abandoned
False

Contract 3.4, A14 in these texts is section 3.4 and row A14 of docs/semantics.md, which says what every call does.

Times are float seconds. None and math.inf wait for ever, zero never blocks. A time-out is an outcome, never an error:
False where a call returns bool, else None. Errors derive from byname.Error and from the built-in class that fits.

Every blocking call has a form for asyncio that ends in `_async` and blocks no thread. Ctrl-C ends every blocking call.
"""

from byname import _byname
from byname._byname import *  # noqa: F403
from byname._byname import __version__ as __version__

__all__ = [name for name in _byname.__all__ if not name.startswith("_")]
