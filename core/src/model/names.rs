//! Holder sets, lives and names: an object lives exactly as long as somebody holds it, and a name is made once.

use super::world::Patience;
use super::*;
use crate::bucket::Bucket;
use crate::cell::fence;
use crate::life::{Life, Stage};
use crate::row::Row;

// --- lives and rows (index.rs, refs.rs)

const SLOTS: usize = 3;
const GENERATION: u32 = 5;

/// An object's life and one word of each process's row.
struct Held {
    life: Word64,
    rows: [Word64; SLOTS],
    bug: Option<Planted>,
}

impl Held {
    /// Made by the process in slot 0, then opened by others.
    fn by(slots: &[usize], bug: Option<Planted>) -> Held {
        let made = Life(0).reserve(0).unwrap().publish();
        let life = slots[1..].iter().fold(made, |life, &slot| life.admit(slot as u32).unwrap());
        let row = |slot| if slots.contains(&slot) { Row(0).with(GENERATION, 1) } else { Row(0) };
        Held { life: Word64::new(life.0), rows: [0, 1, 2].map(|slot| Word64::new(row(slot).0)), bug }
    }

    fn life(&self) -> Life {
        Life(self.life.load())
    }

    fn is_held_by(&self, slot: usize) -> bool {
        Row(self.rows[slot].load()).holds(GENERATION, 1)
    }

    fn is_held(&self) -> bool {
        (0..SLOTS).any(|slot| self.is_held_by(slot))
    }

    /// R1: the bit, then the admission. An object without holders is ending: it is ended, and not joined.
    fn join(&self, actor: &Actor, slot: usize) -> Step<bool> {
        if !self.is_held() {
            self.destroy_if_unheld(actor, slot)?;
            return Ok(false);
        }
        actor.spend()?;
        let _ = self.rows[slot].update(|row| Some(Row(row).with(GENERATION, 1).0));
        loop {
            let life = self.life();
            let Some(admitted) = life.admit(slot as u32) else {
                self.leave(actor, slot)?;
                return Ok(false);
            };
            if actor.swap(&self.life, life.0, admitted.0)? {
                return Ok(true);
            }
        }
    }

    fn leave(&self, actor: &Actor, slot: usize) -> Step {
        actor.spend()?;
        let _ = self.rows[slot].update(|row| Row(row).without(GENERATION, 1).map(|row| row.0));
        self.destroy_if_unheld(actor, slot)
    }

    /// R2: the version, then the rows, then the end at that version.
    fn destroy_if_unheld(&self, actor: &Actor, slot: usize) -> Step {
        loop {
            let mut life = self.life();
            if life.stage() != Some(Stage::Live) {
                return Ok(());
            }
            if self.bug != Some(Planted::NoFence) {
                fence();
            }
            let alone = life.sole() == Some(slot as u32) && !self.is_held_by(slot);
            if !alone && self.is_held() {
                return Ok(());
            }
            if self.bug == Some(Planted::EndUnversioned) {
                life = self.life();
            }
            let Some(dying) = life.dying() else { continue };
            if actor.swap(&self.life, life.0, dying.0)? {
                return Ok(());
            }
        }
    }
}

/// A process opens the object and leaves it, while its only holder leaves it.
fn join_against_the_last_leave(bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(4, move || {
        let held = Arc::new(Held::by(&[0], bug));
        let joiner = {
            let held = held.clone();
            thread::spawn(move || {
                let actor = Actor::new(2);
                let joined = held.join(&actor, 1).unwrap();
                if joined {
                    assert!(held.life().is_live(0), "whoever has an object open keeps it");
                    held.leave(&actor, 1).unwrap();
                }
                joined
            })
        };
        held.leave(&Actor::new(1), 0).unwrap();
        note.note(joiner.join().unwrap());
        assert_eq!(held.life().stage(), Some(Stage::Dying), "nobody holds it, yet it lives");
    });
    outcomes
}

/// Two or three holders leave at once.
fn all_leave_at_once(holders: &'static [usize], bug: Option<Planted>) -> usize {
    explore(3, move || {
        let held = Arc::new(Held::by(holders, bug));
        let others: Vec<_> = holders[1..]
            .iter()
            .map(|&slot| {
                let held = held.clone();
                thread::spawn(move || held.leave(&Actor::new(1 + slot as u32), slot).unwrap())
            })
            .collect();
        held.leave(&Actor::new(1), 0).unwrap();
        others.into_iter().for_each(|o| o.join().unwrap());
        assert_eq!(held.life().stage(), Some(Stage::Dying), "nobody holds it, yet it lives");
    })
}

#[test]
fn an_object_lives_as_long_as_it_is_held() {
    join_against_the_last_leave(None).are("join against the last leave", &["false", "true"]);
    println!("two leave: {} schedules", all_leave_at_once(&[0, 1], None));
    println!("three leave: {} schedules", all_leave_at_once(&[0, 1, 2], None));
}

#[test]
#[should_panic(expected = "nobody holds it, yet it lives")]
fn planted_leaving_without_a_fence_is_caught() {
    all_leave_at_once(&[0, 1], Some(Planted::NoFence));
}

#[test]
#[should_panic(expected = "keeps it")]
fn planted_end_without_a_version_is_caught() {
    join_against_the_last_leave(Some(Planted::EndUnversioned));
}

/// One who opens the object dies at every write, while its last holder leaves; a neighbour reaps the dead.
#[test]
fn a_death_while_joining_keeps_nothing_alive() {
    for fuel in 0..6 {
        let runs = explore(3, move || {
            let held = Arc::new(Held::by(&[0], None));
            let joiner = {
                let held = held.clone();
                thread::spawn(move || {
                    let actor = Actor::mortal(2, fuel);
                    let _ = held.join(&actor, 1).and_then(|joined| if joined { held.leave(&actor, 1) } else { Ok(()) });
                })
            };
            held.leave(&Actor::new(1), 0).unwrap();
            joiner.join().unwrap();
            held.leave(&Actor::new(3), 1).unwrap(); // what a reaper does for the dead
            assert_eq!(held.life().stage(), Some(Stage::Dying));
        });
        println!("death while joining, at write {fuel}: {runs} schedules");
    }
}

/// The last holder dies at every write of its leave. Once its bit is clear, nobody joins.
#[test]
fn nobody_joins_what_its_last_holder_left() {
    for fuel in 0..3 {
        explore(3, move || {
            let held = Arc::new(Held::by(&[0], None));
            let _ = held.leave(&Actor::mortal(1, fuel), 0);
            let left = !held.is_held();
            let others = [1, 2].map(|slot| {
                let held = held.clone();
                thread::spawn(move || held.join(&Actor::new(1 + slot as u32), slot).unwrap())
            });
            let joined = others.map(|o| o.join().unwrap());
            assert_eq!(joined, [!left, !left]);
            assert_eq!(held.life().stage(), Some(if left { Stage::Dying } else { Stage::Live }));
        });
    }
}

// --- the name index (index.rs)

/// One bucket and three records that all bear the same name; record 0 is DYING and linked from the start.
struct Index {
    bucket: Word64,
    lives: [Word64; 3],
    chains: [Word32; 3],
    dead: [Word32; 8],
    bug: Option<Planted>,
}

impl Index {
    fn new(bug: Option<Planted>) -> Index {
        let reserved = Life(0).reserve(0).unwrap();
        let dying = reserved.publish().dying().unwrap();
        Index {
            bucket: Word64::new(Bucket(0).insert(0).0),
            lives: [dying, reserved, reserved].map(|life| Word64::new(life.0)),
            chains: Default::default(),
            dead: Default::default(),
            bug,
        }
    }

    fn life(&self, record: usize) -> Life {
        Life(self.lives[record].load())
    }

    /// The record that bears the name afterwards: `own`, or somebody else's.
    fn create(&self, actor: &Actor, own: usize) -> Step<usize> {
        self.lives[own].store(self.life(own).publish().0);
        let mut patience = Patience::default();
        loop {
            let seen = Bucket(self.bucket.load());
            if let Some(found) = self.find(actor)? {
                return Ok(found);
            }
            if seen.is_locked() {
                self.await_unlock(actor, seen, &mut patience)?;
                continue;
            }
            let seen = if self.bug == Some(Planted::InsertUnseen) { Bucket(self.bucket.load()) } else { seen };
            self.chains[own].store(seen.head());
            if actor.swap(&self.bucket, seen.0, seen.insert(own as u32).0)? {
                return Ok(own);
            }
        }
    }

    fn find(&self, actor: &Actor) -> Step<Option<usize>> {
        let mut next = Bucket(self.bucket.load()).head();
        while let Some(record) = next.checked_sub(1).map(|index| index as usize) {
            next = self.chains[record].load();
            match self.life(record).stage() {
                Some(Stage::Live) => return Ok(Some(record)),
                Some(Stage::Dying) => {
                    self.finish_destroying(actor, record)?;
                    return Ok(None);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn finish_destroying(&self, actor: &Actor, record: usize) -> Step {
        let mut patience = Patience::default();
        let locked = loop {
            let seen = Bucket(self.bucket.load());
            let locked = seen.locked_by(actor.op);
            if seen.is_locked() {
                self.await_unlock(actor, seen, &mut patience)?;
            } else if actor.swap(&self.bucket, seen.0, locked.0)? {
                break locked;
            }
        };
        if self.life(record).stage() == Some(Stage::Dying) {
            self.remove(actor, record, locked)?;
        }
        actor.spend()?;
        self.bucket.store(Bucket(self.bucket.load()).unlocked().0);
        let life = self.life(record);
        if life.stage() == Some(Stage::Dying) {
            actor.swap(&self.lives[record], life.0, life.free().0)?;
        }
        Ok(())
    }

    fn remove(&self, actor: &Actor, record: usize, locked: Bucket) -> Step {
        let after = self.chains[record].load();
        if locked.head() == record as u32 + 1 {
            actor.spend()?;
            self.bucket.store(locked.with_head(after).0);
            return Ok(());
        }
        let mut next = locked.head();
        while let Some(before) = next.checked_sub(1).map(|index| index as usize) {
            next = self.chains[before].load();
            if next == record as u32 + 1 {
                actor.spend()?;
                self.chains[before].store(after);
                return Ok(());
            }
        }
        Ok(())
    }

    fn await_unlock(&self, actor: &Actor, seen: Bucket, patience: &mut Patience) -> Step {
        if self.dead[seen.locker().0 as usize].load() == 0 {
            patience.wait();
        } else {
            actor.swap(&self.bucket, seen.0, seen.unlocked().0)?;
        }
        Ok(())
    }
}

/// Two create the same name while a dying namesake is in the bucket. A third, if there is one, takes it out and may die in that.
fn two_creators(remover: Option<u32>, preemptions: usize, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(preemptions, move || {
        let index = Arc::new(Index::new(bug));
        let remover = remover.map(|fuel| {
            let index = index.clone();
            thread::spawn(move || {
                let actor = Actor::mortal(3, fuel);
                if index.finish_destroying(&actor, 0).is_err() {
                    index.dead[3].store(1);
                }
            })
        });
        let other = {
            let index = index.clone();
            thread::spawn(move || index.create(&Actor::new(2), 2).unwrap())
        };
        let mine = index.create(&Actor::new(1), 1).unwrap();
        let theirs = other.join().unwrap();
        remover.into_iter().for_each(|r| r.join().unwrap());
        assert_eq!(mine, theirs, "a name is made once");
        assert_eq!(index.find(&Actor::new(4)).unwrap(), Some(mine), "and found");
        note.note(mine);
    });
    outcomes
}

#[test]
fn a_name_is_made_once() {
    two_creators(None, 3, None).are("two creators", &["1", "2"]);
    for fuel in 0..5 {
        two_creators(Some(fuel), 1, None).are(&format!("two creators, the remover dies at write {fuel}"), &["1", "2"]);
    }
}

#[test]
#[should_panic(expected = "a name is made once")]
fn planted_insertion_at_an_unseen_head_is_caught() {
    two_creators(None, 3, Some(Planted::InsertUnseen));
}
