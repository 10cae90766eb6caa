// The Node driver of the conformance scenarios: does what the conductor says, one line a command.
//
// `tests/README.md` describes the protocol. A named thread is a chain of promises here, and what it acquires is the
// grants it keeps: in Node the grant owns.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { openSync, readSync, writeSync } from 'node:fs'
import { Access, Event, Job, Mapping, Mutex, Namespace, Process, Queue, Semaphore, Timer, Watchdog, signalAndWait, waitAll, waitAny } from '../../bindings-node/index.mjs'

const KINDS = { mutex: Mutex, event: Event, semaphore: Semaphore, timer: Timer, watchdog: Watchdog, job: Job, mapping: Mapping }
const ONLY_WAITED_FOR = ['event', 'timer', 'watchdog', 'job', 'jobnotifications', 'process', 'queue']
const views = new Map() // by handle
const objects = new Map() // by handle
const grants = new Map() // by thread and handle: a stack
const released = new Map() // by thread and handle: the last one given back
const chains = new Map() // by thread: the promise of its last command

const children = new Map() // by name: what was started, and its end

const say = (number, text) => writeSync(1, `${number} ${text}\n`)
const timeout = (word) => (word === 'inf' ? {} : { timeout: Number(word) })
const kindOf = (handle) => object(handle).constructor.name.toLowerCase()

function object(handle) {
  if (!objects.has(handle)) throw new Error(`no handle ${handle}`)
  return objects.get(handle)
}

function stack(key) {
  if (!grants.has(key)) grants.set(key, [])
  return grants.get(key)
}

function held(thread, handle) {
  const grant = stack(`${thread} ${handle}`).at(-1) ?? released.get(`${thread} ${handle}`)
  if (!grant) throw new Error(`thread ${thread} has had no grant of ${handle}: give the role to a thread-owning language`)
  return grant
}

// Keeps a grant for `release`; the word that tells how it came.
function got(thread, handle, grant) {
  if (!grant) return 'timeout'
  if (grant === true) return 'ok'
  stack(`${thread} ${handle}`).push(grant)
  return grant.abandoned ? 'abandoned' : 'ok'
}

// Keeps the grants that a wait took; whether there was an abandoned mutex among them.
function keep(thread, handles, result) {
  const holders = handles.filter((handle) => !ONLY_WAITED_FOR.includes(kindOf(handle)))
  holders.forEach((handle, at) => stack(`${thread} ${handle}`).push(result.grants[at]))
  return result.abandoned
}

// Where names are looked up.
const place = {}

// `access=0x100000` among the options; everything, where it is not there. And the place.
function access(options) {
  const mask = options.find((option) => option?.startsWith('access='))
  return mask ? { access: Number(mask.slice(7)), ...place } : place
}

function make(kind, handle, name, options, thread) {
  const extra = {
    mutex: () => ({ initiallyOwned: options.includes('owned') }),
    event: () => ({ manualReset: options.includes('manual'), initial: options.includes('set') }),
    mapping: () => ({ size: Number(options[0]) }),
    semaphore: () => ({ initial: Number(options[0]), maximum: Number(options[1]), robust: options.includes('robust') }),
    watchdog: () => ({ period: Number(options[0]), grace: Number(options[1]), action: options[2] }),
    timer: () => ({ manualReset: options.includes('manual') }),
    job: () => ({ killOnClose: options.includes('kill') }),
  }[kind]()
  const made = new KINDS[kind](name, { ...extra, ...access(options) })
  objects.set(handle, made)
  if (made.initialGrant) stack(`${thread} ${handle}`).push(made.initialGrant)
  return made.created ? 'ok created' : 'ok'
}

// All of an object's state, in the one form in which every driver tells it.
function state(object) {
  if (object instanceof Job) return `manual ${object.waitSync({ timeout: 0 }) ? 'set' : 'unset'}`
  const seen = object.state()
  if (object instanceof Event) return `${seen.manualReset ? 'manual' : 'auto'} ${seen.set ? 'set' : 'unset'}`
  if (object instanceof Watchdog) return seen.stage
  if (object instanceof Timer) return `${seen.manualReset ? 'manual' : 'auto'} ${seen.signaled ? 'set' : 'unset'}`
  if (object instanceof Mapping) return `${seen.version}/${seen.size}`
  if (object instanceof Semaphore) return `${seen.available}/${seen.maximum}${seen.robust ? ' robust' : ''}`
  if (seen.owner === null && seen.depth === 0) return seen.abandoned ? 'abandoned' : 'free'
  return `${seen.owner?.pid} ${seen.owner?.tid} ${seen.depth}${seen.abandoned ? ' abandoned' : ''}`
}

// A program that sleeps, by whatever starts programs.
function started(name, start) {
  const child = start('sleep', ['1000'], { stdio: 'ignore' })
  children.set(name, { child, end: once(child, 'exit') })
  return 'ok'
}

const pidOf = (name) => ({ self: process.pid, nobody: 0 })[name] ?? children.get(name).child.pid

async function reap(name) {
  const [code, signal] = await children.get(name).end
  children.delete(name)
  return signal === null ? `exit ${code}` : `signal ${constants.signals[signal]}`
}

// Bytes as a word; those that are zero as dots.
const shown = (bytes) => Buffer.from(bytes).toString().replaceAll('\0', '.')

// Whether the name exists: what an open finds, which is closed again.
function exists(kind, name) {
  try {
    KINDS[kind].open(name, { access: Access.SYNCHRONIZE, ...place }).close()
    return 'yes'
  } catch (error) {
    if (error.code === 'ERR_BYNAME_NOT_FOUND') return 'no'
    throw error
  }
}

// Locks, counts, unlocks for ever; the ledger shows `B` while the count is half written (see conductor/kill.py).
async function churn(handle, path) {
  const ledger = openSync(path, 'r+')
  const bytes = Buffer.alloc(42)
  const line = (fence, count, mark) => `${String(fence).padStart(19, '0')} ${String(count).padStart(19, '0')} ${mark}\n`
  for (;;) {
    const grant = object(handle).tryAcquire() ?? (await object(handle).acquire())
    readSync(ledger, bytes, 0, 42, 0)
    const [fence, count, mark] = bytes.toString().trim().split(' ')
    if (mark === 'B' && !grant.abandoned) return 'broken half'
    if (BigInt(fence) >= grant.fence) return 'broken fence'
    writeSync(ledger, line(grant.fence, BigInt(count) + 1n, 'B'), 0)
    writeSync(ledger, line(grant.fence, BigInt(count) + 1n, 'E'), 0)
    grant.release()
  }
}

const done = (method) => (thread, handle) => (object(handle)[method](), 'ok')

const COMMANDS = {
  ping: () => 'pong',
  tid: () => '0',
  'exit-thread': () => 'ok',
  exit: () => process.exit(0),
  clear() {
    grants.clear()
    released.clear()
    for (const { child } of children.values()) child.kill('SIGKILL')
    children.clear()
    views.clear()
    for (const held of objects.values()) held[Symbol.dispose]()
    objects.clear()
    delete place.namespace
    return 'ok'
  },
  profile: (thread, word) => ((place.namespace = Namespace.local().profile(word)), 'ok'),
  churn: (thread, handle, path) => churn(handle, path),
  mutex: (thread, handle, name, ...options) => make('mutex', handle, name, options, thread),
  event: (thread, handle, name, ...options) => make('event', handle, name, options),
  semaphore: (thread, handle, name, ...options) => make('semaphore', handle, name, options),
  watchdog: (thread, handle, name, ...options) => make('watchdog', handle, name, options),
  timer: (thread, handle, name, ...options) => make('timer', handle, name, options),
  mapping: (thread, handle, name, ...options) => make('mapping', handle, name, options),
  map: (thread, view, handle, offset, length) => (views.set(view, object(handle).view(Number(offset), Number(length) || undefined)), 'ok'),
  poke: (thread, view, offset, text) => (new Uint8Array(views.get(view)).set(Buffer.from(text), Number(offset)), 'ok'),
  peek: (thread, view, offset, length) => shown(new Uint8Array(views.get(view), Number(offset), Number(length))),
  unmap: (thread, view) => (views.delete(view), 'ok'),
  write: (thread, handle, offset, text) => (object(handle).write(Buffer.from(text), Number(offset)), 'ok'),
  read: (thread, handle, offset, length) => shown(object(handle).read(Number(offset), Number(length))),
  queue(thread, handle, name, maxMessages, maxSize, mode, ...options) {
    const numbers = { maxMessages: Number(maxMessages), maxSize: Number(maxSize) }
    const made = new Queue(name, { ...numbers, mode, allowBroken: options.includes('broken'), ...place })
    objects.set(handle, made)
    return made.created ? 'ok created' : 'ok'
  },
  info(thread, handle) {
    const { messages, maxMessages, maxSize, readers, writers, mostMessages } = object(handle).info()
    return `${messages}/${maxMessages} of ${maxSize}, ${readers} readers ${writers} writers, most ${mostMessages}`
  },
  open: (thread, kind, handle, name, ...options) =>
    kind === 'queue' ? (objects.set(handle, Queue.open(name, { mode: options[0], ...place })), 'ok') : (objects.set(handle, KINDS[kind].open(name, access(options))), 'ok'),
  close: done('close'),
  set: done('set'),
  reset: done('reset'),
  pulse: done('pulse'),
  arm: (thread, handle, due, period = 0) => (object(handle).set({ due: Number(due), period: Number(period) }), 'ok'),
  'arm-at': (thread, handle, due, period = 0) => (object(handle).set({ due: new Date(Date.now() + Number(due)), period: Number(period) }), 'ok'),
  start: done('start'),
  refresh: done('refresh'),
  stop: done('stop'),
  cancel: done('cancel'),
  remaining: (thread, handle) => (object(handle).remaining() === null ? 'none' : 'some'),
  job: (thread, handle, name, ...options) => make('job', handle, name, options),
  run: (thread, name) => started(name, spawn),
  spawn: (thread, handle, name) => started(name, (...what) => object(handle).spawn(...what)),
  assign: (thread, handle, name) => (object(handle).assign(pidOf(name)), 'ok'),
  process: (thread, handle, name, ...options) => (objects.set(handle, Process.open(pidOf(name), access(options))), 'ok'),
  code: (thread, handle) => String(object(handle).exitCode ?? 'none'),
  terminate: (thread, handle, code) => (object(handle).terminate(Number(code)), 'ok'),
  pids: (thread, handle) => String(object(handle).pids().length),
  limit: (thread, handle, most, ...options) => (object(handle).limit({ activeProcesses: Number(most) || null, killOnClose: options.includes('kill') }), 'ok'),
  notifications: (thread, handle, job) => (objects.set(handle, object(job).notifications()), 'ok'),
  reap: (thread, name) => reap(name),
  state: (thread, handle) => state(object(handle)),
  exists: (thread, kind, name) => exists(kind, name),
  protect: (thread, handle, word) => ((object(handle).protected = word === 'on'), 'ok'),
  inherit: (thread, handle, word) => ((object(handle).inheritable = word === 'on'), 'ok'),
  flags: (thread, handle) => ['protected', 'inheritable'].filter((flag) => object(handle)[flag]).join(' ') || 'none',
  post: (thread, handle, count) => String(object(handle).release(Number(count))),
  fence: (thread, handle) => String(held(thread, handle).fence),
  abandoned: (thread, handle) => (held(thread, handle).abandoned ? 'yes' : 'no'),
  name: (thread, handle) => encodeURIComponent(object(handle).name ?? ''),
  release(thread, handle) {
    const grant = held(thread, handle)
    grant.release()
    released.set(`${thread} ${handle}`, stack(`${thread} ${handle}`).pop() ?? grant)
    return 'ok'
  },
}

// The commands that wait: each starts its promise and returns it.
const WAITS = {
  async send(thread, handle, limit, text, ...options) {
    return (await object(handle).put(Buffer.from(text), { ...timeout(limit), alert: options.includes('alert') })) ? 'ok' : 'timeout'
  },
  async recv(thread, handle, limit) {
    const got = await object(handle).getMessage(timeout(limit))
    return got === null ? 'timeout' : `${got.data}${got.alert ? ' alert' : ''}`
  },
  async told(thread, handle, limit) {
    const got = await object(handle).get(timeout(limit))
    if (got === null) return 'timeout'
    const name = [...children].find(([, { child }]) => child.pid === got.pid)?.[0] ?? 'other'
    return got.pid === 0 ? got.message : `${got.message} ${name}`
  },
  async acquire(thread, handle, limit) {
    const target = object(handle)
    if (ONLY_WAITED_FOR.includes(kindOf(handle))) return got(thread, handle, limit === '0' ? target.waitSync({ timeout: 0 }) : await target.wait(timeout(limit)))
    return got(thread, handle, limit === '0' ? target.tryAcquire() : await target.acquire(timeout(limit)))
  },
  async 'wait-any'(thread, limit, ...handles) {
    const result = await waitAny(handles.map(object), timeout(limit))
    if (!result) return 'timeout'
    return keep(thread, [handles[result.index]], result) ? `index ${result.index} abandoned` : `index ${result.index}`
  },
  async 'wait-all'(thread, limit, ...handles) {
    const result = await waitAll(handles.map(object), timeout(limit))
    if (!result) return 'timeout'
    return keep(thread, handles, result) ? 'abandoned' : 'ok'
  },
  async 'signal-and-wait'(thread, limit, first, second) {
    const result = await signalAndWait(object(first), object(second), timeout(limit))
    if (!result) return 'timeout'
    return keep(thread, [second], result) ? 'abandoned' : 'ok'
  },
}

function failure(error) {
  const kind = /^ERR_BYNAME_(\w+)$/.exec(error.code ?? '')
  if (!kind) return `fault ${error.stack?.split('\n').slice(0, 2).join(' ') ?? error}`
  return `error ${kind[1].split('_').map((word) => word[0] + word.slice(1).toLowerCase()).join('')} ${error.win32}`
}

async function perform(number, thread, verb, words) {
  try {
    if (!(verb in WAITS)) return say(number, await COMMANDS[verb](thread, ...words))
    const pending = WAITS[verb](thread, ...words)
    say(number, 'begin 0')
    say(number, await pending)
  } catch (error) {
    say(number, failure(error))
  }
}

function dispatch(line) {
  const [number, thread, verb, ...texts] = line.split(' ')
  const words = texts.map((text) => ({ '-': undefined, '%': '' })[text] ?? (text === '-' ? undefined : decodeURIComponent(text)))
  if (thread === 'io') return perform(number, thread, verb, words)
  const before = chains.get(thread)
  const next = before ? before.then(() => perform(number, thread, verb, words)) : perform(number, thread, verb, words)
  chains.set(thread, next)
  next.then(() => chains.get(thread) === next && chains.delete(thread))
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (data) => {
  const lines = (rest + data).split('\n')
  rest = lines.pop()
  lines.forEach(dispatch)
})
process.stdin.on('end', () => process.exit(3)) // the conductor has gone
