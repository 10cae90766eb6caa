//! Linker arguments of the addon.

fn main() {
    // The keeper thread and thread-exit hooks outlive a worker's `dlclose`; the code must stay mapped.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rerun-if-changed=build.rs");
}
