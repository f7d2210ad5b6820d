// The command line's package, and the program by which people reach it through the updater's own.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { stamped, writeManifest } from '../scripts/packages/manifest.mjs'
import { CLI, platforms, readManifest } from '../scripts/packages/platforms.mjs'
import { tempDir } from './support/fixture.mjs'
import { testOnUnix } from './support/tools.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const COMMAND_LINE = join(ROOT, CLI)
const { name, version } = readManifest(COMMAND_LINE)
const UPDATER = readManifest(ROOT).name

/** A stand-in for the compiled part: says its name and what it was told, and ends with 7. */
const standIn = (id) => `exports.run = async (args) => (console.log(['${id}', ...args].join(' ')), 7)`

/** A project in which the command line's package is installed alone. */
async function project(t) {
  const dir = await tempDir(t)
  const directory = join(dir, 'node_modules', name)
  for (const file of ['addon.js', 'updater-cli.js']) cpSync(join(COMMAND_LINE, file), join(directory, file))
  writeManifest(directory, stamped(COMMAND_LINE))
  return dir
}

function installPlatform(dir, { id, manifest }, { main = 'stand-in.js', content = standIn(id) } = {}) {
  const directory = join(dir, 'node_modules', manifest.name)
  mkdirSync(directory, { recursive: true })
  writeManifest(directory, { ...manifest, main })
  writeFileSync(join(directory, main), content)
}

async function updaterAlone(t) {
  const dir = await tempDir(t)
  const directory = join(dir, 'node_modules', UPDATER)
  cpSync(join(ROOT, 'bin'), join(directory, 'bin'), { recursive: true })
  writeManifest(directory, stamped(ROOT))
  return dir
}

const programOf = (dir, package_, file) => join(dir, 'node_modules', package_, file)

function execute(dir, args, { node = [], env = {}, file = 'updater-cli.js', package_ = name } = {}) {
  const { npm_config_user_agent: _, npm_execpath: __, ...rest } = process.env
  const options = { cwd: dir, encoding: 'utf8', env: { ...rest, ...env } }
  return spawnSync(process.execPath, [...node, programOf(dir, package_, file), ...args], options)
}

function pretend(dir, platform, arch) {
  const path = join(dir, 'pretend.cjs')
  writeFileSync(
    path,
    `Object.defineProperty(process, 'platform', { value: '${platform}' })
     Object.defineProperty(process, 'arch', { value: '${arch}' })`,
  )
  return ['-r', path]
}

for (const platform of platforms(COMMAND_LINE)) {
  test(`on ${platform.id}, its package is the one that runs`, async (t) => {
    const dir = await project(t)
    installPlatform(dir, platform)
    const { os, cpu } = platform.manifest
    const { status, stdout } = execute(dir, ['a', 'b c'], { node: pretend(dir, os[0], cpu[0]) })
    t.is(stdout, `${platform.id} a b c\n`)
    t.is(status, 7)
  })
}

test('a package for another C library does not keep the one that loads from running', async (t) => {
  const dir = await project(t)
  const [gnu, musl] = ['linux-x64-gnu', 'linux-x64-musl'].map((id) =>
    platforms(COMMAND_LINE).find((platform) => platform.id === id),
  )
  installPlatform(dir, gnu, { content: `throw new Error('libc.so.6: cannot open shared object file')` })
  installPlatform(dir, musl)
  t.is(execute(dir, [], { node: pretend(dir, 'linux', 'x64') }).stdout, 'linux-x64-musl\n')
})

for (const mode of ['throw', 'warn', 'none']) {
  test(`where the system refuses the compiled part, it fails and says why, with --unhandled-rejections=${mode}`, async (t) => {
    const dir = await project(t)
    for (const platform of platforms(COMMAND_LINE))
      installPlatform(dir, platform, { main: platform.manifest.main, content: 'not a library' })
    const { status, stderr } = execute(dir, ['--version'], { node: [`--unhandled-rejections=${mode}`] })
    t.is(status, 1)
    t.true(
      stderr.startsWith(`${name} ${version} found no compiled part that loads on ${process.platform}`),
      stderr,
    )
    t.regex(stderr, /tried: .*updater-cli\./)
    t.regex(stderr, /to do: install the packages again/)
  })
}

test('without the package of the platform, it says what to do', async (t) => {
  const { status, stderr } = execute(await project(t), ['--version'])
  t.is(status, 1)
  t.regex(stderr, new RegExp(`looked for: .*${name}-${process.platform}-${process.arch}`))
  t.regex(stderr, /to do: npm install --include=optional/)
})

test('where no package is made for the platform, it says so', async (t) => {
  const dir = await project(t)
  const { status, stderr } = execute(dir, ['--version'], { node: pretend(dir, 'sunos', 'x64') })
  t.is(status, 1)
  t.regex(stderr, /no package is made for this platform/)
})

const throughUpdater = { package_: UPDATER, file: join('bin', 'updater.js') }

test('the program of the updater runs the command line that is installed', async (t) => {
  const dir = await updaterAlone(t)
  const directory = join(dir, 'node_modules', name)
  mkdirSync(directory)
  writeManifest(directory, { name, version, main: 'stand-in.js' })
  writeFileSync(
    join(directory, 'stand-in.js'),
    `console.log(process.argv.slice(2).join(' ')); process.exitCode = 7`,
  )
  const env = { npm_config_user_agent: 'npm/11', npm_execpath: '/nowhere' }
  const { status, stdout } = execute(dir, ['serve', 'a b'], { ...throughUpdater, env })
  t.is(stdout, 'serve a b\n')
  t.is(status, 7)
})

test('where none is installed and npm cannot be asked, it says which to install', async (t) => {
  const dir = await updaterAlone(t)
  for (const env of [{}, { npm_config_user_agent: 'pnpm/10', npm_execpath: '/nowhere' }]) {
    const { status, stderr } = execute(dir, ['--version'], { ...throughUpdater, env })
    t.is(status, 1)
    t.true(stderr.includes(`npm install --save-dev ${name}@${version}`), stderr)
  }
})

/** The environment of a program that npm runs; this npm is a script. */
function npm(dir, script) {
  writeFileSync(join(dir, 'npm.js'), script)
  return { npm_config_user_agent: 'npm/11.0.0 node/v22', npm_execpath: join(dir, 'npm.js') }
}

test('where none is installed, npm is asked for the one of the same version', async (t) => {
  const dir = await updaterAlone(t)
  const env = npm(dir, `console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7`)
  const { status, stdout } = execute(dir, ['serve', 'a b', '--port', '0'], { ...throughUpdater, env })
  const asked = [
    'exec',
    '--call=',
    `--package=${name}@${version}`,
    '--',
    'updater-cli',
    'serve',
    'a b',
    '--port',
    '0',
  ]
  t.deepEqual(JSON.parse(stdout), asked)
  t.is(status, 7)
})

testOnUnix('what npm was asked for ends with the program', async (t) => {
  const dir = await updaterAlone(t)
  const env = npm(
    dir,
    `process.on('SIGTERM', () => process.exit(9)); console.log('runs'); setInterval(() => {}, 1000)`,
  )
  const program = programOf(dir, UPDATER, throughUpdater.file)
  const child = spawn(process.execPath, [program, 'serve'], { cwd: dir, env: { ...process.env, ...env } })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  t.deepEqual(await once(child, 'exit'), [9, null])
})
