//! The five classes of mistake, planted in the steps of the operations: each must be found by the pairs and triples that find the others' mistakes.
//!
//! (What a single protocol's model finds stands with that protocol.)

use super::pairs::{Act, Cast, die_at_every_write};
use super::*;

/// Runs one cell of the table, alive and dying, with a bug.
fn look_for(bug: Planted, machine: Machine, acts: &[Act]) {
    for cast in Cast::all(machine, acts, Some(bug)) {
        cast.explore(&[(false, 1), (true, 2)]);
        die_at_every_write(cast);
    }
}

#[test]
#[should_panic(expected = "against the contract")]
fn a_relaxed_unlock_is_caught() {
    look_for(Planted::UnlockRelaxed, Machine::Semaphore, &[Act::Acquire, Act::Signal]);
}

#[test]
#[should_panic(expected = "somebody sleeps, and has what he waits for")]
fn a_dropped_wake_is_caught() {
    look_for(Planted::DropWake, Machine::AutoEvent, &[Act::Acquire, Act::Signal]);
}

#[test]
#[should_panic(expected = "against the contract")]
fn a_look_that_is_not_repeated_is_caught() {
    look_for(Planted::EnterWithoutServing, Machine::AutoEvent, &[Act::Acquire, Act::Signal]);
}

#[test]
#[should_panic(expected = "a ring of locks")]
fn locks_in_the_wrong_order_are_caught() {
    look_for(Planted::AllLockLast, Machine::AutoEvent, &[Act::WaitAll, Act::Signal, Act::SignalOther]);
}

/// A signal of the dead that is lost whole is explained by the death, so it takes one who dies while he serves others.
#[test]
#[should_panic(expected = "against the contract")]
fn a_skipped_intent_is_caught() {
    look_for(Planted::SkipIntent, Machine::Mutex, &[Act::Acquire, Act::Signal]);
}

#[test]
#[should_panic(expected = "against the contract")]
fn a_skipped_intent_is_caught_by_a_lost_permit() {
    look_for(Planted::SkipIntent, Machine::RobustSemaphore, &[Act::Acquire, Act::Signal]);
}

#[test]
#[should_panic(expected = "against the contract")]
fn a_pulse_for_a_queue_that_has_emptied_is_caught() {
    look_for(Planted::PulseUnseen, Machine::ManualEvent, &[Act::TimeOut, Act::Pulse]);
}
