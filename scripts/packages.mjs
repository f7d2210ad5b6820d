// `npm run packages`: writes npm/, a directory for each platform package, from package.json.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { generate } from './packages/generate.mjs'

const root = dirname(import.meta.dirname)
const npm = join(root, 'npm')

rmSync(npm, { recursive: true, force: true })
for (const [path, text] of generate(root)) {
  mkdirSync(dirname(join(npm, path)), { recursive: true })
  writeFileSync(join(npm, path), text)
}
