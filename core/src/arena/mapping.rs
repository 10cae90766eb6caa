//! This process's view of an arena: the only place that makes references out of mapped bytes.
//!
//! The whole file's address space is reserved once; tables are mapped into it as their high-water marks grow, and never
//! move. A record is reached by index; the index is checked against what is mapped, which is also the check against bytes
//! that somebody planted. Growing a table is one `fallocate` (so that a full file system is an error here and not a SIGBUS
//! later) and, at most once per MiB, one `mmap`.

use super::backing::Beside;
use super::file;
use super::layout::{self, Annex, Fixed, Header, LongName, Node, Object, Owner, Process, Shared, TABLES, Table, Waiter};
use crate::cell::Word64;
use crate::cell::private::{AtomicU32, Ordering};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Guards, Lock};
use crate::name::quoted;
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};
use crate::sys::file::{self as sys_file, File};
use crate::sys::fork::ForkWord;
use crate::sys::memory::Region;
use crate::sys::process::Uncancelled;
use crate::sys::{code, fault, futex, robust};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Tables are mapped in steps of this size.
const MAP_STEP: u64 = 1 << 20;
const PAGE: u64 = 4096;

struct Extent {
    offset: u64,
    stride: u64,
    capacity: u32,
}

fn extent(table: Table) -> Extent {
    let of = |offset, stride: usize, capacity| Extent { offset, stride: stride as u64, capacity };
    match table {
        Table::Processes => of(layout::PROCESSES_AT, size_of::<Process>(), layout::PROCESSES),
        Table::Owners => of(layout::OWNERS_AT, size_of::<Owner>(), layout::OWNERS),
        Table::Waiters => of(layout::WAITERS_AT, size_of::<Waiter>(), layout::WAITERS),
        Table::Nodes => of(layout::NODES_AT, size_of::<Node>(), layout::NODES),
        Table::Objects => of(layout::OBJECTS_AT, size_of::<Object>(), layout::OBJECTS),
        Table::LongNames => of(layout::LONG_NAMES_AT, size_of::<LongName>(), layout::LONG_NAMES),
        Table::Annexes => of(layout::ANNEXES_AT, size_of::<Annex>(), layout::ANNEXES),
    }
}

/// A mapped arena. It is never unmapped, so references into it live as long as the process.
#[derive(Debug)]
pub(crate) struct Arena {
    pub(crate) path: PathBuf,
    /// The open file, and which inode it must be; changes of the mapping are made under its lock.
    file: Lock<OwnFile>,
    region: Region,
    /// Records of each table that may be touched: mapped, and below the high-water mark when we looked.
    usable: [AtomicU32; TABLES],
    /// Bytes of each table that are mapped; changed under `growing`.
    mapped: [AtomicU32; TABLES],
    /// Words of each reference row that may be touched: mapped, and with memory behind them when we looked.
    rows: Vec<AtomicU32>,
    /// Whether calls may go on.
    pub(crate) gate: Gate,
    /// Where the memory of its objects is.
    pub(crate) beside: OnceLock<Beside>,
}

impl Arena {
    /// Maps the header and the fixed tables of an arena whose header has been checked.
    pub(crate) fn map(path: PathBuf, file: File, ground: Ground) -> Result<Arena> {
        let region = ground.region;
        let mapped = map_part(region, &path, &file, 0, layout::PROCESSES_AT);
        let own = match mapped.and_then(|()| OwnFile::new(&path, file)) {
            Ok(own) => own,
            Err(error) => {
                ground.give_back();
                return Err(error);
            }
        };
        let gate = ground.gate;
        fault::guard(region, gate.0.word(), LOST);
        fault::grown(region, layout::PROCESSES_AT as usize);
        #[cfg(crash)]
        crate::crash::note_arena(region.address(), region.len());
        Ok(Arena {
            path,
            file: Lock::new(own),
            region,
            usable: Default::default(),
            mapped: Default::default(),
            rows: (0..layout::PROCESSES).map(|_| AtomicU32::new(0)).collect(),
            gate,
            beside: OnceLock::new(),
        })
    }

    pub(crate) fn header(&self) -> &'static Header {
        self.at(0)
    }

    pub(crate) fn fixed(&self) -> &'static Fixed {
        self.at(layout::FIXED_AT)
    }

    #[inline]
    pub(crate) fn process(&self, index: u32) -> Result<&'static Process> {
        self.record(Table::Processes, index)
    }

    #[inline]
    pub(crate) fn owner(&self, index: u32) -> Result<&'static Owner> {
        self.record(Table::Owners, index)
    }

    #[inline]
    pub(crate) fn waiter(&self, index: u32) -> Result<&'static Waiter> {
        self.record(Table::Waiters, index)
    }

    #[inline]
    pub(crate) fn node(&self, index: u32) -> Result<&'static Node> {
        self.record(Table::Nodes, index)
    }

    #[inline]
    pub(crate) fn object(&self, index: u32) -> Result<&'static Object> {
        self.record(Table::Objects, index)
    }

    pub(crate) fn long_name(&self, index: u32) -> Result<&'static LongName> {
        self.record(Table::LongNames, index)
    }

    #[inline]
    pub(crate) fn annex(&self, index: u32) -> Result<&'static Annex> {
        self.record(Table::Annexes, index)
    }

    /// How many records of a table have memory behind them; what a walk may count on. (That of an impossible mark ends at the first record that we could not
    /// touch before, in [`Self::make_usable`].)
    pub(crate) fn high_water(&self, table: Table) -> u32 {
        self.header().high_water[table as usize].load().min(extent(table).capacity)
    }

    /// The mark itself, if it can be one: tables grow by whole chunks.
    fn mark(&self, table: Table) -> Option<u32> {
        let Extent { stride, capacity, .. } = extent(table);
        let mark = self.header().high_water[table as usize].load();
        (mark == capacity || mark < capacity && mark.is_multiple_of((layout::CHUNK / stride) as u32)).then_some(mark)
    }

    /// As [`Self::high_water`]; where the mark is impossible, the records that this process has seen.
    pub(crate) fn reachable(&self, table: Table) -> u32 {
        self.mark(table).unwrap_or_else(|| self.touched(table))
    }

    #[cold]
    fn no_mark(&self, table: Table) -> Error {
        self.corrupted(&format!("{} {}", self.header().high_water[table as usize].load(), noun(table)))
    }

    /// Whether the file was deleted, replaced or truncated. That the program closed our descriptor is not a loss.
    pub(crate) fn is_lost(&self) -> bool {
        let mut file = self.file.lock();
        match file.get(&self.path) {
            Ok(open) => file::is_lost(&self.path, open),
            Err(_) => !file.is_in_place(&self.path),
        }
    }

    /// Lets go of what an arena that was not joined holds: its descriptor, its guard and its addresses. Nobody may use it from here on: no thread of
    /// ours has it, or the only one, its keeper, has ended.
    pub(crate) fn give_up(&self) {
        self.file.lock().file = None;
        fault::unguard(self.region);
        // SAFETY: every reference into the region was made by a thread that has ended, or by a call that has returned.
        unsafe { self.region.unmap() };
    }

    /// Wakes every blocked thread that this process knows of: the namespace is lost.
    ///
    /// A futex can be woken only where there is a page, so a truncated file is made long again; but for the last page, so that the other processes
    /// see that it was truncated, too. And where zero pages lie over the file ([`fault`]), our addresses are other futexes than those that
    /// the threads sleep on: these are reached by the file, mapped once more.
    pub(crate) fn wake_waiters(&self) {
        let count = self.touched(Table::Waiters);
        let wake = |waiter: &Waiter| futex::wake(waiter.claim.low(), i32::MAX);
        let _ = self.with_waiters_afresh(count, &wake);
        (0..count).filter_map(|index| self.waiter(index).ok()).for_each(|waiter| {
            wake(waiter);
        });
        futex::wake(self.header().crowd.low(), i32::MAX);
        self.header().halls.iter().for_each(|hall| {
            hall.add(1); // whoever is about to sleep there
            futex::wake(hall, i32::MAX);
        });
    }

    fn with_waiters_afresh(&self, count: u32, each: &dyn Fn(&Waiter) -> usize) -> Result<()> {
        let mut file = self.file.lock();
        let file = file.get(&self.path)?;
        if file.stat().is_ok_and(|s| s.size < layout::SIZE) {
            let _ = file.set_size(layout::SIZE - PAGE);
        }
        let len = layout::WAITERS_AT as usize + count as usize * size_of::<Waiter>();
        let region = Region::of_file_to_read(len, file).map_err(|e| no_memory(&self.path, e))?;
        // SAFETY: the header is the beginning of the new mapping; its words are given to the kernel as addresses, and nobody reads there.
        let header = unsafe { &*(region.address() as *const Header) };
        header.halls.iter().for_each(|hall| {
            futex::wake(hall, i32::MAX);
        });
        for index in 0..count as usize {
            let at = region.address() + layout::WAITERS_AT as usize + index * size_of::<Waiter>();
            // SAFETY: inside the new mapping, aligned as in the file; `each` gives the address to the kernel, and nobody reads there.
            each(unsafe { &*(at as *const Waiter) });
        }
        // SAFETY: no reference into it is left.
        unsafe { region.unmap() };
        Ok(())
    }

    /// Removes the file's name.
    pub(crate) fn remove(&self) -> Result<()> {
        file::remove(&self.path, self.file.lock().get(&self.path)?)
    }

    /// What tells this file from all others in its file system.
    pub(crate) fn number(&self) -> u64 {
        self.file.lock().ino
    }

    /// The device and the number of the arena's file.
    pub(crate) fn identity(&self) -> (u64, u64) {
        let file = self.file.lock();
        (file.dev, file.ino)
    }

    /// For a fork.
    pub(crate) fn hold(&'static self, guards: &mut Guards) {
        guards.take(&self.file);
    }

    /// How many records of a table this process has ever been able to touch.
    pub(crate) fn touched(&self, table: Table) -> u32 {
        self.usable[table as usize].load(Ordering::Acquire)
    }

    /// Puts memory behind the first chunk of every table that calls need besides objects, and maps it: a program may close the descriptor
    /// and give away the right to open the file again.
    pub(crate) fn begin_tables(&self) -> Result<()> {
        for table in [Table::Processes, Table::Owners, Table::Waiters, Table::Nodes] {
            if self.high_water(table) == 0 {
                self.grow(table, 0)?;
            }
            self.make_usable(table, 0)?;
        }
        Ok(())
    }

    /// Puts memory behind the next chunk of a table, unless somebody has grown it beyond `seen` meanwhile.
    pub(crate) fn grow(&self, table: Table, seen: u32) -> Result<()> {
        let _whole = Uncancelled::new();
        let Extent { offset, stride, capacity } = extent(table);
        let mut file = self.file.lock();
        let Some(high) = self.mark(table) else {
            drop(file); // which `no_mark` asks
            return Err(self.no_mark(table));
        };
        if self.gate.is_lost() {
            return Err(self.lost_error()); // found by the look at the mark: a truncated file shall not grow again
        }
        if high > seen {
            return Ok(());
        }
        if high >= capacity {
            return Err(Error::new(
                ErrorKind::LimitReached,
                format!("the namespace {} holds {capacity} {}, its limit; close some", self.path.display(), noun(table)),
            ));
        }
        let more = (layout::CHUNK / stride) as u32;
        let next = (high + more).min(capacity);
        let (from, to) = (offset + u64::from(high) * stride, offset + u64::from(next) * stride);
        self.reserve(file.get(&self.path)?, from, to - from)?;
        let _ = self.header().high_water[table as usize].cas(high, next);
        Ok(())
    }

    /// Makes sure that there is memory behind `from..to` of the table at `at`, of which a mark in the arena speaks: one that somebody has raised must not become a
    /// SIGBUS. False where it cannot be true: a file in memory holds at least what one of its marks says. Elsewhere the memory is asked for; what is
    /// there already costs a short call. Where the program has closed our descriptor, the mark is believed; and a truncated file is left as it is, for
    /// the others to see.
    fn back(&self, file: &mut OwnFile, at: u64, from: u64, to: u64) -> Result<bool> {
        let Ok(file) = file.get(&self.path) else { return Ok(true) };
        match file.stat() {
            Ok(file) if file.size < layout::SIZE => return Ok(true),
            Ok(stat) if stat.held < to && file.is_in_memory() => return Ok(false),
            _ => {}
        }
        let mut pieces = (from..to).step_by(MAP_STEP as usize);
        pieces.try_for_each(|piece| self.reserve(file, at + piece, MAP_STEP.min(to - piece))).map(|()| true)
    }

    fn reserve(&self, file: &File, offset: u64, len: u64) -> Result<()> {
        file.reserve(offset, len).map_err(|errno| match errno {
            code::ENOSPC | code::EDQUOT => Error::new(
                ErrorKind::NoSpace,
                format!(
                    "no space left for {}: free some in its file system (containers often have 64 MiB of /dev/shm), or set BYNAME_DIR",
                    self.path.display()
                ),
            )
            .with_errno(errno),
            _ => Error::system(&format!("cannot reserve space in {}", self.path.display()), errno),
        })
    }

    /// One word of a process's reference row: bits of objects it holds, below its generation.
    /// `None` where the row has no memory yet.
    pub(crate) fn row_word(&self, slot: u32, word: u32) -> Result<Option<&'static Word64>> {
        let row = layout::ROWS_AT + u64::from(slot) * u64::from(layout::ROW_WORDS) * 8;
        let have = self.process(slot)?.row_words.load();
        if word >= have {
            return Ok(None);
        }
        if word >= self.rows[slot as usize].load(Ordering::Acquire) {
            self.make_row_usable(slot, row, have)?;
        }
        Ok(Some(self.at(row + u64::from(word) * 8)))
    }

    #[cold]
    fn make_row_usable(&self, slot: u32, row: u64, have: u32) -> Result<()> {
        let _whole = Uncancelled::new();
        if have > layout::ROW_WORDS || !(u64::from(have) * 8).is_multiple_of(layout::ROW_CHUNK) {
            return Err(self.corrupted(&format!("a reference row of {have} words")));
        }
        let usable = &self.rows[slot as usize];
        let mut file = self.file.lock();
        if usable.load(Ordering::Acquire) == 0 {
            map_part(self.region, &self.path, file.get(&self.path)?, row, u64::from(layout::ROW_WORDS) * 8)?;
        }
        if !self.back(&mut file, row, 0, u64::from(have) * 8)? {
            drop(file); // which `corrupted` asks
            return Err(self.corrupted(&format!("a reference row of {have} words")));
        }
        usable.fetch_max(have, Ordering::AcqRel);
        Ok(())
    }

    /// Puts memory behind a process's reference row up to `word`. Only for one's own slot, or an EXPECTED child's.
    pub(crate) fn extend_row(&self, slot: u32, word: u32) -> Result<()> {
        let _whole = Uncancelled::new();
        let process = self.process(slot)?;
        let per_chunk = (layout::ROW_CHUNK / 8) as u32;
        let want = (word / per_chunk + 1) * per_chunk;
        let mut file = self.file.lock();
        let have = process.row_words.load();
        if want > layout::ROW_WORDS || !have.is_multiple_of(per_chunk) {
            drop(file); // which `corrupted` asks
            return Err(self.corrupted(&format!("a reference row of {have} words")));
        }
        if have < want {
            let row = layout::ROWS_AT + u64::from(slot) * u64::from(layout::ROW_WORDS) * 8;
            self.reserve(file.get(&self.path)?, row + u64::from(have) * 8, u64::from(want - have) * 8)?;
            process.row_words.store(want);
        }
        Ok(())
    }

    /// Locks the robust mutex of an owner record on behalf of the calling thread.
    pub(crate) fn lock_thread_word(&self, owner: u32) -> Result<()> {
        let bytes = self.owner(owner)?.lock.as_ptr().cast_mut().cast::<u8>();
        // SAFETY: the record is mapped for good and belongs to this process; the pool hands it to one thread at a time, and to the
        // next one only when the kernel has seen the thread before end.
        unsafe { robust::lock_thread_word(bytes) }
            .map_err(|e| Error::system("cannot make a robust mutex; this system's C library lacks them", e))
    }

    /// The file holds bytes that byname never writes; or it was truncated, and these are the zeros that came in their place.
    pub(crate) fn corrupted(&self, what: &str) -> Error {
        if self.gate.is_open() && self.is_lost() {
            self.gate.lose();
        }
        if self.gate.is_lost() {
            return self.lost_error();
        }
        Error::new(
            ErrorKind::Corrupted,
            format!("{} is damaged ({what}); end its users and delete it", quoted(&self.path.to_string_lossy())),
        )
    }

    pub(crate) fn lost_error(&self) -> Error {
        Error::new(
            ErrorKind::NamespaceLost,
            format!(
                "the file {} was deleted, replaced or truncated under its users; restart them, and keep cleaners away from it",
                self.path.display()
            ),
        )
    }

    #[inline]
    fn record<T: Shared>(&self, table: Table, index: u32) -> Result<&'static T> {
        if index < self.usable[table as usize].load(Ordering::Acquire) {
            return Ok(self.at(extent(table).offset + u64::from(index) * size_of::<T>() as u64));
        }
        self.make_usable(table, index)?;
        Ok(self.at(extent(table).offset + u64::from(index) * size_of::<T>() as u64))
    }

    #[cold]
    fn make_usable(&self, table: Table, index: u32) -> Result<()> {
        let _whole = Uncancelled::new();
        let Extent { offset, stride, capacity } = extent(table);
        let high = self.mark(table).ok_or_else(|| self.no_mark(table))?;
        if index >= high {
            return Err(self.corrupted(&format!("index {index} of {high} {}", noun(table))));
        }
        let mut file = self.file.lock();
        let mapped = u64::from(self.mapped[table as usize].load(Ordering::Acquire));
        let end = (u64::from(capacity) * stride).next_multiple_of(4096);
        let want = (u64::from(high) * stride).next_multiple_of(MAP_STEP).min(end);
        if want > mapped {
            let at = offset + mapped;
            map_part(self.region, &self.path, file.get(&self.path)?, at, want - mapped)?;
            self.mapped[table as usize].store(want as u32, Ordering::Release);
        }
        let usable = self.usable[table as usize].load(Ordering::Acquire);
        if high > usable && !self.back(&mut file, offset, u64::from(usable) * stride, u64::from(high) * stride)? {
            drop(file); // which `no_mark` asks
            return Err(self.no_mark(table));
        }
        self.usable[table as usize].fetch_max(high, Ordering::AcqRel);
        Ok(())
    }

    /// A record at an offset that the callers above have checked to be mapped and aligned for it.
    fn at<T: Shared>(&self, offset: u64) -> &'static T {
        debug_assert!(offset as usize + size_of::<T>() <= self.region.len() && offset.is_multiple_of(8));
        // SAFETY: `T` is Shared (words only, any bits readable); the callers pass offsets of mapped table records; the
        // mapping stays until the process ends.
        unsafe { &*((self.region.address() + offset as usize) as *const T) }
    }
}

/// The addresses of an arena, and its gate: taken before its file is made, so that where they are too few nothing is left behind.
#[derive(Debug)]
pub(crate) struct Ground {
    region: Region,
    gate: Gate,
}

impl Ground {
    pub(crate) fn take(path: &Path) -> Result<Ground> {
        let gate = Gate::new()?;
        let region = Region::reserve(layout::SIZE as usize).map_err(|e| no_memory(path, e))?;
        Ok(Ground { region, gate })
    }

    /// Gives the addresses back; the page of the gate stays.
    pub(crate) fn give_back(self) {
        // SAFETY: no reference into the region has been made.
        unsafe { self.region.unmap() };
    }
}

/// An arena that is only looked at: mapped for reading, whole, without a place in it; unmapped when this is dropped.
///
/// An index that is beyond what has memory is no error here but a `None`: what is looked at may be damaged.
#[derive(Debug)]
pub(crate) struct View {
    region: Region,
    /// `None` once it is being dropped.
    guard: Option<fault::Guard>,
}

impl View {
    /// Maps a file whose header has been checked.
    pub(crate) fn map(path: &Path, file: &File) -> Result<View> {
        let region = Region::of_file_to_read(layout::SIZE as usize, file).map_err(|e| no_memory(path, e))?;
        Ok(View { region, guard: Some(fault::Guard::new(region)) })
    }

    /// Whether the file was truncated under our eyes; all reads as zeros then.
    pub(crate) fn is_lost(&self) -> bool {
        self.guard.as_ref().is_some_and(fault::Guard::is_lost)
    }

    pub(crate) fn header(&self) -> &Header {
        self.at(0)
    }

    pub(crate) fn fixed(&self) -> &Fixed {
        self.at(layout::FIXED_AT)
    }

    /// How many records of a table have memory behind them.
    pub(crate) fn high_water(&self, table: Table) -> u32 {
        self.header().high_water[table as usize].load().min(extent(table).capacity)
    }

    pub(crate) fn process(&self, index: u32) -> Option<&Process> {
        self.record(Table::Processes, index)
    }

    pub(crate) fn owner(&self, index: u32) -> Option<&Owner> {
        self.record(Table::Owners, index)
    }

    pub(crate) fn waiter(&self, index: u32) -> Option<&Waiter> {
        self.record(Table::Waiters, index)
    }

    pub(crate) fn node(&self, index: u32) -> Option<&Node> {
        self.record(Table::Nodes, index)
    }

    pub(crate) fn object(&self, index: u32) -> Option<&Object> {
        self.record(Table::Objects, index)
    }

    pub(crate) fn long_name(&self, index: u32) -> Option<&LongName> {
        self.record(Table::LongNames, index)
    }

    pub(crate) fn annex(&self, index: u32) -> Option<&Annex> {
        self.record(Table::Annexes, index)
    }

    /// One word of a process's reference row.
    pub(crate) fn row_word(&self, slot: u32, word: u32) -> Option<&Word64> {
        let words = self.process(slot)?.row_words.load().min(layout::ROW_WORDS);
        let row = layout::ROWS_AT + u64::from(slot) * u64::from(layout::ROW_WORDS) * 8;
        (word < words).then(|| self.at(row + u64::from(word) * 8))
    }

    fn record<T: Shared>(&self, table: Table, index: u32) -> Option<&T> {
        (index < self.high_water(table)).then(|| self.at(extent(table).offset + u64::from(index) * size_of::<T>() as u64))
    }

    /// A record at an offset of a table; the callers have checked the index against the table's capacity at least.
    fn at<T: Shared>(&self, offset: u64) -> &T {
        debug_assert!(offset as usize + size_of::<T>() <= self.region.len() && offset.is_multiple_of(8));
        // SAFETY: `T` is Shared (words only, any bits readable); the offset is inside the file, all of which is mapped until `self` is dropped;
        // the words are only loaded, which a mapping for reading allows.
        unsafe { &*((self.region.address() + offset as usize) as *const T) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.guard = None; // first: the addresses may be somebody else's right after
        // SAFETY: every reference into the region borrows `self`.
        unsafe { self.region.unmap() };
    }
}

/// The arena's file as long as the descriptor still is it: programs that close every descriptor (daemons do) give the number to another file.
#[derive(Debug)]
struct OwnFile {
    file: Option<File>,
    dev: u64,
    ino: u64,
}

impl OwnFile {
    fn new(path: &Path, file: File) -> Result<OwnFile> {
        let stat = file.stat().map_err(|e| Error::system(&format!("cannot stat {}", path.display()), e))?;
        Ok(OwnFile { file: Some(file.moved_up()), dev: stat.dev, ino: stat.ino })
    }

    /// Whether the path leads to the file. A program that has closed our descriptor may have none left to open it again, or no longer the
    /// right to: that loses nothing that is mapped.
    fn is_in_place(&self, path: &Path) -> bool {
        #[cfg(any(test, planted))]
        if planted::has(Planted::LostWithoutRight) {
            return false;
        }
        sys_file::stat(path).is_ok_and(|s| (s.dev, s.ino) == (self.dev, self.ino) && s.size >= layout::SIZE)
    }

    /// The file; opened again where the descriptor was taken away.
    fn get(&mut self, path: &Path) -> Result<&File> {
        let is_it = |file: &File| file.stat().is_ok_and(|s| (s.dev, s.ino) == (self.dev, self.ino));
        if !self.file.as_ref().is_some_and(is_it) {
            std::mem::forget(self.file.take()); // the number is somebody else's now
            match File::open(path) {
                Ok(file) if is_it(&file) => self.file = Some(file.moved_up()),
                Err(errno) if self.is_in_place(path) => {
                    return Err(Error::system(
                        &format!("the descriptor of {} was closed, and it cannot be opened again", path.display()),
                        errno,
                    ));
                }
                _ => {
                    let what = format!("the descriptor of {} was closed, and the file is there no more", path.display());
                    return Err(Error::new(ErrorKind::NamespaceLost, what));
                }
            }
        }
        Ok(self.file.as_ref().expect("it is open"))
    }
}

/// Whether this process may go on using the arena. One word, which reads 0 in a child whose fork ran no hooks.
#[derive(Debug)]
pub(crate) struct Gate(ForkWord);

/// Not attached yet; or the child of a fork that ran no hooks.
const SHUT: u32 = 0;
const OPEN: u32 = 1;
/// The file was deleted, replaced or truncated.
const LOST: u32 = 2;
/// This process exits.
const LEFT: u32 = 3;

impl Gate {
    fn new() -> Result<Gate> {
        ForkWord::new().map(Gate).map_err(|e| Error::system("cannot make a page that notices forks (MADV_WIPEONFORK)", e))
    }

    #[inline(always)]
    pub(crate) fn is_open(&self) -> bool {
        self.0.get() == OPEN
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.0.get() == LOST
    }

    pub(crate) fn has_left(&self) -> bool {
        self.0.get() == LEFT
    }

    /// Calls may begin, unless the namespace was lost before the first.
    pub(crate) fn open(&self) {
        self.0.replace(SHUT, OPEN);
    }

    /// From now on every call says NamespaceLost.
    pub(crate) fn lose(&self) {
        if !self.0.replace(OPEN, LOST) {
            self.0.replace(SHUT, LOST);
        }
    }

    /// From now on this process makes no more calls.
    pub(crate) fn leave(&self) {
        self.0.set(LEFT);
    }
}

/// Maps a part of the file to its place.
fn map_part(region: Region, path: &Path, file: &File, at: u64, len: u64) -> Result<()> {
    region.map_file(at as usize, len as usize, file, at).map_err(|e| no_memory(path, e))?;
    fault::grown(region, (at + len) as usize);
    Ok(())
}

fn noun(table: Table) -> &'static str {
    match table {
        Table::Processes => "processes",
        Table::Owners => "owners (threads and grants)",
        Table::Waiters => "waits in progress",
        Table::Nodes => "places in queues",
        Table::Objects => "objects",
        Table::LongNames => "names of over 144 bytes",
        Table::Annexes => "timers, queues and others that need more than a record",
    }
}

fn no_memory(path: &std::path::Path, errno: i32) -> Error {
    Error::new(
        ErrorKind::NoSpace,
        format!(
            "cannot map {} ({}); byname reserves {} MiB of address space: raise RLIMIT_AS (`ulimit -v`)",
            path.display(),
            std::io::Error::from_raw_os_error(errno),
            layout::SIZE >> 20
        ),
    )
    .with_errno(errno)
}

/// A place for a reference that lives as long as the process, which threads may share and change.
#[derive(Debug)]
pub(crate) struct Place<T: Sync + 'static>(crate::cell::private::AtomicPtr<T>);

impl<T: Sync + 'static> Default for Place<T> {
    fn default() -> Self {
        Place::empty()
    }
}

impl<T: Sync + 'static> Place<T> {
    pub(crate) const fn empty() -> Self {
        Place(crate::cell::private::AtomicPtr::new(std::ptr::null_mut()))
    }

    pub(crate) fn set(&self, record: &'static T) {
        self.0.store(std::ptr::from_ref(record).cast_mut(), Ordering::Release);
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or what `set` stored: a shared reference that lives as long as the process.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}
