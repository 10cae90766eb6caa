//! Any process as something to wait for.

use crate::convert;
use crate::fault::Fault;
use crate::handles::handle;
use crate::js::{Js, Reply, Value};
use crate::namespaces::chosen;
use crate::state::State;
use byname::Error;

/// An exit code: a whole number of 32 bits.
pub(crate) fn code<'s>(js: Js<'s>, value: Value<'s>) -> Result<u32, Fault> {
    let code = convert::count(js, value, "code")?;
    u32::try_from(code).map_err(|_| Error::invalid_argument(format!("code is {code}; an exit code is 0 to 4294967295")).into())
}

/// `openProcess(namespace, pid, access) -> slot`
pub(crate) fn open<'s>(js: Js<'s>, state: &State, [namespace, pid, access]: [Value<'s>; 3]) -> Reply<'s> {
    let pid = convert::count(js, pid, "pid")?;
    let found = chosen(js, state, namespace)?.open_process(pid, convert::access(js, access)?)?;
    js.make_int(state.adopt(found))
}

/// `processId(slot) -> pid`
pub(crate) fn pid<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_number(handle(js, state, slot)?.process_id()?.into())
}

/// `exitCode(slot) -> code | null`
pub(crate) fn exit_code<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    match handle(js, state, slot)?.exit_code()? {
        Some(code) => js.make_number(code.into()),
        None => js.make_null(),
    }
}

/// `terminateProcess(slot, code)`
pub(crate) fn terminate<'s>(js: Js<'s>, state: &State, [slot, code]: [Value<'s>; 2]) -> Reply<'s> {
    let code = self::code(js, code)?;
    handle(js, state, slot)?.terminate_process(code)?;
    Ok(Value::UNDEFINED)
}
