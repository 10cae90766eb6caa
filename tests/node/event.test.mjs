import { fresh, refusal, until, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Event } from '../../bindings-node/index.mjs'

test('a manual event lets everyone through, an auto event one', watchdog, async () => {
  const manual = new Event(fresh(), { manualReset: true })
  const auto = new Event(fresh())
  for (const event of [manual, auto]) {
    assert.equal(event.isSet(), false)
    assert.equal(event.waitSync({ timeout: 0 }), false)
    assert.equal(await event.wait({ timeout: 1 }), false)
    event.set()
    event.set()
    assert.equal(event.isSet(), true)
  }
  assert.deepEqual([manual.waitSync(), await manual.wait(), manual.isSet()], [true, true, true])
  assert.deepEqual([await auto.wait(), auto.isSet(), auto.waitSync({ timeout: 0 })], [true, false, false])
  manual.reset()
  assert.equal(manual.isSet(), false)
})

test('initial sets a new event; on an existing one the options say nothing', () => {
  const name = fresh()
  const event = new Event(name, { manualReset: true, initial: true })
  assert.equal(event.waitSync(), true)
  event.reset()
  const again = new Event(name, { initial: true })
  assert.deepEqual([again.created, again.isSet()], [false, false])
  again.set()
  again.waitSync()
  assert.equal(event.isSet(), true, 'it stayed a manual one')
})

test('set and reset at once release everyone who waited', watchdog, async () => {
  const event = new Event(fresh(), { manualReset: true })
  const waits = Array.from({ length: 5 }, () => event.wait())
  event.set()
  event.reset()
  assert.deepEqual(await Promise.all(waits), [true, true, true, true, true])
  assert.equal(event.isSet(), false)
})

test('two sets of an auto event release two of three', watchdog, async () => {
  const event = new Event(fresh())
  let released = 0
  const waits = Array.from({ length: 3 }, () => event.wait().then(() => released++))
  event.set()
  event.set()
  await until(() => released === 2)
  assert.equal(await event.wait({ timeout: 20 }), false)
  assert.equal(released, 2)
  event.set()
  await Promise.all(waits)
  assert.equal(event.isSet(), false)
})

test('a pulse releases those who wait and nobody later', watchdog, async () => {
  const event = new Event(fresh(), { manualReset: true, initial: true })
  event.pulse()
  assert.equal(event.isSet(), false)
  const waits = [event.wait(), event.wait()]
  event.pulse()
  assert.deepEqual(await Promise.all(waits), [true, true])
  assert.equal(event.waitSync({ timeout: 0 }), false)
})

test('a closed event refuses everything', () => {
  const event = new Event(fresh())
  event.close()
  for (const call of ['set', 'reset', 'pulse', 'isSet', 'waitSync', 'fileno']) assert.throws(() => event[call](), refusal('CLOSED', 6), call)
})
