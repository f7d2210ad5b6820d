// What an update costs the application, beside what others would take for the same work.
// `npm run bench` prints it and writes RESULTS.md and results.svg; with words of a title it measures only those again.
// BENCH_ROUNDS tells how often, the median counts; with fewer than 5 nothing is written.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { find, need } from '../scripts/hosts/tools.mjs'
import { choose, ROOT, runSteps } from '../scripts/steps.mjs'
import { Record } from './record.mjs'
import { addon, needAddon } from './update/addon.mjs'
import { picture } from './update/chart.mjs'
import { CONTENDERS } from './update/contender.mjs'
import { install } from './update/installed.mjs'
import { installPeers, LOCK } from './update/peer.mjs'
import { measure } from './update/process.mjs'
import { makeKey, places } from './update/release.mjs'
import { report, tableOf } from './update/report.mjs'
import { serve } from './update/server.mjs'
import { inTable, TASKS, whyNot } from './update/task.mjs'

const LEAST_ROUNDS = 5
const rounds = Number(process.env.BENCH_ROUNDS ?? LEAST_ROUNDS)
const isWritten = rounds >= LEAST_ROUNDS
const CACHE = join(import.meta.dirname, '.cache', 'update', 'results.json')
const UPDATE = join(import.meta.dirname, 'update')
const RECIPES = [
  ...readdirSync(UPDATE, { recursive: true })
    .toSorted()
    .map((name) => join(UPDATE, name)),
  ...['loader.js', 'search.js', 'index.js'].map((name) => join(ROOT, name)),
].filter((path) => statSync(path).isFile())

const results = {}
let bench
let contenders
let record

/** A contender, with its version, or why it is missing. */
async function inspect(contender) {
  try {
    const { version, modules, files } = await measure(contender, 'about', {})
    return { ...contender, version, loads: modules, shipped: files }
  } catch (error) {
    const reason = /Error: (.*)/.exec(error.message)?.[1] ?? error.message
    return { ...contender, missing: `it does not load here: ${reason}` }
  }
}

async function setUp() {
  need('nginx', 'openssl', 'curl', 'bash', 'sync')
  needAddon()
  install()
  installPeers()
  contenders = await Promise.all(CONTENDERS.map(inspect))
  record = new Record(CACHE, [addon(), LOCK, ...RECIPES])
  const directory = mkdtempSync(join(tmpdir(), 'updater-bench-'))
  bench = { directory, rounds }
  makeKey(directory)
  bench.server = await serve(directory)
  bench.place = places(directory, bench.server.url)
}

function tidyUp() {
  bench?.server?.stop()
  if (bench) rmSync(bench.directory, { recursive: true, force: true })
}

async function take(id) {
  if (!bench) await setUp()
  const task = TASKS[id]
  if (isWritten) record.set(id, undefined)
  const able = inTable(task, contenders).filter((contender) => !whyNot(task, contender))
  results[id] = await task.run({ ...bench, contenders: able })
  console.log(tableOf(task, results[id], contenders))
  if (isWritten) record.set(id, results[id])
}

function writeReport() {
  if (isWritten) for (const id of Object.keys(TASKS)) results[id] = record.get(id)
  const nginx = spawnSync(find('nginx'), ['-v'], { encoding: 'utf8' }).stderr.trim().split(': ').at(-1)
  const text = report({ tasks: TASKS, results, contenders, rounds, nginx })
  console.log(`\n${text}`)
  if (!isWritten) return
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
  writeFileSync(join(import.meta.dirname, 'results.svg'), picture(results, contenders))
}

const steps = Object.entries(TASKS).map(([id, { title }]) => [title, () => take(id)])
try {
  await runSteps(choose(steps, process.argv.slice(2)), false)
  if (!process.exitCode) writeReport()
} finally {
  tidyUp()
}
