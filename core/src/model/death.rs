//! Deaths in the library's own steps: their writes take an actor's fuel as the models' own do, and without fuel they end by unwinding.

use super::*;
use loom::thread::ThreadId;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

std::thread_local! {
    /// Whose writes are counted, and how many are left. Of the exploring thread: loom runs all threads of a model on it.
    static FUEL: RefCell<Vec<(ThreadId, u32)>> = const { RefCell::new(Vec::new()) };
}

struct Died;

/// Before every write to a word.
pub(crate) fn before_write() {
    FUEL.with_borrow_mut(|all| {
        if all.is_empty() {
            return;
        }
        let me = thread::current().id();
        let Some((_, fuel)) = all.iter_mut().find(|(id, _)| *id == me) else { return };
        match fuel.checked_sub(1) {
            Some(left) => *fuel = left,
            None => resume_unwind(Box::new(Died)),
        }
    });
}

/// A schedule begins: one that was given up may have left some.
pub(super) fn begin() {
    FUEL.take();
}

impl Actor {
    /// Steps of the library, with the actor's death in them.
    pub(super) fn does<R>(&self, steps: impl FnOnce() -> R) -> Step<R> {
        if self.fuel.get() == u32::MAX {
            return Ok(steps());
        }
        let me = thread::current().id();
        FUEL.with_borrow_mut(|all| all.push((me, self.fuel.get())));
        let done = catch_unwind(AssertUnwindSafe(steps));
        let left = FUEL.with_borrow_mut(|all| all.iter().position(|(id, _)| *id == me).map(|at| all.swap_remove(at).1));
        self.fuel.set(left.unwrap_or_default());
        match done {
            Ok(done) => Ok(done),
            Err(payload) if payload.is::<Died>() => Err(Stop::Died),
            Err(payload) => resume_unwind(payload),
        }
    }
}
