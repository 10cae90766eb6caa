//! The process: which interpreter and thread are Python's main ones, that a fork makes a new one, and whose SIGBUS is.

use crate::aio;
use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_ulong;
use std::sync::{Mutex, PoisonError};

/// The identity of the thread that runs Python's signal handlers.
static MAIN_THREAD: Mutex<c_ulong> = Mutex::new(0);

/// Fails in a sub-interpreter: classes and caches are the process's, and exceptions of one interpreter are no others'. Since
/// Python 3.12 the interpreter refuses by itself.
pub(crate) fn check_interpreter(_attached: Python<'_>) -> PyResult<()> {
    // SAFETY: the caller is attached, so there is a current interpreter.
    if unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) } == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err("byname does not support loading in subinterpreters; import it in the main one, or use processes"))
}

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

/// Leaves SIGBUS to the program; to be called before the first object is made.
///
/// Otherwise byname installs one handler then, which turns the truncation of a namespace's file into NamespaceLostError and passes every
/// other SIGBUS on to the handler that was there before; faulthandler may be enabled before or after. Without it, a process
/// whose namespace is truncated dies of SIGBUS when it touches the file next. Namespaces that are in use already stay guarded.
///
/// >>> import byname
/// >>> byname.leave_sigbus_alone()
/// >>> byname.Event("ready").set()
#[pyfunction]
pub(crate) fn leave_sigbus_alone() {
    byname::engine::leave_sigbus_alone();
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
