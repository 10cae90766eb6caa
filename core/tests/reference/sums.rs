//! What holds however long a run is, where no history is kept: sums, and the order of a queue.

use super::plan::Dice;
use super::tests::{first_seed, seconds};
use byname::{Event, Namespace, Reset, Semaphore, Wait, wait_all, wait_any};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

fn session(name: &str) -> Namespace {
    Namespace::session(&format!("reference-{name}-{}", std::process::id())).unwrap()
}

/// Permits taken and permits left are permits posted: by waits for one, for any and for all, which give up at any time. A wait for all that
/// took a part would leave one semaphore short.
#[test]
fn permits_taken_and_left_are_permits_posted() {
    const THREADS: u64 = 3;
    let (namespace, seed) = (session("sums"), first_seed());
    for robust in [false, true] {
        let semaphore = || {
            let options = Semaphore::options().namespace(&namespace);
            if robust { options.robust() } else { options }.unnamed(0, 60_000).unwrap()
        };
        let (first, second) = (semaphore(), semaphore());
        let end = Instant::now() + seconds(1);
        let act = |thread: u64| {
            let mut dice = Dice::new(seed + thread);
            let (mut posted, mut taken, mut alls) = ([0i64; 2], [0i64; 2], 0);
            while Instant::now() < end {
                let place = dice.below(2) as usize;
                let semaphore = [&first, &second][place];
                let patience = Duration::from_nanos(dice.below(20_000));
                match dice.below(4) {
                    // Fewer are posted than are asked for, so that waits wait.
                    0 => posted[place] += i64::from(semaphore.release(1).is_ok()),
                    1 => {
                        if let Some(permit) = semaphore.acquire_for(patience).unwrap() {
                            permit.forget();
                            taken[place] += 1;
                        }
                    }
                    2 => {
                        if let Some(won) = wait_any(&[&first, &second], patience).unwrap().won() {
                            taken[won.index()] += 1;
                            won.keep();
                        }
                    }
                    _ => {
                        if let Wait::Signaled(won) | Wait::Abandoned(won) = wait_all(&[&first, &second], patience).unwrap() {
                            taken.iter_mut().for_each(|taken| *taken += 1);
                            alls += 1;
                            won.keep();
                        }
                    }
                }
            }
            (posted, taken, alls)
        };
        let sums = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || act(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let alls: u64 = sums.iter().map(|(.., alls)| alls).sum();
        for (place, semaphore) in [&first, &second].into_iter().enumerate() {
            let posted: i64 = sums.iter().map(|(posted, ..)| posted[place]).sum();
            let taken: i64 = sums.iter().map(|(_, taken, _)| taken[place]).sum();
            let left = i64::from(semaphore.available().unwrap());
            assert_eq!(
                left,
                posted - taken,
                "seed {seed}, semaphore {place}, robust {robust}: posted {posted}, taken {taken}, left {left}"
            );
            println!("seed {seed}, robust {robust}: {posted} posted, {taken} taken, {alls} for all, {left} left");
        }
        assert!(alls > 0, "no wait for all was satisfied");
    }
}

/// First come, first served: of those who wait and have not given up, a signal releases the one who has waited longest.
#[test]
fn who_waits_longest_is_served_first() {
    let (namespace, seed) = (session("order"), first_seed());
    let mut dice = Dice::new(seed);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..200 {
        let semaphore = Semaphore::options().namespace(&namespace).unnamed(0, 9).unwrap();
        let event = Event::options().namespace(&namespace).unnamed(Reset::Auto).unwrap();
        let mut permits: Vec<(u32, Pin<Box<byname::AcquireFuture>>)> = Vec::new();
        let mut signals: Vec<(u32, Pin<Box<byname::EventFuture>>)> = Vec::new();
        for arrival in 0..6 {
            permits.push((arrival, Box::pin(semaphore.acquire_async())));
            signals.push((arrival, Box::pin(event.wait_async())));
            assert!(permits[arrival as usize].1.as_mut().poll(&mut context).is_pending());
            assert!(signals[arrival as usize].1.as_mut().poll(&mut context).is_pending());
        }
        while permits.len() > 1 {
            let gone = dice.below(permits.len() as u64) as usize;
            if dice.below(2) == 0 {
                drop((permits.remove(gone), signals.remove(gone))); // gives up
                continue;
            }
            semaphore.release(1).unwrap();
            event.set().unwrap();
            let served: Vec<(u32, bool, bool)> = permits
                .iter_mut()
                .zip(&mut signals)
                .map(|((arrival, permit), (_, signal))| {
                    let permit = match permit.as_mut().poll(&mut context) {
                        Poll::Ready(permit) => {
                            permit.unwrap().forget();
                            true
                        }
                        Poll::Pending => false,
                    };
                    (*arrival, permit, signal.as_mut().poll(&mut context).is_ready())
                })
                .collect();
            let right = served.iter().enumerate().all(|(place, (_, permit, signal))| *permit == (place == 0) && *signal == (place == 0));
            assert!(right, "seed {seed}: arrival, permit, signal: {served:?}");
            drop((permits.remove(0), signals.remove(0)));
        }
    }
}
