//! What jobs tell (contract 8.7): a queue that this process reads.

use super::{Access, Handle, HandleRef, Interrupt, Kind, Outcome, QueueEnd, let_go, queue};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, right};
use crate::index;
use crate::kinds::notices::{self, SIZE};
use crate::kinds::queue::Plan;
use crate::owner;
use crate::timeout::Timeout;

pub use crate::kinds::notices::{JobMessage, JobNotification};

impl HandleRef {
    /// Begins to tell this process what happens in a job: first who is in it, then who comes and goes. The handle is the reading end of an unnamed
    /// queue; with the last such handle of this process it ends, and it does not keep the job. A forked child's copies are closed.
    ///
    /// InvalidArgument (87) where this process has the job's notifications already; AccessDenied (5) without the right 0x0002; LimitReached where no
    /// descriptor or watch is left.
    pub fn job_notifications(self) -> Result<Handle> {
        let (opened, place) = self.job(right::MODIFY)?;
        let cx = owner::current(opened.space)?;
        let rights = Access::ALL.rights(Kind::Queue)? | right::CREATED | right::NOTICES;
        let (reader, _) = queue::create(cx, None, Plan::new(true, false, 0, SIZE as u32)?, QueueEnd::Read)?;
        let entry = handles::insert(opened.space, reader, rights).inspect_err(|_| drop(let_go(cx, reader)))?;
        let handle = Handle(HandleRef(entry));
        notices::subscribe(cx, opened.target, place, reader).map_err(|error| opened.blame(error))?;
        Ok(handle)
    }

    /// The next notification, from a handle of [`Self::job_notifications`]; waits for one. WrongKind (6) for any other handle.
    pub fn next_notification(self, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<JobNotification>> {
        self.check_tells()?;
        let mut bytes = [0; SIZE];
        Ok(match self.receive(&mut bytes, timeout, interrupt)? {
            Outcome::Got(received) => Outcome::Got(JobNotification::of_bytes(&bytes[..received.len])?),
            Outcome::TimedOut => Outcome::TimedOut,
            Outcome::Interrupted => Outcome::Interrupted,
        })
    }

    /// Whether the handle reads a job's notifications. WrongKind (6) where it does not.
    pub fn check_tells(self) -> Result<()> {
        let opened = self.0.open(0)?;
        if opened.rights & right::NOTICES != 0 {
            return Ok(());
        }
        let what = "the handle reads no job's notifications; pass one that a job's notifications() gave";
        Err(Error::new(ErrorKind::WrongKind, what).about(&index::describe(opened.space, opened.target)))
    }
}
