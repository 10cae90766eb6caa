//! What can be set on one handle (contract 2.2).

use super::HandleRef;
use crate::error::{Error, Result};
use crate::handles::{self, right};
use std::ops::BitOr;

/// Flags of one handle, not of the object: a duplicate begins with none.
///
/// A protected handle is closed by nothing but the end of its process: an explicit close is AccessDenied (6), and where a language
/// closes without being asked (a drop, a collected object, the end of a worker) the handle just stays open. INHERIT is kept for the
/// children that a later version of byname starts; a forked child has every handle anyway (contract 2.4).
///
/// # Examples
/// ```
/// use byname::HandleFlags;
///
/// let both = HandleFlags::INHERIT | HandleFlags::PROTECT_FROM_CLOSE;
/// assert!(both.has(HandleFlags::INHERIT) && !HandleFlags::NONE.has(HandleFlags::INHERIT));
/// assert_eq!(HandleFlags::INHERIT.when(false), HandleFlags::NONE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandleFlags(
    /// The bits, with the numbers of Windows.
    pub u32,
);

impl HandleFlags {
    /// None of them.
    pub const NONE: HandleFlags = HandleFlags(0);
    /// HANDLE_FLAG_INHERIT.
    pub const INHERIT: HandleFlags = HandleFlags(1);
    /// HANDLE_FLAG_PROTECT_FROM_CLOSE.
    pub const PROTECT_FROM_CLOSE: HandleFlags = HandleFlags(2);

    /// Whether all of `flags` are among these.
    pub fn has(self, flags: HandleFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These if `on`, else none.
    #[must_use]
    pub fn when(self, on: bool) -> HandleFlags {
        if on { self } else { HandleFlags::NONE }
    }

    fn rights(self) -> u32 {
        PAIRS.iter().filter(|(flag, _)| self.has(*flag)).fold(0, |rights, (_, right)| rights | right)
    }
}

impl BitOr for HandleFlags {
    type Output = HandleFlags;

    fn bitor(self, other: HandleFlags) -> HandleFlags {
        HandleFlags(self.0 | other.0)
    }
}

const PAIRS: [(HandleFlags, u32); 2] = [(HandleFlags::INHERIT, right::INHERITED), (HandleFlags::PROTECT_FROM_CLOSE, right::PROTECTED)];

impl HandleRef {
    /// Whether [`HandleRef::close`] would refuse: AccessDenied (6) for a protected handle. For who has other things to close first.
    pub fn check_closable(self) -> Result<()> {
        let flags = self.flags();
        if flags.is_ok_and(|flags| flags.has(HandleFlags::PROTECT_FROM_CLOSE)) { Err(handles::protected()) } else { Ok(()) }
    }

    /// The handle's flags. Closed (6) if it is.
    pub fn flags(self) -> Result<HandleFlags> {
        let rights = self.0.open(0)?.rights;
        let set = PAIRS.iter().filter(|(_, right)| rights & right != 0);
        Ok(set.fold(HandleFlags::NONE, |flags, (flag, _)| flags | *flag))
    }

    /// Gives those flags that are in `mask` the values they have in `flags`. Closed (6); InvalidArgument (87) for a bit that is no flag.
    pub fn set_flags(self, mask: HandleFlags, flags: HandleFlags) -> Result<()> {
        self.0.open(0)?;
        if let unknown @ 1.. = (mask | flags).0 & !(HandleFlags::INHERIT | HandleFlags::PROTECT_FROM_CLOSE).0 {
            return Err(Error::invalid_argument(format!(
                "{unknown:#x} is no flag of a handle; there are INHERIT (1) and PROTECT_FROM_CLOSE (2)"
            )));
        }
        self.0.set_flags(mask.rights(), flags.rights())
    }
}
