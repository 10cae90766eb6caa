//! The same waits without a thread: their outcome is told by the keeper, and asked for.

use super::grant::Owning;
use super::waits::{resolve, satisfied, signal_first};
use super::{By, HandleRef, Mode, Outcome, Pins, Satisfied};
use crate::arena::refs::ProcessRef;
use crate::asyncs::Pending;
use crate::dispatch::lock::Target;
use crate::dispatch::wait::{self, Ended, Request};
use crate::error::{Error, Result};
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::clock::Deadline;
use crate::timeout::Timeout;
use std::sync::Arc;

/// Begins a wait that occupies no thread; a mutex is taken by a grant of its own.
///
/// `notify` is called at most once, by the keeper's thread (never by this call), when [`PendingWait::poll`] has the outcome. It may poll, cancel or drop the wait; it
/// should not block, since it delays the process's other waits. When the object is free, `poll` has the outcome right after this call.
pub fn start_wait(
    objects: &[HandleRef],
    mode: Mode,
    bound: bool,
    timeout: Timeout,
    notify: Box<dyn FnOnce() + Send>,
) -> Result<PendingWait> {
    let (space, targets) = resolve(objects, mode)?;
    begin(owner::current(space)?, targets, mode, bound, timeout, notify)
}

/// [`signal_and_wait`] without a thread.
pub fn start_signal_and_wait(
    signal: HandleRef,
    object: HandleRef,
    bound: bool,
    timeout: Timeout,
    notify: Box<dyn FnOnce() + Send>,
) -> Result<PendingWait> {
    let (space, targets) = resolve(&[object], Mode::Any)?;
    let left = signal_first(signal, timeout)?;
    begin(owner::current(space)?, targets, Mode::Any, bound, left, notify)
}

pub(super) fn begin(
    cx: Cx,
    targets: Vec<Target>,
    mode: Mode,
    bound: bool,
    timeout: Timeout,
    notify: Box<dyn FnOnce() + Send>,
) -> Result<PendingWait> {
    std::mem::forget(Pins::new(cx, &targets)?);
    let begun = (|| {
        let owning = Owning::for_targets(cx, By::Grant { bound }, &targets)?;
        let deadline = Deadline::after(timeout);
        let request = Request { targets: &targets, all: mode == Mode::All, owner: owning.owner(cx), deadline, poll: timeout.is_zero() };
        let progress = wait::at_once(cx, request).and_then(|ended| match ended {
            Some(ended) => Ok(Progress::Ended(ended)),
            None => cx.space.asyncs.start(cx, request, notify).map(Progress::Pending),
        });
        progress.map(|progress| (owning.clone(), progress)).inspect_err(|_| owning.free(cx.space))
    })();
    match begun {
        Ok((owning, progress)) => {
            Ok(PendingWait { space: cx.space, born: cx.space.me(), targets, state: parking_lot::Mutex::new(Some((owning, progress))) })
        }
        Err(error) => {
            drop(Pins(cx, &targets));
            Err(error)
        }
    }
}

#[derive(Debug)]
enum Progress {
    Ended(Ended),
    Pending(Arc<Pending>),
}

/// A wait in progress. Dropping it cancels; a grant that came in the same instant goes back.
#[derive(Debug)]
pub struct PendingWait {
    space: &'static Space,
    born: ProcessRef,
    targets: Vec<Target>,
    state: parking_lot::Mutex<Option<(Owning, Progress)>>,
}

impl PendingWait {
    /// The outcome, once; `None` while the wait goes on, Closed afterwards and in the child of a fork. Interrupted is what a cancelled wait gives.
    pub fn poll(&self) -> Option<Result<Outcome<Satisfied>>> {
        if self.space.me() != self.born {
            return Some(Err(Error::closed()));
        }
        let mut state = self.state.lock();
        let ended = match state.as_ref() {
            None => return Some(Err(Error::closed())),
            Some((_, Progress::Ended(ended))) => Ok(ended.clone()),
            Some((_, Progress::Pending(pending))) => pending.poll()?,
        };
        let Some((owning, _)) = state.take() else { return Some(Err(Error::closed())) };
        drop(state);
        Some(owner::current(self.space).and_then(|cx| {
            let outcome = ended.and_then(|ended| satisfied(cx, &self.targets, &owning, ended));
            owning.free_unless_in(&outcome, self.space);
            outcome
        }))
    }

    /// True: cancelled, nothing is consumed, and `poll` gives Interrupted. False: the outcome stands, and `poll` has it.
    pub fn cancel(&self) -> bool {
        self.space.me() == self.born
            && match self.state.lock().as_ref() {
                Some((_, Progress::Pending(pending))) => pending.cancel(),
                _ => false,
            }
    }

    /// Replaces the callback. A `poll` afterwards that gives `None` means that the new one will be called.
    pub fn set_notify(&self, notify: Box<dyn FnOnce() + Send>) {
        if self.space.me() != self.born {
            return;
        }
        let pending = match self.state.lock().as_ref() {
            Some((_, Progress::Pending(pending))) => pending.clone(),
            _ => return,
        };
        pending.set_notify(notify);
    }
}

impl Drop for PendingWait {
    fn drop(&mut self) {
        let Ok(cx) = owner::current(self.space) else { return };
        if let Some((owning, progress)) = self.state.get_mut().take()
            && self.space.me() == self.born
        {
            match progress {
                Progress::Pending(pending) => pending.drop_it(cx),
                // Taken at once and never asked for: it goes back as a whole.
                Progress::Ended(ended) => wait::give_all_back(cx, &self.targets, owning.owner(cx), &ended),
            }
            owning.free(self.space);
        }
        drop(Pins(cx, &self.targets));
    }
}
