// One update at a time, as a state that a window can show. Knows nothing of Electron.

import { checkUpdate, pendingUpdate } from '@crabnebula/updater'
import { explain } from './explain.mjs'

/** @import { Options, StagedUpdate, Update } from '@crabnebula/updater' */
/** @import { Failure, State } from './types.js' */

/**
 * @typedef {object} Application
 * @property {string} version
 * @property {boolean} isPackaged
 * @property {(state: State) => void} onChange
 * @property {() => void} quit
 */

export class Updates {
  #application
  #options
  /** @type {State} */
  #state
  #isBusy = false
  /** @type {Update | null} */
  #found = null
  /** @type {StagedUpdate | null} */
  #staged = null
  /** @type {AbortController | null} */
  #download = null

  /**
   * @param {Application} application
   * @param {Options} options
   */
  constructor(application, options) {
    this.#application = application
    this.#options = options
    this.#state = {
      step: 'idle',
      currentVersion: application.version,
      update: null,
      progress: null,
      error: null,
    }
  }

  get state() {
    return this.#state
  }

  /** At the start: what an earlier run has downloaded is ready. Needs no network. */
  resume() {
    return this.#attempt('check', async () => {
      this.#change({ step: 'checking' })
      this.#staged = await pendingUpdate(this.#application.version, this.#options)
      if (this.#staged) this.#change({ step: 'ready', update: { version: this.#staged.version } })
      else this.#change({ step: 'idle' })
    })
  }

  check() {
    return this.#attempt('check', async () => {
      this.#change({ step: 'checking', update: null })
      this.#found = await checkUpdate(this.#application.version, this.#options)
      this.#change(this.#found ? { step: 'available', update: this.#found.toJSON() } : { step: 'none' })
    })
  }

  download() {
    return this.#attempt('download', async () => {
      if (!this.#found) return
      const { signal } = (this.#download = new AbortController())
      this.#change({ step: 'downloading' })
      try {
        const onProgress = this.#showProgress
        this.#staged = await this.#found.stage({ signal, onProgress })
        this.#change({ step: 'ready' })
      } catch (error) {
        if (!signal.aborted) throw error
        this.#change({ step: 'available' })
      }
    })
  }

  /** What was received is kept, and the next download goes on from there. */
  cancel() {
    this.#download?.abort()
  }

  restart() {
    return this.#attempt('restart', async () => {
      if (!this.#staged) return
      this.#needPackage()
      this.#change({ step: 'installing' })
      // Windows installers need the files of this program: there, this leaves without asking the windows.
      await this.#staged.install({ relaunch: true })
      this.#application.quit()
    })
  }

  installOnQuit() {
    return this.#attempt('restart', async () => {
      if (!this.#staged) return
      this.#needPackage()
      this.#staged.installOnExit({ relaunch: false })
      this.#change({ step: 'scheduled' })
    })
  }

  /** @param {State['progress']} progress */
  #showProgress = (progress) => this.#change({ progress })

  /** Else the Electron in node_modules would be taken for the application. */
  #needPackage() {
    if (this.#application.isPackaged) return
    const error = new Error('the application runs from its sources')
    throw Object.assign(error, { code: 'ERR_UPDATER_NOT_UPDATABLE' })
  }

  /**
   * Nothing else happens meanwhile. Never rejects: what goes wrong is a state as well.
   * @param {Failure['action']} action
   * @param {() => Promise<void>} work
   */
  async #attempt(action, work) {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      await work()
    } catch (error) {
      this.#change({ step: 'error', error: { ...explain(error), action } })
    } finally {
      this.#isBusy = false
    }
  }

  /** @param {Partial<State>} news */
  #change(news) {
    this.#state = { ...this.#state, progress: null, error: null, ...news }
    this.#application.onChange(this.#state)
  }
}
