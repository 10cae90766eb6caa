//! Processes by descriptor: what they do cannot be said of a stranger who got their number. And sleeping on many of them.

use super::errno;
use super::process::{self, Uncancelled};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It has not.
    Alive,
    /// By itself, with a status, or by a signal; and the number of its control group of version 2, 0 where nobody says.
    Told { how: How, cgroup: u64 },
    /// It has, and the kernel does not tell us how.
    Untold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    By(u8),
    Signal(u8),
}

impl How {
    /// Whether it is by a signal that says that the program went wrong: what Windows calls an abnormal exit.
    pub(crate) fn is_crash(self) -> bool {
        const CRASHES: [i32; 7] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];
        matches!(self, How::Signal(signal) if CRASHES.contains(&signal.into()))
    }

    fn of_status(status: i32) -> How {
        if libc::WIFSIGNALED(status) { How::Signal(libc::WTERMSIG(status) as u8) } else { How::By(libc::WEXITSTATUS(status) as u8) }
    }
}

/// A descriptor of our own; no cancellation point when it is closed.
#[derive(Debug)]
pub(super) struct Fd(ManuallyDrop<OwnedFd>);

impl Fd {
    pub(super) fn new(raw: i64) -> Result<Fd, i32> {
        if raw < 0 {
            return Err(errno());
        }
        // SAFETY: a fresh descriptor that nobody else knows.
        Ok(Fd(ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(raw as i32) })))
    }

    pub(super) fn raw(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        let _whole = Uncancelled::new();
        // SAFETY: this is the end of it; nobody touches it again.
        unsafe { ManuallyDrop::drop(&mut self.0) }
    }
}

/// A process, whatever becomes of its number. Not inherited over `exec`.
#[derive(Debug)]
pub(crate) struct PidFd(Fd);

/// `struct pidfd_info` as Linux 6.13 has it.
#[repr(C)]
#[derive(Debug, Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_status: i32,
}
const _: () = assert!(size_of::<Info>() == 64);

const INFO_CGROUP: u64 = 1 << 2;
const INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xff, 11, struct pidfd_info)`.
const GET_INFO: u32 = 3 << 30 | 64 << 16 | 0xff << 8 | 11;
const P_PIDFD: libc::idtype_t = 3;

impl PidFd {
    /// A process of our own PID namespace.
    pub(crate) fn open(pid: u32) -> Result<PidFd, i32> {
        // SAFETY: takes two numbers; the descriptor is closed over `exec` without being asked.
        Fd::new(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }).map(PidFd)
    }

    /// Whether it has ended, all its threads included. A descriptor that the program has closed under us says nothing of that.
    pub(crate) fn has_ended(&self) -> bool {
        let _whole = Uncancelled::new();
        let mut entry = libc::pollfd { fd: self.0.raw(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which outlives the call.
        unsafe { libc::poll(&mut entry, 1, 0) > 0 && entry.revents & libc::POLLIN != 0 }
    }

    /// The same of many at once.
    pub(crate) fn have_ended(processes: &[&PidFd]) -> Vec<bool> {
        let _whole = Uncancelled::new();
        let entry = |process: &&PidFd| libc::pollfd { fd: process.0.raw(), events: libc::POLLIN, revents: 0 };
        let mut entries: Vec<libc::pollfd> = processes.iter().map(entry).collect();
        // SAFETY: so many entries, which outlive the call. Where it fails none has been written to.
        unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, 0) };
        entries.iter().map(|entry| entry.revents & libc::POLLIN != 0).collect()
    }

    /// A number that no other process has (Linux 6.9; before, all have one).
    pub(crate) fn number(&self) -> u64 {
        // SAFETY: all zeros is a valid place for the answer.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the answer is a live local.
        unsafe { libc::fstat(self.0.raw(), &mut stat) };
        stat.st_ino
    }

    /// Sends a signal; 0 asks only. ESRCH: it has ended and was reaped.
    pub(crate) fn signal(&self, signal: i32) -> Result<(), i32> {
        // SAFETY: takes numbers, and no information besides.
        let r = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.raw(), signal, std::ptr::null::<libc::siginfo_t>(), 0) };
        if r < 0 { Err(errno()) } else { Ok(()) }
    }

    /// How it ended. Nothing is reaped: a child is still its parent's to wait for.
    pub(crate) fn end(&self, pid: u32) -> End {
        if !self.has_ended() {
            return End::Alive;
        }
        for _ in 0..3 {
            let info = self.info();
            let cgroup = info.as_ref().filter(|info| info.mask & INFO_CGROUP != 0).map_or(0, |info| info.cgroup);
            let told =
                self.of_child().or_else(|| info.filter(|info| info.mask & INFO_EXIT != 0).map(|info| How::of_status(info.exit_status)));
            // Not our child and not reaped yet: /proc says it. Only if it still is not reaped was it this process's entry.
            let told = told.or_else(|| process::zombie_status(pid).filter(|_| self.signal(0).is_ok()).map(How::of_status));
            if let Some(how) = told {
                return End::Told { how, cgroup: if cgroup == 0 { self.cgroup() } else { cgroup } };
            }
        }
        End::Untold
    }

    /// The number of its control group of version 2; 0 where the kernel does not say.
    pub(crate) fn cgroup(&self) -> u64 {
        self.info().filter(|info| info.mask & INFO_CGROUP != 0).map_or(0, |info| info.cgroup)
    }

    fn of_child(&self) -> Option<How> {
        // SAFETY: all zeros is a valid place for the answer.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: the answer is a live local. WNOWAIT leaves the child to whoever waits for it.
        if unsafe { libc::waitid(P_PIDFD, self.0.raw() as libc::id_t, &mut info, how) } != 0 || info.si_signo == 0 {
            return None;
        }
        // SAFETY: waitid has filled the fields of a child's end.
        let status = unsafe { info.si_status() } as u8;
        Some(if info.si_code == libc::CLD_EXITED { How::By(status) } else { How::Signal(status) })
    }

    fn info(&self) -> Option<Info> {
        let mut info = Info { mask: INFO_CGROUP | INFO_EXIT, ..Info::default() };
        // SAFETY: the request carries the size of the struct, which is a live local.
        let r = unsafe { libc::ioctl(self.0.raw(), GET_INFO as _, &mut info) };
        (r == 0).then_some(info)
    }
}

/// Sleeps until one of many processes ends.
#[derive(Debug)]
pub(crate) struct Epoll(Fd);

/// How many ends one sleep tells at most.
const EVENTS: usize = 32;
const BROKEN_MS: u64 = 100;

impl Epoll {
    pub(crate) fn new() -> Result<Epoll, i32> {
        // SAFETY: takes a number.
        Fd::new(i64::from(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })).map(Epoll)
    }

    /// The end of `process` is told once, as `ticket`. Closing the last descriptor of the process takes it out again.
    pub(crate) fn add(&self, process: &PidFd, ticket: u64) -> Result<(), i32> {
        self.enter(process.0.as_fd(), libc::EPOLLIN | libc::EPOLLONESHOT, ticket)
    }

    /// Whatever `source` tells is told, as `ticket`, each time that there is news.
    pub(crate) fn add_source(&self, source: &impl AsFd, ticket: u64) -> Result<(), i32> {
        self.enter(source.as_fd(), libc::EPOLLIN | libc::EPOLLET, ticket)
    }

    fn enter(&self, fd: BorrowedFd<'_>, events: i32, ticket: u64) -> Result<(), i32> {
        let mut event = libc::epoll_event { events: events as u32, u64: ticket };
        // SAFETY: both descriptors are open, and the event outlives the call.
        let r = unsafe { libc::epoll_ctl(self.0.raw(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &mut event) };
        if r < 0 { Err(errno()) } else { Ok(()) }
    }

    /// Takes a process out: a forked child may have its descriptor, and then the kernel does not.
    pub(crate) fn remove(&self, process: &PidFd) {
        self.remove_source(&process.0);
    }

    /// Likewise what was added by [`Self::add_source`].
    pub(crate) fn remove_source(&self, source: &impl AsFd) {
        // SAFETY: both descriptors are open; removing needs no event.
        unsafe { libc::epoll_ctl(self.0.raw(), libc::EPOLL_CTL_DEL, source.as_fd().as_raw_fd(), std::ptr::null_mut()) };
    }

    /// In the child of a fork, where the thread that sleeps on it, and has a share of it, is not.
    pub(crate) fn close_in_child(self: Arc<Epoll>) {
        let _whole = Uncancelled::new();
        // SAFETY: the number is ours, and nobody is here to use it again: the last share was another thread's, the parent's.
        unsafe { libc::close(self.0.raw()) };
        std::mem::forget(self);
    }

    /// The tickets of those that have ended; none when `ms` are over (-1: never). Where the program has closed the descriptor under us, it sleeps as long
    /// as a retry takes: whoever calls it again and again must not spin.
    pub(crate) fn sleep(&self, ms: i32) -> Vec<u64> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: there is room for so many.
        let n = unsafe { libc::epoll_wait(self.0.raw(), events.as_mut_ptr(), EVENTS as i32, ms) };
        if n < 0 && errno() != libc::EINTR {
            std::thread::sleep(std::time::Duration::from_millis(BROKEN_MS));
        }
        events[..n.max(0) as usize].iter().map(|event| event.u64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn an_end_is_told_and_the_child_is_still_its_parents() {
        let mut child = Command::new("sh").args(["-c", "read x; exit 7"]).stdin(Stdio::piped()).spawn().unwrap();
        let (fd, epoll) = (PidFd::open(child.id()).unwrap(), Epoll::new().unwrap());
        epoll.add(&fd, 42).unwrap();
        assert_eq!((fd.end(child.id()), epoll.sleep(0)), (End::Alive, vec![]));
        drop(child.stdin.take());
        assert_eq!(epoll.sleep(-1), [42]);
        assert!(matches!(fd.end(child.id()), End::Told { how: How::By(7), .. }));
        assert_eq!(child.wait().unwrap().code(), Some(7), "nothing was reaped");
        assert_eq!(fd.signal(0), Err(libc::ESRCH));
        assert!(epoll.sleep(0).is_empty(), "told once");
    }

    #[test]
    fn descriptors_that_the_program_has_closed_say_nothing_and_cost_nothing() {
        // Nothing is closed at the end: there is nothing.
        let nowhere = || Fd::new(1 << 30).unwrap();
        let (process, epoll) = (ManuallyDrop::new(PidFd(nowhere())), ManuallyDrop::new(Epoll(nowhere())));
        assert!(!process.has_ended());
        let begun = std::time::Instant::now();
        assert!(epoll.sleep(-1).is_empty());
        assert!(begun.elapsed() >= std::time::Duration::from_millis(BROKEN_MS));
    }

    #[test]
    fn a_zombie_that_is_nobodys_child_here_tells_by_proc() {
        let mut child = Command::new("sh").args(["-c", "kill -9 $$"]).spawn().unwrap();
        let fd = PidFd::open(child.id()).unwrap();
        while !fd.has_ended() {
            process::yield_now();
        }
        assert_eq!(process::zombie_status(child.id()).map(How::of_status), Some(How::Signal(9)));
        assert_eq!(process::zombie_status(std::process::id()), None, "this one lives");
        child.wait().unwrap();
    }
}
