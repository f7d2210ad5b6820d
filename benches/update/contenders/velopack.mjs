import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { peer, peerPath, resolved, versionOf } from '../peer.mjs'
import { PACKAGE } from '../release.mjs'

// The first that loads here: the newer one wants a newer glibc.
const PACKAGES = ['velopack', 'velopack-before']
const FILES_ONLY = 'velopack downloads to a file'
const OWN_PROGRAM = 'velopack installs with a program of its own, after the application has left'

const NUSPEC = `<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2010/07/nuspec.xsd"><metadata>
<id>App</id><title>App</title><description>App</description><authors>App</authors><version>1.0.0</version>
<channel>linux</channel><mainExe>App</mainExe><os>linux</os><rid>linux</rid>
</metadata></package>`

let loaded

function load() {
  if (loaded) return loaded.module
  const reasons = []
  for (const name of PACKAGES) {
    try {
      loaded = { name, module: peer(name), reasons }
      return loaded.module
    } catch (error) {
      reasons.push(error.message.split('\n')[0])
    }
  }
  throw new Error(reasons[0])
}

function nameOfLoaded() {
  load()
  return loaded.name
}

function version() {
  load()
  const passedOver = PACKAGES.slice(0, loaded.reasons.length)
  const why = passedOver.map(
    (name, at) => `; ${versionOf(name)} does not load here: ${needed(loaded.reasons[at])}`,
  )
  return `${versionOf(loaded.name)}${why.join('')}`
}

const needed = (reason) => /version `(\S+)' not found/.exec(reason)?.[1] ?? reason

function manager({ home, place }) {
  const at = (name) => join(home, name)
  for (const directory of ['root', 'bin', 'packages']) mkdirSync(at(directory), { recursive: true })
  writeFileSync(at('sq.version'), NUSPEC)
  writeFileSync(at('UpdateNix'), '')
  const locator = {
    RootAppDir: at('root'),
    UpdateExePath: at('UpdateNix'),
    PackagesDir: at('packages'),
    ManifestPath: at('sq.version'),
    CurrentBinaryDir: at('bin'),
    IsPortable: true,
  }
  const { UpdateManager } = load()
  return new UpdateManager(place.files, null, locator)
}

async function check(application) {
  const updates = (application.updates ??= manager(application))
  return { updates, update: await updates.checkForUpdatesAsync() }
}

export const velopack = {
  id: 'velopack',
  title: 'velopack',
  load,
  version,
  modules: () => [resolved(nameOfLoaded())],
  files: () => [peerPath(nameOfLoaded(), 'lib', 'native', `velopack_nodeffi_linux_${process.arch}_gnu.node`)],
  artifact: ({ home }) => join(home, 'packages', PACKAGE),
  jobs: {
    check: { run: check },
    stage: { prepare: check, run: ({ updates, update }) => updates.downloadUpdateAsync(update) },
  },
  notes: { stage: 'velopack: neither a checksum nor a signature is verified, no fsync' },
  cannot: {
    'check over TLS': 'velopack trusts only the authorities that it was built with',
    download: FILES_ONLY,
    'install staged': OWN_PROGRAM,
    'install bytes': OWN_PROGRAM,
    'download and install': OWN_PROGRAM,
  },
}
