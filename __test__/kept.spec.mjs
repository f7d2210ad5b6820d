// What is installed by unpacking or by an installer leaves nothing that a delta could be for: the last artifact is kept.
import { readFile } from 'node:fs/promises'

import test from 'ava'

import { checkUpdate } from '../index.js'
import { fixture, FORMAT } from './support/fixture.mjs'
import { artifactOf, publisher } from './support/publisher.mjs'

const format = process.platform === 'linux' ? 'deb' : FORMAT

async function stage(options) {
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  return { content: await readFile(staged.path), downloadedBytes: staged.downloadedBytes }
}

/** Stages 2.0.0, and then 3.0.0, which is announced with a delta. */
async function stageBoth(t, more) {
  const app = await fixture(t)
  const { pubkey, release } = await publisher(t, app, format)
  const options = { ...app.options, ...more, pubkey }
  await release('2.0.0')
  t.deepEqual((await stage(options)).content, artifactOf('2.0.0'))
  const entry = await release('3.0.0', '2.0.0')
  const { content, downloadedBytes } = await stage(options)
  t.deepEqual(content, artifactOf('3.0.0'))
  return { downloadedBytes, delta: entry.deltas[0].size, full: entry.size }
}

test('the last artifact is the base of the next one', async (t) => {
  const { delta, downloadedBytes } = await stageBoth(t, { keepArtifact: true })
  t.is(downloadedBytes, delta)
})

test('without a kept artifact the next one is downloaded', async (t) => {
  for (const more of [{ keepArtifact: false }, {}]) {
    const { downloadedBytes, full } = await stageBoth(t, more)
    t.is(downloadedBytes, full)
  }
})
