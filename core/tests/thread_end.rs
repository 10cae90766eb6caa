//! Threads that end without a word: the system call `exit` runs no destructor, so only the kernel tells. And threads whose owner
//! record has been damaged when they end: its links stand in the C library's list of robust mutexes.

use byname::{Access, ErrorKind, Event, Mapping, Mutex, Namespace, View};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Barrier};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(100);

fn mutex(name: &str) -> Mutex {
    let namespace = Namespace::session(&format!("thread-end-{}", std::process::id())).unwrap();
    Mutex::options().namespace(&namespace).create(name).unwrap()
}

/// Runs `body` on a thread of the C library's, to its end.
fn on_a_raw_thread(body: impl FnOnce() + Send + 'static) {
    type Body = Box<dyn FnOnce() + Send>;
    extern "C" fn run(body: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: what is boxed below.
        unsafe { Box::from_raw(body.cast::<Body>())() };
        std::ptr::null_mut()
    }
    let (mut thread, body): (_, Body) = (0, Box::new(body));
    // SAFETY: the function and its argument fit each other; the thread is joined before anything of it goes away.
    unsafe {
        assert_eq!(libc::pthread_create(&mut thread, std::ptr::null(), run, Box::into_raw(Box::new(body)).cast()), 0);
        assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
    }
}

/// Ends the calling thread by the bare system call.
fn vanish() {
    // SAFETY: ends this thread alone; nothing on its stack is needed by another.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Locks the mutex of that name and vanishes.
fn lock_and_vanish(name: &str) {
    mutex(name).lock().unwrap().keep();
    vanish();
}

/// Locks the mutex of that name and returns: the thread's destructors abandon it.
fn lock_and_return(name: &str) {
    mutex(name).lock().unwrap().keep();
}

#[test]
fn a_thread_that_vanished_has_abandoned_its_mutex() {
    let mutex = mutex("vanished");
    on_a_raw_thread(|| lock_and_vanish("vanished"));
    assert!(mutex.try_lock().unwrap().expect("a try finds out").abandoned());
    on_a_raw_thread(|| lock_and_vanish("vanished"));
    assert!(mutex.lock_for(LONG).unwrap().expect("a blocked wait finds out").abandoned());
}

#[test]
fn a_foreign_thread_that_returns_abandons_at_once() {
    let mutex = mutex("returned");
    on_a_raw_thread(|| lock_and_return("returned"));
    assert_eq!(mutex.owner().unwrap(), None);
    assert!(mutex.try_lock().unwrap().expect("free").abandoned());
}

#[test]
fn who_was_blocked_before_is_told_too() {
    let held = mutex("told");
    let (ready, go) = (Barrier::new(2), Barrier::new(2));
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

// --- in the middle of a change

/// A mapping as its readers have it: a view, and the bell.
fn board(name: &str) -> (Mapping, View, Event) {
    let namespace = Namespace::session(&format!("thread-end-{}", std::process::id())).unwrap();
    let board = Mapping::options().namespace(&namespace).create(name, 4096).unwrap();
    let (view, changed) = (board.view(.., Access::MAP_WRITE).unwrap(), board.changed().unwrap());
    (board, view, changed)
}

/// The thread that began a change is gone: readers are told, the next writer is told, and after him the bytes are whole.
fn half_made_then_whole(board: &Mapping, view: &View, version: u64) {
    assert_eq!(board.read_whole(view, 0, &mut [0; 8]).unwrap_err().kind(), ErrorKind::Disconnected);
    let change = board.change().unwrap();
    assert!(change.abandoned());
    change.publish().unwrap();
    assert_eq!(board.read_whole(view, 0, &mut [0; 8]).unwrap(), version);
    assert!(!board.change().unwrap().abandoned());
}

#[test]
fn a_thread_that_returns_in_the_middle_of_a_change_tells_at_once() {
    let (board, view, changed) = board("returns");
    on_a_raw_thread(|| std::mem::forget(self::board("returns").0.change().unwrap()));
    assert!(changed.wait_for(Duration::ZERO).unwrap().is_some(), "its destructors ring");
    half_made_then_whole(&board, &view, 1);
}

#[test]
fn a_thread_that_vanishes_in_the_middle_of_a_change_is_noticed() {
    let (board, view, changed) = board("vanishes");
    let vanish_in_a_change = || {
        std::mem::forget(self::board("vanishes").0.change().unwrap());
        vanish();
    };
    on_a_raw_thread(vanish_in_a_change);
    half_made_then_whole(&board, &view, 1); // a reader finds out
    on_a_raw_thread(vanish_in_a_change);
    assert!(board.change().unwrap().abandoned(), "a writer finds out");
    while changed.wait_for(Duration::ZERO).unwrap().is_some() {}
    on_a_raw_thread(vanish_in_a_change);
    assert!(changed.wait_for(LONG).unwrap().is_some(), "the keeper rings");
    half_made_then_whole(&board, &view, 4);
}

#[test]
fn who_reads_while_the_writer_vanishes_gets_on() {
    let (board, view, _) = board("read meanwhile");
    let begun = Arc::new(Barrier::new(2));
    let reader = std::thread::spawn({
        let begun = begun.clone();
        move || {
            begun.wait();
            board.read_whole(&view, 0, &mut [0; 8]).unwrap_err().kind()
        }
    });
    on_a_raw_thread(move || {
        std::mem::forget(self::board("read meanwhile").0.change().unwrap());
        begun.wait();
        vanish();
    });
    assert_eq!(reader.join().unwrap(), ErrorKind::Disconnected);
}

// --- damaged records

/// Where the owner records are, and what of them (docs/arena-format.md).
const OWNER_BLOCKS: u64 = 12_288;
const OWNERS: u64 = 0x50_0000;
const OWNER: usize = 128;
const THREAD: u8 = 1;
const TID: usize = 8;
const WORD_OFFSET: usize = 12;
const LOCK: std::ops::Range<usize> = 32..96;
const PER_BLOCK: usize = 16;

fn open(namespace: &Namespace) -> File {
    OpenOptions::new().read(true).write(true).open(namespace.path()).unwrap()
}

/// The owner record of the calling thread: where it is, and its bytes.
fn own_record(file: &File) -> (u64, [u8; OWNER]) {
    // SAFETY: asks for the thread's id.
    let tid = unsafe { libc::gettid() }.to_le_bytes();
    let places = (1..).map(|index| OWNERS + index * OWNER as u64);
    let records = places.map(|at| {
        let mut bytes = [0; OWNER];
        file.read_exact_at(&mut bytes, at).unwrap();
        (at, bytes)
    });
    records.take(1024).find(|(_, bytes)| bytes[0] == THREAD && bytes[TID..TID + 4] == tid).expect("the thread has a record")
}

/// Fills the C library's mutex in the calling thread's record with `value`, all but the futex word.
fn damage(namespace: &Namespace, value: usize) {
    let file = open(namespace);
    let (at, record) = own_record(&file);
    let word = LOCK.start + usize::from(record[WORD_OFFSET]);
    for place in LOCK.step_by(8).filter(|&place| place != word & !7) {
        file.write_all_at(&value.to_le_bytes(), at + place as u64).unwrap();
    }
}

/// Two pages: one of a pattern, then one that nobody may touch.
fn pages() -> *mut u8 {
    // SAFETY: new pages, which nothing else knows.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let at = libc::mmap(std::ptr::null_mut(), 8192, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(at, libc::MAP_FAILED);
        at.cast::<u8>().write_bytes(0xa5, 4096);
        assert_eq!(libc::mprotect(at.byte_add(4096), 4096, libc::PROT_NONE), 0);
        at.cast()
    }
}

/// A robust mutex of the program's own.
fn program_mutex() -> Box<libc::pthread_mutex_t> {
    // SAFETY: plain data, initialised by the calls.
    unsafe {
        let mut attr: libc::pthread_mutexattr_t = std::mem::zeroed();
        assert_eq!(libc::pthread_mutexattr_init(&mut attr), 0);
        assert_eq!(libc::pthread_mutexattr_setrobust(&mut attr, libc::PTHREAD_MUTEX_ROBUST), 0);
        let mut mutex: Box<libc::pthread_mutex_t> = Box::new(std::mem::zeroed());
        assert_eq!(libc::pthread_mutex_init(&mut *mutex, &attr), 0);
        mutex
    }
}

/// Locks the mutex of that name, with robust mutexes of the program's as neighbours in the thread's list, and ends.
#[cfg(target_env = "gnu")]
fn end_damaged(name: &str, pattern: usize, vanishes: bool) {
    let (mut before, mut after) = (program_mutex(), program_mutex());
    let held = mutex(name);
    let namespace = held.namespace().unwrap();
    // SAFETY: the mutexes are locked and unlocked by this thread, and outlive that.
    unsafe { assert_eq!(libc::pthread_mutex_lock(&mut *before), 0) };
    held.lock().unwrap().keep();
    // SAFETY: as above.
    unsafe { assert_eq!(libc::pthread_mutex_lock(&mut *after), 0) };
    damage(&namespace, pattern);
    // SAFETY: as above.
    unsafe {
        assert_eq!(libc::pthread_mutex_unlock(&mut *before), 0);
        assert_eq!(libc::pthread_mutex_unlock(&mut *after), 0);
    }
    damage(&namespace, pattern); // the C library has written its own there
    if vanishes {
        vanish();
    }
}

/// On glibc, all but the futex word may be anything when a thread ends. (musl follows the links itself.)
#[test]
#[cfg(target_env = "gnu")]
fn damage_beside_the_word_of_a_thread_harms_nobody_when_it_ends() {
    let pages = pages();
    let (in_a_page, guarded) = (pages as usize + 2048, pages as usize + 4096 + 2048);
    let patterns = [0, usize::MAX, 0xdead_beef_dead_beef, 0x10, in_a_page, in_a_page + 1, guarded];
    for (round, pattern) in patterns.into_iter().enumerate() {
        for vanishes in [false, true] {
            let name = format!("damaged-{round}-{vanishes}");
            let held = mutex(&name);
            on_a_raw_thread(move || end_damaged(&name, pattern, vanishes));
            assert!(held.lock_for(LONG).unwrap().expect("its owner has ended").abandoned(), "{pattern:#x}");
        }
    }
    // SAFETY: the first page is there, and nobody writes it.
    let page = unsafe { std::slice::from_raw_parts(pages, 4096) };
    assert!(page.iter().all(|&byte| byte == 0xa5), "bytes outside the arena have changed");
}

/// How many blocks of owner records are somebody's.
fn owner_blocks(namespace: &Namespace) -> usize {
    let mut words = [0; 4096];
    open(namespace).read_exact_at(&mut words, OWNER_BLOCKS).unwrap();
    words.chunks(8).filter(|word| **word != [0; 8]).count()
}

/// Zeros over the whole mutex: nobody will ever read there that the thread has ended.
fn erase_word(namespace: &Namespace) {
    let file = open(namespace);
    let (at, _) = own_record(&file);
    file.write_all_at(&[0; LOCK.end - LOCK.start], at + LOCK.start as u64).unwrap();
}

#[test]
fn threads_that_come_and_go_need_one_record_after_the_other() {
    let namespace = Namespace::session(&format!("thread-end-many-{}", std::process::id())).unwrap();
    let mutex = Mutex::options().namespace(&namespace).create("m").unwrap();
    let come_and_go = |damages: bool| {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                drop(mutex.lock().unwrap());
                if damages {
                    erase_word(&namespace);
                }
            });
            thread.join().unwrap(); // the end of the scope alone would not wait for the end of the thread
        });
    };
    (0..10_000).for_each(|_| come_and_go(false));
    assert_eq!(owner_blocks(&namespace), 1);
    (0..10 * PER_BLOCK).for_each(|_| come_and_go(true));
    assert!(owner_blocks(&namespace) <= 2, "what the kernel did not mark is used again as well");
}
