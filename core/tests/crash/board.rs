//! What the processes of one run share with who conducts them: cues, outcomes, and the traces of the crash points. Not in the arena under test.

use byname::crash::Trace;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Actors of one run.
pub const ACTORS: usize = 10;

/// How far an actor is.
pub mod status {
    pub const STARTING: u32 = 0;
    /// It stands where its part begins.
    pub const READY: u32 = 1;
    /// Its part is over.
    pub const DONE: u32 = 2;
    /// It is dead or has exited: said by who conducts.
    pub const GONE: u32 = 3;
}

/// What has been said to all of them, in this order.
pub mod cue {
    pub const NONE: u32 = 0;
    /// Everybody is there.
    pub const ALL_THERE: u32 = 1;
    pub const GO: u32 = 2;
    /// The victims are dead: now for who deals with them and dies.
    pub const NEXT: u32 = 3;
    /// Those who were to die are dead.
    pub const DEAD: u32 = 4;
    pub const LEAVE: u32 = 5;
}

#[derive(Default)]
pub struct Actor {
    pub status: AtomicU32,
    pub outcome: AtomicU64,
    pub has_outcome: AtomicBool,
    pub trace: Trace,
}

pub struct Board {
    /// Moves with every change; who waits sleeps on it.
    bell: AtomicU32,
    cue: AtomicU32,
    /// Open: everybody may reap.
    pub gate: AtomicBool,
    /// A process that an actor has forked.
    pub offspring: AtomicI32,
    pub actors: [Actor; ACTORS],
    text: [AtomicU8; 4000],
    text_len: AtomicU32,
}

impl Board {
    /// A board in memory that forked processes share.
    pub fn new() -> &'static Board {
        let len = size_of::<Board>();
        // SAFETY: a fresh anonymous mapping, never unmapped; the size is the board's.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
        };
        assert_ne!(at, libc::MAP_FAILED);
        // SAFETY: mapped above, page-aligned, and a board of zeros is a board: it consists of atomics.
        unsafe { &*at.cast::<Board>() }
    }

    pub fn reset(&self) {
        self.cue.store(cue::NONE, SeqCst);
        self.gate.store(true, SeqCst);
        self.offspring.store(0, SeqCst);
        self.text_len.store(0, SeqCst);
        for actor in &self.actors {
            actor.status.store(status::STARTING, SeqCst);
            actor.has_outcome.store(false, SeqCst);
            actor.trace.reset();
        }
    }

    /// Something has changed.
    pub fn ring(&self) {
        self.bell.fetch_add(1, SeqCst);
        // SAFETY: the word is mapped for good; waking reads nothing.
        unsafe { libc::syscall(libc::SYS_futex, self.bell.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
    }

    pub fn say(&self, cue: u32) {
        self.cue.store(cue, SeqCst);
        self.ring();
    }

    pub fn cue(&self) -> u32 {
        self.cue.load(SeqCst)
    }

    pub fn set_status(&self, actor: usize, status: u32) {
        self.actors[actor].status.store(status, SeqCst);
        self.ring();
    }

    pub fn status(&self, actor: usize) -> u32 {
        self.actors[actor].status.load(SeqCst)
    }

    /// Waits until `seen`; false after `patience`.
    pub fn until(&self, patience: Duration, mut seen: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + patience;
        loop {
            let bell = self.bell.load(SeqCst);
            if seen() {
                return true;
            }
            if Instant::now() > end {
                return false;
            }
            let slice = libc::timespec { tv_sec: 0, tv_nsec: 200_000_000 };
            // SAFETY: the word is mapped for good, the time valid.
            unsafe { libc::syscall(libc::SYS_futex, self.bell.as_ptr(), libc::FUTEX_WAIT, bell, &slice) };
        }
    }

    /// The first complaint of an actor stands.
    pub fn complain(&self, text: &str) {
        let len = text.len().min(self.text.len());
        if self.text_len.compare_exchange(0, len as u32, SeqCst, SeqCst).is_ok() {
            self.text.iter().zip(text.bytes()).for_each(|(to, byte)| to.store(byte, SeqCst));
        }
    }

    pub fn complaint(&self) -> Option<String> {
        let len = self.text_len.load(SeqCst) as usize;
        let bytes: Vec<u8> = self.text[..len].iter().map(|byte| byte.load(SeqCst)).collect();
        (len > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}
