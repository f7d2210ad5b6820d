// What others would download for the same change.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { find } from '../../scripts/hosts/tools.mjs'
import { CACHE, unpacked } from './package.mjs'

export const BLOCKMAP = 'app-builder-bin@4.2.0'
const ARCHITECTURE = { x64: 'x64', arm64: 'arm64', arm: 'arm' }[process.arch]

/** electron-updater: the blockmap of each file, and the chunks that are not in the old one. */
export function blockmapBytes(old, fresh) {
  return inDirectory((directory) => {
    const before = blockmap(old, join(directory, 'old'))
    const after = blockmap(fresh, join(directory, 'new'))
    const known = new Set(before.chunks.map(({ checksum }) => checksum))
    const missing = after.chunks.filter(({ checksum }) => !known.has(checksum))
    return missing.reduce((sum, { size }) => sum + size, before.bytes + after.bytes)
  })
}

function blockmap(input, output) {
  const program = join(unpacked(BLOCKMAP), 'linux', ARCHITECTURE, 'app-builder')
  chmodSync(program, 0o755)
  execFileSync(program, ['blockmap', '--input', input, '--output', output])
  const [{ checksums, sizes }] = JSON.parse(gunzipSync(readFileSync(output))).files
  const chunks = checksums.map((checksum, at) => ({ checksum, size: sizes[at] }))
  return { chunks, bytes: statSync(output).size }
}

/** `zstd --patch-from`, over the artifacts as they are; undefined without it. */
export function patchFromBytes(old, fresh) {
  if (!find('zstd')) return undefined
  return inDirectory((directory) => {
    // A copy, because it takes no file as both.
    const [base, out] = [join(directory, 'old'), join(directory, 'patch')]
    copyFileSync(old, base)
    // It gives advice on the error stream, which is shown only where it fails.
    const args = ['-q', '-19', '--long=27', `--patch-from=${base}`, fresh, '-o', out]
    execFileSync('zstd', args, { stdio: 'pipe' })
    return statSync(out).size
  })
}

function inDirectory(task) {
  const directory = mkdtempSync(join(CACHE, 'peer-'))
  try {
    return task(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
