//! Waits that occupy no thread, as futures.
//!
//! A future stands for one wait of the engine. The first poll begins it, the process's keeper thread wakes the task when
//! the wait has an outcome, and dropping the future cancels it: what was granted in the same instant goes back, so that
//! nothing is lost and nothing is taken twice. No executor is needed beyond one that polls when its waker is called.
//!
//! The waker is registered before the engine is asked for the outcome, at the start as well as when it changes:
//! an outcome that comes before the question is seen by it, one that comes after calls the waker.

use super::waits::{ByGrant, Wait};
use crate::engine::{self, HandleRef, Mode, Outcome, PendingWait, Satisfied};
use crate::{Error, Result, Timeout};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What to wait for, until the first poll begins it.
#[derive(Debug)]
enum Request {
    One(HandleRef),
    Many(Vec<HandleRef>, Mode, Timeout),
    SignalAndWait(HandleRef, HandleRef, Timeout),
}

impl Request {
    fn start(&self, waker: &Waker) -> Result<PendingWait> {
        // Nothing binds a task to a thread: the executor may poll it on another one each time.
        const BOUND: bool = false;
        let notify = notify(waker);
        match self {
            Request::One(object) => engine::start_wait(&[*object], Mode::Any, BOUND, Timeout::INFINITE, notify),
            Request::Many(objects, mode, timeout) => engine::start_wait(objects, *mode, BOUND, *timeout, notify),
            Request::SignalAndWait(signal, object, timeout) => engine::start_signal_and_wait(*signal, *object, BOUND, *timeout, notify),
        }
    }
}

fn notify(waker: &Waker) -> Box<dyn FnOnce() + Send> {
    let waker = waker.clone();
    Box::new(move || waker.wake())
}

/// One wait of the engine, driven by polls; what every future of this API is made of.
pub(super) struct Waiting {
    state: State,
}

enum State {
    Idle(Request),
    Begun { wait: PendingWait, waker: Waker },
    Over,
}

impl Waiting {
    /// For one object, for ever.
    pub(super) fn one(object: HandleRef) -> Waiting {
        Waiting { state: State::Idle(Request::One(object)) }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome<Satisfied>>> {
        let answer = match &mut self.state {
            State::Idle(request) => match request.start(cx.waker()) {
                Ok(wait) => {
                    let answer = wait.poll();
                    self.state = State::Begun { wait, waker: cx.waker().clone() };
                    answer
                }
                Err(error) => Some(Err(error)),
            },
            State::Begun { wait, waker } => wait.poll().or_else(|| {
                if waker.will_wake(cx.waker()) {
                    return None;
                }
                wait.set_notify(notify(cx.waker()));
                waker.clone_from(cx.waker());
                wait.poll()
            }),
            State::Over => Some(Err(Error::invalid_argument("this future has given its outcome already; begin another wait"))),
        };
        match answer {
            Some(answer) => {
                self.state = State::Over;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Idle(_) => "not begun",
            State::Begun { .. } => "waiting",
            State::Over => "over",
        })
    }
}

/// The future of [`wait_any_async`](super::wait_any_async) and its neighbours.
///
/// What it takes belongs to a grant of its own, so its [`Won`](super::Won) may be sent to, and dropped on, any thread.
/// Polled again after its outcome it answers InvalidArgument.
///
/// # Examples
/// ```
/// use byname::{Event, Reset, WaitFuture, wait_any_async};
/// use std::time::Duration;
///
/// let never = Event::unnamed(Reset::Auto)?;
/// let wait: WaitFuture = wait_any_async(&[&never], Duration::from_millis(1));
/// assert!(pollster::block_on(wait)?.is_timed_out());
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct WaitFuture {
    waiting: Waiting,
}

impl WaitFuture {
    pub(super) fn many(objects: Vec<HandleRef>, mode: Mode, timeout: Timeout) -> WaitFuture {
        WaitFuture { waiting: Waiting { state: State::Idle(Request::Many(objects, mode, timeout)) } }
    }

    pub(super) fn signal_and_wait(signal: HandleRef, object: HandleRef, timeout: Timeout) -> WaitFuture {
        WaitFuture { waiting: Waiting { state: State::Idle(Request::SignalAndWait(signal, object, timeout)) } }
    }
}

impl Future for WaitFuture {
    type Output = Result<Wait<ByGrant>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(Wait::from_outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn moves_freely<T: Send + Sync + Unpin>() {}

    #[test]
    fn futures_may_be_polled_and_dropped_anywhere() {
        moves_freely::<Waiting>();
        moves_freely::<WaitFuture>();
        let mut spent = Waiting { state: State::Over };
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = spent.poll(&mut cx) else { panic!("a spent future must answer") };
        assert_eq!(error.win32(), 87);
    }
}
