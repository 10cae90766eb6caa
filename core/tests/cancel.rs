//! Futures that are dropped, and time-outs that pass, at the instant of the grant: no signal is lost or doubled, no record, descriptor
//! or thread stays behind. `COUNT` in the environment says how many races are run; `make cancel-rust` runs a million.

mod api_support;

use api_support::watchdog;
use byname::engine::usage;
use byname::{Event, Guard, Mutex, Namespace, Reset, Semaphore, Waitable, Won, wait_all, wait_all_async, wait_any, wait_any_async};
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

fn races() -> u64 {
    std::env::var("COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

/// What is waited for, in turn.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Event,
    Semaphore,
    Mutex,
    Any,
    All,
}

const SHAPES: [Shape; 5] = [Shape::Event, Shape::Semaphore, Shape::Mutex, Shape::Any, Shape::All];

/// How a wait gives up.
#[derive(Clone, Copy, PartialEq, Debug)]
enum GivesUp {
    /// Polled once more, then dropped.
    Drop,
    /// By the time-out of its future.
    Future,
    /// By the time-out of a blocking call.
    Call,
}

struct Duel {
    event: Event,
    semaphore: Semaphore,
    mutex: Mutex,
    /// The round that each step has come to.
    prepare: AtomicU64,
    ready: AtomicU64,
    go: AtomicU64,
    done: AtomicU64,
    /// By how many nanoseconds the granter comes later than the waiter, per shape; negative: the waiter than the granter.
    lead: [AtomicI64; SHAPES.len()],
}

fn until(step: &AtomicU64, round: u64) {
    let mut spins = 0;
    while step.load(SeqCst) < round {
        spins += 1;
        if spins > 200 {
            thread::yield_now();
        }
    }
}

/// Lets the time pass, and the other thread run where both share a core: else it would never come before the time is over.
fn spend(ns: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_nanos(ns) {
        thread::yield_now();
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// What of the event and the semaphore a wait took.
type Had = Option<(bool, bool)>;

impl Duel {
    fn new(namespace: &Namespace) -> Duel {
        Duel {
            event: Event::options().namespace(namespace).unnamed(Reset::Auto).unwrap(),
            semaphore: Semaphore::options().namespace(namespace).unnamed(0, 3).unwrap(),
            mutex: Mutex::options().namespace(namespace).unnamed().unwrap(),
            prepare: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            go: AtomicU64::new(0),
            done: AtomicU64::new(0),
            lead: Default::default(),
        }
    }

    /// Gives what a round's shape waits for; owns the mutex meanwhile.
    fn grant(&self, rounds: u64) {
        let mut dice = Dice(7);
        for round in 1..=rounds {
            let place = round as usize % SHAPES.len();
            let shape = SHAPES[place];
            until(&self.prepare, round);
            let held = matches!(shape, Shape::Mutex | Shape::All).then(|| self.mutex.try_lock().unwrap().expect("free between rounds"));
            self.ready.store(round, SeqCst);
            until(&self.go, round);
            spend(dice.below(4000) + self.lead[place].load(SeqCst).max(0) as u64);
            if matches!(shape, Shape::Event | Shape::Any | Shape::All) {
                self.event.set().unwrap();
            }
            if matches!(shape, Shape::Semaphore | Shape::Any | Shape::All) {
                self.semaphore.release(1).unwrap();
            }
            held.map_or(Ok(()), |guard| guard.release()).unwrap();
            self.done.store(round, SeqCst);
        }
    }

    /// Waits, and gives up about when the grant comes; how many waits had it.
    fn wait(&self, rounds: u64, gives_up: GivesUp) -> u64 {
        let mut dice = Dice(1);
        let mut granted = 0;
        for round in 1..=rounds {
            let place = round as usize % SHAPES.len();
            let shape = SHAPES[place];
            let lead = &self.lead[place];
            let patience = dice.below(4000) + 1 + (-lead.load(SeqCst)).max(0) as u64;
            self.prepare.store(round, SeqCst);
            until(&self.ready, round);
            let had = match gives_up {
                GivesUp::Drop => self.drop_after(shape, round, patience),
                GivesUp::Future => {
                    let future = self.future(shape, Some(Duration::from_nanos(patience)));
                    self.go.store(round, SeqCst);
                    pollster::block_on(future).unwrap().won().map(|won| consume(shape, won))
                }
                GivesUp::Call => {
                    let objects = self.objects(shape);
                    self.go.store(round, SeqCst);
                    let time = Duration::from_nanos(patience);
                    let wait = if shape == Shape::All { wait_all(&objects, time) } else { wait_any(&objects, time) };
                    wait.unwrap().won().map(|won| {
                        let took = taken(shape, won.index());
                        keep(&self.mutex, shape, won);
                        took
                    })
                }
            };
            until(&self.done, round);
            granted += u64::from(had.is_some());
            lead.fetch_add(if had.is_some() { 500 } else { -500 }, SeqCst);
            self.rest_is_there_once(shape, had);
        }
        granted
    }

    /// Begins, and drops the future unless a second poll has the outcome.
    fn drop_after(&self, shape: Shape, round: u64, patience: u64) -> Had {
        let mut future = pin!(self.future(shape, None));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending(), "nothing was given yet");
        self.go.store(round, SeqCst);
        spend(patience);
        match future.as_mut().poll(&mut context) {
            Poll::Ready(wait) => wait.unwrap().won().map(|won| consume(shape, won)),
            Poll::Pending => None,
        }
    }

    fn objects(&self, shape: Shape) -> Vec<&dyn Waitable> {
        match shape {
            Shape::Event => vec![&self.event],
            Shape::Semaphore => vec![&self.semaphore],
            Shape::Mutex => vec![&self.mutex],
            Shape::Any => vec![&self.event, &self.semaphore],
            Shape::All => vec![&self.event, &self.semaphore, &self.mutex],
        }
    }

    fn future(&self, shape: Shape, timeout: Option<Duration>) -> byname::WaitFuture {
        let objects = self.objects(shape);
        if shape == Shape::All { wait_all_async(&objects, timeout) } else { wait_any_async(&objects, timeout) }
    }

    /// Had or not, what was given is there once: in the wait's hands, or still in the objects.
    fn rest_is_there_once(&self, shape: Shape, had: Had) {
        let (event, unit) = had.unwrap_or((false, false));
        let gave = |shapes: &[Shape]| shapes.contains(&shape);
        let is_left = self.event.wait_for(Duration::ZERO).unwrap().is_some();
        assert_eq!(is_left, gave(&[Shape::Event, Shape::Any, Shape::All]) && !event, "the signal is lost or doubled");
        assert!(self.event.wait_for(Duration::ZERO).unwrap().is_none());
        let left = self.semaphore.available().unwrap();
        assert_eq!(left == 1, gave(&[Shape::Semaphore, Shape::Any, Shape::All]) && !unit, "the unit is lost or doubled");
        assert!(left <= 1);
        if let Some(permit) = self.semaphore.try_acquire().unwrap() {
            permit.forget();
        }
        assert_eq!(self.mutex.owner().unwrap(), None);
    }
}

/// Whether the event, and a unit, were taken by a wait that ended at `index`.
fn taken(shape: Shape, index: usize) -> (bool, bool) {
    match shape {
        Shape::Event => (true, false),
        Shape::Semaphore => (false, true),
        Shape::Mutex => (false, false),
        Shape::Any => (index == 0, index == 1),
        Shape::All => (true, true),
    }
}

/// Uses what was won up: units stay taken, the mutex is released.
fn consume(shape: Shape, won: Won<byname::ByGrant>) -> (bool, bool) {
    let took = taken(shape, won.index());
    for guard in won.into_guards() {
        match guard {
            Guard::Mutex(grant) => grant.release().unwrap(),
            Guard::Semaphore(permit) => permit.forget(),
        }
    }
    took
}

fn keep(mutex: &Mutex, shape: Shape, won: Won) {
    won.keep();
    if matches!(shape, Shape::Mutex | Shape::All) {
        mutex.release().unwrap();
    }
}

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn fight(gives_up: GivesUp, rounds: u64) {
    let namespace = Namespace::session(&format!("cancel-{}", std::process::id())).unwrap();
    let duel = Duel::new(&namespace);
    drop(duel.mutex.lock().unwrap()); // this thread has its owner record from here on
    let before = (usage(&namespace), entries("/proc/self/fd"), entries("/proc/self/task"));
    let begun = Instant::now();
    let granted = thread::scope(|s| {
        let granter = s.spawn(|| duel.grant(rounds));
        let granted = duel.wait(rounds, gives_up);
        granter.join().unwrap();
        granted
    });
    while entries("/proc/self/task") > before.2 {
        thread::yield_now(); // a joined thread is in the list for a moment; the watchdog ends the test if one stays
    }
    println!("{gives_up:?}: {granted} granted, {} cancelled, {:.1} s", rounds - granted, begun.elapsed().as_secs_f64());
    assert!(granted >= rounds / 10 && rounds - granted >= rounds / 10, "it was no race");
    assert_eq!((usage(&namespace), entries("/proc/self/fd"), entries("/proc/self/task")), before, "something stayed behind");
}

/// One test, so that the counts of descriptors and threads are its own.
#[test]
fn neither_lost_nor_doubled_nor_leaked() {
    let watched = (races() <= 100_000).then(watchdog);
    for (gives_up, share) in [(GivesUp::Drop, 2), (GivesUp::Future, 2), (GivesUp::Call, 1)] {
        fight(gives_up, races() * share / 5);
    }
    drop(watched);
}
