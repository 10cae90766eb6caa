//! Mappings: shared memory by name, and its views (contract 7).

use super::{Access, Handle, HandleRef, Interrupt, Kind, Namespace, Outcome, Profile};
use crate::cell::private::{AtomicU32, AtomicU64};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, right};
use crate::index;
use crate::kinds::mapping::{self, Facts, Source};
use crate::lock::{Guards, Lock};
use crate::name;
use crate::owner;
use crate::sys::clock::{self, Deadline};
use crate::sys::code;
use crate::sys::file::File;
use crate::sys::pages::{Pages, Use};
use crate::timeout::Timeout;
use std::collections::BTreeMap;
use std::ops::BitOr;
use std::path::Path;
use std::sync::Arc;

/// The protection of a mapping, one of six, and its SEC_ attributes; with the numbers of Windows (contract 7.1).
///
/// # Examples
/// ```
/// use byname::{Mapping, Protect};
///
/// let lazy = Mapping::options().protect(Protect::READWRITE | Protect::RESERVE).unnamed(1 << 30)?; // memory comes when it is touched
/// assert_eq!(lazy.size()?, 1 << 30);
/// let refused = Mapping::options().protect(Protect::READONLY | Protect::READWRITE).unnamed(4096);
/// assert_eq!(refused.unwrap_err().win32(), 87, "one protection");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protect(
    /// The bits.
    pub u32,
);

impl Protect {
    /// PAGE_READONLY: views read, or copy on write.
    pub const READONLY: Protect = Protect(0x02);
    /// PAGE_READWRITE: views write, too.
    pub const READWRITE: Protect = Protect(0x04);
    /// PAGE_WRITECOPY: as READONLY.
    pub const WRITECOPY: Protect = Protect(0x08);
    /// PAGE_EXECUTE_READ: as READONLY, and views may be executed.
    pub const EXECUTE_READ: Protect = Protect(0x20);
    /// PAGE_EXECUTE_READWRITE.
    pub const EXECUTE_READWRITE: Protect = Protect(0x40);
    /// PAGE_EXECUTE_WRITECOPY.
    pub const EXECUTE_WRITECOPY: Protect = Protect(0x80);
    /// SEC_FILE: always InvalidArgument (87).
    pub const FILE: Protect = Protect(0x0080_0000);
    /// SEC_IMAGE: no program can be mapped as one here; InvalidArgument (193).
    pub const IMAGE: Protect = Protect(0x0100_0000);
    /// SEC_RESERVE: memory comes when a page is touched; if there is none left then, the process gets SIGBUS.
    pub const RESERVE: Protect = Protect(0x0400_0000);
    /// SEC_COMMIT, the default: all of the memory is there at once, or the mapping is not made.
    pub const COMMIT: Protect = Protect(0x0800_0000);
    /// SEC_NOCACHE, with RESERVE or COMMIT: accepted, without effect.
    pub const NOCACHE: Protect = Protect(0x1000_0000);
    /// SEC_WRITECOMBINE, with RESERVE or COMMIT: accepted, without effect.
    pub const WRITECOMBINE: Protect = Protect(0x4000_0000);
    /// SEC_LARGE_PAGES: needs a privilege that does not exist here.
    pub const LARGE_PAGES: Protect = Protect(0x8000_0000);

    /// All of them, with their names.
    #[cfg(feature = "cli")]
    pub(crate) const NAMES: [(&str, Protect); 13] = [
        ("READONLY", Protect::READONLY),
        ("READWRITE", Protect::READWRITE),
        ("WRITECOPY", Protect::WRITECOPY),
        ("EXECUTE_READ", Protect::EXECUTE_READ),
        ("EXECUTE_READWRITE", Protect::EXECUTE_READWRITE),
        ("EXECUTE_WRITECOPY", Protect::EXECUTE_WRITECOPY),
        ("FILE", Protect::FILE),
        ("IMAGE", Protect::IMAGE),
        ("RESERVE", Protect::RESERVE),
        ("COMMIT", Protect::COMMIT),
        ("NOCACHE", Protect::NOCACHE),
        ("WRITECOMBINE", Protect::WRITECOMBINE),
        ("LARGE_PAGES", Protect::LARGE_PAGES),
    ];

    const PAGES: [Protect; 6] = [
        Protect::READONLY,
        Protect::READWRITE,
        Protect::WRITECOPY,
        Protect::EXECUTE_READ,
        Protect::EXECUTE_READWRITE,
        Protect::EXECUTE_WRITECOPY,
    ];

    fn has(self, other: Protect) -> bool {
        self.0 & other.0 != 0
    }

    /// The table of contract 7.1.
    fn check(self, anonymous: bool) -> Result<()> {
        let attributes = Protect(self.0 & 0xffff_0000);
        if !Protect::PAGES.contains(&Protect(self.0 & 0xffff)) {
            return Err(Error::invalid_argument(format!(
                "the protection {:#x} is none; pass one of READONLY (2), READWRITE (4), WRITECOPY (8), EXECUTE_READ (0x20), EXECUTE_READWRITE (0x40), \
                 EXECUTE_WRITECOPY (0x80)",
                self.0 & 0xffff
            )));
        }
        let (commit, reserve) = (attributes.has(Protect::COMMIT), attributes.has(Protect::RESERVE));
        let known =
            [0x0080_0000, 0x0100_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x4000_0000, 0x8000_0000].iter().fold(0, |a, b| a | b);
        let caching = attributes.has(Protect::NOCACHE | Protect::WRITECOMBINE);
        let large = attributes.has(Protect::LARGE_PAGES);
        let image = attributes.has(Protect::IMAGE);
        let is_wrong = attributes.0 & !known != 0
            || attributes.has(Protect::FILE)
            || commit && reserve
            || caching && !commit && !reserve
            || image && attributes != Protect::IMAGE
            || large && (!commit || reserve || !anonymous);
        if is_wrong {
            return Err(Error::invalid_argument(format!(
                "the SEC_ attributes {:#x} do not go together; COMMIT or RESERVE, and with one of them NOCACHE or WRITECOMBINE, do",
                attributes.0
            )));
        }
        if image {
            return Err(Error::invalid_argument("SEC_IMAGE maps programs of Windows, which nothing here is; leave it out").numbered(193));
        }
        if large {
            let what = "SEC_LARGE_PAGES needs a privilege that does not exist here; leave it out";
            return Err(Error::new(ErrorKind::AccessDenied, what).numbered(1314));
        }
        Ok(())
    }
}

impl BitOr for Protect {
    type Output = Protect;

    fn bitor(self, other: Protect) -> Protect {
        Protect(self.0 | other.0)
    }
}

/// Whose bytes a mapping shows.
#[derive(Debug, Clone, Copy)]
pub enum Backing<'a> {
    /// Its own: zeros at first.
    Memory,
    /// Those of a file that the caller has open; the descriptor stays his.
    Descriptor(i32),
    /// Those of a file, which must exist.
    Path(&'a Path),
}

/// What to make. Checked also where the mapping exists (F11).
#[derive(Debug, Clone, Copy)]
pub struct MappingSpec<'a> {
    /// Bytes; 0: those of the file.
    pub size: u64,
    /// Protection and attributes.
    pub protect: Protect,
    /// Memory or file.
    pub backing: Backing<'a>,
}

/// What a handle is for, as the bindings that ask for it in one word have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Look.
    Read,
    /// Change for all.
    Write,
    /// Change for oneself.
    Copy,
}

impl Share {
    /// The mask of `"r"`, `"rw"` or `"copy"`; else InvalidArgument (87).
    pub fn word(word: &str) -> Result<Access> {
        match word {
            "r" => Ok(Share::Read.access()),
            "rw" => Ok(Share::Write.access()),
            "copy" => Ok(Share::Copy.access()),
            _ => Err(Error::invalid_argument(format!("access is {}; it is \"r\", \"rw\" or \"copy\", or a mask", name::quoted(word)))),
        }
    }

    /// What a mask is for.
    pub fn of(access: Access) -> Share {
        if access.map_rights() & right::MODIFY != 0 {
            Share::Write
        } else if access.0 & 0xf == Access::MAP_COPY.0 {
            Share::Copy
        } else {
            Share::Read
        }
    }

    /// The protection of what is made for it: memory that one only looks at was written by somebody.
    pub fn protect(self, backing: Backing<'_>) -> Protect {
        match (backing, self) {
            (Backing::Memory, _) | (_, Share::Write) => Protect::READWRITE,
            (_, Share::Read) => Protect::READONLY,
            (_, Share::Copy) => Protect::WRITECOPY,
        }
    }

    /// The rights of a handle, and of its views.
    pub fn access(self) -> Access {
        match self {
            Share::Read => Access::MAP_READ,
            Share::Write => Access(Access::MAP_READ.0 | Access::MAP_WRITE.0),
            Share::Copy => Access::MAP_COPY,
        }
    }
}

/// Views begin at multiples of this.
const GRANULARITY: u64 = 65536;
/// Sizes of memory are multiples of this (contract 7.1).
const PAGE: u64 = 4096;

impl MappingSpec<'_> {
    /// The checks of contract 7.1, and the file, open as the protection needs it.
    fn prepare(&self) -> Result<(Facts, Option<File>)> {
        let writable = self.protect.has(Protect::READWRITE | Protect::EXECUTE_READWRITE);
        self.protect.check(matches!(self.backing, Backing::Memory))?;
        let file = match self.backing {
            Backing::Memory => return Ok((Facts::new(memory_size(self.size)?, self.protect.0, None), None)),
            Backing::Descriptor(fd) => File::copied(fd).map_err(|errno| cannot_use(&format!("the descriptor {fd}"), errno))?,
            Backing::Path(path) => {
                File::open_as_asked(path, writable).map_err(|errno| cannot_use(&path.display().to_string(), errno))?.moved_up()
            }
        };
        let fail = |errno| Error::system("cannot look at the file", errno);
        let (stat, (reads, writes)) = (file.stat().map_err(fail)?, file.opened_for().map_err(fail)?);
        if !stat.is_regular() {
            return Err(Error::new(ErrorKind::WrongKind, "only a regular file can be mapped; pass one, or none for memory"));
        }
        if !reads || writable && !writes {
            let what = if writable { "reading and writing, as READWRITE needs" } else { "reading" };
            return Err(Error::new(ErrorKind::AccessDenied, format!("the file is not open for {what}; open it so, or ask for less")));
        }
        let size = if self.size == 0 { stat.size } else { self.size };
        if size == 0 {
            return Err(
                Error::invalid_argument("the file is empty, and no size was given; write to it first, or pass a size").numbered(1006)
            );
        }
        if size > stat.size && !writable {
            let what = format!("the file has {} bytes, and a mapping that may not write cannot lengthen it to {size}", stat.size);
            return Err(Error::new(ErrorKind::NoSpace, what).numbered(8));
        }
        if size > i64::MAX as u64 {
            return Err(Error::new(ErrorKind::NoSpace, format!("no file can be {size} bytes long")).numbered(112));
        }
        Ok((Facts::new(size, self.protect.0, Some(Source::new(&file, &stat))), Some(file)))
    }
}

fn memory_size(size: u64) -> Result<u64> {
    if size == 0 {
        return Err(Error::invalid_argument("a mapping of memory needs a size; pass 1 byte or more"));
    }
    size.checked_next_multiple_of(PAGE)
        .filter(|size| *size <= i64::MAX as u64)
        .ok_or_else(|| Error::new(ErrorKind::NoSpace, format!("there is no memory of {size} bytes")).numbered(1455))
}

fn cannot_use(what: &str, errno: i32) -> Error {
    let error = match errno {
        code::EBADF => Error::new(ErrorKind::Closed, format!("{what} is not open; pass that of an open file")),
        code::ENOENT => Error::new(ErrorKind::NotFound, format!("there is no file {what}; make it first")),
        code::EACCES | code::EPERM | code::EROFS => {
            Error::new(ErrorKind::AccessDenied, format!("this user may not open {what} in that way; ask for less, or its owner"))
        }
        code::EISDIR | code::ENXIO => Error::new(ErrorKind::WrongKind, format!("{what} is no regular file, and only those can be mapped")),
        _ => return Error::system(&format!("cannot open {what}"), errno),
    };
    error.with_errno(errno)
}

impl Access {
    /// Views that read (FILE_MAP_READ).
    pub const MAP_READ: Access = Access(0x0004);
    /// Views that write (FILE_MAP_WRITE).
    pub const MAP_WRITE: Access = Access(0x0002);
    /// Views whose writer keeps what he writes (FILE_MAP_COPY); as a right of a handle the same as [`Access::MAP_READ`].
    pub const MAP_COPY: Access = Access(0x0001);
    /// Views that can be executed (FILE_MAP_EXECUTE).
    pub const MAP_EXECUTE: Access = Access(0x0020);

    /// Bits and the rights that they give; SECTION_MAP_EXECUTE and the generic bits among them.
    const MAP_RIGHTS: [(u32, u32); 10] = [
        (0x0004, right::QUERY),
        (0x0002, right::MODIFY),
        (0x0020, right::EXECUTE),
        (0x0001, right::QUERY),
        (0x0008, right::EXECUTE),
        (0x8000_0000, right::QUERY),
        (0x4000_0000, right::MODIFY),
        (0x2000_0000, right::EXECUTE),
        (0x1000_0000, Access::ALL_MAP_RIGHTS),
        (Access::ALL.0, Access::ALL_MAP_RIGHTS),
    ];
    const ALL_MAP_RIGHTS: u32 = right::QUERY | right::MODIFY | right::EXECUTE;
    /// What FILE_MAP_ALL_ACCESS and FILE_MAP_EXECUTE have besides the standard rights.
    pub(super) const MAP_SPECIFIC: u32 = 0x3f;

    /// The rights of a mask that is known to be good.
    pub(super) fn map_rights(self) -> u32 {
        Access::MAP_RIGHTS.iter().filter(|(bit, _)| self.0 & bit != 0).fold(0, |rights, (_, gives)| rights | gives)
    }

    /// A mask that gives these rights.
    pub(super) fn of_map_rights(rights: u32) -> u32 {
        Access::MAP_RIGHTS[..3].iter().filter(|(_, right)| rights & right != 0).fold(0, |mask, (bit, _)| mask | bit)
    }
}

impl Namespace {
    /// Makes the mapping, or opens the one of that name, whose size, protection and file stand.
    ///
    /// Errors, besides those of [`Namespace::create`]: the rows F1 to F19 of contract 7.1.
    pub fn create_mapping(&self, name: Option<&str>, spec: &MappingSpec<'_>, access: Access) -> Result<Handle> {
        let space = self.space;
        space.check()?;
        name.map_or(Ok(()), name::check_length)?;
        let (facts, file) = spec.prepare()?;
        let cx = owner::current(space)?;
        if self.rules() == Profile::Ce && file.is_none() && spec.protect.0 & 0xffff == Protect::READONLY.0 {
            return Err(Error::invalid_argument("in the CE profile memory cannot be mapped for reading alone; map a file, or for writing"));
        }
        let key = self.key(cx, Kind::Mapping, name)?;
        let rights = access.rights(Kind::Mapping)?;
        let (target, new) = index::create(cx, key.as_deref(), facts.blueprint())?;
        if let Some(file) = file.filter(|_| new) {
            mapping::keep(space, target.at, file);
        }
        let entry = handles::insert(space, target, rights | self.marks(name) | if new { right::CREATED } else { 0 })
            .inspect_err(|_| drop(index::leave(cx, target.at)))?;
        Ok(Handle(HandleRef(entry)))
    }
}

/// Everything that a mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MappingState {
    /// Its bytes: of memory whole pages of 4096, of a file exactly those that were asked for.
    pub size: u64,
    /// Protection and attributes, as whoever made it asked for.
    pub protect: Protect,
    /// Whether it shows a file.
    pub has_file: bool,
    /// How many changes were published.
    pub version: u64,
}

impl HandleRef {
    /// Maps `bytes` bytes from `offset` on (0: up to the end) for READ, WRITE or COPY, with EXECUTE if that is asked, too; where `base` is not 0 exactly there.
    ///
    /// Errors: the rows V1 to V15 of contract 7.3.
    pub fn map(self, access: Access, offset: u64, bytes: u64, base: usize) -> Result<View> {
        let opened = self.of_kind(Kind::Mapping, 0)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        let facts = mapping::facts(opened.space, opened.target)?;
        let blame = |error: Error| error.about(&index::describe(opened.space, opened.target));
        let how = how(access, &facts, opened.rights).map_err(blame)?;
        let len = span(&facts, offset, bytes, base).map_err(blame)?;
        let pages = mapping::with_file(opened.space, opened.target, &facts, |file| Pages::map(file, offset, len, how, base))?;
        let pages = pages.map_err(|errno| blame(cannot_map(errno, len, base)))?;
        Ok(View { pages, writable: how.write, shared: !how.private, has_file: facts.source.is_some() })
    }

    /// All that a mapping is, but for its bytes.
    pub fn mapping_state(self) -> Result<MappingState> {
        let opened = self.of_kind(Kind::Mapping, 0)?;
        let facts = mapping::facts(opened.space, opened.target)?;
        let version = mapping::version(opened.space, opened.target)?;
        self.0.open(0)?; // open still: so it was this object's
        Ok(MappingState { size: facts.size, protect: Protect(facts.protect), has_file: facts.source.is_some(), version })
    }

    /// Begins a change of the bytes: [`Self::read_whole`] does not return before [`Self::end_change`]. True: the last writer died in the middle of a change.
    ///
    /// Errors: NotOwner (288) while another thread is at it, WouldDeadlock (1131) if this one is.
    pub fn begin_change(self) -> Result<bool> {
        self.with_mapping(right::MODIFY, mapping::begin)
    }

    /// Ends the change that the calling thread began, and rings. NotOwner (288) if it began none.
    pub fn end_change(self) -> Result<()> {
        self.with_mapping(right::MODIFY, mapping::end)
    }

    /// A change that begins and ends at once.
    pub fn publish(self) -> Result<()> {
        self.begin_change()?;
        self.end_change()
    }

    /// An auto-reset event of this process that every published change sets.
    pub fn changed(self) -> Result<Handle> {
        self.with_mapping(right::QUERY, |cx, target| {
            let bell = mapping::bell_of_mine(cx, target.at)?;
            let entry = handles::insert(cx.space, bell, right::SYNCHRONIZE | right::QUERY | right::MODIFY);
            entry.map(|entry| Handle(HandleRef(entry))).inspect_err(|_| drop(index::leave(cx, bell.at)))
        })
    }

    /// Copies bytes of a view of this mapping as they were between two changes; the version that they had. Waits while a change is being made; Disconnected (109) if
    /// its writer died in the middle.
    pub fn read_whole(
        self,
        view: &View,
        offset: usize,
        buf: &mut [u8],
        timeout: Timeout,
        mut interrupt: Interrupt<'_>,
    ) -> Result<Outcome<u64>> {
        view.check(offset, buf.len())?;
        let due = Deadline::after(timeout);
        let (mut interrupted, mut asked) = (false, clock::now());
        let read = self.with_mapping(right::QUERY, |cx, target| {
            mapping::read(cx.space, target, &view.pages, offset, buf, || {
                if clock::now() - asked >= ASK_NS {
                    asked = clock::now();
                    interrupted = interrupt.as_mut().is_some_and(|interrupt| interrupt());
                }
                interrupted || due.passed()
            })
        })?;
        Ok(match read {
            Some(version) => Outcome::Got(version),
            None if interrupted => Outcome::Interrupted,
            None => Outcome::TimedOut,
        })
    }

    /// As [`Self::read_whole`], from bytes of the mapping, of which nothing stays mapped.
    pub fn read_at(self, offset: u64, buf: &mut [u8], timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<u64>> {
        let (view, place) = self.around(Access::MAP_READ, offset, buf.len())?;
        self.read_whole(&view, place, buf, timeout, interrupt)
    }

    /// Copies to bytes of the mapping as one published change.
    pub fn write_at(self, offset: u64, bytes: &[u8]) -> Result<()> {
        let (view, place) = self.around(Access::MAP_WRITE, offset, bytes.len())?;
        self.begin_change()?;
        let written = view.write(place, bytes);
        self.end_change().and(written)
    }

    /// Writes all that was changed, by whatever view, to the mapping's file.
    pub fn flush(self) -> Result<()> {
        self.map(Access::MAP_READ, 0, 0, 0)?.flush(0, 0)
    }

    /// A view that contains these bytes, and their place in it; InvalidArgument (87) beyond the end.
    fn around(self, access: Access, offset: u64, len: usize) -> Result<(View, usize)> {
        let size = self.mapping_state()?.size;
        if offset.checked_add(len as u64).is_none_or(|end| end > size) {
            return Err(Error::invalid_argument(format!("{len} bytes from {offset} on leave the mapping, which has {size}")));
        }
        let inside = offset.min(size.saturating_sub(1)); // no bytes, at the very end
        let begin = inside - inside % GRANULARITY;
        let view = self.map(access, begin, (offset + len as u64 - begin).max(1), 0)?;
        Ok((view, (offset - begin) as usize))
    }

    fn with_mapping<R>(self, right: u32, call: impl FnOnce(crate::space::Cx, crate::dispatch::lock::Target) -> Result<R>) -> Result<R> {
        let opened = self.of_kind(Kind::Mapping, 0)?;
        need(opened.rights, right).map_err(|error| error.about(&index::describe(opened.space, opened.target)))?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        call(cx, opened.target).map_err(|error| opened.blame(error))
    }
}

/// How often an interrupt is asked.
const ASK_NS: u64 = 50_000_000;

fn need(rights: u32, right: u32) -> Result<()> {
    let what = match right {
        _ if rights & right == right => return Ok(()),
        right::MODIFY => "FILE_MAP_WRITE, which writing needs",
        right::EXECUTE => "FILE_MAP_EXECUTE, which executing needs",
        _ => "FILE_MAP_READ, which reading and copying need",
    };
    Err(Error::new(ErrorKind::AccessDenied, format!("the handle was opened without {what}; open it with that right")))
}

/// V5 to V11.
fn how(access: Access, facts: &Facts, rights: u32) -> Result<Use> {
    if access.0 & !(0x000f_0000 | Access::MAP_SPECIFIC) != 0 {
        return Err(Error::invalid_argument(format!(
            "the access {:#x} of a view has unknown bits; pass READ (4), WRITE (2) or COPY (1)",
            access.0
        )));
    }
    let write = access.0 & Access::MAP_WRITE.0 != 0;
    let private = !write && access.0 & Access::MAP_COPY.0 != 0;
    let execute = access.0 & Access::MAP_EXECUTE.0 != 0;
    need(rights, if write { right::MODIFY } else { right::QUERY })?;
    if write && !facts.writable {
        return Err(Error::new(ErrorKind::AccessDenied, "it was made to be read, so no view of it can write; ask for READ or COPY"));
    }
    if execute {
        need(rights, right::EXECUTE)?;
        if !facts.executable {
            return Err(Error::new(ErrorKind::AccessDenied, "its protection is none of EXECUTE_…, so no view of it can be executed"));
        }
    }
    Ok(Use { write: write || private, private, execute })
}

/// V1 to V4, V12.
fn span(facts: &Facts, offset: u64, bytes: u64, base: usize) -> Result<usize> {
    for (what, value) in [("offset", offset), ("address", base as u64)] {
        if !value.is_multiple_of(GRANULARITY) {
            return Err(Error::new(ErrorKind::Misaligned, format!("the {what} {value} of a view must be a multiple of 65536")));
        }
    }
    let left = facts.size.checked_sub(offset).filter(|left| *left > 0 && bytes <= *left).ok_or_else(|| {
        Error::new(ErrorKind::AccessDenied, format!("{bytes} bytes from {offset} on leave its {} bytes; map less", facts.size))
    })?;
    usize::try_from(if bytes == 0 { left } else { bytes })
        .map_err(|_| Error::new(ErrorKind::NoSpace, "this process has no addresses for so large a view; map less").numbered(8))
}

fn cannot_map(errno: i32, len: usize, base: usize) -> Error {
    let error = match errno {
        code::EEXIST => Error::invalid_argument(format!("something is mapped at {base:#x} already; pass 0 for the address")).numbered(487),
        code::ENOMEM => {
            let what = format!(
                "no addresses for a view of {len} bytes; unmap others, map less, or raise RLIMIT_AS (`ulimit -v`) or vm.max_map_count"
            );
            Error::new(ErrorKind::NoSpace, what).numbered(8)
        }
        code::EPERM | code::EACCES => Error::new(
            ErrorKind::AccessDenied,
            "the file system does not let it be mapped so (a view that executes needs one without noexec)",
        ),
        _ => return Error::system("cannot map the view", errno),
    };
    error.with_errno(errno)
}

/// Mapped bytes of a mapping. They outlive its handles and its name; dropping the view unmaps them.
///
/// Anybody who has the mapping may change them at any time, so there are no references to them: [`View::read`] and [`View::write`] copy, by atomic steps of at most
/// eight bytes. A view that the program's parent had before a fork is the child's as well.
///
/// # Examples
/// ```
/// use byname::{Access, Mapping};
///
/// let mapping = Mapping::unnamed(4096)?;
/// let (writer, reader) = (mapping.view(.., Access::MAP_WRITE)?, mapping.view(.., Access::MAP_READ)?);
/// mapping.close()?;
/// writer.write(10, b"hello")?;
/// let mut bytes = [0; 5];
/// reader.read(10, &mut bytes)?;
/// assert_eq!((&bytes, reader.len()), (b"hello", 4096));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct View {
    pages: Pages,
    writable: bool,
    shared: bool,
    has_file: bool,
}

impl View {
    /// How many bytes it has.
    #[allow(clippy::len_without_is_empty, reason = "no view is empty")]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Where the bytes are, for code that knows how to share them; valid for [`View::len`] bytes while the view lives.
    ///
    /// Rust's rules for references hold for what is made of it: others write to these bytes.
    pub fn as_ptr(&self) -> *const u8 {
        self.pages.address() as *const u8
    }

    /// As [`View::as_ptr`], to write to; AccessDenied (5) of a view that only reads, since a store there would end the process.
    pub fn as_mut_ptr(&self) -> Result<*mut u8> {
        self.check_writable()?;
        Ok(self.pages.address() as *mut u8)
    }

    /// Whether it can be written to.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether the others see what is written to it: false of a COPY view.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Copies bytes out of the view; InvalidArgument (87) beyond its end.
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> Result<()> {
        self.check(offset, buf.len())?;
        self.pages.read(offset, buf);
        Ok(())
    }

    /// Copies bytes into the view; InvalidArgument (87) beyond its end, AccessDenied (5) if it only reads.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.check_writable()?;
        self.check(offset, bytes.len())?;
        self.pages.write(offset, bytes);
        Ok(())
    }

    /// Four bytes as an atomic, which other processes may use as one, too. `offset` is a multiple of 4; InvalidArgument (87), AccessDenied (5) if the view only reads.
    pub fn atomic_u32(&self, offset: usize) -> Result<&AtomicU32> {
        self.check_word(offset, 4)?;
        Ok(self.pages.word32(offset))
    }

    /// As [`View::atomic_u32`], of eight bytes.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    /// use std::sync::atomic::Ordering;
    ///
    /// let view = Mapping::unnamed(4096)?.view(.., Access::MAP_WRITE)?;
    /// view.atomic_u64(8)?.fetch_add(1, Ordering::AcqRel);
    /// assert_eq!(view.atomic_u64(8)?.load(Ordering::Acquire), 1);
    /// assert_eq!(view.atomic_u64(12).unwrap_err().win32(), 87);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn atomic_u64(&self, offset: usize) -> Result<&AtomicU64> {
        self.check_word(offset, 8)?;
        Ok(self.pages.word64(offset))
    }

    /// Writes what was changed to the file; of memory, and of a COPY view, there is nothing to do. `len` 0: up to the end (contract 7.4).
    pub fn flush(&self, offset: usize, len: usize) -> Result<()> {
        self.check(offset, len)?;
        if !self.has_file || !self.shared {
            return Ok(());
        }
        let len = if len == 0 { self.len() - offset } else { len };
        self.pages.flush(offset, len).map_err(|errno| Error::system("cannot write the view to its file", errno))
    }

    /// Gives the view away as an address, until [`unmap`].
    pub fn into_address(self) -> usize {
        let address = self.pages.address();
        VIEWS.lock().insert(address, Arc::new(self));
        address
    }

    fn check(&self, offset: usize, len: usize) -> Result<()> {
        if self.pages.has(offset, len) {
            return Ok(());
        }
        Err(Error::invalid_argument(format!("{len} bytes from {offset} on leave the view, which has {}", self.len())))
    }

    fn check_word(&self, offset: usize, size: usize) -> Result<()> {
        self.check_writable()?;
        self.check(offset, size)?;
        if offset.is_multiple_of(size) {
            Ok(())
        } else {
            Err(Error::invalid_argument(format!("the offset {offset} is no multiple of {size}")))
        }
    }

    fn check_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Error::new(ErrorKind::AccessDenied, "the view only reads; map one with WRITE or COPY"))
    }
}

/// The views that were given away as addresses.
static VIEWS: Lock<BTreeMap<usize, Arc<View>>> = Lock::new(BTreeMap::new());

/// For a fork.
pub(crate) fn hold_views(guards: &mut Guards) {
    guards.take(&VIEWS);
}

/// The view that contains the address, and the place in it; InvalidArgument (487) if none does. The bytes stay for as long as the answer is kept.
pub fn view_at(address: usize) -> Result<(Arc<View>, usize)> {
    let views = VIEWS.lock();
    let base = base_of(&views, address)?;
    Ok((views[&base].clone(), address - base))
}

/// Unmaps the view that contains the address; InvalidArgument (487) if none does.
pub fn unmap(address: usize) -> Result<()> {
    let mut views = VIEWS.lock();
    let base = base_of(&views, address)?;
    let view = views.remove(&base);
    drop(views);
    drop(view); // outside the lock: the kernel takes its time
    Ok(())
}

fn base_of(views: &BTreeMap<usize, Arc<View>>, address: usize) -> Result<usize> {
    let below = views.range(..=address).next_back();
    below.filter(|(base, view)| address - **base < view.len()).map(|(base, _)| *base).ok_or_else(|| {
        Error::invalid_argument(format!("no view is mapped at {address:#x}; pass the address that mapping it gave")).numbered(487)
    })
}
