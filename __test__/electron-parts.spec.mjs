// The parts of examples/electron that need no main process: preload script, error texts, README and packaging.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import vm from 'node:vm'
import test from 'ava'

import { EXAMPLE } from './electron/application.mjs'
import { readBlocks } from './readme/blocks.mjs'
import { run } from './readme/programs.mjs'
import { ROOT } from './readme/project.mjs'
import { tempDir } from './support/fixture.mjs'

const ACTIONS = ['check', 'download', 'cancel', 'restart', 'installOnQuit']

test('the preload script exposes these functions and nothing else', async (t) => {
  const asked = []
  const listeners = new Set()
  const exposed = runPreload({
    invoke: async (...args) => asked.push(args),
    on: (channel, listener) => listeners.add(listener) && t.is(channel, 'updates:changed'),
    off: (channel, listener) => listeners.delete(listener) && t.is(channel, 'updates:changed'),
  })
  t.deepEqual(Object.keys(exposed), ['updates'])
  t.deepEqual(Object.keys(exposed.updates), ['state', ...ACTIONS, 'onChange'])
  for (const name of ['state', ...ACTIONS]) await exposed.updates[name]('an argument', { more: true })
  t.deepEqual(
    asked,
    ['state', ...ACTIONS].map((action) => [`updates:${action}`]),
  )

  const heard = []
  const end = exposed.updates.onChange((...args) => heard.push(args))
  for (const listener of listeners) listener({ sender: 'the whole of Electron' }, { step: 'idle' })
  t.deepEqual(heard, [[{ step: 'idle' }]])
  t.is(end(), undefined)
  t.is(listeners.size, 0)
})

test('every error that there is has its words', async (t) => {
  const { explain } = await import('../examples/electron/explain.mjs')
  const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')
  const codes = new Set(types.match(/ERR_UPDATER_\w+/g))
  t.true(codes.size > 30)
  const unexpected = explain(new Error('x'))
  t.deepEqual(unexpected, { code: 'ERR_UNKNOWN', message: 'x', text: 'Something unexpected went wrong.' })
  for (const code of codes) {
    const error = Object.assign(new Error('x'), { code })
    t.is(explain(error).code, code)
    t.not(explain(error).text, unexpected.text, code)
  }
  for (const thrown of [undefined, null, 'text', { code: 'constructor', message: 'x' }]) {
    t.is(explain(thrown).text, unexpected.text)
  }
})

test('the commands of its README sign and announce what electron-builder makes', async (t) => {
  const dir = await tempDir(t)
  const updater = join(ROOT, 'cli/node/updater-cli.js')
  const env = { ...process.env, CARGO_PACKAGER_SIGN_PRIVATE_KEY: join(dir, 'key') }
  const command = async (line) => {
    const { code, stderr } = await run('/bin/sh', ['-c', line], { cwd: dir, env })
    t.is(code, 0, `${line}: ${stderr}`)
  }
  await command(`'${process.execPath}' '${updater}' signer generate --path key --ci`)
  mkdirSync(join(dir, 'out'))
  const [{ code }] = readBlocks(join(EXAMPLE, 'README.md'))
  const lines = code.trim().split('\n')
  for (const [name] of code.matchAll(/(?<=sign )\S+/g)) writeFileSync(join(dir, name), name)
  for (const line of lines) {
    await command(line.replace('npx @crabnebula/updater', `'${process.execPath}' '${updater}'`))
  }
  const manifest = JSON.parse(readFileSync(join(dir, 'out/latest.json'), 'utf8'))
  const formats = Object.entries(manifest.platforms).map(([target, { format }]) => [target, format])
  t.deepEqual(Object.fromEntries(formats), {
    'linux-x86_64': 'appimage',
    'windows-x86_64': 'nsis',
    'macos-aarch64': 'app',
  })
})

test('the addon and its companions are left outside the archive', (t) => {
  const { build, dependencies } = createRequire(import.meta.url)(join(EXAMPLE, 'package.json'))
  t.deepEqual(build.asarUnpack, ['**/node_modules/@crabnebula/updater-*/**'])
  t.true('@crabnebula/updater' in dependencies)
})

/** In the sandbox there is `electron`, and nothing of Node.js. */
function runPreload(ipcRenderer) {
  const exposed = {}
  const contextBridge = { exposeInMainWorld: (name, api) => (exposed[name] = api) }
  const require = (name) => ({ electron: { contextBridge, ipcRenderer } })[name]
  vm.runInNewContext(readFileSync(join(EXAMPLE, 'preload.cjs'), 'utf8'), { require })
  return exposed
}
