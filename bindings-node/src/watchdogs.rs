//! Watchdogs.

use crate::convert;
use crate::fault::Fault;
use crate::handles::{create, handle};
use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::engine::{Period, Spec};

fn span<'s>(js: Js<'s>, value: Value<'s>, what: &str) -> Result<i64, Fault> {
    Ok(Period::named_millis(what, js.number(value)?)?.as_nanos())
}

/// `createWatchdog(namespace, name, access, period, grace, action) -> slot`; the action is its number.
pub(crate) fn create_watchdog<'s>(
    js: Js<'s>,
    state: &State,
    [namespace, name, access, period, grace, action]: [Value<'s>; 6],
) -> Reply<'s> {
    let (period, grace, action) = (span(js, period, "period")?, span(js, grace, "grace")?, js.int(action)?);
    create(js, state, [namespace, name, access], Spec::Watchdog { period, grace, action, parameter: 0 })
}

/// `startWatchdog(slot)`
pub(crate) fn start<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.start_watchdog()?;
    Ok(Value::UNDEFINED)
}

/// `refreshWatchdog(slot)`
pub(crate) fn refresh<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.refresh_watchdog()?;
    Ok(Value::UNDEFINED)
}

/// `stopWatchdog(slot)`
pub(crate) fn stop<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.stop_watchdog()?;
    Ok(Value::UNDEFINED)
}

/// `notifySystemd(slot, on)`
pub(crate) fn notify_systemd<'s>(js: Js<'s>, state: &State, [slot, on]: [Value<'s>; 2]) -> Reply<'s> {
    handle(js, state, slot)?.notify_systemd(js.bool(on)?)?;
    Ok(Value::UNDEFINED)
}

/// `watchdogState(slot) -> [stage, pid | null, remaining | null, period, grace, action's number]`
pub(crate) fn look<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.watchdog_state()?;
    let pid = seen.pid.map_or_else(|| js.make_null(), |pid| js.make_number(pid.into()))?;
    let remaining = seen.remaining.map_or_else(|| js.make_null(), |left| convert::millis(js, left))?;
    let (period, grace) = (convert::millis(js, seen.period)?, convert::millis(js, seen.grace)?);
    js.make_array(&[js.make_text(seen.stage.name())?, pid, remaining, period, grace, js.make_number(seen.action.code().0.into())?])
}
