'use strict'

// The compiled part: built in a clone, beside this file; else in the package of this platform.

const { name, version, optionalDependencies } = require('./package.json')

const ids = abis().map((abi) => `${process.platform}-${process.arch}${abi}`)
// Only what is published has optional dependencies; a clone of the repository has not.
const packages = ids
  .map((id) => `${name}-${id}`)
  .filter((id) => !optionalDependencies || id in optionalDependencies)

module.exports = load()

function load() {
  const refused = []
  for (const part of [...ids.map((id) => `./updater-cli.${id}.node`), ...packages]) {
    try {
      return require(part)
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') refused.push(error.message)
    }
  }
  throw new Error(explanation(refused).join('\n  '))
}

/** What this system may take, the one that is its own first: some package managers install those for both C libraries. */
function abis() {
  if (process.platform === 'win32') return ['-msvc']
  if (process.platform !== 'linux') return ['']
  const glibc = process.arch === 'arm' ? '-gnueabihf' : '-gnu'
  const isGlibc = process.report.getReport().header.glibcVersionRuntime
  return isGlibc ? [glibc, '-musl'] : ['-musl', glibc]
}

function explanation(refused) {
  return [
    `${name} ${version} found no compiled part that loads on ${process.platform} ${process.arch}`,
    `looked for: ${packages.join(', ') || 'nothing, because no package is made for this platform'}`,
    ...refused.map((reason) => `tried: ${reason}`),
    ...(packages.length > 0 ? [`to do: ${advice(refused)}`] : []),
  ]
}

function advice(refused) {
  if (!optionalDependencies) return 'npm run build:cli'
  if (refused.length > 0) return 'install the packages again, on this system'
  return 'npm install --include=optional; if package-lock.json was made on another system, remove it and node_modules first'
}
