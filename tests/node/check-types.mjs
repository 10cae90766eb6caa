// Checks index.d.ts and index.d.mts as users meet them: an ESM and a CJS program, compiled with --strict and run.
// Installs typescript, and the types of Node that a job's child needs, into target/check-types, once.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bindings } from './helper.mjs'

const work = join(bindings, '..', 'target', 'check-types')
const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { cwd: work, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const program = (head) => `${head}
async function main(): Promise<void> {
  using mutex = new Mutex('types', { initiallyOwned: true })
  const first: Grant | null = mutex.initialGrant
  first?.release()
  await using grant = await mutex.acquire({ timeout: 1000, signal: new AbortController().signal })
  if (grant === null) throw new Error('busy')
  const fence: bigint = grant.fence
  const none: Grant | null = mutex.acquireSync({ timeout: 0 })
  const event = new Event(null, { manualReset: true, initial: true })
  const set: boolean = await event.wait()
  const semaphore = new Semaphore(undefined, { initial: 3, maximum: 3, namespace: Namespace.local(), access: Access.ALL })
  const all: WaitResult | null = await waitAll([event, semaphore])
  const any: WaitResult<Event> | null = waitAnySync([event], { timeout: 5 })
  const same: Event | null | undefined = any?.object
  all?.release()
  try {
    Mutex.open('no such name')
  } catch (error) {
    if (!(error instanceof ByNameError)) throw error
    const code: ErrorCode = error.code
    if (code !== 'ERR_BYNAME_NOT_FOUND' || error.win32 !== 2) throw error
  }
  // @ts-expect-error a time-out is a number
  await mutex.acquire({ timeout: '5' }).catch(() => null)
  // @ts-expect-error counts are numbers
  try { new Semaphore('types', { maximum: 1n }) } catch {}
  // @ts-expect-error nobody makes grants but acquisitions
  try { new Grant() } catch {}
  const bracketed = new Mutex('bracketed')
  {
    using inner = bracketed.acquireSync()
    if (!inner.held || bracketed.tryAcquire() !== null) throw new Error('not held inside')
  }
  try {
    await using inner = await bracketed.acquire()
    throw inner
  } catch (thrown) {
    if (!(thrown instanceof Grant) || thrown.held) throw new Error('held after an exception')
  }
  {
    using won = waitAnySync([bracketed, event])
    if (won?.object !== bracketed) throw new Error('not won')
  }
  const after = bracketed.tryAcquire()
  if (after === null || after.abandoned) throw new Error('not released by its bracket')
  after.release()
  bracketed.close()
  if (fence < 1n || none !== null || !set || same !== event) throw new Error('wrong outcome')
  const timer = new Timer('types timer', { manualReset: true })
  timer.set({ due: 0, period: 5 })
  timer.set({ due: new Date(0) })
  const left: number | null = timer.remaining()
  const { signaled }: { signaled: boolean } = timer.state()
  // @ts-expect-error a due time is needed
  if (left === 7) timer.set({ period: 5 })
  if (!signaled || !(await timer.wait())) throw new Error('wrong outcome of a timer')
  timer.close()
  const dog = new Watchdog(null, { period: 60_000, grace: 0, action: 'none' })
  const stage: 'stopped' | 'running' | 'grace' | 'expired' = dog.state().stage
  // @ts-expect-error there is no such action
  if (stage === 'grace') new Watchdog(null, { period: 1, grace: 0, action: 'bark' })
  const queue = new Queue(null, { maxMessages: 1, maxSize: 8 })
  const self = Process.open(process.pid)
  const jobs: Job[] = []
  for (const job of jobs) {
    using told: JobNotifications = job.notifications()
    const next: JobNotification | null = await told.get({ timeout: 1 })
    const message: 'new' | 'exit' | 'abnormal-exit' | 'zero' | 'process-limit' | 'memory-limit' | undefined = next?.message
    const which: number | undefined = waitAnySync([told, event], { timeout: 0 })?.index
    for await (const { pid } of told) if (message === 'zero' || which === pid) break
  }
  const room: WaitResult<Event | Queue | Process | Job> | null = waitAnySync([self, queue.writable, event, ...jobs])
  if (room?.index !== 1) throw new Error('wrong outcome of a wait for all kinds')
  // @ts-expect-error a mapping is never waited for
  try { waitAnySync([new Mapping(null, { size: 1 })]) } catch {}
  for (const handle of [dog, queue, self]) handle.close()
  event.close()
  semaphore.close()
  console.log('${head.includes('require') ? 'CommonJS' : 'ESM'}: types fit and the program runs')
}
main()
`

rmSync(join(work, 'out'), { recursive: true, force: true })
mkdirSync(join(work, 'node_modules'), { recursive: true })
if (!existsSync(join(work, 'node_modules', '@types', 'node'))) {
  writeFileSync(join(work, 'package.json'), '{ "private": true }\n')
  run('npm', 'install', '--no-audit', '--no-fund', '--silent', 'typescript@>=5.2', '@types/node@20')
}
rmSync(join(work, 'node_modules', 'byname'), { force: true })
symlinkSync(bindings, join(work, 'node_modules', 'byname'))

const names = 'Access, ByNameError, Event, Mapping, Mutex, Namespace, Process, Protect, Queue, Semaphore, Timer, Watchdog, waitAll, waitAnySync'
const types = 'ErrorCode, Job, JobNotification, JobNotifications, WaitResult'
writeFileSync(join(work, 'esm.mts'), program(`import { ${names}, Grant } from 'byname'\nimport type { ${types} } from 'byname'\nimport byname from 'byname'\nif (byname.Mutex !== Mutex) throw new Error('two Mutex classes')`))
writeFileSync(join(work, 'cjs.cts'), program(`import byname = require('byname')\nimport type { ${types} } from 'byname'\nconst { ${names}, Grant } = byname\ntype Grant = byname.Grant\ntype Event = byname.Event\ntype Process = byname.Process\ntype Queue = byname.Queue`))
run(join(work, 'node_modules', '.bin', 'tsc'), '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,esnext.disposable',
  '--types', 'node', '--outDir', 'out', 'esm.mts', 'cjs.cts')
run(process.execPath, 'out/esm.mjs')
run(process.execPath, 'out/cjs.cjs')
