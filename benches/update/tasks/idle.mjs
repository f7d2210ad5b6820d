import { setTimeout as sleep } from 'node:timers/promises'

import { column, whole } from '../column.mjs'
import { medians } from '../meter.mjs'
import { start } from '../process.mjs'
import { SMALL_MIB } from '../release.mjs'
import { mapped } from '../rounds.mjs'
import { watch } from '../watch.mjs'

/** Until the garbage collector of Node.js has tidied up what starting has left. */
const SETTLE_MS = 9000
const WATCHED_MS = 5000

/** All at once: nobody does anything. */
async function idleOften({ place, rounds, contenders }) {
  const states = contenders.flatMap(({ id }) => ['loaded', 'checked'].map((state) => ({ id, state })))
  const byId = new Map(contenders.map((contender) => [contender.id, contender]))
  const results = Object.fromEntries(contenders.map(({ id }) => [id, []]))
  for (let round = 0; round < rounds; round++) {
    const there = place(SMALL_MIB)
    const seen = await watchAll(states.map(({ id, state }) => start(byId.get(id), `idle:${state}`, there)))
    for (const { id } of contenders) {
      const [{ threads, wakeups }, later] = seen.filter((_, at) => states[at].id === id)
      results[id].push({ threads, wakeups, threadsLater: later.threads, wakeupsLater: later.wakeups })
    }
  }
  return mapped(results, medians)
}

async function watchAll(processes) {
  const known = await Promise.all(processes.map(({ ready }) => ready))
  await sleep(SETTLE_MS)
  const watched = processes.map(({ pid }, at) => ({ pid, known: known[at].split(' ') }))
  const seen = await watch(watched, () => sleep(WATCHED_MS))
  for (const { go } of processes) go()
  await Promise.all(processes.map(({ result }) => result))
  return seen
}

export const idle = {
  title: 'an idle application',
  columns: [
    column('threads', 'threads', whole),
    column(`wake-ups in ${WATCHED_MS / 1000} s`, 'wakeups', whole),
    column('threads after a check', 'threadsLater', whole),
    column('wake-ups after a check', 'wakeupsLater', whole),
  ],
  whyNot: (contender) => contender.cannot?.idle,
  run: idleOften,
}
