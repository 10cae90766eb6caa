//! What concerns the whole process.

use byname::engine;

/// Leaves SIGBUS to the program; to be called before the first call that needs a namespace.
///
/// Otherwise that call installs one handler, which turns the truncation of a namespace's file into BYNAME_ERR_NAMESPACE_LOST and passes every
/// other SIGBUS on to the handler that was there before. Without it, a process whose namespace is truncated dies of SIGBUS when it touches
/// the file next. Namespaces that are in use already stay guarded. "SIGBUS" in docs/semantics.md says what a handler of the program's own must do.
///
/// ```c
/// byname_leave_sigbus_alone();
/// byname_handle ready;
/// if (byname_event_create("ready", NULL, &ready) != BYNAME_OK) return 1;
/// byname_handle_close(ready);
/// ```
#[unsafe(no_mangle)]
pub extern "C" fn byname_leave_sigbus_alone() {
    engine::leave_sigbus_alone();
}
