// Ten thousand waits pending at once: what they cost, that they disturb nothing, and that each ends as it should.

import { fresh, turn, until, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Event, Mutex, Semaphore, usage, waitAny } from '../../bindings-node/index.mjs'

const WAITS = 10_000
const threads = () => readdirSync('/proc/self/task').length

/** Waits that tell what became of them: `ended[i]` is undefined while the i-th is pending. */
function watch(promises) {
  const ended = new Array(promises.length)
  promises.forEach((promise, i) => promise.then((value) => { ended[i] = { value } }, (reason) => { ended[i] = { reason } }))
  return ended
}

const count = (ended) => ended.reduce((sum) => sum + 1, 0)

// The first of this file: no thread of byname's may be there yet.
test('ten thousand pending waits take one thread and no processor time, and files are read meanwhile', watchdog, async () => {
  await readFile(new URL(import.meta.url)) // libuv's pool is there before we count
  const before = threads()
  const event = new Event(fresh(), { manualReset: true })
  const semaphore = new Semaphore(fresh(), { initial: 0, maximum: WAITS })
  const ended = watch(Array.from({ length: WAITS }, (_, i) => (i % 2 === 0 ? event.wait() : semaphore.acquire())))
  for (let i = 0; i < 20; i++) assert.ok((await readFile(new URL(import.meta.url))).length > 0)
  assert.equal(count(ended), 0, 'all were pending while the files were read')
  assert.ok(threads() <= before + 1, `${threads() - before} more threads`)

  // That nothing happens for a second can be seen only by letting it pass; the share of it that was spent is what is judged.
  const start = process.hrtime.bigint()
  const spent = process.cpuUsage()
  await setTimeout(1000)
  const { user, system } = process.cpuUsage(spent)
  const elapsed = Number(process.hrtime.bigint() - start) / 1000
  assert.ok(user + system < elapsed / 20, `${user + system} of ${elapsed} us were spent`)

  event.set()
  semaphore.release(WAITS / 2)
  await until(() => count(ended) === WAITS)
  assert.ok(ended.every(({ value }, i) => (i % 2 === 0 ? value === true : value.held)))
  assert.equal(semaphore.available(), 0)
  assert.ok(threads() <= before + 1)
})

test('of ten thousand waits for objects of their own each is ended by its own', watchdog, async () => {
  const events = Array.from({ length: WAITS }, () => new Event())
  const before = usage()
  const ended = watch(events.map((event) => event.wait()))
  // In an order that has nothing to do with that of the waits: 7919 and 10 000 have no common divisor.
  const order = Array.from({ length: WAITS }, (_, i) => (i * 7919) % WAITS)
  for (let at = 0; at < WAITS; at += 1000) {
    for (const i of order.slice(at, at + 1000)) events[i].set()
    await until(() => count(ended) >= at + 1000)
    assert.ok(order.slice(0, at + 1000).every((i) => ended[i]?.value === true), 'those that were set')
    assert.equal(count(ended), at + 1000, 'and no others')
  }
  assert.ok(events.every((event) => !event.isSet()), 'each took its signal')
  assert.equal(usage().waiters, before.waiters)
  for (const event of events) event.close()
})

test('half of ten thousand waits are aborted: the others get everything, once', watchdog, async () => {
  const semaphore = new Semaphore(fresh(), { initial: 0, maximum: WAITS })
  const mutex = new Mutex(fresh())
  const held = mutex.tryAcquire()
  const before = usage()
  const controller = new AbortController()
  const own = Array.from({ length: WAITS / 4 }, () => new AbortController())
  const ended = watch(Array.from({ length: WAITS }, (_, i) => {
    const signal = i % 4 === 0 ? controller.signal : i % 4 === 1 ? own[(i - 1) / 4].signal : undefined
    return i % 8 < 4 ? semaphore.acquire({ signal }) : waitAny([mutex, semaphore], { signal })
  }))
  semaphore.release(1000)
  await until(() => count(ended) === 1000)
  controller.abort('all at once')
  for (const one of own) one.abort('one by one')
  semaphore.release(WAITS / 2)
  await until(() => count(ended) === WAITS)
  const won = ended.filter(({ value }) => value !== undefined)
  const aborted = ended.filter(({ reason }) => reason === 'all at once' || reason === 'one by one')
  assert.equal(won.length + aborted.length, WAITS)
  assert.equal(won.length + semaphore.available(), WAITS / 2 + 1000, 'no unit is lost, none is doubled')
  assert.equal(aborted.length, WAITS / 2 - 500, 'the 1000 units that came first went to the first in line, half of whom could be aborted later')
  assert.equal(usage().waiters, before.waiters)
  for (const { value } of won) value.release()
  assert.equal(semaphore.available(), WAITS / 2 + 1000)
  held.release()
  const next = mutex.tryAcquire()
  assert.ok(next, 'nobody took the mutex')
  next.release()
  await turn()
  assert.equal(usage().owners, before.owners - 1, 'no owner is left')
})
