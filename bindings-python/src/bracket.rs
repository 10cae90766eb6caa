//! `async with`: remembers which task entered with which grant, since `__aexit__` is only told the object.

use crate::error::of_kind;
use crate::grant::Grant;
use byname::ErrorKind;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use std::sync::{Mutex, PoisonError};

/// The open brackets of one handle, the latest last. Two tasks may share a handle, each with grants of its own.
#[derive(Default)]
pub(crate) struct Brackets(Mutex<Vec<Bracket>>);

struct Bracket {
    /// Weak: a task's frames hold the handle that this belongs to.
    task: Option<Py<PyWeakrefReference>>,
    grant: Py<Grant>,
}

/// The task that runs now; None outside of a task.
pub(crate) fn current_task(py: Python<'_>) -> PyResult<Option<Py<PyWeakrefReference>>> {
    static CURRENT_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let task = CURRENT_TASK.import(py, "asyncio", "current_task")?.call0()?;
    if task.is_none() { Ok(None) } else { Ok(Some(PyWeakrefReference::new(&task)?.unbind())) }
}

impl Brackets {
    /// A task has entered.
    pub(crate) fn enter(&self, task: Option<Py<PyWeakrefReference>>, grant: Py<Grant>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Bracket { task, grant });
    }

    /// The current task leaves: its latest grant.
    ///
    /// An exit stack may be closed by another task than the one that filled it: then it is the latest grant of a task
    /// that has ended, or the only one there is.
    pub(crate) fn leave(&self, py: Python<'_>) -> PyResult<Py<Grant>> {
        let task = current_task(py).ok().flatten();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = |wanted: &dyn Fn(&Bracket) -> bool| open.iter().rposition(wanted);
        let place = latest(&|bracket| same(py, bracket.task.as_ref(), task.as_ref()))
            .or_else(|| latest(&|bracket| ended(py, bracket.task.as_ref())))
            .or_else(|| (open.len() == 1).then_some(0));
        match place {
            Some(place) => Ok(open.remove(place).grant),
            None => Err(of_kind(py, ErrorKind::NotOwner, "this task is not inside `async with` of this object; nothing was released")),
        }
    }
}

fn same(py: Python<'_>, a: Option<&Py<PyWeakrefReference>>, b: Option<&Py<PyWeakrefReference>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => match (a.bind(py).upgrade(), b.bind(py).upgrade()) {
            (Some(a), Some(b)) => a.is(&b),
            _ => false,
        },
        _ => false,
    }
}

fn ended(py: Python<'_>, task: Option<&Py<PyWeakrefReference>>) -> bool {
    task.is_some_and(|task| {
        task.bind(py).upgrade().is_none_or(|task| task.call_method0("done").and_then(|done| done.is_truthy()).unwrap_or(false))
    })
}
