//! The shared memory of a model, and the steps that one call does to it: `dispatch/lock.rs`, `dispatch/grant.rs` and `ops.rs`, write for write.

use super::kernel::{ALL_LOCK, Kernel};
use super::queue::Queue;
use super::*;
use crate::arena::layout::ANNEX_WORDS;
use crate::dispatch::word::Family;
use crate::machines::Held;
use crate::machines::queue::{Room, Slots};
use crate::machines::timer::Timer;
use crate::machines::watchdog::Watchdog;

pub(super) const OBJECTS: usize = 2;
/// Processes whose permits are counted.
pub(super) const HOMES: usize = 4;
const ACTORS: usize = 8;

pub(super) struct Object {
    pub(super) machine: Machine,
    pub(super) maximum: u32,
    pub(super) word: Word64,
    before: Word64,
    after: Word64,
    target: Word64,
    /// Mutex: how often its owner holds it; 0 until a new owner has said so.
    pub(super) depth: Word64,
    /// Robust semaphore: the permits of each process, and what they become.
    pub(super) accounts: [Word64; HOMES],
    accounts_after: [Word64; HOMES],
}

impl Object {
    pub(super) fn word(&self) -> Word {
        Word(self.word.load())
    }

    /// The word, unless the object has ended. (All handles here are of generation 0.)
    pub(super) fn look(&self) -> Step<Word> {
        let word = self.word();
        if word.is_locked() || word.is_open(0) { Ok(word) } else { Err(Stop::Closed) }
    }
}

/// A waiter and its nodes, one for each object.
pub(super) struct Waiter {
    pub(super) owner: OwnerRef,
    /// Its process.
    pub(super) home: usize,
    pub(super) claim: Word64,
    pub(super) all: bool,
    /// It looks and does not take.
    pub(super) watch: bool,
    /// A call that is blocked for a message, or for room.
    pub(super) blocked_as: Option<Machine>,
    /// For each object: the ticket of this waiter's node in its queue, or 0.
    pub(super) linked: [Word32; OBJECTS],
    /// What a grant tells: the reset epoch that it found, and of a death.
    pub(super) epoch: [Word64; OBJECTS],
    pub(super) news: [Word32; OBJECTS],
}

impl Waiter {
    pub(super) fn claim(&self) -> Claim {
        Claim(self.claim.load())
    }

    /// GRANTED to TAKEN: the object's place, or `None` for all. The outer `None`: there was no grant.
    pub(super) fn take(&self) -> Option<Option<u32>> {
        let claim = self.claim();
        let taken = claim.take()?;
        assert_eq!(self.claim.cas(claim.0, taken.0), Ok(()), "a grant is the waiter's alone");
        Some(if let Phase::Taken(place) = taken.phase() { Some(place) } else { None })
    }

    /// The time-out. False: it was granted first.
    pub(super) fn cancel(&self) -> bool {
        self.claim.update(|claim| Claim(claim).cancel().map(|c| c.0)).is_ok()
    }
}

/// What object 0 keeps besides its word.
pub(super) enum Annex {
    None,
    Timer(Box<[Word64; ANNEX_WORDS]>),
    Watchdog(Box<[Word64; ANNEX_WORDS]>),
    Queue(Queue),
}

/// The shared memory of one run.
pub(super) struct World {
    pub(super) annex: Annex,
    pub(super) objects: [Object; OBJECTS],
    pub(super) waiters: Vec<Waiter>,
    pub(super) all_lock: Word64,
    /// Which actors are dead.
    pub(super) dead: [Word32; ACTORS],
    pub(super) kernel: Kernel,
    pub(super) bug: Option<Planted>,
}

/// Where a waiter's node for an object is.
pub(super) fn node_of(waiter: usize, object: usize) -> u32 {
    (waiter * OBJECTS + object) as u32
}

/// Waits for somebody else. Schedules in which a thread looks twice in vain are those in which it looks once, and longer: they end
/// unexplored.
#[derive(Default)]
pub(super) struct Patience(u32);

impl Patience {
    pub(super) fn wait(&mut self) {
        self.0 += 1;
        if self.0 > 1 {
            loom::skip_branch();
        }
        thread::yield_now();
    }
}

impl World {
    /// Two objects; each waiter waits for any object in whose queue it is, or for all (`true`).
    pub(super) fn new(objects: [(Machine, State); OBJECTS], waiters: &[bool], bug: Option<Planted>) -> World {
        let object = |(machine, state): (Machine, State)| Object {
            machine,
            maximum: 9,
            word: Word64::new(Word::new(state).0),
            before: Word64::new(0),
            after: Word64::new(0),
            target: Word64::new(0),
            depth: Word64::new(1),
            accounts: Default::default(),
            accounts_after: Default::default(),
        };
        let waiter = |(index, &all): (usize, &bool)| Waiter {
            owner: OwnerRef { index: 100 + index as u32, generation: 3 },
            home: 0,
            claim: Word64::new(Claim(0).next_waiting().0),
            all,
            watch: false,
            blocked_as: None,
            linked: Default::default(),
            epoch: Default::default(),
            news: Default::default(),
        };
        World {
            annex: Annex::None,
            objects: objects.map(object),
            waiters: waiters.iter().enumerate().map(waiter).collect(),
            all_lock: Word64::new(0),
            dead: Default::default(),
            kernel: Kernel::default(),
            bug,
        }
    }

    /// The waiter is in the object's queue from the start.
    pub(super) fn queued(self, waiter: usize, object: usize) -> World {
        self.waiters[waiter].linked[object].store(self.kernel.ticket());
        let word = &self.objects[object].word;
        let now = Word(word.load());
        word.store(now.unlocked(true, now.alls() || self.waiters[waiter].all, false).0);
        self
    }

    /// The waiter is a watch.
    pub(super) fn watched_by(mut self, waiter: usize) -> World {
        self.waiters[waiter].watch = true;
        self
    }

    pub(super) fn has(&self, bug: Planted) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn state(&self, object: usize) -> State {
        let word = self.objects[object].word();
        assert!(!word.is_locked(), "nobody is left who could hold the lock");
        word.state()
    }

    // --- the lock (lock.rs)

    /// Takes the lock, changing the state in the same swap; the dead's is taken over.
    pub(super) fn lock<'w>(&'w self, actor: &'w Actor, object: usize, change: impl Fn(State) -> State) -> Step<Locked<'w>> {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].look()?;
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
            } else if let Some(locked) = self.try_lock(actor, object, word, change(word.state()))? {
                return Ok(locked);
            }
        }
    }

    pub(super) fn try_lock<'w>(&'w self, actor: &'w Actor, object: usize, word: Word, state: State) -> Step<Option<Locked<'w>>> {
        let locked = word.with_state(state).locked_by(actor.op);
        if word.is_locked() || !word.is_open(0) || !actor.swap(&self.objects[object].word, word.0, locked.0)? {
            return Ok(None);
        }
        Ok(Some(self.locked(actor, object, state, locked)))
    }

    fn locked<'w>(&'w self, actor: &'w Actor, object: usize, state: State, written: Word) -> Locked<'w> {
        self.kernel.holds(actor, object);
        Locked { world: self, actor, object, state, poked: false, written }
    }

    /// Waits a little for somebody else's lock; recovers the object when he is dead.
    pub(super) fn await_unlock(&self, actor: &Actor, object: usize, word: Word, patience: &mut Patience) -> Step {
        let Some(locker) = word.locker() else { return Ok(()) };
        assert!(!locker.is(actor.op), "nobody meets his own lock");
        if self.dead[locker.index as usize].load() == 0 {
            self.kernel.wants(actor, object);
            patience.wait();
            return Ok(());
        }
        let ours = word.locked_by(actor.op);
        if actor.swap(&self.objects[object].word, word.0, ours.0)? {
            let mut locked = self.locked(actor, object, word.state(), ours);
            locked.resolve()?;
            locked.mend()?;
            locked.finish(false)?;
        }
        Ok(())
    }

    // --- what one call does (ops.rs)

    /// Takes the object if that needs no waiting. A mutex of the dead is abandoned first.
    pub(super) fn try_take(&self, actor: &Actor, object: usize, who: OwnerRef) -> Step<bool> {
        Ok(self.try_take_for(actor, object, who, 0)?.is_some())
    }

    /// The same, for a process; tells whether the taker is told of a death.
    pub(super) fn try_take_for(&self, actor: &Actor, object: usize, who: OwnerRef, home: usize) -> Step<Option<bool>> {
        let record = &self.objects[object];
        let mut patience = Patience::default();
        loop {
            let word = record.look()?;
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
                continue;
            }
            let Some(taken) = word.state().take(record.machine, who) else { return Ok(None) };
            if record.machine == Machine::RobustSemaphore {
                let Some(mut locked) = self.try_lock(actor, object, word, word.state())? else { continue };
                locked.change_with_account(home, record.accounts[home].load() + 1, taken.state)?;
                locked.finish(false)?;
            } else if record.machine != Machine::ManualEvent && !actor.swap(&record.word, word.0, word.with_state(taken.state).0)? {
                continue;
            }
            self.took(actor, object)?;
            return Ok(Some(taken.abandoned));
        }
    }

    /// What the taker of an object writes afterwards.
    pub(super) fn took(&self, actor: &Actor, object: usize) -> Step {
        if self.objects[object].machine == Machine::Mutex {
            actor.spend()?;
            self.objects[object].depth.store(1);
        }
        Ok(())
    }

    /// Swaps the state for a signalled one and serves those who wait; gives the state before.
    pub(super) fn signal(&self, actor: &Actor, object: usize, change: impl Fn(State) -> State) -> Step<State> {
        self.change_and_serve(actor, object, |word| change(word.state()))
    }

    fn change_and_serve(&self, actor: &Actor, object: usize, change: impl Fn(Word) -> State) -> Step<State> {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].look()?;
            if word.is_locked() && !self.has(Planted::SignalThroughLock) {
                self.await_unlock(actor, object, word, &mut patience)?;
            } else if !word.queued() || word.is_locked() {
                if actor.swap(&self.objects[object].word, word.0, word.with_state(change(word)).0)? {
                    return Ok(word.state());
                }
            } else {
                let all = word.alls();
                if all && !self.has(Planted::AllLockLast) {
                    self.take_all_lock(actor)?;
                }
                let locked = self.try_lock(actor, object, word, change(word))?;
                if all && self.has(Planted::AllLockLast) && locked.is_some() {
                    self.take_all_lock(actor)?;
                }
                let done = locked.is_some();
                let wakes = match locked {
                    Some(mut locked) => {
                        let wakes = locked.hand_out(all)?;
                        locked.unlock()?;
                        wakes
                    }
                    None => Vec::new(),
                };
                if all && (done || !self.has(Planted::AllLockLast)) {
                    self.drop_all_lock(actor)?;
                }
                if done {
                    self.wake(actor, &wakes)?;
                    return Ok(word.state());
                }
            }
        }
    }

    /// One permit more; gives the count before.
    pub(super) fn post(&self, actor: &Actor, object: usize) -> Step<u32> {
        Ok(self.signal(actor, object, |state| state.post(1, 9).unwrap())?.count())
    }

    /// A permit of this process goes back to a robust semaphore.
    pub(super) fn post_robust(&self, actor: &Actor, object: usize, home: usize) -> Step<u32> {
        let (all, mut locked) = self.lock_with_all(actor, object)?;
        let before = locked.state.count();
        let after = locked.state.post(1, 9).unwrap();
        let left = locked.record().accounts[home].load().saturating_sub(1);
        locked.change_with_account(home, left, after)?;
        self.serve(actor, locked, all)?;
        Ok(before)
    }

    pub(super) fn set(&self, actor: &Actor, object: usize) -> Step {
        self.signal(actor, object, State::set).map(|_| ())
    }

    pub(super) fn reset(&self, actor: &Actor, object: usize) -> Step {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].look()?;
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
            } else if actor.swap(&self.objects[object].word, word.0, word.with_state(word.state().reset()).0)? {
                return Ok(());
            }
        }
    }

    /// With [`Planted::PulseUnseen`], for the queue that an earlier look found.
    pub(super) fn pulse(&self, actor: &Actor, object: usize) -> Step {
        let seen = self.has(Planted::PulseUnseen).then(|| self.objects[object].word().queued());
        let change = |word: Word| if seen.unwrap_or(word.queued()) { word.state().pulsed() } else { word.state().reset() };
        self.change_and_serve(actor, object, change).map(|_| ())
    }

    /// The last handle is closed: the word becomes the next object's (`index::retire_word`). False, and the record rests, where somebody is about
    /// to write to it: he has the lock, or is the mutex's new owner.
    pub(super) fn end_object(&self, actor: &Actor, object: usize) -> Step<bool> {
        loop {
            let word = self.objects[object].word();
            if word.is_locked() || self.objects[object].machine == Machine::Mutex && word.state().owner_index().is_some() {
                return Ok(false);
            }
            if !word.is_open(0) || actor.swap(&self.objects[object].word, word.0, Word::new(State::event(false)).of(1).0)? {
                return Ok(true);
            }
        }
    }

    /// Locks the object, and before it the wait-all lock where the object's waiters need it.
    pub(super) fn lock_with_all<'w>(&'w self, actor: &'w Actor, object: usize) -> Step<(bool, Locked<'w>)> {
        loop {
            let all = self.objects[object].word().alls();
            if all {
                self.take_all_lock(actor)?;
            }
            let locked = self.lock(actor, object, |state| state)?;
            if all || !locked.has_alls() {
                return Ok((all, locked));
            }
            locked.unlock()?;
        }
    }

    /// Hands out, unlocks in order, wakes.
    pub(super) fn serve(&self, actor: &Actor, mut locked: Locked<'_>, all: bool) -> Step {
        let wakes = locked.hand_out(all)?;
        locked.unlock()?;
        if all {
            self.drop_all_lock(actor)?;
        }
        self.wake(actor, &wakes)
    }

    /// Hands out what the object has.
    pub(super) fn settle(&self, actor: &Actor, object: usize) -> Step {
        let all = self.objects[object].word().alls();
        if all {
            self.take_all_lock(actor)?;
        }
        let locked = self.lock(actor, object, |state| state)?;
        self.serve(actor, locked, all)
    }

    pub(super) fn wake(&self, actor: &Actor, wakes: &[usize]) -> Step {
        for &waiter in wakes {
            actor.spend()?;
            if !self.has(Planted::DropWake) {
                self.kernel.wake(waiter);
            }
        }
        Ok(())
    }
}

/// A held lock.
pub(super) struct Locked<'w> {
    pub(super) world: &'w World,
    pub(super) actor: &'w Actor,
    pub(super) object: usize,
    pub(super) state: State,
    pub(super) poked: bool,
    /// The word as its holder wrote it last.
    written: Word,
}

impl Held for Locked<'_> {
    fn state(&self) -> State {
        self.state
    }

    fn write_state(&mut self, state: State) {
        self.check();
        (self.state, self.written) = (state, self.written.with_state(state));
        self.record().word.store(self.written.0);
    }
}

impl<'w> Locked<'w> {
    pub(super) fn record(&self) -> &'w Object {
        &self.world.objects[self.object]
    }

    pub(super) fn spend(&self) -> Step {
        self.actor.spend()
    }

    /// I1: a locked word is written by its holder alone.
    fn check(&self) {
        assert_eq!(self.record().word(), self.written, "somebody wrote a word that he had not locked");
    }

    pub(super) fn write_state(&mut self, state: State) -> Step {
        self.spend()?;
        Held::write_state(self, state);
        Ok(())
    }

    pub(super) fn declare(&self, decides: Decides, after: State, node: u32, generation: u32, tag: u32) -> Step {
        let record = self.record();
        if self.world.has(Planted::SkipIntent) && decides == Decides::Grant {
            return Ok(());
        }
        self.spend()?;
        record.before.store(u64::from(tag) << 32 | u64::from(self.state.0));
        self.spend()?;
        record.after.store(u64::from(after.0));
        self.spend()?;
        record.target.store(Intended { decides, node, generation }.pack());
        Ok(())
    }

    pub(super) fn clear(&self) -> Step {
        self.spend()?;
        self.record().target.store(0);
        Ok(())
    }

    /// Finishes or undoes what the last locker left half done.
    fn resolve(&mut self) -> Step {
        let record = self.record();
        let Some(intent) = Intended::unpack(record.target.load()) else { return Ok(()) };
        let (before, tag) = (State(record.before.load() as u32), (record.before.load() >> 32) as u32);
        let after = State(record.after.load() as u32);
        let waiter = &self.world.waiters.get(intent.node as usize / OBJECTS);
        let claim = waiter.map_or(Claim(0), Waiter::claim);
        let mut happened = intent.happened(claim, intent.node % OBJECTS as u32, tag);
        match self.world.bug {
            Some(Planted::TrustIntent) => happened = true,
            Some(Planted::DropIntent) => happened = false,
            _ => {}
        }
        self.write_state(if happened { after } else { before })?;
        match (intent.decides, waiter) {
            _ if !happened => {}
            (Decides::Account, _) => self.settle_account(intent.node as usize)?,
            (Decides::Return, _) | (_, None) => {}
            (_, Some(waiter)) => self.settle_account(waiter.home)?,
        }
        self.clear()
    }

    /// Finishes what the last locker left half done in the annex (`kinds::mend`).
    fn mend(&mut self) -> Step {
        let (world, actor) = (self.world, self.actor);
        match &world.annex {
            _ if self.object != 0 || world.has(Planted::MendNothing) => Ok(()),
            Annex::Timer(words) => actor.does(|| Timer(words).mend(self)),
            Annex::Watchdog(words) => actor.does(|| Watchdog(words).put_state(self, world.kernel.now())).map(|_| ()),
            Annex::Queue(queue) => actor.does(|| {
                queue.derive(None).unwrap();
                Held::write_state(self, queue.state().unwrap());
            }),
            Annex::None => Ok(()),
        }
    }

    /// Has all who wait look again.
    pub(super) fn rouse(&mut self, wakes: &mut Vec<usize>) -> Step {
        for index in self.queue() {
            let claim = &self.world.waiters[index].claim;
            while let Some(poked) = Claim(claim.load()).poke() {
                if self.actor.swap(claim, claim.load(), poked.0)? {
                    wakes.push(index);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Declares what the account of a process will be, where the object has one.
    pub(super) fn plan_account(&self, home: usize, value: u64) -> Step {
        if self.record().machine == Machine::RobustSemaphore {
            self.spend()?;
            self.record().accounts_after[home].store(value);
        }
        Ok(())
    }

    pub(super) fn settle_account(&self, home: usize) -> Step {
        if self.record().machine == Machine::RobustSemaphore {
            self.spend()?;
            self.record().accounts[home].store(self.record().accounts_after[home].load());
        }
        Ok(())
    }

    /// Changes state and account together.
    pub(super) fn change_with_account(&mut self, home: usize, value: u64, after: State) -> Step {
        self.plan_account(home, value)?;
        self.declare(Decides::Account, after, home as u32, 0, 0)?;
        self.write_state(after)?;
        self.settle_account(home)?;
        self.clear()
    }

    /// Hands out what is signalled, unlocks, wakes.
    pub(super) fn finish(mut self, all: bool) -> Step {
        let wakes = self.hand_out(all)?;
        let (world, actor) = (self.world, self.actor);
        self.unlock()?;
        world.wake(actor, &wakes)
    }

    fn is_linked(&self, which: impl Fn(&Waiter) -> bool) -> bool {
        self.world.waiters.iter().any(|w| which(w) && w.linked[self.object].load() != 0)
    }

    pub(super) fn has_alls(&self) -> bool {
        self.is_linked(|w| w.all)
    }

    pub(super) fn unlock(self) -> Step {
        self.check();
        let is_event = matches!(self.record().machine, Machine::ManualEvent | Machine::AutoEvent);
        let state = if is_event && self.state.is_pulsed() { self.state.reset() } else { self.state };
        let word = Word::new(state).unlocked(self.is_linked(|_| true), self.has_alls(), self.poked);
        self.spend()?;
        self.world.kernel.lets_go(self.object);
        if self.world.has(Planted::UnlockRelaxed) {
            self.record().word.store_relaxed(word.0);
        } else {
            self.record().word.store(word.0); // pairs with the swap of try_lock
        }
        Ok(())
    }

    /// Puts the waiter's node behind all others.
    pub(super) fn append(&mut self, waiter: usize) -> Step {
        self.spend()?;
        self.world.waiters[waiter].linked[self.object].store(self.world.kernel.ticket());
        Ok(())
    }

    pub(super) fn unlink(&mut self, waiter: usize) -> Step {
        self.spend()?;
        self.world.waiters[waiter].linked[self.object].store(0);
        Ok(())
    }

    /// The queue: watches, then waiters in order of arrival.
    pub(super) fn queue(&self) -> Vec<usize> {
        let waiters = self.world.waiters.iter().enumerate();
        let mut queue: Vec<(bool, u32, usize)> = waiters.map(|(index, w)| (!w.watch, w.linked[self.object].load(), index)).collect();
        queue.retain(|&(_, ticket, _)| ticket != 0);
        queue.sort_unstable();
        queue.into_iter().map(|(.., index)| index).collect()
    }

    /// Grants to those who wait, oldest first, while the object is signalled.
    pub(super) fn hand_out(&mut self, all: bool) -> Step<Vec<usize>> {
        self.poked = false;
        let mut wakes = Vec::new();
        let mut room = self.room();
        for index in self.queue() {
            let waiter = &self.world.waiters[index];
            let claim = waiter.claim();
            let machine = waiter.blocked_as.unwrap_or(self.record().machine);
            if !claim.is_waiting() {
                self.unlink(index)?;
            } else if !self.state.signalled(machine) {
                if machine.family() == Family::Queue {
                    continue; // those behind may wait for the other end
                }
                break;
            } else if let (Some(room), Some(_)) = (&mut room, waiter.blocked_as) {
                if room.left(machine) > 0 && self.grant(index, claim)? {
                    room.take(machine);
                    wakes.push(index);
                }
            } else if waiter.watch {
            } else if waiter.all {
                if all && self.try_commit(index)? {
                    wakes.push(index);
                }
            } else if self.grant(index, claim)? {
                wakes.push(index);
            }
        }
        self.tell_watches(&mut wakes)?;
        Ok(wakes)
    }

    /// How many blocked calls are worth waking.
    fn room(&self) -> Option<Room> {
        match &self.world.annex {
            Annex::Queue(queue) if self.object == 0 => Some(Room::of(queue.words(), self.state)),
            _ => None,
        }
    }

    /// Ends the watches if the object stays signalled.
    pub(super) fn tell_watches(&mut self, wakes: &mut Vec<usize>) -> Step {
        if !self.state.stays_signalled(self.record().machine) {
            return Ok(());
        }
        for (index, waiter) in self.world.waiters.iter().enumerate().filter(|(_, waiter)| waiter.watch) {
            if waiter.linked[self.object].load() == 0 {
                continue;
            }
            let claim = waiter.claim();
            if let Some(granted) = claim.grant(self.object as u32)
                && self.actor.swap(&waiter.claim, claim.0, granted.0)?
            {
                wakes.push(index);
            }
            self.unlink(index)?;
        }
        Ok(())
    }

    /// What a grant tells its waiter.
    pub(super) fn hand_over(&self, index: usize, abandoned: bool) -> Step {
        self.spend()?;
        self.world.waiters[index].news[self.object].store(u32::from(abandoned));
        if self.record().machine == Machine::Mutex && !abandoned {
            self.spend()?;
            self.record().depth.store(0);
        }
        self.spend()?;
        self.world.waiters[index].epoch[self.object].store(u64::from(self.state.epoch()));
        Ok(())
    }

    /// G1 to G5.
    fn grant(&mut self, index: usize, mut claim: Claim) -> Step<bool> {
        let waiter = &self.world.waiters[index];
        let before = self.state;
        let Some(taken) = before.take(waiter.blocked_as.unwrap_or(self.record().machine), waiter.owner) else { return Ok(false) };
        self.plan_account(waiter.home, self.record().accounts[waiter.home].load() + 1)?;
        self.hand_over(index, taken.abandoned)?;
        self.declare(Decides::Grant, taken.state, node_of(index, self.object), claim.generation(), 0)?;
        self.write_state(taken.state)?;
        let won = loop {
            let Some(granted) = claim.grant(self.object as u32) else { break false };
            if self.actor.swap(&waiter.claim, claim.0, granted.0)? {
                break true;
            }
            claim = waiter.claim();
        };
        if won {
            self.settle_account(waiter.home)?;
        } else {
            self.write_state(before)?;
        }
        self.clear()?;
        self.unlink(index)?;
        Ok(won)
    }
}

// --- the wait-all lock (all.rs)

impl World {
    pub(super) fn take_all_lock(&self, actor: &Actor) -> Step {
        if actor.is_guest {
            return Ok(());
        }
        let mut patience = Patience::default();
        loop {
            let holder = self.all_lock.load();
            let free = OwnerRef::unpack(holder).is_none_or(|op| self.dead[op.index as usize].load() != 0);
            if !free {
                self.kernel.wants(actor, ALL_LOCK);
                patience.wait();
            } else if actor.swap(&self.all_lock, holder, actor.op.pack())? {
                self.kernel.holds(actor, ALL_LOCK);
                return Ok(());
            }
        }
    }

    pub(super) fn drop_all_lock(&self, actor: &Actor) -> Step {
        if actor.is_guest {
            return Ok(());
        }
        actor.spend()?;
        self.kernel.lets_go(ALL_LOCK);
        self.all_lock.store(0);
        Ok(())
    }
}
