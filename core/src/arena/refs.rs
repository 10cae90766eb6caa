//! Names of slots: an index and the generation that the slot had.

/// A process slot at one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProcessRef {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// An owner record at one generation: who owns, and who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OwnerRef {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A waiter record at one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct WaiterRef {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// An object record at one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ObjectRef {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

macro_rules! packed {
    ($name:ident, $field:ident) => {
        impl $name {
            /// As a 64-bit word: generation above, index plus one below; never 0.
            #[inline]
            pub(crate) fn pack(self) -> u64 {
                u64::from(self.generation) << 32 | u64::from(self.$field + 1)
            }

            /// The inverse; `None` for 0 and for what was never packed.
            #[inline]
            pub(crate) fn unpack(word: u64) -> Option<Self> {
                let $field = (word as u32).checked_sub(1)?;
                Some(Self { $field, generation: (word >> 32) as u32 })
            }
        }
    };
}

packed!(ProcessRef, slot);
packed!(OwnerRef, index);
packed!(WaiterRef, index);
packed!(ObjectRef, index);
