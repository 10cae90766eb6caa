// Every kind at every place with every other kind, in waits for any and for all, awaited and blocking: contract 10.1, 10.4, 10.5.

import { fresh, refusal, turn, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, test } from 'node:test'
import {
  Event, Job, Mutex, Process, Queue, Semaphore, Timer, Watchdog, waitAll, waitAllSync, waitAny, waitAnySync,
} from '../../bindings-node/index.mjs'

const TICK = 0.3
const HOUR = 3_600_000

/** A process that runs until it is ended. */
function sleeper() {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  return { pid: child.pid, end: () => { child.kill('SIGKILL'); return ended } }
}
// One is enough for all objects that are not signalled.
const shared = sleeper()
after(shared.end)

const event = (options) => {
  const object = new Event(null, options)
  return { object, signal: () => object.set(), isSignalled: () => object.isSet() }
}
const semaphore = (options) => {
  const object = new Semaphore(null, { initial: 0, maximum: 1, ...options })
  return { object, signal: () => object.release(), isSignalled: () => object.available() > 0 }
}
const timer = (options) => {
  const object = new Timer(null, options)
  const begin = () => object.set({ due: TICK })
  const signal = async () => {
    begin()
    while (object.remaining() !== null) await turn()
  }
  return { object, begin, signal, isSignalled: () => object.state().signaled }
}
function mutex() {
  const object = new Mutex()
  const grant = object.tryAcquire()
  return { object, signal: () => grant.release(), isSignalled: () => object.owner() === null, end: () => grant.held && grant.release() }
}
function queue(mode) {
  const reader = new Queue(fresh(), { maxMessages: 1, maxSize: 8, mode: 'r' })
  const writer = Queue.open(reader.name, { mode: 'w' })
  const send = () => writer.putSync(Buffer.from('message'))
  const full = () => reader.info().messages === 1
  if (mode === 'r') return { object: reader, signal: send, isSignalled: full, end: () => writer.close() }
  send()
  return { object: writer, signal: () => reader.getSync(), isSignalled: () => !full(), end: () => reader.close() }
}
function dog() {
  const object = new Watchdog(null, { period: TICK, grace: HOUR, action: 'none' })
  const isSignalled = () => object.waitSync({ timeout: 0 })
  const begin = () => object.start()
  const signal = () => {
    begin()
    object.waitSync()
  }
  return { object, begin, signal, isSignalled, end: () => object.stop() }
}
function process(ends) {
  const child = ends ? sleeper() : shared
  const object = Process.open(child.pid)
  const isSignalled = () => object.waitSync({ timeout: 0 })
  return { object, begin: () => { child.end() }, signal: child.end, isSignalled, end: () => ends && child.end() }
}
function job() {
  const object = new Job()
  return { object, signal: () => object.terminate(1), isSignalled: () => object.waitSync({ timeout: 0 }) }
}

// `make` an object that is not signalled (told whether it will be), and whether a satisfied wait takes the signal.
const kinds = [
  { name: 'mutex', make: mutex, consumes: true },
  { name: 'manual event', make: () => event({ manualReset: true }), consumes: false },
  { name: 'auto event', make: () => event({}), consumes: true },
  { name: 'semaphore', make: () => semaphore({}), consumes: true },
  { name: 'robust semaphore', make: () => semaphore({ robust: true }), consumes: true },
  { name: 'manual timer', make: () => timer({ manualReset: true }), consumes: false },
  { name: 'auto timer', make: () => timer({}), consumes: true },
  { name: 'reading end of a queue', make: () => queue('r'), consumes: false },
  { name: 'writing end of a queue', make: () => queue('w'), consumes: false },
  { name: 'watchdog', make: dog, consumes: false },
  { name: 'process', make: process, consumes: false },
]
try {
  new Job().close()
  kinds.push({ name: 'job', make: job, consumes: false })
} catch (error) {
  if (error.code !== 'ERR_BYNAME_UNSUPPORTED') throw error // a job is a control group
}
const pairs = kinds.flatMap((one) => kinds.map((other) => [one, other]))

/** How a wait is made: after the subject was signalled, while it is, or while what was begun signals it by itself. */
const afterwards = (wait) => async (objects, { signal }) => {
  await signal()
  return wait(objects)
}
const during = (wait) => async (objects, { signal }) => {
  const waiting = wait(objects)
  await signal()
  return waiting
}
const meanwhile = (wait) => async (objects, { begin, signal }) => {
  await (begin ?? signal)()
  return wait(objects)
}
const ways = [
  ['awaited, after the signal', afterwards(waitAny), afterwards(waitAll), waitAll],
  ['awaited, before the signal', during(waitAny), during(waitAll), waitAll],
  ['blocking, after the signal', afterwards(waitAnySync), afterwards(waitAllSync), waitAllSync],
  ['blocking, before what signals by itself', meanwhile(waitAnySync), meanwhile(waitAllSync), waitAllSync],
]

/** Makes objects of these kinds, of which all will be signalled or that at `only`, and closes them when `use` has ended. */
async function made(chosen, only, use) {
  const subjects = chosen.map((kind, place) => kind.make(only === null || only === place))
  try {
    await use(subjects, subjects.map(({ object }) => object))
  } finally {
    for (const { object, end } of subjects) {
      await end?.()
      object.close()
    }
  }
}

for (const [how, any, all, tryAll] of ways) {
  test(`any ends with the one that is signalled wherever it stands: ${how}`, watchdog, async () => {
    for (const [one, other] of pairs) {
      for (const index of [0, 1, 2]) {
        const chosen = [0, 1, 2].map((place) => (place === index ? one : other))
        await made(chosen, index, async (subjects, objects) => {
          const won = await any(objects, subjects[index])
          const what = chosen.map(({ name }) => name).join(', ')
          assert.deepEqual([won.index, won.object], [index, objects[index]], what)
          assert.deepEqual(subjects.map((subject) => subject.isSignalled()), [0, 1, 2].map((place) => place === index && !one.consumes), what)
          won.release()
        })
      }
    }
  })

  test(`all takes both or nothing: ${how}`, watchdog, async () => {
    for (const [one, other] of pairs) {
      await made([one, other], null, async (subjects, objects) => {
        const what = `${one.name}, ${other.name}`
        await subjects[1].signal()
        // The grant of this thread could not be released while the thread is blocked.
        const refused = one.name === 'mutex' && tryAll === waitAllSync
        if (refused) assert.throws(() => tryAll(objects, { timeout: 0.5 }), refusal('WOULD_DEADLOCK', 1131), what)
        else assert.equal(await tryAll(objects, { timeout: 0.5 }), null, what)
        assert.ok(subjects[1].isSignalled(), `${what}: a wait that failed took a part`)
        const won = await all(objects, subjects[0])
        assert.equal(won.index, -1, what)
        assert.deepEqual(subjects.map((subject) => subject.isSignalled()), [!one.consumes, !other.consumes], what)
        won.release()
      })
    }
  })
}

for (const [how, any] of [['awaited', waitAny], ['blocking', waitAnySync]]) {
  test(`any takes the first of those that are signalled and leaves the rest: ${how}`, watchdog, async () => {
    for (const [one, other] of pairs) {
      await made([one, other], null, async (subjects, objects) => {
        for (const { signal } of subjects) await signal()
        const won = await any(objects)
        const found = [won.index, ...subjects.map((subject) => subject.isSignalled())]
        assert.deepEqual(found, [0, !one.consumes, true], `${one.name}, ${other.name}`)
        won.release()
      })
    }
  })
}
