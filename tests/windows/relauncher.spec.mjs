import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'

import {
  Application,
  HELD_UP_RELAUNCHER,
  OTHER_RELAUNCHER,
  RELAUNCHER,
  addonBeside,
  end,
  nsis,
  prepare,
  until,
} from './support.mjs'

before(prepare)
after(end)

test('relaunch starts the last program that was asked for, once the process has ended', async (t) => {
  const application = await Application.install(t)
  const { done } = await application.run('relaunch', {
    relaunch: { executablePath: application.program, args: ['', 'two words', 'a"b\\', 'é日本'] },
  })
  assert.deepEqual(done, {})
  const [version, , ...args] = await application.started()
  assert.deepEqual([version, args], ['1.0.0', ['', 'two words', 'a"b\\', 'é日本']])
})

test('relaunch after an installer was started waits for its end', async (t) => {
  const application = await Application.install(t)
  application.publish(nsis(application.directory), 'nsis')
  const wait = `${application.directory}\\wait.txt`
  application.write(wait, '')
  const { done } = await application.run('installThenRelaunch', {
    install: { exit: false, relaunch: false },
    options: { windows: { installMode: 'quiet' } },
    relaunch: { executablePath: application.program, args: ['later'] },
  })
  assert.deepEqual(done, {})
  await until('the installer runs', () => application.has(`${application.directory}\\runs.txt`))
  // Time enough to do the wrong thing.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  assert.ok(!application.has(`${application.directory}\\started.txt`))
  application.remove(wait)
  const [version, , ...args] = await application.started()
  assert.deepEqual([version, args], ['2.0.0', ['later']])
})

for (const then of ['starts', 'does not start']) {
  test(`relaunch before an installer that ${then} is not forgotten`, async (t) => {
    const application = await Application.install(t)
    const starts = then === 'starts'
    application.publish(starts ? nsis(application.directory) : Buffer.from('MZ, and no program'), 'nsis')
    const wait = `${application.directory}\\wait.txt`
    if (starts) application.write(wait, '')
    const { failed } = await application.run('relaunchThenInstall', {
      relaunch: { executablePath: application.program, args: ['asked', 'for'] },
      install: { exit: false, relaunch: false },
      options: { windows: { installMode: 'quiet' } },
    })
    assert.equal(failed?.code, starts ? undefined : 'ERR_UPDATER_IO')
    if (starts) {
      await until('the installer runs', () => application.has(`${application.directory}\\runs.txt`))
      // Time enough to do the wrong thing.
      await new Promise((resolve) => setTimeout(resolve, 1000))
      assert.ok(!application.has(`${application.directory}\\started.txt`))
      application.remove(wait)
    }
    const [version, , ...args] = await application.started()
    assert.deepEqual([version, args], [starts ? '2.0.0' : '1.0.0', ['asked', 'for']])
  })
}

test('a relauncher.exe that is kept from running is an error, and holds nobody up for ever', async (t) => {
  const application = await Application.install(t)
  const { addon } = addonBeside(t, HELD_UP_RELAUNCHER)
  const { failed, stayed } = await application.run('relaunch', {
    addon,
    relaunch: { executablePath: application.program },
  })
  assert.equal(failed.code, 'ERR_UPDATER_IO')
  assert.match(failed.message, /relauncher\.exe did not answer/)
  assert.deepEqual(stayed, {})
})

test('a relauncher.exe of another version is an error that says so', async (t) => {
  const application = await Application.install(t)
  const { addon } = addonBeside(t, OTHER_RELAUNCHER)
  const { failed } = await application.run('relaunch', {
    addon,
    relaunch: { executablePath: application.program },
  })
  assert.equal(failed.code, 'ERR_UPDATER_IO')
  assert.match(failed.message, /relauncher\.exe belongs to another version of this package/)
})

test('relauncher.exe is small, and Windows opens no console for it', () => {
  const bytes = readFileSync(RELAUNCHER)
  // PE format: the offset of the header at 0x3c; in it, behind signature and file header (24 bytes), the size in memory
  // at 56, because mingw leaves symbols in the file, and the subsystem at 68.
  const header = bytes.readUInt32LE(0x3c) + 24
  const size = bytes.readUInt32LE(header + 56)
  assert.ok(size < 1 << 20, `${size} bytes`)
  const IMAGE_SUBSYSTEM_WINDOWS_GUI = 2
  assert.equal(bytes.readUInt16LE(header + 68), IMAGE_SUBSYSTEM_WINDOWS_GUI)
})
