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

/** The flags of a handle, with the numbers of Windows. */
const INHERIT = 1
const PROTECT_FROM_CLOSE = 2

function setFlag(handle, flag, value, property) {
  if (typeof value !== 'boolean') throw wrongType(property, 'a boolean', value)
  addon.setFlags(handle[SLOT], flag, value ? flag : 0)
}

const collected = new FinalizationRegistry((slot) => addon.collect(slot))

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

  get protected() {
    return (addon.flags(this[SLOT]) & PROTECT_FROM_CLOSE) !== 0
  }

  set protected(value) {
    setFlag(this, PROTECT_FROM_CLOSE, value, 'protected')
  }

  get inheritable() {
    return (addon.flags(this[SLOT]) & INHERIT) !== 0
  }

  set inheritable(value) {
    setFlag(this, INHERIT, value, 'inheritable')
  }

  close() {
    const slot = this[SLOT]
    try {
      addon.close(slot)
    } finally {
      if (!addon.isOpen(slot)) {
        this[SLOT] = CLOSED
        collected.unregister(this)
      }
    }
  }

  share() {
    return addon.share(this[SLOT])
  }

  fileno() {
    return addon.fileno(this[SLOT])
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
