// An update costs what changed: deltas made with the commands, taken by the package.
import { writeFile } from 'node:fs/promises'

import test from 'ava'

import { checkUpdate } from '../index.js'
import { fixture, FORMAT } from './support/fixture.mjs'
import { artifactOf, publisher } from './support/publisher.mjs'
import { status } from './support/server.mjs'

const OLD = artifactOf('1.0.0')
const NEW = artifactOf('2.0.0')

/** Version 1.0.0 is installed, and 2.0.0 announced with a delta from it. */
async function published(t) {
  const app = await fixture(t)
  const { pubkey, release } = await publisher(t, app, FORMAT)
  await release('1.0.0')
  const entry = await release('2.0.0', '1.0.0')
  await writeFile(app.app, OLD, { mode: 0o755 })
  const delta = new URL(entry.deltas[0].url).pathname
  return { ...app, delta, entry, update: await checkUpdate('1.0.0', { ...app.options, pubkey }) }
}

test('an update with a delta costs what changed', async (t) => {
  const { entry, installed, leftovers, server, update } = await published(t)
  const phases = new Set()
  const staged = await update.stage({ onProgress: ({ phase }) => phases.add(phase) })
  t.deepEqual([...phases], ['download', 'patch', 'verify'])
  t.is(staged.downloadedBytes, entry.deltas[0].size)
  t.true(staged.downloadedBytes < staged.size / 50, `${staged.downloadedBytes} of ${staged.size}`)
  t.is(server.requestsOf('/2.0.0/app').length, 0)
  await staged.install()
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
})

test('a delta that is gone costs the application nothing but bytes', async (t) => {
  const { delta, installed, server, update } = await published(t)
  server.routes[delta] = status(404)
  await update.downloadAndInstall()
  t.deepEqual(await installed(), NEW)
  t.is(server.requestsOf('/2.0.0/app').length, 1)
  t.is(server.requestsOf(delta).length, 1)
})

test('chunks add up to the artifact, with a delta too', async (t) => {
  const { update } = await published(t)
  let sum = 0
  await update.downloadAndInstall((length) => (sum += length))
  t.is(sum, NEW.length)
})

test('`download` fetches the artifact', async (t) => {
  const { delta, server, update } = await published(t)
  t.deepEqual(Buffer.from(await update.download()), NEW)
  t.is(server.requestsOf(delta).length, 0)
})
