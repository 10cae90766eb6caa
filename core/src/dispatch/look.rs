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

/// The state at one instant.
pub(crate) fn state(space: &Space, target: Target) -> Result<State> {
    loop {
        let word = target.word();
        if !word.is_locked() {
            return Ok(word.state());
        }
        let intended = target.record.target.load();
        let state = match Intent::read(space, target.record, intended)? {
            Some((_, _, state)) => state,
            None => word.state(),
        };
        if target.record.target.load() == intended && target.word() == word {
            return Ok(settled(target.machine, state));
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
