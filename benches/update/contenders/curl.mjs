import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const PROGRAM = 'fetch is part of Node.js, curl a program'
const NO_MANIFEST = 'curl parses no manifest'
const DOWNLOADS_ONLY = 'fetch and curl download only'

// Without the braces bash would take the time of the last one alone.
const TIMED = `TIMEFORMAT='%U %S %R'; time { curl -sS -f -o "$1" "$2" && sync -d "$1"; }`

const downloaded = ({ home }) => join(home, 'update')

async function stage(application) {
  const url = `${application.place.files}/App.AppImage`
  const args = ['-c', TIMED, 'bash', downloaded(application), url]
  const child = spawn('bash', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (printed += text))
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`curl: ${printed}`)
  const [user, system, wall] = printed.trim().split('\n').at(-1).split(' ').map(Number)
  return { wall: wall * 1000, cpu: (user + system) * 1000, growth: undefined }
}

export const curl = {
  id: 'curl',
  title: 'curl -o, fsync',
  load() {},
  version: () => execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ')[1],
  artifact: downloaded,
  jobs: { stage: { prepare: (application) => application, run: stage } },
  cannot: {
    check: NO_MANIFEST,
    'check over TLS': NO_MANIFEST,
    download: 'curl is a process of its own',
    'install staged': DOWNLOADS_ONLY,
    'install bytes': DOWNLOADS_ONLY,
    'download and install': DOWNLOADS_ONLY,
    require: PROGRAM,
    size: PROGRAM,
    idle: PROGRAM,
  },
}
