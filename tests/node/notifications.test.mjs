// What jobs tell, as Node has it (contract 8.7).

import { fresh, refusal, watchdog, whyNoJobs, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Event, Job, JobNotifications, waitAny, waitAnySync } from '../../bindings-node/index.mjs'

const jobs = { ...watchdog, skip: whyNoJobs(Job) }

test('who comes, who goes, and that nobody is left', jobs, async () => {
  const job = new Job(null, { killOnClose: true })
  const told = job.notifications()
  assert.equal(told.getSync({ timeout: 0 }), null)
  const { pid } = job.spawn('true', { stdio: 'ignore' })
  assert.deepEqual(await told.get(), { message: 'new', id: 6, pid })
  assert.deepEqual(await told.get(), { message: 'exit', id: 7, pid })
  assert.deepEqual(told.getSync(), { message: 'zero', id: 4, pid: 0 })
  const crashed = job.spawn('sh', ['-c', 'kill -SEGV $$'], { stdio: 'ignore' })
  const seen = []
  for await (const one of told) {
    seen.push(one.message)
    if (one.message === 'zero') told.close() // which ends the loop
    else assert.equal(one.pid, crashed.pid)
  }
  assert.deepEqual(seen, ['new', 'abnormal-exit', 'zero'])
  job.close()
})

test('notifications are one wait with an event', jobs, async () => {
  const job = new Job(null, { killOnClose: true })
  const told = job.notifications()
  const stop = new Event()
  assert.equal(waitAnySync([stop, told], { timeout: 0 }), null)
  const waiting = waitAny([stop, told])
  const child = job.spawn('sleep', ['1000'], { stdio: 'ignore' })
  assert.equal((await waiting).object, told)
  assert.equal((await told.get()).pid, child.pid)
  const abort = new AbortController()
  const next = told.get({ signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(next, /enough/)
  const pending = told.get()
  job.terminate(0)
  assert.equal((await pending).message, 'exit')
  told.close()
  job.close()
})

test('notifications: bad input', jobs, async () => {
  const job = new Job(fresh())
  const told = job.notifications()
  assert.throws(() => job.notifications(), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => Job.open(job.name, { access: 0x0004 }).notifications(), refusal('ACCESS_DENIED', 5))
  assert.throws(() => new JobNotifications(), TypeError)
  assert.throws(() => told.getSync({ timeout: '1' }), wrongType(/timeout/))
  const pending = told.get()
  told.close()
  await assert.rejects(pending, refusal('CLOSED', 6))
  assert.throws(() => told.getSync({ timeout: 0 }), refusal('CLOSED', 6))
  const again = job.notifications()
  assert.equal(await again.get({ timeout: 1 }), null)
  again.close()
  job.close()
  assert.throws(() => job.notifications(), refusal('CLOSED', 6))
})
