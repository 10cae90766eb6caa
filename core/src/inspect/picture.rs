//! What is in a namespace, as people think of it.

use super::image::{Image, ObjectImage, ProcessImage, WaiterImage};
use super::parts::{Members, Memory, Part};
use super::waits;
use crate::arena::backing::Beside;
use crate::arena::refs::{ObjectRef, OwnerRef, WaiterRef};
use crate::dispatch::grant::WAITER_ASYNC;
use crate::dispatch::lock::node_kind;
use crate::dispatch::word::Machine;
use crate::engine::{Action, WatchdogStage};
use crate::kinds::{process, queue, timer, watchdog};
use crate::live::{owner_kind, process_state};
use crate::name;
use crate::sys::clock::Due;
use crate::sys::{self, clock};
use std::collections::HashMap;

/// Everything that is seen in a namespace; [`Inspection::look`](super::Inspection::look) gives it.
///
/// Each process, object and wait is consistent; two of them may have been read at different instants.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Picture {
    /// The processes, by slot.
    pub processes: Vec<Process>,
    /// The objects: those with a name by name, then the others.
    pub objects: Vec<Object>,
    /// The waits that go on, those of threads first.
    pub waits: Vec<Wait>,
    /// Rings of threads each of which waits for what the next one owns, so that none of them goes on unless its time is up or it is killed.
    pub deadlocks: Vec<Vec<Step>>,
}

/// A process that has attached the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Process {
    /// Its place in the namespace. (Two copies of the library in one process have two.)
    pub slot: u32,
    /// Its id, in its own PID namespace.
    pub pid: u32,
    /// The name of its executable, cut to 15 bytes; `None` where /proc does not show it, as from another PID namespace.
    pub command: Option<String>,
    /// How it is.
    pub state: ProcessState,
    /// How many objects it holds.
    pub holds: usize,
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ProcessState {
    /// It lives. (That it is stopped is not seen from another PID namespace.)
    Alive,
    /// Stopped by a signal or a debugger. If it is stopped in the middle of a change, users of that one object wait until it goes on.
    Stopped,
    /// It is about to be there.
    Joining,
    /// The child of a fork, which has not come yet.
    Expected,
    /// It exits.
    Leaving,
    /// It has ended, and nobody has buried it yet.
    Dead,
}

/// Who does something: a thread, or a process on behalf of an asynchronous acquisition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Party {
    /// The process.
    pub pid: u32,
    /// The thread; `None` for an acquisition that is bound to none.
    pub tid: Option<u32>,
    /// The name of the executable, where it is visible.
    pub command: Option<String>,
    /// How the process is; `Dead` also if it was buried already.
    pub state: ProcessState,
}

/// An object as others name it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ObjectName {
    /// `None` for one without a name.
    pub name: Option<String>,
    /// The name is one of the CE profile, where each kind has its own.
    pub ce: bool,
    /// Its record, by which one without a name can be told from others.
    pub index: u32,
    /// Of which kind it is.
    pub kind: Kind,
}

/// Of which kind an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Kind {
    /// A mutex.
    Mutex,
    /// An event that stays set until it is reset.
    ManualEvent,
    /// An event that releases one.
    AutoEvent,
    /// A semaphore.
    Semaphore,
    /// A semaphore whose permits come back from the dead.
    RobustSemaphore,
    /// A timer that stays signalled until it is set anew.
    ManualTimer,
    /// A timer that releases one.
    AutoTimer,
    /// A watchdog.
    Watchdog,
    /// A message queue.
    Queue,
    /// A process.
    Process,
    /// A job.
    Job,
    /// A mapping.
    Mapping,
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Object {
    /// Which one.
    #[cfg_attr(feature = "cli", serde(flatten))]
    pub id: ObjectName,
    /// Tells it from an earlier or later object of the same record.
    pub generation: u32,
    /// Whether a wait for it would end now (a mutex: whoever waits).
    pub signalled: bool,
    /// Mutex: who owns it.
    pub owner: Option<Party>,
    /// Mutex: how often its owner holds it; 0 if nobody does.
    pub depth: u32,
    /// Mutex: the last owner died, and the next one will be told. Robust semaphore: a holder of permits died, and the next one will be told.
    pub abandoned: bool,
    /// Timer: how many seconds are left until its time comes next; `None` if it does not. Running watchdog: until it must be refreshed; in its grace: until its
    /// action.
    pub due: Option<f64>,
    /// Timer: at which intervals its time comes, in seconds; 0: once. Watchdog: in which it must be refreshed.
    pub period: Option<f64>,
    /// Watchdog: where it is: `stopped`, `running`, `grace` or `expired`.
    pub stage: Option<&'static str>,
    /// Watchdog that is not stopped: the pid of the process that started it, as that sees itself.
    pub watched: Option<u32>,
    /// Watchdog: what is done when it is not refreshed, `none`, `kill` or `reset-device`.
    pub action: Option<&'static str>,
    /// Watchdog: how many seconds after that.
    pub grace: Option<f64>,
    /// Process: its pid, as whoever opened it sees it.
    pub process: Option<u32>,
    /// Semaphore: how many permits are free.
    pub available: Option<u32>,
    /// Semaphore: how many there can be.
    pub maximum: Option<u32>,
    /// Robust semaphore: how many permits each process holds.
    pub permits: Vec<Permits>,
    /// Queue: what it holds and who may use it.
    pub messages: Option<Messages>,
    /// Mapping: what it shows, and its changes.
    pub memory: Option<Memory>,
    /// Job: its processes, and what they may.
    pub members: Option<Members>,
    /// The number of the last acquisition; events count none.
    pub fence: Option<u64>,
    /// The processes that have it open.
    pub holders: Vec<Party>,
    /// Those who wait for it, in the order in which they are served.
    pub queue: Vec<Queued>,
    /// How many pollable descriptors look at it.
    pub watches: usize,
    /// Who is in the middle of changing it. That lasts 100 ns or so, unless he is stopped there or dead.
    pub locked_by: Option<Party>,
    /// Not read in one piece: it never held still. Each field is what stood there at some instant.
    pub moving: bool,
}

/// What one process holds of a robust semaphore.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Permits {
    /// The process.
    pub by: Party,
    /// How many.
    pub held: u64,
}

/// What a message queue holds, and its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Messages {
    /// Messages that wait.
    pub waiting: u32,
    /// How many there can be; 0: as many as memory holds.
    pub most: u32,
    /// How many there ever were at a time.
    pub most_ever: u32,
    /// The largest, in bytes.
    pub max_size: u32,
    /// Open reading ends.
    pub readers: u32,
    /// Open writing ends.
    pub writers: u32,
    /// It has lost an end for good; its name is free.
    pub broken: bool,
    /// Its ends may come and go: it is never broken.
    pub allow_broken: bool,
}

/// One who stands in the queue of an object.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Queued {
    /// Who waits.
    pub who: Party,
    /// For all of several objects at once.
    pub all: bool,
    /// Without a thread.
    pub asynchronous: bool,
    /// For how many seconds; known where a mutex is among what is waited for.
    pub seconds: Option<f64>,
}

/// A wait that goes on.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Wait {
    /// Who waits.
    pub who: Party,
    /// For all of the objects at once, or for any of them.
    pub all: bool,
    /// Without a thread.
    pub asynchronous: bool,
    /// For how many seconds; known where a mutex is among the objects.
    pub seconds: Option<f64>,
    /// What it waits for.
    pub objects: Vec<Awaited>,
    /// It is over, and the one who waited has not noticed yet.
    pub granted: bool,
}

/// One object of a wait.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Awaited {
    /// Which one.
    #[cfg_attr(feature = "cli", serde(flatten))]
    pub id: ObjectName,
    /// The place in its queue, from 1; `None` if it is not in it yet, or any more.
    pub position: Option<usize>,
    /// Mutex: who owns it.
    pub owner: Option<Party>,
}

/// One step of a deadlock: who waits for what, and who owns that. The owner is the one who waits in the next step, and in the first after the last.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// Who waits.
    pub who: Party,
    /// For which mutex.
    #[cfg_attr(feature = "cli", serde(flatten))]
    pub object: ObjectName,
    /// Who owns it.
    pub owner: Party,
}

/// Draws a picture from an image.
pub(super) struct Painter<'a> {
    pub image: &'a Image,
    beside: &'a Beside,
    processes: HashMap<u32, Process>,
    now: u64,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Mutex => "mutex",
            Kind::ManualEvent => "manual-event",
            Kind::AutoEvent => "auto-event",
            Kind::Semaphore => "semaphore",
            Kind::RobustSemaphore => "robust-semaphore",
            Kind::ManualTimer => "manual-timer",
            Kind::AutoTimer => "auto-timer",
            Kind::Watchdog => "watchdog",
            Kind::Queue => "queue",
            Kind::Process => "process",
            Kind::Job => "job",
            Kind::Mapping => "mapping",
        })
    }
}

impl<'a> Painter<'a> {
    pub fn new(image: &'a Image, beside: &'a Beside) -> Painter<'a> {
        let processes = image.processes.iter().filter(|p| p.is_taken()).map(|p| (p.slot, describe(p))).collect();
        Painter { image, beside, processes, now: clock::now() }
    }

    pub fn picture(&self) -> Picture {
        let mut processes: Vec<Process> = self.processes.values().cloned().collect();
        processes.sort_by_key(|p| p.slot);
        let mut objects: Vec<Object> = self.image.objects.values().filter(|o| o.is_live()).filter_map(|o| self.object(o)).collect();
        objects.sort_by(|a, b| (a.id.name.is_none(), &a.id.name, a.id.index).cmp(&(b.id.name.is_none(), &b.id.name, b.id.index)));
        let mut pending: Vec<(&u32, &WaiterImage)> = self.image.waiters.iter().filter(|(_, w)| w.is_pending() && !is_watch(w)).collect();
        pending.sort_by_key(|(index, waiter)| (waiter.flags & WAITER_ASYNC, **index));
        let waits = pending.into_iter().map(|(&index, waiter)| self.wait(index, waiter)).collect();
        Picture { processes, objects, waits, deadlocks: waits::deadlocks(self) }
    }

    fn object(&self, o: &ObjectImage) -> Option<Object> {
        let (machine, state) = (o.machine()?, o.state());
        let is_mutex = machine == Machine::Mutex;
        let is_semaphore = matches!(machine, Machine::Semaphore | Machine::RobustSemaphore);
        let owner = state.owner_index().filter(|_| is_mutex);
        let waiting = o.queue.iter().filter(|queued| queued.is_waiting() && queued.node.kind != node_kind::WATCH);
        let queue = waiting.filter_map(|queued| {
            let index = WaiterRef::unpack(queued.node.waiter)?.index;
            let waiter = self.image.waiters.get(&index)?;
            Some(Queued {
                who: self.waiting_party(index, waiter),
                all: queued.node.kind == node_kind::WAIT_ALL,
                asynchronous: waiter.flags & WAITER_ASYNC != 0,
                seconds: self.age(waiter),
            })
        });
        let timer = matches!(machine, Machine::ManualTimer | Machine::AutoTimer).then_some(o.annex_words).flatten();
        let timer = timer.map(|words| timer::seen(state, &words));
        let dog = (machine == Machine::Watchdog).then_some(o.annex_words).flatten().map(|words| watchdog::seen(&words, self.now));
        let stage = dog.map(|dog| WatchdogStage::of(dog.stage));
        let left = dog.and_then(|dog| match stage? {
            WatchdogStage::Running => Some(dog.deadline.saturating_sub(self.now)),
            WatchdogStage::Grace => Some(dog.deadline.saturating_add(dog.grace).saturating_sub(self.now)),
            _ => None,
        });
        let part = |of: Machine| Part::of(o).filter(|_| machine == of);
        let signalled = match (timer, stage) {
            (Some((signalled, _)), _) => signalled,
            (_, Some(stage)) => matches!(stage, WatchdogStage::Grace | WatchdogStage::Expired),
            _ => state.signalled(machine),
        };
        let accounts = o.accounts.iter().filter(|(_, account)| account.value > 0);
        Some(Object {
            id: self.name(o.at())?,
            generation: o.life().generation(),
            signalled,
            due: timer.and_then(|(_, setting)| setting.due).map(Due::left).or(left).map(seconds),
            period: timer.map(|(_, setting)| setting.period).or(dog.map(|dog| dog.period)).map(seconds),
            stage: stage.map(WatchdogStage::name),
            watched: dog.filter(|_| stage != Some(WatchdogStage::Stopped)).map(|dog| dog.pid),
            action: dog.map(|dog| Action::of(dog.action).name()),
            grace: dog.map(|dog| seconds(dog.grace)),
            process: part(Machine::Process).map(|part| part.words[process::PID] as u32),
            owner: owner.map(|owner| self.owner_party(owner)),
            depth: if owner.is_some() { o.depth.max(1) } else { 0 },
            abandoned: (is_mutex || is_semaphore) && state.is_abandoned(),
            available: is_semaphore.then(|| state.count()),
            maximum: is_semaphore.then_some(o.maximum),
            permits: accounts.map(|(node, account)| Permits { by: self.process_party_of_node(*node), held: account.value }).collect(),
            messages: o.annex_words.filter(|_| machine == Machine::QueueReader).map(|words| queue::numbers(&words)).map(|numbers| {
                Messages {
                    waiting: numbers.messages,
                    most: numbers.max_messages,
                    most_ever: numbers.most_messages,
                    max_size: numbers.max_size,
                    readers: numbers.readers,
                    writers: numbers.writers,
                    broken: state.is_broken_queue(),
                    allow_broken: numbers.allow_broken,
                }
            }),
            memory: part(Machine::Mapping).map(|part| part.memory(self, self.beside)),
            members: part(Machine::Job).map(|part| part.members(self.beside)),
            fence: (is_mutex || is_semaphore).then_some(o.fence),
            holders: self.image.holders(o.index).map(|p| self.party(p.slot, None)).collect(),
            queue: queue.collect(),
            watches: o.queue.iter().filter(|queued| queued.node.kind == node_kind::WATCH).count(),
            locked_by: o.word().locker().map(|locker| self.owner_party(locker.index)),
            moving: !o.steady,
        })
    }

    fn wait(&self, index: u32, waiter: &WaiterImage) -> Wait {
        let objects = waiter.nodes.iter().filter_map(|(node, record)| {
            let at = ObjectRef::unpack(record.value_after)?;
            let object = self.image.objects.get(&at.index).filter(|o| o.at() == at)?;
            let mut in_queue = object.queue.iter().filter(|queued| queued.is_waiting() && queued.node.kind != node_kind::WATCH);
            Some(Awaited {
                id: self.name(at)?,
                position: in_queue.position(|queued| queued.index == *node).map(|place| place + 1),
                owner: self.owner_of(object).map(|owner| self.owner_party(owner)),
            })
        });
        Wait {
            who: self.waiting_party(index, waiter),
            all: waiter.nodes.iter().any(|(_, node)| node.kind == node_kind::WAIT_ALL),
            asynchronous: waiter.flags & WAITER_ASYNC != 0,
            seconds: self.age(waiter),
            objects: objects.collect(),
            granted: !waiter.claim().is_waiting(),
        }
    }

    /// The record of a mutex's owner.
    pub fn owner_of(&self, object: &ObjectImage) -> Option<u32> {
        object.state().owner_index().filter(|_| object.machine() == Some(Machine::Mutex))
    }

    pub fn name(&self, at: ObjectRef) -> Option<ObjectName> {
        let object = self.image.objects.get(&at.index)?;
        let kind = match object.machine()? {
            Machine::Mutex => Kind::Mutex,
            Machine::ManualEvent => Kind::ManualEvent,
            Machine::AutoEvent => Kind::AutoEvent,
            Machine::Semaphore => Kind::Semaphore,
            Machine::RobustSemaphore => Kind::RobustSemaphore,
            Machine::ManualTimer => Kind::ManualTimer,
            Machine::AutoTimer => Kind::AutoTimer,
            Machine::Watchdog => Kind::Watchdog,
            Machine::QueueReader | Machine::QueueWriter | Machine::Receiver | Machine::Sender => Kind::Queue,
            Machine::Process => Kind::Process,
            Machine::Job => Kind::Job,
            Machine::Mapping => Kind::Mapping,
        };
        let key = object.name.as_deref().map(name::of_key);
        Some(ObjectName { name: key.map(|(name, _)| name.to_owned()), ce: key.is_some_and(|(_, ce)| ce), index: at.index, kind })
    }

    /// Its beginning is written only where a mutex is among the objects.
    fn age(&self, waiter: &WaiterImage) -> Option<f64> {
        let is_mutex = |at: ObjectRef| self.image.objects.get(&at.index).is_some_and(|o| o.machine() == Some(Machine::Mutex));
        let known = waiter.nodes.iter().filter_map(|(_, node)| ObjectRef::unpack(node.value_after)).any(is_mutex);
        known.then(|| self.now.saturating_sub(waiter.since) as f64 / 1e9)
    }

    fn waiting_party(&self, index: u32, waiter: &WaiterImage) -> Party {
        match waiter.sleeper.checked_sub(1) {
            Some(sleeper) if waiter.flags & WAITER_ASYNC == 0 => self.owner_party(sleeper),
            _ => {
                let tid = OwnerRef::unpack(waiter.owner).and_then(|owner| self.thread_of(owner.index));
                self.image.process_of_waiter(index).map_or_else(|| nobody(None), |home| self.party(home.slot, tid))
            }
        }
    }

    pub fn owner_party(&self, owner: u32) -> Party {
        let tid = self.thread_of(owner);
        self.image.process_of_owner(owner).map_or_else(|| nobody(tid), |home| self.party(home.slot, tid))
    }

    fn process_party_of_node(&self, node: u32) -> Party {
        self.image.process_of_node(node).map_or_else(|| nobody(None), |home| self.party(home.slot, None))
    }

    fn thread_of(&self, owner: u32) -> Option<u32> {
        let record = self.image.owners.get(&owner)?;
        (record.kind() != owner_kind::FREE && record.tid != 0).then_some(record.tid)
    }

    fn party(&self, slot: u32, tid: Option<u32>) -> Party {
        match self.processes.get(&slot) {
            Some(p) => Party { pid: p.pid, tid, command: p.command.clone(), state: p.state },
            None => nobody(tid),
        }
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn is_watch(waiter: &WaiterImage) -> bool {
    waiter.nodes.iter().any(|(_, node)| node.kind == node_kind::WATCH)
}

/// Somebody whose process is not there any more.
fn nobody(tid: Option<u32>) -> Party {
    Party { pid: 0, tid, command: None, state: ProcessState::Dead }
}

fn describe(p: &ProcessImage) -> Process {
    let is_ours = p.pid_namespace != 0 && Ok(p.pid_namespace) == sys::process::pid_namespace();
    let seen = sys::process::look(p.pid).filter(|seen| is_ours && seen.start_time == p.start_time);
    let state = match p.state() {
        _ if p.is_marked() => ProcessState::Dead,
        process_state::EXPECTED => ProcessState::Expected,
        process_state::LEAVING => ProcessState::Leaving,
        _ if seen.as_ref().is_some_and(|seen| matches!(seen.state, 'T' | 't')) => ProcessState::Stopped,
        process_state::LIVE => ProcessState::Alive,
        _ => ProcessState::Joining,
    };
    Process { slot: p.slot, pid: p.pid, command: seen.map(|seen| seen.name), state, holds: p.holds.len() }
}
