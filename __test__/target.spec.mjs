import {
  chmod,
  chown,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'

import test from 'ava'

import { checkUpdate, pendingUpdate } from '../index.js'
import { appImage } from './support/artifact.mjs'
import { runChild } from './support/child.mjs'
import { fixture, NEW, OLD, rejection, tempDir } from './support/fixture.mjs'
import { sign } from './support/signer.mjs'

const NOBODY = 65534

test('the mode of the application is kept, plus that its owner may run it', async (t) => {
  const { app, installed, options } = await fixture(t)
  await chmod(app, 0o640)
  await (await checkUpdate('1.0.0', options)).downloadAndInstall()
  t.is((await stat(app)).mode & 0o7777, 0o740)
  t.deepEqual(await installed(), NEW)
})

test('where the application is a symlink, what it points to is replaced', async (t) => {
  const { app, dir, options } = await fixture(t)
  const real = join(dir, 'real.AppImage')
  await rename(app, real)
  await symlink('../real.AppImage', app)
  const update = await checkUpdate('1.0.0', options)
  await update.downloadAndInstall()
  t.true((await lstat(app)).isSymbolicLink())
  t.is(await readlink(app), '../real.AppImage')
  t.deepEqual(await readFile(real), NEW)
})

for (const name of [
  'with spaces',
  `'single' "double"`,
  'line\nbreak',
  'größe 试 🚀',
  '$(touch x);&|',
  '-rf',
]) {
  test(`an application named ${JSON.stringify(name)} is replaced`, async (t) => {
    const { dir, leftovers, options } = await fixture(t)
    const executablePath = join(dir, name, `${name}.AppImage`)
    await mkdir(dirname(executablePath))
    await writeFile(executablePath, OLD, { mode: 0o755 })
    await (await checkUpdate('1.0.0', { ...options, executablePath })).downloadAndInstall()
    t.deepEqual(await readFile(executablePath), NEW)
    t.deepEqual(await leftovers(), [])
  })
}

test('a read-only file in a directory that can be written is replaced', async (t) => {
  const { app, installed, options } = await fixture(t)
  await chmod(app, 0o555)
  await (await checkUpdate('1.0.0', options)).downloadAndInstall()
  t.deepEqual(await installed(), NEW)
  t.is((await stat(app)).mode & 0o777, 0o555)
})

test('an application on another file system than the data directory is replaced', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const dataDir = `/dev/shm/updater-test-${process.pid}`
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const other = await stat('/dev/shm').catch(() => undefined)
  if (!other || other.dev === (await stat(dirname(options.executablePath))).dev) {
    t.log('skipped: /dev/shm is not another file system')
    return t.pass()
  }
  await (await checkUpdate('1.0.0', { ...options, dataDir })).downloadAndInstall()
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
})

test('in a directory that cannot be written, installing is refused before anything is downloaded', async (t) => {
  const { app, dir, options, installed, server } = await fixture(t)
  const home = join(dir, 'home')
  await mkdir(home)
  if (process.getuid() === 0) await chown(home, NOBODY, NOBODY)
  await chmod(dir, 0o755)
  await chmod(dirname(app), 0o555)
  t.teardown(() => chmod(dirname(app), 0o755))
  const source = `
    const update = await updater.checkUpdate('1.0.0', input)
    await update.downloadAndInstall().catch((error) => console.log(error.code, error.message))
  `
  const uid = process.getuid() === 0 ? NOBODY : undefined
  const input = { ...options, dataDir: join(home, 'data') }
  const { stdout, stderr } = await runChild(t, source, { input, uid, env: { HOME: home } })
  t.regex(stdout, /^ERR_UPDATER_PERMISSION_DENIED /, stderr)
  t.true(stdout.includes(dirname(app)), stdout)
  t.deepEqual(await installed(), OLD)
  t.is(server.requestsOf('/artifact').length, 0)
})

for (const [title, prepare] of [
  ['missing', (app) => rm(app)],
  ['a directory', (app) => rm(app).then(() => mkdir(app))],
  ['a dangling symlink', (app) => rm(app).then(() => symlink('nowhere', app))],
  ['a circle of symlinks', (app) => rm(app).then(() => symlink(app, app))],
]) {
  test(`an application that is ${title} is not replaced`, async (t) => {
    const { app, options, leftovers } = await fixture(t)
    await prepare(app)
    const before = await lstat(app).catch(() => undefined)
    const error = await rejection(checkUpdate('1.0.0', options).then((update) => update.downloadAndInstall()))
    t.regex(error.code, /^ERR_UPDATER_(NOT_UPDATABLE|INVALID_OPTION|IO|PERMISSION_DENIED)$/, error.message)
    const after = await lstat(app).catch(() => undefined)
    t.is(after?.ino, before?.ino)
    t.deepEqual(await leftovers(), [])
  })
}

for (const [title, bytes] of [
  ['no ELF', Buffer.from('#!/bin/sh\necho hello\n')],
  [
    'an ELF without the AppImage magic',
    Buffer.concat([NEW.subarray(0, 8), Buffer.alloc(8), NEW.subarray(16)]),
  ],
  [
    'an AppImage for another processor',
    Buffer.concat([NEW.subarray(0, 18), Buffer.from([0xf3, 0]), NEW.subarray(20)]),
  ],
]) {
  test(`an artifact that is ${title} is not installed, although it is signed`, async (t) => {
    const { app, installed, key, options, publish } = await fixture(t)
    publish(bytes, { signature: sign(key, bytes) })
    const error = await rejection((await checkUpdate('1.0.0', options)).downloadAndInstall())
    t.is(error.code, 'ERR_UPDATER_INVALID_ARTIFACT')
    t.deepEqual(await installed(), OLD)
    t.deepEqual(await readdir(dirname(app)), ['app.AppImage'])
  })
}

test('formats that cannot be installed here say so', async (t) => {
  const { installed, options, publish } = await fixture(t)
  const refusal = async (format) => {
    publish(NEW, { format })
    return rejection(checkUpdate('1.0.0', options).then((update) => update.downloadAndInstall()))
  }
  for (const format of ['app', 'nsis', 'wix']) {
    t.is((await refusal(format)).code, 'ERR_UPDATER_UNSUPPORTED_FORMAT', format)
  }
  for (const format of ['deb', 'rpm', 'pacman']) {
    const { code, message } = await refusal(format)
    t.is(code, 'ERR_UPDATER_NOT_UPDATABLE', format)
    t.regex(message, new RegExp(`app.AppImage belongs to no ${format} package`))
  }
  t.deepEqual(await installed(), OLD)
})

test('without an installed application, plain node can check but never replaces itself', async (t) => {
  const { options } = await fixture(t)
  const before = await stat(process.execPath)
  const source = `
    const update = await updater.checkUpdate('1.0.0', input)
    for (const call of [() => update.downloadAndInstall(), () => update.stage().then((staged) => staged.install())]) {
      await call().then(() => console.log('installed'), (error) => console.log(error.code))
    }
  `
  const { stdout, stderr } = await runChild(t, source, { input: { ...options, executablePath: undefined } })
  t.is(stdout, 'ERR_UPDATER_NOT_UPDATABLE\nERR_UPDATER_NOT_UPDATABLE\n', stderr)
  t.is((await stat(process.execPath)).ino, before.ino)
})

test('an $APPIMAGE inherited from another program is not replaced', async (t) => {
  const { options } = await fixture(t)
  const dir = await tempDir(t)
  const terminal = join(dir, 'terminal.AppImage')
  const bytes = appImage('terminal')
  await writeFile(terminal, bytes, { mode: 0o755 })
  await mkdir(join(dir, 'mount'))
  const source = `
    const update = await updater.checkUpdate('1.0.0', input)
    await update.downloadAndInstall().catch((error) => console.log(error.code))
  `
  const input = { ...options, executablePath: undefined }
  for (const env of [{ APPIMAGE: terminal }, { APPIMAGE: terminal, APPDIR: join(dir, 'mount') }]) {
    const { stdout, stderr } = await runChild(t, source, { input, env })
    t.is(stdout.trim(), 'ERR_UPDATER_NOT_UPDATABLE', stderr)
  }
  t.deepEqual(await readFile(terminal), bytes)
})

test("an $APPIMAGE that is this application's own is replaced", async (t) => {
  const { app, installed, options } = await fixture(t)
  const source = `await (await updater.checkUpdate('1.0.0', input)).downloadAndInstall()`
  const input = { ...options, executablePath: undefined }
  const env = { APPIMAGE: app, APPDIR: dirname(process.execPath) }
  const { code, stderr } = await runChild(t, source, { input, env })
  t.is(code, 0, stderr)
  t.deepEqual(await installed(), NEW)
})

test('a failed installation leaves nothing that a later check has to trip over', async (t) => {
  const { app, dir, leftovers, options } = await fixture(t)
  const staged = await (await checkUpdate('1.0.0', options)).stage()
  await rename(app, join(dir, 'elsewhere'))
  await t.throwsAsync(staged.install())
  await rename(join(dir, 'elsewhere'), app)
  t.not(await pendingUpdate('1.0.0', options), null)
  t.true((await leftovers()).length <= 1)
})
