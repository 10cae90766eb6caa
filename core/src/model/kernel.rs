//! What the kernel does, and what only the checker can see.
//!
//! *Sleep.* A futex compares and queues under its own lock. All threads of a model run on one real thread, and loom changes between them at
//! loom's own operations only: so a read of the newest claim and the note that somebody sleeps are one step here.
//!
//! *Quiet.* The thread of the test sleeps until everybody else is asleep or has ended: what then is not decided stays so. Or until
//! somebody has died, who has to be reaped.
//!
//! *Ring.* Who waits for which lock, and who has it. Threads that wait for each other in a ring never go on; loom would see
//! them spin for ever, and leaves such schedules out.

use super::*;
use loom::thread::Thread;
use std::collections::HashMap;

/// An object's lock by its index, or the wait-all lock.
pub(super) type Lock = usize;
pub(super) const ALL_LOCK: Lock = usize::MAX;

#[derive(Default)]
pub(super) struct Kernel(std::sync::Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// By waiter; and until when.
    asleep: HashMap<usize, (Thread, Option<u64>)>,
    /// The clock.
    now: u64,
    /// Waiters that were woken while nobody slept.
    woken: Vec<usize>,
    running: usize,
    tester: Option<Thread>,
    dead: Vec<u32>,
    holders: HashMap<Lock, u32>,
    wanted: HashMap<u32, Lock>,
    tickets: u32,
}

/// What the test is woken for.
pub(super) enum News {
    Death(u32),
    Quiet,
}

impl Kernel {
    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A thread begins that [`Self::news`] is to wait for.
    pub(super) fn begin(&self) {
        self.inside().running += 1;
    }

    pub(super) fn end(&self) {
        self.inside().rest();
    }

    /// Sleeps while the claim is `seen`.
    pub(super) fn sleep(&self, waiter: usize, claim: &Word64, seen: Claim) {
        self.sleep_until(waiter, claim, seen, None);
    }

    /// The same until some time.
    pub(super) fn sleep_until(&self, waiter: usize, claim: &Word64, seen: Claim, until: Option<u64>) {
        if Claim(claim.newest()) != seen || until.is_some_and(|at| self.inside().now >= at) {
            return;
        }
        let mut inside = self.inside();
        inside.asleep.insert(waiter, (thread::current(), until));
        inside.rest();
        drop(inside);
        thread::park();
    }

    pub(super) fn wake(&self, waiter: usize) {
        let mut inside = self.inside();
        match inside.asleep.remove(&waiter) {
            Some((sleeper, _)) => {
                inside.running += 1;
                drop(inside);
                sleeper.unpark();
            }
            None => inside.woken.push(waiter),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.inside().now
    }

    /// The clock goes on: who sleeps until then wakes.
    pub(super) fn advance(&self, now: u64) {
        let mut inside = self.inside();
        inside.now = now;
        let (over, asleep) = std::mem::take(&mut inside.asleep).into_iter().partition(|(_, (_, until))| until.is_some_and(|at| at <= now));
        inside.asleep = asleep;
        inside.running += over.len();
        drop(inside);
        over.into_values().for_each(|(sleeper, _)| sleeper.unpark());
    }

    pub(super) fn is_asleep(&self, waiter: usize) -> bool {
        self.inside().asleep.contains_key(&waiter)
    }

    /// Whether somebody woke a waiter that has no thread.
    pub(super) fn was_woken(&self, waiter: usize) -> bool {
        self.inside().woken.contains(&waiter)
    }

    pub(super) fn died(&self, actor: u32) {
        let mut inside = self.inside();
        inside.dead.push(actor);
        inside.wanted.remove(&actor);
        inside.tell();
    }

    /// Waits until there is something for the test to do.
    pub(super) fn news(&self) -> News {
        loop {
            let mut inside = self.inside();
            if let Some(dead) = inside.dead.pop() {
                return News::Death(dead);
            }
            if inside.running == 0 {
                return News::Quiet;
            }
            inside.tester = Some(thread::current());
            drop(inside);
            thread::park();
        }
    }

    /// The place in a queue, by arrival.
    pub(super) fn ticket(&self) -> u32 {
        let mut inside = self.inside();
        inside.tickets += 1;
        inside.tickets
    }

    pub(super) fn holds(&self, actor: &Actor, lock: Lock) {
        let mut inside = self.inside();
        inside.holders.insert(lock, actor.op.index);
        inside.wanted.remove(&actor.op.index);
    }

    pub(super) fn lets_go(&self, lock: Lock) {
        self.inside().holders.remove(&lock);
    }

    /// The actor waits for a lock until it has it.
    pub(super) fn wants(&self, actor: &Actor, lock: Lock) {
        let mut inside = self.inside();
        inside.wanted.insert(actor.op.index, lock);
        let mut next = lock;
        for _ in 0..inside.holders.len() {
            let Some(&holder) = inside.holders.get(&next) else { return };
            assert!(holder != actor.op.index, "a ring of locks");
            let Some(&wanted) = inside.wanted.get(&holder) else { return };
            next = wanted;
        }
    }
}

impl Inside {
    fn rest(&mut self) {
        self.running = self.running.wrapping_sub(1); // models without a tester count nothing
        if self.running == 0 {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if let Some(tester) = self.tester.take() {
            tester.unpark();
        }
    }
}
