//! The message queue.

use crate::coroutine::{Answer, Coroutine, Moving, Request};
use crate::error::OrRaise;
use crate::handle::Handle;
use crate::message::{Incoming, Outgoing};
use crate::namespace::Namespace;
use crate::time::type_name;
use crate::{args, block, time};
use byname::engine::{Access, HandleRef, Interrupt, Outcome, QueueEnd, Spec};
use byname::{Error, Timeout};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyInt, PyString, PyTuple};

/// A message queue that processes share by name: messages of bytes, in order, each to one reader.
///
/// `max_messages` is how many it holds (0: as many as memory does), `max_size` the largest in bytes, up to 64 MiB. `mode` is which ends
/// this object has: "r" gets, "w" puts, "rw" both. `Queue(name, …)` makes it, or opens it if it exists: `created` tells; then max_size must be the same.
///
/// Unless `allow_broken`, a queue that has had both ends and loses the last of one is broken for good, also by the death of a process: its
/// messages are gone, its name is free, and its other ends raise DisconnectedError. `precommit=False` reserves memory only when it is written.
/// As an object of a wait it is signalled while a message can be got, in mode "w" while there is room; a wait takes nothing. `with` closes it.
///
/// >>> import byname
/// >>> with byname.Queue("jobs", max_messages=16, max_size=1024) as jobs:
/// ...     jobs.put(b"first"), jobs.put(b"urgent", alert=True)
/// ...     jobs.get(), jobs.get(), jobs.get(timeout=0)
/// (True, True)
/// (b'urgent', b'first', None)
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Queue {
    /// The end that writes, where the handle is the one that reads.
    writer: Option<Py<Queue>>,
}

/// A queue's numbers at one instant.
///
/// >>> import byname
/// >>> byname.Queue(max_messages=2, max_size=8).info()
/// QueueInfo(max_messages=2, max_size=8, messages=0, most_messages=0, readers=1, writers=1, allow_broken=False, precommit=True)
#[pyclass(frozen, eq, get_all, module = "byname")]
#[derive(PartialEq)]
pub(crate) struct QueueInfo {
    /// How many messages it can hold; 0: as many as memory does.
    max_messages: u32,
    /// The largest message in bytes.
    max_size: u32,
    /// Messages that wait; a pending alert does not count.
    messages: u32,
    /// The most that ever waited.
    most_messages: u32,
    /// Open reading ends, of all processes.
    readers: u32,
    /// Open writing ends, of all processes.
    writers: u32,
    /// Whether its ends may come and go.
    allow_broken: bool,
    /// Whether its memory was reserved when it was made.
    precommit: bool,
}

#[pymethods]
impl QueueInfo {
    fn __repr__(&self) -> String {
        let flag = |is: bool| if is { "True" } else { "False" };
        format!(
            "QueueInfo(max_messages={}, max_size={}, messages={}, most_messages={}, readers={}, writers={}, allow_broken={}, precommit={})",
            self.max_messages,
            self.max_size,
            self.messages,
            self.most_messages,
            self.readers,
            self.writers,
            flag(self.allow_broken),
            flag(self.precommit),
        )
    }
}

/// Copying more takes so long that other threads shall run meanwhile.
const LARGE: usize = 65_536;

/// Which ends.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    reads: bool,
    writes: bool,
}

pub(crate) const BOTH: Mode = Mode { reads: true, writes: true };

pub(crate) fn mode(value: &Bound<'_, PyAny>) -> PyResult<Mode> {
    let text = value.cast::<PyString>().map_err(|_| PyTypeError::new_err(format!("mode must be a str, not {}", type_name(value))))?;
    match &*text.to_string_lossy() {
        "r" => Ok(Mode { reads: true, writes: false }),
        "w" => Ok(Mode { reads: false, writes: true }),
        "rw" => Ok(BOTH),
        other => Err(Error::invalid_argument(format!("mode is {other:?}; it is \"r\", \"w\" or \"rw\""))).or_raise(),
    }
}

impl Mode {
    pub(crate) fn first(self) -> QueueEnd {
        if self.reads { QueueEnd::Read } else { QueueEnd::Write }
    }

    /// The queue of a first end; the other is opened from it.
    pub(crate) fn complete(
        self,
        py: Python<'_>,
        first: PyClassInitializer<Handle>,
        inner: HandleRef,
    ) -> PyResult<PyClassInitializer<Queue>> {
        let writer = if self.reads && self.writes {
            let handle = py.detach(|| inner.open_end(QueueEnd::Write)).or_raise()?;
            Some(Py::new(py, PyClassInitializer::from(Handle::over(handle)).add_subclass(Queue { writer: None }))?)
        } else {
            None
        };
        Ok(first.add_subclass(Queue { writer }))
    }
}

#[pymethods]
impl Queue {
    #[new]
    #[pyo3(signature = (name=None, max_messages=0, max_size=4096, mode=BOTH, allow_broken=false, *, precommit=true, namespace=None),
        text_signature = "(name=None, max_messages=0, max_size=4096, mode='rw', allow_broken=False, *, precommit=True, namespace=None)")]
    #[allow(clippy::too_many_arguments, reason = "keywords")]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::max_messages)] max_messages: u32,
        #[pyo3(from_py_with = args::max_size)] max_size: u32,
        #[pyo3(from_py_with = mode)] mode: Mode,
        #[pyo3(from_py_with = args::allow_broken)] allow_broken: bool,
        #[pyo3(from_py_with = args::precommit)] precommit: bool,
        namespace: Option<&Bound<'_, Namespace>>,
    ) -> PyResult<PyClassInitializer<Queue>> {
        let spec = Spec::Queue { end: mode.first(), max_messages, max_size, allow_broken, no_precommit: !precommit };
        let name = args::name(name)?;
        let mut inner = HandleRef::from_id(0);
        let first = Handle::made(py, namespace, |namespace| {
            let made = namespace.create(name.as_deref(), spec, Access::ALL)?;
            inner = made.by_ref();
            Ok(made)
        })?;
        mode.complete(py, first, inner)
    }

    /// Opens an existing queue, whatever its numbers are; raises NotFoundError if there is none of that name.
    ///
    /// >>> import byname
    /// >>> with byname.Queue("jobs", max_size=8) as made, byname.Queue.open("jobs", mode="w") as found:
    /// ...     found.put(b"hello"), made.get()
    /// (True, b'hello')
    #[staticmethod]
    #[pyo3(signature = (name, mode=BOTH, *, namespace=None),
        text_signature = "(name, mode='rw', *, namespace=None)")]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = mode)] mode: Mode,
        namespace: Option<&Bound<'_, Namespace>>,
    ) -> PyResult<Py<Queue>> {
        let name = args::name(name)?;
        let mut inner = HandleRef::from_id(0);
        let first = Handle::made(py, namespace, |namespace| {
            let found = namespace.open_queue(name.as_deref(), mode.first())?;
            inner = found.by_ref();
            Ok(found)
        })?;
        Py::new(py, mode.complete(py, first, inner)?)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let mode = Self::mode(slf)?.into_pyobject(slf.py())?.into_any();
        Handle::reduce(slf.as_super(), "mode", mode)
    }

    /// Puts a message (bytes, bytearray, memoryview, …); waits while the queue is full. True, or False when `timeout` seconds are up.
    ///
    /// An `alert` is got before all others, if none is pending. Raises DisconnectedError without a reader, MessageTooLongError, NoSpaceError;
    /// InvalidArgumentError for an empty message. Contract 9.4, 9.6.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.put(b"one"), queue.put(b"two", timeout=0.01)
    /// (True, False)
    #[pyo3(signature = (data, timeout=None, alert=false))]
    fn put(
        slf: &Bound<'_, Self>,
        data: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::alert)] alert: bool,
    ) -> PyResult<bool> {
        let py = slf.py();
        let timeout = time::timeout(timeout)?;
        let end = writing(slf);
        let data = bytes(data)?;
        let data = data.as_bytes();
        let send = |timeout, interrupt: Interrupt<'_>| end.send(data, alert, timeout, interrupt);
        let sent = if data.len() > LARGE { block::until(py, |interrupt| send(timeout, interrupt)) } else { in_time(py, timeout, send) };
        Ok(sent?.is_some())
    }

    /// Gets the next message, a pending alert or the oldest, as bytes; waits for one. None when `timeout` seconds are up.
    ///
    /// Raises DisconnectedError without a writer. Contract 9.4.
    ///
    /// >>> import byname
    /// >>> byname.Queue(max_messages=1, max_size=8).get(timeout=0.01) is None
    /// True
    #[pyo3(signature = (timeout=None))]
    fn get<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(receive(slf, timeout)?.map(|(data, _)| PyBytes::new(slf.py(), &data)))
    }

    /// Gets the next message as `get` does, and whether it came as an alert: (bytes, bool), or None.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.put(b"stop", alert=True), queue.get_message()
    /// (True, (b'stop', True))
    #[pyo3(signature = (timeout=None))]
    fn get_message<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> PyResult<Option<(Bound<'py, PyBytes>, bool)>> {
        Ok(receive(slf, timeout)?.map(|(data, alert)| (PyBytes::new(slf.py(), &data), alert)))
    }

    /// Takes room for a message of `size` bytes, to be written where it will be read, as an Outgoing; waits while the queue is full. None when `timeout`
    /// seconds are up.
    ///
    /// The room counts as taken; others may overtake the message until it is committed, as the end of `with` does. Raises what `put` raises. Contract 9.4.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=4, max_size=1 << 20)
    /// >>> with queue.reserve(1 << 20) as frame:
    /// ...     frame[:5] = b"hello"
    /// >>> queue.get()[:6]
    /// b'hello\x00'
    #[pyo3(signature = (size, timeout=None, alert=false))]
    fn reserve(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = args::size)] size: u64,
        timeout: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::alert)] alert: bool,
    ) -> PyResult<Option<Outgoing>> {
        let (end, size) = (writing(slf), usize::try_from(size).unwrap_or(usize::MAX));
        Ok(in_time(slf.py(), time::timeout(timeout)?, |timeout, interrupt| end.reserve(size, alert, timeout, interrupt))?
            .map(Outgoing::new))
    }

    /// Takes the next message as `get` does, to be read where it is, as an Incoming. None when `timeout` seconds are up.
    ///
    /// It is out of the queue, and its place counts as taken until it is released, as the end of `with` does. Contract 9.4.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.put(b"hello")
    /// True
    /// >>> with queue.take() as message:
    /// ...     message[0], message[1:], message.alert
    /// (104, b'ello', False)
    #[pyo3(signature = (timeout=None))]
    fn take(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Incoming>> {
        let end = inner(slf);
        Ok(in_time(slf.py(), time::timeout(timeout)?, |timeout, interrupt| end.take_message(timeout, interrupt))?.map(Incoming::new))
    }

    /// Puts a message without blocking the thread; as `put`. A cancelled one is not sent.
    ///
    /// >>> import asyncio, byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> asyncio.run(asyncio.wait_for(queue.put_async(b"hello"), timeout=5))
    /// True
    #[pyo3(signature = (data, timeout=None, alert=false))]
    fn put_async(
        slf: &Bound<'_, Self>,
        data: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::alert)] alert: bool,
    ) -> PyResult<Coroutine> {
        let moving = Moving::Put { data: bytes(data)?.as_bytes().to_vec().into(), alert };
        let timeout = time::timeout(timeout)?;
        Ok(Coroutine::new("Queue.put_async", Request::message(writer(slf).as_super(), moving, timeout), Answer::Flag))
    }

    /// Gets the next message without blocking the thread; as `get`. A cancelled one takes no message.
    ///
    /// >>> import asyncio, byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.put(b"hello"), asyncio.run(asyncio.wait_for(queue.get_async(), timeout=5))
    /// (True, b'hello')
    #[pyo3(signature = (timeout=None))]
    fn get_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::message(slf.as_super(), Moving::Get, time::timeout(timeout)?);
        Ok(Coroutine::new("Queue.get_async", request, Answer::Bytes))
    }

    /// Gets the next message as `get_message` does, without blocking the thread.
    ///
    /// >>> import asyncio, byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.put(b"stop", alert=True), asyncio.run(asyncio.wait_for(queue.get_message_async(), timeout=5))
    /// (True, (b'stop', True))
    #[pyo3(signature = (timeout=None))]
    fn get_message_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::message(slf.as_super(), Moving::Get, time::timeout(timeout)?);
        Ok(Coroutine::new("Queue.get_message_async", request, Answer::Message))
    }

    /// Takes room for a message as `reserve` does, without blocking the thread: an Outgoing, or None. A cancelled one takes none.
    ///
    /// >>> import asyncio, byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> async def send():
    /// ...     with await queue.reserve_async(5) as frame:
    /// ...         frame[:] = b"hello"
    /// >>> asyncio.run(send()), queue.get()
    /// (None, b'hello')
    #[pyo3(signature = (size, timeout=None, alert=false))]
    fn reserve_async(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = args::size)] size: u64,
        timeout: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::alert)] alert: bool,
    ) -> PyResult<Coroutine> {
        let moving = Moving::Reserve { size: usize::try_from(size).unwrap_or(usize::MAX), alert };
        let request = Request::message(writer(slf).as_super(), moving, time::timeout(timeout)?);
        Ok(Coroutine::new("Queue.reserve_async", request, Answer::Place))
    }

    /// Takes the next message as `take` does, without blocking the thread: an Incoming, or None. A cancelled one takes no message.
    ///
    /// >>> import asyncio, byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> async def receive():
    /// ...     with await queue.take_async() as message:
    /// ...         return bytes(message)
    /// >>> queue.put(b"hello"), asyncio.run(receive())
    /// (True, b'hello')
    #[pyo3(signature = (timeout=None))]
    fn take_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::message(slf.as_super(), Moving::Take, time::timeout(timeout)?);
        Ok(Coroutine::new("Queue.take_async", request, Answer::Place))
    }

    /// The queue's numbers at one instant, as a QueueInfo. Raises DisconnectedError where it is broken.
    ///
    /// >>> import byname
    /// >>> byname.Queue(max_messages=2, max_size=8).info().max_messages
    /// 2
    fn info(slf: &Bound<'_, Self>) -> PyResult<QueueInfo> {
        let end = inner(slf);
        let info = slf.py().detach(|| end.queue_info()).or_raise()?;
        Ok(QueueInfo {
            max_messages: info.max_messages,
            max_size: info.max_size,
            messages: info.messages,
            most_messages: info.most_messages,
            readers: info.readers,
            writers: info.writers,
            allow_broken: info.allow_broken,
            precommit: !info.no_precommit,
        })
    }

    /// Its writing end, for waits: signalled while there is room.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> byname.wait_any([queue, queue.writable]).index
    /// 1
    #[getter]
    fn writable(slf: &Bound<'_, Self>) -> PyResult<Py<Queue>> {
        match (&slf.get().writer, inner(slf).queue_end().or_raise()?) {
            (Some(writer), _) => Ok(writer.clone_ref(slf.py())),
            (None, QueueEnd::Write) => Ok(slf.clone().unbind()),
            (None, QueueEnd::Read) => {
                Err(Error::invalid_argument("the queue was opened for reading only; open it with mode=\"w\"")).or_raise()
            }
        }
    }

    /// Which ends it has: "r", "w" or "rw".
    #[getter]
    fn mode(slf: &Bound<'_, Self>) -> PyResult<&'static str> {
        Ok(match (slf.get().writer.is_some(), inner(slf).queue_end().or_raise()?) {
            (true, _) => "rw",
            (false, QueueEnd::Read) => "r",
            (false, QueueEnd::Write) => "w",
        })
    }

    /// Closes its ends; every later use raises ClosedError, closing again does nothing.
    ///
    /// >>> import byname
    /// >>> byname.Queue(max_messages=1, max_size=8).close()
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let closed = slf.as_super().get().close();
        match &slf.get().writer {
            Some(writer) => writer.bind(slf.py()).as_super().get().close().and(closed),
            None => closed,
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        Queue::close(slf)
    }
}

fn inner(slf: &Bound<'_, Queue>) -> HandleRef {
    slf.as_super().get().inner()
}

/// The object that writes.
fn writer<'py>(slf: &Bound<'py, Queue>) -> Bound<'py, Queue> {
    slf.get().writer.as_ref().map_or_else(|| slf.clone(), |writer| writer.bind(slf.py()).clone())
}

fn writing(slf: &Bound<'_, Queue>) -> HandleRef {
    slf.get().writer.as_ref().map_or_else(|| inner(slf), |writer| inner(writer.bind(slf.py())))
}

/// Anything that `bytes()` takes, but for what is no sequence of bytes.
fn bytes<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let is_buffer = data.is_instance_of::<PyByteArray>() || data.get_type().name()? == "memoryview";
    if !is_buffer && (data.is_instance_of::<PyString>() || data.is_instance_of::<PyInt>() || !has_buffer(data)) {
        return Err(PyTypeError::new_err(format!("a message must be bytes or another buffer, not {}", type_name(data))));
    }
    Ok(data.py().get_type::<PyBytes>().call1((data,))?.cast_into()?)
}

fn has_buffer(data: &Bound<'_, PyAny>) -> bool {
    data.py().import("builtins").and_then(|builtins| builtins.getattr("memoryview")?.call1((data,))).is_ok()
}

fn receive(slf: &Bound<'_, Queue>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<(Vec<u8>, bool)>> {
    let end = inner(slf);
    let mut data = Vec::new();
    let received = in_time(slf.py(), time::timeout(timeout)?, |timeout, interrupt| end.receive_vec(&mut data, timeout, interrupt))?;
    Ok(received.map(|received| (data, received.alert)))
}

/// Tries with the interpreter held, and lets go of it to wait: for a message or room, or for somebody who is in the middle of a change.
pub(crate) fn in_time<T: Send>(
    py: Python<'_>,
    timeout: Timeout,
    mut call: impl FnMut(Timeout, Interrupt<'_>) -> byname::Result<Outcome<T>> + Send,
) -> PyResult<Option<T>> {
    match call(Timeout::ZERO, Some(&mut || true)).or_raise()? {
        Outcome::Got(got) => Ok(Some(got)),
        Outcome::TimedOut if timeout.is_zero() => Ok(None),
        _ => block::until(py, |interrupt| call(timeout, interrupt)),
    }
}
