//! Who is dead.
//!
//! *Processes.* A process slot's seats are the kernel's word: one OWNER_DIED among them, or another generation, and the process's
//! keeper is gone. That only *starts* recovery: another thread of the dead may still be inside a system call.
//!
//! *Owners.* An owner is gone when the thread behind it is really gone: its own robust word says so. An owner that is no thread (a grant)
//! is gone when every thread of its process is. Until then a dead process's owner is `Leaving`: one waits, shortly.

use crate::arena::layout::{self, Owner, RING_SEATS, SEATS, Table};
use crate::arena::refs::{OwnerRef, ProcessRef};
use crate::cell::Word32;
use crate::error::Result;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::space::Space;
use crate::sys::{futex, process, robust};

/// The state of a process slot (low half of `Process::life`).
pub(crate) mod process_state {
    pub(crate) const FREE: u64 = 0;
    pub(crate) const JOINING: u64 = 1;
    pub(crate) const LIVE: u64 = 2;
    pub(crate) const LEAVING: u64 = 3;
    pub(crate) const EXPECTED: u64 = 4;
    pub(crate) const MASK: u64 = 0xff;
}

/// The kind of an owner record (low half of `Owner::life`).
pub(crate) mod owner_kind {
    pub(crate) const FREE: u64 = 0;
    pub(crate) const THREAD: u64 = 1;
    pub(crate) const GRANT: u64 = 2;
    pub(crate) const KEEPER: u64 = 3;
    pub(crate) const MASK: u64 = 0xff;
}

/// The futex value of a seat that a forking parent keeps for its child: no thread has this id.
pub(crate) const EXPECTED_SEAT: u32 = robust::TID;

/// Whether the process is dead, or its slot is another's.
pub(crate) fn is_dead(space: &Space, process: ProcessRef) -> Result<bool> {
    let record = space.arena.process(process.slot)?;
    let first = record.seats[0].load();
    if (first >> 32) as u32 != process.generation || first as u32 == 0 {
        return Ok(true);
    }
    Ok(record.seats.iter().any(|seat| robust::died(seat.load() as u32)))
}

/// Wakes whoever sleeps on any of a dead process's seats: the kernel woke only one of each, and he may be dead too.
pub(crate) fn wake_seats(space: &Space, slot: u32) -> Result<()> {
    let record = space.arena.process(slot)?;
    for (i, seat) in record.seats.iter().enumerate() {
        // Whoever sleeps on one of the others has said so before.
        if i < RING_SEATS || record.sleepers[i].load() != 0 {
            futex::wake(seat.low(), i32::MAX);
        }
    }
    Ok(())
}

/// How an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vitals {
    Alive,
    /// The process is dying; the thread has not been seen to end yet.
    Leaving,
    Gone,
}

/// The process that an owner record belongs to.
pub(crate) fn process_of_owner(space: &Space, index: u32) -> Option<ProcessRef> {
    ProcessRef::unpack(space.arena.fixed().owner_blocks.get((index / layout::OWNERS_PER_BLOCK) as usize)?.load())
}

/// The process that a waiter record belongs to.
pub(crate) fn process_of_waiter(space: &Space, index: u32) -> Option<ProcessRef> {
    ProcessRef::unpack(space.arena.fixed().waiter_blocks.get((index / layout::WAITERS_PER_BLOCK) as usize)?.load())
}

/// The process that a node record belongs to.
pub(crate) fn process_of_node(space: &Space, index: u32) -> Option<ProcessRef> {
    ProcessRef::unpack(space.arena.fixed().node_blocks.get((index / layout::NODES_PER_BLOCK) as usize)?.load())
}

/// How the owner at `index` is, whose generation `same` recognises.
pub(crate) fn vitals(space: &Space, index: u32, same: impl Fn(u32) -> bool) -> Result<Vitals> {
    let record = space.arena.owner(index)?;
    let life = record.life.load();
    let Some(home) = process_of_owner(space, index) else { return Ok(Vitals::Gone) };
    if !same((life >> 32) as u32) {
        return Ok(Vitals::Gone);
    }
    match life & owner_kind::MASK {
        owner_kind::THREAD if robust::died(thread_word(record).load()) => Ok(Vitals::Gone),
        #[cfg(any(test, planted))]
        owner_kind::THREAD if planted::has(Planted::HandOnEarly) && is_dead(space, home)? => Ok(Vitals::Gone),
        owner_kind::THREAD if is_dead(space, home)? => Ok(if is_missed(space, home, record)? { Vitals::Gone } else { Vitals::Leaving }),
        owner_kind::GRANT if is_dead(space, home)? => Ok(if threads_are_gone(space, home)? { Vitals::Gone } else { Vitals::Leaving }),
        owner_kind::KEEPER if is_dead(space, home)? => Ok(Vitals::Gone),
        owner_kind::THREAD | owner_kind::GRANT | owner_kind::KEEPER => Ok(Vitals::Alive),
        _ => Ok(Vitals::Gone),
    }
}

/// Whether a dead process's thread is gone although its word does not say so: the out-of-memory reaper may take the list that the kernel
/// would have read. That the id does not exist is proof where we see the same ids.
fn is_missed(space: &Space, of: ProcessRef, record: &Owner) -> Result<bool> {
    let ours = process::pid_namespace().unwrap_or(0);
    let home = space.arena.process(of.slot)?;
    Ok(ours != 0 && home.pid_namespace.load() == ours && process::is_no_thread(home.pid.load(), record.tid.load()))
}

/// How the owner is.
pub(crate) fn owner_vitals(space: &Space, owner: OwnerRef) -> Result<Vitals> {
    vitals(space, owner.index, |generation| generation == owner.generation)
}

/// The futex word of the robust mutex that the record's thread holds for life.
pub(crate) fn thread_word(record: &Owner) -> &Word32 {
    let halves = &record.lock[(record.word_offset.load() / 8 % 8) as usize];
    if record.word_offset.load() % 8 < 4 { halves.low() } else { halves.high() }
}

/// Every owner record of a process, alive or not.
pub(crate) fn owners_of(space: &'static Space, process: ProcessRef) -> impl Iterator<Item = (u32, &'static Owner)> {
    let arena = &space.arena;
    let blocks = arena.high_water(Table::Owners) / layout::OWNERS_PER_BLOCK;
    let mine = arena.fixed().owner_blocks[..blocks as usize].iter().enumerate().filter(move |(_, word)| word.load() == process.pack());
    mine.flat_map(|(block, _)| {
        let first = block as u32 * layout::OWNERS_PER_BLOCK;
        first..first + layout::OWNERS_PER_BLOCK
    })
    .filter_map(|index| Some((index, arena.owner(index).ok()?)))
}

/// Whether every thread that ever used the namespace in that dead process has ended.
pub(crate) fn threads_are_gone(space: &Space, process: ProcessRef) -> Result<bool> {
    Ok(surviving_thread(space, process)?.is_none())
}

/// The word of a thread of that dead process which has not been seen to end.
pub(crate) fn surviving_thread(space: &Space, of: ProcessRef) -> Result<Option<&'static Word32>> {
    let arena = &space.arena;
    let blocks = (arena.high_water(Table::Owners) / layout::OWNERS_PER_BLOCK) as usize;
    for (block, _) in arena.fixed().owner_blocks[..blocks].iter().enumerate().filter(|(_, word)| word.load() == of.pack()) {
        let first = block as u32 * layout::OWNERS_PER_BLOCK;
        for index in first..first + layout::OWNERS_PER_BLOCK {
            let record = arena.owner(index)?;
            let is_thread = record.life.load() & owner_kind::MASK == owner_kind::THREAD;
            if is_thread && !robust::died(thread_word(record).load()) && !is_missed(space, of, record)? {
                return Ok(Some(thread_word(record)));
            }
        }
    }
    Ok(None)
}

/// Seats of one process, for sleeping on.
pub(crate) fn seat(space: &Space, process: ProcessRef, seat: usize) -> Result<(&'static Word32, u32)> {
    debug_assert!(seat < SEATS);
    let word = space.arena.process(process.slot)?.seats[seat].low();
    Ok((word, word.load()))
}
