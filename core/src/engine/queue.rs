//! Message queues (contract 9): ends, messages, and waits for them.

use super::pending::begin;
use super::{Access, Handle, HandleRef, Interrupt, Kind, Mode, Namespace, Outcome, PendingWait, another, wrong_kind};
use crate::arena::refs::ProcessRef;
use crate::cell::private::{AtomicBool, AtomicU32, Ordering};
use crate::dispatch::lock::{self, Target};
use crate::dispatch::wait::{self, Ended, Request};
use crate::dispatch::word::{Family, Machine};
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, Opened, right};
use crate::index::{self, Blueprint};
use crate::kinds::queue::{self, Claimed, Into, Moved, Plan};
use crate::owner;
use crate::space::{Cx, Space};
use crate::sys::clock::{self, Deadline};
use crate::sys::process;
use crate::timeout::Timeout;
use parking_lot::Mutex;
use std::ptr::NonNull;
use std::sync::Arc;

pub use crate::kinds::queue::{QueueInfo, Received};

/// Which end of a queue a handle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueEnd {
    /// It receives.
    Read,
    /// It sends.
    Write,
}

impl QueueEnd {
    pub(super) fn machine(self) -> Machine {
        match self {
            QueueEnd::Read => Machine::QueueReader,
            QueueEnd::Write => Machine::QueueWriter,
        }
    }

    /// As what a blocked call waits.
    fn caller(self) -> Machine {
        match self {
            QueueEnd::Read => Machine::Receiver,
            QueueEnd::Write => Machine::Sender,
        }
    }

    fn of(machine: Machine) -> QueueEnd {
        if machine == Machine::QueueReader { QueueEnd::Read } else { QueueEnd::Write }
    }
}

/// A call that is blocked looks again this often, whoever was told in its stead.
const BELT_NS: u64 = 1_000_000_000;
/// Likewise a wait without a thread.
const ASYNC_BELT_NS: u64 = 10_000_000_000;
/// A call that only tries waits this long for somebody who is in the middle of a change, and a call with a time-out at least so long.
const TRY_NS: u64 = 100_000_000;
const BLINK_NS: u64 = 5_000_000;
/// While it does, it asks this often whether it is to be interrupted.
const SLICE_NS: u64 = 50_000_000;
/// A poll waits this long, and the next comes so much later.
const GLANCE_NS: u64 = 1_000_000;
const AGAIN_NS: u64 = 5_000_000;

// --- ends

/// Makes a queue, or opens one of that name. One that breaks meanwhile has lost its name: then another is made.
pub(super) fn create(cx: Cx, key: Option<&str>, plan: Plan, end: QueueEnd) -> Result<(Target, bool)> {
    let blueprint = Blueprint { machine: Machine::QueueReader, state: Plan::state(), maximum: 0, owned: false, annex: Some(plan.annex()) };
    loop {
        let (found, new) = index::create(cx, key, blueprint)?;
        let target = Target { machine: end.machine(), ..found };
        let fits = if new { Ok(()) } else { queue::check_size(cx, target, plan.max_size) };
        match fits.and_then(|()| queue::attach(cx, target)) {
            Ok(true) => return Ok((target, new)),
            Ok(false) => forsake(cx, target)?,
            Err(error) => {
                let _ = index::leave(cx, target.at);
                return Err(error.about(&index::describe(cx.space, target)));
            }
        }
    }
}

/// A queue that is broken is nobody's by its name.
fn forsake(cx: Cx, target: Target) -> Result<()> {
    index::release_name(cx, target.at)?;
    index::leave(cx, target.at)
}

/// The handle for a queue that was found by its name and is pinned.
pub(super) fn of_found(cx: Cx, found: Target, key: &str, end: QueueEnd, rights: u32) -> Result<Handle> {
    let mut target = Target { machine: end.machine(), ..found };
    loop {
        match queue::attach(cx, target) {
            Ok(true) => break,
            Ok(false) => forsake(cx, target)?,
            Err(error) => {
                let _ = index::leave(cx, target.at);
                return Err(error);
            }
        }
        target = Target { machine: end.machine(), ..index::open(cx, key, |machine| machine.family() == Family::Queue)? };
    }
    let rights = Access::ALL.rights(Kind::Queue)? | rights;
    let entry = handles::insert(cx.space, target, rights).inspect_err(|_| drop(super::let_go(cx, target)))?;
    Ok(Handle(HandleRef(entry)))
}

impl Namespace {
    /// Opens an end of an existing queue by its name. Errors: as [`Namespace::open`].
    pub fn open_queue(&self, name: Option<&str>, end: QueueEnd) -> Result<Handle> {
        let (cx, key) = self.wanted(name, Some(Kind::Queue))?;
        let found = index::open(cx, &key, |machine| machine.family() == Family::Queue)?;
        of_found(cx, found, &key, end, self.marks(name))
    }
}

impl HandleRef {
    /// Which end of its queue the handle is. WrongKind (6) for a handle of another kind.
    pub fn queue_end(self) -> Result<QueueEnd> {
        Ok(QueueEnd::of(self.of_kind(Kind::Queue, 0)?.target.machine))
    }

    /// Opens another end of the handle's queue (contract 9.3). WrongKind (6) for a handle of another kind; Disconnected (233) where the queue is broken.
    pub fn open_end(self, end: QueueEnd) -> Result<Handle> {
        let Opened { space, target, rights } = self.of_kind(Kind::Queue, 0)?;
        if !index::pin(space, target.at) {
            return Err(Error::closed());
        }
        another(space, Target { machine: end.machine(), ..target }, rights & !(right::CREATED | right::CHANGEABLE))
    }

    /// What the queue says of itself. Disconnected (233) where it is broken.
    pub fn queue_info(self) -> Result<QueueInfo> {
        let opened = self.of_kind(Kind::Queue, 0)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        queue::info(cx, opened.target).map_err(|error| opened.about(error))
    }

    /// The handle, if it is of that end (Q4).
    #[inline]
    fn end(self, end: QueueEnd) -> Result<Opened> {
        let opened = self.0.open(0)?;
        if opened.target.machine == end.machine() { Ok(opened) } else { Err(other_end(opened, end)) }
    }

    /// Sends a message of 1 byte to the queue's largest, as an alert if none is pending. Disconnected (233), MessageTooLong (122), NoSpace (14),
    /// InvalidArgument (87) for an empty one, WrongKind (6) for a handle that does not write.
    #[inline(always)]
    pub fn send(self, data: &[u8], alert: bool, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<()>> {
        if self.send_at_once(data, alert) { Ok(Outcome::Got(())) } else { self.send_slowly(data, alert, timeout, interrupt) }
    }

    /// The whole of an uncontended send; false says nothing.
    #[inline]
    fn send_at_once(self, data: &[u8], alert: bool) -> bool {
        let Some((space, target)) = self.0.target(Machine::QueueWriter) else { return false };
        owner::cached(space).is_some_and(|op| queue::send_fast(space, target, op, data, alert))
    }

    #[cold]
    fn send_slowly(self, data: &[u8], alert: bool, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<()>> {
        self.end(QueueEnd::Write)?;
        check_length(data.len())?;
        self.until(QueueEnd::Write, timeout, interrupt, |cx, target| send(cx, target, data, alert))
    }

    /// Receives the next message into a buffer. One that is longer is cut and gone (Q8): [`Received::whole`] says so. Disconnected (233);
    /// InvalidArgument (87) for a buffer of no bytes, WrongKind (6) for a handle that does not read.
    #[inline(always)]
    pub fn receive(self, buf: &mut [u8], timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Received>> {
        if buf.is_empty() {
            return Err(Error::invalid_argument("the buffer has no bytes; pass one as large as the queue's messages"));
        }
        self.receive_into(&mut Into::Buffer(buf), timeout, interrupt)
    }

    /// Receives the next message, whatever its length; `message` is replaced.
    #[inline]
    pub fn receive_vec(self, message: &mut Vec<u8>, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Received>> {
        self.receive_into(&mut Into::Vec(message), timeout, interrupt)
    }

    #[inline(always)]
    fn receive_into(self, into: &mut Into<'_>, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Received>> {
        match self.receive_at_once(into) {
            Some(received) => Ok(Outcome::Got(received)),
            None => self.receive_slowly(into, timeout, interrupt),
        }
    }

    /// The whole of an uncontended receive; `None` says nothing.
    #[inline]
    fn receive_at_once(self, into: &mut Into<'_>) -> Option<Received> {
        let (space, target) = self.0.target(Machine::QueueReader)?;
        queue::receive_fast(space, target, owner::cached(space)?, into)
    }

    #[cold]
    fn receive_slowly(self, into: &mut Into<'_>, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Received>> {
        self.until(QueueEnd::Read, timeout, interrupt, |cx, target| receive(cx, target, into))
    }

    /// Takes room for a message of up to `len` bytes, to be written where it will be read. Errors: as [`Self::send`].
    pub fn reserve(self, len: usize, alert: bool, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Reservation>> {
        check_length(len)?;
        self.until(QueueEnd::Write, timeout, interrupt, |cx, target| reserve(cx, target, len, alert))
    }

    /// Takes the next message, to be read where it is. Errors: as [`Self::receive`].
    pub fn take_message(self, timeout: Timeout, interrupt: Interrupt<'_>) -> Result<Outcome<Taken>> {
        self.until(QueueEnd::Read, timeout, interrupt, take)
    }

    /// Attempts until one succeeds or the time is up. Each begins with the handle: it may be closed meanwhile (Q12). Before it waits for somebody who is in the
    /// middle of a change, who may be stopped, it asks whether it is to be interrupted.
    fn until<T>(
        self,
        end: QueueEnd,
        timeout: Timeout,
        mut interrupt: Interrupt<'_>,
        mut attempt: impl FnMut(Cx, Target) -> Result<Option<T>>,
    ) -> Result<Outcome<T>> {
        let deadline = Deadline::after(timeout);
        let patience = patience(timeout, deadline);
        let mut slice = if interrupt.is_some() { None } else { Some(BELT_NS) };
        let mut yields = Yields::default();
        loop {
            let opened = self.end(end)?;
            let cx = owner::current(opened.space)?;
            let _pin = opened.pin(cx)?;
            let turn = Deadline::at(slice.map_or(0, |ns| clock::now() + ns));
            match attempt(Cx { patience: patience.min(turn), ..cx }, opened.target) {
                Ok(Some(got)) => return Ok(Outcome::Got(got)),
                Ok(None) => {}
                Err(error) if lock::is_busy(&error) && !patience.passed() => {
                    if interrupt.as_mut().is_some_and(|ask| ask()) {
                        return Ok(Outcome::Interrupted);
                    }
                    slice = slice.or(Some(SLICE_NS));
                    continue;
                }
                Err(error) if lock::is_busy(&error) => {}
                Err(error) => return Err(opened.about(error)),
            }
            if timeout.is_zero() || deadline.passed() {
                cx.space.watches.calm(cx, opened.target);
                return Ok(Outcome::TimedOut);
            }
            if yields.give_way(cx, opened.target) {
                continue;
            }
            let targets = [Target { machine: end.caller(), ..opened.target }];
            let belt = deadline.min(Deadline::at(clock::now() + BELT_NS));
            let request = Request { targets: &targets, all: false, owner: cx.op, deadline: belt, poll: false };
            let ask = interrupt.as_mut().map(|ask| &mut **ask as &mut dyn FnMut() -> bool);
            if wait::block(cx, request, ask)? == Ended::Interrupted {
                return Ok(Outcome::Interrupted);
            }
        }
    }
}

/// Giving the processor away before going to sleep. Where both ends run on one core, the other one then fills or empties the queue in one go, and
/// neither is put to sleep or woken. Where that was in vain it is not tried for a while: who yields beside a busy program gets the core back late.
#[derive(Default)]
struct Yields {
    yielded: bool,
}

/// Blocked calls of this process that shall not yield; and how often in a row it was in vain.
static RESTING: AtomicU32 = AtomicU32::new(0);
static VAIN: AtomicU32 = AtomicU32::new(0);

impl Yields {
    /// True: look again.
    fn give_way(&mut self, cx: Cx, target: Target) -> bool {
        if !self.yielded {
            self.yielded = true;
            if RESTING.load(Ordering::Relaxed) > 0 {
                RESTING.fetch_sub(1, Ordering::Relaxed);
                return false;
            }
            process::yield_now();
            if target.word().state().signalled(target.machine) {
                VAIN.store(0, Ordering::Relaxed);
                return true;
            }
            let vain = VAIN.load(Ordering::Relaxed).min(9) + 1;
            VAIN.store(vain, Ordering::Relaxed);
            RESTING.store(1 << vain, Ordering::Relaxed);
            return cx.space.check().is_err();
        }
        false
    }
}

impl Opened {
    fn about(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Disconnected | ErrorKind::MessageTooLong | ErrorKind::NoSpace => {
                error.about(&index::describe(self.space, self.target))
            }
            _ => error,
        }
    }
}

fn check_length(len: usize) -> Result<()> {
    if len == 0 { Err(Error::invalid_argument("a message has 1 byte at least; pass some")) } else { Ok(()) }
}

/// How long a call waits for locks.
fn patience(timeout: Timeout, deadline: Deadline) -> Deadline {
    match deadline.nanos() {
        None => deadline,
        Some(_) if timeout.is_zero() => Deadline::at(clock::now() + TRY_NS),
        Some(at) => Deadline::at(at.max(clock::now() + BLINK_NS)),
    }
}

#[cold]
fn other_end(opened: Opened, wanted: QueueEnd) -> Error {
    if opened.target.machine.family() != Family::Queue {
        return wrong_kind(opened, Kind::Queue);
    }
    let (is, wants) = match wanted {
        QueueEnd::Read => ("writing", "receives"),
        QueueEnd::Write => ("reading", "sends"),
    };
    let what = format!("the handle is a {is} end, and the call {wants}; open the other end from it");
    Error::new(ErrorKind::WrongKind, what).about(&index::describe(opened.space, opened.target))
}

/// `None` where there is no room.
pub(crate) fn send(cx: Cx, target: Target, data: &[u8], alert: bool) -> Result<Option<()>> {
    match queue::send(cx, target, data, alert)? {
        Moved::Done(()) => return Ok(Some(())),
        Moved::Not => return Ok(None),
        Moved::Long => {}
    }
    let Some(claimed) = queue::claim_to_send(cx, target, data.len(), alert)? else { return Ok(None) };
    if !claimed.write(data) {
        return Err(cx.space.arena.corrupted("a message beyond the end"));
    }
    let cx = if cx.patience.passed() { cx.hurried(BLINK_NS) } else { cx }; // it is copied
    match queue::commit(cx, target, &claimed, data.len()) {
        Err(error) if lock::is_busy(&error) => queue::leave_behind(cx, target, &claimed).and(Err(error)), // nothing was sent
        committed => committed.map(Some),
    }
}

fn receive(cx: Cx, target: Target, into: &mut Into<'_>) -> Result<Option<Received>> {
    match queue::receive(cx, target, into)? {
        Moved::Done(received) => return Ok(Some(received)),
        Moved::Not => return Ok(None),
        Moved::Long => {}
    }
    let Some(claimed) = queue::claim_to_receive(cx, target)? else { return Ok(None) };
    let received = claimed.read(into);
    queue::release_or_leave(cx, target, &claimed)?;
    received.map(Some).ok_or_else(|| cx.space.arena.corrupted("a message beyond the end"))
}

impl Received {
    /// BufferTooSmall (122) where the message was cut: the rest of it is gone (Q8).
    #[inline]
    pub fn whole(self) -> Result<Received> {
        if self.len == self.message_len {
            return Ok(self);
        }
        Err(Error::new(
            ErrorKind::BufferTooSmall,
            format!(
                "the message had {} bytes and the buffer {}: the rest is gone; pass one as large as the queue's messages",
                self.message_len, self.len
            ),
        ))
    }
}

// --- messages in place

fn reserve(cx: Cx, target: Target, len: usize, alert: bool) -> Result<Option<Reservation>> {
    Ok(queue::claim_to_send(cx, target, len, alert)?.map(|claimed| Reservation(Claim::new(cx, target, claimed))))
}

fn take(cx: Cx, target: Target) -> Result<Option<Taken>> {
    Ok(queue::claim_to_receive(cx, target)?.map(|claimed| Taken(Claim::new(cx, target, claimed))))
}

/// A slot of a queue that is the caller's until he gives it back. It keeps the queue.
#[derive(Debug)]
struct Claim {
    space: &'static Space,
    born: ProcessRef,
    target: Target,
    /// `None` once it was given back.
    claimed: Option<Claimed>,
}

impl Claim {
    fn new(cx: Cx, target: Target, claimed: Claimed) -> Claim {
        index::pin(cx.space, target.at);
        Claim { space: cx.space, born: cx.space.me(), target, claimed: Some(claimed) }
    }

    /// Busy: it has not ended.
    fn end(&mut self, how: impl FnOnce(Cx, Target, &Claimed) -> Result<()>) -> Result<()> {
        let is_ours = self.is_ours();
        let Some(claimed) = self.claimed.take_if(|_| !is_ours) else { return self.end_ours(how) };
        claimed.forget(self.space);
        Err(Error::closed())
    }

    fn end_ours(&mut self, how: impl FnOnce(Cx, Target, &Claimed) -> Result<()>) -> Result<()> {
        let claimed = self.claimed.as_ref().ok_or_else(Error::closed)?;
        let cx = owner::current(self.space)?;
        let done = self.space.check().and_then(|()| how(cx, self.target, claimed));
        if done.as_ref().is_err_and(lock::is_busy) {
            return done;
        }
        self.claimed = None;
        let left = index::leave(cx, self.target.at);
        done.and(left).map_err(|error| error.about(&index::describe(self.space, self.target)))
    }

    /// Ends it unless somebody has the queue locked now; false if so.
    fn try_end(&mut self, how: impl FnOnce(Cx, Target, &Claimed) -> Result<()>) -> Result<bool> {
        match self.end(|cx, target, claimed| how(Cx { patience: Deadline::at(0), ..cx }, target, claimed)) {
            Err(error) if lock::is_busy(&error) => Ok(false),
            ended => ended.map(|()| true),
        }
    }

    fn is_ours(&self) -> bool {
        self.space.me() == self.born
    }

    fn bytes(&self) -> (NonNull<u8>, usize) {
        let bytes = self.claimed.as_ref().filter(|_| self.is_ours()).and_then(|c| Some((c.bytes()?, c.len)));
        bytes.unwrap_or((NonNull::dangling(), 0))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.claimed.is_some() {
            let _ = self.end(queue::release_or_leave);
        }
    }
}

/// Room for a message that is written where it will be read. Dropped, it is free again, and nothing was sent.
#[derive(Debug)]
pub struct Reservation(Claim);

impl Reservation {
    /// Where the message goes, and how many bytes there are; as long as this lives. None in the child of a fork.
    pub fn bytes(&self) -> (NonNull<u8>, usize) {
        self.0.bytes()
    }

    /// The same as a slice.
    pub fn as_slice(&self) -> &[u8] {
        self.0.claimed.as_ref().filter(|_| self.0.is_ours()).and_then(Claimed::slice).unwrap_or_default()
    }

    /// The same to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let is_ours = self.0.is_ours();
        self.0.claimed.as_mut().filter(|_| is_ours).and_then(Claimed::slice_mut).unwrap_or_default()
    }

    /// Sends the first `len` bytes: from here they are a message. InvalidArgument (87) for none or more than were reserved; Disconnected (233), and then it is gone.
    /// As every call without a time-out it waits for one who is stopped in the middle of a change.
    pub fn commit(mut self, len: usize) -> Result<()> {
        self.check(len)?;
        self.0.end(|cx, target, claimed| queue::commit(cx, target, claimed, len))
    }

    /// The same, waiting for nobody: false if somebody is in the middle of a change, and nothing was sent yet.
    pub fn try_commit(&mut self, len: usize) -> Result<bool> {
        self.check(len)?;
        self.0.try_end(|cx, target, claimed| queue::commit(cx, target, claimed, len))
    }

    fn check(&self, len: usize) -> Result<()> {
        let room = self.0.bytes().1;
        if len == 0 || len > room {
            return Err(Error::invalid_argument(format!("{len} bytes cannot be sent of {room} that were reserved; send 1 to all of them")));
        }
        Ok(())
    }
}

/// A message that is read where it is. Its place is free again when this is dropped.
#[derive(Debug)]
pub struct Taken(Claim);

impl Taken {
    /// Where the message is, and its length; as long as this lives. None in the child of a fork.
    pub fn bytes(&self) -> (NonNull<u8>, usize) {
        self.0.bytes()
    }

    /// The same as a slice.
    pub fn as_slice(&self) -> &[u8] {
        self.0.claimed.as_ref().filter(|_| self.0.is_ours()).and_then(Claimed::slice).unwrap_or_default()
    }

    /// Whether it is an alert.
    pub fn is_alert(&self) -> bool {
        self.0.claimed.as_ref().is_some_and(|claimed| claimed.is_alert)
    }

    /// Gives the place back, as dropping does, and reports a failure.
    pub fn release(mut self) -> Result<()> {
        self.0.end(queue::release_or_leave)
    }

    /// The same, waiting for nobody: false if somebody is in the middle of a change, and the message is still there.
    pub fn try_release(&mut self) -> Result<bool> {
        self.0.try_end(queue::release)
    }
}

// --- without a thread

/// Called by the keeper's thread whenever a [`PendingMessage`] is worth polling.
#[derive(Clone)]
pub struct Notify(Arc<Mutex<Box<dyn FnMut() + Send>>>);

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notify")
    }
}

impl Notify {
    /// It calls `f`, which should not block.
    pub fn new(f: Box<dyn FnMut() + Send>) -> Notify {
        Notify(Arc::new(Mutex::new(f)))
    }

    /// It calls `f` from now on. A poll afterwards that finds nothing means that `f` will be called.
    pub fn set(&self, f: Box<dyn FnMut() + Send>) {
        let old = std::mem::replace(&mut *self.0.lock(), f);
        drop(old); // outside the lock: it may own anything
    }
}

enum Work {
    Send { data: Vec<u8>, alert: bool },
    Receive,
    Reserve { len: usize, alert: bool },
    Take,
}

/// What a [`PendingMessage`] comes to.
#[derive(Debug)]
pub enum Message {
    /// It was sent.
    Sent,
    /// It was received.
    Received {
        /// Its bytes.
        data: Vec<u8>,
        /// Whether it came as an alert.
        alert: bool,
    },
    /// There is room for one.
    Reserved(Reservation),
    /// It is read where it is.
    Taken(Taken),
}

/// A message on its way, without a thread. Dropping it cancels.
pub struct PendingMessage {
    handle: HandleRef,
    end: QueueEnd,
    work: Mutex<Work>,
    deadline: Deadline,
    notify: Notify,
    wait: Mutex<Option<PendingWait>>,
    /// It has had its outcome.
    over: AtomicBool,
}

impl std::fmt::Debug for PendingMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingMessage").field("handle", &self.handle).field("end", &self.end).finish_non_exhaustive()
    }
}

/// Sends a message without a thread. `notify` is called, by the keeper's thread, whenever [`PendingMessage::poll`] may have the outcome; the first poll may
/// have it without.
pub fn start_send(handle: HandleRef, data: Vec<u8>, alert: bool, timeout: Timeout, notify: Notify) -> Result<PendingMessage> {
    handle.end(QueueEnd::Write)?;
    check_length(data.len())?;
    Ok(PendingMessage::new(handle, QueueEnd::Write, Work::Send { data, alert }, timeout, notify))
}

/// Receives a message without a thread; as [`start_send`].
pub fn start_receive(handle: HandleRef, timeout: Timeout, notify: Notify) -> Result<PendingMessage> {
    handle.end(QueueEnd::Read)?;
    Ok(PendingMessage::new(handle, QueueEnd::Read, Work::Receive, timeout, notify))
}

/// Takes room for a message without a thread; as [`start_send`].
pub fn start_reserve(handle: HandleRef, len: usize, alert: bool, timeout: Timeout, notify: Notify) -> Result<PendingMessage> {
    handle.end(QueueEnd::Write)?;
    check_length(len)?;
    Ok(PendingMessage::new(handle, QueueEnd::Write, Work::Reserve { len, alert }, timeout, notify))
}

/// Takes the next message, to be read where it is, without a thread; as [`start_send`].
pub fn start_take(handle: HandleRef, timeout: Timeout, notify: Notify) -> Result<PendingMessage> {
    handle.end(QueueEnd::Read)?;
    Ok(PendingMessage::new(handle, QueueEnd::Read, Work::Take, timeout, notify))
}

impl PendingMessage {
    fn new(handle: HandleRef, end: QueueEnd, work: Work, timeout: Timeout, notify: Notify) -> PendingMessage {
        PendingMessage {
            handle,
            end,
            work: Mutex::new(work),
            deadline: Deadline::after(timeout),
            notify,
            wait: Mutex::new(None),
            over: AtomicBool::new(false),
        }
    }

    /// The outcome, once; `None` while it goes on, and then `notify` will be called. Closed (6) afterwards.
    pub fn poll(&self) -> Option<Result<Outcome<Message>>> {
        let mut wait = self.wait.lock();
        if self.over.load(Ordering::Acquire) {
            return Some(Err(Error::closed()));
        }
        let outcome = self.go_on(&mut wait).transpose();
        if outcome.is_some() {
            self.over.store(true, Ordering::Release);
            *wait = None;
        }
        outcome
    }

    fn go_on(&self, wait: &mut Option<PendingWait>) -> Result<Option<Outcome<Message>>> {
        loop {
            if let Some(pending) = wait.as_ref() {
                match pending.poll() {
                    None => return Ok(None),
                    Some(ended) => drop(ended?),
                }
                *wait = None;
            }
            let opened = self.handle.end(self.end)?;
            let cx = owner::current(opened.space)?;
            let _pin = opened.pin(cx)?;
            let attempted = self.attempt(cx.hurried(GLANCE_NS), opened.target);
            let is_busy = attempted.as_ref().is_err_and(lock::is_busy);
            match attempted {
                Ok(Some(message)) => return Ok(Some(Outcome::Got(message))),
                Ok(None) => {}
                Err(_) if is_busy => {}
                Err(error) => return Err(opened.about(error)),
            }
            if self.deadline.passed() {
                cx.space.watches.calm(cx, opened.target);
                return Ok(Some(Outcome::TimedOut));
            }
            // Who would enter the queue would wait for the lock.
            let (targets, belt) = if is_busy {
                (Vec::new(), AGAIN_NS)
            } else {
                (vec![Target { machine: self.end.caller(), ..opened.target }], ASYNC_BELT_NS)
            };
            let left = self.deadline.nanos().map_or(belt, |at| at.saturating_sub(clock::now()).clamp(1, belt));
            let notify = self.notify.clone();
            let hurried = cx.hurried(GLANCE_NS);
            *wait = Some(begin(hurried, targets, Mode::Any, false, Timeout::saturating(left), Box::new(move || (notify.0.lock())()))?);
        }
    }

    fn attempt(&self, cx: Cx, target: Target) -> Result<Option<Message>> {
        match &*self.work.lock() {
            Work::Send { data, alert } => Ok(send(cx, target, data, *alert)?.map(|()| Message::Sent)),
            Work::Receive => {
                let mut data = Vec::new();
                let received = receive(cx, target, &mut Into::Vec(&mut data))?;
                Ok(received.map(|received| Message::Received { data, alert: received.alert }))
            }
            Work::Reserve { len, alert } => Ok(reserve(cx, target, *len, *alert)?.map(Message::Reserved)),
            Work::Take => Ok(take(cx, target)?.map(Message::Taken)),
        }
    }

    /// Ends it: true if no message was sent or received, and then none will be. A `poll` that begins afterwards gives Closed.
    pub fn cancel(&self) -> bool {
        let mut wait = self.wait.lock(); // a poll that is at it may have the outcome
        let cancelled = !self.over.swap(true, Ordering::AcqRel);
        let told = wait.take();
        drop(wait);
        drop(told); // it gives back what it was told
        cancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Spec;
    use crate::refs;
    use std::time::Duration;

    /// Who buries the dead waits for the lock of a queue, and meanwhile this process closes its last end.
    #[test]
    fn who_settles_uses_no_memory_that_was_unmapped_meanwhile() {
        let namespace = Namespace::session(&format!("settles-{}", process::pid())).unwrap();
        let spec = Spec::Queue { end: QueueEnd::Read, max_messages: 2, max_size: 8, allow_broken: true, no_precommit: false };
        let handle = namespace.create(None, spec, Access::ALL).unwrap();
        let Opened { space, target, .. } = handle.by_ref().end(QueueEnd::Read).unwrap();
        let cx = owner::current(space).unwrap();
        let locked = lock::lock(cx, target).unwrap();
        let reaper = std::thread::spawn(move || {
            let dead = ProcessRef { slot: 1, generation: 77 };
            queue::settle(owner::current(space).unwrap(), dead, target)
        });
        std::thread::sleep(Duration::from_millis(50)); // it comes to the lock; if it does not, nothing is shown
        let (_, memory) = space.memories.all().find(|(at, _)| *at == target.at).unwrap();
        space.memories.unmap(memory);
        locked.unlock_quietly();
        reaper.join().unwrap().unwrap();
    }

    /// Its file is gone, one who had its lock died, and nobody alive has it: else the lock, and so the name, would be the dead's for ever.
    #[test]
    fn what_nobody_can_mend_is_broken() {
        let namespace = Namespace::session(&format!("mends-{}", process::pid())).unwrap();
        let spec = Spec::Queue { end: QueueEnd::Read, max_messages: 2, max_size: 8, allow_broken: true, no_precommit: false };
        let handle = namespace.create(None, spec, Access::ALL).unwrap();
        let Opened { space, target, .. } = handle.by_ref().end(QueueEnd::Read).unwrap();
        let mut locked = lock::lock(owner::current(space).unwrap(), target).unwrap();
        let (_, memory) = space.memories.all().find(|(at, _)| *at == target.at).unwrap();
        space.memories.unmap(memory);
        crate::arena::backing::remove(&space.arena, target.at).unwrap();
        assert!(queue::mend(&mut locked).is_err(), "whoever lives and has it can mend it");
        refs::clear_bit(space, space.me(), target.at.index).unwrap();
        queue::mend(&mut locked).unwrap();
        refs::set_bit(space, space.me(), target.at.index).unwrap();
        locked.unlock_quietly();
        assert!(target.word().state().signalled(Machine::QueueReader) && target.word().state().is_broken_queue());
    }
}
