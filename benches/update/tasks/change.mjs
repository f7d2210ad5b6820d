import { smallChange } from '../change.mjs'
import { column, CPU, GROWTH, WALL, whole } from '../column.mjs'
import { measure } from '../process.mjs'
import { interleaved } from '../rounds.mjs'
import { whyNot } from './job.mjs'

const NO_BLOCKMAP = 'app-builder-bin, which makes blockmaps, is not here'

function changeOften({ directory, rounds, contenders, server }) {
  const place = smallChange(directory, server.url)
  return interleaved(rounds, contenders, async (contender) => {
    if (contender.jobs.change && !place.oldBlockmap) return { cannot: NO_BLOCKMAP }
    server.sent(/./)
    const figures = await measure(contender, 'job:change', place)
    const bytes = server.sent(/App/)
    return { ...figures, bytes, share: (bytes * 100) / place.size }
  })
}

export const change = {
  title: 'an update in which little changed',
  columns: [
    column('fetched', 'bytes', (value) => `${whole(value)} B`),
    column('of the artifact', 'share', (value) => `${value.toFixed(2)} %`),
    WALL,
    CPU,
    GROWTH,
  ],
  notes: 'change',
  whyNot: whyNot('stage'),
  run: changeOften,
}
