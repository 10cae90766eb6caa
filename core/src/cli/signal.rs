//! `byname set`, `reset`, `pulse`.

use super::report::{Report, Voice};
use crate::Result;
use crate::engine::{Access, HandleRef, Kind, Namespace};

/// What to do to an event, and how to report it.
pub(super) struct Act {
    call: fn(HandleRef) -> Result<()>,
    report: for<'a> fn(&'a [String]) -> Report<'a>,
}

pub(super) const SET: Act = Act { call: HandleRef::set, report: |names| Report::Set { names } };
pub(super) const RESET: Act = Act { call: HandleRef::reset, report: |names| Report::Reset { names } };
pub(super) const PULSE: Act = Act { call: HandleRef::pulse, report: |names| Report::Pulse { names } };

pub(super) fn all(voice: Voice, act: Act, names: &[String]) -> u8 {
    let done = (|| {
        let namespace = Namespace::local()?;
        let events = names.iter().map(|name| namespace.open(Some(name), Kind::Event, Access::ALL)).collect::<Result<Vec<_>>>()?;
        events.iter().try_for_each(|event| (act.call)(event.by_ref()))
    })();
    match done {
        Ok(()) => voice.report(&(act.report)(names)),
        Err(error) => return voice.fail(&error),
    }
    0
}
