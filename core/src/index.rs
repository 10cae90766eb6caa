//! Names and lives of objects: create, open, leave, destroy, without a system call.
//!
//! *What it is.* 262 144 buckets; a bucket's word holds the first object of its chain, a version, and a locker (`bucket.rs`).
//!
//! *Who may write what.* Insert at the head: anyone, one swap of the unlocked word, which fails if anything was inserted or removed since the
//! chain was read; so a name is created once. Remove: under the bucket's lock: one store (the predecessor's `chain`, or the head with the
//! unlocking store). A chain is therefore whole at every instant, and a dead locker's lock is simply taken.
//!
//! *Reading.* Without the lock: an object counts if its life word is LIVE and unchanged after its name was compared (the admission's swap is
//! that check); "not there" counts if the bucket's word is unchanged.
//!
//! *Death.* Reserved, not linked: the row bit leads the reaper to it. DYING, not unlinked: `pending_object` does, and every reader that
//! meets it. A *stopped* remover delays creators of names that share its bucket of 262 144.

use crate::arena::layout::{ANNEX_WORDS, BUCKETS, INLINE_NAME_BYTES, Node, OBJECTS, Object, PROCESSES, Table};
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef};
use crate::bucket::Bucket;
use crate::cell::private::{AtomicU32, Ordering};
use crate::cell::{Word32, Word64, fence, fence_after_swap};
use crate::dispatch::all;
use crate::dispatch::lock::{self, Locked, Target, node_kind};
use crate::dispatch::word::{Machine, State, Word};
use crate::error::{Error, ErrorKind, Result};
use crate::kinds;
use crate::life::{Life, Stage};
use crate::live::{self, Vitals, owner_kind};
use crate::lock::{Guards, Lock};
use crate::name::{self, MAX_KEY_BYTES, quoted};
use crate::ops;
use crate::recover;
use crate::refs::{self, count_matches};
use crate::space::{Cx, Space};
use crate::sys::clock::Deadline;
use crate::sys::{clock, process};
use std::collections::VecDeque;

/// What a new object is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blueprint {
    pub(crate) machine: Machine,
    pub(crate) state: State,
    pub(crate) maximum: u32,
    pub(crate) owned: bool,
    /// What a new annex holds, for the kinds that have one.
    pub(crate) annex: Option<[u64; ANNEX_WORDS]>,
}

/// Makes the object, or opens the one of that name. `true`: it is new.
pub(crate) fn create(cx: Cx, name: Option<&str>, what: Blueprint) -> Result<(Target, bool)> {
    let Some(name) = name else {
        let at = reserve(cx)?;
        let made = fill(cx, at, None, what).and_then(|record| publish(cx, at, record, what));
        settle_pending(cx, at, made.is_err());
        return made.map(|target| (target, true));
    };
    let wanted = hash(name);
    let bucket = bucket_of(cx.space, wanted);
    let mut spare: Option<(ObjectRef, Target)> = None;
    let mut vain = Vain::default();
    let outcome = loop {
        let seen = bucket.load();
        match find_in_the_end(cx, bucket, wanted, name) {
            Err(error) => break Err(error),
            Ok(Found::Here(found)) => {
                break same_kind(found, what.machine, name).map(|target| (target, false)).inspect_err(|_| leave_quietly(cx, found.at));
            }
            Ok(Found::LookAgain) => match vain.look(cx, seen) {
                Ok(()) => continue,
                Err(error) => break Err(error),
            },
            Ok(Found::Nothing) => {}
        }
        if Bucket(seen).is_locked() {
            match await_bucket(cx, bucket) {
                Ok(()) => continue,
                Err(error) => break Err(error),
            }
        }
        let (_, target) = match spare {
            Some(made) => made,
            None => {
                let at = reserve(cx)?;
                match fill(cx, at, Some(name), what).and_then(|record| publish(cx, at, record, what)) {
                    Ok(target) => *spare.insert((at, target)),
                    Err(error) => {
                        settle_pending(cx, at, true);
                        return Err(error);
                    }
                }
            }
        };
        target.record.chain.store(Bucket(seen).head());
        if bucket.cas(seen, Bucket(seen).insert(target.at.index).0).is_ok() {
            settle_pending(cx, target.at, false);
            return Ok((target, true));
        }
    };
    if let Some((at, _)) = spare {
        settle_pending(cx, at, true);
    }
    outcome
}

/// Opens the object of that name.
pub(crate) fn open(cx: Cx, name: &str, is: impl Fn(Machine) -> bool) -> Result<Target> {
    let wanted = hash(name);
    let bucket = bucket_of(cx.space, wanted);
    let mut vain = Vain::default();
    loop {
        let seen = bucket.load();
        match find_in_the_end(cx, bucket, wanted, name)? {
            Found::Here(found) if is(found.machine) => return Ok(found),
            Found::Here(found) => {
                leave_quietly(cx, found.at);
                return Err(other_kind(name, found.machine));
            }
            Found::LookAgain => {
                vain.look(cx, seen)?;
                continue;
            }
            Found::Nothing => {}
        }
        if Bucket(seen).is_locked() {
            await_bucket(cx, bucket)?;
        } else if bucket.load() == seen {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("no object named {} is open; create it, or start the process that does", quoted(name::of_key(name).0)),
            ));
        }
    }
}

/// Opens the object at that place, whatever its name; `None` if it has ended, or another one is there.
pub(crate) fn enter(cx: Cx, at: ObjectRef) -> Result<Option<Target>> {
    if at.index >= cx.space.arena.high_water(Table::Objects) {
        return Ok(None);
    }
    let record = cx.space.arena.object(at.index)?;
    let mut vain = Vain::default();
    loop {
        let life = Life(record.life.load());
        if !life.is_live(at.generation) {
            return Ok(None);
        }
        match bury_holders(cx, at).and_then(|buried| Ok(!buried && join(cx, at, record, life)?)) {
            Ok(true) => return ops::target_at(cx.space, at).map(Some),
            Ok(false) => vain.look(cx, record.life.load())?,
            Err(error) if lock::is_busy(&error) && !cx.patience.passed() => cx.space.check()?, // as for a name
            Err(error) => return Err(error),
        }
    }
}

/// Whether an object of that name lives; for N15.
pub(crate) fn exists(cx: Cx, name: &str) -> Result<bool> {
    match open(cx, name, |_| true) {
        Ok(target) => leave(cx, target.at).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// One more use, by this process, of an object it has open; false if it has not.
pub(crate) fn pin(space: &Space, at: ObjectRef) -> bool {
    let mut held = space.references.lock(at.index);
    let open = count_matches(&held, at);
    held.count += u32::from(open);
    open
}

/// One use less; with the last one the process leaves the holder set, and the last process's leaving ends the object.
pub(crate) fn leave(cx: Cx, at: ObjectRef) -> Result<()> {
    let mut held = cx.space.references.lock(at.index);
    if !count_matches(&held, at) {
        return Ok(());
    }
    held.count -= 1;
    if held.count > 0 {
        return Ok(());
    }
    leave_now_or_later(cx, at, &mut held)
}

/// How long a leaver waits for an object's lock: others of this process need the private lock that he holds meanwhile.
const LEAVING_NS: u64 = 20_000_000;

/// Leaves; where somebody who is stopped has the object locked, we stay in the holder set, and the keeper leaves once he has let go.
fn leave_now_or_later(cx: Cx, at: ObjectRef, held: &mut refs::Count) -> Result<()> {
    let mut left = try_leave(Cx { patience: Deadline::at(0), ..cx }, at, held);
    if left.as_ref().is_err_and(lock::is_busy) {
        left = try_leave(cx.hurried(LEAVING_NS), at, held);
    }
    if left.as_ref().is_err_and(lock::is_busy) {
        held.kept = true;
        cx.space.keeps.fetch_add(1, Ordering::AcqRel);
        cx.space.references.unleft.lock().push(at);
        return Ok(());
    }
    left
}

fn try_leave(cx: Cx, at: ObjectRef, held: &mut refs::Count) -> Result<()> {
    held.kept = keeps_for_owner(cx, at)?;
    if held.kept { Ok(()) } else { leave_set(cx, at) }
}

/// The keeper's part of [`leave_now_or_later`]; true if something is left to do.
pub(crate) fn leave_the_unleft(cx: Cx) -> bool {
    let unleft = std::mem::take(&mut *cx.space.references.unleft.lock());
    for at in unleft {
        let mut held = cx.space.references.lock(at.index);
        if held.count == 0 && held.generation == at.generation && held.kept {
            held.kept = false;
            cx.space.keeps.fetch_sub(1, Ordering::AcqRel);
            let _ = leave_now_or_later(cx, at, &mut held);
        }
    }
    !cx.space.references.unleft.lock().is_empty()
}

/// The keeper's part of [`finish_destroying`]; true if something is left to do.
pub(crate) fn bury_the_unburied(cx: Cx) -> bool {
    let unburied = std::mem::take(&mut *cx.space.references.unburied.lock());
    unburied.into_iter().for_each(|at| drop(destroy_if_unheld(cx, at)));
    !cx.space.references.unburied.lock().is_empty()
}

fn leave_quietly(cx: Cx, at: ObjectRef) {
    let _ = leave(cx, at);
}

/// Leaves an object that was kept only for its owner (see [`keeps_for_owner`]).
pub(crate) fn leave_if_unused(cx: Cx, at: ObjectRef) -> Result<()> {
    let mut held = cx.space.references.lock(at.index);
    if held.count == 0 && held.generation == at.generation && held.kept {
        held.kept = false;
        cx.space.keeps.fetch_sub(1, Ordering::AcqRel);
        return leave_set(cx, at);
    }
    Ok(())
}

/// Objects in our row.
pub(crate) fn held_by_us(space: &Space) -> Vec<ObjectRef> {
    let life = |index| Some(Life(space.arena.object(index).ok()?.life.load()));
    refs::objects_of(space, space.me())
        .into_iter()
        .filter_map(|index| Some(ObjectRef { index, generation: life(index)?.generation() }))
        .collect()
}

/// A mutex that we closed while one of ours owns it, or a mapping in the middle of a change. For a grant, which may yet release it, we stay in the holder
/// set. For a thread only where others hold it too: its death must be noticed and its exit must abandon.
fn keeps_for_owner(cx: Cx, at: ObjectRef) -> Result<bool> {
    let target = ops::target_at(cx.space, at)?;
    if !matches!(target.machine, Machine::Mutex | Machine::Mapping) {
        return Ok(false);
    }
    cx.space.keeps.fetch_add(1, Ordering::AcqRel);
    fence(); // SYNC(keep): said before the owner is looked at; a releaser frees the mutex before it looks here
    let keep = is_needed_by_owner(cx, at, target);
    if !matches!(keep, Ok(true)) {
        cx.space.keeps.fetch_sub(1, Ordering::AcqRel);
    }
    keep
}

fn is_needed_by_owner(cx: Cx, at: ObjectRef, target: Target) -> Result<bool> {
    let owner = match target.machine {
        Machine::Mapping => kinds::mapping::writer(cx.space, target)?.map(|writer| writer.index),
        _ => ops::state(cx, target)?.owner_index(),
    };
    let Some(owner) = owner else { return Ok(false) };
    if live::process_of_owner(cx.space, owner) != Some(cx.space.me()) {
        return Ok(false);
    }
    let is_grant = cx.space.arena.owner(owner)?.life.load() & owner_kind::MASK == owner_kind::GRANT;
    let shared = Life(target.record.life.load()).sole() != Some(cx.space.me().slot);
    Ok(is_grant || shared && others_hold(cx, at.index)?)
}

/// After a grant let go of a mutex: leaves it, if we stayed only for that.
#[inline]
pub(crate) fn leave_after_release(cx: Cx, at: ObjectRef) {
    fence_after_swap(); // SYNC(keep)
    if cx.space.keeps.load(Ordering::Acquire) != 0 {
        let _ = leave_if_unused(cx, at);
    }
}

fn others_hold(cx: Cx, object: u32) -> Result<bool> {
    let me = cx.space.me();
    for holder in holders(cx.space, object) {
        if holder?.slot != me.slot {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The processes that have an object, dead ones among them.
fn holders(space: &Space, object: u32) -> impl Iterator<Item = Result<ProcessRef>> {
    (0..space.arena.high_water(Table::Processes)).filter_map(move |slot| {
        let generation = match space.arena.process(slot) {
            Ok(process) => (process.seats[0].load() >> 32) as u32,
            Err(error) => return Some(Err(error)),
        };
        let process = ProcessRef { slot, generation };
        refs::is_held(space, object, Some(process)).map(|held| held.then_some(process)).transpose()
    })
}

/// Whether a process has the object that is not dead.
pub(crate) fn is_held_by_the_living(space: &Space, object: u32) -> Result<bool> {
    for holder in holders(space, object) {
        if !live::is_dead(space, holder?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Our process leaves the holder set; the private count is 0 and locked.
fn leave_set(cx: Cx, at: ObjectRef) -> Result<()> {
    let target = ops::target_at(cx.space, at)?;
    if target.machine == Machine::RobustSemaphore {
        close_account(cx, target, cx.space.me())?;
    }
    kinds::leave(cx, target)?;
    withdraw(cx, cx.space.me(), at)
}

/// Ends an object that nobody holds any more; finishes what somebody else began to end.
pub(crate) fn destroy_if_unheld(cx: Cx, at: ObjectRef) -> Result<()> {
    let record = cx.space.arena.object(at.index)?;
    loop {
        let life = Life(record.life.load());
        if life.generation() != at.generation {
            return Ok(());
        }
        match life.stage() {
            Some(Stage::Dying) => return finish_destroying(cx, at, record),
            Some(Stage::Live) => {
                fence(); // SYNC(join-destroy): the version is read before the rows
                let alone = life.sole() == Some(cx.space.me().slot) && !refs::is_held(cx.space, at.index, Some(cx.space.me()))?;
                if !alone && refs::is_held(cx.space, at.index, None)? {
                    return Ok(());
                }
                if let Some(dying) = life.dying()
                    && record.life.cas(life.0, dying.0).is_ok()
                {
                    return finish_destroying(cx, at, record);
                }
            }
            _ => return Ok(()),
        }
    }
}

/// Takes a DYING object out of its bucket and frees its record. Any number of finishers may run at once.
fn finish_destroying(cx: Cx, at: ObjectRef, record: &'static Object) -> Result<()> {
    if record.name_len.load() > 0 {
        let bucket = &cx.space.arena.fixed().buckets[(record.hash.load() % BUCKETS) as usize];
        let locked = LockedBucket::take(cx, bucket, record.hash.load() % BUCKETS)?;
        let life = Life(record.life.load());
        if life.stage() == Some(Stage::Dying) && life.generation() == at.generation {
            locked.remove(at.index, record)?;
        }
        drop(locked);
    }
    let life = Life(record.life.load());
    if life.stage() == Some(Stage::Dying) && life.generation() == at.generation {
        if !retire_word(cx, at, record)? {
            return Ok(());
        }
        // First: who finds the record DYING does it again; for want of a descriptor or of memory that is our keeper.
        match kinds::bury(cx.space, at, record) {
            Err(error) if error.is_shortage() => {
                let mut unburied = cx.space.references.unburied.lock();
                if !unburied.contains(&at) {
                    unburied.push(at);
                }
                return Ok(());
            }
            buried => buried?,
        }
        free_extras(cx.space, at, record)?;
        if record.life.cas(life.0, life.free().0).is_ok() {
            cx.space.arena.header().live_objects.add(u64::MAX);
            cx.space.vacancies.freed.lock().push_back(at.index);
        }
    }
    Ok(())
}

/// Takes a living object out of its bucket: who looks the name up makes another. Again, or by several, it does nothing more.
pub(crate) fn release_name(cx: Cx, at: ObjectRef) -> Result<()> {
    let record = cx.space.arena.object(at.index)?;
    if record.name_len.load() == 0 {
        return Ok(());
    }
    let bucket = record.hash.load() % BUCKETS;
    let locked = LockedBucket::take(cx, &cx.space.arena.fixed().buckets[bucket as usize], bucket)?;
    if Life(record.life.load()).is_live(at.generation) { locked.remove(at.index, record) } else { Ok(()) }
}

/// Takes the word from those who were about to swap it when the handle was closed under them. False, and the record rests as it is, while a
/// thread lives that may yet write to it: it has just become the mutex's owner, or has the lock. `reserve` looks again.
fn retire_word(cx: Cx, at: ObjectRef, record: &'static Object) -> Result<bool> {
    loop {
        let word = Word(record.word.load());
        let state = word.state();
        if let Some(locker) = word.locker() {
            let is_it = |generation| locker.is(OwnerRef { index: locker.index, generation });
            if live::vitals(cx.space, locker.index, is_it)? != Vitals::Gone {
                return Ok(false);
            }
        } else if !word.is_open(at.generation) {
            return Ok(true);
        }
        let is_mutex = record.kind.load() == Machine::Mutex.code();
        if is_mutex && state.owner_index().is_some() && !state.owned_by(cx.op) && !ops::owner_is_gone(cx, state)? {
            return Ok(false);
        }
        if record.word.cas(word.0, Word::new(State::event(false)).of(at.generation.wrapping_add(1)).0).is_ok() {
            return Ok(true);
        }
    }
}

// --- finding

fn bucket_of(space: &Space, hash: u32) -> &'static Word64 {
    &space.arena.fixed().buckets[(hash % BUCKETS) as usize]
}

/// FNV-1a, folded: part of the format.
pub(crate) fn hash(name: &str) -> u32 {
    let wide = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (wide ^ wide >> 32) as u32
}

/// What a walk along a chain found.
enum Found {
    /// The live object of that name, entered into by this process.
    Here(Target),
    /// No such object, if the bucket has not moved since before the walk.
    Nothing,
    /// Something ended under our eyes.
    LookAgain,
}

/// Looks at a bucket in which something was ending. Whatever ends leaves its chain, which moves the bucket's word; one who looks so often and so long
/// at the same word looks at damage.
#[derive(Default)]
struct Vain {
    seen: u64,
    looks: u32,
    since: u64,
}

const VAIN_LOOKS: u32 = 20; // each may have buried somebody
const VAIN_NS: u64 = 300_000_000;

impl Vain {
    fn look(&mut self, cx: Cx, seen: u64) -> Result<()> {
        cx.space.check()?;
        let now = clock::now();
        if self.looks == 0 || seen != self.seen {
            *self = Vain { seen, looks: 0, since: now };
        }
        self.looks += 1;
        if self.looks < VAIN_LOOKS || now - self.since < VAIN_NS {
            return Ok(());
        }
        Err(cx.space.arena.corrupted("an object that ends and never goes"))
    }
}

/// As [`find`]; waits for whoever is stopped, but holds nothing meanwhile that others of this process need.
fn find_in_the_end(cx: Cx, bucket: &Word64, wanted: u32, name: &str) -> Result<Found> {
    loop {
        match find(cx, bucket, wanted, name) {
            Err(error) if lock::is_busy(&error) && !cx.patience.passed() => cx.space.check()?,
            other => return other,
        }
    }
}

fn find(cx: Cx, bucket: &Word64, wanted: u32, name: &str) -> Result<Found> {
    let arena = &cx.space.arena;
    let mut next = Bucket(bucket.load()).head();
    for _ in 0..=arena.high_water(Table::Objects) {
        let Some(index) = next.checked_sub(1) else { return Ok(Found::Nothing) };
        let record = arena.object(index)?;
        next = record.chain.load();
        if record.hash.load() != wanted {
            continue; // the common case touches one cache line of the record
        }
        let life = Life(record.life.load());
        let at = ObjectRef { index, generation: life.generation() };
        if !has_name(cx.space, record, name)? {
            continue;
        }
        match life.stage() {
            // A name ends with its last holder, also when nobody has buried him yet (L2).
            Some(Stage::Live) if kinds::has_lost_its_name(record) => {
                release_name(cx, at)?;
                return Ok(Found::LookAgain);
            }
            Some(Stage::Live) if bury_holders(cx, at)? => return Ok(Found::LookAgain),
            Some(Stage::Live) if join(cx, at, record, life)? => return ops::target_at(cx.space, at).map(Found::Here),
            Some(Stage::Live) => return Ok(Found::LookAgain),
            Some(Stage::Dying) => {
                finish_destroying(cx, at, record)?;
                return Ok(Found::LookAgain);
            }
            _ => {}
        }
    }
    Err(arena.corrupted("an endless chain of names"))
}

/// Reaps the holders of an object if all of them are dead; true if the object may have ended by that. A dead process
/// that cannot be reaped now (a thread of it has not ended) still holds.
fn bury_holders(cx: Cx, at: ObjectRef) -> Result<bool> {
    let mut dead = Vec::new();
    for holder in holders(cx.space, at.index) {
        let holder = holder?;
        if !live::is_dead(cx.space, holder)? {
            return Ok(false);
        }
        dead.push(holder);
    }
    if dead.is_empty() {
        // Its maker sets a bit before it is LIVE, so it is ending: somebody is between clearing the last bit and the end.
        destroy_if_unheld(cx, at)?;
        return Ok(true);
    }
    let mut buried = false;
    for holder in &dead {
        for _ in 0..BURIALS {
            if recover::reap(cx, *holder)? {
                buried = true;
                break;
            }
        }
    }
    Ok(buried)
}

/// How often a look-up tries to reap a dead holder whose threads have not ended; each try waits up to a millisecond for them.
const BURIALS: u32 = 10;

/// Enters the holder set; false if the object ended meanwhile, or is another by now.
fn join(cx: Cx, at: ObjectRef, record: &'static Object, mut life: Life) -> Result<bool> {
    let mut held = cx.space.references.lock(at.index);
    if count_matches(&held, at) {
        held.count += 1;
        return Ok(true);
    }
    if held.count > 0 {
        return Ok(false); // the record is another object by now, and ours
    }
    if held.kept && held.generation == at.generation {
        // We never left: the handle is open again.
        *held = refs::Count { generation: at.generation, count: 1, kept: false };
        cx.space.keeps.fetch_sub(1, Ordering::AcqRel);
        return Ok(true);
    }
    let me = cx.space.me();
    let fresh = refs::set_bit(cx.space, me, at.index)?;
    loop {
        let Some(admitted) = life.admit(me.slot).filter(|l| l.generation() == at.generation) else {
            if fresh {
                // Our bit may have kept the last holder, of whatever the record is now, from ending it.
                withdraw(cx, me, ObjectRef { index: at.index, generation: Life(record.life.load()).generation() })?;
            }
            return Ok(false);
        };
        match record.life.cas(life.0, admitted.0) {
            Ok(()) => break, // SYNC(join-destroy): the bit was set before
            Err(met) => life = Life(met),
        }
    }
    *held = refs::Count { generation: at.generation, count: 1, kept: false };
    let target = ops::target_at(cx.space, at)?;
    if target.machine == Machine::RobustSemaphore
        && let Err(error) = open_account(cx.hurried(LEAVING_NS), target)
    {
        held.count = 0;
        let cx = cx.hurried(LEAVING_NS);
        if lock::is_busy(&error) {
            withdraw(cx, me, at)?
        } else {
            leave_set(cx, at)?
        } // busy: there is no account to be closed
        return Err(error);
    }
    Ok(true)
}

/// Clears a process's bit and ends the object if that was the last; our op says so meanwhile.
fn withdraw(cx: Cx, process: ProcessRef, at: ObjectRef) -> Result<()> {
    let op = cx.space.arena.owner(cx.op.index)?;
    let before = op.pending_object.load();
    op.pending_object.store(at.pack());
    refs::clear_bit(cx.space, process, at.index)?;
    let destroyed = destroy_if_unheld(cx, at);
    op.pending_object.store(before);
    destroyed
}

fn same_kind(found: Target, wanted: Machine, name: &str) -> Result<Target> {
    if found.machine.family() == wanted.family() { Ok(found) } else { Err(other_kind(name, found.machine)) }
}

fn other_kind(name: &str, found: Machine) -> Error {
    Error::new(
        ErrorKind::WrongKind,
        format!(
            "the name {} belongs to an existing {}; all kinds share one name space, use another name",
            quoted(name::of_key(name).0),
            found.noun()
        ),
    )
}

// --- making

/// Where this process looks for free records.
#[derive(Debug, Default)]
pub(crate) struct Vacancies {
    /// Records that we freed, oldest first.
    freed: Lock<VecDeque<u32>>,
    /// Where the search through the table goes on.
    cursor: Lock<u32>,
    /// The same for long names and annexes.
    extras: [AtomicU32; 2],
}

impl Vacancies {
    /// For a fork. In this order, as [`reserve`] does when it comes upon a dying object.
    pub(crate) fn hold(&'static self, guards: &mut Guards) {
        guards.take(&self.cursor);
        guards.take(&self.freed);
    }
}

/// A record rests for this many others before it is used again.
const REST: usize = 64;

/// A free record, RESERVED for us and named in our op's `pending_object`.
fn reserve(cx: Cx) -> Result<ObjectRef> {
    let space = cx.space;
    let op = space.arena.owner(cx.op.index)?;
    let take = |index: u32| -> Result<Option<ObjectRef>> {
        let record = space.arena.object(index)?;
        let life = Life(record.life.load());
        let at = ObjectRef { index, generation: life.generation() };
        if life.stage() == Some(Stage::Dying) {
            // It may have rested for an owner (`retire_word`). What keeps it from ending, a stopped process or damage, is no matter of this creation.
            match finish_destroying(cx.hurried(LEAVING_NS), at, record) {
                Err(error) if lock::is_busy(&error) || error.kind() == ErrorKind::Corrupted => return Ok(None),
                ended => ended?,
            }
        }
        let Some(reserved) = life.reserve(space.me().slot) else { return Ok(None) };
        op.pending_object.store(at.pack());
        if record.life.cas(life.0, reserved.0).is_err() {
            op.pending_object.store(0);
            return Ok(None);
        }
        space.arena.header().live_objects.add(1);
        Ok(Some(at))
    };
    // Not in one go: what `take` ends goes into the same list.
    let rested = || {
        let mut freed = space.vacancies.freed.lock();
        if freed.len() > REST { freed.pop_front() } else { None }
    };
    while let Some(index) = rested() {
        if let Some(at) = take(index)? {
            return Ok(at);
        }
    }
    let mut cursor = space.vacancies.cursor.lock();
    let mut wrapped = false;
    loop {
        let high = space.arena.high_water(Table::Objects);
        while *cursor < high {
            let index = *cursor;
            *cursor += 1;
            if let Some(at) = take(index)? {
                return Ok(at);
            }
        }
        // A quarter free is worth a search; else, or when that found nothing, the table grows.
        let live = space.arena.header().live_objects.load();
        if !wrapped && high > 0 && (live > u64::from(high) || live * 4 < u64::from(high) * 3 || high == OBJECTS) {
            *cursor = 0;
            wrapped = true;
        } else if let Err(full) = space.arena.grow(Table::Objects, high) {
            // No room for more: the last free record will do.
            if wrapped {
                return Err(full);
            }
            *cursor = 0;
            wrapped = true;
        }
    }
}

/// Fills a reserved record; its bit is set.
fn fill(cx: Cx, at: ObjectRef, name: Option<&str>, what: Blueprint) -> Result<&'static Object> {
    let record = cx.space.arena.object(at.index)?;
    {
        let _held = cx.space.references.lock(at.index); // no look-up of this process is half-way with the same bit
        refs::set_bit(cx.space, cx.space.me(), at.index)?;
    }
    fence(); // readers of the former name saw the life word change before these stores
    record.word.store(Word::new(what.state).of(at.generation).0);
    record.target.store(0);
    record.head.store(0);
    record.tail.store(0);
    record.fence.store(u64::from(what.owned));
    record.depth.store(u32::from(what.owned));
    record.news.store(0);
    record.kind.store(what.machine.code());
    record.maximum.store(what.maximum);
    record.next_ticket.store(1);
    record.chain.store(0);
    record.accounts.store(0);
    record.alls.store(0);
    record.long_name.store(0);
    record.annex.store(0);
    record.name_len.store(0);
    if let Some(words) = what.annex {
        let index = reserve_extra(cx.space, ANNEX, at)?;
        record.annex.store(index + 1);
        cx.space.arena.annex(index)?.words.iter().zip(words).for_each(|(word, value)| word.store(value));
    }
    if let Some(name) = name {
        record.hash.store(hash(name));
        let words = if name.len() <= INLINE_NAME_BYTES {
            &record.name[..]
        } else {
            let index = reserve_extra(cx.space, LONG_NAME, at)?;
            record.long_name.store(index + 1);
            &cx.space.arena.long_name(index)?.text[..]
        };
        for (word, bytes) in words.iter().zip(name.as_bytes().chunks(8)) {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(eight));
        }
        record.name_len.store(name.len() as u32);
    }
    kinds::build(cx, Target { record, at, machine: what.machine })?;
    Ok(record)
}

/// RESERVED to LIVE; ours from here on.
fn publish(cx: Cx, at: ObjectRef, record: &'static Object, what: Blueprint) -> Result<Target> {
    *cx.space.references.lock(at.index) = refs::Count { generation: at.generation, count: 1, kept: false };
    record.life.store(Life(record.life.load()).publish().0);
    let target = Target { record, at, machine: what.machine };
    if what.machine == Machine::RobustSemaphore {
        open_account(cx, target)?;
    }
    Ok(target)
}

/// The making of an object ends: it is linked, or `undo` gives it back.
fn settle_pending(cx: Cx, at: ObjectRef, undo: bool) {
    if undo {
        let mut held = cx.space.references.lock(at.index);
        if count_matches(&held, at) {
            held.count = 0;
        }
        drop(held);
        if let Ok(target) = ops::target_at(cx.space, at)
            && target.machine == Machine::RobustSemaphore
            && Life(target.record.life.load()).is_live(at.generation)
        {
            let _ = close_account(cx, target, cx.space.me());
        }
        let _ = abolish(cx, cx.space.me(), at);
    }
    if let Ok(op) = cx.space.arena.owner(cx.op.index) {
        op.pending_object.store(0);
    }
}

/// Gives back an object that `process` was making, and ends one that nobody holds.
pub(crate) fn abolish(cx: Cx, process: ProcessRef, at: ObjectRef) -> Result<()> {
    let record = cx.space.arena.object(at.index)?;
    let life = Life(record.life.load());
    if life.generation() != at.generation {
        return Ok(());
    }
    if life.stage() != Some(Stage::Reserved) {
        return withdraw(cx, process, at);
    }
    // The life was read before the slot: a record that the slot's next process is making is not the dead one's.
    let seat = cx.space.arena.process(process.slot)?.seats[0].load();
    if life.sole() == Some(process.slot) && (seat >> 32) as u32 == process.generation {
        kinds::bury(cx.space, at, record)?; // while the bit still leads here whoever goes on after us
        refs::clear_bit(cx.space, process, at.index)?;
        free_extras(cx.space, at, record)?;
        if record.life.cas(life.0, life.free().0).is_ok() {
            cx.space.arena.header().live_objects.add(u64::MAX);
        }
    }
    Ok(())
}

/// The last process leaves with the arena: the memory of the objects that end with it goes, too.
pub(crate) fn remove_backing(space: &Space) {
    for index in 0..space.arena.high_water(Table::Annexes) {
        let owner = space.arena.annex(index).ok().and_then(|annex| ObjectRef::unpack(annex.owner.load()));
        if let Some(at) = owner
            && let Ok(record) = space.arena.object(at.index)
        {
            let _ = kinds::bury(space, at, record);
        }
    }
}

// --- what a record has no room for

/// A table of records that an object may have one of: who owns a record, and where the object's own record names it.
#[derive(Clone, Copy)]
struct Extra {
    table: Table,
    owner: fn(&Space, u32) -> Result<&'static Word64>,
    link: fn(&Object) -> &Word32,
}

const LONG_NAME: Extra =
    Extra { table: Table::LongNames, owner: |space, index| Ok(&space.arena.long_name(index)?.owner), link: |record| &record.long_name };
const ANNEX: Extra =
    Extra { table: Table::Annexes, owner: |space, index| Ok(&space.arena.annex(index)?.owner), link: |record| &record.annex };

fn free_extras(space: &Space, at: ObjectRef, record: &Object) -> Result<()> {
    for extra in [LONG_NAME, ANNEX] {
        if let Some(index) = (extra.link)(record).load().checked_sub(1) {
            let _ = (extra.owner)(space, index)?.cas(at.pack(), 0);
        }
    }
    Ok(())
}

fn reserve_extra(space: &Space, extra: Extra, at: ObjectRef) -> Result<u32> {
    let hint = &space.vacancies.extras[extra.table as usize - Table::LongNames as usize];
    loop {
        let high = space.arena.high_water(extra.table);
        let first = hint.load(Ordering::Relaxed).min(high);
        for index in (first..high).chain(0..first) {
            let word = (extra.owner)(space, index)?;
            let owner = word.load();
            if is_vacant(space, extra, owner, index)? && word.cas(owner, at.pack()).is_ok() {
                hint.store(index + 1, Ordering::Relaxed);
                return Ok(index);
            }
        }
        space.arena.grow(extra.table, high)?;
    }
}

/// Whether an extra's owner is nobody, or an object that died before it knew of it.
fn is_vacant(space: &Space, extra: Extra, owner: u64, index: u32) -> Result<bool> {
    let Some(at) = ObjectRef::unpack(owner) else { return Ok(true) };
    let record = space.arena.object(at.index)?;
    let life = Life(record.life.load());
    let is_making = life.stage() == Some(Stage::Reserved) && life.generation() == at.generation;
    let is_used = life.generation() == at.generation && (extra.link)(record).load() == index + 1;
    Ok(!is_making && !is_used)
}

// --- names

fn name_words(space: &Space, record: &'static Object) -> Result<&'static [Word64]> {
    match record.long_name.load().checked_sub(1) {
        Some(index) => Ok(&space.arena.long_name(index)?.text),
        None => Ok(&record.name),
    }
}

fn has_name(space: &Space, record: &'static Object, name: &str) -> Result<bool> {
    if record.name_len.load() as usize != name.len() {
        return Ok(false);
    }
    let words = name_words(space, record)?;
    Ok(name.as_bytes().chunks(8).zip(words).all(|(bytes, word)| word.load().to_le_bytes()[..bytes.len()] == *bytes)
        && name.len() <= words.len() * 8)
}

/// An object as messages name it.
pub(crate) fn describe(space: &Space, target: Target) -> String {
    match key_of(space, target.record) {
        Ok(Some(key)) => format!("{} {}", target.machine.noun(), quoted(name::of_key(&key).0)),
        _ => format!("unnamed {}", target.machine.noun()),
    }
}

/// What an object is stored under.
pub(crate) fn key_of(space: &Space, record: &'static Object) -> Result<Option<String>> {
    let len = record.name_len.load() as usize;
    if len == 0 {
        return Ok(None);
    }
    let words = name_words(space, record)?;
    if len > MAX_KEY_BYTES.min(words.len() * 8) {
        return Err(space.arena.corrupted("a name that is too long"));
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.load().to_le_bytes()).take(len).collect();
    bytes.truncate(len);
    String::from_utf8(bytes).map(Some).map_err(|_| space.arena.corrupted("a name that is no UTF-8"))
}

// --- accounts of robust semaphores

/// Opens our process's account; with the first handle.
pub(crate) fn open_account(cx: Cx, target: Target) -> Result<()> {
    let node = cx.space.pools.lock().take_node(&cx.space.arena, cx.space.me())?;
    let locked = lock::lock(cx, target).inspect_err(|_| cx.space.pools.lock().give_node(node))?;
    let record = locked.node(node)?;
    record.kind.store(node_kind::ACCOUNT);
    record.waiter.store(cx.space.me().pack());
    record.value.store(0);
    record.next.store(target.record.accounts.load());
    record.object.store(target.at.pack());
    target.record.accounts.store(node + 1);
    locked.finish(None)
}

/// Returns the permits of processes that are dead and not buried yet, so that who asks after a death is told of it. Their accounts stay
/// open until their reaper has ended their waits (R3): a wait of the dead may be granted until then, and the account is where that permit is found.
pub(crate) fn return_permits_of_the_dead(cx: Cx, target: Target) -> Result<()> {
    let locked = lock::lock(cx, target)?;
    let mut dead = Vec::new();
    let mut next = target.record.accounts.load();
    for step in 0.. {
        let Some(index) = next.checked_sub(1) else { break };
        if step > PROCESSES {
            return Err(cx.space.arena.corrupted("an endless list of accounts"));
        }
        let account = locked.node(index)?;
        next = account.next.load();
        if let Some(process) = ProcessRef::unpack(account.waiter.load()).filter(|p| *p != cx.space.me())
            && account.value.load() > 0
            && live::is_dead(cx.space, process)?
            && live::threads_are_gone(cx.space, process)?
        {
            dead.push(process);
        }
    }
    locked.finish(None)?;
    #[cfg(crash)]
    let _scope = crate::crash::recovery();
    dead.into_iter().try_for_each(|process| {
        let mut locked = lock::lock(cx, target)?;
        if let Some((index, account)) = locked.account(process)? {
            return_permits(&mut locked, index, account);
        }
        locked.finish(None)?;
        if target.word().alls() { ops::serve_again(cx, target) } else { Ok(()) }
    })
}

/// Empties the account of a dead process, or of one that leaves.
fn return_permits(locked: &mut Locked, index: u32, account: &Node) {
    let permits = account.value.load();
    if permits > 0 {
        let after = locked.state.post_of_dead(permits.min(u64::from(u32::MAX)) as u32, locked.target.record.maximum.load());
        locked.change_with_account(index, account, 0, after);
    }
}

/// Closes a process's account: its permits come back, and the next acquirer is told. Busy, if a wait-all must be tried again: by who leaves the object,
/// and stays in its holder set until then, or by his reaper.
pub(crate) fn close_account(cx: Cx, target: Target, process: ProcessRef) -> Result<()> {
    let mut locked = lock::lock(cx, target)?;
    let Some((index, account)) = locked.account(process)? else {
        locked.finish(None)?;
        return all::serve(cx, target); // closed already, by one who could not do this
    };
    return_permits(&mut locked, index, account);
    account.object.store(0); // first: its reaper finds it in the list by its process
    let mut link = &target.record.accounts;
    for step in 0.. {
        if step > PROCESSES {
            return Err(cx.space.arena.corrupted("an endless list of accounts"));
        }
        match link.load().checked_sub(1) {
            Some(at) if at == index => {
                link.store(account.next.load());
                break;
            }
            Some(at) => link = &locked.node(at)?.next,
            None => break,
        }
    }
    locked.finish(None)?;
    if process == cx.space.me() {
        cx.space.pools.lock().give_node(index);
    }
    all::serve(cx, target)
}

// --- buckets

struct LockedBucket {
    cx: Cx,
    word: &'static Word64,
}

impl LockedBucket {
    fn take(cx: Cx, word: &'static Word64, index: u32) -> Result<LockedBucket> {
        let op = cx.space.arena.owner(cx.op.index)?;
        op.pending_bucket.store(u64::from(index) + 1);
        loop {
            let seen = Bucket(word.load());
            if seen.is_locked() {
                await_bucket(cx, word)?;
            } else if word.cas(seen.0, seen.locked_by(cx.op).0).is_ok() {
                return Ok(LockedBucket { cx, word });
            }
        }
    }

    /// Takes an object out of the chain, if it is in it.
    fn remove(&self, index: u32, record: &Object) -> Result<()> {
        let head = Bucket(self.word.load());
        if head.head() == index + 1 {
            let rest = record.chain.load();
            if rest == index + 1 {
                return Err(self.cx.space.arena.corrupted("an endless chain of names")); // it would be the first again
            }
            self.word.store(head.with_head(rest).0);
            return Ok(());
        }
        let mut next = head.head();
        for _ in 0..=self.cx.space.arena.high_water(Table::Objects) {
            let Some(at) = next.checked_sub(1) else { return Ok(()) };
            let before = self.cx.space.arena.object(at)?;
            next = before.chain.load();
            if next == index + 1 {
                before.chain.store(record.chain.load());
                return Ok(());
            }
        }
        Err(self.cx.space.arena.corrupted("an endless chain of names"))
    }
}

impl Drop for LockedBucket {
    fn drop(&mut self) {
        self.word.store(Bucket(self.word.load()).unlocked().0);
        if let Ok(op) = self.cx.space.arena.owner(self.cx.op.index) {
            op.pending_bucket.store(0);
        }
    }
}

/// Waits until a bucket's locker is done, or frees the bucket of a dead one.
fn await_bucket(cx: Cx, word: &Word64) -> Result<()> {
    for round in 0u32.. {
        let seen = Bucket(word.load());
        if !seen.is_locked() {
            return Ok(());
        }
        match round {
            0..100 => std::hint::spin_loop(),
            100..110 => process::yield_now(),
            _ => {
                cx.space.check()?;
                let (index, generation) = seen.locker();
                match live::vitals(cx.space, index, |g| g & 0xfff == generation)? {
                    Vitals::Gone => drop(word.cas(seen.0, seen.unlocked().0)),
                    Vitals::Leaving | Vitals::Alive if cx.patience.passed() => return Err(lock::NoLock::TimedOut.into()),
                    Vitals::Leaving => ops::await_end(cx.space, index)?,
                    Vitals::Alive => clock::nap(if round < 130 { 50_000 } else { 1_000_000 }),
                }
            }
        }
    }
    Ok(())
}

/// Frees a bucket that a dead op left locked.
pub(crate) fn free_bucket(cx: Cx, pending: u64) -> Result<()> {
    match cx.space.arena.fixed().buckets.get((pending as usize).wrapping_sub(1)) {
        Some(word) if Bucket(word.load()).is_locked() => await_bucket(cx, word),
        _ => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Reset;
    use crate::engine::{Access, Namespace, Spec};
    use std::thread;

    /// One thread makes objects out of records that somebody left dying, the other takes, again and again, the locks that a fork takes.
    #[test]
    fn who_finishes_a_dying_object_and_who_forks_take_the_locks_in_one_order() {
        let session = Namespace::session(&format!("vacancies-{}", std::process::id())).unwrap();
        let make = || session.create(None, Spec::Event { reset: Reset::Auto, initially_set: false }, Access::ALL).unwrap();
        let namespace = make();
        let (space, _) = namespace.by_ref().place().unwrap();
        let done = AtomicU32::new(0);
        thread::scope(|s| {
            s.spawn(|| {
                while done.load(Ordering::Relaxed) == 0 {
                    space.vacancies.hold(&mut Guards::default());
                }
            });
            for _ in 0..20_000 {
                let (_, left) = make().by_ref().place().unwrap();
                let life = Life(left.record.life.load());
                assert_eq!(life.stage(), Some(Stage::Free));
                let left_dying = life.reserve(space.me().slot).and_then(|reserved| reserved.publish().dying()).unwrap();
                space.vacancies.freed.lock().clear();
                left.record.word.store(Word::new(State::event(false)).of(life.generation()).0);
                left.record.life.store(left_dying.0);
                space.arena.header().live_objects.add(1);
                *space.vacancies.cursor.lock() = left.at.index;
            }
            done.store(1, Ordering::Relaxed);
        });
    }
}
