//! The futures of the typed API: won, cancelled, moved, woken; on two executors of different make.

mod api_support;

use api_support::{Count, Executor, LONG, SHORT, in_thread, poll_once, poll_with, session, watchdog};
use byname::engine::{self, usage};
use byname::{Event, EventFuture, Guard, Mutex, Namespace, Reset, Semaphore, Wait, signal_and_wait_async, wait_all_async, wait_any_async};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Private, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

fn event(reset: Reset) -> Event {
    Event::unnamed(reset).unwrap()
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let auto = Event::options().initially_set().unnamed(Reset::Auto).unwrap();
    let wait = auto.wait_async();
    assert!(auto.is_set().unwrap());
    drop(wait);
    assert!(auto.is_set().unwrap());
    let mut wait = auto.wait_async();
    assert!(poll_once(&mut wait).is_ready(), "free at once");
    assert!(!auto.is_set().unwrap());
}

#[test]
fn the_waker_is_called_when_the_outcome_is_there() {
    let _watchdog = watchdog();
    let (auto, waker) = (event(Reset::Auto), Count::new());
    let mut wait = auto.wait_async();
    assert!(poll_with(&mut wait, &waker).is_pending());
    assert_eq!(waker.calls(), 0);
    auto.set().unwrap();
    waker.await_calls(1);
    assert!(matches!(poll_with(&mut wait, &waker), Poll::Ready(Ok(()))));
    assert_eq!(waker.calls(), 1);
}

#[test]
fn the_last_waker_is_the_one_called() {
    let _watchdog = watchdog();
    let (auto, wakers) = (event(Reset::Auto), [Count::new(), Count::new(), Count::new()]);
    let mut wait = auto.wait_async();
    for waker in &wakers {
        assert!(poll_with(&mut wait, waker).is_pending());
    }
    auto.set().unwrap();
    wakers[2].await_calls(1);
    assert_eq!((wakers[0].calls(), wakers[1].calls()), (0, 0));
    assert!(poll_with(&mut wait, &wakers[0]).is_ready());
}

#[test]
fn a_changing_waker_loses_no_signal() {
    let _watchdog = watchdog();
    let auto = Arc::new(event(Reset::Auto));
    for _ in 0..500 {
        let mut wait = auto.wait_async();
        let first = Count::new();
        assert!(poll_with(&mut wait, &first).is_pending());
        let setter = {
            let auto = Arc::clone(&auto);
            thread::spawn(move || auto.set().unwrap())
        };
        // The second poll races with the signal: either it sees it, or its waker is called.
        let second = Count::new();
        if poll_with(&mut wait, &second).is_pending() {
            second.await_calls(1);
            assert!(poll_with(&mut wait, &second).is_ready());
        }
        setter.join().unwrap();
        assert!(!auto.is_set().unwrap());
    }
}

#[test]
fn a_spent_future_answers_and_does_not_panic() {
    let manual = Event::options().initially_set().unnamed(Reset::Manual).unwrap();
    let mut wait = manual.wait_async();
    assert!(matches!(poll_once(&mut wait), Poll::Ready(Ok(()))));
    let Poll::Ready(Err(error)) = poll_once(&mut wait) else { panic!("a spent future must answer") };
    assert_eq!(error.win32(), 87);
}

#[test]
fn dropping_cancels() {
    let (auto, semaphore, mutex) = (event(Reset::Auto), Semaphore::unnamed(0, 1).unwrap(), Mutex::unnamed().unwrap());
    let held = mutex.lock().unwrap();
    let (mut wait, mut acquire, mut lock) = (auto.wait_async(), semaphore.acquire_async(), mutex.lock_async());
    assert!(poll_once(&mut wait).is_pending() && poll_once(&mut acquire).is_pending() && poll_once(&mut lock).is_pending());
    drop((wait, acquire, lock));
    auto.set().unwrap();
    semaphore.release(1).unwrap();
    drop(held);
    assert!(auto.is_set().unwrap(), "nobody consumed it");
    assert_eq!(semaphore.available().unwrap(), 1);
    assert_eq!(mutex.owner().unwrap(), None);
}

#[test]
fn what_was_granted_and_never_polled_goes_back() {
    let (auto, semaphore, mutex) = (event(Reset::Auto), Semaphore::unnamed(0, 1).unwrap(), Mutex::unnamed().unwrap());
    let held = mutex.lock().unwrap();
    let (mut wait, mut acquire, mut lock) = (auto.wait_async(), semaphore.acquire_async(), mutex.lock_async());
    assert!(poll_once(&mut wait).is_pending() && poll_once(&mut acquire).is_pending() && poll_once(&mut lock).is_pending());
    auto.set().unwrap();
    semaphore.release(1).unwrap();
    drop(held);
    drop((wait, acquire, lock));
    assert!(auto.wait_for(LONG).unwrap().is_some(), "the signal is not lost");
    assert!(semaphore.acquire_for(LONG).unwrap().is_some());
    let guard = mutex.lock_for(LONG).unwrap().expect("free again");
    assert!(!guard.abandoned(), "going back is an ordinary release");
}

#[test]
fn a_race_of_signal_and_cancel_neither_loses_nor_doubles() {
    let _watchdog = watchdog();
    let auto = Arc::new(event(Reset::Auto));
    for _ in 0..500 {
        let mut wait = auto.wait_async();
        assert!(poll_once(&mut wait).is_pending());
        let setter = {
            let auto = Arc::clone(&auto);
            thread::spawn(move || auto.set().unwrap())
        };
        drop(wait);
        setter.join().unwrap();
        assert!(auto.wait_for(LONG).unwrap().is_some(), "lost");
        assert!(auto.wait_for(Duration::ZERO).unwrap().is_none(), "doubled");
    }
}

#[test]
fn the_lock_futures_guard_owns() {
    let mutex = Mutex::unnamed().unwrap();
    let first = pollster::block_on(mutex.lock_async()).unwrap();
    let mut second = mutex.lock_async();
    assert!(poll_once(&mut second).is_pending(), "an owner of its own each time, no recursion");
    let fence = first.fence();
    in_thread(move || drop(first));
    let Poll::Ready(Ok(grant)) = poll_once(&mut second) else { panic!("released on another thread") };
    assert!(grant.fence() > fence && !grant.abandoned());
    grant.release().unwrap();
    assert_eq!(mutex.owner().unwrap(), None);
}

#[test]
fn the_death_of_an_owner_is_told_to_a_future() {
    let _watchdog = watchdog();
    let (mutex, waker) = (Mutex::unnamed().unwrap(), Count::new());
    let mut lock = mutex.lock_async();
    in_thread(|| {
        mutex.lock().unwrap().keep();
        assert!(poll_with(&mut lock, &waker).is_pending());
    });
    waker.await_calls(1);
    let Poll::Ready(Ok(grant)) = poll_with(&mut lock, &waker) else { panic!("woken for nothing") };
    assert!(grant.abandoned());
}

#[test]
fn closed_before_and_after_the_first_poll() {
    let auto = event(Reset::Auto);
    let other = auto.try_clone().unwrap();
    let (mut early, mut begun) = (auto.wait_async(), auto.wait_async());
    assert!(poll_once(&mut begun).is_pending());
    auto.close().unwrap();
    let Poll::Ready(Err(error)) = poll_once(&mut early) else { panic!("it cannot begin") };
    assert_eq!((error.kind(), error.win32()), (byname::ErrorKind::Closed, 6));
    other.set().unwrap();
    assert!(matches!(poll_once(&mut begun), Poll::Ready(Ok(()))), "a wait in progress goes on");
}

#[test]
fn timed_futures() {
    let _watchdog = watchdog();
    let auto = event(Reset::Auto);
    let start = Instant::now();
    assert!(pollster::block_on(wait_any_async(&[&auto], SHORT)).unwrap().is_timed_out());
    assert!(start.elapsed() >= SHORT, "a wait is never early");
    assert!(pollster::block_on(wait_any_async(&[&auto], Duration::ZERO)).unwrap().is_timed_out());
    assert!(pollster::block_on(wait_all_async(&[&auto], SHORT)).unwrap().is_timed_out());
    auto.set().unwrap();
    assert!(pollster::block_on(wait_any_async(&[&auto], Duration::ZERO)).unwrap().won().is_some());
}

#[test]
fn several_objects_without_a_thread() {
    let _watchdog = watchdog();
    let (stop, mutex, semaphore) = (event(Reset::Manual), Mutex::unnamed().unwrap(), Semaphore::unnamed(3, 3).unwrap());
    let won = pollster::block_on(wait_any_async(&[&stop, &mutex], LONG)).unwrap().won().unwrap();
    assert_eq!((won.index(), won.fences().count()), (1, 1));
    assert!(mutex.try_lock().unwrap().is_none(), "the value owns it");
    in_thread(move || won.release().unwrap());

    let all = pollster::block_on(wait_all_async(&[&semaphore, &mutex], LONG)).unwrap().won().unwrap();
    assert_eq!(all.index(), 0);
    let [Guard::Semaphore(permit), Guard::Mutex(grant)] = <[Guard; 2]>::try_from(all.into_guards()).unwrap() else {
        panic!("the parts come in the order of the list")
    };
    permit.forget();
    assert!(mutex.try_lock().unwrap().is_none());
    grant.release().unwrap();
    assert_eq!(semaphore.available().unwrap(), 2, "one consumed");
    let error = pollster::block_on(wait_any_async(&[], None)).unwrap_err();
    assert_eq!(error.win32(), 87, "WT1");
}

#[test]
fn signal_and_wait_without_a_thread() {
    let _watchdog = watchdog();
    let (ping, pong) = (event(Reset::Auto), event(Reset::Auto));
    let mut wait = signal_and_wait_async(&ping, &pong, LONG);
    assert!(!ping.is_set().unwrap(), "not before the first poll");
    assert!(poll_once(&mut wait).is_pending());
    assert!(ping.is_set().unwrap());
    pong.set().unwrap();
    assert!(matches!(poll_once(&mut wait), Poll::Ready(Ok(Wait::Signaled(_)))));
    let full = Semaphore::unnamed(1, 1).unwrap();
    assert_eq!(pollster::block_on(signal_and_wait_async(&full, &pong, LONG)).unwrap_err().win32(), 298);
}

#[test]
fn tasks_of_an_executor_exclude_each_other() {
    const TASKS: u64 = 20;
    const ROUNDS: u64 = 50;
    let _watchdog = watchdog();
    for threads in [1, 3] {
        let shared = Arc::new((Mutex::unnamed().unwrap(), AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0)));
        let executor = Executor::new();
        for _ in 0..TASKS {
            let shared = Arc::clone(&shared);
            executor.spawn(async move {
                let (mutex, inside, last_fence, count) = &*shared;
                for _ in 0..ROUNDS {
                    let grant = mutex.lock_async().await.unwrap();
                    assert!(!inside.swap(true, Ordering::Relaxed), "two owners at once");
                    yield_once().await;
                    assert!(grant.fence() > last_fence.swap(grant.fence(), Ordering::Relaxed));
                    count.fetch_add(1, Ordering::Relaxed);
                    inside.store(false, Ordering::Relaxed);
                }
            });
        }
        executor.run(threads);
        assert_eq!(shared.3.load(Ordering::Relaxed), TASKS * ROUNDS);
        assert_eq!(shared.0.owner().unwrap(), None);
    }
}

/// Goes to the end of the executor's queue, so that the guard crosses an await and a thread.
fn yield_once() -> impl Future<Output = ()> {
    let mut yielded = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn many_waits_need_no_threads_and_leave_nothing() {
    const WAITS: usize = 2_000;
    let _watchdog = watchdog();
    let own = Namespace::session(&format!("api-{}-many", std::process::id())).unwrap();
    let gate = Event::options().namespace(&own).unnamed(Reset::Manual).unwrap();
    let before = usage(&own);
    assert_eq!((before.waiters, before.nodes, before.objects), (0, 0, 1));
    let threads = threads_now();
    let mut waits: Vec<_> = (0..WAITS).map(|_| gate.wait_async()).collect();
    assert!(waits.iter_mut().all(|wait| poll_once(wait).is_pending()));
    assert!(threads_now() < threads + WAITS / 100, "from {threads} to {} threads", threads_now());
    let now = usage(&own);
    assert_eq!((now.waiters, now.nodes, now.objects), (WAITS, WAITS, 1));
    waits.truncate(WAITS / 2);
    gate.set().unwrap();
    assert!(waits.iter_mut().all(|wait| matches!(poll_once(wait), Poll::Ready(Ok(())))));
    drop(waits);
    let after = usage(&own);
    assert_eq!((after.owners, after.waiters, after.nodes, after.objects), (before.owners, 0, 0, 1));
    drop(gate);
    assert_eq!(usage(&own).objects, 0);
}

/// All threads of this process; other tests run at the same time, hence the wide margin where it is used.
fn threads_now() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// A waker that drops the future it belongs to, as an executor does that is being shut down.
struct Shutdown(Private<Option<EventFuture>>, Arc<Count>);

impl Wake for Shutdown {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
        Arc::clone(&self.1).wake();
    }
}

#[test]
fn a_future_may_be_dropped_by_its_own_waker() {
    let _watchdog = watchdog();
    let auto = event(Reset::Auto);
    let woken = Count::new();
    let shutdown = Arc::new(Shutdown(Private::new(Some(auto.wait_async())), Arc::clone(&woken)));
    let waker = Waker::from(Arc::clone(&shutdown));
    let pending = Pin::new(shutdown.0.lock().unwrap().as_mut().unwrap()).poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(pending);
    auto.set().unwrap();
    woken.await_calls(1);
    assert!(auto.wait_for(LONG).unwrap().is_some(), "the signal that nobody took went back");
    assert!(shutdown.0.lock().unwrap().is_none());
}

#[test]
fn futures_wait_for_named_objects() {
    let _watchdog = watchdog();
    let namespace = session();
    let here = Event::options().namespace(&namespace).create("future", Reset::Auto).unwrap();
    let there = Event::options().namespace(&namespace).open("future").unwrap();
    thread::scope(|s| {
        s.spawn(|| there.set().unwrap());
        pollster::block_on(here.wait_async()).unwrap();
    });
    assert!(!there.is_set().unwrap());
}

/// So many waits that a record is used again at once: what the keeper still has to say of the wait before is not said of the next one.
#[test]
fn a_wait_is_told_of_its_own_end_only() {
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("api-{}-own-end", std::process::id())).unwrap();
    let event = || {
        let spec = engine::Spec::Event { reset: Reset::Auto, initially_set: false };
        namespace.create(None, spec, byname::Access::ALL).unwrap()
    };
    let start = |event: &engine::Handle, notify: Box<dyn FnOnce() + Send>| {
        engine::start_wait(&[event.by_ref()], engine::Mode::Any, false, byname::Timeout::INFINITE, notify).unwrap()
    };
    let (never, object, other) = (event(), event(), event());
    for others in 0..32 {
        let _others: Vec<_> = (0..others).map(|_| start(&never, Box::new(|| ()))).collect();
        for round in 0..100 {
            for _ in 0..3 {
                let before = start(&object, Box::new(|| ()));
                object.set().unwrap();
                assert!(before.poll().is_some(), "asked for before the keeper comes");
            }
            let due = Arc::new(AtomicBool::new(false));
            let (tell, told) = mpsc::channel();
            let seen = Arc::clone(&due);
            let wait = start(&object, Box::new(move || tell.send(seen.load(Ordering::SeqCst)).unwrap()));
            let (came, comes) = mpsc::channel();
            let keeper = start(&other, Box::new(move || came.send(()).unwrap()));
            other.set().unwrap();
            comes.recv().unwrap(); // the keeper has been here
            assert!(keeper.poll().is_some());
            due.store(true, Ordering::SeqCst);
            object.set().unwrap();
            assert_eq!(told.recv(), Ok(true), "round {round} beside {others} others: told before its end");
            assert!(wait.poll().is_some());
        }
    }
}
