//! Who owns what a wait takes, and acquisitions that are released by themselves.

use super::kind::Kind;
use super::{By, Outcome, Satisfied};
use crate::arena::refs::{OwnerRef, ProcessRef};
use crate::cell::private::{AtomicBool, Ordering};
use crate::dispatch::lock::Target;
use crate::dispatch::word::Machine;
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::ops::{self, Taken};
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::process as system;
use std::sync::Arc;

/// Who owns what a wait takes.
#[derive(Debug, Clone)]
pub(super) enum Owning {
    /// Semaphores have no owner.
    Nobody,
    Thread(OwnerRef),
    /// An owner of its own, for one mutex.
    Own(OwnerRef),
    /// An owner of its own for several mutexes of one wait-all.
    Shared(Arc<SharedOwner>),
}

#[derive(Debug)]
pub(super) struct SharedOwner {
    space: &'static Space,
    owner: OwnerRef,
}

impl Drop for SharedOwner {
    fn drop(&mut self) {
        owner::free_grant(self.space, self.owner);
    }
}

impl Owning {
    #[inline(always)]
    pub(super) fn new(cx: Cx, by: By) -> Result<Owning> {
        match by {
            By::Thread => Ok(Owning::Thread(cx.op)),
            By::Grant { bound } => owner::new_grant(cx, if bound { system::tid() } else { 0 }).map(Owning::Own),
        }
    }

    #[inline(always)]
    pub(super) fn for_targets(cx: Cx, by: By, targets: &[Target]) -> Result<Owning> {
        let mutexes = targets.iter().filter(|t| t.machine == Machine::Mutex).count();
        match (Owning::new_if(mutexes > 0, cx, by)?, mutexes) {
            (Owning::Own(owner), 2..) => Ok(Owning::Shared(Arc::new(SharedOwner { space: cx.space, owner }))),
            (owning, _) => Ok(owning),
        }
    }

    #[inline(always)]
    fn new_if(needed: bool, cx: Cx, by: By) -> Result<Owning> {
        if needed { Owning::new(cx, by) } else { Ok(Owning::Nobody) }
    }

    pub(super) fn owner(&self, cx: Cx) -> OwnerRef {
        match self {
            Owning::Nobody => cx.op,
            Owning::Thread(owner) | Owning::Own(owner) => *owner,
            Owning::Shared(shared) => shared.owner,
        }
    }

    /// What one grant of the wait keeps of it.
    pub(super) fn share(&self, machine: Machine) -> Owning {
        if machine == Machine::Mutex { self.clone() } else { Owning::Nobody }
    }

    /// Gives the owner back unless one of the outcome's grants has it now.
    pub(super) fn free_unless_in(&self, outcome: &Result<Outcome<Satisfied>>, space: &'static Space) {
        let taken_over = |satisfied: &Satisfied| satisfied.grants.iter().any(|grant| matches!(grant.owning, Owning::Own(_)));
        if !matches!(outcome, Ok(Outcome::Got(satisfied)) if taken_over(satisfied)) {
            self.free(space);
        }
    }

    /// Gives back an owner that owns nothing.
    pub(super) fn free(&self, space: &'static Space) {
        if let Owning::Own(owner) = self {
            owner::free_grant(space, *owner);
        }
    }
}

/// One acquisition of a mutex or a semaphore.
///
/// It keeps the object alive and may be released after the handle is closed. Dropped unreleased: a grant-owned mutex becomes abandoned, a robust
/// semaphore's permit comes back, a plain one's stays taken, a thread's hold stays with the thread.
#[derive(Debug)]
pub struct Grant {
    space: &'static Space,
    born: ProcessRef,
    target: Target,
    owning: Owning,
    taken: Taken,
    /// It holds a reference of its own. A grant that owns a mutex needs none: the mutex's word says that it is in use.
    pinned: bool,
    held: AtomicBool,
}

#[inline(always)]
pub(super) fn granted(cx: Cx, target: Target, owning: Owning, taken: Taken) -> Result<Grant> {
    if matches!(owning, Owning::Thread(_)) && target.machine == Machine::Mutex && target.record.depth.load() == 1 {
        owner::note_taken();
    }
    Ok(Grant::new(cx.space, target, owning, taken))
}

impl Grant {
    #[inline(always)]
    pub(super) fn new(space: &'static Space, target: Target, owning: Owning, taken: Taken) -> Grant {
        let pinned = !matches!(owning, Owning::Own(_) | Owning::Shared(_)) && index::pin(space, target.at);
        Grant { space, born: space.me(), target, owning, taken, pinned, held: AtomicBool::new(true) }
    }

    /// Of what it is a grant.
    pub fn kind(&self) -> Kind {
        Kind::of(self.target.machine)
    }

    /// Whether it is a permit that comes back when it is dropped.
    pub fn is_robust(&self) -> bool {
        self.target.machine == Machine::RobustSemaphore
    }

    /// Its fence number.
    pub fn fence(&self) -> u64 {
        self.taken.fence
    }

    /// Whether the previous owner died holding it.
    pub fn abandoned(&self) -> bool {
        self.taken.abandoned
    }

    /// Releases it, once. A second time, a thread's hold from another thread, and any in the child of a fork: NotOwner (288). NamespaceLost if it is.
    #[inline(always)]
    pub fn release(&self) -> Result<()> {
        if self.release_fast() { Ok(()) } else { self.release_slowly() }
    }

    /// The whole of an uncontended release of a mutex that the grant owns; false if nothing was done.
    #[inline(always)]
    fn release_fast(&self) -> bool {
        let Owning::Own(owner) = self.owning else { return false };
        let Some(op) = owner::cached(self.space) else { return false };
        if !self.space.is_open() || self.space.me() != self.born || !self.held.swap(false, Ordering::AcqRel) {
            return false;
        }
        if !ops::release_fast(self.target.record, self.target.at.generation, owner) {
            self.held.store(true, Ordering::Release);
            return false;
        }
        owner::free_grant(self.space, owner);
        index::leave_after_release(Cx::new(self.space, op), self.target.at);
        true
    }

    #[cold]
    fn release_slowly(&self) -> Result<()> {
        self.space.check()?;
        let cx = owner::current(self.space)?;
        let foreign = self.kind() == Kind::Mutex && matches!(self.owning, Owning::Thread(owner) if owner != cx.op);
        if self.space.me() != self.born || foreign || !self.held.swap(false, Ordering::AcqRel) {
            return Err(Error::new(
                ErrorKind::NotOwner,
                if foreign {
                    "the grant is a hold of another thread; release it there"
                } else {
                    "the grant was released already, or belongs to the parent process"
                },
            ));
        }
        let released = match self.kind() {
            Kind::Semaphore => ops::post(cx, self.target, 1).map(|_| false),
            _ => ops::release_by(cx, self.target, self.owning.owner(cx)),
        };
        let released = released.map_err(|e| e.about(&index::describe(self.space, self.target)));
        match (&released, &self.owning) {
            (Ok(true), Owning::Thread(_)) => owner::note_released(),
            (_, owning) => owning.free(self.space),
        }
        if !self.pinned {
            index::leave_after_release(cx, self.target.at);
        }
        released.map(|_| ())
    }

    /// Drops the grant without giving anything back: a thread's mutex stays the thread's, a permit stays taken until somebody releases the semaphore. A
    /// mutex that the grant itself owns is abandoned, since nobody could release it.
    pub fn keep(self) {
        if self.kind() == Kind::Semaphore {
            self.held.store(false, Ordering::Release);
        }
    }

    /// False once released, and in the child of a fork.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire) && self.space.me() == self.born
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.pinned && !*self.held.get_mut() {
            return; // released, with nothing of its own left
        }
        let Ok(cx) = owner::current(self.space) else { return };
        if self.space.check().is_ok() {
            if self.is_held() {
                match (&self.owning, self.target.machine) {
                    (owning @ (Owning::Own(_) | Owning::Shared(_)), _) => {
                        let _ = ops::abandon_of(cx, self.target, owning.owner(cx));
                        owning.free(self.space);
                        index::leave_after_release(cx, self.target.at);
                    }
                    (Owning::Nobody, Machine::RobustSemaphore) => drop(ops::return_permit(cx, self.target)),
                    _ => {}
                }
            }
            if self.pinned {
                let _ = index::leave(cx, self.target.at);
            }
        }
    }
}
