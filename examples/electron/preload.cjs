// All that the window can reach. Neither `ipcRenderer` nor an event gets through to it.

const { contextBridge, ipcRenderer } = require('electron')

/** @import { Bridge, State } from './types.js' */

/** @param {string} action */
const ask = (action) => () => ipcRenderer.invoke(`updates:${action}`)

/** @type {Bridge} */
const updates = {
  state: ask('state'),
  check: ask('check'),
  download: ask('download'),
  cancel: ask('cancel'),
  restart: ask('restart'),
  installOnQuit: ask('installOnQuit'),
  onChange: (listener) => {
    /**
     * @param {unknown} _event
     * @param {State} state
     */
    const forward = (_event, state) => listener(state)
    ipcRenderer.on('updates:changed', forward)
    return () => void ipcRenderer.off('updates:changed', forward)
  },
}

contextBridge.exposeInMainWorld('updates', updates)
