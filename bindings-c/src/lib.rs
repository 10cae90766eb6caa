//! The C binding of byname: `libbyname.so`, `libbyname.a`, `byname.h`.
//!
//! Every function converts its arguments, makes one call of [`byname::engine`], and converts the result; what a call
//! means is decided there. A function returns a status, writes its outputs only on success, and never lets a panic
//! out. The header `include/byname.h` is made from the doc comments of these files (`tests/header.rs`), so they speak
//! to people who write C.
//!
//! | file | what |
//! |---|---|
//! | `status.rs` | status codes, the last error of a thread, the panic boundary |
//! | `input.rs` | pointers, strings and arrays as C passes them |
//! | `options.rs` | the options structs and how they grow |
//! | `handle.rs` | what every handle can do |
//! | `mutex.rs` `event.rs` `semaphore.rs` `timer.rs` `mapping.rs` `queue.rs` `watchdog.rs` | the kinds |
//! | `wait.rs` | waits over one or many objects of any kind |
//! | `job.rs`, `notifications.rs` | sets of processes, and what they tell |
//! | `processes.rs` | other processes, as objects |
//! | `process.rs` | what concerns the whole process |
// The names are those of C, so that this source and the header read alike.
#![allow(non_camel_case_types)]
// The header has no headings: what a caller must guarantee is said in prose, once in the header's preface for all functions.
#![allow(clippy::missing_safety_doc)]

mod event;
mod handle;
mod input;
mod job;
mod mapping;
mod mutex;
mod notifications;
mod options;
mod process;
mod processes;
mod queue;
mod semaphore;
mod status;
mod timer;
mod wait;
mod watchdog;

pub use event::*;
pub use handle::*;
pub use job::*;
pub use mapping::*;
pub use mutex::*;
pub use notifications::*;
pub use options::*;
pub use process::*;
pub use processes::*;
pub use queue::*;
pub use semaphore::*;
pub use status::*;
pub use timer::*;
pub use wait::*;
pub use watchdog::*;
