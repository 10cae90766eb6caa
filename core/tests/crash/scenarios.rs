//! What is played: every operation, over every kind of object.

use crate::stage::{AUTO, LONG, MANUAL, MUTEX, PAGES, Role, Stage, get, get_in, robust, semaphore, soon};
use byname::crash::{self, Scope};
use byname::engine::{
    Access, Action, Backing, By, Due, HandleRef, MappingSpec, Mode, Outcome, PendingWait, Period, Protect, QueueEnd, Spec, WatchdogStage,
    signal_and_wait, start_wait, wait,
};
use byname::{ErrorKind, Reset, Timeout};
use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::time::Duration;

pub struct Scenario {
    pub operation: &'static str,
    pub name: &'static str,
    /// How many act, and how many sleep.
    pub victims: usize,
    pub sleepers: usize,
    /// Two victims may act at once.
    pub in_pairs: bool,
    /// Somebody else has the namespace open, and may die while he deals with the dead.
    pub in_company: bool,
    pub play: fn(&Stage),
}

const fn scene(operation: &'static str, name: &'static str, sleepers: usize, play: fn(&Stage)) -> Scenario {
    Scenario { operation, name, victims: 1, sleepers, in_pairs: false, in_company: true, play }
}

impl Scenario {
    const fn in_pairs(self) -> Scenario {
        Scenario { in_pairs: true, ..self }
    }

    const fn alone(self) -> Scenario {
        Scenario { in_company: false, ..self }
    }
}

/// The operations that must be there.
pub const OPERATIONS: [&str; 32] = [
    "create",
    "open",
    "close",
    "attach",
    "detach",
    "acquire",
    "release",
    "set",
    "reset",
    "pulse",
    "publish",
    "wait-any",
    "wait-all",
    "signal-and-wait",
    "cancel",
    "time-out",
    "hand-off",
    "watch",
    "set-timer",
    "cancel-timer",
    "expire",
    "watchdog",
    "bark",
    "send",
    "receive",
    "reserve",
    "break",
    "terminate",
    "assign",
    "fork",
    "reap",
    "recover",
];

/// Ends may come and go; a long message is copied outside the lock.
const QUEUE: Spec = Spec::Queue { end: QueueEnd::Read, max_messages: 4, max_size: 10_000, allow_broken: true, no_precommit: false };

fn moved<T: std::fmt::Debug>(outcome: byname::Result<Outcome<T>>) {
    assert!(matches!(outcome, Ok(Outcome::Got(_))), "{outcome:?}");
}

/// The lengths of all messages, which are received.
fn drain(reader: HandleRef) -> Vec<usize> {
    let mut message = Vec::new();
    std::iter::from_fn(|| match reader.receive_vec(&mut message, Timeout::ZERO, None).unwrap() {
        Outcome::Got(received) => Some(received.len),
        _ => None,
    })
    .collect()
}

/// All places of an empty queue are free, and nobody writes to it.
fn whole_queue(s: &Stage, reader: HandleRef) {
    assert_eq!(reader.queue_info().unwrap().messages, 0);
    assert!(s.poll(|| reader.queue_info().unwrap().writers == 0), "the ends of the dead are gone");
    let writer = reader.open_end(QueueEnd::Write).unwrap();
    (0..4).for_each(|_| moved(writer.send(&[9; 9999], false, Timeout::ZERO, None)));
    assert_eq!(drain(reader), [9999; 4]);
}

fn got<T>(outcome: Outcome<T>) -> u64 {
    u64::from(matches!(outcome, Outcome::Got(_)))
}

/// Sleeps for the object; 1: had it.
fn sleep_for(object: HandleRef) -> u64 {
    got(object.acquire(Timeout::INFINITE, None).unwrap())
}

/// Sleeps for the mutex and lets go of it; 2: it was abandoned.
fn sleep_for_mutex(mutex: HandleRef) -> u64 {
    let got = get(mutex);
    mutex.release().unwrap();
    1 + u64::from(got.abandoned)
}

/// An asynchronous wait, and what is sent when it is decided.
fn begin(objects: &[HandleRef], mode: Mode, timeout: Timeout) -> (PendingWait, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let wait = start_wait(objects, mode, false, timeout, Box::new(move || _ = tell.send(()))).unwrap();
    (wait, told)
}

/// Waits by the keeper's word; what was had is kept. 1: had it, 2: it was abandoned.
fn sleep_async(objects: &[HandleRef], mode: Mode, keep: bool) -> u64 {
    let (wait, told) = begin(objects, mode, Timeout::INFINITE);
    let outcome = loop {
        if let Some(outcome) = wait.poll() {
            break outcome.unwrap();
        }
        told.recv().expect("the keeper tells");
    };
    let Outcome::Got(satisfied) = outcome else { return 0 };
    let abandoned = satisfied.abandoned;
    if keep {
        std::mem::forget(satisfied);
    } else {
        satisfied.grants.into_iter().for_each(|grant| grant.release().unwrap());
    }
    1 + u64::from(abandoned)
}

/// The name is nobody's, and can be made anew.
fn name_is_free(s: &Stage, name: &str, spec: Spec) {
    let gone = s.namespace().open_any(Some(name), Access::ALL);
    assert_eq!(gone.map(|_| ()).unwrap_err().kind(), ErrorKind::NotFound, "the name is gone with its last holder");
    let again = s.namespace().create(Some(name), spec, Access::ALL).unwrap();
    assert!(again.created().unwrap());
    drop(again);
    let gone = s.namespace().open_any(Some(name), Access::ALL);
    assert_eq!(gone.map(|_| ()).unwrap_err().kind(), ErrorKind::NotFound, "and again");
}

const TIMER: Spec = Spec::Timer { reset: Reset::Auto };

fn dog(period: Duration, grace: Duration, action: Action) -> Spec {
    let [period, grace] = [period, grace].map(|time| time.as_nanos() as i64);
    Spec::Watchdog { period, grace, action: action.code().0, parameter: 0 }
}

/// What the victim says of a watchdog.
fn says_watchdog(s: &Stage, dog: HandleRef) {
    crash::watchdog(dog); // as of a timer
    s.last_words(move || crash::watchdog(dog));
}

fn set_timer(timer: HandleRef, due: Duration, period: Duration) {
    timer.set_timer(Due::from(due), Period::new(period).unwrap()).unwrap();
}

/// What the victim says of a timer.
fn says_timer(s: &Stage, timer: HandleRef) {
    crash::timer(timer); // so that its table is mapped: who dies may be mapping one
    s.last_words(move || crash::timer(timer));
}

/// A victim has set the timer, or not, to a time that has passed; one sleeps for it.
fn set_or_not(s: &Stage, timer: HandleRef) {
    if s.words(0) >> 2 == 0 {
        s.settle();
        set_timer(timer, Duration::ZERO, Duration::ZERO); // it was not, so he waits still
    }
    assert!(s.outcome(0) != Some(0), "he does not learn that it is signalled");
    if s.outcome(0).is_some() {
        s.settle();
        assert!(!timer.timer_state().unwrap().signaled, "one setting, one wait");
    }
    set_timer(timer, HOUR, HOUR);
    let seen = timer.timer_state().unwrap();
    assert!(!seen.signaled && seen.remaining.is_some() && timer.try_acquire().unwrap().is_none());
}

const HOUR: Duration = Duration::from_secs(3600);

const JOB: Spec = Spec::Job { kill_on_close: true };

/// Makes a job that is never closed, where this user can make any.
fn make_job(s: &Stage, name: &str, kill_on_close: bool) {
    match s.namespace().create(Some(name), Spec::Job { kill_on_close }, Access::ALL) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        Ok(job) => std::mem::forget(job),
    }
}

/// A job that all have open, where there are jobs, with so many members that the victim started.
fn staffed_job(s: &Stage, members: usize) -> Option<HandleRef> {
    let made = s.namespace().create(None, Spec::Job { kill_on_close: false }, Access::ALL);
    if made.is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
        return None;
    }
    let job = s.object("j", Spec::Job { kill_on_close: false });
    let started = if s.is(Role::Victim) { members } else { 0 };
    (0..started).for_each(|_| std::mem::forget(job.spawn(&mut sleeper()).unwrap()));
    Some(job)
}

fn sleeper() -> std::process::Command {
    let mut command = std::process::Command::new("sleep");
    command.arg("1000");
    command
}

/// The job is whole: whoever comes in is counted, and killed with the others.
fn whole_job(s: &Stage, job: HandleRef) {
    let before = job.job_pids().unwrap();
    let mut child = sleeper().spawn().unwrap();
    job.assign(child.id().into()).unwrap();
    assert_eq!(job.job_pids().unwrap().len(), before.len() + 1);
    job.terminate_job(0).unwrap();
    child.wait().unwrap();
    assert!(s.poll(|| job.job_pids().unwrap().is_empty()));
}

/// The name is nobody's, no directory is left of it, and with a directory go the processes.
fn job_is_gone(s: &Stage, name: &str) {
    name_is_free(s, name, AUTO);
    let file = std::fs::metadata(s.namespace().path()).unwrap();
    let prefix = format!("byname.job.{}.{:x}.{:x}.", file.uid(), file.dev(), file.ino());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    for place in mounts.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4)) {
        // A guard may still be at it.
        while groups_below(Path::new(place)).iter().any(|group| group.file_name().unwrap().to_string_lossy().starts_with(&prefix)) {
            std::thread::yield_now();
        }
    }
}

fn groups_below(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let groups: Vec<_> = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect();
    groups.iter().flat_map(|group| groups_below(group)).chain(groups.clone()).collect()
}

/// The only victim's last words: what the object's state was, as its intent vouches.
fn says_state(s: &Stage, object: HandleRef) {
    s.last_words(move || u64::from(crash::vouched(object)));
}

/// Whether it owned the mutex, and had run as its owner.
fn says_owner(s: &Stage, mutex: HandleRef) {
    s.last_words(move || u64::from(crash::owns(mutex)));
}

/// How many of its waits had what they waited for.
fn says_taken(s: &Stage) {
    if !s.is(Role::Witness) {
        let namespace = s.namespace();
        s.last_words(move || crash::taken(&namespace) as u64);
    }
}

fn taken_by_all(s: &Stage) -> usize {
    (0..s.victims).map(|i| s.words(i) as usize).sum()
}

/// A sleeper of `mutex` has had it, or died for it; then the witness gets it: who owned it at his death is told of exactly once.
fn told_once(s: &Stage, mutex: HandleRef) {
    let owed = s.words(0) == 1;
    match s.outcome(0) {
        Some(outcome) => {
            assert_eq!(outcome == 2, owed, "the sleeper is told, exactly when it was owned");
            s.whole_mutex(mutex, false);
        }
        None => {
            let sleeper_owned = s.words(s.victims) == 1;
            let got = get(mutex);
            if s.has_last_words(0) {
                assert!(got.abandoned || !sleeper_owned, "the sleeper died as the owner");
                assert!(!got.abandoned || sleeper_owned || owed, "nobody died as the owner");
            }
            mutex.release().unwrap();
            s.whole_mutex(mutex, false);
        }
    }
}

const LONG_NAME: &str = "a name that does not fit into the record of its object, since it is longer than the hundred and fifty-two bytes \
    that there are for it, and so has a record of its own in another table";

/// As many as fit into the first chunk of the table of objects.
const CHUNK_OF_OBJECTS: usize = 256;

/// Three names that share a bucket of the index (`docs/arena-format.md` has the hash).
fn colliding() -> [String; 3] {
    let bucket = |name: &str| {
        let wide = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        (wide ^ wide >> 32) as u32 % 262_144
    };
    let mut found = (1u32..).map(|i| format!("n{i}")).filter(|name| bucket(name) == bucket("n0"));
    ["n0".to_owned(), found.next().unwrap(), found.next().unwrap()]
}

fn make(s: &Stage, name: Option<&str>, spec: Spec) {
    std::mem::forget(s.namespace().create(name, spec, Access::ALL).unwrap());
}

pub const SCENARIOS: &[Scenario] = &[
    // --- create
    scene("create", "a named event", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || make(s, Some("new"), AUTO));
        s.check(|| name_is_free(s, "new", MUTEX));
    })
    .in_pairs(),
    scene("create", "an owned mutex with a long name", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || make(s, Some(LONG_NAME), Spec::Mutex { initially_owned: true }));
        s.check(|| name_is_free(s, LONG_NAME, AUTO));
    })
    .in_pairs(),
    scene("create", "a robust semaphore", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || make(s, Some("new"), robust(1, 1)));
        s.check(|| name_is_free(s, "new", robust(2, 2)));
    })
    .in_pairs(),
    scene("create", "an unnamed manual event", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || make(s, None, MANUAL));
        s.check(|| {});
    })
    .in_pairs(),
    scene("create", "a job", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || make_job(s, "new", false));
        s.check(|| job_is_gone(s, "new"));
    })
    .in_pairs(),
    scene("create", "a job that kills, with its guard", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || make_job(s, "new", true));
        s.check(|| job_is_gone(s, "new"));
    }),
    scene("create", "a process", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || std::mem::forget(s.namespace().open_process(std::process::id().into(), Access::ALL)));
        s.check(|| {});
    })
    .in_pairs(),
    scene("create", "one that is there", 0, |s| {
        let event = s.object("there", AUTO);
        s.act(Scope::Thread, || make(s, Some("there"), AUTO));
        s.check(|| {
            event.set().unwrap();
            let again = s.namespace().create(Some("there"), AUTO, Access::ALL).unwrap();
            assert!(!again.created().unwrap() && again.is_set().unwrap());
        });
    })
    .in_pairs(),
    scene("create", "one that is there and of another kind", 0, |s| {
        s.object("there", AUTO);
        s.act(Scope::Thread, || {
            let other = s.namespace().create(Some("there"), MUTEX, Access::ALL);
            assert_eq!(other.map(|_| ()).unwrap_err().kind(), ErrorKind::WrongKind);
        });
        s.check(|| {
            s.close_all();
            name_is_free_when_left(s, "there");
        });
    })
    .in_pairs(),
    scene("create", "one for which the table must grow", 0, |s| {
        let all: Vec<_> = (0..if s.is(Role::Witness) { CHUNK_OF_OBJECTS } else { 0 })
            .map(|_| s.namespace().create(None, AUTO, Access::ALL).unwrap())
            .collect();
        s.namespace();
        s.act(Scope::Thread, || make(s, Some("new"), AUTO));
        s.check(|| name_is_free(s, "new", MUTEX));
        drop(all);
    })
    .in_pairs(),
    scene("create", "a name whose bucket has others", 0, |s| {
        let names = colliding();
        let outer = (!s.is(Role::Victim)).then(|| s.object(&names[0], AUTO));
        s.namespace();
        s.act(Scope::Thread, || make(s, Some(&names[1]), AUTO));
        s.check(|| {
            name_is_free(s, &names[1], MUTEX);
            outer.unwrap().set().unwrap();
            assert!(s.namespace().open_any(Some(&names[0]), Access::ALL).unwrap().is_set().unwrap());
        });
    })
    .in_pairs(),
    scene("create", "a mapping", 0, |s| {
        s.namespace();
        s.act(Scope::Thread, || std::mem::forget(s.namespace().create_mapping(Some("new"), &PAGES, Access::ALL).unwrap()));
        s.check(|| {
            name_is_free(s, "new", MUTEX);
            s.no_memory();
        });
    })
    .in_pairs(),
    scene("create", "a mapping of a file", 0, |s| {
        s.namespace();
        let myself = std::env::current_exe().unwrap();
        let spec = MappingSpec { size: 0, protect: Protect::READONLY, backing: Backing::Path(&myself) };
        s.act(Scope::Thread, || std::mem::forget(s.namespace().create_mapping(Some("new"), &spec, Access::ALL).unwrap()));
        s.check(|| {
            name_is_free(s, "new", MUTEX);
            s.no_memory();
        });
    })
    .in_pairs(),
    // --- open
    scene("open", "a mapping", 0, |s| {
        let mapping = if s.is(Role::Victim) { None } else { Some(s.mapping("m")) };
        s.namespace();
        s.act(Scope::Thread, || {
            let opened = s.namespace().open_any(Some("m"), Access::ALL).unwrap();
            opened.map(Access::MAP_WRITE, 0, 0, 0).unwrap().write(0, b"from the victim").unwrap();
            std::mem::forget(opened);
        });
        s.check(|| {
            let view = mapping.unwrap().map(Access::MAP_READ, 0, 0, 0).unwrap();
            let mut bytes = [0; 15];
            view.read(0, &mut bytes).unwrap();
            assert!(bytes == [0; 15] || &bytes == b"from the victim");
            s.settle();
            s.close_all();
            name_is_free_when_left(s, "m");
            if !s.in_company() {
                s.no_memory();
            }
        });
    })
    .in_pairs(),
    scene("open", "an event", 0, |s| {
        let event = if s.is(Role::Victim) { None } else { Some(s.object("e", AUTO)) };
        s.namespace();
        s.act(Scope::Thread, || std::mem::forget(s.namespace().open_any(Some("e"), Access::ALL).unwrap()));
        s.check(|| {
            let event = event.unwrap();
            event.set().unwrap();
            assert!(event.is_set().unwrap());
            s.settle();
            s.close_all();
            name_is_free_when_left(s, "e");
        });
    })
    .in_pairs(),
    scene("open", "a mutex with a long name", 0, |s| {
        let mutex = if s.is(Role::Victim) { None } else { Some(s.object(LONG_NAME, MUTEX)) };
        s.namespace();
        s.act(Scope::Thread, || std::mem::forget(s.namespace().open_any(Some(LONG_NAME), Access::ALL).unwrap()));
        s.check(|| s.whole_mutex(mutex.unwrap(), false));
    })
    .in_pairs(),
    scene("open", "a robust semaphore", 0, |s| {
        let semaphore = if s.is(Role::Victim) { None } else { Some(s.object("r", robust(2, 2))) };
        s.namespace();
        s.act(Scope::Thread, || std::mem::forget(s.namespace().open_any(Some("r"), Access::ALL).unwrap()));
        s.check(|| {
            let semaphore = semaphore.unwrap();
            assert!(!get(semaphore).abandoned && !get(semaphore).abandoned);
            assert_eq!(semaphore.available().unwrap(), 0);
            semaphore.post(2).unwrap();
        });
    })
    .in_pairs(),
    // --- publish
    scene("publish", "a change of two words", 0, |s| {
        let mapping = s.mapping("m");
        let (view, changed) = (mapping.map(Access::MAP_WRITE, 0, 0, 0).unwrap(), mapping.changed().unwrap());
        let read = || {
            let mut words = [0; 16];
            mapping.read_whole(&view, 4088, &mut words, Timeout::INFINITE, None).map(|outcome| match outcome {
                Outcome::Got(version) => (version, words),
                _ => panic!("no time was given"),
            })
        };
        s.act(Scope::Thread, || {
            assert!(!mapping.begin_change().unwrap());
            view.write(4088, &[1; 8]).unwrap();
            view.write(4096, &[1; 8]).unwrap();
            mapping.end_change().unwrap();
        });
        s.check(|| {
            let told = || s.poll(|| changed.try_acquire().unwrap().is_some());
            let died_inside = match read() {
                Ok((version, words)) => {
                    assert_eq!(words, [version as u8; 16], "a whole change or none");
                    assert!(version == 0 || version == 1 && told(), "a published change is told");
                    false
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Disconnected);
                    assert!(told(), "a death inside is told");
                    true
                }
            };
            assert_eq!(mapping.begin_change().unwrap(), died_inside, "and the next writer learns of it");
            view.write(4088, &[2; 16]).unwrap();
            mapping.end_change().unwrap();
            assert_eq!(read().unwrap().1, [2; 16]);
            assert!(told());
        });
    }),
    // --- close
    scene("close", "the only handle of a mapping that has a view", 0, |s| {
        s.namespace();
        let handle = s.is(Role::Victim).then(|| s.namespace().create_mapping(Some("m"), &PAGES, Access::ALL).unwrap());
        let view = handle.as_ref().map(|handle| handle.map(Access::MAP_WRITE, 0, 0, 0).unwrap());
        s.act(Scope::Thread, || {
            drop(handle);
            view.unwrap().write(0, b"still there").unwrap();
        });
        s.check(|| {
            name_is_free(s, "m", MUTEX);
            s.no_memory();
        });
    })
    .in_pairs(),
    scene("close", "the only handle of an event", 0, |s| {
        s.namespace();
        let handle = s.is(Role::Victim).then(|| s.namespace().create(Some("e"), AUTO, Access::ALL).unwrap());
        s.act(Scope::Thread, || drop(handle));
        s.check(|| name_is_free(s, "e", MUTEX));
    })
    .in_pairs(),
    scene("close", "the only handle of a mutex with a long name", 0, |s| {
        s.namespace();
        let handle = s.is(Role::Victim).then(|| s.namespace().create(Some(LONG_NAME), MUTEX, Access::ALL).unwrap());
        s.act(Scope::Thread, || drop(handle));
        s.check(|| name_is_free(s, LONG_NAME, AUTO));
    })
    .in_pairs(),
    scene("close", "the only handle of a job that kills", 0, |s| {
        s.namespace();
        let made = s.is(Role::Victim).then(|| s.namespace().create(Some("new"), JOB, Access::ALL));
        let job = made.and_then(Result::ok); // where there are no jobs nothing is closed
        if let Some(job) = &job {
            std::mem::forget(job.spawn(&mut sleeper()).unwrap()); // whoever ends the job ends it
        }
        s.act(Scope::Thread, || drop(job));
        s.check(|| job_is_gone(s, "new"));
    }),
    scene("close", "one of two handles of an event", 0, |s| {
        let event = s.object("e", AUTO);
        s.act(Scope::Thread, || s.close_all());
        s.check(|| {
            event.set().unwrap();
            assert!(event.is_set().unwrap());
            assert!(s.namespace().open_any(Some("e"), Access::ALL).is_ok());
        });
    })
    .in_pairs(),
    scene("close", "a robust semaphore with permits", 0, |s| {
        let semaphore = s.object("r", robust(2, 2));
        if s.is(Role::Victim) {
            get(semaphore);
            get(semaphore);
        }
        s.act(Scope::Thread, || s.close_all());
        s.check(|| {
            assert!(get(semaphore).abandoned, "the first one is told");
            assert!(!get(semaphore).abandoned, "and no other");
            assert_eq!(semaphore.available().unwrap(), 0);
            semaphore.post(2).unwrap();
        });
    }),
    scene("close", "a robust semaphore with permits, and one waits for all", 1, |s| {
        let (semaphore, event) = (s.object("r", robust(1, 1)), s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true }));
        if s.is(Role::Victim) {
            get(semaphore);
        }
        s.sleeper(0, || 1 + u64::from(get_in(&[semaphore, event], Mode::All).abandoned));
        s.act(Scope::Thread, || s.close_all());
        s.check(|| {
            let told = s.outcome(0);
            assert!(told.is_none_or(|told| told == 2), "told");
            if told.is_some() {
                assert!(!event.is_set().unwrap());
            }
        });
    }),
    scene("close", "a mutex that the closer owns", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        s.act(Scope::Thread, || s.close_all());
        s.check(|| s.whole_mutex(mutex, true));
    }),
    scene("close", "a name in the middle of a chain", 0, |s| {
        let names = colliding();
        let outer = (!s.is(Role::Victim)).then(|| s.object(&names[0], AUTO));
        s.namespace();
        let handle = s.is(Role::Victim).then(|| s.namespace().create(Some(&names[1]), AUTO, Access::ALL).unwrap());
        if s.is(Role::Victim) {
            make(s, Some(&names[2]), AUTO); // before it in the chain
        }
        s.act(Scope::Thread, || drop(handle));
        s.check(|| {
            name_is_free(s, &names[1], MUTEX);
            name_is_free(s, &names[2], MUTEX);
            outer.unwrap().set().unwrap();
            assert!(s.namespace().open_any(Some(&names[0]), Access::ALL).unwrap().is_set().unwrap());
        });
    })
    .in_pairs(),
    // --- attach and detach
    scene("attach", "to a namespace in use", 0, |s| {
        let event = (!s.is(Role::Victim)).then(|| s.object("e", AUTO));
        s.act(Scope::Process, || make(s, Some("e"), AUTO));
        s.check(|| {
            event.unwrap().set().unwrap();
            assert!(event.unwrap().is_set().unwrap());
        });
    })
    .in_pairs(),
    scene("attach", "the first", 0, |s| {
        s.act(Scope::Process, || make(s, Some("e"), AUTO));
        s.check(|| name_is_free(s, "e", AUTO));
    })
    .in_pairs()
    .alone(),
    scene("detach", "by an exit, owning a mutex", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        s.act(Scope::Process, || std::process::exit(0));
        s.check(|| s.whole_mutex(mutex, true));
    }),
    scene("detach", "by an exit, holding permits, while one waits for them", 1, |s| {
        let semaphore = s.object("r", robust(1, 1));
        if s.is(Role::Victim) {
            get(semaphore);
        }
        s.sleeper(0, || 1 + u64::from(get(semaphore).abandoned));
        s.act(Scope::Process, || std::process::exit(0));
        s.check(|| assert!(s.outcome(0).is_none_or(|told| told == 2)));
    }),
    scene("detach", "the last", 0, |s| {
        if s.is(Role::Victim) {
            s.object("e", AUTO);
        }
        s.act(Scope::Process, || std::process::exit(0));
        s.check(|| name_is_free(s, "e", MUTEX));
    })
    .in_pairs()
    .alone(),
    scene("detach", "by the end of a thread that owns a mutex that one sleeps for", 1, |s| {
        let mutex = s.object("m", MUTEX);
        let go = std::sync::Arc::new(std::sync::Barrier::new(2));
        let owner = s.is(Role::Victim).then(|| {
            let (has, told) = mpsc::channel();
            let end = go.clone();
            let owner = std::thread::spawn(move || {
                get(mutex);
                has.send(()).unwrap();
                end.wait();
            });
            told.recv().unwrap();
            owner
        });
        s.last_words(move || u64::from(crash::owns(mutex)));
        s.sleeper(0, || sleep_for_mutex(mutex));
        s.act(Scope::Process, || {
            go.wait();
            owner.unwrap().join().unwrap();
        });
        s.check(|| {
            // Abandoned by the death, or by the end.
            assert!(s.outcome(0).is_none_or(|outcome| outcome == 2));
            let got = get(mutex);
            assert!(!got.abandoned || s.doomed() > 0);
            mutex.release().unwrap();
            s.whole_mutex(mutex, false);
        });
    }),
    scene("detach", "by the end of a thread that owns a mutex", 0, |s| {
        let mutex = s.object("m", MUTEX);
        // Owned by a thread that has run, or already abandoned by its end.
        s.last_words(move || u64::from(crash::owns(mutex) || crash::vouched(mutex) >> 31 != 0));
        s.act(Scope::Process, || std::thread::spawn(move || _ = get(mutex)).join().unwrap());
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    // --- acquire
    scene("acquire", "a free mutex", 0, |s| {
        let mutex = s.object("m", MUTEX);
        says_owner(s, mutex);
        s.act(Scope::Thread, || _ = get(mutex));
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("acquire", "a free mutex that was another's before", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Witness) {
            get(mutex);
            mutex.release().unwrap();
        }
        says_owner(s, mutex);
        s.act(Scope::Thread, || _ = get(mutex));
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("acquire", "a mutex that is owned already", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        s.act(Scope::Thread, || _ = get(mutex));
        s.check(|| s.whole_mutex(mutex, true));
    }),
    scene("acquire", "a free mutex, by a grant", 0, |s| {
        let mutex = s.object("m", MUTEX);
        says_owner(s, mutex);
        s.act(Scope::Thread, || std::mem::forget(mutex.grant(By::Grant { bound: false }, Timeout::INFINITE, None).unwrap()));
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("acquire", "a permit", 0, |s| {
        let semaphore = s.object("s", semaphore(2, 2));
        says_state(s, semaphore);
        s.act(Scope::Thread, || _ = get(semaphore));
        s.check(|| {
            assert_eq!(u64::from(semaphore.available().unwrap()), s.words(0));
            assert!(!s.all_done() || s.words(0) == 1);
        });
    }),
    scene("acquire", "a robust permit", 0, |s| {
        let semaphore = s.object("s", robust(2, 2));
        s.act(Scope::Thread, || _ = get(semaphore));
        s.check(|| {
            let (first, second) = (get(semaphore), get(semaphore));
            assert!(!second.abandoned && (first.abandoned || !s.all_done()));
            assert_eq!(semaphore.available().unwrap(), 0);
            semaphore.post(2).unwrap();
        });
    }),
    scene("acquire", "an auto event that is set", 0, |s| {
        let event = s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true });
        says_state(s, event);
        s.act(Scope::Thread, || _ = get(event));
        s.check(|| {
            assert_eq!(u64::from(event.is_set().unwrap()), s.words(0) & 1);
            assert!(!s.all_done() || s.words(0) & 1 == 0);
        });
    }),
    scene("acquire", "an auto event that is set meanwhile", 0, |s| {
        let event = s.object("e", AUTO);
        says_taken(s);
        let sets = Cell::new(0);
        s.act(Scope::Thread, || _ = get(event));
        s.meanwhile(|| {
            s.await_victims_waiting();
            (0..s.victims).for_each(|_| event.set().unwrap());
            sets.set(s.victims);
        });
        s.check(|| {
            s.settle();
            assert_eq!(event.is_set().unwrap(), taken_by_all(s) < sets.get());
        });
    })
    .in_pairs(),
    scene("acquire", "a manual event that is set meanwhile", 0, |s| {
        let event = s.object("e", MANUAL);
        s.act(Scope::Thread, || _ = get(event));
        s.meanwhile(|| {
            s.await_victims_waiting();
            event.set().unwrap();
        });
        s.check(|| assert!(event.is_set().unwrap()));
    })
    .in_pairs(),
    scene("acquire", "a permit that comes meanwhile", 0, |s| {
        let semaphore = s.object("s", semaphore(0, 5));
        says_taken(s);
        s.act(Scope::Thread, || _ = get(semaphore));
        s.meanwhile(|| {
            s.await_victims_waiting();
            semaphore.post(s.victims as i64).unwrap();
        });
        s.check(|| {
            s.settle();
            assert_eq!(semaphore.available().unwrap() as usize, s.victims - taken_by_all(s));
        });
    })
    .in_pairs(),
    scene("acquire", "a robust permit that comes meanwhile", 0, |s| {
        let semaphore = s.object("s", robust(0, 5));
        s.act(Scope::Thread, || _ = get(semaphore));
        s.meanwhile(|| {
            s.await_victims_waiting();
            semaphore.post(s.victims as i64).unwrap();
        });
        s.check(|| {
            s.settle();
            assert_eq!(semaphore.available().unwrap() as usize, s.victims);
        });
    })
    .in_pairs(),
    scene("acquire", "a mutex that is released meanwhile", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Witness) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.act(Scope::Thread, || _ = get(mutex));
        s.meanwhile(|| {
            s.await_victims_waiting();
            mutex.release().unwrap();
        });
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("acquire", "an auto event, asynchronously", 0, |s| {
        let event = s.object("e", AUTO);
        says_taken(s);
        s.act(Scope::Process, || assert_eq!(sleep_async(&[event], Mode::Any, true), 1));
        s.meanwhile(|| {
            s.await_victims_waiting();
            (0..s.victims).for_each(|_| event.set().unwrap());
        });
        s.check(|| {
            s.settle();
            assert_eq!(event.is_set().unwrap(), taken_by_all(s) < s.victims);
        });
    })
    .in_pairs(),
    // --- release
    scene("release", "a mutex", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.act(Scope::Thread, || mutex.release().unwrap());
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("release", "a mutex of depth 2", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
            get(mutex);
        }
        says_owner(s, mutex);
        s.act(Scope::Thread, || (0..2).for_each(|_| mutex.release().unwrap()));
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("release", "a mutex that one sleeps for", 1, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.sleeper(0, || sleep_for_mutex(mutex));
        s.act(Scope::Thread, || mutex.release().unwrap());
        s.check(|| told_once(s, mutex));
    }),
    scene("release", "a mutex that two sleep for", 2, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        says_owner(s, mutex);
        (0..2).for_each(|i| s.sleeper(i, || sleep_for_mutex(mutex)));
        s.act(Scope::Thread, || mutex.release().unwrap());
        s.check(|| {
            let told = (0..2).filter(|&i| s.outcome(i) == Some(2)).count();
            let last = get(mutex);
            let told = told + usize::from(last.abandoned);
            mutex.release().unwrap();
            let owed = usize::from(s.words(0) == 1);
            let most = owed + usize::from(s.outcome(0).is_none() && (s.words(s.victims) == 1 || !s.has_last_words(0)));
            assert!(told <= most, "told {told} times of {most}");
            assert!(told == owed || s.doomed() > 0, "told {told} times of {owed}");
            s.whole_mutex(mutex, false);
        });
    }),
    scene("release", "a mutex by its grant, with a sleeper", 1, |s| {
        let mutex = s.object("m", MUTEX);
        let grant = s.is(Role::Victim).then(|| mutex.grant(By::Grant { bound: false }, Timeout::INFINITE, None).unwrap());
        says_owner(s, mutex);
        s.sleeper(0, || sleep_for_mutex(mutex));
        s.act(Scope::Thread, || {
            let Some(Outcome::Got(grant)) = grant else { panic!("the victim has a grant") };
            grant.release().unwrap();
        });
        s.check(|| told_once(s, mutex));
    }),
    scene("release", "a mutex that one waits for with an event", 1, |s| {
        let (mutex, event) = (s.object("m", MUTEX), s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true }));
        if s.is(Role::Victim) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.sleeper(0, || {
            let got = get_in(&[event, mutex], Mode::All);
            mutex.release().unwrap();
            1 + u64::from(got.abandoned)
        });
        s.act(Scope::Thread, || mutex.release().unwrap());
        s.check(|| {
            told_once(s, mutex);
            assert!(s.outcome(0).is_none() || !event.is_set().unwrap());
        });
    }),
    scene("release", "permits that nobody waits for", 0, |s| {
        let semaphore = s.object("s", semaphore(1, 5));
        says_state(s, semaphore);
        s.act(Scope::Thread, || _ = semaphore.post(2).unwrap());
        s.check(|| {
            assert_eq!(u64::from(semaphore.available().unwrap()), s.words(0));
            assert!(s.words(0) == 1 && !s.all_done() || s.words(0) == 3);
        });
    }),
    scene("release", "permits that two sleep for", 2, |s| {
        let semaphore = s.object("s", semaphore(0, 9));
        (0..2).for_each(|i| s.sleeper(i, || sleep_for(semaphore)));
        s.act(Scope::Thread, || _ = semaphore.post(3).unwrap());
        s.check(|| s.permits(semaphore, 0, 3));
    })
    .in_pairs(),
    scene("release", "a robust permit", 0, |s| {
        let semaphore = s.object("s", robust(2, 2));
        if s.is(Role::Victim) {
            get(semaphore);
        }
        s.act(Scope::Thread, || _ = semaphore.post(1).unwrap());
        s.check(|| {
            assert!(get(semaphore).abandoned != s.all_done() || !s.all_done(), "told only if it was not released");
            assert!(!get(semaphore).abandoned);
            assert_eq!(semaphore.available().unwrap(), 0);
            semaphore.post(2).unwrap();
        });
    }),
    scene("release", "robust permits that two sleep for", 2, |s| {
        let semaphore = s.object("s", robust(0, 9));
        (0..2).for_each(|i| s.sleeper(i, || sleep_for(semaphore)));
        s.act(Scope::Thread, || _ = semaphore.post(2).unwrap());
        s.check(|| {
            semaphore.post(2).unwrap();
            (0..2).for_each(|i| assert!(s.outcome(i) != Some(0)));
            s.sleepers_are_gone();
            s.settle();
            let (left, (done, all)) = (semaphore.available().unwrap() as usize, s.done());
            assert!((done..=all).any(|posts| left == 2 + 2 * posts), "{left} permits are left");
        });
    })
    .in_pairs(),
    // --- set, reset, pulse
    scene("set", "an auto event that nobody waits for", 0, |s| {
        let event = s.object("e", AUTO);
        says_state(s, event);
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| {
            assert_eq!(u64::from(event.is_set().unwrap()), s.words(0) & 1);
            assert!(event.is_set().unwrap() || !s.all_done());
            assert!(!event.is_set().unwrap() || !s.did_nothing());
        });
    }),
    scene("set", "an auto event that two sleep for", 2, |s| {
        let event = s.object("e", AUTO);
        (0..2).for_each(|i| s.sleeper(i, || sleep_for(event)));
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| s.receipts(event, s.done().0, s.victims));
    })
    .in_pairs(),
    scene("set", "an auto event that two wait for asynchronously", 2, |s| {
        let event = s.object("e", AUTO);
        (0..2).for_each(|i| s.sleeper(i, || sleep_async(&[event], Mode::Any, false)));
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| s.receipts(event, s.done().0, s.victims));
    })
    .in_pairs(),
    scene("set", "an auto event among two that each of two sleeps for", 2, |s| {
        let (event, other) = (s.object("e", AUTO), s.object("o", AUTO));
        (0..2).for_each(|i| s.sleeper(i, || 1 + get_in(&[other, event], Mode::Any).index as u64));
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| s.receipts(event, s.done().0, s.victims));
    })
    .in_pairs(),
    scene("set", "a manual event that three sleep for", 3, |s| {
        let event = s.object("e", MANUAL);
        (0..3).for_each(|i| s.sleeper(i, || sleep_for(event)));
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| {
            s.settle();
            let (waiting, set) = (s.waiting(), event.is_set().unwrap());
            assert!(set || !s.all_done());
            if set {
                assert_eq!(waiting, 0)
            } else {
                assert!(waiting + s.doomed() >= 3, "released by an event that was not set")
            }
            event.set().unwrap();
            (0..3).for_each(|i| assert!(s.outcome(i) != Some(0)));
        });
    })
    .in_pairs(),
    scene("set", "the last of two auto events that one waits for together", 1, |s| {
        let (event, other) = (s.object("e", AUTO), s.object("o", Spec::Event { reset: Reset::Auto, initially_set: true }));
        s.sleeper(0, || {
            get_in(&[other, event], Mode::All);
            1
        });
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| {
            s.settle();
            if s.waiting() == 1 {
                assert!(!s.all_done() && !event.is_set().unwrap() && other.is_set().unwrap(), "nothing of it");
                event.set().unwrap();
            }
            match s.outcome(0) {
                Some(_) => assert!(!event.is_set().unwrap() && !other.is_set().unwrap(), "all of it"),
                None => assert!(!event.is_set().unwrap() || other.is_set().unwrap(), "a part of it"),
            }
        });
    }),
    scene("set", "an event that one waits for together with what the setter has not open", 1, |s| {
        let event = s.object("e", AUTO);
        let rest = (!s.is(Role::Victim)).then(|| {
            let set = Spec::Event { reset: Reset::Auto, initially_set: true };
            [s.object("o", set), s.object("r", robust(1, 1)), s.object("m", MUTEX)]
        });
        s.sleeper(0, || {
            let [other, semaphore, mutex] = rest.unwrap();
            get(mutex);
            std::mem::forget(get_in(&[other, event, mutex, semaphore], Mode::All));
            assert_eq!(semaphore.available().unwrap(), 0);
            (0..2).for_each(|_| mutex.release().unwrap());
            assert!(mutex.release().is_err(), "owned twice");
            1
        });
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| {
            let [other, semaphore, mutex] = rest.unwrap();
            s.settle();
            if s.waiting() == 1 {
                assert!(!s.all_done() && !event.is_set().unwrap() && other.is_set().unwrap(), "nothing of it");
                assert_eq!(semaphore.available().unwrap(), 1);
                event.set().unwrap();
            }
            match s.outcome(0) {
                Some(_) => assert!(!event.is_set().unwrap() && !other.is_set().unwrap(), "all of it"),
                None => assert!(!event.is_set().unwrap() || other.is_set().unwrap(), "a part of it"),
            }
            s.sleepers_are_gone();
            s.settle();
            assert_eq!(semaphore.available().unwrap(), 1, "it has come back");
            let abandoned = get(mutex).abandoned;
            assert!(!abandoned || s.doomed() > 0);
            mutex.release().unwrap();
        });
    }),
    scene("reset", "an auto event", 0, |s| {
        let event = s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true });
        says_state(s, event);
        s.act(Scope::Thread, || event.reset().unwrap());
        s.check(|| {
            assert_eq!(u64::from(event.is_set().unwrap()), s.words(0) & 1);
            assert!(!event.is_set().unwrap() || !s.all_done());
        });
    }),
    scene("reset", "a manual event", 0, |s| {
        let event = s.object("e", Spec::Event { reset: Reset::Manual, initially_set: true });
        s.act(Scope::Thread, || event.reset().unwrap());
        s.check(|| {
            let set = event.is_set().unwrap();
            assert!(if set { s.done().0 == 0 } else { !s.did_nothing() });
            event.set().unwrap();
            get(event);
        });
    })
    .in_pairs(),
    scene("reset", "a manual event, set again, that one sleeps for", 1, |s| {
        let event = s.object("e", MANUAL);
        s.sleeper(0, || sleep_for(event));
        s.act(Scope::Thread, || {
            event.reset().unwrap();
            event.set().unwrap();
            event.reset().unwrap();
        });
        s.check(|| {
            s.settle();
            if s.waiting() > 0 {
                assert!(!s.all_done() && !event.is_set().unwrap());
                event.set().unwrap();
            }
            assert!(s.outcome(0) != Some(0));
        });
    })
    .in_pairs(),
    scene("pulse", "a manual event that three sleep for", 3, |s| {
        let event = s.object("e", MANUAL);
        (0..3).for_each(|i| s.sleeper(i, || sleep_for(event)));
        s.act(Scope::Thread, || event.pulse().unwrap());
        s.check(|| {
            s.settle();
            let waiting = s.waiting();
            assert!(!event.is_set().unwrap(), "a pulse leaves nothing");
            assert!(waiting == 0 || waiting + s.doomed() >= 3, "{waiting} of 3 were left out");
            assert!(waiting == 0 || s.done().0 == 0);
            event.set().unwrap();
            (0..3).for_each(|i| assert!(s.outcome(i) != Some(0)));
        });
    })
    .in_pairs(),
    scene("pulse", "an auto event that two sleep for", 2, |s| {
        let event = s.object("e", AUTO);
        (0..2).for_each(|i| s.sleeper(i, || sleep_for(event)));
        s.act(Scope::Thread, || event.pulse().unwrap());
        s.check(|| {
            s.settle();
            assert!(!event.is_set().unwrap() || s.waiting() == 0, "a pulse leaves nothing");
            s.receipts(event, s.done().0, s.victims);
        });
    })
    .in_pairs(),
    scene("pulse", "an event that nobody waits for", 0, |s| {
        let event = s.object("e", Spec::Event { reset: Reset::Manual, initially_set: true });
        s.act(Scope::Thread, || event.pulse().unwrap());
        s.check(|| assert!(!event.is_set().unwrap() || s.done().0 == 0));
    })
    .in_pairs(),
    // --- waits for several
    scene("wait-any", "one of three is signalled meanwhile", 0, |s| {
        let all = [s.object("m", MUTEX), s.object("e", AUTO), s.object("s", semaphore(0, 3))];
        if s.is(Role::Witness) {
            get(all[0]);
        }
        says_taken(s);
        s.act(Scope::Thread, || drop(get_in(&all, Mode::Any)));
        s.meanwhile(|| {
            s.await_victims_waiting();
            all[1].set().unwrap();
        });
        s.check(|| {
            s.settle();
            assert_eq!(all[1].is_set().unwrap(), taken_by_all(s) == 0);
            all[0].release().unwrap();
            s.whole_mutex(all[0], false);
        });
    }),
    scene("wait-any", "all three are signalled meanwhile", 0, |s| {
        let all = [s.object("m", MUTEX), s.object("e", AUTO), s.object("s", semaphore(0, 3))];
        if s.is(Role::Witness) {
            get(all[0]);
        }
        if !s.is(Role::Witness) {
            let (namespace, mutex) = (s.namespace(), all[0]);
            s.last_words(move || crash::taken(&namespace) as u64 | u64::from(crash::owns(mutex)) << 8);
        }
        s.act(Scope::Thread, || std::mem::forget(get_in(&all, Mode::Any)));
        s.meanwhile(|| {
            s.await_victims_waiting();
            all[0].release().unwrap();
            all[1].set().unwrap();
            all[2].post(1).unwrap();
        });
        s.check(|| {
            s.settle();
            let (taken, owned) = (s.words(0) & 1 == 1, s.words(0) >> 8 == 1);
            let gone = usize::from(!all[1].is_set().unwrap()) + usize::from(all[2].available().unwrap() == 0);
            assert_eq!(gone, usize::from(taken && !owned), "one is consumed, or the mutex, or nothing");
            s.whole_mutex(all[0], owned);
        });
    }),
    scene("wait-any", "one is signalled already", 0, |s| {
        let all = [s.object("e", AUTO), s.object("s", semaphore(1, 3)), s.object("o", AUTO)];
        says_state(s, all[1]);
        s.act(Scope::Thread, || std::mem::forget(get_in(&all, Mode::Any)));
        s.check(|| assert_eq!(u64::from(all[1].available().unwrap()), s.words(0)));
    }),
    scene("wait-all", "all are signalled one after the other", 0, |s| {
        let all = [s.object("m", MUTEX), s.object("e", AUTO), s.object("s", semaphore(0, 3))];
        if s.is(Role::Witness) {
            get(all[0]);
        }
        if !s.is(Role::Witness) {
            let (namespace, mutex) = (s.namespace(), all[0]);
            s.last_words(move || crash::taken(&namespace) as u64 | u64::from(crash::owns(mutex)) << 8);
        }
        s.act(Scope::Thread, || std::mem::forget(get_in(&all, Mode::All)));
        s.meanwhile(|| {
            s.await_victims_waiting();
            all[1].set().unwrap();
            all[2].post(1).unwrap();
            all[0].release().unwrap();
        });
        s.check(|| {
            s.settle();
            let (taken, owned) = (s.words(0) & 1 == 1, s.words(0) >> 8 == 1);
            assert_eq!((all[1].is_set().unwrap(), all[2].available().unwrap() == 1), (!taken, !taken), "all or nothing");
            s.whole_mutex(all[0], owned);
            assert!(owned || !taken);
        });
    }),
    scene("wait-all", "all are signalled already", 0, |s| {
        let all = [
            s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true }),
            s.object("s", semaphore(1, 3)),
            s.object("r", robust(1, 1)),
        ];
        says_taken(s);
        s.act(Scope::Thread, || std::mem::forget(get_in(&all, Mode::All)));
        s.check(|| {
            s.settle();
            let taken = s.words(0) == 1;
            assert_eq!((all[0].is_set().unwrap(), all[1].available().unwrap() == 1), (!taken, !taken), "all or nothing");
            assert_eq!(all[2].available().unwrap(), 1, "a robust permit comes back in any case");
        });
    }),
    scene("wait-all", "a mutex that the waiter owns already, and an event that somebody sets", 1, |s| {
        let (mutex, event) = (s.object("m", MUTEX), s.object("e", AUTO));
        says_owner(s, mutex);
        s.sleeper(0, || {
            get(mutex);
            get_in(&[mutex, event], Mode::All);
            let depth = mutex.mutex_state().unwrap().depth;
            (0..2).for_each(|_| mutex.release().unwrap());
            u64::from(depth)
        });
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| {
            s.settle();
            let (waits, depth) = (s.waiting() == 1, mutex.mutex_state().unwrap().depth);
            assert!(!waits || !event.is_set().unwrap() && depth == 1, "all or nothing: {depth}");
            if waits {
                event.set().unwrap();
            }
            let outcome = s.outcome(0);
            assert!(matches!(outcome, None | Some(2)), "it has the mutex twice: {outcome:?}");
            let owed = outcome.is_none() && s.has_last_words(0) && s.words(s.victims) == 1;
            if outcome.is_some() || s.has_last_words(0) {
                s.whole_mutex(mutex, owed);
            } else {
                get(mutex);
                mutex.release().unwrap();
            }
        });
    }),
    scene("wait-all", "an object is locked by somebody who is stopped while the dead is reaped", 0, |s| {
        let kept = s.object("kept", semaphore(0, 1));
        let fleeting = s.namespace().create(Some("fleeting"), semaphore(0, 1), Access::ALL).unwrap();
        says_taken(s);
        s.act(Scope::Thread, || _ = get_in(&[kept, fleeting.by_ref()], Mode::All));
        s.meanwhile(|| {
            s.await_victims_waiting();
            s.let_all_reap(false);
            kept.post(1).unwrap();
            fleeting.by_ref().post(1).unwrap();
            drop(fleeting); // the victim alone has it now
            crash::while_locked(kept, || {
                s.let_all_reap(true);
                assert!(s.poll(|| crash::kept() > 0 || s.all_is_over()), "nobody tries to bury the dead");
            })
            .unwrap();
        });
        s.check(|| {
            s.settle();
            assert_eq!(kept.available().unwrap() as usize, 1 - taken_by_all(s), "what came with a permit of an object that ended");
        });
    })
    .alone(),
    scene("wait-all", "two wait for crossed events, asynchronously", 0, |s| {
        let all = [s.object("a", AUTO), s.object("b", AUTO)];
        says_taken(s);
        s.act(Scope::Process, || assert_eq!(sleep_async(&if s.me == 1 { all } else { [all[1], all[0]] }, Mode::All, true), 1));
        s.meanwhile(|| {
            s.await_victims_waiting();
            for _ in 0..s.victims {
                all.iter().for_each(|event| event.set().unwrap());
            }
        });
        s.check(|| {
            s.settle();
            let taken = taken_by_all(s);
            let left = all.map(|event| event.is_set().unwrap());
            assert_eq!(left, [taken < s.victims; 2], "all or nothing");
        });
    })
    .in_pairs(),
    scene("signal-and-wait", "an event that one sleeps for, and another", 1, |s| {
        let (event, other) = (s.object("e", AUTO), s.object("o", AUTO));
        says_taken(s);
        s.sleeper(0, || sleep_for(event));
        s.act(Scope::Thread, || _ = signal_and_wait(event, other, By::Thread, Timeout::INFINITE, None).unwrap());
        s.meanwhile(|| {
            // The sleeper goes when the victim begins to wait.
            s.poll(|| s.victims_are_done() || s.board.actors[2].has_outcome.load(SeqCst) && s.waiting() == 1);
            other.set().unwrap();
        });
        s.check(|| {
            s.settle();
            if s.words(0) == 1 {
                assert!(!other.is_set().unwrap() || s.doomed() > 0);
            } else {
                assert!(other.is_set().unwrap());
            }
            s.receipts(event, s.done().0, s.victims);
        });
    }),
    // --- giving up
    scene("cancel", "an asynchronous wait for an event", 0, |s| {
        let event = s.object("e", AUTO);
        s.act(Scope::Process, || {
            let (wait, _told) = begin(&[event], Mode::Any, Timeout::INFINITE);
            assert!(wait.cancel());
            assert!(matches!(wait.poll(), Some(Ok(Outcome::Interrupted))));
        });
        s.check(|| {
            event.set().unwrap();
            s.settle();
            assert!(event.is_set().unwrap() && s.waiting() == 0, "nobody has it");
        });
    })
    .in_pairs(),
    scene("cancel", "an asynchronous wait for all, by dropping it", 0, |s| {
        let all = [s.object("m", MUTEX), s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true }), s.object("o", AUTO)];
        s.act(Scope::Process, || drop(begin(&all, Mode::All, Timeout::INFINITE)));
        s.check(|| {
            all[2].set().unwrap();
            s.settle();
            assert!(all[1].is_set().unwrap() && all[2].is_set().unwrap() && s.waiting() == 0, "nobody has them");
            s.whole_mutex(all[0], false);
        });
    })
    .in_pairs(),
    scene("cancel", "a wait that was granted in the same instant", 0, |s| {
        let event = s.object("e", AUTO);
        says_taken(s);
        s.act(Scope::Process, || {
            let (wait, told) = begin(&[event], Mode::Any, Timeout::INFINITE);
            told.recv().unwrap();
            drop(wait); // it goes back
        });
        s.meanwhile(|| {
            s.await_victims_waiting();
            event.set().unwrap();
        });
        s.check(|| {
            s.settle();
            // Who dies between having it and giving it back is one who had it.
            assert!(event.is_set().unwrap() || s.words(0) == 1 && !s.all_done());
        });
    }),
    scene("time-out", "of a wait for an event", 0, |s| {
        let event = s.object("e", AUTO);
        s.act(Scope::Thread, || assert_eq!(got(event.acquire(soon(), None).unwrap()), 0));
        s.check(|| {
            event.set().unwrap();
            s.settle();
            assert!(event.is_set().unwrap() && s.waiting() == 0, "nobody has it");
        });
    })
    .in_pairs(),
    scene("time-out", "of a wait for a mutex", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Witness) {
            get(mutex);
        }
        s.act(Scope::Thread, || assert_eq!(got(mutex.acquire(soon(), None).unwrap()), 0));
        s.check(|| {
            assert!(mutex.held().is_ok());
            mutex.release().unwrap();
            s.whole_mutex(mutex, false);
        });
    })
    .in_pairs(),
    scene("time-out", "of a wait for all", 0, |s| {
        let all = [s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true }), s.object("o", AUTO)];
        s.act(Scope::Thread, || assert_eq!(got(wait(&all, Mode::All, By::Thread, soon(), None).unwrap()), 0));
        s.check(|| {
            assert!(all[0].is_set().unwrap());
            all[1].set().unwrap();
            s.settle();
            assert!(all[0].is_set().unwrap() && all[1].is_set().unwrap() && s.waiting() == 0, "nobody has them");
        });
    })
    .in_pairs(),
    scene("time-out", "of an asynchronous wait, by the keeper", 0, |s| {
        let event = s.object("e", AUTO);
        s.act(Scope::Process, || {
            let (wait, told) = begin(&[event], Mode::Any, soon());
            told.recv().unwrap();
            assert!(matches!(wait.poll(), Some(Ok(Outcome::TimedOut))));
        });
        s.check(|| {
            event.set().unwrap();
            s.settle();
            assert!(event.is_set().unwrap() && s.waiting() == 0, "nobody has it");
        });
    })
    .in_pairs(),
    scene("time-out", "in the instant of the grant", 0, |s| {
        let event = s.object("e", AUTO);
        says_taken(s);
        s.act(Scope::Thread, || _ = event.acquire(soon(), None).unwrap());
        s.meanwhile(|| {
            s.await_victims_waiting();
            std::thread::sleep(Duration::from_millis(1));
            event.set().unwrap();
        });
        s.check(|| {
            s.settle();
            assert_eq!(event.is_set().unwrap(), s.words(0) == 0);
        });
    }),
    // --- timers
    scene("set-timer", "to a time that has passed, while one sleeps for it", 1, |s| {
        let timer = s.object("t", TIMER);
        says_timer(s, timer);
        s.sleeper(0, || sleep_for(timer));
        s.act(Scope::Thread, || set_timer(timer, Duration::ZERO, Duration::ZERO));
        s.check(|| set_or_not(s, timer));
    })
    .alone(), // who was roused is a user, too, and may be the first to meet what is half done
    scene("set-timer", "that one waits for asynchronously", 1, |s| {
        let timer = s.object("t", TIMER);
        says_timer(s, timer);
        s.sleeper(0, || sleep_async(&[timer], Mode::Any, false));
        s.act(Scope::Thread, || set_timer(timer, Duration::ZERO, Duration::ZERO));
        s.check(|| set_or_not(s, timer));
    })
    .alone(),
    scene("set-timer", "to a time that comes, while one waits for it and an event", 1, |s| {
        let (timer, event) = (s.object("t", TIMER), s.object("e", Spec::Event { reset: Reset::Auto, initially_set: true }));
        says_timer(s, timer);
        s.sleeper(0, || (get_in(&[event, timer], Mode::All).index + 2) as u64);
        s.act(Scope::Thread, || set_timer(timer, Duration::from_micros(300), Duration::ZERO));
        s.check(|| {
            set_or_not(s, timer);
            assert!(!event.is_set().unwrap() || s.outcome(0).is_none(), "both or none");
        });
    })
    .alone(),
    scene("set-timer", "which was set, and signalled", 0, |s| {
        let timer = s.object("t", TIMER);
        says_timer(s, timer);
        if s.is(Role::Victim) {
            set_timer(timer, Duration::ZERO, Duration::ZERO);
        }
        s.act(Scope::Thread, || set_timer(timer, HOUR, HOUR));
        s.check(|| {
            s.settle();
            let (seen, was_set) = (timer.timer_state().unwrap(), s.words(0) >> 2 == 2);
            assert_eq!((seen.signaled, seen.remaining.is_some(), seen.period == HOUR), (!was_set, was_set, was_set));
            assert!(was_set || !s.all_done());
            assert_eq!(timer.try_acquire().unwrap().is_some(), !was_set);
        });
    }),
    scene("cancel-timer", "which is set, and one sleeps for it", 1, |s| {
        let timer = s.object("t", TIMER);
        says_timer(s, timer);
        s.sleeper(0, || sleep_for(timer));
        if s.is(Role::Victim) {
            set_timer(timer, HOUR, HOUR);
        }
        s.act(Scope::Thread, || timer.cancel_timer().unwrap());
        s.check(|| {
            s.settle();
            let seen = timer.timer_state().unwrap();
            assert_eq!((seen.signaled, seen.remaining.is_some()), (false, s.words(0) & 2 != 0));
            assert!(seen.remaining.is_none() || !s.all_done());
            set_timer(timer, Duration::ZERO, Duration::ZERO);
            assert!(s.outcome(0) != Some(0));
        });
    }),
    scene("expire", "as it is tried", 0, |s| {
        let timer = s.object("t", TIMER);
        says_timer(s, timer);
        if s.is(Role::Victim) {
            set_timer(timer, Duration::from_millis(1), HOUR);
        }
        s.act(Scope::Thread, || {
            while crash::timer(timer) & 1 == 0 {
                std::hint::spin_loop();
            }
            assert!(timer.try_acquire().unwrap().is_some());
        });
        s.check(|| {
            s.settle();
            let left = s.words(0) & 1 == 1;
            assert_eq!((timer.timer_state().unwrap().signaled, timer.try_acquire().unwrap().is_some()), (left, left));
            assert!(timer.try_acquire().unwrap().is_none(), "one time, one wait");
            assert!(timer.timer_state().unwrap().remaining.is_some() && !(s.all_done() && left));
        });
    }),
    scene("expire", "as it is waited for", 0, |s| {
        let timer = s.object("t", TIMER);
        says_taken(s);
        if s.is(Role::Victim) {
            set_timer(timer, Duration::from_millis(20), HOUR);
        }
        s.act(Scope::Thread, || _ = get(timer));
        s.check(|| {
            s.settle();
            // (It may have died before its time.)
            assert!(s.poll(|| timer.timer_state().unwrap().remaining.is_some_and(|left| left > Duration::from_millis(20))));
            assert_eq!(timer.try_acquire().unwrap().is_some(), s.words(0) == 0, "one time, one wait");
            assert!(timer.try_acquire().unwrap().is_none());
        });
    }),
    scene("expire", "in the keeper, for two that wait asynchronously", 2, |s| {
        let timer = s.object("t", TIMER);
        (0..2).for_each(|i| s.sleeper(i, || sleep_async(&[timer], Mode::Any, false)));
        s.act(Scope::Process, || {
            let (wait, told) = begin(&[timer], Mode::Any, Timeout::INFINITE);
            set_timer(timer, Duration::from_millis(1), Duration::from_millis(1));
            told.recv().unwrap();
            drop(wait);
        });
        s.check(|| {
            s.settle();
            set_timer(timer, Duration::ZERO, Duration::from_micros(100)); // whoever is left gets one
            (0..2).for_each(|i| assert!(s.outcome(i) != Some(0)));
            timer.cancel_timer().unwrap();
        });
    }),
    // --- watchdogs
    scene("watchdog", "is started, refreshed and stopped", 0, |s| {
        let dog = s.object("w", dog(HOUR, Duration::ZERO, Action::None));
        says_watchdog(s, dog);
        s.act(Scope::Thread, || {
            dog.start_watchdog().unwrap();
            dog.refresh_watchdog().unwrap();
            dog.stop_watchdog().unwrap();
        });
        s.check(|| {
            s.settle();
            let (runs, pid) = (s.words(0) & 2 != 0, s.words(0) >> 2);
            let seen = dog.watchdog_state().unwrap();
            let expected = if runs { (WatchdogStage::Running, Some(pid as u32)) } else { (WatchdogStage::Stopped, None) };
            assert_eq!((seen.stage, seen.pid), expected);
            assert!(!runs || !s.all_done());
            assert!(dog.try_acquire().unwrap().is_none());
            dog.stop_watchdog().unwrap();
        });
    }),
    scene("watchdog", "has expired, is waited for and stopped", 0, |s| {
        let dog = s.object("w", dog(Duration::from_millis(1), Duration::ZERO, Action::None));
        says_watchdog(s, dog);
        if s.is(Role::Victim) {
            dog.start_watchdog().unwrap();
            while crash::watchdog(dog) & 1 == 0 {
                std::hint::spin_loop();
            }
        }
        s.act(Scope::Thread, || {
            assert!(dog.try_acquire().unwrap().is_some());
            dog.stop_watchdog().unwrap();
        });
        s.check(|| {
            s.settle();
            let seen = dog.watchdog_state().unwrap();
            assert_eq!(seen.stage == WatchdogStage::Stopped, s.words(0) & 1 == 0);
            assert!(seen.stage == WatchdogStage::Stopped || !s.all_done());
            assert_eq!(dog.try_acquire().unwrap().is_some(), seen.stage == WatchdogStage::Expired, "the state follows");
            dog.stop_watchdog().unwrap();
        });
    }),
    scene("bark", "kills the one who started it, who dies of it or before", 0, |s| {
        let dog = s.object("w", dog(Duration::from_millis(2), Duration::from_millis(2), Action::Kill));
        s.act(Scope::Process, || {
            dog.start_watchdog().unwrap();
            std::thread::sleep(LONG); // it does not come back
        });
        s.check(|| {
            s.settle();
            let seen = || dog.watchdog_state().unwrap().stage;
            assert!(s.poll(|| matches!(seen(), WatchdogStage::Expired | WatchdogStage::Stopped)), "{:?}", seen());
            dog.start_watchdog().unwrap();
            dog.stop_watchdog().unwrap();
            assert_eq!(seen(), WatchdogStage::Stopped);
        });
    })
    .alone(),
    // --- queues
    scene("send", "a short message, and a long one", 0, |s| {
        let reader = s.object("q", QUEUE);
        s.act(Scope::Thread, || {
            let writer = reader.open_end(QueueEnd::Write).unwrap();
            moved(writer.send(&[1; 16], false, Timeout::ZERO, None));
            moved(writer.send(&[2; 9000], false, Timeout::ZERO, None));
        });
        s.check(|| {
            s.settle();
            let lens = drain(reader);
            assert!([16, 9000].starts_with(&lens), "{lens:?}");
            assert!(!s.all_done() || lens.len() == 2);
            whole_queue(s, reader);
        });
    }),
    scene("receive", "a short message, and a long one", 0, |s| {
        let reader = s.object("q", QUEUE);
        if s.is(Role::Victim) {
            let writer = reader.open_end(QueueEnd::Write).unwrap();
            [16, 9000, 17].iter().for_each(|&len| moved(writer.send(&vec![3; len], false, Timeout::ZERO, None)));
        }
        s.act(Scope::Thread, || {
            let mut message = Vec::new();
            (0..2).for_each(|_| moved(reader.receive_vec(&mut message, Timeout::ZERO, None)));
        });
        s.check(|| {
            s.settle();
            let lens = drain(reader);
            assert!([16, 9000, 17].ends_with(&lens), "{lens:?}: one in the middle may be lost, no more");
            assert!(!lens.is_empty() && (!s.all_done() || lens.len() == 1));
            whole_queue(s, reader);
        });
    }),
    scene("reserve", "and commit, and drop", 0, |s| {
        let reader = s.object("q", QUEUE);
        s.act(Scope::Thread, || {
            let writer = reader.open_end(QueueEnd::Write).unwrap();
            let Ok(Outcome::Got(first)) = writer.reserve(100, true, Timeout::ZERO, None) else { panic!("there is room") };
            let Ok(Outcome::Got(second)) = writer.reserve(9000, false, Timeout::ZERO, None) else { panic!("there is room") };
            first.commit(50).unwrap();
            drop(second);
        });
        s.check(|| {
            s.settle();
            let lens = drain(reader);
            assert!([50].starts_with(&lens) && (!s.all_done() || lens.len() == 1), "{lens:?}");
            whole_queue(s, reader);
        });
    }),
    scene("reserve", "and drop while somebody who is stopped has the queue", 0, |s| {
        let reader = s.object("q", QUEUE);
        s.act(Scope::Thread, || {
            let writer = reader.open_end(QueueEnd::Write).unwrap();
            let Ok(Outcome::Got(room)) = writer.reserve(9000, false, Timeout::ZERO, None) else { panic!("there is room") };
            let ((tell, told), (end, ended)) = (mpsc::channel(), mpsc::channel::<()>());
            std::thread::scope(|scope| {
                scope.spawn(move || crash::while_locked(reader, || assert!(tell.send(()).is_ok() && ended.recv().is_err())).unwrap());
                told.recv().unwrap();
                drop(room);
                drop(end);
            });
        });
        s.check(|| {
            s.settle();
            let writer = reader.open_end(QueueEnd::Write).unwrap();
            let mut sent = 0;
            let mut fill = || {
                sent += got(writer.send(&[9; 16], false, Timeout::ZERO, None).unwrap());
                sent == 4
            };
            assert!(s.poll(&mut fill), "the keeper, or the reaper, gives the place back");
            assert_eq!(drain(reader), [16; 4]);
            writer.close().unwrap();
            whole_queue(s, reader);
        });
    }),
    scene("break", "a queue that loses its only writer", 0, |s| {
        let spec = Spec::Queue { end: QueueEnd::Read, max_messages: 4, max_size: 64, allow_broken: false, no_precommit: false };
        let reader = s.object("q", spec);
        s.act(Scope::Thread, || {
            let writer = reader.open_end(QueueEnd::Write).unwrap();
            moved(writer.send(&[1; 16], false, Timeout::ZERO, None));
            writer.close().unwrap();
            std::mem::forget(writer);
        });
        s.check(|| {
            s.settle();
            let error = reader.receive_vec(&mut Vec::new(), Timeout::ZERO, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected);
            let other = s.namespace().create(Some("q"), spec, Access::ALL).unwrap();
            let is_broken = reader.queue_info().is_err();
            assert_eq!(other.created().unwrap(), is_broken, "the name of a broken queue is free");
            assert!(is_broken || !s.all_done());
        });
    }),
    // --- hand-off: the front sleeper has waited for a millisecond, and is given the mutex
    scene("hand-off", "to a sleeper", 1, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.sleeper(0, || sleep_for_mutex(mutex));
        s.act(Scope::Thread, || {
            std::thread::sleep(Duration::from_millis(2));
            mutex.release().unwrap();
        });
        s.check(|| told_once(s, mutex));
    }),
    scene("hand-off", "to an asynchronous wait", 1, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.sleeper(0, || sleep_async(&[mutex], Mode::Any, false));
        s.act(Scope::Thread, || mutex.release().unwrap());
        s.check(|| told_once(s, mutex));
    }),
    scene("hand-off", "to one who dies on getting it", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Witness) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.act(Scope::Thread, || _ = get(mutex));
        s.meanwhile(|| {
            s.await_victims_waiting();
            std::thread::sleep(Duration::from_millis(2));
            mutex.release().unwrap();
        });
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    scene("hand-off", "to an asynchronous wait that dies on getting it", 0, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Witness) {
            get(mutex);
        }
        says_owner(s, mutex);
        s.act(Scope::Process, || _ = sleep_async(&[mutex], Mode::Any, true));
        s.meanwhile(|| {
            s.await_victims_waiting();
            mutex.release().unwrap();
        });
        s.check(|| s.whole_mutex(mutex, s.words(0) == 1));
    }),
    // --- watches
    scene("watch", "an event, until it is set, and again", 0, |s| {
        let event = s.object("e", AUTO);
        s.act(Scope::Process, || {
            let watch = event.pollable().unwrap();
            assert!(is_readable(&watch, -1));
            assert!(event.try_acquire().unwrap().is_some());
            assert!(event.try_acquire().unwrap().is_none() && !is_readable(&watch, 0));
        });
        s.meanwhile(|| {
            s.await_victims_waiting();
            event.set().unwrap();
        });
        s.check(|| {
            s.settle();
            assert!(!event.is_set().unwrap() || !s.all_done());
            event.set().unwrap();
            assert!(event.is_set().unwrap() && s.waiting() == 0);
        });
    }),
    scene("watch", "an event that somebody sets", 2, |s| {
        let event = s.object("e", AUTO);
        (0..2).for_each(|i| s.sleeper(i, || u64::from(is_readable(&event.pollable().unwrap(), -1))));
        s.act(Scope::Thread, || event.set().unwrap());
        s.check(|| {
            s.settle();
            if event.is_set().unwrap() {
                assert_eq!(s.waiting(), 0, "a watch is armed on what is set");
            } else {
                assert!(!s.all_done() && s.waiting() + s.doomed() >= 2);
                event.set().unwrap();
            }
            (0..2).for_each(|i| assert!(s.outcome(i) != Some(0), "not told"));
        });
    })
    .in_pairs(),
    scene("watch", "a mutex that its owner releases, or dies with", 2, |s| {
        let mutex = s.object("m", MUTEX);
        if s.is(Role::Victim) {
            get(mutex);
        }
        (0..2).for_each(|i| s.sleeper(i, || u64::from(is_readable(&mutex.pollable().unwrap(), -1))));
        says_owner(s, mutex);
        s.act(Scope::Thread, || mutex.release().unwrap());
        s.check(|| {
            (0..2).for_each(|i| assert!(s.outcome(i) != Some(0), "not told"));
            s.whole_mutex(mutex, s.words(0) == 1);
        });
    }),
    // --- jobs
    scene("terminate", "a job of two", 0, |s| {
        let job = staffed_job(s, 2);
        s.act(Scope::Thread, || job.into_iter().for_each(|job| job.terminate_job(7).unwrap()));
        s.check(|| {
            let Some(job) = job else { return };
            s.settle();
            let living = job.job_pids().unwrap().len();
            if job.job_backend().unwrap() == "processes" {
                let is_terminated = job.try_acquire().unwrap().is_some();
                assert!(living == if is_terminated { 0 } else { 2 }, "terminated: {is_terminated}, {living} live");
            }
            whole_job(s, job);
        });
    }),
    scene("assign", "a process to a job", 0, |s| {
        let job = staffed_job(s, 1);
        let child = s.is(Role::Victim).then(|| sleeper().spawn().unwrap().id());
        s.last_words(move || child.unwrap_or(0).into());
        s.act(Scope::Thread, || job.into_iter().for_each(|job| job.assign(child.unwrap().into()).unwrap()));
        s.check(|| {
            let child = s.words(0) as u32;
            if let Some(job) = job {
                s.settle();
                let is_member = job.job_has(child.into()).unwrap();
                assert_eq!(job.job_pids().unwrap().len(), 1 + usize::from(is_member));
                assert!(is_member || s.done().0 == 0, "assigned, and no member");
                whole_job(s, job);
            }
            // SAFETY: takes numbers: a process of the victim's, or nobody.
            unsafe { libc::kill(child as i32, libc::SIGKILL) };
        });
    }),
    // --- fork
    scene("fork", "holding everything", 0, |s| {
        let (event, mutex, semaphore) = (s.object("e", AUTO), s.object("m", MUTEX), s.object("r", robust(2, 2)));
        s.namespace();
        if s.is(Role::Victim) {
            make(s, Some("inherited"), MANUAL);
            get(mutex);
            get(semaphore);
        }
        s.act(Scope::Process, || {
            // SAFETY: the child calls only what a forked child of this library may call, and ends by an exit.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                s.board.offspring.store(std::process::id() as i32, SeqCst);
                event.set().unwrap();
                assert!(mutex.release().is_err(), "nothing that is owned passes");
                std::process::exit(0);
            }
            // SAFETY: a child of ours; its status is not asked for.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        });
        s.check(|| {
            s.whole_mutex(mutex, true);
            s.offspring_is_gone();
            s.settle();
            assert_eq!(semaphore.available().unwrap(), 2);
            assert!(event.is_set().unwrap() || !s.all_done());
            name_is_free(s, "inherited", AUTO);
        });
    }),
];

/// Somebody else of the play may have it open still.
fn name_is_free_when_left(s: &Stage, name: &str) {
    if !s.in_company() {
        name_is_free(s, name, MUTEX);
    }
}

fn is_readable(watch: &impl AsFd, millis: i32) -> bool {
    let mut fd = libc::pollfd { fd: watch.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&mut fd, 1, millis) == 1 }
}
