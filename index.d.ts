// Types of @crabnebula/updater. Units: bytes, milliseconds, unless a name says otherwise.

/** Runtime constants, so that `WindowsUpdateInstallMode.Passive` works in JS and under isolatedModules. */
export declare const WindowsUpdateInstallMode: {
  readonly BasicUi: 'basicUi'
  readonly Quiet: 'quiet'
  readonly Passive: 'passive'
}

export declare const UpdateFormat: {
  readonly AppImage: 'appimage'
  readonly App: 'app'
  readonly Nsis: 'nsis'
  readonly Wix: 'wix'
  readonly Deb: 'deb'
  readonly Rpm: 'rpm'
  readonly Pacman: 'pacman'
}

export interface Options {
  /** Queried in order until one gives a valid answer. `{{current_version}}`, `{{target}}`, `{{arch}}` and `{{channel}}` are replaced. */
  endpoints: Array<string>
  /** One minisign public key, or several while keys are rotated: base64 of the key file, the key file's text, or its key line. */
  pubkey: string | Array<string>
  windows?: UpdaterWindowsOptions
  /** Replaces `{{target}}` and the key looked up under `platforms`. Default: os, and `os-arch`. */
  target?: string
  /** The installed application, as an absolute path. Default: $APPIMAGE where it is this application's own, else the running executable where that can be updated. */
  executablePath?: string
  /** Sent to the endpoints, and to the download only where it has the origin of the endpoint that announced it. */
  headers?: Record<string, string>
  /** Sent with the download, whatever its origin. */
  downloadHeaders?: Record<string, string>
  /** Longest silence tolerated, never a deadline for a download: an answer to a check, the gap between two reads. Default 30_000. */
  timeout?: number
  /** `http:`, `https:` or `socks5:` URL. Default: the system's or environment's proxy. */
  proxy?: string
  /** Offer a lower version as well; its signature must carry the version. Default false. */
  allowDowngrades?: boolean
  /** Refuse artifacts whose signature does not carry the announced version. Default false. */
  requireSignedVersion?: boolean
  /** Refuse manifests without a valid `signedManifest`. Default false; once one was seen on a channel, it is so there anyway. */
  requireSignedManifest?: boolean
  /** Public keys for signed manifests, any one of which may have signed. Default: `pubkey`. */
  manifestPubkeys?: Array<string>
  /** Reverse-DNS identifier that signed metadata must name when it names one. */
  appId?: string
  /** Replaces `{{channel}}`; signed metadata must name it when it names one. */
  channel?: string
  /** Allow http: to hosts other than a loopback endpoint. Default false. */
  dangerousInsecureTransportProtocol?: boolean
  /** Directory for downloads in progress and updater state, as an absolute path. Default: a private per-application directory. */
  dataDir?: string
  /** Largest artifact accepted. Default 4 GiB. */
  maxDownloadSize?: number
  /** Keep the last artifact as the base of differential updates, for formats that need it: all but AppImages. Default: where the manifest offers deltas. */
  keepArtifact?: boolean
}

export interface CheckOptions {
  signal?: AbortSignal
}

export interface DownloadOptions {
  /** At most 20 calls a second; the last one reports the end of its phase. What it throws ends the download and rejects the promise. */
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

export interface InstallOptions {
  /** Leave through `process.exit(0)` when done; refused in workers. Default: true for Windows installers (they need the files), else false. */
  exit?: boolean
  /** Start the new version once it is installed and this process is gone. Default: true for Windows installers, else false. */
  relaunch?: boolean
}

export interface RelaunchOptions {
  /** Default: the arguments of this process. */
  args?: Array<string>
  executablePath?: string
}

/** What every rejection is. Aborting rejects with `signal.reason` instead, and a callback that throws with what it threw. */
export interface UpdaterError extends Error {
  code: UpdaterErrorCode
  cause?: unknown
  /** INVALID_OPTION: which one. */
  option?: string
  url?: string
  /** HTTP_STATUS. */
  status?: number
  /** INSTALLER_FAILED and its relatives. */
  exitCode?: number
  /** NO_VALID_ENDPOINT: one per endpoint, in order. */
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

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/** A verified update on disk, ready to install now or by a later run. */
export declare class StagedUpdate {
  readonly version: string
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Bytes fetched for it: less than `size` after a resumed download, or with a delta. */
  readonly downloadedBytes: number
  /** Verify once more, and install. */
  install(options?: InstallOptions): Promise<void>
  /**
   * Install when this process exits: verifies and prepares in the background, swaps (or starts the installer) in the
   * `exit` event, before its other listeners. `install` and `discard` take that back, but an `install` that fails does
   * not; another call, for any update, replaces it.
   *
   * Throws in workers and in the `exit` event, for deb, rpm and pacman, where macOS would ask for an administrator, and
   * where nothing can be replaced. What goes wrong later is told to nobody and leaves the update staged, and so does a
   * process ended by a signal: `pendingUpdate` finds it then.
   */
  installOnExit(options?: InstallOptions): void
  /** Remove it from disk. */
  discard(): Promise<void>
  private constructor()
}

/** An update that was found. Immutable: what was checked is what is downloaded, verified and installed. */
export declare class Update {
  readonly currentVersion: string
  readonly version: string
  /** The key of its entry under `platforms`. */
  readonly target: string
  readonly format: UpdateFormat
  readonly downloadUrl: string
  /** As announced. */
  readonly signature: string
  /** What will be replaced. */
  readonly extractPath: string
  get pubkey(): string | Array<string>
  get headers(): Record<string, string>
  /** Download to memory and verify. For large artifacts prefer `stage`. */
  download(onChunk?: (chunkLength: number, contentLength: number | null) => void, onDownloadFinished?: () => void): Promise<ArrayBuffer>
  /** Verify these bytes against the announced signature, then install them. */
  install(bytes: ArrayBuffer | Uint8Array, options?: InstallOptions): Promise<void>
  /** Download to disk in constant memory, verify, install. Takes the callbacks of 0.2.x, or options. */
  downloadAndInstall(onChunk?: (chunkLength: number, contentLength: number | null) => void, onDownloadFinished?: () => void): Promise<void>
  downloadAndInstall(options?: DownloadOptions & InstallOptions): Promise<void>
  /** Download to disk in constant memory, resuming an earlier attempt, and verify. Nothing is installed yet. */
  stage(options?: DownloadOptions): Promise<StagedUpdate>
  toJSON(): UpdateInfo
  /** Milliseconds. */
  readonly timeout?: number
  readonly windows?: UpdaterWindowsOptions
  /** Declared size in bytes, where the manifest gives one. */
  readonly size?: number
  /** Release notes. */
  readonly body?: string
  /** Publication date, RFC 3339. */
  readonly date?: string
  private constructor()
}

/**
 * Ask the endpoints whether there is a newer version. Resolves with `null` where there is none.
 *
 * Every option is checked before anything is sent; a bad one rejects the promise, nothing is thrown.
 */
export declare function checkUpdate(currentVersion: string, options: Options, checkOptions?: CheckOptions): Promise<Update | null>

/** How far a download is. */
export interface DownloadProgress {
  phase: 'download' | 'patch' | 'verify'
  /**
   * Bytes of the artifact that are at hand, including those of an earlier attempt; while deltas are downloaded, of them;
   * in the phase `'patch'`, bytes that they have made. Where a delta is of no use, `'download'` begins again, with the
   * artifact.
   */
  transferred: number
  /**
   * Bytes of the whole artifact, where known; while deltas are downloaded, of them; in the phase `'patch'`, of all that
   * they make: each of a chain makes a whole artifact.
   */
  total: number | null
  /** From 0 to 100, where the total is known. */
  percent: number | null
  /** Mean speed of this phase so far; of verifying, that of what came before. */
  bytesPerSecond: number
}

/**
 * What an earlier run staged, verified again with these options and newer than `currentVersion`; else `null`.
 * Works offline.
 */
export declare function pendingUpdate(currentVersion: string, options: Options): Promise<StagedUpdate | null>

/** Start the application again as soon as this process has exited. Does not exit by itself. */
export declare function relaunch(options?: RelaunchOptions): Promise<void>

/** What an artifact is, and so how it is installed. */
export type UpdateFormat = 'appimage' | 'app' | 'nsis' | 'wix' | 'deb' | 'rpm' | 'pacman'

/** Plain data: what `JSON.stringify(update)` gives, safe to send over IPC. */
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

/** What only concerns Windows installers. */
export interface UpdaterWindowsOptions {
  /** Extra arguments for the NSIS or WiX installer; each string reaches the installer as one argument. */
  installerArgs?: Array<string>
  /** Default 'passive'. 'BasicUi', 'Quiet' and 'Passive' are accepted too. */
  installMode?: WindowsUpdateInstallMode
}

/** How much a Windows installer shows. */
export type WindowsUpdateInstallMode = 'basicUi' | 'quiet' | 'passive'
