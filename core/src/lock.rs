//! The locks inside a process that a fork crosses.
//!
//! Before a fork the forking thread takes all of them and keeps the guards ([`Guards`]); afterwards parent and child drop theirs. That wants a
//! mutex without a queue: the child of a fork must not inherit sleepers that do not exist there. The standard library's is a bare
//! futex word (the kernel keeps the queue), `parking_lot`'s keeps a list of parked threads in memory; so these few are the former, and
//! locks that no fork meets are the latter.

use std::any::Any;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A mutex that does not care whether a holder panicked: the values behind these locks are whole between any two statements.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guard, if nobody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Guards that the forking thread holds across the fork.
#[derive(Default)]
pub(crate) struct Guards(Vec<Box<dyn Any>>);

thread_local! {
    static HELD: RefCell<Guards> = RefCell::default();
}

impl Guards {
    /// Takes a lock and keeps its guard.
    pub(crate) fn take<T: 'static>(&mut self, lock: &'static Lock<T>) {
        self.0.push(Box::new(lock.lock()));
    }

    /// Puts the guards by until [`Guards::release`], on the same thread of either process. False, and the locks are open, where the thread is so near
    /// its end that it has no place for them.
    pub(crate) fn keep(self) -> bool {
        HELD.try_with(|held| held.borrow_mut().0.extend(self.0)).is_ok()
    }

    /// Drops the guards, last taken first.
    pub(crate) fn release() {
        if let Ok(mut guards) = HELD.try_with(|held| std::mem::take(&mut *held.borrow_mut())) {
            while guards.0.pop().is_some() {}
        }
    }
}
