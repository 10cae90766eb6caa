'use strict'
// Shared memory: array buffers over it, which are detached with their mapping.

const { addon } = require('./addon.cjs')
const { nameOf, numberOf, optionsOf, textOf, timeoutOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { Handle, Opened, SLOT } = require('./handle.cjs')
const { Event } = require('./kinds.cjs')
const { placeOf } = require('./namespace.cjs')
const { fileURLToPath } = require('node:url')

/** What views may do, and how memory comes, as in Windows. */
const Protect = Object.freeze({
  READONLY: 0x02,
  READWRITE: 0x04,
  WRITECOPY: 0x08,
  EXECUTE_READ: 0x20,
  EXECUTE_READWRITE: 0x40,
  EXECUTE_WRITECOPY: 0x80,
  FILE: 0x0080_0000,
  IMAGE: 0x0100_0000,
  RESERVE: 0x0400_0000,
  COMMIT: 0x0800_0000,
  NOCACHE: 0x1000_0000,
  WRITECOMBINE: 0x4000_0000,
  LARGE_PAGES: 0x8000_0000,
})

/** A word for an access mask, or the mask. */
function maskOf(access, argument) {
  if (typeof access === 'string') return addon.shareOf(access)
  if (typeof access !== 'number') throw wrongType(argument, "'r', 'rw', 'copy' or a number", access)
  return access
}

/** The option `file`, as a path and a descriptor, one of which is undefined. */
function fileOf(file) {
  if (file === undefined || file === null) return [undefined, undefined]
  if (typeof file === 'string') return [file, undefined]
  if (typeof file === 'number') return [undefined, file]
  if (file instanceof URL) return [fileURLToPath(file), undefined]
  if (typeof file === 'object' && typeof file.fd === 'number') return [undefined, file.fd]
  throw wrongType('options.file', 'a path, a file URL, a descriptor or a FileHandle', file)
}

/** The bytes that `data` shows. */
function bytesOf(data) {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data)
  throw wrongType('data', 'an ArrayBuffer or a view of one', data)
}

class Mapping extends Handle {
  #access
  #changed = null
  /** The buffers that are to be detached, each as long as somebody has it. */
  #buffers = new Set()

  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      this.#access = options
      return
    }
    const { namespace, access = 'rw', size = 0, protect, file } = optionsOf(options)
    const mask = maskOf(access, 'options.access')
    if (protect !== undefined) numberOf(protect, 'options.protect')
    super(addon.createMapping(placeOf(namespace), nameOf(name), mask, numberOf(size, 'options.size'), protect, ...fileOf(file)))
    this.#access = mask
  }

  static open(name, options) {
    const { namespace, access = 'rw' } = optionsOf(options)
    const mask = maskOf(access, 'options.access')
    return new this(new Opened(addon.open(8, placeOf(namespace), nameOf(name), mask)), mask)
  }

  static fromShare(token, options) {
    const { access = 'rw' } = optionsOf(options)
    const mask = maskOf(access, 'options.access')
    return new this(new Opened(addon.fromShare(8, textOf(token, 'token'), mask)), mask)
  }

  get size() {
    return addon.mappingState(this[SLOT])[0]
  }

  get version() {
    const [, , , low, high] = addon.mappingState(this[SLOT])
    return (BigInt(high) << 32n) | BigInt(low)
  }

  state() {
    const [size, protect, hasFile, low, high] = addon.mappingState(this[SLOT])
    return { size, protect, hasFile, version: (BigInt(high) << 32n) | BigInt(low) }
  }

  get changed() {
    this.#changed ??= new Event(new Opened(addon.changed(this[SLOT])))
    return this.#changed
  }

  view(offset = 0, length = undefined) {
    numberOf(offset, 'offset')
    if (length !== undefined) numberOf(length, 'length')
    const buffer = addon.mapView(this[SLOT], this.#access, offset, length)
    for (const kept of this.#buffers) if (kept.deref() === undefined) this.#buffers.delete(kept)
    this.#buffers.add(new WeakRef(buffer))
    return buffer
  }

  read(offset = 0, length = undefined, options = undefined) {
    numberOf(offset, 'offset')
    if (length !== undefined) numberOf(length, 'length')
    const copy = addon.readMapping(this[SLOT], offset, length, timeoutOf(options))
    return copy && new Uint8Array(copy)
  }

  write(data, offset = 0) {
    addon.writeMapping(this[SLOT], bytesOf(data), numberOf(offset, 'offset'))
  }

  change(body) {
    if (typeof body !== 'function') throw wrongType('body', 'a function', body)
    const abandoned = addon.beginChange(this[SLOT])
    try {
      return body(abandoned)
    } finally {
      addon.endChange(this[SLOT])
    }
  }

  publish() {
    this.change(() => {})
  }

  flush() {
    addon.flushMapping(this[SLOT])
  }

  close() {
    super.close()
    for (const kept of this.#buffers) {
      const buffer = kept.deref()
      if (buffer !== undefined) addon.detach(buffer)
    }
    this.#buffers.clear()
  }
}

module.exports = { Mapping, Protect }
