//! The watchdog (contract 9.8): acts when it is not refreshed in time.
//!
//! *What it is.* Deadlines, and functions of the clock, as a timer is. Who waits looks at the clock ([`tick`]). The action is done by keepers ([`watch_over`]): the
//! watched process's own, which looks when it is due, and those of its three neighbours before it in the ring, which can run when it cannot; and once a second by everybody's.
//!
//! Its stages, and the steps in its annex, are `machines/watchdog.rs`.
//!
//! *Steps.* Each under the object's lock. After a start, who waits and the keepers are told, who compute their sleep afresh; of a refresh nobody is told: who
//! sleeps looks again at the deadline that was. The action: kill: the signal, then EXPIRED. reset: EXPIRED, then the hook of this process.
//!
//! *Death.* The state follows from the annex ([`mend`]). A killer that dies after the signal and before EXPIRED is repeated: the signal goes to the same process, or, if
//! that has ended, to nobody, since who is killed is a process whose keeper lives (its slot is not marked: its pid cannot have been given away) and that began when the record says.
//! One that dies after EXPIRED and before its hook is not: a hook is called once at most.
//!
//! *Alone.* A process without a living neighbour that is stopped has nobody. So its keeper arms a timer of the kernel (SIGKILL) for as long as it is alone; refresh and
//! stop move that first. Somebody who joins and refreshes it before the keeper, which is stopped, can take it back, comes too late.
//!
//! *Not promised.* A process is killed only by who sees its pid: one that is stopped among neighbours of other PID namespaces is killed when it goes on.

use super::annex;
use crate::arena::layout::{RING_SEATS, Table};
use crate::arena::refs::{ObjectRef, ProcessRef};
use crate::dispatch::grant::{self, Wakes};
use crate::dispatch::lock::{Locked, Target};
use crate::dispatch::word::Machine;
use crate::error::{Error, ErrorKind, Result};
use crate::keeper;
use crate::life::Life;
use crate::live;
use crate::lock::{Guards, Lock};
use crate::machines::watchdog::{Watchdog, Watched};
use crate::ops;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Due, KillTimer};
use crate::sys::process;
use std::sync::{Arc, MutexGuard};

pub(crate) use crate::machines::watchdog::{Action, Seen, Stage, Words, fresh, seen};

fn watchdog(space: &Space, target: Target) -> Result<Watchdog<'static>> {
    annex(space, target).map(|annex| Watchdog(&annex.words))
}

/// A look without the lock. Who was to be killed and is dead has been, though nobody may have written so yet: he may have done it himself.
pub(crate) fn look(space: &Space, target: Target) -> Result<Seen> {
    let now = clock::now();
    let mut seen = watchdog(space, target)?.seen(now);
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
        change(cx, target, |_, _| Ok(()))?;
    }
    Ok((seen.stage == Stage::Running).then(|| Due::monotonic(seen.deadline)))
}

/// Changes a watchdog, after what the clock has done to it.
fn change(cx: Cx, target: Target, change: impl FnOnce(&mut Locked, &mut Wakes) -> Result<()>) -> Result<()> {
    let dog = watchdog(cx.space, target)?;
    let (all, mut locked) = ops::lock_with_all(cx, target)?;
    let mut wakes = Wakes::default();
    let mut handed = Ok(());
    if dog.put_state(&mut locked, clock::now()) {
        handed = locked.hand_out(all.as_ref(), &mut wakes);
    }
    let changed = change(&mut locked, &mut wakes);
    if dog.put_state(&mut locked, clock::now()) {
        handed = handed.and(locked.hand_out(all.as_ref(), &mut wakes));
    }
    locked.unlock_quietly();
    drop(all);
    wakes.ring(cx.space);
    changed.and(ops::or_later(cx, target.at, handed))
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
    let (dog, me) = (watchdog(space, target)?, space.arena.process(space.me().slot)?);
    if me.pid.load() != process::pid() {
        return Err(space.arena.corrupted("the record of a process that tells of another")); // which would be killed in its stead
    }
    let watched = Watched { who: space.me(), pid: me.pid.load(), began: me.start_time.load(), namespace: me.pid_namespace.load() };
    let _postponed = space.lonely.postpone(space, target, &seen, || None);
    change(cx, target, |locked, wakes| {
        // With the lock: so it comes after that of every refresh before it.
        dog.start(watched, clock::now().saturating_add(seen.period));
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
    let dog = watchdog(cx.space, target)?;
    change(cx, target, |_, _| {
        dog.refresh(deadline);
        Ok(())
    })
}

/// Ends the run; an action that has not been taken is not.
pub(crate) fn stop(cx: Cx, target: Target) -> Result<()> {
    let _postponed = cx.space.lonely.postpone(cx.space, target, &look(cx.space, target)?, || None);
    let dog = watchdog(cx.space, target)?;
    change(cx, target, |_, _| {
        dog.stop();
        Ok(())
    })
}

/// Whoever had the object locked has died: the state follows from annex and clock.
pub(super) fn mend(locked: &mut Locked) -> Result<()> {
    watchdog(locked.cx.space, locked.target)?.put_state(locked, clock::now());
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
        let seen = Watchdog(&annex.words).seen(0);
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
    let (dog, mut reset) = (watchdog(cx.space, target)?, None);
    change(cx, target, |_, _| {
        let seen = dog.seen(clock::now());
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
            dog.expire();
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
        let annex = watchdog(space, target).unwrap();
        let pid = annex.pid();
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
