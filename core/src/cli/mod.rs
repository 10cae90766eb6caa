//! The command `byname`: named objects from a shell.
//!
//! One implementation for all who ship it: the binary of this crate, which the npm package has, too, and the script in the Python
//! wheel call [`run`]. `byname help` and `docs/byname.1` say what it does; both are made from [`args`].

mod args;
mod doctor;
mod gc;
mod hold;
mod look;
mod report;
mod signal;
mod top;

use args::{Cli, Verb};
use clap::{CommandFactory, Parser};
use report::{OWN_ERROR, Voice};
use std::ffi::OsString;
use std::iter;

/// Runs the command with these arguments, the program's own name left out; gives the exit status.
///
/// For the main thread of a process whose one purpose this is: it takes over the handling of signals, and may fork. It
/// writes to standard output and standard error and does not panic.
///
/// # Examples
/// ```
/// assert_eq!(byname::cli::run(["set".into(), "nobody made this".into()]), 125);
/// ```
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    crate::sys::child::default_signals();
    let Cli { json, verb } = match Cli::try_parse_from(iter::once("byname".into()).chain(args)) {
        Ok(cli) => cli,
        Err(refusal) => {
            let _ = refusal.print(); // nobody is left to tell
            return if refusal.use_stderr() { OWN_ERROR } else { 0 };
        }
    };
    match verb {
        Verb::Lock(lock) => hold::lock(json, lock),
        Verb::Sem(sem) => hold::semaphore(json, sem),
        Verb::Wait(wait) => hold::wait(json, wait),
        Verb::Set(events) => signal::all(Voice::on_stdout(json), signal::SET, &events.names),
        Verb::Reset(events) => signal::all(Voice::on_stdout(json), signal::RESET, &events.names),
        Verb::Pulse(events) => signal::all(Voice::on_stdout(json), signal::PULSE, &events.names),
        Verb::Ls(how) => look::ls(Voice::on_stdout(json), &how),
        Verb::Who(how) => look::who(Voice::on_stdout(json), &how),
        Verb::Tree => look::tree(Voice::on_stdout(json)),
        Verb::Top(how) => top::run(Voice::on_stdout(json), &how),
        Verb::Gc(how) => gc::run(Voice::on_stdout(json), &how),
        Verb::Doctor(how) => doctor::run(Voice::on_stdout(json), &how),
    }
}

/// What the parser knows, for those who make the manual page.
#[doc(hidden)]
pub fn grammar() -> clap::Command {
    Cli::command()
}
