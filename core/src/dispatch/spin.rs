//! Spinning before sleeping, on evidence only.
//!
//! *Why.* Waking a sleeper on another core takes 15 to 60 us, watching its claim for that long 0.3 us; but on the same core every turn
//! of a spinner is taken from the one it waits for. So a thread that has entered its queues watches its claim for up to [`SPIN_NS`] before
//! it sleeps, if and only if
//!
//! - it knows its *partner*: who ended this process's last wait for the object,
//! - the partner is awake, and was last seen on another core than ours,
//! - and watching has not been in vain of late: after the n-th vain time in a row it rests for 2^n waits.
//!
//! Who waits for a mutex does not spin so: its owner gets more done alone, and a spinner in the queue costs it a slow release each time
//! (decision 0009 has the figures). But one who was *poked* and found the mutex owned again is awake, and as long as the word says so a
//! release is one swap: it watches the word ([`watch_owner`]) before it takes the poke back. Else two that take a mutex again and again
//! call the kernel at nearly every release, one to wake and one to learn that it was woken.
//!
//! The spinner is in the queue like any sleeper, so a grant, a pulse and a hand-off reach it in its turn.
//!
//! *Who may write.* `Owner::place`: its thread; and whoever wakes the thread, to say that it will run. `Waiter::sleeper`: the waiter.
//! `Waiter::ended_by`: the granter, under the object's lock. All by plain stores: they are hints. A lie costs 20 us of spinning, or a
//! sleep; so does a dead partner, whose place nobody changes any more.

use super::lock::Target;
use super::word::Machine;
use crate::arena::layout::{OWNERS, Owner};
use crate::arena::refs::OwnerRef;
use crate::cell::private::{AtomicU64, Ordering};
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Deadline};
use crate::sys::process;

/// How long a claim is watched.
const SPIN_NS: u64 = 20_000;
/// Turns between two looks at the clock and the partner.
const TURNS: u32 = 32;
/// The same for one who watches a mutex: each look takes the word's cache line from the owner, who needs it twice in 20 ns.
const TURNS_OF_POKED: u32 = 128;
/// Waits over more objects do not look for a partner.
const FEW: usize = 8;

/// The thread sleeps in a wait; beside it the core, plus one.
const ASLEEP: u64 = 1 << 63;

/// The calling thread goes to sleep.
pub(crate) fn falls_asleep(cx: Cx) {
    put(cx, ASLEEP);
}

/// The calling thread runs.
pub(crate) fn runs(cx: Cx) {
    put(cx, 0);
}

fn put(cx: Cx, asleep: u64) {
    if let Ok(record) = cx.space.arena.owner(cx.op.index) {
        record.place.store(asleep | u64::from(process::core_plus_one()));
    }
}

/// A sleeper is woken: it will run, where it ran before.
pub(crate) fn will_run(space: &Space, sleeper: u32) {
    if let Some(record) = sleeper.checked_sub(1).and_then(|index| space.arena.owner(index).ok()) {
        record.place.store(record.place.load() & !ASLEEP);
    }
}

/// Whether the thread behind an owner record seems to run on another core than the caller.
fn runs_elsewhere(record: &Owner) -> bool {
    let (place, here) = (record.place.load(), u64::from(process::core_plus_one()));
    place != 0 && here != 0 && place & ASLEEP == 0 && place != here
}

/// Watches for `decided` as long as the evidence holds; true once it was seen.
pub(crate) fn watch(cx: Cx, targets: &[Target], deadline: Deadline, decided: impl Fn() -> bool) -> bool {
    let Some((object, partner)) = partner_of(cx, targets) else { return false };
    runs(cx);
    let until = Deadline::at(clock::now() + SPIN_NS).min(deadline);
    while !until.passed() && runs_elsewhere(partner) {
        for _ in 0..TURNS {
            if decided() {
                cx.space.evidence.was_useful(object);
                return true;
            }
            std::hint::spin_loop();
        }
    }
    cx.space.evidence.was_vain(object);
    false
}

/// Watches a mutex that the caller was poked for until it is free, the poke was taken back or the wait is decided, as long as the owner
/// seems to run on another core.
pub(crate) fn watch_owner(cx: Cx, mutex: &Target, deadline: Deadline, decided: impl Fn() -> bool) {
    let until = Deadline::at(clock::now() + SPIN_NS).min(deadline);
    loop {
        let word = mutex.word();
        let Some(owner) = word.state().owner_index() else { return };
        if !word.poked() || decided() || until.passed() || !cx.space.arena.owner(owner).is_ok_and(runs_elsewhere) {
            return;
        }
        for _ in 0..TURNS_OF_POKED {
            std::hint::spin_loop();
        }
    }
}

/// An object of the wait, and the partner that is worth watching for.
fn partner_of(cx: Cx, targets: &[Target]) -> Option<(u32, &'static Owner)> {
    if targets.len() > FEW || targets.iter().any(|target| target.machine == Machine::Mutex) {
        return None;
    }
    let known = |target: &Target| Some((target.at.index, cx.space.evidence.partner(target.at.index)?));
    let (object, partner) = targets.iter().find_map(known)?;
    cx.space.arena.owner(partner).ok().filter(|record| runs_elsewhere(record)).map(|record| (object, record))
}

/// Who ended this process's last waits: one entry for each object, or for several of them in turns. Private, and a hint.
///
/// ```text
///  63    48 47    44 43        37 36      20 19            0
/// |   -    | vain    | rest      | partner  | object index   |     partner: op index plus one, 0 = nobody
/// ```
pub(crate) struct Evidence([AtomicU64; ENTRIES]);

const ENTRIES: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    object: u32,
    partner: u32,
    /// Spins in vain, in a row.
    vain: u32,
    /// Waits to come that shall not spin.
    rest: u32,
}

impl Entry {
    fn pack(self) -> u64 {
        u64::from(self.object) | u64::from(self.partner) << 20 | u64::from(self.rest) << 37 | u64::from(self.vain) << 44
    }

    fn unpack(word: u64) -> Entry {
        let field = |shift: u32, bits: u32| (word >> shift) as u32 & ((1 << bits) - 1);
        Entry { object: field(0, 20), partner: field(20, 17), rest: field(37, 7), vain: field(44, 4) }
    }
}

impl Default for Evidence {
    fn default() -> Evidence {
        Evidence([const { AtomicU64::new(0) }; ENTRIES])
    }
}

impl Evidence {
    fn update(&self, object: u32, change: impl FnOnce(Entry) -> Entry) {
        let word = &self.0[object as usize % ENTRIES];
        let entry = Entry::unpack(word.load(Ordering::Relaxed));
        let entry = if entry.object == object { entry } else { Entry { object, partner: 0, vain: 0, rest: 0 } };
        word.store(change(entry).pack(), Ordering::Relaxed); // another thread's change may be lost: a hint
    }

    /// The partner of a wait for the object, if spinning is worth a try.
    fn partner(&self, object: u32) -> Option<u32> {
        let entry = Entry::unpack(self.0[object as usize % ENTRIES].load(Ordering::Relaxed));
        if entry.object == object && entry.rest == 0 { entry.partner.checked_sub(1) } else { None }
    }

    /// A wait for the object was ended by the op `by` (plus one).
    pub(crate) fn was_granted(&self, object: u32, by: u32) {
        let partner = if by <= OWNERS { by } else { 0 };
        self.update(object, |entry| Entry { partner, rest: entry.rest.saturating_sub(1), ..entry });
    }

    fn was_useful(&self, object: u32) {
        self.update(object, |entry| Entry { vain: entry.vain.saturating_sub(1), ..entry });
    }

    fn was_vain(&self, object: u32) {
        self.update(object, |entry| Entry { vain: (entry.vain + 1).min(6), rest: 1 << (entry.vain + 1).min(6), ..entry });
    }
}

/// The op as the hints name it.
pub(crate) fn tag(op: OwnerRef) -> u32 {
    op.index + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_is_known_by_the_object_and_rests_longer_after_each_vain_spin() {
        let evidence = Evidence::default();
        assert_eq!(evidence.partner(7), None);
        evidence.was_granted(7, 12);
        assert_eq!(evidence.partner(7), Some(11));
        for rest in [2, 4, 8, 16, 32, 64, 64] {
            evidence.was_vain(7);
            for _ in 0..rest {
                assert_eq!(evidence.partner(7), None, "of {rest}");
                evidence.was_granted(7, 12);
            }
            assert_eq!(evidence.partner(7), Some(11), "of {rest}");
        }
        evidence.was_useful(7);
        evidence.was_vain(7);
        assert_eq!(Entry::unpack(evidence.0[7].load(Ordering::Relaxed)), Entry { object: 7, partner: 12, vain: 6, rest: 64 });
    }

    #[test]
    fn objects_that_share_an_entry_do_not_share_evidence() {
        let evidence = Evidence::default();
        let other = 7 + ENTRIES as u32;
        evidence.was_granted(7, 12);
        assert_eq!(evidence.partner(other), None);
        evidence.was_granted(other, u32::MAX); // a damaged hint is nobody
        assert_eq!((evidence.partner(other), evidence.partner(7)), (None, None));
    }
}
