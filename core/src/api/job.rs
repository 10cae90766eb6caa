//! The job: processes that are limited, counted and ended together (contract 8).

use super::future::Waiting;
use super::handle::handle_methods;
use super::{JobNotifications, JobOptions, for_ever, in_time};
use crate::engine::{Handle, JobAccounting, JobLimits};
use crate::{Result, Timeout};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command};
use std::task::{Context, Poll};

/// A set of processes that share limits, an account and an end, and that share it by name.
///
/// A member is one for life, and so are all its later children: a control group of version 2 keeps them, or a mark that they inherit, and neither does a daemon's
/// double fork lead out. [`terminate`](Job::terminate) ends all of them at once; with [`kill_on_close`](JobOptions::kill_on_close) so does
/// the end of the last process that has the job open, SIGKILL included. A job becomes signalled by being terminated, and by nothing else:
/// not by becoming empty (contract JL2).
///
/// # Examples
/// ```
/// use byname::Job;
/// use std::process::Command;
///
/// let job = Job::options().kill_on_close().unnamed()?;
/// let mut child = job.spawn(Command::new("sh").args(["-c", "sleep 1000 & sleep 1000"]))?;
/// job.terminate(1)?; // the shell, and both sleepers
/// job.wait()?;
/// assert!(!child.wait()?.success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Job {
    handle: Handle,
}

handle_methods!(Job, "Job::unnamed()", r#".create("Local\\printer")"#);

impl Job {
    /// Makes the job called `name`, without members and limits, or opens it if it exists; [`created`](Job::created) says which (contract 8.1).
    ///
    /// # Errors
    /// Unsupported (50) where there are none of the means that keep processes together, see [`backend`](Job::backend); else as
    /// [`Event::create`](super::Event::create).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let job = byname::Job::create(&name)?;
    /// assert!(job.created() && job.pids()?.is_empty());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str) -> Result<Job> {
        Job::options().create(name)
    }

    /// Opens the job called `name`, which must exist (contract 8.1).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open: a job whose processes run on when its last handle is closed has lost its name (JL7).
    ///
    /// # Examples
    /// ```
    /// let missing = byname::Job::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// ```
    pub fn open(name: &str) -> Result<Job> {
        Job::options().open(name)
    }

    /// Makes a job without a name, for this process and its children by `fork`.
    ///
    /// # Errors
    /// As [`create`](Job::create).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// assert_eq!(job.accounting()?.active_processes, 0);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed() -> Result<Job> {
        Job::options().unnamed()
    }

    /// Starts with the defaults: this user's namespace, all rights, processes that outlive the job.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::options().kill_on_close().unnamed()?;
    /// assert!(job.limits()?.kill_on_close);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> JobOptions {
        JobOptions::new()
    }

    /// Puts a process, of the caller's PID namespace, into the job. Children that it has already stay where they are (contract 8.2).
    ///
    /// # Errors
    /// InvalidArgument (87) where there is no such process; AccessDenied (5) if it has ended, is in the job already, or in another one that this one is
    /// not inside of, or is not the caller's to move, or the job is being terminated; LimitReached (1816), and it is killed, where the job is full.
    ///
    /// # Examples
    /// ```
    /// let job = byname::Job::options().kill_on_close().unnamed()?;
    /// let mut child = std::process::Command::new("sleep").arg("1000").spawn()?;
    /// job.assign(child.id())?;
    /// assert_eq!(job.pids()?, [child.id()]);
    /// job.close()?; // and the last handle with it
    /// assert!(!child.wait()?.success());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assign(&self, pid: u32) -> Result<()> {
        self.handle.assign(pid.into())
    }

    /// Starts a program that is in the job before its first instruction; else as [`Command::spawn`].
    ///
    /// The child enters between fork and exec, so the command is used up: what else is to happen there is set on it before.
    ///
    /// # Errors
    /// LimitReached (1816) where the job is full; System, with the error of the kernel, where the program cannot be started.
    ///
    /// # Examples
    /// ```
    /// let job = byname::Job::unnamed()?;
    /// let mut child = job.spawn(&mut std::process::Command::new("true"))?;
    /// assert!(child.wait()?.success());
    /// assert_eq!(job.accounting()?.total_processes, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        self.handle.spawn(command)
    }

    /// Kills all its processes at once, and those of jobs inside it, by SIGKILL; the job is signalled from then on (contract 8.1, JL3, JL11).
    ///
    /// [`Process::exit_code`](super::Process::exit_code) tells `code` for all of them as long as the job is open; a parent sees the signal.
    ///
    /// # Errors
    /// AccessDenied (5) without the right 0x0008.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// job.terminate(0)?; // nobody is in it
    /// assert!(job.wait_for(std::time::Duration::ZERO)?.is_some());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn terminate(&self, code: u32) -> Result<()> {
        self.handle.terminate_job(code)
    }

    /// The living processes in it, and in jobs inside it, as the caller's PID namespace numbers them.
    ///
    /// # Errors
    /// AccessDenied (5) without the right 0x0004.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert!(byname::Job::unnamed()?.pids()?.is_empty());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn pids(&self) -> Result<Vec<u32>> {
        self.handle.job_pids()
    }

    /// Whether a process is in it, or in a job inside it (contract 8.1, IsProcessInJob).
    ///
    /// # Errors
    /// InvalidArgument (87) where there is no such process; AccessDenied (5) without the right 0x0004.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert!(!byname::Job::unnamed()?.contains(std::process::id())?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn contains(&self, pid: u32) -> Result<bool> {
        self.handle.job_has(pid.into())
    }

    /// What it limits (contract 8.4).
    ///
    /// # Errors
    /// AccessDenied (5) without the right 0x0004.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert_eq!(byname::Job::unnamed()?.limits()?, byname::JobLimits::default());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn limits(&self) -> Result<JobLimits> {
        self.handle.job_limits()
    }

    /// Sets all its limits: what is not among them is lifted (contract 8.4).
    ///
    /// # Errors
    /// InvalidArgument (87) for a limit out of range; Unsupported (50) where the system has no controller that could hold it; AccessDenied (5)
    /// without the right 0x0002; LimitReached where the guard of `kill_on_close` cannot be started.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// use byname::{Job, JobLimits};
    ///
    /// let job = Job::unnamed()?;
    /// job.set_limits(JobLimits { kill_on_close: true, ..JobLimits::default() })?;
    /// assert!(job.limits()?.kill_on_close);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn set_limits(&self, limits: JobLimits) -> Result<()> {
        self.handle.set_job_limits(limits)
    }

    /// What it has come to: processes, time, memory (contract 8.5).
    ///
    /// # Errors
    /// AccessDenied (5) without the right 0x0004.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let spent = byname::Job::unnamed()?.accounting()?;
    /// assert_eq!((spent.active_processes, spent.user_time.as_nanos()), (0, 0));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn accounting(&self) -> Result<JobAccounting> {
        self.handle.job_accounting()
    }

    /// Begins to tell this process what happens in it: first who is in it, then who comes, who goes, and that nobody is left (contract 8.7).
    ///
    /// Who is put in by this process is told in any case; who is put in by another one, or forked by a member, if he lives long enough to be
    /// seen: up to a twentieth of a second. For one process the order is new, then its end; that nobody is left comes after the last end.
    ///
    /// # Errors
    /// InvalidArgument (87) where this process has its notifications already; AccessDenied (5) without the right 0x0002; LimitReached (1450) where
    /// no descriptor or watch is left to be told by.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// use byname::{Job, JobMessage};
    ///
    /// let job = Job::unnamed()?;
    /// let notifications = job.notifications()?;
    /// let mut child = job.spawn(std::process::Command::new("sh").args(["-c", "kill -SEGV $$"]))?;
    /// let told = [notifications.recv()?, notifications.recv()?, notifications.recv()?].map(|told| (told.message, told.pid));
    /// let pid = child.id();
    /// assert_eq!(told, [(JobMessage::NewProcess, pid), (JobMessage::AbnormalExitProcess, pid), (JobMessage::ActiveProcessZero, 0)]);
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn notifications(&self) -> Result<JobNotifications> {
        self.handle.job_notifications().map(JobNotifications::over)
    }

    /// What keeps its processes together: `"cgroup2"`, or `"processes"` where this user can make no control group of version 2: marks that children inherit, and a
    /// walk over /proc. `docs/platform.md` says what each keeps.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert!(["cgroup2", "processes"].contains(&byname::Job::unnamed()?.backend()));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn backend(&self) -> &'static str {
        self.handle.job_backend().unwrap_or("cgroup2")
    }

    /// The files to which a forked child writes `0`, to be in the job before it executes a program; none where [`backend`](Job::backend) is not `"cgroup2"`.
    ///
    /// # Errors
    /// AccessDenied (5) without the right 0x0001.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert!(byname::Job::unnamed()?.doors()?.iter().all(|door| door.ends_with("cgroup.procs")));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn doors(&self) -> Result<Vec<PathBuf>> {
        self.handle.job_doors()
    }

    /// Waits until it has been terminated. Nothing is consumed (contract JL10).
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// job.terminate(0)?;
    /// job.wait()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait(&self) -> Result<()> {
        let _ = for_ever(self.handle.acquire(Timeout::INFINITE, None)?);
        Ok(())
    }

    /// Waits for at most this long (a [`Duration`](std::time::Duration), or `None` for ever); `None` when the time is up, never early.
    ///
    /// # Errors
    /// As [`wait`](Job::wait).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// assert_eq!(byname::Job::unnamed()?.wait_for(std::time::Duration::from_millis(1))?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_for(&self, timeout: impl Into<Timeout>) -> Result<Option<()>> {
        Ok(in_time(self.handle.acquire(timeout.into(), None)?).map(drop))
    }

    /// Waits without a thread; dropping the future cancels.
    ///
    /// # Errors
    /// The future's: as [`wait`](Job::wait).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// let waiting = job.wait_async();
    /// job.terminate(0)?;
    /// pollster::block_on(waiting)?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_async(&self) -> JobFuture {
        JobFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }
}

/// The future of [`Job::wait_async`].
///
/// # Examples
/// ```
/// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
/// let job = byname::Job::unnamed()?;
/// let wait: byname::JobFuture = job.wait_async();
/// drop(wait); // never polled: nothing begun
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct JobFuture {
    waiting: Waiting,
}

impl Future for JobFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| drop(for_ever(outcome)))
    }
}
