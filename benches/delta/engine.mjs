// The engine's command line, as it is released.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

import { ROOT, run } from '../../scripts/steps.mjs'

let known

/** What Cargo says of the workspace. */
export function metadata() {
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'inherit'] }
  known ??= JSON.parse(execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], options))
  return known
}

/** Builds the program, and gives its path. */
export function buildProgram() {
  run('cargo', 'build', '--release', '--locked', '--package', 'cargo-packager-updater-cli')
  return join(metadata().target_directory, 'release', 'cargo-packager-updater')
}
