//! What a run counted, printed.

use crate::board::{Board, FIRST_ERROR};
use crate::worker::DEEDS;
use byname::KINDS;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

#[derive(Debug, Default)]
pub struct Report {
    pub rounds: u64,
    pub mutations: u64,
    pub files: u64,
    pub calls: u64,
    pub undamaged: u64,
    /// Calls without a time-out which nothing ended.
    pub stuck: u64,
    pub attached: u64,
    pub findings: u64,
    deeds: BTreeMap<&'static str, u64>,
    results: BTreeMap<String, u64>,
}

impl Report {
    pub fn add(&mut self, board: &Board) {
        for child in &board.children {
            self.calls += child.calls.load(SeqCst);
            self.undamaged += child.undamaged.load(SeqCst);
            self.stuck += u64::from(child.stuck.load(SeqCst));
            self.attached += u64::from(child.attached.load(SeqCst));
            for (deed, count) in DEEDS.iter().zip(&child.deeds) {
                *self.deeds.entry(deed).or_default() += count.load(SeqCst);
            }
            for (result, count) in child.results.iter().enumerate() {
                let count = count.load(SeqCst);
                if count > 0 {
                    *self.results.entry(name(result)).or_default() += count;
                }
            }
        }
    }

    fn corrupted(&self) -> u64 {
        self.results.get("Corrupted").copied().unwrap_or(0)
    }

    /// Prints the run; the status to exit with.
    pub fn print(&self, seed: u64) -> i32 {
        println!(
            "fuzz-arena: seed {seed}: {} rounds, {} mutations, {} whole files, {} calls",
            self.rounds, self.mutations, self.files, self.calls
        );
        println!("fuzz-arena: {} threads attached; {} calls without a time-out were not over at the end", self.attached, self.stuck);
        println!("fuzz-arena: {} calls on undamaged namespaces beside them", self.undamaged);
        for (result, count) in &self.results {
            println!("fuzz-arena: {count:>10} {result}");
        }
        let done: Vec<String> = self.deeds.iter().map(|(deed, count)| format!("{deed} {count}")).collect();
        println!("fuzz-arena: done, of each: {}", done.join(", "));
        println!("fuzz-arena: {} findings", self.findings);
        if self.corrupted() == 0 {
            println!("fuzz-arena: FAILED: nothing was called Corrupted");
        }
        i32::from(self.findings > 0 || self.corrupted() == 0)
    }
}

fn name(result: usize) -> String {
    match result.checked_sub(FIRST_ERROR) {
        Some(kind) => KINDS[kind].name.to_owned(),
        None => ["done", "timed out", "done, abandoned", "pending"][result].to_owned(),
    }
}
