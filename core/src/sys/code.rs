//! The error numbers that the core reacts to.

pub(crate) use libc::{EACCES, EDQUOT, EEXIST, EFBIG, EISDIR, ELOOP, ENODEV, ENOENT, ENOSPC, ENOTDIR, ENXIO, EOPNOTSUPP, EPERM, EROFS};
