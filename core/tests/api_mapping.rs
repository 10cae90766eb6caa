//! Mappings: contract 7, and the version that is ours. Other processes are this test binary again, in the role that an environment variable names.

mod api_support;

use api_support::actor::{self, Actor};
use api_support::{LONG, SHORT, in_thread, session, watchdog};
use byname::{Access, ErrorKind, Mapping, Mutex, Protect, Reset, View, engine};
use std::fs::File;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

const READ: Access = Access::MAP_READ;
const WRITE: Access = Access::MAP_WRITE;
const COPY: Access = Access::MAP_COPY;

fn options() -> byname::MappingOptions<'static> {
    let session = session();
    Mapping::options().namespace(&session)
}

fn text(view: &View, offset: usize, len: usize) -> String {
    let mut bytes = vec![0; len];
    view.read(offset, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn numbers<T: std::fmt::Debug>(result: byname::Result<T>) -> (ErrorKind, u32) {
    let error = result.unwrap_err();
    (error.kind(), error.win32())
}

/// Files beside the arena that hold memory of objects of this session.
fn memory_files() -> usize {
    let arena = session().path().to_owned();
    use std::os::unix::fs::MetadataExt;
    let number = std::fs::metadata(&arena).unwrap().ino();
    let prefix = format!("byname.v1.memory.{}.{number:x}.", std::fs::metadata(&arena).unwrap().uid());
    std::fs::read_dir(arena.parent().unwrap()).unwrap().flatten().filter(|e| e.file_name().to_str().unwrap().starts_with(&prefix)).count()
}

/// A file of this test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("byname-mapping-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        Scratch(path)
    }

    fn open(&self) -> File {
        File::options().read(true).write(true).open(&self.0).unwrap()
    }

    fn content(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn memory_is_zero_shared_and_private_as_its_views_are() {
    let _watchdog = watchdog();
    let (one, other) = (options().create("shared", 3 * 65536).unwrap(), options().open("shared").unwrap());
    assert!(one.created() && !other.created());
    let (writer, reader) = (one.view(65536.., WRITE).unwrap(), other.view(.., READ).unwrap());
    assert_eq!((writer.len(), reader.len()), (2 * 65536, 3 * 65536));
    assert_eq!(text(&reader, 65536, 5), "\0\0\0\0\0");
    let copy = other.view(65536.., COPY).unwrap();
    copy.write(4096, b"mine").unwrap();
    writer.write(0, b"both").unwrap();
    writer.write(4096, b"theirs").unwrap();
    assert_eq!((text(&copy, 0, 4), text(&copy, 4096, 4)), ("both".into(), "mine".into()), "V8: untouched pages are shared");
    assert_eq!(text(&reader, 65536 + 4096, 6), "theirs");
    assert!(writer.is_writable() && writer.is_shared() && copy.is_writable() && !copy.is_shared() && !reader.is_writable());
    assert_eq!(numbers(reader.write(0, b"x")), (ErrorKind::AccessDenied, 5), "V16 as far as it can be said");
    assert_eq!(numbers(reader.as_mut_ptr()), (ErrorKind::AccessDenied, 5));
    assert_eq!(numbers(reader.atomic_u32(0)), (ErrorKind::AccessDenied, 5));
    for (offset, len) in [(2 * 65536, 1), (usize::MAX, 2), (1, 2 * 65536)] {
        assert_eq!(numbers(writer.write(offset, &vec![0; len])), (ErrorKind::InvalidArgument, 87));
        assert_eq!(numbers(writer.read(offset, &mut vec![0; len])), (ErrorKind::InvalidArgument, 87));
    }
    writer.atomic_u32(8).unwrap().store(0x6465_6162, Ordering::Release);
    assert_eq!(text(&reader, 65536 + 8, 4), "baed");
    for refused in [writer.atomic_u64(12).map(drop), writer.atomic_u32(2 * 65536).map(drop), writer.atomic_u32(2).map(drop)] {
        assert_eq!(numbers(refused), (ErrorKind::InvalidArgument, 87));
    }
    // SAFETY: the view is alive, and nobody else touches the byte.
    unsafe { writer.as_mut_ptr().unwrap().add(100).write_volatile(7) };
    // SAFETY: as above.
    assert_eq!(unsafe { reader.as_ptr().add(65536 + 100).read_volatile() }, 7);
}

#[test]
fn the_name_dies_with_the_last_handle_and_the_memory_with_the_last_view() {
    let _watchdog = watchdog();
    let mapping = options().create("lives", 65536).unwrap();
    let view = mapping.view(.., WRITE).unwrap();
    view.write(0, b"old").unwrap();
    let files = memory_files();
    mapping.close().unwrap();
    assert_eq!(memory_files(), files - 1, "the file goes with the name");
    assert_eq!(options().open("lives").unwrap_err().kind(), ErrorKind::NotFound);
    let anew = options().create("lives", 2 * 65536).unwrap();
    assert!(anew.created(), "contract 17: 0 and not 183");
    let fresh = anew.view(.., READ).unwrap();
    assert_eq!((text(&fresh, 0, 3), text(&view, 0, 3), fresh.len()), ("\0\0\0".into(), "old".into(), 2 * 65536));
}

#[test]
fn what_exists_stands_but_arguments_are_checked_first() {
    let _watchdog = watchdog();
    let first = options().create("stands", 4096).unwrap();
    let again = options().protect(Protect::READONLY).create("stands", 1 << 20).unwrap();
    assert!(!again.created());
    assert_eq!(again.state().unwrap(), first.state().unwrap(), "F11");
    assert_eq!(numbers(again.view(..8192, READ)), (ErrorKind::AccessDenied, 5), "contract 18");
    assert!(again.view(.., WRITE).is_ok(), "the protection of the existing one");
    assert_eq!(numbers(options().create("stands", 0)), (ErrorKind::InvalidArgument, 87), "F1 wins");
    assert_eq!(numbers(options().protect(Protect(0)).create("stands", 1)), (ErrorKind::InvalidArgument, 87), "F4 wins");
    let _mutex = Mutex::options().namespace(&session()).create("a mutex of that name").unwrap();
    assert_eq!(numbers(options().create("a mutex of that name", 1)), (ErrorKind::WrongKind, 6), "F12");
    assert_eq!(numbers(Mutex::options().namespace(&session()).create("stands")), (ErrorKind::WrongKind, 6));
}

#[test]
fn sizes_and_protections_are_those_of_the_contract() {
    let _watchdog = watchdog();
    for (asked, had) in [(1, 4096), (4090, 4096), (4096, 4096), (4097, 8192)] {
        assert_eq!(options().unnamed(asked).unwrap().size().unwrap(), had);
    }
    for size in [u64::MAX, u64::MAX - 4095, 1 << 63, (1 << 63) - 4096] {
        assert_eq!(numbers(options().unnamed(size)), (ErrorKind::NoSpace, 1455), "F13: {size:#x}");
    }
    const RO: u32 = 2;
    let wrong = [0, 1, 3, 6, 0x10, 0x44, 0x100, 0x22, 0x202, 0x1_0004, RO | 0x0200_0000];
    for bits in wrong {
        assert_eq!(numbers(options().protect(Protect(bits)).unnamed(1)), (ErrorKind::InvalidArgument, 87), "F4: {bits:#x}");
    }
    for bits in [2, 4, 8, 0x20, 0x40, 0x80] {
        assert_eq!(options().protect(Protect(bits)).unnamed(1).unwrap().state().unwrap().protect, Protect(bits));
    }
}

/// F15 to F19: the truth table of contract 7.1.
#[test]
fn attributes_go_together_as_the_table_says() {
    let _watchdog = watchdog();
    let file = Scratch::new("attributes", "some bytes");
    let open = file.open();
    let (c, r) = (Protect::COMMIT, Protect::RESERVE);
    let (n, w, l) = (Protect::NOCACHE, Protect::WRITECOMBINE, Protect::LARGE_PAGES);
    let (f, i) = (Protect::FILE, Protect::IMAGE);
    let good = [c, r, c | n, r | n, c | w, r | w];
    let bad = [r | c, n, w, l, r | l, f, f | c, f | r, f | i, i | c, i | r, i | l, i | w];
    for attributes in good {
        for made in [
            options().protect(Protect::READWRITE | attributes).unnamed(65536),
            options().file(&open).protect(Protect::READWRITE | attributes).unnamed(0),
        ] {
            made.unwrap().view(.., WRITE).unwrap().write(0, b"x").unwrap();
        }
    }
    for attributes in bad {
        for made in [
            options().protect(Protect::READWRITE | attributes).unnamed(65536),
            options().file(&open).protect(Protect::READWRITE | attributes).unnamed(0),
        ] {
            assert_eq!(numbers(made), (ErrorKind::InvalidArgument, 87), "{attributes:?}");
        }
    }
    assert_eq!(numbers(options().protect(Protect::READWRITE | c | l).unnamed(1)), (ErrorKind::AccessDenied, 1314), "F19");
    assert_eq!(numbers(options().file(&open).protect(Protect::READWRITE | c | l).unnamed(0)), (ErrorKind::InvalidArgument, 87));
    assert_eq!(numbers(options().protect(Protect::READWRITE | i).unnamed(1)), (ErrorKind::InvalidArgument, 193));
    assert_eq!(numbers(options().file(&open).protect(Protect::READONLY | i).unnamed(0)), (ErrorKind::InvalidArgument, 193));
}

#[test]
fn reserved_memory_is_all_there_and_lazy_memory_is_not() {
    use std::os::unix::fs::MetadataExt;
    let _watchdog = watchdog();
    let held = |name: &str, protect: Protect| {
        let mapping = options().protect(protect).create(name, 1 << 20).unwrap();
        let arena = session().path().to_owned();
        let newest = std::fs::read_dir(arena.parent().unwrap())
            .unwrap()
            .flatten()
            .filter(|e| e.file_name().to_str().unwrap().starts_with("byname.v1.memory."))
            .filter_map(|e| e.metadata().ok())
            .filter(|m| m.len() == 1 << 20)
            .map(|m| m.blocks() * 512)
            .collect::<Vec<_>>();
        drop(mapping);
        newest
    };
    assert!(held("whole", Protect::READWRITE).contains(&(1 << 20)));
    assert!(held("lazy", Protect::READWRITE | Protect::RESERVE).contains(&0));
}

#[test]
fn views_are_refused_as_the_contract_says() {
    let _watchdog = watchdog();
    let mapping = options().unnamed(2 * 65536).unwrap();
    let id = {
        let handle = session().create_mapping(None, &spec(2 * 65536), Access::ALL).unwrap();
        engine::HandleRef::from_id(handle.into_id())
    };
    for offset in [1, 4096, 65535, 65537] {
        assert_eq!(numbers(mapping.view(offset.., READ)), (ErrorKind::Misaligned, 1132), "V1");
    }
    assert_eq!(mapping.view(65536.., READ).unwrap().len(), 65536, "V2");
    for (offset, bytes) in [(0, 2 * 65536 + 1), (65536, 65537), (65536, u64::MAX), (0, u64::MAX)] {
        assert_eq!(numbers(id.map(READ, offset, bytes, 0)), (ErrorKind::AccessDenied, 5), "V3");
    }
    for offset in [2 * 65536, 3 * 65536, u64::MAX - 65535] {
        assert_eq!(numbers(mapping.view(offset.., READ)), (ErrorKind::AccessDenied, 5), "V4");
    }
    assert_eq!(numbers(id.map(Access(0x100), 0, 0, 0)), (ErrorKind::InvalidArgument, 87));
    assert_eq!(numbers(id.map(Access(0x10), 0, 0, 4096)), (ErrorKind::Misaligned, 1132), "V12");
    assert!(!id.map(Access(0), 0, 0, 0).unwrap().is_writable(), "V11: like READ");
    assert!(id.map(Access(0xF_001F), 0, 0, 0).unwrap().is_shared(), "ALL_ACCESS writes");
    let here = mapping.view(.., READ).unwrap();
    let taken = (here.as_ptr() as usize).next_multiple_of(65536);
    assert_eq!(numbers(mapping.view_at(taken, .., READ)), (ErrorKind::InvalidArgument, 487), "V13");
    let free = 0x2000_0000_0000;
    assert_eq!(mapping.view_at(free, .., READ).unwrap().as_ptr() as usize, free);
    assert_eq!(numbers(mapping.view(5..5, READ)), (ErrorKind::InvalidArgument, 87));
    assert_eq!(numbers(mapping.view((Bound::Included(9), Bound::Included(3)), READ)), (ErrorKind::InvalidArgument, 87));
    id.close().unwrap();
    assert_eq!(numbers(id.map(READ, 0, 0, 0)), (ErrorKind::Closed, 6), "V14");
    let event = session().create(None, engine::Spec::Event { reset: Reset::Auto, initially_set: false }, Access::ALL).unwrap();
    assert_eq!(numbers(event.map(READ, 0, 0, 0)), (ErrorKind::WrongKind, 6), "V14");
}

fn spec(size: u64) -> engine::MappingSpec<'static> {
    engine::MappingSpec { size, protect: Protect::READWRITE, backing: engine::Backing::Memory }
}

/// V5 to V10, 2.5: what the protection and the handle allow.
#[test]
fn rights_of_handles_and_protections_are_kept_apart() {
    let _watchdog = watchdog();
    let all = [READ, WRITE, COPY, READ | Access::MAP_EXECUTE];
    let may = |mapping: &Mapping| all.map(|access| mapping.view(.., access).map(drop).map_err(|e| e.win32()));
    for (protect, allowed) in [
        (Protect::READONLY, [Ok(()), Err(5), Ok(()), Err(5)]),
        (Protect::READWRITE, [Ok(()), Ok(()), Ok(()), Err(5)]),
        (Protect::WRITECOPY, [Ok(()), Err(5), Ok(()), Err(5)]),
    ] {
        assert_eq!(may(&options().protect(protect).unnamed(1).unwrap()), allowed, "{protect:?}");
    }
    let whole = options().create("rights", 4096).unwrap();
    for (access, allowed) in [
        (READ, [Ok(()), Err(5), Ok(()), Err(5)]),
        (COPY, [Ok(()), Err(5), Ok(()), Err(5)]),
        (WRITE, [Err(5), Ok(()), Err(5), Err(5)]),
        (Access(0x8000_0000), [Ok(()), Err(5), Ok(()), Err(5)]),
        (Access(0x4000_0000), [Err(5), Ok(()), Err(5), Err(5)]),
        (Access(0x1000_0000), [Ok(()), Ok(()), Ok(()), Err(5)]),
        (Access(0xF_001F), [Ok(()), Ok(()), Ok(()), Err(5)]),
        (Access(0x0002_0000), [Err(5), Err(5), Err(5), Err(5)]),
    ] {
        assert_eq!(may(&options().access(access).open("rights").unwrap()), allowed, "{access:?}");
    }
    assert_eq!(numbers(options().access(Access(0)).open("rights")), (ErrorKind::AccessDenied, 5));
    assert_eq!(numbers(options().access(Access(0x40)).open("rights")), (ErrorKind::AccessDenied, 5));
    assert_eq!(numbers(options().access(Access(0x0100_0000)).open("rights")), (ErrorKind::AccessDenied, 1314));
    let handle = session().open(Some("rights"), engine::Kind::Mapping, WRITE).unwrap();
    assert_eq!((handle.access().unwrap(), handle.duplicate().unwrap().access().unwrap()), (Access(0x2_0002), Access(0x2_0002)));
    drop(whole);
}

/// Contract 7.5, 10.1: nothing is consumed by a wait that a mapping is part of.
#[test]
fn a_mapping_is_never_waited_for() {
    use byname::engine::{By, Mode, start_wait, wait};
    let _watchdog = watchdog();
    let mapping = session().create_mapping(None, &spec(1), Access::ALL).unwrap();
    let spec = engine::Spec::Event { reset: Reset::Auto, initially_set: true };
    let event = session().create(None, spec, Access::ALL).unwrap();
    let refused = (ErrorKind::WrongKind, 6);
    let now = Duration::ZERO.into();
    assert_eq!(numbers(mapping.acquire(now, None)), refused);
    assert_eq!(numbers(mapping.try_acquire()), refused);
    assert_eq!(numbers(mapping.grant(By::Thread, now, None)), refused);
    assert_eq!(numbers(mapping.pollable()), refused);
    assert_eq!(numbers(mapping.fd()), refused);
    for mode in [Mode::Any, Mode::All] {
        assert_eq!(numbers(wait(&[*event, *mapping], mode, By::Thread, now, None)), refused);
        assert_eq!(numbers(start_wait(&[*event, *mapping], mode, false, now, Box::new(|| ()))), refused);
    }
    assert_eq!(numbers(engine::signal_and_wait(*event, *mapping, By::Thread, now, None)), refused);
    assert_eq!(numbers(engine::signal_and_wait(*mapping, *event, By::Thread, now, None)), refused);
    assert!(event.is_set().unwrap(), "nothing was consumed");
    assert_eq!(numbers(mapping.set()), refused);
}

#[test]
fn a_file_is_shown_lengthened_and_kept() {
    let _watchdog = watchdog();
    let file = Scratch::new("shown", "hello, world");
    let mapping = {
        let open = file.open();
        options().file(&open).create("a file", 0).unwrap()
    };
    assert_eq!((mapping.size().unwrap(), mapping.state().unwrap().has_file), (12, true), "F9");
    let view = mapping.view(.., WRITE).unwrap();
    assert_eq!((text(&view, 0, 12), view.len()), ("hello, world".into(), 12));
    view.write(0, b"HELLO").unwrap();
    view.flush(0, 0).unwrap();
    view.flush(3, 2).unwrap();
    assert_eq!(file.content(), "HELLO, world");
    assert_eq!(numbers(mapping.view(..13, READ)), (ErrorKind::AccessDenied, 5), "V3: exact");
    mapping.view(.., COPY).unwrap().write(0, b"xxxxx").unwrap();
    assert_eq!(file.content(), "HELLO, world", "V8");
    let part = options().file(&file.open()).unnamed(5).unwrap();
    assert_eq!(text(&part.view(.., READ).unwrap(), 0, 5), "HELLO", "F10");
    let longer = options().file(&file.open()).unnamed(70_000).unwrap();
    assert_eq!(std::fs::metadata(&file.0).unwrap().len(), 70_000, "F7");
    longer.view(65536.., WRITE).unwrap().write(0, b"end").unwrap();
    assert_eq!(&file.content()[65536..65539], "end");
    let same = options().create("a file", 1 << 20).unwrap();
    assert_eq!(text(&same.view(.., READ).unwrap(), 0, 5), "HELLO", "F11: its file stands");
}

#[test]
fn files_that_cannot_be_mapped_are_refused() {
    let _watchdog = watchdog();
    let (empty, some) = (Scratch::new("empty", ""), Scratch::new("some", "123"));
    let reading = File::open(&some.0).unwrap();
    let writing = File::options().write(true).open(&some.0).unwrap();
    let of = |file: BorrowedFd<'_>, protect, size| options().file(&file).protect(protect).unnamed(size);
    assert_eq!(numbers(of(empty.open().as_fd(), Protect::READWRITE, 0)), (ErrorKind::InvalidArgument, 1006), "F2");
    assert_eq!(numbers(of(reading.as_fd(), Protect::READWRITE, 0)), (ErrorKind::AccessDenied, 5), "F5");
    assert_eq!(numbers(of(writing.as_fd(), Protect::READONLY, 0)), (ErrorKind::AccessDenied, 5), "F5");
    assert_eq!(numbers(of(writing.as_fd(), Protect::READWRITE, 0)), (ErrorKind::AccessDenied, 5), "F5");
    for protect in [Protect::READONLY, Protect::WRITECOPY] {
        assert_eq!(numbers(of(reading.as_fd(), protect, 4)), (ErrorKind::NoSpace, 8), "F6");
        assert_eq!(of(reading.as_fd(), protect, 0).unwrap().size().unwrap(), 3);
    }
    assert_eq!(numbers(of(some.open().as_fd(), Protect::READWRITE, u64::MAX)), (ErrorKind::NoSpace, 112), "F8");
    assert_eq!(some.content(), "123");
    let folder = File::open(std::env::temp_dir()).unwrap();
    assert_eq!(numbers(of(folder.as_fd(), Protect::READONLY, 0)), (ErrorKind::WrongKind, 6));
    let closed = engine::MappingSpec { backing: engine::Backing::Descriptor(1 << 20), ..spec(1) };
    assert_eq!(numbers(session().create_mapping(None, &closed, Access::ALL)), (ErrorKind::Closed, 6), "F3");
    let missing = engine::MappingSpec { backing: engine::Backing::Path(Path::new("/no such file")), ..spec(1) };
    assert_eq!(numbers(session().create_mapping(None, &missing, Access::ALL)), (ErrorKind::NotFound, 2));
}

#[test]
fn a_program_that_closes_every_descriptor_keeps_its_mapping() {
    let _watchdog = watchdog();
    let file = Scratch::new("closed behind", "still here");
    let mapping = options().file(&file.open()).unnamed(0).unwrap();
    let name = std::fs::canonicalize(&file.0).unwrap();
    let mut closed = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if std::fs::read_link(entry.path()).is_ok_and(|target| target == name) {
            let fd: i32 = entry.file_name().to_str().unwrap().parse().unwrap();
            // SAFETY: as a daemon does it: the core's own descriptor of this file is closed behind its back.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            closed += 1;
        }
    }
    assert_eq!(closed, 1);
    assert_eq!(text(&mapping.view(.., READ).unwrap(), 0, 10), "still here");
}

#[test]
fn views_given_away_as_addresses_are_found_by_any_of_their_bytes() {
    let _watchdog = watchdog();
    let handle = session().create_mapping(None, &spec(65536), Access::ALL).unwrap();
    let address = handle.map(WRITE, 0, 0, 0).unwrap().into_address();
    let (view, offset) = engine::view_at(address + 65535).unwrap();
    assert_eq!((view.len(), offset), (65536, 65535));
    assert_eq!(numbers(engine::view_at(address + 65536).map(drop)), (ErrorKind::InvalidArgument, 487));
    assert_eq!(numbers(engine::view_at(address - 1).map(drop)), (ErrorKind::InvalidArgument, 487));
    engine::unmap(address + 17).unwrap();
    view.write(0, b"still mapped: somebody uses it").unwrap();
    assert_eq!(numbers(engine::unmap(address)), (ErrorKind::InvalidArgument, 487), "7.4");
    assert_eq!(numbers(engine::unmap(0)), (ErrorKind::InvalidArgument, 487));
}

#[test]
fn readers_see_whole_changes_and_are_told_of_each() {
    let _watchdog = watchdog();
    let mapping = options().unnamed(65536).unwrap();
    let (view, changed) = (mapping.view(.., WRITE).unwrap(), mapping.changed().unwrap());
    const ROUNDS: u8 = 200;
    std::thread::scope(|s| {
        s.spawn(|| {
            for round in 1..=ROUNDS {
                let change = mapping.change().unwrap();
                view.write(0, &[round; 3000]).unwrap();
                change.publish().unwrap();
            }
        });
        let mut seen = 0;
        let mut bytes = [0; 3000];
        while seen < u64::from(ROUNDS) {
            assert!(changed.wait_for(LONG).unwrap().is_some(), "told of every change after {seen}");
            let version = mapping.read_whole(&view, 0, &mut bytes).unwrap();
            assert!(bytes.iter().all(|byte| u64::from(*byte) == version), "torn at {version}");
            seen = version;
        }
    });
    assert_eq!(mapping.version().unwrap(), u64::from(ROUNDS));
}

#[test]
fn one_writes_at_a_time_and_a_dead_thread_is_noticed() {
    let _watchdog = watchdog();
    let mapping = options().unnamed(4096).unwrap();
    let view = mapping.view(.., WRITE).unwrap();
    let change = mapping.change().unwrap();
    assert_eq!(numbers(mapping.change().map(drop)), (ErrorKind::WouldDeadlock, 1131));
    in_thread(|| assert_eq!(numbers(mapping.change().map(drop)), (ErrorKind::NotOwner, 288)));
    assert_eq!(mapping.read_whole_for(&view, 0, &mut [0; 8], SHORT).unwrap(), None, "a living writer is waited for");
    drop(change);
    assert_eq!(mapping.read_whole(&view, 0, &mut [0; 8]).unwrap(), 1);
    in_thread(|| std::mem::forget(mapping.change().unwrap()));
    assert_eq!(numbers(mapping.read_whole(&view, 0, &mut [0; 8])), (ErrorKind::Disconnected, 109));
    let change = mapping.change().unwrap();
    assert!(change.abandoned());
    change.publish().unwrap();
    assert_eq!(mapping.read_whole(&view, 0, &mut [0; 8]).unwrap(), 2);
    assert!(!mapping.change().unwrap().abandoned());
    let reader = options().access(READ).create("read only here", 4096).unwrap();
    assert_eq!(numbers(reader.publish()), (ErrorKind::AccessDenied, 5));
    let writer = options().access(WRITE).open("read only here").unwrap();
    assert_eq!(numbers(writer.changed()), (ErrorKind::AccessDenied, 5));
    writer.publish().unwrap();
    assert_eq!(numbers(engine::HandleRef::from_id(7 << 32).end_change()), (ErrorKind::Closed, 6));
}

// --- other processes

/// Not a test of its own: what a child does.
#[test]
fn the_child() {
    let Some((role, path)) = actor::role() else { return };
    let mapping = match role.as_str() {
        "maker" => Mapping::create(&role, 65536).unwrap(),
        "half writer" | "half closer" => Mapping::open(&role).unwrap(),
        "unnamed file" => {
            let file = File::options().read(true).write(true).open(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            Mapping::of_file(&role, &file, 0).unwrap()
        }
        _ => Mapping::of_file(&role, &File::options().read(true).write(true).open(&path).unwrap(), 0).unwrap(),
    };
    let view = mapping.view(.., WRITE).unwrap();
    if role.starts_with("half") {
        std::mem::forget(mapping.change().unwrap());
    }
    view.write(0, b"by the child").unwrap();
    let _mapping = (role != "half closer").then_some(mapping);
    actor::ready();
    actor::stay();
}

#[test]
fn what_the_killed_wrote_stays_and_the_mapping_goes_with_its_last_holder() {
    let _watchdog = watchdog();
    let files = memory_files();
    let maker = Actor::start("maker", "");
    let mapping = options().open("maker").unwrap();
    let view = mapping.view(.., READ).unwrap();
    maker.kill();
    assert_eq!(text(&view, 0, 12), "by the child", "7.5");
    drop(mapping);
    assert_eq!(text(&view, 0, 12), "by the child");
    while options().open("maker").is_ok() || memory_files() > files {
        std::thread::yield_now(); // until the dead one is buried: the watchdog is the limit
    }
}

#[test]
fn a_writer_killed_in_the_middle_is_told_to_readers_and_to_the_next_writer() {
    let _watchdog = watchdog();
    // One that has closed its handle as well: it stays a holder for as long as its thread makes the change.
    for role in ["half writer", "half closer"] {
        let mapping = options().create(role, 65536).unwrap();
        let (view, changed) = (mapping.view(.., WRITE).unwrap(), mapping.changed().unwrap());
        let writer = Actor::start(role, "");
        assert!(changed.wait_for(Duration::ZERO).unwrap().is_none());
        writer.kill();
        assert!(changed.wait_for(LONG).unwrap().is_some(), "a bell for the death");
        assert_eq!(numbers(mapping.read_whole(&view, 0, &mut [0; 12])), (ErrorKind::Disconnected, 109));
        let change = mapping.change().unwrap();
        assert!(change.abandoned());
        change.publish().unwrap();
        assert_eq!(mapping.read_whole(&view, 0, &mut [0; 12]).unwrap(), 1);
    }
}

#[test]
fn a_file_is_found_by_its_path_and_the_maker_may_be_gone() {
    let _watchdog = watchdog();
    let file = Scratch::new("by path", "by whom? ...");
    let maker = Actor::start("by path", &file.0);
    let mapping = options().open("by path").unwrap();
    maker.kill();
    assert_eq!(text(&mapping.view(.., READ).unwrap(), 0, 12), "by the child");
    assert_eq!(file.content(), "by the child");
    let elsewhere = file.0.with_extension("moved");
    std::fs::rename(&file.0, &elsewhere).unwrap();
    assert!(mapping.view(.., READ).is_ok(), "this process has it open");
    std::fs::rename(&elsewhere, &file.0).unwrap();
}

#[test]
fn a_file_without_a_name_is_found_through_its_maker_and_not_after_him() {
    let _watchdog = watchdog();
    let file = Scratch::new("unnamed", "by whom? ...");
    let maker = Actor::start("unnamed file", &file.0);
    let one = options().open("unnamed file").unwrap();
    assert_eq!(text(&one.view(.., WRITE).unwrap(), 0, 12), "by the child");
    drop(one);
    std::fs::write(&file.0, "another file").unwrap();
    let two = options().open("unnamed file").unwrap();
    assert_eq!(text(&two.view(.., READ).unwrap(), 0, 12), "by the child", "the same path, and not the same file");
    drop(two);
    let three = options().open("unnamed file").unwrap();
    maker.kill();
    let error = three.view(.., READ).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::System, Some(2)));
    assert!(error.message().contains(file.0.to_str().unwrap()), "{error}");
}
