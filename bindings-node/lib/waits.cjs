'use strict'
// Waits for several objects.

const { addon } = require('./addon.cjs')
const { timeoutOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { grantOf } = require('./grant.cjs')
const { SLOT, isHandle } = require('./handle.cjs')
const { Lock } = require('./kinds.cjs')
const { pend } = require('./pending.cjs')

class WaitResult {
  #objects

  constructor(objects, news) {
    if (!Array.isArray(news)) throw wrongType('WaitResult', 'given by a wait', news)
    this.index = news[0]
    this.object = objects[this.index] ?? null
    this.abandoned = news[1] !== 0
    const locks = this.object === null ? objects.filter((object) => object instanceof Lock) : [this.object]
    this.grants = []
    for (let at = 2; at < news.length; at += 4) {
      this.grants.push(grantOf(news[at], news[at + 1], news[at + 2], news[at + 3], locks[this.grants.length]))
    }
    Object.freeze(this.grants)
    Object.freeze(this)
  }

  /** Releases every grant that is still held, and then throws the first error if there was one. */
  release() {
    const errors = []
    for (const grant of this.grants) {
      try {
        grant[Symbol.dispose]()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  [Symbol.dispose]() {
    this.release()
  }

  async [Symbol.asyncDispose]() {
    this.release()
  }
}

function handleOf(object, argument) {
  if (!isHandle(object)) throw wrongType(argument, 'a handle', object)
  return object
}

/** A copy of the list, each of it a handle. */
function handlesOf(objects) {
  if (!Array.isArray(objects)) throw wrongType('objects', 'an array of handles', objects)
  return Array.from(objects, (object, index) => handleOf(object, `objects[${index}]`))
}

const slotsOf = (handles) => Uint32Array.from(handles, (handle) => handle[SLOT])

const won = (objects, news) => news && new WaitResult(objects, news)

async function waitFor(objects, all, options) {
  const begin = (handles, timeout) => addon.start(slotsOf(handles), all, timeout)
  return pend(handlesOf(objects), options, begin, won)
}

function waitForSync(objects, all, options) {
  const handles = handlesOf(objects)
  const news = addon.wait(slotsOf(handles), all, timeoutOf(options))
  return won(handles, news)
}

const waitAny = (objects, options) => waitFor(objects, false, options)
const waitAll = (objects, options) => waitFor(objects, true, options)
const waitAnySync = (objects, options) => waitForSync(objects, false, options)
const waitAllSync = (objects, options) => waitForSync(objects, true, options)

async function signalAndWait(signal, object, options) {
  handleOf(signal, 'signal')
  handleOf(object, 'object')
  const begin = ([object], timeout) => addon.startSignalAndWait(signal[SLOT], object[SLOT], timeout)
  return pend([object], options, begin, won)
}

function signalAndWaitSync(signal, object, options) {
  handleOf(signal, 'signal')
  handleOf(object, 'object')
  const news = addon.signalAndWait(signal[SLOT], object[SLOT], timeoutOf(options))
  return won([object], news)
}

module.exports = { WaitResult, signalAndWait, signalAndWaitSync, waitAll, waitAllSync, waitAny, waitAnySync }
