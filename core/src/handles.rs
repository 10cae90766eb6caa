//! The handle table of this process.
//!
//! A handle is a slot and a generation. Slots are never freed, only used again, and hold nothing but atomics, so a closed or wild handle is an
//! error and never a use after free. The tag says everything that a call checks, in one load:
//! ```text
//!  63           32 31 24 23        12 11      8 7          0
//! | generation | more right bits | object gen | machine | right bits |     0 in the low half = closed
//! ```

use crate::arena::layout::Object;
use crate::arena::mapping::Place;
use crate::arena::refs::ObjectRef;
use crate::cell::private::{AtomicU64, Ordering};
use crate::dispatch::lock::Target;
use crate::dispatch::word::{Machine, OBJECT_GEN_BITS};
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::kinds;
use crate::lock::{Guards, Lock};
use crate::space::Space;
use std::collections::VecDeque;

/// What a handle may do, and what is known of it.
pub(crate) mod right {
    pub(crate) const OPEN: u32 = 1;
    pub(crate) const SYNCHRONIZE: u32 = 2;
    pub(crate) const MODIFY: u32 = 4;
    pub(crate) const QUERY: u32 = 8;
    /// The name was passed with the prefix `Local\`.
    pub(crate) const LOCAL: u32 = 16;
    /// The object was new.
    pub(crate) const CREATED: u32 = 32;
    /// The handle must not be closed.
    pub(crate) const PROTECTED: u32 = 64;
    /// Children that byname starts get the handle.
    pub(crate) const INHERITED: u32 = 128;
    /// Ending a process, or all of a job.
    pub(crate) const TERMINATE: u32 = 1 << 24;
    /// Putting a process into a job: the job's right, and the process's.
    pub(crate) const ASSIGN: u32 = 1 << 25;
    /// What may change while the handle is open.
    pub(crate) const CHANGEABLE: u32 = PROTECTED | INHERITED;
    /// A mapping's bytes may be run.
    pub(crate) const EXECUTE: u32 = 1 << 26;
    /// The handle reads what a job tells (`kinds/notices.rs`).
    pub(crate) const NOTICES: u32 = 1 << 27;
    /// Of a namespace with the rules of CE.
    pub(crate) const CE: u32 = 1 << 28;
    /// What an access mask can ask for.
    pub(crate) const GRANTED: u32 = SYNCHRONIZE | MODIFY | QUERY | TERMINATE | ASSIGN | EXECUTE;
    /// What every handle to the same object keeps.
    pub(crate) const KEPT: u32 = LOCAL | CE | NOTICES;
    /// Their place in a tag.
    pub(super) const ALL: u32 = 0xff | TERMINATE | ASSIGN | EXECUTE | NOTICES | CE;
}

/// One entry of the table.
#[derive(Debug)]
pub(crate) struct Slot {
    tag: AtomicU64,
    at: AtomicU64,
    record: Place<Object>,
    space: Place<Space>,
}

/// How many handles a process can have.
const SLOTS: usize = 1 << 20;

/// All zero, so it takes memory only as far as it was ever used.
static TABLE: [Slot; SLOTS] =
    [const { Slot { tag: AtomicU64::new(0), at: AtomicU64::new(0), record: Place::empty(), space: Place::empty() } }; SLOTS];
static FREE: Lock<Free> = Lock::new(Free { slots: VecDeque::new(), fresh: 0, open: 0 });

struct Free {
    slots: VecDeque<u32>,
    /// Slots from here on were never used.
    fresh: u32,
    open: usize,
}

impl Slot {
    fn index(&self) -> usize {
        (std::ptr::from_ref(self).addr() - TABLE.as_ptr().addr()) / size_of::<Slot>()
    }
}

/// How many slots become usable at a time.
const CHUNK: u32 = 256;

/// A slot at a generation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    slot: &'static Slot,
    generation: u32,
}

/// What a checked handle leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) space: &'static Space,
    pub(crate) target: Target,
    pub(crate) rights: u32,
}

/// What an uncontended call needs to know of a handle. The object may end while one looks: its word says whether it still is the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    pub(crate) machine: Option<Machine>,
    pub(crate) space: &'static Space,
    pub(crate) record: &'static Object,
    /// The object's, as far as its word carries it.
    pub(crate) generation: u32,
}

/// Enters an object that this process has a reference on.
pub(crate) fn insert(space: &'static Space, target: Target, rights: u32) -> Result<Entry> {
    let mut free = FREE.lock();
    if free.slots.is_empty() {
        if free.fresh as usize == SLOTS {
            return Err(Error::new(ErrorKind::LimitReached, "this process has 1048576 handles open, the limit; close some").numbered(4));
        }
        let first = free.fresh;
        free.slots.extend(first..first + CHUNK);
        free.fresh += CHUNK;
    }
    let index = free.slots.pop_front().unwrap_or(0);
    free.open += 1;
    drop(free);
    let slot = &TABLE[index as usize];
    let generation = ((slot.tag.load(Ordering::Acquire) >> 32) as u32).max(1);
    slot.at.store(target.at.pack(), Ordering::Release);
    slot.record.set(target.record);
    slot.space.set(space);
    let what = (target.at.generation & OBJECT_GEN_BITS) << 12 | target.machine.code() << 8 | rights & right::ALL | right::OPEN;
    slot.tag.store(u64::from(generation) << 32 | u64::from(what), Ordering::Release);
    Ok(Entry { slot, generation })
}

impl Entry {
    #[inline]
    pub(crate) fn from_id(id: u64) -> Entry {
        match TABLE.get(id as u32 as usize) {
            Some(slot) => Entry { slot, generation: (id >> 32) as u32 },
            None => Entry { slot: &TABLE[0], generation: 0 }, // a generation that no handle has
        }
    }

    pub(crate) fn id(self) -> u64 {
        u64::from(self.generation) << 32 | self.slot.index() as u64
    }

    /// The handle at a glance; `None` whatever is wrong ([`Self::open`] says what).
    #[inline(always)]
    pub(crate) fn glance(self, rights: u32) -> Option<Glance> {
        let tag = self.slot.tag.load(Ordering::Acquire);
        let wanted = rights | right::OPEN;
        if (tag >> 32) as u32 != self.generation || tag as u32 & wanted != wanted {
            return None;
        }
        let (space, record) = (self.slot.space.get()?, self.slot.record.get()?);
        // The slot may have been closed and used again between: only a tag that stayed vouches for what was read.
        let same = self.slot.tag.load(Ordering::Acquire) == tag;
        let machine = Machine::from_code(tag as u32 >> 8 & 0xf);
        (same && space.is_open()).then_some(Glance { machine, space, record, generation: tag as u32 >> 12 & OBJECT_GEN_BITS })
    }

    /// What a handle of that machine leads to; `None` whatever is wrong ([`Self::open`] says what).
    #[inline(always)]
    pub(crate) fn target(self, machine: Machine) -> Option<(&'static Space, Target)> {
        let tag = self.slot.tag.load(Ordering::Acquire);
        if (tag >> 32) as u32 != self.generation || tag as u32 & right::OPEN == 0 || tag as u32 >> 8 & 0xf != machine.code() {
            return None;
        }
        let (space, record) = (self.slot.space.get()?, self.slot.record.get()?);
        let at = ObjectRef::unpack(self.slot.at.load(Ordering::Acquire))?;
        let same = self.slot.tag.load(Ordering::Acquire) == tag; // as in `glance`
        (same && space.is_open()).then_some((space, Target { record, at, machine }))
    }

    /// What the handle leads to, if it is open and has these rights.
    #[inline]
    pub(crate) fn open(self, rights: u32) -> Result<Opened> {
        let tag = self.slot.tag.load(Ordering::Acquire);
        if (tag >> 32) as u32 != self.generation || tag as u32 & right::OPEN == 0 {
            return Err(Error::closed());
        }
        if tag as u32 & rights != rights {
            return Err(self.denied(rights));
        }
        let (Some(record), Some(space), Some(at), Some(machine)) = (
            self.slot.record.get(),
            self.slot.space.get(),
            ObjectRef::unpack(self.slot.at.load(Ordering::Acquire)),
            Machine::from_code(tag as u32 >> 8 & 0xf),
        ) else {
            return Err(Error::closed());
        };
        if (self.slot.tag.load(Ordering::Acquire) ^ tag) & !u64::from(right::CHANGEABLE) != 0 {
            return Err(Error::closed());
        }
        space.check()?;
        Ok(Opened { space, target: Target { record, at, machine }, rights: tag as u32 })
    }

    #[cold]
    fn denied(self, rights: u32) -> Error {
        if let Ok(opened) = self.open(0)
            && opened.target.machine == Machine::Mapping
            && rights == right::SYNCHRONIZE
        {
            return kinds::mapping::not_waitable().about(&index::describe(opened.space, opened.target));
        }
        let what = match rights {
            right::SYNCHRONIZE => "SYNCHRONIZE, which waits need",
            right::TERMINATE => "TERMINATE, which ending its processes needs",
            right::ASSIGN => "ASSIGN_PROCESS or SET_QUOTA, which putting a process into a job needs",
            right::MODIFY => "MODIFY_STATE, which changing the object needs",
            _ => "QUERY_STATE, which looking at the object needs",
        };
        let error = Error::new(ErrorKind::AccessDenied, format!("the handle was opened without {what}; open it with that right"));
        match self.open(0) {
            Ok(opened) => error.about(&index::describe(opened.space, opened.target)),
            Err(_) => error,
        }
    }

    /// Whether the open handle has one of these rights.
    pub(crate) fn has(self, rights: u32) -> bool {
        let tag = self.slot.tag.load(Ordering::Acquire);
        (tag >> 32) as u32 == self.generation && tag as u32 & rights != 0
    }

    /// Sets those of [`right::CHANGEABLE`] that are in `mask`.
    pub(crate) fn set_flags(self, mask: u32, flags: u32) -> Result<()> {
        let mask = mask & right::CHANGEABLE;
        self.change(|tag| Ok(tag & !u64::from(mask) | u64::from(flags & mask)))
    }

    /// Changes the tag of the open handle by one swap.
    fn change(self, to: impl Fn(u64) -> Result<u64>) -> Result<()> {
        let mut tag = self.slot.tag.load(Ordering::Acquire);
        loop {
            if (tag >> 32) as u32 != self.generation || tag as u32 & right::OPEN == 0 {
                return Err(Error::closed());
            }
            match self.slot.tag.compare_exchange(tag, to(tag)?, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(met) => tag = met,
            }
        }
    }

    /// Closes; what it led to, for the one caller who did.
    pub(crate) fn close(self) -> Result<(&'static Space, Target)> {
        let (space, at) = (self.slot.space.get(), ObjectRef::unpack(self.slot.at.load(Ordering::Acquire)));
        let machine = Machine::from_code(self.slot.tag.load(Ordering::Acquire) as u32 >> 8 & 0xf);
        let target = self.slot.record.get().zip(at).zip(machine).map(|((record, at), machine)| Target { record, at, machine });
        let next = u64::from(self.generation.wrapping_add(1).max(1)) << 32;
        self.change(|tag| if tag as u32 & right::PROTECTED == 0 { Ok(next) } else { Err(protected()) })?;
        let mut free = FREE.lock();
        free.slots.push_back(self.slot.index() as u32);
        free.open -= 1;
        drop(free);
        space.zip(target).ok_or_else(Error::closed)
    }
}

#[cold]
pub(crate) fn protected() -> Error {
    Error::new(ErrorKind::AccessDenied, "the handle is protected from being closed; take the protection off first").numbered(6)
}

/// The open handles with one of these rights.
pub(crate) fn with(rights: u32) -> Vec<Entry> {
    let fresh = FREE.lock().fresh as usize;
    let open = TABLE[..fresh].iter().map(|slot| (slot, slot.tag.load(Ordering::Acquire)));
    open.filter(|(_, tag)| *tag as u32 & rights != 0).map(|(slot, tag)| Entry { slot, generation: (tag >> 32) as u32 }).collect()
}

/// Handles that are open now.
pub(crate) fn open_count() -> usize {
    FREE.lock().open
}

/// For a fork.
pub(crate) fn hold(guards: &mut Guards) {
    guards.take(&FREE);
}
