//! The operations of the Rust worker on queues, timers, the board, jobs; and the life of a dog. `ledger.py` says what is written where.

use super::{Book, Count, Done, END, Fault, HELD, Lane, MORE_COUNTS, OPERATIONS, PHASE, ROBUST_ONES, mix};
use byname::{
    Access, Action, ErrorKind, Incoming, Job, Mapping, Process, Queue, QueueOptions, QueueReader, QueueWriter, Reset, Timer, View, Watchdog,
};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const QUEUES: [usize; 3] = [256, 9_000, 70_000];
const TIMERS: usize = 2;
const BOARD: usize = 16_384;
const HEAD: usize = 32;
const SENDING: usize = 48;
const RECEIVING: usize = 51;
const TICKS: usize = 52;
const CHANGING: usize = 54;
const JOB_CHILD: usize = 55;
const REFRESHED_AT: usize = 56;

/// What all lanes of a worker share.
pub struct More {
    queues: Vec<(QueueWriter, QueueReader)>,
    timers: Vec<Timer>,
    board: Mapping,
    view: View,
    has_jobs: bool,
}

impl More {
    pub fn open() -> Result<More, Fault> {
        let ends = |i: usize| match QueueOptions::new(1, 1).open(&format!("q{i}")).map(Queue::into_ends)? {
            (Some(reader), Some(writer)) => Ok((writer, reader)),
            _ => Err(Fault("a queue without an end".into())),
        };
        let board = Mapping::open("board")?;
        Ok(More {
            queues: (0..QUEUES.len()).map(ends).collect::<Result<_, Fault>>()?,
            timers: (0..TIMERS).map(|i| Timer::open(&format!("t{i}"))).collect::<byname::Result<_>>()?,
            view: board.view(.., Access::MAP_WRITE)?,
            board,
            has_jobs: !Job::unnamed().is_err_and(|error| error.kind() == ErrorKind::Unsupported),
        })
    }
}

/// What a lane has in its hand.
pub struct Hand {
    /// Slot, lane and seed, unlike any other's: pids come again.
    writer: u64,
    record: File,
    held: Vec<Incoming>,
}

impl Hand {
    pub fn new(ledger: &str, slot: usize, number: usize, seed: u32) -> std::io::Result<Hand> {
        let record = File::options().append(true).create(true).open(format!("{ledger}.record-{slot}-{number}"))?;
        Ok(Hand { writer: (slot as u64) << 40 | (number as u64) << 32 | u64::from(seed), record, held: vec![] })
    }

    pub fn let_go(&mut self) -> Done {
        self.held.drain(..).try_for_each(Incoming::release)?;
        Ok(())
    }
}

/// What a lane does with them, in the order of the ledger's words.
#[derive(Clone, Copy)]
enum Deed {
    Sent,
    Received,
    InPlace,
    Tick,
    Changed,
    ReadWhole,
    Job,
    Refreshed,
}

fn pattern(n: u64, bytes: &mut [u8]) {
    bytes.iter_mut().zip(n..).for_each(|(byte, value)| *byte = value as u8);
}

fn check(writer: u64, n: u64, queue: usize, len: usize) -> u32 {
    mix(u64::from(writer as u32 ^ queue as u32), n, len as u64) as u32
}

fn write_letter(letter: &mut [u8], writer: u64, n: u64, queue: usize) {
    let len = letter.len();
    let (head, body) = letter.split_at_mut(HEAD);
    head[..8].copy_from_slice(&writer.to_le_bytes());
    head[8..16].copy_from_slice(&n.to_le_bytes());
    let words = [queue as u32, len as u32, check(writer, n, queue, len), 0];
    head[16..].chunks_exact_mut(4).zip(words).for_each(|(to, word)| to.copy_from_slice(&word.to_le_bytes()));
    pattern(n, body);
}

/// Writer and number of a letter, which must be whole.
fn read_letter(letter: &[u8], queue: usize) -> Result<(u64, u64), Fault> {
    let word = |at: usize| letter.get(at..at + 8).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
    let (writer, n) = (word(0), word(8));
    let mut wanted = vec![0; letter.len().max(HEAD)];
    write_letter(&mut wanted, writer, n, queue);
    if wanted == letter { Ok((writer, n)) } else { Err(Fault(format!("a letter of {} bytes in queue {queue} is not whole", letter.len()))) }
}

fn board(version: u64) -> Vec<u8> {
    let mut bytes = vec![0; BOARD];
    if version > 0 {
        bytes[..8].copy_from_slice(&version.to_le_bytes());
        pattern(version, &mut bytes[8..]);
    }
    bytes
}

impl Lane<'_> {
    /// Some wait without an end: while everybody comes to rest the conductor sends, and makes room.
    fn limit(&mut self) -> Option<Duration> {
        let (limit, forever) = (self.patience(), self.dice(8) == 0);
        if forever && self.get(HELD) & ROBUST_ONES == 0 && self.hand.held.is_empty() { None } else { Some(limit) }
    }

    fn count_deed(&self, what: Deed) {
        self.add(MORE_COUNTS + what as usize);
        self.add(OPERATIONS);
    }

    /// A letter that is about to be sent.
    fn letter(&mut self, q: usize) -> (u64, Vec<u8>) {
        let rest = QUEUES[q] - HEAD;
        let len = HEAD + [0, self.dice(100) as usize, rest][(self.dice(16) % 7 / 3) as usize];
        let n = self.get(SENDING + q) / 2 + 1;
        let mut letter = vec![0; len];
        write_letter(&mut letter, self.hand.writer, n, q);
        self.put(SENDING + q, 2 * n - 1);
        (n, letter)
    }

    fn sent(&self, q: usize, n: u64, sent: bool, how: Deed) {
        self.put(SENDING + q, if sent { 2 * n } else { 2 * n - 2 });
        if sent { self.count_deed(how) } else { self.count(Count::TimedOut) }
    }

    fn send(&mut self) -> Done {
        let (q, in_place, limit) = (self.dice(3) as usize, self.dice(3) == 0, self.limit());
        let writer = &self.worker.more.queues[q].0;
        let (n, letter) = self.letter(q);
        let sent = if !in_place {
            writer.send_for(&letter, limit)?
        } else if let Some(mut frame) = writer.reserve_for((letter.len() + self.dice(5) as usize).min(QUEUES[q]), limit)? {
            frame[..letter.len()].copy_from_slice(&letter);
            let commits = self.dice(16) != 0;
            if commits {
                frame.commit_first(letter.len())?
            } else {
                drop(frame)
            }
            commits
        } else {
            false
        };
        self.sent(q, n, sent, if in_place { Deed::InPlace } else { Deed::Sent });
        Ok(())
    }

    fn received(&mut self, q: usize, letter: Option<&[u8]>, how: Deed) -> Done {
        if let Some(letter) = letter {
            let (writer, n) = read_letter(letter, q)?;
            let record: Vec<u8> = [writer, n, q as u64, self.hand.writer].iter().flat_map(|word| word.to_le_bytes()).collect();
            self.hand.record.write_all(&record).map_err(|error| Fault(error.to_string()))?;
        }
        self.put(RECEIVING, 0);
        if letter.is_some() {
            self.count_deed(how)
        } else {
            self.count(Count::TimedOut)
        }
        Ok(())
    }

    fn receive(&mut self) -> Done {
        let (q, in_place, limit) = (self.dice(3) as usize, self.dice(3) == 0, self.limit());
        let reader = &self.worker.more.queues[q].1;
        self.put(RECEIVING, q as u64 + 1);
        if !in_place {
            let letter = reader.recv_for(limit)?;
            return self.received(q, letter.as_deref(), Deed::Received);
        }
        let letter = reader.take_for(limit)?;
        self.received(q, letter.as_deref(), Deed::InPlace)?;
        self.hand.held.extend(letter);
        if self.dice(4) != 0 || self.hand.held.len() > 1 { self.hand.let_go() } else { Ok(()) }
    }

    fn tick(&mut self) -> Done {
        let (i, limit) = (self.dice(TIMERS as u32 + 1) as usize, self.patience());
        if let Some(timer) = self.worker.more.timers.get(i) {
            if timer.wait_for(limit)?.is_some() {
                self.add(TICKS + i);
            }
        } else {
            let (timer, began) = (Timer::unnamed(Reset::Auto)?, Instant::now());
            timer.set(limit, Duration::ZERO)?;
            timer.wait()?;
            if began.elapsed() < limit {
                return Err(Fault(format!("a timer of {limit:?} came after {:?}", began.elapsed())));
            }
        }
        self.count_deed(Deed::Tick);
        Ok(())
    }

    fn change(&mut self) -> Done {
        let more = &self.worker.more;
        self.put(CHANGING, 1);
        match more.board.change() {
            Err(error) if error.kind() == ErrorKind::NotOwner => self.count(Count::TimedOut), // somebody else is at it
            change => {
                let change = change?;
                more.view.write(0, &board(more.board.version()? + 1))?;
                change.publish()?;
                self.count_deed(Deed::Changed);
            }
        }
        self.put(CHANGING, 0);
        Ok(())
    }

    fn look(&mut self) -> Done {
        let (more, limit) = (&self.worker.more, self.limit());
        let mut bytes = vec![0; BOARD];
        match more.board.read_whole_for(&more.view, 0, &mut bytes, limit) {
            Ok(Some(version)) if bytes == board(version) => {}
            Ok(Some(version)) => return Err(Fault(format!("the board is torn at version {version}: {:?}", &bytes[..8]))),
            Err(error) if error.kind() == ErrorKind::Disconnected => {} // a writer died in the middle
            read => drop(read?),
        }
        self.count_deed(Deed::ReadWhole);
        Ok(())
    }

    /// A process in a job, seen as a process, and ended by the job's end, in this way or that.
    fn job(&mut self) -> Done {
        let job = Job::options().kill_on_close().unnamed()?;
        let mut child = job.spawn(Command::new("sleep").arg("1000").stdin(Stdio::null()))?;
        self.put(JOB_CHILD, child.id().into());
        let process = Process::open(child.id())?;
        if job.pids()? != [child.id()] || process.wait_for(Duration::ZERO)?.is_some() {
            return Err(Fault(format!("a job of {} has {:?}", child.id(), job.pids()?)));
        }
        if self.dice(2) == 0 {
            job.terminate(77)?;
            process.wait()?;
            let (code, left) = (process.exit_code()?, job.pids()?);
            if code != Some(77) || !left.is_empty() || job.wait_for(Duration::ZERO)?.is_none() {
                return Err(Fault(format!("a job that was terminated has {left:?}, and its process told {code:?}")));
            }
            job.close()?;
        } else {
            job.close()?;
            process.wait()?;
        }
        let status = child.wait().map_err(|error| Fault(error.to_string()))?;
        if status.signal() != Some(libc::SIGKILL) {
            return Err(Fault(format!("a process of a job ended with {status}")));
        }
        self.put(JOB_CHILD, 0);
        self.count_deed(Deed::Job);
        Ok(())
    }

    pub fn operate_more(&mut self) -> Done {
        match self.dice(128) {
            0..56 => self.send(),
            56..114 => self.receive(),
            114..118 => self.tick(),
            118..122 => self.change(),
            127 if self.worker.more.has_jobs => self.job(),
            _ => self.look(),
        }
    }

    /// The same by a future, as far as there is one.
    pub fn operate_more_async(&mut self) -> Done {
        let (q, what) = (self.dice(3) as usize, self.dice(8));
        let (writer, reader) = &self.worker.more.queues[q];
        let limit = self.patience();
        self.count(Count::Async);
        match what {
            0..3 => {
                let (n, letter) = self.letter(q);
                // What is dropped has sent nothing, or all: it is told by the poll that came before.
                let sent = super::drive(writer.send_async(&letter), Some(limit)).transpose()?;
                self.sent(q, n, sent.is_some(), Deed::Sent);
            }
            3..7 => {
                self.put(RECEIVING, q as u64 + 1);
                let letter = super::drive(reader.recv_async(), Some(limit)).transpose()?;
                self.received(q, letter.as_deref(), Deed::Received)?;
            }
            _ => {
                let i = self.dice(TIMERS as u32) as usize;
                if super::drive(self.worker.more.timers[i].wait_async(), Some(limit)).transpose()?.is_some() {
                    self.add(TICKS + i);
                }
                self.count_deed(Deed::Tick);
            }
        }
        Ok(())
    }
}

/// Refreshes in time, unless somebody stops it.
pub fn live_as_dog(worker: &Book, at: usize) -> Done {
    let now = || {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the buffer is valid.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    };
    let dog = Watchdog::unnamed(Duration::from_millis(300), Duration::from_millis(100), Action::Kill)?;
    let mut before = now();
    dog.start()?;
    while worker.get(PHASE) != END {
        worker.put(at + REFRESHED_AT, before);
        for word in [OPERATIONS, MORE_COUNTS + Deed::Refreshed as usize] {
            worker.put(at + word, worker.get(at + word) + 1);
        }
        std::thread::sleep(Duration::from_millis(10));
        before = now();
        dog.refresh()?;
    }
    dog.stop()?;
    Ok(())
}
