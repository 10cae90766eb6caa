//! The waitable timer (contract 6): signalled when its time comes.
//!
//! *What it is.* No thread and no timer of the kernel: a due time, and a function of the clock. Whoever looks, tries or waits looks at the clock first
//! ([`tick`]); who sleeps, sleeps no longer than to the due time, and then looks. Keepers do so for waits without a thread (`asyncs.rs`).
//!
//! What that does to its state and its annex is `machines/timer.rs`.
//!
//! *Steps.* Each under the object's lock. After a set, who waits is poked and woken; after an expiry it is handed out, as after any signal. An expiry is
//! noticed once, by whoever has the lock first after the due time; set and cancel notice one that was overlooked before they do their own.
//!
//! *Periods.* The due times are the first one and that plus whole periods, whatever the delays; those that nobody was there to notice are one. After its first
//! expiry an absolute timer goes by the monotonic clock (T14).
//!
//! *Death.* Whoever takes a dead locker's lock finishes what has happened. The wakes that a dead setter owed are given by its reaper (`kinds::settle`); and
//! sleepers look once a second.
//!
//! *Not promised.* A step of the wall clock is noticed at once by a sleeping thread if it goes forward, else, and by keepers, within a second.

use super::annex;
use crate::dispatch::grant::Wakes;
use crate::dispatch::lock::{Locked, Target};
use crate::dispatch::word::State;
use crate::error::Result;
use crate::machines::timer::{self, Setting, Timer, Words};
use crate::ops;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Due};

fn timer(space: &Space, target: Target) -> Result<Timer<'static>> {
    annex(space, target).map(|annex| Timer(&annex.words))
}

/// Signals the timer if its time has come; when to look again.
pub(super) fn tick(cx: Cx, target: Target) -> Result<Option<Due>> {
    let timer = timer(cx.space, target)?;
    let mut due = timer.setting().due;
    if due.is_some_and(Due::passed) {
        change(cx, target, |_, _| Ok(()))?;
        due = timer.setting().due;
    }
    // Who waits although it is signalled waits for something else as well: he need not look at every tick of a short period.
    let is_idle = due.is_some_and(|due| due.left() < IDLE_NS) && target.word().state().is_signalled_event();
    Ok(if is_idle { Some(Due::monotonic(clock::now() + IDLE_NS)) } else { due })
}

const IDLE_NS: u64 = 100_000;

/// Sets the timer: it is not signalled until `due`, and who waits goes on waiting for that. A time that has passed has come.
pub(crate) fn set(cx: Cx, target: Target, due: Due, period: u64) -> Result<()> {
    let timer = timer(cx.space, target)?;
    change(cx, target, |locked, wakes| {
        timer.set(locked, due, period);
        locked.rouse(wakes)
    })?;
    tick(cx, target).map(drop)
}

/// The timer will not be signalled any more; what it is, it stays.
pub(crate) fn cancel(cx: Cx, target: Target) -> Result<()> {
    let timer = timer(cx.space, target)?;
    change(cx, target, |_, _| {
        timer.cancel();
        Ok(())
    })
}

/// Changes a timer, after the expiry that nobody has noticed yet, if there is one.
fn change(cx: Cx, target: Target, change: impl FnOnce(&mut Locked, &mut Wakes) -> Result<()>) -> Result<()> {
    let timer = timer(cx.space, target)?;
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let mut wakes = Wakes::default();
    let Setting { due, period } = timer.setting();
    let mut handed = Ok(());
    if let Some(due) = due.filter(|due| due.passed()) {
        timer.expire(&mut locked, (period != 0).then(|| due.next(period)));
        handed = locked.hand_out(all.as_ref(), &mut wakes);
    }
    let changed = change(&mut locked, &mut wakes);
    locked.unlock_quietly();
    drop(all);
    wakes.ring(cx.space);
    changed.and(ops::or_later(cx, target.at, handed))
}

/// Finishes what a dead locker has begun.
pub(super) fn mend(locked: &mut Locked) -> Result<()> {
    timer(locked.cx.space, locked.target)?.mend(locked);
    Ok(())
}

/// The annex, for a look without the lock ([`seen`]).
pub(crate) fn look(space: &Space, target: Target) -> Result<Words> {
    timer(space, target).map(Timer::words)
}

/// Whether a timer with this state and annex is signalled now, and its setting.
pub(crate) fn seen(state: State, words: &Words) -> (bool, Setting) {
    let Setting { due, period } = Setting::of(words);
    let is_due = due.is_some_and(Due::passed);
    let due = due.and_then(|due| if due.passed() { (period != 0).then(|| due.next(period)) } else { Some(due) });
    (timer::is_signalled(state, words, is_due), Setting { due, period })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Reset;
    use crate::engine::{Access, Namespace, Spec};
    use crate::owner;

    #[test]
    fn due_times_are_the_first_one_and_whole_periods_whenever_somebody_looks() {
        const PERIOD: u64 = 70_001;
        let session = Namespace::session(&format!("timers-{}", std::process::id())).unwrap();
        let handle = session.create(None, Spec::Timer { reset: Reset::Auto }, Access::ALL).unwrap();
        let (space, target) = handle.by_ref().place().unwrap();
        let cx = owner::current(space).unwrap();
        let first = clock::now() - 10;
        set(cx, target, Due::monotonic(first), PERIOD).unwrap();
        for round in 0..2_000u64 {
            if round % 7 == 0 {
                std::thread::yield_now();
            }
            let next = Setting::of(&look(space, target).unwrap()).due.unwrap().pack();
            assert_eq!((next - first) % PERIOD, 0, "T14");
            tick(cx, target).unwrap();
        }
    }
}
