// Timers: numbers and Dates, promises, bad input.

import { fresh, refusal, start, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, Event, Mutex, Timer, signalAndWait, waitAll, waitAny } from '../../bindings-node/index.mjs'

test('relative and absolute times are never early', watchdog, async () => {
  const timer = new Timer()
  let begun = performance.now()
  timer.set({ due: 5 })
  assert.equal(await timer.wait(), true)
  assert.ok(performance.now() - begun >= 5)
  const due = Date.now() + 6
  timer.set({ due: new Date(due) })
  assert.equal(timer.waitSync(), true)
  assert.ok(Date.now() >= due)
  begun = performance.now()
  timer.set({ due: 2.5, period: 1.5 })
  for (let tick = 0; tick < 3; tick++) {
    assert.equal(await timer.wait({ timeout: 60_000 }), true)
    assert.ok(performance.now() - begun >= 2.5 + 1.5 * tick)
  }
  timer.cancel()
  assert.equal(timer.remaining(), null)
})

test('state shows everything at once', () => {
  const timer = new Timer(fresh(), { manualReset: true })
  assert.deepEqual(timer.state(), { signaled: false, manualReset: true, remaining: null, period: 0 })
  timer.set({ due: new Date(0), period: 60_000 })
  const { signaled, remaining, period } = timer.state()
  assert.ok(signaled && remaining > 50_000 && remaining <= 60_000 && period === 60_000)
  timer.set({ due: 60_000 })
  assert.ok(!timer.state().signaled && timer.remaining() > 50_000)
  const blind = Timer.open(timer.name, { access: Access.SYNCHRONIZE })
  assert.throws(() => blind.state(), refusal('ACCESS_DENIED', 5))
  assert.throws(() => blind.set({ due: 0 }), refusal('ACCESS_DENIED', 5))
  assert.throws(() => blind.cancel(), refusal('ACCESS_DENIED', 5))
})

test('what is no time changes nothing', () => {
  const timer = new Timer(null, { manualReset: true })
  timer.set({ due: 0 })
  for (const due of [-1, NaN, Infinity, -Infinity, new Date(NaN)]) assert.throws(() => timer.set({ due }), refusal('INVALID_ARGUMENT', 87), String(due))
  for (const period of [-1, NaN, Infinity, 2 ** 31]) assert.throws(() => timer.set({ due: 1, period }), refusal('INVALID_ARGUMENT', 87), String(period))
  const wrong = { code: 'ERR_INVALID_ARG_TYPE' }
  for (const setting of [undefined, null, 5, {}, { due: '5' }, { due: null }, { due: 5n }, { due: true }, { due: 5, period: '1' }, { due: 5, period: new Date() }]) {
    assert.throws(() => timer.set(setting), wrong)
  }
  assert.throws(() => new Timer(null, { manualReset: 1 }), wrong)
  assert.equal(timer.waitSync({ timeout: 0 }), true)
  timer.set({ due: 60_000, period: 2 ** 31 - 1 })
  timer.close()
  assert.throws(() => timer.set({ due: 1 }), refusal('CLOSED', 6))
  assert.throws(() => timer.remaining(), refusal('CLOSED', 6))
})

test('a promise waits for the new time, and an abort takes nothing', watchdog, async () => {
  const timer = new Timer(fresh())
  timer.set({ due: 3_600_000 })
  const waiting = timer.wait()
  timer.set({ due: 2 })
  assert.equal(await waiting, true)
  const aborted = new AbortController()
  const given = timer.wait({ signal: aborted.signal })
  aborted.abort()
  await assert.rejects(given, { name: 'AbortError' })
  timer.set({ due: 0 })
  assert.equal(timer.waitSync({ timeout: 0 }), true)
  assert.equal(await timer.wait({ timeout: 2 }), false)
})

test('another process sets it and ends', watchdog, async (t) => {
  const timer = new Timer(fresh())
  const waiting = timer.wait()
  const child = start(t, `new byname.Timer(${JSON.stringify(timer.name)}).set({ due: 5 })`)
  await child.closed
  assert.equal(await waiting, true)
})

test('it stands in waits with other kinds', watchdog, async () => {
  const [timer, event, mutex] = [new Timer(), new Event(null, { initial: true }), new Mutex()]
  timer.set({ due: 2 })
  const all = await waitAll([event, timer, mutex])
  assert.equal(all.grants.length, 1)
  all.release()
  timer.set({ due: 2 })
  const won = await waitAny([event, timer])
  assert.deepEqual([won.index, won.object === timer, won.grants.length], [1, true, 0])
  await assert.rejects(signalAndWait(timer, event), refusal('WRONG_KIND', 6))
})
