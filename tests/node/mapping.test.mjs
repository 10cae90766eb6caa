// The mapping: buffers over shared memory, their end, files, the version (contract 7).

import { fresh, refusal, start, until, watchdog, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Event, Mapping, Protect, waitAny, waitAnySync } from '../../bindings-node/index.mjs'

const text = (bytes) => Buffer.from(bytes).toString('latin1')
/** How many mappings of memory of objects this process has. */
const maps = () => readFileSync('/proc/self/maps', 'latin1').split('\n').filter((line) => line.includes('byname.v1.memory.')).length

test('buffers are the memory itself', () => {
  const name = fresh()
  const one = new Mapping(name, { size: 2 * 65536 })
  const other = Mapping.open(name)
  assert.deepEqual([one.created, other.created, one.size, other.size], [true, false, 131072, 131072])
  const [a, b] = [new Uint8Array(one.view()), new Uint8Array(other.view(65536, 100))]
  assert.deepEqual([a.length, b.length, a[0]], [131072, 100, 0])
  a[65536 + 5] = 7
  assert.equal(b[5], 7)
  assert.equal(Atomics.add(new Int32Array(other.view(65536)), 2, 5), 0)
  assert.equal(new Int32Array(one.view())[65536 / 4 + 2], 5)
  assert.deepEqual(one.state(), { size: 131072, protect: 4, hasFile: false, version: 0n })
  one.close()
  other.close()
})

test('protection and attributes go together as the contract says', () => {
  const { COMMIT, FILE, IMAGE, LARGE_PAGES, NOCACHE, READONLY, READWRITE, RESERVE, WRITECOMBINE } = Protect
  const made = (protect) => new Mapping(null, { size: 65536, protect })
  for (const attributes of [COMMIT, RESERVE, COMMIT + NOCACHE, RESERVE + WRITECOMBINE]) {
    const mapping = made(READWRITE + attributes)
    assert.equal(mapping.state().protect, READWRITE + attributes)
    new Uint8Array(mapping.view())[0] = 1
    mapping.close()
  }
  for (const wrong of [0, RESERVE, READONLY + READWRITE, READWRITE + COMMIT + RESERVE, READWRITE + NOCACHE, READWRITE + FILE, 2 ** 32, -1]) {
    assert.throws(() => made(wrong), refusal('INVALID_ARGUMENT', 87), String(wrong))
  }
  assert.throws(() => made(READWRITE + IMAGE), refusal('INVALID_ARGUMENT', 193))
  assert.throws(() => made(READWRITE | COMMIT | LARGE_PAGES), refusal('ACCESS_DENIED', 1314))
  const readonly = made(READONLY)
  assert.throws(() => readonly.view(), refusal('ACCESS_DENIED', 5))
  readonly.close()
  assert.throws(() => made('rw'), wrongType(/options\.protect must be a number/))
})

test('closing detaches every buffer of the mapping, and no other', () => {
  const name = fresh()
  const [one, other] = [new Mapping(name, { size: 65536 }), Mapping.open(name)]
  const [a, b, c] = [one.view(), one.view(), other.view()].map((buffer) => new Uint8Array(buffer))
  c[1] = 9
  one.close()
  assert.deepEqual([a.length, b.length, a.buffer.byteLength, a[1]], [0, 0, 0, undefined])
  assert.equal(c[1], 9)
  for (const use of [() => one.view(), () => one.read(), () => one.size, () => one.version, () => one.flush(), () => one.publish(), () => one.changed, () => one.close()]) {
    assert.throws(use, refusal('CLOSED', 6))
  }
  {
    const three = Mapping.open(name)
    const buffer = three.view()
    three[Symbol.dispose]()
    assert.equal(buffer.byteLength, 0)
    three[Symbol.dispose]()
  }
  other.close()
  assert.throws(() => Mapping.open(name), refusal('NOT_FOUND', 2))
})

test('the pages go with the buffers', { ...watchdog, skip: globalThis.gc === undefined && 'needs --expose-gc' }, async () => {
  const mapping = new Mapping(null, { size: 65536 })
  await until(() => maps() === 0) // those of other tests
  ;(() => { for (let i = 0; i < 10; i++) mapping.view() })()
  await until(() => { globalThis.gc(); return maps() === 0 })
  const kept = mapping.view()
  mapping.close()
  await until(() => maps() === 0)
  assert.equal(kept.byteLength, 0)
})

test('a buffer cannot be transferred, and detaching it first does no harm', () => {
  const mapping = new Mapping(null, { size: 65536 })
  const buffer = mapping.view()
  try {
    const copy = structuredClone(buffer, { transfer: [buffer] }) // what Node 20 makes of it
    new Uint8Array(copy)[5] = 1
  } catch (error) {
    assert.equal(error.name, 'DataCloneError')
  }
  assert.deepEqual([buffer.byteLength, mapping.read(5, 1)[0]], [65536, 0])
  if (buffer.transfer !== undefined) {
    const moved = buffer.transfer()
    assert.deepEqual([buffer.byteLength, moved.byteLength], [0, 65536])
    new Uint8Array(moved)[0] = 1
    assert.equal(mapping.read(0, 1)[0], 1)
  }
  mapping.close()
})

test('access words and masks', () => {
  const name = fresh()
  const made = new Mapping(name, { size: 65536 })
  const [reader, own] = [Mapping.open(name, { access: 'r' }), Mapping.open(name, { access: 'copy' })]
  made.write(Buffer.from('all'))
  const mine = new Uint8Array(own.view())
  mine[0] = 1
  assert.equal(text(reader.read(0, 3)), 'all')
  for (const use of [() => reader.view(), () => reader.write(mine.subarray(0, 1)), () => reader.publish(), () => own.write(mine.subarray(0, 1))]) {
    assert.throws(use, refusal('ACCESS_DENIED', 5))
  }
  assert.throws(() => Mapping.open(name, { access: 'w' }), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => Mapping.open(name, { access: true }), wrongType(/options\.access must be/))
  assert.throws(() => Mapping.open(name, { access: 0 }), refusal('ACCESS_DENIED', 5))
  for (const mapping of [made, reader, own]) mapping.close()
})

test('bad sizes, offsets and data', () => {
  for (const size of [0, undefined]) assert.throws(() => new Mapping(null, { size }), refusal('INVALID_ARGUMENT', 87))
  for (const size of [-1, 0.5, NaN, Infinity, 2 ** 60]) assert.throws(() => new Mapping(null, { size }), refusal('INVALID_ARGUMENT', 87))
  for (const size of ['1', 1n, null]) assert.throws(() => new Mapping(null, { size }), wrongType(/options\.size must be a number/))
  assert.throws(() => new Mapping(null), refusal('INVALID_ARGUMENT', 87))
  const mapping = new Mapping(null, { size: 131072 })
  for (const offset of [1, 4096]) assert.throws(() => mapping.view(offset), refusal('MISALIGNED', 1132))
  for (const [offset, length] of [[131072], [0, 131073], [65536, 65537]]) assert.throws(() => mapping.view(offset, length), refusal('ACCESS_DENIED', 5))
  for (const [offset, length] of [[-1], [0, -1], [0, 0], [0.5], [0, NaN]]) assert.throws(() => mapping.view(offset, length), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => mapping.view('0'), wrongType(/offset must be a number/))
  for (const [offset, length] of [[131072, 1], [0, 131073], [2 ** 53 - 1, 1], [0, 2 ** 53 - 1]]) {
    assert.throws(() => mapping.read(offset, length), refusal('INVALID_ARGUMENT', 87))
  }
  assert.equal(mapping.read(131072).length, 0)
  assert.equal(mapping.read(131070, 2).length, 2)
  assert.throws(() => mapping.write(new Uint8Array(2), 131071), refusal('INVALID_ARGUMENT', 87))
  for (const data of ['text', 5, null, [1]]) assert.throws(() => mapping.write(data), wrongType(/data must be/))
  assert.equal(mapping.version, 0n)
  mapping.write(new Uint16Array([0x6261, 0x6463]).subarray(1), 131070)
  mapping.write(new SharedArrayBuffer(1))
  assert.equal(text(mapping.read(131070)), 'cd')
  mapping.close()
})

test('files', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'byname-mapping-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'some text')
  writeFileSync(path, '0123456789')
  const [fd, handle] = [openSync(path, 'r+'), await openFile(path, 'r+')]
  for (const file of [path, pathToFileURL(path), fd, handle]) {
    const mapping = new Mapping(null, { file })
    assert.deepEqual([mapping.size, mapping.state().hasFile, text(mapping.read())], [10, true, '0123456789'])
    mapping.close()
  }
  const mapping = new Mapping(null, { file: path })
  new Uint8Array(mapping.view())[0] = 0x61
  mapping.flush()
  mapping.close()
  const own = new Mapping(null, { file: path, access: 'copy' })
  new Uint8Array(own.view())[0] = 0x62
  own.close()
  assert.equal(readFileSync(path, 'latin1'), 'a123456789')
  new Mapping(null, { file: path, size: 100_000 }).close()
  assert.equal(statSync(path).size, 100_000)
  const reading = openSync(path, 'r')
  assert.throws(() => new Mapping(null, { file: reading }), refusal('ACCESS_DENIED', 5))
  const reader = new Mapping(null, { file: reading, access: 'r' })
  assert.throws(() => reader.view(), refusal('ACCESS_DENIED', 5))
  assert.equal(text(reader.read(0, 3)), 'a12')
  reader.close()
  writeFileSync(path, '')
  assert.throws(() => new Mapping(null, { file: path }), refusal('INVALID_ARGUMENT', 1006))
  assert.throws(() => new Mapping(null, { file: join(folder, 'missing') }), refusal('NOT_FOUND', 2))
  assert.throws(() => new Mapping(null, { file: folder, access: 'r' }), refusal('WRONG_KIND', 6))
  assert.throws(() => new Mapping(null, { file: 1 << 20, size: 1 }), refusal('CLOSED', 6))
  assert.throws(() => new Mapping(null, { file: -1, size: 1 }), refusal('CLOSED', 6))
  assert.throws(() => new Mapping(null, { file: {}, size: 1 }), wrongType(/options\.file must be/))
  for (const descriptor of [fd, reading]) closeSync(descriptor)
  await handle.close()
})

test('a mapping is never waited for', watchdog, async () => {
  const [mapping, event] = [new Mapping(null, { size: 1 }), new Event(null, { initial: true })]
  assert.throws(() => waitAnySync([event, mapping]), refusal('WRONG_KIND', 6))
  await assert.rejects(async () => waitAny([event, mapping]), refusal('WRONG_KIND', 6))
  assert.throws(() => mapping.fileno(), refusal('WRONG_KIND', 6))
  assert.ok(event.isSet())
  mapping.close()
})

test('changes are whole, told, and end with their function', watchdog, async () => {
  const mapping = new Mapping(null, { size: 4096 })
  const bytes = new Uint8Array(mapping.view())
  assert.equal(mapping.changed, mapping.changed)
  const told = mapping.changed.wait()
  const result = mapping.change((abandoned) => {
    assert.equal(abandoned, false)
    assert.equal(mapping.read(0, 1, { timeout: 5 }), null)
    assert.throws(() => mapping.change(() => {}), refusal('WOULD_DEADLOCK', 1131))
    bytes[0] = 1
    return 'done'
  })
  assert.deepEqual([result, await told, mapping.version, mapping.read(0, 1)[0]], ['done', true, 1n, 1])
  assert.throws(() => mapping.change(() => { throw new RangeError('inside') }), RangeError)
  assert.throws(() => mapping.change('x'), wrongType(/body must be a function/))
  mapping.publish()
  assert.equal(mapping.version, 3n)
  mapping.close()
})

test('another process writes, and dies in the middle of a change', watchdog, async (t) => {
  const name = fresh()
  const mapping = new Mapping(name, { size: 65536 })
  const changed = mapping.changed
  const child = start(t, `
    const mapping = byname.Mapping.open(${JSON.stringify(name)})
    mapping.write(Buffer.from('from the child'))
    console.log('written')
    process.stdin.once('data', () => mapping.change(() => { console.log('half'); for (;;); }))
  `)
  assert.equal(await child.line(), 'written')
  assert.ok(await changed.wait())
  assert.equal(text(mapping.read(0, 14)), 'from the child')
  child.say('go on')
  assert.equal(await child.line(), 'half')
  assert.equal(mapping.read(0, 14, { timeout: 5 }), null)
  child.kill('SIGKILL')
  await child.closed
  assert.ok(await changed.wait())
  assert.throws(() => mapping.read(), refusal('DISCONNECTED', 109))
  assert.equal(mapping.change((abandoned) => abandoned), true)
  assert.equal(mapping.read(0, 1).length, 1)
  mapping.close()
})

test('a worker that waits for the end of a change is terminated', watchdog, async (t) => {
  const name = fresh()
  const mapping = new Mapping(name, { size: 65536 })
  const child = start(t, `
    const mapping = byname.Mapping.open(${JSON.stringify(name)})
    mapping.change(() => { console.log('half'); for (;;); })
  `)
  assert.equal(await child.line(), 'half')
  const worker = new Worker(`
    const { parentPort, workerData: { path, name } } = require('node:worker_threads')
    const mapping = require(path).Mapping.open(name)
    parentPort.postMessage('reads')
    mapping.read()
  `, { eval: true, workerData: { path: new URL('../../bindings-node/index.cjs', import.meta.url).pathname, name } })
  await once(worker, 'message')
  await worker.terminate()
  child.kill('SIGKILL')
  await child.closed
  mapping.close()
})

test('a worker that is terminated leaves no pages, and nobody else is disturbed', watchdog, async () => {
  const name = fresh()
  const mapping = new Mapping(name, { size: 65536 })
  await until(() => maps() === 0)
  const bytes = new Uint8Array(mapping.view())
  const worker = new Worker(`
    const { parentPort, workerData: { path, name } } = require('node:worker_threads')
    const { Mapping } = require(path)
    const mapping = Mapping.open(name)
    const bytes = new Uint8Array(mapping.view())
    bytes[0] = 5
    parentPort.postMessage('mapped')
    setInterval(() => { bytes[1]++ }, 1)
  `, { eval: true, workerData: { path: new URL('../../bindings-node/index.cjs', import.meta.url).pathname, name } })
  await once(worker, 'message')
  assert.equal(bytes[0], 5)
  assert.equal(maps(), 2)
  await worker.terminate()
  await until(() => maps() === 1)
  assert.equal(bytes[0], 5)
  mapping.close()
})
