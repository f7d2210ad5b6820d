// The packages that are published. Needs nothing from node_modules, because it is part of publishing.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const RELAUNCHER = 'relauncher.exe'
/** Where the command line's package is, in the repository. */
export const CLI = join('cli', 'node')

/** The directories of the packages that people install, the addon's last; each has its platform packages under `npm/`. */
export const mainPackages = (root) => [join(root, CLI), root]

export function readManifest(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
}

/** The platform packages of a main package: each one's directory under `npm/`, and its manifest. */
export function platforms(directory) {
  const npm = join(directory, 'npm')
  return readdirSync(npm).map((id) => ({ id, manifest: readManifest(join(npm, id)) }))
}

/** What the users' package manager picks the one package from that fits. */
export function optionalDependencies(directory) {
  return Object.fromEntries(platforms(directory).map(({ manifest }) => [manifest.name, manifest.version]))
}
