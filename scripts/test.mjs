// `npm test`: everything that needs neither root nor an extra system package, on a fresh clone too.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { buildAddon, isInstalled } from './addon.mjs'
import { needComponent, ROOT, run, runSteps } from './steps.mjs'

const GENERATED = ['index.js', 'index.d.ts']
const ELECTRON = join('__test__', 'electron')

process.env.RUSTDOCFLAGS ??= '-D warnings'
const cargo = (...args) => run('cargo', ...args)
const npm = (...args) => run('npm', ...args)
const bin = (name, ...args) => run(process.execPath, join(ROOT, 'node_modules', ...name), ...args)
const tsc = (project) => bin(['typescript', 'bin', 'tsc'], '-p', join('__test__', 'types', project))

function installPackages() {
  if (!isInstalled(ROOT)) npm('ci')
}

function checkLockfile() {
  npm('ci', '--dry-run', '--offline', '--ignore-scripts', '--silent')
  for (const file of ['package-lock.json', join(ELECTRON, 'package-lock.json')]) {
    if (readFileSync(join(ROOT, file), 'utf8').includes('"resolved"'))
      throw new Error(`${file} names a registry: run \`npm install\` with the .npmrc beside it`)
  }
}

/** Applications take none, publishers one or both; the other steps have them all. */
function checkFeatures() {
  for (const features of ['', 'sign', 'release']) {
    const engine = ['--locked', '--package', 'cargo-packager-updater']
    cargo('clippy', ...engine, '--features', features, '--', '-D', 'warnings')
  }
}

/** What is committed is compared, not overwritten: stale files are to be noticed. */
function checkBuild() {
  buildAddon(ROOT, npm, (output) => {
    const stale = GENERATED.filter((name) => {
      return readFileSync(join(output, name), 'utf8') !== readFileSync(join(ROOT, name), 'utf8')
    })
    if (stale.length > 0)
      throw new Error(`not current: ${stale.join(', ')}; run \`npm run build\` and commit`)
  })
}

/** With Electron's own types, and without the program that its package would download. */
function checkElectronExample() {
  if (!isInstalled(join(ROOT, ELECTRON))) npm('ci', '--prefix', ELECTRON, '--ignore-scripts')
  bin(['typescript', 'bin', 'tsc'], '-p', ELECTRON)
}

await runSteps([
  ['install packages', installPackages],
  ['package-lock.json is current', checkLockfile],
  ['cargo fmt', () => (needComponent('fmt'), cargo('fmt', '--all', '--check'))],
  [
    'cargo clippy',
    () => {
      needComponent('clippy')
      cargo('clippy', '--locked', '--workspace', '--all-targets', '--all-features', '--', '-D', 'warnings')
    },
  ],
  ['cargo clippy: each set of features', checkFeatures],
  ['cargo test', () => cargo('test', '--locked', '--workspace', '--all-features')],
  ['cargo doc', () => cargo('doc', '--locked', '--no-deps', '--workspace', '--all-features')],
  ['build the addon and the command line; generated files are current', checkBuild],
  ['prettier', () => bin(['prettier', 'bin', 'prettier.cjs'], '--check', '--log-level', 'warn', '.')],
  ['types: node16', () => tsc('tsconfig.json')],
  ['types: bundler', () => tsc('tsconfig.bundler.json')],
  ['types: examples/electron', checkElectronExample],
  ['ava', () => bin(['ava', 'entrypoints', 'cli.mjs'])],
])
