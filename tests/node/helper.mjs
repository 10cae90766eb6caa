// What the tests of the Node binding share. Importing it gives the process a session of its own.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const session = `node-${process.pid}-${randomBytes(4).toString('hex')}`
process.env.BYNAME_SESSION = session

export const bindings = fileURLToPath(new URL('../../bindings-node/', import.meta.url))
/** A test that hangs fails after this long; nothing else depends on it. */
export const watchdog = { timeout: 120_000 }

/** Why no job can be made here; false where one can. */
export function whyNoJobs(Job) {
  try {
    new Job().close()
    return false
  } catch (error) {
    if (error.code !== 'ERR_BYNAME_UNSUPPORTED') throw error
    return error.message
  }
}

let names = 0
/** A name that no other test uses. */
export const fresh = () => `object-${++names}`

/** One turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Waits until `condition()` holds, giving the loop turns. The test's watchdog bounds it. */
export async function until(condition) {
  while (!(await condition())) await turn()
}

/** Runs an ES module in another process of this session; `byname` is imported already. It is killed when the test ends. */
export function start(test, code, { args = [], env = {} } = {}) {
  const source = `import * as byname from ${JSON.stringify(`${bindings}index.mjs`)}\n${code}`
  const child = spawn(process.execPath, [...args, '--input-type=module', '--eval', source], {
    stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env },
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => { errors += text })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const closed = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, errors })))
  test.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  return {
    pid: child.pid,
    /** The next line of its output; fails when it ends instead. */
    async line() {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the child ended: ${JSON.stringify(await closed)}`)
      return value
    },
    say(text) { child.stdin.write(`${text}\n`) },
    kill(signal) { child.kill(signal) },
    /** How it ended: its code, its signal and what it wrote to standard error. */
    closed,
  }
}

/** What an error of this package looks like to `assert.throws` and `assert.rejects`. */
export const refusal = (code, win32) => ({ name: 'ByNameError', code: `ERR_BYNAME_${code}`, win32 })
export const wrongType = (message) => ({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message })
