// How small deltas are, and what they cost, beside what electron-updater and zstd make of the same change.
// `npm run bench:delta` prints it and writes DELTA.md; with words of a pair's title it measures only those again.
// BENCH_DELTA_LARGE=1 adds 500 MB images, and BENCH_ROUNDS tells how often a delta is applied; the median counts.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { need } from '../scripts/hosts/tools.mjs'
import { choose, runSteps } from '../scripts/steps.mjs'
import { artifact } from './delta/artifact.mjs'
import { buildProgram } from './delta/engine.mjs'
import { CACHE } from './delta/package.mjs'
import { PAIRS } from './delta/pair.mjs'
import { blockmapBytes, patchFromBytes } from './delta/peer.mjs'
import { measure } from './delta/process.mjs'
import { report, summary } from './delta/report.mjs'
import { Record } from './record.mjs'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)
// It is over so soon that its peak is often missed.
const BASELINE_ROUNDS = 20
const isLargeWanted = Boolean(process.env.BENCH_DELTA_LARGE)
const RECIPES = ['pair.mjs', 'packing.mjs'].map((name) => join(import.meta.dirname, 'delta', name))

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

let program
let baseline
let record

async function setUp() {
  need('bash', 'cp', 'tar')
  program = buildProgram()
  record = new Record(join(CACHE, 'results.json'), [program, ...RECIPES])
  const runs = []
  for (let round = 0; round < BASELINE_ROUNDS; round++) runs.push(await measure(program, '--help'))
  baseline = Math.max(...runs.map(({ peak }) => peak))
}

async function compare({ old: before, new: after, packing, isLarge }, directory) {
  const [old, fresh] = [before, after].map((content) => artifact(content, packing))
  const delta = join(directory, 'delta')
  const create = await measure(program, 'delta', 'create', old, fresh, '--unsigned', '--out', delta)
  return {
    full: statSync(fresh).size,
    delta: statSync(delta).size,
    create,
    apply: await applyOften(old, delta, fresh, directory),
    blockmap: blockmapBytes(old, fresh),
    patchFrom: isLarge ? undefined : patchFromBytes(old, fresh),
  }
}

async function applyOften(old, delta, fresh, directory) {
  const runs = []
  for (let round = 0; round < ROUNDS; round++) {
    const made = join(directory, 'made')
    runs.push(await measure(program, 'delta', 'apply', old, delta, made))
    if (!readFileSync(made).equals(readFileSync(fresh))) throw new Error('the delta made another artifact')
    rmSync(made)
  }
  return {
    cpu: median(runs.map(({ cpu }) => cpu)),
    wall: median(runs.map(({ wall }) => wall)),
    growth: Math.max(...runs.map(({ peak }) => peak)) - baseline,
  }
}

async function measurePair(pair) {
  if (!record) await setUp()
  record.set(pair.title, undefined)
  const directory = mkdtempSync(join(tmpdir(), 'updater-delta-'))
  try {
    const result = await compare(pair, directory)
    console.log(summary(result))
    record.set(pair.title, result)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function writeReport() {
  const text = report(PAIRS.map((pair) => ({ ...pair, ...record.get(pair.title) })))
  console.log(`\n${text}`)
  writeFileSync(join(import.meta.dirname, 'DELTA.md'), text)
}

const steps = PAIRS.filter(({ isLarge }) => isLargeWanted || !isLarge).map((pair) => [
  pair.title,
  () => measurePair(pair),
])
await runSteps(choose(steps, process.argv.slice(2)), false)
if (!process.exitCode) writeReport()
