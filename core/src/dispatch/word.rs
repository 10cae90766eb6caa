//! The 64-bit word of an object: the whole state of its dispatcher machine.
//!
//! ```text
//!  63        52 51          36 35     34      33   32 31                               0
//! | locker gen |    locker    | - | POKED | ALL |  Q |  state of the kind              |    locked
//! | object gen |      0       | - | POKED | ALL |  Q |  state of the kind              |    unlocked
//!
//! mutex      abandoned(31) | owner generation(30..16) | owner(15..0), 0 = free
//! event      epoch(23..8) | pulse(1) | signalled(0)
//! semaphore  died(31) | count(30..0)
//! timer      epoch(23..8) | signalled(0)
//! watchdog, process, job     signalled(0)
//! queue      broken(2) | writable(1) | readable(0)
//! mapping    nothing: it is never waited for
//! ```
//!
//! *Who may write.* An unlocked word: anyone, by compare-and-swap. A locked word: its locker alone, by plain stores; or, when
//! the locker is dead, whoever swaps the locker for himself.
//!
//! *Whose word.* An unlocked word carries the low 12 bits of the generation of its object. A record may become another object
//! under a caller whose handle somebody closes; then his swap fails, unless he slept through 4096 objects of this one record.
//!
//! *Hints.* `Q`: the queue may hold nodes (a lie costs a slow path). `ALL`: it may hold nodes of wait-alls (likewise).
//! `POKED` (mutex): a sleeper was woken to try for the free mutex and has not given up; a release need wake nobody. That one
//! must not lie while nobody is awake, nor while a watch is in the queue: the woken one clears it under the lock before it sleeps again, and whoever finds it
//! dead grants afresh.
//!
//! Everything here is a pure function of values: no clock, no system call, no memory.

use crate::arena::refs::OwnerRef;

/// What an object is, as far as its machine cares; stored in the object record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Machine {
    Mutex,
    ManualEvent,
    AutoEvent,
    Semaphore,
    RobustSemaphore,
    ManualTimer,
    AutoTimer,
    Watchdog,
    /// A message queue; as a wait sees it, its reading end.
    QueueReader,
    /// The writing end of a message queue; no record is of this machine, only handles and places in its queue are.
    QueueWriter,
    Process,
    Job,
    Mapping,
    /// A call that is blocked for a message: of places in a queue only, which are granted no more than there are messages (`kinds/queue.rs`).
    Receiver,
    /// And one that is blocked for room.
    Sender,
}

/// Machines of which people think as one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Mutex,
    Event,
    Semaphore,
    Timer,
    Watchdog,
    Queue,
    Process,
    Job,
    Mapping,
}

impl Machine {
    /// Every machine, by its number less one.
    const ALL: [Machine; 15] = [
        Machine::Mutex,
        Machine::ManualEvent,
        Machine::AutoEvent,
        Machine::Semaphore,
        Machine::RobustSemaphore,
        Machine::ManualTimer,
        Machine::AutoTimer,
        Machine::Watchdog,
        Machine::QueueReader,
        Machine::QueueWriter,
        Machine::Process,
        Machine::Job,
        Machine::Mapping,
        Machine::Receiver,
        Machine::Sender,
    ];

    /// The stored number; 0 is not an object.
    #[inline]
    pub(crate) fn code(self) -> u32 {
        self as u32 + 1
    }

    #[inline]
    pub(crate) fn from_code(code: u32) -> Option<Machine> {
        Machine::ALL.get(code.wrapping_sub(1) as usize).copied()
    }

    /// What an object's record may say.
    #[inline]
    pub(crate) fn of_object(code: u32) -> Option<Machine> {
        Machine::from_code(code).filter(|machine| !matches!(machine, Machine::QueueWriter | Machine::Receiver | Machine::Sender))
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Machine::Mutex => Family::Mutex,
            Machine::ManualEvent | Machine::AutoEvent => Family::Event,
            Machine::Semaphore | Machine::RobustSemaphore => Family::Semaphore,
            Machine::ManualTimer | Machine::AutoTimer => Family::Timer,
            Machine::Watchdog => Family::Watchdog,
            Machine::QueueReader | Machine::QueueWriter | Machine::Receiver | Machine::Sender => Family::Queue,
            Machine::Process => Family::Process,
            Machine::Job => Family::Job,
            Machine::Mapping => Family::Mapping,
        }
    }

    /// Whether it is signalled by the clock, so that whoever looks has to look at that first (`kinds::tick`).
    #[inline]
    pub(crate) fn is_timed(self) -> bool {
        matches!(self, Machine::ManualTimer | Machine::AutoTimer | Machine::Watchdog)
    }

    /// What people call it.
    pub(crate) fn noun(self) -> &'static str {
        match self.family() {
            Family::Mutex => "mutex",
            Family::Event => "event",
            Family::Semaphore => "semaphore",
            Family::Timer => "timer",
            Family::Watchdog => "watchdog",
            Family::Queue => "queue",
            Family::Process => "process",
            Family::Job => "job",
            Family::Mapping => "mapping",
        }
    }
}

const Q: u64 = 1 << 32;
const ALL: u64 = 1 << 33;
const POKED: u64 = 1 << 34;
const LOCKER_SHIFT: u32 = 36;
const LOCKER: u64 = 0xffff << LOCKER_SHIFT;
const LOCKER_GEN_SHIFT: u32 = 52;
const LOCKER_GEN_BITS: u32 = 0xfff;

/// How much of an object's generation its unlocked word carries.
pub(crate) const OBJECT_GEN_BITS: u32 = 0xfff;

const OWNER_GEN_BITS: u32 = 0x7fff;
const ABANDONED: u32 = 1 << 31;
const SIGNALLED: u32 = 1;
const PULSE: u32 = 2;
const EPOCH_SHIFT: u32 = 8;
const EPOCH: u32 = 0xffff << EPOCH_SHIFT;
const READABLE: u32 = 1;
const WRITABLE: u32 = 2;
const BROKEN: u32 = 4;
const DIED: u32 = 1 << 31;
const COUNT: u32 = !DIED;

/// A value of an object's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

/// The op that a locked word names; its generation is cut to 12 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locker {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Locker {
    #[inline]
    pub(crate) fn is(self, op: OwnerRef) -> bool {
        self.index == op.index && self.generation == op.generation & LOCKER_GEN_BITS
    }
}

impl Word {
    /// A fresh, unlocked word.
    #[inline]
    pub(crate) fn new(state: State) -> Word {
        Word(u64::from(state.0))
    }

    #[inline]
    pub(crate) fn state(self) -> State {
        State(self.0 as u32)
    }

    #[inline]
    pub(crate) fn with_state(self, state: State) -> Word {
        Word(self.0 & !0xffff_ffff | u64::from(state.0))
    }

    #[inline]
    pub(crate) fn is_locked(self) -> bool {
        self.0 & LOCKER != 0
    }

    /// The unlocked word of the object at `generation`.
    #[inline]
    pub(crate) fn of(self, generation: u32) -> Word {
        Word(self.0 | u64::from(generation & OBJECT_GEN_BITS) << LOCKER_GEN_SHIFT)
    }

    /// Whether the word is unlocked and that of the object at `generation`.
    #[inline(always)]
    pub(crate) fn is_open(self, generation: u32) -> bool {
        self.0 >> LOCKER_SHIFT == u64::from(generation & OBJECT_GEN_BITS) << (LOCKER_GEN_SHIFT - LOCKER_SHIFT)
    }

    #[inline]
    pub(crate) fn locker(self) -> Option<Locker> {
        self.is_locked()
            .then_some(Locker { index: (self.0 >> LOCKER_SHIFT) as u32 & 0xffff, generation: (self.0 >> LOCKER_GEN_SHIFT) as u32 })
    }

    #[inline]
    pub(crate) fn locked_by(self, op: OwnerRef) -> Word {
        let lock = u64::from(op.index) << LOCKER_SHIFT | u64::from(op.generation & LOCKER_GEN_BITS) << LOCKER_GEN_SHIFT;
        Word(self.0 & (Q | ALL | POKED | 0xffff_ffff) | lock)
    }

    #[inline]
    pub(crate) fn unlocked(self, queued: bool, alls: bool, poked: bool) -> Word {
        let hints = if queued { Q } else { 0 } | if alls { ALL } else { 0 } | if poked { POKED } else { 0 };
        Word(u64::from(self.state().0) | hints)
    }

    #[inline]
    pub(crate) fn queued(self) -> bool {
        self.0 & Q != 0
    }

    #[inline]
    pub(crate) fn alls(self) -> bool {
        self.0 & ALL != 0
    }

    #[inline]
    pub(crate) fn poked(self) -> bool {
        self.0 & POKED != 0
    }

    /// Whether a release may be a single compare-and-swap: unlocked, and nobody asleep needs to be told.
    #[inline]
    pub(crate) fn needs_no_wake(self) -> bool {
        self.0 & (LOCKER | Q) == 0 || self.0 & (LOCKER | ALL | POKED) == POKED
    }
}

/// The state half, whose meaning depends on the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(pub(crate) u32);

/// What a wait found when it took an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) state: State,
    /// The mutex was abandoned, or a permit of the dead came back.
    pub(crate) abandoned: bool,
}

impl State {
    #[inline]
    pub(crate) fn mutex(owner: Option<OwnerRef>, abandoned: bool) -> State {
        let who = owner.map_or(0, |o| o.index | (o.generation & OWNER_GEN_BITS) << 16);
        State(who | if abandoned { ABANDONED } else { 0 })
    }

    #[inline]
    pub(crate) fn event(signalled: bool) -> State {
        State(u32::from(signalled))
    }

    #[inline]
    pub(crate) fn semaphore(count: u32) -> State {
        State(count & COUNT)
    }

    #[inline]
    pub(crate) fn queue(readable: bool, writable: bool, broken: bool) -> State {
        State(if readable { READABLE } else { 0 } | if writable { WRITABLE } else { 0 } | if broken { BROKEN } else { 0 })
    }

    /// Whether a queue has lost its readers or writers for good.
    #[inline]
    pub(crate) fn is_broken_queue(self) -> bool {
        self.0 & BROKEN != 0
    }

    /// The index of the mutex's owner record, if it is owned.
    #[inline]
    pub(crate) fn owner_index(self) -> Option<u32> {
        (self.0 & 0xffff != 0).then_some(self.0 & 0xffff)
    }

    /// Whether `who` owns the mutex.
    #[inline]
    pub(crate) fn owned_by(self, who: OwnerRef) -> bool {
        self.0 & !ABANDONED == who.index | (who.generation & OWNER_GEN_BITS) << 16
    }

    /// Whether the owner field carries this generation.
    #[inline]
    pub(crate) fn owner_generation_is(self, generation: u32) -> bool {
        self.0 >> 16 & OWNER_GEN_BITS == generation & OWNER_GEN_BITS
    }

    #[inline]
    pub(crate) fn is_abandoned(self) -> bool {
        self.0 & ABANDONED != 0
    }

    #[inline]
    pub(crate) fn is_signalled_event(self) -> bool {
        self.0 & SIGNALLED != 0
    }

    #[inline]
    pub(crate) fn epoch(self) -> u32 {
        (self.0 & EPOCH) >> EPOCH_SHIFT
    }

    #[inline]
    pub(crate) fn count(self) -> u32 {
        self.0 & COUNT
    }

    /// Whether a wait of `who` is satisfied now; recursion of a mutex is the caller's case (it needs no change of the word).
    #[inline]
    pub(crate) fn signalled(self, machine: Machine) -> bool {
        match machine {
            Machine::Mutex => self.0 & 0xffff == 0,
            Machine::ManualEvent | Machine::AutoEvent => self.0 & SIGNALLED != 0,
            Machine::Semaphore | Machine::RobustSemaphore => self.0 & COUNT != 0,
            Machine::ManualTimer | Machine::AutoTimer | Machine::Watchdog | Machine::Process | Machine::Job => self.0 & SIGNALLED != 0,
            Machine::QueueReader | Machine::Receiver => self.0 & (READABLE | BROKEN) != 0,
            Machine::QueueWriter | Machine::Sender => self.0 & (WRITABLE | BROKEN) != 0,
            Machine::Mapping => false,
        }
    }

    /// Whether it is signalled, and not by a pulse.
    #[inline]
    pub(crate) fn stays_signalled(self, machine: Machine) -> bool {
        self.signalled(machine) && !(matches!(machine, Machine::ManualEvent | Machine::AutoEvent) && self.is_pulsed())
    }

    /// The state after a satisfied wait of `who`; `None` if it is not satisfied.
    #[inline]
    pub(crate) fn take(self, machine: Machine, who: OwnerRef) -> Option<Taken> {
        if !self.signalled(machine) {
            return None;
        }
        Some(match machine {
            Machine::Mutex => Taken { state: State::mutex(Some(who), false), abandoned: self.is_abandoned() },
            Machine::ManualEvent | Machine::ManualTimer | Machine::Watchdog | Machine::Process | Machine::Job => {
                Taken { state: self, abandoned: false }
            }
            Machine::QueueReader | Machine::QueueWriter | Machine::Receiver | Machine::Sender | Machine::Mapping => {
                Taken { state: self, abandoned: false }
            }
            Machine::AutoEvent | Machine::AutoTimer => Taken { state: State(self.0 & !SIGNALLED), abandoned: false },
            Machine::Semaphore | Machine::RobustSemaphore => Taken { state: State((self.0 & COUNT) - 1), abandoned: self.0 & DIED != 0 },
        })
    }

    #[inline]
    pub(crate) fn set(self) -> State {
        State(self.0 | SIGNALLED)
    }

    /// Signalled for exactly those who wait now: whoever unlocks the word ends the pulse.
    #[inline]
    pub(crate) fn pulsed(self) -> State {
        State(self.0 | SIGNALLED | PULSE)
    }

    #[inline]
    pub(crate) fn is_pulsed(self) -> bool {
        self.0 & PULSE != 0
    }

    /// Not signalled, one epoch on: a grant given back afterwards does not set it again.
    #[inline]
    pub(crate) fn reset(self) -> State {
        let epoch = (self.epoch() + 1) << EPOCH_SHIFT & EPOCH;
        State(epoch)
    }

    /// `n` permits more; `None` beyond the maximum.
    #[inline]
    pub(crate) fn post(self, n: u32, maximum: u32) -> Option<State> {
        let count = self.count().checked_add(n).filter(|&c| c <= maximum)?;
        Some(State(self.0 & DIED | count))
    }

    /// `n` permits of the dead come back, never beyond the maximum; the next acquirer is told.
    #[inline]
    pub(crate) fn post_of_dead(self, n: u32, maximum: u32) -> State {
        State(DIED | self.count().saturating_add(n).min(maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: OwnerRef = OwnerRef { index: 7, generation: 0x1_2345 };
    const YOU: OwnerRef = OwnerRef { index: 7, generation: 0x1_2346 };

    #[test]
    fn fields_do_not_touch_each_other() {
        let word = Word(u64::MAX).unlocked(false, false, false);
        assert_eq!(word.0, 0xffff_ffff);
        let locked = word.locked_by(ME);
        assert!(locked.is_locked() && locked.locker().unwrap().is(ME) && !locked.locker().unwrap().is(YOU));
        assert_eq!(locked.state(), word.state());
        assert_eq!(locked.with_state(State(5)).locker(), locked.locker());
        let full = word.unlocked(true, true, true).locked_by(ME);
        assert!(full.queued() && full.alls() && full.poked());
        assert_eq!(full.unlocked(false, false, false), word);
    }

    #[test]
    fn each_machine_takes_as_the_contract_says() {
        let rows = [
            (Machine::Mutex, State::mutex(None, false), Some((State::mutex(Some(ME), false), false))),
            (Machine::Mutex, State::mutex(None, true), Some((State::mutex(Some(ME), false), true))),
            (Machine::Mutex, State::mutex(Some(YOU), false), None),
            (Machine::ManualEvent, State::event(true), Some((State::event(true), false))),
            (Machine::AutoEvent, State::event(true), Some((State::event(false), false))),
            (Machine::AutoEvent, State::event(false), None),
            (Machine::Semaphore, State::semaphore(2), Some((State::semaphore(1), false))),
            (Machine::Semaphore, State::semaphore(0), None),
            (Machine::RobustSemaphore, State::semaphore(0).post_of_dead(1, 3), Some((State::semaphore(0), true))),
        ];
        for (machine, before, expected) in rows {
            assert_eq!(before.take(machine, ME).map(|t| (t.state, t.abandoned)), expected, "{machine:?} {before:?}");
        }
    }

    #[test]
    fn a_semaphore_never_passes_its_maximum() {
        let top = i32::MAX as u32;
        assert_eq!(State::semaphore(2).post(1, 3), Some(State::semaphore(3)));
        assert_eq!(State::semaphore(2).post(2, 3), None);
        assert_eq!(State::semaphore(top).post(1, top), None);
        assert_eq!(State::semaphore(1).post(u32::MAX, top), None);
        assert_eq!(State::semaphore(2).post_of_dead(9, 3).count(), 3);
    }

    #[test]
    fn a_reset_ends_signal_and_pulse_and_moves_the_epoch_round() {
        let mut state = State::event(true).pulsed();
        for _ in 0..0x1_0000 {
            let next = state.reset();
            assert!(!next.is_signalled_event() && !next.is_pulsed() && next.epoch() != state.epoch());
            state = next.set();
        }
        assert_eq!(state.epoch(), 0);
    }
}
