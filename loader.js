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
    // What was built here comes first.
    if (existsSync(`${__dirname}/updater.${id}.node`)) return
    // In a variable: of a template in the call, bundlers would take everything that it can name.
    const name = `@crabnebula/updater-${id}`
    return deferred(require.resolve(name))
  } catch {
    // The search meets the same error again, and explains it.
  }
}

/** Loads the compiled part when it is first used: an application that starts does not wait for it. */
function deferred(file) {
  let addon
  const load = () => (addon ??= loaded(file))
  const call =
    (name) =>
    async (...args) =>
      load()[name](...args)
  return {
    checkUpdate: call('checkUpdate'),
    pendingUpdate: call('pendingUpdate'),
    relaunch: call('relaunch'),
    cli: call('cli'),
    get Update() {
      return load().Update
    },
    get StagedUpdate() {
      return load().StagedUpdate
    },
    get UpdateFormat() {
      return load().UpdateFormat
    },
    get WindowsUpdateInstallMode() {
      return load().WindowsUpdateInstallMode
    },
    get __napiBindingTarget() {
      return load().__napiBindingTarget
    },
  }
}

function loaded(file) {
  try {
    const addon = require(file)
    addon.__napiBindingTarget = 'native'
    return addon
  } catch {
    return require('./search.js')
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
