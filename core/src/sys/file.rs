//! The namespace's file: opening without trust, creating whole, reserving, locking, unlinking.

use super::errno;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const TMPFS: i64 = 0x0102_1994;

/// An open file; closed on drop.
#[derive(Debug)]
pub(crate) struct File(i32);

/// What `fstat` says, as far as we ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) links: u64,
    pub(crate) size: u64,
    /// Bytes that have memory or disk behind them.
    pub(crate) held: u64,
}

impl Stat {
    #[allow(clippy::unnecessary_cast, reason = "the fields are narrower on other processors")]
    fn of(s: &libc::stat) -> Stat {
        Stat {
            dev: s.st_dev,
            ino: s.st_ino,
            mode: s.st_mode,
            uid: s.st_uid,
            links: s.st_nlink as u64,
            size: s.st_size as u64,
            held: s.st_blocks as u64 * 512,
        }
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }

    pub(crate) fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }
}

fn c_path(path: &Path) -> Result<CString, i32> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| libc::EINVAL)
}

fn check(r: i32) -> Result<i32, i32> {
    if r < 0 { Err(errno()) } else { Ok(r) }
}

impl File {
    /// Opens for reading and writing; refuses symbolic links, never blocks on a planted pipe.
    pub(crate) fn open(path: &Path) -> Result<File, i32> {
        File::open_as(path, libc::O_RDWR)
    }

    /// Likewise for reading only.
    pub(crate) fn open_to_read(path: &Path) -> Result<File, i32> {
        File::open_as(path, libc::O_RDONLY)
    }

    fn open_as(path: &Path, access: i32) -> Result<File, i32> {
        let path = c_path(path)?;
        let flags = access | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        // SAFETY: the path is a valid C string.
        check(unsafe { libc::open(path.as_ptr(), flags) }).map(File)
    }

    /// A new file at `path`, empty; EEXIST if something stands there.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn create_new(path: &Path) -> Result<File, i32> {
        super::crash_point();
        let path = c_path(path)?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        // SAFETY: the path is a valid C string; the mode is given as O_CREAT asks.
        let file = File(check(unsafe { libc::open(path.as_ptr(), flags, 0o600) })?);
        // SAFETY: the descriptor is ours. (The umask may have taken bits of the mode.)
        check(unsafe { libc::fchmod(file.0, 0o600) })?;
        Ok(file)
    }

    /// A new file without a name in `dir`.
    pub(crate) fn unnamed(dir: &Path) -> Result<File, i32> {
        let dir = c_path(dir)?;
        // SAFETY: the path is a valid C string; the mode is given as O_TMPFILE asks.
        let file = File(check(unsafe { libc::open(dir.as_ptr(), libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC, 0o600) })?);
        // SAFETY: the descriptor is ours. (The umask may have taken bits of the mode.)
        check(unsafe { libc::fchmod(file.0, 0o600) })?;
        Ok(file)
    }

    /// Gives the unnamed file its name; EEXIST if somebody was first.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn link(&self, path: &Path) -> Result<(), i32> {
        super::crash_point();
        let from = CString::new(format!("/proc/self/fd/{}", self.0)).map_err(|_| libc::EINVAL)?;
        let to = c_path(path)?;
        // SAFETY: both paths are valid C strings.
        check(unsafe { libc::linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::AT_SYMLINK_FOLLOW) }).map(|_| ())
    }

    /// The same file under a number that programs seldom reach, where the limit allows it.
    pub(crate) fn moved_up(self) -> File {
        #[cfg(any(test, planted))]
        if planted::has(Planted::Inherit) {
            // SAFETY: the descriptor is ours.
            return File(unsafe { libc::fcntl(self.0, libc::F_DUPFD, 512) });
        }
        // SAFETY: the descriptor is ours; the copy is closed on exec like it.
        match check(unsafe { libc::fcntl(self.0, libc::F_DUPFD_CLOEXEC, 512) }) {
            Ok(fd) => File(fd),
            Err(_) => self,
        }
    }

    pub(crate) fn fd(&self) -> i32 {
        self.0
    }

    /// Opens a program's own file, wherever its path leads.
    pub(crate) fn open_as_asked(path: &Path, write: bool) -> Result<File, i32> {
        let path = c_path(path)?;
        let access = if write { libc::O_RDWR } else { libc::O_RDONLY };
        // SAFETY: the path is a valid C string.
        check(unsafe { libc::open(path.as_ptr(), access | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) }).map(File)
    }

    /// A descriptor of our own, closed on exec, for the file of the program's descriptor `fd`; EBADF if it is none.
    pub(crate) fn copied(fd: i32) -> Result<File, i32> {
        // SAFETY: a number that is no descriptor is an error; ours is another one.
        check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) }).map(|copy| File(copy).moved_up())
    }

    /// Whether the descriptor was opened for reading, and for writing.
    pub(crate) fn opened_for(&self) -> Result<(bool, bool), i32> {
        // SAFETY: the descriptor is ours.
        let flags = check(unsafe { libc::fcntl(self.0, libc::F_GETFL) })?;
        let access = flags & libc::O_ACCMODE;
        let is_bare = flags & libc::O_PATH != 0;
        Ok((!is_bare && access != libc::O_WRONLY, !is_bare && access != libc::O_RDONLY))
    }

    pub(crate) fn stat(&self) -> Result<Stat, i32> {
        // SAFETY: all zeros is a valid `stat`.
        let mut s: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is ours, the buffer valid.
        check(unsafe { libc::fstat(self.0, &mut s) })?;
        Ok(Stat::of(&s))
    }

    /// Sets the size of the sparse file. Refuses beyond RLIMIT_FSIZE, where the kernel would kill us (SIGXFSZ).
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn set_size(&self, size: u64) -> Result<(), i32> {
        super::crash_point();
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the buffer is valid.
        check(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) })?;
        if limit.rlim_cur != libc::RLIM_INFINITY && limit.rlim_cur < size {
            return Err(libc::EFBIG);
        }
        // SAFETY: the descriptor is ours.
        check(unsafe { libc::ftruncate(self.0, size as libc::off_t) }).map(|_| ())
    }

    /// Makes sure that memory or disk is behind a range, so that touching it cannot raise SIGBUS later.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn reserve(&self, offset: u64, len: u64) -> Result<(), i32> {
        super::crash_point();
        loop {
            // SAFETY: the descriptor is ours; mode 0 with KEEP_SIZE changes no content.
            match check(unsafe { libc::fallocate(self.0, libc::FALLOC_FL_KEEP_SIZE, offset as libc::off_t, len as libc::off_t) }) {
                Err(libc::EINTR) => {}
                other => return other.map(|_| ()),
            }
        }
    }

    /// Takes the memory or disk behind a range away: it reads as zeros.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn punch(&self, offset: u64, len: u64) -> Result<(), i32> {
        super::crash_point();
        let mode = libc::FALLOC_FL_KEEP_SIZE | libc::FALLOC_FL_PUNCH_HOLE;
        // SAFETY: the descriptor is ours; the range is one that its owner uses no more.
        check(unsafe { libc::fallocate(self.0, mode, offset as libc::off_t, len as libc::off_t) }).map(|_| ())
    }

    /// Reads exactly `buf.len()` bytes at `offset`; false at a short file.
    pub(crate) fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<bool, i32> {
        // SAFETY: the buffer is valid for its length.
        let n = unsafe { libc::pread(self.0, buf.as_mut_ptr().cast(), buf.len(), offset as libc::off_t) };
        if n < 0 { Err(errno()) } else { Ok(n as usize == buf.len()) }
    }

    /// Writes all of `buf` at `offset`.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn write_at(&self, buf: &[u8], offset: u64) -> Result<(), i32> {
        super::crash_point();
        // SAFETY: the buffer is valid for its length.
        let n = unsafe { libc::pwrite(self.0, buf.as_ptr().cast(), buf.len(), offset as libc::off_t) };
        match n {
            _ if n < 0 => Err(errno()),
            _ if n as usize == buf.len() => Ok(()),
            _ => Err(libc::ENOSPC),
        }
    }

    /// Takes the inode's exclusive lock; the kernel drops it with the descriptor.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn lock(&self) -> Result<(), i32> {
        super::crash_point();
        loop {
            // SAFETY: the descriptor is ours.
            match check(unsafe { libc::flock(self.0, libc::LOCK_EX) }) {
                Err(libc::EINTR) => {}
                other => return other.map(|_| ()),
            }
        }
    }

    /// Bytes that are left in the file system that holds the file, for this user.
    #[cfg(feature = "cli")]
    pub(crate) fn space_left(&self) -> Result<u64, i32> {
        // SAFETY: all zeros is a valid `statvfs`.
        let mut s: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is ours, the buffer valid.
        check(unsafe { libc::fstatvfs(self.0, &mut s) })?;
        #[allow(clippy::useless_conversion, reason = "the fields are narrower on other processors")]
        Ok(u64::from(s.f_bavail).saturating_mul(u64::from(s.f_frsize)))
    }

    /// Whether the file is in memory (tmpfs), where every page of it is counted.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.file_system().is_ok_and(|magic| magic & 0xffff_ffff == TMPFS)
    }

    /// The magic number of the file system that holds the file.
    pub(crate) fn file_system(&self) -> Result<i64, i32> {
        // SAFETY: all zeros is a valid `statfs`.
        let mut s: libc::statfs = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is ours, the buffer valid.
        check(unsafe { libc::fstatfs(self.0, &mut s) })?;
        Ok(s.f_type as i64)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and used no more.
        unsafe { libc::close(self.0) };
    }
}

/// What stands at a path now, links not followed.
pub(crate) fn stat(path: &Path) -> Result<Stat, i32> {
    let path = c_path(path)?;
    // SAFETY: all zeros is a valid `stat`.
    let mut s: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a valid C string, the buffer valid.
    check(unsafe { libc::lstat(path.as_ptr(), &mut s) })?;
    Ok(Stat::of(&s))
}

/// Whether a file of that number stands in the directory, or may: where that cannot be looked at.
pub(crate) fn has_number(dir: &Path, number: u64) -> bool {
    use std::os::unix::fs::DirEntryExt;
    std::fs::read_dir(dir).map_or(true, |entries| entries.flatten().any(|entry| entry.ino() == number))
}

/// Removes a name.
#[cfg_attr(crash, track_caller)]
pub(crate) fn unlink(path: &Path) -> Result<(), i32> {
    super::crash_point();
    let path = c_path(path)?;
    // SAFETY: the path is a valid C string.
    check(unsafe { libc::unlink(path.as_ptr()) }).map(|_| ())
}
