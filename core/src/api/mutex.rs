//! The mutex: one owner at a time, in any process, and the next one learns when an owner died (contract 3).

use super::future::Waiting;
use super::handle::handle_methods;
use super::waits::only_grant;
use super::{MutexOptions, for_ever, in_time};
use crate::engine::{Acquired, Grant, Handle, HandleRef, MutexState, OwnerInfo};
use crate::{Result, Timeout};
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A mutex that processes share by its name.
///
/// Unlike [`std::sync::Mutex`] it contains no data: it guards whatever the processes agree that it guards. It is
/// recursive per owner, and never poisoned: a panic releases it like any other end of a scope. When its owner dies
/// without releasing it, it becomes *abandoned*: the next owner gets it and is told by
/// [`abandoned`](MutexGuard::abandoned), so that it can repair what the dead one left half done. If nobody else had it open,
/// though, the mutex died with its owner, and the next one makes a new one, whose first [`fence`](MutexGuard::fence) is 1
/// (contract 3.4, A8).
///
/// Who owns it is the **thread** after [`lock`](Mutex::lock) and the like, and the **guard** itself after
/// [`lock_async`](Mutex::lock_async). The two exclude each other, also on the same thread.
///
/// # Examples
/// ```
/// use byname::Mutex;
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let ledger = Mutex::options().namespace(&tests).create("ledger")?;
/// let guard = ledger.lock()?;
/// if guard.abandoned() {
///     // The previous owner died in the middle: look what it left.
/// }
/// // ... write to the ledger ...
/// drop(guard);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Mutex {
    handle: Handle,
}

handle_methods!(Mutex, "Mutex::unnamed()", r#".create("Local\\printer")"#);

impl Mutex {
    /// Makes the mutex called `name`, or opens it if it exists; [`created`](Mutex::created) says which (contract 1.2, 3.2).
    ///
    /// A name is `leaf` or `Local\leaf`, at most 260 UTF-16 units; it lives in the namespace of this user and of the
    /// session that `BYNAME_SESSION` names. `""` makes an unnamed mutex.
    ///
    /// # Errors
    /// WrongKind (6) if an object of another kind has that name; NameTooLong (206); InvalidName (123, 161, 6) and
    /// PathNotFound (3) by the grammar; AccessDenied (5); NoSpace, LimitReached, Corrupted, VersionMismatch and
    /// NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// use byname::Mutex;
    ///
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let first = Mutex::create(&name)?;
    /// let second = Mutex::create(&name)?;
    /// assert!(first.created() && !second.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str) -> Result<Mutex> {
        Mutex::options().create(name)
    }

    /// Opens the mutex called `name`, which must exist (contract 1.2, 3.2).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open; otherwise as [`create`](Mutex::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Mutex};
    ///
    /// let missing = Mutex::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Mutex> {
        Mutex::options().open(name)
    }

    /// Makes a mutex without a name, for the threads of this process and for its children by `fork` (contract 1.2, N1).
    ///
    /// # Errors
    /// NoSpace, LimitReached, Corrupted, VersionMismatch and NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// assert_eq!(mutex.name(), None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed() -> Result<Mutex> {
        Mutex::options().unnamed()
    }

    /// Starts with the defaults: this user's namespace, all rights, owned by nobody.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::options().initially_owned().unnamed()?;
    /// mutex.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> MutexOptions {
        MutexOptions::new()
    }

    /// Waits until the calling thread owns the mutex.
    ///
    /// A thread that owns it already gets it once more; it is free when every guard is gone (contract 3.3).
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; LimitReached (587) at 2^31 holds; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let outer = mutex.lock()?;
    /// let inner = mutex.lock()?;
    /// assert_eq!(inner.fence(), outer.fence(), "one grant, two holds deep");
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn lock(&self) -> Result<MutexGuard<'_>> {
        let acquired = self.handle.acquire(Timeout::INFINITE, None)?;
        Ok(self.guard(for_ever(acquired)))
    }

    /// Takes the mutex for the calling thread if it can be had at once; `None` if somebody else owns it.
    ///
    /// # Errors
    /// As [`lock`](Mutex::lock).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let _mine = mutex.lock()?;
    /// std::thread::scope(|s| {
    ///     s.spawn(|| assert!(mutex.try_lock().unwrap().is_none()));
    /// });
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Result<Option<MutexGuard<'_>>> {
        Ok(self.handle.try_acquire()?.map(|acquired| self.guard(acquired)))
    }

    /// Waits for the mutex for at most this long (a [`Duration`](std::time::Duration), or `None` for ever); `None` when
    /// the time is up, never early.
    ///
    /// # Errors
    /// As [`lock`](Mutex::lock).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = byname::Mutex::unnamed()?;
    /// match mutex.lock_for(Duration::from_millis(100))? {
    ///     Some(guard) => assert!(!guard.abandoned()),
    ///     None => unreachable!("nobody else has it"),
    /// }
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn lock_for(&self, timeout: impl Into<Timeout>) -> Result<Option<MutexGuard<'_>>> {
        let acquired = self.handle.acquire(timeout.into(), None)?;
        Ok(in_time(acquired).map(|acquired| self.guard(acquired)))
    }

    /// Waits for the mutex without a thread; the guard is its owner and may be sent to any thread.
    ///
    /// The wait begins with the first poll and is cancelled by dropping the future. Each call makes an owner of its own:
    /// two tasks of one thread exclude each other, a second `lock_async` under the first guard waits for ever, and so
    /// does one under a [`lock`](Mutex::lock) of the same thread. For a time-out use [`wait_any_async`](super::wait_any_async).
    ///
    /// # Errors
    /// The future's: as [`lock`](Mutex::lock), and Closed (6) if the handle was closed before the first poll.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let guard = pollster::block_on(mutex.lock_async())?;
    /// assert!(mutex.try_lock()?.is_none(), "the guard owns it, not this thread");
    /// std::thread::spawn(move || drop(guard)).join().unwrap();
    /// assert!(mutex.try_lock()?.is_some());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn lock_async(&self) -> LockFuture {
        LockFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }

    /// Releases one hold of the calling thread that no guard stands for (contract 3.2).
    ///
    /// That is one from [`initially_owned`](MutexOptions::initially_owned), [`MutexGuard::keep`] or
    /// [`Won::keep`](super::Won::keep). A hold that a guard stands for is released by its guard: released here, the
    /// guard's own release takes an outer hold or fails.
    ///
    /// # Errors
    /// NotOwner (288) if the calling thread does not own the mutex; nothing is released. No right is needed.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::options().initially_owned().unnamed()?;
    /// mutex.release()?;
    /// assert_eq!(mutex.release().unwrap_err().win32(), 288);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn release(&self) -> Result<()> {
        self.handle.release()
    }

    /// Makes a guard for a hold that the calling thread has already and that no guard stands for.
    ///
    /// It takes nothing: one hold, one guard, as with C++'s `adopt_lock`.
    ///
    /// # Errors
    /// NotOwner (288) if the calling thread does not own the mutex.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::options().initially_owned().unnamed()?;
    /// drop(mutex.adopt()?);
    /// assert!(mutex.adopt().is_err(), "released with the guard");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn adopt(&self) -> Result<MutexGuard<'_>> {
        self.handle.held().map(|acquired| self.guard(acquired))
    }

    /// Looks who owns the mutex now, without taking it; `None` if nobody does.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let guard = mutex.lock()?;
    /// assert_eq!(mutex.owner()?.unwrap().pid, std::process::id());
    /// # drop(guard);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn owner(&self) -> Result<Option<OwnerInfo>> {
        self.handle.owner()
    }

    /// Looks at all of the mutex's state at one instant, without taking it and without waiting for anybody.
    ///
    /// # Errors
    /// AccessDenied (5) without QUERY_STATE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let (_outer, _inner) = (mutex.lock()?, mutex.lock()?);
    /// let state = mutex.state()?;
    /// assert_eq!((state.owner.unwrap().pid, state.depth, state.abandoned), (std::process::id(), 2, false));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn state(&self) -> Result<MutexState> {
        self.handle.mutex_state()
    }

    #[inline]
    fn guard(&self, acquired: Acquired) -> MutexGuard<'_> {
        MutexGuard { mutex: self.handle.by_ref(), acquired, of_thread: PhantomData }
    }
}

/// One hold of the calling thread; dropping it releases the hold.
///
/// It cannot be sent to another thread, since the thread is the owner. A drop cannot report a failure
/// (there is one only when the namespace is lost); [`release`](MutexGuard::release) does.
///
/// # Examples
/// ```
/// let mutex = byname::Mutex::unnamed()?;
/// {
///     let guard = mutex.lock()?;
///     assert!(guard.fence() > 0);
/// }
/// assert_eq!(mutex.owner()?, None);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a guard releases the mutex when it is dropped, here at once"]
pub struct MutexGuard<'a> {
    mutex: HandleRef,
    acquired: Acquired,
    /// Bound to the thread and to the handle exactly as the guard of `std` is.
    of_thread: PhantomData<std::sync::MutexGuard<'a, ()>>,
}

impl MutexGuard<'_> {
    /// Tells the number of this grant: strictly increasing per mutex, across owners, processes and deaths. The first owner of a
    /// mutex has 1; a mutex that is made anew after its last handle was closed begins at 1 again.
    ///
    /// Send it along with what is written under the mutex, and a store can refuse what comes from an owner before the
    /// last. Holds inside a hold have its number.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let first = mutex.lock()?.fence();
    /// assert!(mutex.lock()?.fence() > first);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn fence(&self) -> u64 {
        self.acquired.fence
    }

    /// Tells whether the previous owner died holding the mutex (contract 3.4); only the first grant after it says so.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// std::thread::scope(|s| {
    ///     s.spawn(|| mutex.lock().unwrap().keep()); // ends as the owner
    /// });
    /// assert!(mutex.lock()?.abandoned());
    /// assert!(!mutex.lock()?.abandoned());
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn abandoned(&self) -> bool {
        self.acquired.abandoned
    }

    /// Releases the hold, as dropping the guard does, and reports a failure.
    ///
    /// # Errors
    /// NotOwner (288) if the hold was released behind the guard's back; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// byname::Mutex::unnamed()?.lock()?.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn release(self) -> Result<()> {
        let mutex = self.mutex;
        mem::forget(self);
        mutex.release()
    }

    /// Ends the guard and keeps the hold: the thread owns on, until [`Mutex::release`] or its end.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// mutex.lock()?.keep();
    /// mutex.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for MutexGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A failure has nowhere to go; `release` reports it.
        let _ = self.mutex.release();
    }
}

/// One hold that belongs to nobody but this value; dropping it releases the hold, on whatever thread.
///
/// It keeps the mutex alive and may be released after the handle is closed. If its process dies, the mutex is abandoned.
///
/// # Examples
/// ```
/// let mutex = byname::Mutex::unnamed()?;
/// let grant = pollster::block_on(mutex.lock_async())?;
/// mutex.close()?;
/// grant.release()?;
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a grant releases the mutex when it is dropped, here at once"]
pub struct MutexGrant {
    grant: Grant,
}

impl MutexGrant {
    pub(super) fn over(grant: Grant) -> MutexGrant {
        MutexGrant { grant }
    }

    /// Tells the number of this grant; see [`MutexGuard::fence`].
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let before = mutex.lock()?.fence();
    /// assert!(pollster::block_on(mutex.lock_async())?.fence() > before);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn fence(&self) -> u64 {
        self.grant.fence()
    }

    /// Tells whether the previous owner died holding the mutex; see [`MutexGuard::abandoned`].
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// assert!(!pollster::block_on(mutex.lock_async())?.abandoned());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn abandoned(&self) -> bool {
        self.grant.abandoned()
    }

    /// Releases the mutex, as dropping the grant does, and reports a failure.
    ///
    /// # Errors
    /// NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// pollster::block_on(mutex.lock_async())?.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn release(self) -> Result<()> {
        self.grant.release()
    }
}

impl Drop for MutexGrant {
    fn drop(&mut self) {
        if self.grant.is_held() {
            // A failure has nowhere to go; `release` reports it.
            let _ = self.grant.release();
        }
    }
}

/// The future of [`Mutex::lock_async`]: a [`MutexGrant`].
///
/// Polled again after its outcome it answers InvalidArgument.
///
/// # Examples
/// ```
/// let mutex = byname::Mutex::unnamed()?;
/// let lock: byname::LockFuture = mutex.lock_async();
/// drop(lock); // never polled: nothing happened
/// assert_eq!(mutex.owner()?, None);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct LockFuture {
    waiting: Waiting,
}

impl Future for LockFuture {
    type Output = Result<MutexGrant>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| MutexGrant::over(only_grant(for_ever(outcome))))
    }
}
