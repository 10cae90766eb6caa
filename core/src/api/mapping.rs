//! The mapping: memory that processes share by its name (contract 7).

use super::handle::any_handle_methods;
use super::options::{Common, common_options};
use super::{Event, for_ever, in_time};
use crate::engine::{Access, Backing, Handle, Kind, MappingSpec, MappingState, Namespace, Protect, View};
use crate::{Error, Result, Timeout};
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Memory, or a file's bytes, that processes share by a name.
///
/// The bytes are seen through [`View`]s. The name lives as long as a handle in any process; the memory as long as a handle or a view. A mapping of memory is
/// made whole: where there is no room the call that makes it says NoSpace, and no later touch of it fails. A mapping cannot be waited for; who wants to
/// be told of changes publishes them by [`change`](Mapping::change) and waits for the event [`changed`](Mapping::changed).
///
/// # Examples
/// ```
/// use byname::{Access, Mapping};
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let board = Mapping::options().namespace(&tests).create("board", 1 << 20)?;
/// board.view(.., Access::MAP_WRITE)?.write(0, b"hello")?;
/// // ... and in any other process:
/// let same = Mapping::options().namespace(&tests).access(Access::MAP_READ).open("board")?;
/// let mut bytes = [0; 5];
/// same.view(.., Access::MAP_READ)?.read(0, &mut bytes)?;
/// assert_eq!(&bytes, b"hello");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Mapping {
    handle: Handle,
}

any_handle_methods!(Mapping, "Mapping::unnamed(4096)", r#".create("Local\\printer", 4096)"#);

impl Mapping {
    /// Makes the mapping called `name` of `size` bytes of memory, zeros, or opens it if it exists, with the size that it has; [`created`](Mapping::created) says which (contract 1.2, 7.1).
    ///
    /// # Errors
    /// InvalidArgument (87) for a size of 0; NoSpace (1455) where there is no room for it; WrongKind (6) if an object of another kind has that name;
    /// those of names and of the namespace as for [`Event::create`].
    ///
    /// # Examples
    /// ```
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let mapping = byname::Mapping::create(&name, 4090)?;
    /// assert_eq!(mapping.size()?, 4096, "whole pages");
    /// assert_eq!(byname::Mapping::create(&name, 1 << 20)?.size()?, 4096, "F11: what exists stands");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str, size: u64) -> Result<Mapping> {
        Mapping::options().create(name, size)
    }

    /// Makes the mapping called `name` of a file that is open for reading and writing, or opens it if it exists (contract 7.1).
    ///
    /// `size` 0 is the size that the file has; a larger one lengthens the file. The file may be closed afterwards. Other processes find it by its path, as long as
    /// it is the same file, or by the descriptor that this process keeps as long as it holds the mapping.
    ///
    /// # Errors
    /// InvalidArgument (1006) for an empty file and size 0; AccessDenied (5) if it is not open for writing (see [`MappingOptions::protect`]); WrongKind (6) if it is
    /// no regular file; NoSpace (112) if it cannot be lengthened; otherwise as [`create`](Mapping::create).
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    ///
    /// # let path = std::env::temp_dir().join(format!("byname-doc-{}", std::process::id()));
    /// # let name = format!("doc-file-{}", std::process::id());
    /// std::fs::write(&path, "some text")?;
    /// let file = std::fs::File::options().read(true).write(true).open(&path)?;
    /// let mapping = Mapping::of_file(&name, &file, 0)?;
    /// assert_eq!(mapping.size()?, 9);
    /// mapping.view(.., Access::MAP_WRITE)?.write(5, b"byte")?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "some byte");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_file(name: &str, file: &impl AsFd, size: u64) -> Result<Mapping> {
        Mapping::options().file(file).create(name, size)
    }

    /// Opens the mapping called `name`, which must exist (contract 1.2, 7.2).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open; otherwise as [`create`](Mapping::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// let missing = byname::Mapping::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), byname::ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Mapping> {
        Mapping::options().open(name)
    }

    /// Makes a mapping of memory without a name, for this process and for its children by `fork` (contract 1.2, N1).
    ///
    /// # Errors
    /// As [`create`](Mapping::create).
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Mapping::unnamed(65536)?.size()?, 65536);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(size: u64) -> Result<Mapping> {
        Mapping::options().unnamed(size)
    }

    /// Starts with the defaults: this user's namespace, all rights, memory that can be read and written.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping, Protect};
    ///
    /// let lazy = Mapping::options().protect(Protect::READWRITE | Protect::RESERVE).unnamed(1 << 30)?;
    /// assert_eq!(lazy.view(65536..65546, Access::MAP_WRITE)?.len(), 10);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn options() -> MappingOptions<'static> {
        MappingOptions { common: Common::DEFAULT, file: None, protect: Protect::READWRITE }
    }

    /// Maps a range of the bytes, which begins at a multiple of 65536; `..` is all of them (contract 7.3).
    ///
    /// `access` is MAP_READ, MAP_WRITE (which reads, too) or MAP_COPY, where what is written stays the view's own; with MAP_EXECUTE if they are to be executed. A page of a
    /// file that somebody truncates raises SIGBUS when it is touched.
    ///
    /// # Errors
    /// Misaligned (1132) for another beginning; AccessDenied (5) for a range beyond the end, for what the handle or the protection does not allow;
    /// InvalidArgument (87) for an empty range; NoSpace (8) when the process has no addresses left.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    ///
    /// let mapping = Mapping::unnamed(65536 * 2)?;
    /// let own = mapping.view(65536.., Access::MAP_COPY)?;
    /// own.write(0, b"not for others")?;
    /// let mut seen = [1; 3];
    /// mapping.view(65536.., Access::MAP_READ)?.read(0, &mut seen)?;
    /// assert_eq!(seen, [0; 3]);
    /// assert_eq!(mapping.view(4096.., Access::MAP_READ).unwrap_err().win32(), 1132);
    /// assert_eq!(mapping.view(..1 << 20, Access::MAP_READ).unwrap_err().win32(), 5);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn view(&self, range: impl RangeBounds<u64>, access: Access) -> Result<View> {
        let (offset, bytes) = offset_and_bytes(range)?;
        self.handle.map(access, offset, bytes, 0)
    }

    /// As [`view`](Mapping::view), at that address: a multiple of 65536 where nothing is mapped yet (contract 7.3, V12, V13).
    ///
    /// # Errors
    /// InvalidArgument (487) if something is there; Misaligned (1132); otherwise as [`view`](Mapping::view).
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    ///
    /// let mapping = Mapping::unnamed(4096)?;
    /// assert_eq!(mapping.view_at(4096, .., Access::MAP_READ).unwrap_err().win32(), 1132);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn view_at(&self, address: usize, range: impl RangeBounds<u64>, access: Access) -> Result<View> {
        let (offset, bytes) = offset_and_bytes(range)?;
        self.handle.map(access, offset, bytes, address)
    }

    /// How many bytes it has: of memory whole pages of 4096, of a file what was asked for.
    ///
    /// # Errors
    /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Mapping::unnamed(1)?.size()?, 4096);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn size(&self) -> Result<u64> {
        Ok(self.state()?.size)
    }

    /// What it is, but for its bytes.
    ///
    /// # Errors
    /// As [`size`](Mapping::size).
    ///
    /// # Examples
    /// ```
    /// use byname::{Mapping, Protect};
    ///
    /// let state = Mapping::unnamed(1)?.state()?;
    /// assert_eq!((state.protect, state.has_file, state.version), (Protect::READWRITE, false, 0));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn state(&self) -> Result<MappingState> {
        self.handle.mapping_state()
    }

    /// How many changes were published; 0 at first. Ours, not Windows'.
    ///
    /// # Errors
    /// As [`size`](Mapping::size).
    ///
    /// # Examples
    /// ```
    /// let mapping = byname::Mapping::unnamed(4096)?;
    /// mapping.publish()?;
    /// assert_eq!(mapping.version()?, 1);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn version(&self) -> Result<u64> {
        Ok(self.state()?.version)
    }

    /// Begins a change of the bytes, for one writer and many readers; dropping it, or [`Change::publish`], ends it. Ours, not Windows'.
    ///
    /// Until then [`read_whole`](Mapping::read_whole) waits, in all processes; other reads do not care. Several writers need a mutex among them.
    ///
    /// # Errors
    /// NotOwner (288) while another thread is in the middle of a change, WouldDeadlock (1131) while this one is; AccessDenied (5) without MAP_WRITE.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    ///
    /// let mapping = Mapping::unnamed(4096)?;
    /// let view = mapping.view(.., Access::MAP_WRITE)?;
    /// let change = mapping.change()?;
    /// view.write(0, b"both")?;
    /// view.write(100, b"halves")?;
    /// change.publish()?;
    /// let mut bytes = [0; 106];
    /// assert_eq!(mapping.read_whole(&view, 0, &mut bytes)?, 1);
    /// assert_eq!((&bytes[..4], &bytes[100..]), (&b"both"[..], &b"halves"[..]));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn change(&self) -> Result<Change<'_>> {
        let abandoned = self.handle.begin_change()?;
        Ok(Change { mapping: self, abandoned, thread: PhantomData })
    }

    /// Publishes what was written before: one more version, and whoever waits for [`changed`](Mapping::changed) is told.
    ///
    /// # Errors
    /// As [`change`](Mapping::change).
    ///
    /// # Examples
    /// ```
    /// let mapping = byname::Mapping::unnamed(4096)?;
    /// let changed = mapping.changed()?;
    /// mapping.publish()?;
    /// changed.wait()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn publish(&self) -> Result<()> {
        self.handle.publish()
    }

    /// An auto-reset event, one for each process, that every published change sets. Ours, not Windows'.
    ///
    /// It is set also when a writer died in the middle of a change. It says that something was published since the last wait, not how often: look at the version.
    ///
    /// # Errors
    /// AccessDenied (5) without MAP_READ; otherwise as [`size`](Mapping::size).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let mapping = byname::Mapping::unnamed(4096)?;
    /// let changed = mapping.changed()?;
    /// assert!(changed.wait_for(Duration::ZERO)?.is_none());
    /// (mapping.publish()?, mapping.publish()?);
    /// assert!(changed.wait_for(Duration::ZERO)?.is_some());
    /// assert!(changed.wait_for(Duration::ZERO)?.is_none(), "one signal for both");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn changed(&self) -> Result<Event> {
        self.handle.changed().map(Event::over)
    }

    /// Copies bytes out of a view of this mapping as they were between two changes; gives the version that they had. Waits for a writer who is at it.
    ///
    /// # Errors
    /// Disconnected (109) if the writer died in the middle of a change: they are whole again after the next one. InvalidArgument (87) beyond the view's end;
    /// AccessDenied (5) without MAP_READ.
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    ///
    /// let mapping = Mapping::unnamed(4096)?;
    /// let view = mapping.view(.., Access::MAP_READ)?;
    /// assert_eq!(mapping.read_whole(&view, 4090, &mut [0; 6])?, 0);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn read_whole(&self, view: &View, offset: usize, buf: &mut [u8]) -> Result<u64> {
        self.handle.read_whole(view, offset, buf, Timeout::INFINITE, None).map(for_ever)
    }

    /// As [`read_whole`](Mapping::read_whole), for at most this long; `None`, and anything in `buf`, when the time is up.
    ///
    /// # Errors
    /// As [`read_whole`](Mapping::read_whole).
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping};
    /// use std::time::Duration;
    ///
    /// let mapping = Mapping::unnamed(4096)?;
    /// let view = mapping.view(.., Access::MAP_READ)?;
    /// let _change = mapping.change()?;
    /// assert_eq!(mapping.read_whole_for(&view, 0, &mut [0; 6], Duration::from_millis(1))?, None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn read_whole_for(&self, view: &View, offset: usize, buf: &mut [u8], timeout: impl Into<Timeout>) -> Result<Option<u64>> {
        self.handle.read_whole(view, offset, buf, timeout.into(), None).map(in_time)
    }
}

fn offset_and_bytes(range: impl RangeBounds<u64>) -> Result<(u64, u64)> {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(to) => *to,
        Bound::Unbounded => return Ok((from, 0)),
    };
    match to.checked_sub(from) {
        Some(bytes @ 1..) => Ok((from, bytes)),
        _ => Err(Error::invalid_argument(format!("the range {from}..{to} is empty; map 1 byte or more"))),
    }
}

/// A change that this thread is making, from [`Mapping::change`]; dropping it ends it. It stays with its thread.
///
/// # Examples
/// ```
/// let mapping = byname::Mapping::unnamed(4096)?;
/// let change: byname::Change<'_> = mapping.change()?;
/// assert!(!change.abandoned());
/// drop(change);
/// assert_eq!(mapping.version()?, 1);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a change ends when it is dropped, here at once"]
pub struct Change<'a> {
    mapping: &'a Mapping,
    abandoned: bool,
    /// A thread's: it must not leave it.
    thread: PhantomData<*const ()>,
}

impl Change<'_> {
    /// Whether the writer before died in the middle of a change: what he left may be half made.
    ///
    /// # Examples
    /// ```
    /// assert!(!byname::Mapping::unnamed(4096)?.change()?.abandoned());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn abandoned(&self) -> bool {
        self.abandoned
    }

    /// Ends the change, and says whether the readers could be told.
    ///
    /// # Errors
    /// NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// byname::Mapping::unnamed(4096)?.change()?.publish()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn publish(self) -> Result<()> {
        let ended = self.mapping.handle.end_change();
        std::mem::forget(self);
        ended
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let _ = self.mapping.handle.end_change();
    }
}

/// How to make or open a [`Mapping`]; begins with [`Mapping::options`].
///
/// # Examples
/// ```
/// use byname::{Access, Mapping, MappingOptions};
///
/// let options: MappingOptions<'_> = Mapping::options().access(Access::MAP_READ);
/// let mapping = options.unnamed(4096)?;
/// assert_eq!(mapping.view(.., Access::MAP_WRITE).unwrap_err().win32(), 5);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MappingOptions<'a> {
    common: Common,
    file: Option<BorrowedFd<'a>>,
    protect: Protect,
}

common_options!(MappingOptions<'_>, Mapping, ".unnamed(4096)");

impl<'a> MappingOptions<'a> {
    const fn new() -> Self {
        Mapping::options()
    }

    /// Maps this file, which is open as the [protection](Self::protect) needs it, instead of memory; see [`Mapping::of_file`].
    ///
    /// # Examples
    /// ```
    /// use byname::{Mapping, Protect};
    ///
    /// let myself = std::fs::File::open(std::env::current_exe()?)?;
    /// let mapping = Mapping::options().file(&myself).protect(Protect::READONLY).unnamed(0)?;
    /// assert_eq!(mapping.size()?, myself.metadata()?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file<'b>(self, file: &'b impl AsFd) -> MappingOptions<'b> {
        MappingOptions { file: Some(file.as_fd()), common: self.common, protect: self.protect }
    }

    /// What views may do, instead of [`Protect::READWRITE`], and how memory comes; checked, then ignored where the mapping exists (contract 7.1).
    ///
    /// # Examples
    /// ```
    /// use byname::{Access, Mapping, Protect};
    ///
    /// let mapping = Mapping::options().protect(Protect::READONLY).unnamed(4096)?;
    /// assert_eq!(mapping.view(.., Access::MAP_WRITE).unwrap_err().win32(), 5);
    /// assert!(mapping.view(.., Access::MAP_COPY).is_ok());
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn protect(mut self, protect: Protect) -> Self {
        self.protect = protect;
        self
    }

    /// Makes the mapping, or opens it if it exists; see [`Mapping::create`] and [`Mapping::of_file`].
    ///
    /// # Errors
    /// As [`Mapping::create`] and [`Mapping::of_file`]; InvalidArgument (87) for a [protection](Self::protect) that is none, AccessDenied (1314) for LARGE_PAGES.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// assert!(byname::Mapping::options().namespace(&tests).create("board", 4096)?.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str, size: u64) -> Result<Mapping> {
        self.make(Some(name), size)
    }

    /// Opens an existing mapping; see [`Mapping::open`].
    ///
    /// # Errors
    /// As [`Mapping::open`]; AccessDenied (5) for an [`access`](Self::access) mask of 0, or with a bit that a mapping does not have.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::Mapping::options().namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Mapping> {
        self.common.open(name, Kind::Mapping).map(Mapping::over)
    }

    /// Makes a mapping without a name; see [`Mapping::unnamed`].
    ///
    /// # Errors
    /// As [`create`](Self::create).
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Mapping::options().unnamed(0).unwrap_err().win32(), 87);
    /// ```
    pub fn unnamed(self, size: u64) -> Result<Mapping> {
        self.make(None, size)
    }

    fn make(self, name: Option<&str>, size: u64) -> Result<Mapping> {
        let backing = self.file.map_or(Backing::Memory, |file| Backing::Descriptor(file.as_raw_fd()));
        let namespace: Namespace = self.common.namespace()?;
        namespace.create_mapping(name, &MappingSpec { size, protect: self.protect, backing }, self.common.access).map(Mapping::over)
    }
}
