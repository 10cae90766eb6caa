//! Objects that the clock signals: a clock, and who waits for it (`dispatch/wait.rs`, for timers and watchdogs).

use super::kernel::News;
use super::world::Annex;
use super::*;
use crate::arena::layout::ANNEX_WORDS;
use crate::machines::timer::Due;
use std::sync::Mutex;

/// A world whose object 0 is signalled by the clock.
pub(super) struct Clocked {
    pub(super) world: World,
    /// The kernel's clock goes with it.
    clock: Word64,
    /// When a watchdog has killed.
    pub(super) kills: Mutex<Vec<u64>>,
}

/// The actor that is the test itself.
pub(super) const ME: u32 = 4;

impl Clocked {
    pub(super) fn new(
        machine: Machine,
        annex: fn(Box<[Word64; ANNEX_WORDS]>) -> Annex,
        words: [u64; ANNEX_WORDS],
        waiters: usize,
        bug: Option<Planted>,
    ) -> Clocked {
        crate::planted::plant(bug);
        let none = (Machine::ManualEvent, State(0));
        let mut world = World::new([(machine, State(0)), none], &vec![false; waiters], bug);
        world.annex = annex(Box::new(words.map(Word64::new)));
        Clocked { world, clock: Word64::new(0), kills: Mutex::default() }
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.newest()
    }

    pub(super) fn has_passed(&self, due: Due) -> bool {
        self.now() >= due.nanos()
    }

    pub(super) fn advance(&self, now: u64) {
        self.clock.store(now);
        self.world.kernel.advance(now);
    }

    pub(super) fn tick(&self, actor: &Actor) -> Step<Option<Due>> {
        if let Annex::Timer(_) = self.world.annex { self.tick_timer(actor) } else { self.tick_dog(actor) }
    }

    pub(super) fn try_take(&self, actor: &Actor) -> Step<bool> {
        self.tick(actor)?;
        self.world.try_take(actor, 0, actor.op)
    }

    fn wait(&self, actor: &Actor, waiter: usize) -> Step {
        if self.try_take(actor)? {
            return Ok(());
        }
        self.world.enter(actor, waiter, 0)?;
        self.sleep(actor, waiter)
    }

    fn sleep(&self, actor: &Actor, waiter: usize) -> Step {
        let record = &self.world.waiters[waiter];
        loop {
            let claim = record.claim();
            if !claim.is_waiting() {
                break;
            }
            let due = self.tick(actor)?;
            if record.claim().is_waiting() && !due.is_some_and(|due| self.has_passed(due)) {
                self.world.kernel.sleep_until(waiter, &record.claim, claim, due.map(Due::nanos));
            }
        }
        self.world.leave(actor, waiter)?;
        assert_eq!(record.take(), Some(Some(0)), "nobody cancels it");
        Ok(())
    }

    /// A thread that waits, as waiter of that number.
    pub(super) fn waits(self: &Arc<Self>, waiter: usize) -> thread::JoinHandle<()> {
        self.world.kernel.begin();
        let this = self.clone();
        let is_queued = self.world.waiters[waiter].linked[0].load() != 0;
        thread::spawn(move || {
            let actor = Actor::new(waiter as u32 + 1);
            if is_queued { this.sleep(&actor, waiter) } else { this.wait(&actor, waiter) }.unwrap();
            this.world.kernel.end();
        })
    }

    /// What a reaper does for one who waited for nothing; then `kinds::settle`.
    pub(super) fn reap(&self, actor: &Actor) {
        self.world.reap(actor).unwrap();
        let mut locked = self.world.lock(actor, 0, |state| state).unwrap();
        let mut wakes = Vec::new();
        locked.rouse(&mut wakes).unwrap();
        locked.unlock().unwrap();
        self.world.wake(actor, &wakes).unwrap();
    }

    /// Until everybody sleeps, or has ended; who has died meanwhile is reaped.
    pub(super) fn rest(&self, me: &Actor) {
        while let News::Death(_) = self.world.kernel.news() {
            self.reap(me);
        }
    }
}

/// Runs a model for a death at every write, up to the first at which nobody dies any more.
pub(super) fn at_every_death(name: &str, model: impl Fn(u32) -> Outcomes) {
    for fuel in 0.. {
        let outcomes = model(fuel);
        let seen = outcomes.0.lock().unwrap();
        println!("{name}, death at write {fuel}: {} schedules, {seen:?}", seen.values().sum::<usize>());
        if !seen.keys().any(|outcome| outcome.contains("Died")) {
            return;
        }
    }
}

/// How somebody ended.
pub(super) fn ended(lived: bool) -> &'static str {
    if lived { "Lived" } else { "Died" }
}
