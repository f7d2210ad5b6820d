import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { buildAddon } from '../addon.mjs'
import { ROOT, Skipped, run } from '../steps.mjs'
import { need } from './tools.mjs'

const PACKAGES = ['dpkg-deb', 'rpmbuild', 'pacman', 'zstd']
const AUTHORITIES = [
  'pkexec',
  'pkcheck',
  '/usr/lib/polkit-1/polkitd',
  'dbus-daemon',
  'sudo',
  'setpriv',
  'script',
]

/** Applications that are really installed from packages on this machine, updated, and removed again. */
export function testDistributions() {
  need(...PACKAGES, ...AUTHORITIES)
  if (process.getuid() !== 0) throw new Skipped('only root can install packages')
  run('cargo', 'test', '--locked', '--all-features', '--test', 'it', '--', '--ignored', 'packages::')
  const isBuilt = readdirSync(ROOT).some((name) => /^updater\.linux-.*\.node$/.test(name))
  if (!isBuilt) buildAddon(ROOT, (...args) => run('npm', ...args))
  run(process.execPath, '--test', join('__test__', 'distributions', 'deb.test.mjs'))
}
