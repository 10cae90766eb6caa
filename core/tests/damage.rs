//! Bytes of a living namespace that somebody has overwritten: an error, not a search without end.

mod api_support;

use api_support::{Count, poll_with, watchdog};
use byname::{Action, ErrorKind, Event, Job, Mutex, Namespace, QueueOptions, Reset, Semaphore, Timeout, Watchdog, WatchdogStage};
use rustix::event::epoll;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Barrier, mpsc};
use std::time::Duration;

/// Offsets in an object's record (docs/arena-format.md).
const NAME: u64 = 112;
const GENERATION_BIT: u8 = 1 << 3; // of the life word, which comes first

/// Where the record of the object with this name is.
fn record_of(file: &File, name: &str) -> u64 {
    let mut at = 0;
    loop {
        let seek = |from: i64, whence| {
            // SAFETY: moves only the position of a descriptor that is ours.
            unsafe { libc::lseek(file.as_raw_fd(), from, whence) }
        };
        let data = seek(at, libc::SEEK_DATA);
        assert!(data >= 0, "{name} is nowhere");
        let hole = seek(data, libc::SEEK_HOLE);
        let mut bytes = vec![0; (hole - data) as usize];
        file.read_exact_at(&mut bytes, data as u64).unwrap();
        if let Some(place) = bytes.windows(name.len()).position(|window| window == name.as_bytes()) {
            return data as u64 + place as u64 - NAME;
        }
        at = hole;
    }
}

#[test]
fn a_damaged_life_ends_the_search_for_the_name() {
    let namespace = Namespace::session(&format!("damage-{}", std::process::id())).unwrap();
    let events = Event::options().namespace(&namespace);
    let held = events.create("an event that comes to harm", Reset::Auto).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(namespace.path()).unwrap();
    let life = record_of(&file, "an event that comes to harm");
    let mut byte = [0];
    file.read_exact_at(&mut byte, life).unwrap();
    file.write_all_at(&[byte[0] ^ GENERATION_BIT], life).unwrap();
    let error = events.open("an event that comes to harm").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
    assert_eq!(events.create("an event that comes to harm", Reset::Auto).unwrap_err().kind(), ErrorKind::Corrupted);
    assert!(events.create("another", Reset::Auto).unwrap().created(), "the others go on");
    file.write_all_at(&byte, life).unwrap();
    assert!(!events.create("an event that comes to harm", Reset::Auto).unwrap().created(), "and so does this one when it is mended");
    held.set().unwrap();
}

/// Another process may take a record that we freed, and leave it to be ended by whoever comes next; here its bytes say so.
#[test]
fn a_freed_record_that_is_another_dying_object_is_ended_on_the_way() {
    const STAGE: u8 = 7;
    const DYING: u8 = 3;
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("freed-{}", std::process::id())).unwrap();
    let events = Event::options().namespace(&namespace);
    let first = events.create("the first to be freed", Reset::Auto).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(namespace.path()).unwrap();
    let life = record_of(&file, "the first to be freed");
    let others: Vec<_> = (0..64).map(|_| events.unnamed(Reset::Auto).unwrap()).collect();
    first.close().unwrap();
    drop(others);
    let mut byte = [0];
    file.read_exact_at(&mut byte, life).unwrap();
    file.write_all_at(&[byte[0] & !STAGE | DYING], life).unwrap();
    assert!(events.create("the next", Reset::Auto).unwrap().created());
}

/// Bits of a word (docs/arena-format.md): of a mutex, who owns it; of a locked object, who has the lock.
const WORD: u64 = 8;
const OWNER: u64 = 0xffff;

fn read(file: &File, at: u64) -> u64 {
    let mut word = [0; 8];
    file.read_exact_at(&mut word, at).unwrap();
    u64::from_ne_bytes(word)
}

/// A process that is stopped while it has objects locked is imitated by the bytes that it would leave there: the locker is a thread of
/// ours that lives and lets go only when the bytes are put back, after `meanwhile`.
fn while_locked<const N: usize>(namespace: &Namespace, names: [&str; N], meanwhile: impl FnOnce()) {
    let owned = Mutex::options().namespace(namespace).create("tells who locks").unwrap();
    let file = OpenOptions::new().read(true).write(true).open(namespace.path()).unwrap();
    let ready = Barrier::new(2);
    let (end, ended) = mpsc::channel::<()>();
    std::thread::scope(|s| {
        let _end = end; // a panic ends the locker, too
        s.spawn(|| {
            let _owns = owned.lock().unwrap();
            ready.wait();
            ended.into_iter().for_each(drop);
        });
        ready.wait();
        let owner = read(&file, record_of(&file, "tells who locks") + WORD);
        let locker = (owner & OWNER) << 36 | (owner >> 16 & 0xfff) << 52;
        let words = names.map(|name| record_of(&file, name) + WORD);
        let before = words.map(|at| read(&file, at));
        for (at, word) in words.into_iter().zip(before) {
            file.write_all_at(&(word & 0xffff_ffff | locker).to_ne_bytes(), at).unwrap();
        }
        meanwhile();
        for (at, word) in words.into_iter().zip(before) {
            file.write_all_at(&word.to_ne_bytes(), at).unwrap();
        }
    });
}

#[test]
fn a_try_that_meets_a_stopped_locker_is_no_end_for_who_waits_for_an_edge() {
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("stopped-edge-{}", std::process::id())).unwrap();
    let events = Event::options().namespace(&namespace);
    let event = events.create("an event that is locked", Reset::Auto).unwrap();
    let pollable = event.pollable().unwrap();
    let loop_ = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    epoll::add(&loop_, &pollable, epoll::EventData::new_u64(7), epoll::EventFlags::IN | epoll::EventFlags::ET).unwrap();
    let edge = || epoll::wait(&loop_, rustix::buffer::spare_capacity(&mut Vec::with_capacity(4)), None).unwrap();
    event.set().unwrap();
    edge();
    while_locked(&namespace, ["an event that is locked"], || {
        assert!(event.wait_for(Duration::ZERO).unwrap().is_none());
        edge();
        assert!(byname::wait_any(&[&event], Duration::ZERO).unwrap().is_timed_out());
    });
    edge();
    assert!(event.wait_for(Duration::ZERO).unwrap().is_some());
}

#[test]
fn a_test_of_several_objects_passes_over_the_one_that_a_stopped_locker_has() {
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("stopped-list-{}", std::process::id())).unwrap();
    let events = Event::options().namespace(&namespace).initially_set();
    let locked = events.create("the first of the list", Reset::Auto).unwrap();
    let free = events.create("the second of the list", Reset::Auto).unwrap();
    while_locked(&namespace, ["the first of the list"], || {
        assert!(byname::wait_any(&[&locked, &free], Duration::ZERO).unwrap().won().is_some());
    });
    assert!(locked.is_set().unwrap() && !free.is_set().unwrap());
}

#[test]
fn a_close_does_not_wait_for_a_stopped_locker_and_is_done_later() {
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("stopped-{}", std::process::id())).unwrap();
    let (mutexes, semaphores) = (Mutex::options().namespace(&namespace), Semaphore::options().namespace(&namespace).robust());
    let names: Vec<_> = (0..32).map(|i| format!("neighbour {i} of what is locked")).collect();
    let (mutex, semaphore) =
        (mutexes.create("a mutex that is locked").unwrap(), semaphores.create("a semaphore that is locked", 1, 1).unwrap());
    while_locked(&namespace, ["a mutex that is locked", "a semaphore that is locked"], || {
        mutex.close().unwrap();
        semaphore.close().unwrap();
        for name in &names {
            drop(mutexes.create(name).unwrap()); // of each sixteenth two
        }
        assert!(!mutexes.create("a mutex that is locked").unwrap().created(), "it has not been left yet");
    });
    let gone = |error: byname::Error| error.kind() == ErrorKind::NotFound;
    while !mutexes.open("a mutex that is locked").is_err_and(gone) || !semaphores.open("a semaphore that is locked").is_err_and(gone) {
        std::thread::yield_now(); // the keeper comes by itself; the watchdog ends the test if not
    }
}

#[test]
fn calls_on_a_queue_that_a_stopped_locker_has_keep_their_time_outs() {
    const LONG: usize = 100_000;
    const NAME: &str = "a queue that is locked";
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("stopped-queue-{}", std::process::id())).unwrap();
    let queue = QueueOptions::new(4, LONG as u32).namespace(&namespace).create(NAME).unwrap();
    let (reader, writer) = (queue.reader().unwrap(), queue.writer().unwrap());
    queue.send(b"taken").unwrap();
    queue.send(b"waits").unwrap();
    let (taken, room) = (queue.take().unwrap(), queue.reserve(LONG).unwrap());
    let (mut send, mut receive) = (Box::pin(writer.send_async(b"sent")), Box::pin(reader.recv_async()));
    let (mut reserve, mut take) = (Box::pin(writer.reserve_async(LONG)), Box::pin(reader.take_async()));
    let woken = Count::new();
    while_locked(&namespace, [NAME], || {
        let moment = Duration::from_millis(1);
        for message in [b"short".as_slice(), &[7; LONG]] {
            assert!(!writer.try_send(message).unwrap() && !writer.send_for(message, moment).unwrap());
        }
        assert!(reader.try_recv().unwrap().is_none() && reader.recv_for(moment).unwrap().is_none());
        assert!(writer.reserve_for(5, moment).unwrap().is_none() && reader.take_for(moment).unwrap().is_none());
        assert!(poll_with(&mut send, &woken).is_pending() && poll_with(&mut receive, &woken).is_pending());
        assert!(poll_with(&mut reserve, &woken).is_pending() && poll_with(&mut take, &woken).is_pending());
        drop((taken, room)); // the keeper gives the places back
        woken.await_calls(4); // each looks again
    });
    std::thread::scope(|s| {
        let received = s.spawn(|| pollster::block_on(receive).unwrap().to_vec());
        let took = s.spawn(|| pollster::block_on(take).unwrap().to_vec());
        s.spawn(|| drop(pollster::block_on(reserve).unwrap()));
        pollster::block_on(send).unwrap();
        let mut got = [received.join().unwrap(), took.join().unwrap()];
        got.sort();
        assert_eq!(got, [b"sent".to_vec(), b"waits".to_vec()], "nothing is lost");
    });
    (0..4).for_each(|_| writer.send(b"full").unwrap()); // when all places have come back
    assert!(!writer.try_send(b"one more").unwrap());
}

#[test]
fn a_call_without_a_time_out_on_a_queue_that_a_stopped_locker_has_can_be_interrupted_or_closed() {
    use byname::engine::{Access, Outcome, QueueEnd, Spec};
    const NAME: &str = "another queue that is locked";
    let _watchdog = watchdog();
    let namespace = Namespace::session(&format!("stopped-call-{}", std::process::id())).unwrap();
    let spec = Spec::Queue { end: QueueEnd::Read, max_messages: 4, max_size: 100, allow_broken: true, no_precommit: false };
    let handle = namespace.create(Some(NAME), spec, Access::ALL).unwrap();
    let reader = handle.by_ref();
    let mut message = Vec::new();
    while_locked(&namespace, [NAME], || {
        let mut asked = 0;
        let mut third_time = || {
            asked += 1;
            asked == 3
        };
        let ended = reader.receive_vec(&mut message, Timeout::INFINITE, Some(&mut third_time)).unwrap();
        assert!(matches!(ended, Outcome::Interrupted));
        std::thread::scope(|s| {
            let (begins, begun) = mpsc::channel();
            let blocked = s.spawn(move || {
                begins.send(()).unwrap();
                reader.receive_vec(&mut Vec::new(), Timeout::INFINITE, None).map(drop)
            });
            begun.recv().unwrap();
            drop(handle);
            assert_eq!(blocked.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
        });
    });
}

// Tables and fields (docs/arena-format.md).
const MARKS: u64 = 80; // processes, owners, waiters, nodes, objects, long names: 32 bits each
const WAITERS: u64 = 13 << 20;
const NODES: u64 = 17 << 20;
const OBJECTS: u64 = 81 << 20;
const HEAD: u64 = 40;
const KIND: u64 = 64;
const HASH: u64 = 80;
const CHAIN: u64 = 84;
const ACCOUNTS: u64 = 96;
const NEXT: u64 = 20; // of a node

fn read32(file: &File, at: u64) -> u32 {
    let mut word = [0; 4];
    file.read_exact_at(&mut word, at).unwrap();
    u32::from_ne_bytes(word)
}

fn write32(file: &File, at: u64, word: u32) {
    file.write_all_at(&word.to_ne_bytes(), at).unwrap();
}

fn arena(name: &str) -> (Namespace, File) {
    let namespace = Namespace::session(&format!("{name}-{}", std::process::id())).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(namespace.path()).unwrap();
    (namespace, file)
}

fn is_corrupted<T: std::fmt::Debug>(answer: byname::Result<T>) {
    assert_eq!(answer.as_ref().map_err(byname::Error::kind).err(), Some(ErrorKind::Corrupted), "{answer:?}");
}

#[test]
fn a_queue_that_is_a_ring_ends_also_where_there_are_a_million_nodes() {
    let _watchdog = watchdog();
    let (namespace, file) = arena("ring");
    let event = Event::options().namespace(&namespace).create("an event with a ring", Reset::Manual).unwrap();
    let _pollable = event.pollable().unwrap();
    let node = read32(&file, record_of(&file, "an event with a ring") + HEAD);
    let next = NODES + u64::from(node - 1) * 64 + NEXT;
    let marks = [(2, 65_536), (3, 1 << 20)].map(|(table, mark)| (MARKS + 4 * table, mark, read32(&file, MARKS + 4 * table)));
    write32(&file, next, node);
    marks.iter().for_each(|(at, mark, _)| write32(&file, *at, *mark));
    is_corrupted(event.set());
    write32(&file, next, 0);
    marks.iter().for_each(|(at, _, mark)| write32(&file, *at, *mark));
    event.set().unwrap();
}

#[test]
fn a_list_of_accounts_that_is_a_ring_is_told() {
    let _watchdog = watchdog();
    let (namespace, file) = arena("accounts");
    let semaphore = Semaphore::options().namespace(&namespace).robust().create("a robust one with a ring", 1, 1).unwrap();
    let account = read32(&file, record_of(&file, "a robust one with a ring") + ACCOUNTS);
    let next = NODES + u64::from(account - 1) * 64 + NEXT;
    write32(&file, next, account);
    is_corrupted(semaphore.try_acquire());
    write32(&file, next, 0);
    assert!(semaphore.try_acquire().unwrap().is_some());
}

#[test]
fn a_mark_that_cannot_be_is_told_and_does_no_harm() {
    let _watchdog = watchdog();
    let (namespace, file) = arena("marks");
    let events = Event::options().namespace(&namespace);
    let first = events.unnamed(Reset::Auto).unwrap();
    let at = MARKS + 4 * 4; // objects
    let mark = read32(&file, at);
    for wrong in [mark + 1, (1 << 20) + mark, u32::MAX] {
        write32(&file, at, wrong);
        let mut made = vec![];
        let error = loop {
            match events.unnamed(Reset::Auto) {
                Ok(event) => made.push(event),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
        assert!(made.len() < mark as usize);
        first.set().unwrap();
        write32(&file, at, mark);
    }
    let more: Vec<_> = (0..=mark).map(|_| events.unnamed(Reset::Auto).unwrap()).collect();
    assert_eq!(read32(&file, at), 2 * mark, "it grows as ever");
    drop(more);
}

#[test]
fn a_freed_record_that_cannot_be_ended_is_passed_over() {
    const STAGE: u8 = 7;
    const DYING: u8 = 3;
    let _watchdog = watchdog();
    let (namespace, file) = arena("passed-over");
    let events = Event::options().namespace(&namespace);
    let first = events.create("the first, which is freed", Reset::Auto).unwrap();
    let _other = events.create("with a ring for its chain", Reset::Auto).unwrap();
    let (freed, ring) = (record_of(&file, "the first, which is freed"), record_of(&file, "with a ring for its chain"));
    let others: Vec<_> = (0..64).map(|_| events.unnamed(Reset::Auto).unwrap()).collect();
    first.close().unwrap();
    drop(others);
    write32(&file, freed + HASH, read32(&file, ring + HASH));
    write32(&file, ring + CHAIN, ((ring - OBJECTS) / 256 + 1) as u32);
    let mut life = [0];
    file.read_exact_at(&mut life, freed).unwrap();
    file.write_all_at(&[life[0] & !STAGE | DYING], freed).unwrap();
    assert!(events.create("the next", Reset::Auto).unwrap().created());
    file.write_all_at(&life, freed).unwrap();
    write32(&file, ring + CHAIN, 0);
}

#[test]
fn a_wait_without_a_time_out_does_not_time_out() {
    const CANCELLED: u64 = 4;
    let _watchdog = watchdog();
    let (namespace, file) = arena("cancelled");
    let event = Event::options().namespace(&namespace).create("waited for", Reset::Auto).unwrap();
    let mut wait = event.wait_async();
    assert!(api_support::poll_once(&mut wait).is_pending());
    let node = read32(&file, record_of(&file, "waited for") + HEAD);
    let waiter = read(&file, NODES + u64::from(node - 1) * 64 + 8) as u32;
    let claim = WAITERS + u64::from(waiter - 1) * 64;
    file.write_all_at(&(read(&file, claim) & !7 | CANCELLED).to_ne_bytes(), claim).unwrap();
    match api_support::poll_once(&mut wait) {
        std::task::Poll::Ready(outcome) => is_corrupted(outcome),
        std::task::Poll::Pending => panic!("it is decided"),
    }
}

/// Child: makes objects in the session of `DAMAGE_SESSION`, says so, and waits for its death.
#[test]
#[ignore = "run as a child by other tests"]
fn child_makes() {
    let (session, names) = (std::env::var("DAMAGE_SESSION").unwrap(), std::env::var("DAMAGE_NAMES").unwrap());
    let namespace = Namespace::session(&session).unwrap();
    let _made: Vec<_> = names.split(',').map(|name| Event::options().namespace(&namespace).create(name, Reset::Auto).unwrap()).collect();
    println!("\nmade");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

/// A process that holds objects of these names.
fn holder(namespace: &Namespace, names: &str) -> std::process::Child {
    child_that("child_makes", namespace, names)
}

/// A process that does this.
fn child(what: &str, namespace: &Namespace, names: &str) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args([what, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("DAMAGE_SESSION", namespace.session_name().unwrap())
        .env("DAMAGE_NAMES", names)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// A process that has said "made".
fn child_that(what: &str, namespace: &Namespace, names: &str) -> std::process::Child {
    use std::io::BufRead;
    let mut child = child(what, namespace, names);
    let said = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.map_while(Result::ok).any(|line| line == "made"));
    child
}

/// The keeper meets the damaged record first, in the nearer of two dead processes.
#[test]
fn damage_in_what_one_dead_process_left_keeps_the_rest_from_nothing() {
    let _watchdog = watchdog();
    let (namespace, file) = arena("two-dead");
    let events = Event::options().namespace(&namespace);
    let _keeps = events.create("keeps the namespace", Reset::Auto).unwrap();
    let mut near = holder(&namespace, "to be damaged,beside the damaged one");
    let mut far = holder(&namespace, "of the other");
    let damaged = record_of(&file, "to be damaged");
    let kind = read32(&file, damaged + KIND);
    write32(&file, damaged + KIND, 99);
    for child in [&mut near, &mut far] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Looked at from outside: who opened them would bury their holders himself.
    let is_there = |name: &str| {
        let picture = byname::inspect::Inspection::at(namespace.path()).unwrap().look().unwrap();
        format!("{picture:?}").contains(name)
    };
    while is_there("of the other") || is_there("beside the damaged one") {
        std::thread::yield_now();
    }
    is_corrupted(events.open("to be damaged"));
    write32(&file, damaged + KIND, kind);
    while is_there("to be damaged") {
        std::thread::yield_now(); // the keeper tries again
    }
}

/// Child: one thread opens what a stopped process has locked, while another makes and closes objects that share private locks with it.
#[test]
#[ignore = "run as a child by other tests"]
fn child_opens_what_is_locked() {
    let namespace = Namespace::session(&std::env::var("DAMAGE_SESSION").unwrap()).unwrap();
    std::thread::scope(|s| {
        let opener = s.spawn(|| drop(Semaphore::options().namespace(&namespace).open(&std::env::var("DAMAGE_NAMES").unwrap()).unwrap()));
        for _ in 0..20_000 {
            // long enough for the opener to be in the middle of it
            drop(Event::options().namespace(&namespace).unnamed(Reset::Auto).unwrap());
        }
        println!("\nmade");
        opener.join().unwrap();
    });
    std::process::exit(0); // nobody reads what the test harness would say
}

#[test]
fn an_open_that_waits_for_a_stopped_locker_holds_nobody_up() {
    let _watchdog = watchdog();
    let (namespace, _) = arena("opening");
    let _robust = Semaphore::options().namespace(&namespace).robust().create("a robust one that is locked", 1, 1).unwrap();
    let mut child = None;
    while_locked(&namespace, ["a robust one that is locked"], || {
        child = Some(child_that("child_opens_what_is_locked", &namespace, "a robust one that is locked"));
    });
    assert!(child.unwrap().wait().unwrap().success());
}

/// Child: opens the job `DAMAGE_NAMES`, says what it is told, and what a terminate is told.
#[test]
#[ignore = "run as a child by other tests"]
fn child_opens_a_job() {
    let namespace = Namespace::session(&std::env::var("DAMAGE_SESSION").unwrap()).unwrap();
    let opened = Job::options().namespace(&namespace).open(&std::env::var("DAMAGE_NAMES").unwrap());
    println!("\nsaid {:?}", opened.and_then(|job| job.terminate(1)).map_err(|error| error.kind()));
}

/// What a job's file names is not its own: nobody is killed there, and nothing is written or removed.
#[test]
fn a_job_touches_no_directory_but_its_own() {
    let _watchdog = watchdog();
    let (namespace, arena) = arena("job");
    let job = match Job::options().namespace(&namespace).create("misled") {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        made => made.unwrap(),
    };
    let file = file_beside(&namespace);
    let whole = std::fs::read(&file).unwrap();
    let own = std::path::PathBuf::from(std::str::from_utf8(&whole).unwrap().lines().next().unwrap());
    let folder = namespace.path().with_file_name(format!("damage-job-{}", std::process::id()));
    let decoys = ["decoy", own.file_name().unwrap().to_str().unwrap()].map(|name| folder.join(name));
    let touched = ["cgroup.procs", "cgroup.kill", "cgroup.freeze"];
    for decoy in &decoys {
        std::fs::create_dir_all(decoy).unwrap();
        touched.iter().for_each(|name| std::fs::write(decoy.join(name), "untouched").unwrap());
    }
    let link = folder.join("link").join(own.file_name().unwrap());
    std::fs::create_dir(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(own.parent().unwrap(), &link).unwrap();
    let said = || {
        let mut child = child("child_opens_a_job", &namespace, "misled");
        let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
        child.wait().unwrap();
        said.lines().find_map(|line| line.strip_prefix("said ")).expect("an answer").to_owned()
    };
    let number = 387 * (1 << 20) + 16 + 128 * u64::from(read32(&arena, record_of(&arena, "misled") + 104) - 1);
    let (at, before) = (OpenOptions::new().write(true).open(&file).unwrap(), read(&arena, number));
    // It calls the directory its own by its number, too.
    let mislead = |path: &std::path::Path| {
        at.write_all_at(format!("{}\n\n\n\0", path.display()).as_bytes(), 0).unwrap();
        let is = std::fs::metadata(path).unwrap();
        arena.write_all_at(&std::os::unix::fs::MetadataExt::ino(&is).to_ne_bytes(), number).unwrap();
    };
    for (path, answer) in [
        (decoys[0].clone(), "Err(Corrupted)"),
        (own.join(".."), "Err(Corrupted)"),
        (decoys[1].clone(), "Err(Unsupported)"),
        (link, "Err(Unsupported)"),
    ] {
        mislead(&path);
        assert_eq!(said(), answer, "{}", path.display());
        let is_whole = |name: &&str| std::fs::read(decoys[0].join(name)).unwrap() == b"untouched";
        assert!(touched.iter().all(is_whole));
    }
    at.set_len(1 << 42).unwrap(); // nor is all of it read
    assert_eq!(said(), "Err(Unsupported)");
    at.set_len(4096).unwrap();
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).unwrap();
    mislead(&empty);
    job.close().unwrap();
    assert!(empty.is_dir() && own.is_dir(), "a job that ends removes its own directory, or none");
    arena.write_all_at(&before.to_ne_bytes(), number).unwrap();
    std::fs::remove_dir(&own).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A pipe in the place of a job's file is not read from: nobody writes to it.
#[test]
fn a_pipe_in_the_place_of_a_jobs_file_holds_nobody_up() {
    let _watchdog = watchdog();
    let (namespace, _) = arena("job-pipe");
    let job = match Job::options().namespace(&namespace).create("piped") {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        made => made.unwrap(),
    };
    let file = file_beside(&namespace);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let path = std::ffi::CString::new(file.to_str().unwrap()).unwrap();
    // SAFETY: a valid path.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let own = std::path::PathBuf::from(std::fs::read_to_string(&away).unwrap().lines().next().unwrap());
    job.close().unwrap();
    std::fs::remove_dir(own).unwrap();
    std::fs::remove_file(away).unwrap();
    let _ = std::fs::remove_file(file);
}

/// Child: opens the queue `DAMAGE_NAMES`, and says what it is told.
#[test]
#[ignore = "run as a child by other tests"]
fn child_opens_a_queue() {
    let namespace = Namespace::session(&std::env::var("DAMAGE_SESSION").unwrap()).unwrap();
    let opened = QueueOptions::new(4, 64).namespace(&namespace).open(&std::env::var("DAMAGE_NAMES").unwrap());
    println!("\nsaid {:?}", opened.map(drop).map_err(|error| error.kind()));
}

#[test]
fn a_file_beside_the_arena_that_is_gone_or_another_is_told() {
    let _watchdog = watchdog();
    let (namespace, _) = arena("beside");
    let queue = QueueOptions::new(4, 64).namespace(&namespace).create("its file").unwrap();
    let file = file_beside(&namespace);
    let away = file.with_extension("away");
    let said = || {
        let mut child = child("child_opens_a_queue", &namespace, "its file");
        let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
        child.wait().unwrap();
        said.lines().find_map(|line| line.strip_prefix("said ")).expect("an answer").to_owned()
    };
    assert_eq!(said(), "Ok(())");
    std::fs::rename(&file, &away).unwrap();
    assert_eq!(said(), "Err(NamespaceLost)");
    std::os::unix::fs::symlink(&away, &file).unwrap();
    assert_eq!(said(), "Err(Corrupted)", "a link");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(said(), "Err(Corrupted)", "a directory");
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, "short").unwrap();
    assert_eq!(said(), "Err(Corrupted)", "a file that others may read");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(said(), "Err(NamespaceLost)", "a short file");
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(said(), "Ok(())");
    queue.send(b"whole").unwrap();
    assert_eq!(&queue.recv().unwrap()[..], b"whole");
}

const PROCESSES: u64 = 3 << 20;

#[test]
fn a_watchdog_is_not_started_for_the_process_that_a_damaged_record_tells_of() {
    const PID: u64 = 400;
    let _watchdog = watchdog();
    let (namespace, file) = arena("dog");
    let dog = Watchdog::options().namespace(&namespace).unnamed(Duration::from_millis(1), Duration::ZERO, Action::Kill).unwrap();
    let pid = read32(&file, PROCESSES + PID);
    assert_eq!(pid, std::process::id());
    write32(&file, PROCESSES + PID, pid - 1);
    is_corrupted(dog.start());
    write32(&file, PROCESSES + PID, pid);
    assert_eq!(dog.state().unwrap().stage, WatchdogStage::Stopped);
}

/// Who finds it takes it out of its chain, to look again at what is left.
#[test]
fn a_broken_queue_that_leads_to_itself_is_told() {
    const BROKEN: u64 = 4;
    let _watchdog = watchdog();
    let (namespace, file) = arena("broken-ring");
    let queues = QueueOptions::new(1, 8).namespace(&namespace);
    let _queue = queues.create("broken, in a ring").unwrap();
    let record = record_of(&file, "broken, in a ring");
    let word = read(&file, record + WORD);
    write32(&file, record + CHAIN, ((record - OBJECTS) / 256 + 1) as u32);
    file.write_all_at(&(word | BROKEN).to_ne_bytes(), record + WORD).unwrap();
    is_corrupted(queues.open("broken, in a ring").map(drop));
    is_corrupted(queues.create("broken, in a ring").map(drop));
    file.write_all_at(&word.to_ne_bytes(), record + WORD).unwrap();
    write32(&file, record + CHAIN, 0);
    assert!(!queues.create("broken, in a ring").unwrap().created());
}

/// The file beside the arena, of the only object that has one.
fn file_beside(namespace: &Namespace) -> std::path::PathBuf {
    use std::os::unix::fs::MetadataExt;
    let arena = std::fs::metadata(namespace.path()).unwrap();
    let prefix = format!("byname.v1.memory.{}.{:x}.", arena.uid(), arena.ino());
    let entries = std::fs::read_dir(namespace.path().parent().unwrap()).unwrap().flatten();
    let mut found = entries.map(|entry| entry.path()).filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix));
    found.next().expect("a file beside the arena")
}

#[test]
fn a_signal_before_a_wait_with_a_time_out_does_not_wait_for_ever_for_a_stopped_locker() {
    const BUSY: u32 = 170;
    let _watchdog = watchdog();
    let (namespace, _) = arena("signal");
    let events = Event::options().namespace(&namespace);
    let (signal, other) = (events.create("to be signalled", Reset::Auto).unwrap(), events.unnamed(Reset::Auto).unwrap());
    while_locked(&namespace, ["to be signalled"], || {
        let error = byname::signal_and_wait(&signal, &other, Duration::from_millis(1)).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::System, BUSY), "{error}");
    });
    assert!(!signal.is_set().unwrap(), "nothing is signalled then");
    assert!(byname::signal_and_wait(&signal, &other, Duration::from_millis(1)).unwrap().is_timed_out());
    assert!(signal.is_set().unwrap(), "and the signal stays done when the wait times out");
}
