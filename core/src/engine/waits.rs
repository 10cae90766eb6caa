//! Blocking waits for any or all of several objects (contract 10).

use super::grant::{Grant, Owning, granted};
use super::kind::Kind;
use super::{By, HandleRef, Interrupt, Mode, Outcome, Pins, Satisfied};
use crate::dispatch::lock::Target;
use crate::dispatch::wait::{self, Ended, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{Opened, right};
use crate::ops::{self, Taken};
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Deadline};
use crate::timeout::Timeout;

/// Waits for any or all of `objects`, which must be of one namespace.
///
/// Errors, before anything is consumed (contract 10.3): no object, or wait-all with one twice: InvalidArgument (87); a closed handle: Closed (6);
/// one without SYNCHRONIZE: AccessDenied (5); objects of several namespaces: Unsupported.
pub fn wait(objects: &[HandleRef], mode: Mode, by: By, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Satisfied>> {
    if let [object] = objects {
        let opened = object.0.open(right::SYNCHRONIZE)?;
        check_profile(&opened, mode)?;
        let cx = owner::current(opened.space)?;
        return wait_for(cx, &[opened.target], mode, by, timeout, interrupt).map_err(|e| opened.blame(e));
    }
    let (space, targets) = resolve(objects, mode)?;
    wait_for(owner::current(space)?, &targets, mode, by, timeout, interrupt)
}

fn wait_for(cx: Cx, targets: &[Target], mode: Mode, by: By, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Satisfied>> {
    let owning = Owning::for_targets(cx, by, targets)?;
    let deadline = Deadline::after(timeout);
    let request = Request { targets, all: mode == Mode::All, owner: owning.owner(cx), deadline, poll: timeout.is_zero() };
    let had = if let [target] = targets {
        ops::take_fast(Some(target.machine), target.record, target.at.generation, request.owner)
    } else {
        None
    };
    let ended = match had {
        Some(taken) if mode == Mode::Any => satisfied(cx, targets, &owning, Ended::One(0, taken)),
        Some(taken) => satisfied(cx, targets, &owning, Ended::All(vec![taken])),
        None => Pins::new(cx, targets).and_then(|_pins| {
            let ended = match wait::at_once(cx, request)? {
                Some(ended) => ended,
                None => wait::block(cx, request, interrupt)?,
            };
            satisfied(cx, targets, &owning, ended)
        }),
    };
    owning.free_unless_in(&ended, cx.space);
    ended
}

/// Signals the first object (sets the event, releases the semaphore by one, releases the calling thread's mutex), then waits for the second.
///
/// Both handles are checked first (contract 10.8); the two steps are not one instant (SW9).
pub fn signal_and_wait(
    signal: HandleRef,
    object: HandleRef,
    by: By,
    timeout: Timeout,
    interrupt: Interrupt<'_>,
) -> Result<Outcome<Satisfied>> {
    let (space, targets) = resolve(&[object], Mode::Any)?;
    let left = signal_first(signal, timeout)?;
    wait_for(owner::current(space)?, &targets, Mode::Any, by, left, interrupt)
}

/// How long a signal waits at least for somebody who is in the middle of changing the object.
const SIGNAL_NS: u64 = 500_000_000;

/// Signals within the time-out of the whole call, and says what is left of it. An error (somebody is stopped in the middle of a change) means that
/// nothing was signalled.
pub(super) fn signal_first(signal: HandleRef, timeout: Timeout) -> Result<Timeout> {
    let due = Deadline::after(timeout);
    let patience = due.nanos().map_or(Deadline::NEVER, |at| Deadline::at(at.max(clock::now() + SIGNAL_NS)));
    match signal.kind()? {
        Kind::Mutex => signal.release_until(patience)?,
        Kind::Event => signal.set_until(patience)?,
        Kind::Semaphore => drop(signal.post_until(1, patience)?),
        other => {
            return Err(Error::new(
                ErrorKind::WrongKind,
                format!("{} cannot be signalled; pass an event, a semaphore or a mutex to be signalled first", other.noun()),
            ));
        }
    }
    Ok(due.nanos().map_or(timeout, |at| Timeout::saturating(at.saturating_sub(clock::now()))))
}

/// The checks of contract 10.3, in their order.
pub(super) fn resolve(objects: &[HandleRef], mode: Mode) -> Result<(&'static Space, Vec<Target>)> {
    let mut targets = Vec::with_capacity(objects.len());
    let (mut space, mut is_mixed) = (None, false);
    for (i, object) in objects.iter().enumerate() {
        let is_alone = objects.len() == 1;
        let place = |e: Error| if is_alone { e } else { e.about(&format!("object {i} of the list")) };
        let opened = object.0.open(right::SYNCHRONIZE).map_err(place)?;
        check_profile(&opened, mode)?;
        is_mixed |= !std::ptr::eq(*space.get_or_insert(opened.space), opened.space);
        targets.push(opened.target);
    }
    let Some(space) = space else { return Err(Error::invalid_argument("a wait needs at least one object; list what to wait for")) };
    if is_mixed {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "one wait over objects of several namespaces comes with a later version of byname; wait for each namespace by itself",
        ));
    }
    if mode == Mode::All {
        let mut seen: Vec<u32> = targets.iter().map(|t| t.at.index).collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).position(|w| w[0] == w[1]) {
            let place = targets.iter().rposition(|t| t.at.index == seen[twice]).unwrap_or(0);
            return Err(Error::invalid_argument(format!(
                "a wait for all lists one object twice, the second time at index {place}; list each once"
            )));
        }
    }
    Ok((space, targets))
}

/// Windows CE knows no wait for all (contract 9.9).
fn check_profile(opened: &Opened, mode: Mode) -> Result<()> {
    if mode == Mode::All && opened.rights & right::CE != 0 {
        return Err(Error::invalid_argument("the CE profile has no wait for all; wait for any, or use the desktop profile"));
    }
    Ok(())
}

pub(super) fn satisfied(cx: Cx, targets: &[Target], owning: &Owning, ended: Ended) -> Result<Outcome<Satisfied>> {
    let grant = |target: &Target, taken: Taken| -> Result<Option<Grant>> {
        match Kind::of(target.machine) {
            Kind::Mutex | Kind::Semaphore => granted(cx, *target, owning.share(target.machine), taken).map(Some),
            _ => Ok(None),
        }
    };
    Ok(Outcome::Got(match ended {
        Ended::One(index, taken) => {
            Satisfied { index: index as isize, abandoned: taken.abandoned, grants: grant(&targets[index], taken)?.into_iter().collect() }
        }
        Ended::All(taken) => Satisfied {
            index: -1,
            abandoned: taken.iter().any(|t| t.abandoned),
            grants: targets
                .iter()
                .zip(&taken)
                .map(|(target, t)| grant(target, *t))
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect(),
        },
        Ended::TimedOut => return Ok(Outcome::TimedOut),
        Ended::Interrupted => return Ok(Outcome::Interrupted),
    }))
}
