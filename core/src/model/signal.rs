//! Signals, waiters, time-outs and fast paths: a signal is taken once or stays.

use super::*;

const NONE: State = State(0);
const TWO: [(Machine, State); 2] = [(Machine::Semaphore, NONE), (Machine::Semaphore, NONE)];
const EVENTS: [(Machine, State); 2] = [(Machine::AutoEvent, NONE), (Machine::AutoEvent, NONE)];

/// A waiter enters and gives up at some time; two others post meanwhile. Permits taken and permits left are permits posted.
fn a_time_out_between_two_posts(bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = Arc::new(World::new(TWO, &[false], bug));
        let posters = [2, 3].map(|index| {
            let world = world.clone();
            thread::spawn(move || world.post(&Actor::new(index), 0).unwrap())
        });
        let me = Actor::new(1);
        world.enter(&me, 0, 0).unwrap();
        world.waiters[0].cancel();
        let taken = world.waiters[0].take().is_some();
        world.leave(&me, 0).unwrap();
        posters.into_iter().for_each(|p| assert!(p.join().unwrap() < 2));
        let left = world.state(0).count();
        assert_eq!(left + u32::from(taken), 2, "permits are neither lost nor invented");
        note.note((taken, left));
    });
    outcomes
}

#[test]
fn a_time_out_loses_no_permit() {
    a_time_out_between_two_posts(None).are("time-out", &["(false, 2)", "(true, 1)"]);
}

/// A waiter is in two queues; each object is signalled by somebody else. One of them ends the wait, the other keeps its signal.
fn two_granters(bug: Option<Planted>, times_out: bool) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = Arc::new(World::new(EVENTS, &[false], bug).queued(0, 0).queued(0, 1));
        let setters = [0, 1].map(|object| {
            let world = world.clone();
            thread::spawn(move || world.set(&Actor::new(2 + object as u32), object).unwrap())
        });
        let me = Actor::new(1);
        let taken = if times_out {
            world.waiters[0].cancel();
            world.waiters[0].take().flatten()
        } else {
            world.sleep_and_take(0)
        };
        world.leave(&me, 0).unwrap();
        setters.into_iter().for_each(|s| s.join().unwrap());
        for object in 0..2 {
            let left = world.state(object).is_signalled_event();
            assert!(left != (taken == Some(object as u32)), "object {object}: the signal was taken or is there");
        }
        note.note(taken);
    });
    outcomes
}

#[test]
fn one_claim_is_granted_once() {
    two_granters(None, false).are("two granters", &["Some(0)", "Some(1)"]);
    two_granters(None, true).are("two granters and a time-out", &["None", "Some(0)", "Some(1)"]);
}

/// A waiter enters while a single set happens: it is released, whichever comes first.
fn enter_against_set(bug: Option<Planted>) -> usize {
    explore(3, move || {
        let world = Arc::new(World::new(EVENTS, &[false], bug));
        let setter = {
            let world = world.clone();
            thread::spawn(move || world.set(&Actor::new(2), 0).unwrap())
        };
        world.enter(&Actor::new(1), 0, 0).unwrap();
        assert_eq!(world.sleep_and_take(0), Some(0));
        setter.join().unwrap();
        assert!(!world.state(0).is_signalled_event());
    })
}

#[test]
fn a_set_finds_who_enters() {
    println!("enter against set: {} schedules", enter_against_set(None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_entering_without_a_second_look_is_caught() {
    enter_against_set(Some(Planted::EnterWithoutServing));
}

/// Somebody works under the lock while others take and set on their fast paths; nobody sees or disturbs what he does.
fn fast_paths_against_a_lock(bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(3, move || {
        let world = Arc::new(World::new(TWO, &[], bug));
        let holder = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::new(2);
                let mut locked = world.lock(&actor, 0, |state| state.post(3, 9).unwrap()).unwrap();
                let before = locked.state;
                locked.write_state(State::semaphore(before.count() - 3)).unwrap(); // as a grant that is lost
                locked.write_state(before).unwrap();
                locked.finish(false).unwrap();
            })
        };
        let poster = {
            let world = world.clone();
            thread::spawn(move || assert!(world.post(&Actor::new(3), 0).unwrap() <= 3))
        };
        let me = Actor::new(1);
        let taken = u32::from(world.try_take(&me, 0, me.op).unwrap());
        [holder, poster].into_iter().for_each(|t| t.join().unwrap());
        let left = world.state(0).count();
        assert_eq!(taken + left, 4);
        note.note(taken);
    });
    outcomes
}

#[test]
fn a_locked_word_is_its_holders() {
    fast_paths_against_a_lock(None).are("fast paths", &["0", "1"]);
}

#[test]
#[should_panic(expected = "hold the lock")]
fn planted_writing_a_locked_word_is_caught() {
    fast_paths_against_a_lock(Some(Planted::SignalThroughLock));
}

#[test]
fn two_sets_release_two() {
    let runs = explore(3, || {
        let world = Arc::new(World::new(EVENTS, &[false, false], None).queued(0, 0).queued(1, 0));
        let waiters = [0, 1].map(|waiter| {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(waiter))
        });
        let me = Actor::new(1);
        world.set(&me, 0).unwrap();
        world.set(&me, 0).unwrap();
        waiters.into_iter().for_each(|w| assert_eq!(w.join().unwrap(), Some(0)));
        assert!(!world.state(0).is_signalled_event());
    });
    println!("two sets, two waiters: {runs} schedules");
}

#[test]
fn a_set_that_is_reset_at_once_releases_who_waits() {
    let runs = explore(3, || {
        let world = Arc::new(World::new(EVENTS, &[false, false], None).queued(0, 0));
        let waiter = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(0))
        };
        let late = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::new(3);
                world.enter(&actor, 1, 0).unwrap();
                world.waiters[1].cancel();
                world.leave(&actor, 1).unwrap();
                world.waiters[1].take().is_some()
            })
        };
        let me = Actor::new(1);
        world.set(&me, 0).unwrap();
        world.reset(&me, 0).unwrap();
        assert_eq!(waiter.join().unwrap(), Some(0), "it waited before the set");
        assert!(!late.join().unwrap(), "one set releases one");
        assert!(!world.state(0).is_signalled_event());
    });
    println!("set, reset: {runs} schedules");
}

#[test]
fn a_pulse_releases_all_who_wait_and_stays_nowhere() {
    const MANUAL: [(Machine, State); 2] = [(Machine::ManualEvent, NONE), (Machine::ManualEvent, NONE)];
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(3, move || {
        let world = Arc::new(World::new(MANUAL, &[false, false], None).queued(0, 0).queued(1, 0));
        let gives_up = {
            let world = world.clone();
            thread::spawn(move || {
                world.waiters[0].cancel();
                world.leave(&Actor::new(2), 0).unwrap();
                world.waiters[0].take().is_some()
            })
        };
        let stays = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(1))
        };
        let me = Actor::new(1);
        world.signal(&me, 0, State::pulsed).unwrap();
        assert!(!world.try_take(&me, 0, me.op).unwrap(), "who comes afterwards finds nothing");
        assert_eq!(stays.join().unwrap(), Some(0));
        note.note(gives_up.join().unwrap());
        assert!(!world.state(0).is_signalled_event());
    });
    outcomes.are("pulse", &["false", "true"]);
}
