//! Looking without taking: all of an object's state, at one instant. Ours, not Windows'.
//!
//! A look takes no lock and waits for nobody: not for a process that was stopped in the middle of a change, either.

use super::{HandleRef, Kind, Opened, Reset};
use crate::dispatch::look::{self, Sight};
use crate::dispatch::word::Machine;
use crate::error::Result;
use crate::handles::right;
use crate::live::{self, Vitals};
use crate::space::Space;

/// Who owns a mutex, for people: nothing decides by these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerInfo {
    /// The process, as it sees itself.
    pub pid: u32,
    /// The thread; 0 for an acquisition that belongs to no thread.
    pub tid: u32,
}

/// Everything that a mutex is at one instant (contract 3.1); [`Mutex::state`](crate::Mutex::state) gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MutexState {
    /// Who owns it; `None` if nobody does.
    pub owner: Option<OwnerInfo>,
    /// How often the owner holds it; 0 if nobody does.
    pub depth: u32,
    /// Whether the last owner died holding it and nobody has acquired it since: the next one will be told.
    pub abandoned: bool,
}

/// Everything that an event is at one instant (contract 4); [`Event::state`](crate::Event::state) gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventState {
    /// Whether it is set.
    pub set: bool,
    /// How it becomes unset.
    pub reset: Reset,
}

/// Everything that a semaphore is at one instant (contract 5); [`Semaphore::state`](crate::Semaphore::state) gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SemaphoreState {
    /// How many units are free.
    pub available: u32,
    /// How many there can be.
    pub maximum: u32,
    /// Whether the units of the dead come back.
    pub robust: bool,
}

impl HandleRef {
    /// Whether an event is set; nothing is consumed.
    pub fn is_set(self) -> Result<bool> {
        Ok(self.event_state()?.set)
    }

    /// How many permits a semaphore has; nothing is consumed.
    pub fn available(self) -> Result<u32> {
        Ok(self.semaphore_state()?.available)
    }

    /// Who owns a mutex.
    pub fn owner(self) -> Result<Option<OwnerInfo>> {
        Ok(self.mutex_state()?.owner)
    }

    /// All of a mutex's state; needs QUERY_STATE.
    ///
    /// What the owner's records say is about this owner only as long as the mutex is its own: one that released it meanwhile may have
    /// ended, or be another. So the mutex is looked at again.
    pub fn mutex_state(self) -> Result<MutexState> {
        loop {
            let (opened, sight) = self.look(Kind::Mutex)?;
            let seen = mutex_in(opened, sight)?;
            if self.look(Kind::Mutex)?.1 == sight {
                return Ok(seen);
            }
        }
    }

    /// All of an event's state; needs QUERY_STATE.
    pub fn event_state(self) -> Result<EventState> {
        let (opened, Sight { state, .. }) = self.look(Kind::Event)?;
        let reset = if opened.target.machine == Machine::ManualEvent { Reset::Manual } else { Reset::Auto };
        Ok(EventState { set: state.is_signalled_event(), reset })
    }

    /// All of a semaphore's state; needs QUERY_STATE.
    pub fn semaphore_state(self) -> Result<SemaphoreState> {
        let (opened, Sight { state, .. }) = self.look(Kind::Semaphore)?;
        let robust = opened.target.machine == Machine::RobustSemaphore;
        Ok(SemaphoreState { available: state.count(), maximum: opened.target.record.maximum.load(), robust })
    }

    pub(super) fn look(self, kind: Kind) -> Result<(Opened, Sight)> {
        let opened = self.of_kind(kind, right::QUERY)?;
        Ok((opened, look::look(opened.space, opened.target)?))
    }
}

fn mutex_in(opened: Opened, Sight { state, depth }: Sight) -> Result<MutexState> {
    let Some(index) = state.owner_index() else {
        return Ok(MutexState { owner: None, depth: 0, abandoned: state.is_abandoned() });
    };
    if live::vitals(opened.space, index, |generation| state.owner_generation_is(generation))? == Vitals::Gone {
        return Ok(MutexState { owner: None, depth: 0, abandoned: true });
    }
    // The owner writes its depth right after it took the mutex: between the two it holds it once.
    let depth = depth.unwrap_or_else(|| opened.target.record.depth.load()).max(1);
    Ok(MutexState { owner: owner_at(opened.space, index), depth, abandoned: false })
}

fn owner_at(space: &Space, index: u32) -> Option<OwnerInfo> {
    let process = live::process_of_owner(space, index)?;
    let record = space.arena.owner(index).ok()?;
    Some(OwnerInfo { pid: space.arena.process(process.slot).ok()?.pid.load(), tid: record.tid.load() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timeout;
    use crate::cell::private::{AtomicBool, Ordering};
    use crate::dispatch::claim::{Claim, Decides};
    use crate::dispatch::grant::Intent;
    use crate::dispatch::lock;
    use crate::dispatch::wait::{Ended, Entered, Manner, Request};
    use crate::dispatch::word::State;
    use crate::engine::{Access, By, Handle, Namespace, Spec};
    use crate::owner;
    use crate::sys::clock::Deadline;

    fn make(spec: Spec) -> Handle {
        let session = Namespace::session(&format!("look-{}", std::process::id())).unwrap();
        session.create(None, spec, Access::ALL).unwrap()
    }

    #[test]
    fn a_locked_object_is_seen_as_its_claim_decides_and_nobody_waits_for_the_locker() {
        let event = make(Spec::Event { reset: Reset::Auto, initially_set: false });
        let opened = event.0.0.open(0).unwrap();
        let (cx, target) = (owner::current(opened.space).unwrap(), opened.target);
        let request = Request { targets: &[target], all: false, owner: cx.op, deadline: Deadline::after(Timeout::INFINITE), poll: false };
        let entered = Entered::new(cx, request, Manner::Thread).unwrap();
        let (at, node) = (entered.at, entered.wait.nodes[0]);
        let waiter = opened.space.arena.waiter(at.index).unwrap();

        let word = target.word();
        let mut locked = lock::try_lock_as(cx, target, word, word.state().set()).unwrap();
        locked.append(node).unwrap();
        assert!(event.is_set().unwrap(), "the set has happened; nobody has it yet");
        Intent::declare(&locked, Decides::Grant, State::event(false), node, at.generation);
        assert!(event.is_set().unwrap(), "the waiter may still say no");
        locked.write_state(State::event(false));
        assert!(event.is_set().unwrap(), "and what the word shows meanwhile is nobody's business");
        locked.write_state(State::event(true));
        let claim = Claim(waiter.claim.load());
        waiter.claim.cas(claim.0, claim.grant(0).unwrap().0).unwrap();
        assert!(!event.is_set().unwrap(), "the claim is decided, though the word still says set");

        locked.write_state(State::event(false));
        Intent::clear(&locked);
        locked.unlink(node).unwrap();
        locked.unlock_quietly();
        assert!(matches!(entered.conclude(cx, &[target], Ok(false)), Ok(Ended::One(0, _))));
        assert!(!event.is_set().unwrap());
    }

    #[test]
    fn what_a_wait_all_takes_of_its_own_mutex_is_seen_as_its_claim_decides() {
        let mutex = make(Spec::Mutex { initially_owned: false });
        let _ = mutex.acquire(Timeout::INFINITE, None).unwrap();
        let opened = mutex.0.0.open(0).unwrap();
        let (cx, target) = (owner::current(opened.space).unwrap(), opened.target);
        let request = Request { targets: &[target], all: true, owner: cx.op, deadline: Deadline::after(Timeout::INFINITE), poll: false };
        let entered = Entered::new(cx, request, Manner::Thread).unwrap();
        let waiter = opened.space.arena.waiter(entered.at.index).unwrap();
        let depth = || mutex.mutex_state().unwrap().depth;

        let word = target.word();
        let locked = lock::try_lock_as(cx, target, word, word.state()).unwrap();
        Intent::declare_all(&locked, locked.state, 2, entered.wait.nodes[0], entered.at.generation, 7);
        assert_eq!(depth(), 1, "the waiter may still say no");
        let claim = Claim(waiter.claim.load());
        waiter.claim.cas(claim.0, claim.grant_all(7).unwrap().0).unwrap();
        assert_eq!(depth(), 2, "the claim is decided, though the depth is not yet written");
        Intent::resolve(&mut { locked }).unwrap();
        assert_eq!(depth(), 2);
        drop(entered.wait);
        (0..2).for_each(|_| mutex.release().unwrap());
        assert!(mutex.release().is_err());
    }

    #[test]
    fn a_pulse_is_never_seen_as_set() {
        let event = make(Spec::Event { reset: Reset::Manual, initially_set: false });
        let opened = event.0.0.open(0).unwrap();
        let cx = owner::current(opened.space).unwrap();
        let word = opened.target.word();
        let locked = lock::try_lock_as(cx, opened.target, word, word.state().pulsed()).unwrap();
        assert!(!event.is_set().unwrap());
        locked.unlock_quietly();
        assert!(!event.is_set().unwrap());
    }

    /// An owner that has released the mutex and ended before anybody looks at *it* did not die with the mutex.
    #[test]
    fn an_owner_that_ends_while_somebody_looks_has_abandoned_nothing() {
        const OWNERS: u32 = 1_000_000;
        let mutex = make(Spec::Mutex { initially_owned: false });
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..OWNERS {
                    let grant = mutex.try_grant(By::Grant { bound: false }).unwrap().unwrap();
                    grant.release().unwrap();
                }
                over.store(true, Ordering::Relaxed);
            });
            while !over.load(Ordering::Relaxed) {
                let seen = mutex.mutex_state().unwrap();
                assert!(!seen.abandoned, "{seen:?}");
            }
        });
    }

    #[test]
    fn the_depth_is_none_for_a_free_mutex_and_one_for_a_fresh_owner() {
        let mutex = make(Spec::Mutex { initially_owned: false });
        let record = mutex.0.0.open(0).unwrap().target.record;
        assert_eq!(mutex.mutex_state().unwrap(), MutexState { owner: None, depth: 0, abandoned: false });
        let _ = mutex.acquire(Timeout::INFINITE, None).unwrap();
        record.depth.store(0); // as it is between the swap and the owner's own write
        assert_eq!(mutex.mutex_state().unwrap().depth, 1);
        record.depth.store(1);
        mutex.release().unwrap();
    }
}
