// `npm run cross -- <target>`: builds what is shipped for another platform, or checks its code where nothing can be
// linked. Installs nothing, but tells what is missing.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { TARGETS } from './cross/targets.mjs'
import { need } from './hosts/tools.mjs'
import { ROOT, run, runWith, say } from './steps.mjs'

// Debian's toolchain, because the source of its standard library is a package too.
const CARGO = '/usr/bin/cargo'
const RUSTC = '/usr/bin/rustc'
const STANDARD_LIBRARY = '/usr/lib/rustlib/src/rust/library'
// Not where another toolchain builds: each would build everything again after the other.
const BUILT = join(ROOT, 'target', 'cross')
const PROFILE = 'hosts'
const NATIVE = 'x86_64-unknown-linux-gnu'

/** The directory with what was built for a target. */
export const outputOf = (target) => join(ROOT, 'target', 'hosts', target)

/** Builds what is shipped for a target into its directory, or checks all of it. */
export function cross(target) {
  if (target === NATIVE) {
    for (const script of ['build:addon', 'build:cli'])
      run('npm', 'run', '--silent', script, '--', '--output-dir', outputOf(target), '--', '--locked')
    return
  }
  if (!Object.hasOwn(TARGETS, target)) {
    throw new Error(`unknown target ${target}; known: ${[NATIVE, ...Object.keys(TARGETS)].join(', ')}`)
  }
  const { needs, crates, ...how } = TARGETS[target]
  need(CARGO, RUSTC, STANDARD_LIBRARY, ...needs)
  for (const [crate, products] of Object.entries(crates)) {
    runCargo(target, crate, how)
    for (const [built, name] of Object.entries(products)) collect(target, built, name)
  }
}

function runCargo(target, crate, { act, env, flags: more = [], program: [program, ...args] = [CARGO, act] }) {
  const toolchain = { RUSTC_BOOTSTRAP: '1', RUSTC, CARGO, CARGO_TARGET_DIR: BUILT }
  const options = { env: { ...process.env, ...toolchain, ...env, ...importLibrary(target) } }
  const flags = [
    '--locked',
    '--profile',
    PROFILE,
    '-Zbuild-std=std,panic_unwind',
    '--target',
    target,
    ...more,
  ]
  runWith(options, program, ...args, ...flags, '--manifest-path', join(crate, 'Cargo.toml'))
}

/** The linker for windows-gnu wants a library to find Node.js in, though an addon looks its symbols up when it is loaded. */
function importLibrary(target) {
  if (!target.endsWith('-windows-gnu')) return {}
  const directory = join(BUILT, 'libnode')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'libnode.dll'), '')
  writeFileSync(join(directory, 'node.def'), 'EXPORTS\n')
  runWith({ cwd: directory }, 'x86_64-w64-mingw32-dlltool', '-d', 'node.def', '-l', 'libnode.dll.a')
  return { LIBNODE_PATH: directory }
}

function collect(target, built, name) {
  const to = join(outputOf(target), name)
  mkdirSync(outputOf(target), { recursive: true })
  // Not into the old file: a program that has it loaded would go on with the new one's bytes.
  rmSync(to, { force: true })
  copyFileSync(join(BUILT, target, PROFILE, built), to)
  say(to)
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  try {
    cross(process.argv[2])
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
