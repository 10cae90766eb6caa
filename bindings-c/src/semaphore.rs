//! The semaphore: a count of units that anybody may release.

use crate::handle::{byname_handle, create, open};
use crate::input::Out;
use crate::mutex::{acquire_kind, byname_grant};
use crate::options::{byname_open_options, byname_semaphore_options};
use crate::status::{OK, byname_status, guard};
use byname::engine::{HandleRef, Kind, SemaphoreState};
use std::ffi::c_char;

/// Everything that a semaphore is at one instant.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_semaphore_state {
    /// How many units are free.
    pub available: u32,
    /// How many there can be.
    pub maximum: u32,
    /// The units of the dead come back.
    pub robust: bool,
}

/// Makes a semaphore, or opens it if the name exists; byname_handle_created() tells which.
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a semaphore without a name
/// @param options  its counts; NULL: the defaults (own session, all rights, count 1, maximum 0x7FFFFFFF, not robust)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: also for counts out of range where the name exists),
///         _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6), _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another
///         kind), _ACCESS_DENIED (5), _UNSUPPORTED (50), _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace.
///         Contract 1.2, 5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_semaphore_create(
    name: *const c_char,
    options: *const byname_semaphore_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an existing semaphore.
///
/// @param name     its name, as for byname_semaphore_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         and what byname_semaphore_create() says. Contract 1.2, 5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_semaphore_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Semaphore, options, out) }
}

/// Takes one unit.
///
/// ```c
/// byname_semaphore_options options = BYNAME_SEMAPHORE_OPTIONS_INIT;
/// byname_handle slots;
/// options.initial = options.maximum = 4;
/// options.robust = 1; // a holder that dies gives its unit back
/// if (BYNAME_FAILED(byname_semaphore_create("slots", &options, &slots))) return 1;
/// if (BYNAME_FAILED(byname_semaphore_acquire(slots, BYNAME_INFINITE, NULL))) return 1;
/// byname_semaphore_release(slots, 1, NULL);
/// byname_handle_close(slots);
/// ```
///
/// @param h           a semaphore's handle with the right SYNCHRONIZE
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param grant       receives the fence and whether a holder has died; may be NULL
/// @return BYNAME_OK; BYNAME_ABANDONED: acquired, and a process that held a unit of a robust semaphore died;
///         BYNAME_TIMED_OUT: not acquired; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
///         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 5, S4, S9.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_semaphore_acquire(h: byname_handle, timeout_ns: i64, grant: *mut byname_grant) -> byname_status {
    // SAFETY: the header's contract of outputs is this function's.
    guard(|| unsafe { acquire_kind(h, Kind::Semaphore, timeout_ns, grant) })
}

/// Adds `n` units: all of them, or none.
///
/// @param h         a semaphore's handle with the right MODIFY_STATE
/// @param n         how many, 1 or more
/// @param previous  receives the count before; may be NULL
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: n is 0 or negative), _TOO_MANY_POSTS (298: over the maximum;
///         nothing was released), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 5, S1 to S3, S6, S10.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_semaphore_release(h: byname_handle, n: i64, previous: *mut u32) -> byname_status {
    guard(|| {
        let before = HandleRef::from_id(h.id).post(n)?;
        // SAFETY: NULL or valid for writing an integer, by the header's contract of outputs.
        if let Some(out) = unsafe { Out::optional(previous) } {
            out.write(before);
        }
        Ok(OK)
    })
}

/// Looks how many units are free, without taking one.
///
/// @param h      a semaphore's handle with the right QUERY_STATE
/// @param count  receives the answer
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: count is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_semaphore_available(h: byname_handle, count: *mut u32) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing an integer, by the header's contract of outputs.
        let out = unsafe { Out::required(count, "count") }?;
        out.write(HandleRef::from_id(h.id).available()?);
        Ok(OK)
    })
}

/// Looks at all of a semaphore's state at one instant, without taking a unit and without waiting for anybody.
///
/// @param h      a semaphore's handle with the right QUERY_STATE
/// @param state  receives the state
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_semaphore_look(h: byname_handle, state: *mut byname_semaphore_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        let SemaphoreState { available, maximum, robust, .. } = HandleRef::from_id(h.id).semaphore_state()?;
        out.write(byname_semaphore_state { available, maximum, robust });
        Ok(OK)
    })
}
