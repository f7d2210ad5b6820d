// What users install: the tarballs of the main packages and of their platform packages.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { generate } from '../scripts/packages/generate.mjs'
import { stamped } from '../scripts/packages/manifest.mjs'
import { packAll } from '../scripts/packages/pack.mjs'
import { CLI, mainPackages, platforms, readManifest } from '../scripts/packages/platforms.mjs'
import { readTarball } from '../scripts/packages/tarball.mjs'
import { tempDir } from './support/fixture.mjs'
import { testWith } from './support/tools.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const CLI_FILES = [
  'CHANGELOG.md',
  'LICENSE-APACHE',
  'LICENSE-MIT',
  'README.md',
  'addon.js',
  'package.json',
  'updater-cli.js',
]
const MAIN_FILES = [
  'CHANGELOG.md',
  'LICENSE-APACHE',
  'LICENSE-MIT',
  'README.md',
  'bin/updater.js',
  'index.d.ts',
  'index.js',
  'loader.js',
  'package.json',
  'search.js',
]
const IDS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm-gnueabihf',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-ia32-msvc',
  'win32-x64-msvc',
]
const { name, version } = readManifest(ROOT)
const contentOf = (file) => [...readTarball(file).keys()].sort()
const kib = (bytes) => `${Math.ceil(bytes / 1024)} KiB`

for (const directory of mainPackages(ROOT)) {
  const npm = join(directory, 'npm')
  const { name } = readManifest(directory)

  test(`npm/ of ${name} is what \`npm run packages\` writes`, (t) => {
    const files = generate(ROOT, directory)
    const there = readdirSync(npm, { recursive: true })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => statSync(join(npm, path)).isFile())
    t.deepEqual(there.sort(), [...files.keys()].sort())
    for (const [path, text] of files) t.is(readFileSync(join(npm, path), 'utf8'), text, path)
  })

  test(`there is a package of ${name} for each platform, and it is installed on no other`, (t) => {
    const described = platforms(directory).map(({ manifest: { name, os, cpu, libc = [] } }) => [
      name,
      os,
      cpu,
      libc,
    ])
    const libcs = { gnu: ['glibc'], gnueabihf: ['glibc'], musl: ['musl'] }
    t.deepEqual(
      described,
      IDS.map((id) => {
        const [os, cpu, abi] = id.split('-')
        return [`${name}-${id}`, [os], [cpu], libcs[abi] ?? []]
      }),
    )
  })
}

testWith(['git'], 'a checkout has the committed bytes where Git would change how lines end', async (t) => {
  const clone = join(await tempDir(t), 'clone')
  mkdirSync(clone)
  const git = (...args) => {
    const { status, stderr } = spawnSync('git', ['-c', 'core.autocrlf=true', ...args], { cwd: clone })
    t.is(status, 0, String(stderr))
  }
  for (const name of ['.gitattributes', 'LICENSE-MIT']) cpSync(join(ROOT, name), join(clone, name))
  git('init', '--quiet')
  git('add', '.')
  rmSync(join(clone, 'LICENSE-MIT'))
  git('checkout', '--', '.')
  t.is(readFileSync(join(clone, 'LICENSE-MIT'), 'utf8'), readFileSync(join(ROOT, 'LICENSE-MIT'), 'utf8'))
})

test('versions are equal everywhere', (t) => {
  const read = (path) => readFileSync(join(ROOT, path), 'utf8')
  t.is(/^version = "(.+)"$/m.exec(read('Cargo.toml'))[1], version)
  t.is(/^cargo-packager-updater = .*version = "(.+?)"/m.exec(read('Cargo.toml'))[1], version)
  const locked = [...read('Cargo.lock').matchAll(/^name = "cargo-packager-updater.*"\nversion = "(.+)"$/gm)]
  t.deepEqual(
    locked.map(([, found]) => found),
    Array(5).fill(version),
  )
  const lock = JSON.parse(read('package-lock.json'))
  t.deepEqual([lock.version, lock.packages[''].version], [version, version])
  for (const example of ['node', 'electron']) {
    const { dependencies, devDependencies } = JSON.parse(read(`examples/${example}/package.json`))
    t.is(dependencies[name], `^${version}`, example)
    if (example === 'electron') t.is(devDependencies[`${name}-cli`], `^${version}`)
  }
  for (const directory of mainPackages(ROOT)) {
    const manifest = stamped(directory)
    t.is(manifest.version, version)
    t.deepEqual(
      manifest.optionalDependencies,
      Object.fromEntries(IDS.map((id) => [`${manifest.name}-${id}`, version])),
    )
  }
  const loader = read('index.js')
  for (const id of IDS) t.true(loader.includes(`require('${name}-${id}')`), id)
})

test('the tarballs contain what is needed and nothing else', async (t) => {
  const [cliPlatform, cli, platform, main, ...more] = packAll({ root: ROOT, out: await tempDir(t) })
  t.deepEqual(more, [])
  for (const [own, package_, files, directory] of [
    [platform, main, MAIN_FILES, ROOT],
    [cliPlatform, cli, CLI_FILES, join(ROOT, CLI)],
  ]) {
    t.deepEqual(contentOf(package_.file), files)
    t.deepEqual(contentOf(own.file), [...own.manifest.files, 'README.md', 'package.json'].sort())
    t.deepEqual(JSON.parse(readTarball(package_.file).get('package.json')), stamped(directory))
    const addon = readFileSync(join(directory, own.manifest.main))
    t.true(readTarball(own.file).get(own.manifest.main).equals(addon))
    for (const { manifest, size, unpackedSize } of [package_, own]) {
      t.log(`${manifest.name}: ${kib(size)} packed, ${kib(unpackedSize)} unpacked`)
    }
    t.true(package_.size < 100 << 10)
    t.true(own.size < 8 << 20)
  }
})

/** Whose size is compared from release to release; others differ by what compilers make for their processors. */
const MEASURED = 'updater.linux-x64-gnu.node'

const testMeasured = existsSync(join(ROOT, MEASURED)) ? test : test.skip

testMeasured('the addon has at most 4 MB', (t) => {
  const { size } = statSync(join(ROOT, MEASURED))
  t.true(size <= 4_000_000, `${size} bytes: benches/README.md has what makes it larger`)
})

test('applications ship nothing of the command line', (t) => {
  const { dependencies, optionalDependencies, peerDependencies } = stamped(ROOT)
  const shipped = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
  t.deepEqual(
    shipped.filter((dependency) => dependency.startsWith(`${name}-cli`)),
    [],
  )
})

/** Runs npm on a copy of what publishing is about. */
function npmIn(clone, ...args) {
  mkdirSync(clone)
  for (const file of ['package.json', 'scripts', 'npm', CLI, ...readManifest(ROOT).files]) {
    cpSync(join(ROOT, file), join(clone, file), { recursive: true })
  }
  return spawnSync('npm', args, { cwd: clone, encoding: 'utf8', shell: process.platform === 'win32' })
}

test('`npm pack` in the repository packs the same manifest, and leaves package.json as it was', async (t) => {
  const original = readFileSync(join(ROOT, 'package.json'), 'utf8')
  const clone = join(await tempDir(t), 'clone')
  const { status, stderr } = npmIn(clone, 'pack')
  t.is(status, 0, stderr)
  const [tarball] = readdirSync(clone).filter((file) => file.endsWith('.tgz'))
  t.deepEqual(JSON.parse(readTarball(join(clone, tarball)).get('package.json')), stamped(ROOT))
  t.is(readFileSync(join(clone, 'package.json'), 'utf8'), original)
})

// npm would read package.json again after `postpack`, and publish a main package that asks for no platform package.
for (const directory of ['.', './npm/linux-x64-gnu', './cli/node', './cli/node/npm/linux-x64-gnu']) {
  test(`\`npm publish ${directory}\` in the repository is refused`, async (t) => {
    const clone = join(await tempDir(t), 'clone')
    const { status, stdout, stderr } = npmIn(clone, 'publish', directory, '--dry-run')
    t.not(status, 0, stderr)
    t.true(stdout.includes('Only the release workflow publishes'), stdout)
    t.false((stdout + stderr).includes('shasum'), stderr)
  })
}

/** The jobs of a workflow: by name, their texts. */
function jobsOf(workflow) {
  const text = readFileSync(join(ROOT, '.github', 'workflows', `${workflow}.yml`), 'utf8')
  const [, ...jobs] = text.split(/^jobs:$/m)[1].split(/^  (?=\w+:$)/m)
  return Object.fromEntries(jobs.map((job) => [job.split(':', 1)[0], job]))
}

const valueOf = (job, key) => new RegExp(`^    ${key}: (\\S+)`, 'm').exec(job)?.[1]

test('every platform is built and tested, before there is a tag', (t) => {
  const named = (text, key) =>
    [...text.matchAll(new RegExp(`[ {]${key}: ([\\w-]+)[, ]`, 'g'))].map(([, value]) => value)
  const { build, test } = jobsOf('platforms')
  t.deepEqual(named(build, 'target').sort(), readManifest(ROOT).napi.targets.toSorted())
  for (const text of [build, test]) t.deepEqual(named(text, 'platform').sort(), IDS)
  t.is(valueOf(test, 'needs'), 'build')
  t.is(valueOf(jobsOf('ci').platforms, 'uses'), './.github/workflows/platforms.yml')
})

test('only what has passed all of that, and is on the main branch, is published', (t) => {
  const jobs = jobsOf('release')
  t.deepEqual(Object.keys(jobs), ['ci', 'pack', 'publish'])
  t.is(valueOf(jobs.ci, 'uses'), './.github/workflows/ci.yml')
  t.is(valueOf(jobs.pack, 'needs'), 'ci')
  t.is(valueOf(jobs.publish, 'needs'), 'pack')
  t.deepEqual(
    Object.values(jobs).filter((text) => text.includes('id-token: write')),
    [jobs.publish],
  )
  t.regex(jobs.publish, /merge-base --is-ancestor "\$GITHUB_SHA" origin\/main\n[^]*scripts\/publish\.mjs/)
  t.regex(jobs.publish, /NPM_CONFIG_PROVENANCE: 'true'/)
})
