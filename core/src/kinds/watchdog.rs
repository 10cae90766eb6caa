//! The watchdog (contract 9.8): acts when it is not refreshed in time.
//!
//! *What it is.* Deadlines, and functions of the clock, as a timer is. Who waits looks at the clock ([`tick`]). The action is done by keepers ([`watch_over`]): the
//! watched process's own, which looks when it is due, and those of its three neighbours before it in the ring, which can run when it cannot; and once a second by everybody's.
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
//! *Steps.* Each has happened with its one store, after which the state is put to what annex and clock say:
//! ```text
//! start    the other bank, whole; selector: that bank, RUNNING, runs + 1; then who waits and the keepers are told, who compute their sleep afresh
//! refresh  deadline; of an EXPIRED one the selector: RUNNING       nobody is told: who sleeps looks again at the deadline that was
//! stop     selector: STOPPED
//! action   kill: the signal, then selector: EXPIRED.  reset: selector: EXPIRED, then the hook of this process
//! ```
//! *Death.* The state follows from the annex ([`mend`]). A killer that dies after the signal and before EXPIRED is repeated: the signal goes to the same process, or, if
//! that has ended, to nobody, since who is killed is a process whose keeper lives (its slot is not marked: its pid cannot have been given away) and that began when the record says.
//! One that dies after EXPIRED and before its hook is not: a hook is called once at most.
//!
//! *Alone.* A process without a living neighbour that is stopped has nobody. So its keeper arms a timer of the kernel (SIGKILL) for as long as it is alone; refresh and
//! stop move that first. Somebody who joins and refreshes it before the keeper, which is stopped, can take it back, comes too late.
//!
//! *Not promised.* A process is killed only by who sees its pid: one that is stopped among neighbours of other PID namespaces is killed when it goes on.

use super::annex;
use crate::arena::layout::{ANNEX_WORDS, Annex, RING_SEATS, Table};
use crate::arena::refs::{ObjectRef, ProcessRef};
use crate::cell::Word64;
use crate::dispatch::grant::{self, Wakes};
use crate::dispatch::lock::{Locked, Target};
use crate::dispatch::word::{Machine, State};
use crate::error::{Error, ErrorKind, Result};
use crate::keeper;
use crate::life::Life;
use crate::live;
use crate::lock::{Guards, Lock};
use crate::ops;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Due, KillTimer};
use crate::sys::process;
use std::sync::{Arc, MutexGuard};

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
    fn is_signalled(self) -> bool {
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
    who: Option<ProcessRef>,
    began: u64,
    namespace: u64,
    runs: bool,
}

impl Seen {
    /// When the action is due, if it is RUNNING and has one.
    fn act_at(&self) -> Option<u64> {
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

/// The annex of one run.
fn whole(annex: &Annex) -> Words {
    loop {
        let words = annex.words.each_ref().map(Word64::load);
        if words[SELECTOR] == annex.words[SELECTOR].load() {
            return words; // else it was started, or stopped, meanwhile
        }
    }
}

/// A look without the lock. Who was to be killed and is dead has been, though nobody may have written so yet: he may have done it himself.
pub(crate) fn look(space: &Space, target: Target) -> Result<Seen> {
    let now = clock::now();
    let mut seen = seen(&whole(annex(space, target)?), now);
    if seen.action == Action::Kill
        && seen.act_at().is_some_and(|at| now >= at)
        && seen.who.is_some_and(|who| live::is_dead(space, who) == Ok(true))
    {
        seen.stage = Stage::Expired;
    }
    Ok(seen)
}

/// Signals the watchdog if its deadline has passed, and when that will be.
pub(super) fn tick(cx: Cx, target: Target) -> Result<Option<Due>> {
    let seen = look(cx.space, target)?;
    if seen.stage.is_signalled() && (target.word().is_locked() || !target.word().state().signalled(Machine::Watchdog)) {
        change(cx, target, |_, _, _| Ok(()))?;
    }
    Ok((seen.stage == Stage::Running).then(|| Due::monotonic(seen.deadline)))
}

/// Changes a watchdog, after what the clock has done to it.
fn change(cx: Cx, target: Target, change: impl FnOnce(&mut Locked, &Annex, &mut Wakes) -> Result<()>) -> Result<()> {
    let annex = annex(cx.space, target)?;
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let mut wakes = Wakes::default();
    let mut handed = Ok(());
    let signals = put_state(&mut locked, annex);
    if signals {
        handed = locked.hand_out(all.as_ref(), &mut wakes);
    }
    let changed = change(&mut locked, annex, &mut wakes);
    if put_state(&mut locked, annex) {
        handed = handed.and(locked.hand_out(all.as_ref(), &mut wakes));
    }
    locked.unlock_quietly();
    drop(all);
    wakes.ring(cx.space);
    changed.and(ops::or_later(cx, target.at, handed))
}

/// The state that annex and clock say; true if it is signalled by that.
fn put_state(locked: &mut Locked, annex: &Annex) -> bool {
    let is_signalled = seen(&whole(annex), clock::now()).stage.is_signalled();
    let was = locked.state.signalled(Machine::Watchdog);
    if is_signalled != was {
        locked.write_state(State::event(is_signalled));
    }
    is_signalled && !was
}

/// Begins a run: the calling process is watched.
pub(crate) fn start(cx: Cx, target: Target) -> Result<()> {
    let space = cx.space;
    let seen = look(space, target)?;
    if matches!(seen.action, Action::Reset(_)) && HOOK.lock().is_none() {
        return Err(Error::new(
            ErrorKind::AccessDenied,
            "a watchdog that resets the device needs a hook that does it; register one in this process first",
        ));
    }
    let me = space.arena.process(space.me().slot)?;
    if me.pid.load() != process::pid() {
        return Err(space.arena.corrupted("the record of a process that tells of another")); // which would be killed in its stead
    }
    let bank = [
        clock::now().saturating_add(seen.period),
        space.me().pack(),
        u64::from(me.pid.load()),
        me.start_time.load(),
        me.pid_namespace.load(),
    ];
    let _postponed = space.lonely.postpone(space, target, &seen, || None);
    change(cx, target, |locked, annex, wakes| {
        let next = Selector(annex.words[SELECTOR].load()).next_run();
        annex.words[next.bank()..].iter().zip(bank).for_each(|(word, value)| word.store(value));
        annex.words[SELECTOR].store(next.0);
        locked.rouse(wakes)
    })?;
    tell_keepers(space)
}

/// One period more, from the call on. Nothing where it is stopped.
pub(crate) fn refresh(cx: Cx, target: Target) -> Result<()> {
    let seen = look(cx.space, target)?;
    let mut deadline = None;
    let _postponed = cx.space.lonely.postpone(cx.space, target, &seen, || {
        let at = *deadline.insert(clock::now().saturating_add(seen.period));
        let watches_us = |seen: &Seen| seen.who == Some(cx.space.me()) && seen.stage != Stage::Stopped; // looked at now: nobody of us stops it meanwhile
        look(cx.space, target).ok().filter(watches_us).map(|_| at.saturating_add(seen.grace))
    });
    let deadline = deadline.unwrap_or_else(|| clock::now().saturating_add(seen.period));
    change(cx, target, |_, annex, _| {
        let selector = Selector(annex.words[SELECTOR].load());
        if selector.stage() != STOPPED {
            let word = &annex.words[selector.bank() + DEADLINE];
            word.store(word.load().max(deadline)); // a call that began later may have been faster
        }
        if selector.stage() == EXPIRED {
            annex.words[SELECTOR].store(selector.at(RUNNING).0);
        }
        Ok(())
    })
}

/// Ends the run; an action that has not been taken is not.
pub(crate) fn stop(cx: Cx, target: Target) -> Result<()> {
    let _postponed = cx.space.lonely.postpone(cx.space, target, &look(cx.space, target)?, || None);
    change(cx, target, |_, annex, _| {
        let selector = Selector(annex.words[SELECTOR].load());
        annex.words[SELECTOR].store(selector.at(STOPPED).0);
        Ok(())
    })
}

/// Whoever had the object locked has died: the state follows from annex and clock.
pub(super) fn mend(locked: &mut Locked) -> Result<()> {
    let annex = annex(locked.cx.space, locked.target)?;
    put_state(locked, annex);
    Ok(())
}

// --- keepers

/// Our keeper, and those that watch us, are to look which watchdogs they have.
fn tell_keepers(space: &Space) -> Result<()> {
    let before = keeper::neighbours(space, space.me(), -1);
    for process in std::iter::once(space.me()).chain(before.into_iter().take(RING_SEATS)) {
        space.arena.process(process.slot)?.dogs.add(1);
        grant::ring(space, process.slot);
    }
    Ok(())
}

/// All watchdogs that run, or those whose watched process is among `of`.
pub(crate) fn running(space: &'static Space, of: Option<&[ProcessRef]>) -> Vec<Target> {
    let found = (0..space.arena.high_water(Table::Annexes)).filter_map(|index| {
        let annex = space.arena.annex(index).ok()?;
        let at = ObjectRef::unpack(annex.owner.load())?;
        let target = ops::target_at(space, at).ok().filter(|target| target.machine == Machine::Watchdog)?;
        let seen = seen(&whole(annex), 0);
        let is_asked = of.is_none_or(|of| seen.who.is_some_and(|who| of.contains(&who)));
        (seen.runs && is_asked && Life(target.record.life.load()).is_live(at.generation)).then_some(target)
    });
    found.collect()
}

/// Takes the action if it is due; when it will be.
pub(crate) fn watch_over(cx: Cx, target: Target) -> Result<Option<Due>> {
    let due = |space| look(space, target).map(|seen| seen.act_at());
    match due(cx.space)? {
        Some(at) if clock::now() >= at => {}
        other => return Ok(other.map(Due::monotonic)),
    }
    let mut reset = None;
    change(cx, target, |_, annex, _| {
        let seen = seen(&whole(annex), clock::now());
        if seen.act_at().is_none_or(|at| clock::now() < at) {
            return Ok(()); // refreshed, stopped, or done
        }
        let is_done = match seen.action {
            Action::Reset(param) => {
                reset = HOOK.lock().clone().map(|hook| (hook, param));
                reset.is_some()
            }
            _ => kill(cx.space, &seen)?,
        };
        if is_done {
            let selector = Selector(annex.words[SELECTOR].load());
            annex.words[SELECTOR].store(selector.at(EXPIRED).0);
        }
        Ok(())
    })?;
    if let Some((hook, param)) = reset {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hook(param))); // somebody else's code
    }
    // What is not ours to do is another's.
    Ok(due(cx.space)?.filter(|at| clock::now() < *at).map(Due::monotonic))
}

/// Kills who started it, if he lives; false if that is for others to do, who see his pid.
fn kill(space: &Space, seen: &Seen) -> Result<bool> {
    let Some(who) = seen.who else { return Ok(true) };
    if live::is_dead(space, who)? {
        return Ok(true);
    }
    let record = space.arena.process(who.slot)?;
    if record.pid.load() != seen.pid || record.start_time.load() != seen.began {
        return Ok(true); // somebody has written here: nobody is killed for that
    }
    if who == space.me() {
        if seen.pid == process::pid() {
            process::kill_self(); // it takes no descriptor: who hangs may have leaked them all
        }
        return Ok(true);
    }
    let ours = process::pid_namespace().unwrap_or(0);
    if ours != seen.namespace {
        return Ok(false);
    }
    Ok(process::kill_exactly(seen.pid, seen.began, || live::is_dead(space, who).unwrap_or(true)))
}

/// What resets the device, where a program says how.
pub(crate) static HOOK: Lock<Option<Hook>> = Lock::new(None);

pub(crate) type Hook = Arc<dyn Fn(u32) + Send + Sync>;

/// The kernel's timer that kills this process while it is alone; see the module.
///
/// *Never early.* Whoever changes a watchdog that kills this process holds the lock meanwhile, and has moved the timer first. The keeper computes
/// and arms under it, so it never arms what was true before a change. It waits for nobody: who has the lock may wait for somebody who is stopped.
#[derive(Debug, Default)]
pub(crate) struct Lonely(Lock<Armed>);

#[derive(Debug, Default)]
struct Armed {
    timer: Option<KillTimer>,
    /// When it fires; 0: never.
    at: u64,
}

/// So much later than the keeper would.
const LATE_NS: u64 = 50_000_000;

impl Lonely {
    /// The keeper's turn: armed while we are alone. False if that has to be done again.
    pub(crate) fn turn(&self, space: &'static Space, is_alone: bool, dogs: &[Target]) -> bool {
        let Some(mut armed) = self.0.try_lock() else { return false };
        armed.arm(dogs.iter().filter_map(|dog| kills_us_at(space, *dog)).min().filter(|_| is_alone));
        true
    }

    /// To be held during a change of a watchdog, if that may kill this process: the timer does not fire before its new time `due`; `None`: it kills nobody, or its
    /// keeper will be rung.
    fn postpone(
        &'static self,
        space: &'static Space,
        changes: Target,
        seen: &Seen,
        due: impl FnOnce() -> Option<u64>,
    ) -> Option<MutexGuard<'static, Armed>> {
        if seen.action != Action::Kill {
            return None;
        }
        let mut armed = self.0.lock();
        let due = due();
        if armed.at != 0 {
            let others = running(space, Some(&[space.me()])).into_iter().filter(|dog| dog.at != changes.at);
            armed.arm(others.filter_map(|dog| kills_us_at(space, dog)).chain(due).min());
        }
        Some(armed)
    }

    /// A handle to a watchdog was closed: one that has ended by that kills nobody, and its keeper is not told.
    pub(crate) fn close_of_handle(&self, space: &'static Space) {
        let mut armed = self.0.lock();
        if armed.at != 0 {
            armed.arm(running(space, Some(&[space.me()])).into_iter().filter_map(|dog| kills_us_at(space, dog)).min());
        }
    }

    /// For a fork: the child has no timers.
    pub(crate) fn hold(&'static self, guards: &mut Guards) {
        guards.take(&self.0);
    }

    pub(crate) fn forget(&self) {
        std::mem::forget(std::mem::take(&mut *self.0.lock()));
    }
}

impl Armed {
    fn arm(&mut self, due: Option<u64>) {
        let at = due.map_or(0, |due| due.saturating_add(LATE_NS));
        if at == self.at {
            return;
        }
        if self.timer.is_none() {
            self.timer = KillTimer::new();
        }
        if let Some(timer) = &self.timer {
            timer.arm(at);
            self.at = at;
        }
    }
}

/// When the watchdog kills this process.
fn kills_us_at(space: &Space, dog: Target) -> Option<u64> {
    let seen = look(space, dog).ok()?;
    seen.act_at().filter(|_| seen.action == Action::Kill && seen.who == Some(space.me()) && seen.pid == process::pid())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::{self, Access, Namespace};
    use std::time::Duration;

    /// Bytes may say that this process is watched, and tell of another: the kernel's timer kills nobody for that.
    #[test]
    fn who_is_watched_is_who_started_it() {
        let session = Namespace::session(&format!("watched-{}", process::pid())).unwrap();
        let spec = engine::Action::Kill.spec(Duration::from_secs(600), Duration::ZERO);
        let dog = session.create(None, spec, Access::ALL).unwrap();
        let (space, target) = dog.by_ref().place().unwrap();
        dog.by_ref().start_watchdog().unwrap();
        assert!(kills_us_at(space, target).is_some());
        let words = &annex(space, target).unwrap().words;
        let pid = &words[Selector(words[SELECTOR].load()).bank() + PID];
        pid.store(u64::from(process::pid()) + 1);
        assert!(kills_us_at(space, target).is_none());
        let record = space.arena.process(space.me().slot).unwrap();
        record.pid.store(process::pid() + 1);
        assert!(kill(space, &look(space, target).unwrap()).unwrap(), "and we live");
        record.pid.store(process::pid());
        pid.store(process::pid().into());
        dog.by_ref().stop_watchdog().unwrap();
    }
}
