// Truncation of the namespace's file, beside listeners of SIGBUS; and byname told to leave SIGBUS alone.

import { start } from './helper.mjs'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { watchdog } from './helper.mjs'

/** A process of its own, whose namespaces are in a directory of their own; how it ended. */
async function play(t, code) {
  const dir = mkdtempSync('/dev/shm/byname-test-')
  t.after(() => rmSync(dir, { recursive: true }))
  const child = start(t, `
    import { readFileSync, readdirSync, truncateSync } from 'node:fs'
    const isLost = (error) => error.code === 'ERR_BYNAME_NAMESPACE_LOST'
    const lost = (call) => { try { call() } catch (error) { if (isLost(error)) return } process.exit(3) }
    const met = (call) => { try { call() } catch {} }
    const stat = (task) => { try { return readFileSync(\`/proc/self/task/\${task}/stat\`, 'utf8') } catch { return '' } }
    const truncate = () => {
      // While the keeper sleeps: until its belt, it touches nothing then.
      while (!readdirSync('/proc/self/task').some((task) => stat(task).includes('(byname-keeper) S'))) ;
      truncateSync(byname.Namespace.local().path, 0)
    }
    ${code}`, { env: { BYNAME_DIR: dir } })
  return { child, ended: child.closed }
}

const truncated = (before, after) => `
  let heard = 0
  ${before}
  const event = new byname.Event('e')
  ${after}
  const waits = [event.wait(), new byname.Semaphore('s', { initial: 0 }).acquire(), byname.waitAny([event])]
  truncate()
  met(() => event.set())
  lost(() => event.set())
  for (const wait of waits) await wait.then(() => process.exit(4), (error) => isLost(error) || process.exit(5))
  console.log('told')
  process.exit(0)`

const listener = `process.on('SIGBUS', () => { heard++ })`
const isWell = async ({ ended }) => {
  const { code, signal, errors } = await ended
  assert.deepEqual({ code, signal, errors }, { code: 0, signal: null, errors: '' })
}

test('a truncated file is an error for every wait and call', watchdog, async (t) => isWell(await play(t, truncated('', ''))))

test('a listener from before hears nothing of it', watchdog, async (t) => {
  const played = await play(t, truncated(listener, '') .replace("console.log('told')", "await new Promise((resolve) => setTimeout(resolve)); console.log(heard)"))
  assert.equal(await played.child.line(), '0')
  await isWell(played)
})

test('a listener from before hears what is sent', watchdog, async (t) => {
  await isWell(await play(t, `
    process.on('SIGBUS', () => process.exit(0))
    new byname.Event('e')
    setInterval(() => {}, 1000)
    process.kill(process.pid, 'SIGBUS')`))
})

test('with a listener from after, the keeper ends the faults', watchdog, async (t) => isWell(await play(t, truncated('', listener))))

test('what is sent kills by default', watchdog, async (t) => {
  const { ended } = await play(t, "new byname.Event('e'); process.kill(process.pid, 'SIGBUS'); setInterval(() => {}, 1000)")
  assert.equal((await ended).signal, 'SIGBUS')
})

test('left alone, a truncation kills', watchdog, async (t) => {
  const { ended } = await play(t, "byname.leaveSigbusAlone(); const event = new byname.Event('e'); truncate(); event.set()")
  assert.equal((await ended).signal, 'SIGBUS')
})
