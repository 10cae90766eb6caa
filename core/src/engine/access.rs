//! Access masks, and the rights that they give.

use super::kind::Kind;
use crate::error::{Error, ErrorKind, Result};
use crate::handles::right;

/// A Win32 access mask (contract 2.5). 0, and a bit that the kind does not define, are AccessDenied.
///
/// # Examples
/// ```
/// use byname::{Access, Event, Reset};
///
/// let observer = Event::options().access(Access::SYNCHRONIZE | Access::QUERY_STATE).unnamed(Reset::Auto)?;
/// assert_eq!((observer.is_set()?, observer.set().unwrap_err().win32()), (false, 5));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(
    /// The mask.
    pub u32,
);

impl Access {
    /// Waiting.
    pub const SYNCHRONIZE: Access = Access(0x0010_0000);
    /// Changing an event or semaphore.
    pub const MODIFY_STATE: Access = Access(0x0002);
    /// Looking without taking.
    pub const QUERY_STATE: Access = Access(0x0001);
    /// Everything (MAXIMUM_ALLOWED).
    pub const ALL: Access = Access(0x0200_0000);

    /// READ_CONTROL, which every kind defines and no call here needs.
    pub(super) const READ_CONTROL: u32 = 0x0002_0000;
    /// The bits that calls ask for.
    const RIGHTS: [(u32, u32); 3] = [(1, right::QUERY), (2, right::MODIFY), (0x0010_0000, right::SYNCHRONIZE)];
    /// The generic bits, and MAXIMUM_ALLOWED.
    const GENERIC: [(u32, u32); 5] = [
        (0x8000_0000, right::QUERY),
        (0x4000_0000, right::MODIFY),
        (0x2000_0000, right::SYNCHRONIZE),
        (0x1000_0000, right::QUERY | right::MODIFY | right::SYNCHRONIZE),
        (Access::ALL.0, right::QUERY | right::MODIFY | right::SYNCHRONIZE),
    ];

    /// The bits of one kind and what they give: processes and jobs have numbers of their own (contract 12.4).
    pub(super) fn bits(kind: Kind) -> &'static [(u32, u32)] {
        const SYNCHRONIZE: (u32, u32) = (0x0010_0000, right::SYNCHRONIZE);
        match kind {
            Kind::Process => &[(1, right::TERMINATE), (0x100, right::ASSIGN), (0x400, right::QUERY), (0x1000, right::QUERY), SYNCHRONIZE],
            Kind::Job => &[(1, right::ASSIGN), (2, right::MODIFY), (4, right::QUERY), (8, right::TERMINATE), SYNCHRONIZE],
            _ => &Access::RIGHTS,
        }
    }

    pub(super) fn rights(self, kind: Kind) -> Result<u32> {
        let specific = match kind {
            Kind::Mutex => 1,
            Kind::Process => 0xffff,
            Kind::Job => 0x3f,
            Kind::Mapping => Access::MAP_SPECIFIC,
            _ => 3,
        };
        let defined = 0x001f_0000 | specific | Access::ALL.0 | 0xf000_0000;
        if self.0 & 0x0100_0000 != 0 {
            return Err(Error::new(
                ErrorKind::AccessDenied,
                "ACCESS_SYSTEM_SECURITY needs a privilege that does not exist here; leave it out",
            )
            .numbered(1314));
        }
        if self.0 == 0 || self.0 & !defined != 0 {
            return Err(Error::new(
                ErrorKind::AccessDenied,
                format!(
                    "the access mask {:#x} {}; {} defines {defined:#x}",
                    self.0,
                    if self.0 == 0 { "asks for nothing" } else { "holds unknown bits" },
                    kind.noun()
                ),
            ));
        }
        if kind == Kind::Mapping {
            return Ok(self.map_rights());
        }
        let asked = Access::bits(kind).iter().chain(&Access::GENERIC).filter(|(bit, _)| self.0 & bit != 0);
        let rights = asked.fold(0, |rights, (_, gives)| rights | gives);
        // The generic right to change is all of a kind's rights to change.
        let change = right::MODIFY | right::TERMINATE | right::ASSIGN;
        let writes = self.0 & (0x5000_0000 | Access::ALL.0) != 0;
        let defined = Access::bits(kind).iter().fold(0, |rights, (_, gives)| rights | gives);
        let rights = if writes { rights | change & defined } else { rights };
        Ok(if kind == Kind::Mutex { rights & !right::MODIFY } else { rights })
    }
}
