import { column, milliseconds } from '../column.mjs'
import { medians } from '../meter.mjs'
import { measure } from '../process.mjs'
import { relay } from '../relay.mjs'
import { byWayOf, SMALL_MIB } from '../release.mjs'
import { whyNot } from './job.mjs'

const CUTS = 5

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
    const there = byWayOf(place, link.url, `${contender.id}-${round}.json`)
    const figures = await measure(contender, 'persist', there)
    return { ...figures, share: link.passed() / place.size }
  } finally {
    link.stop()
  }
}

export const cuts = {
  title: `a slow link, cut ${CUTS} times`,
  columns: [
    column('fetched ÷ artifact', 'share', (value) => value.toFixed(4)),
    column('time', 'wall', milliseconds),
  ],
  notes: 'stage',
  whyNot: whyNot('stage'),
  run: cutOften,
}
