//! The watchdog: acts when it is not refreshed in time (contract 9.8).

use super::future::Waiting;
use super::handle::handle_methods;
use super::{WatchdogOptions, for_ever, in_time};
use crate::engine::{Action, Handle, WatchdogState};
use crate::{Result, Timeout};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A promise to give a sign of life, that processes share by its name.
///
/// Whoever [starts](Watchdog::start) it is watched, and must [refresh](Watchdog::refresh) it within each period. If that does not happen, the watchdog is signaled: whoever
/// waits for it has the *grace* to save what can be saved, or to [stop](Watchdog::stop) it. Then it acts: with [`Action::Kill`] it kills the process
/// that started it, with [`Action::None`] it does nothing more. It stays signaled until it is started, refreshed or stopped.
///
/// A process that hangs, or is stopped by a signal, is killed by its neighbours in the namespace; one that has none, by the kernel. What is not
/// promised stands in `docs/semantics.md`.
///
/// # Examples
/// ```
/// use byname::{Action, Watchdog};
/// use std::time::Duration;
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let dog = Watchdog::options().namespace(&tests).create("alive", Duration::from_secs(5), Duration::from_secs(1), Action::Kill)?;
/// dog.start()?;
/// for _ in 0..3 {
///     // ... some work, less than five seconds of it ...
///     dog.refresh()?;
/// }
/// dog.stop()?;
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Watchdog {
    handle: Handle,
}

handle_methods!(
    Watchdog,
    "Watchdog::unnamed(std::time::Duration::from_secs(1), std::time::Duration::ZERO, byname::Action::None)",
    r#".create("Local\\printer", std::time::Duration::from_secs(1), std::time::Duration::ZERO, byname::Action::None)"#
);

impl Watchdog {
    /// Makes the watchdog called `name`, stopped, or opens it if it exists; [`created`](Watchdog::created) says which (contract 1.2, 9.8).
    ///
    /// An existing watchdog keeps its own times and action, and runs on. For names see [`Event::create`](crate::Event::create).
    ///
    /// # Errors
    /// InvalidArgument (87) for a period of zero, and for times of more than 2147483647 ms; otherwise as [`Event::create`](crate::Event::create).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, ErrorKind, Watchdog};
    /// use std::time::Duration;
    ///
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let dog = Watchdog::create(&name, Duration::from_secs(1), Duration::ZERO, Action::None)?;
    /// let refused = Watchdog::create(&name, Duration::ZERO, Duration::ZERO, Action::None);
    /// assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    /// # drop(dog);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str, period: Duration, grace: Duration, action: Action) -> Result<Watchdog> {
        Watchdog::options().create(name, period, grace, action)
    }

    /// Opens the watchdog called `name`, which must exist (contract 1.2, 9.8).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open; otherwise as [`create`](Watchdog::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Watchdog};
    ///
    /// let missing = Watchdog::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Watchdog> {
        Watchdog::options().open(name)
    }

    /// Makes a watchdog without a name, for the threads of this process and for its children by `fork` (contract 1.2, N1).
    ///
    /// # Errors
    /// As [`create`](Watchdog::create).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog, WatchdogStage};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_secs(1), Duration::ZERO, Action::None)?;
    /// assert_eq!(dog.state()?.stage, WatchdogStage::Stopped);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(period: Duration, grace: Duration, action: Action) -> Result<Watchdog> {
        Watchdog::options().unnamed(period, grace, action)
    }

    /// Starts with the defaults: this user's namespace, all rights.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let to_wait_for = Watchdog::options().access(Access::SYNCHRONIZE).unnamed(Duration::from_secs(1), Duration::ZERO, Action::None)?;
    /// assert_eq!(to_wait_for.start().unwrap_err().win32(), 5);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> WatchdogOptions {
        WatchdogOptions::new()
    }

    /// Starts it: from now on the calling process is watched, and must refresh it within the period (contract 9.8, WD1). One that runs, or has expired, begins anew.
    ///
    /// # Errors
    /// AccessDenied (5) without MODIFY_STATE, and for [`Action::ResetDevice`] where this process has no [hook](crate::set_reset_hook) (WD3);
    /// NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_millis(5), Duration::ZERO, Action::None)?;
    /// dog.start()?;
    /// dog.wait()?; // nobody refreshed it
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn start(&self) -> Result<()> {
        self.handle.start_watchdog()
    }

    /// Gives it one period more from now; any process with a handle may (WD6). In its grace, or expired, it runs again and is not signaled. Nothing where it is stopped.
    ///
    /// # Errors
    /// AccessDenied (5) without MODIFY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog, WatchdogStage};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_secs(60), Duration::ZERO, Action::None)?;
    /// dog.refresh()?;
    /// assert_eq!(dog.state()?.stage, WatchdogStage::Stopped, "only a start starts it");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn refresh(&self) -> Result<()> {
        self.handle.refresh_watchdog()
    }

    /// Stops it: it is not signaled, and an action that has not been taken is not (WD10).
    ///
    /// # Errors
    /// AccessDenied (5) without MODIFY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_millis(1), Duration::from_secs(60), Action::Kill)?;
    /// dog.start()?;
    /// dog.wait()?; // in its grace
    /// dog.stop()?; // and so nobody is killed
    /// assert!(!dog.is_signaled()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn stop(&self) -> Result<()> {
        self.handle.stop_watchdog()
    }

    /// Says whether each [`refresh`](Watchdog::refresh) of this handle tells systemd, too: `WATCHDOG=1` to `NOTIFY_SOCKET`, where there is one. Off at first.
    ///
    /// # Errors
    /// Closed (6) in a child process made by a raw clone.
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_secs(5), Duration::ZERO, Action::None)?;
    /// dog.notify_systemd(true)?; // with WatchdogSec= in the unit
    /// dog.refresh()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn notify_systemd(&self, on: bool) -> Result<()> {
        self.handle.notify_systemd(on)
    }

    /// Looks whether it is signaled; the answer may be old when it arrives.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// assert!(!Watchdog::unnamed(Duration::from_secs(1), Duration::ZERO, Action::None)?.is_signaled()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn is_signaled(&self) -> Result<bool> {
        use crate::engine::WatchdogStage::{Expired, Grace};
        Ok(matches!(self.handle.watchdog_state()?.stage, Grace | Expired))
    }

    /// Looks at all of its state at one instant, without waiting for anybody.
    ///
    /// # Errors
    /// As [`is_signaled`](Watchdog::is_signaled).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_secs(60), Duration::ZERO, Action::None)?;
    /// dog.start()?;
    /// assert_eq!(dog.state()?.pid, Some(std::process::id()));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn state(&self) -> Result<WatchdogState> {
        self.handle.watchdog_state()
    }

    /// Waits until it is signaled, which a wait does not change (WD9).
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_millis(1), Duration::ZERO, Action::None)?;
    /// dog.start()?;
    /// dog.wait()?;
    /// assert!(dog.is_signaled()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait(&self) -> Result<()> {
        let _ = for_ever(self.handle.acquire(Timeout::INFINITE, None)?);
        Ok(())
    }

    /// Waits for at most this long (a [`Duration`], or `None` for ever); `None` when the time is up, never early. Zero only looks.
    ///
    /// # Errors
    /// As [`wait`](Watchdog::wait).
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_secs(60), Duration::ZERO, Action::None)?;
    /// dog.start()?;
    /// assert_eq!(dog.wait_for(Duration::from_millis(1))?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_for(&self, timeout: impl Into<Timeout>) -> Result<Option<()>> {
        let acquired = self.handle.acquire(timeout.into(), None)?;
        Ok(in_time(acquired).map(drop))
    }

    /// Waits without a thread; dropping the future cancels.
    ///
    /// # Errors
    /// The future's: as [`wait`](Watchdog::wait), and Closed (6) if the handle was closed before the first poll.
    ///
    /// # Examples
    /// ```
    /// use byname::{Action, Watchdog};
    /// use std::time::Duration;
    ///
    /// let dog = Watchdog::unnamed(Duration::from_millis(1), Duration::ZERO, Action::None)?;
    /// dog.start()?;
    /// pollster::block_on(dog.wait_async())?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_async(&self) -> WatchdogFuture {
        WatchdogFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }
}

/// The future of [`Watchdog::wait_async`].
///
/// Polled again after its outcome it answers InvalidArgument.
///
/// # Examples
/// ```
/// use byname::{Action, Watchdog};
/// use std::time::Duration;
///
/// let dog = Watchdog::unnamed(Duration::from_secs(1), Duration::ZERO, Action::None)?;
/// let wait: byname::WatchdogFuture = dog.wait_async();
/// drop(wait);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct WatchdogFuture {
    waiting: Waiting,
}

impl Future for WatchdogFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| drop(for_ever(outcome)))
    }
}
