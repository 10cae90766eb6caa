//! Which deaths are tried, and the table of what was.

use crate::run::{Plan, Seen, prepare, run};
use crate::scenarios::{OPERATIONS, SCENARIOS, Scenario};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// So many findings end the tour.
const ENOUGH: usize = 10;

/// A run that took so long was ended by a look at the clock somewhere: no breach of the contract, but worth a look.
const SLOW: Duration = Duration::from_millis(900);

/// How many of the deaths of two are tried. One alone dies at each of its points in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The first of two dies at some of its points, the second at about three of his.
    Short,
    /// The first dies at each of its points, the second at about a dozen of his.
    Full,
    /// Both at each: hours.
    All,
}

impl Form {
    /// How far on the next point of a second is, whose part has so many.
    fn stride(self, points: u64, random: &mut Random) -> u64 {
        let parts = match self {
            Form::Short => 3,
            Form::Full => 6, // the mean of a stride is half of the longest
            Form::All => return 1,
        };
        1 + random.below(points / parts + 1)
    }

    /// How many pairs of victims whose parts have so many points.
    fn pairs(self, points: u64) -> u64 {
        let all = points * points / 4 + 10;
        match self {
            Form::Short => 4,
            Form::Full => all.min(200),
            Form::All => all,
        }
    }
}

struct Options {
    form: Form,
    only: Option<String>,
    seed: u64,
    pairs: bool,
    jobs: usize,
}

/// What was done for one operation: points, runs, deaths.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    points: u64,
    runs: u64,
    deaths: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.points += other.points;
        self.runs += other.runs;
        self.deaths += other.deaths;
    }
}

pub fn main() {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let seed = var("SEED").map_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64, |seed| seed.parse().unwrap());
    let jobs = var("JOBS").map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |jobs| jobs.parse().unwrap());
    let form = match (var("SHORT"), var("ALL")) {
        (Some(_), _) => Form::Short,
        (_, Some(_)) => Form::All,
        _ => Form::Full,
    };
    let options = Options { form, only: var("ONLY"), seed, pairs: var("PAIRS").is_none_or(|p| p != "0"), jobs };
    println!("crash: seed {seed}, {form:?}");
    let began = Instant::now();
    let dir = Folder::new();
    let chosen: Vec<&Scenario> =
        SCENARIOS.iter().filter(|s| options.only.as_ref().is_none_or(|o| s.name.contains(&**o) || s.operation.contains(&**o))).collect();
    assert!(!chosen.is_empty(), "no such scenario");
    let lines = share(&options, &chosen, &dir.0);
    let status = report(&options, lines, began);
    drop(dir);
    std::process::exit(status)
}

/// The folder of this tour's namespaces.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = PathBuf::from(format!("/dev/shm/byname-crash-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        // SAFETY: this process has one thread.
        unsafe { std::env::set_var("BYNAME_DIR", &path) };
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Deals the scenarios to as many processes as there are cores; gives what they say.
fn share(options: &Options, chosen: &[&Scenario], dir: &Path) -> Vec<String> {
    let next = shared_counter();
    let mut readers = Vec::new();
    let mut pids = Vec::new();
    for job in 0..options.jobs {
        let (mine, theirs) = UnixStream::pair().unwrap();
        // SAFETY: this process has one thread; the child ends by `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork");
        if pid == 0 {
            // SAFETY: takes no pointers: a job does not outlive the tour.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            drop(mine);
            let mut job = Job { options, dir, board: prepare(), number: (job as u64) << 32, out: theirs, findings: 0 };
            loop {
                let i = next.fetch_add(1, SeqCst) as usize;
                let Some(scenario) = chosen.get(i) else { break };
                job.scenario(scenario);
            }
            drop(job);
            // SAFETY: ends this process; the parent has the folder.
            unsafe { libc::_exit(0) };
        }
        pids.push(pid);
        readers.push(mine);
    }
    let threads: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            std::thread::spawn(move || {
                let mut text = String::new();
                reader.read_to_string(&mut text).unwrap();
                text
            })
        })
        .collect();
    let said: Vec<String> = threads.into_iter().flat_map(|t| t.join().unwrap().lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    for pid in pids {
        let mut how = 0;
        // SAFETY: a child of ours; the place for its status is valid.
        unsafe { libc::waitpid(pid, &mut how, 0) };
        assert_eq!(how, 0, "a job of the tour ended badly");
    }
    said
}

fn shared_counter() -> &'static AtomicU32 {
    // SAFETY: a fresh anonymous mapping of one page, zero, never unmapped.
    unsafe {
        let at = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0);
        assert_ne!(at, libc::MAP_FAILED);
        &*at.cast::<AtomicU32>()
    }
}

struct Job<'a> {
    options: &'a Options,
    dir: &'a Path,
    board: &'static crate::board::Board,
    number: u64,
    out: UnixStream,
    findings: usize,
}

impl Job<'_> {
    fn say(&mut self, what: &str, operation: &str, tally: Tally) {
        writeln!(self.out, "{what}\t{operation}\t{}\t{}\t{}", tally.points, tally.runs, tally.deaths).unwrap();
    }

    fn run(&mut self, scenario: &Scenario, plan: &Plan, tally: &mut Tally) -> Seen {
        self.number += 1;
        let began = Instant::now();
        let seen = run(self.board, self.dir, scenario, plan, self.number);
        if began.elapsed() > SLOW {
            println!("slow  {:.1?}: {}: {}: {plan:?}: {}", began.elapsed(), scenario.operation, scenario.name, seen.places);
        }
        tally.runs += 1;
        tally.deaths += seen.victims.iter().filter(|(_, died)| *died).count() as u64 + u64::from(seen.second.1);
        if let Some(complaint) = &seen.complaint {
            self.findings += 1;
            let text = format!("{}: {}: {plan:?}: {}: {}", scenario.operation, scenario.name, seen.places, complaint.replace('\n', " "));
            println!("FOUND {text}");
            writeln!(self.out, "found\t{text}").unwrap();
            if self.findings >= ENOUGH {
                // SAFETY: ends this process; the parent has the folder, and prints what it was told.
                unsafe { libc::_exit(0) };
            }
        }
        seen
    }

    fn scenario(&mut self, scenario: &Scenario) {
        let mut tally = Tally::default();
        let points = self.each_point(scenario, &mut tally);
        tally.points += points;
        self.say("tally", scenario.operation, tally);
        if self.options.pairs {
            self.pairs(scenario, points);
        }
    }

    /// One death: at every point of the victim's part. Gives how many there are.
    fn each_point(&mut self, scenario: &Scenario, tally: &mut Tally) -> u64 {
        let mut longest = 0;
        let mut point = 0;
        while point <= longest {
            let orders: &[bool] = if self.options.form == Form::Short { &[point % 2 == 0] } else { &[true, false] };
            for &settled in orders {
                let mut victims = vec![0; scenario.victims];
                victims[0] = point;
                let seen = self.run(scenario, &Plan { victims, settled, ..Plan::default() }, tally);
                if !seen.victims[0].1 {
                    longest = longest.max(seen.victims[0].0);
                }
            }
            point += 1;
        }
        longest
    }

    /// Two deaths.
    fn pairs(&mut self, scenario: &Scenario, points: u64) {
        let mut random = Random(self.options.seed ^ scenario.name.bytes().fold(7, |h, b| h * 31 + u64::from(b)));
        // Where the first dies: everywhere, or at one place in some.
        let step = if self.options.form == Form::Short { (points / 2).max(1) } else { 1 };
        let first: Vec<u64> = (0..=points).filter(|_| random.below(step) == 0).collect();
        let company: &[(&str, u32)] = if scenario.in_company { &[("reap", 0), ("recover", 1)] } else { &[] };
        for &(operation, which) in company {
            let mut tally = Tally::default();
            for &point in &first {
                self.second(scenario, point, which, &mut random, &mut tally);
            }
            self.say("tally", operation, tally);
        }
        if scenario.sleepers > 0 {
            let mut tally = Tally::default();
            for &point in &first {
                self.second(scenario, point, 2, &mut random, &mut tally);
            }
            self.say("tally", "just granted", tally);
        }
        if !scenario.in_pairs {
            return;
        }
        let mut tally = Tally::default();
        for _ in 0..self.options.form.pairs(points) {
            let victims = vec![random.below(points + 1), 1 + random.below(points)];
            self.run(scenario, &Plan { victims, settled: random.below(2) == 0, ..Plan::default() }, &mut tally);
        }
        self.say("tally", "two at once", tally);
    }

    /// The second dies at each of its points, or at some.
    fn second(&mut self, scenario: &Scenario, first: u64, which: u32, random: &mut Random, tally: &mut Tally) {
        let mut point = 0;
        let mut longest = 0;
        while point <= longest {
            let some = Some(point);
            let mut plan = Plan { victims: vec![0; scenario.victims], settled: random.below(2) == 0, ..Plan::default() };
            plan.victims[0] = first;
            match which {
                0 => plan.reaper = some,
                1 => plan.user = some,
                _ => plan.sleeper = Some(if point == 0 { u64::MAX / 2 } else { point }),
            }
            let seen = self.run(scenario, &plan, tally);
            if !seen.second.1 && point == 0 {
                longest = seen.second.0;
            }
            point += self.options.form.stride(longest, random);
        }
        tally.points += longest;
    }
}

/// xorshift64*, from the printed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = if self.0 == 0 { 1 } else { self.0 };
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n.max(1)
    }
}

fn report(options: &Options, lines: Vec<String>, began: Instant) -> i32 {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut findings = 0;
    for line in &lines {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["tally", operation, points, runs, deaths] => {
                let number = |text: &str| text.parse().unwrap();
                tallies.entry(operation).or_default().add(Tally { points: number(points), runs: number(runs), deaths: number(deaths) });
            }
            _ => findings += 1,
        }
    }
    println!("{:<14} {:>8} {:>8} {:>8}", "operation", "points", "runs", "deaths");
    let extra = ["just granted", "two at once"];
    let mut whole = Tally::default();
    let mut missing = Vec::new();
    for operation in OPERATIONS.iter().chain(&extra) {
        let tally = tallies.get(operation).copied().unwrap_or_default();
        println!("{operation:<14} {:>8} {:>8} {:>8}", tally.points, tally.runs, tally.deaths);
        if tally.deaths == 0 {
            missing.push(*operation);
        }
        whole.add(tally);
    }
    println!("{:<14} {:>8} {:>8} {:>8}   in {:.0?}", "all", whole.points, whole.runs, whole.deaths, began.elapsed());
    if options.only.is_none() && !missing.is_empty() {
        println!("crash: nobody died in: {}", missing.join(", "));
        findings += 1;
    }
    println!("crash: {findings} findings");
    i32::from(findings > 0)
}
