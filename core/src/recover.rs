//! Reaping a dead process.
//!
//! *What it is.* Everything that a process had is found from three roots: its reference row (objects, and by them owned mutexes, locks, queue
//! nodes, accounts), its blocks (waiters, nodes, owners), and its ops' `pending` words. Each step is idempotent and guarded by a
//! generation, so any number of reapers may run at once, die half-way, or wake up late; there is no reap lock.
//!
//! *Order.*
//! ```text
//! R1 wake seats with a sleeper  the kernel woke one sleeper of each, who may be dead too
//! R2 every thread's end         until then: not now, come back
//! R3 waiters                    WAITING -> DEAD; granted, not taken -> given back
//! R4 objects of the row         unlock and finish; abandon; permits back; serve the others; once R3 is through: leave the holder set
//! R5 pending words, locks on objects it did not hold, wait-all lock
//! R6 wake claims granted and not taken, watches among them: the dead one may have owed the wake
//! R7 blocks, then the slot      generation + 1: every late swap of a slow reaper fails from here
//! ```
//!
//! *Kept from it.* Somebody alive who is stopped may have an object locked. The reaper does the rest and comes back. But as long as R3 owes a grant
//! of all, the dead stays among the holders of its objects: one that ended could not be given back, nor what was granted together with it.

use crate::arena::layout::{self, Node, Object, Table};
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef, WaiterRef};
use crate::cell::Word64;
use crate::dispatch::all::AllLock;
use crate::dispatch::claim::{Claim, Decides, Phase};
use crate::dispatch::grant::{self, Intent};
use crate::dispatch::lock::{self, Locked, Target, is_busy, node_kind};
use crate::dispatch::word::{Machine, State, Word};
use crate::error::{ErrorKind, Result};
use crate::index;
use crate::kinds;
use crate::life::Life;
use crate::live::{self, owner_kind, process_state};
use crate::ops;
use crate::refs;
use crate::space::{Cx, Space};
use crate::sys::clock::Deadline;
use crate::sys::robust;
use std::cell::Cell;

/// Reaps a dead process; false if it must be tried again: one of its threads has not been seen to end, or somebody who is stopped
/// holds a lock that was needed (everything else is done then). Damage in one of its records is told when all others have been dealt with; the slot stays.
pub(crate) fn reap(cx: Cx, dead: ProcessRef) -> Result<bool> {
    #[cfg(crash)]
    if !crate::crash::may_reap() {
        return Ok(false);
    }
    #[cfg(crash)]
    let _scope = crate::crash::recovery();
    let space = cx.space;
    live::wake_seats(space, dead.slot)?;
    if let Some(word) = live::surviving_thread(space, dead)? {
        robust::await_death(word);
        if !live::threads_are_gone(space, dead)? {
            return Ok(false);
        }
    }
    let (busy, mut damage) = (Cell::new(false), None);
    let mut step = |done: Result<()>| match done {
        Err(error) if is_busy(&error) => {
            busy.set(true);
            Ok(())
        }
        // The object ended meanwhile; unless it is we who leave the namespace: then nothing more is done, and nothing is taken for done.
        Err(error) if error.kind() == ErrorKind::Closed && space.is_open() => Ok(()),
        // WouldDeadlock: a list that names an object twice. And whatever ails one object alone, such as its memory that cannot be opened.
        Err(error)
            if matches!(error.kind(), ErrorKind::Corrupted | ErrorKind::WouldDeadlock)
                || space.is_open() && !space.arena.gate.is_lost() =>
        {
            damage.get_or_insert(error);
            Ok(())
        }
        other => other,
    };
    for index in blocks(space, Table::Waiters, dead) {
        step(end_waiter(cx.hurried(PATIENCE_NS), dead, index))?;
    }
    let owes_grants = busy.get();
    step(refs::reach_row(space, dead))?;
    for index in refs::objects_of(space, dead) {
        let hurried = cx.hurried(PATIENCE_NS);
        step(space.arena.object(index).and_then(|record| {
            let at = ObjectRef { index, generation: Life(record.life.load()).generation() };
            settle_object(hurried, dead, at, record)?;
            if owes_grants { Ok(()) } else { index::abolish(hurried, dead, at) }
        }))?;
    }
    for (index, owner) in live::owners_of(space, dead) {
        let hurried = cx.hurried(PATIENCE_NS);
        let (object, bucket) = (owner.pending_object.load(), owner.pending_bucket.load());
        if live::process_of_owner(space, index) != Some(dead) {
            continue; // read before the block's owner: they were not the dead one's
        }
        if let Some(at) = ObjectRef::unpack(object) {
            step(index::abolish(hurried, dead, at))?;
        }
        step(index::free_bucket(hurried, bucket))?;
    }
    for index in 0..space.arena.high_water(Table::Objects) {
        match space.arena.object(index) {
            Ok(record) => step(unlock_stray(cx.hurried(PATIENCE_NS), dead, index, record))?,
            Err(error) => {
                step(Err(error))?;
                break; // a damaged mark: there are no more
            }
        }
    }
    step(free_all_lock(cx.hurried(PATIENCE_NS), dead))?;
    step(wake_granted(space))?;
    for index in blocks(space, Table::Nodes, dead) {
        step(unlink_node(cx.hurried(PATIENCE_NS), dead, index))?;
    }
    match damage {
        Some(error) => Err(error),
        None if busy.get() => {
            #[cfg(crash)]
            crate::crash::note_kept();
            Ok(false)
        }
        None => free_slot(space, dead),
    }
}

/// How long the reaper waits for any one lock before it goes on to the next.
const PATIENCE_NS: u64 = 5_000_000;

/// The block words of a table that is dealt in blocks, as far as it has grown, and the size of a block.
fn dealt(space: &'static Space, table: Table) -> (&'static [Word64], u32) {
    let fixed = space.arena.fixed();
    let (words, per_block): (&'static [Word64], u32) = match table {
        Table::Owners => (&fixed.owner_blocks, layout::OWNERS_PER_BLOCK),
        Table::Waiters => (&fixed.waiter_blocks, layout::WAITERS_PER_BLOCK),
        _ => (&fixed.node_blocks, layout::NODES_PER_BLOCK),
    };
    (&words[..(space.arena.high_water(table) / per_block) as usize], per_block)
}

/// The records of a process in a table that is dealt in blocks.
fn blocks(space: &'static Space, table: Table, process: ProcessRef) -> impl Iterator<Item = u32> {
    let (words, per_block) = dealt(space, table);
    let mine = words.iter().enumerate().filter(move |(_, word)| word.load() == process.pack());
    mine.flat_map(move |(block, _)| block as u32 * per_block..(block as u32 + 1) * per_block)
}

/// R3 for one waiter.
fn end_waiter(cx: Cx, dead: ProcessRef, index: u32) -> Result<()> {
    let waiter = cx.space.arena.waiter(index)?;
    loop {
        let claim = Claim(waiter.claim.load());
        // The claim is read before the block's owner: a claim of the block's next process cannot pass for one of the dead's.
        if live::process_of_waiter(cx.space, index) != Some(dead) {
            return Ok(());
        }
        match claim.phase() {
            Phase::Waiting => {
                if let Some(end) = claim.die()
                    && waiter.claim.cas(claim.0, end.0).is_ok()
                {
                    return Ok(());
                }
            }
            Phase::Granted(_) | Phase::GrantedAll(_) => {
                if give_back(cx, index, claim)? {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
    }
}

/// A grant that its dead waiter never took goes back, decided by the swap GRANTED → DEAD; false if the claim has changed.
/// (A mutex needs nothing here: it comes back from its dead owner, by `ops::abandon`. Nor does a robust permit: the account has it.)
fn give_back(cx: Cx, index: u32, claim: Claim) -> Result<bool> {
    let arena = &cx.space.arena;
    let waiter = arena.waiter(index)?;
    let mut granted: Vec<(u32, &'static Node, Target)> = Vec::new();
    let mut next = waiter.first_node.load();
    for step in 0.. {
        let Some(at) = next.checked_sub(1) else { break };
        if step > arena.high_water(Table::Nodes) {
            return Err(arena.corrupted("an endless list of nodes"));
        }
        let node = arena.node(at)?;
        next = node.sibling.load();
        let chosen = match claim.phase() {
            _ if node.role() == node_kind::WATCH => false, // it took nothing
            Phase::Granted(ordinal) => node.ordinal.load() == ordinal,
            _ => true,
        };
        if chosen && let Some(object) = ObjectRef::unpack(node.value_after.load()) {
            granted.push((at, node, ops::target_at(cx.space, object)?));
        }
    }
    let all = match granted.len() {
        0 | 1 => None,
        _ => Some(AllLock::take(cx, Deadline::NEVER)?),
    };
    let mut locks = Vec::with_capacity(granted.len());
    for (_, _, target) in &granted {
        locks.push(lock::lock(cx, *target)?);
    }
    // GRANTED -> DEAD happens under these locks only: a second look decides whether another reaper was faster.
    if waiter.claim.load() != claim.0 {
        return Ok(false);
    }
    let mut befores = Vec::with_capacity(locks.len());
    for (locked, (at, node, _)) in locks.iter_mut().zip(&granted) {
        befores.push(locked.state);
        let after = returned(locked, node);
        Intent::declare(locked, Decides::Return, after, *at, claim.generation());
        locked.write_state(after);
    }
    let won = claim.die().is_some_and(|end| waiter.claim.cas(claim.0, end.0).is_ok());
    for (locked, before) in locks.iter_mut().zip(befores) {
        if !won {
            locked.write_state(before);
        }
        Intent::clear(locked);
    }
    locks.into_iter().for_each(Locked::unlock_quietly);
    drop(all);
    for (_, _, target) in granted {
        ops::serve_again(cx, target)?;
    }
    Ok(won)
}

/// The state with one grant given back.
fn returned(locked: &Locked, node: &Node) -> State {
    match locked.target.machine {
        Machine::AutoEvent | Machine::AutoTimer if u64::from(locked.state.epoch()) == node.value.load() => locked.state.set(),
        Machine::Semaphore => locked.state.post(1, locked.target.record.maximum.load()).unwrap_or(locked.state),
        _ => locked.state,
    }
}

/// R4 for one object: after this nothing in it speaks of the dead process.
fn settle_object(cx: Cx, dead: ProcessRef, at: ObjectRef, record: &'static Object) -> Result<()> {
    if !Life(record.life.load()).is_live(at.generation) {
        return Ok(());
    }
    let target = ops::target_at(cx.space, at)?;
    let state = ops::state(cx, target)?; // finishes what the dead left half done
    if target.machine == Machine::Mutex
        && let Some(owner) = state.owner_index()
        && live::process_of_owner(cx.space, owner) == Some(dead)
    {
        ops::abandon(cx, target, state)?;
    }
    if target.machine == Machine::RobustSemaphore {
        index::close_account(cx, target, dead)?;
    }
    kinds::settle(cx, dead, target)?;
    ops::serve_again(cx, target)
}

/// R5: a wait-all lock of the dead is taken and dropped.
fn free_all_lock(cx: Cx, dead: ProcessRef) -> Result<()> {
    let holder = OwnerRef::unpack(cx.space.arena.header().all_lock.load());
    if holder.is_some_and(|op| live::process_of_owner(cx.space, op.index) == Some(dead)) {
        drop(AllLock::take(cx, Deadline::NEVER)?);
    }
    Ok(())
}

/// R6.
fn wake_granted(space: &'static Space) -> Result<()> {
    for index in 0..space.arena.high_water(Table::Waiters) {
        let claim = Claim(space.arena.waiter(index)?.claim.load());
        if matches!(claim.phase(), Phase::Granted(_) | Phase::GrantedAll(_)) {
            grant::wake(space, WaiterRef { index, generation: claim.generation() });
        }
    }
    grant::wake_crowd(space);
    Ok(())
}

/// A node of the dead that is still linked in some object. Under that object's lock the block cannot be given away: every other reaper needs
/// the lock before R7.
fn unlink_node(cx: Cx, dead: ProcessRef, index: u32) -> Result<()> {
    let node = cx.space.arena.node(index)?;
    let Some(at) = ObjectRef::unpack(node.object.load()) else { return Ok(()) };
    let target = ops::target_at(cx.space, at)?;
    if node.role() == node_kind::ACCOUNT {
        index::close_account(cx, target, dead)?;
    }
    let mut locked = lock::lock(cx, target)?;
    let is_theirs = live::process_of_node(cx.space, index) == Some(dead) && locked.holds(node);
    let unlinked = match node.role() {
        _ if !is_theirs => Ok(()),
        node_kind::ACCOUNT => {
            node.object.store(0); // it was never linked, or its death came between
            Ok(())
        }
        _ => locked.unlink(index),
    };
    locked.finish(None)?;
    unlinked
}

/// An object that the dead had locked although it held no reference on it: one of the others in a wait-all that it was committing.
fn unlock_stray(cx: Cx, dead: ProcessRef, index: u32, record: &Object) -> Result<()> {
    let locker = Word(record.word.load()).locker();
    if locker.is_some_and(|l| live::process_of_owner(cx.space, l.index) == Some(dead)) {
        let at = ObjectRef { index, generation: Life(record.life.load()).generation() };
        ops::state(cx, ops::target_at(cx.space, at)?)?;
    }
    Ok(())
}

/// R7.
fn free_slot(space: &'static Space, dead: ProcessRef) -> Result<bool> {
    for (index, owner) in live::owners_of(space, dead) {
        let life = owner.life.load();
        if live::process_of_owner(space, index) != Some(dead) {
            continue; // the life was read before the block's owner: it may be the next one's
        }
        let _ = owner.life.cas(life, life & !owner_kind::MASK | owner_kind::FREE);
    }
    for table in [Table::Nodes, Table::Waiters, Table::Owners] {
        let (words, _) = dealt(space, table);
        for word in words.iter().filter(|w| w.load() == dead.pack()) {
            let _ = word.cas(dead.pack(), 0);
        }
    }
    let record = space.arena.process(dead.slot)?;
    let next = u64::from(dead.generation.wrapping_add(1)) << 32;
    let life = record.life.load();
    if life >> 32 == u64::from(dead.generation) {
        let _ = record.life.cas(life, next | process_state::FREE);
    }
    for seat in record.seats.iter().rev() {
        let value = seat.load();
        if value >> 32 == u64::from(dead.generation) {
            let _ = seat.cas(value, next);
        }
    }
    Ok(true)
}
