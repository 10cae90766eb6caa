//! The dispatcher: what the Windows kernel does with its dispatcher objects, done in shared memory by whichever process
//! makes the call. `word` and `claim` are pure machines; `lock` changes an object under its lock; `grant` hands what is
//! signalled to those who wait; `all` commits wait-alls; `wait` is the one wait loop.

pub(crate) mod all;
pub(crate) mod claim;
pub(crate) mod grant;
pub(crate) mod lock;
pub(crate) mod wait;
pub(crate) mod word;
