//! The claim of a waiter: who ended its wait, decided by one compare-and-swap.
//!
//! ```text
//! IDLE ──begin──▶ WAITING ──grant(node)──▶ GRANTED ──▶ TAKEN       by a granter; the last step by the waiter
//!                    │ ├──grant_all(op)──▶ GRANTED_ALL ──▶ TAKEN_ALL
//!                    │ ├──cancel──▶ CANCELLED                        by the waiter: time-out, abort
//!                    │ └──die──▶ DEAD                                by whoever reaps its process (also from GRANTED)
//!                    └──poke──▶ WAITING (another value)              wakes the sleeper without a grant
//!
//!  63            32 31          8 7    3 2     0
//! |  generation    |  node or op | poke | state |      the futex is the low half
//! ```
//!
//! *Who may write.* `begin`: the waiter, only when none of its nodes is linked (so no queue and no intent names the record
//! any more). Leaving WAITING: anyone, once per generation; that is why an object is granted once. GRANTED to TAKEN: the
//! waiter. GRANTED to DEAD: the reaper, which gives the grant back.
//!
//! *Death.* WAITING: the reaper's `die` and a granter's `grant` race by this one word. GRANTED, not TAKEN: nobody had it yet;
//! it is given back. TAKEN: the dead one had it; a mutex becomes abandoned.

/// A value of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim(pub(crate) u64);

/// What a claim says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Waiting,
    /// By the object at this place of the waiter's list.
    Granted(u32),
    /// By the op with this tag, for all objects at once.
    GrantedAll(u32),
    Cancelled,
    Dead,
    Taken(u32),
    TakenAll(u32),
}

const IDLE: u64 = 0;
const WAITING: u64 = 1;
const GRANTED: u64 = 2;
const GRANTED_ALL: u64 = 3;
const CANCELLED: u64 = 4;
const DEAD: u64 = 5;
const TAKEN: u64 = 6;
const TAKEN_ALL: u64 = 7;
const POKE_ONE: u64 = 1 << 3;
const POKE: u64 = 0x1f << 3;
const PAYLOAD_SHIFT: u32 = 8;

/// What decides whether the change that an intent describes happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decides {
    /// The waiter's claim was granted by this node.
    Grant = 1,
    /// The waiter's claim was granted as a whole, by the op with the intent's tag.
    All = 2,
    /// The waiter's claim is DEAD: its grant went back.
    Return = 3,
    /// Nothing: state and account change together, always forward.
    Account = 4,
}

/// The word that makes an object's intent valid (`Object::target`).
///
/// ```text
///  63  61 60        32 31               0
/// | kind | node (+1)  | claim generation |     0 = no intent
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intended {
    pub(crate) decides: Decides,
    pub(crate) node: u32,
    pub(crate) generation: u32,
}

impl Intended {
    pub(crate) fn pack(self) -> u64 {
        (self.decides as u64) << 61 | u64::from(self.node + 1) << 32 | u64::from(self.generation)
    }

    /// The inverse; `None` for 0 and for what was never packed.
    pub(crate) fn unpack(word: u64) -> Option<Intended> {
        let decides = *[Decides::Grant, Decides::All, Decides::Return, Decides::Account].get((word >> 61).checked_sub(1)? as usize)?;
        let node = ((word >> 32) as u32 & 0x1fff_ffff).checked_sub(1)?;
        Some(Intended { decides, node, generation: word as u32 })
    }

    /// Whether the change happened, by the claim of the waiter behind the node; `tag` is that of the intent.
    pub(crate) fn happened(self, claim: Claim, ordinal: u32, tag: u32) -> bool {
        let decided = match self.decides {
            Decides::Grant => claim.is_granted_by(ordinal),
            Decides::All => claim.is_granted_all_by(tag),
            Decides::Return => claim.phase() == Phase::Dead,
            Decides::Account => return true,
        };
        decided && claim.generation() == self.generation
    }
}

/// The most objects one wait may name: what the payload can count.
pub(crate) const MAX_OBJECTS: usize = 1 << 20;

impl Claim {
    /// The first claim of the next generation.
    #[inline]
    pub(crate) fn next_waiting(self) -> Claim {
        Claim(u64::from(self.generation().wrapping_add(1)) << 32 | WAITING)
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The futex value.
    #[inline]
    pub(crate) fn low(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn is_waiting(self) -> bool {
        self.0 & 7 == WAITING
    }

    #[inline]
    pub(crate) fn phase(self) -> Phase {
        let payload = (self.0 as u32) >> PAYLOAD_SHIFT;
        match self.0 & 7 {
            IDLE => Phase::Idle,
            WAITING => Phase::Waiting,
            GRANTED => Phase::Granted(payload),
            GRANTED_ALL => Phase::GrantedAll(payload),
            CANCELLED => Phase::Cancelled,
            DEAD => Phase::Dead,
            TAKEN => Phase::Taken(payload),
            _ => Phase::TakenAll(payload),
        }
    }

    fn become_(self, state: u64, payload: u32) -> Option<Claim> {
        self.is_waiting().then(|| Claim(self.0 & !0xffff_ffff | u64::from(payload) << PAYLOAD_SHIFT | state))
    }

    #[inline]
    pub(crate) fn grant(self, ordinal: u32) -> Option<Claim> {
        self.become_(GRANTED, ordinal)
    }

    #[inline]
    pub(crate) fn grant_all(self, op_tag: u32) -> Option<Claim> {
        self.become_(GRANTED_ALL, op_tag & 0xff_ffff)
    }

    #[inline]
    pub(crate) fn cancel(self) -> Option<Claim> {
        self.become_(CANCELLED, 0)
    }

    /// From WAITING or from a grant that was not taken.
    #[inline]
    pub(crate) fn die(self) -> Option<Claim> {
        matches!(self.0 & 7, WAITING | GRANTED | GRANTED_ALL).then_some(Claim(self.0 & !0xff | DEAD))
    }

    #[inline]
    pub(crate) fn poke(self) -> Option<Claim> {
        self.is_waiting().then_some(Claim(self.0 & !POKE | (self.0.wrapping_add(POKE_ONE) & POKE)))
    }

    #[inline]
    pub(crate) fn take(self) -> Option<Claim> {
        match self.0 & 7 {
            GRANTED => Some(Claim(self.0 & !7 | TAKEN)),
            GRANTED_ALL => Some(Claim(self.0 & !7 | TAKEN_ALL)),
            _ => None,
        }
    }

    /// Whether the wait was ended by the node at `ordinal` (taken since or not).
    #[inline]
    pub(crate) fn is_granted_by(self, ordinal: u32) -> bool {
        matches!(self.phase(), Phase::Granted(n) | Phase::Taken(n) if n == ordinal)
    }

    /// Whether the wait was ended as a whole by the op with this tag.
    #[inline]
    pub(crate) fn is_granted_all_by(self, op_tag: u32) -> bool {
        matches!(self.phase(), Phase::GrantedAll(t) | Phase::TakenAll(t) if t == op_tag & 0xff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_waiting_claim_is_decided() {
        let idle = Claim(41 << 32);
        let waiting = idle.next_waiting();
        assert_eq!((waiting.generation(), waiting.phase()), (42, Phase::Waiting));
        let ends = [waiting.grant(9).unwrap(), waiting.grant_all(7).unwrap(), waiting.cancel().unwrap(), waiting.die().unwrap()];
        for end in ends {
            assert_eq!(end.generation(), 42);
            assert!(end.grant(1).is_none() && end.grant_all(1).is_none() && end.cancel().is_none() && end.poke().is_none());
        }
        assert!(ends[0].is_granted_by(9) && !ends[0].is_granted_by(8) && !ends[0].is_granted_all_by(9));
        assert!(ends[1].is_granted_all_by(7) && !ends[1].is_granted_by(7));
        assert!(ends[0].take().unwrap().is_granted_by(9) && ends[1].take().unwrap().is_granted_all_by(7));
        assert!(ends[0].die().is_some() && ends[0].take().unwrap().die().is_none(), "what was taken stays taken");
    }

    #[test]
    fn an_intent_names_what_decides() {
        for decides in [Decides::Grant, Decides::All, Decides::Return, Decides::Account] {
            let intent = Intended { decides, node: (1 << 20) - 1, generation: u32::MAX };
            assert_eq!(Intended::unpack(intent.pack()), Some(intent));
        }
        assert!([0, 7, 1 << 61, 5 << 61 | 1 << 32].into_iter().all(|word| Intended::unpack(word).is_none()));
        let waiting = Claim(0).next_waiting();
        let by = |decides| Intended { decides, node: 0, generation: 1 };
        let rows = [
            (waiting, [false; 3]),
            (waiting.grant(5).unwrap(), [true, false, false]),
            (waiting.grant(6).unwrap(), [false; 3]),
            (waiting.grant_all(7).unwrap(), [false, true, false]),
            (waiting.grant_all(8).unwrap(), [false; 3]),
            (waiting.cancel().unwrap(), [false; 3]),
            (waiting.grant(5).unwrap().die().unwrap(), [false, false, true]),
        ];
        for (claim, expected) in rows {
            let happened = [Decides::Grant, Decides::All, Decides::Return].map(|d| by(d).happened(claim, 5, 7));
            assert_eq!(happened, expected, "{claim:?}");
        }
        assert!(!by(Decides::Grant).happened(Claim(1 << 32).next_waiting().grant(5).unwrap(), 5, 7), "another generation");
    }

    #[test]
    fn a_poke_changes_the_futex_value_and_nothing_else() {
        let waiting = Claim(0).next_waiting();
        let mut seen = std::collections::HashSet::new();
        let mut claim = waiting;
        while seen.insert(claim.low()) {
            claim = claim.poke().unwrap();
            assert_eq!((claim.generation(), claim.phase()), (1, Phase::Waiting));
        }
        assert_eq!(seen.len(), 32);
    }
}
