// One measurement in a fresh process: node measure.mjs TASK MANIFEST-URL PUBKEY-FILE DIRECTORY
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

const [task, endpoint, pubkeyFile, directory] = process.argv.slice(2)
const { checkUpdate } = createRequire(import.meta.url)('..')

const peakKiB = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])

async function found() {
  const app = mkdtempSync(join(directory, 'app-'))
  process.on('exit', () => rmSync(app, { recursive: true, force: true }))
  writeFileSync(join(app, 'App'), 'old')
  const options = {
    endpoints: [endpoint],
    pubkey: readFileSync(pubkeyFile, 'utf8'),
    executablePath: join(app, 'App'),
    dataDir: join(app, 'data'),
  }
  return checkUpdate('1.0.0', options)
}

const tasks = {
  'stage()': (update) => update.stage(),
  'downloadAndInstall()': (update) => update.downloadAndInstall(),
  'download()': (update) => update.download(),
}

/** Starts a child that leaves in the middle of a download, and waits until it is gone. */
async function exitTime() {
  const args = [fileURLToPath(import.meta.url), 'leave', endpoint, pubkeyFile, directory]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let leftAt
  child.stdout.on('data', () => (leftAt ??= performance.now()))
  await new Promise((resolve) => child.on('exit', resolve))
  return { exitMs: performance.now() - leftAt }
}

async function leave() {
  const update = await found()
  await update.stage({
    onProgress: ({ transferred }) => {
      if (transferred > 0) {
        process.stdout.write('leaving')
        process.exit(0)
      }
    },
  })
}

async function run() {
  const update = await found()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const before = peakKiB()
  delay.enable()
  const began = performance.now()
  await tasks[task](update)
  const ms = performance.now() - began
  await new Promise((resolve) => setTimeout(resolve, 5))
  delay.disable()
  return { ms, growthMiB: (peakKiB() - before) / 1024, holdMs: delay.max / 1e6 }
}

if (task === 'leave') await leave()
else console.log(JSON.stringify(await (task === 'exit' ? exitTime() : run())))
