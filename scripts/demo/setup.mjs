// From a fresh clone to a built addon, with nothing but Rust and Node.js. Must not need anything from node_modules.

import { buildAddon, isInstalled } from '../addon.mjs'
import { say, step } from './narration.mjs'
import { run } from './processes.mjs'

export function setUp(root) {
  step('Setting up')
  if (!isInstalled(root)) {
    say('npm ci: the tools that build the package')
    run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root })
  }
  say(
    'npm run build: the addon and the command line. The first time takes minutes; afterwards Cargo builds only what has changed.',
  )
  buildAddon(root, (...args) => run('npm', args, { cwd: root, show: true }))
}
