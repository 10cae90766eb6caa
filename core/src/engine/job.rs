//! Jobs: processes that are limited, counted and ended together (contract 8).

use super::process::KILL;
use super::{HandleRef, Kind, Opened};
use crate::cell::Word64;
use crate::dispatch::lock;
use crate::error::{Error, ErrorKind, Result};
use crate::handles::right;
use crate::kinds;
use crate::kinds::job::{self, ACTIVE_LIMIT, ENDED_BY_LIMIT, FLAGS, KILL_ON_CLOSE, MEMORY_LIMIT, NOT_STARTED, Place, TOTAL};
use crate::kinds::notices;
use crate::kinds::place::{Limit, Whereabouts};
use crate::owner;
use crate::sys::cgroup::{self, Entrance};
use crate::sys::code;
use crate::sys::pidfd::PidFd;
use std::path::PathBuf;
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
    /// What all of them, the dead included, have spent in programs; with the backend `processes` those that live, and whom they have waited for.
    pub user_time: Duration,
    /// And in the kernel.
    pub system_time: Duration,
    /// The most memory that they had together, in bytes; `None` where the system does not count it.
    pub memory_peak: Option<u64>,
}

impl HandleRef {
    pub(super) fn job(self, rights: u32) -> Result<(Opened, Arc<Place>)> {
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
            let at = place.whereabouts(pid as u32);
            let limit = words[ACTIVE_LIMIT].load();
            let members = if limit == 0 { Vec::new() } else { place.members() };
            // The members were read later: who enters by a door meanwhile is no second process for the limit.
            if at == Whereabouts::Inside || members.contains(&(pid as u32)) {
                return Err(denied("the process is in the job already"));
            }
            if at == Whereabouts::Elsewhere {
                return Err(denied("the process is in another job, and this one is not inside of that"));
            }
            if job::is_ending(words) {
                return Err(denied(ENDING));
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
            place.enter(pid as u32).map_err(|errno| {
                words[TOTAL].add(u64::MAX);
                match errno {
                    code::ESRCH => denied(ended),
                    code::EACCES | code::EPERM => {
                        denied("this user may not move the process out of its control group, or not set its limits").with_errno(errno)
                    }
                    _ => opened.blame(Error::system("cannot put the process into the job", errno)),
                }
            })?;
            arrived(&process).then_some(()).ok_or_else(|| denied(ended))
        })();
        locked.finish(None)?;
        match &moved {
            Ok(()) => has_come(&opened, &place, pid as u32),
            Err(error) if error.win32() == 1816 => job::stir(opened.space, opened.target.at),
            Err(_) => {}
        }
        moved
    }

    /// Starts a program in a job: it is a member before its first instruction. The error of the kernel where it cannot be started.
    pub fn spawn(self, command: &mut Command) -> Result<Child> {
        let (opened, place) = self.open_to_children()?;
        let cannot = |errno| opened.blame(Error::system("cannot start the program in the job", errno));
        let entrance = place.entrance().map_err(cannot)?;
        let child = entrance.spawn(command).map_err(|error| cannot(error.raw_os_error().unwrap_or(0)))?;
        kinds::annex(opened.space, opened.target)?.words[TOTAL].add(1);
        has_come(&opened, &place, child.id());
        Ok(child)
    }

    /// What a forked child does before it executes a program, to be in the job: for languages that start programs themselves, which then call
    /// [`Self::note_spawned`]. LimitReached (1816) where the job is full.
    pub fn job_entrance(self) -> Result<JobEntrance> {
        let (opened, place) = self.open_to_children()?;
        place.entrance().map(JobEntrance).map_err(|errno| opened.blame(Error::system("cannot open the job's control group", errno)))
    }

    /// The same for a shell: a command that succeeds once the shell is in the job.
    pub fn job_entrance_by_shell(self) -> Result<String> {
        self.open_to_children().map(|(_, place)| place.entrance_by_shell())
    }

    /// The files to which a process writes `0`, to be in the job; none, where there is no control group of version 2 ([`Self::job_entrance`]).
    pub fn job_doors(self) -> Result<Vec<PathBuf>> {
        let (_, place) = self.open_to_children()?;
        let groups = place.group().map(|_| place.entries()).unwrap_or_default();
        Ok(groups.iter().map(|group| group.join(cgroup::DOOR)).collect())
    }

    /// The job, if a child of this process may be started in it.
    fn open_to_children(self) -> Result<(Opened, Arc<Place>)> {
        let (opened, place) = self.job(right::ASSIGN)?;
        let denied = |why| Err(opened.blame(Error::new(ErrorKind::AccessDenied, why)));
        if place.whereabouts(0) == Whereabouts::Elsewhere {
            return denied("this process is in another job, and so are its children; the job is not inside of that");
        }
        if job::is_ending(&kinds::annex(opened.space, opened.target)?.words) {
            return denied(ENDING);
        }
        has_room(&opened, &place)?;
        Ok((opened, place))
    }

    /// A child has gone through a [`Self::job_entrance`], and was not waited for since.
    pub fn note_spawned(self, pid: u32) -> Result<()> {
        let (opened, place) = self.job(right::ASSIGN)?;
        kinds::annex(opened.space, opened.target)?.words[TOTAL].add(1);
        has_come(&opened, &place, pid);
        Ok(())
    }

    /// Kills all processes of a job, and of those inside it, by SIGKILL; byname tells `code` as their exit code, a parent sees the signal. The job is
    /// signalled from then on, also where nobody was in it.
    pub fn terminate_job(self, code: u32) -> Result<()> {
        let (opened, place) = self.job(right::TERMINATE)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        job::terminate(cx, opened.target, &place, code).map_err(|error| opened.blame(error))
    }

    /// The living processes of a job and of those inside it, as the caller's PID namespace numbers them.
    pub fn job_pids(self) -> Result<Vec<u32>> {
        Ok(self.job(right::QUERY)?.1.members())
    }

    /// Whether a process is in a job, or in one inside it. InvalidArgument (87) where there is no such process.
    pub fn job_has(self, pid: i64) -> Result<bool> {
        let (_, place) = self.job(right::QUERY)?;
        let (process, _) = kinds::process::find(pid)?;
        Ok(place.whereabouts(pid as u32) == Whereabouts::Inside && process.signal(0).is_ok())
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
        let limit = |what, value| place.limit(what, value).map_err(|error| opened.blame(error));
        let locked = lock::lock(cx, opened.target)?;
        let set = (|| {
            if limits.active_processes != before.active_processes {
                limit(Limit::Processes, limits.active_processes.map(u64::from))?;
                words[ACTIVE_LIMIT].store(limits.active_processes.map_or(0, |n| u64::from(n) + 1));
            }
            if limits.memory != before.memory {
                limit(Limit::Memory, limits.memory)?;
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
        let (seen, members) = (seen(&opened)?, place.members());
        let [user_time, system_time] = place.spent(&members);
        Ok(JobAccounting {
            active_processes: members.len() as u32,
            total_processes: seen.put_in as u32,
            terminated_processes: seen.refused as u32,
            user_time,
            system_time,
            memory_peak: place.memory_peak(),
        })
    }

    /// What keeps a job's processes together: `cgroup2`, or `processes`, which are marked.
    pub fn job_backend(self) -> Result<&'static str> {
        let opened = self.of_kind(Kind::Job, 0)?;
        Ok(if job::is_marked(&kinds::annex(opened.space, opened.target)?.words) { "processes" } else { "cgroup2" })
    }
}

/// A process is in the job: whoever is told of it looks, this process at once. (A control group tells the others by itself.)
fn has_come(opened: &Opened, place: &Place, pid: u32) {
    if place.group().is_none() {
        job::stir(opened.space, opened.target.at);
    }
    notices::entered(pid);
}

/// Whether one more process may be started in a job.
fn has_room(opened: &Opened, place: &Place) -> Result<()> {
    let limit = job_limits_of(opened)?.active_processes;
    match limit.filter(|most| place.members().len() >= *most as usize) {
        None => Ok(()),
        Some(most) => {
            kinds::annex(opened.space, opened.target)?.words[ENDED_BY_LIMIT].add(NOT_STARTED);
            job::stir(opened.space, opened.target.at);
            let full = format!("the job may have {most} processes, and has them; nothing was started");
            Err(opened.blame(Error::new(ErrorKind::LimitReached, full).numbered(1816)))
        }
    }
}

fn seen(opened: &Opened) -> Result<job::Seen> {
    Ok(job::seen(&kinds::annex(opened.space, opened.target)?.words.each_ref().map(Word64::load)))
}

fn job_limits_of(opened: &Opened) -> Result<JobLimits> {
    let seen = seen(opened)?;
    Ok(JobLimits { active_processes: seen.active_limit, memory: seen.memory_limit, kill_on_close: seen.kill_on_close })
}

/// Whether who was moved was the one that was opened, and not the next of that number.
fn arrived(process: &PidFd) -> bool {
    process.signal(0).is_ok()
}

const ENDING: &str = "the job is being terminated";

/// The way into a job for a forked child, see [`HandleRef::job_entrance`].
#[derive(Debug)]
pub struct JobEntrance(Entrance);

impl JobEntrance {
    /// The calling process, which has not executed its program yet, enters. It makes system calls only.
    pub fn enter(&self) -> Result<()> {
        self.0.enter().map_err(|errno| Error::system("cannot enter the job", errno))
    }
}
