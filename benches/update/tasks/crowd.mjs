import { column, milliseconds } from '../column.mjs'
import { median } from '../meter.mjs'
import { start } from '../process.mjs'
import { SMALL_MIB } from '../release.mjs'
import { interleaved } from '../rounds.mjs'

const PROCESSES = 4
const CLIENTS = 25

async function crowdOf(contender, place) {
  const task = { ...place, clients: CLIENTS }
  const processes = Array.from({ length: PROCESSES }, () => start(contender, 'crowd', task))
  await Promise.all(processes.map(({ ready }) => ready))
  for (const { go } of processes) go()
  const results = await Promise.all(processes.map(({ result }) => result))
  const all = results.flatMap(({ times }) => times)
  const [longest, middle] = [Math.max(...all), median(all)]
  return { longest, middle, spread: longest / middle }
}

export const crowd = {
  title: `${PROCESSES * CLIENTS} clients at once, ${SMALL_MIB} MiB each`,
  columns: [
    column('longest', 'longest', milliseconds),
    column('median', 'middle', milliseconds),
    column('longest ÷ median', 'spread'),
  ],
  notes: 'stage',
  whyNot: (contender) => (contender.id === 'curl' ? 'curl is a process of its own' : undefined),
  run: ({ place, rounds, contenders }) =>
    interleaved(rounds, contenders, (contender) => crowdOf(contender, place(SMALL_MIB))),
}
