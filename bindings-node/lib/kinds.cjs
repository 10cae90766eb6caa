'use strict'
// The kinds of objects.

const { addon, desk } = require('./addon.cjs')
const { flagOf, nameOf, numberOf, optionsOf, textOf, timeoutOf } = require('./check.cjs')
const { LOST, grantOf, newest } = require('./grant.cjs')
const { Handle, Opened, SLOT, ask } = require('./handle.cjs')
const { placeOf } = require('./namespace.cjs')
const { pend } = require('./pending.cjs')

const { acquire, acquireFor, isSet, post, pulse, reset, set, tryAcquire, waitEvent } = addon

/** Access masks, as in Windows. A handle made without one may do everything. */
const Access = Object.freeze({
  QUERY_STATE: 0x0001,
  MODIFY_STATE: 0x0002,
  SYNCHRONIZE: 0x0010_0000,
  MAP_READ: 0x0004,
  MAP_WRITE: 0x0002,
  MAP_COPY: 0x0001,
  MAP_EXECUTE: 0x0020,
  ALL: 0x0200_0000,
})

/** The largest maximum of a semaphore, and the one that it has when none is given. */
const MOST = 0x7fff_ffff

/** The arguments with which every creation and opening begins. */
function placed(name, options) {
  return [placeOf(options.namespace), nameOf(name), numberOf(options.access ?? Access.ALL, 'options.access')]
}

function opened(kind, name, options) {
  return new Opened(addon.open(kind, ...placed(name, optionsOf(options))))
}

/** What a token of `share()` leads to. */
function shared(kind, token, options) {
  const { access = Access.ALL } = optionsOf(options)
  return new Opened(addon.fromShare(kind, textOf(token, 'token'), numberOf(access, 'options.access')))
}

/** Starts to acquire a lock; undefined: its grant lies on the desk. */
function startAcquire(lock, timeout) {
  ask(lock)
  return addon.startAcquire(timeout)
}

const acquired = (lock, news) => (news === undefined ? newest(lock) : news && grantOf(news[2], news[3], news[4], news[5], lock))

/** The slot on the desk, as a list of one. */
const alone = desk.subarray(0, 1)

/** Starts a wait for an object that gives no grant. */
function startWait(object, timeout) {
  ask(object)
  return addon.start(alone, false, timeout)
}

const happened = (object, news) => news !== null

/** Waits for a handle whose waits take nothing. */
function wait(handle, options) {
  return pend(handle, options, startWait, happened)
}

function waitSync(handle, options) {
  return waitEvent(handle[SLOT], timeoutOf(options))
}

/** What a mutex and a semaphore have in common: they are acquired, and an acquisition is a grant. */
class Lock extends Handle {
  acquire(options) {
    return pend(this, options, startAcquire, acquired)
  }

  tryAcquire() {
    ask(this)
    tryAcquire()
    return newest(this)
  }

  acquireSync(options) {
    const timeout = timeoutOf(options)
    ask(this)
    if (timeout === Infinity) acquire()
    else acquireFor(timeout)
    return newest(this)
  }

  get [LOST]() {
    return undefined
  }
}

/** An owner as people read it. */
function named(owner) {
  return owner && { pid: owner[0], tid: owner[1] }
}

class Mutex extends Lock {
  #initialGrant = null

  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      return
    }
    const chosen = optionsOf(options)
    super(addon.createMutex(...placed(name, chosen), flagOf(chosen, 'initiallyOwned')))
    this.#initialGrant = newest(this)
  }

  static open(name, options) {
    return new this(opened(0, name, options))
  }

  static fromShare(token, options) {
    return new this(shared(0, token, options))
  }

  get initialGrant() {
    return this.#initialGrant
  }

  owner() {
    const owner = addon.owner(this[SLOT])
    return named(owner)
  }

  state() {
    const [owner, depth, abandoned] = addon.mutexState(this[SLOT])
    return { owner: named(owner), depth, abandoned }
  }

  get [LOST]() {
    return `the mutex ${this.name === null ? 'without a name' : JSON.stringify(this.name)}`
  }
}

class Event extends Handle {
  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      return
    }
    const chosen = optionsOf(options)
    super(addon.createEvent(...placed(name, chosen), flagOf(chosen, 'manualReset'), flagOf(chosen, 'initial')))
  }

  static open(name, options) {
    return new this(opened(1, name, options))
  }

  static fromShare(token, options) {
    return new this(shared(1, token, options))
  }

  set() {
    set(this[SLOT])
  }

  reset() {
    reset(this[SLOT])
  }

  pulse() {
    pulse(this[SLOT])
  }

  isSet() {
    return isSet(this[SLOT])
  }

  state() {
    const [set, manualReset] = addon.eventState(this[SLOT])
    return { set, manualReset }
  }

  wait(options) {
    return wait(this, options)
  }

  waitSync(options) {
    return waitSync(this, options)
  }
}

class Semaphore extends Lock {
  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      return
    }
    const chosen = optionsOf(options)
    const { initial = 1, maximum = MOST } = chosen
    numberOf(initial, 'options.initial')
    numberOf(maximum, 'options.maximum')
    super(addon.createSemaphore(...placed(name, chosen), initial, maximum, flagOf(chosen, 'robust')))
  }

  static open(name, options) {
    return new this(opened(2, name, options))
  }

  static fromShare(token, options) {
    return new this(shared(2, token, options))
  }

  release(n = 1) {
    return post(this[SLOT], numberOf(n, 'n'))
  }

  available() {
    return addon.available(this[SLOT])
  }

  state() {
    const [available, maximum, robust] = addon.semaphoreState(this[SLOT])
    return { available, maximum, robust }
  }
}

module.exports = { Access, Event, Lock, Mutex, Semaphore, happened, opened, placed, shared, startWait, wait, waitSync }
