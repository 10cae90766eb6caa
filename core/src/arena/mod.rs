//! The arena: the shared file, its layout, and how this process maps it.

pub(crate) mod file;
pub(crate) mod layout;
pub(crate) mod mapping;
pub(crate) mod refs;
