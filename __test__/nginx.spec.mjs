import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { appImage } from './support/artifact.mjs'
import { makeCertificates } from './support/certificates.mjs'
import { runChild } from './support/child.mjs'
import { fixture, PLATFORM } from './support/fixture.mjs'
import { sign } from './support/signer.mjs'
import { find, testWith } from './support/tools.mjs'

const ARTIFACT = appImage('served by nginx', 3_000_000)
const PROTOCOLS = { 'HTTP/1.1': 'ssl', 'HTTP/2.0': 'ssl http2' }

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** nginx over a directory; ended with the test. */
async function startNginx(t, dir, listen) {
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path tmp/${name};`,
  )
  const config = `
    daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr warn;
    events { worker_connections 64; }
    http {
      ${temporary.join(' ')}
      log_format protocol '$server_protocol $status $uri';
      access_log access.log protocol;
      limit_rate 1m;
      server {
        listen 127.0.0.1:${port} ${listen};
        ssl_certificate server.pem; ssl_certificate_key server.key;
        root www;
        location = /downgrade { return 302 http://127.0.0.1:${port}/latest.json; }
      }
    }`
  await mkdir(join(dir, 'tmp'))
  await writeFile(join(dir, 'nginx.conf'), config)
  const nginx = spawn(find('nginx'), ['-p', dir, '-c', 'nginx.conf'], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => nginx.kill('SIGKILL'))
  let complaint = ''
  nginx.stderr.on('data', (data) => (complaint += data))
  for (let tries = 0; !(await accepts(port)); tries += 1) {
    if (tries > 100 || nginx.exitCode !== null) throw new Error(`nginx does not start: ${complaint}`)
    await sleep(50)
  }
  return `https://127.0.0.1:${port}`
}

const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.unref().setTimeout(1000, () => socket.destroy())
  })

const RESUME = `
  const update = await updater.checkUpdate('1.0.0', input)
  const controller = new AbortController()
  const onProgress = ({ transferred }) => transferred > 0 && controller.abort('enough')
  console.log(await update.stage({ onProgress, signal: controller.signal }).catch((reason) => reason))
  const staged = await update.stage()
  console.log(staged.downloadedBytes < staged.size)
  await staged.install()
`

for (const [protocol, listen] of Object.entries(PROTOCOLS)) {
  testWith(
    ['nginx', 'openssl'],
    `nginx over TLS and ${protocol}: check, stage, resume, install`,
    async (t) => {
      const { dir, installed, key, options } = await fixture(t)
      makeCertificates(dir)
      const url = await startNginx(t, dir, listen)
      const platform = { url: `${url}/artifact`, signature: sign(key, ARTIFACT), format: 'appimage' }
      await mkdir(join(dir, 'www'))
      await writeFile(join(dir, 'www', 'artifact'), ARTIFACT)
      await writeFile(
        join(dir, 'www', 'latest.json'),
        JSON.stringify({ version: '2.0.0', platforms: { [PLATFORM]: platform } }),
      )
      const input = { ...options, endpoints: [`${url}/latest.json`] }

      const trusting = await runChild(t, RESUME, { input, env: { SSL_CERT_FILE: join(dir, 'ca.pem') } })
      t.is(trusting.stdout, 'enough\ntrue\n', trusting.stderr)
      t.deepEqual(await installed(), ARTIFACT)
      const log = await readFile(join(dir, 'access.log'), 'utf8')
      t.true(log.includes(`${protocol} 200 /latest.json`), log)
      t.true(log.includes(`${protocol} 206 /artifact`), log)

      const source = `await updater.checkUpdate('1.0.0', input).catch((error) => console.log(error.code, error.message))`
      const distrusting = await runChild(t, source, { input })
      t.regex(distrusting.stdout, /^ERR_UPDATER_TLS /, distrusting.stderr)
      const downgraded = await runChild(t, source, {
        input: { ...input, endpoints: [`${url}/downgrade`], dangerousInsecureTransportProtocol: true },
        env: { SSL_CERT_FILE: join(dir, 'ca.pem') },
      })
      t.regex(downgraded.stdout, /^ERR_UPDATER_INSECURE_URL /, downgraded.stderr)
    },
  )
}
