//! Wait-all: nothing is taken until everything can be, then all at once.
//!
//! *What it is.* One lock for the arena (`header.all_lock`), met only by those who wait for all and by those who signal an object that
//! such a waiter waits for (a bit in its word says so).
//!
//! *Invariants.* Only the holder of this lock holds more than one object lock, and nobody takes it while holding one: no deadlock in
//! any order. The commit is the claim: WAITING to GRANTED_ALL(op). Until then every object keeps `before`; from then on `after`.
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
use crate::arena::refs::{ObjectRef, OwnerRef, WaiterRef};
use crate::error::{ErrorKind, Result};
use crate::live::{self, Vitals};
use crate::ops;
use crate::pools::Wait;
use crate::space::Cx;
use crate::sys::clock::{self, Deadline};
use crate::sys::process;

/// The held wait-all lock.
#[derive(Debug)]
pub(crate) struct AllLock(Cx);

impl AllLock {
    pub(crate) fn take(cx: Cx, deadline: Deadline) -> std::result::Result<AllLock, NoLock> {
        let word = &cx.space.arena.header().all_lock;
        for round in 0u32.. {
            let holder = word.load();
            let Some(op) = OwnerRef::unpack(holder) else {
                if word.cas(holder, cx.op.pack()).is_ok() {
                    return Ok(AllLock(cx));
                }
                continue;
            };
            match round {
                0..100 => std::hint::spin_loop(),
                100..110 => process::yield_now(),
                _ => {
                    cx.space.check()?;
                    if live::owner_vitals(cx.space, op)? == Vitals::Gone {
                        if word.cas(holder, cx.op.pack()).is_ok() {
                            return Ok(AllLock(cx));
                        }
                    } else if deadline.min(cx.patience).passed() {
                        return Err(NoLock::TimedOut);
                    } else {
                        clock::nap(if round < 130 { 50_000 } else { 1_000_000 });
                    }
                }
            }
        }
        unreachable!("the loop ends by return")
    }
}

impl Drop for AllLock {
    fn drop(&mut self) {
        self.0.space.arena.header().all_lock.store(0);
    }
}

/// An op in the 24 bits that a claim has room for.
fn tag(op: OwnerRef) -> u32 {
    op.index | (op.generation & 0xff) << 16
}

/// Enters the queues of all objects of a wait; commits at once if everything is signalled.
pub(crate) fn enter(cx: Cx, targets: &[Target], wait: &Wait, deadline: Deadline) -> std::result::Result<bool, NoLock> {
    let _all = AllLock::take(cx, deadline)?;
    let mut locks: Vec<Locked> = Vec::with_capacity(targets.len());
    for target in targets {
        locks.push(lock::lock_until(cx, *target, deadline)?);
    }
    let linked = locks.iter_mut().zip(wait.nodes.iter()).try_for_each(|(locked, &node)| locked.append(node));
    let committed = linked.and_then(|()| commit(&mut locks.iter_mut().collect::<Vec<_>>(), &wait.nodes, cx, wait.waiter));
    locks.into_iter().for_each(Locked::unlock_quietly);
    Ok(committed?)
}

/// Tries to end the wait-all of `at` for the sake of an object that was just signalled and is locked.
pub(crate) fn try_commit(trigger: &mut Locked, _held: &AllLock, at: WaiterRef) -> Result<bool> {
    let cx = trigger.cx;
    let arena = &cx.space.arena;
    let waiter = arena.waiter(at.index)?;
    let (mut others, mut nodes, mut trigger_node) = (Vec::new(), Vec::new(), None);
    let mut next = waiter.first_node.load();
    let mut steps = 0;
    let outcome = loop {
        let Some(index) = next.checked_sub(1) else { break Ok(true) };
        steps += 1;
        if steps > super::claim::MAX_OBJECTS {
            break Err(arena.corrupted("an endless list of nodes"));
        }
        let node = arena.node(index)?;
        next = node.sibling.load();
        match ObjectRef::unpack(node.object.load()) {
            Some(object) if object == trigger.target.at => trigger_node = Some(index),
            Some(object) => match ops::target_at(cx.space, object).and_then(|target| lock::lock(cx, target)) {
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
    for locked in locks.iter() {
        let machine = locked.target.machine;
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
