// A Node.js application that was installed from a Debian package. Needs root, and changes what is installed here.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

import { PLATFORM } from '../support/fixture.mjs'
import { file, json, serve } from '../support/server.mjs'
import { keyPair, sign } from '../support/signer.mjs'

const NAME = 'updater-test-node'
const APP = `/opt/${NAME}/app.mjs`
const PACKAGE = join(import.meta.dirname, '..', '..', 'index.js')

function run(program, ...args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error ?? stdout + stderr}`)
  return stdout
}

const installed = () => run('dpkg-query', '--show', '--showformat=${Version}', NAME)

/** Removes what an earlier run may have left. */
const clear = () => spawnSync('dpkg', ['--purge', NAME])

function remove() {
  run('dpkg', '--purge', NAME)
  assert.ok(!existsSync(dirname(APP)), 'its files are left behind')
  assert.notEqual(spawnSync('dpkg-query', ['--show', NAME]).status, 0, 'it is still known')
}

/** The application: 1.0.0 updates itself and is started again; whichever runs says so. */
const source = (version) => `#!${process.execPath}
import { writeFileSync } from 'node:fs'
import updater from '${PACKAGE}'
const { said, ...options } = JSON.parse(process.argv[2])
writeFileSync(said + '.${version}', process.argv.slice(2).join('\\n'))
const executablePath = import.meta.filename
const update = await updater.checkUpdate('${version}', { ...options, executablePath })
if (update) {
  console.log(update.target, update.format, update.extractPath)
  await update.downloadAndInstall()
  // By default the program would get the arguments of Node.js, of which the script is the first.
  await updater.relaunch({ executablePath, args: process.argv.slice(2) })
}
`

/** A package with a version of it. */
function build(directory, version) {
  const root = join(directory, version)
  const app = join(root, APP)
  for (const path of [dirname(app), join(root, 'DEBIAN')]) mkdirSync(path, { recursive: true })
  writeFileSync(app, source(version), { mode: 0o755 })
  const control = { Package: NAME, Version: version, Architecture: 'all', Maintainer: 'T <t@example.com>' }
  const fields = Object.entries({ ...control, Description: 'test' }).map(
    ([key, value]) => `${key}: ${value}\n`,
  )
  writeFileSync(join(root, 'DEBIAN', 'control'), fields.join(''))
  const to = join(directory, `${version}.deb`)
  run('dpkg-deb', '--root-owner-group', '--build', root, to)
  return to
}

async function waitFor(path) {
  for (let tries = 0; tries < 400 && !existsSync(path); tries++) await sleep(50)
  assert.ok(existsSync(path), `nobody wrote ${path}`)
}

test('an application in a package updates itself and is started again', { timeout: 120_000 }, async (t) => {
  assert.equal(process.getuid(), 0, 'only root can install packages')
  const directory = mkdtempSync(join(tmpdir(), 'updater-deb-'))
  t.after(() => rmSync(directory, { recursive: true }))
  clear()
  run('dpkg', '--install', build(directory, '1.0.0'))
  t.after(remove)
  assert.equal(installed(), '1.0.0')

  const bytes = readFileSync(build(directory, '2.0.0'))
  const key = keyPair()
  const server = await serve({ teardown: (cleanup) => t.after(cleanup) })
  server.routes['/app.deb'] = file(bytes)
  const platforms = { [`${PLATFORM}-deb`]: { url: `${server.url}/app.deb`, signature: sign(key, bytes) } }
  server.routes['/latest.json'] = json({ version: '2.0.0', platforms })

  const said = join(directory, 'ran')
  const dataDir = join(directory, 'data')
  const options = { said, dataDir, endpoints: [`${server.url}/latest.json`], pubkey: key.pubkey }
  // Not waited for in this thread, which has to answer it.
  const { stdout } = await promisify(execFile)(APP, [JSON.stringify(options)])
  assert.equal(stdout, `${PLATFORM}-deb deb ${APP}\n`)
  assert.equal(installed(), '2.0.0')
  await waitFor(`${said}.2.0.0`)
  assert.equal(readFileSync(`${said}.2.0.0`, 'utf8'), readFileSync(`${said}.1.0.0`, 'utf8'))
})
