// Builds the addon and the command with plain cargo and puts them into the package. The argument is the cargo profile; `dist` by default.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('..', import.meta.url))
const profile = process.argv[2] ?? 'dist'
const { status, stdout } = spawnSync(
  'cargo', ['build', '--package', 'byname-node', '--package', 'byname', '--features', 'byname/cli', '--profile', profile,
    '--message-format', 'json-render-diagnostics'],
  { cwd: here, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 })
if (status !== 0) process.exit(status ?? 1)

const artifacts = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter((message) => message.reason === 'compiler-artifact')
const addon = artifacts.find(({ target }) => target.name === 'byname_node').filenames.find((name) => name.endsWith('.so'))
const command = artifacts.find(({ executable }) => executable?.endsWith('/byname')).executable
mkdirSync(`${here}bin`, { recursive: true })
for (const [built, path] of [[addon, `byname.linux-${process.arch}-gnu.node`], [command, 'bin/byname']]) {
  const target = here + path
  // Renamed into place: a process that has the old one mapped keeps it whole.
  copyFileSync(built, `${target}.new`)
  renameSync(`${target}.new`, target)
  console.log(target)
}
