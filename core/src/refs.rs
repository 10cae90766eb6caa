//! References: which process holds which object.
//!
//! *What it is.* Membership of a process in an object's holder set, never a count: one bit in the process's *row*. How many handles a process
//! has on an object is private to it. A row's word holds 32 bits and the generation of the process slot, so a row left
//! behind by an earlier process reads as empty, and a slow recoverer's swap on it fails.
//!
//! *Who may write.* A row: its process (several threads, by swap); after its death anyone, by swaps that carry its generation; an
//! EXPECTED child's: its parent.
//!
//! *Invariants.* R1: the bit is set before the object's `life` admits the process, and cleared after the process's last use. R2: an
//! object is destroyed by the swap LIVE → DYING at a version read before all rows were found clear, and every newcomer moves the
//! version after setting its bit; SYNC(join-destroy). So either the bit was seen, or the newcomer's swap fails.
//!
//! *Death.* With the bit set and not admitted, or cleared and not destroyed: the reaper clears the bit and tries to destroy. An op that clears
//! its process's last bit names the object in `pending_object` meanwhile.

use crate::arena::layout::{ROW_OBJECTS, ROW_WORDS, Table};
use crate::arena::refs::{ObjectRef, ProcessRef};
use crate::error::Result;
use crate::lock::{Guards, Lock};
use crate::row::Row;
use crate::space::Space;
use std::sync::MutexGuard;

/// How often this process has each object open, in stripes of neighbouring objects.
#[derive(Debug, Default)]
pub(crate) struct References {
    stripes: [Lock<Vec<Count>>; STRIPES as usize],
    /// Objects that we have closed and could not leave, since somebody who is stopped has them locked: the keeper's to try again.
    pub(crate) unleft: Lock<Vec<ObjectRef>>,
    /// Objects that end and could not be buried, since descriptors or memory were short: the same.
    pub(crate) unburied: Lock<Vec<ObjectRef>>,
}

const STRIPES: u32 = 16;

/// Handles and pins of one object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) generation: u32,
    pub(crate) count: u32,
    /// We stay in the holder set although the count is 0 (`index.rs`).
    pub(crate) kept: bool,
}

/// The count of one object, locked.
pub(crate) struct Held<'a> {
    stripe: MutexGuard<'a, Vec<Count>>,
    place: usize,
}

impl References {
    pub(crate) fn lock(&self, object: u32) -> Held<'_> {
        let mut stripe = self.stripes[(object % STRIPES) as usize].lock();
        let place = (object / STRIPES) as usize;
        if stripe.len() <= place {
            stripe.resize((place + 1).next_power_of_two().max(64), Count::default());
        }
        Held { stripe, place }
    }

    /// Locks everything, for a fork.
    pub(crate) fn lock_all(&'static self, guards: &mut Guards) {
        self.stripes.iter().for_each(|stripe| guards.take(stripe));
        guards.take(&self.unleft);
        guards.take(&self.unburied);
    }
}

impl std::ops::Deref for Held<'_> {
    type Target = Count;
    fn deref(&self) -> &Count {
        &self.stripe[self.place]
    }
}

impl std::ops::DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Count {
        &mut self.stripe[self.place]
    }
}

/// Sets a process's bit; its row has or gets memory. False if it was set.
pub(crate) fn set_bit(space: &Space, process: ProcessRef, object: u32) -> Result<bool> {
    let (word, bit) = (object / ROW_OBJECTS, object % ROW_OBJECTS);
    let row = match space.arena.row_word(process.slot, word)? {
        Some(row) => row,
        None => {
            space.arena.extend_row(process.slot, word)?;
            space.arena.row_word(process.slot, word)?.ok_or_else(|| space.arena.corrupted("a reference row that does not grow"))?
        }
    };
    let before = row.update(|old| Some(Row(old).with(process.generation, bit).0)).unwrap_or_else(|met| met);
    Ok(!Row(before).holds(process.generation, bit))
}

/// Clears a process's bit.
pub(crate) fn clear_bit(space: &Space, process: ProcessRef, object: u32) -> Result<()> {
    let (word, bit) = (object / ROW_OBJECTS, object % ROW_OBJECTS);
    if let Some(row) = space.arena.row_word(process.slot, word)? {
        let _ = row.update(|old| Row(old).without(process.generation, bit).map(|row| row.0));
    }
    Ok(())
}

/// Whether a process, or any process if `None`, has its bit set.
pub(crate) fn is_held(space: &Space, object: u32, by: Option<ProcessRef>) -> Result<bool> {
    let (word, bit) = (object / ROW_OBJECTS, object % ROW_OBJECTS);
    let slots = match by {
        Some(process) => process.slot..process.slot + 1,
        None => 0..space.arena.high_water(Table::Processes),
    };
    for slot in slots {
        let seat = space.arena.process(slot)?.seats[0].load();
        if seat as u32 == 0 {
            continue; // nobody there
        }
        if let Some(row) = space.arena.row_word(slot, word)?
            && Row(row.load()).holds((seat >> 32) as u32, bit)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Maps a process's row, so that [`objects_of`] leaves nothing out.
pub(crate) fn reach_row(space: &Space, process: ProcessRef) -> Result<()> {
    match space.arena.process(process.slot)?.row_words.load().min(ROW_WORDS).checked_sub(1) {
        Some(last) => space.arena.row_word(process.slot, last).map(drop),
        None => Ok(()),
    }
}

/// Every object in a process's row, as far as that can be read.
pub(crate) fn objects_of(space: &Space, process: ProcessRef) -> Vec<u32> {
    let mut found = Vec::new();
    let words = space.arena.process(process.slot).map_or(0, |p| p.row_words.load().min(ROW_WORDS));
    for word in 0..words {
        let Ok(Some(row)) = space.arena.row_word(process.slot, word) else { continue };
        let bits = Row(row.load()).bits(process.generation);
        found.extend((0..ROW_OBJECTS).filter(|b| bits & (1 << b) != 0).map(|b| word * ROW_OBJECTS + b));
    }
    found
}

/// The generation-carrying name of an object of ours.
pub(crate) fn count_matches(count: &Count, at: ObjectRef) -> bool {
    count.count > 0 && count.generation == at.generation
}
