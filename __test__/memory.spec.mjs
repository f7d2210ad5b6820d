import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import test from 'ava'

import { appImage } from './support/artifact.mjs'
import { runChild } from './support/child.mjs'
import { fixture, tempDir } from './support/fixture.mjs'
import { signDigest } from './support/signer.mjs'

const ARTIFACT_BYTES = 200 * 2 ** 20
const GROWTH_MAX_BYTES = 24 * 2 ** 20

/** Writes a large artifact piece by piece, so that the test needs no memory either. */
async function largeArtifact(path) {
  const piece = appImage('large', 4 * 2 ** 20)
  await pipeline(function* () {
    for (let written = 0; written < ARTIFACT_BYTES; written += piece.length) yield piece
  }, createWriteStream(path))
  const hash = createHash('blake2b512')
  await pipeline(createReadStream(path), hash)
  return hash.digest()
}

const serveFile = (path) => async (_, response) => {
  const { size } = await stat(path)
  response.writeHead(200, { 'content-length': size, etag: '"1"' })
  await pipeline(createReadStream(path), response).catch(() => {})
}

const MEASURE = `
  import { readFileSync, writeFileSync } from 'node:fs'
  const memory = (name) => 1024 * Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1])
  await (await updater.checkUpdate('1.0.0', input.small)).stage({ onProgress() {} })
  const update = await updater.checkUpdate('1.0.0', input.large)
  globalThis.gc()
  writeFileSync('/proc/self/clear_refs', '5')
  const before = memory('VmRSS')
  await update[input.method]({ onProgress() {} })
  console.log(JSON.stringify({ growth: memory('VmHWM') - before }))
`

for (const method of ['stage', 'downloadAndInstall']) {
  test.serial(`${method} of 200 MiB takes no memory that grows with the artifact`, async (t) => {
    const path = join(await tempDir(t), 'artifact')
    const [small, large] = [await fixture(t), await fixture(t)]
    const digest = await largeArtifact(path)
    large.publish(undefined, { signature: signDigest(large.key, digest), route: serveFile(path) })
    const input = { small: small.options, large: large.options, method }
    const { stdout, stderr } = await runChild(t, MEASURE, { input, args: ['--expose-gc'] })
    const { growth } = JSON.parse(stdout || '{}')
    t.log(`peak memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB`)
    t.true(growth <= GROWTH_MAX_BYTES, `${growth} ${stderr}`)
  })
}
