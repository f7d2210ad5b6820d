// An update costs what changed: deltas made with the commands, taken by the package.
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflateSync } from 'node:zlib'

import test from 'ava'

import { checkUpdate } from '../index.js'
import { appImage } from './support/artifact.mjs'
import { fixture, FORMAT, PLATFORM, tempDir } from './support/fixture.mjs'
import { file, json, status } from './support/server.mjs'

const run = promisify(execFile)
const CLI = join(import.meta.dirname, '../bin/updater.js')
const VERSIONS = ['1.0.0', '2.0.0']

const text = (version) =>
  Array.from({ length: 20_000 }, (_, line) => `line ${line * line}`).join('\n') + `version ${version}`
/** An image whose content is compressed. What compresses it in Node.js is not what the engine has. */
const image = (version) => Buffer.concat([appImage('head', 4096), Buffer.from(text(version))])

/** Two releases, signed, with a delta from one to the other; the manifest is the one that `manifest create` made. */
async function published(t, app) {
  const dir = await tempDir(t)
  const { stdout } = await run(process.execPath, [CLI, 'signer', 'generate', '--ci', '--json'])
  const { privateKey, publicKey } = JSON.parse(stdout)
  const env = { ...process.env, CARGO_PACKAGER_SIGN_PRIVATE_KEY: privateKey }
  const cli = (...args) => run(process.execPath, [CLI, ...args], { cwd: dir, env })
  for (const version of VERSIONS) {
    await mkdir(join(dir, version))
    await writeFile(join(dir, version, 'app'), image(version))
    const about = ['--version', version, '--target', PLATFORM, '--format', FORMAT]
    await cli('signer', 'sign', `${version}/app`, ...about)
  }
  const { server } = app
  await cli(
    'manifest',
    'create',
    '2.0.0',
    '--version',
    '2.0.0',
    '--base-url',
    server.url,
    '--previous',
    '1.0.0',
  )
  for (const name of ['app', 'app.from-1.0.0.delta'])
    server.routes[`/${name}`] = file(await readFile(join(dir, '2.0.0', name)))
  const manifest = JSON.parse(await readFile(join(dir, '2.0.0/latest.json')))
  server.routes['/latest.json'] = json(manifest)
  await writeFile(app.app, image('1.0.0'), { mode: 0o755 })
  return { options: { ...app.options, pubkey: publicKey }, entry: manifest.platforms[PLATFORM] }
}

test('an update with a delta costs what changed', async (t) => {
  const app = await fixture(t)
  const { options, entry } = await published(t, app)
  const phases = new Set()
  const staged = await (
    await checkUpdate('1.0.0', options)
  ).stage({ onProgress: ({ phase }) => phases.add(phase) })
  t.deepEqual([...phases], ['download', 'patch', 'verify'])
  t.is(staged.downloadedBytes, entry.deltas[0].size)
  t.true(staged.downloadedBytes < staged.size / 50, `${staged.downloadedBytes} of ${staged.size}`)
  t.is(app.server.requestsOf('/app').length, 0)
  await staged.install()
  t.deepEqual(await app.installed(), image('2.0.0'))
  t.deepEqual(await app.leftovers(), [])
})

test('a delta that is gone costs the application nothing but the bytes', async (t) => {
  const app = await fixture(t)
  const { options, entry } = await published(t, app)
  app.server.routes['/app.from-1.0.0.delta'] = status(404)
  await (await checkUpdate('1.0.0', options)).downloadAndInstall()
  t.deepEqual(await app.installed(), image('2.0.0'))
  t.is(app.server.requestsOf('/app').length, 1)
  t.is(new URL(entry.deltas[0].url).pathname, '/app.from-1.0.0.delta')
})

test('chunks add up to the artifact, with a delta too', async (t) => {
  const app = await fixture(t)
  const { options } = await published(t, app)
  let sum = 0
  await (await checkUpdate('1.0.0', options)).downloadAndInstall((length) => (sum += length))
  t.is(sum, image('2.0.0').length)
})

test('`download` fetches the artifact', async (t) => {
  const app = await fixture(t)
  const { options } = await published(t, app)
  const bytes = await (await checkUpdate('1.0.0', options)).download()
  t.deepEqual(Buffer.from(bytes), image('2.0.0'))
  t.is(app.server.requestsOf('/app.from-1.0.0.delta').length, 0)
})
