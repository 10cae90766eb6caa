'use strict'
// The two ways in which a call fails: byname refuses, or an argument has the wrong JavaScript type.

const { inspect } = require('node:util')

/** What byname refuses. The addon makes these; the kinds and numbers come from the one table in the core. */
class ByNameError extends Error {
  constructor(message, code, win32, errno = null) {
    super(message)
    this.code = code
    this.win32 = win32
    if (errno !== null) this.errno = errno
  }
}
Object.defineProperty(ByNameError.prototype, 'name', { value: 'ByNameError', writable: true, configurable: true })

/** A TypeError that names the argument, what it must be and what it was; in the manner of Node's own. */
function wrongType(argument, expected, value) {
  const error = new TypeError(`${argument} must be ${expected}; got ${shown(value)}`)
  error.code = 'ERR_INVALID_ARG_TYPE'
  Error.captureStackTrace(error, wrongType)
  return error
}

function shown(value) {
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'object' && value !== null) return `an instance of ${value.constructor?.name ?? 'Object'}`
  const text = inspect(value)
  return `${typeof value === 'undefined' || value === null ? '' : `${typeof value} `}${text.length > 40 ? `${text.slice(0, 39)}…` : text}`
}

module.exports = { ByNameError, wrongType }
