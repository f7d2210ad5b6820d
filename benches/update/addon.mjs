// The addon that is measured.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { buildAddon, isInstalled } from '../../scripts/addon.mjs'
import { ROOT } from '../../scripts/steps.mjs'

const PLATFORMS = ['linux-x64-gnu', 'linux-arm64-gnu', 'linux-arm-gnueabihf']

export const addon = () =>
  PLATFORMS.map((platform) => join(ROOT, `updater.${platform}.node`)).find(existsSync)

export function needAddon() {
  const npm = (...args) => execFileSync('npm', args, { cwd: ROOT, stdio: 'inherit' })
  if (!isInstalled(ROOT)) npm('ci')
  if (!addon()) buildAddon(ROOT, npm)
}
