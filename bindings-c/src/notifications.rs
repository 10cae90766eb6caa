//! What a job tells: who came, who went, that nobody is left.

use crate::handle::byname_handle;
use crate::input::Out;
use crate::status::{OK, TIMED_OUT, byname_status, guard};
use byname::Timeout;
use byname::engine::{HandleRef, Outcome};

/// A message of a job: the limit of processes was met; one was killed, or was not started (JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT).
pub const BYNAME_JOB_MSG_ACTIVE_PROCESS_LIMIT: u32 = 3;
/// A message of a job: no process is left (JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO).
pub const BYNAME_JOB_MSG_ACTIVE_PROCESS_ZERO: u32 = 4;
/// A message of a job: the process is in it, or was when the notifications began (JOB_OBJECT_MSG_NEW_PROCESS).
pub const BYNAME_JOB_MSG_NEW_PROCESS: u32 = 6;
/// A message of a job: the process has ended (JOB_OBJECT_MSG_EXIT_PROCESS).
pub const BYNAME_JOB_MSG_EXIT_PROCESS: u32 = 7;
/// A message of a job: the process has ended by SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or SIGABRT (JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS).
pub const BYNAME_JOB_MSG_ABNORMAL_EXIT_PROCESS: u32 = 8;
/// A message of a job: the limit of memory was met (JOB_OBJECT_MSG_JOB_MEMORY_LIMIT).
pub const BYNAME_JOB_MSG_JOB_MEMORY_LIMIT: u32 = 10;

/// One notification of a job.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_job_notification {
    /// What happened: BYNAME_JOB_MSG_NEW_PROCESS and its neighbours.
    pub message: u32,
    /// To which process, as the caller's PID namespace numbers it; 0 for what is told of the job.
    pub pid: u32,
}

/// Begins to tell this process what happens in a job: first who is in it, then who comes, who goes, and that nobody is left.
///
/// The handle can be waited for together with all others, and byname_handle_fd() gives a descriptor for poll(): it is signalled as long as there is a
/// notification, and a wait takes none; byname_job_notification_next() does. It does not keep the job. Closing it ends the notifications; in a forked
/// child it is closed. Who is put in by this process is told in any case; who is put in by another one, or forked by a member, if it lives long enough
/// to be seen: up to a twentieth of a second.
///
/// ```c
/// byname_job_options options = BYNAME_JOB_OPTIONS_INIT;
/// byname_handle job, told;
/// byname_job_notification next;
/// options.kill_on_close = 1;
/// if (byname_job_create(NULL, &options, &job) != BYNAME_OK) return 1;
/// if (byname_job_notifications(job, &told) != BYNAME_OK) return 1;
/// pid_t child = fork();
/// if (child == 0) {
///     for (;;) pause();
/// }
/// if (byname_job_assign(job, child) != BYNAME_OK) return 1;
/// if (byname_job_notification_next(told, BYNAME_INFINITE, &next) != BYNAME_OK) return 1;
/// if (next.message != BYNAME_JOB_MSG_NEW_PROCESS || next.pid != (uint32_t)child) return 1;
/// if (byname_job_terminate(job, 0) != BYNAME_OK) return 1;
/// while (next.message != BYNAME_JOB_MSG_ACTIVE_PROCESS_ZERO) {
///     if (byname_job_notification_next(told, BYNAME_INFINITE, &next) != BYNAME_OK) return 1;
/// }
/// waitpid(child, NULL, 0);
/// byname_handle_close(told);
/// byname_handle_close(job);
/// ```
///
/// @param h    a job's handle with the right BYNAME_ACCESS_JOB_LIMIT
/// @param out  receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: this process has the job's notifications
///         already, or out is NULL), _LIMIT_REACHED (no descriptor or watch is left). Contract 8.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_notifications(h: byname_handle, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a handle, by the header's contract of outputs.
        let out = unsafe { Out::required(out, "out") }?;
        let begun = HandleRef::from_id(h.id).job_notifications()?;
        out.write(byname_handle { id: begun.into_id() });
        Ok(OK)
    })
}

/// Takes the next notification of a job; waits for one.
///
/// @param h             a handle of byname_job_notifications()
/// @param timeout_ns    how long to wait, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param notification  receives it
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_CLOSED (6: also in a forked child), _WRONG_KIND (6: any other handle), _INVALID_ARGUMENT (87:
///         notification is NULL, a negative time). Contract 8.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_notification_next(
    h: byname_handle,
    timeout_ns: i64,
    notification: *mut byname_job_notification,
) -> byname_status {
    guard(|| {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        // SAFETY: NULL or valid for writing a notification, by the header's contract of outputs.
        let out = unsafe { Out::required(notification, "notification") }?;
        let Outcome::Got(next) = HandleRef::from_id(h.id).next_notification(timeout, None)? else { return Ok(TIMED_OUT) };
        out.write(byname_job_notification { message: next.message.id(), pid: next.pid });
        Ok(OK)
    })
}
