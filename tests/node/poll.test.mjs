// Descriptors. JavaScript cannot poll them: here a child process that inherits one does, and what Node itself refuses is on record.

import { fresh, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { Event, Mutex, Semaphore } from '../../bindings-node/index.mjs'

/** A process that polls what it inherits as descriptor 3, once for each line that it is sent. */
function poller(t, handle) {
  const source = 'import select, sys\nfor line in sys.stdin: print(len(select.select([3], [], [], float(line) if line.strip() else None)[0]), flush=True)'
  const child = spawn('python3', ['-c', source], { stdio: ['pipe', 'pipe', 'inherit', handle.fileno()] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (line) => {
    child.stdin.write(`${line}\n`)
    return Number((await lines.next()).value)
  }
  return { isReadable: async () => (await ask('0')) === 1, untilReadable: async () => assert.equal(await ask(''), 1) }
}

test('it is readable while a try may succeed', watchdog, async (t) => {
  const event = new Event(fresh())
  const child = poller(t, event)
  assert.equal(await child.isReadable(), false)
  for (let round = 0; round < 100; round++) {
    event.set()
    await child.untilReadable()
    assert.equal(event.waitSync({ timeout: 0 }), true)
    assert.equal(event.waitSync({ timeout: 0 }), false)
    assert.equal(await child.isReadable(), false)
  }
  event.close()
})

test('grants, too, calm it', watchdog, async (t) => {
  for (const object of [new Mutex(), new Semaphore(null, { initial: 1, maximum: 1 })]) {
    const child = poller(t, object)
    assert.equal(await child.isReadable(), true)
    const grant = object.tryAcquire()
    assert.equal(object.tryAcquire(), null)
    assert.equal(await child.isReadable(), false)
    grant.release()
    await child.untilReadable()
    const again = await object.acquire({ timeout: 0 })
    assert.equal(await object.acquire({ timeout: 0 }), null)
    assert.equal(await child.isReadable(), false)
    again.release()
    object.close()
  }
})

test('it belongs to the handle', watchdog, () => {
  const descriptors = () => readdirSync('/proc/self/fd').length
  const event = new Event()
  const before = descriptors()
  assert.equal(event.fileno(), event.fileno())
  assert.equal(descriptors(), before + 1)
  event.close()
  assert.equal(descriptors(), before)
})

test('a socket of Node does not take it, as the documentation says', watchdog, () => {
  const event = new Event()
  assert.throws(() => new Socket({ fd: event.fileno() }), { code: 'ERR_INVALID_FD_TYPE' })
  event.close()
})
