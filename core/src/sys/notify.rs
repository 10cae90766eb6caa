//! What systemd is told, where it listens.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// `WATCHDOG=1` to `NOTIFY_SOCKET`: a path, or with `@` an abstract name. Where there is none, or nobody takes it, nothing happens: it is a courtesy.
pub(crate) fn watchdog() {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let name = std::os::unix::ffi::OsStrExt::as_bytes(&*name);
    let address = match name.strip_prefix(b"@") {
        Some(hidden) => SocketAddr::from_abstract_name(hidden),
        None => SocketAddr::from_pathname(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name)),
    };
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.set_nonblocking(true);
        let _ = socket.send_to_addr(b"WATCHDOG=1", &address);
    }
}
