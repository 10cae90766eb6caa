//! The waitable timer.

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::state::TimerState;
use crate::{args, block, time};
use byname::engine::{Access, HandleRef, Kind, Period, Reset, Spec};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A timer that processes share by name: signaled when its time comes.
///
/// With `manual_reset=True` it then lets everybody pass until it is set anew; otherwise it lets one wait pass, which resets it.
/// `Timer(name, …)` makes it, not set, or opens it if it exists: `created` tells. It goes on when the process that set it
/// ends, as long as anybody has it open. `with` closes the handle at the end.
///
/// >>> import byname
/// >>> beat = byname.Timer("beat")
/// >>> beat.set(0.002, period=0.005)
/// >>> beat.wait(), beat.wait()
/// (True, True)
/// >>> beat.cancel()
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Timer;

#[pymethods]
impl Timer {
    #[new]
    #[pyo3(signature = (name=None, manual_reset=false, *, namespace=None, access=Access::ALL))]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::manual_reset)] manual_reset: bool,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<PyClassInitializer<Timer>> {
        let reset = if manual_reset { Reset::Manual } else { Reset::Auto };
        Ok(Handle::create(py, name, Spec::Timer { reset }, namespace, access)?.add_subclass(Timer))
    }

    /// Opens an existing timer; raises NotFoundError if there is none of that name (contract 1.2, 6).
    ///
    /// >>> import byname
    /// >>> with byname.Timer("beat") as made, byname.Timer.open("beat") as found:
    /// ...     made.set(0)
    /// ...     found.created, found.wait(0)
    /// (False, True)
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Timer>> {
        Py::new(py, Handle::open(py, name, Kind::Timer, namespace, access)?.add_subclass(Timer))
    }

    /// Sets it: not signaled until `due`, and again `period` seconds after that, and so on, if `period` is not 0 (contract 6.1).
    ///
    /// `due` is a number of seconds from now, or an aware datetime, which follows the wall clock when that is set; what has passed
    /// is at once. An earlier setting is over; who waits goes on waiting for the new time. The times are `due` and that plus
    /// whole periods, however late anybody looks; those that nobody waited for are one. It is never early.
    ///
    /// Raises InvalidArgumentError for a time that is negative, NaN or infinite, a datetime without a time zone, a period of more
    /// than 2147483.647 seconds.
    ///
    /// >>> import byname
    /// >>> from datetime import datetime, timedelta, timezone
    /// >>> timer = byname.Timer(manual_reset=True)
    /// >>> timer.set(datetime.now(timezone.utc) + timedelta(milliseconds=5))
    /// >>> timer.wait()
    /// True
    #[pyo3(signature = (due, period=None))]
    #[pyo3(text_signature = "($self, due, period=0)")]
    fn set(slf: &Bound<'_, Self>, due: &Bound<'_, PyAny>, period: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (due, period) = (time::due(due)?, period.map_or(Ok(Period::ONCE), time::period)?);
        inner(slf).set_timer(due, period).or_raise()
    }

    /// Stops it: its time comes no more. Whether it is signaled stays as it is, and who waits goes on waiting (contract 6.2).
    ///
    /// >>> import byname
    /// >>> timer = byname.Timer()
    /// >>> timer.set(60)
    /// >>> timer.cancel()
    /// >>> timer.remaining() is None
    /// True
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        inner(slf).cancel_timer().or_raise()
    }

    /// How many seconds are left until its time comes next; None if it does not.
    ///
    /// >>> import byname
    /// >>> timer = byname.Timer()
    /// >>> timer.set(60)
    /// >>> 59 < timer.remaining() <= 60
    /// True
    fn remaining(slf: &Bound<'_, Self>) -> PyResult<Option<f64>> {
        Ok(inner(slf).timer_state().or_raise()?.remaining.map(|left| left.as_secs_f64()))
    }

    /// All of its state at one instant, as a TimerState. Looking takes nothing and waits for nobody.
    #[getter]
    fn state(slf: &Bound<'_, Self>) -> PyResult<TimerState> {
        Ok(inner(slf).timer_state().or_raise()?.into())
    }

    /// Waits until it is signaled: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.
    ///
    /// Raises InvalidArgumentError for a time that is negative or NaN. Contract 6, 10.6.
    ///
    /// >>> import byname
    /// >>> timer = byname.Timer()
    /// >>> timer.set(0)
    /// >>> timer.wait(), timer.wait(timeout=0.01)
    /// (True, False)
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        block::wait(slf.as_super(), timeout)
    }

    /// Waits without blocking the thread: True, or False when `timeout` seconds are up. A cancelled wait consumes
    /// nothing.
    ///
    /// >>> import asyncio, byname
    /// >>> timer = byname.Timer()
    /// >>> timer.set(0.001)
    /// >>> asyncio.run(timer.wait_async())
    /// True
    #[pyo3(signature = (timeout=None))]
    fn wait_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Timer.wait_async", request, Answer::Flag))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.as_super().get().close()
    }
}

fn inner(slf: &Bound<'_, Timer>) -> HandleRef {
    slf.as_super().get().inner()
}
