// Builds the addon with plain cargo and puts it beside index.cjs. The argument is the cargo profile; `dist` by default.

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('..', import.meta.url))
const profile = process.argv[2] ?? 'dist'
const { status, stdout } = spawnSync(
  'cargo', ['build', '--package', 'byname-node', '--profile', profile, '--message-format', 'json-render-diagnostics'],
  { cwd: here, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 })
if (status !== 0) process.exit(status ?? 1)

const built = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  .find((message) => message.reason === 'compiler-artifact' && message.target.name === 'byname_node')
const target = `${here}byname.linux-${process.arch}-gnu.node`
// Renamed into place: a process that has the old one mapped keeps it whole.
copyFileSync(built.filenames.find((name) => name.endsWith('.so')), `${target}.new`)
renameSync(`${target}.new`, target)
console.log(target)
