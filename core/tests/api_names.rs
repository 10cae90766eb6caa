//! Names, kinds, handles and access rights through the typed API: contract 1.2, 1.3, 2 and 0.5.

mod api_support;

use api_support::{in_thread, session};
use byname::{
    Access, Error, ErrorKind, Event, Mapping, Mutex, Namespace, Process, Profile, Protect, Reset, Result, Semaphore, wait_all,
    wait_all_async, wait_any,
};
use std::time::Duration;

/// The number of the error, 0 for success.
fn number<T>(result: Result<T>) -> u32 {
    result.map_or_else(|error| error.win32(), |_| 0)
}

#[test]
fn the_grammar_answers_the_same_to_every_kind() {
    let namespace = session();
    let _foo = Event::options().namespace(&namespace).create("foo", Reset::Auto).unwrap();
    for (row, name, create, open) in [
        ("N2", "", 0, 6),
        ("N3", "free", 0, 2),
        ("N6", "Free", 0, 2),
        ("N9", "willy\\wonka", 3, 3),
        ("N10", "Local\\a\\b", 3, 3),
        ("N10", "Global\\a\\b", 3, 3),
        ("N11", "\\leading", 161, 161),
        ("N12", "Local\\", 123, 123),
        ("N12", "Global\\", 123, 123),
        ("N13", "Local\\\\double", 123, 123),
        ("N14", "nodir\\", 3, 3),
        ("N15", "foo\\bar", 6, 6),
        ("N16", "Local", 6, 6),
        ("N16", "Global", 6, 6),
        ("N16", "Session", 6, 6),
        ("N17", "local\\name", 3, 3),
        ("N20", "a/b:c*d \"..\u{7}\u{20ac}", 0, 2),
        ("N20", "..", 0, 2),
        ("NUL", "a\0b", 123, 123),
        ("later", "Global\\name", 50, 50),
        ("later", "Session\\1\\name", 50, 50),
    ] {
        let mutex = Mutex::options().namespace(&namespace);
        let event = Event::options().namespace(&namespace);
        let semaphore = Semaphore::options().namespace(&namespace);
        let opened = [number(mutex.open(name)), number(event.open(name)), number(semaphore.open(name))];
        assert_eq!(opened, [open; 3], "{row}: open {name:?}");
        let created = [number(mutex.create(name)), number(event.create(name, Reset::Auto)), number(semaphore.create(name, 0, 1))];
        assert_eq!(created, [create; 3], "{row}: create {name:?}");
    }
}

#[test]
fn length_is_counted_in_utf16_units() {
    let namespace = session();
    let options = Mutex::options().namespace(&namespace);
    for unit in ["a", "\u{20ac}"] {
        let longest = unit.repeat(260);
        let mutex = options.create(&longest).unwrap();
        assert_eq!(mutex.name(), Some(longest.clone()));
        assert!(!options.create(&longest).unwrap().created(), "found again");
        let error = options.create(&unit.repeat(261)).unwrap_err();
        assert_eq!((error.kind(), error.win32()), (ErrorKind::NameTooLong, 206));
        assert_eq!(number(options.open(&unit.repeat(261))), 206);
    }
    assert_eq!(number(options.create(&"\u{1f600}".repeat(130))), 0);
    assert_eq!(number(options.create(&"\u{1f600}".repeat(131))), 206);
    assert_eq!(number(options.create(&format!("Local\\{}", "a".repeat(255)))), 206, "the prefix counts");
}

#[test]
fn checks_come_in_the_order_of_the_contract() {
    let namespace = session();
    let options = Semaphore::options().namespace(&namespace);
    assert_eq!(number(options.create(&"a".repeat(261), 2, 1)), 206, "length before counts");
    assert_eq!(number(options.create("\\x", 2, 1)), 87, "counts before syntax");
}

#[test]
fn the_empty_name_is_no_name() {
    let namespace = session();
    let options = Event::options().namespace(&namespace);
    let (one, two) = (options.create("", Reset::Manual).unwrap(), options.create("", Reset::Manual).unwrap());
    assert!(one.created() && two.created());
    one.set().unwrap();
    assert!(!two.is_set().unwrap(), "two objects");
}

#[test]
fn the_prefix_local_is_the_same_place() {
    let namespace = session();
    let options = Event::options().namespace(&namespace);
    let plain = options.create("prefixed", Reset::Manual).unwrap();
    let local = options.create("Local\\prefixed", Reset::Manual).unwrap();
    assert!(plain.created() && !local.created());
    local.set().unwrap();
    assert!(plain.is_set().unwrap(), "N7");
}

#[test]
fn all_kinds_share_one_name_space() {
    let namespace = session();
    let _event = Event::options().namespace(&namespace).create("an event", Reset::Auto).unwrap();
    for error in [
        Mutex::options().namespace(&namespace).create("an event").unwrap_err(),
        Mutex::options().namespace(&namespace).open("an event").unwrap_err(),
        Semaphore::options().namespace(&namespace).create("an event", 1, 1).unwrap_err(),
        Semaphore::options().namespace(&namespace).open("an event").unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.win32()), (ErrorKind::WrongKind, 6), "N5");
        assert!(error.message().contains("an event"), "the message names the object: {error}");
    }
}

#[test]
fn one_of_many_creators_is_told() {
    const THREADS: usize = 16;
    let namespace = session();
    let start = std::sync::Barrier::new(THREADS);
    let events: Vec<_> = std::thread::scope(|s| {
        let racer = || {
            start.wait();
            Event::options().namespace(&namespace).create("race", Reset::Manual).unwrap()
        };
        let racers: Vec<_> = (0..THREADS).map(|_| s.spawn(racer)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(events.iter().filter(|event| event.created()).count(), 1);
    events[0].set().unwrap();
    assert!(events.iter().all(|event| event.is_set().unwrap()), "one object");
}

#[test]
fn sessions_are_apart() {
    let one = session();
    let two = Namespace::session(&format!("api-{}-two", std::process::id())).unwrap();
    let first = Mutex::options().namespace(&one).create("in both").unwrap();
    let second = Mutex::options().namespace(&two).create("in both").unwrap();
    assert!(first.created() && second.created());
    assert_eq!((first.namespace().unwrap(), second.namespace().unwrap()), (one, two));
    let error = wait_any(&[&first, &second], Duration::ZERO).unwrap_err();
    assert_eq!(error.win32(), 50, "a wait stays in one namespace: {error}");
    for bad in ["", "a/b", "a b", &"x".repeat(65)] {
        assert_eq!(Namespace::session(bad).unwrap_err().win32(), 87, "session {bad:?}");
    }
}

#[test]
fn what_a_later_version_brings_says_so() {
    assert_eq!(Namespace::private("boundary", "alias").unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn the_profiles_of_a_namespace_never_meet() {
    let desktop = session();
    let ce = desktop.profile(Profile::Ce).unwrap();
    assert_eq!((ce.rules(), ce.path(), ce.profile(Profile::Desktop).unwrap()), (Profile::Ce, desktop.path(), desktop));
    assert_ne!(ce, desktop);
    let theirs = Mutex::options().namespace(&desktop).create("two profiles").unwrap();
    let ours = Mutex::options().namespace(&ce).create("two profiles").unwrap();
    let event = Event::options().namespace(&ce).create("two profiles", Reset::Manual).unwrap();
    assert!(theirs.created() && ours.created() && event.created());
    let _held = theirs.lock().unwrap();
    assert!(in_thread(move || ours.try_lock().unwrap().is_some()), "another mutex than theirs");
    assert_eq!((event.name().as_deref(), event.namespace().unwrap()), (Some("two profiles"), ce));
    drop(event);
    assert_eq!(number(Event::options().namespace(&ce).open("two profiles")), 2);
}

#[test]
fn ce_waits_for_no_all_whoever_asks_for_it() {
    let ce = session().profile(Profile::Ce).unwrap();
    let set = || Event::options().namespace(&ce).initially_set().unnamed(Reset::Auto).unwrap();
    let (one, two) = (set(), set());
    assert_eq!(number(wait_all(&[&one, &two], Duration::ZERO)), 87);
    assert_eq!(number(wait_all(&[&one], Duration::ZERO)), 87);
    assert_eq!(number(pollster::block_on(wait_all_async(&[&one, &two], None))), 87);
    assert!(one.is_set().unwrap() && two.is_set().unwrap(), "nothing is consumed");
    let process = Process::open_in(&ce, std::process::id(), Access::ALL).unwrap();
    assert_eq!(number(wait_all(&[&process], Duration::ZERO)), 87);
}

#[test]
fn ce_memory_is_not_mapped_for_reading_alone() {
    let ce = session().profile(Profile::Ce).unwrap();
    let options = Mapping::options().namespace(&ce);
    assert_eq!(number(options.protect(Protect::READONLY).create("7.6", 4096)), 87);
    assert!(options.create("7.6", 4096).unwrap().created(), "nothing was made");
    assert_eq!(options.create("7.6", 9).unwrap().size().unwrap(), 4096, "the size it has");
}

#[test]
fn rights_that_do_not_exist_are_refused() {
    let namespace = session();
    let _mutex = Mutex::options().namespace(&namespace).create("rights").unwrap();
    let open = |mask| number(Mutex::options().namespace(&namespace).access(Access(mask)).open("rights"));
    assert_eq!(open(0), 5);
    for bit in 0..32 {
        let expected = match bit {
            0 | 16..=20 | 25 | 28..=31 => 0,
            24 => 1314, // ACCESS_SYSTEM_SECURITY is a matter of privilege
            _ => 5,
        };
        assert_eq!(open(1 << bit), expected, "bit {bit}");
    }
    let missing = Mutex::options().namespace(&namespace).access(Access(0)).open("no such rights");
    assert_eq!(number(missing), 2, "the absent name is noticed first");
}

#[test]
fn a_handle_can_do_what_it_was_opened_for() {
    let namespace = session();
    let all = Event::options().namespace(&namespace).create("observed", Reset::Auto).unwrap();
    let waiter = Event::options().namespace(&namespace).access(Access::SYNCHRONIZE).open("observed").unwrap();
    let setter = Event::options().namespace(&namespace).access(Access::MODIFY_STATE).open("observed").unwrap();
    assert_eq!([number(waiter.set()), number(waiter.reset()), number(waiter.pulse())], [5; 3], "E10");
    assert_eq!([number(setter.wait_for(Duration::ZERO)), number(wait_any(&[&setter], Duration::ZERO))], [5; 2], "WT4");
    assert_eq!([number(waiter.is_set()), number(setter.is_set())], [5; 2], "looking is a right too");
    setter.set().unwrap();
    assert_eq!(waiter.wait_for(Duration::ZERO).unwrap(), Some(()));
    assert!(!all.is_set().unwrap());

    let counter = Semaphore::options().namespace(&namespace).create("counted", 1, 2).unwrap();
    let taker = Semaphore::options().namespace(&namespace).access(Access::SYNCHRONIZE).open("counted").unwrap();
    assert_eq!([number(taker.release(1)), number(taker.available())], [5; 2]);
    assert_eq!(counter.available().unwrap(), 1);

    let mutex = Mutex::options().namespace(&namespace).create("locked").unwrap();
    let reader = Mutex::options().namespace(&namespace).access(Access::QUERY_STATE).open("locked").unwrap();
    assert_eq!([number(reader.lock()), number(reader.try_lock())], [5; 2]);
    mutex.lock().unwrap().keep();
    reader.release().expect("releasing a mutex needs no right");
    assert_eq!(mutex.owner().unwrap(), None);
}

#[test]
fn a_copy_has_the_rights_of_its_original() {
    let waiter = Event::options().access(Access::SYNCHRONIZE).unnamed(Reset::Auto).unwrap();
    let copy = waiter.try_clone().unwrap();
    assert_eq!(number(copy.set()), 5);
    assert_eq!(copy.wait_for(Duration::ZERO).unwrap(), None);
}

#[test]
fn a_copy_is_the_same_object() {
    let semaphore = Semaphore::unnamed(0, 9).unwrap();
    let copy = semaphore.try_clone().unwrap();
    copy.release(4).unwrap();
    assert_eq!(semaphore.available().unwrap(), 4);
    semaphore.close().unwrap();
    assert_eq!(in_thread(|| copy.available().unwrap()), 4);
}

#[test]
fn a_refusal_names_the_object_and_the_cure() {
    let namespace = session();
    let message = |refused: Error| refused.message().to_owned();
    let made = Event::options().namespace(&namespace).create("told", Reset::Auto).unwrap();
    let waiter = Event::options().namespace(&namespace).access(Access::SYNCHRONIZE).open("told").unwrap();
    assert_eq!(
        message(waiter.set().unwrap_err()),
        "event \"told\": the handle was opened without MODIFY_STATE, which changing the object needs; open it with that right"
    );
    let taken = Mutex::options().namespace(&namespace).create("told").unwrap_err();
    assert_eq!(message(taken), "the name \"told\" belongs to an existing event; all kinds share one name space, use another name");

    let setter = Event::options().namespace(&namespace).access(Access::MODIFY_STATE).open("told").unwrap();
    let alone = pollster::block_on(setter.wait_async()).unwrap_err();
    assert!(message(alone).starts_with("event \"told\": the handle was opened without SYNCHRONIZE"), "no list, no place in it");
    let listed = wait_any(&[&made, &setter], None).unwrap_err();
    assert!(message(listed).starts_with("object 1 of the list: event \"told\": the handle was opened without SYNCHRONIZE"));

    let semaphore = Semaphore::options().namespace(&namespace).create("counted out", 1, 2).unwrap();
    assert_eq!(
        message(semaphore.release(2).unwrap_err()),
        "semaphore \"counted out\": releasing 2 would lift the count from 1 over the maximum 2; nothing was released, release only what was acquired"
    );
}

#[test]
fn a_copy_may_have_other_rights() {
    let namespace = session();
    let mapping = Mapping::options().namespace(&namespace).unnamed(4096).unwrap();
    let reads = mapping.try_clone_with(Access::MAP_READ).unwrap();
    assert_eq!((number(reads.view(.., Access::MAP_READ)), number(reads.view(.., Access::MAP_WRITE))), (0, 5), "DH4");
    assert_eq!(number(mapping.try_clone_with(Access(0)).unwrap().view(.., Access::MAP_READ)), 5, "DH4");
    let event = Event::options().namespace(&namespace).access(Access::SYNCHRONIZE).create("Local\\less", Reset::Auto).unwrap();
    let more = event.try_clone_with(Access::ALL).unwrap();
    assert_eq!((number(event.set()), number(more.set())), (5, 0), "DH5");
    assert_eq!((more.name().as_deref(), more.created()), (Some("Local\\less"), false));
    assert_eq!(number(event.try_clone_with(Access(4))), 5);
}
