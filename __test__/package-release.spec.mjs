// What keeps a release from being published by halves, or with a file for another machine in it.

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { describeBinary } from '../scripts/packages/binary.mjs'
import { distTag } from '../scripts/packages/dist-tag.mjs'
import { generate } from '../scripts/packages/generate.mjs'
import { stamped } from '../scripts/packages/manifest.mjs'
import { CLI, mainPackages, platforms } from '../scripts/packages/platforms.mjs'
import { planRelease } from '../scripts/packages/release.mjs'
import { elf, mach, pe } from './support/binary.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const main = stamped(ROOT)
const cli = stamped(join(ROOT, CLI))
const TAG = `v${main.version}`
const MAKE = {
  linux: ({ cpu: [cpu], libc: [libc] }) => elf(cpu, { libc }),
  darwin: ({ cpu: [cpu] }) => mach(cpu),
  win32: ({ cpu: [cpu] }) => pe(cpu),
}

/** The names by which tests know packages: `main`, and the ends of the others' names. */
const shortName = (name) => (name === main.name ? 'main' : name.slice(main.name.length + 1))

/** All twenty-two, by short name; `file` is a name only. */
function release() {
  const packages = mainPackages(ROOT).flatMap((directory) => {
    const texts = generate(ROOT, directory)
    return [...platforms(directory).map((platform) => packedPlatform(platform, texts)), packedMain(directory)]
  })
  return Object.fromEntries(
    packages.map(({ name, files }) => [shortName(name), { file: `${shortName(name)}.tgz`, files }]),
  )
}

function packedPlatform({ id, manifest }, texts) {
  const own = [...texts].filter(([path]) => path.startsWith(`${id}/`))
  const files = new Map(own.map(([path, text]) => [path.slice(id.length + 1), Buffer.from(text)]))
  files.set(manifest.main, MAKE[manifest.os[0]](manifest))
  if (manifest.files.includes('relauncher.exe'))
    files.set('relauncher.exe', pe(manifest.cpu[0], { isLibrary: false }))
  return { name: manifest.name, files }
}

function packedMain(directory) {
  const manifest = stamped(directory)
  const files = new Map([...manifest.files, 'README.md', 'package.json'].map((path) => [path, Buffer.of()]))
  files.set('package.json', Buffer.from(JSON.stringify(manifest)))
  return { name: manifest.name, files }
}

const plan = (packages, tag = TAG) => planRelease(ROOT, Object.values(packages), tag)

/** That a release with one change is refused, for this reason and no other. */
function refuses(title, reason, change) {
  test(title, (t) => {
    const packages = release()
    change(packages)
    const { message } = t.throws(() => plan(packages))
    const [first, ...reasons] = message.split('\n')
    t.is(first, 'not released:')
    t.deepEqual(reasons, [reason])
  })
}

const set = (id, file, bytes) => (packages) => packages[id].files.set(file, bytes)

test('a whole release is published, each package after those that it asks for', (t) => {
  const published = plan(release()).map(({ name }) => name)
  t.is(new Set(published).size, 22)
  for (const { name, optionalDependencies } of [cli, main]) {
    const before = published.slice(0, published.indexOf(name))
    for (const dependency of Object.keys(optionalDependencies))
      t.true(before.includes(dependency), dependency)
  }
  t.deepEqual(published.at(-1), main.name)
})

test('what files run on is read from their headers', (t) => {
  t.deepEqual(describeBinary(elf('arm', { glibc: '2.9' })), {
    os: 'linux',
    cpu: 'arm',
    libc: 'glibc',
    glibcMinor: 9,
  })
  for (const [libc, found] of [
    ['musl', 'musl'],
    ['musl of Alpine', 'musl'],
    ['none', 'none'],
  ]) {
    t.deepEqual(describeBinary(elf('x64', { libc })), { os: 'linux', cpu: 'x64', libc: found })
  }
  t.deepEqual(describeBinary(mach('arm64')), { os: 'darwin', cpu: 'arm64' })
  const windows = { os: 'win32', cpu: 'ia32', isLibrary: true, needsRuntime: false }
  t.deepEqual(describeBinary(pe('ia32')), windows)
  for (const length of [0, 3, 7, 19, 63, 130]) t.throws(() => describeBinary(pe('x64').subarray(0, length)))
  t.throws(() => describeBinary(elf('riscv64')))
})

for (const { name } of plan(release())) {
  refuses(
    `without ${name}`,
    `${name}: 0 tarballs, expected 1`,
    (packages) => delete packages[shortName(name)],
  )
}

const linux = `${main.name}-linux-x64-gnu`
const musl = `${main.name}-linux-x64-musl`
const windows = `${main.name}-win32-x64-msvc`
refuses('a package twice', `${linux}: 2 tarballs, expected 1`, (packages) => {
  packages.again = packages['linux-x64-gnu']
})
refuses('a package of another name', 'other: not a package of this release', (packages) => {
  packages.other = { file: 'other.tgz', files: new Map([['package.json', Buffer.from('{"name": "other"}')]]) }
})
refuses(
  'another version',
  `${linux}: package.json is not that of this version`,
  set('linux-x64-gnu', 'package.json', Buffer.from(JSON.stringify({ name: linux, version: '0.0.1' }))),
)
refuses(
  'a main package that does not ask for the others',
  `${main.name}: package.json is not that of this version`,
  (packages) => {
    const { optionalDependencies: _, ...rest } = main
    packages.main.files.set('package.json', Buffer.from(JSON.stringify(rest)))
  },
)
refuses(
  'a source file',
  `${main.name}: src/lib.rs does not belong there`,
  set('main', 'src/lib.rs', Buffer.of()),
)
refuses('a key', `${linux}: .env does not belong there`, set('linux-x64-gnu', '.env', Buffer.of()))
refuses('no licence', `${linux}: LICENSE-MIT is missing`, (packages) =>
  packages['linux-x64-gnu'].files.delete('LICENSE-MIT'),
)
refuses('no binary', `${linux}: updater.linux-x64-gnu.node is missing`, (packages) =>
  packages['linux-x64-gnu'].files.delete('updater.linux-x64-gnu.node'),
)
refuses('no relauncher', `${windows}: relauncher.exe is missing`, (packages) =>
  packages['win32-x64-msvc'].files.delete('relauncher.exe'),
)
refuses(
  'a binary for another processor',
  `${linux}: updater.linux-x64-gnu.node has cpu arm64, expected x64`,
  set('linux-x64-gnu', 'updater.linux-x64-gnu.node', elf('arm64')),
)
refuses(
  'a command line for another processor',
  `${cli.name}-linux-x64-gnu: updater-cli.linux-x64-gnu.node has cpu arm64, expected x64`,
  set('cli-linux-x64-gnu', 'updater-cli.linux-x64-gnu.node', elf('arm64')),
)
refuses(
  'a binary for another C library',
  `${linux}: updater.linux-x64-gnu.node has libc musl, expected glibc`,
  set('linux-x64-gnu', 'updater.linux-x64-gnu.node', elf('x64', { libc: 'musl' })),
)
refuses(
  'a binary with a C library of its own in it',
  `${musl}: updater.linux-x64-musl.node has libc none, expected musl`,
  set('linux-x64-musl', 'updater.linux-x64-musl.node', elf('x64', { libc: 'none' })),
)
refuses(
  'a binary that older systems refuse',
  `${linux}: updater.linux-x64-gnu.node needs glibc 2.18, promised 2.17`,
  set('linux-x64-gnu', 'updater.linux-x64-gnu.node', elf('x64', { glibc: '2.18' })),
)
refuses(
  'a binary that needs what Windows may lack',
  `${windows}: updater.win32-x64-msvc.node needs the Visual C++ runtime, which Windows may lack`,
  set('win32-x64-msvc', 'updater.win32-x64-msvc.node', pe('x64', { imports: 'VCRUNTIME140.dll' })),
)
refuses(
  'a program in place of the addon',
  `${windows}: updater.win32-x64-msvc.node has isLibrary false, expected true`,
  set('win32-x64-msvc', 'updater.win32-x64-msvc.node', pe('x64', { isLibrary: false })),
)
refuses(
  'a relauncher for another processor',
  `${windows}: relauncher.exe has cpu ia32, expected x64`,
  set('win32-x64-msvc', 'relauncher.exe', pe('ia32', { isLibrary: false })),
)
refuses(
  'a text in place of a binary',
  `${linux}: updater.linux-x64-gnu.node: neither ELF, Mach-O nor PE for a processor that is known`,
  set(
    'linux-x64-gnu',
    'updater.linux-x64-gnu.node',
    Buffer.from('version https://git-lfs.github.com/spec/v1'),
  ),
)

test('a tag of another version', (t) => {
  t.throws(() => plan(release(), 'v0.0.1'), {
    message: `not released:\nthe tag is v0.0.1, the version ${main.version}`,
  })
})

test('what npm installs by default never becomes lower, nor a prerelease', (t) => {
  for (const [version, latest, tag] of [
    ['0.3.0', undefined, 'latest'],
    ['0.3.0', '0.2.9', 'latest'],
    ['0.3.0', '0.3.0', 'latest'],
    ['0.10.0', '0.9.9', 'latest'],
    ['1.0.0', '0.99.99', 'latest'],
    ['0.3.9', '0.4.0', 'release-0.3'],
    ['0.3.9', '0.3.10', 'release-0.3'],
    ['1.9.9', '2.0.0', 'release-1.9'],
    ['2.0.0-beta.1', '1.0.0', 'next'],
    ['2.0.0', '2.0.1-beta.1', 'latest'],
  ])
    t.is(distTag(version, latest), tag, `${version} after ${latest}`)
})
