//! The event.

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::state::EventState;
use crate::{args, block, time};
use byname::engine::{Access, HandleRef, Kind, Reset, Spec};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// An event that processes share by name: set or not, and waits for its being set.
///
/// With `manual_reset=True`, `set()` lets everybody pass until `reset()`; otherwise each `set()` lets one wait pass, which
/// resets it. `initial` is its state when new. `Event(name, …)` makes it, or opens it if it exists: `created` tells.
/// `with` closes the handle at the end.
///
/// >>> import byname
/// >>> start = byname.Event("start", manual_reset=True)
/// >>> start.wait(timeout=0.01)
/// False
/// >>> start.set()
/// >>> start.wait(), start.is_set()
/// (True, True)
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Event;

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (name=None, manual_reset=false, initial=false, *, namespace=None, access=Access::ALL))]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::manual_reset)] manual_reset: bool,
        #[pyo3(from_py_with = args::initially_set)] initial: bool,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<PyClassInitializer<Event>> {
        let reset = if manual_reset { Reset::Manual } else { Reset::Auto };
        Ok(Handle::create(py, name, Spec::Event { reset, initially_set: initial }, namespace, access)?.add_subclass(Event))
    }

    /// Opens an existing event; raises NotFoundError if there is none of that name (contract 1.2, 4).
    ///
    /// >>> import byname
    /// >>> with byname.Event("start", manual_reset=True) as made, byname.Event.open("start") as found:
    /// ...     made.set()
    /// ...     found.created, found.is_set()
    /// (False, True)
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Event>> {
        Py::new(py, Handle::open(py, name, Kind::Event, namespace, access)?.add_subclass(Event))
    }

    /// Sets it: every wait passes, or one wait if it resets itself (contract 4, E1, E2).
    ///
    /// >>> import byname
    /// >>> turn = byname.Event()
    /// >>> turn.set(), turn.set()
    /// (None, None)
    /// >>> turn.wait(0), turn.wait(0)
    /// (True, False)
    fn set(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).set().or_raise()
    }

    /// Resets it: later waits block. Whom an earlier `set` let pass, passes (contract 4, E8).
    ///
    /// >>> import byname
    /// >>> gate = byname.Event(manual_reset=True, initial=True)
    /// >>> gate.reset()
    /// >>> gate.wait(0)
    /// False
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).reset().or_raise()
    }

    /// Lets those pass who wait now (one of them if it resets itself), and leaves it not set (contract 4, E3 to E5).
    ///
    /// >>> import byname
    /// >>> gate = byname.Event(manual_reset=True, initial=True)
    /// >>> gate.pulse()
    /// >>> gate.is_set()
    /// False
    fn pulse(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).pulse().or_raise()
    }

    /// Whether it is set now. Looking takes nothing.
    ///
    /// >>> import byname
    /// >>> byname.Event(initial=True).is_set()
    /// True
    fn is_set(slf: &Bound<'_, Self>) -> PyResult<bool> {
        inner(slf).is_set().or_raise()
    }

    /// All of its state at one instant, as an EventState. Looking takes nothing and waits for nobody.
    #[getter]
    fn state(slf: &Bound<'_, Self>) -> PyResult<EventState> {
        Ok(inner(slf).event_state().or_raise()?.into())
    }

    /// Waits until it is set: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.
    ///
    /// Raises InvalidArgumentError for a time that is negative or NaN. Contract 4, 10.6.
    ///
    /// >>> import byname
    /// >>> byname.Event(initial=True).wait(), byname.Event().wait(timeout=0.01)
    /// (True, False)
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        block::wait(slf.as_super(), timeout)
    }

    /// Waits without blocking the thread: True, or False when `timeout` seconds are up. A cancelled wait consumes
    /// nothing.
    ///
    /// >>> import asyncio, byname
    /// >>> ready = byname.Event("ready", initial=True)
    /// >>> asyncio.run(asyncio.wait_for(ready.wait_async(), timeout=5))
    /// True
    #[pyo3(signature = (timeout=None))]
    fn wait_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Event.wait_async", request, Answer::Flag))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.as_super().get().close()
    }
}

fn inner(slf: &Bound<'_, Event>) -> HandleRef {
    slf.as_super().get().inner()
}
