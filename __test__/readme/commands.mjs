// How each block of commands is run, and what is expected of it.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { PLATFORM } from '../support/fixture.mjs'
import { find } from '../support/tools.mjs'
import { eventually, run, runWhile } from './programs.mjs'
import { ARTIFACT, PASSWORD, installOld, publish } from './project.mjs'

const { checkUpdate } = createRequire(import.meta.url)('../../index.js')

export const COMMANDS = {
  '1. Install, 1': runsThrough,
  '2. Make a key, 1': async (t, project, block) => {
    await answersThePrompts(t, project, block)
    t.is(statSync(join(project.dir, 'my-app.key')).mode & 0o777, 0o600)
  },
  '4. Publish, 1': async (t, project, block) => {
    await runsThrough(t, project, block)
    publish(project)
  },
  '5. Try it, 1': servesTheUpdate,
  'Hosting, 1': async (t, project, block) => {
    await runsThrough(t, project, block)
    const { platforms } = JSON.parse(readFileSync(join(project.dir, 'dist/latest.json'), 'utf8'))
    t.is(platforms[PLATFORM].url, `https://github.com/me/my-app/releases/download/v0.2.0/${ARTIFACT}`)
  },
  'Differential updates, 1': async (t, project, block) => {
    await signFirst(t, project, block)
    await runsThrough(t, project, block)
    const { platforms } = JSON.parse(readFileSync(join(project.dir, 'dist/latest.json'), 'utf8'))
    t.is(platforms[PLATFORM].deltas[0].from, '0.1.0')
  },
  'Signed manifests, 1': runsThrough,
  'Signed manifests, 2': runsThrough,
  'Commands, 1': runsThrough,
}

/** With the variables that the text says to set. */
function options({ dir, env }) {
  const signing = existsSync(join(dir, 'my-app.key')) && {
    CARGO_PACKAGER_SIGN_PRIVATE_KEY: 'my-app.key',
    CARGO_PACKAGER_SIGN_PRIVATE_KEY_PASSWORD: PASSWORD,
  }
  return { cwd: dir, env: { ...env, ...signing } }
}

async function runsThrough(t, project, block) {
  const result = await run('bash', ['-euc', block.code], options(project))
  t.is(result.code, 0, result.stdout + result.stderr)
}

/** The release before this one, which the reader has kept. */
async function signFirst(t, project, block) {
  const name = 'v0.1.0/my-app-0.1.0.AppImage'
  mkdirSync(join(project.dir, 'v0.1.0'))
  writeFileSync(join(project.dir, name), Buffer.concat([project.artifact, Buffer.from('an older one')]))
  const about = `--version 0.1.0 --target ${PLATFORM} --format appimage`
  await runsThrough(t, project, { ...block, code: `npx @crabnebula/updater signer sign ${name} ${about}` })
}

/** On a terminal of its own, because a password is never asked for in a pipe. */
async function answersThePrompts(t, project, block) {
  if (!find('script')) {
    if (process.env.CI) t.fail('`script` (bsdutils) is missing')
    t.log('the prompts are not tested: `script` (bsdutils) is missing')
    const env = { ...project.env, CARGO_PACKAGER_SIGN_PRIVATE_KEY_PASSWORD: PASSWORD }
    await runsThrough(t, { ...project, env }, block)
    return
  }
  const file = join(project.base, 'prompts.sh')
  writeFileSync(file, block.code)
  const prompts = ['Password for the new private key: ', 'The same password again: ']
  const onOutput = (text, child) => {
    if (!prompts.length || !text.includes(prompts[0])) return
    prompts.shift()
    // The terminal stops showing what is typed a moment after the question.
    setTimeout(() => child.stdin.write(`${PASSWORD}\n`), 500)
  }
  const result = await run('script', ['-qec', `bash -eu ${file}`, '/dev/null'], {
    ...options(project),
    onOutput,
  })
  t.is(result.code, 0, result.stdout)
  t.deepEqual(prompts, [])
  t.false(result.stdout.includes(PASSWORD), 'the password is not shown')
}

async function servesTheUpdate(t, project, block) {
  const server = `http://127.0.0.1:${project.trialPort}`
  const { app } = installOld(project, block.name)
  const common = { pubkey: project.pubkey(), executablePath: app, dataDir: join(app, '../data') }
  const offered = async (endpoint, version) => {
    const update = await checkUpdate(version, { ...common, endpoints: [endpoint] })
    return update && Buffer.from(await update.download()).equals(project.artifact)
  }
  await runWhile('bash', ['-euc', block.code], options(project), async () => {
    await eventually(() =>
      fetch(server).then(
        () => true,
        () => false,
      ),
    )
    const dynamic = `${server}/update/{{target}}/{{arch}}/{{current_version}}`
    t.true(await offered(`${server}/latest.json`, '0.1.0'))
    t.true(await offered(dynamic, '0.1.0'))
    t.is(await offered(dynamic, '0.2.0'), null)
    t.is((await fetch(`${server}/update/${PLATFORM.replace('-', '/')}/0.2.0`)).status, 204)
  })
}
