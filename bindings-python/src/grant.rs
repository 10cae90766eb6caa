//! Grants: one acquisition of a mutex or a semaphore, as an object.

use crate::coroutine::Coroutine;
use crate::error::{self, OrRaise, warn};
use byname::ErrorKind;
use byname::engine::{self, By, Kind};
use pyo3::exceptions::{PyResourceWarning, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// One acquisition of a mutex or a semaphore.
///
/// `with grant:` and `async with grant:` release it at the end, if it was not released before. Any thread may release it,
/// also after the handle is closed; only a mutex that a blocking wait took is the calling thread's, and its grant stands
/// for what that thread holds.
///
/// A grant collected as garbage while it still owns a mutex abandons the mutex, with a ResourceWarning; a plain
/// semaphore's unit stays taken, a robust one's comes back, with a ResourceWarning, too.
///
/// >>> import byname
/// >>> semaphore = byname.Semaphore("two at a time", initial=2, maximum=2)
/// >>> with semaphore.acquire() as grant:
/// ...     semaphore.available, grant.held, grant.abandoned
/// (1, True, False)
/// >>> grant.held
/// False
#[pyclass(frozen, module = "byname")]
pub(crate) struct Grant {
    inner: engine::Grant,
    /// Whether it owns by itself.
    itself: bool,
}

impl Grant {
    pub(crate) fn new(inner: engine::Grant, by: By) -> Grant {
        Grant { inner, itself: matches!(by, By::Grant { .. }) }
    }

    /// Releases it if it was not released yet: the end of a bracket.
    pub(crate) fn end(&self) -> PyResult<()> {
        if self.inner.is_held() { self.release() } else { Ok(()) }
    }
}

impl Grant {
    /// A bracket over what was released already would guard nothing.
    fn check_held(&self, py: Python<'_>) -> PyResult<()> {
        if self.inner.is_held() {
            return Ok(());
        }
        Err(error::of_kind(py, ErrorKind::NotOwner, "the grant was released already; acquire again to enter another bracket"))
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        let lost = match self.inner.kind() {
            Kind::Mutex if self.itself => "a grant of a mutex was never released; the mutex is abandoned",
            Kind::Semaphore if self.inner.is_robust() => "a grant of a robust semaphore was never released; the unit comes back",
            _ => return,
        };
        if self.inner.is_held() {
            // Fails only while the interpreter ends, when warnings go nowhere.
            Python::try_attach(|py| warn(py, &py.get_type::<PyResourceWarning>(), lost));
        }
    }
}

#[pymethods]
impl Grant {
    /// The number of this acquisition. It grows with every acquisition of the object, from 1 on, as long as anybody has the
    /// object open, so that who writes to a shared resource under the mutex can be told from a predecessor that was only slow.
    #[getter]
    fn fence(&self) -> u64 {
        self.inner.fence()
    }

    /// Whether a previous owner died holding it: what the mutex guards may be half done.
    #[getter]
    fn abandoned(&self) -> bool {
        self.inner.abandoned()
    }

    /// Whether it is still to be released.
    #[getter]
    fn held(&self) -> bool {
        self.inner.is_held()
    }

    /// Releases it. Raises NotOwnerError the second time, and where it stands for another thread's hold.
    ///
    /// >>> import byname
    /// >>> semaphore = byname.Semaphore(initial=1, maximum=1)
    /// >>> grant = semaphore.acquire()
    /// >>> grant.release()
    /// >>> semaphore.available
    /// 1
    fn release(&self) -> PyResult<()> {
        self.inner.release().or_raise()
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().check_held(slf.py())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.end()
    }

    fn __aenter__(slf: Bound<'_, Self>) -> PyResult<Coroutine> {
        slf.get().check_held(slf.py())?;
        Ok(Coroutine::ready("Grant.__aenter__", slf.into_any().unbind()))
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<Coroutine> {
        self.end()?;
        Ok(Coroutine::ready("Grant.__aexit__", py.None()))
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(PyTypeError::new_err(
            "a Grant can be neither copied nor pickled: it is one acquisition of this process; pass the mutex or semaphore, and acquire there",
        ))
    }

    fn __repr__(&self) -> String {
        let kind = format!("{:?}", self.inner.kind()).to_lowercase();
        let state = if self.inner.is_held() { "held" } else { "released" };
        format!("<byname.Grant of a {kind}, {state}, fence {}>", self.inner.fence())
    }
}
