//! The command `byname`, for the script that the package installs.

use crate::convert;
use crate::fault::Fault;
use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::Error;

/// `command(count) -> status`: runs the command with the last `count` arguments of the process. For a process whose one purpose this is.
///
/// They are taken from the process, since a string of JavaScript cannot hold every argument that a program may get.
pub(crate) fn run<'s>(js: Js<'s>, _: &State, [count]: [Value<'s>; 1]) -> Reply<'s> {
    let count = convert::count(js, count, "count")?;
    let all = std::env::args_os();
    let before = usize::try_from(count).ok().and_then(|count| all.len().checked_sub(count));
    let before = before.ok_or_else(|| Fault::from(Error::invalid_argument(format!("the process has no {count} arguments"))))?;
    js.make_number(byname::cli::run(all.skip(before)).into())
}
