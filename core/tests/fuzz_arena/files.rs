//! Overwrites, cuts, lengthens and replaces the files that stand beside an arena: the memory of queues and mappings, and what jobs write down.
//!
//! A mapping's memory is not cut: who touches what is gone of a view gets SIGBUS, as of any mapped file (contract 7.5). The files are told apart
//! by the lengths that they had at first: a job's has a page, a mapping of the workers [`MAPPING`] bytes, a queue more.
//!
//! A job's file is also made to name directories that are none of that job, and groups ([`Decoy`]): nothing may be written or
//! removed there.

use crate::dice::Dice;
use crate::mutator::{ANNEXES, OBJECTS};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The bytes of the workers' mappings.
pub const MAPPING: u64 = 20_480;
const LONGER: u64 = 32_768;
const JOB: u64 = 4096;
/// Where the slots of a queue begin, and how long one is.
const SLOTS: u64 = 32_768;
const SLOT: u64 = 32;

/// What is nobody's to touch: a directory that looks like a control group, an empty one, and, where one can be made, a control group with a process in it.
pub struct Decoy {
    dir: PathBuf,
    group: Option<(PathBuf, Child)>,
}

const TOUCHED: [&str; 5] = ["cgroup.procs", "cgroup.kill", "cgroup.freeze", "pids.max", "memory.max"];

impl Decoy {
    fn new(folder: &Path) -> Decoy {
        let decoy = Decoy { dir: folder.join("decoy"), group: Decoy::group(folder) };
        fs::create_dir(&decoy.dir).unwrap();
        fs::create_dir(decoy.empty()).unwrap();
        TOUCHED.iter().for_each(|name| fs::write(decoy.dir.join(name), "untouched").unwrap());
        decoy
    }

    fn group(folder: &Path) -> Option<(PathBuf, Child)> {
        let (groups, mounts) = (fs::read_to_string("/proc/self/cgroup").ok()?, fs::read_to_string("/proc/self/mountinfo").ok()?);
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
        let group = Path::new(mount).join(own).join(name_of(folder));
        fs::create_dir(&group).ok()?;
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: one system call on constants; it does not outlive us.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let sleeper = command.spawn().unwrap();
        let _ = fs::write(group.join("cgroup.procs"), sleeper.id().to_string());
        Some((group, sleeper))
    }

    fn empty(&self) -> PathBuf {
        self.dir.with_file_name("decoy-empty")
    }

    /// What was done to it.
    fn complaint(&mut self) -> Option<String> {
        let is_whole = |name: &&str| fs::read(self.dir.join(name)).is_ok_and(|bytes| bytes == b"untouched");
        if !TOUCHED.iter().all(is_whole) {
            return Some(format!("a directory that is no job's was written to: {}", self.dir.display()));
        }
        if !self.empty().is_dir() {
            return Some("a directory that is no job's was removed".to_owned());
        }
        let (_, sleeper) = self.group.as_mut()?;
        sleeper.try_wait().unwrap().map(|_| "a process that is in no job was killed".to_owned())
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        let Some((group, sleeper)) = &mut self.group else { return };
        let _ = sleeper.kill();
        let _ = sleeper.wait();
        while fs::remove_dir(&*group).is_err() && group.exists() {
            std::thread::yield_now(); // it is leaving
        }
    }
}

/// The files beside an arena.
pub struct Files {
    dir: PathBuf,
    decoy: Decoy,
    /// Files that were moved away, to be put back.
    away: Vec<(PathBuf, PathBuf)>,
    moved: u64,
    /// Their first lengths.
    lengths: HashMap<PathBuf, u64>,
}

impl Files {
    pub fn new(folder: &Path) -> Files {
        Files { decoy: Decoy::new(folder), dir: folder.to_owned(), away: vec![], moved: 0, lengths: HashMap::new() }
    }

    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| name_of(path).starts_with("byname.v1.memory.")).collect()
    }

    /// One mutation; `arena` is the file that they belong to.
    pub fn mutate(&mut self, dice: &mut Dice, arena: &File) {
        if !self.away.is_empty() && dice.one_in(4) {
            let (from, to) = self.away.swap_remove(dice.below(self.away.len() as u64) as usize);
            remove(&to);
            let _ = fs::rename(from, to);
            return;
        }
        let files = self.all();
        if files.is_empty() {
            return;
        }
        let path = files[dice.below(files.len() as u64) as usize].clone();
        let Ok(len) = fs::symlink_metadata(&path).map(|stat| stat.len()) else { return };
        if len == 0 && !self.lengths.contains_key(&path) {
            return; // it is being made
        }
        let first = *self.lengths.entry(path.clone()).or_insert(len);
        let is_mapping = class(first) == 1;
        if dice.one_in(6) {
            return self.replace(&path, first, dice);
        }
        let Ok(file) = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(&path) else {
            return;
        };
        if !file.metadata().is_ok_and(|stat| stat.is_file()) {
            return;
        }
        match dice.below(8) {
            0 if !is_mapping => {
                let to = dice.of(&[0, 1, 100, 4095, 4096, SLOTS, len / 2, len.saturating_sub(1), len / 4096 * 4096]);
                let _ = file.set_len(to.min(len));
            }
            1 => {
                let to = if is_mapping { LONGER } else { dice.of(&[len + 1, len + 4096, 2 * len, 1 << 42]) };
                let _ = file.set_len(to);
            }
            2 if first <= JOB => self.mislead(&file, &path, dice, arena),
            _ => overwrite(&file, len, dice),
        }
    }

    /// Another thing in its place, or nothing. A mapping's stays one of those that are not cut.
    fn replace(&mut self, path: &Path, len: u64, dice: &mut Dice) {
        let others: Vec<PathBuf> = self.all().into_iter().filter(|other| self.is_like(other, len)).collect();
        if dice.one_in(2) {
            self.moved += 1;
            let away = self.dir.join(format!("away-{}", self.moved));
            if fs::rename(path, &away).is_ok() {
                self.away.push((away, path.to_owned()));
            }
        } else {
            remove(path);
        }
        let make = |mode| OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        match dice.below(9) {
            0 => drop(fs::create_dir(path)),
            1 => drop(std::os::unix::fs::symlink(&self.decoy.dir, path)),
            2 => {
                let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
                // SAFETY: a valid path.
                unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
            }
            3 => drop(make(0o644)),
            4 => {
                if let Some(other) = others.first() {
                    let _ = fs::hard_link(other, path);
                }
            }
            5 => {
                if let Some(other) = others.last() {
                    let _ = fs::copy(other, path);
                }
            }
            6 | 7 => {
                if let Ok(file) = make(0o600) {
                    let len = if len > LONGER { dice.of(&[0, JOB, 60_000, 200_000]) } else { dice.of(&[0, 100, JOB, MAPPING]) };
                    let noise: Vec<u8> = (0..len).map(|_| dice.word() as u8).collect();
                    let _ = file.write_all_at(&noise, 0);
                }
            }
            _ => {}
        }
    }

    /// A job's file names another directory, which the job's record calls its own, too.
    fn mislead(&self, file: &File, path: &Path, dice: &mut Dice, arena: &File) {
        let mut text = [0; JOB as usize];
        let len = file.read_at(&mut text, 0).unwrap_or(0);
        let own = String::from_utf8_lossy(&text[..len]).lines().next().unwrap_or_default().to_owned();
        let group = self.decoy.group.as_ref().map_or(&self.decoy.dir, |(group, _)| group);
        let own_name = name_of(Path::new(&own));
        let target = match dice.below(7) {
            0 | 1 => self.decoy.dir.clone(),
            2 => self.decoy.empty(),
            3 | 4 => group.clone(),
            5 => {
                let link = self.dir.join(own_name);
                let _ = std::os::unix::fs::symlink(group, &link);
                link
            }
            _ => self.dir.join(own_name).join("../decoy"),
        };
        let lines = match dice.below(3) {
            0 => format!("{}\n\n\n\0", target.display()),
            1 => format!("{own}\n{}\n\n\0", target.display()),
            _ => format!("{own}\n\n{}\n\0", target.display()),
        };
        let _ = file.write_all_at(lines.as_bytes(), 0);
        let numbers: Vec<u64> = name_of(path).rsplit('.').map_while(|word| u64::from_str_radix(word, 16).ok()).collect();
        let (Some(index), Ok(stat)) = (numbers.get(1), fs::metadata(&target)) else { return };
        let mut annex = [0; 4];
        if dice.one_in(2) && arena.read_exact_at(&mut annex, OBJECTS.at + index * OBJECTS.stride + 104).is_ok() {
            let number = ANNEXES.at + u64::from(u32::from_le_bytes(annex).saturating_sub(1)) % 65_536 * ANNEXES.stride + 16;
            let _ = arena.write_all_at(&stat.ino().to_le_bytes(), number);
        }
    }

    /// A file that may stand for one of that first length; none so large that a copy would be.
    fn is_like(&self, path: &Path, first: u64) -> bool {
        let is_small = fs::symlink_metadata(path).is_ok_and(|stat| stat.is_file() && stat.len() <= 1 << 20);
        is_small && self.lengths.get(path).is_some_and(|other| class(*other) == class(first))
    }

    /// What the round did that it should not have.
    pub fn complaint(&mut self) -> Option<String> {
        self.decoy.complaint()
    }
}

/// A job's, a mapping's, a queue's.
fn class(first: u64) -> usize {
    usize::from(first > JOB) + usize::from(first > LONGER)
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Removes what killed processes left of the jobs of this folder's namespaces: of folders that are gone nobody knows (docs/platform.md has the names).
pub fn sweep_jobs(folder: &Path) {
    let Ok(stat) = fs::metadata(folder) else { return };
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for mount in mounts.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4)) {
        for own in groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
            for entry in fs::read_dir(Path::new(mount).join(own.trim_start_matches('/'))).into_iter().flatten().flatten() {
                let (path, numbers) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
                let numbers: Vec<&str> = numbers.split('.').collect();
                if let ["byname", "job", _, dev, _, _, _, home, ..] = numbers[..]
                    && *dev == format!("{:x}", stat.dev())
                    && *home == format!("{:x}", stat.ino())
                {
                    let _ = fs::remove_dir(path);
                }
            }
        }
    }
}

fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        let _ = fs::remove_dir(path);
    }
}

/// Bits, bytes and words, mostly where a queue has its accounts and its first slots.
fn overwrite(file: &File, len: u64, dice: &mut Dice) {
    let word = |at: u64| {
        let mut word = [0; 8];
        let _ = file.read_at(&mut word, at);
        u64::from_le_bytes(word)
    };
    let at = match dice.below(6) {
        0 => dice.below(8) * 8,
        1..4 => SLOTS + dice.below(24) * SLOT + dice.of(&[0, 0, 0, 8, 12, 16]),
        4 => dice.below(len.min(1 << 20)) / 8 * 8,
        _ => dice.below(256),
    };
    if at + 8 > len {
        return;
    }
    let (before, other, any) = (word(at), word(SLOTS + dice.below(24) * SLOT), dice.word());
    let after = match dice.below(8) {
        0 => 0,
        1 => before ^ 1 << dice.below(64),
        2 => before & !7 | dice.below(8),
        3 => other,
        4 => before & !0xffff_ffff | dice.of(&[0, 1, 2, 5, u64::from(u32::MAX), 1 << 31, 1 << 20]),
        5 => before.wrapping_add(1 << 16),
        6 => u64::MAX,
        _ => any,
    };
    let _ = file.write_all_at(&after.to_le_bytes(), at);
}
