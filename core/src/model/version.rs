//! A mapping's version: readers beside writers of whom some die, and bytes that are never seen in part.

use super::*;
use crate::machines::version::{Begun, Read, Version};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::convert::Infallible;

const WRITERS: usize = 2;

/// A mapping of two bytes, each of which every change makes one more; so they are as many as there were changes.
struct Mapping {
    version: Word64,
    writer: Word64,
    bytes: [AtomicU32; 2],
    dead: [Word32; WRITERS],
}

impl Mapping {
    /// Two changes were made before.
    fn new() -> Mapping {
        let byte = || AtomicU32::new(2);
        Mapping { version: Word64::new(4), writer: Word64::new(0), bytes: [byte(), byte()], dead: Default::default() }
    }

    fn words(&self) -> Version<'_> {
        Version { version: &self.version, writer: &self.writer }
    }

    fn is_gone(&self, writer: u64) -> Result<bool, Infallible> {
        Ok(writer == 0 || self.dead[writer as usize - 1].load() == 1)
    }

    /// One change by a writer, who makes the bytes what he has counted; `None` if somebody else is at it.
    fn change(&self, actor: &Actor, writer: usize) -> Step<Option<u64>> {
        let words = self.words();
        match actor.does(|| words.begin(writer as u64 + 1, |other| self.is_gone(other)))? {
            Ok(Begun::Yes { .. }) => {}
            Ok(Begun::Theirs) => return Ok(None),
            other => panic!("{other:?}"),
        }
        let count = words.count() + 1;
        for byte in &self.bytes {
            actor.spend()?;
            byte.store(count as u32, Relaxed);
        }
        actor.does(|| words.publish())?;
        actor.does(|| words.leave())?;
        Ok(Some(count))
    }

    /// A writer's life. True if it came to its end.
    fn write(&self, writer: usize, fuel: u32) -> bool {
        let lived = self.change(&Actor::mortal(writer as u32, fuel), writer).is_ok();
        if !lived {
            self.dead[writer].store(1);
        }
        lived
    }

    fn read(&self) -> Read {
        let seen = Cell::new([0; 2]);
        let copy = || seen.set(self.bytes.each_ref().map(|byte| byte.load(Relaxed)));
        let Ok(read) = self.words().read(copy, |writer| self.is_gone(writer));
        if let Read::Whole(count) = read {
            assert_eq!(seen.get(), [count as u32; 2], "bytes of {count} changes");
        }
        read
    }
}

fn change_beside_a_reader(bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(3, move || {
        crate::planted::plant(bug);
        let mapping = Arc::new(Mapping::new());
        let writer = {
            let mapping = mapping.clone();
            thread::spawn(move || assert!(mapping.write(0, u32::MAX)))
        };
        let read = mapping.read();
        assert_ne!(read, Read::Torn, "nobody dies");
        writer.join().unwrap();
        assert_eq!(mapping.read(), Read::Whole(3));
        note.note(read);
    });
    outcomes
}

#[test]
fn bytes_are_of_one_change() {
    change_beside_a_reader(None).are("change and reader", &["Changing", "Whole(2)", "Whole(3)"]);
}

#[test]
#[should_panic(expected = "changes")]
fn planted_version_without_fences_is_caught() {
    change_beside_a_reader(Some(Planted::NoFence));
}

/// A writer dies at any write; another one changes meanwhile, or gives way; a reader reads. Then somebody makes the bytes whole again.
fn writer_dies(fuel: u32, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(2, move || {
        crate::planted::plant(bug);
        let mapping = Arc::new(Mapping::new());
        let [mortal, next] = [(0, fuel), (1, u32::MAX)].map(|(writer, fuel)| {
            let mapping = mapping.clone();
            thread::spawn(move || mapping.write(writer, fuel))
        });
        let read = mapping.read();
        let lived = mortal.join().unwrap();
        assert!(next.join().unwrap());
        assert!(!lived || read != Read::Torn, "nobody dies");
        if mapping.is_gone(mapping.writer.load()) == Ok(true) {
            mapping.words().let_go(mapping.writer.load());
        }
        assert_ne!(mapping.read(), Read::Changing, "nobody is left who changes it");
        let before = mapping.words().count();
        mapping.write(1, u32::MAX);
        assert_eq!(mapping.read(), Read::Whole(before + 1), "it can be changed, and then is whole");
        note.note((lived, matches!(read, Read::Torn)));
    });
    outcomes
}

#[test]
fn a_writers_death_shows_no_half_of_a_change() {
    for fuel in 0.. {
        let outcomes = writer_dies(fuel, None);
        let seen = outcomes.0.lock().unwrap();
        println!("writer dies at write {fuel}: {} schedules, {seen:?}", seen.values().sum::<usize>());
        if !seen.keys().any(|outcome| outcome.starts_with("(false")) {
            return;
        }
    }
}

#[test]
#[should_panic(expected = "changes")]
fn planted_even_version_after_a_death_is_caught() {
    (0..6).for_each(|fuel| drop(writer_dies(fuel, Some(Planted::BeginEven))));
}
