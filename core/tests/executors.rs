//! The futures under the executors that programs use: tokio on one thread and on several, and that of `futures`.

mod api_support;

use api_support::{LONG, SHORT, watchdog};
use byname::{Event, Mutex, Reset, Semaphore, Wait, wait_all_async, wait_any_async};
use futures::executor::{LocalPool, ThreadPool};
use futures::task::{LocalSpawnExt, SpawnExt};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

const TASKS: u64 = 8;
const ROUNDS: u64 = 50;

/// What the tasks share: a mutex, whether somebody is inside, how often somebody was.
type Shared = Arc<(Mutex, AtomicBool, AtomicU64)>;

fn shared() -> Shared {
    Arc::new((Mutex::unnamed().unwrap(), AtomicBool::new(false), AtomicU64::new(0)))
}

/// Holds the guard across an await that may end on another thread.
async fn count<F: Future<Output = ()>>(shared: Shared, pause: fn() -> F) {
    let (mutex, inside, counted) = &*shared;
    for _ in 0..ROUNDS {
        let guard = mutex.lock_async().await.unwrap();
        assert!(!inside.swap(true, Ordering::SeqCst), "two owners at once");
        pause().await;
        counted.fetch_add(1, Ordering::SeqCst);
        inside.store(false, Ordering::SeqCst);
        drop(guard);
    }
}

fn counted(shared: &Shared) {
    assert_eq!(shared.2.load(Ordering::SeqCst), TASKS * ROUNDS);
    assert_eq!(shared.0.owner().unwrap(), None);
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap()
}

#[test]
fn guards_across_await_under_tokio() {
    let _watchdog = watchdog();
    for runtime in [one_thread(), threads()] {
        let shared = shared();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(count(Arc::clone(&shared), tokio::task::yield_now))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        counted(&shared);
    }
}

/// Lets the executor's other tasks run.
fn yield_once() -> impl Future<Output = ()> {
    let mut yielded = false;
    std::future::poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut yielded, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
}

#[test]
fn guards_across_await_under_futures() {
    let _watchdog = watchdog();
    let (of_pool, of_thread) = (shared(), shared());
    let pool = ThreadPool::builder().pool_size(3).create().unwrap();
    let tasks: Vec<_> = (0..TASKS).map(|_| pool.spawn_with_handle(count(Arc::clone(&of_pool), yield_once)).unwrap()).collect();
    futures::executor::block_on(futures::future::join_all(tasks));
    counted(&of_pool);
    let mut local = LocalPool::new();
    for _ in 0..TASKS {
        local.spawner().spawn_local(count(Arc::clone(&of_thread), yield_once)).unwrap();
    }
    local.run();
    counted(&of_thread);
}

#[test]
fn a_guard_is_sent_to_another_task_and_released_there() {
    let _watchdog = watchdog();
    let mutex = Mutex::unnamed().unwrap();
    threads().block_on(async {
        let guard = mutex.lock_async().await.unwrap();
        tokio::spawn(async move { guard.release().unwrap() }).await.unwrap();
        assert!(!mutex.lock_async().await.unwrap().abandoned());
    });
}

#[test]
fn the_branch_that_select_drops_consumes_nothing() {
    let _watchdog = watchdog();
    let (first, second) = (Event::unnamed(Reset::Auto).unwrap(), Semaphore::unnamed(0, 1).unwrap());
    one_thread().block_on(async {
        for _ in 0..100 {
            first.set().unwrap();
            second.release(1).unwrap();
            let first_won = tokio::select! {
                won = first.wait_async() => { won.unwrap(); true }
                won = second.acquire_async() => { won.unwrap().forget(); false }
            };
            if first_won {
                assert!(!first.is_set().unwrap() && second.available().unwrap() == 1, "what was not taken is there");
                second.try_acquire().unwrap().unwrap().forget();
            } else {
                assert!(first.is_set().unwrap() && second.available().unwrap() == 0);
                first.reset().unwrap();
            }
        }
        // Both branches wait when the signal comes.
        let late = async {
            tokio::task::yield_now().await;
            first.set().unwrap();
        };
        let both = async {
            tokio::select! {
                won = first.wait_async() => won.unwrap(),
                _ = second.acquire_async() => panic!("nobody released"),
            }
        };
        tokio::join!(both, late);
        assert_eq!(second.available().unwrap(), 0);
    });
}

#[test]
fn a_time_out_of_the_executor_cancels() {
    let _watchdog = watchdog();
    let (event, mutex, semaphore) = (Event::unnamed(Reset::Auto).unwrap(), Mutex::unnamed().unwrap(), Semaphore::unnamed(0, 1).unwrap());
    let held = mutex.lock().unwrap();
    one_thread().block_on(async {
        assert!(tokio::time::timeout(SHORT, event.wait_async()).await.is_err());
        assert!(tokio::time::timeout(SHORT, mutex.lock_async()).await.is_err());
        assert!(tokio::time::timeout(SHORT, semaphore.acquire_async()).await.is_err());
        assert!(tokio::time::timeout(SHORT, wait_all_async(&[&event, &mutex, &semaphore], LONG)).await.is_err());
        assert!(matches!(wait_any_async(&[&event, &semaphore], SHORT).await.unwrap(), Wait::TimedOut), "our own time-out is a value");
    });
    held.release().unwrap();
    event.set().unwrap();
    semaphore.release(1).unwrap();
    assert!(event.is_set().unwrap() && semaphore.available().unwrap() == 1, "nobody waits any more");
    assert_eq!(mutex.owner().unwrap(), None);
}

#[test]
fn an_aborted_task_and_a_dropped_runtime_give_back() {
    let _watchdog = watchdog();
    let mutex = Arc::new(Mutex::unnamed().unwrap());
    let runtime = threads();
    let (tell, told) = mpsc::channel();
    let task = runtime.spawn({
        let mutex = Arc::clone(&mutex);
        async move {
            let _guard = mutex.lock_async().await.unwrap();
            tell.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    });
    told.recv().unwrap();
    let waiting = runtime.spawn({
        let mutex = Arc::clone(&mutex);
        async move { mutex.lock_async().await.unwrap().abandoned() }
    });
    task.abort();
    assert!(!runtime.block_on(waiting).unwrap(), "a cancelled bracket is an ordinary release");
    let (tell, told) = mpsc::channel();
    runtime.spawn({
        let mutex = Arc::clone(&mutex);
        async move {
            let _guard = mutex.lock_async().await.unwrap();
            tell.send(()).unwrap();
            mutex.lock_async().await.map(drop).unwrap(); // for ever: each guard is an owner of its own
        }
    });
    told.recv().unwrap();
    drop(runtime);
    assert!(!mutex.lock_for(LONG).unwrap().expect("released with the task").abandoned());
}

#[test]
fn a_panic_in_a_task_releases() {
    let _watchdog = watchdog();
    let mutex = Arc::new(Mutex::unnamed().unwrap());
    let runtime = one_thread();
    let task = runtime.spawn({
        let mutex = Arc::clone(&mutex);
        async move {
            let _guard = mutex.lock_async().await.unwrap();
            std::panic::resume_unwind(Box::new("inside")); // a panic without its message
        }
    });
    assert!(runtime.block_on(task).unwrap_err().is_panic());
    let guard = mutex.try_lock().unwrap().expect("released");
    assert!(!guard.abandoned());
}

thread_local! {
    static KEPT: std::cell::RefCell<Option<byname::Won>> = const { std::cell::RefCell::new(None) };
}

/// The guard of a thread-local goes with its thread: released, or abandoned by the thread's end, and never stuck.
#[test]
fn a_guard_in_a_thread_local_ends_with_its_thread() {
    let _watchdog = watchdog();
    let mutex = Mutex::unnamed().unwrap();
    thread::scope(|s| {
        s.spawn(|| KEPT.set(Some(byname::wait_any(&[&mutex], LONG).unwrap().won().unwrap())));
    });
    assert!(mutex.lock_for(LONG).unwrap().is_some());
}
