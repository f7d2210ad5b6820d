import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  Application,
  HELD,
  OTHER_RELAUNCHER,
  addonBeside,
  end,
  nsis,
  prepare,
  splitsInto,
  textOf,
  until,
} from './support.mjs'

/** Each has to reach the installer as one argument. */
const ARGS = [
  'two words',
  'say "hi" now',
  '%PATH%',
  'a;b',
  '$(x) `y`',
  'C:\\dir with space\\',
  'é日本🦀',
  '',
  '&|<>^',
]

before(prepare)
after(end)

async function installed(t, how) {
  const application = await Application.install(t)
  application.publish(nsis(application.directory, how), 'nsis')
  return application
}

for (const [installMode, switches] of [
  ['passive', ['/P']],
  ['quiet', ['/S']],
  ['basicUi', []],
]) {
  test(`${installMode}: from the check to the new version, each argument as one`, async (t) => {
    const application = await installed(t)
    const options = { windows: { installMode, installerArgs: ARGS } }
    const { checked, done, stayed, exit } = await application.run(
      'install',
      { options },
      'two words',
      'a"b\\',
    )
    assert.equal(checked.path, application.program)
    // Who waits for the promise hears before the process ends.
    assert.deepEqual({ done, stayed, exit }, { done: {}, stayed: undefined, exit: { code: 0 } })
    const told = await textOf(`${application.directory}\\told.txt`, 'utf16le')
    assert.ok(splitsInto(told, ...switches, ...ARGS), told)
    assert.equal(application.has(`${application.directory}\\silent.txt`), installMode === 'quiet')
    const [version, directory, script, request, ...args] = await application.started()
    assert.deepEqual([version, directory, args], ['2.0.0', application.home, ['two words', 'a"b\\']])
    assert.ok(script.endsWith('update.cjs') && request.endsWith('.json'))
    const [{ names }] = application.installs()
    assert.deepEqual(names.sort(), ['App-2.0.0-installer.exe', 'relauncher.exe'])
  })
}

test('the new version starts when the installer has ended, which nobody can change until then', async (t) => {
  const application = await installed(t)
  const wait = `${application.directory}\\wait.txt`
  application.write(wait, '')
  const { exit } = await application.run('relaunchThenInstall', {
    // Of what was asked for before, nothing is started while the installer is at work.
    relaunch: { executablePath: application.program, args: ['too early'] },
    options: { windows: { installMode: 'quiet' } },
  })
  assert.equal(exit.code, 0)
  await until('the installer runs', () => application.has(`${application.directory}\\runs.txt`))
  const [{ path }] = application.installs()
  assert.deepEqual(await application.attack(`${path}\\App-2.0.0-installer.exe`), HELD)
  assert.ok(!application.has(`${application.directory}\\started.txt`))
  application.remove(wait)
  const [version, ...rest] = await application.started()
  assert.equal(version, '2.0.0')
  assert.ok(!rest.includes('too early'))
})

test('an installer that fails leaves the old version, which is started and left in peace; another attempt downloads nothing', async (t) => {
  const application = await installed(t, { fails: true })
  const options = { windows: { installMode: 'quiet' } }
  assert.equal((await application.run('install', { options })).exit.code, 0)
  assert.equal((await application.started())[0], '1.0.0')
  // It would be installed, and fail, at every start.
  assert.equal((await application.run('pending')).pending.version, null)
  assert.equal((await application.run('install', { options })).checked.version, null)
  assert.equal((await application.run('check')).checked.version, '2.0.0')
  assert.deepEqual((await application.run('stage')).done, {})
  assert.equal(application.server.requestsOf('/artifact').length, 1)
  assert.equal((await application.run('pending')).pending.version, '2.0.0')
})

test('without relauncher.exe only an application that is to be started again is refused', async (t) => {
  const application = await installed(t)
  const { addon } = addonBeside(t)
  const { failed } = await application.run('install', { addon })
  assert.equal(failed.code, 'ERR_UPDATER_NOT_UPDATABLE')
  assert.match(failed.message, /relauncher\.exe is missing.*or install with `relaunch: false`/)
  assert.equal(application.server.requestsOf('/artifact').length, 0)
  assert.deepEqual((await application.run('install', { addon, install: { relaunch: false } })).done, {})
  await textOf(`${application.directory}\\told.txt`, 'utf16le')
})

test('an installer that ends the application has it started again', async (t) => {
  const application = await installed(t, { ends: 'node.exe' })
  const run = application.start('install', { lingers: true, options: { windows: { installMode: 'quiet' } } })
  assert.equal((await application.started())[0], '2.0.0')
  assert.ok((await run.events()).every(({ event }) => event !== 'exit'))
})

test('no installer is begun without somebody who waits for its end', async (t) => {
  const application = await installed(t)
  const { addon } = addonBeside(t, OTHER_RELAUNCHER)
  const { failed } = await application.run('install', { addon })
  assert.equal(failed.code, 'ERR_UPDATER_IO')
  assert.match(failed.message, /relauncher\.exe belongs to another version/)
  assert.equal((await application.run('pending')).pending.version, '2.0.0')
  assert.ok(!application.has(`${application.directory}\\runs.txt`))
})

test('what an installer is at work with can be discarded, and is gone after the next check', async (t) => {
  const application = await installed(t)
  const wait = `${application.directory}\\wait.txt`
  application.write(wait, '')
  const { done, failed } = await application.run('installThenDiscard', { install: { exit: false } })
  assert.deepEqual({ done, failed }, { done: {}, failed: undefined })
  application.remove(wait)
  await application.started()
  assert.equal((await application.run('check')).checked.version, null)
  assert.deepEqual(application.downloads(), [])
})

test('what was installed is gone after the next check, and not offered again', async (t) => {
  const application = await installed(t)
  await application.run('install', { options: { windows: { installMode: 'quiet' } } })
  await application.started()
  assert.equal((await application.run('check')).checked.version, null)
  assert.deepEqual(application.installs(), [])
})

test('/D= names a directory with spaces, last and unquoted', async (t) => {
  const application = await installed(t)
  const directory = application.path('other place')
  await application.run('install', {
    options: { windows: { installMode: 'quiet', installerArgs: [`/D=${directory}`, 'a b'] } },
  })
  const told = await textOf(`${directory}\\told.txt`, 'utf16le')
  assert.ok(splitsInto(told, '/S', 'a b'), told)
})

test('an application that quits by itself is left alone, and not started without being asked', async (t) => {
  const application = await installed(t)
  const { done, stayed } = await application.run('bytes', {
    install: { exit: false, relaunch: false },
    options: { windows: { installMode: 'quiet' } },
  })
  assert.deepEqual({ done, stayed }, { done: {}, stayed: {} })
  const told = await textOf(`${application.directory}\\told.txt`, 'utf16le')
  assert.ok(splitsInto(told, '/S'), told)
})

test('nobody can change the installer between verification and start', async (t) => {
  const application = await installed(t)
  const run = application.start('atExit', { options: { windows: { installMode: 'quiet' } } })
  await run.noted('scheduled')
  const [{ path }] = await untilInstalls(application)
  assert.deepEqual(await application.attack(`${path}\\App-2.0.0-installer.exe`), HELD)
  run.go()
  assert.equal((await application.started())[0], '2.0.0')
})

test('an update that waited for the end of a process that was killed is found again', async (t) => {
  const application = await installed(t)
  const run = application.start('atExit')
  await run.noted('scheduled')
  await untilInstalls(application)
  await run.kill()
  assert.equal((await application.run('pending')).pending.version, '2.0.0')
  assert.equal((await application.run('check')).checked.version, '2.0.0')
  assert.deepEqual(application.installs(), [])
  assert.ok(!application.has(`${application.directory}\\told.txt`))
})

test('what is no program is refused, and nothing is left of it', async (t) => {
  const application = await installed(t)
  application.publish(Buffer.from('#!/bin/sh\n'), 'nsis')
  const { failed } = await application.run('install')
  assert.equal(failed.code, 'ERR_UPDATER_INVALID_ARTIFACT')
  assert.deepEqual(application.installs(), [])
})

test('arguments that no installer could be told are refused by the check', async (t) => {
  const application = await installed(t)
  const { failed } = await application.run('check', {
    options: { windows: { installerArgs: ['fine', '/S and more'] } },
  })
  assert.deepEqual([failed.code, failed.option], ['ERR_UPDATER_INVALID_OPTION', 'windows.installerArgs[1]'])
})

test('data lies with the local data of the user by default', async (t) => {
  const application = await installed(t)
  const before = application.local()
  const { done } = await application.run('stage', { options: { dataDir: undefined } })
  assert.deepEqual(done, {})
  const made = application.local().filter((name) => !before.includes(name))
  t.after(() => made.forEach((name) => application.forget(name)))
  assert.equal(made.length, 1)
})

test('plain node.exe is not updatable; checking works', async (t) => {
  const application = await installed(t)
  const { checked, failed } = await application.run('install', { options: { executablePath: undefined } })
  assert.equal(checked.version, '2.0.0')
  assert.equal(failed.code, 'ERR_UPDATER_NOT_UPDATABLE')
})

/** The installer is linked when everything else of the preparation is done, and then verified. */
const untilInstalls = (application) =>
  until('a prepared installer', () => {
    const installs = application.installs()
    return installs[0]?.names.length > 0 && installs
  })
