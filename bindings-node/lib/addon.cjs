'use strict'
// The compiled addon, which lies beside the package's files, one for each platform.

const { join } = require('node:path')
const { ByNameError } = require('./errors.cjs')

function load() {
  const target = `${process.platform}-${process.arch}-gnu`
  try {
    return require(join(__dirname, '..', `byname.${target}.node`))
  } catch (cause) {
    const error = new Error(`byname cannot load its addon for ${target}: this package has Linux addons for glibc 2.28 and later (${cause.message})`, { cause })
    error.code = 'ERR_BYNAME_UNSUPPORTED'
    throw error
  }
}

const addon = load()
let drain
const window = addon.setup(ByNameError, () => {}, () => drain())

module.exports = {
  addon,
  /**
   * What the quickest calls take and give without an argument or a result: a slot; and with a grant's, the low and the high half of
   * its fence, and whether its mutex was abandoned. Each call says what it takes from here, and what it leaves.
   */
  desk: new Uint32Array(window),
  /** Names the function that takes the keys of finished waits from the addon's mailbox. */
  drainWith(take) { drain = take },
}
