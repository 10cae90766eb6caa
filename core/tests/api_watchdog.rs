//! The typed watchdog: contract 9.8.

mod api_support;

use api_support::{Count, LONG, SHORT, poll_with, session, watchdog};
use byname::WatchdogStage::{Expired, Grace, Running, Stopped};
use byname::{Access, Action, ErrorKind, Event, Namespace, Reset, Watchdog, set_reset_hook, wait_any};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ROLE: &str = "BYNAME_TEST_ROLE";
const NOW: Duration = Duration::ZERO;
const MS: Duration = Duration::from_millis(1);

fn unnamed(period: Duration, grace: Duration, action: Action) -> Watchdog {
    Watchdog::unnamed(period, grace, action).unwrap()
}

#[test]
fn each_stage_answers_each_call() {
    let _watched = watchdog();
    let dog = unnamed(LONG, LONG, Action::None);
    assert_eq!(dog.state().unwrap().stage, Stopped);
    dog.refresh().unwrap();
    dog.stop().unwrap();
    assert_eq!((dog.state().unwrap().stage, dog.state().unwrap().pid), (Stopped, None));
    dog.start().unwrap();
    let state = dog.state().unwrap();
    assert_eq!((state.stage, state.pid, state.period, state.grace), (Running, Some(std::process::id()), LONG, LONG));
    assert!(state.remaining.is_some_and(|left| left <= LONG) && dog.wait_for(NOW).unwrap().is_none());
    dog.stop().unwrap();
    assert_eq!(dog.state().unwrap().stage, Stopped);

    let dog = unnamed(MS, LONG, Action::Kill);
    for end in [Watchdog::start, Watchdog::refresh, Watchdog::stop] {
        dog.start().unwrap();
        dog.wait().unwrap();
        assert_eq!(dog.state().unwrap().stage, Grace);
        end(&dog).unwrap();
        assert!(matches!(dog.state().unwrap().stage, Running | Stopped | Grace), "or it has come round again");
    }
    assert_eq!(dog.wait_for(SHORT).unwrap(), None, "WD10");

    let dog = unnamed(MS, NOW, Action::None);
    for end in [Watchdog::start, Watchdog::refresh] {
        dog.start().unwrap();
        dog.wait().unwrap();
        assert_eq!((dog.state().unwrap().stage, dog.is_signaled().unwrap()), (Expired, true), "WD2, WD9");
        let begun = Instant::now();
        end(&dog).unwrap();
        dog.wait().unwrap();
        assert!(begun.elapsed() >= MS, "a period more");
    }
    dog.stop().unwrap();
    assert_eq!(dog.wait_for(NOW).unwrap(), None);
}

#[test]
fn it_is_never_early() {
    let _watched = watchdog();
    let dog = unnamed(5 * MS, NOW, Action::None);
    let begun = Instant::now();
    dog.start().unwrap();
    dog.wait().unwrap();
    assert!(begun.elapsed() >= 5 * MS);
    let mut last = Instant::now();
    dog.start().unwrap();
    for _ in 0..10 {
        thread::sleep(MS);
        last = Instant::now();
        dog.refresh().unwrap();
    }
    dog.wait().unwrap();
    assert!(last.elapsed() >= 5 * MS || dog.state().unwrap().stage == Expired);
}

#[test]
fn futures_and_lists_wait_for_it() {
    let _watched = watchdog();
    let dog = unnamed(2 * MS, NOW, Action::None);
    let (mut wait, count) = (dog.wait_async(), Count::new());
    assert!(poll_with(&mut wait, &count).is_pending());
    dog.start().unwrap();
    count.await_calls(1);
    assert!(poll_with(&mut wait, &count).is_ready());
    let event = Event::unnamed(Reset::Auto).unwrap();
    dog.start().unwrap();
    assert_eq!(wait_any(&[&event, &dog], None).unwrap().won().unwrap().index(), 1);
}

#[test]
fn who_waits_at_a_start_learns_of_it() {
    let _watched = watchdog();
    let dog = unnamed(2 * MS, NOW, Action::None);
    thread::scope(|s| {
        let waiter = s.spawn(|| dog.wait());
        while byname::engine::usage(&Namespace::local().unwrap()).waiters == 0 {
            thread::yield_now();
        }
        dog.start().unwrap();
        waiter.join().unwrap().unwrap();
    });
}

#[test]
fn times_out_of_range_are_refused_before_the_name_is_looked_at() {
    let too_long = Duration::from_millis(1 << 31);
    for (period, grace) in [(NOW, NOW), (too_long, NOW), (MS, too_long), (Duration::MAX, NOW)] {
        let refused = Watchdog::create("\\", period, grace, Action::None).unwrap_err();
        assert_eq!((refused.kind(), refused.win32()), (ErrorKind::InvalidArgument, 87));
    }
    unnamed(too_long - MS, too_long - MS, Action::None).start().unwrap();
}

#[test]
fn rights_and_existing_ones() {
    let options = Watchdog::options();
    let waits = options.access(Access::SYNCHRONIZE).unnamed(MS, NOW, Action::None).unwrap();
    for change in [Watchdog::start, Watchdog::refresh, Watchdog::stop] {
        assert_eq!(change(&waits).unwrap_err().win32(), 5);
    }
    assert_eq!(waits.state().unwrap_err().win32(), 5);
    let here = session();
    let options = options.namespace(&here);
    let first = options.create("existing dog", LONG, LONG, Action::Kill).unwrap();
    first.start().unwrap();
    let again = options.create("existing dog", MS, NOW, Action::None).unwrap();
    assert!(!again.created() && again.state().unwrap().action == Action::Kill && again.state().unwrap().stage == Running);
    first.stop().unwrap();
    assert_eq!(again.state().unwrap().stage, Stopped);
}

#[test]
fn a_device_is_reset_by_a_hook_and_only_by_one() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let _watched = watchdog();
    let dog = unnamed(MS, NOW, Action::ResetDevice(0xD06));
    let refused = dog.start().unwrap_err();
    assert_eq!((refused.kind(), refused.win32()), (ErrorKind::AccessDenied, 5), "WD3");
    set_reset_hook(Some(|param| {
        ASKED.fetch_add(param, Ordering::SeqCst);
        panic!("somebody else's code");
    }));
    dog.start().unwrap();
    while dog.state().unwrap().stage != Expired || ASKED.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    thread::sleep(SHORT);
    assert_eq!(ASKED.load(Ordering::SeqCst), 0xD06, "once");
    set_reset_hook(None::<fn(u32)>);
}

#[test]
fn a_refresh_tells_systemd_where_it_was_asked_to() {
    let _watched = watchdog();
    let name = format!("byname-test-{}", std::process::id());
    let systemd = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    ends_well(command("notifier", session().session_name().unwrap()).env("NOTIFY_SOCKET", format!("@{name}")).spawn().unwrap());
    let mut text = [0; 64];
    let length = systemd.recv(&mut text).unwrap();
    assert_eq!(&text[..length], b"WATCHDOG=1");
    systemd.set_nonblocking(true).unwrap();
    assert!(systemd.recv(&mut text).is_err(), "one of them told, once");
}

/// The test binary again, in a role.
fn child(role: &str, namespace: &Namespace) -> Child {
    command(role, namespace.session_name().unwrap()).spawn().unwrap()
}

fn command(role: &str, session: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_child", "--nocapture"]).env(ROLE, role).env("BYNAME_SESSION", session);
    command
}

fn ends_well(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

fn dog(name: &str, action: Action) -> Watchdog {
    Watchdog::create(name, 30 * MS, 30 * MS, action).unwrap()
}

fn in_session(namespace: &Namespace, name: &str) -> Watchdog {
    Watchdog::options().namespace(namespace).create(name, 30 * MS, 30 * MS, Action::Kill).unwrap()
}

/// Not a test of its own: what a child does.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "hangs" | "alone and stopped" => {
            let dog = dog("kills", Action::Kill);
            dog.start().unwrap();
            if role != "hangs" {
                thread::sleep(5 * MS);
                stop_self();
            }
            loop {
                thread::park();
            }
        }
        "refreshes" => {
            let dog = Watchdog::create("alone, refreshes", 200 * MS, 200 * MS, Action::Kill).unwrap();
            dog.start().unwrap();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(1200) {
                dog.refresh().unwrap();
                thread::sleep(MS);
            }
            dog.stop().unwrap();
            thread::sleep(Duration::from_millis(600));
        }
        "refreshes one that is stopped" => {
            let (stopped, runs) = (dog("stopped", Action::Kill), Watchdog::create("runs", LONG, LONG, Action::Kill).unwrap());
            stopped.start().unwrap();
            stopped.stop().unwrap();
            runs.start().unwrap();
            for _ in 0..5 {
                thread::sleep(200 * MS); // the keeper has the kernel's timer armed
                stopped.refresh().unwrap();
            }
            thread::sleep(200 * MS);
        }
        "closes" => {
            let dog = Watchdog::create("closed", 1000 * MS, NOW, Action::Kill).unwrap();
            dog.start().unwrap();
            thread::sleep(100 * MS); // the keeper has the kernel's timer armed
            dog.close().unwrap();
            stop_self();
        }
        "stopped" => {
            let dog = dog("kills", Action::Kill);
            dog.start().unwrap();
            stop_self();
        }
        "starts and ends" => dog("kills", Action::Kill).start().unwrap(),
        "notifier" => {
            let (quiet, telling) = (dog("quiet", Action::None), dog("telling", Action::None));
            telling.notify_systemd(true).unwrap();
            quiet.refresh().unwrap();
            telling.refresh().unwrap();
            telling.notify_systemd(false).unwrap();
            telling.refresh().unwrap();
        }
        unknown => panic!("no such role: {unknown}"),
    }
}

fn stop_self() {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP).unwrap();
}

fn is_killed(mut child: Child) {
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

fn alone(name: &str) -> Namespace {
    Namespace::session(&format!("dog-{name}-{}", std::process::id())).unwrap()
}

#[test]
fn it_kills_who_started_it_and_nobody_else() {
    let _watched = watchdog();
    let here = alone("hangs");
    let dog = in_session(&here, "kills");
    is_killed(child("hangs", &here)); // WD1: we made it
    assert!(dog.is_signaled().unwrap(), "WD8");
    dog.wait().unwrap();
    dog.stop().unwrap();
}

#[test]
fn one_who_is_stopped_does_not_refresh() {
    let _watched = watchdog();
    let here = alone("stopped");
    let _dog = in_session(&here, "kills");
    is_killed(child("stopped", &here)); // WD11: by us, its neighbour
}

/// Nobody else is in the session: it is the kernel that kills.
#[test]
fn one_who_is_alone_and_stopped_is_killed() {
    let _watched = watchdog();
    let name = format!("dog-alone-{}", std::process::id());
    is_killed(command("alone and stopped", &name).spawn().unwrap());
    drop(Namespace::session(&name)); // whose file he could not remove
}

#[test]
fn one_who_is_alone_and_refreshes_lives() {
    let _watched = watchdog();
    ends_well(command("refreshes", &format!("dog-lives-{}", std::process::id())).spawn().unwrap());
}

/// The refresh does nothing; and the other watchdog's time has not come.
#[test]
fn one_who_is_alone_and_refreshes_a_stopped_one_lives() {
    let _watched = watchdog();
    ends_well(command("refreshes one that is stopped", &format!("dog-idle-{}", std::process::id())).spawn().unwrap());
}

/// WD7, and nobody is there to do anything after the close.
#[test]
fn one_who_is_alone_and_has_closed_it_is_not_killed() {
    let _watched = watchdog();
    let child = command("closes", &format!("dog-closed-{}", std::process::id())).spawn().unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    while !state().contains(") T") {
        thread::sleep(MS);
    }
    thread::sleep(1200 * MS);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::CONT).unwrap();
    ends_well(child);
}

#[test]
fn who_has_ended_is_not_killed_and_the_watchdog_runs_on() {
    let _watched = watchdog();
    let here = alone("ended");
    let dog = Watchdog::options().namespace(&here).create("kills", 400 * MS, 400 * MS, Action::Kill).unwrap();
    ends_well(child("starts and ends", &here));
    dog.wait().unwrap(); // WD5
    while dog.state().unwrap().stage != Expired {
        thread::yield_now();
    }
    dog.refresh().unwrap(); // WD6
    assert!(matches!(dog.state().unwrap().stage, Running | Grace));
}

/// WD4: in the grace somebody saves the watched one.
#[test]
fn a_stop_in_the_grace_saves_it() {
    let _watched = watchdog();
    let here = alone("saved");
    let dog = Watchdog::options().namespace(&here).create("kills", 30 * MS, LONG, Action::Kill).unwrap();
    let mut hung = child("hangs", &here);
    dog.wait().unwrap();
    dog.stop().unwrap();
    assert!(hung.try_wait().unwrap().is_none());
    hung.kill().unwrap();
    hung.wait().unwrap();
}
