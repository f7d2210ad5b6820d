// The package as it lies in an application that has installed it.
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { platforms, readManifest } from '../../scripts/packages/platforms.mjs'
import { ROOT } from '../../scripts/steps.mjs'
import { addon } from './addon.mjs'

const MODULES = join(import.meta.dirname, '..', '.cache', 'update', 'installed', 'node_modules')

const main = readManifest(ROOT)

/** Where `require` finds it. */
export const INSTALLED = join(MODULES, main.name)

export function install() {
  rmSync(MODULES, { recursive: true, force: true })
  copy(INSTALLED, ROOT, ['package.json', ...main.files])
  const { id, manifest } = platforms(ROOT).find((each) => addon().endsWith(each.manifest.main))
  const directory = join(MODULES, manifest.name)
  copy(directory, ROOT, [manifest.main])
  copy(directory, join(ROOT, 'npm', id), ['package.json'])
}

function copy(directory, from, names) {
  mkdirSync(directory, { recursive: true })
  for (const name of names) cpSync(join(from, name), join(directory, name), { recursive: true })
}
