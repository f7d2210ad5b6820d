// What it costs to have it at all.
import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { column, megabytes, preciseMilliseconds, ratio } from '../column.mjs'
import { interleaved, mapped } from '../rounds.mjs'

/** One takes no time, and varies. */
const LOADS_PER_ROUND = 8

/** The time that it takes in a process that has loaded nothing else. */
function timeOf(modules) {
  const program = join(import.meta.dirname, '..', 'load.cjs')
  return Number(execFileSync(process.execPath, [program, ...modules], { encoding: 'utf8' }))
}

function loadOnce({ loads, shipped }) {
  const addons = shipped.filter((path) => path.endsWith('.node'))
  return { wall: timeOf(loads), alone: addons.length > 0 ? timeOf(addons) : undefined }
}

export const load = {
  title: 'require() in a fresh process',
  columns: [
    column('time', 'wall', preciseMilliseconds),
    ratio('÷ 0.2.x', 'wall', 'published'),
    column('of the addon alone', 'alone', preciseMilliseconds),
  ],
  notes: 'require',
  whyNot: (contender) => contender.cannot?.require,
  run: ({ rounds, contenders }) => interleaved(rounds * LOADS_PER_ROUND, contenders, loadOnce),
}

function bytesOf(path) {
  const status = lstatSync(path)
  if (!status.isDirectory()) return status.size
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}

export const size = {
  title: 'size of what an application ships',
  columns: [column('size', 'bytes', megabytes), ratio('÷ 0.2.x', 'bytes', 'published')],
  notes: 'size',
  whyNot: (contender) => contender.cannot?.size,
  run({ contenders }) {
    const shipped = Object.fromEntries(contenders.map(({ id, shipped }) => [id, shipped]))
    return mapped(shipped, (paths) => ({ bytes: paths.reduce((sum, path) => sum + bytesOf(path), 0) }))
  },
}
