// Bad input: a clear error of its kind, and nothing has happened.

import { fresh, refusal, watchdog, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, ByNameError, Event, Grant, Mutex, Namespace, Semaphore, Timer, WaitResult, usage, waitAllSync, waitAny } from '../../bindings-node/index.mjs'

test('names follow the grammar', () => {
  const rows = [
    ['a\0b', 'INVALID_NAME', 123], ['x\ud800', 'INVALID_NAME', 123], ['\udc00x', 'INVALID_NAME', 123], ['\\foo', 'INVALID_NAME', 161],
    ['Local\\', 'INVALID_NAME', 123], ['Local\\\\x', 'INVALID_NAME', 123], ['Local', 'INVALID_NAME', 6], ['a\\b', 'PATH_NOT_FOUND', 3],
    ['global\\x', 'PATH_NOT_FOUND', 3], ['Global\\x', 'UNSUPPORTED', 50], ['Session\\1\\x', 'UNSUPPORTED', 50], ['x'.repeat(261), 'NAME_TOO_LONG', 206],
    ['€'.repeat(261), 'NAME_TOO_LONG', 206], ['😀'.repeat(131), 'NAME_TOO_LONG', 206], ['x'.repeat(1_000_000), 'NAME_TOO_LONG', 206],
  ]
  for (const [name, code, win32] of rows) {
    assert.throws(() => new Mutex(name), refusal(code, win32), JSON.stringify(name.slice(0, 20)))
    assert.throws(() => Event.open(name), refusal(code, win32), `open ${JSON.stringify(name.slice(0, 20))}`)
  }
  for (const name of ['x'.repeat(260), '€'.repeat(260), '😀'.repeat(130), 'foo/bar', '..', 'a b"*', '\u0001', 'gl\u00f6bal', 'glo\u0308bal']) {
    const event = new Event(name)
    assert.deepEqual([event.created, event.name], [true, name])
    assert.equal(Event.open(name).created, false)
    event.close()
  }
})

test('all kinds share one name space', () => {
  const event = new Event(fresh())
  assert.throws(() => new Mutex(event.name), refusal('WRONG_KIND', 6))
  assert.throws(() => Semaphore.open(event.name), refusal('WRONG_KIND', 6))
})

test('opening wants a name, of something that exists', () => {
  assert.throws(() => Mutex.open(), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => Mutex.open(null), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => Mutex.open(''), { name: 'ByNameError', win32: 6 })
  assert.throws(() => Mutex.open(fresh()), refusal('NOT_FOUND', 2))
})

test('arguments of the wrong type are TypeErrors that say what they must be', watchdog, async () => {
  const rows = [
    [() => new Mutex(5), /name must be a string; got number 5/],
    [() => new Mutex({}), /name must be a string; got an instance of Object/],
    [() => new Mutex(Symbol('x')), /name must be a string; got symbol Symbol\(x\)/],
    [() => new Mutex('x', 5), /options must be an object; got number 5/],
    [() => new Mutex('x', null), /options must be an object; got null/],
    [() => new Mutex('x', { initiallyOwned: 1 }), /options\.initiallyOwned must be a boolean; got number 1/],
    [() => new Mutex('x', { namespace: 'local' }), /options\.namespace must be a Namespace; got string 'local'/],
    [() => new Mutex('x', { access: '1' }), /options\.access must be a number/],
    [() => Mutex.open('x', 5), /options must be an object/],
    [() => Mutex.open(5), /name must be a string/],
    [() => new Event('x', { manualReset: 'yes' }), /options\.manualReset must be a boolean; got string 'yes'/],
    [() => new Event('x', { initial: 0 }), /options\.initial must be a boolean/],
    [() => new Semaphore('x', { maximum: null }), /options\.maximum must be a number; got null/],
    [() => new Semaphore('x', { maximum: 1n }), /options\.maximum must be a number; got bigint 1n/],
    [() => new Semaphore('x', { maximum: 1, initial: '1' }), /options\.initial must be a number/],
    [() => new Semaphore(null, { initial: 1, maximum: 1 }).release('1'), /n must be a number/],
    [() => Namespace.session(5), /name must be a string/],
    [() => Namespace.local().profile('xp'), /profile must be 'desktop' or 'ce'; got string 'xp'/],
    [() => usage({}), /options\.namespace must be a Namespace/],
    [() => new Namespace(), /Namespace must be made by Namespace\.local\(\)/],
    [() => new Grant(), /Grant must be given by an acquisition/],
    [() => new WaitResult(), /WaitResult must be given by a wait/],
  ]
  for (const [call, message] of rows) assert.throws(call, wrongType(message), call.toString())
  assert.throws(() => Mutex.open('x'), refusal('NOT_FOUND', 2), 'none of them made anything')
  assert.throws(() => Mutex('x'), TypeError)
})

test('time-outs are numbers of milliseconds', watchdog, async () => {
  const event = new Event(null, { manualReset: true, initial: true })
  const calls = [(options) => event.waitSync(options), (options) => event.wait(options), (options) => waitAny([event], options), (options) => new Mutex().acquireSync(options)]
  for (const call of calls) {
    for (const timeout of [true, false, '5', 5n, null, {}, new Date()]) {
      await assert.rejects(async () => call({ timeout }), wrongType(/options\.timeout must be a number of milliseconds/), String(timeout))
    }
    for (const timeout of [NaN, -1, -1e-300, -Infinity]) {
      await assert.rejects(async () => call({ timeout }), refusal('INVALID_ARGUMENT', 87), String(timeout))
    }
    for (const options of [5, 'x', null, true]) {
      await assert.rejects(async () => call(options), wrongType(/options must be an object/), String(options))
    }
    for (const timeout of [undefined, Infinity, 1e300, Number.MAX_VALUE, 0, -0, 1e-300]) {
      assert.ok(await call({ timeout }), String(timeout))
    }
  }
})

test('handles do what their access allows', watchdog, async () => {
  const name = fresh()
  const event = new Event(name, { manualReset: true })
  const waiting = Event.open(name, { access: Access.SYNCHRONIZE })
  const setting = Event.open(name, { access: Access.MODIFY_STATE })
  assert.throws(() => waiting.set(), refusal('ACCESS_DENIED', 5))
  await assert.rejects(setting.wait(), refusal('ACCESS_DENIED', 5))
  setting.set()
  assert.equal(await waiting.wait(), true)
  assert.throws(() => Event.open(name, { access: 0 }), refusal('ACCESS_DENIED', 5))
  for (const access of [-1, 2 ** 32, 1.5, NaN]) assert.throws(() => Event.open(name, { access }), refusal('INVALID_ARGUMENT', 87), String(access))
  event.close()
})

test('methods want the object they belong to', () => {
  const event = new Event()
  assert.throws(() => Mutex.prototype.tryAcquire.call({}), TypeError)
  assert.throws(() => Event.prototype.set.call(undefined), TypeError)
  assert.throws(() => Grant.prototype.release.call({}), TypeError)
  assert.throws(() => Semaphore.prototype.release.call(event), refusal('WRONG_KIND', 6))
})

test('namespaces separate names', () => {
  const one = Namespace.session('node-tests-one')
  const name = fresh()
  const mutex = new Mutex(name)
  assert.throws(() => Mutex.open(name, { namespace: one }), refusal('NOT_FOUND', 2))
  assert.equal(new Mutex(name, { namespace: one }).created, true)
  assert.equal(new Mutex(name, { namespace: Namespace.local() }).created, false)
  assert.equal(one.sessionName, 'node-tests-one')
  assert.equal(Namespace.local().sessionName, process.env.BYNAME_SESSION)
  assert.equal(Namespace.session(process.env.BYNAME_SESSION).path, Namespace.local().path)
  assert.equal(one.profile('desktop').path, one.path)
  const ce = one.profile('ce')
  assert.deepEqual([ce.rules, one.rules, ce.sessionName], ['ce', 'desktop', one.sessionName])
  const twins = [new Mutex(name, { namespace: ce }), new Event(name, { namespace: ce }), new Event('', { namespace: ce })]
  assert.deepEqual(twins.map((twin) => twin.created), [true, true, true])
  assert.throws(() => waitAllSync(twins, { timeout: 0 }), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => new Timer(name, { namespace: ce }), refusal('UNSUPPORTED', 50))
  for (const twin of twins) twin.close()
  assert.throws(() => Namespace.private('b', 'a'), refusal('UNSUPPORTED', 50))
  for (const bad of ['', '/', 'x'.repeat(65), 'a b', 'ü']) assert.throws(() => Namespace.session(bad), ByNameError, bad)
  assert.throws(() => Namespace.session('\ud800'), refusal('INVALID_NAME', 123))
  mutex.close()
})
