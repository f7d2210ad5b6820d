// What was agreed on for those who use the package. `index.d.ts` is generated from Rust and has to come to the same types.

export type WindowsUpdateInstallMode = 'basicUi' | 'quiet' | 'passive'
export declare const WindowsUpdateInstallMode: {
  readonly BasicUi: 'basicUi'
  readonly Quiet: 'quiet'
  readonly Passive: 'passive'
}

export type UpdateFormat = 'appimage' | 'app' | 'nsis' | 'wix' | 'deb' | 'rpm' | 'pacman'
export declare const UpdateFormat: {
  readonly AppImage: 'appimage'
  readonly App: 'app'
  readonly Nsis: 'nsis'
  readonly Wix: 'wix'
  readonly Deb: 'deb'
  readonly Rpm: 'rpm'
  readonly Pacman: 'pacman'
}

export interface UpdaterWindowsOptions {
  installerArgs?: Array<string>
  installMode?: WindowsUpdateInstallMode
}

export interface Options {
  endpoints: Array<string>
  pubkey: string | Array<string>
  windows?: UpdaterWindowsOptions
  target?: string
  executablePath?: string
  headers?: Record<string, string>
  downloadHeaders?: Record<string, string>
  timeout?: number
  proxy?: string
  allowDowngrades?: boolean
  requireSignedVersion?: boolean
  requireSignedManifest?: boolean
  manifestPubkeys?: Array<string>
  appId?: string
  channel?: string
  dangerousInsecureTransportProtocol?: boolean
  dataDir?: string
  maxDownloadSize?: number
  keepArtifact?: boolean
}

export interface CheckOptions {
  signal?: AbortSignal
}

export interface DownloadProgress {
  phase: 'download' | 'patch' | 'verify'
  transferred: number
  total: number | null
  percent: number | null
  bytesPerSecond: number
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

export interface InstallOptions {
  exit?: boolean
  relaunch?: boolean
}

export interface UpdateInfo {
  currentVersion: string
  version: string
  target: string
  format: UpdateFormat
  downloadUrl: string
  signature: string
  extractPath: string
  size?: number
  body?: string
  date?: string
}

export declare class Update {
  private constructor()
  readonly currentVersion: string
  readonly version: string
  readonly target: string
  readonly format: UpdateFormat
  readonly downloadUrl: string
  readonly signature: string
  readonly extractPath: string
  readonly pubkey: string | Array<string>
  readonly headers: Record<string, string>
  readonly timeout?: number
  readonly windows?: UpdaterWindowsOptions
  readonly size?: number
  readonly body?: string
  readonly date?: string

  download(
    onChunk?: (chunkLength: number, contentLength: number | null) => void,
    onDownloadFinished?: () => void,
  ): Promise<ArrayBuffer>
  install(bytes: ArrayBuffer | Uint8Array, options?: InstallOptions): Promise<void>
  downloadAndInstall(
    onChunk?: (chunkLength: number, contentLength: number | null) => void,
    onDownloadFinished?: () => void,
  ): Promise<void>
  downloadAndInstall(options?: DownloadOptions & InstallOptions): Promise<void>
  stage(options?: DownloadOptions): Promise<StagedUpdate>
  toJSON(): UpdateInfo
}

export declare class StagedUpdate {
  private constructor()
  readonly version: string
  readonly path: string
  readonly size: number
  readonly downloadedBytes: number
  install(options?: InstallOptions): Promise<void>
  installOnExit(options?: InstallOptions): void
  discard(): Promise<void>
}

export declare function checkUpdate(
  currentVersion: string,
  options: Options,
  checkOptions?: CheckOptions,
): Promise<Update | null>

export declare function pendingUpdate(currentVersion: string, options: Options): Promise<StagedUpdate | null>

export interface RelaunchOptions {
  args?: Array<string>
  executablePath?: string
}
export declare function relaunch(options?: RelaunchOptions): Promise<void>

export interface UpdaterError extends Error {
  code: UpdaterErrorCode
  cause?: unknown
  option?: string
  url?: string
  status?: number
  exitCode?: number
  errors?: Array<UpdaterError>
}

export type UpdaterErrorCode =
  | 'ERR_UPDATER_INVALID_VERSION'
  | 'ERR_UPDATER_INVALID_OPTION'
  | 'ERR_UPDATER_INVALID_PUBKEY'
  | 'ERR_UPDATER_INSECURE_URL'
  | 'ERR_UPDATER_UNSUPPORTED_PLATFORM'
  | 'ERR_UPDATER_NO_VALID_ENDPOINT'
  | 'ERR_UPDATER_NETWORK'
  | 'ERR_UPDATER_HTTP_STATUS'
  | 'ERR_UPDATER_TIMEOUT'
  | 'ERR_UPDATER_TLS'
  | 'ERR_UPDATER_INVALID_MANIFEST'
  | 'ERR_UPDATER_TARGET_NOT_FOUND'
  | 'ERR_UPDATER_MANIFEST_UNSIGNED'
  | 'ERR_UPDATER_MANIFEST_SIGNATURE'
  | 'ERR_UPDATER_MANIFEST_EXPIRED'
  | 'ERR_UPDATER_MANIFEST_ROLLBACK'
  | 'ERR_UPDATER_SIZE_LIMIT'
  | 'ERR_UPDATER_SIZE_MISMATCH'
  | 'ERR_UPDATER_INVALID_SIGNATURE'
  | 'ERR_UPDATER_SIGNATURE_MISMATCH'
  | 'ERR_UPDATER_SIGNED_VERSION_MISSING'
  | 'ERR_UPDATER_SIGNED_VERSION_MISMATCH'
  | 'ERR_UPDATER_SIGNED_METADATA_MISMATCH'
  | 'ERR_UPDATER_UNSUPPORTED_FORMAT'
  | 'ERR_UPDATER_NOT_UPDATABLE'
  | 'ERR_UPDATER_TRANSLOCATED'
  | 'ERR_UPDATER_READ_ONLY_VOLUME'
  | 'ERR_UPDATER_INVALID_ARTIFACT'
  | 'ERR_UPDATER_UNSAFE_ARCHIVE'
  | 'ERR_UPDATER_NO_SPACE'
  | 'ERR_UPDATER_PERMISSION_DENIED'
  | 'ERR_UPDATER_ELEVATION_DENIED'
  | 'ERR_UPDATER_BUSY'
  | 'ERR_UPDATER_INSTALLER_FAILED'
  | 'ERR_UPDATER_INSTALLER_CANCELLED'
  | 'ERR_UPDATER_INSTALLER_BUSY'
  | 'ERR_UPDATER_IO'
