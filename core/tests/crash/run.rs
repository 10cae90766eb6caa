//! One run of a scenario: forks the actors, gives the cues, sees who dies where, and that nothing is left.

use crate::board::{ACTORS, Board, cue, status};
use crate::scenarios::Scenario;
use crate::stage::{LONG, Role, Stage};
use byname::crash;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Who dies where.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The point of each victim; 0: at the end of its part.
    pub victims: Vec<u64>,
    /// The point of the first sleeper, counted from where it sleeps.
    pub sleeper: Option<u64>,
    /// The point of one who reaps the dead.
    pub reaper: Option<u64>,
    /// The point of one who uses the objects of the dead before anybody reaps them.
    pub user: Option<u64>,
    pub settled: bool,
}

/// What a run showed: the points that each actor passed, and what was wrong.
#[derive(Debug)]
pub struct Seen {
    pub victims: Vec<(u64, bool)>,
    /// Of the reaper, user or sleeper.
    pub second: (u64, bool),
    pub complaint: Option<String>,
    pub places: String,
}

static BOARD: OnceLock<&'static Board> = OnceLock::new();

extern "C" fn on_child(_: libc::c_int) {
    if let Some(board) = BOARD.get() {
        board.ring(); // two atomics and a system call: safe here
    }
}

/// Makes this process the conductor of runs.
pub fn prepare() -> &'static Board {
    let board = *BOARD.get_or_init(Board::new);
    // SAFETY: the handler is a plain function that calls only what a handler may; the option takes no pointers.
    unsafe {
        libc::signal(libc::SIGCHLD, on_child as *const () as libc::sighandler_t);
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
    board
}

struct Company {
    board: &'static Board,
    pids: [libc::pid_t; ACTORS],
    count: usize,
    failures: Vec<String>,
}

impl Company {
    fn start(&mut self, scenario: &Scenario, role: Role, session: &str, plan: &Plan) {
        let me = self.count;
        self.count += 1;
        // SAFETY: this process has one thread, and the child leaves by `exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork");
        if pid == 0 {
            play(self.board, scenario, role, me, session, plan);
        }
        self.pids[me] = pid;
    }

    /// Takes in whoever has ended.
    fn collect(&mut self) {
        loop {
            let mut how = 0;
            // SAFETY: the place for the status is valid.
            let pid = unsafe { libc::waitpid(-1, &mut how, libc::WNOHANG) };
            if pid <= 0 {
                return;
            }
            let Some(actor) = self.pids.iter().position(|p| *p == pid) else { continue };
            self.pids[actor] = 0;
            let killed = libc::WIFSIGNALED(how) && libc::WTERMSIG(how) == libc::SIGKILL;
            if !killed && how != 0 {
                self.failures.push(format!("actor {actor} ended with {how:#x}"));
            }
            self.board.set_status(actor, status::GONE);
        }
    }

    fn until(&mut self, what: &str, mut seen: impl FnMut(&Self) -> bool) -> Result<(), String> {
        let mut this = std::mem::replace(self, Company { board: self.board, pids: [0; ACTORS], count: 0, failures: vec![] });
        let board = self.board;
        let mut is_seen = false;
        let ended = board.until(2 * LONG, || {
            this.collect();
            is_seen = seen(&this);
            is_seen || !this.failures.is_empty() || board.complaint().is_some()
        });
        *self = this;
        match self.board.complaint().or_else(|| self.failures.first().cloned()) {
            Some(complaint) => Err(complaint),
            None if !ended || !is_seen => Err(format!("hangs: {what} does not come; the actors are at {:?}", self.statuses())),
            None => Ok(()),
        }
    }

    fn statuses(&self) -> Vec<u32> {
        (0..self.count).map(|i| self.board.status(i)).collect()
    }

    fn kill(&mut self, actor: usize) {
        if self.pids[actor] > 0 {
            // SAFETY: a child of ours that has not been waited for.
            unsafe { libc::kill(self.pids[actor], libc::SIGKILL) };
        }
    }

    fn kill_all(&mut self) {
        (0..self.count).for_each(|i| self.kill(i));
        let offspring = self.board.offspring.load(SeqCst);
        if offspring > 0 {
            // SAFETY: a descendant, or nobody.
            unsafe { libc::kill(offspring, libc::SIGKILL) };
        }
    }

    /// Waits for the last of them, and of theirs.
    fn all_ended(&mut self) -> bool {
        self.board.until(LONG, || {
            let mut how = 0;
            loop {
                // SAFETY: as above.
                let pid = unsafe { libc::waitpid(-1, &mut how, libc::WNOHANG) };
                match pid {
                    0 => return false,
                    -1 => return true,
                    _ if how != 0 && !(libc::WIFSIGNALED(how) && libc::WTERMSIG(how) == libc::SIGKILL) => {
                        self.failures.push(format!("a process ended with {how:#x}"));
                    }
                    _ => {}
                }
            }
        })
    }
}

/// The life of one actor.
fn play(board: &'static Board, scenario: &Scenario, role: Role, me: usize, session: &str, plan: &Plan) -> ! {
    // SAFETY: takes no pointers; an actor does not outlive who conducts.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
    std::panic::set_hook(Box::new(move |panic| {
        let at = panic.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("a panic");
        board.complain(&format!("{role:?} says: {what} ({at})"));
        board.ring();
    }));
    crash::trace(&board.actors[me].trace);
    if !matches!(role, Role::Reaper) {
        crash::reap_only_if(&board.gate);
    }
    let stage = Stage::new(board, role, me, session, scenario.sleepers, plan);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (scenario.play)(&stage);
        stage.close_all();
    }));
    if ended.is_err() {
        // SAFETY: ends this process; nobody waits for its destructors.
        unsafe { libc::_exit(1) };
    }
    std::process::exit(0)
}

/// Plays it once.
pub fn run(board: &'static Board, dir: &Path, scenario: &Scenario, plan: &Plan, number: u64) -> Seen {
    board.reset();
    let session = format!("run-{number}");
    let mut company = Company { board, pids: [0; ACTORS], count: 0, failures: vec![] };
    let mut ended = conduct(&mut company, scenario, plan, &session);
    if ended.is_err() {
        company.kill_all();
    }
    if !company.all_ended() {
        company.kill_all();
        company.all_ended();
        ended = ended.and(Err("a process does not end".to_owned()));
    }
    ended = ended.and(company.failures.first().map_or(Ok(()), |failure| Err(failure.clone())));
    ended = ended.and(board.complaint().map_or(Ok(()), Err));
    let left: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap())
        .filter(|file| file.file_name().to_string_lossy().ends_with(&session))
        .collect();
    for file in left {
        ended = ended.and(Err("the namespace's file is left".to_owned()));
        let _ = std::fs::remove_file(file.path());
    }
    let victims = plan.victims.len();
    let of = |i: usize| (board.actors[i].trace.passed.load(SeqCst), board.actors[i].trace.died.load(SeqCst));
    let second = second_of(scenario, plan);
    let mut places: Vec<String> = (1..=victims)
        .filter(|&i| of(i).1)
        .map(|i| format!("victim died before point {} at {}", of(i).0, board.actors[i].trace.place()))
        .collect();
    if let Some(i) = second.filter(|&i| of(i).1) {
        places.push(format!("the second before point {} at {}", of(i).0, board.actors[i].trace.place()));
    }
    Seen {
        victims: (1..=victims).map(of).collect(),
        second: second.map_or((0, false), of),
        complaint: ended.err(),
        places: places.join(", "),
    }
}

/// The actor that dies besides the victims.
fn second_of(scenario: &Scenario, plan: &Plan) -> Option<usize> {
    let victims = plan.victims.len();
    if plan.sleeper.is_some() {
        Some(1 + victims)
    } else {
        (plan.reaper.is_some() || plan.user.is_some()).then_some(1 + victims + scenario.sleepers)
    }
}

fn conduct(company: &mut Company, scenario: &Scenario, plan: &Plan, session: &str) -> Result<(), String> {
    let board = company.board;
    let victims = plan.victims.len();
    let second = second_of(scenario, plan);
    company.start(scenario, Role::Witness, session, plan);
    company.until("the witness begins", |_| board.status(0) == status::READY)?;
    for (i, fatal) in plan.victims.iter().enumerate() {
        board.actors[1 + i].trace.fatal.store(*fatal, SeqCst);
        company.start(scenario, Role::Victim, session, plan);
        company.until("a victim begins", |_| board.status(1 + i) == status::READY)?;
    }
    for i in 0..scenario.sleepers {
        company.start(scenario, Role::Sleeper(i), session, plan);
        company.until("a sleeper begins", |_| board.status(1 + victims + i) >= status::READY)?;
    }
    if plan.reaper.is_some() || plan.user.is_some() {
        let (role, fatal) = plan.reaper.map_or((Role::User, plan.user), |fatal| (Role::Reaper, Some(fatal)));
        let place = company.count;
        board.actors[place].trace.fatal.store(fatal.unwrap_or(0), SeqCst);
        company.start(scenario, role, session, plan);
        company.until("the second begins", |_| board.status(place) == status::READY)?;
        board.gate.store(false, SeqCst);
    }
    board.say(cue::ALL_THERE);
    company.until("the sleepers sleep", |_| board.status(0) == status::DONE)?;
    if let Some(point) = plan.sleeper {
        let trace = &board.actors[1 + victims].trace;
        trace.fatal.store(trace.passed.load(SeqCst) + point, SeqCst);
    }
    board.say(cue::GO);
    company.until("the victims die", |_| (1..=victims).all(|i| board.status(i) >= status::DONE))?;
    (1..=victims).for_each(|i| company.kill(i));
    company.until("the victims end", |c| (1..=victims).all(|i| c.pids[i] == 0))?;
    if let Some(second) = second {
        if plan.sleeper.is_none() {
            board.say(cue::NEXT);
            company.until("the second dies", |_| board.status(second) >= status::DONE)?;
        } else {
            // A sleeper that nobody has released would sleep on: it dies asleep.
            let trace = &board.actors[second].trace;
            board.until(Duration::from_millis(3), || {
                company.collect();
                board.status(second) >= status::DONE || trace.died.load(SeqCst)
            });
            company.kill(second);
            company.until("the sleeper ends", |c| c.pids[second] == 0)?;
        }
        board.gate.store(true, SeqCst);
    }
    board.say(cue::DEAD);
    company.until("the check", |_| board.status(0) == status::READY)?;
    let asleep = 1 + victims..1 + victims + scenario.sleepers;
    company.until("the sleepers leave", |c| asleep.clone().all(|i| c.pids[i] == 0))?;
    let offspring = board.offspring.load(SeqCst);
    if offspring > 0 {
        // SAFETY: signal 0 asks only; the pid is a descendant's, which is waited for by `collect` above.
        company.until("the offspring ends", |_| unsafe { libc::kill(offspring, 0) } != 0)?;
    }
    board.say(cue::LEAVE);
    company.until("all leave", |c| c.pids.iter().all(|pid| *pid == 0))
}
