//! The command `byname`, for the script that the wheel installs.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs the command with these arguments; gives its exit status. For a process whose one purpose this is.
#[pyfunction]
#[pyo3(name = "_command")]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| byname::cli::run(arguments))
}
