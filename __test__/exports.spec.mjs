import { createRequire } from 'node:module'

import test from 'ava'

import * as updater from '../index.js'
import { runChild } from './support/child.mjs'
import { fixture, FORMAT, NEW, PLATFORM } from './support/fixture.mjs'
import { json } from './support/server.mjs'
import { testOnLinux } from './support/tools.mjs'

const NAMES = [
  'StagedUpdate',
  'Update',
  'UpdateFormat',
  'WindowsUpdateInstallMode',
  'checkUpdate',
  'pendingUpdate',
  'relaunch',
]

test('the same names are there for import and for require', (t) => {
  const required = createRequire(import.meta.url)('../index.js')
  for (const name of NAMES) {
    t.not(updater[name], undefined, name)
    t.is(updater[name], required[name], name)
  }
})

test('constants are there at run time', (t) => {
  t.deepEqual(
    { ...updater.WindowsUpdateInstallMode },
    { BasicUi: 'basicUi', Quiet: 'quiet', Passive: 'passive' },
  )
  t.deepEqual(
    { ...updater.UpdateFormat },
    { AppImage: 'appimage', App: 'app', Nsis: 'nsis', Wix: 'wix', Deb: 'deb', Rpm: 'rpm', Pacman: 'pacman' },
  )
})

test('nobody constructs an update', (t) => {
  t.throws(() => new updater.Update())
  t.throws(() => new updater.StagedUpdate())
})

test('an update says what was announced and what was asked for', async (t) => {
  const { app, key, options, publish, server } = await fixture(t)
  publish(undefined, { size: 300_000 })
  const asked = { ...options, pubkey: [key.pubkey, key.line], headers: { 'X-A': 'b' }, timeout: 5000 }
  const windows = { installerArgs: ['/X=a b'], installMode: 'Quiet' }
  const update = await updater.checkUpdate('1.0.0', { ...asked, windows })

  t.true(update instanceof updater.Update)
  t.is(update.currentVersion, '1.0.0')
  t.is(update.version, '2.0.0')
  t.is(update.target, PLATFORM)
  t.is(update.format, FORMAT)
  t.is(update.downloadUrl, `${server.url}/artifact`)
  t.is(update.extractPath, app)
  t.is(update.size, 300_000)
  t.is(update.timeout, 5000)
  t.deepEqual(update.pubkey, asked.pubkey)
  t.deepEqual(update.headers, asked.headers)
  t.deepEqual(update.windows, { installerArgs: ['/X=a b'], installMode: 'quiet' })
  t.is(update.body, undefined)
  t.is(update.date, undefined)
})

test('notes and date are passed on, and what is left out is undefined', async (t) => {
  const { key, options, server } = await fixture(t)
  const update = await updater.checkUpdate('1.0.0', options)
  t.is(update.pubkey, key.pubkey)
  t.is(update.size, undefined)
  t.is(update.timeout, undefined)
  t.is(update.windows, undefined)

  const { signature } = update
  server.routes['/latest.json'] = json({
    version: '2.0.0',
    notes: 'Fixes “it”',
    pub_date: '2024-02-29T12:00:00Z',
    platforms: { [PLATFORM]: { url: `${server.url}/artifact`, signature, format: FORMAT } },
  })
  const dated = await updater.checkUpdate('1.0.0', options)
  t.is(dated.body, 'Fixes “it”')
  t.is(dated.date, '2024-02-29T12:00:00Z')
})

test('JSON of an update is plain data without what was left out', async (t) => {
  const { app, options, server } = await fixture(t)
  const update = await updater.checkUpdate('1.0.0', options)
  const { signature, ...info } = JSON.parse(JSON.stringify(update))
  t.is(signature, update.signature)
  t.deepEqual(info, {
    currentVersion: '1.0.0',
    version: '2.0.0',
    target: PLATFORM,
    format: FORMAT,
    downloadUrl: `${server.url}/artifact`,
    extractPath: app,
  })
  t.deepEqual(structuredClone(update.toJSON()), update.toJSON())
})

testOnLinux(
  'nothing that JavaScript does to an update changes what it verifies or where it installs',
  async (t) => {
    const { app, installed, options } = await fixture(t)
    const update = await updater.checkUpdate('1.0.0', options)
    for (const name of ['version', 'signature', 'downloadUrl', 'extractPath', 'pubkey', 'headers', 'size']) {
      t.throws(() => (update[name] = 'x'), { instanceOf: TypeError }, name)
    }
    update.headers.Authorization = 'x'
    t.deepEqual(update.headers, {})
    Object.defineProperty(update, 'signature', { value: 'x' })
    Object.defineProperty(update, 'extractPath', { value: '/nowhere' })
    options.pubkey = 'x'
    options.endpoints.length = 0
    await update.downloadAndInstall()
    t.deepEqual(await installed(), NEW)
    t.is(update.toJSON().extractPath, app)
  },
)

testOnLinux('loading the addon starts no thread of its own', async (t) => {
  const source = `
    import { readdirSync, readFileSync } from 'node:fs'
    const threads = readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8'))
    console.log(threads.join())
  `
  const { code, stdout } = await runChild(t, source)
  t.is(code, 0)
  t.false(stdout.includes('updater'), stdout)
})

test('a process that has nothing left to do ends', async (t) => {
  const { options } = await fixture(t)
  const source = `
    const update = await updater.checkUpdate('1.0.0', input)
    await update.stage({ onProgress() {}, signal: new AbortController().signal })
  `
  const { code, stderr } = await runChild(t, source, { input: { ...options, timeout: 300_000 } })
  t.is(code, 0, stderr)
})
