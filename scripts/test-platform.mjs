// `npm run test:platform -- <directory> [--emulated]`: the tests of the package that make sense on this machine, with the
// compiled files of addon and command line in a directory that `npm run build:platform` has filled, here or elsewhere.
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { leftOutOn } from './hosts/foreign.mjs'
import { CLI } from './packages/platforms.mjs'
import { ROOT, run } from './steps.mjs'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { emulated: { type: 'boolean' } },
})
const from = resolve(positionals[0])
for (const file of readdirSync(from)) {
  const to = join(ROOT, file.startsWith('updater-cli.') ? CLI : '.', file)
  rmSync(to, { force: true })
  copyFileSync(join(from, file), to)
}

const isMusl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime
const leftOut = leftOutOn(process.platform, { emulated: values.emulated, isMusl })
const specs = readdirSync(join(ROOT, '__test__'))
  .filter((name) => name.endsWith('.spec.mjs'))
  .filter((name) => !Object.keys(leftOut).some((start) => name.startsWith(start)))
const patience = values.emulated ? ['--serial', '--timeout', '5m'] : []
const ava = join(ROOT, 'node_modules', 'ava', 'entrypoints', 'cli.mjs')
run(process.execPath, ava, ...patience, ...specs.map((name) => join('__test__', name)))
