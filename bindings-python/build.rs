//! Keeps the module mapped until the process ends: the core's keeper thread and its thread-exit hooks run its code.

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rerun-if-changed=build.rs");
}
