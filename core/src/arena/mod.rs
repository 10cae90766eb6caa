//! The arena: the shared file, its layout, and how this process maps it.

#[cfg(not(loom))]
pub(crate) mod backing;
#[cfg(not(loom))]
pub(crate) mod file;
pub(crate) mod layout;
#[cfg(not(loom))]
pub(crate) mod mapping;
#[cfg(not(loom))]
pub(crate) mod memory;
pub(crate) mod refs;
