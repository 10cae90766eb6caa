//! Message queues (contract 9.1 to 9.7).
//!
//! *What it is.* A file of slots ([`Slot`]), one message each, and an annex that says which are free and in which order the others are read. What is done to
//! those is `machines/queue.rs`.
//! ```text
//! file    accounts: a word for each process slot
//!         slots: one for each message, one for alerts
//!         data: a stretch for each slot
//! ```
//! The data of a slot that is filled or read belongs to that process alone. What it cannot give back, since somebody who is stopped has the lock, is LEFT to its keeper, who
//! frees it as soon as it gets the lock.
//!
//! *Short* messages (up to [`SHORT`] bytes) are copied under the lock, in one go. Others are copied outside, as the forms without a copy are.
//!
//! *Accounts.* How many readers and writers each process has. A process's own count is private ([`HANDLES`]); its account is brought to it under the lock,
//! now or, where somebody is stopped with the lock, by the keeper.
//!
//! *Broken.* Without ALLOW_BROKEN, a queue that has had both ends and loses one is broken for good: its messages are gone, its name is free for
//! another, and every end is signalled and says Disconnected.
//!
//! *Who is woken.* Places in the object's queue are of an end. A wait for an end takes nothing. A blocked call ([`Machine::Receiver`], [`Machine::Sender`])
//! is granted only as far as there are messages or room ([`Room`]), and looks again; if it does not, having died or given up, the next is told.
//!
//! *Memory.* With precommit all of it is reserved before the queue is seen. Else a slot's stretch is reserved before it is first written, in
//! steps, and given back: where stretches are large ([`LARGE`]) each by itself when more than [`KEEP`] lie idle, else all at once when the queue is empty.
//!
//! *Death.* With the lock: [`mend`] derives everything anew. In the middle of a message: [`settle`] frees the slot; a message that the dead was
//! reading is lost, one that it was writing never was.
//!
//! *A file that is gone.* Who has it mapped goes on, but for what needs it opened. The dead are settled by who has it mapped; where the dead alone had it, nothing is left to
//! settle or mend, and the queue ends with them.

use crate::arena::backing;
use crate::arena::layout::{ANNEX_WORDS, PROCESSES, Slot, Table};
use crate::arena::memory::{Borrowed, Memory};
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef};
use crate::cell::Word64;
use crate::cell::private::Ordering;
use crate::dispatch::all::AllLock;
use crate::dispatch::claim::Claim;
use crate::dispatch::grant::Wakes;
use crate::dispatch::lock::{self, Locked, Target};
use crate::dispatch::word::{Machine, State, Word};
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::live;
use crate::machines::queue::{
    ALLOW_BROKEN, BACKED, BROKEN, Bounds, COUNT, ENDS, FLAGS, FREE, IDLE, LIMITS, NOPRECOMMIT, Room, Slots, TABLE, high, low, pair, state,
};
use crate::ops;
use crate::owner;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::space::{Cx, Space};
use std::ops::Deref;

/// The largest message.
pub(crate) const LARGEST: u32 = 64 << 20;
/// The most messages that a queue with a limit may have.
pub(crate) const MOST: u32 = 1 << 26;
/// The most bytes that such a queue may have.
pub(crate) const MOST_BYTES: u64 = 1 << 40;
/// A queue without a limit has so many slots, and so many bytes of addresses.
const UNLIMITED: u32 = 1 << 20;
const SPAN: u64 = 64 << 30;

/// What is copied under the lock.
const SHORT: usize = 4096;
/// A stretch of this size is reserved and given back by itself.
const LARGE: u64 = 65_536;
/// Stretches that lie idle, at most.
const KEEP: u64 = 16 << 20;
/// An empty queue of small stretches gives its memory back when it has more than this.
const TRIM: u64 = 4 << 20;
/// Memory is reserved in steps of this.
const STEP: u64 = 65_536;
const PAGE: u64 = 4096;

const SLOTS_AT: u64 = PROCESSES as u64 * 8;
const SLOT: u64 = size_of::<Slot>() as u64;

/// The private notes of a queue's memory ([`Memory::notes`]): the last is this process's handles, readers below, writers above.
const HANDLES: usize = 3;

/// What never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    flags: u64,
    /// 0: no limit.
    max_messages: u32,
    max_size: u32,
    slots: u32,
    stride: u64,
    data_at: u64,
}

impl Shape {
    /// `None` for what no queue can be.
    fn new(flags: u64, max_messages: u32, max_size: u32) -> Option<Shape> {
        if max_size == 0 || max_size > LARGEST || max_messages > MOST {
            return None;
        }
        let size = u64::from(max_size);
        let stride = if size >= LARGE { size.next_multiple_of(PAGE) } else { size.next_multiple_of(64) };
        let slots = if max_messages == 0 { (SPAN / stride).min(u64::from(UNLIMITED)) as u32 } else { max_messages };
        let data_at = SLOTS_AT + (u64::from(slots + 1) * SLOT).next_multiple_of(PAGE);
        let shape = Shape { flags: flags & (NOPRECOMMIT | ALLOW_BROKEN), max_messages, max_size, slots, stride, data_at };
        (max_messages == 0 || shape.size() <= MOST_BYTES).then_some(shape)
    }

    fn of_annex(words: &[Word64]) -> Option<Shape> {
        let limits = words[LIMITS].load();
        Shape::new(words[FLAGS].load(), limits as u32, (limits >> 32) as u32)
    }

    fn note(self, memory: &Memory) {
        memory.notes[0].store(self.flags, Ordering::Relaxed);
        memory.notes[1].store(u64::from(self.max_messages) | u64::from(self.max_size) << 32, Ordering::Relaxed);
        memory.notes[2].store(u64::from(self.slots) | self.stride << 32, Ordering::Relaxed);
        memory.notes[HANDLES].store(0, Ordering::Relaxed);
    }

    #[inline]
    fn of_notes(memory: &Memory) -> Shape {
        let [flags, limits, slots, _] = memory.notes.each_ref().map(|note| note.load(Ordering::Relaxed));
        let data_at = SLOTS_AT + (u64::from(slots as u32 + 1) * SLOT).next_multiple_of(PAGE);
        Shape { flags, max_messages: limits as u32, max_size: (limits >> 32) as u32, slots: slots as u32, stride: slots >> 32, data_at }
    }

    fn size(&self) -> u64 {
        self.data_at + (u64::from(self.slots) + 1) * self.stride
    }

    #[inline]
    fn precommits(&self) -> bool {
        self.flags & NOPRECOMMIT == 0
    }

    /// Whether the slot's stretch is reserved by itself.
    #[inline]
    fn is_apart(&self, slot: u32) -> bool {
        self.stride >= LARGE || slot == self.slots
    }

    #[inline]
    fn data(&self, slot: u32) -> u64 {
        self.data_at + u64::from(slot) * self.stride
    }
}

/// What a queue is made of; checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) flags: u64,
    pub(crate) max_messages: u32,
    pub(crate) max_size: u32,
}

impl Plan {
    /// No limit implies NOPRECOMMIT.
    pub(crate) fn new(no_precommit: bool, allow_broken: bool, max_messages: u32, max_size: u32) -> Result<Plan> {
        if max_size == 0 || max_size > LARGEST {
            return Err(Error::invalid_argument(format!("max_size {max_size} is out of range; a message has 1 to {LARGEST} bytes")));
        }
        if max_messages > MOST {
            return Err(Error::invalid_argument(format!(
                "max_messages {max_messages} is out of range; it is 1 to {MOST}, or 0 for no limit"
            )));
        }
        let flags = if no_precommit || max_messages == 0 { NOPRECOMMIT } else { 0 } | if allow_broken { ALLOW_BROKEN } else { 0 };
        match Shape::new(flags, max_messages, max_size) {
            Some(_) => Ok(Plan { flags, max_messages, max_size }),
            None => Err(Error::invalid_argument(format!(
                "{max_messages} messages of {max_size} bytes are more than {} GiB; ask for fewer, or for no limit",
                MOST_BYTES >> 30
            ))),
        }
    }

    pub(crate) fn annex(self) -> [u64; ANNEX_WORDS] {
        let mut words = [0; ANNEX_WORDS];
        words[FLAGS] = self.flags;
        words[LIMITS] = u64::from(self.max_messages) | u64::from(self.max_size) << 32;
        words
    }

    pub(crate) fn state() -> State {
        State::queue(false, true, false)
    }
}

/// What a queue says of itself (contract 9.1, MSGQUEUEINFO).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// How many messages it can hold; 0: as many as memory can.
    pub max_messages: u32,
    /// The largest message, in bytes.
    pub max_size: u32,
    /// Messages that wait now; a pending alert does not count.
    pub messages: u32,
    /// The most that ever waited at one time.
    pub most_messages: u32,
    /// Open reading ends.
    pub readers: u32,
    /// Open writing ends.
    pub writers: u32,
    /// Whether ends may come and go.
    pub allow_broken: bool,
    /// Whether buffers are reserved only when they are written.
    pub no_precommit: bool,
}

/// A queue's numbers, by its annex. Without the lock they may be of a change half done.
pub(crate) fn numbers(words: &[u64; ANNEX_WORDS]) -> QueueInfo {
    let (low, high) = (|at: usize| words[at] as u32, |at: usize| (words[at] >> 32) as u32);
    QueueInfo {
        max_messages: low(LIMITS),
        max_size: high(LIMITS),
        messages: low(COUNT),
        most_messages: high(COUNT),
        readers: low(ENDS),
        writers: high(ENDS),
        allow_broken: words[FLAGS] & ALLOW_BROKEN != 0,
        no_precommit: words[FLAGS] & NOPRECOMMIT != 0,
    }
}

// --- the memory

/// A queue's memory, on our shelf or borrowed.
enum Mapped<'a> {
    Ours(&'static Memory),
    Borrowed(Borrowed<'a>),
}

impl Deref for Mapped<'_> {
    type Target = Memory;
    fn deref(&self) -> &Memory {
        match self {
            Mapped::Ours(memory) => memory,
            Mapped::Borrowed(memory) => memory,
        }
    }
}

#[inline]
fn annex(space: &Space, target: Target) -> Result<(u32, &'static [Word64; ANNEX_WORDS])> {
    let index = target.record.annex.load().checked_sub(1).ok_or_else(|| space.arena.corrupted("a queue without an annex"))?;
    Ok((index, &space.arena.annex(index)?.words))
}

fn shape(space: &Space, words: &[Word64]) -> Result<Shape> {
    Shape::of_annex(words).ok_or_else(|| space.arena.corrupted("a queue that cannot be"))
}

/// Of an object that this process may not have open.
fn memory_for(space: &'static Space, target: Target) -> Result<Mapped<'static>> {
    let (index, words) = annex(space, target)?;
    if let Some(memory) = space.memories.get(index, target.at) {
        return Ok(Mapped::Ours(memory));
    }
    let shape = shape(space, words)?;
    Borrowed::new(&space.memories, &space.arena, target.at, shape.size(), |memory| shape.note(memory)).map(Mapped::Borrowed)
}

/// The memory of an object that this process has open; the caller has the lock, or holds the object.
#[inline]
fn memory_of(space: &Space, target: Target) -> Result<&'static Memory> {
    let (index, _) = annex(space, target)?;
    space.memories.get(index, target.at).ok_or_else(Error::closed)
}

pub(crate) fn build(cx: Cx, target: Target) -> Result<()> {
    let arena = &cx.space.arena;
    let (_, words) = annex(cx.space, target)?;
    let shape = shape(cx.space, words)?;
    let reserved = if shape.precommits() { shape.size() } else { PAGE };
    let file = backing::create(arena, target.at, shape.size(), reserved).map_err(no_memory)?;
    let (mut slots, mut pages) = (0, 1);
    if shape.precommits() {
        (slots, pages) = (shape.slots + 1, u32::MAX);
        words[BACKED].store(shape.size() - shape.data_at);
    } else {
        let alert = SLOTS_AT + u64::from(shape.slots) * SLOT;
        backing::reserve(arena, target.at, &file, alert / PAGE * PAGE, PAGE).map_err(no_memory)?;
    }
    words[TABLE].store(u64::from(slots) | u64::from(pages) << 32);
    Ok(())
}

/// Shortage of memory has a number of its own in queues.
fn no_memory(error: Error) -> Error {
    if error.kind() == ErrorKind::NoSpace { error.numbered(14) } else { error }
}

pub(crate) fn bury(space: &Space, at: ObjectRef) -> Result<()> {
    backing::remove(&space.arena, at)
}

// --- the queue under its lock

/// A locked queue.
struct Messages<'a> {
    space: &'static Space,
    at: ObjectRef,
    memory: &'a Memory,
    words: &'static [Word64; ANNEX_WORDS],
    shape: Shape,
}

impl<'a> Messages<'a> {
    #[inline]
    fn new(space: &'static Space, target: Target, memory: &'a Memory) -> Result<Messages<'a>> {
        let (_, words) = annex(space, target)?;
        Ok(Messages { space, at: target.at, memory, words, shape: Shape::of_notes(memory) })
    }

    /// Whether a call of this end has another end to talk to (Q5).
    #[inline]
    fn check_end(&self, end: Machine) -> Result<()> {
        if self.is_connected(end) { Ok(()) } else { Err(self.disconnected(self.is_broken(), end)) }
    }

    #[cold]
    fn disconnected(&self, broken: bool, end: Machine) -> Error {
        let others = if end == Machine::QueueReader { "writer" } else { "reader" };
        let what = if broken {
            "the queue is broken: it has lost its last reader or writer, and its messages; close it and create it again, or allow broken queues".to_owned()
        } else {
            format!("the queue has no {others}; open one first, or allow broken queues")
        };
        Error::new(ErrorKind::Disconnected, what)
    }

    fn reserve(&self, offset: u64, len: u64) -> Result<()> {
        let arena = &self.space.arena;
        let file = backing::open(arena, self.at, self.shape.size())?;
        backing::reserve(arena, self.at, &file, offset, len).map_err(no_memory)
    }

    /// Whether so many bytes of the slot's data have memory behind them.
    #[inline]
    fn is_backed(&self, index: u32, slot: &Slot, len: usize) -> bool {
        self.shape.precommits() || !self.shape.is_apart(index) || slot.backed.load() as usize >= len
    }

    /// Puts memory behind a slot's data. The caller has the slot to himself.
    fn back(&self, index: u32, len: usize) -> Result<()> {
        let slot = self.slot(index)?;
        if !self.is_backed(index, slot, len) {
            let want = (len as u64).next_multiple_of(PAGE).min(self.shape.stride);
            let from = self.shape.data(index);
            self.reserve(from, want)?;
            slot.backed.store(want as u32);
        }
        Ok(())
    }

    /// Takes the memory behind a slot's data away, if enough lies idle. The caller has the slot to himself.
    fn unback(&self, index: u32, slot: &Slot) {
        if self.is_superfluous(index, slot) {
            let (from, len) = (self.shape.data(index), u64::from(slot.backed.load()).min(self.shape.stride));
            // Where no file can be opened now the slot keeps it.
            let Ok(file) = backing::open(&self.space.arena, self.at, self.shape.size()) else { return };
            slot.backed.store(0);
            let _ = file.punch(from, len);
        }
    }

    #[inline]
    fn is_superfluous(&self, index: u32, slot: &Slot) -> bool {
        let backed = u64::from(slot.backed.load());
        !self.shape.precommits()
            && self.shape.stride >= LARGE
            && index != self.alert()
            && self.words[IDLE].load().saturating_add(backed) > KEEP
    }

    /// Gives back the memory of an empty queue but for the beginning. An alert may be pending: its stretch, which comes last, is not touched.
    #[cold]
    fn trim(&self) {
        let (backed, keep) = (self.words[BACKED].load().min(u64::from(self.shape.slots) * self.shape.stride), TRIM / 4);
        self.words[BACKED].store(keep);
        self.words[FREE].store(0);
        if let Ok(file) = backing::open(&self.space.arena, self.at, self.shape.size()) {
            let _ = file.punch(self.shape.data_at + keep, backed.saturating_sub(keep));
        }
    }

    fn info(&self) -> QueueInfo {
        numbers(&self.words.each_ref().map(Word64::load))
    }
}

impl Slots for Messages<'_> {
    type Error = Error;

    #[inline]
    fn words(&self) -> &[Word64; ANNEX_WORDS] {
        self.words
    }

    #[inline]
    fn bounds(&self) -> Bounds {
        Bounds { slots: self.shape.slots, max_messages: self.shape.max_messages, max_size: self.shape.max_size }
    }

    #[inline]
    fn slot(&self, index: u32) -> Result<&Slot> {
        let slot = if index <= self.shape.slots { self.memory.record(SLOTS_AT + u64::from(index) * SLOT) } else { None };
        slot.ok_or_else(|| self.damaged("a slot beyond the last"))
    }

    /// Its data is backed, too, if that is not reserved by itself.
    fn begin(&self, index: u32) -> Result<()> {
        if index >= self.shape.slots {
            let what =
                if self.shape.max_messages == 0 { "the queue holds as many messages as it can; read some" } else { "no slot is free" };
            return Err(Error::new(ErrorKind::NoSpace, what).numbered(14));
        }
        let table = low(&self.words[TABLE]);
        if index >= table {
            let step = (STEP / SLOT) as u32;
            let more = step.min(self.shape.slots - index);
            self.reserve(SLOTS_AT + u64::from(index) * SLOT, u64::from(more) * SLOT)?;
            self.words[TABLE].store(pair(index + more, high(&self.words[TABLE])));
        }
        let (backed, end) = (self.words[BACKED].load(), (u64::from(index) + 1) * self.shape.stride);
        if end > backed && !self.shape.is_apart(index) {
            let to = end.next_multiple_of(STEP).min((u64::from(self.shape.slots) + 1) * self.shape.stride);
            self.reserve(self.shape.data_at + backed, to.saturating_sub(backed))?;
            self.words[BACKED].store(to);
        }
        Ok(())
    }

    #[inline]
    fn idle(&self, index: u32, slot: &Slot) -> u64 {
        if self.shape.is_apart(index) { u64::from(slot.backed.load()) } else { 0 }
    }

    #[inline]
    fn emptied(&self) {
        if !self.shape.precommits() && self.shape.stride < LARGE && self.words[BACKED].load() > TRIM {
            self.trim();
        }
    }

    fn processes(&self) -> u32 {
        self.space.arena.high_water(Table::Processes)
    }

    fn account(&self, slot: u32) -> Result<&Word64> {
        let word = if slot < PROCESSES { self.memory.record(u64::from(slot) * 8) } else { None };
        word.ok_or_else(|| self.damaged("an account beyond the last"))
    }

    fn has_account(&self, slot: u32) -> bool {
        high(&self.words[TABLE]) >> (u64::from(slot) * 8 / PAGE) & 1 != 0
    }

    fn make_account(&self, slot: u32) -> Result<()> {
        let page = u64::from(slot) * 8 / PAGE;
        self.reserve(page * PAGE, PAGE)?;
        self.words[TABLE].store(self.words[TABLE].load() | 1 << (32 + page));
        Ok(())
    }

    #[cold]
    fn damaged(&self, what: &str) -> Error {
        if self.memory.is_lost() {
            return backing::lost("truncated", &backing::path(&self.space.arena, self.at));
        }
        self.space.arena.corrupted(what)
    }

    #[inline]
    fn check(&self) -> Result<()> {
        if self.memory.is_lost() { Err(self.damaged("")) } else { Ok(()) }
    }
}

/// Does `act` under the object's lock, which the caller has, then serves those who wait, wait-alls included.
fn within_lock<R>(
    cx: Cx,
    target: Target,
    (all, mut locked): (Option<AllLock>, Locked),
    memory: &Memory,
    act: impl FnOnce(&Messages<'_>) -> Result<R>,
) -> Result<R> {
    let messages = Messages::new(cx.space, target, memory)?;
    let done = act(&messages);
    let state = messages.state()?;
    locked.state = state;
    ops::serve(locked, all, false)?;
    if state.is_broken_queue() {
        match index::release_name(cx, target.at) {
            Err(error) if lock::is_busy(&error) => {} // who finds it by its name does it
            released => released?,
        }
    }
    done
}

// --- what the core asks

pub(crate) fn mend(locked: &mut Locked) -> Result<()> {
    let (space, target) = (locked.cx.space, locked.target);
    let (_, words) = annex(space, target)?;
    shape(space, words)?;
    let memory = match memory_for(space, target) {
        Err(error) if is_the_deads(space, target, &error)? => {
            words[FLAGS].store(words[FLAGS].load() | BROKEN);
            locked.write_state(State::queue(false, false, true));
            return Ok(());
        }
        // It is not damaged: somebody has it mapped, and the lock is the dead's until he comes.
        Err(error) if backing::is_gone(&error) => return Err(Error::new(ErrorKind::System, error.message().to_owned())),
        memory => memory?,
    };
    let messages = Messages::new(space, target, &memory)?;
    messages.derive(None)?;
    let state = messages.state()?;
    locked.write_state(state);
    Ok(())
}

/// Its memory cannot be opened, since the file is gone, and nobody alive has it mapped.
fn is_the_deads(space: &Space, target: Target, error: &Error) -> Result<bool> {
    Ok(backing::is_gone(error) && !index::is_held_by_the_living(space, target.at.index)?)
}

pub(crate) fn settle(cx: Cx, dead: ProcessRef, target: Target) -> Result<()> {
    let (all, locked) = ops::lock_with_all(cx, target)?; // first: else our last handle may be closed meanwhile, and the memory unmapped
    let (_, words) = annex(cx.space, target)?;
    shape(cx.space, words)?;
    let memory = match memory_for(cx.space, target) {
        Err(error) if is_the_deads(cx.space, target, &error)? => return Ok(()),
        memory => memory?,
    };
    within_lock(cx, target, (all, locked), &memory, |messages| messages.derive(Some(dead)))
}

pub(crate) fn room(locked: &Locked) -> Result<Room> {
    let (space, target) = (locked.cx.space, locked.target);
    let (_, words) = annex(space, target)?;
    Ok(Room::of(words, locked.state))
}

pub(crate) fn is_broken(record: &crate::arena::layout::Object) -> bool {
    Word(record.word.load()).state().is_broken_queue()
}

/// One of a handle's units in [`HANDLES`].
fn unit(end: Machine) -> u64 {
    if end == Machine::QueueReader { 1 } else { 1 << 32 }
}

/// The most ends of one kind that a process may have (contract 9.1: they are counted in 16 bits).
const MOST_ENDS: u32 = u16::MAX as u32;

/// Brings our account to what our handles are. (The lock comes first: the keeper may be at it when the last of them is closed.)
fn account_for_us(cx: Cx, target: Target) -> Result<()> {
    let (all, locked) = ops::lock_with_all(cx, target)?;
    let memory = memory_of(cx.space, target)?;
    within_lock(cx, target, (all, locked), memory, |messages| {
        let handles = memory.notes[HANDLES].load(Ordering::Acquire);
        messages.set_account(cx.space.me(), handles as u32, (handles >> 32) as u32)?;
        if messages.look_at_ends()? { messages.derive(None) } else { messages.check() }
    })
}

/// An object that this process holds gets one end more, which a handle will be. False, and none, if it is broken.
pub(crate) fn attach(cx: Cx, target: Target) -> Result<bool> {
    let (index, words) = annex(cx.space, target)?;
    let shape = shape(cx.space, words)?;
    let memory = cx.space.memories.map(&cx.space.arena, index, target.at, shape.size(), |memory| shape.note(memory))?;
    let handles = memory.notes[HANDLES].fetch_add(unit(target.machine), Ordering::AcqRel);
    let full = (if target.machine == Machine::QueueReader { handles as u32 } else { (handles >> 32) as u32 }) >= MOST_ENDS;
    let undo = || memory.notes[HANDLES].fetch_sub(unit(target.machine), Ordering::AcqRel);
    if full {
        undo();
        return Err(Error::new(
            ErrorKind::LimitReached,
            format!("this process has {MOST_ENDS} handles of this queue, the limit; close some"),
        ));
    }
    let attached = account_for_us(cx, target).map(|()| words[FLAGS].load() & BROKEN == 0);
    if !matches!(attached, Ok(true)) {
        undo();
        let _ = account_for_us(cx, target);
    }
    attached
}

/// Whether a queue that exists fits one that was asked for: it must have the same largest message.
pub(crate) fn check_size(cx: Cx, target: Target, max_size: u32) -> Result<()> {
    let (_, words) = annex(cx.space, target)?;
    let has = high(&words[LIMITS]);
    if has == max_size {
        return Ok(());
    }
    Err(Error::invalid_argument(format!("the queue has messages of up to {has} bytes, not of {max_size}; ask for max_size {has}")))
}

/// One more end of an object that this process has open already, whether it is broken or not: so a duplicate is what it was made of.
pub(crate) fn attach_another(cx: Cx, target: Target) -> Result<()> {
    if attach(cx, target)? { Ok(()) } else { Err(broken()) }
}

pub(crate) fn broken() -> Error {
    Error::new(ErrorKind::Disconnected, "the queue is broken: it has lost its last reader or writer; close it and create it again")
}

/// How long a close waits for the object's lock; the keeper does it then.
const CLOSING_NS: u64 = 20_000_000;

/// A handle is closed: one end less. Blocked calls of this process look whether it was theirs.
pub(crate) fn detach(cx: Cx, target: Target) -> Result<()> {
    let Ok(memory) = memory_of(cx.space, target) else { return Ok(()) };
    memory.notes[HANDLES].fetch_sub(unit(target.machine), Ordering::AcqRel);
    let cx = cx.hurried(CLOSING_NS);
    match account_for_us(cx, target).and_then(|()| wake_ours(cx, target)) {
        Err(error) if lock::is_busy(&error) => {
            cx.space.asyncs.serve_later(cx, target.at);
            Ok(())
        }
        other => other,
    }
}

/// How many readers our handles are.
pub(crate) fn readers_here(space: &Space, target: Target) -> u32 {
    memory_of(space, target).map_or(0, |memory| memory.notes[HANDLES].load(Ordering::Acquire) as u32)
}

/// Ends the waits of our blocked calls: they look again, and find their handle closed, or wait anew.
fn wake_ours(cx: Cx, target: Target) -> Result<()> {
    if target.record.head.load() == 0 {
        return Ok(());
    }
    let locked = lock::lock(cx, target)?;
    let mut wakes = Wakes::default();
    let mut next = target.record.head.load();
    for _ in 0..=cx.space.arena.high_water(Table::Nodes) {
        let Some(index) = next.checked_sub(1) else { break };
        let node = locked.node(index)?;
        next = node.next.load();
        let is_call = matches!(node.machine(target.machine), Machine::Receiver | Machine::Sender);
        if is_call
            && let Some((at, waiter, claim)) = locked.claim_of(node)?
            && live::process_of_waiter(cx.space, at.index) == Some(cx.space.me())
            && let Some(cancelled) = Claim(claim.0).cancel()
            && waiter.claim.cas(claim.0, cancelled.0).is_ok()
        {
            wakes.push(at);
        }
    }
    locked.unlock(&mut wakes);
    Ok(())
}

pub(crate) fn leave(cx: Cx, target: Target) -> Result<()> {
    let Ok(memory) = memory_of(cx.space, target) else { return Ok(()) };
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let messages = Messages::new(cx.space, target, memory)?;
    let left = messages
        .set_account(cx.space.me(), 0, 0)
        .and_then(|()| messages.look_at_ends())
        .and_then(|broke| if broke { messages.derive(None) } else { Ok(()) });
    let state = messages.state()?;
    locked.state = state;
    cx.space.memories.unmap(memory);
    ops::serve(locked, all, false)?;
    if state.is_broken_queue() {
        index::release_name(cx, target.at)?;
    }
    left
}

pub(crate) fn catch_up(cx: Cx, target: Target) -> Result<()> {
    if memory_of(cx.space, target).is_err() {
        return Ok(());
    }
    account_for_us(cx, target)?;
    give_back_the_left(cx, target)?;
    wake_ours(cx, target)
}

/// Frees what [`leave_behind`] left.
fn give_back_the_left(cx: Cx, target: Target) -> Result<()> {
    let (all, locked) = ops::lock_with_all(cx, target)?;
    let memory = memory_of(cx.space, target)?;
    within_lock(cx, target, (all, locked), memory, |messages| messages.derive(None))
}

/// The op that [`expect_child`] locks with must be there before everything private is locked.
pub(crate) fn begin_fork(space: &'static Space) {
    if space.check().is_ok() && space.memories.all().next().is_some() {
        let _ = owner::current(space);
    }
}

/// How long a fork waits for a queue that somebody who is stopped has locked; then the child's ends count once it has come.
const FORKING_NS: u64 = 20_000_000;

/// The child's ends count from before the fork on, so that a parent that closes its own breaks nothing.
pub(crate) fn expect_child(space: &'static Space, child: ProcessRef) {
    let Some(op) = owner::cached(space) else { return };
    let cx = Cx::new(space, op).hurried(FORKING_NS);
    for (at, memory) in space.memories.all() {
        let handles = memory.notes[HANDLES].load(Ordering::Acquire);
        let Ok(target) = ops::target_at(space, at) else { continue };
        if handles != 0 && target.machine == Machine::QueueReader {
            // Nobody waits for another end, so nobody needs to be served.
            let Ok(locked) = lock::lock(cx, target) else { continue };
            let _ = Messages::new(space, target, memory)
                .and_then(|messages| messages.set_account(child, handles as u32, (handles >> 32) as u32));
            locked.unlock_quietly();
        }
    }
}

// --- messages

/// What became of a message that was to be sent, or received.
#[derive(Debug)]
pub(crate) enum Moved<T> {
    Done(T),
    /// There is no room, or no message.
    Not,
    /// It is to be copied outside the lock: [`claim_to_send`], [`claim_to_receive`].
    Long,
}

/// A slot that this process fills or reads. The caller holds the object as long as he has it.
#[derive(Debug)]
pub(crate) struct Claimed {
    memory: &'static Memory,
    index: u32,
    pub(crate) len: usize,
    pub(crate) is_alert: bool,
}

/// A message that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes that were copied.
    pub len: usize,
    /// Bytes that the message had.
    pub message_len: usize,
    /// Whether it was an alert.
    pub alert: bool,
}

/// Where a message goes.
#[derive(Debug)]
pub(crate) enum Into<'a> {
    /// As much of it as fits.
    Buffer(&'a mut [u8]),
    Vec(&'a mut Vec<u8>),
}

impl Into<'_> {
    /// Copies a message of that length.
    #[inline]
    fn copy(&mut self, memory: &Memory, offset: u64, len: usize) -> Option<usize> {
        let buf = match self {
            Into::Buffer(buf) => {
                let fits = len.min(buf.len());
                &mut buf[..fits]
            }
            Into::Vec(vec) => {
                vec.clear();
                vec.resize(len, 0);
                &mut vec[..]
            }
        };
        memory.read(offset, buf).then_some(buf.len())
    }
}

// What an uncontended call does needs no error, no waiter and no lock that outlives it. So the quick calls hold the lock by its word alone: to move what
// stands for it through a few results costs more than the message does (loads that span several younger stores: 200 to 75 ns a pair).

/// Does `act` if nobody has the lock, and nobody waits; `None`: find out why.
#[inline(always)]
fn quickly<R>(space: &'static Space, target: Target, op: OwnerRef, act: impl FnOnce(&Messages<'_>) -> Option<R>) -> Option<R> {
    let word = target.word();
    if word.queued() || !word.is_open(target.at.generation) || !target.cas(word, word.locked_by(op)) {
        return None;
    }
    let done = (|| {
        let messages = Messages::new(space, target, memory_of(space, target).ok()?).ok()?;
        let done = act(&messages)?;
        let state = messages.state().ok()?;
        (!messages.memory.is_lost()).then_some((done, state))
    })();
    let state = done.as_ref().map_or(word.state(), |(_, state)| *state);
    target.record.word.store(word.with_state(state).0); // SYNC(lock); nobody has entered the object's queue meanwhile
    done.map(|(done, _)| done)
}

/// The whole of an uncontended send of a short message.
#[inline(always)]
pub(crate) fn send_fast(space: &'static Space, target: Target, op: OwnerRef, data: &[u8], alert: bool) -> bool {
    if data.is_empty() || data.len() > SHORT {
        return false;
    }
    let sent = quickly(space, target, op, |messages| {
        messages.check_end(Machine::QueueWriter).ok()?;
        messages.check_len(data.len()).ok()?;
        let index = messages.take_slot(alert).ok()??;
        let slot = messages.slot(index).ok()?;
        if !messages.is_backed(index, slot, data.len()) || !messages.memory.write(messages.shape.data(index), data) {
            messages.free(index, slot);
            return None;
        }
        messages.commit(index, data.len()).ok()
    });
    sent.is_some()
}

/// The whole of an uncontended receive of a short message.
#[inline(always)]
pub(crate) fn receive_fast(space: &'static Space, target: Target, op: OwnerRef, into: &mut Into<'_>) -> Option<Received> {
    quickly(space, target, op, |messages| {
        messages.check_end(Machine::QueueReader).ok()?;
        let (index, slot) = messages.first().ok()??;
        let len = slot.len.load() as usize;
        if len > SHORT || messages.is_superfluous(index, slot) {
            return None;
        }
        let copied = into.copy(messages.memory, messages.shape.data(index), len)?;
        #[cfg(any(test, planted))]
        if planted::has(Planted::ReceiveTwice) && state::ticket(slot.state.load()) % 64 == 63 {
            return Some(Received { len: copied, message_len: len, alert: false });
        }
        messages.take_out(index, slot);
        messages.free(index, slot);
        Some(Received { len: copied, message_len: len, alert: index == messages.alert() })
    })
}

/// Sends a short message if there is room.
pub(crate) fn send(cx: Cx, target: Target, data: &[u8], alert: bool) -> Result<Moved<()>> {
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let memory = memory_of(cx.space, target)?;
    let messages = Messages::new(cx.space, target, memory)?;
    messages.check_end(Machine::QueueWriter)?;
    messages.check_len(data.len())?;
    if data.len() > SHORT {
        return Ok(Moved::Long);
    }
    let Some(index) = messages.take_slot(alert)? else {
        return Ok(Moved::Not);
    };
    let slot = messages.slot(index)?;
    if !messages.is_backed(index, slot, data.len()) {
        messages.free(index, slot);
        return Ok(Moved::Long);
    }
    if !memory.write(messages.shape.data(index), data) {
        return Err(messages.damaged("a message beyond the end"));
    }
    messages.commit(index, data.len())?;
    messages.check()?;
    locked.state = messages.state()?;
    hand_out(locked, all)?;
    Ok(Moved::Done(()))
}

/// Receives the next message, if there is one and it is short.
pub(crate) fn receive(cx: Cx, target: Target, into: &mut Into<'_>) -> Result<Moved<Received>> {
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let memory = memory_of(cx.space, target)?;
    let messages = Messages::new(cx.space, target, memory)?;
    messages.check_end(Machine::QueueReader)?;
    let Some((index, slot)) = messages.first()? else {
        messages.check()?;
        return Ok(Moved::Not);
    };
    let len = slot.len.load() as usize;
    if len > SHORT || messages.is_superfluous(index, slot) {
        return Ok(Moved::Long);
    }
    let copied = into.copy(memory, messages.shape.data(index), len);
    let copied = copied.ok_or_else(|| messages.damaged("a message beyond the end"))?;
    messages.check()?;
    messages.take_out(index, slot);
    messages.free(index, slot);
    locked.state = messages.state()?;
    hand_out(locked, all)?;
    Ok(Moved::Done(Received { len: copied, message_len: len, alert: index == messages.alert() }))
}

/// Takes a slot to be filled with so many bytes, if there is room.
pub(crate) fn claim_to_send(cx: Cx, target: Target, len: usize, alert: bool) -> Result<Option<Claimed>> {
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let memory = memory_of(cx.space, target)?;
    let messages = Messages::new(cx.space, target, memory)?;
    messages.check_end(Machine::QueueWriter)?;
    messages.check_len(len)?;
    let Some(index) = messages.take_slot(alert)? else { return Ok(None) };
    let claimed = messages.claim(state::FILLING, index, memory, len)?;
    locked.state = messages.state()?;
    hand_out(locked, all)?;
    match messages.back(index, len).and_then(|()| messages.check()) {
        Ok(()) => Ok(Some(claimed)),
        Err(error) => {
            let _ = release_or_leave(cx, target, &claimed); // nobody else gives the slot back while we live
            Err(error)
        }
    }
}

/// Takes the next message to be read where it is, if there is one.
pub(crate) fn claim_to_receive(cx: Cx, target: Target) -> Result<Option<Claimed>> {
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let memory = memory_of(cx.space, target)?;
    let messages = Messages::new(cx.space, target, memory)?;
    messages.check_end(Machine::QueueReader)?;
    let Some((index, slot)) = messages.first()? else {
        messages.check()?;
        return Ok(None);
    };
    let len = slot.len.load() as usize;
    messages.take_out(index, slot);
    let claimed = messages.claim(state::READING, index, memory, len)?;
    locked.state = messages.state()?;
    hand_out(locked, all)?;
    Ok(Some(claimed))
}

/// What was filled is a message from here on; of `len` bytes, no more than were claimed. Busy: it is still the caller's, as before.
pub(crate) fn commit(cx: Cx, target: Target, claimed: &Claimed, len: usize) -> Result<()> {
    give_up(cx, target, claimed, |messages, index, slot| {
        let usable = messages.check_end(Machine::QueueWriter).and_then(|()| messages.check());
        match usable {
            Ok(()) => messages.commit(index, len),
            Err(error) => {
                messages.free(index, slot);
                Err(error)
            }
        }
    })
}

/// A claimed slot is free again: its message was read, or will not be sent. Busy: as [`commit`].
pub(crate) fn release(cx: Cx, target: Target, claimed: &Claimed) -> Result<()> {
    let messages = Messages::new(cx.space, target, claimed.memory)?;
    messages.unback(claimed.index, messages.slot(claimed.index)?);
    give_up(cx, target, claimed, |messages, index, slot| {
        messages.free(index, slot);
        Ok(())
    })
}

/// The same, waiting for nobody who is stopped: the keeper does it then.
pub(crate) fn release_or_leave(cx: Cx, target: Target, claimed: &Claimed) -> Result<()> {
    match release(cx.hurried(CLOSING_NS), target, claimed) {
        Err(error) if lock::is_busy(&error) => leave_behind(cx, target, claimed),
        other => other,
    }
}

/// A claimed slot is no longer the caller's, and will be free.
pub(crate) fn leave_behind(cx: Cx, target: Target, claimed: &Claimed) -> Result<()> {
    let messages = Messages::new(cx.space, target, claimed.memory)?;
    let slot = messages.slot(claimed.index)?;
    let now = slot.state.load();
    if is_claimed_by_us(cx.space, now) {
        let _ = slot.state.cas(now, state::LEFT);
    }
    cx.space.asyncs.serve_later(cx, target.at);
    cx.space.memories.end_use(claimed.memory);
    Ok(())
}

fn is_claimed_by_us(space: &Space, state: u64) -> bool {
    [state::FILLING, state::READING].into_iter().any(|tag| state == state::by(tag, space.me()))
}

fn give_up(cx: Cx, target: Target, claimed: &Claimed, act: impl FnOnce(&Messages<'_>, u32, &Slot) -> Result<()>) -> Result<()> {
    let Claimed { memory, index, .. } = *claimed;
    let entered = match ops::lock_with_all(cx, target) {
        Err(error) if lock::is_busy(&error) => return Err(error),
        entered => entered,
    };
    let done = entered.and_then(|entered| {
        within_lock(cx, target, entered, memory, |messages| {
            let slot = messages.slot(index)?;
            if is_claimed_by_us(cx.space, slot.state.load()) {
                act(messages, index, slot)
            } else {
                Err(messages.damaged("a slot that was ours"))
            }
        })
    });
    cx.space.memories.end_use(memory);
    done
}

impl Claimed {
    /// Where the message stands in our memory.
    pub(crate) fn bytes(&self) -> Option<std::ptr::NonNull<u8>> {
        self.memory.bytes(Shape::of_notes(self.memory).data(self.index), self.len as u64)
    }

    pub(crate) fn slice(&self) -> Option<&[u8]> {
        self.memory.slice(Shape::of_notes(self.memory).data(self.index), self.len as u64)
    }

    pub(crate) fn slice_mut(&mut self) -> Option<&mut [u8]> {
        self.memory.slice_mut(Shape::of_notes(self.memory).data(self.index), self.len as u64)
    }

    pub(crate) fn write(&self, data: &[u8]) -> bool {
        self.memory.write(Shape::of_notes(self.memory).data(self.index), data)
    }

    pub(crate) fn read(&self, into: &mut Into<'_>) -> Option<Received> {
        let len = into.copy(self.memory, Shape::of_notes(self.memory).data(self.index), self.len)?;
        Some(Received { len, message_len: self.len, alert: self.is_alert })
    }

    /// In the child of a fork the slot is the parent's.
    pub(crate) fn forget(self, space: &Space) {
        space.memories.end_use(self.memory);
    }
}

/// Where nobody waits, which the lock knows, there is nothing to hand out.
#[inline]
fn hand_out(locked: Locked, all: Option<AllLock>) -> Result<()> {
    if all.is_none() && locked.target.record.head.load() == 0 {
        locked.unlock_quietly();
        return Ok(());
    }
    ops::serve(locked, all, false)
}

pub(crate) fn info(cx: Cx, target: Target) -> Result<QueueInfo> {
    let (_, words) = annex(cx.space, target)?;
    let memory = memory_of(cx.space, target)?;
    let messages = Messages::new(cx.space, target, memory)?;
    if words[FLAGS].load() & BROKEN != 0 {
        return Err(broken());
    }
    let locked = lock::lock(cx, target)?;
    let info = messages.info();
    locked.unlock_quietly();
    Ok(info)
}

impl<'a> Messages<'a> {
    #[inline]
    fn check_len(&self, len: usize) -> Result<()> {
        if len <= self.shape.max_size as usize { Ok(()) } else { Err(self.too_long(len)) }
    }

    #[cold]
    fn too_long(&self, len: usize) -> Error {
        Error::new(
            ErrorKind::MessageTooLong,
            format!(
                "the message has {len} bytes, and the queue takes {} at most; split it, or create the queue with a larger max_size",
                self.shape.max_size
            ),
        )
    }

    fn claim(&self, tag: u64, index: u32, memory: &'static Memory, len: usize) -> Result<Claimed> {
        self.own(index, tag, self.space.me())?;
        memory.begin_use();
        Ok(Claimed { memory, index, len, is_alert: index == self.alert() })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::{Access, Namespace, QueueEnd, Spec};

    /// What keeps the file from being opened is here that it has another name; elsewhere it is want of a descriptor.
    #[test]
    fn a_lock_of_the_dead_stays_theirs_until_somebody_can_bring_the_queue_to_order() {
        let session = Namespace::session(&format!("queues-{}", std::process::id())).unwrap();
        let spec = Spec::Queue { max_messages: 4, max_size: 64, no_precommit: false, allow_broken: true, end: QueueEnd::Write };
        let handle = session.create(None, spec, Access::ALL).unwrap();
        let (space, target) = handle.by_ref().place().unwrap();
        let cx = owner::current(space).unwrap();
        assert!(matches!(handle.send(b"message", false, crate::Timeout::ZERO, None), Ok(crate::engine::Outcome::Got(()))));
        let (index, words) = annex(space, target).unwrap();
        std::thread::spawn(move || {
            std::mem::forget(lock::lock(owner::current(space).unwrap(), target).unwrap());
            words[COUNT].store(3); // half of a change
        })
        .join()
        .unwrap();
        let ours = memory_of(space, target).unwrap();
        let handles = ours.notes[HANDLES].load(Ordering::Acquire);
        space.memories.unmap(ours); // as in a process that has not opened it
        let (file, aside) = (backing::path(&space.arena, target.at), space.arena.path.with_extension("aside"));
        std::fs::rename(&file, &aside).unwrap();
        for _ in 0..2 {
            assert!(lock::lock(cx, target).is_err());
            assert!(target.word().is_locked() && low(&words[COUNT]) == 3, "nobody may use what is half done");
        }
        std::fs::rename(&aside, &file).unwrap();
        lock::lock(cx, target).unwrap().unlock_quietly();
        assert_eq!(low(&words[COUNT]), 1, "derived anew");
        let shape = shape(space, words).unwrap();
        let note = |memory: &Memory| {
            shape.note(memory);
            memory.notes[HANDLES].store(handles, Ordering::Release);
        };
        space.memories.map(&space.arena, index, target.at, shape.size(), note).unwrap();
    }
}
