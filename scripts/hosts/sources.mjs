// How things are asked for over a network.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { run } from '../steps.mjs'

/** For apt-get, which gives up at the first failure otherwise. */
export const PATIENT = ['-o', 'Acquire::Retries=3']

/** What pip is to install: versions, with hashes of the files, because some of it links what is published. */
export function requirements(name) {
  const path = join(import.meta.dirname, 'requirements', `${name}.txt`)
  return { path, text: readFileSync(path, 'utf8') }
}

export function pip({ path }, command, ...args) {
  const careful = ['--require-hashes', '--only-binary', ':all:', '--no-deps', '--requirement', path]
  run('python3', '-m', 'pip', '--disable-pip-version-check', '--quiet', command, ...careful, ...args)
}
