//! Owners: who can own a mutex and hold a lock.
//!
//! A thread has one owner record per namespace, taken at its first call and given back when it ends; its destructor abandons
//! what the thread still owns. Each asynchronous acquisition has a record of its own. In the core the owner is always an
//! argument; [`current`] is what the bindings pass for "the calling thread".
//!
//! *Record states* (`Owner::life`, generation above): FREE → THREAD | GRANT | KEEPER → FREE. Only the owning process writes them.
//!
//! *Death.* A thread's record is believed until its robust word says OWNER_DIED (`live.rs`); the reaper frees whole blocks.

use crate::arena::refs::OwnerRef;
use crate::error::{Error, ErrorKind, Result};
use crate::live::owner_kind;
use crate::ops;
use crate::space::{Cx, Space};
use crate::sys::{process, robust};
use std::cell::{Cell, RefCell};

const NOBODY: OwnerRef = OwnerRef { index: 0, generation: 0 };

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { space: 0, op: NOBODY, held: 0 }) };
    static RECORDS: RefCell<Records> = const { RefCell::new(Records(Vec::new(), false)) };
}

/// What the uncontended calls of a thread need of it.
#[derive(Clone, Copy)]
struct Current {
    /// The namespace used last (its address), and this thread's record in it.
    space: usize,
    op: OwnerRef,
    /// How many mutexes this thread owns, in all namespaces.
    held: u32,
}

/// All records of one thread, and whether it is a keeper. Dropped when the thread ends.
struct Records(Vec<Cx>, bool);

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
    let current = CURRENT.get();
    (current.space == std::ptr::from_ref(space) as usize).then_some(current.op)
}

#[cold]
fn find(space: &'static Space) -> Result<Cx> {
    let found = RECORDS.try_with(|records| -> Result<Cx> {
        let mut records = records.borrow_mut();
        if let Some(cx) = records.0.iter().find(|cx| std::ptr::eq(cx.space, space)) {
            return Ok(*cx);
        }
        // A keeper's robust list is its seats': they speak for it in every namespace.
        let cx = if records.1 { register_as(space, owner_kind::KEEPER)? } else { Cx::new(space, register(space)?) };
        records.0.push(cx);
        Ok(cx)
    });
    let cx = found.map_err(|_| Error::new(ErrorKind::Closed, "this thread is ending; byname cannot be called from its last destructors"))??;
    remember(std::ptr::from_ref(space) as usize, cx.op);
    Ok(cx)
}

fn remember(space: usize, op: OwnerRef) {
    CURRENT.set(Current { space, op, ..CURRENT.get() });
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

fn publish(record: &crate::arena::layout::Owner, index: u32, kind: u64) -> OwnerRef {
    let generation = ((record.life.load() >> 32) as u32).wrapping_add(1);
    record.pending_object.store(0);
    record.pending_bucket.store(0);
    record.life.store(u64::from(generation) << 32 | kind);
    OwnerRef { index, generation }
}

/// The keeper's own record, with which it locks; its process's seats speak for it.
pub(crate) fn register_keeper(space: &'static Space) -> Result<Cx> {
    RECORDS.with_borrow_mut(|records| records.1 = true);
    current(space)
}

fn register_as(space: &'static Space, kind: u64) -> Result<Cx> {
    let index = space.pools.lock().take_owner(&space.arena, space.me())?;
    let record = space.arena.owner(index)?;
    record.tid.store(process::tid());
    Ok(Cx::new(space, publish(record, index, kind)))
}

/// An owner of its own for one acquisition; `home` is the thread that must not block on it, or 0.
pub(crate) fn new_grant(space: &'static Space, home: u32) -> Result<OwnerRef> {
    let index = space.pools.lock().take_owner(&space.arena, space.me())?;
    let record = space.arena.owner(index)?;
    record.tid.store(home);
    Ok(publish(record, index, owner_kind::GRANT))
}

/// Gives back the record of an acquisition that owns nothing any more.
pub(crate) fn free_grant(space: &'static Space, owner: OwnerRef) {
    retire(space, owner);
    space.pools.lock().give_owner(owner.index);
}

/// The record says FREE before anything else: a thread word that is unlocked without having died must not pass for a living thread's.
fn retire(space: &'static Space, owner: OwnerRef) {
    if let Ok(record) = space.arena.owner(owner.index) {
        record.life.store(u64::from(owner.generation) << 32 | owner_kind::FREE);
    }
}

/// The calling thread owns one mutex more.
#[inline]
pub(crate) fn note_taken() {
    let current = CURRENT.get();
    CURRENT.set(Current { held: current.held + 1, ..current });
}

/// The calling thread owns one mutex less.
#[inline]
pub(crate) fn note_released() {
    let current = CURRENT.get();
    CURRENT.set(Current { held: current.held.saturating_sub(1), ..current });
}

/// The calling thread owns nothing any more.
pub(crate) fn forget_holds() {
    CURRENT.set(Current { held: 0, ..CURRENT.get() });
}

/// In the child of a fork: this thread's records were the parent's.
pub(crate) fn forget() {
    remember(0, NOBODY);
    forget_holds();
    let _ = RECORDS.try_with(|records| records.borrow_mut().0.clear());
}

impl Drop for Records {
    fn drop(&mut self) {
        remember(0, NOBODY);
        for cx in self.0.drain(..) {
            if cx.space.check().is_err() {
                continue;
            }
            if CURRENT.get().held > 0 {
                ops::abandon_all(cx);
            }
            retire(cx.space, cx.op);
            if !self.1 {
                cx.space.arena.unlock_thread_word(cx.op.index);
            }
            cx.space.pools.lock().give_owner(cx.op.index);
        }
    }
}
