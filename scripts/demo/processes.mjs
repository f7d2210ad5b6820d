// Programs: run to their end, or kept running and ended with the demonstration.

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const HANG_MS = 60_000
/** Process ids. */
const running = new Set()

/** Runs a program to its end and gives what it wrote to standard output. */
export function run(program, args, { show = false, ...options } = {}) {
  const stdio = show ? 'inherit' : ['ignore', 'pipe', 'pipe']
  const result = spawnSync(program, args, { stdio, encoding: 'utf8', maxBuffer: 1 << 24, ...options })
  if (result.status === 0) return result.stdout
  const reason = result.error?.message ?? `exit code ${result.status}`
  throw new Error(`${program} ${args.join(' ')}: ${reason}\n${result.stdout ?? ''}${result.stderr ?? ''}`)
}

function start(program, args, options) {
  const child = spawn(program, args, options)
  adopt(child.pid)
  child.once('exit', () => running.delete(child.pid))
  return child
}

/** Has `stopAll` end this process too. */
export function adopt(pid) {
  if (pid !== undefined) running.add(pid)
}

/** Starts a program and waits for its first line. */
export async function startServer(program, args, options) {
  const child = start(program, args, { ...options, stdio: ['ignore', 'pipe', 'ignore'] })
  child.stdout.setEncoding('utf8')
  return within('the server’s first line', (resolve, reject) => {
    let text = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}`)))
    child.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
  })
}

/** Runs a program until it and everything that holds its output have ended; `onText` sees that output as it comes. */
export async function watch(program, options, onText) {
  const child = start(program, [], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8')
    child[name].on('data', (chunk) => {
      output[name] += chunk
      onText(chunk)
    })
  }
  const code = await within('the application’s end', (resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, ...output }
}

/** Waits until `find` gives something. */
export async function eventually(what, find) {
  const deadline = performance.now() + HANG_MS
  for (;;) {
    const found = find()
    if (found) return found
    if (performance.now() > deadline) throw new Error(`waited too long for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Waits until a process is gone. */
export async function ended(pid) {
  await eventually(`the end of process ${pid}`, () => !isAlive(pid))
  running.delete(pid)
}

export function stopAll() {
  for (const pid of running) if (isAlive(pid)) process.kill(pid)
}

/** One that has ended stays listed as long as nobody asks for its exit code, and in a container nobody may. */
function isAlive(pid) {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return false
    throw error
  }
}

function within(what, executor) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), HANG_MS)
    executor(
      (value) => (clearTimeout(timer), resolve(value)),
      (error) => (clearTimeout(timer), reject(error)),
    )
  })
}
