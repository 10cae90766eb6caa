//! The semaphore: a number of units that processes take and give back (contract 5).

use super::future::Waiting;
use super::handle::handle_methods;
use super::waits::only_grant;
use super::{SemaphoreOptions, for_ever, in_time};
use crate::engine::{By, Grant, Handle, SemaphoreState};
use crate::{Result, Timeout};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A permit belongs to the value, not to a thread.
const BY: By = By::Grant { bound: false };

/// A number of units that processes share by its name.
///
/// It serves two purposes. As a **limit** it lets `maximum` users in at a time: [`acquire`](Semaphore::acquire) a
/// [`Permit`] and drop it when done. As a **counter of things to do** it begins at 0: producers
/// [`release`](Semaphore::release) units, consumers acquire them and [`forget`](Permit::forget) the permit.
///
/// Nobody owns a semaphore, and anybody may release. A unit that a dead process held stays taken, as on Windows, unless
/// the semaphore is [`robust`](SemaphoreOptions::robust).
///
/// # Examples
/// ```
/// use byname::Semaphore;
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let licences = Semaphore::options().namespace(&tests).robust().create("licences", 3, 3)?;
/// let permit = licences.acquire()?;
/// assert_eq!(licences.available()?, 2);
/// drop(permit);
/// assert_eq!(licences.available()?, 3);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Semaphore {
    handle: Handle,
}

handle_methods!(Semaphore, "Semaphore::unnamed(1, 1)", r#".create("Local\\printer", 1, 1)"#);

impl Semaphore {
    /// Makes the semaphore called `name` with `initial` of `maximum` units, or opens it if it exists;
    /// [`created`](Semaphore::created) says which (contract 1.2, 5).
    ///
    /// An existing semaphore keeps its own numbers. A name is `leaf` or `Local\leaf`, at most 260 UTF-16 units; it lives
    /// in the namespace of this user and of the session that `BYNAME_SESSION` names. `""` makes an unnamed semaphore.
    ///
    /// # Errors
    /// InvalidArgument (87) unless 0 <= `initial` <= `maximum`, 1 <= `maximum` <= 2^31 - 1, even if the name exists; WrongKind (6) if an
    /// object of another kind has that name; NameTooLong (206); InvalidName (123, 161, 6) and PathNotFound (3) by the grammar;
    /// AccessDenied (5); NoSpace, LimitReached, Corrupted, VersionMismatch and NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// use byname::Semaphore;
    ///
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let jobs = Semaphore::create(&name, 0, 1000)?;
    /// assert_eq!(Semaphore::create(&name, 5, 3).unwrap_err().win32(), 87);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str, initial: u32, maximum: u32) -> Result<Semaphore> {
        Semaphore::options().create(name, initial, maximum)
    }

    /// Opens the semaphore called `name`, which must exist (contract 1.2, 5).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open; otherwise as [`create`](Semaphore::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Semaphore};
    ///
    /// let missing = Semaphore::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Semaphore> {
        Semaphore::options().open(name)
    }

    /// Makes a semaphore without a name, for the threads of this process and for its children by `fork` (contract 1.2, N1).
    ///
    /// # Errors
    /// InvalidArgument (87) as [`create`](Semaphore::create); NoSpace, LimitReached, Corrupted, VersionMismatch and
    /// NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::unnamed(2, 2)?;
    /// assert_eq!(slots.available()?, 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(initial: u32, maximum: u32) -> Result<Semaphore> {
        Semaphore::options().unnamed(initial, maximum)
    }

    /// Starts with the defaults: this user's namespace, all rights, not robust.
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::options().robust().unnamed(2, 2)?;
    /// assert!(slots.try_acquire()?.is_some());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> SemaphoreOptions {
        SemaphoreOptions::new()
    }

    /// Waits for a unit.
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; LimitReached (1450) when there are too many permits; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::unnamed(1, 1)?;
    /// let permit = slots.acquire()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(slots.available()?, 1);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn acquire(&self) -> Result<Permit> {
        let grant = self.handle.grant(BY, Timeout::INFINITE, None)?;
        Ok(Permit::over(for_ever(grant)))
    }

    /// Takes a unit if there is one at once, else `None`.
    ///
    /// # Errors
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    /// ```
    /// let empty = byname::Semaphore::unnamed(0, 1)?;
    /// assert!(empty.try_acquire()?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Option<Permit>> {
        Ok(self.handle.try_grant(BY)?.map(Permit::over))
    }

    /// Waits for a unit for at most this long (a [`Duration`](std::time::Duration), or `None` for ever); `None` when the
    /// time is up, never early.
    ///
    /// # Errors
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let empty = byname::Semaphore::unnamed(0, 1)?;
    /// assert!(empty.acquire_for(Duration::from_millis(1))?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn acquire_for(&self, timeout: impl Into<Timeout>) -> Result<Option<Permit>> {
        let grant = self.handle.grant(BY, timeout.into(), None)?;
        Ok(in_time(grant).map(Permit::over))
    }

    /// Waits for a unit without a thread.
    ///
    /// The wait begins with the first poll and is cancelled by dropping the future: a unit that came in the same
    /// instant goes back. For a time-out use [`wait_any_async`](super::wait_any_async).
    ///
    /// # Errors
    /// The future's: as [`acquire`](Semaphore::acquire), and Closed (6) if the handle was closed before the first poll.
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::unnamed(1, 1)?;
    /// let permit = pollster::block_on(slots.acquire_async())?;
    /// assert_eq!(slots.available()?, 0);
    /// # drop(permit);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn acquire_async(&self) -> AcquireFuture {
        AcquireFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }

    /// Adds `n` units, wakes up to `n` waiters, and tells how many units there were before (contract 5, S1 to S3).
    ///
    /// Not for units that a [`Permit`] stands for: it gives its own back.
    ///
    /// # Errors
    /// InvalidArgument (87) for 0; TooManyPosts (298) if the count would pass the maximum, and then nothing is added;
    /// AccessDenied (5) without MODIFY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Semaphore};
    ///
    /// let jobs = Semaphore::unnamed(0, 3)?;
    /// assert_eq!(jobs.release(2)?, 0);
    /// assert_eq!(jobs.release(1)?, 2);
    /// assert_eq!(jobs.release(1).unwrap_err().kind(), ErrorKind::TooManyPosts);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn release(&self, n: u32) -> Result<u32> {
        self.handle.post(i64::from(n))
    }

    /// Looks how many units there are, without taking one; the answer may be old when it arrives.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Semaphore::unnamed(2, 5)?.available()?, 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn available(&self) -> Result<u32> {
        self.handle.available()
    }

    /// Looks at all of the semaphore's state at one instant, without taking a unit and without waiting for anybody.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let state = byname::Semaphore::unnamed(2, 5)?.state()?;
    /// assert_eq!((state.available, state.maximum, state.robust), (2, 5, false));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn state(&self) -> Result<SemaphoreState> {
        self.handle.semaphore_state()
    }
}

/// One unit of a semaphore; dropping it gives the unit back, on whatever thread.
///
/// It keeps the semaphore alive and may be released after the handle is closed.
///
/// # Examples
/// ```
/// let slots = byname::Semaphore::unnamed(1, 1)?;
/// let permit = slots.acquire()?;
/// slots.close()?;
/// permit.release()?;
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a permit gives its unit back when it is dropped, here at once"]
pub struct Permit {
    /// `None` once the unit is disposed of in another way.
    grant: Option<Grant>,
}

impl Permit {
    #[inline]
    pub(super) fn over(grant: Grant) -> Permit {
        Permit { grant: Some(grant) }
    }

    /// Tells the number of this grant: strictly increasing per semaphore, across processes and deaths.
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::unnamed(2, 2)?;
    /// let (first, second) = (slots.acquire()?, slots.acquire()?);
    /// assert!(second.fence() > first.fence());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn fence(&self) -> u64 {
        self.grant.as_ref().map_or(0, Grant::fence)
    }

    /// Tells whether a holder of a [`robust`](SemaphoreOptions::robust) semaphore died since the last acquisition; of a
    /// plain one, never.
    ///
    /// # Examples
    /// ```
    /// let slots = byname::Semaphore::options().robust().unnamed(1, 1)?;
    /// assert!(!slots.acquire()?.abandoned());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn abandoned(&self) -> bool {
        self.grant.as_ref().is_some_and(Grant::abandoned)
    }

    /// Gives the unit back, as dropping the permit does, and reports a failure.
    ///
    /// # Errors
    /// TooManyPosts (298) if somebody released the unit already; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// byname::Semaphore::unnamed(1, 1)?.acquire()?.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn release(mut self) -> Result<()> {
        self.grant.take().map_or(Ok(()), |grant| grant.release())
    }

    /// Consumes the unit for good: somebody's [`Semaphore::release`] must make a new one.
    ///
    /// This is how a counter of things to do is used. The units of a [`robust`](SemaphoreOptions::robust) semaphore
    /// always have a holder: there the unit comes back at once.
    ///
    /// # Examples
    /// ```
    /// let jobs = byname::Semaphore::unnamed(0, 10)?;
    /// jobs.release(2)?; // two things to do
    /// jobs.acquire()?.forget(); // one is taken
    /// assert_eq!(jobs.available()?, 1);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn forget(mut self) {
        if let Some(grant) = self.grant.take() {
            grant.keep();
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            // A failure has nowhere to go; `release` reports it.
            let _ = grant.release();
        }
    }
}

/// The future of [`Semaphore::acquire_async`]: a [`Permit`].
///
/// Polled again after its outcome it answers InvalidArgument.
///
/// # Examples
/// ```
/// let slots = byname::Semaphore::unnamed(1, 1)?;
/// let acquire: byname::AcquireFuture = slots.acquire_async();
/// drop(acquire); // never polled: nothing taken
/// assert_eq!(slots.available()?, 1);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct AcquireFuture {
    waiting: Waiting,
}

impl Future for AcquireFuture {
    type Output = Result<Permit>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| Permit::over(only_grant(for_ever(outcome))))
    }
}
