// What `npm test`, `npm run hosts:setup` and `npm run test:hosts` share: steps that pass, fail, or are skipped where a tool
// is missing.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const ROOT = dirname(import.meta.dirname)

// Far more than any program here takes: what hangs must not take the steps after it along.
const LIMIT_MS = 40 * 60_000
const STDOUT = 1
const SHOWN_WHERE_PASSED = 3
const SHOWN_AT_THE_END = 40
/** How many tests were run, in the words of cargo test, node --test and ava. */
const COUNTS_TESTS = /^(test result: ok\. [1-9]|(ℹ|#) pass [1-9]|\s*\d+ tests? passed)/

/** A step that cannot be made here, for want of a tool. In CI that is a defect of the set-up. */
export class Skipped extends Error {
  isFailure = Boolean(process.env.CI)
}

/** Where the step that is being made prints to. */
let output = STDOUT

/** Prints a line of a step. */
export function say(text) {
  if (output === STDOUT) console.log(text)
  else writeSync(output, `${text}\n`)
}

/** Runs a program; throws unless it ends in time with an exit code that is accepted. With `stdout: 'pipe'` gives its output. */
export function runWith({ accepted = [0], stdout = output, ...options }, program, ...args) {
  const limited = { timeout: LIMIT_MS, killSignal: 'SIGKILL', stdio: ['inherit', stdout, output], ...options }
  // A group of its own, which can be ended with all that the program started; at a terminal it would not get Ctrl-C.
  const detached = Boolean(process.env.CI)
  const ended = spawnSync(program, args, { cwd: ROOT, detached, ...limited })
  const { error, signal, status } = ended
  if (error?.code === 'ETIMEDOUT' && detached) endGroup(ended.pid)
  const command = [program, ...args].join(' ')
  if (error?.code === 'ENOENT') throw new Skipped(`${program} is not installed`)
  if (error?.code === 'ETIMEDOUT')
    throw new Error(`${command} did not end within ${limited.timeout / 1000} s`)
  if (error) throw error
  if (!accepted.includes(status)) throw new Error(`${command} ended with ${signal ?? status}`)
  return ended.stdout
}

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}

/** Runs a program in the repository. */
export const run = (program, ...args) => runWith({}, program, ...args)

/** A part of the Rust toolchain that can be missing. */
export function needComponent(name, howToInstall = '') {
  const { status } = spawnSync('cargo', [name, '--version'], { stdio: 'ignore' })
  if (status !== 0) throw new Skipped(`cargo ${name} is not installed${howToInstall}`)
}

/** The steps with all of the words in their titles. That there is none is a mistake, not a success. */
export function choose(steps, words) {
  const chosen = steps.filter(([title]) => words.every((word) => title.includes(word)))
  if (chosen.length > 0) return chosen
  throw new Error(
    `no step is called ${words.join(' ')}; there are: ${steps.map(([title]) => title).join('; ')}`,
  )
}

/** Refuses a filter that fits none of the tests of a list, as `cargo test -- --list` prints it: it would pass for ever. */
export function refuseDeadFilters(filters, list) {
  const tests = list.split('\n').filter((line) => line.endsWith(': test'))
  const dead = filters.filter((filter) => !tests.some((line) => line.includes(filter)))
  if (dead.length > 0) throw new Error(`no test has ${dead.join(', nor ')} in its name`)
}

/**
 * Makes all steps, [title, function] each, prints a table and what is to be known of failures, and sets the exit code. With
 * a directory for logs, a step prints into a file there, and only the gist of that is shown if it passes.
 */
export async function runSteps(steps, logs = process.env.CI && join(ROOT, 'target', 'steps')) {
  const results = []
  for (const step of steps) results.push(await attempt(step, logs))
  console.log()
  for (const { title, outcome, seconds } of results)
    console.log(`${outcome}  ${seconds.padStart(8)}  ${title}`)
  const failures = results.filter(({ outcome }) => outcome === 'FAILED')
  for (const { title, message, printed } of failures)
    console.log([`\nFAILED: ${title}`, ...printed.slice(-SHOWN_AT_THE_END), message].join('\n'))
  // Some of many steps may be skipped. A command that has done nothing at all has not done what it was asked for.
  const isNothingDone = results.every(({ outcome }) => outcome === 'skipped')
  if (isNothingDone) console.log('\nFAILED: all was skipped; above is what is missing')
  process.exitCode = failures.length > 0 || isNothingDone ? 1 : 0
}

async function attempt([title, step], logs) {
  const started = performance.now()
  console.log(`\n── ${title}`)
  const log = logs && openLog(logs, title)
  const { outcome, message } = await outcomeOf(step)
  const printed = log ? log.close() : []
  for (const line of outcome === 'passed' ? gist(printed) : printed) console.log(line)
  if (message) console.log(`${outcome}: ${message}`)
  return {
    title,
    outcome,
    message,
    printed,
    seconds: `${((performance.now() - started) / 1000).toFixed(1)} s`,
  }
}

/** That tests were run at all is worth a line each time. */
function gist(printed) {
  const end = printed.length - SHOWN_WHERE_PASSED
  return printed.filter((line, at) => at >= end || COUNTS_TESTS.test(line))
}

async function outcomeOf(step) {
  try {
    await step()
    return { outcome: 'passed' }
  } catch (error) {
    const isSkipped = error instanceof Skipped && !error.isFailure
    return { outcome: isSkipped ? 'skipped' : 'FAILED', message: error.message }
  }
}

/** From now on steps print into a file; `close` gives its lines. */
function openLog(directory, title) {
  const path = join(directory, `${title.replaceAll(/\W+/g, '-')}.txt`)
  mkdirSync(directory, { recursive: true })
  output = openSync(path, 'w')
  return {
    close() {
      closeSync(output)
      output = STDOUT
      return readFileSync(path, 'utf8').split('\n').filter(Boolean)
    },
  }
}
