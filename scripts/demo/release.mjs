// The publisher's part: key, two versions of the application, signatures, manifest, server.

import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { confirm, say, step } from './narration.mjs'
import { run, startServer } from './processes.mjs'
import { CLI } from '../packages/platforms.mjs'

const ARCHITECTURES = { arm: 'armv7', arm64: 'aarch64', ia32: 'i686', x64: 'x86_64' }
const TARGET = `linux-${ARCHITECTURES[process.arch]}`
const PASSWORD = 'a password for the demonstration'

/** What is published, and where: `path(version)` is the artifact on the publisher's disk. */
export async function prepareRelease(root, work) {
  const served = join(work, 'served')
  mkdirSync(served)
  const command = createCommand(root, work)
  const url = await serve(root, served)
  const key = generateKey(command, work)
  const project = prepareProject(root, work, { url, pubkey: readFileSync(`${key}.pub`, 'utf8') })
  const path = (version) => join(served, version, `Example-${version}.AppImage`)
  build(project, ['1.0.0', '2.0.0'], path)
  sign(command, key, ['1.0.0', '2.0.0'], path)
  createManifest(command, served, url)
  return { work, path, manifest: join(served, 'latest.json'), url, target: TARGET }
}

/** As `npx @crabnebula/updater` does it. The key's password comes from the environment, where others cannot see it. */
function createCommand(root, work) {
  const env = { ...process.env, CARGO_PACKAGER_SIGN_PRIVATE_KEY_PASSWORD: PASSWORD }
  return (...args) => {
    const shown = args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg.replace(`${work}/`, '')))
    say(`$ npx @crabnebula/updater ${shown.join(' ')}`)
    return run(process.execPath, [join(root, CLI, 'updater-cli.js'), ...args], { env })
  }
}

async function serve(root, served) {
  step('A local update server')
  say('$ npx @crabnebula/updater serve served')
  const line = await startServer(process.execPath, [
    join(root, CLI, 'updater-cli.js'),
    'serve',
    served,
    '--port',
    '0',
    '--json',
  ])
  const { url } = JSON.parse(line)
  confirm(`it answers at ${url}`, (await fetch(url)).status > 0)
  return url
}

function generateKey(command, work) {
  step('A key pair')
  const key = join(work, 'example.key')
  command('signer', 'generate', '--path', key)
  confirm('only its owner can read the private key', (statSync(key).mode & 0o777) === 0o600)
  return key
}

/** `examples/node`, as it is after `npm install`, with settings of its own. */
function prepareProject(root, work, { url, pubkey }) {
  const project = join(work, 'project')
  const modules = join(project, 'node_modules')
  cpSync(join(root, 'examples/node'), project, { recursive: true })
  mkdirSync(join(modules, '@crabnebula'), { recursive: true })
  symlinkSync(root, join(modules, '@crabnebula/updater'))
  symlinkSync(join(root, 'node_modules/postject'), join(modules, 'postject'))
  writeFileSync(join(project, 'settings.json'), JSON.stringify({ endpoints: [`${url}latest.json`], pubkey }))
  return project
}

function build(project, versions, path) {
  step('The application, as two releases: one file each, of Node.js, examples/node/app.cjs and the addon')
  for (const version of versions) {
    mkdirSync(join(path(version), '..'))
    run(process.execPath, ['build.mjs', version, path(version)], { cwd: project })
    say(`Example-${version}.AppImage: ${(statSync(path(version)).size / 2 ** 20).toFixed(0)} MiB`)
  }
}

function sign(command, key, versions, path) {
  step('Signatures, which carry version, target and format')
  for (const version of versions) {
    const what = ['--version', version, '--target', TARGET, '--format', 'appimage']
    command('signer', 'sign', path(version), '--private-key', key, ...what)
    command('signer', 'verify', path(version), '--pubkey', `${key}.pub`)
  }
}

function createManifest(command, served, url) {
  step('The manifest, which announces 2.0.0')
  const manifest = join(served, 'latest.json')
  const directory = join(served, '2.0.0')
  const about = ['--version', '2.0.0', '--notes', 'It can do twice as much.', '--base-url', `${url}2.0.0`]
  command('manifest', 'create', directory, ...about, '--out', manifest)
  command('manifest', 'check', manifest)
}
