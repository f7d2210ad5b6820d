// One of the jobs, on a large artifact.
import { CPU, GROWTH, HOLD, WALL, ratio } from '../column.mjs'
import { measure } from '../process.mjs'
import { interleaved } from '../rounds.mjs'
import { LARGE_MIB } from '../release.mjs'

export const whyNot = (job) => (contender) => (contender.jobs[job] ? undefined : contender.cannot[job])

/** The figures of a task, and the longest hold of the loop by a job. */
export async function withHold(contender, task, job, place) {
  return { ...(await measure(contender, task, place)), ...(await measure(contender, `hold:${job}`, place)) }
}

const job = (title, name, perWall = [], perCpu = []) => ({
  title,
  notes: name,
  columns: [WALL, ...perWall, CPU, ...perCpu, GROWTH, HOLD],
  whyNot: whyNot(name),
  run: ({ place, rounds, contenders }) =>
    interleaved(rounds, contenders, (contender) =>
      withHold(contender, `job:${name}`, name, place(LARGE_MIB)),
    ),
})

const PER_PUBLISHED = [ratio('÷ 0.2.x', 'wall', 'published')]

export const stage = job(
  `stage() of ${LARGE_MIB} MiB, or what comes next to it`,
  'stage',
  [ratio('÷ curl', 'wall', 'curl')],
  [ratio('÷ curl', 'cpu', 'curl')],
)
export const install = job('install() of what was staged', 'install staged')
export const both = job(`downloadAndInstall() of ${LARGE_MIB} MiB`, 'download and install', PER_PUBLISHED)
export const download = job(`download() of ${LARGE_MIB} MiB into memory`, 'download', PER_PUBLISHED)
export const bytes = job(`install() of ${LARGE_MIB} MiB from memory`, 'install bytes', PER_PUBLISHED)
