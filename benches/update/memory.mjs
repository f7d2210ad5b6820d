// Memory that a virtual machine has at hand. A page that nobody had for some seconds may have gone back to its host; whoever
// gets it first would pay for all others.
import { constants } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freemem } from 'node:os'

const JOB_PER_ARTIFACT = 4

/** Touches as much as a job takes with an artifact of this size, and gives it back. */
export async function faultIn(size) {
  const bytes = Math.min(size * JOB_PER_ARTIFACT, Math.floor(freemem() / 2), constants.MAX_LENGTH)
  const child = spawn(process.execPath, ['-e', `Buffer.alloc(${bytes}, 1)`], { stdio: 'inherit' })
  await once(child, 'exit')
}
