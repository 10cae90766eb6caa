//! What the handle of every kind can do.

use crate::input::{Out, null, text};
use crate::options::{Options, byname_open_options, read};
use crate::status::{Failure, OK, byname_status, guard};
use byname::ErrorKind;
use byname::engine::{self, Access, Handle, HandleFlags, HandleRef, Kind, Namespace, QueueEnd, Spec};
use std::ffi::{c_char, c_int};

/// A reference to an object. A value that is checked at every use: copy it freely, use it from any thread; a closed or
/// wild one answers BYNAME_ERR_CLOSED and is never a use after free. `{0}` is no handle.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_handle {
    /// Slot and generation; means nothing outside this process and its forked children.
    pub id: u64,
}

/// The kinds of objects.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum byname_kind {
    /// A mutex.
    Mutex = 1,
    /// An event.
    Event = 2,
    /// A semaphore.
    Semaphore = 3,
    /// A timer.
    Timer = 4,
    /// A watchdog.
    Watchdog = 5,
    /// An end of a message queue.
    Queue = 6,
    /// A process.
    Process = 7,
    /// A job.
    Job = 8,
    /// A mapping.
    Mapping = 9,
}

/// A flag of a handle: children that byname starts get it (HANDLE_FLAG_INHERIT). Only kept so far: this version starts no children,
/// and a forked child has every handle anyway.
pub const BYNAME_HANDLE_INHERIT: u32 = 1;
/// A flag of a handle: nothing but the end of the process closes it (HANDLE_FLAG_PROTECT_FROM_CLOSE).
pub const BYNAME_HANDLE_PROTECT_FROM_CLOSE: u32 = 2;

const _: () = {
    assert!(BYNAME_HANDLE_INHERIT == HandleFlags::INHERIT.0);
    assert!(BYNAME_HANDLE_PROTECT_FROM_CLOSE == HandleFlags::PROTECT_FROM_CLOSE.0);
};

/// Closes a handle. The object, and its name, live until its last handle in any process is closed.
///
/// Closing is not releasing: a mutex that the caller owns stays owned (contract 3.4, A14). A wait that is under way
/// through this handle goes on.
///
/// @param h  the handle; afterwards every use of it is BYNAME_ERR_CLOSED
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6) if it is closed already or never was a handle, _ACCESS_DENIED (6) if it is protected
///         from being closed: it stays open. Contract 2.1.
#[unsafe(no_mangle)]
pub extern "C" fn byname_handle_close(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).close()?;
        Ok(OK)
    })
}

/// Makes a second handle of the same object, with the same rights, closed on its own.
///
/// @param h    the handle
/// @param out  receives the new handle
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: out is NULL), _LIMIT_REACHED. Contract 2.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_duplicate(h: byname_handle, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a handle, by the header's contract of outputs.
        let out = unsafe { Out::required(out, "out") }?;
        out.write(byname_handle { id: HandleRef::from_id(h.id).duplicate()?.into_id() });
        Ok(OK)
    })
}

/// The same with other rights.
///
/// @param h       the handle
/// @param access  BYNAME_ACCESS_ bits that the new handle shall have; 0: none, it can be closed and asked who it is. It may have more than `h`
/// @param out     receives the new handle
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _ACCESS_DENIED (5: a bit that the kind does not define), _INVALID_ARGUMENT (87: out is NULL), _LIMIT_REACHED.
///         Contract 2.3, DH4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_duplicate_with(h: byname_handle, access: u32, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a handle, by the header's contract of outputs.
        let out = unsafe { Out::required(out, "out") }?;
        out.write(byname_handle { id: HandleRef::from_id(h.id).duplicate_with(Access(access))?.into_id() });
        Ok(OK)
    })
}

/// Gives a token by which another process of the same user opens the object, named or not, with byname_handle_from_share(): text, to be passed in
/// whatever way. A handle to the object must be open until the token is used.
///
/// @param h       the handle
/// @param buffer  receives the token and a NUL. May be NULL if `size` is 0: then only the length is told
/// @param size    the size of the buffer in bytes; BYNAME_TOKEN_SIZE is always enough
/// @param length  receives the length of the token in bytes without its NUL; may be NULL
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _BUFFER_TOO_SMALL (122: nothing is written), _UNSUPPORTED (50: a process, which is opened by its pid),
///         _INVALID_ARGUMENT (87: buffer is NULL and size is not 0). Contract 2.3, DH12.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_share(h: byname_handle, buffer: *mut c_char, size: usize, length: *mut usize) -> byname_status {
    guard(|| {
        let token = HandleRef::from_id(h.id).share()?;
        // SAFETY: `buffer` has `size` bytes, and `length` is NULL or valid for writing a size, by the header's contract of outputs.
        unsafe { tell(&token, "the token", "BYNAME_TOKEN_SIZE", buffer, size, length) }
    })
}

/// Opens the object of a token that byname_handle_share() gave, here or in another process; byname_handle_kind() tells its kind. Of a queue it opens an
/// end that reads, and byname_queue_open_end() the other.
///
/// @param token    the token
/// @param options  its `access` alone counts; NULL for everything
/// @param out      receives the handle
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: no token, or out is NULL), _NOT_FOUND (2: the object has ended, or this process has another user or
///         BYNAME_DIR), _ACCESS_DENIED (5), _DISCONNECTED (233: a broken queue), _LIMIT_REACHED. Contract 2.3, DH12.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_from_share(
    token: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    guard(|| {
        // SAFETY: by the header's contract of inputs and outputs.
        let (token, options, out) = unsafe { (text(token, "token")?, read(options)?, Out::required(out, "out")?) };
        let token = token.ok_or_else(|| null("token"))?;
        out.write(byname_handle { id: engine::from_share(token, None, QueueEnd::Read, Access(options.access))?.into_id() });
        Ok(OK)
    })
}

/// Tells the flags of a handle.
///
/// @param h      the handle
/// @param flags  receives BYNAME_HANDLE_INHERIT and BYNAME_HANDLE_PROTECT_FROM_CLOSE, or 0
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: flags is NULL). Contract 2.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_get_information(h: byname_handle, flags: *mut u32) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing an integer, by the header's contract of outputs.
        let out = unsafe { Out::required(flags, "flags") }?;
        out.write(HandleRef::from_id(h.id).flags()?.0);
        Ok(OK)
    })
}

/// Changes those flags of a handle that are in `mask`. They are the handle's, not the object's: a duplicate begins with none.
///
/// @param h      the handle
/// @param mask   the BYNAME_HANDLE_ bits to change
/// @param flags  their new values
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: a bit that is no flag). Contract 2.2.
#[unsafe(no_mangle)]
pub extern "C" fn byname_handle_set_information(h: byname_handle, mask: u32, flags: u32) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).set_flags(HandleFlags(mask), HandleFlags(flags))?;
        Ok(OK)
    })
}

/// Tells whether the call that gave this handle made the object, or found it.
///
/// @param h        the handle
/// @param created  receives true if it made the object (Win32: last error 0 and not 183)
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: created is NULL). Contract 0.5, N4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_created(h: byname_handle, created: *mut bool) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a bool, by the header's contract of outputs.
        let out = unsafe { Out::required(created, "created") }?;
        out.write(HandleRef::from_id(h.id).created()?);
        Ok(OK)
    })
}

/// Tells the kind of the object.
///
/// @param h     the handle
/// @param kind  receives the kind
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: kind is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_kind(h: byname_handle, kind: *mut byname_kind) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a kind, by the header's contract of outputs.
        let out = unsafe { Out::required(kind, "kind") }?;
        out.write(match HandleRef::from_id(h.id).kind()? {
            Kind::Mutex => byname_kind::Mutex,
            Kind::Event => byname_kind::Event,
            Kind::Semaphore => byname_kind::Semaphore,
            Kind::Timer => byname_kind::Timer,
            Kind::Watchdog => byname_kind::Watchdog,
            Kind::Queue => byname_kind::Queue,
            Kind::Process => byname_kind::Process,
            Kind::Job => byname_kind::Job,
            Kind::Mapping => byname_kind::Mapping,
            _ => return Err(Failure::new(ErrorKind::Unsupported, "the object is of a kind that this header does not know; upgrade it")),
        });
        Ok(OK)
    })
}

/// Tells the object's name as it was passed to create or open, prefix included.
///
/// @param h       the handle
/// @param buffer  receives the name, UTF-8, and a NUL; "" if the object has no name. May be NULL if `size` is 0:
///                then only the length is told
/// @param size    the size of the buffer in bytes; BYNAME_NAME_SIZE is always enough
/// @param length  receives the length of the name in bytes without its NUL; may be NULL
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _BUFFER_TOO_SMALL (122: nothing is written),
///         _INVALID_ARGUMENT (87: buffer is NULL and size is not 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_name(h: byname_handle, buffer: *mut c_char, size: usize, length: *mut usize) -> byname_status {
    guard(|| {
        let name = HandleRef::from_id(h.id).name()?.unwrap_or_default();
        // SAFETY: `buffer` has `size` bytes, and `length` is NULL or valid for writing a size, by the header's contract of outputs.
        unsafe { tell(&name, "the name", "BYNAME_NAME_SIZE", buffer, size, length) }
    })
}

/// Gives a descriptor that is readable while a wait with time-out 0 may succeed, for epoll, poll, select and libuv.
///
/// Nothing is consumed by its being readable, and it may be so where somebody else was faster: when it is, wait with
/// time-out 0. It stays readable until such a call of this process finds the object not signalled, so with EPOLLET
/// try until one does. An event's pulse does not make it readable.
///
/// It is made at the first call, belongs to the handle and is closed with it: take it out of an epoll set, or stop its
/// uv_poll_t, before byname_handle_close(). Never read from it, and do not close it. A forked child makes its own.
///
/// ```c
/// byname_handle ready;
/// struct pollfd entry = {-1, POLLIN, 0};
/// if (BYNAME_FAILED(byname_event_create("ready", NULL, &ready))) return 1;
/// if (BYNAME_FAILED(byname_handle_fd(ready, &entry.fd))) return 1;
/// byname_event_set(ready); // or somebody else does
/// if (poll(&entry, 1, -1) == 1 && byname_event_wait(ready, 0) == BYNAME_OK) puts("it was set, and we took it");
/// byname_handle_close(ready);
/// ```
///
/// @param h   the handle; it needs BYNAME_ACCESS_SYNCHRONIZE
/// @param fd  receives the descriptor, the same one each time
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: fd is NULL),
///         _LIMIT_REACHED (1450: no descriptor is left), _NAMESPACE_LOST (1167).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_handle_fd(h: byname_handle, fd: *mut c_int) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing an int, by the header's contract of outputs.
        let out = unsafe { Out::required(fd, "fd") }?;
        out.write(HandleRef::from_id(h.id).fd()?);
        Ok(OK)
    })
}

/// The body of every `byname_*_create` whose object needs no more than a [`Spec`].
///
/// # Safety
/// - `name` is NULL or NUL-terminated, `options` as for `options::read`, `out` is NULL or valid for writing.
pub(crate) unsafe fn create<T: Options>(
    name: *const c_char,
    options: *const T,
    out: *mut byname_handle,
    parts: impl Fn(&T) -> (crate::byname_namespace, Spec, u32),
) -> byname_status {
    let make = |options: &T, namespace: Namespace, name: Option<&str>| {
        let (_, spec, access) = parts(options);
        namespace.create(name, spec, Access(access))
    };
    // SAFETY: this function's contract.
    unsafe { create_by(name, options, out, |options| parts(options).0, make) }
}

/// The body of every `byname_*_create`.
///
/// # Safety
/// - `name` is NULL or NUL-terminated, `options` as for `options::read`, `out` is NULL or valid for writing.
pub(crate) unsafe fn create_by<T: Options>(
    name: *const c_char,
    options: *const T,
    out: *mut byname_handle,
    namespace: impl FnOnce(&T) -> crate::byname_namespace,
    make: impl FnOnce(&T, Namespace, Option<&str>) -> byname::Result<Handle>,
) -> byname_status {
    guard(|| {
        // SAFETY: this function's contract, for each pointer.
        let (out, options, name) = unsafe { (Out::required(out, "out")?, read(options)?, crate::input::name(name)?) };
        // SAFETY: the strings inside the options are NULL or NUL-terminated by the header's contract of inputs.
        let namespace = unsafe { namespace(&options).attach() }?;
        out.write(byname_handle { id: make(&options, namespace, name)?.into_id() });
        Ok(OK)
    })
}

/// The body of every `byname_*_open`.
///
/// # Safety
/// - `name` is NULL or NUL-terminated, `options` as for `options::read`, `out` is NULL or valid for writing.
pub(crate) unsafe fn open(name: *const c_char, kind: Kind, options: *const byname_open_options, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: this function's contract, for each pointer.
        let (out, options, name) = unsafe { (Out::required(out, "out")?, read(options)?, crate::input::name(name)?) };
        // SAFETY: the strings inside the options are NULL or NUL-terminated by the header's contract of inputs.
        let namespace = unsafe { options.ns.attach() }?;
        out.write(byname_handle { id: namespace.open(name, kind, Access(options.access))?.into_id() });
        Ok(OK)
    })
}

/// Gives a string to the caller; how long it is, whether it fits or not.
///
/// # Safety
/// - `buffer` is NULL or has `size` bytes that can be written.
/// - `length` is NULL or valid for writing a size.
unsafe fn tell(
    string: &str,
    what: &str,
    enough: &str,
    buffer: *mut c_char,
    size: usize,
    length: *mut usize,
) -> Result<byname_status, Failure> {
    if buffer.is_null() && size != 0 {
        return Err(null("buffer"));
    }
    if size != 0 {
        if string.len() >= size {
            return Err(Failure::new(
                ErrorKind::BufferTooSmall,
                format!("{what} and its NUL need {} bytes, size is {size}; pass {enough}", string.len() + 1),
            ));
        }
        // SAFETY: `buffer` has `size` bytes, which is more than the string has; a string of this library does not overlap it.
        unsafe {
            std::ptr::copy_nonoverlapping(string.as_ptr(), buffer.cast::<u8>(), string.len());
            buffer.add(string.len()).write(0);
        }
    }
    // SAFETY: by this function's contract.
    if let Some(out) = unsafe { Out::optional(length) } {
        out.write(string.len());
    }
    Ok(OK)
}
