// What is measured, by id: `title`, `columns`, `whyNot` (tells why a contender cannot be measured), and `run`, which gives
// the figures of each that can.
import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { smallChange } from './change.mjs'
import { watch } from './idle.mjs'
import { median, medians } from './meter.mjs'
import { measure, start } from './process.mjs'
import { relay } from './relay.mjs'
import { byWayOf, release } from './release.mjs'

const BIG_MIB = 500
const SMALL_MIB = 10
const HUGE_MIB = 2048
const SIZES_MIB = [SMALL_MIB, 100, BIG_MIB, HUGE_MIB]
const CALLS = 200
const LEAST_LOADS = 15
const CROWD_PROCESSES = 4
const CROWD_CLIENTS = 25
const CUTS = 5
/** After the garbage collector of Node.js has been at work for the last time. */
const SETTLE_MS = 9000
const WATCHED_MS = 5000

const milliseconds = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`
const mebibytes = (value) => `${value.toFixed(1)} MiB`
const megabytes = (value) => `${(value / 1e6).toFixed(2)} MB`
const times = (value) => value.toFixed(2)
const whole = (value) => Math.round(value).toLocaleString('en-US')
const precise = (value) => value.toFixed(4)

const column = (head, metric, show) => ({ head, metric, show })
/** What a figure is, divided by that of another contender. */
const ratio = (head, metric, per) => ({ head, metric, per, show: times })

const WALL = column('time', 'wall', milliseconds)
const CPU = column('CPU', 'cpu', milliseconds)
const GROWTH = column('memory growth', 'growth', mebibytes)
const HOLD = column('longest hold', 'hold', milliseconds)
const PER_CURL = [ratio('÷ curl', 'wall', 'curl'), ratio('CPU ÷ curl', 'cpu', 'curl')]
const PER_PUBLISHED = [ratio('÷ 0.2.x', 'wall', 'published')]

const needJob = (job) => (contender) => (contender.jobs[job] ? undefined : contender.cannot[job])
const onlyOurs = (reason) => (contender) => (contender.id === 'ours' ? undefined : reason)

/** The medians of interleaved rounds: `runs` has a function for each contender. */
async function interleaved(rounds, runs) {
  const results = Object.fromEntries(Object.keys(runs).map((id) => [id, []]))
  for (let round = 0; round < rounds; round++)
    for (const [id, run] of Object.entries(runs)) results[id].push(await run())
  return mapped(results, medians)
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]))

const each = (contenders, run) =>
  Object.fromEntries(contenders.map((contender) => [contender.id, () => run(contender)]))

const job = (title, name, ...columns) => ({
  title,
  notes: name,
  columns: [
    WALL,
    ...columns.filter(({ metric }) => metric === 'wall'),
    CPU,
    ...columns.filter(({ metric }) => metric === 'cpu'),
    GROWTH,
    HOLD,
  ],
  whyNot: needJob(name),
  run: ({ place, rounds, contenders }) =>
    interleaved(
      rounds,
      each(contenders, (contender) => measure(contender, `job:${name}`, place(BIG_MIB))),
    ),
})

const check = {
  title: 'checkUpdate(): the first call of a process, and later ones',
  columns: [
    column('first: time', 'wall', milliseconds),
    column('first: CPU', 'cpu', milliseconds),
    HOLD,
    column('later: CPU', 'later', (value) => `${value.toFixed(2)} ms`),
    ratio('÷ fetch and json()', 'later', 'fetch'),
  ],
  notes: 'check',
  whyNot: needJob('check'),
  run: ({ place, rounds, contenders }) =>
    interleaved(
      rounds,
      each(contenders, (contender) => measure(contender, 'checks', { ...place(SMALL_MIB), calls: CALLS })),
    ),
}

async function memory({ directory, place, rounds, contenders }) {
  const [contender] = contenders
  const figures = {}
  for (const mib of SIZES_MIB) {
    const there = place(mib, mib === HUGE_MIB)
    const runs = await interleaved(rounds, { ours: () => measure(contender, 'job:stage', there) })
    figures[`growth${mib}`] = runs.ours.growth
    if (mib === HUGE_MIB) rmSync(join(directory, String(mib)), { recursive: true })
  }
  return { ours: { ...figures, worst: Math.max(...Object.values(figures)) } }
}

/** Interleaved, and more often where a run takes no time. */
const load = ({ rounds, contenders }) =>
  interleaved(
    Math.max(rounds, LEAST_LOADS),
    each(contenders, (contender) => measure(contender, 'load', {})),
  )

function bytesOf(path) {
  const status = lstatSync(path)
  if (!status.isDirectory()) return status.size
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}

const size = ({ contenders }) =>
  Object.fromEntries(
    contenders.map(({ id, shipped }) => [
      id,
      { bytes: shipped.reduce((sum, path) => sum + bytesOf(path), 0) },
    ]),
  )

async function crowdOf(contender, place) {
  const task = { ...place, clients: CROWD_CLIENTS }
  const processes = Array.from({ length: CROWD_PROCESSES }, () => start(contender, 'crowd', task))
  await Promise.all(processes.map(({ ready }) => ready))
  for (const { go } of processes) go()
  const results = await Promise.all(processes.map(({ result }) => result))
  const all = results.flatMap(({ times }) => times)
  const [longest, middle] = [Math.max(...all), median(all)]
  return { longest, middle, spread: longest / middle }
}

const crowd = ({ place, rounds, contenders }) =>
  interleaved(
    rounds,
    each(contenders, (contender) => crowdOf(contender, place(SMALL_MIB))),
  )

/** All rounds at once, each on a link of its own: it is the link that they wait for. */
async function cutOften({ place, rounds, contenders, server }) {
  const there = place(SMALL_MIB)
  const links = contenders.map(async (contender) => {
    const runs = Array.from({ length: rounds }, (_, round) => cutOf(contender, there, server.port, round))
    return [contender.id, medians(await Promise.all(runs))]
  })
  return Object.fromEntries(await Promise.all(links))
}

async function cutOf(contender, place, port, round) {
  const cuts = Array.from({ length: CUTS }, (_, at) => Math.round((place.size * (at + 1)) / (CUTS + 1)))
  const link = await relay(port, cuts)
  try {
    const figures = await measure(
      contender,
      'persist',
      byWayOf(place, link.url, `${contender.id}-${round}.json`),
    )
    return { ...figures, share: link.passed() / place.size }
  } finally {
    link.stop()
  }
}

async function idle({ place, rounds, contenders }) {
  const states = contenders.flatMap((contender) =>
    ['loaded', 'checked'].map((state) => ({ contender, state })),
  )
  const results = Object.fromEntries(contenders.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    const seen = await watchAll(states, place(SMALL_MIB))
    for (const { id } of contenders) {
      const [{ threads, wakeups }, later] = seen.filter(({ contender }) => contender.id === id)
      results[id].push({ threads, wakeups, threadsLater: later.threads, wakeupsLater: later.wakeups })
    }
  }
  return mapped(results, medians)
}

async function watchAll(states, place) {
  const processes = states.map(({ contender, state }) => start(contender, `idle:${state}`, place))
  const known = await Promise.all(processes.map(({ ready }) => ready))
  await sleep(SETTLE_MS)
  const figures = await watch(
    processes.map(({ pid }, at) => ({ pid, known: known[at].split(' ') })),
    () => sleep(WATCHED_MS),
  )
  for (const { go } of processes) go()
  await Promise.all(processes.map(({ result }) => result))
  return states.map(({ contender }, at) => ({ contender, ...figures[at] }))
}

async function change({ directory, rounds, contenders, server }) {
  const place = smallChange(directory, server.url)
  return interleaved(
    rounds,
    each(contenders, async (contender) => {
      server.sent(/./)
      const figures = await measure(contender, 'job:change', place)
      const bytes = server.sent(/App/)
      return { ...figures, bytes, share: (bytes * 100) / place.size }
    }),
  )
}

const exit = ({ place, rounds, contenders }) =>
  interleaved(
    rounds,
    each(contenders, (contender) => measure(contender, 'exit', place(BIG_MIB))),
  )

export const TASKS = {
  stage: job(`stage() of ${BIG_MIB} MiB, or what comes next to it`, 'stage', ...PER_CURL),
  install: job('install() of what was staged', 'install staged'),
  both: job(`downloadAndInstall() of ${BIG_MIB} MiB`, 'download and install', ...PER_PUBLISHED),
  download: job(`download() of ${BIG_MIB} MiB into memory`, 'download', ...PER_PUBLISHED),
  bytes: job(`install() of ${BIG_MIB} MiB from memory`, 'install bytes', ...PER_PUBLISHED),
  check,
  memory: {
    title: 'memory growth of stage(), by size',
    columns: SIZES_MIB.map((mib) => column(`${mib} MiB`, `growth${mib}`, mebibytes)),
    whyNot: onlyOurs(`in the table of ${BIG_MIB} MiB`),
    run: memory,
  },
  load: {
    title: 'require() in a fresh process',
    columns: [column('time', 'wall', (value) => `${value.toFixed(2)} ms`), ...PER_PUBLISHED],
    notes: 'require',
    whyNot: (contender) => contender.cannot?.require,
    run: load,
  },
  size: {
    title: 'size of what an application ships',
    columns: [column('size', 'bytes', megabytes), ratio('÷ 0.2.x', 'bytes', 'published')],
    notes: 'size',
    whyNot: (contender) => contender.cannot?.size,
    run: size,
  },
  crowd: {
    title: `${CROWD_PROCESSES * CROWD_CLIENTS} clients at once, ${SMALL_MIB} MiB each`,
    columns: [
      column('longest', 'longest', milliseconds),
      column('median', 'middle', milliseconds),
      column('longest ÷ median', 'spread', times),
    ],
    notes: 'stage',
    whyNot: (contender) => (contender.id === 'curl' ? 'curl is a process of its own' : undefined),
    run: crowd,
  },
  cuts: {
    title: `a slow link, cut ${CUTS} times`,
    columns: [column('fetched ÷ artifact', 'share', precise), column('time', 'wall', milliseconds)],
    notes: 'stage',
    whyNot: needJob('stage'),
    run: cutOften,
  },
  idle: {
    title: 'an idle application',
    columns: [
      column('threads', 'threads', whole),
      column(`wake-ups in ${WATCHED_MS / 1000} s`, 'wakeups', whole),
      column('threads after a check', 'threadsLater', whole),
      column('wake-ups after a check', 'wakeupsLater', whole),
    ],
    whyNot: (contender) => contender.cannot?.idle,
    run: idle,
  },
  change: {
    title: 'an update in which little changed',
    columns: [
      column('fetched', 'bytes', (value) => `${whole(value)} B`),
      column('of the artifact', 'share', (value) => `${value.toFixed(2)} %`),
      WALL,
      CPU,
      GROWTH,
    ],
    notes: 'change',
    whyNot: needJob('stage'),
    run: change,
  },
  exit: {
    title: 'process.exit() during a download',
    columns: [column('gone after', 'wall', milliseconds)],
    whyNot: onlyOurs('about what is promised here alone'),
    run: exit,
  },
}

/** Makes releases when they are first wanted. */
export function places(directory, url) {
  const known = new Map()
  return (mib, isOursAlone = false) => {
    if (!known.has(mib)) known.set(mib, release(directory, url, mib, { isOursAlone }))
    return known.get(mib)
  }
}
