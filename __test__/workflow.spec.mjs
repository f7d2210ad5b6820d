// The workflow that users copy: its steps, as a runner starts them, with the real command line and a stand-in for `gh`.

import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import test from 'ava'

import { tempDir } from './support/fixture.mjs'
import { appImage } from './support/artifact.mjs'
import { testOnLinux } from './support/tools.mjs'

const ENTRY = fileURLToPath(new URL('../cli/node/updater-cli.js', import.meta.url))
const WORKFLOW = readFileSync(new URL('../examples/workflows/renew-manifest.yml', import.meta.url), 'utf8')
const APP = 'com.example.app'
const PASSWORD = 'my password'

/** The lines below a key, without what they are indented by. */
function below(text, key) {
  const [, indent, lines] = new RegExp(`^( *)${key}:(?: \\|)?\\n((?:\\1 +.*\\n)+)`, 'm').exec(text) ?? []
  if (indent === undefined) return ''
  const [deeper] = /^ */.exec(lines)
  return lines.replaceAll(new RegExp(`^${deeper}`, 'gm'), '')
}

const variables = (text) =>
  Object.fromEntries(
    below(text, 'env')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(/: (.*)/)),
  )

/** Those that run something. */
const STEPS = below(WORKFLOW, 'steps')
  .split(/^- /m)
  .map((text) => text.replaceAll(/^ {2}/gm, ''))
  .filter((text) => /^run:/m.test(text))
  .map((text) => ({
    name: /^name: (.*)/m.exec(text)[1],
    env: variables(text),
    run: /^run: ([^|].*)/m.exec(text)?.[1] ?? below(text, 'run'),
  }))
const JOB_ENV = variables(WORKFLOW)

/** Downloads from a directory and uploads to it. As often as `failures` has lines, it fails after it has deleted. */
const GH = `#!/bin/sh
set -eu
[ "$GH_TOKEN $GH_REPO" = 'a token me/my-app' ]
[ "$1 $3" = 'release v0.2.0' ]
case "$2" in
  download) [ "$4 $5" = '--pattern latest.json' ]; [ ! -e latest.json ]; cp "$RELEASE/latest.json" . ;;
  upload)
    [ "$4 $5" = 'latest.json --clobber' ]
    rm "$RELEASE/latest.json" || true
    if [ -s "$RELEASE/failures" ]; then sed -i 1d "$RELEASE/failures"; exit 1; fi
    cp latest.json "$RELEASE" ;;
esac
`

function updater(dir, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [ENTRY, ...args], {
    cwd: dir,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stdout + stderr)
}

/** So short that what is renewed in the same second is valid for longer. */
const SHORT = ['--valid-days', '1']

/** Fills a directory that has the key. */
function makeRelease(release, version) {
  const key = ['--private-key', 'manifest.key', '--password', PASSWORD]
  const artifact = 'my-app-x86_64.AppImage'
  writeFileSync(join(release, artifact), appImage(version))
  updater(release, 'signer', 'sign', artifact, '--version', version, ...key)
  updater(release, 'manifest', 'create', '.', '--version', version, '--base-url', 'https://example.com')
  updater(release, 'manifest', 'sign', 'latest.json', '--app', APP, '--sequence', '7', ...SHORT, ...key)
}

/** Made once: keys with a password are slow by design. */
const RELEASE = mkdtempSync(join(tmpdir(), 'updater-release-'))
test.before(() => {
  updater(RELEASE, 'signer', 'generate', '--path', 'manifest.key', '--password', PASSWORD)
  makeRelease(RELEASE, '0.2.0')
})
test.after.always(() => rmSync(RELEASE, { recursive: true, force: true }))

/** A checkout of an application, its release 0.2.0, and programs that a runner has. */
async function project(t, { failures = 0 } = {}) {
  const dir = await tempDir(t)
  const [checkout, release, bin] = ['checkout', 'release', 'bin'].map((name) => join(dir, name))
  for (const path of [join(checkout, 'node_modules', '.bin'), release, bin])
    mkdirSync(path, { recursive: true })
  const program = (path, text) => writeFileSync(path, text, { mode: 0o755 })
  writeFileSync(join(checkout, 'package.json'), '{"version": "0.2.0"}')
  program(
    join(checkout, 'node_modules', '.bin', 'updater-cli'),
    `#!/bin/sh\nexec '${process.execPath}' '${ENTRY}' "$@"\n`,
  )
  program(join(bin, 'gh'), GH)
  program(join(bin, 'npm'), '#!/bin/sh\n[ "$*" = "ci --ignore-scripts" ]\n')
  program(join(bin, 'sleep'), '#!/bin/sh\n')

  cpSync(RELEASE, release, { recursive: true })
  writeFileSync(join(release, 'failures'), 'deleted, and not uploaded\n'.repeat(failures))
  copyFileSync(join(release, 'manifest.key.pub'), join(checkout, 'manifest.key.pub'))
  const values = {
    'github.token': 'a token',
    'github.repository': 'me/my-app',
    'secrets.MANIFEST_KEY': readFileSync(join(release, 'manifest.key'), 'utf8'),
    'secrets.MANIFEST_KEY_PASSWORD': PASSWORD,
  }
  const PATH = [bin, process.env.PATH].join(delimiter)
  return {
    checkout,
    release,
    values,
    env: { PATH, HOME: dir, RELEASE: release, GITHUB_ENV: join(dir, 'variables') },
  }
}

/** Runs the steps until one fails, whose name is given with what was printed. */
function runSteps({ checkout, values, env }) {
  const filled = (variables) =>
    Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [
        name,
        value.replace(/\$\{\{ (.*) \}\}/, (_, it) => values[it]),
      ]),
    )
  writeFileSync(env.GITHUB_ENV, '')
  let printed = ''
  for (const step of STEPS) {
    const kept = readFileSync(env.GITHUB_ENV, 'utf8').split('\n').filter(Boolean)
    const all = {
      ...env,
      ...filled(JOB_ENV),
      ...Object.fromEntries(kept.map((line) => line.split(/=(.*)/))),
      ...filled(step.env),
    }
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', step.run], {
      cwd: checkout,
      env: all,
      encoding: 'utf8',
    })
    printed += stdout + stderr
    if (status !== 0) return { failed: step.name, printed }
  }
  return { printed }
}

const manifestOf = ({ release }) => JSON.parse(readFileSync(join(release, 'latest.json'), 'utf8'))
const payloadOf = (manifest) => JSON.parse(Buffer.from(manifest.signedManifest.payload, 'base64'))

testOnLinux('the release gets the same manifest with a higher sequence and more time', async (t) => {
  const that = await project(t)
  const before = manifestOf(that)
  const { failed, printed } = runSteps(that)
  t.is(failed, undefined, printed)
  const after = manifestOf(that)
  t.deepEqual({ ...after, signedManifest: 0 }, { ...before, signedManifest: 0 })
  t.true(payloadOf(after).sequence > payloadOf(before).sequence)
  t.true(Date.parse(payloadOf(after).expires) > Date.parse(payloadOf(before).expires))
  updater(that.release, 'manifest', 'check', 'latest.json', '--manifest-pubkey', 'manifest.key.pub')
})

testOnLinux('an upload that fails after it has deleted is tried again', async (t) => {
  const that = await project(t, { failures: 3 })
  const { failed, printed } = runSteps(that)
  t.is(failed, undefined, printed)
  t.true(payloadOf(manifestOf(that)).sequence > 7)
})

testOnLinux(
  'an upload that fails again and again is told, and the manifest is left for the artifact',
  async (t) => {
    const that = await project(t, { failures: 4 })
    const { failed, printed } = runSteps(that)
    t.is(failed, 'Upload it')
    t.regex(printed, /::error::the release may be without latest.json/)
    t.true(payloadOf(JSON.parse(readFileSync(join(that.checkout, 'latest.json')))).sequence > 7)
  },
)

testOnLinux('what applications would refuse is not uploaded', async (t) => {
  const that = await project(t)
  updater(that.checkout, 'signer', 'generate', '--ci', '--force', '--path', 'manifest.key')
  const before = manifestOf(that)
  t.is(runSteps(that).failed, 'Check it as applications do')
  t.deepEqual(manifestOf(that), before)
})

testOnLinux('another version than that of the branch is not signed', async (t) => {
  const that = await project(t)
  makeRelease(that.release, '0.1.0')
  t.is(runSteps(that).failed, 'Sign it again')
})

test('only the command that signs is given the key', (t) => {
  const given = STEPS.filter(({ env }) => JSON.stringify(env).includes('secrets.'))
  t.deepEqual(
    given.map(({ run }) => run.split(' ').slice(0, 5).join(' ')),
    ['npx --no-install updater-cli manifest sign'],
  )
  t.is(WORKFLOW.match(/secrets\./g).length, Object.keys(given[0].env).length)
})
