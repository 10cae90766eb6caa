//! The semaphore. What `with` calls is direct: see [`fast`](crate::fast).

use crate::args;
use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::fast::{self, Entry, Method};
use crate::grant::Grant;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::{block, time};
use byname::Timeout;
use byname::engine::{By, HandleRef, Kind, Spec};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A semaphore that processes share by name: it counts free units, from `initial` up to `maximum`.
///
/// `Semaphore(name, …)` makes it, or opens it if it exists, whatever its counts are then: `created` tells. Nobody owns
/// a unit: any thread of any process may release. `with s:` takes a unit, gives `s` and puts the unit back.
///
/// With `robust=True`, units whose holder died come back, and the next grant says `abandoned`; of a plain semaphore they
/// are lost.
///
/// >>> import byname
/// >>> s = byname.Semaphore("printers", initial=2, maximum=2)
/// >>> with s:
/// ...     s.available
/// 1
/// >>> s.available
/// 2
///
/// Raises InvalidArgumentError unless 0 <= initial <= maximum, 1 <= maximum <= 2147483647.
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Semaphore;

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(
        signature = (name=None, initial=None, maximum=None, robust=false, *, namespace=None),
        text_signature = "(name=None, initial=1, maximum=2147483647, robust=False, *, namespace=None)"
    )]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        initial: Option<&Bound<'_, PyAny>>,
        maximum: Option<&Bound<'_, PyAny>>,
        robust: bool,
        namespace: Option<&Bound<'_, Namespace>>,
    ) -> PyResult<PyClassInitializer<Semaphore>> {
        let initial = initial.map_or(Ok(1), |value| args::count("initial", value))?;
        let maximum = maximum.map_or(Ok(i32::MAX.into()), |value| args::count("maximum", value))?;
        Ok(Handle::create(py, name, Spec::Semaphore { initial, maximum, robust }, namespace)?.add_subclass(Semaphore))
    }

    /// Opens an existing semaphore; raises NotFoundError if there is none of that name.
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None))]
    fn open(py: Python<'_>, name: Option<&Bound<'_, PyAny>>, namespace: Option<&Bound<'_, Namespace>>) -> PyResult<Py<Semaphore>> {
        Py::new(py, Handle::open(py, name, Kind::Semaphore, namespace)?.add_subclass(Semaphore))
    }

    /// Takes a unit: a Grant, or None when the time is up.
    ///
    /// Waits for ever by default, `timeout` seconds at most, and not at all if not `blocking`. A unit goes back by
    /// `grant.release()`, or by `release()` of the semaphore: not by both.
    ///
    /// >>> import byname
    /// >>> s = byname.Semaphore("printers", initial=1, maximum=1)
    /// >>> grant = s.acquire()
    /// >>> s.acquire(timeout=0.01) is None
    /// True
    /// >>> grant.release()
    #[pyo3(signature = (blocking=None, timeout=None), text_signature = "($self, /, blocking=True, timeout=None)")]
    fn acquire(slf: &Bound<'_, Self>, blocking: Option<&Bound<'_, PyAny>>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Grant>> {
        let handle = inner(slf);
        let timeout = time::lock_timeout(blocking, timeout)?;
        let by = By::Thread;
        let mut grant = handle.try_grant(by).or_raise()?;
        if grant.is_none() && !timeout.is_zero() {
            grant = block::until(slf.py(), |interrupt| handle.grant(by, timeout, interrupt))?;
        }
        Ok(grant.map(|grant| Grant::new(grant, by)))
    }

    /// Puts `n` units back and gives the count before.
    ///
    /// Raises TooManyPostsError if that would exceed the maximum, and changes nothing then; InvalidArgumentError unless
    /// n is 1 or more.
    ///
    /// >>> import byname
    /// >>> byname.Semaphore(initial=0, maximum=5).release(3)
    /// 0
    #[pyo3(signature = (n=None), text_signature = "($self, /, n=1)")]
    fn release(slf: &Bound<'_, Self>, n: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
        let n = n.map_or(Ok(1), |value| args::count("n", value))?;
        inner(slf).post(n).or_raise()
    }

    /// How many units are free now. Looking takes none.
    #[getter]
    fn available(slf: &Bound<'_, Self>) -> PyResult<u32> {
        inner(slf).available().or_raise()
    }

    /// Takes a unit without blocking the thread: a Grant, or None when `timeout` seconds are up.
    ///
    /// A cancelled wait consumes nothing. Waits for ever by default; zero only tries.
    #[pyo3(signature = (timeout=None))]
    fn acquire_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Semaphore.acquire_async", request, Answer::Grant))
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Coroutine> {
        Coroutine::bracket("Semaphore.__aenter__", slf.as_super())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<Coroutine> {
        let py = slf.py();
        slf.as_super().get().brackets().leave(py)?.get().end()?;
        Ok(Coroutine::ready("Semaphore.__aexit__", py.None()))
    }
}

fn inner(slf: &Bound<'_, Semaphore>) -> HandleRef {
    slf.as_super().get().inner()
}

/// What the interpreter enters directly.
pub(crate) const METHODS: &[Method] = &[
    Method {
        name: c"__enter__",
        doc: c"__enter__($self, /)\n--\n\nTakes a unit and gives the semaphore.",
        entry: Entry::NoArguments(enter),
    },
    Method { name: c"__exit__", doc: c"__exit__($self, /, *exception)\n--\n\nPuts the unit back.", entry: Entry::Positional(exit) },
];

unsafe extern "C" fn enter(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Semaphore, attached.
    let handle = unsafe { fast::handle(slf) };
    match fast::call(|| handle.try_acquire()) {
        // SAFETY: `self` is borrowed for the time of this call.
        Ok(Some(_)) => unsafe { fast::again(slf) },
        Ok(None) => fast::slowly(|py| {
            block::until(py, |interrupt| handle.acquire(Timeout::INFINITE, interrupt))?;
            // SAFETY: `self` is borrowed for the time of this call.
            Ok(unsafe { Bound::from_borrowed_ptr(py, slf) }.unbind())
        }),
        Err(failure) => fast::fail(failure),
    }
}

unsafe extern "C" fn exit(slf: *mut PyObject, _: *const *mut PyObject, _: ffi::Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Semaphore, attached.
    let handle = unsafe { fast::handle(slf) };
    match fast::call(|| handle.post(1)) {
        Ok(_) => fast::none(),
        Err(failure) => fast::fail(failure),
    }
}
