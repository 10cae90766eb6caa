//! The process: any process of the machine, as something to wait for (contract 10.1).

use super::future::Waiting;
use super::{for_ever, in_time};
use crate::engine::{Access, Handle, HandleRef, Namespace};
use crate::{Result, Timeout};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Another process, of which nothing is known but that it ends some day.
///
/// It becomes signalled when the process has ended, all its threads included, and stays so. "This event, or that process is gone" is one
/// [`wait_any`](super::wait_any). It need not use byname, be a child, or belong to the same user. What is opened is the process and not its
/// number, so that a later process of that number is never taken for it.
///
/// # Examples
/// ```
/// use byname::{Event, Process, Reset, wait_any};
/// use std::process::Command;
///
/// let mut child = Command::new("true").spawn()?;
/// let process = Process::open(child.id())?;
/// let news = Event::unnamed(Reset::Auto)?;
/// let ended = wait_any(&[&news, &process], None)?.won().map(|won| won.index());
/// assert_eq!(ended, Some(1), "no news, and the child is gone");
/// assert_eq!(process.exit_code()?, Some(0));
/// child.wait()?; // whose child it is has to reap it, as ever
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Process {
    handle: Handle,
}

impl Process {
    /// Opens the process `pid` of the caller's own PID namespace, with all rights.
    ///
    /// One that has ended and was not reaped yet (a zombie) is signalled from the beginning.
    ///
    /// # Errors
    /// InvalidArgument (87) where no process has that number, or it is a thread's; LimitReached (1450) without a descriptor or thread left;
    /// Unsupported (50) before Linux 5.3.
    ///
    /// # Examples
    /// ```
    /// let me = byname::Process::open(std::process::id())?;
    /// assert_eq!(me.wait_for(std::time::Duration::ZERO)?, None);
    /// assert_eq!(byname::Process::open(u32::MAX).unwrap_err().win32(), 87);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(pid: u32) -> Result<Process> {
        Process::open_in(&Namespace::local()?, pid, Access::ALL)
    }

    /// As [`open`](Process::open), to be waited for together with objects of `namespace`, and with these rights only: SYNCHRONIZE to wait,
    /// 0x0400 to ask for the exit code, 0x0001 to terminate.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Namespace, Process};
    ///
    /// let me = Process::open_in(&Namespace::local()?, std::process::id(), Access::SYNCHRONIZE)?;
    /// assert_eq!(me.terminate(1).unwrap_err().win32(), 5);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open_in(namespace: &Namespace, pid: u32, access: Access) -> Result<Process> {
        namespace.open_process(pid.into(), access).map(|handle| Process { handle })
    }

    /// The number by which it was opened.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Process::open(std::process::id())?.pid(), std::process::id());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn pid(&self) -> u32 {
        // Fails only where the handle is closed behind this value's back (a raw clone of the process).
        self.handle.process_id().unwrap_or_default()
    }

    /// How it ended; `None` while it runs.
    ///
    /// The status that it gave (0 to 255); 128 and the number of the signal that ended it, as a shell says it; or the code of
    /// [`terminate`](Process::terminate). Nothing is reaped.
    ///
    /// # Errors
    /// Unsupported (50) where it was no child of the caller, has been reaped, and the kernel is older than Linux 6.15; AccessDenied (5) without
    /// the right 0x0400.
    ///
    /// # Examples
    /// ```
    /// let mut child = std::process::Command::new("false").spawn()?;
    /// let process = byname::Process::open(child.id())?;
    /// process.wait()?;
    /// assert_eq!(process.exit_code()?, Some(1));
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exit_code(&self) -> Result<Option<u32>> {
        self.handle.exit_code()
    }

    /// Kills it at once, by SIGKILL. This handle, its copies and those that a fork inherits tell `code` as the exit code afterwards; the parent,
    /// and everybody else, sees the signal.
    ///
    /// # Errors
    /// AccessDenied (5) if it has ended, is another user's, or without the right 0x0001.
    ///
    /// # Examples
    /// ```
    /// let mut child = std::process::Command::new("sleep").arg("1000").spawn()?;
    /// let process = byname::Process::open(child.id())?;
    /// process.terminate(1234)?;
    /// process.wait()?;
    /// assert_eq!(process.exit_code()?, Some(1234));
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn terminate(&self, code: u32) -> Result<()> {
        self.handle.terminate_process(code)
    }

    /// Waits until it has ended. Nothing is consumed.
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let mut child = std::process::Command::new("true").spawn()?;
    /// byname::Process::open(child.id())?.wait()?;
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&self) -> Result<()> {
        let _ = for_ever(self.handle.acquire(Timeout::INFINITE, None)?);
        Ok(())
    }

    /// Waits for at most this long (a [`Duration`](std::time::Duration), or `None` for ever); `None` when the time is up, never early.
    ///
    /// # Errors
    /// As [`wait`](Process::wait).
    ///
    /// # Examples
    /// ```
    /// let me = byname::Process::open(std::process::id())?;
    /// assert_eq!(me.wait_for(std::time::Duration::from_millis(1))?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn wait_for(&self, timeout: impl Into<Timeout>) -> Result<Option<()>> {
        Ok(in_time(self.handle.acquire(timeout.into(), None)?).map(drop))
    }

    /// Waits without a thread; dropping the future cancels.
    ///
    /// # Errors
    /// The future's: as [`wait`](Process::wait).
    ///
    /// # Examples
    /// ```
    /// let mut child = std::process::Command::new("true").spawn()?;
    /// let process = byname::Process::open(child.id())?;
    /// pollster::block_on(process.wait_async())?;
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_async(&self) -> ProcessFuture {
        ProcessFuture { waiting: Waiting::one(self.handle.by_ref()) }
    }

    /// Makes another handle to the same process, with the same rights (contract 2.3).
    ///
    /// # Errors
    /// LimitReached (1450) when no handle is left; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let me = byname::Process::open(std::process::id())?;
    /// assert_eq!(me.try_clone()?.pid(), me.pid());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn try_clone(&self) -> Result<Process> {
        self.handle.duplicate().map(|handle| Process { handle })
    }

    /// Closes the handle (contract 2.1), as dropping it does, and reports a failure. The process is not touched.
    ///
    /// # Errors
    /// NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// byname::Process::open(std::process::id())?.close()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn close(self) -> Result<()> {
        HandleRef::from_id(self.handle.into_id()).close()
    }

    /// Makes a file descriptor for a loop of one's own (epoll and the like); see [`Pollable`](crate::Pollable).
    ///
    /// # Errors
    /// AccessDenied (5) without SYNCHRONIZE; LimitReached (1450) when the process has no descriptor left; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// use std::os::fd::AsFd;
    ///
    /// let pollable = byname::Process::open(std::process::id())?.pollable()?;
    /// let _for_epoll = pollable.as_fd();
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn pollable(&self) -> Result<super::Pollable> {
        self.handle.pollable().map(super::Pollable)
    }
}

impl super::waits::Sealed for Process {
    fn handle(&self) -> HandleRef {
        self.handle.by_ref()
    }
}

impl super::Waitable for Process {}

/// The future of [`Process::wait_async`].
///
/// # Examples
/// ```
/// let me = byname::Process::open(std::process::id())?;
/// let wait: byname::ProcessFuture = me.wait_async();
/// drop(wait); // never polled: nothing begun
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future waits only while it is polled"]
pub struct ProcessFuture {
    waiting: Waiting,
}

impl Future for ProcessFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiting.poll(cx).map_ok(|outcome| drop(for_ever(outcome)))
    }
}
