//! The slots of a message queue.
//!
//! ```text
//! annex    0 flags            1 most messages | largest     2 first | last message
//!          3 free | fresh     4 messages | most ever        5 next ticket
//!          6 readers | writers                              7 slots taken
//!          8 bytes of data backed from the start            9 bytes idle in free slots
//!         10 slots that have memory | pages of accounts that have
//! account  generation of the process slot(63..32) | writers(31..16) | readers(15..0)
//! ```
//! *Who may write.* All of it under the object's lock, but LEFT.
//!
//! *States of a slot*, each change one store:
//! ```text
//!             ┌──────────── commit of a short message ────────────┐
//!           FREE ──reserve──▶ FILLING(process) ──commit──▶ READY(ticket) ──take──▶ READING(process) ──release──▶ FREE
//!                                                                └─────────── take of a short message ───────────┘
//! ```
//! LEFT is what was FILLING or READING and could not be given back for want of the lock: its process says so without it, and whoever derives frees it.
//!
//! *The truth* is in the slots, the accounts and the flags. A send is the store of READY, a receive the store of READING or FREE, an end more or less the
//! store of an account. Everything else, the lists, the counts and the bits of the object's word, follows from these ([`Slots::derive`]).
//!
//! *Order* is that of the commits. Who fills a slot delays nobody; a slot that is filled or read counts as taken.
//!
//! *Accounts.* How many readers and writers each process has, below the generation of its slot, so that its death takes them away.
//!
//! *Death.* With the lock: [`Slots::derive`] makes everything anew. In the middle of a message: with the dead named it frees the slot.

use crate::arena::layout::{ANNEX_WORDS, Slot};
use crate::arena::refs::ProcessRef;
use crate::cell::Word64;
use crate::dispatch::word::{Machine, State};
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};

/// The annex.
pub(crate) const FLAGS: usize = 0;
pub(crate) const LIMITS: usize = 1;
pub(crate) const FIFO: usize = 2;
pub(crate) const FREE: usize = 3;
pub(crate) const COUNT: usize = 4;
pub(crate) const TICKET: usize = 5;
pub(crate) const ENDS: usize = 6;
pub(crate) const TAKEN: usize = 7;
pub(crate) const BACKED: usize = 8;
pub(crate) const IDLE: usize = 9;
pub(crate) const TABLE: usize = 10;

/// Buffers are reserved when they are written.
pub(crate) const NOPRECOMMIT: u64 = 1;
/// Ends may come and go.
pub(crate) const ALLOW_BROKEN: u64 = 2;
/// There were readers and writers at one time.
const BOTH_SEEN: u64 = 4;
pub(crate) const BROKEN: u64 = 8;

/// The states of a slot: a tag, and what belongs to it.
pub(crate) mod state {
    use super::ProcessRef;

    pub(crate) const FREE: u64 = 0;
    pub(crate) const FILLING: u64 = 1;
    pub(crate) const READY: u64 = 2;
    pub(crate) const READING: u64 = 3;
    pub(crate) const LEFT: u64 = 4;
    const TAG: u64 = 7;

    pub(crate) fn tag(state: u64) -> u64 {
        state & TAG
    }

    pub(crate) fn ready(ticket: u64) -> u64 {
        ticket << 3 | READY
    }

    pub(crate) fn ticket(state: u64) -> u64 {
        state >> 3
    }

    /// FILLING or READING by a process.
    pub(crate) fn by(tag: u64, process: ProcessRef) -> u64 {
        u64::from(process.generation) << 16 | u64::from(process.slot) << 3 | tag
    }
}

#[inline(always)]
pub(crate) fn low(word: &Word64) -> u32 {
    word.load() as u32
}

#[inline(always)]
pub(crate) fn high(word: &Word64) -> u32 {
    (word.load() >> 32) as u32
}

#[inline(always)]
pub(crate) fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// How many blocked calls of each kind are worth waking.
#[derive(Debug)]
pub(crate) struct Room {
    receivers: u32,
    senders: u32,
}

impl Room {
    /// By the annex and the state of the locked queue.
    pub(crate) fn of(words: &[Word64; ANNEX_WORDS], state: State) -> Room {
        if state.is_broken_queue() {
            return Room { receivers: u32::MAX, senders: u32::MAX };
        }
        let most = low(&words[LIMITS]);
        let senders = if most == 0 { u32::MAX } else { most.saturating_sub(low(&words[TAKEN])) };
        // (An alert is one more, and so the first of them.)
        let receivers = low(&words[COUNT]).max(u32::from(state.signalled(Machine::Receiver)));
        Room { receivers, senders }
    }

    pub(crate) fn left(&self, machine: Machine) -> u32 {
        if machine == Machine::Receiver { self.receivers } else { self.senders }
    }

    pub(crate) fn take(&mut self, machine: Machine) {
        let left = if machine == Machine::Receiver { &mut self.receivers } else { &mut self.senders };
        *left -= 1;
    }
}

/// What never changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// But for the one of the alert, which follows them.
    pub(crate) slots: u32,
    /// 0: no limit.
    pub(crate) max_messages: u32,
    pub(crate) max_size: u32,
}

/// A locked queue.
pub(crate) trait Slots {
    type Error;

    fn words(&self) -> &[Word64; ANNEX_WORDS];
    fn bounds(&self) -> Bounds;
    fn slot(&self, index: u32) -> Result<&Slot, Self::Error>;
    /// Puts memory behind a slot that is used for the first time.
    fn begin(&self, index: u32) -> Result<(), Self::Error>;
    /// Bytes that lie idle when the slot is free.
    fn idle(&self, index: u32, slot: &Slot) -> u64;
    /// No slot is taken any more.
    fn emptied(&self);
    /// How many processes there may be.
    fn processes(&self) -> u32;
    fn account(&self, slot: u32) -> Result<&Word64, Self::Error>;
    /// Whether there is memory behind an account.
    fn has_account(&self, slot: u32) -> bool;
    fn make_account(&self, slot: u32) -> Result<(), Self::Error>;
    fn damaged(&self, what: &str) -> Self::Error;
    /// What was written and read counts only if the memory was there.
    fn check(&self) -> Result<(), Self::Error>;

    #[inline]
    fn alert(&self) -> u32 {
        self.bounds().slots
    }

    #[inline]
    fn flags(&self) -> u64 {
        self.words()[FLAGS].load()
    }

    #[inline]
    fn is_broken(&self) -> bool {
        self.flags() & BROKEN != 0
    }

    #[inline]
    fn has_alert(&self) -> Result<bool, Self::Error> {
        Ok(state::tag(self.slot(self.alert())?.state.load()) == state::READY)
    }

    /// How many more slots may be taken.
    #[inline]
    fn places(&self) -> u32 {
        match self.bounds().max_messages {
            0 => u32::MAX,
            most => most.saturating_sub(low(&self.words()[TAKEN])),
        }
    }

    /// The bits of the object's word.
    #[inline]
    fn state(&self) -> Result<State, Self::Error> {
        Ok(State::queue(low(&self.words()[COUNT]) > 0 || self.has_alert()?, self.places() > 0, self.is_broken()))
    }

    /// Whether a call of this end has another end to talk to (Q5).
    #[inline]
    fn is_connected(&self, end: Machine) -> bool {
        let (flags, ends) = (self.flags(), &self.words()[ENDS]);
        let others = if end == Machine::QueueReader { high(ends) } else { low(ends) };
        flags & BROKEN == 0 && (others > 0 || flags & ALLOW_BROKEN != 0)
    }

    /// A slot for a message, taken out of the free ones; `None` if the queue is full.
    #[inline]
    fn take_slot(&self, alert: bool) -> Result<Option<u32>, Self::Error> {
        if alert && state::tag(self.slot(self.alert())?.state.load()) == state::FREE {
            return Ok(Some(self.alert()));
        }
        if self.places() == 0 {
            self.has_alert()?; // touches the file
            return self.check().map(|()| None);
        }
        let words = self.words();
        let (free, fresh) = (low(&words[FREE]), high(&words[FREE]));
        let index = match free.checked_sub(1) {
            Some(index) => {
                let slot = self.slot(index)?;
                if state::tag(slot.state.load()) != state::FREE || index >= fresh {
                    return Err(self.damaged("a free slot that is none"));
                }
                words[FREE].store(pair(slot.next.load(), fresh));
                let idle = self.idle(index, slot);
                if idle != 0 {
                    words[IDLE].store(words[IDLE].load().saturating_sub(idle));
                }
                index
            }
            None => {
                self.begin(fresh)?;
                words[FREE].store(pair(0, fresh + 1));
                fresh
            }
        };
        words[TAKEN].store(words[TAKEN].load().wrapping_add(1));
        Ok(Some(index))
    }

    /// A slot is filled, or read, by a process.
    #[inline]
    fn own(&self, index: u32, tag: u64, process: ProcessRef) -> Result<(), Self::Error> {
        self.slot(index)?.state.store(state::by(tag, process));
        Ok(())
    }

    /// The message is there: from here it may be read.
    #[inline]
    fn commit(&self, index: u32, len: usize) -> Result<(), Self::Error> {
        let (words, slot) = (self.words(), self.slot(index)?);
        let ticket = words[TICKET].load();
        #[cfg(any(test, planted))]
        if planted::has(Planted::LoseMessage) && ticket % 64 == 63 {
            words[TICKET].store(ticket + 1);
            self.free(index, slot);
            return Ok(());
        }
        #[cfg(any(test, planted))]
        if planted::has(Planted::CommitEarly) {
            slot.state.store(state::ready(ticket));
        }
        slot.len.store(len as u32);
        slot.next.store(0);
        slot.state.store(state::ready(ticket));
        words[TICKET].store(ticket.wrapping_add(1));
        if index != self.alert() {
            self.append(index)?;
        }
        Ok(())
    }

    #[inline]
    fn append(&self, index: u32) -> Result<(), Self::Error> {
        let words = self.words();
        let (first, last) = (low(&words[FIFO]), high(&words[FIFO]));
        match last.checked_sub(1) {
            Some(last) => {
                self.slot(last)?.next.store(index + 1);
                words[FIFO].store(pair(first, index + 1));
            }
            None => words[FIFO].store(pair(index + 1, index + 1)),
        }
        let (count, most) = (low(&words[COUNT]).wrapping_add(1), high(&words[COUNT]));
        words[COUNT].store(pair(count, most.max(count)));
        Ok(())
    }

    /// The message that is read next: an alert, or the oldest.
    #[inline]
    fn first(&self) -> Result<Option<(u32, &Slot)>, Self::Error> {
        let has_alert = self.has_alert()?;
        #[cfg(any(test, planted))]
        let has_alert = has_alert && !(planted::has(Planted::AlertLast) && low(&self.words()[FIFO]) != 0);
        let index = if has_alert {
            self.alert()
        } else {
            match low(&self.words()[FIFO]).checked_sub(1) {
                Some(index) => index,
                None => return Ok(None),
            }
        };
        let slot = self.slot(index)?;
        if state::tag(slot.state.load()) != state::READY || slot.len.load() > self.bounds().max_size || slot.len.load() == 0 {
            return Err(self.damaged("a message that is none"));
        }
        Ok(Some((index, slot)))
    }

    /// Takes the message that [`Self::first`] gave out of the order.
    #[inline]
    fn take_out(&self, index: u32, slot: &Slot) {
        if index == self.alert() {
            return;
        }
        let (words, next) = (self.words(), slot.next.load());
        words[FIFO].store(if next == 0 { 0 } else { pair(next, high(&words[FIFO])) });
        let (count, most) = (low(&words[COUNT]), high(&words[COUNT]));
        words[COUNT].store(pair(count.saturating_sub(1), most));
    }

    #[inline]
    fn free(&self, index: u32, slot: &Slot) {
        slot.state.store(state::FREE);
        if index == self.alert() {
            return;
        }
        let words = self.words();
        slot.next.store(low(&words[FREE]));
        words[FREE].store(pair(index + 1, high(&words[FREE])));
        let taken = words[TAKEN].load().saturating_sub(1);
        words[TAKEN].store(taken);
        let idle = self.idle(index, slot);
        if idle != 0 {
            words[IDLE].store(words[IDLE].load().saturating_add(idle));
        }
        if taken == 0 {
            self.emptied();
        }
    }

    // --- accounts

    /// Says how many ends a process has: readers, writers.
    fn set_account(&self, process: ProcessRef, readers: u32, writers: u32) -> Result<(), Self::Error> {
        if !self.has_account(process.slot) {
            if readers | writers == 0 {
                return Ok(());
            }
            self.make_account(process.slot)?;
        }
        let word = self.account(process.slot)?;
        let before = word.load();
        let own =
            |value: u64| if (value >> 32) as u32 == process.generation { (value as u32 & 0xffff, value as u32 >> 16) } else { (0, 0) };
        let (had_readers, had_writers) = own(before);
        word.store(u64::from(process.generation) << 32 | u64::from(writers << 16 | readers));
        let ends = &self.words()[ENDS];
        let counted = |all: u32, had: u32, has: u32| all.wrapping_sub(had).wrapping_add(has);
        if (before >> 32) as u32 != process.generation && before as u32 != 0 {
            return self.count_ends(); // somebody's who was not settled
        }
        ends.store(pair(counted(low(ends), had_readers, readers), counted(high(ends), had_writers, writers)));
        Ok(())
    }

    fn count_ends(&self) -> Result<(), Self::Error> {
        let (mut readers, mut writers) = (0, 0);
        for slot in (0..self.processes()).filter(|slot| self.has_account(*slot)) {
            let account = self.account(slot)?.load() as u32;
            readers += account & 0xffff;
            writers += account >> 16;
        }
        self.words()[ENDS].store(pair(readers, writers));
        Ok(())
    }

    /// What follows from the ends: whether the queue breaks. True if it did now.
    fn look_at_ends(&self) -> Result<bool, Self::Error> {
        let words = self.words();
        let (readers, writers, flags) = (low(&words[ENDS]), high(&words[ENDS]), self.flags());
        let mut next = flags;
        if readers > 0 && writers > 0 {
            next |= BOTH_SEEN;
        }
        if next & BOTH_SEEN != 0 && next & ALLOW_BROKEN == 0 && (readers == 0 || writers == 0) {
            next |= BROKEN;
        }
        if next != flags {
            words[FLAGS].store(next);
        }
        Ok(next & !flags & BROKEN != 0)
    }

    /// Makes everything that follows from slots, accounts and flags; frees what the dead was filling or reading, if one is named.
    fn derive(&self, dead: Option<ProcessRef>) -> Result<(), Self::Error> {
        let words = self.words();
        if let Some(dead) = dead.filter(|dead| self.has_account(dead.slot)) {
            let account = self.account(dead.slot)?;
            if (account.load() >> 32) as u32 == dead.generation {
                account.store(0);
            }
        }
        self.count_ends()?;
        self.look_at_ends()?;
        let broken = self.is_broken();
        let is_over = |state: u64| match state::tag(state) {
            state::FREE => false,
            state::LEFT => true,
            state::READY => broken,
            tag @ (state::FILLING | state::READING) => dead.is_some_and(|dead| state == state::by(tag, dead)),
            _ => true,
        };
        let fresh = high(&words[FREE]).min(self.bounds().slots).min(low(&words[TABLE]));
        let (mut ready, mut free, mut taken, mut idle) = (Vec::new(), 0, 0u64, 0u64);
        let mut ticket = words[TICKET].load();
        let alert = self.slot(self.alert())?;
        if is_over(alert.state.load()) {
            alert.state.store(state::FREE);
        }
        for index in (0..fresh).rev() {
            let slot = self.slot(index)?;
            if is_over(slot.state.load()) {
                slot.state.store(state::FREE);
            }
            let now = slot.state.load();
            match state::tag(now) {
                state::FREE => {
                    slot.next.store(free);
                    free = index + 1;
                    idle += self.idle(index, slot);
                }
                tag => {
                    taken += 1;
                    if tag == state::READY {
                        ready.push((state::ticket(now), index));
                        ticket = ticket.max(state::ticket(now) + 1);
                    }
                }
            }
        }
        ready.sort_unstable();
        let most = high(&words[COUNT]);
        words[FIFO].store(0);
        words[COUNT].store(pair(0, most));
        words[FREE].store(pair(free, fresh));
        words[TAKEN].store(taken);
        words[IDLE].store(idle);
        words[TICKET].store(ticket);
        for (_, index) in ready {
            self.slot(index)?.next.store(0);
            self.append(index)?;
        }
        self.check()
    }
}
