// What is in a tarball made by `npm pack`: plain entries with short names, which is all that npm makes.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const BLOCK = 512

/** The content of every file by its path in the package. */
export function readTarball(path) {
  const bytes = gunzipSync(readFileSync(path))
  const files = new Map()
  let offset = 0
  while (offset + BLOCK <= bytes.length && bytes[offset] !== 0) {
    const name = field(bytes, offset, 100)
    const size = Number.parseInt(field(bytes, offset + 124, 12), 8)
    const [begin, end] = [offset + BLOCK, offset + BLOCK + size]
    if (!name.startsWith('package/') || end > bytes.length)
      throw new Error(`${path}: unexpected entry ${name}`)
    files.set(name.slice('package/'.length), bytes.subarray(begin, end))
    offset = begin + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}

function field(bytes, begin, length) {
  return bytes.toString('utf8', begin, begin + length).split('\0', 1)[0]
}
