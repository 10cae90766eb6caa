//! Jobs: processes that are limited, counted and ended together (contract 8).

use super::process::KILL;
use super::{HandleRef, Kind, Opened};
use crate::dispatch::lock;
use crate::error::{Error, ErrorKind, Result};
use crate::handles::right;
use crate::kinds;
use crate::kinds::job::{self, ACTIVE_LIMIT, CODE, ENDED_BY_LIMIT, FLAGS, KILL_ON_CLOSE, MEMORY_LIMIT, Place, TOTAL};
use crate::kinds::process::code_word;
use crate::ops;
use crate::owner;
use crate::sys::cgroup;
use crate::sys::code;
use crate::sys::pidfd::PidFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

/// What a job limits (contract 8.4). Setting is whole-sale: what is `None`, or false, is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobLimits {
    /// The most processes that may be in it at a time, 1 or more. Where there are more already, nobody is killed.
    pub active_processes: Option<u32>,
    /// The most memory that its processes may have together, in bytes, 4096 or more.
    pub memory: Option<u64>,
    /// Whether its processes are killed when the last handle to it is closed, in whatever way.
    pub kill_on_close: bool,
}

/// What a job has come to (contract 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobAccounting {
    /// The processes that are in it now.
    pub active_processes: u32,
    /// Those that byname ever put into it; those that its members forked are not among them.
    pub total_processes: u32,
    /// Those that were killed because they would have exceeded the limit.
    pub terminated_processes: u32,
    /// What all of them, the dead included, have spent in programs.
    pub user_time: Duration,
    /// And in the kernel.
    pub system_time: Duration,
    /// The most memory that they had together, in bytes; `None` where the system does not count it.
    pub memory_peak: Option<u64>,
}

impl HandleRef {
    fn job(self, rights: u32) -> Result<(Opened, Arc<Place>)> {
        let opened = self.of_kind(Kind::Job, rights)?;
        let place = job::place(opened.space, opened.target)?;
        Ok((opened, place))
    }

    /// Puts a process, of the caller's PID namespace, into a job; its later children are in it, too. AccessDenied (5) if it has ended, is in it, or is
    /// in another job that this one is not inside of; LimitReached (1816), and the process is killed, where the job is full.
    pub fn assign(self, pid: i64) -> Result<()> {
        let (opened, place) = self.job(right::ASSIGN)?;
        let (process, _) = kinds::process::find(pid)?;
        let denied = |why: &'static str| opened.blame(Error::new(ErrorKind::AccessDenied, why));
        let ended = "the process has ended; only a living one can be put into a job";
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        let words = &kinds::annex(opened.space, opened.target)?.words;
        let locked = lock::lock(cx, opened.target)?; // who counts moves before another counts
        let moved = (|| {
            if process.has_ended() {
                return Err(denied(ended));
            }
            let group = cgroup::of_process(pid as u32);
            let limit = words[ACTIVE_LIMIT].load();
            let members = if limit == 0 { Vec::new() } else { job::members(&place) };
            // The members were read later: who enters by a door meanwhile is no second process for the limit.
            if group.as_ref().is_some_and(|group| group.starts_with(&place.group)) || members.contains(&(pid as u32)) {
                return Err(denied("the process is in the job already"));
            }
            if group.is_some_and(|group| job::forbids(&place, &group)) {
                return Err(denied("the process is in another job, and this one is not inside of that"));
            }
            words[TOTAL].add(1);
            if limit != 0 && members.len() as u64 >= limit - 1 {
                words[ENDED_BY_LIMIT].add(1);
                let _ = process.signal(KILL);
                return Err(opened.blame(
                    Error::new(
                        ErrorKind::LimitReached,
                        format!("the job may have {} processes, and has them; the process was killed", limit - 1),
                    )
                    .numbered(1816),
                ));
            }
            enter(&place, pid).map_err(|errno| {
                words[TOTAL].add(u64::MAX);
                match errno {
                    code::ESRCH => denied(ended),
                    code::EACCES | code::EPERM => {
                        denied("the process is in a control group out of which this user may not move it").with_errno(errno)
                    }
                    _ => opened.blame(Error::system("cannot put the process into the job's control group", errno)),
                }
            })?;
            arrived(&process).then_some(()).ok_or_else(|| denied(ended))
        })();
        locked.finish(None)?;
        moved
    }

    /// Starts a program in a job: it is a member before its first instruction. The error of the kernel where it cannot be started.
    pub fn spawn(self, command: &mut Command) -> Result<Child> {
        let (opened, place) = self.job(right::ASSIGN)?;
        has_room(&opened, &place)?;
        let words = &kinds::annex(opened.space, opened.target)?.words;
        let child = cgroup::spawn_into(&place.entries(), command)
            .map_err(|error| opened.blame(Error::system("cannot start the program in the job", error.raw_os_error().unwrap_or(0))))?;
        words[TOTAL].add(1);
        Ok(child)
    }

    /// The files to which a forked child writes `0` before it executes a program, to be in the job: for languages that start programs themselves, which then
    /// call [`Self::note_spawned`]. LimitReached (1816) where the job is full.
    pub fn job_doors(self) -> Result<Vec<PathBuf>> {
        let (opened, place) = self.job(right::ASSIGN)?;
        has_room(&opened, &place)?;
        Ok(place.entries().iter().map(|group| group.join("cgroup.procs")).collect())
    }

    /// One more process was put in by [`Self::job_doors`].
    pub fn note_spawned(self) -> Result<()> {
        let (opened, _) = self.job(right::ASSIGN)?;
        kinds::annex(opened.space, opened.target)?.words[TOTAL].add(1);
        Ok(())
    }

    /// Kills all processes of a job, and of those inside it, by SIGKILL; byname tells `code` as their exit code, a parent sees the signal. The job is
    /// signalled from then on, also where nobody was in it.
    pub fn terminate_job(self, code: u32) -> Result<()> {
        let (opened, place) = self.job(right::TERMINATE)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        let words = &kinds::annex(opened.space, opened.target)?.words;
        words[CODE].store(code_word(code));
        job::tell_code(opened.space, words, &place, code);
        ops::set(cx, opened.target)?; // first: the caller may be a member
        cgroup::kill(&place.group).map_err(|errno| opened.blame(Error::system("cannot kill the job's control group", errno)))
    }

    /// The living processes of a job and of those inside it, as the caller's PID namespace numbers them.
    pub fn job_pids(self) -> Result<Vec<u32>> {
        Ok(job::members(&self.job(right::QUERY)?.1))
    }

    /// Whether a process is in a job, or in one inside it. InvalidArgument (87) where there is no such process.
    pub fn job_has(self, pid: i64) -> Result<bool> {
        let (_, place) = self.job(right::QUERY)?;
        let (process, _) = kinds::process::find(pid)?;
        let group = cgroup::of_process(pid as u32);
        Ok(group.is_some_and(|group| group.starts_with(&place.group)) && process.signal(0).is_ok())
    }

    /// What a job limits.
    pub fn job_limits(self) -> Result<JobLimits> {
        self.of_kind(Kind::Job, right::QUERY).and_then(|opened| job_limits_of(&opened))
    }

    /// Sets all limits of a job. InvalidArgument (87) for a limit out of range; Unsupported where the system cannot hold it: then nothing is changed.
    pub fn set_job_limits(self, limits: JobLimits) -> Result<()> {
        let (opened, place) = self.job(right::MODIFY)?;
        if limits.active_processes == Some(0) || limits.active_processes.is_some_and(|n| n > i32::MAX as u32) {
            return Err(opened.blame(Error::invalid_argument(format!(
                "a job has room for 1 to {} processes; lift the limit by leaving it out",
                i32::MAX
            ))));
        }
        if limits.memory.is_some_and(|bytes| !(4096..=1 << 62).contains(&bytes)) {
            return Err(
                opened.blame(Error::invalid_argument("a job's memory is limited to 4096 bytes or more; lift the limit by leaving it out"))
            );
        }
        let before = job_limits_of(&opened)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        let words = &kinds::annex(opened.space, opened.target)?.words;
        let locked = lock::lock(cx, opened.target)?;
        let set = (|| {
            if limits.active_processes != before.active_processes {
                limit(
                    &opened,
                    place.pids.as_deref(),
                    &place,
                    "pids",
                    ["pids.max", "pids.max"],
                    "max",
                    limits.active_processes.map(u64::from),
                )?;
                words[ACTIVE_LIMIT].store(limits.active_processes.map_or(0, |n| u64::from(n) + 1));
            }
            if limits.memory != before.memory {
                limit(&opened, place.memory.as_deref(), &place, "memory", ["memory.max", "memory.limit_in_bytes"], "-1", limits.memory)?;
                words[MEMORY_LIMIT].store(limits.memory.map_or(0, |n| n + 1));
            }
            if limits.kill_on_close != before.kill_on_close {
                job::write_flag(opened.space, opened.target.at, limits.kill_on_close)?;
                words[FLAGS].store(if limits.kill_on_close { KILL_ON_CLOSE } else { 0 });
            }
            Ok(())
        })();
        locked.finish(None)?;
        set
    }

    /// What a job has come to.
    pub fn job_accounting(self) -> Result<JobAccounting> {
        let (opened, place) = self.job(right::QUERY)?;
        let words = &kinds::annex(opened.space, opened.target)?.words;
        let spent = cgroup::read(&place.group, "cpu.stat").unwrap_or_default();
        let micros = |key: &str| {
            let line = spent.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
            Duration::from_micros(line.unwrap_or(0))
        };
        let peak = match &place.memory {
            Some(memory) => cgroup::read(memory, "memory.max_usage_in_bytes"),
            None => cgroup::read(&place.group, "memory.peak"),
        };
        Ok(JobAccounting {
            active_processes: job::members(&place).len() as u32,
            total_processes: words[TOTAL].load() as u32,
            terminated_processes: words[ENDED_BY_LIMIT].load() as u32,
            user_time: micros("user_usec "),
            system_time: micros("system_usec "),
            memory_peak: peak.and_then(|text| text.trim().parse().ok()),
        })
    }

    /// What keeps a job's processes together.
    pub fn job_backend(self) -> Result<&'static str> {
        self.of_kind(Kind::Job, 0).map(|_| "cgroup2")
    }
}

/// Whether one more process may be started in a job.
fn has_room(opened: &Opened, place: &Place) -> Result<()> {
    let limit = job_limits_of(opened)?.active_processes;
    match limit.filter(|most| job::members(place).len() >= *most as usize) {
        None => Ok(()),
        Some(most) => {
            let full = format!("the job may have {most} processes, and has them; nothing was started");
            Err(opened.blame(Error::new(ErrorKind::LimitReached, full).numbered(1816)))
        }
    }
}

fn job_limits_of(opened: &Opened) -> Result<JobLimits> {
    let words = &kinds::annex(opened.space, opened.target)?.words;
    Ok(JobLimits {
        active_processes: words[ACTIVE_LIMIT].load().checked_sub(1).map(|n| n as u32),
        memory: words[MEMORY_LIMIT].load().checked_sub(1),
        kill_on_close: words[FLAGS].load() & KILL_ON_CLOSE != 0,
    })
}

fn enter(place: &Place, pid: i64) -> std::result::Result<(), i32> {
    place.entries().iter().try_for_each(|group| cgroup::write(group, "cgroup.procs", &pid.to_string()))
}

/// Whether who was moved was the one that was opened, and not the next of that number.
fn arrived(process: &PidFd) -> bool {
    process.signal(0).is_ok()
}

/// Limits by the controller of version 1 in a directory of its own, or by that of version 2 in the job's.
fn limit(
    opened: &Opened,
    old: Option<&Path>,
    place: &Place,
    controller: &str,
    [new_name, old_name]: [&str; 2],
    none: &str,
    value: Option<u64>,
) -> Result<()> {
    let (group, name) = match old {
        Some(group) => (group, old_name),
        None => (place.group.as_path(), new_name),
    };
    let none = if old.is_none() { "max" } else { none };
    cgroup::write(group, name, &value.map_or(none.to_owned(), |value| value.to_string())).map_err(|errno| match errno {
        code::ENOENT | code::EACCES | code::EPERM => opened.blame(
            Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the job's control group is without the controller `{controller}`, which this limit needs; have it enabled or delegated"
                ),
            )
            .with_errno(errno),
        ),
        _ => opened.blame(Error::system(&format!("cannot write {name} of the job's control group"), errno)),
    })
}
