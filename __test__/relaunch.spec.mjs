import { existsSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import test from 'ava'

import { relaunch } from '../index.js'
import { ADDON, runChild } from './support/child.mjs'
import { fixture, NEW, OLD, tempDir } from './support/fixture.mjs'
import { testUnlessMusl } from './support/tools.mjs'

/** An application that writes down how it was started. */
async function application(t) {
  const dir = await tempDir(t)
  const path = join(dir, `it's an "app"`)
  const report = join(dir, 'report')
  const script = `#!/bin/sh
{ printf '%s\\n' "$#" "$@"; echo "APPIMAGE=$APPIMAGE APPDIR=$APPDIR KEPT=$KEPT"; } > '${report}.tmp'
mv '${report}.tmp' '${report}'
`
  await writeFile(path, script, { mode: 0o755 })
  return { path, report }
}

async function read(report) {
  for (let tries = 0; tries < 300 && !existsSync(report); tries += 1) await sleep(50)
  return readFile(report, 'utf8')
}

test('the application starts when this process has exited, with its arguments', async (t) => {
  const { path, report } = await application(t)
  const args = ['a b', `'"$(x)`, '', 'ü\n']
  const source = `
    import { existsSync } from 'node:fs'
    import { setTimeout } from 'node:timers/promises'
    await updater.relaunch({ executablePath: input.path, args: input.args })
    await setTimeout(500)
    console.log(existsSync(input.report))
  `
  const { code, stdout, stderr } = await runChild(t, source, {
    input: { path, report, args },
    env: { KEPT: 'yes' },
  })
  t.is(code, 0, stderr)
  t.is(stdout.trim(), 'false')
  t.is(await read(report), `${args.length}\n${args.join('\n')}\nAPPIMAGE= APPDIR= KEPT=yes\n`)
})

test('the application starts however this process ends', async (t) => {
  for (const end of ['process.exit(3)', 'process.kill(process.pid, "SIGKILL")', 'process.abort()']) {
    const { path, report } = await application(t)
    const source = `await updater.relaunch({ executablePath: input, args: [] }); ${end}`
    await runChild(t, source, { input: path })
    t.true((await read(report)).startsWith('0\n'), end)
  }
})

test("an AppImage's own variables are not handed down", async (t) => {
  const { path, report } = await application(t)
  const source = `await updater.relaunch({ executablePath: input, args: [] })`
  await runChild(t, source, { input: path, env: { APPIMAGE: path, APPDIR: dirname(process.execPath) } })
  t.true((await read(report)).includes('APPIMAGE= APPDIR= '))
})

test('an application that is not there cannot be started', async (t) => {
  const source = `await updater.relaunch({ executablePath: '/nowhere/app' }).catch((error) => console.log(error.code))`
  const { stdout } = await runChild(t, source)
  t.regex(stdout.trim(), /^ERR_UPDATER_/)
})

test('install with exit leaves with code 0, after those who waited for it have run', async (t) => {
  const { installed, options } = await fixture(t)
  const source = `
    process.exitCode = 9
    const update = await updater.checkUpdate('1.0.0', input)
    process.on('exit', (code) => console.log('exit', code))
    setInterval(() => {}, 1000)
    await update.downloadAndInstall({ exit: true })
    await null
    console.log('installed')
  `
  const { code, stdout, stderr } = await runChild(t, source, { input: options })
  t.is(stdout, 'installed\nexit 0\n', stderr)
  t.is(code, 0)
  t.deepEqual(await installed(), NEW)
})

test('without exit the process goes on', async (t) => {
  const { options } = await fixture(t)
  const source = `
    import { setTimeout } from 'node:timers/promises'
    const update = await updater.checkUpdate('1.0.0', input)
    await update.downloadAndInstall({ exit: false })
    await setTimeout(100)
    console.log('still here')
  `
  t.is((await runChild(t, source, { input: options })).stdout, 'still here\n')
})

test('install with relaunch starts what was installed', async (t) => {
  const { installed, options } = await fixture(t)
  const source = `
    const update = await updater.checkUpdate('1.0.0', input)
    const staged = await update.stage()
    await staged.install({ relaunch: true, exit: true })
  `
  const { code, stderr } = await runChild(t, source, { input: options })
  t.is(code, 0, stderr)
  t.deepEqual(await installed(), NEW)
})

test('in a worker exit is refused before anything happens', async (t) => {
  const { installed, options, server } = await fixture(t)
  const { Worker } = await import('node:worker_threads')
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { checkUpdate } = require(workerData.addon)
    checkUpdate('1.0.0', workerData.options)
      .then((update) => update.downloadAndInstall({ exit: true }))
      .catch(({ code, option }) => parentPort.postMessage({ code, option }))
  `
  const addon = new URL('../index.js', import.meta.url).pathname
  const worker = new Worker(code, { eval: true, workerData: { addon, options } })
  const answer = await new Promise((resolve) => worker.once('message', resolve))
  t.deepEqual(answer, { code: 'ERR_UPDATER_INVALID_OPTION', option: 'exit' })
  t.is(server.requestsOf('/artifact').length, 0)
  t.deepEqual(await installed(), OLD)
})

test('what the application prints goes where this process prints', async (t) => {
  const dir = await tempDir(t)
  const [path, output] = [join(dir, 'app'), join(dir, 'output')]
  await writeFile(path, '#!/bin/sh\necho "from the new one"\necho "an error" >&2\n', { mode: 0o755 })
  const source = `await updater.relaunch({ executablePath: input, args: [] }); console.log('from the old one')`
  const file = await open(output, 'w')
  t.teardown(() => file.close())
  await runChild(t, source, { input: path, stdio: ['ignore', file.fd, file.fd] })
  for (let tries = 0; tries < 300 && !(await readFile(output, 'utf8')).includes('error'); tries += 1)
    await sleep(50)
  t.is(await readFile(output, 'utf8'), 'from the old one\nfrom the new one\nan error\n')
})

test('arguments are kept although the title of the process was changed', async (t) => {
  const { path, report } = await application(t)
  const source = `
    process.title = 'My App with a title that is longer than all of the arguments were before it was set'
    await updater.relaunch({ executablePath: input })
    console.log(process.argv[1])
  `
  const { stdout } = await runChild(t, source, { input: path, args: ['--no-warnings'] })
  t.is(await read(report), `2\n--no-warnings\n${stdout.trim()}\nAPPIMAGE= APPDIR= KEPT=\n`)
})

testUnlessMusl(
  'from a worker, the arguments are those of the process and not those of the worker',
  async (t) => {
    const { path, report } = await application(t)
    const source = `
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    const code = \`
      const { argv, execArgv } = process
      if (!argv.includes('of the worker') || !execArgv.includes('--no-deprecation')) throw new Error('not given')
      const { addon, path } = require('node:worker_threads').workerData
      require(addon).relaunch({ executablePath: path })
    \`
    const [argv, execArgv] = [['of the worker'], ['--no-deprecation']]
    const workerData = input
    const [ended] = await once(new Worker(code, { eval: true, argv, execArgv, workerData }), 'exit')
    console.log(process.argv[1])
    process.exitCode = ended
  `
    const input = { addon: ADDON, path }
    const { code, stdout, stderr } = await runChild(t, source, { input, args: ['--no-warnings'] })
    t.is(code, 0, stderr)
    t.is(await read(report), `2\n--no-warnings\n${stdout.trim()}\nAPPIMAGE= APPDIR= KEPT=\n`)
  },
)

test('what could not be started, or would be looked up elsewhere, is refused', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'plain'), '', { mode: 0o644 })
  for (const [options, code, option] of [
    [{ executablePath: join(dir, 'plain') }, 'ERR_UPDATER_PERMISSION_DENIED', undefined],
    [{ executablePath: dir }, 'ERR_UPDATER_PERMISSION_DENIED', undefined],
    [{ executablePath: 'node' }, 'ERR_UPDATER_INVALID_OPTION', 'executablePath'],
    [{ executablePath: process.execPath, args: ['a', 'b\0'] }, 'ERR_UPDATER_INVALID_OPTION', 'args[1]'],
    [{ executablePath: process.execPath, args: ['\ud800'] }, 'ERR_UPDATER_INVALID_OPTION', 'args[0]'],
  ]) {
    const error = await t.throwsAsync(relaunch(options))
    t.is(error.code, code)
    t.is(error.option, option)
  }
})
