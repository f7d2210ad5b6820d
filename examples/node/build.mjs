// Makes one executable file of Node.js, the application and the updater: `node build.mjs VERSION OUTPUT`.
//
// https://nodejs.org/api/single-executable-applications.html

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'postject'

const SENTINEL_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const here = import.meta.dirname

const [version, output] = process.argv.slice(2)
if (output === undefined) {
  console.error('usage: node build.mjs VERSION OUTPUT')
  process.exit(2)
}
await build(version, output)

async function build(version, output) {
  const work = mkdtempSync(join(tmpdir(), 'example-build-'))
  try {
    copyFileSync(process.execPath, output)
    chmodSync(output, 0o755)
    await inject(output, 'NODE_SEA_BLOB', prepareBlob(version, work), { sentinelFuse: SENTINEL_FUSE })
    markAsAppImage(output)
  } finally {
    rmSync(work, { recursive: true })
  }
}

function prepareBlob(version, work) {
  const settings = JSON.parse(readFileSync(join(here, 'settings.json'), 'utf8'))
  const release = join(work, 'release.json')
  writeFileSync(release, JSON.stringify({ version, settings }))
  const blob = join(work, 'app.blob')
  const config = join(work, 'sea.json')
  const assets = { 'release.json': release, 'updater.node': findAddon() }
  const main = join(here, 'app.cjs')
  writeFileSync(config, JSON.stringify({ main, output: blob, disableExperimentalSEAWarning: true, assets }))
  execFileSync(process.execPath, ['--experimental-sea-config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return readFileSync(blob)
}

/** The package knows which addon is for this platform: the one that it loads. */
function findAddon() {
  const require = createRequire(import.meta.url)
  require('@crabnebula/updater')
  return Object.keys(require.cache).find((file) => file.endsWith('.node'))
}

/** What tells the updater that this file is an application which can be replaced: `AI\x02` at offset 8. */
function markAsAppImage(file) {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, 'AI\x02', 8)
  closeSync(descriptor)
}
