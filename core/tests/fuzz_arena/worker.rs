//! A child: threads that do at random whatever a program can do, on objects of the namespace under attack.
//!
//! What the attacked namespace answers is only counted, and must be a result that the contract knows. Whether a call comes back in time is told by the
//! caller when it comes back, and by the watcher (`watch.rs`) when it does not.

use crate::board::{self, Board, Child, FIRST_ERROR, NONE, Place, THREADS, now, times};
use crate::dice::Dice;
use crate::kinds::{self, Halves, More};
use crate::mutator::SIZE;
use crate::whole::Whole;
use byname::inspect::Inspection;
use byname::{Error, ErrorKind, Event, Mutex, Namespace, Permit, Pollable, Reset, Semaphore, Timer, Wait, Waitable};
use byname::{signal_and_wait, wait_all, wait_all_async, wait_any, wait_any_async};
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// What a thread can be in.
pub const DEEDS: [&str; 60] = [
    "attach",
    "create",
    "open",
    "close",
    "lock_for",
    "release",
    "look at a mutex",
    "set",
    "reset",
    "pulse",
    "wait_for",
    "look at an event",
    "acquire_for",
    "post",
    "look at a semaphore",
    "set a timer",
    "cancel",
    "wait for a timer",
    "look at a timer",
    "wait_any",
    "wait_all",
    "signal_and_wait",
    "begin to await",
    "poll a wait",
    "drop a wait",
    "pollable",
    "drop a pollable",
    "clone and name",
    "drop a permit",
    "inspect",
    "fork",
    "send",
    "receive",
    "reserve",
    "take",
    "commit",
    "give back",
    "come and go",
    "look at a queue",
    "change",
    "publish",
    "read whole",
    "map",
    "ring",
    "look at a mapping",
    "start a dog",
    "refresh",
    "stop",
    "look at a dog",
    "wait for a dog",
    "spawn into a job",
    "assign",
    "terminate",
    "limit a job",
    "wait for a job",
    "look at a job",
    "look at a process",
    "wait for a process",
    UNDAMAGED,
    "exit",
];
/// Any call on the other namespace.
pub const UNDAMAGED: &str = "an answer of the undamaged namespace";

pub fn deed(name: &str) -> u32 {
    DEEDS.iter().position(|deed| *deed == name).unwrap_or_else(|| panic!("no deed {name}")) as u32
}

/// The names of all attacked objects.
pub fn all_names() -> Vec<String> {
    names().into_iter().chain(kinds::names()).collect()
}

/// Those of the attacked objects that are a word, in both lengths.
fn names() -> Vec<String> {
    (0..14).map(|i| if i < 11 { format!("attacked {i}") } else { format!("attacked {i} {}", "x".repeat(170)) }).collect()
}

/// How late a call may be.
pub const GRACE: u64 = 1_000_000_000;

/// A thread's way to call: everything that it calls is written down.
pub struct Caller {
    pub child: &'static Child,
    pub place: &'static Place,
    /// A program's file, of which mappings are made.
    pub plain: File,
    schedstat: File,
}

impl Caller {
    pub fn new(child: &'static Child, place: usize) -> Caller {
        let place = &child.places[place];
        // SAFETY: asks for the thread's id only.
        place.tid.store(unsafe { libc::gettid() }, SeqCst);
        let dir = std::path::PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap());
        let plain = File::options().read(true).write(true).create(true).truncate(false).open(dir.join("plain")).unwrap();
        Caller { child, place, plain, schedstat: File::open("/proc/thread-self/schedstat").unwrap() }
    }

    fn times(&self) -> (u64, u64) {
        let mut text = [0; 100];
        let len = self.schedstat.read_at(&mut text, 0).unwrap_or(0);
        times(std::str::from_utf8(&text[..len]).unwrap_or(""))
    }

    /// Makes a call; `limit` is its own time-out, if it has one.
    pub fn call<T>(&self, what: &str, limit: Option<Duration>, call: impl FnOnce() -> T) -> T {
        let place = self.place;
        let (burnt, queued) = self.times();
        let limit = limit.map_or(NONE, |limit| limit.as_nanos() as u64);
        place.deed.store(deed(what), SeqCst);
        place.limit.store(limit, SeqCst);
        place.burnt.store(burnt, SeqCst);
        place.queued.store(queued, SeqCst);
        place.lag.store(self.child.lag.load(SeqCst), SeqCst);
        let begun = now();
        place.begun.store(begun, SeqCst);
        let outcome = call();
        place.begun.store(0, SeqCst);
        let took = now() - begun;
        if limit != NONE && took > limit.saturating_add(GRACE) {
            let starved = self.times().1 - queued + 2 * (self.child.lag.load(SeqCst) - place.lag.load(SeqCst));
            if took > limit + GRACE + starved {
                self.complain(&format!("{what} with {limit} ns to wait came back after {took} ns ({starved} ns of them starved)"));
            }
        }
        let calls = if place.deed.load(SeqCst) == deed(UNDAMAGED) { &self.child.undamaged } else { &self.child.calls };
        calls.fetch_add(1, SeqCst);
        outcome
    }

    pub fn complain(&self, what: &str) {
        complain(self.child, what);
    }

    fn count(&self, what: &str, outcome: Result<usize, Error>) {
        self.count_but(what, outcome, &[]);
    }

    /// The same of a kind to which damaged bytes may bring these, too.
    pub fn count_but(&self, what: &str, outcome: Result<usize, Error>, explained: &[ErrorKind]) {
        self.child.deeds[deed(what) as usize].fetch_add(u64::from(outcome.is_ok()), SeqCst);
        let result = outcome.unwrap_or_else(|error| {
            if error.kind() == ErrorKind::NamespaceLost && !kinds::is_of_memory(&error) {
                self.child.lost.store(1, SeqCst);
            }
            if is_unknown(error.kind()) && !explained.contains(&error.kind()) {
                self.complain(&format!("{what}: no bytes explain {:?}: {error}", error.kind()));
            }
            FIRST_ERROR + place_of(error.kind())
        });
        self.child.results[result].fetch_add(1, SeqCst);
    }
}

fn place_of(kind: ErrorKind) -> usize {
    byname::KINDS.iter().position(|row| row.kind == kind).unwrap_or(0)
}

/// Errors that only a caller's own mistake may bring.
fn is_unknown(kind: ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(kind, PathNotFound | InvalidName | NameTooLong | InvalidArgument | Misaligned | Disconnected | MessageTooLong | BufferTooSmall)
}

/// Ends the process, and says why.
pub fn complain(child: &Child, what: &str) -> ! {
    child.complain(what);
    // SAFETY: ends this process; nobody waits for its destructors.
    unsafe { libc::_exit(3) }
}

enum Thing {
    Mutex(Mutex),
    Event(Event),
    Semaphore(Semaphore),
    Timer(Timer),
}

impl Thing {
    fn waitable(&self) -> &dyn Waitable {
        match self {
            Thing::Mutex(mutex) => mutex,
            Thing::Event(event) => event,
            Thing::Semaphore(semaphore) => semaphore,
            Thing::Timer(timer) => timer,
        }
    }
}

type Awaited = Pin<Box<dyn Future<Output = Result<usize, Error>>>>;

/// An asynchronous wait that has begun.
struct Waiting {
    future: Awaited,
    /// When its time is up (monotonic nanoseconds); `NONE` if it has all the time.
    due: u64,
    /// The heartbeat's lag when it began.
    lag: u64,
    told: Arc<Told>,
}

/// Whether the waker was called.
#[derive(Default)]
struct Told(AtomicBool);

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl Waiting {
    fn poll(&mut self, caller: &Caller) -> Poll<Result<usize, Error>> {
        let (waker, at) = (Waker::from(self.told.clone()), now());
        let was_told = self.told.0.load(SeqCst);
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        let starved = 2 * (caller.child.lag.load(SeqCst) - self.lag);
        if at > self.due.saturating_add(GRACE + starved) && (polled.is_pending() || !was_told) {
            let late = at - self.due;
            keepers().for_each(ask_where);
            caller.complain(&format!("a wait is {late} ns late ({starved} ns starved): told {was_told}, pending {}", polled.is_pending()));
        }
        polled
    }
}

/// What a thread has in its hands.
pub struct Hands<'a> {
    pub caller: &'a Caller,
    namespace: Namespace,
    undamaged: Namespace,
    names: Vec<String>,
    pub dice: Dice,
    things: Vec<Thing>,
    pub more: Vec<More>,
    pub halves: Halves,
    /// Watchdogs are started here: their bytes may say that they kill.
    pub may_watch: bool,
    permits: Vec<Permit>,
    awaited: Vec<Waiting>,
    pollables: Vec<Pollable>,
}

fn ended(wait: Wait) -> usize {
    match wait {
        Wait::Signaled(won) => {
            won.keep();
            board::DONE
        }
        Wait::Abandoned(won) => {
            won.keep();
            board::ABANDONED
        }
        Wait::TimedOut => board::TIMED_OUT,
    }
}

pub fn after(abandoned: Option<bool>) -> usize {
    match abandoned {
        None => board::TIMED_OUT,
        Some(false) => board::DONE,
        Some(true) => board::ABANDONED,
    }
}

impl Hands<'_> {
    fn make(&mut self) {
        let (name, unnamed) = (self.dice.below(self.names.len() as u64) as usize, self.dice.one_in(4));
        let name = self.names[name].clone();
        let (ns, open) = (self.namespace, self.dice.one_in(3));
        let events = if self.dice.one_in(2) { Event::options().initially_set() } else { Event::options() }.namespace(&ns);
        let mutexes = if self.dice.one_in(8) { Mutex::options().initially_owned() } else { Mutex::options() }.namespace(&ns);
        let semaphores = if self.dice.one_in(2) { Semaphore::options().robust() } else { Semaphore::options() }.namespace(&ns);
        let timers = Timer::options().namespace(&ns);
        let reset = self.dice.of(&[Reset::Auto, Reset::Manual]);
        let kind = name.len() + name.as_bytes()[9] as usize + usize::from(self.dice.one_in(16)); // mostly the same for a name
        let what = if open && !unnamed { "open" } else { "create" };
        let made = self.caller.call(what, None, || match (kind % 4, unnamed, open) {
            (0, true, _) => mutexes.unnamed().map(Thing::Mutex),
            (0, _, true) => mutexes.open(&name).map(Thing::Mutex),
            (0, ..) => mutexes.create(&name).map(Thing::Mutex),
            (1, true, _) => events.unnamed(reset).map(Thing::Event),
            (1, _, true) => events.open(&name).map(Thing::Event),
            (1, ..) => events.create(&name, reset).map(Thing::Event),
            (2, true, _) => timers.unnamed(reset).map(Thing::Timer),
            (2, _, true) => timers.open(&name).map(Thing::Timer),
            (2, ..) => timers.create(&name, reset).map(Thing::Timer),
            (_, true, _) => semaphores.unnamed(1, 3).map(Thing::Semaphore),
            (_, _, true) => semaphores.open(&name).map(Thing::Semaphore),
            (..) => semaphores.create(&name, 2, 3).map(Thing::Semaphore),
        });
        self.caller.count(what, made.map(|thing| self.things.push(thing)).map(|()| board::DONE));
    }

    /// One deed on those that are more than a word.
    fn act_on_more(&mut self) {
        if self.more.is_empty() || self.more.len() < 7 && self.dice.one_in(5) {
            let made = More::make(self.caller, &self.namespace, &mut self.dice, self.may_watch);
            return self.more.extend(made);
        }
        let limit = Duration::from_millis(self.dice.of(&[0, 0, 0, 1, 1, 5, 20]));
        let which = self.dice.below(self.more.len() as u64) as usize;
        if self.dice.one_in(12) {
            let thing = self.more.swap_remove(which);
            let closed = self.caller.call("close", None, || thing.close());
            return self.caller.count_but("close", closed.map(|()| board::DONE), &[ErrorKind::Disconnected]);
        }
        if self.dice.one_in(24) {
            return self.hang();
        }
        if !self.dice.one_in(6) {
            return kinds::act(self, which, limit);
        }
        let (writes, caller) = (self.dice.one_in(2), self.caller);
        let Some(waitable) = caller.call("come and go", None, || self.more[which].waitable(writes)) else { return };
        let mut many: Vec<&dyn Waitable> = vec![&*waitable];
        many.extend(self.things.first().map(Thing::waitable));
        let waited = caller.call("wait_any", Some(limit), || wait_any(&many, limit).map(ended));
        caller.count("wait_any", waited);
    }

    /// One deed.
    fn act(&mut self) {
        if self.dice.one_in(3) {
            return self.act_on_more();
        }
        if self.things.is_empty() || self.things.len() < 9 && self.dice.one_in(8) {
            return self.make();
        }
        let caller = self.caller;
        let limit = Duration::from_millis(self.dice.of(&[0, 0, 0, 1, 1, 5, 20, 50]));
        let (one, two) = (self.dice.below(self.things.len() as u64) as usize, self.dice.below(self.things.len() as u64) as usize);
        let choice = self.dice.below(32);
        match choice {
            0 | 1 => {
                let thing = self.things.swap_remove(one);
                let closed = caller.call("close", None, || match thing {
                    Thing::Mutex(mutex) => mutex.close(),
                    Thing::Event(event) => event.close(),
                    Thing::Semaphore(semaphore) => semaphore.close(),
                    Thing::Timer(timer) => timer.close(),
                });
                return caller.count("close", closed.map(|()| board::DONE));
            }
            2 | 3 => {
                let many: Vec<&dyn Waitable> = self.things.iter().map(Thing::waitable).take(2 + choice as usize * 2).collect();
                let waited = caller.call("wait_any", Some(limit), || wait_any(&many, limit).map(ended));
                return caller.count("wait_any", waited);
            }
            4 | 5 => {
                let mut many: Vec<&dyn Waitable> = vec![self.things[one].waitable()];
                if one != two {
                    many.push(self.things[two].waitable());
                }
                match caller.call("wait_all", Some(limit), || wait_all(&many, limit).map(ended)) {
                    // Two handles of one object: the caller's mistake.
                    Err(error) if error.kind() == ErrorKind::InvalidArgument => return,
                    waited => return caller.count("wait_all", waited),
                }
            }
            6 => {
                let (signal, object) = (self.things[one].waitable(), self.things[two].waitable());
                let waited = caller.call("signal_and_wait", Some(limit), || signal_and_wait(signal, object, limit).map(ended));
                return caller.count("signal_and_wait", waited);
            }
            7 | 8 => return self.await_something(one, two),
            9 | 10 if !self.awaited.is_empty() => {
                let which = self.dice.below(self.awaited.len() as u64) as usize;
                let polled = caller.call("poll a wait", None, || self.awaited[which].poll(caller));
                return match polled {
                    Poll::Pending => caller.count("poll a wait", Ok(board::PENDING)),
                    Poll::Ready(outcome) => {
                        let done = self.awaited.swap_remove(which);
                        caller.call("drop a wait", None, || drop(done));
                        caller.count("poll a wait", outcome);
                    }
                };
            }
            11 if !self.awaited.is_empty() => {
                let gone = self.awaited.swap_remove(0);
                return caller.call("drop a wait", None, || drop(gone));
            }
            12 if !self.pollables.is_empty() => {
                let gone = self.pollables.swap_remove(0);
                return caller.call("drop a pollable", None, || drop(gone));
            }
            13 if !self.permits.is_empty() => {
                let permit = self.permits.swap_remove(0);
                if self.dice.one_in(3) {
                    permit.forget();
                    return;
                }
                let released = caller.call("drop a permit", None, || permit.release());
                return caller.count("drop a permit", released.map(|()| board::DONE));
            }
            14 if self.dice.one_in(16) => {
                let path = self.namespace.path();
                let looked = caller.call("inspect", None, || {
                    let inspection = Inspection::at(path)?;
                    inspection.look()?;
                    inspection.check()
                });
                return caller.count("inspect", looked.map(|_| board::DONE));
            }
            14 if self.dice.one_in(8) => return self.fork(limit),
            15 => {
                let pollable = caller.call("pollable", None, || match &self.things[one] {
                    Thing::Mutex(mutex) => mutex.pollable(),
                    Thing::Event(event) => event.pollable(),
                    Thing::Semaphore(semaphore) => semaphore.pollable(),
                    Thing::Timer(timer) => timer.pollable(),
                });
                return caller.count("pollable", pollable.map(|p| self.pollables.push(p)).map(|()| board::DONE));
            }
            16 => {
                let (mut clone, thing) = (None, &self.things[one]);
                let cloned = caller.call("clone and name", None, || {
                    clone = Some(match thing {
                        Thing::Mutex(mutex) => mutex.try_clone().map(|m| (m.name(), Thing::Mutex(m)))?,
                        Thing::Event(event) => event.try_clone().map(|e| (e.name(), Thing::Event(e)))?,
                        Thing::Semaphore(semaphore) => semaphore.try_clone().map(|s| (s.name(), Thing::Semaphore(s)))?,
                        Thing::Timer(timer) => timer.try_clone().map(|t| (t.name(), Thing::Timer(t)))?,
                    });
                    Ok(board::DONE)
                });
                self.things.extend(clone.map(|(_, thing)| thing));
                return caller.count("clone and name", cloned);
            }
            _ => {}
        }
        let Hands { things, permits, dice, .. } = self;
        match &things[one] {
            Thing::Mutex(mutex) => match choice % 4 {
                0 | 1 => {
                    let keep = dice.one_in(2);
                    let locked = caller.call("lock_for", Some(limit), || {
                        mutex.lock_for(limit).map(|guard| {
                            guard.map(|guard| {
                                let abandoned = guard.abandoned();
                                if keep {
                                    guard.keep()
                                } else {
                                    drop(guard)
                                }
                                abandoned
                            })
                        })
                    });
                    caller.count("lock_for", locked.map(after));
                }
                2 => caller.count("release", caller.call("release", None, || mutex.release()).map(|()| board::DONE)),
                _ => {
                    let looked = caller.call("look at a mutex", None, || mutex.owner().and_then(|_| mutex.state()));
                    caller.count("look at a mutex", looked.map(|_| board::DONE));
                }
            },
            Thing::Event(event) => match choice % 5 {
                0 => caller.count("set", caller.call("set", None, || event.set()).map(|()| board::DONE)),
                1 => caller.count("reset", caller.call("reset", None, || event.reset()).map(|()| board::DONE)),
                2 => caller.count("pulse", caller.call("pulse", None, || event.pulse()).map(|()| board::DONE)),
                3 => {
                    let waited = caller.call("wait_for", Some(limit), || event.wait_for(limit));
                    caller.count("wait_for", waited.map(|got| after(got.map(|()| false))));
                }
                _ => {
                    let looked = caller.call("look at an event", None, || event.is_set().and_then(|_| event.state()));
                    caller.count("look at an event", looked.map(|_| board::DONE));
                }
            },
            Thing::Timer(timer) => match choice % 5 {
                0 => {
                    let period = limit / 3;
                    caller.count("set a timer", caller.call("set a timer", None, || timer.set(limit, period)).map(|()| board::DONE));
                }
                1 => {
                    let at = std::time::SystemTime::now() + limit;
                    caller.count("set a timer", caller.call("set a timer", None, || timer.set_at(at, limit)).map(|()| board::DONE));
                }
                2 => caller.count("cancel", caller.call("cancel", None, || timer.cancel()).map(|()| board::DONE)),
                3 => {
                    let waited = caller.call("wait for a timer", Some(limit), || timer.wait_for(limit));
                    caller.count("wait for a timer", waited.map(|got| after(got.map(|()| false))));
                }
                _ => {
                    let looked = caller.call("look at a timer", None, || timer.state());
                    caller.count("look at a timer", looked.map(|_| board::DONE));
                }
            },
            Thing::Semaphore(semaphore) => match choice % 3 {
                0 => {
                    let got = caller.call("acquire_for", Some(limit), || semaphore.acquire_for(limit));
                    let result = got.map(|permit| {
                        let result = after(permit.as_ref().map(Permit::abandoned));
                        permits.extend(permit);
                        result
                    });
                    caller.count("acquire_for", result);
                }
                1 => caller.count("post", caller.call("post", None, || semaphore.release(1)).map(|_| board::DONE)),
                _ => {
                    let looked = caller.call("look at a semaphore", None, || semaphore.available().and_then(|_| semaphore.state()));
                    caller.count("look at a semaphore", looked.map(|_| board::DONE));
                }
            },
        }
    }

    /// A child of a fork that hangs, watched.
    fn hang(&self) {
        // SAFETY: the child calls byname, whose hooks make that right, and ends by `_exit`.
        let pid = self.caller.call("fork", None, || unsafe { libc::fork() });
        if pid == 0 {
            // SAFETY: takes no pointers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            kinds::hang(&self.namespace);
        }
        self.gather(pid, &[0, libc::SIGKILL]);
    }

    /// A child of a fork has its handles, and answers; whatever it does to the attacked namespace has a time-out.
    fn fork(&mut self, limit: Duration) {
        // SAFETY: the child calls byname, whose hooks make that right, and ends by `_exit`.
        let pid = self.caller.call("fork", None, || unsafe { libc::fork() });
        if pid == 0 {
            // SAFETY: takes no pointers; nobody waits for its grandchild.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            for thing in &self.things {
                let _ = wait_any(&[thing.waitable()], limit).map(drop);
            }
            let event = Event::options().namespace(&self.undamaged).unnamed(Reset::Manual);
            let answer = event.and_then(|event| event.set().and_then(|()| event.is_set()));
            match answer {
                // SAFETY: ends this process; nobody waits for its destructors.
                Ok(true) => unsafe { libc::_exit(0) },
                other => complain(self.caller.child, &format!("the undamaged namespace answers a child of a fork with {other:?}")),
            }
        }
        self.gather(pid, &[0]);
    }

    /// Waits for the end of a child of ours, which must be one of these.
    fn gather(&self, pid: i32, ends: &[i32]) {
        let (begun, lag) = (now(), self.caller.child.lag.load(SeqCst));
        let mut status = 0;
        // SAFETY: our own child, and a valid place for its status.
        while pid > 0 && unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
            std::thread::sleep(Duration::from_millis(5));
            let starved = 4 * (self.caller.child.lag.load(SeqCst) - lag);
            if now() - begun > 10 * GRACE + starved {
                self.caller.complain("a child of a fork does not come to its end");
            }
        }
        if pid > 0 && !ends.contains(&status) {
            self.caller.complain(&format!("a child of a fork ended with {status:#x}"));
        }
    }

    fn await_something(&mut self, one: usize, two: usize) {
        if self.awaited.len() > 12 {
            return;
        }
        let limit = Duration::from_millis(self.dice.of(&[1, 20, 200]));
        let many: Vec<&dyn Waitable> =
            if one == two { vec![self.things[one].waitable()] } else { vec![self.things[one].waitable(), self.things[two].waitable()] };
        let due = now() + limit.as_nanos() as u64;
        let (awaited, due): (Awaited, u64) = match (self.dice.below(3), &self.things[one]) {
            (0, _) => {
                let any = wait_any_async(&many, limit);
                (Box::pin(async move { any.await.map(|wait| if wait.is_timed_out() { board::TIMED_OUT } else { board::DONE }) }), due)
            }
            (1, _) if one == two || self.dice.one_in(2) => {
                let all = wait_all_async(&many[..1], limit);
                (Box::pin(async move { all.await.map(|wait| if wait.is_timed_out() { board::TIMED_OUT } else { board::DONE }) }), due)
            }
            (_, Thing::Mutex(mutex)) => {
                let lock = mutex.lock_async();
                (Box::pin(async move { lock.await.map(|grant| after(Some(grant.abandoned()))) }), NONE)
            }
            (_, Thing::Event(event)) => {
                let wait = event.wait_async();
                (Box::pin(async move { wait.await.map(|()| board::DONE) }), NONE)
            }
            (_, Thing::Timer(timer)) => {
                let wait = timer.wait_async();
                (Box::pin(async move { wait.await.map(|()| board::DONE) }), NONE)
            }
            (_, Thing::Semaphore(semaphore)) => {
                let acquire = semaphore.acquire_async();
                (Box::pin(async move { acquire.await.map(|permit| after(Some(permit.abandoned()))) }), NONE)
            }
        };
        let mut waiting = Waiting { future: awaited, due, lag: self.caller.child.lag.load(SeqCst), told: Arc::default() };
        let begun = self.caller.call("begin to await", None, || waiting.poll(self.caller));
        match begun {
            Poll::Ready(outcome) => self.caller.count("begin to await", outcome),
            Poll::Pending => self.awaited.push(waiting),
        }
    }
}

/// The life of a child: `FUZZ_CHILD` is its place on the board.
pub fn live(board: &'static Board, place: usize, seed: u64) -> ! {
    let child = &board.children[place];
    watch_ourselves(child);
    std::thread::spawn(|| beat(child));
    let main = Caller::new(child, 0);
    let whole = main.call(UNDAMAGED, None, || Namespace::session("whole"));
    let whole = whole.unwrap_or_else(|error| complain(child, &format!("the undamaged namespace: {error}")));
    let mut threads = vec![];
    for thread in 1..THREADS {
        threads.push(std::thread::spawn(move || work(board, child, thread, Dice::new(seed, (place * THREADS + thread) as u64), whole)));
    }
    // Who is still in a call after a while has nothing that would end it.
    while board.stop.load(SeqCst) == 0 && child.lost.load(SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    finish_calls(child);
    keepers_rest(child);
    child.stuck.store(child.places[1..].iter().filter(|place| place.begun.load(SeqCst) != 0).count() as u32, SeqCst);
    main.call("exit", None, || {
        // SAFETY: an orderly exit, with the hooks that a program's exit has.
        unsafe { libc::exit(0) }
    })
}

/// Waits for the calls in progress. One with a time-out comes back, or the watcher says that it is late; one that runs, likewise. One without a time-out that
/// sleeps may have nothing to end it.
fn finish_calls(child: &Child) {
    let end = now() + 300_000_000;
    let is_in_call = |place: &Place| place.begun.load(SeqCst) != 0;
    let is_to_return = |place: &Place| {
        is_in_call(place) && (now() < end || place.limit.load(SeqCst) != NONE || runs(place.tid.load(SeqCst), 50_000_000) > 20)
    };
    while child.places[1..].iter().any(is_to_return) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many percent of that time the thread was not asleep.
fn runs(tid: i32, window: u64) -> u64 {
    let busy = || {
        let (burnt, queued) = times(&std::fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).unwrap_or_default());
        burnt + queued
    };
    let (begun, before) = (now(), busy());
    std::thread::sleep(Duration::from_nanos(window));
    busy().saturating_sub(before) * 100 / (now() - begun)
}

/// The threads that byname has started.
fn keepers() -> impl Iterator<Item = i32> {
    let is_keeper =
        |tid: &i32| std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).is_ok_and(|name| name.trim() == "byname-keeper");
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    tasks.filter(is_keeper)
}

/// Has a thread of ours tell where it is.
fn ask_where(tid: i32) {
    // SAFETY: a signal that we handle.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id() as i32, tid, libc::SIGTRAP) };
    std::thread::sleep(Duration::from_millis(300));
}

/// byname's own threads sleep when there is nothing to do for them.
fn keepers_rest(child: &'static Child) {
    for keeper in keepers() {
        if (0..30).all(|_| runs(keeper, 100_000_000) > 95) {
            ask_where(keeper);
            complain(child, "a keeper runs without end");
        }
    }
}

fn work(board: &'static Board, child: &'static Child, thread: usize, mut dice: Dice, whole: Namespace) {
    let caller = Caller::new(child, thread);
    let mut undamaged = Whole::new(board, &caller, whole, dice.word());
    let attached = if thread + 1 == THREADS {
        None // this one must always be answered
    } else {
        let attached = caller.call("attach", None, || Namespace::session("attacked"));
        if attached.is_ok() {
            child.attached.fetch_add(1, SeqCst);
            guard_neighbourhood();
        }
        let namespace = attached.as_ref().ok().copied();
        caller.count("attach", attached.map(|_| board::DONE));
        namespace
    };
    let mut hands = attached.map(|namespace| Hands {
        caller: &caller,
        namespace,
        undamaged: whole,
        names: names(),
        dice: dice.clone(),
        things: vec![],
        more: vec![],
        halves: Halves::default(),
        may_watch: child.may_watch(board),
        permits: vec![],
        awaited: vec![],
        pollables: vec![],
    });
    while board.stop.load(SeqCst) == 0 && child.lost.load(SeqCst) == 0 {
        match &mut hands {
            Some(hands) if !dice.one_in(8) => hands.act(),
            Some(_) => undamaged.act(),
            None => {
                std::thread::sleep(Duration::from_micros(100)); // the others have more to do
                undamaged.act();
            }
        }
    }
}

/// Pages that nobody may touch, on both sides of the arena's addresses.
fn guard_neighbourhood() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let begins =
        maps.lines().filter(|line| line.ends_with(".attacked")).filter_map(|line| usize::from_str_radix(line.split('-').next()?, 16).ok());
    let Some(begin) = begins.min() else { return };
    for at in [begin - (1 << 20), begin + SIZE as usize] {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE | libc::MAP_NORESERVE;
        // SAFETY: new addresses only (NOREPLACE); what is there already stays.
        unsafe { libc::mmap(at as *mut libc::c_void, 1 << 20, libc::PROT_NONE, flags, -1, 0) };
    }
}

/// Says by how much this process was held up by the machine.
fn beat(child: &'static Child) {
    const BEAT: u64 = 5_000_000;
    loop {
        let before = now();
        std::thread::sleep(Duration::from_nanos(BEAT));
        child.lag.fetch_add((now() - before).saturating_sub(BEAT + 1_000_000), SeqCst);
    }
}

/// A panic of any thread, byname's own too, is told. SIGTRAP, which byname leaves open, asks a thread where it is; SIGSEGV says so by itself, and SIGBUS,
/// where byname passes it on.
fn watch_ourselves(child: &'static Child) {
    // SAFETY: takes no pointers; a child does not outlive its parent.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    std::panic::set_hook(Box::new(move |panic| {
        let at = panic.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("a panic");
        let thread = std::thread::current().name().unwrap_or("a thread").to_owned();
        complain(child, &format!("{thread} panics: {what} ({at})\n{}", std::backtrace::Backtrace::force_capture()));
    }));
    let once = libc::SA_RESETHAND;
    for (signal, flags) in [(libc::SIGTRAP, libc::SA_RESTART), (libc::SIGSEGV, once), (libc::SIGABRT, once), (libc::SIGBUS, once)] {
        // SAFETY: a handler for diagnosis alone: it may hang or crash a process that is lost anyway.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = say_where as *const () as usize;
            action.sa_flags = flags | libc::SA_SIGINFO;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

extern "C" fn say_where(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo.
    let at = unsafe { (*info).si_addr() } as usize;
    eprintln!("signal {signal} at {at:#x}:\n{}", std::backtrace::Backtrace::force_capture());
}
