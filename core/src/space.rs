//! One namespace as this process sees it: the arena, our slot in it, and what is private to us.
//!
//! Attaching happens once per process and namespace and lasts as long as the process; a [`Space`] is never freed.

use crate::arena::file;
use crate::arena::mapping::Arena;
use crate::arena::refs::{OwnerRef, ProcessRef};
use crate::asyncs::Asyncs;
use crate::cell::private::{AtomicU64, Ordering};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Vacancies;
use crate::keeper;
use crate::pools::Pools;
use crate::refs::References;
use crate::sys::clock::{self, Deadline};
use crate::sys::fork::ForkWord;
use crate::sys::process;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A namespace that this process has attached.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) arena: Arena,
    pub(crate) session: Option<String>,
    /// Our process slot; another one in the child of a fork.
    me: AtomicU64,
    /// 1 while calls may go on; 0 in a child whose fork ran no hooks; other values say why not.
    gate: ForkWord,
    pub(crate) pools: Mutex<Pools>,
    pub(crate) references: References,
    pub(crate) asyncs: Asyncs,
    pub(crate) vacancies: Vacancies,
    /// The slot kept for the child of a fork in progress.
    pub(crate) child: AtomicU64,
}

const GATE_OPEN: u32 = 1;
const GATE_LOST: u32 = 2;
const GATE_LEFT: u32 = 3;

impl Space {
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
        self.gate.get() == GATE_OPEN
    }

    /// Whether calls may go on; every call begins with this.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_open() { Ok(()) } else { Err(self.shut()) }
    }

    #[cold]
    fn shut(&self) -> Error {
        match self.gate.get() {
            GATE_LOST => self.arena.lost_error(),
            GATE_LEFT => Error::new(ErrorKind::Closed, "this process is exiting and has left the namespace"),
            _ => Error::new(
                ErrorKind::Closed,
                "this process was made by a raw clone or vfork, which byname's handles do not survive; use fork(), or start a program",
            ),
        }
    }

    pub(crate) fn open_gate(&self) {
        self.gate.set(GATE_OPEN);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.gate.get() == GATE_LOST
    }

    /// From now on every call says NamespaceLost.
    pub(crate) fn set_lost(&self) {
        if self.gate.get() == GATE_OPEN {
            self.gate.set(GATE_LOST);
        }
    }

    /// From now on this process makes no more calls: it exits.
    pub(crate) fn set_left(&self) {
        self.gate.set(GATE_LEFT);
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

/// All namespaces of this process, oldest first.
pub(crate) static SPACES: Mutex<Vec<&'static Space>> = Mutex::new(Vec::new());

/// The namespace of `session`, attached on first use.
pub(crate) fn attach(dir: PathBuf, session: Option<&str>) -> Result<&'static Space> {
    keeper::install_hooks();
    let path = dir.join(file_name(session));
    let mut spaces = SPACES.lock();
    if let Some(space) = spaces.iter().find(|s| s.arena.path == path) {
        return Ok(space);
    }
    loop {
        let arena = file::open(&path)?;
        let gate = ForkWord::new().map_err(|e| Error::system("cannot make a page that notices forks (MADV_WIPEONFORK)", e))?;
        let space: &'static Space = Box::leak(Box::new(Space {
            arena,
            session: session.map(str::to_owned),
            me: AtomicU64::new(0),
            gate,
            pools: Mutex::default(),
            references: References::default(),
            asyncs: Asyncs::default(),
            vacancies: Vacancies::default(),
            child: AtomicU64::new(0),
        }));
        if keeper::start(space, None)? {
            space.open_gate();
            spaces.push(space);
            return Ok(space);
        }
    }
}

fn file_name(session: Option<&str>) -> String {
    let uid = process::euid();
    match session {
        Some(session) => format!("byname.v1.local.{uid}.{session}"),
        None => format!("byname.v1.local.{uid}"),
    }
}

/// The default namespace: `BYNAME_DIR` and `BYNAME_SESSION`, ignored where the program runs with another user's rights.
pub(crate) fn local() -> Result<&'static Space> {
    static LOCAL: OnceLock<&'static Space> = OnceLock::new();
    if let Some(space) = LOCAL.get() {
        return Ok(space);
    }
    let session = variable("BYNAME_SESSION");
    let space = match session.as_deref() {
        None => attach(directory(), None)?,
        Some(name) => named(name)?,
    };
    Ok(LOCAL.get_or_init(|| space))
}

/// The namespace of a named session.
pub(crate) fn named(session: &str) -> Result<&'static Space> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if session.is_empty() || session.len() > 64 || !session.bytes().all(good) {
        return Err(Error::invalid_argument(format!(
            "the session name {} must be 1 to 64 letters, digits, '-', '_' or '.'",
            crate::name::quoted(session)
        )));
    }
    attach(directory(), Some(session))
}

fn directory() -> PathBuf {
    variable("BYNAME_DIR").map_or_else(|| Path::new("/dev/shm").to_owned(), PathBuf::from)
}

fn variable(name: &str) -> Option<String> {
    if process::is_secure() {
        return None;
    }
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
