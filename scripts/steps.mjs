// What `npm test` and `npm run test:hosts` share: steps that pass, fail, or are skipped where a tool is missing.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'

export const ROOT = dirname(import.meta.dirname)

/** A step that cannot be made here. In CI, where a missing tool is a defect of the set-up, only what is no tool may be. */
export class Skipped extends Error {
  constructor(message, { evenInCi = false } = {}) {
    super(message)
    this.isFailure = Boolean(process.env.CI) && !evenInCi
  }
}

/** Runs a program; throws unless it succeeds. */
export function runWith(options, program, ...args) {
  const { error, signal, status } = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', ...options })
  if (error?.code === 'ENOENT') throw new Skipped(`${program} is not installed`)
  if (error) throw error
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${signal ?? status}`)
}

/** Runs a program in the repository. */
export const run = (program, ...args) => runWith({}, program, ...args)

async function attempt([title, step]) {
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  console.log(`\n── ${title}`)
  try {
    await step()
    return { title, outcome: 'passed', seconds: seconds() }
  } catch (error) {
    const outcome = error instanceof Skipped && !error.isFailure ? 'skipped' : 'FAILED'
    console.log(`${outcome}: ${error.message}`)
    return { title, outcome, seconds: seconds() }
  }
}

/** Makes all steps, [title, function] each, prints a table, and sets the exit code. */
export async function runSteps(steps) {
  const results = []
  for (const step of steps) results.push(await attempt(step))
  console.log()
  for (const { title, outcome, seconds } of results)
    console.log(`${outcome}  ${seconds.padStart(8)}  ${title}`)
  process.exitCode = results.some(({ outcome }) => outcome === 'FAILED') ? 1 : 0
}
