//! The protocols under a model checker: `make loom`.
//!
//! *What it is.* Small worlds of two objects and a few waiters. Their words, claims, intents, lives, rows and buckets are the machines of
//! production; the steps between them repeat those of `dispatch/`, `recover.rs` and `index.rs`, write for write and under the same names.
//! loom runs every interleaving with a bounded number of preemptions, and lets every load return each value that the orderings allow.
//!
//! *Death.* An actor has fuel, one drop a write. Without fuel it dies before the write, and the others see it as they see the kernel's mark.
//!
//! *Planted bugs.* Each protocol is also run with one of its steps left out ([`Bug`]): the checker must object, or it proves nothing.
//!
//! *Not covered.* The links of a queue (they change under the object's lock only; here a node is linked or not, in order of arrival), the
//! kernel's futex (here a lock and a condition), ring and seats, and all that is private to a process.

mod all;
mod leave;
mod mutex;
mod names;
mod recovery;
mod signal;
mod watch;

use crate::arena::refs::OwnerRef;
use crate::cell::{self, Word32, Word64};
use crate::dispatch::claim::{Claim, Decides, Intended, Phase};
use crate::dispatch::word::{Machine, State, Word};
use loom::sync::Mutex;
use loom::thread::{self, Thread};
use std::cell::Cell;
use std::sync::Arc;

/// Runs `body` under every schedule with at most so many preemptions, once with loads that may return old values, once with loads
/// that return the newest (see [`cell::read_newest`]); says how many schedules there were.
fn explore(preemptions: usize, body: impl Fn() + Send + Sync + 'static) -> usize {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (body, runs) = (Arc::new(body), Arc::new(std::sync::Mutex::new(0)));
    for newest in [false, true] {
        cell::read_newest(newest);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.max_branches = 5_000;
        let (body, runs) = (body.clone(), runs.clone());
        builder.check(move || {
            *runs.lock().unwrap() += 1;
            body();
        });
    }
    *runs.lock().unwrap()
}

/// What the schedules of one exploration came to: a model in which something never happens proves less than it says.
#[derive(Clone, Default)]
struct Outcomes(Arc<std::sync::Mutex<std::collections::BTreeMap<String, usize>>>);

impl Outcomes {
    fn note(&self, outcome: impl std::fmt::Debug) {
        *self.0.lock().unwrap().entry(format!("{outcome:?}")).or_default() += 1;
    }

    /// Prints the schedules by outcome and asserts that there were exactly these.
    fn are(&self, name: &str, expected: &[&str]) {
        let seen = self.0.lock().unwrap();
        println!("{name}: {} schedules, {seen:?}", seen.values().sum::<usize>());
        assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
    }
}

/// A step that is left out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// A waiter enters a queue without handing out what is signalled.
    EnterWithoutServing,
    /// A signal changes a locked word.
    SignalThroughLock,
    /// A recoverer believes that every intent happened.
    TrustIntent,
    /// A recoverer believes that no intent happened.
    DropIntent,
    /// Nobody wakes those whom the dead granted.
    NoLastWake,
    /// A reaper does not look at the claim again under the lock.
    ReturnUnseen,
    /// A poked waiter sleeps again without telling, under the lock, that it does.
    SleepPoked,
    /// A waiter that times out leaves the object as it is.
    LeaveUnserved,
    /// One looks at the other's word without a fence after the store to the own one.
    NoFence,
    /// An object ends without a look at the version of its life.
    EndUnversioned,
    /// A name is put into a bucket whose word was read after the search.
    InsertUnseen,
    /// A mutex is left poked without a word to those who watch it.
    PokeUntold,
}

/// The actor has died.
#[derive(Debug)]
struct Died;

type Step<T = ()> = Result<T, Died>;

/// A thread of some process: the op that locks in its name, and how many writes it lives for.
struct Actor {
    op: OwnerRef,
    fuel: Cell<u32>,
}

impl Actor {
    fn new(index: u32) -> Actor {
        Actor::mortal(index, u32::MAX)
    }

    fn mortal(index: u32, fuel: u32) -> Actor {
        Actor { op: OwnerRef { index, generation: 7 }, fuel: Cell::new(fuel) }
    }

    /// Before every write.
    fn spend(&self) -> Step {
        self.fuel.set(self.fuel.get().checked_sub(1).ok_or(Died)?);
        Ok(())
    }

    /// A compare-and-swap; one that fails is no write.
    fn swap(&self, word: &Word64, old: u64, new: u64) -> Step<bool> {
        self.spend()?;
        let swapped = word.cas(old, new).is_ok();
        if !swapped {
            self.fuel.set(self.fuel.get() + 1);
        }
        Ok(swapped)
    }

    /// Does `work`; a death in it is marked as the kernel marks it. False if it died.
    fn live(&self, world: &World, work: impl FnOnce(&Actor) -> Step) -> bool {
        let lived = work(self).is_ok();
        if !lived {
            world.dead[self.op.index as usize].store(1);
        }
        lived
    }
}

/// Waits for somebody else. Schedules in which a thread looks twice in vain are those in which it looks once, and longer: they end
/// unexplored.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        self.0 += 1;
        if self.0 > 1 {
            loom::skip_branch();
        }
        thread::yield_now();
    }
}

struct Object {
    machine: Machine,
    maximum: u32,
    word: Word64,
    before: Word64,
    after: Word64,
    target: Word64,
    /// Robust semaphore: the permits of the one process that uses it here, and what they become.
    account: Word64,
    account_after: Word64,
}

impl Object {
    fn word(&self) -> Word {
        Word(self.word.load())
    }
}

/// A waiter and its nodes, one for each object; what the kernel does when it sleeps.
struct Waiter {
    owner: OwnerRef,
    claim: Word64,
    all: bool,
    /// It looks and does not take.
    watch: bool,
    /// For each object: whether this waiter's node is in its queue.
    linked: [Word32; OBJECTS],
    /// The reset epoch that a grant found.
    epoch: Word64,
    /// Who sleeps on the claim.
    asleep: Mutex<Option<Thread>>,
}

impl Waiter {
    fn claim(&self) -> Claim {
        Claim(self.claim.load())
    }

    /// Sleeps while the claim is `seen`: the kernel compares under its own lock.
    fn sleep(&self, seen: Claim) {
        let mut asleep = self.asleep.lock().unwrap();
        if self.claim() == seen {
            *asleep = Some(thread::current());
            drop(asleep);
            thread::park();
        }
    }

    fn wake(&self) {
        let sleeper = self.asleep.lock().unwrap().take();
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }

    /// Sleeps until the wait is decided, then takes what it was given: the object's place, or `None` for all.
    fn sleep_and_take(&self) -> Option<u32> {
        loop {
            let claim = self.claim();
            if !claim.is_waiting() {
                return self.take().expect("nobody cancels it");
            }
            self.sleep(claim);
        }
    }

    /// GRANTED to TAKEN. The outer `None`: there was no grant.
    fn take(&self) -> Option<Option<u32>> {
        let claim = self.claim();
        let taken = claim.take()?;
        assert_eq!(self.claim.cas(claim.0, taken.0), Ok(()), "a grant is the waiter's alone");
        Some(if let Phase::Taken(place) = taken.phase() { Some(place) } else { None })
    }

    /// The time-out. False: it was granted first.
    fn cancel(&self) -> bool {
        self.claim.update(|claim| Claim(claim).cancel().map(|c| c.0)).is_ok()
    }
}

const OBJECTS: usize = 2;

/// The shared memory of one run.
struct World {
    objects: [Object; OBJECTS],
    waiters: Vec<Waiter>,
    all_lock: Word64,
    /// Which actors are dead.
    dead: [Word32; 8],
    bug: Option<Bug>,
}

/// Where a waiter's node for an object is.
fn node_of(waiter: usize, object: usize) -> u32 {
    (waiter * OBJECTS + object) as u32
}

impl World {
    /// Two objects; each waiter waits for any object in whose queue it is, or for all (`true`).
    fn new(objects: [(Machine, State); OBJECTS], waiters: &[bool], bug: Option<Bug>) -> World {
        let object = |(machine, state)| Object {
            machine,
            maximum: 9,
            word: Word64::new(Word::new(state).0),
            before: Word64::new(0),
            after: Word64::new(0),
            target: Word64::new(0),
            account: Word64::new(0),
            account_after: Word64::new(0),
        };
        let waiter = |(index, &all): (usize, &bool)| Waiter {
            owner: OwnerRef { index: 100 + index as u32, generation: 3 },
            claim: Word64::new(Claim(0).next_waiting().0),
            all,
            watch: false,
            linked: [Word32::new(0), Word32::new(0)],
            epoch: Word64::new(0),
            asleep: Mutex::new(None),
        };
        World {
            objects: objects.map(object),
            waiters: waiters.iter().enumerate().map(waiter).collect(),
            all_lock: Word64::new(0),
            dead: Default::default(),
            bug,
        }
    }

    /// The waiter is in the object's queue from the start.
    fn queued(self, waiter: usize, object: usize) -> World {
        self.waiters[waiter].linked[object].store(1);
        let word = &self.objects[object].word;
        let now = Word(word.load());
        word.store(now.unlocked(true, now.alls() || self.waiters[waiter].all, false).0);
        self
    }

    /// The waiter, which stands before all others, is a watch.
    fn watched_by(mut self, waiter: usize) -> World {
        self.waiters[waiter].watch = true;
        self
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn state(&self, object: usize) -> State {
        let word = self.objects[object].word();
        assert!(!word.is_locked(), "nobody is left who could hold the lock");
        word.state()
    }

    // --- the lock (lock.rs)

    /// Takes the lock, changing the state in the same swap; the dead's is taken over.
    fn lock<'w>(&'w self, actor: &'w Actor, object: usize, change: impl Fn(State) -> State) -> Step<Locked<'w>> {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].word();
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
            } else if let Some(locked) = self.try_lock(actor, object, word, change(word.state()))? {
                return Ok(locked);
            }
        }
    }

    fn try_lock<'w>(&'w self, actor: &'w Actor, object: usize, word: Word, state: State) -> Step<Option<Locked<'w>>> {
        let locked = word.with_state(state).locked_by(actor.op);
        if word.is_locked() || !actor.swap(&self.objects[object].word, word.0, locked.0)? {
            return Ok(None);
        }
        Ok(Some(Locked { world: self, actor, object, state, poked: false, written: locked }))
    }

    /// Waits a little for somebody else's lock; recovers the object when he is dead.
    fn await_unlock(&self, actor: &Actor, object: usize, word: Word, patience: &mut Patience) -> Step {
        let Some(locker) = word.locker() else { return Ok(()) };
        assert!(!locker.is(actor.op), "nobody meets his own lock");
        if self.dead[locker.index as usize].load() == 0 {
            patience.wait();
            return Ok(());
        }
        let ours = word.locked_by(actor.op);
        if actor.swap(&self.objects[object].word, word.0, ours.0)? {
            let mut locked = Locked { world: self, actor, object, state: word.state(), poked: false, written: ours };
            locked.resolve()?;
            locked.finish(false)?;
        }
        Ok(())
    }

    // --- what one call does (ops.rs)

    fn try_take(&self, actor: &Actor, object: usize, who: OwnerRef) -> Step<bool> {
        let machine = self.objects[object].machine;
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].word();
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
                continue;
            }
            let Some(taken) = word.state().take(machine, who) else { return Ok(false) };
            if actor.swap(&self.objects[object].word, word.0, word.with_state(taken.state).0)? {
                return Ok(true);
            }
        }
    }

    fn signal(&self, actor: &Actor, object: usize, change: impl Fn(State) -> State) -> Step {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].word();
            if word.is_locked() && !self.has(Bug::SignalThroughLock) {
                self.await_unlock(actor, object, word, &mut patience)?;
            } else if !word.queued() || word.is_locked() {
                if actor.swap(&self.objects[object].word, word.0, word.with_state(change(word.state())).0)? {
                    return Ok(());
                }
            } else {
                let all = word.alls();
                if all {
                    self.take_all_lock(actor)?;
                }
                let locked = self.try_lock(actor, object, word, change(word.state()))?;
                let wakes = match locked {
                    Some(mut locked) => {
                        let wakes = locked.hand_out(all)?;
                        locked.unlock()?;
                        Some(wakes)
                    }
                    None => None,
                };
                if all {
                    self.drop_all_lock(actor)?;
                }
                if let Some(wakes) = wakes {
                    return self.wake(actor, &wakes);
                }
            }
        }
    }

    fn post(&self, actor: &Actor, object: usize) -> Step {
        self.signal(actor, object, |state| state.post(1, 9).unwrap())
    }

    fn set(&self, actor: &Actor, object: usize) -> Step {
        self.signal(actor, object, State::set)
    }

    fn reset(&self, actor: &Actor, object: usize) -> Step {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[object].word();
            if word.is_locked() {
                self.await_unlock(actor, object, word, &mut patience)?;
                continue;
            }
            if actor.swap(&self.objects[object].word, word.0, word.with_state(word.state().reset()).0)? {
                return Ok(());
            }
        }
    }

    fn wake(&self, actor: &Actor, wakes: &[usize]) -> Step {
        for &waiter in wakes {
            actor.spend()?;
            self.waiters[waiter].wake();
        }
        Ok(())
    }

    // --- a wait (wait.rs)

    /// Enters the queue of one object; what is signalled is handed out before the lock is dropped.
    fn enter(&self, actor: &Actor, waiter: usize, object: usize) -> Step {
        let locked = self.lock(actor, object, |state| state)?;
        actor.spend()?;
        self.waiters[waiter].linked[object].store(1);
        if self.has(Bug::EnterWithoutServing) { locked.unlock() } else { locked.finish(false) }
    }

    /// Leaves the queues where the lock is free; elsewhere the keeper serves the object later.
    fn leave(&self, actor: &Actor, waiter: usize) -> Step {
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
                if self.has(Bug::LeaveUnserved) {
                    break;
                }
                patience.wait(); // the keeper tries again later
            }
        }
        Ok(())
    }

    // --- reaping (recover.rs)

    /// R4 to R6 for a dead actor that held both objects.
    fn reap(&self, actor: &Actor) -> Step {
        for object in 0..OBJECTS {
            self.settle(actor, object)?;
        }
        if !self.has(Bug::NoLastWake) {
            for (index, waiter) in self.waiters.iter().enumerate() {
                if matches!(waiter.claim().phase(), Phase::Granted(_) | Phase::GrantedAll(_)) {
                    self.wake(actor, &[index])?;
                }
            }
        }
        Ok(())
    }

    /// Hands out what the object has.
    fn settle(&self, actor: &Actor, object: usize) -> Step {
        let all = self.objects[object].word().alls();
        if all {
            self.take_all_lock(actor)?;
        }
        let mut locked = self.lock(actor, object, |state| state)?;
        let wakes = locked.hand_out(all)?;
        locked.unlock()?;
        if all {
            self.drop_all_lock(actor)?;
        }
        self.wake(actor, &wakes)
    }
}

/// A held lock.
struct Locked<'w> {
    world: &'w World,
    actor: &'w Actor,
    object: usize,
    state: State,
    poked: bool,
    /// The word as its holder wrote it last.
    written: Word,
}

impl Locked<'_> {
    fn record(&self) -> &Object {
        &self.world.objects[self.object]
    }

    fn spend(&self) -> Step {
        self.actor.spend()
    }

    /// I1: a locked word is written by its holder alone.
    fn check(&self) {
        assert_eq!(self.record().word(), self.written, "somebody wrote a word that he had not locked");
    }

    fn write_state(&mut self, state: State) -> Step {
        self.check();
        self.spend()?;
        self.state = state;
        self.written = self.written.with_state(state);
        self.record().word.store(self.written.0);
        Ok(())
    }

    fn declare(&self, decides: Decides, after: State, node: u32, generation: u32, tag: u32) -> Step {
        let record = self.record();
        self.spend()?;
        record.before.store(u64::from(tag) << 32 | u64::from(self.state.0));
        self.spend()?;
        record.after.store(u64::from(after.0));
        self.spend()?;
        record.target.store(Intended { decides, node, generation }.pack());
        Ok(())
    }

    fn clear(&self) -> Step {
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
        let (waiter, ordinal) = (intent.node as usize / OBJECTS, intent.node % OBJECTS as u32);
        let mut happened = intent.happened(self.world.waiters[waiter].claim(), ordinal, tag);
        match self.world.bug {
            Some(Bug::TrustIntent) => happened = true,
            Some(Bug::DropIntent) => happened = false,
            _ => {}
        }
        self.write_state(if happened { after } else { before })?;
        if happened && intent.decides != Decides::Return {
            self.settle_account()?;
        }
        self.clear()
    }

    /// Declares what the account will be, where the object has one.
    fn plan_account(&self, value: u64) -> Step {
        if self.record().machine == Machine::RobustSemaphore {
            self.spend()?;
            self.record().account_after.store(value);
        }
        Ok(())
    }

    fn settle_account(&self) -> Step {
        if self.record().machine == Machine::RobustSemaphore {
            self.spend()?;
            self.record().account.store(self.record().account_after.load());
        }
        Ok(())
    }

    /// Changes state and account together.
    fn change_with_account(&mut self, value: u64, after: State) -> Step {
        self.plan_account(value)?;
        self.declare(Decides::Account, after, 0, 0, 0)?;
        self.write_state(after)?;
        self.settle_account()?;
        self.clear()
    }

    /// Hands out what is signalled, unlocks, wakes.
    fn finish(mut self, all: bool) -> Step {
        let wakes = self.hand_out(all)?;
        let (world, actor) = (self.world, self.actor);
        self.unlock()?;
        world.wake(actor, &wakes)
    }

    fn unlock(self) -> Step {
        self.check();
        let is_event = matches!(self.record().machine, Machine::ManualEvent | Machine::AutoEvent);
        let state = if is_event && self.state.is_pulsed() { self.state.reset() } else { self.state };
        let linked =
            |all: Option<bool>| self.world.waiters.iter().any(|w| w.linked[self.object].load() != 0 && all.is_none_or(|all| all == w.all));
        let word = Word::new(state).unlocked(linked(None), linked(Some(true)), self.poked);
        self.spend()?;
        self.record().word.store(word.0);
        Ok(())
    }

    fn unlink(&mut self, waiter: usize) -> Step {
        self.spend()?;
        self.world.waiters[waiter].linked[self.object].store(0);
        Ok(())
    }

    /// Grants to those who wait, oldest first, while the object is signalled.
    fn hand_out(&mut self, all: bool) -> Step<Vec<usize>> {
        self.poked = false;
        let mut wakes = Vec::new();
        for (index, waiter) in self.world.waiters.iter().enumerate() {
            if waiter.linked[self.object].load() == 0 {
                continue;
            }
            let claim = waiter.claim();
            if !claim.is_waiting() {
                self.unlink(index)?;
            } else if !self.state.signalled(self.record().machine) {
                break;
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

    /// Ends the watches if the object stays signalled.
    fn tell_watches(&mut self, wakes: &mut Vec<usize>) -> Step {
        if !self.state.stays_signalled(self.record().machine) {
            return Ok(());
        }
        for (index, waiter) in self.world.waiters.iter().enumerate().take_while(|(_, waiter)| waiter.watch) {
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

    /// G1 to G5.
    fn grant(&mut self, index: usize, mut claim: Claim) -> Step<bool> {
        let waiter = &self.world.waiters[index];
        let before = self.state;
        let Some(taken) = before.take(self.record().machine, waiter.owner) else { return Ok(false) };
        self.spend()?;
        waiter.epoch.store(u64::from(before.epoch()));
        self.plan_account(self.record().account.load() + 1)?;
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
            self.settle_account()?;
        } else {
            self.write_state(before)?;
        }
        self.clear()?;
        self.unlink(index)?;
        Ok(won)
    }
}
