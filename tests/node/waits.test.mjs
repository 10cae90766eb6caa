import { fresh, refusal, watchdog, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Event, Mutex, Semaphore, WaitResult, signalAndWait, signalAndWaitSync, waitAll, waitAllSync, waitAny, waitAnySync,
} from '../../bindings-node/index.mjs'

const both = [['awaited', waitAny, waitAll, signalAndWait], ['blocking', waitAnySync, waitAllSync, signalAndWaitSync]]

for (const [how, any, all, signalThenWait] of both) {
  test(`${how} waitAny takes the first that is signalled, and only that`, watchdog, async () => {
    const events = [new Event(), new Event(null, { initial: true }), new Event(null, { initial: true })]
    const won = await any(events)
    assert.ok(won instanceof WaitResult)
    assert.deepEqual([won.index, won.object, won.abandoned, won.grants], [1, events[1], false, []])
    assert.deepEqual(events.map((event) => event.isSet()), [false, false, true])
    won.release()
    assert.equal((await any(events)).index, 2)
    assert.equal(await any(events, { timeout: 0 }), null)
    assert.equal(await any(events, { timeout: 1 }), null)
  })

  test(`${how} waitAny gives a grant of what it took`, watchdog, async () => {
    const mutex = new Mutex(fresh())
    const semaphore = new Semaphore(fresh(), { initial: 1, maximum: 1 })
    const won = await any([semaphore, mutex])
    assert.deepEqual([won.index, won.grants.length, won.grants[0].held], [0, 1, true])
    const next = await any([semaphore, mutex])
    assert.deepEqual([next.index, next.object], [1, mutex])
    assert.ok(next.grants[0].fence >= 1n)
    assert.equal(mutex.tryAcquire(), null)
    next[Symbol.dispose]()
    next[Symbol.dispose]()
    await won[Symbol.asyncDispose]()
    assert.deepEqual([next.grants[0].held, semaphore.available()], [false, 1])
    mutex.tryAcquire().release()
  })

  test(`${how} waitAll takes all or nothing`, watchdog, async () => {
    const mutex = new Mutex(fresh())
    const event = new Event()
    const semaphore = new Semaphore(null, { initial: 2, maximum: 2 })
    const objects = [semaphore, event, mutex]
    assert.equal(await all(objects, { timeout: 1 }), null)
    assert.equal(semaphore.available(), 2)
    event.set()
    const won = await all(objects)
    assert.deepEqual([won.index, won.object, won.abandoned, won.grants.length], [-1, null, false, 2])
    assert.deepEqual([event.isSet(), semaphore.available(), mutex.tryAcquire()], [false, 1, null])
    won.grants[1].release()
    mutex.tryAcquire().release()
    assert.equal(won.grants[0].held, true, 'grants are in the order of the list')
    won.release()
    assert.equal(semaphore.available(), 2)
  })

  test(`${how} signalAndWait signals, then waits`, watchdog, async () => {
    const done = new Event()
    const mutex = new Mutex()
    const won = await signalThenWait(done, mutex)
    assert.deepEqual([won.index, won.object, won.grants.length, done.isSet()], [0, mutex, 1, true])
    done.reset()
    assert.equal(await signalThenWait(done, new Event(), { timeout: 1 }), null)
    assert.equal(done.isSet(), true, 'the signal stays given')
    won.release()
    const same = new Event()
    assert.equal((await signalThenWait(same, same)).index, 0)
    assert.equal(same.isSet(), false)
    const full = new Semaphore(null, { initial: 1, maximum: 1 })
    await assert.rejects(async () => signalThenWait(full, same, { timeout: 0 }), refusal('TOO_MANY_POSTS', 298))
  })

  test(`${how} waits check their objects before anything is taken`, watchdog, async () => {
    const set = new Event(null, { initial: true })
    const closed = new Event()
    closed.close()
    await assert.rejects(async () => any([]), refusal('INVALID_ARGUMENT', 87))
    await assert.rejects(async () => all([]), refusal('INVALID_ARGUMENT', 87))
    await assert.rejects(async () => any([set, closed]), refusal('CLOSED', 6))
    await assert.rejects(async () => all([set, set]), refusal('INVALID_ARGUMENT', 87))
    await assert.rejects(async () => signalThenWait(set, closed), refusal('CLOSED', 6))
    await assert.rejects(async () => signalThenWait(closed, set), refusal('CLOSED', 6))
    await assert.rejects(async () => any(set), wrongType(/objects must be an array of handles; got an instance of Event/))
    await assert.rejects(async () => any([set, {}]), wrongType(/objects\[1\] must be a handle; got an instance of Object/))
    await assert.rejects(async () => any([set, , set]), wrongType(/objects\[1\] .*undefined/))
    await assert.rejects(async () => signalThenWait(set, null), wrongType(/object must be .*null/))
    await assert.rejects(async () => signalThenWait('x', set), wrongType(/signal must be .*string 'x'/))
    assert.equal(set.isSet(), true)
  })
}

test('a pending waitAny is ended by whichever is signalled', watchdog, async () => {
  const objects = [new Event(), new Mutex(), new Semaphore(null, { initial: 0, maximum: 1 })]
  const holder = objects[1].tryAcquire()
  for (const [index, signal] of [() => objects[0].set(), () => holder.release(), () => objects[2].release()].entries()) {
    const wait = waitAny(objects)
    signal()
    const won = await wait
    assert.equal(won.index, index)
    if (index === 0) won.release()
    else assert.equal(won.grants.length, 1)
  }
})

test('a pending waitAll waits for the last one', watchdog, async () => {
  const events = [new Event(), new Event(), new Event()]
  let over = false
  const wait = waitAll(events).then((won) => { over = true; return won })
  events[0].set()
  events[2].set()
  assert.equal(await waitAll(events, { timeout: 20 }), null)
  assert.equal(over, false)
  assert.deepEqual([events[0].isSet(), events[2].isSet()], [true, true])
  events[1].set()
  assert.equal((await wait).index, -1)
  assert.deepEqual(events.map((event) => event.isSet()), [false, false, false])
})

test('any number of objects can be waited for', watchdog, async () => {
  const events = Array.from({ length: 300 }, () => new Event())
  const pending = waitAny(events)
  events[299].set()
  assert.equal((await pending).index, 299)
  for (const event of events) event.set()
  assert.equal(waitAllSync(events).index, -1)
  assert.ok(events.every((event) => !event.isSet()))
})

test('a waited-for list is copied, and closing a handle does not end the wait', watchdog, async () => {
  const name = fresh()
  const event = new Event(name)
  const other = new Event(name)
  const list = [event]
  const wait = waitAny(list)
  list.pop()
  event.close()
  other.set()
  assert.equal((await wait).object, event)
})
