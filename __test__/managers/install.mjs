// An empty project into which a package manager installs, and a program in it that updates an application.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { packAll } from '../../scripts/packages/pack.mjs'
import { readBlocks } from '../readme/blocks.mjs'
import { run } from '../readme/programs.mjs'
import { ROOT, environment } from '../readme/project.mjs'
import { routesOf } from '../readme/registry.mjs'
import { NEW, fixture } from '../support/fixture.mjs'
import { serve } from '../support/server.mjs'

const GUIDE = readBlocks(join(ROOT, 'README.md')).find(
  ({ name }) => name === '3. Check, download, install, 1',
)
export const NAME = '@crabnebula/updater'
export const CLI_NAME = '@crabnebula/updater-cli'

/** The tarballs that were built here: `updater` and `cli`, each with its platform package. `scope` cleans up. */
export function packages(scope) {
  const out = mkdtempSync(join(tmpdir(), 'updater-packages-'))
  scope.teardown(() => rmSync(out, { recursive: true }))
  const all = packAll({ root: ROOT, out })
  const isOfCli = ({ manifest }) => manifest.name.startsWith(CLI_NAME)
  return { all, cli: all.filter(isOfCli), updater: all.filter((packed) => !isOfCli(packed)) }
}

/** An empty project, and `execute` for programs in it, which succeed, in the environment `env`. */
export async function project(scope, { all }, { configure }) {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'updater-install-')))
  scope.teardown(() => rmSync(base, { recursive: true, force: true }))
  const registry = await serve(scope)
  Object.assign(registry.routes, routesOf(ROOT, all, registry.url))
  const dir = join(base, 'project')
  mkdirSync(dir)
  writeFileSync(join(dir, 'package.json'), '{"private": true}\n')
  writeFileSync(join(dir, '.npmrc'), `registry=${registry.url}/\n`)
  configure?.(dir, registry.url)
  // Not what an earlier run has left: versions are equal while contents are not.
  const caches = { YARN_CACHE_FOLDER: join(base, 'yarn'), npm_config_store_dir: join(base, 'pnpm') }
  const env = { ...environment(base, registry.url), ...caches }
  const execute = async ([program, ...args], more = {}) => {
    const result = await run(program, args, { cwd: dir, env: { ...env, ...more } })
    assert.equal(result.code, 0, [program, ...args, result.stdout, result.stderr].join('\n'))
    return result.stdout
  }
  return { dir, env, execute, registry }
}

/** Runs the guide's snippet as a program of an application that is then the new version. */
export async function updates(scope, { dir, execute }, manager) {
  const { app, dataDir, installed, key, server } = await fixture(scope)
  const code = GUIDE.code
    .replace('https://releases.example.com', server.url)
    .replace('<pubkey here>', key.pubkey)
  writeFileSync(join(dir, 'main.mjs'), code)
  const variables = {
    APPIMAGE: app,
    APPDIR: dirname(realpathSync(process.execPath)),
    XDG_STATE_HOME: dataDir,
  }
  await execute([...manager.run, 'main.mjs'], variables)
  assert.ok(NEW.equals(await installed()))
}

/** Loads the package where it cannot be loaded; gives the error's code and message. */
export async function failure({ dir, execute }, manager) {
  const code = `import('${NAME}').catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`
  writeFileSync(join(dir, 'main.mjs'), code)
  return JSON.parse(await execute([...manager.run, 'main.mjs']))
}
