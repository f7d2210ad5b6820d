// `npm run test:hosts [-- words of a title]`: what needs another platform's toolchain, qemu, wine, a browser or root.
// `npm run hosts:setup` installs what it needs.
import { join } from 'node:path'

import { cross } from './cross.mjs'
import { CACHED } from './hosts/cache.mjs'
import { testDistributions } from './hosts/distributions.mjs'
import { runSpecs } from './hosts/specs.mjs'
import { need } from './hosts/tools.mjs'
import { testInstallers } from './hosts/windows.mjs'
import { lintWorkflows } from './hosts/workflows.mjs'
import { choose, run, runSteps } from './steps.mjs'

function testManagers() {
  need(CACHED.managers)
  run('npm', 'run', '--silent', 'test:packages')
}

/** Licences, sources and doubles of what becomes part of the addon; the rules are in `deny.toml`. */
function checkDependencies() {
  need(CACHED.cargoDeny)
  run(CACHED.cargoDeny, '--all-features', '--locked', 'check', 'licenses', 'bans', 'sources')
}

/** What is published is linked by another linker than `npm run build` uses, for older systems. */
function testPublished() {
  need(CACHED.zig, CACHED.zigbuild)
  run('npm', 'run', '--silent', 'build:platform', '--', 'x86_64-unknown-linux-gnu')
  run('npm', 'run', '--silent', 'test:platform', '--', join('target', 'platforms', 'linux-x64-gnu'))
}

const STEPS = [
  ['linux x64: built and run as published', testPublished],
  ['linux arm64: built', () => cross('aarch64-unknown-linux-gnu')],
  ['linux arm64: run', () => runSpecs('aarch64-unknown-linux-gnu')],
  ['linux armv7: built', () => cross('armv7-unknown-linux-gnueabihf')],
  ['linux armv7: run', () => runSpecs('armv7-unknown-linux-gnueabihf')],
  ['linux x64 musl: built', () => cross('x86_64-unknown-linux-musl')],
  ['linux x64 musl: run', () => runSpecs('x86_64-unknown-linux-musl')],
  ['win32 x64: built', () => cross('x86_64-pc-windows-gnu')],
  ['win32 x64: run', () => runSpecs('x86_64-pc-windows-gnu')],
  ['win32 x64: installers', testInstallers],
  ['darwin arm64: type-checked', () => cross('aarch64-apple-darwin')],
  ['darwin x64: type-checked', () => cross('x86_64-apple-darwin')],
  ['win32 x64 msvc: type-checked', () => cross('x86_64-pc-windows-msvc')],
  ['win32 arm64 msvc: type-checked', () => cross('aarch64-pc-windows-msvc')],
  ['win32 ia32 msvc: type-checked', () => cross('i686-pc-windows-msvc')],
  ['linux packages: deb, rpm, pacman', testDistributions],
  ['workflows', lintWorkflows],
  ['dependencies: licences, bans, sources', checkDependencies],
  ['packages: pnpm, Yarn, publishing', testManagers],
]

await runSteps(choose(STEPS, process.argv.slice(2)))
