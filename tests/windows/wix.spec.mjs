import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'

import {
  Application,
  HELD,
  OTHER_RELAUNCHER,
  RELAUNCHER,
  addonBeside,
  end,
  msi,
  prepare,
  standIn,
  until,
  wine,
} from './support.mjs'

const ONE = 'two words; 100% $(x) é日本'
const TWO = "a\\b\t'c' & <d> ^e"
const THREE = 'C:\\dir with space\\'

before(prepare)
after(end)

/** An application that an MSI of version 1.0.0 installed. */
async function installed(t) {
  const application = await Application.install(t)
  application.code = randomUUID()
  application.write(application.path('one.msi'), msi('1.0.0', application.code))
  assert.equal(
    wine('msiexec', '/i', application.path('one.msi'), '/qn', `INSTALLDIR=${application.directory}`),
    0,
  )
  const next = msi('2.0.0', application.code)
  application.write(application.path('two.msi'), next)
  t.after(() =>
    ['one', 'two'].forEach((name) => wine('msiexec', '/x', application.path(`${name}.msi`), '/qn')),
  )
  application.publish(next, 'wix')
  return application
}

const windows = (application, installMode = 'quiet', more = []) => ({
  installMode,
  installerArgs: [`INSTALLDIR=${application.directory}`, ...more],
})

for (const [installMode, level] of [
  ['passive', '3'],
  ['quiet', '2'],
  ['basicUi', '3'],
]) {
  test(`${installMode}: from the check to the new version, started when msiexec has ended`, async (t) => {
    const application = await installed(t)
    const properties = [`ONE=${ONE}`, `TWO=${TWO}`, `THREE=${THREE}`]
    const options = { windows: windows(application, installMode, properties) }
    const { done, stayed, exit } = await application.run('install', { options }, 'two words', 'a"b\\')
    assert.deepEqual({ done, stayed, exit }, { done: {}, stayed: undefined, exit: { code: 0 } })
    const [version, directory, script, request, ...args] = await application.started()
    assert.deepEqual([version, directory, args], ['2.0.0', application.home, ['two words', 'a"b\\']])
    assert.ok(script.endsWith('update.cjs') && request.endsWith('.json'))
    assert.deepEqual(
      await Promise.all(['ONE', 'TWO', 'THREE', 'LEVEL'].map((name) => application.value(name))),
      [ONE, TWO, THREE, level],
    )
    assert.equal((await application.run('check')).checked.version, null)
    await until('the next check clears up', () => application.installs().length === 0)
  })
}

test('quotation marks in a property reach Windows Installer', async (t) => {
  const application = await Application.install(t)
  standIn(t)
  const next = msi('2.0.0')
  application.write(application.path('two.msi'), next)
  // When the real one is back.
  t.after(() => wine('msiexec', '/x', application.path('two.msi'), '/qn'))
  application.publish(next, 'wix')
  // With spaces around them: wine finds the end of a value by these too, where Windows only counts marks.
  const values = ['"one" two', 'a "b c" d', 'two "one"']
  const properties = ['ONE', 'TWO', 'THREE'].map((name, index) => `${name}=${values[index]}`)
  const options = { windows: windows(application, 'quiet', properties) }
  const { done } = await application.run('install', { install: { exit: false, relaunch: false }, options })
  assert.deepEqual(done, {})
  const found = await Promise.all(['ONE', 'TWO', 'THREE'].map((name) => application.value(name)))
  assert.deepEqual(found, values)
})

test('exit: false waits for msiexec, and relaunches when the process ends', async (t) => {
  const application = await installed(t)
  const { done, stayed } = await application.run('install', {
    install: { exit: false },
    options: { windows: windows(application) },
  })
  assert.deepEqual({ done, stayed }, { done: {}, stayed: {} })
  assert.equal((await application.started())[0], '2.0.0')
  assert.equal((await application.run('check')).checked.version, null)
  assert.deepEqual(application.installs(), [])
})

test('exit: false relaunches also where the installation replaced relauncher.exe', async (t) => {
  const application = await Application.install(t)
  application.publish(msi('2.0.0'), 'wix')
  const { addon, replace } = addonBeside(t, RELAUNCHER)
  const { line, go } = standIn(t, 0, { wait: true })
  const run = application.start('install', { addon, install: { exit: false } })
  await line()
  replace(OTHER_RELAUNCHER)
  go()
  assert.ok((await run.events()).some(({ event }) => event === 'done'))
  assert.equal((await application.started())[0], '1.0.0')
})

test('relaunch after an MSI was scheduled changes what is started, and the MSI is installed', async (t) => {
  const application = await installed(t)
  const run = application.start('installThenRelaunch', {
    lingers: true,
    options: { windows: windows(application) },
    relaunch: { executablePath: application.program, args: ['later'] },
  })
  await run.noted('done')
  run.go()
  const [version, , ...args] = await application.started()
  assert.deepEqual([version, args], ['2.0.0', ['later']])
})

test('relaunch before an MSI that starts nothing itself is not forgotten', async (t) => {
  const application = await installed(t)
  const { exit } = await application.run('relaunchThenInstall', {
    relaunch: { executablePath: application.program, args: ['asked', 'for'] },
    install: { relaunch: false },
    options: { windows: windows(application) },
  })
  assert.equal(exit.code, 0)
  const [version, , ...args] = await application.started()
  assert.deepEqual([version, args], ['2.0.0', ['asked', 'for']])
})

test('an MSI that waited for the end of the process is installed then, and the new version started', async (t) => {
  const application = await installed(t)
  const run = application.start('atExit', { options: { windows: windows(application) } }, 'argument')
  await run.noted('scheduled')
  run.go()
  const started = await application.started()
  assert.deepEqual([started[0], started.at(-1)], ['2.0.0', 'argument'])
})

test('a package that fails leaves the old version, which is started again', async (t) => {
  const application = await installed(t)
  application.publish(msi('2.0.0', application.code, { fails: true }), 'wix')
  const options = { windows: windows(application) }
  const { failed } = await application.run('install', { install: { exit: false }, options })
  assert.deepEqual([failed.code, failed.exitCode], ['ERR_UPDATER_INSTALLER_FAILED', 1603])
  assert.deepEqual(application.installs(), [])
  assert.equal((await application.run('pending', { options })).pending.version, '2.0.0')
  assert.equal((await application.run('install', { options })).exit.code, 0)
  assert.equal((await application.started())[0], '1.0.0')
})

for (const [code, expected] of [
  [0, undefined],
  [3010, undefined],
  [1641, undefined],
  [1602, 'ERR_UPDATER_INSTALLER_CANCELLED'],
  [1618, 'ERR_UPDATER_INSTALLER_BUSY'],
  [1619, 'ERR_UPDATER_INSTALLER_FAILED'],
]) {
  test(`msiexec's exit code ${code} is ${expected ?? 'success'}, whatever lies there afterwards`, async (t) => {
    const application = await Application.install(t)
    application.publish(msi('2.0.0'), 'wix')
    const { line, go } = standIn(t, code, { wait: true })
    const run = application.start('install', { install: { exit: false, relaunch: false } })
    assert.match(
      await line(),
      /msiexec\.exe"? +\/i "C:\\.*\\App-2\.0\.0-installer\.msi" \/passive \/promptrestart$/,
    )
    // Undoing puts the old version back as another file; a success may leave it there until Windows starts again.
    if (expected) application.restore()
    go()
    const events = await run.events()
    const failed = events.find(({ event }) => event === 'failed')
    assert.equal(failed?.code, expected)
    assert.equal(failed?.exitCode, expected && code)
    assert.equal(
      events.some(({ event }) => event === 'done'),
      expected === undefined,
    )
    assert.equal((await application.run('check')).checked.version, expected ? '2.0.0' : null)
    assert.equal((await application.run('pending')).pending.version, expected ? '2.0.0' : null)
    assert.ok(!application.has(`${application.directory}\\started.txt`))
  })
}

for (const code of [0, 1602]) {
  test(`the package is held while msiexec runs; the application starts after it, also after ${code}`, async (t) => {
    const application = await Application.install(t)
    application.publish(msi('2.0.0'), 'wix')
    const { line, go } = standIn(t, code, { wait: true })
    const { exit } = await application.run('install')
    assert.equal(exit.code, 0)
    await line()
    const [{ path, names }] = application.installs()
    assert.deepEqual(names.sort(), ['App-2.0.0-installer.msi', 'relauncher.exe'])
    assert.deepEqual(await application.attack(`${path}\\App-2.0.0-installer.msi`), HELD)
    assert.ok(!application.has(`${application.directory}\\started.txt`))
    go()
    assert.equal((await application.started())[0], '1.0.0')
  })
}

for (const how of ['exits', 'is killed']) {
  test(`msiexec is not run before the application ${how}`, async (t) => {
    const application = await Application.install(t)
    application.publish(msi('2.0.0'), 'wix')
    const { line, isCalled } = standIn(t, 0)
    const run = application.start('install', { lingers: true })
    await run.noted('asked to exit')
    assert.ok(application.installs()[0].names.includes('relauncher.exe'))
    // Time enough to do the wrong thing.
    await new Promise((resolve) => setTimeout(resolve, 1000))
    assert.ok(!isCalled())
    if (how === 'exits') run.go()
    else await run.kill()
    await line()
    assert.equal((await application.started())[0], '1.0.0')
  })
}

test('without relauncher.exe what needs it is refused before it is downloaded', async (t) => {
  const application = await Application.install(t)
  application.publish(msi('2.0.0'), 'wix')
  const { addon } = addonBeside(t)
  for (const install of [undefined, { exit: false }]) {
    const { failed } = await application.run('install', { addon, install })
    assert.equal(failed.code, 'ERR_UPDATER_NOT_UPDATABLE')
    assert.match(failed.message, /relauncher\.exe is missing.*exit: false.*relaunch: false/)
  }
  assert.equal(application.server.requestsOf('/artifact').length, 0)
  standIn(t, 0)
  const { done } = await application.run('install', { addon, install: { exit: false, relaunch: false } })
  assert.deepEqual(done, {})
})
