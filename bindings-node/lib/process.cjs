'use strict'
// Any process as something to wait for.

const { addon } = require('./addon.cjs')
const { numberOf, optionsOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')
const { Handle, Opened, SLOT } = require('./handle.cjs')
const { Access, wait, waitSync } = require('./kinds.cjs')
const { placeOf } = require('./namespace.cjs')

class Process extends Handle {
  constructor(opened) {
    if (!(opened instanceof Opened)) throw wrongType('this', 'made by Process.open', opened)
    super(opened.slot)
  }

  static open(pid, options) {
    const chosen = optionsOf(options)
    const access = numberOf(chosen.access ?? Access.ALL, 'options.access')
    return new this(new Opened(addon.openProcess(placeOf(chosen.namespace), numberOf(pid, 'pid'), access)))
  }

  get pid() {
    return addon.processId(this[SLOT])
  }

  get exitCode() {
    return addon.exitCode(this[SLOT])
  }

  terminate(code) {
    addon.terminateProcess(this[SLOT], numberOf(code, 'code'))
  }

  wait(options) {
    return wait(this, options)
  }

  waitSync(options) {
    return waitSync(this, options)
  }
}

module.exports = { Process }
