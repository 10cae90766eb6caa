//! The kinds that are more than a word: what they keep in their annex, and the four moments at which the rest of the core asks for them.
//!
//! An *annex* belongs to its object from [`build`] to [`bury`]. Between them its words change under the object's lock alone, unless a kind says
//! otherwise at the top of its file.

use crate::arena::layout::Object;
use crate::arena::refs::{ObjectRef, ProcessRef};
use crate::dispatch::lock::{Locked, Target};
use crate::error::Result;
use crate::space::{Cx, Space};

/// A new object, reserved for the caller and filled in, gets what it needs besides its record. Whoever dies here is followed by [`bury`].
pub(crate) fn build(_cx: Cx, _target: Target) -> Result<()> {
    Ok(())
}

/// The object ends, or was never finished: what [`build`] made goes. Any number may do it at once, and again.
pub(crate) fn bury(_space: &Space, _at: ObjectRef, _record: &Object) -> Result<()> {
    Ok(())
}

/// Whoever had the object locked has died: what he left half done is finished, or undone. The state follows from the annex.
pub(crate) fn mend(_locked: &mut Locked) -> Result<()> {
    Ok(())
}

/// A process that held the object has died: nothing in the object speaks of it afterwards.
pub(crate) fn settle(_cx: Cx, _dead: ProcessRef, _target: Target) -> Result<()> {
    Ok(())
}
