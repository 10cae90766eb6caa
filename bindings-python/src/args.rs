//! Names and counts: what Python can express and the core cannot take becomes a clear error here.

use crate::error::OrRaise;
use crate::time::type_name;
use byname::Error;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A name as the core takes it. Python strings may hold unpaired surrogates, which no other language can spell.
pub(crate) fn name(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    let text =
        value.cast::<PyString>().map_err(|_| PyTypeError::new_err(format!("a name must be a str or None, not {}", type_name(value))))?;
    match text.to_cow() {
        Ok(text) => Ok(Some(text.into_owned())),
        Err(_) => {
            let shown = text.repr().map_or_else(|_| "the name".to_owned(), |repr| format!("the name {repr}"));
            Err(Error::invalid_name(format!("{shown} holds an unpaired surrogate; a name is text that UTF-8 can express"))).or_raise()
        }
    }
}

/// The parameter `initial`.
pub(crate) fn initial(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    count("initial", value)
}

/// The parameter `maximum`.
pub(crate) fn maximum(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    count("maximum", value)
}

/// The parameter `n`.
pub(crate) fn n(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    count("n", value)
}

/// A count: any int. One beyond 64 bits is as far out of range as any other that is too large.
fn count(what: &str, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value.extract::<i64>().or_else(|error| {
        let py = value.py();
        if error.is_instance_of::<PyOverflowError>(py) {
            Err(Error::invalid_argument(format!("{what} is far out of range; a semaphore counts from 0 to {}", i32::MAX))).or_raise()
        } else if error.is_instance_of::<PyTypeError>(py) {
            Err(PyTypeError::new_err(format!("{what} must be an int, not {}", type_name(value))))
        } else {
            Err(error)
        }
    })
}
