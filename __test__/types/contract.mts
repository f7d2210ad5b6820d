// The generated types beside the contract.
import { type Same, expect } from './same.mjs'
import type * as contract from './contract.js'
import type * as updater from '@crabnebula/updater'

expect<Same<updater.WindowsUpdateInstallMode, contract.WindowsUpdateInstallMode>>()
expect<Same<updater.UpdateFormat, contract.UpdateFormat>>()
expect<Same<updater.UpdaterWindowsOptions, contract.UpdaterWindowsOptions>>()
expect<Same<updater.Options, contract.Options>>()
expect<Same<updater.CheckOptions, contract.CheckOptions>>()
expect<Same<updater.DownloadProgress, contract.DownloadProgress>>()
expect<Same<updater.DownloadOptions, contract.DownloadOptions>>()
expect<Same<updater.InstallOptions, contract.InstallOptions>>()
expect<Same<updater.RelaunchOptions, contract.RelaunchOptions>>()
expect<Same<updater.UpdateInfo, contract.UpdateInfo>>()
expect<Same<updater.UpdaterErrorCode, contract.UpdaterErrorCode>>()
expect<Same<updater.UpdaterError, contract.UpdaterError>>()
expect<Same<updater.Update, contract.Update>>()
expect<Same<updater.StagedUpdate, contract.StagedUpdate>>()
expect<Same<typeof updater.Update, typeof contract.Update>>()
expect<Same<typeof updater.StagedUpdate, typeof contract.StagedUpdate>>()

// `default` is all of it once more, for import of CommonJS; the other name is the loader's.
type Name = Exclude<keyof typeof contract, 'default'>
expect<Same<Exclude<keyof typeof updater, 'default' | '__napiBindingTarget'>, Name>>()
expect<Same<{ [Each in Name]: Same<(typeof updater)[Each], (typeof contract)[Each]> }[Name], true>>()
