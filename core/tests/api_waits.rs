//! Waits for several objects through the typed API: contract 10, 3.4 and 11.

mod api_support;

use api_support::{LONG, SHORT, in_thread, poll_once, session, watchdog};
use byname::{Access, ErrorKind, Event, Mutex, Reset, Semaphore, Wait, Waitable, signal_and_wait, wait_all, wait_all_async, wait_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

fn event(reset: Reset) -> Event {
    Event::unnamed(reset).unwrap()
}

fn set_event(reset: Reset) -> Event {
    Event::options().initially_set().unnamed(reset).unwrap()
}

fn abandoned_mutex() -> Mutex {
    let mutex = Mutex::unnamed().unwrap();
    in_thread(|| mutex.lock().unwrap().keep());
    mutex
}

/// The index and whether something was abandoned; `None` for a time-out. Gives everything back.
fn brief(wait: byname::Result<Wait>) -> Option<(usize, bool)> {
    match wait.unwrap() {
        Wait::Signaled(won) => {
            assert!(!won.abandoned());
            Some((won.index(), false))
        }
        Wait::Abandoned(won) => {
            assert!(won.abandoned());
            Some((won.index(), true))
        }
        Wait::TimedOut => None,
    }
}

#[test]
fn wait_any_takes_the_lowest_and_nothing_else() {
    let events: Vec<_> = (0..70).map(|_| set_event(Reset::Auto)).collect();
    let objects: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
    for index in 0..events.len() {
        assert_eq!(brief(wait_any(&objects, Duration::ZERO)), Some((index, false)));
        let set = events.iter().filter(|event| event.is_set().unwrap()).count();
        assert_eq!(set, events.len() - index - 1, "one consumed at a time");
    }
    assert_eq!(brief(wait_any(&objects, Duration::ZERO)), None);
}

#[test]
fn every_length_of_list_is_scanned_whole() {
    for n in 1..=20 {
        let events: Vec<_> = (0..n).map(|_| event(Reset::Auto)).collect();
        let objects: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
        events[n - 1].set().unwrap();
        assert_eq!(brief(wait_any(&objects, None)), Some((n - 1, false)), "{n} objects");
    }
}

#[test]
fn wait_any_of_every_kind() {
    let (event, mutex, semaphore) = (event(Reset::Auto), Mutex::unnamed().unwrap(), Semaphore::unnamed(1, 1).unwrap());
    let objects: [&dyn Waitable; 3] = [&event, &mutex, &semaphore];
    let held = wait_any(&objects, None).unwrap().won().unwrap();
    assert_eq!((held.index(), held.fences().count()), (1, 1));
    assert!(in_thread(|| mutex.try_lock().unwrap().is_none()));
    let unit = in_thread(|| wait_any(&objects, None).unwrap().won().map(|won| (won.index(), won.fence().is_some())));
    assert_eq!(unit, Some((2, true)));
    assert_eq!(semaphore.available().unwrap(), 1, "given back by the drop");
    event.set().unwrap();
    let signal = wait_any(&objects, None).unwrap().won().unwrap();
    assert_eq!((signal.index(), signal.fence()), (0, None), "an event has no fence");
    held.release().unwrap();
    assert_eq!(mutex.owner().unwrap(), None);
}

#[test]
fn what_is_kept_stays_taken() {
    let (mutex, semaphore) = (Mutex::unnamed().unwrap(), Semaphore::unnamed(2, 2).unwrap());
    wait_all(&[&mutex, &semaphore], None).unwrap().won().unwrap().keep();
    assert_eq!(semaphore.available().unwrap(), 1);
    assert!(in_thread(|| mutex.try_lock().unwrap().is_none()));
    mutex.release().unwrap();
    assert_eq!(semaphore.release(1).unwrap(), 1);
}

#[test]
fn the_same_object_twice() {
    let semaphore = Semaphore::unnamed(2, 2).unwrap();
    wait_any(&[&semaphore, &semaphore], None).unwrap().won().unwrap().keep();
    assert_eq!(semaphore.available().unwrap(), 1, "S5: once");
    let auto = set_event(Reset::Auto);
    let copy = auto.try_clone().unwrap();
    let error = wait_all(&[&auto, &copy], Duration::ZERO).unwrap_err();
    assert_eq!((error.kind(), error.win32()), (ErrorKind::InvalidArgument, 87), "edge case 10");
    assert!(auto.is_set().unwrap(), "nothing consumed");
}

#[test]
fn wait_all_takes_all_or_nothing() {
    let (set, unset) = (set_event(Reset::Auto), event(Reset::Auto));
    let start = Instant::now();
    assert_eq!(brief(wait_all(&[&set, &unset], SHORT)), None, "edge case 8");
    assert!(start.elapsed() >= SHORT);
    assert!(set.is_set().unwrap());
    unset.set().unwrap();
    assert_eq!(brief(wait_all(&[&set, &unset], Duration::ZERO)), Some((0, false)));
    assert!(!set.is_set().unwrap() && !unset.is_set().unwrap(), "both consumed");
}

#[test]
fn a_pending_wait_all_reserves_nothing() {
    let (auto, semaphore) = (event(Reset::Auto), Semaphore::unnamed(0, 1).unwrap());
    let mut both = wait_all_async(&[&auto, &semaphore], None);
    assert!(poll_once(&mut both).is_pending());
    auto.set().unwrap();
    assert!(poll_once(&mut both).is_pending());
    assert!(auto.wait_for(Duration::ZERO).unwrap().is_some(), "E7: anybody may take it first");
    semaphore.release(1).unwrap();
    assert!(poll_once(&mut both).is_pending());
    auto.set().unwrap();
    let Poll::Ready(Ok(wait)) = poll_once(&mut both) else { panic!("S8: complete") };
    assert!(!auto.is_set().unwrap());
    assert_eq!(semaphore.available().unwrap(), 0);
    drop(wait);
    assert_eq!(semaphore.available().unwrap(), 1);
}

#[test]
fn a_mutex_of_ones_own_counts_as_free() {
    let (mutex, event) = (Mutex::unnamed().unwrap(), set_event(Reset::Auto));
    let guard = mutex.lock().unwrap();
    let both = wait_all(&[&mutex, &event], Duration::ZERO).unwrap().won().expect("edge case 9");
    drop(guard);
    assert!(in_thread(|| mutex.try_lock().unwrap().is_none()), "depth 2");
    drop(both);
    assert!(in_thread(|| mutex.try_lock().unwrap().is_some()));
}

#[test]
fn opposite_orders_do_not_deadlock() {
    const ROUNDS: usize = 500;
    let _watchdog = watchdog();
    let (one, two) = (Mutex::unnamed().unwrap(), Mutex::unnamed().unwrap());
    let inside = AtomicUsize::new(0);
    let rounds = |objects: [&dyn Waitable; 2]| {
        for _ in 0..ROUNDS {
            let both = wait_all(&objects, None).unwrap().won().unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            inside.fetch_sub(1, Ordering::SeqCst);
            drop(both);
        }
    };
    thread::scope(|s| {
        s.spawn(|| rounds([&one, &two]));
        s.spawn(|| rounds([&two, &one]));
    });
    assert_eq!((one.owner().unwrap(), two.owner().unwrap()), (None, None));
}

#[test]
fn abandonment_is_told_with_the_index() {
    let (unset, mutex, set) = (event(Reset::Auto), abandoned_mutex(), set_event(Reset::Auto));
    assert_eq!(brief(wait_any(&[&unset, &mutex, &set], Duration::ZERO)), Some((1, true)), "A10, edge case 7");
    assert!(set.is_set().unwrap());
    assert_eq!(brief(wait_any(&[&mutex], Duration::ZERO)), Some((0, false)), "told once");

    let mutex = abandoned_mutex();
    assert_eq!(brief(wait_any(&[&set, &mutex], Duration::ZERO)), Some((0, false)), "A11");
    let free = Mutex::unnamed().unwrap();
    assert_eq!(brief(wait_all(&[&free, &mutex], Duration::ZERO)), Some((0, true)), "A12");
    assert!(!mutex.lock().unwrap().abandoned());
}

#[test]
fn bad_lists_are_refused_and_consume_nothing() {
    for wait in [wait_any(&[], Duration::ZERO), wait_all(&[], None)] {
        assert_eq!(wait.unwrap_err().win32(), 87, "WT1");
    }
    let namespace = session();
    let set = Event::options().namespace(&namespace).initially_set().create("refused", Reset::Auto).unwrap();
    let blind = Event::options().namespace(&namespace).access(Access::MODIFY_STATE).create("blind", Reset::Auto).unwrap();
    let error = wait_any(&[&set, &blind], Duration::ZERO).unwrap_err();
    assert_eq!((error.kind(), error.win32()), (ErrorKind::AccessDenied, 5), "WT4");
    assert!(set.is_set().unwrap());
}

#[test]
fn blocked_waits_are_released_by_any_of_their_objects() {
    let _watchdog = watchdog();
    let (event, mutex, semaphore) = (event(Reset::Auto), Mutex::unnamed().unwrap(), Semaphore::unnamed(0, 1).unwrap());
    let objects: [&dyn Waitable; 3] = [&event, &mutex, &semaphore];
    let signals: [(&(dyn Fn() + Sync), usize); 2] = [(&|| event.set().unwrap(), 0), (&|| assert_eq!(semaphore.release(1).unwrap(), 0), 2)];
    for (signal, index) in signals {
        let guard = mutex.lock().unwrap();
        thread::scope(|s| {
            let waiter = s.spawn(|| {
                wait_any(&objects, LONG).unwrap().won().map(|won| {
                    let index = won.index();
                    won.keep();
                    index
                })
            });
            signal();
            assert_eq!(waiter.join().unwrap(), Some(index));
        });
        drop(guard);
    }
    let guard = mutex.lock().unwrap();
    thread::scope(|s| {
        let waiter = s.spawn(|| brief(wait_any(&objects, LONG)));
        drop(guard);
        assert_eq!(waiter.join().unwrap(), Some((1, false)));
    });
}

#[test]
fn signal_and_wait_signals_each_kind() {
    let done = set_event(Reset::Manual);
    let (auto, semaphore, mutex) = (event(Reset::Auto), Semaphore::unnamed(0, 1).unwrap(), Mutex::unnamed().unwrap());
    mutex.lock().unwrap().keep();
    for signal in [&auto as &dyn Waitable, &semaphore, &mutex] {
        assert_eq!(brief(signal_and_wait(signal, &done, LONG)), Some((0, false)), "SW1 {signal:?}");
    }
    assert!(auto.is_set().unwrap());
    assert_eq!(semaphore.available().unwrap(), 1);
    assert_eq!(mutex.owner().unwrap(), None);
}

#[test]
fn signal_and_wait_fails_before_it_waits() {
    let done = set_event(Reset::Auto);
    let full = Semaphore::unnamed(1, 1).unwrap();
    let free = Mutex::unnamed().unwrap();
    assert_eq!(signal_and_wait(&full, &done, LONG).unwrap_err().win32(), 298, "SW4");
    assert_eq!(signal_and_wait(&free, &done, LONG).unwrap_err().win32(), 288, "SW5");
    let blind = Event::options().access(Access::MODIFY_STATE).unnamed(Reset::Auto).unwrap();
    let mute = Event::options().access(Access::SYNCHRONIZE).unnamed(Reset::Auto).unwrap();
    assert_eq!(signal_and_wait(&mute, &done, LONG).unwrap_err().win32(), 5, "SW8");
    let signalled = event(Reset::Auto);
    assert_eq!(signal_and_wait(&signalled, &blind, LONG).unwrap_err().win32(), 5, "SW8");
    assert!(!signalled.is_set().unwrap(), "nothing signalled");
    assert!(done.is_set().unwrap(), "nothing consumed");
}

#[test]
fn signal_and_wait_on_itself_and_in_vain() {
    let auto = event(Reset::Auto);
    for _ in 0..1_000 {
        assert_eq!(brief(signal_and_wait(&auto, &auto, LONG)), Some((0, false)), "SW6");
        assert!(!auto.is_set().unwrap());
    }
    let never = event(Reset::Auto);
    assert_eq!(brief(signal_and_wait(&auto, &never, SHORT)), None);
    assert!(auto.is_set().unwrap(), "SW7: the signal stays done");
    assert_eq!(brief(signal_and_wait(&auto, &abandoned_mutex(), LONG)), Some((0, true)), "SW10, A17");
}

#[test]
fn ping_pong() {
    const ROUNDS: usize = 1_000;
    let _watchdog = watchdog();
    let (ping, pong) = (event(Reset::Auto), event(Reset::Auto));
    let served = AtomicUsize::new(0);
    thread::scope(|s| {
        s.spawn(|| {
            ping.wait().unwrap();
            for _ in 1..ROUNDS {
                served.fetch_add(1, Ordering::SeqCst);
                assert!(brief(signal_and_wait(&pong, &ping, LONG)).is_some());
            }
            served.fetch_add(1, Ordering::SeqCst);
            pong.set().unwrap();
        });
        for round in 1..=ROUNDS {
            assert!(brief(signal_and_wait(&ping, &pong, LONG)).is_some());
            assert_eq!(served.load(Ordering::SeqCst), round);
        }
    });
}
