//! Death at every write: a signal that was given is taken once or stays, whoever dies.

use super::*;

const SEMAPHORES: [(Machine, State); 2] = [(Machine::Semaphore, State(0)), (Machine::Semaphore, State(0))];

/// A poster dies before its `fuel`-th write, with two waiters in the queue, one of which gives up at some time. A neighbour reaps it and
/// another posts; then what was posted was taken or is there.
fn poster_dies(fuel: u32, bug: Option<Bug>) -> Outcomes {
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
        let mortal = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::mortal(2, fuel);
                let lived = actor.live(&world, |actor| world.post(actor, 0));
                (lived, fuel - actor.fuel.get())
            })
        };
        let neighbour = {
            let world = world.clone();
            thread::spawn(move || world.post(&Actor::new(3), 0).unwrap())
        };
        let (lived, writes) = mortal.join().unwrap();
        world.reap(&Actor::new(4)).unwrap();
        neighbour.join().unwrap();
        let early = gives_up.join().unwrap();
        world.reap(&Actor::new(4)).unwrap();
        let late = world.waiters[1].take().is_some();
        let there = u32::from(early) + u32::from(late) + world.state(0).count();
        assert_eq!(there, 1 + writes.min(1), "the first write is the post");
        note.note((lived, early, late));
    });
    outcomes
}

#[test]
fn a_posters_death_conserves_permits() {
    for fuel in 0..20 {
        let outcomes = poster_dies(fuel, None);
        println!("poster dies at write {fuel}: {:?}", outcomes.0.lock().unwrap());
    }
}
