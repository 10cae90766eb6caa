//! The life word of an object.
//!
//! ```text
//! FREE ──reserve──▶ RESERVED ──publish──▶ LIVE ──▶ DYING ──▶ FREE (next generation)
//!
//!  63      32 31        19 18        3 2     0
//! |  version | sole holder | generation | state |
//! ```
//!
//! `sole holder` is the slot (plus one) of the only process that ever held the object, or 0 once there was another: the common
//! object of one process is destroyed without looking at anybody's row. The version moves with every admission (`refs.rs`, R2).
//!
//! *Who may write.* RESERVED: its reserver. Else anyone by swap. *Death.* RESERVED: the sole holder's reaper frees it. DYING: whoever
//! meets it finishes it.

/// A value of the life word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life(pub(crate) u64);

/// The state part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Free,
    Reserved,
    Live,
    Dying,
}

const STAGE: u64 = 7;
const GENERATION_SHIFT: u32 = 3;
const GENERATION: u64 = 0xffff;
const SOLE_SHIFT: u32 = 19;
const SOLE: u64 = 0x1fff;
const VERSION_ONE: u64 = 1 << 32;

impl Life {
    pub(crate) fn stage(self) -> Option<Stage> {
        [Stage::Free, Stage::Reserved, Stage::Live, Stage::Dying].get((self.0 & STAGE) as usize).copied()
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT & GENERATION) as u32
    }

    /// The only process slot that ever held the object.
    pub(crate) fn sole(self) -> Option<u32> {
        ((self.0 >> SOLE_SHIFT & SOLE) as u32).checked_sub(1)
    }

    pub(crate) fn is_live(self, generation: u32) -> bool {
        self.stage() == Some(Stage::Live) && self.generation() == generation
    }

    fn with(self, stage: Stage, sole: u32) -> Life {
        Life(self.0 & !(STAGE | SOLE << SOLE_SHIFT) | stage as u64 | u64::from(sole) << SOLE_SHIFT)
    }

    fn next_version(self) -> Life {
        Life(self.0.wrapping_add(VERSION_ONE))
    }

    /// FREE to RESERVED for the process in `slot`.
    pub(crate) fn reserve(self, slot: u32) -> Option<Life> {
        (self.stage() == Some(Stage::Free)).then(|| self.with(Stage::Reserved, slot + 1))
    }

    pub(crate) fn publish(self) -> Life {
        let sole = (self.0 >> SOLE_SHIFT & SOLE) as u32;
        self.with(Stage::Live, sole)
    }

    /// One more admission.
    pub(crate) fn admit(self, slot: u32) -> Option<Life> {
        let sole = if self.sole() == Some(slot) { slot + 1 } else { 0 };
        (self.stage() == Some(Stage::Live)).then(|| self.with(Stage::Live, sole).next_version())
    }

    pub(crate) fn dying(self) -> Option<Life> {
        let sole = (self.0 >> SOLE_SHIFT & SOLE) as u32;
        (self.stage() == Some(Stage::Live)).then(|| self.with(Stage::Dying, sole))
    }

    /// Free for the next object.
    pub(crate) fn free(self) -> Life {
        let generation = (u64::from(self.generation()) + 1) & GENERATION;
        Life(self.next_version().0 & !0xffff_ffff | generation << GENERATION_SHIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_life() {
        let reserved = Life(0).reserve(4).unwrap();
        let live = reserved.publish();
        assert_eq!((live.stage(), live.sole(), live.generation()), (Some(Stage::Live), Some(4), 0));
        assert!(live.reserve(1).is_none());
        let again = live.admit(4).unwrap();
        assert_eq!(again.sole(), Some(4));
        assert_ne!(again, live, "an admission moves the version");
        let shared = again.admit(9).unwrap();
        assert_eq!(shared.sole(), None);
        assert_eq!(shared.admit(4).unwrap().sole(), None, "once shared, shared for good");
        let dying = shared.dying().unwrap();
        assert!(dying.admit(4).is_none() && dying.dying().is_none());
        assert_eq!((dying.free().stage(), dying.free().generation()), (Some(Stage::Free), 1));
        assert_eq!(Life(0xffff << 3).free().generation(), 0, "generations go round");
    }
}
