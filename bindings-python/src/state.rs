//! Looking without taking: what `state` gives, and the masks that allow it.

use byname::engine::{self, Access, Protect, Reset};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A class with the fields of one kind's state, which are all there is to it.
macro_rules! state {
    ($(#[$doc:meta])+ $Name:ident { $($(#[$says:meta])+ $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])+
        #[pyclass(frozen, eq, get_all, module = "byname")]
        #[derive(PartialEq)]
        pub(crate) struct $Name {
            $($(#[$says])+ $field: $type),+
        }

        #[pymethods]
        impl $Name {
            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                let fields = [$((stringify!($field), slf.getattr(stringify!($field))?.repr()?)),+];
                let shown: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                Ok(format!("{}({})", stringify!($Name), shown.join(", ")))
            }
        }
    };
}

state! {
    /// Everything that a mutex is at one instant.
    ///
    /// >>> import byname
    /// >>> byname.Mutex().state
    /// MutexState(owner=None, depth=0, abandoned=False)
    MutexState {
        /// Who owns it, as (pid, tid), or None.
        owner: Option<(u32, u32)>,
        /// How often the owner holds it; 0 if nobody does.
        depth: u32,
        /// Whether its last owner died and nobody has acquired it since: the next one will be told.
        abandoned: bool,
    }
}

state! {
    /// Everything that an event is at one instant.
    ///
    /// >>> import byname
    /// >>> byname.Event(initial=True).state
    /// EventState(set=True, manual_reset=False)
    EventState {
        /// Whether it was set at that instant.
        set: bool,
        /// Whether it stays set until it is reset.
        manual_reset: bool,
    }
}

state! {
    /// Everything that a semaphore is at one instant.
    ///
    /// >>> import byname
    /// >>> byname.Semaphore(initial=2, maximum=3).state
    /// SemaphoreState(available=2, maximum=3, robust=False)
    SemaphoreState {
        /// How many units were free at that instant.
        available: u32,
        /// How many there can be.
        maximum: u32,
        /// Whether the units of the dead come back.
        robust: bool,
    }
}

state! {
    /// Everything that a timer is at one instant.
    ///
    /// >>> import byname
    /// >>> byname.Timer(manual_reset=True).state
    /// TimerState(signaled=False, manual_reset=True, remaining=None, period=0.0)
    TimerState {
        /// Whether its time had come since it was set (and, if it resets itself, nobody had waited since).
        signaled: bool,
        /// Whether it stays signaled until it is set anew.
        manual_reset: bool,
        /// How many seconds were left until its time came next, or None if it did not.
        remaining: Option<f64>,
        /// At which intervals its time came, in seconds; 0: once.
        period: f64,
    }
}

state! {
    /// What a job limits; None and False are no limit.
    ///
    /// >>> import byname
    /// >>> byname.Job(kill_on_close=True).limits
    /// JobLimits(active_processes=None, memory=None, kill_on_close=True)
    JobLimits {
        /// The most processes that may be in it at a time.
        active_processes: Option<u32>,
        /// The most bytes of memory that its processes may have together.
        memory: Option<u64>,
        /// Whether its processes are killed when the last handle to it is closed, in whatever way.
        kill_on_close: bool,
    }
}

state! {
    /// What a job has come to.
    ///
    /// >>> import byname
    /// >>> byname.Job().accounting.active_processes
    /// 0
    JobAccounting {
        /// The processes that are in it now.
        active_processes: u32,
        /// Those that byname ever put into it; those that its members forked are not among them.
        total_processes: u32,
        /// Those that were killed because they would have exceeded the limit.
        terminated_processes: u32,
        /// What all of them, the dead included, have spent in programs, in seconds; with the backend "processes" those that live, and whom they have waited for.
        user_time: f64,
        /// What all of them have spent in the kernel, in seconds.
        system_time: f64,
        /// The most bytes of memory that they had together, or None where the system does not count it.
        memory_peak: Option<u64>,
    }
}

impl From<engine::JobLimits> for JobLimits {
    fn from(seen: engine::JobLimits) -> JobLimits {
        JobLimits { active_processes: seen.active_processes, memory: seen.memory, kill_on_close: seen.kill_on_close }
    }
}

impl From<engine::JobAccounting> for JobAccounting {
    fn from(seen: engine::JobAccounting) -> JobAccounting {
        JobAccounting {
            active_processes: seen.active_processes,
            total_processes: seen.total_processes,
            terminated_processes: seen.terminated_processes,
            user_time: seen.user_time.as_secs_f64(),
            system_time: seen.system_time.as_secs_f64(),
            memory_peak: seen.memory_peak,
        }
    }
}

state! {
    /// One notification of a job.
    ///
    /// >>> import byname
    /// >>> with byname.Job() as job, job.notifications() as told, job.Popen(["true"]) as child:
    /// ...     told.get() == told.get(), child.wait()  # that it came, and that it went
    /// (False, 0)
    JobNotification {
        /// What happened: "new", "exit", "abnormal-exit" (by SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or SIGABRT), "zero"
        /// (no process is left), "process-limit" or "memory-limit".
        message: &'static str,
        /// The same as the number that it has on Windows: 6, 7, 8, 4, 3, 10.
        id: u32,
        /// To which process; 0 for what is told of the job.
        pid: u32,
    }
}

impl From<engine::JobNotification> for JobNotification {
    fn from(told: engine::JobNotification) -> JobNotification {
        JobNotification { message: told.message.name(), id: told.message.id(), pid: told.pid }
    }
}

state! {
    /// Everything that a watchdog is at one instant.
    ///
    /// >>> import byname
    /// >>> byname.Watchdog(None, 5, 1, "kill").state
    /// WatchdogState(stage='stopped', pid=None, remaining=None, period=5.0, grace=1.0, action='kill')
    WatchdogState {
        /// Where it was: "stopped", "running", "grace" or "expired"; it is signaled in the last two.
        stage: String,
        /// The process that started it, as that sees itself; None while it was stopped.
        pid: Option<u32>,
        /// While it was running: in how many seconds it had to be refreshed.
        remaining: Option<f64>,
        /// In how many seconds it must be refreshed.
        period: f64,
        /// How many seconds after that the action waits.
        grace: f64,
        /// What is done then: "none", "kill", or "reset-device" if another language made it.
        action: String,
    }
}

impl From<engine::WatchdogState> for WatchdogState {
    fn from(seen: engine::WatchdogState) -> WatchdogState {
        WatchdogState {
            stage: seen.stage.name().to_owned(),
            pid: seen.pid,
            remaining: seen.remaining.map(|left| left.as_secs_f64()),
            period: seen.period.as_secs_f64(),
            grace: seen.grace.as_secs_f64(),
            action: seen.action.name().to_owned(),
        }
    }
}

impl From<engine::TimerState> for TimerState {
    fn from(seen: engine::TimerState) -> TimerState {
        TimerState {
            signaled: seen.signaled,
            manual_reset: seen.reset == Reset::Manual,
            remaining: seen.remaining.map(|left| left.as_secs_f64()),
            period: seen.period.as_secs_f64(),
        }
    }
}

state! {
    /// What a mapping is, but for its bytes.
    ///
    /// >>> import byname
    /// >>> byname.Mapping(size=100).state
    /// MappingState(size=4096, protect=4, has_file=False, version=0)
    MappingState {
        /// How many bytes it has.
        size: u64,
        /// Protection and attributes, with the numbers of Windows: PAGE_READWRITE is 4.
        protect: u32,
        /// Whether it shows a file.
        has_file: bool,
        /// How many changes were published.
        version: u64,
    }
}

impl From<engine::MappingState> for MappingState {
    fn from(seen: engine::MappingState) -> MappingState {
        MappingState { size: seen.size, protect: seen.protect.0, has_file: seen.has_file, version: seen.version }
    }
}

impl From<engine::MutexState> for MutexState {
    fn from(seen: engine::MutexState) -> MutexState {
        MutexState { owner: seen.owner.map(|owner| (owner.pid, owner.tid)), depth: seen.depth, abandoned: seen.abandoned }
    }
}

impl From<engine::EventState> for EventState {
    fn from(seen: engine::EventState) -> EventState {
        EventState { set: seen.set, manual_reset: seen.reset == Reset::Manual }
    }
}

impl From<engine::SemaphoreState> for SemaphoreState {
    fn from(seen: engine::SemaphoreState) -> SemaphoreState {
        SemaphoreState { available: seen.available, maximum: seen.maximum, robust: seen.robust }
    }
}

const ACCESS: &str = "What a handle may do: any sum of these, or of the numbers that Windows has for them. Pass it as `access`.

QUERY_STATE: looking at the state. MODIFY_STATE: set, reset, pulse, releasing a semaphore by its handle. SYNCHRONIZE:
waiting and acquiring. MAP_READ, MAP_WRITE, MAP_COPY, MAP_EXECUTE: views of a mapping. ALL: everything, the default. A call that the handle has no right to raises AccessDeniedError (contract 2.5).

>>> import byname
>>> made = byname.Event(\"ready\")
>>> only_wait = byname.Event.open(\"ready\", access=byname.Access.SYNCHRONIZE)
>>> try:
...     only_wait.set()
... except byname.AccessDeniedError as error:
...     error.win32
5
";

const PROTECT: &str = "What a mapping's views may do, one of the first six, and with `|` how its memory comes; the numbers of Windows. Pass it as `protect`.

READONLY, WRITECOPY: read, or copy on write. READWRITE: write, too. EXECUTE_...: the same, and views may be executed. COMMIT, as without it: all of
the memory is there at once. RESERVE: it comes when a page is touched; if there is none left then, the process gets SIGBUS. NOCACHE, WRITECOMBINE, with one of these: no
effect. FILE, IMAGE, LARGE_PAGES are refused, as are other combinations: InvalidArgumentError (87; IMAGE 193), AccessDeniedError (1314) for COMMIT | LARGE_PAGES (contract 7.1).

>>> import byname
>>> lazy = byname.Mapping(size=1 << 30, protect=byname.Protect.READWRITE | byname.Protect.RESERVE)
>>> byname.Protect(lazy.state.protect) & byname.Protect.RESERVE == byname.Protect.RESERVE
True
>>> try:
...     byname.Mapping(size=4096, protect=byname.Protect.READWRITE | byname.Protect.NOCACHE)
... except byname.InvalidArgumentError as error:
...     error.win32
87
";

/// The flags `byname.Access` and `byname.Protect`, with the core's numbers.
pub(crate) fn add_flags(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let access = [
        ("QUERY_STATE", Access::QUERY_STATE.0),
        ("MODIFY_STATE", Access::MODIFY_STATE.0),
        ("SYNCHRONIZE", Access::SYNCHRONIZE.0),
        ("MAP_READ", Access::MAP_READ.0),
        ("MAP_WRITE", Access::MAP_WRITE.0),
        ("MAP_COPY", Access::MAP_COPY.0),
        ("MAP_EXECUTE", Access::MAP_EXECUTE.0),
        ("ALL", Access::ALL.0),
    ];
    let protect = [
        ("READONLY", Protect::READONLY.0),
        ("READWRITE", Protect::READWRITE.0),
        ("WRITECOPY", Protect::WRITECOPY.0),
        ("EXECUTE_READ", Protect::EXECUTE_READ.0),
        ("EXECUTE_READWRITE", Protect::EXECUTE_READWRITE.0),
        ("EXECUTE_WRITECOPY", Protect::EXECUTE_WRITECOPY.0),
        ("FILE", Protect::FILE.0),
        ("IMAGE", Protect::IMAGE.0),
        ("RESERVE", Protect::RESERVE.0),
        ("COMMIT", Protect::COMMIT.0),
        ("NOCACHE", Protect::NOCACHE.0),
        ("WRITECOMBINE", Protect::WRITECOMBINE.0),
        ("LARGE_PAGES", Protect::LARGE_PAGES.0),
    ];
    add(module, "Access", ACCESS, &access)?;
    add(module, "Protect", PROTECT, &protect)
}

fn add(module: &Bound<'_, PyModule>, name: &str, doc: &str, members: &[(&str, u32)]) -> PyResult<()> {
    let keywords = PyDict::new(module.py());
    keywords.set_item("module", "byname")?;
    let class = module.py().import("enum")?.getattr("IntFlag")?.call((name, members.to_vec()), Some(&keywords))?;
    class.setattr("__doc__", doc)?;
    module.add(name, class)
}
