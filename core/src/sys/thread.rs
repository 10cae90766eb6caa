//! Three words of the calling thread, two instructions away.
//!
//! In a shared library a `thread_local!` is found by a call into the dynamic loader: 0.7 ns of the 4 ns that an uncontended call
//! spends outside its compare-and-swap, twice in each pair. These words lie where the loader puts the variables of a program
//! that is there from the start, at a fixed distance from the thread pointer. glibc keeps room there for libraries that are
//! loaded later; other C libraries do not, and get the `thread_local!`.

use std::cell::Cell;

/// How many words there are.
const WORDS: usize = 3;

/// The block's name carries the version: two versions of the crate in one program have one each.
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
macro_rules! symbol {
    () => {
        concat!(
            "byname_thread_words_v",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH")
        )
    };
}
/// The words of the calling thread; all 0 in a new one, and never dropped.
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
#[inline(always)]
pub(crate) fn words<R>(body: impl FnOnce(&[Cell<u64>; WORDS]) -> R) -> R {
    let block: *const [Cell<u64>; WORDS];
    // SAFETY: reads the thread pointer and adds the distance that the loader has fixed; writes nothing but the register.
    unsafe {
        std::arch::asm!(
            concat!("mov {0}, qword ptr [rip + ", symbol!(), "@GOTTPOFF]"),
            "add {0}, qword ptr fs:[0]",
            out(reg) block,
            options(pure, nomem, nostack)
        );
    }
    // SAFETY: the block below: aligned, zero at first, as long as the thread; no other thread gets its address, since a `Cell`
    // does not leave its thread.
    body(unsafe { &*block })
}

#[cfg(not(all(target_arch = "x86_64", target_env = "gnu")))]
#[inline(always)]
pub(crate) fn words<R>(body: impl FnOnce(&[Cell<u64>; WORDS]) -> R) -> R {
    thread_local! {
        static BLOCK: [Cell<u64>; WORDS] = const { [const { Cell::new(0) }; WORDS] };
    }
    BLOCK.with(body)
}

#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
std::arch::global_asm!(
    ".pushsection .tbss.byname, \"awT\", @nobits",
    concat!(".globl ", symbol!()),
    concat!(".hidden ", symbol!()),
    concat!(".type ", symbol!(), ", @object"),
    concat!(".size ", symbol!(), ", 24"),
    ".p2align 3",
    concat!(symbol!(), ":"),
    ".zero 24",
    ".popsection",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_words_of_its_own_that_begin_with_zero() {
        words(|w| w.iter().enumerate().for_each(|(i, word)| word.set(i as u64 + 1)));
        let read = || words(|w| w.each_ref().map(Cell::get));
        assert_eq!(std::thread::spawn(read).join().unwrap(), [0; WORDS]);
        assert_eq!(read(), [1, 2, 3]);
        words(|w| w.iter().for_each(|word| word.set(0))); // the test's thread may go on to call the library
    }
}
