// `npm run mutants [-- regular expression]`: changes, one at a time, each decision about trust and each step of an
// installation (of those whose `path:line:column: change` matches); a test has to notice. Which files, and which
// survivors are explained, is in `.cargo/mutants.toml`; who survives, in `target/mutants.out`. Takes hours.
import { join } from 'node:path'

import { needComponent, ROOT, runSteps, runWith } from './steps.mjs'

const [only] = process.argv.slice(2)
/** What fails because a test hangs was noticed, too. */
const ALL_NOTICED = [0, 3]
const SOME_MISSED = 2

function mutate(accepted, tests, ...options) {
  needComponent('mutants', ': cargo install --locked cargo-mutants')
  const chosen = only ? ['--re', only] : []
  // Of cargo itself, or each change would have all other tests built, too.
  const built = tests.map((word) => `--cargo-arg=${word}`)
  const command = ['mutants', '--output', join(ROOT, 'target'), ...built, ...options, ...chosen]
  runWith({ timeout: 0, accepted }, 'cargo', ...command)
}

await runSteps([
  ['unit tests', () => mutate([...ALL_NOTICED, SOME_MISSED], ['--lib'], '--timeout', '90')],
  // Whole updates take minutes: only for those that are left.
  ['whole updates', () => mutate(ALL_NOTICED, ['--test=it'], '--iterate', '--timeout', '300')],
])
