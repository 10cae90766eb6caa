//! What a job tells: who came, who went, that nobody is left (contract 8.7).

use super::handle::Pollable;
use super::queue::RecvFuture;
use super::waits::Sealed;
use super::{Waitable, for_ever, in_time};
use crate::engine::{Handle, HandleRef, JobNotification};
use crate::{Result, Timeout};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The notifications of a job, in order; [`Job::notifications`](super::Job::notifications) begins them.
///
/// It can be waited for together with everything else, and is signalled as long as there is a notification; a wait takes none. They are this process's own: others
/// that want them ask for themselves. Closing it, with all its copies, ends them; it does not keep the job open. In a forked child it is closed.
///
/// # Examples
/// ```
/// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
/// use byname::{Event, Job, JobMessage, Reset, wait_any};
///
/// let (job, stop) = (Job::unnamed()?, Event::unnamed(Reset::Manual)?);
/// let notifications = job.notifications()?;
/// let mut child = job.spawn(&mut std::process::Command::new("true"))?;
/// let mut told = vec![];
/// while told.last() != Some(&JobMessage::ActiveProcessZero) {
///     if wait_any(&[&stop, &notifications], None)?.won().map(|won| won.index()) == Some(1) {
///         told.extend(notifications.try_recv()?.map(|told| told.message));
///     }
/// }
/// assert_eq!(told, [JobMessage::NewProcess, JobMessage::ExitProcess, JobMessage::ActiveProcessZero]);
/// child.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JobNotifications {
    handle: Handle,
}

impl JobNotifications {
    pub(super) fn over(handle: Handle) -> JobNotifications {
        JobNotifications { handle }
    }

    /// The next notification; waits for one.
    ///
    /// # Errors
    /// Closed (6) in the child of a fork; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::options().kill_on_close().unnamed()?;
    /// let child = job.spawn(std::process::Command::new("sleep").arg("1000"))?;
    /// let present = job.notifications()?.recv()?;
    /// assert_eq!((present.message, present.pid), (byname::JobMessage::NewProcess, child.id()));
    /// # job.terminate(0)?;
    /// # let mut child = child;
    /// # child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv(&self) -> Result<JobNotification> {
        self.handle.next_notification(Timeout::INFINITE, None).map(for_ever)
    }

    /// A notification, if there is one at once.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// assert_eq!(job.notifications()?.try_recv()?, None, "nobody is in it");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn try_recv(&self) -> Result<Option<JobNotification>> {
        self.handle.next_notification(Timeout::ZERO, None).map(in_time)
    }

    /// The next notification, waiting for at most this long; `None` when the time is up, never early.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// assert_eq!(job.notifications()?.recv_for(std::time::Duration::from_millis(1))?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn recv_for(&self, timeout: impl Into<Timeout>) -> Result<Option<JobNotification>> {
        self.handle.next_notification(timeout.into(), None).map(in_time)
    }

    /// The next notification without a thread; dropping the future cancels, and then none is taken.
    ///
    /// # Errors
    /// The future's: as [`recv`](Self::recv), and Closed (6) if the handle was closed meanwhile.
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// let notifications = job.notifications()?;
    /// let mut child = job.spawn(&mut std::process::Command::new("true"))?;
    /// assert_eq!(pollster::block_on(notifications.recv_async())?.pid, child.id());
    /// child.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_async(&self) -> JobNotificationFuture {
        JobNotificationFuture { next: RecvFuture::of(self.handle.by_ref()) }
    }

    /// Makes another handle to the same notifications: each is read by one of them.
    ///
    /// # Errors
    /// LimitReached (1450) when no handle is left; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// let one = job.notifications()?;
    /// let other = one.try_clone()?;
    /// one.close()?;
    /// assert_eq!(job.notifications().unwrap_err().win32(), 87, "they go on");
    /// # drop(other);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn try_clone(&self) -> Result<JobNotifications> {
        self.handle.duplicate().map(Self::over)
    }

    /// Makes a file descriptor for a loop of one's own; see [`Pollable`].
    ///
    /// # Errors
    /// LimitReached (1450) when the process has no descriptor left; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// use std::os::fd::AsFd;
    ///
    /// let pollable = byname::Job::unnamed()?.notifications()?.pollable()?;
    /// let _for_epoll = pollable.as_fd();
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn pollable(&self) -> Result<Pollable> {
        self.handle.pollable().map(Pollable)
    }

    /// Ends the notifications, as dropping does, if this is the last handle to them, and reports a failure.
    ///
    /// # Errors
    /// Closed (6) in the child of a fork; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
    /// let job = byname::Job::unnamed()?;
    /// job.notifications()?.close()?;
    /// job.notifications()?; // and begins them anew
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn close(self) -> Result<()> {
        HandleRef::from_id(self.handle.into_id()).close()
    }
}

impl Sealed for JobNotifications {
    fn handle(&self) -> HandleRef {
        self.handle.by_ref()
    }
}

impl Waitable for JobNotifications {}

/// The future of [`JobNotifications::recv_async`]: a [`JobNotification`].
///
/// # Examples
/// ```
/// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
/// let job = byname::Job::unnamed()?;
/// let next: byname::JobNotificationFuture = job.notifications()?.recv_async();
/// drop(next); // never polled: nothing begun
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future receives only when it is polled"]
pub struct JobNotificationFuture {
    next: RecvFuture,
}

impl Future for JobNotificationFuture {
    type Output = Result<JobNotification>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.next).poll(cx).map(|message| JobNotification::of_bytes(&message?))
    }
}
