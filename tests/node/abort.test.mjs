// AbortSignal: before, during and in the same instant; nothing lost, nothing doubled, nothing left behind.

import { fresh, session, turn, until, watchdog, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Event, Mutex, Semaphore, signalAndWait, usage, waitAll, waitAny } from '../../bindings-node/index.mjs'

test('a signal aborted already rejects with its reason before anything happens', watchdog, async () => {
  const event = new Event(null, { initial: true })
  const mutex = new Mutex()
  const reason = new Error('never mind')
  const options = { signal: AbortSignal.abort(reason) }
  const done = new Event()
  for (const call of [
    () => event.wait(options), () => mutex.acquire(options), () => waitAny([event], options), () => waitAll([event], options),
    () => signalAndWait(done, event, options),
  ]) {
    await assert.rejects(call, (error) => error === reason)
  }
  assert.deepEqual([event.isSet(), done.isSet(), mutex.owner()], [true, false, null])
  await assert.rejects(mutex.acquire({ signal: AbortSignal.abort() }), { name: 'AbortError' })
})

test('aborting ends a pending wait with the reason, whatever it is', watchdog, async () => {
  const event = new Event()
  for (const reason of [new Error('enough'), 'text', 0, undefined]) {
    const controller = new AbortController()
    const wait = event.wait({ signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(wait, (error) => (reason === undefined ? error.name === 'AbortError' : error === reason))
  }
  await assert.rejects(waitAny([event], { signal: AbortSignal.timeout(5) }), { name: 'TimeoutError' })
  event.set()
  assert.equal(event.isSet(), true, 'none of the ended waits takes the signal')
})

test('a cancelled wait takes nothing afterwards', watchdog, async () => {
  const mutex = new Mutex()
  const grant = mutex.tryAcquire()
  const controller = new AbortController()
  const wait = mutex.acquire({ signal: controller.signal })
  controller.abort()
  grant.release()
  await assert.rejects(wait, { name: 'AbortError' })
  await turn()
  mutex.tryAcquire().release()
})

test('a wait that was won when the signal is aborted is either given or given back', watchdog, async () => {
  const mutex = new Mutex()
  const outcomes = { won: 0, aborted: 0 }
  for (let i = 0; i < 300; i++) {
    const holder = mutex.tryAcquire()
    assert.ok(holder, `nothing was lost in round ${i - 1}`)
    const controller = new AbortController()
    const wait = mutex.acquire({ signal: controller.signal })
    holder.release()
    controller.abort()
    try {
      const grant = await wait
      assert.equal(mutex.tryAcquire(), null)
      grant.release()
      outcomes.won++
    } catch (error) {
      assert.equal(error.name, 'AbortError')
      outcomes.aborted++
    }
  }
  assert.equal(outcomes.won + outcomes.aborted, 300)
})

test('under a storm of aborts each unit is taken exactly once', watchdog, async (t) => {
  const units = 3000
  const semaphore = new Semaphore(fresh(), { initial: 0, maximum: units })
  const worker = new Worker(`
    const { workerData } = require('node:worker_threads')
    const { Semaphore } = require(workerData.path)
    const semaphore = Semaphore.open(workerData.name)
    for (let i = 0; i < workerData.units; i++) {
      semaphore.release()
      for (let spin = (i * 7919) % 3000; spin > 0; spin--);
    }
    semaphore.close()
  `, { eval: true, workerData: { path: new URL('../../bindings-node/index.cjs', import.meta.url).pathname, name: semaphore.name, units } })
  t.after(() => worker.terminate())
  let working = true
  worker.once('exit', () => { working = false })
  let taken = 0
  let aborted = 0
  while (working || taken < units) {
    if (!working && semaphore.available() === 0) break
    const controller = new AbortController()
    const wait = semaphore.acquire({ signal: controller.signal })
    if (aborted % 2 === 0) await turn()
    controller.abort()
    await wait.then(() => taken++, () => aborted++)
  }
  assert.equal(taken + semaphore.available(), units)
  assert.equal(taken, units)
})

test('the listener goes when the wait is over, and onabort is the user\'s', watchdog, async () => {
  const event = new Event()
  const controller = new AbortController()
  const { signal } = controller
  let called = 0
  signal.onabort = () => called++
  const listeners = getEventListeners(signal, 'abort').length
  const won = event.wait({ signal })
  assert.equal(getEventListeners(signal, 'abort').length, listeners + 1)
  event.set()
  await won
  assert.equal(await event.wait({ signal, timeout: 1 }), false)
  assert.equal(await event.wait({ signal, timeout: 0 }), false)
  const closing = new Event()
  closing.close()
  await assert.rejects(closing.wait({ signal }))
  assert.equal(getEventListeners(signal, 'abort').length, listeners)
  const ended = event.wait({ signal })
  controller.abort()
  await assert.rejects(ended)
  assert.equal(called, 1)
  assert.equal(getEventListeners(signal, 'abort').length, listeners)
})

test('what is no AbortSignal is refused', watchdog, async () => {
  const event = new Event(null, { initial: true })
  for (const signal of [null, 5, 'abort', {}, new AbortController(), { aborted: false }]) {
    await assert.rejects(event.wait({ signal }), wrongType(/options\.signal must be an AbortSignal/))
  }
  assert.equal(event.isSet(), true)
})

test('ten thousand pending waits cancelled leave nothing behind', watchdog, async () => {
  const event = new Event()
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  await event.wait({ timeout: 1 })
  const before = usage()
  const controller = new AbortController()
  let warned = 0
  const count = () => warned++
  process.on('warning', count)
  const waits = Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? event.wait({ signal: controller.signal }) : waitAny([event, mutex], { signal: controller.signal })))
  assert.ok(usage().waiters > before.waiters, session)
  controller.abort()
  const outcomes = await Promise.allSettled(waits)
  assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason === controller.signal.reason))
  await until(() => usage().waiters === before.waiters)
  assert.deepEqual(usage(), before)
  await turn()
  process.off('warning', count)
  assert.equal(warned, 0, 'one signal may end any number of waits')
  grant.release()
  event.set()
  assert.equal(event.isSet(), true)
})
