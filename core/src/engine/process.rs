//! Any process as something to wait for.

use super::{Access, Handle, HandleRef, Kind, Namespace, Opened};
use crate::dispatch::word::{Machine, State};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, right};
use crate::index::{self, Blueprint};
use crate::kinds;
use crate::kinds::process::{self, PID, TERMINATED, code_in, code_word};
use crate::owner;
use crate::sys::code;
use crate::sys::mark::Mark;
use crate::sys::pidfd::{End, How};

/// SIGKILL, by which `terminate` ends.
pub(super) const KILL: i32 = 9;

impl Namespace {
    /// A process of the caller's own PID namespace, as an object without a name. InvalidArgument (87) where there is none of that number.
    pub fn open_process(&self, pid: i64, access: Access) -> Result<Handle> {
        let space = self.space;
        space.check()?;
        let rights = access.rights(Kind::Process)?;
        let (found, words) = process::find(pid)?;
        let cx = owner::current(space)?;
        let state = State::event(found.has_ended());
        let what = Blueprint { machine: Machine::Process, state, maximum: 0, owned: false, annex: Some(words) };
        let (target, _) = index::create(cx, None, what)?;
        let made = process::watch(space, target.at, found).and_then(|()| handles::insert(space, target, rights | self.marks(None)));
        made.map(|entry| Handle(HandleRef(entry))).inspect_err(|_| drop(index::leave(cx, target.at)))
    }
}

impl HandleRef {
    /// The number by which the process was opened.
    pub fn process_id(self) -> Result<u32> {
        let opened = self.of_kind(Kind::Process, 0)?;
        Ok(annex_word(&opened, PID)?.load() as u32)
    }

    /// How the process ended; `None` while it runs. A status as it gave it, 128 and the signal's number where one ended it, and the code of
    /// [`Self::terminate_process`], or of the job's, where that did. Unsupported where the kernel tells nobody but the parent.
    pub fn exit_code(self) -> Result<Option<u32>> {
        let opened = self.of_kind(Kind::Process, right::QUERY)?;
        let process = process::descriptor(opened.space, opened.target.at)?;
        match process.end(self.process_id()?) {
            End::Alive => Ok(None),
            End::Told { how: How::By(status), .. } => Ok(Some(status.into())),
            End::Told { how: How::Signal(signal), cgroup } => {
                let own = code_in(annex_word(&opened, TERMINATED)?.load());
                // Until somebody has waited for it, it has its mark, and nobody else has its number.
                let mark = || Mark::of(self.process_id().ok()?).ok().filter(|_| process.signal(0).is_ok());
                let ours = own.or_else(|| kinds::job::code_of(opened.space, cgroup, mark())).filter(|_| i32::from(signal) == KILL);
                Ok(Some(ours.unwrap_or(128 + u32::from(signal))))
            }
            End::Untold => Err(Error::new(
                ErrorKind::Unsupported,
                "the process has ended and its parent has waited for it; before Linux 6.15 nobody else is told its exit code",
            )),
        }
    }

    /// Kills the process; byname tells `code` as its exit code from then on, its parent sees signal 9. AccessDenied (5) if it has ended, or is
    /// another user's.
    pub fn terminate_process(self, code: u32) -> Result<()> {
        let opened = self.of_kind(Kind::Process, right::TERMINATE)?;
        let process = process::descriptor(opened.space, opened.target.at)?;
        let denied = |why: &'static str| opened.blame(Error::new(ErrorKind::AccessDenied, why));
        if process.has_ended() {
            return Err(denied("the process has ended already"));
        }
        // Asked first: what is not allowed must leave no code behind.
        process
            .signal(0)
            .and_then(|()| {
                let _ = annex_word(&opened, TERMINATED).map(|word| word.cas(0, code_word(code)));
                process.signal(KILL)
            })
            .map_err(|errno| match errno {
                code::ESRCH => denied("the process has ended already"),
                code::EPERM => denied("the process is another user's; it may be waited for, not ended").with_errno(errno),
                _ => opened.blame(Error::system("cannot kill the process", errno)),
            })
    }
}

/// A word of the object's annex.
pub(super) fn annex_word(opened: &Opened, word: usize) -> Result<&'static crate::cell::Word64> {
    Ok(&kinds::annex(opened.space, opened.target)?.words[word])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timeout;
    use crate::engine::{By, HandleFlags, Mode, Outcome, wait};
    use std::process::{Child, Command, Stdio};

    fn sleeper() -> (Child, Handle) {
        let child = Command::new("sh").args(["-c", "read code; exit $code"]).stdin(Stdio::piped()).spawn().unwrap();
        let session = Namespace::session(&format!("process-{}", std::process::id())).unwrap();
        let handle = session.open_process(child.id().into(), Access::ALL).unwrap();
        (child, handle)
    }

    #[test]
    fn a_process_is_signalled_by_its_end_and_stays_so() {
        let (mut child, handle) = sleeper();
        assert!(handle.try_acquire().unwrap().is_none());
        assert_eq!((handle.exit_code().unwrap(), handle.process_id().unwrap()), (None, child.id()));
        drop(child.stdin.take()); // `read` fails, and `exit` tells that
        assert!(matches!(handle.acquire(Timeout::INFINITE, None), Ok(Outcome::Got(_))));
        assert_eq!(handle.exit_code().unwrap(), Some(1));
        child.wait().unwrap();
        assert!(matches!(wait(&[handle.by_ref()], Mode::All, By::Thread, Timeout::ZERO, None), Ok(Outcome::Got(_))));
        assert_eq!(handle.terminate_process(3).unwrap_err().win32(), 5);
    }

    #[test]
    fn terminate_gives_its_code_and_the_parent_sees_the_signal() {
        use std::os::unix::process::ExitStatusExt;
        let (mut child, handle) = sleeper();
        handle.terminate_process(0x1234_5678).unwrap();
        assert!(matches!(handle.acquire(Timeout::INFINITE, None), Ok(Outcome::Got(_))));
        assert_eq!(handle.exit_code().unwrap(), Some(0x1234_5678));
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let killed = handle.exit_code();
        assert!(killed.as_ref().is_ok_and(|code| *code == Some(0x1234_5678)) || killed.is_err_and(|e| e.kind() == ErrorKind::Unsupported));
    }

    #[test]
    fn what_is_no_process_is_refused_and_rights_are_asked_for() {
        let session = Namespace::session(&format!("process-{}", std::process::id())).unwrap();
        for pid in [0, -1, i64::MAX, 1 << 22, i64::from(u32::MAX)] {
            assert_eq!(session.open_process(pid, Access::ALL).unwrap_err().win32(), 87, "{pid}");
        }
        let me = i64::from(std::process::id());
        assert_eq!(session.open_process(me, Access(0)).unwrap_err().win32(), 5);
        let watcher = session.open_process(me, Access::SYNCHRONIZE).unwrap();
        assert_eq!((watcher.exit_code().unwrap_err().win32(), watcher.terminate_process(1).unwrap_err().win32()), (5, 5));
        assert!(watcher.access().unwrap().0 & 1 == 0 && watcher.flags().unwrap() == HandleFlags::NONE);
        assert_eq!(session.open_process(me, Access::ALL).unwrap().access().unwrap().0 & 0x1501, 0x1501);
        assert_eq!(watcher.set().unwrap_err().kind(), ErrorKind::WrongKind);
        let event =
            session.create(None, crate::engine::Spec::Event { reset: crate::Reset::Auto, initially_set: false }, Access::ALL).unwrap();
        assert_eq!(event.exit_code().unwrap_err().kind(), ErrorKind::WrongKind);
        assert_eq!(watcher.try_grant(By::Thread).unwrap_err().kind(), ErrorKind::WrongKind);
    }
}
