// Running what the README says, as the reader would.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

const HANG_MS = 90_000

/** Runs a program to its end. `onOutput` sees all output so far whenever more comes, and the running program. */
export async function run(program, args, { onStart = () => {}, onOutput = () => {}, ...options }) {
  const child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  onStart(child)
  const result = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8')
    child[name].on('data', (data) => {
      result[name] += data
      onOutput(result[name], child)
    })
  }
  const hang = setTimeout(() => child.kill('SIGKILL'), HANG_MS)
  const [code] = await once(child, 'close')
  clearTimeout(hang)
  return { ...result, code }
}

/** Runs a program until `ready` resolves, then ends it and all that it has started. */
export async function runWhile(program, args, options, ready) {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (data) => (stderr += data))
  const closed = once(child, 'close')
  const early = closed.then(([code]) => {
    throw new Error(`${args.join(' ')}: ended by itself with code ${code}: ${stderr}`)
  })
  try {
    await Promise.race([ready(), early])
  } finally {
    if (child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
    await closed
  }
}

/** Calls until the result is truthy. */
export async function eventually(attempt) {
  const deadline = performance.now() + HANG_MS
  for (;;) {
    const result = await attempt()
    if (result) return result
    if (performance.now() > deadline) throw new Error('waited too long')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
