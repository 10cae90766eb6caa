//! The keeper: one small thread per process and namespace that keeps the process's seats, watches its neighbours, and tells
//! asynchronous waits.
//!
//! *Seats.* A slot's 16 life words carry the keeper's TID and the kernel's bits; they are the entries of a robust list that the keeper registers,
//! so that its end, which is the process's, marks and wakes them all.
//!
//! *States of a slot* (`Process::life`, generation above): FREE → JOINING → LIVE → LEAVING → (dead) → FREE; or FREE → EXPECTED → LIVE for the
//! child of a fork. The slot is *taken* from the moment its seat 0 is not 0.
//!
//! *Joining.* J1 announce seat 0 to the kernel; J2 seat 0: 0 → TID; J3 link all, fill seats 1 to 15, take the announcement back; J4 describe, JOINING;
//! J5 commit to the arena's life (`arena/file.rs`); J6 ring the three predecessors; J7 LIVE. Dying between any two leaves a marked seat 0.
//!
//! *The ring.* A keeper sleeps on its doorbell and on seats 0, 1, 2 of the next three taken slots; it reads the doorbell, scans by
//! value, then sleeps on exactly those values, so nothing falls between. Belt: every second it looks at everything.
//!
//! *Death of a keeper's neighbour* is its to reap (`recover.rs`); all of them may. One whole burial a turn, so that asynchronous waits are told in between.
//! A dead one that cannot be buried, since its records are damaged, keeps nobody else from it: it is passed over for a while.

use crate::arena::file;
use crate::arena::layout::{Process, RING_SEATS, SEATS, Table};
use crate::arena::refs::ProcessRef;
use crate::cell::private::Ordering;
use crate::cell::{Word32, fence};
use crate::dispatch::lock::{self, Target};
use crate::dispatch::word::Machine;
use crate::dispatch::{grant, wait};
use crate::engine;
use crate::error::{Error, ErrorKind, Result};
use crate::handles;
use crate::index;
use crate::kinds;
use crate::kinds::watchdog;
use crate::live::{self, EXPECTED_SEAT, process_state};
use crate::lock::Guards;
use crate::ops;
use crate::owner;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::recover;
use crate::refs;
use crate::space::{self, Cx, SPACES_LOCK, Space};
use crate::sys::clock::{self, Deadline, Due, Exact};
use crate::sys::robust::{OWNER_DIED, SeatList, WAITERS};
use crate::sys::{code, fork, futex, process};
use std::sync::{Once, mpsc};

/// How often the keeper looks at everything.
const BELT_NS: u64 = 1_000_000_000;
/// How soon it looks again at a dead process that cannot be buried yet; each time in vain twice as late, up to 16 ms.
const SOON_NS: u64 = 1_000_000;
/// How long it rests when a turn failed.
const TROUBLE_NS: u64 = 100_000_000;
/// How long a forked child may take to come.
const CHILD_NS: u64 = if cfg!(crash) { 100_000_000 } else { 10_000_000_000 };

/// Starts the keeper and joins, in a free slot or in the one kept for us. False: the arena is closing, open it afresh. Where it does not join, its
/// thread has ended, and what it had taken is marked.
pub(crate) fn start(space: &'static Space, kept: Option<ProcessRef>) -> Result<bool> {
    let (tell, told) = mpsc::channel();
    let body = move || match join(space, kept) {
        Ok(Some(cx)) => {
            let _ = tell.send(Ok(true));
            watch(cx);
        }
        Ok(None) => drop(tell.send(Ok(false))),
        Err(error) => drop(tell.send(Err(error))),
    };
    let keeper = process::spawn_quiet("byname-keeper", body).map_err(no_thread)?;
    let joined =
        told.recv().unwrap_or_else(|_| Err(Error::new(ErrorKind::System, "byname's keeper thread ended while it joined the namespace")));
    if joined != Ok(true) {
        let _ = keeper.join();
    }
    joined
}

/// No thread is left for a keeper, or no addresses for one.
pub(crate) fn no_thread(errno: i32) -> Error {
    if errno == code::ENOMEM {
        return Error::system("cannot start byname's keeper thread", errno);
    }
    Error::new(ErrorKind::LimitReached, "cannot start byname's keeper thread; see RLIMIT_NPROC, RLIMIT_AS and the cgroup's pids.max")
        .with_errno(errno)
}

/// J1 to J7, on the keeper's thread.
fn join(space: &'static Space, kept: Option<ProcessRef>) -> Result<Option<Cx>> {
    let cannot_read = |errno| Error::system("cannot read in /proc when this process began, by which it is told from its successor", errno);
    let start_time = process::start_time().map_err(cannot_read)?;
    let pid_namespace = process::pid_namespace().map_err(cannot_read)?;
    let me = match kept {
        Some(kept) => take_slot(space, kept.slot, EXPECTED_SEAT, Some(kept.generation))?
            .ok_or_else(|| Error::new(ErrorKind::LimitReached, "the forked child came too late to its place in the namespace"))?,
        None => take_free_slot(space)?,
    };
    let record = space.arena.process(me.slot)?;
    record.pid.store(process::pid());
    record.start_time.store(start_time);
    record.pid_namespace.store(pid_namespace);
    record.life.store(u64::from(me.generation) << 32 | process_state::JOINING);
    if !file::attach_commit(&space.arena) {
        return Ok(None); // the file is going away, and our slot with it
    }
    space.set_me(me);
    let cx = owner::register_keeper(space)?;
    for slot in neighbours(space, me, -1).into_iter().take(RING_SEATS) {
        grant::ring(space, slot.slot);
    }
    record.life.store(u64::from(me.generation) << 32 | process_state::LIVE);
    Ok(Some(cx))
}

fn take_free_slot(space: &'static Space) -> Result<ProcessRef> {
    loop {
        let high = space.arena.high_water(Table::Processes);
        for slot in 0..high {
            if space.arena.process(slot)?.seats.iter().all(|s| s.load() as u32 == 0)
                && let Some(me) = take_slot(space, slot, 0, None)?
            {
                return Ok(me);
            }
        }
        space.arena.grow(Table::Processes, high)?;
    }
}

/// J1 to J3: seat 0 from `from` (at that generation, if one is asked for) to us; `None` if somebody else was faster.
fn take_slot(space: &'static Space, slot: u32, from: u32, generation: Option<u32>) -> Result<Option<ProcessRef>> {
    let record = space.arena.process(slot)?;
    let fail = |errno| {
        Error::system("cannot register a robust futex list; this kernel or sandbox lacks what byname needs to notice deaths", errno)
    };
    let list = SeatList::register(&record.seats).map_err(fail)?;
    let seen = record.seats[0].load();
    let taken = seen & !0xffff_ffff | u64::from(process::tid() | WAITERS);
    list.announce(0);
    if seen as u32 != from || generation.is_some_and(|g| g != (seen >> 32) as u32) || record.seats[0].cas(seen, taken).is_err() {
        list.settle();
        return Ok(None);
    }
    list.link_all();
    for seat in &record.seats[1..] {
        seat.store(taken);
    }
    list.settle();
    record.sleepers.iter().for_each(|s| s.store(0));
    record.news.iter().for_each(|n| n.store(0));
    Ok(Some(ProcessRef { slot, generation: (seen >> 32) as u32 }))
}

/// The taken slots after (`step` 1) or before (-1) ours, nearest first.
pub(crate) fn neighbours(space: &Space, me: ProcessRef, step: i64) -> Vec<ProcessRef> {
    let high = i64::from(space.arena.reachable(Table::Processes));
    let mut found = Vec::new();
    for distance in 1..high {
        let slot = (i64::from(me.slot) + step * distance).rem_euclid(high) as u32;
        let Ok(record) = space.arena.process(slot) else { continue };
        let seat = record.seats[0].load();
        if seat as u32 != 0 && seat as u32 != EXPECTED_SEAT {
            found.push(ProcessRef { slot, generation: (seat >> 32) as u32 });
        }
    }
    found
}

/// The keeper's life.
fn watch(cx: Cx) {
    let space = cx.space;
    Exact::for_good();
    let mut round =
        Round { belt: 0, everything: true, not_yet: 0, damaged: vec![], wall: clock::offset(), near: vec![], dogs: vec![], news: u64::MAX };
    loop {
        match turn(cx, &mut round) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if space.arena.gate.is_lost() => break,
            // A full file system, or somebody's damaged record: the others still need this process's keeper.
            Err(_) => clock::nap(TROUBLE_NS),
        }
    }
    space.arena.gate.lose();
    space.arena.wake_waiters();
    space.asyncs.look_at_all(cx, false);
}

/// What a keeper remembers from turn to turn.
struct Round {
    /// When to look at everything again, whoever rings.
    belt: u64,
    /// Whether to look beyond the ring.
    everything: bool,
    /// How many turns in a row have found somebody who cannot be buried yet.
    not_yet: u32,
    /// The dead that could not be buried, when to try again, and how long after that if it is in vain.
    damaged: Vec<(ProcessRef, u64, u64)>,
    /// Where the wall clock stood, as seen from the monotonic one.
    wall: i64,
    /// The neighbours that it sleeps on; the watchdogs of theirs and ours that run; and how many had been started when it looked.
    near: Vec<ProcessRef>,
    dogs: Vec<Target>,
    news: u64,
}

/// A wall clock that moves by more than this between two looks has been set, or the machine was suspended.
const STEP_NS: u64 = 1_000_000;

impl Round {
    /// Whether it is to be passed over now.
    fn passes_over(&self, neighbour: ProcessRef) -> bool {
        self.damaged.iter().any(|(damaged, again, _)| *damaged == neighbour && *again > clock::now())
    }

    fn pass_over(&mut self, neighbour: ProcessRef) {
        let before = self.damaged.iter().position(|(damaged, ..)| *damaged == neighbour).map(|place| self.damaged.swap_remove(place));
        let pause = before.map_or(TROUBLE_NS, |(.., pause)| (2 * pause).min(BELT_NS));
        self.damaged.push((neighbour, clock::now() + pause, pause));
    }

    /// When the first of them is to be tried again.
    fn again(&self) -> Deadline {
        let to_come = self.damaged.iter().map(|(_, again, _)| *again).filter(|again| *again > clock::now());
        to_come.map(Deadline::at).fold(Deadline::NEVER, Deadline::min)
    }
}

/// One round: tell, reap, sleep. False when the namespace is lost.
fn turn(cx: Cx, round: &mut Round) -> Result<bool> {
    let space = cx.space;
    let me = space.me();
    // Before the first touch: where the program has taken SIGBUS for itself, a fault here may never end.
    if clock::now() >= round.belt && (space.arena.gate.is_lost() || space.arena.is_lost()) {
        return Ok(false);
    }
    let record = space.arena.process(me.slot)?;
    let bell = record.doorbell.low();
    let rung = bell.load();
    let mut until = space.asyncs.turn(cx)?;
    if index::leave_the_unleft(cx) | index::bury_the_unburied(cx) {
        until = until.min(Deadline::at(clock::now() + TROUBLE_NS));
    }
    let is_belt = clock::now() >= round.belt;
    if is_belt {
        round.belt = clock::now() + BELT_NS;
        round.everything = true;
        if is_evicted(space, me)? {
            return Ok(false);
        }
        space.asyncs.look_at_all(cx, true);
        expire_children(space)?;
        kinds::mapping::look_after_writers(cx);
        let wall = clock::offset();
        if wall.abs_diff(std::mem::replace(&mut round.wall, wall)) > STEP_NS {
            wait::rouse_own(space)?; // who sleeps until an instant of the wall clock
        }
    }
    until = until.min(Deadline::at(round.belt));
    let mut words: Vec<(&Word32, u32)> = vec![(bell, rung)];
    let (mut reaped, mut not_yet) = (false, false);
    let mut others = neighbours(space, me, 1);
    until = until.min(look_after_dogs(cx, record, round, &others, is_belt));
    round.damaged.retain(|(damaged, ..)| others.contains(damaged));
    others.retain(|other| !round.passes_over(*other));
    for (distance, neighbour) in others.into_iter().enumerate() {
        let near = distance < RING_SEATS;
        if !near && !round.everything {
            break;
        }
        if near {
            words.push(live::seat(space, neighbour, distance)?);
        }
        if live::is_dead(space, neighbour)? {
            process::yield_now(); // whoever was blocked on what the dead one owned was woken, too, and needs less than a burial
            match recover::reap(cx, neighbour) {
                Ok(true) => {
                    reaped = true;
                    break;
                }
                Ok(false) => not_yet = true, // one of its threads has not ended, or somebody is stopped
                Err(_) => round.pass_over(neighbour),
            }
        }
    }
    round.everything = reaped || not_yet; // deaths come in groups
    if reaped || not_yet {
        space.asyncs.look_at_all(cx, false); // no bit may have been set for what the dead granted
    }
    if reaped {
        return Ok(true);
    }
    round.not_yet = if not_yet { (round.not_yet + 1).min(5) } else { 0 };
    if not_yet {
        until = until.min(Deadline::at(clock::now() + ((SOON_NS / 2) << round.not_yet)));
    }
    futex::wait_many(&words, until.min(round.again()));
    Ok(true)
}

/// Looks after the watchdogs of this process and its neighbours, now and then after all; when it is to be done again.
fn look_after_dogs(cx: Cx, record: &Process, round: &mut Round, others: &[ProcessRef], everything: bool) -> Deadline {
    let space = cx.space;
    let (news, near) = (record.dogs.load(), others.iter().copied().take(RING_SEATS).collect::<Vec<_>>());
    if everything || news != round.news || near != round.near {
        let mut of = near.clone();
        of.push(space.me());
        (round.dogs, round.news, round.near) = (watchdog::running(space, Some(&of)), news, near);
    }
    let others = if everything { watchdog::running(space, None) } else { vec![] };
    let mut next = Deadline::NEVER;
    for dog in round.dogs.iter().chain(others.iter().filter(|dog| !round.dogs.iter().any(|near| near.at == dog.at))) {
        next = next.min(match watchdog::watch_over(cx.hurried(DOG_NS), *dog) {
            Ok(due) => due.map_or(Deadline::NEVER, Due::deadline),
            Err(error) if lock::is_busy(&error) => Deadline::at(clock::now() + SOON_NS),
            Err(_) => Deadline::NEVER, // it has ended, or is damaged: that is told to who uses it
        });
    }
    let is_alone = !round.near.iter().any(|near| live::is_dead(space, *near) == Ok(false));
    let is_armed = space.lonely.turn(space, is_alone, &round.dogs);
    if is_armed { next } else { next.min(Deadline::at(clock::now() + SOON_NS)) }
}

/// How long it waits for the lock of a watchdog.
const DOG_NS: u64 = 200_000;

/// Somebody, or something, has freed or marked our seats while we live.
fn is_evicted(space: &Space, me: ProcessRef) -> Result<bool> {
    let record = space.arena.process(me.slot)?;
    Ok(record.seats.iter().any(|seat| {
        let seat = seat.load();
        (seat >> 32) as u32 != me.generation || seat as u32 & OWNER_DIED != 0 || seat as u32 == 0
    }))
}

/// Children that were announced and never came are dead.
pub(crate) fn expire_children(space: &Space) -> Result<()> {
    for slot in 0..space.arena.reachable(Table::Processes) {
        let record = space.arena.process(slot)?;
        let seat = record.seats[0].load();
        if is_overdue(record) {
            let _ = record.seats[0].cas(seat, seat & !0xffff_ffff | u64::from(OWNER_DIED));
        }
    }
    Ok(())
}

// --- exit and fork

/// Registers, once per process, what happens around fork and at exit.
pub(crate) fn install_hooks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        fork::at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
        process::at_exit(leave_all);
    });
}

/// An orderly exit. With others still there it is a death with nothing to tell; the last one removes the file.
pub(crate) extern "C" fn leave_all() {
    for space in space::all() {
        if space.check().is_ok() {
            let _ = leave(space);
        }
    }
}

fn leave(space: &'static Space) -> Result<()> {
    let me = space.me();
    space.arena.gate.leave();
    space.arena.process(me.slot)?.life.store(u64::from(me.generation) << 32 | process_state::LEAVING);
    fence(); // two that leave at once: at least one sees the other LEAVING
    close_if_empty(space).map(|_| ())
}

/// Removes a file that nobody has joined.
pub(crate) fn remove_if_empty(space: &'static Space) {
    let _ = close_if_empty(space);
}

/// Closes the arena and removes its file, if every process in it is dead or leaving; says whether they are.
pub(crate) fn close_if_empty(space: &'static Space) -> Result<bool> {
    let life = file::life(&space.arena);
    let closes = is_empty(space)? && file::close_if(&space.arena, life);
    if closes {
        index::remove_backing(space);
        space.arena.remove()?;
    }
    Ok(closes)
}

/// Whether every process in it is dead or leaving.
pub(crate) fn is_empty(space: &Space) -> Result<bool> {
    for slot in 0..space.arena.high_water(Table::Processes) {
        let record = space.arena.process(slot)?;
        let seat = record.seats[0].load();
        let (taken, state) = (seat as u32 != 0, record.life.load() & process_state::MASK);
        let process = ProcessRef { slot, generation: (seat >> 32) as u32 };
        let gone = live::is_dead(space, process)? && live::threads_are_gone(space, process)?;
        if taken && !gone && state != process_state::LEAVING && !is_overdue(record) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a child was announced here and did not come.
fn is_overdue(record: &Process) -> bool {
    record.seats[0].load() as u32 == EXPECTED_SEAT && clock::now() >= record.expected_until.load()
}

/// Everything private is locked, so that the child finds it whole; and the child has a place in every namespace, with our references.
unsafe extern "C" fn before_fork() {
    let mut guards = Guards::default();
    kinds::notices::hold(&mut guards); // first: who has it takes the others
    guards.take(&SPACES_LOCK);
    guards.take(&watchdog::HOOK);
    crate::engine::hold_watchdogs(&mut guards);
    handles::hold(&mut guards);
    engine::hold_views(&mut guards);
    for space in space::all() {
        kinds::begin_fork(space);
        space.watches.hold(&mut guards);
        space.lonely.hold(&mut guards);
        space.references.lock_all(&mut guards);
        space.asyncs.hold(&mut guards);
        guards.take(&space.pools);
        guards.take(&space.files);
        space.vacancies.hold(&mut guards);
        let child = space.check().and_then(|()| expect_child(space).map_err(unjoined));
        space.child.store(child.as_ref().map_or(0, |child| child.pack()), Ordering::Release);
        *space.unjoined.lock() = child.err();
        guards.take(&space.unjoined);
        space.memories.hold(&mut guards);
        space.arena.hold(&mut guards);
    }
    kinds::hold(&mut guards);
    if !guards.keep() {
        // A fork from a thread's last destructors: the child gets no place, and says so.
        for space in space::all() {
            if let Some(child) = ProcessRef::unpack(space.child.swap(0, Ordering::AcqRel)) {
                *space.unjoined.lock() =
                    Some(Error::new(ErrorKind::Closed, "this process was forked from a thread's last destructors; fork earlier"));
                let _ = give_back(space, child);
            }
        }
    }
}

/// What a forked child says that has no place.
fn unjoined(error: Error) -> Error {
    error.about("this forked child could not join the namespace")
}

unsafe extern "C" fn after_fork_in_parent() {
    Guards::release();
}

unsafe extern "C" fn after_fork_in_child() {
    Guards::release();
    process::forget_tid();
    owner::forget();
    for space in space::all() {
        space.asyncs.forget();
        space.watches.forget();
        space.lonely.forget();
        *space.pools.lock() = Default::default();
        let kept = ProcessRef::unpack(space.child.load(Ordering::Acquire));
        let Some(child) = kept else { continue };
        match start(space, kept) {
            Ok(true) => {
                space.arena.gate.open();
                let _ = open_accounts(space);
            }
            failed => {
                *space.unjoined.lock() = Some(failed.err().map_or_else(|| space.arena.lost_error(), unjoined));
                let _ = give_back(space, child);
            }
        }
    }
    kinds::process::renew();
    kinds::notices::forget();
}

/// A child that does not come is dead at once: its place is marked, if its keeper did not get so far that the kernel does that, and those who bury
/// it are told. (If we die first, it is overdue some day.)
fn give_back(space: &'static Space, child: ProcessRef) -> Result<()> {
    let generation = u64::from(child.generation) << 32;
    let seat = &space.arena.process(child.slot)?.seats[0];
    let _ = seat.cas(generation | u64::from(EXPECTED_SEAT), generation | u64::from(OWNER_DIED));
    for slot in neighbours(space, child, -1).into_iter().take(RING_SEATS) {
        grant::ring(space, slot.slot);
    }
    Ok(())
}

/// A slot in state EXPECTED that holds what we hold.
fn expect_child(space: &'static Space) -> Result<ProcessRef> {
    let child = reserve_place(space)?;
    give_holds(space, child).inspect_err(|_| drop(give_back(space, child)))?;
    Ok(child)
}

fn reserve_place(space: &'static Space) -> Result<ProcessRef> {
    let arena = &space.arena;
    #[cfg(any(test, planted))]
    if planted::has(Planted::ForkAlone) {
        return Err(arena.lost_error());
    }
    loop {
        let high = arena.high_water(Table::Processes);
        let free = (0..high).find_map(|slot| {
            let record = arena.process(slot).ok()?;
            let seat = record.seats[0].load();
            if record.seats.iter().any(|s| s.load() as u32 != 0) {
                return None;
            }
            record.expected_until.store(clock::now() + CHILD_NS);
            record.seats[0].cas(seat, seat | u64::from(EXPECTED_SEAT)).ok()?;
            Some(ProcessRef { slot, generation: (seat >> 32) as u32 })
        });
        match free {
            Some(child) => return Ok(child),
            None => arena.grow(Table::Processes, high)?,
        }
    }
}

fn give_holds(space: &'static Space, child: ProcessRef) -> Result<()> {
    let arena = &space.arena;
    let record = arena.process(child.slot)?;
    record.life.store(u64::from(child.generation) << 32 | process_state::EXPECTED);
    if !file::attach_commit(arena) {
        return Err(arena.lost_error());
    }
    for at in index::held_by_us(space) {
        refs::set_bit(space, child, at.index)?;
        let life = &arena.object(at.index)?.life;
        let _ = life.update(|old| crate::life::Life(old).admit(child.slot).map(|l| l.0));
    }
    kinds::expect_child(space, child);
    Ok(())
}

/// The child's accounts with the robust semaphores that it inherited.
fn open_accounts(space: &'static Space) -> Result<()> {
    let cx = owner::current(space)?;
    for at in index::held_by_us(space) {
        let target = ops::target_at(space, at)?;
        if target.machine == Machine::RobustSemaphore {
            index::open_account(cx, target)?;
        }
        kinds::catch_up(cx, target)?;
    }
    Ok(())
}

const _: () = assert!(SEATS > RING_SEATS);
