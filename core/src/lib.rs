//! byname: Windows-style named synchronization objects for Linux.
#![doc = include_str!("api/tour.md")]
// Under the model checker (`make loom`) only the pure machines and their atomics are built; see `model`.
#![cfg_attr(loom, allow(dead_code, reason = "the code that drives the machines is not built"))]

// The reference model's tests are written as any user's, and can be planted with bugs.
#[cfg(all(test, not(loom)))]
extern crate self as byname;

#[cfg(not(loom))]
mod api;
mod arena;
#[cfg(not(loom))]
mod asyncs;
mod bucket;
mod cell;
#[cfg(all(feature = "cli", not(loom)))]
pub mod cli;
#[cfg(all(crash, not(loom)))]
#[doc(hidden)]
pub mod crash;
mod dispatch;
#[cfg(not(loom))]
pub mod engine;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod handles;
#[cfg(not(loom))]
mod index;
#[cfg(not(loom))]
pub mod inspect;
#[cfg(not(loom))]
mod keeper;
#[cfg(not(loom))]
mod kinds;
mod life;
#[cfg(not(loom))]
mod live;
#[cfg(not(loom))]
mod lock;
mod machines;
#[cfg(all(test, loom))]
mod model;
#[cfg(not(loom))]
mod name;
#[cfg(not(loom))]
mod ops;
#[cfg(not(loom))]
mod owner;
#[cfg(any(test, planted))]
mod planted;
#[cfg(not(loom))]
mod pools;
#[cfg(not(loom))]
mod recover;
#[cfg(test)]
#[cfg_attr(not(loom), allow(dead_code, reason = "some steps are taken by the models only"))]
#[path = "../tests/reference/mod.rs"]
mod reference;
#[cfg(not(loom))]
mod refs;
mod row;
#[cfg(not(loom))]
mod space;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod timeout;
#[cfg(not(loom))]
mod watch;

#[cfg(not(loom))]
pub use api::{
    AcquireFuture, ByGrant, ByThread, Change, Event, EventFuture, EventOptions, Guard, Incoming, Job, JobFuture, JobNotificationFuture,
    JobNotifications, JobOptions, LockFuture, Mapping, MappingOptions, Mutex, MutexGrant, MutexGuard, MutexOptions, Outgoing, Permit,
    Pollable, Process, ProcessFuture, Queue, QueueMessage, QueueOptions, QueueReader, QueueWriter, RecvFuture, ReserveFuture, Semaphore,
    SemaphoreOptions, SendFuture, TakeFuture, Timer, TimerFuture, TimerOptions, Wait, WaitFuture, Waitable, Watchdog, WatchdogFuture,
    WatchdogOptions, Won, signal_and_wait, signal_and_wait_async, wait_all, wait_all_async, wait_any, wait_any_async,
};
#[cfg(not(loom))]
pub use engine::{
    Access, Action, EventState, HandleFlags, JobAccounting, JobLimits, JobMessage, JobNotification, MappingState, MutexState, Namespace,
    OwnerInfo, Profile, Protect, QueueInfo, Reset, SemaphoreState, TimerState, View, WatchdogStage, WatchdogState, leave_sigbus_alone,
    set_reset_hook,
};
#[cfg(not(loom))]
pub use error::{Error, ErrorKind, KINDS, KindInfo, Result};
#[cfg(not(loom))]
pub use name::MAX_NAME_UTF16;
#[cfg(not(loom))]
pub use timeout::Timeout;
