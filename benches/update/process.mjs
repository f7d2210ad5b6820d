// The processes that measure.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const CHILD = join(import.meta.dirname, 'child.mjs')
// Far more than any takes.
const LIMIT_MS = 300_000

const READY = /^ready (.*)\n/m

/** Starts a task; `ready` resolves to what it says when it is ready, and `result` when it is over. */
export function start(contender, task, place) {
  const args = [CHILD, contender.id, task, JSON.stringify(place)]
  const env = { ...process.env, ...place.environment }
  const child = spawn(process.execPath, args, { stdio: 'pipe', timeout: LIMIT_MS, env })
  let printed = ''
  let failed = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (failed = `${failed}${text}`.slice(-4000)))
  const ready = new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed = `${printed}${text}`.slice(-100_000)
      const said = READY.exec(printed)
      if (said) resolve(said[1])
    })
  })
  const result = once(child, 'close').then(([status, signal]) => {
    if (status === 0) return JSON.parse(printed.trimEnd().split('\n').at(-1))
    throw new Error(`${contender.title}, ${task}: ended with ${signal ?? status}\n${failed}`)
  })
  // Whoever waits for `ready` must learn that the process is gone.
  const isReady = Promise.race([ready, result])
  isReady.catch(() => {})
  return { pid: child.pid, ready: isReady, result, go: () => child.stdin.write('go\n') }
}

export const measure = (contender, task, place) => start(contender, task, place).result
