// Garbage collection, the event loop, and the ends of a process.

import { bindings, fresh, start, until, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { Event, Mutex, Namespace, Semaphore } from '../../bindings-node/index.mjs'

test('a mutex grant collected as garbage abandons the mutex and warns', watchdog, async (t) => {
  const child = start(t, `
    const mutex = new byname.Mutex('collected')
    let warning
    process.on('warning', (found) => { warning = found })
    ;(() => { mutex.tryAcquire() })()
    while (warning === undefined) { await new Promise(setImmediate); gc() }
    const grant = mutex.tryAcquire()
    console.log(JSON.stringify([warning.name, warning.code, warning.message, grant.abandoned]))
    grant.release()
  `, { args: ['--expose-gc', '--no-warnings'] })
  const [name, code, message, abandoned] = JSON.parse(await child.line())
  assert.deepEqual([name, code, abandoned], ['ResourceWarning', 'BYNAME_GRANT_COLLECTED', true])
  assert.match(message, /mutex "collected" .*abandoned/)
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('a robust semaphore\'s collected unit comes back, a plain one\'s stays taken, neither warns', watchdog, async (t) => {
  const child = start(t, `
    const robust = new byname.Semaphore('robust', { initial: 1, maximum: 1, robust: true })
    const plain = new byname.Semaphore('plain', { initial: 1, maximum: 1 })
    ;(() => { plain.tryAcquire(); robust.tryAcquire() })()
    while (robust.available() === 0) { await new Promise(setImmediate); gc() }
    for (let i = 0; i < 5; i++) { await new Promise(setImmediate); gc() }
    console.log(plain.available())
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), '0')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('a grant that is kept is not collected, and a released one leaves no trace', watchdog, async (t) => {
  const child = start(t, `
    const mutex = new byname.Mutex('kept')
    mutex.tryAcquire().release()
    const before = byname.usage()
    const kept = mutex.tryAcquire()
    for (let i = 0; i < 5; i++) { await new Promise(setImmediate); gc() }
    console.log(kept.held, mutex.tryAcquire() === null)
    kept.release()
    const semaphore = new byname.Semaphore('many', { initial: 5000, maximum: 5000 })
    const grants = Array.from({ length: 5000 }, () => semaphore.tryAcquire())
    await new Promise(setImmediate)
    for (const grant of grants) grant.release()
    for (let i = 0; i < 5; i++) { await new Promise(setImmediate); gc() }
    console.log(semaphore.available())
    semaphore.close()
    console.log(JSON.stringify(byname.usage()) === JSON.stringify(before))
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), 'true true')
  assert.equal(await child.line(), '5000')
  assert.equal(await child.line(), 'true')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('units taken and put back without their grants cost no memory for ever', watchdog, async (t) => {
  const child = start(t, `
    const semaphore = new byname.Semaphore('windows manner', { initial: 1, maximum: 1 })
    for (let i = 0; i < 100_000; i++) { semaphore.acquireSync(); semaphore.release() }
    while (byname.usage().owners > 100) { await new Promise(setImmediate); gc() }
    console.log(semaphore.available())
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), '1')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('a handle collected as garbage is closed', watchdog, async (t) => {
  const child = start(t, `
    const before = byname.usage().handles
    ;(() => { for (let i = 0; i < 50; i++) new byname.Event('collected ' + i) })()
    while (byname.usage().handles > before) { await new Promise(setImmediate); gc() }
    try { byname.Event.open('collected 0') } catch (error) { console.log(error.code) }
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), 'ERR_BYNAME_NOT_FOUND')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('what a pending wait needs is not collected', watchdog, async (t) => {
  const child = start(t, `
    const other = new byname.Event('awaited')
    const wait = (() => new byname.Event('awaited').wait())()
    for (let i = 0; i < 5; i++) { await new Promise(setImmediate); gc() }
    other.set()
    console.log(await wait)
  `, { args: ['--expose-gc'] })
  assert.equal(await child.line(), 'true')
})

test('pending waits keep the loop alive, and nothing else does', watchdog, async (t) => {
  const held = new Mutex(fresh())
  const grant = held.tryAcquire()
  const child = start(t, `
    const mutex = byname.Mutex.open(${JSON.stringify(held.name)})
    const event = new byname.Event()
    console.log(mutex.tryAcquire(), await event.wait({ timeout: 5 }))
    const grant = await mutex.acquire()
    grant.release()
    console.log('got it')
    // Handles and a grant of a semaphore are left as they are.
    globalThis.left = [mutex, event, new byname.Semaphore(null, { initial: 1, maximum: 1 }).tryAcquire()]
  `)
  assert.equal(await child.line(), 'null false')
  grant.release()
  assert.equal(await child.line(), 'got it')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
})

test('process.exit and uncaught errors with waits pending end the process cleanly', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const grant = mutex.tryAcquire()
  const prelude = `
    const mutex = byname.Mutex.open(${JSON.stringify(mutex.name)})
    const waits = [mutex.acquire(), mutex.acquire({ timeout: 1e6 }), new byname.Event().wait(), byname.waitAll([mutex, new byname.Event()])]
    const mine = new byname.Mutex('left behind').tryAcquire()
    const units = new byname.Semaphore('left', { initial: 5, maximum: 5 }).tryAcquire()
  `
  const exits = start(t, `${prelude}; process.exit(3)`)
  assert.deepEqual(await exits.closed, { code: 3, signal: null, errors: '' })
  const throws = start(t, `${prelude}; setImmediate(() => { throw new Error('on purpose') })`)
  const { code, signal, errors } = await throws.closed
  assert.deepEqual([code, signal], [1, null])
  assert.match(errors, /Error: on purpose/)
  const rejects = start(t, `${prelude}; Promise.reject(new Error('on purpose'))`)
  assert.equal((await rejects.closed).code, 1)
  grant.release()
  const next = mutex.tryAcquire()
  assert.equal(next.abandoned, false, 'the waits of the ended processes took nothing')
  next.release()
})

test('what a process has won when it exits, and does not know of, goes back', watchdog, async (t) => {
  for (const end of ['process.exit(5)', 'throw new Error("on purpose")', 'process.kill(process.pid, "SIGTERM"); for (;;);']) {
    const mutex = new Mutex(fresh())
    const units = new Semaphore(fresh(), { initial: 0, maximum: 50 })
    const held = mutex.tryAcquire()
    const child = start(t, `
      import { readSync, writeSync } from 'node:fs'
      const mutex = byname.Mutex.open(${JSON.stringify(mutex.name)})
      const units = byname.Semaphore.open(${JSON.stringify(units.name)})
      const waits = [mutex.acquire(), ...Array.from({ length: 50 }, () => units.acquire())]
      writeSync(1, 'waiting\\n')
      readSync(0, Buffer.alloc(1)) // the loop stands still: nobody can tell it
      ${end}
    `)
    assert.equal(await child.line(), 'waiting')
    held.release()
    units.release(50)
    assert.deepEqual([units.available(), mutex.tryAcquire()], [0, null], 'all of it was won')
    child.say('end')
    const { code, signal } = await child.closed
    assert.ok(end.includes('SIGTERM') ? signal === 'SIGTERM' : code > 0)
    const next = await mutex.acquire()
    next.release()
    await until(() => units.available() === 50)
  }
})

test('SIGTERM ends a process with pending waits as it ends any other; what it held is abandoned', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const child = start(t, `
    globalThis.grant = byname.Mutex.open(${JSON.stringify(mutex.name)}).tryAcquire()
    console.log('holding')
    await new byname.Event().wait()
  `)
  assert.equal(await child.line(), 'holding')
  const wait = mutex.acquire()
  child.kill('SIGTERM')
  const { code, signal } = await child.closed
  assert.deepEqual([code, signal], [null, 'SIGTERM'])
  const grant = await wait
  assert.equal(grant.abandoned, true)
  grant.release()
})

test('handlers of signals, errors and the exit may use byname', watchdog, async (t) => {
  const mutex = new Mutex(fresh())
  const child = start(t, `
    const mutex = byname.Mutex.open(${JSON.stringify(mutex.name)})
    let grant = mutex.tryAcquire()
    const stop = new AbortController()
    process.on('SIGTERM', () => { grant.release(); grant = mutex.tryAcquire(); stop.abort('told to') })
    process.on('uncaughtException', (error) => console.log('caught', String(error), grant.held))
    process.on('exit', () => { grant.release(); console.log('released') })
    setImmediate(() => { throw 'on purpose' })
    console.log(await new byname.Event().wait({ signal: stop.signal }).catch((reason) => reason))
  `)
  assert.equal(await child.line(), 'caught on purpose true')
  child.kill('SIGTERM')
  assert.equal(await child.line(), 'told to')
  assert.equal(await child.line(), 'released')
  assert.deepEqual(await child.closed, { code: 0, signal: null, errors: '' })
  const next = mutex.tryAcquire()
  assert.equal(next.abandoned, false)
  next.release()
})

test('the libuv pool is never occupied: files are read while waits are pending', watchdog, async () => {
  const event = new Event(null, { manualReset: true })
  const mutex = new Mutex()
  const grant = mutex.tryAcquire()
  let over = 0
  const waits = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? event.wait() : mutex.acquire().then((won) => won.release())).then(() => over++))
  for (let i = 0; i < 20; i++) assert.ok((await readFile(new URL(import.meta.url))).length > 0)
  assert.equal(over, 0, 'all 200 were pending while the files were read')
  event.set()
  grant.release()
  await Promise.all(waits)
  assert.equal(over, 200)
})

test('a blocking wait ends when Node wants its thread back: a vm time-out, Ctrl-C in the REPL', watchdog, () => {
  const event = new Event()
  for (const code of ['event.waitSync()', 'event.waitSync({ timeout: 1e9 })']) {
    assert.throws(() => runInNewContext(code, { event }, { timeout: 5 }), { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' })
  }
  event.set()
  assert.equal(event.waitSync(), true)
})

test('a timer fires and other waits end while one is pending', watchdog, async () => {
  const never = new Event()
  const controller = new AbortController()
  const wait = never.wait({ signal: controller.signal })
  const semaphore = new Semaphore(null, { initial: 1, maximum: 1 })
  const grant = semaphore.tryAcquire()
  setTimeout(() => grant.release(), 1)
  ;(await semaphore.acquire()).release()
  controller.abort()
  await assert.rejects(wait, { name: 'AbortError' })
})

test('a process that ends leaves no file', watchdog, async (t) => {
  const session = `${process.env.BYNAME_SESSION}-gone`
  const folder = dirname(Namespace.local().path)
  const files = () => readdirSync(folder).filter((file) => file.endsWith(session))
  for (const end of ['', 'process.exit(0)', 'throw 0']) {
    const child = start(t, `
      const mutex = new byname.Mutex('x')
      const grant = mutex.tryAcquire()
      console.log(byname.Namespace.local().path)
      await new Promise((resolve) => process.stdin.once('data', resolve))
      process.stdin.destroy()
      ${end}
    `, { env: { BYNAME_SESSION: session } })
    assert.ok((await child.line()).endsWith(session))
    assert.equal(files().length, 1, `${bindings} uses ${folder}`)
    child.say('end')
    await child.closed
    await until(() => files().length === 0)
    assert.deepEqual(files(), [])
  }
})
