// How each snippet is run, and what is expected of it.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { PLATFORM } from '../support/fixture.mjs'
import { file, json, silence, status } from '../support/server.mjs'
import { eventually, run } from './programs.mjs'
import { ARTIFACT, ROOT, age, installOld, wasTouched } from './project.mjs'

const { checkUpdate } = createRequire(import.meta.url)('../../index.js')

export const SNIPPETS = {
  '3. Check, download, install, 1': installs,
  '3. Check, download, install, 2': saves,
  'Progress, and starting again, 1': async (t, project, block) => {
    const { stdout } = await restarts(t, project, block, installOld(project, block.name))
    t.regex(stdout, /^0\.2\.0 is available: What is new\n[^]*download 100\nverify 100\n$/)
  },
  'Download now, install at the next start, 1': stagesThenInstalls,
  'Download now, install when the application quits, 1': installs,
  'Ending it early, 1': async (t, project, block) => {
    await installs(t, project, block)
    await endsEarly(t, project, block)
  },
  'Errors, 1': async (t, project, block) => {
    const script = await compiles(t, project, block)
    await installs(t, project, block, script)
    await reportsTheCode(t, project, block, script)
  },
  'Electron, 1': saves,
  'Electron, 2': async (t, project, block) => {
    saves(t, project, block)
    await updatesFromTheRenderer(t, project, block)
  },
  'Electron, 3': (t, _, block) => {
    t.deepEqual(JSON.parse(block.code).build.asarUnpack, ['**/node_modules/@crabnebula/updater-*/**'])
  },
  'Rust, 1': isADocTest,
  'Rust, 2': isADocTest,
  'The manifest, 1': async (t, project, block) => {
    const update = await isUnderstood(t, project, block)
    t.is(update.body, 'What is new')
    t.is(update.date, '2026-01-02T03:04:05Z')
    t.is(update.size, project.artifact.length)
  },
  'The manifest, 2': isUnderstood,
}

async function installs(t, project, block, script = write(project, block)) {
  const installed = installOld(project, block.name)
  const result = await execute(project, installed, script)
  t.is(result.code, 0, result.stderr)
  t.true(installed.isNew())
}

/** Into the file that the first line names. */
function saves(t, project, block) {
  const [, name] = /^\/\/ (\S+)\n/.exec(block.code) ?? []
  t.truthy(name)
  writeFileSync(join(project.dir, name), block.code)
}

/** What is started in the end is the new application, which touches the script. */
async function restarts(t, project, block, installed) {
  const script = write(project, block)
  age(script)
  const result = await execute(project, installed, script)
  t.is(result.code, 0, result.stderr)
  t.true(installed.isNew())
  await eventually(() => wasTouched(script))
  return result
}

async function stagesThenInstalls(t, project, block) {
  const installed = installOld(project, block.name)
  const first = await execute(project, installed, write(project, block))
  t.is(first.code, 0, first.stderr)
  t.is(first.stdout, '0.2.0 will be installed at the next start\n')
  t.true(installed.isOld())
  await startsAllTheSame(t, project, block, installed)
  await restarts(t, project, block, installed)
}

/** Where what was staged cannot be installed for now, the application goes on to the rest of what it does. */
async function startsAllTheSame(t, project, block, installed) {
  const data = join(installed.env.XDG_STATE_HOME, 'crabnebula-updater')
  const asked = project.site.requestsOf('/latest.json').length
  // A directory that anybody may write to is not believed.
  chmodSync(data, 0o777)
  const result = await whileAnswering(project, status(204), () =>
    execute(project, installed, write(project, block)),
  )
  chmodSync(data, 0o700)
  t.is(result.code, 0, result.stderr)
  t.regex(result.stderr, /^not updated: /)
  t.is(project.site.requestsOf('/latest.json').length, asked + 1)
}

async function endsEarly(t, project, block) {
  const installed = installOld(project, block.name)
  let child
  const answer = (...args) => {
    silence(...args)
    child.kill('SIGINT')
  }
  const result = await whileAnswering(project, answer, () =>
    execute(project, installed, write(project, block), (started) => (child = started)),
  )
  t.is(result.code, 1)
  t.regex(result.stderr, /AbortError/)
  t.true(installed.isOld())
}

async function compiles(t, project, block) {
  const name = `${fileName(block)}.mts`
  writeFileSync(join(project.dir, name), block.code)
  const args =
    '--strict --isolatedModules --allowJs --target es2022 --module node16 --lib es2022,dom --outDir built'
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const result = await run(tsc, [...args.split(' '), name], { cwd: project.dir, env: project.env })
  t.is(result.code, 0, result.stdout)
  return join(project.dir, 'built', name.replace('.mts', '.mjs'))
}

async function reportsTheCode(t, project, block, script) {
  const installed = installOld(project, block.name)
  const result = await whileAnswering(project, status(404), () => execute(project, installed, script))
  t.is(result.code, 0, result.stderr)
  t.regex(result.stderr, /^ERR_UPDATER_HTTP_STATUS .*latest\.json answered with status 404/)
  t.true(installed.isOld())
}

/** With a stand-in for the `electron` module, in which main process and renderer are one. */
async function updatesFromTheRenderer(t, project, block) {
  const modules = join(project.dir, 'node_modules/electron')
  mkdirSync(modules)
  copyFileSync(new URL('electron.cjs', import.meta.url), join(modules, 'index.js'))
  const renderer = `
    import { createRequire } from 'node:module'
    import './main.mjs'
    createRequire(import.meta.url)('./preload.cjs')
    updater.onProgress(({ phase }) => console.log(phase))
    const update = await updater.check()
    console.log(update.version, update.currentVersion)
    await updater.install()
  `
  const installed = installOld(project, block.name)
  const { stdout } = await restarts(t, project, { ...block, code: renderer }, installed)
  t.regex(stdout, /^0\.2\.0 0\.1\.0\ndownload\n[^]*verify\n$/)
}

/** `cargo test` compiles the blocks; what they do is run against a server in the crate's documentation. */
function isADocTest(t, _, block) {
  t.is(block.language, 'rust,no_run')
  t.true(readFileSync(join(ROOT, 'src/lib.rs'), 'utf8').includes('#[doc = include_str!("../README.md")]'))
}

async function isUnderstood(t, project, block) {
  const { app } = installOld(project, block.name)
  const manifest = JSON.parse(block.code)
  const entry = manifest.platforms?.[PLATFORM] ?? manifest
  if (entry.size !== undefined) entry.size = project.artifact.length
  project.site.routes[`/v0.2.0/${ARTIFACT}`] = file(project.artifact)
  const update = await whileAnswering(project, json(manifest), () =>
    checkUpdate('0.1.0', {
      endpoints: [`${project.site.url}/latest.json`],
      pubkey: project.pubkey(),
      executablePath: app,
      dataDir: join(app, '../data'),
    }),
  )
  t.is(update.version, '0.2.0')
  t.true(Buffer.from(await update.download()).equals(project.artifact))
  return update
}

function fileName(block) {
  return block.name.replaceAll(/\W+/g, '-')
}

function write(project, block) {
  const script = join(project.dir, `${fileName(block)}.mjs`)
  writeFileSync(script, block.code)
  return script
}

function execute(project, { env }, script, onStart) {
  return run(process.execPath, [script], { cwd: project.dir, env, onStart })
}

/** Meanwhile, the endpoint gives this answer. */
async function whileAnswering({ site }, answer, action) {
  const usual = site.routes['/latest.json']
  site.routes['/latest.json'] = answer
  try {
    return await action()
  } finally {
    site.routes['/latest.json'] = usual
  }
}
