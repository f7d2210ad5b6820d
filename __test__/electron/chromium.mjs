// The window of examples/electron in headless Chromium: its own files, policy and preload script, with a stand-in for
// the two modules of Electron that the preload script uses.

import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { find, testUnless } from '../support/tools.mjs'
import { EXAMPLE } from './application.mjs'

const require = createRequire(import.meta.url)
const SCREENSHOTS = fileURLToPath(new URL('../../target/screenshots', import.meta.url))
const PRELOAD = join(EXAMPLE, 'preload.cjs')

const PATIENCE_MS = 15_000

/** Chromium does not know the scheme of the application, so that its page has this address here. */
const ORIGIN = 'http://window.invalid'

const missing = [
  ...(find('chromium') ? [] : ['chromium']),
  ...['playwright-core', 'axe-core'].filter((name) => !isInstalled(name)),
]

export const testInChromium = (title, implementation) => testUnless(missing, title, implementation)

function isInstalled(name) {
  try {
    return Boolean(require.resolve(name))
  } catch {
    return false
  }
}

/** Files come from the main process of `application`, as they do in Electron. */
export async function startChromium(application) {
  const { chromium } = require('playwright-core')
  // With handlers of its own for signals, a test that hangs could not be ended.
  const signals = { handleSIGHUP: false, handleSIGINT: false, handleSIGTERM: false }
  const browser = await chromium.launch({ executablePath: find('chromium'), ...signals })
  return {
    close: () => browser.close(),
    isConnected: () => browser.isConnected(),
    open: (t, options) => open(t, browser, application, options),
  }
}

/** `invoke` answers what the preload script asks for. */
async function open(t, browser, application, { invoke, state, ...options }) {
  const context = await browser.newContext({ viewport: { width: 480, height: 480 }, ...options })
  t.teardown(() => context.close())
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const window = new Window(page, state)
  page.on('console', (message) => window.complaints.push(message.text()))
  page.on('pageerror', (error) => window.complaints.push(error.message))
  page.on('dialog', (dialog) => dialog.dismiss().then(() => window.complaints.push(dialog.message())))
  await page.exposeFunction('standInInvoke', invoke ?? window.answer)
  await page.addInitScript(PRELOAD_SCRIPT)
  await page.route('**', async (route) => {
    const url = route.request().url()
    if (!url.startsWith(ORIGIN)) window.foreign.push(url)
    route.fulfill(await application.order('fetch', { url: url.replace(ORIGIN, 'app://window') }))
  })
  await page.goto(`${ORIGIN}/index.html`)
  await page.getByText('Version 1.0.0').waitFor()
  return window
}

const PRELOAD_SCRIPT = `{
  const listeners = new Set()
  globalThis.standInChanged = (state) => listeners.forEach((listener) => listener({}, state))
  const electron = {
    contextBridge: { exposeInMainWorld: (name, api) => (globalThis[name] = api) },
    ipcRenderer: {
      invoke: (...args) => globalThis.standInInvoke(...args),
      on: (_channel, listener) => listeners.add(listener),
      off: (_channel, listener) => listeners.delete(listener),
    },
  }
  const preload = (require) => { ${readFileSync(PRELOAD, 'utf8')} }
  preload(() => electron)
}`

class Window {
  /** What the window asked the main process for, but for the state. */
  asked = []
  /** Errors and warnings: there are to be none. */
  complaints = []
  /** Addresses elsewhere that were asked for: there are to be none. */
  foreign = []

  constructor(page, state) {
    this.page = page
    this.state = state
  }

  answer = (channel, ...args) => {
    if (channel === 'updates:state') return this.state
    this.asked.push([channel, ...args])
  }

  show(state) {
    return this.page.evaluate((news) => globalThis.standInChanged(news), state)
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true })
  }

  buttons() {
    return this.page.getByRole('button').allTextContents()
  }

  focused() {
    return this.page.evaluate(() => document.activeElement.textContent)
  }

  /** What the rules for accessible pages find wrong. */
  async violations() {
    await this.page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'))
    const { violations } = await this.page.evaluate(() => globalThis.axe.run())
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => [id, html, any[0]?.message]))
  }

  /** Wider than the window, or with a button that is not wholly in it. */
  async misplaced() {
    return this.page.evaluate(() => {
      const { scrollWidth, clientWidth, clientHeight } = document.documentElement
      const wide = scrollWidth > clientWidth ? ['the page'] : []
      const buttons = [...document.querySelectorAll('button:not([hidden])')].filter((button) => {
        const { top, bottom, left, right } = button.getBoundingClientRect()
        return top < 0 || left < 0 || bottom > clientHeight || right > clientWidth
      })
      return [...wide, ...buttons.map((button) => button.textContent)]
    })
  }

  screenshot(name) {
    mkdirSync(SCREENSHOTS, { recursive: true })
    return this.page.screenshot({ path: join(SCREENSHOTS, `electron-${name}.png`), animations: 'disabled' })
  }
}
