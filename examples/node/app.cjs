// The application: says which version it is, and updates itself when there is a newer one.
'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const sea = require('node:sea')

const { version, settings } = JSON.parse(sea.getAsset('release.json', 'utf8'))
const { checkUpdate } = loadUpdater()

main().catch((error) => {
  console.error(`\nUpdate refused: ${error.code}\n${error.message}`)
  process.exitCode = 1
})

async function main() {
  say(`Example ${version} is running (process ${process.pid}).`)
  const update = await checkUpdate(version, settings)
  if (update === null) {
    say('There is nothing newer.')
    return
  }
  say(`Version ${update.version} is available: ${update.body ?? 'no notes'}`)
  await update.downloadAndInstall({ onProgress: showProgress, exit: true, relaunch: true })
  say(`Version ${update.version} is installed. Starting it.`)
}

/** A desktop application has no terminal most of the time, so a file hears it too. */
function say(line) {
  console.log(line)
  if (process.env.EXAMPLE_LOG) fs.appendFileSync(process.env.EXAMPLE_LOG, `${line}\n`)
}

/** One line that is written over and over. */
function showProgress({ phase, transferred, total, percent, bytesPerSecond }) {
  if (phase === 'verify') {
    say('The signature is right.')
    return
  }
  const cells = 30
  const full = Math.round(((percent ?? 0) * cells) / 100)
  const bar = '#'.repeat(full).padEnd(cells, '.')
  const amount = `${mebibytes(transferred)} of ${mebibytes(total ?? transferred)}`
  const speed = `${mebibytes(bytesPerSecond)}/s`
  process.stdout.write(`\r[${bar}] ${amount}, ${speed.padEnd(12)}${transferred === total ? '\n' : ''}`)
}

function mebibytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

/** The system loads an addon from a file only: it is unpacked where no other user can put another one in its place. */
function loadUpdater() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'example-'))
  try {
    const file = path.join(directory, 'updater.node')
    fs.writeFileSync(file, new Uint8Array(sea.getRawAsset('updater.node')), { flag: 'wx', mode: 0o600 })
    const addon = { exports: {} }
    process.dlopen(addon, file)
    return addon.exports
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}
