//! The process: any process as something to wait for.

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::{args, block, time};
use byname::engine::{Access, HandleRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Another process, of which nothing is known but that it ends some day. `Process.open(pid)` makes one.
///
/// It is signalled when the process has ended, all its threads included, and stays so: "this event, or that process is
/// gone" is one `wait_any`. It need not use byname, be a child, or belong to the same user. What is opened is the
/// process and not its number, so that a later process of that number is never taken for it.
///
/// >>> import byname, subprocess, sys
/// >>> child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
/// >>> with byname.Process.open(child.pid) as process:
/// ...     byname.wait_any([byname.Event(), process]).index
/// ...     process.exit_code
/// 1
/// 3
/// >>> child.wait()  # whose child it is has to reap it, as ever
/// 3
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Process;

#[pymethods]
impl Process {
    /// Opens the process `pid` of the caller's own PID namespace.
    ///
    /// One that has ended and was not reaped yet (a zombie) is signalled from the beginning. `access` is a Windows mask:
    /// SYNCHRONIZE to wait, 0x0400 for the exit code, 0x0001 to terminate. Raises InvalidArgumentError (87) where no process
    /// has that number, UnsupportedError before Linux 5.3.
    ///
    /// >>> import byname, os
    /// >>> byname.Process.open(os.getpid()).wait(0)
    /// False
    #[staticmethod]
    #[pyo3(signature = (pid, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        #[pyo3(from_py_with = args::pid)] pid: i64,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Process>> {
        Py::new(py, Handle::made(py, namespace, |namespace| namespace.open_process(pid, access))?.add_subclass(Process))
    }

    /// The number by which it was opened.
    #[getter]
    fn pid(slf: &Bound<'_, Self>) -> PyResult<u32> {
        inner(slf).process_id().or_raise()
    }

    /// How it ended; None while it runs. Nothing is reaped.
    ///
    /// The status that it gave (0 to 255); 128 and the number of the signal that ended it, as a shell says it (`subprocess`
    /// says minus the number); or the code of `terminate`. Raises UnsupportedError where it was no child of this process, has
    /// been reaped, and the kernel is older than Linux 6.15.
    #[getter]
    fn exit_code(slf: &Bound<'_, Self>) -> PyResult<Option<u32>> {
        inner(slf).exit_code().or_raise()
    }

    /// Kills it at once, by SIGKILL. `exit_code` of this handle is `code` afterwards; the parent, and everybody else, sees
    /// the signal.
    ///
    /// Raises AccessDeniedError if it has ended or is another user's.
    ///
    /// >>> import byname, subprocess, sys
    /// >>> child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    /// >>> process = byname.Process.open(child.pid)
    /// >>> process.terminate(1234)
    /// >>> process.wait(), process.exit_code, child.wait()
    /// (True, 1234, -9)
    /// >>> child.stdin.close()
    #[pyo3(signature = (code))]
    fn terminate(slf: &Bound<'_, Self>, #[pyo3(from_py_with = args::code)] code: u32) -> PyResult<()> {
        inner(slf).terminate_process(code).or_raise()
    }

    /// Waits until it has ended: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.
    ///
    /// >>> import byname, os
    /// >>> byname.Process.open(os.getpid()).wait(timeout=0.01)
    /// False
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        block::wait(slf.as_super(), timeout)
    }

    /// Waits without blocking the thread: True, or False when `timeout` seconds are up.
    ///
    /// >>> import asyncio, byname, os
    /// >>> asyncio.run(byname.Process.open(os.getpid()).wait_async(timeout=0.01))
    /// False
    #[pyo3(signature = (timeout=None))]
    fn wait_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Process.wait_async", request, Answer::Flag))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.as_super().get().close()
    }

    fn __reduce__(_slf: &Bound<'_, Self>) -> PyResult<()> {
        Err(PyTypeError::new_err("a Process cannot be pickled: send its pid, and open that in time"))
    }
}

fn inner(slf: &Bound<'_, Process>) -> HandleRef {
    slf.as_super().get().inner()
}
