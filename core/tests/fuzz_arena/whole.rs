//! Calls on a namespace that nobody damages, in a process that also uses one that somebody does: every answer must be exactly right.

use crate::board::Board;
use crate::dice::Dice;
use crate::worker::{Caller, UNDAMAGED};
use byname::{ErrorKind, Event, Mutex, Namespace, Permit, Reset, Semaphore, wait_all, wait_any};
use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const AT_ONCE: Duration = Duration::ZERO;
/// Far longer than anybody has the common mutex.
const LONG: Duration = Duration::from_secs(60);
const PERMITS: u32 = 3;

/// The objects of one thread, and what is known of them.
pub struct Whole<'a> {
    board: &'static Board,
    caller: &'a Caller,
    namespace: Namespace,
    dice: Dice,
    name: String,
    mutex: Mutex,
    depth: u32,
    auto: Event,
    manual: Event,
    is_set: [bool; 2],
    semaphore: Semaphore,
    robust: Semaphore,
    held: [Vec<Permit>; 2],
    common: Mutex,
}

impl<'a> Whole<'a> {
    pub fn new(board: &'static Board, caller: &'a Caller, namespace: Namespace, seed: u64) -> Whole<'a> {
        let name = format!("of thread {} of {}", caller.place.tid.load(SeqCst), std::process::id());
        let ask = |what: &str| format!("{what} {name}");
        let semaphores = Semaphore::options().namespace(&namespace);
        let made = caller.call(UNDAMAGED, None, || -> byname::Result<_> {
            Ok(Whole {
                board,
                caller,
                namespace,
                dice: Dice::new(seed, 1),
                mutex: Mutex::options().namespace(&namespace).create(&ask("mutex"))?,
                depth: 0,
                auto: Event::options().namespace(&namespace).create(&ask("auto"), Reset::Auto)?,
                manual: Event::options().namespace(&namespace).create(&ask("manual"), Reset::Manual)?,
                is_set: [false; 2],
                semaphore: semaphores.create(&ask("semaphore"), PERMITS, PERMITS)?,
                robust: semaphores.robust().create(&ask("robust"), PERMITS, PERMITS)?,
                held: [vec![], vec![]],
                common: Mutex::options().namespace(&namespace).create("common")?,
                name: name.clone(),
            })
        });
        made.unwrap_or_else(|error| crate::worker::complain(caller.child, &format!("the undamaged namespace: {error}")))
    }

    fn is<T: PartialEq + Debug>(&self, what: &str, answer: byname::Result<T>, right: T) {
        if answer.as_ref().ok() != Some(&right) {
            self.caller.complain(&format!("the undamaged namespace answers {what} with {answer:?}, not {right:?}"));
        }
    }

    fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.caller.call(UNDAMAGED, Some(AT_ONCE), call)
    }

    pub fn act(&mut self) {
        let (which, choice) = (self.dice.below(2) as usize, self.dice.below(12));
        let event = if which == 0 { &self.auto } else { &self.manual };
        let semaphore = if which == 0 { &self.semaphore } else { &self.robust };
        let left = PERMITS - self.held[which].len() as u32;
        match choice {
            0 => {
                let got = self.call(|| self.mutex.lock_for(AT_ONCE).map(|guard| guard.map(|guard| (guard.abandoned(), guard.keep()))));
                self.is("a lock", got, Some((false, ())));
                self.depth += 1;
            }
            1 if self.depth > 0 => {
                self.is("a release", self.call(|| self.mutex.release()), ());
                self.depth -= 1;
            }
            1 => self.is(
                "a release of what is free",
                self.call(|| self.mutex.release()).map_err(|e| e.kind()).map_or_else(Ok, |()| Err(other())),
                ErrorKind::NotOwner,
            ),
            2 => {
                let state = self.call(|| self.mutex.state());
                self.is("state", state.map(|s| (s.depth, s.owner.is_some(), s.abandoned)), (self.depth, self.depth > 0, false));
            }
            3 => {
                self.is("set", self.call(|| event.set()), ());
                self.is_set[which] = true;
            }
            4 => {
                self.is("reset", self.call(|| event.reset()), ());
                self.is_set[which] = false;
            }
            5 => {
                let set = self.is_set[which];
                self.is("is_set", self.call(|| event.is_set()), set);
                self.is("a wait for an event", self.call(|| event.wait_for(AT_ONCE)), set.then_some(()));
                self.is_set[0] &= which != 0;
            }
            6 => match self.call(|| semaphore.acquire_for(AT_ONCE)) {
                Ok(Some(permit)) if left > 0 && !permit.abandoned() => self.held[which].push(permit),
                Ok(None) if left == 0 => {}
                other => self.caller.complain(&format!("the undamaged namespace answers an acquire with {other:?}, and {left} were left")),
            },
            7 => {
                self.is("available", self.call(|| semaphore.available()), left);
                if let Some(permit) = self.held[which].pop() {
                    self.is("a release of a permit", self.call(|| permit.release()), ());
                }
            }
            8 => {
                let set = self.is_set;
                let any = self.call(|| wait_any(&[&self.auto, &self.manual], AT_ONCE).map(|wait| wait.won().map(|won| won.index())));
                self.is("wait_any", any, set.iter().position(|set| *set));
                self.is_set[0] = false;
                let all = self.call(|| wait_all(&[&self.manual, &self.mutex], AT_ONCE).map(|wait| wait.won().map(drop)));
                self.is("wait_all", all, set[1].then_some(()));
            }
            9 => {
                let polled = self.call(|| pin!(event.wait_async()).poll(&mut Context::from_waker(Waker::noop())));
                let polled = match polled {
                    Poll::Ready(outcome) => outcome.map(Some),
                    Poll::Pending => Ok(None),
                };
                self.is("wait_async", polled, self.is_set[which].then_some(()));
                self.is_set[0] &= which != 0;
            }
            10 => {
                let events = Event::options().namespace(&self.namespace);
                let missing = self.call(|| events.open(&format!("nothing {}", self.name)).map(drop).map_err(|e| e.kind()));
                self.is("open of nothing", missing.map_or_else(Ok, |()| Err(other())), ErrorKind::NotFound);
                let wrong = self.call(|| events.open(&format!("mutex {}", self.name)).map(drop).map_err(|e| e.kind()));
                self.is("open of another kind", wrong.map_or_else(Ok, |()| Err(other())), ErrorKind::WrongKind);
                let again =
                    self.call(|| events.create(&format!("auto {}", self.name), Reset::Auto).map(|event| (event.created(), event.name())));
                self.is("create of what exists", again, (false, Some(format!("auto {}", self.name))));
            }
            _ => self.enter(),
        }
    }

    /// One at a time may be inside; who died inside is known to the next.
    fn enter(&self) {
        let guard = self.caller.call(UNDAMAGED, Some(LONG), || self.common.lock_for(LONG));
        let guard = match guard {
            Ok(Some(guard)) => guard,
            other => return self.caller.complain(&format!("the undamaged namespace answers a lock with {other:?}")),
        };
        let me = self.caller.place.tid.load(SeqCst) as u64;
        let before = self.board.inside.swap(me, SeqCst);
        if before != 0 && !guard.abandoned() {
            self.caller.complain(&format!("thread {before} is inside, and the mutex is given to {me}"));
        }
        std::hint::black_box(&guard);
        if self.board.inside.compare_exchange(me, 0, SeqCst, SeqCst).is_err() {
            self.caller.complain("another thread came in meanwhile");
        }
        self.is("the release of a lock", self.call(|| guard.release()), ());
    }
}

/// Stands for "it succeeded".
fn other() -> byname::Error {
    byname::Error::invalid_argument("it succeeded")
}
