'use strict'
// The watchdog.

const { addon } = require('./addon.cjs')
const { flagOf, numberOf, optionsOf, timeoutOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { Handle, Opened, SLOT } = require('./handle.cjs')
const { happened, opened, shared, placed, startWait } = require('./kinds.cjs')
const { pend } = require('./pending.cjs')

/** The actions by their numbers. The last is for languages whose functions any thread may call. */
const ACTIONS = ['none', 'kill', 'reset-device']

function actionOf(action) {
  const number = ACTIONS.indexOf(action)
  if (number !== 0 && number !== 1) throw wrongType('options.action', "'none' or 'kill'", action)
  return number
}

class Watchdog extends Handle {
  constructor(name, options) {
    if (name instanceof Opened) {
      super(name.slot)
      return
    }
    const chosen = optionsOf(options)
    const period = numberOf(chosen.period, 'options.period')
    const grace = numberOf(chosen.grace, 'options.grace')
    const systemd = flagOf(chosen, 'systemd')
    super(addon.createWatchdog(...placed(name, chosen), period, grace, actionOf(chosen.action)))
    if (systemd) addon.notifySystemd(this[SLOT], true)
  }

  static open(name, options) {
    return new this(opened(4, name, options))
  }

  static fromShare(token, options) {
    return new this(shared(4, token, options))
  }

  start() {
    addon.startWatchdog(this[SLOT])
  }

  refresh() {
    addon.refreshWatchdog(this[SLOT])
  }

  stop() {
    addon.stopWatchdog(this[SLOT])
  }

  state() {
    const [stage, pid, remaining, period, grace, action] = addon.watchdogState(this[SLOT])
    return { stage, pid, remaining, period, grace, action: ACTIONS[action] }
  }

  wait(options) {
    return pend(this, options, startWait, happened)
  }

  waitSync(options) {
    return addon.waitEvent(this[SLOT], timeoutOf(options))
  }
}

module.exports = { Watchdog }
