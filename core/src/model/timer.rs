//! Timers: an expiry is noticed by whoever looks, and is one; a set holds for those who wait already; whoever dies.

use super::clock::{Clocked, ME, at_every_death, ended};
use super::world::Annex;
use super::*;
use crate::machines::timer::{Due, FRESH, Timer, is_signalled};

/// A timer that is set to a time.
fn set_to(machine: Machine, due: u64, waiters: usize, bug: Option<Planted>) -> Clocked {
    let clocked = Clocked::new(machine, Annex::Timer, FRESH, waiters, bug);
    clocked.set(&Actor::new(ME), due).unwrap();
    clocked
}

// `kinds/timer.rs`
impl Clocked {
    fn timer(&self) -> Timer<'_> {
        let Annex::Timer(words) = &self.world.annex else { unreachable!("it is a timer") };
        Timer(words)
    }

    pub(super) fn tick_timer(&self, actor: &Actor) -> Step<Option<Due>> {
        let mut due = self.timer().setting().due;
        if due.is_some_and(|due| self.has_passed(due)) {
            self.change_timer(actor, |_, _| Ok(()))?;
            due = self.timer().setting().due;
        }
        Ok(due)
    }

    fn set(&self, actor: &Actor, due: u64) -> Step {
        self.change_timer(actor, |locked, wakes| {
            actor.does(|| self.timer().set(locked, Due::monotonic(due), 0))?;
            if self.world.has(Planted::SetUntold) { Ok(()) } else { locked.rouse(wakes) }
        })?;
        self.tick(actor).map(drop)
    }

    fn change_timer(&self, actor: &Actor, change: impl FnOnce(&mut Locked<'_>, &mut Vec<usize>) -> Step) -> Step {
        let mut locked = self.world.lock(actor, 0, |state| state)?;
        let mut wakes = Vec::new();
        if self.timer().setting().due.is_some_and(|due| self.has_passed(due)) {
            actor.does(|| self.timer().expire(&mut locked, None))?;
            wakes = locked.hand_out(false)?;
        }
        change(&mut locked, &mut wakes)?;
        locked.unlock()?;
        self.world.wake(actor, &wakes)
    }

    /// When all is quiet.
    fn is_signalled(&self) -> bool {
        cell::reading_newest(|| {
            let words = self.timer().words();
            let is_due = self.due().is_some_and(|due| self.has_passed(due));
            is_signalled(self.world.state(0), &words, is_due)
        })
    }

    fn due(&self) -> Option<Due> {
        cell::reading_newest(|| self.timer().setting().due)
    }
}

/// Two wait for an expiry, which one of them gets; the other waits on, for the time that is set then.
fn two_waiters(bug: Option<Planted>) -> usize {
    explore(1, move || {
        let me = Actor::new(ME);
        let clocked = Arc::new(set_to(Machine::AutoTimer, 1, 2, bug));
        let waiters = [0, 1].map(|waiter| clocked.waits(waiter));
        clocked.advance(1);
        clocked.rest(&me);
        assert!((0..2).any(|waiter| clocked.world.kernel.is_asleep(waiter)), "one expiry releases one");
        assert!(!clocked.is_signalled(), "an expiry is taken, and gone");
        clocked.set(&me, 2).unwrap();
        clocked.rest(&me);
        assert!((0..2).any(|waiter| clocked.world.kernel.is_asleep(waiter)), "not before its time");
        clocked.advance(2);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(!clocked.is_signalled());
    })
}

#[test]
fn an_expiry_releases_one_of_two() {
    println!("two waiters: {} schedules", two_waiters(None));
}

/// A timer whose time is far is set to a nearer one, while somebody comes to wait for it.
fn set_beside_a_waiter(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let me = Actor::new(ME);
        let clocked = Arc::new(set_to(Machine::AutoTimer, 2, 2, bug));
        let waiter = clocked.waits(0);
        let lived = Actor::mortal(2, fuel).live(&clocked.world, |setter| clocked.set(setter, 1));
        let is_set = clocked.due() == Some(Due::monotonic(1));
        clocked.rest(&me);
        clocked.advance(1);
        clocked.rest(&me);
        assert_eq!(!clocked.world.kernel.is_asleep(0), is_set, "a set holds for those who wait");
        clocked.advance(2);
        waiter.join().unwrap();
        assert!(!clocked.is_signalled());
        note.note((ended(lived), is_set));
    });
    outcomes
}

#[test]
fn a_set_holds_for_those_who_wait() {
    set_beside_a_waiter(u32::MAX, None).are("set beside a waiter", &["(\"Lived\", true)"]);
}

#[test]
#[should_panic(expected = "a set holds for those who wait")]
fn planted_set_without_a_word_is_caught() {
    set_beside_a_waiter(u32::MAX, Some(Planted::SetUntold));
}

#[test]
fn a_setters_death_is_before_or_after() {
    at_every_death("set", |fuel| set_beside_a_waiter(fuel, None));
}

/// A signalled timer is set to a far time; its setter dies.
fn signalled_is_set(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let clocked = Arc::new(set_to(Machine::ManualTimer, 1, 0, bug));
        clocked.advance(1);
        clocked.tick(&Actor::new(ME)).unwrap();
        let setter = {
            let clocked = clocked.clone();
            thread::spawn(move || Actor::mortal(2, fuel).live(&clocked.world, |actor| clocked.set(actor, 9)))
        };
        let seen = clocked.try_take(&Actor::new(3)).unwrap();
        let lived = setter.join().unwrap();
        clocked.reap(&Actor::new(ME));
        let is_set = clocked.due() == Some(Due::monotonic(9));
        assert!(!lived || is_set);
        assert_eq!(clocked.try_take(&Actor::new(ME)).unwrap(), !is_set, "T6");
        note.note((ended(lived), is_set, seen));
    });
    outcomes
}

#[test]
fn a_set_that_has_happened_ends_the_signal() {
    at_every_death("set of one that is signalled", |fuel| signalled_is_set(fuel, None));
}

#[test]
#[should_panic(expected = "T6")]
fn planted_mend_of_no_setting_is_caught() {
    at_every_death("planted", |fuel| signalled_is_set(fuel, Some(Planted::MendUnset)));
}

/// Somebody waits for a timer whose time has come; another one polls it, and dies of that.
fn expirer_dies(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let me = Actor::new(ME);
        let mut clocked = set_to(Machine::AutoTimer, 1, 2, bug);
        clocked.world = clocked.world.queued(0, 0);
        let clocked = Arc::new(clocked);
        clocked.advance(1);
        let waiter = clocked.waits(0);
        let taken = Cell::new(false);
        let lived = Actor::mortal(2, fuel).live(&clocked.world, |actor| clocked.try_take(actor).map(|took| taken.set(took)));
        clocked.rest(&me);
        assert_eq!(clocked.world.kernel.is_asleep(0), taken.get(), "an expiry is one");
        assert!(!clocked.is_signalled(), "an expiry is one");
        clocked.set(&me, 1).unwrap();
        waiter.join().unwrap();
        note.note((ended(lived), taken.get()));
    });
    outcomes
}

#[test]
fn an_expiry_is_one_whoever_dies_of_it() {
    at_every_death("expiry", |fuel| expirer_dies(fuel, None));
}

#[test]
#[should_panic(expected = "an expiry is one")]
fn planted_expiry_without_a_step_is_caught() {
    at_every_death("planted", |fuel| expirer_dies(fuel, Some(Planted::ExpireUnannounced)));
}
