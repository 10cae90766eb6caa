//! The watchdog.

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::state::WatchdogState;
use crate::{args, block, time};
use byname::engine::{Access, Action, HandleRef, Kind, Period, Spec};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A watchdog that processes share by name: it acts when it is not refreshed in time.
///
/// Whoever starts it is watched, and must `refresh()` it within each `period` seconds. Else it is signaled, and `grace` seconds later it acts: `"kill"` kills
/// (SIGKILL) the process that started it, also one that hangs or is stopped; `"none"` does nothing more. `Watchdog(name, …)` makes it, stopped, or
/// opens it if it exists: `created` tells. `with w:` starts it, gives `w`, and stops it. With `systemd=True` each refresh tells systemd, too
/// (`WATCHDOG=1` to `NOTIFY_SOCKET`).
///
/// >>> import byname
/// >>> with byname.Watchdog("alive", period=5, grace=1, action="kill") as dog:
/// ...     for piece in range(3):
/// ...         dog.refresh()  # after each piece of work, of less than five seconds
/// >>> dog.state.stage
/// 'stopped'
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Watchdog;

#[pymethods]
impl Watchdog {
    #[new]
    #[pyo3(signature = (name, period, grace, action, *, systemd=false, namespace=None, access=Access::ALL))]
    #[expect(clippy::too_many_arguments, reason = "they are Python's")]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = time::period)] period: Period,
        #[pyo3(from_py_with = time::grace)] grace: Period,
        #[pyo3(from_py_with = args::action)] action: Action,
        #[pyo3(from_py_with = args::systemd)] systemd: bool,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<PyClassInitializer<Watchdog>> {
        let (action, parameter) = action.code();
        let spec = Spec::Watchdog { period: period.as_nanos(), grace: grace.as_nanos(), action, parameter };
        Handle::create_and(py, name, spec, namespace, access, |made| made.notify_systemd(systemd)).map(|made| made.add_subclass(Watchdog))
    }

    /// Opens an existing watchdog; raises NotFoundError if there is none of that name (contract 1.2, 9.8).
    ///
    /// >>> import byname
    /// >>> made = byname.Watchdog("alive", 5, 1, "none")
    /// >>> byname.Watchdog.open("alive").state.period
    /// 5.0
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Watchdog>> {
        Py::new(py, Handle::open(py, name, Kind::Watchdog, namespace, access)?.add_subclass(Watchdog))
    }

    /// Starts it, or starts it anew: this process is watched (contract 9.8, WD1).
    ///
    /// >>> import byname
    /// >>> dog = byname.Watchdog(None, 0.005, 0, "none")
    /// >>> dog.start()
    /// >>> dog.wait(), dog.state.stage  # nobody refreshed it
    /// (True, 'expired')
    fn start(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).start_watchdog().or_raise()
    }

    /// Gives it one period more from now; any process may (WD6). In its grace, or expired, it runs again; stopped, it stays so.
    ///
    /// >>> import byname
    /// >>> dog = byname.Watchdog(None, 5, 1, "none")
    /// >>> dog.refresh()
    /// >>> dog.state.stage
    /// 'stopped'
    fn refresh(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).refresh_watchdog().or_raise()
    }

    /// Stops it: it is not signaled, and an action that has not been taken is not (WD10).
    ///
    /// >>> import byname
    /// >>> dog = byname.Watchdog(None, 0.001, 60, "kill")
    /// >>> dog.start()
    /// >>> dog.wait()  # in its grace
    /// True
    /// >>> dog.stop()
    /// >>> dog.wait(0)
    /// False
    fn stop(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).stop_watchdog().or_raise()
    }

    /// All of its state at one instant, as a WatchdogState. Looking waits for nobody.
    #[getter]
    fn state(slf: &Bound<'_, Self>) -> PyResult<WatchdogState> {
        Ok(inner(slf).watchdog_state().or_raise()?.into())
    }

    /// Waits until it is signaled, which the wait does not change: True, or False when `timeout` seconds are up. Contract 9.8, WD9.
    ///
    /// >>> import byname
    /// >>> byname.Watchdog(None, 5, 1, "none").wait(timeout=0.01)
    /// False
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        block::wait(slf.as_super(), timeout)
    }

    /// Waits without blocking the thread: True, or False when `timeout` seconds are up.
    ///
    /// >>> import asyncio, byname
    /// >>> dog = byname.Watchdog(None, 0.001, 0, "none")
    /// >>> dog.start()
    /// >>> asyncio.run(dog.wait_async())
    /// True
    #[pyo3(signature = (timeout=None))]
    fn wait_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Watchdog.wait_async", request, Answer::Flag))
    }

    fn __enter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Self>> {
        inner(slf.bind(py)).start_watchdog().or_raise()?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        inner(slf).stop_watchdog().or_raise()
    }
}

fn inner(slf: &Bound<'_, Watchdog>) -> HandleRef {
    slf.as_super().get().inner()
}
