import { createServer } from 'node:net'

import test from 'ava'

import { checkUpdate } from '../index.js'
import { appImage } from './support/artifact.mjs'
import { fixture, FORMAT, NEW, PLATFORM, rejection } from './support/fixture.mjs'
import { file, json, serve, silence, status, text } from './support/server.mjs'
import { keyPair, sign, trustedComment } from './support/signer.mjs'
import { testOnLinux } from './support/tools.mjs'

const manifest = (version, platforms = {}) => ({ version, platforms })

/** What can be wrong with an endpoint, given its route or URL, and the code that tells. */
const BROKEN = [
  ['is not found', status(404), 'ERR_UPDATER_HTTP_STATUS'],
  ['fails', status(500), 'ERR_UPDATER_HTTP_STATUS'],
  ['asks to wait for a day', status(503, { 'retry-after': '86400' }), 'ERR_UPDATER_HTTP_STATUS'],
  ['never answers', silence, 'ERR_UPDATER_TIMEOUT'],
  ['answers with nothing', text(''), 'ERR_UPDATER_INVALID_MANIFEST'],
  ['is a captive portal', text('<!doctype html><title>Log in</title>'), 'ERR_UPDATER_INVALID_MANIFEST'],
  ['gives broken JSON', text('{"version": "2.0.0", '), 'ERR_UPDATER_INVALID_MANIFEST'],
  [
    'gives broken UTF-8',
    text(Buffer.from('{"version": "2.0.0\xff"}', 'latin1')),
    'ERR_UPDATER_INVALID_MANIFEST',
  ],
  ['gives an array', json([]), 'ERR_UPDATER_INVALID_MANIFEST'],
  ['gives a bad version', json(manifest('two')), 'ERR_UPDATER_INVALID_MANIFEST'],
  ['has other platforms only', json(manifest('2.0.0', { 'os2-warp': {} })), 'ERR_UPDATER_TARGET_NOT_FOUND'],
  ['redirects in a circle', status(302, { location: '/broken' }), 'ERR_UPDATER_NETWORK'],
  ['redirects to a file', status(302, { location: 'file:///etc/passwd' }), 'ERR_UPDATER_INSECURE_URL'],
  ['announces a file', announce('file:///etc/passwd'), 'ERR_UPDATER_INSECURE_URL'],
  ['refuses connections', 'http://127.0.0.1:9/', 'ERR_UPDATER_NETWORK'],
  ['is a host that is not there', 'https://host.invalid/', 'ERR_UPDATER_NETWORK'],
  ['speaks no TLS', 'https', 'ERR_UPDATER_TLS'],
]

function announce(url) {
  const signature = sign(keyPair(), NEW)
  return json(manifest('2.0.0', { [PLATFORM]: { url, signature, format: FORMAT } }))
}

/** Answers every connection with bytes that are no TLS. */
async function plainText(t) {
  const server = createServer((socket) => socket.on('error', () => {}).end('hello\r\n'.repeat(10)))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `https://127.0.0.1:${server.address().port}/`
}

for (const [title, broken, code] of BROKEN) {
  test(`an endpoint that ${title}: the next one is used, and alone it has its own code`, async (t) => {
    const { options, server } = await fixture(t)
    const isUrl = typeof broken === 'string'
    const url = broken === 'https' ? await plainText(t) : isUrl ? broken : `${server.url}/broken`
    if (!isUrl) server.routes['/broken'] = broken
    // Only where nothing else would end it: on a busy machine an honest answer may take a while.
    const impatient = broken === silence ? { ...options, timeout: 3000 } : options

    const update = await checkUpdate('1.0.0', { ...impatient, endpoints: [url, ...options.endpoints] })
    t.is(update.version, '2.0.0')

    const error = await rejection(checkUpdate('1.0.0', { ...impatient, endpoints: [url] }))
    t.is(error.code, code, error.message)
    t.true(error.message.includes(error.url ?? url), error.message)
  })
}

test('where no endpoint is valid, the error has the reason of each in order', async (t) => {
  const { options, server } = await fixture(t)
  server.routes['/a'] = status(404)
  server.routes['/b'] = text('<html>')
  const endpoints = [`${server.url}/a`, `${server.url}/b`]
  const error = await rejection(checkUpdate('1.0.0', { ...options, endpoints }))
  t.is(error.code, 'ERR_UPDATER_NO_VALID_ENDPOINT')
  t.deepEqual(
    error.errors.map(({ code, url, status }) => ({ code, url, status })),
    [
      { code: 'ERR_UPDATER_HTTP_STATUS', url: endpoints[0], status: 404 },
      { code: 'ERR_UPDATER_INVALID_MANIFEST', url: endpoints[1], status: undefined },
    ],
  )
  t.true(error.errors.every((each) => each instanceof Error))
  t.true(endpoints.every((url) => error.message.includes(url)))
})

test('a failure of the network names its cause', async (t) => {
  const { options } = await fixture(t)
  const error = await rejection(checkUpdate('1.0.0', { ...options, endpoints: ['http://127.0.0.1:9/'] }))
  t.true(error.cause instanceof Error)
  t.true(error.message.includes(error.cause.message))
})

test('204 and nothing newer are null, and end the search', async (t) => {
  const { options, publish, server } = await fixture(t)
  server.routes['/none'] = status(204)
  const endpoints = [`${server.url}/none`, ...options.endpoints]
  t.is(await checkUpdate('1.0.0', { ...options, endpoints }), null)
  t.is(server.requestsOf('/latest.json').length, 0)

  const offered = async (current, version) => {
    publish(undefined, { version })
    return (await checkUpdate(current, options)) !== null
  }
  t.false(await offered('2.0.0', '2.0.0'))
  t.false(await offered('2.0.1', '2.0.0'))
  t.false(await offered('1.0.0+5', '1.0.0+6'))
  t.false(await offered('1.0.0', '1.0.0-rc.1'))
  t.true(await offered('1.0.0-rc.1', '1.0.0'))
  t.true(await offered('1.0.0-rc.2', '1.0.0-rc.11'))
  t.true(await offered('v1.0.0', 'v1.0.1'))
})

testOnLinux('a lower version is offered where downgrades are allowed', async (t) => {
  const { installed, key, options, publish } = await fixture(t)
  const bytes = appImage('lower')
  publish(bytes, { version: '0.9.0', signature: sign(key, bytes, trustedComment('0.9.0')) })
  const update = await checkUpdate('1.0.0', { ...options, allowDowngrades: true })
  t.is(update.version, '0.9.0')
  await update.downloadAndInstall()
  t.deepEqual(await installed(), bytes)
})

test('an entry for another platform changes nothing here', async (t) => {
  const { key, options, server } = await fixture(t)
  const good = { url: `${server.url}/artifact`, signature: sign(key, NEW), format: FORMAT }
  for (const bad of [
    null,
    7,
    {},
    { url: 'file:///x' },
    { ...good, format: 'floppy' },
    { ...good, pub_date: 'never' },
  ]) {
    server.routes['/latest.json'] = json(manifest('2.0.0', { 'windows-armv7': bad, [PLATFORM]: good }))
    t.is((await checkUpdate('1.0.0', options)).version, '2.0.0')
  }
})

const FILE = { appimage: 'app.AppImage', app: 'App.app.tar.gz', nsis: 'setup.exe' }

test('the dynamic answer is an update too', async (t) => {
  const { key, options, server } = await fixture(t)
  server.routes['*'] = json({
    version: '2.0.0',
    url: `${server.url}/${FILE[FORMAT]}`,
    signature: sign(key, NEW),
  })
  const endpoints = [`${server.url}/{{target}}/{{arch}}/{{current_version}}/{{channel}}`]
  const update = await checkUpdate('1.0.0-a.1', { ...options, endpoints, channel: 'beta' })
  t.is(update.format, FORMAT)
  t.is(server.requests[0].url, `/${PLATFORM.replace('-', '/')}/1.0.0-a.1/beta`)
})

test('headers stay with the origin of the endpoint, download headers do not', async (t) => {
  const { key, options, publish, server } = await fixture(t)
  const mirror = await serve(t, { '/artifact': file(NEW) })
  const secret = { headers: { 'X-Endpoint': 'secret' }, downloadHeaders: { 'X-Download': 'token' } }
  const sent = (request) => [request.headers['x-endpoint'], request.headers['x-download']]

  await (await checkUpdate('1.0.0', { ...options, ...secret })).download()
  t.deepEqual(sent(server.requestsOf('/latest.json')[0]), ['secret', undefined])
  t.deepEqual(sent(server.requestsOf('/artifact')[0]), ['secret', 'token'])

  publish(NEW, { url: `${mirror.url}/artifact`, signature: sign(key, NEW) })
  await (await checkUpdate('1.0.0', { ...options, ...secret })).download()
  t.deepEqual(sent(mirror.requests[0]), [undefined, 'token'])

  publish(NEW, { route: status(302, { location: `${mirror.url}/artifact` }) })
  await (await checkUpdate('1.0.0', { ...options, ...secret })).download()
  t.deepEqual(sent(mirror.requests[1]), [undefined, undefined])
})
