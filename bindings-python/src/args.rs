//! Names and counts: what Python can express and the core cannot take becomes a clear error here.

use crate::error::OrRaise;
use crate::time::type_name;
use byname::Error;
use byname::engine::{Access, Action, Protect};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

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

/// A converter for each parameter, since an error has to name it (`from_py_with` passes the value alone).
macro_rules! parameters {
    ($( $function:ident: $name:literal = $convert:ident -> $type:ty; )+) => { $(
        pub(crate) fn $function(value: &Bound<'_, PyAny>) -> PyResult<$type> {
            $convert($name, value)
        }
    )+ };
}

parameters! {
    initially_owned: "initially_owned" = flag -> bool;
    manual_reset: "manual_reset" = flag -> bool;
    initially_set: "initial" = flag -> bool;
    robust: "robust" = flag -> bool;
    kill_on_close: "kill_on_close" = flag -> bool;
    protected: "protected" = flag -> bool;
    inheritable: "inheritable" = flag -> bool;
    initial: "initial" = count -> i64;
    maximum: "maximum" = count -> i64;
    n: "n" = count -> i64;
    alert: "alert" = flag -> bool;
    allow_broken: "allow_broken" = flag -> bool;
    precommit: "precommit" = flag -> bool;
    max_messages: "max_messages" = number -> u32;
    max_size: "max_size" = number -> u32;
    access: "access" = mask -> Access;
    protect: "protect" = protection -> Option<Protect>;
    systemd: "systemd" = flag -> bool;
    action: "action" = deed -> Action;
    size: "size" = bytes -> u64;
    offset: "offset" = bytes -> u64;
    length: "length" = some_bytes -> Option<u64>;
    some_size: "size" = some_bytes -> Option<u64>;
    pid: "pid" = pid_of -> i64;
    code: "code" = code_of -> u32;
}

/// A process's number: any int. One beyond 64 bits is no process, either.
fn pid_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    integer(what, value, "no process has such a number")
}

/// A limit: `None` for none.
pub(crate) fn limit(what: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<u64>> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    let range = "a limit is not negative, and less than 2**63";
    let limit = integer(what, value, range)?;
    u64::try_from(limit).map(Some).map_err(|_| Error::invalid_argument(format!("{what} is {limit}; {range}"))).or_raise()
}

/// An exit code.
fn code_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    let range = "an exit code is 0 to 4294967295";
    let code = integer(what, value, range)?;
    u32::try_from(code).map_err(|_| Error::invalid_argument(format!("{what} is {code}; {range}"))).or_raise()
}

/// An int that is no bool; `range` is what to say to one beyond 64 bits.
fn integer(what: &str, value: &Bound<'_, PyAny>, range: &str) -> PyResult<i64> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{what} must be an int, not bool")));
    }
    value.extract::<i64>().or_else(|error| {
        let py = value.py();
        if error.is_instance_of::<PyOverflowError>(py) {
            Err(Error::invalid_argument(format!("{what} is {}; {range}", value.str()?))).or_raise()
        } else if error.is_instance_of::<PyTypeError>(py) {
            Err(PyTypeError::new_err(format!("{what} must be an int, not {}", type_name(value))))
        } else {
            Err(error)
        }
    })
}

/// An access mask: an int, as byname.Access is. What it may ask for is the core's to say.
fn mask(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Access> {
    bits(what, value).map(Access)
}

/// Likewise what byname.Protect has; `None` for what follows from the access.
fn protection(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Protect>> {
    if value.is_none() { Ok(None) } else { bits(what, value).map(|bits| Some(Protect(bits))) }
}

fn bits(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{what} must be an int, not bool")));
    }
    value.extract::<u32>().or_else(|error| {
        let py = value.py();
        if error.is_instance_of::<PyOverflowError>(py) {
            Err(Error::invalid_argument(format!("{what} is {}; it must be a mask of 32 bits", value.str()?))).or_raise()
        } else if error.is_instance_of::<PyTypeError>(py) {
            Err(PyTypeError::new_err(format!("{what} must be an int, not {}", type_name(value))))
        } else {
            Err(error)
        }
    })
}

/// A number that is not negative; what it may be is the core's to say.
fn number(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u32> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{what} must be an int, not bool")));
    }
    value.extract::<u32>().or_else(|error| {
        let py = value.py();
        if error.is_instance_of::<PyOverflowError>(py) {
            Err(Error::invalid_argument(format!("{what} is {}, which is far out of range", value.str()?))).or_raise()
        } else if error.is_instance_of::<PyTypeError>(py) {
            Err(PyTypeError::new_err(format!("{what} must be an int, not {}", type_name(value))))
        } else {
            Err(error)
        }
    })
}

/// What a watchdog does.
fn deed(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Action> {
    let text = value
        .cast::<PyString>()
        .map_err(|_| PyTypeError::new_err(format!("{what} must be \"kill\" or \"none\", not {}", type_name(value))))?;
    match &*text.to_string_lossy() {
        "none" => Ok(Action::None),
        "kill" => Ok(Action::Kill),
        other => Err(Error::invalid_argument(format!("{what} must be \"kill\" or \"none\", not {other:?}"))).or_raise(),
    }
}

fn flag(what: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let flag = value.cast::<PyBool>().map(|flag| flag.is_true());
    flag.map_err(|_| PyTypeError::new_err(format!("{what} must be a bool, not {}", type_name(value))))
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

/// A number of bytes: any int that is not negative. One beyond 64 bits is as far out of range as any other that is too large.
fn bytes(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{what} must be an int, not bool")));
    }
    value.extract::<u64>().or_else(|error| {
        let py = value.py();
        if error.is_instance_of::<PyOverflowError>(py) {
            Err(Error::invalid_argument(format!("{what} is {}; it is a number of bytes from 0 to 2 ** 64 - 1", value.str()?))).or_raise()
        } else if error.is_instance_of::<PyTypeError>(py) {
            Err(PyTypeError::new_err(format!("{what} must be an int, not {}", type_name(value))))
        } else {
            Err(error)
        }
    })
}

fn some_bytes(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if value.is_none() { Ok(None) } else { bytes(what, value).map(Some) }
}
