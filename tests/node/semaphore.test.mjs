import { fresh, refusal, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Semaphore } from '../../bindings-node/index.mjs'

test('each acquisition takes one unit', watchdog, async () => {
  const semaphore = new Semaphore(fresh(), { initial: 2, maximum: 3 })
  const first = semaphore.tryAcquire()
  const second = await semaphore.acquire()
  assert.equal(semaphore.available(), 0)
  assert.equal(semaphore.tryAcquire(), null)
  assert.equal(semaphore.acquireSync({ timeout: 1 }), null)
  assert.equal(await semaphore.acquire({ timeout: 1 }), null)
  first.release()
  second[Symbol.dispose]()
  assert.equal(semaphore.available(), 2)
  assert.throws(() => first.release(), refusal('NOT_OWNER', 288))
})

test('release adds units and returns the count before', watchdog, async () => {
  const semaphore = new Semaphore(fresh(), { initial: 0, maximum: 5 })
  assert.equal(semaphore.release(), 0)
  assert.equal(semaphore.release(3), 1)
  assert.throws(() => semaphore.release(2), refusal('TOO_MANY_POSTS', 298))
  assert.equal(semaphore.available(), 4)
  for (const n of [0, -1, 2 ** 31, 1e300, -1e300]) {
    assert.throws(() => semaphore.release(n), (error) => [87, 298].includes(error.win32), String(n))
  }
  assert.equal(semaphore.available(), 4)
})

test('one release of three wakes three', watchdog, async () => {
  const semaphore = new Semaphore(fresh(), { initial: 0, maximum: 10 })
  const waits = [semaphore.acquire(), semaphore.acquire(), semaphore.acquire()]
  assert.equal(semaphore.release(3), 0)
  const grants = await Promise.all(waits)
  assert.equal(semaphore.available(), 0)
  for (const grant of grants) grant.release()
  assert.equal(semaphore.available(), 3)
})

test('without counts there is one unit, and room for as many as there can be', () => {
  const semaphore = new Semaphore()
  assert.equal(semaphore.available(), 1)
  assert.equal(semaphore.release(0x7ffffffe), 1)
  assert.throws(() => semaphore.release(), refusal('TOO_MANY_POSTS', 298))
  assert.equal(new Semaphore(fresh(), { maximum: 4 }).available(), 1)
})

test('impossible counts are refused, of an existing name too', () => {
  const name = fresh()
  const semaphore = new Semaphore(name, { initial: 1, maximum: 1 })
  for (const counts of [{ maximum: 0 }, { maximum: -1 }, { initial: -1, maximum: 1 }, { initial: 5, maximum: 3 }, { maximum: 2 ** 31 }, { maximum: 1e300 }]) {
    assert.throws(() => new Semaphore(name, counts), refusal('INVALID_ARGUMENT', 87), JSON.stringify(counts))
  }
  for (const maximum of [NaN, Infinity, 1.5]) {
    assert.throws(() => new Semaphore(name, { initial: 0, maximum }), { ...refusal('INVALID_ARGUMENT', 87), message: /maximum is .*whole number/ })
    assert.throws(() => new Semaphore(name, { initial: maximum, maximum: 2 }), { ...refusal('INVALID_ARGUMENT', 87), message: /initial is/ })
    assert.throws(() => semaphore.release(maximum), { ...refusal('INVALID_ARGUMENT', 87), message: /n is/ })
  }
  assert.equal(semaphore.available(), 1)
})
