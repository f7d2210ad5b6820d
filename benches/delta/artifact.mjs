// Artifacts: packages laid out as an application is, in one file. The same recipe makes the same bytes.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { CACHE, unpacked } from './package.mjs'

/**
 * The file of an artifact, made where there is none yet. `content` maps paths to packages or what is in them
 * (`name@version#path`), or to null for what is left out of an earlier one; `packing` is one of packing.mjs.
 */
export function artifact(content, packing) {
  const recipe = JSON.stringify([Object.entries(content), packing.recipe()])
  const name = createHash('sha256').update(recipe).digest('hex').slice(0, 16)
  const file = join(CACHE, 'artifacts', name)
  if (!existsSync(file)) make(file, content, packing)
  return file
}

function make(file, content, packing) {
  mkdirSync(dirname(file), { recursive: true })
  const tree = mkdtempSync(join(CACHE, 'tree-'))
  try {
    for (const [path, source] of Object.entries(content)) lay(join(tree, path), source)
    packing.make(tree, `${file}.part`)
    renameSync(`${file}.part`, file)
  } finally {
    rmSync(tree, { recursive: true })
    rmSync(`${file}.part`, { force: true })
  }
}

function lay(path, source) {
  if (source === null) return rmSync(path)
  const [spec, part = '.'] = source.split('#')
  mkdirSync(dirname(path), { recursive: true })
  execFileSync('cp', ['-a', join(unpacked(spec), part), path])
}
