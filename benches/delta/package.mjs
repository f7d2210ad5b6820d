// The packages of the registry that the artifacts are made of, downloaded once.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from '../../scripts/steps.mjs'

export const CACHE = join(ROOT, 'benches', '.cache', 'delta')

/** The directory with what is in a package, `name@version`. */
export function unpacked(spec) {
  const directory = join(CACHE, 'packages', spec)
  if (!existsSync(directory)) unpack(spec, directory)
  return directory
}

function unpack(spec, directory) {
  // Beside it until it is complete: an interrupted download must not pass for one.
  const draft = `${directory}.part`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true })
  console.log(`downloading ${spec}`)
  const options = { cwd: draft, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
  const name = execFileSync('npm', ['pack', '--silent', spec], options).trim()
  execFileSync('tar', ['-xzpf', name, '--strip-components=1'], options)
  rmSync(join(draft, name))
  renameSync(draft, directory)
}
