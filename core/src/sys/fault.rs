//! Truncation of an arena's file raises SIGBUS on the next touch: one chained handler turns that into a lost namespace.
//!
//! *A fault in a guarded region* (BUS_ADRERR, with its address): the region's word says that it is lost, zero pages come over all of it, which
//! decode as "nothing here", and the thread goes on. If the kernel refuses so many pages, one comes over the page that was touched.
//!
//! *Every other signal* goes to the handler that was there before, as the kernel would have called it: with its mask, once if it was to be
//! reset. Where that is the default, or a fault is to be ignored, which the kernel does not do, the process dies of SIGBUS.
//!
//! *A fault passed on.* Who installed a handler after ours may call ours with what he was told, or put ours back and return: then the
//! fault comes with its address. Or he raises the signal anew, as Python's faulthandler does. So when this process has sent the signal to one of its own threads,
//! the last page of each region is tried (a futex call says whether it is there). Two threads may have met the same truncation: what comes within
//! [`LATE_NS`] of a loss is taken for it. Regions that are only looked at are left out: they may be unmapped meanwhile.
//!
//! *Order of a place* (`Guarded`): `word` takes it, `address` comes last and makes it known to the handler; both are cleared the other way round.
//! The handler takes no lock, allocates nothing and leaves `errno` as it was.
//!
//! *Not promised.* Whoever installs a handler after ours and lets ours know nothing has truncations for himself, and so has
//! whoever puts back what was there before ours; if the handler returns, the fault comes again and again, until the keeper makes the file long
//! again (`keeper.rs`). A signal that was ignored is not ignored by a program that is started by `exec`.

use super::clock;
use super::memory::Region;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// More than a process can attach, for those that are only looked at, and for the memory of objects.
const MOST: usize = 1024;
const PAGE: usize = 4096;
/// How long after a loss another thread may still pass the same one on: Python writes every thread's stack before it does.
const LATE_NS: u64 = 10_000_000_000;

#[derive(Debug)]
struct Guarded {
    address: AtomicUsize,
    len: AtomicUsize,
    /// Where the part ends that is mapped from the file; 0 if the region may be unmapped.
    end: AtomicUsize,
    /// Address of the word to change, an `AtomicU32` that lives for ever, and what it shall say. 0: the place is free.
    word: AtomicUsize,
    value: AtomicU32,
    /// The word of a [`Guard`].
    own: AtomicU32,
}

impl Guarded {
    fn free(&self) {
        self.address.store(0, Ordering::Release);
        self.own.store(0, Ordering::Release);
        self.word.store(0, Ordering::Release); // last: the place is free for the next
    }
}

static GUARDED: [Guarded; MOST] = [const {
    Guarded {
        address: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        word: AtomicUsize::new(0),
        value: AtomicU32::new(0),
        own: AtomicU32::new(0),
    }
}; MOST];
static DISABLED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();
static OLD: OldAction = OldAction(std::cell::UnsafeCell::new(None));
/// The old handler was to be called once, and has been.
static OLD_IS_SPENT: AtomicBool = AtomicBool::new(false);
/// When a region was lost last.
static LOST_AT: AtomicU64 = AtomicU64::new(0);

struct OldAction(std::cell::UnsafeCell<Option<libc::sigaction>>);
// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for OldAction {}

/// Leaves SIGBUS alone from now on; to be called before the first namespace is attached.
pub(crate) fn disable() {
    DISABLED.store(true, Ordering::Relaxed);
}

/// Guards a region; `word` gets `value` when its file is found truncated. Nothing of it is mapped yet: [`grown`].
pub(crate) fn guard(region: Region, word: &'static AtomicU32, value: u32) {
    guard_by(region, |_| word, value);
}

/// A guarded region has the file's bytes up to `end` now.
pub(crate) fn grown(region: Region, end: usize) {
    if let Some(slot) = place_of(region) {
        slot.end.fetch_max(end, Ordering::AcqRel);
    }
}

/// The place that guards the region from now on; `None` where nothing is guarded, or all places are taken.
fn guard_by(region: Region, word: impl Fn(&'static Guarded) -> &'static AtomicU32, value: u32) -> Option<&'static Guarded> {
    if DISABLED.load(Ordering::Relaxed) {
        return None;
    }
    let take = |slot: &&'static Guarded| {
        let word = std::ptr::from_ref(word(slot)) as usize;
        slot.word.compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let slot = GUARDED.iter().find(take)?;
    slot.value.store(value, Ordering::Release);
    slot.len.store(region.len(), Ordering::Release);
    slot.end.store(0, Ordering::Release);
    slot.address.store(region.address(), Ordering::Release);
    INSTALL.call_once(install);
    Some(slot)
}

fn install() {
    // SAFETY: the action is fully filled in; OLD is written before the handler can run.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGBUS, std::ptr::null(), &mut old);
        *OLD.0.get() = Some(old);
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = on_bus as *const () as usize;
        // What is ignored interrupts no call, and what restarted calls before still does.
        let restarts = old.sa_sigaction == libc::SIG_IGN || old.sa_flags & libc::SA_RESTART != 0;
        let restart = if restarts { libc::SA_RESTART } else { 0 };
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | restart;
        libc::sigaction(libc::SIGBUS, &new, std::ptr::null_mut());
    }
}

fn place_of(region: Region) -> Option<&'static Guarded> {
    GUARDED.iter().find(|slot| slot.address.load(Ordering::Acquire) == region.address())
}

/// Guards a region that is unmapped some day, as long as this lives.
#[derive(Debug)]
pub(crate) struct Guard(Option<&'static Guarded>);

impl Guard {
    pub(crate) fn new(region: Region) -> Guard {
        Guard(guard_by(region, |slot| &slot.own, 1))
    }

    /// The word that is not 0 once the region is lost; `None` where nothing is guarded.
    pub(crate) fn word(&self) -> Option<&'static AtomicU32> {
        self.0.map(|slot| &slot.own)
    }

    /// Whether the region's file was found truncated; zeros are read since.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.is_some_and(|slot| slot.own.load(Ordering::Acquire) != 0)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.free();
        }
    }
}

/// Ends the guard over a region that nothing touches any more.
pub(crate) fn unguard(region: Region) {
    place_of(region).into_iter().for_each(Guarded::free);
}

// --- in the handler

extern "C" fn on_bus(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let errno = super::errno();
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler; each field is read where the code says that it is there.
    let lost = unsafe {
        match (*info).si_code {
            libc::BUS_ADRERR => is_ours((*info).si_addr() as usize),
            libc::SI_TKILL if (*info).si_pid() == libc::getpid() => is_passed_on(),
            _ => false,
        }
    };
    if !lost {
        // SAFETY: passed on as they came.
        unsafe { call_old(signal, info, context) };
    }
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__errno_location() = errno };
}

/// A fault at that address: if it is in a guarded region, that one is lost, and the address can be touched.
fn is_ours(address: usize) -> bool {
    GUARDED.iter().any(|slot| {
        let (base, len) = (slot.address.load(Ordering::Acquire), slot.len.load(Ordering::Acquire));
        base != 0 && address.wrapping_sub(base) < len && lose(slot, base, len, address)
    })
}

/// A signal of our own: whether it may tell of a truncation that another handler was told first.
fn is_passed_on() -> bool {
    let mut lost = false;
    for slot in &GUARDED {
        let (base, len, end) = (slot.address.load(Ordering::Acquire), slot.len.load(Ordering::Acquire), slot.end.load(Ordering::Acquire));
        if base != 0 && end != 0 && !is_there(base + end - PAGE) {
            lost |= lose(slot, base, len, base + end - PAGE);
        }
    }
    let before = LOST_AT.load(Ordering::Acquire);
    lost || before != 0 && clock::now() - before < LATE_NS
}

/// Whether a mapped page can be touched: a futex call with no time reads the word, or fails.
fn is_there(address: usize) -> bool {
    let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel reads the word, or finds that it cannot.
    let r = unsafe { libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAIT, 0, &no_time) };
    r == 0 || super::errno() != libc::EFAULT
}

/// Zero pages over the region, and its word says so; false if the kernel gives not even one.
fn lose(slot: &Guarded, base: usize, len: usize, address: usize) -> bool {
    // SAFETY: who sets a place gives a word that lives for ever.
    let word = unsafe { &*(slot.word.load(Ordering::Acquire) as *const AtomicU32) };
    word.store(slot.value.load(Ordering::Acquire), Ordering::Release); // first: who reads the zeros shall know why
    LOST_AT.store(clock::now(), Ordering::Release);
    let zero = |address: usize, len: usize| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: inside a mapping of ours, whose readers expect any bits. mmap is a plain system call and safe in a handler.
        let p = unsafe { libc::mmap(address as *mut libc::c_void, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        p != libc::MAP_FAILED
    };
    zero(base, len) || zero(address & !(PAGE - 1), PAGE)
}

/// What would have happened without us.
///
/// # Safety
/// - Called by our handler with what the kernel gave it, as its last act.
unsafe fn call_old(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: as in `on_bus`; OLD was written before that was installed; the old handler is called as it was registered.
    unsafe {
        // The kernel does not let anybody ignore a fault; a signal that was sent does not come again by itself.
        let is_fault = (*info).si_code > 0 && (*info).si_code != libc::BUS_MCEERR_AO;
        let Some(old) = &*OLD.0.get() else { return };
        let is_spent = old.sa_flags & libc::SA_RESETHAND != 0 && OLD_IS_SPENT.swap(true, Ordering::AcqRel);
        match old.sa_sigaction {
            libc::SIG_IGN if !is_fault => {}
            handler if handler == libc::SIG_IGN || handler == libc::SIG_DFL || is_spent => {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, std::ptr::null_mut());
                if !is_fault {
                    libc::raise(signal); // not blocked here: it ends the process at once
                }
            }
            handler => {
                let mut mask = old.sa_mask;
                if old.sa_flags & libc::SA_NODEFER == 0 {
                    libc::sigaddset(&mut mask, signal);
                }
                libc::pthread_sigmask(libc::SIG_BLOCK, &mask, std::ptr::null_mut()); // until our handler returns
                if old.sa_flags & libc::SA_SIGINFO != 0 {
                    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = std::mem::transmute(handler);
                    handler(signal, info, context);
                } else {
                    let handler: extern "C" fn(i32) = std::mem::transmute(handler);
                    handler(signal);
                }
            }
        }
    }
}
