// W1n: an uncontended acquire and release from Node, synchronous, against a POSIX semaphore called through koffi.
// W1a: the same awaited, against os-lock. Unless BENCH_RIVALS=0, what is installed of the rivals beside both.
//
//     node uncontended.mjs SLICES
//
// Prints one line "row TAB side TAB nanoseconds" for each slice.

import { createRequire } from 'node:module';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Everything is found from the folder that prepare.py has filled, not from the repository.
const require = createRequire(join(process.cwd(), 'uncontended.mjs'));
const { Mutex } = require('byname');
const koffi = require('koffi');

const PAIRS = 10_000;
const AWAITED = 200;
const FILES = 100; // pairs in a slice of locks that are files

const libc = koffi.load('libc.so.6');
const init = libc.func('int sem_init(void *semaphore, int shared, uint32_t value)');
const wait = libc.func('int sem_wait(void *semaphore)');
const post = libc.func('int sem_post(void *semaphore)');
const semaphore = Buffer.alloc(64);
if (init(semaphore, 1, 1) !== 0) throw new Error('sem_init failed');

const mutex = new Mutex('bench-uncontended-mutex');
const folder = mkdtempSync(join(tmpdir(), 'byname-bench-'));
const path = join(folder, 'lock');
const fd = openSync(path, 'w');

// What must be compiled on this machine may be missing; its side is left out then.
function optional(name) {
  try {
    return require(name);
  } catch {
    return undefined;
  }
}

// One side of a row: pairs of calls, and how many of them make a slice.
const side = (name, count, pairs) => ({ name, count, pairs });

const synchronous = [
  side('ours', PAIRS, () => {
    for (let i = 0; i < PAIRS; i++) mutex.acquireSync().release();
  }),
  side('reference', PAIRS, () => {
    for (let i = 0; i < PAIRS; i++) {
      if (wait(semaphore) !== 0 || post(semaphore) !== 0) throw new Error('sem_wait or sem_post failed');
    }
  }),
];

const awaited = [
  side('ours', AWAITED, async () => {
    for (let i = 0; i < AWAITED; i++) (await mutex.acquire()).release();
  }),
];

const osLock = optional('os-lock');
if (osLock) {
  awaited.push(
    side('reference', AWAITED, async () => {
      for (let i = 0; i < AWAITED; i++) {
        await osLock.lock(fd, { exclusive: true });
        await osLock.unlock(fd);
      }
    }),
  );
}

if (process.env.BENCH_RIVALS !== '0') {
  const fsExt = optional('fs-ext');
  if (fsExt) {
    synchronous.push(
      side('fs-ext flockSync', PAIRS, () => {
        for (let i = 0; i < PAIRS; i++) {
          fsExt.flockSync(fd, 'ex');
          fsExt.flockSync(fd, 'un');
        }
      }),
    );
  }
  const lockfile = optional('proper-lockfile');
  if (lockfile) {
    synchronous.push(
      side('proper-lockfile', FILES, () => {
        for (let i = 0; i < FILES; i++) lockfile.lockSync(path)();
      }),
    );
    awaited.push(
      side('proper-lockfile', FILES, async () => {
        for (let i = 0; i < FILES; i++) await (await lockfile.lock(path))();
      }),
    );
  }
}

async function measure(row, { name, count, pairs }) {
  const start = process.hrtime.bigint();
  await pairs();
  console.log([row, name, Number(process.hrtime.bigint() - start) / count].join('\t'));
}

const slices = Number(process.argv[2]);
for (let i = 0; i < 30; i++) synchronous[0].pairs(), synchronous[1].pairs(); // warm, until compiled
for (const each of [...synchronous, ...awaited]) await each.pairs();
for (let i = 0; i < slices; i++) {
  for (const each of synchronous) await measure('W1n', each);
  for (const each of awaited) await measure('W1a', each);
}
closeSync(fd);
rmSync(folder, { recursive: true });
mutex.close();
