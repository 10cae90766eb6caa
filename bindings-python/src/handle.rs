//! What every handle can do, whatever its kind.

use crate::bracket::Brackets;
use crate::error::OrRaise;
use crate::namespace::Namespace;
use crate::queue::{BOTH, Mode, mode};
use crate::{args, share};
use byname::ErrorKind;
use byname::engine::{self, Access, HandleFlags, HandleRef, Kind, Spec};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyString, PyTuple, PyType};

/// A handle to an object: what the kinds of objects have in common.
///
/// A handle keeps the object alive, and with it the name: both are gone when the last handle in any process is closed.
/// Handles work in forked children, and pickle by kind, namespace and name, those without a name by a token of `share`;
/// whoever unpickles one opens the object.
///
/// >>> import byname
/// >>> with byname.Event("ready") as event:
/// ...     event.name, event.created
/// ('ready', True)
#[pyclass(frozen, subclass, module = "byname")]
pub(crate) struct Handle {
    inner: HandleRef,
    brackets: Brackets,
}

impl Handle {
    /// Makes the object, or opens it if it exists.
    pub(crate) fn create(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        spec: Spec,
        namespace: Option<&Bound<'_, Namespace>>,
        access: Access,
    ) -> PyResult<PyClassInitializer<Handle>> {
        Handle::create_and(py, name, spec, namespace, access, |_| Ok(()))
    }

    /// The same, and what is to be done with the new handle.
    pub(crate) fn create_and(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        spec: Spec,
        namespace: Option<&Bound<'_, Namespace>>,
        access: Access,
        then: impl FnOnce(&engine::Handle) -> byname::Result<()> + Send,
    ) -> PyResult<PyClassInitializer<Handle>> {
        let name = args::name(name)?;
        Handle::made(py, namespace, |namespace| {
            let made = namespace.create(name.as_deref(), spec, access)?;
            then(&made)?;
            Ok(made)
        })
    }

    /// Opens an existing one.
    pub(crate) fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        kind: Kind,
        namespace: Option<&Bound<'_, Namespace>>,
        access: Access,
    ) -> PyResult<PyClassInitializer<Handle>> {
        let name = args::name(name)?;
        Handle::made(py, namespace, |namespace| namespace.open(name.as_deref(), kind, access))
    }

    pub(crate) fn made(
        py: Python<'_>,
        namespace: Option<&Bound<'_, Namespace>>,
        make: impl FnOnce(engine::Namespace) -> byname::Result<engine::Handle> + Send,
    ) -> PyResult<PyClassInitializer<Handle>> {
        let namespace = namespace.map(|namespace| namespace.get().inner());
        // The first use of a namespace opens a file and starts the keeper.
        let made = py.detach(|| make(namespace.map_or_else(engine::Namespace::local, Ok)?)).or_raise()?;
        Ok(PyClassInitializer::from(Handle::over(made)))
    }

    pub(crate) fn over(handle: engine::Handle) -> Handle {
        Handle { inner: HandleRef::from_id(handle.into_id()), brackets: Brackets::default() }
    }

    /// What pickles: how to open the object again, with that access.
    /// A pickled handle: its name and namespace, or its token where it has no name, and the keyword with which it is opened again.
    pub(crate) fn reduce<'py>(slf: &Bound<'py, Handle>, keyword: &str, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let handle = slf.get().inner;
        let (name, namespace) = match handle.name().or_raise()? {
            Some(name) => (name, Some(Namespace::over(handle.namespace().or_raise()?))),
            None => (handle.share().or_raise()?, None),
        };
        let reopen = py.import("byname._byname")?.getattr("_reopen")?;
        (reopen, (slf.get_type(), name, namespace, [(keyword, value)].into_py_dict(py)?)).into_pyobject(py)
    }

    #[inline]
    pub(crate) fn inner(&self) -> HandleRef {
        self.inner
    }

    pub(crate) fn brackets(&self) -> &Brackets {
        &self.brackets
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A second close is refused, and nobody is there to be told of anything else.
        let _ = self.inner.close();
    }
}

#[pymethods]
impl Handle {
    /// The name as it was passed to create or open; None if the object has none.
    #[getter]
    fn name(&self) -> PyResult<Option<String>> {
        self.inner.name().or_raise()
    }

    /// Whether this handle made the object; False if it existed before.
    #[getter]
    fn created(&self) -> PyResult<bool> {
        self.inner.created().or_raise()
    }

    /// Closes the handle; every later use raises ClosedError, closing again does nothing.
    ///
    /// A mutex that is still held stays held until its thread ends, and then counts as abandoned. A grant can be
    /// released after the handle is closed. A handle that is garbage collected is closed, too.
    ///
    /// Raises AccessDeniedError for a `protected` handle, which stays open. Contract 2.1, 3.4 (A14).
    ///
    /// >>> import byname
    /// >>> event = byname.Event()
    /// >>> event.close()
    /// >>> try:
    /// ...     event.set()
    /// ... except byname.ClosedError as error:
    /// ...     print(error)
    /// the handle is closed; open the object again
    pub(crate) fn close(&self) -> PyResult<()> {
        match self.inner.close() {
            Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
            other => other.or_raise(),
        }
    }

    /// Whether the handle is protected from being closed: close() and the end of a `with` that closes then raise
    /// AccessDeniedError, and a handle that is garbage collected stays open until the process ends. Can be set; it is
    /// the handle's alone.
    ///
    /// >>> import byname
    /// >>> event = byname.Event("ready")
    /// >>> event.protected = True
    /// >>> event.close()
    /// Traceback (most recent call last):
    ///     ...
    /// byname.AccessDeniedError: the handle is protected from being closed; take the protection off first
    /// >>> event.protected = False
    /// >>> event.close()
    #[getter]
    fn protected(&self) -> PyResult<bool> {
        Ok(self.inner.flags().or_raise()?.has(HandleFlags::PROTECT_FROM_CLOSE))
    }

    #[setter]
    fn set_protected(&self, #[pyo3(from_py_with = args::protected)] protected: bool) -> PyResult<()> {
        let flag = HandleFlags::PROTECT_FROM_CLOSE;
        self.inner.set_flags(flag, flag.when(protected)).or_raise()
    }

    /// Whether children that byname starts get the handle. Can be set; only kept so far, since this version starts no
    /// children, and a forked child has every handle anyway.
    #[getter]
    fn inheritable(&self) -> PyResult<bool> {
        Ok(self.inner.flags().or_raise()?.has(HandleFlags::INHERIT))
    }

    #[setter]
    fn set_inheritable(&self, #[pyo3(from_py_with = args::inheritable)] inheritable: bool) -> PyResult<()> {
        let flag = HandleFlags::INHERIT;
        self.inner.set_flags(flag, flag.when(inheritable)).or_raise()
    }

    /// A file descriptor that is readable while a wait with time-out zero may succeed: for selectors, select.epoll and
    /// loop.add_reader.
    ///
    /// Nothing is consumed by its being readable, and it may be so where somebody else was faster: when it is, call
    /// wait(0) or acquire(blocking=False). It stays readable until such a call of this process finds the object not
    /// signalled. An event's pulse does not make it readable. Never read from it.
    ///
    /// It is made at the first call, belongs to the handle and is closed with it; a forked child makes its own.
    ///
    /// >>> import byname, selectors
    /// >>> event = byname.Event()
    /// >>> loop = selectors.DefaultSelector()
    /// >>> key = loop.register(event, selectors.EVENT_READ)
    /// >>> event.set()
    /// >>> [key.fileobj is event for key, _ in loop.select()], event.wait(0)
    /// ([True], True)
    /// >>> loop.close(); event.close()
    fn fileno(&self) -> PyResult<i32> {
        self.inner.fd().or_raise()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let kind = slf.get_type().name()?;
        Ok(match slf.get().inner.name() {
            Ok(Some(name)) => format!("<byname.{kind} {}>", PyString::new(slf.py(), &name).repr()?),
            Ok(None) => format!("<byname.{kind} unnamed>"),
            Err(_) => format!("<byname.{kind} closed>"),
        })
    }

    /// A token by which another process of this user opens the object, named or not, with `from_share`: text, to be passed in
    /// whatever way. The object must be open until then. Pickling an object without a name does the same. Contract 2.3, DH12.
    ///
    /// >>> import byname
    /// >>> with byname.Event() as event, byname.Event.from_share(event.share()) as same:
    /// ...     event.set()
    /// ...     same.wait(0), same.created
    /// (True, False)
    fn share(&self) -> PyResult<String> {
        self.inner.share().or_raise()
    }

    /// Opens the object of a token that `share` gave, here or in another process: on a class an object of its kind, on `Handle` one
    /// of any kind; `mode` says which ends of a queue. Raises NotFoundError if the object has ended, or this process has another user or
    /// BYNAME_DIR.
    ///
    /// >>> import byname
    /// >>> with byname.Timer() as timer, byname.Handle.from_share(timer.share()) as same:
    /// ...     same
    /// <byname.Timer unnamed>
    #[classmethod]
    #[pyo3(signature = (token, *, access=Access::ALL, mode=BOTH), text_signature = "($cls, token, *, access=Access.ALL, mode='rw')")]
    fn from_share<'py>(
        class: &Bound<'py, PyType>,
        token: &str,
        #[pyo3(from_py_with = args::access)] access: Access,
        #[pyo3(from_py_with = mode)] mode: Mode,
    ) -> PyResult<Bound<'py, PyAny>> {
        share::open(class, token, access, mode)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let access = slf.get().inner.access().or_raise()?.0;
        Handle::reduce(slf, "access", access.into_pyobject(slf.py())?.into_any())
    }
}

/// Opens what a pickled handle stood for: by its name in a namespace, or by its token.
#[pyfunction(name = "_reopen")]
pub(crate) fn reopen<'py>(
    kind: &Bound<'py, PyType>,
    name: &str,
    namespace: Option<Bound<'py, Namespace>>,
    keywords: Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    match namespace {
        Some(namespace) => {
            keywords.set_item("namespace", namespace)?;
            kind.call_method("open", (name,), Some(&keywords))
        }
        None => kind.call_method("from_share", (name,), Some(&keywords)),
    }
}
