// nginx on loopback, and what it has sent.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { makeCertificates } from '../../__test__/support/certificates.mjs'
import { find } from '../../scripts/hosts/tools.mjs'

const ATTEMPTS = 100
const PAUSE_MS = 50
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

// Only what is under /counted/ is written down, which costs time.
const configuration = (directory, port, securePort) => `
  daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
  events {} http {
    sendfile on; access_log off; log_format sent '$bytes_sent $uri';
    ${TEMPORARY.map((name) => `${name}_temp_path ${directory};`).join(' ')}
    server {
      listen 127.0.0.1:${port}; root ${directory};
      listen 127.0.0.1:${securePort} ssl; ssl_certificate server.pem; ssl_certificate_key server.key;
      location /counted/ { access_log ${directory}/sent.log sent; }
    }
  }`

/**
 * Serves a directory, also over TLS with a certificate of `authority`. `sent` gives the bytes of the answers with a path
 * that matches, since it was asked before.
 */
export async function serve(directory) {
  const [port, securePort] = await Promise.all([freePort(), freePort()])
  const config = join(directory, 'nginx.conf')
  makeCertificates(directory)
  writeFileSync(config, configuration(directory, port, securePort))
  const server = spawn(find('nginx'), ['-c', config], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await untilItAnswers(url)
  let known = 0
  const sent = (pattern) => {
    const lines = readFileSync(join(directory, 'sent.log'), 'utf8').split('\n').filter(Boolean)
    const fresh = lines.slice(known)
    known = lines.length
    return fresh
      .filter((line) => pattern.test(line))
      .reduce((sum, line) => sum + Number.parseInt(line, 10), 0)
  }
  const secure = { url: `https://127.0.0.1:${securePort}`, authority: join(directory, 'ca.pem') }
  return { url, port, secure, sent, stop: () => server.kill() }
}

async function untilItAnswers(url) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    )
    if (isUp) return
    await sleep(PAUSE_MS)
  }
  throw new Error('nginx did not start')
}
