//! A descriptor that this process makes readable and unreadable.
//!
//! `read`, `write` and `close` are places where the C library ends a cancelled thread; here they are not.

use super::errno;
use super::process::Uncancelled;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An eventfd, not inherited over `exec`, that no call on blocks.
#[derive(Debug)]
pub(crate) struct EventFd(ManuallyDrop<OwnedFd>);

impl EventFd {
    pub(crate) fn new() -> Result<EventFd, i32> {
        // SAFETY: takes two numbers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(errno());
        }
        // SAFETY: a fresh descriptor that nobody else knows.
        Ok(EventFd(ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Makes it readable.
    pub(crate) fn feed(&self) {
        let _whole = Uncancelled::new();
        let one = 1u64.to_ne_bytes();
        // SAFETY: reads eight bytes that outlive the call; the descriptor is ours. It fails only where the count is at its top, and then
        // the descriptor is readable.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable.
    pub(crate) fn drain(&self) {
        let _whole = Uncancelled::new();
        let mut count = [0u8; 8];
        // SAFETY: writes eight bytes that outlive the call; the descriptor is ours. Where nothing is to be read it fails at once.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl Drop for EventFd {
    fn drop(&mut self) {
        let _whole = Uncancelled::new();
        // SAFETY: this is the end of it; nobody touches it again.
        unsafe { ManuallyDrop::drop(&mut self.0) }
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
