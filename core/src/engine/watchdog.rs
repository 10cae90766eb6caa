//! What every binding calls of a watchdog.

use super::HandleRef;
use super::Kind;
use super::timer::{LONGEST_PERIOD, not_a_period};
use crate::cell::private::{AtomicU64, Ordering};
use crate::error::{Error, Result};
use crate::handles::right;
use crate::kinds::watchdog;
use crate::lock::Lock;
use crate::owner;
use crate::sys::{clock, notify};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What a watchdog does when its grace is over.
///
/// # Examples
/// ```
/// use byname::{Action, Watchdog};
/// use std::time::Duration;
///
/// let dog = Watchdog::options().unnamed(Duration::from_secs(5), Duration::from_secs(1), Action::Kill)?;
/// assert_eq!(dog.state()?.action, Action::Kill);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is signaled, and that is all.
    None,
    /// Kills (SIGKILL) the process that started it.
    Kill,
    /// Calls the hook of [`set_reset_hook`] with this number. byname itself resets nothing.
    ResetDevice(u32),
}

impl Action {
    /// Its number, as CE has it, and its parameter.
    pub fn code(self) -> (u32, u32) {
        match self {
            Action::None => (0, 0),
            Action::Kill => (1, 0),
            Action::ResetDevice(parameter) => (2, parameter),
        }
    }

    /// The word for it: `none`, `kill`, `reset-device`.
    pub fn name(self) -> &'static str {
        match self {
            Action::None => "none",
            Action::Kill => "kill",
            Action::ResetDevice(_) => "reset-device",
        }
    }

    /// What to make: a watchdog with these times and this action. Times that are too long for it are refused when it is made.
    pub(crate) fn spec(self, period: Duration, grace: Duration) -> super::Spec {
        let [period, grace] = [period, grace].map(|time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        let (action, parameter) = self.code();
        super::Spec::Watchdog { period, grace, action, parameter }
    }

    pub(crate) fn of(action: watchdog::Action) -> Action {
        match action {
            watchdog::Action::None => Action::None,
            watchdog::Action::Kill => Action::Kill,
            watchdog::Action::Reset(param) => Action::ResetDevice(param),
        }
    }
}

/// Where a watchdog is (contract 9.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchdogStage {
    /// It watches nobody.
    Stopped,
    /// It was refreshed in time.
    Running,
    /// It was not, and is signaled; the action waits for the grace to pass.
    Grace,
    /// The action has been taken; it stays signaled.
    Expired,
}

impl WatchdogStage {
    /// The word for it: `stopped`, `running`, `grace`, `expired`.
    pub fn name(self) -> &'static str {
        match self {
            WatchdogStage::Stopped => "stopped",
            WatchdogStage::Running => "running",
            WatchdogStage::Grace => "grace",
            WatchdogStage::Expired => "expired",
        }
    }

    pub(crate) fn of(stage: watchdog::Stage) -> WatchdogStage {
        match stage {
            watchdog::Stage::Stopped => WatchdogStage::Stopped,
            watchdog::Stage::Running => WatchdogStage::Running,
            watchdog::Stage::Grace => WatchdogStage::Grace,
            watchdog::Stage::Expired => WatchdogStage::Expired,
        }
    }
}

/// Everything that a watchdog is at one instant (contract 9.8); [`Watchdog::state`](crate::Watchdog::state) gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchdogState {
    /// Where it is; it is signaled in its grace and when it has expired.
    pub stage: WatchdogStage,
    /// The process that started it, as that sees itself; `None` while it is stopped.
    pub pid: Option<u32>,
    /// While it is running: how long until it must be refreshed.
    pub remaining: Option<Duration>,
    /// In which it must be refreshed.
    pub period: Duration,
    /// How long after that the action waits.
    pub grace: Duration,
    /// What is done then.
    pub action: Action,
}

pub(super) fn check(period: i64, grace: i64, action: u32) -> Result<()> {
    if period == 0 {
        return Err(Error::invalid_argument("period 0 is out of range; a watchdog must be given time to be refreshed in"));
    }
    if action > 2 {
        return Err(Error::invalid_argument(format!("{action} is no action; there are 0 (none), 1 (kill) and 2 (reset the device)")));
    }
    let is_out = |time: i64| u64::try_from(time).map_or(true, |time| time > LONGEST_PERIOD);
    match [("period", period), ("grace", grace)].into_iter().find(|(_, time)| is_out(*time)) {
        Some((what, time)) => Err(not_a_period(what, time, "ns")),
        None => Ok(()),
    }
}

pub(super) fn fresh(period: i64, grace: i64, action: u32, parameter: u32) -> watchdog::Words {
    watchdog::fresh(period as u64, grace as u64, u64::from(action) | u64::from(parameter) << 32)
}

impl HandleRef {
    /// Starts a watchdog, or starts it anew: the calling process is watched. Needs MODIFY_STATE; AccessDenied (5) if it is to reset the device and this
    /// process has no hook.
    pub fn start_watchdog(self) -> Result<()> {
        self.change_watchdog(watchdog::start)
    }

    /// Gives a watchdog one period more. Needs MODIFY_STATE.
    pub fn refresh_watchdog(self) -> Result<()> {
        self.change_watchdog(watchdog::refresh)?;
        if HOW_MANY.load(Ordering::Acquire) != 0 && NOTIFIERS.lock().contains(&self.id()) {
            notify::watchdog();
        }
        Ok(())
    }

    /// Stops a watchdog. Needs MODIFY_STATE.
    pub fn stop_watchdog(self) -> Result<()> {
        self.change_watchdog(watchdog::stop)
    }

    /// Whether each refresh through this handle tells systemd, too (`WATCHDOG=1` to `NOTIFY_SOCKET`, if there is one). Off at first.
    pub fn notify_systemd(self, on: bool) -> Result<()> {
        self.of_kind(Kind::Watchdog, 0)?;
        let mut notifiers = NOTIFIERS.lock();
        if on {
            notifiers.insert(self.id())
        } else {
            notifiers.remove(&self.id())
        };
        HOW_MANY.store(notifiers.len() as u64, Ordering::Release);
        Ok(())
    }

    /// All of a watchdog's state; needs QUERY_STATE.
    pub fn watchdog_state(self) -> Result<WatchdogState> {
        let opened = self.of_kind(Kind::Watchdog, right::QUERY)?;
        let seen = watchdog::look(opened.space, opened.target)?;
        let stage = WatchdogStage::of(seen.stage);
        let left = seen.deadline.saturating_sub(clock::now());
        Ok(WatchdogState {
            stage,
            pid: (stage != WatchdogStage::Stopped).then_some(seen.pid),
            remaining: (stage == WatchdogStage::Running).then(|| Duration::from_nanos(left)),
            period: Duration::from_nanos(seen.period),
            grace: Duration::from_nanos(seen.grace),
            action: Action::of(seen.action),
        })
    }

    fn change_watchdog(self, change: impl FnOnce(crate::space::Cx, crate::dispatch::lock::Target) -> Result<()>) -> Result<()> {
        let opened = self.of_kind(Kind::Watchdog, right::MODIFY)?;
        let cx = owner::current(opened.space)?;
        let _pin = opened.pin(cx)?;
        change(cx, opened.target).map_err(|e| opened.blame(e))
    }
}

/// The handles whose refreshes tell systemd, by their ids, and how many they are.
static NOTIFIERS: Lock<BTreeSet<u64>> = Lock::new(BTreeSet::new());
static HOW_MANY: AtomicU64 = AtomicU64::new(0);

pub(super) fn forget_notifier(id: u64) {
    if HOW_MANY.load(Ordering::Acquire) != 0 {
        let mut notifiers = NOTIFIERS.lock();
        notifiers.remove(&id);
        HOW_MANY.store(notifiers.len() as u64, Ordering::Release);
    }
}

/// For a fork.
pub(crate) fn hold(guards: &mut crate::lock::Guards) {
    guards.take(&NOTIFIERS);
}

/// Says what resets the device in this process, for watchdogs with [`Action::ResetDevice`]; `None`: nothing does.
///
/// The hook is called with the watchdog's number, once, by the keeper of a process that has one: of the one that started it, of one of its neighbours, or after a second of
/// any. It runs on byname's own thread, which looks after this process's waits and its neighbours' deaths meanwhile not: it should be quick.
///
/// # Examples
/// ```
/// use byname::{Action, Watchdog, WatchdogStage, set_reset_hook};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// let (tell, told) = mpsc::channel();
/// set_reset_hook(Some(move |param| tell.send(param).unwrap()));
/// let dog = Watchdog::options().unnamed(Duration::from_millis(2), Duration::ZERO, Action::ResetDevice(7))?;
/// dog.start()?;
/// assert_eq!(told.recv(), Ok(7));
/// assert_eq!(dog.state()?.stage, WatchdogStage::Expired);
/// # Ok::<(), byname::Error>(())
/// ```
pub fn set_reset_hook(hook: Option<impl Fn(u32) + Send + Sync + 'static>) {
    let hook = hook.map(|hook| Arc::new(hook) as watchdog::Hook);
    let before = std::mem::replace(&mut *watchdog::HOOK.lock(), hook);
    drop(before); // outside the lock: it may own anything
}
