import { fresh, refusal, watchdog } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Queue, waitAny, waitAnySync } from '../../bindings-node/index.mjs'

const text = (message) => message && message.toString()
const make = (options) => new Queue(fresh(), { maxMessages: 2, maxSize: 100, allowBroken: true, ...options })

test('messages come in order and whole', watchdog, async () => {
  const queue = make({ maxSize: 100_000 })
  const long = Buffer.alloc(100_000, 7)
  assert.equal(await queue.put(Buffer.from('one')), true)
  assert.equal(queue.putSync(long), true)
  assert.equal(queue.putSync(Buffer.from('x'), { timeout: 0 }), false)
  assert.equal(await queue.put(Buffer.from('x'), { timeout: 10 }), false)
  assert.equal(text(await queue.get()), 'one')
  assert.deepEqual(queue.getSync(), long)
  assert.deepEqual([queue.getSync({ timeout: 0 }), await queue.get({ timeout: 10 })], [null, null])
  queue.putSync(new Uint16Array([0x4241, 0x4443]).subarray(1))
  queue.putSync(new Uint8Array([0x45]).buffer)
  assert.deepEqual([text(queue.getSync()), text(queue.getSync())], ['CD', 'E'])
})

test('an alert has a place of its own and is got first', watchdog, async () => {
  const queue = make({ maxMessages: 1 })
  queue.putSync(Buffer.from('1'))
  await queue.put(Buffer.from('stop'), { alert: true })
  assert.deepEqual(await queue.getMessage(), { data: Buffer.from('stop'), alert: true })
  assert.deepEqual(queue.getMessageSync(), { data: Buffer.from('1'), alert: false })
  assert.equal(queue.getMessageSync({ timeout: 0 }), null)
})

test('who waits gets what comes, each message once', watchdog, async () => {
  const queue = make()
  const gets = Array.from({ length: 20 }, () => queue.get())
  for (let i = 0; i < 20; i++) await queue.put(Buffer.from([i]))
  const got = (await Promise.all(gets)).map((message) => message[0])
  assert.deepEqual(got.sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i))
})

test('an aborted get takes nothing', watchdog, async () => {
  const queue = make()
  const controller = new AbortController()
  const aborted = queue.get({ signal: controller.signal })
  const other = queue.get()
  controller.abort(new Error('enough'))
  await assert.rejects(aborted, /enough/)
  await queue.put(Buffer.from('x'))
  assert.equal(text(await other), 'x')
})

test('iteration ends when the writers leave', watchdog, async () => {
  const name = fresh()
  const reader = new Queue(name, { maxMessages: 4, maxSize: 8, mode: 'r' })
  const writer = new Queue(name, { maxMessages: 4, maxSize: 8, mode: 'w' })
  const got = []
  for (const message of ['1', '2']) writer.putSync(Buffer.from(message))
  for await (const message of reader) {
    got.push(text(message))
    if (got.length === 2) writer.close()
  }
  assert.deepEqual(got, ['1', '2'])
  assert.throws(() => reader.info(), refusal('DISCONNECTED', 233))
  assert.equal(new Queue(name, { maxSize: 9 }).created, true)
})

test('waits take nothing', watchdog, async () => {
  const queue = make({ maxMessages: 1 })
  assert.equal(waitAnySync([queue], { timeout: 0 }), null)
  assert.equal((await waitAny([queue, queue.writable])).index, 1)
  queue.putSync(Buffer.from('x'))
  assert.equal(waitAnySync([queue.writable], { timeout: 0 }), null)
  assert.equal((await waitAny([queue])).index, 0)
  assert.equal(queue.info().messages, 1)
})

test('numbers and ends', () => {
  const name = fresh()
  const queue = new Queue(name, { maxMessages: 3, maxSize: 8 })
  const reader = Queue.open(name, { mode: 'r' })
  assert.deepEqual([queue.created, reader.created, queue.mode, reader.mode, queue.writable.mode], [true, false, 'rw', 'r', 'w'])
  const { maxMessages, maxSize, readers, writers, allowBroken, precommit } = queue.info()
  assert.deepEqual([maxMessages, maxSize, readers, writers, allowBroken, precommit], [3, 8, 2, 1, false, true])
  assert.throws(() => new Queue(name, { maxSize: 9 }), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => reader.putSync(Buffer.from('x')), refusal('WRONG_KIND', 6))
  reader.close()
  queue.close()
  assert.throws(() => queue.close(), refusal('CLOSED', 6))
  assert.throws(() => Queue.open(name), refusal('NOT_FOUND', 2))
})

test('bad input', async () => {
  const queue = make()
  for (const data of ['text', 7, null, undefined, [1], {}]) {
    assert.throws(() => queue.putSync(data), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  assert.throws(() => queue.putSync(Buffer.alloc(0)), refusal('INVALID_ARGUMENT', 87))
  await assert.rejects(queue.put(Buffer.alloc(101)), refusal('MESSAGE_TOO_LONG', 122))
  assert.throws(() => queue.getSync({ timeout: -1 }), refusal('INVALID_ARGUMENT', 87))
  for (const options of [{ maxSize: 0 }, { maxSize: 2 ** 26 + 1 }, { maxMessages: -1 }, { maxMessages: 1.5 }, { maxMessages: 2 ** 40 }]) {
    assert.throws(() => new Queue(null, options), refusal('INVALID_ARGUMENT', 87))
  }
  for (const options of [{ maxSize: '1' }, { mode: 'x' }, { allowBroken: 1 }, { precommit: 0 }]) {
    assert.throws(() => new Queue(null, options), { code: 'ERR_INVALID_ARG_TYPE' })
  }
  assert.throws(() => queue.putSync(Buffer.from('x'), { alert: 1 }), { code: 'ERR_INVALID_ARG_TYPE' })
})
