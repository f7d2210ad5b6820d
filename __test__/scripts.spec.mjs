// The commands of this repository: what fails is told, and what tests nothing does not pass.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

import test from 'ava'

import { leftOutOn } from '../scripts/hosts/foreign.mjs'
import { choose, runWith } from '../scripts/steps.mjs'
import { tempDir } from './support/fixture.mjs'
import { testOnLinux } from './support/tools.mjs'

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

test('what is skipped does not fail', async (t) => {
  const { status, stdout } = await stepsIn(t, `[['missing', () => run('no-such-program')]]`)
  t.is(status, 0)
  t.true(stdout.includes('skipped: no-such-program is not installed'))
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
  const everywhere = ['abort', 'check', 'cli', 'download', 'exports', 'options', 'signed-manifest']
  const packages = ['package', 'package-loader', 'package-release']
  const specs = (...names) => names.flat().map((name) => `${name}.spec.mjs`)
  for (const system of ['darwin', 'win32']) t.deepEqual(run(system), specs(everywhere, packages).sort())
  const linux = ['exit', 'interference', 'memory', 'nginx', 'package-install', 'relaunch', 'stage', 'target']
  t.deepEqual(run('linux'), specs(everywhere, packages, linux).sort())
  t.deepEqual(
    run('linux', { isMusl: true }),
    run('linux').filter((name) => name !== 'exit.spec.mjs'),
  )
  t.true(run('linux', { emulated: true }).includes('download.spec.mjs'))
})
