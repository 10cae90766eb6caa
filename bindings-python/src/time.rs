//! Times: float seconds, `None` for ever. `Timeout` has the rules; here is only what Python can pass.

use crate::error::OrRaise;
use byname::engine::{Due, Period};
use byname::{Error, Timeout};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat};

/// The time-out of a call that has only a `timeout` parameter.
pub(crate) fn timeout(value: Option<&Bound<'_, PyAny>>) -> PyResult<Timeout> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(Timeout::INFINITE) };
    Timeout::from_secs(seconds("timeout", "a number of seconds, or None to wait for ever", value)?).or_raise()
}

/// When a timer is due: seconds from now, or an aware datetime.
pub(crate) fn due(value: &Bound<'_, PyAny>) -> PyResult<Due> {
    let datetime = value.py().import("datetime")?;
    if !value.is_instance(&datetime.getattr("datetime")?)? {
        return Due::after_secs(seconds("due", "a number of seconds from now, or an aware datetime", value)?).or_raise();
    }
    if value.call_method0("utcoffset")?.is_none() {
        return Err(Error::invalid_argument("due is a datetime without a time zone, which says no instant; pass an aware one")).or_raise();
    }
    let epoch = datetime.getattr("datetime")?.call_method1("fromtimestamp", (0, datetime.getattr("timezone")?.getattr("utc")?))?;
    let since = value.sub(epoch)?;
    let part = |name: &str| since.getattr(name)?.extract::<i64>();
    let seconds = part("days")? * 86_400 + part("seconds")?;
    Ok(Due::at_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(part("microseconds")? * 1000)))
}

/// The interval of a timer, in seconds.
pub(crate) fn period(value: &Bound<'_, PyAny>) -> PyResult<Period> {
    span("period", value)
}

/// How long a watchdog's action waits, in seconds.
pub(crate) fn grace(value: &Bound<'_, PyAny>) -> PyResult<Period> {
    span("grace", value)
}

fn span(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Period> {
    Period::named_secs(what, seconds(what, "a number of seconds", value)?).or_raise()
}

/// The time-out of `acquire(blocking=True, timeout=None)`, as the locks of `threading` have it.
pub(crate) fn lock_timeout(blocking: Option<&Bound<'_, PyAny>>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Timeout> {
    let blocking = match blocking {
        None => true,
        Some(value) => flag(value)?,
    };
    if blocking {
        return self::timeout(timeout);
    }
    match timeout.filter(|value| !value.is_none()) {
        None => Ok(Timeout::ZERO),
        Some(_) => {
            Err(Error::invalid_argument("acquire(blocking=False) does not wait, so it takes no timeout; leave one of them out")).or_raise()
        }
    }
}

/// `blocking`: a bool, or the 0 and 1 that older code passes to locks.
fn flag(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true());
    }
    match value.extract::<u8>() {
        Ok(number @ (0 | 1)) if !value.is_instance_of::<PyFloat>() => Ok(number == 1),
        _ => Err(PyTypeError::new_err(format!(
            "blocking must be a bool, not {}; a time goes into acquire(timeout=seconds)",
            type_name(value)
        ))),
    }
}

fn seconds(what: &str, expected: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let wrong_type = || PyTypeError::new_err(format!("{what} must be {expected}, not {}", type_name(value)));
    if value.is_instance_of::<PyBool>() {
        return Err(wrong_type());
    }
    match value.extract::<f64>() {
        Ok(seconds) => Ok(seconds),
        // An int or fraction beyond the floats: for ever, or as negative as any other.
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            Ok(if value.lt(0)? { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => Err(wrong_type()),
        Err(error) => Err(error),
    }
}

/// The name of a value's class, for messages.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "that".to_owned(), |name| name.to_string())
}
