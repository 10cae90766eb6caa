//! The one table of errors.
//!
//! Every kind of failure is one row of [`KINDS`]: its Rust variant, the Win32 numbers it may carry, the C
//! status, the Python class with its built-in bases, the Node code. The C header's codes, the Python classes,
//! the Node codes and `docs/errors.md` are all made from this table; nothing is typed twice.
//!
//! A time-out and an abandoned mutex are outcomes, never errors.

use crate::sys::code;
use std::borrow::Cow;
use std::fmt;

/// The result of a byname call.
pub type Result<T> = std::result::Result<T, Error>;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct KindInfo {
    /// The Rust variant.
    pub kind: ErrorKind,
    /// Its name, as in `ErrorKind::NotFound`.
    pub name: &'static str,
    /// The Win32 error numbers that errors of this kind may carry; the first is the usual one.
    pub win32: &'static [u32],
    /// The negative `byname_status`.
    pub c_status: i32,
    /// The name of the C constant.
    pub c_name: &'static str,
    /// The Python class.
    pub python_class: &'static str,
    /// The built-in classes that the Python class derives from, besides `byname.Error`.
    pub python_bases: &'static [&'static str],
    /// The value of `code` on a Node error.
    pub node_code: &'static str,
    /// When it happens.
    pub meaning: &'static str,
    /// What a caller does about it.
    pub cure: &'static str,
}

macro_rules! kinds {
    ($( $variant:ident { win32: [$($w:literal),+], c: $c:literal $cname:literal, py: $py:literal [$($base:literal),*],
        node: $node:literal, means: $means:literal, cure: $cure:literal } )+) => {
        /// What a caller does differently: one variant per reaction.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $( #[doc = $means] #[doc = ""] #[doc = $cure] $variant, )+
        }

        /// The table of error kinds, in the order of their C codes.
        pub const KINDS: &[KindInfo] = &[
            $( KindInfo {
                kind: ErrorKind::$variant, name: stringify!($variant), win32: &[$($w),+], c_status: $c, c_name: $cname,
                python_class: $py, python_bases: &[$($base),*], node_code: $node, meaning: $means, cure: $cure,
            }, )+
        ];
    };
}

kinds! {
    NotFound { win32: [2], c: -1 "BYNAME_ERR_NOT_FOUND", py: "NotFoundError" ["FileNotFoundError"], node: "ERR_BYNAME_NOT_FOUND",
        means: "No object of that name is open anywhere.", cure: "Create it, or start the process that creates it." }
    PathNotFound { win32: [3], c: -2 "BYNAME_ERR_PATH_NOT_FOUND", py: "PathNotFoundError" ["FileNotFoundError"], node: "ERR_BYNAME_PATH_NOT_FOUND",
        means: "The part of the name before the backslash is no known directory.", cure: "Use `Local\\` or no prefix; a backslash separates a directory and is no ordinary character." }
    AlreadyExists { win32: [183], c: -3 "BYNAME_ERR_ALREADY_EXISTS", py: "AlreadyExistsError" ["FileExistsError"], node: "ERR_BYNAME_ALREADY_EXISTS",
        means: "Something of that name exists and the call must make a new one.", cure: "Open the existing one." }
    AccessDenied { win32: [5, 1314, 6], c: -4 "BYNAME_ERR_ACCESS_DENIED", py: "AccessDeniedError" ["PermissionError"], node: "ERR_BYNAME_ACCESS_DENIED",
        means: "The handle, or the user, lacks the right that the call needs, or the handle is protected from being closed (6).", cure: "Open the object with that right, or ask its owner for it; take the protection off." }
    WrongKind { win32: [6], c: -5 "BYNAME_ERR_WRONG_KIND", py: "WrongKindError" ["TypeError"], node: "ERR_BYNAME_WRONG_KIND",
        means: "The name or handle belongs to an object of another kind.", cure: "Use another name: all kinds share one name space." }
    InvalidName { win32: [123, 161, 6], c: -6 "BYNAME_ERR_INVALID_NAME", py: "InvalidNameError" ["ValueError"], node: "ERR_BYNAME_INVALID_NAME",
        means: "The name breaks the grammar of names.", cure: "See the grammar in docs/semantics.md: at most one known prefix, then a leaf without backslash and NUL." }
    NameTooLong { win32: [206], c: -7 "BYNAME_ERR_NAME_TOO_LONG", py: "NameTooLongError" ["ValueError"], node: "ERR_BYNAME_NAME_TOO_LONG",
        means: "The name is longer than 260 UTF-16 code units.", cure: "Shorten it; the prefix counts." }
    InvalidArgument { win32: [87, 193, 487, 1006], c: -8 "BYNAME_ERR_INVALID_ARGUMENT", py: "InvalidArgumentError" ["ValueError"], node: "ERR_BYNAME_INVALID_ARGUMENT",
        means: "An argument is outside its range.", cure: "The message names the argument and its range." }
    Misaligned { win32: [1132], c: -9 "BYNAME_ERR_MISALIGNED", py: "MisalignedError" ["ValueError"], node: "ERR_BYNAME_MISALIGNED",
        means: "An offset is not a multiple of 64 KiB.", cure: "Round it down and add the difference to the length." }
    TooManyPosts { win32: [298], c: -10 "BYNAME_ERR_TOO_MANY_POSTS", py: "TooManyPostsError" ["ValueError"], node: "ERR_BYNAME_TOO_MANY_POSTS",
        means: "The release would lift the semaphore's count over its maximum; nothing was released.", cure: "Release only what was acquired, or create it with a larger maximum." }
    Closed { win32: [6], c: -11 "BYNAME_ERR_CLOSED", py: "ClosedError" ["ValueError"], node: "ERR_BYNAME_CLOSED",
        means: "The handle is closed, or never was one.", cure: "Open the object again." }
    NotOwner { win32: [288], c: -12 "BYNAME_ERR_NOT_OWNER", py: "NotOwnerError" ["RuntimeError"], node: "ERR_BYNAME_NOT_OWNER",
        means: "The caller does not own the mutex; nothing was released.", cure: "Release from the thread, or through the grant, that acquired it." }
    WouldDeadlock { win32: [1131], c: -13 "BYNAME_ERR_WOULD_DEADLOCK", py: "WouldDeadlockError" ["RuntimeError"], node: "ERR_BYNAME_WOULD_DEADLOCK",
        means: "The call would block the thread that alone can end the wait.", cure: "Await the asynchronous form, or release the grant first." }
    Disconnected { win32: [233, 109], c: -14 "BYNAME_ERR_DISCONNECTED", py: "DisconnectedError" ["BrokenPipeError"], node: "ERR_BYNAME_DISCONNECTED",
        means: "The other end is gone.", cure: "Create the queue again, or allow broken queues." }
    MessageTooLong { win32: [122], c: -15 "BYNAME_ERR_MESSAGE_TOO_LONG", py: "MessageTooLongError" ["ValueError"], node: "ERR_BYNAME_MESSAGE_TOO_LONG",
        means: "The message is longer than the queue allows.", cure: "Split it, or create the queue with a larger maximum." }
    BufferTooSmall { win32: [122, 234, 24], c: -16 "BYNAME_ERR_BUFFER_TOO_SMALL", py: "BufferTooSmallError" ["ValueError"], node: "ERR_BYNAME_BUFFER_TOO_SMALL",
        means: "The buffer is smaller than what must be written to it.", cure: "Pass a larger buffer." }
    NoSpace { win32: [8, 14, 112, 1455], c: -17 "BYNAME_ERR_NO_SPACE", py: "NoSpaceError" ["MemoryError"], node: "ERR_BYNAME_NO_SPACE",
        means: "The file system of the namespace, or memory, is full.", cure: "Free space in /dev/shm (containers often have 64 MiB), or point BYNAME_DIR elsewhere." }
    LimitReached { win32: [1450, 4, 587, 1816], c: -18 "BYNAME_ERR_LIMIT_REACHED", py: "LimitReachedError" ["OSError"], node: "ERR_BYNAME_LIMIT_REACHED",
        means: "A table, a counter or a resource limit is exhausted.", cure: "The message names the limit." }
    VersionMismatch { win32: [13], c: -19 "BYNAME_ERR_VERSION_MISMATCH", py: "VersionMismatchError" ["OSError"], node: "ERR_BYNAME_VERSION_MISMATCH",
        means: "The namespace was made by a byname of another format version.", cure: "Upgrade all programs that share it, or separate them by BYNAME_SESSION." }
    Corrupted { win32: [1392], c: -20 "BYNAME_ERR_CORRUPTED", py: "CorruptedError" ["OSError"], node: "ERR_BYNAME_CORRUPTED",
        means: "The namespace's file holds bytes that byname never writes.", cure: "End its users and delete the file that the message names." }
    NamespaceLost { win32: [1167], c: -21 "BYNAME_ERR_NAMESPACE_LOST", py: "NamespaceLostError" ["OSError"], node: "ERR_BYNAME_NAMESPACE_LOST",
        means: "The namespace's file was deleted, replaced or truncated under its users.", cure: "Restart its users; keep cleaners away from the directory." }
    Unsupported { win32: [50], c: -22 "BYNAME_ERR_UNSUPPORTED", py: "UnsupportedError" ["OSError"], node: "ERR_BYNAME_UNSUPPORTED",
        means: "This byname, or this system, cannot do that.", cure: "The message says what is missing." }
    System { win32: [31, 170], c: -23 "BYNAME_ERR_SYSTEM", py: "SystemCallError" ["OSError"], node: "ERR_BYNAME_SYSTEM",
        means: "The operating system refused; the error carries its errno.", cure: "Read the message of the operating system." }
}

impl ErrorKind {
    /// This kind's row of the table.
    ///
    /// # Examples
    /// ```
    /// let row = byname::ErrorKind::NotFound.info();
    /// assert_eq!((row.c_name, row.python_class, row.node_code), ("BYNAME_ERR_NOT_FOUND", "NotFoundError", "ERR_BYNAME_NOT_FOUND"));
    /// ```
    pub fn info(self) -> &'static KindInfo {
        &KINDS[self as usize]
    }
}

/// A failed call: a kind, the exact Win32 number, and a message that names the object and the cure.
///
/// One pointer wide, so that carrying it costs the calls that succeed nothing.
///
/// # Examples
/// ```
/// use byname::{ErrorKind, Mutex};
///
/// match Mutex::open("nobody made this") {
///     Ok(_) => unreachable!(),
///     Err(error) if error.kind() == ErrorKind::NotFound => assert_eq!((error.win32(), error.errno()), (2, None)),
///     Err(error) => return Err(error),
/// }
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    kind: ErrorKind,
    win32: u32,
    errno: Option<i32>,
    message: Cow<'static, str>,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Details { kind, win32: kind.info().win32[0], errno: None, message: message.into() }))
    }

    /// The same error with its object named.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.0.message = format!("{subject}: {}", self.0.message).into();
        self
    }

    /// The same error under another of its kind's numbers.
    pub(crate) fn numbered(mut self, win32: u32) -> Self {
        debug_assert!(self.0.kind.info().win32.contains(&win32));
        self.0.win32 = win32;
        self
    }

    pub(crate) fn with_errno(mut self, errno: i32) -> Self {
        self.0.errno = Some(errno);
        self
    }

    /// What every use of a closed handle, or view, answers.
    #[cold]
    pub fn closed() -> Self {
        Error::new(ErrorKind::Closed, "the handle is closed; open the object again")
    }

    /// [`ErrorKind::Closed`]: a message in place that was given away.
    #[doc(hidden)]
    pub fn message_gone() -> Self {
        Error::new(ErrorKind::Closed, "the message was committed or released already")
    }

    /// An argument outside its range, found by a binding while it converts (wrong type, NaN, NULL pointer).
    pub fn invalid_argument(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// A name that the language's string cannot express (NUL, unpaired surrogate, invalid UTF-8): 123.
    pub fn invalid_name(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::InvalidName, message)
    }

    /// A system call that failed; one that found no descriptor or no memory left has met a limit.
    pub(crate) fn system(what: &str, errno: i32) -> Self {
        let text = std::io::Error::from_raw_os_error(errno);
        match errno {
            code::EMFILE => Error::new(ErrorKind::LimitReached, format!("{what}: {text}; see RLIMIT_NOFILE and close some")),
            code::ENFILE => Error::new(ErrorKind::LimitReached, format!("{what}: {text}; see the machine's fs.file-max")),
            code::ENOMEM => {
                let cure = "raise RLIMIT_AS (`ulimit -v`), or the memory that the container may use";
                Error::new(ErrorKind::NoSpace, format!("{what}: {text}; {cure}"))
            }
            _ => Error::new(ErrorKind::System, format!("{what}: {text}")),
        }
        .with_errno(errno)
    }

    /// What a caller does differently.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The exact Win32 number of the contract row.
    pub fn win32(&self) -> u32 {
        self.0.win32
    }

    /// The operating system's number, where a system call failed.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// Whether descriptors or memory were short: what failed may succeed later.
    pub(crate) fn is_shortage(&self) -> bool {
        matches!(self.errno(), Some(code::EMFILE | code::ENFILE | code::ENOMEM))
    }

    /// The message alone, without the kind.
    ///
    /// # Examples
    /// ```
    /// let error = byname::Mutex::open("nobody made this").unwrap_err();
    /// assert_eq!(error.message(), "no object named \"nobody made this\" is open; create it, or start the process that does");
    /// ```
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_row_is_distinct_and_found_by_its_kind() {
        let mut seen = HashSet::new();
        for row in KINDS {
            assert_eq!(row.kind.info().name, row.name);
            assert!(row.c_status < 0 && !row.win32.is_empty());
            for key in [row.c_name, row.python_class, row.node_code, row.name] {
                assert!(seen.insert(key.to_owned()), "{key} stands twice");
            }
            assert!(seen.insert(row.c_status.to_string()), "{} stands twice", row.c_status);
        }
    }
}
