//! What a call answers: its status, the last error of the thread, and the border that no panic crosses.
//!
//! The codes come from `byname::KINDS`: a failure's status is read from the row of its kind, and the header's
//! enumeration is printed from the same rows, so no kind can be without a code.

use byname::{Error, ErrorKind, KINDS};
use std::any::Any;
use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// The result of a call: 0, a positive outcome, or a negative error.
pub type byname_status = i32;

pub(crate) const OK: byname_status = 0;
pub(crate) const ABANDONED: byname_status = 1;
pub(crate) const TIMED_OUT: byname_status = 2;

/// The statuses that are not errors: constant, value, meaning. The header is printed from this and from `byname::KINDS`.
///
/// cbindgen:ignore
pub const OUTCOMES: &[(&str, byname_status, &str)] = &[
    ("BYNAME_OK", OK, "Done."),
    ("BYNAME_ABANDONED", ABANDONED, "Acquired, and the previous owner died holding it: what it guards may be half done."),
    ("BYNAME_TIMED_OUT", TIMED_OUT, "The time is over; nothing was consumed."),
];

/// A call that failed, on its way to the thread's last error.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    win32: u32,
    errno: c_int,
    message: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Failure {
        Failure { kind, win32: kind.info().win32[0], errno: 0, message: message.into() }
    }

    #[cold]
    fn of_panic(panic: Box<dyn Any + Send>) -> Failure {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Failure::new(ErrorKind::System, format!("byname met a fault of its own, please report it: {}", text.unwrap_or("no message")))
    }

    /// Becomes the thread's last error; gives the status to return.
    #[cold]
    fn report(self) -> byname_status {
        let message = CString::new(self.message.replace('\0', "\\0")).unwrap_or_default();
        // A thread that is past its destructors keeps no last error; it still gets the status.
        let _ = LAST.try_with(|last| {
            *last.borrow_mut() = LastError { message: Some(message), win32: self.win32, errno: self.errno };
        });
        self.kind.info().c_status
    }
}

impl From<Error> for Failure {
    #[cold]
    fn from(error: Error) -> Failure {
        Failure {
            kind: error.kind(),
            win32: error.win32(),
            errno: error.errno().unwrap_or(0),
            message: Cow::Owned(error.message().to_owned()),
        }
    }
}

/// Runs the body of an exported function: an error becomes the thread's last error, a panic becomes BYNAME_ERR_SYSTEM.
///
/// Success writes nothing but the return value, so the fast paths touch no thread-local.
#[inline(always)]
pub(crate) fn guard(body: impl FnOnce() -> Result<byname_status, Failure>) -> byname_status {
    // Unwind-safe: a body owns nothing that is looked at after its panic; shared memory has its own recovery.
    let status = catch_unwind(AssertUnwindSafe(|| match body() {
        Ok(status) => status,
        Err(failure) => failure.report(),
    }));
    status.unwrap_or_else(|panic| Failure::of_panic(panic).report())
}

struct LastError {
    message: Option<CString>,
    win32: u32,
    errno: c_int,
}

thread_local! {
    static LAST: RefCell<LastError> = const { RefCell::new(LastError { message: None, win32: 0, errno: 0 }) };
}

/// The message of the calling thread's last failed call: what failed and what to do about it, in English, UTF-8.
///
/// ```c
/// byname_handle handle;
/// byname_status status = byname_mutex_open("nobody made this", NULL, &handle);
/// if (BYNAME_FAILED(status))
///     printf("%s (%u): %s\n", byname_status_name(status), (unsigned)byname_last_error_win32(), byname_last_error_message());
/// if (status != BYNAME_ERR_NOT_FOUND) return 1;
/// ```
///
/// @return never NULL; "" before the first failure. Valid until the thread's next failing call or its end.
/// Calls that succeed or time out leave it as it was (contract 0.2).
#[unsafe(no_mangle)]
pub extern "C" fn byname_last_error_message() -> *const c_char {
    LAST.try_with(|last| last.borrow().message.as_ref().map_or(c"".as_ptr(), |message| message.as_ptr())).unwrap_or(c"".as_ptr())
}

/// The exact Win32 error number of the calling thread's last failed call (contract 12.2).
///
/// @return 0 before the first failure. Calls that succeed or time out leave it as it was (contract 0.2).
#[unsafe(no_mangle)]
pub extern "C" fn byname_last_error_win32() -> u32 {
    LAST.try_with(|last| last.borrow().win32).unwrap_or(0)
}

/// The errno of the calling thread's last failed call, where a system call was the cause.
///
/// @return 0 where none was. Calls that succeed or time out leave it as it was.
#[unsafe(no_mangle)]
pub extern "C" fn byname_last_error_errno() -> c_int {
    LAST.try_with(|last| last.borrow().errno).unwrap_or(0)
}

/// The name of a status, such as "BYNAME_TIMED_OUT".
///
/// @param status  any value
/// @return a constant string; "BYNAME_UNKNOWN" for a value that is no status of this library
#[unsafe(no_mangle)]
pub extern "C" fn byname_status_name(status: byname_status) -> *const c_char {
    static NAMES: OnceLock<Vec<(byname_status, CString)>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let outcomes = OUTCOMES.iter().map(|&(name, value, _)| (value, name));
        let errors = KINDS.iter().map(|row| (row.c_status, row.c_name));
        outcomes.chain(errors).map(|(value, name)| (value, CString::new(name).unwrap_or_default())).collect()
    });
    names.iter().find(|(value, _)| *value == status).map_or(c"BYNAME_UNKNOWN".as_ptr(), |(_, name)| name.as_ptr())
}

/// The version of the library that is loaded, such as "0.1.0"; `BYNAME_VERSION` is that of the header.
#[unsafe(no_mangle)]
pub extern "C" fn byname_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version holds no NUL"),
    };
    VERSION.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pointer: *const c_char) -> String {
        // SAFETY: the functions under test return NUL-terminated strings that live until the thread's next failing call.
        unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn every_kind_has_a_negative_status_and_its_name() {
        for row in KINDS {
            assert_eq!(Failure::new(row.kind, "x").report(), row.c_status);
            assert_eq!(text(byname_status_name(row.c_status)), row.c_name);
            assert_eq!(byname_last_error_win32(), row.win32[0]);
            assert!(row.c_status < 0);
        }
        for &(name, value, _) in OUTCOMES {
            assert_eq!(text(byname_status_name(value)), name);
            assert!(value >= 0, "an outcome is not an error");
        }
        assert_eq!(text(byname_status_name(i32::MIN)), "BYNAME_UNKNOWN");
    }

    #[test]
    fn a_panic_is_a_system_error_with_its_words() {
        assert_eq!(guard(|| panic!("slot {}", 7)), ErrorKind::System.info().c_status);
        assert!(text(byname_last_error_message()).contains("slot 7"));
        assert_eq!(byname_last_error_win32(), 31);
        assert_eq!(guard(|| panic!("words")), ErrorKind::System.info().c_status);
        assert!(text(byname_last_error_message()).contains("words"));
    }

    #[test]
    fn success_leaves_the_last_error_and_threads_have_their_own() {
        assert_eq!(guard(|| Err(Failure::new(ErrorKind::NotOwner, "a\0b"))), ErrorKind::NotOwner.info().c_status);
        assert_eq!(guard(|| Ok(OK)), OK);
        assert_eq!(guard(|| Ok(TIMED_OUT)), TIMED_OUT);
        assert_eq!((byname_last_error_win32(), text(byname_last_error_message())), (288, "a\\0b".to_owned()));
        std::thread::spawn(|| {
            assert_eq!((byname_last_error_win32(), byname_last_error_errno(), text(byname_last_error_message())), (0, 0, String::new()));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_version_is_the_packages() {
        assert_eq!(text(byname_version()), env!("CARGO_PKG_VERSION"));
    }
}
