//! Watchdogs: nobody is killed once a refresh or a stop has returned, nor twice; whoever dies.

use super::clock::{Clocked, ME, at_every_death, ended};
use super::world::Annex;
use super::*;
use crate::arena::refs::ProcessRef;
use crate::machines::timer::Due;
use crate::machines::watchdog::{Seen, Stage, Watchdog, Watched, fresh};

const PERIOD: u64 = 2;
const KILL: u64 = 1;

/// A watchdog that kills and runs since the clock began: it is due at [`PERIOD`].
fn running(waiters: usize, bug: Option<Planted>) -> Clocked {
    let clocked = Clocked::new(Machine::Watchdog, Annex::Watchdog, fresh(PERIOD, 0, KILL), waiters, bug);
    clocked.start(&Actor::new(ME)).unwrap();
    clocked
}

// `kinds/watchdog.rs`
impl Clocked {
    fn dog(&self) -> Watchdog<'_> {
        let Annex::Watchdog(words) = &self.world.annex else { unreachable!("it is a watchdog") };
        Watchdog(words)
    }

    fn seen(&self) -> Seen {
        self.dog().seen(self.now())
    }

    pub(super) fn tick_dog(&self, actor: &Actor) -> Step<Option<Due>> {
        let seen = self.seen();
        let word = self.world.objects[0].word();
        if seen.stage.is_signalled() && (word.is_locked() || !word.state().signalled(Machine::Watchdog)) {
            self.change_dog(actor, |_, _| Ok(()))?;
        }
        Ok((seen.stage == Stage::Running).then(|| Due::monotonic(seen.deadline)))
    }

    fn change_dog(&self, actor: &Actor, change: impl FnOnce(&mut Locked<'_>, &mut Vec<usize>) -> Step) -> Step {
        let mut locked = self.world.lock(actor, 0, |state| state)?;
        let mut wakes = Vec::new();
        if actor.does(|| self.dog().put_state(&mut locked, self.now()))? {
            wakes = locked.hand_out(false)?;
        }
        change(&mut locked, &mut wakes)?;
        if actor.does(|| self.dog().put_state(&mut locked, self.now()))? {
            wakes.extend(locked.hand_out(false)?);
        }
        locked.unlock()?;
        self.world.wake(actor, &wakes)
    }

    fn start(&self, actor: &Actor) -> Step {
        let watched = Watched { who: ProcessRef { slot: 1, generation: 1 }, pid: 1, began: 1, namespace: 1 };
        let early = self.world.has(Planted::StartEarly).then(|| self.now());
        self.change_dog(actor, |locked, wakes| {
            let now = early.unwrap_or_else(|| self.now());
            actor.does(|| self.dog().start(watched, now + PERIOD))?;
            locked.rouse(wakes)
        })
    }

    fn refresh(&self, actor: &Actor) -> Step {
        let deadline = self.now() + PERIOD;
        self.change_dog(actor, |_, _| actor.does(|| self.dog().refresh(deadline)))
    }

    fn stop(&self, actor: &Actor) -> Step {
        self.change_dog(actor, |_, _| actor.does(|| self.dog().stop()))
    }

    /// A keeper's look.
    fn watch_over(&self, actor: &Actor) -> Step {
        let first = self.seen();
        let is_due = |seen: &Seen| seen.act_at().is_some_and(|at| self.now() >= at);
        if !is_due(&first) {
            return Ok(());
        }
        self.change_dog(actor, |_, _| {
            let seen = if self.world.has(Planted::ActUnseen) { first } else { self.seen() };
            if !is_due(&seen) {
                return Ok(());
            }
            actor.spend()?;
            self.kills.lock().unwrap().push(self.now());
            actor.does(|| self.dog().expire())
        })
    }

    fn killed(&self) -> usize {
        self.kills.lock().unwrap().len()
    }

    /// When all is quiet: the stage, which the state goes with.
    fn stage(&self) -> Stage {
        let stage = cell::reading_newest(|| self.seen().stage);
        let state = cell::reading_newest(|| self.world.state(0));
        assert_eq!(state.signalled(Machine::Watchdog), stage.is_signalled(), "the state of one that is {stage:?}");
        stage
    }

    fn keeper(self: &Arc<Self>, index: u32, fuel: u32) -> thread::JoinHandle<bool> {
        let this = self.clone();
        thread::spawn(move || Actor::mortal(index, fuel).live(&this.world, |actor| this.watch_over(actor)))
    }
}

/// Two keepers look at one that is due, while it is refreshed, or stopped; nobody is killed afterwards.
fn keepers_beside(change: fn(&Clocked, &Actor) -> Step, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(1, move || {
        let clocked = Arc::new(running(0, bug));
        clocked.advance(PERIOD);
        let keepers = [1, 2].map(|index| clocked.keeper(index, u32::MAX));
        change(&clocked, &Actor::new(ME)).unwrap();
        let killed = clocked.killed();
        keepers.into_iter().for_each(|keeper| assert!(keeper.join().unwrap()));
        assert_eq!(clocked.killed(), killed, "nobody is killed afterwards");
        assert!(killed <= 1, "killed once");
        note.note((killed, clocked.stage()));
    });
    outcomes
}

#[test]
fn a_refreshed_watchdog_kills_nobody() {
    keepers_beside(Clocked::refresh, None).are("keepers and a refresh", &["(0, Running)", "(1, Running)"]);
}

#[test]
fn a_stopped_watchdog_kills_nobody() {
    keepers_beside(Clocked::stop, None).are("keepers and a stop", &["(0, Stopped)", "(1, Stopped)"]);
}

#[test]
#[should_panic(expected = "nobody is killed afterwards")]
fn planted_action_without_a_second_look_is_caught() {
    keepers_beside(Clocked::stop, Some(Planted::ActUnseen));
}

/// A keeper dies at any write of its action; another one takes it: whoever was to be killed is.
fn killer_dies(fuel: u32) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let clocked = Arc::new(running(0, None));
        clocked.advance(PERIOD);
        let keeper = clocked.keeper(1, fuel);
        clocked.watch_over(&Actor::new(2)).unwrap();
        let lived = keeper.join().unwrap();
        clocked.reap(&Actor::new(ME));
        clocked.watch_over(&Actor::new(ME)).unwrap();
        let killed = clocked.killed();
        assert!(killed == 1 || killed == 2 && !lived, "killed, and again only after a death");
        assert_eq!(clocked.stage(), Stage::Expired);
        note.note((ended(lived), killed));
    });
    outcomes
}

#[test]
fn a_killers_death_leaves_the_kill_to_another() {
    at_every_death("killer", killer_dies);
}

/// Whoever stops one that is signalled dies: it runs, or is stopped, and its state goes with that.
fn stopper_dies(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let clocked = Arc::new(running(0, bug));
        clocked.advance(PERIOD);
        let stopper = {
            let clocked = clocked.clone();
            thread::spawn(move || Actor::mortal(1, fuel).live(&clocked.world, |actor| clocked.stop(actor)))
        };
        let seen = clocked.try_take(&Actor::new(2)).unwrap();
        let lived = stopper.join().unwrap();
        clocked.reap(&Actor::new(ME));
        let _ = clocked.try_take(&Actor::new(ME)).unwrap();
        note.note((ended(lived), seen, clocked.stage()));
    });
    outcomes
}

#[test]
fn a_stoppers_death_is_before_or_after() {
    at_every_death("stop", |fuel| stopper_dies(fuel, None));
}

#[test]
#[should_panic(expected = "the state of one that is Stopped")]
fn planted_recovery_without_mending_is_caught() {
    at_every_death("planted", |fuel| stopper_dies(fuel, Some(Planted::MendNothing)));
}

/// A refresh, or a start, that began earlier and is slower than a refresh takes nothing away from that.
fn slower_beside(change: fn(&Clocked, &Actor) -> Step, bug: Option<Planted>) -> usize {
    explore(2, move || {
        let clocked = Arc::new(running(0, bug));
        let slower = {
            let clocked = clocked.clone();
            thread::spawn(move || change(&clocked, &Actor::new(1)).unwrap())
        };
        clocked.advance(1);
        clocked.refresh(&Actor::new(ME)).unwrap();
        slower.join().unwrap();
        assert_eq!(clocked.seen().deadline, 1 + PERIOD, "a whole period from the refresh on");
    })
}

#[test]
fn a_refresh_is_for_a_whole_period() {
    println!("two refreshes: {} schedules", slower_beside(Clocked::refresh, None));
    println!("start and refresh: {} schedules", slower_beside(Clocked::start, None));
}

#[test]
#[should_panic(expected = "a whole period")]
fn planted_refresh_backwards_is_caught() {
    slower_beside(Clocked::refresh, Some(Planted::RefreshBackwards));
}

#[test]
#[should_panic(expected = "a whole period")]
fn planted_start_by_an_old_clock_is_caught() {
    slower_beside(Clocked::start, Some(Planted::StartEarly));
}

/// Somebody waits; a refresh comes meanwhile, of which he is not told: he looks again when the first deadline comes, and at the next he is released.
#[test]
fn who_waits_hears_of_the_last_deadline() {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(1, move || {
        let me = Actor::new(ME);
        let clocked = Arc::new(running(1, None));
        let waiter = clocked.waits(0);
        let refresher = {
            let clocked = clocked.clone();
            thread::spawn(move || clocked.refresh(&Actor::new(2)).unwrap())
        };
        clocked.advance(PERIOD);
        refresher.join().unwrap();
        clocked.rest(&me);
        let slept = clocked.world.kernel.is_asleep(0);
        clocked.advance(2 * PERIOD);
        waiter.join().unwrap();
        note.note(slept);
    });
    outcomes.are("wait and refresh", &["false", "true"]);
}
