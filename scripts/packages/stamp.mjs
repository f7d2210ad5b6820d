// Around `npm pack` and `npm publish` in the repository itself: package.json is as it is published meanwhile.
import { dirname } from 'node:path'

import { restored, stamped, writeManifest } from './manifest.mjs'

const root = dirname(dirname(import.meta.dirname))
writeManifest(root, process.argv.includes('--undo') ? restored(root) : stamped(root))
