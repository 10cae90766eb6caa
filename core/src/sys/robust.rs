//! The kernel's robust futexes: how the living learn of a death.
//!
//! Two uses. A **keeper** registers a list of its own whose entries are its process's seats ([`SeatList`]). A **thread**
//! that may own mutexes holds an ordinary robust pthread mutex for as long as it lives ([`lock_thread_word`]); that
//! one shares the thread's list with the C library. When a thread ends in whatever way, the kernel goes through its
//! list, sets [`OWNER_DIED`] in each word that still names the thread, and wakes one sleeper of each.
//!
//! *The links of a thread's mutex* stand in the arena beside its word: the kernel finds every word of a list at one distance from its
//! entry, and the C library has fixed it. So anybody's bytes may stand there, and nobody in this process may follow them.
//! - The mutex is locked and never unlocked: unlocking follows both links. The kernel marks the word at the thread's real end.
//! - glibc itself reads the links of the mutex that it unlocks, and no other's. A neighbour in the list that the program unlocks
//!   is where glibc begins; it then writes *our* links, at an address that it has from its own memory; so it does when the program locks
//!   another. If the file was truncated, that is a fault in the arena as any other (`fault.rs`).
//! - The kernel follows the link to the next entry when the thread ends. Wherever that leads, it reads at most 2048 entries and changes
//!   only words that name the ending thread. It has marked our own word by then. What it may miss are the entries behind:
//!   robust mutexes that the thread had locked before its first call in this namespace, its words in other namespaces among them. The
//!   zeros of a lost namespace end the list, too.
//! - musl walks the list itself when a thread returns, and follows the link: there, damaged bytes can still crash the process.
//!
//! A mutex that is never unlocked stays in the list. So its bytes must not be used again before the kernel has gone through that list: the
//! pool of owners sees to it (`pools.rs`).

use super::memory::Region;
use super::{crash_point, errno};
use crate::cell::{Word32, Word64};
use std::sync::OnceLock;

/// Somebody sleeps on the word.
pub(crate) const WAITERS: u32 = 0x8000_0000;
/// The thread that the word named is gone.
pub(crate) const OWNER_DIED: u32 = 0x4000_0000;
/// The bits of a word that name a thread.
pub(crate) const TID: u32 = 0x3fff_ffff;

/// The kernel's `struct robust_list_head`, then the nodes. Node i stands as far from seat i as node 0 from seat 0.
#[repr(C)]
struct Head {
    list: usize,
    futex_offset: libc::c_long,
    pending: usize,
}

/// Nodes are as far apart as seats are.
const NODE_STRIDE: usize = size_of::<Word64>();
const FIRST_NODE: usize = 64;

/// The robust list of a keeper. It and the keeper live as long as the process.
#[derive(Debug)]
pub(crate) struct SeatList {
    page: Region,
    seats: usize,
}

impl SeatList {
    /// Registers an empty list for the calling thread, whose entries will be the words of `seats`.
    pub(crate) fn register(seats: &'static [Word64]) -> Result<SeatList, i32> {
        let page = Region::shared_not_forked(4096)?;
        assert!(FIRST_NODE + seats.len() * NODE_STRIDE <= page.len());
        let list = SeatList { page, seats: seats.len() };
        let head = list.head();
        let offset = (seats.as_ptr() as usize).wrapping_sub(page.address() + FIRST_NODE) as libc::c_long;
        // SAFETY: the page is mapped for good and written by this thread alone; an empty list points at its head.
        unsafe { head.write_volatile(Head { list: head as usize, futex_offset: offset, pending: 0 }) };
        crash_point();
        // SAFETY: the head is valid for as long as the thread lives, and this thread uses no robust mutex of the C library.
        let r = unsafe { libc::syscall(libc::SYS_set_robust_list, head, size_of::<Head>()) };
        if r == 0 { Ok(list) } else { Err(errno()) }
    }

    /// Announces seat `i`: dying from here on marks it, if it names this thread by then.
    pub(crate) fn announce(&self, i: usize) {
        crash_point();
        // SAFETY: the head is ours; the kernel reads it only after this thread's death.
        unsafe { (&raw mut (*self.head()).pending).write_volatile(self.node(i)) };
    }

    /// Links every seat and takes the announcement back.
    pub(crate) fn link_all(&self) {
        for i in 0..self.seats {
            let next = if i + 1 < self.seats { self.node(i + 1) } else { self.head() as usize };
            crash_point();
            // SAFETY: the node lies in our page.
            unsafe { (self.node(i) as *mut usize).write_volatile(next) };
        }
        crash_point();
        // SAFETY: as in `announce`; the nodes above are complete before the head names them.
        unsafe { (&raw mut (*self.head()).list).write_volatile(self.node(0)) };
    }

    /// Takes the announcement back.
    pub(crate) fn settle(&self) {
        crash_point();
        // SAFETY: as in `announce`.
        unsafe { (&raw mut (*self.head()).pending).write_volatile(0) };
    }

    fn head(&self) -> *mut Head {
        self.page.address() as *mut Head
    }

    fn node(&self, i: usize) -> usize {
        self.page.address() + FIRST_NODE + i * NODE_STRIDE
    }
}

/// The bytes that an owner record keeps for a robust pthread mutex.
pub(crate) const THREAD_LOCK_BYTES: usize = 64;
const _: () = assert!(size_of::<libc::pthread_mutex_t>() <= THREAD_LOCK_BYTES);

/// Where in those bytes the C library keeps the futex word.
pub(crate) const THREAD_WORD_OFFSET: u32 = if cfg!(target_env = "musl") { 4 } else { 0 };

/// Locks a fresh robust, process-shared mutex in `bytes` on behalf of the calling thread, for its whole life.
///
/// # Safety
/// - `bytes` is mapped for the life of the process, and nobody makes another mutex there before the kernel has seen the thread end.
pub(crate) unsafe fn lock_thread_word(bytes: *mut u8) -> Result<(), i32> {
    let mutex = bytes.cast::<libc::pthread_mutex_t>();
    // SAFETY: the caller gives the memory; the attribute lives through the calls that use it.
    unsafe {
        let mut attr: libc::pthread_mutexattr_t = std::mem::zeroed();
        let mut r = libc::pthread_mutexattr_init(&mut attr);
        if r == 0 {
            r = libc::pthread_mutexattr_setrobust(&mut attr, libc::PTHREAD_MUTEX_ROBUST);
        }
        if r == 0 {
            r = libc::pthread_mutexattr_setpshared(&mut attr, libc::PTHREAD_PROCESS_SHARED);
        }
        if r == 0 {
            crash_point();
            r = libc::pthread_mutex_init(mutex, &attr);
        }
        if r == 0 {
            crash_point();
            r = libc::pthread_mutex_trylock(mutex); // it is fresh: whoever finds it locked finds damage, and must not wait
        }
        libc::pthread_mutexattr_destroy(&mut attr);
        // Marked already: damage again, but it is locked and in the list.
        if r == 0 || r == libc::EOWNERDEAD { Ok(()) } else { Err(r) }
    }
}

/// Whether this kernel marks the robust mutex of a thread that ends: tried once per process, on a thread made for it. An error if
/// no thread can be made now. The caller sees to it that nobody else is in here.
pub(crate) fn works() -> Result<bool, i32> {
    static WORKS: OnceLock<bool> = OnceLock::new();
    static WORDS: OnceLock<[Word64; THREAD_LOCK_BYTES / 8]> = OnceLock::new();
    if let Some(&works) = WORKS.get() {
        return Ok(works);
    }
    let words = WORDS.get_or_init(Default::default);
    let owner = super::process::spawn_quiet("byname-probe", move || {
        // SAFETY: the bytes are static, and nobody else makes a mutex there.
        unsafe { lock_thread_word(words.as_ptr().cast_mut().cast()) }.is_ok()
    })?;
    let word = if THREAD_WORD_OFFSET == 0 { words[0].low() } else { words[0].high() };
    let marked = owner.join().unwrap_or(false) && died(word.load());
    Ok(*WORKS.get_or_init(|| marked))
}

/// Whether a word says that its thread is gone.
pub(crate) fn died(word: u32) -> bool {
    word & OWNER_DIED != 0
}

/// Gives the processor away up to twenty times, until the kernel marks `word`.
pub(crate) fn sees_death(word: &Word32) -> bool {
    for _ in 0..20 {
        if died(word.load()) {
            return true;
        }
        super::process::yield_now();
    }
    false
}

/// Sleeps until the kernel marks `word`, or about a millisecond. The kernel wakes one sleeper; he wakes the others.
pub(crate) fn await_death(word: &Word32) {
    if sees_death(word) {
        return;
    }
    let seen = word.load();
    if died(seen) || seen & TID == 0 {
        return;
    }
    if seen & WAITERS == 0 && word.cas(seen, seen | WAITERS).is_err() {
        return;
    }
    super::futex::wait(word, seen | WAITERS, super::clock::Deadline::at(super::clock::now() + 1_000_000));
    pass_on(word);
}

/// A sleeper of `word` who finds it marked wakes the others: the kernel woke him alone.
pub(crate) fn pass_on(word: &Word32) {
    if died(word.load()) {
        super::futex::wake(word, i32::MAX);
    }
}
