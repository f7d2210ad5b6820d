// Releases in the shape that each contender wants, from the same bytes.
import { execFileSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

import { CLI } from '../../scripts/packages/platforms.mjs'
import { ROOT } from '../../scripts/steps.mjs'

export const SMALL_MIB = 10
export const LARGE_MIB = 500
export const ARTIFACT = 'App.AppImage'
export const PACKAGE = 'App-2.0.0-linux-full.nupkg'
const CHUNK_MIB = 1
const ELF_MACHINE = { x64: 62, arm64: 183, arm: 40 }[process.arch]
export const TARGET = `linux-${{ x64: 'x86_64', arm64: 'aarch64', arm: 'armv7' }[process.arch]}`

export function cli(...args) {
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
  return execFileSync(process.execPath, [join(ROOT, CLI, 'updater-cli.js'), ...args], options)
}

/** Begins as an AppImage does, for those who look. */
export function asAppImage(bytes) {
  bytes.write('\x7fELF', 0, 'latin1')
  bytes.write('AI\x02', 8, 'latin1')
  bytes.writeUInt16LE(ELF_MACHINE, 18)
  return bytes
}

function writeRandom(path, mib) {
  const file = openSync(path, 'w')
  for (let at = 0; at < mib; at += CHUNK_MIB) {
    const chunk = randomFillSync(Buffer.alloc(CHUNK_MIB << 20))
    writeSync(file, at === 0 ? asAppImage(chunk) : chunk)
  }
  closeSync(file)
}

function digests(path, ...algorithms) {
  const bytes = readFileSync(path)
  return algorithms.map((algorithm) => createHash(algorithm).update(bytes).digest())
}

export const keyArguments = (directory) => ['--private-key', join(directory, 'key'), '--password', '']

export function makeKey(directory) {
  cli('signer', 'generate', '--ci', '--path', join(directory, 'key'))
}

export function sign(directory, file, version) {
  const about = ['--version', version, '--target', TARGET, '--format', 'appimage']
  cli('signer', 'sign', file, ...keyArguments(directory), ...about)
}

/** The manifest of both versions of this package. */
function writeManifest(path, file, url) {
  const signature = readFileSync(`${file}.sig`, 'utf8')
  const entry = { url, signature, format: 'appimage', size: statSync(file).size }
  writeFileSync(path, JSON.stringify({ version: '2.0.0', platforms: { [TARGET]: entry } }))
}

/** What electron-updater and velopack ask for. */
export function writeFeeds(directory, file) {
  const { size } = statSync(file)
  const [sha512, sha256, sha1] = digests(file, 'sha512', 'sha256', 'sha1')
  const about = { url: ARTIFACT, sha512: sha512.toString('base64'), size }
  const suffix = process.arch === 'x64' ? '' : `-${process.arch}`
  // JSON is YAML.
  const latest = JSON.stringify({ version: '2.0.0', files: [about], releaseDate: '2026-01-01' })
  writeFileSync(join(directory, `latest-linux${suffix}.yml`), latest)
  const hex = { SHA1: sha1.toString('hex').toUpperCase(), SHA256: sha256.toString('hex').toUpperCase() }
  const asset = { PackageId: 'App', Version: '2.0.0', Type: 'Full', FileName: PACKAGE, Size: size, ...hex }
  writeFileSync(join(directory, 'releases.linux.json'), JSON.stringify({ Assets: [asset] }))
  linkSync(file, join(directory, PACKAGE))
}

/** A release of random bytes under a directory that a server has; gives its place. */
function release(root, url, mib, isOursAlone) {
  const directory = join(root, String(mib))
  const file = join(directory, ARTIFACT)
  mkdirSync(directory)
  writeRandom(file, mib)
  sign(root, file, '2.0.0')
  if (!isOursAlone) writeFeeds(directory, file)
  writeManifest(join(directory, 'latest.json'), file, `${url}/${mib}/${ARTIFACT}`)
  return placeOf(root, url, String(mib))
}

/** Where clients find a release: `feed` is what they ask, `files` what they download from. */
export function placeOf(root, url, name) {
  const at = `${url}/${name}`
  const pubkey = readFileSync(join(root, 'key.pub'), 'utf8')
  const { size } = statSync(join(root, name, ARTIFACT))
  return { directory: root, name, feed: at, files: at, manifest: 'latest.json', pubkey, size }
}

/** The same release, whose files come by way of another server. */
export function byWayOf(place, url, manifest) {
  const directory = join(place.directory, place.name)
  const files = `${url}/${place.name}`
  writeManifest(join(directory, manifest), join(directory, ARTIFACT), `${files}/${ARTIFACT}`)
  return { ...place, files, manifest }
}

/** Makes releases when they are first wanted. */
export function places(root, url) {
  const known = new Map()
  return (mib, isOursAlone = false) => {
    if (!known.has(mib)) known.set(mib, release(root, url, mib, isOursAlone))
    return known.get(mib)
  }
}
