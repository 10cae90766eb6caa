// Watchdogs: stages, bad input, a child that is killed.

import { fresh, refusal, start, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, Event, Watchdog, waitAny } from '../../bindings-node/index.mjs'

const dog = (options) => new Watchdog(null, { period: 60_000, grace: 60_000, action: 'none', ...options })

test('it goes through its stages', watchdog, async () => {
  const w = dog()
  assert.deepEqual(w.state(), { stage: 'stopped', pid: null, remaining: null, period: 60_000, grace: 60_000, action: 'none' })
  w.start()
  assert.deepEqual([w.state().stage, w.state().pid], ['running', process.pid])
  w.refresh()
  assert.equal(w.waitSync({ timeout: 1 }), false)
  w.stop()
  const quick = dog({ period: 2, action: 'kill' })
  const waiting = quick.wait()
  quick.start()
  assert.equal(await waiting, true)
  assert.equal(quick.state().stage, 'grace')
  quick.stop()
  assert.equal(await quick.wait({ timeout: 5 }), false)
  const done = dog({ period: 2, grace: 0 })
  done.start()
  const won = await waitAny([new Event(), done])
  assert.deepEqual([won.index, done.state().stage], [1, 'expired'])
})

test('what is out of range, or of another type, is refused', () => {
  const wrong = { code: 'ERR_INVALID_ARG_TYPE' }
  for (const time of [-1, NaN, Infinity, 2 ** 31]) {
    assert.throws(() => dog({ period: time }), refusal('INVALID_ARGUMENT', 87), String(time))
    assert.throws(() => dog({ grace: time }), refusal('INVALID_ARGUMENT', 87), String(time))
  }
  assert.throws(() => dog({ period: 0 }), refusal('INVALID_ARGUMENT', 87))
  for (const options of [{ period: '5' }, { grace: undefined }, { action: undefined }, { action: 'Kill' }, { action: 1 }, { action: 'reset-device' }, { systemd: 1 }]) {
    assert.throws(() => dog(options), wrong)
  }
  assert.throws(() => new Watchdog('x'), wrong)
  assert.throws(() => Watchdog.open(fresh()), refusal('NOT_FOUND', 2))
})

test('rights, and what exists', () => {
  const made = new Watchdog(fresh(), { period: 60_000, grace: 0, action: 'kill' })
  made.start()
  const again = new Watchdog(made.name, { period: 1, grace: 1, action: 'none', access: Access.SYNCHRONIZE })
  assert.equal(again.created, false)
  for (const call of ['start', 'refresh', 'stop', 'state']) assert.throws(() => again[call](), refusal('ACCESS_DENIED', 5))
  assert.deepEqual([made.state().stage, made.state().action], ['running', 'kill'])
  made.stop()
  made.close()
  for (const call of ['start', 'refresh', 'stop', 'state']) assert.throws(() => made[call](), refusal('CLOSED', 6))
})

test('a child whose loop does not turn is killed', watchdog, async (t) => {
  const w = new Watchdog(fresh(), { period: 50, grace: 50, action: 'kill' })
  const child = start(t, `byname.Watchdog.open(${JSON.stringify(w.name)}).start(); for (;;);`)
  assert.equal((await child.closed).signal, 'SIGKILL')
  assert.equal(w.state().stage, 'expired')
})
