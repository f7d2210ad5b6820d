// `npm run build:platform -- <target>`: what the platform packages for a target of package.json ship, as it is published, in
// `target/platforms/<platform>`. Linux targets are linked by zig, which is told the oldest C library to run with.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { parseTriple } from '@napi-rs/cli'

import { CACHED } from './hosts/cache.mjs'
import { need } from './hosts/tools.mjs'
import { describeBinary } from './packages/binary.mjs'
import { GLIBC_MINOR, notPortable, wrongPlatform } from './packages/check.mjs'
import { CLI, RELAUNCHER, platforms } from './packages/platforms.mjs'
import { ROOT, run, runWith } from './steps.mjs'

const STATIC = '-Ctarget-feature=+crt-static'
const DYNAMIC = '-Ctarget-feature=-crt-static'

const LIBRARY = {
  linux: (name) => `lib${name}.so`,
  darwin: (name) => `lib${name}.dylib`,
  win32: (name) => `${name}.dll`,
}

/** Not where this machine keeps sources: each panic would name the place, in 16 kB of the addon. */
function withoutPaths() {
  run('cargo', 'fetch', '--locked')
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src')
  return readdirSync(sources).map((registry) => `--remap-path-prefix=${join(sources, registry)}=`)
}

/** How Cargo is called; `target` is what it is asked for. */
function recipe({ triple, platform, abi }) {
  const zig = { program: [CACHED.zigbuild, 'zigbuild'], needs: [CACHED.zig, CACHED.zigbuild] }
  const zigEnv = { CARGO_ZIGBUILD_ZIG_PATH: CACHED.zig }
  // With a C library of its own in it, the addon could not be loaded by Node.js.
  if (abi === 'musl') return { ...zig, target: triple, env: zigEnv, flags: [DYNAMIC] }
  if (platform === 'linux') return { ...zig, target: `${triple}.2.${GLIBC_MINOR}`, env: zigEnv }
  const cargo = { program: ['cargo', 'build'], needs: [], target: triple }
  // Windows does not come with the C runtime.
  if (platform === 'win32') return { ...cargo, flags: [STATIC] }
  return { ...cargo, env: { MACOSX_DEPLOYMENT_TARGET: '11.0' } }
}

function compile(target, crate, built, to) {
  const { program, needs, target: asked, env, flags = [] } = recipe(target)
  need(...needs)
  const args = ['--release', '--locked', '--target', asked, '--manifest-path', join(crate, 'Cargo.toml')]
  // A path may have a space in it.
  const CARGO_ENCODED_RUSTFLAGS = [...flags, ...WITHOUT_PATHS].join('\x1f')
  runWith({ env: { ...process.env, ...env, CARGO_ENCODED_RUSTFLAGS } }, ...program, ...args)
  rmSync(to, { force: true })
  copyFileSync(join(ROOT, 'target', target.triple, 'release', built), to)
}

function check(manifest, file, path) {
  const bytes = readFileSync(path)
  const problems = [...wrongPlatform(manifest, file, bytes), ...notPortable(manifest, file, bytes)]
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const { glibcMinor } = describeBinary(bytes)
  console.log(
    `${path}: ${Math.ceil(bytes.length / 1024)} KiB${glibcMinor ? `, from glibc 2.${glibcMinor} on` : ''}`,
  )
}

const target = parseTriple(process.argv[2])
const WITHOUT_PATHS = withoutPaths()
const library = LIBRARY[target.platform]
const output = join(ROOT, 'target', 'platforms', target.platformArchABI)
mkdirSync(output, { recursive: true })

function build(directory, crate, product) {
  const { manifest } = platforms(directory).find(({ id }) => id === target.platformArchABI)
  const [built, file] = product(manifest)
  compile(target, crate, built, join(output, file))
  check(manifest, file, join(output, file))
}

build(ROOT, 'napi', ({ main }) => [library('updater'), main])
if (target.platform === 'win32') build(ROOT, 'relauncher', () => [RELAUNCHER, RELAUNCHER])
build(join(ROOT, CLI), CLI, ({ main }) => [library('updater_cli'), main])
