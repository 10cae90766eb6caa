//! Finding, creating and closing the arena's file.
//!
//! *What it is.* One file per user and session in `/dev/shm` (or `BYNAME_DIR`). It is created whole: initialised without a
//! name, then linked, so that nobody ever sees half a header. Whoever has too few addresses or descriptors knows before.
//!
//! *States of `header.life`* (state below, version above): OPEN → CLOSING, once.
//!
//! *Who may write what.* An attacher takes a process slot, then moves the version by one while OPEN (`attach_commit`). The last
//! one to leave reads `life`, finds every other slot free, dead or leaving, and swaps OPEN for CLOSING at the version it read
//! (`close_if`). So either the attacher's slot was seen, or its commit fails and it opens afresh; SYNC(attach-close).
//!
//! *Death.* Before the link: the kernel frees the unnamed file. After CLOSING, before the unlink: whoever meets CLOSING unlinks,
//! under `flock` on that inode and only while the path still leads to it, so that two finishers cannot remove a successor.

use super::backing;
use super::layout::{self, FORMAT, MAGIC};
use super::mapping::{Arena, Ground, View};
use crate::cell::fence;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::file::{self, File, Stat};
use crate::sys::{code, process};
use std::path::Path;

const OPEN: u64 = 1;
const CLOSING: u64 = 2;
const STATE: u64 = 0xff;
const VERSION_ONE: u64 = 0x100;

/// Opens the arena at `path`, or creates it. What it takes of addresses and descriptors is asked for first: an error comes before a file is made.
pub(crate) fn open(path: &Path) -> Result<Arena> {
    let boot = boot_id()?;
    let ground = Ground::take(path)?;
    match find(path, boot) {
        Ok(file) => Arena::map(path.to_owned(), file, ground),
        Err(error) => {
            ground.give_back();
            Err(error)
        }
    }
}

/// The file at `path`, checked, or a new one. Loops while others create and close it.
fn find(path: &Path, boot: [u64; 2]) -> Result<File> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    loop {
        match File::open(path) {
            Ok(file) => match check(path, &file, boot)? {
                Standing::Open => return Ok(file),
                Standing::Closing | Standing::Stale => remove_with_its_own(path, &file)?,
            },
            Err(code::ENOENT) => create(dir, path, boot)?,
            Err(code::EROFS) => return Err(bad_dir(dir, "is read-only", code::EROFS)),
            Err(errno) => return Err(cannot_open(path, errno)),
        }
    }
}

fn cannot_open(path: &Path, errno: i32) -> Error {
    match errno {
        code::ELOOP => planted(path, "it is a symbolic link"),
        code::EISDIR => planted(path, "it is a directory"),
        code::EACCES | code::EPERM => planted(path, "this user may not open it"),
        code::ENXIO | code::ENODEV => planted(path, "it is no regular file"),
        _ => Error::system(&format!("cannot open {}", path.display()), errno),
    }
}

/// Marks the arena as being closed, if nobody has attached since `life` was read.
pub(crate) fn close_if(arena: &Arena, life: u64) -> bool {
    life & STATE == OPEN && arena.header().life.cas(life, life & !STATE | CLOSING).is_ok()
}

pub(crate) fn life(arena: &Arena) -> u64 {
    let life = arena.header().life.load();
    fence(); // SYNC(attach-close): life is read before the slots are
    life
}

/// The attacher's half: its slot is visible before this; false when the arena is closing.
pub(crate) fn attach_commit(arena: &Arena) -> bool {
    fence(); // SYNC(attach-close): the slot is taken before life is moved
    arena.header().life.update(|life| (life & STATE == OPEN).then(|| life.wrapping_add(VERSION_ONE))).is_ok()
}

/// Removes the file's name, if the path still leads to it.
pub(crate) fn remove(path: &Path, file: &File) -> Result<()> {
    let fail = |errno| Error::system(&format!("cannot remove {}", path.display()), errno);
    file.lock().map_err(fail)?;
    let ours = file.stat().map_err(fail)?;
    match file::stat(path) {
        Ok(there) if (there.dev, there.ino) == (ours.dev, ours.ino) => {
            file::unlink(path).or_else(|e| if e == code::ENOENT { Ok(()) } else { Err(fail(e)) })
        }
        _ => Ok(()),
    }
}

/// The same for a file that nobody has mapped any more: the memory of its objects goes first, since only this file says that it is nobody's.
pub(crate) fn remove_with_its_own(path: &Path, file: &File) -> Result<()> {
    if let Ok(stat) = file.stat() {
        backing::sweep(path.parent().unwrap_or(Path::new("/")), stat.ino);
    }
    remove(path, file)
}

/// Whether the open file has lost its name or its size, or the path leads to another. (A path that leads nowhere for us, after a chroot, says nothing.)
pub(crate) fn is_lost(path: &Path, file: &File) -> bool {
    let Ok(ours) = file.stat() else { return true };
    ours.links == 0 || ours.size < layout::SIZE || file::stat(path).is_ok_and(|there| (there.dev, there.ino) != (ours.dev, ours.ino))
}

/// What the header of a file of this format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    /// Its last user has left, and it is being removed.
    Closing,
    /// Of an earlier boot: nobody of those who used it lives.
    Stale,
}

/// The arena at `path` as it stands, to be closed if nobody uses it: mapped if somebody may, else the bare file. `None` if there is none.
#[cfg(feature = "cli")]
pub(crate) fn existing(path: &Path) -> Result<Option<std::result::Result<Arena, File>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(code::ENOENT) => return Ok(None),
        Err(errno) => return Err(cannot_open(path, errno)),
    };
    Ok(Some(match check(path, &file, boot_id()?)? {
        Standing::Open => Ok(Arena::map(path.to_owned(), file, Ground::take(path)?)?),
        Standing::Closing | Standing::Stale => Err(file),
    }))
}

/// Opens the arena at `path` for looking at it: nothing is created, written or removed.
pub(crate) fn view(path: &Path) -> Result<(View, Standing, Stat)> {
    let file = File::open_to_read(path).map_err(|errno| match errno {
        code::ENOENT | code::ENOTDIR => {
            Error::new(ErrorKind::NotFound, format!("there is no namespace at {}: nobody uses it now", path.display())).with_errno(errno)
        }
        _ => cannot_open(path, errno),
    })?;
    let standing = check(path, &file, boot_id()?)?;
    let stat = file.stat().map_err(|e| Error::system(&format!("cannot stat {}", path.display()), e))?;
    Ok((View::map(path, &file)?, standing, stat))
}

/// Whose the file is, where, and of which format; the rest of the header, too. `now` is this boot.
fn check(path: &Path, file: &File, now: [u64; 2]) -> Result<Standing> {
    let stat = file.stat().map_err(|e| Error::system(&format!("cannot stat {}", path.display()), e))?;
    check_owner(path, &stat)?;
    check_file_system(path, file)?;
    let mut head = [0u8; 80];
    let whole = file.read_at(&mut head, 0).map_err(|e| Error::system(&format!("cannot read {}", path.display()), e))?;
    let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let damaged = |what: &str| {
        Error::new(ErrorKind::Corrupted, format!("{} is no byname arena ({what}); delete it if nothing uses it", path.display()))
    };
    if !whole || word(0) != MAGIC {
        return Err(damaged(if whole { "wrong magic" } else { "too short" }));
    }
    let format = word(8) as u32;
    if format != FORMAT {
        return Err(Error::new(
            ErrorKind::VersionMismatch,
            format!(
                "{} has format {format}, this byname speaks format {FORMAT}; upgrade all programs that share it, or separate them by BYNAME_SESSION",
                path.display()
            ),
        ));
    }
    if stat.size < layout::SIZE || word(40) != layout::SIZE || word(8) >> 32 != 4096 || (0..8).any(|i| capacity(&head, i) != CAPACITIES[i])
    {
        return Err(damaged("wrong size"));
    }
    let then = [word(24), word(32)];
    let stale = then != now && then != [0, 0] && now != [0, 0]; // zeros: nobody could ask
    match word(16) & STATE {
        OPEN if stale => Ok(Standing::Stale),
        OPEN => Ok(Standing::Open),
        CLOSING => Ok(Standing::Closing),
        _ => Err(damaged("unknown state")),
    }
}

fn boot_id() -> Result<[u64; 2]> {
    process::boot_id().map_err(|e| Error::system("cannot read the machine's boot id in /proc", e))
}

fn capacity(head: &[u8; 80], i: usize) -> u32 {
    let at = 48 + 4 * i;
    u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"))
}

const CAPACITIES: [u32; 8] = [
    layout::PROCESSES,
    layout::OWNERS,
    layout::WAITERS,
    layout::NODES,
    layout::OBJECTS,
    layout::LONG_NAMES,
    layout::BUCKETS,
    layout::ROW_WORDS,
];

/// The bytes of a fresh header.
pub(crate) fn fresh_header(boot: [u64; 2]) -> [u8; 128] {
    let mut head = [0u8; 128];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC.to_le_bytes());
    put(8, &FORMAT.to_le_bytes());
    put(12, &4096u32.to_le_bytes());
    put(16, &OPEN.to_le_bytes());
    put(24, &boot[0].to_le_bytes());
    put(32, &boot[1].to_le_bytes());
    put(40, &layout::SIZE.to_le_bytes());
    for (i, capacity) in CAPACITIES.iter().enumerate() {
        put(48 + 4 * i, &capacity.to_le_bytes());
    }
    head
}

/// Makes the file whole and links it; that somebody else was first is success.
fn create(dir: &Path, path: &Path, boot: [u64; 2]) -> Result<()> {
    let fail = |errno| cannot_create(dir, path, errno);
    let file = File::unnamed(dir).map_err(fail)?;
    check_file_system(dir, &file)?;
    file.set_size(layout::SIZE).map_err(fail)?;
    file.reserve(0, layout::FIXED_END).map_err(fail)?;
    file.write_at(&fresh_header(boot), 0).map_err(fail)?;
    match file.link(path) {
        Ok(()) | Err(code::EEXIST) => Ok(()),
        Err(code::ENOENT) if !process::sees_proc() => Err(Error::new(
            ErrorKind::Unsupported,
            "/proc is not mounted, without which a new namespace cannot be given its file and no process be told from its successor; mount it",
        )),
        Err(errno) => Err(fail(errno)),
    }
}

fn cannot_create(dir: &Path, path: &Path, errno: i32) -> Error {
    match errno {
        code::ENOENT | code::ENOTDIR => bad_dir(dir, "does not exist or is no directory", errno),
        code::EACCES | code::EPERM => Error::new(
            ErrorKind::AccessDenied,
            format!("the namespace directory {} may not be written by this user; set BYNAME_DIR", dir.display()),
        )
        .with_errno(errno),
        code::EROFS => bad_dir(dir, "is read-only", errno),
        code::EOPNOTSUPP | code::EISDIR => bad_dir(dir, "is on a file system without unnamed files (O_TMPFILE)", errno),
        code::ENOSPC | code::EDQUOT => no_space(dir, errno),
        code::EFBIG => Error::new(
            ErrorKind::LimitReached,
            format!(
                "the limit RLIMIT_FSIZE is below the {} MiB of a (sparse) namespace file; raise it with `ulimit -f`",
                layout::SIZE >> 20
            ),
        )
        .with_errno(errno),
        _ => Error::system(&format!("cannot create {}", path.display()), errno),
    }
}

pub(super) fn no_space(dir: &Path, errno: i32) -> Error {
    let what = format!("no space left in {}: free some (containers often have 64 MiB of /dev/shm), or set BYNAME_DIR", dir.display());
    Error::new(ErrorKind::NoSpace, what).with_errno(errno)
}

fn check_owner(path: &Path, stat: &Stat) -> Result<()> {
    if !stat.is_regular() {
        return Err(planted(path, "it is no regular file"));
    }
    if stat.uid != process::euid() {
        return Err(planted(path, &format!("it belongs to user {}", stat.uid)));
    }
    if stat.permissions() & 0o077 != 0 {
        return Err(planted(path, &format!("its mode is {:o}, not 600", stat.permissions())));
    }
    if stat.links > 1 {
        return Err(planted(path, "it has another name besides"));
    }
    Ok(())
}

/// Where a namespace would be made.
#[cfg(feature = "cli")]
pub(crate) struct Room {
    /// What its file system is called.
    pub(crate) kind: &'static str,
    /// Bytes that are left in it.
    pub(crate) left: u64,
}

/// Makes a file without a name, as [`create`] does, and looks around.
#[cfg(feature = "cli")]
pub(crate) fn room(dir: &Path) -> Result<Room> {
    let file = File::unnamed(dir).map_err(|errno| cannot_create(dir, dir, errno))?;
    check_file_system(dir, &file)?;
    let ask = |e| Error::system(&format!("cannot ask for the file system of {}", dir.display()), e);
    let kind = match file.file_system().map_err(ask)? & 0xffff_ffff {
        0x0102_1994 => "tmpfs",
        0xef53 => "ext4",
        0x5846_5342 => "XFS",
        0x9123_683e => "Btrfs",
        0x794c_7630 => "overlayfs",
        _ => "a local file system",
    };
    Ok(Room { kind, left: file.space_left().map_err(ask)? })
}

/// File systems whose memory is not shared between the machines that mount them.
fn check_file_system(path: &Path, file: &File) -> Result<()> {
    const REMOTE: [(i64, &str); 9] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x0102_1997, "9p"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x6573_5546, "FUSE"),
    ];
    let magic =
        file.file_system().map_err(|e| Error::system(&format!("cannot ask for the file system of {}", path.display()), e))? & 0xffff_ffff;
    match REMOTE.iter().find(|(number, _)| *number == magic) {
        Some((_, name)) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("{} is on a {name} file system; a namespace needs a local one, best /dev/shm: set BYNAME_DIR", path.display()),
        )),
        None => Ok(()),
    }
}

fn planted(path: &Path, why: &str) -> Error {
    Error::new(
        ErrorKind::AccessDenied,
        format!("refusing {}: {why}; remove it, or set BYNAME_DIR to a directory of your own", path.display()),
    )
}

fn bad_dir(dir: &Path, why: &str, errno: i32) -> Error {
    let kind = if matches!(errno, code::ENOENT | code::ENOTDIR) { ErrorKind::PathNotFound } else { ErrorKind::Unsupported };
    Error::new(kind, format!("the namespace directory {} {why}; set BYNAME_DIR to a writable local directory", dir.display()))
        .with_errno(errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_header() {
        let header = fresh_header([0x1122_3344_5566_7788, 0x99aa_bbcc_ddee_ff00]);
        let hex: Vec<String> = header.chunks(16).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let expected = [
            "62796e616d65001a0500000000100000", // magic, format, header size
            "01000000000000008877665544332211", // OPEN, boot
            "00ffeeddccbbaa990000b05800000000", // boot, size
            "00100000000001000000010000001000", // processes, owners, waiters, nodes
            "00001000000001000000040000800000", // objects, long names, buckets, row words
            "00000000000000000000000000000000",
            "00000000000000000000000000000000", // no wait-all lock, no objects
            "00000000000000000000000000000000",
        ];
        assert_eq!(hex, expected, "the format has changed: it needs a new FORMAT");
    }

    #[test]
    fn a_page_of_zeros_is_no_header() {
        let zeros = [0u8; 8];
        assert_ne!(u64::from_le_bytes(zeros), MAGIC);
        let head: [u8; 80] = fresh_header([1, 2])[..80].try_into().expect("eighty bytes");
        assert!((0..8).all(|i| capacity(&head, i) == CAPACITIES[i] && capacity(&[0; 80], i) != CAPACITIES[i]));
    }
}
