//! The kinds that are more than a word: what they keep in their annex, and the moments at which the rest of the core asks for them.
//!
//! An *annex* belongs to its object from [`build`] to [`bury`]. Between them its words change under the object's lock alone, unless a kind says
//! otherwise at the top of its file.

pub(crate) mod job;
pub(crate) mod mapping;
pub(crate) mod notices;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod queue;
pub(crate) mod timer;
pub(crate) mod watchdog;

use crate::arena::layout::{ANNEX_WORDS, Annex, Object, Table};
use crate::arena::refs::{ObjectRef, ProcessRef};
use crate::cell::Word64;
use crate::dispatch::grant::Wakes;
use crate::dispatch::lock::{self, Locked, Target};
use crate::dispatch::word::{Family, Machine};
use crate::error::{Error, Result};
use crate::life::Life;
use crate::lock::Guards;
use crate::machines::queue::Room;
use crate::space::{Cx, Space};
use crate::sys::clock::Due;

/// A new object, reserved for the caller and filled in, gets what it needs besides its record. Whoever dies here is followed by [`bury`].
pub(crate) fn build(cx: Cx, target: Target) -> Result<()> {
    match target.machine.family() {
        Family::Job => job::build(cx, target),
        Family::Mapping => mapping::build(cx, target),
        Family::Queue => queue::build(cx, target),
        _ => Ok(()),
    }
}

/// The object ends, or was never finished: what [`build`] made goes. Any number may do it at once, and again.
pub(crate) fn bury(space: &Space, at: ObjectRef, record: &Object) -> Result<()> {
    match family(record) {
        Some(Family::Job) => job::bury(space, at, record),
        Some(Family::Mapping) => mapping::bury(space, at),
        Some(Family::Queue) => queue::bury(space, at),
        _ => Ok(()),
    }
}

/// For a fork: what this module keeps is locked.
pub(crate) fn hold(guards: &mut Guards) {
    process::hold(guards);
    job::hold(guards);
}

/// Whoever had the object locked has died: what he left half done is finished, or undone. The state follows from the annex.
pub(crate) fn mend(locked: &mut Locked) -> Result<()> {
    match locked.target.machine.family() {
        Family::Timer => timer::mend(locked),
        Family::Queue => queue::mend(locked),
        Family::Watchdog => watchdog::mend(locked),
        _ => Ok(()),
    }
}

/// A process that held the object has died: nothing in the object speaks of it afterwards.
pub(crate) fn settle(cx: Cx, dead: ProcessRef, target: Target) -> Result<()> {
    match target.machine.family() {
        Family::Timer | Family::Watchdog => rouse(cx, target),
        Family::Job => job::settle(cx, target),
        Family::Mapping => mapping::settle(cx, dead, target),
        Family::Queue => queue::settle(cx, dead, target),
        _ => Ok(()),
    }
}

/// The calling thread ends: what it was doing with the object is told as its death would be.
pub(crate) fn abandon(cx: Cx, target: Target) -> Result<()> {
    match target.machine.family() {
        Family::Mapping => mapping::abandon(cx, target),
        _ => Ok(()),
    }
}

/// An object that is signalled by the clock, or by the kernel, is, if its time has come. When it is to be looked at next; `None`: when somebody is told.
#[inline]
pub(crate) fn tick(cx: Cx, target: Target) -> Result<Option<Due>> {
    if target.machine.is_timed() || target.machine == Machine::Process { look_up(cx, target) } else { Ok(None) }
}

#[cold]
fn look_up(cx: Cx, target: Target) -> Result<Option<Due>> {
    match target.machine.family() {
        Family::Timer => timer::tick(cx, target),
        Family::Watchdog => watchdog::tick(cx, target),
        Family::Process => process::tick(cx, target).map(|()| None),
        _ => Ok(None),
    }
}

/// Has everybody who waits look at the clock and the due time again: who changed that may have died before he told them.
fn rouse(cx: Cx, target: Target) -> Result<()> {
    let mut locked = lock::lock(cx, target)?;
    let mut wakes = Wakes::default();
    let roused = locked.rouse(&mut wakes);
    locked.unlock(&mut wakes);
    roused
}

/// The annex of an object. Closed, if the object has ended; damage is told.
pub(crate) fn annex(space: &Space, target: Target) -> Result<&'static Annex> {
    let index = target.record.annex.load().checked_sub(1).ok_or_else(Error::closed)?;
    let annex = space.arena.annex(index)?;
    if ObjectRef::unpack(annex.owner.load()) == Some(target.at) { Ok(annex) } else { Err(Error::closed()) }
}

/// The words of all living objects of that machine.
fn annexes(space: &Space, machine: Machine) -> impl Iterator<Item = &'static [Word64; ANNEX_WORDS]> {
    let high = space.arena.high_water(Table::Annexes);
    (0..high).filter_map(move |index| {
        let annex = space.arena.annex(index).ok()?;
        let at = ObjectRef::unpack(annex.owner.load())?;
        let record = space.arena.object(at.index).ok()?;
        (record.kind.load() == machine.code() && Life(record.life.load()).is_live(at.generation)).then_some(&annex.words)
    })
}

/// Our process leaves the holder set; its last handle is closed.
pub(crate) fn leave(cx: Cx, target: Target) -> Result<()> {
    match target.machine.family() {
        Family::Queue => return queue::leave(cx, target),
        Family::Process => process::forget(cx.space, target.at),
        Family::Job => job::forget(cx.space, target.at),
        Family::Mapping => mapping::leave(cx.space, target.at),
        _ => {}
    }
    Ok(())
}

/// What could not be done, since somebody who is stopped had the object locked, or what a forked child has to say of itself.
pub(crate) fn catch_up(cx: Cx, target: Target) -> Result<()> {
    match target.machine.family() {
        Family::Queue => queue::catch_up(cx, target),
        _ => Ok(()),
    }
}

/// We are about to fork: what needs private locks.
pub(crate) fn begin_fork(space: &'static Space) {
    queue::begin_fork(space);
}

/// We are about to fork; everything private is locked. The child will hold what we hold.
pub(crate) fn expect_child(space: &'static Space, child: ProcessRef) {
    queue::expect_child(space, child);
}

/// How many blocked calls for messages, and for room, are worth waking.
pub(crate) fn room(locked: &Locked) -> Result<Room> {
    queue::room(locked)
}

/// Whether the object is still used, but not to be found any more.
pub(crate) fn has_lost_its_name(record: &Object) -> bool {
    family(record) == Some(Family::Queue) && queue::is_broken(record)
}

fn family(record: &Object) -> Option<Family> {
    Machine::of_object(record.kind.load()).map(Machine::family)
}
