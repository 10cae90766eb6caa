//! Granting: what is signalled goes to those who wait, oldest first, one compare-and-swap each.
//!
//! *Steps of one grant* (object locked by the granter):
//! ```text
//! G1 node.news, account.value_after; before, after; target = (GRANT, node, claim generation)    the intent
//! G2 word.state = after                                                                       unseen: locked
//! G3 claim: WAITING -> GRANTED(node)                                                          the decision, SYNC(claim)
//! G4 lost: word.state = before        won: account.value = value_after
//! G5 target = 0; unlink the node
//! ```
//! *Death.* Before G3 the claim is not this node's: recovery restores `before` and grants afresh. After G3 it is: recovery
//! puts `after` (absolute, so twice is once). The wake-up that the dead one owed is given by its reaper to every claim that is
//! granted and not taken.
//!
//! *Watches* are told last, and only of what is still signalled then: their claim is granted without an intent, since nothing changes.
//!
//! *Many at once.* A thousand sleepers woken one by one cost the waker a system call each, and mostly its core. Who waits for one manual-reset event alone
//! sleeps where one call wakes all (`hall.rs`). Of others, where there are more than a few, each is moved
//! from its claim to the header's `crowd`, which wakes nobody, and then all sleepers of that word are woken by one call. They have been
//! granted, so a wake too many does no harm; and who wakes for the dead, wakes that word, too.
//!
//! *Permits of a robust semaphore* are counted per process in an account: a node in the object's account list. The account
//! changes under the object's lock, with the same intent, so count and accounts always agree after recovery.

use super::all::{self, AllLock};
use super::claim::{Claim, Decides, Intended};
use super::hall::Hall;
use super::lock::{self, Locked, node_kind};
use super::spin;
use super::word::{Family, Machine, State};
use crate::arena::layout::{Node, Object, Table, Waiter};
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef, WaiterRef};
use crate::error::Result;
use crate::kinds;
use crate::live;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::space::Space;
use crate::sys::{clock, futex};

/// The wait's process is told by its keeper.
pub(crate) const WAITER_ASYNC: u32 = 1;
/// The wait is a thread's and for one manual-reset event: it sleeps in the event's hall.
pub(crate) const WAITER_IN_HALL: u32 = 2;

/// How long the front waiter of a mutex competes with running threads before it is handed the mutex.
const HAND_OFF_NS: u64 = 1_000_000;

/// From how many on, besides the first, they are woken together.
const CROWD: usize = if cfg!(crash) { 2 } else { 8 };

/// Waiters to wake once the lock is dropped.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    first: Option<WaiterRef>,
    more: Vec<WaiterRef>,
    /// The event whose hall is to be called, and how many sleep there.
    hall: Option<(u32, usize)>,
}

impl Wakes {
    pub(crate) fn push(&mut self, waiter: WaiterRef) {
        if self.first.is_none() { self.first = Some(waiter) } else { self.more.push(waiter) }
    }

    /// One who sleeps in the hall of this event, and the owner record of his thread, plus one.
    fn push_in_hall(&mut self, space: &Space, event: u32, at: WaiterRef, sleeper: u32) {
        let before = match self.hall {
            Some((same, count)) if same == event => count,
            None => 0,
            Some(_) => return self.push(at),
        };
        self.hall = Some((event, before + 1));
        if before < CROWD {
            spin::will_run(space, sleeper); // of many nobody will be watched
        }
    }

    pub(crate) fn ring(&mut self, space: &'static Space) {
        #[cfg(any(test, planted))]
        if planted::has(Planted::DropWake) {
            return;
        }
        if let Some((event, _)) = self.hall.take() {
            Hall::of(space, event).call();
        }
        let is_crowd = self.more.len() >= CROWD;
        for waiter in self.first.take().into_iter().chain(self.more.drain(..)) {
            if is_crowd { gather(space, waiter) } else { wake(space, waiter) }
        }
        if is_crowd {
            wake_crowd(space);
        }
    }
}

/// Wakes whoever is behind a waiter: its thread, or its process's keeper.
pub(crate) fn wake(space: &'static Space, at: WaiterRef) {
    let Ok(waiter) = space.arena.waiter(at.index) else { return };
    if waiter.flags.load() & WAITER_IN_HALL != 0 {
        let node = waiter.first_node.load().checked_sub(1).and_then(|first| space.arena.node(first).ok());
        if let Some(event) = node.and_then(|node| ObjectRef::unpack(node.value_after.load())) {
            Hall::of(space, event.index).call();
        }
    } else if waiter.flags.load() & WAITER_ASYNC == 0 {
        spin::will_run(space, waiter.sleeper.load());
        futex::wake(waiter.claim.low(), 1);
    } else if let Some(process) = live::process_of_waiter(space, at.index) {
        let word = at.index / 64;
        space.arena.fixed().done[word as usize].or(1 << (at.index % 64));
        if let Ok(record) = space.arena.process(process.slot) {
            record.news[(word / 64) as usize].or(1 << (word % 64));
            ring(space, process.slot);
        }
    }
}

/// As [`wake`], but a thread sleeps on until [`wake_crowd`].
fn gather(space: &'static Space, at: WaiterRef) {
    match space.arena.waiter(at.index) {
        Ok(waiter) if waiter.flags.load() & (WAITER_ASYNC | WAITER_IN_HALL) == 0 => {
            spin::will_run(space, waiter.sleeper.load());
            futex::move_sleepers(waiter.claim.low(), space.arena.header().crowd.low());
        }
        _ => wake(space, at),
    }
}

pub(crate) fn wake_crowd(space: &Space) {
    futex::wake(space.arena.header().crowd.low(), i32::MAX);
}

/// Rings a process's doorbell.
pub(crate) fn ring(space: &Space, slot: u32) {
    if let Ok(record) = space.arena.process(slot) {
        record.doorbell.low().add(1);
        futex::wake(record.doorbell.low(), 1);
    }
}

/// A walk over a queue cannot be longer than there are nodes; one that begins again, because a wait-all was committed, does so once for each waiter at most.
struct Bounded {
    steps: u32,
    walks: u32,
}

impl Bounded {
    fn new(locked: &Locked) -> Bounded {
        let arena = &locked.cx.space.arena;
        Bounded { steps: arena.high_water(Table::Nodes) + 1, walks: arena.high_water(Table::Waiters) + 1 }
    }

    fn step(&mut self, locked: &Locked) -> Result<()> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| locked.cx.space.arena.corrupted("an endless queue"))?;
        Ok(())
    }

    fn begin_again(&mut self, locked: &Locked) -> Result<()> {
        let walks = self.walks.checked_sub(1).ok_or_else(|| locked.cx.space.arena.corrupted("a queue that is served for ever"))?;
        *self = Bounded { walks, ..Bounded::new(locked) };
        Ok(())
    }
}

/// The record of a change in progress; valid while `target` is not 0.
pub(crate) struct Intent;

/// What an intent vouches for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched {
    intent: Intended,
    /// Whether its change happened.
    happened: bool,
    pub(crate) state: State,
    /// How often the owner holds the mutex, if the change that happened was to count that.
    pub(crate) depth: Option<u32>,
}

impl Intent {
    /// Writes the intent: last the word that makes it valid.
    pub(crate) fn declare(locked: &Locked, decides: Decides, after: State, node: u32, generation: u32) {
        Intent::write(locked, u64::from(after.0), 0, Intended { decides, node, generation });
    }

    /// The same for one of the objects that the op with this tag takes together. A mutex that the waiter owns already will have this `depth`; 0 for
    /// the others.
    pub(crate) fn declare_all(locked: &Locked, after: State, depth: u32, node: u32, generation: u32, tag: u32) {
        Intent::write(locked, u64::from(depth) << 32 | u64::from(after.0), tag, Intended { decides: Decides::All, node, generation });
    }

    fn write(locked: &Locked, after: u64, tag: u32, intended: Intended) {
        let record = locked.target.record;
        record.before.store(u64::from(tag) << 32 | u64::from(locked.state.0));
        record.after.store(after);
        record.target.store(intended.pack());
    }

    pub(crate) fn clear(locked: &Locked) {
        locked.target.record.target.store(0);
    }

    /// What the intent of `word` vouches for, if there is one; it holds as long as the object is not unlocked.
    pub(crate) fn read(space: &Space, record: &Object, word: u64) -> Result<Option<Vouched>> {
        let Some(intent) = Intended::unpack(word) else { return Ok(None) };
        let node = space.arena.node(intent.node)?;
        let (before, after) = (record.before.load(), record.after.load());
        let happened = match WaiterRef::unpack(node.waiter.load()) {
            _ if intent.decides == Decides::Account => true,
            Some(at) => {
                let claim = Claim(space.arena.waiter(at.index)?.claim.load());
                intent.happened(claim, node.ordinal.load(), (before >> 32) as u32)
            }
            None => false,
        };
        let depth = Some((after >> 32) as u32).filter(|&depth| happened && depth != 0);
        Ok(Some(Vouched { intent, happened, state: State(if happened { after } else { before } as u32), depth }))
    }

    /// Finishes or undoes what the last locker left half done.
    pub(crate) fn resolve(locked: &mut Locked) -> Result<()> {
        let record = locked.target.record;
        let Some(Vouched { intent, happened, state, depth }) = Intent::read(locked.cx.space, record, record.target.load())? else {
            return Ok(());
        };
        let node = locked.node(intent.node)?;
        locked.write_state(state);
        let account = match (intent.decides, WaiterRef::unpack(node.waiter.load())) {
            _ if !happened => None,
            (Decides::Account, _) => Some(node),
            (Decides::Return, _) | (_, None) => None,
            (_, Some(at)) => locked.account_of_waiter(at)?,
        };
        if let Some(account) = account {
            account.value.store(account.value_after.load());
        }
        if let Some(depth) = depth {
            record.depth.store(depth);
        }
        Intent::clear(locked);
        Ok(())
    }
}

impl Locked {
    /// Grants to eligible waiters, oldest first, while the object is signalled; forgets waiters that wait no more. A wait-all that is busy, because
    /// somebody has another of its objects, is passed over, and the others served before that is said.
    pub(crate) fn hand_out(&mut self, all: Option<&AllLock>, wakes: &mut Wakes) -> Result<()> {
        self.poked = false;
        let mut outcome = Ok(());
        let mut until = None;
        let mut next = self.target.record.head.load();
        let mut steps = Bounded::new(self);
        let mut room = None;
        while let Some(index) = next.checked_sub(1) {
            steps.step(self)?;
            let node = self.node(index)?;
            next = node.next.load();
            let machine = node.machine(self.target.machine);
            match self.claim_of(node)?.filter(|(_, _, claim)| claim.is_waiting()) {
                None => self.unlink(index)?,
                Some(_) if !self.state.signalled(machine) && machine.family() == Family::Queue => {} // those behind may wait for the other end
                Some(_) if !self.state.signalled(machine) => break,
                Some(_) if node.role() == node_kind::WATCH => {}
                Some((at, _, _)) if node.role() == node_kind::WAIT_ALL => {
                    // One step for all of them.
                    let commit = |all: &AllLock| all::try_commit(self, *until.get_or_insert_with(|| all.step()), at);
                    match all.map_or(Ok(false), commit) {
                        Ok(true) => {
                            wakes.push(at);
                            steps.begin_again(self)?;
                            next = self.target.record.head.load();
                        }
                        Ok(false) => {}
                        Err(error) if lock::is_busy(&error) => outcome = Err(error),
                        Err(error) => return Err(error),
                    }
                }
                Some((at, waiter, claim)) => {
                    let is_message = matches!(machine, Machine::Receiver | Machine::Sender);
                    if is_message && room.is_none() {
                        room = Some(kinds::room(self)?);
                    }
                    let left = room.as_mut().filter(|_| is_message);
                    if left.as_ref().is_none_or(|room| room.left(machine) > 0) && self.grant(index, node, at, waiter, claim)? {
                        left.into_iter().for_each(|room| room.take(machine));
                        // (Who looks after its own wait need not be woken.)
                        let sleeper = waiter.sleeper.load();
                        let is_other = sleeper != spin::tag(self.cx.op);
                        if is_other && waiter.flags.load() & WAITER_IN_HALL != 0 {
                            wakes.push_in_hall(self.cx.space, self.target.at.index, at, sleeper);
                        } else if is_other {
                            wakes.push(at);
                        }
                    }
                }
            }
        }
        self.tell_watches(wakes)?;
        outcome
    }

    /// Takes every node out of the queue whose wait is over. (Serving does not come to those behind one who waits on.)
    pub(crate) fn sweep(mut self) -> Result<()> {
        let mut next = self.target.record.head.load();
        let mut steps = Bounded::new(&self);
        while let Some(index) = next.checked_sub(1) {
            steps.step(&self)?;
            let node = self.node(index)?;
            next = node.next.load();
            if self.claim_of(node)?.is_none_or(|(_, _, claim)| !claim.is_waiting()) {
                self.unlink(index)?;
            }
        }
        self.finish(None)
    }

    /// Ends the watches if the object stays signalled.
    fn tell_watches(&mut self, wakes: &mut Wakes) -> Result<()> {
        let is_queue = self.target.machine.family() == Family::Queue;
        if !is_queue && !self.state.stays_signalled(self.target.machine) {
            return Ok(());
        }
        let mut steps = Bounded::new(self);
        let mut next = self.target.record.head.load();
        while let Some(index) = next.checked_sub(1) {
            steps.step(self)?;
            let node = self.node(index)?;
            next = node.next.load();
            if node.role() != node_kind::WATCH {
                break;
            }
            if is_queue && !self.state.signalled(node.machine(self.target.machine)) {
                continue;
            }
            if let Some((at, waiter, claim)) = self.claim_of(node)?
                && let Some(granted) = claim.grant(node.ordinal.load())
                && waiter.claim.cas(claim.0, granted.0).is_ok()
            {
                wakes.push(at);
            }
            self.unlink(index)?;
        }
        Ok(())
    }

    /// Has all who wait look at the object again: threads are poked, and of each process without a thread's wait the keeper is rung once.
    pub(crate) fn rouse(&mut self, wakes: &mut Wakes) -> Result<()> {
        let mut rung: Vec<ProcessRef> = Vec::new();
        let mut next = self.target.record.head.load();
        let mut steps = Bounded::new(self);
        while let Some(index) = next.checked_sub(1) {
            steps.step(self)?;
            let node = self.node(index)?;
            next = node.next.load();
            let Some((at, waiter, mut claim)) = self.claim_of(node)? else { continue };
            if waiter.flags.load() & WAITER_ASYNC != 0 {
                if let Some(home) = live::process_of_waiter(self.cx.space, at.index).filter(|home| !rung.contains(home)) {
                    rung.push(home);
                    wakes.push(at);
                }
                continue;
            }
            while let Some(poked) = claim.poke().filter(|claim| claim.generation() == at.generation) {
                match waiter.claim.cas(claim.0, poked.0) {
                    Ok(()) => {
                        wakes.push(at);
                        break;
                    }
                    Err(met) => claim = Claim(met),
                }
            }
        }
        Ok(())
    }

    /// Releases a mutex that sleepers wait for: the front one is woken to compete, or handed the mutex when it has waited long.
    pub(crate) fn hand_out_politely(&mut self, all: Option<&AllLock>, wakes: &mut Wakes) -> Result<()> {
        let mut steps = Bounded::new(self);
        let mut next = self.target.record.head.load();
        while let Some(index) = next.checked_sub(1) {
            steps.step(self)?;
            let node = self.node(index)?;
            next = node.next.load();
            let Some((at, waiter, claim)) = self.claim_of(node)?.filter(|(_, _, claim)| claim.is_waiting()) else {
                self.unlink(index)?;
                continue;
            };
            if node.role() == node_kind::WATCH {
                continue; // told when the mutex is left free
            }
            let is_plain = node.role() == node_kind::WAIT && waiter.flags.load() & WAITER_ASYNC == 0;
            if !is_plain || all.is_some() || clock::now().saturating_sub(waiter.since.load()) >= HAND_OFF_NS {
                return self.hand_out(all, wakes);
            }
            if let Some(poked) = claim.poke()
                && waiter.claim.cas(claim.0, poked.0).is_ok()
            {
                self.poked = true;
                wakes.push(at);
                break;
            }
            next = index + 1; // it ended its wait
        }
        self.tell_watches(wakes)
    }

    /// One grant, G1 to G5; false if the waiter ended its wait first.
    fn grant(&mut self, index: u32, node: &'static Node, at: WaiterRef, waiter: &'static Waiter, mut claim: Claim) -> Result<bool> {
        let owner = OwnerRef::unpack(waiter.owner.load()).unwrap_or(OwnerRef { index: 0, generation: 0 });
        let before = self.state;
        let Some(taken) = before.take(node.machine(self.target.machine), owner) else { return Ok(false) };
        let account = self.account_of_waiter(at)?;
        if let Some(account) = account {
            account.value_after.store(account.value.load().wrapping_add(1));
        }
        self.hand_over(node, u32::from(taken.abandoned));
        node.value.store(u64::from(before.epoch()));
        waiter.ended_by.store(spin::tag(self.cx.op));
        Intent::declare(self, Decides::Grant, taken.state, index, at.generation);
        self.write_state(taken.state);
        let won = loop {
            let Some(granted) = claim.grant(node.ordinal.load()).filter(|c| c.generation() == at.generation) else { break false };
            match waiter.claim.cas(claim.0, granted.0) {
                Ok(()) => break true, // SYNC(claim)
                Err(met) => claim = Claim(met),
            }
        };
        match account {
            _ if !won => self.write_state(before),
            Some(account) => account.value.store(account.value_after.load()),
            None => {}
        }
        Intent::clear(self);
        self.unlink(index)?;
        Ok(won)
    }

    /// What the grant of a node tells its waiter. A mutex that is not abandoned goes over with depth 0, until its owner writes its own: an owner that dies
    /// before that has never had it (`ops::abandon`).
    pub(crate) fn hand_over(&self, node: &Node, news: u32) {
        node.news.store(news);
        if self.target.machine == Machine::Mutex && news == 0 {
            self.target.record.depth.store(0);
        }
    }

    /// The account of a waiter's process, where the object is a robust semaphore.
    pub(crate) fn account_of_waiter(&self, at: WaiterRef) -> Result<Option<&'static Node>> {
        if self.target.machine != Machine::RobustSemaphore {
            return Ok(None);
        }
        match live::process_of_waiter(self.cx.space, at.index) {
            Some(process) => Ok(self.account(process)?.map(|(_, node)| node)),
            None => Ok(None),
        }
    }

    /// A process's account with this robust semaphore, and its index.
    pub(crate) fn account(&self, process: ProcessRef) -> Result<Option<(u32, &'static Node)>> {
        let mut next = self.target.record.accounts.load();
        for _ in 0..crate::arena::layout::PROCESSES {
            let Some(index) = next.checked_sub(1) else { return Ok(None) };
            let node = self.node(index)?;
            if node.waiter.load() == process.pack() {
                return Ok(Some((index, node)));
            }
            next = node.next.load();
        }
        Err(self.cx.space.arena.corrupted("an endless list of accounts"))
    }

    /// Changes state and account together.
    pub(crate) fn change_with_account(&mut self, index: u32, account: &Node, value_after: u64, after: State) {
        account.value_after.store(value_after);
        Intent::declare(self, Decides::Account, after, index, 0);
        self.write_state(after);
        account.value.store(value_after);
        Intent::clear(self);
    }
}
