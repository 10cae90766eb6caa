//! What the processes of a round write down for the one that watches them: who is in which call, since when, and how calls ended.
//!
//! It is a file of its own, mapped by all, far from the arena under attack. *Who may write.* A thread's place: that thread. A child's counts and its
//! complaint: its threads, by adding. `stop`: the watcher.

use byname::KINDS;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};

/// Children that one round may start, one after the other or at once.
pub const CHILDREN: usize = 24;
/// Threads of a child that call, its main thread among them.
pub const THREADS: usize = 5;
/// A limit of "none": the call has no time-out of its own.
pub const NONE: u64 = u64::MAX;

/// How a call ended; errors follow, in the order of [`KINDS`].
pub const DONE: usize = 0;
pub const TIMED_OUT: usize = 1;
pub const ABANDONED: usize = 2;
pub const PENDING: usize = 3;
pub const FIRST_ERROR: usize = 4;
pub const RESULTS: usize = 40;
/// More than a worker has.
pub const MOST_DEEDS: usize = 80;
const _: () = assert!(FIRST_ERROR + KINDS.len() <= RESULTS);

/// A thread in a call, or between two.
pub struct Place {
    pub tid: AtomicI32,
    /// Where in the list of the worker's deeds.
    pub deed: AtomicU32,
    /// When the call began (monotonic nanoseconds); 0: between calls.
    pub begun: AtomicU64,
    pub limit: AtomicU64,
    /// At the beginning: processor time of the thread, its time in the run queue, and the lag of the child's heartbeat.
    pub burnt: AtomicU64,
    pub queued: AtomicU64,
    pub lag: AtomicU64,
}

/// One process.
pub struct Child {
    pub places: [Place; THREADS],
    /// By how much its heartbeat came late, in all: what the machine did not give us.
    pub lag: AtomicU64,
    pub attached: AtomicU32,
    /// One of its threads was told that the namespace is lost: it leaves.
    pub lost: AtomicU32,
    /// Threads that were still in a call when it left.
    pub stuck: AtomicU32,
    /// Calls on the attacked namespace, and on the other.
    pub calls: AtomicU64,
    pub undamaged: AtomicU64,
    pub results: [AtomicU64; RESULTS],
    /// By deed: how often it was done, and not refused.
    pub deeds: [AtomicU64; MOST_DEEDS],
    text: [AtomicU8; 6000],
    text_len: AtomicU32,
}

pub struct Board {
    pub stop: AtomicU32,
    /// Who is in the critical section of the undamaged namespace, and how often somebody was.
    pub inside: AtomicU64,
    pub children: [Child; CHILDREN],
}

impl Board {
    /// The board in that file, which is made if there is none.
    pub fn at(path: &Path) -> &'static Board {
        let file: File = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        file.set_len(size_of::<Board>() as u64).unwrap();
        // SAFETY: a new mapping of a file of that length, never unmapped.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), size_of::<Board>(), libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        assert_ne!(at, libc::MAP_FAILED);
        // SAFETY: page-aligned, and a board of zeros is a board: it consists of atomics.
        unsafe { &*at.cast::<Board>() }
    }
}

impl Child {
    /// Whether this process starts watchdogs: of every second one the bytes may then say that it is to be killed.
    pub fn may_watch(&self, board: &Board) -> bool {
        (std::ptr::from_ref(self).addr() - board.children.as_ptr().addr()) / size_of::<Child>() % 2 == 1
    }

    /// The first complaint stands.
    pub fn complain(&self, what: &str) {
        let len = what.len().min(self.text.len());
        if self.text_len.compare_exchange(0, u32::MAX, SeqCst, SeqCst).is_ok() {
            self.text.iter().zip(what.bytes()).for_each(|(to, byte)| to.store(byte, SeqCst));
            self.text_len.store(len as u32, SeqCst);
        }
    }

    pub fn complaint(&self) -> Option<String> {
        let len = self.text_len.load(SeqCst) as usize;
        (1..=self.text.len()).contains(&len).then(|| {
            let bytes: Vec<u8> = self.text[..len].iter().map(|byte| byte.load(SeqCst)).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
}

/// Monotonic nanoseconds.
pub fn now() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the buffer is valid.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// What `schedstat` says of a thread: its processor time, and its time in the run queue.
pub fn times(schedstat: &str) -> (u64, u64) {
    let mut numbers = schedstat.split_whitespace().map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
