//! The watchdog: acts when it is not refreshed in time.

use crate::handle::{byname_handle, create, open};
use crate::input::Out;
use crate::mutex::acquire_kind;
use crate::options::{byname_open_options, byname_watchdog_options};
use crate::status::{OK, byname_status, guard};
use byname::engine::{HandleRef, Kind, WatchdogStage, set_reset_hook};
use std::ffi::c_char;
use std::ptr::null_mut;

/// Where a watchdog is.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum byname_watchdog_stage {
    /// It watches nobody.
    Stopped = 0,
    /// It was refreshed in time.
    Running = 1,
    /// It was not, and is signaled; the action waits for the grace to pass.
    Grace = 2,
    /// The action has been taken; it stays signaled.
    Expired = 3,
}

/// Everything that a watchdog is at one instant.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_watchdog_state {
    /// In which it must be refreshed, in nanoseconds.
    pub period_ns: i64,
    /// How long after that the action waits, in nanoseconds.
    pub grace_ns: i64,
    /// While it is running: how long until it must be refreshed, in nanoseconds; else -1.
    pub remaining_ns: i64,
    /// Where it is.
    pub stage: byname_watchdog_stage,
    /// The process that started it, as that sees itself; 0 while it is stopped.
    pub pid: u32,
    /// A BYNAME_ACTION_ constant.
    pub action: u32,
    /// The number for the hook of BYNAME_ACTION_RESET_DEVICE.
    pub parameter: u32,
}

/// Makes a watchdog, stopped, or opens it if the name exists; byname_handle_created() tells which.
///
/// ```c
/// byname_watchdog_options options = BYNAME_WATCHDOG_OPTIONS_INIT;
/// byname_handle dog;
/// int i;
/// options.period_ns = INT64_C(5000000000);
/// options.grace_ns = INT64_C(1000000000);
/// options.action = BYNAME_ACTION_KILL;
/// if (BYNAME_FAILED(byname_watchdog_create("alive", &options, &dog))) return 1;
/// byname_watchdog_start(dog);
/// for (i = 0; i < 3; i++) byname_watchdog_refresh(dog); // after each piece of work, of less than five seconds
/// byname_watchdog_stop(dog);
/// byname_handle_close(dog);
/// ```
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a watchdog without a name
/// @param options  its times and its action; NULL is the defaults, whose period of 0 is refused
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: also for a period of 0, a negative time, an unknown action), _NAME_TOO_LONG (206),
///         _INVALID_NAME (123, 161, 6), _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
///         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 9.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_watchdog_create(
    name: *const c_char,
    options: *const byname_watchdog_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an existing watchdog.
///
/// @param name     its name, as for byname_watchdog_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         and what byname_watchdog_create() says of names. Contract 1.2, 9.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_watchdog_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Watchdog, options, out) }
}

/// Starts a watchdog, or starts it anew: from now on the calling process is watched, and must refresh it within each period.
///
/// @param h  a watchdog's handle with the right MODIFY_STATE
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5; also for BYNAME_ACTION_RESET_DEVICE where this process has no
///         hook). Contract 9.8, WD1, WD3.
#[unsafe(no_mangle)]
pub extern "C" fn byname_watchdog_start(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).start_watchdog()?;
        Ok(OK)
    })
}

/// Gives a watchdog one period more from now. In its grace, or expired, it runs again; where it is stopped nothing happens.
///
/// @param h  a watchdog's handle with the right MODIFY_STATE, of any process
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 9.8, WD6.
#[unsafe(no_mangle)]
pub extern "C" fn byname_watchdog_refresh(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).refresh_watchdog()?;
        Ok(OK)
    })
}

/// Stops a watchdog: it is not signaled, and an action that has not been taken is not.
///
/// @param h  a watchdog's handle with the right MODIFY_STATE
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 9.8, WD10.
#[unsafe(no_mangle)]
pub extern "C" fn byname_watchdog_stop(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).stop_watchdog()?;
        Ok(OK)
    })
}

/// Waits until a watchdog is signaled, which the wait does not change. The same as byname_wait(), for watchdogs only.
///
/// @param h           a watchdog's handle with the right SYNCHRONIZE
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
///         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 9.8, WD4, WD9.
#[unsafe(no_mangle)]
pub extern "C" fn byname_watchdog_wait(h: byname_handle, timeout_ns: i64) -> byname_status {
    // SAFETY: NULL is allowed for the grant.
    guard(|| unsafe { acquire_kind(h, Kind::Watchdog, timeout_ns, null_mut()) })
}

/// Looks at all of a watchdog's state at one instant, without waiting for anybody.
///
/// @param h      a watchdog's handle with the right QUERY_STATE
/// @param state  receives the state
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_watchdog_look(h: byname_handle, state: *mut byname_watchdog_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        let seen = HandleRef::from_id(h.id).watchdog_state()?;
        let nanos = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let (action, parameter) = seen.action.code();
        out.write(byname_watchdog_state {
            period_ns: nanos(seen.period),
            grace_ns: nanos(seen.grace),
            remaining_ns: seen.remaining.map_or(-1, nanos),
            stage: match seen.stage {
                WatchdogStage::Stopped => byname_watchdog_stage::Stopped,
                WatchdogStage::Running => byname_watchdog_stage::Running,
                WatchdogStage::Grace => byname_watchdog_stage::Grace,
                WatchdogStage::Expired => byname_watchdog_stage::Expired,
            },
            pid: seen.pid.unwrap_or(0),
            action,
            parameter,
        });
        Ok(OK)
    })
}

/// Says whether each byname_watchdog_refresh() of this handle tells systemd, too: WATCHDOG=1 to NOTIFY_SOCKET, where there is one. Off at first.
///
/// @param h   a watchdog's handle
/// @param on  whether it does
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6).
#[unsafe(no_mangle)]
pub extern "C" fn byname_watchdog_notify_systemd(h: byname_handle, on: bool) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).notify_systemd(on)?;
        Ok(OK)
    })
}

/// Says what resets the device in this process, for watchdogs with BYNAME_ACTION_RESET_DEVICE. byname itself resets nothing.
///
/// The hook is called with the watchdog's parameter, once, on a thread of byname's that has all signals blocked: it should be quick, and must not end that thread.
///
/// @param hook  the function; NULL: nothing resets the device
#[unsafe(no_mangle)]
pub extern "C" fn byname_set_reset_hook(hook: Option<extern "C" fn(parameter: u32)>) {
    set_reset_hook(hook.map(|hook| move |parameter| hook(parameter)));
}
