// The commands of this repository: what fails is told, and what tests nothing does not pass.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

import test from 'ava'

import { leftOutOn } from '../scripts/hosts/foreign.mjs'
import { choose, runWith } from '../scripts/steps.mjs'
import { tempDir } from './support/fixture.mjs'
import { testOnLinux, testOnUnix } from './support/tools.mjs'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const STEPS = pathToFileURL(join(ROOT, 'scripts', 'steps.mjs'))
const SPECS = readdirSync(join(ROOT, '__test__')).filter((name) => name.endsWith('.spec.mjs'))

/** A process that makes steps with logs; `source` is the list. */
async function stepsIn(t, source) {
  const dir = await tempDir(t)
  const script = join(dir, 'steps.mjs')
  const code = `
    import { Skipped, run, runSteps, say } from '${STEPS}'
    const print = (...lines) => run(process.execPath, '-e', lines.map((line) => 'console.log("' + line + '")').join('\\n'))
    await runSteps(${source}, ${JSON.stringify(join(dir, 'logs'))})`
  writeFileSync(script, code)
  return spawnSync(process.execPath, [script], { encoding: 'utf8', env: { ...process.env, CI: '' } })
}

test('of a step that passes the end is shown, of one that fails all', async (t) => {
  const { status, stdout } = await stepsIn(
    t,
    `[
      ['good', () => { print('g1', 'g2', 'g3'); say('g4') }],
      ['bad', () => { print('b1', 'b2', 'b3', 'b4'); throw new Error('because') }],
    ]`,
  )
  t.is(status, 1)
  t.regex(stdout, /── good\ng2\ng3\ng4\n/)
  t.false(stdout.includes('g1'))
  t.regex(stdout, /── bad\nb1\nb2\nb3\nb4\nFAILED: because\n/)
})

test('how many tests were run is shown wherever it was printed', async (t) => {
  const counts = ['test result: ok. 7 passed; 0 failed', '  382 tests passed', '# pass 3', 'ℹ pass 4']
  const printed = ['a test ... ok', ...counts, 'test result: ok. 0 passed; 0 failed', 'b1', 'b2', 'b3']
  const { stdout } = await stepsIn(t, `[['tests', () => print(...${JSON.stringify(printed)})]]`)
  t.true(stdout.startsWith(`\n── tests\n${[...counts, 'b1', 'b2', 'b3'].join('\n')}\n`), stdout)
})

test('what is to be known of failures is said once more at the end', async (t) => {
  const { stdout } = await stepsIn(
    t,
    `[
      ['first', () => { print('wrong'); run(process.execPath, '-e', 'process.exit(3)') }],
      ['second', () => { throw new Skipped('no tool') }],
      ['third', () => print('fine')],
    ]`,
  )
  const [, end] = /\n(FAILED +[\d.]+ s {2}first[^]*)$/.exec(stdout)
  t.regex(end, /^.*\nskipped .*\npassed .*\n\nFAILED: first\nwrong\n.*process\.exit\(3\) ended with 3\n$/)
})

test('what is skipped does not fail, unless nothing was done at all', async (t) => {
  const missing = "['missing', () => run('no-such-program')]"
  const some = await stepsIn(t, `[${missing}, ['there', () => print('fine')]]`)
  t.is(some.status, 0)
  t.true(some.stdout.includes('skipped: no-such-program is not installed'))
  const none = await stepsIn(t, `[${missing}, ${missing}]`)
  t.is(none.status, 1)
  t.regex(none.stdout, /FAILED: all was skipped/)
})

/** Runs a command in another repository, where `cargo` is a shell script. */
async function runBeside(t, cargo, script, ...args) {
  const dir = await tempDir(t)
  cpSync(join(ROOT, 'scripts'), join(dir, 'scripts'), { recursive: true })
  mkdirSync(join(dir, 'fuzz', 'fuzz_targets'), { recursive: true })
  writeFileSync(join(dir, 'fuzz', 'fuzz_targets', 'manifest.rs'), '')
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin', 'cargo'), `#!/bin/sh\n${cargo}\n`, { mode: 0o755 })
  const PATH = [join(dir, 'bin'), process.env.PATH].join(delimiter)
  const env = { ...process.env, CI: '', PATH }
  return spawnSync(process.execPath, [join(dir, 'scripts', script), ...args], { encoding: 'utf8', env })
}

/** What cargo-mutants does: where one hangs, its exit code does not tell of those that are missed. */
const mutants = ({ tried = '[{}]', missed = '', code }) => `
  mkdir -p target/mutants.out
  echo '${tried}' > target/mutants.out/mutants.json
  case "$*" in
    *--version) ;;
    *--iterate*) printf '${missed}' > target/mutants.out/missed.txt; exit ${code} ;;
    *) echo 'src/state.rs:7:1: once missed' > target/mutants.out/missed.txt; exit 2 ;;
  esac`

testOnUnix('a mutant that no test notices is told, also where another one hangs', async (t) => {
  for (const code of [0, 3]) {
    const { status, stdout } = await runBeside(t, mutants({ code }), 'mutants.mjs')
    t.is(status, 0, stdout)
  }
  for (const code of [2, 3]) {
    const missed = 'src/state.rs:7:1: replace < with <=\\n'
    const { status, stdout } = await runBeside(t, mutants({ missed, code }), 'mutants.mjs')
    t.is(status, 1, stdout)
    t.regex(stdout, /no test notices:\nsrc\/state.rs:7:1: replace < with <=\n/)
  }
  const { status } = await runBeside(t, mutants({ code: 4 }), 'mutants.mjs')
  t.is(status, 1)
})

testOnUnix('a regular expression that fits no mutant is a mistake', async (t) => {
  const { status, stdout } = await runBeside(t, mutants({ tried: '[]', code: 0 }), 'mutants.mjs', 'stat.rs')
  t.is(status, 1)
  t.regex(stdout, /nothing to change matches stat\.rs/)
})

testOnUnix('what was asked for and cannot be done here fails, and tells what is missing', async (t) => {
  const missing = { 'mutants.mjs': /cargo install --locked cargo-mutants/, 'fuzz.mjs': /npm run hosts:setup/ }
  for (const [script, what] of Object.entries(missing)) {
    const { status, stdout } = await runBeside(t, 'exit 101', script)
    t.is(status, 1, script)
    t.regex(stdout, what)
  }
})

testOnUnix('faults whose tests are not there any more fail, and are not begun', async (t) => {
  const cargo = (...tests) => `case "$*" in
    *--list*) printf '${tests.map((name) => `${name}: test\\n`).join('')}' ;;
    *) echo "run: $*" ;;
  esac`
  const sequences = ['signed', 'sequence']
  const [there, gone] = ['signed_manifest::expires', 'key_rotation::overlaps']
  const all = await runBeside(t, cargo(there, gone), 'faults.mjs', ...sequences)
  t.is(all.status, 0, all.stdout)
  t.regex(all.stdout, /run: test .*--nocapture signed_manifest:: key_rotation::/)
  const some = await runBeside(t, cargo(there), 'faults.mjs', ...sequences)
  t.is(some.status, 1)
  t.regex(some.stdout, /no test has key_rotation:: in its name/)
  t.notRegex(some.stdout, /run:/)
})

test('a program that hangs is ended', (t) => {
  const hang = ['-e', 'setInterval(() => {}, 1000)']
  t.throws(() => runWith({ timeout: 200 }, process.execPath, ...hang), {
    message: /did not end within 0.2 s$/,
  })
})

testOnLinux('all that a hanging program has started is ended with it', async (t) => {
  const note = join(await tempDir(t), 'pid')
  const source = `
    const { pid } = require('node:child_process').spawn('sleep', ['1000'])
    require('node:fs').writeFileSync(${JSON.stringify(note)}, String(pid))
  `
  const { CI } = process.env
  process.env.CI = 'true'
  t.throws(() => runWith({ timeout: 5000 }, process.execPath, '-e', source))
  if (CI === undefined) delete process.env.CI
  const status = `/proc/${readFileSync(note, 'utf8')}/stat`
  // Somebody has to read its exit code before it is gone altogether.
  const isAlive = () => existsSync(status) && !readFileSync(status, 'utf8').includes(') Z ')
  for (let waits = 0; waits < 100 && isAlive(); waits += 1) await sleep(50)
  t.false(isAlive())
})

test('a mistyped title is a mistake, not a success', (t) => {
  const steps = [['linux arm64: built'], ['linux arm64: run']]
  t.deepEqual(choose(steps, []), steps)
  t.deepEqual(choose(steps, ['arm64', 'run']), [steps[1]])
  t.throws(() => choose(steps, ['amr64']), {
    message: /^no step is called amr64; there are: linux arm64: built;/,
  })
  for (const script of ['hosts.mjs', 'hosts-setup.mjs']) {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', script), 'amr64'], {
      encoding: 'utf8',
    })
    t.is(status, 1, script)
    t.regex(stderr, /no step is called amr64/)
  }
})

test('each platform runs all that is about it, and knows why it leaves out the rest', (t) => {
  const run = (...host) => {
    const reasons = Object.keys(leftOutOn(...host))
    for (const start of reasons)
      t.true(
        SPECS.some((name) => name.startsWith(start)),
        start,
      )
    return SPECS.filter((name) => !reasons.some((start) => name.startsWith(start)))
  }
  const everywhere = [
    'abort',
    'check',
    'cli',
    'download',
    'encoders',
    'exports',
    'kept',
    'options',
    'signed-manifest',
  ]
  const packages = ['package', 'package-cli', 'package-loader', 'package-release']
  const specs = (...names) => names.flat().map((name) => `${name}.spec.mjs`)
  for (const system of ['darwin', 'win32']) t.deepEqual(run(system), specs(everywhere, packages).sort())
  const processes = ['exit', 'interference', 'memory', 'nginx', 'relaunch']
  const linux = [...processes, 'delta', 'package-install', 'stage', 'target']
  t.deepEqual(run('linux'), specs(everywhere, packages, linux).sort())
  t.deepEqual(
    run('linux', { isMusl: true }),
    run('linux').filter((name) => name !== 'exit.spec.mjs'),
  )
  t.true(run('linux', { emulated: true }).includes('download.spec.mjs'))
})
