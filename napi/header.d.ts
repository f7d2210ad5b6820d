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
