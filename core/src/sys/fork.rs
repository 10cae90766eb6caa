//! Fork: three hooks around it, and a page that notices forks which run no hooks.

use super::memory::Region;
use std::sync::atomic::{AtomicU32, Ordering};

/// Registers what runs in the forking thread before, and in parent and child after, every `fork`.
pub(crate) fn at_fork(prepare: unsafe extern "C" fn(), parent: unsafe extern "C" fn(), child: unsafe extern "C" fn()) {
    // SAFETY: the hooks are plain functions that live as long as the process.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}

/// A word that reads 0 in a child whatever way it was forked.
#[derive(Debug)]
pub(crate) struct ForkWord(&'static AtomicU32);

impl ForkWord {
    pub(crate) fn new() -> Result<ForkWord, i32> {
        let region = Region::private_wiped_on_fork(4096)?;
        // SAFETY: the page is readable, writable, aligned and never unmapped.
        Ok(ForkWord(unsafe { AtomicU32::from_ptr(region.address() as *mut u32) }))
    }

    #[inline]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// For a signal handler that must change it.
    pub(crate) fn word(&self) -> &'static AtomicU32 {
        self.0
    }

    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Release);
    }

    /// Sets it if it is `from`; false if it is not.
    pub(crate) fn replace(&self, from: u32, to: u32) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
