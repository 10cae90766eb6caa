//! Where a job is: what keeps its processes together, asked in one form, whichever of the two means it is.
//!
//! A *group* of version 2 is a set that the kernel keeps. A *mark* (`sys/mark.rs`) is a number that the kernel copies to children; the set is found by a walk over
//! /proc. Both are handed on by every fork, and by nothing else. Directories of version 1, where they can be made, limit and count with either.

use crate::arena::layout::ANNEX_WORDS;
use crate::cell::Word64;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::cgroup::{self, Entrance, Hierarchy};
use crate::sys::mark::{self, Mark};
use crate::sys::{code, process};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const PREFIX: &str = "byname.job.";

/// What keeps a job's processes together.
#[derive(Debug, Clone)]
pub(crate) enum Means {
    Group(PathBuf),
    Mark(Mark),
}

#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) means: Means,
    /// Those of version 1 that count for it, by their controllers.
    pub(crate) pids: Option<PathBuf>,
    pub(crate) memory: Option<PathBuf>,
}

/// How often those with a mark are looked for, a millisecond apart: one that the kernel holds is not waited for any longer.
const WALKS: u32 = 1_000;

impl Place {
    /// A directory of that name in our group of version 2, and in those of version 1 that have controllers which it has not.
    pub(super) fn grouped(base: &Path, name: &str) -> Place {
        let old = |controller: &str| if cgroup::has(base, &format!("{controller}.peak")) { None } else { of_version_1(controller, name) };
        Place { means: Means::Group(base.join(name)), pids: old("pids"), memory: old("memory") }
    }

    /// A new mark, inside the job that we are in; Unsupported, with what is missing.
    pub(super) fn marked(name: &str) -> Result<Place> {
        let missing = |what| Error::new(ErrorKind::Unsupported, what);
        mark::check().map_err(missing)?;
        let own = Mark::of(0).map_err(|errno| Error::system("cannot read the limits of this process", errno))?;
        let fresh = Mark::fresh(own).map_err(|errno| Error::system("cannot draw a number for the job", errno))?;
        let mark = fresh.ok_or_else(|| missing("this process is in a job inside a job already, and marks go no deeper"))?;
        Ok(Place { means: Means::Mark(mark), pids: of_version_1("pids", name), memory: of_version_1("memory", name) })
    }

    /// All directories, the one of version 2 first.
    pub(crate) fn groups(&self) -> Vec<PathBuf> {
        [self.group(), self.pids.as_deref(), self.memory.as_deref()].into_iter().flatten().map(Path::to_owned).collect()
    }

    /// The same in the order in which a process enters them: who is in that of version 2, or has the mark, is a member, and is in the others.
    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        self.groups().into_iter().rev().collect()
    }

    pub(crate) fn group(&self) -> Option<&Path> {
        match &self.means {
            Means::Group(group) => Some(group),
            Means::Mark(_) => None,
        }
    }

    pub(crate) fn mark(&self) -> Option<Mark> {
        match self.means {
            Means::Group(_) => None,
            Means::Mark(mark) => Some(mark),
        }
    }

    // --- in the file

    pub(super) fn lines(&self) -> String {
        let mut text = String::new();
        let _ = match &self.means {
            Means::Group(group) => writeln!(text, "{}", group.display()),
            Means::Mark(mark) => writeln!(text, "{MARKED}{:x} {:x}", mark.inner, mark.outer),
        };
        for group in [&self.pids, &self.memory] {
            let _ = writeln!(text, "{}", group.as_deref().unwrap_or(Path::new("")).display());
        }
        text
    }

    /// From what stands in the backing file, of a job whose directories have names that begin so: any other directory is refused.
    pub(crate) fn parse(bytes: &[u8], name: &str) -> Option<Place> {
        let is_ours = |path: &Path| path.is_absolute() && path.file_name().is_some_and(|last| last.as_bytes().starts_with(name.as_bytes()));
        let directory = |line: &str| Some(PathBuf::from(line)).filter(|path| is_ours(path));
        let text = std::str::from_utf8(bytes.split(|b| *b == 0).next()?).ok()?;
        let mut lines = text.lines();
        let means = match lines.next()? {
            "" => return None,
            line => match line.strip_prefix(MARKED) {
                None => Means::Group(directory(line)?),
                Some(numbers) => {
                    let (inner, outer) = numbers.split_once(' ')?;
                    let number = |text| u64::from_str_radix(text, 16).ok();
                    Means::Mark(Some(Mark { inner: number(inner)?, outer: number(outer)? }).filter(|mark| mark.is_of_a_job())?)
                }
            },
        };
        let mut path = || match lines.next()? {
            "" => Some(None),
            line => directory(line).map(Some),
        };
        Some(Place { means, pids: path()?, memory: path()? })
    }

    // --- by processes

    /// The living processes in it, and in those inside it, as the caller's PID namespace numbers them.
    pub(crate) fn members(&self) -> Vec<u32> {
        self.count().unwrap_or_default()
    }

    /// The same for who must not take a shortage of descriptors for an empty job: it is an error.
    pub(super) fn count(&self) -> std::result::Result<Vec<u32>, i32> {
        match &self.means {
            Means::Group(group) => cgroup::count(group),
            Means::Mark(mark) => mark::count(*mark),
        }
    }

    /// Where a process is, 0 for the caller; it is to be held by a descriptor, and asked whether it lives afterwards.
    pub(crate) fn whereabouts(&self, pid: u32) -> Whereabouts {
        let pid = if pid == 0 { process::pid() } else { pid };
        match &self.means {
            Means::Group(group) => cgroup::of_process(pid).map_or(Whereabouts::Free, |of| {
                let in_a_job = of.components().any(|part| part.as_os_str().to_str().is_some_and(|name| name.starts_with(PREFIX)));
                Whereabouts::of(of.starts_with(group), in_a_job && !group.starts_with(&of))
            }),
            Means::Mark(mark) => Mark::of(pid).map_or(Whereabouts::Free, |of| Whereabouts::of(mark.covers(of), mark.forbids(of))),
        }
    }

    /// Puts a process in; it is a member with the last step.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn enter(&self, pid: u32) -> std::result::Result<(), i32> {
        self.entries().iter().try_for_each(|group| cgroup::write(group, cgroup::DOOR, &pid.to_string()))?;
        self.mark().map_or(Ok(()), |mark| mark.put(pid))
    }

    /// What a forked child of ours goes through; nothing, where it is in by itself.
    pub(crate) fn entrance(&self) -> std::result::Result<Entrance, i32> {
        if self.whereabouts(0) == Whereabouts::Inside { Entrance::open(&[], None) } else { Entrance::open(&self.entries(), self.mark()) }
    }

    /// The same as words for a shell.
    pub(crate) fn entrance_by_shell(&self) -> String {
        let mut script = String::new();
        if self.whereabouts(0) != Whereabouts::Inside {
            for group in self.entries() {
                let _ = write!(script, "echo 0 > '{}/{}' && ", group.display().to_string().replace('\'', r"'\''"), cgroup::DOOR);
            }
            if let Some(Mark { inner, outer }) = self.mark() {
                // The letter is w in dash and busybox, x in the others.
                let by = |letter| format!("command ulimit -S -{letter} {inner} && command ulimit -H -{letter} {outer}");
                let _ = write!(script, "{{ {{ {}; }} 2>/dev/null || {{ {}; }}; }} && ", by('x'), by('w'));
            }
        }
        script + "true"
    }

    /// Kills all processes in it. With a mark `before` is told of each, and says whether it is to be; the caller, if it is one of them, is the last.
    pub(super) fn kill(&self, mut before: impl FnMut(u32) -> bool) -> std::result::Result<(), i32> {
        let mark = match &self.means {
            Means::Group(group) => return cgroup::kill(group),
            Means::Mark(mark) => *mark,
        };
        let proc = mark::open_proc()?;
        mark::kill(mark, std::os::fd::AsFd::as_fd(&proc), WALKS, |pid| {
            let is_to_be = before(pid);
            mark::before_a_kill();
            is_to_be
        })?;
        if self.whereabouts(0) == Whereabouts::Inside {
            before(process::pid());
            process::kill_self();
        }
        Ok(())
    }

    /// What its processes have spent, in programs and in the kernel: with a mark these members, which live, and whom they have waited for.
    pub(crate) fn spent(&self, members: &[u32]) -> [Duration; 2] {
        match &self.means {
            Means::Group(group) => {
                let spent = cgroup::read(group, "cpu.stat").unwrap_or_default();
                ["user_usec ", "system_usec "].map(|key| {
                    let line = spent.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
                    Duration::from_micros(line.unwrap_or(0))
                })
            }
            Means::Mark(_) => {
                let each = members.iter().filter_map(|pid| process::spent(*pid));
                each.fold([Duration::ZERO; 2], |[user, system], [more_user, more_system]| [user + more_user, system + more_system])
            }
        }
    }

    /// The most memory that they had together, where the system counts it.
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        let text = match (&self.memory, &self.means) {
            (Some(memory), _) => cgroup::read(memory, "memory.max_usage_in_bytes"),
            (None, Means::Group(group)) => cgroup::read(group, "memory.peak"),
            (None, Means::Mark(_)) => None,
        };
        text?.trim().parse().ok()
    }

    /// Limits by the controller of version 1 in a directory of its own, or by that of version 2 in the job's; `None` lifts.
    pub(crate) fn limit(&self, what: Limit, value: Option<u64>) -> Result<()> {
        let (controller, old) = match what {
            Limit::Processes => ("pids", &self.pids),
            Limit::Memory => ("memory", &self.memory),
        };
        let unsupported = |what: String| Error::new(ErrorKind::Unsupported, what);
        let (group, name, none) = match (old, &self.means, what) {
            (Some(old), _, Limit::Processes) => (old, "pids.max", "max"),
            (Some(old), _, Limit::Memory) => (old, "memory.limit_in_bytes", "-1"),
            (None, Means::Group(group), Limit::Processes) => (group, "pids.max", "max"),
            (None, Means::Group(group), Limit::Memory) => (group, "memory.max", "max"),
            (None, Means::Mark(_), _) => {
                return Err(unsupported(format!(
                    "this limit needs control groups, of version 2, or of version 1 with the controller `{controller}`, in which this user may make groups"
                )));
            }
        };
        cgroup::write(group, name, &value.map_or(none.to_owned(), |value| value.to_string())).map_err(|errno| match errno {
            code::ENOENT | code::EACCES | code::EPERM => unsupported(format!(
                "the job's control group is without the controller `{controller}`, which this limit needs; have it enabled or delegated"
            ))
            .with_errno(errno),
            _ => Error::system(&format!("cannot write {name} of the job's control group"), errno),
        })
    }

    // --- in the annex

    /// What the annex says of the means, once the directories are there.
    pub(super) fn describe(&self, words: &[Word64; ANNEX_WORDS]) -> std::result::Result<(), i32> {
        match &self.means {
            Means::Group(group) => words[NUMBER].store(cgroup::number(group).unwrap_or(0)),
            Means::Mark(mark) => {
                words[NUMBER].store(process::pid_namespace()?);
                words[MARK_INNER].store(mark.inner);
                words[MARK_OUTER].store(mark.outer);
            }
        }
        Ok(())
    }

    /// Whether this process sees the job's processes: by the group with that number, in the PID namespace with that number.
    pub(super) fn is_seen(&self, words: &[Word64; ANNEX_WORDS]) -> bool {
        self.is_at(words[NUMBER].load()) && self.mark().is_none_or(|mark| marked(words) == Some(mark))
    }

    /// Whether this is the place that the job's number is of, as far as that tells.
    pub(crate) fn is_at(&self, number: u64) -> bool {
        let are_groups = [&self.pids, &self.memory].into_iter().flatten().all(|group| cgroup::number(group).is_some());
        are_groups
            && match &self.means {
                Means::Group(group) => cgroup::number(group) == Some(number),
                Means::Mark(_) => mark::sees_all() && process::pid_namespace() == Ok(number),
            }
    }
}

/// What stands before a mark in the file, where a group's path begins with a slash.
const MARKED: &str = "mark ";

/// Words of the annex: the kernel's number of the directory of version 2, or of the PID namespace in which there are marks; the mark.
pub(crate) const NUMBER: usize = 1;
const MARK_INNER: usize = 7;
const MARK_OUTER: usize = 8;

/// The mark of the job that has the annex, if it has one.
pub(super) fn marked(words: &[Word64; ANNEX_WORDS]) -> Option<Mark> {
    let mark = Mark { inner: words[MARK_INNER].load(), outer: words[MARK_OUTER].load() };
    mark.is_of_a_job().then_some(mark)
}

/// What a job may limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Processes,
    Memory,
}

/// Where a process is, as a job sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In no job, or in one that the job is inside of.
    Free,
    /// In the job, or in one inside it.
    Inside,
    /// In another job.
    Elsewhere,
}

impl Whereabouts {
    fn of(is_inside: bool, is_elsewhere: bool) -> Whereabouts {
        match (is_inside, is_elsewhere) {
            (true, _) => Whereabouts::Inside,
            (false, true) => Whereabouts::Elsewhere,
            (false, false) => Whereabouts::Free,
        }
    }
}

fn of_version_1(controller: &str, name: &str) -> Option<PathBuf> {
    cgroup::own(Hierarchy::Of(controller)).map(|group| group.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_its_lines_say() {
        let mark = Mark { inner: 0x42 << 56 | 7, outer: 0x62 << 56 };
        for means in [Means::Group("/a b".into()), Means::Mark(mark)] {
            let place = Place { means, pids: None, memory: Some("/m".into()) };
            let mut bytes = place.lines().into_bytes();
            bytes.resize(100, 0);
            let again = Place::parse(&bytes, "").unwrap();
            assert_eq!(format!("{place:?}"), format!("{again:?}"));
        }
        for bad in [
            "",
            "\n\n\n",
            "/a\n",
            "mark 1\n\n\n",
            "mark x y\n\n\n",
            "mark ffffffffffffffff ffffffffffffffff\n\n\n",
            "/b\n\n\n",
            "/a/..\n\n\n",
            "a\n\n\n",
            "/a\n/b\n\n",
            "/a\n\n/a/b\n",
        ] {
            assert!(Place::parse(bad.as_bytes(), "a").is_none(), "{bad:?}");
        }
        assert!(Place::parse(b"/b/a1\n/c/a\n\n", "a").is_some());
    }
}
