//! What every binding calls: handles, waits, grants. One call here for one call there.
//!
//! The typed Rust API ([`Mutex`](crate::Mutex) and its neighbours) stands on this too. Nothing here knows a language; no binding
//! knows semantics.

use crate::dispatch::lock::Target;
use crate::dispatch::wait::{self, Ended, Request};
use crate::dispatch::word::{Family, Machine, State};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, Entry, Glance, Opened, right};
use crate::index;
use crate::kinds;
use crate::name;
use crate::ops::{self, Taken};
use crate::owner;
use crate::refs;
use crate::space::{Cx, Space};
use crate::sys::clock::Deadline;
use crate::timeout::Timeout;
pub use crate::watch::Pollable;

mod access;
mod flags;
mod grant;
mod job;
mod kind;
mod look;
mod mapping;
mod namespace;
mod notices;
mod pending;
mod process;
mod queue;
mod share;
mod timer;
mod waits;
mod watchdog;

pub use access::Access;
pub use flags::HandleFlags;
pub use grant::Grant;
use grant::{Owning, granted};
pub use job::{JobAccounting, JobEntrance, JobLimits};
pub use kind::{Kind, Reset, Spec};
pub use look::{EventState, MutexState, OwnerInfo, SemaphoreState};
pub(crate) use mapping::hold_views;
pub use mapping::{Backing, MappingSpec, MappingState, Protect, Share, View, unmap, view_at};
pub use namespace::{Namespace, Profile, leave_sigbus_alone};
pub use notices::{JobMessage, JobNotification};
pub use pending::{PendingWait, start_signal_and_wait, start_wait};
pub(crate) use queue::send as send_message;
pub use queue::{
    Message, Notify as MessageNotify, PendingMessage, QueueEnd, QueueInfo, Received, Reservation, Taken as TakenMessage, start_receive,
    start_reserve, start_send, start_take,
};
pub use share::from_share;
pub use timer::{Due, Period, TimerState};
pub use waits::{signal_and_wait, wait};
pub(crate) use watchdog::hold as hold_watchdogs;
pub use watchdog::{Action, WatchdogStage, WatchdogState, set_reset_hook};

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
        let tells_of_a_job = self.0.has(right::NOTICES);
        let (space, target) = self.0.close()?;
        space.watches.close_of_handle(self.id());
        watchdog::forget_notifier(self.id());
        let left = if space.check().is_ok() { let_go(owner::current(space)?, target) } else { Ok(()) };
        if tells_of_a_job {
            kinds::notices::end_if_unread(space, target);
        }
        left
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
        let opened = self.0.open(0)?;
        self.duplicate_of(opened, opened.rights & right::GRANTED)
    }

    /// The same with other rights (contract 2.3, DH4): `access` is a mask as for opening, or 0 for none. Rights that the handle does not have are
    /// granted, too: who may use the namespace may open its objects for everything.
    pub fn duplicate_with(self, access: Access) -> Result<Handle> {
        let opened = self.0.open(0)?;
        let granted = if access.0 == 0 { 0 } else { access.rights(Kind::of(opened.target.machine))? };
        self.duplicate_of(opened, granted)
    }

    fn duplicate_of(self, Opened { space, target, rights }: Opened, granted: u32) -> Result<Handle> {
        if !index::pin(space, target.at) {
            return Err(Error::closed());
        }
        another(space, target, granted | rights & right::KEPT)
    }

    /// What the object is.
    pub fn kind(self) -> Result<Kind> {
        Ok(Kind::of(self.0.open(0)?.target.machine))
    }

    /// The name as it was passed; `None` if unnamed.
    pub fn name(self) -> Result<Option<String>> {
        let Opened { space, target, rights } = self.0.open(0)?;
        let key = index::key_of(space, target.record)?;
        self.0.open(0)?; // open still: so it was this object's
        let leaf = key.as_deref().map(|key| name::of_key(key).0);
        Ok(leaf.map(|leaf| if rights & right::LOCAL != 0 { format!("Local\\{leaf}") } else { leaf.to_owned() }))
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
        let Opened { space, rights, .. } = self.0.open(0)?;
        Namespace::over(space).profile(if rights & right::CE != 0 { Profile::Ce } else { Profile::Desktop })
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
    let space = namespace.space;
    let out = space.pools.lock().handed_out(&space.arena);
    let objects = refs::objects_of(space, space.me()).len();
    Usage { handles: handles::open_count(), owners: out.owners, waiters: out.waiters, nodes: out.nodes, objects }
}
