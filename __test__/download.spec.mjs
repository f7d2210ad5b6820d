import test from 'ava'

import { checkUpdate } from '../index.js'
import { appImage } from './support/artifact.mjs'
import { fixture, NEW, OLD, rejection } from './support/fixture.mjs'
import { keyPair, sign, signatureText, trustedComment, encode } from './support/signer.mjs'
import { testOnLinux } from './support/tools.mjs'

testOnLinux('download gives the verified bytes, install takes them', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  const bytes = await update.download()
  t.true(bytes instanceof ArrayBuffer)
  t.deepEqual(Buffer.from(bytes), NEW)
  t.deepEqual(await installed(), OLD)
  await update.install(bytes)
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
})

testOnLinux('the callbacks of 0.2.x: chunks add up, then the end is told once', async (t) => {
  const { installed, options, publish } = await fixture(t)
  const big = appImage('big', 5_000_000)
  publish(big)
  for (const method of ['download', 'downloadAndInstall']) {
    const calls = []
    const update = await checkUpdate('1.0.0', options)
    await update[method](
      (...args) => calls.push(args),
      (...args) => calls.push(args),
    )
    const chunks = calls.slice(0, -1)
    t.is(calls.at(-1).filter((arg) => arg !== undefined).length, 0)
    t.true(chunks.every(([length, total]) => length > 0 && total === big.length))
    t.is(
      chunks.reduce((sum, [length]) => sum + length, 0),
      big.length,
    )
  }
  t.deepEqual(await installed(), big)
})

testOnLinux('null stands for no callback, as it did in 0.2.x', async (t) => {
  const { installed, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  await update.download(null, null)
  await update.downloadAndInstall(null)
  t.deepEqual(await installed(), NEW)
})

test('the length is null where the server does not say it', async (t) => {
  const { options, publish } = await fixture(t)
  const route = (_, response) => {
    response.writeHead(200).write(NEW.subarray(0, 1000))
    setTimeout(() => response.write(NEW.subarray(1000, 2000)), 150)
    setTimeout(() => response.end(NEW.subarray(2000)), 300)
  }
  publish(NEW, { route })
  const totals = new Set()
  await (await checkUpdate('1.0.0', options)).download((_, total) => totals.add(total))
  t.true(totals.has(null), [...totals].join())
})

testOnLinux('a Uint8Array that is part of a larger buffer is installed', async (t) => {
  const { installed, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  const padded = Buffer.concat([Buffer.alloc(7), NEW, Buffer.alloc(7)])
  await update.install(padded.subarray(7, 7 + NEW.length))
  t.deepEqual(await installed(), NEW)
})

test('install verifies again', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  const bytes = await update.download()
  new Uint8Array(bytes)[1000] ^= 1
  for (const bad of [bytes, NEW.subarray(1), Buffer.concat([NEW, Buffer.alloc(1)]), Buffer.from('garbage')]) {
    t.is((await rejection(update.install(bad))).code, 'ERR_UPDATER_SIGNATURE_MISMATCH')
  }
  const detached = NEW.buffer.slice(NEW.byteOffset, NEW.byteOffset + NEW.length)
  structuredClone(detached, { transfer: [detached] })
  t.is((await rejection(update.install(detached))).option, 'bytes')
  t.deepEqual(await installed(), OLD)
  t.deepEqual(await leftovers(), [])
})

testOnLinux('bytes are taken when install is called, not later', async (t) => {
  const { installed, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  // A copy, because Node.js 22 does not hand on memory that is not its own.
  const bytes = (await update.download()).slice()
  const installing = update.install(bytes)
  new Uint8Array(bytes).fill(0)
  structuredClone(bytes, { transfer: [bytes] })
  await installing
  t.deepEqual(await installed(), NEW)
})

const key = keyPair()
const stranger = keyPair('stranger')
const minisig = signatureText(key, NEW)
const edited = encode(minisig.replace('version:2.0.0', 'version:2.0.1'))

/** What is announced with the artifact, the code it is refused with, and options that it needs. */
const FORGED = [
  ['signed with another key', sign(stranger, NEW), 'ERR_UPDATER_SIGNATURE_MISMATCH'],
  ['signed for another file', sign(key, OLD), 'ERR_UPDATER_SIGNATURE_MISMATCH'],
  ['with an edited comment', edited, 'ERR_UPDATER_SIGNATURE_MISMATCH'],
  [
    'signed as another version',
    sign(key, NEW, trustedComment('1.5.0')),
    'ERR_UPDATER_SIGNED_VERSION_MISMATCH',
  ],
  [
    'without a version where one is required',
    sign(key, NEW, trustedComment()),
    'ERR_UPDATER_SIGNED_VERSION_MISSING',
    { requireSignedVersion: true },
  ],
  [
    'signed for another target',
    sign(key, NEW, trustedComment('2.0.0', { target: 'windows-armv7' })),
    'ERR_UPDATER_SIGNED_METADATA_MISMATCH',
  ],
  [
    'signed as another format',
    sign(key, NEW, trustedComment('2.0.0', { format: 'deb' })),
    'ERR_UPDATER_SIGNED_METADATA_MISMATCH',
  ],
  [
    'signed for another application',
    sign(key, NEW, trustedComment('2.0.0', { app: 'org.other' })),
    'ERR_UPDATER_SIGNED_METADATA_MISMATCH',
    { appId: 'org.mine' },
  ],
  [
    'signed for another channel',
    sign(key, NEW, trustedComment('2.0.0', { channel: 'beta' })),
    'ERR_UPDATER_SIGNED_METADATA_MISMATCH',
    { channel: 'stable' },
  ],
]

for (const [title, signature, code, more] of FORGED) {
  test(`an artifact ${title} is refused, and leaves nothing behind`, async (t) => {
    const { installed, leftovers, options, publish } = await fixture(t)
    publish(NEW, { signature })
    const update = await checkUpdate('1.0.0', { ...options, ...more })
    for (const call of [
      () => update.download(),
      () => update.stage(),
      () => update.downloadAndInstall(),
      () => update.install(NEW),
    ]) {
      t.is((await rejection(call())).code, code, `${call}`)
    }
    t.deepEqual(await installed(), OLD)
    t.deepEqual(await leftovers(), [])
  })
}

for (const [title, signature] of [
  ['of the legacy kind', sign(key, NEW, undefined, 'Ed')],
  ['that is garbage', 'garbage'],
  ['that is empty', ''],
]) {
  test(`a signature ${title} is refused`, async (t) => {
    const { installed, leftovers, options, publish } = await fixture(t)
    publish(NEW, { signature })
    const error = await rejection(checkUpdate('1.0.0', options).then((update) => update.downloadAndInstall()))
    t.is(error.code, 'ERR_UPDATER_INVALID_SIGNATURE')
    t.deepEqual(await installed(), OLD)
    t.deepEqual(await leftovers(), [])
  })
}

for (const [title, served] of [
  ['truncated', NEW.subarray(0, -1)],
  ['extended', Buffer.concat([NEW, Buffer.alloc(1)])],
  ['replaced', OLD],
]) {
  test(`an artifact that was ${title} is refused, and leaves nothing behind`, async (t) => {
    const { installed, leftovers, options, publish, server } = await fixture(t)
    publish(served, { signature: sign(key, NEW) })
    for (const size of [undefined, NEW.length]) {
      publish(served, { signature: sign(key, NEW), size })
      const error = await rejection((await checkUpdate('1.0.0', options)).downloadAndInstall())
      const expected =
        size && served.length !== size ? 'ERR_UPDATER_SIZE_MISMATCH' : 'ERR_UPDATER_SIGNATURE_MISMATCH'
      t.is(error.code, expected, error.message)
      t.true(server.requestsOf('/artifact').length < 6)
    }
    t.deepEqual(await installed(), OLD)
    t.deepEqual(await leftovers(), [])
  })
}

test('an artifact larger than allowed is refused', async (t) => {
  const { leftovers, options } = await fixture(t)
  const update = await checkUpdate('1.0.0', { ...options, maxDownloadSize: NEW.length - 1 })
  t.is((await rejection(update.stage())).code, 'ERR_UPDATER_SIZE_LIMIT')
  t.deepEqual(await leftovers(), [])
})

testOnLinux('any one of several keys may have signed', async (t) => {
  const { installed, options } = await fixture(t)
  const pubkey = [stranger.pubkey, key.line]
  await (await checkUpdate('1.0.0', { ...options, pubkey })).downloadAndInstall()
  t.deepEqual(await installed(), NEW)
})

testOnLinux(
  'what was just installed is not offered again to an application that reports its old version',
  async (t) => {
    const { options, publish } = await fixture(t)
    await (await checkUpdate('1.0.0', options)).downloadAndInstall()
    t.is(await checkUpdate('1.0.0', options), null)
    const newer = appImage('newer')
    publish(newer, { version: '2.0.1', signature: sign(key, newer, trustedComment('2.0.1')) })
    t.is((await checkUpdate('1.0.0', options)).version, '2.0.1')
  },
)
