// One measurement in a fresh process: node child.mjs CONTENDER TASK PLACE. The last line that it prints is the result.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'

import { application } from './application.mjs'
import { contender } from './contender.mjs'
import { longestHold } from './hold.mjs'
import { faultIn } from './memory.mjs'
import { median, meter } from './meter.mjs'

const [id, task, ...rest] = process.argv.slice(2)
const subject = contender(id)
const place = JSON.parse(rest[0] ?? '{}')
const ATTEMPTS = 50
const PAUSE_MS = 200

const jobOf = (name) => subject.jobs[name] ?? subject.jobs.stage

/** Ready to be run: what is not measured is done. */
async function prepared(name, client = application(place)) {
  const { prepare, run } = jobOf(name)
  const input = prepare ? await prepare(client) : client
  return () => run(input)
}

async function cpuOf(work) {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

async function job(name) {
  subject.load()
  const run = await prepared(name)
  await faultIn(place.size)
  return meter(run)
}

/** In a process of its own, because to watch the loop takes time. */
async function hold(name) {
  subject.load()
  return { hold: await longestHold(await prepared(name)) }
}

/** The first check, in full, and the CPU of one of those after it. */
async function checks() {
  subject.load()
  const check = await prepared('check')
  const first = await meter(check)
  const later = []
  for (let call = 0; call < place.calls; call++) later.push(await cpuOf(check))
  return { ...first, later: median(later) }
}

function about() {
  subject.load()
  return { version: subject.version(), modules: subject.modules?.(), files: subject.files?.() }
}

/** Says that it is ready, and waits for a word. */
async function ready(details = '') {
  process.stdout.write(`ready ${details}\n`)
  await once(process.stdin, 'data')
}

/** Many clients that begin at once, as the others do that wait for the same word. */
async function crowd() {
  subject.load()
  const clients = []
  for (let client = 0; client < place.clients; client++) clients.push(await prepared('stage'))
  await ready()
  const began = performance.now()
  const ended = clients.map((run) => run().then(() => performance.now() - began))
  process.stdin.unref()
  return { times: await Promise.all(ended) }
}

/** What an application does whose download fails: it begins again. */
async function persist() {
  subject.load()
  const client = application(place)
  const run = await prepared('stage', client)
  const began = performance.now()
  for (let attempts = 1; ; attempts++) {
    try {
      await run()
      return isWhole(client) ? { wall: performance.now() - began } : { cannot: 'takes a part for the whole' }
    } catch (error) {
      if (attempts === ATTEMPTS) throw error
      await sleep(PAUSE_MS)
    }
  }
}

/** Of those that hand out a file that nobody has verified. */
const isWhole = (client) => !subject.artifact || statSync(subject.artifact(client)).size === place.size

/** Tells which threads were there before anything was loaded. */
async function idle(state) {
  const threads = readdirSync('/proc/self/task')
  subject.load()
  subject.loadAll?.()
  if (state === 'checked') await (await prepared('check'))()
  await ready(threads.join(' '))
  process.stdin.unref()
  return {}
}

/** Starts a child that leaves in the middle of a download, and waits until it is gone. */
async function exit() {
  const args = [fileURLToPath(import.meta.url), id, 'leave', JSON.stringify(place)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let leftAt
  child.stdout.on('data', () => (leftAt ??= performance.now()))
  await once(child, 'exit')
  return { wall: performance.now() - leftAt }
}

async function leave() {
  const update = await subject.jobs.stage.prepare(application(place))
  const onProgress = ({ transferred }) => {
    if (transferred === 0) return
    process.stdout.write('leaving\n')
    process.exit(0)
  }
  await update.stage({ onProgress })
}

const TASKS = { job, hold, checks, about, crowd, persist, idle, exit, leave }
const [name, argument] = task.split(':')
const result = await TASKS[name](argument)
process.stdout.write(`\n${JSON.stringify(result)}\n`)
