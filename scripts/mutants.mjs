// `npm run mutants [-- regular expression]`: changes, one at a time, what is decided in the files that `.cargo/mutants.toml` lists
// (of those changes whose `path:line:column: change` matches); a test has to notice. Which survivors are explained is there
// too; who survives, in `target/mutants.out`. Needs cargo-mutants, and hours.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { needComponent, ROOT, runSteps, runWith } from './steps.mjs'

const [only] = process.argv.slice(2)
const TARGET = join(ROOT, 'target')
/** Where one hangs, this is told and not that others are missed: `missed.txt` has those. */
const ACCEPTED = { noneMissed: 0, someMissed: 2, someHang: 3 }

function mutate(tests, ...options) {
  needComponent('mutants', ': cargo install --locked cargo-mutants')
  const chosen = only ? ['--re', only] : []
  // Of cargo itself, or each change would have all other tests built, too.
  const built = tests.map((word) => `--cargo-arg=${word}`)
  const command = ['mutants', '--output', TARGET, ...built, ...options, ...chosen]
  runWith({ timeout: 0, accepted: Object.values(ACCEPTED) }, 'cargo', ...command)
}

const read = (name) => readFileSync(join(TARGET, 'mutants.out', name), 'utf8')

function tryUnitTests() {
  mutate(['--lib'], '--timeout', '90')
  if (JSON.parse(read('mutants.json')).length === 0) throw new Error(`nothing to change matches ${only}`)
}

/** Whole updates take minutes: only for those that are left. What makes a test hang was noticed, too. */
function tryWholeUpdates() {
  mutate(['--test=it'], '--iterate', '--timeout', '300')
  const missed = read('missed.txt').trim()
  if (missed) throw new Error(`no test notices:\n${missed}`)
}

await runSteps([
  ['unit tests', tryUnitTests],
  ['whole updates', tryWholeUpdates],
])
