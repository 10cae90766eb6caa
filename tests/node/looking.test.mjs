import { fresh, refusal, start, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, Event, Mutex, Semaphore } from '../../bindings-node/index.mjs'

test('state shows everything at once', () => {
  const mutex = new Mutex(fresh())
  assert.deepEqual(mutex.state(), { owner: null, depth: 0, abandoned: false })
  const grant = mutex.tryAcquire()
  assert.deepEqual(mutex.state(), { owner: mutex.owner(), depth: 1, abandoned: false })
  grant.release()
  assert.deepEqual(new Event(fresh(), { manualReset: true, initial: true }).state(), { set: true, manualReset: true })
  const semaphore = new Semaphore(fresh(), { initial: 1, maximum: 4, robust: true })
  assert.deepEqual(semaphore.state(), { available: 1, maximum: 4, robust: true })
  const seen = new Event(fresh())
  const blind = Event.open(seen.name, { access: Access.SYNCHRONIZE })
  assert.throws(() => blind.state(), refusal('ACCESS_DENIED', 5))
})

test('a protected handle is not closed, and works on', () => {
  const event = new Event(fresh())
  event.protected = true
  assert.throws(() => event.close(), refusal('ACCESS_DENIED', 6))
  assert.throws(() => event[Symbol.dispose](), refusal('ACCESS_DENIED', 6))
  event.set()
  assert.equal(event.protected, true)
  event.protected = false
  event.close()
  assert.throws(() => event.protected, refusal('CLOSED', 6))
  assert.throws(() => event.close(), refusal('CLOSED', 6))
})

test('a protected handle outlives its collection, and not its process', watchdog, async (t) => {
  const name = fresh()
  const child = start(t, `
    const collected = {}
    collected.promise = new Promise((resolve) => { collected.resolve = resolve })
    const registry = new FinalizationRegistry(() => collected.resolve(true))
    ;(() => {
      const event = new byname.Event(${JSON.stringify(name)}, { initial: true })
      event.protected = true
      registry.register(event)
    })()
    const turn = () => new Promise((next) => setImmediate(next))
    while (!(await Promise.race([collected.promise, turn()]))) gc()
    await turn()
    console.log(byname.Event.open(${JSON.stringify(name)}).isSet())
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), 'true')
  await child.closed
  assert.throws(() => Event.open(name), refusal('NOT_FOUND', 2))
})

test('inheritable is kept; flags are booleans', () => {
  const event = new Event(fresh())
  assert.equal(event.inheritable, false)
  event.inheritable = true
  assert.deepEqual([event.inheritable, event.protected], [true, false])
  assert.throws(() => { event.protected = 1 }, { code: 'ERR_INVALID_ARG_TYPE' })
})
