//! Two who look at each other: whoever says something first and then looks, on both sides, cannot both miss the other.

use super::*;
use crate::cell::fence;

// --- the last ones to leave a namespace (arena/file.rs, keeper.rs)

const OPEN: u64 = 1;
const CLOSING: u64 = 2;
const VERSION_ONE: u64 = 0x100;

const ABSENT: u32 = 0;
const PRESENT: u32 = 1;
const LEAVING: u32 = 2;

/// The arena's life and its process slots.
struct Arena {
    life: Word64,
    slots: [Word32; 3],
    bug: Option<Planted>,
}

impl Arena {
    fn fence(&self) {
        if self.bug != Some(Planted::NoFence) {
            fence();
        }
    }

    /// False if the arena is closing: the attacher opens it afresh.
    fn attach(&self, slot: usize) -> bool {
        self.slots[slot].store(PRESENT);
        self.fence();
        self.life.update(|life| (life & 0xff == OPEN).then(|| life.wrapping_add(VERSION_ONE))).is_ok()
    }

    /// True if this one closed the arena.
    fn leave(&self, slot: usize) -> bool {
        self.slots[slot].store(LEAVING);
        self.fence();
        let life = self.life.load();
        self.fence();
        if self.slots.iter().any(|slot| slot.load() == PRESENT) {
            return false;
        }
        life & 0xff == OPEN && self.life.cas(life, life & !0xff | CLOSING).is_ok()
    }
}

/// Two leave while a third comes and goes. Exactly one of them closes, and never under one who has come.
fn two_leave_and_one_comes(bug: Option<Planted>, comes: bool) -> usize {
    explore(3, move || {
        let slots = [Word32::new(PRESENT), Word32::new(PRESENT), Word32::new(ABSENT)];
        let arena = Arc::new(Arena { life: Word64::new(OPEN), slots, bug });
        let leaver = {
            let arena = arena.clone();
            thread::spawn(move || arena.leave(1))
        };
        let visitor = comes.then(|| {
            let arena = arena.clone();
            thread::spawn(move || {
                if !arena.attach(2) {
                    return false;
                }
                assert_eq!(arena.life.load() & 0xff, OPEN, "closed under one who had come");
                arena.leave(2)
            })
        });
        let mine = arena.leave(0);
        let closed = [mine, leaver.join().unwrap(), visitor.is_some_and(|v| v.join().unwrap())];
        assert_eq!(closed.into_iter().filter(|&c| c).count(), 1, "closed by one, and by one only: {closed:?}");
    })
}

#[test]
fn the_last_to_leave_closes() {
    println!("two leave: {} schedules", two_leave_and_one_comes(None, false));
    println!("two leave, one comes: {} schedules", two_leave_and_one_comes(None, true));
}

#[test]
#[should_panic(expected = "closed by one")]
fn planted_leaving_a_namespace_without_a_fence_is_caught() {
    two_leave_and_one_comes(Some(Planted::NoFence), false);
}

// --- a mutex that is closed while a grant of ours owns it (index.rs)

/// A process's part in one mutex: whether a grant of it owns the mutex, for how many it says that it stays, and its bit.
struct Kept {
    owned: Word32,
    keeps: Word32,
    bit: loom::sync::Mutex<bool>,
    bug: Option<Planted>,
}

impl Kept {
    fn fence(&self) {
        if self.bug != Some(Planted::NoFence) {
            fence();
        }
    }

    /// The last handle is closed.
    fn close(&self) {
        let mut bit = self.bit.lock().unwrap();
        self.keeps.add(1);
        self.fence();
        if self.owned.load() == 0 {
            self.keeps.add(u32::MAX);
            *bit = false;
        }
    }

    /// The grant lets go.
    fn release(&self) {
        assert_eq!(self.owned.cas(1, 0), Ok(()));
        self.fence();
        if self.keeps.load() != 0 {
            let mut bit = self.bit.lock().unwrap();
            if *bit {
                self.keeps.add(u32::MAX);
                *bit = false;
            }
        }
    }
}

fn close_against_release(bug: Option<Planted>) -> usize {
    explore(4, move || {
        let kept = Arc::new(Kept { owned: Word32::new(1), keeps: Word32::new(0), bit: loom::sync::Mutex::new(true), bug });
        let releaser = {
            let kept = kept.clone();
            thread::spawn(move || kept.release())
        };
        kept.close();
        releaser.join().unwrap();
        assert!(!*kept.bit.lock().unwrap(), "it stays for ever");
        assert_eq!(kept.keeps.load(), 0);
    })
}

#[test]
fn whoever_lets_go_last_leaves_the_holder_set() {
    println!("close against release: {} schedules", close_against_release(None));
}

#[test]
#[should_panic(expected = "it stays for ever")]
fn planted_closing_without_a_fence_is_caught() {
    close_against_release(Some(Planted::NoFence));
}
