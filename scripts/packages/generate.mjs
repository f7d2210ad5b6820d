// The files under each `npm/`: what package.json's napi targets make of them. Nothing here is written down twice.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { parseTriple } from '@napi-rs/cli'

import { RELAUNCHER, readManifest } from './platforms.mjs'

const LICENSES = ['LICENSE-APACHE', 'LICENSE-MIT']
const SHARED = ['license', 'repository', 'engines']
const LIBC = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl' }
const SYSTEMS = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }

/** Every file under `npm/` of the main package in `directory`, by its path there. */
export function generate(root, directory) {
  const licenses = LICENSES.map((name) => [name, readFileSync(join(root, name), 'utf8')])
  const main = readManifest(directory)
  const hasRelauncher = directory === root
  return new Map(
    readManifest(root)
      .napi.targets.map(parseTriple)
      .flatMap((target) => {
        const manifest = platformManifest(main, target, hasRelauncher && target.platform === 'win32')
        const files = [
          ['package.json', `${JSON.stringify(manifest, null, 2)}\n`],
          ['README.md', readme(manifest, main)],
          ...licenses,
        ]
        return files.map(([name, text]) => [`${target.platformArchABI}/${name}`, text])
      }),
  )
}

function platformManifest(main, { platform, arch, abi, platformArchABI: id }, hasRelauncher) {
  const binary = `${main.napi.binaryName}.${id}.node`
  return {
    name: `${main.napi.packageName}-${id}`,
    version: main.version,
    description: `${main.name} for ${describe({ platform, arch, abi })}`,
    ...Object.fromEntries(SHARED.map((key) => [key, main[key]])),
    os: [platform],
    cpu: [arch],
    ...(LIBC[abi] && { libc: [LIBC[abi]] }),
    main: binary,
    files: [binary, ...(hasRelauncher ? [RELAUNCHER] : []), ...LICENSES],
    // Neither this directory nor the repository holds what is published; tarballs are not asked.
    scripts: { prepublishOnly: main.scripts.prepublishOnly },
  }
}

function readme({ name, files }, main) {
  const relauncher = `
\`${RELAUNCHER}\` is a small program that starts the application again once an MSI has replaced it.
`
  return `# ${name}

The compiled part of \`${main.name}\` for one platform. It is installed along with that package, as one of its
optional dependencies; nothing is to be done with it by itself.
${files.includes(RELAUNCHER) ? relauncher : ''}`
}

function describe({ platform, arch, abi }) {
  return [SYSTEMS[platform], arch, ...(LIBC[abi] ? [`(${LIBC[abi]})`] : [])].join(' ')
}
