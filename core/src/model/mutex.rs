//! The released mutex: sleepers are poked, running threads may be faster, and no sleeper is forgotten.

use super::world::Patience;
use super::*;

impl World {
    /// One owner's mutex, and waiters in its queue.
    pub(super) fn owned(owner: OwnerRef, waiters: usize, bug: Option<Planted>) -> World {
        let free = (Machine::Mutex, State::mutex(None, false));
        let world = World::new([(Machine::Mutex, State::mutex(Some(owner), false)), free], &vec![false; waiters], bug);
        (0..waiters).fold(world, |world, waiter| world.queued(waiter, 0))
    }

    /// Releases; `late`: the front waiter has waited long enough to be handed the mutex.
    pub(super) fn release(&self, actor: &Actor, who: OwnerRef, late: bool) -> Step {
        let mut patience = Patience::default();
        loop {
            let word = self.objects[0].look()?;
            assert!(word.state().owned_by(who), "nobody else may have it");
            let free = State::mutex(None, false);
            if word.is_locked() {
                self.await_unlock(actor, 0, word, &mut patience)?;
            } else if word.needs_no_wake() {
                if actor.swap(&self.objects[0].word, word.0, word.with_state(free).0)? {
                    return Ok(());
                }
            } else {
                let all = word.alls();
                if all {
                    self.take_all_lock(actor)?;
                }
                let locked = self.try_lock(actor, 0, word, free)?;
                let done = locked.is_some();
                let wakes = match locked {
                    Some(mut locked) => {
                        let wakes = locked.hand_out_politely(late, all)?;
                        locked.unlock()?;
                        wakes
                    }
                    None => Vec::new(),
                };
                if all {
                    self.drop_all_lock(actor)?;
                }
                if done {
                    return self.wake(actor, &wakes);
                }
            }
        }
    }

    /// Waits for the mutex, as one who is in the queue, and releases it; false if it gave up first.
    fn wait_and_release(&self, actor: &Actor, waiter: usize, gives_up: bool) -> Step<bool> {
        let record = &self.waiters[waiter];
        self.sleep(actor, waiter, &[0], gives_up)?;
        self.leave(actor, waiter)?;
        let taken = record.take().is_some();
        if taken {
            self.release(actor, record.owner, false)?;
        }
        Ok(taken)
    }
}

impl Locked<'_> {
    /// The front waiter is woken to compete, or handed the mutex when it is late.
    fn hand_out_politely(&mut self, late: bool, all: bool) -> Step<Vec<usize>> {
        let mut wakes = Vec::new();
        'poke: for index in self.queue() {
            let waiter = &self.world.waiters[index];
            loop {
                let claim = waiter.claim();
                let Some(poked) = claim.poke() else {
                    self.unlink(index)?;
                    break;
                };
                if waiter.watch {
                    break;
                }
                if late || all || waiter.all {
                    return self.hand_out(all);
                }
                if self.actor.swap(&waiter.claim, claim.0, poked.0)? {
                    self.poked = true;
                    wakes.push(index);
                    break 'poke;
                }
            }
        }
        if !(self.poked && self.world.has(Planted::PokeUntold)) {
            self.tell_watches(&mut wakes)?;
        }
        Ok(wakes)
    }
}

/// The owner releases; of two sleepers the first gives up at some time, perhaps poked. The second gets the mutex.
fn release_against_a_time_out(late: bool, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let me = Actor::new(1);
        let world = Arc::new(World::owned(me.op, 2, bug));
        let waiters = [(0, true), (1, false)].map(|(waiter, gives_up)| {
            let world = world.clone();
            thread::spawn(move || world.wait_and_release(&Actor::new(2 + waiter as u32), waiter, gives_up).unwrap())
        });
        world.release(&me, me.op, late).unwrap();
        let got = waiters.map(|w| w.join().unwrap());
        assert!(got[1]);
        assert_eq!(world.state(0), State::mutex(None, false));
        note.note(got[0]);
    });
    outcomes
}

/// The owner releases while another thread takes and releases the mutex on its fast path. The sleeper gets it.
fn release_against_a_barger(late: bool, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        let me = Actor::new(1);
        let world = Arc::new(World::owned(me.op, 1, bug));
        let sleeper = {
            let world = world.clone();
            thread::spawn(move || world.wait_and_release(&Actor::new(2), 0, false).unwrap())
        };
        let barger = {
            let world = world.clone();
            thread::spawn(move || {
                let actor = Actor::new(3);
                let got = world.try_take(&actor, 0, actor.op).unwrap();
                if got {
                    world.release(&actor, actor.op, false).unwrap();
                }
                got
            })
        };
        world.release(&me, me.op, late).unwrap();
        assert!(sleeper.join().unwrap());
        note.note(barger.join().unwrap());
        assert_eq!(world.state(0), State::mutex(None, false));
    });
    outcomes
}

#[test]
fn a_poked_waiter_that_gives_up_loses_no_wake() {
    release_against_a_time_out(false, None).are("poke against time-out", &["false", "true"]);
    release_against_a_time_out(true, None).are("hand-off against time-out", &["false", "true"]);
}

#[test]
fn a_barger_loses_no_wake() {
    release_against_a_barger(false, None).are("poke against barger", &["false", "true"]);
    release_against_a_barger(true, None).are("hand-off against barger", &["false", "true"]);
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_leaving_without_serving_is_caught() {
    release_against_a_time_out(false, Some(Planted::LeaveUnserved));
}

#[test]
#[should_panic(expected = "deadlock")]
fn planted_sleep_with_the_poke_unanswered_is_caught() {
    release_against_a_barger(false, Some(Planted::SleepPoked));
}

/// The owner dies in its release, at every write; the sleepers get the mutex one after the other.
fn owner_dies_releasing(fuel: u32, late: bool, sleepers: usize, preemptions: usize) -> usize {
    explore(preemptions, move || {
        let owner = Actor::mortal(1, fuel);
        let world = Arc::new(World::owned(owner.op, sleepers, None));
        let waiters: Vec<_> = (0..sleepers)
            .map(|waiter| {
                let world = world.clone();
                thread::spawn(move || world.wait_and_release(&Actor::new(2 + waiter as u32), waiter, false).unwrap())
            })
            .collect();
        owner.live(&world, |owner| world.release(owner, owner.op, late));
        let neighbour = Actor::new(4);
        if world.objects[0].word().state().owned_by(owner.op) {
            // It still owned it: abandoned.
            world.lock(&neighbour, 0, |_| State::mutex(None, true)).unwrap().finish(false).unwrap();
        }
        world.reap(&neighbour).unwrap();
        waiters.into_iter().for_each(|w| assert!(w.join().unwrap()));
        assert!(!world.state(0).is_abandoned() && world.state(0).owner_index().is_none());
    })
}

#[test]
fn an_owners_death_in_its_release_forgets_nobody() {
    for (late, sleepers, preemptions) in [(false, 1, 2), (true, 1, 2), (false, 2, 0), (true, 2, 0)] {
        let runs: usize = (0..14).map(|fuel| owner_dies_releasing(fuel, late, sleepers, preemptions)).sum();
        println!("owner dies releasing, late {late}, {sleepers} sleepers: {runs} schedules");
    }
}
