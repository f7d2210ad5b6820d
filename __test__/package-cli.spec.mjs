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

function execute(
  dir,
  args,
  { node = [], env = {}, file = 'updater-cli.js', package_ = name, cwd = dir } = {},
) {
  const { npm_config_yes: _, npm_execpath: __, ...rest } = process.env
  const options = { cwd, encoding: 'utf8', env: { ...rest, ...env } }
  return spawnSync(process.execPath, [...node, programOf(dir, package_, file), ...args], options)
}

function pretend(dir, platform, arch, more = '') {
  const path = join(dir, 'pretend.cjs')
  writeFileSync(
    path,
    `Object.defineProperty(process, 'platform', { value: '${platform}' })
     Object.defineProperty(process, 'arch', { value: '${arch}' })
     ${more}`,
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

for (const [id, glibc] of [
  ['linux-x64-gnu', `'2.17'`],
  ['linux-x64-musl', 'undefined'],
]) {
  test(`with packages for both C libraries, ${id} runs where its is the system's`, async (t) => {
    const dir = await project(t)
    for (const platform of platforms(COMMAND_LINE)) installPlatform(dir, platform)
    const report = `process.report.getReport = () => ({ header: { glibcVersionRuntime: ${glibc} } })`
    t.is(execute(dir, [], { node: pretend(dir, 'linux', 'x64', report) }).stdout, `${id}\n`)
  })
}

test('a package that does not load does not keep another one from running', async (t) => {
  const dir = await project(t)
  for (const platform of platforms(COMMAND_LINE)) {
    const content = platform.id.endsWith('gnu')
      ? `throw new Error('cannot open shared object file')`
      : undefined
    installPlatform(dir, platform, { content })
  }
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

for (const [platform, arch] of [
  ['sunos', 'x64'],
  ['linux', 'riscv64'],
]) {
  test(`where no package is made for the platform, it says so: ${platform} ${arch}`, async (t) => {
    const dir = await project(t)
    const { status, stderr } = execute(dir, ['--version'], { node: pretend(dir, platform, arch) })
    t.is(status, 1)
    t.regex(stderr, /looked for: nothing, because no package is made for this platform/)
    t.notRegex(stderr, /to do/)
  })
}

test('in a clone in which it was not built, it says how to build it', async (t) => {
  const dir = await project(t)
  writeManifest(join(dir, 'node_modules', name), readManifest(COMMAND_LINE))
  const { status, stderr } = execute(dir, ['--version'])
  t.is(status, 1)
  t.regex(stderr, /to do: npm run build:cli/)
})

const throughUpdater = { package_: UPDATER, file: join('bin', 'updater.js') }

/** A command line that says `word` and what it was told, and ends with 7. */
function installStandIn(dir, word, about = {}) {
  const directory = join(dir, 'node_modules', name)
  mkdirSync(directory, { recursive: true })
  writeManifest(directory, { name, version, ...about })
  const program = `console.log(['${word}', ...process.argv.slice(2)].join(' ')); process.exitCode = 7`
  writeFileSync(join(directory, 'updater-cli.js'), program)
}

test('the program of the updater runs the command line that is installed', async (t) => {
  const dir = await updaterAlone(t)
  installStandIn(dir, 'installed')
  const env = npm(dir, `throw new Error('npm was asked')`)
  const { status, stdout, stderr } = execute(dir, ['serve', 'a b'], { ...throughUpdater, env })
  t.is(stdout, 'installed serve a b\n')
  t.is(stderr, '')
  t.is(status, 7)
})

test('the command line beside the updater comes before one that lies where it is called', async (t) => {
  const dir = await updaterAlone(t)
  const elsewhere = await tempDir(t)
  installStandIn(elsewhere, 'elsewhere')
  t.is(execute(dir, [], { ...throughUpdater, cwd: elsewhere }).stdout, 'elsewhere\n')
  installStandIn(dir, 'beside')
  t.is(execute(dir, [], { ...throughUpdater, cwd: elsewhere }).stdout, 'beside\n')
})

test('a command line of another version runs, and is told', async (t) => {
  const dir = await updaterAlone(t)
  installStandIn(dir, 'old', { version: '0.0.1' })
  const { stdout, stderr } = execute(dir, [], throughUpdater)
  t.is(stdout, 'old\n')
  t.is(stderr, `${name} is of version 0.0.1, and ${UPDATER} of ${version}\n`)
})

test('where none is installed and npm cannot be asked, it says which to install', async (t) => {
  const dir = await updaterAlone(t)
  for (const env of [{}, { npm_execpath: '/nowhere/pnpm.cjs' }]) {
    const { status, stderr } = execute(dir, ['--version'], { ...throughUpdater, env })
    t.is(status, 1)
    t.true(stderr.includes(`add ${name}@${version} to your devDependencies`), stderr)
  }
})

/** The environment of a program that npm runs; this npm is a script. */
function npm(dir, script) {
  writeFileSync(join(dir, 'npm-cli.js'), script)
  return { npm_execpath: join(dir, 'npm-cli.js') }
}

const PROGRAM = process.platform === 'win32' ? ['updater-cli'] : ['exec', 'updater-cli']
for (const [yes, ...no] of [[undefined], ['true'], ['', '--no']]) {
  test(`where none is installed, npm is asked for the one of the same version, with yes=${yes}`, async (t) => {
    const dir = await updaterAlone(t)
    const env = npm(dir, `console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7`)
    if (yes !== undefined) env.npm_config_yes = yes
    const args = ['serve', 'a b', '--port', '0']
    const { status, stdout } = execute(dir, args, { ...throughUpdater, env })
    const asked = ['exec', `--package=${name}@${version}`, '--call=', ...no, '--', ...PROGRAM, ...args]
    t.deepEqual(JSON.parse(stdout), asked)
    t.is(status, 7)
  })
}

for (const [script, outcome] of [
  [`process.on('SIGTERM', () => process.exit(9))`, 9],
  ['', 143],
]) {
  testOnUnix(`what npm was asked for ends with the program, with exit code ${outcome}`, async (t) => {
    const dir = await updaterAlone(t)
    const env = npm(dir, `${script}; console.log('runs'); setInterval(() => {}, 1000)`)
    const program = programOf(dir, UPDATER, throughUpdater.file)
    const child = spawn(process.execPath, [program, 'serve'], { cwd: dir, env: { ...process.env, ...env } })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    t.deepEqual(await once(child, 'exit'), [outcome, null])
  })
}
