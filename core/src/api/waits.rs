//! Waiting for several objects at once, of any mixture of kinds (contract 10).

use super::{MutexGrant, Permit, WaitFuture};
use crate::engine::{self, By, Grant, HandleRef, Kind, Mode, Outcome, Satisfied};
use crate::{Result, Timeout};
use std::fmt;
use std::marker::PhantomData;

/// What makes an object waitable; outside of this crate nothing is.
pub trait Sealed {
    /// The object's handle.
    fn handle(&self) -> HandleRef;
}

/// Anything that can be waited for: every kind of object of this crate, and nothing else.
///
/// # Examples
/// ```
/// use byname::{Event, Mutex, Reset, Waitable, wait_all};
/// use std::time::Duration;
///
/// let mutex = Mutex::unnamed()?;
/// let event = Event::options().initially_set().unnamed(Reset::Auto)?;
/// let objects: Vec<&dyn Waitable> = vec![&mutex, &event];
/// assert!(wait_all(&objects, Duration::from_secs(1))?.won().is_some());
/// # Ok::<(), byname::Error>(())
/// ```
pub trait Waitable: Sealed + Send + Sync + fmt::Debug {}

/// How a wait ended. The time-out is an outcome, not an error.
///
/// # Examples
/// ```
/// use byname::{Mutex, Wait, wait_any};
/// use std::time::Duration;
///
/// let mutex = Mutex::unnamed()?;
/// match wait_any(&[&mutex], Duration::from_secs(1))? {
///     Wait::Signaled(won) => assert_eq!(won.index(), 0),
///     Wait::Abandoned(_won) => println!("taken, and its previous owner died: look what it left"),
///     Wait::TimedOut => println!("somebody else has had it all the time"),
/// }
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a wait gives back what it took when its outcome is dropped, here at once"]
pub enum Wait<O = ByThread> {
    /// The wait is satisfied.
    Signaled(Won<O>),
    /// The wait is satisfied, and the previous owner of a mutex that it took (or a holder of a robust semaphore) died.
    /// After a wait for all nobody can tell which one it was (contract 3.4, A12).
    Abandoned(Won<O>),
    /// The time was up first; nothing is taken.
    TimedOut,
}

impl<O> Wait<O> {
    pub(super) fn from_outcome(outcome: Outcome<Satisfied>) -> Wait<O> {
        match super::in_time(outcome) {
            Some(satisfied) if satisfied.abandoned => Wait::Abandoned(Won::from(satisfied)),
            Some(satisfied) => Wait::Signaled(Won::from(satisfied)),
            None => Wait::TimedOut,
        }
    }

    /// What was won, abandoned or not; `None` when the time was up.
    ///
    /// # Examples
    /// ```
    /// use byname::{Semaphore, wait_any};
    /// use std::time::Duration;
    ///
    /// let slots = Semaphore::unnamed(1, 1)?;
    /// let Some(slot) = wait_any(&[&slots], Duration::from_secs(1))?.won() else { return Ok(()) };
    /// // ... use the slot ...
    /// drop(slot);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn won(self) -> Option<Won<O>> {
        match self {
            Wait::Signaled(won) | Wait::Abandoned(won) => Some(won),
            Wait::TimedOut => None,
        }
    }

    /// Whether the time was up first.
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset, wait_any};
    /// use std::time::Duration;
    ///
    /// let never = Event::unnamed(Reset::Auto)?;
    /// assert!(wait_any(&[&never], Duration::ZERO)?.is_timed_out());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Wait::TimedOut)
    }
}

/// Says of a [`Won`] that the mutexes it took belong to the thread that waited, so that it cannot leave that thread.
///
/// # Examples
/// ```compile_fail
/// let mutex = byname::Mutex::unnamed().unwrap();
/// let wait: byname::Wait<byname::ByThread> = byname::wait_any(&[&mutex], None).unwrap();
/// std::thread::spawn(move || drop(wait)); // the new thread owns nothing
/// ```
#[derive(Debug)]
pub struct ByThread(PhantomData<std::sync::MutexGuard<'static, ()>>);

/// Says of a [`Won`] that it owns the mutexes it took by itself, so that it may be dropped on any thread.
///
/// # Examples
/// ```
/// let mutex = byname::Mutex::unnamed()?;
/// let wait: byname::Wait<byname::ByGrant> = pollster::block_on(byname::wait_any_async(&[&mutex], None))?;
/// std::thread::spawn(move || drop(wait)).join().unwrap();
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct ByGrant(());

/// What a wait took; dropping it releases the mutexes and gives back the semaphores' units, the last one first.
///
/// Events need nothing: an auto-reset event is unset by the wait itself. To consume the unit of a semaphore rather than give
/// it back, see [`keep`](Won::keep) and [`into_guards`](Won::into_guards).
///
/// # Examples
/// ```
/// use byname::{Event, Mutex, Reset, wait_any};
/// use std::time::Duration;
///
/// let (stop, work) = (Event::unnamed(Reset::Manual)?, Mutex::unnamed()?);
/// let won = wait_any(&[&stop, &work], Duration::from_secs(1))?.won().expect("the mutex is free");
/// assert_eq!(won.index(), 1);
/// drop(won);
/// assert_eq!(work.owner()?, None);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it gives back what it took when it is dropped, here at once"]
pub struct Won<O = ByThread> {
    index: usize,
    abandoned: bool,
    grants: Vec<Grant>,
    owner: PhantomData<O>,
}

impl<O> Won<O> {
    /// Tells which object of the list ended the wait; 0 after a wait for all, which takes every one (contract 10.2).
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset, wait_any};
    ///
    /// let (first, second) = (Event::unnamed(Reset::Auto)?, Event::unnamed(Reset::Auto)?);
    /// second.set()?;
    /// first.set()?;
    /// let index = |wait: byname::Wait| wait.won().map(|won| won.index());
    /// assert_eq!(index(wait_any(&[&first, &second], None)?), Some(0), "the lowest that is set");
    /// assert_eq!(index(wait_any(&[&first, &second], None)?), Some(1));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// Tells whether this is the content of [`Wait::Abandoned`]: a previous owner died (contract 3.4).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// std::thread::scope(|s| {
    ///     s.spawn(|| mutex.lock().unwrap().keep()); // ends as the owner
    /// });
    /// let won = byname::wait_any(&[&mutex], None)?.won().unwrap();
    /// assert!(won.abandoned());
    /// # drop(won);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn abandoned(&self) -> bool {
        self.abandoned
    }

    /// Tells the number of the grant, if a mutex or a semaphore was taken; of several, that of the first in the list.
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// let before = mutex.lock()?.fence();
    /// let won = byname::wait_any(&[&mutex], None)?.won().unwrap();
    /// assert!(won.fence() > Some(before));
    /// # drop(won);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn fence(&self) -> Option<u64> {
        self.fences().next()
    }

    /// Tells the number of each grant, one for each mutex and semaphore taken, in the order of the list.
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Mutex, Reset, Semaphore, wait_all};
    ///
    /// let (mutex, slots) = (Mutex::unnamed()?, Semaphore::unnamed(1, 1)?);
    /// let go = Event::options().initially_set().unnamed(Reset::Auto)?;
    /// let won = wait_all(&[&mutex, &go, &slots], None)?.won().unwrap();
    /// assert_eq!(won.fences().count(), 2, "an event has none");
    /// # drop(won);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn fences(&self) -> impl Iterator<Item = u64> {
        self.grants.iter().map(Grant::fence)
    }

    /// Releases everything, as dropping does, and reports the first failure.
    ///
    /// # Errors
    /// NotOwner (288) if a hold was released in another way meanwhile, TooManyPosts (298) if a unit was; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let mutex = byname::Mutex::unnamed()?;
    /// byname::wait_any(&[&mutex], None)?.won().unwrap().release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn release(mut self) -> Result<()> {
        self.release_all()
    }

    fn release_all(&mut self) -> Result<()> {
        let mut first_failure = Ok(());
        while let Some(grant) = self.grants.pop() {
            first_failure = first_failure.and(grant.release());
        }
        first_failure
    }
}

impl Won<ByThread> {
    /// Keeps everything taken, without a guard: the thread owns the mutexes until [`Mutex::release`](super::Mutex::release) or its
    /// end, and the semaphores' units are consumed until a [`Semaphore::release`](super::Semaphore::release).
    ///
    /// The units of a robust semaphore always have a holder: they come back at once.
    ///
    /// # Examples
    /// ```
    /// use byname::{Event, Reset, Semaphore, wait_any};
    ///
    /// let (stop, jobs) = (Event::unnamed(Reset::Manual)?, Semaphore::unnamed(5, 5)?);
    /// let won = wait_any(&[&stop, &jobs], None)?.won().unwrap();
    /// if won.index() == 1 {
    ///     won.keep(); // the job is taken, its unit does not come back
    /// }
    /// assert_eq!(jobs.available()?, 4);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn keep(mut self) {
        self.grants.drain(..).for_each(Grant::keep);
    }
}

impl Won<ByGrant> {
    /// Takes the parts, one guard for each mutex and semaphore taken, in the order of the list.
    ///
    /// # Examples
    /// ```
    /// use byname::{Guard, Semaphore, wait_any_async};
    ///
    /// let jobs = Semaphore::unnamed(5, 5)?;
    /// let won = pollster::block_on(wait_any_async(&[&jobs], None))?.won().unwrap();
    /// for guard in won.into_guards() {
    ///     match guard {
    ///         Guard::Mutex(grant) => drop(grant),
    ///         Guard::Semaphore(permit) => permit.forget(), // consumed
    ///     }
    /// }
    /// assert_eq!(jobs.available()?, 4);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn into_guards(mut self) -> Vec<Guard> {
        let grants = std::mem::take(&mut self.grants);
        grants.into_iter().map(Guard::over).collect()
    }
}

impl<O> From<Satisfied> for Won<O> {
    fn from(satisfied: Satisfied) -> Won<O> {
        // The engine says -1 for a wait for all.
        let index = usize::try_from(satisfied.index).unwrap_or(0);
        Won { index, abandoned: satisfied.abandoned, grants: satisfied.grants, owner: PhantomData }
    }
}

impl<O> Drop for Won<O> {
    fn drop(&mut self) {
        // A failure has nowhere to go; `release` reports it.
        let _ = self.release_all();
    }
}

/// One part of what an asynchronous wait took; see [`Won::into_guards`].
///
/// # Examples
/// ```
/// use byname::{Guard, Mutex, wait_any_async};
///
/// let mutex = Mutex::unnamed()?;
/// let won = pollster::block_on(wait_any_async(&[&mutex], None))?.won().unwrap();
/// assert!(matches!(won.into_guards()[..], [Guard::Mutex(_)]));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a guard gives back what it holds when it is dropped, here at once"]
pub enum Guard {
    /// A mutex.
    Mutex(MutexGrant),
    /// A unit of a semaphore.
    Semaphore(Permit),
}

impl Guard {
    fn over(grant: Grant) -> Guard {
        match grant.kind() {
            Kind::Semaphore => Guard::Semaphore(Permit::over(grant)),
            _ => Guard::Mutex(MutexGrant::over(grant)),
        }
    }
}

/// The grant of a wait for one mutex or one semaphore.
pub(super) fn only_grant(mut satisfied: Satisfied) -> Grant {
    satisfied.grants.pop().expect("a satisfied wait for a mutex or a semaphore has its grant")
}

/// Waits until one of the objects is signalled, and takes that one: the lowest in the list if several are (contract 10.4).
///
/// `timeout` is a [`Duration`](std::time::Duration), or `None` for ever; zero only looks. Mutexes are taken for the calling
/// thread. Any number of objects, all of one namespace; an object may stand in the list more than once.
///
/// # Errors
/// InvalidArgument (87) for an empty list; AccessDenied (5) if a handle lacks SYNCHRONIZE; Unsupported (50) for objects of several
/// namespaces; LimitReached (1450, 587); NamespaceLost (1167). Nothing is consumed then.
///
/// # Examples
/// ```
/// use byname::{Event, Mutex, Reset, Wait, wait_any};
/// use std::time::Duration;
///
/// let (done, ledger) = (Event::unnamed(Reset::Manual)?, Mutex::unnamed()?);
/// done.set()?;
/// match wait_any(&[&done, &ledger], Duration::from_secs(10))? {
///     Wait::Signaled(won) if won.index() == 0 => println!("done"),
///     Wait::Signaled(won) | Wait::Abandoned(won) => println!("the ledger is mine, as its owner number {:?}", won.fence()),
///     Wait::TimedOut => println!("ten seconds and nothing"),
/// }
/// # Ok::<(), byname::Error>(())
/// ```
pub fn wait_any(objects: &[&dyn Waitable], timeout: impl Into<Timeout>) -> Result<Wait> {
    wait(objects, Mode::Any, timeout.into())
}

/// Waits until all objects are signalled at one instant, and takes all of them; until then it takes none (contract 10.5).
///
/// `timeout` is a [`Duration`](std::time::Duration), or `None` for ever; zero only looks. Mutexes are taken for the calling
/// thread; one that it owns already counts as signalled. No order of the objects can lead to a deadlock.
///
/// # Errors
/// As [`wait_any`], and InvalidArgument (87) if an object stands in the list twice, also through two handles.
///
/// # Examples
/// ```
/// use byname::{Mutex, wait_all};
/// use std::time::Duration;
///
/// let (from, to) = (Mutex::unnamed()?, Mutex::unnamed()?);
/// let both = wait_all(&[&from, &to], Duration::from_secs(1))?.won().expect("both are free");
/// // ... move something ...
/// drop(both);
/// # Ok::<(), byname::Error>(())
/// ```
pub fn wait_all(objects: &[&dyn Waitable], timeout: impl Into<Timeout>) -> Result<Wait> {
    wait(objects, Mode::All, timeout.into())
}

/// Signals the first object (sets the event, adds 1 to the semaphore, or releases the calling thread's mutex), then waits for the
/// second (contract 10.8).
///
/// The signal stays done when the wait times out. The two are not one step: another thread may see the signal before this one waits.
///
/// # Errors
/// As [`wait_any`]; TooManyPosts (298) or NotOwner (288) from the signal, AccessDenied (5) if `signal` lacks MODIFY_STATE; System (170) if the time is
/// up and somebody who is stopped in the middle of a change holds `signal`.
/// Then nothing is signalled and nothing waited for.
///
/// # Examples
/// ```
/// use byname::{Event, Reset, signal_and_wait};
/// use std::time::Duration;
///
/// let (ping, pong) = (Event::unnamed(Reset::Auto)?, Event::unnamed(Reset::Auto)?);
/// std::thread::scope(|s| {
///     s.spawn(|| {
///         ping.wait().unwrap();
///         pong.set().unwrap();
///     });
///     signal_and_wait(&ping, &pong, Duration::from_secs(10)).map(drop)
/// })?;
/// # Ok::<(), byname::Error>(())
/// ```
pub fn signal_and_wait(signal: &dyn Waitable, object: &dyn Waitable, timeout: impl Into<Timeout>) -> Result<Wait> {
    engine::signal_and_wait(signal.handle(), object.handle(), By::Thread, timeout.into(), None).map(Wait::from_outcome)
}

/// [`wait_any`] without a thread: begins with the first poll, is cancelled by dropping, and owns what it takes by itself.
///
/// The time-out runs from the first poll.
///
/// # Errors
/// The future's: as [`wait_any`], and Closed (6) if a handle was closed before the first poll.
///
/// # Examples
/// ```
/// use byname::{Event, Mutex, Reset, wait_any_async};
/// use std::time::Duration;
///
/// let (stop, mutex) = (Event::unnamed(Reset::Manual)?, Mutex::unnamed()?);
/// let wait = pollster::block_on(wait_any_async(&[&stop, &mutex], Duration::from_secs(1)))?;
/// assert_eq!(wait.won().unwrap().index(), 1);
/// # Ok::<(), byname::Error>(())
/// ```
pub fn wait_any_async(objects: &[&dyn Waitable], timeout: impl Into<Timeout>) -> WaitFuture {
    WaitFuture::many(handles(objects), Mode::Any, timeout.into())
}

/// [`wait_all`] without a thread: begins with the first poll, is cancelled by dropping, and owns what it takes by itself.
///
/// The time-out runs from the first poll.
///
/// # Errors
/// The future's: as [`wait_all`], and Closed (6) if a handle was closed before the first poll.
///
/// # Examples
/// ```
/// use byname::{Mutex, Semaphore, wait_all_async};
///
/// let (mutex, slots) = (Mutex::unnamed()?, Semaphore::unnamed(1, 1)?);
/// let won = pollster::block_on(wait_all_async(&[&mutex, &slots], None))?.won().unwrap();
/// assert_eq!(won.fences().count(), 2);
/// # drop(won);
/// # Ok::<(), byname::Error>(())
/// ```
pub fn wait_all_async(objects: &[&dyn Waitable], timeout: impl Into<Timeout>) -> WaitFuture {
    WaitFuture::many(handles(objects), Mode::All, timeout.into())
}

/// [`signal_and_wait`] without a thread: the first poll signals and begins the wait; dropping cancels the wait only.
///
/// A mutex that is signalled must be owned by the thread that polls first.
///
/// # Errors
/// The future's: as [`signal_and_wait`], and Closed (6) if a handle was closed before the first poll.
///
/// # Examples
/// ```
/// use byname::{Event, Reset, signal_and_wait_async};
///
/// let turn = Event::unnamed(Reset::Auto)?;
/// let wait = pollster::block_on(signal_and_wait_async(&turn, &turn, None))?;
/// assert!(wait.won().is_some() && !turn.is_set()?, "set, and taken again");
/// # Ok::<(), byname::Error>(())
/// ```
pub fn signal_and_wait_async(signal: &dyn Waitable, object: &dyn Waitable, timeout: impl Into<Timeout>) -> WaitFuture {
    WaitFuture::signal_and_wait(signal.handle(), object.handle(), timeout.into())
}

fn handles(objects: &[&dyn Waitable]) -> Vec<HandleRef> {
    objects.iter().map(|object| object.handle()).collect()
}

fn wait(objects: &[&dyn Waitable], mode: Mode, timeout: Timeout) -> Result<Wait> {
    /// So many fit on the stack; longer lists pay for an allocation.
    const FEW: usize = 8;
    let outcome = match objects {
        [first, ..] if objects.len() <= FEW => {
            let mut few = [first.handle(); FEW];
            few.iter_mut().zip(objects).for_each(|(slot, object)| *slot = object.handle());
            engine::wait(&few[..objects.len()], mode, By::Thread, timeout, None)
        }
        _ => engine::wait(&handles(objects), mode, By::Thread, timeout, None),
    };
    outcome.map(Wait::from_outcome)
}
