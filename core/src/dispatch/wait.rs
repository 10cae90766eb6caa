//! The one wait loop.
//!
//! A wait first tries every object in order; that is the whole call when one is free. Else it takes a waiter record, enters the
//! queues and sleeps on its claim. Whoever ends the wait has changed the objects already: a woken thread owns what it waited for.
//!
//! *Leaving.* After a grant by one object the other queues are left lazily: with the object's lock if it is free, else the node stays
//! until the next one who walks that queue drops it (the record rests meanwhile, see `pools.rs`). So a time-out never waits for a lock.
//!
//! *Death of an owner.* A thread blocked on a mutex sleeps on three words: its claim, a seat of the owner's process (if one is free),
//! and the owner thread's own robust word. Whichever says OWNER_DIED, it abandons the mutex itself; the owner's neighbours do too.

use super::all;
use super::claim::{Claim, MAX_OBJECTS, Phase};
use super::grant::{WAITER_ASYNC, WAITER_IN_HALL};
use super::hall::Hall;
use super::lock::{self, NoLock, Target, node_kind};
use super::spin;
use super::word::Machine;
use crate::arena::layout::{Node, RING_SEATS, SEATS, Table, Waiter};
use crate::arena::refs::{ObjectRef, OwnerRef, WaiterRef};
use crate::cell::Word32;
use crate::error::{Error, ErrorKind, Result};
use crate::kinds;
use crate::live::{self, Vitals};
use crate::ops::{self, Taken};
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::pools::Wait;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Deadline, Due, Until};
use crate::sys::futex::{self, Woken};
use crate::sys::{process, robust};

/// Asked while a wait blocks; see `engine::Interrupt`.
pub(crate) type Interrupt<'a> = Option<&'a mut dyn FnMut() -> bool>;

/// A blocked call that may be interrupted looks up this often.
const SLICE_NS: u64 = 50_000_000;

/// A thread that waits for a mutex or a timer looks after it this often, whatever it was told.
const BELT_NS: u64 = 1_000_000_000;

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By the object at this place.
    One(usize, Taken),
    /// By all of them.
    All(Vec<Taken>),
    TimedOut,
    Interrupted,
}

impl Ended {
    /// What was taken, and its place among the objects.
    fn taken(&self) -> impl Iterator<Item = (usize, &Taken)> {
        let (first, taken) = match self {
            Ended::One(index, taken) => (*index, std::slice::from_ref(taken)),
            Ended::All(taken) => (0, taken.as_slice()),
            Ended::TimedOut | Ended::Interrupted => (0, &[][..]),
        };
        (first..).zip(taken)
    }

    /// A wait without a time-out cannot have timed out: then somebody has overwritten the claim.
    pub(crate) fn in_time(self, cx: Cx, deadline: Deadline) -> Result<Ended> {
        match self {
            Ended::TimedOut if deadline == Deadline::NEVER => Err(cx.space.arena.corrupted("a wait without a time-out that timed out")),
            other => Ok(other),
        }
    }
}

/// What a wait is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) targets: &'a [Target],
    pub(crate) all: bool,
    pub(crate) owner: OwnerRef,
    pub(crate) deadline: Deadline,
    /// Only test.
    pub(crate) poll: bool,
}

/// A call that only tests waits this long for somebody who is in the middle of changing the object, and then says that it was not free.
const TRY_NS: u64 = 100_000_000;
/// And a call with a time-out at least this long.
const BLINK_NS: u64 = 5_000_000;

impl Request<'_> {
    /// The caller, with the patience for locks that the request allows.
    fn patient(&self, cx: Cx) -> Cx {
        match self.deadline.nanos() {
            None => cx,
            Some(_) if self.poll => cx.hurried(TRY_NS),
            Some(at) => Cx { patience: cx.patience.min(Deadline::at(at.max(clock::now() + BLINK_NS))), ..cx },
        }
    }
}

/// Takes one object if that needs no waiting; somebody stopped in the middle of a change counts as not free.
#[inline]
pub(crate) fn try_one(cx: Cx, target: Target, owner: OwnerRef) -> Result<Option<Taken>> {
    match ops::take_fast(Some(target.machine), target.record, target.at.generation, owner) {
        Some(taken) => Ok(Some(taken)),
        None => try_patiently(cx, target, owner),
    }
}

#[cold]
fn try_patiently(cx: Cx, target: Target, owner: OwnerRef) -> Result<Option<Taken>> {
    let taken = match ops::try_take(cx.hurried(TRY_NS), target, owner) {
        Err(error) if lock::is_busy(&error) => None,
        other => other?,
    };
    if taken.is_none() {
        cx.space.watches.calm(cx, target);
    }
    Ok(taken)
}

/// Blocks, after [`at_once`] found nothing. The caller has checked that the list is neither empty nor, for wait-all, holds an object twice.
pub(crate) fn block(cx: Cx, request: Request<'_>, mut interrupt: Interrupt<'_>) -> Result<Ended> {
    check_deadlock(cx, request)?;
    let mut entered = Entered::new(cx, request, Manner::Thread)?;
    let patient = request.patient(cx);
    let outcome = entered.enter(patient, request).and_then(|()| entered.sleep(patient, request, &mut interrupt));
    let ended = entered.conclude(cx, request.targets, outcome)?.in_time(cx, request.deadline)?;
    if request.poll && ended == Ended::TimedOut {
        calm(cx, request);
    }
    Ok(ended)
}

/// A test found nothing.
fn calm(cx: Cx, request: Request<'_>) {
    request.targets.iter().for_each(|target| cx.space.watches.calm(cx, *target));
}

/// The whole wait, where nothing needs to be waited for.
pub(crate) fn at_once(cx: Cx, request: Request<'_>) -> Result<Option<Ended>> {
    if let ([target], false) = (request.targets, request.all)
        && let Some(taken) = ops::take_fast(Some(target.machine), target.record, target.at.generation, request.owner)
    {
        return Ok(Some(Ended::One(0, taken)));
    }
    let cx = request.patient(cx);
    if request.targets.len() > MAX_OBJECTS {
        return Err(Error::new(ErrorKind::LimitReached, format!("a wait can name {MAX_OBJECTS} objects at most")));
    }
    if !request.all {
        for (index, target) in request.targets.iter().enumerate() {
            match ops::try_take(cx, *target, request.owner) {
                Ok(Some(taken)) => return Ok(Some(Ended::One(index, taken))),
                Ok(None) => {}
                Err(error) if !lock::is_busy(&error) => return Err(error),
                Err(_) if request.poll => {} // not free; the others may be
                Err(_) => return Ok(Some(Ended::TimedOut)),
            }
        }
    } else {
        check_depths(request)?;
        request.targets.iter().try_for_each(|target| kinds::tick(cx, *target).map(drop)).or_else(unless_busy)?;
        if !request.poll || request.targets.iter().all(|t| may_take(cx, *t, request.owner)) {
            return Ok(None); // only under the locks can all be had
        }
    }
    if !request.poll {
        return Ok(None);
    }
    calm(cx, request);
    Ok(Some(Ended::TimedOut))
}

/// Somebody who is stopped has the object: what is known of it holds.
fn unless_busy(error: Error) -> Result<()> {
    if lock::is_busy(&error) { Ok(()) } else { Err(error) }
}

/// A wait-all must not take what it can only keep in part: whether the caller may own its own mutexes once more is asked first, and cannot change
/// while it waits.
fn check_depths(request: Request<'_>) -> Result<()> {
    let owned = |target: &&Target| target.machine == Machine::Mutex && target.word().state().owned_by(request.owner);
    request.targets.iter().filter(owned).try_for_each(|target| ops::check_depth(*target))
}

/// Gives back what was taken at once and will not be had.
pub(crate) fn give_all_back(cx: Cx, targets: &[Target], owner: OwnerRef, ended: &Ended) {
    for (index, taken) in ended.taken() {
        let target = targets[index];
        let _ = ops::give_back(cx, target, owner, target.word().state().epoch(), taken.abandoned);
    }
}

/// Whether the object looks signalled for `owner`; a locked one may be.
fn may_take(cx: Cx, target: Target, owner: OwnerRef) -> bool {
    let word = target.word();
    word.is_locked()
        || all::satisfied(target.machine, word.state(), owner)
        || target.machine == Machine::Mutex && ops::owner_is_gone(cx, word.state()).unwrap_or(true)
}

/// A thread must not sleep for a grant that only its own code can release.
fn check_deadlock(cx: Cx, request: Request<'_>) -> Result<()> {
    if request.poll {
        return Ok(());
    }
    let own = |target: &Target| {
        target.machine == Machine::Mutex && target.word().state().owner_index().is_some_and(|index| is_bound_here(cx, index))
    };
    let stuck = if request.all { request.targets.iter().any(own) } else { request.targets.iter().all(own) };
    if stuck {
        return Err(Error::new(
            ErrorKind::WouldDeadlock,
            "the mutex is held by a grant of this same thread, which would block for ever; await the asynchronous form, or release the grant first",
        ));
    }
    Ok(())
}

/// Whether the owner is a grant of this process that is bound to the calling thread.
fn is_bound_here(cx: Cx, owner: u32) -> bool {
    live::process_of_owner(cx.space, owner) == Some(cx.space.me())
        && cx.space.arena.owner(owner).is_ok_and(|record| {
            record.life.load() & live::owner_kind::MASK == live::owner_kind::GRANT && record.tid.load() == process::tid()
        })
}

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The calling thread.
    Thread,
    /// Nobody: the process hears of it through its keeper.
    Async,
    /// Nobody, and it takes nothing (`watch.rs`).
    Watch,
}

impl Manner {
    fn flags(self) -> u32 {
        if self == Manner::Thread { 0 } else { WAITER_ASYNC }
    }

    fn node_kind(self, all: bool) -> u32 {
        match self {
            Manner::Watch => node_kind::WATCH,
            _ => all::node_kind_of(all),
        }
    }
}

/// Has every sleeping thread of this process look at its wait again.
pub(crate) fn rouse_own(space: &'static Space) -> Result<()> {
    for index in 0..space.arena.high_water(Table::Waiters) {
        let waiter = space.arena.waiter(index)?;
        let is_ours = live::process_of_waiter(space, index) == Some(space.me()) && waiter.flags.load() & WAITER_ASYNC == 0;
        if is_ours && waiter.claim.update(|claim| Claim(claim).poke().map(|poked| poked.0)).is_ok() {
            futex::wake(waiter.claim.low(), 1);
        }
    }
    Ok(())
}

/// A wait that has its records.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) wait: Wait,
    pub(crate) at: WaiterRef,
    record: &'static Waiter,
    begun: Claim,
}

impl Entered {
    /// Takes the records and begins the claim; no queue knows of it yet.
    pub(crate) fn new(cx: Cx, request: Request<'_>, manner: Manner) -> Result<Entered> {
        let arena = &cx.space.arena;
        let wait = cx.space.pools.lock().take_wait(arena, cx.space.me(), request.targets.len())?;
        let record = arena.waiter(wait.waiter)?;
        let claim = Claim(record.claim.load()).next_waiting();
        let at = WaiterRef { index: wait.waiter, generation: claim.generation() };
        record.owner.store(request.owner.pack());
        if request.targets.iter().any(|t| t.machine == Machine::Mutex) {
            record.since.store(clock::now()); // for the hand-off
        }
        let in_hall =
            manner == Manner::Thread && !request.all && matches!(request.targets, [event] if event.machine == Machine::ManualEvent);
        record.flags.store(manner.flags() | if in_hall { WAITER_IN_HALL } else { 0 });
        record.sleeper.store(if manner == Manner::Thread { spin::tag(cx.op) } else { 0 });
        let mut sibling = 0;
        for (ordinal, &index) in wait.nodes.iter().enumerate().rev() {
            let node = arena.node(index)?;
            node.waiter.store(at.pack());
            node.ordinal.store(ordinal as u32);
            node.value_after.store(request.targets[ordinal].at.pack());
            node.kind.store(Node::kind_for(manner.node_kind(request.all), request.targets[ordinal].machine));
            node.sibling.store(sibling);
            sibling = index + 1;
        }
        record.first_node.store(sibling);
        record.claim.store(claim.0);
        #[cfg(crash)]
        crate::crash::note_wait(at);
        Ok(Entered { wait, at, record, begun: claim })
    }

    /// Enters the queues, until one of them grants.
    pub(crate) fn enter(&mut self, cx: Cx, request: Request<'_>) -> Result<()> {
        let entered =
            if request.all { all::enter(cx, request.targets, &self.wait, cx.patience).map(|_| ()) } else { self.enter_each(cx, request) };
        match entered {
            Ok(()) => Ok(()),
            Err(NoLock::TimedOut) => {
                self.cancel();
                Ok(())
            }
            Err(NoLock::Failed(error)) => Err(error),
        }
    }

    fn enter_each(&mut self, cx: Cx, request: Request<'_>) -> std::result::Result<(), NoLock> {
        for (target, &node) in request.targets.iter().zip(self.wait.nodes.iter()) {
            let mut locked = lock::lock_until(cx, *target, cx.patience)?;
            let appended = locked.append(node);
            #[cfg(any(test, planted))]
            if planted::has(Planted::EnterWithoutServing) {
                locked.unlock_quietly();
                continue;
            }
            locked.finish(None)?;
            appended?;
            if !self.claim().is_waiting() {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim(self.record.claim.load())
    }

    /// Ends the wait from our side; false if somebody ended it first.
    pub(crate) fn cancel(&self) -> bool {
        self.record.claim.update(|claim| Claim(claim).cancel().map(|c| c.0)).is_ok()
    }

    /// Sleeps until the claim is decided. `true`: by an interrupt of ours.
    fn sleep(&self, cx: Cx, request: Request<'_>, interrupt: &mut Interrupt<'_>) -> Result<bool> {
        let mut seen = self.begun;
        let hall = (self.record.flags.load() & WAITER_IN_HALL != 0).then(|| Hall::of(cx.space, request.targets[0].at.index));
        if spin::watch(cx, request.targets, request.deadline, || !self.claim().is_waiting()) {
            return Ok(false);
        }
        loop {
            let round = hall.map(|hall| (hall, hall.look())); // before the claim: SYNC(hall)
            let claim = self.claim();
            if !claim.is_waiting() {
                return Ok(false);
            }
            cx.space.check()?;
            let mut watch = Watch::new(cx);
            let changed = match self.look(cx, request, claim != seen, &mut watch) {
                Err(error) if lock::is_busy(&error) => false,
                other => other?,
            };
            seen = claim;
            if changed {
                continue; // look again before sleeping
            }
            let slice = if interrupt.is_some() { Deadline::at(clock::now() + SLICE_NS) } else { Deadline::NEVER };
            let belt = if watch.is_needed { Deadline::at(clock::now() + BELT_NS) } else { Deadline::NEVER };
            spin::falls_asleep(cx);
            let until = request.deadline.min(slice).min(belt);
            let woken = match round {
                Some((hall, seen)) => Ok(hall.sleep(seen, until.into())),
                None => watch.sleep(self.record, claim, until),
            };
            spin::runs(cx);
            let woken = woken?;
            if woken == Woken::TimedOut && request.deadline.passed() {
                self.look_at_the_clock(cx, request);
                self.cancel();
                return Ok(false);
            }
            if woken != Woken::Changed
                && let Some(ask) = interrupt.as_mut()
                && ask()
            {
                self.cancel();
                return Ok(true);
            }
        }
    }

    /// The time is up, and one of the objects may have been signalled before that: who slept too long has it nevertheless.
    fn look_at_the_clock(&self, cx: Cx, request: Request<'_>) {
        for target in request.targets.iter().filter(|target| target.machine.is_timed()) {
            let _ = kinds::tick(cx.hurried(BLINK_NS), *target); // what is damaged, or locked by one who is stopped, signals nothing now
        }
    }

    /// Looks at the clock for the timers among the objects, and after the mutexes: a poke is answered, a free one is handed out (whoever was poked for it may be stopped, or gone),
    /// a dead owner's is abandoned, an owner watched. True if the claim should be looked at again before sleeping.
    fn look(&self, cx: Cx, request: Request<'_>, poked: bool, watch: &mut Watch) -> Result<bool> {
        for target in request.targets.iter().filter(|t| t.machine.is_timed()) {
            watch.is_needed = true;
            let due = match kinds::tick(cx.hurried(BLINK_NS), *target) {
                Err(error) if lock::is_busy(&error) => Some(Due::monotonic(clock::now() + BLINK_NS)),
                other => other?,
            };
            watch.due = due.map_or(watch.due, |due| Some(due.sooner(watch.due)));
            if !self.claim().is_waiting() || due.is_some_and(Due::await_near) {
                return Ok(true);
            }
        }
        for target in request.targets.iter().filter(|t| t.machine == Machine::Mutex) {
            watch.is_needed = true;
            let word = target.word();
            if poked || !word.is_locked() && !request.all && word.state().owner_index().is_none() {
                if poked {
                    spin::watch_owner(cx, target, request.deadline, || !self.claim().is_waiting());
                }
                lock::lock(cx, *target)?.finish(None)?;
                if !self.claim().is_waiting() {
                    return Ok(true);
                }
            }
            let state = target.word().state();
            let Some(owner) = state.owner_index() else { continue };
            match live::vitals(cx.space, owner, |generation| state.owner_generation_is(generation))? {
                Vitals::Alive => watch.add(owner)?,
                Vitals::Leaving if ops::sees_end(cx.space, owner)? => return Ok(true),
                Vitals::Leaving => watch.add_end(owner)?,
                Vitals::Gone => {
                    ops::abandon(cx, *target, state)?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Leaves the queues and says how the wait ended. `asleep` is what the sleep said.
    pub(crate) fn conclude(self, cx: Cx, targets: &[Target], asleep: Result<bool>) -> Result<Ended> {
        if asleep.is_err() {
            self.cancel();
        }
        let claim = self.claim();
        self.leave(cx, targets);
        let mut ended = self.take(cx, targets, claim);
        if let (Ok(true) | Err(_), Ok(granted)) = (&asleep, &ended) {
            // Interrupted, or failed, in the instant of the grant: it goes back.
            let back = self.give_back(cx, targets, granted);
            ended = back.map(|()| Ended::Interrupted);
        }
        cx.space.pools.lock().give_wait(&cx.space.arena, self.wait);
        asleep.and(ended)
    }

    /// GRANTED to TAKEN: from here the caller has it.
    fn take(&self, cx: Cx, targets: &[Target], claim: Claim) -> Result<Ended> {
        let arena = &cx.space.arena;
        let one = |index: usize| -> Result<Taken> {
            let news = arena.node(self.wait.nodes[index])?.news.load();
            if news == RECURSED { ops::recursed(cx, targets[index]) } else { Ok(ops::took(targets[index], news == 1)) }
        };
        let ended = match claim.phase() {
            Phase::Granted(_) if arena.node(self.wait.nodes[0])?.role() == node_kind::WATCH => Ended::TimedOut, // it took nothing
            Phase::Granted(index) if (index as usize) < targets.len() => {
                cx.space.evidence.was_granted(targets[index as usize].at.index, self.record.ended_by.load());
                Ended::One(index as usize, one(index as usize)?)
            }
            Phase::GrantedAll(_) => Ended::All((0..targets.len()).map(one).collect::<Result<_>>()?),
            Phase::Cancelled => return Ok(Ended::TimedOut),
            _ => return Err(arena.corrupted(&format!("a claim {:#x}", claim.0))),
        };
        match claim.take() {
            Some(taken) if self.record.claim.cas(claim.0, taken.0).is_ok() => Ok(ended),
            _ => Err(arena.corrupted("a claim that changed after its grant")),
        }
    }

    /// What was granted and will not be had.
    fn give_back(&self, cx: Cx, targets: &[Target], ended: &Ended) -> Result<()> {
        let owner = OwnerRef::unpack(self.record.owner.load()).unwrap_or(cx.op);
        for (index, taken) in ended.taken() {
            let epoch = cx.space.arena.node(self.wait.nodes[index])?.value.load() as u32;
            ops::give_back(cx, targets[index], owner, epoch, taken.abandoned)?;
        }
        Ok(())
    }

    /// Takes our nodes out of queues whose locks are free, and leaves the others for later.
    fn leave(&self, cx: Cx, targets: &[Target]) {
        for (target, &index) in targets.iter().zip(self.wait.nodes.iter()) {
            let Ok(node) = cx.space.arena.node(index) else { continue };
            if ObjectRef::unpack(node.object.load()) != Some(target.at) {
                continue;
            }
            match lock::try_lock(cx, *target) {
                Some(mut locked) => {
                    if locked.holds(node) {
                        let _ = locked.unlink(index);
                    }
                    let _ = locked.finish(None);
                }
                None => drop(cx.space.asyncs.serve_later(cx, target.at)),
            }
        }
    }
}

/// `Node::news` of a wait-all whose owner held the mutex already.
pub(crate) const RECURSED: u32 = 2;

/// The words, besides the claim, that a thread blocked on mutexes sleeps on. Dropping it gives its seats back.
#[derive(Debug)]
struct Watch {
    cx: Cx,
    words: [Option<(&'static Word32, u32)>; WATCHED],
    len: usize,
    /// A mutex or a timer is among the objects: look after it now and then, whatever we are told.
    is_needed: bool,
    /// When the first of the timers among the objects is due.
    due: Option<Due>,
    /// The seats we sit on: process slot and seat.
    seats: [(u32, usize); WATCHED / 2],
    seated: usize,
}

/// At most eight owners are watched directly; the others' neighbours tell us.
const WATCHED: usize = 16;

impl Watch {
    fn new(cx: Cx) -> Watch {
        Watch { cx, words: [None; WATCHED], len: 0, is_needed: false, due: None, seats: [(0, 0); WATCHED / 2], seated: 0 }
    }

    /// Watches a living owner: a free seat of its process, and its thread's word.
    fn add(&mut self, owner: u32) -> Result<()> {
        if self.len + 2 > WATCHED {
            return Ok(());
        }
        let space = self.cx.space;
        let record = space.arena.owner(owner)?;
        let Some(home) = live::process_of_owner(space, owner) else { return Ok(()) };
        if home != space.me() {
            let process = space.arena.process(home.slot)?;
            for seat in RING_SEATS..SEATS {
                let sitter = process.sleepers[seat].load();
                let free = OwnerRef::unpack(sitter).is_none_or(|op| live::owner_vitals(space, op) == Ok(Vitals::Gone));
                if free && process.sleepers[seat].cas(sitter, self.cx.op.pack()).is_ok() {
                    self.seats[self.seated] = (home.slot, seat);
                    self.seated += 1;
                    self.push(live::seat(space, home, seat)?);
                    break;
                }
            }
        }
        if record.life.load() & live::owner_kind::MASK == live::owner_kind::THREAD {
            self.add_thread(live::thread_word(record));
        }
        Ok(())
    }

    /// Watches for the end of a dying owner's thread.
    fn add_end(&mut self, owner: u32) -> Result<()> {
        if let Some(word) = ops::word_of_end(self.cx.space, owner)?.filter(|_| self.len < WATCHED) {
            self.add_thread(word);
        }
        Ok(())
    }

    fn add_thread(&mut self, word: &'static Word32) {
        let value = word.load();
        if value & robust::TID != 0 && (value & robust::WAITERS != 0 || word.cas(value, value | robust::WAITERS).is_ok()) {
            self.push((word, value | robust::WAITERS));
        }
    }

    fn push(&mut self, word: (&'static Word32, u32)) {
        self.words[self.len] = Some(word);
        self.len += 1;
    }

    /// Sleeps on the claim and the watched words; whoever finds a death wakes the others who sleep on it.
    fn sleep(self, record: &'static Waiter, claim: Claim, deadline: Deadline) -> Result<Woken> {
        let until = self.due.map_or(Until::from(deadline), |due| Until::due(due, deadline));
        if self.len == 0 {
            return Ok(futex::wait(record.claim.low(), claim.low(), until));
        }
        let mut words = [(record.claim.low(), claim.low()); WATCHED + 1];
        for (slot, word) in words[1..].iter_mut().zip(self.words.iter().flatten()) {
            *slot = *word;
        }
        // A death before the values were read is found here, one after it by the kernel's compare.
        let died = words[1..=self.len].iter().any(|(_, value)| robust::died(*value));
        let woken = if died { Woken::Changed } else { futex::wait_many(&words[..=self.len], until) };
        words[1..=self.len].iter().for_each(|(word, _)| robust::pass_on(word));
        for &(slot, seat) in &self.seats[..self.seated] {
            if robust::died(self.cx.space.arena.process(slot)?.seats[seat].load() as u32) {
                live::wake_seats(self.cx.space, slot)?;
            }
        }
        Ok(woken)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for &(slot, seat) in &self.seats[..self.seated] {
            if let Ok(process) = self.cx.space.arena.process(slot) {
                let _ = process.sleepers[seat].cas(self.cx.op.pack(), 0);
            }
        }
    }
}
