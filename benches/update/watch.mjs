// What processes do that have nothing to do.
import { readFileSync, readdirSync } from 'node:fs'

const WAITS = /^voluntary_ctxt_switches:\s+(\d+)/m

/** The main thread of a process and all but those that are known, each with how often it went to sleep. */
function sleepsOf({ pid, known }) {
  const tasks = readdirSync(`/proc/${pid}/task`).filter(
    (task) => task === String(pid) || !known.includes(task),
  )
  const sleeps = (task) => WAITS.exec(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8'))[1]
  return new Map(tasks.map((task) => [task, Number(sleeps(task))]))
}

/**
 * Watches processes for a time: how many threads each has above those that are known, and how often these and the main
 * thread wake up. What the others do, which are of Node.js, is to collect garbage.
 */
export async function watch(processes, time) {
  const before = processes.map(sleepsOf)
  await time()
  return processes.map((process, at) => {
    const after = sleepsOf(process)
    const wakeups = [...after].map(([task, sleeps]) => sleeps - (before[at].get(task) ?? 0))
    return { threads: after.size - 1, wakeups: wakeups.reduce((sum, count) => sum + count, 0) }
  })
}
