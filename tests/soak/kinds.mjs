// The operations of the Node worker on queues, timers, the board, jobs; and the life of a dog. `ledger.py` says what is written where.
import { constants, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Job, Mapping, Process, Queue, Timer, Watchdog } from '../../bindings-node/index.mjs'

const QUEUES = [256, 9_000, 70_000]
const [TIMERS, BOARD, HEAD] = [2, 16_384, 32]
const [PHASE, END, OPERATIONS, TIMED_OUT] = [0, 1_000_000, 4, 8]
const [MORE_COUNTS, SENDING, RECEIVING, TICKS, CHANGING, JOB_CHILD, REFRESHED_AT] = [40, 48, 51, 52, 54, 55, 56]
const [SENT, RECEIVED, , TICK, CHANGED, READ_WHOLE, JOB, REFRESHED] = Array(8).keys()
const PATTERN = Buffer.from(Array.from({ length: 70_000 + 512 }, (_, i) => i & 255))

const pattern = (n, length) => PATTERN.subarray(n & 255, (n & 255) + length)

function board(version) {
  const bytes = Buffer.alloc(BOARD)
  if (version > 0n) {
    bytes.writeBigUInt64LE(version, 0)
    pattern(Number(version & 255n), BOARD - 8).copy(bytes, 8)
  }
  return bytes
}

// What all lanes of a worker share.
export class More {
  constructor(mix, Fault) {
    Object.assign(this, { mix, Fault })
    this.queues = QUEUES.map((_, i) => Queue.open(`q${i}`, { mode: 'rw' }))
    this.timers = Array.from({ length: TIMERS }, (_, i) => Timer.open(`t${i}`))
    this.board = Mapping.open('board')
    this.bytes = Buffer.from(this.board.view())
    try {
      new Job().close()
      this.hasJobs = true
    } catch (error) {
      if (error.code !== 'ERR_BYNAME_UNSUPPORTED') throw error
    }
  }

  letter(writer, n, q, length) {
    const letter = Buffer.alloc(length)
    letter.writeBigUInt64LE(writer, 0)
    letter.writeBigUInt64LE(BigInt(n), 8)
    const check = this.mix(Number(writer & 0xffffffffn) ^ q, n, length)
    for (const [i, word] of [q, length, check, 0].entries()) letter.writeUInt32LE(word, 16 + 4 * i)
    pattern(n, length - HEAD).copy(letter, HEAD)
    return letter
  }
}

// What a lane does with them.
export class Hand {
  constructor(lane, more, path, slot, seed) {
    Object.assign(this, { lane, more })
    this.writer = (BigInt(slot) << 40n) | (BigInt(lane.number) << 32n) | BigInt(seed)
    this.record = openSync(`${path}.record-${slot}-${lane.number}`, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600)
  }

  count(deed) {
    this.lane.add(MORE_COUNTS + deed)
    this.lane.add(OPERATIONS)
  }

  // Some wait without an end: while everybody comes to rest the conductor sends, and makes room.
  limit() {
    const [limit, forever] = [this.lane.patience(), this.lane.dice(8) === 0]
    return forever && !this.lane.holdsRobust() ? undefined : limit
  }

  async send() {
    const { lane, more } = this
    const q = lane.dice(QUEUES.length)
    const length = HEAD + [0, lane.dice(100), QUEUES[q] - HEAD][Math.floor((lane.dice(16) % 7) / 3)]
    const n = Math.floor(lane.get(SENDING + q) / 2) + 1
    const letter = more.letter(this.writer, n, q, length)
    const blocks = lane.dice(2) === 0
    const timeout = blocks ? [0, 0.2][lane.dice(2)] : this.limit()
    lane.put(SENDING + q, 2 * n - 1)
    const sent = blocks ? more.queues[q].putSync(letter, { timeout }) : await more.queues[q].put(letter, { timeout })
    lane.put(SENDING + q, sent ? 2 * n : 2 * n - 2)
    if (sent) this.count(SENT)
    else lane.count(TIMED_OUT)
  }

  async receive() {
    const { lane, more } = this
    const q = lane.dice(QUEUES.length)
    const blocks = lane.dice(2) === 0
    const timeout = blocks ? [0, 0.2][lane.dice(2)] : this.limit()
    lane.put(RECEIVING, q + 1)
    const data = blocks ? more.queues[q].getSync({ timeout }) : await more.queues[q].get({ timeout })
    if (data) {
      const letter = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      const [writer, n] = letter.length < HEAD ? [0n, 0n] : [letter.readBigUInt64LE(0), letter.readBigUInt64LE(8)]
      if (!letter.equals(more.letter(writer, Number(n), q, Math.max(letter.length, HEAD)))) {
        throw new more.Fault(`a letter of ${letter.length} bytes in queue ${q} is not whole`)
      }
      const record = Buffer.alloc(32)
      for (const [i, word] of [writer, n, BigInt(q), this.writer].entries()) record.writeBigUInt64LE(word, 8 * i)
      writeSync(this.record, record)
    }
    lane.put(RECEIVING, 0)
    if (data) this.count(RECEIVED)
    else lane.count(TIMED_OUT)
  }

  async tick() {
    const { lane, more } = this
    const i = lane.dice(TIMERS + 1)
    if (i < TIMERS) {
      if (await more.timers[i].wait({ timeout: lane.patience() })) lane.add(TICKS + i)
    } else {
      const [timer, due, began] = [new Timer(), lane.patience(), process.hrtime.bigint()]
      timer.set({ due })
      await timer.wait()
      const took = process.hrtime.bigint() - began
      if (took < BigInt(due * 1e6)) throw new more.Fault(`a timer of ${due} ms came after ${took} ns`)
      timer.close()
    }
    this.count(TICK)
  }

  change() {
    const { lane, more } = this
    lane.put(CHANGING, 1)
    try {
      more.board.change(() => board(more.board.version + 1n).copy(more.bytes))
      this.count(CHANGED)
    } catch (error) {
      if (error.code !== 'ERR_BYNAME_NOT_OWNER') throw error
      lane.count(TIMED_OUT) // somebody else is at it
    }
    lane.put(CHANGING, 0)
  }

  look() {
    const { lane, more } = this
    let data = null
    try {
      data = more.board.read(0, BOARD, { timeout: lane.patience() })
    } catch (error) {
      if (error.code !== 'ERR_BYNAME_DISCONNECTED') throw error // a writer died in the middle
    }
    if (data) {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      if (!bytes.equals(board(bytes.readBigUInt64LE(0)))) throw new more.Fault(`the board is torn: ${bytes.toString('hex', 0, 8)}`)
    }
    this.count(READ_WHOLE)
  }

  // A process in a job, seen as a process, and ended by the job's end, in this way or that.
  async job() {
    const { lane, more } = this
    const job = new Job(null, { killOnClose: true })
    const child = job.spawn('sleep', ['1000'], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
    lane.put(JOB_CHILD, child.pid)
    const seen = Process.open(child.pid)
    if (!job.contains(child.pid) || job.pids().length !== 1 || seen.waitSync({ timeout: 0 })) {
      throw new more.Fault(`a job of ${child.pid} has ${job.pids()}`)
    }
    if (lane.dice(2)) {
      job.terminate(77)
      await seen.wait()
      if (seen.exitCode !== 77 || job.pids().length || !job.waitSync({ timeout: 0 })) {
        throw new more.Fault(`a job that was terminated has ${job.pids()}, and its process told ${seen.exitCode}`)
      }
      job.close()
    } else {
      job.close()
      await seen.wait()
    }
    const signal = await ended
    if (signal !== 'SIGKILL') throw new more.Fault(`a process of a job ended with ${signal}`)
    lane.put(JOB_CHILD, 0)
    seen.close()
    this.count(JOB)
  }

  async operate() {
    const what = this.lane.dice(128)
    if (what < 56) await this.send()
    else if (what < 114) await this.receive()
    else if (what < 118) await this.tick()
    else if (what < 122) this.change()
    else if (what < 127 || !this.more.hasJobs) this.look()
    else await this.job()
  }
}

// Refreshes in time, unless somebody stops it.
export async function liveAsDog(get, put, at) {
  const dog = new Watchdog(null, { period: 300, grace: 100, action: 'kill' })
  const now = () => Number(process.hrtime.bigint())
  let before = now()
  dog.start()
  while (get(PHASE) !== END) {
    put(at + REFRESHED_AT, before)
    for (const word of [OPERATIONS, MORE_COUNTS + REFRESHED]) put(at + word, get(at + word) + 1)
    await sleep(10)
    before = now()
    dog.refresh()
  }
  dog.stop()
}
