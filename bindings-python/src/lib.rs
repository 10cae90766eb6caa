//! The Python binding: `byname._byname`, which `byname/__init__.py` re-exports.
//!
//! It translates and never decides. A call converts its arguments, tries with the interpreter held (letting go costs
//! more than an uncontended acquisition), lets go only before it blocks, and converts the answer. What the hot
//! methods of the mutex and the semaphore do to avoid argument handling is in [`fast`]; asynchronous waits take no
//! thread and are in [`aio`] and [`coroutine`].

mod aio;
mod args;
mod block;
mod bracket;
mod buffer;
mod command;
mod coroutine;
mod error;
mod event;
mod fast;
mod grant;
mod handle;
mod job;
mod mapping;
mod message;
mod mutex;
mod namespace;
mod notifications;
mod process;
mod processes;
mod queue;
mod semaphore;
mod share;
mod state;
mod time;
mod timer;
mod wait;
mod watchdog;

use pyo3::prelude::*;

// Without the GIL, too: classes are frozen, and what changes is behind locks that are never held while Python runs.
#[pymodule(gil_used = false)]
mod _byname {
    use super::*;

    #[pymodule_export]
    use crate::command::command;
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::grant::Grant;
    #[pymodule_export]
    use crate::handle::{Handle, reopen};
    #[pymodule_export]
    use crate::job::Job;
    #[pymodule_export]
    use crate::mapping::{Change, Mapping, View};
    #[pymodule_export]
    use crate::message::{Incoming, Outgoing};
    #[pymodule_export]
    use crate::mutex::Mutex;
    #[pymodule_export]
    use crate::namespace::{Namespace, renamespace, usage};
    #[pymodule_export]
    use crate::notifications::JobNotifications;
    #[pymodule_export]
    use crate::process::leave_sigbus_alone;
    #[pymodule_export]
    use crate::processes::Process;
    #[pymodule_export]
    use crate::queue::{Queue, QueueInfo};
    #[pymodule_export]
    use crate::semaphore::Semaphore;
    #[pymodule_export]
    use crate::state::{
        EventState, JobAccounting, JobLimits, JobNotification, MappingState, MutexState, SemaphoreState, TimerState, WatchdogState,
    };
    #[pymodule_export]
    use crate::timer::Timer;
    #[pymodule_export]
    use crate::wait::{WaitResult, signal_and_wait, signal_and_wait_async, wait_all, wait_all_async, wait_any, wait_any_async};
    #[pymodule_export]
    use crate::watchdog::Watchdog;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        process::check_interpreter(py)?;
        error::add_classes(module)?;
        state::add_flags(module)?;
        fast::install::<Mutex>(py, mutex::METHODS)?;
        fast::install::<Semaphore>(py, semaphore::METHODS)?;
        buffer::install::<Mapping>(py)?;
        buffer::install::<View>(py)?;
        buffer::install::<Incoming>(py)?;
        buffer::install::<Outgoing>(py)?;
        process::watch(py)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
