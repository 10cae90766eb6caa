//! The typed Rust API: one type for each kind of object, guards that release on drop, futures that cancel on drop.
//!
//! Everything here translates and nothing decides: a call of this module is one call of [`engine`](crate::engine),
//! where the rules are. What this layer adds is what the type system can check for the caller:
//!
//! * A handle that knows its kind, so that no call can be made on an object of another kind.
//! * Guards. What a **thread** owns is released by that thread, so [`MutexGuard`] and [`Won`] cannot leave it; what
//!   a **grant** owns may be released anywhere, so [`MutexGrant`], [`Permit`] and [`Won<ByGrant>`](Won) can.
//! * A guard of a thread borrows its handle, so that it cannot outlive it. A grant keeps the object alive by itself.

mod event;
mod future;
mod handle;
mod job;
mod mapping;
mod mutex;
mod notifications;
mod options;
mod process;
mod queue;
mod semaphore;
mod timer;
mod waits;
mod watchdog;

pub use event::{Event, EventFuture};
pub use future::WaitFuture;
pub use handle::Pollable;
pub use job::{Job, JobFuture};
pub use mapping::{Change, Mapping, MappingOptions};
pub use mutex::{LockFuture, Mutex, MutexGrant, MutexGuard};
pub use notifications::{JobNotificationFuture, JobNotifications};
pub use options::{EventOptions, JobOptions, MutexOptions, SemaphoreOptions, TimerOptions, WatchdogOptions};
pub use process::{Process, ProcessFuture};
pub use queue::{
    Incoming, Outgoing, Queue, QueueMessage, QueueOptions, QueueReader, QueueWriter, RecvFuture, ReserveFuture, SendFuture, TakeFuture,
};
pub use semaphore::{AcquireFuture, Permit, Semaphore};
pub use timer::{Timer, TimerFuture};
pub use waits::{
    ByGrant, ByThread, Guard, Wait, Waitable, Won, signal_and_wait, signal_and_wait_async, wait_all, wait_all_async, wait_any,
    wait_any_async,
};
pub use watchdog::{Watchdog, WatchdogFuture};

use crate::Timeout;
use crate::engine::Outcome;
use std::time::Duration;

impl From<Option<Duration>> for Timeout {
    /// `None` is for ever.
    fn from(d: Option<Duration>) -> Timeout {
        d.map_or(Timeout::INFINITE, Timeout::from)
    }
}

/// What a wait with a time-out got, if anything. Nothing interrupts the waits of this API.
#[inline]
fn in_time<T>(outcome: Outcome<T>) -> Option<T> {
    match outcome {
        Outcome::Got(got) => Some(got),
        Outcome::TimedOut | Outcome::Interrupted => None,
    }
}

/// What a wait without a time-out got.
#[inline]
fn for_ever<T>(outcome: Outcome<T>) -> T {
    match in_time(outcome) {
        Some(got) => got,
        None => unreachable!("a wait without a time-out ended without its object"),
    }
}
