// The example, installed as an AppImage, with its main process running in a stand-in for Electron.

import { fork } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { fixture } from '../support/fixture.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const EXAMPLE = join(ROOT, 'examples/electron')

/** An installed example 1.0.0, and a server that announces 2.0.0 to it. */
export async function installExample(t) {
  const site = await fixture(t)
  const sources = join(site.dir, 'sources')
  cpSync(EXAMPLE, sources, { recursive: true, filter: (path) => !path.includes('node_modules') })
  const modules = join(sources, 'node_modules')
  mkdirSync(join(modules, 'electron'), { recursive: true })
  cpSync(new URL('stand-in.cjs', import.meta.url), join(modules, 'electron/index.js'))
  mkdirSync(join(modules, '@crabnebula'))
  symlinkSync(ROOT, join(modules, '@crabnebula/updater'))
  configure(sources, { endpoints: site.options.endpoints, pubkey: site.key.pubkey })
  // As if the interpreter lay in the mounted image.
  const env = { APPIMAGE: site.app, APPDIR: dirname(process.execPath), XDG_STATE_HOME: site.dataDir }
  return { ...site, sources, start: (settings) => start(t, join(sources, 'main.mjs'), env, settings) }
}

/** All else stays as the example has it. */
function configure(sources, changes) {
  const file = join(sources, 'updater.config.mjs')
  cpSync(file, join(sources, 'example.config.mjs'))
  const source = `
    import { config as example } from './example.config.mjs'
    export const config = { ...example, ...${JSON.stringify(changes)} }
  `
  writeFileSync(file, source)
}

/** Resolves when it has opened its window and looked for what is staged, or ended. */
async function start(t, script, env, settings = {}) {
  const child = fork(script, {
    env: { ...process.env, ...env, STAND_IN: JSON.stringify(settings) },
    serialization: 'advanced',
    silent: true,
    execArgv: [],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const application = new Application(child)
  const settled = application.until(({ kind, value }) => kind === 'sent' && value.args[0].step !== 'checking')
  await Promise.race([settled.catch(() => {}), application.ended])
  return application
}

class Application {
  #child
  #next = 0
  #answers = new Map()
  #waiting = new Set()
  /** What the stand-in told: Electron calls, and states that were sent to the window. */
  told = []
  onState
  stderr = ''

  constructor(child) {
    this.#child = child
    child.stderr.on('data', (data) => (this.stderr += data))
    child.on('message', (message) => this.#receive(message))
    this.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)))
  }

  #receive(message) {
    if (message.kind === undefined) {
      this.#answers.get(message.id)(message)
      return
    }
    this.told.push(message)
    if (message.kind === 'sent') this.onState?.(message.value.args[0])
    for (const check of this.#waiting) check(message)
  }

  /** Asks the stand-in for something. */
  async order(order, input) {
    const id = (this.#next += 1)
    const answer = new Promise((resolve) => this.#answers.set(id, resolve))
    this.#child.send({ id, order, input })
    const { value, error } = await Promise.race([answer, this.ended.then(() => ({ error: 'ended' }))])
    if (error !== undefined) throw new Error(error)
    return value
  }

  /** As the preload script does. */
  invoke(action, { from = 'page', args = [] } = {}) {
    return this.order('invoke', { channel: `updates:${action}`, from, args })
  }

  states() {
    return this.told.filter(({ kind }) => kind === 'sent').map(({ value }) => value.args[0])
  }

  kinds() {
    return this.told.map(({ kind }) => kind)
  }

  /** The first such message, also of those that came before. */
  async until(matches) {
    const past = this.told.find(matches)
    if (past) return past
    return new Promise((resolve, reject) => {
      const check = (message) => {
        if (!matches(message)) return
        this.#waiting.delete(check)
        resolve(message)
      }
      this.#waiting.add(check)
      this.ended.then((code) => reject(new Error(`ended with ${code}: ${this.stderr}`)))
    })
  }

  /** The next state that has one of these steps, and what it shows. */
  async after(action, ...steps) {
    const seen = this.told.length
    await this.invoke(action)
    const isNew = (message) => message.kind === 'sent' && this.told.indexOf(message) >= seen
    const { value } = await this.until((each) => isNew(each) && steps.includes(each.value.args[0].step))
    return value.args[0]
  }
}
