// WA-node: ten thousand pending waits in one Node process, idle and then ended; half of them for an event of their own, half for units
// of one semaphore. There is no reference: the goals are one more thread at the most, and no processor time while they only wait.
//
//     node pending.mjs SLICES
//
// Prints lines "row TAB ours TAB value" for each slice: WA-node, the threads more than before the first wait; -idle, per cent of
// a processor over a second; -begin and -end, microseconds a wait; -file, microseconds for reading a small file while all wait and, as
// its reference, before the first wait.

import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// byname is found from the folder run.py has prepared, not from the repository.
const require = createRequire(join(process.cwd(), 'pending.mjs'));
const { Event, Semaphore } = require('byname');

const WAITS = 10_000;
const IDLE_MS = 1000;
const FILES = 100;

const microseconds = () => Number(process.hrtime.bigint()) / 1000;
const threads = () => readdirSync('/proc/self/task').length;
const say = (what, value, side = 'ours') => console.log([what === 'threads' ? 'WA-node' : `WA-node-${what}`, side, value].join('\t'));

async function readFiles() {
  const times = [];
  for (let i = 0; i < FILES; i++) {
    const start = microseconds();
    await readFile(fileURLToPath(import.meta.url));
    times.push(microseconds() - start);
  }
  return times.sort((a, b) => a - b)[FILES / 2];
}

await readFiles(); // libuv's pool is there before we count
const before = threads();

for (let slice = Number(process.argv[2]); slice > 0; slice--) {
  say('file', await readFiles(), 'reference');
  const events = Array.from({ length: WAITS / 2 }, () => new Event());
  const semaphore = new Semaphore(null, { initial: 0, maximum: WAITS });
  let start = microseconds();
  const waits = events.flatMap((event) => [event.wait(), semaphore.acquire()]);
  say('begin', (microseconds() - start) / WAITS);

  await setTimeout(10);
  const processor = process.cpuUsage();
  start = microseconds();
  await setTimeout(IDLE_MS);
  const { user, system } = process.cpuUsage(processor);
  say('idle', (100 * (user + system)) / (microseconds() - start));
  say('threads', threads() - before);

  say('file', await readFiles());

  start = microseconds();
  for (const event of events) event.set();
  semaphore.release(WAITS / 2);
  const outcomes = await Promise.all(waits);
  say('end', (microseconds() - start) / WAITS);
  if (!outcomes.every((outcome, i) => (i % 2 === 0 ? outcome === true : outcome.held))) throw new Error('a wait ended wrongly');
  for (const event of events) event.close();
  semaphore.close();
}
