import test from 'ava'

import { checkUpdate } from '../index.js'
import { fixture, FORMAT, NEW, PLATFORM, rejection } from './support/fixture.mjs'
import { json, status } from './support/server.mjs'
import { encode, keyPair, sign } from './support/signer.mjs'

const DAY = 24 * 60 * 60 * 1000

/** A manifest of version 2.0.0 with a signed part; beside it stands 0.1.0. */
function signedManifest(url, { key = keyPair(), sequence = 1, expires = DAY, ...more } = {}) {
  const platforms = { [PLATFORM]: { url, signature: sign(keyPair(), NEW), format: FORMAT } }
  const payload = JSON.stringify({
    type: 'updater-manifest',
    specVersion: 1,
    sequence,
    issued: new Date(Date.now() - DAY).toISOString(),
    expires: new Date(Date.now() + expires).toISOString(),
    version: '2.0.0',
    platforms,
    ...more,
  })
  const signatures = [sign(key, payload, `type:manifest\tsequence:${sequence}`)]
  return { version: '0.1.0', platforms, signedManifest: { payload: encode(payload), signatures } }
}

async function signedFixture(t) {
  const that = await fixture(t)
  const url = `${that.server.url}/artifact`
  const show = (options) => (that.server.routes['/latest.json'] = json(signedManifest(url, options)))
  const check = (more) => checkUpdate('1.0.0', { ...that.options, ...more })
  return { ...that, show, check }
}

test('only the signed part of a signed manifest counts', async (t) => {
  const { show, check } = await signedFixture(t)
  show()
  t.is((await check()).version, '2.0.0')
  t.deepEqual(Buffer.from(await (await check()).download()), NEW)
})

test('a manifest that is older, expired, or signed by nobody known has a code of its own', async (t) => {
  const { server, show, check, publish } = await signedFixture(t)
  const code = async (more) => (await rejection(check(more))).code
  show({ key: keyPair('stranger') })
  t.is(await code({ manifestPubkeys: [keyPair().pubkey] }), 'ERR_UPDATER_MANIFEST_SIGNATURE')
  show({ sequence: 9, expires: -1000 })
  t.is(await code(), 'ERR_UPDATER_MANIFEST_EXPIRED')
  show({ sequence: 5 })
  await check()
  show({ sequence: 4 })
  t.is(await code(), 'ERR_UPDATER_MANIFEST_ROLLBACK')
  publish()
  t.is(await code(), 'ERR_UPDATER_MANIFEST_UNSIGNED')
  server.routes['/latest.json'] = status(204)
  t.is(await code(), 'ERR_UPDATER_MANIFEST_UNSIGNED')
})

test('requireSignedManifest refuses what is not signed from the first', async (t) => {
  const { check } = await signedFixture(t)
  t.is((await rejection(check({ requireSignedManifest: true }))).code, 'ERR_UPDATER_MANIFEST_UNSIGNED')
  t.is((await check({ requireSignedManifest: false })).version, '2.0.0')
})

test('manifestPubkeys are trusted for manifests, and pubkey is not any more', async (t) => {
  const { show, check } = await signedFixture(t)
  const manifestPubkeys = [keyPair('online').pubkey, keyPair('next').pubkey]
  show({ key: keyPair('next') })
  t.is((await check({ manifestPubkeys })).version, '2.0.0')
  show({ sequence: 2 })
  t.is((await rejection(check({ manifestPubkeys }))).code, 'ERR_UPDATER_MANIFEST_SIGNATURE')
})

test('an application that was given no keys for manifests is not locked out by one', async (t) => {
  const { show, check } = await signedFixture(t)
  show({ key: keyPair('online') })
  t.is(await check(), null)
  t.is((await check({ manifestPubkeys: [keyPair('online').pubkey] })).version, '2.0.0')
  t.is((await rejection(check())).code, 'ERR_UPDATER_MANIFEST_SIGNATURE')
})

test('a manifest of another application or channel is refused, and channels are counted apart', async (t) => {
  const { show, check } = await signedFixture(t)
  show({ sequence: 9, channel: 'beta', app: 'com.example.app' })
  t.is((await rejection(check({ channel: 'stable' }))).code, 'ERR_UPDATER_SIGNED_METADATA_MISMATCH')
  t.is((await rejection(check({ appId: 'com.example.other' }))).code, 'ERR_UPDATER_SIGNED_METADATA_MISMATCH')
  await check({ channel: 'beta' })
  show({ sequence: 1, channel: 'stable' })
  t.is((await check({ channel: 'stable' })).version, '2.0.0')
})
