// Objects without a name, by a token.

import { refusal, start, watchdog, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, Event, Mapping, Mutex, Namespace, Process, Queue, Semaphore, Timer, Watchdog } from '../../bindings-node/index.mjs'

test('another process opens what has no name', watchdog, async (t) => {
  const [event, queue] = [new Event(), new Queue(null, { maxSize: 16 })]
  const child = start(t, `
    const [event, queue] = process.argv.slice(1)
    byname.Queue.fromShare(queue, { mode: 'w' }).put(Buffer.from('hello'))
    byname.Event.fromShare(event).set()
    console.log('set')
    process.stdin.resume()
  `.replace('process.argv.slice(1)', JSON.stringify([event.share(), queue.share()])))
  assert.equal(await child.line(), 'set')
  assert.equal(await event.wait(), true)
  assert.equal(String(await queue.get()), 'hello')
  event.close()
  queue.close()
})

test('every kind has its token, which says what is wrong with it', () => {
  const kinds = [
    new Event(), new Mapping(null, { size: 4096 }), new Mutex(), new Semaphore(), new Timer(), new Watchdog(null, { period: 1e6, grace: 0, action: 'none' }),
    new Mutex('', { namespace: Namespace.local().profile('ce') }),
  ]
  for (const object of kinds) {
    const same = object.constructor.fromShare(object.share())
    assert.deepEqual([same.name, same.created], [object.name, false])
    same.close()
  }
  const [event] = kinds
  const token = event.share()
  assert.throws(() => Mutex.fromShare(token), refusal('WRONG_KIND', 6))
  const denied = Event.fromShare(token, { access: Access.SYNCHRONIZE })
  assert.throws(() => denied.set(), refusal('ACCESS_DENIED', 5))
  denied.close()
  for (const object of kinds) object.close()
  assert.throws(() => Event.fromShare(token), refusal('NOT_FOUND', 2))
  assert.throws(() => Event.fromShare('token'), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => Event.fromShare(1), wrongType(/token must be a string/))
  assert.throws(() => event.share(), refusal('CLOSED', 6))
  const process = Process.open(globalThis.process.pid)
  assert.throws(() => process.share(), refusal('UNSUPPORTED', 50))
  process.close()
})
