//! A namespace directory that is full, read-only, missing, or holds what somebody planted; a process without addresses, descriptors or /proc:
//! an error of its kind, and nothing half-made.
//!
//! The directory of a process is chosen once, so every case runs in a child: this binary again, with `BYNAME_DIR` set. File systems of a given size
//! take a mount, which only root may make; elsewhere those cases say that they were skipped.

use byname::engine;
use byname::inspect::{Inspection, ProcessState};
use byname::{
    Access, Action, Error, ErrorKind, Event, Job, Mapping, Namespace, Process, Protect, Queue, QueueOptions, Reset, Semaphore, Timer,
    Watchdog, wait_any,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Runs `case` (an ignored test of this file) with the directory `dir` and gives what it printed last.
fn in_child(case: &str, dir: &Path) -> String {
    run(&mut Command::new(std::env::current_exe().unwrap()), case, dir)
}

/// The same where /proc is an empty directory; `None` (and says so) where that cannot be made.
fn in_child_without_proc(case: &str, dir: &Path) -> Option<String> {
    let hidden = "mount -t tmpfs none /proc";
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-c", script, "sh"]);
        command
    };
    if !unshared(hidden).output().is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: /proc cannot be hidden here");
        return None;
    }
    let mut command = unshared(&format!("{hidden} && exec \"$@\""));
    Some(run(command.arg(std::env::current_exe().unwrap()), case, dir))
}

fn run(command: &mut Command, case: &str, dir: &Path) -> String {
    let child = command
        .args([case, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("BYNAME_DIR", dir)
        .env("BYNAME_SESSION", "scarce")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    said.lines().find_map(|line| line.strip_prefix("said ")).unwrap_or_default().to_owned()
}

/// A directory of its own, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("byname-scarce-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    /// Mounts a file system over it; false (and says so) where that is not allowed.
    fn mount(&self, options: &str) -> bool {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&self.0).output();
        let done = mounted.is_ok_and(|m| m.status.success());
        if !done {
            eprintln!("skipped: {} cannot be mounted here ({options})", self.0.display());
        }
        done
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Child: says how the first creation ends.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_creates() {
    match Event::create("e", Reset::Auto) {
        Ok(_) => println!("\nsaid ok"),
        Err(error) => println!("\nsaid {:?} {}", error.kind(), error.win32()),
    }
}

/// Child: creates until the file system is full, and then uses what it has.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_fills() {
    let first = Semaphore::create("first", 0, 1).unwrap();
    let mut events = Vec::new();
    let error = loop {
        match Event::create(&format!("event {}", events.len()), Reset::Auto) {
            Ok(event) => events.push(event),
            Err(error) => break error,
        }
    };
    assert!(events.len() > 100, "room for some");
    assert!(first.acquire_for(Duration::from_millis(5)).unwrap().is_none(), "waits go on");
    first.release(1).unwrap();
    events.pop();
    Event::create("instead", Reset::Auto).unwrap();
    println!("\nsaid {:?} {}", error.kind(), error.win32());
}

/// Child: somebody says that there is more of the table of objects than fits the file system.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_meets_a_raised_mark() {
    use std::os::unix::fs::FileExt;
    const MARK_OF_OBJECTS: u64 = 96; // docs/arena-format.md
    let first = Event::create("first", Reset::Auto).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(byname::Namespace::local().unwrap().path()).unwrap();
    let mut mark = [0; 4];
    file.read_exact_at(&mut mark, MARK_OF_OBJECTS).unwrap();
    file.write_all_at(&(1u32 << 20).to_ne_bytes(), MARK_OF_OBJECTS).unwrap();
    let mut events = Vec::new();
    let error = loop {
        match Event::unnamed(Reset::Auto) {
            Ok(event) => events.push(event),
            Err(error) => break error,
        }
    };
    first.set().unwrap();
    file.write_all_at(&mark, MARK_OF_OBJECTS).unwrap();
    events.extend((0..300).map(|_| Event::unnamed(Reset::Auto).unwrap()));
    println!("\nsaid {:?} {}", error.kind(), error.win32());
}

#[test]
fn a_raised_mark_takes_no_memory() {
    let dir = Dir::new("raised");
    if dir.mount("size=4m") {
        assert_eq!(in_child("child_meets_a_raised_mark", &dir.0), "Corrupted 1392");
        assert!(dir.is_empty());
    }
}

#[test]
fn too_small_from_the_beginning() {
    for size in ["size=64k", "size=2300k"] {
        let dir = Dir::new(size);
        if dir.mount(size) {
            assert_eq!(in_child("child_creates", &dir.0), "NoSpace 8");
            assert!(dir.is_empty(), "nothing half-made");
        }
    }
}

#[test]
fn full_later() {
    let dir = Dir::new("full");
    if dir.mount("size=4m") {
        assert_eq!(in_child("child_fills", &dir.0), "NoSpace 8");
        assert!(dir.is_empty());
    }
}

/// Child: asks for mappings that the file system has no room for, and for one that it has.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_maps_too_much() {
    let dir = PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap());
    let memory = memories;
    let first = Mapping::create("first", 1 << 20).unwrap();
    for size in [64 << 20, 16 << 20, 1 << 40] {
        let error = Mapping::create("large", size).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::NoSpace, 1455), "F13: {error}");
        assert_eq!(Mapping::open("large").unwrap_err().kind(), ErrorKind::NotFound, "the name is free");
        assert_eq!(memory(), 1, "and nothing is left of it");
    }
    let lazy = Mapping::options().protect(Protect::READWRITE | Protect::RESERVE).create("lazy", 64 << 20).unwrap();
    assert_eq!(lazy.size().unwrap(), 64 << 20);
    let path = dir.join("a file");
    std::fs::write(&path, "12345").unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let error = Mapping::of_file("of a file", &file, 64 << 20).unwrap_err();
    assert_eq!((error.kind(), error.win32()), (ErrorKind::NoSpace, 112), "F8: {error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "12345", "it is as long as before");
    assert_eq!(memory(), 2);
    std::fs::remove_file(&path).unwrap();
    first.view(.., Access::MAP_WRITE).unwrap().write(0, &[7; 1 << 20]).unwrap(); // each page was there
    let again = Mapping::create("large", 1 << 20).unwrap();
    assert!(again.created());
    println!("\nsaid ok");
}

#[test]
fn mappings_that_do_not_fit() {
    let dir = Dir::new("mappings");
    if dir.mount("size=8m") {
        assert_eq!(in_child("child_maps_too_much", &dir.0), "ok");
        assert!(dir.is_empty());
    }
}

/// How many files of objects' memory there are.
fn memories() -> usize {
    let dir = std::env::var_os("BYNAME_DIR").unwrap();
    std::fs::read_dir(dir).unwrap().flatten().filter(|e| e.file_name().to_str().unwrap().contains(".memory.")).count()
}

fn is_out_of_memory(error: &Error) {
    assert_eq!((error.kind(), error.win32()), (ErrorKind::NoSpace, 14), "{error}");
}

/// Child: makes queues that the file system has no room for, and fills those that grow.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_queues_too_much() {
    let dir = PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap());
    let first = QueueOptions::new(4, 8).create("first").unwrap();
    for (max_messages, max_size) in [(1000, 64 << 10), (1 << 20, 8)] {
        is_out_of_memory(&QueueOptions::new(max_messages, max_size).create("large").unwrap_err());
        assert_eq!(Queue::open("large").unwrap_err().kind(), ErrorKind::NotFound, "9.1: the name is free");
        assert_eq!(memories(), 1, "and nothing is left of it");
    }
    assert!(QueueOptions::new(4, 64 << 10).create("large").unwrap().created());
    let fill = |size: usize| {
        let queue = QueueOptions::new(0, size as u32).unnamed().unwrap();
        let (reader, writer) = (queue.reader().unwrap(), queue.writer().unwrap());
        let message = |i: u32| [&i.to_le_bytes()[..], &vec![i as u8; size - 4]].concat();
        let mut sent = 0;
        let error = loop {
            match queue.send(&message(sent)) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        is_out_of_memory(&error); // Q10
        let nothing_more = |error: Error| {
            is_out_of_memory(&error);
            assert_eq!(queue.info().unwrap().messages, sent, "nothing is queued");
        };
        nothing_more(writer.send_for(&message(0), Duration::from_secs(1)).unwrap_err());
        nothing_more(queue.reserve(size).map(drop).unwrap_err());
        nothing_more(pollster::block_on(writer.send_async(&message(0))).unwrap_err());
        nothing_more(pollster::block_on(writer.reserve_async(size)).map(drop).unwrap_err());
        assert!(sent > 3, "there was room for some");
        let is_next = |i: u32| assert!(reader.recv_for(Duration::ZERO).unwrap().unwrap()[..] == message(i), "message {i} of {size} bytes");
        is_next(0); // readers go on
        queue.send(&message(sent)).unwrap(); // in its place
        (1..=sent).for_each(is_next);
        assert!(reader.try_recv().unwrap().is_none());
    };
    [100, 5000, 64 << 10, 1 << 20].into_iter().for_each(fill);
    // Somebody else's file takes the room, and gives it back.
    let queue = QueueOptions::new(0, 1 << 20).unnamed().unwrap();
    let path = dir.join("somebody else's");
    let full = std::fs::write(&path, vec![7; 64 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    is_out_of_memory(&queue.send(&[1; 1 << 20]).unwrap_err());
    first.send(b"reserved").unwrap(); // 9.1: what was reserved is there
    std::fs::remove_file(&path).unwrap();
    queue.send(&[1; 1 << 20]).unwrap();
    assert_eq!((queue.recv().unwrap().len(), &first.recv().unwrap()[..]), (1 << 20, &b"reserved"[..]));
    println!("\nsaid ok");
}

#[test]
fn queues_that_do_not_fit() {
    let dir = Dir::new("queues");
    if dir.mount("size=12m") {
        assert_eq!(in_child("child_queues_too_much", &dir.0), "ok");
        assert!(dir.is_empty());
    }
}

/// Child: makes and opens queues without what that takes.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_queues_without_means() {
    let there = QueueOptions::new(4, 1 << 20).create("there").unwrap();
    let large = QueueOptions::new(0, 1 << 20); // 64 GiB of addresses
    let kept = memories();
    for (options, limit) in [(QueueOptions::new(64, 1 << 20), 1 << 20), (large, 1 << 30)] {
        let error = under(Resource::Fsize, limit, || options.create("new")).unwrap_err();
        names_the_limit(&error, ErrorKind::LimitReached, "RLIMIT_FSIZE");
        assert_eq!(memories(), kept);
    }
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    let error = under(Resource::As, pages * 4096 + (100 << 20), || large.create("new")).unwrap_err();
    names_the_limit(&error, ErrorKind::NoSpace, "RLIMIT_AS");
    assert_eq!((error.win32(), memories()), (14, kept));
    let error = under(Resource::Nofile, 0, || large.create("new")).unwrap_err();
    names_the_limit(&error, ErrorKind::LimitReached, "RLIMIT_NOFILE");
    assert_eq!(memories(), kept);
    assert_eq!(Queue::open("new").unwrap_err().kind(), ErrorKind::NotFound, "the name is free");
    // Another process has it: then an end is opened of what is not mapped yet.
    println!("\nsaid {}", in_child("child_opens_ends_without_means", &PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap())));
    assert_eq!(&there.recv().unwrap()[..], b"from the child");
    let info = there.info().unwrap();
    assert_eq!((info.readers, info.writers, info.messages), (1, 1, 0), "and no end is left of what failed");
}

#[test]
#[ignore = "run as a child by the other tests"]
fn child_opens_ends_without_means() {
    drop(Event::unnamed(Reset::Auto).unwrap()); // attached
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    let error = under(Resource::As, pages * 4096 + (1 << 20), || Queue::open("there")).unwrap_err();
    names_the_limit(&error, ErrorKind::NoSpace, "RLIMIT_AS");
    let error = under(Resource::Nofile, 0, || Queue::open("there")).unwrap_err();
    names_the_limit(&error, ErrorKind::LimitReached, "RLIMIT_NOFILE");
    let queue = Queue::open("there").unwrap();
    let another = under(Resource::Nofile, 0, || queue.writer()).unwrap(); // of what is mapped
    another.send(b"from the child").unwrap();
    println!("\nsaid ok");
}

#[test]
fn queues_without_addresses_descriptors_or_file_sizes() {
    let dir = Dir::new("queue means");
    assert_eq!(in_child("child_queues_without_means", &dir.0), "ok");
    assert!(dir.is_empty());
}

/// Child: maps views until there are no addresses for one more.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_maps_without_addresses() {
    let mapping = Mapping::options().protect(Protect::READWRITE | Protect::RESERVE).create("large", 1 << 30).unwrap();
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    let error = under(Resource::As, pages * 4096 + (100 << 20), || mapping.view(.., Access::MAP_READ)).unwrap_err();
    assert_eq!((error.kind(), error.win32()), (ErrorKind::NoSpace, 8), "V15: {error}");
    assert!(error.message().contains("RLIMIT_AS"), "{error}");
    assert!(mapping.view(.., Access::MAP_READ).is_ok());
    println!("\nsaid ok");
}

#[test]
fn views_without_addresses() {
    let dir = Dir::new("views");
    assert_eq!(in_child("child_maps_without_addresses", &dir.0), "ok");
    assert!(dir.is_empty());
}

/// Child: a mapping's maker, who is killed with everybody else of the namespace.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_dies_with_a_mapping() {
    let mapping = Mapping::create("left behind", 65536).unwrap();
    mapping.view(.., Access::MAP_WRITE).unwrap().write(0, b"x").unwrap();
    std::process::abort();
}

/// Memory whose users all died goes with the next one who attaches; where the namespace's file is gone, with `byname gc`.
#[test]
fn memory_of_the_dead_is_removed() {
    let dir = Dir::new("dead memory");
    let memory = || std::fs::read_dir(&dir.0).unwrap().flatten().filter(|e| e.file_name().to_str().unwrap().contains(".memory.")).count();
    let die = || {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["child_dies_with_a_mapping", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env("BYNAME_DIR", &dir.0)
            .env("BYNAME_SESSION", "scarce")
            .output()
            .unwrap();
        assert!(!child.status.success());
        assert_eq!(memory(), 1, "{}", String::from_utf8_lossy(&child.stderr));
    };
    die();
    assert_eq!(in_child("child_creates", &dir.0), "ok");
    assert_eq!(memory(), 0, "who attached has buried it");
    assert!(dir.is_empty());
    die();
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&dir.0).unwrap());
    std::fs::remove_file(dir.0.join(format!("byname.v1.local.{uid}.scarce"))).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "ok");
    assert_eq!(memory(), 1, "nobody knows whose it was");
    #[cfg(feature = "cli")]
    {
        let gc = Command::new(env!("CARGO_BIN_EXE_byname")).arg("gc").env("BYNAME_DIR", &dir.0).output().unwrap();
        assert!(gc.status.success(), "{}", String::from_utf8_lossy(&gc.stderr));
        assert_eq!(memory(), 0, "{}", String::from_utf8_lossy(&gc.stdout));
    }
}

#[test]
fn read_only_or_missing() {
    let dir = Dir::new("ro");
    if dir.mount("ro") {
        assert_eq!(in_child("child_creates", &dir.0), "Unsupported 50");
    }
    assert_eq!(in_child("child_creates", Path::new("/nonexistent/byname")), "PathNotFound 3");
}

#[test]
fn what_somebody_planted_is_refused() {
    let dir = Dir::new("planted");
    assert_eq!(in_child("child_creates", &dir.0), "ok", "the directory itself is good");
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&dir.0).unwrap());
    let file = dir.0.join(format!("byname.v1.local.{uid}.scarce"));

    std::fs::create_dir(&file).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "AccessDenied 5", "a directory");
    std::fs::remove_dir(&file).unwrap();

    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "AccessDenied 5", "a link");
    std::fs::remove_file(&file).unwrap();

    std::fs::write(&file, "not ours").unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "AccessDenied 5", "a file that others may read");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "Corrupted 1392", "a file with other content");
    std::fs::write(&file, [b"byname\0\x1a\xff\xff\xff\x7f".as_slice(), &[0; 4096]].concat()).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "VersionMismatch 13", "another format");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 12 + 4096, "and left as it was");
}

// --- what a process has too little of

/// Does as told under a lower soft limit.
fn under<T>(resource: Resource, soft: u64, call: impl FnOnce() -> T) -> T {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(soft), ..before }).unwrap();
    let result = call();
    setrlimit(resource, before).unwrap();
    result
}

fn names_the_limit(error: &Error, kind: ErrorKind, limit: &str) {
    assert!(error.kind() == kind && error.message().contains(limit), "{:?} {error}", error.kind());
}

fn nothing_is_made() {
    let dir = std::env::var_os("BYNAME_DIR").unwrap();
    assert!(std::fs::read_dir(dir).unwrap().next().is_none(), "something is left behind");
}

/// Child: attaches with fewer addresses than a namespace takes, and then with enough.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_without_addresses() {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    for more in [1, 100, 1400] {
        let error = under(Resource::As, pages * 4096 + (more << 20), || Event::create("e", Reset::Auto)).unwrap_err();
        names_the_limit(&error, ErrorKind::NoSpace, "RLIMIT_AS");
        nothing_is_made();
    }
    Event::create("e", Reset::Auto).unwrap();
}

#[test]
fn without_addresses() {
    let dir = Dir::new("addresses");
    in_child("child_without_addresses", &dir.0);
    assert!(dir.is_empty());
}

/// One more than the highest descriptor that is open.
fn descriptors() -> u64 {
    let seen: Vec<_> = std::fs::read_dir("/proc/self/fd").unwrap().map(|fd| fd.unwrap().path()).collect();
    let open = seen.into_iter().filter(|fd| fd.read_link().is_ok()); // but for that of the look itself
    open.map(|fd| fd.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap()).max().unwrap() + 1
}

/// All numbers below: those between the descriptors that are open count, too.
fn fillers(open: u64) -> Vec<std::fs::File> {
    std::iter::repeat_with(|| std::fs::File::open("/dev/null").unwrap()).take_while(|file| (file.as_raw_fd() as u64) < open).collect()
}

/// Child: attaches with one descriptor more each time, until that is enough; then it must know who it is.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_with_few_descriptors() {
    const START_TIME: u64 = (3 << 20) + 408; // of the first process (docs/arena-format.md)
    const BOOT: u64 = 24;
    let open = descriptors();
    let fillers = fillers(open);
    let mut left = 0;
    let event = loop {
        match under(Resource::Nofile, open + left, || Event::create("e", Reset::Auto)) {
            Ok(event) => break event,
            Err(error) => names_the_limit(&error, ErrorKind::LimitReached, "RLIMIT_NOFILE"),
        }
        nothing_is_made();
        left += 1;
    };
    let file = std::fs::File::open(Namespace::local().unwrap().path()).unwrap();
    let word = |at| {
        let mut word = [0; 8];
        file.read_exact_at(&mut word, at).unwrap();
        u64::from_le_bytes(word)
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let began = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    assert_eq!(word(START_TIME).to_string(), began, "with {left} descriptors left");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().replace('-', "");
    assert_eq!(format!("{:016x}", word(BOOT)), boot[..16], "with {left} descriptors left");
    assert_ne!(left, 0, "none was needed");
    drop((event, fillers));
}

/// Child: a queue that would give memory back, and cannot open its file for that.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_receives_without_descriptors() {
    const LONG: usize = 8 << 20;
    let queue = QueueOptions::new(4, LONG as u32).no_precommit().unnamed().unwrap();
    for round in 0..3 {
        (0..4).for_each(|i| queue.send(&vec![i; LONG]).unwrap());
        under(Resource::Nofile, 0, || {
            (0..4).for_each(|i| assert!(queue.recv().unwrap().iter().all(|byte| *byte == i), "message {i} of round {round}"));
        });
    }
}

#[test]
fn who_has_no_descriptors_left_loses_no_message() {
    let dir = Dir::new("messages");
    in_child("child_receives_without_descriptors", &dir.0);
}

#[test]
fn with_few_descriptors() {
    let dir = Dir::new("descriptors");
    in_child("child_with_few_descriptors", &dir.0);
    assert!(dir.is_empty());
}

// --- the kinds that keep more than a word

/// Makes one of a kind under a name, and uses it.
type Make = fn(&str) -> byname::Result<()>;

/// All of them; jobs where there are any.
fn kinds() -> Vec<(&'static str, Make)> {
    let mut kinds: Vec<(&'static str, Make)> = vec![
        ("timer", |name| {
            let timer = Timer::create(name, Reset::Auto)?;
            timer.set(Duration::from_millis(1), Duration::ZERO)?;
            timer.wait()
        }),
        ("mapping", |name| {
            let mapping = Mapping::create(name, 65_536)?;
            let view = mapping.view(.., Access::MAP_WRITE)?;
            let change = mapping.change()?;
            view.write(0, b"whole")?;
            change.publish()?;
            mapping.changed().map(drop)
        }),
        ("queue", |name| {
            let queue = QueueOptions::new(2, 8192).create(name)?;
            queue.send(&[7; 8192])?;
            queue.recv().map(|message| assert_eq!(&message[..], [7; 8192]))
        }),
        ("watchdog", |name| {
            let dog = Watchdog::create(name, Duration::from_millis(1), Duration::ZERO, Action::None)?;
            dog.start()?;
            dog.wait()?;
            dog.stop()
        }),
        ("process", |_| {
            let process = Process::open(std::process::id())?;
            assert!(wait_any(&[&process], Duration::ZERO)?.is_timed_out());
            Ok(())
        }),
    ];
    let job: Make = |name| {
        let job = Job::options().kill_on_close().create(name)?;
        let mut child = job.spawn(Command::new("sleep").arg("1000"))?;
        job.terminate(1)?;
        child.wait().unwrap();
        job.wait()
    };
    match Job::unnamed() {
        Err(error) if error.kind() == ErrorKind::Unsupported => eprintln!("skipped: {error}"),
        _ => kinds.push(("job", job)),
    }
    kinds
}

/// What stands beside the arena.
fn beside() -> usize {
    let dir = std::env::var_os("BYNAME_DIR").unwrap();
    std::fs::read_dir(dir).unwrap().flatten().filter(|entry| entry.file_name().to_str().unwrap().contains(".memory.")).count()
}

/// Under that limit the kind is made, or refused with a word which limit it was, and then nothing is left of it. True if it was made.
fn is_made_under(resource: Resource, soft: u64, (kind, make): (&str, Make), word: &str) -> bool {
    let made = under(resource, soft, || make(kind));
    if let Err(error) = &made {
        assert!(matches!(error.kind(), ErrorKind::LimitReached | ErrorKind::NoSpace), "{kind}: {:?} {error}", error.kind());
        assert!(error.message().contains(word), "{kind}: {error}");
    }
    // A job is also held, until it is buried, by a child of a fork that was to be its first member.
    while beside() != 0 || Event::open(kind).unwrap_err().kind() != ErrorKind::NotFound {
        std::thread::yield_now();
    }
    made.is_ok()
}

/// Child: makes each kind with one descriptor more each time, until that is enough.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_makes_each_with_few_descriptors() {
    let _event = Event::create("e", Reset::Auto).unwrap();
    for kind in kinds() {
        let open = descriptors();
        let _fillers = fillers(open);
        let needs = (0..).find(|left| is_made_under(Resource::Nofile, open + left, kind, "RLIMIT_NOFILE")).unwrap();
        println!("{}: {needs} descriptors", kind.0);
    }
    println!("\nsaid ok");
}

#[test]
fn each_kind_with_few_descriptors() {
    let dir = Dir::new("few");
    assert_eq!(in_child("child_makes_each_with_few_descriptors", &dir.0), "ok");
    assert!(dir.is_empty());
}

/// Child: makes each kind with a MiB of addresses more each time, until that is enough.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_makes_each_with_few_addresses() {
    let _event = Event::create("e", Reset::Auto).unwrap();
    // What a program allocates in small pieces it has: the last of many keeps the others from going back to the system.
    let mut pieces: Vec<_> = (0..4096).map(|_| vec![0u8; 200]).collect();
    let _last = pieces.pop();
    drop(pieces);
    // (A job's program is forked: Rust's own start of a thread in the child ends it where there are no addresses.)
    for kind in kinds().into_iter().filter(|(kind, _)| *kind != "job") {
        let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
        let needs = (0..).find(|more| is_made_under(Resource::As, pages * 4096 + (more << 16), kind, "RLIMIT")).unwrap();
        println!("{}: {needs} times 64 KiB", kind.0);
    }
    println!("\nsaid ok");
}

#[test]
fn each_kind_with_few_addresses() {
    let dir = Dir::new("narrow");
    assert_eq!(in_child("child_makes_each_with_few_addresses", &dir.0), "ok");
    assert!(dir.is_empty());
}

/// Child: no file may grow.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_makes_each_without_growing_files() {
    let _event = Event::create("e", Reset::Auto).unwrap();
    for kind in kinds() {
        let needs_a_file = matches!(kind.0, "mapping" | "queue" | "job");
        for limit in [0, 100] {
            assert_eq!(is_made_under(Resource::Fsize, limit, kind, "RLIMIT_FSIZE"), !needs_a_file, "{}", kind.0);
        }
        assert!(is_made_under(Resource::Fsize, u64::MAX, kind, ""));
    }
    println!("\nsaid ok");
}

#[test]
fn each_kind_without_growing_files() {
    let dir = Dir::new("grow");
    assert_eq!(in_child("child_makes_each_without_growing_files", &dir.0), "ok");
    assert!(dir.is_empty());
}

/// Child: each kind where the file system is full, and when there is room again.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_makes_each_in_a_full_file_system() {
    let _event = Event::create("e", Reset::Auto).unwrap();
    let ballast = PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap()).join("ballast");
    let kinds: Vec<_> = kinds().into_iter().filter(|(kind, _)| *kind != "queue").collect();
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    for (kind, make) in &kinds {
        match make(kind) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::NoSpace, "{kind}: {error}"),
            Ok(()) => assert!(!matches!(*kind, "mapping" | "job"), "{kind} takes room"),
        }
    }
    assert_eq!(beside(), 0);
    drop(file);
    std::fs::remove_file(ballast).unwrap();
    kinds.iter().for_each(|(kind, make)| make(kind).unwrap());
    println!("\nsaid ok");
}

#[test]
fn each_kind_in_a_full_file_system() {
    let dir = Dir::new("each full");
    if dir.mount("size=4m") {
        assert_eq!(in_child("child_makes_each_in_a_full_file_system", &dir.0), "ok");
        assert!(dir.is_empty());
    }
}

/// Child: has a namespace that one joins who has no /proc, and makes each kind there.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_has_a_guest_of_all_kinds_without_proc() {
    let _event = Event::create("e", Reset::Auto).unwrap();
    let dir = PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap());
    println!("\nsaid {}", in_child_without_proc("child_makes_each_without_proc", &dir).unwrap());
}

/// Child: of all kinds only a job needs /proc.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_makes_each_without_proc() {
    kinds().into_iter().for_each(|(kind, make)| make(kind).unwrap());
    assert_eq!(Job::unnamed().unwrap_err().kind(), ErrorKind::Unsupported);
    println!("\nsaid ok");
}

#[test]
fn each_kind_without_proc() {
    let dir = Dir::new("each proc");
    if in_child_without_proc("child_says_why", &dir.0).is_some() {
        assert_eq!(in_child("child_has_a_guest_of_all_kinds_without_proc", &dir.0), "ok");
        assert!(dir.is_empty());
    }
}

/// Runs in a child of fork, which ends with this. A panic must not unwind into the test's frames: it is another process.
fn fork(body: impl FnOnce()) -> i32 {
    // SAFETY: this test binary runs one test here, and the child does nothing that a lock of another thread could stop.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the process.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    pid
}

fn ends_well(pid: i32) {
    let mut status = 0;
    // SAFETY: the place for the status is valid.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert_eq!(status, 0, "a forked child failed");
}

/// Child: forks without a descriptor left, so that the child cannot join; and looks, while that child lives, at the place that was kept for it.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_forks_without_descriptors() {
    let event = Event::create("e", Reset::Auto).unwrap();
    let (mut told, tell) = std::io::pipe().unwrap();
    let mut tell = Some(tell);
    let (mut go, end) = std::io::pipe().unwrap();
    let mut end = Some(end);
    let open = descriptors();
    let child = under(Resource::Nofile, 0, || {
        fork(|| {
            end.take();
            let complain = || {
                let error = event.set().unwrap_err();
                names_the_limit(&error, ErrorKind::LimitReached, "RLIMIT_NOFILE");
                assert_eq!(error.message().matches("forked child").count(), 1, "{error}");
            };
            complain();
            ends_well(fork(complain));
            tell.take().unwrap().write_all(b"!").unwrap();
            go.read_exact(&mut [0]).unwrap_err(); // until the parent has seen it
        })
    });
    tell.take();
    told.read_exact(&mut [0]).expect("the child has seen what it should");
    let processes = || Inspection::local().unwrap().look().unwrap().processes;
    assert!(processes().iter().all(|p| p.state != ProcessState::Expected), "nobody is expected any more");
    while processes().len() > 1 {
        std::thread::yield_now();
    }
    end.take();
    ends_well(child);
    let again = fork(|| event.set().unwrap());
    ends_well(again);
    assert!(event.wait_for(Duration::ZERO).unwrap().is_some());
    assert_eq!(descriptors(), open);
}

#[test]
fn a_forked_child_without_descriptors_is_told_so_and_takes_no_place() {
    let dir = Dir::new("fork");
    in_child("child_forks_without_descriptors", &dir.0);
    assert!(dir.is_empty());
}

/// Child: forks while it watches a process. Neither that child nor its child has more open than it.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_forks_and_watches_a_process() {
    let watched = Process::open(std::process::id()).unwrap();
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let open = count();
    ends_well(fork(|| {
        assert_eq!(count(), open);
        ends_well(fork(|| assert_eq!(count(), open)));
    }));
    drop(watched);
}

#[test]
fn a_forked_child_keeps_no_descriptor_of_its_parents_watch() {
    let dir = Dir::new("watch");
    in_child("child_forks_and_watches_a_process", &dir.0);
}

/// Child: it and its forked child have no descriptor left when that one's watchdog expires.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_has_a_child_that_hangs() {
    let dog = Watchdog::unnamed(Duration::from_millis(300), Duration::ZERO, Action::Kill).unwrap();
    let hung = fork(|| {
        under(Resource::Nofile, 0, || {
            dog.start().unwrap();
            loop {
                std::thread::park();
            }
        })
    });
    let mut status = 0;
    // SAFETY: the place for the status is valid.
    under(Resource::Nofile, 0, || assert_eq!(unsafe { libc::waitpid(hung, &mut status, 0) }, hung));
    assert_eq!(status, 9);
}

#[test]
fn who_hangs_without_descriptors_among_such_is_killed() {
    let dir = Dir::new("dog");
    in_child("child_has_a_child_that_hangs", &dir.0);
}

/// Child: has a queue and all permits, until it is killed.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_stays_with_a_queue() {
    let _queue = QueueOptions::new(4, 64).allow_broken().create("queue").unwrap();
    let semaphore = Semaphore::options().robust().create("permits", 1, 1).unwrap();
    let _permit = semaphore.try_acquire().unwrap();
    println!("\nready");
    loop {
        std::thread::park();
    }
}

/// Child: buries one who had a queue that it has not open itself, and has no descriptor for that. The queue's other user is stopped.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_buries_without_descriptors() {
    let permits = Semaphore::options().robust().create("permits", 1, 1).unwrap();
    let start = || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_stays_with_a_queue", "--exact", "--ignored", "--nocapture"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while lines.next().expect("it says so").unwrap() != "ready" {}
        child
    };
    let (mut dies, mut stays) = (start(), start());
    let stopped = stays.id() as i32;
    // SAFETY: stops our child, and waits for that; the status is not asked for.
    unsafe {
        libc::kill(stopped, libc::SIGSTOP);
        assert_eq!(libc::waitpid(stopped, std::ptr::null_mut(), libc::WUNTRACED), stopped);
    }
    let inspection = Inspection::local().unwrap();
    let writers = || inspection.look().unwrap().objects.iter().find_map(|object| object.messages).unwrap().writers;
    under(Resource::Nofile, 0, || {
        dies.kill().unwrap();
        assert!(permits.acquire().unwrap().abandoned(), "the burial has come to what was made after the queue");
        assert_eq!(writers(), 2, "the dead one's end, too");
    });
    while writers() != 1 {
        std::thread::yield_now(); // by nothing but the keeper
    }
    stays.kill().unwrap();
    dies.wait().unwrap();
    stays.wait().unwrap();
    while inspection.look().unwrap().objects.iter().any(|object| object.messages.is_some()) {
        std::thread::yield_now();
    }
    assert!(inspection.check().unwrap().is_empty());
}

#[test]
fn who_has_no_descriptors_left_buries_when_there_are_some() {
    let dir = Dir::new("burial");
    in_child("child_buries_without_descriptors", &dir.0);
    assert!(dir.is_empty());
}

/// Child: ends a job, whose file and control group it must open for that.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_ends_a_job_without_descriptors() {
    let local = engine::Namespace::local().unwrap();
    let job = match local.create(None, engine::Spec::Job { kill_on_close: false }, engine::Access::ALL) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return eprintln!("skipped: {error}"),
        made => made.unwrap(),
    };
    let _others = Event::create("e", Reset::Auto).unwrap();
    let groups: Vec<_> = job.job_doors().unwrap().iter().map(|door| door.parent().unwrap().to_owned()).collect();
    assert!(groups.iter().all(|group| group.is_dir()));
    under(Resource::Nofile, 0, || job.close().unwrap());
    while groups.iter().any(|group| group.is_dir()) {
        std::thread::yield_now(); // by nothing but the keeper
    }
}

#[test]
fn a_job_that_ends_without_descriptors_is_removed_when_there_are_some() {
    let dir = Dir::new("job");
    in_child("child_ends_a_job_without_descriptors", &dir.0);
    assert!(dir.is_empty());
}

/// Child: has a namespace that one joins who has no /proc.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_has_a_guest_without_proc() {
    let _event = Event::create("e", Reset::Auto).unwrap();
    let dir = PathBuf::from(std::env::var_os("BYNAME_DIR").unwrap());
    println!("\nsaid {}", in_child_without_proc("child_creates", &dir).unwrap());
}

#[test]
fn without_proc() {
    let dir = Dir::new("proc");
    if let Some(said) = in_child_without_proc("child_says_why", &dir.0) {
        assert!(said.starts_with("Unsupported") && said.contains("/proc is not mounted"), "{said}");
        assert!(dir.is_empty(), "nothing half-made");
        assert_eq!(in_child("child_has_a_guest_without_proc", &dir.0), "ok", "what is there can be joined");
    }
}

/// Child: says the whole error of the first creation.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_says_why() {
    let error = Event::create("e", Reset::Auto).unwrap_err();
    println!("\nsaid {:?} {error}", error.kind());
}
