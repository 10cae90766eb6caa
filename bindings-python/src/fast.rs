//! Methods that the interpreter enters directly.
//!
//! pyo3's entry for a method costs 5 to 25 ns on the stable ABI: it counts the attachment, and for `__exit__` it takes a
//! tuple, since the vectorcall form is stable only from Python 3.10 on (it works the same from 3.7 on). That is as much
//! as the acquisition itself, so the few methods of the uncontended path are plain C functions, put on the class when the
//! module is made. The interpreter has checked the type of `self` before it calls one.

use crate::error::raise;
use crate::handle::Handle;
use byname::engine::HandleRef;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject};
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use pyo3::{Borrowed, PyTypeInfo};
use std::any::Any;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// `METH_FASTCALL`, which pyo3 hides below Python 3.10.
const FASTCALL: c_int = 0x0080;

pub(crate) type NoArguments = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;
pub(crate) type Positional = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, ffi::Py_ssize_t) -> *mut PyObject;
pub(crate) type Keywords = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, ffi::Py_ssize_t, *mut PyObject) -> *mut PyObject;

/// How the interpreter passes the arguments.
pub(crate) enum Entry {
    NoArguments(NoArguments),
    Positional(Positional),
    Keywords(Keywords),
}

/// A method: its name, its signature and documentation in the interpreter's form, and its entry.
pub(crate) struct Method {
    pub name: &'static CStr,
    pub doc: &'static CStr,
    pub entry: Entry,
}

/// Puts the methods on the class of `T`, a subclass of `Handle`.
pub(crate) fn install<T: PyTypeInfo>(py: Python<'_>, methods: &'static [Method]) -> PyResult<()> {
    let class = py.get_type::<T>();
    for method in methods {
        let (function, flags) = match method.entry {
            Entry::NoArguments(function) => (function, ffi::METH_NOARGS),
            // SAFETY: only the type of the pointer changes; the flags tell the interpreter to call it as what it is.
            Entry::Positional(function) => (unsafe { std::mem::transmute::<Positional, NoArguments>(function) }, FASTCALL),
            // SAFETY: as above.
            Entry::Keywords(function) => (unsafe { std::mem::transmute::<Keywords, NoArguments>(function) }, FASTCALL | ffi::METH_KEYWORDS),
        };
        // Descriptors point to their definition for ever, as the class does.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: method.name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
            ml_flags: flags,
            ml_doc: method.doc.as_ptr(),
        }));
        // SAFETY: the class is a type object, and the definition lives for ever and describes `function` truly.
        let descriptor = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))? };
        class.setattr(PyString::new(py, &method.name.to_string_lossy()), descriptor)?;
    }
    Ok(())
}

/// The handle behind `self`.
///
/// # Safety
/// - The calling thread is attached to the interpreter.
/// - `object` is an instance of `Handle`, alive during the call.
#[inline]
pub(crate) unsafe fn handle(object: *mut PyObject) -> HandleRef {
    // SAFETY: the caller promises both, and the borrow ends with this function.
    unsafe { Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<Handle>().get().inner() }
}

/// Why a direct call did not succeed.
pub(crate) enum Failure {
    Error(byname::Error),
    Panic(Box<dyn Any + Send>),
}

/// One call into the core. It makes no Python object and cannot unwind into the interpreter.
#[inline]
pub(crate) fn call<T>(f: impl FnOnce() -> byname::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::Error(error)),
        Err(payload) => Err(Failure::Panic(payload)),
    }
}

/// Raises the failure.
#[cold]
pub(crate) fn fail(failure: Failure) -> *mut PyObject {
    slowly(|_| {
        Err(match failure {
            Failure::Error(error) => raise(error),
            Failure::Panic(payload) => panicked(payload),
        })
    })
}

/// Everything beyond the direct call: with pyo3's bookkeeping, errors raised, panics turned into exceptions.
pub(crate) fn slowly(f: impl for<'py> FnOnce(Python<'py>) -> PyResult<Py<PyAny>>) -> *mut PyObject {
    Python::attach(|py| match catch_unwind(AssertUnwindSafe(|| f(py))).unwrap_or_else(|payload| Err(panicked(payload))) {
        Ok(object) => object.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    })
}

fn panicked(payload: Box<dyn Any + Send>) -> PyErr {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    PanicException::new_err(text.unwrap_or("byname panicked").to_owned())
}

/// `True`, for the interpreter.
#[inline]
pub(crate) fn yes() -> *mut PyObject {
    // SAFETY: True lives as long as the interpreter, to which the caller is attached.
    unsafe { again(ffi::Py_True()) }
}

/// `None`, for the interpreter.
#[inline]
pub(crate) fn none() -> *mut PyObject {
    // SAFETY: None lives as long as the interpreter, to which the caller is attached.
    unsafe { again(ffi::Py_None()) }
}

/// A new reference to an object.
///
/// # Safety
/// - The calling thread is attached to the interpreter.
/// - The object is alive.
#[inline]
pub(crate) unsafe fn again(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller promises what this asks for.
    unsafe { ffi::Py_IncRef(object) };
    object
}

/// The arguments of a [`Keywords`] call, sorted into the parameters `names`.
///
/// # Safety
/// `arguments`, `positional` and `keywords` are what the interpreter passed to a `METH_FASTCALL | METH_KEYWORDS` function
/// that has not returned yet.
pub(crate) unsafe fn sort<'a, 'py, const N: usize>(
    py: Python<'py>,
    function: &str,
    names: [&str; N],
    arguments: *const *mut PyObject,
    positional: ffi::Py_ssize_t,
    keywords: *mut PyObject,
) -> PyResult<[Option<Borrowed<'a, 'py, PyAny>>; N]> {
    let positional = positional as usize;
    // SAFETY: the interpreter passes that many borrowed references, positional ones first, then one for each keyword.
    let argument = |place: usize| unsafe { Borrowed::from_ptr(py, *arguments.add(place)) };
    if positional > N {
        return Err(PyTypeError::new_err(format!("{function}() takes at most {N} arguments ({positional} given)")));
    }
    let mut sorted = [None; N];
    for (place, slot) in sorted.iter_mut().enumerate().take(positional) {
        *slot = Some(argument(place));
    }
    if keywords.is_null() {
        return Ok(sorted);
    }
    // SAFETY: not NULL, so it is the tuple of the keywords' names.
    let keywords = unsafe { Borrowed::from_ptr(py, keywords).cast_unchecked::<PyTuple>() };
    for (place, keyword) in keywords.iter().enumerate() {
        let keyword = keyword.cast_into::<PyString>()?;
        let Some(slot) = names.iter().position(|name| keyword == *name) else {
            return Err(PyTypeError::new_err(format!("{function}() got an unexpected keyword argument '{keyword}'")));
        };
        if sorted[slot].replace(argument(positional + place)).is_some() {
            return Err(PyTypeError::new_err(format!("{function}() got multiple values for argument '{keyword}'")));
        }
    }
    Ok(sorted)
}
