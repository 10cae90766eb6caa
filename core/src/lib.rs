//! byname: Windows-style named synchronization objects for Linux.
#![doc = include_str!("api/tour.md")]
mod api;
mod arena;
mod asyncs;
mod cell;
mod dispatch;
pub mod engine;
mod error;
mod handles;
mod index;
mod keeper;
mod life;
mod live;
mod name;
mod ops;
mod owner;
mod pools;
mod recover;
mod refs;
mod space;
mod sys;
mod timeout;

pub use api::{
    AcquireFuture, ByGrant, ByThread, Event, EventFuture, EventOptions, Guard, LockFuture, Mutex, MutexGrant, MutexGuard, MutexOptions, Permit,
    Pollable, Semaphore, SemaphoreOptions, Wait, WaitFuture, Waitable, Won, signal_and_wait, signal_and_wait_async, wait_all, wait_all_async,
    wait_any, wait_any_async,
};
pub use engine::{Access, Namespace, OwnerInfo, Profile, Reset};
pub use error::{Error, ErrorKind, KINDS, KindInfo, Result};
pub use name::MAX_NAME_UTF16;
pub use timeout::Timeout;
