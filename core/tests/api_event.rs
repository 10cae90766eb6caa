//! The typed event: contract 4.

mod api_support;

use api_support::{LONG, SHORT, poll_once, session, watchdog};
use byname::{Event, Reset};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

fn unnamed(reset: Reset) -> Event {
    Event::unnamed(reset).unwrap()
}

fn is_free(event: &Event) -> bool {
    event.wait_for(Duration::ZERO).unwrap().is_some()
}

#[test]
fn an_auto_event_lets_one_wait_through() {
    let event = unnamed(Reset::Auto);
    assert!(!is_free(&event));
    for _ in 0..3 {
        event.set().unwrap();
    }
    assert!(event.is_set().unwrap(), "looking consumes nothing");
    assert_eq!((is_free(&event), is_free(&event)), (true, false), "E1: no counter");
}

#[test]
fn a_manual_event_stays_set() {
    let event = unnamed(Reset::Manual);
    event.set().unwrap();
    event.set().unwrap();
    assert_eq!((is_free(&event), is_free(&event)), (true, true));
    event.reset().unwrap();
    event.reset().unwrap();
    assert!(!is_free(&event) && !event.is_set().unwrap(), "E2");
}

#[test]
fn a_pulse_with_nobody_waiting_leaves_it_unset() {
    for reset in [Reset::Manual, Reset::Auto] {
        let event = unnamed(reset);
        event.set().unwrap();
        event.pulse().unwrap();
        assert!(!event.is_set().unwrap(), "E3 {reset:?}");
        event.pulse().unwrap();
        assert!(!event.is_set().unwrap());
    }
}

/// The queue may empty between a pulse's look at it and its change of the event.
#[test]
fn a_pulse_leaves_nothing_though_its_waiters_give_up() {
    let _watched = watchdog();
    for reset in [Reset::Manual, Reset::Auto] {
        let event = unnamed(reset);
        let done = AtomicUsize::new(0);
        thread::scope(|s| {
            s.spawn(|| {
                while done.load(Ordering::Relaxed) == 0 {
                    event.wait_for(Duration::from_nanos(1)).unwrap();
                }
            });
            for round in 0..100_000 {
                (0..round % 512).for_each(|_| std::hint::spin_loop()); // at every instant of a wait
                event.pulse().unwrap();
                if event.is_set().unwrap() {
                    done.store(2, Ordering::Relaxed);
                    break;
                }
            }
            done.fetch_max(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 1, "{reset:?}: it is set");
    }
}

#[test]
fn a_pulse_releases_exactly_those_who_wait() {
    for (reset, released) in [(Reset::Manual, 3), (Reset::Auto, 1)] {
        let event = unnamed(reset);
        let mut waits: Vec<_> = (0..3).map(|_| event.wait_async()).collect();
        assert!(waits.iter_mut().all(|wait| poll_once(wait).is_pending()));
        event.pulse().unwrap();
        let mut late = event.wait_async();
        let done = waits.iter_mut().map(poll_once).filter(Poll::is_ready).count();
        assert_eq!(done, released, "E4 {reset:?}");
        assert!(poll_once(&mut late).is_pending(), "who comes later has missed it");
    }
}

#[test]
fn set_then_reset_releases_everybody_who_waited() {
    let event = unnamed(Reset::Manual);
    let mut waits: Vec<_> = (0..5).map(|_| event.wait_async()).collect();
    assert!(waits.iter_mut().all(|wait| poll_once(wait).is_pending()));
    event.set().unwrap();
    event.reset().unwrap();
    assert!(waits.iter_mut().all(|wait| poll_once(wait).is_ready()), "E8");
    assert!(!event.is_set().unwrap());
}

#[test]
fn two_sets_release_two_waiters_of_an_auto_event() {
    let event = unnamed(Reset::Auto);
    let mut waits: Vec<_> = (0..3).map(|_| event.wait_async()).collect();
    assert!(waits.iter_mut().all(|wait| poll_once(wait).is_pending()));
    event.set().unwrap();
    event.set().unwrap();
    assert_eq!(waits.iter_mut().map(poll_once).filter(Poll::is_ready).count(), 2);
    assert!(!event.is_set().unwrap());
}

#[test]
fn blocked_threads_are_released() {
    const THREADS: usize = 4;
    let _watchdog = watchdog();
    let (gate, turn) = (unnamed(Reset::Manual), unnamed(Reset::Auto));
    let through = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                gate.wait().unwrap();
                turn.wait().unwrap();
                through.fetch_add(1, Ordering::SeqCst);
                turn.set().unwrap();
            });
        }
        gate.set().unwrap();
        turn.set().unwrap();
    });
    assert_eq!(through.into_inner(), THREADS);
    assert!(is_free(&turn), "each took one turn and gave one");
}

#[test]
fn a_pulse_reaches_every_thread_inside_a_wait() {
    const THREADS: usize = 3;
    let _watchdog = watchdog();
    let event = unnamed(Reset::Manual);
    let through = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                event.wait().unwrap();
                through.fetch_add(1, Ordering::SeqCst);
            });
        }
        // Nothing tells from outside that a thread is inside its wait: pulse until all have been.
        while through.load(Ordering::SeqCst) < THREADS {
            event.pulse().unwrap();
            thread::yield_now();
        }
    });
    assert!(!event.is_set().unwrap());
}

#[test]
fn a_timed_wait_is_never_early() {
    let event = unnamed(Reset::Auto);
    let start = Instant::now();
    assert_eq!(event.wait_for(SHORT).unwrap(), None);
    assert!(start.elapsed() >= SHORT);
    event.set().unwrap();
    assert_eq!(event.wait_for(LONG).unwrap(), Some(()));
    assert_eq!(event.wait_for(Duration::ZERO).unwrap(), None, "the successful one consumed it");
}

#[test]
fn an_existing_event_ignores_the_arguments() {
    let namespace = session();
    let options = Event::options().namespace(&namespace);
    let manual = options.create("existing event", Reset::Manual).unwrap();
    let again = options.initially_set().create("existing event", Reset::Auto).unwrap();
    assert!(manual.created() && !again.created());
    assert!(!manual.is_set().unwrap(), "its state is not touched");
    again.set().unwrap();
    assert_eq!((is_free(&again), is_free(&manual)), (true, true), "it is manual still");
}

#[test]
fn a_name_begins_anew_when_the_last_handle_is_gone() {
    let namespace = session();
    let options = Event::options().namespace(&namespace);
    let first = options.initially_set().create("begins anew", Reset::Auto).unwrap();
    let second = options.open("begins anew").unwrap();
    first.close().unwrap();
    assert!(second.is_set().unwrap(), "L1: one handle keeps it");
    drop(second);
    assert_eq!(options.open("begins anew").unwrap_err().win32(), 2);
    let fresh = options.create("begins anew", Reset::Auto).unwrap();
    assert!(fresh.created() && !fresh.is_set().unwrap(), "L5");
}
