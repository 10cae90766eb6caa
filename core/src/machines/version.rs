//! The version of a mapping, and who changes it.
//!
//! *What it is.* Two words, and bytes elsewhere that are read and written plainly.
//! ```text
//! version   2 n: n changes were published      2 n + 1: the next one is being made
//! writer    the thread (owner reference) that makes it; 0: nobody, and with an odd version: its maker is gone, and everybody has been told
//! ```
//! *Who may write what.* `writer`: from 0, or from a thread that is gone, to himself: anyone, by swap; back to 0: itself, or for the dead whoever has rung.
//! `version`: the writer alone.
//!
//! *Steps.* begin: W1 writer   W2 odd version   then the bytes;   end: W3 even version (it has happened), the bells   W4 writer 0
//!
//! *Reading.* Version even, the bytes, version unchanged: SYNC(version). Odd, and the writer is gone: the bytes are half made.
//!
//! *Death.* Between W1 and W2: nothing happened. Between W2 and W3: readers are told, and so is the next writer, who leaves the version odd until he has
//! finished. After W3: the change is whole, and the bells are rung again.

use crate::cell::{self, Word64};
#[cfg(any(test, planted))]
use crate::planted::{self, Planted};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Version<'a> {
    pub(crate) version: &'a Word64,
    pub(crate) writer: &'a Word64,
}

/// What became of a change that somebody wanted to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It has begun; `torn`: the writer before died in the middle of one.
    Yes { torn: bool },
    /// He is in the middle of one already.
    Ours,
    /// Somebody else is.
    Theirs,
}

/// What became of an attempt to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// The bytes are of this many changes.
    Whole(u64),
    /// The bytes are half made, and nobody makes the rest.
    Torn,
    /// A change was made meanwhile, or is being made.
    Changing,
}

impl Version<'_> {
    /// How often a change was published.
    pub(crate) fn count(self) -> u64 {
        self.version.load() / 2
    }

    /// W1 and W2, in the name of `me`.
    pub(crate) fn begin<E>(self, me: u64, is_gone: impl Fn(u64) -> Result<bool, E>) -> Result<Begun, E> {
        loop {
            let writer = self.writer.load();
            if writer == me {
                return Ok(Begun::Ours);
            }
            if writer != 0 && !is_gone(writer)? {
                return Ok(Begun::Theirs);
            }
            if self.writer.cas(writer, me).is_ok() {
                break;
            }
        }
        let version = self.version.load();
        self.version.store(odd(version));
        fence(); // SYNC(version): odd before any byte changes
        Ok(Begun::Yes { torn: version % 2 == 1 })
    }

    /// W3.
    pub(crate) fn publish(self) {
        fence(); // SYNC(version): every byte before the even version
        self.version.store(self.version.load().wrapping_add(1) & !1);
    }

    /// W4.
    pub(crate) fn leave(self) {
        self.writer.store(0);
    }

    /// One attempt to read the bytes, which `copy` does.
    pub(crate) fn read<E>(self, copy: impl FnOnce(), is_gone: impl FnOnce(u64) -> Result<bool, E>) -> Result<Read, E> {
        let version = self.version.load();
        if version % 2 == 1 {
            let is_torn = is_gone(self.writer.load())? && self.version.load() == version;
            return Ok(if is_torn { Read::Torn } else { Read::Changing });
        }
        copy();
        fence(); // SYNC(version): the bytes before the second look
        Ok(if self.version.load() == version { Read::Whole(version / 2) } else { Read::Changing })
    }

    /// W4 for a writer that is gone.
    pub(crate) fn let_go(self, writer: u64) {
        let _ = self.writer.cas(writer, 0);
    }
}

/// The version in the middle of a change: its own, and the one that a dead writer left.
fn odd(version: u64) -> u64 {
    #[cfg(any(test, planted))]
    if planted::has(Planted::BeginEven) {
        return version + 1;
    }
    version | 1
}

fn fence() {
    #[cfg(any(test, planted))]
    if planted::has(Planted::NoFence) {
        return;
    }
    cell::fence();
}
