//! Every operation against every other, and what came out against the contract.
//!
//! *What is run.* Two actors do one operation each, on an object of every kind, from every beginning that differs: signalled or not,
//! somebody in the queue or not. Then the same with one of them dying before each of its writes, and a survivor who reaps it.
//!
//! *What is asked.* Each schedule gives a history: what each operation answered, who sleeps in the end, how the objects stand. The reference
//! model (`tests/reference`) has to find an order of steps that gives the same. So nothing is lost, doubled, or seen in part; nobody sleeps
//! before what he waits for; a mutex is abandoned exactly when it was owned. What has no place in a history is asserted here: who was
//! granted was woken, and no watch is armed on what stays signalled.
//!
//! *Completeness.* [`Act::ALL`] against itself is a table; a cell is explored or excused by [`excuse`], and the test fails for an empty one.

use super::kernel::News;
use super::wait::Ended;
use super::*;
use crate::reference::dispatcher::{Dispatcher, Kind, Object as Contract, Seen};
use crate::reference::explain::{Call, Op, Outcome, Until, explain, tell};
use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

/// One operation of one actor; on object 0 where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Act {
    /// Takes it, or waits for it for ever. A robust semaphore's permit goes into the account.
    Acquire,
    /// Takes it if that needs no waiting.
    Try,
    /// Waits until some time, or is cancelled.
    TimeOut,
    WaitAny,
    WaitAll,
    /// Sets the event, posts a permit, releases the mutex.
    Signal,
    /// Sets the event that is object 1.
    SignalOther,
    Reset,
    Pulse,
    /// Arms a watch.
    Watch,
    /// Closes the last handle under whoever is about to use one.
    Close,
}

impl Act {
    pub(super) const ALL: [Act; 11] = [
        Act::Acquire,
        Act::Try,
        Act::TimeOut,
        Act::WaitAny,
        Act::WaitAll,
        Act::Signal,
        Act::SignalOther,
        Act::Reset,
        Act::Pulse,
        Act::Watch,
        Act::Close,
    ];

    fn is_for_events(self) -> bool {
        matches!(self, Act::Reset | Act::Pulse)
    }

    fn uses_other(self) -> bool {
        matches!(self, Act::WaitAny | Act::WaitAll | Act::SignalOther)
    }

    /// It may be in the queue, and so holds a reference.
    fn may_wait(self) -> bool {
        matches!(self, Act::Acquire | Act::TimeOut | Act::WaitAny | Act::WaitAll | Act::Watch)
    }

    fn op(self, machine: Machine) -> Option<Op> {
        let wait = |objects: &[usize], all, until| Op::Wait { objects: objects.to_vec(), all, until };
        Some(match self {
            Act::Acquire => wait(&[0], false, Until::Never),
            Act::Try => wait(&[0], false, Until::Now),
            Act::TimeOut => wait(&[0], false, Until::Later),
            Act::WaitAny => wait(&[0, 1], false, Until::Never),
            Act::WaitAll => wait(&[0, 1], true, Until::Never),
            Act::Signal => match machine {
                Machine::Mutex => Op::Release { object: 0 },
                Machine::ManualEvent | Machine::AutoEvent => Op::Set { object: 0 },
                Machine::Semaphore | Machine::RobustSemaphore => Op::Post { object: 0, n: 1 },
                _ => unreachable!("not modelled"),
            },
            Act::SignalOther => Op::Set { object: 1 },
            Act::Reset => Op::Reset { object: 0 },
            Act::Pulse => Op::Pulse { object: 0 },
            Act::Close => Op::Close { object: 0 },
            Act::Watch => return None, // changes nothing
        })
    }
}

/// Why two operations cannot meet on such an object; `None` if they can.
pub(super) fn excuse(machine: Machine, acts: &[Act]) -> Option<&'static str> {
    let has = |act| acts.contains(&act);
    if !matches!(machine, Machine::ManualEvent | Machine::AutoEvent) && acts.iter().any(|act| act.is_for_events()) {
        return Some("of events only");
    }
    if has(Act::Close) && acts.iter().any(|act| act.may_wait()) {
        return Some("who waits holds a reference");
    }
    if acts.len() == 2 && has(Act::SignalOther) && !acts.iter().any(|act| matches!(act, Act::WaitAny | Act::WaitAll)) {
        return Some("not on one object");
    }
    None
}

/// How object 0 begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Signalled,
    /// Unset, empty, or owned: by whoever is to release it, else by an outsider.
    Unsignalled,
    /// The same, with somebody in the queue.
    Awaited,
}

pub(super) const MACHINES: [Machine; 5] =
    [Machine::Mutex, Machine::ManualEvent, Machine::AutoEvent, Machine::Semaphore, Machine::RobustSemaphore];

/// What is explored: the acts of the actors, from one beginning.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) machine: Machine,
    pub(super) first: First,
    /// Whether object 1, an auto-reset event, begins set.
    pub(super) second: bool,
    pub(super) acts: Vec<Act>,
    /// The first actor dies before its write number so many.
    pub(super) fuel: Option<u32>,
    pub(super) bug: Option<Planted>,
}

/// The owner of a mutex that nobody here releases.
const OUTSIDER: usize = 9;

impl Cast {
    /// The beginnings that differ for these acts.
    pub(super) fn all(machine: Machine, acts: &[Act], bug: Option<Planted>) -> Vec<Cast> {
        let seconds: &[bool] = if acts.iter().any(|act| act.uses_other()) { &[false, true] } else { &[false] };
        let mut casts = Vec::new();
        for first in [First::Signalled, First::Unsignalled, First::Awaited] {
            if first == First::Awaited && acts.contains(&Act::Close) {
                continue; // who waits holds a reference
            }
            casts.extend(seconds.iter().map(|&second| Cast { machine, first, second, acts: acts.to_vec(), fuel: None, bug }));
        }
        casts
    }

    fn bystander(&self) -> Option<usize> {
        (self.first == First::Awaited).then_some(self.acts.len())
    }

    /// Who has the mutex, or a permit, to give.
    fn holder(&self) -> Option<usize> {
        (self.first != First::Signalled).then(|| self.acts.iter().position(|&act| act == Act::Signal)).flatten()
    }

    fn world(&self) -> World {
        let waiters: Vec<bool> = self.acts.iter().map(|&act| act == Act::WaitAll).chain(self.bystander().map(|_| false)).collect();
        let signalled = self.first == First::Signalled;
        let owner = OwnerRef { index: 100 + self.holder().unwrap_or(OUTSIDER) as u32, generation: 3 };
        let state = match self.machine {
            Machine::Mutex => State::mutex((!signalled).then_some(owner), false),
            Machine::ManualEvent | Machine::AutoEvent => State::event(signalled),
            Machine::Semaphore | Machine::RobustSemaphore => State::semaphore(u32::from(signalled)),
            _ => unreachable!("not modelled"),
        };
        let mut world = World::new([(self.machine, state), (Machine::AutoEvent, State::event(self.second))], &waiters, self.bug);
        for (index, waiter) in world.waiters.iter_mut().enumerate() {
            waiter.home = index;
            waiter.watch = self.acts.get(index) == Some(&Act::Watch);
        }
        if let (Machine::RobustSemaphore, Some(holder)) = (self.machine, self.holder()) {
            world.objects[0].accounts[holder].store(1);
        }
        match self.bystander() {
            Some(bystander) => world.queued(bystander, 0),
            None => world,
        }
    }

    fn contract(&self) -> Dispatcher {
        let signalled = self.first == First::Signalled;
        let kind = match self.machine {
            Machine::Mutex => Kind::Mutex,
            Machine::ManualEvent => Kind::ManualEvent,
            Machine::AutoEvent => Kind::AutoEvent,
            Machine::Semaphore => Kind::Semaphore { maximum: 9 },
            Machine::RobustSemaphore => Kind::RobustSemaphore { maximum: 9 },
            _ => unreachable!("not modelled"),
        };
        let mut first = Contract::new(kind, u32::from(signalled && kind.maximum().is_some()));
        first.set = signalled && kind.is_event();
        if !signalled && kind == Kind::Mutex {
            (first.owner, first.depth) = (Some(self.holder().unwrap_or(OUTSIDER)), 1);
        }
        if let (Kind::RobustSemaphore { .. }, Some(holder)) = (kind, self.holder()) {
            first.give(holder);
        }
        let mut second = Contract::new(Kind::AutoEvent, 0);
        second.set = self.second;
        Dispatcher::new(vec![first, second], &[0, 1, 2, 3, 4, 5, 6, 7, 8, OUTSIDER])
    }

    /// Every schedule; how many, and whether the mortal died in one of them.
    pub(super) fn explore(&self, modes: &[(bool, usize)]) -> (usize, bool) {
        let _told = TellIfItFails(self);
        let (contract, died) = (Arc::new(self.contract()), Arc::new(Mutex::new(false)));
        let explained = Arc::new(Mutex::new(HashSet::new()));
        let mut runs = 0;
        for &(newest, preemptions) in modes {
            let (cast, contract, explained, died) = (self.clone(), contract.clone(), explained.clone(), died.clone());
            let run = move || {
                let history = cast.run();
                *died.lock().unwrap() |= history.iter().any(|call| matches!(call.op, Op::Die { .. }));
                if explained.lock().unwrap().insert(history.clone()) {
                    let bystander = |call: &Call| Some(call.actor) == cast.bystander();
                    let queued: Vec<usize> = history.iter().position(bystander).into_iter().collect();
                    let story = explain(&contract, &queued, &history);
                    assert!(story.is_some(), "against the contract:\n{}", tell(&history));
                }
            };
            runs += explore_reading(newest, preemptions, Arc::new(run));
        }
        (runs, *died.lock().unwrap())
    }

    /// One schedule, and its history: a call for each actor, in order, the bystander's, a death and its burial, a look at each object.
    fn run(&self) -> Vec<Call> {
        let world = Arc::new(self.world());
        let answers: Arc<Mutex<Vec<Option<Outcome>>>> = Arc::new(Mutex::new(vec![None; self.acts.len()]));
        let threads: Vec<_> = self
            .acts
            .iter()
            .enumerate()
            .map(|(index, &act)| {
                world.kernel.begin();
                let (world, answers) = (world.clone(), answers.clone());
                let fuel = self.fuel.filter(|_| index == 0).unwrap_or(u32::MAX);
                thread::spawn(move || {
                    let actor = Actor::mortal(1 + index as u32, fuel);
                    actor.live(&world, |actor| {
                        let answer = match world.act(actor, index, act) {
                            Err(Stop::Closed) => Outcome::Closed,
                            other => other?,
                        };
                        answers.lock().unwrap()[index] = Some(answer);
                        Ok(())
                    });
                    world.kernel.end();
                })
            })
            .collect();
        let me = Actor::new(7);
        let mut dead = None;
        loop {
            match world.kernel.news() {
                News::Quiet => break,
                News::Death(actor) => {
                    assert_eq!(world.dead[actor as usize].newest(), 1, "the kernel's mark");
                    dead = Some(actor as usize - 1);
                    world.bury(&me, actor as usize - 1).unwrap();
                }
            }
        }
        let history = cell::reading_newest(|| self.history(&world, &me, &answers.lock().unwrap(), dead));
        for waiter in (0..world.waiters.len()).filter(|&waiter| world.kernel.is_asleep(waiter)) {
            world.waiters[waiter].cancel();
            world.kernel.wake(waiter);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        history
    }

    /// All is quiet.
    fn history(&self, world: &World, me: &Actor, answers: &[Option<Outcome>], dead: Option<usize>) -> Vec<Call> {
        let mut calls = Vec::new();
        let mut finished = 0;
        for (index, &act) in self.acts.iter().enumerate() {
            let waiter = &world.waiters[index];
            let asleep = world.kernel.is_asleep(index);
            assert!(!asleep || waiter.claim().is_waiting(), "somebody sleeps, and has what he waits for");
            if act == Act::Watch && dead != Some(index) {
                let armed = waiter.claim().is_waiting();
                assert!(!armed || !world.state(0).stays_signalled(self.machine), "a watch is armed on what stays signalled");
                assert!(armed || world.kernel.was_woken(index), "a watch fired, and nobody was told");
            }
            let Some(op) = act.op(self.machine) else { continue };
            let outcome = if asleep { Some(Outcome::Asleep) } else { answers[index] };
            if outcome.is_some() && !asleep {
                finished |= 1 << calls.len();
            }
            calls.push(Call { actor: index, op, outcome, after: 0 });
        }
        if let Some(bystander) = self.bystander() {
            calls.push(self.answer_of(world, me, bystander));
        }
        if let Some(dead) = dead {
            let died = 1 << calls.len();
            calls.push(Call { actor: OUTSIDER, op: Op::Die { process: dead }, outcome: Some(Outcome::Done), after: 0 });
            finished |= 1 << calls.len();
            calls.push(Call { actor: OUTSIDER, op: Op::Buried, outcome: Some(Outcome::Done), after: died });
        }
        for object in 0..2 {
            let word = world.objects[object].word();
            let outcome = if word.is_locked() || word.is_open(0) { Outcome::Saw(self.seen(world, object)) } else { Outcome::Closed };
            calls.push(Call { actor: OUTSIDER, op: Op::Look { object }, outcome: Some(outcome), after: finished });
        }
        calls
    }

    /// Somebody slow, who was in the queue from the start. What he has to do when he was woken, he does now.
    fn answer_of(&self, world: &World, me: &Actor, bystander: usize) -> Call {
        let record = &world.waiters[bystander];
        let woken = world.kernel.was_woken(bystander);
        if woken && self.machine == Machine::Mutex && record.claim().is_waiting() {
            world.lock(me, 0, |state| state).unwrap().finish(false).unwrap();
        }
        let outcome = match record.claim().phase() {
            Phase::Waiting => Outcome::Asleep,
            Phase::Granted(place) => {
                assert!(woken, "somebody was granted and not woken");
                Outcome::Got { place: place as usize, abandoned: record.news[place as usize].load() == 1 }
            }
            phase => panic!("a bystander's wait ended as {phase:?}"),
        };
        Call { actor: bystander, op: Act::Acquire.op(self.machine).unwrap(), outcome: Some(outcome), after: 0 }
    }

    fn seen(&self, world: &World, object: usize) -> Seen {
        let state = world.state(object);
        match world.objects[object].machine {
            Machine::Mutex => Seen::Mutex {
                owner: state.owner_index().map(|owner| owner as usize - 100),
                depth: u32::from(state.owner_index().is_some()),
                abandoned: state.is_abandoned(),
            },
            Machine::ManualEvent | Machine::AutoEvent => Seen::Event { set: state.is_signalled_event() },
            Machine::Semaphore | Machine::RobustSemaphore => Seen::Semaphore { count: state.count() },
            _ => unreachable!("not modelled"),
        }
    }
}

struct TellIfItFails<'a>(&'a Cast);

impl Drop for TellIfItFails<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:?}", self.0);
        }
    }
}

impl World {
    /// Does one operation, as the actor whose waiter this is.
    fn act(&self, actor: &Actor, waiter: usize, act: Act) -> Step<Outcome> {
        let answer = |ended| match ended {
            Ended::One { place, abandoned } => Outcome::Got { place, abandoned },
            Ended::All { abandoned } => Outcome::GotAll { abandoned },
            Ended::TimedOut => Outcome::TimedOut,
        };
        let record = &self.waiters[waiter];
        match act {
            Act::Acquire => self.wait_any(actor, waiter, &[0], false, false).map(answer),
            Act::Try => self.wait_any(actor, waiter, &[0], true, false).map(answer),
            Act::TimeOut => self.wait_any(actor, waiter, &[0], false, true).map(answer),
            Act::WaitAny => self.wait_any(actor, waiter, &[0, 1], false, false).map(answer),
            Act::WaitAll => self.wait_all(actor, waiter).map(answer),
            Act::Signal => match self.objects[0].machine {
                Machine::Mutex => self.release_owned(actor, record.owner),
                Machine::RobustSemaphore => self.post_robust(actor, 0, record.home).map(Outcome::Before),
                Machine::Semaphore => self.post(actor, 0).map(Outcome::Before),
                Machine::ManualEvent | Machine::AutoEvent => self.set(actor, 0).map(|()| Outcome::Done),
                _ => unreachable!("not modelled"),
            },
            Act::SignalOther => self.set(actor, 1).map(|()| Outcome::Done),
            Act::Reset => self.reset(actor, 0).map(|()| Outcome::Done),
            Act::Pulse => self.pulse(actor, 0).map(|()| Outcome::Done),
            Act::Watch => self.enter(actor, waiter, 0).map(|()| Outcome::Done),
            Act::Close => self.end_object(actor, 0).map(|closed| if closed { Outcome::Done } else { Outcome::Rested }),
        }
    }

    /// Releases the mutex if it is this owner's.
    fn release_owned(&self, actor: &Actor, who: OwnerRef) -> Step<Outcome> {
        let mut patience = world::Patience::default();
        loop {
            let word = self.objects[0].look()?;
            if word.is_locked() {
                self.await_unlock(actor, 0, word, &mut patience)?;
            } else if word.state().owned_by(who) {
                return self.release(actor, who, false).map(|()| Outcome::Done);
            } else {
                return Ok(Outcome::NotOwner);
            }
        }
    }
}

/// The table of one kind: schedules of each pair, alive and with a death.
#[derive(Default)]
pub(super) struct Table(BTreeMap<(Act, Act), (usize, usize)>);

impl Table {
    /// Explores one cell.
    fn fill(&mut self, machine: Machine, a: Act, b: Act) {
        if excuse(machine, &[a, b]).is_some() {
            return;
        }
        let cell = self.0.entry((a, b)).or_default();
        if a <= b {
            cell.0 = Cast::all(machine, &[a, b], None).iter().map(|cast| cast.explore(&[(false, 1), (true, 2)]).0).sum();
        }
        cell.1 = Cast::all(machine, &[a, b], None).into_iter().map(die_at_every_write).sum();
    }

    /// Prints it and asserts that nothing is missing.
    fn is_whole(&self, machine: Machine) {
        let (mut alive, mut dead) = (0, 0);
        for a in Act::ALL {
            for b in Act::ALL {
                let cell = self.0.get(&(a, b)).copied();
                match excuse(machine, &[a, b]) {
                    Some(why) => assert_eq!(cell, None, "{a:?} against {b:?} is excused: {why}"),
                    None => {
                        let (living, dying) = cell.unwrap_or_default();
                        assert!(dying > 0 && (living > 0 || a > b), "{machine:?}: {a:?} against {b:?} is missing");
                        println!("{machine:?}: {a:?} against {b:?}: {living} schedules, {dying} with a death of the first");
                        (alive, dead) = (alive + living, dead + dying);
                    }
                }
            }
        }
        println!("{machine:?}: {alive} schedules, {dead} with a death");
    }
}

/// The first actor dies before its first write, its second …, until it does no more.
pub(super) fn die_at_every_write(cast: Cast) -> usize {
    const LONGEST: u32 = 64;
    let mut runs = 0;
    let modes: &[(bool, usize)] = if depth() == 0 { &[(true, 1)] } else { &[(false, 1), (true, 1)] };
    for fuel in 0..LONGEST {
        let (schedules, died) = Cast { fuel: Some(fuel), ..cast.clone() }.explore(modes);
        runs += schedules;
        if !died {
            return runs;
        }
    }
    panic!("{cast:?}: more than {LONGEST} writes");
}

fn every_pair(machine: Machine) {
    let mut table = Table::default();
    for a in Act::ALL {
        for b in Act::ALL {
            table.fill(machine, a, b);
        }
    }
    table.is_whole(machine);
}

#[test]
fn every_pair_on_a_mutex() {
    every_pair(Machine::Mutex);
}

#[test]
fn every_pair_on_a_manual_event() {
    every_pair(Machine::ManualEvent);
}

#[test]
fn every_pair_on_an_auto_event() {
    every_pair(Machine::AutoEvent);
}

#[test]
fn every_pair_on_a_semaphore() {
    every_pair(Machine::Semaphore);
}

#[test]
fn every_pair_on_a_robust_semaphore() {
    every_pair(Machine::RobustSemaphore);
}
