//! Three operations at once: where a third one comes between two steps of the other two. Asked and answered as in `pairs.rs`.
//!
//! The short form runs those of [`TRIPLES`], one preemption each; `DEPTH=1` runs every three operations that can meet, with a death of the first.

use super::pairs::{Act, Cast, MACHINES, die_at_every_write, excuse};
use super::*;

/// What each is about.
const TRIPLES: [(&str, [Act; 3]); 14] = [
    ("two wait, one signal: first come, first served", [Act::Acquire, Act::Acquire, Act::Signal]),
    ("the front one gives up", [Act::TimeOut, Act::Acquire, Act::Signal]),
    ("somebody runs past who waits", [Act::Acquire, Act::Try, Act::Signal]),
    ("two objects end one wait", [Act::WaitAny, Act::Signal, Act::SignalOther]),
    ("two objects complete one wait for all", [Act::WaitAll, Act::Signal, Act::SignalOther]),
    ("two waits for all, complete at once", [Act::WaitAll, Act::WaitAll, Act::Signal]),
    ("a part is taken from a wait for all", [Act::WaitAll, Act::Try, Act::Signal]),
    ("one for any, one for all", [Act::WaitAny, Act::WaitAll, Act::Signal]),
    ("a watch before a waiter", [Act::Watch, Act::Acquire, Act::Signal]),
    ("set and reset at once", [Act::Acquire, Act::Signal, Act::Reset]),
    ("a pulse between set and wait", [Act::Acquire, Act::Signal, Act::Pulse]),
    ("a pulse as the queue empties", [Act::TimeOut, Act::Acquire, Act::Pulse]),
    ("a pulse misses who waits for all", [Act::WaitAll, Act::Pulse, Act::SignalOther]),
    ("a handle closed under two", [Act::Close, Act::Try, Act::Signal]),
];

/// One triple from all its beginnings.
fn run(machine: Machine, acts: [Act; 3]) -> usize {
    Cast::all(machine, &acts, None).iter().map(|cast| cast.explore(&[(false, 0), (true, 1)]).0).sum()
}

fn every_triple(machine: Machine) {
    let chosen = TRIPLES.iter().filter(|(_, acts)| excuse(machine, acts).is_none());
    for (idea, acts) in chosen {
        println!("{machine:?}: {idea}: {} schedules", run(machine, *acts));
    }
    if depth() == 0 {
        return;
    }
    for (a, first) in Act::ALL.into_iter().enumerate() {
        for (b, second) in Act::ALL.into_iter().enumerate().skip(a) {
            for third in Act::ALL.into_iter().skip(b) {
                let acts = [first, second, third];
                if excuse(machine, &acts).is_none() {
                    let dying: usize = Cast::all(machine, &acts, None).into_iter().map(die_at_every_write).sum();
                    println!("{machine:?}: {acts:?}: {} schedules, {dying} with a death of the first", run(machine, acts));
                }
            }
        }
    }
}

#[test]
fn triples_on_a_mutex() {
    every_triple(Machine::Mutex);
}

#[test]
fn triples_on_a_manual_event() {
    every_triple(Machine::ManualEvent);
}

#[test]
fn triples_on_an_auto_event() {
    every_triple(Machine::AutoEvent);
}

#[test]
fn triples_on_a_semaphore() {
    every_triple(Machine::Semaphore);
}

#[test]
fn triples_on_a_robust_semaphore() {
    every_triple(Machine::RobustSemaphore);
}

#[test]
fn each_triple_is_of_some_machine() {
    for (idea, acts) in TRIPLES {
        assert!(MACHINES.into_iter().any(|machine| excuse(machine, &acts).is_none()), "{idea}");
    }
}
