//! The kinds of objects, and what a new one of each is made from.

use super::queue::QueueEnd;
use super::watchdog;
use crate::arena::refs::OwnerRef;
use crate::dispatch::word::{Family, Machine, State};
use crate::error::{Error, Result};
use crate::index::Blueprint;
use crate::kinds;
use crate::kinds::queue::Plan;
use crate::machines;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Owned by one at a time.
    Mutex,
    /// Set or not.
    Event,
    /// A number of permits.
    Semaphore,
    /// Signalled when its time comes.
    Timer,
    /// Acts when it is not refreshed in time.
    Watchdog,
    /// Messages, in order.
    Queue,
    /// Any process: signalled when it has ended.
    Process,
    /// A set of processes.
    Job,
    /// Shared memory; it cannot be waited for.
    Mapping,
}

impl Kind {
    pub(super) fn of(machine: Machine) -> Kind {
        match machine.family() {
            Family::Mutex => Kind::Mutex,
            Family::Event => Kind::Event,
            Family::Semaphore => Kind::Semaphore,
            Family::Timer => Kind::Timer,
            Family::Watchdog => Kind::Watchdog,
            Family::Queue => Kind::Queue,
            Family::Process => Kind::Process,
            Family::Job => Kind::Job,
            Family::Mapping => Kind::Mapping,
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Kind::Mutex => "a mutex",
            Kind::Event => "an event",
            Kind::Semaphore => "a semaphore",
            Kind::Timer => "a timer",
            Kind::Watchdog => "a watchdog",
            Kind::Queue => "a queue",
            Kind::Process => "a process",
            Kind::Job => "a job",
            Kind::Mapping => "a mapping",
        }
    }
}

/// How an event becomes unset.
///
/// # Examples
/// ```
/// use byname::{Event, Reset};
///
/// let (gate, turn) = (Event::unnamed(Reset::Manual)?, Event::unnamed(Reset::Auto)?);
/// for event in [&gate, &turn] {
///     event.set()?;
///     event.wait()?;
/// }
/// assert_eq!((gate.is_set()?, turn.is_set()?), (true, false));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// By `reset` alone; a set event releases everyone.
    Manual,
    /// By the one wait that it satisfies.
    Auto,
}

/// What to make. Ignored where the object exists, but checked first (contract 0.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spec {
    /// A mutex; `initially_owned` makes the creator its owner, if it is new.
    Mutex {
        /// Whether a new one begins owned.
        initially_owned: bool,
    },
    /// An event.
    Event {
        /// Manual or auto.
        reset: Reset,
        /// Whether a new one begins set.
        initially_set: bool,
    },
    /// A semaphore: 0 ≤ `initial` ≤ `maximum`, 1 ≤ `maximum` ≤ 2³¹ − 1; anything else is InvalidArgument.
    Semaphore {
        /// Permits of a new one.
        initial: i64,
        /// The most it can have.
        maximum: i64,
        /// Whether permits of a dead process come back.
        robust: bool,
    },
    /// A job, without processes and limits.
    Job {
        /// Whether its processes are killed when the last handle to it is closed.
        kill_on_close: bool,
    },
    /// A timer, which is not set.
    Timer {
        /// Manual or auto.
        reset: Reset,
    },
    /// A message queue, and which end of it the handle is.
    Queue {
        /// The handle's end.
        end: QueueEnd,
        /// How many messages it holds: 1 to 2²⁶, or 0 for no limit.
        max_messages: u32,
        /// The largest message: 1 byte to 64 MiB. That of an existing queue must be the same.
        max_size: u32,
        /// Whether ends may come and go.
        allow_broken: bool,
        /// Whether memory is reserved only when it is written; without a limit it is.
        no_precommit: bool,
    },
    /// A watchdog, which is stopped: 1 ≤ `period`, 0 ≤ `grace`, both no longer than a timer's period, `action` one of 0, 1, 2; anything else is InvalidArgument.
    Watchdog {
        /// In which it must be refreshed, in nanoseconds.
        period: i64,
        /// How long after that the action waits, in nanoseconds.
        grace: i64,
        /// What is done then: the number of an [`Action`], as CE has it.
        action: u32,
        /// The number for the hook.
        parameter: u32,
    },
}

impl Spec {
    pub(super) fn kind(self) -> Kind {
        match self {
            Spec::Mutex { .. } => Kind::Mutex,
            Spec::Event { .. } => Kind::Event,
            Spec::Semaphore { .. } => Kind::Semaphore,
            Spec::Job { .. } => Kind::Job,
            Spec::Timer { .. } => Kind::Timer,
            Spec::Queue { .. } => Kind::Queue,
            Spec::Watchdog { .. } => Kind::Watchdog,
        }
    }

    pub(super) fn is_owned(self) -> bool {
        self == Spec::Mutex { initially_owned: true }
    }

    pub(super) fn check(self) -> Result<()> {
        if let Spec::Queue { max_messages, max_size, allow_broken, no_precommit, .. } = self {
            return Plan::new(no_precommit, allow_broken, max_messages, max_size).map(|_| ());
        }
        if let Spec::Watchdog { period, grace, action, .. } = self {
            return watchdog::check(period, grace, action);
        }
        let Spec::Semaphore { initial, maximum, .. } = self else { return Ok(()) };
        if maximum < 1 || maximum > i64::from(i32::MAX) {
            return Err(Error::invalid_argument(format!("maximum {maximum} is out of range; a semaphore has 1 to {} permits", i32::MAX)));
        }
        if initial < 0 || initial > maximum {
            return Err(Error::invalid_argument(format!("initial {initial} is out of range; it must be 0 to the maximum, {maximum}")));
        }
        Ok(())
    }

    pub(super) fn blueprint(self, owner: Option<OwnerRef>) -> Blueprint {
        let (machine, state, maximum) = match self {
            Spec::Mutex { .. } => (Machine::Mutex, State::mutex(owner, false), 0),
            Spec::Event { reset: Reset::Manual, initially_set } => (Machine::ManualEvent, State::event(initially_set), 0),
            Spec::Event { reset: Reset::Auto, initially_set } => (Machine::AutoEvent, State::event(initially_set), 0),
            Spec::Semaphore { initial, maximum, robust } => {
                (if robust { Machine::RobustSemaphore } else { Machine::Semaphore }, State::semaphore(initial as u32), maximum as u32)
            }
            Spec::Job { .. } => (Machine::Job, State::event(false), 0),
            Spec::Timer { reset: Reset::Manual } => (Machine::ManualTimer, State::event(false), 0),
            Spec::Timer { reset: Reset::Auto } => (Machine::AutoTimer, State::event(false), 0),
            Spec::Queue { .. } => (Machine::QueueReader, Plan::state(), 0),
            Spec::Watchdog { .. } => (Machine::Watchdog, State::event(false), 0),
        };
        let annex = match self {
            Spec::Job { kill_on_close } => Some(kinds::job::fresh(kill_on_close)),
            Spec::Timer { .. } => Some(machines::timer::FRESH),
            Spec::Watchdog { period, grace, action, parameter } => Some(watchdog::fresh(period, grace, action, parameter)),
            _ => None,
        };
        Blueprint { machine, state, maximum, owned: owner.is_some(), annex }
    }
}
