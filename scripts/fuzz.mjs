// `npm run fuzz [-- target] [seconds or runs] [fast]`: feeds what strangers may send to what reads it. `90s` is a time, for
// each target, `1000000` a number of runs. `fast` is three to five times as many runs, which notice every broken promise and
// panic, but not what unsafe code of a library does to memory. A stable toolchain is enough; `npm run hosts:setup -- fuzzer`
// installs the rest. What is found lies in `fuzz/artifacts`.
import { mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

import { CACHED } from './hosts/cache.mjs'
import { need } from './hosts/tools.mjs'
import { choose, ROOT, runSteps, runWith } from './steps.mjs'

const FUZZ = join(ROOT, 'fuzz')
const DEFAULT_LIMIT = '60s'
const FAST = 'fast'
const BOUNDS = ['-timeout=10', '-rss_limit_mb=1024', '-max_len=16384']
/** Threads that nobody waits for still hold their memory when a run ends: it would be taken for a leak. */
const THREADS_LEFT = ['-detect_leaks=0']

function fuzz(target, limit, sanitizer) {
  need(CACHED.cargoFuzz)
  // New inputs go into the first directory, so that what is committed stays small.
  const corpora = [join(FUZZ, 'target', 'corpus', target), join(FUZZ, 'corpus', target)]
  mkdirSync(corpora[0], { recursive: true })
  const end = limit.endsWith('s') ? `-max_total_time=${limit.slice(0, -1)}` : `-runs=${limit}`
  // The flags that coverage needs are unstable.
  const env = { ...process.env, RUSTC_BOOTSTRAP: '1' }
  const leaks = target === 'delta' ? THREADS_LEFT : []
  const command = ['run', '--sanitizer', sanitizer, target, ...corpora, '--', end, ...BOUNDS, ...leaks]
  runWith({ env, timeout: 0 }, CACHED.cargoFuzz, ...command)
}

const isLimit = (word) => /^\d+s?$/.test(word)
const words = process.argv.slice(2)
const limit = words.find(isLimit) ?? DEFAULT_LIMIT
const sanitizer = words.includes(FAST) ? 'none' : 'address'
const targets = readdirSync(join(FUZZ, 'fuzz_targets')).map((file) => basename(file, '.rs'))
const steps = targets.map((target) => [target, () => fuzz(target, limit, sanitizer)])
await runSteps(
  choose(
    steps,
    words.filter((word) => !isLimit(word) && word !== FAST),
  ),
)
