'use strict'

// The entry of the package. The compiled part is nearly always in the package of this platform. `search.js` knows where
// else it can be, and says why none of it will do, but reading all that takes longer than loading the compiled part.

const { existsSync, readFileSync } = require('node:fs')

module.exports = installed() ?? require('./search.js')

// Never run: where Node.js reads which names there are to `import`.
0 && (module.exports = require('./index.js'))

function installed() {
  if (Object.keys(process.env).some((name) => name.startsWith('NAPI_RS_'))) return
  try {
    const id = `${process.platform}-${process.arch}${abi()}`
    // What was built here comes first.
    if (existsSync(`${__dirname}/updater.${id}.node`)) return
    // In a variable: of a template in the call, bundlers would take everything that it can name.
    const name = `@crabnebula/updater-${id}`
    const binding = require(name)
    binding.__napiBindingTarget = 'native'
    return binding
  } catch {
    // The search meets the same error again, and explains it.
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
