//! Truncation of a namespace's file, and every other SIGBUS. Each test plays in a process of its own: most end by the signal, or change what it does.

mod api_support;

use api_support::watchdog;
use byname::{Error, ErrorKind, Event, Mutex, Namespace, QueueOptions, Reset, Semaphore, Timeout};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Barrier;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

const PLAY: &str = "BYNAME_TEST_SIGBUS";

/// Runs `body` in a process of its own, which has a directory of its own for namespaces; says how it ended.
fn played(body: impl FnOnce()) -> ExitStatus {
    let test = std::thread::current().name().expect("a test's thread has its name").to_owned();
    if std::env::var_os(PLAY).is_some() {
        let _watchdog = watchdog();
        limit(libc::RLIMIT_CORE, 0);
        handle(libc::SIG_DFL, 0, &[]); // Rust's own handler, which looks for an overflow of the stack, lets the first signal pass
        body();
        std::process::exit(0);
    }
    let dir = std::path::PathBuf::from(format!("/dev/shm/byname-test-{}-{test}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let mut play = Command::new(std::env::current_exe().unwrap());
    play.args([&test, "--exact", "--nocapture"]).env(PLAY, "1").env("BYNAME_DIR", &dir).env_remove("BYNAME_SESSION");
    let status = play.status().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    status
}

fn is_well(status: ExitStatus) {
    assert!(status.success(), "{status}");
}

fn dies_of_sigbus(status: ExitStatus) {
    assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
}

fn limit(resource: libc::__rlimit_resource_t, value: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: a valid limit.
    unsafe { libc::setrlimit(resource, &limit) };
}

fn truncate(len: u64) {
    std::fs::OpenOptions::new().write(true).open(Namespace::local().unwrap().path()).unwrap().set_len(len).unwrap();
}

/// Returns when the keeper sleeps: until its belt, it touches nothing then.
fn attach() -> Event {
    let event = Event::create("e", Reset::Auto).unwrap();
    let is_idle = |task: std::path::PathBuf| {
        let stat = std::fs::read_to_string(task.join("stat")).unwrap_or_default();
        stat.contains("(byname-keeper) S")
    };
    while !std::fs::read_dir("/proc/self/task").unwrap().any(|task| is_idle(task.unwrap().path())) {
        std::thread::yield_now();
    }
    event
}

fn is_lost<T>(result: Result<T, Error>) {
    assert_eq!(result.err().map(|error| error.kind()), Some(ErrorKind::NamespaceLost));
}

/// A handler in any form.
fn handle(handler: usize, flags: i32, mask: &[i32]) -> libc::sigaction {
    // SAFETY: the actions are filled in, the handlers functions of this file or what was there before.
    unsafe {
        let (mut new, mut old): (libc::sigaction, libc::sigaction) = (std::mem::zeroed(), std::mem::zeroed());
        new.sa_sigaction = handler;
        new.sa_flags = flags;
        mask.iter().for_each(|&signal| assert_eq!(libc::sigaddset(&mut new.sa_mask, signal), 0));
        assert_eq!(libc::sigaction(libc::SIGBUS, &new, &mut old), 0);
        old
    }
}

fn send() {
    // SAFETY: a signal to this process, and one to this thread; a value to the process.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGBUS);
    }
}

fn send_to_this_thread() {
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGBUS) };
}

fn send_with_a_value() {
    // SAFETY: as above.
    unsafe { libc::sigqueue(libc::getpid(), libc::SIGBUS, libc::sigval { sival_ptr: std::ptr::without_provenance_mut(1) }) };
}

/// Touches a page of the program's own whose file has been truncated.
fn fault() -> u8 {
    let path = Namespace::local().unwrap().path().with_extension("other");
    let file = std::fs::File::create_new(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    // SAFETY: a new mapping, of a file without a byte.
    unsafe {
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let p = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, fd, 0);
        assert_ne!(p, libc::MAP_FAILED);
        FAULTS_AT.store(p as usize, Ordering::SeqCst);
        p.cast::<u8>().read_volatile()
    }
}

static FAULTS_AT: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicI32 = AtomicI32::new(0);

extern "C" fn count(_: i32) {
    CALLS.fetch_add(1, Ordering::SeqCst);
}

// --- what is not ours

#[test]
fn a_signal_that_is_sent_kills_by_default() {
    dies_of_sigbus(played(|| {
        attach();
        send();
        std::thread::park(); // another thread may have taken it
    }));
}

#[test]
fn a_signal_that_is_raised_kills_by_default() {
    dies_of_sigbus(played(|| {
        attach();
        send_to_this_thread();
    }));
}

#[test]
fn a_signal_with_a_value_kills_by_default() {
    dies_of_sigbus(played(|| {
        attach();
        send_with_a_value();
        std::thread::park();
    }));
}

#[test]
fn a_fault_of_the_program_kills_by_default() {
    dies_of_sigbus(played(|| {
        attach();
        fault();
    }));
}

#[test]
fn what_is_sent_is_ignored_if_it_was_before_and_a_fault_is_not() {
    dies_of_sigbus(played(|| {
        handle(libc::SIG_IGN, 0, &[]);
        attach();
        send();
        send_to_this_thread();
        send_with_a_value();
        attach();
        fault();
    }));
}

#[test]
fn the_handler_before_gets_what_is_sent() {
    is_well(played(|| {
        handle(count as *const () as usize, 0, &[]);
        attach();
        send_to_this_thread();
        send_to_this_thread();
        assert_eq!(CALLS.load(Ordering::SeqCst), 2);
        truncate(0);
        is_lost(Event::create("e", Reset::Auto));
        assert_eq!(CALLS.load(Ordering::SeqCst), 2, "and nothing of ours");
    }));
}

#[test]
fn the_handler_before_gets_faults_as_the_kernel_tells_them() {
    extern "C" fn check(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: what the kernel gave; the thread's own mask.
        unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
            let is_blocked = |signal| libc::sigismember(&mask, signal) == 1;
            let is_right = signal == libc::SIGBUS
                && (*info).si_code == libc::BUS_ADRERR
                && (*info).si_addr() as usize == FAULTS_AT.load(Ordering::SeqCst)
                && !context.is_null()
                && is_blocked(libc::SIGUSR1)
                && is_blocked(libc::SIGBUS);
            libc::_exit(if is_right { 0 } else { 1 });
        }
    }
    is_well(played(|| {
        handle(check as *const () as usize, libc::SA_SIGINFO, &[libc::SIGUSR1]);
        attach();
        fault();
    }));
}

#[test]
fn a_handler_that_is_reset_is_called_once() {
    dies_of_sigbus(played(|| {
        handle(count as *const () as usize, libc::SA_RESETHAND, &[]);
        attach();
        send_to_this_thread();
        if CALLS.load(Ordering::SeqCst) == 1 {
            send_to_this_thread();
        }
    }));
}

// --- what is ours

fn everybody_is_told(len: u64, touches: bool) {
    let (event, mutex) = (attach(), Mutex::create("m").unwrap());
    let semaphore = Semaphore::create("s", 0, 1).unwrap();
    mutex.lock().unwrap().keep();
    let waiting = || byname::engine::usage(&Namespace::local().unwrap()).waiters;
    std::thread::scope(|scope| {
        scope.spawn(|| is_lost(event.wait()));
        scope.spawn(|| is_lost(semaphore.acquire()));
        scope.spawn(|| is_lost(mutex.lock()));
        scope.spawn(|| is_lost(byname::wait_any(&[&event as &dyn byname::Waitable, &semaphore], Timeout::INFINITE)));
        scope.spawn(|| is_lost(byname::wait_all(&[&event as &dyn byname::Waitable, &mutex], Timeout::INFINITE)));
        scope.spawn(|| is_lost(pollster::block_on(event.wait_async())));
        while waiting() < 6 {
            std::thread::yield_now();
        }
        truncate(len);
        if touches {
            let _ = event.set(); // a call that meets the truncation itself may yet succeed
            is_lost(event.set());
        }
    });
    is_lost(event.set());
}

#[test]
fn the_sleepers_of_a_lone_process_are_told_whoever_touches_the_file_first() {
    is_well(played(|| everybody_is_told(0, true)));
}

#[test]
fn the_sleepers_of_a_lone_process_are_told_by_its_keeper() {
    is_well(played(|| everybody_is_told(0, false)));
}

#[test]
fn the_sleepers_of_a_lone_process_are_told_if_the_header_is_left() {
    is_well(played(|| everybody_is_told(16 << 20, false)));
}

#[test]
fn a_file_that_is_truncated_while_it_is_attached_is_an_error() {
    is_well(played(|| {
        for session in 0..60 {
            let (session, start) = (format!("s{session}"), &Barrier::new(2));
            let path = &format!("{}.{session}", Namespace::local().unwrap().path().display());
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    start.wait();
                    while !std::fs::OpenOptions::new().write(true).open(path).is_ok_and(|file| file.set_len(0).is_ok()) {
                        std::hint::spin_loop();
                    }
                });
                start.wait();
                let attached = Namespace::session(&session).and_then(|n| Event::options().namespace(&n).create("e", Reset::Auto)?.wait());
                let kind = attached.unwrap_err().kind();
                assert!(matches!(kind, ErrorKind::NamespaceLost | ErrorKind::Corrupted), "{kind:?}");
            });
        }
    }));
}

/// The thread's record, in the file, is the neighbour of the program's mutex in the C library's list.
#[test]
fn the_program_may_lock_a_robust_mutex_when_the_file_is_truncated() {
    is_well(played(|| {
        let event = attach();
        let _ = event.wait_for(std::time::Duration::ZERO);
        truncate(0);
        // SAFETY: a mutex that is initialised, locked and unlocked here; the attribute lives through the calls that use it.
        unsafe {
            let mut attr: libc::pthread_mutexattr_t = std::mem::zeroed();
            let mut mutex: libc::pthread_mutex_t = std::mem::zeroed();
            assert_eq!(libc::pthread_mutexattr_init(&mut attr), 0);
            assert_eq!(libc::pthread_mutexattr_setrobust(&mut attr, libc::PTHREAD_MUTEX_ROBUST), 0);
            assert_eq!(libc::pthread_mutex_init(&mut mutex, &attr), 0);
            assert_eq!(libc::pthread_mutex_lock(&mut mutex), 0);
            is_lost(event.set());
            assert_eq!(libc::pthread_mutex_unlock(&mut mutex), 0);
        }
    }));
}

/// A process that locks all its memory and may not lock as much as the whole region.
#[test]
fn where_the_kernel_refuses_so_many_pages_they_come_one_by_one() {
    is_well(played(|| {
        let event = attach();
        let file = std::fs::OpenOptions::new().write(true).open(Namespace::local().unwrap().path()).unwrap();
        limit(libc::RLIMIT_MEMLOCK, 8 << 20);
        // SAFETY: gives rights up (root may lock all it wants), then says what becomes of later mappings.
        unsafe {
            if libc::geteuid() == 0 {
                assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
            }
            assert_eq!(libc::mlockall(libc::MCL_FUTURE), 0);
        }
        file.set_len(0).unwrap();
        let _ = event.set();
        is_lost(event.set());
    }));
}

// --- handlers after ours

fn lost_after(handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void)) {
    lost_under_threads(handler, 1);
}

/// So many threads meet the truncation.
fn lost_under_threads(handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void), threads: usize) {
    let event = attach();
    let ours = handle(handler as *const () as usize, libc::SA_SIGINFO | libc::SA_NODEFER, &[]);
    OURS.set(Ours(ours)).ok().expect("once");
    truncate(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _ = event.set();
                is_lost(event.set());
            });
        }
    });
    assert!(CALLS.load(Ordering::SeqCst) > 0);
}

struct Ours(libc::sigaction);
// SAFETY: plain data; the addresses in it are those of functions.
unsafe impl Send for Ours {}
// SAFETY: as above.
unsafe impl Sync for Ours {}
static OURS: std::sync::OnceLock<Ours> = std::sync::OnceLock::new();

#[test]
fn a_handler_after_ours_may_call_ours() {
    extern "C" fn calls(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        count(signal);
        type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: ours is an SA_SIGINFO handler.
        let ours = unsafe { std::mem::transmute::<usize, Handler>(OURS.get().unwrap().0.sa_sigaction) };
        ours(signal, info, context);
    }
    is_well(played(|| lost_after(calls)));
}

#[test]
fn a_handler_after_ours_may_put_ours_back() {
    extern "C" fn puts_back(signal: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        count(signal);
        // SAFETY: an action that was there.
        unsafe { libc::sigaction(signal, &OURS.get().unwrap().0, std::ptr::null_mut()) };
    }
    is_well(played(|| lost_after(puts_back)));
}

/// It returns to the fault, again and again: until the keeper makes the file long again.
#[test]
fn a_handler_after_ours_that_only_returns_is_called_until_the_keeper_comes() {
    extern "C" fn returns(signal: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        count(signal);
    }
    is_well(played(|| lost_after(returns)));
}

/// Puts ours back, waits until `others` have come as far, and raises the signal anew.
fn raise_anew(signal: i32, others: i32) {
    count(signal);
    while CALLS.load(Ordering::SeqCst) < others {
        std::thread::yield_now();
    }
    // SAFETY: an action that was there; a signal to this thread.
    unsafe {
        libc::sigaction(signal, &OURS.get().unwrap().0, std::ptr::null_mut());
        libc::raise(signal);
    }
}

#[test]
fn a_handler_after_ours_may_raise_the_signal_anew() {
    extern "C" fn raises(signal: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        raise_anew(signal, 1);
    }
    is_well(played(|| lost_after(raises)));
}

/// Whoever is second passes on what is mended already.
#[test]
fn two_threads_may_raise_the_signal_anew() {
    extern "C" fn raises(signal: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        raise_anew(signal, 2);
    }
    is_well(played(|| lost_under_threads(raises, 2)));
}

// --- left alone

#[test]
fn sigbus_left_alone_is_as_it_was_and_a_truncation_kills() {
    dies_of_sigbus(played(|| {
        byname::leave_sigbus_alone();
        let event = attach();
        let now = handle(libc::SIG_DFL, 0, &[]);
        assert_eq!(now.sa_sigaction, libc::SIG_DFL);
        truncate(0);
        let _ = event.set();
    }));
}

#[test]
fn a_namespace_that_is_guarded_stays_so() {
    is_well(played(|| {
        let event = attach();
        byname::leave_sigbus_alone();
        truncate(0);
        let _ = event.set();
        is_lost(event.set());
    }));
}

// --- the memory of one object

/// The file of a queue that somebody shortens under its ends: each says so, nobody dies or hangs, and everything else goes on.
fn shortens_a_queue(len: u64) {
    let event = attach();
    let queue = QueueOptions::new(4, 100_000).create("to be shortened").unwrap();
    let growing = QueueOptions::new(0, 100_000).create("to be shortened, too").unwrap();
    let reader = QueueOptions::new(1, 8).allow_broken().create("nobody sends here").unwrap();
    let dir = std::env::var_os("BYNAME_DIR").unwrap();
    for queue in [&queue, &growing] {
        queue.send(&[1; 50_000]).unwrap();
        queue.send(&[2; 100]).unwrap();
    }
    let (mut room, mut more) = (queue.reserve(100_000).unwrap(), growing.reserve(100_000).unwrap());
    let (taken, taken_too) = (queue.take().unwrap(), growing.take().unwrap());
    let blocked = std::thread::spawn(move || reader.recv().map(drop));
    let (writer, writer_too) = (queue.writer().unwrap(), growing.writer().unwrap());
    for file in std::fs::read_dir(dir).unwrap().flatten().filter(|e| e.file_name().to_str().unwrap().contains(".memory.")) {
        std::fs::OpenOptions::new().write(true).open(file.path()).unwrap().set_len(len).unwrap();
    }
    room.fill(7);
    more.fill(7);
    assert!(taken.iter().chain(&taken_too[..]).all(|&byte| byte <= 1)); // zeros where nothing is
    for (queue, writer, room) in [(&queue, writer, room), (&growing, writer_too, more)] {
        is_lost(room.commit());
        is_lost(queue.send(&[3; 50_000]));
        is_lost(queue.send(b"short"));
        is_lost(queue.send_alert(b"alert"));
        is_lost(queue.reserve(8).map(drop));
        is_lost(queue.recv().map(drop));
        is_lost(queue.try_recv().map(drop));
        is_lost(queue.take().map(drop));
        is_lost(pollster::block_on(writer.send_async(b"x")));
    }
    is_lost(blocked.join().unwrap());
    event.set().unwrap();
    assert!(event.wait_for(Timeout::ZERO).unwrap().is_some(), "other objects are whole");
    drop((taken, taken_too));
    let _ = (queue.close(), growing.close());
    let again = QueueOptions::new(4, 8).create("to be shortened").unwrap();
    assert!(again.created(), "and its name is free");
    again.send(b"again").unwrap();
    assert_eq!(&again.recv().unwrap()[..], b"again");
}

#[test]
fn a_queue_whose_file_is_empty_says_so() {
    is_well(played(|| shortens_a_queue(0)));
}

#[test]
fn a_queue_whose_file_has_no_messages_says_so() {
    is_well(played(|| shortens_a_queue(4096)));
}

/// The place of each message is there, and its bytes are not.
#[test]
fn a_message_whose_bytes_are_gone_is_none() {
    is_well(played(|| {
        attach();
        for first in [50_000, 100] {
            let queue = QueueOptions::new(4, 100 << 10).unnamed().unwrap();
            queue.send(&vec![1; first]).unwrap();
            let dir = std::env::var_os("BYNAME_DIR").unwrap();
            let is_memory = |e: &std::fs::DirEntry| e.file_name().to_str().unwrap().contains(".memory.");
            let path = std::fs::read_dir(dir).unwrap().flatten().find(is_memory).unwrap().path();
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() - 5 * (100 << 10)).unwrap();
            is_lost(queue.recv().map(drop));
            is_lost(queue.recv().map(drop));
        }
    }));
}
