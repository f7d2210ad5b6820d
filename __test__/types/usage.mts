// What an application writes, as an ES module.
import {
  checkUpdate,
  pendingUpdate,
  relaunch,
  UpdateFormat,
  WindowsUpdateInstallMode,
  type Options,
  type Update,
  type UpdateInfo,
  type UpdaterError,
} from '@crabnebula/updater'

const options: Options = {
  endpoints: ['https://example.com/{{target}}/{{arch}}/{{current_version}}'],
  pubkey: 'key',
  windows: { installMode: WindowsUpdateInstallMode.Passive, installerArgs: [] },
}

export async function guide(): Promise<void> {
  const update = await checkUpdate('0.1.0', options)
  if (update !== null) {
    await update.downloadAndInstall()
  } else {
    // there is no updates
  }
}

/** As it was written for 0.2.x. */
export async function positional(update: Update): Promise<void> {
  let received = 0
  const buffer: ArrayBuffer = await update.download(
    (chunkLength, contentLength) => {
      received += chunkLength / (contentLength ?? 1)
    },
    () => {},
  )
  await update.install(buffer)
  await update.downloadAndInstall(
    (chunkLength: number, _contentLength: number | null) => void (received += chunkLength),
  )
  await update.downloadAndInstall(
    () => {},
    () => {},
  )
}

export async function today(signal: AbortSignal): Promise<UpdateInfo | undefined> {
  const pending = await pendingUpdate('0.1.0', options)
  await pending?.install({ relaunch: true, exit: true })
  const update = await checkUpdate('0.1.0', options, { signal })
  if (!update || update.format !== UpdateFormat.AppImage) return undefined
  await update.downloadAndInstall({
    onProgress: ({ phase, percent }) => console.log(phase, percent?.toFixed()),
    signal,
  })
  const staged = await update.stage({ signal })
  await staged.discard()
  await update.install(new Uint8Array(1), { exit: false })
  await relaunch({ args: ['--updated'] })
  return update.toJSON()
}

export function explain(error: UpdaterError): string {
  switch (error.code) {
    case 'ERR_UPDATER_NO_VALID_ENDPOINT':
      return error.errors?.map(explain).join() ?? ''
    case 'ERR_UPDATER_INVALID_OPTION':
      return error.option ?? ''
    default:
      return error.message
  }
}
