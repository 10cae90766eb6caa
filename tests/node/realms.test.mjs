// Other worlds in one thread: vm contexts, and copies that structuredClone makes.

import { fresh, refusal, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import * as byname from '../../bindings-node/index.mjs'

test('code in a vm context uses the package with lists, options and errors of its own', watchdog, async () => {
  const context = createContext({ byname, name: fresh(), AbortController })
  const run = (code) => runInContext(`(async () => { ${code} })()`, context)
  assert.equal(await run(`
    const mutex = new byname.Mutex(name, { initiallyOwned: true })
    mutex.initialGrant.release()
    const event = new byname.Event(null, { initial: true })
    const won = await byname.waitAll([event, mutex], { timeout: 1000 })
    won.release()
    return byname.waitAnySync([event, mutex]).object === mutex
  `), true)
  await assert.rejects(run('byname.Mutex.open("no such")'), refusal('NOT_FOUND', 2))
  await assert.rejects(run(`
    const controller = new AbortController()
    const wait = new byname.Event().wait({ signal: controller.signal })
    controller.abort(new RangeError('of this world'))
    return wait
  `), (error) => error.name === 'RangeError' && !(error instanceof RangeError))
})

test('a copy of a handle or a grant is none: it cannot be used, and the original does not notice', watchdog, async () => {
  const mutex = new byname.Mutex(fresh())
  const grant = mutex.tryAcquire()
  for (const original of [mutex, grant]) {
    const copy = structuredClone(original)
    assert.deepEqual([Object.getPrototypeOf(copy), Reflect.ownKeys(copy)], [Object.prototype, []])
    assert.throws(() => copy.release(), TypeError)
    await assert.rejects(byname.waitAny([copy]), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  }
  assert.throws(() => byname.Mutex.prototype.tryAcquire.call(structuredClone(mutex)), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  assert.deepEqual([grant.held, mutex.owner().pid], [true, process.pid])
  grant.release()
  mutex.close()
})
