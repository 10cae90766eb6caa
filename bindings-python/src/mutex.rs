//! The mutex. The four calls of its uncontended path are direct: see [`fast`](crate::fast).

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::fast::{self, Entry, Method};
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::state::MutexState;
use crate::{args, block, time};
use byname::Timeout;
use byname::engine::{Access, HandleRef, Kind, Spec};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};

/// A mutex that processes share by name. The thread that acquires it owns it, and may acquire it again.
///
/// `Mutex(name)` makes it, or opens it if it exists: `created` tells. Without a name it is private to this process and
/// its forked children. `initially_owned` acquires it at once if it is new. `with m:` acquires, gives `m` and releases.
///
/// When the owner dies, the next one gets the mutex with `abandoned` set and repairs what the dead one left half done. If nobody
/// else had it open, though, the mutex died with its owner: the next one makes a new one, whose first `fence` is 1
/// (contract 3.4, A1 to A17).
///
/// >>> import byname
/// >>> m = byname.Mutex("ledger")
/// >>> with m:
/// ...     if m.abandoned:
/// ...         print("the previous owner died: repair the ledger first")
/// ...     m.fence
/// 1
///
/// In asyncio every acquisition owns by itself, so that the tasks of one thread exclude each other:
///
/// >>> import asyncio
/// >>> async def work():
/// ...     async with m as grant:
/// ...         return grant.fence
/// >>> asyncio.run(work())
/// 2
///
/// Raises InvalidNameError, NameTooLongError, PathNotFoundError for names that break the grammar, WrongKindError where
/// the name belongs to an object of another kind.
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Mutex;

#[pymethods]
impl Mutex {
    #[new]
    #[pyo3(signature = (name=None, initially_owned=false, *, namespace=None, access=Access::ALL))]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::initially_owned)] initially_owned: bool,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<PyClassInitializer<Mutex>> {
        Ok(Handle::create(py, name, Spec::Mutex { initially_owned }, namespace, access)?.add_subclass(Mutex))
    }

    /// Opens an existing mutex; raises NotFoundError if there is none of that name (contract 1.2, 3.2).
    ///
    /// >>> import byname
    /// >>> try:
    /// ...     byname.Mutex.open("ledger of nobody")
    /// ... except byname.NotFoundError as error:
    /// ...     print(error)
    /// no object named "ledger of nobody" is open; create it, or start the process that does
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Mutex>> {
        Py::new(py, Handle::open(py, name, Kind::Mutex, namespace, access)?.add_subclass(Mutex))
    }

    /// Whether the previous owner died holding what the calling thread now holds. Raises NotOwnerError if it holds
    /// nothing.
    #[getter]
    fn abandoned(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(inner(slf).held().or_raise()?.abandoned)
    }

    /// The number of the calling thread's acquisition; it grows with every acquisition of the mutex, from 1 on, across
    /// processes and deaths, as long as anybody has the mutex open. Raises NotOwnerError if the thread holds nothing.
    #[getter]
    fn fence(slf: &Bound<'_, Self>) -> PyResult<u64> {
        Ok(inner(slf).held().or_raise()?.fence)
    }

    /// Who owns it now, as (pid, tid), or None. For people to look at: it may have changed already.
    #[getter]
    fn owner(slf: &Bound<'_, Self>) -> PyResult<Option<(u32, u32)>> {
        Ok(inner(slf).owner().or_raise()?.map(|owner| (owner.pid, owner.tid)))
    }

    /// All of its state at one instant, as a MutexState. Looking takes nothing and waits for nobody.
    #[getter]
    fn state(slf: &Bound<'_, Self>) -> PyResult<MutexState> {
        Ok(inner(slf).mutex_state().or_raise()?.into())
    }

    /// Acquires it for a grant of its own, without blocking the thread: a Grant, or None when `timeout` seconds are up.
    ///
    /// A cancelled wait consumes nothing. Waits for ever by default; zero only tries.
    ///
    /// >>> import asyncio, byname
    /// >>> async def work():
    /// ...     grant = await byname.Mutex("ledger").acquire_async(timeout=1.0)
    /// ...     if grant is None:
    /// ...         return "busy"
    /// ...     with grant:
    /// ...         return "done"
    /// >>> asyncio.run(work())
    /// 'done'
    #[pyo3(signature = (timeout=None))]
    fn acquire_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Mutex.acquire_async", request, Answer::Grant))
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Coroutine> {
        Coroutine::bracket("Mutex.__aenter__", slf.as_super())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<Coroutine> {
        let py = slf.py();
        slf.as_super().get().brackets().leave(py)?.get().end()?;
        Ok(Coroutine::ready("Mutex.__aexit__", py.None()))
    }
}

fn inner(slf: &Bound<'_, Mutex>) -> HandleRef {
    slf.as_super().get().inner()
}

/// What the interpreter enters directly.
pub(crate) const METHODS: &[Method] = &[
    Method {
        name: c"acquire",
        doc: c"acquire($self, /, blocking=True, timeout=None)\n--\n\n\
            Acquires the mutex for the calling thread; True, or False when the time is up.\n\n\
            Waits for ever by default, `timeout` seconds at most, and not at all if not `blocking`. The owner may acquire\n\
            it again, and releases it as often. Like the locks of threading and multiprocessing, it takes no negative\n\
            time, though: leave `timeout` out to wait for ever.\n\n\
            Raises InvalidArgumentError for a time that is negative or NaN, WouldDeadlockError where it would wait for a\n\
            grant of the event loop that runs in this very thread. Contract 3.2, 3.3.\n\n\
            >>> import byname\n\
            >>> m = byname.Mutex(\"ledger\")\n\
            >>> m.acquire(timeout=1.5)\n\
            True\n\
            >>> m.release()\n",
        entry: Entry::Keywords(acquire),
    },
    Method {
        name: c"release",
        doc: c"release($self, /)\n--\n\n\
            Releases one acquisition of the calling thread. Raises NotOwnerError if it holds none. Contract 3.2.\n\n\
            >>> import byname\n\
            >>> m = byname.Mutex()\n\
            >>> m.acquire(), m.acquire()\n\
            (True, True)\n\
            >>> m.release(), m.state.depth\n\
            (None, 1)\n\
            >>> m.release()\n",
        entry: Entry::NoArguments(release),
    },
    Method {
        name: c"__enter__",
        doc: c"__enter__($self, /)\n--\n\nAcquires the mutex for the calling thread and gives it.",
        entry: Entry::NoArguments(enter),
    },
    Method { name: c"__exit__", doc: c"__exit__($self, /, *exception)\n--\n\nReleases the mutex.", entry: Entry::Positional(exit) },
];

unsafe extern "C" fn acquire(
    slf: *mut PyObject,
    arguments: *const *mut PyObject,
    positional: ffi::Py_ssize_t,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Mutex, attached.
    let handle = unsafe { fast::handle(slf) };
    if positional == 0 && keywords.is_null() {
        return match fast::call(|| handle.try_acquire()) {
            Ok(Some(_)) => fast::yes(),
            Ok(None) => fast::slowly(|py| Ok(PyBool::new(py, wait(py, handle, Timeout::INFINITE)?).to_owned().into_any().unbind())),
            Err(failure) => fast::fail(failure),
        };
    }
    fast::slowly(|py| {
        // SAFETY: these are the arguments that the interpreter passed, and this call has not returned.
        let [blocking, timeout] = unsafe { fast::sort(py, "acquire", ["blocking", "timeout"], arguments, positional, keywords)? };
        let timeout = time::lock_timeout(blocking.as_deref(), timeout.as_deref())?;
        let acquired = handle.try_acquire().or_raise()?.is_some() || wait(py, handle, timeout)?;
        Ok(PyBool::new(py, acquired).to_owned().into_any().unbind())
    })
}

/// Waits for a mutex that was not free when tried.
fn wait(py: Python<'_>, handle: HandleRef, timeout: Timeout) -> PyResult<bool> {
    if timeout.is_zero() {
        return Ok(false);
    }
    Ok(block::until(py, |interrupt| handle.acquire(timeout, interrupt))?.is_some())
}

unsafe extern "C" fn release(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Mutex, attached.
    let handle = unsafe { fast::handle(slf) };
    match fast::call(|| handle.release()) {
        Ok(()) => fast::none(),
        Err(failure) => fast::fail(failure),
    }
}

unsafe extern "C" fn enter(slf: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Mutex, attached.
    let handle = unsafe { fast::handle(slf) };
    match fast::call(|| handle.try_acquire()) {
        // SAFETY: `self` is borrowed for the time of this call.
        Ok(Some(_)) => unsafe { fast::again(slf) },
        Ok(None) => fast::slowly(|py| {
            wait(py, handle, Timeout::INFINITE)?;
            // SAFETY: `self` is borrowed for the time of this call.
            Ok(unsafe { Bound::from_borrowed_ptr(py, slf) }.unbind())
        }),
        Err(failure) => fast::fail(failure),
    }
}

unsafe extern "C" fn exit(slf: *mut PyObject, _: *const *mut PyObject, _: ffi::Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls this as a method of Mutex, attached, and release looks at `self` alone.
    unsafe { release(slf, std::ptr::null_mut()) }
}
