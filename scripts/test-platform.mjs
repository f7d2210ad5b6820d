// `npm run test:platform -- <directory>`: the tests of the package that make sense on this machine, with the compiled files
// in a directory that `npm run build:platform` has filled, here or elsewhere.
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { ROOT, run } from './steps.mjs'

// The others install AppImages.
const EVERYWHERE = ['options', 'package', 'package-loader', 'package-release']

const from = resolve(process.argv[2])
for (const file of readdirSync(from)) {
  rmSync(join(ROOT, file), { force: true })
  copyFileSync(join(from, file), join(ROOT, file))
}
const chosen = process.platform === 'linux' ? [] : EVERYWHERE.map((name) => `__test__/${name}.spec.mjs`)
run(process.execPath, join(ROOT, 'node_modules', 'ava', 'entrypoints', 'cli.mjs'), ...chosen)
