// A worker of the soak, in Node: soak.mjs LEDGER SLOT SEED [dog]. Three chains of promises on one thread.
//
// `ledger.py` says what is written where. What breaks a rule is told on standard output, and the process ends with status 3.
import { spawn } from 'node:child_process'
import { openSync, readSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Event, Mutex, Semaphore, signalAndWait, waitAll, waitAllSync, waitAny, waitAnySync } from '../../bindings-node/index.mjs'
import { Hand, More, liveAsDog } from './kinds.mjs'

const [MUTEXES, PLAIN, ROBUST, BATONS, BELLS, GATES, TEMPORARY] = [6, 4, 4, 6, 2, 2, 8]
const FIRST_PLAIN = MUTEXES
const FIRST_ROBUST = FIRST_PLAIN + PLAIN
const FIRST_BATON = FIRST_ROBUST + ROBUST
const OBJECTS = FIRST_BATON + BATONS
const [PHASE, REGIONS, REGION, LANE, LANES_OF_A_WORKER, END] = [0, 64, 64, 64, 4, 1000000]
const LANES = REGIONS + OBJECTS * REGION
const [INSIDE, HEAD, TOLD_CLEAN, TOLD_DIRTY, FENCE, ENTRIES, DEAD_NAMES, NAMES] = [0, 1, 2, 3, 4, 8, 40, 24]
const [DOING, HELD, PID, STATE, OPERATIONS, BELL, TOLD, COUNTS, MAYBE_TOLD, TAKEN] = [0, 1, 2, 3, 4, 5, 12, 16, 32, 36]
const [RUNNING, RESTING, WOKEN, TAKING, GIVING] = [0, 1, 3, 1, 2]
const [LOCK, SEMAPHORE, ROBUST_SEMAPHORE, EVENT, RING, GATE, ANY, ALL, TIMED_OUT, ASYNC, CANCELLED, POLLED, MADE, , SIGNAL_AND_WAIT, KEPT] = Array(16).keys()
const PATIENCE = [0, 0.2, 2, 20]
const TWO_TO_32 = 2 ** 32
const ROBUST_ONES = (1 << FIRST_BATON) - (1 << FIRST_ROBUST)
const SURE = ((1 << FIRST_PLAIN) - 1) | ROBUST_ONES

const [path, slot, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const ledger = openSync(path, 'r+')
const buffer = Buffer.alloc(8)

// A word is at most 53 bits wide. One write of eight bytes is whole or not there, like a store.
function get(at) {
  readSync(ledger, buffer, 0, 8, at * 8)
  return buffer.readUInt32LE(0) + buffer.readUInt32LE(4) * TWO_TO_32
}

function put(at, value) {
  buffer.writeUInt32LE(value % TWO_TO_32, 0)
  buffer.writeUInt32LE(Math.floor(value / TWO_TO_32), 4)
  writeSync(ledger, buffer, 0, 8, at * 8)
}

class Fault extends Error {}

function mix(before, n, writer) {
  let h = Math.imul(before ^ n, 0x9e3779b1) >>> 0
  h = Math.imul(h ^ (h >>> 15) ^ writer, 0x85ebca77) >>> 0
  return (h ^ (h >>> 13)) >>> 0
}

if (process.argv[5]) {
  await liveAsDog(get, put, LANES + slot * LANES_OF_A_WORKER * LANE)
  process.exit()
}

const bits = (mask) => Array.from({ length: OBJECTS }, (_, o) => o).filter((o) => (mask >>> o) & 1)
const region = (o) => REGIONS + o * REGION
const nameOf = (o) =>
  o < FIRST_PLAIN ? `m${o}` : o < FIRST_ROBUST ? `s${o - FIRST_PLAIN}` : o < FIRST_BATON ? `r${o - FIRST_ROBUST}` : `b${o - FIRST_BATON}`
const kinds = { m: Mutex, s: Semaphore, r: Semaphore, b: Event }
const objects = Array.from({ length: OBJECTS }, (_, o) => kinds[nameOf(o)[0]].open(nameOf(o)))
const bells = Array.from({ length: BELLS }, (_, i) => Event.open(`l${i}`))
const gates = Array.from({ length: GATES }, (_, i) => Event.open(`g${i}`))
const go = Event.open('go')
const gong = Mutex.open('gong')
const more = new More(mix, Fault)

// JavaScript cannot poll a descriptor: a child does it that has inherited all of them, from 3 on in the order of the bits. It ends when we do,
// and what it says of that is not asked for.
const POLL = `import select, sys
for line in sys.stdin: print(len(select.select([3 + int(line)], [], [], 0.002)[0]), flush=True)`
const poller = spawn('python3', ['-c', POLL], { stdio: ['pipe', 'pipe', 'ignore', ...objects.map((object) => object.fileno())] })
const asked = []
createInterface({ input: poller.stdout }).on('line', (line) => asked.shift()(line === '1'))

function isReadable(o) {
  poller.stdin.write(`${o}\n`)
  return new Promise((resolve) => asked.push(resolve))
}

class Lane {
  constructor(number) {
    this.number = number
    this.at = LANES + (slot * LANES_OF_A_WORKER + number) * LANE
    this.name = number * TWO_TO_32 + process.pid
    this.random = (Math.imul(seed, 31) + number * 7919 + 1) >>> 0 || 1
    this.grants = new Map()
    this.words = new Map() // what this lane has written: nobody else does
    this.hand = new Hand(this, more, path, slot, seed)
  }

  get(word) {
    return this.words.get(word) ?? 0
  }

  put(word, value) {
    this.words.set(word, value)
    put(this.at + word, value)
  }

  add(word) {
    this.put(word, this.get(word) + 1)
  }

  dice(sides) {
    let x = this.random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.random = x >>> 0
    return this.random % sides
  }

  count(what) {
    this.add(COUNTS + what)
    this.add(OPERATIONS)
  }

  begin(what, mask) {
    this.put(DOING, what * TWO_TO_32 + mask)
  }

  // `taken` is what the call that is done took.
  done(held, taken = []) {
    this.put(HELD, held)
    for (const o of taken) if (o >= FIRST_PLAIN && o < FIRST_ROBUST) this.add(TAKEN + o - FIRST_PLAIN)
    this.put(DOING, 0)
  }

  holdsRobust() {
    return (this.get(HELD) & ROBUST_ONES) !== 0
  }

  patience() {
    return PATIENCE[this.dice(4)]
  }

  // For a wait that is satisfied by one of these objects; undefined is without an end.
  patienceFor(mask) {
    const [limit, forever] = [this.patience(), this.dice(8) === 0]
    return forever && mask & SURE && !this.holdsRobust() ? undefined : limit
  }

  pick(taken = 0) {
    for (;;) {
      const o = this.dice(OBJECTS)
      if (!(((this.get(HELD) | taken) >>> o) & 1)) return o
    }
  }

  enterMutex(o) {
    const r = region(o)
    const grant = this.grants.get(o)
    const [inside, n] = [get(r + INSIDE), get(r + HEAD)]
    if (inside && !grant.abandoned) throw new Fault(`${nameOf(o)}: ${inside.toString(16)} is inside, and this owner was not told`)
    if (inside) {
      const told = get(r + TOLD_DIRTY)
      put(r + DEAD_NAMES + (told % NAMES), inside)
      put(r + TOLD_DIRTY, told + 1)
    } else if (grant.abandoned) put(r + TOLD_CLEAN, get(r + TOLD_CLEAN) + 1)
    put(r + INSIDE, this.name)
    const [last, next] = [r + ENTRIES + 4 * (n % 8), r + ENTRIES + 4 * ((n + 1) % 8)]
    if (n && (get(last) !== n || get(last + 3) !== mix(get(last + 1), n, get(last + 2)))) throw new Fault(`${nameOf(o)}: entry ${n} is torn`)
    if (get(next) === n + 1 && !grant.abandoned) throw new Fault(`${nameOf(o)}: entry ${n + 1} is half made, and this owner was not told`)
    const fence = Number(grant.fence)
    if (fence <= get(r + FENCE)) throw new Fault(`${nameOf(o)}: fence ${fence} after ${get(r + FENCE)}`)
    put(r + FENCE, fence)
    put(next, n + 1)
    const before = n ? get(last + 3) : 0
    put(next + 1, before)
    put(next + 2, process.pid)
    put(next + 3, mix(before, n + 1, process.pid))
    put(r + HEAD, n + 1)
  }

  enter(o, told) {
    if (o < FIRST_PLAIN) this.enterMutex(o)
    else if (o >= FIRST_BATON) {
      const inside = get(region(o) + INSIDE)
      if (inside) throw new Fault(`${nameOf(o)}: ${inside.toString(16)} has it, and it was given once more`)
      put(region(o) + INSIDE, this.name)
    } else if (told && o >= FIRST_ROBUST) this.add(told + o - FIRST_ROBUST)
    this.count(o < FIRST_PLAIN ? LOCK : o < FIRST_ROBUST ? SEMAPHORE : o < FIRST_BATON ? ROBUST_SEMAPHORE : EVENT)
  }

  // After a wait took `taken`; `grants` are those of its mutexes and semaphores.
  took(taken, abandoned, grants) {
    taken.filter((o) => o < FIRST_BATON).forEach((o, i) => this.grants.set(o, grants[i]))
    const told = !abandoned ? 0 : taken.length > 1 ? MAYBE_TOLD : TOLD
    for (const o of taken) this.enter(o, told)
    this.done(taken.reduce((mask, o) => mask | (1 << o), this.get(HELD)), taken)
    for (const o of taken) {
      if (o >= FIRST_PLAIN && this.dice(8) === 0) this.count(KEPT)
      else this.give(o)
    }
  }

  give(o) {
    this.begin(GIVING, 1 << o)
    if (o < FIRST_PLAIN || o >= FIRST_BATON) {
      const inside = get(region(o) + INSIDE)
      if (inside !== this.name) throw new Fault(`${nameOf(o)}: ${inside.toString(16)} came inside while ${this.name.toString(16)} was`)
      put(region(o) + INSIDE, 0)
    }
    if (o >= FIRST_BATON) objects[o].set()
    else {
      this.grants.get(o).release()
      this.grants.delete(o)
    }
    this.done(this.get(HELD) & ~(1 << o))
  }

  giveAll(mask = -1) {
    for (const o of bits(this.get(HELD) & mask)) this.give(o)
  }

  nothing(what = TIMED_OUT) {
    this.done(this.get(HELD))
    this.count(what)
  }

  // What a wait for one object gave.
  settle(o, got) {
    if (!got) this.nothing()
    else if (got === true) this.took([o], false, [])
    else this.took([o], got.abandoned, [got])
  }

  settleSeveral(chosen, got, all) {
    if (!got) return this.nothing()
    this.count(all ? ALL : ANY)
    this.took(all ? chosen : [chosen[got.index]], got.abandoned, got.grants)
  }

  choose() {
    const chosen = []
    for (let i = 2 + this.dice(2); i > 0; i--) chosen.push(this.pick(chosen.reduce((mask, o) => mask | (1 << o), 0)))
    return chosen
  }

  // A promise's wait, ended by its own time-out or, one time in three, by a signal at a random moment.
  async asynchronous() {
    const what = this.dice(8)
    const controller = this.dice(3) === 0 ? new AbortController() : null
    const options = { timeout: 0, signal: controller?.signal }
    let pending, settle
    this.count(ASYNC)
    if (what < 6) {
      const o = this.pick()
      options.timeout = this.patienceFor(1 << o)
      this.begin(TAKING, 1 << o)
      pending = o >= FIRST_BATON ? objects[o].wait(options) : objects[o].acquire(options)
      settle = (got) => this.settle(o, got)
    } else {
      const chosen = this.choose()
      const mask = chosen.reduce((mask, o) => mask | (1 << o), 0)
      options.timeout = what === 6 ? this.patience() : this.patienceFor(mask)
      this.begin(TAKING, mask)
      pending = (what === 6 ? waitAll : waitAny)(chosen.map((o) => objects[o]), options)
      settle = (got) => this.settleSeveral(chosen, got, what === 6)
    }
    const outcome = pending.then(
      (got) => settle(got),
      (error) => {
        if (!controller?.signal.aborted || error !== controller.signal.reason) throw error
        this.nothing(CANCELLED)
      },
    )
    if (controller) {
      const pause = this.dice(3)
      if (pause) await sleep(pause - 1)
      controller.abort()
    }
    await outcome
  }

  // Without a promise. A wait for what another lane of this thread owns would never end, so it does not block.
  synchronous() {
    const what = this.dice(4)
    if (what > 1) {
      const o = this.pick()
      this.begin(TAKING, 1 << o)
      this.settle(o, o >= FIRST_BATON ? objects[o].waitSync({ timeout: what === 2 ? 0 : 0.2 }) : objects[o].tryAcquire())
    } else {
      const chosen = this.choose()
      this.begin(TAKING, chosen.reduce((mask, o) => mask | (1 << o), 0))
      this.settleSeveral(chosen, (what ? waitAllSync : waitAnySync)(chosen.map((o) => objects[o]), { timeout: 0 }), what === 1)
    }
  }

  async poll() {
    const o = this.pick()
    if (await isReadable(o)) {
      this.begin(TAKING, 1 << o)
      this.settle(o, o >= FIRST_BATON ? objects[o].waitSync({ timeout: 0 }) : objects[o].tryAcquire())
    }
    this.count(POLLED)
  }

  async ring() {
    const [b, what] = [this.dice(BELLS), this.dice(8)]
    const other = (b + 1) % BELLS
    if (what < 3) {
      this.add(BELL + 2 * b + 1)
      if (what === 0) bells[b].pulse()
      else bells[b].set()
    } else if (what === 3) bells[b].reset()
    else if (what === 4) {
      this.add(BELL + 2 * b + 1)
      if (await signalAndWait(bells[b], bells[other], { timeout: this.patience() })) this.add(BELL + 2 * other)
      this.count(SIGNAL_AND_WAIT)
    } else if (await bells[b].wait({ timeout: this.patience() })) this.add(BELL + 2 * b)
    this.count(RING)
  }

  async gate() {
    const [gate, what] = [gates[this.dice(GATES)], this.dice(5)]
    if (what === 0) gate.set()
    else if (what === 1) gate.reset()
    else if (what === 2) gate.pulse()
    else await gate.wait({ timeout: this.patience() })
    this.count(GATE)
  }

  // An object that is there for a moment, under a name that the others use too.
  async make() {
    const [name, kind, opens] = [`x${this.dice(TEMPORARY)}`, this.dice(3), this.dice(4) === 0]
    this.count(MADE)
    let made
    try {
      if (opens) made = [Mutex, Event, Semaphore][kind].open(name)
      else if (kind === 0) made = new Mutex(name)
      else if (kind === 1) made = new Event(name)
      else made = new Semaphore(name, { initial: 1, maximum: 1, robust: this.dice(2) === 1 })
    } catch (error) {
      if (error.code === 'ERR_BYNAME_WRONG_KIND' || (opens && error.code === 'ERR_BYNAME_NOT_FOUND')) return
      throw error
    }
    const timeout = this.dice(2)
    if (kind === 1) {
      if (this.dice(2)) made.set()
      if (await made.wait({ timeout })) made.set()
    } else (await made.acquire({ timeout }))?.release()
    made.close()
  }

  async operate() {
    if (this.get(HELD) && this.dice(4) === 0) return this.giveAll()
    if (this.dice(4) === 0) return this.hand.operate()
    const what = this.dice(32)
    if (what < 20) return this.asynchronous()
    if (what < 25) return this.synchronous()
    if (what < 27) return this.ring()
    if (what < 28) return this.gate()
    if (what < 29) return this.poll()
    return this.make()
  }

  async live() {
    this.put(PID, process.pid)
    for (;;) {
      const phase = get(PHASE)
      if (phase === END) break
      if (phase % 2) {
        this.giveAll(ROBUST_ONES)
        this.put(STATE, RESTING)
        if (!(await go.wait({ timeout: 120_000 }))) throw new Fault('a set of the gate `go` woke nobody here')
        const turn = await gong.acquire()
        turn.release()
        this.put(STATE, WOKEN)
        while (get(PHASE) === phase) await sleep(1)
        this.put(STATE, RUNNING)
      } else await this.operate()
    }
    this.giveAll()
    this.put(PID, 0)
  }
}

try {
  await Promise.all([0, 1, 2].map((number) => new Lane(number).live()))
  poller.stdin.end()
  for (const handle of objects) handle.close()
} catch (error) {
  writeSync(1, `FAULT node worker ${slot} pid ${process.pid}: ${error instanceof Fault ? error.message : error.stack}\n`)
  process.exit(3)
}
