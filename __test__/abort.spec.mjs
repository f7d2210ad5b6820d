import test from 'ava'

import { checkUpdate } from '../index.js'
import { ADDON, runChild } from './support/child.mjs'
import { fixture, NEW, OLD, rejection } from './support/fixture.mjs'
import { file, silence, stall } from './support/server.mjs'
import { testOnLinux } from './support/tools.mjs'

/** Longer than a child may take: what only ends when the updater gives up counts as hanging. */
const PATIENCE_MS = 300_000

test('aborting rejects with the reason itself, before and during a check', async (t) => {
  const { options, server } = await fixture(t)
  server.routes['/latest.json'] = silence
  for (const reason of [new Error('mine'), 'text', undefined, null, { plain: true }]) {
    const controller = new AbortController()
    controller.abort(reason)
    t.is(
      await rejection(checkUpdate('1.0.0', options, { signal: controller.signal })),
      controller.signal.reason,
    )
  }
  t.is(server.requests.length, 0)

  const controller = new AbortController()
  const checking = checkUpdate('1.0.0', options, { signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  const error = await rejection(checking)
  t.is(error, controller.signal.reason)
  t.is(error.name, 'AbortError')
})

test('AbortSignal.timeout rejects with its own error', async (t) => {
  const { options, server } = await fixture(t)
  server.routes['/latest.json'] = silence
  const error = await rejection(checkUpdate('1.0.0', options, { signal: AbortSignal.timeout(100) }))
  t.is(error.name, 'TimeoutError')
})

testOnLinux('aborting ends a download, and what was received is kept', async (t) => {
  const { installed, options, publish, server } = await fixture(t)
  for (const method of ['stage', 'downloadAndInstall']) {
    publish(NEW, { route: stall(NEW, 200_000) })
    const update = await checkUpdate('1.0.0', options)
    const controller = new AbortController()
    const onProgress = ({ transferred }) => transferred >= 200_000 && controller.abort(method)
    t.is(await rejection(update[method]({ signal: controller.signal, onProgress })), method)
    t.is(await rejection(update[method]({ signal: controller.signal })), method)
  }
  t.deepEqual(await installed(), OLD)
  publish(NEW)
  server.requests.length = 0
  await (await checkUpdate('1.0.0', options)).downloadAndInstall()
  t.regex(server.requestsOf('/artifact')[0].headers.range, /^bytes=\d+-$/)
  t.deepEqual(await installed(), NEW)
})

testOnLinux('aborting after the end changes nothing, and no listener stays', async (t) => {
  const { installed, options } = await fixture(t)
  const controller = new AbortController()
  const { signal } = controller
  const counts = { add: 0, remove: 0 }
  for (const kind of ['add', 'remove']) {
    const original = signal[`${kind}EventListener`]
    signal[`${kind}EventListener`] = function (...args) {
      counts[kind] += 1
      return original.apply(this, args)
    }
  }
  const update = await checkUpdate('1.0.0', options, { signal })
  await update.downloadAndInstall({ signal })
  await update.stage({ signal })
  t.deepEqual(counts, { add: 3, remove: 3 })
  controller.abort()
  t.deepEqual(await installed(), NEW)
})

for (const [title, call] of [
  ['onProgress of stage', (update, callback) => update.stage({ onProgress: callback })],
  [
    'onProgress of downloadAndInstall',
    (update, callback) => update.downloadAndInstall({ onProgress: callback }),
  ],
  ['onChunk of download', (update, callback) => update.download(callback)],
  ['onChunk of downloadAndInstall', (update, callback) => update.downloadAndInstall(callback)],
  ['onDownloadFinished of download', (update, callback) => update.download(undefined, callback)],
  [
    'onDownloadFinished of downloadAndInstall',
    (update, callback) => update.downloadAndInstall(undefined, callback),
  ],
]) {
  test(`what ${title} throws is what the promise rejects with`, async (t) => {
    const { installed, options } = await fixture(t)
    const update = await checkUpdate('1.0.0', options)
    for (const thrown of [new TypeError('mine'), 'text', undefined, { plain: true }]) {
      let calls = 0
      const callback = () => {
        calls += 1
        throw thrown
      }
      t.is(await rejection(call(update, callback)), thrown)
      t.is(calls, 1)
    }
    t.deepEqual(await installed(), OLD)
  })
}

test('a callback that throws on the last call of all still prevents the installation', async (t) => {
  const { installed, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  const onProgress = ({ phase }) => {
    if (phase === 'verify') throw phase
  }
  t.is(await rejection(update.downloadAndInstall({ onProgress })), 'verify')
  t.deepEqual(await installed(), OLD)
})

/** Where an operation is when the process leaves: what is asked, and how the server answers. */
const PLACES = {
  check: { source: `leave(); await updater.checkUpdate('1.0.0', input)`, manifest: silence },
  download: {
    source: `
      const update = await updater.checkUpdate('1.0.0', input)
      await update.download(leave)
    `,
    artifact: stall(NEW, 100_000),
  },
  stage: {
    source: `
      const update = await updater.checkUpdate('1.0.0', input)
      await update.stage({ onProgress: leave })
    `,
    artifact: stall(NEW, 100_000),
  },
  install: {
    source: `
      const update = await updater.checkUpdate('1.0.0', input)
      leave()
      await update.downloadAndInstall()
    `,
    artifact: file(NEW),
  },
}

const EXITING = `
  let left = false
  function leave() {
    if (left) return
    left = true
    setTimeout(() => process.exit(7), 20)
  }
`

const IN_WORKER = (source) => `
  import { Worker } from 'node:worker_threads'
  const code = ${JSON.stringify(source)}
  const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)))
  worker.on('message', () => setTimeout(async () => {
    await worker.terminate()
  }, 20))
  worker.on('exit', () => console.log('terminated'))
`

for (const [place, { source, manifest, artifact }] of Object.entries(PLACES)) {
  test(`process.exit during ${place} ends the process at once and leaves a whole application`, async (t) => {
    const { installed, options, publish, server } = await fixture(t)
    publish(NEW, { route: artifact })
    if (manifest) server.routes['/latest.json'] = manifest
    const input = { ...options, timeout: PATIENCE_MS }
    const { code, stderr } = await runChild(t, EXITING + source, { input })
    t.is(code, 7, stderr)
    const now = await installed()
    t.true(now.equals(OLD) || now.equals(NEW))
  })

  // Elsewhere installing wants to exit, which a worker cannot.
  const testHere = place === 'install' ? testOnLinux : test
  testHere(`ending a worker during ${place} ends it at once and leaves a whole application`, async (t) => {
    const { installed, options, publish, server } = await fixture(t)
    publish(NEW, { route: artifact })
    if (manifest) server.routes['/latest.json'] = manifest
    const inWorker = `
      import { createRequire } from 'node:module'
      import { parentPort } from 'node:worker_threads'
      const updater = createRequire(${JSON.stringify(ADDON)})(${JSON.stringify(ADDON)})
      const input = ${JSON.stringify({ ...options, timeout: PATIENCE_MS })}
      const leave = () => parentPort.postMessage('leave')
      ${source}
    `
    const { code, stdout, stderr } = await runChild(t, IN_WORKER(inWorker))
    t.is(code, 0, stderr)
    t.true(stdout.includes('terminated'))
    const now = await installed()
    t.true(now.equals(OLD) || now.equals(NEW))
  })
}

test('a transfer ends with the worker that began it, though the process goes on', async (t) => {
  const { options, publish } = await fixture(t)
  let closed
  const gone = new Promise((resolve) => (closed = resolve))
  publish(NEW, {
    route: (request, response) => {
      response.on('close', closed)
      stall(NEW, 100_000)(request, response)
    },
  })
  const { Worker } = await import('node:worker_threads')
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { checkUpdate } = require(workerData.addon)
    checkUpdate('1.0.0', workerData.options).then((update) => update.stage({ onProgress: () => parentPort.postMessage(0) }))
  `
  const worker = new Worker(code, { eval: true, workerData: { addon: ADDON, options } })
  await new Promise((resolve) => worker.once('message', resolve))
  await worker.terminate()
  await gone
  t.pass()
})
