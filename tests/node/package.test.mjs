// The package as its users meet it: two module systems, its types, its tarball.

import './helper.mjs'
import { bindings, session } from './helper.mjs'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import byname, * as named from '../../bindings-node/index.mjs'

const require = createRequire(import.meta.url)

test('import and require give the same classes', () => {
  const required = require('../../bindings-node/index.cjs')
  assert.equal(byname, required)
  assert.deepEqual(Object.keys(named).filter((key) => key !== 'default').sort(), Object.keys(required).sort())
  for (const key of Object.keys(required)) assert.equal(named[key], required[key], key)
})

test('objects of one module system are those of the other', async () => {
  const required = require('../../bindings-node/index.cjs')
  const mutex = new required.Mutex('of require')
  const same = named.Mutex.open('of require')
  const grant = await mutex.acquire()
  assert.ok(grant instanceof named.Grant)
  const won = named.waitAny([same, mutex])
  grant.release()
  const result = await won
  assert.ok(result instanceof required.WaitResult && result.object === same)
  result.release()
  assert.throws(() => required.Mutex.open('nothing'), named.ByNameError)
  mutex.close()
  same.close()
})

test('TypeScript programs of both module systems compile with --strict, run, and release what they bracket with `using`', { timeout: 240_000 }, () => {
  const said = execFileSync(process.execPath, [fileURLToPath(new URL('check-types.mjs', import.meta.url))], { encoding: 'utf8' })
  for (const system of ['ESM', 'CommonJS']) assert.match(said, new RegExp(`${system}: types fit and the program runs`))
})

test('the package and the addon have one version', () => {
  assert.equal(byname.version, JSON.parse(readFileSync(join(bindings, 'package.json'), 'utf8')).version)
})

test('the types list what is exported and every error code of the table', () => {
  const types = readFileSync(join(bindings, 'index.d.ts'), 'utf8')
  const exported = [...types.matchAll(/^export (?:abstract )?(?:class|const|function) (\w+)/gm)].map((match) => match[1])
  assert.deepEqual([...new Set(exported)].sort(), Object.keys(byname).sort())
  const { addon } = require('../../bindings-node/lib/addon.cjs')
  const codes = [...types.matchAll(/^ {2}\| '(\w+)'/gm)].map((match) => match[1])
  assert.deepEqual(codes, addon.kinds().map(([, code]) => code))
})

/** The examples of a file: what stands in its fences. */
const examples = (file) => [...readFileSync(join(bindings, file), 'utf8').replace(/^ +\* ?/gm, '').matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1])

test('every example in the types and in the README runs as it stands', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'byname-examples-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(bindings, join(folder, 'node_modules', 'byname'))
  const all = [...examples('index.d.ts'), ...examples('README.md')]
  assert.ok(all.length >= 14, `${all.length} examples found`)
  for (const [at, example] of all.entries()) {
    writeFileSync(join(folder, `${at}.mjs`), example)
    await t.test(`example ${at + 1}`, () => execFileSync(process.execPath, [`${at}.mjs`], { cwd: folder, env: { ...process.env, BYNAME_SESSION: `${session}-example-${at}` } }))
  }
})

test('the types say what everything is, and show every class and function', () => {
  const lines = readFileSync(join(bindings, 'index.d.ts'), 'utf8').split('\n')
  const name = (line) => /^(?:export |  (?=\S))(?:(?:declare|abstract|static|readonly|class|const|function|interface|type) )*([\w[\].]+)/.exec(line)?.[1]
  let said = 0
  for (const [at, line] of lines.entries()) {
    if (!name(line) || /^ *(private constructor|\| |\/?\*)/.test(line) || name(line) === name(lines[at - 1])) continue
    if (lines[at - 1].startsWith('  constructor(') || lines[at - 1] === '    name?: string | null,') continue // a parameter
    assert.match(lines[at - 1], /\*\/$/, `${line} has no comment`)
    said += 1
    if (!/^export (class|const \w+: \{|function)/.test(line) || /Sync</.test(line)) continue
    const comment = lines.slice(lines.findLastIndex((other, before) => before < at && other.startsWith('/**')), at)
    assert.ok(comment.some((other) => other.includes('```js')), `${line} has no example`)
  }
  assert.ok(said > 80, `only ${said} seen`)
})

test('objects show themselves when they are printed', () => {
  const { inspect } = require('node:util')
  using(new byname.Mutex('printed'), (mutex) => {
    assert.match(inspect(mutex), /^Mutex \{ name: 'printed', created: true, open: true \}$/)
    using(mutex.tryAcquire(), (grant) => assert.match(inspect(grant), /^Grant \{ fence: \d+n, abandoned: false, held: true \}$/))
  })
})

function using(resource, body) {
  try {
    body(resource)
  } finally {
    resource[Symbol.dispose]()
  }
}

test('the addon cannot be used without its JavaScript part, nor set up twice', () => {
  const { addon } = require('../../bindings-node/lib/addon.cjs')
  assert.throws(() => addon.setup(Error, () => {}, () => {}), /set up already/)
  for (const junk of [undefined, null, {}, 'x', -1, 1e9, NaN, 2 ** 40, Symbol('s'), 1n, []]) {
    for (const [name, native] of Object.entries(addon)) {
      if (typeof native !== 'function' || ['setup', 'localNamespace', 'kinds', 'next', 'usage'].includes(name)) continue
      try {
        native(junk, junk, junk, junk, junk, junk)
      } catch (error) {
        assert.ok(error instanceof Error, `${name} threw ${String(error)}`)
      }
    }
  }
})

test('the tarball installs in an empty folder, without cargo', { timeout: 240_000 }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'byname-pack-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const binaries = join(folder, 'bin')
  const home = join(folder, 'home')
  mkdirSync(binaries)
  mkdirSync(home)
  // Nothing but node and npm is on this PATH.
  symlinkSync(process.execPath, join(binaries, 'node'))
  symlinkSync(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()), join(binaries, 'npm'))
  const env = { PATH: binaries, HOME: home, npm_config_cache: join(folder, 'cache'), npm_config_update_notifier: 'false', BYNAME_SESSION: `${session}-pack` }
  const npm = (...args) => execFileSync('npm', [...args, '--offline', '--no-audit', '--no-fund'], { cwd: folder, env, encoding: 'utf8' })
  assert.throws(() => execFileSync('cargo', ['--version'], { env, stdio: 'ignore' }), { code: 'ENOENT' })

  const [{ filename, files }] = JSON.parse(npm('pack', bindings, '--json'))
  const paths = files.map((file) => file.path)
  for (const path of ['index.cjs', 'index.mjs', 'index.d.ts', 'index.d.mts', 'lib/addon.cjs', 'bin/byname', `byname.linux-${process.arch}-gnu.node`]) {
    assert.ok(paths.includes(path), `${path} is in the tarball`)
  }
  assert.ok(!paths.some((path) => /\.rs$|Cargo|node_modules|scripts/.test(path)), 'and nothing that only builds it')

  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  npm('install', filename)
  assert.match(execFileSync(join(folder, 'node_modules', '.bin', 'byname'), ['help'], { env, encoding: 'utf8' }), /^Usage: byname/m)
  const program = 'const grant = new Mutex("packed").tryAcquire(); grant.release(); console.log(String(grant.fence), version)'
  const run = (...args) => execFileSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' })
  assert.equal(run('--eval', `const { Mutex, version } = require('byname'); ${program}`), `1 ${byname.version}\n`)
  assert.equal(run('--input-type=module', '--eval', `import { Mutex, version } from 'byname'; ${program}`), `1 ${byname.version}\n`)
})
