//! The machines of the kinds that are more than a word: what they do to the words of their annexes, and to the slots of a queue.
//!
//! *What it is.* Each is the part of its kind (`kinds/`) that writes what others read: steps and their order, and what is made of half of them. No clock, no
//! system call, no lock; what they need to know of those they are told. So the model checker runs them as they are (`model/`), with a death before
//! each of their writes.

pub(crate) mod queue;
pub(crate) mod timer;
pub(crate) mod version;
pub(crate) mod watchdog;

use crate::dispatch::word::State;

/// The state in an object's word, of which the caller has the lock.
pub(crate) trait Held {
    fn state(&self) -> State;
    fn write_state(&mut self, state: State);
}
