// Stands in for the `electron` module: main process and renderer in one, with what crosses between them cloned as IPC does.

const { EventEmitter } = require('node:events')

const handlers = new Map()
const toRenderer = new EventEmitter()

exports.app = { getVersion: () => '0.1.0', quit: () => process.exit(0) }

exports.ipcMain = { handle: (channel, handler) => handlers.set(channel, handler) }

exports.ipcRenderer = {
  invoke: async (channel, ...args) => {
    const sender = {
      isDestroyed: () => false,
      send: (name, value) => toRenderer.emit(name, {}, structuredClone(value)),
    }
    return structuredClone(await handlers.get(channel)({ sender }, ...structuredClone(args)))
  },
  on: (channel, listener) => toRenderer.on(channel, listener),
}

exports.contextBridge = { exposeInMainWorld: (name, api) => (globalThis[name] = api) }
