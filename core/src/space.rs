//! One namespace as this process sees it: the arena, our slot in it, and what is private to us.
//!
//! Attaching happens once per process and namespace and lasts as long as the process; a [`Space`] is never freed.

use crate::arena::file;
use crate::arena::mapping::{Arena, Place};
use crate::arena::memory::Memories;
use crate::arena::refs::{OwnerRef, ProcessRef};
use crate::asyncs::Asyncs;
use crate::cell::private::{AtomicU32, AtomicU64, Ordering};
use crate::dispatch::all::SeenHolder;
use crate::dispatch::spin::Evidence;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Vacancies;
use crate::keeper;
use crate::kinds::mapping::Files;
use crate::kinds::watchdog::Lonely;
use crate::lock::Lock;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::pools::Pools;
use crate::refs::References;
use crate::sys::clock::{self, Deadline};
use crate::sys::process::{self, Uncancelled};
use crate::sys::robust;
use crate::watch::Watches;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A namespace that this process has attached.
pub(crate) struct Space {
    pub(crate) arena: Arena,
    pub(crate) session: Option<String>,
    /// Our process slot; another one in the child of a fork.
    me: AtomicU64,
    pub(crate) pools: Lock<Pools>,
    pub(crate) references: References,
    pub(crate) asyncs: Asyncs,
    pub(crate) watches: Watches,
    pub(crate) lonely: Lonely,
    pub(crate) vacancies: Vacancies,
    pub(crate) files: Lock<Files>,
    pub(crate) evidence: Evidence,
    pub(crate) all_holder: SeenHolder,
    /// The memory of objects that this process has open.
    pub(crate) memories: Memories,
    /// In how many holder sets we stay for an owner's sake (`index.rs`): who releases then looks whether it may leave.
    pub(crate) keeps: AtomicU32,
    /// The slot kept for the child of a fork in progress.
    pub(crate) child: AtomicU64,
    /// In a forked child that could not join: why.
    pub(crate) unjoined: Lock<Option<Error>>,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Space").field(&self.arena.path).finish()
    }
}

impl Space {
    /// An arena that this process has no place in yet.
    fn over(arena: Arena, session: Option<&str>) -> &'static Space {
        Box::leak(Box::new(Space {
            arena,
            session: session.map(str::to_owned),
            me: AtomicU64::new(0),
            pools: Lock::default(),
            references: References::default(),
            asyncs: Asyncs::default(),
            watches: Watches::default(),
            lonely: Lonely::default(),
            vacancies: Vacancies::default(),
            files: Lock::default(),
            evidence: Evidence::default(),
            all_holder: SeenHolder::default(),
            memories: Memories::default(),
            keeps: AtomicU32::new(0),
            child: AtomicU64::new(0),
            unjoined: Lock::default(),
        }))
    }

    /// Our process slot.
    #[inline]
    pub(crate) fn me(&self) -> ProcessRef {
        ProcessRef::unpack(self.me.load(Ordering::Acquire)).unwrap_or(ProcessRef { slot: 0, generation: u32::MAX })
    }

    pub(crate) fn set_me(&self, me: ProcessRef) {
        self.me.store(me.pack(), Ordering::Release);
    }

    /// Whether calls may go on.
    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.arena.gate.is_open()
    }

    /// Whether calls may go on; every call begins with this.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_open() { Ok(()) } else { Err(self.shut()) }
    }

    #[cold]
    fn shut(&self) -> Error {
        if self.arena.gate.is_lost() {
            return self.arena.lost_error();
        }
        if self.arena.gate.has_left() {
            return Error::new(ErrorKind::Closed, "this process is exiting and has left the namespace");
        }
        self.unjoined.lock().clone().unwrap_or_else(|| {
            Error::new(
                ErrorKind::Closed,
                "this process was made by a raw clone or vfork, which byname's handles do not survive; use fork(), or start a program",
            )
        })
    }
}

/// What an operation needs to know of its caller: the namespace and the op record that locks in its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cx {
    pub(crate) space: &'static Space,
    pub(crate) op: OwnerRef,
    /// Until when to wait for a lock whose holder lives but does not let go (it is stopped): for ever, except for a keeper,
    /// which has others to serve and comes back.
    pub(crate) patience: Deadline,
}

impl Cx {
    pub(crate) fn new(space: &'static Space, op: OwnerRef) -> Cx {
        Cx { space, op, patience: Deadline::NEVER }
    }

    /// The same caller with less time.
    pub(crate) fn hurried(self, ns: u64) -> Cx {
        Cx { patience: Deadline::at(clock::now() + ns), ..self }
    }
}

/// Held while a namespace is attached, and across a fork.
pub(crate) static SPACES_LOCK: Lock<()> = Lock::new(());

/// All namespaces of this process, oldest first; an entry is written once, under the lock.
static SPACES: [OnceLock<&'static Space>; MOST] = [const { OnceLock::new() }; MOST];

/// How many namespaces one process may attach.
const MOST: usize = 64;

/// Every namespace of this process.
pub(crate) fn all() -> impl Iterator<Item = &'static Space> {
    SPACES.iter().map_while(|space| space.get().copied())
}

/// The namespace of `session`, attached on first use.
pub(crate) fn attach(dir: PathBuf, session: Option<&str>) -> Result<&'static Space> {
    let _whole = Uncancelled::new();
    keeper::install_hooks();
    let path = dir.join(file_name(session));
    let _attaching = SPACES_LOCK.lock();
    if let Some(space) = all().find(|s| s.arena.path == path) {
        return Ok(space);
    }
    if !robust::works().map_err(keeper::no_thread)? {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this kernel or sandbox does not tell of the death of threads (robust futexes), on which byname depends",
        ));
    }
    let place = SPACES.iter().find(|place| place.get().is_none()).ok_or_else(|| {
        Error::new(ErrorKind::LimitReached, format!("this process uses {MOST} namespaces, the limit; use fewer sessions"))
    })?;
    loop {
        let space = Space::over(file::open(&path)?, session);
        // What a blocked call needs is there from the beginning: a file system that is full later fails creations, not waits.
        let joined = space.arena.begin_tables().and_then(|()| keeper::start(space, None));
        if joined.is_err() {
            keeper::remove_if_empty(space); // we may have made the file
        }
        if joined != Ok(true) {
            space.arena.give_up();
        }
        if joined? {
            space.arena.gate.open();
            let _ = place.set(space);
            return Ok(space);
        }
    }
}

/// Whether a namespace's file is left over.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disuse {
    /// Nobody uses it.
    Unused,
    /// Somebody does.
    Used,
    /// Somebody has removed it meanwhile.
    Gone,
}

/// Whether anybody uses the namespace of that file; if not, and `remove` is said, the file goes, as when the last one leaves.
#[cfg(feature = "cli")]
pub(crate) fn disuse(path: &Path, remove: bool) -> Result<Disuse> {
    let arena = match file::existing(path)? {
        None => return Ok(Disuse::Gone),
        Some(Ok(arena)) => arena,
        Some(Err(file)) if remove => return file::remove_with_its_own(path, &file).map(|()| Disuse::Unused),
        Some(Err(_)) => return Ok(Disuse::Unused),
    };
    let space = Space::over(arena, None);
    let is_unused = if remove { keeper::close_if_empty(space)? } else { keeper::is_empty(space)? };
    Ok(if is_unused { Disuse::Unused } else { Disuse::Used })
}

fn file_name(session: Option<&str>) -> String {
    let uid = process::euid();
    #[cfg(any(test, planted))]
    static FIRST: OnceLock<u32> = OnceLock::new();
    #[cfg(any(test, planted))]
    let uid = if planted::has(Planted::OldUser) { *FIRST.get_or_init(|| uid) } else { uid };
    match session {
        Some(session) => format!("byname.v1.local.{uid}.{session}"),
        None => format!("byname.v1.local.{uid}"),
    }
}

/// The default namespace: `BYNAME_DIR` and `BYNAME_SESSION`, ignored where the program runs with another user's rights.
pub(crate) fn local() -> Result<&'static Space> {
    static LOCAL: Place<Space> = Place::empty();
    if let Some(space) = LOCAL.get() {
        return Ok(space);
    }
    let session = variable("BYNAME_SESSION");
    let space = match session.as_deref() {
        None => attach(directory(), None)?,
        Some(name) => named(name)?,
    };
    LOCAL.set(space); // whoever is second finds the same
    Ok(space)
}

/// The namespace of a named session.
pub(crate) fn named(session: &str) -> Result<&'static Space> {
    of_session(Some(session))
}

/// The same, or where there is no name the default session, whatever BYNAME_SESSION says.
pub(crate) fn of_session(session: Option<&str>) -> Result<&'static Space> {
    session.map_or(Ok(()), check_session)?;
    attach(directory(), session)
}

/// Where the namespace of that session is, or the default one, without attaching it.
pub(crate) fn path(session: Option<&str>) -> Result<PathBuf> {
    let chosen = session.map(str::to_owned).or_else(|| variable("BYNAME_SESSION"));
    chosen.as_deref().map_or(Ok(()), check_session)?;
    Ok(directory().join(file_name(chosen.as_deref())))
}

fn check_session(session: &str) -> Result<()> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if session.is_empty() || session.len() > 64 || !session.bytes().all(good) {
        return Err(Error::invalid_argument(format!(
            "the session name {} must be 1 to 64 letters, digits, '-', '_' or '.'",
            crate::name::quoted(session)
        )));
    }
    Ok(())
}

/// Where namespaces are. A relative `BYNAME_DIR` counts from where the program was when it first used it.
pub(crate) fn directory() -> PathBuf {
    let chosen = variable("BYNAME_DIR").map(PathBuf::from);
    chosen.map_or_else(|| Path::new("/dev/shm").to_owned(), |dir| std::path::absolute(&dir).unwrap_or(dir))
}

fn variable(name: &str) -> Option<String> {
    if process::is_secure() {
        return None;
    }
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
