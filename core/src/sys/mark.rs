//! Marks: numbers that a process has by its limits, and gives to every child.
//!
//! The limit of file locks (`RLIMIT_LOCKS`) limits nothing since Linux 2.4, but the kernel keeps its two numbers like any other's: `fork` copies them in one
//! step with the rest of the process, `exec`, `setsid` and the death of parents leave them as they are, its own user's other processes may set and read them.
//! The upper one says which job a process is in, the lower one, where it differs, which job inside that. Without privilege the upper one only falls.
//!
//! What is asked here goes by pid, and is true of the process that had it then: before a signal, the process is held by a descriptor and asked once more.
//! Nothing here allocates, but for [`count`]: guards walk, too.

use super::pidfd::PidFd;
use super::{errno, process};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// The two numbers, in the kernel's order.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) inner: u64,
    pub(crate) outer: u64,
}

/// The first byte of an outer number, and of an inner one, which is the lower; the rest is drawn.
const OUTER: u64 = 0x62;
const INNER: u64 = 0x42;
const KIND: u32 = 56;

/// Of a process that is to be in no job any more: it never rises to a mark again.
const NONE: Mark = Mark { inner: 1 << 61, outer: 1 << 61 };

/// `RLIMIT_LOCKS` of every architecture, which some C libraries do not name.
const LOCKS: i32 = 10;
const LINE: &str = "Max file locks";

impl Mark {
    /// A mark that nobody has, of a job that a process with the mark `inside` makes; `None` in a job inside a job.
    pub(crate) fn fresh(inside: Mark) -> Result<Option<Mark>, i32> {
        let mut drawn = 0u64;
        // SAFETY: eight bytes, for eight bytes, which the kernel fills at once or not at all.
        if unsafe { libc::getrandom((&raw mut drawn).cast(), size_of::<u64>(), 0) } < 0 {
            return Err(errno()); // jobs with one mark would be one job
        }
        let number = |kind: u64| kind << KIND | drawn >> 8;
        Ok(match inside {
            Mark { outer, .. } if outer >> KIND != OUTER => Some(Mark { inner: number(OUTER), outer: number(OUTER) }),
            Mark { inner, .. } if inner >> KIND == INNER => None,
            Mark { outer, .. } => Some(Mark { inner: number(INNER), outer }),
        })
    }

    /// Of a process of our own PID namespace, which may have ended, if nobody has waited for it yet; 0 is the caller.
    pub(crate) fn of(pid: u32) -> Result<Mark, i32> {
        let mut mark = NONE;
        match limit(pid, None, Some(&mut mark)) {
            Err(libc::EPERM) => listed(pid),
            told => told.map(|()| mark),
        }
    }

    /// Marks a process; 0 is the caller. One system call, for a forked child as well.
    pub(crate) fn put(self, pid: u32) -> Result<(), i32> {
        limit(pid, Some(&self), None)
    }

    /// Whether byname has made it.
    pub(crate) fn is_of_a_job(self) -> bool {
        self.outer >> KIND == OUTER
    }

    fn is_inside(self) -> bool {
        self.inner != self.outer
    }

    /// Whether a process with the other mark is in the job of this one, or in a job inside it.
    pub(crate) fn covers(self, other: Mark) -> bool {
        self.outer == other.outer && (!self.is_inside() || self.inner == other.inner)
    }

    /// Whether a process with the other mark may not come into the job of this one: it is in another, which this one is not inside of.
    pub(crate) fn forbids(self, other: Mark) -> bool {
        let is_right_in_the_outer = self.is_inside() && self.outer == other.outer && other.inner >> KIND != INNER;
        other.is_of_a_job() && !is_right_in_the_outer
    }
}

fn limit(pid: u32, new: Option<&Mark>, old: Option<&mut Mark>) -> Result<(), i32> {
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    let old = old.map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: a mark is laid out like the kernel's two numbers; both pointers are null or of live marks.
    let r = unsafe { libc::syscall(libc::SYS_prlimit64, pid, LOCKS, new, old) };
    if r < 0 { Err(errno()) } else { Ok(()) }
}

/// The mark as /proc tells it to everybody: of a process of another user.
fn listed(pid: u32) -> Result<Mark, i32> {
    let mut path = [0u8; 32];
    let _ = write!(&mut path[..31], "/proc/{pid}/limits");
    let mut text = [0u8; 4096];
    // SAFETY: the path ends with a zero, and is ours; the descriptor is, too, until it is closed.
    let n = unsafe {
        let file = libc::open(path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return Err(errno());
        }
        let n = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        n
    };
    let text = std::str::from_utf8(&text[..n.max(0) as usize]).unwrap_or_default();
    let mut numbers = text.lines().find_map(|line| line.strip_prefix(LINE)).unwrap_or_default().split_whitespace();
    let mut next = || numbers.next().map(|number| number.parse().unwrap_or(u64::MAX)).ok_or(libc::ESRCH);
    Ok(Mark { inner: next()?, outer: next()? })
}

/// Whether processes can be marked, found and ended here: else what is missing.
pub(crate) fn check() -> Result<(), &'static str> {
    if !sees_all() {
        return Err("/proc does not show this PID namespace; mount it");
    }
    if PidFd::open(process::pid()).is_err_and(|errno| errno == libc::ENOSYS) {
        return Err("this kernel has no descriptors of processes; it takes Linux 5.3");
    }
    let own = Mark::of(0).map_err(|_| "the limits of processes cannot be read")?;
    own.put(0).map_err(|_| "the limits of processes cannot be set")?;
    if own.is_of_a_job() || own.outer >> KIND > OUTER { Ok(()) } else { Err("RLIMIT_LOCKS is limited already; let it be unlimited") }
}

/// Whether /proc is mounted and numbers processes as we do.
pub(crate) fn sees_all() -> bool {
    std::fs::read_link("/proc/self").is_ok_and(|own| own.to_str().and_then(|own| own.parse().ok()) == Some(process::pid()))
}

/// The caller leaves every job. Only a guard may.
pub(crate) fn leave() {
    if Mark::of(0).is_ok_and(Mark::is_of_a_job) {
        let _ = NONE.put(0);
    }
}

/// Says that somebody is about to be killed: a crash point for whoever is no guard.
#[cfg_attr(crash, track_caller)]
pub(crate) fn before_a_kill() {
    super::crash_point();
}

/// How often [`count`] walks at most, where processes end all the time.
const COUNTS: u32 = 16;

/// Those who have the mark and live. A shortage of descriptors is not taken for nobody: it is an error. Nor is one process after the other, each of which ends once it has made the
/// next, taken for nobody: what /proc lists is some time old when it is looked at, so that where nobody is found, and somebody has ended meanwhile, it walks once more.
pub(crate) fn count(mark: Mark) -> Result<Vec<u32>, i32> {
    let proc = open_proc()?;
    let (mut found, mut had_ended) = (vec![], vec![]);
    for _ in 0..COUNTS {
        let (mut ended, mut is_calm, mut failed) = (vec![], true, None);
        each(proc.as_fd(), |pid| match meet(mark, pid) {
            Ok(Met::Member(_)) => found.push(pid),
            Ok(Met::Ended) => ended.push(pid),
            Ok(Met::Gone) => is_calm = false,
            Ok(Met::Stranger) => {}
            Err(errno) => failed = Some(errno),
        })?;
        if let Some(errno) = failed {
            return Err(errno);
        }
        if !found.is_empty() || is_calm && ended == had_ended {
            break;
        }
        had_ended = ended;
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What [`kill`] walks over.
pub(crate) fn open_proc() -> Result<File, i32> {
    File::open("/proc").map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}

/// Kills those who have the mark, but not the caller, in walks over `proc`, the directory /proc: until it meets nobody twice, or has walked `walks` times. One that
/// is killed forks no more, and who was forked during a walk comes later in it, or is met by the next. `before` is told of each just
/// before; where it says false, nobody is killed any more.
pub(crate) fn kill(mark: Mark, proc: BorrowedFd<'_>, walks: u32, mut before: impl FnMut(u32) -> bool) -> Result<(), i32> {
    let (mut calm, mut goes_on) = (0, true);
    for _ in 0..walks {
        let (mut met, mut failed) = (false, None);
        each(proc, |pid| match meet(mark, pid) {
            _ if pid == process::pid() => {}
            Ok(Met::Member(member)) => {
                met = true;
                if goes_on && member.signal(0).is_ok() {
                    goes_on = before(pid);
                    if goes_on {
                        let _ = member.signal(libc::SIGKILL);
                    }
                }
            }
            Ok(_) => {}
            Err(errno) => failed = Some(errno),
        })?;
        if let Some(errno) = failed {
            return Err(errno);
        }
        calm = if met { 0 } else { calm + 1 };
        if calm == 2 || !goes_on {
            return Ok(());
        }
        if met {
            super::clock::nap(1_000_000); // so that the killed have ended
        }
    }
    Ok(())
}

/// Whom a walk meets.
enum Met {
    Stranger,
    /// Has the mark and lives.
    Member(PidFd),
    /// Had it, and was not waited for.
    Ended,
    /// Was listed, and is not there any more.
    Gone,
}

/// Who has that number. Whoever gets it between the looks is not the one that the descriptor is of, which has ended then.
fn meet(mark: Mark, pid: u32) -> Result<Met, i32> {
    match Mark::of(pid) {
        Ok(of) if mark.covers(of) => {}
        Err(libc::ESRCH | libc::ENOENT) => return Ok(Met::Gone),
        Err(errno @ (libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => return Err(errno), // it may be one
        _ => return Ok(Met::Stranger),
    }
    match PidFd::open(pid) {
        Ok(_) if !Mark::of(pid).is_ok_and(|of| mark.covers(of)) => Ok(Met::Gone),
        Ok(process) if process.has_ended() => Ok(Met::Ended),
        Ok(process) => Ok(Met::Member(process)),
        Err(libc::ESRCH | libc::EINVAL | libc::ENOENT) => Ok(Met::Gone), // by the kernel, and by how far gone it is
        Err(errno) => Err(errno),
    }
}

/// Calls for every process that /proc lists.
fn each(proc: BorrowedFd<'_>, mut call: impl FnMut(u32)) -> Result<(), i32> {
    #[repr(align(8))]
    struct Entries([u8; 4096]);
    /// Where in an entry its length stands, and its name.
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let mut entries = Entries([0; 4096]);
    // SAFETY: takes numbers.
    if unsafe { libc::lseek(proc.as_raw_fd(), 0, libc::SEEK_SET) } < 0 {
        return Err(errno());
    }
    loop {
        // SAFETY: there is room for so many bytes.
        let n = unsafe { libc::syscall(libc::SYS_getdents64, proc.as_raw_fd(), entries.0.as_mut_ptr(), entries.0.len()) };
        let Ok(n) = usize::try_from(n) else { return Err(errno()) };
        if n == 0 {
            return Ok(());
        }
        let mut rest = &entries.0[..n];
        while let Some(length) = rest.get(LENGTH..NAME - 1).map(|b| usize::from(u16::from_ne_bytes([b[0], b[1]]))) {
            let name = rest.get(NAME..length).unwrap_or_default();
            if let Some(pid) = name.split(|b| *b == 0).next().and_then(|name| std::str::from_utf8(name).ok()?.parse().ok()) {
                call(pid);
            }
            rest = rest.get(length.max(1)..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_a_mark_covers_and_forbids() {
        let none = Mark { inner: u64::MAX, outer: u64::MAX };
        let fresh = |inside| Mark::fresh(inside).unwrap();
        let outer = fresh(none).unwrap();
        let (inner, sibling) = (fresh(outer).unwrap(), fresh(outer).unwrap());
        let other = fresh(none).unwrap();
        assert!(outer.is_of_a_job() && inner.is_of_a_job() && !none.is_of_a_job() && !NONE.is_of_a_job());
        assert!(inner.inner < inner.outer, "a limit's lower number is not above the upper");
        assert_eq!(fresh(inner), None);
        assert!(outer.covers(outer) && outer.covers(inner) && inner.covers(inner));
        assert!(!inner.covers(outer) && !inner.covers(sibling) && !outer.covers(other) && !outer.covers(none));
        assert!(!outer.forbids(none) && !inner.forbids(none) && !inner.forbids(outer));
        assert!(inner.forbids(sibling) && inner.forbids(other) && other.forbids(outer) && other.forbids(inner));
    }

    #[test]
    fn a_mark_is_put_read_and_listed() {
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mark = Mark::fresh(Mark::of(0).unwrap()).unwrap().unwrap();
        assert_eq!(count(mark), Ok(vec![]));
        mark.put(child.id()).unwrap();
        assert_eq!((Mark::of(child.id()), listed(child.id())), (Ok(mark), Ok(mark)));
        assert_eq!(count(mark), Ok(vec![child.id()]));
        drop(child.stdin.take());
        while !PidFd::open(child.id()).unwrap().has_ended() {
            std::thread::yield_now();
        }
        assert_eq!(Mark::of(child.id()), Ok(mark), "until it is waited for");
        assert_eq!(count(mark), Ok(vec![]));
        child.wait().unwrap();
        assert_eq!(Mark::of(child.id()), Err(libc::ESRCH));
    }
}
