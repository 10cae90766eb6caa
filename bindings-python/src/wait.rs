//! Waits for any of several objects, for all of them, and signal-and-wait.

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::grant::Grant;
use crate::handle::Handle;
use crate::{block, time};
use byname::Timeout;
use byname::engine::{self, By, HandleRef, Mode, Outcome, Satisfied};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What a wait for several objects took.
///
/// `with result:` releases the grants at the end, those that were not released before.
///
/// >>> import byname
/// >>> stop, work = byname.Event("stop"), byname.Semaphore("work", initial=1, maximum=9)
/// >>> with byname.wait_any([stop, work]) as result:
/// ...     result.index, result.object is work, len(result.grants)
/// (1, True, 1)
#[pyclass(frozen, module = "byname")]
pub(crate) struct WaitResult {
    /// Which object it was; -1 if the wait was for all.
    #[pyo3(get)]
    index: isize,
    /// The object itself; None if the wait was for all.
    #[pyo3(get)]
    object: Option<Py<Handle>>,
    /// Whether the owner of a mutex that it took had died.
    #[pyo3(get)]
    abandoned: bool,
    /// A grant for each mutex and semaphore taken, in the order of the list.
    #[pyo3(get)]
    grants: Py<PyTuple>,
}

impl WaitResult {
    pub(crate) fn new(py: Python<'_>, satisfied: Satisfied, objects: &[Py<Handle>], by: By) -> PyResult<WaitResult> {
        let Satisfied { index, abandoned, grants } = satisfied;
        let object = usize::try_from(index).ok().and_then(|place| objects.get(place)).map(|object| object.clone_ref(py));
        let grants = grants.into_iter().map(|grant| Py::new(py, Grant::new(grant, by))).collect::<PyResult<Vec<_>>>()?;
        Ok(WaitResult { index, object, abandoned, grants: PyTuple::new(py, grants)?.unbind() })
    }

    /// Releases what is still held, the last taken first; all of it, even if one fails.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        let mut result = Ok(());
        for grant in self.grants.bind(py).iter().rev() {
            let ended = grant.cast::<Grant>()?.get().end();
            result = result.and(ended);
        }
        result
    }
}

#[pymethods]
impl WaitResult {
    /// Releases the grants that were not released yet.
    ///
    /// >>> import byname
    /// >>> work = byname.Semaphore(initial=1, maximum=1)
    /// >>> result = byname.wait_any([work], timeout=1)
    /// >>> result.release()
    /// >>> work.available
    /// 1
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.end(py)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.end(py)
    }

    fn __aenter__(slf: Py<Self>) -> Coroutine {
        Coroutine::ready("WaitResult.__aenter__", slf.into_any())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<Coroutine> {
        self.end(py)?;
        Ok(Coroutine::ready("WaitResult.__aexit__", py.None()))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let abandoned = if self.abandoned { ", abandoned" } else { "" };
        Ok(format!("<byname.WaitResult index {}{abandoned}, {} grants>", self.index, self.grants.bind(py).len()))
    }
}

/// Waits until one of the objects is signalled and takes that one: a WaitResult, or None when `timeout` seconds are up.
///
/// Objects of all kinds may be mixed, any number of them. If several are signalled already, it is the first of the
/// list. A mutex that it takes is the calling thread's. Release the result, as `with` does: one that is only dropped gives
/// back neither the mutex nor a unit of a semaphore.
///
/// Raises InvalidArgumentError for an empty list, ClosedError if one of them is closed; nothing is taken then. Contract 10.3,
/// 10.4.
///
/// >>> import byname
/// >>> byname.wait_any([byname.Event("a"), byname.Event("b")], timeout=0.01) is None
/// True
#[pyfunction]
#[pyo3(signature = (objs, timeout=None))]
pub(crate) fn wait_any(objs: &Bound<'_, PyAny>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<WaitResult>> {
    wait(objs, Mode::Any, timeout)
}

/// Waits until all objects are signalled at one instant and takes them together: a WaitResult, or None when `timeout`
/// seconds are up. Until then it takes none of them.
///
/// Raises InvalidArgumentError for an empty list or one that names an object twice, ClosedError if one is closed. Contract
/// 10.3, 10.5.
///
/// >>> import byname
/// >>> fork, knife = byname.Mutex("fork"), byname.Mutex("knife")
/// >>> with byname.wait_all([fork, knife]) as result:
/// ...     result.index, len(result.grants)
/// (-1, 2)
#[pyfunction]
#[pyo3(signature = (objs, timeout=None))]
pub(crate) fn wait_all(objs: &Bound<'_, PyAny>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<WaitResult>> {
    wait(objs, Mode::All, timeout)
}

/// Signals `a` (sets an event, releases a unit of a semaphore or the calling thread's mutex), then waits for `b`: a
/// WaitResult, or None when `timeout` seconds are up. The signal stays done then.
///
/// Raises what signalling raises (NotOwnerError, TooManyPostsError), and then does not wait. Contract 10.8.
///
/// >>> import byname
/// >>> done, go = byname.Event("done"), byname.Event("go", initial=True)
/// >>> byname.signal_and_wait(done, go).object is go, done.is_set()
/// (True, True)
#[pyfunction]
#[pyo3(signature = (a, b, timeout=None))]
pub(crate) fn signal_and_wait(
    a: &Bound<'_, PyAny>,
    b: &Bound<'_, PyAny>,
    timeout: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<WaitResult>> {
    let py = a.py();
    let (signal, object) = (handle("a", a)?, handle("b", b)?);
    let timeout = time::timeout(timeout)?;
    let by = By::Thread;
    let (first, second) = (signal.get().inner(), object.get().inner());
    let satisfied = block::until(py, |interrupt| engine::signal_and_wait(first, second, by, timeout, interrupt))?;
    satisfied.map(|satisfied| WaitResult::new(py, satisfied, &[object.clone().unbind()], by)).transpose()
}

/// `wait_any` without blocking the thread; what it takes is owned by the grants.
///
/// A cancelled wait consumes nothing.
///
/// >>> import asyncio, byname
/// >>> async def work():
/// ...     result = await byname.wait_any_async([byname.Event("a"), byname.Event("b", initial=True)], timeout=5)
/// ...     return result.index
/// >>> asyncio.run(work())
/// 1
#[pyfunction]
#[pyo3(signature = (objs, timeout=None))]
pub(crate) fn wait_any_async(objs: &Bound<'_, PyAny>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
    later("wait_any_async", objs, Mode::Any, timeout)
}

/// `wait_all` without blocking the thread; what it takes is owned by the grants. A cancelled wait consumes nothing.
///
/// >>> import asyncio, byname
/// >>> async def eat():
/// ...     async with await byname.wait_all_async([byname.Mutex("fork"), byname.Mutex("knife")]) as result:
/// ...         return len(result.grants)
/// >>> asyncio.run(eat())
/// 2
#[pyfunction]
#[pyo3(signature = (objs, timeout=None))]
pub(crate) fn wait_all_async(objs: &Bound<'_, PyAny>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
    later("wait_all_async", objs, Mode::All, timeout)
}

/// `signal_and_wait` without blocking the thread. The signal is given when the call is first awaited, and stays given if
/// the wait is cancelled.
///
/// >>> import asyncio, byname
/// >>> async def hand_over():
/// ...     done, go = byname.Event("done"), byname.Event("go", initial=True)
/// ...     result = await byname.signal_and_wait_async(done, go, timeout=5)
/// ...     return result.object is go, done.is_set()
/// >>> asyncio.run(hand_over())
/// (True, True)
#[pyfunction]
#[pyo3(signature = (a, b, timeout=None))]
pub(crate) fn signal_and_wait_async(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
    let (signal, object) = (handle("a", a)?, handle("b", b)?);
    let request = Request { signal: Some(signal.clone().unbind()), ..Request::one(object, time::timeout(timeout)?) };
    Ok(Coroutine::new("signal_and_wait_async", request, Answer::Result))
}

fn wait(objs: &Bound<'_, PyAny>, mode: Mode, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<WaitResult>> {
    let py = objs.py();
    let objects = handles(objs)?;
    let inner: Vec<HandleRef> = objects.iter().map(|object| object.get().inner()).collect();
    let timeout = time::timeout(timeout)?;
    let by = By::Thread;
    let satisfied = match engine::wait(&inner, mode, by, Timeout::ZERO, None).or_raise()? {
        Outcome::Got(satisfied) => Some(satisfied),
        _ if timeout.is_zero() => None,
        _ => block::until(py, |interrupt| engine::wait(&inner, mode, by, timeout, interrupt))?,
    };
    satisfied.map(|satisfied| WaitResult::new(py, satisfied, &objects, by)).transpose()
}

fn later(name: &'static str, objs: &Bound<'_, PyAny>, mode: Mode, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
    let request = Request { signal: None, objects: handles(objs)?, mode, timeout: time::timeout(timeout)?, message: None };
    Ok(Coroutine::new(name, request, Answer::Result))
}

fn handles(objs: &Bound<'_, PyAny>) -> PyResult<Vec<Py<Handle>>> {
    let items = objs
        .try_iter()
        .map_err(|_| PyTypeError::new_err(format!("objs must be a sequence of byname objects, not {}", time::type_name(objs))))?;
    items.enumerate().map(|(place, item)| Ok(handle(&format!("objs[{place}]"), &item?)?.clone().unbind())).collect()
}

fn handle<'a, 'py>(what: &str, value: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, Handle>> {
    value.cast::<Handle>().map_err(|_| PyTypeError::new_err(format!("{what} must be a handle of byname, not {}", time::type_name(value))))
}
