//! The waitable timer (contract 6): signalled when its time comes.
//!
//! *What it is.* No thread and no timer of the kernel: a due time, and a function of the clock. Whoever looks, tries or waits looks at the clock first
//! ([`tick`]); who sleeps, sleeps no longer than to the due time, and then looks. Keepers do so for waits without a thread (`asyncs.rs`).
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
//! set     S1 the other bank   S2 selector: that bank, epoch + 1 (it has happened)   S3 state: not signalled, that epoch   S4 poke and wake who waits
//! cancel  C1 due = 0 (it has happened); the state stays
//! expiry  E1 next   E2 moving = 1 (it has happened)   E3 state: signalled   E4 due = next   E5 moving = 0; then grants, as after any signal
//! ```
//! *Invariants.* I1: the epochs of selector and state are the same when the lock is free. I2: `moving` is 0 then. I3: an expiry is noticed once, by whoever
//! has the lock first after the due time; set and cancel notice one that was overlooked before they do their own.
//!
//! *Periods.* The due times are the first one and that plus whole periods, whatever the delays; those that nobody was there to notice are one. After its first
//! expiry an absolute timer goes by the monotonic clock (T14).
//!
//! *Death.* Whoever takes a dead locker's lock finishes what has happened ([`mend`]): S3 if the selector is ahead, E3 to E5 if `moving`. What has not is not
//! there: the other bank, or `next`, is nobody's. The wakes that a dead setter owed are given by its reaper (`kinds::settle`); and sleepers look once a second.
//!
//! *Not promised.* A step of the wall clock is noticed at once by a sleeping thread if it goes forward, else, and by keepers, within a second.

use super::annex;
use crate::arena::layout::{ANNEX_WORDS, Annex};
use crate::cell::Word64;
use crate::dispatch::grant::Wakes;
use crate::dispatch::lock::{Locked, Target};
use crate::dispatch::word::State;
use crate::error::Result;
use crate::ops;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Due};

const SELECTOR: usize = 0;
const BANKS: [usize; 2] = [1, 3];
const MOVING: usize = 5;
const NEXT: usize = 6;

/// The annex of a new timer, which is not set.
pub(crate) const FRESH: Words = [0; ANNEX_WORDS];

/// What a timer is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) due: Option<Due>,
    pub(crate) period: u64,
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

fn selector(annex: &Annex) -> Selector {
    Selector(annex.words[SELECTOR].load())
}

fn due_of(annex: &Annex) -> &Word64 {
    &annex.words[selector(annex).bank()]
}

impl Setting {
    fn read(annex: &Annex) -> Setting {
        Setting::of(&whole(annex))
    }

    fn of(words: &Words) -> Setting {
        let bank = Selector(words[SELECTOR]).bank();
        Setting { due: Due::unpack(words[bank]), period: words[bank + 1] }
    }
}

/// An annex as it was read.
pub(crate) type Words = [u64; ANNEX_WORDS];

/// The annex of one setting.
fn whole(annex: &Annex) -> Words {
    loop {
        let words = annex.words.each_ref().map(Word64::load);
        if words[SELECTOR] == selector(annex).0 {
            return words; // else it was set meanwhile
        }
    }
}

/// Signals the timer if its time has come; when to look again.
pub(super) fn tick(cx: Cx, target: Target) -> Result<Option<Due>> {
    let annex = annex(cx.space, target)?;
    let mut due = Setting::read(annex).due;
    if due.is_some_and(Due::passed) {
        change(cx, target, |_, _| Ok(()))?;
        due = Setting::read(annex).due;
    }
    // Who waits although it is signalled waits for something else as well: he need not look at every tick of a short period.
    let is_idle = due.is_some_and(|due| due.left() < IDLE_NS) && target.word().state().is_signalled_event();
    Ok(if is_idle { Some(Due::monotonic(clock::now() + IDLE_NS)) } else { due })
}

const IDLE_NS: u64 = 100_000;

/// Sets the timer: it is not signalled until `due`, and who waits goes on waiting for that. A time that has passed has come.
pub(crate) fn set(cx: Cx, target: Target, due: Due, period: u64) -> Result<()> {
    let words = &annex(cx.space, target)?.words;
    change(cx, target, |locked, wakes| {
        let now = Selector(words[SELECTOR].load());
        let after = locked.state.reset();
        let other = now.other(after.epoch());
        words[other.bank()].store(due.pack());
        words[other.bank() + 1].store(period);
        words[SELECTOR].store(other.0);
        locked.write_state(after);
        locked.rouse(wakes)
    })?;
    tick(cx, target).map(drop)
}

/// The timer will not be signalled any more; what it is, it stays.
pub(crate) fn cancel(cx: Cx, target: Target) -> Result<()> {
    let annex = annex(cx.space, target)?;
    change(cx, target, |_, _| {
        due_of(annex).store(0);
        Ok(())
    })
}

/// Changes a timer, after the expiry that nobody has noticed yet, if there is one.
fn change(cx: Cx, target: Target, change: impl FnOnce(&mut Locked, &mut Wakes) -> Result<()>) -> Result<()> {
    let annex = annex(cx.space, target)?;
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let mut wakes = Wakes::default();
    let handed = if expire(&mut locked, annex) { locked.hand_out(all.as_ref(), &mut wakes) } else { Ok(()) };
    let changed = change(&mut locked, &mut wakes);
    locked.unlock_quietly();
    drop(all);
    wakes.ring(cx.space);
    changed.and(ops::or_later(cx, target.at, handed))
}

/// E1 to E5, if it is time.
fn expire(locked: &mut Locked, annex: &Annex) -> bool {
    let Setting { due, period } = Setting::read(annex);
    let Some(due) = due.filter(|due| due.passed()) else { return false };
    let next = if period == 0 { 0 } else { due.next(period).pack() };
    annex.words[NEXT].store(next);
    annex.words[MOVING].store(1);
    finish(locked, annex);
    true
}

/// E3 to E5.
fn finish(locked: &mut Locked, annex: &Annex) {
    locked.write_state(locked.state.set());
    due_of(annex).store(annex.words[NEXT].load());
    annex.words[MOVING].store(0);
}

/// Finishes what a dead locker has begun.
pub(super) fn mend(locked: &mut Locked) -> Result<()> {
    let annex = annex(locked.cx.space, locked.target)?;
    let after = locked.state.reset();
    if selector(annex).epoch() == after.epoch() {
        locked.write_state(after);
    } else if annex.words[MOVING].load() == 1 {
        finish(locked, annex);
    }
    Ok(())
}

/// The annex, for a look without the lock ([`seen`]).
pub(crate) fn look(space: &Space, target: Target) -> Result<Words> {
    annex(space, target).map(whole)
}

/// Whether a timer with this state and annex is signalled now, and its setting.
pub(crate) fn seen(state: State, words: &Words) -> (bool, Setting) {
    let Setting { due, period } = Setting::of(words);
    let is_set_anew = Selector(words[SELECTOR]).epoch() != state.epoch();
    let expires = due.is_some_and(Due::passed);
    let due = due.and_then(|due| if due.passed() { (period != 0).then(|| due.next(period)) } else { Some(due) });
    (expires || !is_set_anew && (state.is_signalled_event() || words[MOVING] == 1), Setting { due, period })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Reset;
    use crate::dispatch::lock;
    use crate::engine::{Access, Handle, Namespace, Spec};
    use crate::owner;

    fn timer(reset: Reset) -> (Handle, Cx, Target) {
        let session = Namespace::session(&format!("timers-{}", std::process::id())).unwrap();
        let handle = session.create(None, Spec::Timer { reset }, Access::ALL).unwrap();
        let (space, target) = handle.by_ref().place().unwrap();
        (handle, owner::current(space).unwrap(), target)
    }

    fn words(cx: Cx, target: Target) -> &'static Annex {
        annex(cx.space, target).unwrap()
    }

    fn signalled(cx: Cx, target: Target) -> bool {
        seen(target.word().state(), &look(cx.space, target).unwrap()).0
    }

    #[test]
    fn due_times_are_the_first_one_and_whole_periods_whenever_somebody_looks() {
        const PERIOD: u64 = 70_001;
        let (_handle, cx, target) = timer(Reset::Auto);
        let first = clock::now() - 10;
        set(cx, target, Due::monotonic(first), PERIOD).unwrap();
        for round in 0..2_000u64 {
            if round % 7 == 0 {
                std::thread::yield_now();
            }
            let next = Setting::read(words(cx, target)).due.unwrap().pack();
            assert_eq!((next - first) % PERIOD, 0, "T14");
            tick(cx, target).unwrap();
        }
    }

    #[test]
    fn a_set_that_died_after_its_selector_is_finished() {
        let (_handle, cx, target) = timer(Reset::Manual);
        set(cx, target, Due::monotonic(1), 0).unwrap();
        assert!(signalled(cx, target));
        let annex = words(cx, target);
        let mut locked = lock::lock(cx, target).unwrap();
        let other = selector(annex).other(locked.state.reset().epoch());
        annex.words[other.bank()].store(Due::monotonic(u64::MAX).pack());
        mend(&mut locked).unwrap();
        assert!(locked.state.is_signalled_event(), "not decided: the other bank is nobody's");
        annex.words[SELECTOR].store(other.0);
        assert!(!signalled(cx, target), "decided, though the state does not say so");
        for _ in 0..2 {
            mend(&mut locked).unwrap();
            assert!(!locked.state.is_signalled_event());
        }
        assert_eq!(locked.state.epoch(), selector(annex).epoch());
        locked.unlock_quietly();
        assert!(!signalled(cx, target));
    }

    #[test]
    fn an_expiry_that_died_half_way_is_finished_and_is_one() {
        let (handle, cx, target) = timer(Reset::Auto);
        let far = Due::monotonic(clock::now() + 3_600_000_000_000);
        for state_is_written in [false, true] {
            set(cx, target, far, 0).unwrap();
            let annex = words(cx, target);
            let mut locked = lock::lock(cx, target).unwrap();
            annex.words[NEXT].store(far.pack());
            due_of(annex).store(Due::monotonic(1).pack()); // it has passed
            assert!(signalled(cx, target));
            annex.words[MOVING].store(1);
            if state_is_written {
                locked.write_state(locked.state.set());
            }
            mend(&mut locked).unwrap();
            mend(&mut locked).unwrap();
            locked.unlock_quietly();
            assert_eq!(Setting::read(annex).due, Some(far));
            assert!(handle.try_acquire().unwrap().is_some() && handle.try_acquire().unwrap().is_none());
        }
    }

    #[test]
    fn an_epoch_comes_round() {
        let (handle, cx, target) = timer(Reset::Manual);
        for _ in 0..0x1_0002 {
            set(cx, target, Due::monotonic(u64::MAX), 0).unwrap();
            assert_eq!(selector(words(cx, target)).epoch(), target.word().state().epoch());
        }
        set(cx, target, Due::monotonic(1), 0).unwrap();
        assert!(handle.try_acquire().unwrap().is_some());
    }
}
