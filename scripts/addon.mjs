// Builds the addon without touching generated files. Must not need anything from node_modules.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function isInstalled(root) {
  const changed = (name) => statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs
  return changed('node_modules/.package-lock.json') >= changed('package-lock.json')
}

/** `npm` runs it with these arguments in `root`; `inspect` sees the directory with all that was built. */
export function buildAddon(root, npm, inspect = () => {}) {
  const output = mkdtempSync(join(tmpdir(), 'updater-build-'))
  try {
    npm('run', '--silent', 'build', '--', '--output-dir', output, '--', '--locked')
    for (const addon of readdirSync(output).filter((name) => name.endsWith('.node'))) {
      // Not into the old file: a program that has it loaded would go on with the new one's bytes.
      rmSync(join(root, addon), { force: true })
      copyFileSync(join(output, addon), join(root, addon))
    }
    inspect(output)
  } finally {
    rmSync(output, { recursive: true })
  }
}
