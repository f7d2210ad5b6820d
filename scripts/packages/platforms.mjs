// The packages that are published. Needs nothing from node_modules, because it is part of publishing.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const RELAUNCHER = 'relauncher.exe'

export function readManifest(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
}

/** The platform packages: each one's directory under npm/, and its manifest. */
export function platforms(root) {
  const npm = join(root, 'npm')
  return readdirSync(npm).map((id) => ({ id, manifest: readManifest(join(npm, id)) }))
}

/** What the users' package manager picks the one package from that fits. */
export function optionalDependencies(root) {
  return Object.fromEntries(platforms(root).map(({ manifest }) => [manifest.name, manifest.version]))
}
