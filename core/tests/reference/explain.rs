//! Whether a history of concurrent calls can be explained: is there an order of steps, each within its call, in which the dispatcher
//! would have given the same answers?
//!
//! *Steps.* A call is one step, except a wait: it looks at its objects one after the other, in order, and then enters their queues one after
//! the other (contract 10.4: the order is promised for what is signalled before the call; a wait for all is one step). From the last entry
//! on it is what the dispatcher says it is. A change of bytes is four. A call that is blocked for a message, or for room, stands in no queue: it is one step,
//! as soon as that is possible, and times out when it is not. A time-out is a step that may come at any time after the looks. A dead thread's calls stop
//! between any two steps.
//!
//! *Search.* Depth first over all orders, in the calls' order of return first, with the states that led nowhere remembered.

use super::dispatcher::{Actor, Dispatcher, End, Id, Seen};
use std::collections::HashSet;

/// A call, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    Wait {
        objects: Vec<usize>,
        all: bool,
        until: Until,
    },
    Release {
        object: usize,
    },
    Post {
        object: usize,
        n: u32,
    },
    Set {
        object: usize,
    },
    Reset {
        object: usize,
    },
    Pulse {
        object: usize,
    },
    Look {
        object: usize,
    },
    /// Sets a timer.
    Arm {
        object: usize,
        when: When,
    },
    /// Cancels a timer.
    Disarm {
        object: usize,
    },
    /// Starts a watchdog.
    Start {
        object: usize,
    },
    Refresh {
        object: usize,
    },
    Stop {
        object: usize,
    },
    Send {
        object: usize,
        message: u32,
        alert: bool,
        until: Until,
    },
    Receive {
        object: usize,
        until: Until,
    },
    /// Changes the bytes of a mapping.
    Change {
        object: usize,
    },
    /// Reads them as they are between two changes.
    Read {
        object: usize,
    },
    /// The last handle is closed; what comes later finds nothing.
    Close {
        object: usize,
    },
    /// A process is killed.
    Die {
        process: usize,
    },
    /// Nothing of the dead is left.
    Buried,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// Only test.
    Now,
    /// Some time-out, or cancelled by its caller.
    Later,
    Never,
}

/// When a timer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    Now,
    Soon,
    /// After all is over.
    Never,
}

/// What a call answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Got {
        place: usize,
        abandoned: bool,
    },
    GotAll {
        abandoned: bool,
    },
    TimedOut,
    /// It sleeps when all is over, rightly: nothing that it waits for can be had.
    Asleep,
    Done,
    Before(u32),
    Saw(Seen),
    NotOwner,
    TooMany,
    Received {
        message: u32,
        alert: bool,
    },
    /// The bytes were changed; `torn`: a writer had died in the middle of a change.
    Changed {
        torn: bool,
    },
    /// The bytes are of so many changes.
    Version(u32),
    /// They are half made.
    Torn,
    /// The object has ended; or it was closed.
    Closed,
    /// It was to be closed, and rests because somebody is about to write to it.
    Rested,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    pub actor: Actor,
    pub op: Op,
    /// `None`: its thread died in it.
    pub outcome: Option<Outcome>,
    /// The calls that had returned when this one began, as bits.
    pub after: u64,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Ready,
    /// A wait will look at the object at this place, after those before it.
    Look(usize),
    /// It will enter the queue of the object at this place.
    Enter(usize),
    Queued,
    /// A change of bytes: he is the writer; he has begun with them; they are published.
    Writer,
    Tears(bool),
    Published(bool),
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    dispatcher: Dispatcher,
    phases: Vec<Phase>,
    done: u64,
}

/// The order of steps that explains a history; by the calls' places.
pub type Order = Vec<Id>;

/// Says how `calls` come about, from the given beginning, or `None` if they cannot. Calls in `queued` wait already at the beginning.
pub fn explain(beginning: &Dispatcher, queued: &[Id], calls: &[Call]) -> Option<Order> {
    assert!(calls.len() <= 64, "a history has 64 calls at most");
    let mut state = State { dispatcher: beginning.clone(), phases: vec![Phase::Ready; calls.len()], done: 0 };
    for &id in queued {
        let Op::Wait { objects, all, .. } = &calls[id].op else { panic!("only a wait waits") };
        state.dispatcher.begin(id, calls[id].actor, objects, *all);
        objects.iter().for_each(|&object| state.dispatcher.enter(id, object));
        state.phases[id] = Phase::Queued;
    }
    let mut search = Search { calls, seen: HashSet::new(), order: Vec::new() };
    search.go(state).then(|| {
        search.order.reverse();
        search.order
    })
}

struct Search<'a> {
    calls: &'a [Call],
    seen: HashSet<State>,
    order: Order,
}

impl Search<'_> {
    fn go(&mut self, state: State) -> bool {
        if self.is_end(&state) {
            return true;
        }
        let mut steps = Vec::new();
        for id in 0..self.calls.len() {
            if state.phases[id] != Phase::Done && self.calls[id].after & !state.done == 0 {
                self.advance(id, &state, |next| steps.push((id, next)));
            }
        }
        self.internal(&state, |next| steps.push((usize::MAX, next)));
        if !self.seen.insert(state) {
            return false;
        }
        for (id, next) in steps {
            if self.go(next) {
                self.order.push(id);
                return true;
            }
        }
        false
    }

    /// Every call has answered; whoever died may have stopped anywhere; who sleeps does so rightly.
    fn is_end(&self, state: &State) -> bool {
        let done = self.calls.iter().zip(&state.phases).enumerate().all(|(id, (call, phase))| match call.outcome {
            None => true,
            Some(Outcome::Asleep) => *phase == Phase::Queued && state.dispatcher.ended(id).is_none(),
            Some(_) => *phase == Phase::Done,
        });
        let owed = || (0..state.dispatcher.objects.len()).any(|object| state.dispatcher.is_owed(object));
        let someone_sleeps = self.calls.iter().any(|call| call.outcome == Some(Outcome::Asleep));
        done && !(someone_sleeps && owed())
    }

    /// What happens by itself: a time comes; a sleeper comes for a free mutex; survivors notice a death.
    fn internal(&self, state: &State, mut then: impl FnMut(State)) {
        for object in 0..state.dispatcher.objects.len() {
            if state.dispatcher.is_owed(object) {
                let mut next = state.clone();
                next.dispatcher.dispatch(object);
                then(next);
            }
            if state.dispatcher.is_armed(object) {
                let mut next = state.clone();
                next.dispatcher.expire(object);
                then(next);
            }
            if state.dispatcher.is_haunted(object) {
                let mut next = state.clone();
                next.dispatcher.exorcise(object);
                then(next);
            }
        }
    }

    /// The next steps of one call.
    fn advance(&self, id: Id, state: &State, mut then: impl FnMut(State)) {
        let call = &self.calls[id];
        let (who, phase) = (call.actor, state.phases[id]);
        if !matches!(call.op, Op::Die { .. }) && state.dispatcher.is_dead(who) {
            if matches!(phase, Phase::Enter(_) | Phase::Queued) {
                let mut next = state.clone();
                next.dispatcher.bury(id);
                self.finish(id, next, None, &mut then);
                for dispatcher in state.dispatcher.bury_parts(id) {
                    then(State { dispatcher, ..state.clone() });
                }
            }
            return;
        }
        let mut next = state.clone();
        let dispatcher = &mut next.dispatcher;
        let outcome = match &call.op {
            Op::Wait { .. } => return self.advance_wait(id, state, &mut then),
            Op::Change { object } => return self.advance_change(id, *object, state, &mut then),
            Op::Die { process } => {
                dispatcher.die(*process);
                Outcome::Done
            }
            Op::Buried if dispatcher.is_haunted_anywhere() => return,
            Op::Buried => Outcome::Done,
            Op::Close { .. } if call.outcome == Some(Outcome::Rested) => Outcome::Rested,
            Op::Close { object } => {
                dispatcher.objects[*object].closed = true;
                Outcome::Done
            }
            Op::Release { object }
            | Op::Post { object, .. }
            | Op::Set { object }
            | Op::Reset { object }
            | Op::Pulse { object }
            | Op::Look { object }
                if dispatcher.objects[*object].closed =>
            {
                Outcome::Closed
            }
            Op::Release { object } => {
                if dispatcher.release(*object, who) {
                    Outcome::Done
                } else {
                    Outcome::NotOwner
                }
            }
            Op::Post { object, n } => dispatcher.post(*object, who, *n).map_or(Outcome::TooMany, Outcome::Before),
            Op::Set { object } => {
                dispatcher.set(*object);
                Outcome::Done
            }
            Op::Reset { object } => {
                dispatcher.reset(*object);
                Outcome::Done
            }
            Op::Pulse { object } => {
                dispatcher.pulse(*object);
                Outcome::Done
            }
            Op::Look { object } => Outcome::Saw(dispatcher.objects[*object].seen()),
            Op::Arm { object, when } => {
                dispatcher.arm(*object, if *when == When::Now { None } else { Some(*when == When::Soon) });
                Outcome::Done
            }
            Op::Disarm { object } => {
                dispatcher.disarm(*object);
                Outcome::Done
            }
            Op::Start { object } => {
                dispatcher.arm(*object, Some(true));
                Outcome::Done
            }
            Op::Refresh { object } => {
                dispatcher.refresh(*object);
                Outcome::Done
            }
            Op::Stop { object } => {
                dispatcher.stop(*object);
                Outcome::Done
            }
            Op::Send { object, message, alert, until } => match dispatcher.send(*object, *message, *alert) {
                true => Outcome::Done,
                false if *until == Until::Never => return,
                false => Outcome::TimedOut,
            },
            Op::Receive { object, until } => match dispatcher.receive(*object) {
                Some((message, alert)) => Outcome::Received { message, alert },
                None if *until == Until::Never => return,
                None => Outcome::TimedOut,
            },
            Op::Read { object } => match dispatcher.read(*object) {
                Ok(version) => Outcome::Version(version),
                Err(true) => return, // the writer goes on
                Err(false) => Outcome::Torn,
            },
        };
        self.finish(id, next, Some(outcome), &mut then);
    }

    /// The call is over, if that is what it answered.
    fn finish(&self, id: Id, mut next: State, outcome: Option<Outcome>, then: &mut impl FnMut(State)) {
        let recorded = self.calls[id].outcome;
        if recorded.is_none() || recorded == outcome {
            next.phases[id] = Phase::Done;
            next.done |= 1 << id;
            then(next);
        }
    }

    fn advance_change(&self, id: Id, object: usize, state: &State, then: &mut impl FnMut(State)) {
        let mut next = state.clone();
        let dispatcher = &mut next.dispatcher;
        next.phases[id] = match state.phases[id] {
            Phase::Ready if !dispatcher.begin_change(object, self.calls[id].actor) => {
                return self.finish(id, next, Some(Outcome::NotOwner), then);
            }
            Phase::Ready => Phase::Writer,
            Phase::Writer => Phase::Tears(dispatcher.tear(object)),
            Phase::Tears(torn) => {
                dispatcher.publish(object);
                Phase::Published(torn)
            }
            Phase::Published(torn) => {
                dispatcher.end_change(object);
                return self.finish(id, next, Some(Outcome::Changed { torn }), then);
            }
            _ => return,
        };
        then(next);
    }

    fn advance_wait(&self, id: Id, state: &State, then: &mut impl FnMut(State)) {
        let call = &self.calls[id];
        let Op::Wait { objects, all, until } = &call.op else { return };
        let mut next = state.clone();
        let dispatcher = &mut next.dispatcher;
        match state.phases[id] {
            Phase::Ready | Phase::Look(_) if dispatcher.objects[objects[0]].closed => self.finish(id, next, Some(Outcome::Closed), then),
            Phase::Ready if *all => {
                dispatcher.begin(id, call.actor, objects, true);
                dispatcher.enter_all(id);
                next.phases[id] = Phase::Queued;
                self.settle(id, next, then);
            }
            phase @ (Phase::Ready | Phase::Look(_)) => {
                let place = if let Phase::Look(place) = phase { place } else { 0 };
                if let Some(abandoned) = dispatcher.take(objects[place], call.actor) {
                    return self.finish(id, next, Some(Outcome::Got { place, abandoned }), then);
                }
                if place + 1 < objects.len() {
                    next.phases[id] = Phase::Look(place + 1);
                } else if *until == Until::Now {
                    return self.finish(id, next, Some(Outcome::TimedOut), then);
                } else {
                    dispatcher.begin(id, call.actor, objects, false);
                    next.phases[id] = Phase::Enter(0);
                }
                then(next);
            }
            Phase::Enter(place) => {
                self.time_out(id, state, then);
                dispatcher.enter(id, objects[place]);
                next.phases[id] = if place + 1 < objects.len() { Phase::Enter(place + 1) } else { Phase::Queued };
                self.settle(id, next, then);
            }
            Phase::Queued => {
                self.time_out(id, state, then);
                if dispatcher.ended(id).is_some() {
                    self.settle(id, next, then);
                }
            }
            _ => {}
        }
    }

    /// A wait that was satisfied returns, unless its thread dies first.
    fn settle(&self, id: Id, mut next: State, then: &mut impl FnMut(State)) {
        let Some(end) = next.dispatcher.ended(id) else { return then(next) };
        if self.calls[id].outcome.is_none() {
            let mut granted = next.clone();
            granted.phases[id] = Phase::Queued;
            then(granted);
        }
        next.dispatcher.forget(id);
        let outcome = match end {
            End::One { place, abandoned, .. } => Outcome::Got { place, abandoned },
            End::All { abandoned } => Outcome::GotAll { abandoned },
        };
        self.finish(id, next, Some(outcome), then);
    }

    fn time_out(&self, id: Id, state: &State, then: &mut impl FnMut(State)) {
        let Op::Wait { until, .. } = self.calls[id].op else { return };
        if until != Until::Never && state.dispatcher.ended(id).is_none() {
            let mut next = state.clone();
            next.dispatcher.forget(id);
            self.finish(id, next, Some(Outcome::TimedOut), then);
        }
    }
}

/// A history for people.
pub fn tell(calls: &[Call]) -> String {
    let mut told = String::new();
    for (id, call) in calls.iter().enumerate() {
        let after: Vec<Id> = (0..calls.len()).filter(|before| call.after >> before & 1 != 0).collect();
        told += &format!("  {id:2}: actor {} {:?} -> {:?}, after {after:?}\n", call.actor, call.op, call.outcome);
    }
    told
}
