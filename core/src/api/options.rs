//! How to make or open an object when the defaults do not fit, in the manner of [`std::fs::OpenOptions`].
//!
//! Options are plain values: build one, keep it, use it for as many objects as you like.

use super::{Event, Job, Mutex, Semaphore, Timer, Watchdog};
use crate::Result;
use crate::engine::{Access, Action, Handle, Kind, Namespace, Reset, Spec};
use std::ops::{BitOr, BitOrAssign};
use std::time::Duration;

/// Both sets of rights together.
///
/// ```
/// use byname::Access;
///
/// assert_eq!((Access::SYNCHRONIZE | Access::MODIFY_STATE).0, 0x0010_0002);
/// ```
impl BitOr for Access {
    type Output = Access;

    fn bitor(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }
}

impl BitOrAssign for Access {
    fn bitor_assign(&mut self, other: Access) {
        *self = *self | other;
    }
}

/// What all kinds have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    /// `None` is [`Namespace::local`], looked up when the object is made: options can be built where nothing may fail.
    pub(super) namespace: Option<Namespace>,
    pub(super) access: Access,
}

impl Common {
    pub(super) const DEFAULT: Common = Common { namespace: None, access: Access::ALL };

    pub(super) fn namespace(self) -> Result<Namespace> {
        self.namespace.map_or_else(Namespace::local, Ok)
    }

    pub(super) fn create(self, name: Option<&str>, spec: Spec) -> Result<Handle> {
        self.namespace()?.create(name, spec, self.access)
    }

    pub(super) fn open(self, name: &str, kind: Kind) -> Result<Handle> {
        self.namespace()?.open(Some(name), kind, self.access)
    }
}

/// The options that every kind has; `$make` is the kind's own `create`, for the examples.
macro_rules! common_options {
    ($Options:ty, $Type:ident, $make:literal) => {
        impl $Options {
            /// Makes or opens the object in `namespace` instead of [`Namespace::local`].
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Namespace, Reset};")]
            ///
            /// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
            #[doc = concat!("let object = ", stringify!($Type), "::options().namespace(&tests)", $make, "?;")]
            /// assert_eq!(object.namespace()?, tests);
            /// # Ok::<(), byname::Error>(())
            /// ```
            #[must_use]
            pub fn namespace(mut self, namespace: &Namespace) -> Self {
                self.common.namespace = Some(*namespace);
                self
            }

            /// Asks for these rights only, instead of all of them (contract 2.5).
            ///
            /// The call that makes or opens the object answers AccessDenied (5) to a mask of 0 and to a right that the
            /// kind does not have; later calls that need a right which the handle lacks answer the same.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{Access, ErrorKind, ", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let refused = ", stringify!($Type), "::options().access(Access(0))", $make, ";")]
            /// assert_eq!(refused.unwrap_err().kind(), ErrorKind::AccessDenied);
            /// ```
            #[must_use]
            pub fn access(mut self, access: Access) -> Self {
                self.common.access = access;
                self
            }
        }

        impl Default for $Options {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

pub(super) use common_options;

common_options!(MutexOptions, Mutex, ".unnamed()");
common_options!(EventOptions, Event, ".unnamed(Reset::Manual)");
common_options!(SemaphoreOptions, Semaphore, ".unnamed(1, 1)");
common_options!(JobOptions, Job, ".unnamed()");
common_options!(TimerOptions, Timer, ".unnamed(Reset::Manual)");
common_options!(WatchdogOptions, Watchdog, ".unnamed(std::time::Duration::from_secs(1), std::time::Duration::ZERO, byname::Action::None)");

/// How to make or open a [`Mutex`]; begins with [`Mutex::options`].
///
/// # Examples
/// ```
/// use byname::{Access, Mutex, MutexOptions, Namespace};
///
/// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let options: MutexOptions = Mutex::options().namespace(&tests);
/// let ledger = options.create("ledger")?;
/// let same = options.access(Access::SYNCHRONIZE).open("ledger")?;
/// let _held = ledger.lock()?;
/// assert!(same.try_lock()?.is_some(), "one mutex, one owner: this thread");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MutexOptions {
    common: Common,
    initially_owned: bool,
}

impl MutexOptions {
    pub(super) const fn new() -> Self {
        MutexOptions { common: Common::DEFAULT, initially_owned: false }
    }

    /// Gives a mutex that this call makes to the calling thread, one hold deep, before anybody else can see it (contract 3.2).
    ///
    /// Where the mutex existed already this says nothing and the caller owns nothing: ask [`Mutex::created`]. The hold
    /// has no guard; turn it into one with [`Mutex::adopt`], or end it with [`Mutex::release`].
    ///
    /// # Examples
    /// ```
    /// use byname::Mutex;
    ///
    /// let mutex = Mutex::options().initially_owned().unnamed()?;
    /// let guard = if mutex.created() { mutex.adopt()? } else { mutex.lock()? };
    /// // ... prepare what the mutex guards: nobody can have it before ...
    /// drop(guard);
    /// assert_eq!(mutex.owner()?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn initially_owned(mut self) -> Self {
        self.initially_owned = true;
        self
    }

    /// Makes the mutex, or opens it if it exists; see [`Mutex::create`].
    ///
    /// # Errors
    /// As [`Mutex::create`]; AccessDenied (5) for an [`access`](Self::access) mask that a mutex does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let mutex = byname::Mutex::options().namespace(&tests).create("ledger")?;
    /// assert!(mutex.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str) -> Result<Mutex> {
        self.common.create(Some(name), self.spec()).map(Mutex::over)
    }

    /// Opens an existing mutex; see [`Mutex::open`].
    ///
    /// # Errors
    /// As [`Mutex::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that a mutex does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Mutex::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().kind(), byname::ErrorKind::NotFound);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Mutex> {
        self.common.open(name, Kind::Mutex).map(Mutex::over)
    }

    /// Makes a mutex without a name; see [`Mutex::unnamed`].
    ///
    /// # Errors
    /// As [`Mutex::unnamed`].
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::options().initially_owned().unnamed()?;
    /// mutex.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self) -> Result<Mutex> {
        self.common.create(None, self.spec()).map(Mutex::over)
    }

    fn spec(self) -> Spec {
        Spec::Mutex { initially_owned: self.initially_owned }
    }
}

/// How to make or open an [`Event`]; begins with [`Event::options`].
///
/// # Examples
/// ```
/// use byname::{Access, Event, Reset};
///
/// // A handle that can only wait: what it is given to can observe the event and not change it.
/// let done = Event::options().access(Access::SYNCHRONIZE).initially_set().unnamed(Reset::Manual)?;
/// done.wait()?;
/// assert_eq!(done.reset().unwrap_err().win32(), 5);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EventOptions {
    common: Common,
    initially_set: bool,
}

impl EventOptions {
    pub(super) const fn new() -> Self {
        EventOptions { common: Common::DEFAULT, initially_set: false }
    }

    /// Makes the event in the set state; says nothing where the event exists already (contract 4).
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset};
    ///
    /// assert!(Event::options().initially_set().unnamed(Reset::Auto)?.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn initially_set(mut self) -> Self {
        self.initially_set = true;
        self
    }

    /// Makes the event, or opens it if it exists; see [`Event::create`].
    ///
    /// # Errors
    /// As [`Event::create`]; AccessDenied (5) for an [`access`](Self::access) mask that an event does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// use byname::{Event, Reset};
    ///
    /// let ready = Event::options().namespace(&tests).create("ready", Reset::Manual)?;
    /// assert!(!ready.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str, reset: Reset) -> Result<Event> {
        self.common.create(Some(name), self.spec(reset)).map(Event::over)
    }

    /// Opens an existing event; see [`Event::open`].
    ///
    /// # Errors
    /// As [`Event::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that an event does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Event::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Event> {
        self.common.open(name, Kind::Event).map(Event::over)
    }

    /// Makes an event without a name; see [`Event::unnamed`].
    ///
    /// # Errors
    /// As [`Event::unnamed`].
    ///
    /// # Examples
    /// ```
    /// let event = byname::Event::options().initially_set().unnamed(byname::Reset::Manual)?;
    /// event.wait()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self, reset: Reset) -> Result<Event> {
        self.common.create(None, self.spec(reset)).map(Event::over)
    }

    fn spec(self, reset: Reset) -> Spec {
        Spec::Event { reset, initially_set: self.initially_set }
    }
}

/// How to make or open a [`Job`]; begins with [`Job::options`].
///
/// # Examples
/// ```
/// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
/// use byname::{Job, JobOptions, Namespace};
///
/// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let options: JobOptions = Job::options().namespace(&tests);
/// let build = options.kill_on_close().create("build")?;
/// assert!(options.open("build")?.limits()?.kill_on_close);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct JobOptions {
    common: Common,
    kill_on_close: bool,
}

impl JobOptions {
    pub(super) const fn new() -> Self {
        JobOptions { common: Common::DEFAULT, kill_on_close: false }
    }

    /// Has the job's processes killed when the last handle to it is closed, also by the death of its process (contract 8.6, JL8, JL9); says
    /// nothing where the job exists already.
    ///
    /// # Examples
    /// ```
    /// let job = byname::Job::options().kill_on_close().unnamed()?;
    /// let mut child = job.spawn(std::process::Command::new("sleep").arg("1000"))?;
    /// drop(job);
    /// assert!(!child.wait()?.success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn kill_on_close(mut self) -> Self {
        self.kill_on_close = true;
        self
    }

    /// Makes the job, or opens it if it exists; see [`Job::create`].
    ///
    /// # Errors
    /// As [`Job::create`]; AccessDenied (5) for an [`access`](Self::access) mask that a job does not have.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let job = byname::Job::options().namespace(&tests).create("build")?;
    /// assert!(job.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str) -> Result<Job> {
        self.common.create(Some(name), self.spec()).map(Job::over)
    }

    /// Opens an existing job; see [`Job::open`].
    ///
    /// # Errors
    /// As [`Job::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that a job does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Job::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Job> {
        self.common.open(name, Kind::Job).map(Job::over)
    }

    /// Makes a job without a name; see [`Job::unnamed`].
    ///
    /// # Errors
    /// As [`Job::unnamed`].
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert_eq!(byname::Job::options().unnamed()?.name(), None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self) -> Result<Job> {
        self.common.create(None, self.spec()).map(Job::over)
    }

    fn spec(self) -> Spec {
        Spec::Job { kill_on_close: self.kill_on_close }
    }
}

/// How to make or open a [`Semaphore`]; begins with [`Semaphore::options`].
///
/// # Examples
/// ```
/// use byname::Semaphore;
///
/// let slots = Semaphore::options().robust().unnamed(4, 4)?;
/// let permit = slots.acquire()?;
/// assert_eq!(slots.available()?, 3);
/// # drop(permit);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SemaphoreOptions {
    common: Common,
    robust: bool,
}

impl SemaphoreOptions {
    pub(super) const fn new() -> Self {
        SemaphoreOptions { common: Common::DEFAULT, robust: false }
    }

    /// Makes a semaphore whose units come back when their holder dies, and which tells the next one to acquire it.
    ///
    /// A plain semaphore is what Windows has: the unit of a dead holder stays taken (contract 5, S4). Robustness belongs
    /// to the object: where the semaphore exists already, this says nothing.
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::options().robust().unnamed(2, 2)?;
    /// assert!(!slots.acquire()?.abandoned(), "nobody has died");
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn robust(mut self) -> Self {
        self.robust = true;
        self
    }

    /// Makes the semaphore, or opens it if it exists; see [`Semaphore::create`].
    ///
    /// # Errors
    /// As [`Semaphore::create`]; AccessDenied (5) for an [`access`](Self::access) mask that a semaphore does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let slots = byname::Semaphore::options().namespace(&tests).robust().create("slots", 2, 2)?;
    /// assert_eq!(slots.available()?, 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str, initial: u32, maximum: u32) -> Result<Semaphore> {
        self.common.create(Some(name), self.spec(initial, maximum)).map(Semaphore::over)
    }

    /// Opens an existing semaphore; see [`Semaphore::open`].
    ///
    /// # Errors
    /// As [`Semaphore::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that a semaphore does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Semaphore::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Semaphore> {
        self.common.open(name, Kind::Semaphore).map(Semaphore::over)
    }

    /// Makes a semaphore without a name; see [`Semaphore::unnamed`].
    ///
    /// # Errors
    /// As [`Semaphore::unnamed`].
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::options().robust().unnamed(0, 8)?;
    /// assert!(slots.try_acquire()?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self, initial: u32, maximum: u32) -> Result<Semaphore> {
        self.common.create(None, self.spec(initial, maximum)).map(Semaphore::over)
    }

    fn spec(self, initial: u32, maximum: u32) -> Spec {
        Spec::Semaphore { initial: i64::from(initial), maximum: i64::from(maximum), robust: self.robust }
    }
}

/// How to make or open a [`Timer`]; begins with [`Timer::options`].
///
/// # Examples
/// ```
/// use byname::{Reset, Timer, TimerOptions};
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let options: TimerOptions = Timer::options().namespace(&tests);
/// let beat = options.create("beat", Reset::Auto)?;
/// assert!(!options.open("beat")?.created());
/// # drop(beat);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TimerOptions {
    common: Common,
}

impl TimerOptions {
    pub(super) const fn new() -> Self {
        TimerOptions { common: Common::DEFAULT }
    }

    /// Makes the timer, or opens it if it exists; see [`Timer::create`].
    ///
    /// # Errors
    /// As [`Timer::create`]; AccessDenied (5) for an [`access`](Self::access) mask that a timer does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// use byname::{Reset, Timer};
    ///
    /// let timer = Timer::options().namespace(&tests).create("beat", Reset::Manual)?;
    /// assert!(!timer.is_signaled()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str, reset: Reset) -> Result<Timer> {
        self.common.create(Some(name), Spec::Timer { reset }).map(Timer::over)
    }

    /// Opens an existing timer; see [`Timer::open`].
    ///
    /// # Errors
    /// As [`Timer::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that a timer does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Timer::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Timer> {
        self.common.open(name, Kind::Timer).map(Timer::over)
    }

    /// Makes a timer without a name; see [`Timer::unnamed`].
    ///
    /// # Errors
    /// As [`Timer::unnamed`].
    ///
    /// # Examples
    /// ```
    /// let timer = byname::Timer::options().unnamed(byname::Reset::Auto)?;
    /// assert_eq!(timer.name(), None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self, reset: Reset) -> Result<Timer> {
        self.common.create(None, Spec::Timer { reset }).map(Timer::over)
    }
}

/// How to make or open a [`Watchdog`]; begins with [`Watchdog::options`].
///
/// # Examples
/// ```
/// use byname::{Action, Watchdog, WatchdogOptions};
/// use std::time::Duration;
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let options: WatchdogOptions = Watchdog::options().namespace(&tests);
/// let dog = options.create("alive", Duration::from_secs(5), Duration::from_secs(1), Action::None)?;
/// assert!(!options.open("alive")?.created());
/// # drop(dog);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WatchdogOptions {
    common: Common,
}

impl WatchdogOptions {
    pub(super) const fn new() -> Self {
        WatchdogOptions { common: Common::DEFAULT }
    }

    /// Makes the watchdog, or opens it if it exists; see [`Watchdog::create`].
    ///
    /// # Errors
    /// As [`Watchdog::create`]; AccessDenied (5) for an [`access`](Self::access) mask that a watchdog does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::options().namespace(&tests).create("alive", Duration::from_secs(5), Duration::ZERO, Action::None)?;
    /// assert!(dog.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str, period: Duration, grace: Duration, action: Action) -> Result<Watchdog> {
        self.common.create(Some(name), action.spec(period, grace)).map(Watchdog::over)
    }

    /// Opens an existing watchdog; see [`Watchdog::open`].
    ///
    /// # Errors
    /// As [`Watchdog::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that a watchdog does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Watchdog::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Watchdog> {
        self.common.open(name, Kind::Watchdog).map(Watchdog::over)
    }

    /// Makes a watchdog without a name; see [`Watchdog::unnamed`].
    ///
    /// # Errors
    /// As [`Watchdog::unnamed`].
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::options().unnamed(Duration::from_secs(5), Duration::ZERO, Action::None)?;
    /// assert_eq!(dog.name(), None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self, period: Duration, grace: Duration, action: Action) -> Result<Watchdog> {
        self.common.create(None, action.spec(period, grace)).map(Watchdog::over)
    }
}
