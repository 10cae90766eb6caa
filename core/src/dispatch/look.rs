//! Looking at an object without taking it, locking it, or waiting for whoever has it locked.
//!
//! An unlocked word is the truth. A locked word may be in the middle of a change: then the intent and the claim that it names say which
//! of the two states holds, exactly as they would to a recoverer. The look is repeated when the object moved meanwhile, so what it
//! gives was true at one instant; and since a stopped locker moves nothing, nobody who is stopped can hold a look up.

use super::grant::Intent;
use super::lock::Target;
use super::word::{Machine, State};
use crate::error::Result;
use crate::space::Space;

/// What is seen at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) state: State,
    /// The depth that a commit has decided and may not have written yet.
    pub(crate) depth: Option<u32>,
}

/// Looks.
pub(crate) fn look(space: &Space, target: Target) -> Result<Sight> {
    loop {
        let word = target.word();
        if !word.is_locked() {
            return Ok(Sight { state: word.state(), depth: None });
        }
        let intended = target.record.target.load();
        let (state, depth) = match Intent::read(space, target.record, intended)? {
            Some(vouched) => (vouched.state, vouched.depth),
            None => (word.state(), None),
        };
        if target.record.target.load() == intended && target.word() == word {
            return Ok(Sight { state: settled(target.machine, state), depth });
        }
        space.check()?;
        std::hint::spin_loop();
    }
}

/// A pulse is over when its locker unlocks: nobody but those who waited sees it.
fn settled(machine: Machine, state: State) -> State {
    match machine {
        Machine::ManualEvent | Machine::AutoEvent if state.is_pulsed() => state.reset(),
        _ => state,
    }
}
