//! What jobs tell, through the Rust API: contract 8.7. Where there are no jobs, they say so.

mod api_support;

use api_support::jobs;
use byname::JobMessage::{AbnormalExitProcess, ActiveProcessLimit, ActiveProcessZero, ExitProcess, NewProcess};
use byname::engine::usage;
use byname::{Access, ErrorKind, Event, Job, JobLimits, JobMessage, JobNotifications, Namespace, Reset, wait_any};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

fn here() -> Namespace {
    Namespace::session(&format!("notices-{}", std::process::id())).unwrap()
}

/// `None`, with a word why, where there are no jobs.
fn job() -> Option<Job> {
    jobs::where_possible(Job::options().namespace(&here()).kill_on_close().unnamed())
}

/// All of this file, where processes are marked.
#[test]
fn the_same_without_control_groups() {
    jobs::once_more_without_groups(&[]);
}

/// Runs until its input is closed.
fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn line(from: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn next(notifications: &JobNotifications) -> (JobMessage, u32) {
    let told = notifications.recv().unwrap();
    (told.message, told.pid)
}

fn finish(mut child: Child) {
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn who_is_present_comes_and_goes_is_told_in_order() {
    let Some(job) = job() else { return };
    let present = job.spawn(&mut cat()).unwrap();
    let told = job.notifications().unwrap();
    assert_eq!(next(&told), (NewProcess, present.id()));
    let assigned = cat().spawn().unwrap();
    job.assign(assigned.id()).unwrap();
    assert_eq!(next(&told), (NewProcess, assigned.id()));
    let (first, second) = (present.id(), assigned.id());
    finish(present);
    assert_eq!(next(&told), (ExitProcess, first));
    finish(assigned);
    assert_eq!([next(&told), next(&told)], [(ExitProcess, second), (ActiveProcessZero, 0)]);
    let again = job.spawn(&mut cat()).unwrap();
    let third = again.id();
    finish(again);
    assert_eq!([next(&told), next(&told), next(&told)], [(NewProcess, third), (ExitProcess, third), (ActiveProcessZero, 0)]);
    assert_eq!(told.try_recv().unwrap(), None);
}

#[test]
fn who_ends_before_the_call_that_put_it_in_returns_is_told_once() {
    let Some(job) = job() else { return };
    let told = job.notifications().unwrap();
    for _ in 0..50 {
        let mut child = job.spawn(&mut Command::new("true")).unwrap();
        let seen = [next(&told), next(&told), next(&told)];
        assert_eq!(seen, [(NewProcess, child.id()), (ExitProcess, child.id()), (ActiveProcessZero, 0)]);
        child.wait().unwrap();
    }
    assert_eq!(told.recv_for(Duration::from_millis(120)).unwrap(), None, "two looks later");
}

#[test]
fn what_a_member_forks_is_told_and_nobody_is_left_after_the_last() {
    let Some(job) = job() else { return };
    let told = job.notifications().unwrap();
    let mut leader = job.spawn(&mut shell("read go; sleep 1000 & echo $!; read go; kill $!; exec cat")).unwrap();
    assert_eq!(next(&told), (NewProcess, leader.id()));
    leader.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    let forked: u32 = line(&mut BufReader::new(leader.stdout.take().unwrap())).parse().unwrap();
    assert_eq!(next(&told), (NewProcess, forked), "nothing but the interval tells of it");
    leader.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    assert_eq!(next(&told), (ExitProcess, forked));
    let pid = leader.id();
    finish(leader);
    assert_eq!([next(&told), next(&told)], [(ExitProcess, pid), (ActiveProcessZero, 0)]);
}

#[test]
fn a_crash_is_abnormal_and_a_kill_is_not() {
    let Some(job) = job() else { return };
    let told = job.notifications().unwrap();
    for (signal, message) in [
        ("SEGV", AbnormalExitProcess),
        ("ABRT", AbnormalExitProcess),
        ("BUS", AbnormalExitProcess),
        ("FPE", AbnormalExitProcess),
        ("ILL", AbnormalExitProcess),
        ("SYS", AbnormalExitProcess),
        ("TRAP", AbnormalExitProcess),
        ("KILL", ExitProcess),
        ("TERM", ExitProcess),
        ("HUP", ExitProcess),
    ] {
        let mut child = job.spawn(&mut shell(&format!("ulimit -c 0; kill -{signal} $$"))).unwrap();
        let seen = [next(&told), next(&told), next(&told)];
        assert_eq!(seen, [(NewProcess, child.id()), (message, child.id()), (ActiveProcessZero, 0)], "{signal}");
        child.wait().unwrap();
    }
    let mut failed = job.spawn(&mut shell("exit 3")).unwrap();
    assert_eq!([next(&told).0, next(&told).0, next(&told).0], [NewProcess, ExitProcess, ActiveProcessZero]);
    failed.wait().unwrap();
}

#[test]
fn the_limit_of_processes_is_told() {
    let Some(job) = job() else { return };
    match job.set_limits(JobLimits { active_processes: Some(1), kill_on_close: true, ..JobLimits::default() }) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        set => set.unwrap(),
    }
    let told = job.notifications().unwrap();
    let leader = job.spawn(&mut shell("read go; (exit 0); read end")).unwrap();
    assert_eq!(next(&told), (NewProcess, leader.id()));
    let mut other = cat().spawn().unwrap();
    assert_eq!(job.assign(other.id()).unwrap_err().win32(), 1816);
    other.wait().unwrap();
    assert_eq!(next(&told), (ActiveProcessLimit, 0), "one was killed");
    assert_eq!(job.spawn(&mut cat()).unwrap_err().win32(), 1816);
    assert_eq!(next(&told), (ActiveProcessLimit, 0), "one was not started");
    assert_eq!(job.accounting().unwrap().terminated_processes, 1);
    leader.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    assert_eq!(next(&told), (ActiveProcessLimit, 0), "the kernel refused a fork");
    finish(leader);
}

#[test]
fn one_subscription_at_a_time_until_its_last_handle_is_closed() {
    let Some(job) = job() else { return };
    let (told, same_job) = (job.notifications().unwrap(), job.try_clone().unwrap());
    let copy = told.try_clone().unwrap();
    told.close().unwrap();
    for job in [&job, &same_job] {
        assert_eq!(job.notifications().unwrap_err().win32(), 87);
    }
    let child = job.spawn(&mut cat()).unwrap();
    assert_eq!(next(&copy), (NewProcess, child.id()), "a copy goes on");
    drop(copy);
    let anew = same_job.notifications().unwrap();
    assert_eq!(next(&anew), (NewProcess, child.id()));
    finish(child);
}

#[test]
fn without_the_right_to_change_the_job_there_are_none() {
    let Some(_) = job() else { return };
    let named = Job::options().namespace(&here()).create("watched").unwrap();
    let watcher = Job::options().namespace(&here()).access(Access(0x0004)).open(&named.name().unwrap()).unwrap();
    assert_eq!(watcher.notifications().unwrap_err().win32(), 5);
    let terminated = named.notifications().unwrap();
    named.terminate(1).unwrap();
    assert_eq!(terminated.try_recv().unwrap(), None, "a job that is empty does not become so");
}

#[test]
fn notifications_are_waited_for_with_anything_and_without_a_thread() {
    let Some(job) = job() else { return };
    let (told, stop) = (job.notifications().unwrap(), Event::options().namespace(&here()).unnamed(Reset::Auto).unwrap());
    assert!(wait_any(&[&stop, &told], Duration::ZERO).unwrap().won().is_none());
    let child = job.spawn(&mut cat()).unwrap();
    assert_eq!(wait_any(&[&stop, &told], None).unwrap().won().unwrap().index(), 1);
    assert_eq!(pollster::block_on(told.recv_async()).unwrap().pid, child.id(), "the wait took nothing");
    stop.set().unwrap();
    assert_eq!(wait_any(&[&stop, &told], None).unwrap().won().unwrap().index(), 0);
    let next = told.recv_async();
    let pid = child.id();
    finish(child);
    let told = pollster::block_on(next).unwrap();
    assert_eq!((told.message, told.pid), (ExitProcess, pid));
}

#[test]
fn they_do_not_keep_the_job_and_tell_of_its_end() {
    let Some(job) = job() else { return };
    let told = job.notifications().unwrap();
    let mut child = job.spawn(&mut cat()).unwrap();
    assert_eq!(next(&told), (NewProcess, child.id()));
    job.close().unwrap(); // and kills
    assert_eq!([next(&told), next(&told)], [(ExitProcess, child.id()), (ActiveProcessZero, 0)]);
    child.wait().unwrap();
}

#[test]
fn many_end_at_once_and_each_is_told_once() {
    let Some(job) = job() else { return };
    let told = job.notifications().unwrap();
    let mut leader = job.spawn(&mut shell("for i in $(seq 200); do sleep 1000 & done; echo; exec cat")).unwrap();
    line(&mut BufReader::new(leader.stdout.take().unwrap()));
    let mut members = std::collections::BTreeSet::new();
    let mut ended = members.clone();
    // Beside the sleepers and their leader there was `seq`, and a shell for it, perhaps.
    while !job.pids().unwrap().iter().all(|pid| members.contains(pid)) {
        match next(&told) {
            (NewProcess, pid) => assert!(members.insert(pid)),
            (message, pid) => assert!(message == ExitProcess && members.contains(&pid) && ended.insert(pid)),
        }
    }
    job.terminate(1).unwrap();
    loop {
        match next(&told) {
            (ExitProcess, pid) => assert!(members.contains(&pid) && ended.insert(pid)),
            last => break assert_eq!(last, (ActiveProcessZero, 0)),
        }
    }
    assert_eq!(ended, members);
    leader.wait().unwrap();
}

#[test]
fn nothing_is_left_of_closed_notifications() {
    if job().is_none() {
        return;
    }
    let alone = Namespace::session(&format!("notices-usage-{}", std::process::id())).unwrap();
    let job = Job::options().namespace(&alone).kill_on_close().unnamed().unwrap();
    let child = job.spawn(&mut cat()).unwrap();
    drop(job.notifications().unwrap());
    let before = usage(&alone).objects;
    for _ in 0..20 {
        assert_eq!(next(&job.notifications().unwrap()), (NewProcess, child.id()));
    }
    assert_eq!(usage(&alone).objects, before);
    finish(child);
}

/// Runs the test of that name in a process of its own.
fn another(role: &str, session: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_role_for_other_tests", "--nocapture"]).env("BYNAME_TEST_ROLE", role).env("BYNAME_SESSION", session);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

#[test]
fn a_role_for_other_tests() {
    match std::env::var("BYNAME_TEST_ROLE").as_deref() {
        Ok("inside") => inside(),
        Ok("assigns") => assigns(),
        Ok("scarce") => scarce(),
        _ => {}
    }
}

/// Reads the line that begins so.
fn said(child: &mut Child, what: &str) -> u32 {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines.map_while(Result::ok).find_map(|line| line.strip_prefix(what).map(str::to_owned)).unwrap().trim().parse().unwrap()
}

fn say(what: &str, pid: u32) {
    println!("\n{what}{pid}");
    std::io::stdout().flush().unwrap();
}

fn read_line() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// A member of a job that makes one itself.
fn inside() {
    read_line(); // it has been assigned
    let inner = Job::options().kill_on_close().unnamed().unwrap();
    let told = inner.notifications().unwrap();
    let member = inner.spawn(&mut cat()).unwrap();
    assert_eq!(next(&told), (NewProcess, member.id()), "the job's own are told, too");
    say("member ", member.id());
    read_line();
    let pid = member.id();
    finish(member);
    assert_eq!([next(&told), next(&told)], [(ExitProcess, pid), (ActiveProcessZero, 0)]);
    say("told ", 1);
    read_line();
}

#[test]
fn a_job_tells_of_those_inside_jobs_inside_it() {
    let Some(outer) = job() else { return };
    let told = outer.notifications().unwrap();
    let mut child = another("inside", &format!("notices-inside-{}", std::process::id())).spawn().unwrap();
    let go = |child: &Child| child.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    outer.assign(child.id()).unwrap();
    assert_eq!(next(&told), (NewProcess, child.id()));
    go(&child);
    let member = said(&mut child, "member ");
    let mut seen = vec![next(&told)];
    while seen.last() != Some(&(NewProcess, member)) {
        seen.push(next(&told)); // the guard of the inner job is forked by a member: it may have been seen
    }
    go(&child);
    said(&mut child, "told ");
    while seen.last() != Some(&(ExitProcess, member)) {
        seen.push(next(&told));
    }
    assert_eq!(seen.iter().filter(|(_, pid)| *pid == member).count(), 2);
    outer.terminate(0).unwrap();
    while seen.last() != Some(&(ActiveProcessZero, 0)) {
        seen.push(next(&told));
    }
    child.wait().unwrap();
    drop(Event::options().namespace(&Namespace::session(&format!("notices-inside-{}", std::process::id())).unwrap()).unnamed(Reset::Auto));
}

/// Puts another process into a job of that name, and ends.
fn assigns() {
    let job = Job::open("shared").unwrap();
    let child = job.spawn(&mut cat()).unwrap();
    say("member ", child.id());
    read_line();
    finish(child);
}

#[test]
fn whoever_puts_a_process_in_it_is_told_to_all_that_ask() {
    if job().is_none() {
        return;
    }
    let session = format!("notices-shared-{}", std::process::id());
    let there = Namespace::session(&session).unwrap();
    let job = Job::options().namespace(&there).kill_on_close().create("shared").unwrap();
    let told = job.notifications().unwrap();
    for _ in 0..3 {
        let mut other = another("assigns", &session).spawn().unwrap();
        let member = said(&mut other, "member ");
        assert_eq!(next(&told), (NewProcess, member));
        finish(other);
        assert_eq!([next(&told), next(&told)], [(ExitProcess, member), (ActiveProcessZero, 0)]);
    }
}

/// All descriptors that are left.
fn take_all() -> Vec<std::os::fd::OwnedFd> {
    std::iter::from_fn(|| rustix::io::dup(std::io::stdin()).ok()).collect()
}

fn limit_descriptors(to: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(to), maximum }).unwrap();
}

fn scarce() {
    limit_descriptors(100);
    let job = Job::options().kill_on_close().unnamed().unwrap();
    let mut leader =
        job.spawn(&mut shell("read go; for i in $(seq 40); do sleep 1000 & done; echo; read go; sleep 1000 & echo $!; exec cat")).unwrap();
    let mut output = BufReader::new(leader.stdout.take().unwrap());
    let go = |leader: &Child| leader.stdin.as_ref().unwrap().write_all(b"\n").unwrap();
    let taken = take_all();
    assert_eq!(job.notifications().unwrap_err().kind(), ErrorKind::LimitReached);
    drop(taken);
    let told = job.notifications().unwrap();
    assert_eq!(next(&told), (NewProcess, leader.id()));

    go(&leader);
    line(&mut output);
    let mut members = std::collections::BTreeSet::from([leader.id()]);
    while members.len() < job.pids().unwrap().len() {
        match next(&told) {
            (NewProcess, pid) => assert!(members.insert(pid)),
            (message, pid) => assert!(message == ExitProcess && members.remove(&pid), "`seq`, and its shell"),
        }
    }
    let taken = take_all();
    assert!(taken.len() > 40, "the program has most of its descriptors: {}", taken.len());
    go(&leader);
    let forked: u32 = line(&mut output).parse().unwrap();
    assert_eq!(told.recv_for(Duration::from_millis(150)).unwrap(), None, "nobody can be counted; and nobody is said to have ended");
    drop(taken);
    assert_eq!(next(&told), (NewProcess, forked));
    members.insert(forked);
    job.terminate(0).unwrap();
    while !members.is_empty() {
        match next(&told) {
            (ExitProcess, pid) => assert!(members.remove(&pid)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next(&told), (ActiveProcessZero, 0));
    leader.wait().unwrap();
    say("well ", 1);
}

#[test]
fn where_descriptors_are_scarce_it_is_told_late_and_nothing_is_lost() {
    if job().is_none() {
        return;
    }
    let mut child = another("scarce", &format!("notices-scarce-{}", std::process::id())).spawn().unwrap();
    said(&mut child, "well ");
    assert!(child.wait().unwrap().success());
}
