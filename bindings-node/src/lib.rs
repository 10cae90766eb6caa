//! The Node binding: raw Node-API functions over small integers, wrapped by the JavaScript classes in `lib/`.
//!
//! Each function here converts its arguments, makes one call of [`byname::engine`] and converts the result. JavaScript
//! names a handle or a grant by its *slot* in the environment's tables ([`state::State`]), because an
//! integer crosses the border in a few nanoseconds and an object does not; a closed handle and a released grant have the
//! slot 0, which no table holds. For the calls that must be quickest the slot lies in memory that both sides see.
//!
//! An *environment* is one JavaScript world: the main thread's or a worker's. Everything of it (its handles, its
//! grants, its waits) lives on that one thread, and goes when it goes; only [`mailbox`] is touched by another thread.

mod convert;
mod fault;
mod grants;
mod handles;
mod jobs;
mod js;
mod mailbox;
mod mappings;
mod namespaces;
mod processes;
mod queues;
mod slab;
mod state;
mod timers;
mod waits;
mod watchdogs;

use js::{Js, natives};
use napi_sys as sys;

/// The Node-API version this module is written for.
#[unsafe(no_mangle)]
pub extern "C" fn node_api_module_get_api_version_v1() -> i32 {
    9
}

/// Called by Node once for each environment that loads the module; fills its `exports`.
///
/// # Safety
/// Called by Node only, on the environment's thread, with that environment and an object of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(env: sys::napi_env, exports: sys::napi_value) -> sys::napi_value {
    let table = natives! {
        "setup" => state::setup,
        "kinds" => fault::kinds,

        "localNamespace" => namespaces::local,
        "sessionNamespace" => namespaces::session,
        "privateNamespace" => namespaces::private,
        "profileNamespace" => namespaces::profile,
        "namespaceIsCe" => namespaces::is_ce,
        "namespaceSession" => namespaces::session_name,
        "namespacePath" => namespaces::path,
        "usage" => namespaces::usage,
        "leaveSigbusAlone" => namespaces::leave_sigbus_alone,

        "createMutex" => handles::create_mutex,
        "createEvent" => handles::create_event,
        "createSemaphore" => handles::create_semaphore,
        "open" => handles::open,
        "share" => handles::share,
        "fromShare" => handles::from_share,
        "close" => handles::close,
        "collect" => handles::collect,
        "isOpen" => handles::is_open,
        "flags" => handles::flags,
        "setFlags" => handles::set_flags,
        "name" => handles::name,
        "created" => handles::created,
        "fileno" => handles::fileno,
        "set" => handles::set,
        "reset" => handles::reset,
        "pulse" => handles::pulse,
        "isSet" => handles::is_set,
        "post" => handles::post,
        "available" => handles::available,
        "owner" => handles::owner,
        "mutexState" => handles::mutex_state,
        "eventState" => handles::event_state,
        "semaphoreState" => handles::semaphore_state,

        "createTimer" => timers::create_timer,
        "setTimer" => timers::set,
        "setTimerAt" => timers::set_at,
        "cancelTimer" => timers::cancel,
        "timerState" => timers::look,

        "createJob" => jobs::create_job,
        "assign" => jobs::assign,
        "jobEntrance" => jobs::entrance,
        "noteSpawned" => jobs::note_spawned,
        "terminateJob" => jobs::terminate,
        "jobPids" => jobs::pids,
        "jobHas" => jobs::has,
        "jobLimits" => jobs::limits,
        "setJobLimits" => jobs::set_limits,
        "jobAccounting" => jobs::accounting,
        "jobBackend" => jobs::backend,
        "jobNotifications" => jobs::notifications,
        "notification" => jobs::notification,

        "openProcess" => processes::open,
        "processId" => processes::pid,
        "exitCode" => processes::exit_code,
        "terminateProcess" => processes::terminate,

        "createQueue" => queues::create,
        "openQueue" => queues::open,
        "queueFromShare" => queues::from_share,
        "openEnd" => queues::open_end,
        "queueInfo" => queues::info,
        "put" => queues::put,
        "get" => queues::get,
        "startPut" => queues::start_put,
        "startGet" => queues::start_get,

        "createWatchdog" => watchdogs::create_watchdog,
        "startWatchdog" => watchdogs::start,
        "refreshWatchdog" => watchdogs::refresh,
        "stopWatchdog" => watchdogs::stop,
        "notifySystemd" => watchdogs::notify_systemd,
        "watchdogState" => watchdogs::look,

        "shareOf" => mappings::share_of,
        "createMapping" => mappings::create,
        "mappingState" => mappings::mapping_state,
        "mapView" => mappings::view,
        "detach" => mappings::detach,
        "readMapping" => mappings::read,
        "writeMapping" => mappings::write,
        "beginChange" => mappings::begin_change,
        "endChange" => mappings::end_change,
        "changed" => mappings::changed,
        "flushMapping" => mappings::flush,

        "tryAcquire" => grants::try_acquire,
        "acquire" => grants::acquire,
        "acquireFor" => grants::acquire_for,
        "release" => grants::release,
        "drop" => grants::drop,

        "waitEvent" => waits::event,
        "wait" => waits::wait,
        "signalAndWait" => waits::signal_and_wait,
        "start" => waits::start,
        "startAcquire" => waits::start_acquire,
        "startSignalAndWait" => waits::start_signal_and_wait,
        "next" => waits::next,
        "poll" => waits::poll,
        "cancel" => waits::cancel,
    };
    // SAFETY: Node calls with a live environment, on its thread, inside a handle scope that outlives this call.
    let js = unsafe { Js::new(env) };
    match state::install(js, exports, table) {
        Ok(()) => exports,
        Err(fault) => fault.throw(js, None),
    }
}
