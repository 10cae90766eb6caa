//! Time: one clock (CLOCK_MONOTONIC), one type for "until when".

use crate::timeout::Timeout;

/// Nanoseconds of CLOCK_MONOTONIC, which all processes of the machine share.
pub(crate) fn now() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid place for the result, and the clock id always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// Until when a call may block: an absolute monotonic time, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Option<u64>);

impl Deadline {
    pub(crate) const NEVER: Deadline = Deadline(None);

    pub(crate) fn after(timeout: Timeout) -> Deadline {
        Deadline(timeout.nanos().map(|ns| now().saturating_add(ns)))
    }

    pub(crate) fn at(ns: u64) -> Deadline {
        Deadline(Some(ns))
    }

    pub(crate) fn passed(self) -> bool {
        self.0.is_some_and(|at| now() >= at)
    }

    /// The earlier of the two.
    pub(crate) fn min(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    pub(crate) fn nanos(self) -> Option<u64> {
        self.0
    }

    pub(super) fn timespec(self) -> Option<libc::timespec> {
        self.0.map(|ns| libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 })
    }
}

/// Sleeps for a short, fixed time.
pub(crate) fn nap(ns: u64) {
    let ts = libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 };
    let _whole = super::process::Uncancelled::new();
    // SAFETY: `ts` is a valid time; no remainder is asked for.
    unsafe { libc::nanosleep(&ts, std::ptr::null_mut()) };
}
