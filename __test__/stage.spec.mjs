import { readFile, stat, writeFile } from 'node:fs/promises'

import test from 'ava'

import { checkUpdate, pendingUpdate, StagedUpdate } from '../index.js'
import { appImage } from './support/artifact.mjs'
import { runChild } from './support/child.mjs'
import { fixture, NEW, OLD, rejection } from './support/fixture.mjs'
import { cut, file, stall, status } from './support/server.mjs'
import { sign, trustedComment } from './support/signer.mjs'

test('stage verifies and installs nothing; install of what was staged does', async (t) => {
  const { installed, leftovers, options, server } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  const staged = await update.stage()
  t.true(staged instanceof StagedUpdate)
  t.is(staged.version, '2.0.0')
  t.is(staged.size, NEW.length)
  t.is(staged.downloadedBytes, NEW.length)
  t.deepEqual(await readFile(staged.path), NEW)
  t.is((await stat(staged.path)).mode & 0o777, 0o600)
  t.deepEqual(await installed(), OLD)
  t.is(await staged.install(), undefined)
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
  t.is(server.requestsOf('/artifact').length, 1)
})

test('progress goes through its phases, grows, and is told before the promise resolves', async (t) => {
  const { options, publish } = await fixture(t)
  const big = appImage('big', 20_000_000)
  publish(big)
  const seen = []
  const started = performance.now()
  const staged = await (await checkUpdate('1.0.0', options)).stage({ onProgress: (each) => seen.push(each) })
  const took = performance.now() - started
  t.is(staged.size, big.length)
  t.deepEqual([...new Set(seen.map(({ phase }) => phase))], ['download', 'verify'])
  for (const phase of ['download', 'verify']) {
    const last = seen.findLast((each) => each.phase === phase)
    t.is(last.transferred, big.length)
    t.is(last.total, big.length)
    t.is(last.percent, 100)
  }
  const transferred = seen.filter(({ phase }) => phase === 'download').map((each) => each.transferred)
  t.deepEqual(
    transferred,
    transferred.toSorted((a, b) => a - b),
  )
  const [intervals, phaseEnds] = [took / 50, 2]
  t.true(seen.length <= 1 + intervals + phaseEnds, `${seen.length} calls in ${took} ms`)
  t.true(seen.every(({ bytesPerSecond }) => Number.isSafeInteger(bytesPerSecond) && bytesPerSecond >= 0))
})

test('what was staged is found by a later run, and installed without network', async (t) => {
  const { installed, options, server } = await fixture(t)
  t.is(await pendingUpdate('1.0.0', options), null)
  const stager = `await (await updater.checkUpdate('1.0.0', input)).stage()`
  t.is((await runChild(t, stager, { input: options })).code, 0)
  const asked = server.requests.length
  const installer = `
    const pending = await updater.pendingUpdate('1.0.0', input)
    console.log(pending.version, pending.size, pending.downloadedBytes)
    await pending.install()
  `
  const { stdout, stderr } = await runChild(t, installer, { input: options })
  t.is(stdout.trim(), `2.0.0 ${NEW.length} ${NEW.length}`, stderr)
  t.deepEqual(await installed(), NEW)
  t.is(server.requests.length, asked)
  t.is(await pendingUpdate('1.0.0', options), null)
})

test('what was staged is offered only while it is newer, authentic and wanted', async (t) => {
  const { options } = await fixture(t)
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  t.is(await pendingUpdate('2.0.0', options), null)
  await (await checkUpdate('1.0.0', options)).stage()
  t.is((await pendingUpdate('1.0.0', options)).version, '2.0.0')
  const bytes = await readFile(staged.path)
  bytes[1000] ^= 1
  await writeFile(staged.path, bytes)
  t.is(await pendingUpdate('1.0.0', options), null)
})

test('what was changed on disk after staging is not installed', async (t) => {
  const { installed, options } = await fixture(t)
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  const bytes = await readFile(staged.path)
  bytes[1000] ^= 1
  await writeFile(staged.path, bytes)
  t.is((await rejection(staged.install())).code, 'ERR_UPDATER_SIGNATURE_MISMATCH')
  t.deepEqual(await installed(), OLD)
})

test('a discarded update is gone', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  t.is(await staged.discard(), undefined)
  t.deepEqual(await leftovers(), [])
  t.is(await pendingUpdate('1.0.0', options), null)
  await t.throwsAsync(staged.install())
  t.deepEqual(await installed(), OLD)
})

test('staging what is at hand downloads nothing', async (t) => {
  const { options, server } = await fixture(t)
  await (await checkUpdate('1.0.0', options)).stage()
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  t.is(staged.downloadedBytes, 0)
  t.is(server.requestsOf('/artifact').length, 1)
})

/** Leaves a partial download behind, as a process that ends in its middle does. */
async function interrupt(t, options, publish, count) {
  publish(NEW, { route: stall(NEW, count) })
  const source = `
    const update = await updater.checkUpdate('1.0.0', input)
    await update.stage({ onProgress: ({ transferred }) => transferred >= ${count} && process.exit(7) })
  `
  const { code, stderr } = await runChild(t, source, { input: options })
  t.is(code, 7, stderr)
}

test('an interrupted download is continued by a new process with one request for the rest', async (t) => {
  const { installed, leftovers, options, publish, server } = await fixture(t)
  await interrupt(t, options, publish, 200_000)
  publish(NEW)
  server.requests.length = 0
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  const [request, ...others] = server.requestsOf('/artifact')
  t.is(others.length, 0)
  t.regex(request.headers.range, /^bytes=\d+-$/)
  t.is(request.headers['if-range'], '"1"')
  t.is(staged.downloadedBytes, NEW.length - Number(/\d+/.exec(request.headers.range)[0]))
  t.true(staged.downloadedBytes < NEW.length)
  await staged.install()
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
})

const wrongRange = (_, response) =>
  response
    .writeHead(206, { etag: '"1"', 'content-range': `bytes 5-${NEW.length - 1}/${NEW.length}` })
    .end(NEW.subarray(5))

for (const [title, route] of [
  ['has no ranges', file(NEW, { ranges: false })],
  ['has another artifact by now', file(NEW, { etag: '"2"' })],
  [
    'answers with another range',
    (request, response) => (request.headers.range ? wrongRange : file(NEW))(request, response),
  ],
  [
    'refuses the range',
    (request, response) => (request.headers.range ? status(416) : file(NEW))(request, response),
  ],
]) {
  test(`a download starts over where the server ${title}`, async (t) => {
    const { installed, options, publish } = await fixture(t)
    await interrupt(t, options, publish, 200_000)
    publish(NEW, { route })
    await (await checkUpdate('1.0.0', options)).downloadAndInstall()
    t.deepEqual(await installed(), NEW)
  })
}

test('a connection that breaks is continued within the same call', async (t) => {
  const { installed, options, publish, server } = await fixture(t)
  let broken = 0
  publish(NEW, { route: (...args) => (broken++ < 2 ? cut(NEW, 100_000) : file(NEW))(...args) })
  await (await checkUpdate('1.0.0', options)).downloadAndInstall()
  t.deepEqual(await installed(), NEW)
  t.true(server.requestsOf('/artifact').length >= 3)
})

test('a busy server is asked again when it says so', async (t) => {
  const { installed, options, publish } = await fixture(t)
  let busy = 0
  publish(NEW, {
    route: (...args) => (busy++ < 1 ? status(503, { 'retry-after': '1' }) : file(NEW))(...args),
  })
  await (await checkUpdate('1.0.0', options)).downloadAndInstall()
  t.deepEqual(await installed(), NEW)
})

test('a server that asks to wait for a day is not waited for', async (t) => {
  const { installed, options, publish, server } = await fixture(t)
  publish(NEW, { route: status(429, { 'retry-after': '86400' }) })
  const error = await rejection((await checkUpdate('1.0.0', options)).downloadAndInstall())
  t.is(error.code, 'ERR_UPDATER_HTTP_STATUS')
  t.is(error.status, 429)
  t.is(server.requestsOf('/artifact').length, 1)
  t.deepEqual(await installed(), OLD)
})

test('one update of an application at a time', async (t) => {
  const { installed, options, publish } = await fixture(t)
  publish(NEW, { route: stall(NEW, 100_000) })
  const update = await checkUpdate('1.0.0', options)
  const controller = new AbortController()
  await new Promise((resolve, reject) => {
    const first = update.stage({ signal: controller.signal, onProgress: resolve })
    first.catch(reject)
    t.teardown(() => first.catch(() => {}))
  })
  for (const call of [() => update.stage(), () => update.downloadAndInstall(), () => update.install(NEW)]) {
    t.is((await rejection(call())).code, 'ERR_UPDATER_BUSY')
  }
  const other = `
    const update = await updater.checkUpdate('1.0.0', input)
    await update.stage().catch((error) => console.log(error.code))
  `
  t.is((await runChild(t, other, { input: options })).stdout.trim(), 'ERR_UPDATER_BUSY')
  controller.abort()
  t.deepEqual(await installed(), OLD)
})

test('an update that was staged is replaced by a newer one', async (t) => {
  const { installed, key, leftovers, options, publish } = await fixture(t)
  await (await checkUpdate('1.0.0', options)).stage()
  const newer = appImage('newer')
  publish(newer, { version: '2.0.1', signature: sign(key, newer, trustedComment('2.0.1')) })
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  t.is((await leftovers()).length, 1)
  await staged.install()
  t.deepEqual(await installed(), newer)
})
