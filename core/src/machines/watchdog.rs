//! The annex of a watchdog.
//!
//! ```text
//! state   signalled(0): a cache of what annex and clock say
//! annex   0 selector   runs(63..32) | stage(15..8): 0 STOPPED, 1 RUNNING, 2 EXPIRED | bank(0)
//!         1 period, 2 grace    ns, never 0 and any; written once
//!         3 action             0 none, 1 kill, 2 reset; its parameter in the high half; written once
//!         4 to 8    bank 0: deadline (CLOCK_MONOTONIC); who started it: process slot, pid, its start time, its PID namespace
//!         9 to 13   bank 1: the same
//! ```
//! *Stages.* RUNNING and EXPIRED are told apart by the action alone. Of one that runs the clock makes the rest: before the deadline it runs, from then for `grace`
//! it is in GRACE, and without an action EXPIRED afterwards. It is signalled from the deadline on.
//!
//! *Who may write.* All of it under the object's lock.
//!
//! *Steps.* Each has happened with its last store, after which the state is put to what annex and clock say ([`Watchdog::put_state`]):
//! ```text
//! start    the other bank, whole; selector: that bank, RUNNING, runs + 1
//! refresh  deadline; of an EXPIRED one the selector: RUNNING
//! stop     selector: STOPPED
//! expire   selector: EXPIRED
//! ```
//! *Death.* The state follows from the annex.

use super::Held;
use crate::arena::layout::ANNEX_WORDS;
use crate::arena::refs::ProcessRef;
use crate::cell::Word64;
use crate::dispatch::word::{Machine, State};
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};

const SELECTOR: usize = 0;
const PERIOD: usize = 1;
const GRACE: usize = 2;
const ACTION: usize = 3;
const BANKS: [usize; 2] = [4, 9];
/// In a bank.
const DEADLINE: usize = 0;
const WHO: usize = 1;
const PID: usize = 2;
const BEGAN: usize = 3;
const NAMESPACE: usize = 4;

pub(crate) type Words = [u64; ANNEX_WORDS];

/// What is done when the grace is over; the numbers are the arena's, and CE's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    None,
    Kill,
    Reset(u32),
}

impl Action {
    fn unpack(word: u64) -> Action {
        match word as u32 {
            1 => Action::Kill,
            2 => Action::Reset((word >> 32) as u32),
            _ => Action::None,
        }
    }
}

/// The annex of a new watchdog, which is stopped.
pub(crate) fn fresh(period: u64, grace: u64, action: u64) -> Words {
    let mut words = [0; ANNEX_WORDS];
    (words[PERIOD], words[GRACE], words[ACTION]) = (period, grace, action);
    words
}

/// Where a watchdog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Stopped,
    Running,
    Grace,
    Expired,
}

impl Stage {
    pub(crate) fn is_signalled(self) -> bool {
        matches!(self, Stage::Grace | Stage::Expired)
    }
}

const STOPPED: u64 = 0;
const RUNNING: u64 = 1;
const EXPIRED: u64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Selector(u64);

impl Selector {
    fn bank(self) -> usize {
        BANKS[(self.0 & 1) as usize]
    }

    fn stage(self) -> u64 {
        self.0 >> 8 & 0xff
    }

    fn at(self, stage: u64) -> Selector {
        Selector(self.0 & !0xff00 | stage << 8)
    }

    fn next_run(self) -> Selector {
        Selector(((self.0 >> 32).wrapping_add(1)) << 32 | RUNNING << 8 | self.0 & 1 ^ 1)
    }
}

/// A watchdog at one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) stage: Stage,
    pub(crate) period: u64,
    pub(crate) grace: u64,
    pub(crate) action: Action,
    /// Until when it must be refreshed.
    pub(crate) deadline: u64,
    /// The pid of who started it.
    pub(crate) pid: u32,
    pub(crate) who: Option<ProcessRef>,
    pub(crate) began: u64,
    pub(crate) namespace: u64,
    pub(crate) runs: bool,
}

impl Seen {
    /// When the action is due, if it is RUNNING and has one.
    pub(crate) fn act_at(&self) -> Option<u64> {
        (self.runs && self.action != Action::None).then(|| self.deadline.saturating_add(self.grace))
    }
}

/// What the annex says at `now`.
pub(crate) fn seen(words: &Words, now: u64) -> Seen {
    let selector = Selector(words[SELECTOR]);
    let bank = &words[selector.bank()..];
    let (deadline, grace, action) = (bank[DEADLINE], words[GRACE], Action::unpack(words[ACTION]));
    let runs = selector.stage() == RUNNING;
    let stage = match selector.stage() {
        RUNNING if now < deadline => Stage::Running,
        RUNNING if action != Action::None || now < deadline.saturating_add(grace) => Stage::Grace,
        RUNNING | EXPIRED => Stage::Expired,
        _ => Stage::Stopped,
    };
    let who = ProcessRef::unpack(bank[WHO]);
    Seen {
        stage,
        period: words[PERIOD],
        grace,
        action,
        deadline,
        pid: bank[PID] as u32,
        who,
        began: bank[BEGAN],
        namespace: bank[NAMESPACE],
        runs,
    }
}

/// Who starts a watchdog, and so is watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched {
    pub(crate) who: ProcessRef,
    pub(crate) pid: u32,
    pub(crate) began: u64,
    pub(crate) namespace: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Watchdog<'a>(pub(crate) &'a [Word64; ANNEX_WORDS]);

impl Watchdog<'_> {
    fn selector(self) -> Selector {
        Selector(self.0[SELECTOR].load())
    }

    /// The annex of one run.
    pub(crate) fn words(self) -> Words {
        loop {
            let words = self.0.each_ref().map(Word64::load);
            if words[SELECTOR] == self.selector().0 {
                return words; // else it was started, or stopped, meanwhile
            }
        }
    }

    pub(crate) fn seen(self, now: u64) -> Seen {
        seen(&self.words(), now)
    }

    /// Who is watched, for who writes nonsense there.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn pid(&self) -> &Word64 {
        &self.0[self.selector().bank() + PID]
    }

    pub(crate) fn start(self, watched: Watched, deadline: u64) {
        let next = self.selector().next_run();
        let bank = [deadline, watched.who.pack(), u64::from(watched.pid), watched.began, watched.namespace];
        self.0[next.bank()..].iter().zip(bank).for_each(|(word, value)| word.store(value));
        self.0[SELECTOR].store(next.0);
    }

    /// Nothing where it is stopped.
    pub(crate) fn refresh(self, deadline: u64) {
        let selector = self.selector();
        #[cfg(any(test, planted))]
        let selector = if planted::has(Planted::RefreshStarts) { selector.at(EXPIRED) } else { selector };
        if selector.stage() != STOPPED {
            let word = &self.0[selector.bank() + DEADLINE];
            let before = word.load();
            #[cfg(any(test, planted))]
            let before = if planted::has(Planted::RefreshBackwards) { 0 } else { before };
            word.store(before.max(deadline)); // a call that began later may have been faster
        }
        if selector.stage() == EXPIRED {
            self.0[SELECTOR].store(selector.at(RUNNING).0);
        }
    }

    pub(crate) fn stop(self) {
        self.0[SELECTOR].store(self.selector().at(STOPPED).0);
    }

    /// The action was taken.
    pub(crate) fn expire(self) {
        self.0[SELECTOR].store(self.selector().at(EXPIRED).0);
    }

    /// The state that annex and clock say; true if it is signalled by that.
    pub(crate) fn put_state(self, held: &mut impl Held, now: u64) -> bool {
        let is_signalled = self.seen(now).stage.is_signalled();
        let was = held.state().signalled(Machine::Watchdog);
        if is_signalled != was {
            held.write_state(State::event(is_signalled));
        }
        is_signalled && !was
    }
}
