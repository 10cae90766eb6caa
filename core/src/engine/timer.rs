//! What every binding calls of a timer.

use super::{HandleRef, Kind, Reset};
use crate::dispatch::look;
use crate::dispatch::word::Machine;
use crate::error::{Error, Result};
use crate::handles::right;
use crate::kinds::timer;
use crate::owner;
use crate::sys::clock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a timer is due, in the units of each language.
///
/// Relative times count on the monotonic clock, from the call that sets the timer; absolute ones are instants of the wall clock, and follow when
/// it is set. What has passed is due at once; what is too far for the clock comes in 292 years.
///
/// # Examples
/// ```
/// use byname::engine::Due;
/// use std::time::{Duration, SystemTime};
///
/// assert_eq!(Due::after_secs(0.5)?, Due::from(Duration::from_millis(500)));
/// assert_eq!(Due::at_nanos(0), Due::from(SystemTime::UNIX_EPOCH));
/// assert_eq!(Due::after_millis(-1.0).unwrap_err().win32(), 87);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So many nanoseconds after the call.
    After(u64),
    /// So many nanoseconds after 1970, UTC.
    At(u64),
}

impl Due {
    /// Nanoseconds from now (the C form); negatives are InvalidArgument.
    pub fn after_nanos(ns: i64) -> Result<Due> {
        u64::try_from(ns).map(Due::After).map_err(|_| not_a_due(ns, "ns"))
    }

    /// Seconds from now (the Python form); NaN, negatives and infinity are InvalidArgument.
    pub fn after_secs(s: f64) -> Result<Due> {
        nanos(s, 1e9).map(Due::After).ok_or_else(|| not_a_due(s, "s"))
    }

    /// Milliseconds from now (the Node form); NaN, negatives and infinity are InvalidArgument.
    pub fn after_millis(ms: f64) -> Result<Due> {
        nanos(ms, 1e6).map(Due::After).ok_or_else(|| not_a_due(ms, "ms"))
    }

    /// Nanoseconds since 1970, UTC; what was before has passed.
    pub fn at_nanos(ns: i64) -> Due {
        Due::At(u64::try_from(ns).unwrap_or(0))
    }

    /// Milliseconds since 1970, UTC (the Node form); NaN and infinity are InvalidArgument.
    pub fn at_millis(ms: f64) -> Result<Due> {
        let at = if ms < 0.0 { Some(0) } else { nanos(ms, 1e6) };
        at.map(Due::At).ok_or_else(|| Error::invalid_argument("the due date is no valid date"))
    }
}

impl From<Duration> for Due {
    fn from(after: Duration) -> Due {
        Due::After(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<SystemTime> for Due {
    fn from(at: SystemTime) -> Due {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Due::At(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// At which intervals a timer goes on after its due time: 0 (it does not) to 2147483647 ms.
///
/// # Examples
/// ```
/// use byname::engine::Period;
/// use std::time::Duration;
///
/// assert_eq!(Period::from_secs(0.0)?, Period::ONCE);
/// assert_eq!(Period::from_millis(-1.0).unwrap_err().win32(), 87);
/// assert!(Period::new(Duration::MAX).is_err());
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(u64);

/// 2³¹ − 1 ms, the most that Win32 can say.
pub(super) const LONGEST_PERIOD: u64 = i32::MAX as u64 * 1_000_000;

impl Period {
    /// It does not go on.
    pub const ONCE: Period = Period(0);

    /// InvalidArgument (87) beyond 2147483647 ms.
    pub fn new(period: Duration) -> Result<Period> {
        u64::try_from(period.as_nanos()).ok().and_then(Period::checked).ok_or_else(|| not_a_period("period", period.as_millis(), "ms"))
    }

    /// Nanoseconds (the C form).
    pub fn from_nanos(ns: i64) -> Result<Period> {
        u64::try_from(ns).ok().and_then(Period::checked).ok_or_else(|| not_a_period("period", ns, "ns"))
    }

    /// Seconds (the Python form).
    pub fn from_secs(s: f64) -> Result<Period> {
        Period::named_secs("period", s)
    }

    /// Milliseconds (the Node form).
    pub fn from_millis(ms: f64) -> Result<Period> {
        Period::named_millis("period", ms)
    }

    /// The same, of an argument that is called so.
    pub fn named_secs(what: &str, s: f64) -> Result<Period> {
        nanos(s, 1e9).and_then(Period::checked).ok_or_else(|| not_a_period(what, s, "s"))
    }

    /// The same, of an argument that is called so.
    pub fn named_millis(what: &str, ms: f64) -> Result<Period> {
        nanos(ms, 1e6).and_then(Period::checked).ok_or_else(|| not_a_period(what, ms, "ms"))
    }

    /// In nanoseconds.
    pub fn as_nanos(self) -> i64 {
        self.0 as i64
    }

    fn checked(ns: u64) -> Option<Period> {
        (ns <= LONGEST_PERIOD).then_some(Period(ns))
    }
}

/// Parts of a nanosecond round up: a timer is never early. `None` for what is no time.
fn nanos(value: f64, nanos_per_unit: f64) -> Option<u64> {
    (value.is_finite() && value >= 0.0).then(|| (value * nanos_per_unit).ceil() as u64) // what is too large saturates
}

#[cold]
fn not_a_due(value: impl std::fmt::Display, unit: &str) -> Error {
    Error::invalid_argument(format!("due {value} {unit} is not a time; it must be 0 (at once) or more; to stop the timer, cancel it"))
}

#[cold]
pub(super) fn not_a_period(what: &str, value: impl std::fmt::Display, unit: &str) -> Error {
    Error::invalid_argument(format!("{what} {value} {unit} is out of range; it must be 0 to {} ms", i32::MAX))
}

/// Everything that a timer is at one instant (contract 6); [`Timer::state`](crate::Timer::state) gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimerState {
    /// Whether its time has come since it was set (and, if it is auto-reset, nobody has waited since).
    pub signaled: bool,
    /// How it becomes unsignaled.
    pub reset: Reset,
    /// How long until it comes next; `None` if it does not.
    pub remaining: Option<Duration>,
    /// At which intervals it comes; zero: once.
    pub period: Duration,
}

impl HandleRef {
    /// Sets a timer: it is unsignaled until its time comes (contract 6.1). Needs MODIFY_STATE.
    pub fn set_timer(self, due: Due, period: Period) -> Result<()> {
        let opened = self.of_kind(Kind::Timer, right::MODIFY)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        let due = match due {
            Due::After(ns) => clock::Due::monotonic(clock::now().saturating_add(ns)),
            // What has passed comes now, and goes on from now.
            Due::At(ns) if ns <= clock::wall() => clock::Due::monotonic(clock::now()),
            Due::At(ns) => clock::Due::on_wall(ns),
        };
        timer::set(cx, opened.target, due, period.0)
    }

    /// Stops a timer; whether it is signaled stays as it is (contract 6.2). Needs MODIFY_STATE.
    pub fn cancel_timer(self) -> Result<()> {
        let opened = self.of_kind(Kind::Timer, right::MODIFY)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        timer::cancel(cx, opened.target)
    }

    /// All of a timer's state; needs QUERY_STATE.
    pub fn timer_state(self) -> Result<TimerState> {
        loop {
            let (opened, sight) = self.look(Kind::Timer)?;
            let words = timer::look(opened.space, opened.target)?;
            if look::look(opened.space, opened.target)? != sight {
                continue; // it may be the state before an expiry with the due time after it
            }
            let (signaled, setting) = timer::seen(sight.state, &words);
            let reset = if opened.target.machine == Machine::ManualTimer { Reset::Manual } else { Reset::Auto };
            let remaining = setting.due.map(|due| Duration::from_nanos(due.left()));
            return Ok(TimerState { signaled, reset, remaining, period: Duration::from_nanos(setting.period) });
        }
    }
}
