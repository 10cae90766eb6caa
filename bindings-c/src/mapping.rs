//! The mapping: memory, or a file's bytes, shared by name; and its views.

use crate::handle::{byname_handle, create_by, open};
use crate::input::{Out, null};
use crate::options::{byname_mapping_options, byname_open_options};
use crate::status::{OK, TIMED_OUT, byname_status, guard};
use byname::engine::{self, HandleRef, Kind, Outcome};
use byname::{Access, Timeout};
use std::ffi::{c_char, c_void};

/// What a mapping is, but for its bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct byname_mapping_state {
    /// Its bytes: of memory whole pages of 4096, of a file what was asked for.
    pub size: u64,
    /// How many changes were published.
    pub version: u64,
    /// Protection and attributes, BYNAME_PROTECT_ bits, as its maker asked for.
    pub protect: u32,
    /// It shows a file.
    pub has_file: bool,
}

/// Makes a mapping, or opens it if the name exists, with the size, protection and file that it has; byname_handle_created() tells which.
///
/// Memory is there as a whole, zeros, or the call fails with BYNAME_ERR_NO_SPACE: touching it cannot fail later. (Unless
/// BYNAME_PROTECT_RESERVE asks for that.) A file's descriptor may be closed afterwards. Others find the file by its path, or through
/// this process.
///
/// ```c
/// byname_mapping_options options = BYNAME_MAPPING_OPTIONS_INIT;
/// byname_handle board;
/// void *bytes;
/// size_t length;
/// options.size = 65536;
/// if (BYNAME_FAILED(byname_mapping_create("board", &options, &board))) return 1;
/// if (BYNAME_FAILED(byname_mapping_map(board, BYNAME_ACCESS_MAP_WRITE, 0, 0, NULL, &bytes, &length))) return 1;
/// ((char *)bytes)[length - 1] = 'x'; // seen by everybody who has mapped "board"
/// byname_handle_close(board);        // the view stays
/// byname_mapping_unmap(bytes);
/// ```
///
/// @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a mapping without a name
/// @param options  size, file, protection; NULL has no size, which is BYNAME_ERR_INVALID_ARGUMENT (87)
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: size, protection or attributes; 1006: the file is empty; 193: SEC_IMAGE),
///         _NO_SPACE (1455: memory; 112: the file cannot grow; 8: nor may it), _CLOSED (6: no descriptor), _ACCESS_DENIED (5: the
///         descriptor is not open for that; 1314: large pages), _WRONG_KIND (6: the name, or no regular file), and what
///         byname_event_create() says. Contract 7.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_create(
    name: *const c_char,
    options: *const byname_mapping_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { create_by(name, options, out, |o| o.ns, |o, namespace, name| namespace.create_mapping(name, &o.spec(), Access(o.access))) }
}

/// Opens an existing mapping.
///
/// @param name     its name, as for byname_mapping_create(); not NULL
/// @param options  NULL: the defaults (own session, all rights); access has BYNAME_ACCESS_MAP_ bits
/// @param out      receives the handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
///         _ACCESS_DENIED (5), and what byname_event_create() says. Contract 1.2, 7.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_open(
    name: *const c_char,
    options: *const byname_open_options,
    out: *mut byname_handle,
) -> byname_status {
    // SAFETY: the header's contract of inputs and outputs is this function's.
    unsafe { open(name, Kind::Mapping, options, out) }
}

/// Maps bytes of a mapping: a view, which stays when the handle is closed, until byname_mapping_unmap().
///
/// A store to a view that only reads, and a touch of a page of a file that somebody has truncated, end the process with a signal.
///
/// @param h        a mapping's handle with the right that the view needs
/// @param access   BYNAME_ACCESS_MAP_READ (or 0), _WRITE (which reads, too) or _COPY (what is written stays the view's own), with _EXECUTE
/// @param offset   where it begins, a multiple of 65536
/// @param length   how many bytes; 0: up to the end
/// @param base     where it shall be mapped, a multiple of 65536; NULL: anywhere
/// @param address  receives its first byte
/// @param mapped   receives its length; may be NULL
/// @return BYNAME_OK, or BYNAME_ERR_MISALIGNED (1132), _ACCESS_DENIED (5: the end, the right or the protection), _INVALID_ARGUMENT (487: something
///         is at base; 87: access, or address is NULL), _NO_SPACE (8: no addresses), _CLOSED (6), _WRONG_KIND (6), _SYSTEM (31: a file
///         that is no longer where it was). Contract 7.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_map(
    h: byname_handle,
    access: u32,
    offset: u64,
    length: u64,
    base: *mut c_void,
    address: *mut *mut c_void,
    mapped: *mut usize,
) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing, by the header's contract of outputs.
        let (address, mapped) = unsafe { (Out::required(address, "address")?, Out::optional(mapped)) };
        let view = HandleRef::from_id(h.id).map(Access(access), offset, length, base as usize)?;
        if let Some(mapped) = mapped {
            mapped.write(view.len());
        }
        address.write(view.into_address() as *mut c_void);
        Ok(OK)
    })
}

/// Unmaps a view.
///
/// @param address  the address that byname_mapping_map() gave, or any inside the view
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (487: no view is there). Contract 7.4.
#[unsafe(no_mangle)]
pub extern "C" fn byname_mapping_unmap(address: *const c_void) -> byname_status {
    guard(|| {
        engine::unmap(address as usize)?;
        Ok(OK)
    })
}

/// Writes what was changed in a view to its file. Of memory there is nothing to do.
///
/// @param address  an address in a view
/// @param length   how many bytes from there on; 0: up to the view's end
/// @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (487: no view is there; 87: it ends before), _SYSTEM (31). Contract 7.4.
#[unsafe(no_mangle)]
pub extern "C" fn byname_mapping_flush(address: *const c_void, length: usize) -> byname_status {
    guard(|| {
        let (view, offset) = engine::view_at(address as usize)?;
        view.flush(offset, length)?;
        Ok(OK)
    })
}

/// Looks at what a mapping is, but for its bytes.
///
/// @param h      a mapping's handle
/// @param state  receives the state
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: state is NULL).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_look(h: byname_handle, state: *mut byname_mapping_state) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a state, by the header's contract of outputs.
        let out = unsafe { Out::required(state, "state") }?;
        let seen = HandleRef::from_id(h.id).mapping_state()?;
        out.write(byname_mapping_state { size: seen.size, version: seen.version, protect: seen.protect.0, has_file: seen.has_file });
        Ok(OK)
    })
}

/// Begins a change of the bytes: byname_mapping_read_whole() waits, in all processes, until byname_mapping_end_change(). For
/// one writer; several need a mutex among them. Ours, not Windows'.
///
/// @param h          a mapping's handle with the right MAP_WRITE
/// @param abandoned  receives whether the writer before died in the middle of a change; may be NULL
/// @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288: another thread is at it), _WOULD_DEADLOCK (1131: this one is), _CLOSED (6), _WRONG_KIND (6),
///         _ACCESS_DENIED (5).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_begin_change(h: byname_handle, abandoned: *mut bool) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a bool, by the header's contract of outputs.
        let out = unsafe { Out::optional(abandoned) };
        let died = HandleRef::from_id(h.id).begin_change()?;
        if let Some(out) = out {
            out.write(died);
        }
        Ok(OK)
    })
}

/// Ends the change that the calling thread began: one more version, and every byname_mapping_changed() event is set.
///
/// @param h  a mapping's handle with the right MAP_WRITE
/// @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288: it began none), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5).
#[unsafe(no_mangle)]
pub extern "C" fn byname_mapping_end_change(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).end_change()?;
        Ok(OK)
    })
}

/// Publishes what was written before: a change that begins and ends at once.
///
/// @param h  a mapping's handle with the right MAP_WRITE
/// @return what byname_mapping_begin_change() says.
#[unsafe(no_mangle)]
pub extern "C" fn byname_mapping_publish(h: byname_handle) -> byname_status {
    guard(|| {
        HandleRef::from_id(h.id).publish()?;
        Ok(OK)
    })
}

/// Gives an auto-reset event, one for each process, that every published change sets, and the death of a writer in the middle
/// of one. Ours, not Windows'.
///
/// ```c
/// byname_mapping_options options = BYNAME_MAPPING_OPTIONS_INIT;
/// byname_handle board, changed;
/// options.size = 65536;
/// if (BYNAME_FAILED(byname_mapping_create("watched board", &options, &board))) return 1;
/// if (BYNAME_FAILED(byname_mapping_changed(board, &changed))) return 1;
/// byname_mapping_publish(board); // or somebody else does
/// if (byname_event_wait(changed, BYNAME_INFINITE) == BYNAME_OK) puts("something is new");
/// byname_handle_close(changed);
/// byname_handle_close(board);
/// ```
///
/// @param h    a mapping's handle with the right MAP_READ; no changes are told of after the process has closed its last one
/// @param out  receives the event's handle; close it with byname_handle_close()
/// @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: out is NULL), _LIMIT_REACHED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_changed(h: byname_handle, out: *mut byname_handle) -> byname_status {
    guard(|| {
        // SAFETY: NULL or valid for writing a handle, by the header's contract of outputs.
        let out = unsafe { Out::required(out, "out") }?;
        out.write(byname_handle { id: HandleRef::from_id(h.id).changed()?.into_id() });
        Ok(OK)
    })
}

/// Copies bytes out of a view of this mapping as they were between two changes. Waits for a writer who is at it.
///
/// @param h           the mapping's handle with the right MAP_READ
/// @param from        where in a view of it
/// @param buffer      receives the bytes; not inside a view. It holds anything unless the call returns BYNAME_OK
/// @param size        how many
/// @param timeout_ns  how long to wait, in nanoseconds; BYNAME_INFINITE waits for ever
/// @param version     receives the version that they had; may be NULL
/// @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_DISCONNECTED (109: the writer died in the middle: they are whole again after the next
///         change), _INVALID_ARGUMENT (487: no view is there; 87: it ends before, or buffer is NULL), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn byname_mapping_read_whole(
    h: byname_handle,
    from: *const c_void,
    buffer: *mut c_void,
    size: usize,
    timeout_ns: i64,
    version: *mut u64,
) -> byname_status {
    guard(|| {
        if buffer.is_null() || size > isize::MAX as usize {
            return Err(null("buffer"));
        }
        // SAFETY: NULL or valid for writing a number, by the header's contract of outputs.
        let version = unsafe { Out::optional(version) };
        let (view, offset) = engine::view_at(from as usize)?;
        // SAFETY: not NULL, `size` bytes that are the caller's alone, by the header's contract of outputs and this function's.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size) };
        match HandleRef::from_id(h.id).read_whole(&view, offset, bytes, Timeout::from_nanos(timeout_ns)?, None)? {
            Outcome::Got(seen) => {
                if let Some(version) = version {
                    version.write(seen);
                }
                Ok(OK)
            }
            Outcome::TimedOut | Outcome::Interrupted => Ok(TIMED_OUT),
        }
    })
}
