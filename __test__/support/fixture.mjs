import { chmod, mkdir, mkdtemp, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { appImage } from './artifact.mjs'
import { file, json, serve } from './server.mjs'
import { keyPair, sign } from './signer.mjs'

const SYSTEMS = { linux: 'linux', darwin: 'macos', win32: 'windows' }
const ARCHS = { x64: 'x86_64', arm64: 'aarch64', arm: 'armv7', ia32: 'i686' }

/** The key of this machine under `platforms`. */
export const PLATFORM = `${SYSTEMS[process.platform]}-${ARCHS[process.arch]}`
/** What is announced, unless a test says otherwise. */
export const FORMAT = { linux: 'appimage', darwin: 'app', win32: 'nsis' }[process.platform]
export const OLD = appImage('old')
export const NEW = appImage('new')

export async function tempDir(t) {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'updater-')))
  await chmod(dir, 0o755) // other users run what is in it
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** An installed application 1.0.0, and a server that announces 2.0.0 to it. */
export async function fixture(t) {
  const dir = await tempDir(t)
  const app = join(dir, 'app', 'app.AppImage')
  await mkdir(join(dir, 'app'))
  await writeFile(app, OLD, { mode: 0o755 })
  const server = await serve(t)
  const key = keyPair()
  const dataDir = join(dir, 'data')

  /** Announces an artifact. */
  function publish(
    bytes = NEW,
    { version = '2.0.0', notes, signature = sign(key, bytes), route, ...entry } = {},
  ) {
    server.routes['/artifact'] = route ?? file(bytes)
    const platform = { url: `${server.url}/artifact`, signature, format: FORMAT, ...entry }
    server.routes['/latest.json'] = json({ version, notes, platforms: { [PLATFORM]: platform } })
  }
  publish()

  return {
    dir,
    app,
    dataDir,
    server,
    key,
    publish,
    options: {
      endpoints: [`${server.url}/latest.json`],
      pubkey: key.pubkey,
      executablePath: app,
      dataDir,
    },
    installed: () => readFile(app),
    /** Everything beside the application and among the downloads. */
    leftovers: async () => [
      ...(await readdir(join(dir, 'app'))).filter((name) => name !== 'app.AppImage'),
      ...(await files(dataDir)).filter((path) => !/[\\/](lock|[^\\/]*\.lock|[^\\/]*\.json)$/.test(path)),
    ],
  }
}

async function files(dir) {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  const nested = entries.map((entry) =>
    entry.isDirectory() ? files(join(dir, entry.name)) : [join(dir, entry.name)],
  )
  return (await Promise.all(nested)).flat()
}

/** What a promise is rejected with. */
export const rejection = (promise) =>
  promise.then(
    (value) => {
      throw new Error(`resolved with ${value}`)
    },
    (error) => error,
  )
