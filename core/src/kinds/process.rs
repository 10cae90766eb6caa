//! Processes as objects: a manual-reset word that is set when the process has ended.
//!
//! *What it is.* An unnamed object of the one who opened it, and of its forked children. Its annex: word 0 the pid, as the opener sees it; 1 when
//! it started (clock ticks since boot); 2 the inode of the PID namespace that the pid is of; 3 the code that `terminate` was called with, and 2³² to
//! say that it was. Words 0 to 2 never change; word 3 changes once, from 0, by a swap of whoever terminates, or is about to kill the marked processes of a job.
//!
//! *Who sets the word.* Each process that has the object keeps a descriptor of the process (a pidfd) and one thread for all of them, which sleeps on
//! their ends. The kernel tells each of them; setting twice is setting once. Nothing here goes by the pid, which the next process may get.
//!
//! *Death.* Of one that watches: a forked child that has the object, too, watches by itself. Of both: the object ends. Between the process's end and
//! the set: likewise. Between a code in word 3 and the signal: a process that ends by another way tells its own status, since the code counts
//! only for one that was killed.
//!
//! *Fork.* The child has the descriptors and not the thread; it begins its own, as it does a keeper, if there is anything to watch. Locks are taken in
//! the order: the count of an object (`refs.rs`), then the watched processes.

use crate::arena::layout::ANNEX_WORDS;
use crate::arena::refs::ObjectRef;
use crate::cell::Word64;
use crate::dispatch::lock::{self, Target};
use crate::dispatch::word::Machine;
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::kinds::notices;
use crate::lock::{Guards, Lock};
use crate::ops;
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::pidfd::{Epoll, PidFd};
use crate::sys::{code, process};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const PID: usize = 0;
const START_TIME: usize = 1;
const PID_NAMESPACE: usize = 2;
pub(crate) const TERMINATED: usize = 3;

/// A code in a word that is 0 as long as there is none.
pub(crate) fn code_word(code: u32) -> u64 {
    1 << 32 | u64::from(code)
}

/// The code in such a word.
pub(crate) fn code_in(word: u64) -> Option<u32> {
    (word >> 32 != 0).then_some(word as u32)
}

/// How long a set waits for the lock of an object that a stopped process has, and after how many milliseconds it is tried again.
const PATIENCE_NS: u64 = 5_000_000;
const AGAIN_MS: i32 = 50;

/// All processes that this one watches.
static WATCHED: Lock<Watched> = Lock::new(Watched { epoll: None, next: 0, tickets: BTreeMap::new(), entries: BTreeMap::new() });

struct Watched {
    /// What the thread sleeps on; there is a thread as soon as there is this.
    epoll: Option<Arc<Epoll>>,
    next: u64,
    tickets: BTreeMap<Key, u64>,
    entries: BTreeMap<u64, Entry>,
}

/// An object of a namespace.
type Key = (usize, u64);

#[derive(Clone)]
struct Entry {
    space: &'static Space,
    at: ObjectRef,
    process: Arc<PidFd>,
}

fn key(space: &'static Space, at: ObjectRef) -> Key {
    (std::ptr::from_ref(space).addr(), at.pack())
}

/// The process of that number, and what its object's annex says.
pub(crate) fn find(pid: i64) -> Result<(PidFd, [u64; ANNEX_WORDS])> {
    let none = || Error::invalid_argument(format!("there is no process {pid}; it never was, or has ended and was waited for"));
    let number = u32::try_from(pid).ok().filter(|pid| *pid > 0).ok_or_else(none)?;
    let process = PidFd::open(number).map_err(|errno| match errno {
        code::ESRCH => none(),
        code::EINVAL | code::ENOENT => Error::invalid_argument(format!("{pid} is a thread, not a process; pass the process's id")),
        code::ENOSYS => {
            Error::new(ErrorKind::Unsupported, "this kernel has no descriptors of processes; it takes Linux 5.3").with_errno(errno)
        }
        _ => Error::system(&format!("cannot open process {pid}"), errno),
    })?;
    let cannot_read = |errno| Error::system("cannot read in /proc", errno);
    let mut words = [0; ANNEX_WORDS];
    words[PID] = u64::from(number);
    words[START_TIME] = process::look(number).map_or(0, |seen| seen.start_time);
    words[PID_NAMESPACE] = process::pid_namespace().map_err(cannot_read)?;
    Ok((process, words))
}

/// Who is about to kill a process says its code first, to all who have it open.
pub(super) fn foretell(space: &Space, pid: u32, code: u32) {
    let (Some(seen), Ok(namespace)) = (process::look(pid), process::pid_namespace()) else { return };
    let is_it = |words: &&[Word64; ANNEX_WORDS]| {
        [PID, START_TIME, PID_NAMESPACE].map(|word| words[word].load()) == [u64::from(pid), seen.start_time, namespace]
    };
    for words in super::annexes(space, Machine::Process).filter(is_it) {
        let _ = words[TERMINATED].cas(0, code_word(code));
    }
}

/// Sets the object when the process ends.
pub(crate) fn watch(space: &'static Space, at: ObjectRef, process: PidFd) -> Result<()> {
    let mut watched = WATCHED.lock();
    let epoll = watched.started()?;
    let ticket = watched.next;
    epoll.add(&process, ticket).map_err(|errno| Error::system("cannot watch the process", errno))?;
    watched.next += 1;
    watched.tickets.insert(key(space, at), ticket);
    watched.entries.insert(ticket, Entry { space, at, process: Arc::new(process) });
    Ok(())
}

/// The descriptor of a process that we watch.
pub(crate) fn descriptor(space: &'static Space, at: ObjectRef) -> Result<Arc<PidFd>> {
    let watched = WATCHED.lock();
    let entry = watched.tickets.get(&key(space, at)).and_then(|ticket| watched.entries.get(ticket));
    entry.map(|entry| entry.process.clone()).ok_or_else(Error::closed)
}

/// This process has left the object.
pub(crate) fn forget(space: &'static Space, at: ObjectRef) {
    let mut watched = WATCHED.lock();
    if let Some(entry) = watched.tickets.remove(&key(space, at)).and_then(|ticket| watched.entries.remove(&ticket))
        && let Some(epoll) = &watched.epoll
    {
        epoll.remove(&entry.process);
    }
}

impl Watched {
    /// What the thread sleeps on; begins both if need be, with all that is watched.
    fn started(&mut self) -> Result<Arc<Epoll>> {
        if let Some(epoll) = &self.epoll {
            return Ok(epoll.clone());
        }
        let epoll = Arc::new(Epoll::new().map_err(|errno| Error::system("cannot watch processes", errno))?);
        let theirs = epoll.clone();
        process::spawn_quiet("byname-process", move || tell(&theirs)).map_err(|errno| {
            Error::new(ErrorKind::LimitReached, "cannot start the thread that watches processes; see RLIMIT_NPROC and pids.max")
                .with_errno(errno)
        })?;
        for (ticket, entry) in &self.entries {
            let _ = epoll.add(&entry.process, *ticket);
        }
        self.epoll = Some(epoll.clone());
        Ok(epoll)
    }
}

/// What the thread sleeps on, for those who have it look after more than processes.
pub(super) fn thread() -> Result<Arc<Epoll>> {
    WATCHED.lock().started()
}

/// The thread's life.
fn tell(epoll: &Epoll) {
    let mut later: Vec<u64> = vec![];
    loop {
        let again = if later.is_empty() { -1 } else { AGAIN_MS };
        let told = epoll.sleep(notices::pause(again));
        let (news, ended): (Vec<u64>, Vec<u64>) = told.into_iter().partition(|ticket| notices::is_ours(*ticket));
        notices::look(&news);
        later.extend(ended);
        later.retain(|ticket| {
            let entry = WATCHED.lock().entries.get(ticket).cloned();
            entry.is_some_and(|entry| set(&entry).is_err_and(|error| lock::is_busy(&error)))
        });
    }
}

/// Sets the object if the process has ended: who looks after the end sees it, however late the thread is.
pub(super) fn tick(cx: Cx, target: Target) -> Result<()> {
    if target.word().state().is_signalled_event() || !descriptor(cx.space, target.at)?.has_ended() {
        return Ok(());
    }
    ops::set(cx, target)
}

fn set(entry: &Entry) -> Result<()> {
    entry.space.check()?;
    let cx = owner::current(entry.space)?;
    if !index::pin(entry.space, entry.at) {
        return Ok(());
    }
    let done = ops::target_at(entry.space, entry.at).and_then(|target| ops::set(cx.hurried(PATIENCE_NS), target));
    let _ = index::leave(cx, entry.at);
    done
}

/// For a fork.
pub(crate) fn hold(guards: &mut Guards) {
    guards.take(&WATCHED);
}

/// In the child of a fork: what it inherited it watches itself.
pub(crate) fn renew() {
    let mut watched = WATCHED.lock();
    if let Some(inherited) = watched.epoll.take() {
        inherited.close_in_child();
    }
    if !watched.entries.is_empty() {
        // Without one more thread, or descriptor, the parent still tells what it lives to see; the next process to be watched begins for all.
        let _ = watched.started();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::engine::{Access, Namespace};
    use std::process::{Command, Stdio};

    /// A forked child that had no descriptor left has no thread until it watches one more process.
    #[test]
    fn whoever_begins_late_watches_what_was_there() {
        let session = Namespace::session(&format!("process-late-{}", process::pid())).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let first = session.open_process(child.id().into(), Access::ALL).unwrap();
        let (space, target) = first.by_ref().place().unwrap();
        {
            let mut watched = WATCHED.lock();
            let epoll = watched.epoll.take().unwrap();
            epoll.remove(&watched.entries[&watched.tickets[&key(space, target.at)]].process);
        }
        let _second = session.open_process(process::pid().into(), Access::ALL).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        while !target.word().state().is_signalled_event() {
            process::yield_now(); // nobody looks at the process but the thread
        }
    }
}
