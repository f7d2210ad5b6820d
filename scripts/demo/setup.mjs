// From a fresh clone to a built addon, with nothing but Rust and Node.js. Must not need anything from node_modules.

import { statSync } from 'node:fs'
import { join } from 'node:path'

import { say, step } from './narration.mjs'
import { run } from './processes.mjs'

export function setUp(root) {
  step('Setting up')
  if (!isInstalled(root)) {
    say('npm ci: the tools that build the package')
    run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root })
  }
  say('npm run build: the addon. The first time takes minutes; afterwards Cargo builds only what has changed.')
  run('npm', ['run', '--silent', 'build'], { cwd: root, show: true })
}

function isInstalled(root) {
  const changed = (name) => statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs
  return changed('node_modules/.package-lock.json') >= changed('package-lock.json')
}
