//! Waits that occupy no thread.
//!
//! The record and the queues are those of any wait. The difference is who is woken: a grant sets the waiter's bit in the arena's `done`
//! bitmap and rings the doorbell of its process, whose keeper calls the wait's `notify`. Time-outs are the keeper's too, and the timers that are
//! waited for: it looks at them when they are due, as a sleeping thread does for itself. The keeper
//! only tells; the one who polls takes the grant (GRANTED → TAKEN), so that a process that dies in between gives it back.

use crate::arena::layout::Waiter;
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef, WaiterRef};
use crate::cell::private::{AtomicBool, Ordering};
use crate::dispatch::claim::Claim;
use crate::dispatch::grant;
use crate::dispatch::lock::{self, Target};
use crate::dispatch::wait::{Ended, Entered, Manner, Request};
use crate::dispatch::word::Machine;
use crate::error::{Error, Result};
use crate::index;
use crate::kinds;
use crate::live::{self, Vitals};
use crate::lock::{Guards, Lock};
use crate::ops;
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Deadline, Due};
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::sync::Arc;

/// Called once by the keeper when a wait is decided.
pub(crate) type Notify = Box<dyn FnOnce() + Send>;

/// How long the keeper waits for the lock of an object that it is to serve.
const CHORE_NS: u64 = 200_000;

/// The pending waits of this process.
#[derive(Debug, Default)]
pub(crate) struct Asyncs(Lock<Registry>);

#[derive(Debug, Default)]
struct Registry {
    waits: HashMap<u32, Arc<Pending>>,
    deadlines: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// The timers among what is waited for, and by how many waits.
    timers: HashMap<ObjectRef, (Target, usize)>,
    chores: Vec<Chore>,
}

/// An object that somebody had locked when its waiters were to be served.
#[derive(Debug)]
struct Chore {
    at: ObjectRef,
    /// We stay in its holder set until it is done, so that our reaper does it if we die.
    pinned: bool,
}

impl Registry {
    fn begin(&mut self, pending: Arc<Pending>) {
        for target in pending.timers() {
            self.timers.entry(target.at).or_insert((*target, 0)).1 += 1;
        }
        self.waits.insert(pending.at.index, pending);
    }

    fn end(&mut self, pending: &Pending) {
        if self.waits.remove(&pending.at.index).is_none() {
            return;
        }
        for target in pending.timers() {
            if let Entry::Occupied(mut timer) = self.timers.entry(target.at) {
                timer.get_mut().1 -= 1;
                if timer.get().1 == 0 {
                    timer.remove();
                }
            }
        }
    }

    /// Deadlines of waits that ended early stay until they are many.
    fn forget_ended(&mut self) {
        if self.deadlines.len() > 2 * self.waits.len() + 64 {
            let waits = &self.waits;
            self.deadlines.retain(|Reverse((_, waiter, generation))| waits.get(waiter).is_some_and(|p| p.at.generation == *generation));
        }
    }
}

/// One pending wait.
pub(crate) struct Pending {
    pub(crate) space: &'static Space,
    born: ProcessRef,
    pub(crate) targets: Vec<Target>,
    pub(crate) owner: OwnerRef,
    /// `None` once it has been concluded.
    entered: Mutex<Option<Entered>>,
    notify: Mutex<Option<Notify>>,
    cancelled: AtomicBool,
    deadline: Deadline,
    at: WaiterRef,
    record: &'static Waiter,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("targets", &self.targets).field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Asyncs {
    /// Enters the queues; the outcome comes by `notify`, or is there already.
    pub(crate) fn start(&self, cx: Cx, request: Request<'_>, notify: Notify) -> Result<Arc<Pending>> {
        self.begin(cx, request, Manner::Async, notify)
    }

    /// As [`Self::start`], for a look that takes nothing (`watch.rs`).
    pub(crate) fn watch(&self, cx: Cx, target: Target, notify: Notify) -> Result<Arc<Pending>> {
        let request = Request { targets: &[target], all: false, owner: cx.op, deadline: Deadline::NEVER, poll: false };
        self.begin(cx, request, Manner::Watch, notify)
    }

    fn begin(&self, cx: Cx, request: Request<'_>, manner: Manner, notify: Notify) -> Result<Arc<Pending>> {
        let entered = Entered::new(cx, request, manner)?;
        let at = entered.at;
        let pending = Arc::new(Pending {
            space: cx.space,
            born: cx.space.me(),
            targets: request.targets.to_vec(),
            owner: request.owner,
            entered: Mutex::new(Some(entered)),
            notify: Mutex::new(Some(notify)),
            cancelled: AtomicBool::new(false),
            deadline: request.deadline,
            at,
            record: cx.space.arena.waiter(at.index)?,
        });
        let mut registry = self.0.lock();
        registry.begin(pending.clone());
        registry.forget_ended();
        let sooner = request.deadline.nanos().is_some_and(|due| {
            registry.deadlines.push(Reverse((due, at.index, at.generation)));
            registry.deadlines.peek() == Some(&Reverse((due, at.index, at.generation)))
        });
        drop(registry);
        let mut slot = pending.entered.lock();
        let enter = slot.as_mut().map_or(Ok(()), |entered| entered.enter(cx, request));
        drop(slot);
        if let Err(error) = enter {
            pending.drop_it(cx);
            return Err(error);
        }
        if sooner || pending.timers().next().is_some() && !pending.is_decided() {
            grant::ring(cx.space, cx.space.me().slot);
        }
        Ok(pending)
    }

    /// The keeper's turn: tells the waits that were decided; gives the next deadline.
    pub(crate) fn turn(&self, cx: Cx) -> Result<Deadline> {
        let tick = self.tick(cx);
        let decided = self.decided(cx)?;
        for pending in decided {
            pending.tell();
        }
        let (due, next) = self.due(clock::now());
        for pending in due {
            pending.end();
            pending.tell();
        }
        let next = next.min(tick);
        let chores = self.do_chores(cx);
        Ok(if chores { next.min(Deadline::at(clock::now() + 1_000_000)) } else { next })
    }

    /// Looks at the timers that are waited for; when it is to be done again.
    fn tick(&self, cx: Cx) -> Deadline {
        let timers: Vec<Target> = self.0.lock().timers.values().map(|(target, _)| *target).collect();
        let next = timers.into_iter().map(|target| match kinds::tick(cx.hurried(CHORE_NS), target) {
            Ok(due) => due.map_or(Deadline::NEVER, Due::deadline),
            Err(error) if lock::is_busy(&error) => Deadline::at(clock::now() + 1_000_000),
            Err(_) => Deadline::NEVER, // it has ended, or is damaged: that is told to who waits, by others
        });
        next.fold(Deadline::NEVER, Deadline::min)
    }

    /// The waits whose time is up, and when the next one is due.
    fn due(&self, now: u64) -> (Vec<Arc<Pending>>, Deadline) {
        let mut registry = self.0.lock();
        let mut due = Vec::new();
        while let Some(&Reverse((at, waiter, generation))) = registry.deadlines.peek() {
            let current = registry.waits.get(&waiter).filter(|p| p.at.generation == generation).cloned();
            match current {
                Some(_) if at > now => break,
                current => due.extend(current),
            }
            registry.deadlines.pop();
        }
        let next = registry.deadlines.peek().map_or(Deadline::NEVER, |Reverse((at, ..))| Deadline::at(*at));
        (due, next)
    }

    /// The decided waits among those whose bits are set. A bit may be an older wait's that had the same record: whoever asked for that one's outcome
    /// was faster than the keeper. The bit is cleared first, and who decides a wait sets it afterwards, so none is overlooked.
    fn decided(&self, cx: Cx) -> Result<Vec<Arc<Pending>>> {
        let process = cx.space.arena.process(cx.space.me().slot)?;
        let mut found = Vec::new();
        for (i, news) in process.news.iter().enumerate() {
            let mut words = if news.load() == 0 { 0 } else { news.swap(0) };
            while words != 0 {
                let word = i * 64 + words.trailing_zeros() as usize;
                words &= words - 1;
                let done = &cx.space.arena.fixed().done[word];
                let bits = done.load();
                let registry = self.0.lock();
                for bit in (0..64).filter(|bit| bits & (1 << bit) != 0) {
                    let waiter = word as u32 * 64 + bit;
                    if live::process_of_waiter(cx.space, waiter) == Some(cx.space.me()) {
                        done.and(!(1 << bit));
                        found.extend(registry.waits.get(&waiter).filter(|pending| pending.is_decided()).cloned());
                    }
                }
            }
        }
        Ok(found)
    }

    /// After a death, or when the namespace is lost: no bit may have been set for what was decided.
    pub(crate) fn look_at_all(&self, cx: Cx, owners_too: bool) {
        let waits: Vec<Arc<Pending>> = self.0.lock().waits.values().cloned().collect();
        for pending in waits {
            if owners_too {
                pending.look_after_owners(cx);
            }
            if pending.is_decided() || cx.space.arena.gate.is_lost() {
                pending.tell();
            }
        }
    }

    /// An object that a waiter left without taking its node along, or whose waiters should be served, since its lock, or that of another object of a
    /// wait-all, was not free: the keeper does it as soon as it is. True if it will be done for certain: we hold the object until then, so our reaper does it if we die.
    pub(crate) fn serve_later(&self, cx: Cx, at: ObjectRef) -> bool {
        let pinned = index::pin(cx.space, at);
        let mut registry = self.0.lock();
        let is_known = registry.chores.iter().any(|chore| chore.at == at && chore.pinned == pinned);
        if !is_known {
            registry.chores.push(Chore { at, pinned });
        }
        drop(registry);
        if is_known && pinned {
            let _ = index::leave(cx, at); // one pin is enough
        }
        grant::ring(cx.space, cx.space.me().slot);
        pinned
    }

    /// True if some are left.
    fn do_chores(&self, cx: Cx) -> bool {
        let chores = std::mem::take(&mut self.0.lock().chores);
        let (left, done): (Vec<Chore>, Vec<Chore>) = chores.into_iter().partition(|chore| {
            let served = ops::target_at(cx.space, chore.at).and_then(|target| ops::sweep_and_serve(cx.hurried(CHORE_NS), target));
            served.is_err_and(|error| lock::is_busy(&error)) || !cx.space.is_open() // who leaves has done nothing
        });
        for chore in done.iter().filter(|chore| chore.pinned) {
            let _ = index::leave(cx, chore.at);
        }
        let some = !left.is_empty();
        self.0.lock().chores.extend(left);
        some
    }

    /// For a fork.
    pub(crate) fn hold(&'static self, guards: &mut Guards) {
        guards.take(&self.0);
    }

    /// In the child of a fork: the waits were the parent's.
    pub(crate) fn forget(&self) {
        std::mem::forget(std::mem::take(&mut *self.0.lock()));
    }
}

impl Pending {
    pub(crate) fn is_decided(&self) -> bool {
        let claim = Claim(self.record.claim.load());
        claim.generation() != self.at.generation || !claim.is_waiting()
    }

    fn timers(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.machine.is_timed())
    }

    /// Ends the wait from our side; false if it was decided.
    fn end(&self) -> bool {
        let ours = |claim: &Claim| claim.generation() == self.at.generation;
        self.record.claim.update(|claim| Some(Claim(claim)).filter(ours)?.cancel().map(|c| c.0)).is_ok()
    }

    fn tell(&self) {
        let notify = self.notify.lock().take();
        if let Some(notify) = notify {
            // Somebody else's code: its panic ends nothing of ours.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(notify));
        }
    }

    /// Replaces the callback. A poll afterwards that finds nothing means that the new one will be called.
    pub(crate) fn set_notify(&self, notify: Notify) {
        let old = self.notify.lock().replace(notify);
        drop(old); // outside the lock: it may own anything
    }

    /// Cancels, unless it is decided.
    pub(crate) fn cancel(&self) -> bool {
        let cancelled = self.is_ours() && self.end();
        if cancelled {
            self.cancelled.store(true, Ordering::Release);
        }
        cancelled
    }

    /// False in the child of a fork, where the wait is the parent's.
    pub(crate) fn is_ours(&self) -> bool {
        self.space.me() == self.born
    }

    /// The outcome, once, when it is there.
    pub(crate) fn poll(&self) -> Option<Result<Ended>> {
        if !self.is_ours() {
            return Some(Err(Error::closed()));
        }
        if !self.is_decided() {
            return self.space.check().err().map(|lost| {
                self.cancel();
                if let Ok(cx) = owner::current(self.space) {
                    self.drop_it(cx);
                }
                Err(lost)
            });
        }
        let cx = match owner::current(self.space) {
            Ok(cx) => cx,
            Err(error) => return Some(Err(error)),
        };
        let Some(entered) = self.take_out() else { return Some(Err(Error::closed())) };
        let ended = entered.conclude(cx, &self.targets, Ok(false));
        Some(match ended {
            Ok(Ended::TimedOut) if self.cancelled.load(Ordering::Acquire) => Ok(Ended::Interrupted),
            other => other.and_then(|ended| ended.in_time(cx, self.deadline)),
        })
    }

    /// Ends the wait if it still goes on; a grant that it had goes back.
    pub(crate) fn drop_it(&self, cx: Cx) {
        if let Some(entered) = self.take_out() {
            entered.cancel();
            let _ = entered.conclude(cx, &self.targets, Ok(true));
        }
    }

    fn take_out(&self) -> Option<Entered> {
        self.space.asyncs.0.lock().end(self);
        self.entered.lock().take()
    }

    /// Abandons mutexes whose owners are gone without anybody having noticed.
    fn look_after_owners(&self, cx: Cx) {
        for target in self.targets.iter().filter(|t| t.machine == Machine::Mutex) {
            let state = target.word().state();
            let Some(owner) = state.owner_index() else { continue };
            if live::vitals(cx.space, owner, |g| state.owner_generation_is(g)) == Ok(Vitals::Gone) {
                let _ = ops::abandon(cx, *target, state);
            }
        }
    }
}
