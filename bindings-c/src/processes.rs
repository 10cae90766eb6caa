//! Any process as something to wait for.

use crate::handle::byname_handle;
use crate::input::Out;
use crate::options::{byname_open_options, read};
use crate::status::{OK, byname_status, guard};
use byname::engine::{Access, HandleRef};

/// The right to end a process (PROCESS_TERMINATE).
pub const BYNAME_ACCESS_PROCESS_TERMINATE: u32 = 0x0001;
/// The right to put a process into a job (PROCESS_SET_QUOTA).
pub const BYNAME_ACCESS_PROCESS_SET_QUOTA: u32 = 0x0100;
/// The right to ask for a process's exit code (PROCESS_QUERY_INFORMATION).
pub const BYNAME_ACCESS_PROCESS_QUERY: u32 = 0x0400;

/// The exit code of a process that runs (STILL_ACTIVE).
pub const BYNAME_STILL_ACTIVE: u32 = 259;

/// Opens any process as an object without a name, which is signalled when the process has ended, all its threads included, and stays
/// so. It need not use byname, be a child, or belong to the same user. A later process of that number is never taken for it.
///
/// ```c
/// byname_handle process;
/// if (BYNAME_FAILED(byname_process_open((int64_t)getpid(), NULL, &process))) return 1;
/// if (byname_wait(process, 0, NULL) == BYNAME_TIMED_OUT) puts("it runs");
/// byname_handle_close(process);
/// ```
///
/// @param pid      its number in the caller's own PID namespace
/// @param options  NULL: the defaults (own session, all rights); objects of one wait must be of one session
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: no process has that number, or it is a thread's), _ACCESS_DENIED (5: access),
///         _LIMIT_REACHED (no descriptor or thread is left), _UNSUPPORTED (50: before Linux 5.3). Contract 10.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_process_open(pid: i64, options: *const byname_open_options, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid, by the header's contract of inputs and outputs.
        let (out, options) = unsafe { (Out::required(out, "out")?, read(options)?) };
        // SAFETY: the strings inside the options are NULL or NUL-terminated by the header's contract of inputs.
        let namespace = unsafe { options.ns.attach() }?;
        out.write(byname_handle { id: namespace.open_process(pid, Access(options.access))?.into_id() });
        Ok(OK)
    })
}

/// Tells the number by which a process was opened.
///
/// @param h    a process's handle
/// @param pid  receives the number
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: pid is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_process_pid(h: byname_handle, pid: *mut u32) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing an integer, by the header's contract of outputs.
        let out = unsafe { Out::required(pid, "pid") }?;
        out.write(HandleRef::from_id(h.id).process_id()?);
        Ok(OK)
    })
}

/// Tells how a process ended: the status that it gave (0 to 255), 128 and the number of the signal that ended it, or the code of
/// byname_process_terminate(). Nothing is reaped.
///
/// @param h        a process's handle with the right BYNAME_ACCESS_PROCESS_QUERY
/// @param running  receives whether it runs; may be NULL
/// @param code     receives the code; BYNAME_STILL_ACTIVE while it runs
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: code is NULL), _UNSUPPORTED (50:
///         it was no child, has been reaped, and the kernel is older than Linux 6.15).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_process_exit_code(h: byname_handle, running: *mut bool, code: *mut u32) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing, by the header's contract of outputs.
        let (running, code) = unsafe { (Out::optional(running), Out::required(code, "code")?) };
        let told = HandleRef::from_id(h.id).exit_code()?;
        if let Some(running) = running {
            running.write(told.is_none());
        }
        code.write(told.unwrap_or(BYNAME_STILL_ACTIVE));
        Ok(OK)
    })
}

/// Kills a process at once, by SIGKILL. byname_process_exit_code() of this handle and its copies tells `code` afterwards; its parent, and
/// everybody else, sees the signal.
///
/// @param h     a process's handle with the right BYNAME_ACCESS_PROCESS_TERMINATE
/// @param code  the exit code that byname tells
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5: no right, another user's, or it has ended).
#[unsafe(no_mangle)]
pub extern "C" fn byname_process_terminate(h: byname_handle, code: u32) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).terminate_process(code)?;
        Ok(OK)
    })
}
