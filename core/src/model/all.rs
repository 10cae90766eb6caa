//! Wait-all: no part of it is ever seen, whoever dies in the middle, and no signal is lost.

use super::world::node_of;
use super::*;

const EVENTS: [(Machine, State); 2] = [(Machine::AutoEvent, State(0)), (Machine::AutoEvent, State(0))];

/// An op in the 24 bits that a claim has room for.
fn tag(op: OwnerRef) -> u32 {
    op.index | (op.generation & 0xff) << 16
}

impl World {
    /// Enters the queues of both objects, or is satisfied at once.
    pub(super) fn enter_all(&self, actor: &Actor, waiter: usize) -> Step {
        self.take_all_lock(actor)?;
        let mut first = self.lock(actor, 0, |state| state)?;
        let mut second = self.lock(actor, 1, |state| state)?;
        first.append(waiter)?;
        second.append(waiter)?;
        commit([&mut first, &mut second], waiter)?;
        first.unlock()?;
        second.unlock()?;
        self.drop_all_lock(actor)
    }
}

impl Locked<'_> {
    /// Tries to end the wait-all of a waiter for the sake of this object, which was just signalled.
    pub(super) fn try_commit(&mut self, index: usize) -> Step<bool> {
        let mut other = self.world.lock(self.actor, 1 - self.object, |state| state)?;
        let committed = commit([&mut other, self], index)?;
        other.unlock()?;
        Ok(committed)
    }
}

/// C2 to C5, without the unlocking.
fn commit(locks: [&mut Locked<'_>; 2], index: usize) -> Step<bool> {
    let (world, actor) = (locks[0].world, locks[0].actor);
    let waiter = &world.waiters[index];
    let mut claim = waiter.claim();
    let mut plan = Vec::new();
    for locked in &locks {
        match locked.state.take(locked.record().machine, waiter.owner) {
            Some(taken) => plan.push(taken),
            None => return Ok(false),
        }
    }
    for (locked, after) in locks.iter().zip(&plan) {
        locked.hand_over(index, after.abandoned)?;
        locked.plan_account(waiter.home, locked.record().accounts[waiter.home].load() + 1)?;
        locked.declare(Decides::All, after.state, node_of(index, locked.object), claim.generation(), tag(actor.op))?;
    }
    let won = loop {
        let Some(granted) = claim.grant_all(tag(actor.op)) else { break false };
        if actor.swap(&waiter.claim, claim.0, granted.0)? {
            break true;
        }
        claim = waiter.claim();
    };
    for (locked, after) in locks.into_iter().zip(plan) {
        if won {
            locked.write_state(after.state)?;
            locked.settle_account(waiter.home)?;
        }
        locked.clear()?;
        if won {
            locked.unlink(index)?;
        }
    }
    Ok(won)
}

/// Event 1 is signalled, event 0 gets signalled by one who may die; a waiter waits for both, perhaps gives up. Another thread comes by
/// and takes what it finds: if event 1 is gone, the waiter has both.
fn setter_dies(fuel: u32, gives_up: bool, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let world = World::new([EVENTS[0], (Machine::AutoEvent, State::event(true))], &[true], bug);
        let world = Arc::new(world.queued(0, 0).queued(0, 1));
        let setter = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::mortal(2, fuel);
                let lived = actor.live(&world, |actor| world.set(actor, 0));
                // The lock of the wait-alls is the first write, the set is the second; without a queue it is the first.
                (lived, fuel - actor.fuel.get() >= 2)
            })
        };
        let passer = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::new(3);
                let one = world.try_take(&actor, 1, actor.op).unwrap();
                if !one {
                    assert!(!world.try_take(&actor, 0, actor.op).unwrap(), "a part of the wait-all was seen");
                }
                one
            })
        };
        let me = Actor::new(4);
        if gives_up {
            world.waiters[0].cancel();
        }
        let (lived, set) = setter.join().unwrap();
        world.reap(&me).unwrap();
        let passed = passer.join().unwrap();
        let taken = world.waiters[0].take().is_some();
        let left = [0, 1].map(|object| world.state(object).is_signalled_event());
        assert_eq!(taken || left[0], set, "a part of the wait-all was lost: the signal of event 0");
        assert!(u32::from(taken) + u32::from(passed) + u32::from(left[1]) == 1, "a part of the wait-all was lost: the signal of event 1");
        assert!(gives_up || !(left[0] && left[1]), "a wait-all sleeps though all is signalled");
        note.note((lived, taken, passed));
    });
    outcomes
}

fn at_every_write(name: &str, gives_up: bool, bug: Option<Planted>) {
    for fuel in 0..32 {
        let outcomes = setter_dies(fuel, gives_up, bug);
        let seen = outcomes.0.lock().unwrap();
        println!("{name}, death at write {fuel}: {} schedules, {seen:?}", seen.values().sum::<usize>());
        if !seen.keys().any(|outcome| outcome.starts_with("(false")) {
            return;
        }
    }
    panic!("{name}: more writes than expected");
}

#[test]
fn no_part_is_seen_and_no_signal_lost() {
    at_every_write("wait-all", false, None);
}

#[test]
fn a_time_out_at_the_commit_loses_no_signal() {
    at_every_write("wait-all against time-out", true, None);
}

#[test]
#[should_panic(expected = "a part of the wait-all")]
fn planted_distrust_of_the_commit_is_caught() {
    at_every_write("wait-all", false, Some(Planted::DropIntent));
}

/// Two setters at once: they lock the objects in opposite orders, and the waiter comes back with both.
#[test]
fn two_setters_end_one_wait_for_all() {
    let runs = explore(3, || {
        let world = Arc::new(World::new(EVENTS, &[true], None).queued(0, 0).queued(0, 1));
        let sleeper = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(0))
        };
        let setter = {
            let world = world.clone();
            thread::spawn(move || world.set(&Actor::new(2), 0).unwrap())
        };
        world.set(&Actor::new(1), 1).unwrap();
        setter.join().unwrap();
        assert_eq!(sleeper.join().unwrap(), None, "by all");
        assert!(!world.state(0).is_signalled_event() && !world.state(1).is_signalled_event());
    });
    println!("two setters, one wait-all: {runs} schedules");
}
