//! Jobs and processes through the Rust API: contract 8, 10.1. By the means that there are here: the surroundings run this file without control groups, too.

mod api_support;

use api_support::jobs;
use byname::engine::usage;
use byname::{Access, ErrorKind, Event, Job, JobLimits, Namespace, Process, Reset, wait_any};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn here() -> Namespace {
    Namespace::session(&format!("jobs-{}", std::process::id())).unwrap()
}

/// `None`, with a word why, where there are no jobs.
fn job(kill_on_close: bool) -> Option<Job> {
    let options = Job::options().namespace(&here());
    let options = if kill_on_close { options.kill_on_close() } else { options };
    jobs::where_possible(options.unnamed())
}

/// All of this file, where processes are marked: with control groups of version 1, and without any.
#[test]
fn the_same_without_control_groups() {
    jobs::once_more_without_groups(&[]);
    jobs::once_more_without_groups(&["-a"]);
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

fn process(pid: u32) -> Process {
    Process::open_in(&here(), pid, Access::ALL).unwrap()
}

fn cgroup_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap().lines().last().unwrap().to_owned()
}

#[test]
fn a_member_and_what_it_forks_are_counted_and_terminated_with_the_code() {
    let Some(job) = job(true) else { return };
    // A daemon: its parent ends, and it has a session of its own.
    let mut child =
        job.spawn(Command::new("sh").args(["-c", "(setsid sleep 1000 & echo $!); exec sleep 1000"]).stdout(Stdio::piped())).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let daemon = process(line.trim().parse().unwrap());
    let mut expected = [child.id(), daemon.pid()];
    expected.sort_unstable();
    while job.pids().unwrap() != expected {
        std::thread::yield_now(); // the shell in between has not ended yet
    }
    assert!(job.contains(daemon.pid()).unwrap() && !job.contains(std::process::id()).unwrap());
    assert_eq!(job.accounting().unwrap().active_processes, 2);
    assert!(job.wait_for(Duration::ZERO).unwrap().is_none());
    let leader = process(child.id());
    job.terminate(123).unwrap();
    daemon.wait().unwrap();
    leader.wait().unwrap();
    assert_eq!(leader.exit_code().unwrap(), Some(123));
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert_eq!(daemon.exit_code().unwrap(), Some(123), "whoever has reaped it");
    job.wait().unwrap();
    assert!(job.pids().unwrap().is_empty());
    let mut unseen = job.spawn(&mut sleeper()).unwrap();
    job.terminate(124).unwrap();
    let opened_late = process(unseen.id());
    opened_late.wait().unwrap();
    assert_eq!(opened_late.exit_code().unwrap(), Some(124), "nobody has waited for it");
    unseen.wait().unwrap();
    let mut late = job.spawn(&mut Command::new("true")).unwrap();
    assert!(late.wait().unwrap().success());
    assert!(job.wait_for(Duration::ZERO).unwrap().is_some(), "JL4: still signalled");
}

#[test]
fn a_job_that_becomes_empty_is_not_signalled() {
    let Some(job) = job(false) else { return };
    let mut child = job.spawn(&mut Command::new("true")).unwrap();
    child.wait().unwrap();
    assert!(job.wait_for(Duration::ZERO).unwrap().is_none());
    let spent = job.accounting().unwrap();
    assert_eq!((spent.active_processes, spent.total_processes), (0, 1));
    assert!(job.backend() == "processes" || spent.user_time + spent.system_time > Duration::ZERO);
}

#[test]
fn what_may_not_be_assigned_is_refused_and_moved_nowhere() {
    let (Some(job), Some(other)) = (job(true), job(true)) else { return };
    let mut child = sleeper().spawn().unwrap();
    let before = cgroup_of(child.id());
    assert_eq!(job.assign(0).unwrap_err().win32(), 87);
    let watcher = Job::options().namespace(&here()).create("watched").unwrap();
    let watcher = Job::options().namespace(&here()).access(Access(0x0004)).open(&watcher.name().unwrap()).unwrap();
    for denied in [watcher.assign(child.id()), watcher.terminate(1), watcher.set_limits(JobLimits::default())] {
        assert_eq!(denied.unwrap_err().win32(), 5);
    }
    assert_eq!(cgroup_of(child.id()), before);
    job.assign(child.id()).unwrap();
    assert_eq!(job.assign(child.id()).unwrap_err().win32(), 5, "J4");
    assert_eq!(other.assign(child.id()).unwrap_err().win32(), 5, "J5");
    job.terminate(1).unwrap();
    process(child.id()).wait().unwrap();
    assert_eq!(other.assign(child.id()).unwrap_err().win32(), 5, "J2");
    child.wait().unwrap();
}

#[test]
fn the_limit_of_processes_kills_whoever_is_assigned_beyond_it() {
    let Some(job) = job(true) else { return };
    for limits in [JobLimits { active_processes: Some(0), ..JobLimits::default() }, JobLimits { memory: Some(1), ..JobLimits::default() }] {
        assert_eq!(job.set_limits(limits).unwrap_err().win32(), 87);
    }
    let limits = JobLimits { active_processes: Some(1), kill_on_close: true, ..JobLimits::default() };
    match job.set_limits(limits) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        set => set.unwrap(),
    }
    assert_eq!(job.limits().unwrap(), limits);
    let mut first = job.spawn(&mut sleeper()).unwrap();
    let mut second = sleeper().spawn().unwrap();
    let full = job.assign(second.id()).unwrap_err();
    assert_eq!((full.win32(), full.kind()), (1816, ErrorKind::LimitReached));
    assert_eq!(second.wait().unwrap().signal(), Some(9));
    assert_eq!(job.spawn(&mut sleeper()).unwrap_err().win32(), 1816);
    let spent = job.accounting().unwrap();
    assert_eq!((spent.active_processes, spent.total_processes, spent.terminated_processes), (1, 2, 1));
    job.set_limits(JobLimits { kill_on_close: true, ..JobLimits::default() }).unwrap();
    let mut third = job.spawn(&mut sleeper()).unwrap();
    job.close().unwrap();
    for child in [&mut first, &mut third] {
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}

#[test]
fn who_enters_by_himself_while_he_is_assigned_is_one_process() {
    let Some(job) = job(true) else { return };
    match job.set_limits(JobLimits { active_processes: Some(1), kill_on_close: true, ..JobLimits::default() }) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        set => set.unwrap(),
    }
    if job.doors().unwrap().is_empty() {
        return eprintln!("skipped: a job of marked processes has no doors");
    }
    const ENTERS: &str = r#"echo; read go; for door; do echo 0 > "$door"; done; echo; read end"#;
    for round in 0..500 {
        let mut command = Command::new("sh");
        command.args(["-c", ENTERS, "sh"]).args(job.doors().unwrap()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut says = || output.read_line(&mut String::new()).unwrap();
        says();
        input.write_all(b"go\n").unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_micros(round % 250) {
            std::hint::spin_loop(); // it enters a little earlier or later than it is assigned
        }
        match job.assign(child.id()) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.win32(), 5, "round {round}: {error}"),
        }
        assert_eq!(says(), 1, "it is not killed");
        assert_eq!(job.pids().unwrap(), [child.id()]);
        drop(input);
        child.wait().unwrap();
    }
    assert_eq!(job.accounting().unwrap().terminated_processes, 0);
}

#[test]
fn without_the_flag_the_processes_run_on_and_the_name_is_gone() {
    if job(false).is_none() {
        return;
    }
    let job = Job::options().namespace(&here()).create("left").unwrap();
    let mut child = job.spawn(&mut sleeper()).unwrap();
    let group = cgroup_of(child.id());
    job.close().unwrap();
    while let Ok(job) = Job::options().namespace(&here()).open("left") {
        job.close().unwrap(); // a child of another test, which has not executed its program yet, has all handles of this process
    }
    assert_eq!(Job::options().namespace(&here()).open("left").unwrap_err().win32(), 2);
    let next = Job::options().namespace(&here()).create("left").unwrap();
    assert!(next.created() && next.pids().unwrap().is_empty());
    assert_eq!(cgroup_of(child.id()), group, "JL7");
    assert_eq!(next.assign(child.id()).unwrap_err().win32(), 5, "it still is in that job");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(Job::options().namespace(&here()).unnamed().unwrap()); // sweeps
}

/// Whoever attaches the namespace of a killed holder reaps him; and removes it, when this process ends.
fn bury(role: &str) {
    let alone = Namespace::session(&format!("jobs-alone-{}-{role}", std::process::id())).unwrap();
    drop(Event::options().namespace(&alone).unnamed(Reset::Auto).unwrap());
}

/// Runs the test of that name in a process of its own, which has the job and is killed.
fn holder(role: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_role_for_other_tests", "--nocapture"]).env("BYNAME_TEST_ROLE", role);
    command.env("BYNAME_SESSION", format!("jobs-alone-{}-{role}", std::process::id()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_role_for_other_tests() {
    let Ok(role) = std::env::var("BYNAME_TEST_ROLE") else { return };
    if role == "inside" {
        return inside();
    }
    if role == "recycles" {
        return recycles();
    }
    if role == "elsewhere" {
        return elsewhere();
    }
    if role == "in another directory" {
        return in_another_directory();
    }
    let job = Job::options().kill_on_close().create("doomed").unwrap();
    let member = job.spawn(&mut sleeper()).unwrap();
    if role == "member" {
        job.assign(std::process::id()).unwrap();
    }
    println!("\nmember {}", member.id());
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
    if role == "closes" {
        job.close().unwrap();
    }
    std::process::exit(0);
}

/// A member of a job that makes one itself.
fn inside() {
    let _ = std::io::stdin().read_line(&mut String::new()); // it has been assigned
    let inner = Job::unnamed().unwrap();
    let mut member = inner.spawn(&mut sleeper()).unwrap();
    println!("\nmember {}", member.id());
    let _ = member.wait();
}

/// A job of a namespace in another directory: it is there, and empty, while others make theirs.
fn in_another_directory() {
    let job = Job::unnamed().unwrap();
    println!("\nmade");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
    assert!(job.spawn(&mut Command::new("true")).unwrap().wait().unwrap().success());
    println!("\nspawned");
}

/// Who makes a job removes what jobs of namespaces have left that are gone: not those of other directories, of which he knows nothing.
#[test]
fn a_job_of_another_directory_is_left_alone() {
    let Some(mine) = job(false) else { return };
    let folder = here().path().with_file_name(format!("jobs-elsewhere-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "a_role_for_other_tests", "--nocapture"])
        .env("BYNAME_TEST_ROLE", "in another directory")
        .env("BYNAME_DIR", &folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "made"));
    drop((job(false), mine));
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(lines.any(|line| line == "spawned"), "{:?}", child.wait());
    assert!(child.wait().unwrap().success());
    fs::remove_dir(&folder).unwrap();
}

#[test]
fn a_job_that_a_member_makes_is_inside_its_own() {
    let Some(outer) = job(false) else { return };
    let mut child = holder("inside");
    outer.assign(child.id()).unwrap();
    child.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("member ").map(str::to_owned)).expect("a member");
    let member = process(pid.parse().unwrap());
    let mut expected = [child.id(), member.pid()];
    expected.sort_unstable();
    assert_eq!(outer.pids().unwrap(), expected);
    assert!(outer.contains(member.pid()).unwrap());
    outer.terminate(77).unwrap();
    member.wait().unwrap();
    child.wait().unwrap();
    assert_eq!(member.exit_code().unwrap(), Some(77), "its own job has ended");
    bury("inside");
}

/// JL8, JL9: no other process has the namespace, so that the guard alone can do it.
#[test]
fn the_last_holders_death_kills_however_it_comes() {
    let Some(backend) = job(false).map(|job| job.backend()) else { return };
    for role in ["killed", "closes", "exits", "member"] {
        let mut child = holder(role);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("member ").map(str::to_owned)).expect("a member");
        let member = process(pid.parse().unwrap());
        let group = cgroup_of(member.pid()).split_once("::").unwrap().1.to_owned();
        assert!(member.wait_for(Duration::ZERO).unwrap().is_none());
        match role {
            "killed" | "member" => child.kill().unwrap(),
            _ => drop(child.stdin.take()),
        }
        member.wait().unwrap();
        child.wait().unwrap();
        while backend == "cgroup2" && mounted().join(group.trim_start_matches('/')).exists() {
            std::thread::yield_now(); // the guard removes it
        }
        bury(role);
    }
}

/// The processes that began with that in their environment and have not ended, by their names.
fn begun_with(variable: &str) -> Vec<(u32, String)> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let of = |pid: u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let named = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        environment.split(|b| *b == 0).any(|entry| entry == variable.as_bytes()).then(|| (pid, named.trim().to_owned()))
    };
    pids.filter_map(of).collect()
}

/// Nobody does it but who comes next: holder and guard are killed, and the name is asked for.
#[test]
fn without_a_guard_the_next_process_to_attach_kills() {
    if job(false).is_none() {
        return;
    }
    let mut child = holder("guardless");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("member ").map(str::to_owned)).expect("a member");
    let member = process(pid.parse().unwrap());
    let session = format!("BYNAME_SESSION=jobs-alone-{}-guardless", std::process::id());
    let guard = loop {
        if let Some((guard, _)) = begun_with(&session).into_iter().find(|(_, name)| name == "byname-guard") {
            break guard; // it names itself
        }
    };
    assert!(!Job::options().namespace(&here()).unnamed().unwrap().contains(guard).unwrap());
    process(guard).terminate(9).unwrap();
    while !begun_with(&session).iter().all(|(pid, _)| *pid != guard) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(member.wait_for(Duration::ZERO).unwrap().is_none(), "there is nobody to do it");
    bury("guardless");
    member.wait().unwrap();
}

/// Whether it was started in the job or assigned: its children are members, though it ends before they do, and they leave its session.
#[test]
fn what_a_dead_member_leaves_are_members() {
    for assigns in [false, true] {
        let Some(job) = job(true) else { return };
        let mut command = Command::new("sh");
        command.args(["-c", "read go; (setsid sh -c 'setsid sleep 1000 > /dev/null & exit' &)"]).stdin(Stdio::piped());
        let mut child = if assigns { command.spawn().unwrap() } else { job.spawn(&mut command).unwrap() };
        if assigns {
            job.assign(child.id()).unwrap();
        }
        assert_eq!(job.pids().unwrap(), [child.id()]);
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        assert!(child.wait().unwrap().success());
        let is_sleeper = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep");
        let daemon = loop {
            match job.pids().unwrap()[..] {
                [pid] if is_sleeper(&pid) => break process(pid),
                [] => panic!("it left the job"),
                _ => std::thread::yield_now(),
            }
        };
        assert_eq!(job.accounting().unwrap().active_processes, 1);
        job.terminate(45).unwrap();
        daemon.wait().unwrap();
        assert!(matches!(daemon.exit_code(), Ok(Some(45))), "{:?}", daemon.exit_code());
    }
}

/// Children that were there before are not members (contract J13).
#[test]
fn children_from_before_the_assignment_are_not_members() {
    let Some(job) = job(true) else { return };
    let mut child = Command::new("sh").args(["-c", "sleep 1000 & echo $!; wait"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let before = process(line.trim().parse().unwrap());
    job.assign(child.id()).unwrap();
    assert_eq!(job.pids().unwrap(), [child.id()]);
    job.terminate(1).unwrap();
    child.wait().unwrap();
    assert!(before.wait_for(Duration::ZERO).unwrap().is_none());
    before.terminate(1).unwrap();
}

#[test]
fn nobody_escapes_who_forks_all_the_time() {
    for round in 0..3 {
        let Some(job) = job(false) else { return };
        let variable = format!("{}-{round}", std::process::id());
        let forks = "while :; do (setsid sh -c 'sleep 1000 & exit' &); done";
        let mut command = Command::new("sh");
        command.args(["-c", forks]).env("BYNAME_TEST_STORM", &variable).stdout(Stdio::null());
        let mut roots: Vec<Child> = (0..4).map(|_| job.spawn(&mut command).unwrap()).collect();
        while job.pids().unwrap().len() < 100 {
            std::thread::yield_now();
        }
        job.terminate(1).unwrap();
        for root in &mut roots {
            root.wait().unwrap();
        }
        while !begun_with(&format!("BYNAME_TEST_STORM={variable}")).is_empty() {
            assert!(job.pids().unwrap().is_empty() || job.backend() == "cgroup2", "the kernel ends a group in its time");
            std::thread::yield_now();
        }
    }
}

/// A number that a member had is another process's, who is not one: in a PID namespace, where numbers can be chosen.
#[test]
fn the_next_process_of_a_members_number_is_a_stranger() {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "a_role_for_other_tests", "--nocapture"]).env("BYNAME_TEST_ROLE", "recycles");
    command.env("BYNAME_SESSION", format!("jobs-alone-{}-recycles", std::process::id()));
    let ran = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    if said.contains("unshare failed") {
        return eprintln!("skipped: {said}");
    }
    assert!(ran.status.success(), "{said}");
    bury("recycles");
}

fn recycles() {
    let job = Job::unnamed().unwrap();
    let mut first = job.spawn(&mut sleeper()).unwrap();
    let number = first.id();
    first.kill().unwrap();
    first.wait().unwrap();
    let mut next = loop {
        if let Err(error) = fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()) {
            return eprintln!("skipped: {error}");
        }
        let mut next = sleeper().spawn().unwrap();
        if next.id() == number {
            break next;
        }
        next.kill().unwrap();
        next.wait().unwrap();
    };
    assert!(job.pids().unwrap().is_empty() && !job.contains(number).unwrap());
    job.terminate(1).unwrap();
    assert!(next.try_wait().unwrap().is_none());
    next.kill().unwrap();
    next.wait().unwrap();
}

/// A member's child would leave the job if it were started in another: it is started nowhere.
#[test]
fn a_member_starts_nothing_in_an_unrelated_job() {
    let (Some(outer), Some(_)) = (job(false), job(false)) else { return };
    let mut child = holder("elsewhere");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "made"));
    outer.assign(child.id()).unwrap();
    child.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    assert!(child.wait().unwrap().success());
    bury("elsewhere");
}

fn elsewhere() {
    let unrelated = Job::unnamed().unwrap();
    println!("\nmade");
    let _ = std::io::stdin().read_line(&mut String::new()); // it has been assigned
    let inside = Job::unnamed().unwrap();
    assert_eq!(unrelated.spawn(&mut Command::new("true")).unwrap_err().win32(), 5);
    let mut child = inside.spawn(&mut Command::new("true")).unwrap();
    assert!(child.wait().unwrap().success());
    inside.assign(std::process::id()).unwrap();
    let mut child = inside.spawn(&mut sleeper()).unwrap();
    assert_eq!(inside.pids().unwrap().len(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    match Job::unnamed() {
        Ok(third) => assert_eq!(third.backend(), "cgroup2"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "marks go two deep"),
    }
}

fn mounted() -> std::path::PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 ")).unwrap();
    line.split(' ').nth(4).unwrap().into()
}

#[test]
fn an_event_or_the_end_of_a_process_is_one_wait() {
    let news = Event::options().namespace(&here()).unnamed(Reset::Auto).unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let end = process(child.id());
    news.set().unwrap();
    assert_eq!(wait_any(&[&end, &news], None).unwrap().won().unwrap().index(), 1);
    drop(child.stdin.take());
    assert_eq!(wait_any(&[&news, &end], None).unwrap().won().unwrap().index(), 1);
    assert!(child.wait().unwrap().success());
    assert_eq!(end.exit_code().unwrap(), Some(0));
}

#[test]
fn nothing_is_left_of_closed_processes() {
    let here = Namespace::session(&format!("jobs-usage-{}", std::process::id())).unwrap();
    let open = || Process::open_in(&here, std::process::id(), Access::ALL).unwrap();
    drop(open());
    let before = usage(&here).objects;
    let many: Vec<Process> = (0..100).map(|_| open()).collect();
    assert_eq!(usage(&here).objects, before + 100);
    drop(many);
    assert_eq!(usage(&here).objects, before);
}
