import test from 'ava'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { pendingUpdate } from '../index.js'
import { appImage } from './support/artifact.mjs'
import { ADDON, runChild } from './support/child.mjs'
import { fixture, tempDir } from './support/fixture.mjs'
import { Random, rounds, seed } from './support/rounds.mjs'

const ACTOR = fileURLToPath(new URL('./support/interference.mjs', import.meta.url))
/** The main thread of a process, and workers beside it. */
const ACTORS = 3
/** Of all actors together; a process that was ended early would hide what comes later. */
const RUNS_OF_PROCESS = 250
const SMALL = appImage('small', 20_000)

/** Writes down its arguments in one step. */
async function program(t) {
  const path = join(await tempDir(t), 'program')
  const report = `${path}.report`
  await writeFile(path, `#!/bin/sh\necho "$*" > '${path}.tmp' && mv '${path}.tmp' '${report}'\n`, {
    mode: 0o755,
  })
  return { path, report }
}

async function whenThere(path) {
  for (let tries = 0; tries < 300 && !existsSync(path); tries += 1) await sleep(50)
  return readFile(path, 'utf8')
}

// Elsewhere installing starts an installer.
const testHere = process.platform === 'linux' ? test.serial : test.skip

for (let done = 0; done < rounds(250, 3_000, 10_000); done += RUNS_OF_PROCESS) {
  const start = seed() + done
  testHere(
    `whatever JavaScript does to what it handed over, what was there at the call counts (${start})`,
    async (t) => {
      const fixtures = await Promise.all(Array.from({ length: ACTORS }, () => fixture(t)))
      for (const { publish } of fixtures) publish(SMALL)
      const { path, report } = await program(t)
      const input = fixtures.map(({ app, options }, index) => ({
        app,
        program: path,
        options,
        seed: start + index,
        runs: Math.ceil(RUNS_OF_PROCESS / ACTORS),
      }))
      const source = `
      import { act } from ${JSON.stringify(ACTOR)}
      await act(input)
    `
      const { code, signal, stdout, stderr } = await runChild(t, source, { input, args: ['--expose-gc'] })
      t.is(signal, null, stderr)
      t.is(code, 0, stderr)
      t.is(stdout.match(/done/g)?.length, ACTORS, stdout)
      t.notRegex(stderr, /panicked/)
      t.regex(await whenThere(report), /^(captured|rude rude)\n$/)
      for (const { server } of fixtures) {
        t.true(server.requests.length > 0)
        t.deepEqual(
          server.requests.filter(({ url, headers }) => url === '/late' || headers['x-run'] === 'late'),
          [],
        )
      }
    },
  )
}

/** What another call finds: an update under way, one that is staged, or nothing. */
async function found(options) {
  try {
    return (await pendingUpdate('1.0.0', options)) ? 'staged' : 'nothing'
  } catch (error) {
    if (error.code === 'ERR_UPDATER_BUSY') return 'busy'
    throw error
  }
}

const STAGING = `
  const { workerData } = require('node:worker_threads')
  const { checkUpdate } = require(workerData.addon)
  checkUpdate('1.0.0', workerData.options).then((update) => update.stage(workerData.isTold ? { onProgress() {} } : {}))
`

/** Sends a little at a time and never all, so that whoever is connected is in the middle. Tells when it has begun. */
const trickle = (bytes, onBegun) => (_, response) => {
  response.writeHead(200, { 'content-length': bytes.length })
  let sent = 0
  const timer = setInterval(() => {
    if (sent < bytes.length - 100) response.write(bytes.subarray(sent, (sent += 100)))
    onBegun(response)
  }, 2)
  response.once('close', () => clearInterval(timer))
}

testHere('a worker that ends at any moment of a download leaves no update under way', async (t) => {
  const { options, publish } = await fixture(t)
  const random = new Random(seed())
  for (let round = 0; round < rounds(60, 400, 2_000); round += 1) {
    const begun = new Promise((resolve) => publish(SMALL, { route: trickle(SMALL, resolve) }))
    // What ends a download that nobody is told of is another thing than what ends one whose listener is gone.
    const workerData = { addon: ADDON, options, isTold: random.once(2) }
    const worker = new Worker(STAGING, { eval: true, workerData })
    const failed = new Promise((_, reject) => worker.once('error', reject))
    const response = await Promise.race([begun, failed])
    await sleep(random.below(15))
    t.false(response.destroyed, `round ${round}: the download is not under way`)
    await worker.terminate()
    for (let tries = 0; tries < 100 && (await found(options)) === 'busy'; tries += 1) await sleep(20)
    t.is(await found(options), 'nothing', `round ${round}`)
    t.true(response.destroyed, `round ${round}: the server is still asked`)
  }
})
