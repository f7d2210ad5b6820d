// The package as npm installs it from tarballs. `readme.spec.mjs` installs it from a registry.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import { CLI_NAME, NAME, failure, packages, project, updates } from './managers/install.mjs'
import { NPM } from './managers/managers.mjs'

const files = (packed) => packed.map(({ file }) => file)

test('from two tarballs, the guide’s snippet updates an application', async (t) => {
  const packed = packages(t)
  const there = await project(t, packed, NPM)
  await there.execute([...NPM.add, ...files(packed.updater)])
  await updates(t, there, NPM)
  t.false(existsSync(join(there.dir, 'node_modules', CLI_NAME)))
})

const HELP = ['npx', NAME, 'signer', '--help']
const isOfCli = ({ url }) => url.endsWith('.tgz') && url.startsWith(`/${CLI_NAME}`)

test('the command line is had by npx, and not installed with the package', async (t) => {
  const packed = packages(t)
  const there = await project(t, packed, NPM)
  await there.execute([...NPM.add, NAME])
  t.deepEqual(there.registry.requests.filter(isOfCli), [])
  t.regex(await there.execute(HELP), /Usage: npx @crabnebula\/updater signer/)
  t.is(there.registry.requests.filter(isOfCli).length, packed.cli.length)
  t.regex(
    await there.execute(['npx', '--call', 'updater signer --help']),
    /Usage: npx @crabnebula\/updater signer/,
  )
})

test('npx that may install nothing has no command line to run', async (t) => {
  const there = await project(t, packages(t), NPM)
  await there.execute([...NPM.add, NAME])
  await t.throwsAsync(there.execute(['npx', '--no-install', 'updater', '--version']), {
    message: /npx canceled/,
  })
  t.deepEqual(there.registry.requests.filter(isOfCli), [])
})

test('the command line that npx has got ends with the program that was asked for it', async (t) => {
  const there = await project(t, packages(t), NPM)
  await there.execute([...NPM.add, NAME])
  const npm = await there.execute(['npm', 'exec', '--call', 'node -p process.env.npm_execpath'])
  const env = { ...there.env, npm_execpath: npm.trim() }
  const program = [
    join(there.dir, 'node_modules', NAME, 'bin', 'updater.js'),
    'serve',
    '.',
    '--port',
    '0',
    '--json',
  ]
  const child = spawn(process.execPath, program, { cwd: there.dir, env, stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data')
  const { url } = JSON.parse(line)
  t.is((await fetch(url)).status, 404)
  child.kill('SIGTERM')
  t.deepEqual(await once(child, 'exit'), [143, null])
  await t.throwsAsync(fetch(url))
})

test('the command line that is installed for development is the one that npx runs, from below too', async (t) => {
  const packed = packages(t)
  const there = await project(t, packed, NPM)
  await there.execute([...NPM.add, ...files(packed.updater)])
  await there.execute([...NPM.add, '--save-dev', ...files(packed.cli)])
  t.regex(await there.execute(HELP), /Usage: npx @crabnebula\/updater signer/)
  mkdirSync(join(there.dir, 'below'))
  t.regex(await there.execute(['sh', '-c', `cd below && ${HELP.join(' ')}`]), /signer/)
  t.regex(await there.execute(['npx', '--no-install', 'updater', 'signer', '--help']), /signer/)
  t.deepEqual(there.registry.requests.filter(isOfCli), [])
  await there.execute(['npm', 'prune', '--omit=dev'])
  t.false(existsSync(join(there.dir, 'node_modules', CLI_NAME)))
})

test('without optional packages, the error says what to do', async (t) => {
  const there = await project(t, packages(t), NPM)
  await there.execute([...NPM.addMain, NAME])
  const { code, message } = await failure(there, NPM)
  t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
  t.true(message.includes('npm install --include=optional'))
})
