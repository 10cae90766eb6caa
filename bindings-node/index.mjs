// The same classes for `import`: one identity in both worlds.

import byname from './index.cjs'

export const {
  Access, ByNameError, Event, Grant, Job, JobNotifications, Mapping, Mutex, Namespace, Process, Protect, Queue, Semaphore, Timer, WaitResult,
  Watchdog, leaveSigbusAlone, signalAndWait, signalAndWaitSync, usage, version, waitAll, waitAllSync, waitAny, waitAnySync,
} = byname
export default byname
