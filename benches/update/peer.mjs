// The packages to measure beside, which are installed for that alone.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { isInstalled } from '../../scripts/addon.mjs'
import { ROOT } from '../../scripts/steps.mjs'

export const PEERS = join(ROOT, 'benches', 'peers')
export const LOCK = join(PEERS, 'package-lock.json')

const requireThere = createRequire(LOCK)

/** Loads a module of a peer, or a part of it. */
export const peer = (name) => requireThere(name)

export const resolved = (name) => requireThere.resolve(name)

/** The directory of a peer, and what there is in it. */
export const peerPath = (name, ...parts) => join(PEERS, 'node_modules', name, ...parts)

export const versionOf = (name) => JSON.parse(readFileSync(peerPath(name, 'package.json'), 'utf8')).version

/** A registry that cannot be reached is no reason to measure nothing: who was to be had from it, says so. */
export function installPeers() {
  if (isInstalled(PEERS)) return
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund']
  try {
    execFileSync('npm', args, { cwd: PEERS, stdio: 'inherit' })
  } catch (error) {
    console.log(`The peers are not installed: ${error.message}`)
  }
}

/** A package and all that it depends on, by the lock file. */
export function treeOf(name) {
  const { packages } = JSON.parse(readFileSync(LOCK, 'utf8'))
  const names = new Set([name])
  for (const each of names)
    for (const dependency of Object.keys(packages[`node_modules/${each}`]?.dependencies ?? {}))
      names.add(dependency)
  return [...names]
}
