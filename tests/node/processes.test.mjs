// Several processes, some of them killed.

import { bindings, fresh, start, until, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Event, Mutex, Semaphore, waitAllSync, waitAnySync } from '../../bindings-node/index.mjs'

const gone = (name) => {
  try {
    Event.open(name).close()
    return false
  } catch (error) {
    assert.equal(error.code, 'ERR_BYNAME_NOT_FOUND')
    return true
  }
}

const holder = (name) => `
  const grant = byname.Mutex.open(${JSON.stringify(name)}).acquireSync()
  console.log('holding')
  await new Promise(() => setInterval(() => {}, 1000))
`

test('a killed owner is seen as abandonment by a pending await', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const child = start(t, holder(mutex.name))
  assert.equal(await child.line(), 'holding')
  assert.equal(mutex.owner().pid, child.pid)
  const wait = mutex.acquire()
  child.kill('SIGKILL')
  const grant = await wait
  assert.equal(grant.abandoned, true)
  grant.release()
  const next = mutex.tryAcquire()
  assert.equal(next.abandoned, false, 'it is told once')
  next.release()
})

test('a killed owner is seen by blocking calls, and by waits for several', watchdog, async (t) => {
  for (const acquire of [(mutex) => mutex.acquireSync(), (mutex) => waitAnySync([new Event(), mutex]), (mutex) => waitAllSync([mutex, new Event(null, { initial: true })])]) {
    const mutex = new Mutex(fresh())
    const child = start(t, holder(mutex.name))
    assert.equal(await child.line(), 'holding')
    child.kill('SIGKILL')
    const won = acquire(mutex)
    assert.equal(won.abandoned, true)
    won.release()
  }
})

test('a robust unit of a killed holder comes back, a plain one does not', watchdog, async (t) => {
  const robust = new Semaphore(fresh(), { initial: 1, maximum: 1, robust: true })
  const plain = new Semaphore(fresh(), { initial: 1, maximum: 1 })
  const child = start(t, `
    globalThis.kept = [byname.Semaphore.open(${JSON.stringify(robust.name)}).tryAcquire(), byname.Semaphore.open(${JSON.stringify(plain.name)}).tryAcquire()]
    console.log('holding')
    await new Promise(() => setInterval(() => {}, 1000))
  `)
  assert.equal(await child.line(), 'holding')
  const wait = robust.acquire()
  child.kill('SIGKILL')
  const grant = await wait
  assert.equal(plain.available(), 0)
  grant.release()
})

test('processes take turns at a mutex, and an event starts them together', watchdog, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'byname-turns-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'counter')
  writeFileSync(file, '0')
  const mutex = new Mutex(fresh())
  const go = new Event(fresh(), { manualReset: true })
  const rounds = 100
  const children = [0, 1, 2].map(() => start(t, `
    import { readFileSync, writeFileSync } from 'node:fs'
    const mutex = byname.Mutex.open(${JSON.stringify(mutex.name)})
    await byname.Event.open(${JSON.stringify(go.name)}).wait()
    for (let i = 0; i < ${rounds}; i++) {
      const grant = i % 2 === 0 ? await mutex.acquire() : mutex.acquireSync()
      writeFileSync(${JSON.stringify(file)}, String(Number(readFileSync(${JSON.stringify(file)}, 'utf8')) + 1))
      grant.release()
    }
  `))
  go.set()
  for (const child of children) assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
  assert.equal(readFileSync(file, 'utf8'), String(3 * rounds))
})

test('processes of child_process.fork and of cluster meet at names', watchdog, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'byname-fork-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'worker.cjs')
  writeFileSync(file, `
    const { Mutex } = require(${JSON.stringify(`${bindings}index.cjs`)})
    setInterval(() => {}, 1000) // until killed: a listener that has been called once keeps no process
    process.once('message', async (name) => {
      const mutex = Mutex.open(name)
      process.send('waiting')
      globalThis.grant = await mutex.acquire()
      process.send('holding')
    })
  `)
  cluster.setupPrimary({ exec: file })
  for (const make of [() => fork(file), () => cluster.fork().process]) {
    const mutex = new Mutex(fresh())
    const held = mutex.tryAcquire()
    const child = make()
    t.after(() => child.kill('SIGKILL'))
    const closed = once(child, 'exit')
    child.send(mutex.name)
    assert.deepEqual((await once(child, 'message')).slice(0, 1), ['waiting'])
    held.release()
    assert.deepEqual((await once(child, 'message')).slice(0, 1), ['holding'])
    child.kill('SIGKILL')
    await closed
    const grant = await mutex.acquire()
    assert.equal(grant.abandoned, true)
    grant.release()
  }
})

test('a name is gone with its last holder', watchdog, async (t) => {
  const name = fresh()
  const child = start(t, `new byname.Event(${JSON.stringify(name)}, { initial: true }); console.log('made'); await new Promise(() => setInterval(() => {}, 1000))`)
  assert.equal(await child.line(), 'made')
  const event = Event.open(name)
  child.kill('SIGKILL')
  await child.closed
  assert.equal(event.isSet(), true, 'a set event stays set when its setter dies')
  event.close()
  // The keeper reaps the dead; that it has done so is seen by the name.
  await until(() => gone(name))
  const again = new Event(name)
  assert.deepEqual([again.created, again.isSet()], [true, false])
})

test('what another process signals ends a pending wait', watchdog, async (t) => {
  const event = new Event(fresh())
  const semaphore = new Semaphore(fresh(), { initial: 0, maximum: 9 })
  const child = start(t, `
    const event = byname.Event.open(${JSON.stringify(event.name)})
    const semaphore = byname.Semaphore.open(${JSON.stringify(semaphore.name)})
    await byname.signalAndWait(semaphore, event)
    console.log('met')
  `)
  ;(await semaphore.acquire())
  event.set()
  assert.equal(await child.line(), 'met')
})
