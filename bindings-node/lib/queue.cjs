'use strict'
// The message queue.

const { addon } = require('./addon.cjs')
const { flagOf, nameOf, numberOf, optionsOf, textOf, timeoutOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { Handle, Opened, SLOT } = require('./handle.cjs')
const { placeOf } = require('./namespace.cjs')
const { pend } = require('./pending.cjs')

/** Which ends `options.mode` asks for. */
function endsOf({ mode = 'rw' }) {
  if (mode !== 'r' && mode !== 'w' && mode !== 'rw') throw wrongType('options.mode', '"r", "w" or "rw"', mode)
  return mode
}

/** A message as the addon takes it: a view of bytes, whatever kind of view or buffer it was. */
function bytesOf(data) {
  if (data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data)
  throw wrongType('message', 'a Buffer, a typed array or an ArrayBuffer', data)
}

const sent = (queue, news) => news !== null
const received = (queue, news) => news && news[0]
const receivedWhole = (queue, news) => news && { data: news[0], alert: news[1] }

class Queue extends Handle {
  /** The end that writes: of mode "rw" a queue of its own. */
  #writer = null
  #mode

  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      this.#mode = options
    } else {
      const chosen = optionsOf(options)
      const { maxMessages = 0, maxSize = 4096, precommit = true } = chosen
      const mode = endsOf(chosen)
      numberOf(maxMessages, 'options.maxMessages')
      numberOf(maxSize, 'options.maxSize')
      if (typeof precommit !== 'boolean') throw wrongType('options.precommit', 'a boolean', precommit)
      const place = [placeOf(chosen.namespace), nameOf(name)]
      super(addon.createQueue(...place, mode === 'w', maxMessages, maxSize, flagOf(chosen, 'allowBroken'), precommit))
      this.#mode = mode
    }
    if (this.#mode === 'rw') this.#writer = new Queue(new Opened(addon.openEnd(this[SLOT], true)), 'w')
  }

  static open(name, options) {
    const chosen = optionsOf(options)
    const mode = endsOf(chosen)
    return new this(new Opened(addon.openQueue(placeOf(chosen.namespace), nameOf(name), mode === 'w')), mode)
  }

  static fromShare(token, options) {
    const mode = endsOf(optionsOf(options))
    return new this(new Opened(addon.queueFromShare(textOf(token, 'token'), mode === 'w')), mode)
  }

  get mode() {
    return this.#mode
  }

  get writable() {
    return this.#writer ?? this
  }

  put(data, options) {
    const bytes = bytesOf(data)
    const alert = flagOf(optionsOf(options), 'alert')
    return pend(this.writable, options, (end, timeout) => addon.startPut(end[SLOT], bytes, alert, timeout), sent)
  }

  putSync(data, options) {
    return addon.put(this.writable[SLOT], bytesOf(data), flagOf(optionsOf(options), 'alert'), timeoutOf(options))
  }

  get(options) {
    return pend(this, options, (end, timeout) => addon.startGet(end[SLOT], timeout), received)
  }

  getSync(options) {
    return received(this, addon.get(this[SLOT], timeoutOf(options)))
  }

  getMessage(options) {
    return pend(this, options, (end, timeout) => addon.startGet(end[SLOT], timeout), receivedWhole)
  }

  getMessageSync(options) {
    return receivedWhole(this, addon.get(this[SLOT], timeoutOf(options)))
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      let data
      try {
        data = await this.get()
      } catch (error) {
        if (error.code === 'ERR_BYNAME_DISCONNECTED') return
        throw error
      }
      yield data
    }
  }

  info() {
    const [maxMessages, maxSize, messages, mostMessages, readers, writers, allowBroken, precommit] = addon.queueInfo(this[SLOT])
    return { maxMessages, maxSize, messages, mostMessages, readers, writers, allowBroken, precommit }
  }

  close() {
    try {
      this.#writer?.[Symbol.dispose]()
    } finally {
      super.close()
    }
  }
}

module.exports = { Queue }
