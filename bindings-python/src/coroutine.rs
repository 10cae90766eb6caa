//! The coroutine behind every `_async` call and `async with`.
//!
//! ```text
//! Fresh ──first send──> the engine's start_wait ──outcome at once──> Over      (the loop is not touched)
//!                                     │ pending
//!                                     v
//!                                  Waiting ──the bell rang──> Over
//!                                     │ throw (a cancelled task), close, garbage
//!                                     v
//!                                   Over: the wait is dropped, and with it what was granted in the same instant
//! ```

use crate::aio::Ticket;
use crate::bracket;
use crate::error::{OrRaise, warn};
use crate::grant::Grant;
use crate::handle::Handle;
use crate::message::{Incoming, Outgoing};
use crate::state::JobNotification;
use crate::wait::WaitResult;
use byname::engine::{self, By, HandleRef, Message, MessageNotify, Mode, Outcome, PendingMessage, PendingWait, Satisfied};
use byname::{Error, Timeout};
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTraceback, PyWeakrefReference};
use std::sync::{Mutex, PoisonError};

/// The owner of what asynchronous waits take: the grant, remembering the loop's thread, whose blocking calls must not
/// wait for it.
const BY: By = By::Grant { bound: true };

/// What to wait for. It holds the handles, so that `Mutex(name).acquire_async()` does not lose its own.
pub(crate) struct Request {
    pub signal: Option<Py<Handle>>,
    pub objects: Vec<Py<Handle>>,
    pub mode: Mode,
    pub timeout: Timeout,
    /// The one object is an end of a queue, and this is what shall be done there.
    pub message: Option<Moving>,
}

/// A message that is to be moved.
pub(crate) enum Moving {
    Put { data: Mutex<Vec<u8>>, alert: bool },
    Get,
    Reserve { size: usize, alert: bool },
    Take,
}

/// What goes on.
enum Pending {
    Wait(PendingWait),
    Message(PendingMessage, MessageNotify),
}

/// How it went.
enum Ended {
    Wait(Outcome<Satisfied>),
    Message(Outcome<Message>),
}

impl Pending {
    fn poll(&self) -> Option<byname::Result<Ended>> {
        match self {
            Pending::Wait(wait) => Some(wait.poll()?.map(Ended::Wait)),
            Pending::Message(message, _) => Some(message.poll()?.map(Ended::Message)),
        }
    }

    fn set_bell(&self, ticket: &Ticket) {
        match self {
            Pending::Wait(wait) => wait.set_notify(ticket.bell()),
            Pending::Message(_, notify) => notify.set(ticket.bell_for_ever()),
        }
    }
}

impl Request {
    pub(crate) fn one(object: &Bound<'_, Handle>, timeout: Timeout) -> Request {
        Request { signal: None, objects: vec![object.clone().unbind()], mode: Mode::Any, timeout, message: None }
    }

    /// A message through an end of a queue.
    pub(crate) fn message(end: &Bound<'_, Handle>, message: Moving, timeout: Timeout) -> Request {
        Request { message: Some(message), ..Request::one(end, timeout) }
    }

    /// Begins the wait. The bell comes later, if the wait does not end at once.
    fn start(&self) -> byname::Result<Pending> {
        match &self.message {
            None => self.start_wait().map(Pending::Wait),
            Some(message) => self.start_message(message),
        }
    }

    fn start_message(&self, message: &Moving) -> byname::Result<Pending> {
        let Some(end) = self.objects.first().map(|object| object.get().inner()) else {
            return Err(Error::invalid_argument("no queue"));
        };
        let notify = MessageNotify::new(Box::new(|| ()));
        let pending = match message {
            Moving::Put { data, alert } => {
                let data = std::mem::take(&mut *data.lock().unwrap_or_else(PoisonError::into_inner));
                engine::start_send(end, data, *alert, self.timeout, notify.clone())
            }
            Moving::Get => engine::start_receive(end, self.timeout, notify.clone()),
            Moving::Reserve { size, alert } => engine::start_reserve(end, *size, *alert, self.timeout, notify.clone()),
            Moving::Take => engine::start_take(end, self.timeout, notify.clone()),
        };
        Ok(Pending::Message(pending?, notify))
    }

    fn start_wait(&self) -> byname::Result<PendingWait> {
        let objects: Vec<HandleRef> = self.objects.iter().map(|object| object.get().inner()).collect();
        let silent = Box::new(|| ());
        match (&self.signal, objects.as_slice()) {
            (Some(signal), [object]) => engine::start_signal_and_wait(signal.get().inner(), *object, true, self.timeout, silent),
            _ => engine::start_wait(&objects, self.mode, true, self.timeout, silent),
        }
    }
}

/// What the coroutine returns when the wait is satisfied, and when the time is up.
pub(crate) enum Answer {
    /// A Grant, or None.
    Grant,
    /// True, or False.
    Flag,
    /// A WaitResult, or None.
    Result,
    /// The bytes, or None.
    Bytes,
    /// The bytes and whether they came as an alert, or None.
    Message,
    /// An Outgoing or an Incoming, or None.
    Place,
    /// What a job tells, or None.
    Notification,
    /// A Grant, which the handle remembers until this task leaves its bracket.
    Bracket(Option<Py<PyWeakrefReference>>),
}

enum State {
    Fresh,
    Ready(Py<PyAny>),
    Waiting(Box<Pending>, Ticket),
    Running,
    Over,
}

/// What `await` takes; `asyncio.create_task` takes it, too.
#[pyclass(frozen, module = "byname._byname", name = "_Coroutine")]
pub(crate) struct Coroutine {
    name: &'static str,
    request: Request,
    answer: Answer,
    state: Mutex<State>,
}

impl Coroutine {
    pub(crate) fn new(name: &'static str, request: Request, answer: Answer) -> Coroutine {
        Coroutine { name, request, answer, state: Mutex::new(State::Fresh) }
    }

    /// One that returns `value` when awaited.
    pub(crate) fn ready(name: &'static str, value: Py<PyAny>) -> Coroutine {
        let nothing = Request { signal: None, objects: Vec::new(), mode: Mode::Any, timeout: Timeout::ZERO, message: None };
        Coroutine { name, request: nothing, answer: Answer::Flag, state: Mutex::new(State::Ready(value)) }
    }

    /// The beginning of `async with`: acquires for ever, and remembers the grant for the end.
    pub(crate) fn bracket(name: &'static str, handle: &Bound<'_, Handle>) -> PyResult<Coroutine> {
        let task = bracket::current_task(handle.py())?;
        Ok(Coroutine::new(name, Request::one(handle, Timeout::INFINITE), Answer::Bracket(task)))
    }

    fn swap(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// Runs until the wait ends or has to sleep. Without the lock: this calls Python.
    fn step(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (wait, ticket) = match self.swap(State::Running) {
            State::Running => return Err(PyValueError::new_err("coroutine already executing")),
            State::Over => {
                self.swap(State::Over);
                return Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine"));
            }
            State::Ready(value) => {
                self.swap(State::Over);
                return Err(PyStopIteration::new_err((value,)));
            }
            State::Fresh => match self.begin(py) {
                Ok(begun) => begun,
                Err(ended) => {
                    self.swap(State::Over);
                    return Err(ended);
                }
            },
            State::Waiting(wait, ticket) => (wait, ticket),
        };
        // After the bell was hung: what ended before it could ring is seen here.
        let next = match wait.poll() {
            Some(outcome) => Err(self.finish(py, outcome)),
            None => ticket.sleep(py),
        };
        self.swap(if next.is_ok() { State::Waiting(wait, ticket) } else { State::Over });
        next
    }

    /// Starts the wait. `Err` is the end: an error, or StopIteration with the value where nothing had to be waited for.
    fn begin(&self, py: Python<'_>) -> Result<(Box<Pending>, Ticket), PyErr> {
        let wait = Box::new(self.request.start().or_raise()?);
        if let Some(outcome) = wait.poll() {
            return Err(self.finish(py, outcome));
        }
        let ticket = Ticket::take(py)?;
        wait.set_bell(&ticket);
        Ok((wait, ticket))
    }

    /// How the coroutine ends: StopIteration with the value, or the error.
    fn finish(&self, py: Python<'_>, outcome: byname::Result<Ended>) -> PyErr {
        match self.value(py, outcome) {
            Ok(value) => PyStopIteration::new_err((value,)),
            Err(error) => error,
        }
    }

    fn value(&self, py: Python<'_>, outcome: byname::Result<Ended>) -> PyResult<Py<PyAny>> {
        let satisfied = match outcome.or_raise()? {
            Ended::Message(outcome) => return self.moved(py, in_time(py, outcome)?),
            Ended::Wait(outcome) => in_time(py, outcome)?,
        };
        match &self.answer {
            Answer::Bytes | Answer::Message | Answer::Place | Answer::Notification => Ok(py.None()),
            Answer::Flag => Ok(satisfied.is_some().into_pyobject(py)?.to_owned().into_any().unbind()),
            Answer::Result => match satisfied {
                Some(satisfied) => Ok(Py::new(py, WaitResult::new(py, satisfied, &self.request.objects, BY)?)?.into_any()),
                None => Ok(py.None()),
            },
            Answer::Grant => Ok(grant(py, satisfied)?.map_or_else(|| py.None(), Py::into_any)),
            Answer::Bracket(task) => {
                let Some(grant) = grant(py, satisfied)? else { return Ok(py.None()) };
                for handle in &self.request.objects {
                    handle.get().brackets().enter(task.as_ref().map(|task| task.clone_ref(py)), grant.clone_ref(py));
                }
                Ok(grant.into_any())
            }
        }
    }
}

impl Coroutine {
    /// What a message comes to.
    fn moved(&self, py: Python<'_>, message: Option<Message>) -> PyResult<Py<PyAny>> {
        Ok(match (&self.answer, message) {
            (Answer::Bytes, Some(Message::Received { data, .. })) => PyBytes::new(py, &data).into_any().unbind(),
            (Answer::Notification, Some(Message::Received { data, .. })) => {
                let told: JobNotification = engine::JobNotification::of_bytes(&data).or_raise()?.into();
                Py::new(py, told)?.into_any()
            }
            (_, Some(Message::Received { data, alert })) => (PyBytes::new(py, &data), alert).into_pyobject(py)?.into_any().unbind(),
            (_, Some(Message::Reserved(room))) => Py::new(py, Outgoing::new(room))?.into_any(),
            (_, Some(Message::Taken(taken))) => Py::new(py, Incoming::new(taken))?.into_any(),
            (Answer::Bytes | Answer::Message | Answer::Place | Answer::Notification, None) => py.None(),
            (_, message) => message.is_some().into_pyobject(py)?.to_owned().into_any().unbind(),
        })
    }
}

/// What came of it; `None` when the time was up.
fn in_time<T>(py: Python<'_>, outcome: Outcome<T>) -> PyResult<Option<T>> {
    match outcome {
        Outcome::Got(got) => Ok(Some(got)),
        Outcome::TimedOut => Ok(None),
        Outcome::Interrupted => Err(PyErr::from_type(py.import("asyncio")?.getattr("CancelledError")?.cast_into()?, ())),
    }
}

/// The one grant of a wait for a mutex or a semaphore.
fn grant(py: Python<'_>, satisfied: Option<Satisfied>) -> PyResult<Option<Py<Grant>>> {
    satisfied.and_then(|mut satisfied| satisfied.grants.pop()).map(|grant| Py::new(py, Grant::new(grant, BY))).transpose()
}

impl Drop for Coroutine {
    /// As with every coroutine: one that nobody awaited did nothing, and that is nearly always a mistake.
    fn drop(&mut self) {
        if matches!(*self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Fresh) {
            let text = format!("coroutine '{}' was never awaited", self.name);
            Python::try_attach(|py| warn(py, &py.get_type::<PyRuntimeWarning>(), &text));
        }
    }
}

#[pymethods]
impl Coroutine {
    #[getter]
    fn __name__(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    fn send(&self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.step(py)
    }

    /// Ends the wait with an exception: this is how a task is cancelled.
    #[pyo3(signature = (exception, value=None, traceback=None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        exception: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyTraceback>>,
    ) -> PyResult<Py<PyAny>> {
        self.close();
        let error = match value.filter(|value| !value.is_none()) {
            Some(value) if value.is_instance(&exception).unwrap_or(false) => PyErr::from_value(value),
            Some(value) => PyErr::from_value(exception.call1((value,))?),
            None => PyErr::from_value(exception),
        };
        if traceback.is_some() {
            error.set_traceback(py, traceback);
        }
        Err(error)
    }

    /// Ends the wait.
    fn close(&self) {
        let state = self.swap(State::Over);
        drop(state);
    }

    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.step(py)
    }

    fn __repr__(&self) -> String {
        format!("<byname coroutine {}>", self.name)
    }
}
