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
/// `profile="ce"` gives it the rules of Windows CE: a name space for each kind, in which "" is a name and a backslash is
/// none; mutex, event, semaphore, mapping, queue and watchdog alone; no wait for all (contract 0.3, 1.4).
/// Private namespaces (`boundary` and `alias`) raise UnsupportedError in this version.
///
/// >>> import byname
/// >>> nightly = byname.Namespace("nightly")
/// >>> with byname.Event("done", namespace=nightly) as done:
/// ...     nightly.session, nightly == byname.Namespace()
/// ('nightly', False)
/// >>> ce = byname.Namespace(profile="ce")
/// >>> with byname.Event("turn", namespace=ce) as turn, byname.Mutex("turn", namespace=ce) as owner:
/// ...     turn.created, owner.created
/// (True, True)
#[pyclass(frozen, module = "byname")]
pub(crate) struct Namespace {
    inner: engine::Namespace,
}

impl Namespace {
    pub(crate) fn inner(&self) -> engine::Namespace {
        self.inner
    }

    pub(crate) fn over(inner: engine::Namespace) -> Namespace {
        Namespace { inner }
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
            (None, None, None) => py.detach(engine::Namespace::local),
            (Some(session), None, None) => py.detach(|| engine::Namespace::session(session)),
            (None, Some(boundary), Some(alias)) => engine::Namespace::private(boundary, alias),
            _ => Err(Error::invalid_argument("a private namespace takes boundary and alias, and no session")),
        };
        plain.and_then(|plain| plain.profile(profile)).map(Namespace::over).or_raise()
    }

    /// The session's name; None for the default session.
    #[getter]
    fn session(&self) -> Option<&'static str> {
        self.inner.session_name()
    }

    /// The rules of naming that hold: "desktop" or "ce".
    #[getter]
    fn profile(&self) -> &'static str {
        match self.inner.rules() {
            Profile::Desktop => "desktop",
            Profile::Ce => "ce",
        }
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
        let session = self.session().map(|session| format!("{session:?}"));
        let profile = (self.inner.rules() == Profile::Ce).then(|| "profile=\"ce\"".to_owned());
        format!("byname.Namespace({})", session.into_iter().chain(profile).collect::<Vec<_>>().join(", "))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        (py.import("byname._byname")?.getattr("_renamespace")?, (this.session(), this.profile())).into_pyobject(py)
    }
}

/// The namespace that a pickled one stood for.
#[pyfunction(name = "_renamespace")]
pub(crate) fn renamespace(py: Python<'_>, session: Option<&str>, profile: &str) -> PyResult<Namespace> {
    Namespace::new(py, session, None, None, profile)
}

/// What this process has in use in the namespace of every call: (handles, owners, waiters, nodes, objects). For tests.
#[pyfunction(name = "_usage")]
pub(crate) fn usage() -> PyResult<(usize, usize, usize, usize, usize)> {
    let usage = engine::usage(&engine::Namespace::local().or_raise()?);
    Ok((usage.handles, usage.owners, usage.waiters, usage.nodes, usage.objects))
}
