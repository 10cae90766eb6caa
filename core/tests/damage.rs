//! Bytes of a living namespace that somebody has overwritten: an error, not a search without end.

use byname::{ErrorKind, Event, Namespace, Reset};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// Offsets in an object's record (docs/arena-format.md).
const NAME: u64 = 104;
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
