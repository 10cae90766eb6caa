//! The mapping, and its views.

use crate::buffer::{Exporter, Exports};
use crate::error::OrRaise;
use crate::event::Event;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::state::MappingState;
use crate::time::type_name;
use crate::{args, block, time};
use byname::Error;
use byname::engine::{self, Access, Backing, HandleRef, Kind, MappingSpec, Protect, Share};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyInt, PyString, PyTuple};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory, or a file's bytes, that processes share by name.
///
/// `Mapping(name, size)` makes memory of whole pages, zeros, or opens the mapping if it exists, with the size that it has: `created`
/// tells. There is room for all of it, or NoSpaceError. With `file`, a path or an open file, it shows that file's bytes; a `size` beyond
/// its end lengthens it, 0 is all that it has. `access` is "rw", "r" or "copy", where what is written stays one's own. `protect` is what
/// views may do at all, and how memory comes, a Protect; it follows from `access` otherwise.
///
/// A mapping is a buffer: memoryview and numpy see its bytes without a copy. While they do, close() raises BufferError. The name is gone
/// with the last handle, the bytes with the last handle, view or buffer. It cannot be waited for: who writes publishes by
/// write() or change(), who reads waits for the event `changed`. `with` closes the handle at the end. Contract 7.
///
/// >>> import byname
/// >>> with byname.Mapping("board", 65536) as board:
/// ...     with memoryview(board) as bytes:
/// ...         bytes[:5] = b"hello"
/// ...     with byname.Mapping.open("board", access="r") as same:
/// ...         same.created, len(same), same.read(0, 5)
/// (False, 65536, b'hello')
///
/// Raises InvalidArgumentError for a size of 0 without a file, or a file that is empty, or a `protect` that is none; AccessDeniedError for a file
/// that is not open for that.
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Mapping {
    exports: Exports<Arc<engine::View>>,
    access: Access,
    /// The event, and the process whose it is.
    changed: Mutex<Option<(u32, Py<Event>)>>,
}

impl Mapping {
    /// What a new value has besides its handle.
    pub(crate) fn with(access: Access) -> Mapping {
        Mapping { exports: Exports::default(), access, changed: Mutex::default() }
    }
}

/// What `access` says: a word, or a mask.
fn wanted(value: &Bound<'_, PyAny>) -> PyResult<Access> {
    match value.cast::<PyString>() {
        Ok(word) => Share::word(&word.to_string_lossy()).or_raise(),
        Err(_) => args::access(value),
    }
}

fn shared() -> Access {
    Share::Write.access()
}

/// What `file` says.
enum Source {
    Memory,
    Descriptor(i32),
    Path(PathBuf),
}

fn source(value: Option<&Bound<'_, PyAny>>) -> PyResult<Source> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(Source::Memory) };
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return value.extract().map(Source::Descriptor);
    }
    if value.hasattr("fileno")? {
        return value.call_method0("fileno")?.extract().map(Source::Descriptor);
    }
    let path = value.py().import("os")?.getattr("fspath")?.call1((value,));
    let path = path
        .and_then(|path| value.py().import("os")?.getattr("fsdecode")?.call1((path,)))
        .map_err(|_| PyTypeError::new_err(format!("file must be a path, an open file, a descriptor or None, not {}", type_name(value))))?;
    path.extract().map(Source::Path)
}

#[pymethods]
impl Mapping {
    #[new]
    #[pyo3(signature = (name=None, size=0, file=None, access=shared(), *, protect=None, namespace=None))]
    #[allow(clippy::too_many_arguments, reason = "the parameters of one call of Python")]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::size)] size: u64,
        file: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = wanted)] access: Access,
        #[pyo3(from_py_with = args::protect)] protect: Option<Protect>,
        namespace: Option<&Bound<'_, Namespace>>,
    ) -> PyResult<PyClassInitializer<Mapping>> {
        let (name, source) = (args::name(name)?, source(file)?);
        let made = Handle::made(py, namespace, |namespace| {
            let backing = match &source {
                Source::Memory => Backing::Memory,
                Source::Descriptor(fd) => Backing::Descriptor(*fd),
                Source::Path(path) => Backing::Path(path),
            };
            let spec = MappingSpec { size, protect: protect.unwrap_or_else(|| Share::of(access).protect(backing)), backing };
            namespace.create_mapping(name.as_deref(), &spec, access)
        })?;
        Ok(made.add_subclass(Mapping::with(access)))
    }

    /// Opens an existing mapping; raises NotFoundError if there is none of that name (contract 1.2, 7.2).
    ///
    /// >>> import byname
    /// >>> with byname.Mapping("board", 4096) as made, byname.Mapping.open("board") as found:
    /// ...     found.created, found.size
    /// (False, 4096)
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=shared()))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = wanted)] access: Access,
    ) -> PyResult<Py<Mapping>> {
        let opened = Handle::open(py, name, Kind::Mapping, namespace, access)?;
        Py::new(py, opened.add_subclass(Mapping::with(access)))
    }

    /// How many bytes it has: of memory whole pages of 4096, of a file what was asked for.
    #[getter]
    fn size(slf: &Bound<'_, Self>) -> PyResult<u64> {
        Ok(inner(slf).mapping_state().or_raise()?.size)
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        Ok(Self::size(slf)? as usize)
    }

    /// How many changes were published: it grows with every write(), change() and publish(), of any process.
    #[getter]
    fn version(slf: &Bound<'_, Self>) -> PyResult<u64> {
        Ok(inner(slf).mapping_state().or_raise()?.version)
    }

    /// What it is, but for its bytes, as a MappingState.
    #[getter]
    fn state(slf: &Bound<'_, Self>) -> PyResult<MappingState> {
        Ok(inner(slf).mapping_state().or_raise()?.into())
    }

    /// An auto-reset event, one for each process, that every published change sets, and the death of a writer in the middle of
    /// one. A forked child asks for its own. Ours, not Windows'.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=4096)
    /// >>> changed = board.changed
    /// >>> board.write(b"news")
    /// >>> changed.wait(), changed.wait(0), board.version
    /// (True, False, 1)
    #[getter]
    fn changed(slf: &Bound<'_, Self>, py: Python<'_>) -> PyResult<Py<Event>> {
        let (mut changed, me) = (slf.get().changed.lock().unwrap_or_else(PoisonError::into_inner), std::process::id());
        if let Some((_, event)) = changed.as_ref().filter(|(process, _)| *process == me) {
            return Ok(event.clone_ref(py));
        }
        let bell = inner(slf).changed().or_raise()?;
        let event = Py::new(py, PyClassInitializer::from(Handle::over(bell)).add_subclass(Event))?;
        *changed = Some((me, event.clone_ref(py)));
        Ok(event)
    }

    /// Maps `length` bytes from `offset` on, a multiple of 65536, as a View; without a length up to the end. `access` as for the mapping, whose it is by default.
    ///
    /// Raises MisalignedError for another offset, AccessDeniedError beyond the end, and for what the handle may not.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=131072)
    /// >>> with board.view(65536, 100) as second, memoryview(second) as bytes:
    /// ...     bytes[0] = 7
    /// ...     len(bytes)
    /// 100
    #[pyo3(signature = (offset=0, length=None, access=None))]
    fn view(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = args::offset)] offset: u64,
        #[pyo3(from_py_with = args::length)] length: Option<u64>,
        access: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<View> {
        let access = access.filter(|access| !access.is_none()).map(wanted).transpose()?;
        let access = Share::of(access.unwrap_or(slf.get().access)).access();
        if length == Some(0) {
            return Err(Error::invalid_argument("a view has 1 byte or more; pass a length, or None up to the end")).or_raise();
        }
        let handle = inner(slf);
        let view = slf.py().detach(|| handle.map(access, offset, length.unwrap_or(0), 0)).or_raise()?;
        Ok(View { exports: Exports::of(Arc::new(view)) })
    }

    /// Copies `length` bytes from `offset` on as they were between two changes; without a length up to the end. Waits for a writer who is at it: None
    /// when `timeout` seconds are up.
    ///
    /// Raises DisconnectedError if the writer died in the middle of a change: the bytes are whole again after the next one.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=4096)
    /// >>> board.write(b"hello", offset=10)
    /// >>> board.read(12, 3)
    /// b'llo'
    #[pyo3(signature = (offset=0, length=None, timeout=None))]
    fn read(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = args::offset)] offset: u64,
        #[pyo3(from_py_with = args::length)] length: Option<u64>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyBytes>>> {
        let (handle, timeout) = (inner(slf), time::timeout(timeout)?);
        let view = slf.get().exports.view(|| Self::map(slf)).or_raise()?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let length = length.map_or(view.len().saturating_sub(offset), |length| usize::try_from(length).unwrap_or(usize::MAX));
        view.read(offset.saturating_add(length), &mut []).or_raise()?; // beyond the end nothing is allocated
        let read = block::until(slf.py(), |interrupt| {
            let mut bytes = vec![0; length];
            let outcome = handle.read_whole(&view, offset, &mut bytes, timeout, interrupt)?;
            Ok(match outcome {
                engine::Outcome::Got(_) => engine::Outcome::Got(bytes),
                engine::Outcome::TimedOut => engine::Outcome::TimedOut,
                engine::Outcome::Interrupted => engine::Outcome::Interrupted,
            })
        })?;
        Ok(read.map(|bytes| PyBytes::new(slf.py(), &bytes).unbind()))
    }

    /// Copies bytes, or any buffer, to `offset` as one published change.
    ///
    /// Raises InvalidArgumentError beyond the end, AccessDeniedError if it may only be read, NotOwnerError while another thread or process is in the
    /// middle of a change: several writers need a mutex among them.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=4096)
    /// >>> board.write(b"hello")
    /// >>> board.write(bytearray(b"j"), offset=0)
    /// >>> board.read(0, 5), board.version
    /// (b'jello', 2)
    #[pyo3(signature = (data, offset=0))]
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>, #[pyo3(from_py_with = args::offset)] offset: u64) -> PyResult<()> {
        let bytes = match data.cast::<PyBytes>() {
            Ok(bytes) => bytes.clone(),
            Err(_) => {
                let memoryview = slf.py().import("builtins")?.getattr("memoryview")?.call1((data,))?;
                memoryview.call_method0("tobytes")?.cast_into::<PyBytes>()?
            }
        };
        let (handle, view) = (inner(slf), slf.get().exports.view(|| Self::map(slf)).or_raise()?);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        view.read(offset.saturating_add(bytes.as_bytes().len()), &mut []).or_raise()?; // what does not fit is no change
        handle.begin_change().or_raise()?;
        let written = view.write(offset, bytes.as_bytes());
        handle.end_change().and(written).or_raise()
    }

    /// Publishes what was written before: one more version, and `changed` is set. Raises what change() raises.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=4096)
    /// >>> board.publish()
    /// >>> board.version
    /// 1
    fn publish(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).publish().or_raise()
    }

    /// A change of the bytes for `with`: until its end read() waits, in all processes. It belongs to its thread.
    ///
    /// Entering it raises NotOwnerError while another thread or process is in the middle of one, WouldDeadlockError while this one is.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=4096)
    /// >>> with board.change() as change, memoryview(board) as bytes:
    /// ...     bytes[0], bytes[100] = 1, 2
    /// >>> change.abandoned, board.version
    /// (False, 1)
    fn change(slf: Py<Self>) -> Change {
        Change { mapping: slf, abandoned: Mutex::new(false) }
    }

    /// Writes what was changed to the file. Of memory there is nothing to do. Contract 7.4.
    ///
    /// >>> import byname
    /// >>> byname.Mapping(size=4096).flush()
    fn flush(slf: &Bound<'_, Self>) -> PyResult<()> {
        let view = slf.get().exports.view(|| Self::map(slf)).or_raise()?;
        slf.py().detach(|| view.flush(0, 0)).or_raise()
    }

    /// Closes the handle; every later use raises ClosedError, closing again does nothing. Views stay.
    ///
    /// Raises BufferError while a memoryview or the like is in use, AccessDeniedError for a `protected` handle; it stays open then.
    ///
    /// >>> import byname
    /// >>> board = byname.Mapping(size=4096)
    /// >>> bytes = memoryview(board)
    /// >>> board.close()
    /// Traceback (most recent call last):
    ///     ...
    /// BufferError: 1 buffers of it are still in use, such as a memoryview or a numpy array; release them first
    /// >>> bytes.release()
    /// >>> board.close()
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).check_closable().or_raise()?;
        slf.get().exports.close()?;
        slf.as_super().get().close()
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        Self::close(slf)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let access = slf.get().access.0.into_pyobject(slf.py())?.into_any();
        Handle::reduce(slf.as_super(), "access", access)
    }
}

impl Exporter for Mapping {
    type Memory = Arc<engine::View>;

    fn exports(&self) -> &Exports<Self::Memory> {
        &self.exports
    }

    fn map(slf: &Bound<'_, Self>) -> byname::Result<Self::Memory> {
        inner(slf).map(Share::of(slf.get().access).access(), 0, 0, 0).map(Arc::new)
    }
}

fn inner(slf: &Bound<'_, Mapping>) -> HandleRef {
    slf.as_super().get().inner()
}

/// Bytes of a mapping, from `mapping.view()`: a buffer, as the mapping is. It outlives the mapping's handles.
///
/// >>> import byname
/// >>> view = byname.Mapping(size=4096).view()
/// >>> len(view), view.readonly, bytes(memoryview(view)[:3])
/// (4096, False, b'\x00\x00\x00')
#[pyclass(frozen, module = "byname")]
pub(crate) struct View {
    exports: Exports<Arc<engine::View>>,
}

#[pymethods]
impl View {
    fn __len__(&self) -> PyResult<usize> {
        Ok(self.whole()?.len())
    }

    /// Whether it can only be read.
    #[getter]
    fn readonly(&self) -> PyResult<bool> {
        Ok(!self.whole()?.is_writable())
    }

    /// Whether others see what is written to it: False of a view with access "copy".
    #[getter]
    fn shared(&self) -> PyResult<bool> {
        Ok(self.whole()?.is_shared())
    }

    /// Writes what was changed to the file, all of it or `length` bytes from `offset` on. Of memory there is nothing to do. Contract 7.4.
    ///
    /// >>> import byname
    /// >>> byname.Mapping(size=4096).view().flush()
    #[pyo3(signature = (offset=0, length=None))]
    fn flush(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = args::offset)] offset: u64,
        #[pyo3(from_py_with = args::length)] length: Option<u64>,
    ) -> PyResult<()> {
        let view = self.whole()?;
        let (offset, length) = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(length.unwrap_or(0)).unwrap_or(usize::MAX));
        py.detach(|| view.flush(offset, length)).or_raise()
    }

    /// Unmaps it; closing again does nothing. Raises BufferError while a memoryview or the like is in use.
    ///
    /// >>> import byname
    /// >>> view = byname.Mapping(size=4096).view()
    /// >>> view.close()
    /// >>> len(view)
    /// Traceback (most recent call last):
    ///     ...
    /// byname.ClosedError: the handle is closed; open the object again
    fn close(&self) -> PyResult<()> {
        self.exports.close().map(drop)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a view cannot be pickled: pickle the mapping, and map it there"))
    }
}

impl View {
    fn whole(&self) -> PyResult<Arc<engine::View>> {
        self.exports.view(|| Err(Error::closed())).or_raise()
    }
}

impl Exporter for View {
    type Memory = Arc<engine::View>;

    fn exports(&self) -> &Exports<Self::Memory> {
        &self.exports
    }
}

/// A change of a mapping's bytes, from `mapping.change()`: `with` begins and ends it.
///
/// >>> import byname
/// >>> board = byname.Mapping(size=4096)
/// >>> with board.change() as change:
/// ...     change.abandoned
/// False
#[pyclass(frozen, module = "byname")]
pub(crate) struct Change {
    mapping: Py<Mapping>,
    abandoned: Mutex<bool>,
}

#[pymethods]
impl Change {
    /// Whether the writer before died in the middle of a change: what he left may be half made.
    #[getter]
    fn abandoned(&self) -> bool {
        *self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn __enter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Self>> {
        let change = slf.get();
        let abandoned = inner(change.mapping.bind(py)).begin_change().or_raise()?;
        *change.abandoned.lock().unwrap_or_else(PoisonError::into_inner) = abandoned;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        inner(self.mapping.bind(py)).end_change().or_raise()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a change cannot be pickled: it belongs to its thread"))
    }
}
