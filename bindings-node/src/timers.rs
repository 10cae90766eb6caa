//! Timers.

use crate::convert;
use crate::handles::{create, handle};
use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::engine::{Due, Period, Reset, Spec};

/// `createTimer(namespace, name, access, manualReset) -> slot`
pub(crate) fn create_timer<'s>(js: Js<'s>, state: &State, [namespace, name, access, manual]: [Value<'s>; 4]) -> Reply<'s> {
    let reset = if js.bool(manual)? { Reset::Manual } else { Reset::Auto };
    create(js, state, [namespace, name, access], Spec::Timer { reset })
}

/// `setTimer(slot, due, period)`: milliseconds from now.
pub(crate) fn set<'s>(js: Js<'s>, state: &State, [slot, due, period]: [Value<'s>; 3]) -> Reply<'s> {
    let due = Due::after_millis(js.number(due)?)?;
    set_to(js, state, slot, due, period)
}

/// `setTimerAt(slot, due, period)`: milliseconds since 1970.
pub(crate) fn set_at<'s>(js: Js<'s>, state: &State, [slot, due, period]: [Value<'s>; 3]) -> Reply<'s> {
    let due = Due::at_millis(js.number(due)?)?;
    set_to(js, state, slot, due, period)
}

fn set_to<'s>(js: Js<'s>, state: &State, slot: Value<'s>, due: Due, period: Value<'s>) -> Reply<'s> {
    let period = Period::from_millis(js.number(period)?)?;
    handle(js, state, slot)?.set_timer(due, period)?;
    Ok(Value::UNDEFINED)
}

/// `cancelTimer(slot)`
pub(crate) fn cancel<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.cancel_timer()?;
    Ok(Value::UNDEFINED)
}

/// `timerState(slot) -> [signaled, manualReset, remaining | null, period]`
pub(crate) fn look<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.timer_state()?;
    let remaining = match seen.remaining {
        Some(left) => convert::millis(js, left),
        None => js.make_null(),
    };
    let manual = js.make_bool(seen.reset == Reset::Manual)?;
    js.make_array(&[js.make_bool(seen.signaled)?, manual, remaining?, convert::millis(js, seen.period)?])
}
