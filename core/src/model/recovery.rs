//! Death at every write: a signal that was given is taken once or stays, whoever dies.

use super::*;

const SEMAPHORES: [(Machine, State); 2] = [(Machine::Semaphore, State(0)), (Machine::Semaphore, State(0))];

/// More than the longest call here writes.
const LONGEST: u32 = 32;

/// Runs a model for a death at every write, up to the first at which nobody dies any more.
fn at_every_write(name: &str, model: impl Fn(u32) -> Outcomes) {
    for fuel in 0..LONGEST {
        let outcomes = model(fuel);
        let seen = outcomes.0.lock().unwrap();
        println!("{name}, death at write {fuel}: {} schedules, {seen:?}", seen.values().sum::<usize>());
        if !seen.keys().any(|outcome| outcome.starts_with("(Died")) {
            return;
        }
    }
    panic!("{name}: more than {LONGEST} writes");
}

/// How an actor ended, and what it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Lived,
    Died,
}

/// Does `work` with `fuel`; says how it ended, and whether it wrote anything.
fn mortal(world: &World, index: u32, fuel: u32, work: impl FnOnce(&Actor) -> Step) -> (End, bool) {
    let actor = Actor::mortal(index, fuel);
    let lived = actor.live(world, work);
    (if lived { End::Lived } else { End::Died }, actor.fuel.get() < fuel)
}

/// A poster dies, with two waiters in the queue, the first of which gives up at some time. Its first write is the post.
fn poster_dies_beside_a_time_out(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = Arc::new(World::new(SEMAPHORES, &[false, false], bug).queued(0, 0).queued(1, 0));
        let gives_up = {
            let world = world.clone();
            thread::spawn(move || {
                world.waiters[0].cancel();
                world.waiters[0].take().is_some()
            })
        };
        let poster = {
            let world = world.clone();
            thread::spawn(move || mortal(&world, 2, fuel, |actor| world.post(actor, 0).map(|_| ())))
        };
        let (end, posted) = poster.join().unwrap();
        world.reap(&Actor::new(4)).unwrap();
        let first = gives_up.join().unwrap();
        world.settle(&Actor::new(4), 0).unwrap();
        let second = world.waiters[1].take().is_some();
        let found = u32::from(first) + u32::from(second) + world.state(0).count();
        assert_eq!(found, u32::from(posted), "permits found of those posted");
        note.note((end, first, second));
    });
    outcomes
}

/// A poster dies; another one, who meets its lock, recovers the object and posts as well.
fn poster_dies_beside_another(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = Arc::new(World::new(SEMAPHORES, &[false, false], bug).queued(0, 0).queued(1, 0));
        let poster = {
            let world = world.clone();
            thread::spawn(move || mortal(&world, 2, fuel, |actor| world.post(actor, 0).map(|_| ())))
        };
        let neighbour = Actor::new(3);
        world.post(&neighbour, 0).unwrap();
        let (end, posted) = poster.join().unwrap();
        world.reap(&neighbour).unwrap();
        let taken: u32 = world.waiters.iter().map(|w| u32::from(w.take().is_some())).sum();
        assert_eq!(taken + world.state(0).count(), 1 + u32::from(posted), "permits found of those posted");
        note.note((end, taken));
    });
    outcomes
}

/// A poster dies with a sleeper in the queue: once it has posted, the sleeper comes back.
fn poster_dies_before_the_wake(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = Arc::new(World::new(SEMAPHORES, &[false], bug).queued(0, 0));
        let sleeper = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(0))
        };
        let poster = {
            let world = world.clone();
            thread::spawn(move || mortal(&world, 2, fuel, |actor| world.post(actor, 0).map(|_| ())))
        };
        let (end, posted) = poster.join().unwrap();
        let neighbour = Actor::new(3);
        world.reap(&neighbour).unwrap();
        if !posted {
            world.post(&neighbour, 0).unwrap();
        }
        assert_eq!(sleeper.join().unwrap(), Some(0));
        assert_eq!(world.state(0).count(), 0);
        note.note((end, posted));
    });
    outcomes
}

#[test]
fn a_posters_death_beside_a_time_out() {
    at_every_write("time-out", |fuel| poster_dies_beside_a_time_out(fuel, None));
}

#[test]
fn a_posters_death_beside_another_poster() {
    at_every_write("another poster", |fuel| poster_dies_beside_another(fuel, None));
}

#[test]
fn a_posters_death_before_the_wake() {
    at_every_write("the wake", |fuel| poster_dies_before_the_wake(fuel, None));
}

#[test]
#[should_panic(expected = "permits found of those posted")]
fn planted_trust_in_every_intent_is_caught() {
    at_every_write("time-out", |fuel| poster_dies_beside_a_time_out(fuel, Some(Planted::TrustIntent)));
}

#[test]
#[should_panic(expected = "permits found of those posted")]
fn planted_distrust_of_every_intent_is_caught() {
    at_every_write("another poster", |fuel| poster_dies_beside_another(fuel, Some(Planted::DropIntent)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_sleep_without_the_last_wake_is_caught() {
    at_every_write("the wake", |fuel| poster_dies_before_the_wake(fuel, Some(Planted::NoLastWake)));
}

// --- accounts of robust semaphores

/// One who holds a permit releases it, and dies; a waiter of the same process gives up at some time. The permit is in the count or
/// in the account.
fn robust_poster_dies(fuel: u32, bug: Option<Planted>) -> Outcomes {
    const ROBUST: [(Machine, State); 2] = [(Machine::RobustSemaphore, State(0)), (Machine::RobustSemaphore, State(0))];
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(3, move || {
        let world = Arc::new(World::new(ROBUST, &[false], bug).queued(0, 0));
        world.objects[0].accounts[0].store(1);
        let poster = {
            let world = world.clone();
            thread::spawn(move || {
                mortal(&world, 2, fuel, |actor| {
                    let mut locked = world.lock(actor, 0, |state| state)?;
                    let after = locked.state.post(1, 9).unwrap();
                    locked.change_with_account(0, locked.record().accounts[0].load() - 1, after)?;
                    locked.finish(false)
                })
            })
        };
        world.waiters[0].cancel();
        let (end, _) = poster.join().unwrap();
        world.settle(&Actor::new(3), 0).unwrap();
        let taken = world.waiters[0].take().is_some();
        assert_eq!(u64::from(world.state(0).count()) + world.objects[0].accounts[0].load(), 1, "count and account of one permit");
        note.note((end, taken));
    });
    outcomes
}

#[test]
fn a_permit_is_in_the_count_or_in_the_account() {
    at_every_write("account", |fuel| robust_poster_dies(fuel, None));
}

#[test]
#[should_panic(expected = "count and account of one permit")]
fn planted_distrust_of_an_accounts_intent_is_caught() {
    at_every_write("account", |fuel| robust_poster_dies(fuel, Some(Planted::DropIntent)));
}

// --- grants of dead waiters go back

/// A waiter is dead when a permit is posted. Two neighbours reap it, one of which dies as well. The permit is there in the end.
fn two_reapers(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = Arc::new(World::new(SEMAPHORES, &[false], bug).queued(0, 0));
        let reaper = {
            let world = world.clone();
            thread::spawn(move || mortal(&world, 2, fuel, |actor| world.end_waiter(actor, 0)))
        };
        let other = {
            let world = world.clone();
            thread::spawn(move || world.end_waiter(&Actor::new(3), 0).unwrap())
        };
        let me = Actor::new(1);
        world.post(&me, 0).unwrap();
        let (end, _) = reaper.join().unwrap();
        other.join().unwrap();
        world.end_waiter(&me, 0).unwrap();
        world.settle(&me, 0).unwrap();
        assert_eq!(world.state(0).count(), 1, "one permit was posted, and the dead took none");
        note.note((end,));
    });
    outcomes
}

#[test]
fn a_grant_of_the_dead_goes_back_once() {
    at_every_write("two reapers", |fuel| two_reapers(fuel, None));
}

#[test]
#[should_panic(expected = "the dead took none")]
fn planted_return_without_a_second_look_is_caught() {
    at_every_write("two reapers", |fuel| two_reapers(fuel, Some(Planted::ReturnUnseen)));
}

/// An event's grant goes back while somebody resets it: the reset came after the set, so the event is not signalled.
#[test]
fn a_grant_that_goes_back_does_not_undo_a_reset() {
    const EVENTS: [(Machine, State); 2] = [(Machine::AutoEvent, State(0)), (Machine::AutoEvent, State(0))];
    let runs = explore(3, || {
        let world = Arc::new(World::new(EVENTS, &[false], None).queued(0, 0));
        let me = Actor::new(1);
        world.set(&me, 0).unwrap();
        let reaper = {
            let world = world.clone();
            thread::spawn(move || world.end_waiter(&Actor::new(2), 0).unwrap())
        };
        world.reset(&me, 0).unwrap();
        reaper.join().unwrap();
        assert!(!world.state(0).is_signalled_event());
    });
    println!("give back against reset: {runs} schedules");
}
