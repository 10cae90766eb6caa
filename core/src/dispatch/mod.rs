//! The dispatcher: what the Windows kernel does with its dispatcher objects, done in shared memory by whichever process
//! makes the call. `word` and `claim` are pure machines; `lock` changes an object under its lock; `grant` hands what is
//! signalled to those who wait; `all` commits wait-alls; `wait` is the one wait loop,
//! `spin` what it does before it sleeps, `hall` where many sleep together; `look` sees a state without touching it.

#[cfg(not(loom))]
pub(crate) mod all;
pub(crate) mod claim;
#[cfg(not(loom))]
pub(crate) mod grant;
#[cfg(not(loom))]
pub(crate) mod hall;
#[cfg(not(loom))]
pub(crate) mod lock;
#[cfg(not(loom))]
pub(crate) mod look;
#[cfg(not(loom))]
pub(crate) mod spin;
#[cfg(not(loom))]
pub(crate) mod wait;
pub(crate) mod word;
