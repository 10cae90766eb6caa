//! Jobs: sets of processes that nobody leaves: a control group of version 2 each, or where this user can make none, a mark (`place.rs`).
//!
//! *What it is.* By the first means a job has a directory in the control group file system, below the group of the process that made it: membership, its
//! inheritance and the killing of all at once are the kernel's. By the second it has a number that its members carry as a limit of theirs: membership and its
//! inheritance are the kernel's, and who has the number is found by a walk over /proc (`sys/mark.rs`). Where version 2 has no controllers, a directory with
//! version 1's `pids` and another with its `memory` count and limit; every member is in all of them.
//!
//! *Annex.* Word 0: flags (1: kill when the last handle is closed). 1: the kernel's number of the directory; with a mark, of the PID namespace. 2: the code of the last
//! terminate, and 2³². 3 and 4: the limits of processes and of memory, plus one; 0 is none. 5: how many processes byname has put in. 6: how many of
//! them a limit has ended, and from bit 32 how many were not started for it. 7 to 14: the numbers of jobs inside it when it was terminated, which may end with it: their processes' code is this one's. With a mark,
//! 7 and 8: the mark; 9: how many terminates were begun; 10: up to which of them all are done. Written under the object's lock, but 1, 7 and 8 of a mark, which its maker
//! writes while the record is RESERVED, and 5, 6 and 9, which are added to, and 10, which only rises.
//!
//! *Backing file.* The means and the directories' paths, a line each, from the beginning; the byte at [`KILLS`] is flag 1 again, or 2 once the guard has ended it; that at [`NEWS`] is written whenever somebody comes in with a mark, or meets a limit. Each process that has the job keeps a
//! shared lock on the file, which the kernel ends with the process, however it ends.
//!
//! *Kill on last close.* Whoever ends the object ([`bury`]) kills first. If the last holder is killed and another process of byname lives, that one
//! reaps him and ends the object. If none lives: the *guard* (`sys/cgroup.rs`), a process forked when the flag is first set, sleeps on the file's
//! lock, has it when nobody holds the job, kills and ends. If the guard was killed, too, the next process to attach reaps, and does it. All of
//! it may happen at once and twice: a kill is a kill.
//!
//! *Death.* Between the path in the file and the directory: nothing is there to remove. Between the directory and its number in word 1: it is empty,
//! and is removed. Between two directories in an assignment, or before the mark: the process is no member yet, and counts for the limits. Between the code
//! and the kill: nobody was killed, and the code counts for nobody. Between kill and signal: the caller died in the call. In the walks of a kill: word 9 is ahead of 10,
//! and whoever reaps the caller ([`settle`]), or ends the object, kills again; until then nobody comes in (contract J10). A caller who is a member dies like that always.
//!
//! *Left over.* A job that ends while processes run in it, without the flag, leaves its directory to them, limits included; and one whose last holder is
//! killed leaves it, empty or not, to the next process that attaches and reaps him. The next job
//! that is made at the place removes what is empty and of no living job of this namespace, or of a namespace that is gone ([`sweep`]); so does `byname gc`. A mark
//! stays with its processes, and is given to no other job.

use crate::arena::backing;
use crate::arena::layout::{ANNEX_WORDS, Object};
use crate::arena::refs::ObjectRef;
use crate::cell::Word64;
use crate::cell::private::{AtomicU64, Ordering};
use crate::dispatch::lock::Target;
use crate::dispatch::word::Machine;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{self, Blueprint};
use crate::kinds;
use crate::kinds::place::{NUMBER, marked};
use crate::kinds::process::{code_in, code_word};
use crate::life::{Life, Stage};
use crate::lock::{Guards, Lock};
use crate::ops;
use crate::space::{Cx, Space};
use crate::sys::cgroup::{self, Hierarchy, Hold};
use crate::sys::mark::Mark;
use crate::sys::{clock, code, file, process};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

pub(crate) use crate::kinds::place::{PREFIX, Place};

pub(crate) const FLAGS: usize = 0;
pub(crate) const CODE: usize = 2;
pub(crate) const ACTIVE_LIMIT: usize = 3;
pub(crate) const MEMORY_LIMIT: usize = 4;
pub(crate) const TOTAL: usize = 5;
pub(crate) const ENDED_BY_LIMIT: usize = 6;
/// In [`ENDED_BY_LIMIT`]: one that was not started.
pub(crate) const NOT_STARTED: u64 = 1 << 32;
/// Of a group: from here to the end.
const INSIDE: usize = 7;
/// With a mark.
const KILLS_BEGUN: usize = 9;
const KILLS_DONE: usize = 10;

/// Flag of word 0.
pub(crate) const KILL_ON_CLOSE: u64 = 1;

/// The size of the backing file, and where in it flag 1 stands.
const SIZE: u64 = 4096;
pub(crate) const KILLS: u64 = SIZE - 1;
/// Written to say that there is news: those who are told of the job watch the file (`notices.rs`).
const NEWS: u64 = SIZE - 2;

/// A job at one instant.
pub(crate) struct Seen {
    pub(crate) kill_on_close: bool,
    /// The kernel's number of its directory.
    pub(crate) number: u64,
    pub(crate) code: Option<u32>,
    pub(crate) active_limit: Option<u32>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) put_in: u64,
    /// Killed by a limit of processes; those that were not started for it are not among them.
    pub(crate) refused: u64,
}

/// What the annex says.
pub(crate) fn seen(words: &[u64; ANNEX_WORDS]) -> Seen {
    Seen {
        kill_on_close: words[FLAGS] & KILL_ON_CLOSE != 0,
        number: words[NUMBER],
        code: kinds::process::code_in(words[CODE]),
        active_limit: words[ACTIVE_LIMIT].checked_sub(1).map(|n| n as u32),
        memory_limit: words[MEMORY_LIMIT].checked_sub(1),
        put_in: words[TOTAL],
        refused: words[ENDED_BY_LIMIT] % NOT_STARTED,
    }
}

/// A job that this process has open.
struct Held {
    hold: Hold,
    place: Arc<Place>,
}

static HELD: Lock<BTreeMap<(usize, u64), Held>> = Lock::new(BTreeMap::new());

fn key(space: &'static Space, at: ObjectRef) -> (usize, u64) {
    (std::ptr::from_ref(space).addr(), at.pack())
}

/// For a fork: the child has the descriptors, and by them the locks.
pub(crate) fn hold(guards: &mut Guards) {
    guards.take(&HELD);
}

// --- making

/// The annex of a new job.
pub(crate) fn fresh(kill_on_close: bool) -> [u64; ANNEX_WORDS] {
    let mut words = [0; ANNEX_WORDS];
    words[FLAGS] = if kill_on_close { KILL_ON_CLOSE } else { 0 };
    words
}

/// Makes the job or opens the one of that name, as `index::create`, and takes part in it. One that a guard is ending makes room for the next.
pub(crate) fn create(cx: Cx, name: Option<&str>, what: Blueprint) -> Result<(Target, bool)> {
    for _ in 0..ENDINGS {
        let (target, new) = index::create(cx, name, what)?;
        let taking = take_part(cx.space, target.at).and_then(|takes| {
            let kills = kinds::annex(cx.space, target)?.words[FLAGS].load() & KILL_ON_CLOSE != 0;
            if !(takes && new && kills) {
                return Ok(takes);
            }
            place(cx.space, target)?; // a guard is started for what is this job's alone
            write_flag(cx.space, target.at, true).map(|()| true)
        });
        match taking {
            Ok(true) => return Ok((target, new)),
            ended => {
                index::leave(cx, target.at)?;
                ended?;
                clock::nap(1_000_000);
            }
        }
    }
    Err(Error::new(
        ErrorKind::System,
        "the job of that name is being ended by its guard, and does not end; look for processes that cannot be killed",
    )
    .numbered(170))
}

/// How often, a millisecond apart, the maker of a job looks whether one of that name has ended.
const ENDINGS: u32 = 5_000;

/// Takes part in a job that was just opened; one that a guard is ending is not there any more.
pub(crate) fn open(cx: Cx, target: Target) -> Result<()> {
    match take_part(cx.space, target.at) {
        Ok(true) => Ok(()),
        ended => {
            let what = index::describe(cx.space, target);
            index::leave(cx, target.at)?;
            ended?;
            Err(Error::new(ErrorKind::NotFound, format!("the {what} has ended, with the process that held it; create it")))
        }
    }
}

/// What directories of this namespace's jobs are called: user, the arena's file, object, generation, where that file is, and something that makes each one new.
fn name_of(space: &Space, at: ObjectRef) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let unique = format!("{:x}.{:x}.{:x}", process::pid(), clock::now(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{}{:x}.{unique}", stem_of(space, at), number_of(place_of(space)))
}

fn stem_of(space: &Space, at: ObjectRef) -> String {
    format!("{}{:x}.{:x}.", prefix_of(space), at.index, at.generation)
}

fn prefix_of(space: &Space) -> String {
    let (dev, number) = space.arena.identity();
    format!("{PREFIX}{}.{dev:x}.{number:x}.", process::euid())
}

/// The directories or the mark of a new job, and the file that says which.
pub(crate) fn build(cx: Cx, target: Target) -> Result<()> {
    let annex = kinds::annex(cx.space, target)?;
    sweep(cx.space);
    let file = backing::path(&cx.space.arena, target.at);
    drop(backing::create(&cx.space.arena, target.at, SIZE, SIZE)?);
    let cannot_write = |errno| Error::system("cannot write the file of the job", errno);
    let hold = Hold::open(&file).map_err(|errno| Error::system("cannot open the file of the job", errno))?;
    let write = |place: &Place| {
        let mut bytes = place.lines().into_bytes();
        bytes.push(0);
        hold.put(&bytes, 0).map_err(cannot_write)
    };
    let name = name_of(cx.space, target.at);
    let mut place = match with_group(&name, write) {
        Err(none) if none.kind() == ErrorKind::Unsupported => Place::marked(&name).map_err(|no_mark| neither(&none, no_mark))?,
        made => made?,
    };
    write(&place)?;
    // What cannot be made there is missing where a limit is asked for.
    for optional in [&mut place.pids, &mut place.memory] {
        if optional.as_ref().is_some_and(|group| cgroup::make(group).is_err()) {
            *optional = None;
        }
    }
    write(&place)?;
    place.describe(&annex.words).map_err(|errno| Error::system("cannot read in /proc", errno))?;
    hold.put(&[u8::from(annex.words[FLAGS].load() & KILL_ON_CLOSE != 0)], KILLS).map_err(cannot_write)
}

/// The directory of version 2, of which the file knows before it is made.
fn with_group(name: &str, write: impl Fn(&Place) -> Result<()>) -> Result<Place> {
    let base = cgroup::own(Hierarchy::Unified).ok_or_else(no_groups)?;
    let place = Place::grouped(&base, name);
    write(&place)?;
    match place.group().map(cgroup::make) {
        Some(Err(errno)) => Err(no_group(&base, errno)),
        _ => Ok(place),
    }
}

fn no_groups() -> Error {
    match std::fs::File::open("/proc/self/cgroup").map_err(|error| error.raw_os_error().unwrap_or(0)) {
        Err(errno @ (code::EMFILE | code::ENFILE)) => Error::system("cannot read in which control group this process is", errno),
        _ => Error::new(ErrorKind::Unsupported, "no control groups of version 2 are mounted; mount cgroup2, hybrid will do"),
    }
}

fn neither(no_group: &Error, no_mark: Error) -> Error {
    let why = format!("a job is a control group, or marked processes; {no_group}; and {no_mark}");
    if no_mark.kind() == ErrorKind::Unsupported { Error::new(ErrorKind::Unsupported, why) } else { no_mark }
}

fn no_group(base: &Path, errno: i32) -> Error {
    let why = match errno {
        code::EACCES | code::EPERM | code::EROFS => {
            "is not this user's to make groups in; have it delegated (systemd: Delegate=yes), or mount it writable"
        }
        _ => "takes no new group",
    };
    let kind = if matches!(errno, code::EACCES | code::EPERM | code::EROFS) { ErrorKind::Unsupported } else { ErrorKind::System };
    Error::new(kind, format!("the control group {} {why}", base.display())).with_errno(errno)
}

/// Removes the directories of jobs that are no more and whose processes have ended: of this namespace, and of those whose file is gone.
fn sweep(space: &Space) {
    let (dev, number) = space.arena.identity();
    let dir = place_of(space);
    let home = number_of(dir);
    let lives = |index, generation| {
        space.arena.object(index).is_ok_and(|record| {
            let life = Life(record.life.load());
            life.generation() == generation && life.stage() != Some(Stage::Free)
        })
    };
    sweep_where(|of| {
        of.dev == dev
            && if of.arena == number { !lives(of.index, of.generation) } else { of.home == home && !file::has_number(dir, of.arena) }
    });
}

/// The directory of the arena's file.
fn place_of(space: &Space) -> &Path {
    space.arena.path.parent().unwrap_or(Path::new("/"))
}

/// Its number; 0 where it cannot be seen.
fn number_of(dir: &Path) -> u64 {
    std::fs::metadata(dir).map_or(0, |stat| stat.ino())
}

/// The same of all namespaces in `dir` whose file is gone, for `byname gc`.
#[cfg(feature = "cli")]
pub(crate) fn sweep_orphans(dir: &Path) {
    if let Ok(stat) = file::stat(dir) {
        sweep_where(|of| of.dev == stat.dev && of.home == number_of(dir) && !file::has_number(dir, of.arena));
    }
}

/// Whose a directory is, by its name.
struct Origin {
    dev: u64,
    arena: u64,
    index: u32,
    generation: u32,
    /// The number of the directory in which the arena is: others, on the same device, are not ours to judge.
    home: u64,
}

/// In all hierarchies.
fn sweep_where(is_over: impl Fn(Origin) -> bool) {
    let all = [Hierarchy::Of("pids"), Hierarchy::Of("memory"), Hierarchy::Unified];
    all.into_iter().filter_map(cgroup::own).for_each(|place| sweep_below(&place, &is_over));
}

/// The jobs inside a job first; each directory stays as long as a process is in it, or a job that lives.
fn sweep_below(place: &Path, is_over: &impl Fn(Origin) -> bool) {
    let user = format!("{PREFIX}{}.", process::euid());
    for name in cgroup::children(place) {
        let Some(rest) = name.strip_prefix(&user) else { continue };
        let numbers: Vec<u64> = rest.split('.').map_while(|n| u64::from_str_radix(n, 16).ok()).collect();
        let &[dev, arena, index, generation, home, ..] = numbers.as_slice() else { continue };
        sweep_below(&place.join(&name), is_over);
        if is_over(Origin { dev, arena, index: index as u32, generation: generation as u32, home }) {
            let _ = cgroup::remove(&place.join(&name));
        }
    }
}

/// This process has the object open: it takes part in the lock on its file, from which it has the place. False where the job is ending, because
/// the one who vouched for it died.
pub(crate) fn take_part(space: &'static Space, at: ObjectRef) -> Result<bool> {
    let (name, file) = (stem_of(space, at), backing::path(&space.arena, at)); // first: a fork locks what they ask before it locks this
    let mut held = HELD.lock();
    if held.contains_key(&key(space, at)) {
        return Ok(true);
    }
    let broken = |errno| Error::system("cannot open the file of the job", errno);
    match backing::open(&space.arena, at, SIZE) {
        Err(error) if error.errno() == Some(code::ENOENT) => return Ok(false),
        checked => drop(checked?),
    }
    let hold = Hold::open(&file).map_err(broken)?;
    if !hold.join().map_err(broken)? {
        return Ok(false);
    }
    let (place, kills) = read(&hold, &name).map_err(broken)?.ok_or_else(|| space.arena.corrupted("the file of a job without its place"))?;
    if kills == cgroup::ENDED {
        return Ok(false);
    }
    held.insert(key(space, at), Held { hold, place: Arc::new(place) });
    Ok(true)
}

/// The file of a job: its place, if it is that of such a job, and its last byte.
fn read(hold: &Hold, name: &str) -> std::result::Result<Option<(Place, u8)>, i32> {
    let mut bytes = [0; SIZE as usize];
    let len = hold.read(&mut bytes)?;
    Ok((len == bytes.len()).then(|| Place::parse(&bytes, name)).flatten().map(|place| (place, bytes[KILLS as usize])))
}

/// This process has left the object.
pub(crate) fn forget(space: &'static Space, at: ObjectRef) {
    HELD.lock().remove(&key(space, at));
}

/// Where a job is that this process has open. The file system may be mounted elsewhere in another process, or not at all, or its processes are not those that
/// are numbered here: then it says so.
pub(crate) fn place(space: &'static Space, target: Target) -> Result<Arc<Place>> {
    let place = HELD.lock().get(&key(space, target.at)).map(|held| held.place.clone()).ok_or_else(Error::closed)?;
    if place.is_seen(&kinds::annex(space, target)?.words) {
        return Ok(place);
    }
    let why = match place.group() {
        Some(group) => {
            format!("the job's control group is not at {} for this process; mount cgroup2 where its maker has it", group.display())
        }
        None => "the job's processes are those of its maker's PID namespace, which this process is not in, or has no /proc of".to_owned(),
    };
    Err(Error::new(ErrorKind::Unsupported, why))
}

/// Says in the file whether the last close kills; with it, there is a guard.
pub(crate) fn write_flag(space: &'static Space, at: ObjectRef, kills: bool) -> Result<()> {
    let place = {
        let held = HELD.lock();
        let held = held.get(&key(space, at)).ok_or_else(Error::closed)?;
        held.hold.put(&[u8::from(kills)], KILLS).map_err(|errno| Error::system("cannot write the file of the job", errno))?;
        held.place.clone()
    };
    if kills { guard(space, at, &place) } else { Ok(()) }
}

/// There is news of the job that no control group tells: somebody came in with a mark, or met a limit.
pub(crate) fn stir(space: &'static Space, at: ObjectRef) {
    if let Some(held) = HELD.lock().get(&key(space, at)) {
        let _ = held.hold.put(&[0], NEWS); // without it they look a little later
    }
}

/// Starts the guard, if there is none.
pub(crate) fn guard(space: &Space, at: ObjectRef, place: &Place) -> Result<()> {
    let what = "cannot start the process that ends the job when its last user dies";
    cgroup::start_guard(&backing::path(&space.arena, at), &place.groups(), place.mark(), KILLS as i64).map_err(|errno| match errno {
        code::EMFILE | code::ENFILE => Error::system(what, errno),
        _ => Error::new(ErrorKind::LimitReached, format!("{what}; see RLIMIT_NPROC and pids.max")).with_errno(errno),
    })
}

// --- ending

/// How long, in milliseconds, whoever ends a job waits for the killed to be gone before he leaves the directory to the guard, or to a sweep.
const MOMENTS: u32 = 100;

/// The job ends: with the flag its processes are killed, and the directories and the file go.
pub(crate) fn bury(space: &Space, at: ObjectRef, record: &Object) -> Result<()> {
    let Some(index) = record.annex.load().checked_sub(1) else { return Ok(()) };
    let annex = space.arena.annex(index)?;
    if ObjectRef::unpack(annex.owner.load()) != Some(at) {
        return Ok(());
    }
    let short = |errno| Some(Error::system("cannot end a job", errno)).filter(Error::is_shortage);
    let found = match Hold::open(&backing::path(&space.arena, at)).and_then(|hold| read(&hold, &stem_of(space, at))) {
        Ok(found) => found,
        Err(errno) => return short(errno).map_or(Ok(()), Err),
    };
    if let Some((place, _)) = found {
        let kills = (annex.words[FLAGS].load() & KILL_ON_CLOSE != 0 || is_ending(&annex.words)) && place.is_seen(&annex.words);
        if kills && let Some(error) = place.kill(|_| true).err().and_then(short) {
            return Err(error);
        }
        for _ in 0..if kills { MOMENTS } else { 1 } {
            match place.group().map(cgroup::remove) {
                Some(Err(code::EBUSY)) if kills => clock::nap(1_000_000),
                _ => break,
            }
        }
        for group in [&place.pids, &place.memory].into_iter().flatten() {
            let _ = cgroup::remove(group);
        }
    }
    backing::remove(&space.arena, at)
}

// --- processes

/// Signals a job, kills all its processes and those of jobs inside it, and has them tell the code.
pub(crate) fn terminate(cx: Cx, target: Target, place: &Place, code: u32) -> Result<()> {
    let words = &kinds::annex(cx.space, target)?.words;
    words[CODE].store(code_word(code));
    let begun = match place.group() {
        Some(group) => {
            tell_code(cx.space, words, group, code);
            0
        }
        None => words[KILLS_BEGUN].add(1) + 1,
    };
    let killed = ops::set(cx, target).and_then(|()| kill(cx.space, words, place, begun)); // set first: the caller may be a member
    note_killed(words, begun);
    killed
}

/// Kills on behalf of a terminate. Several may be at it; once one of them has done it others come in again, who are spared: they were met after that.
fn kill(space: &Space, words: &[Word64; ANNEX_WORDS], place: &Place, begun: u64) -> Result<()> {
    let code = code_in(words[CODE].load()).unwrap_or_default();
    let before = |pid| {
        let is_to_be = words[KILLS_DONE].load() < begun;
        if is_to_be {
            kinds::process::foretell(space, pid, code);
        }
        is_to_be
    };
    place.kill(before).map_err(|errno| Error::system("cannot kill the job's processes", errno))
}

/// All terminates up to this one have been done.
fn note_killed(words: &[Word64; ANNEX_WORDS], begun: u64) {
    let _ = words[KILLS_DONE].update(|done| (done < begun).then_some(begun));
}

/// Whether a terminate is under way, or was when who made it died: nobody comes in (contract J10).
pub(crate) fn is_ending(words: &[Word64; ANNEX_WORDS]) -> bool {
    is_marked(words) && words[KILLS_DONE].load() < words[KILLS_BEGUN].load()
}

pub(crate) fn is_marked(words: &[Word64; ANNEX_WORDS]) -> bool {
    marked(words).is_some()
}

/// A process that had the job has died, perhaps in the walks of a kill.
pub(crate) fn settle(cx: Cx, target: Target) -> Result<()> {
    let words = &kinds::annex(cx.space, target)?.words;
    let begun = words[KILLS_BEGUN].load();
    if !is_ending(words) {
        return Ok(());
    }
    let file = Hold::open(&backing::path(&cx.space.arena, target.at)).and_then(|file| read(&file, &stem_of(cx.space, target.at)));
    if let Some((place, _)) = file.ok().flatten().filter(|(place, _)| place.is_seen(words)) {
        ops::set(cx, target)?;
        kill(cx.space, words, &place, begun)?;
        note_killed(words, begun);
    }
    Ok(())
}

/// The code with which byname has terminated the job whose directory has that number, or that the mark is of, if it is open anywhere in the namespace.
pub(crate) fn code_of(space: &Space, number: u64, mark: Option<Mark>) -> Option<u32> {
    let is_it = |words: &&[Word64; ANNEX_WORDS]| match marked(words) {
        Some(of) => mark.is_some_and(|mark| of.covers(mark)),
        None => number != 0 && (words[NUMBER].load() == number || words[INSIDE..].iter().any(|word| word.load() == number)),
    };
    kinds::annexes(space, Machine::Job).filter(is_it).find_map(|words| code_in(words[CODE].load()))
}

/// The jobs inside a job that is terminated tell its code, too, and so does it for them: for as many as it has room for.
fn tell_code(space: &Space, words: &[Word64; ANNEX_WORDS], group: &Path, code: u32) {
    let numbers: Vec<u64> = cgroup::below(group).iter().filter_map(|group| cgroup::number(group)).collect();
    if numbers.is_empty() {
        return;
    }
    words[INSIDE..].iter().zip(&numbers).for_each(|(word, number)| word.store(*number));
    for words in kinds::annexes(space, Machine::Job).filter(|words| numbers.contains(&words[NUMBER].load())) {
        words[CODE].store(code_word(code));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::{Access, Namespace, Spec};
    use std::process::Command;

    /// Run by `make test-processes`, where there are marks; elsewhere a terminate is one instant.
    #[test]
    fn nobody_comes_in_between_the_walks_of_a_kill() {
        let session = Namespace::session(&format!("job-ending-{}", process::pid())).unwrap();
        let Ok(job) = session.create(None, Spec::Job { kill_on_close: true }, Access::ALL) else { return };
        let (space, target) = job.by_ref().place().unwrap();
        let words = &kinds::annex(space, target).unwrap().words;
        if !is_marked(words) {
            return;
        }
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        words[KILLS_BEGUN].add(1);
        assert_eq!(job.assign(child.id().into()).unwrap_err().win32(), 5, "J10");
        assert_eq!(job.spawn(&mut Command::new("true")).unwrap_err().win32(), 5);
        settle(crate::owner::current(space).unwrap(), target).unwrap();
        assert!(job.try_acquire().unwrap().is_some(), "whoever reaps finishes it");
        job.assign(child.id().into()).unwrap();
        job.close().unwrap();
        child.wait().unwrap();
    }

    /// A fork locks what the arena keeps, and then the jobs: who takes part in a job takes them in that order, too.
    #[test]
    fn who_takes_part_waits_for_nothing_that_a_fork_has() {
        let session = Namespace::session(&format!("takes-part-{}", process::pid())).unwrap();
        let job = match session.create(None, Spec::Job { kill_on_close: false }, Access::ALL) {
            Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
            made => made.unwrap(),
        };
        let (space, target) = job.by_ref().place().unwrap();
        forget(space, target.at);
        let mut guards = Guards::default();
        space.arena.hold(&mut guards);
        let taker = std::thread::spawn(move || take_part(space, target.at));
        std::thread::sleep(std::time::Duration::from_millis(50)); // it comes to the arena; if it does not, nothing is shown
        drop(HELD.lock());
        drop(guards);
        assert!(taker.join().unwrap().unwrap());
    }
}
