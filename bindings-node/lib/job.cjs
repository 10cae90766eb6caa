'use strict'
// Jobs: processes that are limited, counted and ended together.

const childProcess = require('node:child_process')
const { addon } = require('./addon.cjs')
const { flagOf, numberOf, optionsOf, textOf, timeoutOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { Handle, Opened, SLOT } = require('./handle.cjs')
const { opened, placed, shared, wait, waitSync } = require('./kinds.cjs')
const { pend } = require('./pending.cjs')

/** The number of the kind in the addon's `open`. */
const JOB = 7

class Job extends Handle {
  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      return
    }
    const chosen = optionsOf(options)
    super(addon.createJob(...placed(name, chosen), flagOf(chosen, 'killOnClose')))
  }

  static open(name, options) {
    return new this(opened(JOB, name, options))
  }

  static fromShare(token, options) {
    return new this(shared(JOB, token, options))
  }

  assign(pid) {
    addon.assign(this[SLOT], numberOf(pid, 'pid'))
  }

  spawn(command, args, options) {
    textOf(command, 'command')
    if (!Array.isArray(args)) [args, options] = [[], args]
    if (options !== undefined && (options === null || typeof options !== 'object')) throw wrongType('options', 'an object', options)
    if (options?.shell) throw wrongType('options.shell', 'left out; name the shell as the command', options.shell)
    const script = `${addon.jobEntrance(this[SLOT])} || exit 125; exec "$@"` // enters, then becomes the program
    const child = childProcess.spawn('/bin/sh', ['-c', script, 'byname', command, ...args], options)
    if (child.pid !== undefined) this.#take(child.pid)
    return child
  }

  /** So that it is a member when `spawn` returns; the shell enters by itself, so that its program never runs outside. */
  #take(pid) {
    try {
      addon.assign(this[SLOT], pid)
    } catch (error) {
      if (error.code !== 'ERR_BYNAME_ACCESS_DENIED') throw error
      addon.noteSpawned(this[SLOT], pid) // it was faster, or has ended
    }
  }

  terminate(code) {
    addon.terminateJob(this[SLOT], numberOf(code, 'code'))
  }

  pids() {
    return addon.jobPids(this[SLOT])
  }

  contains(pid) {
    return addon.jobHas(this[SLOT], numberOf(pid, 'pid'))
  }

  limits() {
    const [activeProcesses, memory, killOnClose] = addon.jobLimits(this[SLOT])
    return { activeProcesses, memory, killOnClose }
  }

  limit(limits) {
    const { activeProcesses, memory } = optionsOf(limits)
    for (const [name, value] of Object.entries({ activeProcesses, memory })) {
      if (value !== undefined && value !== null) numberOf(value, `limits.${name}`)
    }
    addon.setJobLimits(this[SLOT], activeProcesses ?? undefined, memory ?? undefined, flagOf(optionsOf(limits), 'killOnClose'))
  }

  accounting() {
    const [activeProcesses, totalProcesses, terminatedProcesses, userTime, systemTime, memoryPeak] = addon.jobAccounting(this[SLOT])
    return { activeProcesses, totalProcesses, terminatedProcesses, userTime, systemTime, memoryPeak }
  }

  notifications() {
    return new JobNotifications(new Opened(addon.jobNotifications(this[SLOT])))
  }

  get backend() {
    return addon.jobBackend(this[SLOT])
  }

  wait(options) {
    return wait(this, options)
  }

  waitSync(options) {
    return waitSync(this, options)
  }
}

const told = (notifications, news) => {
  if (news === null) return null
  const [message, id, pid] = addon.notification(news[0])
  return { message, id, pid }
}

class JobNotifications extends Handle {
  constructor(begun) {
    if (!(begun instanceof Opened)) throw new TypeError('job.notifications() makes JobNotifications')
    super(begun.slot)
  }

  get(options) {
    return pend(this, options, (reader, timeout) => addon.startGet(reader[SLOT], timeout), told)
  }

  getSync(options) {
    return told(this, addon.get(this[SLOT], timeoutOf(options)))
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      let next
      try {
        next = await this.get()
      } catch (error) {
        if (error.code === 'ERR_BYNAME_CLOSED') return
        throw error
      }
      yield next
    }
  }
}

module.exports = { Job, JobNotifications }
