//! What the compiler promises about the typed API: who may leave a thread, and who may be waited for.

use byname::{
    AcquireFuture, ByGrant, ByThread, Event, EventFuture, EventOptions, Guard, LockFuture, Mutex, MutexGrant, MutexGuard, MutexOptions,
    Namespace, Permit, Semaphore, SemaphoreOptions, Timeout, Wait, WaitFuture, Waitable, Won,
};
use std::time::Duration;

const fn goes_anywhere<T: Send + Sync + 'static>() {}
const fn is_shared<T: Sync>() {}
const fn polls_anywhere<T: Send + Sync + Unpin + 'static>() {}

const _: () = {
    goes_anywhere::<Mutex>();
    goes_anywhere::<Event>();
    goes_anywhere::<Semaphore>();
    goes_anywhere::<Namespace>();
    goes_anywhere::<MutexOptions>();
    goes_anywhere::<EventOptions>();
    goes_anywhere::<SemaphoreOptions>();
    goes_anywhere::<MutexGrant>();
    goes_anywhere::<Permit>();
    goes_anywhere::<Guard>();
    goes_anywhere::<Won<ByGrant>>();
    goes_anywhere::<Wait<ByGrant>>();
    goes_anywhere::<Box<dyn Waitable>>();
    is_shared::<MutexGuard<'_>>();
    is_shared::<Won<ByThread>>();
    polls_anywhere::<LockFuture>();
    polls_anywhere::<EventFuture>();
    polls_anywhere::<AcquireFuture>();
    polls_anywhere::<WaitFuture>();
};

/// `AnySend::of::<T>()` is ambiguous, and does not compile, where `T` is `Send`.
trait AnySend<Which> {
    fn of() {}
}
impl<T: ?Sized> AnySend<()> for T {}
impl<T: ?Sized + Send> AnySend<u8> for T {}

#[test]
fn what_a_thread_owns_stays_on_its_thread() {
    <MutexGuard<'_> as AnySend<_>>::of();
    <Won<ByThread> as AnySend<_>>::of();
    <Wait as AnySend<_>>::of();
}

#[test]
fn a_guard_is_thin() {
    assert!(size_of::<MutexGuard<'_>>() <= 32, "a reference, a fence and a flag: {}", size_of::<MutexGuard<'_>>());
    assert_eq!(size_of::<Option<MutexGuard<'_>>>(), size_of::<MutexGuard<'_>>(), "None costs nothing");
}

#[test]
fn durations_are_timeouts() {
    assert_eq!(Timeout::from(None), Timeout::INFINITE);
    assert_eq!(Timeout::from(Some(Duration::ZERO)), Timeout::ZERO);
    assert_eq!(Timeout::from(Duration::MAX), Timeout::INFINITE);
}
