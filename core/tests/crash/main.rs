//! `make crash`: processes die before each of their writes, and the survivors are checked against the contract. Built with `--cfg crash`.
//!
//! Victims of every scenario die at their points 1, 2, 3, … until their part ends without a death. Then deaths are paired: with one of a *reaper*
//! at each point of its reaping, of a *user* who meets what the dead one left half done, of a *sleeper* that was just released, and of a second victim.
//!
//! Of the pairs a sample is taken, by a seed that is printed (`SEED=n` repeats it): a small one with `SHORT=1`, none is left out with `ALL=1`.
//! `ONLY=word` plays the scenarios whose operation or name has the word.

#[cfg(crash)]
mod board;
#[cfg(crash)]
mod run;
#[cfg(crash)]
mod scenarios;
#[cfg(crash)]
mod stage;
#[cfg(crash)]
mod tour;

fn main() {
    #[cfg(crash)]
    tour::main();
}
