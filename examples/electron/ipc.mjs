// What the window may ask for: a few words without arguments.

import { ipcMain } from 'electron'
import { PAGE } from './page.mjs'

/** @import { BrowserWindow, IpcMainInvokeEvent } from 'electron' */
/** @import { Updates } from './updates.mjs' */

const ACTIONS = /** @type {const} */ (['check', 'download', 'cancel', 'restart', 'installOnQuit'])

/**
 * @param {Updates} updates
 * @param {() => BrowserWindow | null} getWindow
 */
export function listen(updates, getWindow) {
  /**
   * @param {string} channel
   * @param {() => unknown} answer
   */
  function handle(channel, answer) {
    ipcMain.handle(channel, (event) => {
      if (!isFrom(getWindow(), event)) throw new Error('refused')
      return answer()
    })
  }
  handle('updates:state', () => updates.state)
  // What comes of it is told through `updates:changed`.
  for (const action of ACTIONS) handle(`updates:${action}`, () => void updates[action]())
}

/**
 * Frames inside the page, other windows and other pages have no say.
 * @param {BrowserWindow | null} window
 * @param {IpcMainInvokeEvent} event
 */
function isFrom(window, { sender, senderFrame }) {
  return sender === window?.webContents && senderFrame?.parent === null && senderFrame.url === PAGE
}
