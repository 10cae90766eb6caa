//! Watches: what makes a pollable descriptor readable.
//!
//! *What it is.* Windows has nothing of the kind; a wait with time-out zero is its look at an object. A watch is a waiter that looks and does
//! not take: a node of kind WATCH in the object's queue, an asynchronous waiter's record, and an eventfd of this process.
//!
//! *States* of a watch, by its claim:
//! ```text
//! ARMED (WAITING, linked) ──told: somebody leaves the object signalled──▶ FIRED (GRANTED) ──the keeper, or we──▶ the eventfd is readable
//!   ▲                                                                        │
//!   └─────────── a try of this process finds the object not signalled ◀──────┘      old record TAKEN and free, new one armed, eventfd drained
//! ```
//! *Who may write.* WAITING to GRANTED: who holds the object's lock. The rest, and the eventfd: this process alone.
//!
//! *Invariants.* T1: a watch changes no object: it has no intent, takes nothing, and stands before all waiters without counting as one.
//! T2: when an object's lock is dropped, no watch is armed on what stays signalled (a pulse does not stay). T3: a mutex that leaves its
//! front waiter poked has no watch, so that a release without the lock leaves nobody untold. T4: a descriptor is readable, or its watch is armed, or
//! its keeper has been rung.
//!
//! *The race of the drain* is closed by its order: arm, drain, look. A watch that fires before the drain is seen by the look, one that fires
//! later feeds by the keeper; what the keeper has to say of an older turn is not heard. Arming is done under the object's lock and hands out (T2), so a signal that came before it fires the new watch at once.
//! If it cannot be armed (somebody who is stopped has the object's lock), the descriptor stays readable: the next try does it.
//!
//! *Death.* Of the watcher: its record ends as any waiter's (R3) and gives nothing back, its node is unlinked. Of the signaller, before the claim: the
//! recovery of the object hands out (T2); after it: R6 wakes every claim that is granted and not taken, watches too. Of a mutex's owner: whoever
//! abandons it hands out. *Fork.* The eventfd of the parent stays the parent's: the child neither feeds nor drains it, and makes its own.
//!
//! *Not promised.* Readable does not mean that a try will succeed: somebody may be faster, and a descriptor stays readable until a try fails.

use crate::arena::refs::{ObjectRef, ProcessRef};
use crate::asyncs::Pending;
use crate::cell::private::{AtomicU32, Ordering};
use crate::dispatch::lock::Target;
use crate::dispatch::word::Machine;
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::lock::{Guards, Lock};
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::eventfd::EventFd;
use crate::sys::process;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

/// How long arming the watches of an object waits for its lock.
const ARM_NS: u64 = 5_000_000;

/// The pollable descriptors of this process in one namespace.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// How many there are: what a try that failed asks first.
    some: AtomicU32,
    registry: Lock<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    /// By what they look at: an object, or one end of a queue.
    watches: HashMap<(ObjectRef, Machine), Vec<Watch>>,
    /// Descriptors that belong to a handle, by its id.
    of_handles: HashMap<u64, Pollable>,
}

#[derive(Debug)]
struct Watch {
    feed: Arc<Feed>,
    armed: Arc<Pending>,
}

/// An eventfd, and which arming of its watch may make it readable.
#[derive(Debug)]
struct Feed {
    fd: EventFd,
    turn: Mutex<u32>,
}

impl Feed {
    /// The watch that was armed for `turn` has fired.
    fn fired(&self, turn: u32) {
        let now = self.turn.lock();
        if *now == turn {
            self.fd.feed();
        }
    }

    /// Unreadable, until the watch of `turn` fires.
    fn begin(&self, turn: u32) {
        let mut now = self.turn.lock();
        *now = turn;
        self.fd.drain();
    }
}

/// A descriptor that is readable while a try of its object may succeed; see the module.
pub struct Pollable {
    space: &'static Space,
    born: ProcessRef,
    at: ObjectRef,
    machine: Machine,
    feed: Arc<Feed>,
}

impl fmt::Debug for Pollable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pollable").field(&self.number()).finish()
    }
}

impl Watch {
    fn new(cx: Cx, target: Target, feed: Arc<Feed>) -> Result<Watch> {
        let armed = Watch::arm(cx.hurried(ARM_NS), target, &feed, 0)?;
        let watch = Watch { feed, armed };
        watch.look(cx);
        Ok(watch)
    }

    fn arm(cx: Cx, target: Target, feed: &Arc<Feed>, turn: u32) -> Result<Arc<Pending>> {
        let feed = Arc::downgrade(feed);
        let notify = move || {
            if let Some(feed) = feed.upgrade() {
                feed.fired(turn);
            }
        };
        cx.space.asyncs.watch(cx, target, Box::new(notify))
    }

    /// The object was found not signalled.
    fn calm(&mut self, cx: Cx, target: Target) -> Result<()> {
        if self.armed.is_decided() {
            let turn = self.feed.turn.lock().wrapping_add(1);
            let next = Watch::arm(cx, target, &self.feed, turn)?;
            std::mem::replace(&mut self.armed, next).drop_it(cx);
            self.feed.begin(turn);
            self.look(cx);
        }
        Ok(())
    }

    /// Does not wait for the keeper, whose last word, that the namespace is lost, may have been about an older turn.
    fn look(&self, cx: Cx) {
        if self.armed.is_decided() || cx.space.arena.gate.is_lost() {
            self.feed.fd.feed();
        }
    }
}

impl Watches {
    /// A try found the object not signalled: its descriptors become unreadable until it is.
    #[inline]
    pub(crate) fn calm(&self, cx: Cx, target: Target) {
        if self.some.load(Ordering::Acquire) != 0 {
            self.calm_some(cx, target);
        }
    }

    #[cold]
    fn calm_some(&self, cx: Cx, target: Target) {
        let mut registry = self.registry.lock();
        let cx = cx.hurried(ARM_NS); // for all of them: others wait for the registry
        for watch in registry.watches.get_mut(&(target.at, target.machine)).into_iter().flatten() {
            if watch.calm(cx, target).is_err() {
                watch.look(cx); // it stays readable, and who waits for an edge comes back too
            }
        }
    }

    /// The descriptor of a handle, made when it is first asked for. `is_open` is asked once it is there.
    pub(crate) fn of_handle(&self, id: u64, cx: Cx, target: Target, is_open: impl Fn() -> bool) -> Result<i32> {
        let mut registry = self.registry.lock();
        if let Some(number) = registry.of_handles.get(&id).filter(|p| p.is_ours()).map(Pollable::number) {
            return Ok(number);
        }
        drop(registry);
        let fresh = Pollable::new(cx, target)?;
        registry = self.registry.lock();
        if let Some(number) = registry.of_handles.get(&id).filter(|p| p.is_ours()).map(Pollable::number) {
            drop(registry); // another thread was faster
            return Ok(number);
        }
        let number = fresh.number();
        let old = registry.of_handles.insert(id, fresh);
        drop(registry);
        drop(old); // the parent's
        if is_open() {
            return Ok(number);
        }
        self.close_of_handle(id);
        Err(Error::closed())
    }

    /// The handle is closed, and with it its descriptor.
    pub(crate) fn close_of_handle(&self, id: u64) {
        if self.some.load(Ordering::Acquire) != 0 {
            let gone = self.registry.lock().of_handles.remove(&id);
            drop(gone); // outside the lock
        }
    }

    /// For a fork.
    pub(crate) fn hold(&'static self, guards: &mut Guards) {
        guards.take(&self.registry);
    }

    /// In the child of a fork: the watches are the parent's. The inherited descriptors of handles are closed when the child asks for its own.
    pub(crate) fn forget(&self) {
        self.registry.lock().watches.clear();
    }
}

impl Pollable {
    pub(crate) fn new(cx: Cx, target: Target) -> Result<Pollable> {
        let space = cx.space;
        let fd = EventFd::new().map_err(|errno| {
            Error::new(ErrorKind::LimitReached, "cannot make a descriptor; see RLIMIT_NOFILE and close some").with_errno(errno)
        })?;
        let feed = Arc::new(Feed { fd, turn: Mutex::new(0) });
        if !index::pin(space, target.at) {
            return Err(Error::closed());
        }
        let pollable = Pollable { space, born: space.me(), at: target.at, machine: target.machine, feed: feed.clone() };
        space.watches.some.fetch_add(1, Ordering::AcqRel);
        let mut registry = space.watches.registry.lock();
        let watch = Watch::new(cx, target, feed)?;
        registry.watches.entry((target.at, target.machine)).or_default().push(watch);
        drop(registry);
        Ok(pollable)
    }

    fn number(&self) -> i32 {
        self.as_fd().as_raw_fd()
    }

    /// False in the child of a fork.
    fn is_ours(&self) -> bool {
        self.space.me() == self.born
    }

    fn take_out(&self) -> Option<Watch> {
        let mut registry = self.space.watches.registry.lock();
        let watches = registry.watches.get_mut(&(self.at, self.machine))?;
        let place = watches.iter().position(|watch| Arc::ptr_eq(&watch.feed, &self.feed))?;
        let watch = watches.swap_remove(place);
        if watches.is_empty() {
            registry.watches.remove(&(self.at, self.machine));
        }
        Some(watch)
    }
}

impl AsFd for Pollable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.feed.fd.as_fd()
    }
}

impl Drop for Pollable {
    fn drop(&mut self) {
        self.space.watches.some.fetch_sub(1, Ordering::AcqRel);
        let watch = self.take_out(); // the descriptor goes in any case
        if self.space.check().is_err() {
            return; // lost; or the child of a raw clone, and the watch is the parent's
        }
        let Ok(cx) = owner::current(self.space) else { return };
        if let Some(Watch { feed, armed }) = watch {
            armed.drop_it(cx);
            drop(feed);
        }
        // The keeper may be feeding it at this moment: who closes a handle finds its descriptor closed.
        while self.is_ours() && Arc::strong_count(&self.feed) > 1 {
            process::yield_now();
        }
        let _ = index::leave(cx, self.at);
    }
}
