//! The annex of a timer.
//!
//! ```text
//! state   epoch(23..8) | signalled(0)          as an auto-reset or manual-reset event
//! annex   0 selector   epoch(31..16) | bank(0)
//!         1, 2         bank 0: due, period     due: CLOCK_MONOTONIC, with bit 63 CLOCK_REALTIME; 0: none. period: ns; 0: one shot
//!         3, 4         bank 1: due, period
//!         5 moving     1: an expiry is under way
//!         6 next       the due time that it leads to
//! ```
//! *Who may write.* All of it under the object's lock. Readers without it take a bank as the selector's that did not move meanwhile.
//!
//! *Steps.*
//! ```text
//! set     S1 the other bank   S2 selector: that bank, epoch + 1 (it has happened)   S3 state: not signalled, that epoch
//! cancel  C1 due = 0 (it has happened); the state stays
//! expiry  E1 next   E2 moving = 1 (it has happened)   E3 state: signalled   E4 due = next   E5 moving = 0
//! ```
//! *Invariants.* I1: the epochs of selector and state are the same when the lock is free. I2: `moving` is 0 then.
//!
//! *Death.* Whoever takes a dead locker's lock finishes what has happened ([`Timer::mend`]): S3 if the selector is ahead, E3 to E5 if `moving`. What has not is not
//! there: the other bank, or `next`, is nobody's.

use super::Held;
use crate::arena::layout::ANNEX_WORDS;
use crate::cell::Word64;
use crate::dispatch::word::State;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};

const SELECTOR: usize = 0;
const BANKS: [usize; 2] = [1, 3];
const MOVING: usize = 5;
const NEXT: usize = 6;

/// An instant of one of the two clocks, as a word of the arena: bit 63 says that it is the wall clock's; 0 is no instant. (`sys/clock.rs` has its relation to now.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due(u64);

const WALL: u64 = 1 << 63;

impl Due {
    /// An instant that is too far for the clock is its last one.
    pub(crate) fn monotonic(ns: u64) -> Due {
        Due(ns.clamp(1, WALL - 1))
    }

    pub(crate) fn on_wall(ns: u64) -> Due {
        Due(WALL | ns.min(WALL - 1))
    }

    pub(crate) fn unpack(word: u64) -> Option<Due> {
        (word != 0).then_some(Due(word))
    }

    pub(crate) fn pack(self) -> u64 {
        self.0
    }

    pub(crate) fn is_on_wall(self) -> bool {
        self.0 & WALL != 0
    }

    /// By its clock.
    pub(crate) fn nanos(self) -> u64 {
        self.0 & !WALL
    }
}

/// An annex as it was read.
pub(crate) type Words = [u64; ANNEX_WORDS];

/// The annex of a new timer, which is not set.
pub(crate) const FRESH: Words = [0; ANNEX_WORDS];

/// What a timer is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) due: Option<Due>,
    pub(crate) period: u64,
}

impl Setting {
    pub(crate) fn of(words: &Words) -> Setting {
        let bank = Selector(words[SELECTOR]).bank();
        Setting { due: Due::unpack(words[bank]), period: words[bank + 1] }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Selector(u64);

impl Selector {
    fn bank(self) -> usize {
        BANKS[(self.0 & 1) as usize]
    }

    fn epoch(self) -> u32 {
        (self.0 >> 16) as u32 & 0xffff
    }

    fn other(self, epoch: u32) -> Selector {
        Selector(u64::from(epoch) << 16 | (self.0 & 1 ^ 1))
    }
}

/// Whether a timer with this state and annex is signalled, if its time has come (`is_due`) or not.
pub(crate) fn is_signalled(state: State, words: &Words, is_due: bool) -> bool {
    let is_set_anew = Selector(words[SELECTOR]).epoch() != state.epoch();
    is_due || !is_set_anew && (state.is_signalled_event() || words[MOVING] == 1)
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer<'a>(pub(crate) &'a [Word64; ANNEX_WORDS]);

impl Timer<'_> {
    fn selector(self) -> Selector {
        Selector(self.0[SELECTOR].load())
    }

    fn due(&self) -> &Word64 {
        &self.0[self.selector().bank()]
    }

    /// The annex of one setting.
    pub(crate) fn words(self) -> Words {
        loop {
            let words = self.0.each_ref().map(Word64::load);
            if words[SELECTOR] == self.selector().0 {
                return words; // else it was set meanwhile
            }
        }
    }

    pub(crate) fn setting(self) -> Setting {
        Setting::of(&self.words())
    }

    /// S1 to S3.
    pub(crate) fn set(self, held: &mut impl Held, due: Due, period: u64) {
        let after = held.state().reset();
        let other = self.selector().other(after.epoch());
        self.0[other.bank()].store(due.pack());
        self.0[other.bank() + 1].store(period);
        self.0[SELECTOR].store(other.0);
        held.write_state(after);
    }

    /// C1.
    pub(crate) fn cancel(self) {
        self.due().store(0);
    }

    /// E1 to E5.
    pub(crate) fn expire(self, held: &mut impl Held, next: Option<Due>) {
        self.0[NEXT].store(next.map_or(0, Due::pack));
        #[cfg(any(test, planted))]
        if planted::has(Planted::ExpireUnannounced) {
            return self.finish(held);
        }
        self.0[MOVING].store(1);
        self.finish(held);
    }

    /// E3 to E5.
    fn finish(self, held: &mut impl Held) {
        held.write_state(held.state().set());
        #[cfg(any(test, planted))]
        if planted::has(Planted::ExpireAgain) {
            return self.0[MOVING].store(0);
        }
        self.due().store(self.0[NEXT].load());
        self.0[MOVING].store(0);
    }

    /// Finishes what a dead locker has begun.
    pub(crate) fn mend(self, held: &mut impl Held) {
        let after = held.state().reset();
        if self.selector().epoch() == after.epoch() {
            #[cfg(any(test, planted))]
            if planted::has(Planted::MendUnset) {
                return;
            }
            held.write_state(after);
        } else if self.0[MOVING].load() == 1 {
            self.finish(held);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Locked(State);

    impl Held for Locked {
        fn state(&self) -> State {
            self.0
        }
        fn write_state(&mut self, state: State) {
            self.0 = state;
        }
    }

    const FAR: Due = Due(u64::MAX >> 1);

    fn is_signalled(timer: Timer<'_>, locked: &Locked) -> bool {
        super::is_signalled(locked.0, &timer.words(), false)
    }

    #[test]
    fn a_set_that_died_after_its_selector_is_finished() {
        let annex = <[Word64; ANNEX_WORDS]>::default();
        let (timer, mut locked) = (Timer(&annex), Locked(State::event(true)));
        let other = timer.selector().other(locked.0.reset().epoch());
        annex[other.bank()].store(FAR.pack());
        timer.mend(&mut locked);
        assert!(is_signalled(timer, &locked), "not decided: the other bank is nobody's");
        annex[SELECTOR].store(other.0);
        assert!(!is_signalled(timer, &locked), "decided, though the state does not say so");
        for _ in 0..2 {
            timer.mend(&mut locked);
            assert!(!locked.0.is_signalled_event());
        }
        assert_eq!(locked.0.epoch(), timer.selector().epoch());
    }

    #[test]
    fn an_expiry_that_died_half_way_is_finished_and_is_one() {
        for state_is_written in [false, true] {
            let annex = <[Word64; ANNEX_WORDS]>::default();
            let (timer, mut locked) = (Timer(&annex), Locked(State::event(false)));
            timer.set(&mut locked, Due::monotonic(1), 0);
            annex[NEXT].store(FAR.pack());
            annex[MOVING].store(1);
            assert!(is_signalled(timer, &locked), "decided");
            if state_is_written {
                locked.write_state(locked.0.set());
            }
            timer.mend(&mut locked);
            assert!(locked.0.is_signalled_event());
            assert_eq!(timer.setting().due, Some(FAR));
            locked.write_state(State(0).reset());
            timer.mend(&mut locked);
            assert!(!locked.0.is_signalled_event(), "it is one");
        }
    }

    #[test]
    fn an_epoch_comes_round() {
        let annex = <[Word64; ANNEX_WORDS]>::default();
        let (timer, mut locked) = (Timer(&annex), Locked(State::event(true)));
        for _ in 0..0x1_0002 {
            timer.set(&mut locked, FAR, 0);
            assert_eq!(timer.selector().epoch(), locked.0.epoch());
        }
    }
}
