//! Messages in place, of a queue: room to be filled, and a message to be read, as buffers.

use crate::args;
use crate::buffer::{Bytes, Exporter, Exports, Memory};
use crate::error::{OrRaise, raise};
use byname::Error;
use byname::engine::{Reservation, TakenMessage as Taken};
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PyTuple};
use std::ptr::NonNull;

/// Room in a queue for a message, from `queue.reserve()`: a writable buffer. The end of `with` commits all of it; an exception inside gives it back.
///
/// If it is collected uncommitted, or its process dies, the room is free again and nothing was sent. Single bytes and slices can be got and set; for more,
/// `memoryview(frame)` or `numpy.frombuffer(frame, …)` copies nothing, and must be released before the commit.
///
/// >>> import byname
/// >>> queue = byname.Queue(max_messages=1, max_size=8)
/// >>> with queue.reserve(8) as frame:
/// ...     frame[:5] = b"hello"
/// ...     frame.commit(5)
/// >>> queue.get()
/// b'hello'
#[pyclass(frozen, module = "byname")]
pub(crate) struct Outgoing {
    exports: Exports<Reservation>,
}

/// A message where it is in a queue, from `queue.take()`: a read-only buffer. The end of `with` gives its place back.
///
/// >>> import byname
/// >>> queue = byname.Queue(max_messages=1, max_size=8)
/// >>> queue.put(b"hello", alert=True)
/// True
/// >>> with queue.take() as message:
/// ...     len(message), bytes(message), message.alert
/// (5, b'hello', True)
#[pyclass(frozen, module = "byname")]
pub(crate) struct Incoming {
    exports: Exports<Taken>,
    alert: bool,
}

fn bytes((at, len): (NonNull<u8>, usize), writable: bool) -> Option<Bytes> {
    (len > 0).then(|| Bytes { at: at.as_ptr().cast(), len, writable })
}

impl Memory for Reservation {
    fn bytes(&self) -> Option<Bytes> {
        bytes(Reservation::bytes(self), true)
    }

    fn gone() -> Error {
        Error::message_gone()
    }
}

impl Memory for Taken {
    fn bytes(&self) -> Option<Bytes> {
        bytes(Taken::bytes(self), false)
    }

    fn gone() -> Error {
        Error::message_gone()
    }
}

impl Exporter for Outgoing {
    type Memory = Reservation;

    fn exports(&self) -> &Exports<Reservation> {
        &self.exports
    }
}

impl Exporter for Incoming {
    type Memory = Taken;

    fn exports(&self) -> &Exports<Taken> {
        &self.exports
    }
}

impl Outgoing {
    pub(crate) fn new(reservation: Reservation) -> Outgoing {
        Outgoing { exports: Exports::of(reservation) }
    }

    /// Whether there was still something to commit.
    fn send(&self, py: Python<'_>, size: Option<u64>) -> PyResult<bool> {
        let mut len = 0;
        let closed = self.exports.close_if(|reservation| {
            let room = Reservation::bytes(reservation).1;
            if room == 0 {
                return Err(Error::message_gone());
            }
            len = size.map_or(room, |size| usize::try_from(size).unwrap_or(usize::MAX));
            if len == 0 || len > room {
                return Err(Error::invalid_argument(format!("size is {len}; it is 1 to the {room} bytes that were reserved")));
            }
            Ok(())
        })?;
        let Some(mut reservation) = closed else { return Ok(false) };
        if !reservation.try_commit(len).or_raise()? {
            py.detach(|| reservation.commit(len)).or_raise()?;
        }
        Ok(true)
    }
}

#[pymethods]
impl Outgoing {
    /// Sends the message, all of it or its first `size` bytes.
    ///
    /// Raises BufferError while a memoryview or the like is in use, InvalidArgumentError for a size out of range, and then it can be tried again;
    /// ClosedError where it was committed or released, DisconnectedError where the last reader has left, and then the message is gone.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> frame = queue.reserve(8)
    /// >>> frame[0] = 7
    /// >>> frame.commit(1)
    /// >>> queue.get()
    /// b'\x07'
    #[pyo3(signature = (size=None))]
    fn commit(&self, py: Python<'_>, #[pyo3(from_py_with = args::some_size)] size: Option<u64>) -> PyResult<()> {
        if self.send(py, size)? { Ok(()) } else { Err(raise(Error::message_gone())) }
    }

    /// Gives the room back; nothing is sent. Does nothing after a commit, or again. Raises BufferError while a memoryview or the like is in use.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.reserve(8).release()
    /// >>> queue.info().messages
    /// 0
    fn release(&self) -> PyResult<()> {
        self.exports.close().map(drop)
    }

    fn __len__(&self) -> PyResult<usize> {
        self.exports.len().or_raise()
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        get(slf, index)
    }

    fn __setitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        within(slf, |memory| memory.set_item(index, value))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        if failed(exception) {
            self.exports.abandon();
            return Ok(());
        }
        self.send(exception.py(), None).map(drop)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a message in place cannot be pickled: its room belongs to this process"))
    }
}

impl Incoming {
    pub(crate) fn new(taken: Taken) -> Incoming {
        Incoming { alert: taken.is_alert(), exports: Exports::of(taken) }
    }
}

#[pymethods]
impl Incoming {
    /// Whether it came as an alert.
    #[getter]
    fn alert(&self) -> bool {
        self.alert
    }

    /// Gives the message's place back; doing it again does nothing. Raises BufferError while a memoryview or the like is in use.
    ///
    /// >>> import byname
    /// >>> queue = byname.Queue(max_messages=1, max_size=8)
    /// >>> queue.put(b"one")
    /// True
    /// >>> message = queue.take()
    /// >>> queue.put(b"two", timeout=0) # its place is in use
    /// False
    /// >>> message.release()
    /// >>> queue.put(b"two", timeout=0)
    /// True
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let Some(mut taken) = self.exports.close()? else { return Ok(()) };
        if !taken.try_release().or_raise()? {
            py.detach(|| taken.release()).or_raise()?;
        }
        Ok(())
    }

    fn __len__(&self) -> PyResult<usize> {
        self.exports.len().or_raise()
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        get(slf, index)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*exception))]
    fn __exit__(&self, exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        if failed(exception) {
            self.exports.abandon();
            return Ok(());
        }
        self.release(exception.py())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a message in place cannot be pickled: its place belongs to this process"))
    }
}

fn failed(exception: &Bound<'_, PyTuple>) -> bool {
    exception.get_item(0).is_ok_and(|class| !class.is_none())
}

/// Acts on the bytes of a buffer, and lets go of them.
fn within<'py, T: PyTypeInfo, R>(slf: &Bound<'py, T>, act: impl FnOnce(&Bound<'py, PyMemoryView>) -> PyResult<R>) -> PyResult<R> {
    let memory = PyMemoryView::from(slf.as_any())?;
    let done = act(&memory);
    memory.call_method0("release")?;
    done
}

/// A byte as an int, or a slice as bytes of its own.
fn get<'py, T: PyTypeInfo>(slf: &Bound<'py, T>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    within(slf, |memory| {
        let got = memory.get_item(index)?;
        if got.is_instance_of::<PyMemoryView>() { got.call_method0("tobytes") } else { Ok(got) }
    })
}
