//! Pollable descriptors, as a program with an epoll loop of its own uses them: alone, and between two processes.

mod api_support;

use api_support::{SHORT, session, watchdog};
use byname::{Access, ErrorKind, Event, Mutex, Namespace, Pollable, Reset, Semaphore, engine};
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use std::process::{Child, Command};
use std::time::Duration;

const ROLE: &str = "BYNAME_TEST_ROLE";
const ROUNDS: u32 = 10_000;
const NOW: Duration = Duration::ZERO;

/// Whether the descriptor is readable at this moment.
fn is_readable(pollable: &Pollable) -> bool {
    poll(&mut [PollFd::new(pollable, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

/// Sleeps until it is.
fn await_readable(pollable: &Pollable) {
    assert_eq!(poll(&mut [PollFd::new(pollable, PollFlags::IN)], None).unwrap(), 1);
}

/// The test binary again, in a role.
fn child(role: &str) -> Child {
    let namespace = session();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture"])
        .env(ROLE, role)
        .env("BYNAME_SESSION", namespace.session_name().unwrap())
        .spawn()
        .unwrap()
}

fn ends_well(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

/// Not a test of its own: what a child does.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let here = Namespace::local().unwrap();
    let event = |name: &str| Event::options().namespace(&here).create(name, Reset::Auto).unwrap();
    match role.as_str() {
        "setter" => {
            let (ping, pong) = (event("ping"), event("pong"));
            for _ in 0..ROUNDS {
                ping.set().unwrap();
                pong.wait().unwrap();
            }
        }
        "poster" => {
            let (permits, pong) = (Semaphore::options().namespace(&here).create("permits", 0, 3).unwrap(), event("more"));
            for _ in 0..ROUNDS / 10 {
                permits.release(3).unwrap();
                pong.wait().unwrap();
            }
        }
        "owner" => {
            let mutex = Mutex::options().namespace(&here).create("watched mutex").unwrap();
            mutex.lock().unwrap().keep();
            event("owned").set().unwrap();
            Event::unnamed(Reset::Auto).unwrap().wait().unwrap(); // until killed
        }
        "watcher" => {
            let event = event("watched by the dead");
            let _pollable = event.pollable().unwrap();
            self::ready(&here);
            Event::unnamed(Reset::Auto).unwrap().wait().unwrap();
        }
        unknown => panic!("no such role: {unknown}"),
    }
}

fn ready(here: &Namespace) {
    Event::options().namespace(here).create("ready", Reset::Auto).unwrap().set().unwrap();
}

#[test]
fn an_event_is_readable_until_a_try_fails() {
    let _watchdog = watchdog();
    let event = Event::options().namespace(&session()).create("one event", Reset::Auto).unwrap();
    let pollable = event.pollable().unwrap();
    assert!(!is_readable(&pollable));
    for _ in 0..3 {
        event.set().unwrap();
        await_readable(&pollable);
        assert!(event.is_set().unwrap(), "nothing is consumed");
        assert!(event.wait_for(NOW).unwrap().is_some());
        assert!(event.wait_for(NOW).unwrap().is_none());
        assert!(!is_readable(&pollable), "the try that failed has made it unreadable");
    }
}

#[test]
fn what_is_signalled_is_readable_from_the_beginning() {
    let _watchdog = watchdog();
    let namespace = session();
    let event = Event::options().namespace(&namespace).initially_set().unnamed(Reset::Manual).unwrap();
    let mutex = Mutex::options().namespace(&namespace).unnamed().unwrap();
    let semaphore = Semaphore::options().namespace(&namespace).unnamed(1, 1).unwrap();
    for pollable in [event.pollable(), mutex.pollable(), semaphore.pollable()] {
        assert!(is_readable(&pollable.unwrap()));
    }
    let pollable = event.pollable().unwrap();
    for _ in 0..3 {
        assert!(event.wait_for(NOW).unwrap().is_some());
        assert!(is_readable(&pollable), "a manual event stays set");
    }
    event.reset().unwrap();
    assert!(event.wait_for(NOW).unwrap().is_none());
    assert!(!is_readable(&pollable));
}

#[test]
fn no_signal_of_another_process_is_missed() {
    let _watchdog = watchdog();
    let options = Event::options().namespace(&session());
    let (ping, pong) = (options.create("ping", Reset::Auto).unwrap(), options.create("pong", Reset::Auto).unwrap());
    let pollable = ping.pollable().unwrap();
    let loop_ = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    epoll::add(&loop_, &pollable, epoll::EventData::new_u64(7), epoll::EventFlags::IN).unwrap();
    let setter = child("setter");
    let mut taken = 0;
    while taken < ROUNDS {
        let mut events = Vec::with_capacity(4);
        epoll::wait(&loop_, rustix::buffer::spare_capacity(&mut events), None).unwrap();
        assert_eq!(events.len(), 1);
        if ping.wait_for(NOW).unwrap().is_some() {
            taken += 1;
            pong.set().unwrap();
        }
    }
    ends_well(setter);
    assert!(ping.wait_for(NOW).unwrap().is_none(), "as many as were set");
}

#[test]
fn nor_with_edges_where_one_tries_until_it_fails() {
    let _watchdog = watchdog();
    let namespace = session();
    let permits = Semaphore::options().namespace(&namespace).create("permits", 0, 3).unwrap();
    let more = Event::options().namespace(&namespace).create("more", Reset::Auto).unwrap();
    let pollable = permits.pollable().unwrap();
    let loop_ = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    epoll::add(&loop_, &pollable, epoll::EventData::new_u64(7), epoll::EventFlags::IN | epoll::EventFlags::ET).unwrap();
    let poster = child("poster");
    let mut taken = 0;
    while taken < 3 * (ROUNDS / 10) {
        epoll::wait(&loop_, rustix::buffer::spare_capacity(&mut Vec::with_capacity(4)), None).unwrap();
        while let Some(permit) = permits.try_acquire().unwrap() {
            std::mem::forget(permit); // used up
            taken += 1;
            if taken % 3 == 0 {
                more.set().unwrap();
            }
        }
    }
    ends_well(poster);
}

#[test]
fn a_watch_takes_nothing_from_those_who_wait() {
    let _watchdog = watchdog();
    let event = Event::options().namespace(&session()).unnamed(Reset::Auto).unwrap();
    let pollables = [event.pollable().unwrap(), event.pollable().unwrap()];
    let mut waiter = event.wait_async();
    assert!(api_support::poll_once(&mut waiter).is_pending());
    event.set().unwrap();
    pollster::block_on(waiter).unwrap();
    assert!(!event.is_set().unwrap());
    assert!(pollables.iter().all(|p| !is_readable(p)), "it did not stay signalled, so nobody was told");
    event.set().unwrap();
    pollables.iter().for_each(await_readable);
    assert!(event.wait_for(NOW).unwrap().is_some());
    assert!(event.wait_for(NOW).unwrap().is_none());
    assert!(pollables.iter().all(|p| !is_readable(p)));
}

#[test]
fn a_pulse_releases_and_makes_nothing_readable() {
    let _watchdog = watchdog();
    let event = Event::options().namespace(&session()).unnamed(Reset::Manual).unwrap();
    let pollable = event.pollable().unwrap();
    let mut waiter = event.wait_async();
    assert!(api_support::poll_once(&mut waiter).is_pending());
    event.pulse().unwrap();
    pollster::block_on(waiter).unwrap();
    assert!(!is_readable(&pollable));
    event.set().unwrap();
    await_readable(&pollable);
}

#[test]
fn a_mutex_is_readable_when_it_is_free_whoever_was_woken_for_it() {
    let _watchdog = watchdog();
    let mutex = Mutex::options().namespace(&session()).unnamed().unwrap();
    let pollable = mutex.pollable().unwrap();
    for round in 0..200 {
        let guard = mutex.lock().unwrap();
        std::thread::scope(|s| {
            s.spawn(|| assert!(mutex.try_lock().unwrap().is_none())).join().unwrap();
            assert!(!is_readable(&pollable), "round {round}");
            let waiter = s.spawn(|| mutex.lock().unwrap().release().unwrap());
            guard.release().unwrap();
            waiter.join().unwrap();
        });
        await_readable(&pollable);
    }
}

#[test]
fn an_abandoned_mutex_is_free() {
    let _watchdog = watchdog();
    let namespace = session();
    let mutex = Mutex::options().namespace(&namespace).create("watched mutex").unwrap();
    let owned = Event::options().namespace(&namespace).create("owned", Reset::Auto).unwrap();
    let mut owner = child("owner");
    owned.wait().unwrap();
    let pollable = mutex.pollable().unwrap();
    assert!(!is_readable(&pollable));
    owner.kill().unwrap();
    owner.wait().unwrap();
    await_readable(&pollable);
    assert!(mutex.try_lock().unwrap().unwrap().abandoned());
}

#[test]
fn a_dead_watcher_leaves_nothing_and_takes_nothing() {
    let _watchdog = watchdog();
    let namespace = session();
    let options = Event::options().namespace(&namespace);
    let event = options.create("watched by the dead", Reset::Auto).unwrap();
    let ready = options.create("ready", Reset::Auto).unwrap();
    for set_before in [true, false] {
        let mut watcher = child("watcher");
        ready.wait().unwrap();
        if set_before {
            event.set().unwrap(); // its watch is granted and never looked at
        }
        watcher.kill().unwrap();
        watcher.wait().unwrap();
        let pollable = event.pollable().unwrap();
        event.set().unwrap();
        await_readable(&pollable);
        assert!(event.wait_for(NOW).unwrap().is_some());
        assert!(event.wait_for(NOW).unwrap().is_none(), "nothing was given back for the dead");
        assert!(event.wait_for(SHORT).unwrap().is_none(), "nor later, by its reaper");
    }
}

#[test]
fn lists_calm_it_too() {
    let _watchdog = watchdog();
    let namespace = session();
    let [one, two] = [(); 2].map(|()| Event::options().namespace(&namespace).unnamed(Reset::Auto).unwrap());
    let pollable = one.pollable().unwrap();
    one.set().unwrap();
    await_readable(&pollable);
    one.reset().unwrap();
    assert!(is_readable(&pollable), "a reset does not look");
    assert!(matches!(byname::wait_any(&[&one, &two], NOW).unwrap(), byname::Wait::TimedOut));
    assert!(!is_readable(&pollable));
    one.set().unwrap();
    await_readable(&pollable);
    assert!(matches!(byname::wait_all(&[&one, &two], NOW).unwrap(), byname::Wait::TimedOut));
    assert!(is_readable(&pollable), "of the two only this one is set");
}

#[test]
fn a_descriptor_outlives_the_handle_and_goes_without_a_trace() {
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("api-{}-trace", std::process::id())).unwrap();
    let options = Event::options().namespace(&namespace);
    let event = options.create("outlived", Reset::Auto).unwrap();
    let used = || engine::Usage { handles: 0, ..engine::usage(&namespace) }; // handles are the process's: other tests make some
    let before = used();
    for _ in 0..300 {
        let pollable = event.pollable().unwrap();
        event.set().unwrap();
        await_readable(&pollable);
        event.reset().unwrap();
    }
    assert_eq!(used(), before);
    let pollable = event.pollable().unwrap();
    event.close().unwrap();
    let found = options.open("outlived").unwrap();
    found.set().unwrap();
    await_readable(&pollable);
    drop((pollable, found));
    assert_eq!(options.open("outlived").unwrap_err().kind(), ErrorKind::NotFound);
}

/// So many waits that the record of a watch is used again at once: what the keeper still has to say of the watch before makes nothing readable, and
/// does not keep the next one from being told.
#[test]
fn a_watch_is_told_of_its_own_signal_only() {
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("api-{}-own-signal", std::process::id())).unwrap();
    let events = Event::options().namespace(&namespace);
    let [never, event, other] = [(); 3].map(|()| events.unnamed(Reset::Auto).unwrap());
    let pollable = event.pollable().unwrap();
    for others in 0..16 {
        let mut others: Vec<_> = (0..others).map(|_| never.wait_async()).collect();
        others.iter_mut().for_each(|wait| assert!(api_support::poll_once(wait).is_pending()));
        for round in 0..100 {
            for _ in 0..4 {
                event.set().unwrap();
                assert!(event.wait_for(NOW).unwrap().is_some());
                assert!(event.wait_for(NOW).unwrap().is_none());
            }
            let keeper = other.pollable().unwrap();
            other.set().unwrap();
            await_readable(&keeper); // it has been here
            assert!(other.wait_for(NOW).unwrap().is_some());
            assert!(event.wait_for(NOW).unwrap().is_none());
            assert!(!is_readable(&pollable), "round {round} beside {} others", others.len());
            event.set().unwrap();
            await_readable(&pollable);
            assert!(event.wait_for(NOW).unwrap().is_some());
            assert!(event.wait_for(NOW).unwrap().is_none());
        }
    }
}

thread_local! {
    static LAST: std::cell::RefCell<Option<Pollable>> = const { std::cell::RefCell::new(None) };
}

/// How many descriptors a loop watches: those that are closed everywhere are not among them.
fn watched(loop_: &impl std::os::fd::AsRawFd) -> usize {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", loop_.as_raw_fd())).unwrap();
    info.lines().filter(|line| line.starts_with("tfd:")).count()
}

#[test]
fn it_is_closed_by_the_last_destructors_of_a_thread_too() {
    let _watchdog = watchdog();
    let event = Event::options().namespace(&session()).unnamed(Reset::Auto).unwrap();
    let loop_ = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    std::thread::scope(|s| {
        s.spawn(|| {
            LAST.with_borrow_mut(|last| {
                let pollable = last.insert(event.pollable().unwrap());
                epoll::add(&loop_, &*pollable, epoll::EventData::new_u64(7), epoll::EventFlags::IN).unwrap();
            })
        })
        .join()
        .unwrap();
    });
    assert_eq!(watched(&loop_), 0);
}

#[test]
fn it_needs_the_right_to_wait() {
    let event = Event::options().namespace(&session()).access(Access::MODIFY_STATE).unnamed(Reset::Auto).unwrap();
    assert_eq!(event.pollable().unwrap_err().win32(), 5);
}
