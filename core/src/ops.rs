//! What one call does to one object: take, release, set, reset, pulse, post, abandon.
//!
//! Each is one compare-and-swap on the object's word while nobody waits. With a queue the same swap takes the object's lock, and
//! the waiters are served before it is dropped (`dispatch`).

use crate::arena::layout::Object;
use crate::arena::refs::{ObjectRef, OwnerRef};
use crate::cell::Word32;
use crate::dispatch::all::{self, AllLock};
use crate::dispatch::grant::Wakes;
use crate::dispatch::lock::{self, Locked, Patience, Target};
use crate::dispatch::word::{Machine, State, Word};
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::kinds;
use crate::live::{self, Vitals};
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::space::{Cx, Space};
use crate::sys::clock::Deadline;
use crate::sys::{guess, robust};

/// What a satisfied wait on one object tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) fence: u64,
    pub(crate) abandoned: bool,
}

/// How often one owner may hold a mutex (contract 3.3).
const DEEPEST: u32 = i32::MAX as u32;

/// The object that a record is, checked against damage.
pub(crate) fn target_at(space: &Space, at: ObjectRef) -> Result<Target> {
    let record = space.arena.object(at.index)?;
    match Machine::of_object(record.kind.load()) {
        Some(machine) => Ok(Target { record, at, machine }),
        None => Err(space.arena.corrupted(&format!("object {} has kind {}", at.index, record.kind.load()))),
    }
}

// What an uncontended call finds is nearly always the same: a mutex that is free or the caller's, an event that is set or not, a semaphore of one
// permit or none. So the quick calls compare the word with that *guess* and swap from the guess, not from the word: the processor foresees how
// the comparison ends, and begins the swap before it has the word. Worth a tenth of a pair of calls: a mutex 9.3 to 8.4 ns, a semaphore 9.7 to 8.2, an event 9.3 to 8.4.

/// One attempt to take the object by a single swap: what an uncontended wait is. `None`: find out why.
#[inline(always)]
pub(crate) fn take_fast(machine: Option<Machine>, record: &'static Object, generation: u32, owner: OwnerRef) -> Option<Taken> {
    // One arm for each machine, so that each is compiled for it alone.
    let take = |machine, guess| take_guessing(machine, guess, record, generation, owner);
    match machine? {
        Machine::Mutex => take(Machine::Mutex, State::mutex(None, false)),
        Machine::AutoEvent => take(Machine::AutoEvent, State::event(true)),
        Machine::ManualEvent => take(Machine::ManualEvent, State::event(true)),
        Machine::Semaphore => take(Machine::Semaphore, State::semaphore(1)),
        _ => None,
    }
}

#[inline(always)]
fn take_guessing(machine: Machine, guess: State, record: &'static Object, generation: u32, owner: OwnerRef) -> Option<Taken> {
    let (word, guess) = (Word(record.word.load()), Word::new(guess).of(generation));
    if word == guess {
        take_from(guess, hidden(guess), machine, record, owner)
    } else if word.is_open(generation) {
        take_from(word, word, machine, record, owner)
    } else {
        None
    }
}

/// Takes the object out of `word`; `expected` is the same word.
#[inline(always)]
fn take_from(word: Word, expected: Word, machine: Machine, record: &'static Object, owner: OwnerRef) -> Option<Taken> {
    let taken = word.state().take(machine, owner)?;
    let keeps_state = machine == Machine::ManualEvent;
    if !keeps_state && record.word.cas(expected.0, word.with_state(taken.state).0).is_err() {
        return None;
    }
    Some(note(machine, record, taken.abandoned))
}

/// One attempt to release the caller's only hold by a single swap.
#[inline(always)]
pub(crate) fn release_fast(record: &'static Object, generation: u32, owner: OwnerRef) -> bool {
    let free = State::mutex(None, false);
    let (word, guess) = (Word(record.word.load()), Word::new(State::mutex(Some(owner), false)).of(generation));
    if word == guess {
        return record.depth.load() == 1 && record.word.cas(hidden(guess).0, guess.with_state(free).0).is_ok();
    }
    word.is_open(generation)
        && word.state().owned_by(owner)
        && record.depth.load() == 1
        && word.needs_no_wake()
        && record.word.cas(word.0, word.with_state(free).0).is_ok()
}

/// One attempt to signal by a single swap, where nobody waits; gives the state before.
#[inline(always)]
pub(crate) fn signal_fast(
    record: &'static Object,
    generation: u32,
    guess: State,
    change: impl Fn(State) -> Option<State>,
) -> Option<State> {
    let (word, guess) = (Word(record.word.load()), Word::new(guess).of(generation));
    if word == guess {
        let after = change(guess.state())?;
        return record.word.cas(hidden(guess).0, guess.with_state(after).0).is_ok().then_some(guess.state());
    }
    let after = change(word.state())?;
    (word.is_open(generation) && !word.queued() && record.word.cas(word.0, word.with_state(after).0).is_ok()).then_some(word.state())
}

#[inline(always)]
fn hidden(guess: Word) -> Word {
    Word(guess::hidden(guess.0))
}

/// Takes the object for `owner` if that needs no waiting.
#[inline]
pub(crate) fn try_take(cx: Cx, target: Target, owner: OwnerRef) -> Result<Option<Taken>> {
    match take_fast(Some(target.machine), target.record, target.at.generation, owner) {
        Some(taken) => Ok(Some(taken)),
        None => try_take_slowly(cx, target, owner),
    }
}

#[cold]
fn try_take_slowly(cx: Cx, target: Target, owner: OwnerRef) -> Result<Option<Taken>> {
    if target.machine == Machine::RobustSemaphore {
        index::return_permits_of_the_dead(cx, target)?;
    }
    kinds::tick(cx, target)?;
    let mut patience = Patience::new(Deadline::NEVER);
    loop {
        let word = target.look()?;
        let state = word.state();
        if word.is_locked() {
            wait_for_lock(&mut patience, cx, target, word)?;
            continue;
        }
        if target.machine == Machine::Mutex && state.owned_by(owner) {
            return recurse(target).map(Some);
        }
        let Some(taken) = state.take(target.machine, owner) else {
            if target.machine == Machine::Mutex && owner_is_gone(cx, state)? {
                abandon(cx, target, state)?;
                continue;
            }
            return Ok(None);
        };
        if target.machine == Machine::RobustSemaphore {
            let Some(mut locked) = lock::try_lock_as(cx, target, word, state) else { continue };
            let (index, account) = own_account(&locked)?;
            locked.change_with_account(index, account, account.value.load().wrapping_add(1), taken.state);
            locked.finish(None)?;
        } else if !target.cas(word, word.with_state(taken.state)) {
            continue;
        }
        return Ok(Some(took(target, taken.abandoned)));
    }
}

/// What the taker of an object writes after its grant.
pub(crate) fn took(target: Target, abandoned: bool) -> Taken {
    note(target.machine, target.record, abandoned)
}

/// What the taker of an object writes after the swap: it owns the object, so plain stores do.
#[inline(always)]
fn note(machine: Machine, record: &Object, abandoned: bool) -> Taken {
    match machine {
        Machine::Mutex => own(record, abandoned),
        Machine::Semaphore | Machine::RobustSemaphore => Taken { fence: record.fence.add(1).wrapping_add(1), abandoned },
        _ => Taken { fence: 0, abandoned: false },
    }
}

#[inline(always)]
fn own(record: &Object, abandoned: bool) -> Taken {
    #[cfg(any(test, planted))]
    let abandoned = abandoned && !planted::has(Planted::Untold);
    let fence = record.fence.load().wrapping_add(1);
    record.fence.store(fence);
    record.depth.store(1);
    record.news.store(u32::from(abandoned));
    Taken { fence, abandoned }
}

/// Whether the owner, who asks, may take its mutex once more.
pub(crate) fn check_depth(target: Target) -> Result<()> {
    depth(target).map(|_| ())
}

/// How often the owner, who asks, has its mutex; less than the limit.
fn depth(target: Target) -> Result<u32> {
    let depth = target.record.depth.load();
    if depth >= DEEPEST {
        return Err(Error::new(ErrorKind::LimitReached, "the mutex is held 2147483647 times by its owner, the limit").numbered(587));
    }
    Ok(depth)
}

/// The owner takes its mutex once more.
pub(crate) fn recurse(target: Target) -> Result<Taken> {
    let depth = depth(target)?;
    target.record.depth.store(depth + 1);
    Ok(Taken { fence: target.record.fence.load(), abandoned: false })
}

/// The owner has its mutex once more, as a commit counted: once that is through with the mutex, the depth is the owner's again.
pub(crate) fn recursed(cx: Cx, target: Target) -> Result<Taken> {
    state(cx, target)?;
    Ok(Taken { fence: target.record.fence.load(), abandoned: false })
}

/// The state, once nobody is changing it: what a locked word shows may be half of a change.
pub(crate) fn state(cx: Cx, target: Target) -> Result<State> {
    let mut patience = Patience::new(Deadline::NEVER);
    loop {
        let word = target.look()?;
        if !word.is_locked() {
            return Ok(word.state());
        }
        wait_for_lock(&mut patience, cx, target, word)?;
    }
}

/// What the hold of `owner` says; `None` if it holds nothing.
pub(crate) fn held(cx: Cx, target: Target, owner: OwnerRef) -> Result<Option<Taken>> {
    let record = target.record;
    Ok(state(cx, target)?.owned_by(owner).then(|| Taken { fence: record.fence.load(), abandoned: record.news.load() != 0 }))
}

/// Releases one hold of a mutex, by one swap if that does. True when that was the last.
#[inline]
pub(crate) fn release_by(cx: Cx, target: Target, owner: OwnerRef) -> Result<bool> {
    if release_fast(target.record, target.at.generation, owner) { Ok(true) } else { release(cx, target, owner) }
}

/// Releases one hold of a mutex. True when that was the last.
pub(crate) fn release(cx: Cx, target: Target, owner: OwnerRef) -> Result<bool> {
    if !state(cx, target)?.owned_by(owner) {
        return Err(not_owner());
    }
    let word = target.look()?;
    let depth = target.record.depth.load();
    if depth > 1 {
        target.record.depth.store(depth - 1);
        return Ok(false);
    }
    let free = State::mutex(None, false);
    if word.needs_no_wake() && target.cas(word, word.with_state(free)) {
        return Ok(true);
    }
    signal(cx, target, true, |_| Ok(free))?;
    Ok(true)
}

#[cold]
fn not_owner() -> Error {
    Error::new(ErrorKind::NotOwner, "the caller does not own it; release it from the thread, or through the grant, that acquired it")
}

/// Sets an event.
pub(crate) fn set(cx: Cx, target: Target) -> Result<()> {
    signal(cx, target, false, |state| Ok(state.set())).map(|_| ())
}

/// Releases those who wait now, then leaves the event reset. The word that says whether anybody waits is the one that is swapped: a pulse for a
/// queue that has emptied meanwhile would stay.
pub(crate) fn pulse(cx: Cx, target: Target) -> Result<()> {
    let change = |word: Word| Ok(if word.queued() { word.state().pulsed() } else { word.state().reset() });
    change_and_serve(cx, target, false, change).map(|_| ())
}

/// Resets an event.
pub(crate) fn reset(cx: Cx, target: Target) -> Result<()> {
    let mut patience = Patience::new(Deadline::NEVER);
    loop {
        let word = target.look()?;
        if word.is_locked() {
            wait_for_lock(&mut patience, cx, target, word)?;
        } else if target.cas(word, word.with_state(word.state().reset())) {
            return Ok(());
        }
    }
}

/// Adds permits; says how many there were. The permits come out of this process's account where it has some.
pub(crate) fn post(cx: Cx, target: Target, n: i64) -> Result<u32> {
    let maximum = target.record.maximum.load();
    let posted = |state: State| {
        u32::try_from(n).ok().and_then(|n| state.post(n, maximum)).ok_or_else(|| {
            Error::new(
                ErrorKind::TooManyPosts,
                format!("releasing {n} would lift the count from {} over the maximum {maximum}; nothing was released, release only what was acquired", state.count()),
            )
        })
    };
    if target.machine == Machine::RobustSemaphore {
        return post_robust(cx, target, n, posted);
    }
    signal(cx, target, false, posted).map(State::count)
}

fn post_robust(cx: Cx, target: Target, n: i64, posted: impl Fn(State) -> Result<State>) -> Result<u32> {
    let (all, mut locked) = lock_with_all(cx, target)?;
    let before = locked.state;
    match posted(before) {
        Err(error) => {
            locked.unlock_quietly();
            return Err(error);
        }
        Ok(after) => match locked.account(cx.space.me())? {
            Some((index, account)) => {
                let left = account.value.load().saturating_sub(n.unsigned_abs());
                locked.change_with_account(index, account, left, after);
            }
            None => locked.write_state(after),
        },
    }
    serve(locked, all, false)?;
    Ok(before.count())
}

/// Swaps the state for a signalled one and serves those who wait; gives the state before.
fn signal(cx: Cx, target: Target, polite: bool, change: impl Fn(State) -> Result<State>) -> Result<State> {
    change_and_serve(cx, target, polite, |word| change(word.state()))
}

fn change_and_serve(cx: Cx, target: Target, polite: bool, change: impl Fn(Word) -> Result<State>) -> Result<State> {
    let mut patience = Patience::new(Deadline::NEVER);
    loop {
        let word = target.look()?;
        if word.is_locked() {
            wait_for_lock(&mut patience, cx, target, word)?;
            continue;
        }
        let after = change(word)?;
        if !word.queued() || polite && word.needs_no_wake() {
            if target.cas(word, word.with_state(after)) {
                return Ok(word.state());
            }
            continue;
        }
        // The wait-all lock comes first; the word is read again under it.
        let all = if word.alls() { Some(take_all(cx)?) } else { None };
        let Some(locked) = lock::try_lock_as(cx, target, word, after) else { continue };
        serve(locked, all, polite)?;
        return Ok(word.state());
    }
}

/// Hands out, unlocks in order, wakes.
pub(crate) fn serve(mut locked: Locked, all: Option<AllLock>, polite: bool) -> Result<()> {
    let (cx, at) = (locked.cx, locked.target.at);
    let space = cx.space;
    let mut wakes = Wakes::default();
    let handed = if polite { locked.hand_out_politely(all.as_ref(), &mut wakes) } else { locked.hand_out(all.as_ref(), &mut wakes) };
    #[cfg(any(test, planted))]
    if locked.target.machine == Machine::Mutex && planted::has(Planted::DropMutexWake) {
        wakes = Wakes::default();
    }
    locked.unlock_quietly();
    drop(all);
    wakes.ring(space);
    or_later(cx, at, handed)
}

/// A wait-all that could not be tried, because somebody who is stopped has another of its objects, is our keeper's to try again, and our reaper's if we
/// die: what was signalled is signalled. Only who serves an object that our process does not hold, as a reaper does, must come back himself.
pub(crate) fn or_later(cx: Cx, at: ObjectRef, served: Result<()>) -> Result<()> {
    match served {
        Err(error) if lock::is_busy(&error) && cx.space.asyncs.serve_later(cx, at) => Ok(()),
        other => other,
    }
}

/// Locks the object, and before it the wait-all lock where the object's waiters need it.
pub(crate) fn lock_with_all(cx: Cx, target: Target) -> Result<(Option<AllLock>, Locked)> {
    loop {
        let all = if target.word().alls() { Some(take_all(cx)?) } else { None };
        let locked = lock::lock(cx, target)?;
        if all.is_some() || target.record.alls.load() == 0 {
            return Ok((all, locked));
        }
        locked.unlock_quietly();
    }
}

fn take_all(cx: Cx) -> Result<AllLock> {
    Ok(AllLock::take(cx, Deadline::NEVER)?)
}

fn wait_for_lock(patience: &mut Patience, cx: Cx, target: Target, word: Word) -> Result<()> {
    Ok(patience.wait(cx, target, word)?)
}

/// This process's account with a robust semaphore; it was opened with the object.
fn own_account(locked: &Locked) -> Result<(u32, &'static crate::arena::layout::Node)> {
    let space = locked.cx.space;
    locked.account(space.me())?.ok_or_else(|| space.arena.corrupted("a robust semaphore without our account"))
}

/// Whether a mutex's owner is really gone. Waits out the moment between a process's death and its thread's end, if it is only that.
pub(crate) fn owner_is_gone(cx: Cx, state: State) -> Result<bool> {
    let Some(index) = state.owner_index() else { return Ok(false) };
    for _ in 0..MOMENTS {
        match live::vitals(cx.space, index, |generation| state.owner_generation_is(generation))? {
            Vitals::Alive => return Ok(false),
            Vitals::Gone => return Ok(true),
            Vitals::Leaving => await_end(cx.space, index)?,
        }
    }
    Ok(false)
}

/// How many times, of up to a millisecond, a look at an owner waits for its end.
const MOMENTS: u32 = 10;

/// Sleeps up to a millisecond for the end of the thread behind a dying owner.
pub(crate) fn await_end(space: &Space, owner: u32) -> Result<()> {
    word_of_end(space, owner)?.into_iter().for_each(robust::await_death);
    Ok(())
}

/// Gives the processor away a few times: the end of a dying owner is usually that near, on this core or another.
pub(crate) fn sees_end(space: &Space, owner: u32) -> Result<bool> {
    Ok(match word_of_end(space, owner)? {
        Some(word) => robust::sees_death(word),
        None => true,
    })
}

/// The word that will say that a dying owner is gone: its thread's, or that of a thread of its process.
pub(crate) fn word_of_end(space: &Space, owner: u32) -> Result<Option<&'static Word32>> {
    let record = space.arena.owner(owner)?;
    match live::process_of_owner(space, owner) {
        Some(process) if record.life.load() & live::owner_kind::MASK == live::owner_kind::GRANT => live::surviving_thread(space, process),
        _ => Ok(Some(live::thread_word(record))),
    }
}

/// The owner in `state` is gone or gives up: the mutex is free and abandoned, and the next waiter is told. If it was handed to an owner that died before it
/// ran, it is free and nothing more.
pub(crate) fn abandon(cx: Cx, target: Target, state: State) -> Result<()> {
    #[cfg(crash)]
    let _scope = crate::crash::recovery();
    let is_same = |now: State| now.owner_index().is_some() && now == state;
    let mut patience = Patience::new(Deadline::NEVER);
    loop {
        let word = target.look()?;
        if word.is_locked() {
            wait_for_lock(&mut patience, cx, target, word)?;
        } else if !is_same(word.state()) {
            return Ok(());
        } else {
            let all = if word.alls() { Some(take_all(cx)?) } else { None };
            let was_had = target.record.depth.load() != 0;
            if let Some(locked) = lock::try_lock_as(cx, target, word, State::mutex(None, was_had)) {
                target.record.depth.store(1); // for those who look: the next owner may be stopped before it writes its own
                return serve(locked, all, false);
            }
        }
    }
}

/// The mutex of one owner, if it still owns it.
pub(crate) fn abandon_of(cx: Cx, target: Target, who: OwnerRef) -> Result<()> {
    loop {
        let state = state(cx, target)?;
        if target.machine != Machine::Mutex || !state.owned_by(who) {
            return Ok(());
        }
        abandon(cx, target, state)?;
    }
}

/// The calling thread ends: what it still owns is abandoned.
pub(crate) fn abandon_all(cx: Cx) {
    for at in index::held_by_us(cx.space) {
        if let Ok(target) = target_at(cx.space, at)
            && abandon_of(cx, target, cx.op).is_ok()
            && kinds::abandon(cx, target).is_ok()
        {
            let _ = index::leave_if_unused(cx, at);
        }
    }
}

/// Gives back what a wait took that its caller will not have: an event is set again unless it was reset since. News of a death goes back, too: the next
/// one is told what this one would have been told.
pub(crate) fn give_back(cx: Cx, target: Target, owner: OwnerRef, epoch: u32, abandoned: bool) -> Result<()> {
    match target.machine {
        Machine::Mutex if abandoned => abandon_of(cx, target, owner),
        Machine::RobustSemaphore if abandoned => return_permit(cx, target),
        Machine::AutoEvent | Machine::AutoTimer => {
            signal(cx, target, false, |state| Ok(if state.epoch() == epoch { state.set() } else { state })).map(|_| ())
        }
        Machine::Mutex => release(cx, target, owner).map(|_| ()),
        Machine::Semaphore | Machine::RobustSemaphore => match post(cx, target, 1) {
            Err(error) if error.kind() == ErrorKind::TooManyPosts => Ok(()),
            other => other.map(|_| ()),
        },
        // Nothing was consumed; but another who waits for the message was not told of it.
        Machine::Receiver | Machine::Sender => serve_again(cx, target),
        _ => Ok(()), // nothing was consumed
    }
}

/// A permit whose holder let go of it without releasing comes back, and the next acquirer is told.
pub(crate) fn return_permit(cx: Cx, target: Target) -> Result<()> {
    let (all, mut locked) = lock_with_all(cx, target)?;
    let after = locked.state.post_of_dead(1, target.record.maximum.load());
    if let Some((index, account)) = locked.account(cx.space.me())? {
        locked.change_with_account(index, account, account.value.load().saturating_sub(1), after);
    }
    serve(locked, all, false)
}

/// Hands out afresh: after a death, or after a waiter left that was awake for the others.
pub(crate) fn serve_again(cx: Cx, target: Target) -> Result<()> {
    if target.word().alls() { or_later(cx, target.at, all::settle(cx, target)) } else { lock::lock(cx, target)?.finish(None) }
}

/// The same, after everybody who waits no more is out of the queue: a record that is linked somewhere cannot be used again.
pub(crate) fn sweep_and_serve(cx: Cx, target: Target) -> Result<()> {
    kinds::catch_up(cx, target)?;
    lock::lock(cx, target)?.sweep()?;
    all::serve(cx, target)
}
