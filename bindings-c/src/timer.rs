//! The waitable timer: signaled when its time comes.

use crate::handle::{byname_handle, create, open};
use crate::input::Out;
use crate::mutex::acquire_kind;
use crate::options::{byname_open_options, byname_timer_options};
use crate::status::{OK, byname_status, guard};
use byname::engine::{Due, HandleRef, Kind, Period, Reset};
use std::ffi::c_char;
use std::ptr::null_mut;

/// Everything that a timer is at one instant.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_timer_state {
    /// How long until its time comes next, in nanoseconds; -1 if it does not.
    pub remaining_ns: i64,
    /// At which intervals its time comes, in nanoseconds; 0: once.
    pub period_ns: i64,
    /// Its time has come since it was set (and, if a wait resets it, nobody has waited since).
    pub signaled: bool,
    /// It stays signaled until it is set anew; otherwise a satisfied wait resets it.
    pub manual_reset: bool,
}

/// Makes a timer, not set, or opens it if the name exists; byname_handle_created() tells which.
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a timer without a name
/// @param options  NULL: the defaults (own session, all rights, auto reset)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6),
///         _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
///         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_timer_create(
    name: *const c_char,
    options: *const byname_timer_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an existing timer.
///
/// @param name     its name, as for byname_timer_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         and what byname_timer_create() says. Contract 1.2, 6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_timer_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Timer, options, out) }
}

/// Sets a timer to a time from now, and to every period after that.
///
/// Until then it is not signaled, whatever it was; an earlier setting is over; who waits goes on waiting for the new time. The times are the
/// due time and that plus whole periods, however late anybody looks; those that come while nobody waits are one. Never early.
///
/// ```c
/// byname_handle beat;
/// if (BYNAME_FAILED(byname_timer_create("beat", NULL, &beat))) return 1;
/// if (BYNAME_FAILED(byname_timer_set(beat, 2000000, 5000000))) return 1; // after 2 ms, then every 5 ms
/// byname_timer_wait(beat, BYNAME_INFINITE); // or anybody else who opens "beat"
/// byname_timer_wait(beat, BYNAME_INFINITE);
/// byname_timer_cancel(beat);
/// byname_handle_close(beat);
/// ```
///
/// @param h          a timer's handle with the right MODIFY_STATE
/// @param due_ns     how long from now, in nanoseconds of the monotonic clock; 0: at once
/// @param period_ns  the interval after that, 0 (once) to 2147483647000000
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time, or a period that is too long), _CLOSED (6), _WRONG_KIND (6),
///         _ACCESS_DENIED (5). Contract 6.1, T1 to T16.
#[unsafe(no_mangle)]
pub extern "C" fn byname_timer_set(h: byname_handle, due_ns: i64, period_ns: i64) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).set_timer(Due::after_nanos(due_ns)?, Period::from_nanos(period_ns)?)?;
        Ok(OK)
    })
}

/// Sets a timer to an instant of the wall clock, and to every period after that; otherwise as byname_timer_set().
///
/// When the clock is set forward past the instant, it has come; when it is set back, it comes later. The times after the first are
/// periods apart on the monotonic clock.
///
/// @param h          a timer's handle with the right MODIFY_STATE
/// @param unix_ns    when, in nanoseconds since 1970, UTC; what has passed is at once
/// @param period_ns  the interval after that, 0 (once) to 2147483647000000
/// @return what byname_timer_set() says. Contract 6.1, 6.4.
#[unsafe(no_mangle)]
pub extern "C" fn byname_timer_set_at(h: byname_handle, unix_ns: i64, period_ns: i64) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).set_timer(Due::at_nanos(unix_ns), Period::from_nanos(period_ns)?)?;
        Ok(OK)
    })
}

/// Stops a timer: its time comes no more. Whether it is signaled stays as it is; who waits goes on waiting.
///
/// @param h  a timer's handle with the right MODIFY_STATE
/// @return BYNAME_OK, also if it was not set, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 6.2.
#[unsafe(no_mangle)]
pub extern "C" fn byname_timer_cancel(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).cancel_timer()?;
        Ok(OK)
    })
}

/// Waits until a timer is signaled; a satisfied wait resets an auto-reset timer. The same as byname_wait(), for timers only.
///
/// @param h           a timer's handle with the right SYNCHRONIZE
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
///         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 6, 10.6.
#[unsafe(no_mangle)]
pub extern "C" fn byname_timer_wait(h: byname_handle, timeout_ns: i64) -> byname_status {
    // SAFETY: NULL is allowed for the grant.
    guard(|| unsafe { acquire_kind(h, Kind::Timer, timeout_ns, null_mut()) })
}

/// Tells how long it is until a timer's time comes next.
///
/// @param h             a timer's handle with the right QUERY_STATE
/// @param remaining_ns  receives the time in nanoseconds; -1 if none comes
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: remaining_ns is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_timer_remaining(h: byname_handle, remaining_ns: *mut i64) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing an int64_t, by the header's contract of outputs.
        let out = unsafe { Out::required(remaining_ns, "remaining_ns") }?;
        out.write(state(h)?.remaining_ns);
        Ok(OK)
    })
}

/// Looks at all of a timer's state at one instant, without taking it and without waiting for anybody.
///
/// @param h      a timer's handle with the right QUERY_STATE
/// @param state  receives the state
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_timer_look(h: byname_handle, state: *mut byname_timer_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        out.write(self::state(h)?);
        Ok(OK)
    })
}

fn state(h: byname_handle) -> byname::Result<byname_timer_state> {
    let seen = HandleRef::from_id(h.id).timer_state()?;
    let nanos = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    Ok(byname_timer_state {
        remaining_ns: seen.remaining.map_or(-1, nanos),
        period_ns: nanos(seen.period),
        signaled: seen.signaled,
        manual_reset: seen.reset == Reset::Manual,
    })
}
