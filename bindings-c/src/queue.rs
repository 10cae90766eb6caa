//! The message queue: messages of bytes, in order, each to one reader.

use crate::handle::{byname_handle, create};
use crate::input::{Out, null};
use crate::options::{byname_queue_options, read};
use crate::status::{Failure, OK, TIMED_OUT, byname_status, guard};
use byname::engine::{HandleRef, Outcome, QueueEnd, Reservation, TakenMessage};
use byname::{Error, ErrorKind, Timeout};
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// The end of a queue that receives.
pub const BYNAME_QUEUE_READ: u32 = 0;
/// The end of a queue that sends.
pub const BYNAME_QUEUE_WRITE: u32 = 1;

/// A flag of a queue: memory is reserved for a message when it is sent (MSGQUEUE_NOPRECOMMIT).
pub const BYNAME_QUEUE_NOPRECOMMIT: u32 = 1;
/// A flag of a queue: its ends may come and go (MSGQUEUE_ALLOW_BROKEN).
pub const BYNAME_QUEUE_ALLOW_BROKEN: u32 = 2;

/// A flag of a message: it is read before all others (MSGQUEUE_MSGALERT).
pub const BYNAME_QUEUE_ALERT: u32 = 1;

/// What a queue says of itself at one instant (MSGQUEUEINFO).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_queue_state {
    /// BYNAME_QUEUE_NOPRECOMMIT, BYNAME_QUEUE_ALLOW_BROKEN.
    pub flags: u32,
    /// How many messages it can hold; 0: as many as memory can.
    pub max_messages: u32,
    /// The largest message, in bytes.
    pub max_size: u32,
    /// Messages that wait now; a pending alert does not count.
    pub messages: u32,
    /// The most that ever waited at one time.
    pub most_messages: u32,
    /// Open reading ends.
    pub readers: u32,
    /// Open writing ends.
    pub writers: u32,
}

/// A message in the queue's own memory: room that is to be filled, or a message that is to be read. A value that is checked at
/// every use; `data` is valid until it is committed or released. A process can have 1024 of them at a time.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_queue_message {
    /// Its bytes.
    pub data: *mut c_void,
    /// How many.
    pub size: usize,
    /// BYNAME_QUEUE_ALERT, or 0.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
    /// Which it is; means nothing outside this process.
    pub id: u64,
}

/// Makes an end of a message queue, or opens one if the name exists; byname_handle_created() tells which.
///
/// A handle is of one end: it receives, or it sends. The other end is opened by another call, or from this handle by byname_queue_open_end().
/// An existing queue keeps its own numbers, but max_size must be the same. Without BYNAME_QUEUE_ALLOW_BROKEN a queue that has had both ends
/// and loses the last of one is broken for good: its messages are gone, its name is free, its handles say BYNAME_ERR_DISCONNECTED.
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a queue without a name
/// @param options  NULL: the defaults (own session, a reading end, no limit, messages of up to 4096 bytes)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: a number out of range, an unknown flag, another max_size),
///         _NO_SPACE (14), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6), _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another
///         kind), _ACCESS_DENIED (5), _UNSUPPORTED (50), _LIMIT_REACHED, or a failure of the namespace. Contract 9.1, 9.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_create(
    name: *const c_char,
    options: *const byname_queue_options,
    out: *mut byname_handle,
) -> byname_status {
    // Before anything is made.
    let checked = guard(|| {
        // SAFETY: the header's contract of inputs is this function's.
        let options = unsafe { read(options) }?;
        end(options.end)?;
        let unknown = options.flags & !(BYNAME_QUEUE_NOPRECOMMIT | BYNAME_QUEUE_ALLOW_BROKEN);
        if unknown != 0 {
            return Err(Error::invalid_argument(format!(
                "flags has {unknown:#x}, which is none of BYNAME_QUEUE_NOPRECOMMIT and BYNAME_QUEUE_ALLOW_BROKEN"
            ))
            .into());
        }
        Ok(OK)
    });
    if checked != OK {
        return checked;
    }
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create(name, options, out, |o| (o.ns, o.spec(), o.access)) }
}

/// Opens an end of an existing queue by its name. (Windows CE opens by a handle alone; see byname_queue_open_end().)
///
/// @param name     its name, as for byname_queue_create(); not NULL
/// @param options  NULL: the defaults (own session, a reading end); the queue's numbers are not looked at
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL, end is none), _INVALID_NAME (6: name is ""), and what
///         byname_queue_create() says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_open(
    name: *const c_char,
    options: *const byname_queue_options,
    out: *mut byname_handle,
) -> byname_status {
    guard(|| {
        // SAFETY: the header's contract of inputs and outputs is this function's.
        let (out, options, name) = unsafe { (Out::required(out, "out")?, read(options)?, crate::input::name(name)?) };
        // SAFETY: the strings inside the options are NULL or NUL-terminated by the header's contract of inputs.
        let namespace = unsafe { options.ns.attach() }?;
        let handle = namespace.open_queue(name, end(options.end)?)?;
        out.write(byname_handle { id: handle.into_id() });
        Ok(OK)
    })
}

/// Opens another end of the queue that a handle is an end of (OpenMsgQueue).
///
/// @param h    a queue's handle, of either end
/// @param end  BYNAME_QUEUE_READ or BYNAME_QUEUE_WRITE
/// @param out  receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: another end, or out is NULL),
///         _DISCONNECTED (233: the queue is broken), _LIMIT_REACHED. Contract 9.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_open_end(h: byname_handle, end: u32, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a handle, by the header's contract of outputs.
        let out = unsafe { Out::required(out, "out") }?;
        let opened = HandleRef::from_id(h.id).open_end(self::end(end)?)?;
        out.write(byname_handle { id: opened.into_id() });
        Ok(OK)
    })
}

/// Sends a message, which is copied; waits while the queue is full.
///
/// ```c
/// byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
/// byname_handle reader, writer;
/// char buffer[4096];
/// size_t length;
/// options.max_messages = 16;
/// if (BYNAME_FAILED(byname_queue_create("jobs", &options, &reader))) return 1;
/// if (BYNAME_FAILED(byname_queue_open_end(reader, BYNAME_QUEUE_WRITE, &writer))) return 1;
/// if (byname_queue_send(writer, "hello", 5, BYNAME_INFINITE, 0) != BYNAME_OK) return 1;
/// if (byname_queue_recv(reader, buffer, sizeof buffer, BYNAME_INFINITE, &length, NULL) != BYNAME_OK) return 1;
/// printf("%.*s\n", (int)length, buffer);
/// byname_handle_close(writer);
/// byname_handle_close(reader);
/// ```
///
/// @param h           a queue's writing end
/// @param data        the message
/// @param size        its length, 1 to the queue's max_size
/// @param timeout_ns  how long to wait for room, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param flags       BYNAME_QUEUE_ALERT: it is read first, if no other alert is pending; else 0
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_DISCONNECTED (233: no reader), _MESSAGE_TOO_LONG (122), _NO_SPACE (14), _INVALID_ARGUMENT
///         (87: data is NULL, size is 0, an unknown flag, a negative time), _CLOSED (6), _WRONG_KIND (6: not a writing end). Contract 9.4, 9.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_send(
    h: byname_handle,
    data: *const c_void,
    size: usize,
    timeout_ns: i64,
    flags: u32,
) -> byname_status {
    guard(|| {
        let alert = alert(flags)?;
        let timeout = Timeout::from_nanos(timeout_ns)?;
        // SAFETY: `data` has `size` bytes by the header's contract of inputs.
        let data = unsafe { bytes(data.cast(), size, "data") }?;
        Ok(answer(HandleRef::from_id(h.id).send(data, alert, timeout, None)?).map_or(TIMED_OUT, |()| OK))
    })
}

/// Receives the next message: a pending alert, or the oldest; waits for one.
///
/// A message that is longer than the buffer is cut: the buffer has the beginning, `length` says how much, the rest is gone, and the status is
/// BYNAME_ERR_BUFFER_TOO_SMALL. (The outputs are written in this case, too.)
///
/// @param h           a queue's reading end
/// @param buffer      receives the message
/// @param size        the size of the buffer, 1 or more; the queue's max_size is always enough
/// @param timeout_ns  how long to wait for a message, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param length      receives the message's length
/// @param flags       receives BYNAME_QUEUE_ALERT or 0; may be NULL
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_DISCONNECTED (233: no writer), _BUFFER_TOO_SMALL (122), _INVALID_ARGUMENT
///         (87: buffer or length is NULL, size is 0, a negative time), _CLOSED (6), _WRONG_KIND (6: not a reading end). Contract 9.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_recv(
    h: byname_handle,
    buffer: *mut c_void,
    size: usize,
    timeout_ns: i64,
    length: *mut usize,
    flags: *mut u32,
) -> byname_status {
    guard(|| {
        let timeout = Timeout::from_nanos(timeout_ns)?;
        // SAFETY: each is NULL or valid for writing, by the header's contract of outputs.
        let (length, flags) = unsafe { (Out::required(length, "length")?, Out::optional(flags)) };
        if buffer.is_null() {
            return Err(null("buffer"));
        }
        if size > isize::MAX as usize {
            return Err(Error::invalid_argument(format!("size is {size}, more than memory can hold")).into());
        }
        // SAFETY: `buffer` has `size` bytes by the header's contract of outputs; it is only written.
        let buffer = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size) };
        let Some(received) = answer(HandleRef::from_id(h.id).receive(buffer, timeout, None)?) else { return Ok(TIMED_OUT) };
        length.write(received.len);
        if let Some(flags) = flags {
            flags.write(if received.alert { BYNAME_QUEUE_ALERT } else { 0 });
        }
        received.whole()?;
        Ok(OK)
    })
}

/// Takes room for a message, to be written where it will be read: nothing is copied. Then byname_queue_commit() sends it, or
/// byname_queue_release() gives the room back. The room counts as taken, and others may overtake the message until it is committed.
///
/// ```c
/// byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
/// byname_handle reader, writer;
/// byname_queue_message frame;
/// options.max_messages = 4;
/// options.max_size = 1 << 20;
/// if (BYNAME_FAILED(byname_queue_create(NULL, &options, &reader))) return 1;
/// if (BYNAME_FAILED(byname_queue_open_end(reader, BYNAME_QUEUE_WRITE, &writer))) return 1;
/// if (byname_queue_reserve(writer, 1 << 20, BYNAME_INFINITE, 0, &frame) != BYNAME_OK) return 1;
/// for (size_t i = 0; i < frame.size; i++) ((unsigned char *)frame.data)[i] = (unsigned char)i;
/// if (byname_queue_commit(&frame, frame.size) != BYNAME_OK) return 1;
/// if (byname_queue_take(reader, BYNAME_INFINITE, &frame) != BYNAME_OK) return 1;
/// if (((unsigned char *)frame.data)[99] != 99) return 1;
/// byname_queue_release(&frame);
/// byname_handle_close(writer);
/// byname_handle_close(reader);
/// ```
///
/// @param h           a queue's writing end
/// @param size        how many bytes, 1 to the queue's max_size
/// @param timeout_ns  how long to wait for room, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param flags       BYNAME_QUEUE_ALERT or 0
/// @param message     receives the room
/// @return as byname_queue_send(), and BYNAME_ERR_LIMIT_REACHED for the 1025th at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_reserve(
    h: byname_handle,
    size: usize,
    timeout_ns: i64,
    flags: u32,
    message: *mut byname_queue_message,
) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a message, by the header's contract of outputs.
        let out = unsafe { Out::required(message, "message") }?;
        let (alert, timeout) = (alert(flags)?, Timeout::from_nanos(timeout_ns)?);
        let place = Place::take()?;
        let Some(reservation) = answer(HandleRef::from_id(h.id).reserve(size, alert, timeout, None)?) else { return Ok(TIMED_OUT) };
        let (data, size) = reservation.bytes();
        let id = place.keep(Kept::Reservation(reservation));
        out.write(byname_queue_message { data: data.as_ptr().cast(), size, flags, reserved: 0, id });
        Ok(OK)
    })
}

/// Sends the first bytes of a message that was reserved.
///
/// @param message  from byname_queue_reserve(); it is used up, unless size is out of range
/// @param size     how many bytes, 1 to what was reserved
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: message is NULL, size is 0 or too large), _CLOSED (6: it was committed or released, or
///         was taken and not reserved), _DISCONNECTED (233: the last reader has left; the message is gone).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_commit(message: *const byname_queue_message, size: usize) -> byname_status {
    guard(|| {
        // SAFETY: NULL or a message, by the header's contract of inputs.
        let message = unsafe { message.as_ref() }.ok_or_else(|| null("message"))?;
        let (place, kept) = take(message.id)?;
        match kept {
            Kept::Reservation(reservation) if size == 0 || size > reservation.bytes().1 => {
                let room = reservation.bytes().1;
                put_back(message.id, place, Kept::Reservation(reservation));
                Err(Error::invalid_argument(format!("size is {size}; it is 1 to the {room} bytes that were reserved")).into())
            }
            Kept::Reservation(reservation) => {
                reservation.commit(size)?;
                Ok(OK)
            }
            taken @ Kept::Taken(_) => {
                put_back(message.id, place, taken);
                Err(Failure::new(ErrorKind::Closed, "the message was taken, not reserved; release it"))
            }
        }
    })
}

/// Takes the next message to be read where it is: nothing is copied. It is out of the queue; byname_queue_release() gives its place back, which
/// counts as taken until then.
///
/// In a loop of one's own nothing blocks: an end's descriptor (byname_handle_fd()) says when a call with time-out 0 is worth making, of a reading end while there
/// is a message, of a writing end while there is room. Another process may be faster, and then the call is BYNAME_TIMED_OUT and the loop goes on.
///
/// ```c
/// byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
/// byname_handle reader, writer;
/// byname_queue_message message;
/// struct pollfd ends[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
/// int received = 0;
/// options.max_messages = 2;
/// if (BYNAME_FAILED(byname_queue_create(NULL, &options, &reader))) return 1;
/// if (BYNAME_FAILED(byname_queue_open_end(reader, BYNAME_QUEUE_WRITE, &writer))) return 1;
/// if (BYNAME_FAILED(byname_handle_fd(reader, &ends[0].fd)) || BYNAME_FAILED(byname_handle_fd(writer, &ends[1].fd))) return 1;
/// while (received < 10 && poll(ends, 2, -1) > 0) {
///     if (ends[0].revents && byname_queue_take(reader, 0, &message) == BYNAME_OK) {
///         received += 1;
///         byname_queue_release(&message);
///     }
///     if (ends[1].revents && byname_queue_reserve(writer, 1, 0, 0, &message) == BYNAME_OK) {
///         *(char *)message.data = 'x';
///         if (byname_queue_commit(&message, 1) != BYNAME_OK) return 1;
///     }
/// }
/// byname_handle_close(writer);
/// byname_handle_close(reader);
/// ```
///
/// @param h           a queue's reading end
/// @param timeout_ns  how long to wait for a message, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
/// @param message     receives the message
/// @return as byname_queue_recv(), and BYNAME_ERR_LIMIT_REACHED for the 1025th at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_take(h: byname_handle, timeout_ns: i64, message: *mut byname_queue_message) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a message, by the header's contract of outputs.
        let out = unsafe { Out::required(message, "message") }?;
        let place = Place::take()?;
        let Some(taken) = answer(HandleRef::from_id(h.id).take_message(Timeout::from_nanos(timeout_ns)?, None)?) else {
            return Ok(TIMED_OUT);
        };
        let (data, size) = taken.bytes();
        let flags = if taken.is_alert() { BYNAME_QUEUE_ALERT } else { 0 };
        let id = place.keep(Kept::Taken(taken));
        out.write(byname_queue_message { data: data.as_ptr().cast(), size, flags, reserved: 0, id });
        Ok(OK)
    })
}

/// Gives the place of a message back: of one that was taken, or of room that shall not be sent.
///
/// @param message  from byname_queue_take() or byname_queue_reserve(); it is used up
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: message is NULL), _CLOSED (6: it was committed or released).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_release(message: *const byname_queue_message) -> byname_status {
    guard(|| {
        // SAFETY: NULL or a message, by the header's contract of inputs.
        let message = unsafe { message.as_ref() }.ok_or_else(|| null("message"))?;
        match take(message.id)?.1 {
            Kept::Reservation(reservation) => drop(reservation),
            Kept::Taken(taken) => taken.release()?,
        }
        Ok(OK)
    })
}

/// Looks at a queue's numbers at one instant.
///
/// @param h      a queue's handle, of either end
/// @param state  receives the numbers
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _DISCONNECTED (233: the queue is broken),
///         _INVALID_ARGUMENT (87: state is NULL). Contract 9.1, 9.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_queue_info(h: byname_handle, state: *mut byname_queue_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        let info = HandleRef::from_id(h.id).queue_info()?;
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        out.write(byname_queue_state {
            flags: flag(info.no_precommit, BYNAME_QUEUE_NOPRECOMMIT) | flag(info.allow_broken, BYNAME_QUEUE_ALLOW_BROKEN),
            max_messages: info.max_messages,
            max_size: info.max_size,
            messages: info.messages,
            most_messages: info.most_messages,
            readers: info.readers,
            writers: info.writers,
        });
        Ok(OK)
    })
}

pub(crate) fn end(end: u32) -> Result<QueueEnd, Failure> {
    match end {
        BYNAME_QUEUE_READ => Ok(QueueEnd::Read),
        BYNAME_QUEUE_WRITE => Ok(QueueEnd::Write),
        other => Err(Error::invalid_argument(format!("end is {other}; it is BYNAME_QUEUE_READ or BYNAME_QUEUE_WRITE")).into()),
    }
}

fn alert(flags: u32) -> Result<bool, Failure> {
    match flags {
        0 => Ok(false),
        BYNAME_QUEUE_ALERT => Ok(true),
        other => Err(Error::invalid_argument(format!("flags is {other:#x}; it is BYNAME_QUEUE_ALERT or 0")).into()),
    }
}

fn answer<T>(outcome: Outcome<T>) -> Option<T> {
    match outcome {
        Outcome::Got(got) => Some(got),
        Outcome::TimedOut => None,
        Outcome::Interrupted => unreachable!("a call without an interrupt was interrupted"),
    }
}

/// # Safety
/// - `data` is NULL or points to `size` bytes that do not change until the call returns.
unsafe fn bytes<'a>(data: *const u8, size: usize, parameter: &'static str) -> Result<&'a [u8], Failure> {
    if data.is_null() {
        return Err(null(parameter));
    }
    if size > isize::MAX as usize {
        return Err(Error::invalid_argument(format!("size is {size}, more than memory can hold")).into());
    }
    // SAFETY: not NULL, of that size by this function's contract, and not too large.
    Ok(unsafe { std::slice::from_raw_parts(data, size) })
}

// --- messages in place, by their ids

#[derive(Debug)]
enum Kept {
    Reservation(Reservation),
    Taken(TakenMessage),
}

struct Numbered {
    id: u64,
    kept: Kept,
}

const PLACES: usize = 1024;

/// No lock: a fork may come at any time.
static KEPT: [AtomicPtr<Numbered>; PLACES] = [const { AtomicPtr::new(null_mut()) }; PLACES];
/// Whether somebody has a place, or is about to.
static IN_USE: [AtomicBool; PLACES] = [const { AtomicBool::new(false) }; PLACES];
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A place that is ours, and empty; free again when this is dropped.
struct Place(usize);

impl Place {
    fn take() -> Result<Place, Failure> {
        let free = |place: &AtomicBool| place.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        IN_USE.iter().position(free).map(Place).ok_or_else(|| {
            Failure::new(ErrorKind::LimitReached, format!("{PLACES} messages are reserved or taken, the limit; commit or release some"))
        })
    }

    fn keep(self, kept: Kept) -> u64 {
        let id = NEXT.fetch_add(1, Ordering::Relaxed) * PLACES as u64 + self.0 as u64;
        KEPT[self.0].store(Box::into_raw(Box::new(Numbered { id, kept })), Ordering::Release);
        std::mem::forget(self);
        id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        IN_USE[self.0].store(false, Ordering::Release);
    }
}

/// What is kept under an id, and its place, which is the caller's now.
fn take(id: u64) -> Result<(Place, Kept), Failure> {
    let place = id as usize % PLACES;
    let found = KEPT[place].swap(null_mut(), Ordering::AcqRel);
    if !found.is_null() {
        // SAFETY: not null, so it is a box that `keep` or the lines below have put there, and the swap has made it ours.
        let numbered = unsafe { Box::from_raw(found) };
        if numbered.id == id {
            return Ok((Place(place), numbered.kept));
        }
        KEPT[place].store(Box::into_raw(numbered), Ordering::Release); // another's; nobody fills a place that is in use
    }
    Err(Error::message_gone().into())
}

fn put_back(id: u64, place: Place, kept: Kept) {
    KEPT[place.0].store(Box::into_raw(Box::new(Numbered { id, kept })), Ordering::Release);
    std::mem::forget(place);
}
