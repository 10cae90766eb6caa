//! Tells the linker what the shared library is called and that it stays loaded.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // cargo-c sets the soname itself.
    if env::var_os("CARGO_FEATURE_CAPI").is_none() {
        let part = |name: &str| env::var(name).expect("cargo sets the version");
        let (major, minor) = (part("CARGO_PKG_VERSION_MAJOR"), part("CARGO_PKG_VERSION_MINOR"));
        // While the version is 0.x a minor step may break the ABI, so it belongs to the name.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libbyname.so.{major}.{minor}");
    }
    // The keeper thread and the destructors of threads run code of this library for the process's life: dlclose must not unmap it.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
