//! `byname lock`, `sem`, `wait`: take something, run a program meanwhile, give it back.
//!
//! The process that the user sees holds nothing. It forks a supervisor, passes signals to it and its status on. The supervisor takes,
//! runs, and gives back; when the first one is killed it is told, kills the program, and abandons what it holds when the program
//! has ended. So no death but its own can pass a mutex on while the program still does something.

use super::args::{How, Lock, Reset, Sem, Wait};
use super::report::{CANNOT_RUN, NOT_FOUND, OWN_ERROR, Report, Voice, list};
use crate::engine::{self, Access, By, Grant, Handle, HandleRef, Mode, Namespace, Outcome, Satisfied, Spec};
use crate::sys::child::{self, Ended, Orphan};
use crate::sys::code;
use crate::{Error, ErrorKind, Result, Timeout, keeper};
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};

/// A wait, and what to run when it has ended.
struct Errand<'a> {
    voice: Voice,
    names: &'a [String],
    mode: Mode,
    how: &'a How,
    command: &'a [OsString],
}

pub(super) fn lock(json: bool, Lock { how, name, command }: Lock) -> u8 {
    let names = [name];
    let errand = Errand { voice: Voice::on_stderr(json), names: &names, mode: Mode::Any, how: &how, command: without_dashes(&command) };
    errand.supervised(|| Ok(vec![Namespace::local()?.create(Some(&names[0]), Spec::Mutex { initially_owned: false }, Access::ALL)?]))
}

pub(super) fn semaphore(json: bool, Sem { permits, how, name, command }: Sem) -> u8 {
    let names = [name];
    let voice = Voice::on_stderr(json);
    let errand = Errand { voice, names: &names, mode: Mode::Any, how: &how, command: without_dashes(&command) };
    errand.supervised(|| {
        let spec = Spec::Semaphore { initial: permits.unwrap_or(1), maximum: permits.unwrap_or(1), robust: true };
        let semaphore = Namespace::local()?.create(Some(&names[0]), spec, Access::ALL)?;
        let maximum = semaphore.semaphore_state()?.maximum;
        if let Some(permits) = permits.filter(|permits| *permits != i64::from(maximum)) {
            voice.warn(&format!("semaphore {} exists and has {maximum} permits; -n {permits} is ignored", list(&names)));
        }
        Ok(vec![semaphore])
    })
}

pub(super) fn wait(json: bool, Wait { any, all: _, create, how, names, command }: Wait) -> u8 {
    let voice = if command.is_empty() { Voice::on_stdout(json) } else { Voice::on_stderr(json) };
    let errand = Errand { voice, names: &names, mode: if any { Mode::Any } else { Mode::All }, how: &how, command: &command };
    let open = || {
        let namespace = Namespace::local()?;
        names.iter().map(|name| open(&namespace, name, create)).collect()
    };
    if command.is_empty() { errand.run(open) } else { errand.supervised(open) }
}

fn open(namespace: &Namespace, name: &str, create: Option<Reset>) -> Result<Handle> {
    let reset = match create {
        None => return namespace.open_any(Some(name), Access::ALL),
        Some(Reset::Manual) => engine::Reset::Manual,
        Some(Reset::Auto) => engine::Reset::Auto,
    };
    let event = Spec::Event { reset, initially_set: false };
    // Whoever makes it between the two makes an event, or is in the way.
    namespace.open_any(Some(name), Access::ALL).or_else(|error| match error.kind() {
        ErrorKind::NotFound => namespace.create(Some(name), event, Access::ALL),
        _ => Err(error),
    })
}

/// A `--` between NAME and COMMAND that follows another one, which said that NAME is no option.
fn without_dashes(command: &[OsString]) -> &[OsString] {
    match command {
        [dashes, rest @ ..] if dashes == "--" && !rest.is_empty() => rest,
        command => command,
    }
}

impl Errand<'_> {
    fn supervised(&self, open: impl FnOnce() -> Result<Vec<Handle>>) -> u8 {
        match child::fork_supervisor() {
            Ok(Some(supervisor)) => supervisor.wait().status(),
            Ok(None) => {
                let status = self.run(open);
                keeper::leave_all();
                child::exit_now(status)
            }
            Err(errno) => self.voice.fail(&Error::system("cannot start another process", errno)),
        }
    }

    fn run(&self, open: impl FnOnce() -> Result<Vec<Handle>>) -> u8 {
        self.try_run(open).unwrap_or_else(|error| self.voice.fail(&error))
    }

    fn try_run(&self, open: impl FnOnce() -> Result<Vec<Handle>>) -> Result<u8> {
        let nul = || Error::invalid_argument("COMMAND holds a NUL, which no argument can");
        let command: Vec<CString> = self.command.iter().map(|word| child::c_string(word)).collect::<Option<_>>().ok_or_else(nul)?;
        let handles = open()?;
        let objects: Vec<HandleRef> = handles.iter().map(Handle::by_ref).collect();
        let timeout = self.how.timeout.unwrap_or(Timeout::INFINITE);
        // A grant is the owner: it can be left abandoned without this process dying.
        let satisfied = match engine::wait(&objects, self.mode, By::Grant { bound: false }, timeout, None)? {
            Outcome::Got(satisfied) => satisfied,
            Outcome::TimedOut | Outcome::Interrupted => return Ok(self.voice.timed_out(self.names)),
        };
        let news = News::of(self, &satisfied);
        news.tell(self);
        if satisfied.abandoned && self.how.fail_abandoned {
            return Ok(OWN_ERROR); // dropped and not released, a mutex is abandoned for the next one, too
        }
        let status = if command.is_empty() { 0 } else { self.run_command(&command, &news) };
        if !child::is_orphaned() {
            satisfied.grants.iter().try_for_each(Grant::release)?;
        }
        Ok(status)
    }

    fn run_command(&self, command: &[CString], news: &News<'_>) -> u8 {
        let orphan = if self.how.keep_running { Orphan::Keep } else { Orphan::Kill };
        match child::spawn(command, &news.environment(), orphan) {
            Ok(running) => {
                let ended = running.wait();
                let signal = match ended {
                    Ended::By(_) => None,
                    Ended::Signal(signal) => Some(signal),
                };
                self.voice.report(&Report::Ended { status: ended.status(), signal });
                ended.status()
            }
            Err(errno) => {
                self.voice.fail(&Error::system(&format!("cannot run {}", self.command[0].display()), errno));
                if errno == code::ENOENT { NOT_FOUND } else { CANNOT_RUN }
            }
        }
    }
}

/// What the wait brought, as it is told to the caller and to the program.
struct News<'a> {
    /// The name of the object, unless it is all of several.
    name: Option<&'a String>,
    index: Option<usize>,
    fence: Option<u64>,
    abandoned: bool,
}

impl<'a> News<'a> {
    fn of(errand: &Errand<'a>, satisfied: &Satisfied) -> News<'a> {
        let index = usize::try_from(satisfied.index).ok().or((errand.names.len() == 1).then_some(0));
        let fence = index.and(satisfied.grants.first()).map(Grant::fence);
        News { name: index.map(|i| &errand.names[i]), index, fence, abandoned: satisfied.abandoned }
    }

    fn tell(&self, errand: &Errand<'_>) {
        let Errand { voice, names, .. } = errand;
        voice.report(&Report::Acquired { names, index: self.index, fence: self.fence, abandoned: self.abandoned });
        if self.abandoned {
            let which = self.name.map_or_else(|| format!("one of {}", list(names)), |name| list(std::slice::from_ref(name)));
            voice.warn(&format!("the previous owner of {which} died holding it; what it guards may be half done"));
        }
        if let (Some(name), true) = (self.name, errand.command.is_empty() && names.len() > 1) {
            voice.answer(name);
        }
    }

    /// Ours, with the news in place of what an outer `byname` may have put there.
    fn environment(&self) -> Vec<CString> {
        let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let news = [
            ("BYNAME_NAME", self.name.cloned()),
            ("BYNAME_FENCE", self.fence.map(|fence| fence.to_string())),
            ("BYNAME_ABANDONED", self.abandoned.then(|| "1".to_owned())),
        ];
        for (variable, value) in news {
            match value {
                Some(value) => variables.insert(variable.into(), value.into()),
                None => variables.remove(OsStr::new(variable)),
            };
        }
        let entry = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            child::c_string(&name)
        };
        variables.into_iter().filter_map(entry).collect()
    }
}
