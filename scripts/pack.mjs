// `npm run pack:all [-- --binaries DIRECTORY] [--out DIRECTORY]`: packs what `packAll` says, and prints the sizes.
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { packAll } from './packages/pack.mjs'

const root = dirname(import.meta.dirname)
const { binaries, out } = parseArgs({
  options: {
    binaries: { type: 'string', default: root },
    out: { type: 'string', default: join(root, 'target', 'packages') },
  },
}).values
const kib = (bytes) => `${Math.ceil(bytes / 1024)} KiB`.padStart(9)

for (const packed of packAll({ root, binaries: resolve(binaries), out: resolve(out) })) {
  console.log(`${kib(packed.size)} packed ${kib(packed.unpackedSize)} unpacked  ${packed.file}`)
}
