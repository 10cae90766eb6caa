// Cancellations that race with the grant: by abort and by time-out, against signals from another process and from another thread.
// Whatever comes first, what was given is received once or is still there, and nothing of a cancelled wait is left.
//
// CANCELLATIONS says how many; `make cancel-node` asks for a million. SEED repeats the jitter of a run, if not its races.

import { bindings, fresh, start, turn } from './helper.mjs'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Event, Mutex, Semaphore, usage, waitAll } from '../../bindings-node/index.mjs'

/** So many waits are pending at any time while the oldest is aborted. */
const WIDTH = 8
/** So many waits expire side by side. */
const EXPIRING = 16
/** One wait in so many must be granted, and one cancelled, else nothing raced. */
const FLOOR = 100

/**
 * What is awaited, how the other side gives it, what the receiver does, and what must add up at the end. There are never more signals
 * on their way than `credit`: of an event one, since a second would meet it set and be the same.
 */
const SEMAPHORE = {
  credit: 4,
  wait: ({ semaphore }, options) => semaphore.acquire(options),
  give: signals('semaphore.release()'),
  receive: ({ credit }) => credit.release(), // the unit is used up
  check: ({ semaphore }, granted, given) => assert.equal(granted + semaphore.available(), given, 'units'),
}
const EVENT = {
  credit: 1,
  wait: ({ event }, options) => event.wait(options),
  give: signals('event.set()'),
  receive: ({ credit }) => credit.release(),
  check: ({ event }, granted, given) => assert.equal(granted + Number(event.isSet()), given, 'one receipt for each set'),
}
const MUTEX = {
  credit: 0,
  wait: ({ mutex }, options) => mutex.acquire(options),
  give: `while (!stop.isSet()) { const grant = mutex.acquireSync(); hesitate(); grant.release(); given++ }`,
  receive: (_, grant) => grant.release(),
  check: () => {},
}
const ALL = {
  credit: 1,
  wait: ({ event, mutex, semaphore }, options) => waitAll([event, mutex, semaphore], options),
  give: signals('semaphore.release(); event.set()'),
  receive({ credit }, { grants: [mutex] }) {
    mutex.release()
    credit.release()
  },
  check({ event, semaphore }, granted, given) {
    EVENT.check({ event }, granted, given)
    SEMAPHORE.check({ semaphore }, granted, given)
  },
}

const races = [
  ['aborts, and a semaphore that another process releases', SEMAPHORE, inProcess, abort],
  ['aborts, and an auto-reset event that another process sets', EVENT, inProcess, abort],
  ['aborts, and an auto-reset event that another thread sets', EVENT, inThread, abort],
  ['aborts, and a mutex that another process releases', MUTEX, inProcess, abort],
  ['aborts of waits for all, and signals from another thread', ALL, inThread, abort],
  ['time-outs, and a semaphore that another process releases', SEMAPHORE, inProcess, expire],
  ['time-outs, and an auto-reset event that another thread sets', EVENT, inThread, expire],
  ['time-outs, and a mutex that another thread releases', MUTEX, inThread, expire],
]

const CANCELLATIONS = Math.ceil(Number(process.env.CANCELLATIONS ?? 16_000) / races.length)
const watchdog = { timeout: 120_000 + CANCELLATIONS }
const seed = Number(process.env.SEED ?? process.hrtime.bigint() % 1_000_000n)

for (const [title, what, inAnother, end] of races) {
  test(title, watchdog, async (t) => {
    const objects = {
      credit: new Semaphore(fresh(), { initial: what.credit }), begun: new Event(fresh()), stop: new Event(fresh(), { manualReset: true }),
      event: new Event(fresh()), semaphore: new Semaphore(fresh(), { initial: 0 }), mutex: new Mutex(fresh()),
    }
    await warm(t, objects)
    const before = inUse()
    const { mutex } = objects
    const fence = fenceOf(mutex)

    const giver = inAnother(t, giving(objects, what.give))
    await objects.begun.wait()
    const { granted, cancelled } = await end(objects, what)
    objects.stop.set()
    const given = await giver
    t.diagnostic(`${cancelled} cancelled, ${granted} granted; seed ${seed}`)

    what.check(objects, granted, given)
    const fences = what.wait === MUTEX.wait ? granted + given : what.wait === ALL.wait ? granted : 0
    assert.equal(fenceOf(mutex), fence + BigInt(fences) + 1n, 'acquisitions of the mutex, which is free and not abandoned')
    for (const some of [granted, cancelled]) assert.ok(some >= (granted + cancelled) / FLOOR, `${granted} grants raced with ${cancelled} cancellations`)
    await turn()
    assert.deepEqual(inUse(), before, 'no record, descriptor or thread is left')
    for (const object of Object.values(objects)) object.close()
  })
}

/** Ends the oldest of the pending waits, which is also the next to be given something, again and again. */
async function abort(objects, { wait, receive }) {
  const count = { granted: 0, cancelled: 0 }
  const enough = new Error('enough')
  const below = jitter()
  const pending = []
  async function settle({ promise }) {
    try {
      receive(objects, await promise)
      count.granted++
    } catch (reason) {
      if (reason !== enough) throw reason
      count.cancelled++
    }
  }
  for (let round = 0; count.cancelled < CANCELLATIONS; round++) {
    while (pending.length < WIDTH) {
      const controller = new AbortController()
      pending.push({ controller, promise: wait(objects, { signal: controller.signal }) })
    }
    const oldest = pending.shift()
    for (let spin = below(2000); spin > 0; spin--);
    oldest.controller.abort(enough)
    await settle(oldest)
    // Now and then it is the keeper who brings word of a grant; else the abort finds it.
    if (round % 8 === 0) await turn()
  }
  for (const { controller } of pending) controller.abort(enough)
  await Promise.all(pending.map(settle))
  return count
}

/** Lets waits expire in less than a millisecond, some at once. */
async function expire(objects, { wait, receive }) {
  const count = { granted: 0, cancelled: 0 }
  const below = jitter()
  async function again() {
    while (count.cancelled < CANCELLATIONS) {
      const value = await wait(objects, { timeout: below(1000) / 1000 })
      if (value) {
        receive(objects, value)
        count.granted++
      } else {
        count.cancelled++
      }
    }
  }
  await Promise.all(Array.from({ length: EXPIRING }, again))
  return count
}

/** Numbers below the one asked for, the same ones for the same seed. */
function jitter() {
  let state = seed
  return (most) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % most
  }
}

/** The other side: each signal costs a credit, which the receiver gives back. */
function signals(give) {
  return `while (byname.waitAnySync([stop, credit]).object === credit) { hesitate(); ${give}; given++ }`
}

/** A program for the other side, which ends with how often it gave. */
function giving(objects, give) {
  return `
    const [credit, begun, stop, event, semaphore, mutex] = [
      byname.Semaphore.open('${objects.credit.name}'), byname.Event.open('${objects.begun.name}'), byname.Event.open('${objects.stop.name}'),
      byname.Event.open('${objects.event.name}'), byname.Semaphore.open('${objects.semaphore.name}'), byname.Mutex.open('${objects.mutex.name}'),
    ]
    let given = 0
    begun.set()
    const hesitate = () => { for (let spin = (given * 7919) % 2000; spin > 0; spin--); }
    ${give}
  `
}

async function inProcess(test, program) {
  const child = start(test, `${program}; console.log(given)`)
  const given = Number(await child.line())
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
  return given
}

async function inThread(test, program) {
  const worker = new Worker(`
    const byname = require(${JSON.stringify(`${bindings}index.cjs`)})
    ${program}
    require('node:worker_threads').parentPort.postMessage(given)
  `, { eval: true })
  test.after(() => worker.terminate())
  const exited = once(worker, 'exit')
  const [given] = await once(worker, 'message')
  await exited
  return given
}

/** Has everything made that is made once: the keeper, this thread's owners, what Node needs for children and workers. */
async function warm(test, { event, mutex }) {
  await event.wait({ timeout: 1 })
  mutex.tryAcquire().release()
  await inProcess(test, 'const given = 0')
  await inThread(test, 'const given = 0')
}

/** What may leak. (Not the objects: the grant of a unit that was used up keeps its semaphore until it is collected as garbage.) */
function inUse() {
  const entries = (folder) => readdirSync(`/proc/self/${folder}`).length
  const { objects, ...records } = usage()
  return { ...records, descriptors: entries('fd'), threads: entries('task') }
}

function fenceOf(mutex) {
  const grant = mutex.tryAcquire()
  assert.equal(grant?.abandoned, false)
  grant.release()
  return grant.fence
}
