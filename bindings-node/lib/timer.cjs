'use strict'
// The timer.

const { addon } = require('./addon.cjs')
const { flagOf, numberOf, optionsOf, timeoutOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { Handle, Opened, SLOT } = require('./handle.cjs')
const { happened, opened, shared, placed, startWait } = require('./kinds.cjs')
const { pend } = require('./pending.cjs')
const { isDate } = require('node:util/types')

class Timer extends Handle {
  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      return
    }
    const chosen = optionsOf(options)
    super(addon.createTimer(...placed(name, chosen), flagOf(chosen, 'manualReset')))
  }

  static open(name, options) {
    return new this(opened(3, name, options))
  }

  static fromShare(token, options) {
    return new this(shared(3, token, options))
  }

  set(setting) {
    if (setting === null || typeof setting !== 'object') throw wrongType('setting', 'an object with a due time', setting)
    const { due, period = 0 } = setting
    numberOf(period, 'setting.period')
    if (isDate(due)) addon.setTimerAt(this[SLOT], due.getTime(), period)
    else if (typeof due === 'number') addon.setTimer(this[SLOT], due, period)
    else throw wrongType('setting.due', 'a number of milliseconds or a Date', due)
  }

  cancel() {
    addon.cancelTimer(this[SLOT])
  }

  remaining() {
    return this.state().remaining
  }

  state() {
    const [signaled, manualReset, remaining, period] = addon.timerState(this[SLOT])
    return { signaled, manualReset, remaining, period }
  }

  wait(options) {
    return pend(this, options, startWait, happened)
  }

  waitSync(options) {
    return addon.waitEvent(this[SLOT], timeoutOf(options))
  }
}

module.exports = { Timer }
