//! Deeds on the kinds that keep more than a word: queues, mappings, watchdogs, jobs, processes.
//!
//! A watchdog that kills, and a job, have only processes that were started for them: whoever else is killed tells the watcher.

use crate::board::{self, now};
use crate::dice::Dice;
use crate::files::MAPPING;
use crate::worker::{Caller, Hands, after};
use byname::{
    Access, Action, Error, ErrorKind, Event, Incoming, Job, JobLimits, Mapping, Namespace, Outgoing, Process, Queue, QueueOptions, View,
    Waitable, Watchdog,
};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// An object of these kinds.
pub enum More {
    Queue(Queue),
    Mapping(Mapping, View),
    Watchdog(Watchdog),
    Job(Job),
    Process(Process),
}

/// What belongs to no handle.
#[derive(Default)]
pub struct Halves {
    outgoing: Vec<Outgoing>,
    incoming: Vec<Incoming>,
    views: Vec<View>,
}

/// The names of the attacked ones.
pub fn names() -> Vec<String> {
    let of = |kind: &'static str, count| (0..count).map(move |i| format!("attacked {kind} {i}"));
    of("queue", 4).chain(of("mapping", 3)).chain(of("dog", 2)).chain(of("job", 2)).collect()
}

/// By the number in their name: messages, largest, and whether memory comes late.
const QUEUES: [(u32, u32, bool); 4] = [(4, 64, false), (16, 5000, false), (0, 200_000, true), (3, 70_000, true)];

/// What damaged bytes may bring to these kinds besides what they may bring to all.
const EXPLAINED: [ErrorKind; 3] = [ErrorKind::Disconnected, ErrorKind::MessageTooLong, ErrorKind::InvalidArgument];

impl More {
    /// Makes or opens one.
    pub fn make(caller: &Caller, namespace: &Namespace, dice: &mut Dice, may_watch: bool) -> Option<More> {
        let (open, unnamed) = (dice.one_in(3), dice.one_in(4));
        let what = if open { "open" } else { "create" };
        let kind = dice.below(12);
        let made = match kind {
            0..5 => {
                let number = dice.below(4) as usize;
                let (messages, size, late) = QUEUES[number];
                let options = QueueOptions::new(messages, size).namespace(namespace);
                let options = if dice.one_in(3) { options } else { options.allow_broken() };
                let options = if late { options.no_precommit() } else { options };
                let name = format!("attacked queue {number}");
                caller
                    .call(what, None, || match (unnamed, open) {
                        (true, _) => options.unnamed(),
                        (_, true) => options.open(&name),
                        _ => options.create(&name),
                    })
                    .map(More::Queue)
            }
            5..8 => {
                let (name, of_file) = (format!("attacked mapping {}", dice.below(3)), dice.one_in(4));
                let options = Mapping::options().namespace(namespace);
                caller.call(what, None, || {
                    let mapping = match (unnamed, open, of_file) {
                        (true, ..) => options.unnamed(MAPPING)?,
                        (_, true, _) => options.open(&name)?,
                        (.., true) => options.file(&caller.plain).create(&name, MAPPING)?,
                        _ => options.create(&name, MAPPING)?,
                    };
                    let view = mapping.view(.., Access::MAP_WRITE)?;
                    Ok(More::Mapping(mapping, view))
                })
            }
            8 | 9 => {
                let name = format!("attacked dog {}", dice.below(2));
                let options = Watchdog::options().namespace(namespace);
                let (period, grace) = (Duration::from_millis(5), Duration::from_millis(dice.below(20)));
                caller
                    .call(what, None, || match (unnamed || !may_watch, open) {
                        (true, _) => options.unnamed(period, grace, Action::None),
                        (_, true) => options.open(&name),
                        _ => options.create(&name, period, grace, Action::None),
                    })
                    .map(More::Watchdog)
            }
            10 if dice.one_in(3) => {
                let name = format!("attacked job {}", dice.below(2));
                let options = Job::options().namespace(namespace);
                let options = if dice.one_in(2) { options.kill_on_close() } else { options };
                caller
                    .call(what, None, || match (unnamed, open) {
                        (true, _) => options.unnamed(),
                        (_, true) => options.open(&name),
                        _ => options.create(&name),
                    })
                    .map(More::Job)
            }
            _ => {
                // SAFETY: asks for a number only.
                let pid = dice.of(&[std::process::id(), unsafe { libc::getppid() } as u32]);
                caller.call("create", None, || Process::open_in(namespace, pid, Access::SYNCHRONIZE | Access(0x0400))).map(More::Process)
            }
        };
        if let (Err(error), 10) = (&made, kind)
            && error.kind() == ErrorKind::Unsupported
        {
            return None; // no jobs on this machine
        }
        let mut thing = None;
        count(caller, what, made.map(|made| thing = Some(made)).map(|()| board::DONE));
        thing
    }

    pub fn waitable(&self, of_writer: bool) -> Option<Box<dyn Waitable>> {
        Some(match self {
            More::Queue(queue) if of_writer => Box::new(queue.writer().ok()?),
            More::Queue(queue) => Box::new(queue.reader().ok()?),
            More::Mapping(mapping, _) => Box::new(mapping.changed().ok()?),
            More::Watchdog(dog) => Box::new(dog.try_clone().ok()?),
            More::Job(job) => Box::new(job.try_clone().ok()?),
            More::Process(process) => Box::new(process.try_clone().ok()?),
        })
    }

    pub fn close(self) -> Result<(), Error> {
        match self {
            More::Queue(queue) => queue.close(),
            More::Mapping(mapping, _) => mapping.close(),
            More::Watchdog(dog) => dog.close(),
            More::Job(job) => job.close(),
            More::Process(process) => process.close(),
        }
    }
}

fn count(caller: &Caller, what: &str, outcome: Result<usize, Error>) {
    caller.count_but(what, outcome, &EXPLAINED);
}

/// Bytes of which a receiver sees whether they are of one message: in an attacked queue they need not be.
fn message(dice: &mut Dice, most: u64) -> Vec<u8> {
    let len = dice.of(&[1, 8, most / 2, most]).max(1);
    vec![len as u8; len as usize]
}

/// One deed on one of them.
pub fn act(hands: &mut Hands<'_>, which: usize, limit: Duration) {
    let Hands { caller, more, halves, dice, .. } = hands;
    match &more[which] {
        More::Queue(queue) => with_queue(caller, queue, halves, dice, limit),
        More::Mapping(mapping, view) => with_mapping(caller, mapping, view, halves, dice, limit),
        More::Watchdog(dog) => with_watchdog(caller, dog, dice, limit, hands.may_watch),
        More::Job(job) => with_job(caller, job, dice, limit),
        More::Process(process) => match dice.below(3) {
            0 => count(caller, "look at a process", caller.call("look at a process", None, || process.exit_code()).map(|_| board::DONE)),
            1 => {
                let cloned = caller.call("clone and name", None, || process.try_clone());
                count(caller, "clone and name", cloned.map(|_| board::DONE));
            }
            _ => {
                let waited = caller.call("wait for a process", Some(limit), || process.wait_for(limit));
                count(caller, "wait for a process", waited.map(|got| after(got.map(|()| false))));
            }
        },
    }
}

fn with_queue(caller: &Caller, queue: &Queue, halves: &mut Halves, dice: &mut Dice, limit: Duration) {
    let info = queue.info();
    let most = info.as_ref().map_or(64, |info| u64::from(info.max_size).clamp(1, 200_000));
    // One that nobody can read any more would fill the file system.
    let is_long = info.is_ok_and(|info| info.messages > 200);
    match dice.below(10) {
        0 | 1 | 4 if is_long => {}
        0 | 1 => {
            let (message, alert) = (message(dice, most), dice.one_in(8));
            let sent = caller.call("send", Some(limit), || match queue.writer() {
                Ok(writer) if alert => writer.send_alert_for(&message, limit),
                _ => queue.send_for(&message, limit),
            });
            count(caller, "send", sent.map(|sent| after(sent.then_some(false))));
        }
        2 | 3 => {
            let got = caller.call("receive", Some(limit), || queue.recv_for(limit));
            count(
                caller,
                "receive",
                got.map(|got| after(got.map(|message| message.iter().fold(0, |sum, byte| sum ^ byte)).map(|_| false))),
            );
        }
        4 => {
            let len = dice.of(&[1, most as usize]);
            let reserved = caller.call("reserve", Some(limit), || match queue.writer() {
                Ok(writer) => writer.reserve_for(len, limit),
                Err(error) => Err(error),
            });
            let got = reserved.map(|got| {
                let is_there = got.is_some();
                halves.outgoing.extend(got.map(|mut room| {
                    room.fill(7);
                    room
                }));
                after(is_there.then_some(false))
            });
            count(caller, "reserve", got);
        }
        5 => {
            let taken = caller.call("take", Some(limit), || match queue.reader() {
                Ok(reader) => reader.take_for(limit),
                Err(error) => Err(error),
            });
            let got = taken.map(|got| {
                let is_there = got.is_some();
                halves.incoming.extend(got.inspect(|message| drop(std::hint::black_box(message.to_vec()))));
                after(is_there.then_some(false))
            });
            count(caller, "take", got);
        }
        6 | 7 => {
            if halves.outgoing.len() > dice.below(4) as usize {
                let room = halves.outgoing.swap_remove(0);
                let (len, give_up) = (room.len(), dice.one_in(4));
                if give_up {
                    caller.call("commit", None, || drop(room));
                } else {
                    let sent = caller.call("commit", None, || room.commit_first(len.div_ceil(2)));
                    count(caller, "commit", sent.map(|()| board::DONE));
                }
            }
            if halves.incoming.len() > dice.below(4) as usize {
                let message = halves.incoming.swap_remove(0);
                std::hint::black_box(message.to_vec());
                count(caller, "give back", caller.call("give back", None, || message.release()).map(|()| board::DONE));
            }
        }
        8 => {
            let ended = caller.call("come and go", None, || {
                let (reader, writer) = (queue.reader()?, queue.writer()?);
                let pollable = reader.pollable()?;
                drop(pollable);
                reader.close()?;
                writer.close()
            });
            count(caller, "come and go", ended.map(|()| board::DONE));
        }
        _ => count(caller, "look at a queue", caller.call("look at a queue", None, || queue.info()).map(|_| board::DONE)),
    }
}

fn with_mapping(caller: &Caller, mapping: &Mapping, view: &View, halves: &mut Halves, dice: &mut Dice, limit: Duration) {
    let at = dice.below(MAPPING / 8 - 64) as usize * 8;
    match dice.below(8) {
        0 | 1 => {
            let changed = caller.call("change", None, || {
                let change = mapping.change()?;
                view.write(at, &[at as u8; 500])?;
                change.publish()
            });
            count(caller, "change", changed.map(|()| board::DONE));
        }
        2 => count(caller, "publish", caller.call("publish", None, || mapping.publish()).map(|()| board::DONE)),
        3 | 4 => {
            let mut bytes = [0; 500];
            let read = caller.call("read whole", Some(limit), || mapping.read_whole_for(view, at, &mut bytes, limit));
            count(caller, "read whole", read.map(|read| after(read.map(|_| false))));
        }
        5 => {
            let mapped = caller.call("map", None, || mapping.view(.., Access::MAP_READ));
            if halves.views.len() > 4 {
                halves.views.clear();
            }
            let read = mapped.and_then(|view| {
                view.read(at.min(view.len() - 8), &mut [0; 8])?;
                halves.views.push(view);
                Ok(board::DONE)
            });
            count(caller, "map", read);
        }
        6 => {
            let bell = caller.call("ring", Some(limit), || mapping.changed().and_then(|bell: Event| bell.wait_for(limit)));
            count(caller, "ring", bell.map(|got| after(got.map(|()| false))));
        }
        _ => {
            let looked =
                caller.call("look at a mapping", None, || mapping.state().and_then(|_| mapping.size()).and_then(|_| mapping.version()));
            count(caller, "look at a mapping", looked.map(|_| board::DONE));
        }
    }
}

fn with_watchdog(caller: &Caller, dog: &Watchdog, dice: &mut Dice, limit: Duration, may_watch: bool) {
    match dice.below(6) {
        0 if may_watch => count(caller, "start a dog", caller.call("start a dog", None, || dog.start()).map(|()| board::DONE)),
        0 | 1 => count(caller, "refresh", caller.call("refresh", None, || dog.refresh()).map(|()| board::DONE)),
        2 => count(caller, "stop", caller.call("stop", None, || dog.stop()).map(|()| board::DONE)),
        3 => {
            let looked = caller.call("look at a dog", None, || dog.state().and_then(|_| dog.is_signaled()));
            count(caller, "look at a dog", looked.map(|_| board::DONE));
        }
        _ => {
            let waited = caller.call("wait for a dog", Some(limit), || dog.wait_for(limit));
            count(caller, "wait for a dog", waited.map(|got| after(got.map(|()| false))));
        }
    }
}

fn with_job(caller: &Caller, job: &Job, dice: &mut Dice, limit: Duration) {
    match dice.below(8) {
        choice @ 0..3 => {
            let mut command = Command::new("sleep");
            command.arg("5").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            // SAFETY: one system call on constants; it does not outlive us.
            unsafe {
                command.pre_exec(|| {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    Ok(())
                })
            };
            let child = match choice {
                0 => caller.call("spawn into a job", None, || job.spawn(&mut command)),
                _ => Ok(command.spawn().unwrap()),
            };
            let Ok(mut child) = child.map_err(|error| count(caller, "spawn into a job", Err(error))) else { return };
            if choice > 0 {
                count(caller, "assign", caller.call("assign", None, || job.assign(child.id())).map(|()| board::DONE));
            }
            let looked = caller.call("look at a job", None, || job.contains(child.id()).and_then(|_| job.pids()));
            count(caller, "look at a job", looked.map(|_| board::DONE));
            if choice < 2 {
                count(caller, "terminate", caller.call("terminate", None, || job.terminate(7)).map(|()| board::DONE));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        3 => count(caller, "terminate", caller.call("terminate", None, || job.terminate(3)).map(|()| board::DONE)),
        4 => {
            let limits = JobLimits { kill_on_close: dice.one_in(2), active_processes: dice.one_in(3).then_some(8), ..JobLimits::default() };
            count(caller, "limit a job", caller.call("limit a job", None, || job.set_limits(limits)).map(|()| board::DONE));
        }
        5 => {
            let waited = caller.call("wait for a job", Some(limit), || job.wait_for(limit));
            count(caller, "wait for a job", waited.map(|got| after(got.map(|()| false))));
        }
        _ => {
            let looked = caller.call("look at a job", None, || job.accounting().and_then(|_| job.limits()).and_then(|_| job.doors()));
            count(caller, "look at a job", looked.map(|_| board::DONE));
        }
    }
}

/// A forked child that is watched, and hangs. The dog may be damaged: then it ends by itself.
pub fn hang(namespace: &Namespace) -> ! {
    let began = now();
    let dog = Watchdog::options().namespace(namespace).unnamed(Duration::from_millis(5), Duration::from_millis(1), Action::Kill);
    let _started = dog.as_ref().map(Watchdog::start);
    while now() - began < 100_000_000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: ends this process; nobody waits for its destructors.
    unsafe { libc::_exit(0) }
}

/// Whether a loss is that of a file beside the arena, which is not the namespace's.
pub fn is_of_memory(error: &Error) -> bool {
    error.message().contains(".memory.")
}
