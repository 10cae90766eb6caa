//! The protocols under a model checker: `make loom`.
//!
//! *What it is.* Small worlds of two objects and a few waiters. Their words, claims, intents, lives, rows and buckets are the machines of
//! production; the steps between them repeat those of `dispatch/`, `recover.rs` and `index.rs`, write for write and under the same names.
//! loom runs every interleaving with a bounded number of preemptions, and lets every load return each value that the orderings allow.
//!
//! *Death.* An actor has fuel, one drop a write. Without fuel it dies before the write, and the others see it as they see the kernel's mark. So it does in
//! the machines of annexes, slots and versions (`machines/`), which are the library's own steps (`death.rs`).
//!
//! *Two kinds of models.* One idea a file says of one race what has to come out. `pairs.rs` and `triples.rs` run every operation
//! against every other, and ask the reference model of the contract (`tests/reference`) whether what came out can be explained.
//!
//! *Time* is a word, which a model moves on (`clock.rs`).
//!
//! *Planted bugs.* Each protocol is also run with one of its steps left out ([`Planted`]): the checker must object, or it proves nothing.
//!
//! *How deep.* `DEPTH=n` in the environment adds n preemptions to every exploration; `make loom-deep`.
//!
//! *Not covered.* The links of a queue (they change under the object's lock only; here a node is linked or not, in order of arrival), the
//! kernel's futex (here a lock and a condition), ring and seats, and all that is private to a process.

mod all;
mod clock;
mod death;
mod kernel;
mod leave;
mod mutex;
mod names;
mod pairs;
mod planted;
mod queue;
mod recovery;
mod signal;
mod timer;
mod triples;
mod version;
mod wait;
mod watch;
mod watchdog;
mod world;

pub(crate) use death::before_write;

use crate::arena::refs::OwnerRef;
use crate::cell::{self, Word32, Word64};
use crate::dispatch::claim::{Claim, Decides, Intended, Phase};
use crate::dispatch::word::{Machine, State, Word};
use crate::planted::Planted;
use loom::thread;
use std::cell::Cell;
use std::sync::Arc;
use world::{Locked, World};

/// Runs `body` under every schedule with at most so many preemptions, once with loads that may return old values, once with loads
/// that return the newest (see [`cell::read_newest`]); says how many schedules there were.
fn explore(preemptions: usize, body: impl Fn() + Send + Sync + 'static) -> usize {
    let body = Arc::new(body);
    [false, true].map(|newest| explore_reading(newest, preemptions, body.clone())).iter().sum()
}

/// The same with old values only where it goes deep: for runs in which somebody dies, and long ones under locks.
fn explore_newest(preemptions: usize, body: impl Fn() + Send + Sync + 'static) -> usize {
    if depth() == 0 { explore_reading(true, preemptions, Arc::new(body)) } else { explore(preemptions, body) }
}

/// One half of [`explore`].
fn explore_reading(newest: bool, preemptions: usize, body: Arc<impl Fn() + Send + Sync + 'static>) -> usize {
    cell::read_newest(newest);
    let runs = Arc::new(std::sync::Mutex::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions + depth());
    builder.max_branches = 5_000;
    let counted = runs.clone();
    builder.check(move || {
        *counted.lock().unwrap() += 1;
        death::begin();
        body();
    });
    *runs.lock().unwrap()
}

/// How many preemptions more than usual.
fn depth() -> usize {
    std::env::var("DEPTH").ok().map_or(0, |depth| depth.parse().expect("DEPTH is a number"))
}

/// What the schedules of one exploration came to: a model in which something never happens proves less than it says.
#[derive(Clone, Default)]
struct Outcomes(Arc<std::sync::Mutex<std::collections::BTreeMap<String, usize>>>);

impl Outcomes {
    fn note(&self, outcome: impl std::fmt::Debug) {
        *self.0.lock().unwrap().entry(format!("{outcome:?}")).or_default() += 1;
    }

    /// Prints the schedules by outcome and asserts that there were exactly these.
    fn are(&self, name: &str, expected: &[&str]) {
        let seen = self.0.lock().unwrap();
        println!("{name}: {} schedules, {seen:?}", seen.values().sum::<usize>());
        assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{name}");
    }
}

/// Why an actor goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// It has died.
    Died,
    /// The object has ended: the handle was closed under it.
    Closed,
}

type Step<T = ()> = Result<T, Stop>;

/// A thread of some process: the op that locks in its name, and how many writes it lives for.
struct Actor {
    op: OwnerRef,
    fuel: Cell<u32>,
    /// It does without the wait-all lock, whose holder is stopped.
    is_guest: bool,
    /// Its keeper has to serve the object that it signalled.
    has_chore: Cell<bool>,
}

impl Actor {
    fn new(index: u32) -> Actor {
        Actor::mortal(index, u32::MAX)
    }

    fn mortal(index: u32, fuel: u32) -> Actor {
        Actor { op: OwnerRef { index, generation: 7 }, fuel: Cell::new(fuel), is_guest: false, has_chore: Cell::new(false) }
    }

    fn guest(index: u32, fuel: u32) -> Actor {
        Actor { is_guest: true, ..Actor::mortal(index, fuel) }
    }

    /// Before every write.
    fn spend(&self) -> Step {
        self.fuel.set(self.fuel.get().checked_sub(1).ok_or(Stop::Died)?);
        Ok(())
    }

    /// A compare-and-swap; one that fails is no write.
    fn swap(&self, word: &Word64, old: u64, new: u64) -> Step<bool> {
        self.spend()?;
        let swapped = word.cas(old, new).is_ok();
        if !swapped {
            self.fuel.set(self.fuel.get() + 1);
        }
        Ok(swapped)
    }

    /// Does `work`; a death in it is marked as the kernel marks it. False if it died.
    fn live(&self, world: &World, work: impl FnOnce(&Actor) -> Step) -> bool {
        let lived = work(self) != Err(Stop::Died);
        if !lived {
            world.dead[self.op.index as usize].store(1);
            world.kernel.died(self.op.index);
        }
        lived
    }
}
