// The main process: one window, and the updates that it shows.

import { fileURLToPath } from 'node:url'
import { app, BrowserWindow, nativeTheme, session } from 'electron'
import { listen } from './ipc.mjs'
import { PAGE, registerScheme, servePage } from './page.mjs'
import { config } from './updater.config.mjs'
import { Updates } from './updates.mjs'

/** @type {BrowserWindow | null} */
let window = null

const updates = new Updates(
  {
    version: app.getVersion(),
    isPackaged: app.isPackaged,
    onChange: (state) => window?.webContents.send('updates:changed', state),
    // The updater starts the new version when this process is gone. Do not call `app.relaunch()` as well.
    quit: () => app.quit(),
  },
  config,
)

// A second copy would find the update of the first one locked.
if (app.requestSingleInstanceLock()) run()
else app.quit()

function run() {
  app.enableSandbox()
  registerScheme()
  app.on('second-instance', showWindow)
  app.on('window-all-closed', () => process.platform !== 'darwin' && app.quit())
  app.on('web-contents-created', (_event, contents) => keepInside(contents))
  app.whenReady().then(start)
}

function start() {
  servePage()
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, decide) => decide(false))
  listen(updates, () => window)
  app.on('activate', showWindow)
  showWindow()
  updates.resume()
}

function showWindow() {
  if (!window) openWindow()
  else if (window.isMinimized()) window.restore()
  window?.focus()
}

function openWindow() {
  window = new BrowserWindow({
    width: 480,
    height: 480,
    minWidth: 320,
    minHeight: 400,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#1c1c1e' : '#f5f5f7',
    webPreferences: {
      preload: fileURLToPath(new URL('preload.cjs', import.meta.url)),
      contextIsolation: true,
      nodeIntegration: false,
      sandbox: true,
    },
  })
  // Progress of a download goes on without a window, and a closed one cannot be sent anything.
  window.on('closed', () => (window = null))
  window.loadURL(PAGE)
}

/**
 * The page stays the page, and opens no other.
 * @param {import('electron').WebContents} contents
 */
function keepInside(contents) {
  contents.on('will-navigate', (event) => event.preventDefault())
  contents.on('will-attach-webview', (event) => event.preventDefault())
  contents.setWindowOpenHandler(() => ({ action: 'deny' }))
}
