// Stands in for the `electron` module in a main process that a test has forked, and tells that test what Electron is
// asked to do. What goes between them is cloned, as Electron's IPC does.

const { EventEmitter } = require('node:events')

const tell = (kind, value) => process.send?.({ kind, value })

class WebContents extends EventEmitter {
  send(channel, ...args) {
    if (this.isClosed) throw new TypeError('Object has been destroyed')
    tell('sent', { channel, args })
  }
  setWindowOpenHandler(handler) {
    this.openWindow = handler
  }
}

class BrowserWindow extends EventEmitter {
  constructor(options) {
    super()
    this.webContents = new WebContents()
    windows.push(this)
    tell('window', options)
    app.emit('web-contents-created', {}, this.webContents)
  }
  async loadURL(url) {
    tell('loaded', url)
  }
  focus() {
    tell('focused')
  }
  isMinimized() {
    return false
  }
}

const windows = []
const handlers = new Map()
const settings = process.env.STAND_IN ? JSON.parse(process.env.STAND_IN) : {}
const privileged = []
let servedBy

const app = Object.assign(new EventEmitter(), {
  isPackaged: settings.isPackaged ?? true,
  getVersion: () => '1.0.0',
  enableSandbox: () => tell('sandboxed'),
  requestSingleInstanceLock: () => settings.isFirst ?? true,
  whenReady: () => new Promise((resolve) => setImmediate(resolve)),
  // Electron ends the process when its windows have agreed, and tells Node.js then.
  quit: () => {
    tell('quit')
    setImmediate(() => process.exit(0))
  },
  relaunch: () => tell('wrong', 'app.relaunch() starts a second copy'),
})

/** Frames as Electron describes them. The first is the window's own. */
const frames = (window) => ({
  page: { sender: window.webContents, senderFrame: { url: 'app://window/index.html', parent: null } },
  frame: { sender: window.webContents, senderFrame: { url: 'app://window/index.html', parent: {} } },
  elsewhere: { sender: window.webContents, senderFrame: { url: 'https://example.com/', parent: null } },
  gone: { sender: window.webContents, senderFrame: null },
  stranger: { sender: new WebContents(), senderFrame: { url: 'app://window/index.html', parent: null } },
})

/** What a test can ask for. */
const orders = {
  invoke: ({ channel, args, from }) => handlers.get(channel)(frames(windows.at(-1))[from], ...args),
  channels: () => [...handlers.keys()],
  close: () => {
    windows.at(-1).webContents.isClosed = true
    windows.at(-1).emit('closed')
    app.emit('window-all-closed')
  },
  emit: ({ name }) => void app.emit(name, {}),
  // Only now: the addon has been chosen by the true one.
  pretendToBe: ({ platform }) => void Object.defineProperty(process, 'platform', { value: platform }),
  navigate: ({ name }) => {
    let isPrevented = false
    windows
      .at(-1)
      .webContents.emit(name, { preventDefault: () => (isPrevented = true) }, 'https://example.com/')
    return isPrevented
  },
  openWindow: () => windows.at(-1).webContents.openWindow({ url: 'https://example.com/' }),
  permission: () => new Promise((resolve) => session.defaultSession.decide(undefined, 'camera', resolve)),
  fetch: async ({ url }) => {
    const response = await servedBy({ url })
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }
  },
  privileged: () => privileged,
}

const session = {
  defaultSession: {
    setPermissionRequestHandler(handler) {
      this.decide = handler
    },
  },
}

process.on('message', async ({ id, order, input }) => {
  try {
    process.send({ id, value: await orders[order](input) })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})
process.on('disconnect', () => process.exit(1))

exports.app = app
exports.BrowserWindow = BrowserWindow
exports.ipcMain = { handle: (channel, handler) => handlers.set(channel, handler) }
exports.nativeTheme = { shouldUseDarkColors: false }
exports.protocol = {
  registerSchemesAsPrivileged: (schemes) => privileged.push(...schemes),
  handle: (scheme, handler) => (servedBy = handler),
}
exports.session = session
