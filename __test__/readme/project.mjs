// The reader's project: an empty directory, the servers that the README names, and an application that is installed.

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { openSync, closeSync, utimesSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { appImage } from '../support/artifact.mjs'
import { PLATFORM } from '../support/fixture.mjs'
import { file, serve, text } from '../support/server.mjs'
import { packageRoutes } from './registry.mjs'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const ARTIFACT = 'my-app-0.2.0.AppImage'
export const PASSWORD = 'my password'
const OLD = appImage('old')

export async function createProject() {
  const cleanups = []
  const scope = { teardown: (cleanup) => cleanups.push(cleanup) }
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'updater-readme-')))
  scope.teardown(() => rmSync(base, { recursive: true, force: true }))
  const dir = join(base, 'project')
  mkdirSync(join(dir, 'dist'), { recursive: true })
  writeFileSync(join(dir, 'package.json'), '{"private": true}\n')
  createArtifact(join(dir, 'dist', ARTIFACT))

  const site = await serve(scope)
  const registry = await serve(scope)
  const env = environment(base, registry.url)
  mkdirSync(join(base, 'packages'))
  Object.assign(registry.routes, packageRoutes(ROOT, join(base, 'packages'), registry.url, env))
  return {
    base,
    dir,
    site,
    env,
    trialPort: await freePort(),
    artifact: readFileSync(join(dir, 'dist', ARTIFACT)),
    pubkey: () => readFileSync(join(dir, 'my-app.key.pub'), 'utf8'),
    signature: () => readFileSync(join(dir, 'dist', `${ARTIFACT}.sig`), 'utf8'),
    cleanUp: () => cleanups.forEach((cleanup) => cleanup()),
  }
}

/** What an upload does: the manifest to the endpoint, the artifact to where `--base-url` says. */
export function publish({ dir, site, artifact }) {
  site.routes['/latest.json'] = text(readFileSync(join(dir, 'dist/latest.json')))
  site.routes[`/v0.2.0/${ARTIFACT}`] = file(artifact)
}

/** The code with the places filled in that the reader fills in. */
export function fillIn(project, code) {
  const places = {
    'https://releases.example.com': project.site.url,
    'linux-x86_64': PLATFORM,
    '127.0.0.1:8080': `127.0.0.1:${project.trialPort}`,
    '--port 8080': `--port ${project.trialPort}`,
    ...(code.includes('<pubkey here>') && { '<pubkey here>': project.pubkey() }),
    ...(code.includes('<content of') && { [`<content of ${ARTIFACT}.sig>`]: project.signature() }),
  }
  return Object.entries(places).reduce((text, [place, value]) => text.replaceAll(place, value), code)
}

/** An installed application 0.1.0, and the environment of a program that runs inside it. */
export function installOld(project, name) {
  const directory = join(project.base, 'installed', name.replaceAll(/\W+/g, '-'))
  const app = join(directory, 'my-app.AppImage')
  mkdirSync(directory, { recursive: true })
  writeFileSync(app, OLD, { mode: 0o755 })
  const env = {
    ...project.env,
    APPIMAGE: app,
    // As if the interpreter lay in the mounted image.
    APPDIR: dirname(realpathSync(process.execPath)),
    XDG_STATE_HOME: join(directory, 'state'),
  }
  return {
    app,
    env,
    isOld: () => readFileSync(app).equals(OLD),
    isNew: () => readFileSync(app).equals(project.artifact),
  }
}

/**
 * A program that can be seen to have been started: `touch`, with the AppImage magic. The application is relaunched with
 * the arguments that it had, of which the first is its script.
 */
export function createArtifact(path) {
  const touch = ['/usr/bin/touch', '/bin/touch'].find((file) => statSync(file, { throwIfNoEntry: false }))
  copyFileSync(touch, path)
  chmodSync(path, 0o755)
  const descriptor = openSync(path, 'r+')
  writeSync(descriptor, 'AI\x02', 8)
  closeSync(descriptor)
  const probe = join(dirname(path), '..', 'probe')
  writeFileSync(probe, '')
  age(probe)
  const { error, stderr } = spawnSync(path, [probe], { encoding: 'utf8' })
  if (!wasTouched(probe))
    throw new Error(`${touch} does not run under another name: ${error?.message ?? stderr}`)
  rmSync(probe)
}

export function age(path) {
  utimesSync(path, 1, 1)
}

export function wasTouched(path) {
  return statSync(path).mtimeMs > 1000
}

/** Nothing of whoever runs the tests: npm passes its own settings on to what it runs. */
export function environment(base, registry) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm|carg|app|node_|.*proxy$)/i.test(name))
  const path = process.env.PATH.split(delimiter).filter((entry) => !entry.includes('node_modules'))
  return {
    ...Object.fromEntries(kept),
    PATH: [dirname(process.execPath), ...path].join(delimiter),
    HOME: base,
    npm_config_audit: 'false',
    npm_config_cache: join(base, 'npm-cache'),
    npm_config_fund: 'false',
    npm_config_registry: `${registry}/`,
    npm_config_update_notifier: 'false',
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
