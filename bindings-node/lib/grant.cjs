'use strict'
// Grants: who holds, in Node.
//
// The addon keeps the grant; the object here holds its slot. An object that is collected as garbage before it was
// released lets the addon drop the grant, which for a mutex means abandonment. Registering for that costs more than
// acquiring and releasing together, and garbage collection can speak only between turns of the event loop, so a grant is registered
// at the end of the turn, if it is still held then: `young` keeps those of the current turn alive.

const { addon, desk } = require('./addon.cjs')
const { wrongType } = require('./errors.cjs')
const { setImmediate } = require('node:timers')
const { inspect } = require('node:util')

const { release } = addon
const KEY = Symbol('made by byname')
const RELEASED = 0
/** The property under which an object says how to speak of it when a grant of it was lost; undefined: not at all. */
const LOST = Symbol('lost')

/** As many grants as one turn may collect before they are registered early, to bound the memory. */
const CROWD = 1024
const young = []
let awaited = false

const collected = new FinalizationRegistry(({ slot, mutex }) => {
  addon.drop(slot)
  if (mutex !== undefined) {
    process.emitWarning(
      `a grant of ${mutex} was collected as garbage without being released; the mutex is abandoned now. Call grant.release(), or bind it with \`using\``,
      'ResourceWarning', 'BYNAME_GRANT_COLLECTED')
  }
})

class Grant {
  #slot
  #low
  #high
  #abandoned
  #object

  constructor(key, slot, low, high, abandoned, object) {
    if (key !== KEY) throw wrongType('Grant', 'given by an acquisition', key)
    this.#slot = slot
    this.#low = low
    this.#high = high
    this.#abandoned = abandoned
    this.#object = object
  }

  get fence() {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low)
  }

  get abandoned() {
    return this.#abandoned !== 0
  }

  get held() {
    return this.#slot !== RELEASED
  }

  release() {
    desk[0] = this.#slot
    release()
    this.#slot = RELEASED
    if (young[young.length - 1] === this) young.pop()
    else if (this.#object === null) collected.unregister(this)
    this.#object = null
  }

  [Symbol.dispose]() {
    if (this.#slot !== RELEASED) this.release()
  }

  async [Symbol.asyncDispose]() {
    this[Symbol.dispose]()
  }

  [inspect.custom](_, options) {
    return `Grant ${inspect({ fence: this.fence, abandoned: this.abandoned, held: this.held }, options)}`
  }

  /** Has the collector tell us of this grant, unless it is released already. */
  static register(grant) {
    if (grant.#slot === RELEASED) return
    collected.register(grant, { slot: grant.#slot, mutex: lostName(grant.#object) }, grant)
    grant.#object = null
  }
}

const { register } = Grant
delete Grant.register

/** How a warning names the object; a Proxy of a handle cannot be asked. */
function lostName(object) {
  try {
    return object[LOST]
  } catch {
    return 'a mutex'
  }
}

function grown() {
  awaited = false
  for (const grant of young) register(grant)
  young.length = 0
}

function nurse(grant) {
  if (young.push(grant) === CROWD) grown()
  if (!awaited) {
    awaited = true
    setImmediate(grown)
  }
  return grant
}

/** The grant of `object` that lies on the desk; `null` if none does. */
function newest(object) {
  const slot = desk[0]
  return slot === 0 ? null : nurse(new Grant(KEY, slot, desk[1], desk[2], desk[3], object))
}

/** A grant whose news came otherwise. */
function grantOf(slot, low, high, abandoned, object) {
  return nurse(new Grant(KEY, slot, low, high, abandoned, object))
}

module.exports = { Grant, LOST, grantOf, newest }
