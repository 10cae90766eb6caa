//! The event: a flag that threads of any process wait for (contract 4).

use super::future::Waiting;
use super::handle::handle_methods;
use super::{EventOptions, for_ever, in_time};
use crate::engine::{EventState, Handle, Reset};
use crate::{Result, Timeout};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A flag that processes share by its name, and wait for.
///
/// How a wait leaves it is decided when it is made: [`Reset::Manual`] stays set and lets everybody through until it is
/// reset; [`Reset::Auto`] lets exactly one wait through and is unset again. It counts nothing: setting it twice
/// before anybody waits lets one wait of an auto-reset event through. It stays set when the process that set it dies.
///
/// # Examples
/// ```
/// use byname::{Event, Reset};
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let ready = Event::options().namespace(&tests).create("ready", Reset::Manual)?;
/// std::thread::scope(|s| {
///     s.spawn(|| ready.set().unwrap()); // or any other process that opens "ready"
///     ready.wait()
/// })?;
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Event {
    handle: Handle,
}

handle_methods!(Event, "Event::unnamed(Reset::Auto)", r#".create("Local\\printer", Reset::Auto)"#);

impl Event {
    /// Makes the event called `name`, unset, or opens it if it exists; [`created`](Event::created) says which (contract 1.2, 4).
    ///
    /// An existing event keeps its own `reset` and its state. A name is `leaf` or `Local\leaf`, at most 260 UTF-16 units; it lives
    /// in the namespace of this user and of the session that `BYNAME_SESSION` names. `""` makes an unnamed event.
    ///
    /// # Errors
    /// WrongKind (6) if an object of another kind has that name; NameTooLong (206); InvalidName (123, 161, 6) and
    /// PathNotFound (3) by the grammar; AccessDenied (5); NoSpace, LimitReached, Corrupted, VersionMismatch and
    /// NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Event, Mutex, Reset};
    ///
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let event = Event::create(&name, Reset::Auto)?;
    /// assert_eq!(Mutex::create(&name).unwrap_err().kind(), ErrorKind::WrongKind);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str, reset: Reset) -> Result<Event> {
        Event::options().create(name, reset)
    }

    /// Opens the event called `name`, which must exist (contract 1.2, 4).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open; otherwise as [`create`](Event::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Event};
    ///
    /// let missing = Event::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Event> {
        Event::options().open(name)
    }

    /// Makes an event without a name, for the threads of this process and for its children by `fork` (contract 1.2, N1).
    ///
    /// # Errors
    /// NoSpace, LimitReached, Corrupted, VersionMismatch and NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// let event = byname::Event::unnamed(byname::Reset::Manual)?;
    /// assert!(!event.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(reset: Reset) -> Result<Event> {
        Event::options().unnamed(reset)
    }

    /// Starts with the defaults: this user's namespace, all rights, unset.
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset};
    ///
    /// let open_gate = Event::options().initially_set().unnamed(Reset::Manual)?;
    /// open_gate.wait()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> EventOptions {
        EventOptions::new()
    }

    /// Sets the event: a manual one releases everybody who waits and stays set, an auto one releases exactly one waiter
    /// or, if there is none, stays set for the next (contract 4).
    ///
    /// # Errors
    /// AccessDenied (5) without MODIFY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset};
    ///
    /// let turn = Event::unnamed(Reset::Auto)?;
    /// turn.set()?;
    /// turn.set()?; // E1: no counter
    /// turn.wait()?;
    /// assert!(!turn.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn set(&self) -> Result<()> {
        self.handle.set()
    }

    /// Unsets the event; those whom an earlier [`set`](Event::set) released stay released (contract 4, E8).
    ///
    /// # Errors
    /// As [`set`](Event::set).
    ///
    /// # Examples
    /// ```
    /// let gate = byname::Event::unnamed(byname::Reset::Manual)?;
    /// gate.set()?;
    /// gate.reset()?;
    /// assert!(!gate.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn reset(&self) -> Result<()> {
        self.handle.reset()
    }

    /// Releases who waits at this instant (auto: at most one) and leaves the event unset (contract 4, E3 to E5).
    ///
    /// Every thread that is inside a wait is reached, unlike on Windows. A wait for all is released only if the rest is ready too.
    ///
    /// # Errors
    /// As [`set`](Event::set).
    ///
    /// # Examples
    /// ```
    /// let gate = byname::Event::unnamed(byname::Reset::Manual)?;
    /// gate.set()?;
    /// gate.pulse()?; // nobody waits
    /// assert!(!gate.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn pulse(&self) -> Result<()> {
        self.handle.pulse()
    }

    /// Looks whether the event is set, without consuming it; the answer may be old when it arrives.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let turn = byname::Event::unnamed(byname::Reset::Auto)?;
    /// turn.set()?;
    /// assert!(turn.is_set()? && turn.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn is_set(&self) -> Result<bool> {
        self.handle.is_set()
    }

    /// Looks at all of the event's state at one instant, without taking it and without waiting for anybody.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset};
    ///
    /// let state = Event::options().initially_set().unnamed(Reset::Manual)?.state()?;
    /// assert_eq!((state.set, state.reset), (true, Reset::Manual));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn state(&self) -> Result<EventState> {
        self.handle.event_state()
    }

    /// Waits until the event is set; an auto-reset event is unset by that.
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let turn = byname::Event::unnamed(byname::Reset::Auto)?;
    /// turn.set()?;
    /// turn.wait()?;
    /// assert!(!turn.is_set()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn wait(&self) -> Result<()> {
        let _ = for_ever(self.handle.acquire(Timeout::INFINITE, None)?);
        Ok(())
    }

    /// Waits for at most this long (a [`Duration`](std::time::Duration), or `None` for ever); `None` when the time is up,
    /// never early. Zero only looks, and consumes an auto-reset event that is set.
    ///
    /// # Errors
    /// As [`wait`](Event::wait).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let turn = byname::Event::unnamed(byname::Reset::Auto)?;
    /// assert_eq!(turn.wait_for(Duration::from_millis(1))?, None);
    /// turn.set()?;
    /// assert_eq!(turn.wait_for(Duration::ZERO)?, Some(()));
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn wait_for(&self, timeout: impl Into<Timeout>) -> Result<Option<()>> {
        let acquired = self.handle.acquire(timeout.into(), None)?;
        Ok(in_time(acquired).map(drop))
    }

    /// Waits without a thread.
    ///
    /// The wait begins with the first poll and is cancelled by dropping the future: a signal that came in the same
    /// instant is passed on. For a time-out use [`wait_any_async`](super::wait_any_async).
    ///
    /// # Errors
    /// The future's: as [`wait`](Event::wait), and Closed (6) if the handle was closed before the first poll.
    ///
    /// # Examples
    /// ```
    /// let ready = byname::Event::unnamed(byname::Reset::Manual)?;
    /// let waiting = ready.wait_async();
    /// ready.set()?;
    /// pollster::block_on(waiting)?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_async(&self) -> EventFuture {
        EventFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }
}

/// The future of [`Event::wait_async`].
///
/// Polled again after its outcome it answers InvalidArgument.
///
/// # Examples
/// ```
/// let ready = byname::Event::options().initially_set().unnamed(byname::Reset::Auto)?;
/// let wait: byname::EventFuture = ready.wait_async();
/// drop(wait); // never polled: nothing consumed
/// assert!(ready.is_set()?);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct EventFuture {
    waiting: Waiting,
}

impl Future for EventFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| drop(for_ever(outcome)))
    }
}
