// Builds the addon and the command line without touching generated files. Must not need anything from node_modules.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { CLI } from './packages/platforms.mjs'

export function isInstalled(root) {
  const changed = (name) => statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs
  return changed('node_modules/.package-lock.json') >= changed('package-lock.json')
}

/** `npm` runs it with these arguments in `root`; `inspect` sees the directory with all that was built of the addon. */
export function buildAddon(root, npm, inspect = () => {}) {
  build(npm, 'build:addon', root, inspect)
  build(npm, 'build:cli', join(root, CLI))
}

function build(npm, script, to, inspect = () => {}) {
  const output = mkdtempSync(join(tmpdir(), 'updater-build-'))
  try {
    npm('run', '--silent', script, '--', '--output-dir', output, '--', '--locked')
    for (const addon of readdirSync(output).filter((name) => name.endsWith('.node'))) {
      // Not into the old file: a program that has it loaded would go on with the new one's bytes.
      rmSync(join(to, addon), { force: true })
      copyFileSync(join(output, addon), join(to, addon))
    }
    inspect(output)
  } finally {
    rmSync(output, { recursive: true })
  }
}
