// W1n: an uncontended acquire and release from Node, synchronous, against a POSIX semaphore called through koffi.
// W1a: the same awaited, against os-lock, where that could be built.
//
//     node uncontended.mjs SLICES
//
// Prints one line "<row> <ours|reference> <nanoseconds>" for each slice.

import { createRequire } from 'node:module';
import { openSync, closeSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Everything is found from the folder run.py has prepared, not from the repository.
const require = createRequire(join(process.cwd(), 'uncontended.mjs'));
const { Mutex } = require('byname');
const koffi = require('koffi');

const PAIRS = 10_000;
const AWAITED = 200;

const libc = koffi.load('libc.so.6');
const init = libc.func('int sem_init(void *semaphore, int shared, uint32_t value)');
const wait = libc.func('int sem_wait(void *semaphore)');
const post = libc.func('int sem_post(void *semaphore)');
const semaphore = Buffer.alloc(64);
if (init(semaphore, 1, 1) !== 0) throw new Error('sem_init failed');

const mutex = new Mutex('bench-uncontended-mutex');

function ours() {
  for (let i = 0; i < PAIRS; i++) mutex.acquireSync().release();
}

function reference() {
  for (let i = 0; i < PAIRS; i++) {
    if (wait(semaphore) !== 0 || post(semaphore) !== 0) throw new Error('sem_wait or sem_post failed');
  }
}

async function oursAwaited() {
  for (let i = 0; i < AWAITED; i++) (await mutex.acquire()).release();
}

// The rival of W1a must be compiled on this machine; where it could not be, the row is left out.
function fileLock() {
  try {
    return require('os-lock');
  } catch {
    return undefined;
  }
}

async function measure(row, whose, pairs, count) {
  const start = process.hrtime.bigint();
  await pairs();
  console.log(row, whose, Number(process.hrtime.bigint() - start) / count);
}

const slices = Number(process.argv[2]);
for (let i = 0; i < 30; i++) ours(), reference(); // warm, until compiled
for (let i = 0; i < slices; i++) {
  await measure('W1n', 'ours', ours, PAIRS);
  await measure('W1n', 'reference', reference, PAIRS);
}

const osLock = fileLock();
if (osLock) {
  const path = join(tmpdir(), `byname-bench-${process.pid}`);
  const fd = openSync(path, 'w');
  const referenceAwaited = async () => {
    for (let i = 0; i < AWAITED; i++) {
      await osLock.lock(fd, { exclusive: true });
      await osLock.unlock(fd);
    }
  };
  await oursAwaited();
  for (let i = 0; i < slices; i++) {
    await measure('W1a', 'ours', oursAwaited, AWAITED);
    await measure('W1a', 'reference', referenceAwaited, AWAITED);
  }
  closeSync(fd);
  unlinkSync(path);
}
mutex.close();
