//! What the binding knows of its process: which thread is Python's main thread, and that a fork makes a new process.

use crate::aio;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_ulong;
use std::sync::{Mutex, PoisonError};

/// The identity of the thread that runs Python's signal handlers.
static MAIN_THREAD: Mutex<c_ulong> = Mutex::new(0);

/// Finds the main thread, and asks to be told of forks.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    let ident = py.import("threading")?.call_method0("main_thread")?.getattr("ident")?.extract()?;
    set_main_thread(ident);
    let keywords = [("after_in_child", wrap_pyfunction!(after_fork, py)?)];
    py.import("os")?.call_method("register_at_fork", (), Some(&pyo3::types::IntoPyDict::into_py_dict(keywords, py)?))?;
    Ok(())
}

/// Whether the calling thread runs Python's signal handlers. On others a look at pending signals would find nothing.
pub(crate) fn on_main_thread(_attached: Python<'_>) -> bool {
    *MAIN_THREAD.lock().unwrap_or_else(PoisonError::into_inner) == this_thread()
}

/// In the child of a fork: the thread that forked is the main thread, and the event loops are the parent's.
#[pyfunction]
fn after_fork(py: Python<'_>) -> PyResult<()> {
    set_main_thread(this_thread());
    aio::forget_loops(py)
}

fn set_main_thread(ident: c_ulong) {
    *MAIN_THREAD.lock().unwrap_or_else(PoisonError::into_inner) = ident;
}

fn this_thread() -> c_ulong {
    // SAFETY: takes no arguments and needs nothing of the interpreter.
    unsafe { ffi::PyThread_get_thread_ident() }
}
