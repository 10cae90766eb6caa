// AbortSignal: before, during and in the same instant; nothing lost, nothing doubled, nothing left behind.

import { fresh, session, start, turn, until, watchdog, wrongType } from './helper.mjs'
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

test('in one turn the order decides: what was won before the abort stands, what comes after it is not taken', watchdog, async () => {
  const kinds = {
    mutex: () => { const mutex = new Mutex(); const grant = mutex.tryAcquire(); return { object: mutex, give: () => grant.release(), left: () => mutex.tryAcquire() !== null } },
    event: () => { const event = new Event(); return { object: event, give: () => event.set(), left: () => event.isSet() } },
    semaphore: () => { const semaphore = new Semaphore(null, { initial: 0 }); return { object: semaphore, give: () => semaphore.release(), left: () => semaphore.available() === 1 } },
  }
  const waits = [(object, options) => (object instanceof Event ? object.wait(options) : object.acquire(options)), (object, options) => waitAny([object], options), (object, options) => waitAll([object], options)]
  for (const [kind, make] of Object.entries(kinds)) {
    for (const wait of waits) {
      const first = make()
      const early = new AbortController()
      const won = wait(first.object, { signal: early.signal })
      first.give()
      early.abort()
      assert.ok(await won, `${kind}: the winner gets what he won`)
      assert.equal(first.left(), false)

      const second = make()
      const late = new AbortController()
      const lost = wait(second.object, { signal: late.signal })
      late.abort()
      second.give()
      await assert.rejects(lost, { name: 'AbortError' })
      assert.equal(second.left(), true, `${kind}: it is still there`)
    }
  }
})

test('a signal that is aborted between the call and the await ends the wait', watchdog, async () => {
  const mutex = new Mutex()
  const held = mutex.tryAcquire()
  const controller = new AbortController()
  const first = mutex.acquire({ signal: controller.signal })
  queueMicrotask(() => controller.abort('in a microtask'))
  await assert.rejects(first, (reason) => reason === 'in a microtask')
  const listening = new AbortController()
  listening.signal.addEventListener('abort', () => held.release()) // before the wait's own listener
  const won = await mutex.acquire({ signal: (setImmediate(() => listening.abort()), listening.signal) })
  assert.equal(won.held, true, 'released by a listener of the same signal, right before the wait hears of it')
  won.release()
})

test('signals made of signals end waits, with the reason of the one that did', watchdog, async () => {
  const event = new Event()
  const never = new AbortController()
  await assert.rejects(event.wait({ signal: AbortSignal.any([never.signal, AbortSignal.timeout(5)]) }), { name: 'TimeoutError' })
  const controller = new AbortController()
  const wait = event.wait({ signal: AbortSignal.any([never.signal, controller.signal]) })
  const reason = new Error('the second')
  controller.abort(reason)
  await assert.rejects(wait, (error) => error === reason)
  await assert.rejects(event.wait({ signal: AbortSignal.any([never.signal, controller.signal]) }), (error) => error === reason)
  event.set()
  assert.equal(await event.wait({ signal: AbortSignal.any([never.signal, AbortSignal.timeout(1e6)]) }), true)
})

test('a signal that nobody else keeps is not collected while a wait listens to it', watchdog, async (t) => {
  const child = start(t, `
    const event = new byname.Event()
    let pending = true
    event.wait({ signal: AbortSignal.timeout(20) }).catch((error) => { console.log(error.name); pending = false })
    while (pending) { await new Promise(setImmediate); gc() }
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), 'TimeoutError')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('a signal that lives long gathers nothing from waits that come and go', watchdog, async () => {
  const { signal } = new AbortController()
  const mutex = new Mutex()
  const event = new Event()
  for (let i = 0; i < 2000; i++) {
    const grant = await mutex.acquire({ signal })
    const next = mutex.acquire({ signal })
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    grant.release()
    ;(await next).release()
    assert.equal(await event.wait({ signal, timeout: 0 }), false)
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0)
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
