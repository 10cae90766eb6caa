// Processes and jobs as Node has them.

import { fresh, refusal, start, watchdog, whyNoJobs, wrongType } from './helper.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Access, Event, Job, Namespace, Process, waitAny, waitAnySync } from '../../bindings-node/index.mjs'

const sleeper = (t) => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  return child
}

test('the end of a process is one wait with an event', watchdog, async (t) => {
  const child = sleeper(t)
  const process = Process.open(child.pid)
  const news = new Event()
  assert.deepEqual([process.pid, process.exitCode, process.name, process.created], [child.pid, null, null, false])
  news.set()
  assert.equal((await waitAny([process, news])).index, 1)
  const waiting = waitAny([news, process])
  child.kill('SIGTERM')
  assert.equal((await waiting).index, 1)
  assert.equal(await process.wait(), true)
  assert.equal(process.waitSync({ timeout: 0 }), true)
  assert.equal(process.exitCode, 128 + 15)
  process.close()
  news.close()
})

test('terminate tells its code here, and the signal to the parent', watchdog, async (t) => {
  const child = sleeper(t)
  const process = Process.open(child.pid)
  const closed = once(child, 'exit')
  process.terminate(0xffff_fffe)
  assert.equal(process.waitSync(), true)
  assert.equal(process.exitCode, 0xffff_fffe)
  assert.deepEqual(await closed, [null, 'SIGKILL'])
  assert.throws(() => process.terminate(1), refusal('ACCESS_DENIED', 5))
  process.close()
  assert.throws(() => process.exitCode, refusal('CLOSED', 6))
})

test('a process: bad input', () => {
  for (const pid of [0, -1, 1.5, NaN, Infinity, 2 ** 40]) assert.throws(() => Process.open(pid), refusal('INVALID_ARGUMENT', 87))
  for (const pid of ['1', null, undefined, 1n, {}]) assert.throws(() => Process.open(pid), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => new Process(1), wrongType(/Process.open/))
  const watcher = Process.open(process.pid, { access: Access.SYNCHRONIZE })
  assert.equal(watcher.waitSync({ timeout: 0 }), false)
  assert.throws(() => watcher.exitCode, refusal('ACCESS_DENIED', 5))
  assert.throws(() => watcher.terminate(1), refusal('ACCESS_DENIED', 5))
  for (const code of [-1, 2 ** 32, 0.5]) assert.throws(() => watcher.terminate(code), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => watcher.terminate('1'), wrongType(/code/))
  watcher.close()
})

const jobs = { ...watchdog, skip: whyNoJobs(Job) }

test('a job: spawn, pids, terminate, codes', jobs, async () => {
  const job = new Job(fresh(), { killOnClose: true })
  const child = job.spawn('sleep', ['1000'])
  assert.deepEqual(job.pids(), [child.pid])
  assert.ok(job.contains(child.pid) && !job.contains(process.pid))
  const watched = Process.open(child.pid)
  const closed = once(child, 'exit')
  assert.equal(await job.wait({ timeout: 0 }), false)
  job.terminate(123)
  assert.equal(waitAnySync([watched]).index, 0)
  assert.equal(watched.exitCode, 123)
  assert.deepEqual(await closed, [null, 'SIGKILL'])
  assert.equal(await job.wait(), true)
  assert.equal(job.accounting().totalProcesses, 1)
  assert.ok(['cgroup2', 'processes'].includes(job.backend))
  watched.close()
  job.close()
})

test('a job: what is spawned has its arguments, its environment and its pipes', jobs, async () => {
  const job = new Job()
  const child = job.spawn('sh', ['-c', 'printf "%s|" "$word" "$@"', 'sh', 'a b', '--', '"c"'], { env: { PATH: process.env.PATH, word: 'hello' } })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => { said += text })
  const [code] = await once(child, 'close')
  assert.deepEqual([code, said], [0, 'hello|a b|--|"c"|'])
  const [missing] = await once(job.spawn('/no/such/program', { stdio: 'ignore' }), 'exit')
  assert.equal(missing, 127)
  job.close()
})

test('a job: assign, limits, rights', jobs, async (t) => {
  const job = new Job(fresh(), { killOnClose: true })
  const child = sleeper(t)
  job.assign(child.pid)
  assert.throws(() => job.assign(child.pid), refusal('ACCESS_DENIED', 5))
  assert.throws(() => new Job(`${job.name}-other`).assign(child.pid), refusal('ACCESS_DENIED', 5))
  assert.throws(() => job.assign(0), refusal('INVALID_ARGUMENT', 87))
  assert.throws(() => job.assign('1'), wrongType(/pid/))
  for (const bad of [{ activeProcesses: 0 }, { activeProcesses: -1 }, { memory: 1 }, { memory: 0.5 }]) {
    assert.throws(() => job.limit(bad), refusal('INVALID_ARGUMENT', 87))
  }
  for (const bad of [null, 1, { memory: '1' }, { killOnClose: 1 }]) assert.throws(() => job.limit(bad), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.deepEqual(job.limits(), { activeProcesses: null, memory: null, killOnClose: true })
  const looks = Job.open(job.name, { access: 0x0004 })
  assert.deepEqual(looks.pids(), [child.pid])
  for (const refused of [() => looks.assign(process.pid), () => looks.terminate(1), () => looks.limit({}), () => looks.spawn('true')]) {
    assert.throws(refused, refusal('ACCESS_DENIED', 5))
  }
  assert.throws(() => Event.open(job.name), refusal('WRONG_KIND', 6))
  assert.throws(() => job.spawn(1), wrongType(/command/))
  assert.throws(() => job.spawn('true', null), wrongType(/options/))
  const gone = once(child, 'exit')
  looks.close()
  job.close()
  assert.deepEqual(await gone, [null, 'SIGKILL'])
})

test('a job: a full one starts nothing', jobs, async (t) => {
  const job = new Job(null, { killOnClose: true })
  try {
    job.limit({ activeProcesses: 1, killOnClose: true })
  } catch (error) {
    assert.equal(error.code, 'ERR_BYNAME_UNSUPPORTED')
    return t.skip(error.message)
  }
  const first = once(job.spawn('sleep', ['1000']), 'exit')
  while (job.pids().length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.throws(() => job.spawn('true'), refusal('LIMIT_REACHED', 1816))
  job.close()
  await first
})

test('a job dies with the last process that has it', jobs, async (t) => {
  const child = start(t, `
    const job = new byname.Job(null, { killOnClose: true })
    console.log(job.spawn('sleep', ['1000'], { stdio: 'ignore' }).pid)
    while (job.pids().length === 0) await new Promise((resolve) => setImmediate(resolve))
    console.log('ready')
    setInterval(() => {}, 1000)
  `, { env: { BYNAME_SESSION: `${process.env.BYNAME_SESSION}-alone` } })
  const member = Process.open(Number(await child.line()))
  await child.line()
  child.kill('SIGKILL')
  assert.equal(await member.wait(), true)
  member.close()
  new Event(null, { namespace: Namespace.session(`${process.env.BYNAME_SESSION}-alone`) }).close() // reaps, and removes it in the end
})
