//! The Rust worker: counts the words of a text's chunks and enters each count in a ledger that workers in C, Python
//! and Node share.
//!
//! ```text
//! byname-demo DIRECTORY NAME [CHUNK...]
//! ```
//!
//! DIRECTORY holds `text`, `plan` (one line a chunk: offset, length) and `ledger`. The CHUNKs are this worker's own
//! from the beginning; the others go to whoever claims them first. README.md says how the workers work together.

use byname::{Event, Mutex, MutexGuard, Semaphore};
use std::collections::VecDeque;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What may keep this worker waiting longer is dead itself.
const PATIENCE: Duration = Duration::from_secs(120);
/// Stands where the first line looks for the hash of the line before.
const GENESIS: &str = "0000000000000000";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, name, own @ ..] = arguments.as_slice() else {
        return Err("usage: byname-demo DIRECTORY NAME [CHUNK...]".into());
    };
    let directory = Path::new(directory);
    let (ready, gate) = (Semaphore::open("ready")?, Semaphore::open("gate")?);
    let (start, done) = (Event::open("start")?, Event::open("done")?);
    let mutex = Mutex::open("ledger")?;
    let plan = read_plan(&directory.join("plan"))?;
    let mut ledger = Ledger::open(&directory.join("ledger"), plan.len())?;
    let text = File::open(directory.join("text"))?;
    let mut hand = VecDeque::new();
    for chunk in own {
        hand.push_back(Claim::attempt(chunk.parse()?)?.ok_or_else(|| format!("chunk {chunk} is somebody else's"))?);
    }

    ready.release(1)?;
    start.wait_for(PATIENCE)?.ok_or("no start signal")?;
    loop {
        let mine = match hand.pop_front() {
            Some(claim) => Some(claim),
            None => find_claim(&mutex, &mut ledger)?,
        };
        let Some(claim) = mine else { break };
        let permit = gate.acquire()?;
        if permit.abandoned() {
            println!("permit");
        }
        let (offset, length) = plan[claim.chunk];
        let mut data = vec![0; length];
        text.read_exact_at(&mut data, offset)?;
        let words = count_words(&data);
        let owned = ledger.enter(&mutex)?;
        ledger.append(claim.chunk, words, name, owned.fence())?;
        drop(owned);
        drop(permit);
        claim.release()?;
        done.set()?;
    }
    println!("report {} {}", ledger.acquired, ledger.abandoned);
    Ok(())
}

/// Claims a chunk that nobody has counted or holds. Without a free chunk, waits for the holder of the first one: it
/// finishes, or dies.
fn find_claim(mutex: &Mutex, ledger: &mut Ledger) -> Result<Option<Claim>> {
    loop {
        let owned = ledger.enter(mutex)?;
        let missing: Vec<usize> = (0..ledger.done.len()).filter(|&chunk| !ledger.done[chunk]).collect();
        for &chunk in &missing {
            if let Some(claim) = Claim::attempt(chunk)? {
                return Ok(Some(claim));
            }
        }
        drop(owned);
        let Some(first) = missing.first() else { return Ok(None) };
        drop(Mutex::create(&chunk_name(*first))?.lock()?);
    }
}

/// A chunk that this worker alone counts. The claim is a mutex named after the chunk: it dies with its process.
struct Claim {
    chunk: usize,
    mutex: Mutex,
}

impl Claim {
    fn attempt(chunk: usize) -> Result<Option<Claim>> {
        let mutex = Mutex::create(&chunk_name(chunk))?;
        match mutex.try_lock()? {
            Some(guard) => guard.keep(), // until `release`
            None => return Ok(None),
        }
        Ok(Some(Claim { chunk, mutex }))
    }

    fn release(self) -> Result<()> {
        Ok(self.mutex.release()?)
    }
}

fn chunk_name(chunk: usize) -> String {
    format!("chunk {chunk}")
}

/// The shared file. Its mutex stays outside, so that the guard of one call does not borrow the other calls' state;
/// `enter` is the only way in.
struct Ledger {
    file: File,
    /// What lies before this offset was read and verified.
    end: u64,
    lines: u64,
    hash: String,
    done: Vec<bool>,
    acquired: u64,
    abandoned: u64,
}

impl Ledger {
    fn open(path: &Path, chunks: usize) -> Result<Ledger> {
        let file = File::options().read(true).append(true).open(path)?;
        Ok(Ledger { file, end: 0, lines: 0, hash: GENESIS.into(), done: vec![false; chunks], acquired: 0, abandoned: 0 })
    }

    /// Takes the mutex and reads what the others wrote meanwhile. Half a line is what a dead owner leaves: it is cut off.
    fn enter<'a>(&mut self, mutex: &'a Mutex) -> Result<MutexGuard<'a>> {
        let owned = mutex.lock()?;
        self.acquired += 1;
        let mut new = vec![0; (self.file.metadata()?.len() - self.end) as usize];
        self.file.read_exact_at(&mut new, self.end)?;
        let mut rest = std::str::from_utf8(&new)?;
        while let Some((line, after)) = rest.split_once('\n') {
            self.read_line(line)?;
            rest = after;
        }
        if !rest.is_empty() && !owned.abandoned() {
            return Err(format!("the ledger ends in half a line, {rest:?}, though no owner died").into());
        }
        if !rest.is_empty() {
            self.file.set_len(self.end)?;
        }
        if owned.abandoned() {
            self.abandoned += 1;
            println!("repaired {} {}", rest.len(), owned.fence());
        }
        Ok(owned)
    }

    fn read_line(&mut self, line: &str) -> Result<()> {
        let broken = || format!("the ledger's chain breaks at line {}: {line:?}", self.lines + 1);
        let (body, hash) = line.rsplit_once(' ').ok_or_else(broken)?;
        if hash != chained(&self.hash, body) {
            return Err(broken().into());
        }
        let chunk: usize = body.split(' ').nth(1).ok_or_else(broken)?.parse()?;
        *self.done.get_mut(chunk).ok_or_else(broken)? = true;
        self.lines += 1;
        self.hash = hash.into();
        self.end += line.len() as u64 + 1;
        Ok(())
    }

    /// Appends a line: its number, what it says, and a hash over that and the hash of the line before. It goes out in
    /// two pieces, as with every worker: exclusion has to hold between them.
    fn append(&mut self, chunk: usize, words: usize, name: &str, fence: u64) -> Result<()> {
        let body = format!("{} {chunk} {words} {name} {fence}", self.lines + 1);
        let line = format!("{body} {}\n", chained(&self.hash, &body));
        let (first, second) = line.split_at(line.len() / 2);
        self.file.write_all(first.as_bytes())?;
        self.file.write_all(second.as_bytes())?;
        Ok(())
    }
}

/// The FNV-1a hash of the hash before and the text after it, as 16 hexadecimal digits.
fn chained(before: &str, body: &str) -> String {
    let hash = before
        .bytes()
        .chain(body.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// Counts the runs of bytes that are not ASCII white space: a space, and the bytes 9 to 13, whatever the language.
fn count_words(data: &[u8]) -> usize {
    data.split(|byte| matches!(byte, b' ' | 9..=13)).filter(|word| !word.is_empty()).count()
}

fn read_plan(path: &Path) -> Result<Vec<(u64, usize)>> {
    let mut plan = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let (offset, length) = line.split_once(' ').ok_or("a line of the plan lacks its length")?;
        plan.push((offset.parse()?, length.parse()?));
    }
    Ok(plan)
}
