//! `byname doctor`.

use super::args::{Doctor, Level};
use super::report::{Report, Voice, WRONG};
use crate::inspect::{Inspection, Violation};
use crate::sys::clock::{self, Deadline};
use crate::{ErrorKind, Result};

/// How long it rests before it checks again.
const SETTLE_NS: u64 = 10_000_000;

pub(super) fn run(voice: Voice, how: &Doctor) -> u8 {
    let level = how.check.unwrap_or(Level::Living);
    let until = how.settle.map_or(Deadline::at(0), Deadline::after);
    let wrong = loop {
        match check(level) {
            Ok(wrong) if wrong.is_empty() || until.passed() => break wrong,
            Ok(_) => clock::nap(SETTLE_NS),
            Err(error) => return voice.fail(&error),
        }
    };
    for violation in &wrong {
        let Violation { table, index, what, why } = violation;
        voice.report(&Report::Violation { table, index: *index, what, why });
        voice.answer(&violation.to_string());
    }
    voice.report(&Report::Checked { violations: wrong.len() });
    if wrong.is_empty() { 0 } else { WRONG }
}

/// Where there is no namespace nothing is wrong.
fn check(level: Level) -> Result<Vec<Violation>> {
    let inspection = match Inspection::local() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        inspection => inspection?,
    };
    if level == Level::Quiet { inspection.check_quiet() } else { inspection.check() }
}
