//! Namespaces: where names live.

use crate::error::OrRaise;
use byname::Error;
use byname::engine::{self, Profile};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Where names live: objects of different namespaces never meet, even under one name.
///
/// Without arguments it is the one that every call uses: this user's, of the session that the environment variable
/// BYNAME_SESSION names. `session` names another session of this user (1 to 64 letters, digits, `-`, `_`, `.`).
/// Private namespaces (`boundary` and `alias`) and `profile="ce"` raise UnsupportedError in this version.
///
/// >>> import byname
/// >>> nightly = byname.Namespace("nightly")
/// >>> with byname.Event("done", namespace=nightly) as done:
/// ...     nightly.session, nightly == byname.Namespace()
/// ('nightly', False)
#[pyclass(frozen, module = "byname")]
pub(crate) struct Namespace {
    inner: engine::Namespace,
}

impl Namespace {
    pub(crate) fn inner(&self) -> engine::Namespace {
        self.inner
    }

    pub(crate) fn of_session(py: Python<'_>, session: Option<&str>) -> PyResult<Namespace> {
        let inner = py.detach(|| session.map_or_else(engine::Namespace::local, engine::Namespace::session)).or_raise()?;
        Ok(Namespace { inner })
    }
}

#[pymethods]
impl Namespace {
    #[new]
    #[pyo3(signature = (session=None, *, boundary=None, alias=None, profile="desktop"))]
    fn new(py: Python<'_>, session: Option<&str>, boundary: Option<&str>, alias: Option<&str>, profile: &str) -> PyResult<Namespace> {
        let profile = match profile {
            "desktop" => Profile::Desktop,
            "ce" => Profile::Ce,
            other => return Err(Error::invalid_argument(format!("profile {other:?} is unknown; it is \"desktop\" or \"ce\""))).or_raise(),
        };
        let plain = match (session, boundary, alias) {
            (session, None, None) => Namespace::of_session(py, session)?,
            (None, Some(boundary), Some(alias)) => Namespace { inner: engine::Namespace::private(boundary, alias).or_raise()? },
            _ => return Err(Error::invalid_argument("a private namespace takes boundary and alias, and no session")).or_raise(),
        };
        Ok(Namespace { inner: plain.inner.profile(profile).or_raise()? })
    }

    /// The session's name; None for the default session.
    #[getter]
    fn session(&self) -> Option<&'static str> {
        self.inner.session_name()
    }

    /// The file of the namespace.
    #[getter]
    fn path(&self) -> String {
        self.inner.path().display().to_string()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Namespace>().is_ok_and(|other| other.get().inner == self.inner)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.path().into_pyobject(py)?.hash()
    }

    fn __repr__(&self) -> String {
        match self.session() {
            Some(session) => format!("byname.Namespace({session:?})"),
            None => "byname.Namespace()".to_owned(),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        (slf.get_type(), (slf.get().session(),)).into_pyobject(slf.py())
    }
}

/// What this process has in use in the namespace of every call: (handles, owners, waiters, nodes, objects). For tests.
#[pyfunction(name = "_usage")]
pub(crate) fn usage() -> PyResult<(usize, usize, usize, usize, usize)> {
    let usage = engine::usage(&engine::Namespace::local().or_raise()?);
    Ok((usage.handles, usage.owners, usage.waiters, usage.nodes, usage.objects))
}
