//! Truncation of an arena's file raises SIGBUS on the next touch: one chained handler turns that into a lost namespace.
//!
//! The handler acts only on faults inside a registered region: it puts zero pages over the whole region, which decode
//! as "nothing here", and closes the region's gate. Every other fault goes to the handler that was there before.

use super::memory::Region;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

const MOST: usize = 64;

#[derive(Debug)]
struct Guarded {
    address: AtomicUsize,
    len: AtomicUsize,
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
        word: AtomicUsize::new(0),
        value: AtomicU32::new(0),
        own: AtomicU32::new(0),
    }
}; MOST];
static DISABLED: AtomicBool = AtomicBool::new(false);
static INSTALL: Once = Once::new();
static OLD: OldAction = OldAction(std::cell::UnsafeCell::new(None));

struct OldAction(std::cell::UnsafeCell<Option<libc::sigaction>>);
// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for OldAction {}

/// Leaves SIGBUS alone from now on; to be called before the first namespace is attached.
pub(crate) fn disable() {
    DISABLED.store(true, Ordering::Relaxed);
}

/// Guards a region; `word` gets `value` when its file is found truncated.
pub(crate) fn guard(region: Region, word: &'static AtomicU32, value: u32) {
    guard_by(region, |_| word, value);
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
    slot.address.store(region.address(), Ordering::Release);
    INSTALL.call_once(|| {
        // SAFETY: the action is fully filled in; OLD is written before the handler can run.
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGBUS, std::ptr::null(), &mut old);
            *OLD.0.get() = Some(old);
            let mut new: libc::sigaction = std::mem::zeroed();
            new.sa_sigaction = on_bus as *const () as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(libc::SIGBUS, &new, std::ptr::null_mut());
        }
    });
    Some(slot)
}

/// Guards a region that is unmapped some day, as long as this lives.
#[derive(Debug)]
pub(crate) struct Guard(Option<&'static Guarded>);

impl Guard {
    pub(crate) fn new(region: Region) -> Guard {
        Guard(guard_by(region, |slot| &slot.own, 1))
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
    if let Some(slot) = GUARDED.iter().find(|slot| slot.address.load(Ordering::Acquire) == region.address()) {
        slot.free();
    }
}

extern "C" fn on_bus(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler.
    let address = unsafe { (*info).si_addr() } as usize;
    for slot in &GUARDED {
        let (base, len) = (slot.address.load(Ordering::Acquire), slot.len.load(Ordering::Acquire));
        if base == 0 || address.wrapping_sub(base) >= len {
            continue;
        }
        // SAFETY: the region is an arena mapping of ours, never unmapped; from here on it reads as zeros. mmap is a plain
        // system call and safe in a handler; the word lives for ever.
        unsafe {
            libc::mmap(
                base as *mut libc::c_void,
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE,
                -1,
                0,
            );
            let word = slot.word.load(Ordering::Acquire) as *const AtomicU32;
            (*word).store(slot.value.load(Ordering::Acquire), Ordering::Release);
        }
        return;
    }
    // SAFETY: OLD was written before this handler was installed; the old handler is called as it was registered.
    unsafe {
        match &*OLD.0.get() {
            Some(old) if old.sa_sigaction == libc::SIG_IGN => {}
            Some(old) if old.sa_sigaction != libc::SIG_DFL => {
                if old.sa_flags & libc::SA_SIGINFO != 0 {
                    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = std::mem::transmute(old.sa_sigaction);
                    handler(signal, info, context);
                } else {
                    let handler: extern "C" fn(i32) = std::mem::transmute(old.sa_sigaction);
                    handler(signal);
                }
            }
            _ => {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, std::ptr::null_mut());
            }
        }
    }
}
