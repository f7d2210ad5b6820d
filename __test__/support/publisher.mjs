// Releases with deltas from one to the next, made with the commands as a publisher makes them.
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { appImage } from './artifact.mjs'
import { PLATFORM, tempDir } from './fixture.mjs'
import { file, json } from './server.mjs'

const run = promisify(execFile)
const CLI = join(import.meta.dirname, '../../cli/node/updater-cli.js')

const lines = Array.from({ length: 20_000 }, (_, line) => `line ${line * line}\n`).join('')

/** An artifact of this version, of which little is new. */
export const artifactOf = (version) =>
  Buffer.concat([appImage('head', 4096), Buffer.from(`${lines}version ${version}`)])

/** The publisher of an application, with a key of their own. */
export async function publisher(t, { server }, format) {
  const dir = await tempDir(t)
  const { stdout } = await run(process.execPath, [CLI, 'signer', 'generate', '--ci', '--json'])
  const { privateKey, publicKey } = JSON.parse(stdout)
  const env = { ...process.env, CARGO_PACKAGER_SIGN_PRIVATE_KEY: privateKey }
  const cli = (...args) => run(process.execPath, [CLI, ...args], { cwd: dir, env })

  /** Signs a release, and announces it with a delta from another one, which was signed before. Returns its entry. */
  async function release(version, ...previous) {
    await mkdir(join(dir, version))
    await writeFile(join(dir, version, 'app'), artifactOf(version))
    await cli(
      'signer',
      'sign',
      `${version}/app`,
      '--version',
      version,
      '--target',
      PLATFORM,
      '--format',
      format,
    )
    const about = ['--version', version, '--base-url', `${server.url}/${version}`]
    await cli(
      'manifest',
      'create',
      version,
      ...about,
      ...(previous.length ? ['--previous', ...previous] : []),
    )
    for (const name of await readdir(join(dir, version)))
      server.routes[`/${version}/${name}`] = file(await readFile(join(dir, version, name)))
    const manifest = JSON.parse(await readFile(join(dir, version, 'latest.json')))
    server.routes['/latest.json'] = json(manifest)
    return manifest.platforms[PLATFORM]
  }

  return { pubkey: publicKey, release }
}
