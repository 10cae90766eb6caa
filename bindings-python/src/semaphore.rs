//! The semaphore. What `with` calls is direct: see [`fast`](crate::fast).

use crate::args;
use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::fast::{self, Entry, Method};
use crate::grant::Grant;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::state::SemaphoreState;
use crate::{block, time};
use byname::Timeout;
use byname::engine::{Access, By, HandleRef, Kind, Spec};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A semaphore that processes share by name: it counts free units, from `initial` up to `maximum`.
///
/// `Semaphore(name, …)` makes it, or opens it if it exists, whatever its counts are then: `created` tells. Nobody owns
/// a unit: any thread of any process may release. `with s:` takes a unit, gives `s` and puts the unit back.
///
/// With `robust=True`, units whose holder died come back, and the next grant says `abandoned`; of a plain semaphore they
/// are lost (contract 5, S4).
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
    #[pyo3(signature = (name=None, initial=1, maximum=2147483647, robust=false, *, namespace=None, access=Access::ALL))]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::initial)] initial: i64,
        #[pyo3(from_py_with = args::maximum)] maximum: i64,
        #[pyo3(from_py_with = args::robust)] robust: bool,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<PyClassInitializer<Semaphore>> {
        Ok(Handle::create(py, name, Spec::Semaphore { initial, maximum, robust }, namespace, access)?.add_subclass(Semaphore))
    }

    /// Opens an existing semaphore; raises NotFoundError if there is none of that name (contract 1.2, 5).
    ///
    /// >>> import byname
    /// >>> with byname.Semaphore("printers", initial=2, maximum=2), byname.Semaphore.open("printers") as found:
    /// ...     found.created, found.available
    /// (False, 0)
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Semaphore>> {
        Py::new(py, Handle::open(py, name, Kind::Semaphore, namespace, access)?.add_subclass(Semaphore))
    }

    /// Puts `n` units back and gives the count before.
    ///
    /// Raises TooManyPostsError if that would exceed the maximum, and changes nothing then; InvalidArgumentError unless
    /// n is 1 or more. Contract 5, S1 to S6.
    ///
    /// >>> import byname
    /// >>> byname.Semaphore(initial=0, maximum=5).release(3)
    /// 0
    #[pyo3(signature = (n=1))]
    fn release(slf: &Bound<'_, Self>, #[pyo3(from_py_with = args::n)] n: i64) -> PyResult<u32> {
        inner(slf).post(n).or_raise()
    }

    /// How many units are free now. Looking takes none.
    #[getter]
    fn available(slf: &Bound<'_, Self>) -> PyResult<u32> {
        inner(slf).available().or_raise()
    }

    /// All of its state at one instant, as a SemaphoreState. Looking takes nothing and waits for nobody.
    #[getter]
    fn state(slf: &Bound<'_, Self>) -> PyResult<SemaphoreState> {
        Ok(inner(slf).semaphore_state().or_raise()?.into())
    }

    /// Takes a unit without blocking the thread: a Grant, or None when `timeout` seconds are up.
    ///
    /// A cancelled wait consumes nothing. Waits for ever by default; zero only tries.
    ///
    /// >>> import asyncio, byname
    /// >>> async def work():
    /// ...     slots = byname.Semaphore(initial=1, maximum=1)
    /// ...     async with await slots.acquire_async():
    /// ...         return await slots.acquire_async(timeout=0.01)
    /// >>> asyncio.run(work()) is None
    /// True
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
        name: c"acquire",
        doc: c"acquire($self, /, blocking=True, timeout=None)\n--\n\n\
            Takes a unit: a Grant, or None when the time is up.\n\n\
            Waits for ever by default, `timeout` seconds at most, and not at all if not `blocking`. A unit goes back by\n\
            `grant.release()`, or by `release()` of the semaphore: not by both.\n\n\
            Raises InvalidArgumentError for a time that is negative or NaN. Contract 5.\n\n\
            >>> import byname\n\
            >>> s = byname.Semaphore(\"printers\", initial=1, maximum=1)\n\
            >>> grant = s.acquire()\n\
            >>> s.acquire(timeout=0.01) is None\n\
            True\n\
            >>> grant.release()\n",
        entry: Entry::Keywords(acquire),
    },
    Method {
        name: c"__enter__",
        doc: c"__enter__($self, /)\n--\n\nTakes a unit and gives the semaphore.",
        entry: Entry::NoArguments(enter),
    },
    Method { name: c"__exit__", doc: c"__exit__($self, /, *exception)\n--\n\nPuts the unit back.", entry: Entry::Positional(exit) },
];

unsafe extern "C" fn acquire(
    slf: *mut PyObject,
    arguments: *const *mut PyObject,
    positional: ffi::Py_ssize_t,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Semaphore, attached.
    let handle = unsafe { fast::handle(slf) };
    fast::slowly(|py| {
        // SAFETY: these are the arguments that the interpreter passed, and this call has not returned.
        let [blocking, timeout] = unsafe { fast::sort(py, "acquire", ["blocking", "timeout"], arguments, positional, keywords)? };
        let timeout = time::lock_timeout(blocking.as_deref(), timeout.as_deref())?;
        let by = By::Grant { bound: false }; // a unit is no thread's
        let mut grant = handle.try_grant(by).or_raise()?;
        if grant.is_none() && !timeout.is_zero() {
            grant = block::until(py, |interrupt| handle.grant(by, timeout, interrupt))?;
        }
        match grant {
            Some(grant) => Ok(Py::new(py, Grant::new(grant, by))?.into_any()),
            None => Ok(py.None()),
        }
    })
}

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
