// From a fresh clone to a built addon, with nothing but Rust and Node.js. Must not need anything from node_modules.

import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { say, step } from './narration.mjs'
import { run } from './processes.mjs'

export function setUp(root) {
  step('Setting up')
  if (!isInstalled(root)) {
    say('npm ci: the tools that build the package')
    run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root })
  }
  say(
    'npm run build: the addon. The first time takes minutes; afterwards Cargo builds only what has changed.',
  )
  build(root)
}

function isInstalled(root) {
  const changed = (name) => statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs
  return changed('node_modules/.package-lock.json') >= changed('package-lock.json')
}

/** Only the addon: generated files that are committed stay as they are, for `npm test` to check. */
function build(root) {
  const output = mkdtempSync(join(tmpdir(), 'updater-build-'))
  try {
    run('npm', ['run', '--silent', 'build', '--', '--output-dir', output], { cwd: root, show: true })
    const addon = readdirSync(output).find((name) => name.endsWith('.node'))
    // Not into the old file: a program that has it loaded would go on with the new one's bytes.
    rmSync(join(root, addon), { force: true })
    copyFileSync(join(output, addon), join(root, addon))
  } finally {
    rmSync(output, { recursive: true })
  }
}
