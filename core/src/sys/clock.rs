//! Time: CLOCK_MONOTONIC, one type for "until when"; and for timers CLOCK_REALTIME beside it.

pub(crate) use crate::machines::timer::Due;
use crate::timeout::Timeout;
use std::cell::Cell;

/// Nanoseconds of CLOCK_MONOTONIC, which all processes of the machine share.
pub(crate) fn now() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970 (CLOCK_REALTIME), which somebody may set; 0 before.
pub(crate) fn wall() -> u64 {
    read(libc::CLOCK_REALTIME)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid place for the result, and the clock id always exists.
    unsafe { libc::clock_gettime(clock, &mut ts) };
    (ts.tv_sec.max(0) as u64).saturating_mul(1_000_000_000).saturating_add(ts.tv_nsec as u64)
}

/// How far the wall clock is before the monotonic one: it changes when somebody sets the clock, and when the machine was suspended.
pub(crate) fn offset() -> i64 {
    wall().wrapping_sub(now()) as i64
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

    /// How long until then; `None` for ever.
    fn left(self) -> Option<u64> {
        self.0.map(|at| at.saturating_sub(now()))
    }
}

impl Due {
    fn clock_now(self) -> u64 {
        if self.is_on_wall() { wall() } else { now() }
    }

    /// How long until then, in nanoseconds, as its clock goes now.
    pub(crate) fn left(self) -> u64 {
        self.nanos().saturating_sub(self.clock_now())
    }

    pub(crate) fn passed(self) -> bool {
        self.left() == 0
    }

    /// Waits for it, if it is so near that a sleep towards it may have ended ([`EARLY_NS`]); says whether it was.
    pub(crate) fn await_near(self) -> bool {
        let is_near = self.left() <= EARLY_NS;
        let enough = Deadline::at(now() + EARLY_NS); // somebody may set the wall clock back
        while is_near && !self.passed() && !enough.passed() {
            std::hint::spin_loop();
        }
        is_near
    }

    /// The first of the instants that follow this one, which has passed, at intervals of `period`, and are still to come; on the monotonic clock.
    pub(crate) fn next(self, period: u64) -> Due {
        let now = now();
        let passed = if self.is_on_wall() { now.wrapping_sub(wall().saturating_sub(self.nanos())) } else { self.nanos() };
        let late = now.wrapping_sub(passed) % period.max(1);
        Due::monotonic(now.saturating_add(period - late))
    }

    /// The same instant for a sleep that minds the monotonic clock alone: wrong as soon as somebody sets the wall clock.
    pub(crate) fn deadline(self) -> Deadline {
        Deadline::at(now().saturating_add(self.left()))
    }

    /// The one that comes first.
    pub(crate) fn sooner(self, other: Option<Due>) -> Due {
        other.filter(|other| other.left() < self.left()).unwrap_or(self)
    }
}

/// So much before its due time the sleep of a thread ends that waits for a timer: what the kernel needs to wake it, and we to see what for (decision
/// 0013). If it was quicker, it looks at the clock for the rest.
const EARLY_NS: u64 = 10_000;

/// Until when a sleep lasts, and by which clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    at: Option<u64>,
    pub(super) clock: libc::clockid_t,
    is_exact: bool,
}

impl From<Deadline> for Until {
    fn from(deadline: Deadline) -> Until {
        Until { at: deadline.0, clock: libc::CLOCK_MONOTONIC, is_exact: false }
    }
}

impl Until {
    /// Until shortly before `due`, to the microsecond, and no longer than until the deadline. A sleep until an instant of the wall clock ends as soon as the clock
    /// is set beyond it, and lasts too long when it is set back.
    pub(crate) fn due(due: Due, deadline: Deadline) -> Until {
        let (left, limit) = (due.left(), deadline.left());
        match limit {
            Some(limit) if limit < left && !due.is_on_wall() => Until::from(deadline),
            limit => {
                let clock = if due.is_on_wall() { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC };
                let at = due.nanos().saturating_sub(EARLY_NS);
                let at = limit.map_or(at, |limit| at.min(due.clock_now().saturating_add(limit)));
                Until { at: Some(at), clock, is_exact: true }
            }
        }
    }

    pub(super) fn timespec(self) -> Option<libc::timespec> {
        self.at.map(|ns| libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 })
    }

    pub(super) fn passed(self) -> bool {
        self.at.is_some_and(|at| read(self.clock) >= at)
    }

    /// The same, but `ns` from now at most.
    pub(super) fn within(self, ns: u64) -> Until {
        let soon = read(self.clock).saturating_add(ns);
        Until { at: Some(self.at.map_or(soon, |at| at.min(soon))), ..self }
    }

    /// To be held while one sleeps.
    pub(super) fn exactly(self) -> Option<Exact> {
        self.is_exact.then(Exact::new)
    }
}

/// While it lives, sleeps of the calling thread end at their time, not up to 50 us after it (`timer_slack`).
#[derive(Debug)]
pub(crate) struct Exact(u64);

thread_local! {
    /// Whether the thread sleeps exactly for good.
    static IS_EXACT: Cell<bool> = const { Cell::new(false) };
}

impl Exact {
    fn new() -> Exact {
        if IS_EXACT.get() {
            return Exact(1);
        }
        // SAFETY: both calls take numbers and concern the calling thread alone.
        let before = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
        if before > 1 {
            // SAFETY: as above.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
        }
        Exact(u64::try_from(before).unwrap_or(1))
    }

    /// The calling thread is ours: it sleeps so for good.
    pub(crate) fn for_good() {
        std::mem::forget(Exact::new());
        IS_EXACT.set(true);
    }
}

impl Drop for Exact {
    fn drop(&mut self) {
        if self.0 > 1 {
            // SAFETY: as in the constructor; it puts back what was there.
            unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, self.0) };
        }
    }
}

/// A timer of the kernel that kills this process, also while it is stopped.
#[derive(Debug)]
pub(crate) struct KillTimer(libc::timer_t);

// SAFETY: a timer's id is the process's; any thread may use it.
unsafe impl Send for KillTimer {}

impl KillTimer {
    /// `None` where the kernel has none left.
    pub(crate) fn new() -> Option<KillTimer> {
        // SAFETY: a plain value, of which the two fields that count are filled in.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_SIGNAL, libc::SIGKILL);
        let mut id = std::ptr::null_mut();
        // SAFETY: both are valid places.
        let r = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut id) };
        (r == 0).then_some(KillTimer(id))
    }

    /// Fires at that time, and at no other; 0: never.
    pub(crate) fn arm(&self, at: u64) {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = libc::timespec { tv_sec: (at / 1_000_000_000) as i64, tv_nsec: (at % 1_000_000_000) as i64 };
        let when = libc::itimerspec { it_interval: zero, it_value: value };
        // SAFETY: the id is that of a timer which this process has made, or inherited the number of: then there is none, and it is refused.
        unsafe { libc::timer_settime(self.0, libc::TIMER_ABSTIME, &when, std::ptr::null_mut()) };
    }
}

impl Drop for KillTimer {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Sleeps for a short, fixed time.
pub(crate) fn nap(ns: u64) {
    let ts = libc::timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 };
    let _whole = super::process::Uncancelled::new();
    // SAFETY: `ts` is a valid time; no remainder is asked for.
    unsafe { libc::nanosleep(&ts, std::ptr::null_mut()) };
}
