// What a program takes: time of its own, time of ours, and memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

// The program gets the number of a process that is known before it starts: it may be over within a millisecond.
// Without the braces and the exit bash takes shortcuts around its own clock.
const TIMED = 'TIMEFORMAT="%U %S %R"; time { (echo $BASHPID; read -r; exec "$@" </dev/null >&2); }; exit $?'
/** As long as this a program is watched without a pause: its peak may be its end. */
const BUSY_MS = 50
const PAUSE_MS = 2

/** Runs a program; gives `cpu` and `wall` in seconds, and `peak` memory in bytes. Throws unless it succeeds. */
export async function measure(program, ...args) {
  const env = { ...process.env, LC_ALL: 'C' }
  const child = spawn('bash', ['-c', TIMED, 'bash', program, ...args], { env })
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (printed += text))
  const closed = once(child, 'close')
  const [pid] = await once(child.stdout, 'data')
  child.stdin.end('\n')
  const peak = await peakMemory(Number(pid))
  const [status, signal] = await closed
  if (status !== 0)
    throw new Error(`${[program, ...args].join(' ')} ended with ${signal ?? status}:\n${printed}`)
  const [user, system, wall] = printed.trimEnd().split('\n').at(-1).split(' ').map(Number)
  return { cpu: user + system, wall, peak }
}

async function peakMemory(pid) {
  const busyUntil = performance.now() + BUSY_MS
  let peak = 0
  for (let status; (status = memoryOf(pid)); peak = Math.max(peak, status.peak))
    if (performance.now() > busyUntil) await setTimeout(PAUSE_MS)
  return peak
}

/** Undefined for a process that has ended. Of the shell that the program takes the place of, nothing counts. */
function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const kib = /VmHWM:\s+(\d+)/.exec(status)?.[1]
    return kib && { peak: status.startsWith('Name:\tbash') ? 0 : Number(kib) * 1024 }
  } catch {
    return undefined
  }
}
