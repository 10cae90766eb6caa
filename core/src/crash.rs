//! Crash points, built under `--cfg crash` alone (`make crash`).
//!
//! *What it is.* Every write to the arena goes through `cell.rs`, and each of them is a **point**: a process that is *armed* counts the points it
//! comes to and kills itself (SIGKILL) before the one it was told. What others write on our behalf has points of its own, said by [`point`]: the
//! robust mutex that the C library keeps in an owner record, the robust list that the kernel reads, the calls that make, grow, name and remove
//! the file, and each wake, since a death between the last write and its wake is one too. So is a compare-and-swap that fails.
//! Not points: words of this process alone, and what the kernel writes into the words of the dead.
//!
//! *Who counts* is the [`Scope`]. The count and the place in the source stand in a [`Trace`], in memory that the test shares with what it started.
//!
//! Points are of this build only; nothing here is in a build without the flag.

use crate::arena::layout::Table;
use crate::arena::refs::WaiterRef;
use crate::bucket::Bucket;
use crate::cell::private::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use crate::dispatch::claim::{Claim, Phase};
use crate::dispatch::grant::{self, Intent};
use crate::dispatch::lock::{self, Target, node_kind};
use crate::dispatch::word::{Machine, State, Word};
use crate::engine::{HandleRef, Namespace};
use crate::error::Result;
use crate::keeper;
use crate::kinds::{timer, watchdog};
use crate::life::{Life, Stage};
use crate::live;
use crate::ops;
use crate::owner;
use crate::refs;
use crate::space::Space;
use crate::sys::{process, robust};
use std::cell::Cell;
use std::panic::Location;
use std::sync::OnceLock;

/// Which points of a process count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the thread that armed.
    Thread = 1,
    /// Those of all threads: the keeper's part as well.
    Process = 2,
    /// Those inside a recovery, on whatever thread.
    Recovery = 3,
}

/// What became of an armed process.
#[derive(Debug, Default)]
pub struct Trace {
    /// Points passed.
    pub passed: AtomicU64,
    /// Die before this one; 0: never.
    pub fatal: AtomicU64,
    /// The last point passed: the end of the file's name, and the line.
    file: [AtomicU64; 5],
    line: AtomicU32,
    /// Whether `fatal` was reached.
    pub died: AtomicBool,
    /// What [`last_words`] said at the end.
    pub words: AtomicU64,
}

impl Trace {
    /// Where the last point stands: file and line.
    pub fn place(&self) -> String {
        let bytes: Vec<u8> = self.file.iter().flat_map(|word| word.load(SeqCst).to_le_bytes()).filter(|byte| *byte != 0).collect();
        let line = self.line.load(SeqCst);
        if line == 0 { "no point".to_owned() } else { format!("{}:{line}", String::from_utf8_lossy(&bytes)) }
    }

    fn note(&self, place: &Location<'_>) {
        let file = place.file().rsplit_once("src/").map_or(place.file(), |(_, file)| file);
        let mut chunks = file.as_bytes().chunks(8);
        for word in &self.file {
            let mut eight = [0; 8];
            let bytes = chunks.next().unwrap_or_default();
            eight[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(eight), SeqCst);
        }
        self.line.store(place.line(), SeqCst);
    }

    /// As new.
    pub fn reset(&self) {
        [&self.passed, &self.fatal, &self.words].into_iter().for_each(|word| word.store(0, SeqCst));
        self.line.store(0, SeqCst);
        self.died.store(false, SeqCst);
    }
}

/// Asked right before the death, by the thread that dies; must not write.
type LastWords = Box<dyn Fn() -> u64 + Send + Sync>;

static TRACE: OnceLock<&'static Trace> = OnceLock::new();
static LAST_WORDS: OnceLock<LastWords> = OnceLock::new();
static SCOPE: AtomicU32 = AtomicU32::new(0);
/// Another process alone may reap.
static GATE: OnceLock<&'static AtomicBool> = OnceLock::new();
/// How often this process was kept from burying somebody.
static KEPT: AtomicU64 = AtomicU64::new(0);
/// The waits that this process began.
static BEGUN: parking_lot::Mutex<Vec<WaiterRef>> = parking_lot::Mutex::new(Vec::new());
/// The mapped arenas, address and length.
static ARENAS: [[AtomicU64; 2]; 64] = [const { [AtomicU64::new(0), AtomicU64::new(0)] }; 64];

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static RECOVERING: Cell<u32> = const { Cell::new(0) };
}

/// Where this process's points are counted; once in a process.
pub fn trace(trace: &'static Trace) {
    let _ = TRACE.set(trace);
}

/// What is to be said at the death.
pub fn last_words(words: impl Fn() -> u64 + Send + Sync + 'static) {
    let _ = LAST_WORDS.set(Box::new(words));
}

/// While `open` is false this process reaps nobody.
pub fn reap_only_if(open: &'static AtomicBool) {
    let _ = GATE.set(open);
}

/// From here the points of `scope` count.
pub fn arm(scope: Scope) {
    ARMED.set(true);
    SCOPE.store(scope as u32, SeqCst);
}

/// Nothing counts any more.
pub fn disarm() {
    SCOPE.store(0, SeqCst);
    ARMED.set(false);
}

/// Says the last words of a process that is going to be killed from outside.
pub fn speak() {
    if let (Some(trace), Some(words)) = (TRACE.get(), LAST_WORDS.get()) {
        trace.words.store(words(), SeqCst);
    }
}

/// A word of the facade is about to be written.
#[inline]
#[track_caller]
pub(crate) fn before_write(address: usize) {
    if SCOPE.load(SeqCst) != 0 && is_in_an_arena(address) {
        pass(Location::caller());
    }
}

/// Somebody else is about to write for us, or to wake.
#[inline]
#[track_caller]
pub(crate) fn point() {
    if SCOPE.load(SeqCst) != 0 {
        pass(Location::caller());
    }
}

/// An arena was mapped.
pub(crate) fn note_arena(address: usize, len: usize) {
    for arena in &ARENAS {
        if arena[1].compare_exchange(0, 1, SeqCst, SeqCst).is_ok() {
            arena[0].store(address as u64, SeqCst);
            arena[1].store(len as u64, SeqCst);
            return;
        }
    }
}

/// A memory is unmapped: its place is free for the next.
pub(crate) fn forget_arena(address: usize) {
    for arena in ARENAS.iter().filter(|arena| arena[0].load(SeqCst) == address as u64) {
        arena[1].store(0, SeqCst);
    }
}

fn is_in_an_arena(address: usize) -> bool {
    let is_in = |arena: &[AtomicU64; 2]| (address as u64).wrapping_sub(arena[0].load(SeqCst)) < arena[1].load(SeqCst);
    ARENAS.iter().take_while(|arena| arena[0].load(SeqCst) != 0).any(is_in)
}

#[cold]
fn pass(place: &'static Location<'static>) {
    let counts = match SCOPE.load(SeqCst) {
        1 => ARMED.get(),
        2 => true,
        3 => RECOVERING.get() > 0,
        _ => false,
    };
    let Some(trace) = TRACE.get().filter(|_| counts) else { return };
    let passed = trace.passed.fetch_add(1, SeqCst) + 1;
    trace.note(place);
    if passed == trace.fatal.load(SeqCst) {
        SCOPE.store(0, SeqCst);
        speak();
        trace.died.store(true, SeqCst);
        process::die();
    }
}

/// Lives as long as its thread is inside a recovery.
#[derive(Debug)]
pub(crate) struct Recovery(());

/// The calling thread begins to recover what a dead one left.
pub(crate) fn recovery() -> Recovery {
    RECOVERING.set(RECOVERING.get() + 1);
    Recovery(())
}

impl Drop for Recovery {
    fn drop(&mut self) {
        RECOVERING.set(RECOVERING.get() - 1);
    }
}

/// Whether this process may reap now.
pub(crate) fn may_reap() -> bool {
    GATE.get().is_none_or(|open| open.load(SeqCst))
}

/// Somebody has locked what a reaper needs.
pub(crate) fn note_kept() {
    KEPT.fetch_add(1, SeqCst);
}

// --- what tests look at, and do

/// How often this process had to leave a dead one unburied because somebody who lives had something of it locked.
pub fn kept() -> u64 {
    KEPT.load(SeqCst)
}

/// Has the object locked meanwhile, like one who is stopped in the middle of a change.
pub fn while_locked(object: HandleRef, act: impl FnOnce()) -> Result<()> {
    let (space, target) = object.place()?;
    let locked = lock::lock(owner::current(space)?, target)?;
    act();
    locked.finish(None)
}

/// What the object's state is, whoever is in the middle of changing it: what its intent says. The state's bits as they stand in the word.
pub fn vouched(object: HandleRef) -> u32 {
    object.place().map_or(0, |(space, target)| state_of(space, target).0)
}

fn state_of(space: &'static Space, target: Target) -> State {
    let word = target.word();
    match Intent::read(space, target.record, target.record.target.load()) {
        Ok(Some(vouched)) if word.is_locked() => vouched.state,
        _ => word.state(),
    }
}

/// Bit 0: whether a timer is signalled; 1: whether it is due some time; above: how often it has been set.
pub fn timer(object: HandleRef) -> u64 {
    let Ok((space, target)) = object.place() else { return 0 };
    let words = timer::look(space, target).unwrap_or_default();
    let (signalled, setting) = timer::seen(state_of(space, target), &words);
    u64::from(signalled) | u64::from(setting.due.is_some()) << 1 | words[0] >> 16 << 2
}

/// Bit 0: whether a watchdog is signalled; 1: whether it runs; above: the pid that started it.
pub fn watchdog(object: HandleRef) -> u64 {
    let Ok(seen) = object.place().and_then(|(space, target)| watchdog::look(space, target)) else { return 0 };
    let (signalled, runs) = match seen.stage {
        watchdog::Stage::Stopped => (0, 0),
        watchdog::Stage::Running => (0, 1),
        watchdog::Stage::Grace => (1, 1),
        watchdog::Stage::Expired => (1, 0),
    };
    signalled | runs << 1 | u64::from(seen.pid) << 2
}

/// Whether this process owns the mutex, by a thread or a grant, and its owner has run: whether its death abandons it.
pub fn owns(mutex: HandleRef) -> bool {
    let Ok((space, target)) = mutex.place() else { return false };
    let owner = state_of(space, target).owner_index();
    let is_ours = owner.is_some_and(|index| live::process_of_owner(space, index) == Some(space.me()));
    is_ours && target.machine == Machine::Mutex && target.record.depth.load() != 0
}

/// A wait of this process has begun.
pub(crate) fn note_wait(at: WaiterRef) {
    BEGUN.lock().push(at);
}

/// How many of this process's waits ended with what they waited for: until then a death gives it back. (A record keeps its word until it is used again,
/// by whichever process; so the word must be that of a wait of ours.)
pub fn taken(namespace: &Namespace) -> usize {
    let space = namespace.space();
    let is_ours = |index: &u32| live::process_of_waiter(space, *index) == Some(space.me());
    let begun = BEGUN.lock();
    let is_taken = |index: &u32| {
        let Ok(waiter) = space.arena.waiter(*index) else { return false };
        let claim = Claim(waiter.claim.load());
        matches!(claim.phase(), Phase::Taken(_) | Phase::TakenAll(_))
            && begun.contains(&WaiterRef { index: *index, generation: claim.generation() })
    };
    (0..space.arena.high_water(Table::Waiters)).filter(is_ours).filter(is_taken).count()
}

/// How many waits of the living go on: threads that block, asynchronous waits, armed watches.
pub fn waiting(namespace: &Namespace) -> usize {
    let space = namespace.space();
    let is_first_of_a_wait = |index: &u32| {
        let Ok(node) = space.arena.node(*index) else { return false };
        let Some(at) = WaiterRef::unpack(node.waiter.load()) else { return false };
        let claim = space.arena.waiter(at.index).map(|waiter| Claim(waiter.claim.load()));
        let is_alive = live::process_of_waiter(space, at.index).is_some_and(|process| live::is_dead(space, process) == Ok(false));
        is_alive
            && node.object.load() != 0
            && node.role() != node_kind::ACCOUNT
            && node.sibling.load() == 0 // the last in the list is linked last
            && claim.is_ok_and(|claim| claim.generation() == at.generation && claim.is_waiting())
    };
    (0..space.arena.high_water(Table::Nodes)).filter(is_first_of_a_wait).count()
}

/// How many processes are dead and not buried, or expected by a fork.
pub fn unburied(namespace: &Namespace) -> usize {
    let space = namespace.space();
    let is_gone = |seat: u32| robust::died(seat) || seat == live::EXPECTED_SEAT;
    let is_dead = |slot: &u32| space.arena.process(*slot).is_ok_and(|process| process.seats.iter().any(|seat| is_gone(seat.load() as u32)));
    (0..space.arena.high_water(Table::Processes)).filter(is_dead).count()
}

/// What should not be there while this process alone uses the namespace and is inside no call.
pub fn leftovers(namespace: &Namespace) -> Vec<String> {
    let space = namespace.space();
    let (arena, me) = (&space.arena, space.me());
    let mut found = Vec::new();
    let mut note = |wrong: bool, what: String| {
        if wrong {
            found.push(what);
        }
    };
    note(arena.header().all_lock.load() != 0, "the wait-all lock is held".to_owned());
    for slot in (0..arena.high_water(Table::Processes)).filter(|slot| *slot != me.slot) {
        if let Ok(process) = arena.process(slot) {
            note(process.seats.iter().any(|seat| seat.load() as u32 != 0), format!("process slot {slot} is taken"));
        }
    }
    let blocks = [&arena.fixed().owner_blocks[..], &arena.fixed().waiter_blocks[..], &arena.fixed().node_blocks[..]];
    for (table, words) in ["owners", "waiters", "nodes"].iter().zip(blocks) {
        let others = words.iter().filter(|word| ![0, me.pack()].contains(&word.load())).count();
        note(others > 0, format!("{others} blocks of {table} belong to somebody who is not there"));
    }
    for (index, word) in arena.fixed().buckets.iter().enumerate() {
        note(Bucket(word.load()).is_locked(), format!("bucket {index} is locked"));
    }
    for index in 0..arena.high_water(Table::Objects) {
        let Ok(record) = arena.object(index) else { continue };
        let (life, word) = (Life(record.life.load()), Word(record.word.load()));
        note(word.is_locked(), format!("object {index} is locked"));
        if life.stage() == Some(Stage::Free) {
            continue;
        }
        note(life.stage() != Some(Stage::Live), format!("object {index} is {:?}", life.stage()));
        note(!refs::is_held(space, index, Some(me)).unwrap_or(false), format!("object {index} is nobody's"));
        note(record.target.load() != 0, format!("object {index} has an intent"));
        note(record.head.load() != 0 || record.tail.load() != 0 || record.alls.load() != 0, format!("object {index} has waiters"));
        let accounts =
            std::iter::successors(record.accounts.load().checked_sub(1), |node| arena.node(*node).ok()?.next.load().checked_sub(1));
        let others = accounts.take(100).filter(|node| arena.node(*node).is_ok_and(|account| account.waiter.load() != me.pack())).count();
        note(others > 0, format!("object {index} has {others} accounts of the dead"));
    }
    found
}

/// This process's keeper looks at its neighbours now: the death of one who was not a member of the ring yet is otherwise noticed by the belt, within
/// a second.
pub fn look_around(namespace: &Namespace) {
    let space = namespace.space();
    let _ = keeper::expire_children(space);
    grant::ring(space, space.me().slot);
}

/// Serves those who wait for the object, and before that finishes what a dead one left half done: the contract sees no change.
pub fn serve(object: HandleRef) -> Result<()> {
    let (space, target) = object.place()?;
    ops::serve_again(owner::current(space)?, target)
}
