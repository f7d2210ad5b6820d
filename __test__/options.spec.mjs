import { readFileSync } from 'node:fs'

import test from 'ava'

import { checkUpdate, pendingUpdate, relaunch } from '../index.js'
import { fixture, rejection } from './support/fixture.mjs'
import { keyPair } from './support/signer.mjs'

const INVALID = 'ERR_UPDATER_INVALID_OPTION'
const GOOD = { endpoints: ['http://127.0.0.1:9/'], pubkey: keyPair().pubkey }

const thrower = {
  get target() {
    throw new Error('getter')
  },
}
const hostile = new Proxy(
  {},
  {
    get() {
      throw Object.create(null)
    },
  },
)

/** Title, options, code, the option at fault, and what the message shows of the value. */
const REFUSED = [
  ['no options', undefined, INVALID, 'options', 'undefined'],
  ['null', null, INVALID, 'options', 'null'],
  ['an array', [], INVALID, 'options', 'an array'],
  ['a string', 'x', INVALID, 'options', '"x"'],
  [
    'a getter that throws',
    Object.create(thrower, Object.getOwnPropertyDescriptors(GOOD)),
    INVALID,
    'target',
    'threw',
  ],
  ['a proxy that throws', hostile, INVALID, 'pubkey', 'threw'],
  ['no endpoints', { endpoints: undefined }, INVALID, 'endpoints', 'undefined'],
  ['null endpoints', { endpoints: null }, INVALID, 'endpoints', 'null'],
  [
    'one endpoint as a string',
    { endpoints: 'https://a.example' },
    INVALID,
    'endpoints',
    '"https://a.example"',
  ],
  ['an empty list of endpoints', { endpoints: [] }, INVALID, 'endpoints', '[]'],
  ['a number among endpoints', { endpoints: ['https://a.example', 7] }, INVALID, 'endpoints[1]', '7'],
  [
    'a hole among endpoints',
    { endpoints: ['https://a.example', , 'x'] },
    INVALID,
    'endpoints[1]',
    'undefined',
  ],
  ['no URL', { endpoints: ['https://a.example', '::'] }, INVALID, 'endpoints[1]', '::'],
  ['a file URL', { endpoints: ['file:///etc/passwd'] }, INVALID, 'endpoints[0]', 'file:'],
  [
    'plain http',
    { endpoints: ['http://a.example/'] },
    'ERR_UPDATER_INSECURE_URL',
    'endpoints[0]',
    'http://a.example/',
  ],
  ['no key', { pubkey: undefined }, INVALID, 'pubkey', 'undefined'],
  ['a number as key', { pubkey: 7 }, INVALID, 'pubkey', '7'],
  ['a number among keys', { pubkey: [GOOD.pubkey, 7] }, INVALID, 'pubkey[1]', '7'],
  ['no minisign key', { pubkey: 'x' }, 'ERR_UPDATER_INVALID_PUBKEY', 'pubkey', 'pubkey'],
  [
    'no minisign key among keys',
    { pubkey: [GOOD.pubkey, 'x'] },
    'ERR_UPDATER_INVALID_PUBKEY',
    'pubkey[1]',
    'pubkey',
  ],
  ['an empty list of keys', { pubkey: [] }, 'ERR_UPDATER_INVALID_PUBKEY', 'pubkey', 'pubkey'],
  ['windows as a string', { windows: 'x' }, INVALID, 'windows', '"x"'],
  ['null for windows', { windows: null }, INVALID, 'windows', 'null'],
  [
    'installer arguments as a string',
    { windows: { installerArgs: '/X' } },
    INVALID,
    'windows.installerArgs',
    '"/X"',
  ],
  ['an unknown install mode', { windows: { installMode: 'loud' } }, INVALID, 'windows.installMode', '"loud"'],
  ['a number as install mode', { windows: { installMode: 0 } }, INVALID, 'windows.installMode', '0'],
  ['a number as target', { target: 1 }, INVALID, 'target', '1'],
  ['an empty target', { target: '' }, INVALID, 'target', '""'],
  ['a relative path', { executablePath: 'app' }, INVALID, 'executablePath', 'app'],
  ['a boolean as path', { executablePath: true }, INVALID, 'executablePath', 'true'],
  ['headers as an array', { headers: ['a'] }, INVALID, 'headers', 'an array'],
  ['headers as a Map', { headers: new Map([['a', 'b']]) }, INVALID, 'headers', 'Object.fromEntries'],
  ['headers as Headers', { headers: new Headers({ a: 'b' }) }, INVALID, 'headers', 'Object.fromEntries'],
  ['a number as header', { headers: { 'X-A': 7 } }, INVALID, 'headers["X-A"]', '7'],
  ['a header name with a space', { headers: { 'X A': 'b' } }, INVALID, 'headers["X A"]', 'X A'],
  [
    'a header with a line break',
    { downloadHeaders: { 'X-A': 'a\r\nb' } },
    INVALID,
    'downloadHeaders["X-A"]',
    'X-A',
  ],
  ['a timeout as a string', { timeout: '1000' }, INVALID, 'timeout', '"1000"'],
  ['a timeout as a bigint', { timeout: 1000n }, INVALID, 'timeout', '1000'],
  ['a timeout that is NaN', { timeout: NaN }, INVALID, 'timeout', 'NaN'],
  ['a negative timeout', { timeout: -1 }, INVALID, 'timeout', '-1'],
  ['a fraction', { timeout: 1.5 }, INVALID, 'timeout', '1.5'],
  ['an infinite timeout', { timeout: Infinity }, INVALID, 'timeout', 'Infinity'],
  [
    'a number that is not exact',
    { maxDownloadSize: 2 ** 53 },
    INVALID,
    'maxDownloadSize',
    '9007199254740992',
  ],
  ['no timeout at all', { timeout: 0 }, INVALID, 'timeout', '0'],
  ['null for a number', { timeout: null }, INVALID, 'timeout', 'null'],
  ['a number that would wrap', { maxDownloadSize: -(2 ** 32) }, INVALID, 'maxDownloadSize', '-4294967296'],
  ['a proxy that is no URL', { proxy: '::' }, INVALID, 'proxy', 'proxy'],
  ['an ftp proxy', { proxy: 'ftp://127.0.0.1' }, INVALID, 'proxy', 'proxy'],
  ['a truthy flag', { allowDowngrades: 1 }, INVALID, 'allowDowngrades', '1'],
  ['a flag as text', { requireSignedVersion: 'true' }, INVALID, 'requireSignedVersion', '"true"'],
  [
    'null for a flag',
    { dangerousInsecureTransportProtocol: null },
    INVALID,
    'dangerousInsecureTransportProtocol',
    'null',
  ],
  ['an application id with a tab', { appId: 'a\tb' }, INVALID, 'appId', 'appId'],
  ['a symbol as channel', { channel: Symbol('x') }, INVALID, 'channel', 'symbol'],
  ['a relative data directory', { dataDir: 'data' }, INVALID, 'dataDir', 'data'],
  ['a demand as text', { requireSignedManifest: 'yes' }, INVALID, 'requireSignedManifest', '"yes"'],
  ['manifest keys that are one', { manifestPubkeys: GOOD.pubkey }, INVALID, 'manifestPubkeys', 'array'],
  [
    'no manifest key',
    { manifestPubkeys: [] },
    'ERR_UPDATER_INVALID_PUBKEY',
    'manifestPubkeys',
    'at least one',
  ],
  [
    'a bad manifest key',
    { manifestPubkeys: [GOOD.pubkey, 'x'] },
    'ERR_UPDATER_INVALID_PUBKEY',
    'manifestPubkeys[1]',
    'base64',
  ],
  ['a number for kept artifacts', { keepArtifact: 0 }, INVALID, 'keepArtifact', 'true or false'],
]

for (const [title, given, code, option, shown] of REFUSED) {
  test(`${title} is refused through the promise`, async (t) => {
    const isPlain = given && Object.getPrototypeOf(given) === Object.prototype && given !== hostile
    const options = isPlain ? { ...GOOD, ...given } : given
    for (const call of [checkUpdate, pendingUpdate]) {
      const error = await rejection(call('1.0.0', options))
      t.true(error instanceof Error)
      t.is(error.code, code, error.message)
      t.is(error.option, option, error.message)
      t.true(error.message.includes(shown), error.message)
    }
  })
}

for (const version of [undefined, null, 1, {}, '', '1.0', 'vv1.0.0', '01.0.0', '1.0.0 ', '\0']) {
  test(`${JSON.stringify(version)} is no version`, async (t) => {
    for (const call of [checkUpdate, pendingUpdate]) {
      const error = await rejection(call(version, GOOD))
      t.is(error.code, 'ERR_UPDATER_INVALID_VERSION')
      t.true(error.message.includes('version'), error.message)
    }
  })
}

test('calls without any argument are refused through the promise', async (t) => {
  t.is((await rejection(checkUpdate())).code, 'ERR_UPDATER_INVALID_VERSION')
  t.is((await rejection(pendingUpdate())).code, 'ERR_UPDATER_INVALID_VERSION')
})

test('check options of the wrong type are refused', async (t) => {
  for (const [given, option] of [
    [null, 'checkOptions'],
    [1, 'checkOptions'],
    [{ signal: null }, 'signal'],
    [{ signal: {} }, 'signal'],
    [{ signal: { aborted: 1 } }, 'signal.aborted'],
  ]) {
    const error = await rejection(checkUpdate('1.0.0', GOOD, given))
    t.is(error.code, INVALID)
    t.is(error.option, option)
  }
})

test('relaunch options of the wrong type are refused', async (t) => {
  for (const [given, option] of [
    [null, 'options'],
    [{ args: 'x' }, 'args'],
    [{ args: ['a', 1] }, 'args[1]'],
    [{ executablePath: 1 }, 'executablePath'],
  ]) {
    const error = await rejection(relaunch(given))
    t.is(error.code, INVALID)
    t.is(error.option, option)
  }
})

test('what an update is given is checked too', async (t) => {
  const { installed, options, server } = await fixture(t)
  const before = await installed()
  const update = await checkUpdate('1.0.0', options)
  const staged = await update.stage()
  const asked = server.requests.length
  for (const [call, option] of [
    [() => update.download(1), 'onChunk'],
    [() => update.download(undefined, {}), 'onDownloadFinished'],
    [() => update.downloadAndInstall('x'), 'onChunk'],
    [() => update.downloadAndInstall(() => {}, 1), 'onDownloadFinished'],
    [() => update.downloadAndInstall({ onProgress: 1 }), 'onProgress'],
    [() => update.downloadAndInstall({ signal: 1 }), 'signal'],
    [() => update.downloadAndInstall({ relaunch: 1 }), 'relaunch'],
    [() => update.stage(1), 'options'],
    [() => update.stage({ onProgress: null }), 'onProgress'],
    [() => update.install(), 'bytes'],
    [() => update.install('bytes'), 'bytes'],
    [() => update.install([1, 2]), 'bytes'],
    [() => update.install(new Uint16Array(2)), 'bytes'],
    [() => update.install(new SharedArrayBuffer(2)), 'bytes'],
    [() => update.install(new Uint8Array(new SharedArrayBuffer(2))), 'bytes'],
    [() => update.install(new ArrayBuffer(0)), 'bytes'],
    [() => update.install(new Uint8Array(1), { exit: 'yes' }), 'exit'],
    [() => staged.install({ relaunch: null }), 'relaunch'],
    [() => staged.install(1), 'options'],
  ]) {
    const error = await rejection(call())
    t.is(error.code, INVALID, `${call}`)
    t.is(error.option, option, `${call}: ${error.message}`)
  }
  t.is(server.requests.length, asked)
  t.deepEqual(await installed(), before)
})

/** The members of each interface of options. */
const NAMES = Object.fromEntries(
  [
    ...readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8').matchAll(
      /^export interface (\w*Options) \{(.*?)^\}/gms,
    ),
  ].map(([, title, body]) => [title, Array.from(body.matchAll(/^ {2}(\w+)\??:/gm), ([, name]) => name)]),
)

/** Slips of the pen. Names of four letters resemble too much to be told by more than their case. */
function misspellings(name) {
  const slips = [name.toUpperCase(), name.toLowerCase()]
  if (name.length >= 5) slips.push(`${name}s`, name.replace(/.(.)$/, 'x$1'))
  if (name.length > 5) slips.push(name.slice(1), name.slice(0, -1).toUpperCase())
  if (name.length >= 12) slips.push(`${name}Es`, `my${name}`, name.replace(/^(.)(.)/, '$2$1'))
  if (name.length >= 14) slips.push(name.slice(0, -2))
  return slips.filter((slip) => slip !== name)
}

function isMisspelt(t, error, given, meant) {
  t.is(error.code, INVALID, error.message)
  t.is(error.option, given, error.message)
  t.true(error.message.includes(`\`${meant}\``), error.message)
}

for (const [given, meant] of [
  ['requireSignedManifests', 'requireSignedManifest'],
  ['requiresSignedManifest', 'requireSignedManifest'],
  ['RequiresSignedManifests', 'requireSignedManifest'],
  ['requireSignedversion', 'requireSignedVersion'],
  ['manifestPubkey', 'manifestPubkeys'],
  ['manifestPubKeys', 'manifestPubkeys'],
  ['allowDowngrade', 'allowDowngrades'],
  ['appID', 'appId'],
])
  test(`${given} is refused, because ${meant} was meant`, async (t) => {
    for (const call of [checkUpdate, pendingUpdate])
      for (const value of [true, undefined])
        isMisspelt(t, await rejection(call('1.0.0', { ...GOOD, [given]: value })), given, meant)
  })

test('no option can be misspelt without being told', async (t) => {
  t.deepEqual(Object.keys(NAMES).sort(), [
    'CheckOptions',
    'DownloadOptions',
    'InstallOptions',
    'Options',
    'RelaunchOptions',
    'UpdaterWindowsOptions',
  ])
  const { options } = await fixture(t)
  const update = await checkUpdate('1.0.0', options)
  const staged = await update.stage()
  const calls = [
    ['Options', '', (given) => checkUpdate('1.0.0', { ...GOOD, ...given })],
    ['Options', '', (given) => pendingUpdate('1.0.0', { ...GOOD, ...given })],
    ['UpdaterWindowsOptions', 'windows.', (given) => checkUpdate('1.0.0', { ...GOOD, windows: given })],
    ['CheckOptions', '', (given) => checkUpdate('1.0.0', GOOD, given)],
    ['DownloadOptions', '', (given) => update.stage(given)],
    ['DownloadOptions', '', (given) => update.downloadAndInstall(given)],
    ['InstallOptions', '', (given) => update.downloadAndInstall(given)],
    ['InstallOptions', '', (given) => update.install(new Uint8Array(1), given)],
    ['InstallOptions', '', (given) => staged.install(given)],
    ['InstallOptions', '', async (given) => staged.installOnExit(given)],
    ['RelaunchOptions', '', (given) => relaunch(given)],
  ]
  for (const [title, prefix, call] of calls) {
    t.true(NAMES[title].length > 0, title)
    for (const name of NAMES[title])
      for (const slip of misspellings(name))
        isMisspelt(t, await rejection(call({ [slip]: undefined })), prefix + slip, name)
  }
})

test('no option resembles another one of the same call', (t) => {
  const { Options, CheckOptions, DownloadOptions, InstallOptions, ...others } = NAMES
  const both = [...new Set([...CheckOptions, ...DownloadOptions, ...InstallOptions])]
  for (const names of [Options, both, ...Object.values(others)])
    for (const [index, name] of names.entries())
      // Else what is one edit away from the one could be told to be the other, which is two away.
      for (const other of names.slice(index + 1))
        t.true(name.length < 5 || other.length < 5 || distance(name, other) > 3, `${name}, ${other}`)
})

/** How many characters have to be inserted, deleted or replaced. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [index, a] of [...one.toLowerCase()].entries()) {
    const next = [index + 1]
    for (const [at, b] of [...other.toLowerCase()].entries())
      next.push(Math.min(next[at] + 1, row[at + 1] + 1, row[at] + Number(a !== b)))
    row = next
  }
  return row.at(-1)
}

test('what an application keeps beside the options is none of ours', async (t) => {
  const { options } = await fixture(t)
  class Inherited {
    get requireSignedManifests() {
      return true
    }
  }
  const own = {
    appName: 'x',
    autoDownload: true,
    currentVersion: '1.0.0',
    interval: 1,
    logger: console,
    name: 'x',
    platform: 'x',
    prox: 'short',
    props: {},
    timeoutMs: 1,
    requireSignedManif: 'three letters less',
    url: 'x',
    7: 'x',
    '': 'x',
    '\ud800': 'x',
    [Symbol('timeouts')]: 1,
    get channelOfTheFuture() {
      throw new Error('read')
    },
  }
  const given = Object.create(new Inherited(), Object.getOwnPropertyDescriptors({ ...options }))
  Object.defineProperties(given, Object.getOwnPropertyDescriptors(own))
  const update = await checkUpdate('1.0.0', given, { exits: 1, [Symbol('signals')]: 1 })
  t.is(update.version, '2.0.0')
})

test('what lists its members with an exception is refused', async (t) => {
  const ownKeys = () => {
    throw new Error('trap')
  }
  const error = await rejection(checkUpdate('1.0.0', new Proxy(GOOD, { ownKeys })))
  t.is(error.code, INVALID)
  t.is(error.option, 'options')
})

test('the spellings of 0.2.x, unknown options and undefined are accepted', async (t) => {
  const { options } = await fixture(t)
  for (const more of [
    { windows: { installMode: 'Passive' } },
    { windows: { installMode: 'BasicUi', installerArgs: [] } },
    { windows: { installMode: 'Quiet' } },
    { windows: {} },
    { timeout: undefined, headers: undefined, keepArtifact: undefined },
    { keepArtifact: false },
    { keepArtifact: true },
    { somethingOfTheFuture: true },
    { headers: Object.assign(Object.create(null), { a: 'b' }) },
  ]) {
    const update = await checkUpdate('v1.0.0', { ...options, ...more }, undefined)
    t.is(update.version, '2.0.0')
  }
})
