//! What every binding calls: handles, waits, grants. One call here for one call there.
//!
//! The typed Rust API ([`Mutex`](crate::Mutex) and its neighbours) stands on this too. Nothing here knows a language; no binding
//! knows semantics.

use crate::arena::refs::{OwnerRef, ProcessRef};
use crate::asyncs::Pending;
use crate::cell::private::{AtomicBool, Ordering};
use crate::dispatch::lock::Target;
use crate::dispatch::wait::{self, Ended, Request};
use crate::dispatch::word::{Family, Machine, State};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, Entry, Glance, Opened, right};
use crate::index::{self, Blueprint};
use crate::kinds;
use crate::kinds::queue::Plan;
use crate::name::{self, Parsed};
use crate::ops::{self, Taken};
use crate::owner;
use crate::refs;
use crate::space::{self, Cx, Space};
use crate::sys::clock::{self, Deadline};
use crate::sys::process as system;
use crate::timeout::Timeout;
pub use crate::watch::Pollable;
use std::path::Path;
use std::sync::Arc;

mod flags;
mod job;
mod look;
mod mapping;
mod process;
mod queue;
mod timer;
mod watchdog;

pub use flags::HandleFlags;
pub use job::{JobAccounting, JobLimits};
pub use look::{EventState, MutexState, OwnerInfo, SemaphoreState};
pub(crate) use mapping::hold_views;
pub use mapping::{Backing, MappingSpec, MappingState, Protect, Share, View, unmap, view_at};
pub use queue::{
    Message, Notify as MessageNotify, PendingMessage, QueueEnd, QueueInfo, Received, Reservation, Taken as TakenMessage, start_receive,
    start_send,
};
pub use timer::{Due, Period, TimerState};
pub(crate) use watchdog::hold as hold_watchdogs;
pub use watchdog::{Action, WatchdogStage, WatchdogState, set_reset_hook};

// --- namespaces

/// An attached namespace: where names are looked up.
///
/// A process attaches a namespace once, on first use, and stays attached until it ends. Copies are cheap and equal.
///
/// # Examples
/// ```
/// use byname::{ErrorKind, Event, Namespace, Reset};
///
/// let nightly = Namespace::session(&format!("nightly-{}", std::process::id()))?;
/// let weekly = Namespace::session(&format!("weekly-{}", std::process::id()))?;
/// let _done = Event::options().namespace(&nightly).create("done", Reset::Manual)?;
/// let other = Event::options().namespace(&weekly).open("done");
/// assert_eq!(other.unwrap_err().kind(), ErrorKind::NotFound, "they never meet");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Namespace(&'static Space);

/// Which rules of naming hold (contract 0.3).
///
/// # Examples
/// ```
/// use byname::{ErrorKind, Namespace, Profile};
///
/// let here = Namespace::local()?;
/// assert_eq!(here.profile(Profile::Desktop)?, here);
/// assert_eq!(here.profile(Profile::Ce).unwrap_err().kind(), ErrorKind::Unsupported);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One name space for all kinds; `Local\` and `Global\`; an empty name is no name.
    Desktop,
    /// One name space per kind, as on Windows CE. Comes with a later version.
    Ce,
}

impl Namespace {
    /// The namespace of this user, and of the session that `BYNAME_SESSION` names, in `BYNAME_DIR` or `/dev/shm`.
    ///
    /// # Errors
    /// PathNotFound, AccessDenied, Unsupported for a directory that cannot hold it; NoSpace; VersionMismatch; Corrupted;
    /// LimitReached.
    ///
    /// # Examples
    /// ```
    /// use byname::Namespace;
    ///
    /// assert_eq!(Namespace::local()?, Namespace::local()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn local() -> Result<Namespace> {
        space::local().map(Namespace)
    }

    /// This user's namespace of the session `name`: 1 to 64 letters, digits, `-`, `_`, `.`; else InvalidArgument.
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Namespace};
    ///
    /// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// assert_ne!(tests, Namespace::local()?);
    /// assert_eq!(Namespace::session("a/b").unwrap_err().kind(), ErrorKind::InvalidArgument);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn session(name: &str) -> Result<Namespace> {
        space::named(name).map(Namespace)
    }

    /// A private namespace behind a boundary: Unsupported, it comes with a later version (contract 1.6).
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Namespace::private("boundary", "alias").unwrap_err().win32(), 50);
    /// ```
    pub fn private(_boundary: &str, _alias: &str) -> Result<Namespace> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "private namespaces come with a later version of byname; separate programs by BYNAME_SESSION",
        ))
    }

    /// The namespace under the rules of `profile`; CE is Unsupported, it comes with a later version.
    ///
    /// # Examples
    /// ```
    /// use byname::{Namespace, Profile};
    ///
    /// assert!(Namespace::local()?.profile(Profile::Ce).is_err());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn profile(self, profile: Profile) -> Result<Namespace> {
        match profile {
            Profile::Desktop => Ok(self),
            Profile::Ce => {
                Err(Error::new(ErrorKind::Unsupported, "the CE profile comes with a later version of byname; use the desktop profile"))
            }
        }
    }

    /// The session's name; `None` for the default session.
    ///
    /// # Examples
    /// ```
    /// let name = format!("doc-{}", std::process::id());
    /// assert_eq!(byname::Namespace::session(&name)?.session_name(), Some(&*name));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn session_name(&self) -> Option<&'static str> {
        self.0.session.as_deref()
    }

    /// For `crash.rs`.
    #[cfg(crash)]
    pub(crate) fn space(&self) -> &'static Space {
        self.0
    }

    /// The file that holds the namespace.
    ///
    /// # Examples
    /// ```
    /// assert!(byname::Namespace::local()?.path().is_absolute());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn path(&self) -> &'static Path {
        &self.0.arena.path
    }

    /// Makes the object, or opens the one of that name; [`HandleRef::created`] says which. `None` and `""` make an unnamed one.
    ///
    /// Where the object exists, `spec` is ignored, but checked first (contract 0.5). Errors: NameTooLong, InvalidArgument, InvalidName,
    /// PathNotFound, WrongKind, AccessDenied, NoSpace, LimitReached, Unsupported, NamespaceLost.
    pub fn create(&self, name: Option<&str>, spec: Spec, access: Access) -> Result<Handle> {
        self.create_by(name, spec, access, By::Thread).map(|(handle, _)| handle)
    }

    /// As [`Namespace::create`]; an initially owned mutex that is new belongs to `by`, and comes with its grant.
    pub fn create_by(&self, name: Option<&str>, spec: Spec, access: Access, by: By) -> Result<(Handle, Option<Grant>)> {
        let space = self.0;
        space.check()?;
        name.map_or(Ok(()), name::check_length)?;
        spec.check()?;
        let cx = owner::current(space)?;
        let leaf = self.leaf(cx, name)?;
        let rights = access.rights(spec.kind())?;
        let owning = if spec.is_owned() { Some(Owning::new(cx, by)?) } else { None };
        let what = |owning: &Option<Owning>| spec.blueprint(owning.as_ref().map(|o| o.owner(cx)));
        let made = match spec {
            Spec::Queue { end, max_messages, max_size, allow_broken, no_precommit } => {
                Plan::new(no_precommit, allow_broken, max_messages, max_size).and_then(|plan| queue::create(cx, leaf, plan, end))
            }
            Spec::Job { .. } => kinds::job::create(cx, leaf, what(&owning)),
            _ => index::create(cx, leaf, what(&owning)),
        };
        let owning = owning.filter(|owning| {
            let keep = matches!(made, Ok((_, true)));
            if !keep {
                owning.free(space);
            }
            keep
        });
        let (target, new) = made?;
        let entry = handles::insert(space, target, rights | prefix(name) | if new { right::CREATED } else { 0 })
            .inspect_err(|_| drop(let_go(cx, target)))?;
        let handle = Handle(HandleRef(entry));
        let grant = owning.map(|owning| {
            if by == By::Thread {
                owner::note_taken();
            }
            Grant::new(space, target, owning, Taken { fence: 1, abandoned: false })
        });
        Ok((handle, grant))
    }

    /// Opens an existing object. Errors: NotFound, WrongKind, AccessDenied and those of names; a missing name is InvalidArgument (87),
    /// an empty one InvalidName (6).
    pub fn open(&self, name: Option<&str>, kind: Kind, access: Access) -> Result<Handle> {
        self.open_if(name, |found| found == kind, access)
    }

    /// As [`Namespace::open`], whatever kind the object is of; [`HandleRef::kind`] says which.
    pub fn open_any(&self, name: Option<&str>, access: Access) -> Result<Handle> {
        self.open_if(name, |_| true, access)
    }

    fn open_if(&self, name: Option<&str>, is: impl Fn(Kind) -> bool, access: Access) -> Result<Handle> {
        let space = self.0;
        space.check()?;
        let name = name.ok_or_else(|| Error::invalid_argument("only a named object can be opened; pass its name, or create one"))?;
        name::check_length(name)?;
        let cx = owner::current(space)?;
        let leaf = self
            .leaf(cx, Some(name))?
            .ok_or_else(|| Error::new(ErrorKind::InvalidName, "an empty name opens nothing; pass the object's name").numbered(6))?;
        let target = index::open(cx, leaf, |machine| is(Kind::of(machine)))?;
        if target.machine == Machine::QueueReader {
            return queue::of_found(cx, target, leaf, QueueEnd::Read, prefix(Some(name)));
        }
        if target.machine == Machine::Job {
            kinds::job::open(cx, leaf, target)?;
        }
        let entry = access
            .rights(Kind::of(target.machine))
            .and_then(|rights| handles::insert(space, target, rights | prefix(Some(name))))
            .inspect_err(|_| drop(index::leave(cx, target.at)))?;
        Ok(Handle(HandleRef(entry)))
    }

    /// The leaf that a name stands for; `None` if the object is to be unnamed.
    fn leaf<'a>(&self, cx: Cx, name: Option<&'a str>) -> Result<Option<&'a str>> {
        match name::parse(name)? {
            Parsed::Unnamed => Ok(None),
            Parsed::Leaf(leaf) => Ok(Some(leaf)),
            Parsed::Directory(dir) => Err(name::no_directory_at(name.unwrap_or_default(), index::exists(cx, dir)?)),
        }
    }
}

/// Whether the name came with the prefix `Local\`.
fn prefix(name: Option<&str>) -> u32 {
    if name.is_some_and(|n| n.starts_with("Local\\")) { right::LOCAL } else { 0 }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Namespace").field(&self.path()).finish()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Namespace {}

/// Leaves SIGBUS to the program: to be called before the first namespace is attached.
///
/// Otherwise the first attach installs one handler that turns the truncation of a namespace's file into
/// [`NamespaceLost`](crate::ErrorKind::NamespaceLost), and passes every other SIGBUS on to the handler that was there before. Without it, a
/// process whose namespace is truncated dies of SIGBUS when it, or its keeper, touches the file next. Namespaces that are attached
/// already stay guarded.
///
/// ```
/// byname::leave_sigbus_alone();
/// let ready = byname::Event::unnamed(byname::Reset::Manual)?;
/// ready.set()?;
/// # Ok::<(), byname::Error>(())
/// ```
pub fn leave_sigbus_alone() {
    crate::sys::fault::disable();
}

// --- kinds and rights

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Owned by one at a time.
    Mutex,
    /// Set or not.
    Event,
    /// A number of permits.
    Semaphore,
    /// Signalled when its time comes.
    Timer,
    /// Acts when it is not refreshed in time.
    Watchdog,
    /// Messages, in order.
    Queue,
    /// Any process: signalled when it has ended.
    Process,
    /// A set of processes.
    Job,
    /// Shared memory; it cannot be waited for.
    Mapping,
}

impl Kind {
    fn of(machine: Machine) -> Kind {
        match machine.family() {
            Family::Mutex => Kind::Mutex,
            Family::Event => Kind::Event,
            Family::Semaphore => Kind::Semaphore,
            Family::Timer => Kind::Timer,
            Family::Watchdog => Kind::Watchdog,
            Family::Queue => Kind::Queue,
            Family::Process => Kind::Process,
            Family::Job => Kind::Job,
            Family::Mapping => Kind::Mapping,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Kind::Mutex => "a mutex",
            Kind::Event => "an event",
            Kind::Semaphore => "a semaphore",
            Kind::Timer => "a timer",
            Kind::Watchdog => "a watchdog",
            Kind::Queue => "a queue",
            Kind::Process => "a process",
            Kind::Job => "a job",
            Kind::Mapping => "a mapping",
        }
    }
}

/// How an event becomes unset.
///
/// # Examples
/// ```
/// use byname::{Event, Reset};
///
/// let (gate, turn) = (Event::unnamed(Reset::Manual)?, Event::unnamed(Reset::Auto)?);
/// for event in [&gate, &turn] {
///     event.set()?;
///     event.wait()?;
/// }
/// assert_eq!((gate.is_set()?, turn.is_set()?), (true, false));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// By `reset` alone; a set event releases everyone.
    Manual,
    /// By the one wait that it satisfies.
    Auto,
}

/// What to make. Ignored where the object exists, but checked first (contract 0.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spec {
    /// A mutex; `initially_owned` makes the creator its owner, if it is new.
    Mutex {
        /// Whether a new one begins owned.
        initially_owned: bool,
    },
    /// An event.
    Event {
        /// Manual or auto.
        reset: Reset,
        /// Whether a new one begins set.
        initially_set: bool,
    },
    /// A semaphore: 0 ≤ `initial` ≤ `maximum`, 1 ≤ `maximum` ≤ 2³¹ − 1; anything else is InvalidArgument.
    Semaphore {
        /// Permits of a new one.
        initial: i64,
        /// The most it can have.
        maximum: i64,
        /// Whether permits of a dead process come back.
        robust: bool,
    },
    /// A job, without processes and limits.
    Job {
        /// Whether its processes are killed when the last handle to it is closed.
        kill_on_close: bool,
    },
    /// A timer, which is not set.
    Timer {
        /// Manual or auto.
        reset: Reset,
    },
    /// A message queue, and which end of it the handle is.
    Queue {
        /// The handle's end.
        end: QueueEnd,
        /// How many messages it holds: 1 to 2²⁶, or 0 for no limit.
        max_messages: u32,
        /// The largest message: 1 byte to 64 MiB. That of an existing queue must be the same.
        max_size: u32,
        /// Whether ends may come and go.
        allow_broken: bool,
        /// Whether memory is reserved only when it is written; without a limit it is.
        no_precommit: bool,
    },
    /// A watchdog, which is stopped: 1 ≤ `period`, 0 ≤ `grace`, both no longer than a timer's period, `action` one of 0, 1, 2; anything else is InvalidArgument.
    Watchdog {
        /// In which it must be refreshed, in nanoseconds.
        period: i64,
        /// How long after that the action waits, in nanoseconds.
        grace: i64,
        /// What is done then: the number of an [`Action`], as CE has it.
        action: u32,
        /// The number for the hook.
        parameter: u32,
    },
}

impl Spec {
    fn kind(self) -> Kind {
        match self {
            Spec::Mutex { .. } => Kind::Mutex,
            Spec::Event { .. } => Kind::Event,
            Spec::Semaphore { .. } => Kind::Semaphore,
            Spec::Job { .. } => Kind::Job,
            Spec::Timer { .. } => Kind::Timer,
            Spec::Queue { .. } => Kind::Queue,
            Spec::Watchdog { .. } => Kind::Watchdog,
        }
    }

    fn is_owned(self) -> bool {
        self == Spec::Mutex { initially_owned: true }
    }

    fn check(self) -> Result<()> {
        if let Spec::Queue { max_messages, max_size, allow_broken, no_precommit, .. } = self {
            return Plan::new(no_precommit, allow_broken, max_messages, max_size).map(|_| ());
        }
        if let Spec::Watchdog { period, grace, action, .. } = self {
            return watchdog::check(period, grace, action);
        }
        let Spec::Semaphore { initial, maximum, .. } = self else { return Ok(()) };
        if maximum < 1 || maximum > i64::from(i32::MAX) {
            return Err(Error::invalid_argument(format!("maximum {maximum} is out of range; a semaphore has 1 to {} permits", i32::MAX)));
        }
        if initial < 0 || initial > maximum {
            return Err(Error::invalid_argument(format!("initial {initial} is out of range; it must be 0 to the maximum, {maximum}")));
        }
        Ok(())
    }

    fn blueprint(self, owner: Option<OwnerRef>) -> Blueprint {
        let (machine, state, maximum) = match self {
            Spec::Mutex { .. } => (Machine::Mutex, State::mutex(owner, false), 0),
            Spec::Event { reset: Reset::Manual, initially_set } => (Machine::ManualEvent, State::event(initially_set), 0),
            Spec::Event { reset: Reset::Auto, initially_set } => (Machine::AutoEvent, State::event(initially_set), 0),
            Spec::Semaphore { initial, maximum, robust } => {
                (if robust { Machine::RobustSemaphore } else { Machine::Semaphore }, State::semaphore(initial as u32), maximum as u32)
            }
            Spec::Job { .. } => (Machine::Job, State::event(false), 0),
            Spec::Timer { reset: Reset::Manual } => (Machine::ManualTimer, State::event(false), 0),
            Spec::Timer { reset: Reset::Auto } => (Machine::AutoTimer, State::event(false), 0),
            Spec::Queue { .. } => (Machine::QueueReader, Plan::state(), 0),
            Spec::Watchdog { .. } => (Machine::Watchdog, State::event(false), 0),
        };
        let annex = match self {
            Spec::Job { kill_on_close } => Some(kinds::job::fresh(kill_on_close)),
            Spec::Timer { .. } => Some(kinds::timer::FRESH),
            Spec::Watchdog { period, grace, action, parameter } => Some(watchdog::fresh(period, grace, action, parameter)),
            _ => None,
        };
        Blueprint { machine, state, maximum, owned: owner.is_some(), annex }
    }
}

/// A Win32 access mask (contract 2.5). 0, and a bit that the kind does not define, are AccessDenied.
///
/// # Examples
/// ```
/// use byname::{Access, Event, Reset};
///
/// let observer = Event::options().access(Access::SYNCHRONIZE | Access::QUERY_STATE).unnamed(Reset::Auto)?;
/// assert_eq!((observer.is_set()?, observer.set().unwrap_err().win32()), (false, 5));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(
    /// The mask.
    pub u32,
);

impl Access {
    /// Waiting.
    pub const SYNCHRONIZE: Access = Access(0x0010_0000);
    /// Changing an event or semaphore.
    pub const MODIFY_STATE: Access = Access(0x0002);
    /// Looking without taking.
    pub const QUERY_STATE: Access = Access(0x0001);
    /// Everything (MAXIMUM_ALLOWED).
    pub const ALL: Access = Access(0x0200_0000);

    /// READ_CONTROL, which every kind defines and no call here needs.
    const READ_CONTROL: u32 = 0x0002_0000;
    /// The bits that calls ask for.
    const RIGHTS: [(u32, u32); 3] = [(1, right::QUERY), (2, right::MODIFY), (0x0010_0000, right::SYNCHRONIZE)];
    /// The generic bits, and MAXIMUM_ALLOWED.
    const GENERIC: [(u32, u32); 5] = [
        (0x8000_0000, right::QUERY),
        (0x4000_0000, right::MODIFY),
        (0x2000_0000, right::SYNCHRONIZE),
        (0x1000_0000, right::QUERY | right::MODIFY | right::SYNCHRONIZE),
        (Access::ALL.0, right::QUERY | right::MODIFY | right::SYNCHRONIZE),
    ];

    /// The bits of one kind and what they give: processes and jobs have numbers of their own (contract 12.4).
    fn bits(kind: Kind) -> &'static [(u32, u32)] {
        const SYNCHRONIZE: (u32, u32) = (0x0010_0000, right::SYNCHRONIZE);
        match kind {
            Kind::Process => &[(1, right::TERMINATE), (0x100, right::ASSIGN), (0x400, right::QUERY), (0x1000, right::QUERY), SYNCHRONIZE],
            Kind::Job => &[(1, right::ASSIGN), (2, right::MODIFY), (4, right::QUERY), (8, right::TERMINATE), SYNCHRONIZE],
            _ => &Access::RIGHTS,
        }
    }

    fn rights(self, kind: Kind) -> Result<u32> {
        let specific = match kind {
            Kind::Mutex => 1,
            Kind::Process => 0xffff,
            Kind::Job => 0x3f,
            Kind::Mapping => Access::MAP_SPECIFIC,
            _ => 3,
        };
        let defined = 0x001f_0000 | specific | Access::ALL.0 | 0xf000_0000;
        if self.0 & 0x0100_0000 != 0 {
            return Err(Error::new(
                ErrorKind::AccessDenied,
                "ACCESS_SYSTEM_SECURITY needs a privilege that does not exist here; leave it out",
            )
            .numbered(1314));
        }
        if self.0 == 0 || self.0 & !defined != 0 {
            return Err(Error::new(
                ErrorKind::AccessDenied,
                format!(
                    "the access mask {:#x} {}; {} defines {defined:#x}",
                    self.0,
                    if self.0 == 0 { "asks for nothing" } else { "holds unknown bits" },
                    kind.noun()
                ),
            ));
        }
        if kind == Kind::Mapping {
            return Ok(self.map_rights());
        }
        let asked = Access::bits(kind).iter().chain(&Access::GENERIC).filter(|(bit, _)| self.0 & bit != 0);
        let rights = asked.fold(0, |rights, (_, gives)| rights | gives);
        // The generic right to change is all of a kind's rights to change.
        let change = right::MODIFY | right::TERMINATE | right::ASSIGN;
        let writes = self.0 & (0x5000_0000 | Access::ALL.0) != 0;
        let defined = Access::bits(kind).iter().fold(0, |rights, (_, gives)| rights | gives);
        let rights = if writes { rights | change & defined } else { rights };
        Ok(if kind == Kind::Mutex { rights & !right::MODIFY } else { rights })
    }
}

// --- handles

/// An owned handle; dropping it closes it, unless it is protected: then it stays open until the process ends.
#[derive(Debug)]
pub struct Handle(HandleRef);

impl Handle {
    /// A reference that may be copied; it goes stale when the handle is closed.
    #[inline]
    pub fn by_ref(&self) -> HandleRef {
        self.0
    }

    /// Gives the handle away as an id; it stays open until [`HandleRef::close`].
    pub fn into_id(self) -> u64 {
        let id = self.0.id();
        std::mem::forget(self);
        id
    }
}

impl std::ops::Deref for Handle {
    type Target = HandleRef;
    #[inline]
    fn deref(&self) -> &HandleRef {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.0.close();
    }
}

/// A checked reference to a handle: a slot and a generation, usable from any thread. Every call on a closed or wild one is
/// Closed, never undefined.
#[derive(Clone, Copy)]
pub struct HandleRef(Entry);

impl std::fmt::Debug for HandleRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.kind(), self.name()) {
            (Ok(kind), Ok(name)) => write!(f, "{kind:?}({})", name.as_deref().map_or("unnamed".to_owned(), name::quoted)),
            _ => f.write_str("closed"),
        }
    }
}

/// Asked about every 50 ms, and after each signal, while a call blocks; `true` ends the call with [`Outcome::Interrupted`] and nothing
/// consumed. `None`: never.
pub type Interrupt<'a> = Option<&'a mut dyn FnMut() -> bool>;

/// How a call that may block ended.
#[derive(Debug)]
#[must_use]
pub enum Outcome<T> {
    /// With what was waited for.
    Got(T),
    /// The time was up first; nothing was consumed.
    TimedOut,
    /// The interrupt, or a cancellation, came first; nothing was consumed.
    Interrupted,
}

/// What an acquisition tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// Strictly increasing per object, over all its acquisitions; 0 for events.
    pub fence: u64,
    /// The previous owner died holding it (or a robust semaphore's permit came back from the dead).
    pub abandoned: bool,
}

/// Whether a wait wants one of its objects or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The first signalled one, in list order at entry.
    Any,
    /// All at once or nothing.
    All,
}

/// Who becomes the owner of the mutexes that a wait takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The calling thread (the Win32 rule; recursion counts per thread).
    Thread,
    /// A new owner of its own. When `bound`, a blocking wait of the calling thread for it is WouldDeadlock (Node, asyncio).
    Grant {
        /// Whether it belongs to the code of the calling thread.
        bound: bool,
    },
}

/// A wait that succeeded.
#[derive(Debug)]
pub struct Satisfied {
    /// The place of the object that ended the wait; -1 for wait-all.
    pub index: isize,
    /// Whether that object, or any of all, was abandoned.
    pub abandoned: bool,
    /// One for each mutex or semaphore that was taken, in list order.
    pub grants: Vec<Grant>,
}

impl HandleRef {
    /// The handle of an id; ids that were never given out lead to a closed handle.
    #[inline(always)]
    pub fn from_id(id: u64) -> HandleRef {
        HandleRef(Entry::from_id(id))
    }

    /// The id; never 0.
    pub fn id(self) -> u64 {
        self.0.id()
    }

    /// Closes the handle. A mutex that the caller owns stays owned (contract 2.1). Closed if it is; AccessDenied (6) where it is
    /// protected, and then it stays open.
    pub fn close(self) -> Result<()> {
        let (space, target) = self.0.close()?;
        space.watches.close_of_handle(self.id());
        watchdog::forget_notifier(self.id());
        if space.check().is_ok() { let_go(owner::current(space)?, target) } else { Ok(()) }
    }

    /// Whether the handle is open.
    pub fn is_open(self) -> bool {
        self.0.open(0).is_ok()
    }

    /// A descriptor that is readable while a try may succeed; nothing is consumed by its being so. It needs SYNCHRONIZE, is the caller's to drop, and
    /// keeps the object.
    ///
    /// It stays readable until a try (a wait with time-out zero) of this process finds the object not signalled. LimitReached where no descriptor
    /// or record is left.
    pub fn pollable(self) -> Result<Pollable> {
        let Opened { space, target, .. } = self.0.open(right::SYNCHRONIZE)?;
        Pollable::new(owner::current(space)?, target)
    }

    /// As [`Self::pollable`], but one for the handle, made when it is first asked for and closed with the handle.
    pub fn fd(self) -> Result<i32> {
        let Opened { space, target, .. } = self.0.open(right::SYNCHRONIZE)?;
        space.watches.of_handle(self.id(), owner::current(space)?, target, || self.0.open(0).is_ok())
    }

    /// Another handle with the same rights to the same object; [`HandleFlags`] are not copied.
    pub fn duplicate(self) -> Result<Handle> {
        let Opened { space, target, rights } = self.0.open(0)?;
        if !index::pin(space, target.at) {
            return Err(Error::closed());
        }
        another(space, target, rights & !(right::CREATED | right::CHANGEABLE))
    }

    /// What the object is.
    pub fn kind(self) -> Result<Kind> {
        Ok(Kind::of(self.0.open(0)?.target.machine))
    }

    /// The name as it was passed; `None` if unnamed.
    pub fn name(self) -> Result<Option<String>> {
        let Opened { space, target, rights } = self.0.open(0)?;
        let leaf = index::name_of(space, target.record)?;
        self.0.open(0)?; // open still: so it was this object's
        Ok(leaf.map(|leaf| if rights & right::LOCAL != 0 { format!("Local\\{leaf}") } else { leaf }))
    }

    /// Whether creating this handle made the object.
    pub fn created(self) -> Result<bool> {
        Ok(self.0.open(0)?.rights & right::CREATED != 0)
    }

    /// What the handle may do, as a mask that makes another one like it.
    pub fn access(self) -> Result<Access> {
        let Opened { rights, target, .. } = self.0.open(0)?;
        if target.machine == Machine::Mapping {
            return Ok(Access(Access::READ_CONTROL | Access::of_map_rights(rights)));
        }
        let given = Access::bits(Kind::of(target.machine)).iter().filter(|(_, right)| rights & right != 0);
        Ok(Access(given.fold(Access::READ_CONTROL, |mask, (bit, _)| mask | bit)))
    }

    /// The namespace and the record, for `crash.rs` and tests.
    #[cfg(any(crash, test))]
    pub(crate) fn place(self) -> Result<(&'static Space, Target)> {
        self.0.open(0).map(|opened| (opened.space, opened.target))
    }

    /// Where the object lives.
    pub fn namespace(self) -> Result<Namespace> {
        Ok(Namespace(self.0.open(0)?.space))
    }

    /// A wait of the calling thread with time-out zero; never blocks.
    #[inline(always)]
    pub fn try_acquire(self) -> Result<Option<Acquired>> {
        match self.take_fast(None) {
            Some(acquired) => Ok(Some(acquired)),
            None => self.try_acquire_slowly(),
        }
    }

    /// Waits for the object and takes it for the calling thread: mutex, event, semaphore.
    #[inline(always)]
    pub fn acquire(self, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Acquired>> {
        match self.take_fast(None) {
            Some(acquired) => Ok(Outcome::Got(acquired)),
            None => self.acquire_slowly(timeout, interrupt),
        }
    }

    /// As [`Self::acquire`], but WrongKind unless the object is of `kind`.
    #[inline(always)]
    pub fn acquire_as(self, kind: Kind, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Acquired>> {
        match self.take_fast(Some(kind)) {
            Some(acquired) => Ok(Outcome::Got(acquired)),
            None => self.of_kind(kind, right::SYNCHRONIZE).and_then(|_| self.acquire_slowly(timeout, interrupt)),
        }
    }

    /// The whole of an uncontended acquisition.
    #[inline(always)]
    fn take_fast(self, kind: Option<Kind>) -> Option<Acquired> {
        let Glance { machine, space, record, generation } = self.0.glance(right::SYNCHRONIZE)?;
        if kind.is_some_and(|kind| machine.map(Kind::of) != Some(kind)) {
            return None;
        }
        let taken = ops::take_fast(machine, record, generation, owner::cached(space)?)?;
        if machine == Some(Machine::Mutex) {
            owner::note_taken();
        }
        Some(Acquired { fence: taken.fence, abandoned: taken.abandoned })
    }

    #[cold]
    fn try_acquire_slowly(self) -> Result<Option<Acquired>> {
        let opened = self.0.open(right::SYNCHRONIZE)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        Ok(wait::try_one(cx, opened.target, cx.op)?.map(|taken| acquired(opened.target, taken)))
    }

    #[cold]
    fn acquire_slowly(self, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Acquired>> {
        let opened = self.0.open(right::SYNCHRONIZE)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        match wait::try_one(cx, opened.target, cx.op)? {
            Some(taken) => Ok(Outcome::Got(acquired(opened.target, taken))),
            None => block(cx, opened.target, timeout, interrupt).map_err(|e| opened.blame(e)),
        }
    }

    /// Releases one hold of the calling thread on a mutex; else NotOwner (288).
    #[inline(always)]
    pub fn release(self) -> Result<()> {
        self.release_until(Deadline::NEVER)
    }

    /// As long as that it waits for somebody who is in the middle of a change.
    #[inline(always)]
    fn release_until(self, patience: Deadline) -> Result<()> {
        if let Some(Glance { machine: Some(Machine::Mutex), space, record, generation }) = self.0.glance(0)
            && let Some(op) = owner::cached(space)
            && ops::release_fast(record, generation, op)
        {
            owner::note_released();
            return Ok(());
        }
        self.release_slowly(patience)
    }

    #[cold]
    fn release_slowly(self, patience: Deadline) -> Result<()> {
        let opened = self.of_kind(Kind::Mutex, 0)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        if ops::release(Cx { patience, ..cx }, opened.target, cx.op).map_err(|e| opened.blame(e))? {
            owner::note_released();
        }
        Ok(())
    }

    /// What the calling thread's hold on a mutex says; else NotOwner (288).
    pub fn held(self) -> Result<Acquired> {
        let opened = self.of_kind(Kind::Mutex, 0)?;
        let cx = owner::current(opened.space)?;
        ops::held(cx, opened.target, cx.op)?
            .map(|taken| Acquired { fence: taken.fence, abandoned: taken.abandoned })
            .ok_or_else(|| opened.blame(Error::new(ErrorKind::NotOwner, "the calling thread does not own it; acquire it first")))
    }

    /// A wait with time-out zero whose result is a grant.
    #[inline(always)]
    pub fn try_grant(self, by: By) -> Result<Option<Grant>> {
        match self.grant_at_once(by) {
            Some(grant) => Ok(Some(grant)),
            None => self.try_grant_slowly(by),
        }
    }

    /// Waits for a mutex or semaphore; the result is a grant.
    #[inline(always)]
    pub fn grant(self, by: By, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Grant>> {
        match self.grant_at_once(by) {
            Some(grant) => Ok(Outcome::Got(grant)),
            None => self.grant_slowly(by, timeout, interrupt),
        }
    }

    /// The whole of an uncontended acquisition. `None` says nothing: ask [`Self::grant`] or [`Self::try_grant`], which begin with this.
    ///
    /// It is for who keeps many grants, and is made where the grant is to stand: to move one through two results costs more
    /// than to take the mutex (loads that span several younger stores).
    #[inline(always)]
    pub fn grant_at_once(self, by: By) -> Option<Grant> {
        let Opened { space, target, .. } = self.0.open(right::SYNCHRONIZE).ok()?;
        let cx = Cx::new(space, owner::cached(space)?);
        let owning = match (target.machine, by) {
            (Machine::Mutex, By::Grant { .. }) => Owning::new(cx, by).ok()?,
            (Machine::Semaphore, _) => Owning::Nobody,
            _ => return None,
        };
        let taken = ops::take_fast(Some(target.machine), target.record, target.at.generation, owning.owner(cx));
        if taken.is_none() {
            owning.free(space);
        }
        taken.map(|taken| Grant::new(space, target, owning, taken))
    }

    #[cold]
    fn try_grant_slowly(self, by: By) -> Result<Option<Grant>> {
        let Opened { space, target, .. } = self.grantable()?;
        let cx = owner::current(space)?;
        let owning = Owning::for_targets(cx, by, &[target])?;
        let taken = match ops::take_fast(Some(target.machine), target.record, target.at.generation, owning.owner(cx)) {
            Some(taken) => Ok(Some(taken)),
            None => Pins::new(cx, &[target]).and_then(|_pins| wait::try_one(cx, target, owning.owner(cx))),
        };
        match taken {
            Ok(Some(taken)) => granted(cx, target, owning, taken).map(Some),
            other => {
                owning.free(space);
                other.map(|_| None)
            }
        }
    }

    #[cold]
    fn grant_slowly(self, by: By, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Grant>> {
        if let Some(grant) = self.try_grant_slowly(by)? {
            return Ok(Outcome::Got(grant));
        }
        Ok(match wait(&[self], Mode::Any, by, timeout, interrupt)? {
            Outcome::Got(mut satisfied) => match satisfied.grants.pop() {
                Some(grant) => Outcome::Got(grant),
                None => return Err(Error::closed()),
            },
            Outcome::TimedOut => Outcome::TimedOut,
            Outcome::Interrupted => Outcome::Interrupted,
        })
    }

    /// Adds `n` permits to a semaphore, 1 or more; the number before. InvalidArgument (87), TooManyPosts (298).
    #[inline(always)]
    pub fn post(self, n: i64) -> Result<u32> {
        self.post_until(n, Deadline::NEVER)
    }

    #[inline(always)]
    fn post_until(self, n: i64, patience: Deadline) -> Result<u32> {
        if let Some(Glance { machine: Some(Machine::Semaphore), record, generation, .. }) = self.0.glance(right::MODIFY)
            && let Ok(more @ 1..) = u32::try_from(n)
            && let Some(before) = ops::signal_fast(record, generation, State::semaphore(0), |state| state.post(more, record.maximum.load()))
        {
            return Ok(before.count());
        }
        self.post_slowly(n, patience)
    }

    #[cold]
    fn post_slowly(self, n: i64, patience: Deadline) -> Result<u32> {
        let opened = self.of_kind(Kind::Semaphore, right::MODIFY)?;
        if n < 1 {
            return Err(opened.blame(Error::invalid_argument(format!("it cannot be released {n} times; release 1 or more"))));
        }
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        ops::post(Cx { patience, ..cx }, opened.target, n).map_err(|e| opened.blame(e))
    }

    /// Sets an event.
    #[inline(always)]
    pub fn set(self) -> Result<()> {
        self.set_until(Deadline::NEVER)
    }

    #[inline(always)]
    fn set_until(self, patience: Deadline) -> Result<()> {
        if let Some(Glance { machine: Some(Machine::AutoEvent | Machine::ManualEvent), record, generation, .. }) =
            self.0.glance(right::MODIFY)
            && ops::signal_fast(record, generation, State::event(false), |state| Some(state.set())).is_some()
        {
            return Ok(());
        }
        self.set_slowly(patience)
    }

    #[cold]
    fn set_slowly(self, patience: Deadline) -> Result<()> {
        self.change_event(|cx, target| ops::set(Cx { patience, ..cx }, target))
    }

    /// Resets an event.
    #[inline]
    pub fn reset(self) -> Result<()> {
        if let Some(Glance { machine: Some(Machine::AutoEvent | Machine::ManualEvent), record, generation, .. }) =
            self.0.glance(right::MODIFY)
            && ops::signal_fast(record, generation, State::event(true), |state| Some(state.reset())).is_some()
        {
            return Ok(());
        }
        self.reset_slowly()
    }

    #[cold]
    fn reset_slowly(self) -> Result<()> {
        self.change_event(ops::reset)
    }

    /// Releases those who wait now (auto: one of them) and leaves the event unset.
    pub fn pulse(self) -> Result<()> {
        self.change_event(ops::pulse)
    }

    fn change_event(self, change: impl FnOnce(Cx, Target) -> Result<()>) -> Result<()> {
        let opened = self.of_kind(Kind::Event, right::MODIFY)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        change(cx, opened.target)
    }

    /// The kind is checked before the rights (contract 2.5).
    #[inline]
    fn of_kind(self, kind: Kind, rights: u32) -> Result<Opened> {
        let opened = self.0.open(0)?;
        if Kind::of(opened.target.machine) != kind {
            return Err(wrong_kind(opened, kind));
        }
        if rights == 0 { Ok(opened) } else { self.0.open(rights) }
    }

    #[inline(always)]
    fn grantable(self) -> Result<Opened> {
        let opened = self.0.open(right::SYNCHRONIZE)?;
        match Kind::of(opened.target.machine) {
            Kind::Mutex | Kind::Semaphore => Ok(opened),
            _ => Err(wrong_kind(opened, Kind::Mutex)),
        }
    }
}

impl Opened {
    /// Keeps the object for as long as a call works on it.
    fn pin(&self, cx: Cx) -> Result<Pins<'_>> {
        Pins::new(cx, std::slice::from_ref(&self.target))
    }

    /// An error of a call on this object says which it was.
    #[cold]
    fn blame(&self, error: Error) -> Error {
        let is_ours = matches!(
            error.kind(),
            ErrorKind::NotOwner
                | ErrorKind::TooManyPosts
                | ErrorKind::WouldDeadlock
                | ErrorKind::LimitReached
                | ErrorKind::InvalidArgument
                | ErrorKind::Disconnected
        );
        if is_ours { error.about(&index::describe(self.space, self.target)) } else { error }
    }
}

#[cold]
fn wrong_kind(opened: Opened, wanted: Kind) -> Error {
    Error::new(
        ErrorKind::WrongKind,
        format!("the handle is of the {}, and the call needs {}", index::describe(opened.space, opened.target), wanted.noun()),
    )
}

#[inline]
fn acquired(target: Target, taken: Taken) -> Acquired {
    if target.machine == Machine::Mutex && target.record.depth.load() == 1 {
        owner::note_taken();
    }
    Acquired { fence: taken.fence, abandoned: taken.abandoned }
}

/// The slow half of [`HandleRef::acquire`]; the caller has pinned the object.
#[cold]
fn block(cx: Cx, target: Target, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Acquired>> {
    if timeout.is_zero() {
        return Ok(Outcome::TimedOut);
    }
    let targets = [target];
    let request = Request { targets: &targets, all: false, owner: cx.op, deadline: Deadline::after(timeout), poll: false };
    Ok(match wait::block(cx, request, interrupt)? {
        Ended::One(_, taken) => Outcome::Got(acquired(target, taken)),
        Ended::Interrupted => Outcome::Interrupted,
        Ended::TimedOut | Ended::All(_) => Outcome::TimedOut,
    })
}

/// A handle to an object that the caller has pinned once for it.
fn another(space: &'static Space, target: Target, rights: u32) -> Result<Handle> {
    let cx = owner::current(space)?;
    if target.machine.family() == Family::Queue {
        kinds::queue::attach_another(cx, target).inspect_err(|_| drop(index::leave(cx, target.at)))?;
    }
    let entry = handles::insert(space, target, rights);
    entry.map(|entry| Handle(HandleRef(entry))).inspect_err(|_| drop(let_go(cx, target)))
}

/// A handle is closed, or was not made.
fn let_go(cx: Cx, target: Target) -> Result<()> {
    let detached = if target.machine.family() == Family::Queue { kinds::queue::detach(cx, target) } else { Ok(()) };
    let left = index::leave(cx, target.at);
    if target.machine.family() == Family::Watchdog {
        cx.space.lonely.close_of_handle(cx.space);
    }
    left.and(detached)
}

/// The references that a call keeps which blocks or takes an object's lock, so that closing a handle meanwhile ends nothing (contract 2.1).
struct Pins<'a>(Cx, &'a [Target]);

impl<'a> Pins<'a> {
    fn new(cx: Cx, targets: &'a [Target]) -> Result<Pins<'a>> {
        for (i, target) in targets.iter().enumerate() {
            if !index::pin(cx.space, target.at) {
                drop(Pins(cx, &targets[..i]));
                return Err(Error::closed());
            }
        }
        Ok(Pins(cx, targets))
    }
}

impl Drop for Pins<'_> {
    fn drop(&mut self) {
        for target in self.1 {
            let _ = index::leave(self.0, target.at);
        }
    }
}

// --- waits

/// Waits for any or all of `objects`, which must be of one namespace.
///
/// Errors, before anything is consumed (contract 10.3): no object, or wait-all with one twice: InvalidArgument (87); a closed handle: Closed (6);
/// one without SYNCHRONIZE: AccessDenied (5); objects of several namespaces: Unsupported.
pub fn wait(objects: &[HandleRef], mode: Mode, by: By, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Satisfied>> {
    if let [object] = objects {
        let opened = object.0.open(right::SYNCHRONIZE)?;
        let cx = owner::current(opened.space)?;
        return wait_for(cx, &[opened.target], mode, by, timeout, interrupt).map_err(|e| opened.blame(e));
    }
    let (space, targets) = resolve(objects, mode)?;
    wait_for(owner::current(space)?, &targets, mode, by, timeout, interrupt)
}

fn wait_for(cx: Cx, targets: &[Target], mode: Mode, by: By, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Satisfied>> {
    let owning = Owning::for_targets(cx, by, targets)?;
    let deadline = Deadline::after(timeout);
    let request = Request { targets, all: mode == Mode::All, owner: owning.owner(cx), deadline, poll: timeout.is_zero() };
    let had = if let [target] = targets {
        ops::take_fast(Some(target.machine), target.record, target.at.generation, request.owner)
    } else {
        None
    };
    let ended = match had {
        Some(taken) if mode == Mode::Any => satisfied(cx, targets, &owning, Ended::One(0, taken)),
        Some(taken) => satisfied(cx, targets, &owning, Ended::All(vec![taken])),
        None => Pins::new(cx, targets).and_then(|_pins| {
            let ended = match wait::at_once(cx, request)? {
                Some(ended) => ended,
                None => wait::block(cx, request, interrupt)?,
            };
            satisfied(cx, targets, &owning, ended)
        }),
    };
    owning.free_unless_in(&ended, cx.space);
    ended
}

/// Signals the first object (sets the event, releases the semaphore by one, releases the calling thread's mutex), then waits for the second.
///
/// Both handles are checked first (contract 10.8); the two steps are not one instant (SW9).
pub fn signal_and_wait(
    signal: HandleRef,
    object: HandleRef,
    by: By,
    timeout: Timeout,
    interrupt: Interrupt<'_>,
) -> Result<Outcome<Satisfied>> {
    let (space, targets) = resolve(&[object], Mode::Any)?;
    let left = signal_first(signal, timeout)?;
    wait_for(owner::current(space)?, &targets, Mode::Any, by, left, interrupt)
}

/// How long a signal waits at least for somebody who is in the middle of changing the object.
const SIGNAL_NS: u64 = 500_000_000;

/// Signals within the time-out of the whole call, and says what is left of it. An error (somebody is stopped in the middle of a change) means that
/// nothing was signalled.
fn signal_first(signal: HandleRef, timeout: Timeout) -> Result<Timeout> {
    let due = Deadline::after(timeout);
    let patience = due.nanos().map_or(Deadline::NEVER, |at| Deadline::at(at.max(clock::now() + SIGNAL_NS)));
    match signal.kind()? {
        Kind::Mutex => signal.release_until(patience)?,
        Kind::Event => signal.set_until(patience)?,
        Kind::Semaphore => drop(signal.post_until(1, patience)?),
        other => {
            return Err(Error::new(
                ErrorKind::WrongKind,
                format!("{} cannot be signalled; pass an event, a semaphore or a mutex to be signalled first", other.noun()),
            ));
        }
    }
    Ok(due.nanos().map_or(timeout, |at| Timeout::saturating(at.saturating_sub(clock::now()))))
}

/// The checks of contract 10.3, in their order.
fn resolve(objects: &[HandleRef], mode: Mode) -> Result<(&'static Space, Vec<Target>)> {
    let mut targets = Vec::with_capacity(objects.len());
    let (mut space, mut is_mixed) = (None, false);
    for (i, object) in objects.iter().enumerate() {
        let is_alone = objects.len() == 1;
        let place = |e: Error| if is_alone { e } else { e.about(&format!("object {i} of the list")) };
        let opened = object.0.open(right::SYNCHRONIZE).map_err(place)?;
        is_mixed |= !std::ptr::eq(*space.get_or_insert(opened.space), opened.space);
        targets.push(opened.target);
    }
    let Some(space) = space else { return Err(Error::invalid_argument("a wait needs at least one object; list what to wait for")) };
    if is_mixed {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "one wait over objects of several namespaces comes with a later version of byname; wait for each namespace by itself",
        ));
    }
    if mode == Mode::All {
        let mut seen: Vec<u32> = targets.iter().map(|t| t.at.index).collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).position(|w| w[0] == w[1]) {
            let place = targets.iter().rposition(|t| t.at.index == seen[twice]).unwrap_or(0);
            return Err(Error::invalid_argument(format!(
                "a wait for all lists one object twice, the second time at index {place}; list each once"
            )));
        }
    }
    Ok((space, targets))
}

fn satisfied(cx: Cx, targets: &[Target], owning: &Owning, ended: Ended) -> Result<Outcome<Satisfied>> {
    let grant = |target: &Target, taken: Taken| -> Result<Option<Grant>> {
        match Kind::of(target.machine) {
            Kind::Mutex | Kind::Semaphore => granted(cx, *target, owning.share(target.machine), taken).map(Some),
            _ => Ok(None),
        }
    };
    Ok(Outcome::Got(match ended {
        Ended::One(index, taken) => {
            Satisfied { index: index as isize, abandoned: taken.abandoned, grants: grant(&targets[index], taken)?.into_iter().collect() }
        }
        Ended::All(taken) => Satisfied {
            index: -1,
            abandoned: taken.iter().any(|t| t.abandoned),
            grants: targets
                .iter()
                .zip(&taken)
                .map(|(target, t)| grant(target, *t))
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect(),
        },
        Ended::TimedOut => return Ok(Outcome::TimedOut),
        Ended::Interrupted => return Ok(Outcome::Interrupted),
    }))
}

// --- waits without a thread

/// Begins a wait that occupies no thread; a mutex is taken by a grant of its own.
///
/// `notify` is called at most once, by the keeper's thread (never by this call), when [`PendingWait::poll`] has the outcome. It may poll, cancel or drop the wait; it
/// should not block, since it delays the process's other waits. When the object is free, `poll` has the outcome right after this call.
pub fn start_wait(
    objects: &[HandleRef],
    mode: Mode,
    bound: bool,
    timeout: Timeout,
    notify: Box<dyn FnOnce() + Send>,
) -> Result<PendingWait> {
    let (space, targets) = resolve(objects, mode)?;
    begin(owner::current(space)?, targets, mode, bound, timeout, notify)
}

/// [`signal_and_wait`] without a thread.
pub fn start_signal_and_wait(
    signal: HandleRef,
    object: HandleRef,
    bound: bool,
    timeout: Timeout,
    notify: Box<dyn FnOnce() + Send>,
) -> Result<PendingWait> {
    let (space, targets) = resolve(&[object], Mode::Any)?;
    let left = signal_first(signal, timeout)?;
    begin(owner::current(space)?, targets, Mode::Any, bound, left, notify)
}

fn begin(cx: Cx, targets: Vec<Target>, mode: Mode, bound: bool, timeout: Timeout, notify: Box<dyn FnOnce() + Send>) -> Result<PendingWait> {
    std::mem::forget(Pins::new(cx, &targets)?);
    let begun = (|| {
        let owning = Owning::for_targets(cx, By::Grant { bound }, &targets)?;
        let deadline = Deadline::after(timeout);
        let request = Request { targets: &targets, all: mode == Mode::All, owner: owning.owner(cx), deadline, poll: timeout.is_zero() };
        let progress = wait::at_once(cx, request).and_then(|ended| match ended {
            Some(ended) => Ok(Progress::Ended(ended)),
            None => cx.space.asyncs.start(cx, request, notify).map(Progress::Pending),
        });
        progress.map(|progress| (owning.clone(), progress)).inspect_err(|_| owning.free(cx.space))
    })();
    match begun {
        Ok((owning, progress)) => {
            Ok(PendingWait { space: cx.space, born: cx.space.me(), targets, state: parking_lot::Mutex::new(Some((owning, progress))) })
        }
        Err(error) => {
            drop(Pins(cx, &targets));
            Err(error)
        }
    }
}

#[derive(Debug)]
enum Progress {
    Ended(Ended),
    Pending(Arc<Pending>),
}

/// A wait in progress. Dropping it cancels; a grant that came in the same instant goes back.
#[derive(Debug)]
pub struct PendingWait {
    space: &'static Space,
    born: ProcessRef,
    targets: Vec<Target>,
    state: parking_lot::Mutex<Option<(Owning, Progress)>>,
}

impl PendingWait {
    /// The outcome, once; `None` while the wait goes on, Closed afterwards and in the child of a fork. Interrupted is what a cancelled wait gives.
    pub fn poll(&self) -> Option<Result<Outcome<Satisfied>>> {
        if self.space.me() != self.born {
            return Some(Err(Error::closed()));
        }
        let mut state = self.state.lock();
        let ended = match state.as_ref() {
            None => return Some(Err(Error::closed())),
            Some((_, Progress::Ended(ended))) => Ok(ended.clone()),
            Some((_, Progress::Pending(pending))) => pending.poll()?,
        };
        let Some((owning, _)) = state.take() else { return Some(Err(Error::closed())) };
        drop(state);
        Some(owner::current(self.space).and_then(|cx| {
            let outcome = ended.and_then(|ended| satisfied(cx, &self.targets, &owning, ended));
            owning.free_unless_in(&outcome, self.space);
            outcome
        }))
    }

    /// True: cancelled, nothing is consumed, and `poll` gives Interrupted. False: the outcome stands, and `poll` has it.
    pub fn cancel(&self) -> bool {
        self.space.me() == self.born
            && match self.state.lock().as_ref() {
                Some((_, Progress::Pending(pending))) => pending.cancel(),
                _ => false,
            }
    }

    /// Replaces the callback. A `poll` afterwards that gives `None` means that the new one will be called.
    pub fn set_notify(&self, notify: Box<dyn FnOnce() + Send>) {
        if self.space.me() != self.born {
            return;
        }
        let pending = match self.state.lock().as_ref() {
            Some((_, Progress::Pending(pending))) => pending.clone(),
            _ => return,
        };
        pending.set_notify(notify);
    }
}

impl Drop for PendingWait {
    fn drop(&mut self) {
        let Ok(cx) = owner::current(self.space) else { return };
        if let Some((owning, progress)) = self.state.get_mut().take()
            && self.space.me() == self.born
        {
            match progress {
                Progress::Pending(pending) => pending.drop_it(cx),
                // Taken at once and never asked for: it goes back as a whole.
                Progress::Ended(ended) => wait::give_all_back(cx, &self.targets, owning.owner(cx), &ended),
            }
            owning.free(self.space);
        }
        drop(Pins(cx, &self.targets));
    }
}

// --- grants

/// Who owns what a wait takes.
#[derive(Debug, Clone)]
enum Owning {
    /// Semaphores have no owner.
    Nobody,
    Thread(OwnerRef),
    /// An owner of its own, for one mutex.
    Own(OwnerRef),
    /// An owner of its own for several mutexes of one wait-all.
    Shared(Arc<SharedOwner>),
}

#[derive(Debug)]
struct SharedOwner {
    space: &'static Space,
    owner: OwnerRef,
}

impl Drop for SharedOwner {
    fn drop(&mut self) {
        owner::free_grant(self.space, self.owner);
    }
}

impl Owning {
    #[inline(always)]
    fn new(cx: Cx, by: By) -> Result<Owning> {
        match by {
            By::Thread => Ok(Owning::Thread(cx.op)),
            By::Grant { bound } => owner::new_grant(cx, if bound { system::tid() } else { 0 }).map(Owning::Own),
        }
    }

    #[inline(always)]
    fn for_targets(cx: Cx, by: By, targets: &[Target]) -> Result<Owning> {
        let mutexes = targets.iter().filter(|t| t.machine == Machine::Mutex).count();
        match (Owning::new_if(mutexes > 0, cx, by)?, mutexes) {
            (Owning::Own(owner), 2..) => Ok(Owning::Shared(Arc::new(SharedOwner { space: cx.space, owner }))),
            (owning, _) => Ok(owning),
        }
    }

    #[inline(always)]
    fn new_if(needed: bool, cx: Cx, by: By) -> Result<Owning> {
        if needed { Owning::new(cx, by) } else { Ok(Owning::Nobody) }
    }

    fn owner(&self, cx: Cx) -> OwnerRef {
        match self {
            Owning::Nobody => cx.op,
            Owning::Thread(owner) | Owning::Own(owner) => *owner,
            Owning::Shared(shared) => shared.owner,
        }
    }

    /// What one grant of the wait keeps of it.
    fn share(&self, machine: Machine) -> Owning {
        if machine == Machine::Mutex { self.clone() } else { Owning::Nobody }
    }

    /// Gives the owner back unless one of the outcome's grants has it now.
    fn free_unless_in(&self, outcome: &Result<Outcome<Satisfied>>, space: &'static Space) {
        let taken_over = |satisfied: &Satisfied| satisfied.grants.iter().any(|grant| matches!(grant.owning, Owning::Own(_)));
        if !matches!(outcome, Ok(Outcome::Got(satisfied)) if taken_over(satisfied)) {
            self.free(space);
        }
    }

    /// Gives back an owner that owns nothing.
    fn free(&self, space: &'static Space) {
        if let Owning::Own(owner) = self {
            owner::free_grant(space, *owner);
        }
    }
}

/// One acquisition of a mutex or a semaphore.
///
/// It keeps the object alive and may be released after the handle is closed. Dropped unreleased: a grant-owned mutex becomes abandoned, a robust
/// semaphore's permit comes back, a plain one's stays taken, a thread's hold stays with the thread.
#[derive(Debug)]
pub struct Grant {
    space: &'static Space,
    born: ProcessRef,
    target: Target,
    owning: Owning,
    taken: Taken,
    /// It holds a reference of its own. A grant that owns a mutex needs none: the mutex's word says that it is in use.
    pinned: bool,
    held: AtomicBool,
}

#[inline(always)]
fn granted(cx: Cx, target: Target, owning: Owning, taken: Taken) -> Result<Grant> {
    if matches!(owning, Owning::Thread(_)) && target.machine == Machine::Mutex && target.record.depth.load() == 1 {
        owner::note_taken();
    }
    Ok(Grant::new(cx.space, target, owning, taken))
}

impl Grant {
    #[inline(always)]
    fn new(space: &'static Space, target: Target, owning: Owning, taken: Taken) -> Grant {
        let pinned = !matches!(owning, Owning::Own(_) | Owning::Shared(_)) && index::pin(space, target.at);
        Grant { space, born: space.me(), target, owning, taken, pinned, held: AtomicBool::new(true) }
    }

    /// Of what it is a grant.
    pub fn kind(&self) -> Kind {
        Kind::of(self.target.machine)
    }

    /// Whether it is a permit that comes back when it is dropped.
    pub fn is_robust(&self) -> bool {
        self.target.machine == Machine::RobustSemaphore
    }

    /// Its fence number.
    pub fn fence(&self) -> u64 {
        self.taken.fence
    }

    /// Whether the previous owner died holding it.
    pub fn abandoned(&self) -> bool {
        self.taken.abandoned
    }

    /// Releases it, once. A second time, a thread's hold from another thread, and any in the child of a fork: NotOwner (288). NamespaceLost if it is.
    #[inline(always)]
    pub fn release(&self) -> Result<()> {
        if self.release_fast() { Ok(()) } else { self.release_slowly() }
    }

    /// The whole of an uncontended release of a mutex that the grant owns; false if nothing was done.
    #[inline(always)]
    fn release_fast(&self) -> bool {
        let Owning::Own(owner) = self.owning else { return false };
        let Some(op) = owner::cached(self.space) else { return false };
        if !self.space.is_open() || self.space.me() != self.born || !self.held.swap(false, Ordering::AcqRel) {
            return false;
        }
        if !ops::release_fast(self.target.record, self.target.at.generation, owner) {
            self.held.store(true, Ordering::Release);
            return false;
        }
        owner::free_grant(self.space, owner);
        index::leave_after_release(Cx::new(self.space, op), self.target.at);
        true
    }

    #[cold]
    fn release_slowly(&self) -> Result<()> {
        self.space.check()?;
        let cx = owner::current(self.space)?;
        let foreign = self.kind() == Kind::Mutex && matches!(self.owning, Owning::Thread(owner) if owner != cx.op);
        if self.space.me() != self.born || foreign || !self.held.swap(false, Ordering::AcqRel) {
            return Err(Error::new(
                ErrorKind::NotOwner,
                if foreign {
                    "the grant is a hold of another thread; release it there"
                } else {
                    "the grant was released already, or belongs to the parent process"
                },
            ));
        }
        let released = match self.kind() {
            Kind::Semaphore => ops::post(cx, self.target, 1).map(|_| false),
            _ => ops::release_by(cx, self.target, self.owning.owner(cx)),
        };
        let released = released.map_err(|e| e.about(&index::describe(self.space, self.target)));
        match (&released, &self.owning) {
            (Ok(true), Owning::Thread(_)) => owner::note_released(),
            (_, owning) => owning.free(self.space),
        }
        if !self.pinned {
            index::leave_after_release(cx, self.target.at);
        }
        released.map(|_| ())
    }

    /// Drops the grant without giving anything back: a thread's mutex stays the thread's, a permit stays taken until somebody releases the semaphore. A
    /// mutex that the grant itself owns is abandoned, since nobody could release it.
    pub fn keep(self) {
        if self.kind() == Kind::Semaphore {
            self.held.store(false, Ordering::Release);
        }
    }

    /// False once released, and in the child of a fork.
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire) && self.space.me() == self.born
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.pinned && !*self.held.get_mut() {
            return; // released, with nothing of its own left
        }
        let Ok(cx) = owner::current(self.space) else { return };
        if self.space.check().is_ok() {
            if self.is_held() {
                match (&self.owning, self.target.machine) {
                    (owning @ (Owning::Own(_) | Owning::Shared(_)), _) => {
                        let _ = ops::abandon_of(cx, self.target, owning.owner(cx));
                        owning.free(self.space);
                        index::leave_after_release(cx, self.target.at);
                    }
                    (Owning::Nobody, Machine::RobustSemaphore) => drop(ops::return_permit(cx, self.target)),
                    _ => {}
                }
            }
            if self.pinned {
                let _ = index::leave(cx, self.target.at);
            }
        }
    }
}

// --- for tests

/// What this process has in use, for tests that look for leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Open handles, of all namespaces.
    pub handles: usize,
    /// Owner records: one for each thread that called byname, the keeper, each grant of a mutex.
    pub owners: usize,
    /// Waits in progress.
    pub waiters: usize,
    /// Places in queues, one for each object of each wait, and one for each robust semaphore that is open.
    pub nodes: usize,
    /// Objects of the namespace that this process keeps alive.
    pub objects: usize,
}

/// What this process has in use.
pub fn usage(namespace: &Namespace) -> Usage {
    owner::give_spare_back();
    let space = namespace.0;
    let out = space.pools.lock().handed_out(&space.arena);
    let objects = refs::objects_of(space, space.me()).len();
    Usage { handles: handles::open_count(), owners: out.owners, waiters: out.waiters, nodes: out.nodes, objects }
}
