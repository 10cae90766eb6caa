// The Node worker: counts the words of a text's chunks and enters each count in a ledger that workers in C, Python
// and Rust share.
//
//     node worker.mjs DIRECTORY NAME [CHUNK...]
//
// DIRECTORY holds `text`, `plan` (one line a chunk: offset, length) and `ledger`. The CHUNKs are this worker's own
// from the beginning; the others go to whoever claims them first. README.md says how the workers work together.

import { fstatSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Event, Mutex, Semaphore } from 'byname';

const PATIENCE = 120_000; // milliseconds; what may keep this worker waiting longer is dead itself
const GENESIS = '0'.repeat(16); // stands where the first line looks for the hash of the line before

/** Counts the runs of bytes that are not ASCII white space: a space, and the bytes 9 to 13, whatever the language. */
function countWords(data) {
  let words = 0;
  let inside = false;
  for (const byte of data) {
    const blank = byte === 32 || (byte >= 9 && byte <= 13);
    if (!blank && !inside) words++;
    inside = !blank;
  }
  return words;
}

/** The FNV-1a hash of an ASCII text, as 16 hexadecimal digits. */
function fnv1a(text) {
  let state = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text, 'latin1')) {
    state = ((state ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return state.toString(16).padStart(16, '0');
}

/** Reads `length` bytes of an open file from `offset` on, or what there is of them. */
function read(file, offset, length) {
  const data = Buffer.allocUnsafe(length);
  return data.subarray(0, readSync(file, data, 0, length, offset));
}

/** The shared file and the mutex that guards it: `enter` is the only way in. */
class Ledger {
  mutex = Mutex.open('ledger');
  end = 0; // what lies before this offset was read and verified
  lines = 0;
  hash = GENESIS;
  done = new Set();
  acquired = 0;
  abandoned = 0;

  constructor(path) {
    this.file = openSync(path, 'a+');
  }

  /** Runs `work` while owning the mutex, after reading what the others wrote meanwhile. */
  async enter(work) {
    const grant = await this.mutex.acquire();
    try {
      this.acquired++;
      this.catchUp(grant);
      return work(grant);
    } finally {
      grant.release();
    }
  }

  /** Reads the lines of the others. Half a line is what a dead owner leaves: it is cut off. */
  catchUp({ abandoned, fence }) {
    const lines = read(this.file, this.end, fstatSync(this.file).size - this.end).toString('latin1').split('\n');
    const half = lines.pop();
    for (const line of lines) {
      const body = line.slice(0, -17);
      const hash = line.slice(-16);
      if (hash !== fnv1a(this.hash + body)) throw new Error(`the ledger's chain breaks at line ${this.lines + 1}: ${line}`);
      this.lines++;
      this.hash = hash;
      this.done.add(Number(body.split(' ')[1]));
      this.end += line.length + 1;
    }
    if (half && !abandoned) throw new Error(`the ledger ends in half a line, "${half}", though no owner died`);
    if (half) ftruncateSync(this.file, this.end);
    if (abandoned) {
      this.abandoned++;
      tell('repaired', half.length, fence);
    }
  }

  /** Appends a line: its number, what it says, and a hash over that and the hash of the line before. It goes out in
   * two pieces, as with every worker: exclusion has to hold between them. */
  append(chunk, words, name, fence) {
    const body = `${this.lines + 1} ${chunk} ${words} ${name} ${fence}`;
    const line = `${body} ${fnv1a(this.hash + body)}\n`;
    const cut = line.length >> 1;
    writeSync(this.file, line.slice(0, cut));
    writeSync(this.file, line.slice(cut));
  }
}

/** A chunk that this worker alone counts. The claim is a mutex named after the chunk: it dies with its process. */
class Claim {
  constructor(chunk) {
    this.chunk = chunk;
    this.mutex = new Mutex(`chunk ${chunk}`);
    this.grant = this.mutex.tryAcquire();
    if (!this.grant) this.mutex.close();
  }

  release() {
    this.grant.release();
    this.mutex.close();
  }
}

/** Claims a chunk that nobody has counted or holds. Without a free chunk, waits for the holder of the first one: it
 * finishes, or dies. */
async function claim(ledger, plan) {
  for (;;) {
    let missing;
    const mine = await ledger.enter(() => {
      missing = plan.map((_, chunk) => chunk).filter((chunk) => !ledger.done.has(chunk));
      for (const chunk of missing) {
        const claim = new Claim(chunk);
        if (claim.grant) return claim;
      }
    });
    if (mine || missing.length === 0) return mine;
    const other = new Mutex(`chunk ${missing[0]}`);
    (await other.acquire()).release();
    other.close();
  }
}

/** Tells the conductor. */
function tell(...words) {
  writeSync(1, words.join(' ') + '\n');
}

const [directory, name, ...own] = process.argv.slice(2);
const ready = Semaphore.open('ready');
const gate = Semaphore.open('gate');
const start = Event.open('start');
const done = Event.open('done');
const ledger = new Ledger(join(directory, 'ledger'));
const plan = readFileSync(join(directory, 'plan'), 'latin1').trim().split('\n').filter(Boolean).map((line) => line.split(' ').map(Number));
const text = openSync(join(directory, 'text'), 'r');
const hand = own.map((chunk) => new Claim(Number(chunk)));
if (!hand.every((claim) => claim.grant)) throw new Error('a chunk of this hand is somebody else\'s');

ready.release();
if (!(await start.wait({ timeout: PATIENCE }))) throw new Error('no start signal');
for (;;) {
  const mine = hand.shift() ?? (await claim(ledger, plan));
  if (!mine) break;
  const permit = await gate.acquire();
  try {
    if (permit.abandoned) tell('permit');
    const [offset, length] = plan[mine.chunk];
    const words = countWords(read(text, offset, length));
    await ledger.enter(({ fence }) => ledger.append(mine.chunk, words, name, fence));
  } finally {
    permit.release();
  }
  mine.release();
  done.set();
}
tell('report', ledger.acquired, ledger.abandoned);
