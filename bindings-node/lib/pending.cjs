'use strict'
// Waits that occupy no thread: begun here, finished by byname's keeper thread, which leaves word in the addon's mailbox.

const { addon, drainWith } = require('./addon.cjs')
const { signalOf, timeoutOf } = require('./check.cjs')

/** The waits in progress, by key. They keep what they wait for alive. */
const pending = new Map()

/** The waits that a signal can end, by signal: one listener serves them all, so that ten thousand waits are no leak. */
const watched = new WeakMap()

class Watch {
  #signal
  #waits = new Set()

  constructor(signal) {
    this.#signal = signal
  }

  static add(signal, wait) {
    let watch = watched.get(signal)
    if (watch === undefined) watched.set(signal, (watch = new Watch(signal)))
    if (watch.#waits.add(wait).size === 1) signal.addEventListener('abort', watch)
  }

  static remove(signal, wait) {
    const watch = watched.get(signal)
    if (watch.#waits.delete(wait) && watch.#waits.size === 0) signal.removeEventListener('abort', watch)
  }

  /** The signal was aborted. */
  handleEvent() {
    for (const wait of [...this.#waits]) wait.abort(this.#signal.reason)
  }
}

class Pending {
  constructor(key, subject, finish, signal, resolve, reject) {
    this.key = key
    this.subject = subject
    this.finish = finish
    this.signal = signal
    this.resolve = resolve
    this.reject = reject
    pending.set(key, this)
    if (signal !== undefined) Watch.add(signal, this)
  }

  /** Cancels the wait. One that was won in the same instant stands: the winner gets what he won. */
  abort(reason) {
    if (addon.cancel(this.key)) {
      this.#leave()
      this.reject(reason)
    } else {
      this.settle()
    }
  }

  /** Asks the addon for the outcome. */
  settle() {
    let news
    try {
      news = addon.poll(this.key)
    } catch (error) {
      this.#leave()
      this.reject(error)
      return
    }
    if (news === undefined) return
    this.#leave()
    this.resolve(this.finish(this.subject, news))
  }

  #leave() {
    pending.delete(this.key)
    if (this.signal !== undefined) Watch.remove(this.signal, this)
  }
}

drainWith(() => {
  for (let key = addon.next(); key !== undefined; key = addon.next()) pending.get(key)?.settle()
})

/**
 * Waits for `subject` as `options` say. `begin(subject, timeout)` starts it and returns the outcome or a key;
 * `finish(subject, outcome)` is what the caller gets.
 */
async function pend(subject, options, begin, finish) {
  const timeout = timeoutOf(options)
  const signal = signalOf(options)
  if (signal?.aborted) throw signal.reason
  const started = begin(subject, timeout)
  if (typeof started !== 'number') return finish(subject, started)
  return new Promise((resolve, reject) => new Pending(started, subject, finish, signal, resolve, reject))
}

module.exports = { pend }
