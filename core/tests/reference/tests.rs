//! The runs. `REFERENCE_SECONDS` says how long each lasts, `REFERENCE_SEED` where it begins.

use super::explain::{Call, explain, tell};
use super::plan::{Plan, Where};
use super::stage::{Stage, serve};
use std::time::{Duration, Instant};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

pub fn first_seed() -> u64 {
    number("REFERENCE_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 20)
}

/// How long a run lasts.
pub fn seconds(usual: u64) -> Duration {
    Duration::from_secs(number("REFERENCE_SECONDS").unwrap_or(usual))
}

/// A child's part, and in the test itself nothing. (It is named in `stage.rs`.)
#[test]
fn a_child() {
    serve();
}

/// Whether the history has an explanation. More than 64 calls are not looked at: the test released somebody too often.
fn is_explained(plan: &Plan, history: &[Call]) -> bool {
    history.len() > 64 || explain(&plan.contract(), &[], history).is_some()
}

/// Leaves calls out as long as what is left still fails, in one of some runs.
fn shrink(stage: &mut Stage, seed: u64, place: Where, kills: bool) -> (u64, Option<Vec<Call>>) {
    let (mut mask, mut smallest) = (u64::MAX, None);
    for bit in 0..18 {
        let smaller = mask & !(1 << bit);
        let plan = Plan::new(seed, place, smaller);
        for _ in 0..300 {
            let history = stage.play(&plan, smaller, kills);
            if !is_explained(&plan, &history) {
                (mask, smallest) = (smaller, Some(history));
                break;
            }
        }
    }
    (mask, smallest)
}

fn histories(name: &str, place: Where, kills: bool, usual: u64) {
    let mut stage = Stage::new(name);
    let last = Instant::now() + seconds(usual);
    let (mut count, mut overlaps, mut calls, mut skipped) = (0, 0, 0, 0);
    let first = first_seed();
    for seed in first.. {
        let plan = Plan::new(seed, place, u64::MAX);
        let history = stage.play(&plan, u64::MAX, kills);
        count += 1;
        calls += history.len();
        skipped += usize::from(history.len() > 64);
        overlaps += (0..history.len().min(64)).filter(|&id| (0..id).any(|other| history[id].after >> other & 1 == 0)).count();
        if !is_explained(&plan, &history) {
            eprintln!("seed {seed}: against the contract, beginning {:?}\n{}", plan.objects, tell(&history));
            if let (mask, Some(history)) = shrink(&mut stage, seed, place, kills) {
                eprintln!("smaller, mask {mask:#x}:\n{}", tell(&history));
            }
            panic!("seed {seed}: against the contract");
        }
        if Instant::now() > last {
            break;
        }
    }
    println!("{name}: {count} histories from seed {first}, {calls} calls, {overlaps} of them beside others, {skipped} too long");
    assert!(overlaps > 0, "nothing happened at once");
}

/// Calls one at a time, by three threads in turn, none of which waits: there is one explanation, and after each call every object is as
/// the dispatcher has it.
#[test]
fn calls_in_sequence_have_one_explanation() {
    let mut stage = Stage::new("sequence");
    let (first, last) = (first_seed(), Instant::now() + seconds(2));
    let mut count = 0;
    for seed in first.. {
        let plan = Plan::new(seed, Where::OneProcess, u64::MAX);
        for history in stage.play_in_sequence(&plan) {
            assert!(explain(&plan.contract(), &[], &history).is_some(), "seed {seed}: against the contract\n{}", tell(&history));
        }
        count += 1;
        if Instant::now() > last {
            break;
        }
    }
    println!("in sequence: {count} plans from seed {first}");
}

/// The bugs that are planted in the library are found. (The others cannot show here: a relaxed store is a plain one on x86, a skipped intent needs a death
/// between two stores, and who takes locks in the wrong order comes back. The last needs two calls to meet within some instructions: a long run looks
/// for it.)
#[test]
fn planted_bugs_are_found() {
    let long = number("REFERENCE_SECONDS").is_some();
    let (threads, sequence) = ("threads_are_explained", "calls_in_sequence_have_one_explanation");
    let mut bugs = vec![("DropWake", threads), ("ExpireAgain", sequence), ("AlertLast", sequence), ("RefreshStarts", sequence)];
    bugs.extend(long.then_some(("EnterWithoutServing", threads)));
    for (bug, test) in bugs {
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("reference::tests::{test}")])
            .env("BYNAME_PLANTED", bug)
            .env("REFERENCE_SECONDS", "600")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stderr) + String::from_utf8_lossy(&run.stdout);
        let words = ["against the contract", "somebody is forgotten"];
        let found = told.lines().find(|line| words.iter().any(|words| line.contains(words)));
        assert!(!run.status.success() && found.is_some(), "{bug} is not found: {told}");
        println!("{bug} is found: {}", found.unwrap_or_default());
    }
}

#[test]
fn threads_are_explained() {
    histories("threads", Where::OneProcess, false, 4);
}

#[test]
fn processes_are_explained() {
    histories("processes", Where::Processes, false, 3);
}

#[test]
fn deaths_are_explained() {
    histories("deaths", Where::Processes, true, 3);
}
