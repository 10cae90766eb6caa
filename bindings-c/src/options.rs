//! The options structs: how they look, how they grow, which namespace they name.
//!
//! A struct begins with its own size. An older program passes a smaller one, which ends where a field ends: what it
//! lacks keeps its default. A newer program passes a larger one, whose unknown tail must be zero: what this library
//! does not know it must not be asked for.

use crate::input::text;
use crate::queue::{BYNAME_QUEUE_ALLOW_BROKEN, BYNAME_QUEUE_NOPRECOMMIT, BYNAME_QUEUE_WRITE};
use crate::status::Failure;
use byname::engine::{Access, Backing, MappingSpec, Namespace, Profile, Protect, QueueEnd, Reset, Spec};
use byname::{Error, ErrorKind, MAX_NAME_UTF16};
use std::ffi::{c_char, c_int};
use std::mem::offset_of;
use std::ptr::null;

/// The right to wait for an object (SYNCHRONIZE).
pub const BYNAME_ACCESS_SYNCHRONIZE: u32 = 0x0010_0000;
/// The right to set an event or a timer, or to release a semaphore (EVENT_MODIFY_STATE, TIMER_MODIFY_STATE, SEMAPHORE_MODIFY_STATE).
pub const BYNAME_ACCESS_MODIFY_STATE: u32 = 0x0002;
/// The right to look at the state (QUERY_STATE).
pub const BYNAME_ACCESS_QUERY_STATE: u32 = 0x0001;
/// Every right (MAXIMUM_ALLOWED), the default.
pub const BYNAME_ACCESS_ALL: u32 = 0x0200_0000;
/// Views of a mapping that read (FILE_MAP_READ).
pub const BYNAME_ACCESS_MAP_READ: u32 = 0x0004;
/// Views of a mapping that write (FILE_MAP_WRITE).
pub const BYNAME_ACCESS_MAP_WRITE: u32 = 0x0002;
/// Views of a mapping whose writer keeps what he writes (FILE_MAP_COPY).
pub const BYNAME_ACCESS_MAP_COPY: u32 = 0x0001;
/// Views of a mapping that can be executed (FILE_MAP_EXECUTE).
pub const BYNAME_ACCESS_MAP_EXECUTE: u32 = 0x0020;

/// Views read, or copy on write (PAGE_READONLY).
pub const BYNAME_PROTECT_READONLY: u32 = 0x02;
/// Views write, too (PAGE_READWRITE), the default.
pub const BYNAME_PROTECT_READWRITE: u32 = 0x04;
/// As READONLY (PAGE_WRITECOPY).
pub const BYNAME_PROTECT_WRITECOPY: u32 = 0x08;
/// As READONLY, and views may be executed (PAGE_EXECUTE_READ).
pub const BYNAME_PROTECT_EXECUTE_READ: u32 = 0x20;
/// As READWRITE, and views may be executed (PAGE_EXECUTE_READWRITE).
pub const BYNAME_PROTECT_EXECUTE_READWRITE: u32 = 0x40;
/// As WRITECOPY, and views may be executed (PAGE_EXECUTE_WRITECOPY).
pub const BYNAME_PROTECT_EXECUTE_WRITECOPY: u32 = 0x80;
/// Or-ed to a protection: memory comes when a page is touched, and SIGBUS if there is none left then (SEC_RESERVE).
pub const BYNAME_PROTECT_RESERVE: u32 = 0x0400_0000;
/// Or-ed to a protection: all of the memory is there at once, the default (SEC_COMMIT).
pub const BYNAME_PROTECT_COMMIT: u32 = 0x0800_0000;
/// With RESERVE or COMMIT: accepted, without effect (SEC_NOCACHE).
pub const BYNAME_PROTECT_NOCACHE: u32 = 0x1000_0000;
/// Likewise (SEC_WRITECOMBINE).
pub const BYNAME_PROTECT_WRITECOMBINE: u32 = 0x4000_0000;
/// Needs a privilege that does not exist here (SEC_LARGE_PAGES).
pub const BYNAME_PROTECT_LARGE_PAGES: u32 = 0x8000_0000;
/// No program can be mapped as one here (SEC_IMAGE).
pub const BYNAME_PROTECT_IMAGE: u32 = 0x0100_0000;
/// Always refused (SEC_FILE).
pub const BYNAME_PROTECT_FILE: u32 = 0x0080_0000;

/// One name space for all kinds (contract 0.3), the default.
pub const BYNAME_PROFILE_DESKTOP: u32 = 0;
/// The rules of Windows CE: a name space for each kind. Not supported by this version.
pub const BYNAME_PROFILE_CE: u32 = 1;

/// A buffer of this many bytes holds every name and its NUL.
pub const BYNAME_NAME_SIZE: usize = 781;
/// A buffer of this size holds every token of byname_handle_share(), and its NUL.
pub const BYNAME_TOKEN_SIZE: usize = 160;

const _: () = {
    assert!(BYNAME_ACCESS_SYNCHRONIZE == Access::SYNCHRONIZE.0);
    assert!(BYNAME_ACCESS_MODIFY_STATE == Access::MODIFY_STATE.0);
    assert!(BYNAME_ACCESS_QUERY_STATE == Access::QUERY_STATE.0);
    assert!(BYNAME_ACCESS_ALL == Access::ALL.0);
    assert!(BYNAME_ACCESS_MAP_READ == Access::MAP_READ.0 && BYNAME_ACCESS_MAP_WRITE == Access::MAP_WRITE.0);
    assert!(BYNAME_ACCESS_MAP_COPY == Access::MAP_COPY.0 && BYNAME_ACCESS_MAP_EXECUTE == Access::MAP_EXECUTE.0);
    assert!(BYNAME_PROTECT_READONLY == Protect::READONLY.0 && BYNAME_PROTECT_EXECUTE_READ == Protect::EXECUTE_READ.0);
    assert!(BYNAME_PROTECT_READWRITE == Protect::READWRITE.0 && BYNAME_PROTECT_EXECUTE_READWRITE == Protect::EXECUTE_READWRITE.0);
    assert!(BYNAME_PROTECT_WRITECOPY == Protect::WRITECOPY.0 && BYNAME_PROTECT_EXECUTE_WRITECOPY == Protect::EXECUTE_WRITECOPY.0);
    assert!(BYNAME_PROTECT_RESERVE == Protect::RESERVE.0 && BYNAME_PROTECT_COMMIT == Protect::COMMIT.0);
    assert!(BYNAME_PROTECT_NOCACHE == Protect::NOCACHE.0 && BYNAME_PROTECT_WRITECOMBINE == Protect::WRITECOMBINE.0);
    assert!(BYNAME_PROTECT_LARGE_PAGES == Protect::LARGE_PAGES.0 && BYNAME_PROTECT_IMAGE == Protect::IMAGE.0);
    assert!(BYNAME_PROTECT_FILE == Protect::FILE.0);
    assert!(BYNAME_NAME_SIZE == 3 * MAX_NAME_UTF16 + 1);
};

/// Where a name is looked up. All zero: the user's own namespace, in the session that the environment variable
/// BYNAME_SESSION chooses.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_namespace {
    /// A session by its name (1 to 64 letters, digits, "-", "_", "."); NULL: that of BYNAME_SESSION.
    pub session: *const c_char,
    /// The boundary of a private namespace, with `alias`; NULL: none. Not supported by this version.
    pub boundary: *const c_char,
    /// The alias of a private namespace, with `boundary`; NULL: none. Not supported by this version.
    pub alias: *const c_char,
    /// BYNAME_PROFILE_DESKTOP or BYNAME_PROFILE_CE.
    pub profile: u32,
    /// Zero.
    pub reserved: u32,
}

/// How to open an object of any kind. Begin with BYNAME_OPEN_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_open_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up. (`namespace` is a keyword of C++.)
    pub ns: byname_namespace,
}

/// How to create a mutex. Begin with BYNAME_MUTEX_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_mutex_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// Not zero: the calling thread owns the mutex if this call makes it. Ignored where it exists.
    pub initially_owned: u32,
    /// Zero.
    pub reserved: u32,
}

/// How to create an event. Begin with BYNAME_EVENT_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_event_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// Not zero: stays set until it is reset. Zero: each satisfied wait resets it. Ignored where the event exists.
    pub manual_reset: u32,
    /// Not zero: set from the beginning. Ignored where the event exists.
    pub initially_set: u32,
}

/// How to create a semaphore. Begin with BYNAME_SEMAPHORE_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_semaphore_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// The count at first, 0 to `maximum`; 1 by default. Checked, then ignored where the semaphore exists.
    pub initial: i64,
    /// The largest count, 1 to 0x7FFFFFFF, which is the default. Checked, then ignored where the semaphore exists.
    pub maximum: i64,
    /// Not zero: the units of a process that dies come back, and the next acquirer is told BYNAME_ABANDONED. Ignored
    /// where the semaphore exists.
    pub robust: u32,
    /// Zero.
    pub reserved: u32,
}

/// How to create a timer. Begin with BYNAME_TIMER_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_timer_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// Not zero: stays signaled until it is set anew. Zero: each satisfied wait resets it. Ignored where the timer exists.
    pub manual_reset: u32,
    /// Zero.
    pub reserved: u32,
}

/// How to create a mapping. Begin with BYNAME_MAPPING_OPTIONS_INIT, and set its size.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_mapping_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_MAP_ bits that the handle shall have; BYNAME_ACCESS_ALL by default.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// Bytes; 0: those of the file. Checked, then ignored where the mapping exists.
    pub size: u64,
    /// The descriptor of a file that is open as the protection needs it; -1, the default: memory.
    pub file: c_int,
    /// A BYNAME_PROTECT_ constant, READWRITE by default, and attributes. Checked, then ignored where the mapping exists.
    pub protect: u32,
}

/// How to create an end of a message queue, or open one. Begin with BYNAME_QUEUE_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_queue_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits; a queue's handle can do what its end does, whatever they are.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// BYNAME_QUEUE_READ (the default) or BYNAME_QUEUE_WRITE.
    pub end: u32,
    /// BYNAME_QUEUE_NOPRECOMMIT, BYNAME_QUEUE_ALLOW_BROKEN. Checked, then ignored where the queue exists.
    pub flags: u32,
    /// How many messages it holds, 1 to 2^26; 0, the default: as many as memory holds. Checked, then ignored where the queue exists.
    pub max_messages: u32,
    /// The largest message in bytes, 1 to 64 MiB; 4096 by default. That of an existing queue must be the same.
    pub max_size: u32,
}

/// How to create a job. Begin with BYNAME_JOB_OPTIONS_INIT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_job_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// Not zero: the job's processes are killed when the last handle to it is closed, also by the death of its process. Ignored where the job
    /// exists.
    pub kill_on_close: u32,
    /// Zero.
    pub reserved: u32,
}

/// A watchdog does nothing: it is signaled, and that is all.
pub const BYNAME_ACTION_NONE: u32 = 0;
/// A watchdog kills (SIGKILL) the process that started it.
pub const BYNAME_ACTION_KILL: u32 = 1;
/// A watchdog calls the hook of byname_set_reset_hook().
pub const BYNAME_ACTION_RESET_DEVICE: u32 = 2;

/// How to create a watchdog. Begin with BYNAME_WATCHDOG_OPTIONS_INIT. The times and the action are checked, then ignored where the watchdog exists.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct byname_watchdog_options {
    /// The size of this struct in bytes, from its INIT macro.
    pub struct_size: u32,
    /// BYNAME_ACCESS_ bits that the handle shall have.
    pub access: u32,
    /// Where the name is looked up.
    pub ns: byname_namespace,
    /// In which it must be refreshed, in nanoseconds: 1 to 2147483647000000. There is no default.
    pub period_ns: i64,
    /// How long after that the action waits, in nanoseconds: 0 to 2147483647000000.
    pub grace_ns: i64,
    /// What is done then: a BYNAME_ACTION_ constant; nothing by default.
    pub action: u32,
    /// The number for the hook of BYNAME_ACTION_RESET_DEVICE.
    pub parameter: u32,
}

const NAMESPACE: byname_namespace = byname_namespace { session: null(), boundary: null(), alias: null(), profile: 0, reserved: 0 };

/// The largest `struct_size` that is taken for a struct of a newer version and not for rubbish.
const LARGEST: usize = 4096;

/// An options struct that can be read from a program of any version.
///
/// # Safety
/// - The type is `repr(C)`, begins with its `u32` size, and any bytes are a value of it.
pub(crate) unsafe trait Options: Copy {
    const NAME: &str;
    const DEFAULT: Self;
    /// Where a field ends: the sizes that an older version may have.
    const ENDS: &[usize];
    /// The first reserved field that is not zero.
    fn reserved(&self) -> u32;
}

macro_rules! options {
    ($type:ident { $($field:ident: $default:expr),* } reserved [$($reserved:ident)*]) => {
        // SAFETY: repr(C), `struct_size: u32` first, and only integers and raw pointers after it.
        unsafe impl Options for $type {
            const NAME: &str = stringify!($type);
            const DEFAULT: Self = $type {
                struct_size: size_of::<$type>() as u32, access: BYNAME_ACCESS_ALL, ns: NAMESPACE, $($field: $default),*
            };
            const ENDS: &[usize] = &[
                size_of::<u32>(),
                offset_of!($type, access) + size_of::<u32>(),
                offset_of!($type, ns) + size_of::<byname_namespace>(),
                $( offset_of!($type, $field) + size_of_val(&Self::DEFAULT.$field), )*
            ];
            fn reserved(&self) -> u32 {
                self.ns.reserved $( | self.$reserved )*
            }
        }
    };
}

options!(byname_open_options {} reserved []);
options!(byname_mutex_options { initially_owned: 0, reserved: 0 } reserved [reserved]);
options!(byname_event_options { manual_reset: 0, initially_set: 0 } reserved []);
options!(byname_queue_options { end: 0, flags: 0, max_messages: 0, max_size: 4096 } reserved []);
options!(byname_semaphore_options { initial: 1, maximum: i32::MAX as i64, robust: 0, reserved: 0 } reserved [reserved]);
options!(byname_job_options { kill_on_close: 0, reserved: 0 } reserved [reserved]);
options!(byname_watchdog_options { period_ns: 0, grace_ns: 0, action: 0, parameter: 0 } reserved []);
options!(byname_timer_options { manual_reset: 0, reserved: 0 } reserved [reserved]);
options!(byname_mapping_options { size: 0, file: -1, protect: BYNAME_PROTECT_READWRITE } reserved []);

/// Reads an options struct; NULL is the defaults.
///
/// # Safety
/// - `options` is NULL or points to a `u32` size and, where that is not absurd, as many bytes as it says.
pub(crate) unsafe fn read<T: Options>(options: *const T) -> Result<T, Failure> {
    let mut value = T::DEFAULT;
    if options.is_null() {
        return Ok(value);
    }
    // SAFETY: points to its size at least.
    let size = unsafe { options.cast::<u32>().read() } as usize;
    let known = size_of::<T>();
    if !T::ENDS.contains(&size) && !(known..=LARGEST).contains(&size) {
        return Err(Error::invalid_argument(format!(
            "struct_size of {} is {size}, which no version of it has; begin with its INIT macro",
            T::NAME
        ))
        .into());
    }
    // SAFETY: `size` bytes are readable, `value` has `known`; any bytes are a value of T.
    unsafe { std::ptr::copy_nonoverlapping(options.cast::<u8>(), (&raw mut value).cast::<u8>(), size.min(known)) };
    if size > known {
        // SAFETY: the bytes from `known` to `size` are readable.
        let tail = unsafe { std::slice::from_raw_parts(options.cast::<u8>().add(known), size - known) };
        if tail.iter().any(|byte| *byte != 0) {
            return Err(newer::<T>("bytes after its known end are not zero"));
        }
    }
    if value.reserved() != 0 {
        return Err(newer::<T>("a reserved field is not zero"));
    }
    Ok(value)
}

#[cold]
fn newer<T: Options>(what: &str) -> Failure {
    Failure::new(
        ErrorKind::Unsupported,
        format!(
            "{}: {what}, but byname {} knows no such option; begin with the INIT macro, or upgrade",
            T::NAME,
            env!("CARGO_PKG_VERSION")
        ),
    )
}

impl byname_namespace {
    /// # Safety
    /// - The strings are NULL or NUL-terminated, and do not change until the call returns.
    pub(crate) unsafe fn attach(&self) -> Result<Namespace, Failure> {
        // SAFETY: the same contract.
        let (session, boundary, alias) =
            unsafe { (text(self.session, "ns.session")?, text(self.boundary, "ns.boundary")?, text(self.alias, "ns.alias")?) };
        let profile = match self.profile {
            BYNAME_PROFILE_DESKTOP => Profile::Desktop,
            BYNAME_PROFILE_CE => Profile::Ce,
            other => {
                return Err(
                    Error::invalid_argument(format!("ns.profile is {other}; it is BYNAME_PROFILE_DESKTOP or BYNAME_PROFILE_CE")).into()
                );
            }
        };
        let namespace = match (session, boundary, alias) {
            (None, None, None) => Namespace::local(),
            (Some(session), None, None) => Namespace::session(session),
            (None, Some(boundary), Some(alias)) => Namespace::private(boundary, alias),
            _ => return Err(Error::invalid_argument("ns names either a session, or a boundary and its alias").into()),
        }?;
        Ok(namespace.profile(profile)?)
    }
}

impl byname_mutex_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Mutex { initially_owned: self.initially_owned != 0 }
    }
}

impl byname_event_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Event { reset: if self.manual_reset != 0 { Reset::Manual } else { Reset::Auto }, initially_set: self.initially_set != 0 }
    }
}

impl byname_semaphore_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Semaphore { initial: self.initial, maximum: self.maximum, robust: self.robust != 0 }
    }
}

impl byname_job_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Job { kill_on_close: self.kill_on_close != 0 }
    }
}

impl byname_timer_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Timer { reset: if self.manual_reset != 0 { Reset::Manual } else { Reset::Auto } }
    }
}

impl byname_mapping_options {
    pub(crate) fn spec(&self) -> MappingSpec<'static> {
        let backing = if self.file == -1 { Backing::Memory } else { Backing::Descriptor(self.file) };
        MappingSpec { size: self.size, protect: Protect(self.protect), backing }
    }
}

impl byname_queue_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Queue {
            end: if self.end == BYNAME_QUEUE_WRITE { QueueEnd::Write } else { QueueEnd::Read },
            max_messages: self.max_messages,
            max_size: self.max_size,
            allow_broken: self.flags & BYNAME_QUEUE_ALLOW_BROKEN != 0,
            no_precommit: self.flags & BYNAME_QUEUE_NOPRECOMMIT != 0,
        }
    }
}

impl byname_watchdog_options {
    pub(crate) fn spec(&self) -> Spec {
        Spec::Watchdog { period: self.period_ns, grace: self.grace_ns, action: self.action, parameter: self.parameter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading gives for a semaphore's options of this size.
    fn sized(size: usize) -> Result<byname_semaphore_options, Failure> {
        let mut bytes = [0u64; LARGEST / 8 + 1];
        let value = byname_semaphore_options { struct_size: size as u32, access: 7, initial: 3, maximum: 5, robust: 1, ..Options::DEFAULT };
        // SAFETY: the buffer is larger than the struct and aligned for it; it holds `size` bytes or an absurd size.
        unsafe {
            bytes.as_mut_ptr().cast::<byname_semaphore_options>().write(value);
            read(bytes.as_ptr().cast())
        }
    }

    #[test]
    fn no_padding_hides_a_future_field() {
        fn last_end<T: Options>() -> (usize, usize) {
            (*T::ENDS.last().unwrap(), size_of::<T>())
        }
        for (end, size) in [
            last_end::<byname_open_options>(),
            last_end::<byname_mutex_options>(),
            last_end::<byname_event_options>(),
            last_end::<byname_semaphore_options>(),
            last_end::<byname_timer_options>(),
            last_end::<byname_mapping_options>(),
            last_end::<byname_queue_options>(),
            last_end::<byname_job_options>(),
            last_end::<byname_watchdog_options>(),
        ] {
            assert_eq!(end, size);
        }
    }

    #[test]
    fn older_structs_keep_defaults_for_what_they_lack() {
        let only_size = sized(4).unwrap();
        assert_eq!((only_size.access, only_size.initial, only_size.maximum), (BYNAME_ACCESS_ALL, 1, 0x7fff_ffff));
        let no_counts = sized(offset_of!(byname_semaphore_options, initial)).unwrap();
        assert_eq!((no_counts.access, no_counts.maximum), (7, 0x7fff_ffff));
        let no_robust = sized(offset_of!(byname_semaphore_options, robust)).unwrap();
        assert_eq!((no_robust.initial, no_robust.maximum, no_robust.robust), (3, 5, 0));
        assert_eq!(sized(size_of::<byname_semaphore_options>()).unwrap().robust, 1);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for size in [0, 1, 3, 5, 7, 9, size_of::<byname_semaphore_options>() - 1, LARGEST + 1, u32::MAX as usize] {
            assert!(format!("{:?}", sized(size).unwrap_err()).contains("InvalidArgument"), "{size}");
        }
    }

    #[test]
    fn newer_structs_may_say_nothing_new() {
        let known = size_of::<byname_semaphore_options>();
        assert_eq!(sized(known + 8).unwrap().maximum, 5);
        assert_eq!(sized(LARGEST).unwrap().maximum, 5);
        let mut bytes = vec![0u64; known / 8 + 1];
        // SAFETY: the vector holds the struct and one word more.
        let answer = unsafe {
            bytes
                .as_mut_ptr()
                .cast::<byname_semaphore_options>()
                .write(byname_semaphore_options { struct_size: known as u32 + 8, ..Options::DEFAULT });
            *bytes.last_mut().unwrap() = 1 << 40;
            read(bytes.as_ptr().cast::<byname_semaphore_options>())
        };
        assert!(format!("{:?}", answer.unwrap_err()).contains("Unsupported"));
        let reserved = byname_mutex_options { reserved: 1, ..Options::DEFAULT };
        // SAFETY: a whole struct.
        assert!(format!("{:?}", unsafe { read(&reserved) }.unwrap_err()).contains("Unsupported"));
    }
}
