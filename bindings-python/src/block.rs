//! The one place where a call lets go of the interpreter and blocks.

use crate::error::OrRaise;
use crate::handle::Handle;
use crate::{process, time};
use byname::engine::{Interrupt, Outcome};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// Runs `call` without the interpreter; `None` when the time is up.
///
/// On the main thread the core asks now and then whether a signal handler wants to end the call: Ctrl-C raises
/// KeyboardInterrupt and nothing is consumed. Other threads never run handlers, so they sleep undisturbed.
pub(crate) fn until<T: Send>(py: Python<'_>, call: impl FnOnce(Interrupt<'_>) -> byname::Result<Outcome<T>> + Send) -> PyResult<Option<T>> {
    let main = process::on_main_thread(py);
    let mut raised = None;
    let outcome = py.detach(|| {
        let mut look = || {
            raised = Python::attach(|py| py.check_signals().err());
            raised.is_some()
        };
        call(if main { Some(&mut look) } else { None })
    });
    match outcome.or_raise()? {
        Outcome::Got(value) => Ok(Some(value)),
        Outcome::TimedOut => Ok(None),
        Outcome::Interrupted => Err(raised.unwrap_or_else(|| PyKeyboardInterrupt::new_err(()))),
    }
}

/// The `wait` of a class: tries with the interpreter held, and lets go of it only to block. False when `timeout` seconds are up.
pub(crate) fn wait(handle: &Bound<'_, Handle>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    let inner = handle.get().inner();
    let timeout = time::timeout(timeout)?;
    if inner.try_acquire().or_raise()?.is_some() {
        return Ok(true);
    }
    Ok(!timeout.is_zero() && until(handle.py(), |interrupt| inner.acquire(timeout, interrupt))?.is_some())
}
