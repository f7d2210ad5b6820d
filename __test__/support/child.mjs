import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { tempDir } from './fixture.mjs'

export const ADDON = fileURLToPath(new URL('../../index.js', import.meta.url))

const HANG_MS = 60_000

/**
 * Runs a module in a process of its own, where `updater` is the package and `input` what was given.
 * Resolves with its exit code, signal and output; one that hangs is ended by a signal.
 */
export async function runChild(t, source, { input = {}, env = {}, args = [], uid, stdio } = {}) {
  const script = join(await tempDir(t), 'child.mjs')
  const prelude = `
    import * as updater from ${JSON.stringify(pathToFileURL(ADDON).href)}
    const input = ${JSON.stringify(input)}
  `
  await writeFile(script, prelude + source, { mode: 0o644 })
  const child = spawn(process.execPath, [...args, script], {
    env: { ...process.env, ...env },
    stdio: stdio ?? ['ignore', 'pipe', 'pipe'],
    uid,
    gid: uid,
  })
  t.teardown(() => child.kill('SIGKILL'))
  return outcome(child)
}

function outcome(child) {
  return new Promise((resolve, reject) => {
    const hang = setTimeout(() => child.kill('SIGKILL'), HANG_MS)
    const result = { stdout: '', stderr: '' }
    child.stdout?.on('data', (data) => (result.stdout += data))
    child.stderr?.on('data', (data) => (result.stderr += data))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(hang)
      resolve({ ...result, code, signal })
    })
  })
}
