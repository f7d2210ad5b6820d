// The addon that is measured.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { buildAddon, isInstalled } from '../../scripts/addon.mjs'
import { CLI } from '../../scripts/packages/platforms.mjs'
import { ROOT } from '../../scripts/steps.mjs'

const PLATFORMS = ['linux-x64-gnu', 'linux-arm64-gnu', 'linux-arm-gnueabihf']

const built = (directory, name) =>
  PLATFORMS.map((platform) => join(ROOT, directory, `${name}.${platform}.node`)).find(existsSync)

export const addon = () => built('.', 'updater')

export function needAddon() {
  const npm = (...args) => execFileSync('npm', args, { cwd: ROOT, stdio: 'inherit' })
  if (!isInstalled(ROOT)) npm('ci')
  // The command line makes what is measured.
  if (!addon() || !built(CLI, 'updater-cli')) buildAddon(ROOT, npm)
}
