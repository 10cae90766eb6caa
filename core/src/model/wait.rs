//! One wait, from its looks to its leaving (`dispatch/wait.rs`), and the reaping of whoever died (`recover.rs`).

use super::world::{OBJECTS, Patience, node_of};
use super::*;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    One { place: usize, abandoned: bool },
    All { abandoned: bool },
    TimedOut,
}

impl World {
    /// Enters the queue of one object; what is signalled is handed out before the lock is dropped.
    pub(super) fn enter(&self, actor: &Actor, waiter: usize, object: usize) -> Step {
        let mut locked = self.lock(actor, object, |state| state)?;
        locked.append(waiter)?;
        if self.has(Planted::EnterWithoutServing) { locked.unlock() } else { locked.finish(false) }
    }

    /// Leaves the queues where the lock is free; elsewhere the keeper serves the object later.
    pub(super) fn leave(&self, actor: &Actor, waiter: usize) -> Step {
        for object in 0..OBJECTS {
            if self.waiters[waiter].linked[object].load() == 0 {
                continue;
            }
            let mut patience = Patience::default();
            loop {
                let word = self.objects[object].word();
                if let Some(mut locked) = self.try_lock(actor, object, word, word.state())? {
                    if self.waiters[waiter].linked[object].load() != 0 {
                        locked.unlink(waiter)?;
                    }
                    locked.finish(false)?;
                    break;
                }
                if self.has(Planted::LeaveUnserved) {
                    break;
                }
                if word.is_locked() {
                    self.await_unlock(actor, object, word, &mut patience)?; // the keeper tries again later
                }
            }
        }
        Ok(())
    }

    /// Sleeps until the wait is decided, then takes what it was given: the object's place, or `None` for all.
    pub(super) fn sleep_and_take(&self, waiter: usize) -> Option<u32> {
        loop {
            let claim = self.waiters[waiter].claim();
            if !claim.is_waiting() {
                return self.waiters[waiter].take().expect("nobody cancels it");
            }
            self.kernel.sleep(waiter, &self.waiters[waiter].claim, claim);
        }
    }

    /// Waits for any of the objects, for ever, or until some time (`gives_up`), or not at all (`polls`).
    pub(super) fn wait_any(&self, actor: &Actor, waiter: usize, objects: &[usize], polls: bool, gives_up: bool) -> Step<Ended> {
        let record = &self.waiters[waiter];
        for (place, &object) in objects.iter().enumerate() {
            if let Some(abandoned) = self.try_take_for(actor, object, record.owner, record.home)? {
                return Ok(Ended::One { place, abandoned });
            }
        }
        if polls {
            return Ok(Ended::TimedOut);
        }
        for &object in objects {
            self.enter(actor, waiter, object)?;
            if !record.claim().is_waiting() {
                break;
            }
        }
        self.sleep(actor, waiter, objects, gives_up)?;
        self.conclude(actor, waiter)
    }

    /// Waits until all objects are there.
    pub(super) fn wait_all(&self, actor: &Actor, waiter: usize) -> Step<Ended> {
        self.enter_all(actor, waiter)?;
        self.sleep(actor, waiter, &[0, 1], false)?;
        self.conclude(actor, waiter)
    }

    /// Sleeps until the claim is decided. A mutex's poke is answered, and a free one handed out, before it sleeps again.
    pub(super) fn sleep(&self, actor: &Actor, waiter: usize, objects: &[usize], gives_up: bool) -> Step {
        let record = &self.waiters[waiter];
        let mut seen = Claim(0).next_waiting();
        loop {
            let claim = record.claim();
            if !claim.is_waiting() {
                return Ok(());
            }
            for &object in objects.iter().filter(|&&object| self.objects[object].machine == Machine::Mutex) {
                let word = self.objects[object].word();
                let free = !word.is_locked() && !record.all && word.state().owner_index().is_none();
                if claim != seen && !self.has(Planted::SleepPoked) || free {
                    self.lock(actor, object, |state| state)?.finish(false)?;
                    if !record.claim().is_waiting() {
                        return Ok(());
                    }
                }
            }
            seen = claim;
            if gives_up {
                record.cancel();
            } else {
                self.kernel.sleep(waiter, &record.claim, claim);
            }
        }
    }

    /// Leaves the queues and takes what it was given.
    fn conclude(&self, actor: &Actor, waiter: usize) -> Step<Ended> {
        let record = &self.waiters[waiter];
        let claim = record.claim();
        self.leave(actor, waiter)?;
        let ended = match claim.phase() {
            Phase::Granted(place) => {
                let abandoned = record.news[place as usize].load() == 1;
                self.took(actor, place as usize)?;
                Ended::One { place: place as usize, abandoned }
            }
            Phase::GrantedAll(_) => {
                let abandoned = (0..OBJECTS).any(|object| record.news[object].load() == 1);
                for object in 0..OBJECTS {
                    self.took(actor, object)?;
                }
                Ended::All { abandoned }
            }
            Phase::Cancelled => return Ok(Ended::TimedOut),
            phase => panic!("a wait ends as {phase:?}"),
        };
        let taken = claim.take().expect("it was granted");
        assert!(actor.swap(&record.claim, claim.0, taken.0)?, "a grant is the waiter's alone");
        Ok(ended)
    }

    // --- reaping (recover.rs)

    /// R4 to R6 for a dead actor that held both objects.
    pub(super) fn reap(&self, actor: &Actor) -> Step {
        for object in 0..OBJECTS {
            self.settle(actor, object)?;
        }
        self.wake_granted(actor)
    }

    /// R6.
    fn wake_granted(&self, actor: &Actor) -> Step {
        if !self.has(Planted::NoLastWake) {
            for (index, waiter) in self.waiters.iter().enumerate() {
                if matches!(waiter.claim().phase(), Phase::Granted(_) | Phase::GrantedAll(_)) {
                    self.wake(actor, &[index])?;
                }
            }
        }
        Ok(())
    }

    /// R3 to R6 for one who died with this waiter, of this process.
    pub(super) fn bury(&self, actor: &Actor, dead: usize) -> Step {
        self.end_waiter(actor, dead)?;
        for object in 0..OBJECTS {
            match self.settle_of(actor, object, dead) {
                Err(Stop::Closed) => {}
                other => other?,
            }
        }
        let holder = OwnerRef::unpack(self.all_lock.load());
        if holder.is_some_and(|op| self.dead[op.index as usize].load() != 0) {
            self.take_all_lock(actor)?;
            self.drop_all_lock(actor)?;
        }
        self.wake_granted(actor)
    }

    /// R4 for one object.
    fn settle_of(&self, actor: &Actor, object: usize, dead: usize) -> Step {
        let record = &self.objects[object];
        let mut patience = Patience::default();
        let state = loop {
            let word = record.look()?;
            if !word.is_locked() {
                break word.state();
            }
            self.await_unlock(actor, object, word, &mut patience)?;
        };
        if record.machine == Machine::Mutex && state.owned_by(self.waiters[dead].owner) {
            self.abandon(actor, object, state)?;
        }
        if record.machine == Machine::RobustSemaphore {
            self.close_account(actor, object, self.waiters[dead].home)?;
        }
        self.settle(actor, object)
    }

    /// The mutex of a dead owner is free and, if he had it, abandoned.
    fn abandon(&self, actor: &Actor, object: usize, state: State) -> Step {
        let record = &self.objects[object];
        let mut patience = Patience::default();
        loop {
            let word = record.look()?;
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
            } else if word.state() != state {
                return Ok(());
            } else {
                let all = word.alls();
                if all {
                    self.take_all_lock(actor)?;
                }
                let was_had = record.depth.load() != 0;
                if let Some(locked) = self.try_lock(actor, object, word, State::mutex(None, was_had))? {
                    locked.spend()?;
                    record.depth.store(1);
                    return self.serve(actor, locked, all);
                }
                if all {
                    self.drop_all_lock(actor)?;
                }
            }
        }
    }

    /// The permits of a process come back, and the next who acquires is told.
    fn close_account(&self, actor: &Actor, object: usize, home: usize) -> Step {
        let mut locked = self.lock(actor, object, |state| state)?;
        let permits = locked.record().accounts[home].load();
        if permits > 0 {
            let after = locked.state.post_of_dead(permits as u32, locked.record().maximum);
            locked.change_with_account(home, 0, after)?;
        }
        locked.finish(false)
    }

    /// R3 for one waiter.
    pub(super) fn end_waiter(&self, actor: &Actor, waiter: usize) -> Step {
        let record = &self.waiters[waiter];
        loop {
            let claim = record.claim();
            let granted: &[usize] = match claim.phase() {
                Phase::Waiting => {
                    if actor.swap(&record.claim, claim.0, claim.die().unwrap().0)? {
                        return Ok(());
                    }
                    continue;
                }
                Phase::Granted(_) if record.watch => &[],
                Phase::Granted(0) => &[0],
                Phase::Granted(_) => &[1],
                Phase::GrantedAll(_) => &[0, 1],
                _ => return Ok(()),
            };
            if self.give_back(actor, waiter, claim, granted)? {
                return Ok(());
            }
        }
    }

    fn give_back(&self, actor: &Actor, waiter: usize, claim: Claim, granted: &[usize]) -> Step<bool> {
        let record = &self.waiters[waiter];
        let all = granted.len() > 1;
        if all {
            self.take_all_lock(actor)?;
        }
        let mut locks = Vec::new();
        for &object in granted {
            locks.push(self.lock(actor, object, |state| state)?);
        }
        let changed = record.claim() != claim && !self.has(Planted::ReturnUnseen);
        let mut befores = Vec::new();
        for locked in locks.iter_mut().filter(|_| !changed) {
            let before = locked.state;
            let after = match locked.record().machine {
                Machine::AutoEvent | Machine::AutoTimer if u64::from(before.epoch()) == record.epoch[locked.object].load() => before.set(),
                Machine::Semaphore => before.post(1, locked.record().maximum).unwrap_or(before),
                _ => before,
            };
            locked.declare(Decides::Return, after, node_of(waiter, locked.object), claim.generation(), 0)?;
            locked.write_state(after)?;
            befores.push(before);
        }
        let won = !changed && actor.swap(&record.claim, claim.0, claim.die().unwrap().0)?;
        for (locked, before) in locks.iter_mut().zip(befores) {
            if !won {
                locked.write_state(before)?;
            }
            locked.clear()?;
        }
        for locked in locks {
            locked.unlock()?;
        }
        if all {
            self.drop_all_lock(actor)?;
        }
        if !changed {
            for &object in granted {
                self.settle(actor, object)?;
            }
        }
        Ok(won)
    }
}
