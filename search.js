'use strict'

// `index.js`, which is generated, looks for the compiled part everywhere; what a person needs to know when there is none is
// said here.

try {
  module.exports = require('./index.js')
} catch (error) {
  const attempts = attemptsOf(error)
  // Not the search has failed, but what it found.
  if (attempts.length === 0) throw error
  throw explain(attempts)
}

/** Why each attempt failed, the first one first. The generated loader chains them by `cause`, the last one outermost. */
function attemptsOf(error) {
  const attempts = []
  for (let attempt = error?.cause; attempt instanceof Error; attempt = attempt.cause)
    attempts.unshift(attempt)
  // It tries WebAssembly too, which this package is not built for.
  return attempts.filter(({ message }) => !/\bupdater(\.wasi\.cjs|-wasm32-wasi)\b/.test(message))
}

function explain(attempts) {
  const main = require('./package.json')
  const reasons = attempts.map(reasonOf)
  const [platform] = reasons.flatMap((reason) => /updater\.([\w-]+)\.node/.exec(reason)?.[1] ?? []).slice(-1)
  const lines = [
    `${main.name} ${main.version} found no compiled part that loads here`,
    `detected: ${host()}`,
    `looked for: ${platform ? `${main.name}-${platform}` : 'nothing, because no package is made for this platform'}`,
    ...reasons.map((reason) => `tried: ${reason}`),
    ...advice(main, `${main.name}-${platform}`).map((line) => `to do: ${line}`),
  ]
  const error = new Error(lines.join('\n  '))
  error.code = 'ERR_UPDATER_UNSUPPORTED_PLATFORM'
  error.cause = attempts[attempts.length - 1]
  return error
}

function reasonOf({ message }) {
  return message
    .split('\nRequire stack:')[0]
    .trim()
    .replace(/\s*\n\s*/g, ' ')
}

function host() {
  const { electron, node } = process.versions
  const glibc = process.platform === 'linux' && glibcVersion()
  const libc = process.platform === 'linux' ? [glibc ? `glibc ${glibc}` : 'no glibc, so probably musl'] : []
  const runtime = electron ? `Electron ${electron}` : `Node.js ${node}`
  return [`${process.platform} ${process.arch}`, ...libc, runtime].join(', ')
}

function glibcVersion() {
  const { report } = process
  if (!report) return
  const { excludeNetwork } = report
  // Else it asks DNS for the name of each open connection, and the event loop waits.
  report.excludeNetwork = true
  try {
    return report.getReport().header.glibcVersionRuntime
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

/** What would help. Only what is installed has optional dependencies; a clone of the repository has not. */
function advice({ name, version, optionalDependencies, repository }, wanted) {
  const lines = []
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH) {
    lines.push('unset NAPI_RS_NATIVE_LIBRARY_PATH, or make it the path of a file that loads')
  } else if (!optionalDependencies) {
    lines.push('npm run build')
  } else if (!optionalDependencies[wanted]) {
    const known = Object.keys(optionalDependencies).map((key) => key.slice(name.length + 1))
    lines.push(
      `use one of the platforms that packages are made for: ${known.join(', ')}`,
      `or build it: npm run build in a clone of ${repository.url}, and NAPI_RS_NATIVE_LIBRARY_PATH=<the .node file>`,
    )
  } else if (!isThere(wanted)) {
    lines.push(
      'npm: npm install --include=optional; if package-lock.json was made on another system, remove it and node_modules first',
      'pnpm and Yarn: if packages are installed on another system, name this one under supportedArchitectures',
      `or add the package to your dependencies: ${wanted}@${version}`,
      `with a bundler: leave ${name} external, and ship it and ${wanted} with the application`,
    )
  } else {
    lines.push('the package is there but its file does not load: install the packages again, on this system')
  }
  if (process.versions.electron)
    lines.push(
      `Electron: keep ${name}-* out of the asar archive: asarUnpack: ['**/node_modules/${name}-*/**']`,
    )
  return lines
}

/** Asked for again, because each package manager words its errors in its own way. */
function isThere(wanted) {
  try {
    require.resolve(wanted)
    return true
  } catch {
    return false
  }
}
