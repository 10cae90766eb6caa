//! The job: processes that are limited, counted and ended together.

use crate::handle::{byname_handle, create, open};
use crate::input::Out;
use crate::options::{byname_job_options, byname_open_options};
use crate::status::{Failure, OK, byname_status, guard};
use byname::engine::{HandleRef, JobLimits, Kind};
use byname::{Error, ErrorKind};
use std::ffi::c_char;

/// The right to put a process into a job (JOB_OBJECT_ASSIGN_PROCESS).
pub const BYNAME_ACCESS_JOB_ASSIGN: u32 = 0x0001;
/// The right to limit a job (JOB_OBJECT_SET_ATTRIBUTES).
pub const BYNAME_ACCESS_JOB_LIMIT: u32 = 0x0002;
/// The right to look at a job (JOB_OBJECT_QUERY).
pub const BYNAME_ACCESS_JOB_QUERY: u32 = 0x0004;
/// The right to end a job's processes (JOB_OBJECT_TERMINATE).
pub const BYNAME_ACCESS_JOB_TERMINATE: u32 = 0x0008;

/// What a job limits. All zero: nothing.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_job_limits {
    /// The most processes that may be in it at a time; 0: no limit.
    pub active_processes: u32,
    /// Not zero: its processes are killed when the last handle to it is closed, also by the death of its process.
    pub kill_on_close: u32,
    /// The most bytes of memory that its processes may have together, 4096 or more; 0: no limit.
    pub memory: u64,
}

/// What a job has come to.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_job_accounting {
    /// The processes that are in it now.
    pub active_processes: u32,
    /// Those that byname ever put into it; those that its members forked are not among them.
    pub total_processes: u32,
    /// Those that were killed because they would have exceeded the limit.
    pub terminated_processes: u32,
    /// Zero.
    pub reserved: u32,
    /// What all of them, the dead included, have spent in programs, in nanoseconds; without control groups those that live, and whom they have waited for.
    pub user_ns: u64,
    /// And in the kernel.
    pub system_ns: u64,
    /// The most bytes of memory that they had together; 0 where the system does not count it.
    pub memory_peak: u64,
}

/// Makes a job, without processes and limits, or opens it if the name exists; byname_handle_created() tells which.
///
/// A member is one for life, and so are all its later children, whatever they do. A job is signalled by byname_job_terminate(), and by
/// nothing else.
///
/// ```c
/// byname_job_options options = BYNAME_JOB_OPTIONS_INIT;
/// byname_handle job;
/// options.kill_on_close = 1;
/// if (byname_job_create(NULL, &options, &job) != BYNAME_OK) return 1;
/// pid_t child = fork();
/// if (child == 0) {
///     for (;;) pause();
/// }
/// if (byname_job_assign(job, child) != BYNAME_OK) return 1;
/// if (byname_job_terminate(job, 123) != BYNAME_OK) return 1;
/// waitpid(child, NULL, 0);
/// byname_handle_close(job);
/// ```
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a job without a name
/// @param options  NULL: the defaults (own session, all rights, processes outlive the job)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_UNSUPPORTED (50: none of the means that keep processes together is there), and what
///         byname_event_create() says. Contract 8.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_create(
    name: *const c_char,
    options: *const byname_job_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an existing job.
///
/// @param name     its name, as for byname_job_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         and what byname_job_create() says. Contract 8.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Job, options, out) }
}

/// Puts a process into a job. Children that it has already stay where they are; later ones are in it.
///
/// A program that is to be in the job from its first instruction: fork, let the child assign itself (getpid()) and then exec.
///
/// @param h    a job's handle with the right BYNAME_ACCESS_JOB_ASSIGN
/// @param pid  the process, in the caller's PID namespace
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: no such process), _ACCESS_DENIED (5: no right; it has
///         ended, is in the job already, or in another one that this one is not inside of), _LIMIT_REACHED (1816: the job is full, and
///         the process was killed). Contract 8.2.
#[unsafe(no_mangle)]
pub extern "C" fn byname_job_assign(h: byname_handle, pid: i64) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).assign(pid)?;
        Ok(OK)
    })
}

/// Kills all processes of a job at once, and those of jobs inside it, by SIGKILL; the job is signalled from then on, also where nobody was in
/// it. byname_process_exit_code() tells `code` for all of them as long as the job is open; a parent sees the signal.
///
/// @param h     a job's handle with the right BYNAME_ACCESS_JOB_TERMINATE
/// @param code  the exit code that byname tells
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 8.1.
#[unsafe(no_mangle)]
pub extern "C" fn byname_job_terminate(h: byname_handle, code: u32) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).terminate_job(code)?;
        Ok(OK)
    })
}

/// Tells what a job has come to.
///
/// @param h           a job's handle with the right BYNAME_ACCESS_JOB_QUERY
/// @param accounting  receives it
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: accounting is NULL). Contract 8.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_query(h: byname_handle, accounting: *mut byname_job_accounting) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing, by the header's contract of outputs.
        let out = unsafe { Out::required(accounting, "accounting") }?;
        let seen = HandleRef::from_id(h.id).job_accounting()?;
        out.write(byname_job_accounting {
            active_processes: seen.active_processes,
            total_processes: seen.total_processes,
            terminated_processes: seen.terminated_processes,
            reserved: 0,
            user_ns: seen.user_time.as_nanos() as u64,
            system_ns: seen.system_time.as_nanos() as u64,
            memory_peak: seen.memory_peak.unwrap_or(0),
        });
        Ok(OK)
    })
}

/// Tells the living processes of a job, and of those inside it, as the caller's PID namespace numbers them.
///
/// @param h      a job's handle with the right BYNAME_ACCESS_JOB_QUERY
/// @param pids   receives them; may be NULL if `room` is 0: then only their number is told
/// @param room   how many there is room for
/// @param count  receives how many there are; may be NULL
/// @return BYNAME_OK, or BYNAME_ERR_BUFFER_TOO_SMALL (122: there are more, and nothing is written), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5),
///         _INVALID_ARGUMENT (87: pids is NULL and room is not 0). Contract 8.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_pids(h: byname_handle, pids: *mut u32, room: usize, count: *mut usize) -> byname_status {
    guard(|| {
        if pids.is_null() && room != 0 {
            return Err(crate::input::null("pids"));
        }
        let found = HandleRef::from_id(h.id).job_pids()?;
        if found.len() > room && room != 0 {
            let text = format!("the job has {} processes, and there is room for {room}; ask with room 0 how many there are", found.len());
            return Err(Failure::new(ErrorKind::BufferTooSmall, text));
        }
        // SAFETY: `pids` has room for `room` numbers by the header's contract of outputs; a Vec of this library does not overlap it.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr(), pids, if room == 0 { 0 } else { found.len() }) };
        // SAFETY: NULL or valid for writing, by the header's contract of outputs.
        if let Some(count) = unsafe { Out::optional(count) } {
            count.write(found.len());
        }
        Ok(OK)
    })
}

/// Tells what a job limits.
///
/// @param h       a job's handle with the right BYNAME_ACCESS_JOB_QUERY
/// @param limits  receives the limits
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: limits is NULL). Contract 8.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_limits_of(h: byname_handle, limits: *mut byname_job_limits) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing, by the header's contract of outputs.
        let out = unsafe { Out::required(limits, "limits") }?;
        let seen = HandleRef::from_id(h.id).job_limits()?;
        out.write(byname_job_limits {
            active_processes: seen.active_processes.unwrap_or(0),
            kill_on_close: seen.kill_on_close.into(),
            memory: seen.memory.unwrap_or(0),
        });
        Ok(OK)
    })
}

/// Sets all limits of a job: what is zero is lifted.
///
/// @param h       a job's handle with the right BYNAME_ACCESS_JOB_LIMIT
/// @param limits  the limits; not NULL
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: limits is NULL, or out of range),
///         _UNSUPPORTED (50: no controller could hold the limit). Contract 8.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_job_limit(h: byname_handle, limits: *const byname_job_limits) -> byname_status {
    guard(|| {
        if limits.is_null() {
            return Err(Error::invalid_argument("limits is NULL; pass a pointer").into());
        }
        // SAFETY: not NULL here, so it points to limits, by the header's contract of inputs.
        let limits = unsafe { limits.read() };
        let some = |n: u64| (n != 0).then_some(n);
        HandleRef::from_id(h.id).set_job_limits(JobLimits {
            active_processes: some(limits.active_processes.into()).map(|n| n as u32),
            memory: some(limits.memory),
            kill_on_close: limits.kill_on_close != 0,
        })?;
        Ok(OK)
    })
}
