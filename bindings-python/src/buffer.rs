//! The buffer protocol: what `memoryview`, `bytes` and numpy ask of an object, and how many have not given back what they got.
//!
//! It is part of the stable ABI from Python 3.11 on only, but the same since 3.0, and since 3.9 an interpreter takes its slots from the specification of
//! a type. So the two slots are asked for once, on a type made for that, which tells where in a type this interpreter keeps them; and there they
//! are put into our classes, before anybody sees them.

use crate::error::raise;
use byname::Error;
use byname::engine::View;
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyBufferError, PyImportError};
use pyo3::ffi::{self, PyObject};
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the bytes of an object are in.
pub(crate) trait Memory {
    /// Where they are; `None` in the child of a fork, if they are the parent's.
    fn bytes(&self) -> Option<Bytes>;
    /// Why there are none any more.
    fn gone() -> Error;
}

/// Bytes in memory.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) at: *mut c_void,
    pub(crate) len: usize,
    pub(crate) writable: bool,
}

impl Memory for Arc<View> {
    fn bytes(&self) -> Option<Bytes> {
        Some(Bytes { at: self.as_ptr().cast_mut().cast(), len: self.len(), writable: self.is_writable() })
    }

    fn gone() -> Error {
        Error::closed()
    }
}

/// The memory that an object exports, and to how many.
pub(crate) struct Exports<M>(Mutex<State<M>>);

struct State<M> {
    memory: Option<M>,
    out: usize,
    /// No more exports; the memory goes with the last.
    closed: bool,
}

impl<M> Default for Exports<M> {
    fn default() -> Exports<M> {
        Exports(Mutex::new(State { memory: None, out: 0, closed: false }))
    }
}

impl<M: Memory> Exports<M> {
    pub(crate) fn of(memory: M) -> Exports<M> {
        Exports(Mutex::new(State { memory: Some(memory), out: 0, closed: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory; from `map` where there is none yet.
    pub(crate) fn view(&self, map: impl FnOnce() -> byname::Result<M>) -> byname::Result<M>
    where
        M: Clone,
    {
        self.lock().memory(map).cloned()
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> byname::Result<usize> {
        let mut state = self.lock();
        state.memory(|| Err(M::gone()))?.bytes().map(|bytes| bytes.len).ok_or_else(M::gone)
    }

    fn take(&self, map: impl FnOnce() -> byname::Result<M>) -> byname::Result<Bytes> {
        let mut state = self.lock();
        let bytes = state.memory(map)?.bytes().ok_or_else(M::gone)?;
        state.out += 1;
        Ok(bytes)
    }

    fn give_back(&self) {
        let mut state = self.lock();
        state.out -= 1;
        let left = state.left();
        drop(state);
        drop(left);
    }

    /// No more exports, and what they were of, if there was still something; BufferError while somebody has one.
    pub(crate) fn close(&self) -> PyResult<Option<M>> {
        self.close_if(|_| Ok(()))
    }

    /// The same, if the memory passes a check.
    pub(crate) fn close_if(&self, check: impl FnOnce(&M) -> byname::Result<()>) -> PyResult<Option<M>> {
        let mut state = self.lock();
        let checked = state.memory.as_ref().filter(|_| !state.closed).map_or(Ok(()), check);
        if let Err(error) = checked {
            drop(state);
            return Err(raise(error));
        }
        if state.out > 0 && !state.closed {
            return Err(PyBufferError::new_err(format!(
                "{} buffers of it are still in use, such as a memoryview or a numpy array; release them first",
                state.out
            )));
        }
        state.closed = true;
        Ok(state.left())
    }

    /// No more exports; the memory goes now, or with the last of them.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left = state.left();
        drop(state);
        drop(left);
    }
}

impl<M: Memory> State<M> {
    fn memory(&mut self, map: impl FnOnce() -> byname::Result<M>) -> byname::Result<&M> {
        if self.closed {
            return Err(M::gone());
        }
        if self.memory.is_none() {
            self.memory = Some(map()?);
        }
        self.memory.as_ref().ok_or_else(M::gone)
    }

    /// The memory that nobody needs any more, to be dropped outside the lock.
    fn left(&mut self) -> Option<M> {
        if self.closed && self.out == 0 { self.memory.take() } else { None }
    }
}

/// A class whose objects export bytes.
pub(crate) trait Exporter: PyTypeInfo {
    type Memory: Memory;

    fn exports(&self) -> &Exports<Self::Memory>;
    /// The memory, where there is none yet.
    fn map(_slf: &Bound<'_, Self>) -> byname::Result<Self::Memory> {
        Err(Self::Memory::gone())
    }
}

/// `Py_buffer`, as it has been since Python 3.0.
#[repr(C)]
struct Buffer {
    bytes: *mut c_void,
    object: *mut PyObject,
    len: ffi::Py_ssize_t,
    item_size: ffi::Py_ssize_t,
    read_only: c_int,
    dimensions: c_int,
    format: *mut c_char,
    shape: *mut ffi::Py_ssize_t,
    strides: *mut ffi::Py_ssize_t,
    sub_offsets: *mut ffi::Py_ssize_t,
    internal: *mut c_void,
}

type Get = unsafe extern "C" fn(*mut PyObject, *mut Buffer, c_int) -> c_int;
type Release = unsafe extern "C" fn(*mut PyObject, *mut Buffer);

unsafe extern "C" {
    fn PyBuffer_FillInfo(
        buffer: *mut Buffer,
        object: *mut PyObject,
        bytes: *mut c_void,
        len: ffi::Py_ssize_t,
        read_only: c_int,
        flags: c_int,
    ) -> c_int;
}

unsafe extern "C" fn get<T: Exporter + pyo3::PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync>(
    object: *mut PyObject,
    buffer: *mut Buffer,
    flags: c_int,
) -> c_int {
    Python::attach(|py| {
        // SAFETY: the interpreter calls this for an object of the class, alive during the call.
        let slf = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<T>() };
        let exports = slf.get().exports();
        let taken = catch_unwind(AssertUnwindSafe(|| exports.take(|| T::map(&slf)).map_err(raise)));
        let filled = taken.unwrap_or_else(|_| Err(PanicException::new_err("byname panicked"))).and_then(|bytes| {
            let (at, len) = (bytes.at, bytes.len as ffi::Py_ssize_t);
            // SAFETY: the interpreter passes a buffer to be filled; the bytes stay where they are while `out` counts this one.
            match unsafe { PyBuffer_FillInfo(buffer, object, at, len, c_int::from(!bytes.writable), flags) } {
                0 => Ok(()),
                _ => {
                    exports.give_back();
                    Err(PyErr::fetch(py))
                }
            }
        });
        match filled {
            Ok(()) => 0,
            Err(error) => {
                error.restore(py);
                // SAFETY: as above; the protocol wants this of a call that fails.
                unsafe { (*buffer).object = std::ptr::null_mut() };
                -1
            }
        }
    })
}

unsafe extern "C" fn release<T: Exporter + pyo3::PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync>(
    object: *mut PyObject,
    _buffer: *mut Buffer,
) {
    Python::attach(|py| {
        // SAFETY: the interpreter calls this for an object of the class, alive during the call.
        let slf = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<T>() };
        slf.get().exports().give_back();
    });
}

/// Makes `T` a class whose objects are buffers.
pub(crate) fn install<T: Exporter + pyo3::PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync>(py: Python<'_>) -> PyResult<()> {
    let slots: [*const c_void; 2] = [get::<T> as Get as *const c_void, release::<T> as Release as *const c_void];
    let place = place_of_slots(py, slots)?;
    let class = py.get_type::<T>();
    let base = class.as_ptr().cast::<*mut [*const c_void; 2]>();
    // SAFETY: both types are made by PyType_FromSpec, so where one has the pointer to its slots the other has it, too; nobody uses the class yet.
    unsafe { **base.add(place) = slots };
    Ok(())
}

/// How many words from its beginning a type has the pointer to its buffer slots.
fn place_of_slots(py: Python<'_>, slots: [*const c_void; 2]) -> PyResult<usize> {
    const GET: c_int = 1;
    const RELEASE: c_int = 2;
    let mut given = [
        ffi::PyType_Slot { slot: GET, pfunc: slots[0].cast_mut() },
        ffi::PyType_Slot { slot: RELEASE, pfunc: slots[1].cast_mut() },
        ffi::PyType_Slot { slot: 0, pfunc: std::ptr::null_mut() },
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"byname._Buffer".as_ptr(),
        basicsize: 0,
        itemsize: 0,
        flags: ffi::Py_TPFLAGS_DEFAULT as u32,
        slots: given.as_mut_ptr(),
    };
    // SAFETY: a whole specification; what it points to lives during the call, and its name for ever.
    let probe = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec))? };
    // How large a type is that was made at run time: with its tables of slots.
    let size: usize = py.get_type::<PyType>().getattr("__basicsize__")?.extract()?;
    let (first, word) = (probe.as_ptr().addr(), size_of::<usize>());
    (0..size / word)
        .find(|&place| {
            // SAFETY: inside the type.
            let pointer = unsafe { *probe.as_ptr().cast::<usize>().add(place) };
            let is_inside = pointer % word == 0 && (first..=first + size - 2 * word).contains(&pointer);
            // SAFETY: two words inside the type.
            is_inside && unsafe { *(pointer as *const [*const c_void; 2]) } == slots
        })
        .ok_or_else(|| {
            PyImportError::new_err("this interpreter keeps the slots of buffers where byname does not find them; please report it")
        })
}
