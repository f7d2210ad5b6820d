import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { outputOf } from '../cross.mjs'
import { TARGETS } from '../cross/targets.mjs'
import { CLI, readManifest } from '../packages/platforms.mjs'
import { ROOT, runWith, say } from '../steps.mjs'
import { CACHED } from './cache.mjs'
import { HOSTS } from './foreign.mjs'
import { need } from './tools.mjs'
import { runWindowsNode } from './wine.mjs'

const AVA = join('node_modules', 'ava', 'entrypoints', 'cli.mjs')
const { files: SHIPPED } = readManifest(ROOT)
const COMMAND_LINE = ['package.json', 'addon.js', 'updater-cli.js'].map((name) => join(CLI, name))

/** Runs the package's own tests with another platform's Node.js and addon. */
export function runSpecs(target) {
  const host = HOSTS[target]
  need(...host.needs)
  const directory = copyPackage(target)
  // One test of a spec after the other: an emulated processor is slow, and some tests are about patience.
  const ava = [AVA, '--serial', '--timeout', '5m', ...specs(host)]
  if (host.node === CACHED.windowsNode) runWindowsNode(directory, ...ava)
  else runWith({ cwd: directory, env: emulated(host, target, directory) }, process.execPath, ...ava)
}

/** Makes this Node.js start another one for each spec. */
function emulated(host, target, directory) {
  // The tests start more processes of the same Node.js, and only this can be started without knowing of the emulator.
  const node = wrapper(host)
  const preload = join(directory, 'preload.cjs')
  writeFileSync(preload, `process.execPath = ${JSON.stringify(node)}\n`)
  return {
    ...process.env,
    NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
    // The loader would look at this system's libc instead of the one that Node.js runs with.
    NAPI_RS_NATIVE_LIBRARY_PATH: join(directory, Object.values(TARGETS[target].crates.napi)[0]),
  }
}

/** Links would lead back to the addon of this platform. */
function copyPackage(target) {
  const directory = join(outputOf(target), 'package')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const name of ['package.json', '__test__', ...SHIPPED, ...COMMAND_LINE])
    cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  for (const [crate, products] of Object.entries(TARGETS[target].crates)) {
    // On Windows the addon needs the relauncher beside it.
    const to = join(directory, crate === CLI ? CLI : '.')
    for (const name of Object.values(products)) cpSync(join(outputOf(target), name), join(to, name))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  return directory
}

/** A program that runs Node.js in its emulator. It lies beside what the system sees as running, as tests expect. */
function wrapper({ emulator, node, executable = node }) {
  const path = join(dirname(executable), 'emulated-node')
  const command = [...emulator, node].map((word) => `'${word}'`).join(' ')
  writeFileSync(path, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 })
  return path
}

function specs({ leftOut }) {
  const all = readdirSync(join(ROOT, '__test__')).filter((name) => name.endsWith('.spec.mjs'))
  const reason = (name) => Object.keys(leftOut).find((start) => name.startsWith(start))
  for (const name of all.filter(reason)) say(`left out: ${name}: ${leftOut[reason(name)]}`)
  return all.filter((name) => !reason(name)).map((name) => join('__test__', name))
}
