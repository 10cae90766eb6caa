//! Objects without a name in two processes, by a token: contract 2.3, DH12.

mod api_support;

use api_support::actor::{self, Actor};
use api_support::session;
use byname::{Access, Event, Mapping, Mutex, Profile, QueueOptions, QueueReader, QueueWriter, Reset, Result};

/// The number of the error, 0 for success.
fn number<T>(result: Result<T>) -> u32 {
    result.map_or_else(|error| error.win32(), |_| 0)
}

/// What another process does with a token.
#[test]
fn the_child() {
    let Some((role, token)) = actor::role() else { return };
    match role.as_str() {
        "sets" => Event::from_share(&token).unwrap().set().unwrap(),
        "sends" => QueueWriter::from_share(&token).unwrap().send(b"hello").unwrap(),
        _ => {
            let held = Mutex::from_share(&token).unwrap();
            std::mem::forget(held.lock().unwrap());
            actor::ready();
            actor::stay();
        }
    }
    actor::ready();
    actor::stay();
}

#[test]
fn a_token_leads_to_an_object_without_a_name() {
    let namespace = session();
    let event = Event::options().namespace(&namespace).unnamed(Reset::Manual).unwrap();
    let token = event.share().unwrap();
    let _child = Actor::start("sets", &token);
    assert!(event.is_set().unwrap(), "set by another process");
    assert_eq!(number(Mutex::from_share(&token)), 6, "of another kind");
    let same = Event::from_share(&token).unwrap();
    drop(event);
    assert!(same.is_set().unwrap(), "a handle of its own");
    drop(same);
    let _in_its_place = Event::options().namespace(&namespace).unnamed(Reset::Manual).unwrap();
    assert_eq!(number(Event::from_share(&token)), 2, "ended");
    for text in
        ["", "byname-1", "byname-1:1:2:3", &token.replace("byname-1", "byname-2"), &token.replace(":d:", ":x:"), &format!("{token}:")]
    {
        assert_eq!(number(Event::from_share(text)), 87, "{text:?}");
    }
    let far = format!("{}:ffffff:0:d:", token.split(':').take(3).collect::<Vec<_>>().join(":"));
    assert_eq!(number(Event::from_share(&far)), 2);
}

#[test]
fn every_kind_is_shared_with_what_it_holds() {
    let namespace = session();
    let queue = QueueOptions::new(4, 16).namespace(&namespace).allow_broken().unnamed().unwrap();
    let reader = queue.reader().unwrap();
    let _child = Actor::start("sends", reader.share().unwrap());
    assert_eq!(&reader.recv().unwrap()[..], b"hello");
    let event = Event::options().namespace(&namespace).unnamed(Reset::Auto).unwrap();
    assert_eq!(number(QueueReader::from_share(&event.share().unwrap())), 6);

    let mapping = Mapping::options().namespace(&namespace).unnamed(4096).unwrap();
    let view = mapping.view(.., Access::MAP_WRITE).unwrap();
    view.write(9, b"x").unwrap();
    let same = Mapping::from_share(&mapping.share().unwrap()).unwrap();
    drop((mapping, view));
    let mut seen = [0];
    same.view(.., Access::MAP_READ).unwrap().read(9, &mut seen).unwrap();
    assert_eq!((seen, same.size().unwrap()), (*b"x", 4096));

    let mutex = Mutex::options().namespace(&namespace).unnamed().unwrap();
    let owner = Actor::start("locks", mutex.share().unwrap());
    assert!(mutex.try_lock().unwrap().is_none());
    owner.kill();
    assert!(mutex.lock().unwrap().abandoned());
}

#[test]
fn a_token_keeps_the_profile_and_ends_with_the_object() {
    let ce = session().profile(Profile::Ce).unwrap();
    let event = Event::options().namespace(&ce).create("", Reset::Auto).unwrap();
    let same = Event::from_share(&event.share().unwrap()).unwrap();
    assert_eq!((same.namespace().unwrap(), same.name().as_deref()), (ce, Some("")));
}

#[test]
fn a_holder_that_was_killed_shares_nothing() {
    let namespace = session();
    let mutex = Mutex::options().namespace(&namespace).unnamed().unwrap();
    let token = mutex.share().unwrap();
    let other = Actor::start("locks", &token);
    drop(mutex);
    assert_eq!(number(Mutex::from_share(&token)), 0, "the other has it");
    other.kill();
    assert_eq!(number(Mutex::from_share(&token)), 2);
}
