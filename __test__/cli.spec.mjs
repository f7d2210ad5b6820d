import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { checkUpdate } from '../index.js'
import { fixture, NEW, OLD, tempDir } from './support/fixture.mjs'
import { testOnLinux, testOnUnix } from './support/tools.mjs'
import { keyPair, sign } from './support/signer.mjs'

const ENTRY = fileURLToPath(new URL('../cli/node/updater-cli.js', import.meta.url))

function start(t, args) {
  const child = spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => (output[name] += data))
  const ended = new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, ...output })),
  )
  return { child, ended }
}

const run = (t, ...args) => start(t, args).ended

test('the exit code is that of the command', async (t) => {
  t.is((await run(t, '--help')).code, 0)
  t.is((await run(t, 'no-such-command')).code, 2)
  t.is((await run(t, 'signer', 'verify', '/nowhere', '--pubkey', 'x')).code, 1)
})

testOnLinux('what the command line signs is installed', async (t) => {
  const { dir, installed, options, publish } = await fixture(t)
  const [key, artifact] = [join(dir, 'key'), join(dir, 'new.AppImage')]
  await writeFile(artifact, NEW)
  t.is((await run(t, 'signer', 'generate', '--ci', '--path', key)).code, 0)
  const signing = ['signer', 'sign', artifact, '--private-key', key, '--password', '', '--version', '2.0.0']
  t.is((await run(t, ...signing)).code, 0)
  const pubkey = await readFile(`${key}.pub`, 'utf8')
  const signature = await readFile(`${artifact}.sig`, 'utf8')
  publish(NEW, { signature })
  await (await checkUpdate('1.0.0', { ...options, pubkey, requireSignedVersion: true })).downloadAndInstall()
  t.deepEqual(await installed(), NEW)
})

test('what these tests sign is what the command line verifies', async (t) => {
  const file = join(await tempDir(t), 'artifact')
  await writeFile(file, NEW)
  await writeFile(`${file}.sig`, sign(keyPair(), NEW))
  t.is((await run(t, 'signer', 'verify', file, '--pubkey', keyPair().pubkey)).code, 0)
  await writeFile(file, OLD)
  t.is((await run(t, 'signer', 'verify', file, '--pubkey', keyPair().pubkey)).code, 1)
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  testOnUnix(`the server ends on ${signal}`, async (t) => {
    const dir = join(await tempDir(t), 'www')
    await mkdir(dir)
    const { child, ended } = start(t, ['serve', dir, '--port', '0'])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.kill(signal)
    const outcome = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000, 'hangs'))])
    t.not(outcome, 'hangs')
    t.true([0, code].includes(outcome.code), JSON.stringify(outcome))
  })
}
