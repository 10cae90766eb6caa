//! What a job tells.

use crate::coroutine::{Answer, Coroutine, Moving, Request};
use crate::handle::Handle;
use crate::queue::in_time;
use crate::state::JobNotification;
use crate::time;
use byname::ErrorKind;
use byname::engine::{self, HandleRef};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The notifications of a job, in order; `Job.notifications()` begins them.
///
/// As an object of a wait it is signalled while there is one; a wait takes none. They are this process's own: others that want them ask for themselves. Closing
/// it ends them; it does not keep the job open. In a forked child it is closed. `with` closes it, and a `for` loop takes one after the
/// other until somebody does.
///
/// >>> import byname
/// >>> with byname.Job() as job, job.notifications() as told, job.Popen(["true"]) as child:
/// ...     child.wait()
/// ...     for one in told:
/// ...         print(one.message, one.pid == child.pid)
/// ...         if one.message == "zero":
/// ...             break
/// 0
/// new True
/// exit True
/// zero False
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct JobNotifications;

impl JobNotifications {
    pub(crate) fn over(py: Python<'_>, handle: engine::Handle) -> PyResult<Py<JobNotifications>> {
        Py::new(py, PyClassInitializer::from(Handle::over(handle)).add_subclass(JobNotifications))
    }
}

#[pymethods]
impl JobNotifications {
    /// The next one, as a JobNotification, or None when `timeout` seconds are up. Zero only looks, None waits for ever.
    ///
    /// >>> import byname
    /// >>> byname.Job().notifications().get(timeout=0)  # nobody is in it
    #[pyo3(signature = (timeout=None))]
    fn get(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<JobNotification>> {
        let (handle, timeout) = (inner(slf), time::timeout(timeout)?);
        Ok(in_time(slf.py(), timeout, |timeout, interrupt| handle.next_notification(timeout, interrupt))?.map(Into::into))
    }

    /// The next one without blocking the thread; as `get`. A cancelled one takes none.
    ///
    /// >>> import asyncio, byname
    /// >>> asyncio.run(byname.Job().notifications().get_async(timeout=0.01))
    #[pyo3(signature = (timeout=None))]
    fn get_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::message(slf.as_super(), Moving::Get, time::timeout(timeout)?);
        Ok(Coroutine::new("JobNotifications.get_async", request, Answer::Notification))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<JobNotification>> {
        let handle = inner(slf);
        let is_closed = || handle.check_tells().is_err_and(|error| error.kind() == ErrorKind::Closed);
        JobNotifications::get(slf, None).or_else(|error| if is_closed() { Ok(None) } else { Err(error) })
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.as_super().get().close()
    }
}

fn inner(slf: &Bound<'_, JobNotifications>) -> HandleRef {
    slf.as_super().get().inner()
}
