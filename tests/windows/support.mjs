// What the tests of Windows installers share: an application in wine, its installers, and a server that announces them.
import { randomUUID } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'

import { file, json, serve } from '../../__test__/support/server.mjs'
import { keyPair, sign, trustedComment } from '../../__test__/support/signer.mjs'
import { outputOf } from '../../scripts/cross.mjs'
import { CACHED } from '../../scripts/hosts/cache.mjs'
import { WINE, WINE_ENV } from '../../scripts/hosts/wine.mjs'

const BUILT = outputOf('x86_64-pc-windows-gnu')
export const ADDON = join(BUILT, 'updater.win32-x64-msvc.node')
export const RELAUNCHER = join(BUILT, 'relauncher.exe')
/** As Windows and as this system name it. */
const HOME = 'C:\\updater tests'
const HOME_HERE = join(CACHED.wine, 'drive_c', 'updater tests')
const SYSTEM = join(CACHED.wine, 'drive_c', 'windows', 'system32')
const LOCAL = join(
  CACHED.wine,
  'drive_c',
  'users',
  userInfo().username,
  'AppData',
  'Local',
  'crabnebula-updater',
)
const MADE = join(BUILT, 'installers')
/** A relauncher of another version of the package. */
export const OTHER_RELAUNCHER = join(MADE, 'relauncher.exe')
/** One that does not come to run. */
export const HELD_UP_RELAUNCHER = join(MADE, 'held-up.exe')
const ENV = {
  ...process.env,
  ...WINE_ENV,
  // A program of ours in the place of wine's own is to be believed in.
  WINEDLLOVERRIDES: `${WINE_ENV.WINEDLLOVERRIDES};msiexec.exe=n,b`,
  LC_ALL: 'C.UTF-8',
}
const WAIT_MAX = 60_000

const here = (path) => join(HOME_HERE, path.slice(HOME.length).replaceAll('\\', '/'))
/** A path of this system as Windows names it. */
export const there = (path) => `Z:${path.replaceAll('/', '\\')}`

function run(program, ...args) {
  const { status, stderr } = spawnSync(program, args, { cwd: MADE, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}: ${stderr}`)
}

/** Runs a program of Windows to its end; its exit code, of which eight bits come out of wine. */
export function wine(...command) {
  const { status, error } = spawnSync(WINE, command, {
    cwd: HOME_HERE,
    env: ENV,
    stdio: 'ignore',
    timeout: WAIT_MAX,
  })
  if (error) throw error
  return status
}

/** Windows without a screen, and all that is installed in the tests. */
export function prepare() {
  for (const directory of [HOME_HERE, MADE]) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
  }
  wine('reg', 'add', 'HKCU\\Software\\Wine\\Drivers', '/v', 'Graphics', '/d', 'null', '/f')
  const source = (name) => join(import.meta.dirname, name)
  const compile = (out, ...args) => run('x86_64-w64-mingw32-gcc', '-O2', '-Wall', ...args, '-o', out)
  for (const version of ['1.0.0', '2.0.0'])
    compile(`App-${version}.exe`, '-municode', '-mwindows', `-DVERSION="${version}"`, source('app.c'))
  compile('msiexec.exe', '-municode', '-mwindows', source('msiexec.c'), '-lmsi')
  compile('failing.dll', '-shared', source('failing.c'))
  compile('relauncher.exe', '-mwindows', source('relauncher.c'))
  compile('held-up.exe', '-mwindows', '-DHELD_UP', source('relauncher.c'))
  // One that was left by tests that were killed.
  restoreMsiexec()
}

/** Ends what is left in this prefix. */
export function end() {
  spawnSync('wineserver', ['--kill'], { env: ENV })
}

/** An NSIS installer of version 2.0.0. It ends all programs of the name `ends`. */
export function nsis(directory, { fails = false, ends } = {}) {
  const made = { OUT: join(MADE, 'setup.exe'), APP: join(MADE, 'App-2.0.0.exe'), DIRECTORY: directory }
  const defines = { ...made, ...(fails && { FAILS: 1 }), ...(ends && { ENDS: ends }) }
  const args = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`)
  run('makensis', '-V2', ...args, join(import.meta.dirname, 'installer.nsi'))
  return readFileSync(defines.OUT)
}

/** An MSI package of the application with this code: another test's is another application's. */
export function msi(version, upgradeCode = randomUUID(), { fails = false } = {}) {
  const text = readFileSync(join(import.meta.dirname, 'package.wxs'), 'utf8')
  writeFileSync(
    join(MADE, 'package.wxs'),
    fails ? text : text.replace(/<!-- failing -->.*<!-- \/failing -->/s, ''),
  )
  const defines = {
    VERSION: version,
    UPGRADE_CODE: upgradeCode,
    APP: `App-${version}.exe`,
    FAILING: 'failing.dll',
  }
  const args = Object.entries(defines).flatMap(([name, value]) => ['-D', `${name}=${value}`])
  run('wixl', '-a', 'x64', ...args, '-o', 'package.msi', 'package.wxs')
  return readFileSync(join(MADE, 'package.msi'))
}

/** Records of a line, the number of arguments and the arguments, each ended by a zero. */
export const LISTS = join(BUILT, 'lists')

/** How many lines Windows itself splits into the arguments that the records name; it throws where it does not. */
export function splitRecords(records) {
  const path = `${HOME}\\lists`
  writeFileSync(here(path), records)
  const status = wine(there(join(MADE, 'App-1.0.0.exe')), '--split', path)
  if (status !== 0) throw new Error(`another split: ${status}`)
  return Number(readFileSync(here(`${path}.count`), 'utf8'))
}

/** Whether Windows splits a line, which begins with the program's name, into these arguments. */
export function splitsInto(line, ...args) {
  const record = `${line}\0${String.fromCharCode(args.length)}${args.map((arg) => `${arg}\0`).join('')}`
  return splitRecords(Buffer.from(record, 'utf16le')) === 1
}

/** Waits for a file, however long it takes a busy machine, and gives its text. */
export const textOf = (path, encoding = 'utf8') =>
  until(`${path} is there`, () => existsSync(here(path)) && readFileSync(here(path), encoding))

export async function until(what, condition) {
  const deadline = Date.now() + WAIT_MAX
  while (Date.now() < deadline) {
    const found = condition()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`in vain: ${what}`)
}

/** A copy of the addon, with this relauncher beside it or none. */
export function addonBeside(t, relauncher) {
  const directory = join(BUILT, 'copies', randomUUID())
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  const addon = join(directory, 'updater.node')
  cpSync(ADDON, addon)
  const beside = join(directory, 'relauncher.exe')
  if (relauncher) cpSync(relauncher, beside)
  return { addon, replace: (other) => (rmSync(beside), cpSync(other, beside)) }
}

/** In the place of msiexec, a program that ends with this code, or installs without one; `wait`: when `go` is called. */
export function standIn(t, code, { wait = false } = {}) {
  const directory = `${HOME}\\msiexec`
  rmSync(here(directory), { recursive: true, force: true })
  mkdirSync(here(directory))
  if (code !== undefined) writeFileSync(here(`${directory}\\code.txt`), String(code))
  if (wait) writeFileSync(here(`${directory}\\wait.txt`), '')
  if (!existsSync(join(SYSTEM, 'msiexec.real'))) {
    renameSync(join(SYSTEM, 'msiexec.exe'), join(SYSTEM, 'msiexec.real'))
    cpSync(join(MADE, 'msiexec.exe'), join(SYSTEM, 'msiexec.exe'))
  }
  t.after(restoreMsiexec)
  return {
    line: () => textOf(`${directory}\\line.txt`, 'utf16le'),
    isCalled: () => existsSync(here(`${directory}\\line.txt`)),
    go: () => rmSync(here(`${directory}\\wait.txt`)),
  }
}

function restoreMsiexec() {
  if (existsSync(join(SYSTEM, 'msiexec.real')))
    renameSync(join(SYSTEM, 'msiexec.real'), join(SYSTEM, 'msiexec.exe'))
}

/** An application 1.0.0 in a directory of its own, and a server that announces 2.0.0 to it. */
export class Application {
  static count = 0

  static async install(t) {
    // node:test says `after` where ava says `teardown`.
    const server = await serve({ teardown: (undo) => t.after(undo) })
    return new Application(t, server)
  }

  constructor(t, server) {
    Object.assign(this, { t, server, key: keyPair(), home: `${HOME}\\${++Application.count}`, runs: 0 })
    this.directory = `${this.home}\\My Äpp`
    this.program = `${this.directory}\\App.exe`
    this.data = `${this.home}\\data`
    mkdirSync(here(this.directory), { recursive: true })
    cpSync(join(MADE, 'App-1.0.0.exe'), here(this.program))
  }

  path = (name) => `${this.home}\\${name}`
  has = (path) => existsSync(here(path))
  remove = (path) => rmSync(here(path))
  write = (path, text) => writeFileSync(here(path), text)
  names = (path) => (existsSync(here(path)) ? readdirSync(here(path)) : [])

  /** The directories of applications in %LOCALAPPDATA%. */
  local = () => (existsSync(LOCAL) ? readdirSync(LOCAL) : [])
  forget = (name) => rmSync(join(LOCAL, name), { recursive: true })

  publish(bytes, format) {
    const signature = sign(this.key, bytes, trustedComment('2.0.0'))
    this.server.routes['/artifact'] = file(bytes)
    const platform = { url: `${this.server.url}/artifact`, signature, format }
    this.server.routes['/latest.json'] = json({ version: '2.0.0', platforms: { 'windows-x86_64': platform } })
  }

  /** Lets the application's code do something; `events` waits until it has ended. */
  start(act, { addon = ADDON, version = '1.0.0', options, ...more } = {}, ...args) {
    const name = this.path(`${++this.runs}`)
    const request = {
      act,
      version,
      addon: there(addon),
      events: `${name}.events`,
      go: `${name}.go`,
      options: {
        endpoints: [`${this.server.url}/latest.json`],
        pubkey: this.key.pubkey,
        executablePath: this.program,
        dataDir: this.data,
        ...options,
      },
      ...more,
    }
    this.write(`${name}.json`, JSON.stringify(request))
    const script = there(join(import.meta.dirname, 'update.cjs'))
    // Not a pipe: not all that is printed comes out of one.
    const child = spawn(WINE, [CACHED.windowsNode, script, `${name}.json`, ...args], {
      cwd: here(this.home),
      env: ENV,
      stdio: 'ignore',
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MAX)
    const ended = new Promise((resolve) => child.once('exit', resolve)).finally(() => clearTimeout(timer))
    this.t.after(() => child.kill('SIGKILL'))
    const noted = () => {
      const text = existsSync(here(request.events)) ? readFileSync(here(request.events), 'utf8') : ''
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    }
    return {
      request,
      kill: () => (child.kill('SIGKILL'), ended),
      ended,
      events: async () => (await ended, noted()),
      /** Waits for an event. */
      noted: (event) => until(event, () => noted().find((one) => one.event === event)),
      go: () => this.write(request.go, ''),
    }
  }

  /** Lets it do something, to the end: what was noted, by event. */
  async run(...request) {
    const events = await this.start(...request).events()
    return Object.fromEntries(events.map(({ event, ...more }) => [event, more]))
  }

  /** Puts the same program there as another file. */
  restore() {
    this.remove(this.program)
    cpSync(join(MADE, 'App-1.0.0.exe'), here(this.program))
  }

  /** What the program noted when it was started: version, directory, arguments. */
  started = async () => (await textOf(`${this.directory}\\started.txt`)).split('\n')

  /** What is left of downloads. */
  downloads = () => {
    const [application] = this.names(this.data)
    return this.names(`${this.data}\\${application}\\download`)
  }

  /** The directories that installers were run from, with what is in each. */
  installs = () => {
    const [application] = this.names(this.data)
    const scratch = `${this.data}\\${application}\\install`
    return this.names(scratch).map((name) => ({
      path: `${scratch}\\${name}`,
      names: this.names(`${scratch}\\${name}`),
    }))
  }

  /** What another process can do to a file, once it is held: the error codes of Windows by attempt. */
  async attack(path) {
    const out = this.path('attack')
    wine(there(join(MADE, 'App-1.0.0.exe')), '--attack', path, out)
    const lines = (await textOf(out)).split('\n').slice(0, -1)
    return Object.fromEntries(lines.map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]))
  }

  /** A value that the package left in the registry. */
  value(name) {
    const out = this.path(`value-${name}`)
    wine(there(join(MADE, 'App-1.0.0.exe')), '--value', name, out)
    return textOf(out)
  }
}

/** ERROR_SHARING_VIOLATION for everything but reading. */
export const HELD = {
  read: 0,
  write: 32,
  append: 32,
  truncate: 32,
  overwrite: 32,
  replace: 5,
  rename: 32,
  delete: 32,
}
