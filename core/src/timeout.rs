//! Time-outs, parsed at the edge.
//!
//! Every language's unit becomes a [`Timeout`] here and nowhere else: whole nanoseconds, or for ever. A part of
//! a nanosecond rounds up, so that a wait is never early; what is too large for the clock is for ever.

use crate::error::{Error, Result};
use std::time::Duration;

/// How long a call may block.
///
/// # Examples
/// ```
/// use byname::Timeout;
/// use std::time::Duration;
///
/// assert_eq!(Timeout::from(Duration::from_secs(1)), Timeout::from_millis(1000.0)?);
/// assert!(Timeout::from(Duration::MAX).is_infinite() && Timeout::from(None).is_infinite());
/// assert!(Timeout::from_secs(f64::NAN).is_err() && Timeout::from_secs(-1.0).is_err());
/// assert_eq!(Timeout::from_nanos(-1)?, Timeout::INFINITE, "as C says it");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Option<u64>);

/// The longest finite time-out: 292 years in nanoseconds. Anything longer waits for ever.
const LONGEST: u64 = i64::MAX as u64 / 2;

impl Timeout {
    /// Test once, never block.
    pub const ZERO: Timeout = Timeout(Some(0));
    /// Wait for ever.
    pub const INFINITE: Timeout = Timeout(None);

    /// Whole nanoseconds; -1 is for ever (the C form). Other negatives are InvalidArgument.
    #[inline]
    pub fn from_nanos(ns: i64) -> Result<Timeout> {
        match ns {
            -1 => Ok(Timeout::INFINITE),
            0.. => Ok(Timeout::saturating(ns as u64)),
            _ => Err(negative(ns)),
        }
    }

    /// Seconds (the Python form). Infinity is for ever; NaN and negatives are InvalidArgument.
    pub fn from_secs(s: f64) -> Result<Timeout> {
        Timeout::from_float(s, 1e9, "s")
    }

    /// Milliseconds (the Node form). Infinity is for ever; NaN and negatives are InvalidArgument.
    pub fn from_millis(ms: f64) -> Result<Timeout> {
        Timeout::from_float(ms, 1e6, "ms")
    }

    fn from_float(value: f64, nanos_per_unit: f64, unit: &str) -> Result<Timeout> {
        if value.is_nan() || value < 0.0 {
            return Err(Error::invalid_argument(format!(
                "time-out {value} {unit} is not a time; it must be 0 (poll) or more, infinity waits for ever"
            )));
        }
        let nanos = (value * nanos_per_unit).ceil();
        Ok(if nanos < LONGEST as f64 { Timeout::saturating(nanos as u64) } else { Timeout::INFINITE })
    }

    #[inline]
    pub(crate) fn saturating(ns: u64) -> Timeout {
        Timeout((ns <= LONGEST).then_some(ns))
    }

    /// Whether the call only tests.
    pub fn is_zero(self) -> bool {
        self.0 == Some(0)
    }

    /// Whether the call waits for ever.
    pub fn is_infinite(self) -> bool {
        self.0.is_none()
    }

    /// Nanoseconds, `None` for ever.
    pub(crate) fn nanos(self) -> Option<u64> {
        self.0
    }
}

#[cold]
fn negative(ns: i64) -> Error {
    Error::invalid_argument(format!("time-out {ns} ns is negative; use 0 to poll or BYNAME_INFINITE (-1) to wait for ever"))
}

impl From<Duration> for Timeout {
    /// `Duration::MAX`, and whatever else the clock cannot count, is for ever.
    fn from(d: Duration) -> Timeout {
        u64::try_from(d.as_nanos()).map_or(Timeout::INFINITE, Timeout::saturating)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        assert_eq!(Timeout::from_secs(0.0).unwrap(), Timeout::ZERO);
        assert_eq!(Timeout::from_secs(-0.0).unwrap(), Timeout::ZERO);
        assert_eq!(Timeout::from_secs(1.0).unwrap().nanos(), Some(1_000_000_000));
        assert_eq!(Timeout::from_secs(1e-12).unwrap().nanos(), Some(1), "a part of a nanosecond rounds up");
        assert_eq!(Timeout::from_millis(0.5).unwrap().nanos(), Some(500_000));
        for forever in [f64::INFINITY, f64::MAX, 1e300] {
            assert!(Timeout::from_secs(forever).unwrap().is_infinite());
            assert!(Timeout::from_millis(forever).unwrap().is_infinite());
        }
        for bad in [f64::NAN, -1.0, f64::NEG_INFINITY, -1e-300] {
            assert_eq!(Timeout::from_secs(bad).unwrap_err().win32(), 87);
            assert_eq!(Timeout::from_millis(bad).unwrap_err().win32(), 87);
        }
        assert!(Timeout::from_nanos(-1).unwrap().is_infinite());
        assert!(Timeout::from_nanos(i64::MAX).unwrap().is_infinite());
        assert_eq!(Timeout::from_nanos(-2).unwrap_err().win32(), 87);
        assert_eq!(Timeout::from_nanos(i64::MIN).unwrap_err().win32(), 87);
        assert!(Timeout::from(Duration::MAX).is_infinite());
        assert_eq!(Timeout::from(Duration::from_millis(2)).nanos(), Some(2_000_000));
    }
}
