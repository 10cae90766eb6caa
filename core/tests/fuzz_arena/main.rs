//! Hostile bytes: `make fuzz-arena` overwrites a namespace while processes use it, and looks whether they stand it.
//!
//! A round is a few processes (`worker.rs`) that use a namespace under attack, and beside it one that nobody touches (`whole.rs`), while this one
//! overwrites bits, words and records (`mutator.rs`), kills processes, or plants whole files. It watches them (`watch.rs`): no panic, no signal, no loop without
//! end, no call that is more than a second later than its own time-out, and no wrong answer about the other namespace. Anything that the contract
//! knows may come out of a call; how often each did is printed (`report.rs`).
//!
//! `FUZZ_SECONDS` says how long; without it nothing is done, for `cargo test` runs this too. `SEED` and `ROUND` repeat a round: the same mutations,
//! processes and calls. Their interleaving is the machine's, so a finding may take a few repetitions.
#![allow(clippy::disallowed_methods, reason = "kills, maps and asks the kernel from outside of the library")]

mod board;
mod dice;
mod files;
mod kinds;
mod mutator;
mod report;
mod watch;
mod whole;
mod worker;

use board::{Board, now};
use dice::Dice;
use files::Files;
use mutator::{Mutator, TABLES};
use report::Report;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use watch::Crew;

/// So many findings end a run.
const ENOUGH: u64 = 5;

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn main() {
    if let Some(place) = variable("FUZZ_CHILD") {
        let dir = PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap());
        worker::live(Board::at(&dir.join("board")), place, variable("FUZZ_SEED").unwrap());
    }
    let Some(seconds) = variable::<u64>("FUZZ_SECONDS") else {
        println!("fuzz_arena: nothing is attacked here; see `make fuzz-arena`");
        return;
    };
    let seed = variable("SEED").unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64);
    let only: Option<u64> = variable("ROUND");
    println!("fuzz-arena: seed {seed}, {seconds} s");
    let mut report = Report::default();
    let end = now() + seconds * 1_000_000_000;
    let mut round = only.unwrap_or(0);
    while now() < end && report.findings < ENOUGH {
        for finding in play(seed, round, &mut report) {
            println!("fuzz-arena: FINDING: seed {seed}, round {round}: {finding}");
            report.findings += 1;
        }
        round += u64::from(only.is_none());
    }
    std::process::exit(report.print(seed));
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(round: u64) -> Folder {
        let path = PathBuf::from(format!("/dev/shm/byname-fuzz-{}-{round}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn arena(&self) -> PathBuf {
        // SAFETY: asks for the user's id only.
        self.0.join(format!("byname.v1.local.{}.attacked", unsafe { libc::geteuid() }))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        files::sweep_jobs(&self.0);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn play(seed: u64, round: u64, report: &mut Report) -> Vec<String> {
    let folder = Folder::new(round);
    let board = Board::at(&folder.0.join("board"));
    let mut dice = Dice::new(seed, round);
    let mut crew = Crew::new(board, &folder.0, dice.word());
    let style = dice.below(11);
    let kill = dice.one_in(2);
    let mut files = Files::new(&folder.0);
    let what = match style {
        0 => live(&folder, &mut crew, &mut files, &mut dice, Live { pause: 20_000_000, what: What::Everything, kill }, report),
        1 | 2 => live(&folder, &mut crew, &mut files, &mut dice, Live { pause: 1_000_000, what: What::Table, kill }, report),
        3 => live(&folder, &mut crew, &mut files, &mut dice, Live { pause: 200_000, what: What::Everything, kill }, report),
        4 => live(&folder, &mut crew, &mut files, &mut dice, Live { pause: 5_000_000, what: What::Table, kill }, report),
        5 => live(&folder, &mut crew, &mut files, &mut dice, Live { pause: 1_000_000, what: What::Files, kill }, report),
        6 | 7 => live(&folder, &mut crew, &mut files, &mut dice, Live { pause: 10_000_000, what: What::Files, kill }, report),
        8 | 9 => left_over(&folder, &mut crew, &mut files, &mut dice, report),
        _ => whole_files(&folder, &mut crew, &mut dice, report),
    };
    crew.finish();
    crew.findings.extend(files.complaint());
    report.rounds += 1;
    report.add(board);
    unmap(board);
    std::mem::take(&mut crew.findings).into_iter().map(|finding| format!("{what}: {finding}")).collect()
}

fn unmap(board: &'static Board) {
    // SAFETY: the round is over: nobody looks at its board any more.
    unsafe { libc::munmap(std::ptr::from_ref(board).cast_mut().cast(), size_of::<Board>()) };
}

/// Waits until somebody has attached, a second at most.
fn until_attached(board: &Board, from: usize) {
    let end = now() + 1_000_000_000;
    while board.children[from..].iter().all(|child| child.attached.load(SeqCst) == 0) && now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct Live {
    /// Between two mutations, in nanoseconds.
    pause: u64,
    what: What,
    kill: bool,
}

/// What is overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Everything,
    /// One table.
    Table,
    /// The files beside the arena.
    Files,
}

/// Processes at work, and somebody who overwrites what they work with.
fn live(folder: &Folder, crew: &mut Crew, files: &mut Files, dice: &mut Dice, how: Live, report: &mut Report) -> String {
    let board = crew.board();
    (0..2).for_each(|_| crew.start());
    until_attached(board, 0);
    let table = (how.what == What::Table).then(|| dice.of(&TABLES));
    let end = now() + 3_000_000_000;
    while now() < end && crew.findings.is_empty() {
        std::thread::sleep(Duration::from_millis(20 + dice.below(100)));
        let Some(mut mutator) = Mutator::new(&folder.arena(), Dice::new(dice.word(), 0), &worker::all_names()) else { break };
        mutate(&mut mutator, crew, files, dice, table, &how, end);
        report.mutations += mutator.mutations;
        if now() < end && !crew.is_full() {
            let from = crew.len();
            crew.start();
            until_attached(board, from);
        }
    }
    let what = table.map_or(if how.what == What::Files { "files" } else { "everything" }, |table| table.name);
    format!("live, {what} every {} us{}", how.pause / 1000, if how.kill { ", with deaths" } else { "" })
}

fn mutate(mutator: &mut Mutator, crew: &mut Crew, files: &mut Files, dice: &mut Dice, table: Option<mutator::Table>, how: &Live, end: u64) {
    let mut look = now();
    while now() < end && crew.findings.is_empty() {
        if how.what == What::Files || how.what == What::Everything && dice.one_in(8) {
            mutator.mutate_file(files);
        } else {
            mutator.mutate(table);
        }
        if how.pause >= 1_000_000 {
            std::thread::sleep(Duration::from_nanos(how.pause));
        } else {
            let until = now() + how.pause;
            while now() < until {
                std::thread::yield_now();
            }
        }
        if now() > look {
            look = now() + 20_000_000;
            crew.look();
            if crew.at_work() < 2 && !crew.is_full() {
                crew.start();
            }
            if mutator.is_stale() {
                return; // nobody uses this file any more
            }
            if how.kill && dice.one_in(15) && !crew.is_full() {
                let alive = crew.alive();
                if !alive.is_empty() {
                    crew.kill(Some(dice.of(&alive)));
                }
                crew.start();
            }
        }
    }
}

/// What dead processes left, overwritten; then others come.
fn left_over(folder: &Folder, crew: &mut Crew, files: &mut Files, dice: &mut Dice, report: &mut Report) -> String {
    let board = crew.board();
    (0..2).for_each(|_| crew.start());
    until_attached(board, 0);
    std::thread::sleep(Duration::from_millis(30 + dice.below(100)));
    crew.kill(None);
    crew.reap();
    let (table, with_files) = (dice.one_in(2).then(|| dice.of(&TABLES)), dice.one_in(2));
    let count = dice.of(&[1, 4, 20, 100, 400]);
    if let Some(mut mutator) = Mutator::new(&folder.arena(), Dice::new(dice.word(), 0), &worker::all_names()) {
        (0..count).for_each(|_| mutator.mutate(table));
        (0..if with_files { count } else { 0 }).for_each(|_| mutator.mutate_file(files));
        report.mutations += mutator.mutations;
    }
    let from = crew.len();
    (0..2).for_each(|_| crew.start());
    until_attached(board, from);
    let end = now() + 2_000_000_000;
    while now() < end && crew.findings.is_empty() {
        std::thread::sleep(Duration::from_millis(20));
        crew.look();
    }
    format!("left over, {count} in {}{}", table.map_or("everything", |t| t.name), if with_files { " and in files" } else { "" })
}

/// Files that were never an arena, or only in part.
fn whole_files(folder: &Folder, crew: &mut Crew, dice: &mut Dice, report: &mut Report) -> String {
    let board = crew.board();
    crew.start();
    until_attached(board, 0);
    let model = model(&folder.arena());
    crew.kill(None);
    crew.reap();
    let (mut last, from_first) = (String::new(), crew.len());
    while from_first + 11 > crew.len() && crew.findings.is_empty() {
        last = mutator::plant(&folder.arena(), &model, dice);
        report.files += 1;
        let from = crew.len();
        crew.start();
        let end = now() + 400_000_000;
        while now() < end && crew.findings.is_empty() {
            std::thread::sleep(Duration::from_millis(10));
            crew.look();
        }
        crew.kill(Some(from));
        crew.look();
    }
    format!("whole files, at last {last}")
}

/// The first bytes of a real arena.
fn model(arena: &Path) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; 1 << 16];
    if let Ok(file) = std::fs::File::open(arena) {
        let _ = file.read_at(&mut bytes, 0);
    }
    bytes
}
