//! Wait-all: nothing is taken until everything can be, then all at once.
//!
//! *What it is.* One lock for the arena (`header.all_lock`), met only by those who wait for all and by those who signal an object that
//! such a waiter waits for (a bit in its word says so).
//!
//! *Invariants.* Nobody takes this lock while holding an object lock. Whoever holds an object lock and wants another waits for it no longer than a
//! step, and then gives back all that he has: no deadlock in any order. So the lock is a courtesy: those who take it do not meet. The commit is the
//! claim: WAITING to GRANTED_ALL(op). Until then every object keeps `before`; from then on `after`.
//!
//! *Stopped holders.* A process may be stopped with this lock in its hands. Others who see that it does not move go on as *guests*, without the lock:
//! they may meet others, and then come back.
//!
//! *Steps.* C1 lock every object. C2 all signalled for this owner? else unlock. C3 write every intent. C4 swap the claim,
//! SYNC(claim). C5 for each object: state, depth, target = 0, unlink, unlock.
//!
//! *A mutex that the waiter owns already* is counted once more by the commit, with the depth that its intent has. The owner is blocked meanwhile, so
//! nobody else writes the depth; and when it wakes it waits for C5 of that mutex, lest the commit's store undo one of its own.
//!
//! *Death.* The lock holds no data: a dead holder's is simply taken. Objects that the dead left locked are recovered one by one by
//! whoever meets them; each intent names the claim and the op, so all agree on whether C4 happened. Fast paths find the lock bit,
//! so nobody sees a part. The reaper then tries the dead one's objects again under this lock ([`settle`]).

use super::claim::Claim;
use super::grant::{Intent, Wakes};
use super::lock::{self, Locked, NoLock, Target, node_kind};
use super::word::{Machine, State};
use crate::arena::layout::Table;
use crate::arena::refs::{ObjectRef, OwnerRef, WaiterRef};
use crate::cell::private::{AtomicU64, Ordering};
use crate::error::{ErrorKind, Result};
use crate::live::{self, Vitals};
use crate::ops;
use crate::pools::Wait;
use crate::space::Cx;
use crate::sys::clock::{self, Deadline};
use crate::sys::process;

/// How long a holder may not move before others do without the lock.
const GRACE_NS: u64 = 2_000_000;

/// How long the lock's holder waits for the lock of one object while he has another's, and how long a guest does, who may meet the holder.
const STEP_NS: u64 = 10_000_000;
const GUEST_STEP_NS: u64 = 1_000_000;

/// Since when this process has seen who holds the lock. Private; a hint, which several threads write without care.
#[derive(Debug, Default)]
pub(crate) struct SeenHolder {
    holder: AtomicU64,
    since: AtomicU64,
}

impl SeenHolder {
    /// Whether that one has been seen for so long that he is taken for stopped.
    fn does_not_move(&self, holder: u64) -> bool {
        let now = clock::now();
        if self.holder.load(Ordering::Relaxed) != holder {
            self.since.store(now, Ordering::Relaxed);
            self.holder.store(holder, Ordering::Relaxed);
        }
        now.saturating_sub(self.since.load(Ordering::Relaxed)) >= GRACE_NS
    }

    fn forget(&self) {
        if self.holder.load(Ordering::Relaxed) != 0 {
            self.holder.store(0, Ordering::Relaxed);
        }
    }
}

/// The held wait-all lock, or a guest's leave to do without.
#[derive(Debug)]
pub(crate) struct AllLock {
    cx: Cx,
    is_guest: bool,
}

impl AllLock {
    pub(crate) fn take(cx: Cx, deadline: Deadline) -> std::result::Result<AllLock, NoLock> {
        let word = &cx.space.arena.header().all_lock;
        for round in 0u32.. {
            let holder = word.load();
            let op = OwnerRef::unpack(holder);
            let is_free = match op {
                None => true,
                Some(_) if round < 100 => {
                    std::hint::spin_loop();
                    false
                }
                Some(_) if round < 110 => {
                    process::yield_now();
                    false
                }
                Some(op) => {
                    cx.space.check()?;
                    live::owner_vitals(cx.space, op)? == Vitals::Gone
                }
            };
            if is_free && word.cas(holder, cx.op.pack()).is_ok() {
                cx.space.all_holder.forget();
                return Ok(AllLock { cx, is_guest: false });
            }
            if is_free || round < 110 {
                continue;
            }
            if cx.space.all_holder.does_not_move(holder) {
                return Ok(AllLock { cx, is_guest: true });
            }
            if deadline.min(cx.patience).passed() {
                return Err(NoLock::TimedOut);
            }
            clock::nap(50_000);
        }
        unreachable!("the loop ends by return")
    }

    /// Until when to wait for an object's lock while holding another's.
    pub(crate) fn step(&self) -> Deadline {
        Deadline::at(clock::now() + if self.is_guest { GUEST_STEP_NS } else { STEP_NS })
    }
}

impl Drop for AllLock {
    fn drop(&mut self) {
        if !self.is_guest {
            self.cx.space.arena.header().all_lock.store(0);
        }
    }
}

/// An op in the 24 bits that a claim has room for.
fn tag(op: OwnerRef) -> u32 {
    op.index | (op.generation & 0xff) << 16
}

/// Enters the queues of all objects of a wait; commits at once if everything is signalled.
pub(crate) fn enter(cx: Cx, targets: &[Target], wait: &Wait, deadline: Deadline) -> std::result::Result<bool, NoLock> {
    loop {
        let all = AllLock::take(cx, deadline)?;
        match lock_each(cx, targets, deadline.min(all.step())) {
            Ok(locks) => return Ok(link(cx, locks, wait)?),
            Err(NoLock::TimedOut) if !deadline.passed() => drop(all),
            Err(no) => return Err(no),
        }
        clock::nap(1_000_000); // somebody who has one of them does not move, or we have met others
    }
}

fn lock_each(cx: Cx, targets: &[Target], until: Deadline) -> std::result::Result<Vec<Locked>, NoLock> {
    targets.iter().map(|target| lock::lock_until(cx, *target, until)).collect()
}

fn link(cx: Cx, mut locks: Vec<Locked>, wait: &Wait) -> Result<bool> {
    let linked = locks.iter_mut().zip(wait.nodes.iter()).try_for_each(|(locked, &node)| locked.append(node));
    let committed = linked.and_then(|()| commit(&mut locks.iter_mut().collect::<Vec<_>>(), &wait.nodes, cx, wait.waiter));
    locks.into_iter().for_each(Locked::unlock_quietly);
    committed
}

/// Tries to end the wait-all of `at` for the sake of an object that was just signalled and is locked. Busy, if one of the others is not to be had
/// by `until`.
pub(crate) fn try_commit(trigger: &mut Locked, until: Deadline, at: WaiterRef) -> Result<bool> {
    let cx = trigger.cx;
    let arena = &cx.space.arena;
    let waiter = arena.waiter(at.index)?;
    let (mut others, mut nodes, mut trigger_node) = (Vec::new(), Vec::new(), None);
    let mut next = waiter.first_node.load();
    let mut steps = 0;
    let outcome = loop {
        let Some(index) = next.checked_sub(1) else { break Ok(true) };
        steps += 1;
        if steps > arena.high_water(Table::Nodes) {
            break Err(arena.corrupted("an endless list of nodes"));
        }
        let node = arena.node(index)?;
        next = node.sibling.load();
        match ObjectRef::unpack(node.object.load()) {
            Some(object) if object == trigger.target.at => trigger_node = Some(index),
            Some(object) => match ops::target_at(cx.space, object).and_then(|target| Ok(lock::lock_until(cx, target, until)?)) {
                Ok(locked) => {
                    others.push(locked);
                    nodes.push(index);
                }
                Err(error) if error.kind() == ErrorKind::Closed => break Ok(false), // it was another's, and has ended
                Err(error) => break Err(error),
            },
            None => break Ok(false), // it is leaving
        }
    };
    let committed = match (outcome, trigger_node) {
        (Ok(true), Some(own)) => {
            nodes.push(own);
            let mut locks: Vec<&mut Locked> = others.iter_mut().collect();
            locks.push(trigger);
            commit(&mut locks, &nodes, cx, at.index)
        }
        (Ok(_), _) => Ok(false),
        (Err(error), _) => Err(error),
    };
    others.into_iter().for_each(Locked::unlock_quietly);
    committed
}

/// C2 to C5, without the unlocking.
fn commit(locks: &mut [&mut Locked], nodes: &[u32], cx: Cx, waiter_index: u32) -> Result<bool> {
    let arena = &cx.space.arena;
    let waiter = arena.waiter(waiter_index)?;
    let mut claim = Claim(waiter.claim.load());
    let generation = claim.generation();
    let Some(owner) = OwnerRef::unpack(waiter.owner.load()) else { return Ok(false) };
    let mut plan = Vec::with_capacity(locks.len());
    for (locked, &index) in locks.iter().zip(nodes) {
        let machine = arena.node(index)?.machine(locked.target.machine);
        match locked.state.take(machine, owner) {
            Some(taken) => plan.push((taken.state, u32::from(taken.abandoned), 0)),
            None if machine == Machine::Mutex && locked.state.owned_by(owner) => {
                let depth = locked.target.record.depth.load().saturating_add(1);
                plan.push((locked.state, super::wait::RECURSED, depth));
            }
            None => return Ok(false),
        }
    }
    let at = WaiterRef { index: waiter_index, generation };
    for ((locked, &index), (after, news, depth)) in locks.iter().zip(nodes).zip(&plan) {
        let node = arena.node(index)?;
        locked.hand_over(node, *news);
        node.value.store(u64::from(locked.state.epoch()));
        if let Some(account) = locked.account_of_waiter(at)? {
            account.value_after.store(account.value.load().wrapping_add(1));
        }
        Intent::declare_all(locked, *after, *depth, index, generation, tag(cx.op));
    }
    let won = loop {
        let Some(granted) = claim.grant_all(tag(cx.op)).filter(|c| c.generation() == generation) else { break false };
        match waiter.claim.cas(claim.0, granted.0) {
            Ok(()) => break true, // SYNC(claim)
            Err(met) => claim = Claim(met),
        }
    };
    for ((locked, &index), (after, _, depth)) in locks.iter_mut().zip(nodes).zip(&plan) {
        if won {
            locked.write_state(*after);
            if *depth != 0 {
                locked.target.record.depth.store(*depth);
            }
            if let Some(account) = locked.account_of_waiter(at)? {
                account.value.store(account.value_after.load());
            }
        }
        Intent::clear(locked);
        if won {
            locked.unlink(index)?;
        }
    }
    Ok(won)
}

/// Tries the wait-alls of an object, if it has any.
pub(crate) fn serve(cx: Cx, target: Target) -> Result<()> {
    if target.word().alls() { settle(cx, target) } else { Ok(()) }
}

/// Hands out what an object has, wait-alls included.
pub(crate) fn settle(cx: Cx, target: Target) -> Result<()> {
    let all = AllLock::take(cx, Deadline::NEVER)?;
    let mut wakes = Wakes::default();
    let mut locked = lock::lock(cx, target)?;
    let handed = locked.hand_out(Some(&all), &mut wakes);
    locked.unlock_quietly();
    drop(all);
    wakes.ring(cx.space);
    handed
}

/// The kind of node that a wait of this mode links.
pub(crate) fn node_kind_of(all: bool) -> u32 {
    if all { node_kind::WAIT_ALL } else { node_kind::WAIT }
}

/// A state that a wait-all by `owner` could take.
pub(crate) fn satisfied(machine: Machine, state: State, owner: OwnerRef) -> bool {
    state.signalled(machine) || machine == Machine::Mutex && state.owned_by(owner)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::{Access, By, Handle, Mode, Namespace, Outcome, Spec, usage, wait};
    use crate::{Reset, Timeout, owner};
    use std::sync::mpsc;
    use std::time::Duration;

    fn event(name: &str, initially_set: bool) -> Handle {
        let session = Namespace::session(&format!("{name}-{}", std::process::id())).unwrap();
        session.create(None, Spec::Event { reset: Reset::Auto, initially_set }, Access::ALL).unwrap()
    }

    fn gets_all(events: &[Handle; 2]) -> bool {
        let all = events.each_ref().map(Handle::by_ref);
        matches!(wait(&all, Mode::All, By::Thread, Timeout::from(Duration::from_secs(60)), None), Ok(Outcome::Got(_)))
    }

    /// Does `act` while somebody has what `hold` takes and does not move.
    fn beside_one_who_is_stopped<T>(of: &Handle, hold: impl FnOnce(Cx, Target) -> T + Send, act: impl FnOnce()) {
        let (space, target) = of.by_ref().place().unwrap();
        let (there, is_there) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let held = hold(owner::current(space).unwrap(), target);
                there.send(()).unwrap();
                let _ = may_go.recv();
                drop(held);
            });
            is_there.recv().unwrap();
            act();
            drop(go);
        });
    }

    #[test]
    fn one_who_is_stopped_with_the_lock_holds_nobody_up() {
        let events = [event("all", false), event("all", false)];
        let hold = |cx, _| AllLock::take(cx, Deadline::NEVER).ok().unwrap();
        beside_one_who_is_stopped(&events[0], hold, || {
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| gets_all(&events));
                events.iter().for_each(|event| event.set().unwrap());
                assert!(waiter.join().unwrap(), "nobody commits the wait-all");
            });
        });
        assert!(!events.iter().any(|event| event.is_set().unwrap()));
    }

    /// (Its node stands behind that of one who waits on.)
    #[test]
    fn who_times_out_while_the_object_is_locked_leaves_no_record_behind() {
        let event = event("left", false);
        let namespace = event.by_ref().namespace().unwrap();
        let get = |timeout| event.acquire(timeout, None).unwrap();
        let in_use = || usage(&namespace).nodes;
        let before = in_use();
        std::thread::scope(|scope| {
            let first = scope.spawn(|| get(Timeout::INFINITE));
            await_that(|| in_use() == before + 1);
            let second = scope.spawn(|| get(Timeout::from(Duration::from_millis(300))));
            await_that(|| in_use() == before + 2);
            beside_one_who_is_stopped(
                &event,
                |cx, target| lock::lock(cx, target).unwrap(),
                || {
                    assert!(matches!(second.join().unwrap(), Outcome::TimedOut));
                },
            );
            await_that(|| in_use() == before + 1);
            event.set().unwrap();
            assert!(matches!(first.join().unwrap(), Outcome::Got(_)));
        });
    }

    fn await_that(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_signal_does_not_wait_for_another_object_of_a_wait_all() {
        let events = [event("all", false), event("all", true)];
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| gets_all(&events));
            let (_, target) = events[0].by_ref().place().unwrap();
            await_that(|| target.word().alls());
            beside_one_who_is_stopped(
                &events[1],
                |cx, target| lock::lock(cx, target).unwrap(),
                || {
                    events[0].set().unwrap();
                    assert!(events[0].is_set().unwrap() && !waiter.is_finished(), "it happened, and the wait-all comes later");
                },
            );
            assert!(waiter.join().unwrap(), "the keeper commits the wait-all as soon as it can");
        });
        assert!(!events.iter().any(|event| event.is_set().unwrap()));
    }
}
