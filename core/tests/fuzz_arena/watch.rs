//! The children of a round, watched from outside: deaths, complaints, calls that come late or never, loops without end.
//!
//! *Late* is told by what the machine gave: from the time that a call took, its thread's time in the run queue is taken off, and twice the time by which
//! heartbeats of the children were late. A call without a time-out may wait for ever where the bytes say that somebody who lives has what it
//! needs; but it has to wait, not to run.

use crate::board::{Board, CHILDREN, Child as Seen, NONE, now, times};
use crate::worker::{DEEDS, GRACE};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// A call that used the processor for so long, alone, goes round in circles.
const LOOP: u64 = 2_500_000_000;
/// An orderly exit may take so long.
const EXIT: u64 = 5_000_000_000;

pub struct Crew<'a> {
    board: &'static Board,
    dir: &'a Path,
    seed: u64,
    children: Vec<Option<Child>>,
    killed: Vec<bool>,
    pub findings: Vec<String>,
}

impl<'a> Crew<'a> {
    pub fn new(board: &'static Board, dir: &'a Path, seed: u64) -> Crew<'a> {
        Crew { board, dir, seed, children: vec![], killed: vec![], findings: vec![] }
    }

    pub fn board(&self) -> &'static Board {
        self.board
    }

    pub fn is_full(&self) -> bool {
        self.children.len() == CHILDREN
    }

    pub fn len(&self) -> usize {
        self.children.len()
    }

    pub fn start(&mut self) {
        let place = self.children.len();
        let errors = File::create(self.dir.join(format!("stderr-{place}"))).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .env("FUZZ_CHILD", place.to_string())
            .env("FUZZ_SEED", self.seed.to_string())
            .env("BYNAME_DIR", self.dir)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        self.children.push(Some(child));
        self.killed.push(false);
    }

    /// Kills one, or all.
    pub fn kill(&mut self, which: Option<usize>) {
        for (place, child) in self.children.iter_mut().enumerate().filter(|(place, _)| which.is_none_or(|which| which == *place)) {
            if let Some(child) = child {
                let _ = child.kill();
                self.killed[place] = true;
            }
        }
    }

    pub fn alive(&self) -> Vec<usize> {
        (0..self.children.len()).filter(|&place| self.children[place].is_some() && !self.killed[place]).collect()
    }

    /// Those who have not been told that the namespace is lost.
    pub fn at_work(&self) -> usize {
        self.alive().into_iter().filter(|&place| self.board.children[place].lost.load(SeqCst) == 0).count()
    }

    /// Until all that were started have ended.
    pub fn reap(&mut self) {
        for place in 0..self.children.len() {
            if let Some(mut child) = self.children[place].take() {
                let status = child.wait().unwrap();
                self.judge(place, status);
            }
        }
    }

    fn find(&mut self, place: usize, what: String) {
        let said = std::fs::read_to_string(self.dir.join(format!("stderr-{place}"))).unwrap_or_default();
        self.findings.push(format!("child {place}: {what}\n{said}"));
    }

    fn judge(&mut self, place: usize, status: ExitStatus) {
        if let Some(complaint) = self.board.children[place].complaint() {
            self.find(place, complaint);
        } else if !status.success()
            && (status.signal() != Some(libc::SIGKILL) || !self.killed[place] && !self.board.children[place].may_watch(self.board))
        {
            self.find(place, format!("ended with {status}"));
        }
    }

    /// Looks at all who live.
    pub fn look(&mut self) {
        for place in 0..self.children.len() {
            let Some(child) = &mut self.children[place] else { continue };
            if let Some(status) = child.try_wait().unwrap() {
                self.children[place] = None;
                self.judge(place, status);
                continue;
            }
            let pid = child.id();
            if self.killed[place] {
                continue;
            }
            let seen = &self.board.children[place];
            if let Some((tid, what)) = trouble(self.board, seen, pid) {
                let state = where_it_is(pid, tid);
                // It first, then the others: one of them may have what it waits for.
                std::iter::once(tid).chain(tasks(pid).filter(|other| *other != tid)).for_each(|tid| ask_where(pid, tid));
                self.kill(Some(place));
                self.find(place, format!("{what}\n{state}"));
            }
        }
    }

    /// Ends the round: all threads finish their calls, and leave. Who cannot is killed.
    pub fn finish(&mut self) {
        self.board.stop.store(1, SeqCst);
        let lag = self.lag();
        let began = now();
        while self.children.iter().any(Option::is_some) {
            self.look();
            let over = now() - began > EXIT + 2 * (self.lag() - lag);
            let leaving = |c: &Seen| c.places[0].begun.load(SeqCst) != 0;
            if over {
                for place in self.alive() {
                    let exits = leaving(&self.board.children[place]);
                    if exits {
                        let pid = self.children[place].as_ref().map_or(0, Child::id);
                        let tid = self.board.children[place].places[0].tid.load(SeqCst);
                        let state = where_it_is(pid, tid);
                        ask_where(pid, tid);
                        self.find(place, format!("an exit does not end\n{state}"));
                    }
                }
                self.kill(None);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn lag(&self) -> u64 {
        lag(self.board)
    }
}

/// By how much the children's hearts have beaten late, in all.
fn lag(board: &Board) -> u64 {
    board.children.iter().map(|child| child.lag.load(SeqCst)).sum()
}

/// A thread of the child that is late, or runs and runs.
fn trouble(board: &Board, seen: &Seen, pid: u32) -> Option<(i32, String)> {
    for place in &seen.places {
        let begun = place.begun.load(SeqCst);
        let (tid, limit, deed) = (place.tid.load(SeqCst), place.limit.load(SeqCst), place.deed.load(SeqCst));
        let took = now().saturating_sub(begun);
        if begun == 0 || took < GRACE {
            continue;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).unwrap_or_default();
        let (burnt, queued) = times(&stat);
        let (burnt, queued) = (burnt.saturating_sub(place.burnt.load(SeqCst)), queued.saturating_sub(place.queued.load(SeqCst)));
        let others: u64 = board.children.iter().map(|c| c.lag.load(SeqCst)).sum::<u64>();
        let starved = queued + 2 * (seen.lag.load(SeqCst).saturating_sub(place.lag.load(SeqCst))).min(others);
        if place.begun.load(SeqCst) != begun {
            continue;
        }
        let what = DEEDS[deed as usize % DEEDS.len()];
        if limit != NONE && took > limit.saturating_add(GRACE + starved + 50_000_000) {
            return Some((
                tid,
                format!("{what} with {limit} ns to wait has not come back after {took} ns ({starved} ns of them starved, {burnt} ns run)"),
            ));
        }
        if burnt > LOOP {
            return Some((tid, format!("{what} runs without end: {burnt} ns in {took} ns")));
        }
    }
    None
}

fn tasks(pid: u32) -> impl Iterator<Item = i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok())
}

fn ask_where(pid: u32, tid: i32) {
    // SAFETY: asks a thread of our own child to say where it is; the child is killed soon after.
    unsafe { libc::syscall(libc::SYS_tgkill, pid as i32, tid, libc::SIGTRAP) };
    std::thread::sleep(Duration::from_millis(300));
}

/// What /proc tells of a thread.
fn where_it_is(pid: u32, tid: i32) -> String {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/{file}")).unwrap_or_default().trim().to_owned();
    format!("{}: wchan {}, syscall {}\n{}", read("comm"), read("wchan"), read("syscall"), read("stack"))
}
