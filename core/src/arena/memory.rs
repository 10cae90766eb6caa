//! The memory of objects as this process sees it: their files ([`backing`](super::backing)), mapped.
//!
//! *Who maps.* The process that opens the object, once for all its handles. A [`Memory`] is found by the number of the object's annex ([`Memories`]).
//!
//! *Who may touch it.* Whoever has the object's lock, as long as it is on the shelf; and whoever has said so under that lock
//! ([`Memory::begin_use`]), until he says that he is done. It is taken off the shelf under the lock as well, and unmapped by the last who is done. So a call
//! costs no count of uses while it holds the lock.
//!
//! *Bytes of others.* Every offset is checked against what is mapped. A file that is truncated reads as zeros and says so ([`Memory::is_lost`]).

use super::backing;
use super::layout::{ANNEXES, Shared};
use super::mapping::{Arena, Place};
use super::refs::ObjectRef;
use crate::cell::private::{AtomicU32, AtomicU64, Ordering};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Guards, Lock};
use crate::sys::fault::{self, Guard};
use crate::sys::file::File;
use crate::sys::memory::Region;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// What the kind keeps of a memory, private to this process.
pub(crate) const NOTES: usize = 4;

/// Of one that nobody guards.
static WHOLE: AtomicU32 = AtomicU32::new(0);

/// Of one that stands on no shelf.
const BORROWED: u64 = u64::MAX;

/// The mapped file of one object. It is itself never freed, but serves the next object.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Whose it is; 0: off the shelf.
    at: AtomicU64,
    address: AtomicU64,
    len: AtomicU64,
    /// Uses without the lock, and one for being on the shelf.
    uses: AtomicU32,
    /// The word of the guard.
    lost: Place<AtomicU32>,
    /// Of the kind.
    pub(crate) notes: [AtomicU64; NOTES],
}

impl Memory {
    fn fill(&self, at: u64, file: &File, len: u64) -> Result<()> {
        let region = Region::of_file(len as usize, file).map_err(|errno| {
            Error::new(
                ErrorKind::NoSpace,
                format!("cannot map the {} MiB of the object's memory; raise RLIMIT_AS (`ulimit -v`)", len >> 20),
            )
            .with_errno(errno)
            .numbered(14)
        })?;
        #[cfg(crash)]
        crate::crash::note_arena(region.address(), region.len());
        let guard = Guard::new(region);
        self.lost.set(guard.word().unwrap_or(&WHOLE));
        std::mem::forget(guard); // until `end`
        self.address.store(region.address() as u64, Ordering::Relaxed);
        self.len.store(len, Ordering::Relaxed);
        self.uses.store(1, Ordering::Relaxed);
        self.at.store(at, Ordering::Release);
        Ok(())
    }

    /// A use that outlasts the object's lock, which the caller holds.
    pub(crate) fn begin_use(&self) {
        self.uses.fetch_add(1, Ordering::AcqRel);
    }

    /// True: nobody has it any more, and it may serve the next.
    fn end(&self) -> bool {
        if self.uses.fetch_sub(1, Ordering::AcqRel) != 1 {
            return false;
        }
        let region = Region::of_parts(self.address.load(Ordering::Relaxed) as usize, self.len.load(Ordering::Relaxed) as usize);
        fault::unguard(region); // first: the addresses may be somebody else's right after
        #[cfg(crash)]
        crate::crash::forget_arena(region.address());
        // SAFETY: it is off the shelf, and the last use has ended.
        unsafe { region.unmap() };
        true
    }

    /// Whether its file was found truncated: zeros are read since.
    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get().is_some_and(|word| word.load(Ordering::Acquire) != 0)
    }

    #[inline]
    fn address(&self, offset: u64, len: u64) -> Option<usize> {
        let end = offset.checked_add(len)?;
        (end <= self.len.load(Ordering::Relaxed)).then(|| (self.address.load(Ordering::Relaxed) + offset) as usize)
    }

    /// A record at an offset; `None` beyond the end, or where it cannot stand.
    #[inline]
    pub(crate) fn record<T: Shared>(&self, offset: u64) -> Option<&T> {
        let address = self.address(offset, size_of::<T>() as u64).filter(|_| offset.is_multiple_of(8))?;
        // SAFETY: inside the mapping and aligned; `T` is Shared (words only, any bits readable); the caller touches it only while he may.
        Some(unsafe { &*(address as *const T) })
    }

    /// Bytes, for who has them to himself.
    #[inline]
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        NonNull::new(self.address(offset, len)? as *mut u8)
    }

    /// The same as a slice.
    pub(crate) fn slice(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let at = self.bytes(offset, len)?;
        // SAFETY: inside the mapping; the caller has these bytes to himself, and says so by a use.
        Some(unsafe { std::slice::from_raw_parts(at.as_ptr(), len as usize) })
    }

    /// The same to be written.
    #[allow(clippy::mut_from_ref, reason = "the bytes are not the memory's own: who has them to himself has them from the slot")]
    pub(crate) fn slice_mut(&self, offset: u64, len: u64) -> Option<&mut [u8]> {
        let at = self.bytes(offset, len)?;
        // SAFETY: as above; and the caller makes one at a time.
        Some(unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), len as usize) })
    }

    /// Copies `data` to an offset; false beyond the end.
    #[inline]
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> bool {
        #[cfg(crash)]
        crate::crash::point();
        let Some(to) = self.bytes(offset, data.len() as u64) else { return false };
        // SAFETY: inside the mapping; the caller has these bytes to himself, and `data` is none of them.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), to.as_ptr(), data.len()) };
        true
    }

    /// Copies from an offset, as much as `buf` takes; false beyond the end.
    #[inline]
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> bool {
        let Some(from) = self.bytes(offset, buf.len() as u64) else { return false };
        // SAFETY: inside the mapping; the caller has these bytes to himself, and `buf` is none of them.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), buf.as_mut_ptr(), buf.len()) };
        true
    }
}

const CHUNK: usize = 256;
type Chunk = Box<[Place<Memory>; CHUNK]>;

/// All memories of this process in one namespace.
pub(crate) struct Memories {
    shelf: [OnceLock<Chunk>; ANNEXES as usize / CHUNK],
    /// Those that wait for the next object; held while one is made.
    resting: Lock<Vec<&'static Memory>>,
}

impl Default for Memories {
    fn default() -> Self {
        Memories { shelf: [const { OnceLock::new() }; ANNEXES as usize / CHUNK], resting: Lock::default() }
    }
}

impl Memories {
    #[inline]
    fn place(&self, annex: u32) -> Option<&Place<Memory>> {
        let chunk = self.shelf.get(annex as usize / CHUNK)?;
        Some(&chunk.get()?[annex as usize % CHUNK])
    }

    /// The memory of an object that this process has mapped.
    #[inline]
    pub(crate) fn get(&self, annex: u32, at: ObjectRef) -> Option<&'static Memory> {
        self.place(annex)?.get().filter(|memory| memory.at.load(Ordering::Acquire) == at.pack())
    }

    /// Maps an object's file, of which `len` bytes are needed, unless it is mapped. The caller holds the object, and so it stays.
    pub(crate) fn map(&self, arena: &Arena, annex: u32, at: ObjectRef, len: u64, note: impl FnOnce(&Memory)) -> Result<&'static Memory> {
        let mut resting = self.resting.lock();
        if let Some(memory) = self.get(annex, at) {
            return Ok(memory);
        }
        let file = backing::open(arena, at, len)?;
        let memory = resting.pop().unwrap_or_else(|| Box::leak(Box::default()));
        note(memory);
        if let Err(error) = memory.fill(at.pack(), &file, len) {
            resting.push(memory);
            return Err(error);
        }
        let chunk = self.shelf.get(annex as usize / CHUNK).ok_or_else(|| arena.corrupted("an annex beyond the table"))?;
        chunk.get_or_init(|| Box::new([const { Place::empty() }; CHUNK]))[annex as usize % CHUNK].set(memory);
        Ok(memory)
    }

    /// Takes an object's memory off the shelf; the caller has the object's lock, or the object has no other user.
    pub(crate) fn unmap(&self, memory: &'static Memory) {
        if memory.at.swap(0, Ordering::AcqRel) != 0 {
            self.end_use(memory);
        }
    }

    /// A use is over.
    pub(crate) fn end_use(&self, memory: &'static Memory) {
        if memory.end() {
            self.resting.lock().push(memory);
        }
    }

    /// For a fork.
    pub(crate) fn hold(&'static self, guards: &mut Guards) {
        guards.take(&self.resting);
    }

    /// Everything that is mapped.
    pub(crate) fn all(&self) -> impl Iterator<Item = (ObjectRef, &'static Memory)> {
        let places = self.shelf.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter());
        places.filter_map(Place::get).filter_map(|memory| {
            let at = memory.at.load(Ordering::Acquire);
            Some((ObjectRef::unpack(at).filter(|_| at != BORROWED)?, memory))
        })
    }
}

/// An object's memory for a moment, where this process has not opened the object: who buries the dead has not.
pub(crate) struct Borrowed<'a> {
    memories: &'a Memories,
    memory: &'static Memory,
}

impl<'a> Borrowed<'a> {
    pub(crate) fn new(memories: &'a Memories, arena: &Arena, at: ObjectRef, len: u64, note: impl FnOnce(&Memory)) -> Result<Borrowed<'a>> {
        let file = backing::open(arena, at, len)?;
        let memory = memories.resting.lock().pop().unwrap_or_else(|| Box::leak(Box::default()));
        note(memory);
        if let Err(error) = memory.fill(BORROWED, &file, len) {
            memories.resting.lock().push(memory);
            return Err(error);
        }
        Ok(Borrowed { memories, memory })
    }
}

impl std::ops::Deref for Borrowed<'_> {
    type Target = &'static Memory;
    fn deref(&self) -> &&'static Memory {
        &self.memory
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.memories.unmap(self.memory);
    }
}
