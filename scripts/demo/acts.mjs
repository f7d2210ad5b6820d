// The user's part: an update as it should be, and two attacks by somebody who controls the server but not the key.

import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

import { confirm, createMirror, say, step } from './narration.mjs'
import { adopt, ended, eventually, watch } from './processes.mjs'

const MODE = 0o750

export async function honestUpdate(release) {
  step('1.0.0 is started')
  const application = install(release, 'honest')
  const { code, stdout, stderr, log } = await launch(release, application)
  confirm('1.0.0 ended without an error', code === 0 && stderr === '')
  const bars = stdout.split('\r').filter((part) => part.startsWith('['))
  confirm(`the download was seen coming, in ${bars.length} steps`, bars.length >= 2)

  const text = await eventually(
    '2.0.0',
    () => /2\.0\.0 is running[^]*newer\./.exec(readFileSync(log, 'utf8'))?.input,
  )
  const news = text.split('\n').filter((line) => line !== '' && !stdout.includes(line))
  news.forEach((line) => say(`| ${line}`))
  const starts = [...text.matchAll(/Example (\S+) is running \(process (\d+)\)/g)]
  const runs = starts.map(([, version, pid]) => ({ version, pid: Number(pid) }))
  confirm('1.0.0 came back as 2.0.0', runs.map(({ version }) => version).join() === '1.0.0,2.0.0')
  const [first, second] = runs
  adopt(second.pid)
  confirm('in another process', first.pid !== second.pid)
  confirm('and 2.0.0 found nothing newer', text.trimEnd().endsWith('There is nothing newer.'))
  await ended(second.pid)
  confirm(
    'the file is byte for byte the 2.0.0 that was published',
    sameBytes(application, release.path('2.0.0')),
  )
  confirm('its name and permissions are the old ones', (statSync(application).mode & 0o777) === MODE)
  confirmNoLeftovers(release, application)
}

export async function tamperedArtifact(release) {
  step('An attacker changes one bit of the artifact on the server')
  flipOneBit(release.path('2.0.0'))
  await refused(release, 'tampered', 'ERR_UPDATER_SIGNATURE_MISMATCH')
  flipOneBit(release.path('2.0.0'))
}

export async function replayedArtifact(release) {
  step('An attacker announces the old 1.0.0, with its genuine signature, as 9.9.9')
  const manifest = JSON.parse(readFileSync(release.manifest, 'utf8'))
  manifest.version = '9.9.9'
  manifest.platforms[release.target] = {
    url: `${release.url}1.0.0/Example-1.0.0.AppImage`,
    signature: readFileSync(`${release.path('1.0.0')}.sig`, 'utf8'),
  }
  writeFileSync(release.manifest, JSON.stringify(manifest))
  await refused(release, 'replayed', 'ERR_UPDATER_SIGNED_VERSION_MISMATCH')
}

async function refused(release, name, code) {
  const application = install(release, name)
  const result = await launch(release, application)
  confirm(`the application refused it: ${code}`, result.code === 1 && result.stderr.includes(`${code}\n`))
  confirm('nothing was started in its place', result.stdout.match(/is running/g).length === 1)
  confirm(
    'the file is byte for byte the 1.0.0 that was installed',
    sameBytes(application, release.path('1.0.0')),
  )
  confirmNoLeftovers(release, application)
}

/** Puts 1.0.0 into a directory of its own. */
function install(release, name) {
  const application = join(release.work, name, 'Example.AppImage')
  mkdirSync(join(application, '..'))
  copyFileSync(release.path('1.0.0'), application)
  chmodSync(application, MODE)
  return application
}

async function launch(release, application) {
  say(`$ ${application.replace(`${release.work}/`, './')}`)
  const { HOME, PATH } = process.env
  const log = join(release.work, 'example.log')
  const env = { HOME, PATH, XDG_STATE_HOME: join(release.work, 'state'), EXAMPLE_LOG: log }
  const mirror = createMirror()
  writeFileSync(log, '')
  const result = await watch(application, { env, cwd: release.work }, mirror.write)
  mirror.end()
  return { ...result, log }
}

function confirmNoLeftovers(release, application) {
  const beside = readdirSync(join(application, '..'))
  const kept = readdirSync(join(release.work, 'state'), { recursive: true, withFileTypes: true })
  const downloads = kept.filter((entry) => entry.isFile() && /\.(bin|part|tmp)$/.test(entry.name))
  confirm('no other file was left', beside.length === 1 && downloads.length === 0)
}

function sameBytes(one, other) {
  return readFileSync(one).equals(readFileSync(other))
}

function flipOneBit(file) {
  const descriptor = openSync(file, 'r+')
  const middle = Math.floor(statSync(file).size / 2)
  const byte = Buffer.alloc(1)
  readSync(descriptor, byte, 0, 1, middle)
  byte[0] ^= 1
  writeSync(descriptor, byte, 0, 1, middle)
  closeSync(descriptor)
}
