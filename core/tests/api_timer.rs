//! The typed timer: contract 6.

mod api_support;

use api_support::actor::{self, Actor};
use api_support::{Count, LONG, SHORT, in_thread, poll_with, session, watchdog};
use byname::engine::usage;
use byname::{Access, ErrorKind, Event, Mutex, Namespace, Reset, Timer, signal_and_wait, wait_all, wait_any};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const ONCE: Duration = Duration::ZERO;

fn unnamed(reset: Reset) -> Timer {
    Timer::unnamed(reset).unwrap()
}

fn is_free(timer: &Timer) -> bool {
    timer.wait_for(Duration::ZERO).unwrap().is_some()
}

#[test]
fn a_new_timer_is_not_set() {
    for reset in [Reset::Manual, Reset::Auto] {
        let state = unnamed(reset).state().unwrap();
        assert_eq!((state.signaled, state.reset, state.remaining, state.period), (false, reset, None, ONCE));
    }
}

#[test]
fn it_is_never_early() {
    let _watched = watchdog();
    for reset in [Reset::Manual, Reset::Auto] {
        let timer = unnamed(reset);
        for _ in 0..20 {
            let begun = Instant::now();
            timer.set(Duration::from_millis(3), ONCE).unwrap();
            assert!(timer.remaining().unwrap().is_none_or(|left| left <= Duration::from_millis(3)));
            timer.wait().unwrap();
            assert!(begun.elapsed() >= Duration::from_millis(3));
            let begun = SystemTime::now();
            timer.set_at(begun + Duration::from_millis(3), ONCE).unwrap();
            timer.wait().unwrap();
            assert!(SystemTime::now() >= begun + Duration::from_millis(3));
        }
    }
}

#[test]
fn what_has_passed_comes_at_once() {
    let timer = unnamed(Reset::Auto);
    timer.set(Duration::ZERO, ONCE).unwrap();
    assert!(is_free(&timer) && !is_free(&timer));
    for past in [SystemTime::now() - SHORT, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH - LONG] {
        timer.set_at(past, LONG).unwrap();
        assert!(timer.is_signaled().unwrap());
        assert!(timer.remaining().unwrap().is_some_and(|left| left > LONG - Duration::from_secs(5)), "a period from now");
        assert!(is_free(&timer) && !is_free(&timer));
    }
}

#[test]
fn a_period_beyond_the_limit_changes_nothing() {
    let timer = unnamed(Reset::Manual);
    timer.set(Duration::ZERO, ONCE).unwrap();
    for period in [Duration::from_millis(1 << 31), Duration::MAX, Duration::from_nanos(2_147_483_647_000_001)] {
        let refused = timer.set(LONG, period).unwrap_err();
        assert_eq!((refused.kind(), refused.win32()), (ErrorKind::InvalidArgument, 87), "T1");
    }
    assert!(timer.is_signaled().unwrap() && timer.remaining().unwrap().is_none());
    timer.set(LONG, Duration::from_millis((1 << 31) - 1)).unwrap();
    timer.set(Duration::MAX, ONCE).unwrap();
    assert!(!is_free(&timer));
}

#[test]
fn a_set_makes_it_unsignaled_and_ends_the_earlier_setting() {
    for reset in [Reset::Manual, Reset::Auto] {
        let timer = unnamed(reset);
        timer.set(Duration::ZERO, ONCE).unwrap();
        assert!(timer.is_signaled().unwrap());
        timer.set(LONG, ONCE).unwrap();
        assert!(!timer.is_signaled().unwrap() && !is_free(&timer), "T6");
        timer.set(Duration::from_millis(1), ONCE).unwrap();
        timer.set(LONG, ONCE).unwrap();
        assert_eq!(timer.wait_for(SHORT).unwrap(), None, "T5");
    }
}

#[test]
fn a_manual_one_stays_signaled_and_an_auto_one_releases_one() {
    let (manual, auto) = (unnamed(Reset::Manual), unnamed(Reset::Auto));
    manual.set(Duration::ZERO, ONCE).unwrap();
    auto.set(Duration::ZERO, ONCE).unwrap();
    assert!((0..3).all(|_| is_free(&manual)), "T8");
    assert!(is_free(&auto) && !is_free(&auto), "T9");
}

#[test]
fn a_cancel_leaves_the_state() {
    for reset in [Reset::Manual, Reset::Auto] {
        let timer = unnamed(reset);
        timer.cancel().unwrap();
        timer.set(Duration::ZERO, SHORT).unwrap();
        timer.cancel().unwrap();
        assert_eq!((timer.is_signaled().unwrap(), timer.remaining().unwrap()), (true, None));
        assert!(is_free(&timer));
        timer.set(Duration::from_millis(1), ONCE).unwrap();
        timer.cancel().unwrap();
        let _ = is_free(&timer);
        timer.set(SHORT, ONCE).unwrap();
        timer.cancel().unwrap();
        assert_eq!(timer.wait_for(2 * SHORT).unwrap(), None);
    }
}

/// An expiry that nobody has noticed is one: a cancel does not undo it, and a periodic timer has only one of many.
#[test]
fn what_nobody_noticed_has_happened() {
    let timer = unnamed(Reset::Auto);
    timer.set(Duration::from_millis(1), ONCE).unwrap();
    thread::sleep(Duration::from_millis(2));
    timer.cancel().unwrap();
    assert!(is_free(&timer) && !is_free(&timer));
    timer.set(Duration::from_millis(1), Duration::from_millis(1)).unwrap();
    thread::sleep(Duration::from_millis(10));
    timer.cancel().unwrap();
    assert!(is_free(&timer) && !is_free(&timer), "T10: they are one");
}

/// A session of one test, so that what is in use there is the test's.
fn alone(name: &str) -> Namespace {
    Namespace::session(&format!("timer-{name}-{}", std::process::id())).unwrap()
}

fn await_waiters(namespace: &Namespace, n: usize) {
    while usage(namespace).waiters < n {
        thread::yield_now();
    }
}

#[test]
fn ticks_come_at_whole_periods_after_the_due_time() {
    let _watched = watchdog();
    let timer = unnamed(Reset::Auto);
    let (due, period) = (Duration::from_millis(5), Duration::from_millis(2));
    let begun = Instant::now();
    timer.set(due, period).unwrap();
    for tick in 0..20 {
        timer.wait().unwrap();
        assert!(begun.elapsed() >= due + period * tick, "tick {tick} is early");
        assert!(timer.remaining().unwrap().is_some_and(|left| left <= period));
    }
    assert_eq!(timer.state().unwrap().period, period);
}

#[test]
fn who_waits_at_a_set_waits_for_the_new_time() {
    let _watched = watchdog();
    let here = alone("set");
    for (first, all) in [(Some(LONG), false), (None, false), (Some(LONG), true), (None, true)] {
        let timer = Timer::options().namespace(&here).unnamed(Reset::Auto).unwrap();
        let open = Event::options().namespace(&here).initially_set().unnamed(Reset::Auto).unwrap();
        if let Some(first) = first {
            timer.set(first, ONCE).unwrap();
        }
        thread::scope(|s| {
            let wait = || if all { wait_all(&[&timer, &open], None).unwrap().won().is_some() } else { timer.wait().is_ok() };
            let waiter = s.spawn(wait);
            await_waiters(&here, 1);
            let begun = Instant::now();
            timer.set(SHORT, ONCE).unwrap();
            assert!(waiter.join().unwrap());
            assert!(begun.elapsed() >= SHORT, "T7");
        });
    }
}

#[test]
fn who_waits_at_a_cancel_waits_for_the_next_set() {
    let _watched = watchdog();
    let here = alone("cancel");
    let timer = Timer::options().namespace(&here).unnamed(Reset::Manual).unwrap();
    timer.set(SHORT, ONCE).unwrap();
    thread::scope(|s| {
        let waiter = s.spawn(|| timer.wait());
        await_waiters(&here, 1);
        timer.cancel().unwrap();
        if timer.is_signaled().unwrap() {
            return; // this machine was too slow
        }
        thread::sleep(2 * SHORT);
        assert!(!waiter.is_finished(), "T7");
        timer.set(Duration::ZERO, ONCE).unwrap();
        waiter.join().unwrap().unwrap();
    });
}

#[test]
fn a_future_waits_for_the_new_time_too() {
    let _watched = watchdog();
    let timer = unnamed(Reset::Auto);
    for first in [None, Some(LONG), Some(SHORT)] {
        if let Some(first) = first {
            timer.set(first, ONCE).unwrap();
        }
        let (mut wait, count) = (timer.wait_async(), Count::new());
        assert!(poll_with(&mut wait, &count).is_pending());
        timer.set(Duration::from_millis(2), ONCE).unwrap();
        count.await_calls(1);
        assert!(poll_with(&mut wait, &count).is_ready());
        assert!(!timer.is_signaled().unwrap());
    }
}

#[test]
fn a_dropped_future_takes_nothing() {
    let timer = unnamed(Reset::Auto);
    let (mut wait, count) = (timer.wait_async(), Count::new());
    assert!(poll_with(&mut wait, &count).is_pending());
    drop(wait);
    timer.set(Duration::ZERO, ONCE).unwrap();
    assert!(is_free(&timer));
    let mut wait = timer.wait_async();
    assert!(poll_with(&mut wait, &count).is_pending());
    timer.set(Duration::ZERO, ONCE).unwrap();
    drop(wait); // it had been granted
    assert!(is_free(&timer), "what came in the same instant goes back");
    timer.set(LONG, ONCE).unwrap();
    let mut wait = timer.wait_async();
    assert!(poll_with(&mut wait, &count).is_pending());
    timer.set(Duration::ZERO, ONCE).unwrap();
    timer.set(LONG, ONCE).unwrap();
    drop(wait);
    assert!(!is_free(&timer), "unless it was set anew meanwhile");
}

#[test]
fn a_descriptor_becomes_readable_when_the_time_comes() {
    let _watched = watchdog();
    for reset in [Reset::Manual, Reset::Auto] {
        let timer = unnamed(reset);
        let pollable = timer.pollable().unwrap();
        let is_readable = || poll(&mut [PollFd::new(&pollable, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1;
        assert!(!is_readable());
        timer.set(Duration::from_millis(2), Duration::from_millis(3)).unwrap();
        for _ in 0..3 {
            assert_eq!(poll(&mut [PollFd::new(&pollable, PollFlags::IN)], None).unwrap(), 1);
            assert!(is_free(&timer), "nobody else takes it");
            while reset == Reset::Auto && is_free(&timer) {} // until a try finds nothing it stays readable
        }
        timer.set(LONG, ONCE).unwrap();
        let _ = is_free(&timer);
        assert!(!is_readable());
    }
}

#[test]
fn it_stands_in_waits_with_other_kinds() {
    let _watched = watchdog();
    let (timer, event, mutex) = (unnamed(Reset::Auto), Event::unnamed(Reset::Auto).unwrap(), Mutex::unnamed().unwrap());
    timer.set(Duration::from_millis(2), ONCE).unwrap();
    assert_eq!(wait_any(&[&event, &timer], None).unwrap().won().unwrap().index(), 1);
    timer.set(Duration::from_millis(2), ONCE).unwrap();
    event.set().unwrap();
    let won = wait_all(&[&event, &timer, &mutex], None).unwrap().won().unwrap();
    assert!(!event.is_set().unwrap() && !timer.is_signaled().unwrap() && mutex.owner().unwrap().is_some());
    drop(won);
    timer.set(Duration::from_millis(2), ONCE).unwrap();
    assert!(wait_all(&[&event, &timer], SHORT).unwrap().is_timed_out());
    assert!(timer.is_signaled().unwrap(), "it was not taken");
    event.set().unwrap();
    assert!(wait_all(&[&event, &timer], Duration::ZERO).unwrap().won().is_some(), "a poll looks at the clock");
    timer.set(Duration::from_millis(2), ONCE).unwrap();
    assert!(signal_and_wait(&event, &timer, None).unwrap().won().is_some());
    let refused = signal_and_wait(&timer, &event, None).unwrap_err();
    assert_eq!((refused.kind(), refused.win32()), (ErrorKind::WrongKind, 6));
}

#[test]
fn each_tick_of_an_auto_timer_releases_one_of_many() {
    const THREADS: usize = 4;
    const TICKS: usize = 50;
    let _watched = watchdog();
    let timer = unnamed(Reset::Auto);
    let (got, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if timer.wait_for(Duration::from_millis(5)).unwrap().is_some() {
                        got.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for tick in 1..=TICKS {
            timer.set(Duration::from_micros(50 * (tick as u64 % 7)), ONCE).unwrap();
            while got.load(Ordering::SeqCst) < tick {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::SeqCst);
    });
    assert_eq!(got.into_inner(), TICKS, "one each");
}

/// Sets, cancels and expiries at once: one setting gives one wait at most.
#[test]
fn a_set_or_cancel_that_meets_the_expiry_comes_before_it_or_after_it() {
    const ROUNDS: usize = 3000;
    let _watched = watchdog();
    let (timer, over, taken) = (unnamed(Reset::Auto), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if timer.wait_for(Duration::from_micros(200)).unwrap().is_some() {
                        taken.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for round in 0..ROUNDS {
            timer.set(Duration::from_nanos(round as u64 * 17 % 20_000), ONCE).unwrap();
            (0..round * 7 % 1000).for_each(|_| std::hint::spin_loop());
            if round % 3 == 0 {
                timer.cancel().unwrap();
            }
        }
        timer.cancel().unwrap();
        over.store(true, Ordering::SeqCst);
    });
    let left = usize::from(is_free(&timer));
    assert!(taken.into_inner() + left <= ROUNDS);
    timer.set(Duration::ZERO, ONCE).unwrap();
    assert!(is_free(&timer) && !is_free(&timer));
}

#[test]
fn rights_are_those_of_an_event() {
    let options = Timer::options();
    let waits = options.access(Access::SYNCHRONIZE).unnamed(Reset::Auto).unwrap();
    assert_eq!(waits.set(ONCE, ONCE).unwrap_err().win32(), 5, "T3");
    assert_eq!(waits.cancel().unwrap_err().win32(), 5);
    assert_eq!(waits.remaining().unwrap_err().win32(), 5);
    let sets = options.access(Access::MODIFY_STATE).unnamed(Reset::Auto).unwrap();
    sets.set(ONCE, ONCE).unwrap();
    assert_eq!(sets.wait_for(Duration::ZERO).unwrap_err().win32(), 5);
    assert_eq!(options.access(Access::QUERY_STATE).unnamed(Reset::Auto).unwrap().remaining().unwrap(), None);
}

#[test]
fn an_existing_timer_goes_on_as_it_was() {
    let here = session();
    let options = Timer::options().namespace(&here);
    let first = options.create("existing timer", Reset::Manual).unwrap();
    first.set(LONG, SHORT).unwrap();
    let again = options.create("existing timer", Reset::Auto).unwrap();
    assert!(first.created() && !again.created());
    let state = again.state().unwrap();
    assert_eq!((state.reset, state.period), (Reset::Manual, SHORT));
    assert!(state.remaining.is_some());
    drop((first, again));
    assert_eq!(options.create("existing timer", Reset::Auto).unwrap().remaining().unwrap(), None, "T15: it ended with its last handle");
}

#[test]
fn it_goes_on_when_the_thread_that_set_it_ends() {
    let _watched = watchdog();
    let timer = unnamed(Reset::Auto);
    in_thread(|| timer.set(SHORT, ONCE).unwrap());
    timer.wait().unwrap(); // T16
}

#[test]
fn the_child() {
    let Some((role, _)) = actor::role() else { return };
    assert_eq!(role, "sleeps too long");
    let timer = unnamed(Reset::Auto);
    timer.set(10 * SHORT, ONCE).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| timer.wait_for(15 * SHORT).unwrap());
        while usage(&Namespace::local().unwrap()).nodes == 0 {
            thread::yield_now();
        }
        actor::ready();
        kill_process(getpid(), Signal::STOP).unwrap();
        assert!(waiter.join().unwrap().is_some(), "its time came before ours was up");
    });
}

#[test]
fn who_sleeps_beyond_its_time_and_his_own_has_it() {
    let _watched = watchdog();
    let mut child = Actor::start("sleeps too long", "");
    let pid = Pid::from_child(&child.0);
    waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    thread::sleep(20 * SHORT);
    kill_process(pid, Signal::CONT).unwrap();
    assert!(child.0.wait().unwrap().success());
}
