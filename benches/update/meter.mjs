// What a piece of work costs the process that does it.
import { readFileSync, writeFileSync } from 'node:fs'

const RESET_PEAK = '5'

const kib = (name) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1])

/** Memory in use; from now on the peak is what comes after. */
function startPeak() {
  writeFileSync('/proc/self/clear_refs', RESET_PEAK)
  return kib('VmRSS')
}

/**
 * Milliseconds of `wall` and of `cpu` of all threads, and the `growth` of peak memory in MiB. The work can tell better, of a
 * process of its own.
 */
export async function meter(work) {
  const before = startPeak()
  const cpu = process.cpuUsage()
  const began = performance.now()
  const better = await work()
  const wall = performance.now() - began
  const used = process.cpuUsage(cpu)
  const growth = (kib('VmHWM') - before) / 1024
  const own = { wall, cpu: (used.user + used.system) / 1000, growth }
  return better?.wall === undefined ? own : { ...own, ...better }
}

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** The median of each figure of several runs; who failed once, cannot. */
export function medians(runs) {
  const failed = runs.find(({ cannot }) => cannot)
  if (failed) return failed
  const names = Object.keys(runs[0]).filter((name) => runs[0][name] !== undefined)
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name]))]))
}
