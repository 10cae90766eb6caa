import { fresh, refusal, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Grant, Mutex, waitAnySync } from '../../bindings-node/index.mjs'

test('a grant excludes every other one, of the same thread too', watchdog, async () => {
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  assert.ok(grant instanceof Grant)
  assert.equal(grant.held, true)
  assert.equal(mutex.tryAcquire(), null)
  assert.equal(mutex.acquireSync({ timeout: 0 }), null)
  assert.equal(await mutex.acquire({ timeout: 0 }), null)
  assert.equal(await mutex.acquire({ timeout: 2 }), null)
  assert.equal(Mutex.open(mutex.name).tryAcquire(), null, 'another handle sees the same owner')
  grant.release()
  assert.equal(grant.held, false)
  const next = mutex.tryAcquire()
  assert.ok(next)
  next.release()
  mutex.close()
})

test('a time-out is never early', watchdog, async () => {
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  const begin = process.hrtime.bigint()
  assert.equal(await mutex.acquire({ timeout: 20.5 }), null)
  assert.ok(process.hrtime.bigint() - begin >= 20_500_000n)
  grant.release()
})

test('waiting acquisitions get it one after the other', watchdog, async () => {
  const mutex = new Mutex(fresh())
  let inside = 0
  let rounds = 0
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let i = 0; i < 20; i++) {
      const grant = await mutex.acquire()
      assert.equal(++inside, 1)
      await null
      inside--
      rounds++
      grant.release()
    }
  }))
  assert.equal(rounds, 400)
})

test('the fence is a bigint that grows with each acquisition', watchdog, async () => {
  const mutex = new Mutex(fresh())
  const fences = []
  for (const acquire of [() => mutex.tryAcquire(), () => mutex.acquireSync(), () => mutex.acquire(), () => waitAnySync([mutex]).grants[0]]) {
    const grant = await acquire()
    fences.push(grant.fence)
    grant.release()
    assert.equal(grant.fence, fences.at(-1), 'it stays readable')
  }
  assert.equal(typeof fences[0], 'bigint')
  for (let i = 1; i < fences.length; i++) assert.ok(fences[i] > fences[i - 1])
})

test('a grant is released once', () => {
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  grant.release()
  const other = mutex.tryAcquire()
  assert.throws(() => grant.release(), refusal('NOT_OWNER', 288))
  assert.equal(mutex.tryAcquire(), null, 'the second release took nothing from the other')
  other.release()
})

test('grants and handles are disposable, once released or closed without effect', watchdog, async () => {
  const mutex = new Mutex(fresh())
  const first = mutex.tryAcquire()
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  const second = mutex.tryAcquire()
  assert.ok(second)
  await second[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  const third = mutex.tryAcquire()
  assert.ok(third)
  mutex[Symbol.dispose]()
  mutex[Symbol.dispose]()
  await mutex[Symbol.asyncDispose]()
  third.release()
})

test('a closed handle refuses everything, and its grant can still be released', watchdog, async () => {
  const name = fresh()
  const other = new Mutex(name)
  const mutex = Mutex.open(name)
  const grant = mutex.tryAcquire()
  mutex.close()
  const closed = refusal('CLOSED', 6)
  assert.throws(() => mutex.close(), closed)
  assert.throws(() => mutex.tryAcquire(), closed)
  assert.throws(() => mutex.acquireSync(), closed)
  assert.throws(() => mutex.owner(), closed)
  assert.throws(() => mutex.fileno(), closed)
  await assert.rejects(mutex.acquire(), closed)
  assert.equal(mutex.name, name)
  assert.equal(other.tryAcquire(), null)
  grant.release()
  const next = other.tryAcquire()
  assert.equal(next.abandoned, false)
  next.release()
})

test('a grant keeps the object alive without any handle', () => {
  const name = fresh()
  const mutex = new Mutex(name)
  const grant = mutex.tryAcquire()
  mutex.close()
  grant.release()
  assert.throws(() => Mutex.open(name), refusal('NOT_FOUND', 2))
})

test('blocking for a grant of the same thread throws instead of freezing', watchdog, async () => {
  const name = fresh()
  const mutex = new Mutex(name)
  const grant = await mutex.acquire()
  const deadlock = { ...refusal('WOULD_DEADLOCK', 1131), message: new RegExp(`^mutex "${name}": .* release the grant first$`) }
  assert.throws(() => mutex.acquireSync(), deadlock)
  assert.throws(() => mutex.acquireSync({ timeout: 10_000_000 }), deadlock)
  assert.throws(() => waitAnySync([mutex]), deadlock)
  grant.release()
  mutex.acquireSync().release()
})

test('created and name tell what the constructor did', () => {
  const name = fresh()
  const made = new Mutex(name)
  const found = new Mutex(`Local\\${name}`)
  const opened = Mutex.open(name)
  assert.deepEqual([made, found, opened].map((m) => m.created), [true, false, false])
  assert.deepEqual([made, found, opened].map((m) => m.name), [name, `Local\\${name}`, name])
  for (const unnamed of [new Mutex(), new Mutex(null), new Mutex(undefined, {}), new Mutex('')]) {
    assert.deepEqual([unnamed.created, unnamed.name], [true, null])
  }
})

test('initiallyOwned gives a new mutex, and only a new one, to its grant', () => {
  const name = fresh()
  const made = new Mutex(name, { initiallyOwned: true })
  const found = new Mutex(name, { initiallyOwned: true })
  assert.equal(found.initialGrant, null)
  assert.equal(found.tryAcquire(), null)
  assert.equal(made.initialGrant.held, true)
  made.initialGrant.release()
  assert.throws(() => made.initialGrant.release(), refusal('NOT_OWNER', 288))
  const grant = found.tryAcquire()
  assert.equal(grant.abandoned, false)
  grant.release()
  assert.equal(new Mutex(fresh()).initialGrant, null)
})

test('owner tells who holds it', () => {
  const mutex = new Mutex(fresh())
  assert.equal(mutex.owner(), null)
  const grant = mutex.tryAcquire()
  assert.equal(mutex.owner().pid, process.pid)
  grant.release()
  assert.equal(mutex.owner(), null)
})

test('a subclass opens as itself', () => {
  class Ledger extends Mutex {}
  const name = fresh()
  assert.ok(new Ledger(name) instanceof Ledger)
  const made = new Mutex(name)
  assert.ok(Ledger.open(made.name) instanceof Ledger)
})
