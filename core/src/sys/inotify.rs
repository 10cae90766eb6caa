//! Being told that files change.

use super::errno;
use super::pidfd::Fd;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Many watches under one descriptor, which is readable when there is news, and not inherited over `exec`.
#[derive(Debug)]
pub(crate) struct Inotify(Fd);

/// Somebody writes a file, or the kernel says that it reads differently; something is made in a directory.
const NEWS: u32 = libc::IN_MODIFY | libc::IN_CREATE;

impl Inotify {
    pub(crate) fn new() -> Result<Inotify, i32> {
        // SAFETY: takes a number.
        Fd::new(i64::from(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })).map(Inotify)
    }

    /// Watches a file, or the files of a directory. The same file twice is one watch.
    pub(crate) fn watch(&self, path: &Path) -> Result<i32, i32> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| libc::EINVAL)?;
        // SAFETY: the descriptor is ours, and the path ends with NUL.
        let watch = unsafe { libc::inotify_add_watch(self.0.raw(), path.as_ptr(), NEWS) };
        if watch < 0 { Err(errno()) } else { Ok(watch) }
    }

    /// Ends a watch; one of a file that is gone has ended.
    pub(crate) fn unwatch(&self, watch: i32) {
        // SAFETY: takes two numbers.
        unsafe { libc::inotify_rm_watch(self.0.raw(), watch) };
    }

    /// Takes all news: whether something may have been made.
    pub(crate) fn drain(&self) -> bool {
        const HEAD: usize = size_of::<libc::inotify_event>();
        let mut buffer = [0u8; 4096];
        let mut made = false;
        loop {
            let n = loop {
                // SAFETY: the buffer is a live local of that size; nothing to read is an error at once.
                match unsafe { libc::read(self.0.raw(), buffer.as_mut_ptr().cast(), buffer.len()) } {
                    -1 if errno() == libc::EINTR => {}
                    n => break n.max(0) as usize,
                }
            };
            let mut rest = &buffer[..n];
            while let Some((head, names)) = rest.split_at_checked(HEAD) {
                let field = |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
                made |= field(4) & (libc::IN_CREATE | libc::IN_Q_OVERFLOW) != 0;
                rest = names.get(field(12) as usize..).unwrap_or_default();
            }
            if n == 0 {
                return made;
            }
        }
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::pidfd::Epoll;

    #[test]
    fn what_is_made_and_what_is_written_is_told_until_the_watch_ends() {
        let dir = std::env::temp_dir().join(format!("byname-inotify-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let (inotify, epoll) = (Inotify::new().unwrap(), Epoll::new().unwrap());
        epoll.add_source(&inotify, 7).unwrap();
        let watch = inotify.watch(&dir).unwrap();
        assert_eq!((inotify.watch(&dir), epoll.sleep(0)), (Ok(watch), vec![]));
        std::fs::write(dir.join("file"), "").unwrap();
        assert_eq!((epoll.sleep(-1), inotify.drain()), (vec![7], true));
        std::fs::write(dir.join("file"), "more").unwrap();
        assert_eq!((epoll.sleep(-1), inotify.drain()), (vec![7], false));
        inotify.unwatch(watch);
        let _ = (epoll.sleep(0), inotify.drain()); // that it has ended is news, too
        std::fs::write(dir.join("file"), "even more").unwrap();
        assert!(epoll.sleep(0).is_empty());
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(inotify.watch(&dir), Err(libc::ENOENT));
    }
}
