// What the package promises, written down a second time.
import { type Same, expect } from './same.mjs'
import * as updater from '@crabnebula/updater'

type Mode = 'basicUi' | 'quiet' | 'passive'
type Format = 'appimage' | 'app' | 'nsis' | 'wix' | 'deb' | 'rpm' | 'pacman'

interface Windows {
  installerArgs?: string[]
  installMode?: Mode
}

interface Options {
  endpoints: string[]
  pubkey: string | string[]
  windows?: Windows
  target?: string
  executablePath?: string
  headers?: Record<string, string>
  downloadHeaders?: Record<string, string>
  timeout?: number
  proxy?: string
  allowDowngrades?: boolean
  requireSignedVersion?: boolean
  requireSignedManifest?: boolean
  manifestPubkeys?: string[]
  appId?: string
  channel?: string
  dangerousInsecureTransportProtocol?: boolean
  dataDir?: string
  maxDownloadSize?: number
  keepArtifact?: boolean
}

interface Progress {
  phase: 'download' | 'patch' | 'verify'
  transferred: number
  total: number | null
  percent: number | null
  bytesPerSecond: number
}

interface Download {
  onProgress?: (progress: Progress) => void
  signal?: AbortSignal
}

interface Install {
  exit?: boolean
  relaunch?: boolean
}

interface Info {
  currentVersion: string
  version: string
  target: string
  format: Format
  downloadUrl: string
  signature: string
  extractPath: string
  size?: number
  body?: string
  date?: string
}

interface Staged {
  readonly version: string
  readonly path: string
  readonly size: number
  readonly downloadedBytes: number
  install(options?: Install): Promise<void>
  installOnExit(options?: Install): void
  discard(): Promise<void>
}

type OnChunk = (chunkLength: number, contentLength: number | null) => void

interface Update extends Readonly<Info> {
  readonly pubkey: string | string[]
  readonly headers: Record<string, string>
  readonly timeout?: number
  readonly windows?: Windows
  download(onChunk?: OnChunk, onDownloadFinished?: () => void): Promise<ArrayBuffer>
  install(bytes: ArrayBuffer | Uint8Array, options?: Install): Promise<void>
  downloadAndInstall(onChunk?: OnChunk, onDownloadFinished?: () => void): Promise<void>
  downloadAndInstall(options?: Download & Install): Promise<void>
  stage(options?: Download): Promise<Staged>
  toJSON(): Info
}

interface Failure extends Error {
  code: updater.UpdaterErrorCode
  cause?: unknown
  option?: string
  url?: string
  status?: number
  exitCode?: number
  errors?: Failure[]
}

expect<Same<updater.WindowsUpdateInstallMode, Mode>>()
expect<Same<updater.UpdateFormat, Format>>()
expect<Same<updater.UpdaterWindowsOptions, Windows>>()
expect<Same<updater.Options, Options>>()
expect<Same<updater.CheckOptions, { signal?: AbortSignal }>>()
expect<Same<updater.DownloadProgress, Progress>>()
expect<Same<updater.DownloadOptions, Download>>()
expect<Same<updater.InstallOptions, Install>>()
expect<Same<updater.RelaunchOptions, { args?: string[]; executablePath?: string }>>()
expect<Same<updater.UpdateInfo, Info>>()
expect<Same<updater.Update, Update>>()
expect<Same<updater.StagedUpdate, Staged>>()
expect<Same<updater.UpdaterError, Failure>>()
expect<
  Same<
    typeof updater.checkUpdate,
    (
      currentVersion: string,
      options: Options,
      checkOptions?: { signal?: AbortSignal },
    ) => Promise<updater.Update | null>
  >
>()
expect<
  Same<
    typeof updater.pendingUpdate,
    (currentVersion: string, options: Options) => Promise<updater.StagedUpdate | null>
  >
>()
expect<
  Same<typeof updater.relaunch, (options?: { args?: string[]; executablePath?: string }) => Promise<void>>
>()
expect<
  Same<
    typeof updater.WindowsUpdateInstallMode,
    { readonly BasicUi: 'basicUi'; readonly Quiet: 'quiet'; readonly Passive: 'passive' }
  >
>()
expect<
  Same<
    typeof updater.UpdateFormat,
    {
      readonly AppImage: 'appimage'
      readonly App: 'app'
      readonly Nsis: 'nsis'
      readonly Wix: 'wix'
      readonly Deb: 'deb'
      readonly Rpm: 'rpm'
      readonly Pacman: 'pacman'
    }
  >
>()

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
