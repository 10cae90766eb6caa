//! Wait-all: no part of it is ever seen, whoever dies in the middle, and no signal is lost.

use super::world::{Patience, node_of};
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
        let Some(mut other) = self.lock_other()? else {
            self.actor.has_chore.set(true);
            return Ok(false);
        };
        let committed = commit([&mut other, self], index)?;
        other.unlock()?;
        Ok(committed)
    }
}

impl<'w> Locked<'w> {
    /// The other object's lock; a guest does not wait for it.
    fn lock_other(&self) -> Step<Option<Locked<'w>>> {
        let (world, actor, object) = (self.world, self.actor, 1 - self.object);
        if !actor.is_guest {
            return world.lock(actor, object, |state| state).map(Some);
        }
        loop {
            let word = world.objects[object].word();
            match word.locker() {
                Some(locker) if world.dead[locker.index as usize].load() == 0 => return Ok(None),
                Some(_) => world.await_unlock(actor, object, word, &mut Patience::default())?,
                None => {
                    if let Some(locked) = world.try_lock(actor, object, word, word.state())? {
                        return Ok(Some(locked));
                    }
                }
            }
        }
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
fn setter_dies(fuel: u32, is_guest: bool, gives_up: bool, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(if is_guest { 1 } else { 2 }, move || {
        let world = World::new([EVENTS[0], (Machine::AutoEvent, State::event(true))], &[true], bug);
        let world = Arc::new(world.queued(0, 0).queued(0, 1));
        let setter = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = if is_guest { Actor::guest(2, fuel) } else { Actor::mortal(2, fuel) };
                let lived = actor.live(&world, |actor| world.set(actor, 0));
                // The lock of the wait-alls is the first write, the set is the second; a guest's first.
                (lived, fuel - actor.fuel.get() >= if is_guest { 1 } else { 2 })
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

fn at_every_write(name: &str, is_guest: bool, gives_up: bool, bug: Option<Planted>) {
    for fuel in 0..32 {
        let outcomes = setter_dies(fuel, is_guest, gives_up, bug);
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
    at_every_write("wait-all", false, false, None);
}

#[test]
fn a_time_out_at_the_commit_loses_no_signal() {
    at_every_write("wait-all against time-out", false, true, None);
}

#[test]
fn a_guest_that_dies_loses_no_signal() {
    at_every_write("wait-all and a guest", true, false, None);
    at_every_write("wait-all and a guest against time-out", true, true, None);
}

#[test]
#[should_panic(expected = "a part of the wait-all")]
fn planted_distrust_of_the_commit_is_caught() {
    at_every_write("wait-all", false, false, Some(Planted::DropIntent));
}

/// Two setters at once: they lock the objects in opposite orders, and the waiter comes back with both. A guest who meets the other leaves the commit
/// to his keeper.
fn two_setters(name: &str, guests: [bool; 2], keeper_comes: bool) {
    let actor = |index: u32, is_guest| if is_guest { Actor::guest(index, u32::MAX) } else { Actor::new(index) };
    let runs = explore(3, move || {
        let world = Arc::new(World::new(EVENTS, &[true], None).queued(0, 0).queued(0, 1));
        let sleeper = {
            let world = world.clone();
            thread::spawn(move || world.sleep_and_take(0))
        };
        let set = move |world: &World, index, object, is_guest| {
            let actor = actor(index, is_guest);
            world.set(&actor, object).unwrap();
            actor.has_chore.get()
        };
        let setter = {
            let world = world.clone();
            thread::spawn(move || set(&world, 2, 0, guests[0]))
        };
        let chores = [set(&world, 1, 1, guests[1]), setter.join().unwrap()];
        if keeper_comes && chores.contains(&true) {
            world.settle(&Actor::new(3), 0).unwrap();
        }
        assert_eq!(sleeper.join().unwrap(), None, "by all");
        assert!(!world.state(0).is_signalled_event() && !world.state(1).is_signalled_event());
    });
    println!("{name}, one wait-all: {runs} schedules");
}

#[test]
fn two_setters_end_one_wait_for_all() {
    two_setters("two setters", [false, false], true);
}

#[test]
fn a_guest_and_a_setter_end_one_wait_for_all() {
    two_setters("a guest and a setter", [true, false], true);
}

#[test]
fn two_guests_end_one_wait_for_all() {
    two_setters("two guests", [true, true], true);
}

/// Without the keeper the last signal would be forgotten.
#[test]
#[should_panic(expected = "deadlock")]
fn a_chore_that_nobody_does_is_caught() {
    two_setters("two guests and no keeper", [true, true], false);
}
