//! Threads that end without a word: the system call `exit` runs no destructor, so only the kernel tells.

use byname::{Mutex, Namespace};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(100);

fn mutex(name: &str) -> Mutex {
    let namespace = Namespace::session(&format!("thread-end-{}", std::process::id())).unwrap();
    Mutex::options().namespace(&namespace).create(name).unwrap()
}

/// Runs `body` on a thread of the C library's, whose address it is given.
fn on_a_raw_thread(body: extern "C" fn(*mut libc::c_void) -> *mut libc::c_void, name: &'static str) {
    let mut thread = 0;
    let argument = Box::into_raw(Box::new(name)).cast();
    // SAFETY: the function and its argument fit each other; the thread is joined below, before anything of it goes away.
    unsafe {
        assert_eq!(libc::pthread_create(&mut thread, std::ptr::null(), body, argument), 0);
        assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
    }
}

/// Locks the mutex of that name and ends by the bare system call.
extern "C" fn lock_and_vanish(name: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: `on_a_raw_thread` passed a boxed name.
    let name = unsafe { Box::from_raw(name.cast::<&'static str>()) };
    mutex(&name).lock().unwrap().keep();
    // SAFETY: ends this thread alone; nothing on its stack is needed by another.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}

/// Locks the mutex of that name and returns: the thread's destructors abandon it.
extern "C" fn lock_and_return(name: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: as above.
    let name = unsafe { Box::from_raw(name.cast::<&'static str>()) };
    mutex(&name).lock().unwrap().keep();
    std::ptr::null_mut()
}

#[test]
fn a_thread_that_vanished_has_abandoned_its_mutex() {
    let mutex = mutex("vanished");
    on_a_raw_thread(lock_and_vanish, "vanished");
    assert!(mutex.try_lock().unwrap().expect("a try finds out").abandoned());
    on_a_raw_thread(lock_and_vanish, "vanished");
    assert!(mutex.lock_for(LONG).unwrap().expect("a blocked wait finds out").abandoned());
}

#[test]
fn a_foreign_thread_that_returns_abandons_at_once() {
    let mutex = mutex("returned");
    on_a_raw_thread(lock_and_return, "returned");
    assert_eq!(mutex.owner().unwrap(), None);
    assert!(mutex.try_lock().unwrap().expect("free").abandoned());
}

#[test]
fn who_was_blocked_before_is_told_too() {
    let held = mutex("told");
    let (ready, go) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            held.lock().unwrap().keep();
            ready.wait();
            go.wait(); // ends owning it
        });
        ready.wait();
        let waiter = scope.spawn(|| held.lock_for(LONG).unwrap().expect("told").abandoned());
        go.wait();
        assert!(waiter.join().unwrap());
    });
}
