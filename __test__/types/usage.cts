// What an application writes, as a CommonJS module.
import updater = require('@crabnebula/updater')

const format: updater.UpdateFormat = updater.UpdateFormat.AppImage

function check(): Promise<updater.Update | null> {
  return updater.checkUpdate('1.0.0', {
    endpoints: [],
    pubkey: ['a', 'b'],
    windows: { installMode: 'quiet' },
  })
}

export = { check, format }
