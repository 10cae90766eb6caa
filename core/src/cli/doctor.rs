//! `byname doctor`.

use super::args::{Doctor, Level};
use super::look::{called, party};
use super::report::{Report, Voice, WRONG};
use crate::arena::{file, layout};
use crate::inspect::{Inspection, Picture, ProcessState, Violation};
use crate::name::quoted;
use crate::sys::clock::{self, Deadline};
use crate::sys::process::Limit;
use crate::sys::{futex, process, robust};
use crate::{Error, ErrorKind, Result, space};
use serde::Serialize;
use std::path::Path;

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    Ok,
    Warn,
    Fail,
}

pub(super) fn run(voice: Voice, how: &Doctor) -> u8 {
    match how.check {
        Some(level) => check(voice, level, how.settle.map_or(Deadline::at(0), Deadline::after)),
        None => examine(voice),
    }
}

// --- the bytes

/// How long it rests before it checks again.
const SETTLE_NS: u64 = 10_000_000;

fn check(voice: Voice, level: Level, until: Deadline) -> u8 {
    let wrong = loop {
        match violations(level) {
            Ok(wrong) if wrong.is_empty() || until.passed() => break wrong,
            Ok(_) => clock::nap(SETTLE_NS),
            Err(error) => return voice.fail(&error),
        }
    };
    for violation in &wrong {
        let Violation { table, index, what, why } = violation;
        voice.report(&Report::Violation { table, index: *index, what, why });
        voice.answer(&violation.to_string());
    }
    voice.report(&Report::Checked { violations: wrong.len() });
    if wrong.is_empty() { 0 } else { WRONG }
}

/// Where there is no namespace nothing is wrong.
fn violations(level: Level) -> Result<Vec<Violation>> {
    let inspection = match Inspection::local() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        inspection => inspection?,
    };
    if level == Level::Quiet { inspection.check_quiet() } else { inspection.check() }
}

// --- everything

fn examine(voice: Voice) -> u8 {
    let mut findings = Findings { voice, failed: false };
    findings.directory();
    findings.kernel();
    findings.limits();
    findings.cleaners();
    if let Err(error) = findings.namespace() {
        findings.failure("namespace", &error);
    }
    if findings.failed { WRONG } else { 0 }
}

struct Findings {
    voice: Voice,
    failed: bool,
}

impl Findings {
    fn say(&mut self, status: Status, about: &str, message: &str, cure: Option<&str>) {
        self.failed |= status == Status::Fail;
        self.voice.report(&Report::Finding { status, about, message, cure });
        let word = match status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "fail",
        };
        let cure = cure.map_or(String::new(), |cure| format!("; {cure}"));
        self.voice.answer(&format!("{word}  {about:<12} {message}{cure}"));
    }

    fn ok(&mut self, about: &str, message: &str) {
        self.say(Status::Ok, about, message, None);
    }

    fn warn(&mut self, about: &str, message: &str, cure: &str) {
        self.say(Status::Warn, about, message, Some(cure));
    }

    fn fail(&mut self, about: &str, message: &str, cure: &str) {
        self.say(Status::Fail, about, message, Some(cure));
    }

    /// An error's message names its cure.
    fn failure(&mut self, about: &str, error: &Error) {
        self.say(Status::Fail, about, error.message(), None);
    }

    /// Where a namespace is to be made: tried with a file that never gets a name.
    fn directory(&mut self) {
        let dir = space::directory();
        let room = match file::room(&dir) {
            Ok(room) => room,
            Err(error) => return self.failure("directory", &error),
        };
        self.ok("directory", &format!("{} can hold a namespace ({})", dir.display(), room.kind));
        let text = format!("{} MiB are left in {}", room.left >> 20, dir.display());
        match room.left {
            ..LITTLE => self.fail("space", &text, "free some, or start the container with a larger --shm-size, or set BYNAME_DIR"),
            LITTLE..SOME => self.warn("space", &text, "free some before thousands of objects are made"),
            _ => self.ok("space", &text),
        }
    }

    fn kernel(&mut self) {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kernel = format!("Linux {}", release.trim());
        if release.is_empty() {
            self.warn(
                "kernel",
                "/proc is not mounted",
                "mount it: no namespace can be made without it, and processes are told apart by it",
            );
        }
        match robust::works() {
            Ok(true) => self.ok("kernel", &format!("{kernel} tells of the death of threads (robust futexes)")),
            Ok(false) => {
                self.fail("kernel", &format!("{kernel} does not tell of the death of threads"), "allow set_robust_list in the sandbox")
            }
            Err(_) => {
                self.fail("kernel", "no thread can be made to try robust futexes", "raise the limit of threads (ulimit -u, pids.max)")
            }
        }
        if futex::has_wait_many() {
            self.ok("kernel", "one sleep watches several words (futex_waitv)");
        } else {
            let cure = "use Linux 5.16 or later, or allow it in the sandbox; until then waits look every 5 ms";
            self.warn("kernel", "there is no futex_waitv", cure);
        }
    }

    fn limits(&mut self) {
        let size = layout::SIZE;
        let is_below = |limit: Option<u64>, least: u64| limit.is_some_and(|limit| limit < least);
        if is_below(process::limit(Limit::FileSize), size) {
            self.fail(
                "limits",
                &format!("RLIMIT_FSIZE is below the {} MiB of a (sparse) namespace file", size >> 20),
                "raise it: ulimit -f unlimited",
            );
        }
        if is_below(process::limit(Limit::AddressSpace), 2 * size) {
            let text = format!("RLIMIT_AS is below {} MiB; a namespace takes {} MiB of addresses", (2 * size) >> 20, size >> 20);
            self.fail("limits", &text, "raise it: ulimit -v unlimited");
        }
        if is_below(process::limit(Limit::Descriptors), FEW_DESCRIPTORS) {
            self.warn(
                "limits",
                &format!("RLIMIT_NOFILE is below {FEW_DESCRIPTORS}"),
                "raise it if pollable descriptors are used: ulimit -n 1024",
            );
        }
        if !self.failed {
            self.ok("limits", "files, addresses and descriptors suffice");
        }
    }

    /// Who removes files from under their users.
    fn cleaners(&mut self) {
        let is_user = process::euid() >= FIRST_USER; // systemd spares the others
        let is_cleaned = Path::new("/run/systemd/system").exists() && space::directory().starts_with("/dev/shm") && is_user;
        if is_cleaned && !keeps_ipc() {
            let cure = "set RemoveIPC=no in /etc/systemd/logind.conf, or let the user linger: loginctl enable-linger";
            self.warn("cleaners", "systemd removes this user's files from /dev/shm at the end of the last login (RemoveIPC)", cure);
        }
    }

    fn namespace(&mut self) -> Result<()> {
        let path = space::path(None)?;
        let inspection = match Inspection::at(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.ok("namespace", &format!("{} is not there: nobody uses it now", path.display()));
                return Ok(());
            }
            inspection => inspection?,
        };
        if inspection.is_closed() {
            self.warn("namespace", &format!("{} is left over", path.display()), "the next user makes it afresh, or: byname gc");
            return Ok(());
        }
        self.ok("namespace", &format!("{} has format {}, which this byname speaks", path.display(), layout::FORMAT));
        let picture = inspection.look()?;
        self.processes(&picture);
        self.objects(&picture);
        match inspection.check()?.as_slice() {
            [] => self.ok("bytes", "nothing is there that cannot be"),
            wrong @ [first, ..] => {
                self.fail(
                    "bytes",
                    &format!("{} things cannot be, such as: {first}", wrong.len()),
                    "see byname doctor --check; end the users and delete the file",
                );
            }
        }
        Ok(())
    }

    fn processes(&mut self, picture: &Picture) {
        let count = |state| picture.processes.iter().filter(|p| p.state == state).count();
        self.ok("users", &format!("processes: {}, objects: {}", picture.processes.len(), picture.objects.len()));
        if !picture.processes.is_empty() && count(ProcessState::Dead) == picture.processes.len() {
            self.warn("processes", "all of them are dead", "the next user buries them, or: byname gc");
        } else if count(ProcessState::Dead) > 0 {
            let cure = "look again: it takes milliseconds, or as long as a core dump";
            self.warn("processes", &format!("{} are dead and not buried yet", count(ProcessState::Dead)), cure);
        }
        for p in picture.processes.iter().filter(|p| p.state == ProcessState::Stopped) {
            let command = p.command.as_deref().unwrap_or_default().escape_debug().to_string();
            self.warn("processes", &format!("process {} {command} is stopped", p.pid), &format!("let it go on: kill -CONT {}", p.pid));
        }
    }

    fn objects(&mut self, picture: &Picture) {
        for object in &picture.objects {
            let stopped = |who: &Option<crate::inspect::Party>| who.clone().filter(|who| who.state == ProcessState::Stopped);
            let what = format!("{} {}", object.id.kind, called(&object.id));
            if let Some(locker) = stopped(&object.locked_by) {
                let message = format!("{what} is locked by {}: its users wait", party(&locker));
                self.fail("objects", &message, &format!("let it go on, or end it: kill -CONT {0}, kill -KILL {0}", locker.pid));
            } else if let Some(owner) = stopped(&object.owner).filter(|_| !object.queue.is_empty()) {
                let message = format!("{what} is owned by {}, and {} wait for it", party(&owner), object.queue.len());
                self.warn("objects", &message, &format!("let it go on, or end it: kill -CONT {0}, kill -KILL {0}", owner.pid));
            }
        }
        for ring in &picture.deadlocks {
            let names: Vec<String> = ring.iter().map(|step| quoted(&called(&step.object))).collect();
            let message = format!("{} threads wait for each other, for {}", ring.len(), names.join(", "));
            self.fail("deadlock", &message, "see byname tree; end one of them, and take several mutexes by one wait for all");
        }
    }
}

/// Less space than a new namespace takes.
const LITTLE: u64 = 4 << 20;
/// Less than ten thousand objects with their users take.
const SOME: u64 = 16 << 20;
/// The keeper and the file need a few, each pollable handle one.
const FEW_DESCRIPTORS: u64 = 64;
/// Where users' numbers begin that are not the system's.
const FIRST_USER: u32 = 1000;

/// Whether logind is told to leave the files of users who have gone.
fn keeps_ipc() -> bool {
    let mut files: Vec<std::path::PathBuf> = vec!["/usr/lib/systemd/logind.conf".into(), "/etc/systemd/logind.conf".into()];
    for dir in ["/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"] {
        files.extend(std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    let texts: Vec<String> = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    let said = texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.trim().strip_prefix("RemoveIPC=")).next_back();
    said.is_some_and(|value| matches!(value.trim(), "no" | "false" | "off" | "0"))
}
