//! Handles: making, closing and describing them, and what a call does to the state of an object.

use crate::convert;
use crate::fault::Fault;
use crate::grants::{OWNER, given};
use crate::js::{Js, Reply, Value};
use crate::namespaces::chosen;
use crate::state::State;
use byname::engine::{self, HandleFlags, HandleRef, Kind, OwnerInfo, QueueEnd, Reset, Spec};

/// The handle in a slot.
#[inline]
pub(crate) fn handle<'s>(js: Js<'s>, state: &State, slot: Value<'s>) -> Result<HandleRef, Fault> {
    Ok(state.handle(js.int(slot)?))
}

pub(crate) fn create<'s>(js: Js<'s>, state: &State, [namespace, name, access]: [Value<'s>; 3], spec: Spec) -> Reply<'s> {
    let name = convert::name(js, name)?;
    let made = chosen(js, state, namespace)?.create(name.as_deref(), spec, convert::access(js, access)?)?;
    js.make_int(state.adopt(made))
}

/// `createMutex(namespace, name, access, initiallyOwned) -> slot`; leaves the initial grant on the desk, or 0.
pub(crate) fn create_mutex<'s>(js: Js<'s>, state: &State, [namespace, name, access, owned]: [Value<'s>; 4]) -> Reply<'s> {
    let name = convert::name(js, name)?;
    let spec = Spec::Mutex { initially_owned: js.bool(owned)? };
    let (made, grant) = chosen(js, state, namespace)?.create_by(name.as_deref(), spec, convert::access(js, access)?, OWNER)?;
    given(state, grant);
    js.make_int(state.adopt(made))
}

/// `createEvent(namespace, name, access, manualReset, initial) -> slot`
pub(crate) fn create_event<'s>(js: Js<'s>, state: &State, [namespace, name, access, manual, initial]: [Value<'s>; 5]) -> Reply<'s> {
    let reset = if js.bool(manual)? { Reset::Manual } else { Reset::Auto };
    create(js, state, [namespace, name, access], Spec::Event { reset, initially_set: js.bool(initial)? })
}

/// `createSemaphore(namespace, name, access, initial, maximum, robust) -> slot`
pub(crate) fn create_semaphore<'s>(
    js: Js<'s>,
    state: &State,
    [namespace, name, access, initial, maximum, robust]: [Value<'s>; 6],
) -> Reply<'s> {
    let spec = Spec::Semaphore {
        initial: convert::count(js, initial, "initial")?,
        maximum: convert::count(js, maximum, "maximum")?,
        robust: js.bool(robust)?,
    };
    create(js, state, [namespace, name, access], spec)
}

/// The kinds as JavaScript numbers them.
fn kind_of(number: u32) -> Result<Kind, Fault> {
    Ok(match number {
        0 => Kind::Mutex,
        1 => Kind::Event,
        2 => Kind::Semaphore,
        3 => Kind::Timer,
        4 => Kind::Watchdog,
        5 => Kind::Queue,
        6 => Kind::Process,
        7 => Kind::Job,
        8 => Kind::Mapping,
        _ => return Err(Fault::Type("no such kind".into())),
    })
}

/// `open(kind, namespace, name, access) -> slot`
pub(crate) fn open<'s>(js: Js<'s>, state: &State, [kind, namespace, name, access]: [Value<'s>; 4]) -> Reply<'s> {
    let kind = kind_of(js.int(kind)?)?;
    let name = convert::name(js, name)?;
    let found = chosen(js, state, namespace)?.open(name.as_deref(), kind, convert::access(js, access)?)?;
    js.make_int(state.adopt(found))
}

/// `share(slot) -> token`
pub(crate) fn share<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_text(&handle(js, state, slot)?.share()?)
}

/// `fromShare(kind, token, access) -> slot`
pub(crate) fn from_share<'s>(js: Js<'s>, state: &State, [kind, token, access]: [Value<'s>; 3]) -> Reply<'s> {
    let kind = kind_of(js.int(kind)?)?;
    js.make_int(state.adopt(engine::from_share(&js.text(token, "token")?, Some(kind), QueueEnd::Read, convert::access(js, access)?)?))
}

/// `close(slot)`: the slot is free afterwards, unless the handle is still open.
pub(crate) fn close<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    state.close(js.int(slot)?)?;
    Ok(Value::UNDEFINED)
}

/// `collect(slot)`: the garbage collector closes, as far as that goes; nobody is there to be told.
pub(crate) fn collect<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let _ = state.close(js.int(slot)?);
    Ok(Value::UNDEFINED)
}

/// `isOpen(slot) -> boolean`
pub(crate) fn is_open<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_bool(handle(js, state, slot)?.is_open())
}

/// `flags(slot) -> bits`
pub(crate) fn flags<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_number(handle(js, state, slot)?.flags()?.0.into())
}

/// `setFlags(slot, mask, bits)`
pub(crate) fn set_flags<'s>(js: Js<'s>, state: &State, [slot, mask, flags]: [Value<'s>; 3]) -> Reply<'s> {
    let [mask, flags] = [js.int(mask)?, js.int(flags)?].map(HandleFlags);
    handle(js, state, slot)?.set_flags(mask, flags)?;
    Ok(Value::UNDEFINED)
}

/// `name(slot) -> string | null`
pub(crate) fn name<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    match handle(js, state, slot)?.name()? {
        Some(name) => js.make_text(&name),
        None => js.make_null(),
    }
}

/// `created(slot) -> boolean`
pub(crate) fn created<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_bool(handle(js, state, slot)?.created()?)
}

/// `fileno(slot) -> number`
pub(crate) fn fileno<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_number(f64::from(handle(js, state, slot)?.fd()?))
}

/// `set(slot)`
pub(crate) fn set<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.set()?;
    Ok(Value::UNDEFINED)
}

/// `reset(slot)`
pub(crate) fn reset<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.reset()?;
    Ok(Value::UNDEFINED)
}

/// `pulse(slot)`
pub(crate) fn pulse<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.pulse()?;
    Ok(Value::UNDEFINED)
}

/// `isSet(slot) -> boolean`
pub(crate) fn is_set<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_bool(handle(js, state, slot)?.is_set()?)
}

/// `post(slot, n) -> previous count`
pub(crate) fn post<'s>(js: Js<'s>, state: &State, [slot, n]: [Value<'s>; 2]) -> Reply<'s> {
    let n = convert::count(js, n, "n")?;
    js.make_number(handle(js, state, slot)?.post(n)?.into())
}

/// `available(slot) -> count`
pub(crate) fn available<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_number(handle(js, state, slot)?.available()?.into())
}

/// `owner(slot) -> [pid, tid] | null`
pub(crate) fn owner<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    pair(js, handle(js, state, slot)?.owner()?)
}

fn pair(js: Js<'_>, owner: Option<OwnerInfo>) -> Reply<'_> {
    match owner {
        Some(owner) => js.make_array(&[js.make_number(owner.pid.into())?, js.make_number(owner.tid.into())?]),
        None => js.make_null(),
    }
}

/// `mutexState(slot) -> [owner's pair | null, depth, abandoned]`
pub(crate) fn mutex_state<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.mutex_state()?;
    js.make_array(&[pair(js, seen.owner)?, js.make_number(seen.depth.into())?, js.make_bool(seen.abandoned)?])
}

/// `eventState(slot) -> [set, manualReset]`
pub(crate) fn event_state<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.event_state()?;
    js.make_array(&[js.make_bool(seen.set)?, js.make_bool(seen.reset == Reset::Manual)?])
}

/// `semaphoreState(slot) -> [available, maximum, robust]`
pub(crate) fn semaphore_state<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.semaphore_state()?;
    js.make_array(&[js.make_number(seen.available.into())?, js.make_number(seen.maximum.into())?, js.make_bool(seen.robust)?])
}
