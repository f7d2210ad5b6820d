// `optionalDependencies` are added to package.json while it is packed, and only then: `npm ci` in this repository could
// not find the packages of a version that is yet to be published, and the lock file could not tell the truth about them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { optionalDependencies, readManifest } from './platforms.mjs'

export function stamped(directory) {
  return { ...readManifest(directory), optionalDependencies: optionalDependencies(directory) }
}

export function restored(directory) {
  const { optionalDependencies: _, ...manifest } = readManifest(directory)
  return manifest
}

export function writeManifest(directory, manifest) {
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
