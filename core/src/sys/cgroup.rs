//! Control groups: where one can be made, and what is done with it.

use super::errno;
use super::mark::{self, Mark};
use super::pidfd::PidFd;
use super::process::unless_scarce;
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Which hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hierarchy<'a> {
    /// The one of version 2.
    Unified,
    /// One of version 1, by its controller.
    Of(&'a str),
}

/// The calling process's own group of a hierarchy, as a directory; `None` where the hierarchy is not mounted.
pub(crate) fn own(hierarchy: Hierarchy<'_>) -> Option<PathBuf> {
    group_of("self", hierarchy)
}

/// The group of version 2 of a process of our own PID namespace.
pub(crate) fn of_process(pid: u32) -> Option<PathBuf> {
    group_of(&pid.to_string(), Hierarchy::Unified)
}

fn group_of(process: &str, hierarchy: Hierarchy<'_>) -> Option<PathBuf> {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let path = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let is_it = match hierarchy {
            Hierarchy::Unified => controllers.is_empty(),
            Hierarchy::Of(controller) => controllers.split(',').any(|c| c == controller),
        };
        is_it.then(|| path.strip_suffix(" (deleted)").unwrap_or(path).to_owned())
    })?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        let mut fields = after.split(' ');
        let (kind, options) = (fields.next()?, fields.nth(1)?);
        let is_it = match hierarchy {
            Hierarchy::Unified => kind == "cgroup2",
            Hierarchy::Of(controller) => kind == "cgroup" && options.split(',').any(|o| o == controller),
        };
        let below = Path::new(&path).strip_prefix(root).ok()?;
        let found = Path::new(place).join(below);
        (is_it && has(&found, DOOR)).then_some(found) // another mount may hide it
    })
}

fn code(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

#[cfg_attr(crash, track_caller)]
pub(crate) fn make(group: &Path) -> Result<(), i32> {
    super::crash_point();
    fs::create_dir(group).map_err(code)
}

/// Fails while a process that has not ended is in it, or a group below it.
#[cfg_attr(crash, track_caller)]
pub(crate) fn remove(group: &Path) -> Result<(), i32> {
    super::crash_point();
    fs::remove_dir(group).map_err(code)
}

/// The kernel's number of a group; `None` for what is no group of either version. It takes no descriptor.
pub(crate) fn number(group: &Path) -> Option<u64> {
    let stat = fs::symlink_metadata(group).ok().filter(fs::Metadata::is_dir)?;
    let path = CString::new(group.as_os_str().as_bytes()).ok()?;
    // SAFETY: all zeros is a valid `statfs`; the path is a valid C string, the buffer valid.
    let file_system = unsafe {
        let mut s: libc::statfs = std::mem::zeroed();
        (libc::statfs(path.as_ptr(), &mut s) == 0).then_some(s.f_type as u32)
    };
    file_system.is_some_and(|magic| FILE_SYSTEMS.contains(&magic)).then(|| stat.ino())
}

/// The magic numbers of both versions.
const FILE_SYSTEMS: [u32; 2] = [0x6367_7270, 0x0027_e0eb];

pub(crate) fn has(group: &Path, what: &str) -> bool {
    group.join(what).exists()
}

pub(crate) fn read(group: &Path, what: &str) -> Option<String> {
    fs::read_to_string(group.join(what)).ok()
}

#[cfg_attr(crash, track_caller)]
pub(crate) fn write(group: &Path, what: &str, text: &str) -> Result<(), i32> {
    super::crash_point();
    let mut file = fs::OpenOptions::new().write(true).open(group.join(what)).map_err(code)?;
    file.write_all(text.as_bytes()).map_err(code)
}

/// The groups below this one, and below those, the deepest first.
pub(crate) fn below(group: &Path) -> Vec<PathBuf> {
    look_below(group).unwrap_or_default()
}

fn look_below(group: &Path) -> Result<Vec<PathBuf>, i32> {
    let mut found = vec![];
    let entries = unless_scarce(fs::read_dir(group))?.into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())) {
        found.extend(look_below(&entry.path())?);
        found.push(entry.path());
    }
    Ok(found)
}

/// The names of the groups right below this one.
pub(crate) fn children(group: &Path) -> Vec<String> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).filter_map(|e| e.file_name().into_string().ok()).collect()
}

/// The living processes of a group and of those below it, as the caller's PID namespace numbers them.
pub(crate) fn processes(group: &Path) -> Vec<u32> {
    count(group).unwrap_or_default()
}

/// The same for who must not take a shortage of descriptors for an empty group: it is an error.
pub(crate) fn count(group: &Path) -> Result<Vec<u32>, i32> {
    let mut found = vec![];
    for place in look_below(group)?.iter().map(PathBuf::as_path).chain([group]) {
        let text = unless_scarce(fs::read_to_string(place.join(DOOR)))?.unwrap_or_default();
        found.extend(text.lines().filter_map(|pid| pid.parse().ok()).filter(|pid: &u32| *pid != 0));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// A number in a file of the form `key number`, a line each.
pub(crate) fn counter(group: &Path, what: &str, key: &str) -> Option<u64> {
    read(group, what)?.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Kills every process of a group and of those below it. Before Linux 5.14 one after the other, while they stand still.
pub(crate) fn kill(group: &Path) -> Result<(), i32> {
    match write(group, "cgroup.kill", "1") {
        Err(libc::ENOENT) => kill_each(group),
        other => other,
    }
}

/// How often those are killed who have come meanwhile, where a group cannot be frozen.
const ROUNDS: u32 = 100;

fn kill_each(group: &Path) -> Result<(), i32> {
    fs::File::open(group.join("cgroup.procs")).map_err(code)?; // else nobody would seem to be in it
    let frozen = write(group, "cgroup.freeze", "1").is_ok();
    for _ in 0..ROUNDS {
        let members = processes(group);
        for pid in &members {
            // By descriptor, and looked at once more: whoever has the number now is a member, or is spared.
            if let Ok(member) = PidFd::open(*pid)
                && of_process(*pid).is_some_and(|of| of.starts_with(group))
            {
                let _ = member.signal(libc::SIGKILL);
            }
        }
        if members.is_empty() {
            break;
        }
        if frozen {
            let _ = write(group, "cgroup.freeze", "0"); // the killed end by that
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// The way into a job, for a forked child that has not executed its program yet: doors of groups, then a mark.
#[derive(Debug)]
pub(crate) struct Entrance {
    doors: Vec<fs::File>,
    mark: Option<Mark>,
}

impl Entrance {
    pub(crate) fn open(groups: &[PathBuf], mark: Option<Mark>) -> Result<Entrance, i32> {
        let open = |group: &PathBuf| fs::OpenOptions::new().write(true).custom_flags(libc::O_CLOEXEC).open(group.join(DOOR)).map_err(code);
        Ok(Entrance { doors: groups.iter().map(open).collect::<Result<_, _>>()?, mark })
    }

    /// The calling process enters. System calls only.
    pub(crate) fn enter(&self) -> Result<(), i32> {
        for door in &self.doors {
            // SAFETY: one byte of a constant; the descriptor is open in the child as in the parent, until exec.
            if unsafe { libc::write(door.as_raw_fd(), b"0".as_ptr().cast(), 1) } != 1 {
                return Err(errno());
            }
        }
        self.mark.map_or(Ok(()), |mark| mark.put(0))
    }

    /// Starts a program that is in the job before its first instruction: the child goes there itself, between fork and exec.
    pub(crate) fn spawn(self, command: &mut Command) -> Result<Child, std::io::Error> {
        // SAFETY: the closure makes system calls and reads errno: no allocation, no lock.
        unsafe { command.pre_exec(move || self.enter().map_err(std::io::Error::from_raw_os_error)) };
        command.spawn()
    }
}

/// The file of a group to which a process is written, or 0 by itself.
pub(crate) const DOOR: &str = "cgroup.procs";

/// A file that many processes lock as long as they use something: the kernel ends a lock with its last descriptor, in whatever way that closes.
#[derive(Debug)]
pub(crate) struct Hold(fs::File);

impl Hold {
    /// Opens the file, which is not inherited over `exec`, under a number that programs seldom reach. What is no file is refused.
    pub(crate) fn open(path: &Path) -> Result<Hold, i32> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).map_err(code)?;
        if !file.metadata().map_err(code)?.is_file() {
            return Err(libc::EINVAL);
        }
        // SAFETY: the descriptor is ours; the copy is closed on exec like it.
        let up = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 512) };
        // SAFETY: a fresh descriptor that nobody else knows, where there is one.
        Ok(Hold(if up < 0 { file } else { unsafe { std::os::fd::FromRawFd::from_raw_fd(up) } }))
    }

    /// Takes part, without waiting; false where the guard has the file for itself.
    pub(crate) fn join(&self) -> Result<bool, i32> {
        match lock(self.0.as_raw_fd(), libc::F_OFD_SETLK, libc::F_RDLCK, USERS) {
            Err(libc::EAGAIN | libc::EACCES) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Reads from the beginning, into as much of the buffer as there is.
    pub(crate) fn read(&self, buf: &mut [u8]) -> Result<usize, i32> {
        std::os::unix::fs::FileExt::read_at(&self.0, buf, 0).map_err(code)
    }

    /// Writes at an offset.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn put(&self, bytes: &[u8], offset: u64) -> Result<(), i32> {
        super::crash_point();
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset).map_err(code)
    }
}

/// The byte that users lock, and the one by which guards know of each other.
const USERS: i64 = 0;
const GUARDS: i64 = 1;

fn lock(fd: i32, command: i32, kind: i32, place: i64) -> Result<(), i32> {
    // SAFETY: all zeros is a valid `flock`.
    let mut region: libc::flock = unsafe { std::mem::zeroed() };
    (region.l_type, region.l_whence, region.l_start, region.l_len) = (kind as _, libc::SEEK_SET as _, place, 1);
    // SAFETY: the region is a live local.
    let r = unsafe { libc::fcntl(fd, command, &region) };
    if r < 0 { Err(errno()) } else { Ok(()) }
}

/// Starts the guard of a job: a process that sleeps until nobody holds the file, then kills those who have the mark, or without one the first group,
/// if the byte at `flag` of the file says so, and removes the groups. A second one ends at once.
///
/// It is forked without the program's fork hooks, is nobody's child, leaves the program's session, and keeps two descriptors.
pub(crate) fn start_guard(file: &Path, groups: &[PathBuf], mark: Option<Mark>, flag: i64) -> Result<(), i32> {
    let hold = Hold::open(file)?;
    let door = match (mark, groups.first()) {
        (Some(_), _) => mark::open_proc()?,
        (None, Some(first)) => fs::File::open(first).map_err(code)?,
        (None, None) => return Err(libc::EINVAL),
    };
    let paths =
        groups.iter().map(|group| CString::new(group.as_os_str().as_bytes()).map_err(|_| libc::EINVAL)).collect::<Result<Vec<_>, _>>()?;
    // SAFETY: both sets are plain values filled by the calls; the old mask is put back before returning. The child shares no memory with us
    // and makes system calls only; it never returns. The first child's end sends no signal, so that nobody else waits for it by chance.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let child = libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) as i32;
        if child == 0 {
            if libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) == 0 {
                guard(hold.0.as_raw_fd(), door.as_raw_fd(), &paths, mark, flag);
            }
            libc::_exit(0);
        }
        let failed = if child < 0 { errno() } else { 0 };
        while child > 0 && libc::waitpid(child, std::ptr::null_mut(), libc::__WALL) < 0 && errno() == libc::EINTR {}
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        if failed == 0 { Ok(()) } else { Err(failed) }
    }
}

/// What the guard puts in the place of the flag before it kills.
pub(crate) const ENDED: u8 = 2;

/// How often a guard tries, a millisecond apart, to remove what it has killed: a process that sleeps in the kernel dies when it comes back.
const TRIES: u32 = 60_000;

/// The guard's life. No allocation, no lock: the program it was forked from may have been in the middle of anything.
///
/// # Safety
/// - Runs in a process of its own, which it ends; both descriptors are open, the second one of /proc where there is a mark, else of the first group.
unsafe fn guard(file: i32, group: i32, paths: &[CString], mark: Option<Mark>, flag: i64) -> ! {
    mark::leave();
    // SAFETY: system calls on numbers, constants, live locals and the caller's strings.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, c"byname-guard".as_ptr());
        libc::chdir(c"/".as_ptr());
        // All other descriptors go: pipes of the program must not be kept open.
        let (file, group) = (libc::fcntl(file, libc::F_DUPFD, 3), libc::fcntl(group, libc::F_DUPFD, 3));
        let (low, high) = (file.min(group) as u32, file.max(group) as u32);
        libc::syscall(libc::SYS_close_range, 0, low - 1, 0);
        if high > low + 1 {
            libc::syscall(libc::SYS_close_range, low + 1, high - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, high + 1, u32::MAX, 0);
        if lock(file, libc::F_OFD_SETLK, libc::F_WRLCK, GUARDS).is_err() {
            libc::_exit(0); // there is one already
        }
        loop {
            match lock(file, libc::F_OFD_SETLKW, libc::F_WRLCK, USERS) {
                Ok(()) => break,
                Err(libc::EINTR) => {}
                Err(_) => libc::_exit(0), // the kernel has no lock left: whoever reaps the last holder ends the job
            }
        }
        let mut kills = 0u8;
        libc::pread(file, (&raw mut kills).cast(), 1, flag);
        if kills != 0 {
            libc::pwrite(file, [ENDED].as_ptr().cast(), 1, flag); // whoever comes now comes too late
        }
        match mark {
            Some(mark) if kills != 0 => drop(mark::kill(mark, BorrowedFd::borrow_raw(group), TRIES, |_| true)),
            Some(_) => {}
            None => end_group(group, &paths[0], kills != 0),
        }
        for path in paths.iter().skip(usize::from(mark.is_none())) {
            libc::rmdir(path.as_ptr());
        }
        libc::_exit(0)
    }
}

/// The guard kills a group, if it is to, and removes it.
///
/// # Safety
/// - As of [`guard`].
unsafe fn end_group(group: i32, path: &CString, kills: bool) {
    for _ in 0..TRIES {
        // SAFETY: system calls on numbers, constants and the caller's string.
        let removed = unsafe {
            if kills {
                let door = libc::openat(group, c"cgroup.kill".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                libc::write(door, b"1".as_ptr().cast(), 1);
                libc::close(door);
            }
            libc::rmdir(path.as_ptr()) == 0 || errno() == libc::ENOENT
        };
        if removed || !kills {
            break;
        }
        super::clock::nap(1_000_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_kernels_kill_a_group_is_killed_all_the_same() {
        let Some(own) = own(Hierarchy::Unified) else { return };
        let group = own.join(format!("byname-test-{}", std::process::id()));
        if let Err(errno) = make(&group) {
            return eprintln!("skipped: no groups can be made in {}: {errno}", own.display());
        }
        let mut shell = Command::new("sh");
        let entrance = Entrance::open(std::slice::from_ref(&group), None).unwrap();
        let mut child = entrance.spawn(shell.args(["-c", "while :; do sleep 1000 & sleep 0.001; done"])).unwrap();
        while processes(&group).len() < 5 {
            std::thread::yield_now();
        }
        kill_each(&group).unwrap();
        child.wait().unwrap();
        while remove(&group).is_err() {
            std::thread::yield_now();
        }
    }
}
