'use strict'
// What every kind of handle has in common.

const { addon, desk } = require('./addon.cjs')
const { wrongType } = require('./errors.cjs')
const { inspect } = require('node:util')

/** The property that holds a handle's slot in the addon. */
const SLOT = Symbol('slot')
const CLOSED = 0

/** A slot that a constructor takes over instead of making one. */
class Opened {
  constructor(slot) {
    this.slot = slot
  }
}

const collected = new FinalizationRegistry((slot) => addon.close(slot))

class Handle {
  #name
  #created

  constructor(slot) {
    Object.defineProperty(this, SLOT, { value: slot, writable: true })
    this.#name = addon.name(slot)
    this.#created = addon.created(slot)
    collected.register(this, slot, this)
  }

  get name() {
    return this.#name
  }

  get created() {
    return this.#created
  }

  close() {
    const slot = this[SLOT]
    this[SLOT] = CLOSED
    collected.unregister(this)
    addon.close(slot)
  }

  fileno() {
    return addon.pollable(this[SLOT])
  }

  [Symbol.dispose]() {
    if (this[SLOT] !== CLOSED) this.close()
  }

  async [Symbol.asyncDispose]() {
    this[Symbol.dispose]()
  }

  [inspect.custom](_, options) {
    const open = this[SLOT] !== CLOSED
    return `${this.constructor.name} ${inspect({ name: this.#name, created: this.#created, open }, options)}`
  }

  static is(value) {
    return typeof value === 'object' && value !== null && #name in value
  }
}

const isHandle = Handle.is
delete Handle.is

/** Lays a handle's slot on the desk, for the call that follows. */
function ask(handle) {
  const slot = handle[SLOT]
  if (slot === undefined) throw wrongType('this', 'made by its constructor', handle)
  desk[0] = slot
}

module.exports = { Handle, Opened, SLOT, ask, isHandle }
