// `npm run packages`: writes each `npm/`, a directory for each platform package, from package.json.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { generate } from './packages/generate.mjs'
import { mainPackages } from './packages/platforms.mjs'

const root = dirname(import.meta.dirname)

for (const directory of mainPackages(root)) {
  const npm = join(directory, 'npm')
  rmSync(npm, { recursive: true, force: true })
  for (const [path, text] of generate(root, directory)) {
    mkdirSync(dirname(join(npm, path)), { recursive: true })
    writeFileSync(join(npm, path), text)
  }
}
