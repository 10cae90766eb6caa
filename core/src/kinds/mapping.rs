//! Shared memory: what a mapping keeps, and its version.
//!
//! *What it is.* A record and an annex. The bytes of an anonymous mapping are a file beside the arena (`arena/backing.rs`), whole and with memory behind it before
//! the object is published; those of a file are the file, and what stands beside the arena is its path. A view is pages of that file and needs nothing here any more.
//!
//! *The annex.* Words 0 to 6 stand still from [`build`] on: size; protection and attributes; device, inode, length of the path, and descriptor of a file (pid
//! and number plus one, in its maker); 7 and 8 are the version and its writer: `machines/version.rs`. As a mutex its owner, so a
//! mapping keeps in its holder set the process whose thread is the writer.
//!
//! *Bells.* Who waits for changes has an auto-reset event, one for each process, of a name that no program can pass: `changed\<mapping>\<process>`. A change
//! sets those of all processes that hold the mapping. So nobody needs to be entered anywhere: an event ends with its only holder.
//!
//! *Death.* In [`build`]: `bury` removes the file by the object's number. A writer's: see the version.
//!
//! *Who tells of it.* Readers and writers look at the thread's word ([`live`]). Bells are rung ([`let_go`]) by the thread itself, if it returns in the middle of a change;
//! by the keeper of its process within a second, if it vanished; by the reaper, if the process died. Then the writer is 0, so that nobody does it again; who dies between the
//! two is followed by another who does both.
//!
//! *Not promised.* That bytes written outside of a change are noticed.

use crate::arena::backing;
use crate::arena::layout::{ANNEX_WORDS, Annex, Table};
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef};
use crate::dispatch::lock::Target;
use crate::dispatch::word::{Machine, State};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{self, Blueprint};
use crate::live::{self, Vitals};
use crate::machines::version::{Begun, Read, Version};
use crate::ops;
use crate::owner;
use crate::refs;
use crate::space::{Cx, Space};
use crate::sys::clock;
use crate::sys::file::{File, Stat};
use crate::sys::pages::Pages;
use crate::sys::{code, process};
use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

const SIZE: usize = 0;
const PROTECTION: usize = 1;
const DEVICE: usize = 2;
const INODE: usize = 3;
const PATH_LENGTH: usize = 4;
const DESCRIPTOR: usize = 5;
const VERSION: usize = 7;
const WRITER: usize = 8;

/// What a mapping is, from its making to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) size: u64,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
    /// As they were asked for: protection and SEC_ bits.
    pub(crate) protect: u32,
    pub(crate) source: Option<Source>,
}

/// A program's file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    device: u64,
    inode: u64,
    path_length: u64,
    pid: u32,
    fd: i32,
}

/// PAGE_READWRITE and PAGE_EXECUTE_READWRITE; and all that execute.
const WRITABLE: u32 = 0x44;
const EXECUTABLE: u32 = 0xf0;
/// SEC_RESERVE: memory comes when it is touched.
const RESERVE: u32 = 0x0400_0000;

impl Facts {
    pub(crate) fn new(size: u64, protect: u32, source: Option<Source>) -> Facts {
        Facts { size, writable: protect & WRITABLE != 0, executable: protect & EXECUTABLE != 0, protect, source }
    }

    fn of(annex: &Annex) -> Facts {
        Facts::of_words(|i| annex.words[i].load())
    }

    fn of_words(word: impl Fn(usize) -> u64) -> Facts {
        let source = (word(DESCRIPTOR) != 0).then(|| Source {
            device: word(DEVICE),
            inode: word(INODE),
            path_length: word(PATH_LENGTH),
            pid: (word(DESCRIPTOR) >> 32) as u32,
            fd: (word(DESCRIPTOR) as u32).wrapping_sub(1) as i32,
        });
        Facts::new(word(SIZE), word(PROTECTION) as u32, source)
    }

    pub(crate) fn blueprint(&self) -> Blueprint {
        let mut words = [0; ANNEX_WORDS];
        words[SIZE] = self.size;
        words[PROTECTION] = u64::from(self.protect);
        if let Some(source) = self.source {
            words[DEVICE] = source.device;
            words[INODE] = source.inode;
            words[DESCRIPTOR] = u64::from(source.pid) << 32 | u64::from(source.fd as u32 + 1);
        }
        Blueprint { machine: Machine::Mapping, state: State::event(false), maximum: 0, owned: false, annex: Some(words) }
    }
}

impl Source {
    /// The file behind a descriptor of ours, which stays open for as long as this process holds the mapping.
    pub(crate) fn new(file: &File, stat: &Stat) -> Source {
        Source { device: stat.dev, inode: stat.ino, path_length: 0, pid: process::pid(), fd: file.fd() }
    }

    /// The path that the file had, in what stands beside the arena.
    pub(crate) fn path(&self, noted: &[u8]) -> Option<PathBuf> {
        let bytes = noted.get(..self.path_length as usize).filter(|bytes| !bytes.is_empty())?;
        Some(PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec())))
    }

    fn is(&self, file: &File) -> bool {
        file.stat().is_ok_and(|stat| (stat.dev, stat.ino) == (self.device, self.inode))
    }
}

/// A mapping at one instant.
pub(crate) struct Seen {
    pub(crate) facts: Facts,
    /// How many changes were published, and whether the next one has been begun, by whom.
    pub(crate) version: u64,
    pub(crate) is_changing: bool,
    pub(crate) writer: Option<OwnerRef>,
}

/// What the annex says.
pub(crate) fn seen(words: &[u64; ANNEX_WORDS]) -> Seen {
    let (facts, version) = (Facts::of_words(|i| words[i]), words[VERSION]);
    Seen { facts, version: version / 2, is_changing: version % 2 == 1, writer: OwnerRef::unpack(words[WRITER]) }
}

fn annex(space: &Space, target: Target) -> Result<&'static Annex> {
    let index = target.record.annex.load().checked_sub(1);
    let annex = index.map(|index| space.arena.annex(index)).transpose()?;
    annex
        .filter(|annex| annex.owner.load() == target.at.pack())
        .ok_or_else(|| space.arena.corrupted("a mapping without the record of its size"))
}

pub(crate) fn facts(space: &Space, target: Target) -> Result<Facts> {
    Ok(Facts::of(annex(space, target)?))
}

/// What a wait for a mapping is told; its handles have no right to wait, so nobody comes further.
#[cold]
pub(crate) fn not_waitable() -> Error {
    Error::new(ErrorKind::WrongKind, "a mapping cannot be waited for; wait for its `changed` event, or another event beside it")
}

// --- making and ending

/// The memory, or the path of the file, which is made as long as the mapping.
pub(crate) fn build(cx: Cx, target: Target) -> Result<()> {
    let (arena, annex) = (&cx.space.arena, annex(cx.space, target)?);
    let facts = Facts::of(annex);
    let Some(source) = facts.source else {
        let reserved = if facts.protect & RESERVE == 0 { facts.size } else { 0 };
        return backing::create(arena, target.at, facts.size, reserved).map(drop).map_err(|error| match error.kind() {
            ErrorKind::NoSpace => error.numbered(1455),
            _ => error,
        });
    };
    let path = path_of(source.fd)?;
    let bytes = path.as_os_str().as_bytes();
    backing::create_of(arena, target.at, bytes)?;
    annex.words[PATH_LENGTH].store(bytes.len() as u64);
    if facts.writable { lengthen(source, facts.size, &path) } else { Ok(()) }
}

fn path_of(fd: i32) -> Result<PathBuf> {
    let link = format!("/proc/self/fd/{fd}");
    std::fs::read_link(&link).map_err(|error| Error::system(&format!("cannot read {link}"), error.raw_os_error().unwrap_or(0)))
}

/// F7: a file that is shorter than its writable mapping grows, and the part that is new has disk behind it.
fn lengthen(source: Source, size: u64, path: &std::path::Path) -> Result<()> {
    let fail = |errno: i32| match errno {
        code::ENOSPC | code::EDQUOT => {
            Error::new(ErrorKind::NoSpace, format!("no space left to make {} {size} bytes long; free some", path.display()))
                .numbered(112)
                .with_errno(errno)
        }
        code::EFBIG => Error::new(ErrorKind::LimitReached, format!("{} may not be {size} bytes long; see `ulimit -f`", path.display()))
            .with_errno(errno),
        _ => Error::system(&format!("cannot make {} {size} bytes long", path.display()), errno),
    };
    let file = File::copied(source.fd).map_err(fail)?;
    let before = file.stat().map_err(fail)?.size;
    if before >= size {
        return Ok(());
    }
    file.set_size(size).map_err(fail)?;
    match file.reserve(before, size - before) {
        Ok(()) | Err(code::EOPNOTSUPP) => Ok(()),
        Err(errno) => {
            let _ = file.set_size(before);
            Err(fail(errno))
        }
    }
}

/// A file that cannot be removed is left to `byname gc`: the object must end.
pub(crate) fn bury(space: &Space, at: ObjectRef) -> Result<()> {
    let _ = backing::remove(&space.arena, at);
    Ok(())
}

// --- files

/// The programs' files that this process has open, each for as long as it holds the mapping.
pub(crate) type Files = BTreeMap<u64, File>;

/// Keeps a file for the mapping.
pub(crate) fn keep(space: &Space, at: ObjectRef, file: File) {
    let former = space.files.lock().insert(at.pack(), file);
    drop(former);
}

pub(crate) fn leave(space: &Space, at: ObjectRef) {
    let file = space.files.lock().remove(&at.pack());
    drop(file);
}

/// Calls `with` with the file that has the bytes.
pub(crate) fn with_file<R>(space: &Space, target: Target, facts: &Facts, with: impl FnOnce(&File) -> R) -> Result<R> {
    let Some(source) = facts.source else { return backing::open(&space.arena, target.at, facts.size).map(|file| with(&file)) };
    let mut files = space.files.lock();
    if !files.get(&target.at.pack()).is_some_and(|file| source.is(file)) {
        std::mem::forget(files.remove(&target.at.pack())); // a program closed our descriptor: the number is somebody else's
        files.insert(target.at.pack(), find(space, target.at, source, facts.writable)?.moved_up());
    }
    Ok(with(&files[&target.at.pack()]))
}

/// The file by its path, or else by its maker's descriptor; whichever still is that file.
fn find(space: &Space, at: ObjectRef, source: Source, write: bool) -> Result<File> {
    let length = source.path_length.min(1 << 16) as usize;
    let noted = backing::open(&space.arena, at, length as u64)?;
    let mut bytes = vec![0; length];
    noted.read_at(&mut bytes, 0).map_err(|errno| Error::system("cannot read the path of the file", errno))?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    let by_maker = PathBuf::from(format!("/proc/{}/fd/{}", source.pid, source.fd));
    let (mut errno, places) = (code::ENOENT, [&path, &by_maker]);
    for place in places {
        match File::open_as_asked(place, write) {
            Ok(file) if source.is(&file) => return Ok(file),
            Ok(_) => {}
            Err(e) if place == &path => errno = e,
            Err(_) => {}
        }
    }
    let what = format!(
        "the mapping is of {}, which this process cannot open, or another file is there now; the process that made the mapping must live and show \
         its descriptors, or the file must be in its place",
        path.display()
    );
    let kind = if errno == code::EACCES || errno == code::EPERM { ErrorKind::AccessDenied } else { ErrorKind::System };
    Err(Error::new(kind, what).with_errno(errno))
}

// --- the version

fn version_of(annex: &Annex) -> Version<'_> {
    Version { version: &annex.words[VERSION], writer: &annex.words[WRITER] }
}

/// How often a change was published.
pub(crate) fn version(space: &Space, target: Target) -> Result<u64> {
    Ok(version_of(annex(space, target)?).count())
}

fn is_gone(space: &Space, writer: u64) -> Result<bool> {
    let Some(owner) = OwnerRef::unpack(writer) else { return Ok(true) };
    Ok(live::vitals(space, owner.index, |generation| generation == owner.generation)? == Vitals::Gone)
}

/// The calling thread begins a change; true if the writer before it died in the middle of one.
pub(crate) fn begin(cx: Cx, target: Target) -> Result<bool> {
    match version_of(annex(cx.space, target)?).begin(cx.op.pack(), |writer| is_gone(cx.space, writer))? {
        Begun::Yes { torn } => {
            owner::note_taken();
            Ok(torn)
        }
        Begun::Ours => Err(Error::new(ErrorKind::WouldDeadlock, "this thread is in the middle of a change already; end it first")),
        Begun::Theirs => Err(Error::new(
            ErrorKind::NotOwner,
            "another thread is in the middle of a change; put a mutex around the changes of several writers",
        )),
    }
}

/// The calling thread ends its change.
pub(crate) fn end(cx: Cx, target: Target) -> Result<()> {
    let version = version_of(annex(cx.space, target)?);
    if version.writer.load() != cx.op.pack() {
        return Err(Error::new(ErrorKind::NotOwner, "this thread is not in the middle of a change; begin one first"));
    }
    owner::note_released();
    version.publish();
    let rung = ring(cx, target.at);
    version.leave();
    rung
}

/// The bytes of a view as they were between two changes, and the version; `None` if `stop` says so first.
pub(crate) fn read(
    space: &Space,
    target: Target,
    pages: &Pages,
    offset: usize,
    buf: &mut [u8],
    mut stop: impl FnMut() -> bool,
) -> Result<Option<u64>> {
    let version = version_of(annex(space, target)?);
    let mut looks = 0;
    loop {
        match version.read(|| pages.read(offset, buf), |writer| is_gone(space, writer))? {
            Read::Whole(count) => return Ok(Some(count)),
            Read::Torn => {
                return Err(Error::new(
                    ErrorKind::Disconnected,
                    "the writer died in the middle of a change, so the bytes may be half made; they are whole again after the next change",
                )
                .numbered(109));
            }
            Read::Changing => {}
        }
        space.check()?;
        looks += 1;
        if looks > READ_AT_ONCE {
            if stop() {
                return Ok(None);
            }
            clock::nap(if looks < READ_AT_ONCE + 20 { 50_000 } else { 1_000_000 });
        }
    }
}

/// How often a reader looks before it naps.
const READ_AT_ONCE: u32 = 100;

/// The thread that is making a change, or died of it untold.
pub(crate) fn writer(space: &Space, target: Target) -> Result<Option<OwnerRef>> {
    Ok(OwnerRef::unpack(version_of(annex(space, target)?).writer.load()))
}

/// The writer is gone, or ends now: everybody is told, and then it is nobody.
fn let_go(cx: Cx, target: Target, writer: OwnerRef) -> Result<()> {
    ring(cx, target.at)?;
    version_of(annex(cx.space, target)?).let_go(writer.pack());
    Ok(())
}

/// The calling thread ends.
pub(crate) fn abandon(cx: Cx, target: Target) -> Result<()> {
    match writer(cx.space, target)? {
        Some(writer) if writer == cx.op => let_go(cx, target, writer),
        _ => Ok(()),
    }
}

/// The keeper's: lets go of what threads of this process were changing that vanished without a word.
pub(crate) fn look_after_writers(cx: Cx) {
    for at in index::held_by_us(cx.space) {
        if let Ok(target) = ops::target_at(cx.space, at)
            && target.machine == Machine::Mapping
            && let Ok(Some(writer)) = writer(cx.space, target)
            && live::process_of_owner(cx.space, writer.index) == Some(cx.space.me())
            && is_gone(cx.space, writer.pack()) == Ok(true)
            && let_go(cx, target, writer).is_ok()
        {
            let _ = index::leave_if_unused(cx, at);
        }
    }
}

/// A writer's process died.
pub(crate) fn settle(cx: Cx, dead: ProcessRef, target: Target) -> Result<()> {
    match writer(cx.space, target)? {
        Some(writer) if live::process_of_owner(cx.space, writer.index) == Some(dead) => let_go(cx, target, writer),
        _ => Ok(()),
    }
}

// --- bells

/// What the names of all bells begin with.
const BELL: &str = "changed\\";

/// Whether an object of that name is a bell.
#[cfg(feature = "cli")]
pub(crate) fn is_bell(name: &str) -> bool {
    name.starts_with(BELL)
}

fn bell(at: ObjectRef, process: ProcessRef) -> String {
    format!("{BELL}{:x}.{:x}\\{:x}.{:x}", at.index, at.generation, process.slot, process.generation)
}

/// This process's bell, with a reference for the caller.
pub(crate) fn bell_of_mine(cx: Cx, at: ObjectRef) -> Result<Target> {
    let event = Blueprint { machine: Machine::AutoEvent, state: State::event(false), maximum: 0, owned: false, annex: None };
    index::create(cx, Some(&bell(at, cx.space.me())), event).map(|(target, _)| target)
}

/// Sets the bell of everybody who holds the mapping and has one.
fn ring(cx: Cx, at: ObjectRef) -> Result<()> {
    for slot in 0..cx.space.arena.high_water(Table::Processes) {
        let seat = cx.space.arena.process(slot)?.seats[0].load();
        let process = ProcessRef { slot, generation: (seat >> 32) as u32 };
        // The dead hear nothing, and to look their bells up would be to bury them: within a burial without end.
        if seat as u32 == 0 || !refs::is_held(cx.space, at.index, Some(process))? || live::is_dead(cx.space, process)? {
            continue;
        }
        match index::open(cx, &bell(at, process), |machine| machine == Machine::AutoEvent) {
            Ok(target) => {
                let set = ops::set(cx, target);
                index::leave(cx, target.at)?;
                set?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
