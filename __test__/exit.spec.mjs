import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import test from 'ava'

import { checkUpdate, pendingUpdate } from '../index.js'
import { appImage, MACHINES } from './support/artifact.mjs'
import { ADDON, runChild } from './support/child.mjs'
import { fixture, NEW, OLD } from './support/fixture.mjs'
import { sign, trustedComment } from './support/signer.mjs'

const STAGE = `const staged = await (await updater.checkUpdate('1.0.0', input)).stage()\n`

/** Stages in a process that goes on with `source`. */
const staging = (t, options, source) => runChild(t, STAGE + source, { input: options })

test('the update is installed however the process exits by itself, and the exit code stays', async (t) => {
  for (const [end, expected] of [
    ['', 0],
    ['process.exit(3)', 3],
    ['setTimeout(() => process.exit(4), 300)', 4],
    ['process.exitCode = 5', 5],
    [`process.on('exit', () => process.exit(6))`, 6],
    [`throw new Error('uncaught')`, 1],
  ]) {
    const { installed, leftovers, options } = await fixture(t)
    const { code, stderr } = await staging(t, options, `staged.installOnExit()\n${end}`)
    t.is(code, expected, stderr)
    t.deepEqual(await installed(), NEW, end)
    t.deepEqual(await leftovers(), [], end)
  }
})

test('a listener that was there first, and exits or throws, does not prevent it', async (t) => {
  for (const end of ['process.exit(6)', `throw new Error('in a listener')`]) {
    const { installed, leftovers, options } = await fixture(t)
    const source = `process.on('exit', () => { ${end} })\n${STAGE}staged.installOnExit()`
    const { code, stderr } = await runChild(t, source, { input: options })
    t.not(code, 0, stderr)
    t.deepEqual(await installed(), NEW, end)
    t.deepEqual(await leftovers(), [], end)
  }
})

test('while the process exits it is too late to ask for it, which is told', async (t) => {
  for (const [before, expected] of [
    ['', OLD],
    ['staged.installOnExit()', NEW],
  ]) {
    const { installed, options } = await fixture(t)
    const source = `
      ${before}
      process.on('exit', () => {
        try { staged.installOnExit() } catch ({ code, option }) { console.log(code, option) }
      })
    `
    const { stdout } = await staging(t, options, source)
    t.is(stdout, 'ERR_UPDATER_INVALID_OPTION installOnExit\n')
    t.deepEqual(await installed(), expected)
  }
})

test('until then nothing of the application changes', async (t) => {
  const { installed, options } = await fixture(t)
  const source = `
    import { readFileSync } from 'node:fs'
    import { setTimeout } from 'node:timers/promises'
    staged.installOnExit()
    await setTimeout(300)
    console.log(readFileSync(input.executablePath).toString('base64'))
  `
  const { stdout } = await staging(t, options, source)
  t.deepEqual(Buffer.from(stdout, 'base64'), OLD)
  t.deepEqual(await installed(), NEW)
})

test('a process that is killed installs nothing, and the next run finds the update', async (t) => {
  const { installed, options } = await fixture(t)
  const { signal } = await staging(t, options, `staged.installOnExit(); process.kill(process.pid, 'SIGKILL')`)
  t.is(signal, 'SIGKILL')
  t.deepEqual(await installed(), OLD)
  const staged = await pendingUpdate('1.0.0', options)
  await staged.install()
  t.deepEqual(await installed(), NEW)
})

test('checks in between leave what was made ready on another file system', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const dataDir = existsSync('/dev/shm') ? await mkdtemp('/dev/shm/updater-') : options.dataDir
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  const source = `
    import { setTimeout } from 'node:timers/promises'
    staged.installOnExit()
    for (let checks = 0; checks < 5; checks += 1) {
      await setTimeout(60)
      await updater.checkUpdate('1.0.0', input)
    }
  `
  const { stderr } = await staging(t, { ...options, dataDir }, source)
  t.is(stderr, '')
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
})

test('discard takes it back', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const { stderr } = await staging(t, options, `staged.installOnExit(); await staged.discard()`)
  t.is(stderr, '')
  t.deepEqual(await installed(), OLD)
  t.deepEqual(await leftovers(), [])
})

test("what is done with another application's update does not take it back", async (t) => {
  for (const action of ['install', 'discard']) {
    const [mine, other] = [await fixture(t), await fixture(t)]
    const source = `
      const [mine, other] = await Promise.all(
        input.map(async (options) => (await updater.checkUpdate('1.0.0', options)).stage()),
      )
      mine.installOnExit()
      await other.${action}()
    `
    const { stderr } = await runChild(t, source, { input: [mine.options, other.options] })
    t.is(stderr, '')
    t.deepEqual(await mine.installed(), NEW, action)
    t.deepEqual(await other.installed(), action === 'install' ? NEW : OLD)
    t.deepEqual(await mine.leftovers(), [])
  }
})

test('an installation that fails now is still done at exit', async (t) => {
  const { installed, leftovers, options } = await fixture(t)
  const source = `
    import { renameSync } from 'node:fs'
    import { setTimeout } from 'node:timers/promises'
    const [app, elsewhere] = [input.executablePath, input.executablePath + '.moved']
    staged.installOnExit()
    renameSync(app, elsewhere)
    await staged.install().catch(({ code }) => console.log(code))
    // Made ready again, in vain.
    await setTimeout(300)
    renameSync(elsewhere, app)
  `
  const { code, stdout, stderr } = await staging(t, options, source)
  t.is(code, 0, stderr)
  t.is(stdout, 'ERR_UPDATER_NOT_UPDATABLE\n')
  t.deepEqual(await installed(), NEW)
  t.deepEqual(await leftovers(), [])
})

test('what was asked for while an installation failed stays asked for', async (t) => {
  const [mine, other] = [await fixture(t), await fixture(t)]
  const source = `
    import { renameSync } from 'node:fs'
    const [mine, other] = await Promise.all(
      input.map(async (options) => (await updater.checkUpdate('1.0.0', options)).stage()),
    )
    const [app, elsewhere] = [input[0].executablePath, input[0].executablePath + '.moved']
    mine.installOnExit()
    renameSync(app, elsewhere)
    const failing = mine.install().catch(({ code }) => console.log(code))
    other.installOnExit()
    await failing
    renameSync(elsewhere, app)
  `
  const { stdout } = await runChild(t, source, { input: [mine.options, other.options] })
  t.is(stdout, 'ERR_UPDATER_NOT_UPDATABLE\n')
  t.deepEqual(await mine.installed(), OLD)
  t.deepEqual(await other.installed(), NEW)
})

test('the button that installs now goes before it, whether or not all was ready', async (t) => {
  for (const wait of ['', 'await setTimeout(200)']) {
    const { installed, leftovers, options, publish, key } = await fixture(t)
    const big = appImage('big', 30_000_000)
    publish(big, { signature: sign(key, big) })
    const source = `
      import { setTimeout } from 'node:timers/promises'
      staged.installOnExit({ relaunch: true })
      ${wait}
      await staged.install({ exit: true })
    `
    const { code, stderr } = await staging(t, options, source)
    t.is(code, 0, stderr)
    t.true(big.equals(await installed()))
    t.deepEqual(await leftovers(), [])
  }
})

test('asked for twice in a row, it is done once', async (t) => {
  const { installed, key, leftovers, options, publish } = await fixture(t)
  const big = appImage('big', 30_000_000)
  publish(big, { signature: sign(key, big) })
  const { code, stderr } = await staging(t, options, 'staged.installOnExit(); staged.installOnExit()')
  t.is(code, 0, stderr)
  t.true(big.equals(await installed()))
  t.deepEqual(await leftovers(), [])
})

test('where another update was staged since, it is the other one that waits', async (t) => {
  const { installed, key, options, publish, server } = await fixture(t)
  server.routes['/next'] = (_, response) => {
    const newer = appImage('newer')
    publish(newer, { version: '3.0.0', signature: sign(key, newer, trustedComment('3.0.0')) })
    response.end()
  }
  const source = `
    import { setTimeout } from 'node:timers/promises'
    staged.installOnExit()
    await setTimeout(200)
    await fetch(new URL('/next', input.endpoints[0]))
    await (await updater.checkUpdate('1.0.0', input)).stage()
  `
  const { code, stderr } = await staging(t, options, source)
  t.is(code, 0, stderr)
  t.deepEqual(await installed(), OLD)
  t.is((await pendingUpdate('1.0.0', options)).version, '3.0.0')
})

const TOUCH = readFileSync('/usr/bin/touch')
// In an emulator it is another machine's, which cannot be installed.
const testWithTouch = TOUCH.readUInt16LE(18) === MACHINES[process.arch] ? test : test.skip

testWithTouch('with relaunch the new version is started, with the arguments of this process', async (t) => {
  const { dir, key, options, publish } = await fixture(t)
  const program = Buffer.from(TOUCH)
  program.write('AI\x02', 8, 'latin1')
  publish(program, { signature: sign(key, program) })
  const report = join(dir, 'started')
  const source = `process.argv.push(${JSON.stringify(report)}); staged.installOnExit({ relaunch: true })`
  const { code, stderr } = await staging(t, options, source)
  t.is(code, 0, stderr)
  for (let tries = 0; tries < 300 && !existsSync(report); tries += 1) await sleep(50)
  t.true(existsSync(report))
})

test('a package cannot be installed at exit, nor what cannot be replaced, and a worker has no exit', async (t) => {
  const { installed, options, publish } = await fixture(t)
  const packaged = await checkUpdate('1.0.0', options)
  publish(NEW, { format: 'deb' })
  const deb = await (await checkUpdate('1.0.0', options)).stage()
  t.throws(() => deb.installOnExit(), { code: 'ERR_UPDATER_UNSUPPORTED_FORMAT' })
  publish()
  const staged = await packaged.stage()
  t.throws(() => staged.installOnExit({ exit: false }), { code: 'ERR_UPDATER_INVALID_OPTION' })
  t.throws(() => staged.installOnExit({ relaunch: 1 }), { code: 'ERR_UPDATER_INVALID_OPTION' })
  const elsewhere = { ...options, executablePath: join(options.dataDir, 'nothing') }
  const nowhere = await (await checkUpdate('1.0.0', elsewhere)).stage()
  t.throws(() => nowhere.installOnExit(), { code: 'ERR_UPDATER_NOT_UPDATABLE' })
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { pendingUpdate } = require(workerData.addon)
     pendingUpdate('1.0.0', workerData.options).then((staged) => {
       try { staged.installOnExit() } catch ({ code, option }) { parentPort.postMessage({ code, option }) }
     })`,
    { eval: true, workerData: { addon: ADDON, options } },
  )
  const answer = await new Promise((resolve) => worker.once('message', resolve))
  t.deepEqual(answer, { code: 'ERR_UPDATER_INVALID_OPTION', option: 'installOnExit' })
  t.deepEqual(await installed(), OLD)
})
