//! A word of a process's reference row: 32 objects, and whose bits they are.
//!
//! ```text
//!  63                            32 31                    0
//! | generation of the process slot |  one bit for an object |
//! ```
//!
//! A word that an earlier process of the slot left behind reads as empty, and a slow recoverer's change of it declines.

/// A value of a row's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(pub(crate) u64);

impl Row {
    fn is_of(self, generation: u32) -> bool {
        self.0 >> 32 == u64::from(generation)
    }

    /// The bits of the process at `generation`.
    pub(crate) fn bits(self, generation: u32) -> u32 {
        if self.is_of(generation) { self.0 as u32 } else { 0 }
    }

    pub(crate) fn holds(self, generation: u32, bit: u32) -> bool {
        self.bits(generation) & 1 << bit != 0
    }

    pub(crate) fn with(self, generation: u32, bit: u32) -> Row {
        Row(u64::from(generation) << 32 | u64::from(self.bits(generation) | 1 << bit))
    }

    /// `None` where there is nothing to clear.
    pub(crate) fn without(self, generation: u32, bit: u32) -> Option<Row> {
        self.holds(generation, bit).then_some(Row(self.0 & !(1 << bit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_an_earlier_process_do_not_count() {
        let row = Row(0).with(7, 31).with(7, 0);
        assert_eq!((row.bits(7), row.bits(6)), (0x8000_0001, 0));
        assert!(row.without(6, 0).is_none() && row.without(7, 1).is_none());
        assert_eq!(row.without(7, 0).unwrap().bits(7), 0x8000_0000);
        assert_eq!(row.with(8, 4), Row(8 << 32 | 0x10));
    }
}
