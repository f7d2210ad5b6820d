// What is promised of this package alone.
import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { column, mebibytes, milliseconds } from '../column.mjs'
import { measure } from '../process.mjs'
import { LARGE_MIB, SMALL_MIB } from '../release.mjs'
import { interleaved } from '../rounds.mjs'

const HUGE_MIB = 2048
const SIZES_MIB = [SMALL_MIB, 100, LARGE_MIB, HUGE_MIB]

const isOurs = ({ id }) => id === 'ours'

async function growth({ directory, place, rounds, contenders }) {
  const figures = {}
  for (const mib of SIZES_MIB) {
    const there = place(mib, mib === HUGE_MIB)
    const { ours } = await interleaved(rounds, contenders, (contender) =>
      measure(contender, 'job:stage', there),
    )
    figures[`growth${mib}`] = ours.growth
    // Disks are small.
    if (mib === HUGE_MIB) rmSync(join(directory, String(mib)), { recursive: true })
  }
  return { ours: { ...figures, worst: Math.max(...Object.values(figures)) } }
}

export const memory = {
  title: 'memory growth of stage(), by size',
  columns: SIZES_MIB.map((mib) => column(`${mib} MiB`, `growth${mib}`, mebibytes)),
  remark: `That of the others, for ${LARGE_MIB} MiB, is in the first table.`,
  isAbout: isOurs,
  run: growth,
}

export const exit = {
  title: 'process.exit() during a download',
  columns: [column('gone after', 'wall', milliseconds)],
  isAbout: isOurs,
  run: ({ place, rounds, contenders }) =>
    interleaved(rounds, contenders, (contender) => measure(contender, 'exit', place(LARGE_MIB))),
}
