'use strict'
// byname for Node: what the package exports. index.d.ts documents it.

const { addon } = require('./lib/addon.cjs')
const { ByNameError } = require('./lib/errors.cjs')
const { Grant } = require('./lib/grant.cjs')
const { Access, Event, Mutex, Semaphore } = require('./lib/kinds.cjs')
const { Mapping, Protect } = require('./lib/mapping.cjs')
const { Namespace, leaveSigbusAlone, usage } = require('./lib/namespace.cjs')
const { Job, JobNotifications } = require('./lib/job.cjs')
const { Process } = require('./lib/process.cjs')
const { Queue } = require('./lib/queue.cjs')
const { Timer } = require('./lib/timer.cjs')
const { Watchdog } = require('./lib/watchdog.cjs')
const { WaitResult, signalAndWait, signalAndWaitSync, waitAll, waitAllSync, waitAny, waitAnySync } = require('./lib/waits.cjs')

module.exports = {
  Access,
  ByNameError,
  Event,
  Grant,
  Job,
  JobNotifications,
  Mapping,
  Mutex,
  Namespace,
  Process,
  Protect,
  Queue,
  Semaphore,
  Timer,
  WaitResult,
  Watchdog,
  leaveSigbusAlone,
  signalAndWait,
  signalAndWaitSync,
  usage,
  version: addon.version,
  waitAll,
  waitAllSync,
  waitAny,
  waitAnySync,
}
