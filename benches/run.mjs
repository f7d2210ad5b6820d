// What an update costs the application: time, memory, and how long the event loop is held.
// `npm run bench` prints a table; each figure is the median of interleaved runs.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { buildAddon, isInstalled } from '../scripts/addon.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
const SIZES_MIB = [10, 200, 500]
const ELF_MACHINE = { x64: 62, arm64: 183, arm: 40 }[process.arch]

const has = (program) => spawnSync(program, ['-v'], { stdio: 'ignore' }).error === undefined
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const addon = () =>
  ['linux-x64-gnu', 'linux-arm64-gnu', 'linux-arm-gnueabihf']
    .map((platform) => join(root, `updater.${platform}.node`))
    .find(existsSync)

function setUp() {
  const npm = (...args) => execFileSync('npm', args, { cwd: root, stdio: 'inherit' })
  if (!isInstalled(root)) npm('ci')
  if (!addon()) buildAddon(root, npm)
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function makeArtifact(file, mib) {
  const bytes = randomFillSync(Buffer.alloc(mib << 20))
  bytes.write('\x7fELF', 0, 'latin1')
  bytes.write('AI\x02', 8, 'latin1')
  bytes.writeUInt16LE(ELF_MACHINE, 18)
  writeFileSync(file, bytes)
}

function cli(...args) {
  return execFileSync(process.execPath, [join(root, 'bin/updater.js'), ...args], { encoding: 'utf8' })
}

async function startServer(directory) {
  const port = await freePort()
  const config = join(directory, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${directory};`)
    .join(' ')
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
     events {} http { access_log off; sendfile on; ${temporary}
     server { listen 127.0.0.1:${port}; root ${directory}; } }`,
  )
  const server = spawn('nginx', ['-c', config], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  for (let attempt = 0; attempt < 100; attempt++) {
    const up = await fetch(url).then(
      () => true,
      () => false,
    )
    if (up) return { url, stop: () => server.kill() }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('nginx did not start')
}

/** Runs one measurement in a process of its own, so that its peak memory is its own. */
function measure(directory, url, task, mib) {
  const args = [join(here, 'measure.mjs'), task, `${url}/${mib}.json`, join(directory, 'key.pub'), directory]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

function curl(directory, url, mib) {
  const out = join(directory, 'curl.out')
  rmSync(out, { force: true })
  const began = performance.now()
  execFileSync('sh', ['-c', `curl -s -o "$1" "$2" && sync -d "$1"`, 'sh', out, `${url}/${mib}.AppImage`])
  return { ms: performance.now() - began }
}

function requireTime() {
  const code = `const t = performance.now(); require(${JSON.stringify(root)}); console.log(performance.now() - t)`
  return Number(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' }))
}

function prepare(directory) {
  cli('signer', 'generate', '--ci', '--path', join(directory, 'key'))
  const target = `linux-${{ x64: 'x86_64', arm64: 'aarch64', arm: 'armv7' }[process.arch]}`
  for (const mib of SIZES_MIB) {
    const file = join(directory, `${mib}.AppImage`)
    makeArtifact(file, mib)
    cli(
      'signer',
      'sign',
      file,
      '--private-key',
      join(directory, 'key'),
      '--password',
      '',
      '--version',
      '2.0.0',
    )
    const signature = readFileSync(`${file}.sig`, 'utf8')
    const entry = (url) => ({ url: `${url}/${mib}.AppImage`, signature, size: statSync(file).size })
    manifests.push((url) => [`${mib}.json`, { version: '2.0.0', platforms: { [target]: entry(url) } }])
  }
}

const manifests = []
for (const program of ['nginx', 'curl']) {
  if (!has(program)) {
    console.log(`bench skipped: ${program} is not installed`)
    process.exit(process.env.CI ? 1 : 0)
  }
}
setUp()
const directory = mkdtempSync(join(tmpdir(), 'updater-bench-'))
let server
try {
  prepare(directory)
  server = await startServer(directory)
  for (const manifest of manifests) {
    const [name, content] = manifest(server.url)
    writeFileSync(join(directory, name), JSON.stringify(content))
  }
  const rows = []
  for (const mib of SIZES_MIB) {
    const runs = { 'curl -o + fsync': [], 'stage()': [], 'downloadAndInstall()': [], 'download()': [] }
    for (let round = 0; round < ROUNDS; round++) {
      runs['curl -o + fsync'].push(curl(directory, server.url, mib))
      for (const task of Object.keys(runs).slice(1)) {
        runs[task].push(measure(directory, server.url, task, mib))
      }
    }
    const floor = median(runs['curl -o + fsync'].map((run) => run.ms))
    for (const [task, list] of Object.entries(runs)) {
      const of = (name) =>
        list[0][name] === undefined ? '' : Math.round(median(list.map((run) => run[name])) * 10) / 10
      rows.push({
        MiB: mib,
        task,
        'time ms': of('ms'),
        'time / curl': Math.round((of('ms') / floor) * 100) / 100,
        'memory growth MiB': of('growthMiB'),
        'longest loop hold ms': of('holdMs'),
      })
    }
  }
  console.table(rows)
  console.log(`addon: ${(statSync(addon()).size / 1e6).toFixed(2)} MB`)
  console.log(`require: ${median(Array.from({ length: 9 }, requireTime)).toFixed(1)} ms`)
  const exits = Array.from({ length: ROUNDS }, () => measure(directory, server.url, 'exit', 500).exitMs)
  console.log(`process.exit() during a download: gone after ${median(exits).toFixed(0)} ms`)
} finally {
  server?.stop()
  rmSync(directory, { recursive: true, force: true })
}
