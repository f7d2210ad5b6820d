// Shows the state of the updates. Release notes and errors come from elsewhere: they are text, never HTML.

/** @import { Bridge, Failure, State } from '../types.js' */

/** @typedef {Exclude<keyof Bridge, 'state' | 'onChange'>} Action */
/** @typedef {{ title: string, text?: string, buttons?: Action[] }} View the last button is what one would press */

const FAILED = {
  check: 'Could not check for updates',
  download: 'The download failed',
  restart: 'Could not install the update',
}

/** @type {Record<State['step'], (state: State) => View>} */
const VIEWS = {
  idle: () => ({ title: 'Updates', text: 'See whether there is a newer version.', buttons: ['check'] }),
  checking: () => ({ title: 'Checking for updates…', buttons: ['check'] }),
  none: () => ({ title: 'You are up to date', text: 'There is no newer version.', buttons: ['check'] }),
  available: (state) => ({
    title: `Version ${next(state)} is available`,
    text: about(state),
    buttons: ['download'],
  }),
  downloading: (state) => ({ title: doing(state), buttons: ['cancel'] }),
  ready: (state) => ({
    title: `Version ${next(state)} is ready`,
    text: 'It was downloaded and checked. Restart to use it.',
    buttons: ['installOnQuit', 'restart'],
  }),
  scheduled: (state) => ({
    title: `Version ${next(state)} is ready`,
    text: 'It will be installed when you quit.',
    buttons: ['restart'],
  }),
  installing: (state) => ({
    title: `Installing version ${next(state)}…`,
    text: 'Example starts again by itself.',
  }),
  error: ({ error }) => ({
    title: FAILED[error?.action ?? 'check'],
    text: error?.text,
    buttons: [...new Set(/** @type {Action[]} */ (['check', error?.action ?? 'check']))],
  }),
}

/** @type {Record<Action, string>} */
const LABELS = {
  check: 'Check for updates',
  download: 'Download',
  cancel: 'Cancel',
  installOnQuit: 'Install on quit',
  restart: 'Restart now',
}

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id))
const bar = /** @type {HTMLProgressElement} */ (document.querySelector('progress'))
const actions = /** @type {Action[]} */ (Object.keys(LABELS))

for (const action of actions) {
  element(action).addEventListener('click', () => {
    if (element(action).ariaDisabled !== 'true') window.updates[action]()
  })
}
window.updates.onChange(show)
show(await window.updates.state())

/** @param {State} state */
function show(state) {
  const { title, text = '', buttons = [] } = VIEWS[state.step](state)
  element('version').textContent = `Version ${state.currentVersion}`
  write('title', title)
  write('text', text)
  element('text').hidden = text === ''
  showFailure(state.error)
  showNotes(state)
  showProgress(state)
  showButtons(state, buttons)
}

/**
 * What has not changed is not read out again.
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text
}

/** @param {Failure | null} error */
function showFailure(error) {
  element('failure').hidden = !error
  write('code', error?.code ?? '')
  write('message', error?.message ?? '')
}

/** @param {State} state */
function showNotes({ step, update }) {
  const notes = update && 'body' in update && step !== 'error' ? update.body : ''
  element('notes').hidden = !notes
  write('body', notes ?? '')
}

/** @param {State} state */
function showProgress({ step, progress }) {
  element('progress').hidden = step !== 'downloading'
  if (progress?.percent == null) bar.removeAttribute('value')
  else bar.value = progress.percent
  write('amount', progress ? amount(progress) : '')
  write('announcement', progress?.percent == null ? '' : `${Math.floor(progress.percent / 25) * 25} percent`)
}

/**
 * @param {State} state
 * @param {Action[]} buttons
 */
function showButtons({ step, error }, buttons) {
  const focused = document.activeElement
  for (const action of actions) {
    const button = element(action)
    button.hidden = !buttons.includes(action)
    button.classList.toggle('primary', action === buttons.at(-1) && action !== 'cancel')
    button.ariaDisabled = String(step === 'checking')
    write(action, error?.action === action ? 'Try again' : LABELS[action])
  }
  // Not to the next button: who is about to press “Cancel” must not restart the application.
  if (focused instanceof HTMLButtonElement && focused.hidden) element('title').focus()
}

/** @param {State} state */
function next({ update }) {
  return update?.version
}

/** @param {State} state */
function doing(state) {
  return state.progress?.phase === 'verify'
    ? 'Verifying the download…'
    : `Downloading version ${next(state)}…`
}

/** @param {State} state */
function about({ update }) {
  if (!update || !('format' in update)) return ''
  const date = update.date && new Date(update.date).toLocaleDateString('en', { dateStyle: 'long' })
  return [date, update.size && megabytes(update.size)].filter(Boolean).join(' · ')
}

/** @param {NonNullable<State['progress']>} progress */
function amount({ transferred, total, bytesPerSecond }) {
  const whole = total === null ? '' : ` of ${megabytes(total)}`
  return `${megabytes(transferred)}${whole} · ${megabytes(bytesPerSecond)}/s`
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB`
}
