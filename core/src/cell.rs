//! The facade through which every store and compare-and-swap to the arena goes.
//!
//! [`Word32`] and [`Word64`] are the only atomics that live in shared memory, and this file holds the only code that
//! writes them, so that one place decides orderings and one place can count, or interrupt, every write. Loads are
//! Acquire, stores Release, read-modify-writes AcqRel; a caller that needs more says so with [`fence`].
//!
//! Under `--cfg crash` each of these writes is a point where a process can be made to die (`crash.rs`); under the model checker, an actor of a model.

#![allow(clippy::disallowed_types)] // the one home of atomics

#[cfg(loom)]
use loom::sync::atomic::{self, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{self, AtomicU32, AtomicU64, Ordering};

/// A full barrier: orders an earlier store of ours before a later load of somebody else's word.
pub(crate) fn fence() {
    atomic::fence(Ordering::SeqCst);
}

/// Under the model checker: makes loads read the newest value in a way that every other access depends on. loom remembers only the last
/// access to a word, so a thread's own load hides from it that the thread's swap might come before another thread's earlier load; read
/// this way, no order is overlooked. The models run both ways (`model/mod.rs`).
#[cfg(loom)]
pub(crate) fn read_newest(yes: bool) {
    READS_NEWEST.set(yes);
}

/// Reads the newest in `f`, when all is over and done.
#[cfg(loom)]
pub(crate) fn reading_newest<T>(f: impl FnOnce() -> T) -> T {
    let before = READS_NEWEST.replace(true);
    let result = f();
    READS_NEWEST.set(before);
    result
}

// Of the exploring thread: loom runs all threads of a model on it.
#[cfg(loom)]
std::thread_local! {
    static READS_NEWEST: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// The same, right after a read-modify-write of ours, which on x86 is one already.
#[inline(always)]
pub(crate) fn fence_after_swap() {
    if cfg!(target_arch = "x86_64") {
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    } else {
        fence();
    }
}

macro_rules! word {
    ($name:ident, $atomic:ident, $int:ty, $doc:literal) => {
        #[doc = $doc]
        #[repr(transparent)]
        #[derive(Debug, Default)]
        pub(crate) struct $name($atomic);

        #[allow(dead_code, reason = "one set of operations for both widths")]
        impl $name {
            pub(crate) fn new(value: $int) -> Self {
                $name($atomic::new(value))
            }

            #[inline]
            pub(crate) fn load(&self) -> $int {
                #[cfg(loom)]
                if READS_NEWEST.get() {
                    return self.newest();
                }
                self.0.load(Ordering::Acquire)
            }

            /// The value that no other has followed, as the kernel reads a futex.
            #[cfg(loom)]
            pub(crate) fn newest(&self) -> $int {
                // A swap that fails: no value in the arena has all bits set.
                self.0.compare_exchange(<$int>::MAX, <$int>::MAX, Ordering::Acquire, Ordering::Acquire).unwrap_or_else(|value| value)
            }

            /// What [`Self::store`] must not be; see `planted.rs`.
            #[cfg(loom)]
            pub(crate) fn store_relaxed(&self, value: $int) {
                self.0.store(value, Ordering::Relaxed);
            }

            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn store(&self, value: $int) {
                self.crash_point();
                self.0.store(value, Ordering::Release);
            }

            /// Swaps `old` for `new`; the error is what stood there instead.
            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn cas(&self, old: $int, new: $int) -> Result<(), $int> {
                self.crash_point();
                self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
            }

            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn swap(&self, value: $int) -> $int {
                self.crash_point();
                self.0.swap(value, Ordering::AcqRel)
            }

            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn add(&self, value: $int) -> $int {
                self.crash_point();
                self.0.fetch_add(value, Ordering::AcqRel)
            }

            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn or(&self, bits: $int) -> $int {
                self.crash_point();
                self.0.fetch_or(bits, Ordering::AcqRel)
            }

            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn and(&self, bits: $int) -> $int {
                self.crash_point();
                self.0.fetch_and(bits, Ordering::AcqRel)
            }

            /// Applies `change` until it takes or declines; gives the value before on success, the value met on refusal.
            #[inline]
            #[cfg_attr(crash, track_caller)]
            pub(crate) fn update(&self, mut change: impl FnMut($int) -> Option<$int>) -> Result<$int, $int> {
                let mut old = self.load();
                loop {
                    let Some(new) = change(old) else { return Err(old) };
                    match self.cas(old, new) {
                        Ok(()) => return Ok(old),
                        Err(met) => old = met,
                    }
                }
            }

            /// A process may be told to die here, before the write (`crash.rs`).
            #[inline(always)]
            #[cfg_attr(crash, track_caller)]
            fn crash_point(&self) {
                #[cfg(all(crash, not(loom)))]
                crate::crash::before_write(std::ptr::from_ref(self).addr());
                #[cfg(all(test, loom))]
                crate::model::before_write();
            }
        }
    };
}

word!(Word32, AtomicU32, u32, "A 32-bit word of the arena.");
word!(Word64, AtomicU64, u64, "A 64-bit word of the arena.");

#[cfg(not(loom))]
impl Word32 {
    /// The address, for the kernel.
    pub(crate) fn as_ptr(&self) -> *const u32 {
        self.0.as_ptr()
    }
}

#[cfg(not(loom))]
impl Word64 {
    /// The half that the kernel's futexes see: bits 0 to 31.
    pub(crate) fn low(&self) -> &Word32 {
        const { assert!(cfg!(target_endian = "little"), "byname's arena is little-endian") };
        // SAFETY: the low half of a little-endian 64-bit atomic is a valid, aligned 32-bit atomic of the same lifetime.
        unsafe { &*std::ptr::from_ref(self).cast::<Word32>() }
    }

    /// The other half: bits 32 to 63.
    pub(crate) fn high(&self) -> &Word32 {
        // SAFETY: as for the low half, four bytes on.
        unsafe { &*std::ptr::from_ref(self).cast::<Word32>().add(1) }
    }
}

/// Atomics of this process alone, which no other process ever sees.
#[cfg(not(loom))]
pub(crate) mod private {
    #[cfg(test)]
    pub(crate) use std::sync::atomic::AtomicUsize;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
}
