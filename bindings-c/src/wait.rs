//! Waits over objects of any kind. What a wait takes belongs to the calling thread.

use crate::handle::byname_handle;
use crate::input::{Out, with_objects};
use crate::mutex::{acquired, answer, byname_grant};
use crate::status::{Failure, TIMED_OUT, byname_status, guard};
use byname::Timeout;
use byname::engine::{By, Grant, HandleRef, Mode, Outcome, Satisfied, signal_and_wait, wait};

/// What a wait for several objects tells besides its status.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_wait_result {
    /// The place in the array of the object that ended the wait; -1 after byname_wait_all().
    pub index: i64,
    /// The fence of the mutex or semaphore that was taken; 0 if it was an event, or several were taken
    /// (byname_mutex_held() tells each mutex's).
    pub fence: u64,
    /// The object was abandoned (wait-all: one of them at least); the status was BYNAME_ABANDONED.
    pub abandoned: bool,
}

/// Waits for one object of any kind: a mutex is acquired, an auto-reset event is reset, a semaphore gives a unit.
///
/// @param h           a handle with the right SYNCHRONIZE
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @param grant       receives the fence and whether it was abandoned; may be NULL
/// @return BYNAME_OK; BYNAME_ABANDONED: acquired; BYNAME_TIMED_OUT: nothing was taken; or BYNAME_ERR_INVALID_ARGUMENT
///         (87: a negative time), _CLOSED (6), _ACCESS_DENIED (5), _LIMIT_REACHED (587). Contract 10.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_wait(h: byname_handle, timeout_ns: i64, grant: *mut byname_grant) -> byname_status {
    guard(|| {
        let outcome = HandleRef::from_id(h.id).acquire(Timeout::from_nanos(timeout_ns)?, None)?;
        // SAFETY: NULL or valid for writing a grant, by the header's contract of outputs.
        Ok(answer(outcome, unsafe { Out::optional(grant) }))
    })
}

/// Waits until one of several objects is signalled and takes that one alone: the lowest place, where several are at once.
///
/// ```c
/// byname_handle either[2]; // stop, work
/// byname_wait_result result;
/// if (BYNAME_FAILED(byname_event_create("stop", NULL, &either[0]))) return 1;
/// if (BYNAME_FAILED(byname_semaphore_create("work", NULL, &either[1]))) return 1;
/// byname_status status = byname_wait_any(either, 2, INT64_C(1000000000), &result); // a second
/// if (BYNAME_FAILED(status)) return 1;
/// if (status != BYNAME_TIMED_OUT && result.index == 1) byname_semaphore_release(either[1], 1, NULL);
/// byname_handle_close(either[0]);
/// byname_handle_close(either[1]);
/// ```
///
/// @param handles     `n` handles with the right SYNCHRONIZE, of any kinds, of one namespace; one may stand twice
/// @param n           how many, 1 or more
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @param result      receives which one it was; may be NULL
/// @return BYNAME_OK; BYNAME_ABANDONED: acquired; BYNAME_TIMED_OUT: nothing was taken; or BYNAME_ERR_INVALID_ARGUMENT
///         (87: n is 0, handles is NULL, a negative time), _CLOSED (6: one of them), _ACCESS_DENIED (5: one of them),
///         _LIMIT_REACHED. Contract 10.3, 10.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_wait_any(
    handles: *const byname_handle,
    n: usize,
    timeout_ns: i64,
    result: *mut byname_wait_result,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    guard(|| unsafe { wait_for(handles, n, Mode::Any, timeout_ns, result) })
}

/// Waits until all of several objects are signalled at one instant and takes them together: all, or nothing.
///
/// ```c
/// byname_handle both[2];
/// if (BYNAME_FAILED(byname_mutex_create("accounts/a", NULL, &both[0]))) return 1;
/// if (BYNAME_FAILED(byname_mutex_create("accounts/b", NULL, &both[1]))) return 1;
/// if (BYNAME_FAILED(byname_wait_all(both, 2, BYNAME_INFINITE, NULL))) return 1;
/// for (int i = 0; i < 2; i++) {
///     byname_mutex_unlock(both[i]);
///     byname_handle_close(both[i]);
/// }
/// ```
///
/// @param handles     `n` handles with the right SYNCHRONIZE, of any kinds, of one namespace; no object may stand twice
/// @param n           how many, 1 or more
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @param result      receives index -1 and whether one was abandoned; may be NULL
/// @return as byname_wait_any(), and BYNAME_ERR_INVALID_ARGUMENT (87) for an object that stands twice, also through two
///         handles. Contract 10.3, 10.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_wait_all(
    handles: *const byname_handle,
    n: usize,
    timeout_ns: i64,
    result: *mut byname_wait_result,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    guard(|| unsafe { wait_for(handles, n, Mode::All, timeout_ns, result) })
}

/// Signals one object, then waits for another: sets an event, releases one unit of a semaphore or one acquisition of a
/// mutex. What was signalled stays so when the wait times out.
///
/// ```c
/// byname_handle done, go;
/// if (BYNAME_FAILED(byname_event_create("done", NULL, &done)) || BYNAME_FAILED(byname_event_create("go", NULL, &go))) return 1;
/// if (byname_signal_and_wait(done, go, 1000000, NULL) != BYNAME_TIMED_OUT) return 1; // nobody sets go
/// if (byname_event_wait(done, 0) != BYNAME_OK) return 1; // the signal stays done
/// byname_handle_close(done);
/// byname_handle_close(go);
/// ```
///
/// @param signal      an event's or semaphore's handle with the right MODIFY_STATE, or a mutex's that the thread owns
/// @param object      a handle of any kind with the right SYNCHRONIZE, of the same namespace; may be `signal` itself
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
/// @param grant       receives the fence and whether `object` was abandoned; may be NULL
/// @return BYNAME_OK; BYNAME_ABANDONED: acquired; BYNAME_TIMED_OUT; or, nothing signalled, BYNAME_ERR_INVALID_ARGUMENT
///         (87: a negative time), _CLOSED (6), _ACCESS_DENIED (5), _NOT_OWNER (288), _TOO_MANY_POSTS (298). Contract 10.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_signal_and_wait(
    signal: byname_handle,
    object: byname_handle,
    timeout_ns: i64,
    grant: *mut byname_grant,
) -> byname_status {
    guard(|| {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        // SAFETY: NULL or valid for writing a grant, by the header's contract of outputs.
        let out = unsafe { Out::optional(grant) };
        let outcome = signal_and_wait(HandleRef::from_id(signal.id), HandleRef::from_id(object.id), By::Thread, timeout, None)?;
        Ok(news(outcome, out, |won| byname_grant { fence: fence(&won.grants), abandoned: won.abandoned }))
    })
}

/// The body of both waits for several objects.
///
/// # Safety
/// - `handles` is NULL or points to `n` handles, `result` is NULL or valid for writing.
unsafe fn wait_for(
    handles: *const byname_handle,
    n: usize,
    mode: Mode,
    timeout_ns: i64,
    result: *mut byname_wait_result,
) -> Result<byname_status, Failure> {
    let timeout = Timeout::from_nanos(timeout_ns)?;
    // SAFETY: this function's contract.
    let outcome = unsafe { with_objects(handles, n, |objects| Ok(wait(objects, mode, By::Thread, timeout, None)?)) }?;
    // SAFETY: this function's contract.
    let out = unsafe { Out::optional(result) };
    Ok(news(outcome, out, |won| byname_wait_result { index: won.index as i64, fence: fence(&won.grants), abandoned: won.abandoned }))
}

/// The status of a wait, after its news is written. Its grants are kept: what a wait took stays taken until it is released.
fn news<T>(outcome: Outcome<Satisfied>, out: Option<Out<T>>, tell: impl FnOnce(&Satisfied) -> T) -> byname_status {
    match outcome {
        Outcome::Got(won) => {
            if let Some(out) = out {
                out.write(tell(&won));
            }
            let status = acquired(won.abandoned);
            won.grants.into_iter().for_each(Grant::keep);
            status
        }
        Outcome::TimedOut => TIMED_OUT,
        Outcome::Interrupted => unreachable!("a wait without an interrupt was interrupted"),
    }
}

/// The fence of the only grant.
fn fence(grants: &[Grant]) -> u64 {
    match grants {
        [one] => one.fence(),
        _ => 0,
    }
}
