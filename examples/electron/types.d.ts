import type { DownloadProgress, UpdateInfo } from '@crabnebula/updater'

/** What the window shows. Plain data, since it goes over IPC. */
export interface State {
  step:
    | 'idle'
    | 'checking'
    | 'none'
    | 'available'
    | 'downloading'
    | 'ready'
    | 'scheduled'
    | 'installing'
    | 'error'
  currentVersion: string
  /** Of an update that an earlier run has downloaded, only the version is known. */
  update: UpdateInfo | Pick<UpdateInfo, 'version'> | null
  progress: DownloadProgress | null
  error: Failure | null
}

export interface Failure {
  code: string
  /** In plain words. */
  text: string
  /** For who reads the bug report. */
  message: string
  /** What did not succeed, and so what to try again. */
  action: 'check' | 'download' | 'restart'
}

/** All that the window can reach: what `preload.cjs` exposes as `updates`. */
export interface Bridge {
  state(): Promise<State>
  check(): Promise<void>
  download(): Promise<void>
  cancel(): Promise<void>
  restart(): Promise<void>
  installOnQuit(): Promise<void>
  /** Returns what ends it. */
  onChange(listener: (state: State) => void): () => void
}

declare global {
  interface Window {
    updates: Bridge
  }
}
