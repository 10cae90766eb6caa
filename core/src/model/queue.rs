//! Message queues: a message is received once or is there, and nobody sleeps beside what he waits for; whoever gives up, closes or dies.

use super::clock::{ME, at_every_death, ended};
use super::kernel::News;
use super::world::Annex;
use super::*;
use crate::arena::layout::{ANNEX_WORDS, Slot};
use crate::arena::refs::ProcessRef;
use crate::machines::queue::{ALLOW_BROKEN, Bounds, COUNT, ENDS, FIFO, FLAGS, LIMITS, Slots, TABLE, TAKEN, pair, state};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many messages it has room for.
const MOST: u32 = 1;
const PROCESSES: u32 = 2;

/// What a queue has besides its word: the annex and the file.
pub(super) struct Queue {
    words: Box<[Word64; ANNEX_WORDS]>,
    slots: Vec<Slot>,
    accounts: Vec<Word64>,
    /// A message is one of these.
    data: Vec<AtomicU32>,
}

impl Slots for Queue {
    type Error = String;

    fn words(&self) -> &[Word64; ANNEX_WORDS] {
        &self.words
    }

    fn bounds(&self) -> Bounds {
        Bounds { slots: MOST, max_messages: MOST, max_size: 4 }
    }

    fn slot(&self, index: u32) -> Result<&Slot, String> {
        Ok(&self.slots[index as usize])
    }

    fn begin(&self, index: u32) -> Result<(), String> {
        assert!(index < MOST);
        Ok(())
    }

    fn idle(&self, _: u32, _: &Slot) -> u64 {
        0
    }

    fn emptied(&self) {}

    fn processes(&self) -> u32 {
        PROCESSES
    }

    fn account(&self, slot: u32) -> Result<&Word64, String> {
        Ok(&self.accounts[slot as usize])
    }

    fn has_account(&self, _: u32) -> bool {
        true
    }

    fn make_account(&self, _: u32) -> Result<(), String> {
        unreachable!("all are there")
    }

    fn damaged(&self, what: &str) -> String {
        what.to_owned()
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Queue {
    /// All that follows from the slots, which a derivation gives again.
    fn derived(&self) -> [u64; 4] {
        [FIFO, COUNT, TAKEN, ENDS].map(|word| self.words[word].load())
    }

    fn send(&self, value: u32, alert: bool) -> Option<()> {
        let index = self.take_slot(alert).unwrap()?;
        self.data[index as usize].store(value, Relaxed);
        self.commit(index, 4).unwrap();
        Some(())
    }

    fn receive(&self) -> Option<u32> {
        let (index, slot) = self.first().unwrap()?;
        let value = self.data[index as usize].load(Relaxed);
        self.take_out(index, slot);
        self.free(index, slot);
        Some(value)
    }
}

/// Each actor is a process.
fn process(slot: u32) -> ProcessRef {
    ProcessRef { slot, generation: 1 }
}

/// Of the reader; the writer has the other.
const READER: u32 = 0;
const WRITER: u32 = 1;

/// An empty queue with a reader and a writer. Waiters are blocked calls.
fn queue(blocked: &[Machine], flags: u64, bug: Option<Planted>) -> World {
    crate::planted::plant(bug);
    let none = (Machine::ManualEvent, State(0));
    let mut world = World::new([(Machine::QueueReader, State::queue(false, true, false)), none], &vec![false; blocked.len()], bug);
    for (waiter, machine) in world.waiters.iter_mut().zip(blocked) {
        waiter.blocked_as = Some(*machine);
    }
    let queue = Queue {
        words: Box::default(),
        slots: (0..=MOST).map(|_| Slot::default()).collect(),
        accounts: (0..PROCESSES).map(|_| Word64::new(0)).collect(),
        data: (0..=MOST).map(|_| AtomicU32::new(0)).collect(),
    };
    queue.words[FLAGS].store(flags);
    queue.words[LIMITS].store(pair(MOST, 4));
    queue.words[TABLE].store(pair(MOST, 1));
    queue.set_account(process(READER), 1, 0).unwrap();
    queue.set_account(process(WRITER), 0, 1).unwrap();
    queue.look_at_ends().unwrap();
    world.annex = Annex::Queue(queue);
    world
}

/// The queue has lost its other end.
#[derive(Debug, PartialEq, Eq)]
struct Cut;

type Answer<T> = Result<Option<T>, Cut>;

impl World {
    fn messages(&self) -> &Queue {
        let Annex::Queue(queue) = &self.annex else { unreachable!("it is a queue") };
        queue
    }

    // --- kinds/queue.rs

    fn under_lock<R>(&self, actor: &Actor, act: impl FnOnce(&Queue) -> R) -> Step<R> {
        let mut locked = self.lock(actor, 0, |state| state)?;
        let queue = self.messages();
        let (done, state) = actor.does(|| (act(queue), queue.state().unwrap()))?;
        locked.state = state;
        self.serve(actor, locked, false)?;
        Ok(done)
    }

    fn quickly<R>(&self, actor: &Actor, act: impl FnOnce(&Queue) -> Option<R>) -> Step<Option<R>> {
        let (record, queue) = (&self.objects[0], self.messages());
        let word = record.word();
        if word.queued() || !word.is_open(0) || !actor.swap(&record.word, word.0, word.locked_by(actor.op).0)? {
            return Ok(None);
        }
        let done = actor.does(|| act(queue).map(|done| (done, queue.state().unwrap())))?;
        actor.spend()?;
        record.word.store(word.with_state(done.as_ref().map_or(word.state(), |(_, state)| *state)).0);
        Ok(done.map(|(done, _)| done))
    }

    fn attempt<R>(&self, actor: &Actor, end: Machine, act: impl Fn(&Queue) -> Option<R>) -> Step<Answer<R>> {
        let quick = self.quickly(actor, |queue| queue.is_connected(end).then(|| act(queue)).flatten())?;
        if quick.is_some() {
            return Ok(Ok(quick));
        }
        self.under_lock(actor, |queue| if queue.is_connected(end) { Ok(act(queue)) } else { Err(Cut) })
    }

    fn try_send(&self, actor: &Actor, value: u32, alert: bool) -> Step<Answer<()>> {
        self.attempt(actor, Machine::QueueWriter, |queue| queue.send(value, alert))
    }

    fn try_receive(&self, actor: &Actor) -> Step<Answer<u32>> {
        self.attempt(actor, Machine::QueueReader, Queue::receive)
    }

    /// Fills a slot in place, and commits it.
    fn fill(&self, actor: &Actor, me: u32, value: u32) -> Step<Answer<()>> {
        let index = self.under_lock(actor, |queue| {
            let index = queue.take_slot(false).unwrap()?;
            queue.own(index, state::FILLING, process(me)).unwrap();
            Some(index)
        })?;
        let Some(index) = index else { return Ok(Ok(None)) };
        actor.spend()?;
        self.messages().data[index as usize].store(value, Relaxed);
        self.under_lock(actor, |queue| {
            if !queue.is_connected(Machine::QueueWriter) {
                queue.free(index, queue.slot(index).unwrap());
                return Err(Cut);
            }
            queue.commit(index, 4).unwrap();
            Ok(Some(()))
        })
    }

    /// Reads a message in place, and gives its slot back.
    fn read(&self, actor: &Actor, me: u32) -> Step<Option<u32>> {
        let index = self.under_lock(actor, |queue| {
            let (index, slot) = queue.first().unwrap()?;
            queue.take_out(index, slot);
            queue.own(index, state::READING, process(me)).unwrap();
            Some(index)
        })?;
        let Some(index) = index else { return Ok(None) };
        let value = self.messages().data[index as usize].load(Relaxed);
        self.under_lock(actor, |queue| queue.free(index, queue.slot(index).unwrap()))?;
        Ok(Some(value))
    }

    /// Takes a slot to fill it, and leaves it to its keeper, as one who cannot have the lock; the keeper derives.
    fn fill_and_leave(&self, actor: &Actor, me: u32) -> Step {
        let index = self.under_lock(actor, |queue| {
            let index = queue.take_slot(false).unwrap()?;
            queue.own(index, state::FILLING, process(me)).unwrap();
            Some(index)
        })?;
        let Some(index) = index else { return Ok(()) };
        let slot = self.messages().slot(index).unwrap();
        actor.does(|| slot.state.cas(state::by(state::FILLING, process(me)), state::LEFT).unwrap())?;
        self.under_lock(actor, |queue| queue.derive(None).unwrap())
    }

    /// The last handle of a process is closed.
    fn close(&self, actor: &Actor, me: u32) -> Step {
        self.under_lock(actor, |queue| {
            queue.set_account(process(me), 0, 0).unwrap();
            if queue.look_at_ends().unwrap() {
                queue.derive(None).unwrap();
            }
        })
    }

    /// What a reaper does.
    fn bury_process(&self, actor: &Actor, dead: u32, waiter: usize) {
        self.end_waiter(actor, waiter).unwrap();
        self.under_lock(actor, |queue| queue.derive(Some(process(dead))).unwrap()).unwrap();
        self.reap(actor).unwrap();
    }

    // --- engine/queue.rs

    fn until<R>(&self, actor: &Actor, waiter: usize, attempt: impl Fn() -> Step<Answer<R>>) -> Step<Result<R, Cut>> {
        let record = &self.waiters[waiter];
        loop {
            if record.linked[0].load() == 0 {
                match attempt()? {
                    Ok(Some(got)) => return Ok(Ok(got)),
                    Ok(None) => self.enter(actor, waiter, 0)?,
                    Err(cut) => return Ok(Err(cut)),
                }
            }
            self.sleep(actor, waiter, &[], false)?;
            self.leave(actor, waiter)?;
            actor.spend()?;
            record.take().expect("nobody cancels it");
            actor.spend()?;
            record.claim.store(record.claim().next_waiting().0);
        }
    }

    fn send(&self, actor: &Actor, waiter: usize, value: u32) -> Step<Result<(), Cut>> {
        self.until(actor, waiter, || self.try_send(actor, value, false))
    }

    fn receive(&self, actor: &Actor, waiter: usize) -> Step<Result<u32, Cut>> {
        self.until(actor, waiter, || self.try_receive(actor))
    }

    /// One who waits is interrupted; what he was granted goes back. True if there was something.
    fn interrupt(&self, actor: &Actor, waiter: usize) -> Step<bool> {
        self.waiters[waiter].cancel();
        self.leave(actor, waiter)?;
        let granted = self.waiters[waiter].take().is_some();
        if granted && !self.has(Planted::LeaveMessage) {
            self.settle(actor, 0)?;
        }
        Ok(granted)
    }

    /// A thread of a call, as waiter and actor of that number; what it comes to, or `None` if it dies.
    fn calls<R: 'static>(
        self: &Arc<Self>,
        waiter: usize,
        fuel: u32,
        call: impl FnOnce(&World, &Actor, usize) -> Step<R> + 'static,
    ) -> thread::JoinHandle<Option<R>> {
        self.kernel.begin();
        let world = self.clone();
        thread::spawn(move || {
            let mut done = None;
            Actor::mortal(waiter as u32 + 1, fuel).live(&world, |actor| call(&world, actor, waiter).map(|answer| done = Some(answer)));
            world.kernel.end();
            done
        })
    }

    /// Until everybody sleeps, or has ended; who has died meanwhile is buried. Then everything is as the slots say.
    fn rest(&self, dead: u32) {
        while let News::Death(actor) = self.kernel.news() {
            self.bury_process(&Actor::new(ME), dead, actor as usize - 1);
        }
        cell::reading_newest(|| {
            let (queue, state) = (self.messages(), self.state(0));
            for (waiter, record) in self.waiters.iter().enumerate() {
                let has_it = state.signalled(record.blocked_as.unwrap());
                assert!(!has_it || !self.kernel.is_asleep(waiter), "somebody sleeps, and has what he waits for");
            }
            assert_eq!(state, queue.state().unwrap(), "the state is that of the slots");
            let before = queue.derived();
            queue.derive(None).unwrap();
            assert_eq!(before, queue.derived(), "lists and counts are those of the slots");
        });
    }
}

/// A sender and a receiver, and room for one message.
#[test]
fn messages_are_received_once_in_their_order() {
    let runs = explore_newest(3, || {
        let world = Arc::new(queue(&[Machine::Sender, Machine::Receiver], ALLOW_BROKEN, None));
        let sender = world.calls(0, u32::MAX, |world, actor, waiter| {
            assert_eq!(world.send(actor, waiter, 5)?, Ok(()));
            world.send(actor, waiter, 6)
        });
        let receiver = world.calls(1, u32::MAX, |world, actor, waiter| Ok([world.receive(actor, waiter)?, world.receive(actor, waiter)?]));
        world.rest(WRITER);
        assert_eq!(sender.join().unwrap(), Some(Ok(())));
        assert_eq!(receiver.join().unwrap(), Some([Ok(5), Ok(6)]));
    });
    println!("sender and receiver: {runs} schedules");
}

/// Two wait for one message, and the first is interrupted at some time.
fn interrupted_beside_another(bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore(1, move || {
        let world = Arc::new(queue(&[Machine::Receiver; 2], ALLOW_BROKEN, bug).queued(0, 0).queued(1, 0));
        let first = world.calls(0, u32::MAX, World::interrupt);
        let second = world.calls(1, u32::MAX, World::receive);
        world.try_send(&Actor::new(ME), 5, false).unwrap().unwrap().unwrap();
        world.rest(WRITER);
        assert_eq!(second.join().unwrap(), Some(Ok(5)));
        note.note(first.join().unwrap().unwrap());
    });
    outcomes
}

#[test]
fn who_is_interrupted_takes_no_message_along() {
    interrupted_beside_another(None).are("interrupted", &["false", "true"]);
}

#[test]
#[should_panic(expected = "somebody sleeps, and has what he waits for")]
fn planted_interrupt_without_a_word_is_caught() {
    interrupted_beside_another(Some(Planted::LeaveMessage));
}

/// An alert and a message for two who wait.
#[test]
fn an_alert_and_a_message_release_two() {
    let runs = explore(1, || {
        let world = Arc::new(queue(&[Machine::Receiver; 2], ALLOW_BROKEN, None));
        let receivers = [0, 1].map(|waiter| world.calls(waiter, u32::MAX, World::receive));
        for (value, alert) in [(5, true), (6, false)] {
            world.try_send(&Actor::new(ME), value, alert).unwrap().unwrap().unwrap();
        }
        world.rest(WRITER);
        let received = receivers.map(|receiver| receiver.join().unwrap().unwrap());
        assert!([[Ok(5), Ok(6)], [Ok(6), Ok(5)]].contains(&received));
    });
    println!("alert and message: {runs} schedules");
}

type Call = fn(&World, &Actor, usize) -> Step<Answer<()>>;

/// A writer dies at any write of a send; somebody waits for its message, and another one comes afterwards.
fn writer_dies(fuel: u32, call: Call, bug: Option<Planted>) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let world = Arc::new(queue(&[Machine::Sender, Machine::Receiver], ALLOW_BROKEN, bug));
        let writer = world.calls(0, fuel, call);
        let receiver = world.calls(1, u32::MAX, World::receive);
        world.rest(WRITER);
        let sent = !world.kernel.is_asleep(1);
        if !sent {
            world.try_send(&Actor::new(ME), 6, false).unwrap().unwrap().expect("its slot is free");
        }
        assert_eq!(receiver.join().unwrap(), Some(Ok(if sent { 5 } else { 6 })), "whole or not at all");
        world.rest(WRITER);
        let lived = writer.join().unwrap().is_some();
        assert!(!lived || sent);
        note.note((ended(lived), sent));
    });
    outcomes
}

const SEND: Call = |world, actor, _| world.try_send(actor, 5, false);
const ALERT: Call = |world, actor, _| world.try_send(actor, 5, true);
const FILL: Call = |world, actor, _| world.fill(actor, WRITER, 5);

#[test]
fn a_writers_death_leaves_a_message_or_none() {
    at_every_death("send", |fuel| writer_dies(fuel, SEND, None));
    at_every_death("alert", |fuel| writer_dies(fuel, ALERT, None));
}

#[test]
fn a_writers_death_in_place_leaves_a_message_or_none() {
    at_every_death("fill and commit", |fuel| writer_dies(fuel, FILL, None));
}

#[test]
#[should_panic(expected = "a message that is none")]
fn planted_message_before_its_length_is_caught() {
    at_every_death("planted", |fuel| writer_dies(fuel, SEND, Some(Planted::CommitEarly)));
}

/// Whoever takes over the lock of one who died in a call finds everything as the slots say. True if it died.
fn dies_alone(fuel: u32, call: Call, bug: Option<Planted>) -> bool {
    let died = Arc::new(std::sync::Mutex::new(false));
    let note = died.clone();
    explore_newest(0, move || {
        let world = queue(&[], ALLOW_BROKEN, bug);
        let (actor, me) = (Actor::mortal(1, fuel), Actor::new(ME));
        *note.lock().unwrap() = !actor.live(&world, |actor| call(&world, actor, 0).map(drop));
        world
            .under_lock(&me, |queue| {
                let before = queue.derived();
                queue.derive(None).unwrap();
                assert_eq!(before, queue.derived(), "lists and counts are those of the slots");
            })
            .unwrap();
    });
    let died = *died.lock().unwrap();
    died
}

/// How many writes it has.
fn while_it_dies(call: Call, bug: Option<Planted>) -> u32 {
    (0..).find(|&fuel| !dies_alone(fuel, call, bug)).expect("it ends")
}

/// A message is sent and received, in all ways.
const TOUR: [Call; 3] = [
    |world, actor, _| {
        let _ = world.try_send(actor, 5, false)?;
        world.try_receive(actor).map(|_| Ok(None))
    },
    |world, actor, _| {
        let _ = world.try_send(actor, 5, true)?;
        world.try_receive(actor).map(|_| Ok(None))
    },
    |world, actor, _| {
        let _ = world.fill(actor, WRITER, 5)?;
        world.read(actor, READER).map(|_| Ok(None))
    },
];

#[test]
fn who_takes_over_finds_what_the_slots_say() {
    for call in TOUR {
        let writes = while_it_dies(call, None);
        println!("a death at each of {writes} writes");
        assert!(writes > 5);
    }
}

#[test]
#[should_panic(expected = "of the slots")]
fn planted_recovery_that_believes_the_lists_is_caught() {
    while_it_dies(TOUR[0], Some(Planted::MendNothing));
}

/// A reader dies at any write of a receive; the queue is full, and somebody waits for room.
fn reader_dies(fuel: u32, in_place: bool) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let world = queue(&[Machine::Receiver, Machine::Sender], ALLOW_BROKEN, None);
        let me = Actor::new(ME);
        world.try_send(&me, 5, false).unwrap().unwrap().unwrap();
        let world = Arc::new(world);
        let reader = world.calls(
            0,
            fuel,
            move |world, actor, _| {
                if in_place { world.read(actor, READER) } else { world.try_receive(actor).map(Result::unwrap) }
            },
        );
        let sender = world.calls(1, u32::MAX, |world, actor, waiter| world.send(actor, waiter, 6));
        world.rest(READER);
        let waits = world.kernel.is_asleep(1);
        let next = world.try_receive(&me).unwrap().unwrap();
        assert_eq!(next, Some(if waits { 5 } else { 6 }), "there, or gone");
        assert_eq!(sender.join().unwrap(), Some(Ok(())));
        world.rest(READER);
        let read = reader.join().unwrap();
        assert!(read.is_none_or(|read| read == Some(5) && !waits));
        note.note((ended(read.is_some()), waits));
    });
    outcomes
}

#[test]
fn a_readers_death_gives_its_room_back() {
    at_every_death("receive", |fuel| reader_dies(fuel, false));
}

#[test]
fn a_readers_death_in_place_gives_its_room_back() {
    at_every_death("take and release", |fuel| reader_dies(fuel, true));
}

/// A slot is left to its keeper, or by one who dies of that, while somebody waits for room: he gets it, whoever frees it.
fn writer_leaves_a_slot(fuel: u32) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let world = Arc::new(queue(&[Machine::Sender, Machine::Sender], ALLOW_BROKEN, None));
        let writer = world.calls(0, fuel, |world, actor, _| world.fill_and_leave(actor, WRITER));
        let sender = world.calls(1, u32::MAX, |world, actor, waiter| world.send(actor, waiter, 6));
        world.rest(WRITER);
        assert_eq!(sender.join().unwrap(), Some(Ok(())));
        assert_eq!(world.try_receive(&Actor::new(ME)).unwrap(), Ok(Some(6)));
        note.note(ended(writer.join().unwrap().is_some()));
    });
    outcomes
}

#[test]
fn a_slot_that_is_left_is_free_again() {
    at_every_death("leave a slot", writer_leaves_a_slot);
}

/// The only reader leaves, or dies of it, while somebody waits for room: the queue breaks, and he hears of it.
fn reader_leaves(fuel: u32) -> Outcomes {
    let outcomes = Outcomes::default();
    let note = outcomes.clone();
    explore_newest(2, move || {
        let world = queue(&[Machine::Receiver, Machine::Sender], 0, None);
        world.try_send(&Actor::new(ME), 5, false).unwrap().unwrap().unwrap();
        let world = Arc::new(world);
        let reader = world.calls(0, fuel, |world, actor, _| world.close(actor, READER));
        let sender = world.calls(1, u32::MAX, |world, actor, waiter| world.send(actor, waiter, 6));
        world.rest(READER);
        assert_eq!(sender.join().unwrap(), Some(Err(Cut)));
        let lived = reader.join().unwrap().is_some();
        assert_eq!(world.try_receive(&Actor::new(ME)).unwrap(), Err(Cut), "its messages are gone");
        note.note(ended(lived));
    });
    outcomes
}

#[test]
fn a_queue_without_readers_breaks_once_and_for_all() {
    at_every_death("close", reader_leaves);
}
