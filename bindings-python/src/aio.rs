//! From the keeper to asyncio: one pipe for each event loop, and no thread at all.
//!
//! When a pending wait ends, the keeper puts its number into the [`Mailbox`] of its loop and, if the mailbox was empty,
//! writes a byte into the pipe that the loop watches. It never touches Python, so nothing can deadlock when the
//! interpreter ends. In the loop, the [`Reader`] completes the futures of the numbers it finds.
//!
//! Who keeps whom alive: the loop holds the reader (as the callback of its descriptor), the reader holds the futures,
//! and those hold the tasks. When the loop is closed or collected, all that goes and the pipe is closed; the table from
//! loops to readers is weak on both sides. A coroutine holds the mailbox without the futures.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use std::collections::HashMap;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the keeper leaves word for one event loop.
pub(crate) struct Mailbox {
    /// A forked child has copies of its parent's mailboxes and must not read them.
    process: u32,
    read: PipeReader,
    write: PipeWriter,
    /// Numbers of the waits that have ended.
    arrived: Mutex<Vec<u64>>,
    sleepers: Mutex<Sleepers>,
}

/// Who waits in the loop. Owned by the reader: emptied with it.
#[derive(Default)]
struct Sleepers {
    last: u64,
    futures: HashMap<u64, Py<PyAny>>,
}

/// A number in a mailbox; given back when dropped.
pub(crate) struct Ticket {
    mailbox: Arc<Mailbox>,
    number: u64,
}

impl Ticket {
    /// One in the mailbox of the running loop. Raises RuntimeError where no loop runs.
    pub(crate) fn take(py: Python<'_>) -> PyResult<Ticket> {
        let mailbox = Mailbox::of(&running_loop(py)?)?;
        let mut sleepers = lock(&mailbox.sleepers);
        sleepers.last += 1;
        let number = sleepers.last;
        drop(sleepers);
        Ok(Ticket { mailbox, number })
    }

    /// What the keeper calls when the wait has ended.
    pub(crate) fn bell(&self) -> Box<dyn FnOnce() + Send> {
        let (mailbox, number) = (Arc::clone(&self.mailbox), self.number);
        Box::new(move || mailbox.deliver(number))
    }

    /// The same for what may ring more than once.
    pub(crate) fn bell_for_ever(&self) -> Box<dyn FnMut() + Send> {
        let (mailbox, number) = (Arc::clone(&self.mailbox), self.number);
        Box::new(move || mailbox.deliver(number))
    }

    /// What a coroutine yields to sleep until the bell rings: a future of the running loop.
    pub(crate) fn sleep(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = running_loop(py)?.call_method0("create_future")?;
        let yielded = future.call_method0("__await__")?.call_method0("__next__")?;
        let before = lock(&self.mailbox.sleepers).futures.insert(self.number, future.unbind());
        drop(before);
        Ok(yielded.unbind())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // The lock is free again before the future goes, which may run any code.
        let future = lock(&self.mailbox.sleepers).futures.remove(&self.number);
        drop(future);
    }
}

impl Mailbox {
    /// The mailbox of a loop, made when the loop first needs one.
    fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Mailbox>> {
        let py = event_loop.py();
        let readers = readers(py)?;
        let known = readers.call_method1("get", (event_loop,))?;
        if let Ok(known) = known.cast::<PyWeakrefReference>()
            && let Some(reader) = known.upgrade()
        {
            return Ok(Arc::clone(&reader.cast::<Reader>()?.get().mailbox));
        }
        let (read, write) = pipe()?;
        let descriptor = read.as_raw_fd();
        let mailbox = Arc::new(Mailbox { process: std::process::id(), read, write, arrived: Mutex::default(), sleepers: Mutex::default() });
        let reader = Bound::new(py, Reader { mailbox: Arc::clone(&mailbox) })?;
        event_loop.call_method1("add_reader", (descriptor, &reader))?;
        readers.set_item(event_loop, PyWeakrefReference::new(&reader)?)?;
        Ok(mailbox)
    }

    /// In the keeper: leaves word. The pipe holds two bytes at most, so the write never blocks; the lock is held for a
    /// few instructions.
    fn deliver(&self, number: u64) {
        let mut arrived = lock(&self.arrived);
        arrived.push(number);
        let first = arrived.len() == 1;
        drop(arrived);
        if first {
            // Fails only in a process that has closed its descriptors under itself.
            let _ = (&self.write).write(&[1]);
        }
    }

    /// In the loop: completes the futures of the waits that have ended.
    fn collect(&self, py: Python<'_>) -> PyResult<()> {
        if self.process != std::process::id() {
            return Ok(());
        }
        // Before the numbers: what arrives after them rings again.
        let _ = (&self.read).read(&mut [0; 16])?;
        let arrived = std::mem::take(&mut *lock(&self.arrived));
        let mut result = Ok(());
        for number in arrived {
            let future = lock(&self.sleepers).futures.remove(&number);
            if let Some(future) = future {
                result = result.and(complete(future.bind(py)));
            }
        }
        result
    }
}

fn complete(future: &Bound<'_, PyAny>) -> PyResult<()> {
    if !future.call_method0("done")?.is_truthy()? {
        future.call_method1("set_result", (future.py().None(),))?;
    }
    Ok(())
}

/// The loop's callback for the pipe.
#[pyclass(frozen, weakref, module = "byname._byname", name = "_Reader")]
struct Reader {
    mailbox: Arc<Mailbox>,
}

#[pymethods]
impl Reader {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.mailbox.collect(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A locked table is in use, so it is no garbage.
        let Ok(sleepers) = self.mailbox.sleepers.try_lock() else { return Ok(()) };
        sleepers.futures.values().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        self.empty();
    }
}

impl Reader {
    fn empty(&self) {
        let futures = std::mem::take(&mut lock(&self.mailbox.sleepers).futures);
        drop(futures);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.empty();
    }
}

/// In a forked child: its loops, if it makes any, get mailboxes of their own.
pub(crate) fn forget_loops(py: Python<'_>) -> PyResult<()> {
    match READERS.get(py) {
        Some(readers) => readers.bind(py).call_method0("clear").map(drop),
        None => Ok(()),
    }
}

/// A `WeakKeyDictionary` from loops to weak references to their readers.
static READERS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn readers(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    READERS.get_or_try_init(py, || Ok(py.import("weakref")?.call_method0("WeakKeyDictionary")?.unbind())).map(|readers| readers.bind(py))
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0().map_err(|error| {
        let told =
            PyRuntimeError::new_err("an asynchronous wait of byname needs a running asyncio event loop; use the blocking form elsewhere");
        told.set_cause(py, Some(error));
        told
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
