//! The word of a bucket of the name index.
//!
//! ```text
//!  63      52 51    36 35       21 20        0
//! | locker gen | locker | version | head (+1) |
//! ```
//!
//! *Who may write.* Unlocked: anyone who inserts at the head or locks, by compare-and-swap. Locked: its locker, by plain stores; a dead
//! locker's lock is freed by compare-and-swap. Each insertion and each unlocking moves the version, so whoever read a chain and finds
//! the word as it was has read the chain as it is.

use crate::arena::refs::OwnerRef;

/// A value of a bucket's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket(pub(crate) u64);

const HEAD: u64 = 0x1f_ffff;
const VERSION_SHIFT: u32 = 21;
const VERSION: u64 = 0x7fff << VERSION_SHIFT;
const LOCK: u64 = !(HEAD | VERSION);
const LOCKER_SHIFT: u32 = 36;
const LOCKER_GEN_SHIFT: u32 = 52;

impl Bucket {
    /// The first object of the chain, plus one.
    pub(crate) fn head(self) -> u32 {
        (self.0 & HEAD) as u32
    }

    pub(crate) fn is_locked(self) -> bool {
        self.0 & LOCK != 0
    }

    /// Index and cut generation of the op that holds the lock.
    pub(crate) fn locker(self) -> (u32, u32) {
        ((self.0 >> LOCKER_SHIFT) as u32 & 0xffff, (self.0 >> LOCKER_GEN_SHIFT) as u32)
    }

    fn next_version(self) -> u64 {
        self.0.wrapping_add(1 << VERSION_SHIFT) & VERSION
    }

    /// The object at `index`, whose `chain` holds the old head, comes first.
    pub(crate) fn insert(self, index: u32) -> Bucket {
        Bucket(self.next_version() | u64::from(index + 1))
    }

    pub(crate) fn locked_by(self, op: OwnerRef) -> Bucket {
        Bucket(self.0 & !LOCK | u64::from(op.index) << LOCKER_SHIFT | u64::from(op.generation & 0xfff) << LOCKER_GEN_SHIFT)
    }

    /// The head is gone; `next` (plus one) comes first. Only its locker may.
    pub(crate) fn with_head(self, next: u32) -> Bucket {
        Bucket(self.0 & !HEAD | u64::from(next) & HEAD)
    }

    pub(crate) fn unlocked(self) -> Bucket {
        Bucket(self.0 & HEAD | self.next_version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let op = OwnerRef { index: 0xffff, generation: 0x1_2fff };
        let filled = Bucket(0).insert(0xf_ffff);
        assert_eq!((filled.head(), filled.is_locked()), (0x10_0000, false));
        let locked = filled.locked_by(op);
        assert_eq!((locked.head(), locked.is_locked(), locked.locker()), (0x10_0000, true, (0xffff, 0xfff)));
        let emptied = locked.with_head(0);
        assert_eq!((emptied.head(), emptied.locker()), (0, locked.locker()));
        assert!(!emptied.unlocked().is_locked() && emptied.unlocked().head() == 0);
    }

    #[test]
    fn every_change_moves_the_version() {
        let mut word = Bucket(0);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..0x4000 {
            assert!(seen.insert(word.0), "the version came round too soon");
            let locked = word.locked_by(OwnerRef { index: 3, generation: 1 });
            word = locked.unlocked();
            assert!(seen.insert(word.0));
            word = word.insert(0);
            word = Bucket(word.0 & !HEAD);
        }
    }
}
