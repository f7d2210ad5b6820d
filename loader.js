'use strict'

// The entry of the package. The compiled part is nearly always in the package of this platform. `search.js` knows where
// else it can be, and says why none of it will do, but reading all that takes longer than loading the compiled part.

module.exports = installed() ?? require('./search.js')

// Never run: where Node.js reads which names there are to `import`.
0 && (module.exports = require('./index.js'))

function installed() {
  const { NAPI_RS_NATIVE_LIBRARY_PATH, NAPI_RS_ENFORCE_VERSION_CHECK } = process.env
  if (NAPI_RS_NATIVE_LIBRARY_PATH || NAPI_RS_ENFORCE_VERSION_CHECK) return
  try {
    return require(`@crabnebula/updater-${process.platform}-${process.arch}${abi()}`)
  } catch {
    // The search meets the same error again, and explains it.
  }
}

function abi() {
  if (process.platform === 'win32') return '-msvc'
  if (process.platform !== 'linux') return ''
  const isMusl = require('node:fs').readFileSync('/usr/bin/ldd', 'utf8').includes('musl')
  if (isMusl) return '-musl'
  return process.arch === 'arm' ? '-gnueabihf' : '-gnu'
}
