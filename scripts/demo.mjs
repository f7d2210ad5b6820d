// `npm run demo`: a real application updates itself and is then attacked. The exit code is 0 only if everything went
// as it is told here.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { say, step } from './demo/narration.mjs'
import { stopAll } from './demo/processes.mjs'
import { setUp } from './demo/setup.mjs'

const root = join(import.meta.dirname, '..')
process.exitCode = 1

if (process.platform !== 'linux') {
  throw new Error('the demonstration needs Linux: this version of the updater installs there only')
}
setUp(root)

const began = performance.now()
const work = mkdtempSync(join(tmpdir(), 'updater-demo-'))
process.once('SIGINT', () => process.exit())
process.once('SIGTERM', () => process.exit())
process.once('exit', () => {
  stopAll()
  rmSync(work, { recursive: true, force: true })
})
// Loaded after the set-up, because it needs what is installed there.
const { prepareRelease } = await import('./demo/release.mjs')
const { honestUpdate, replayedArtifact, tamperedArtifact } = await import('./demo/acts.mjs')

const release = await prepareRelease(root, work)
await honestUpdate(release)
await tamperedArtifact(release)
await replayedArtifact(release)

step('Done')
say(
  `Everything went as told, in ${((performance.now() - began) / 1000).toFixed(0)} seconds after the set-up.`,
)
process.exitCode = 0
process.exit()
