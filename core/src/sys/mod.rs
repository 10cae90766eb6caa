//! The kernel door: every system call of the core is in this folder.
//!
//! Functions take and return safe types, fold `EINTR` and `EAGAIN` unless the caller asks to be told, speak absolute
//! monotonic deadlines, and never set a private futex flag. If you type `libc::` elsewhere, you are in the wrong folder.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the door

pub(crate) mod cgroup;
#[cfg(feature = "cli")]
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod code;
pub(crate) mod eventfd;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod guess;
pub(crate) mod inotify;
pub(crate) mod mark;
pub(crate) mod memory;
pub(crate) mod notify;
pub(crate) mod pages;
pub(crate) mod pidfd;
pub(crate) mod process;
pub(crate) mod robust;
pub(crate) mod thread;

/// What follows writes where others look although no word of the facade does, or wakes: a crash point (`crash.rs`).
#[inline(always)]
#[cfg_attr(crash, track_caller)]
fn crash_point() {
    #[cfg(crash)]
    crate::crash::point();
}

/// The calling thread's last system error.
pub(crate) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
