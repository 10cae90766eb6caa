//! What the tests of the typed API share: a session of their own, a watchdog, threads that are given up, and an executor.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod actor;
pub mod jobs;

use byname::Namespace;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Far longer than anything here takes: a test that waits so long has failed.
pub const LONG: Duration = Duration::from_secs(60);
/// Long enough to be measured, short enough to be waited for.
pub const SHORT: Duration = Duration::from_millis(20);

/// The session of this test binary's run.
pub fn session() -> Namespace {
    Namespace::session(&format!("api-{}", std::process::id())).unwrap()
}

/// Ends the process if the test is not over in two minutes: a hang is a failure and not an endless run.
#[must_use]
pub fn watchdog() -> Sender<()> {
    let (alive, ended) = mpsc::channel();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if ended.recv_timeout(2 * LONG) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{test} hangs");
            std::process::abort();
        }
    });
    alive
}

/// Runs `f` on a thread of its own and waits for the thread's end, so that what the thread owned is abandoned.
pub fn in_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|s| s.spawn(f).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A waker that counts its calls.
#[derive(Default)]
pub struct Count {
    calls: AtomicUsize,
    changed: Condvar,
    lock: Mutex<()>,
}

impl Count {
    pub fn new() -> Arc<Count> {
        Arc::default()
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Blocks until the waker has been called `n` times.
    pub fn await_calls(&self, n: usize) {
        let guard = self.lock.lock().unwrap();
        let (_guard, timeout) = self.changed.wait_timeout_while(guard, LONG, |()| self.calls() < n).unwrap();
        assert!(!timeout.timed_out(), "the waker was called {} times, not {n}", self.calls());
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        let _guard = self.lock.lock().unwrap();
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
    }
}

/// Polls once with this waker.
pub fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Arc<Count>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(waker));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

/// Polls once with a waker that nobody listens to.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A small executor: a queue of ready tasks and any number of threads that serve it, a new waker for every poll.
#[derive(Default)]
pub struct Executor {
    ready: Mutex<VecDeque<Arc<Job>>>,
    changed: Condvar,
    unfinished: AtomicUsize,
}

struct Job {
    task: Mutex<Option<Task>>,
    executor: Arc<Executor>,
}

/// What one poll hands out: never equal to the waker of the poll before.
struct Ticket(Arc<Job>);

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.0.executor.push(&self.0);
    }
}

impl Executor {
    pub fn new() -> Arc<Executor> {
        Arc::default()
    }

    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.unfinished.fetch_add(1, Ordering::SeqCst);
        self.push(&Arc::new(Job { task: Mutex::new(Some(Box::pin(task))), executor: Arc::clone(self) }));
    }

    /// Serves the queue until every task is finished.
    pub fn run(self: &Arc<Self>, threads: usize) {
        thread::scope(|s| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    s.spawn(|| {
                        while let Some(job) = self.next() {
                            self.serve(&job)
                        }
                    })
                })
                .collect();
            for worker in workers {
                worker.join().unwrap();
            }
        });
    }

    fn push(&self, job: &Arc<Job>) {
        self.ready.lock().unwrap().push_back(Arc::clone(job));
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Arc<Job>> {
        let mut ready = self.ready.lock().unwrap();
        loop {
            if let Some(job) = ready.pop_front() {
                return Some(job);
            }
            if self.unfinished.load(Ordering::SeqCst) == 0 {
                return None;
            }
            ready = self.changed.wait(ready).unwrap();
        }
    }

    fn serve(&self, job: &Arc<Job>) {
        let mut task = job.task.lock().unwrap();
        let Some(future) = task.as_mut() else { return };
        let waker = Waker::from(Arc::new(Ticket(Arc::clone(job))));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            *task = None;
            self.unfinished.fetch_sub(1, Ordering::SeqCst);
            let _ready = self.ready.lock().unwrap(); // no worker is between its look and its wait
            self.changed.notify_all();
        }
    }
}
