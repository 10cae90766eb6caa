//! Overwrites bytes of an arena: bits, bytes, words, whole records, whole files; `files.rs` has those beside it. Offsets are those of docs/arena-format.md.

use crate::dice::Dice;
use crate::files::Files;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The length of an arena's file.
pub const SIZE: u64 = 0x58b0_0000;
const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub at: u64,
    pub stride: u64,
    /// As many records as may be in use in a round.
    busy: u64,
    /// Fields that lead to another record.
    links: &'static [u64],
    /// Words of 64 bits that are looked at all the time.
    hot: &'static [u64],
}

const OWNERS: Table = Table { name: "owners", at: 5 * MIB, stride: 128, busy: 128, links: &[], hot: &[0, 8, 16, 24] };

const NODES: Table = Table { name: "nodes", at: 17 * MIB, stride: 64, busy: 256, links: &[16, 20, 32], hot: &[0, 8, 40, 48, 56] };
pub const OBJECTS: Table = Table {
    name: "objects",
    at: 81 * MIB,
    stride: 256,
    busy: 128,
    links: &[40, 44, 84, 92, 96, 104],
    hot: &[0, 8, 16, 24, 32, 56, 64, 80, 88],
};

pub const ANNEXES: Table =
    Table { name: "annexes", at: 387 * MIB, stride: 128, busy: 32, links: &[], hot: &[0, 8, 16, 24, 32, 40, 56, 64, 72, 88] };

pub const TABLES: [Table; 14] = [
    Table { name: "header", at: 0, stride: 128, busy: 1, links: &[80, 84, 88, 92, 96, 100], hot: &[80, 88, 96, 112, 120] },
    Table { name: "done", at: 4096, stride: 8, busy: 16, links: &[], hot: &[0] },
    Table { name: "owner blocks", at: 12_288, stride: 8, busy: 8, links: &[], hot: &[0] },
    Table { name: "waiter blocks", at: 45_056, stride: 8, busy: 8, links: &[], hot: &[0] },
    Table { name: "node blocks", at: 77_824, stride: 8, busy: 8, links: &[], hot: &[0] },
    Table { name: "buckets", at: 208_896, stride: 8, busy: 262_144, links: &[0], hot: &[0] },
    Table { name: "processes", at: 3 * MIB, stride: 512, busy: 8, links: &[], hot: &[0, 8, 16, 24, 128, 136, 160, 264, 392, 400, 424] },
    OWNERS,
    Table { name: "waiters", at: 13 * MIB, stride: 64, busy: 128, links: &[24], hot: &[0, 8, 24] },
    NODES,
    OBJECTS,
    Table { name: "long names", at: 337 * MIB, stride: 800, busy: 8, links: &[], hot: &[0] },
    ANNEXES,
    Table { name: "rows", at: 395 * MIB, stride: 262_144, busy: 6, links: &[], hot: &[0, 8, 16] },
];

/// An arena's file, mapped whole.
pub struct Mutator {
    file: File,
    bytes: &'static [AtomicU8],
    dice: Dice,
    /// Buckets of the names that the workers use.
    buckets: Vec<u64>,
    pub mutations: u64,
    /// What stood where something was overwritten, to be put back.
    undo: Vec<(u64, Vec<u8>)>,
}

impl Mutator {
    pub fn new(path: &Path, dice: Dice, names: &[String]) -> Option<Mutator> {
        let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
        if file.metadata().ok()?.len() < SIZE {
            return None;
        }
        // SAFETY: a new mapping of the whole file; unmapped when the mutator goes, which lends nothing out.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), SIZE as usize, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        assert_ne!(at, libc::MAP_FAILED);
        // SAFETY: mapped above; a byte is an atomic byte.
        let bytes = unsafe { std::slice::from_raw_parts(at.cast::<AtomicU8>(), SIZE as usize) };
        let buckets = names.iter().map(|name| u64::from(hash(name) % 262_144)).collect();
        Some(Mutator { file, bytes, dice, buckets, mutations: 0, undo: vec![] })
    }

    /// Whether the file has lost its name.
    pub fn is_stale(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.nlink() == 0)
    }

    fn read(&self, at: u64, len: u64) -> Vec<u8> {
        self.bytes[at as usize..(at + len) as usize].iter().map(|byte| byte.load(Relaxed)).collect()
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        for (place, byte) in (at..).zip(bytes) {
            self.bytes[place as usize].store(*byte, Relaxed);
        }
    }

    /// One mutation of a file beside the arena.
    pub fn mutate_file(&mut self, files: &mut Files) {
        self.mutations += 1;
        files.mutate(&mut self.dice, &self.file);
    }

    /// One mutation, in `table` or anywhere.
    pub fn mutate(&mut self, table: Option<Table>) {
        self.mutations += 1;
        if !self.undo.is_empty() && self.dice.one_in(3) {
            let which = self.dice.below(self.undo.len() as u64) as usize;
            let (at, bytes) = self.undo.swap_remove(which);
            return self.write(at, &bytes);
        }
        let table = table.unwrap_or_else(|| self.dice.of(&TABLES));
        let record = self.record(table);
        let len = if table.name == "rows" { 64 } else { table.stride };
        if !table.links.is_empty() && self.dice.one_in(4) {
            return self.ring();
        }
        if !table.links.is_empty() && self.dice.one_in(3) {
            return self.link(table, record);
        }
        if self.dice.one_in(2) {
            self.undo.push((record, self.read(record, len)));
        }
        if table.name == "processes" && self.dice.one_in(6) {
            return self.declare_dead(record);
        }
        if table.name == "header" && self.dice.one_in(4) {
            return self.mark();
        }
        if matches!(table.name, "objects" | "buckets" | "header") && self.dice.one_in(6) {
            return self.lock(table, record);
        }
        let hot = self.dice.one_in(2).then(|| self.dice.of(table.hot));
        match self.dice.below(16) {
            0 => {
                let other = self.record(table);
                let copy = self.read(other, len);
                self.write(record, &copy);
            }
            1 => self.write(record, &vec![0; len as usize]),
            2 => {
                let noise: Vec<u8> = (0..len).map(|_| self.dice.word() as u8).collect();
                self.write(record, &noise);
            }
            3 => {
                let other = self.record(table);
                let (one, two) = (self.read(record, len), self.read(other, len));
                self.write(record, &two);
                self.write(other, &one);
            }
            4..8 => {
                let at = record + self.spot(hot, len, 1);
                let bit = 1 << self.dice.below(8);
                let byte = self.read(at, 1)[0];
                self.write(at, &[byte ^ bit]);
            }
            8 => {
                let (at, byte) = (record + self.dice.below(len), self.dice.word() as u8);
                self.write(at, &[byte]);
            }
            9..11 => {
                // The field of another record of the table: often a link that makes a ring.
                let field = self.dice.below(len / 4) * 4;
                let other = self.record(table);
                let word = self.read(other + field, 4);
                self.write(record + field, &word);
            }
            11..14 => {
                let at = record + self.spot(hot, len, 4);
                let small = self.dice.below(64) as u32;
                let any = self.dice.word() as u32;
                let word = self.dice.of(&[0, 1, small, small, u32::MAX, i32::MAX as u32, 1 << 30, any]);
                self.write(at, &word.to_le_bytes());
            }
            _ => {
                let at = record + self.spot(hot, len, 8);
                let before = u64::from_le_bytes(self.read(at, 8).try_into().unwrap());
                let any = self.dice.word();
                let word =
                    self.dice.of(&[0, before.wrapping_add(1), before.wrapping_add(1 << 32), before ^ 3, u64::MAX, any, any & before]);
                self.write(at, &word.to_le_bytes());
            }
        }
    }

    /// A process that lives is said to be dead, or to have left, or to be another.
    fn declare_dead(&mut self, record: u64) {
        let seat = record + 8 + 8 * self.dice.of(&[0, 0, 1, 15]);
        let before = u64::from_le_bytes(self.read(seat, 8).try_into().unwrap());
        let after = self.dice.of(&[before | 0x4000_0000, before & !0xffff_ffff, before.wrapping_add(1 << 32)]);
        self.undo.push((seat, self.read(seat, 8)));
        self.write(seat, &after.to_le_bytes());
    }

    /// A mark that can be, and is not: there may be no memory behind it. (Not the largest of the large tables: it would fill the machine's file system.)
    fn mark(&mut self) {
        const PER_CHUNK: [u64; 6] = [128, 512, 1024, 1024, 256, 81];
        const CAPACITY: [u64; 6] = [4096, 65_536, 65_536, 65_536, 16_384, 8100];
        let table = self.dice.below(6) as usize;
        let chunks = self.dice.of(&[0, 1, 2, 3, 64]);
        let mark = (chunks * PER_CHUNK[table]).min(CAPACITY[table]);
        let at = 80 + 4 * table as u64;
        self.undo.push((at, self.read(at, 4)));
        self.write(at, &(mark as u32).to_le_bytes());
    }

    /// Where in a record: in its word `hot`, or anywhere.
    fn spot(&mut self, hot: Option<u64>, len: u64, step: u64) -> u64 {
        let (from, len) = hot.map_or((0, len), |hot| (hot, 8));
        from + self.dice.below(len / step) * step
    }

    /// A lock, or a mutex, in the hands of somebody who may live and knows nothing of it.
    fn lock(&mut self, table: Table, record: u64) {
        let life_of = |owner: u64| u64::from_le_bytes(self.read(OWNERS.at + owner * OWNERS.stride, 8).try_into().unwrap());
        let living: Vec<u64> = (1..OWNERS.busy).filter(|owner| life_of(*owner) & 0xff != 0).collect();
        if living.is_empty() {
            return;
        }
        let owner = self.dice.of(&living);
        let life = u64::from_le_bytes(self.read(OWNERS.at + owner * OWNERS.stride, 8).try_into().unwrap());
        let generation = life >> 32;
        let (at, keep, lock) = match table.name {
            "header" => (112, 0, generation << 32 | (owner + 1)),
            "objects" if self.dice.one_in(2) => (record + 8, !0xffff_ffff, owner | (generation & 0x7fff) << 16),
            "objects" => (record + 8, 0x7_ffff_ffff, owner << 36 | (generation & 0xfff) << 52),
            _ => (record, (1 << 36) - 1, owner << 36 | (generation & 0xfff) << 52),
        };
        let before = u64::from_le_bytes(self.read(at, 8).try_into().unwrap());
        self.write(at, &(before & keep | lock).to_le_bytes());
    }

    fn word32(&self, at: u64) -> u64 {
        u64::from(u32::from_le_bytes(self.read(at, 4).try_into().unwrap()))
    }

    fn set(&mut self, at: u64, word: u64) {
        if self.dice.one_in(2) {
            self.undo.push((at, self.read(at, 4)));
        }
        self.write(at, &(word as u32).to_le_bytes());
    }

    /// Makes a ring of a list that is in use: queue, accounts, nodes of a waiter, chain of a bucket.
    fn ring(&mut self) {
        const LIVE: u64 = 2;
        let live: Vec<u64> = (0..OBJECTS.busy).filter(|i| self.word32(OBJECTS.at + i * OBJECTS.stride) & 7 == LIVE).collect();
        if live.is_empty() {
            return;
        }
        let index = self.dice.of(&live);
        let object = OBJECTS.at + index * OBJECTS.stride;
        // Where the list begins, and where each of its records leads on.
        let (head, table, next) = match self.dice.below(4) {
            0 | 1 => (object + 40, NODES, 20),
            2 => (object + 96, NODES, 20),
            _ => {
                // A name that nothing is found under walks along the whole chain.
                let bucket = 208_896 + 8 * self.dice.of(&self.buckets.clone());
                if self.word32(bucket) & 0x1f_ffff == 0 {
                    self.set(bucket, index + 1);
                }
                (bucket, OBJECTS, 84)
            }
        };
        let waiter_too = table == NODES && self.dice.one_in(3);
        let first = match self.word32(head) & 0x1f_ffff {
            0 => {
                let any = self.dice.below(64) + 1;
                self.set(head, any);
                any
            }
            first => first,
        };
        let mut last = first;
        for _ in 0..self.dice.below(3) {
            let on = self.word32(table.at + (last - 1) * table.stride + next);
            if (1..=table.busy).contains(&on) {
                last = on;
            }
        }
        self.set(table.at + (last - 1) % table.busy * table.stride + next, first);
        if waiter_too {
            self.set(NODES.at + (last - 1) % table.busy * NODES.stride + 32, first);
        }
    }

    /// A link to any record: into a ring, to nowhere, across.
    fn link(&mut self, table: Table, record: u64) {
        let at = record + self.dice.of(table.links);
        let to = match self.dice.below(4) {
            0 => (record - table.at) / table.stride + 1,
            1 => self.dice.below(8),
            2 => self.dice.below(table.busy),
            _ => {
                let other = self.record(table) + self.dice.of(table.links);
                u64::from(u32::from_le_bytes(self.read(other, 4).try_into().unwrap()))
            }
        };
        if self.dice.one_in(2) {
            self.undo.push((at, self.read(at, 4)));
        }
        self.write(at, &(to as u32).to_le_bytes());
    }

    /// Where a record is that is probably in use.
    fn record(&mut self, table: Table) -> u64 {
        if table.name == "buckets" && !self.buckets.is_empty() {
            return table.at + self.dice.of(&self.buckets.clone()) * table.stride;
        }
        let among = self.dice.of(&[2, 8, 24, table.busy]).min(table.busy);
        let offset = if table.name == "rows" && self.dice.one_in(4) { 64 } else { 0 };
        table.at + self.dice.below(among) * table.stride + offset
    }
}

impl Drop for Mutator {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing of it was lent out.
        unsafe { libc::munmap(self.bytes.as_ptr().cast_mut().cast(), SIZE as usize) };
    }
}

/// FNV-1a, folded, as the format says.
fn hash(name: &str) -> u32 {
    let wide = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (wide ^ wide >> 32) as u32
}

/// Writes a whole file: noise, a damaged or cut copy of `model` (the first bytes of a real arena), or one of another length.
pub fn plant(path: &Path, model: &[u8], dice: &mut Dice) -> String {
    let _ = std::fs::remove_file(path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path).unwrap();
    let noise = |file: &File, len: u64, dice: &mut Dice| {
        let bytes: Vec<u8> = (0..len).map(|_| dice.word() as u8).collect();
        file.write_all_at(&bytes, 0).unwrap();
    };
    match dice.below(6) {
        0 => {
            let len = dice.of(&[0, 1, 79, 80, 4095, 4096, 65_536]);
            noise(&file, len, dice);
            format!("{len} bytes of noise")
        }
        1 => {
            noise(&file, 1 << 20, dice);
            file.set_len(SIZE).unwrap();
            "noise of the right length".to_owned()
        }
        2 => {
            let len = dice.of(&[0, 16, 80, PAGE, 3 * MIB, 4 * MIB, SIZE - PAGE, SIZE - 1, SIZE + 1, SIZE + PAGE, 2 * SIZE]);
            file.write_all_at(&model[..model.len().min(len as usize)], 0).unwrap();
            file.set_len(len).unwrap();
            format!("a header in a file of {len} bytes")
        }
        3 => {
            file.set_len(SIZE).unwrap();
            file.write_all_at(model, 0).unwrap();
            let mut count = 0;
            for _ in 0..dice.of(&[1, 2, 8]) {
                let (at, byte) = (dice.below(128), dice.word() as u8);
                file.write_all_at(&[byte], at).unwrap();
                count += 1;
            }
            format!("{count} bytes of the header overwritten")
        }
        4 => {
            file.set_len(SIZE).unwrap();
            file.write_all_at(&model[..128], 0).unwrap();
            let bytes: Vec<u8> = (0..MIB).map(|_| dice.word() as u8).collect();
            for table in TABLES.iter().filter(|t| t.at >= 4096) {
                file.write_all_at(&bytes[..dice.of(&[0, 4096, 65_536])], table.at).unwrap();
            }
            "a good header and tables of noise".to_owned()
        }
        _ => {
            file.set_len(SIZE).unwrap();
            file.write_all_at(&model[..128], 0).unwrap();
            let high: Vec<u8> = (0..6).flat_map(|_| (dice.word() as u32 >> dice.below(32)).to_le_bytes()).collect();
            file.write_all_at(&high, 80).unwrap();
            "a good header with marks of its own and nothing behind".to_owned()
        }
    }
}
