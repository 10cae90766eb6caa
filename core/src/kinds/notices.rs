//! What jobs tell a process that asks: who came, who went, that nobody is left (contract 8.7).
//!
//! *What it is.* A subscription of this process to a job: an unnamed queue without a limit, of which the program has the reading end, so that it waits
//! for it as for anything; the writing end, and all else, is private to this process. Nothing in the job says that it is there.
//!
//! *Who writes.* The thread that watches processes (`process.rs`), by *looking*: it compares the members that it knows with those that there are. Whoever
//! subscribes, or puts a process in, looks by himself. All of it happens under the lock of [`NOTICES`], so that the order of the messages is that of the looks.
//!
//! *What has it look.* The end of a member that it knows (its descriptor); a write to the job's `cgroup.procs`, or to that of a job inside it, by whatever
//! process, or to the job's file, by which byname says that somebody came in with a mark, or met a limit; the kernel's word that a group is populated, or is
//! not any more, or that a limit was met; a group that is made inside. What a member forks makes no noise: for that it looks every [`INTERVAL_NS`], as long
//! as there are members. Who comes and goes between two looks is not told (contract: best effort).
//!
//! *Once.* A process is known by its descriptor, and by the descriptor's number and its own start; the last [`TOLD`] that ended are remembered, for who is put in
//! by a call that returns after its end. It is told as new before its end, and that nobody is left ([`JobMessage::ActiveProcessZero`]) when a count that was made after
//! the last end finds nobody.
//!
//! *Scarce.* Members beyond a quarter of the descriptors that this process may have are known by their start alone, and seen to have ended at the next look. A count that
//! fails tells nothing of anybody, and is made again. What the queue has no memory for waits here, in its order.
//!
//! *Death* of this process ends the queue, as that of any other, and the job knows of nothing. *Fork.* The child has no subscription, and its copies of the handles are closed.

use super::job;
use super::place::{Place, Whereabouts};
use super::process;
use super::queue;
use crate::arena::backing;
use crate::cell::private::{AtomicU64, Ordering};
use crate::dispatch::lock::{self, Target};
use crate::dispatch::word::Machine;
use crate::engine::{HandleRef, send_message};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, right};
use crate::index;
use crate::kinds;
use crate::lock::{Guards, Lock};
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::cgroup;
use crate::sys::eventfd::EventFd;
use crate::sys::inotify::Inotify;
use crate::sys::pidfd::{End, Epoll, PidFd};
use crate::sys::{clock, code, process as system};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// What a job tells, with the number that it has on Windows.
///
/// # Examples
/// ```
/// assert_eq!(byname::JobMessage::NewProcess.id(), 6);
/// assert_eq!(byname::JobMessage::ActiveProcessZero.name(), "zero");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobMessage {
    /// The limit of processes was met: one was killed, or was not started. Told of the job, once for each look that finds it so.
    ActiveProcessLimit = 3,
    /// No process is left. Told of the job.
    ActiveProcessZero = 4,
    /// The process is in the job, or was when the subscription began.
    NewProcess = 6,
    /// The process has ended.
    ExitProcess = 7,
    /// The process has ended by a signal of a crash: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or SIGABRT.
    AbnormalExitProcess = 8,
    /// The limit of memory was met. Told of the job.
    JobMemoryLimit = 10,
}

impl JobMessage {
    const ALL: [JobMessage; 6] = [
        JobMessage::ActiveProcessLimit,
        JobMessage::ActiveProcessZero,
        JobMessage::NewProcess,
        JobMessage::ExitProcess,
        JobMessage::AbnormalExitProcess,
        JobMessage::JobMemoryLimit,
    ];

    /// Its number on Windows.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::JobMessage::ExitProcess.id(), 7);
    /// ```
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// What languages with strings call it.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::JobMessage::AbnormalExitProcess.name(), "abnormal-exit");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            JobMessage::ActiveProcessLimit => "process-limit",
            JobMessage::ActiveProcessZero => "zero",
            JobMessage::NewProcess => "new",
            JobMessage::ExitProcess => "exit",
            JobMessage::AbnormalExitProcess => "abnormal-exit",
            JobMessage::JobMemoryLimit => "memory-limit",
        }
    }
}

/// One notification of a job.
///
/// # Examples
/// ```
/// # if byname::Job::unnamed().is_err() { return Ok(()); } // no jobs on this system
/// let job = byname::Job::unnamed()?;
/// let notifications = job.notifications()?;
/// let mut child = job.spawn(&mut std::process::Command::new("true"))?;
/// let first = notifications.recv()?;
/// assert_eq!((first.message, first.pid), (byname::JobMessage::NewProcess, child.id()));
/// child.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobNotification {
    /// What happened.
    pub message: JobMessage,
    /// To which process, as this process's PID namespace numbers it; 0 for what is told of the job.
    pub pid: u32,
}

/// The bytes of a notification in its queue: message and process.
pub(crate) const SIZE: usize = 8;

impl JobNotification {
    fn bytes(self) -> [u8; SIZE] {
        (u64::from(self.pid) << 32 | u64::from(self.message.id())).to_le_bytes()
    }

    /// What a message of the queue says. Corrupted where it is none of ours.
    pub fn of_bytes(bytes: &[u8]) -> Result<JobNotification> {
        let word = bytes.try_into().map(u64::from_le_bytes).unwrap_or(0);
        let message = JobMessage::ALL.into_iter().find(|message| message.id() == word as u32);
        let message =
            message.ok_or_else(|| Error::new(ErrorKind::Corrupted, "the queue has a message that is no notification of a job"))?;
        Ok(JobNotification { message, pid: (word >> 32) as u32 })
    }
}

/// How the thread is told to look, and that a member has ended.
const NEWS: u64 = u64::MAX;
const ENDED: u64 = NEWS - 1;
/// How often it looks where nothing tells it to.
const INTERVAL_NS: u64 = 50_000_000;
/// Of its time it spends at most one part in so many on counts that nothing has asked for.
const SHARE: u64 = 20;
/// How long a look waits for the lock of a queue that a stopped process has.
const PATIENCE_NS: u64 = 5_000_000;
/// How many of those that have ended are remembered.
const TOLD: usize = 256;

/// When the thread is to look by itself; [`NEVER`]: it is told.
static DUE: AtomicU64 = AtomicU64::new(NEVER);
const NEVER: u64 = u64::MAX;
/// How many subscriptions there are, for who has no business here.
static COUNT: AtomicU64 = AtomicU64::new(0);

static NOTICES: Lock<Notices> = Lock::new(Notices { senses: None, subscriptions: Vec::new(), next: 0, took_ns: 0 });

struct Notices {
    /// There as long as there is a subscription.
    senses: Option<Senses>,
    subscriptions: Vec<Subscription>,
    /// When all is counted next, if there is a subscription that has to, and how long it took the last time.
    next: u64,
    took_ns: u64,
}

/// By what the thread is told.
struct Senses {
    epoll: Arc<Epoll>,
    bell: EventFd,
    files: Inotify,
    /// How many subscriptions have each of its watches.
    watches: BTreeMap<i32, usize>,
    /// How many descriptors of members there are.
    descriptors: u64,
}

struct Subscription {
    space: &'static Space,
    job: Target,
    place: Arc<Place>,
    /// The end of the queue that is ours.
    writer: Target,
    /// What is watched: the job's file, its groups and those inside.
    watched: BTreeMap<PathBuf, Vec<i32>>,
    members: BTreeMap<u32, Member>,
    told: VecDeque<(u32, Identity)>,
    /// Somebody was told as new, and that nobody is left was not told since.
    populated: bool,
    /// The last look has not seen all.
    unsettled: bool,
    /// How often limits were met, as [`Self::count_limits`] last had it.
    met: [u64; 3],
    unsent: VecDeque<JobNotification>,
}

struct Member {
    identity: Identity,
    /// `None` where descriptors are scarce.
    process: Option<PidFd>,
}

/// Which process it is, whatever its number: 0 is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    descriptor: u64,
    start_time: u64,
}

impl Identity {
    fn of(pid: u32, process: Option<&PidFd>) -> Identity {
        Identity { descriptor: process.map_or(0, PidFd::number), start_time: system::look(pid).map_or(0, |seen| seen.start_time) }
    }

    fn may_be(self, other: Identity) -> bool {
        let agree = |a: u64, b: u64| a == 0 || b == 0 || a == b;
        agree(self.descriptor, other.descriptor) && agree(self.start_time, other.start_time)
    }
}

// --- beginning and ending

/// Begins to tell what happens in a job to the queue that `reader` is an end of; first who is in it. InvalidArgument (87) where this process is told
/// already; LimitReached where no descriptor or watch is left for it.
pub(crate) fn subscribe(cx: Cx, job: Target, place: Arc<Place>, reader: Target) -> Result<()> {
    let mut notices = NOTICES.lock();
    if notices.subscriptions.iter().any(|s| std::ptr::eq(s.space, cx.space) && s.job.at == job.at) {
        return Err(Error::invalid_argument("this process has the job's notifications already; close the handle that reads them first"));
    }
    if notices.senses.is_none() {
        notices.senses = Some(Senses::new()?);
    }
    let Some(senses) = &mut notices.senses else { return Err(Error::closed()) };
    let begun = Subscription::begin(cx, job, place, reader, senses);
    let told = begun.map(|subscription| notices.subscriptions.push(subscription));
    notices.rest_and_wake();
    told
}

/// A handle that reads was closed; with the last one of this process the subscription ends.
pub(crate) fn end_if_unread(space: &'static Space, reader: Target) {
    let mut notices = NOTICES.lock();
    let is_over = |s: &Subscription| {
        std::ptr::eq(s.space, space) && s.writer.at == reader.at && (space.check().is_err() || queue::readers_here(space, reader) == 0)
    };
    notices.keep(|subscription, _| !is_over(subscription));
    notices.rest_and_wake();
}

/// For a fork.
pub(crate) fn hold(guards: &mut Guards) {
    guards.take(&NOTICES);
}

/// In the child of a fork: what it has are copies, and the parent is told.
pub(crate) fn forget() {
    let inherited = {
        let mut notices = NOTICES.lock();
        notices.senses = None;
        std::mem::take(&mut notices.subscriptions)
    };
    DUE.store(NEVER, Ordering::Release);
    COUNT.store(0, Ordering::Release);
    if inherited.is_empty() {
        return;
    }
    for reader in handles::with(right::NOTICES) {
        let _ = reader.set_flags(right::PROTECTED, 0);
        let _ = HandleRef::from_id(reader.id()).close();
    }
    inherited.into_iter().for_each(|subscription| subscription.leave_queue());
}

impl Senses {
    fn new() -> Result<Senses> {
        let epoll = process::thread()?;
        let (bell, files) = EventFd::new().and_then(|bell| Ok((bell, Inotify::new()?))).map_err(too_few)?;
        epoll.add_source(&bell, NEWS).and_then(|()| epoll.add_source(&files, NEWS)).map_err(too_few)?;
        Ok(Senses { epoll, bell, files, watches: BTreeMap::new(), descriptors: 0 })
    }

    fn watch(&mut self, path: &std::path::Path) -> std::result::Result<i32, i32> {
        let watch = self.files.watch(path)?;
        *self.watches.entry(watch).or_default() += 1;
        Ok(watch)
    }

    fn unwatch(&mut self, watch: i32) {
        let Some(users) = self.watches.get_mut(&watch) else { return };
        *users -= 1;
        if *users == 0 {
            self.watches.remove(&watch);
            self.files.unwatch(watch);
        }
    }

    /// Descriptors of these processes, each to be told when it ends; EMFILE where the program shall have those that are left.
    fn open(&self, pids: impl Iterator<Item = u32>) -> Vec<(u32, std::result::Result<PidFd, i32>)> {
        let most = system::limit(system::Limit::Descriptors).unwrap_or(u64::MAX) / 4;
        let open = |(place, pid)| (pid, if place < most { PidFd::open(pid) } else { Err(code::EMFILE) });
        (self.descriptors..).zip(pids).map(open).collect()
    }
}

fn too_few(errno: i32) -> Error {
    match errno {
        code::EMFILE | code::ENFILE | code::ENOSPC | code::ENOMEM => Error::new(
            ErrorKind::LimitReached,
            "no descriptor or watch is left to be told of the job by; see RLIMIT_NOFILE, and max_user_instances and max_user_watches in /proc/sys/fs/inotify",
        )
        .with_errno(errno),
        _ => Error::system("cannot watch the job", errno),
    }
}

impl Notices {
    /// Ends the subscriptions that are not to be kept.
    fn keep(&mut self, mut is_kept: impl FnMut(&mut Subscription, &mut Senses) -> bool) {
        let Some(senses) = &mut self.senses else { return };
        for mut subscription in std::mem::take(&mut self.subscriptions) {
            if is_kept(&mut subscription, senses) {
                self.subscriptions.push(subscription);
            } else {
                subscription.end(senses);
            }
        }
    }

    /// Says when the next look is due; without a subscription there is nothing to be told by. True: that is earlier than it was.
    fn rest(&mut self) -> bool {
        COUNT.store(self.subscriptions.len() as u64, Ordering::Release);
        if let Some(senses) = &self.senses
            && self.subscriptions.is_empty()
        {
            senses.epoll.remove_source(&senses.bell);
            senses.epoll.remove_source(&senses.files);
            self.senses = None;
        }
        let now = clock::now();
        if self.next < now {
            self.next = now + INTERVAL_NS;
        }
        let due = if self.subscriptions.iter().any(Subscription::is_restless) { self.next } else { NEVER };
        DUE.swap(due, Ordering::AcqRel) > due
    }

    /// The same where it is not the thread that says so.
    fn rest_and_wake(&mut self) {
        if self.rest()
            && let Some(senses) = &self.senses
        {
            senses.bell.feed();
        }
    }
}

// --- looking

/// In how many milliseconds the thread is to look by itself, if that is before `ms` are over (-1: never).
pub(super) fn pause(ms: i32) -> i32 {
    match DUE.load(Ordering::Acquire) {
        NEVER => ms,
        due => {
            let left = due.saturating_sub(clock::now()).div_ceil(1_000_000) as i32;
            if ms < 0 { left } else { left.min(ms) }
        }
    }
}

/// Whether a ticket is one of ours.
pub(super) fn is_ours(ticket: u64) -> bool {
    ticket >= ENDED
}

/// The thread looks, where it was told to, by these tickets, or the time has come. That members end calls for no count at once, unless the last one has: many end
/// together, and a count may be a walk over all processes.
pub(super) fn look(tickets: &[u64]) {
    let begun = clock::now();
    let counts = begun >= DUE.load(Ordering::Acquire) || tickets.contains(&NEWS);
    if tickets.is_empty() && !counts {
        return;
    }
    let mut notices = NOTICES.lock();
    // Without a word of theirs, what they have to tell stays there, and is told yet.
    let made = tickets.contains(&NEWS) && notices.senses.as_ref().is_some_and(|senses| senses.files.drain());
    notices.keep(|subscription, senses| {
        if made {
            subscription.watch_inside(senses);
        }
        if counts { subscription.look(senses) } else { subscription.look_at_known(senses) }
    });
    let now = clock::now();
    if counts {
        notices.took_ns = now - begun;
        notices.next = now + INTERVAL_NS.max(notices.took_ns * SHARE);
    } else {
        notices.next = notices.next.min(now + notices.took_ns * SHARE);
    }
    notices.rest();
}

/// This process has put another one into a job, and nobody has waited for it: it is told however soon it ends.
pub(crate) fn entered(pid: u32) {
    if COUNT.load(Ordering::Acquire) == 0 {
        return;
    }
    let mut notices = NOTICES.lock();
    notices.keep(|subscription, senses| {
        if subscription.place.whereabouts(pid) == Whereabouts::Inside {
            subscription.meet(pid, senses);
        }
        subscription.send()
    });
    notices.rest_and_wake();
}

impl Subscription {
    fn begin(cx: Cx, job: Target, place: Arc<Place>, reader: Target, senses: &mut Senses) -> Result<Subscription> {
        let writer = Target { machine: Machine::QueueWriter, ..reader };
        if !index::pin(cx.space, writer.at) {
            return Err(Error::closed());
        }
        queue::attach_another(cx, writer).inspect_err(|_| drop(index::leave(cx, writer.at)))?;
        let mut new = Subscription {
            space: cx.space,
            job,
            place,
            writer,
            watched: BTreeMap::new(),
            members: BTreeMap::new(),
            told: VecDeque::new(),
            populated: false,
            unsettled: false,
            met: [0; 3],
            unsent: VecDeque::new(),
        };
        let begun = new.watch(senses).and_then(|()| {
            new.met = new.count_limits().map(Option::unwrap_or_default);
            new.look(senses);
            if new.unsettled || new.members.values().any(|member| member.process.is_none()) {
                PidFd::open(system::pid()).map(drop)
            } else {
                Ok(())
            }
        });
        match begun {
            Ok(()) => Ok(new),
            Err(errno) => {
                new.end(senses);
                Err(too_few(errno))
            }
        }
    }

    /// Watches the files of the job: its own, to which who comes with a mark or meets a limit writes, and those of its groups.
    fn watch(&mut self, senses: &mut Senses) -> std::result::Result<(), i32> {
        let place = self.place.clone();
        let file = backing::path(&self.space.arena, self.job.at);
        let watch = senses.watch(&file)?;
        self.watched.insert(file, vec![watch]);
        for (group, counter) in [(&place.pids, "pids.events"), (&place.memory, "memory.events")] {
            let Some(group) = group.as_deref().or(place.group()) else { continue };
            let watch = senses.watch(&group.join(counter)).ok(); // where there is none, nothing is limited
            self.watched.entry(group.to_owned()).or_default().extend(watch);
        }
        if let Some(group) = place.group() {
            for path in [group.to_owned(), group.join("cgroup.events")] {
                let watch = senses.watch(&path)?;
                self.watched.entry(group.to_owned()).or_default().push(watch);
            }
        }
        self.watch_inside(senses);
        Ok(())
    }

    /// Watches the groups inside the job. (What cannot be watched is seen all the same, since the job's own group tells whether there is anybody.)
    fn watch_inside(&mut self, senses: &mut Senses) {
        let gone: Vec<PathBuf> = self.watched.keys().filter(|path| !path.exists()).cloned().collect();
        gone.iter().filter_map(|group| self.watched.remove(group)).flatten().for_each(|watch| senses.unwatch(watch));
        let place = self.place.clone();
        let Some(own) = place.group() else { return };
        // What is made before its place is watched is found by looking there once more.
        loop {
            let new = cgroup::below(own).into_iter().filter(|group| !self.watched.contains_key(group)).collect::<Vec<_>>();
            if new.is_empty() {
                return;
            }
            for group in new {
                let watches = [senses.watch(&group), senses.watch(&group.join("cgroup.events"))];
                self.watched.insert(group, watches.into_iter().flatten().collect());
            }
        }
    }

    fn end(mut self, senses: &mut Senses) {
        for member in std::mem::take(&mut self.members).into_values() {
            member.forget(senses);
        }
        std::mem::take(&mut self.watched).into_values().flatten().for_each(|watch| senses.unwatch(watch));
        self.leave_queue();
    }

    fn leave_queue(self) {
        if self.space.check().is_ok()
            && let Ok(cx) = owner::current(self.space)
        {
            let _ = queue::detach(cx, self.writer);
            let _ = index::leave(cx, self.writer.at);
        }
    }

    /// Whether it has to look without being told.
    fn is_restless(&self) -> bool {
        self.populated || self.unsettled || !self.unsent.is_empty() || self.place.group().is_none()
    }

    /// Tells what is new. False where nobody can be told any more.
    fn look(&mut self, senses: &mut Senses) -> bool {
        let counted = self.place.count().map(BTreeSet::from_iter);
        self.unsettled = counted.is_err();
        self.look_for_ended(counted.as_ref().ok(), senses);
        if let Ok(counted) = counted {
            self.look_for_new(&counted, senses);
            // Who was forked behind the back of one count is met by the next.
            if self.populated && self.members.is_empty() && counted.is_empty() && self.place.count().is_ok_and(|again| again.is_empty()) {
                self.populated = false;
                self.tell(JobMessage::ActiveProcessZero, 0);
            }
        }
        self.send()
    }

    /// The same without a count, as long as a member is left.
    fn look_at_known(&mut self, senses: &mut Senses) -> bool {
        self.look_for_ended(None, senses);
        if self.members.is_empty() && self.populated { self.look(senses) } else { self.send() }
    }

    fn look_for_ended(&mut self, counted: Option<&BTreeSet<u32>>, senses: &mut Senses) {
        let (pids, processes): (Vec<u32>, Vec<&PidFd>) =
            self.members.iter().filter_map(|(pid, member)| Some((*pid, member.process.as_ref()?))).unzip();
        let mut gone: Vec<u32> =
            pids.into_iter().zip(PidFd::have_ended(&processes)).filter(|(_, ended)| *ended).map(|(pid, _)| pid).collect();
        if let Some(counted) = counted {
            let unseen = self.members.iter().filter(|(pid, member)| {
                member.process.is_none() && !(counted.contains(*pid) && Identity::of(**pid, None).may_be(member.identity))
            });
            gone.extend(unseen.map(|(pid, _)| *pid));
        }
        self.look_at_limits(); // before it is told who has ended, perhaps for that
        gone.into_iter().for_each(|pid| self.lose(pid, senses));
    }

    /// A member has ended.
    fn lose(&mut self, pid: u32, senses: &mut Senses) {
        let Some(member) = self.members.remove(&pid) else { return };
        let crashed = match member.process.as_ref().map(|process| process.end(pid)) {
            Some(End::Told { how, .. }) => how.is_crash(),
            _ => false,
        };
        self.remember(pid, member.identity);
        member.forget(senses);
        self.tell(if crashed { JobMessage::AbnormalExitProcess } else { JobMessage::ExitProcess }, pid);
    }

    fn remember(&mut self, pid: u32, identity: Identity) {
        self.told.truncate(TOLD - 1);
        self.told.push_front((pid, identity));
    }

    fn was_told(&self, pid: u32, identity: Identity) -> bool {
        self.told.iter().any(|(told, who)| *told == pid && who.may_be(identity))
    }

    fn look_for_new(&mut self, counted: &BTreeSet<u32>, senses: &mut Senses) {
        let new = senses.open(counted.iter().copied().filter(|pid| !self.members.contains_key(pid)));
        if new.is_empty() {
            return;
        }
        // Who has the number now was a member before it was opened, and still is one, or has ended. Whoever else has got it is none.
        let again = self.place.count();
        for (pid, opened) in new {
            match (opened, &again) {
                (Ok(process), Ok(again)) if !again.contains(&pid) && !process.has_ended() => self.unsettled = true,
                (Ok(_), Err(_)) => self.unsettled = true,
                (opened, _) => self.admit(pid, opened, senses),
            }
        }
    }

    /// A process is in it that this process has put there.
    fn meet(&mut self, pid: u32, senses: &mut Senses) {
        match self.members.get(&pid) {
            Some(Member { process: Some(known), .. }) if known.has_ended() => self.lose(pid, senses), // it may be the next of that number
            Some(_) => return,
            None => {}
        }
        for (pid, opened) in senses.open(std::iter::once(pid)) {
            self.admit(pid, opened, senses);
        }
    }

    fn admit(&mut self, pid: u32, opened: std::result::Result<PidFd, i32>, senses: &mut Senses) {
        let has_gone = opened.as_ref().is_err_and(|errno| matches!(*errno, code::ESRCH | code::EINVAL | code::ENOENT));
        let process = opened.ok();
        let identity = Identity::of(pid, process.as_ref());
        if self.was_told(pid, identity) {
            return;
        }
        self.populated = true;
        self.tell(JobMessage::NewProcess, pid);
        if has_gone {
            self.remember(pid, identity);
            return self.tell(JobMessage::ExitProcess, pid);
        }
        if let Some(process) = &process {
            senses.descriptors += 1;
            let _ = senses.epoll.add(process, ENDED); // else the next look sees it
        }
        self.members.insert(pid, Member { identity, process });
    }

    /// How often limits were met, where that can be read: of processes, as byname and as the kernel counts it, and of memory.
    fn count_limits(&self) -> [Option<u64>; 3] {
        let words = kinds::annex(self.space, self.job).map(|annex| &annex.words).ok();
        let memory = match (&self.place.memory, self.place.group()) {
            (Some(old), _) => cgroup::counter(old, "memory.oom_control", "oom_kill"),
            (None, Some(group)) => cgroup::counter(group, "memory.events", "oom"),
            (None, None) => None,
        };
        [
            words.map(|words| words[job::ENDED_BY_LIMIT].load()),
            self.place.pids.as_deref().or(self.place.group()).and_then(|group| cgroup::counter(group, "pids.events", "max")),
            // Who is killed because the whole system has no memory has met no limit of the job's.
            memory.filter(|_| words.is_some_and(|words| words[job::MEMORY_LIMIT].load() != 0)),
        ]
    }

    fn look_at_limits(&mut self) {
        let now = self.count_limits();
        let before = self.met;
        self.met = std::array::from_fn(|i| now[i].unwrap_or(before[i]));
        let [by_us, by_kernel, memory] = std::array::from_fn(|i| self.met[i] > before[i]);
        if by_us || by_kernel {
            self.tell(JobMessage::ActiveProcessLimit, 0);
        }
        if memory {
            self.tell(JobMessage::JobMemoryLimit, 0);
        }
    }

    fn tell(&mut self, message: JobMessage, pid: u32) {
        self.unsent.push_back(JobNotification { message, pid });
    }

    /// Sends what is to be told, as far as there is room. False where the queue, or its namespace, is lost.
    fn send(&mut self) -> bool {
        while let Some(next) = self.unsent.front() {
            let cx = self.space.check().and_then(|()| owner::current(self.space));
            match cx.and_then(|cx| send_message(cx.hurried(PATIENCE_NS), self.writer, &next.bytes(), false)) {
                Ok(Some(())) => drop(self.unsent.pop_front()),
                Ok(None) => return true,
                Err(error) => return lock::is_busy(&error) || matches!(error.kind(), ErrorKind::NoSpace | ErrorKind::LimitReached),
            }
        }
        true
    }
}

impl Member {
    fn forget(self, senses: &mut Senses) {
        if let Some(process) = self.process {
            senses.descriptors -= 1;
            senses.epoll.remove(&process);
        }
    }
}
