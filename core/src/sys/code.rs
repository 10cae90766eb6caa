//! The error numbers that the core reacts to.

pub(crate) use libc::{
    EACCES, EDQUOT, EEXIST, EFBIG, EISDIR, ELOOP, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENOSPC, ENOTDIR, ENXIO, EOPNOTSUPP, EPERM, EROFS,
};
