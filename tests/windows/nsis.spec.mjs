import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Application, HELD, end, nsis, prepare, splitsInto, textOf, until } from './support.mjs'

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

async function installed(t) {
  const application = await Application.install(t)
  application.publish(nsis(application.directory), 'nsis')
  return application
}

for (const [installMode, switches] of [
  ['passive', ['/P', '/R']],
  ['quiet', ['/S', '/R']],
  ['basicUi', []],
]) {
  test(`${installMode}: from the check to the new version, each argument as one`, async (t) => {
    const application = await installed(t)
    const { checked, stayed, exit } = await application.run('install', {
      options: { windows: { installMode, installerArgs: ARGS } },
    })
    assert.equal(checked.path, application.program)
    assert.deepEqual({ stayed, exit }, { stayed: undefined, exit: { code: 0 } })
    const told = await textOf(`${application.directory}\\told.txt`, 'utf16le')
    assert.ok(splitsInto(told, ...switches, ...ARGS), told)
    assert.equal(application.has(`${application.directory}\\silent.txt`), installMode === 'quiet')
    if (installMode !== 'basicUi')
      assert.deepEqual((await application.started()).toSpliced(1, 1), ['2.0.0', 'started-by-installer'])
    const [{ names }] = application.installs()
    assert.deepEqual(names, ['App-2.0.0-installer.exe'])
  })
}

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
  assert.ok(splitsInto(told, '/S', '/R', 'a b'), told)
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
    options: { windows: { installerArgs: ['fine', '/D=C:\\"x"'] } },
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
