//! The eye into a namespace: what it says of a living one, and that it finds what was planted.

mod api_support;

use api_support::watchdog;
use byname::inspect::{Inspection, Kind, ProcessState, Violation};
use byname::{
    Access, Action, ErrorKind, Event, Job, JobLimits, Mapping, Mutex, Namespace, Process, Profile, Protect, QueueOptions, Reset, Semaphore,
    Timeout, Timer, Waitable, Watchdog, wait_all, wait_any,
};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

// Where tables are, how long their records, and fields in them (docs/arena-format.md).
const MIB: u64 = 1 << 20;
const HEADER: Table = Table { at: 0, size: 4096 };
const PROCESSES: Table = Table { at: 3 * MIB, size: 512 };
const OWNERS: Table = Table { at: 5 * MIB, size: 128 };
const WAITERS: Table = Table { at: 13 * MIB, size: 64 };
const NODES: Table = Table { at: 17 * MIB, size: 64 };
const OBJECTS: Table = Table { at: 81 * MIB, size: 256 };
const LONG_NAMES: Table = Table { at: 337 * MIB, size: 800 };
const ANNEXES: Table = Table { at: 387 * MIB, size: 128 };
const ROWS: Table = Table { at: 395 * MIB, size: 262_144 };
const OWNER_BLOCKS: Table = Table { at: 12_288, size: 8 };
const WAITER_BLOCKS: Table = Table { at: 45_056, size: 8 };
const BUCKETS: Table = Table { at: 208_896, size: 8 };

#[derive(Clone, Copy)]
struct Table {
    at: u64,
    size: u64,
}

fn session(name: &str) -> Namespace {
    Namespace::session(&format!("inspect-{name}-{}", std::process::id())).unwrap()
}

/// A copy of a namespace's file, which nobody uses: what is planted there stays as it is. Removed at the end.
struct Copy {
    path: PathBuf,
    file: File,
}

impl Copy {
    fn of(original: &Path) -> Copy {
        let path = PathBuf::from(format!("{}.copy", original.display()));
        let from = File::open(original).unwrap();
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).unwrap();
        file.set_len(from.metadata().unwrap().len()).unwrap();
        let seek = |at: u64, whence| {
            // SAFETY: moves only the position of a descriptor that is ours.
            u64::try_from(unsafe { libc::lseek(from.as_raw_fd(), at as i64, whence) })
        };
        let mut end = 0;
        while let Ok(data) = seek(end, libc::SEEK_DATA) {
            end = seek(data, libc::SEEK_HOLE).unwrap();
            let mut bytes = vec![0; (end - data) as usize];
            from.read_exact_at(&mut bytes, data).unwrap();
            file.write_all_at(&bytes, data).unwrap();
        }
        Copy { path, file }
    }

    fn read<const N: usize>(&self, table: Table, index: u64, field: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.file.read_exact_at(&mut bytes, table.at + index * table.size + field).unwrap();
        bytes
    }

    fn word(&self, table: Table, index: u64, field: u64) -> u64 {
        u64::from_ne_bytes(self.read(table, index, field))
    }

    fn half(&self, table: Table, index: u64, field: u64) -> u32 {
        u32::from_ne_bytes(self.read(table, index, field))
    }

    fn write(&self, table: Table, index: u64, field: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, table.at + index * table.size + field).unwrap();
    }

    fn inspect(&self) -> Inspection {
        Inspection::at(&self.path).unwrap()
    }

    /// What the check says with the word of that field changed, which is put back afterwards.
    fn with(&self, quiet: bool, table: Table, index: u64, field: u64, change: impl Fn(u64) -> u64) -> Vec<Violation> {
        let before = self.word(table, index, field);
        assert_ne!(change(before), before, "the plant changes nothing");
        self.write(table, index, field, &change(before).to_ne_bytes());
        let found = if quiet { self.inspect().check_quiet() } else { self.inspect().check() }.unwrap();
        self.write(table, index, field, &before.to_ne_bytes());
        found
    }

    fn object(&self, name: &str) -> u64 {
        (0..256).find(|&i| self.read::<32>(OBJECTS, i, 112).starts_with(name.as_bytes())).expect(name)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}

/// A namespace with something of everything, copied while all of it is there: an owned mutex and an event for which two threads wait, a robust
/// semaphore of which a permit is held, a watched event with a long name.
fn specimen(name: &str) -> Copy {
    let namespace = session(name);
    let mutex = Mutex::options().namespace(&namespace).create("mutex of the specimen").unwrap();
    let events = Event::options().namespace(&namespace);
    let event = events.create("event of the specimen", Reset::Manual).unwrap();
    let watched = events.create(&LONG.repeat(5), Reset::Manual).unwrap();
    let semaphore = Semaphore::options().namespace(&namespace).robust().create("semaphore of the specimen", 3, 3).unwrap();
    let _pollable = watched.pollable().unwrap();
    let _owned = mutex.lock().unwrap();
    let _permit = semaphore.acquire().unwrap();
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| drop(wait_any(&[&mutex, &event], Timeout::INFINITE).unwrap()));
        }
        let copy = loop {
            let copy = Copy::of(namespace.path());
            if waiting(&copy).len() == 2 && copy.inspect().check_quiet().unwrap().is_empty() {
                break copy;
            }
        };
        event.set().unwrap();
        copy
    })
}

/// The threads' waits that go on.
fn waiting(copy: &Copy) -> Vec<u64> {
    (0..64).filter(|&i| copy.word(WAITERS, i, 0) & 7 == 1 && copy.half(WAITERS, i, 28) == 0).collect()
}

const LONG: &str = "a name that is too long for its record ";

/// What is planted: into a word of a record; and a part of the rule that it breaks.
type Plant<'a> = (Table, u64, u64, &'a dyn Fn(u64) -> u64, &'a str);

fn each_is_found(copy: &Copy, quiet: bool, plants: &[Plant<'_>]) {
    for (i, (table, index, field, change, why)) in plants.iter().enumerate() {
        let found = copy.with(quiet, *table, *index, *field, change);
        assert!(found.iter().any(|violation| violation.why.contains(why)), "plant {i}, {why}: {found:#?}");
    }
    assert_eq!(copy.inspect().check_quiet().unwrap(), [], "all of it was put back");
}

const HIGH: u64 = 1 << 32;

#[test]
fn what_can_never_be_is_found_in_a_living_namespace() {
    let _watchdog = watchdog();
    let copy = specimen("living");
    let (mutex, event) = (copy.object("mutex of the specimen"), copy.object("event of the specimen"));
    let semaphore = copy.object("semaphore of the specimen");
    let waiter = waiting(&copy)[0];
    let queued = u64::from(copy.half(OBJECTS, mutex, 40)) - 1;
    let account = u64::from(copy.half(OBJECTS, semaphore, 96)) - 1;
    let bucket = u64::from(copy.half(OBJECTS, mutex, 80)) % 262_144;
    let owner = u64::from(copy.half(OBJECTS, mutex, 8) & 0xffff);
    let mutex_ref = copy.word(NODES, queued, 0);
    each_is_found(
        &copy,
        false,
        &[
            (HEADER, 0, 80, &|w| w + 1, "whole chunks"),
            (HEADER, 0, 112, &|_| 0xffff_ffff, "its holder is an owner record"),
            (PROCESSES, 0, 0, &|w| w | 8, "FREE, JOINING"),
            (PROCESSES, 0, 48, &|w| w ^ 1, "all seats of a living process"),
            (PROCESSES, 0, 160, &|_| 0xffff_ffff, "sleeps on a seat"),
            (PROCESSES, 0, 400, &|w| w + HIGH, "rows grow by whole chunks"),
            (PROCESSES, 0, 408, &|w| w + 1, "the kernel marks the seats"),
            (OWNER_BLOCKS, 0, 0, &|w| w + HIGH, "a block belongs to a process"),
            (OWNER_BLOCKS, 4000, 0, &|_| 1, "a block below the high-water mark"),
            (WAITER_BLOCKS, waiter / 16, 0, &|_| 0, "the waits of the dead are ended"),
            (OWNERS, 1, 0, &|w| w | 4, "FREE, THREAD"),
            (OWNERS, owner, 8, &|w| w & !0xffff_ffff, "a thread has an id"),
            (OWNERS, 0, 0, &|_| 1, "index 0 means nobody"),
            (WAITERS, waiter, 0, &|w| w & !0xff | 9 << 8 | 2, "a grant names a node of the wait"),
            (WAITERS, waiter, 0, &|w| w + HIGH, "a waiter is used again only"),
            (WAITERS, waiter, 24, &|w| w + 1, "a list of its own nodes"),
            (WAITERS, waiter, 24, &|w| w | 0x00ff_ffff, "an index is below"),
            (WAITERS, waiter, 24, &|w| w & !0xffff_ffff, "a wait has a node"),
            (WAITERS, waiter, 24, &|w| w | (8 * HIGH), "a thread's or asynchronous"),
            (NODES, queued, 0, &|_| 0, "linked in both directions"),
            (NODES, queued, 0, &|w| w | 0x00ff_ffff, "an index is below"),
            (NODES, u64::from(copy.half(OBJECTS, event, 40)) - 1, 0, &|_| mutex_ref, "a node is linked where it says"),
            (NODES, queued, 16, &|w| w + 1, "linked in both directions"),
            (NODES, queued, 16, &|w| w & 0xffff_ffff, "linked in both directions"),
            (NODES, queued, 24, &|_| 1 << 20, "in order of arrival"),
            (NODES, queued, 24, &|_| 1 << 20, "tickets are given out in order"),
            (NODES, queued, 40, &|w| w & 0xffff_ffff | (7 * HIGH), "a node waits, watches"),
            (NODES, account, 8, &|w| w + 1, "a record of its process"),
            (NODES, account, 48, &|_| 9, "nobody holds more"),
            (OBJECTS, mutex, 0, &|w| w | 7, "FREE, RESERVED"),
            (OBJECTS, mutex, 8, &|w| w ^ 1 << 52, "an unlocked word is of"),
            (OBJECTS, mutex, 8, &|w| w ^ HIGH, "whether there is a queue"),
            (OBJECTS, mutex, 8, &|w| w | 1 << 35, "the bits of its kind"),
            (OBJECTS, mutex, 8, &|w| w | 1 << 31, "the bits of its kind"),
            (OBJECTS, mutex, 8, &|w| w & !0xffff_ffff, "nobody who could be served"),
            (OBJECTS, mutex, 8, &|w| w | 0xffff << 36, "an index is below"),
            (OBJECTS, mutex, 8, &|w| w | 0xffff, "an index is below"),
            (OBJECTS, mutex, 32, &|_| 1, "an intent does not outlive"),
            (OBJECTS, mutex, 40, &|w| w | 0x00ff_ffff, "an index is below"),
            (OBJECTS, mutex, 40, &|w| w + HIGH, "linked in both directions"),
            (OBJECTS, mutex, 64, &|w| w & !0xffff_ffff | 99, "of a known kind"),
            (OBJECTS, mutex, 72, &|_| 1, "tickets are given out in order"),
            (OBJECTS, mutex, 80, &|w| w ^ 1, "the hash is that of the name"),
            (OBJECTS, mutex, 88, &|w| w | 0xffff, "at most 780 bytes"),
            (OBJECTS, mutex, 88, &|w| w + HIGH, "a name stands in its record"),
            (OBJECTS, mutex, 96, &|w| w + HIGH, "are counted"),
            (OBJECTS, mutex, 96, &|w| w + account + 1, "the accounts of a semaphore"),
            (OBJECTS, mutex, 112, &|w| w | 0xff, "a name is UTF-8"),
            (OBJECTS, event, 8, &|w| w | 1, "nobody who could be served"),
            (OBJECTS, event, 8, &|w| w | 1 << 34, "the bits of its kind"),
            (OBJECTS, semaphore, 8, &|w| w | 8, "at most its maximum"),
            (OBJECTS, semaphore, 64, &|w| w & 0xffff_ffff, "at most its maximum"),
            (LONG_NAMES, 0, 0, &|w| w + HIGH, "a long name belongs to one object"),
            (BUCKETS, bucket, 0, &|w| w & !0x1f_ffff | (event + 1), "a chain holds the objects of its bucket"),
            (BUCKETS, bucket, 0, &|w| w | 0x1f_ffff, "an index is below"),
            (BUCKETS, bucket, 0, &|w| w | 0xffff << 36, "an index is below"),
            (OBJECTS, mutex, 80, &|w| w | (mutex + 1) << 32, "a chain holds the objects of its bucket"),
        ],
    );
}

#[test]
fn what_does_not_balance_is_found_in_a_quiet_namespace() {
    let _watchdog = watchdog();
    let copy = specimen("quiet");
    let (mutex, semaphore) = (copy.object("mutex of the specimen"), copy.object("semaphore of the specimen"));
    let waiter = waiting(&copy)[0];
    let queued = u64::from(copy.half(OBJECTS, mutex, 40)) - 1;
    let bucket = u64::from(copy.half(OBJECTS, mutex, 80)) % 262_144;
    let owner = u64::from(copy.half(OBJECTS, mutex, 8) & 0xffff);
    each_is_found(
        &copy,
        true,
        &[
            (HEADER, 0, 112, &|_| HIGH | 2, "nobody is inside a call"),
            (PROCESSES, 0, 8, &|w| w | 1 << 30, "the dead are buried"),
            (PROCESSES, 0, 0, &|w| w & !0xff | 1, "nobody comes or goes"),
            (PROCESSES, 0, 0, &|w| w + HIGH, "nobody comes or goes"),
            (PROCESSES, 5, 32, &|_| HIGH, "a free slot is at one generation"),
            (PROCESSES, 5, 0, &|_| 2, "a free slot is at one generation"),
            (ROWS, 0, 0, &|w| w | 1 << 31, "what is held lives"),
            (ROWS, 0, 0, &|w| w & !(1 << mutex), "an object ends with its last holder"),
            (ROWS, 0, 0, &|w| w & !(1 << mutex), "who waits for an object holds it"),
            (ROWS, 0, 0, &|w| w & !(1 << mutex), "who owns a mutex of several holds it"),
            (ROWS, 0, 0, &|w| w & !(1 << semaphore), "each account is a holder's"),
            (OWNERS, owner, 0, &|w| w & !0xff, "the mutexes of the dead are free"),
            (OWNERS, owner, 16, &|_| HIGH | 1, "nobody is inside a call"),
            (OWNERS, owner, 24, &|_| 1, "nobody is inside a call"),
            (OWNERS, owner, 32, &|w| w | 1 << 30, "the mutexes of the dead are free"),
            (WAITERS, waiter, 0, &|w| w & !0xff | 2, "who was granted takes it"),
            (NODES, queued, 56, &|w| w + 1, "stands in the queues"),
            (OBJECTS, mutex, 8, &|w| w & !(0xfff << 52) | 1 << 36, "nobody is inside a call"),
            (OBJECTS, mutex, 0, &|w| w & !7 | 1, "nobody is inside a call"),
            (OBJECTS, semaphore, 0, &|w| w & !7 | 3, "nobody is inside a call"),
            (OBJECTS, semaphore, 0, &|w| w & !7 | 3, "what stands in the index lives"),
            (OBJECTS, semaphore, 0, &|w| w + (1 << 3), "a queue ends with its object"),
            (OBJECTS, mutex, 0, &|w| w & !(0x1fff << 19) | 3 << 19, "the only holder is the only one"),
            (OBJECTS, mutex, 8, &|w| w + (1 << 16), "the mutexes of the dead are free"),
            (OBJECTS, mutex, 8, &|w| w & !0xffff_ffff | 1 << 34, "nobody who could be served"),
            (OBJECTS, mutex, 56, &|w| w & !0xffff_ffff, "an owner holds its mutex at least once"),
            (OBJECTS, semaphore, 96, &|w| w & !0xffff_ffff, "each holder has an account"),
            (BUCKETS, bucket, 0, &|_| 0, "the index has every live name"),
            (BUCKETS, bucket, 0, &|w| w | 1 << 36, "nobody is inside a call"),
        ],
    );
}

#[test]
fn a_wait_all_that_could_be_had_is_found() {
    let _watchdog = watchdog();
    let namespace = session("all");
    let events = Event::options().namespace(&namespace);
    let (a, b) = (events.create("one of two", Reset::Auto).unwrap(), events.create("two of two", Reset::Auto).unwrap());
    let copy = std::thread::scope(|s| {
        s.spawn(|| drop(wait_all(&[&a, &b], Timeout::INFINITE).unwrap()));
        let copy = loop {
            let copy = Copy::of(namespace.path());
            if waiting(&copy).len() == 1 && copy.inspect().check_quiet().unwrap().is_empty() {
                break copy;
            }
        };
        a.set().unwrap();
        b.set().unwrap();
        copy
    });
    let first = copy.object("one of two");
    let word = copy.word(OBJECTS, first, 8);
    copy.write(OBJECTS, first, 8, &(word | 1).to_ne_bytes());
    assert_eq!(copy.inspect().check_quiet().unwrap(), [], "one of them is not enough");
    let found = copy.with(true, OBJECTS, copy.object("two of two"), 8, |w| w | 1);
    assert_eq!(found.iter().map(|violation| violation.why).collect::<Vec<_>>(), ["no signal is lost"]);
}

#[test]
fn a_busy_namespace_holds_nothing_impossible() {
    const THREADS: u64 = 4;
    let _watchdog = watchdog();
    let namespace = session("busy");
    let mutexes = Mutex::options().namespace(&namespace);
    let (mutex, other) = (mutexes.create("busy mutex").unwrap(), mutexes.create("other busy mutex").unwrap());
    let event = Event::options().namespace(&namespace).create("busy event", Reset::Auto).unwrap();
    let semaphore = Semaphore::options().namespace(&namespace).robust().create("busy semaphore", 1, 1).unwrap();
    let stop = AtomicBool::new(false);
    let calls = AtomicU64::new(0);
    std::thread::scope(|s| {
        for thread in 0..THREADS {
            let (namespace, mutex, other, event, semaphore, stop, calls) = (&namespace, &mutex, &other, &event, &semaphore, &stop, &calls);
            s.spawn(move || {
                let blink = Duration::from_micros(200);
                for round in thread.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    match round % 6 {
                        0 => drop(mutex.lock_for(blink).unwrap()),
                        1 => drop(semaphore.acquire_for(blink).unwrap()),
                        2 => drop(wait_all(&[mutex, other], blink).unwrap()),
                        3 => drop(wait_any(&[event as &dyn Waitable, other], blink).unwrap()),
                        4 => event.set().unwrap(),
                        _ => {
                            let name = format!("comes and goes {}", round / 6 % 3);
                            drop(Mutex::options().namespace(namespace).create(&name).unwrap());
                        }
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let inspection = Inspection::at(namespace.path()).unwrap();
        let mut looks = 0;
        while looks < 100 || calls.load(Ordering::Relaxed) < 10_000 {
            assert_eq!(inspection.check().unwrap(), [], "after {looks} looks");
            looks += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(Inspection::at(namespace.path()).unwrap().check_quiet().unwrap(), []);
}

#[test]
fn what_is_no_namespace_of_ours_is_refused() {
    let namespace = session("refused");
    let error = Inspection::at(format!("{}.none", namespace.path().display())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let copy = Copy::of(namespace.path());
    let refused = |bytes: &[u8], at| {
        let before = copy.word(HEADER, 0, at);
        copy.write(HEADER, 0, at, bytes);
        let error = Inspection::at(&copy.path).unwrap_err();
        copy.write(HEADER, 0, at, &before.to_ne_bytes());
        error.kind()
    };
    assert_eq!(refused(&99u32.to_ne_bytes(), 8), ErrorKind::VersionMismatch);
    assert_eq!(refused(b"x", 0), ErrorKind::Corrupted);
    assert_eq!(refused(&7u8.to_ne_bytes(), 16), ErrorKind::Corrupted);
    copy.file.set_permissions(std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Inspection::at(&copy.path).unwrap_err().kind(), ErrorKind::AccessDenied);
}

#[test]
fn a_file_that_is_truncated_under_our_eyes_is_lost() {
    let copy = Copy::of(session("truncated").path());
    let inspection = copy.inspect();
    copy.file.set_len(4096).unwrap();
    assert_eq!(inspection.check().unwrap_err().kind(), ErrorKind::NamespaceLost);
    // As many as may be guarded at a time, and more.
    copy.file.set_len(1419 * MIB).unwrap();
    for _ in 0..200 {
        assert!(copy.inspect().check().is_ok());
    }
    let last = copy.inspect();
    copy.file.set_len(4096).unwrap();
    assert_eq!(last.check().unwrap_err().kind(), ErrorKind::NamespaceLost);
}

#[test]
fn looking_takes_no_place_and_changes_nothing() {
    let namespace = session("unchanged");
    let _mutex = Mutex::options().namespace(&namespace).create("unchanged").unwrap();
    let blocks = || std::fs::metadata(namespace.path()).unwrap().blocks();
    let (copy, before) = (Copy::of(namespace.path()), blocks());
    assert_eq!(Inspection::at(namespace.path()).unwrap().check_quiet().unwrap(), []);
    assert_eq!(blocks(), before, "not even a page was taken");
    let after = Copy::of(&copy.path);
    assert_eq!(after.inspect().check_quiet().unwrap(), []);
    for at in (0..90).map(|mib| mib * MIB) {
        let read = |copy: &Copy| {
            let mut bytes = vec![0; MIB as usize];
            copy.file.read_exact_at(&mut bytes, at).unwrap();
            bytes
        };
        assert!(read(&copy) == read(&after), "MiB {at}");
    }
}

// --- the picture

#[test]
fn a_picture_shows_owners_queues_permits_and_waits() {
    let _watchdog = watchdog();
    let copy = specimen("picture");
    let picture = copy.inspect().look().unwrap();
    assert_eq!(picture.processes.len(), 1);
    let process = &picture.processes[0];
    assert_eq!((process.pid, process.state, process.holds), (std::process::id(), ProcessState::Alive, 4));
    assert!(process.command.as_ref().is_some_and(|command| command.starts_with("inspect")));
    let of = |kind| picture.objects.iter().find(|object| object.id.kind == kind).unwrap();
    let mutex = of(Kind::Mutex);
    let owner = mutex.owner.as_ref().unwrap();
    assert_eq!((mutex.id.name.as_deref(), mutex.depth, mutex.fence), (Some("mutex of the specimen"), 1, Some(1)));
    assert!(owner.pid == std::process::id() && owner.tid.is_some() && !mutex.signalled && !mutex.abandoned && !mutex.moving);
    assert_eq!((mutex.queue.len(), mutex.holders.len(), &mutex.locked_by), (2, 1, &None));
    assert!(
        mutex.queue.iter().all(|queued| queued.seconds.is_some() && queued.who.tid != owner.tid && !queued.all && !queued.asynchronous)
    );
    let semaphore = of(Kind::RobustSemaphore);
    assert_eq!((semaphore.available, semaphore.maximum, semaphore.permits[0].held), (Some(2), Some(3), 1));
    let event = picture.objects.iter().find(|object| object.id.name.as_deref() == Some("event of the specimen")).unwrap();
    assert_eq!((event.id.kind, event.fence, event.queue.len(), event.watches), (Kind::ManualEvent, None, 2, 0));
    let watched = picture.objects.iter().find(|object| object.id.name.as_deref() == Some(&*LONG.repeat(5))).unwrap();
    assert_eq!((watched.queue.len(), watched.watches), (0, 1), "who looks does not wait");
    assert_eq!(picture.waits.len(), 2);
    let mut places: Vec<_> = picture.waits.iter().map(|wait| wait.objects.iter().map(|o| o.position).collect::<Vec<_>>()).collect();
    places.sort();
    assert_eq!(places, [[Some(1), Some(1)], [Some(2), Some(2)]]);
    assert!(picture.waits.iter().all(|wait| !wait.all && !wait.granted && wait.objects[0].owner.as_ref() == Some(owner)));
    assert!(picture.deadlocks.is_empty(), "each may be ended by the event");
}

#[test]
fn a_locked_object_is_shown_as_the_claim_decides() {
    let _watchdog = watchdog();
    let copy = specimen("claim");
    let (mutex, event) = (copy.object("mutex of the specimen"), copy.object("event of the specimen"));
    let locker = u64::from(copy.half(OBJECTS, mutex, 8) & 0xffff);
    let node = u64::from(copy.half(OBJECTS, event, 40)) - 1;
    let (waiter, ordinal) = (u64::from(copy.half(NODES, node, 8)) - 1, u64::from(copy.half(NODES, node, 36)));
    let claim = copy.word(WAITERS, waiter, 0);
    // Locked with a state in the word that is nobody's business, and a grant under way that would reset the event.
    copy.write(OBJECTS, event, 8, &(locker << 36 | HIGH | 1).to_ne_bytes());
    copy.write(OBJECTS, event, 16, &1u64.to_ne_bytes());
    copy.write(OBJECTS, event, 24, &0u64.to_ne_bytes());
    copy.write(OBJECTS, event, 32, &(1 << 61 | (node + 1) << 32 | claim >> 32).to_ne_bytes());
    let look = || {
        let picture = copy.inspect().look().unwrap();
        let object = picture.objects.into_iter().find(|object| u64::from(object.id.index) == event).unwrap();
        assert_eq!(object.locked_by.map(|who| who.pid), Some(std::process::id()));
        object.signalled
    };
    assert!(look(), "the waiter may still say no");
    copy.write(WAITERS, waiter, 0, &(claim & !0xff | ordinal << 8 | 2).to_ne_bytes());
    assert!(!look(), "it has been granted");
}

/// This binary again, as another process, in a session; killed at the end.
struct Other(std::process::Child);

impl Other {
    fn new(case: &str, session: &str) -> Other {
        let me = std::env::current_exe().unwrap();
        let arguments = [case, "--exact", "--ignored", "--test-threads=1"];
        Other(std::process::Command::new(me).args(arguments).env("BYNAME_SESSION", session).spawn().unwrap())
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the process is our child, and not waited for yet.
        assert_eq!(unsafe { libc::kill(self.0.id() as i32, signal) }, 0);
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Child: three threads, each of which owns a mutex and waits for the next one's; and one that waits for the first of them.
#[test]
#[ignore = "run as a child by another test"]
fn child_deadlocks() {
    let mutexes = ["m0", "m1", "m2"].map(|name| Mutex::create(name).unwrap());
    let never = Event::create("never", Reset::Manual).unwrap();
    let all_own = std::sync::Barrier::new(4);
    std::thread::scope(|s| {
        for i in 0..3 {
            let (mutexes, never, all_own) = (&mutexes, &never, &all_own);
            s.spawn(move || {
                let _own = mutexes[i].lock().unwrap();
                all_own.wait();
                match i {
                    0 => drop(mutexes[1].lock().unwrap()),
                    1 => drop(wait_all(&[&mutexes[2] as &dyn Waitable, never], Timeout::INFINITE).unwrap()),
                    _ => drop(wait_any(&[&mutexes[0], &mutexes[1]], Timeout::INFINITE).unwrap()),
                }
            });
        }
        all_own.wait();
        drop(mutexes[0].lock().unwrap());
    });
}

#[test]
fn a_deadlock_is_a_ring() {
    let _watchdog = watchdog();
    let name = format!("inspect-ring-{}", std::process::id());
    let namespace = Namespace::session(&name).unwrap();
    let other = Other::new("child_deadlocks", &name);
    let look = || Inspection::at(namespace.path()).unwrap().look().unwrap();
    loop {
        let picture = look();
        if picture.waits.len() == 4 && !picture.deadlocks.is_empty() {
            break;
        }
    }
    let picture = look(); // nobody moves now: no part of it is older than another
    let [ring] = &picture.deadlocks[..] else { panic!("one ring, not {:#?}", picture.deadlocks) };
    for (i, step) in ring.iter().enumerate() {
        let next = &ring[(i + 1) % ring.len()];
        assert_eq!((step.owner.pid, step.owner.tid), (next.who.pid, next.who.tid), "each owns what the one before waits for");
        assert_eq!(step.who.pid, other.0.id());
    }
    let mut names: Vec<_> = ring.iter().map(|step| step.object.name.as_deref().unwrap()).collect();
    names.sort_unstable();
    assert!(names == ["m0", "m1", "m2"] || names == ["m1", "m2"], "{names:?}: a wait for any may be followed to either");
    if let Some(command) = option_env!("CARGO_BIN_EXE_byname") {
        let run = |arguments: &[&str]| std::process::Command::new(command).args(arguments).env("BYNAME_SESSION", &name).output().unwrap();
        let said = run(&["tree"]);
        let text = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said.status.code(), Some(1), "{text}");
        assert!(text.contains("\ndeadlock:\n") && text.contains("waits for mutex m2"), "{text}");
        let said = String::from_utf8(run(&["tree", "--json"]).stdout).unwrap();
        assert_eq!(said.matches("{\"byname\":\"wait\"").count(), 4, "{said}");
        assert_eq!(said.matches("{\"byname\":\"deadlock\",\"steps\":[{\"who\":").count(), 1, "{said}");
        assert_eq!(run(&["doctor"]).status.code(), Some(1));
    }
}

/// Child: owns a mutex and says so by an event, until it is killed.
#[test]
#[ignore = "run as a child by another test"]
fn child_owns() {
    let mutex = Mutex::create("owned").unwrap();
    let _own = mutex.lock().unwrap();
    Event::open("it owns").unwrap().set().unwrap();
    Event::create("never", Reset::Manual).unwrap().wait().unwrap();
}

#[test]
fn a_process_is_shown_stopped_and_dead() {
    let _watchdog = watchdog();
    let name = format!("inspect-stopped-{}", std::process::id());
    let namespace = Namespace::session(&name).unwrap();
    let owns = Event::options().namespace(&namespace).create("it owns", Reset::Manual).unwrap();
    let other = Other::new("child_owns", &name);
    owns.wait().unwrap();
    let await_state = |state| {
        loop {
            let picture = Inspection::at(namespace.path()).unwrap().look().unwrap();
            let mutex = picture.objects.iter().find(|object| object.id.name.as_deref() == Some("owned")).unwrap();
            if mutex.owner.as_ref().is_some_and(|owner| owner.state == state) {
                assert!(picture.processes.iter().any(|p| p.pid == other.0.id() && p.state == state));
                break;
            }
        }
    };
    await_state(ProcessState::Alive);
    other.signal(libc::SIGSTOP);
    await_state(ProcessState::Stopped);
    other.signal(libc::SIGCONT);
    await_state(ProcessState::Alive);
    drop(other);
    while Inspection::at(namespace.path()).unwrap().look().unwrap().processes.len() > 1 {} // our keeper buries it
    let left = loop {
        let wrong = Inspection::at(namespace.path()).unwrap().check_quiet().unwrap();
        if wrong.is_empty() {
            break Inspection::at(namespace.path()).unwrap().look().unwrap();
        }
    };
    assert_eq!(left.objects.len(), 1, "what only the dead one held is gone");
}

#[test]
fn whatever_stands_there_a_look_ends_and_says_something() {
    let _watchdog = watchdog();
    let copy = specimen("garbage");
    let mut random = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {random}");
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let tables = [PROCESSES, OWNERS, WAITERS, NODES, OBJECTS, LONG_NAMES, ANNEXES, ROWS, OWNER_BLOCKS, WAITER_BLOCKS, BUCKETS];
    let mut found = 0;
    for round in 0..60 {
        for _ in 0..=round {
            let (table, record) = (tables[next(tables.len() as u64) as usize], next(8));
            let field = next(table.size.min(256) / 8) * 8;
            let value = match next(4) {
                0 => next(u64::MAX),
                1 => next(16),
                2 => next(64) << 32 | next(64),
                _ => copy.word(table, record, field) ^ 1 << next(64),
            };
            copy.write(table, record, field, &value.to_ne_bytes());
        }
        copy.inspect().look().unwrap();
        found += usize::from(!copy.inspect().check().unwrap().is_empty());
        copy.inspect().check_quiet().unwrap();
    }
    assert!(found > 30, "{found}");
}

#[test]
fn a_picture_shows_when_timers_and_watchdogs_are_due() {
    let _watchdog = watchdog();
    let namespace = session("clocks");
    let (minute, now) = (Duration::from_secs(60), Duration::ZERO);
    let timer = Timer::options().namespace(&namespace).create("timer of the clocks", Reset::Auto).unwrap();
    let dog = Watchdog::options().namespace(&namespace).create("dog of the clocks", minute, minute, Action::Kill).unwrap();
    let seen = |name: &str| {
        let picture = Inspection::session(namespace.session_name().unwrap()).unwrap().look().unwrap();
        picture.objects.into_iter().find(|object| object.id.name.as_deref() == Some(name)).unwrap()
    };
    let before = (seen("timer of the clocks"), seen("dog of the clocks"));
    assert_eq!((before.0.id.kind, before.0.signalled, before.0.due, before.0.period), (Kind::AutoTimer, false, None, Some(0.0)));
    assert_eq!((before.1.id.kind, before.1.signalled, before.1.due, before.1.stage), (Kind::Watchdog, false, None, Some("stopped")));
    timer.set(now, minute).unwrap();
    dog.start().unwrap();
    let after = (seen("timer of the clocks"), seen("dog of the clocks"));
    assert!(after.0.signalled && after.0.due.is_some_and(|due| due <= 60.0) && after.0.period == Some(60.0));
    assert!(!after.1.signalled && after.1.due.is_some_and(|due| due <= 60.0) && after.1.watched == Some(std::process::id()));
    assert!(Inspection::session(namespace.session_name().unwrap()).unwrap().check().unwrap().is_empty());
    dog.stop().unwrap();
}

/// What mappings, queues, watchdogs and jobs keep besides their record.
#[test]
fn a_picture_shows_what_the_kinds_keep() {
    let _watchdog = watchdog();
    let namespace = session("kinds");
    let path = std::env::temp_dir().join(format!("byname-inspect-{}", std::process::id()));
    std::fs::write(&path, [7; 5000]).unwrap();
    let mappings = Mapping::options().namespace(&namespace);
    let board = mappings.protect(Protect::READWRITE | Protect::RESERVE).create("board", 65536).unwrap();
    let of_file = mappings.file(&File::open(&path).unwrap()).protect(Protect::READONLY).create("of a file", 0).unwrap();
    let queue = QueueOptions::new(4, 64).namespace(&namespace).allow_broken().create("queue").unwrap();
    let (period, grace) = (Duration::from_millis(1), Duration::from_secs(60));
    let dog = Watchdog::options().namespace(&namespace).create("dog", period, grace, Action::None).unwrap();
    let myself = Process::open_in(&namespace, std::process::id(), Access::ALL).unwrap();
    let seen = |name: Option<&str>, kind: Kind| {
        let picture = Inspection::session(namespace.session_name().unwrap()).unwrap().look().unwrap();
        picture.objects.into_iter().find(|object| object.id.name.as_deref() == name && object.id.kind == kind).unwrap()
    };
    let memory = |name: &str| seen(Some(name), Kind::Mapping).memory.unwrap();

    board.publish().unwrap();
    let quiet = memory("board");
    assert_eq!((quiet.size, quiet.protect, quiet.has_file, quiet.file), (65536, (Protect::READWRITE | Protect::RESERVE).0, false, None));
    assert_eq!((quiet.version, quiet.changed_by, quiet.half_made), (1, None, false));
    let change = board.change().unwrap();
    let changing = memory("board");
    // SAFETY: asks for the thread's id.
    let tid = unsafe { libc::gettid() } as u32;
    assert_eq!(changing.changed_by.map(|party| (party.pid, party.tid)), Some((std::process::id(), Some(tid))));
    assert!(!changing.half_made);
    change.publish().unwrap();
    std::thread::scope(|scope| scope.spawn(|| std::mem::forget(board.change().unwrap())).join().unwrap());
    let half = memory("board");
    assert_eq!((half.version, half.changed_by, half.half_made), (2, None, true));
    let shown = memory("of a file");
    assert_eq!((shown.size, shown.has_file, shown.file.as_deref()), (5000, true, path.to_str()));

    [b"1", b"2"].iter().for_each(|message| queue.send(*message).unwrap());
    queue.recv().unwrap();
    let messages = seen(Some("queue"), Kind::Queue).messages.unwrap();
    assert_eq!((messages.waiting, messages.most, messages.most_ever, messages.max_size, messages.allow_broken), (1, 4, 2, 64, true));
    dog.start().unwrap();
    let late = std::iter::repeat_with(|| seen(Some("dog"), Kind::Watchdog)).find(|dog| dog.stage == Some("grace")).unwrap();
    assert!(late.due.is_some_and(|due| due > 0.0 && due <= 60.0) && late.action == Some("none") && late.grace == Some(60.0));
    assert_eq!(seen(None, Kind::Process).process, Some(std::process::id()));

    match Job::options().namespace(&namespace).kill_on_close().create("job") {
        Err(error) if error.kind() == ErrorKind::Unsupported => eprintln!("skipped: {error}"),
        job => {
            let job = job.unwrap();
            job.set_limits(JobLimits { active_processes: Some(5), kill_on_close: true, ..JobLimits::default() }).unwrap();
            let mut child = job.spawn(std::process::Command::new("sleep").arg("1000")).unwrap();
            let members = seen(Some("job"), Kind::Job).members.unwrap();
            assert_eq!((members.active, members.active_limit, members.put_in, members.kill_on_close), (Some(1), Some(5), 1, true));
            assert!(!members.groups.is_empty() && members.groups.iter().all(|group| Path::new(group).is_dir()));
            job.set_limits(JobLimits { active_processes: Some(1), kill_on_close: true, ..JobLimits::default() }).unwrap();
            assert_eq!(job.spawn(&mut std::process::Command::new("true")).unwrap_err().win32(), 1816);
            let members = seen(Some("job"), Kind::Job).members.unwrap();
            assert_eq!((members.put_in, members.refused), (1, 0), "it was not started, and nobody was killed");
            job.terminate(7).unwrap();
            child.wait().unwrap();
            assert_eq!(seen(Some("job"), Kind::Job).members.unwrap().code, Some(7));
        }
    }
    let ce = namespace.profile(Profile::Ce).unwrap();
    let door =
        (Event::options().namespace(&ce).create("door", Reset::Auto).unwrap(), Mutex::options().namespace(&ce).create("door").unwrap());
    assert!(seen(Some("door"), Kind::AutoEvent).id.ce && seen(Some("door"), Kind::Mutex).id.ce && !seen(Some("dog"), Kind::Watchdog).id.ce);
    #[cfg(feature = "cli")]
    says_the_same(&namespace, &path);
    drop(door);
    dog.stop().unwrap();
    std::fs::remove_file(&path).unwrap();
    drop((of_file, myself));
}

/// The command, of the namespace of the test above.
#[cfg(feature = "cli")]
fn says_the_same(namespace: &Namespace, path: &Path) {
    let run = |what: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_byname"));
        command.args(what).env("BYNAME_SESSION", namespace.session_name().unwrap()).output().unwrap()
    };
    let said = |what: &[&str]| {
        let output = run(what);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let has = |text: &str, lines: &[&str]| lines.iter().for_each(|line| assert!(text.contains(line), "{line}: {text}"));
    has(
        &said(&["ls"]),
        &["64 KiB of memory, version 2, half made: its writer died", "5000 B of a file, version 0", "1 of 4 messages, 1 readers"],
    );
    assert!(!said(&["ls"]).contains("changed"), "bells are the library's own");
    has(&said(&["ls", "--all"]), &[&format!("{} running", std::process::id())]);
    has(&said(&["who", "board", "of a file"]), &["protection READWRITE RESERVE\n", "protection READONLY\n", path.to_str().unwrap()]);
    has(
        &said(&["who", "queue", "dog"]),
        &["messages   of 64 B at most, 2 at a time", "grace, watches", "none in", "refreshed every 1 ms: none, 60.0 s later"],
    );
    has(&said(&["who", "--json", "of a file"]), &["\"size\":5000", "\"has_file\":true"]);
    assert_eq!(said(&["ls"]).matches("door (CE)").count(), 2, "one of each kind");
    has(&said(&["who", "--ce", "door"]), &["auto-event", "mutex"]);
    assert!(!run(&["who", "door"]).status.success() && !run(&["who", "--ce", "dog"]).status.success(), "each profile has its own");
}
