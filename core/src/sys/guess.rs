//! A value that the compiler takes for another.
//!
//! Where a word was compared with a guess and found equal, the compiler may use either of the two from there on, and then the processor waits for
//! the word before it does what it could begin with the guess. A hidden copy of the guess stays a copy of the guess.

/// `value`, of which the compiler does not know that it is `value`.
#[inline(always)]
pub(crate) fn hidden(mut value: u64) -> u64 {
    // SAFETY: no instruction at all: a register goes in and comes out.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_hidden_stays_what_it_is() {
        for value in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(super::hidden(value), value);
        }
    }
}
