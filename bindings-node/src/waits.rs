//! Waits, blocking and pending.
//!
//! A satisfied wait crosses the border as one flat array: `[index, abandoned, …]`, then four numbers for each grant: its
//! slot, its fence's low and high half, and whether its mutex was abandoned. A time-out is `null`.

use crate::convert;
use crate::fault::Fault;
use crate::grants::OWNER;
use crate::handles::handle;
use crate::js::{Js, Reply, Value};
use crate::queues;
use crate::state::State;
use byname::engine::{self, HandleRef, Mode, Outcome, PendingMessage, PendingWait, Satisfied};
use std::sync::Arc;

/// Node's grants are bound to their thread; see [`OWNER`].
const BOUND: bool = true;

fn objects<'s>(js: Js<'s>, state: &State, slots: Value<'s>) -> Result<Vec<HandleRef>, Fault> {
    Ok(js.ints(slots)?.into_iter().map(|slot| state.handle(slot)).collect())
}

fn mode<'s>(js: Js<'s>, all: Value<'s>) -> Result<Mode, Fault> {
    Ok(if js.bool(all)? { Mode::All } else { Mode::Any })
}

fn outcome<'s>(js: Js<'s>, state: &State, outcome: Outcome<Satisfied>) -> Reply<'s> {
    let won = match outcome {
        Outcome::Got(won) => won,
        Outcome::TimedOut => return js.make_null(),
        Outcome::Interrupted => return Err(Fault::Pending),
    };
    let mut numbers = vec![won.index as f64, f64::from(u8::from(won.abandoned))];
    for grant in won.grants {
        let (fence, abandoned) = (grant.fence(), grant.abandoned());
        let slot = state.grants.borrow_mut().insert(grant);
        numbers.extend([f64::from(slot), f64::from(fence as u32), f64::from((fence >> 32) as u32), f64::from(u8::from(abandoned))]);
    }
    let values = numbers.into_iter().map(|n| js.make_number(n)).collect::<Result<Vec<_>, _>>()?;
    js.make_array(&values)
}

/// `waitEvent(slot, timeout) -> boolean`: blocks the thread.
pub(crate) fn event<'s>(js: Js<'s>, state: &State, [slot, timeout]: [Value<'s>; 2]) -> Reply<'s> {
    let handle = handle(js, state, slot)?;
    match handle.acquire(convert::timeout(js, timeout)?, Some(&mut || state.terminated(js)))? {
        Outcome::Got(_) => js.make_bool(true),
        Outcome::TimedOut => js.make_bool(false),
        Outcome::Interrupted => Err(Fault::Pending),
    }
}

/// `wait(slots, all, timeout) -> outcome`: blocks the thread.
pub(crate) fn wait<'s>(js: Js<'s>, state: &State, [slots, all, timeout]: [Value<'s>; 3]) -> Reply<'s> {
    let (objects, mode, timeout) = (objects(js, state, slots)?, mode(js, all)?, convert::timeout(js, timeout)?);
    outcome(js, state, engine::wait(&objects, mode, OWNER, timeout, Some(&mut || state.terminated(js)))?)
}

/// `signalAndWait(signal slot, object slot, timeout) -> outcome`: blocks the thread.
pub(crate) fn signal_and_wait<'s>(js: Js<'s>, state: &State, [signal, object, timeout]: [Value<'s>; 3]) -> Reply<'s> {
    let (signal, object, timeout) = (handle(js, state, signal)?, handle(js, state, object)?, convert::timeout(js, timeout)?);
    outcome(js, state, engine::signal_and_wait(signal, object, OWNER, timeout, Some(&mut || state.terminated(js)))?)
}

/// `start(slots, all, timeout) -> outcome | key`
pub(crate) fn start<'s>(js: Js<'s>, state: &State, [slots, all, timeout]: [Value<'s>; 3]) -> Reply<'s> {
    let (objects, mode, timeout) = (objects(js, state, slots)?, mode(js, all)?, convert::timeout(js, timeout)?);
    begin(js, state, |notify| engine::start_wait(&objects, mode, BOUND, timeout, notify).map(Pending::Wait))
}

/// `startAcquire(timeout) -> outcome | key | undefined`, for the handle on the desk; `undefined`: the grant lies there already.
pub(crate) fn start_acquire<'s>(js: Js<'s>, state: &State, [timeout]: [Value<'s>; 1]) -> Reply<'s> {
    let (handle, timeout) = (state.handle(state.asked()), convert::timeout(js, timeout)?);
    match handle.grant_at_once(OWNER) {
        Some(grant) => {
            state.give(grant);
            Ok(Value::UNDEFINED)
        }
        None => begin(js, state, |notify| engine::start_wait(&[handle], Mode::Any, BOUND, timeout, notify).map(Pending::Wait)),
    }
}

/// `startSignalAndWait(signal slot, object slot, timeout) -> outcome | key`
pub(crate) fn start_signal_and_wait<'s>(js: Js<'s>, state: &State, [signal, object, timeout]: [Value<'s>; 3]) -> Reply<'s> {
    let (signal, object, timeout) = (handle(js, state, signal)?, handle(js, state, object)?, convert::timeout(js, timeout)?);
    begin(js, state, |notify| engine::start_signal_and_wait(signal, object, BOUND, timeout, notify).map(Pending::Wait))
}

type Notify = Box<dyn FnMut() + Send>;

/// What goes on without a thread.
pub(crate) enum Pending {
    Wait(PendingWait),
    Message(PendingMessage),
}

impl Pending {
    /// Its outcome, if it is there.
    fn poll<'s>(&self, js: Js<'s>, state: &State) -> Option<Reply<'s>> {
        Some(match self {
            Pending::Wait(wait) => wait.poll()?.map_err(Fault::from).and_then(|over| outcome(js, state, over)),
            Pending::Message(message) => message.poll()?.map_err(Fault::from).and_then(|moved| queues::outcome(js, moved)),
        })
    }

    fn cancel(&self) -> bool {
        match self {
            Pending::Wait(wait) => wait.cancel(),
            Pending::Message(message) => message.cancel(),
        }
    }
}

/// Starts a wait. Over at once: its outcome. Else it is kept under a key, a number never used again, so that a late
/// word about a cancelled wait finds nothing.
pub(crate) fn begin<'s>(js: Js<'s>, state: &State, start: impl FnOnce(Notify) -> byname::Result<Pending>) -> Reply<'s> {
    let mailbox = Arc::clone(state.mailbox()?);
    let key = state.next_key.get();
    state.next_key.set(key + 1);
    let wait = start(Box::new(move || mailbox.post(key)))?;
    if let Some(over) = wait.poll(js, state) {
        return over;
    }
    let first = {
        let mut waits = state.waits.borrow_mut();
        waits.insert(key, wait);
        waits.len() == 1
    };
    if first {
        state.mailbox()?.hold(js, true)?;
    }
    js.make_number(key as f64)
}

/// Takes a wait out that is over.
fn end(js: Js<'_>, state: &State, key: u64) -> Result<(), Fault> {
    let (wait, last) = {
        let mut waits = state.waits.borrow_mut();
        let wait = waits.remove(&key);
        (wait, waits.is_empty())
    };
    if wait.is_some() && last {
        state.mailbox()?.hold(js, false)?;
    }
    drop(wait);
    Ok(())
}

fn key<'s>(js: Js<'s>, value: Value<'s>) -> Result<u64, Fault> {
    Ok(js.number(value)? as u64)
}

/// `next() -> key | undefined`: a wait about which the keeper has left word.
pub(crate) fn next<'s>(js: Js<'s>, state: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    state.mailbox()?.take().map_or(Ok(Value::UNDEFINED), |key| js.make_number(key as f64))
}

/// `poll(key) -> outcome | undefined`: undefined while the wait is pending, and for one that is no more.
pub(crate) fn poll<'s>(js: Js<'s>, state: &State, [number]: [Value<'s>; 1]) -> Reply<'s> {
    let key = key(js, number)?;
    let over = state.waits.borrow().get(&key).and_then(|pending| pending.poll(js, state));
    let Some(over) = over else { return Ok(Value::UNDEFINED) };
    end(js, state, key)?;
    over
}

/// `cancel(key) -> boolean`: false when the wait is over already; then `poll` has its outcome.
pub(crate) fn cancel<'s>(js: Js<'s>, state: &State, [number]: [Value<'s>; 1]) -> Reply<'s> {
    let key = key(js, number)?;
    let cancelled = state.waits.borrow().get(&key).is_some_and(Pending::cancel);
    if cancelled {
        end(js, state, key)?;
    }
    js.make_bool(cancelled)
}
