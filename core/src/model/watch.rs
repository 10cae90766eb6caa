//! Watches: whoever leaves an object signalled tells them, dead or alive, and they take nothing from those who wait.

use super::*;

const EVENTS: [(Machine, State); 2] = [(Machine::AutoEvent, State(0)), (Machine::AutoEvent, State(0))];

/// A watch is armed while another process sets the event: it hears of it, and takes nothing.
fn arm_against_set(bug: Option<Planted>) -> usize {
    explore(3, move || {
        let world = Arc::new(World::new(EVENTS, &[false], bug).watched_by(0));
        let setter = {
            let world = world.clone();
            thread::spawn(move || world.set(&Actor::new(2), 0).unwrap())
        };
        world.enter(&Actor::new(1), 0, 0).unwrap();
        world.sleep_and_take(0);
        setter.join().unwrap();
        assert!(world.state(0).is_signalled_event(), "nothing was taken");
    })
}

#[test]
fn what_is_set_while_a_watch_is_armed_is_told() {
    println!("arm against set: {} schedules", arm_against_set(None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_arming_without_a_second_look_is_caught() {
    arm_against_set(Some(Planted::EnterWithoutServing));
}

/// Behind the watch somebody waits, and may give up: he gets the signal, or the watch hears of it.
#[test]
fn a_signal_goes_to_who_waits_or_is_told() {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(3, move || {
        let world = Arc::new(World::new(EVENTS, &[false, false], None).watched_by(0).queued(0, 0).queued(1, 0));
        let setter = {
            let world = world.clone();
            thread::spawn(move || world.set(&Actor::new(2), 0).unwrap())
        };
        world.waiters[1].cancel();
        let taken = world.waiters[1].take().is_some();
        world.leave(&Actor::new(1), 1).unwrap();
        setter.join().unwrap();
        let told = world.waiters[0].take().is_some();
        assert!(taken != world.state(0).is_signalled_event(), "taken once, or there");
        assert!(told != taken, "told of what stays, and of nothing else");
        note.note(taken);
    });
    outcomes.are("watch before a waiter", &["false", "true"]);
}

/// The setter dies at any write of a set that a watch is to hear of; its reaper makes good what it owed.
fn setter_dies(fuel: u32, bug: Option<Planted>) {
    explore(2, move || {
        let world = Arc::new(World::new(EVENTS, &[false, false], bug).watched_by(0).queued(0, 0).queued(1, 0));
        world.waiters[1].cancel(); // a node that the walk has to drop first
        let keeper = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(0))
        };
        let setter = Actor::mortal(2, fuel);
        setter.live(&world, |setter| world.set(setter, 0));
        let neighbour = Actor::new(3);
        world.reap(&neighbour).unwrap();
        if !world.state(0).is_signalled_event() {
            world.set(&neighbour, 0).unwrap(); // it died before its first write
        }
        keeper.join().unwrap();
        assert!(world.state(0).is_signalled_event());
    });
}

#[test]
fn a_setters_death_leaves_no_watch_untold() {
    (0..8).for_each(|fuel| setter_dies(fuel, None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_recovery_without_the_last_wake_is_caught() {
    (0..8).for_each(|fuel| setter_dies(fuel, Some(Planted::NoLastWake)));
}

/// A mutex is released with a sleeper behind the watch, who is poked and may be slow for ever; the watch hears that it is free.
fn release_with_a_slow_sleeper(bug: Option<Planted>) {
    explore(3, move || {
        let me = Actor::new(1);
        let world = Arc::new(World::owned(me.op, 2, bug).watched_by(0));
        let barger = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::new(3);
                if world.try_take(&actor, 0, actor.op).unwrap() {
                    world.release(&actor, actor.op, false).unwrap();
                }
            })
        };
        let keeper = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(0))
        };
        world.release(&me, me.op, false).unwrap();
        barger.join().unwrap();
        keeper.join().unwrap();
        assert_eq!(world.state(0), State::mutex(None, false));
    });
}

#[test]
fn a_poke_leaves_no_watch_untold() {
    release_with_a_slow_sleeper(None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_poke_without_a_word_is_caught() {
    release_with_a_slow_sleeper(Some(Planted::PokeUntold));
}
