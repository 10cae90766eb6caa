//! A worker of the soak, in Rust: `byname-soak LEDGER SLOT SEED [dog]`. Two threads that block, two that drive futures.
//!
//! `ledger.py` says what is written where. What breaks a rule is told on standard output, and the process ends with status 3.

#![expect(clippy::disallowed_methods, reason = "a test program; the rule is for what ships")]

mod kinds;

use byname::{ErrorKind, Event, Guard, Mutex, Permit, Reset, Semaphore, Wait, Waitable, Won};
use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

const MUTEXES: usize = 6;
const FIRST_PLAIN: usize = MUTEXES;
const FIRST_ROBUST: usize = FIRST_PLAIN + 4;
const FIRST_BATON: usize = FIRST_ROBUST + 4;
const OBJECTS: usize = FIRST_BATON + 6;
const BELLS: usize = 2;
const GATES: usize = 2;
const TEMPORARY: u32 = 8;

const PHASE: usize = 0;
const END: u64 = 1_000_000;
const REGIONS: usize = 64;
const REGION: usize = 64;
const LANES: usize = REGIONS + OBJECTS * REGION;
const LANE: usize = 64;
const LANES_OF_A_WORKER: usize = 4;
// Words of a region.
const INSIDE: usize = 0;
const HEAD: usize = 1;
const TOLD_CLEAN: usize = 2;
const TOLD_DIRTY: usize = 3;
const FENCE: usize = 4;
const ENTRIES: usize = 8;
const DEAD_NAMES: usize = 40;
const NAMES: u64 = 24;
// Words of a lane.
const DOING: usize = 0;
const HELD: usize = 1;
const PID: usize = 2;
const STATE: usize = 3;
const OPERATIONS: usize = 4;
const BELL: usize = 5;
const TOLD: usize = 12;
const COUNTS: usize = 16;
const MAYBE_TOLD: usize = 32;
const TAKEN: usize = 36;
const MORE_COUNTS: usize = 40;
const RUNNING: u64 = 0;
const RESTING: u64 = 1;
const WOKEN: u64 = 3;
const TAKING: u64 = 1;
const GIVING: u64 = 2;

const PLAIN_ONES: u64 = (1 << FIRST_ROBUST) - (1 << FIRST_PLAIN);
const ROBUST_ONES: u64 = (1 << FIRST_BATON) - (1 << FIRST_ROBUST);
const SURE: u64 = ((1 << FIRST_PLAIN) - 1) | ROBUST_ONES;

/// What is counted, in the order of the ledger's words.
#[derive(Clone, Copy)]
enum Count {
    Lock,
    Semaphore,
    Robust,
    Event,
    Ring,
    Gate,
    Any,
    All,
    TimedOut,
    Async,
    Cancelled,
    Polled,
    Made,
    SignalAndWait = 14,
    Kept,
}

/// Why a worker ends: byname refused, or a rule was broken.
struct Fault(String);

impl From<byname::Error> for Fault {
    fn from(error: byname::Error) -> Fault {
        Fault(format!("{}: {error}", error.kind().info().name))
    }
}

type Done = Result<(), Fault>;

/// An object of the soak, by its bit.
enum Object {
    Mutex(Mutex),
    Semaphore(Semaphore),
    Event(Event),
}

impl Object {
    fn waitable(&self) -> &dyn Waitable {
        match self {
            Object::Mutex(mutex) => mutex,
            Object::Semaphore(semaphore) => semaphore,
            Object::Event(event) => event,
        }
    }
}

/// The ledger.
struct Book(File);

/// What all lanes of this worker share.
struct Worker {
    book: Book,
    path: String,
    more: kinds::More,
    slot: usize,
    seed: u32,
    objects: Vec<Object>,
    bells: Vec<Event>,
    gates: Vec<Event>,
    go: Event,
    gong: Mutex,
}

impl std::ops::Deref for Worker {
    type Target = Book;
    fn deref(&self) -> &Book {
        &self.book
    }
}

impl Book {
    fn get(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, at as u64 * 8).expect("the ledger is there");
        u64::from_le_bytes(bytes)
    }

    /// One write of eight bytes is whole or not there, like a store.
    fn put(&self, at: usize, value: u64) {
        self.0.write_all_at(&value.to_le_bytes(), at as u64 * 8).expect("the ledger is there");
    }
}

/// What a lane holds by a value and not by its thread.
enum Hold {
    Unit(Permit),
    Part(Guard),
}

impl Hold {
    fn release(self) -> byname::Result<()> {
        match self {
            Hold::Unit(permit) | Hold::Part(Guard::Semaphore(permit)) => permit.release(),
            Hold::Part(Guard::Mutex(grant)) => grant.release(),
        }
    }
}

struct Lane<'a> {
    worker: &'a Worker,
    number: usize,
    at: usize,
    /// The process and the lane, unlike any other's.
    name: u64,
    random: u32,
    holds: HashMap<usize, Hold>,
    hand: kinds::Hand,
}

fn mix(before: u64, n: u64, writer: u64) -> u64 {
    let h = (before as u32 ^ n as u32).wrapping_mul(0x9E37_79B1);
    let h = (h ^ h >> 15 ^ writer as u32).wrapping_mul(0x85EB_CA77);
    u64::from(h ^ h >> 13)
}

fn bits(mask: u64) -> impl Iterator<Item = usize> {
    (0..OBJECTS).filter(move |o| mask >> o & 1 == 1)
}

impl<'a> Lane<'a> {
    fn new(worker: &'a Worker, number: usize) -> Lane<'a> {
        let at = LANES + (worker.slot * LANES_OF_A_WORKER + number) * LANE;
        let random = worker.seed.wrapping_mul(31).wrapping_add(number as u32 * 7919 + 1).max(1);
        let name = (number as u64) << 32 | u64::from(std::process::id());
        let hand = kinds::Hand::new(&worker.path, worker.slot, number, worker.seed).expect("a record");
        Lane { worker, number, at, name, random, holds: HashMap::new(), hand }
    }

    fn dice(&mut self, sides: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random % sides
    }

    fn get(&self, word: usize) -> u64 {
        self.worker.get(self.at + word)
    }

    fn put(&self, word: usize, value: u64) {
        self.worker.put(self.at + word, value);
    }

    fn add(&self, word: usize) {
        self.put(word, self.get(word) + 1);
    }

    fn count(&self, what: Count) {
        self.add(COUNTS + what as usize);
        self.add(OPERATIONS);
    }

    fn begin(&self, what: u64, mask: u64) {
        self.put(DOING, what << 32 | mask);
    }

    /// `taken` is what the call that is done took.
    fn done(&self, held: u64, taken: u64) {
        self.put(HELD, held);
        bits(taken & PLAIN_ONES).for_each(|o| self.add(TAKEN + o - FIRST_PLAIN));
        self.put(DOING, 0);
    }

    fn nothing(&self, what: Count) {
        self.done(self.get(HELD), 0);
        self.count(what);
    }

    fn patience(&mut self) -> Duration {
        Duration::from_micros([0, 200, 2_000, 20_000][self.dice(4) as usize])
    }

    /// For a wait that is satisfied by one of these objects.
    fn patience_for(&mut self, mask: u64) -> Option<Duration> {
        let (limit, forever) = (self.patience(), self.dice(8) == 0);
        if forever && mask & SURE != 0 && self.get(HELD) & ROBUST_ONES == 0 { None } else { Some(limit) }
    }

    fn pick(&mut self, taken: u64) -> usize {
        loop {
            let o = self.dice(OBJECTS as u32) as usize;
            if (self.get(HELD) | taken) >> o & 1 == 0 {
                return o;
            }
        }
    }

    fn choose(&mut self, many: u32) -> (Vec<usize>, u64) {
        let (mut chosen, mut mask) = (Vec::new(), 0);
        for _ in 0..many {
            let o = self.pick(mask);
            chosen.push(o);
            mask |= 1 << o;
        }
        (chosen, mask)
    }

    fn waitables(&self, chosen: &[usize]) -> Vec<&'a dyn Waitable> {
        let worker = self.worker;
        chosen.iter().map(|o| worker.objects[*o].waitable()).collect()
    }

    // --- inside

    fn enter_mutex(&self, o: usize, told: bool, fence: u64) -> Done {
        let (worker, r) = (self.worker, REGIONS + o * REGION);
        let (inside, n) = (worker.get(r + INSIDE), worker.get(r + HEAD));
        if inside != 0 && !told {
            return Err(Fault(format!("mutex {o}: {inside:x} is inside, and this owner was not told")));
        }
        if inside != 0 {
            let dirty = worker.get(r + TOLD_DIRTY);
            worker.put(r + DEAD_NAMES + (dirty % NAMES) as usize, inside);
            worker.put(r + TOLD_DIRTY, dirty + 1);
        } else if told {
            worker.put(r + TOLD_CLEAN, worker.get(r + TOLD_CLEAN) + 1);
        }
        worker.put(r + INSIDE, self.name);
        let (last, next) = (r + ENTRIES + 4 * (n % 8) as usize, r + ENTRIES + 4 * ((n + 1) % 8) as usize);
        if n != 0 && (worker.get(last) != n || worker.get(last + 3) != mix(worker.get(last + 1), n, worker.get(last + 2))) {
            return Err(Fault(format!("mutex {o}: entry {n} is torn")));
        }
        if worker.get(next) == n + 1 && !told {
            return Err(Fault(format!("mutex {o}: entry {} is half made, and this owner was not told", n + 1)));
        }
        if fence <= worker.get(r + FENCE) {
            return Err(Fault(format!("mutex {o}: fence {fence} after {}", worker.get(r + FENCE))));
        }
        worker.put(r + FENCE, fence);
        worker.put(next, n + 1);
        let before = if n == 0 { 0 } else { worker.get(last + 3) };
        let writer = self.name & 0xFFFF_FFFF;
        worker.put(next + 1, before);
        worker.put(next + 2, writer);
        worker.put(next + 3, mix(before, n + 1, writer));
        worker.put(r + HEAD, n + 1);
        Ok(())
    }

    /// `told` is where a robust semaphore's news is counted.
    fn enter(&self, o: usize, told: Option<usize>) -> Done {
        let inside = REGIONS + o * REGION + INSIDE;
        match (&self.worker.objects[o], self.holds.get(&o)) {
            (Object::Mutex(_), Some(Hold::Part(Guard::Mutex(grant)))) => self.enter_mutex(o, grant.abandoned(), grant.fence())?,
            (Object::Mutex(mutex), _) => {
                let guard = mutex.adopt()?;
                self.enter_mutex(o, guard.abandoned(), guard.fence())?;
                guard.keep();
            }
            (Object::Event(_), _) => match self.worker.get(inside) {
                0 => self.worker.put(inside, self.name),
                other => return Err(Fault(format!("event {o}: {other:x} has it, and it was given once more"))),
            },
            (Object::Semaphore(_), _) => {
                if let Some(word) = told
                    && o >= FIRST_ROBUST
                {
                    self.add(word + o - FIRST_ROBUST);
                }
            }
        }
        self.count(match o {
            _ if o < FIRST_PLAIN => Count::Lock,
            _ if o < FIRST_ROBUST => Count::Semaphore,
            _ if o < FIRST_BATON => Count::Robust,
            _ => Count::Event,
        });
        Ok(())
    }

    fn enter_all(&self, mask: u64, abandoned: bool) -> Done {
        // A wait-all does not say whose news it is.
        let told = abandoned.then_some(if mask.count_ones() > 1 { MAYBE_TOLD } else { TOLD });
        bits(mask).try_for_each(|o| self.enter(o, told))?;
        self.done(self.get(HELD) | mask, mask);
        Ok(())
    }

    fn go_out(&self, o: usize) -> Done {
        let inside = REGIONS + o * REGION + INSIDE;
        if !(FIRST_PLAIN..FIRST_BATON).contains(&o) {
            let found = self.worker.get(inside);
            if found != self.name {
                return Err(Fault(format!("object {o}: {found:x} came inside while {:x} was", self.name)));
            }
            self.worker.put(inside, 0);
        }
        Ok(())
    }

    fn give(&mut self, o: usize) -> Done {
        self.begin(GIVING, 1 << o);
        self.go_out(o)?;
        match (self.holds.remove(&o), &self.worker.objects[o]) {
            (Some(hold), _) => hold.release()?,
            (None, Object::Mutex(mutex)) => mutex.release()?,
            (None, Object::Event(event)) => event.set()?,
            (None, Object::Semaphore(_)) => return Err(Fault(format!("semaphore {o}: nothing to give back"))),
        }
        self.done(self.get(HELD) & !(1 << o), 0);
        Ok(())
    }

    fn give_all(&mut self, mask: u64) -> Done {
        bits(self.get(HELD) & mask).try_for_each(|o| self.give(o))
    }

    fn keep_or_give(&mut self, mask: u64) -> Done {
        for o in bits(mask) {
            if let Object::Mutex(mutex) = &self.worker.objects[o]
                && !self.holds.contains_key(&o)
                && self.dice(4) == 0
            {
                drop(mutex.lock()?); // once more
            }
            if o >= FIRST_PLAIN && self.dice(8) == 0 {
                self.count(Count::Kept);
            } else {
                self.give(o)?;
            }
        }
        Ok(())
    }

    // --- the operations of a thread

    fn acquire(&mut self, o: usize, limit: Option<Duration>) -> Done {
        let began = Instant::now();
        self.begin(TAKING, 1 << o);
        let told = match &self.worker.objects[o] {
            Object::Mutex(mutex) => mutex.lock_for(limit)?.map(|guard| {
                let told = guard.abandoned();
                guard.keep();
                told
            }),
            Object::Event(event) => event.wait_for(limit)?.map(|()| false),
            Object::Semaphore(semaphore) => semaphore.acquire_for(limit)?.map(|permit| {
                let told = permit.abandoned();
                self.holds.insert(o, Hold::Unit(permit));
                told
            }),
        };
        let Some(told) = told else { return self.timed_out(limit, began) };
        self.enter_all(1 << o, told)?;
        self.keep_or_give(1 << o)
    }

    fn timed_out(&self, limit: Option<Duration>, began: Instant) -> Done {
        if limit.is_none_or(|limit| began.elapsed() < limit) {
            return Err(Fault(format!("a wait of {limit:?} timed out after {:?}", began.elapsed())));
        }
        self.nothing(Count::TimedOut);
        Ok(())
    }

    fn several(&mut self, all: bool) -> Done {
        let many = 2 + self.dice(2);
        let (chosen, mask) = self.choose(many);
        let limit = if all { Some(self.patience()) } else { self.patience_for(mask) };
        let began = Instant::now();
        self.begin(TAKING, mask);
        let wait = if all { byname::wait_all } else { byname::wait_any }(&self.waitables(&chosen), limit)?;
        let Some(won) = wait.won() else { return self.timed_out(limit, began) };
        self.count(if all { Count::All } else { Count::Any });
        let mask = if all { mask } else { 1 << chosen[won.index()] };
        self.enter_all(mask, won.abandoned())?;
        self.give_won(mask, won)
    }

    /// What a thread's wait took goes back in one piece, batons apart.
    fn give_won(&mut self, mask: u64, won: Won) -> Done {
        let batons = mask >> FIRST_BATON << FIRST_BATON;
        self.begin(GIVING, mask & !batons);
        bits(mask & !batons).try_for_each(|o| self.go_out(o))?;
        won.release()?;
        self.done(self.get(HELD) & !(mask & !batons), 0);
        self.keep_or_give(batons)
    }

    fn ring(&mut self) -> Done {
        let (b, what) = (self.dice(BELLS as u32) as usize, self.dice(8));
        let (bell, other) = (&self.worker.bells[b], (b + 1) % BELLS);
        match what {
            0..3 => {
                self.add(BELL + 2 * b + 1);
                if what == 0 { bell.pulse()? } else { bell.set()? }
            }
            3 => bell.reset()?,
            4 => {
                self.add(BELL + 2 * b + 1);
                let limit = self.patience();
                if !byname::signal_and_wait(bell, &self.worker.bells[other], limit)?.is_timed_out() {
                    self.add(BELL + 2 * other);
                }
                self.count(Count::SignalAndWait);
            }
            _ => {
                let limit = self.patience();
                if bell.wait_for(limit)?.is_some() {
                    self.add(BELL + 2 * b);
                }
            }
        }
        self.count(Count::Ring);
        Ok(())
    }

    fn gate(&mut self) -> Done {
        let (g, what) = (self.dice(GATES as u32) as usize, self.dice(5));
        let gate = &self.worker.gates[g];
        match what {
            0 => gate.set()?,
            1 => gate.reset()?,
            2 => gate.pulse()?,
            _ => {
                let limit = self.patience();
                let _ = gate.wait_for(limit)?;
            }
        }
        self.count(Count::Gate);
        Ok(())
    }

    fn poll(&mut self) -> Done {
        let o = self.pick(0);
        let pollable = match &self.worker.objects[o] {
            Object::Mutex(mutex) => mutex.pollable()?,
            Object::Semaphore(semaphore) => semaphore.pollable()?,
            Object::Event(event) => event.pollable()?,
        };
        let mut entry = libc::pollfd { fd: pollable.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which lives as long as the call.
        if unsafe { libc::poll(&raw mut entry, 1, 2) } == 1 {
            self.acquire(o, Some(Duration::ZERO))?;
        }
        self.count(Count::Polled);
        Ok(())
    }

    /// An object that is there for a moment, under a name that the others use too.
    fn make(&mut self) -> Done {
        let (name, kind, opens) = (format!("x{}", self.dice(TEMPORARY)), self.dice(3), self.dice(4) == 0);
        self.count(Count::Made);
        let made = match (kind, opens) {
            (0, false) => Mutex::create(&name).map(Object::Mutex),
            (0, true) => Mutex::open(&name).map(Object::Mutex),
            (1, false) => Event::create(&name, Reset::Auto).map(Object::Event),
            (1, true) => Event::open(&name).map(Object::Event),
            (_, false) => {
                let how = if self.dice(2) == 1 { Semaphore::options().robust() } else { Semaphore::options() };
                how.create(&name, 1, 1).map(Object::Semaphore)
            }
            (_, true) => Semaphore::open(&name).map(Object::Semaphore),
        };
        let made = match made {
            Err(error) if error.kind() == ErrorKind::WrongKind || (opens && error.kind() == ErrorKind::NotFound) => return Ok(()),
            made => made?,
        };
        let limit = Duration::from_millis(u64::from(self.dice(2)));
        match made {
            Object::Mutex(mutex) => {
                mutex.lock_for(limit)?.map_or(Ok(()), byname::MutexGuard::release)?;
                mutex.close()?;
            }
            Object::Event(event) => {
                if self.dice(2) == 1 {
                    event.set()?;
                }
                event.wait_for(limit)?.map_or(Ok(()), |()| event.set())?;
                event.close()?;
            }
            Object::Semaphore(semaphore) => {
                semaphore.acquire_for(limit)?.map_or(Ok(()), Permit::release)?;
                semaphore.close()?;
            }
        }
        Ok(())
    }

    fn operate(&mut self) -> Done {
        if self.get(HELD) != 0 && self.dice(4) == 0 {
            return self.give_all(u64::MAX);
        }
        if self.dice(4) == 0 {
            return self.operate_more();
        }
        match self.dice(32) {
            0..16 => {
                let o = self.pick(0);
                let limit = self.patience_for(1 << o);
                self.acquire(o, limit)
            }
            16..20 => self.several(false),
            20..24 => self.several(true),
            24..26 => self.ring(),
            26 => self.gate(),
            27..29 => self.poll(),
            _ => self.make(),
        }
    }

    // --- the operations of a future

    fn operate_async(&mut self) -> Done {
        if self.get(HELD) != 0 && self.dice(4) == 0 {
            return self.give_all(u64::MAX);
        }
        if self.dice(4) == 0 {
            return self.operate_more_async();
        }
        let (many, all) = ([1, 1, 2, 3][self.dice(4) as usize], self.dice(2) == 0);
        let (chosen, mask) = self.choose(many);
        let limit = if all && many > 1 { Some(self.patience()) } else { self.patience_for(mask) };
        let objects = self.waitables(&chosen);
        self.count(Count::Async);
        self.begin(TAKING, mask);
        let future = if all { byname::wait_all_async } else { byname::wait_any_async }(&objects, limit);
        let dropped_after = (self.dice(3) == 0).then(|| Duration::from_micros(u64::from(self.dice(3)) * 300));
        let Some(outcome) = drive(future, dropped_after) else {
            self.nothing(Count::Cancelled);
            return Ok(());
        };
        let wait: Wait<byname::ByGrant> = outcome?;
        let Some(won) = wait.won() else {
            self.nothing(Count::TimedOut);
            return Ok(());
        };
        if many > 1 {
            self.count(if all { Count::All } else { Count::Any });
        }
        let taken = if all { chosen } else { vec![chosen[won.index()]] };
        let abandoned = won.abandoned();
        let parts = taken.iter().filter(|o| **o < FIRST_BATON).copied().zip(won.into_guards());
        self.holds.extend(parts.map(|(o, guard)| (o, Hold::Part(guard))));
        let mask = taken.iter().fold(0, |mask, o| mask | 1 << o);
        self.enter_all(mask, abandoned)?;
        self.keep_or_give(mask)
    }

    fn live(mut self, operate: fn(&mut Self) -> Done) -> Done {
        self.put(PID, u64::from(std::process::id()));
        loop {
            let phase = self.worker.get(PHASE);
            if phase == END {
                break;
            }
            if phase.is_multiple_of(2) {
                operate(&mut self)?;
                continue;
            }
            self.hand.let_go()?;
            self.give_all(ROBUST_ONES)?;
            self.put(STATE, RESTING);
            // One of the threads waits as a future does.
            let long = Duration::from_secs(120);
            let woken = if self.number == 3 {
                drive(byname::wait_any_async(&[&self.worker.go], long), None)
                    .is_some_and(|wait| wait.is_ok_and(|wait| !wait.is_timed_out()))
            } else {
                self.worker.go.wait_for(long)?.is_some()
            };
            if !woken {
                return Err(Fault("a set of the gate `go` woke nobody here".into()));
            }
            self.worker.gong.lock()?.release()?;
            self.put(STATE, WOKEN);
            while self.worker.get(PHASE) == phase {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.put(STATE, RUNNING);
        }
        self.hand.let_go()?;
        self.give_all(u64::MAX)?;
        self.put(PID, 0);
        Ok(())
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls the future to its end, or drops it after that time.
fn drive<T>(mut future: impl Future<Output = T> + Unpin, dropped_after: Option<Duration>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let until = dropped_after.map(|after| Instant::now() + after);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => std::thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => std::thread::park_timeout(left),
        }
    }
}

fn open(o: usize) -> byname::Result<Object> {
    Ok(match o {
        _ if o < FIRST_PLAIN => Object::Mutex(Mutex::open(&format!("m{o}"))?),
        _ if o < FIRST_ROBUST => Object::Semaphore(Semaphore::open(&format!("s{}", o - FIRST_PLAIN))?),
        _ if o < FIRST_BATON => Object::Semaphore(Semaphore::open(&format!("r{}", o - FIRST_ROBUST))?),
        _ => Object::Event(Event::open(&format!("b{}", o - FIRST_BATON))?),
    })
}

fn open_book(ledger: &str) -> Result<Book, Fault> {
    File::options().read(true).write(true).open(ledger).map(Book).map_err(|error| Fault(error.to_string()))
}

fn run(ledger: &str, slot: usize, seed: u32) -> Done {
    let worker = Worker {
        book: open_book(ledger)?,
        path: ledger.to_owned(),
        more: kinds::More::open()?,
        slot,
        seed,
        objects: (0..OBJECTS).map(open).collect::<byname::Result<_>>()?,
        bells: (0..BELLS).map(|i| Event::open(&format!("l{i}"))).collect::<byname::Result<_>>()?,
        gates: (0..GATES).map(|i| Event::open(&format!("g{i}"))).collect::<byname::Result<_>>()?,
        go: Event::open("go")?,
        gong: Mutex::open("gong")?,
    };
    let ways: [fn(&mut Lane<'_>) -> Done; 4] =
        [|lane| lane.operate(), |lane| lane.operate(), |lane| lane.operate_async(), |lane| lane.operate_async()];
    std::thread::scope(|scope| {
        for (number, operate) in ways.into_iter().enumerate() {
            let lane = Lane::new(&worker, number);
            scope.spawn(move || lane.live(operate).unwrap_or_else(|fault| tell(slot, &fault)));
        }
    });
    Ok(())
}

fn tell(slot: usize, fault: &Fault) {
    let _ = writeln!(std::io::stdout(), "FAULT rust worker {slot} pid {}: {}", std::process::id(), fault.0);
    std::process::exit(3);
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, ledger, slot, seed, role @ ..] = words.as_slice() else { std::process::exit(2) };
    let (slot, seed): (usize, _) = (slot.parse().expect("a number"), seed.parse().expect("a number"));
    let lived = match role {
        [] => run(ledger, slot, seed),
        _ => open_book(ledger).and_then(|book| kinds::live_as_dog(&book, LANES + slot * LANES_OF_A_WORKER * LANE)),
    };
    lived.unwrap_or_else(|fault| tell(slot, &fault));
}
