'use strict'
// Options and arguments, checked for their type. Ranges are the engine's business.

const { wrongType } = require('./errors.cjs')

function optionsOf(options) {
  if (options === undefined) return {}
  if (options === null || typeof options !== 'object') throw wrongType('options', 'an object', options)
  return options
}

/** The option `timeout` in milliseconds; for ever without one. */
function timeoutOf(options) {
  if (options === undefined) return Infinity
  const { timeout } = optionsOf(options)
  if (timeout === undefined) return Infinity
  if (typeof timeout !== 'number') throw wrongType('options.timeout', 'a number of milliseconds', timeout)
  return timeout
}

/** The option `signal`; anything that behaves like an AbortSignal will do. */
function signalOf(options) {
  const signal = options?.signal
  if (signal === undefined) return undefined
  if (signal === null || typeof signal !== 'object' || typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw wrongType('options.signal', 'an AbortSignal', signal)
  }
  return signal
}

/** An object's name; `undefined` for none. */
function nameOf(name) {
  if (name === undefined || name === null) return undefined
  if (typeof name !== 'string') throw wrongType('name', 'a string', name)
  return name
}

function textOf(value, argument) {
  if (typeof value !== 'string') throw wrongType(argument, 'a string', value)
  return value
}

function flagOf(options, key) {
  const value = options[key]
  if (value === undefined) return false
  if (typeof value !== 'boolean') throw wrongType(`options.${key}`, 'a boolean', value)
  return value
}

function numberOf(value, argument) {
  if (typeof value !== 'number') throw wrongType(argument, 'a number', value)
  return value
}

module.exports = { flagOf, nameOf, numberOf, optionsOf, signalOf, textOf, timeoutOf }
