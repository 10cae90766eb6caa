//! The waitable timer: signaled when its time comes (contract 6).

use super::future::Waiting;
use super::handle::handle_methods;
use super::{TimerOptions, for_ever, in_time};
use crate::engine::{Due, Handle, Period, Reset, TimerState};
use crate::{Result, Timeout};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

/// A time that processes share by its name, and wait for.
///
/// It is unset at first. Once [`set`](Timer::set) it becomes signaled when its time comes, and again after each period if it has one. How a wait leaves
/// it is decided when it is made: [`Reset::Manual`] stays signaled, for everybody, until it is set anew; [`Reset::Auto`] lets exactly one wait
/// through. It counts nothing: times that come while nobody waits let one wait of an auto-reset timer through.
///
/// Nobody runs for it: it costs nothing while nobody waits, and goes on when the process that set it ends, as long as somebody has it open.
/// It is never early. Relative times count on the monotonic clock, which stands still while the machine is suspended.
///
/// # Examples
/// ```
/// use byname::{Reset, Timer};
/// use std::time::Duration;
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let beat = Timer::options().namespace(&tests).create("beat", Reset::Auto)?;
/// beat.set(Duration::from_millis(2), Duration::from_millis(5))?; // after 2 ms, and then every 5 ms
/// beat.wait()?; // here, or in any other process that opens "beat"
/// beat.wait()?;
/// beat.cancel()?;
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Timer {
    handle: Handle,
}

handle_methods!(Timer, "Timer::unnamed(Reset::Auto)", r#".create("Local\\printer", Reset::Auto)"#);

impl Timer {
    /// Makes the timer called `name`, not set, or opens it if it exists; [`created`](Timer::created) says which (contract 1.2, 6).
    ///
    /// An existing timer keeps its own `reset` and goes on as it was set. For names see [`Event::create`](crate::Event::create).
    ///
    /// # Errors
    /// As [`Event::create`](crate::Event::create).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Mutex, Reset, Timer};
    ///
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let timer = Timer::create(&name, Reset::Auto)?;
    /// assert_eq!(Mutex::create(&name).unwrap_err().kind(), ErrorKind::WrongKind);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str, reset: Reset) -> Result<Timer> {
        Timer::options().create(name, reset)
    }

    /// Opens the timer called `name`, which must exist (contract 1.2, 6).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open; otherwise as [`create`](Timer::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Timer};
    ///
    /// let missing = Timer::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Timer> {
        Timer::options().open(name)
    }

    /// Makes a timer without a name, for the threads of this process and for its children by `fork` (contract 1.2, N1).
    ///
    /// # Errors
    /// NoSpace, LimitReached, Corrupted, VersionMismatch and NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// let timer = byname::Timer::unnamed(byname::Reset::Manual)?;
    /// assert_eq!(timer.remaining()?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(reset: Reset) -> Result<Timer> {
        Timer::options().unnamed(reset)
    }

    /// Starts with the defaults: this user's namespace, all rights.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Reset, Timer};
    ///
    /// let to_wait_for = Timer::options().access(Access::SYNCHRONIZE).unnamed(Reset::Manual)?;
    /// assert_eq!(to_wait_for.cancel().unwrap_err().win32(), 5);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> TimerOptions {
        TimerOptions::new()
    }

    /// Sets the timer to `due` from now, on the monotonic clock, and if `period` is not zero to every `period` after that (contract 6.1).
    ///
    /// It is unsignaled until then, whatever it was; an earlier setting is over; who waits goes on waiting for the new time (T5 to T7). Zero is at
    /// once. The times are `due` and `due` plus whole periods, however late somebody looks (T14); those that nobody waited for are one (T10).
    ///
    /// # Errors
    /// InvalidArgument (87) for a period of more than 2147483647 ms; AccessDenied (5) without MODIFY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Reset, Timer};
    /// use std::time::{Duration, Instant};
    ///
    /// let (timer, begun) = (Timer::unnamed(Reset::Manual)?, Instant::now());
    /// timer.set(Duration::from_millis(10), Duration::ZERO)?;
    /// timer.wait()?;
    /// assert!(begun.elapsed() >= Duration::from_millis(10), "never early");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn set(&self, due: Duration, period: Duration) -> Result<()> {
        self.handle.set_timer(Due::from(due), Period::new(period)?)
    }

    /// Sets the timer to an instant of the wall clock, and if `period` is not zero to every `period` after that (contract 6.1, 6.4).
    ///
    /// The first time follows the wall clock: when that is set forward past it, it has come; when it is set back, it comes later. Those after it
    /// are periods apart on the monotonic clock. A time that has passed comes at once. Otherwise as [`set`](Timer::set).
    ///
    /// That the clock was set is noticed at once by a thread that sleeps, if it was set forward; else, and by futures and descriptors, within a second.
    ///
    /// # Errors
    /// As [`set`](Timer::set).
    ///
    /// # Examples
    /// ```
    /// use byname::{Reset, Timer};
    /// use std::time::{Duration, SystemTime};
    ///
    /// let timer = Timer::unnamed(Reset::Manual)?;
    /// timer.set_at(SystemTime::now() + Duration::from_millis(5), Duration::ZERO)?;
    /// timer.wait()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn set_at(&self, due: SystemTime, period: Duration) -> Result<()> {
        self.handle.set_timer(Due::from(due), Period::new(period)?)
    }

    /// Stops the timer: no time comes any more. Whether it is signaled stays as it is, and who waits goes on waiting (contract 6.2).
    ///
    /// # Errors
    /// AccessDenied (5) without MODIFY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Reset, Timer};
    /// use std::time::Duration;
    ///
    /// let timer = Timer::unnamed(Reset::Manual)?;
    /// timer.set(Duration::ZERO, Duration::from_secs(60))?;
    /// timer.cancel()?;
    /// assert_eq!((timer.is_signaled()?, timer.remaining()?), (true, None));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn cancel(&self) -> Result<()> {
        self.handle.cancel_timer()
    }

    /// Tells how long it is until the timer's time comes next; `None` if it does not: it is not set, has been cancelled, or its one time has come.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Reset, Timer};
    /// use std::time::Duration;
    ///
    /// let timer = Timer::unnamed(Reset::Auto)?;
    /// timer.set(Duration::from_secs(60), Duration::ZERO)?;
    /// assert!(timer.remaining()?.is_some_and(|left| left <= Duration::from_secs(60)));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn remaining(&self) -> Result<Option<Duration>> {
        Ok(self.handle.timer_state()?.remaining)
    }

    /// Looks whether the timer is signaled, without consuming it; the answer may be old when it arrives.
    ///
    /// # Errors
    /// As [`remaining`](Timer::remaining).
    ///
    /// # Examples
    /// ```
    /// use byname::{Reset, Timer};
    /// use std::time::Duration;
    ///
    /// let timer = Timer::unnamed(Reset::Auto)?;
    /// timer.set(Duration::ZERO, Duration::ZERO)?;
    /// assert!(timer.is_signaled()? && timer.is_signaled()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn is_signaled(&self) -> Result<bool> {
        Ok(self.handle.timer_state()?.signaled)
    }

    /// Looks at all of the timer's state at one instant, without taking it and without waiting for anybody.
    ///
    /// # Errors
    /// As [`remaining`](Timer::remaining).
    ///
    /// # Examples
    /// ```
    /// use byname::{Reset, Timer};
    /// use std::time::Duration;
    ///
    /// let state = Timer::unnamed(Reset::Manual)?.state()?;
    /// assert_eq!((state.signaled, state.reset, state.remaining, state.period), (false, Reset::Manual, None, Duration::ZERO));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn state(&self) -> Result<TimerState> {
        self.handle.timer_state()
    }

    /// Waits until the timer is signaled; an auto-reset timer is unsignaled by that.
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let timer = byname::Timer::unnamed(byname::Reset::Auto)?;
    /// timer.set(std::time::Duration::from_millis(1), std::time::Duration::ZERO)?;
    /// timer.wait()?;
    /// assert!(!timer.is_signaled()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait(&self) -> Result<()> {
        let _ = for_ever(self.handle.acquire(Timeout::INFINITE, None)?);
        Ok(())
    }

    /// Waits for at most this long (a [`Duration`], or `None` for ever); `None` when the time is up, never early. Zero only looks, and
    /// consumes an auto-reset timer that is signaled.
    ///
    /// # Errors
    /// As [`wait`](Timer::wait).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let timer = byname::Timer::unnamed(byname::Reset::Auto)?;
    /// assert_eq!(timer.wait_for(Duration::from_millis(1))?, None);
    /// timer.set(Duration::ZERO, Duration::ZERO)?;
    /// assert_eq!(timer.wait_for(Duration::ZERO)?, Some(()));
    /// # Ok::<(), byname::Error>(())
    /// ```
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
    /// The future's: as [`wait`](Timer::wait), and Closed (6) if the handle was closed before the first poll.
    ///
    /// # Examples
    /// ```
    /// let timer = byname::Timer::unnamed(byname::Reset::Auto)?;
    /// timer.set(std::time::Duration::from_millis(1), std::time::Duration::ZERO)?;
    /// pollster::block_on(timer.wait_async())?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_async(&self) -> TimerFuture {
        TimerFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }
}

/// The future of [`Timer::wait_async`].
///
/// Polled again after its outcome it answers InvalidArgument.
///
/// # Examples
/// ```
/// let timer = byname::Timer::unnamed(byname::Reset::Auto)?;
/// timer.set(std::time::Duration::ZERO, std::time::Duration::ZERO)?;
/// let wait: byname::TimerFuture = timer.wait_async();
/// drop(wait); // never polled: nothing consumed
/// assert!(timer.is_signaled()?);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct TimerFuture {
    waiting: Waiting,
}

impl Future for TimerFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| drop(for_ever(outcome)))
    }
}
