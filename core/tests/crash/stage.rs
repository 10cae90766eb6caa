//! What a scenario says: one function, run by every process of the run; each does the parts of its role and passes over the others.
//!
//! The **witness** makes what is needed, may do something *meanwhile*, checks when the dead are dead, and sees at last that nothing is left. **Victims**
//! set up what they need and then *act*: there they die. **Sleepers** block. A **reaper** is a bystander that has everything open: in some runs it dies while it recovers.

use crate::board::{Board, cue, status};
use crate::run::Plan;
use byname::Namespace;
use byname::crash::{self, Scope};
use byname::engine::{Access, Acquired, Backing, By, Handle, HandleRef, MappingSpec, Mode, Outcome, Protect, Satisfied, Spec, wait};
use byname::{Reset, Timeout};
use std::cell::RefCell;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Far longer than anything takes: who waits so long hangs.
pub const LONG: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Witness,
    Victim,
    Sleeper(usize),
    /// Dies at a point of a recovery.
    Reaper,
    /// Dies at a point where it uses what a dead one left half done.
    User,
}

pub struct Stage {
    pub board: &'static Board,
    pub role: Role,
    /// This process's place on the board.
    pub me: usize,
    pub session: String,
    pub victims: usize,
    pub sleepers: usize,
    /// The witness looks only when everybody is buried.
    pub settled: bool,
    /// Somebody stands by besides the witness.
    pub company: bool,
    handles: RefCell<Vec<Handle>>,
}

pub const AUTO: Spec = Spec::Event { reset: Reset::Auto, initially_set: false };
pub const MANUAL: Spec = Spec::Event { reset: Reset::Manual, initially_set: false };
pub const MUTEX: Spec = Spec::Mutex { initially_owned: false };

pub const PAGES: MappingSpec<'static> = MappingSpec { size: 8192, protect: Protect::READWRITE, backing: Backing::Memory };

pub fn semaphore(initial: i64, maximum: i64) -> Spec {
    Spec::Semaphore { initial, maximum, robust: false }
}

pub fn robust(initial: i64, maximum: i64) -> Spec {
    Spec::Semaphore { initial, maximum, robust: true }
}

/// Waits as long as it takes. That it takes for ever is a finding; but not for a time-out to make, which looks again.
pub fn get(object: HandleRef) -> Acquired {
    match object.acquire(Timeout::INFINITE, None).unwrap() {
        Outcome::Got(acquired) => acquired,
        _ => panic!("{object:?} is not to be had"),
    }
}

pub fn get_in(objects: &[HandleRef], mode: Mode) -> Satisfied {
    match wait(objects, mode, By::Thread, Timeout::INFINITE, None).unwrap() {
        Outcome::Got(satisfied) => satisfied,
        _ => panic!("{objects:?} are not to be had"),
    }
}

impl Stage {
    pub fn new(board: &'static Board, role: Role, me: usize, session: &str, sleepers: usize, plan: &Plan) -> Stage {
        let company = plan.reaper.is_some() || plan.user.is_some();
        let (session, victims, settled) = (session.to_owned(), plan.victims.len(), plan.settled);
        Stage { board, role, me, session, victims, sleepers, settled, company, handles: RefCell::default() }
    }

    /// Somebody else holds every object until the end.
    pub fn in_company(&self) -> bool {
        self.company
    }

    pub fn namespace(&self) -> Namespace {
        Namespace::session(&self.session).unwrap()
    }

    pub fn is(&self, role: Role) -> bool {
        self.role == role
    }

    /// The object of that name, made or opened; it stays open until this process's play is over.
    pub fn object(&self, name: &str, spec: Spec) -> HandleRef {
        let handle = self.namespace().create(Some(name), spec, Access::ALL).unwrap();
        let by_ref = handle.by_ref();
        self.handles.borrow_mut().push(handle);
        by_ref
    }

    /// The same for a mapping of two pages.
    pub fn mapping(&self, name: &str) -> HandleRef {
        let handle = self.namespace().create_mapping(Some(name), &PAGES, Access::ALL).unwrap();
        let by_ref = handle.by_ref();
        self.handles.borrow_mut().push(handle);
        by_ref
    }

    /// In the end no object has memory of its own.
    pub fn no_memory(&self) {
        use std::os::unix::fs::MetadataExt;
        let arena = self.namespace().path().to_owned();
        let file = std::fs::metadata(&arena).unwrap();
        let prefix = format!("byname.v1.memory.{}.{:x}.", file.uid(), file.ino());
        let has_some = || {
            let all = std::fs::read_dir(arena.parent().unwrap()).unwrap().flatten();
            all.filter(|file| file.file_name().to_string_lossy().starts_with(&prefix)).count() > 0
        };
        assert!(self.poll(|| !has_some()), "memory of an object that is no more");
    }

    /// Closes everything.
    pub fn close_all(&self) {
        self.handles.borrow_mut().clear();
    }

    fn wait_for(&self, wanted: u32) {
        assert!(self.board.until(20 * LONG, || self.board.cue() >= wanted), "no cue {wanted}");
    }

    /// What the deaths are predicted by; a victim or sleeper says it once, before its part.
    pub fn last_words(&self, words: impl Fn() -> u64 + Send + Sync + 'static) {
        if self.role != Role::Witness {
            crash::last_words(words);
        }
    }

    /// The part of the victims, who may die at each of its points.
    pub fn act(&self, scope: Scope, act: impl FnOnce()) {
        if self.role != Role::Victim {
            return;
        }
        self.board.set_status(self.me, status::READY);
        self.wait_for(cue::GO);
        crash::arm(scope);
        act();
        crash::disarm();
        crash::speak();
        self.board.set_status(self.me, status::DONE);
        loop {
            std::thread::park(); // until killed
        }
    }

    /// The part of one sleeper: a call that blocks. What it gives is what [`Stage::outcome`] says.
    pub fn sleeper(&self, i: usize, sleep: impl FnOnce() -> u64) {
        if self.role != Role::Sleeper(i) {
            return;
        }
        let actor = &self.board.actors[self.me];
        crash::arm(Scope::Thread);
        self.board.set_status(self.me, status::READY);
        let outcome = sleep();
        crash::disarm();
        crash::speak();
        actor.outcome.store(outcome, SeqCst);
        actor.has_outcome.store(true, SeqCst);
        self.board.set_status(self.me, status::DONE);
        if actor.trace.fatal.load(SeqCst) != 0 {
            loop {
                std::thread::park(); // was to die in there, and was faster: it is killed now
            }
        }
    }

    /// The part of the witness while the victims act; others pass.
    pub fn meanwhile(&self, act: impl FnOnce()) {
        if self.role == Role::Witness {
            self.stand_by();
            act();
        }
    }

    /// The witness is ready, sees the sleepers asleep, and waits for the beginning.
    fn stand_by(&self) {
        if self.board.cue() < cue::GO {
            self.board.set_status(0, status::READY);
            self.wait_for(cue::ALL_THERE);
            if self.sleepers > 0 {
                self.await_waiting(self.sleepers);
            }
            self.board.set_status(0, status::DONE);
            self.wait_for(cue::GO);
        }
    }

    /// Waits until `n` waits go on.
    fn await_waiting(&self, n: usize) {
        let namespace = self.namespace();
        let seen = self.poll(|| crash::waiting(&namespace) >= n);
        assert!(seen, "{} of {n} wait", crash::waiting(&namespace));
    }

    /// Whether anybody may bury the dead now; at the beginning all may.
    pub fn let_all_reap(&self, may: bool) {
        self.board.gate.store(may, SeqCst);
    }

    /// The witness, meanwhile: until those of the victims wait, too, who have something left to do.
    pub fn await_victims_waiting(&self) {
        let namespace = self.namespace();
        let over = || (1..=self.victims).filter(|&i| self.board.status(i) >= status::DONE).count();
        assert!(self.poll(|| crash::waiting(&namespace) + over() >= self.sleepers + self.victims), "a victim does not come to its wait");
    }

    pub fn victims_are_done(&self) -> bool {
        (1..=self.victims).all(|i| self.board.status(i) >= status::DONE)
    }

    /// The victims have ended and are buried.
    pub fn all_is_over(&self) -> bool {
        (1..=self.victims).all(|i| self.board.status(i) == status::GONE) && crash::unburied(&self.namespace()) == 0
    }

    /// Looks again and again. (What is looked at stands in the arena, and tells nobody.)
    pub fn poll(&self, mut seen: impl FnMut() -> bool) -> bool {
        let end = std::time::Instant::now() + LONG;
        let mut turns = 0;
        while !seen() {
            if std::time::Instant::now() > end {
                return false;
            }
            turns += 1;
            if turns < 50 { std::thread::yield_now() } else { std::thread::sleep(Duration::from_micros(100)) }
        }
        true
    }

    /// The end of the play: the witness checks when the victims are dead; the others leave when they are told.
    pub fn check(&self, check: impl FnOnce()) {
        match self.role {
            Role::Witness => {
                self.stand_by();
                self.wait_for(cue::DEAD);
                if self.settled {
                    self.settle();
                }
                check();
                self.board.set_status(0, status::READY);
                self.wait_for(cue::LEAVE);
                self.settle();
                let left = || crash::leftovers(&self.namespace());
                // Those who left in good order are buried like the dead.
                assert!(self.poll(|| left().is_empty()), "left behind: {:?}", left());
            }
            Role::Reaper => {
                crash::arm(Scope::Recovery);
                self.board.set_status(self.me, status::READY);
                self.wait_for(cue::NEXT);
                self.settle();
                crash::disarm();
                self.board.set_status(self.me, status::DONE);
                self.wait_for(cue::LEAVE);
            }
            Role::User => {
                self.board.set_status(self.me, status::READY);
                self.wait_for(cue::NEXT);
                crash::arm(Scope::Thread);
                for handle in self.handles.borrow().iter() {
                    crash::serve(handle.by_ref()).unwrap();
                }
                crash::disarm();
                self.board.set_status(self.me, status::DONE);
                self.wait_for(cue::LEAVE);
            }
            Role::Victim | Role::Sleeper(_) => {}
        }
    }

    /// Everybody who is dead is buried.
    pub fn settle(&self) {
        let namespace = self.namespace();
        let mut looks = 0;
        let buried = self.poll(|| {
            looks += 1;
            if looks % 256 == 255 {
                crash::look_around(&namespace);
            }
            crash::unburied(&namespace) == 0
        });
        assert!(buried, "the dead are not buried");
    }

    // --- what the witness asks

    /// How many victims came to the end of their part, and how many there are.
    pub fn done(&self) -> (usize, usize) {
        (1..=self.victims).fold((0, 0), |(done, all), i| (done + usize::from(!self.board.actors[i].trace.died.load(SeqCst)), all + 1))
    }

    pub fn all_done(&self) -> bool {
        self.done() == (self.victims, self.victims)
    }

    /// The victim's last words.
    pub fn words(&self, victim: usize) -> u64 {
        self.board.actors[1 + victim].trace.words.load(SeqCst)
    }

    /// The first point at which the only victim could have died was where it did: it has done nothing.
    pub fn did_nothing(&self) -> bool {
        self.victims == 1 && self.board.actors[1].trace.died.load(SeqCst) && self.board.actors[1].trace.passed.load(SeqCst) == 1
    }

    fn place_of(&self, sleeper: usize) -> usize {
        1 + self.victims + sleeper
    }

    /// What came of a sleeper's wait; `None`: it died.
    pub fn outcome(&self, sleeper: usize) -> Option<u64> {
        let place = self.place_of(sleeper);
        let actor = &self.board.actors[place];
        let ended = self.board.until(LONG, || actor.has_outcome.load(SeqCst) || self.board.status(place) == status::GONE);
        assert!(ended, "sleeper {sleeper} hangs");
        actor.has_outcome.load(SeqCst).then(|| actor.outcome.load(SeqCst))
    }

    /// The sleeper died before it had anything, and said its last words.
    pub fn has_last_words(&self, sleeper: usize) -> bool {
        self.board.actors[self.place_of(sleeper)].trace.died.load(SeqCst)
    }

    /// Sleepers that were chosen to die.
    pub fn doomed(&self) -> usize {
        (0..self.sleepers).filter(|&i| self.board.actors[self.place_of(i)].trace.fatal.load(SeqCst) != 0).count()
    }

    pub fn sleepers_are_gone(&self) {
        let gone = self.board.until(LONG, || (0..self.sleepers).all(|i| self.board.status(self.place_of(i)) == status::GONE));
        assert!(gone, "a sleeper does not end");
    }

    /// What a victim has forked, if it came so far, has ended.
    pub fn offspring_is_gone(&self) {
        let offspring = self.board.offspring.load(SeqCst);
        // SAFETY: signal 0 asks only.
        let gone = self.board.until(LONG, || offspring == 0 || unsafe { libc::kill(offspring, 0) } != 0);
        assert!(gone, "the offspring does not end");
    }

    pub fn waiting(&self) -> usize {
        crash::waiting(&self.namespace())
    }

    // --- parts of checks

    /// The mutex can be had, and it is abandoned if one of the victims owned it at its death (`owned`), exactly once.
    pub fn whole_mutex(&self, mutex: HandleRef, owed: bool) {
        let got = get(mutex);
        assert_eq!(got.abandoned, owed, "abandoned, exactly when it was owned");
        mutex.release().unwrap();
        let again = get(mutex);
        assert!(!again.abandoned && again.fence > got.fence, "told once; fences go on");
        mutex.release().unwrap();
        assert!(mutex.owner().unwrap().is_none());
    }

    /// `n` sleepers wait for an auto event that `at_least` to `at_most` sets came to: each set is one receipt, and none is left or lost.
    pub fn receipts(&self, event: HandleRef, at_least: usize, at_most: usize) {
        self.settle();
        let (waiting, set) = (self.waiting(), event.is_set().unwrap());
        assert!(!(set && waiting > 0), "set, and {waiting} still wait for it");
        let dead = self.doomed();
        let served = self.sleepers - waiting;
        assert!(served <= at_most + dead, "{served} were released by {at_most} sets");
        assert!(
            served + usize::from(set) >= at_least.min(self.sleepers - dead),
            "{served} were released by {at_least} sets, and it is not set"
        );
        if self.sleepers > at_most {
            assert!(!set, "one too many");
        }
        for left in (0..waiting).rev() {
            event.set().unwrap();
            assert_eq!(self.waiting(), left, "a set releases one");
        }
        (0..self.sleepers).for_each(|i| assert!(self.outcome(i) != Some(0), "sleeper {i} timed out"));
    }

    /// As above, for a semaphore: of `posted` permits, whole posts of `each`, none is lost or doubled.
    pub fn permits(&self, semaphore: HandleRef, initial: usize, each: usize) {
        self.settle();
        let (done, all) = self.done();
        let (waiting, left) = (self.waiting(), semaphore.available().unwrap() as usize);
        assert!(left == 0 || waiting == 0, "{left} permits, and {waiting} still wait for one");
        if self.doomed() == 0 {
            let came = self.sleepers - waiting + left;
            let posts: Vec<usize> = (done..=all).map(|posts| initial + posts * each).collect();
            assert!(posts.contains(&came), "{came} permits came of {posts:?}");
        }
        if waiting > 0 {
            semaphore.post(waiting as i64).unwrap();
        }
        (0..self.sleepers).for_each(|i| assert!(self.outcome(i) != Some(0), "sleeper {i} timed out"));
    }
}

/// A time-out that passes while the others look.
pub fn soon() -> Timeout {
    Duration::from_millis(1).into()
}
