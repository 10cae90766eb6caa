//! Bugs that are planted on purpose, in test builds and under `cfg(planted)` only: whoever checks must object to each of them, or proves nothing.
//!
//! Five are the classes of mistake that lock-free code is made of: [`UnlockRelaxed`](Planted::UnlockRelaxed) (an ordering too weak),
//! [`DropWake`](Planted::DropWake) (a wake that is forgotten), [`EnterWithoutServing`](Planted::EnterWithoutServing) (a look that is not repeated),
//! [`AllLockLast`](Planted::AllLockLast) (locks in the wrong order) and [`SkipIntent`](Planted::SkipIntent) (a change that is not announced). The models in
//! `model/` object to all five. The second and the third are planted in the library's own steps as well, where the reference model
//! (`tests/reference`) has to find them, and three that break the contract of timers, watchdogs and queues; the first shows on no x86 machine, the last only by a death between two stores, and the fourth costs
//! time there but blocks nobody.
//!
//! Those at the end are what the tests of the surroundings, and the soak, are for. They run against the library as programs have it, so it is built with
//! `--cfg planted` for them (`make planted`). Nothing of this is compiled into what ships.

/// A step that is left out, or done wrongly, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(loom), allow(dead_code, reason = "most are planted in the models only"))]
pub(crate) enum Planted {
    /// The store that unlocks an object is Relaxed: the next locker need not see what was done under the lock.
    UnlockRelaxed,
    /// Whoever grants does not wake.
    DropWake,
    /// Whoever releases a mutex that is waited for wakes nobody.
    DropMutexWake,
    /// A waiter enters a queue without handing out what is signalled.
    EnterWithoutServing,
    /// The lock of the wait-alls is taken while an object lock is held.
    AllLockLast,
    /// A grant changes state and claim without an intent.
    SkipIntent,
    /// A signal changes a locked word.
    SignalThroughLock,
    /// A recoverer believes that every intent happened.
    TrustIntent,
    /// A recoverer believes that no intent happened.
    DropIntent,
    /// Nobody wakes those whom the dead granted.
    NoLastWake,
    /// A reaper does not look at the claim again under the lock.
    ReturnUnseen,
    /// A poked waiter sleeps again without telling, under the lock, that it does.
    SleepPoked,
    /// A waiter that times out leaves the object as it is.
    LeaveUnserved,
    /// One looks at the other's word without a fence after the store to the own one.
    NoFence,
    /// An object ends without a look at the version of its life.
    EndUnversioned,
    /// A name is put into a bucket whose word was read after the search.
    InsertUnseen,
    /// A pulse looks whether anybody waits, and then changes the event as if that still held.
    PulseUnseen,
    /// A mutex is left poked without a word to those who watch it.
    PokeUntold,
    /// The next writer after a dead one makes the version even before its own change.
    BeginEven,
    /// An expiry has no step at which it has happened.
    ExpireUnannounced,
    /// Whoever takes over a timer finishes no setting.
    MendUnset,
    /// A set wakes nobody who waits for the time that was.
    SetUntold,
    /// A keeper acts on what it saw before it had the lock.
    ActUnseen,
    /// Who starts a watchdog takes the time before he has the lock.
    StartEarly,
    /// A refresh may put the deadline back.
    RefreshBackwards,
    /// A refresh starts a watchdog that is stopped.
    RefreshStarts,
    /// An expiry leaves the due time as it is.
    ExpireAgain,
    /// An alert is read after the messages.
    AlertLast,
    /// The message is there before its length is.
    CommitEarly,
    /// Whoever takes over a dead one's lock leaves what follows from the annex as it is.
    MendNothing,
    /// Whoever gives up a wait for a message tells nobody else.
    LeaveMessage,
    /// What a dead process's thread owned is handed on while the thread may still be inside a system call.
    HandOnEarly,
    /// Nobody is told that the last owner died.
    Untold,
    /// The child of a fork goes on as the thread that forked.
    ForkOwns,
    /// The child of a fork gets no place in the namespace.
    ForkAlone,
    /// The namespace's descriptor stays open in programs that are started.
    Inherit,
    /// The namespace is that of the user who came first.
    OldUser,
    /// A file that may not be opened again counts as lost.
    LostWithoutRight,
    /// One message in sixty-four is received, and stays.
    ReceiveTwice,
    /// One message in sixty-four is sent, and its slot is free.
    LoseMessage,
}

/// The bugs of the library's own steps.
#[cfg(not(loom))]
const IN_THE_LIBRARY: [Planted; 15] = [
    Planted::DropWake,
    Planted::DropMutexWake,
    Planted::EnterWithoutServing,
    Planted::RefreshStarts,
    Planted::ExpireAgain,
    Planted::AlertLast,
    Planted::HandOnEarly,
    Planted::Untold,
    Planted::ForkOwns,
    Planted::ForkAlone,
    Planted::Inherit,
    Planted::OldUser,
    Planted::LostWithoutRight,
    Planted::ReceiveTwice,
    Planted::LoseMessage,
];

/// The bug that is planted in this process's library: a name in the environment of a test.
#[cfg(not(loom))]
fn in_this_process() -> Option<Planted> {
    static PLANTED: std::sync::OnceLock<Option<Planted>> = std::sync::OnceLock::new();
    *PLANTED.get_or_init(|| {
        let name = std::env::var("BYNAME_PLANTED").ok()?;
        Some(IN_THE_LIBRARY.into_iter().find(|bug| format!("{bug:?}") == name).expect("a bug of the library's own"))
    })
}

#[cfg(all(test, not(loom)))]
pub(crate) fn any() -> bool {
    in_this_process().is_some()
}

#[cfg(not(loom))]
pub(crate) fn has(bug: Planted) -> bool {
    in_this_process() == Some(bug)
}

/// In the models a bug is an argument; for those steps that are the library's own it is planted first.
#[cfg(loom)]
pub(crate) fn has(bug: Planted) -> bool {
    PLANTED.get() == Some(bug)
}

#[cfg(loom)]
pub(crate) fn plant(bug: Option<Planted>) {
    PLANTED.set(bug);
}

// Of the exploring thread: loom runs all threads of a model on it.
#[cfg(loom)]
std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
}
