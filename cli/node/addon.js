'use strict'

// The compiled part: built in a clone, beside this file; else in the package of this platform.

const ABIS = { linux: ['-gnu', '-gnueabihf', '-musl'], win32: ['-msvc', '-gnu'], darwin: [''] }

// Without knowing which C library there is: a package manager installs what fits, and what does not fit does not load.
const ids = (ABIS[process.platform] ?? []).map((abi) => `${process.platform}-${process.arch}${abi}`)
const files = ids.map((id) => `./updater-cli.${id}.node`)
const packages = ids.map((id) => `@crabnebula/updater-cli-${id}`)

module.exports = load()

function load() {
  const refused = []
  for (const name of [...files, ...packages]) {
    try {
      return require(name)
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') refused.push(error.message)
    }
  }
  throw new Error(explanation(refused).join('\n  '))
}

function explanation(refused) {
  const { name, version } = require('./package.json')
  const isInstalled = refused.length > 0
  return [
    `${name} ${version} found no compiled part that loads on ${process.platform} ${process.arch}`,
    packages.length > 0
      ? `looked for: ${packages.join(', ')}`
      : 'looked for: nothing, because no package is made for this platform',
    ...refused.map((reason) => `tried: ${reason}`),
    isInstalled
      ? 'to do: install the packages again, on this system'
      : 'to do: npm install --include=optional; if package-lock.json was made on another system, remove it and node_modules first',
  ]
}
