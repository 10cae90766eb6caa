//! The event: set or not, manual or auto reset.

use crate::handle::{byname_handle, create, open};
use crate::input::Out;
use crate::mutex::acquire_kind;
use crate::options::{byname_event_options, byname_open_options};
use crate::status::{OK, byname_status, guard};
use byname::engine::{HandleRef, Kind, Reset};
use std::ffi::c_char;
use std::ptr::null_mut;

/// Everything that an event is at one instant.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_event_state {
    /// It is set.
    pub set: bool,
    /// It stays set until it is reset; otherwise a satisfied wait resets it.
    pub manual_reset: bool,
}

/// Makes an event, or opens it if the name exists; byname_handle_created() tells which.
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": an event without a name
/// @param options  NULL: the defaults (own session, all rights, auto reset, not set)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6),
///         _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
///         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_event_create(
    name: *const c_char,
    options: *const byname_event_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an existing event.
///
/// @param name     its name, as for byname_event_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         and what byname_event_create() says. Contract 1.2, 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_event_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Event, options, out) }
}

/// Waits until an event is set; a satisfied wait resets an auto-reset event. The same as byname_wait(), for events only.
///
/// ```c
/// byname_event_options options = BYNAME_EVENT_OPTIONS_INIT;
/// byname_handle gate;
/// options.manual_reset = 1;
/// if (BYNAME_FAILED(byname_event_create("gate", &options, &gate))) return 1;
/// if (byname_event_wait(gate, 1000000) == BYNAME_TIMED_OUT) puts("not open after a millisecond");
/// byname_event_set(gate);
/// if (byname_event_wait(gate, BYNAME_INFINITE) != BYNAME_OK) return 1;
/// byname_handle_close(gate);
/// ```
///
/// @param h           an event's handle with the right SYNCHRONIZE
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
///         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, 10.6.
#[unsafe(no_mangle)]
pub extern "C" fn byname_event_wait(h: byname_handle, timeout_ns: i64) -> byname_status {
    // SAFETY: NULL is allowed for the grant.
    guard(|| unsafe { acquire_kind(h, Kind::Event, timeout_ns, null_mut()) })
}

/// Sets an event: a manual one releases everybody who waits and stays set, an auto one releases exactly one waiter, or
/// stays set until somebody waits.
///
/// @param h  an event's handle with the right MODIFY_STATE
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, E1, E2, E6 to E12.
#[unsafe(no_mangle)]
pub extern "C" fn byname_event_set(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).set()?;
        Ok(OK)
    })
}

/// Resets an event. Whom an earlier set released stays released.
///
/// @param h  an event's handle with the right MODIFY_STATE
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, E2, E8.
#[unsafe(no_mangle)]
pub extern "C" fn byname_event_reset(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).reset()?;
        Ok(OK)
    })
}

/// Releases who waits at this instant (a manual event: all, an auto event: one) and leaves the event not set.
///
/// @param h  an event's handle with the right MODIFY_STATE
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, E3 to E5, E9.
#[unsafe(no_mangle)]
pub extern "C" fn byname_event_pulse(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).pulse()?;
        Ok(OK)
    })
}

/// Looks whether an event is set, without resetting it.
///
/// @param h    an event's handle with the right QUERY_STATE
/// @param set  receives the answer
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: set is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_event_is_set(h: byname_handle, set: *mut bool) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a bool, by the header's contract of outputs.
        let out = unsafe { Out::required(set, "set") }?;
        out.write(HandleRef::from_id(h.id).is_set()?);
        Ok(OK)
    })
}

/// Looks at all of an event's state at one instant, without taking it and without waiting for anybody.
///
/// @param h      an event's handle with the right QUERY_STATE
/// @param state  receives the state
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_event_look(h: byname_handle, state: *mut byname_event_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        let seen = HandleRef::from_id(h.id).event_state()?;
        out.write(byname_event_state { set: seen.set, manual_reset: seen.reset == Reset::Manual });
        Ok(OK)
    })
}
