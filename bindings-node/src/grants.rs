//! Grants: taking a mutex or a semaphore, and giving it back. The hot path of this binding.

use crate::convert;
use crate::fault::Fault;
use crate::handles::handle;
use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::engine::{By, Grant, HandleRef, Outcome};
use byname::{ErrorKind, Timeout};

/// In Node the grant is always the owner; bound to its thread, so that the loop cannot freeze itself waiting for it.
pub(crate) const OWNER: By = By::Grant { bound: true };

/// What JavaScript reads when nothing was acquired.
const NOTHING: i32 = -1;

/// Keeps a grant for JavaScript: its slot.
#[inline]
pub(crate) fn given<'s>(js: Js<'s>, state: &State, grant: Option<Grant>) -> Reply<'s> {
    js.make_int(grant.map_or(NOTHING, |grant| state.give(grant)))
}

/// `tryAcquire(slot) -> grant slot | -1`
#[inline]
pub(crate) fn try_acquire<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    given(js, state, handle(js, state, slot)?.try_grant(OWNER)?)
}

/// `acquire(slot) -> grant slot`: blocks the thread for as long as it takes.
#[inline]
pub(crate) fn acquire<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    blocking(js, state, handle(js, state, slot)?, Timeout::INFINITE)
}

/// `acquireFor(slot, timeout) -> grant slot | -1`: blocks the thread.
pub(crate) fn acquire_for<'s>(js: Js<'s>, state: &State, [slot, timeout]: [Value<'s>; 2]) -> Reply<'s> {
    blocking(js, state, handle(js, state, slot)?, convert::timeout(js, timeout)?)
}

#[inline]
fn blocking<'s>(js: Js<'s>, state: &State, handle: HandleRef, timeout: Timeout) -> Reply<'s> {
    match handle.grant(OWNER, timeout, Some(&mut || state.terminated(js)))? {
        Outcome::Got(grant) => given(js, state, Some(grant)),
        Outcome::TimedOut => given(js, state, None),
        Outcome::Interrupted => Err(Fault::Pending),
    }
}

/// `release(grant slot)`
#[inline]
pub(crate) fn release<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let slot = js.int(slot)?;
    let mut grants = state.grants.borrow_mut();
    grants.get(slot).ok_or(RELEASED)?.release()?;
    grants.remove(slot);
    Ok(Value::UNDEFINED)
}

const RELEASED: Fault = Fault::Kind(ErrorKind::NotOwner, "the grant is released already; acquire again to get another");

/// `drop(grant slot)`: the grant was collected as garbage unreleased; its object decides what that means.
pub(crate) fn drop<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let dropped = state.grants.borrow_mut().remove(js.int(slot)?);
    std::mem::drop(dropped);
    Ok(Value::UNDEFINED)
}
