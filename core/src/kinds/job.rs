//! Jobs: sets of processes that nobody leaves, each a control group of version 2.
//!
//! *What it is.* A job has a directory in the control group file system, below the group of the process that made it: membership, its inheritance
//! and the killing of all at once are the kernel's. Where version 2 has no controllers, a directory with version 1's `pids` and another with its `memory`
//! count and limit; every member is in all of them.
//!
//! *Annex.* Word 0: flags (1: kill when the last handle is closed). 1: the kernel's number of the directory. 2: the code of the last
//! terminate, and 2³². 3 and 4: the limits of processes and of memory, plus one; 0 is none. 5: how many processes byname has put in. 6: how many of
//! them a limit has ended. 7 to 14: the numbers of jobs inside it when it was terminated, which may end with it: their processes' code is this one's. Written under the object's lock, but 1, which its maker writes while the record is RESERVED, and 5 and 6, which are added to.
//!
//! *Backing file.* The directories' paths, a line each, from the beginning; the byte at [`KILLS`] is flag 1 again, or 2 once the guard has ended it. Each process that has the job keeps a
//! shared lock on the file, which the kernel ends with the process, however it ends.
//!
//! *Kill on last close.* Whoever ends the object ([`bury`]) kills first. If the last holder is killed and another process of byname lives, that one
//! reaps him and ends the object. If none lives: the *guard* (`sys/cgroup.rs`), a process forked when the flag is first set, sleeps on the file's
//! lock, has it when nobody holds the job, kills and ends. If the guard was killed, too, the next process to attach reaps, and does it. All of
//! it may happen at once and twice: a kill is a kill.
//!
//! *Death.* Between the path in the file and the directory: nothing is there to remove. Between the directory and its number in word 1: it is empty,
//! and is removed. Between two directories in an assignment: the process is no member yet, and counts for the limits. Between the code
//! and the kill: nobody was killed, and the code counts for nobody. Between kill and signal: the caller died in the call.
//!
//! *Left over.* A job that ends while processes run in it, without the flag, leaves its directory to them, limits included; and one whose last holder is
//! killed leaves it, empty or not, to the next process that attaches and reaps him. The next job
//! that is made at the place removes what is empty and of no living job of this namespace, or of a namespace that is gone ([`sweep`]); so does `byname gc`.

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
use crate::life::{Life, Stage};
use crate::lock::{Guards, Lock};
use crate::name::quoted;
use crate::space::{Cx, Space};
use crate::sys::cgroup::{self, Hierarchy, Hold};
use crate::sys::{clock, code, file, process};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const FLAGS: usize = 0;
pub(crate) const NUMBER: usize = 1;
pub(crate) const CODE: usize = 2;
pub(crate) const ACTIVE_LIMIT: usize = 3;
pub(crate) const MEMORY_LIMIT: usize = 4;
pub(crate) const TOTAL: usize = 5;
pub(crate) const ENDED_BY_LIMIT: usize = 6;
/// From here to the end.
const INSIDE: usize = 7;

/// Flag of word 0.
pub(crate) const KILL_ON_CLOSE: u64 = 1;

/// The size of the backing file, and where in it flag 1 stands.
const SIZE: u64 = 4096;
pub(crate) const KILLS: u64 = SIZE - 1;

/// Where a job is.
#[derive(Debug)]
pub(crate) struct Place {
    /// Of version 2: who is in it is a member.
    pub(crate) group: PathBuf,
    /// Those of version 1 that count for it, by their controllers.
    pub(crate) pids: Option<PathBuf>,
    pub(crate) memory: Option<PathBuf>,
}

impl Place {
    /// All directories, the one of version 2 first.
    pub(crate) fn groups(&self) -> Vec<PathBuf> {
        [Some(&self.group), self.pids.as_ref(), self.memory.as_ref()].into_iter().flatten().cloned().collect()
    }

    /// The same in the order in which a process enters them: who is in that of version 2 is a member, and is in the others.
    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        self.groups().into_iter().rev().collect()
    }

    fn lines(&self) -> String {
        let line = |path: Option<&PathBuf>| path.and_then(|p| p.to_str()).unwrap_or_default().to_owned();
        format!("{}\n{}\n{}\n", line(Some(&self.group)), line(self.pids.as_ref()), line(self.memory.as_ref()))
    }

    fn parse(bytes: &[u8]) -> Option<Place> {
        let text = std::str::from_utf8(bytes.split(|b| *b == 0).next()?).ok()?;
        let mut lines = text.lines().map(|line| (!line.is_empty()).then(|| PathBuf::from(line)));
        Some(Place { group: lines.next()??, pids: lines.next()?, memory: lines.next()? })
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
            if takes && new && kills { write_flag(cx.space, target.at, true).map(|()| true) } else { Ok(takes) }
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
pub(crate) fn open(cx: Cx, name: &str, target: Target) -> Result<()> {
    match take_part(cx.space, target.at) {
        Ok(true) => Ok(()),
        ended => {
            index::leave(cx, target.at)?;
            ended?;
            Err(Error::new(ErrorKind::NotFound, format!("the job {} has ended, with the process that held it; create it", quoted(name))))
        }
    }
}

/// What directories of this namespace's jobs are called: user, the arena's file, object, generation, and something that makes each one new.
fn name_of(space: &Space, at: ObjectRef) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let unique = format!("{:x}.{:x}.{:x}", process::pid(), clock::now(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{}{:x}.{:x}.{unique}", prefix_of(space), at.index, at.generation)
}

const PREFIX: &str = "byname.job.";

fn prefix_of(space: &Space) -> String {
    let (dev, number) = space.arena.identity();
    format!("{PREFIX}{}.{dev:x}.{number:x}.", process::euid())
}

/// The directories of a new job, and the file that says where they are.
pub(crate) fn build(cx: Cx, target: Target) -> Result<()> {
    let annex = kinds::annex(cx.space, target)?;
    let base = cgroup::own(Hierarchy::Unified).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "no control groups of version 2 are mounted, of which byname makes jobs; mount cgroup2, hybrid will do",
        )
    })?;
    sweep(cx.space, &base);
    let name = name_of(cx.space, target.at);
    let group = base.join(&name);
    let needed = |what: &str| {
        if cgroup::has(&base, &format!("{what}.peak")) { None } else { cgroup::own(Hierarchy::Of(what)).map(|g| g.join(&name)) }
    };
    let mut place = Place { group, pids: needed("pids"), memory: needed("memory") };
    let file = backing::path(&cx.space.arena, target.at);
    drop(backing::create(&cx.space.arena, target.at, SIZE, SIZE)?);
    let hold = Hold::open(&file).map_err(|errno| Error::system("cannot open the file of the job", errno))?;
    let write =
        |place: &Place| hold.put(place.lines().as_bytes(), 0).map_err(|errno| Error::system("cannot write the file of the job", errno));
    write(&place)?;
    cgroup::make(&place.group).map_err(|errno| no_group(&base, errno))?;
    // What cannot be made there is missing where a limit is asked for.
    for optional in [&mut place.pids, &mut place.memory] {
        if optional.as_ref().is_some_and(|group| cgroup::make(group).is_err()) {
            *optional = None;
        }
    }
    write(&place)?;
    annex.words[NUMBER].store(cgroup::number(&place.group).unwrap_or(0));
    hold.put(&[u8::from(annex.words[FLAGS].load() & KILL_ON_CLOSE != 0)], KILLS)
        .map_err(|errno| Error::system("cannot write the file of the job", errno))
}

fn no_group(base: &Path, errno: i32) -> Error {
    let why = match errno {
        code::EACCES | code::EPERM | code::EROFS => {
            "is not this user's to make groups in; have it delegated (systemd: Delegate=yes), or mount it writable"
        }
        _ => "takes no new group",
    };
    let kind = if matches!(errno, code::EACCES | code::EPERM | code::EROFS) { ErrorKind::Unsupported } else { ErrorKind::System };
    Error::new(kind, format!("a job is a control group, and {} {why}", base.display())).with_errno(errno)
}

/// Removes the directories of jobs that are no more and whose processes have ended: of this namespace, and of those whose file is gone.
fn sweep(space: &Space, base: &Path) {
    let (dev, number) = space.arena.identity();
    let dir = space.arena.path.parent().unwrap_or(Path::new("/"));
    let lives = |index, generation| {
        space.arena.object(index).is_ok_and(|record| {
            let life = Life(record.life.load());
            life.generation() == generation && life.stage() != Some(Stage::Free)
        })
    };
    sweep_where(base, |of| {
        of.dev == dev && if of.arena == number { !lives(of.index, of.generation) } else { !file::has_number(dir, of.arena) }
    });
}

/// The same of all namespaces in `dir` whose file is gone, for `byname gc`.
#[cfg(feature = "cli")]
pub(crate) fn sweep_orphans(dir: &Path) {
    if let (Some(base), Ok(stat)) = (cgroup::own(Hierarchy::Unified), file::stat(dir)) {
        sweep_where(&base, |of| of.dev == stat.dev && !file::has_number(dir, of.arena));
    }
}

/// Whose a directory is, by its name.
struct Origin {
    dev: u64,
    arena: u64,
    index: u32,
    generation: u32,
}

/// In all hierarchies; `base` is the place in that of version 2.
fn sweep_where(base: &Path, is_over: impl Fn(Origin) -> bool) {
    let v1 = ["pids", "memory"].into_iter().filter_map(|controller| cgroup::own(Hierarchy::Of(controller)));
    v1.chain([base.to_owned()]).for_each(|place| sweep_below(&place, &is_over));
}

/// The jobs inside a job first; each directory stays as long as a process is in it, or a job that lives.
fn sweep_below(place: &Path, is_over: &impl Fn(Origin) -> bool) {
    let user = format!("{PREFIX}{}.", process::euid());
    for name in cgroup::children(place) {
        let Some(rest) = name.strip_prefix(&user) else { continue };
        let numbers: Vec<u64> = rest.split('.').map_while(|n| u64::from_str_radix(n, 16).ok()).collect();
        let &[dev, arena, index, generation, ..] = numbers.as_slice() else { continue };
        sweep_below(&place.join(&name), is_over);
        if is_over(Origin { dev, arena, index: index as u32, generation: generation as u32 }) {
            let _ = cgroup::remove(&place.join(&name));
        }
    }
}

/// This process has the object open: it takes part in the lock on its file, from which it has the place. False where the job is ending, because
/// the one who vouched for it died.
pub(crate) fn take_part(space: &'static Space, at: ObjectRef) -> Result<bool> {
    let mut held = HELD.lock();
    if held.contains_key(&key(space, at)) {
        return Ok(true);
    }
    let broken = |errno| Error::system("cannot open the file of the job", errno);
    match backing::open(&space.arena, at, SIZE) {
        Err(error) if error.errno() == Some(code::ENOENT) => return Ok(false),
        checked => drop(checked?),
    }
    let hold = Hold::open(&backing::path(&space.arena, at)).map_err(broken)?;
    if !hold.join().map_err(broken)? {
        return Ok(false);
    }
    let place = hold.read().map_err(broken)?;
    if place.get(KILLS as usize) == Some(&cgroup::ENDED) {
        return Ok(false);
    }
    let place = Place::parse(&place).ok_or_else(|| space.arena.corrupted("the file of a job without its place"))?;
    held.insert(key(space, at), Held { hold, place: Arc::new(place) });
    Ok(true)
}

/// This process has left the object.
pub(crate) fn forget(space: &'static Space, at: ObjectRef) {
    HELD.lock().remove(&key(space, at));
}

/// Where a job is that this process has open. The file system may be mounted elsewhere in another process, or not at all: then it says so.
pub(crate) fn place(space: &'static Space, target: Target) -> Result<Arc<Place>> {
    let place = HELD.lock().get(&key(space, target.at)).map(|held| held.place.clone()).ok_or_else(Error::closed)?;
    if cgroup::number(&place.group) != Some(kinds::annex(space, target)?.words[NUMBER].load()) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the job's control group is not at {} for this process; mount cgroup2 where its maker has it", place.group.display()),
        ));
    }
    Ok(place)
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

/// Starts the guard, if there is none.
pub(crate) fn guard(space: &Space, at: ObjectRef, place: &Place) -> Result<()> {
    cgroup::start_guard(&backing::path(&space.arena, at), &place.groups(), KILLS as i64).map_err(|errno| {
        Error::new(
            ErrorKind::LimitReached,
            "cannot start the process that ends the job when its last user dies; see RLIMIT_NPROC and pids.max",
        )
        .with_errno(errno)
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
    let Ok(hold) = Hold::open(&backing::path(&space.arena, at)) else { return Ok(()) };
    let place = hold.read().ok().and_then(|bytes| Place::parse(&bytes));
    if let Some(place) = place {
        let number = cgroup::number(&place.group);
        let kills = annex.words[FLAGS].load() & KILL_ON_CLOSE != 0 && number == Some(annex.words[NUMBER].load());
        if kills {
            let _ = cgroup::kill(&place.group);
        }
        for _ in 0..if kills { MOMENTS } else { 1 } {
            match cgroup::remove(&place.group) {
                Err(code::EBUSY) if kills => clock::nap(1_000_000),
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

/// The living processes of a job and of those inside it, as the caller's PID namespace numbers them.
pub(crate) fn members(place: &Place) -> Vec<u32> {
    cgroup::processes(&place.group)
}

/// Whether the group of a process forbids that it comes into a job: another job's processes are not moved out of that one.
pub(crate) fn forbids(place: &Place, of_process: &Path) -> bool {
    let in_a_job = of_process.components().any(|part| part.as_os_str().to_str().is_some_and(|name| name.starts_with(PREFIX)));
    in_a_job && !place.group.starts_with(of_process)
}

/// The code with which byname has terminated the job whose directory has that number, if it is open anywhere in the namespace.
pub(crate) fn code_of(space: &Space, number: u64) -> Option<u32> {
    let is_it = |words: &&[Word64; ANNEX_WORDS]| words[NUMBER].load() == number || words[INSIDE..].iter().any(|word| word.load() == number);
    annexes(space).filter(|words| number != 0 && is_it(words)).find_map(|words| kinds::process::code_in(words[CODE].load()))
}

/// The jobs inside a job that is terminated tell its code, too, and so does it for them: for as many as it has room for.
pub(crate) fn tell_code(space: &Space, words: &[Word64; ANNEX_WORDS], place: &Place, code: u32) {
    let numbers: Vec<u64> = cgroup::below(&place.group).iter().filter_map(|group| cgroup::number(group)).collect();
    if numbers.is_empty() {
        return;
    }
    words[INSIDE..].iter().zip(&numbers).for_each(|(word, number)| word.store(*number));
    for words in annexes(space).filter(|words| numbers.contains(&words[NUMBER].load())) {
        words[CODE].store(kinds::process::code_word(code));
    }
}

/// The annexes of all jobs.
fn annexes(space: &Space) -> impl Iterator<Item = &'static [Word64; ANNEX_WORDS]> {
    let high = space.arena.high_water(crate::arena::layout::Table::Annexes);
    (0..high).filter_map(|index| {
        let annex = space.arena.annex(index).ok()?;
        let at = ObjectRef::unpack(annex.owner.load())?;
        let record = space.arena.object(at.index).ok()?;
        (record.kind.load() == Machine::Job.code() && Life(record.life.load()).is_live(at.generation)).then_some(&annex.words)
    })
}
