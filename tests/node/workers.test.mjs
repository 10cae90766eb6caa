// Worker threads: each is a world of its own, and may be terminated at any moment.

import { fresh, refusal, start, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { on, once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Event, Mutex, Semaphore, usage } from '../../bindings-node/index.mjs'

const path = new URL('../../bindings-node/index.cjs', import.meta.url).pathname

/** Runs `code` in a worker; `byname`, `name`, `say`, `once` and `parentPort` are there. */
function work(test, name, code, options) {
  const worker = new Worker(`
    const { once } = require('node:events')
    const { parentPort, workerData: { path, name } } = require('node:worker_threads')
    const byname = require(path)
    const say = (text) => parentPort.postMessage(text)
    ;(async () => { ${code} })()
  `, { ...options, eval: true, workerData: { path, name } })
  test.after(() => worker.terminate())
  messages.set(worker, on(worker, 'message'))
  return worker
}

/** What each worker has said; kept from its start on, since two messages may come in one turn. */
const messages = new WeakMap()
const said = async (worker) => (await messages.get(worker).next()).value[0]

test('grants of two threads exclude each other, awaited and blocking', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const counter = new Int32Array(new SharedArrayBuffer(8))
  const rounds = 300
  const workers = [0, 1].map((i) => {
    const worker = new Worker(`
      const { workerData: { path, name, counter, rounds, blocking } } = require('node:worker_threads')
      const { Mutex } = require(path)
      ;(async () => {
        const mutex = Mutex.open(name)
        for (let i = 0; i < rounds; i++) {
          const grant = blocking ? mutex.acquireSync() : await mutex.acquire()
          if (counter[1] !== 0) throw new Error('two inside')
          counter[1] = 1
          counter[0]++
          counter[1] = 0
          grant.release()
        }
      })()
    `, { eval: true, workerData: { path, name: mutex.name, counter, rounds, blocking: i === 1 } })
    t.after(() => worker.terminate())
    return worker
  })
  const ends = Promise.all(workers.map((worker) => once(worker, 'exit')))
  for (let i = 0; i < rounds; i++) {
    const grant = await mutex.acquire()
    assert.equal(counter[1], 0)
    counter[0]++
    grant.release()
  }
  assert.deepEqual((await ends).map(([code]) => code), [0, 0])
  assert.equal(counter[0], 3 * rounds)
})

test('a thread may block for a grant of another thread of the process', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  const worker = work(t, mutex.name, 'const mutex = byname.Mutex.open(name); say("blocking"); mutex.acquireSync().release(); say("got it")')
  assert.equal(await said(worker), 'blocking')
  grant.release()
  assert.equal(await said(worker), 'got it')
})

test('terminating a worker cancels its pending waits', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const event = new Event(fresh())
  const grant = mutex.tryAcquire()
  const before = usage()
  const worker = work(t, [mutex.name, event.name], `
    const mutex = byname.Mutex.open(name[0]); const event = byname.Event.open(name[1])
    const waits = [mutex.acquire(), event.wait(), byname.waitAny([event, mutex])]
    say('waiting')
    await Promise.all(waits)
  `)
  assert.equal(await said(worker), 'waiting')
  assert.ok(usage().waiters > before.waiters)
  await worker.terminate()
  assert.deepEqual(usage(), before)
  grant.release()
  event.set()
  assert.equal(event.isSet(), true, 'nobody took it')
  const next = mutex.tryAcquire()
  assert.equal(next.abandoned, false)
  next.release()
})

test('a lock won by a worker that is terminated before it knows goes back', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const event = new Event(fresh())
  const grant = mutex.tryAcquire()
  const worker = work(t, [mutex.name, event.name], `
    const mutex = byname.Mutex.open(name[0]); const event = byname.Event.open(name[1])
    const waits = [mutex.acquire(), event.wait()]
    say('waiting')
    // The loop stands still: the worker cannot learn that it has won.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  `)
  assert.equal(await said(worker), 'waiting')
  grant.release()
  event.set()
  await worker.terminate()
  const next = await mutex.acquire()
  assert.equal(next.abandoned, false)
  next.release()
  assert.equal(await event.wait(), true)
})

test('units won by a worker that is terminated before it knows go back', watchdog, async (t) => {
  const plain = new Semaphore(fresh(), { initial: 0, maximum: 4 })
  const robust = new Semaphore(fresh(), { initial: 0, maximum: 4, robust: true })
  const before = usage()
  const worker = work(t, [plain.name, robust.name], `
    const [plain, robust] = name.map((name) => byname.Semaphore.open(name))
    const waits = [plain.acquire(), plain.acquire(), robust.acquire(), robust.acquire(), byname.waitAny([plain, robust]), byname.waitAll([plain, robust])]
    say('waiting')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  `)
  assert.equal(await said(worker), 'waiting')
  plain.release(4)
  robust.release(3)
  assert.deepEqual([plain.available(), robust.available()], [0, 0], 'all were won')
  await worker.terminate()
  assert.deepEqual([plain.available(), robust.available()], [4, 3])
  assert.deepEqual(usage(), before)
})

test('a worker that ends by itself, exits, or runs out of memory takes its pending waits with it', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const event = new Event(fresh())
  const held = mutex.tryAcquire()
  for (const [end, code, options] of [
    ['process.exit(7)', 7],
    ['throw new Error("on purpose")', 1],
    ['Promise.reject(new Error("on purpose"))', 1],
    ['const much = []; for (;;) much.push(new Array(1000).fill(much.length))', 1, { resourceLimits: { maxOldGenerationSizeMb: 16 } }],
  ]) {
    const before = usage()
    const worker = work(t, [mutex.name, event.name], `
      const mutex = byname.Mutex.open(name[0]); const event = byname.Event.open(name[1])
      globalThis.waits = [mutex.acquire(), event.wait(), byname.waitAny([event, mutex]), mutex.acquire({ timeout: 1e9 })]
      globalThis.grant = new byname.Mutex().tryAcquire()
      say('waiting')
      await new Promise((resolve) => parentPort.once('message', resolve))
      setImmediate(() => { ${end} })
    `, options)
    const failed = new Promise((resolve) => worker.once('error', resolve))
    const exited = new Promise((resolve) => worker.once('exit', resolve))
    assert.equal(await said(worker), 'waiting')
    assert.ok(usage().waiters > before.waiters)
    worker.postMessage('end')
    assert.equal(await exited, code, end)
    if (options) assert.equal((await failed).code, 'ERR_WORKER_OUT_OF_MEMORY')
    assert.deepEqual(usage(), before, end)
  }
  held.release()
  event.set()
  const next = mutex.tryAcquire()
  assert.deepEqual([next?.abandoned, event.isSet()], [false, true], 'nobody took anything')
  next.release()
})

test('a worker with pending waits hears its ports, and one whose waits are over ends by itself', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const held = mutex.tryAcquire()
  const { port1, port2 } = new MessageChannel()
  const worker = work(t, null, `
    const [{ port, name }] = await once(parentPort, 'message')
    const wait = byname.Mutex.open(name).acquire() // names travel, handles do not
    port.on('message', (text) => port.postMessage(text + ' heard'))
    ;(await wait).release()
    port.postMessage('got it')
    port.close()
  `)
  const exited = once(worker, 'exit')
  worker.postMessage({ port: port2, name: mutex.name }, [port2])
  for (let i = 0; i < 50; i++) {
    port1.postMessage(i)
    assert.deepEqual(await once(port1, 'message'), [`${i} heard`])
  }
  held.release()
  assert.deepEqual(await once(port1, 'message'), ['got it'])
  assert.deepEqual(await exited, [0])
})

test('a worker that ends with a grant abandons its mutex', watchdog, async (t) => {
  for (const end of ['await new Promise(() => setInterval(() => {}, 1000))', 'process.exit(0)', '']) {
    const mutex = new Mutex(fresh())
    const worker = work(t, mutex.name, `globalThis.kept = byname.Mutex.open(name).tryAcquire(); say('holding'); ${end}`)
    const exited = once(worker, 'exit')
    assert.equal(await said(worker), 'holding')
    const wait = mutex.acquire()
    if (end.includes('setInterval')) worker.terminate()
    await exited
    const grant = await wait
    assert.equal(grant.abandoned, true)
    grant.release()
  }
})

test('a worker blocked in a wait can be terminated', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  for (const call of ['byname.Mutex.open(name).acquireSync()', 'byname.waitAnySync([byname.Mutex.open(name)])', 'new byname.Event().waitSync()',
    'byname.waitAllSync([new byname.Event(), byname.Mutex.open(name)], { timeout: 1e9 })', 'byname.signalAndWaitSync(new byname.Event(), byname.Mutex.open(name))']) {
    const worker = work(t, mutex.name, `byname.Mutex.open(name); say('blocking'); ${call}; say('not reached')`)
    worker.on('message', (text) => assert.equal(text, 'blocking'))
    assert.equal(await said(worker), 'blocking')
    assert.equal(await worker.terminate(), 1)
  }
  grant.release()
  const next = mutex.tryAcquire()
  assert.equal(next.abandoned, false)
  next.release()
})

test('the process exits while a worker is blocked', watchdog, async (t) => {
  const child = start(t, `
    import { Worker } from 'node:worker_threads'
    import { on, once } from 'node:events'
    const worker = new Worker(\`
      const byname = require(\${JSON.stringify(${JSON.stringify(path)})})
      require('node:worker_threads').parentPort.postMessage('blocking')
      new byname.Event().waitSync()
    \`, { eval: true, execArgv: [] })
    await once(worker, 'message')
    process.exit(4)
  `)
  assert.deepEqual(await child.closed, { code: 4, signal: null, errors: '' })
})

test('many workers come and go', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const before = usage()
  for (let i = 0; i < 10; i++) {
    const workers = Array.from({ length: 3 }, () => work(t, mutex.name, `
      const mutex = byname.Mutex.open(name)
      for (let i = 0; i < 20; i++) (await mutex.acquire()).release()
      say('done')
      await new Promise((resolve) => parentPort.once('message', resolve))
      globalThis.kept = await mutex.acquire()
      setInterval(() => {}, 1000)
    `))
    await Promise.all(workers.map(said))
    for (const worker of workers) worker.postMessage('acquire')
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  const grant = await mutex.acquire()
  grant.release()
  assert.deepEqual(usage(), before)
})

test('handles and grants belong to their thread', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const worker = work(t, mutex.name, `
    const mutex = byname.Mutex.open(name)
    const first = mutex.tryAcquire()
    try { mutex.acquireSync() } catch (error) { say(error.code) }
    first.release()
    say(String(mutex.tryAcquire().held))
  `)
  assert.equal(await said(worker), refusal('WOULD_DEADLOCK', 0).code)
  assert.equal(await said(worker), 'true')
})
