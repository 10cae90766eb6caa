//! The lock of one object.
//!
//! *What it is.* The locker field of the object's word. The compare-and-swap that takes it may change the state as well: that is
//! the linearisation point of Set, Release and their like on an object with a queue.
//!
//! *Invariants.* I1: an unlocked word is changed by compare-and-swap only; a locked one by its locker only. I2: queue links, intent
//! and accounts of an object change under its lock only. I3: when the lock is dropped, no eligible waiter waits for something
//! signalled, except that a free mutex may leave its front waiter *poked* (awake and trying). I4: nobody holds two object locks
//! but the holder of the wait-all lock, and nobody takes that one while holding an object lock. I5: watches (`watch.rs`) stand before all
//! waiters, and a lock that leaves its front waiter poked has told them all.
//!
//! *Death.* Whoever meets a lock whose locker is really gone swaps the locker for himself and recovers: the intent says whether
//! the last grant happened, the queue is rebuilt from the nodes, and what is signalled is handed out. If he lacks a descriptor or memory for
//! that, he puts the dead locker back, and whoever comes next begins anew: nobody uses what is half done. SYNC(lock): the unlocking store
//! (Release) pairs with the locking swap (Acquire).
//!
//! *Stopped is not dead.* A locker stopped in here delays users of this one object until it continues. Waiters for the lock spin
//! briefly, then sleep, and look at the locker's life each time.

use super::all::AllLock;
use super::claim::Claim;
use super::grant::{Intent, Wakes};
use super::word::{Family, Machine, State, Word};
use crate::arena::layout::{Node, Object, Table};
use crate::arena::refs::{ObjectRef, WaiterRef};
use crate::error::{Error, ErrorKind, Result};
use crate::kinds;
use crate::life::Life;
use crate::live::{self, Vitals};
use crate::machines::Held;
use crate::ops;
use crate::space::Cx;
use crate::sys::clock::{self, Deadline};
use crate::sys::{process, robust};

/// Queue nodes, and accounts of robust semaphores.
pub(crate) mod node_kind {
    pub(crate) const WAIT: u32 = 1;
    pub(crate) const WAIT_ALL: u32 = 2;
    pub(crate) const ACCOUNT: u32 = 3;
    pub(crate) const WATCH: u32 = 4;
}

impl Node {
    /// Its kind, of [`node_kind`].
    #[inline]
    pub(crate) fn role(&self) -> u32 {
        self.kind.load() & 0xff
    }

    /// As what the place waits for an object of this machine: a queue has several ends.
    #[inline]
    pub(crate) fn machine(&self, of: Machine) -> Machine {
        match Machine::from_code(self.kind.load() >> 8) {
            Some(end) if of.family() == Family::Queue && end.family() == Family::Queue => end,
            _ => of,
        }
    }

    /// The word `kind` of a place that waits for a target.
    pub(crate) fn kind_for(role: u32, machine: Machine) -> u32 {
        if machine.family() == Family::Queue { role | machine.code() << 8 } else { role }
    }
}

/// An object that a call works on: the record and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) record: &'static Object,
    pub(crate) at: ObjectRef,
    pub(crate) machine: Machine,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.machine, self.at.index)
    }
}

impl Target {
    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.record.word.load())
    }

    /// The word, unless the record has become another object: then the caller's handle was closed under him.
    #[inline]
    pub(crate) fn look(&self) -> Result<Word> {
        let word = self.word();
        if word.is_locked() || word.is_open(self.at.generation) { Ok(word) } else { Err(Error::closed()) }
    }

    #[inline]
    pub(crate) fn cas(&self, old: Word, new: Word) -> bool {
        self.record.word.cas(old.0, new.0).is_ok()
    }
}

/// A held lock. Dropping it, as an error on the way does, unlocks with the state reached.
#[derive(Debug)]
#[must_use]
pub(crate) struct Locked {
    pub(crate) cx: Cx,
    pub(crate) target: Target,
    pub(crate) state: State,
    /// Whether the lock leaves the front waiter of a free mutex awake.
    pub(crate) poked: bool,
}

/// Why a lock was not had.
pub(crate) enum NoLock {
    /// The deadline passed.
    TimedOut,
    Failed(Error),
}

impl From<Error> for NoLock {
    fn from(error: Error) -> Self {
        NoLock::Failed(error)
    }
}

impl From<NoLock> for Error {
    /// A caller without a deadline of its own meets `TimedOut` only when its patience is limited.
    fn from(no: NoLock) -> Error {
        match no {
            NoLock::Failed(error) => error,
            NoLock::TimedOut => Error::new(ErrorKind::System, "a lock is held by a process that is stopped").numbered(BUSY),
        }
    }
}

/// ERROR_BUSY: come back later.
const BUSY: u32 = 170;

/// Whether an error only says that somebody who is stopped holds a lock.
pub(crate) fn is_busy(error: &Error) -> bool {
    error.win32() == BUSY
}

/// Takes the lock, for as long as the caller has patience.
pub(crate) fn lock(cx: Cx, target: Target) -> Result<Locked> {
    Ok(lock_until(cx, target, Deadline::NEVER)?)
}

/// Takes the lock unless the deadline passes first.
pub(crate) fn lock_until(cx: Cx, target: Target, deadline: Deadline) -> std::result::Result<Locked, NoLock> {
    let mut patience = Patience::new(deadline);
    loop {
        let word = target.look()?;
        if let Some(locked) = try_lock_as(cx, target, word, word.state()) {
            return Ok(locked);
        }
        if word.is_locked() {
            patience.wait(cx, target, word)?;
        }
    }
}

/// Takes the lock if it is free now.
pub(crate) fn try_lock(cx: Cx, target: Target) -> Option<Locked> {
    let word = target.word();
    try_lock_as(cx, target, word, word.state())
}

/// Takes the lock and changes the state in one swap, if the word still is `word` and unlocked.
pub(crate) fn try_lock_as(cx: Cx, target: Target, word: Word, state: State) -> Option<Locked> {
    if !word.is_open(target.at.generation) || !target.cas(word, word.with_state(state).locked_by(cx.op)) {
        return None;
    }
    Some(Locked { cx, target, state, poked: false })
}

/// How a thread waits for somebody else's lock.
pub(crate) struct Patience {
    rounds: u32,
    deadline: Deadline,
}

const SPINS: u32 = 60;
const YIELDS: u32 = 8;

impl Patience {
    pub(crate) fn new(deadline: Deadline) -> Patience {
        Patience { rounds: 0, deadline }
    }

    /// Waits a little for the locked `word` to change; recovers the object when its locker is gone.
    pub(crate) fn wait(&mut self, cx: Cx, target: Target, word: Word) -> std::result::Result<(), NoLock> {
        self.rounds += 1;
        if self.rounds <= SPINS {
            std::hint::spin_loop();
            return Ok(());
        }
        let Some(locker) = word.locker() else { return Ok(()) };
        if locker.is(cx.op) {
            return Err(NoLock::Failed(Error::new(
                ErrorKind::WouldDeadlock,
                "this thread is already inside a byname call on the object; byname must not be called from signal handlers",
            )));
        }
        if self.rounds <= SPINS + YIELDS {
            process::yield_now();
            return Ok(());
        }
        cx.space.check()?;
        match live::vitals(cx.space, locker.index, |generation| {
            locker.is(crate::arena::refs::OwnerRef { index: locker.index, generation })
        })? {
            Vitals::Gone => recover(cx, target, word)?,
            _ if self.deadline.min(cx.patience).passed() => return Err(NoLock::TimedOut),
            Vitals::Leaving => robust::await_death(live::thread_word(cx.space.arena.owner(locker.index)?)),
            Vitals::Alive => clock::nap(if self.rounds < SPINS + YIELDS + 20 { 50_000 } else { 1_000_000 }),
        }
        Ok(())
    }
}

/// Takes the lock of a dead locker over and brings the object to order; harmless if somebody else was faster.
fn recover(cx: Cx, target: Target, word: Word) -> Result<()> {
    #[cfg(crash)]
    let _scope = crate::crash::recovery();
    // A locked word does not tell whose it is: the record may be another object than the caller believes.
    let at = ObjectRef { generation: Life(target.record.life.load()).generation(), ..target.at };
    let target = ops::target_at(cx.space, at)?;
    if !target.cas(word, word.locked_by(cx.op)) {
        return Ok(());
    }
    let mut locked = Locked { cx, target, state: word.state(), poked: false };
    match bring_to_order(&mut locked) {
        Ok(()) => locked.finish(None),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupted | ErrorKind::NamespaceLost) => Err(error),
        Err(error) => {
            locked.give_back_to_the_dead(word);
            Err(error)
        }
    }
}

fn bring_to_order(locked: &mut Locked) -> Result<()> {
    Intent::resolve(locked)?;
    kinds::mend(locked)?;
    locked.rebuild()
}

impl Held for Locked {
    fn state(&self) -> State {
        self.state
    }

    fn write_state(&mut self, state: State) {
        Locked::write_state(self, state);
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.open();
    }
}

impl Locked {
    /// Hands out what is signalled, unlocks, wakes.
    pub(crate) fn finish(mut self, all: Option<&AllLock>) -> Result<()> {
        let mut wakes = Wakes::default();
        let handed = self.hand_out(all, &mut wakes);
        self.unlock(&mut wakes);
        handed
    }

    /// Unlocks with the state reached, then wakes those who were granted.
    pub(crate) fn unlock(self, wakes: &mut Wakes) {
        let space = self.cx.space;
        self.unlock_quietly();
        wakes.ring(space);
    }

    /// Unlocks, and wakes nobody.
    pub(crate) fn unlock_quietly(self) {
        drop(self);
    }

    /// The lock is again that of the dead one from whom it was taken, at the state reached.
    fn give_back_to_the_dead(self, word: Word) {
        self.target.record.word.store(word.with_state(self.state).0); // SYNC(lock)
        std::mem::forget(self);
    }

    /// What unlocking does; a pulse ends here.
    fn open(&self) {
        let record = self.target.record;
        let is_event = matches!(self.target.machine, Machine::ManualEvent | Machine::AutoEvent);
        let state = if is_event && self.state.is_pulsed() { self.state.reset() } else { self.state };
        let word = Word::new(state).unlocked(record.head.load() != 0, record.alls.load() != 0, self.poked).of(self.target.at.generation);
        if record.target.load() != 0 {
            record.target.store(0); // an error came between an intent and its end; it must not outlive the lock
        }
        record.word.store(word.0); // SYNC(lock)
    }

    /// Changes the state while the word stays locked: nobody sees it before the unlock.
    pub(crate) fn write_state(&mut self, state: State) {
        self.state = state;
        let word = Word(self.target.record.word.load());
        self.target.record.word.store(word.with_state(state).0);
    }

    pub(crate) fn node(&self, index: u32) -> Result<&'static Node> {
        self.cx.space.arena.node(index)
    }

    /// The claim of the waiter behind a node, if that waiter still is the one the node names.
    pub(crate) fn claim_of(&self, node: &Node) -> Result<Option<(WaiterRef, &'static crate::arena::layout::Waiter, Claim)>> {
        let Some(at) = WaiterRef::unpack(node.waiter.load()) else { return Ok(None) };
        let waiter = self.cx.space.arena.waiter(at.index)?;
        let claim = Claim(waiter.claim.load());
        Ok((claim.generation() == at.generation).then_some((at, waiter, claim)))
    }

    /// Appends a node whose waiter, ordinal and kind are filled in.
    pub(crate) fn append(&mut self, index: u32) -> Result<()> {
        let record = self.target.record;
        let ticket = record.next_ticket.load();
        record.next_ticket.store(ticket.wrapping_add(1));
        let node = self.node(index)?;
        node.ticket.store(ticket);
        if node.role() == node_kind::WATCH { self.link_first(index) } else { self.link_last(index) }
    }

    /// Links a watch before all others.
    fn link_first(&mut self, index: u32) -> Result<()> {
        let (record, node) = (self.target.record, self.node(index)?);
        let head = record.head.load();
        node.prev.store(0);
        node.next.store(head);
        node.object.store(self.target.at.pack()); // from here a rebuild finds the node
        match head.checked_sub(1) {
            Some(first) => self.node(first)?.prev.store(index + 1),
            None => record.tail.store(index + 1),
        }
        record.head.store(index + 1);
        Ok(())
    }

    /// Links a node, which has its ticket, behind all others.
    fn link_last(&mut self, index: u32) -> Result<()> {
        let (record, node) = (self.target.record, self.node(index)?);
        node.next.store(0);
        let tail = record.tail.load();
        node.prev.store(tail);
        node.object.store(self.target.at.pack()); // from here a rebuild finds the node
        match tail.checked_sub(1) {
            Some(last) => self.node(last)?.next.store(index + 1),
            None => record.head.store(index + 1),
        }
        record.tail.store(index + 1);
        if node.role() == node_kind::WAIT_ALL {
            record.alls.store(record.alls.load().wrapping_add(1));
        }
        Ok(())
    }

    /// Takes a node out of the queue.
    pub(crate) fn unlink(&mut self, index: u32) -> Result<()> {
        let (record, node) = (self.target.record, self.node(index)?);
        let (prev, next) = (node.prev.load(), node.next.load());
        match prev.checked_sub(1) {
            Some(before) => self.node(before)?.next.store(next),
            None => record.head.store(next),
        }
        match next.checked_sub(1) {
            Some(after) => self.node(after)?.prev.store(prev),
            None => record.tail.store(prev),
        }
        if node.role() == node_kind::WAIT_ALL {
            record.alls.store(record.alls.load().saturating_sub(1));
        }
        node.object.store(0); // the record may be reused from here
        Ok(())
    }

    /// Whether the node is in this object's queue.
    pub(crate) fn holds(&self, node: &Node) -> bool {
        node.object.load() == self.target.at.pack()
    }

    /// Makes the queue anew from the nodes that say they belong to it: watches, then waiters in order of arrival.
    fn rebuild(&mut self) -> Result<()> {
        let arena = &self.cx.space.arena;
        let mut found = Vec::new();
        for index in 0..arena.high_water(Table::Nodes) {
            let node = arena.node(index)?;
            if self.holds(node) && node.role() != node_kind::ACCOUNT {
                found.push((node.role() != node_kind::WATCH, node.ticket.load(), index));
            }
        }
        found.sort_unstable();
        let record = self.target.record;
        record.head.store(0);
        record.tail.store(0);
        record.alls.store(0);
        for (.., index) in found {
            self.link_last(index)?;
        }
        Ok(())
    }
}
