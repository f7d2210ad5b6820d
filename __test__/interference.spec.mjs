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

/** What another call finds: an update under way, one that is staged, or nothing. What is staged is discarded. */
async function found(options) {
  try {
    const staged = await pendingUpdate('1.0.0', options)
    await staged?.discard()
    return staged ? 'staged' : 'nothing'
  } catch (error) {
    if (error.code === 'ERR_UPDATER_BUSY') return 'busy'
    throw error
  }
}

async function foundInTheEnd(options) {
  for (let tries = 0; tries < 100; tries += 1) {
    const outcome = await found(options)
    if (outcome !== 'busy') return outcome
    await sleep(20)
  }
  return 'busy'
}

const STAGING = `
  const { workerData: { addon, options, isTold } } = require('node:worker_threads')
  const { checkUpdate } = require(addon)
  checkUpdate('1.0.0', options).then((update) => update.stage(isTold ? { onProgress() {} } : {}))
`

/** Sends a little at a time, and the rest only when `finish` is called: until then whoever is connected is in the middle. */
const trickle = (bytes, onBegun) => (_, response) => {
  response.writeHead(200, { 'content-length': bytes.length })
  let sent = 0
  const send = () => sent < bytes.length - 100 && response.write(bytes.subarray(sent, (sent += 100)))
  const timer = setInterval(send, 2)
  response.once('close', () => clearInterval(timer))
  send()
  const finish = () => {
    clearInterval(timer)
    response.end(bytes.subarray(sent))
  }
  onBegun({ response, finish })
}

testHere('a worker that ends at any moment of a download leaves no update under way', async (t) => {
  const { options, publish } = await fixture(t)
  const random = new Random(seed())
  for (let round = 0; round < rounds(60, 400, 2_000); round += 1) {
    const begun = new Promise((resolve) => publish(SMALL, { route: trickle(SMALL, resolve) }))
    // Where nobody is told of progress, only the end of the environment ends a download.
    const workerData = { addon: ADDON, options, isTold: random.once(2) }
    const worker = new Worker(STAGING, { eval: true, workerData })
    const failed = new Promise((_, reject) => worker.once('error', reject))
    const { response, finish } = await Promise.race([begun, failed])
    const isClosed = new Promise((resolve) => response.once('close', () => resolve(true)))
    await sleep(random.below(15))
    t.false(response.destroyed, `round ${round}: the download is not under way`)
    // Two thirds end in the middle. At the end there is more to be told, which may meet an environment that has begun to end.
    const isFinished = random.once(3)
    if (isFinished) {
      finish()
      if (random.once(2)) await sleep(1)
    }
    await worker.terminate()
    const outcome = await foundInTheEnd(options)
    t.true(outcome === 'nothing' || (isFinished && outcome === 'staged'), `round ${round}: ${outcome}`)
    t.true(
      await Promise.race([isClosed, sleep(5_000, false, { ref: false })]),
      `round ${round}: still connected`,
    )
  }
})
