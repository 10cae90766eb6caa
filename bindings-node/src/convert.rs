//! Arguments that more than one function takes.

use crate::fault::Fault;
use crate::js::{Js, Reply, Value};
use byname::engine::Access;
use byname::{Error, Timeout};
use std::time::Duration;

/// A time-out in milliseconds; `Infinity` waits for ever.
#[inline]
pub(crate) fn timeout<'s>(js: Js<'s>, value: Value<'s>) -> Result<Timeout, Fault> {
    Ok(Timeout::from_millis(js.number(value)?)?)
}

/// A time in milliseconds, for JavaScript.
pub(crate) fn millis(js: Js<'_>, time: Duration) -> Reply<'_> {
    js.make_number(time.as_secs_f64() * 1e3)
}

/// An object's name, or `undefined` for none.
pub(crate) fn name<'s>(js: Js<'s>, value: Value<'s>) -> Result<Option<String>, Fault> {
    if js.is_undefined(value)? { Ok(None) } else { js.text(value, "name").map(Some) }
}

/// A count as the caller gave it: a whole number. The engine knows its range.
pub(crate) fn count<'s>(js: Js<'s>, value: Value<'s>, what: &str) -> Result<i64, Fault> {
    let number = js.number(value)?;
    if number.fract() != 0.0 || !number.is_finite() {
        return Err(Error::invalid_argument(format!("{what} is {number}; it must be a whole number")).into());
    }
    // Beyond 64 bits the cast saturates, and the engine refuses the largest number as it would the true one.
    Ok(number as i64)
}

/// A number of bytes: a whole one, which JavaScript can have exactly.
pub(crate) fn bytes<'s>(js: Js<'s>, value: Value<'s>, what: &str) -> Result<u64, Fault> {
    let number = js.number(value)?;
    if number.fract() != 0.0 || !(0.0..=MAX_SAFE).contains(&number) {
        return Err(Error::invalid_argument(format!("{what} is {number}; it must be a whole number of bytes, 0 to 2 ** 53 - 1")).into());
    }
    Ok(number as u64)
}

/// `Number.MAX_SAFE_INTEGER`
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A sum of flags, or what JavaScript makes of them by `|`, which has a sign.
pub(crate) fn flags<'s>(js: Js<'s>, value: Value<'s>, what: &str) -> Result<u32, Fault> {
    let flags = count(js, value, what)?;
    u32::try_from(flags)
        .or_else(|_| i32::try_from(flags).map(i32::cast_unsigned))
        .map_err(|_| Error::invalid_argument(format!("{what} is {flags}; it must be flags of 32 bits")).into())
}

/// An access mask.
pub(crate) fn access<'s>(js: Js<'s>, value: Value<'s>) -> Result<Access, Fault> {
    let mask = count(js, value, "access")?;
    u32::try_from(mask).map(Access).map_err(|_| Error::invalid_argument(format!("access is {mask}; it must be a mask of 32 bits")).into())
}
