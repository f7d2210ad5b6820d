// `npm run bench:micro [-- words]`: what reading a manifest, verifying a signature and unpacking a bundle take, apart from
// everything around them. The words are Criterion's: `manifest` measures that alone, `--test` does everything once.
import { join } from 'node:path'

import { ROOT, runSteps, runWith } from '../scripts/steps.mjs'

const MANIFEST = join(ROOT, 'benches', 'micro', 'Cargo.toml')

function measure() {
  // Opens what is measured; see src/fuzzing.rs.
  const env = { ...process.env, RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} --cfg fuzzing` }
  const words = process.argv.slice(2)
  // To do everything once takes less time than to optimise it.
  const profile = words.includes('--test') ? ['--profile', 'dev'] : []
  runWith({ env }, 'cargo', 'bench', '--locked', ...profile, '--manifest-path', MANIFEST, '--', ...words)
}

await runSteps([['micro-benchmarks', measure]])
