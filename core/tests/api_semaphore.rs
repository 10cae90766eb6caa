//! The typed semaphore: contract 5, permits, and robustness.

mod api_support;

use api_support::{LONG, SHORT, in_thread, poll_once, session, watchdog};
use byname::{ErrorKind, Semaphore};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MAXIMUM: u32 = i32::MAX as u32;

#[test]
fn the_range_of_the_counts() {
    for (initial, maximum) in [(0, 0), (2, 1), (0, MAXIMUM + 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
        let error = Semaphore::unnamed(initial, maximum).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::InvalidArgument, 87), "{initial} of {maximum}");
    }
    for (initial, maximum) in [(0, 1), (1, 1), (0, MAXIMUM), (MAXIMUM, MAXIMUM)] {
        assert_eq!(Semaphore::unnamed(initial, maximum).unwrap().available().unwrap(), initial);
    }
}

#[test]
fn bad_counts_win_over_an_existing_object() {
    let namespace = session();
    let options = Semaphore::options().namespace(&namespace);
    let first = options.create("existing semaphore", 1, 3).unwrap();
    assert_eq!(options.create("existing semaphore", 5, 3).unwrap_err().win32(), 87, "edge case 14");
    let second = options.create("existing semaphore", 7, 9).unwrap();
    assert!(!second.created());
    assert_eq!(second.available().unwrap(), 1, "its own numbers");
    assert_eq!(first.release(3).unwrap_err().win32(), 298, "its own maximum");
}

#[test]
fn a_release_is_whole_or_nothing() {
    let semaphore = Semaphore::unnamed(2, 3).unwrap();
    assert_eq!(semaphore.release(0).unwrap_err().win32(), 87);
    for too_many in [2, 3, MAXIMUM, u32::MAX] {
        let error = semaphore.release(too_many).unwrap_err();
        assert!(matches!((error.kind(), error.win32()), (ErrorKind::TooManyPosts, 298)), "{too_many}: {error:?}");
        assert_eq!(semaphore.available().unwrap(), 2, "edge case 13");
    }
    assert_eq!(semaphore.release(1).unwrap(), 2);
    assert_eq!(semaphore.release(1).unwrap_err().win32(), 298, "S6");
    semaphore.acquire().unwrap().forget();
    assert_eq!(semaphore.release(1).unwrap(), 2);
    let full = Semaphore::unnamed(MAXIMUM, MAXIMUM).unwrap();
    assert_eq!(full.release(MAXIMUM).unwrap_err().win32(), 298, "no overflow");
}

#[test]
fn permits_count_and_come_back() {
    let semaphore = Semaphore::unnamed(2, 2).unwrap();
    let (first, second) = (semaphore.acquire().unwrap(), semaphore.try_acquire().unwrap().unwrap());
    assert!(second.fence() > first.fence());
    assert!(semaphore.try_acquire().unwrap().is_none());
    let start = Instant::now();
    assert!(semaphore.acquire_for(SHORT).unwrap().is_none());
    assert!(start.elapsed() >= SHORT, "a wait is never early");
    in_thread(move || drop(first));
    assert_eq!(semaphore.available().unwrap(), 1, "given back by another thread");
    second.release().unwrap();
    assert_eq!(semaphore.available().unwrap(), 2);
    let third = semaphore.acquire_for(LONG).unwrap().unwrap();
    third.forget();
    assert_eq!(semaphore.available().unwrap(), 1, "consumed");
}

#[test]
fn a_permit_survives_its_thread_and_its_handle() {
    for options in [Semaphore::options(), Semaphore::options().robust()] {
        let semaphore = options.unnamed(1, 1).unwrap();
        let permit = in_thread(|| semaphore.acquire().unwrap());
        let other = semaphore.try_clone().unwrap();
        semaphore.close().unwrap();
        assert_eq!(other.available().unwrap(), 0, "no thread owns it, so no thread's end returns it: {options:?}");
        permit.release().unwrap();
        assert_eq!(other.available().unwrap(), 1);
        assert!(!other.acquire().unwrap().abandoned());
    }
}

#[test]
fn a_panic_gives_the_permit_back() {
    let semaphore = Semaphore::unnamed(1, 1).unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _permit = semaphore.acquire().unwrap();
        panic!("in the middle of it");
    }));
    assert!(panic.is_err());
    assert_eq!(semaphore.available().unwrap(), 1);
}

#[test]
fn a_permit_of_a_unit_that_was_released_behind_its_back() {
    let semaphore = Semaphore::unnamed(1, 1).unwrap();
    let permit = semaphore.acquire().unwrap();
    assert_eq!(semaphore.release(1).unwrap(), 0, "S1: nobody owns it");
    assert_eq!(permit.release().unwrap_err().win32(), 298);
    assert_eq!(semaphore.available().unwrap(), 1);
}

#[test]
fn a_release_wakes_as_many_as_it_adds() {
    let semaphore = Semaphore::unnamed(0, 5).unwrap();
    let mut waits: Vec<_> = (0..3).map(|_| semaphore.acquire_async()).collect();
    assert!(waits.iter_mut().all(|wait| poll_once(wait).is_pending()));
    assert_eq!(semaphore.release(2).unwrap(), 0, "S2, S3");
    let permits: Vec<_> = waits.iter_mut().map(poll_once).collect();
    assert_eq!(permits.iter().filter(|poll| poll.is_ready()).count(), 2);
    assert_eq!(semaphore.available().unwrap(), 0);
}

#[test]
fn never_more_inside_than_units() {
    const UNITS: usize = 2;
    let _watchdog = watchdog();
    let semaphore = Semaphore::unnamed(UNITS as u32, UNITS as u32).unwrap();
    let (inside, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..2_000 {
                    let _permit = semaphore.acquire().unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < UNITS);
                    passed.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 8_000);
    assert_eq!(semaphore.available().unwrap(), UNITS as u32);
}

#[test]
fn zero_and_for_ever() {
    let semaphore = Semaphore::unnamed(1, 1).unwrap();
    let permit = semaphore.acquire_for(None).unwrap().unwrap();
    assert!(semaphore.acquire_for(Duration::ZERO).unwrap().is_none());
    drop(permit);
    assert!(semaphore.acquire_for(Duration::ZERO).unwrap().is_some());
    assert!(semaphore.acquire_for(Duration::MAX).unwrap().is_some());
}
