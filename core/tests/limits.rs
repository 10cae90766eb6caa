//! Tables that are full: a clear error, nothing half-made, and everything works again when some is given back.

use byname::engine::{self, Handle, Kind, Mode, Namespace, PendingWait, Reset, Spec};
use byname::{Access, ErrorKind, Result, Timeout};

fn session(name: &str) -> Namespace {
    Namespace::session(&format!("limits-{name}-{}", std::process::id())).unwrap()
}

fn event(namespace: &Namespace) -> Handle {
    namespace.create(None, Spec::Event { reset: Reset::Auto, initially_set: false }, Access::ALL).unwrap()
}

fn pend(event: &Handle) -> Result<PendingWait> {
    engine::start_wait(&[event.by_ref()], Mode::Any, false, Timeout::INFINITE, Box::new(|| ()))
}

#[test]
fn more_waits_than_the_table_holds() {
    let namespace = session("waits");
    let before = engine::usage(&namespace);
    let event = event(&namespace);
    let mut waits = Vec::new();
    let error = loop {
        match pend(&event) {
            Ok(wait) => waits.push(wait),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::LimitReached);
    assert!(error.message().contains("65536 waits"), "{error}");
    assert_eq!(waits.len(), 65_535, "index 0 is never dealt");
    event.set().unwrap();
    assert!(waits[0].poll().is_some(), "the oldest wait has it");
    drop(waits);
    event.set().unwrap();
    assert!(pend(&event).unwrap().poll().is_some(), "there is room again");
    drop(event);
    assert_eq!(engine::usage(&namespace).waiters, before.waiters, "nothing leaked");
}

#[test]
fn more_handles_than_the_table_holds() {
    let namespace = session("handles");
    let event = event(&namespace);
    let mut handles = Vec::new();
    let error = loop {
        match event.duplicate() {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.win32()), (ErrorKind::LimitReached, 4));
    assert_eq!(namespace.open(Some("nothing"), Kind::Event, Access::ALL).unwrap_err().kind(), ErrorKind::NotFound, "other calls go on");
    handles.truncate(10);
    assert!(event.duplicate().is_ok(), "there is room again");
}
