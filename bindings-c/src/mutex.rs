//! The mutex: owned by a thread, recursive, abandoned when its owner dies.

use crate::handle::{byname_handle, create, open};
use crate::input::Out;
use crate::options::{byname_mutex_options, byname_open_options};
use crate::status::{ABANDONED, Failure, OK, TIMED_OUT, byname_status, guard};
use byname::Timeout;
use byname::engine::{Acquired, HandleRef, Kind, MutexState, Outcome, OwnerInfo};
use std::ffi::c_char;

/// What an acquisition tells besides its status.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_grant {
    /// Strictly increasing with every acquisition of the object, across owners and their deaths: write it beside what
    /// the mutex guards and refuse smaller ones. 1 for the first owner of the object; an object that is made anew, after its
    /// last handle was closed, begins at 1 again. 0 for an event.
    pub fence: u64,
    /// The previous owner died holding it; the status was BYNAME_ABANDONED.
    pub abandoned: bool,
}

/// Who owns a mutex.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_owner {
    /// The process id of the owner, 0 if the mutex is free.
    pub pid: u32,
    /// The thread id of the owner, 0 if the mutex is free.
    pub tid: u32,
}

/// Everything that a mutex is at one instant.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_mutex_state {
    /// Who owns it, {0, 0} if it is free.
    pub owner: byname_owner,
    /// How often the owner holds it, 0 if it is free.
    pub depth: u32,
    /// Its last owner died holding it, and nobody has acquired it since: the next one will be told.
    pub abandoned: bool,
}

/// Makes a mutex, or opens it if the name exists; byname_handle_created() tells which.
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a mutex without a name
/// @param options  NULL: the defaults (own session, all rights, free)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6),
///         _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
///         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mutex_create(
    name: *const c_char,
    options: *const byname_mutex_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an existing mutex.
///
/// @param name     its name, as for byname_mutex_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         and what byname_mutex_create() says. Contract 1.2, 3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mutex_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Mutex, options, out) }
}

/// Acquires a mutex for the calling thread. A thread that owns it already acquires it once more.
///
/// The death of an owner that alone had the mutex open leaves no mutex, and so no news: who creates it anew gets fence 1.
///
/// ```c
/// byname_handle ledger;
/// byname_grant grant;
/// if (BYNAME_FAILED(byname_mutex_create("ledger", NULL, &ledger))) return 1;
/// byname_status status = byname_mutex_lock(ledger, INT64_C(5000000000), &grant); // five seconds
/// if (BYNAME_FAILED(status) || status == BYNAME_TIMED_OUT) return 1;
/// if (status == BYNAME_ABANDONED) puts("the previous owner died in here: repair first");
/// byname_mutex_unlock(ledger);
/// byname_handle_close(ledger);
/// ```
///
/// @param h           a mutex's handle with the right SYNCHRONIZE
/// @param timeout_ns  how long to wait, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param grant       receives the fence and whether it was abandoned; may be NULL
/// @return BYNAME_OK; BYNAME_ABANDONED: acquired, its previous owner died holding it (contract 3.4, A1 to A17);
///         BYNAME_TIMED_OUT: not acquired; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
///         _WRONG_KIND (6), _ACCESS_DENIED (5), _LIMIT_REACHED (587: 2^31 acquisitions). Contract 3.1 to 3.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mutex_lock(h: byname_handle, timeout_ns: i64, grant: *mut byname_grant) -> byname_status {
    // SAFETY: the header's contract of outputs is this function's.
    guard(|| unsafe { acquire_kind(h, Kind::Mutex, timeout_ns, grant) })
}

/// Releases one acquisition of the calling thread; the last one makes the mutex free.
///
/// @param h  a mutex's handle; no right is needed
/// @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288: the thread does not own it; nothing changed), _CLOSED (6),
///         _WRONG_KIND (6). Contract 3.2.
#[unsafe(no_mangle)]
pub extern "C" fn byname_mutex_unlock(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).release()?;
        Ok(OK)
    })
}

/// Tells what the calling thread's hold of a mutex says: after a wait for several objects, or in code further down.
///
/// @param h      a mutex's handle
/// @param grant  receives the fence of the thread's acquisition, and whether it found the mutex abandoned
/// @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288), _CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: grant is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mutex_held(h: byname_handle, grant: *mut byname_grant) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a grant, by the header's contract of outputs.
        let out = unsafe { Out::required(grant, "grant") }?;
        let held = HandleRef::from_id(h.id).held()?;
        out.write(byname_grant { fence: held.fence, abandoned: held.abandoned });
        Ok(OK)
    })
}

/// Tells who owns a mutex now. By the time the caller looks it may be somebody else.
///
/// @param h      a mutex's handle with the right QUERY_STATE
/// @param owner  receives the owner, {0, 0} if the mutex is free
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: owner is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mutex_owner(h: byname_handle, owner: *mut byname_owner) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing an owner, by the header's contract of outputs.
        let out = unsafe { Out::required(owner, "owner") }?;
        out.write(HandleRef::from_id(h.id).owner()?.into());
        Ok(OK)
    })
}

/// Looks at all of a mutex's state at one instant, without taking it and without waiting for anybody.
///
/// @param h      a mutex's handle with the right QUERY_STATE
/// @param state  receives the state
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mutex_look(h: byname_handle, state: *mut byname_mutex_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        let MutexState { owner, depth, abandoned, .. } = HandleRef::from_id(h.id).mutex_state()?;
        out.write(byname_mutex_state { owner: owner.into(), depth, abandoned });
        Ok(OK)
    })
}

impl From<Option<OwnerInfo>> for byname_owner {
    fn from(owner: Option<OwnerInfo>) -> byname_owner {
        owner.map_or(byname_owner { pid: 0, tid: 0 }, |o| byname_owner { pid: o.pid, tid: o.tid })
    }
}

/// The body of a wait for one object of a kind: `byname_mutex_lock` of an event's handle is no wait for the event.
///
/// # Safety
/// - `grant` is NULL or valid for writing.
#[inline(always)]
pub(crate) unsafe fn acquire_kind(
    h: byname_handle,
    kind: Kind,
    timeout_ns: i64,
    grant: *mut byname_grant,
) -> Result<byname_status, Failure> {
    let outcome = HandleRef::from_id(h.id).acquire_as(kind, Timeout::from_nanos(timeout_ns)?, None)?;
    // SAFETY: this function's contract.
    Ok(answer(outcome, unsafe { Out::optional(grant) }))
}

/// The status of a wait for one object, after its news is written.
#[inline(always)]
pub(crate) fn answer(outcome: Outcome<Acquired>, grant: Option<Out<byname_grant>>) -> byname_status {
    match outcome {
        Outcome::Got(Acquired { fence, abandoned }) => {
            if let Some(out) = grant {
                out.write(byname_grant { fence, abandoned });
            }
            acquired(abandoned)
        }
        Outcome::TimedOut => TIMED_OUT,
        Outcome::Interrupted => unreachable!("a wait without an interrupt was interrupted"),
    }
}

/// The status of an acquisition.
#[inline]
pub(crate) fn acquired(abandoned: bool) -> byname_status {
    if abandoned { ABANDONED } else { OK }
}
