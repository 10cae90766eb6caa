//! Jobs: processes that are limited, counted and ended together.

use crate::convert;
use crate::fault::Fault;
use crate::handles::{create, handle};
use crate::js::{Js, Reply, Value};
use crate::processes::code;
use crate::state::State;
use byname::Error;
use byname::engine::{JobLimits, JobNotification, Spec};

/// `createJob(namespace, name, access, killOnClose) -> slot`
pub(crate) fn create_job<'s>(js: Js<'s>, state: &State, [namespace, name, access, kill]: [Value<'s>; 4]) -> Reply<'s> {
    create(js, state, [namespace, name, access], Spec::Job { kill_on_close: js.bool(kill)? })
}

/// `assign(slot, pid)`
pub(crate) fn assign<'s>(js: Js<'s>, state: &State, [slot, pid]: [Value<'s>; 2]) -> Reply<'s> {
    let pid = convert::count(js, pid, "pid")?;
    handle(js, state, slot)?.assign(pid)?;
    Ok(Value::UNDEFINED)
}

/// `jobEntrance(slot) -> a shell's command`
pub(crate) fn entrance<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_text(&handle(js, state, slot)?.job_entrance_by_shell()?)
}

/// `noteSpawned(slot, pid)`
pub(crate) fn note_spawned<'s>(js: Js<'s>, state: &State, [slot, pid]: [Value<'s>; 2]) -> Reply<'s> {
    let pid = convert::count(js, pid, "pid")?;
    handle(js, state, slot)?.note_spawned(pid as u32)?;
    Ok(Value::UNDEFINED)
}

/// `terminateJob(slot, code)`
pub(crate) fn terminate<'s>(js: Js<'s>, state: &State, [slot, code]: [Value<'s>; 2]) -> Reply<'s> {
    let code = self::code(js, code)?;
    handle(js, state, slot)?.terminate_job(code)?;
    Ok(Value::UNDEFINED)
}

/// `jobPids(slot) -> numbers`
pub(crate) fn pids<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let pids = handle(js, state, slot)?.job_pids()?;
    let numbers = pids.into_iter().map(|pid| js.make_number(pid.into())).collect::<Result<Vec<_>, _>>()?;
    js.make_array(&numbers)
}

/// `jobHas(slot, pid) -> boolean`
pub(crate) fn has<'s>(js: Js<'s>, state: &State, [slot, pid]: [Value<'s>; 2]) -> Reply<'s> {
    let pid = convert::count(js, pid, "pid")?;
    js.make_bool(handle(js, state, slot)?.job_has(pid)?)
}

/// `jobLimits(slot) -> [activeProcesses | null, memory | null, killOnClose]`
pub(crate) fn limits<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.job_limits()?;
    let number = |n: Option<u64>| n.map_or_else(|| js.make_null(), |n| js.make_number(n as f64));
    js.make_array(&[number(seen.active_processes.map(u64::from))?, number(seen.memory)?, js.make_bool(seen.kill_on_close)?])
}

/// `setJobLimits(slot, activeProcesses | undefined, memory | undefined, killOnClose)`
pub(crate) fn set_limits<'s>(js: Js<'s>, state: &State, [slot, active, memory, kill]: [Value<'s>; 4]) -> Reply<'s> {
    let limit = |value, what: &str| -> Result<Option<u64>, Fault> {
        if js.is_undefined(value)? {
            return Ok(None);
        }
        let number = convert::count(js, value, what)?;
        u64::try_from(number).map(Some).map_err(|_| Error::invalid_argument(format!("{what} is {number}; a limit is not negative")).into())
    };
    let active_processes = limit(active, "limits.activeProcesses")?.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let limits = JobLimits { active_processes, memory: limit(memory, "limits.memory")?, kill_on_close: js.bool(kill)? };
    handle(js, state, slot)?.set_job_limits(limits)?;
    Ok(Value::UNDEFINED)
}

/// `jobAccounting(slot) -> [active, total, terminated, user ms, system ms, memory peak | null]`
pub(crate) fn accounting<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.job_accounting()?;
    let millis = |time: std::time::Duration| js.make_number(time.as_secs_f64() * 1000.0);
    js.make_array(&[
        js.make_number(seen.active_processes.into())?,
        js.make_number(seen.total_processes.into())?,
        js.make_number(seen.terminated_processes.into())?,
        millis(seen.user_time)?,
        millis(seen.system_time)?,
        seen.memory_peak.map_or_else(|| js.make_null(), |peak| js.make_number(peak as f64))?,
    ])
}

/// `jobBackend(slot) -> string`
pub(crate) fn backend<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_text(handle(js, state, slot)?.job_backend()?)
}

/// `jobNotifications(slot) -> slot`
pub(crate) fn notifications<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let begun = handle(js, state, slot)?.job_notifications()?;
    js.make_int(state.adopt(begun))
}

/// `notification(bytes) -> [message, id, pid]`: what a message of that queue says.
pub(crate) fn notification<'s>(js: Js<'s>, _state: &State, [bytes]: [Value<'s>; 1]) -> Reply<'s> {
    let told = js.bytes(bytes, JobNotification::of_bytes)??;
    js.make_array(&[js.make_text(told.message.name())?, js.make_number(told.message.id().into())?, js.make_number(told.pid.into())?])
}
