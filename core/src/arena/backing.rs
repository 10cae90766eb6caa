//! Files beside the arena's: the memory of objects that need more than records.
//!
//! *What it is.* `byname.v1.memory.<uid>.<number of the arena's file>.<object>.<generation>`, in the arena's directory, mode 0600. The name says whose it
//! is, so nothing needs to be remembered: who finds the object dead knows what to remove.
//!
//! *Who may write what.* The maker of an object, while it is RESERVED, makes the file whole, with memory behind it. Whoever ends the object removes it.
//!
//! *Death.* Between making and publishing: the reserved record leads the reaper to it. When all processes die at once, the next one to attach reaps them. With an
//! arena that is removed unmapped (another boot's, or one whose last user died while he closed it) go the files that carry its number ([`sweep`]).

use super::file::no_space;
use super::mapping::Arena;
use super::refs::ObjectRef;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::file::{self, File};
use crate::sys::{code, process};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const PREFIX: &str = "byname.v1.memory";

fn prefix_of(uid: u32, number: u64) -> String {
    format!("{PREFIX}.{uid}.{number:x}.")
}

/// What the paths of an arena's memory begin with, and whose it is. Found out once: who changes his user id goes on with what he has attached.
#[derive(Debug)]
pub(crate) struct Beside {
    prefix: PathBuf,
    uid: u32,
}

impl Beside {
    /// That of the arena in this file, which has that number.
    pub(crate) fn of(arena: &Path, uid: u32, number: u64) -> Beside {
        Beside { prefix: arena.with_file_name(prefix_of(uid, number)), uid }
    }

    fn path(&self, at: ObjectRef) -> PathBuf {
        use std::fmt::Write;
        let prefix = self.prefix.as_os_str();
        let mut path = OsString::with_capacity(prefix.len() + 17);
        path.push(prefix);
        let _ = write!(path, "{:x}.{:x}", at.index, at.generation);
        path.into()
    }

    /// What an object's file says, if it says little; for who only looks.
    pub(crate) fn read(&self, at: ObjectRef) -> Option<Vec<u8>> {
        let file = File::open_to_read(&self.path(at)).ok()?;
        let stat = file.stat().ok().filter(|stat| stat.is_regular() && stat.uid == self.uid && stat.size <= 1 << 16)?;
        let mut bytes = vec![0; stat.size as usize];
        file.read_at(&mut bytes, 0).ok()?.then_some(bytes)
    }
}

fn beside(arena: &Arena) -> &Beside {
    arena.beside.get_or_init(|| Beside::of(&arena.path, process::euid(), arena.number()))
}

/// Where an object's memory is.
pub(crate) fn path(arena: &Arena, at: ObjectRef) -> PathBuf {
    beside(arena).path(at)
}

/// Makes an object's file, of `size` bytes, zeros, of which the first `reserved` have memory behind them. It belongs to a record that is reserved for the caller, so what stands
/// there is left from somebody who died.
pub(crate) fn create(arena: &Arena, at: ObjectRef, size: u64, reserved: u64) -> Result<File> {
    let path = path(arena, at);
    let file = loop {
        match File::create_new(&path) {
            Err(code::EEXIST) => file::unlink(&path).map_err(|errno| cannot("remove", &path, errno))?,
            made => break made.map_err(|errno| cannot("create", &path, errno))?,
        }
    };
    let sized = file.set_size(size).and_then(|()| if reserved > 0 { file.reserve(0, reserved) } else { Ok(()) });
    match sized {
        Ok(()) => Ok(file),
        Err(errno) => {
            let _ = file::unlink(&path);
            Err(cannot("make room in", &path, errno))
        }
    }
}

/// Makes an object's file of what it is to hold.
pub(crate) fn create_of(arena: &Arena, at: ObjectRef, content: &[u8]) -> Result<()> {
    let file = create(arena, at, content.len() as u64, content.len() as u64)?;
    file.write_at(content, 0).map_err(|errno| cannot("write to", &path(arena, at), errno))
}

/// Opens an object's file, which must be as long as the object says.
pub(crate) fn open(arena: &Arena, at: ObjectRef, size: u64) -> Result<File> {
    let path = path(arena, at);
    let file = File::open(&path).map_err(|errno| cannot("open", &path, errno))?;
    let stat = file.stat().map_err(|errno| cannot("look at", &path, errno))?;
    let is_ours = stat.is_regular() && stat.uid == beside(arena).uid && stat.permissions() & 0o077 == 0 && stat.links == 1;
    if is_ours && stat.size < size {
        return Err(lost("truncated", &path));
    }
    if !is_ours {
        return Err(not_ours(&path));
    }
    Ok(file)
}

/// Whether an error of [`open`] says that nobody will ever open the file.
pub(crate) fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NamespaceLost | ErrorKind::Corrupted)
}

fn not_ours(path: &Path) -> Error {
    let what = format!("{} is not the file that byname made there; end the users of the namespace and delete it", path.display());
    Error::new(ErrorKind::Corrupted, what)
}

/// Puts memory behind a part of an object's file.
pub(crate) fn reserve(arena: &Arena, at: ObjectRef, file: &File, offset: u64, len: u64) -> Result<()> {
    file.reserve(offset, len).map_err(|errno| cannot("make room in", &path(arena, at), errno))
}

/// Removes an object's file, if it has one.
pub(crate) fn remove(arena: &Arena, at: ObjectRef) -> Result<()> {
    let path = path(arena, at);
    match file::unlink(&path) {
        Ok(()) | Err(code::ENOENT) => Ok(()),
        Err(errno) => Err(cannot("remove", &path, errno)),
    }
}

/// Removes the files of an arena that is gone, by its number.
pub(crate) fn sweep(dir: &Path, number: u64) {
    for file in files(dir, &prefix_of(process::euid(), number)) {
        let _ = file::unlink(&file);
    }
}

/// All such files of this user.
#[cfg(feature = "cli")]
pub(crate) fn files_of_user(dir: &Path) -> Vec<PathBuf> {
    files(dir, &format!("{PREFIX}.{}.", process::euid()))
}

/// Those of them that belong to none of these arenas.
#[cfg(feature = "cli")]
pub(crate) fn orphans(files: Vec<PathBuf>, arenas: &[PathBuf]) -> Vec<PathBuf> {
    let prefixes: Vec<String> = arenas.iter().filter_map(|arena| Some(prefix_of(process::euid(), file::stat(arena).ok()?.ino))).collect();
    let has_arena = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    files.into_iter().filter(|file| !has_arena(file)).collect()
}

fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix))).map(|entry| entry.path()).collect()
}

/// Somebody did that to an object's file.
pub(crate) fn lost(how: &str, path: &Path) -> Error {
    let what = format!("the file {} was {how} under its users; close the object, and keep cleaners away from it", path.display());
    Error::new(ErrorKind::NamespaceLost, what)
}

fn cannot(what: &str, path: &Path, errno: i32) -> Error {
    match errno {
        code::ENOSPC | code::EDQUOT => no_space(path.parent().unwrap_or(path), errno),
        code::EFBIG => {
            Error::new(ErrorKind::LimitReached, "the limit RLIMIT_FSIZE is below the size that was asked for; raise it with `ulimit -f`")
                .with_errno(errno)
        }
        code::ENOENT => lost("deleted", path).with_errno(errno),
        code::ELOOP | code::EISDIR | code::ENXIO => not_ours(path).with_errno(errno),
        _ => Error::system(&format!("cannot {what} {}", path.display()), errno),
    }
}
