'use strict'

// The entry of the package. The compiled part is nearly always in the package of this platform. `search.js` knows where
// else it can be, and says why none of it will do, but reading all that takes longer than loading the compiled part.

const { existsSync, readFileSync } = require('node:fs')

// With these, a user tells the search what to find.
const SEARCHES = [
  'NAPI_RS_NATIVE_LIBRARY_PATH',
  'NAPI_RS_ENFORCE_VERSION_CHECK',
  'NAPI_RS_FORCE_WASI',
  'NAPI_RS_WASI_FLAVOR',
]

module.exports = installed() ?? require('./search.js')

// Never run: where Node.js reads which names there are to `import`.
0 && (module.exports = require('./index.js'))

function installed() {
  if (SEARCHES.some((name) => name in process.env)) return
  try {
    const id = `${process.platform}-${process.arch}${abi()}`
    const file = `updater.${id}.node`
    // What was built here comes first.
    if (existsSync(`${__dirname}/${file}`)) return
    // In a variable: of a template in the call, bundlers would take everything that it can name.
    const name = `@crabnebula/updater-${id}`
    // Package managers put it beside this one; where one does not, Node.js says whether it finds it, which takes longer.
    if (existsSync(`${__dirname}/../updater-${id}/${file}`) || require.resolve(name)) return deferred(name)
  } catch {
    // The search meets the same error again, and explains it.
  }
}

/** Loads the compiled part when it is first used: an application that starts does not wait for it. */
function deferred(name) {
  let addon
  const load = () => (addon ??= loaded(name))
  return {
    async checkUpdate(...args) {
      return load().checkUpdate(...args)
    },
    async pendingUpdate(...args) {
      return load().pendingUpdate(...args)
    },
    async relaunch(...args) {
      return load().relaunch(...args)
    },
    get Update() {
      return load().Update
    },
    get StagedUpdate() {
      return load().StagedUpdate
    },
    UpdateFormat: {
      AppImage: 'appimage',
      App: 'app',
      Nsis: 'nsis',
      Wix: 'wix',
      Deb: 'deb',
      Rpm: 'rpm',
      Pacman: 'pacman',
    },
    WindowsUpdateInstallMode: { BasicUi: 'basicUi', Quiet: 'quiet', Passive: 'passive' },
    __napiBindingTarget: 'native',
  }
}

function loaded(name) {
  try {
    return require(name)
  } catch (cause) {
    return searched(cause)
  }
}

/** The search is in a file too, and an application may have been moved or removed since it started. */
function searched(cause) {
  const code = 'ERR_UPDATER_UNSUPPORTED_PLATFORM'
  try {
    return require('./search.js')
  } catch (error) {
    if (error.code === code) throw error
    const failure = new Error(`@crabnebula/updater does not load: ${cause.message}`, { cause })
    throw Object.assign(failure, { code })
  }
}

function abi() {
  if (process.platform === 'win32') return isMinGW(process.config.variables) ? '-gnu' : '-msvc'
  if (process.platform !== 'linux') return ''
  const isMusl = readFileSync('/usr/bin/ldd', 'utf8').includes('musl')
  if (isMusl) return '-musl'
  return process.arch === 'arm' ? '-gnueabihf' : '-gnu'
}

function isMinGW({ shlib_suffix, node_target_type }) {
  return shlib_suffix === 'dll.a' || node_target_type === 'shared_library'
}
