// What must not compile. That the types are the agreed ones, contract.mts tells.
import * as updater from '@crabnebula/updater'

// Assignability does not see `readonly` and optional members of the same name, so these are tried.
declare const update: updater.Update
declare const staged: updater.StagedUpdate

// @ts-expect-error the constructor is private
new updater.Update()
// @ts-expect-error the constructor is private
new updater.StagedUpdate()
// @ts-expect-error read-only
update.version = ''
// @ts-expect-error read-only
update.pubkey = ''
// @ts-expect-error read-only
update.headers = {}
// @ts-expect-error read-only
update.windows = {}
// @ts-expect-error read-only
update.size = 1
// @ts-expect-error read-only
staged.path = ''
export function unchecked({ size }: updater.Update): void {
  // @ts-expect-error may be undefined
  size.toFixed()
}
// @ts-expect-error may be null
updater.checkUpdate('1.0.0', { endpoints: [], pubkey: '' }).then((found) => found.version)
// @ts-expect-error not a format
const format: updater.UpdateFormat = 'floppy'
// @ts-expect-error not a code
const code: updater.UpdaterErrorCode = 'ERR_OTHER'
export { format, code }
