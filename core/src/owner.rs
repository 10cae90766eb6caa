//! Owners: who can own a mutex and hold a lock.
//!
//! A thread has one owner record per namespace, taken at its first call and given back when it ends; its destructor abandons
//! what the thread still owns. Each asynchronous acquisition has a record of its own. In the core the owner is always an
//! argument; [`current`] is what the bindings pass for "the calling thread". Two copies of the library in one process agree on a thread's record.
//!
//! *Record states* (`Owner::life`, generation above): FREE → THREAD | GRANT | KEEPER → FREE. Only the owning process writes them.
//!
//! *Death.* A thread's record is believed until its robust word says OWNER_DIED (`live.rs`); the reaper frees whole blocks.
//!
//! *End of a thread.* Its destructor abandons what it owns, and nothing more: the record stays a THREAD's, since the thread goes on for a
//! moment and its mutex is in its list to the last (`sys/robust.rs`). The record *rests* (`pools.rs`) until the kernel has marked the word. If
//! the process dies meanwhile, the reaper waits for that word as for every thread's.

use crate::arena::layout::{Owner, Process, Table};
use crate::arena::refs::{OwnerRef, ProcessRef};
use crate::error::{Error, ErrorKind, Result};
use crate::live::{self, Vitals, owner_kind};
use crate::ops;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::space::{Cx, Space};
use crate::sys::{process, robust, thread};
use std::cell::RefCell;

const NOBODY: OwnerRef = OwnerRef { index: 0, generation: 0 };

thread_local! {
    static RECORDS: RefCell<Records> = const { RefCell::new(Records { all: Vec::new(), is_keeper: false }) };
}

/// What the uncontended calls of a thread need of it; zero in a new thread.
#[derive(Clone, Copy)]
struct Current {
    /// The namespace used last (its address), and this thread's record in it.
    space: usize,
    op: OwnerRef,
    /// How many mutexes this thread owns and changes of mappings it makes, in all namespaces.
    held: u32,
    /// A grant's record of that namespace that this thread gave back last, or 0: the next grant of the thread takes it without a lock.
    spare: u32,
}

impl Current {
    const NONE: Current = Current { space: 0, op: NOBODY, held: 0, spare: 0 };

    #[inline(always)]
    fn get() -> Current {
        thread::words(|[space, op, counts]| Current {
            space: space.get() as usize,
            op: OwnerRef { index: op.get() as u32, generation: (op.get() >> 32) as u32 },
            held: counts.get() as u32,
            spare: (counts.get() >> 32) as u32,
        })
    }

    #[inline(always)]
    fn set(self) {
        thread::words(|[space, op, counts]| {
            space.set(self.space as u64);
            op.set(u64::from(self.op.generation) << 32 | u64::from(self.op.index));
            counts.set(u64::from(self.spare) << 32 | u64::from(self.held));
        });
    }
}

/// All records of one thread. Dropped when the thread ends.
struct Records {
    all: Vec<(Cx, Standing)>,
    is_keeper: bool,
}

/// Whose a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The thread's own; it holds the record's robust mutex.
    Thread,
    /// A keeper's: the seats of its process speak for it.
    Keeper,
    /// Made by another copy of the library in this process: a thread has one owner in a namespace, whoever calls for it.
    Sibling,
}

/// The calling thread as owner and op.
#[inline]
pub(crate) fn current(space: &'static Space) -> Result<Cx> {
    match cached(space) {
        Some(op) => Ok(Cx::new(space, op)),
        None => find(space),
    }
}

/// The calling thread as owner, if it used the namespace last.
#[inline(always)]
pub(crate) fn cached(space: &'static Space) -> Option<OwnerRef> {
    let current = Current::get();
    (current.space == std::ptr::from_ref(space) as usize).then_some(current.op)
}

#[cold]
fn find(space: &'static Space) -> Result<Cx> {
    give_spare_back();
    let found = RECORDS.try_with(|records| -> Result<Cx> {
        let mut records = records.borrow_mut();
        if let Some((cx, _)) = records.all.iter().find(|(cx, _)| std::ptr::eq(cx.space, space)) {
            return Ok(*cx);
        }
        let (op, standing) = match (records.is_keeper, sibling(space)?) {
            (true, _) => (register_keeper_record(space)?, Standing::Keeper),
            (false, Some(op)) => (op, Standing::Sibling),
            (false, None) => (register(space)?, Standing::Thread),
        };
        records.all.push((Cx::new(space, op), standing));
        Ok(Cx::new(space, op))
    });
    let cx =
        found.map_err(|_| Error::new(ErrorKind::Closed, "this thread is ending; byname cannot be called from its last destructors"))??;
    remember(std::ptr::from_ref(space) as usize, cx.op);
    Ok(cx)
}

fn remember(space: usize, op: OwnerRef) {
    Current { space, op, ..Current::get() }.set();
}

fn register(space: &'static Space) -> Result<OwnerRef> {
    let index = space.pools.lock().take_owner(&space.arena, space.me())?;
    let record = space.arena.owner(index)?;
    if let Err(error) = space.arena.lock_thread_word(index) {
        space.pools.lock().give_owner(index);
        return Err(error);
    }
    record.tid.store(process::tid());
    record.word_offset.store(robust::THREAD_WORD_OFFSET);
    Ok(publish(record, index, owner_kind::THREAD))
}

fn publish(record: &Owner, index: u32, kind: u64) -> OwnerRef {
    let generation = ((record.life.load() >> 32) as u32).wrapping_add(1);
    record.pending_object.store(0);
    record.pending_bucket.store(0);
    record.life.store(u64::from(generation) << 32 | kind);
    OwnerRef { index, generation }
}

/// The calling thread is a keeper: its robust list is its seats', and they speak for it in every namespace.
pub(crate) fn register_keeper(space: &'static Space) -> Result<Cx> {
    RECORDS.with_borrow_mut(|records| records.is_keeper = true);
    current(space)
}

fn register_keeper_record(space: &'static Space) -> Result<OwnerRef> {
    let index = space.pools.lock().take_owner(&space.arena, space.me())?;
    let record = space.arena.owner(index)?;
    record.tid.store(process::tid());
    Ok(publish(record, index, owner_kind::KEEPER))
}

/// This thread's record if another copy of the library in this process has made one: it has a slot of its own, of the same process.
fn sibling(space: &'static Space) -> Result<Option<OwnerRef>> {
    let me = space.me();
    let ours = space.arena.process(me.slot)?;
    if ours.pid_namespace.load() == 0 || ours.start_time.load() == 0 {
        return Ok(None); // without /proc a process cannot be told from its successor
    }
    for slot in (0..space.arena.high_water(Table::Processes)).filter(|&slot| slot != me.slot) {
        let other = space.arena.process(slot)?;
        let same = |field: fn(&Process) -> u64| field(ours) == field(other);
        if !same(|p| u64::from(p.pid.load())) || !same(|p| p.start_time.load()) || !same(|p| p.pid_namespace.load()) {
            continue;
        }
        let process = ProcessRef { slot, generation: (other.seats[0].load() >> 32) as u32 };
        if live::is_dead(space, process)? {
            continue;
        }
        let is_mine = |owner: &Owner| {
            owner.life.load() & owner_kind::MASK == owner_kind::THREAD
                && owner.tid.load() == process::tid()
                && !robust::died(live::thread_word(owner).load())
        };
        if let Some((index, owner)) = live::owners_of(space, process).find(|(_, owner)| is_mine(owner)) {
            return Ok(Some(OwnerRef { index, generation: (owner.life.load() >> 32) as u32 }));
        }
    }
    Ok(None)
}

/// An owner of its own for one acquisition; `home` is the thread that must not block on it, or 0.
#[inline]
pub(crate) fn new_grant(cx: Cx, home: u32) -> Result<OwnerRef> {
    let current = Current::get();
    let index = if current.spare != 0 && current.space == std::ptr::from_ref(cx.space) as usize {
        Current { spare: 0, ..current }.set();
        current.spare
    } else {
        cx.space.pools.lock().take_owner(&cx.space.arena, cx.space.me())?
    };
    let record = cx.space.arena.owner(index)?;
    record.tid.store(home);
    Ok(publish(record, index, owner_kind::GRANT))
}

/// Gives back the record of an acquisition that owns nothing any more.
#[inline]
pub(crate) fn free_grant(space: &'static Space, owner: OwnerRef) {
    retire(space, owner);
    let current = Current::get();
    if current.spare == 0 && current.space == std::ptr::from_ref(space) as usize {
        Current { spare: owner.index, ..current }.set();
    } else {
        space.pools.lock().give_owner(owner.index);
    }
}

/// Gives the thread's spare record back.
pub(crate) fn give_spare_back() {
    let current = Current::get();
    if current.spare != 0 {
        Current { spare: 0, ..current }.set();
        let _ = RECORDS.try_with(|records| {
            let records = records.borrow();
            let home = records.all.iter().find(|(cx, _)| std::ptr::from_ref(cx.space) as usize == current.space);
            home.inspect(|(cx, _)| cx.space.pools.lock().give_owner(current.spare));
        });
    }
}

/// The record of a grant, or of a keeper, is nobody's from here on.
fn retire(space: &'static Space, owner: OwnerRef) {
    if let Ok(record) = space.arena.owner(owner.index) {
        record.life.store(u64::from(owner.generation) << 32 | owner_kind::FREE);
    }
}

/// The calling thread owns one mutex more, or has begun a change.
#[inline]
pub(crate) fn note_taken() {
    let current = Current::get();
    Current { held: current.held + 1, ..current }.set();
}

/// The calling thread owns one mutex less, or has ended a change.
#[inline]
pub(crate) fn note_released() {
    let current = Current::get();
    Current { held: current.held.saturating_sub(1), ..current }.set();
}

/// In the child of a fork: this thread's records were the parent's.
pub(crate) fn forget() {
    #[cfg(any(test, planted))]
    if planted::has(Planted::ForkOwns) {
        return;
    }
    Current::NONE.set();
    let _ = RECORDS.try_with(|records| records.borrow_mut().all.clear());
}

impl Drop for Records {
    fn drop(&mut self) {
        let Current { space: used_last, spare, held, .. } = Current::get();
        Current::NONE.set();
        for (cx, standing) in self.all.drain(..) {
            if cx.space.check().is_err() {
                continue;
            }
            // Once the sibling copy has given the record up, others may have taken over what it held.
            let is_believed = standing != Standing::Sibling || live::owner_vitals(cx.space, cx.op) == Ok(Vitals::Alive);
            if held > 0 && is_believed {
                ops::abandon_all(cx);
            }
            if spare != 0 && std::ptr::from_ref(cx.space) as usize == used_last {
                cx.space.pools.lock().give_owner(spare);
            }
            match standing {
                Standing::Thread => cx.space.pools.lock().rest_owner(cx.op.index, process::tid()),
                Standing::Keeper => {
                    retire(cx.space, cx.op);
                    cx.space.pools.lock().give_owner(cx.op.index);
                }
                Standing::Sibling => {}
            }
        }
    }
}
