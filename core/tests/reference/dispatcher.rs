//! The contract as a plain, single-threaded dispatcher: what the objects are, and what one step does to them.
//!
//! It has no locks, no words and no memory orders. A step happens at one instant, and everything that follows from it (who is released, in
//! what order) happens with it, as under the dispatcher lock of the Windows kernel. What the contract leaves open is a step of its own, which
//! `explain.rs` may take when it likes: who gets a released mutex (a running thread or the front sleeper), and when survivors notice a death.

use std::sync::Arc;

/// A thread that makes calls.
pub type Actor = usize;
/// A call, by its place in the history.
pub type Id = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Mutex,
    ManualEvent,
    AutoEvent,
    Semaphore {
        maximum: u32,
    },
    RobustSemaphore {
        maximum: u32,
    },
    ManualTimer,
    AutoTimer,
    /// Without an action.
    Watchdog,
    /// Whose ends may come and go; as what is waited for, its reading end.
    Queue {
        capacity: usize,
    },
    /// Bytes with a version.
    Mapping,
}

impl Kind {
    pub fn is_event(self) -> bool {
        matches!(self, Kind::ManualEvent | Kind::AutoEvent)
    }

    pub fn maximum(self) -> Option<u32> {
        match self {
            Kind::Semaphore { maximum } | Kind::RobustSemaphore { maximum } => Some(maximum),
            _ => None,
        }
    }
}

/// One object. Fields that its kind does not have stay as they began.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    pub kind: Kind,
    pub owner: Option<Actor>,
    pub depth: u32,
    pub abandoned: bool,
    pub set: bool,
    /// How often the event was reset: a grant that goes back does not undo a reset.
    resets: u32,
    pub count: u32,
    /// Permits of the dead came back and nobody was told yet.
    died: bool,
    /// Robust: the permits of each process.
    held: Vec<u32>,
    pub closed: bool,
    queue: Vec<Id>,
    /// A timer, or a watchdog, will be set when its time comes.
    armed: bool,
    /// A watchdog that is not stopped.
    runs: bool,
    messages: Vec<u32>,
    alert: Option<u32>,
    /// How often the bytes were changed, who changes them, and whether he has begun with the bytes.
    version: u32,
    writer: Option<Actor>,
    torn: bool,
}

/// What anybody can see of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    Mutex { owner: Option<Actor>, depth: u32, abandoned: bool },
    Event { set: bool },
    Semaphore { count: u32 },
    Queue { messages: u32 },
    Mapping { version: u32 },
}

impl Object {
    /// Free, unset, or with so many permits.
    pub fn new(kind: Kind, count: u32) -> Object {
        Object {
            kind,
            owner: None,
            depth: 0,
            abandoned: false,
            set: false,
            resets: 0,
            count,
            died: false,
            held: Vec::new(),
            closed: false,
            queue: Vec::new(),
            armed: false,
            runs: false,
            messages: Vec::new(),
            alert: None,
            version: 0,
            writer: None,
            torn: false,
        }
    }

    /// A process holds a permit of it from the start.
    pub fn give(&mut self, process: usize) {
        *self.account(process) += 1;
    }

    pub fn seen(&self) -> Seen {
        match self.kind {
            Kind::Mutex => Seen::Mutex { owner: self.owner, depth: self.depth, abandoned: self.abandoned },
            Kind::ManualEvent | Kind::AutoEvent | Kind::ManualTimer | Kind::AutoTimer | Kind::Watchdog => Seen::Event { set: self.set },
            Kind::Semaphore { .. } | Kind::RobustSemaphore { .. } => Seen::Semaphore { count: self.count },
            Kind::Queue { .. } => Seen::Queue { messages: self.messages.len() as u32 },
            Kind::Mapping => Seen::Mapping { version: self.version },
        }
    }

    fn is_signalled_for(&self, who: Actor) -> bool {
        match self.kind {
            Kind::Mutex => self.owner.is_none_or(|owner| owner == who),
            Kind::ManualEvent | Kind::AutoEvent | Kind::ManualTimer | Kind::AutoTimer | Kind::Watchdog => self.set,
            Kind::Semaphore { .. } | Kind::RobustSemaphore { .. } => self.count > 0,
            Kind::Queue { .. } => self.alert.is_some() || !self.messages.is_empty(),
            Kind::Mapping => false,
        }
    }

    /// A satisfied wait takes it; whether the taker is told of a death.
    fn take(&mut self, who: Actor, process: usize) -> bool {
        match self.kind {
            Kind::Mutex => {
                (self.owner, self.depth) = (Some(who), self.depth + 1);
                std::mem::take(&mut self.abandoned)
            }
            Kind::ManualEvent | Kind::ManualTimer | Kind::Watchdog | Kind::Queue { .. } | Kind::Mapping => false,
            Kind::AutoEvent | Kind::AutoTimer => {
                self.set = false;
                false
            }
            Kind::Semaphore { .. } | Kind::RobustSemaphore { .. } => {
                self.count -= 1;
                *self.account(process) += 1;
                std::mem::take(&mut self.died)
            }
        }
    }

    fn account(&mut self, process: usize) -> &mut u32 {
        if self.held.len() <= process {
            self.held.resize(process + 1, 0);
        }
        &mut self.held[process]
    }
}

/// A wait that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Wait {
    id: Id,
    who: Actor,
    objects: Arc<[usize]>,
    all: bool,
    ended: Option<End>,
}

/// How a wait was satisfied. `resets` is what a grant that goes back compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    One { place: usize, abandoned: bool, resets: u32 },
    All { abandoned: bool },
}

/// All objects, and everybody who waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dispatcher {
    pub objects: Vec<Object>,
    waits: Vec<Wait>,
    /// The process of each actor.
    homes: Arc<[usize]>,
    dead: Vec<usize>,
}

impl Dispatcher {
    pub fn new(objects: Vec<Object>, homes: &[usize]) -> Dispatcher {
        Dispatcher { objects, waits: Vec::new(), homes: homes.into(), dead: Vec::new() }
    }

    fn home(&self, who: Actor) -> usize {
        self.homes[who]
    }

    pub fn is_dead(&self, who: Actor) -> bool {
        self.dead.contains(&self.home(who))
    }

    // --- waits

    /// Takes the object for `who` if it is signalled for him; tells whether he is told of a death.
    pub fn take(&mut self, object: usize, who: Actor) -> Option<bool> {
        let home = self.home(who);
        let object = &mut self.objects[object];
        object.is_signalled_for(who).then(|| object.take(who, home))
    }

    /// Begins a wait; it is in no queue yet.
    pub fn begin(&mut self, id: Id, who: Actor, objects: &[usize], all: bool) {
        self.waits.push(Wait { id, who, objects: objects.into(), all, ended: None });
    }

    /// Puts a wait into one object's queue.
    pub fn enter(&mut self, id: Id, object: usize) {
        self.objects[object].queue.push(id);
        self.dispatch(object);
    }

    /// Puts a wait for all into all its queues, or satisfies it.
    pub fn enter_all(&mut self, id: Id) {
        let objects = self.wait(id).objects.clone();
        objects.iter().for_each(|&object| self.objects[object].queue.push(id));
        self.commit(id);
    }

    fn wait(&self, id: Id) -> &Wait {
        self.waits.iter().find(|wait| wait.id == id).expect("it has begun")
    }

    pub fn ended(&self, id: Id) -> Option<End> {
        self.wait(id).ended
    }

    /// The wait is over: satisfied, timed out, or its thread is dead.
    pub fn forget(&mut self, id: Id) {
        self.leave_queues(id);
        self.waits.retain(|wait| wait.id != id);
    }

    fn leave_queues(&mut self, id: Id) {
        self.objects.iter_mut().for_each(|object| object.queue.retain(|&waiting| waiting != id));
    }

    fn end(&mut self, id: Id, end: End) {
        self.leave_queues(id);
        self.waits.iter_mut().filter(|wait| wait.id == id).for_each(|wait| wait.ended = Some(end));
    }

    /// Releases those who wait for the object, first come first served, while it is signalled. An incomplete wait for all is passed over.
    pub fn dispatch(&mut self, object: usize) {
        for id in self.objects[object].queue.clone() {
            let wait = self.wait(id);
            let who = wait.who;
            if !self.objects[object].is_signalled_for(who) {
                break;
            }
            if wait.all {
                self.commit(id);
            } else {
                let place = wait.objects.iter().position(|&o| o == object).expect("it waits for the object");
                let resets = self.objects[object].resets;
                let home = self.home(who);
                let abandoned = self.objects[object].take(who, home);
                self.end(id, End::One { place, abandoned, resets });
            }
        }
    }

    fn commit(&mut self, id: Id) {
        let wait = self.wait(id).clone();
        if wait.objects.iter().all(|&object| self.objects[object].is_signalled_for(wait.who)) {
            let home = self.home(wait.who);
            let mut abandoned = false;
            wait.objects.iter().for_each(|&object| abandoned |= self.objects[object].take(wait.who, home));
            self.end(id, End::All { abandoned });
        }
    }

    /// Whether somebody in the queue could have the object now: only a released mutex, which its front sleeper has not come for yet.
    pub fn is_owed(&self, object: usize) -> bool {
        let mutex = &self.objects[object];
        mutex.owner.is_none() && mutex.kind == Kind::Mutex && mutex.queue.iter().any(|&id| !self.wait(id).all)
    }

    // --- signals

    pub fn set(&mut self, object: usize) {
        self.objects[object].set = true;
        self.dispatch(object);
    }

    pub fn reset(&mut self, object: usize) {
        self.objects[object].set = false;
        self.objects[object].resets += 1;
    }

    pub fn pulse(&mut self, object: usize) {
        self.set(object);
        self.reset(object);
    }

    /// The count before; `None` beyond the maximum.
    pub fn post(&mut self, object: usize, who: Actor, n: u32) -> Option<u32> {
        let home = self.home(who);
        let semaphore = &mut self.objects[object];
        let before = semaphore.count;
        semaphore.count = before.checked_add(n).filter(|&after| Some(after) <= semaphore.kind.maximum())?;
        let account = semaphore.account(home);
        *account = account.saturating_sub(n);
        self.dispatch(object);
        Some(before)
    }

    /// Whether `who` had it. A free mutex is not handed on at once: see [`Self::is_owed`].
    pub fn release(&mut self, object: usize, who: Actor) -> bool {
        let mutex = &mut self.objects[object];
        if mutex.owner != Some(who) {
            return false;
        }
        mutex.depth -= 1;
        if mutex.depth == 0 {
            mutex.owner = None;
            let queue = &self.objects[object].queue;
            if queue.iter().any(|&id| self.wait(id).all) {
                self.dispatch(object); // a wait for all may be complete
            }
        }
        true
    }

    // --- time

    /// A timer is set: not signalled until its time comes, which has come (`None`), comes or never does. A watchdog starts.
    pub fn arm(&mut self, object: usize, comes: Option<bool>) {
        self.reset(object);
        self.objects[object].armed = comes == Some(true);
        self.objects[object].runs = true;
        if comes.is_none() {
            self.set(object);
        }
    }

    /// A timer is not set any more, and stays what it is.
    pub fn disarm(&mut self, object: usize) {
        self.objects[object].armed = false;
    }

    pub fn refresh(&mut self, object: usize) {
        if self.objects[object].runs {
            self.arm(object, Some(true));
        }
    }

    pub fn stop(&mut self, object: usize) {
        self.arm(object, Some(false));
        self.objects[object].runs = false;
    }

    /// Whether its time may come.
    pub fn is_armed(&self, object: usize) -> bool {
        self.objects[object].armed
    }

    pub fn expire(&mut self, object: usize) {
        self.objects[object].armed = false;
        self.set(object);
    }

    // --- messages

    /// Whether there was room.
    pub fn send(&mut self, object: usize, message: u32, alert: bool) -> bool {
        let queue = &mut self.objects[object];
        let Kind::Queue { capacity } = queue.kind else { return false };
        if alert && queue.alert.is_none() {
            queue.alert = Some(message);
        } else if queue.messages.len() < capacity {
            queue.messages.push(message);
        } else {
            return false;
        }
        self.dispatch(object);
        true
    }

    /// The next message, and whether it is an alert.
    pub fn receive(&mut self, object: usize) -> Option<(u32, bool)> {
        let queue = &mut self.objects[object];
        if let Some(alert) = queue.alert.take() {
            return Some((alert, true));
        }
        (!queue.messages.is_empty()).then(|| (queue.messages.remove(0), false))
    }

    // --- bytes

    /// Becomes the writer; false if somebody is it who lives.
    pub fn begin_change(&mut self, object: usize, who: Actor) -> bool {
        let is_free = self.objects[object].writer.is_none_or(|writer| self.is_dead(writer));
        if is_free {
            self.objects[object].writer = Some(who);
        }
        is_free
    }

    /// Begins with the bytes; true if the writer before died when he had.
    pub fn tear(&mut self, object: usize) -> bool {
        std::mem::replace(&mut self.objects[object].torn, true)
    }

    pub fn publish(&mut self, object: usize) {
        self.objects[object].torn = false;
        self.objects[object].version += 1;
    }

    pub fn end_change(&mut self, object: usize) {
        self.objects[object].writer = None;
    }

    /// How many changes the bytes are of. `Err`: half of one, by somebody who lives or does not.
    pub fn read(&self, object: usize) -> Result<u32, bool> {
        let mapping = &self.objects[object];
        if mapping.torn { Err(mapping.writer.is_some_and(|writer| !self.is_dead(writer))) } else { Ok(mapping.version) }
    }

    // --- death

    pub fn die(&mut self, process: usize) {
        self.dead.push(process);
    }

    /// A dead waiter's wait ends. One that was satisfied and did not return may go back: nobody had it.
    pub fn bury(&mut self, id: Id) {
        let wait = self.wait(id).clone();
        self.forget(id);
        match wait.ended {
            None => {}
            Some(End::One { place, resets, .. }) => self.give_back(wait.objects[place], wait.who, Some(resets)),
            Some(End::All { .. }) => wait.objects.iter().for_each(|&object| self.give_back(object, wait.who, None)),
        }
    }

    /// What a dead waiter's wait for all was satisfied with goes back one by one, in any order. The other ways in which this can go on from here; none
    /// if there is at most one object left, which [`Self::bury`] gives back.
    pub fn bury_parts(&self, id: Id) -> Vec<Dispatcher> {
        let wait = self.wait(id);
        let left = if matches!(wait.ended, Some(End::All { .. })) { wait.objects.len() } else { 0 };
        let without = |place: usize| {
            let mut next = self.clone();
            let wait = next.waits.iter_mut().find(|wait| wait.id == id).expect("it is there");
            let (object, who) = (wait.objects[place], wait.who);
            wait.objects = wait.objects.iter().copied().filter(|&other| other != object).collect();
            next.give_back(object, who, None);
            next
        };
        if left > 1 { (0..left).map(without).collect() } else { Vec::new() }
    }

    fn give_back(&mut self, object: usize, who: Actor, resets: Option<u32>) {
        let home = self.home(who);
        let record = &mut self.objects[object];
        let held = *record.account(home);
        match record.kind {
            Kind::Mutex if record.owner == Some(who) => (record.owner, record.depth) = (None, 0),
            Kind::AutoEvent | Kind::AutoTimer if resets.is_none_or(|resets| resets == record.resets) => record.set = true,
            Kind::Semaphore { maximum } => record.count = (record.count + 1).min(maximum),
            Kind::RobustSemaphore { maximum } if held > 0 => {
                *record.account(home) = held - 1;
                record.count = (record.count + 1).min(maximum);
                record.died = true;
            }
            _ => return,
        }
        self.dispatch(object);
    }

    /// Whether the object still has something of a dead process.
    pub fn is_haunted(&self, object: usize) -> bool {
        let object = &self.objects[object];
        object.owner.is_some_and(|owner| self.is_dead(owner))
            || matches!(object.kind, Kind::RobustSemaphore { .. })
                && self.dead.iter().any(|&process| object.held.get(process).is_some_and(|&held| held > 0))
    }

    /// Whether anything is left of the dead: their waits, too.
    pub fn is_haunted_anywhere(&self) -> bool {
        self.waits.iter().any(|wait| self.is_dead(wait.who)) || (0..self.objects.len()).any(|object| self.is_haunted(object))
    }

    /// The survivors notice: the mutex is abandoned, robust permits come back.
    pub fn exorcise(&mut self, object: usize) {
        let dead = self.dead.clone();
        let record = &mut self.objects[object];
        match record.kind {
            Kind::Mutex => (record.owner, record.depth, record.abandoned) = (None, 0, true),
            Kind::RobustSemaphore { maximum } => {
                for process in dead {
                    record.count = (record.count + std::mem::take(record.account(process))).min(maximum);
                }
                record.died = true;
            }
            _ => {}
        }
        self.dispatch(object);
    }
}
