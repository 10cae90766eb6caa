//! The typed mutex: contract 3 as far as threads of one process can show it, and the guards.

mod api_support;

use api_support::{LONG, SHORT, in_thread, session, watchdog};
use byname::{ErrorKind, Mutex, wait_any};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_hundred_holds_need_a_hundred_releases() {
    let mutex = Mutex::unnamed().unwrap();
    let guards: Vec<_> = (0..100).map(|_| mutex.lock().unwrap()).collect();
    for guard in guards {
        assert!(in_thread(|| mutex.try_lock().unwrap().is_none()), "still owned");
        guard.release().unwrap();
    }
    assert_eq!(mutex.release().unwrap_err().win32(), 288, "the 101st");
    assert!(in_thread(|| mutex.try_lock().unwrap().is_some()));
}

#[test]
fn a_panic_releases_and_does_not_abandon() {
    let mutex = Mutex::unnamed().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock().unwrap();
        panic!("in the middle of it");
    }));
    assert!(panic.is_err());
    assert_eq!(mutex.owner().unwrap(), None);
    assert!(!in_thread(|| mutex.lock().unwrap().abandoned()));
}

#[test]
fn try_and_timed_locks_say_none_when_somebody_else_has_it() {
    let mutex = Mutex::unnamed().unwrap();
    let guard = mutex.lock().unwrap();
    in_thread(|| {
        assert!(mutex.try_lock().unwrap().is_none());
        assert!(mutex.lock_for(Duration::ZERO).unwrap().is_none());
        let start = Instant::now();
        assert!(mutex.lock_for(SHORT).unwrap().is_none());
        assert!(start.elapsed() >= SHORT, "a wait is never early");
    });
    drop(guard);
    in_thread(|| {
        assert!(mutex.try_lock().unwrap().is_some());
        assert!(mutex.lock_for(Duration::ZERO).unwrap().is_some());
        assert!(mutex.lock_for(Duration::MAX).unwrap().is_some());
        assert!(mutex.lock_for(None).unwrap().is_some());
    });
}

#[test]
fn a_released_mutex_wakes_its_waiter() {
    let _watchdog = watchdog();
    let mutex = Mutex::unnamed().unwrap();
    let guard = mutex.lock().unwrap();
    let released = AtomicBool::new(false);
    let about_to_wait = Barrier::new(2);
    thread::scope(|s| {
        s.spawn(|| {
            about_to_wait.wait();
            let _guard = mutex.lock().unwrap();
            assert!(released.load(Ordering::SeqCst), "two owners at once");
        });
        about_to_wait.wait();
        assert!(mutex.lock().is_ok(), "the owner may");
        released.store(true, Ordering::SeqCst);
        drop(guard);
    });
}

#[test]
fn exclusion_and_fences_hold_under_contention() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 5_000;
    let _watchdog = watchdog();
    let mutex = Mutex::unnamed().unwrap();
    let inside = AtomicBool::new(false);
    let last_fence = AtomicU64::new(0);
    let count = AtomicU64::new(0);
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                for _ in 0..ROUNDS {
                    let guard = mutex.lock().unwrap();
                    assert!(!inside.swap(true, Ordering::Relaxed), "two owners at once");
                    let before = last_fence.swap(guard.fence(), Ordering::Relaxed);
                    assert!(guard.fence() > before, "fence {} after {before}", guard.fence());
                    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                    inside.store(false, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(count.into_inner(), THREADS * ROUNDS);
}

#[test]
fn fences_go_on_across_owners_kinds_of_owner_and_death() {
    let mutex = Mutex::unnamed().unwrap();
    let mut fences = vec![mutex.lock().unwrap().fence()];
    fences.push(in_thread(|| mutex.lock().unwrap().fence()));
    fences.push(pollster::block_on(mutex.lock_async()).unwrap().fence());
    fences.push(wait_any(&[&mutex], None).unwrap().won().unwrap().fence().unwrap());
    fences.push(in_thread(|| {
        let guard = mutex.lock().unwrap();
        let fence = guard.fence();
        guard.keep();
        fence
    }));
    fences.push(mutex.try_lock().unwrap().unwrap().fence());
    fences.push(mutex.lock_for(LONG).unwrap().unwrap().fence());
    assert!(fences.is_sorted_by(|a, b| a < b), "{fences:?}");
}

#[test]
fn the_first_owner_of_a_mutex_has_fence_1() {
    let here = Mutex::options().namespace(&session());
    for _ in 0..2 {
        let mutex = here.create("first").unwrap();
        let other = here.open("first").unwrap();
        assert!(mutex.created());
        assert_eq!([&other, &mutex].map(|m| m.lock().unwrap().fence()), [1, 2], "whoever made it");
    }
    let owned = Mutex::options().initially_owned().unnamed().unwrap();
    assert_eq!(owned.adopt().unwrap().fence(), 1);
    assert_eq!(pollster::block_on(Mutex::unnamed().unwrap().lock_async()).unwrap().fence(), 1);
}

#[test]
fn the_end_of_a_thread_abandons_what_it_owned() {
    let mutex = Mutex::unnamed().unwrap();
    in_thread(|| {
        for _ in 0..7 {
            mutex.lock().unwrap().keep();
        }
    });
    let guard = mutex.lock().unwrap();
    assert!(guard.abandoned(), "A1");
    assert!(!mutex.lock().unwrap().abandoned(), "A4, A16");
    assert_eq!(mutex.owner().unwrap().unwrap().pid, std::process::id());
    drop(guard);
    assert_eq!(mutex.owner().unwrap(), None, "A9: depth 1, not 8");
    assert!(!in_thread(|| mutex.lock().unwrap().abandoned()), "A6");
}

#[test]
fn a_blocked_waiter_learns_of_the_death() {
    let _watchdog = watchdog();
    let mutex = Mutex::unnamed().unwrap();
    let owned = Barrier::new(2);
    thread::scope(|s| {
        s.spawn(|| {
            mutex.lock().unwrap().keep();
            owned.wait();
        });
        owned.wait();
        assert!(mutex.lock_for(LONG).unwrap().expect("A2").abandoned());
    });
}

#[test]
fn an_abandoned_mutex_cannot_be_released() {
    let mutex = Mutex::unnamed().unwrap();
    in_thread(|| mutex.lock().unwrap().keep());
    assert_eq!(mutex.release().unwrap_err().kind(), ErrorKind::NotOwner);
    assert!(mutex.lock().unwrap().abandoned(), "the refused release changed nothing");
}

#[test]
fn only_the_owning_thread_may_release() {
    let mutex = Mutex::unnamed().unwrap();
    assert_eq!(mutex.release().unwrap_err().win32(), 288, "nobody owns it");
    let guard = mutex.lock().unwrap();
    assert_eq!(in_thread(|| mutex.release().unwrap_err().win32()), 288);
    assert!(in_thread(|| mutex.try_lock().unwrap().is_none()), "still owned");
    guard.release().unwrap();
}

#[test]
fn initially_owned_is_for_the_one_who_makes_it() {
    let namespace = session();
    let options = Mutex::options().namespace(&namespace).initially_owned();
    let first = options.create("initially owned").unwrap();
    assert!(first.created());
    in_thread(|| {
        let second = options.create("initially owned").unwrap();
        assert!(!second.created());
        assert_eq!(second.release().unwrap_err().win32(), 288, "edge case 2");
        assert!(second.try_lock().unwrap().is_none());
    });
    let guard = first.adopt().unwrap();
    assert!(guard.fence() > 0 && !guard.abandoned());
    drop(guard);
    assert_eq!(first.adopt().unwrap_err().win32(), 288);
    let third = options.create("initially owned").unwrap();
    assert_eq!(third.release().unwrap_err().win32(), 288, "free, and still not given away");
    assert!(in_thread(|| third.try_lock().unwrap().is_some()));
}

#[test]
fn all_handles_to_one_mutex_are_one_ownership() {
    let namespace = session();
    let options = Mutex::options().namespace(&namespace);
    let (one, two) = (options.create("handles").unwrap(), options.open("Local\\handles").unwrap());
    one.lock().unwrap().keep();
    two.release().unwrap();
    assert_eq!(one.release().unwrap_err().win32(), 288);
    assert_eq!((one.name().as_deref(), two.name().as_deref()), (Some("handles"), Some("Local\\handles")));
}

#[test]
fn closing_an_owned_mutex_does_not_release_it() {
    let mutex = Mutex::unnamed().unwrap();
    let other = mutex.try_clone().unwrap();
    mutex.lock().unwrap().keep();
    mutex.close().unwrap();
    assert!(in_thread(|| other.try_lock().unwrap().is_none()), "A14");
    other.release().unwrap();
    assert!(in_thread(|| other.try_lock().unwrap().is_some()));
}

#[test]
fn a_grant_outlives_the_handle() {
    let mutex = Mutex::unnamed().unwrap();
    let grant = pollster::block_on(mutex.lock_async()).unwrap();
    let other = mutex.try_clone().unwrap();
    mutex.close().unwrap();
    assert!(other.try_lock().unwrap().is_none());
    grant.release().unwrap();
    assert!(other.try_lock().unwrap().is_some());
}

#[test]
fn a_grant_and_its_own_thread_exclude_each_other() {
    let mutex = Mutex::unnamed().unwrap();
    let grant = pollster::block_on(mutex.lock_async()).unwrap();
    assert!(mutex.try_lock().unwrap().is_none());
    assert_eq!(mutex.release().unwrap_err().win32(), 288, "the thread owns nothing");
    in_thread(move || drop(grant));
    let guard = mutex.try_lock().unwrap().unwrap();
    assert!(!guard.abandoned(), "a drop is an ordinary release");
}
