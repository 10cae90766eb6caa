//! What the command says, to people or to programs.

use super::doctor::Status;
use super::top::Rate;
use crate::Error;
use crate::inspect::{Object, Step, Wait};
use crate::name::quoted;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// The exit status of a look that found something wrong.
pub(super) const WRONG: u8 = 1;
/// Exit statuses of the command's own, as env(1) and timeout(1) have them.
pub(super) const TIMED_OUT: u8 = 124;
pub(super) const OWN_ERROR: u8 = 125;
pub(super) const CANNOT_RUN: u8 = 126;
pub(super) const NOT_FOUND: u8 = 127;

/// A line for programs.
#[derive(Debug, Serialize)]
#[serde(tag = "byname", rename_all = "kebab-case")]
pub(super) enum Report<'a> {
    Acquired { names: &'a [String], index: Option<usize>, fence: Option<u64>, abandoned: bool },
    Ended { status: u8, signal: Option<u8> },
    TimedOut { names: &'a [String] },
    Set { names: &'a [String] },
    Reset { names: &'a [String] },
    Pulse { names: &'a [String] },
    Object(&'a Object),
    Wait(&'a Wait),
    Deadlock { steps: &'a [Step] },
    Top { seconds: f64, objects: &'a [Rate] },
    Finding { status: Status, about: &'a str, message: &'a str, cure: Option<&'a str> },
    Removed { path: &'a Path },
    Unused { path: &'a Path },
    Used { path: &'a Path },
    Skipped { path: &'a Path, why: &'a str },
    Violation { table: &'a str, index: u32, what: &'a str, why: &'a str },
    Checked { violations: usize },
    Warning { message: &'a str },
    Error { kind: &'a str, win32: u32, message: &'a str },
}

/// Where and how to speak.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    json: bool,
    /// Standard output belongs to the program that runs.
    aside: bool,
}

impl Voice {
    pub(super) fn on_stdout(json: bool) -> Voice {
        Voice { json, aside: false }
    }

    pub(super) fn on_stderr(json: bool) -> Voice {
        Voice { json, aside: true }
    }

    /// For programs only.
    pub(super) fn report(self, report: &Report<'_>) {
        if self.json {
            let line = serde_json::to_string(report).unwrap_or_default(); // a struct of text and numbers
            if self.aside { say(io::stderr(), &line) } else { say(io::stdout(), &line) }
        }
    }

    /// A result that people can use in a script.
    pub(super) fn answer(self, text: &str) {
        if !self.json {
            say(io::stdout(), text);
        }
    }

    pub(super) fn warn(self, message: &str) {
        self.explain(&Report::Warning { message }, "warning: ", message);
    }

    pub(super) fn timed_out(self, names: &[String]) -> u8 {
        self.explain(&Report::TimedOut { names }, "", &format!("the time was up before {} was to be had", list(names)));
        TIMED_OUT
    }

    pub(super) fn fail(self, error: &Error) -> u8 {
        let message = error.message();
        self.explain(&Report::Error { kind: error.kind().info().name, win32: error.win32(), message }, "", message);
        OWN_ERROR
    }

    fn explain(self, report: &Report<'_>, manner: &str, message: &str) {
        if self.json { self.report(report) } else { say(io::stderr(), &format!("byname: {manner}{message}")) }
    }
}

/// Names in a message.
pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// One line in one piece. Whoever does not listen any more misses it; the work is done all the same.
fn say(mut to: impl Write, line: &str) {
    let _ = to.write_all(format!("{line}\n").as_bytes()).and_then(|()| to.flush());
}
