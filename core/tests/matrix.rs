//! Every kind at every place with every other kind, in waits for any and for all, blocking and asynchronous: contract 10.1, 10.4, 10.5.
//!
//! A kind takes part by a row of [`KINDS`]: how an object of it is made that is not signalled, what signals it, and what a wait leaves of that.

mod api_support;

use api_support::{SHORT, poll_once, watchdog};
use byname::engine::usage;
use byname::{
    Access, Action, Event, Job, Mutex, MutexGrant, Namespace, Process, QueueOptions, QueueReader, QueueWriter, Reset, Semaphore, Timer,
    Wait, Waitable, Watchdog, Won, wait_all, wait_all_async, wait_any, wait_any_async,
};
use std::any::Any;
use std::process::{Child, Command};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// An object of some kind, not signalled when it is made.
trait Subject: Send + Sync {
    fn object(&self) -> &dyn Waitable;
    fn signal(&self);
    /// Looks without taking.
    fn is_signalled(&self) -> bool;
}

struct Kind {
    name: &'static str,
    make: fn(&Namespace) -> Box<dyn Subject>,
    /// Whether a satisfied wait takes the signal.
    consumes: bool,
}

const KINDS: &[Kind] = &[
    Kind { name: "mutex", make: |here| Box::new(Owned::new(here)), consumes: true },
    Kind { name: "manual event", make: |here| Box::new(Event::options().namespace(here).unnamed(Reset::Manual).unwrap()), consumes: false },
    Kind { name: "auto event", make: |here| Box::new(Event::options().namespace(here).unnamed(Reset::Auto).unwrap()), consumes: true },
    Kind { name: "semaphore", make: |here| Box::new(Semaphore::options().namespace(here).unnamed(0, 1).unwrap()), consumes: true },
    Kind {
        name: "robust semaphore",
        make: |here| Box::new(Semaphore::options().namespace(here).robust().unnamed(0, 1).unwrap()),
        consumes: true,
    },
    Kind { name: "manual timer", make: |here| Box::new(Timer::options().namespace(here).unnamed(Reset::Manual).unwrap()), consumes: false },
    Kind { name: "auto timer", make: |here| Box::new(Timer::options().namespace(here).unnamed(Reset::Auto).unwrap()), consumes: true },
    Kind { name: "reading end of a queue", make: |here| Box::new(Empty(queue(here))), consumes: false },
    Kind { name: "writing end of a queue", make: |here| Box::new(Full::new(queue(here))), consumes: false },
    Kind {
        name: "watchdog",
        make: |here| Box::new(Watchdog::options().namespace(here).unnamed(TICK, HOUR, Action::None).unwrap()),
        consumes: false,
    },
    Kind { name: "process", make: |here| Box::new(Running::new(here)), consumes: false },
    Kind { name: "job", make: |here| Box::new(Job::options().namespace(here).unnamed().unwrap()), consumes: false },
];

/// The kinds that there are on this system: a job is a control group.
fn kinds() -> impl Iterator<Item = &'static Kind> {
    let jobs = Job::unnamed().is_ok();
    KINDS.iter().filter(move |kind| jobs || kind.name != "job")
}

/// A mutex that a grant owns until it is signalled.
struct Owned {
    mutex: Mutex,
    grant: std::sync::Mutex<Option<MutexGrant>>,
}

impl Owned {
    fn new(here: &Namespace) -> Owned {
        let mutex = Mutex::options().namespace(here).unnamed().unwrap();
        let Poll::Ready(grant) = poll_once(&mut mutex.lock_async()) else { panic!("a free mutex is had at once") };
        Owned { mutex, grant: std::sync::Mutex::new(Some(grant.unwrap())) }
    }
}

impl Subject for Owned {
    fn object(&self) -> &dyn Waitable {
        &self.mutex
    }
    fn signal(&self) {
        self.grant.lock().unwrap().take().expect("it is signalled once").release().unwrap();
    }
    fn is_signalled(&self) -> bool {
        self.mutex.owner().unwrap().is_none()
    }
}

impl Subject for Event {
    fn object(&self) -> &dyn Waitable {
        self
    }
    fn signal(&self) {
        self.set().unwrap();
    }
    fn is_signalled(&self) -> bool {
        self.is_set().unwrap()
    }
}

impl Subject for Semaphore {
    fn object(&self) -> &dyn Waitable {
        self
    }
    fn signal(&self) {
        assert_eq!(self.release(1).unwrap(), 0);
    }
    fn is_signalled(&self) -> bool {
        self.available().unwrap() > 0
    }
}

/// How a wait is made, and whether the objects become signalled before it or while it stands in the queues.
#[derive(Clone, Copy, Debug)]
struct Way {
    blocking: bool,
    all: bool,
    meanwhile: bool,
}

fn ways(all: bool) -> impl Iterator<Item = Way> {
    [(true, false), (true, true), (false, false), (false, true)].into_iter().map(move |(blocking, meanwhile)| Way {
        blocking,
        all,
        meanwhile,
    })
}

/// The index that a wait ended with, and what it won, which is given back when this is dropped.
struct Ended(usize, #[allow(dead_code, reason = "kept for its drop")] Box<dyn Any>);

fn ended<O: 'static>(wait: byname::Result<Wait<O>>) -> Ended
where
    Won<O>: 'static,
{
    let won = wait.unwrap().won().expect("a wait without a time-out ends with something");
    Ended(won.index(), Box::new(won))
}

/// Waits, and has `signal` called.
fn wait_while(here: &Namespace, way: Way, objects: &[&dyn Waitable], signal: impl FnOnce() + Send) -> Ended {
    let blocking = || if way.all { wait_all(objects, None) } else { wait_any(objects, None) };
    let begin = || if way.all { wait_all_async(objects, None) } else { wait_any_async(objects, None) };
    let waiters = || usage(here).waiters;
    match (way.blocking, way.meanwhile) {
        (true, false) => {
            signal();
            ended(blocking())
        }
        (true, true) => thread::scope(|scope| {
            let before = waiters();
            scope.spawn(move || {
                while waiters() == before {
                    thread::yield_now();
                }
                signal();
            });
            ended(blocking())
        }),
        (false, meanwhile) => {
            let (mut future, mut signal) = (begin(), Some(signal));
            if meanwhile {
                assert!(poll_once(&mut future).is_pending(), "it ended before anything was signalled");
            }
            signal.take().expect("once")();
            loop {
                match poll_once(&mut future) {
                    Poll::Ready(wait) => return ended(wait),
                    Poll::Pending => thread::yield_now(),
                }
            }
        }
    }
}

impl Subject for Timer {
    fn object(&self) -> &dyn Waitable {
        self
    }
    fn signal(&self) {
        self.set(Duration::from_micros(300), Duration::ZERO).unwrap();
        while self.remaining().unwrap().is_some() {
            thread::yield_now();
        }
    }
    fn is_signalled(&self) -> bool {
        self.is_signaled().unwrap()
    }
}

fn queue(here: &Namespace) -> (QueueReader, QueueWriter) {
    let (reader, writer) = QueueOptions::new(1, 8).namespace(here).unnamed().unwrap().into_ends();
    (reader.unwrap(), writer.unwrap())
}

/// A queue that is signalled to who reads it.
struct Empty((QueueReader, QueueWriter));

impl Subject for Empty {
    fn object(&self) -> &dyn Waitable {
        &self.0.0
    }
    fn signal(&self) {
        self.0.1.send(b"message").unwrap();
    }
    fn is_signalled(&self) -> bool {
        self.0.0.info().unwrap().messages > 0
    }
}

/// A queue that is signalled to who writes to it.
struct Full((QueueReader, QueueWriter));

impl Full {
    fn new(queue: (QueueReader, QueueWriter)) -> Full {
        queue.1.send(b"message").unwrap();
        Full(queue)
    }
}

impl Subject for Full {
    fn object(&self) -> &dyn Waitable {
        &self.0.1
    }
    fn signal(&self) {
        self.0.0.recv().unwrap();
    }
    fn is_signalled(&self) -> bool {
        self.0.1.info().unwrap().messages == 0
    }
}

const TICK: Duration = Duration::from_micros(300);
const HOUR: Duration = Duration::from_secs(3600);

impl Subject for Watchdog {
    fn object(&self) -> &dyn Waitable {
        self
    }
    fn signal(&self) {
        self.start().unwrap();
        while !self.is_signaled().unwrap() {
            thread::yield_now();
        }
    }
    fn is_signalled(&self) -> bool {
        self.is_signaled().unwrap()
    }
}

/// A process that runs until it is signalled.
struct Running {
    child: std::sync::Mutex<Child>,
    process: Process,
}

impl Running {
    fn new(here: &Namespace) -> Running {
        let child = Command::new("sleep").arg("3600").spawn().unwrap();
        let process = Process::open_in(here, child.id(), Access::ALL).unwrap();
        Running { child: std::sync::Mutex::new(child), process }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Subject for Running {
    fn object(&self) -> &dyn Waitable {
        &self.process
    }
    fn signal(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    fn is_signalled(&self) -> bool {
        self.process.wait_for(Duration::ZERO).unwrap().is_some()
    }
}

impl Subject for Job {
    fn object(&self) -> &dyn Waitable {
        self
    }
    fn signal(&self) {
        self.terminate(1).unwrap();
    }
    fn is_signalled(&self) -> bool {
        self.wait_for(Duration::ZERO).unwrap().is_some()
    }
}

/// A namespace for this test alone: it counts who waits there.
fn own_session() -> Namespace {
    let test = thread::current().name().unwrap_or("matrix").split('_').next().unwrap_or_default().to_owned();
    Namespace::session(&format!("matrix-{}-{test}-{:?}", std::process::id(), thread::current().id()).replace(['(', ')'], "")).unwrap()
}

fn made(here: &Namespace, kinds: &[&Kind]) -> Vec<Box<dyn Subject>> {
    kinds.iter().map(|kind| (kind.make)(here)).collect()
}

fn objects(subjects: &[Box<dyn Subject>]) -> Vec<&dyn Waitable> {
    subjects.iter().map(|subject| subject.object()).collect()
}

#[test]
fn any_ends_with_the_one_that_is_signalled_wherever_it_stands() {
    let (_watchdog, here) = (watchdog(), own_session());
    for (one, other) in pairs() {
        for index in 0..3 {
            for way in ways(false) {
                let mut kinds = [other; 3];
                kinds[index] = one;
                let what = format!("{} at {index} of three, the others of kind {}, {way:?}", one.name, other.name);
                let subjects = made(&here, &kinds);
                let end = wait_while(&here, way, &objects(&subjects), || subjects[index].signal());
                assert_eq!(end.0, index, "{what}");
                assert_eq!(subjects[index].is_signalled(), !one.consumes, "{what}: what it left");
                for (i, subject) in subjects.iter().enumerate().filter(|(i, _)| *i != index) {
                    assert!(!subject.is_signalled(), "{what}: object {i}");
                }
            }
        }
    }
}

#[test]
fn any_takes_the_first_of_those_that_are_signalled_and_leaves_the_rest() {
    let (_watchdog, here) = (watchdog(), own_session());
    for (one, other) in pairs() {
        for way in ways(false).filter(|way| !way.meanwhile) {
            let what = format!("{} before {}, {way:?}", one.name, other.name);
            let subjects = made(&here, &[one, other]);
            let end = wait_while(&here, way, &objects(&subjects), || subjects.iter().for_each(|subject| subject.signal()));
            assert_eq!((end.0, subjects[0].is_signalled(), subjects[1].is_signalled()), (0, !one.consumes, true), "{what}");
        }
    }
}

#[test]
fn all_takes_both_or_nothing() {
    let (_watchdog, here) = (watchdog(), own_session());
    for (one, other) in pairs() {
        for way in ways(true) {
            let what = format!("{} and {}, {way:?}", one.name, other.name);
            let subjects = made(&here, &[one, other]);
            subjects[1].signal();
            assert!(wait_all(&objects(&subjects), SHORT).unwrap().is_timed_out(), "{what}: one is not both");
            assert!(subjects[1].is_signalled(), "{what}: a wait that timed out took a part");
            let end = wait_while(&here, way, &objects(&subjects), || subjects[0].signal());
            assert_eq!((subjects[0].is_signalled(), subjects[1].is_signalled()), (!one.consumes, !other.consumes), "{what}");
            drop(end);
        }
    }
}

fn pairs() -> impl Iterator<Item = (&'static Kind, &'static Kind)> {
    kinds().flat_map(|one| kinds().map(move |other| (one, other)))
}
