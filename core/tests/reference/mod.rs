//! The contract as a reference model, and whether what the library does can be explained by it.
//!
//! *Histories.* Three actors, threads of one process or of three, make six calls each on two or three objects, at random and at once. What they
//! were answered, and when, has to be what the single-threaded dispatcher (`dispatcher.rs`) could have answered, in some order of steps that agrees
//! with the times (`explain.rs`). In some histories a process is killed. A history that cannot be explained is made smaller before
//! it is shown; the seed gives the plan again, not the interleaving.
//!
//! *In sequence.* The same calls one at a time, by actors in two processes: then there is one explanation, and the state of every object after each
//! call must be the dispatcher's.
//!
//! *Long runs* have no history but sums: `sums.rs`.
//!
//! *Who tests the tests.* The planted bugs that this can see, it has to find (`../../src/planted.rs`).

pub(crate) mod dispatcher;
pub(crate) mod explain;
#[cfg(not(loom))]
mod plan;
#[cfg(not(loom))]
mod stage;
#[cfg(not(loom))]
mod sums;
#[cfg(not(loom))]
mod tests;
