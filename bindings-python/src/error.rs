//! Exceptions, made from the core's one table: a class per kind, each from `byname.Error` and its built-in bases.

use byname::{ErrorKind, KINDS, KindInfo};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::ffi::CString;

/// The classes in the order of [`KINDS`].
static CLASSES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();

const BASE_DOC: &str = "What every error of byname derives from.

A failed call raises a subclass: what a caller does differently. `win32` is the exact Win32 error number, `errno` is
there where the operating system gave one. A time-out is never an error.

>>> import byname
>>> try:
...     byname.Mutex.open(\"nobody made this\")
... except byname.NotFoundError as error:
...     error.win32, isinstance(error, FileNotFoundError), isinstance(error, byname.Error)
(2, True, True)
";

/// Makes the classes and adds them to the module.
pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // The base itself is never raised, so it has no number of its own.
    let base = new_class(py, "Error", BASE_DOC, 0, &[py.get_type::<PyException>()])?;
    module.add("Error", &base)?;
    let builtins = py.import("builtins")?;
    let mut classes = Vec::with_capacity(KINDS.len());
    for row in KINDS {
        let mut bases = vec![base.clone()];
        for name in row.python_bases {
            bases.push(builtins.getattr(*name)?.cast_into()?);
        }
        let class = new_class(py, row.python_class, &format!("{}\n\n{}", row.meaning, row.cure), row.win32[0], &bases)?;
        module.add(row.python_class, &class)?;
        classes.push(class.unbind());
    }
    let _ = CLASSES.set(py, classes);
    Ok(())
}

fn new_class<'py>(py: Python<'py>, name: &str, doc: &str, win32: u32, bases: &[Bound<'py, PyType>]) -> PyResult<Bound<'py, PyType>> {
    let body = PyDict::new(py);
    body.set_item("__module__", "byname")?;
    body.set_item("__doc__", doc)?;
    body.set_item("win32", win32)?;
    Ok(py.get_type::<PyType>().call1((name, PyTuple::new(py, bases)?, body))?.cast_into()?)
}

/// Turns a core error into the exception of its kind.
pub(crate) fn raise(error: byname::Error) -> PyErr {
    Python::attach(|py| new(py, error.kind().info(), error.message(), error.win32(), error.errno()).unwrap_or_else(|failed| failed))
}

/// The exception of a kind that the binding itself has to report.
pub(crate) fn of_kind(py: Python<'_>, kind: ErrorKind, message: &str) -> PyErr {
    new(py, kind.info(), message, kind.info().win32[0], None).unwrap_or_else(|failed| failed)
}

fn new(py: Python<'_>, row: &KindInfo, message: &str, win32: u32, errno: Option<i32>) -> PyResult<PyErr> {
    let place = KINDS.iter().position(|other| other.kind == row.kind);
    let class = CLASSES.get(py).zip(place).and_then(|(classes, place)| classes.get(place));
    let Some(class) = class.map(|class| class.bind(py)) else {
        return Ok(PyException::new_err(message.to_owned())); // raised before the module was complete
    };
    let exception = match errno {
        // OSError's own form, so that errno survives pickling and str() shows it as usual.
        Some(errno) if row.python_bases.contains(&"OSError") => class.call1((errno, message))?,
        _ => class.call1((message,))?,
    };
    if let Some(errno) = errno {
        exception.setattr("errno", errno)?;
    }
    exception.setattr("win32", win32)?;
    // What is being handled, say in the body of a `with` whose end raises, stays visible behind the new exception.
    let handled = py.import("sys")?.call_method0("exc_info")?.get_item(1)?;
    if !handled.is_none() {
        exception.setattr("__context__", handled)?;
    }
    Ok(PyErr::from_value(exception))
}

/// Warns from a destructor. Objects are also collected while an exception is on its way: it waits meanwhile.
pub(crate) fn warn(py: Python<'_>, class: &Bound<'_, PyType>, text: &str) {
    let raised = PyErr::take(py);
    let text = CString::new(text).unwrap_or_default();
    if let Err(error) = PyErr::warn(py, class, &text, 1) {
        error.write_unraisable(py, None);
    }
    if let Some(raised) = raised {
        raised.restore(py);
    }
}

/// `or_raise`: the core's result as Python's.
pub(crate) trait OrRaise<T> {
    fn or_raise(self) -> PyResult<T>;
}

impl<T> OrRaise<T> for byname::Result<T> {
    #[inline]
    fn or_raise(self) -> PyResult<T> {
        self.map_err(raise)
    }
}
