//! Sleeping and waking on words of the arena.
//!
//! All waits here are *shared* (no private flag): the words cross processes. A sleeper gives the values that it saw;
//! the kernel compares and sleeps in one step, so a wake between the look and the sleep is never lost.

use super::clock::Until;
use super::errno;
use crate::cell::Word32;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a sleep ended. Any of them may also be spurious: callers look at their words again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Somebody woke us, or a word had changed already.
    Changed,
    /// The deadline passed.
    TimedOut,
    /// A signal handler ran (only where the caller asked to be told).
    Signal,
}

/// The most words one sleep may name (`FUTEX_WAITV_MAX` of the kernel).
pub(crate) const MAX_WORDS: usize = 128;

const FUTEX_WAIT_BITSET: i32 = 9;
const FUTEX_WAKE_BITSET: i32 = 10;
const FUTEX_CLOCK_REALTIME: i32 = 256;
const FUTEX_WAKE: i32 = 1;
const FUTEX_REQUEUE: i32 = 3;
const FUTEX2_SIZE_U32: u32 = 2;

/// Sleeps while `word` holds `value`.
pub(crate) fn wait(word: &Word32, value: u32, until: impl Into<Until>) -> Woken {
    wait_in_class(word, value, u32::MAX, until.into())
}

/// The same as one of the sleepers that have a bit of `class`.
pub(crate) fn wait_in_class(word: &Word32, value: u32, class: u32, until: Until) -> Woken {
    let ts = until.timespec();
    let ts_ptr = ts.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
    let op = FUTEX_WAIT_BITSET | if until.clock == libc::CLOCK_REALTIME { FUTEX_CLOCK_REALTIME } else { 0 };
    let exactly = until.exactly();
    // SAFETY: the word outlives the call, the time-out is null or valid; FUTEX_WAIT_BITSET takes an absolute time of the clock that `op` says.
    let r = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, value, ts_ptr, std::ptr::null::<u32>(), class) };
    let woken = outcome(r);
    drop(exactly);
    woken
}

/// Wakes up to `count` sleepers of `word`; says how many there were.
#[cfg_attr(crash, track_caller)]
pub(crate) fn wake(word: &Word32, count: i32) -> usize {
    super::crash_point();
    // SAFETY: waking only reads the address as a key.
    let r = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), FUTEX_WAKE, count) };
    usize::try_from(r).unwrap_or(0)
}

/// Wakes all sleepers of `word` that have a bit of `class`.
#[cfg_attr(crash, track_caller)]
pub(crate) fn wake_class(word: &Word32, class: u32) {
    super::crash_point();
    let (nobody, none) = (std::ptr::null::<libc::timespec>(), std::ptr::null::<u32>());
    // SAFETY: waking only reads the address as a key.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), FUTEX_WAKE_BITSET, i32::MAX, nobody, none, class) };
}

/// Lets all who sleep on `word` sleep on `on` instead, undisturbed.
#[cfg_attr(crash, track_caller)]
pub(crate) fn move_sleepers(word: &Word32, on: &Word32) {
    super::crash_point();
    // SAFETY: moving only reads the addresses as keys.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), FUTEX_REQUEUE, 0, i32::MAX as usize, on.as_ptr()) };
}

#[repr(C)]
struct WaitV {
    val: u64,
    uaddr: u64,
    flags: u32,
    reserved: u32,
}

static NO_WAITV: AtomicBool = AtomicBool::new(false);

/// How long a sleep may last where the kernel cannot watch several words (before 5.16, some emulators and sandboxes).
const RECHECK_NS: u64 = 5_000_000;

/// Sleeps while every word holds the value beside it; at most [`MAX_WORDS`].
///
/// Without `futex_waitv` it sleeps on the first word alone, for at most 5 ms, and reports a change.
pub(crate) fn wait_many(words: &[(&Word32, u32)], until: impl Into<Until>) -> Woken {
    debug_assert!(!words.is_empty() && words.len() <= MAX_WORDS);
    let until = until.into();
    if let [(word, value)] = words {
        return wait(word, *value, until);
    }
    if !NO_WAITV.load(Ordering::Relaxed) {
        let mut list: [WaitV; MAX_WORDS] = [const { WaitV { val: 0, uaddr: 0, flags: FUTEX2_SIZE_U32, reserved: 0 } }; MAX_WORDS];
        for (slot, (word, value)) in list.iter_mut().zip(words) {
            slot.val = u64::from(*value);
            slot.uaddr = word.as_ptr() as u64;
        }
        let ts = until.timespec();
        let ts_ptr = ts.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
        let exactly = until.exactly();
        // SAFETY: `list` holds `words.len()` filled entries whose words outlive the call; the time-out is null or valid.
        let r = unsafe { libc::syscall(libc::SYS_futex_waitv, list.as_ptr(), words.len(), 0, ts_ptr, until.clock) };
        let is_known = r >= 0 || !matches!(errno(), libc::ENOSYS | libc::EPERM);
        let woken = outcome(if r >= 0 { 0 } else { r });
        drop(exactly);
        if is_known {
            return woken;
        }
        NO_WAITV.store(true, Ordering::Relaxed);
    }
    match wait(words[0].0, words[0].1, until.within(RECHECK_NS)) {
        Woken::TimedOut if !until.passed() => Woken::Changed,
        other => other,
    }
}

/// Whether a sleep can watch several words.
#[cfg(feature = "cli")]
pub(crate) fn has_wait_many() -> bool {
    let (a, b) = (Word32::new(0), Word32::new(0));
    let _ = wait_many(&[(&a, 0), (&b, 1)], super::clock::Deadline::at(0)); // the second word differs: it does not sleep
    !NO_WAITV.load(Ordering::Relaxed)
}

fn outcome(r: libc::c_long) -> Woken {
    if r == 0 {
        return Woken::Changed;
    }
    match errno() {
        libc::ETIMEDOUT => Woken::TimedOut,
        libc::EINTR => Woken::Signal,
        _ => Woken::Changed,
    }
}
