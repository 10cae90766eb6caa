//! The Rust driver of the conformance scenarios: does what the conductor says, one line a command.
//!
//! `tests/README.md` describes the protocol. Each named thread runs its commands in order; `main` is the process's
//! main thread, and `io` commands, which never block, run at once where the lines are read.

#![expect(clippy::disallowed_methods, reason = "a test program forks and asks for its thread's id itself; the rule is for what ships")]

use byname::{
    Access, Action, Error, ErrorKind, Event, EventState, Job, JobLimits, JobNotifications, Mapping, Mutex, MutexState, Namespace, Permit,
    Process, Profile, Queue, QueueOptions, QueueReader, QueueWriter, Reset, Semaphore, SemaphoreState, Timeout, Timer, View, Wait,
    Waitable, Watchdog, WatchdogStage,
};
use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// An open object. A thread that waits has its own reference: Rust closes nothing that is in use.
enum Object {
    Mutex(Mutex),
    Event(Event),
    Semaphore(Semaphore),
    Timer(Timer),
    Job(Job),
    Process(Process),
    Watchdog(Watchdog),
    /// With what its views are for.
    Mapping(Mapping, Access),
    Reader(QueueReader),
    Writer(QueueWriter),
    Notifications(JobNotifications),
}

/// What the whole process has open.
#[derive(Default)]
struct Held {
    objects: HashMap<String, Arc<Object>>,
    /// By handle: the semaphore permits not yet released.
    permits: HashMap<String, Vec<Permit>>,
    /// By name: what was started.
    children: HashMap<String, Child>,
    /// By handle.
    views: HashMap<String, Arc<View>>,
    /// Names are looked up by the rules of CE.
    ce: bool,
}

static HELD: LazyLock<std::sync::Mutex<Held>> = LazyLock::new(std::sync::Mutex::default);

fn held() -> MutexGuard<'static, Held> {
    HELD.lock().expect("no command panics with the table in its hands")
}

/// Why a command gave no result: byname's own error, or a line this driver cannot read.
enum Failure {
    Byname(Error),
    Fault(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Byname(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Fault(error.to_string())
    }
}

type Answer = Result<String, Failure>;

/// A command: its number, its verb, its words (None is the name NULL).
struct Command {
    number: String,
    verb: String,
    words: Vec<Option<String>>,
}

fn main() {
    let (sender, commands) = channel();
    std::thread::spawn(move || read_lines(&sender));
    work(&commands);
}

/// Reads commands and gives each to its thread; `exit` ends the main one, and with it the process.
fn read_lines(main: &Sender<Option<Command>>) {
    let mut threads: HashMap<String, (Sender<Option<Command>>, JoinHandle<()>)> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the conductor writes UTF-8");
        let mut texts = line.split(' ');
        let mut next = || texts.next().unwrap_or_default().to_owned();
        let (number, thread, verb) = (next(), next(), next());
        let command = Command { number, verb, words: texts.map(word).collect() };
        match (thread.as_str(), command.verb.as_str()) {
            ("io", _) => perform(&command),
            ("main", "exit") => drop(main.send(None)),
            ("main", _) => drop(main.send(Some(command))),
            (_, "exit-thread") => {
                if let Some((sender, thread)) = threads.remove(&thread) {
                    drop(sender);
                    drop(thread.join());
                }
                say(&command.number, "ok");
            }
            _ => {
                let (sender, _) = threads.entry(thread).or_insert_with(|| {
                    let (sender, commands) = channel();
                    (sender, std::thread::spawn(move || work(&commands)))
                });
                drop(sender.send(Some(command)));
            }
        }
    }
    std::process::abort(); // the conductor has gone
}

/// Runs a thread's commands until it is told to end.
fn work(commands: &Receiver<Option<Command>>) {
    while let Ok(Some(command)) = commands.recv() {
        perform(&command);
    }
}

fn perform(command: &Command) {
    let limit = match command.verb.as_str() {
        "acquire" | "send" | "recv" | "told" => command.words.get(1),
        "wait-any" | "wait-all" | "signal-and-wait" => command.words.first(),
        _ => None,
    };
    if limit.is_some_and(|limit| limit.as_deref() != Some("0")) {
        say(&command.number, &format!("begin {}", thread_id()));
    }
    say(&command.number, &result(&command.verb, &command.words));
}

fn say(number: &str, text: &str) {
    let line = format!("{number} {text}\n");
    std::io::stdout().write_all(line.as_bytes()).expect("the conductor listens");
}

/// The one form in which every driver tells a result.
fn result(verb: &str, words: &[Option<String>]) -> String {
    match answer(verb, words) {
        Ok(text) => text,
        Err(Failure::Byname(error)) => format!("error {} {}", error.kind().info().name, error.win32()),
        Err(Failure::Fault(text)) => format!("fault {text}"),
    }
}

fn answer(verb: &str, words: &[Option<String>]) -> Answer {
    let texts: Vec<&str> = words.iter().map(|word| word.as_deref().unwrap_or("-")).collect();
    let name = |at: usize| words.get(at).and_then(Option::as_deref);
    match (verb, texts.as_slice()) {
        ("ping", []) => Ok("pong".into()),
        ("tid", []) => Ok(thread_id().to_string()),
        ("clear", []) => clear(),
        ("profile", [word]) => {
            held().ce = *word == "ce";
            Ok("ok".into())
        }
        ("fork", [verb, ..]) => fork(verb, &words[1..]),
        ("child", []) => child(),
        ("exec", []) => Err(std::process::Command::new("/bin/cat").exec().into()),
        ("churn", [handle, path]) => churn(find(handle)?.mutex()?, path),
        ("mutex", [handle, _, options @ ..]) => make_mutex(handle, name(1), options),
        ("event", [handle, _, reset, options @ ..]) => make_event(handle, name(1), reset, options),
        ("semaphore", [handle, _, initial, maximum, options @ ..]) => {
            make_semaphore(handle, name(1), number(initial)?, number(maximum)?, options)
        }
        ("timer", [handle, _, reset, options @ ..]) => make_timer(handle, name(1), reset, options),
        ("watchdog", [handle, _, period, grace, action, options @ ..]) => {
            make_watchdog(handle, name(1), [millis(period)?, millis(grace)?], action, options)
        }
        ("start", [handle]) => done(find(handle)?.watchdog()?.start()),
        ("refresh", [handle]) => done(find(handle)?.watchdog()?.refresh()),
        ("stop", [handle]) => done(find(handle)?.watchdog()?.stop()),
        ("arm", [handle, due, period @ ..]) => done(find(handle)?.timer()?.set(millis(due)?, millis(period.first().unwrap_or(&"0"))?)),
        ("arm-at", [handle, due, period @ ..]) => {
            let at = SystemTime::now() + millis(due)?;
            done(find(handle)?.timer()?.set_at(at, millis(period.first().unwrap_or(&"0"))?))
        }
        ("cancel", [handle]) => done(find(handle)?.timer()?.cancel()),
        ("remaining", [handle]) => Ok(find(handle)?.timer()?.remaining()?.map_or("none", |_| "some").into()),
        ("job", [handle, _, options @ ..]) => make_job(handle, name(1), options),
        ("run", [name]) => started(name, sleeper().spawn()?),
        ("spawn", [handle, name]) => {
            let child = find(handle)?.job()?.spawn(&mut sleeper())?;
            started(name, child)
        }
        ("assign", [handle, name]) => done(find(handle)?.job()?.assign(pid_of(name)?)),
        ("process", [handle, name, options @ ..]) => {
            let process = Process::open_in(&place()?, pid_of(name)?, access(options)?)?;
            Ok(keep(handle, false, Object::Process(process)))
        }
        ("code", [handle]) => Ok(find(handle)?.process()?.exit_code()?.map_or("none".into(), |code| code.to_string())),
        ("terminate", [handle, code]) => terminate(handle, number(code)?),
        ("pids", [handle]) => Ok(find(handle)?.job()?.pids()?.len().to_string()),
        ("limit", [handle, most, options @ ..]) => {
            let most = Some(number(most)?).filter(|most| *most != 0);
            let limits = JobLimits { active_processes: most, memory: None, kill_on_close: options.contains(&"kill") };
            done(find(handle)?.job()?.set_limits(limits))
        }
        ("notifications", [handle, job]) => {
            let begun = find(job)?.job()?.notifications()?;
            Ok(keep(handle, false, Object::Notifications(begun)))
        }
        ("told", [handle, limit]) => tell(handle, limit),
        ("reap", [name]) => reap(name),
        ("mapping", [handle, _, size, options @ ..]) => make_mapping(handle, name(1), number(size)?, options),
        ("map", [view, handle, offset, length]) => map(view, &*find(handle)?, number(offset)?, number(length)?),
        ("poke", [view, offset, text]) => done(find_view(view)?.write(number(offset)?, text.as_bytes())),
        ("peek", [view, offset, length]) => {
            shown(number(length)?, |bytes| find_view(view)?.read(number(offset)?, bytes).map_err(Into::into))
        }
        ("unmap", [view]) => Ok(held().views.remove(*view).map_or("fault no view".into(), |_| "ok".into())),
        ("write", [handle, offset, text]) => write(find(handle)?.mapping()?, number(offset)?, text),
        ("read", [handle, offset, length]) => read(find(handle)?.mapping()?, number(offset)?, number(length)?),
        ("half-write", [handle]) => {
            std::mem::forget(find(handle)?.mapping()?.change()?);
            Ok("ok".into())
        }
        ("queue", [handle, _, most, size, options @ ..]) => make_queue(handle, name(1), queue_options(most, size, options)?),
        ("send", [handle, limit, text, options @ ..]) => send(handle, limit, text, options),
        ("recv", [handle, limit]) => receive(handle, limit),
        ("info", [handle]) => info(handle),
        ("open", [kind, handle, name, options @ ..]) => open(kind, handle, name, options),
        ("close", [handle]) => close(handle),
        ("acquire", [handle, limit]) => acquire(handle, limit),
        ("release", [handle]) => release(handle),
        ("set", [handle]) => done(find(handle)?.event()?.set()),
        ("reset", [handle]) => done(find(handle)?.event()?.reset()),
        ("pulse", [handle]) => done(find(handle)?.event()?.pulse()),
        ("state", [handle]) => state(handle),
        ("exists", [kind, name]) => exists(open(kind, "?", name, &["access=0x100000"])),
        ("protect", [handle, word]) => flag(handle, |object| object.set_protected(*word == "on")),
        ("inherit", [handle, word]) => flag(handle, |object| object.set_inheritable(*word == "on")),
        ("flags", [handle]) => flags(handle),
        ("post", [handle, count]) => Ok(find(handle)?.semaphore()?.release(number(count)?)?.to_string()),
        ("fence", [handle]) => Ok(adopted(handle, |guard| guard.fence().to_string())?),
        ("abandoned", [handle]) => Ok(adopted(handle, |guard| if guard.abandoned() { "yes" } else { "no" }.into())?),
        ("wait-any", [limit, handles @ ..]) => {
            let objects = handles.iter().map(|handle| find(handle)).collect::<Result<Vec<_>, _>>()?;
            let taken = byname::wait_any(&waitables(&objects)?, timeout(limit)?)?;
            Ok(told(taken, |index, news| if news { format!("index {index} abandoned") } else { format!("index {index}") }))
        }
        ("wait-all", [limit, handles @ ..]) => {
            let objects = handles.iter().map(|handle| find(handle)).collect::<Result<Vec<_>, _>>()?;
            Ok(told(byname::wait_all(&waitables(&objects)?, timeout(limit)?)?, |_, news| how(news)))
        }
        ("signal-and-wait", [limit, first, second]) => {
            let taken = byname::signal_and_wait(find(first)?.waitable()?, find(second)?.waitable()?, timeout(limit)?)?;
            Ok(told(taken, |_, news| how(news)))
        }
        _ => Err(Failure::Fault(format!("Rust cannot say {verb} {}", texts.join(" ")))),
    }
}

impl Object {
    fn waitable(&self) -> Result<&dyn Waitable, Failure> {
        match self {
            Object::Mutex(mutex) => Ok(mutex),
            Object::Event(event) => Ok(event),
            Object::Semaphore(semaphore) => Ok(semaphore),
            Object::Timer(timer) => Ok(timer),
            Object::Job(job) => Ok(job),
            Object::Process(process) => Ok(process),
            Object::Watchdog(dog) => Ok(dog),
            Object::Mapping(..) => Err(Failure::Fault("in Rust the types do not let a mapping be waited for".into())),
            Object::Reader(end) => Ok(end),
            Object::Writer(end) => Ok(end),
            Object::Notifications(told) => Ok(told),
        }
    }

    fn reader(&self) -> Result<&QueueReader, Failure> {
        let Object::Reader(end) = self else { return Err(Failure::Fault("no reading end".into())) };
        Ok(end)
    }

    fn writer(&self) -> Result<&QueueWriter, Failure> {
        let Object::Writer(end) = self else { return Err(Failure::Fault("no writing end".into())) };
        Ok(end)
    }

    fn job(&self) -> Result<&Job, Failure> {
        let Object::Job(job) = self else { return Err(Failure::Fault("no job".into())) };
        Ok(job)
    }

    fn process(&self) -> Result<&Process, Failure> {
        let Object::Process(process) = self else { return Err(Failure::Fault("no process".into())) };
        Ok(process)
    }

    fn mapping(&self) -> Result<&Mapping, Failure> {
        let Object::Mapping(mapping, _) = self else { return Err(Failure::Fault("no mapping".into())) };
        Ok(mapping)
    }

    fn mutex(&self) -> Result<&Mutex, Failure> {
        let Object::Mutex(mutex) = self else { return Err(Failure::Fault("no mutex".into())) };
        Ok(mutex)
    }

    fn event(&self) -> Result<&Event, Failure> {
        let Object::Event(event) = self else { return Err(Failure::Fault("no event".into())) };
        Ok(event)
    }

    fn semaphore(&self) -> Result<&Semaphore, Failure> {
        let Object::Semaphore(semaphore) = self else { return Err(Failure::Fault("no semaphore".into())) };
        Ok(semaphore)
    }

    fn timer(&self) -> Result<&Timer, Failure> {
        let Object::Timer(timer) = self else { return Err(Failure::Fault("no timer".into())) };
        Ok(timer)
    }

    fn watchdog(&self) -> Result<&Watchdog, Failure> {
        let Object::Watchdog(dog) = self else { return Err(Failure::Fault("no watchdog".into())) };
        Ok(dog)
    }
}

fn find(handle: &str) -> Result<Arc<Object>, Failure> {
    held().objects.get(handle).cloned().ok_or_else(|| Failure::Fault(format!("no handle {handle}")))
}

fn waitables(objects: &[Arc<Object>]) -> Result<Vec<&dyn Waitable>, Failure> {
    objects.iter().map(|object| object.waitable()).collect()
}

/// Where names are looked up.
fn place() -> Result<Namespace, Failure> {
    let profile = if held().ce { Profile::Ce } else { Profile::Desktop };
    Ok(Namespace::local()?.profile(profile)?)
}

fn make_mutex(handle: &str, name: Option<&str>, options: &[&str]) -> Answer {
    let mut how = Mutex::options().namespace(&place()?).access(access(options)?);
    if options.contains(&"owned") {
        how = how.initially_owned();
    }
    let made = name.map_or_else(|| how.unnamed(), |name| how.create(name))?;
    Ok(keep(handle, made.created(), Object::Mutex(made)))
}

fn make_event(handle: &str, name: Option<&str>, reset: &str, options: &[&str]) -> Answer {
    let mut how = Event::options().namespace(&place()?).access(access(options)?);
    if options.contains(&"set") {
        how = how.initially_set();
    }
    let reset = if reset == "manual" { Reset::Manual } else { Reset::Auto };
    let made = name.map_or_else(|| how.unnamed(reset), |name| how.create(name, reset))?;
    Ok(keep(handle, made.created(), Object::Event(made)))
}

fn make_semaphore(handle: &str, name: Option<&str>, initial: u32, maximum: u32, options: &[&str]) -> Answer {
    let mut how = Semaphore::options().namespace(&place()?).access(access(options)?);
    if options.contains(&"robust") {
        how = how.robust();
    }
    let made = name.map_or_else(|| how.unnamed(initial, maximum), |name| how.create(name, initial, maximum))?;
    Ok(keep(handle, made.created(), Object::Semaphore(made)))
}

fn make_timer(handle: &str, name: Option<&str>, reset: &str, options: &[&str]) -> Answer {
    let how = Timer::options().namespace(&place()?).access(access(options)?);
    let reset = if reset == "manual" { Reset::Manual } else { Reset::Auto };
    let made = name.map_or_else(|| how.unnamed(reset), |name| how.create(name, reset))?;
    Ok(keep(handle, made.created(), Object::Timer(made)))
}

fn make_job(handle: &str, name: Option<&str>, options: &[&str]) -> Answer {
    let mut how = Job::options().namespace(&place()?).access(access(options)?);
    if options.contains(&"kill") {
        how = how.kill_on_close();
    }
    let made = name.map_or_else(|| how.unnamed(), |name| how.create(name))?;
    Ok(keep(handle, made.created(), Object::Job(made)))
}

/// A program that sleeps.
fn sleeper() -> std::process::Command {
    let mut command = std::process::Command::new("sleep");
    command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn started(name: &str, child: Child) -> Answer {
    held().children.insert(name.to_owned(), child);
    Ok("ok".into())
}

fn pid_of(name: &str) -> Result<u32, Failure> {
    match name {
        "self" => return Ok(std::process::id()),
        "nobody" => return Ok(0),
        _ => {}
    }
    held().children.get(name).map(Child::id).ok_or_else(|| Failure::Fault(format!("no child {name}")))
}

fn reap(name: &str) -> Answer {
    let mut child = held().children.remove(name).ok_or_else(|| Failure::Fault(format!("no child {name}")))?;
    let status = child.wait()?;
    Ok(status.signal().map_or_else(|| format!("exit {}", status.code().unwrap_or(-1)), |signal| format!("signal {signal}")))
}

fn terminate(handle: &str, code: u32) -> Answer {
    done(match &*find(handle)? {
        Object::Job(job) => job.terminate(code),
        object => object.process()?.terminate(code),
    })
}

fn make_watchdog(handle: &str, name: Option<&str>, [period, grace]: [Duration; 2], action: &str, options: &[&str]) -> Answer {
    let how = Watchdog::options().namespace(&place()?).access(access(options)?);
    let action = if action == "kill" { Action::Kill } else { Action::None };
    let made = name.map_or_else(|| how.unnamed(period, grace, action), |name| how.create(name, period, grace, action))?;
    Ok(keep(handle, made.created(), Object::Watchdog(made)))
}

fn make_mapping(handle: &str, name: Option<&str>, size: u64, options: &[&str]) -> Answer {
    let access = access(options)?;
    let how = Mapping::options().namespace(&place()?).access(access);
    let made = name.map_or_else(|| how.unnamed(size), |name| how.create(name, size))?;
    Ok(keep(handle, made.created(), Object::Mapping(made, of_views(access))))
}

/// What views are for whose handle has this mask.
fn of_views(mask: Access) -> Access {
    match mask.0 {
        1 => Access::MAP_COPY,
        4 => Access::MAP_READ,
        _ => Access::MAP_WRITE,
    }
}

fn map(view: &str, object: &Object, offset: u64, length: u64) -> Answer {
    let Object::Mapping(mapping, access) = object else { return Err(Failure::Fault("no mapping".into())) };
    let mapped = if length == 0 { mapping.view(offset.., *access) } else { mapping.view(offset..offset + length, *access) }?;
    held().views.insert(view.to_owned(), Arc::new(mapped));
    Ok("ok".into())
}

fn find_view(view: &str) -> Result<Arc<View>, Failure> {
    held().views.get(view).cloned().ok_or_else(|| Failure::Fault(format!("no view {view}")))
}

/// Bytes as a word; those that are zero as dots.
fn shown(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), Failure>) -> Answer {
    let mut bytes = vec![0; length];
    fill(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).replace('\0', "."))
}

fn write(mapping: &Mapping, offset: usize, text: &str) -> Answer {
    let view = mapping.view(.., Access::MAP_WRITE)?;
    let change = mapping.change()?;
    view.write(offset, text.as_bytes())?;
    done(change.publish())
}

fn read(mapping: &Mapping, offset: usize, length: usize) -> Answer {
    let view = mapping.view(.., Access::MAP_READ)?;
    shown(length, |bytes| mapping.read_whole(&view, offset, bytes).map(drop).map_err(Into::into))
}

fn queue_options(most: &str, size: &str, options: &[&str]) -> Result<QueueOptions, Failure> {
    let how = QueueOptions::new(number(most)?, number(size)?).namespace(&place()?);
    let how = if options.contains(&"w") { how.writer_only() } else { how.reader_only() };
    Ok(if options.contains(&"broken") { how.allow_broken() } else { how })
}

fn end_of(queue: Queue) -> Result<Object, Failure> {
    match queue.into_ends() {
        (Some(reader), _) => Ok(Object::Reader(reader)),
        (None, Some(writer)) => Ok(Object::Writer(writer)),
        (None, None) => Err(Failure::Fault("a queue without an end".into())),
    }
}

fn make_queue(handle: &str, name: Option<&str>, how: QueueOptions) -> Answer {
    let made = name.map_or_else(|| how.unnamed(), |name| how.create(name))?;
    Ok(keep(handle, made.created(), end_of(made)?))
}

fn send(handle: &str, limit: &str, text: &str, options: &[&str]) -> Answer {
    let object = find(handle)?;
    let (end, limit, text) = (object.writer()?, timeout(limit)?, text.as_bytes());
    let sent = if options.contains(&"alert") { end.send_alert_for(text, limit)? } else { end.send_for(text, limit)? };
    Ok(if sent { "ok" } else { "timeout" }.into())
}

fn receive(handle: &str, limit: &str) -> Answer {
    let message = find(handle)?.reader()?.recv_for(timeout(limit)?)?;
    Ok(message.map_or("timeout".into(), |message| {
        format!("{}{}", String::from_utf8_lossy(&message), if message.is_alert() { " alert" } else { "" })
    }))
}

/// What a job tells, and of whom: a program that this driver has started, or another.
fn tell(handle: &str, limit: &str) -> Answer {
    let object = find(handle)?;
    let Object::Notifications(notifications) = &*object else { return Err(Failure::Fault("no notifications".into())) };
    let Some(told) = notifications.recv_for(timeout(limit)?)? else { return Ok("timeout".into()) };
    let message = told.message.name();
    let held = held();
    let of = held.children.iter().find(|(_, child)| child.id() == told.pid).map_or("other", |(name, _)| name);
    Ok(if told.pid == 0 { message.into() } else { format!("{message} {of}") })
}

fn info(handle: &str) -> Answer {
    let seen = match &*find(handle)? {
        Object::Writer(end) => end.info()?,
        object => object.reader()?.info()?,
    };
    let (ends, most) = (format!("{} readers {} writers", seen.readers, seen.writers), seen.most_messages);
    Ok(format!("{}/{} of {}, {ends}, most {most}", seen.messages, seen.max_messages, seen.max_size))
}

fn open(kind: &str, handle: &str, name: &str, options: &[&str]) -> Answer {
    let access = access(options)?;
    let opened = match kind {
        "mutex" => Object::Mutex(Mutex::options().namespace(&place()?).access(access).open(name)?),
        "event" => Object::Event(Event::options().namespace(&place()?).access(access).open(name)?),
        "job" => Object::Job(Job::options().namespace(&place()?).access(access).open(name)?),
        "watchdog" => Object::Watchdog(Watchdog::options().namespace(&place()?).access(access).open(name)?),
        "timer" => Object::Timer(Timer::options().namespace(&place()?).access(access).open(name)?),
        "mapping" => Object::Mapping(Mapping::options().namespace(&place()?).access(access).open(name)?, of_views(access)),
        "queue" => end_of(queue_options("1", "1", options)?.open(name)?)?,
        _ => Object::Semaphore(Semaphore::options().namespace(&place()?).access(access).open(name)?),
    };
    Ok(keep(handle, false, opened))
}

fn keep(handle: &str, created: bool, object: Object) -> String {
    held().objects.insert(handle.to_owned(), Arc::new(object));
    if created { "ok created" } else { "ok" }.into()
}

fn close(handle: &str) -> Answer {
    let object = held().objects.remove(handle).ok_or_else(|| Failure::Fault(format!("no handle {handle}")))?;
    done(match Arc::into_inner(object) {
        Some(Object::Mutex(mutex)) => mutex.close(),
        Some(Object::Event(event)) => event.close(),
        Some(Object::Semaphore(semaphore)) => semaphore.close(),
        Some(Object::Timer(timer)) => timer.close(),
        Some(Object::Job(job)) => job.close(),
        Some(Object::Process(process)) => process.close(),
        Some(Object::Watchdog(dog)) => dog.close(),
        Some(Object::Mapping(mapping, _)) => mapping.close(),
        Some(Object::Reader(end)) => end.close(),
        Some(Object::Writer(end)) => end.close(),
        Some(Object::Notifications(told)) => told.close(),
        None => return Err(Failure::Fault(format!("handle {handle} is in use: safe Rust cannot close it"))),
    })
}

/// A mutex becomes the thread's, for `release`; a semaphore's permit is kept for it.
fn acquire(handle: &str, limit: &str) -> Answer {
    let polls = limit == "0";
    let abandoned = match &*find(handle)? {
        Object::Mutex(mutex) => (if polls { mutex.try_lock()? } else { mutex.lock_for(timeout(limit)?)? }).map(|guard| {
            let abandoned = guard.abandoned();
            guard.keep();
            abandoned
        }),
        Object::Event(event) => event.wait_for(timeout(limit)?)?.map(|()| false),
        Object::Timer(timer) => timer.wait_for(timeout(limit)?)?.map(|()| false),
        Object::Job(job) => job.wait_for(timeout(limit)?)?.map(|()| false),
        Object::Process(process) => process.wait_for(timeout(limit)?)?.map(|()| false),
        Object::Watchdog(dog) => dog.wait_for(timeout(limit)?)?.map(|()| false),
        end @ (Object::Reader(_) | Object::Writer(_) | Object::Notifications(_)) => {
            byname::wait_any(&[end.waitable()?], timeout(limit)?)?.won().map(|_| false)
        }
        Object::Semaphore(semaphore) => {
            (if polls { semaphore.try_acquire()? } else { semaphore.acquire_for(timeout(limit)?)? }).map(|permit| {
                let abandoned = permit.abandoned();
                held().permits.entry(handle.to_owned()).or_default().push(permit);
                abandoned
            })
        }
        Object::Mapping(..) => return Err(Failure::Fault("in Rust the types do not let a mapping be waited for".into())),
    };
    Ok(abandoned.map_or("timeout".into(), how))
}

fn release(handle: &str) -> Answer {
    let permit = held().permits.get_mut(handle).and_then(Vec::pop);
    done(match (permit, &*find(handle)?) {
        (Some(permit), _) => permit.release(),
        (None, Object::Semaphore(semaphore)) => semaphore.release(1).map(drop), // its wait was one for several objects
        (None, object) => object.mutex()?.release(),
    })
}

/// All of an object's state, in the one form in which every driver tells it.
fn state(handle: &str) -> Answer {
    Ok(match &*find(handle)? {
        Object::Mutex(mutex) => match mutex.state()? {
            MutexState { owner: Some(owner), depth, abandoned: false, .. } => format!("{} {} {depth}", owner.pid, owner.tid),
            MutexState { owner: None, depth: 0, abandoned, .. } => if abandoned { "abandoned" } else { "free" }.into(),
            odd => format!("fault {odd:?}"),
        },
        Object::Event(event) => {
            let EventState { set, reset, .. } = event.state()?;
            format!("{} {}", if reset == Reset::Manual { "manual" } else { "auto" }, if set { "set" } else { "unset" })
        }
        Object::Watchdog(dog) => match dog.state()?.stage {
            WatchdogStage::Stopped => "stopped",
            WatchdogStage::Running => "running",
            WatchdogStage::Grace => "grace",
            WatchdogStage::Expired => "expired",
        }
        .into(),
        Object::Timer(timer) => {
            let seen = timer.state()?;
            format!("{} {}", if seen.reset == Reset::Manual { "manual" } else { "auto" }, if seen.signaled { "set" } else { "unset" })
        }
        Object::Job(job) => format!("manual {}", if job.wait_for(Duration::ZERO)?.is_some() { "set" } else { "unset" }),
        Object::Process(_) => "fault a process has no state".into(),
        Object::Reader(_) | Object::Writer(_) => "fault a queue has no state but its info".into(),
        Object::Notifications(_) => "fault notifications have no state".into(),
        Object::Semaphore(semaphore) => {
            let SemaphoreState { available, maximum, robust, .. } = semaphore.state()?;
            format!("{available}/{maximum}{}", if robust { " robust" } else { "" })
        }
        Object::Mapping(mapping, _) => {
            let seen = mapping.state()?;
            format!("{}/{}", seen.version, seen.size)
        }
    })
}

/// Whether an attempt to open found the name; what it opened is closed again.
fn exists(opened: Answer) -> Answer {
    match opened {
        Ok(_) => close("?").map(|_| "yes".into()),
        Err(Failure::Byname(error)) if error.kind() == ErrorKind::NotFound => Ok("no".into()),
        Err(failure) => Err(failure),
    }
}

/// The handle methods that all kinds have.
macro_rules! on_handle {
    ($object:expr, |$handle:ident| $call:expr) => {
        match $object {
            Object::Mutex($handle) => $call,
            Object::Event($handle) => $call,
            Object::Semaphore($handle) => $call,
            Object::Timer($handle) => $call,
            Object::Job($handle) => $call,
            Object::Process(_) | Object::Notifications(_) => unreachable!("it has no name, and no scenario sets a flag of it"),
            Object::Watchdog($handle) => $call,
            Object::Mapping($handle, _) => $call,
            Object::Reader($handle) => $call,
            Object::Writer($handle) => $call,
        }
    };
}

impl Object {
    fn set_protected(&self, on: bool) -> byname::Result<()> {
        on_handle!(self, |handle| handle.set_protected(on))
    }

    fn set_inheritable(&self, on: bool) -> byname::Result<()> {
        on_handle!(self, |handle| handle.set_inheritable(on))
    }
}

fn flag(handle: &str, change: impl Fn(&Object) -> byname::Result<()>) -> Answer {
    done(change(&*find(handle)?))
}

fn flags(handle: &str) -> Answer {
    let object = find(handle)?;
    let (protected, inheritable) = on_handle!(&*object, |handle| (handle.is_protected()?, handle.is_inheritable()?));
    let words: Vec<&str> =
        [(protected, "protected"), (inheritable, "inheritable")].iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    Ok(if words.is_empty() { "none".into() } else { words.join(" ") })
}

/// What the calling thread's hold says.
fn adopted(handle: &str, say: impl Fn(&byname::MutexGuard<'_>) -> String) -> Answer {
    let object = find(handle)?;
    let guard = object.mutex()?.adopt()?;
    let text = say(&guard);
    guard.keep();
    Ok(text)
}

/// The outcome of a wait, all of whose mutexes and units stay with the thread.
fn told(outcome: Wait, say: impl Fn(usize, bool) -> String) -> String {
    let (won, abandoned) = match outcome {
        Wait::Signaled(won) => (won, false),
        Wait::Abandoned(won) => (won, true),
        Wait::TimedOut => return "timeout".into(),
    };
    let text = say(won.index(), abandoned);
    won.keep();
    text
}

fn how(abandoned: bool) -> String {
    if abandoned { "abandoned" } else { "ok" }.into()
}

/// Closes everything, so that the next scenario finds a clean process.
fn clear() -> Answer {
    let Held { objects, permits, children, views: _, ce: _ } = std::mem::take(&mut *held());
    for mut child in children.into_values() {
        child.kill()?;
        child.wait()?;
    }
    permits.into_values().flatten().for_each(Permit::forget);
    drop(objects);
    Ok("ok".into())
}

/// Runs a command in a forked child of this thread.
fn fork(verb: &str, words: &[Option<String>]) -> Answer {
    let (mut read, mut write) = std::io::pipe()?;
    // SAFETY: the child has this thread only; it runs one command, which takes no lock that another thread of this
    // driver holds (those wait for their commands), and ends by `_exit`.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error().into()),
        0 => {
            let _ = write.write_all(result(verb, words).as_bytes());
            // SAFETY: ends the child at once, without the parent's exit handlers.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(write);
            let mut said = String::new();
            read.read_to_string(&mut said)?;
            // SAFETY: waits for our own child and wants no status.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            Ok(said)
        }
    }
}

/// Forks a child that keeps what it has and does nothing.
fn child() -> Answer {
    // SAFETY: the child only sleeps until it is killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            std::thread::park();
        }
    }
    Ok(format!("child {child}"))
}

/// Locks, counts, unlocks for ever; the ledger shows `B` while the count is half written (see conductor/kill.py).
fn churn(mutex: &Mutex, path: &str) -> Answer {
    let ledger = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    loop {
        let guard = mutex.lock()?;
        let mut line = [0; 42];
        ledger.read_exact_at(&mut line, 0)?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let [fence, count, mark] = line.split_whitespace().collect::<Vec<_>>()[..] else { return Ok("broken line".into()) };
        if mark == "B" && !guard.abandoned() {
            return Ok("broken half".into());
        }
        if number::<u64>(fence)? >= guard.fence() {
            return Ok("broken fence".into());
        }
        for mark in ["B", "E"] {
            ledger.write_all_at(format!("{:019} {:019} {mark}\n", guard.fence(), number::<u64>(count)? + 1).as_bytes(), 0)?;
        }
        guard.release()?;
    }
}

fn done(outcome: byname::Result<()>) -> Answer {
    Ok(outcome.map(|()| "ok".into())?)
}

fn timeout(word: &str) -> Result<Timeout, Failure> {
    match word {
        "inf" => Ok(Timeout::INFINITE),
        _ => Ok(Timeout::from_millis(word.parse().map_err(|_| Failure::Fault(format!("no time {word}")))?)?),
    }
}

fn millis(word: &str) -> Result<Duration, Failure> {
    number(word).map(Duration::from_millis)
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, Failure> {
    word.parse().map_err(|_| Failure::Fault(format!("no number {word}")))
}

/// `access=0x100000` among the options; everything, where it is not there.
fn access(options: &[&str]) -> Result<Access, Failure> {
    let Some(mask) = options.iter().find_map(|option| option.strip_prefix("access=0x")) else { return Ok(Access::ALL) };
    u32::from_str_radix(mask, 16).map(Access).map_err(|_| Failure::Fault(format!("no access mask {mask}")))
}

fn thread_id() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// A word of a line: `-` is the name NULL, `%` the empty one, `%xx` a byte.
fn word(text: &str) -> Option<String> {
    if text == "-" {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
                bytes.push(digit(*high) * 16 + digit(*low));
                rest = tail;
            }
            (b'%', _) => {}
            _ => bytes.push(first),
        }
    }
    Some(String::from_utf8(bytes).expect("the conductor writes UTF-8"))
}
