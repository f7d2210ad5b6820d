// What a person reads whose package manager left the platform package out, or whose platform has none.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { stamped, writeManifest } from '../scripts/packages/manifest.mjs'
import { platforms, readManifest } from '../scripts/packages/platforms.mjs'
import * as index from '../index.js'
import * as loader from '../loader.js'
import { tempDir } from './support/fixture.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const { name, version, files } = readManifest(ROOT)
const require = createRequire(import.meta.url)
const addon = () => {
  require('../index.js')
  return Object.keys(require.cache).find((file) => file.endsWith('.node'))
}
const own = platforms(ROOT).find(({ manifest }) => addon().endsWith(manifest.main))
const wanted = own.manifest.name

/** A project in which the main package is installed alone. */
async function project(t) {
  const dir = join(await tempDir(t), 'wasi') // a word that the loader knows, where it means nothing
  const main = join(dir, 'node_modules', name)
  for (const file of files) cpSync(join(ROOT, file), join(main, file), { recursive: true })
  writeManifest(main, stamped(ROOT))
  return dir
}

function installPlatform(dir, { manifest }, binary) {
  const directory = join(dir, 'node_modules', manifest.name)
  mkdirSync(directory, { recursive: true })
  writeManifest(directory, manifest)
  if (binary) writeFileSync(join(directory, manifest.main), binary)
  else cpSync(addon(), join(directory, manifest.main))
}

/** Loads the package in a process in which `pretend` has run; what it throws, else the names that it exports. */
function load(dir, { pretend = '', env = {}, statement = `await import('${name}')` } = {}) {
  writeFileSync(join(dir, 'pretend.cjs'), pretend)
  const source = `
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    const chain = (error) => error ? [error.message, ...chain(error.cause)] : []
    try {
      const there = Object.entries(${statement}).filter(([, value]) => value !== undefined)
      console.log(JSON.stringify({ names: there.map(([name]) => name) }))
    } catch (error) {
      const { message, code, cause } = error
      console.log(JSON.stringify({ message, code, causes: chain(cause) }))
    }`
  writeFileSync(join(dir, 'main.mjs'), source)
  const { stdout, stderr } = spawnSync(process.execPath, ['-r', './pretend.cjs', 'main.mjs'], {
    cwd: dir,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  if (!stdout) throw new Error(stderr)
  return JSON.parse(stdout)
}

const platform = (os, arch) => `
  Object.defineProperty(process, 'platform', { value: '${os}' })
  Object.defineProperty(process, 'arch', { value: '${arch}' })
`
const parts = (message, title) => message.split('\n  ').filter((line) => line.startsWith(`${title}: `))

test('the entry gives what the generated loader gives', (t) => {
  t.deepEqual(Object.keys(loader).sort(), Object.keys(index).sort())
  for (const key of Object.keys(index)) t.is(loader[key], index[key], key)
})

test('with the platform package, all names are there for import', async (t) => {
  const dir = await project(t)
  installPlatform(dir, own)
  t.deepEqual(load(dir).names.sort(), Object.keys(loader).sort())
})

const refuseToSearch = (dir) =>
  writeFileSync(join(dir, 'node_modules', name, 'search.js'), `throw new Error('searched')`)
const searched = { message: 'searched', causes: [] }

for (const [where, root] of [
  ['beside it', '.'],
  ['further away', '..'],
]) {
  test(`the platform package is loaded without a search where it lies ${where}`, async (t) => {
    const dir = await project(t)
    refuseToSearch(dir)
    installPlatform(join(dir, root), own)
    t.true(load(dir).names.includes('Update'))
  })
}

test('with the platform package, everything is as in the compiled part', async (t) => {
  const dir = await project(t)
  refuseToSearch(dir)
  installPlatform(dir, own)
  const entries = ([key, value]) => [key, typeof value, value]
  const statement = `{ [JSON.stringify(Object.entries(require('${name}')).map(${entries}).sort())]: true }`
  const expected = JSON.stringify(Object.entries(require('../search.js')).map(entries).sort())
  t.deepEqual(load(dir, { statement }).names, [expected])
})

const LOADED = `Object.keys(require.cache).filter((file) => file.endsWith('.node')).length`

test('require() does not load the compiled part, the first call does, and once', async (t) => {
  const dir = await project(t)
  installPlatform(dir, own)
  const statement = `await (async () => {
    const { checkUpdate, UpdateFormat } = require('${name}')
    const before = ${LOADED}
    const codes = []
    for (const version of ['1.0.0', '2.0.0'])
      await checkUpdate(version, {}).catch(({ code }) => codes.push(code))
    return { [before]: UpdateFormat, [${LOADED}]: true, [codes]: true }
  })()`
  const code = 'ERR_UPDATER_INVALID_OPTION'
  t.deepEqual(load(dir, { statement }).names, ['0', '1', `${code},${code}`])
})

for (const loading of [`require('${name}').Update`, `await import('${name}')`]) {
  test(`the compiled part is loaded at once by ${loading}`, async (t) => {
    const dir = await project(t)
    installPlatform(dir, own)
    const statement = `(${loading}, { [${LOADED}]: true })`
    t.deepEqual(load(dir, { statement }).names, ['1'])
  })
}

const variablesOf = (file) =>
  [...new Set(readFileSync(join(ROOT, file), 'utf8').match(/\bNAPI_RS_[A-Z_]+/g))].sort()

test('the entry knows the variables of the generated loader', (t) => {
  t.deepEqual(variablesOf('loader.js'), variablesOf('index.js'))
})

for (const variable of variablesOf('index.js')) {
  test(`with ${variable}, the platform package is not taken unseen`, async (t) => {
    const dir = await project(t)
    refuseToSearch(dir)
    installPlatform(dir, own)
    t.deepEqual(load(dir, { env: { [variable]: '1' } }), searched)
  })
}

test('what was built in a clone comes before a package', async (t) => {
  const dir = await project(t)
  refuseToSearch(dir)
  installPlatform(dir, own)
  writeFileSync(join(dir, 'node_modules', name, own.manifest.main), '')
  t.deepEqual(load(dir), searched)
})

test('an addon for MSVC is not loaded by a Node.js of MinGW', async (t) => {
  const dir = await project(t)
  refuseToSearch(dir)
  const manifest = { name: `${name}-win32-x64-msvc`, version, main: 'updater.js' }
  installPlatform(dir, { manifest }, `exports.Update = { msvc: '' }`)
  const statement = `require('${name}').Update`
  const config = (suffix) => `${platform('win32', 'x64')}
    Object.defineProperty(process, 'config', { value: { variables: { shlib_suffix: '${suffix}' } } })`
  t.deepEqual(load(dir, { statement, pretend: config('dll.a') }), searched)
  t.deepEqual(load(dir, { statement, pretend: config('so') }).names, ['msvc'])
})

test('no bundler is told to take all packages of a pattern', (t) => {
  t.notRegex(readFileSync(join(ROOT, 'loader.js'), 'utf8'), /require\([^)]*\$\{/)
})

for (const [libc, other] of [
  ['glibc', 'musl'],
  ['musl', 'glibc'],
]) {
  test(`with packages for both C libraries, that for ${libc} is loaded where it is the system's`, async (t) => {
    const dir = await project(t)
    const suffix = { glibc: 'gnu', musl: 'musl' }
    for (const each of [libc, other]) {
      const manifest = { name: `${name}-linux-x64-${suffix[each]}`, version, main: 'updater.js' }
      installPlatform(dir, { manifest }, `exports.Update = { ${each}: '' }`)
    }
    const statement = `require('${name}').Update`
    t.deepEqual(load(dir, { statement, pretend: linux(LDD[libc], REPORT[other]) }).names, [libc])
  })
}

for (const statement of [`await import('${name}')`, `require('${name}')`]) {
  test(`without the platform package: ${statement}`, async (t) => {
    const { message, code, causes } = load(await project(t), { statement })
    t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
    t.true(message.startsWith(`${name} ${version} found no compiled part that loads here\n`))
    t.regex(
      parts(message, 'detected')[0],
      new RegExp(`${process.platform} ${process.arch}.*Node.js ${process.versions.node}`),
    )
    t.deepEqual(parts(message, 'looked for'), [`looked for: ${wanted}`])
    t.deepEqual(parts(message, 'tried'), [
      `tried: Cannot find module './${own.manifest.main}'`,
      `tried: Cannot find module '${wanted}'`,
    ])
    const advice = parts(message, 'to do').join('\n')
    for (const hint of [
      '--include=optional',
      'package-lock.json',
      'supportedArchitectures',
      'bundler',
      `${wanted}@${version}`,
    ]) {
      t.true(advice.includes(hint), hint)
    }
    t.is(causes.length, 2)
    t.true(causes[0].startsWith(`Cannot find module '${wanted}'\n`))
    t.true(causes[1].startsWith(`Cannot find module './${own.manifest.main}'\n`))
  })
}

for (const loading of [`await import('${name}')`, `require('${name}')`]) {
  test(`a file that the system refuses is told by the promise, and not said to be missing: ${loading}`, async (t) => {
    const dir = await project(t)
    installPlatform(dir, own, 'not a library')
    const { message, code } = load(dir, { statement: `await (${loading}).checkUpdate('1.0.0', {})` })
    t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
    const [, tried] = parts(message, 'tried')
    t.true(tried.includes(own.manifest.main) && !tried.includes('Cannot find module'), tried)
    t.regex(parts(message, 'to do').join(), /its file does not load/)
  })
}

test('an application that was moved since it started is told that it does not load', async (t) => {
  const dir = await project(t)
  installPlatform(dir, own)
  const away = (path) => `fs.renameSync('${path}', '${path}.away')`
  const statement = `await (async () => {
    const fs = require('node:fs')
    const { checkUpdate } = require('${name}')
    ${away('node_modules')}
    return checkUpdate('1.0.0', {})
  })()`
  const { message, code } = load(dir, { statement })
  t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
  t.true(message.startsWith(`${name} does not load: `), message)
})

test('on a platform without a package, the ones that have one are named', async (t) => {
  for (const [pretend, lookedFor] of [
    [platform('linux', 'riscv64'), /-linux-riscv64-(gnu|musl)$/],
    [platform('freebsd', 'x64'), /-freebsd-x64$/],
    [platform('sunos', 'x64'), /no package is made/],
  ]) {
    const { message, code } = load(await project(t), { pretend })
    t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM')
    t.regex(parts(message, 'looked for')[0], lookedFor)
    const advice = parts(message, 'to do').join('\n')
    for (const { id } of platforms(ROOT)) t.true(advice.includes(id), id)
    t.true(advice.includes('npm run build'))
  }
})

const LDD = { glibc: `'#!/bin/bash\\n# The GNU C Library'`, musl: `'musl libc'` }
const REPORT = {
  glibc: { header: { glibcVersionRuntime: '2.17' }, sharedObjects: ['/lib/x86_64-linux-gnu/libc.so.6'] },
  musl: { header: {}, sharedObjects: ['/lib/ld-musl-x86_64.so.1'] },
}
const linux = (ldd, report) => `${platform('linux', 'x64')}
  const fs = require('node:fs')
  const { readFileSync } = fs
  fs.readFileSync = (path, ...more) => (path === '/usr/bin/ldd' ? ${ldd} : readFileSync(path, ...more))
  process.report.getReport = () => (${JSON.stringify(report)})
`
const NO_LDD = `(() => { throw new Error('ENOENT') })()`
for (const [libc, abi] of [
  ['glibc', 'gnu'],
  ['musl', 'musl'],
]) {
  test(`the package for ${libc} is looked for where that is the C library`, async (t) => {
    const other = libc === 'musl' ? 'glibc' : 'musl'
    for (const pretend of [linux(LDD[libc], REPORT[other]), linux(NO_LDD, REPORT[libc])]) {
      const { message } = load(await project(t), { pretend })
      t.deepEqual(parts(message, 'looked for'), [`looked for: ${name}-linux-x64-${abi}`])
      t.is(parts(message, 'tried').at(-1), `tried: Cannot find module '${name}-linux-x64-${abi}'`)
    }
  })
}

test('the explanation does not ask DNS for the names of open connections', async (t) => {
  const pretend = `${platform('linux', 'x64')}
    process.report.getReport = () => {
      if (!process.report.excludeNetwork) throw new Error('asked DNS')
      return ${JSON.stringify(REPORT.glibc)}
    }`
  const { message, code } = load(await project(t), { pretend })
  t.is(code, 'ERR_UPDATER_UNSUPPORTED_PLATFORM', message)
  t.regex(parts(message, 'detected')[0], /glibc 2\.17/)
})

test('in Electron, the archive that a library cannot be loaded from is named', async (t) => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, electron: '30.0.0' } })`
  const { message } = load(await project(t), { pretend })
  t.regex(parts(message, 'detected')[0], /Electron 30\.0\.0$/)
  // The README's, which takes relauncher.exe too.
  const [, glob] = /"asarUnpack": \["(.*)"\]/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))
  t.true(parts(message, 'to do').at(-1).includes(`asarUnpack: ['${glob}']`))
})

test('the variable that names another file is named when that file does not load', async (t) => {
  const { message } = load(await project(t), {
    env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/updater.node' },
  })
  t.deepEqual(parts(message, 'tried'), [`tried: Cannot find module '/nowhere/updater.node'`])
  t.regex(parts(message, 'to do').join(), /unset NAPI_RS_NATIVE_LIBRARY_PATH/)
})

test('an error that is not about the search is passed on', async (t) => {
  const dir = await project(t)
  writeFileSync(join(dir, 'node_modules', name, 'index.js'), `throw new TypeError('other')`)
  t.deepEqual(load(dir), { message: 'other', causes: [] })
})
