//! Grants: taking a mutex or a semaphore, and giving it back. The hot path of this binding.

use crate::convert;
use crate::fault::Fault;
use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::engine::{By, Grant, HandleRef, Outcome};
use byname::{ErrorKind, Timeout};

/// In Node the grant is always the owner; bound to its thread, so that the loop cannot freeze itself waiting for it.
pub(crate) const OWNER: By = By::Grant { bound: true };

/// Lays what an acquisition gave on the desk.
#[inline]
pub(crate) fn given(state: &State, grant: Option<Grant>) {
    match grant {
        Some(grant) => state.give(grant),
        None => state.give_none(),
    }
}

/// `tryAcquire()`, for the handle on the desk; leaves the grant there, or 0.
pub(crate) fn try_acquire<'s>(_: Js<'s>, state: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    let handle = state.handle(state.asked());
    match handle.grant_at_once(OWNER) {
        Some(grant) => state.give(grant),
        None => given(state, handle.try_grant(OWNER)?),
    }
    Ok(Value::UNDEFINED)
}

/// `acquire()`, for the handle on the desk; leaves the grant there. Blocks the thread for as long as it takes.
pub(crate) fn acquire<'s>(js: Js<'s>, state: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    let handle = state.handle(state.asked());
    match handle.grant_at_once(OWNER) {
        Some(grant) => state.give(grant),
        None => block(js, state, handle, Timeout::INFINITE)?,
    }
    Ok(Value::UNDEFINED)
}

/// `acquireFor(timeout)`, for the handle on the desk; leaves the grant there, or 0. Blocks the thread.
pub(crate) fn acquire_for<'s>(js: Js<'s>, state: &State, [timeout]: [Value<'s>; 1]) -> Reply<'s> {
    let handle = state.handle(state.asked());
    block(js, state, handle, convert::timeout(js, timeout)?)?;
    Ok(Value::UNDEFINED)
}

#[cold]
fn block(js: Js<'_>, state: &State, handle: HandleRef, timeout: Timeout) -> Result<(), Fault> {
    match handle.grant(OWNER, timeout, Some(&mut || state.terminated(js)))? {
        Outcome::Got(grant) => given(state, Some(grant)),
        Outcome::TimedOut => given(state, None),
        Outcome::Interrupted => return Err(Fault::Pending),
    }
    Ok(())
}

/// `release()`, for the grant on the desk.
pub(crate) fn release<'s>(_: Js<'s>, state: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    let slot = state.asked();
    let mut grants = state.grants.borrow_mut();
    grants.get(slot).ok_or(RELEASED)?.release()?;
    grants.clear(slot);
    Ok(Value::UNDEFINED)
}

const RELEASED: Fault = Fault::Kind(ErrorKind::NotOwner, "the grant is released already; acquire again to get another");

/// `drop(grant slot)`: the grant was collected as garbage unreleased; its object decides what that means.
pub(crate) fn drop<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let dropped = state.grants.borrow_mut().remove(js.int(slot)?);
    std::mem::drop(dropped);
    Ok(Value::UNDEFINED)
}
